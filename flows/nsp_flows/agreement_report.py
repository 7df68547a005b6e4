"""What ``nsp agreement`` prints: per behavior who saw how much, every two annotators, and all of them together."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nsp_core.evaluate.agreement_timing import TimingDifference
from nsp_core.evaluate.annotators_summary import BehaviorAgreement, PairAgreement
from nsp_core.evaluate.bootstrap import Interval
from nsp_flows.agreement import AgreementOutcome, Consensus
from nsp_flows.telling import counted, print_whole, say

__all__ = ["print_agreement", "print_consensus"]


def print_agreement(outcome: AgreementOutcome, console: Console) -> None:
    """Print the agreement of annotators for a person at a terminal."""
    for path, chosen in outcome.annotations.sources:
        say(console, "read", f"{path} as {chosen}")
    for sentence in outcome.annotations.assumptions:
        say(console, "assumed", sentence, style="yellow")
    for sentence in outcome.notes:
        say(console, "note", sentence, style="yellow")
    for one in outcome.behaviors:
        console.print()
        console.print(one.behavior, style="bold", markup=False, highlight=False)
        print_whole(_annotator_table(one, outcome.fps), console)
        console.print()
        print_whole(_pair_table(one, outcome.fps), console)
        console.print()
        for sentence in _together(one, outcome.fps):
            console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    console.print()
    for sentence in _legend(outcome):
        console.print(sentence, style="dim", markup=False, highlight=False, soft_wrap=True)


def print_consensus(consensus: Consensus, console: Console) -> None:
    """Print what was written, and what the file does not hold."""
    for sentence in consensus.left_out:
        say(console, "note", sentence, style="yellow")
    recordings = counted(len(consensus.labels), "recording")
    say(console, "written", f"{consensus.path} as {consensus.format}: consensus of {recordings}")


def _annotator_table(one: BehaviorAgreement, fps: float) -> Table:
    table = _table(("annotator",), ("recordings", "looked s", "present", "bouts"))
    for share in one.annotators:
        cells = (
            share.annotator,
            str(share.n_recordings),
            f"{share.n_frames / fps:.1f}",
            _percent(share.prevalence),
            str(share.n_bouts),
        )
        # Text, not markup: an annotator may be called [red].
        table.add_row(*map(Text, cells))
    return table


def _pair_table(one: BehaviorAgreement, fps: float) -> Table:
    numbers = (
        "both\nlooked s",
        "frames\nalike",
        "by\nchance",
        "kappa",
        "bout\nF1",
        "by\nchance",
        "onset s",
        "offset s",
    )
    table = _table(("first", "second"), numbers)
    for pair in one.pairs:
        cells = (
            pair.first,
            pair.second,
            f"{pair.frames.n_decided / fps:.1f}",
            _percent(pair.frames.observed),
            _percent(pair.frames.expected),
            _number(pair.frames.kappa) + _range(pair.kappa_interval),
            _number(pair.bouts.f1),
            _number(pair.bout_f1_by_chance),
            _timing(pair.onset),
            _timing(pair.offset),
        )
        table.add_row(*map(Text, cells))
    return table


def _together(one: BehaviorAgreement, fps: float) -> list[str]:
    """Return the measures of all annotators together, and who starts earlier where that is clear."""
    fleiss = f"Fleiss' kappa {_number(one.fleiss_kappa)} ({one.n_raters} annotators, {one.n_frames_rated / fps:.1f} s)"
    alpha = f"Krippendorff's alpha {_number(one.alpha)} (two or more annotators, {one.n_frames_twice / fps:.1f} s)"
    return [f"all together: {fleiss}, {alpha}", *(told for pair in one.pairs for told in _earlier(pair))]


def _earlier(pair: PairAgreement) -> list[str]:
    told = []
    for verb, found in (("start", pair.onset), ("end", pair.offset)):
        if found.interval.high < 0 or found.interval.low > 0:
            first_is = "earlier" if found.median_s < 0 else "later"
            told.append(f"{pair.first}'s bouts {verb} {abs(found.median_s):.2f} s {first_is} than {pair.second}'s")
    return told


def _legend(outcome: AgreementOutcome) -> list[str]:
    pairs = [pair for one in outcome.behaviors for pair in one.pairs]
    drawn = [name for name in ("recordings", "bouts") if any(name in (p.onset.drawn, p.offset.drawn) for p in pairs)]
    legend = [
        "kappa 0: alike as often as by chance; 1: always alike",
        f"bouts match, one to one, if what they share is at least {100 * outcome.overlap:g} % of both together; "
        "by chance: with one annotator's bouts moved in time",
        "onset and offset: median of first minus second over matching bouts, negative where the first is earlier",
    ]
    if drawn:
        of_bouts = ", of bouts where one recording has any" if "bouts" in drawn and "recordings" in drawn else ""
        legend.append(f"in brackets 95 % intervals, from drawing {drawn[0]}{of_bouts}")
    return legend


def _table(texts: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in texts:
        table.add_column(Text(name), no_wrap=True, vertical="bottom")
    for name in numbers:
        table.add_column(Text(name), justify="right", no_wrap=True)
    return table


def _timing(found: TimingDifference) -> str:
    return "-" if math.isnan(found.median_s) else f"{found.median_s:+.2f}{_range(found.interval, '+')}"


def _range(interval: Interval, sign: str = "") -> str:
    return "" if math.isnan(interval.low) else f" ({interval.low:{sign}.2f} to {interval.high:{sign}.2f})"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"
