"""Speed and scores of the search beside neurosym's A*, on the same windows, one thread each.

    python tests/benchmarks/peer_neurosym.py [--env FOLDER] [--seeds 44 0 1 2] [--out FILE.json]

CalMS21 investigation: 13-frame windows of 18 columns, labeled at the center frame; train on ``val`` without the windows
with a value beyond 50 (1,986 remain), test on ``test`` (3,000). Where ``NSP_DATA`` has no such folder it says so and
stops. neurosym 0.0.80 gets a virtual environment of its own (about 1 GB, made once, kept in ``--env``); where that
cannot be made, for want of a network for one, it says so and measures our half only. What of neurosym was repaired, and
why, stands in ``peer_neurosym_worker.py``.

Counted are

- of neurosym: every training of a program, complete or with relaxed holes, at the few epochs its search gives each,
  converged or not. Such a program has tens to hundreds of weights, ours four constants: both are what a search weighs;
- of ours: all conjunctions and disjunctions of two different (column, direction) atoms, every column a search may use,
  fitted to all training rows. ``converged`` counts only the share whose final loss is at most 1 % above that of a plain
  scalar trainer (L-BFGS-B, run to convergence from the same start, written here) in a seeded sample;
- time to a test F1: from arrays in memory, modules imported, to the first program that reaches it. neurosym's is the
  first such program of its list, and the earliest of all seeds, whatever its own scores would have made of it. Ours is
  what the search held to be its best at the time. The test windows choose nothing in either search.

The clock of all ratios is processor time. Other work on the same cores slows that as well (by half, where two searches
share a core): the load is printed before each measurement. Each has a process of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nsp_core.api import evaluate, synthesize
from nsp_core.search.beam import BeamSettings
from nsp_core.search.chains import Chain, Clause, FittingRows
from nsp_core.search.development import Development, prepare_development
from nsp_core.search.fit import MAX_SOFTNESS, MIN_SOFTNESS, fit_chains
from nsp_core.search.screen import Join, screen_thresholds
from nsp_core.sequences import as_sequences

WORKER = Path(__file__).resolve().with_name("peer_neurosym_worker.py")
PEER = "neurosym==0.0.80"
# Its own requirements, without torchvision and torchaudio, which nothing here needs and which bring CUDA along.
PEER_NEEDS = (
    *("torch==2.13.0", "numpy", "scikit-learn", "pytorch-lightning", "permacache", "requests"),
    *("frozendict==2.3.8", "s-exp-parser==1.4.0", "stitch-core==0.1.27", "pathos==0.3.2"),
    *("ast-scope==0.5.2", "no_toplevel_code==1.0.0"),
)
READY = "ready-for-peer-neurosym"

BOTH, SIDES = ("resident", "intruder"), ("left", "right")
# Group of columns, and what tells its columns apart.
COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("res_angle_head_body", SIDES),
    *((group, BOTH) for group in ("axis_ratio", "speed", "acceleration", "tangential_velocity", "rel_angle_social")),
    *(("angle_between", ("",)), ("facing_angle", BOTH)),
    *((group, ("",)) for group in ("overlap_bboxes", "area_ellipse_ratio", "min_res_nose_dist")),
)
TARGETS = (0.64, 0.72)
WITHIN = 1.01
FIRST_SOFTNESS = 0.5
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Windows:
    """Values (window, frame, column) and labels (window,), the fold of training windows held out for choices."""

    train_values: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    recordings: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    test_values: NDArray[np.float32]
    test_labels: NDArray[np.int64]
    groups: NDArray[np.str_]


def main() -> None:
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    parser.add_argument("--env", type=Path, default=cache / "nsp-benchmarks" / PEER.replace("==", "-"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[44, 0, 1, 2], help="44 is neurosym's own default")
    parser.add_argument("--sample", type=int, default=300, help="candidates checked against the scalar trainer")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    # Read when numerical libraries load: in the processes that measure, which start later.
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    folder = Path(os.environ.get("NSP_DATA", WORKER.parents[3] / "shared" / "data")) / "calms21_windows"
    if not folder.is_dir():
        sys.exit(f"no folder {folder}: set NSP_DATA to where calms21_windows lies")
    windows = read_windows(folder)
    result: dict[str, Any] = {"peer": [], "peer_missing": None}
    try:
        python = peer_environment(options.env)
    except OSError as error:
        result["peer_missing"] = f"its environment could not be made (is there a network?): {error}"
    result["pairs"] = alone(fit_pairs, windows, options.sample, options.seeds[0])
    result["search"] = alone(search, windows, options.seeds[0])
    if not result["peer_missing"]:
        runs = [("repaired", seed) for seed in options.seeds] + [("shipped", options.seeds[0])]
        result["peer"] = [run_peer(python, windows, configuration, seed) for configuration, seed in runs]
    print(table(result))
    if options.out:
        options.out.write_text(json.dumps(result, indent=2), encoding="utf-8")


def read_windows(folder: Path) -> Windows:
    """Return the windows; every fourth recording is held out for choices."""
    labels, test_labels = (np.load(folder / f"{split}_investigation_labels.npy").ravel() for split in ("val", "test"))
    values, test_values, tracks = (np.load(folder / f"{name}_data.npy") for name in ("val", "test", "val_trajectory"))
    plausible = (np.abs(values) <= 50).all(axis=(1, 2))
    recordings = shared_frames(tracks[plausible])
    train = values[plausible], labels[plausible], recordings, recordings % 4 == 3
    return Windows(*train, test_values, test_labels, np.array([group for group, parts in COLUMNS for _ in parts]))


def shared_frames(tracks: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return a number for each window, the same for windows that share a frame, directly or through others.

    Windows were cut from recordings with overlap and then shuffled: to hold out one of two that overlap tells nothing.
    """
    n_windows, n_frames = tracks.shape[:2]
    frames = tracks.reshape(n_windows * n_frames, -1)
    _, frame = np.unique(frames, axis=0, return_inverse=True)
    window = np.repeat(np.arange(n_windows), n_frames)
    n_nodes = n_windows + int(frame.max()) + 1
    edges = coo_array((np.ones(window.size), (window, n_windows + frame.ravel())), shape=(n_nodes, n_nodes))
    _, component = connected_components(edges, directed=False)
    return np.unique(component[:n_windows], return_inverse=True)[1]


def as_features(values: NDArray[np.float32], recordings: NDArray[np.int64] | None = None) -> xr.DataArray:
    """Return windows as :func:`nsp_core.api.synthesize` takes them: no unit, time in frames."""
    names = [f"{group}_{part}" if part else group for group, parts in COLUMNS for part in parts]
    features = xr.DataArray(values, dims=("sequence", "time", "feature"), coords={"feature": names})
    return features if recordings is None else features.assign_coords(recording=("sequence", recordings))


def fit_pairs(windows: Windows, n_sample: int, seed: int) -> dict[str, Any]:
    """Return how many two-atom programs are fitted per processor minute, and how many of them as well as can be."""
    sequences = as_sequences(as_features(windows.train_values, windows.recordings), windows.train_labels)
    development = prepare_development(sequences, seed=seed, device="cpu")
    started = time.process_time()
    chains = pairs(development)
    fitted = fit(chains, development)
    cpu_s = time.process_time() - started
    sample = np.random.default_rng(seed).choice(len(chains), n_sample, replace=False)
    started = time.process_time()
    references = [scalar_fit(chains[index], development.large) for index in sample]
    scalar_cpu_s = (time.process_time() - started) / len(sample)
    # The loss of our constants is worked out here as well: the engine's own figure is not taken on trust.
    losses = [pair_loss(fitted[index], development.large)(constants_of(fitted[index]))[0] for index in sample]
    ratio = np.array(losses) / np.array(references)
    return {
        "n_columns": len(development.columns),
        "n_rows": int(development.large.values.shape[1]),
        "n_pairs": len(chains),
        "cpu_s": cpu_s,
        "per_minute": 60 * len(chains) / cpu_s,
        "n_checked": len(sample),
        "share_converged": float((ratio <= WITHIN).mean()),
        "share_better": float((ratio < 2 - WITHIN).mean()),
        "scalar_per_minute": 60 / scalar_cpu_s,
        "peak_mb": peak_mb(),
    }


def pairs(development: Development) -> list[Chain]:
    """Return every *and* and every *or* of two atoms, each at the threshold that alone has the best likelihood."""
    rows, scaling = development.small, development.scaling
    present = rows.present.numpy() > 0
    _, likeliest = screen_thresholds(development.binned, present, rows.frames, np.ones(present.size), "and")
    threshold = (likeliest.threshold - scaling.center[:, np.newaxis]) / scaling.scale[:, np.newaxis]

    def atom(place: int, join: Join) -> Clause:
        column, above = divmod(place, 2)
        return Clause(column, 1 if above else -1, join, float(threshold[column, above]), FIRST_SOFTNESS)

    joins: tuple[Join, Join] = ("and", "or")
    return [
        Chain((atom(first, "and"), atom(second, join)), either=False)
        for first, second in combinations(range(2 * len(development.columns)), 2)
        for join in joins
    ]


def fit(chains: Sequence[Chain], development: Development) -> list[Chain]:
    """Return the fitted chains: the one place that knows how the engine is asked to fit."""
    return fit_chains(chains, development.large, n_steps=BeamSettings().n_polish_steps)


def search(windows: Windows, seed: int) -> dict[str, Any]:
    """Return the best program at every moment of a search, and at its end, with test F1."""
    features = as_features(windows.train_values, windows.recordings)
    held: list[dict[str, Any]] = []
    cpu, wall = time.process_time(), time.monotonic()

    def elapsed() -> dict[str, float]:
        return {"cpu_s": time.process_time() - cpu, "wall_s": time.monotonic() - wall}

    def note(text: str) -> None:
        if text and text not in (one["text"] for one in held[-1:]):
            held.append({**elapsed(), "text": text})

    result = synthesize(features, windows.train_labels, seed=seed, report=lambda progress: note(progress.best_text))
    note(result.best.text)
    total = {**elapsed(), "peak_mb": peak_mb(), "n_candidates": result.n_candidates}
    test = as_features(windows.test_values)
    for one in held:
        one["test_f1"] = evaluate(one["text"], test, windows.test_labels).f1
    return {**total, "programs": held}


def scalar_fit(chain: Chain, rows: FittingRows) -> float:
    """Return the loss at which L-BFGS-B ends from the start of ``chain``."""
    bounds = [(None, None)] * 2 + [(np.log(MIN_SOFTNESS), np.log(MAX_SOFTNESS))] * 2
    tight = {"maxiter": 1000, "ftol": 1e-12, "gtol": 1e-8}
    start = constants_of(chain)
    return float(minimize(pair_loss(chain, rows), start, jac=True, method="L-BFGS-B", bounds=bounds, options=tight).fun)


def constants_of(chain: Chain) -> Values:
    """Return two thresholds and the logarithms of two softnesses."""
    return np.array([one.threshold for one in chain.clauses] + [np.log(one.softness) for one in chain.clauses])


def pair_loss(chain: Chain, rows: FittingRows) -> Callable[[Values], tuple[float, Values]]:
    """Return the class-balanced cross-entropy of a program of two atoms, with gradient, as a function of its constants.

    Degrees are logistic; *and* is their product, *or* the complement of the product of complements. Probabilities stay
    1e-4 away from 0 and 1.
    """
    values = rows.values[[one.column for one in chain.clauses]].double().numpy()
    sign = np.array([[one.direction] for one in chain.clauses], dtype=np.float64)
    widens = chain.clauses[1].join == "or"
    present = rows.present.numpy() > 0
    weight = np.where(present, 0.5 / present.sum(), 0.5 / (~present).sum())

    def loss(constants: Values) -> tuple[float, Values]:
        threshold, log_softness = constants.reshape(2, 2, 1)
        slope = sign * np.exp(-log_softness)
        margin = slope * (values - threshold)
        degree = 0.5 * (1 + np.tanh(margin / 2))
        other = degree[::-1]
        truth = 1 - (1 - degree[0]) * (1 - degree[1]) if widens else degree[0] * degree[1]
        kept = truth.clip(1e-4, 1 - 1e-4)
        entropy = np.where(present, np.log(kept), np.log1p(-kept))
        by_truth = weight * np.where(present, -1 / kept, 1 / (1 - kept)) * (kept == truth)
        by_margin = by_truth * (1 - other if widens else other) * degree * (1 - degree)
        gradient = np.stack([(-slope * by_margin).sum(axis=1), (-margin * by_margin).sum(axis=1)])
        return -float(weight @ entropy), gradient.ravel()

    return loss


def peer_environment(folder: Path) -> Path:
    """Return the Python of neurosym's environment, which is made if it is not there."""
    python = folder / "bin" / "python"
    if (folder / READY).exists():
        return python
    print(f"making neurosym's environment in {folder}", flush=True)
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    for command in (
        *([sys.executable, "-m", "venv", str(folder)], [*pip, *PEER_NEEDS], [*pip, "--no-deps", PEER]),
        [str(python), "-c", "import neurosym.examples.near"],
    ):
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            said = (run.stdout + run.stderr).strip().splitlines()[-3:]
            raise OSError(f"'{' '.join(command[:5])} ...' failed: {' | '.join(said)}")
    (folder / READY).touch()
    return python


def run_peer(python: Path, windows: Windows, configuration: str, seed: int) -> dict[str, Any]:
    """Return what one search of neurosym found."""
    print(f"neurosym, {configuration}, seed {seed} (load {os.getloadavg()[0]:.1f}) ...", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        stored, out = Path(scratch) / "windows.npz", Path(scratch) / "result.json"
        np.savez(stored, **vars(windows))
        settings = ["--configuration", configuration, "--seed", str(seed), "--out", str(out)]
        subprocess.run([str(python), str(WORKER), str(stored), *settings], check=True)
        return dict(json.loads(out.read_text()))


def table(result: dict[str, Any]) -> str:
    """Return the figures of both and ours over neurosym's, then what they are made of."""
    pairs, ours = result["pairs"], result["search"]
    theirs = [run for run in result["peer"] if run["configuration"] == "repaired"]
    rate, peer_rate = pairs["per_minute"], trained_per_minute(theirs)
    times = []
    for target in TARGETS:
        able = sum(math.isfinite(seconds_to(target, [run])) for run in theirs)
        what = f"CPU s to test F1 {target:.2f} (neurosym: {able} of {len(theirs)} seeds)"
        times.append(_line(what, seconds_to(target, [ours]), seconds_to(target, theirs) if theirs else None, 1))
    memory = ours["peak_mb"], max((run["peak_mb"] for run in theirs), default=None)
    return "\n".join(
        [
            f"\n{'':46}{'ours':>12}{'neurosym':>12}{'ratio':>9}",
            _line("candidates per CPU minute, all", rate, peer_rate),
            _line("converged (neurosym's: unchecked)", rate * pairs["share_converged"], peer_rate),
            *times,
            _line("test F1 of the program chosen", ours["programs"][-1]["test_f1"], chosen_f1(theirs), 3),
            _line("best test F1 of any program listed", max(f1_of([ours])), max(f1_of(theirs), default=None), 3),
            _line("peak memory of a search, MB", *memory),
            *_about_ours(pairs, ours),
            *(line for run in result["peer"] for line in _about_peer(run)),
            f"neurosym is not measured, {result['peer_missing']}" if result["peer_missing"] else "",
        ]
    )


def _about_ours(pairs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    return [
        f"\nours: {pairs['n_pairs']:,} programs of two atoms, {pairs['n_columns']} columns, {pairs['n_rows']} rows, "
        f"{pairs['cpu_s']:.0f} CPU s, {pairs['peak_mb']:.0f} MB",
        f"  {pairs['share_converged']:.1%} of {pairs['n_checked']} end at most 1 % above the scalar trainer's loss, "
        f"{pairs['share_better']:.1%} more than 1 % below it; it fits {pairs['scalar_per_minute']:,.0f} per CPU minute",
        f"ours, search: {ours['n_candidates']} candidates, {ours['cpu_s']:.1f} CPU s and {ours['wall_s']:.1f} s "
        "together with its baselines; the best program it held, by when:",
        *_listed(ours["programs"]),
    ]


def _about_peer(run: dict[str, Any]) -> list[str]:
    return [
        f"neurosym, {run['configuration']}, seed {run['seed']}: {run['n_trained']} programs trained "
        f"({run['n_complete']} complete), {run['cpu_s']:.1f} CPU s and {run['wall_s']:.1f} s, {run['peak_mb']:.0f} MB, "
        f"{trained_per_minute([run]):,.0f} per CPU minute; of {len(run['programs'])} returned, best three by test F1:",
        *_listed(sorted(run["programs"], key=lambda one: -one["test_f1"])[:3]),
    ]


def trained_per_minute(runs: Sequence[dict[str, Any]]) -> float | None:
    """Return programs trained per processor minute over all runs."""
    return 60 * sum(run["n_trained"] for run in runs) / sum(run["cpu_s"] for run in runs) if runs else None


def seconds_to(target: float, runs: Sequence[dict[str, Any]]) -> float:
    """Return the processor time to the first program of any run with that test F1, infinite if none has it."""
    reached = (one["cpu_s"] for run in runs for one in run["programs"] if one["test_f1"] >= target)
    return min(reached, default=math.inf)


def chosen_f1(runs: Sequence[dict[str, Any]]) -> float | None:
    """Return the test F1, averaged over runs, of the program of each that does best on its held-out windows."""
    chosen = [max(run["programs"], key=lambda one: one["validation_f1"])["test_f1"] for run in runs]
    return float(np.mean(chosen)) if chosen else None


def f1_of(runs: Sequence[dict[str, Any]]) -> list[float]:
    """Return the test F1 of every program of every run."""
    return [one["test_f1"] for run in runs for one in run["programs"]]


def alone(measure: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Return what ``measure`` returns in a fresh process."""
    print(f"ours, {measure.__name__} (load {os.getloadavg()[0]:.1f}) ...", flush=True)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def peak_mb() -> float:
    """Return the largest memory this process has had, in MB."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1024 if sys.platform != "darwin" else 1024**2)


def _line(what: str, ours: float | None, theirs: float | None, digits: int = 0) -> str:
    cells = ["-" if one is None else "never" if math.isinf(one) else f"{one:,.{digits}f}" for one in (ours, theirs)]
    ratio = f"{ours / theirs:.3g}" if ours and theirs and ours + theirs < math.inf else ""
    return f"{what:46}{cells[0]:>12}{cells[1]:>12}{ratio:>9}"


def _listed(programs: Sequence[dict[str, Any]]) -> list[str]:
    return [f"  {one['cpu_s']:7.1f} CPU s  test F1 {one['test_f1']:.3f}  {one['text']}" for one in programs]


if __name__ == "__main__":
    main()
