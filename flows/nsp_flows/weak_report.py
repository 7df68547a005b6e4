"""What ``nsp weak-label`` prints and leaves as ``report.md``: whether weak labels help, and what they rest on."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nsp_adapters.weak_labels import WeakLabelFiles
from nsp_flows.telling import counted, print_whole, say

__all__ = ["print_weak_labels", "report_markdown", "verdict_of"]

VARIANT_NAMES = {"without": "annotated frames alone", "with_weak": "with weak labels"}


def print_weak_labels(files: WeakLabelFiles, console: Console) -> None:
    """Print the verdict, the scores with and without, the program and where things are."""
    figures = files.figures()
    say(console, "from", _basis(figures))
    functions = pd.read_csv(files.functions_csv)
    say(console, "by", f"{counted(len(functions), 'labeling function')}, such as")
    console.print(Text(f"        {functions['program'].iloc[0]}"), soft_wrap=True)
    console.print()
    print_whole(_score_table(figures), console)
    console.print()
    say(console, "verdict", verdict_of(figures), style="green" if figures["helps"] else "yellow")
    say(console, "program", figures["program"])
    if not figures["beats_baselines"]:
        say(
            console,
            "note",
            "it does not beat all simple baselines on held-out bouts: do not rely on it",
            style="yellow",
        )
    for note in figures["notes"]:
        say(console, "note", note, style="yellow")
    say(console, "labels", f"{files.bouts_csv}  (and .parquet), every frame in {files.frames_parquet.name}")
    say(console, "program", str(files.program))
    say(console, "report", str(files.summary.with_name("report.md")))


def report_markdown(files: WeakLabelFiles) -> str:
    """Return the account of weak labels as markdown."""
    figures = files.figures()
    functions = pd.read_csv(files.functions_csv)
    lines = [
        f"# Labels of {figures['behavior']} from {counted(figures['n_bouts'], 'annotated bout')}",
        "",
        _basis(figures) + ".",
        "",
        f"**{verdict_of(figures).capitalize()}.** Scores on annotated frames that neither labels nor program had seen, "
        "weighted to the class balance, with 95 % intervals over recordings:",
        "",
        "| learned from | F1 | AP |",
        "|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in _score_rows(figures)),
        "",
        "The program learned from " + _kept(figures) + ":",
        "",
        "```",
        figures["program"],
        "```",
        "",
        "## Labeling functions",
        "",
        "How each votes: the share of present frames it finds, of absent frames it takes for present, and of both on "
        "which it abstains. Weight is the share of its evidence that counts, less than one where others err with it.",
        "",
        "| function | finds | false alarms | abstains (present) | abstains (absent) | weight |",
        "|---|---|---|---|---|---|",
    ]
    for _, row in functions.iterrows():
        rates = [row[name] for name in ("present_found", "false_alarms", "present_abstained", "absent_abstained")]
        lines.append(f"| `{row['program']}` | " + " | ".join(f"{rate:.2f}" for rate in [*rates, row["weight"]]) + " |")
    lines += ["", "## What the votes cannot tell", ""]
    lines += [f"- {note}" for note in figures["notes"]] or ["- Nothing that was looked for."]
    return "\n".join(lines) + "\n"


def verdict_of(figures: dict[str, Any]) -> str:
    """Return whether weak labels are kept, in one sentence without a period."""
    if figures["helps"]:
        return "weak labels help on held-out bouts and are kept"
    return "weak labels do not help on held-out bouts: the program is learned from annotated frames alone"


def _kept(figures: dict[str, Any]) -> str:
    return "annotated frames and weak labels" if figures["helps"] else "annotated frames alone"


def _basis(figures: dict[str, Any]) -> str:
    balance = figures["balance"]
    share, low, high = (f"{100 * balance[name]:.2g}" for name in ("share", "low", "high"))
    bouts = counted(figures["n_bouts"], "annotated bout")
    return (
        f"{bouts}, {figures['annotated_s']:.0f} s of {figures['recorded_s'] / 60:.0f} min; "
        f"{figures['behavior']} in {share} % of all frames ({low} to {high}, {balance['source']})"
    )


def _score_rows(figures: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = []
    for variant, name in VARIANT_NAMES.items():
        scores = figures["scores"][variant]["held_out"]
        rows.append((name, _with_interval(scores, "f1"), _with_interval(scores, "ap")))
    return rows


def _with_interval(scores: dict[str, float | None], measure: str) -> str:
    value, low, high = (scores.get(name) for name in (measure, f"{measure}_low", f"{measure}_high"))
    if value is None:
        return "-"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} [{low:.3f} {high:.3f}]"


def _score_table(figures: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("held-out bouts", "F1", "AP"):
        table.add_column(name, no_wrap=True)
    for row in _score_rows(figures):
        table.add_row(*row)
    return table
