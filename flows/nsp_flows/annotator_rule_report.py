"""What a rule says of annotators: printed, and written as tables and as a page to read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nsp_adapters.atomic import atomic_write_text, sweep_stale
from nsp_adapters.tables import write_table_csv
from nsp_core.dsl.printing import format_program
from nsp_core.weak.annotator_comparison import account_of, constant_name, constant_table
from nsp_flows.annotator_rule import FittedToAnnotators, RuleComparison
from nsp_flows.telling import counted, print_whole, say

__all__ = ["print_rule_comparison", "write_rule_comparison"]

PROGRAMS, CONSTANTS, SCORES, ACCOUNT = "rule_programs.csv", "rule_constants.csv", "rule_scores.csv", "rule_account.md"
AS_WRITTEN, OF_ALL = "as written", "program of all"
OWN, OF_OTHER, ANNOTATOR = "own program", "program of another", "another annotator"
NOTHING = "-"
SCORE_HEADER = ("who says", "of whom", "F1", "kappa", "held-out F1", "held-out kappa", "(folds)", "decided")


def print_rule_comparison(outcome: RuleComparison, console: Console) -> None:
    """Print what the rule says of how annotators differ, for a person at a terminal."""
    console.print()
    for sentence in outcome.notes:
        say(console, "note", sentence, style="yellow")
    if outcome.fitted is not None:
        _print_fitted(outcome, outcome.fitted, console)
    for failure in outcome.failures:
        say(console, "failed", f"{failure.subject} ({failure.stage}): {failure.error}", style="red")


def write_rule_comparison(outcome: RuleComparison, out: Path) -> tuple[Path, ...]:
    """Write what the rule says into ``out``, each file whole or not at all, and return the paths; none if it failed.

    ``rule_programs.csv`` (the rule as it was written, fitted to all together, and to each), ``rule_constants.csv`` (a
    constant per annotator, and its difference per two), ``rule_scores.csv`` (how programs and annotators agree, on what
    was fitted to and held out) and ``rule_account.md`` (all of it to read). An empty cell is an undefined value.

    Raises
    ------
    OutputError
        If ``out`` cannot be written.
    """
    fitted = outcome.fitted
    if fitted is None:
        return ()
    sweep_stale(out)
    programs = pd.DataFrame(_programs(fitted), columns=["kind", "of", "text"], dtype="string")
    constants = constant_table(fitted.programs)
    for name in ("value", "low", "high"):
        # A constant may be a thousandth: decimals would cut it off.
        constants[name] = constants[name].map("{:.6g}".format, na_action="ignore").astype("string")
    tables = {PROGRAMS: programs, CONSTANTS: constants, SCORES: fitted.scores}
    for name, table in tables.items():
        write_table_csv(out / name, _of_behavior(table, outcome))
    atomic_write_text(out / ACCOUNT, _page(outcome, fitted))
    return tuple(out / name for name in (*tables, ACCOUNT))


def _print_fitted(outcome: RuleComparison, fitted: FittedToAnnotators, console: Console) -> None:
    title = f"{outcome.behavior.name}: rule {outcome.rule.name}, fitted to each annotator"
    console.print()
    console.print(title, style="bold", markup=False, highlight=False)
    for header, rows in (
        (("program", "text"), _program_rows(fitted)),
        (_constant_header(fitted), _constant_rows(fitted)),
        (SCORE_HEADER, _score_rows(fitted.scores)),
    ):
        print_whole(_table(header, rows), console)
        console.print()
    for sentence in _sentences(outcome, fitted):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    console.print()
    for sentence in _legend(fitted):
        console.print(sentence, style="dim", markup=False, highlight=False, soft_wrap=True)


def _page(outcome: RuleComparison, fitted: FittedToAnnotators) -> str:
    """Return the account as Markdown."""
    recordings = f"{counted(len(outcome.recordings), 'recording')}: {', '.join(outcome.recordings)}"
    parts = [
        f"# {outcome.behavior.name}: rule {outcome.rule.name}, fitted to each annotator",
        *(f"Note: {note}." for note in outcome.notes),
        f"{recordings}.",
        *(f"- {sentence}" for sentence in _sentences(outcome, fitted)),
        "## Programs",
        _markdown(("program", "text"), [(who, f"`{text}`") for who, text in _program_rows(fitted)]),
        "## Constants",
        _markdown(_constant_header(fitted), _constant_rows(fitted)),
        "## Agreement of programs and annotators",
        _markdown(SCORE_HEADER, _score_rows(fitted.scores)),
        *(f"- {sentence}" for sentence in _legend(fitted)),
    ]
    ends = ["\n" if one.startswith("- ") and other.startswith("- ") else "\n\n" for one, other in pairwise(parts)]
    return "".join(part + end for part, end in zip(parts, [*ends, "\n"], strict=True))


def _programs(fitted: FittedToAnnotators) -> list[tuple[str, str | None, str]]:
    """Return kind, annotator (None for a program of nobody or of all) and text of every program."""
    found = fitted.programs
    nobodys = [(AS_WRITTEN, None, format_program(found.given)), (OF_ALL, None, format_program(found.common))]
    return [*nobodys, *((OWN, who, format_program(program)) for who, program in found.programs.items())]


def _program_rows(fitted: FittedToAnnotators) -> list[tuple[str, str]]:
    return [(_whose(kind, of), text) for kind, of, text in _programs(fitted)]


def _whose(kind: str, of: str | None) -> str:
    return kind if of is None else of if kind == ANNOTATOR else f"program of {of}"


def _constant_header(fitted: FittedToAnnotators) -> tuple[str, ...]:
    return ("constant", "unit", *fitted.programs.programs)


def _constant_rows(fitted: FittedToAnnotators) -> list[tuple[str, ...]]:
    return [
        (
            constant_name(fitted.programs, one),
            one.constant.unit or NOTHING,
            *(f"{each.value:.3g}{_between(each.interval.low, each.interval.high, '.3g')}" for each in one.estimates),
        )
        for one in fitted.programs.constants
    ]


def _score_rows(scores: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the scores as text; those of programs with the labels of others are in the table on disk only."""
    rows = []
    for one in _records(scores):
        if one["kind"] == OF_OTHER:
            continue
        who = _whose(one["kind"], None if pd.isna(one["of"]) else one["of"])
        figures = (_figure(one[name]) for name in ("f1", "kappa", "f1_held_out", "kappa_held_out"))
        folds = _between(one["kappa_worst_fold"], one["kappa_best_fold"], ".2f").strip() or NOTHING
        rows.append((who, one["annotator"], *figures, folds, f"{100 * one['coverage_held_out']:.1f} %"))
    return rows


def _sentences(outcome: RuleComparison, fitted: FittedToAnnotators) -> list[str]:
    """Return what the constants say, and how far programs can stand for their annotators."""
    records = [(one, _figure(one["kappa_held_out"])) for one in _records(fitted.scores)]
    of_own = ", ".join(f"{one['annotator']} {kappa}" for one, kappa in records if one["kind"] == OWN)
    of_pairs = ", ".join(
        f"{one['of']} and {one['annotator']} {kappa}" for one, kappa in records if one["kind"] == ANNOTATOR
    )
    told = f"kappa of each program with its own annotator, held out: {of_own}"
    return [
        *account_of(fitted.programs, outcome.behavior.name, agreement=False),
        f"{told}; of annotators with each other, on the same frames: {of_pairs}",
    ]


def _legend(fitted: FittedToAnnotators) -> list[str]:
    found, held = fitted.programs, fitted.held
    legend = [
        f"held out: by programs fitted without the {held.divided} they are judged on, in {len(held.folds)} folds "
        "(in brackets the worst and the best of them); annotators on the same frames",
        "a frame on which a program abstains counts as absent; decided: share of the held-out frames where it does not",
    ]
    if found.n_refits:
        halves = f"{found.n_refits} random halves of the {found.drawn}"
        legend.append(f"constants: in brackets 95 % intervals, from fits to {halves}")
    return legend


def _records(scores: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in one.items()} for one in scores.to_dict("records")]


def _of_behavior(table: pd.DataFrame, outcome: RuleComparison) -> pd.DataFrame:
    table = table.copy()
    table.insert(0, "behavior", outcome.behavior.name)
    table.insert(1, "rule", outcome.rule.name)
    return table


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in header:
        table.add_column(Text(name), no_wrap=True)
    for row in rows:
        # Text, not markup: speed[agent] holds no style.
        table.add_row(*map(Text, row))
    return table


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _figure(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.2f}"


def _between(low: float, high: float, digits: str) -> str:
    return "" if math.isnan(low) else f" ({low:{digits}} to {high:{digits}})"
