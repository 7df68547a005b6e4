"""``nsp queue``: its options, and what it does with them.

Nothing heavy is imported at start-up, as in :mod:`nsp_flows.cli`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["queue"]


def queue(
    study_file: Annotated[
        Path, typer.Argument(metavar="STUDY.toml", help="the study: recordings, roles, behaviors, labels")
    ],
    behavior: Annotated[str, typer.Option("--behavior", metavar="NAME", help="what is to be annotated")],
    out: Annotated[Path, typer.Option("--out", help="output folder; what is up to date in it is kept")],
    n_clips: Annotated[int, typer.Option("--n-clips", help="most clips to propose")] = 20,
    clip_s: Annotated[float, typer.Option("--clip-s", help="length of a clip in seconds")] = 10.0,
    share: Annotated[
        float | None,
        typer.Option("--share", help="share of all frames with the behavior, 0 to 1; default: as in the labeled ones"),
    ] = None,
    reviewed: Annotated[
        Path | None,
        typer.Option("--reviewed", metavar="FILE", help="a queue annotated in BORIS: count its clips as observed"),
    ] = None,
    simulate: Annotated[
        float | None,
        typer.Option(
            "--simulate",
            metavar="SECONDS",
            min=1,
            help="propose nothing: hide the labels there are, and show them clip by clip, by queue and at random, for "
            "so many seconds of an annotator",
        ),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="processes that work at the same time")] = 2,
) -> None:
    """Propose the stretches of video to annotate next, as a table and as a project to open in BORIS."""
    from rich.console import Console

    from nsp_adapters.study import read_study
    from nsp_flows.queue_clips import chosen_behavior, queue_clips
    from nsp_flows.queue_files import write_reviewed
    from nsp_flows.queue_report import print_queue, print_reviewed, print_simulation
    from nsp_flows.queue_simulation import simulate_queue

    study = read_study(study_file, environment=os.environ)
    if reviewed is not None:
        one = chosen_behavior(study, behavior)
        path, n_reviewed = write_reviewed(reviewed, study, one, out)
        print_reviewed(path, n_reviewed, one, Console())
        return
    if simulate is not None:
        one = chosen_behavior(study, behavior)
        simulated = simulate_queue(study, one, out, budget_s=simulate, clip_s=clip_s, n_workers=workers)
        print_simulation(simulated, Console())
        raise typer.Exit(simulated.exit_code)
    outcome = queue_clips(study, behavior, out, n_clips=n_clips, clip_s=clip_s, share=share, n_workers=workers)
    print_queue(outcome, Console())
    raise typer.Exit(outcome.exit_code)
