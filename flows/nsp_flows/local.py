"""Run a study on this computer without Prefect: the steps of the flow in a pool of processes, with live progress."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from queue import Queue
from typing import Any

from rich.console import Console

from nsp_adapters.inference import assemble_tables, infer_recording
from nsp_adapters.outputs import sweep_outputs, write_run_outputs
from nsp_adapters.programs import read_program
from nsp_adapters.recordings import PreparedRecording, extract_recording
from nsp_adapters.synthesis import Publication, publish_program, score_baselines, search_program
from nsp_core.labels import Behavior
from nsp_core.search.beam import SearchProgress
from nsp_core.study import Study
from nsp_flows.jobs import Run, running, with_labels
from nsp_flows.outcome import RunOutcome

__all__ = ["run_locally"]


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
    with running(study, out, n_workers, console or Console(stderr=True)) as run:
        prepared: list[PreparedRecording] = run.each(
            "extract features",
            [(entry.name, extract_recording, (entry, study, out / "recordings")) for entry in study.recordings],
        )
        labeled: list[PreparedRecording] = run.each(
            "read labels",
            [(one.entry.name, with_labels, (one, study)) for one in prepared if one.entry.role != "infer"],
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


def _synthesize(run: Run, labeled: Sequence[PreparedRecording]) -> list[Publication]:
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
