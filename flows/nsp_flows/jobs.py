"""Jobs in a pool of processes with live progress: what every command that works without Prefect stands on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.managers import SyncManager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from nsp_adapters.outputs import Failure
from nsp_adapters.recordings import PreparedRecording, read_labels
from nsp_core.errors import NspError
from nsp_core.search.beam import SearchProgress
from nsp_core.study import Study
from nsp_flows.workers import end_with_parent, start_worker

__all__ = ["Run", "described", "running", "with_any_labels", "with_labels"]

POLL_S = 0.2
SHOWN_TEXT = 70


@dataclass(slots=True)
class Run:
    """One run in progress: where results go, who does the work, and what failed so far."""

    study: Study
    out: Path
    pool: ProcessPoolExecutor
    messages: Queue[Any]
    progress: Progress
    failures: list[Failure] = field(default_factory=list)

    def each(self, stage: str, calls: Sequence[tuple[str, Callable[..., Any], tuple[Any, ...]]]) -> list[Any]:
        """Return the results of ``calls`` (subject, function, arguments), in their order, without those that failed."""
        if not calls:
            return []
        bar = self.progress.add_task(stage, total=len(calls))
        futures = [self.pool.submit(function, *arguments) for _, function, arguments in calls]
        self._watch(futures, bar)
        results, failures = [], []
        for (subject, _, _), future in zip(calls, futures, strict=True):
            error = future.exception()
            if error is None:
                results.append(future.result())
            elif isinstance(error, NspError):
                failures.append(Failure.of(subject, stage, error))
            else:
                raise error
        # Several seeds of one behavior fail for one reason.
        self.failures += dict.fromkeys(failures)
        return results

    def _watch(self, futures: Sequence[Future[Any]], bar: TaskID) -> None:
        pending = set(futures)
        shown: dict[str, tuple[TaskID, float]] = {}
        while pending:
            done, pending = wait(pending, timeout=POLL_S)
            self.progress.advance(bar, len(done))
            for job, step in _drain(self.messages):
                if job not in shown:
                    shown[job] = self.progress.add_task(f"  {job}", total=None), time.monotonic()
                task, since = shown[job]
                text = described(job, step, time.monotonic() - since)
                self.progress.update(task, description=text, completed=step.done, total=step.total)
        for task, _ in shown.values():
            self.progress.remove_task(task)


@contextmanager
def running(study: Study, out: Path, n_workers: int, console: Console) -> Iterator[Run]:
    """Yield a run whose processes end with it.

    Parameters
    ----------
    study, out
        What is done, and where results go.
    n_workers
        Processes that work at the same time.
    console
        Where progress is shown.
    """
    # Spawned, not forked: torch and pyarrow hold threads and locks that a fork would copy in an unknown state.
    context = get_context("spawn")
    manager = SyncManager(ctx=context)
    manager.start(end_with_parent)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with (
        manager,
        ProcessPoolExecutor(n_workers, mp_context=context, initializer=start_worker) as pool,
        Progress(*columns, console=console) as progress,
    ):
        yield Run(study, out, pool, manager.Queue(), progress)


def with_labels(recording: PreparedRecording, study: Study) -> PreparedRecording:
    """Return ``recording`` if its labels can be read: a bad label file stops this recording only."""
    read_labels(recording.entry, study, recording.n_frames)
    return recording


def with_any_labels(recording: PreparedRecording, study: Study) -> PreparedRecording:
    """Return ``recording`` if it has no labels, or they can be read."""
    return recording if recording.entry.label_path is None else with_labels(recording, study)


def described(job: str, step: SearchProgress, seconds: float) -> str:
    """Return what a job does now: candidates per minute, time left, and the best program so far.

    Parameters
    ----------
    job
        Its name.
    step
        How far it is.
    seconds
        How long it has been at it.
    """
    parts = [f"  {job}: {step.stage}"]
    if step.n_candidates:
        parts.append(f"{step.n_candidates:,} candidates")
    if seconds > 1 and step.n_candidates:
        parts.append(f"{60 * step.n_candidates / seconds:,.0f} per minute")
    if seconds > 1 and 0 < step.done < step.total:
        parts.append(f"about {seconds * (step.total - step.done) / step.done:.0f} s left")
    if not math.isnan(step.best_f1):
        text = step.best_text if len(step.best_text) <= SHOWN_TEXT else step.best_text[: SHOWN_TEXT - 1] + "…"
        parts.append(f"F1 {step.best_f1:.3f} {escape(text)}")
    return ", ".join(parts)


def _drain(messages: Queue[Any]) -> Iterator[tuple[str, SearchProgress]]:
    while True:
        try:
            yield messages.get_nowait()
        except Empty:
            return
