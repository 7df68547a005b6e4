"""Run a study on this computer without Prefect: the steps of the flow in a pool of processes, with live progress."""

from __future__ import annotations

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
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from nsp_adapters.inference import assemble_tables, infer_recording
from nsp_adapters.outputs import Failure, sweep_outputs, write_run_outputs
from nsp_adapters.programs import read_program
from nsp_adapters.recordings import PreparedRecording, extract_recording, read_labels
from nsp_adapters.synthesis import Publication, publish_program, score_baselines, search_program
from nsp_core.errors import NspError
from nsp_core.labels import Behavior
from nsp_core.search.beam import SearchProgress
from nsp_core.study import Study
from nsp_flows.outcome import RunOutcome
from nsp_flows.workers import end_with_parent, start_worker

__all__ = ["run_locally"]

POLL_S = 0.2


@dataclass(slots=True)
class _Run:
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
        running: dict[str, TaskID] = {}
        while pending:
            done, pending = wait(pending, timeout=POLL_S)
            self.progress.advance(bar, len(done))
            for job, step in _drain(self.messages):
                if job not in running:
                    running[job] = self.progress.add_task(f"  {job}", total=None)
                text = f"  {job}: {step.stage}, {step.n_candidates} candidates"
                self.progress.update(running[job], description=text, completed=step.done, total=step.total)
        for task in running.values():
            self.progress.remove_task(task)


def run_locally(study: Study, out: Path, *, n_workers: int = 2, console: Console | None = None) -> RunOutcome:
    """Run ``study`` and leave programs, ethograms, scores and a manifest in ``out``.

    What is already there and up to date is kept; a recording that fails is reported and the others go on.

    Parameters
    ----------
    study
        What to do.
    out
        Output folder.
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
    with _running(study, out, n_workers, console or Console(stderr=True)) as run:
        prepared: list[PreparedRecording] = run.each(
            "extract features",
            [(entry.name, extract_recording, (entry, study, out / "recordings")) for entry in study.recordings],
        )
        labeled: list[PreparedRecording] = run.each(
            "read labels",
            [(one.entry.name, _with_labels, (one, study)) for one in prepared if one.entry.role != "infer"],
        )
        publications = _synthesize(run, labeled)
        programs = [read_program(publication.program_path) for publication in publications]
        parts: list[Path] = run.each(
            "infer ethograms",
            [(one.entry.name, infer_recording, (programs, one, out / "ethograms")) for one in prepared if programs],
        )
        tables = assemble_tables(parts, out / "ethograms") if parts else None
        manifest = write_run_outputs(study, prepared, publications, tables, run.failures, out)
    return RunOutcome(tuple(publications), tables, tuple(run.failures), manifest)


def _synthesize(run: _Run, labeled: Sequence[PreparedRecording]) -> list[Publication]:
    """Return the published program of every behavior: seeds and baselines of all behaviors in one pool."""
    study, out = run.study, run.out
    jobs = [(behavior, seed) for behavior in study.behaviors for seed in (*study.search.seeds, None)]
    found = run.each(
        "search programs",
        [(behavior.name, _search_job, (study, behavior, seed, labeled, out, run.messages)) for behavior, seed in jobs],
    )
    pieces: dict[str, dict[int | None, Path]] = {}
    for name, seed, path in found:
        pieces.setdefault(name, {})[seed] = path
    complete = [
        behavior for behavior in study.behaviors if len(pieces.get(behavior.name, {})) == len(study.search.seeds) + 1
    ]
    return run.each(
        "score programs",
        [
            (
                behavior.name,
                publish_program,
                (
                    study,
                    behavior,
                    [pieces[behavior.name][seed] for seed in study.search.seeds],
                    pieces[behavior.name][None],
                    labeled,
                    out,
                ),
            )
            for behavior in complete
        ],
    )


def _with_labels(recording: PreparedRecording, study: Study) -> PreparedRecording:
    """Return ``recording`` if its labels can be read: a bad label file stops this recording only."""
    read_labels(recording.entry, study, recording.n_frames)
    return recording


def _search_job(
    study: Study,
    behavior: Behavior,
    seed: int | None,
    recordings: Sequence[PreparedRecording],
    out: Path,
    messages: Queue[Any],
) -> tuple[str, int | None, Path]:
    """Search with one seed, or score the baselines where ``seed`` is None; runs in a worker process."""
    if seed is None:
        return behavior.name, None, score_baselines(study, behavior, recordings, out)
    job = f"{behavior.name}, seed {seed}"

    def report(step: SearchProgress) -> None:
        messages.put((job, step))

    return behavior.name, seed, search_program(study, behavior, seed, recordings, out, report=report)


@contextmanager
def _running(study: Study, out: Path, n_workers: int, console: Console) -> Iterator[_Run]:
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
        yield _Run(study, out, pool, manager.Queue(), progress)


def _drain(messages: Queue[Any]) -> Iterator[tuple[str, SearchProgress]]:
    while True:
        try:
            yield messages.get_nowait()
        except Empty:
            return
