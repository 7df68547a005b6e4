"""``nsp weak-label``: its options, and what it does with them.

Nothing heavy is imported at start-up, as in :mod:`nsp_flows.cli`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nsp_core.weak.balance import ClassBalance

__all__ = ["parse_share", "weak_label"]

N_CLIPS = 10


def weak_label(
    study_file: Annotated[
        Path, typer.Argument(metavar="STUDY.toml", help="the study: recordings, roles, behaviors, labels")
    ],
    behavior: Annotated[str, typer.Option("--behavior", metavar="NAME", help="what is labeled")],
    out: Annotated[Path, typer.Option("--out", help="output folder; what is up to date in it is kept")],
    share: Annotated[
        str | None,
        typer.Option(
            "--share",
            metavar="LOW-HIGH",
            help="share of all frames with the behavior, such as 2%-10%; default: from recordings annotated throughout",
        ),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="processes that work at the same time")] = 2,
) -> None:
    """Label every frame of all recordings from a few annotated bouts, and learn a program from them."""
    from rich.console import Console

    from nsp_adapters.study import read_study
    from nsp_flows.queue_clips import chosen_behavior, queue_clips
    from nsp_flows.queue_report import print_queue
    from nsp_flows.telling import counted, say
    from nsp_flows.weak_label import label_from_few_bouts
    from nsp_flows.weak_report import print_weak_labels

    study = read_study(study_file, environment=os.environ)
    one = chosen_behavior(study, behavior)
    balance = None if share is None else parse_share(share)
    outcome = label_from_few_bouts(study, one, out, balance=balance, n_workers=workers)
    console = Console()
    for failure in outcome.failures:
        say(console, "failed", f"{failure.subject} ({failure.stage}): {failure.error}", style="red")
    if outcome.files is not None:
        print_weak_labels(outcome.files, console)
    if outcome.too_few:
        from nsp_core.weak.few_bouts import FEWEST_BOUTS

        told = f"{FEWEST_BOUTS} annotated bouts of {one.name} are needed, {outcome.n_bouts} given"
        say(console, "too few", f"{told}; here are {counted(N_CLIPS, 'clip')} to annotate next", style="yellow")
        known = outcome.balance.share if outcome.balance is not None else None
        print_queue(queue_clips(study, one.name, out, n_clips=N_CLIPS, share=known, n_workers=workers), console)
    raise typer.Exit(outcome.exit_code)


def parse_share(text: str) -> ClassBalance:
    """Return the class balance that an interval such as ``2%-10%`` or ``0.02-0.1`` states.

    The share itself is in the middle on the scale of odds: between 2 % and 10 % it is 4.5 %.

    Raises
    ------
    StudyError
        If the text is no interval of two shares between 0 and 1, the lower first.
    """
    from nsp_core.errors import StudyError
    from nsp_core.weak.balance import stated_balance

    try:
        low, high = (float(part.rstrip("% ")) / (100 if part.rstrip().endswith("%") else 1) for part in text.split("-"))
    except ValueError:
        low, high = 1.0, 0.0
    if not 0 < low <= high < 1:
        raise StudyError(
            found=f"'{text}'",
            expected="two shares between 0 and 1, the lower first, such as 2%-10% or 0.02-0.1",
            where="--share",
            remedy="state between which shares of all frames the behavior surely lies",
        )
    odds = (low / (1 - low) * high / (1 - high)) ** 0.5
    return stated_balance(odds / (1 + odds), low, high)
