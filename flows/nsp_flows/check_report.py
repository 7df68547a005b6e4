"""What ``nsp check`` prints: tracking and labels, one line per recording, then what was assumed and what failed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nsp_flows.check_study import CheckedRecording, StudyCheck
from nsp_flows.telling import counted, observed_frames, print_whole, say

__all__ = ["print_check"]

NAMED_RECORDINGS = 3


def print_check(check: StudyCheck, console: Console) -> None:
    """Print tracking and labels, one line per recording, then assumptions and failures, for a person at a terminal."""
    for note in check.study.loud_notes:
        say(console, "note", note, style="yellow")
    if check.recordings:
        for table in (_tracking_table(check), _labels_table(check)):
            console.print()
            print_whole(table, console)
    console.print()
    for note in _notes_on_behaviors(check):
        say(console, "note", note, style="yellow")
    for names, sentence in _merged_assumptions(check.recordings):
        say(console, "assumed", f"in {_named(names, len(check.recordings))}: {sentence}", style="yellow")
    for failure in check.failures:
        say(console, "failed", f"{failure.subject} ({failure.stage}): {failure.error}", style="red")
    n_failed, n_all = len({failure.subject for failure in check.failures}), len(check.study.recordings)
    console.print(f"{n_all - n_failed} of {n_all} recordings can be used", style="bold", highlight=False)


def _tracking_table(check: StudyCheck) -> Table:
    numbers = (
        "frames",
        "seconds",
        "fps",
        "animals",
        "missing",
        "longest\ngap s",
        "all\nseen",
        "swap suspects\nper min",
    )
    table = _table(("recording", "role"), (*numbers, "bad"), last="scale")
    for one in check.recordings:
        summary = one.quality.summary.iloc[0]
        scale = one.entry.scale_mm_per_px
        cells = (
            one.entry.name,
            one.entry.role,
            f"{summary['n_frames']}",
            f"{summary['duration_s']:.1f}",
            f"{one.entry.fps:.6g}",
            f"{summary['n_individuals']}",
            _percent(summary["share_missing"]),
            f"{summary['longest_gap_s']:.1f}",
            _percent(summary["share_all_seen"]),
            f"{summary['swap_suspects_per_min']:.1f}",
            _percent(summary["share_bad"]),
            "body lengths" if scale is None else f"{scale:.4g} mm/px",
        )
        # Text, not markup: a recording may be called run[2].
        table.add_row(*map(Text, cells))
    return table


def _labels_table(check: StudyCheck) -> Table:
    behaviors = [behavior.name for behavior in check.study.behaviors]
    table = _table(("recording",), tuple(behaviors))
    for one in check.recordings:
        cells = [_labeled(one, behavior) for behavior in behaviors]
        table.add_row(*map(Text, (one.entry.name, *cells)))
    return table


def _labeled(one: CheckedRecording, behavior: str) -> str:
    """Return how often a behavior was seen in how many seconds of looking."""
    labels = one.labels
    if labels is None:
        return "no labels" if one.is_unlabeled else "not read"
    n_bouts = sum(bout.behavior == behavior for bout in labels.bouts)
    n_points = sum(point.behavior == behavior for point in labels.points)
    observed = observed_frames(labels, behavior)
    if not (n_bouts or n_points or observed):
        return "not looked for"
    seen = counted(n_bouts, "bout") + (f", {counted(n_points, 'point')}" if n_points else "")
    return f"{seen} in {observed / one.entry.fps:.1f} s"


def _table(texts: Sequence[str], numbers: Sequence[str], *, last: str | None = None) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in texts:
        table.add_column(Text(name), no_wrap=True, vertical="bottom")
    for name in numbers:
        table.add_column(Text(name), justify="right", no_wrap=True)
    if last is not None:
        table.add_column(Text(last), no_wrap=True)
    return table


def _notes_on_behaviors(check: StudyCheck) -> list[str]:
    """Return which behaviors nobody saw, beside those in the labels that the study does not name: a slip, perhaps."""
    labels = [one.labels for one in check.recordings if one.labels is not None]
    seen = dict.fromkeys(bout.behavior for one in labels for bout in one.bouts)
    behaviors = [behavior.name for behavior in check.study.behaviors]
    others = ", ".join(name for name in seen if name not in behaviors)
    also = f"; the labels have, besides those of the study, {others}" if others else ""
    return [f"no bout of {name} in any recording{also}" for name in behaviors if labels and name not in seen]


def _merged_assumptions(recordings: Sequence[CheckedRecording]) -> list[tuple[list[str], str]]:
    """Return every sentence once, without the name of its recording or file, and the recordings it is about."""
    about: dict[str, list[str]] = {}
    for one in recordings:
        for sentence in one.assumptions:
            about.setdefault(_without_name(one, sentence), []).append(one.entry.name)
    return [(names, sentence) for sentence, names in about.items()]


def _without_name(one: CheckedRecording, sentence: str) -> str:
    annotator = one.labels.annotator if one.labels is not None else ""
    for name in (Path(one.entry.label_path or "").name, f"{one.entry.name}, {annotator}", one.entry.name):
        if sentence.startswith(f"{name}: "):
            return sentence.removeprefix(f"{name}: ")
    return sentence


def _named(names: Sequence[str], n_all: int) -> str:
    if len(names) <= NAMED_RECORDINGS:
        return ", ".join(names)
    return f"all {n_all} recordings" if len(names) == n_all else f"{len(names)} recordings"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
