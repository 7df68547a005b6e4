"""CalMS21 investigation windows: programs of several seeds beside baselines, on folds inside val and on test.

Windows of 13 frames and 18 z-scored features, one label each; trained on val (2,000 windows, those beyond 50 standard
deviations dropped). Windows that share a frame are kept together wherever val is divided, in folds here and inside the
search. Test is touched only with ``--test``, after the choice of settings. Run it with

    NSP_DATA=<folder> python tests/benchmarks/calms21.py [--test] [--seeds 5] [--max-complexity 20] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from nsp_core.evaluate.frames import FramePredictions, pooled_scores
from nsp_core.search.assess import score_program
from nsp_core.search.compare import baseline_predictions
from nsp_core.search.result import SynthesisResult
from nsp_core.search.synthesize import MAX_COMPLEXITY, synthesize_sequences
from nsp_core.sequences import LabeledSequence, as_sequences, fold_of_frames

FEATURES = (
    "left_head_body", "right_head_body", "axis_ratio_r", "axis_ratio_i", "speed_r", "speed_i", "acceleration_r",
    "acceleration_i", "tangential_r", "tangential_i", "social_angle_r", "social_angle_i", "angle_between", "facing_r",
    "facing_i", "box_overlap", "area_ratio", "nose_distance",
)  # fmt: skip
BEYOND = 50.0
N_FOLDS = 5


def read_windows(folder: Path, split: str) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Return windows (window, frame, feature), labels (window,), and which windows belong together (window,)."""
    windows = np.load(folder / f"{split}_data.npy").astype(np.float32)
    labels = np.load(folder / f"{split}_investigation_labels.npy").ravel().astype(np.int64)
    together = np.arange(len(labels))
    if split == "val":
        together = groups_of(np.load(folder / "val_trajectory_data.npy"))
        kept = np.abs(windows).max(axis=(1, 2)) <= BEYOND
        windows, labels, together = windows[kept], labels[kept], together[kept]
    return windows, labels, together


def groups_of(trajectories: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return a group (window,) per window; windows that share a frame, directly or through others, share a group."""
    n_windows, n_frames = trajectories.shape[:2]
    _, frame = np.unique(trajectories.reshape(n_windows * n_frames, -1), axis=0, return_inverse=True)
    window = np.repeat(np.arange(n_windows), n_frames)
    holds = coo_matrix((np.ones(frame.size), (window, frame.ravel())))
    _, group = connected_components(holds @ holds.T, directed=False)
    return np.asarray(group, dtype=np.int64)


def sequences_of(
    windows: NDArray[np.float32], labels: NDArray[np.int64], groups: NDArray[np.int64]
) -> tuple[LabeledSequence, ...]:
    """Return the windows as sequences; a group counts as a recording."""
    array = xr.DataArray(
        windows,
        dims=("sequence", "time", "feature"),
        coords={
            "feature": np.array(FEATURES, dtype=object),
            "recording": ("sequence", np.array([f"group {group}" for group in groups], dtype=object)),
        },
    )
    return as_sequences(array, list(labels))


def main() -> None:
    """Print programs and scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--max-complexity", type=int, default=MAX_COMPLEXITY)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = Path(os.environ.get("NSP_DATA", "../shared/data")) / "calms21_windows"
    val = sequences_of(*read_windows(folder, "val"))
    if options.test:
        rounds = [(val, sequences_of(*read_windows(folder, "test")))]
    else:
        fold_of = [int(own[0]) for own in fold_of_frames(val, n_folds=N_FOLDS)]
        rounds = [
            (
                tuple(one for one, own in zip(val, fold_of, strict=True) if own != fold),
                tuple(one for one, own in zip(val, fold_of, strict=True) if own == fold),
            )
            for fold in range(N_FOLDS)
        ]
    results = [found for development, judged in rounds for found in judge(development, judged, options)]
    summary = summarize(results)
    if options.out:
        options.out.write_text(json.dumps({"runs": results, "summary": summary}, indent=2))


def judge(
    development: tuple[LabeledSequence, ...], judged: tuple[LabeledSequence, ...], options: argparse.Namespace
) -> list[dict[str, Any]]:
    """Return model, seed, F1, average precision, complexity, seconds and text of every program and baseline."""
    found = []
    for seed in range(options.seeds):
        started = time.perf_counter()
        result: SynthesisResult = synthesize_sequences(development, seed=seed, max_complexity=options.max_complexity)
        seconds = time.perf_counter() - started
        scores, best = score_program(result.best.program, judged), result.best
        found.append(
            {
                "model": "program", "seed": seed, "f1": scores.f1, "ap": scores.ap, "complexity": best.complexity,
                "held_out_f1": best.validation.f1, "seconds": seconds, "n_candidates": result.n_candidates,
                "text": best.text,
            }
        )  # fmt: skip
        print(f"seed {seed}  F1 {scores.f1:.3f}  AP {scores.ap:.3f}  held-out F1 {best.validation.f1:.3f}  "
              f"complexity {best.complexity}  {seconds:.1f} s  {best.text}", flush=True)  # fmt: skip
    for name, by_split in baseline_predictions(development, {"judged": judged}, seed=0).items():
        scores = pooled_scores([_labeled(one) for one in by_split["judged"]])
        found.append({"model": name, "seed": 0, "f1": scores.f1, "ap": scores.ap})
    return found


def summarize(results: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return and print model -> mean F1 and AP, and the spread of F1."""
    summary: dict[str, dict[str, float]] = {}
    for model in dict.fromkeys(result["model"] for result in results):
        own = [result for result in results if result["model"] == model]
        f1, ap = (np.array([result[measure] for result in own]) for measure in ("f1", "ap"))
        summary[model] = {"f1": float(f1.mean()), "f1_sd": float(f1.std()), "ap": float(ap.mean()), "n": len(own)}
        print(f"{model:20s} F1 {f1.mean():.3f} (sd {f1.std():.3f})  AP {ap.mean():.3f}  over {len(own)}")
    return summary


def _labeled(one: FramePredictions) -> FramePredictions:
    labeled = one.states >= 0
    return FramePredictions(one.recording, one.states[labeled], one.predicted[labeled], one.probability[labeled])


if __name__ == "__main__":
    main()
