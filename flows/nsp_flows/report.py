"""What a run prints at its end: each program as text, its scores beside all baselines, and where the tables are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from nsp_adapters.synthesis import Publication
from nsp_flows.outcome import RunOutcome

__all__ = ["print_outcome", "score_cell", "scores_markdown"]

MEASURES = ("f1", "ap")
SHORT = {"train": "train", "validation": "val", "test": "test"}
MODEL_NAMES = {
    "always_positive": "always positive",
    "one_threshold": "one threshold",
    "depth3_tree": "depth-3 tree",
    "logistic_regression": "logistic regression",
    "gradient_boosting": "gradient boosting",
    "missingness_only": "missingness only",
}


def print_outcome(outcome: RunOutcome, out: Path, console: Console) -> None:
    """Print programs, scores, failures and places, for a person at a terminal."""
    for publication in outcome.publications:
        _print_publication(publication, console)
    for failure in outcome.failures:
        console.print("failed ", style="red", end="")
        told = f"{failure.subject} ({failure.stage}): {failure.error}"
        console.print(told, markup=False, highlight=False, soft_wrap=True)
    console.print()
    places = {"programs": str(out / "programs")}
    if outcome.tables is not None:
        places["bouts"] = f"{outcome.tables.bouts_csv}  (and .parquet)"
        places["frames"] = str(outcome.tables.frames_parquet)
    places |= {"scores": str(out / "scores.json"), "manifest": str(outcome.manifest)}
    for name, place in places.items():
        # Without markup: a folder may be called results[final].
        console.print(f"{name:10} {place}", markup=False, highlight=False, soft_wrap=True)


def scores_markdown(publication: Publication) -> str:
    """Return a program and its scores beside all baselines as Markdown."""
    splits = list(publication.scores["program"])
    measures = [(split, measure) for split in splits for measure in MEASURES]
    lines = [
        f"## {publication.behavior}",
        "",
        "```",
        publication.text,
        "```",
        "",
        "| model | " + " | ".join(f"{split} {measure.upper()}" for split, measure in measures) + " |",
        "|---" * (len(measures) + 1) + "|",
    ]
    for model, scores in publication.scores.items():
        cells = [score_cell(scores.get(split, {}), measure, interval=True) for split, measure in measures]
        lines.append(f"| {MODEL_NAMES.get(model, model)} | " + " | ".join(cells) + " |")
    if not publication.beats_baselines:
        lines += ["", "**Does not beat its baselines on held-out recordings: do not rely on it.**"]
    return "\n".join(lines) + "\n"


def _print_publication(publication: Publication, console: Console) -> None:
    console.print(f"\n{publication.behavior}", style="bold", markup=False, highlight=False)
    console.print(Padding(publication.text, (0, 0, 0, 2)), markup=False, highlight=False)
    if not publication.beats_baselines:
        console.print("  [yellow]does not beat its baselines on held-out recordings: do not rely on it[/yellow]")
    console.print(_score_table(publication.scores))


def _score_table(scores: Mapping[str, Any]) -> Table:
    """Return models by scores; the last split, on which nothing was chosen, with its intervals over recordings."""
    splits = [split for split in ("validation", "test") if split in scores["program"]] or ["train"]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("model", no_wrap=True)
    for split in splits:
        for measure in MEASURES:
            table.add_column(f"{SHORT[split]} {measure.upper()}", no_wrap=True)
    table.add_column("seen", no_wrap=True)
    for model, by_split in scores.items():
        cells = [
            score_cell(by_split.get(split, {}), measure, interval=split == splits[-1])
            for split in splits
            for measure in MEASURES
        ]
        coverage = by_split.get(splits[-1], {}).get("coverage")
        shown = "-" if coverage is None else f"{coverage:.2f}"
        table.add_row(MODEL_NAMES.get(model, model), *cells, shown, style="bold" if model == "program" else None)
    return table


def score_cell(scores: Mapping[str, Any], measure: str, *, interval: bool) -> str:
    """Return a score as a table shows it, with its interval where asked and known; "-" where there is none."""
    value, low, high = (scores.get(name) for name in (measure, f"{measure}_low", f"{measure}_high"))
    if value is None:
        return "-"
    if not interval or low is None or high is None:
        return f"{value:.3f}"
    return f"{value:.3f} [{low:.2f} {high:.2f}]"
