"""What the queue of clips would have been worth: a study's own labels are hidden and shown again clip by clip.

The same committee of labeling functions learns from clips that it proposed itself and from random ones, both from the
same first bouts, and is judged on validation recordings. A finished run is ``<out>/search/<behavior>-queue-<key>.csv``
and is found again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
from rich.console import Console

from nsp_adapters.atomic import KEY_LENGTH, atomic_file, file_name
from nsp_adapters.manifest import file_sha256
from nsp_adapters.outputs import Failure, sweep_outputs
from nsp_adapters.recordings import PreparedRecording, extract_recording, labeled_sequences
from nsp_adapters.tables import write_table_csv
from nsp_core.errors import StudyError
from nsp_core.labels import Behavior
from nsp_core.provenance import CORE_VERSION, digest
from nsp_core.study import RecordingRole, Study
from nsp_core.weak.annotator_cost import AnnotationRounds, QueuePolicy, simulate_annotation
from nsp_core.weak.committee import CommitteeLearner
from nsp_core.weak.few_bouts import labeled_share
from nsp_core.weak.queue import QueueSettings
from nsp_flows.jobs import Run, running, with_labels

__all__ = ["QueueSimulation", "draw_simulation", "simulate_queue", "time_to_reach"]

SEEDS = (0, 1, 2)
POLICIES: tuple[QueuePolicy, ...] = get_args(QueuePolicy)
CSV, PNG = "queue_simulation.csv", "queue_simulation.png"


@dataclass(frozen=True, slots=True, eq=False)
class QueueSimulation:
    """What annotating by the queue and at random would have bought.

    Attributes
    ----------
    behavior
        What was annotated.
    rounds
        One row per round of every run: ``policy``, ``seed``, ``cost_s``, ``n_bouts``, ``f1``, ``ap``; None if a step
        failed.
    csv, png
        The same as a file, and drawn.
    failures
        What could not be used or done.
    """

    behavior: Behavior
    rounds: pd.DataFrame | None
    csv: Path
    png: Path
    failures: tuple[Failure, ...]

    @property
    def exit_code(self) -> int:
        """0 all done, 1 something failed."""
        return 1 if self.failures else 0


@dataclass(frozen=True, slots=True)
class _Simulated:
    """One run: what is annotated, by which policy, from which first bouts."""

    study: Study
    behavior: Behavior
    recordings: tuple[PreparedRecording, ...]
    rounds: AnnotationRounds
    settings: QueueSettings
    policy: QueuePolicy
    seed: int
    out: Path


def simulate_queue(
    study: Study,
    behavior: Behavior,
    out: Path,
    *,
    budget_s: float,
    clip_s: float = 10.0,
    seeds: Sequence[int] | None = None,
    n_workers: int = 2,
    console: Console | None = None,
) -> QueueSimulation:
    """Annotate the training recordings of ``study`` by their own labels, by the queue and at random.

    Parameters
    ----------
    study
        Labeled recordings: those with the role ``train`` are annotated, those with ``validation`` judge.
    behavior
        What is annotated.
    out
        Output folder; features are kept in it as in a run of the study.
    budget_s
        Seconds of the simulated annotator.
    clip_s
        Length of a clip in seconds.
    seeds
        Of the first bouts and the random clips, one run each; None for three.
    n_workers
        Processes that work at the same time.
    console
        Where progress is shown.

    Raises
    ------
    StudyError
        If there is no recording to annotate, or none to judge by.
    OutputError
        If ``out`` cannot be written.
    """
    _require_roles(study)
    sweep_outputs(out)
    rounds, settings = AnnotationRounds(budget_s), QueueSettings(clip_s=clip_s)
    with running(study, out, n_workers, console or Console(stderr=True)) as run:
        recordings = _labeled(run)
        wanted = [
            _Simulated(study, behavior, recordings, rounds, settings, policy, seed, out)
            for seed in (SEEDS if seeds is None else seeds)
            for policy in POLICIES
        ]
        pieces: list[Path] = run.each(
            "simulate annotation", [(f"{one.policy}, seed {one.seed}", _simulate, (one,)) for one in wanted]
        )
        failures = tuple(dict.fromkeys(run.failures))
    table = pd.concat([pd.read_csv(piece) for piece in pieces]) if len(pieces) == len(wanted) else None
    if table is not None:
        write_table_csv(out / CSV, table)
        draw_simulation(table, behavior.name, out / PNG)
    return QueueSimulation(behavior, table, out / CSV, out / PNG, failures)


def time_to_reach(rounds: pd.DataFrame, f1: float) -> dict[str, float]:
    """Return policy -> mean seconds over seeds after which a run first scored ``f1``; NaN if one never did.

    Examples
    --------
    >>> rounds = pd.DataFrame({"policy": "active", "seed": 0, "cost_s": [10.0, 30.0], "f1": [0.2, 0.6]})
    >>> time_to_reach(rounds, 0.5)
    {'active': 30.0}
    """
    reached = {}
    for policy, runs in rounds.groupby("policy"):
        first = [own.loc[own["f1"] >= f1, "cost_s"].min() for _, own in runs.groupby("seed")]
        # The mean of numpy, unlike that of pandas, is NaN where a run never did.
        reached[str(policy)] = float(np.mean(np.asarray(first, dtype=np.float64)))
    return reached


def draw_simulation(rounds: pd.DataFrame, behavior: str, path: Path) -> None:
    """Draw F1 against the annotator's seconds, one line per run."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4))
    axis = figure.subplots()
    for policy, color in zip(POLICIES, ("tab:blue", "tab:gray"), strict=True):
        for number, (_, own) in enumerate(rounds[rounds["policy"] == policy].groupby("seed")):
            label = None if number else {"active": "proposed clips", "random": "random clips"}[policy]
            axis.plot(own["cost_s"], own["f1"], color=color, marker=".", label=label)
    axis.set(xlabel="seconds of the annotator", ylabel=f"F1 of {behavior} on validation recordings", ylim=(0, 1))
    axis.legend()
    with atomic_file(path) as fresh:
        figure.savefig(fresh, dpi=120, format="png", metadata={"Software": None})


def _require_roles(study: Study) -> None:
    roles: tuple[RecordingRole, ...] = ("train", "validation")
    for role in roles:
        if not [one for one in study.of_role(role) if one.label_path is not None]:
            raise StudyError(
                found=f"no labeled recording of the role {role}",
                expected="labeled train recordings to annotate and validation recordings to judge by",
                where="--simulate",
                remedy="give labeled recordings these roles",
            )


def _labeled(run: Run) -> tuple[PreparedRecording, ...]:
    entries = [one for one in run.study.of_role("train", "validation") if one.label_path is not None]
    prepared: list[PreparedRecording] = run.each(
        "extract features", [(one.name, extract_recording, (one, run.study, run.out / "recordings")) for one in entries]
    )
    return tuple(run.each("read labels", [(one.entry.name, with_labels, (one, run.study)) for one in prepared]))


def _simulate(one: _Simulated) -> Path:
    """Return the table of one run, annotating only if there is none yet; runs in a worker process."""
    path = one.out / "search" / f"{file_name(one.behavior.name)}-queue-{_key(one)[:KEY_LENGTH]}.csv"
    if path.is_file():
        return path
    annotated, judged = (
        [
            sequence
            for recording in one.recordings
            if recording.entry.role == role
            for sequence in labeled_sequences(recording, one.study, one.behavior)
        ]
        for role in ("train", "validation")
    )
    # The share of all frames: a person would state it, and these recordings are annotated throughout.
    learner = CommitteeLearner(judged, labeled_share(annotated), one.seed)
    table = simulate_annotation(
        annotated, learner, policy=one.policy, rounds=one.rounds, seed=one.seed, settings=one.settings
    )
    write_table_csv(path, table.assign(policy=one.policy, seed=one.seed))
    return path


def _key(one: _Simulated) -> str:
    used = [
        [each.entry.role, each.entry.name, each.features.digest, file_sha256(Path(str(each.entry.label_path)))]
        for each in one.recordings
    ]
    how = [asdict(one.rounds), asdict(one.settings), one.policy, one.seed]
    return digest(CORE_VERSION, one.behavior, one.study.labels, used, how)
