"""Labels for all recordings of a study from a few annotated bouts, in a pool of processes with live progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

from rich.console import Console

from nsp_adapters.atomic import atomic_write_text
from nsp_adapters.outputs import Failure, sweep_outputs
from nsp_adapters.recordings import PreparedRecording, extract_recording
from nsp_adapters.weak_folds import count_bouts, count_gold_folds, predict_gold_fold
from nsp_adapters.weak_job import WeakLabelJob, annotated_throughout
from nsp_adapters.weak_labels import WeakLabelFiles, label_recordings
from nsp_core.labels import Behavior
from nsp_core.search.beam import SearchProgress
from nsp_core.study import Study
from nsp_core.weak.balance import ClassBalance
from nsp_core.weak.few_bouts import FEWEST_BOUTS
from nsp_flows.jobs import Run, running, with_any_labels
from nsp_flows.weak_report import report_markdown

__all__ = ["WeakLabelOutcome", "label_from_few_bouts"]


@dataclass(frozen=True, slots=True)
class WeakLabelOutcome:
    """What came of a behavior.

    Attributes
    ----------
    behavior
        What was labeled.
    n_bouts
        Annotated bouts that could be learned from; None where labels could not be read.
    balance
        Share of all frames with the behavior; None where it is not known.
    files
        What was written; None where nothing could be.
    report
        The account of it, markdown; None where there is none.
    failures
        What could not be used, and why.
    """

    behavior: Behavior
    n_bouts: int | None
    balance: ClassBalance | None
    files: WeakLabelFiles | None
    report: Path | None
    failures: tuple[Failure, ...]

    @property
    def too_few(self) -> bool:
        """Whether nothing was done because too few bouts are annotated."""
        return self.n_bouts is not None and self.n_bouts < FEWEST_BOUTS

    @property
    def exit_code(self) -> int:
        """0 all done, 1 something failed or there was too little to learn from."""
        return 1 if self.failures or self.too_few else 0


def label_from_few_bouts(
    study: Study,
    behavior: Behavior,
    out: Path,
    *,
    balance: ClassBalance | None = None,
    n_workers: int = 2,
    console: Console | None = None,
) -> WeakLabelOutcome:
    """Label every frame of a study's recordings, and leave tables, a program and a report in ``out``.

    What is already there and up to date is kept; a recording that fails is reported and the others go on.

    Parameters
    ----------
    study
        Recordings, and the labels there are.
    behavior
        What is labeled.
    out
        Output folder; features are kept in it as in a run of the study.
    balance
        Share of all frames in which the behavior is present; None takes it from recordings annotated throughout.
    n_workers
        Processes that work at the same time.
    console
        Where progress is shown.

    Raises
    ------
    OutputError
        If ``out`` cannot be written.
    """
    sweep_outputs(out)
    with running(study, out, n_workers, console or Console(stderr=True)) as run:
        recordings = _usable(run)
        if balance is None:
            balance = _only(run.each("class balance", [_balance_call(recordings, study, behavior)]))
        n_bouts, files = None, None
        if balance is not None:
            job = WeakLabelJob(study, behavior, recordings, balance, out)
            n_bouts = _only(run.each("count bouts", [(behavior.name, count_bouts, (job,))]))
            if n_bouts is not None and n_bouts >= FEWEST_BOUTS:
                files = _labeled(run, job)
    report = None
    if files is not None:
        report = files.summary.with_name("report.md")
        atomic_write_text(report, report_markdown(files))
    return WeakLabelOutcome(behavior, n_bouts, balance, files, report, tuple(dict.fromkeys(run.failures)))


def _usable(run: Run) -> tuple[PreparedRecording, ...]:
    folder = run.out / "recordings"
    prepared: list[PreparedRecording] = run.each(
        "extract features",
        [(entry.name, extract_recording, (entry, run.study, folder)) for entry in run.study.recordings],
    )
    return tuple(run.each("read labels", [(one.entry.name, with_any_labels, (one, run.study)) for one in prepared]))


def _labeled(run: Run, job: WeakLabelJob) -> WeakLabelFiles | None:
    """Return what was written, or None if a step failed."""
    name = job.behavior.name
    n_folds = _only(run.each("divide bouts", [(name, count_gold_folds, (job,))]))
    if n_folds is None:
        return None
    folds: list[Path] = run.each(
        "with and without weak labels",
        [(f"{name}, fold {fold + 1}", _fold_job, (job, fold, run.messages)) for fold in range(n_folds)],
    )
    if len(folds) < n_folds:
        return None
    files: WeakLabelFiles | None = _only(run.each("label recordings", [(name, _label_job, (job, folds, run.messages))]))
    return files


def _balance_call(
    recordings: Sequence[PreparedRecording], study: Study, behavior: Behavior
) -> tuple[str, Any, tuple[Any, ...]]:
    return behavior.name, annotated_throughout, (recordings, study, behavior)


def _fold_job(job: WeakLabelJob, fold: int, messages: Queue[Any]) -> Path:
    """Find programs without a fold; runs in a worker process."""

    def report(step: SearchProgress) -> None:
        messages.put((f"{job.behavior.name}, fold {fold + 1}", step))

    return predict_gold_fold(job, fold, report=report)


def _label_job(job: WeakLabelJob, folds: Sequence[Path], messages: Queue[Any]) -> WeakLabelFiles:
    """Label all frames; runs in a worker process."""

    def report(step: SearchProgress) -> None:
        messages.put((job.behavior.name, step))

    return label_recordings(job, folds, report=report)


def _only(results: Sequence[Any]) -> Any:
    """Return the only result, or None if it failed."""
    return results[0] if results else None
