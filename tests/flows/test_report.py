"""What a person reads at the end of a run: the program, its scores beside the baselines, failures, and places."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from nsp_adapters.inference import EthogramTables
from nsp_adapters.outputs import Failure
from nsp_adapters.synthesis import Publication
from nsp_flows.outcome import RunOutcome
from nsp_flows.report import print_outcome, scores_markdown

TEXT = "min_bout(nose_to_nose < 25 ± 3 mm and mean(speed[agent], 0.5 s) > 60 ± 9 mm/s, 0.2 s)"


def scores(f1: float | None, low: float | None = None, high: float | None = None) -> dict[str, object]:
    return {"f1": f1, "f1_low": low, "f1_high": high, "ap": f1, "ap_low": None, "ap_high": None, "coverage": 0.5}


def publication(*, beats_baselines: bool = True) -> Publication:
    models = ("program", "program, seed 1", "always_positive", "depth3_tree", "missingness_only")
    by_split = {
        "train": scores(0.9),
        "validation": scores(0.8, 0.6, 0.85),
        "test": scores(0.7, 0.5, 0.75),
    }
    return Publication(
        "contact", "0123456789ab", Path("p.json"), TEXT, dict.fromkeys(models, by_split), beats_baselines
    )


def printed(outcome: RunOutcome, out: Path = Path("out"), width: int = 100) -> str:
    text = io.StringIO()
    print_outcome(outcome, out, Console(file=text, width=width))
    return text.getvalue()


def outcome(*, published: tuple[Publication, ...] = (), failures: tuple[Failure, ...] = ()) -> RunOutcome:
    tables = EthogramTables(Path("out/bouts.parquet"), Path("out/bouts.csv"), Path("out/frames.parquet"))
    return RunOutcome(published, tables if published else None, failures, Path("out/manifest.json"))


def test_the_program_is_printed_as_it_is_written() -> None:
    text = printed(outcome(published=(publication(),)))
    assert TEXT in text, "brackets are not taken for markup"
    assert "do not rely on it" not in text


def test_a_program_that_does_not_beat_its_baselines_says_so() -> None:
    poor = publication(beats_baselines=False)
    assert "does not beat its baselines on held-out recordings" in printed(outcome(published=(poor,)))
    assert "Does not beat its baselines" in scores_markdown(poor)


def test_scores_stand_beside_all_baselines_with_intervals_where_nothing_was_chosen() -> None:
    lines = printed(outcome(published=(publication(),))).splitlines()
    (header,) = [line for line in lines if line.startswith("model")]
    (tree,) = [line for line in lines if line.startswith("depth-3 tree")]
    assert header.split() == ["model", "val", "F1", "val", "AP", "test", "F1", "test", "AP", "seen"]
    assert tree.removeprefix("depth-3 tree").split() == ["0.800", "0.800", "0.700", "[0.50", "0.75]", "0.700", "0.50"]
    assert {"always positive", "missingness only", "program, seed 1"} <= {line.split("  ")[0] for line in lines}


def test_markdown_has_a_row_per_model_and_a_column_per_split_and_measure() -> None:
    markdown = scores_markdown(publication())
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert rows[0] == "| model | train F1 | train AP | validation F1 | validation AP | test F1 | test AP |"
    assert rows[-1] == "| missingness only | 0.900 | 0.900 | 0.800 [0.60 0.85] | 0.800 | 0.700 [0.50 0.75] | 0.700 |"
    assert len({row.count("|") for row in rows}) == 1
    assert TEXT in markdown


def test_a_score_that_does_not_exist_is_a_dash() -> None:
    unscored = Publication("contact", "0", Path("p.json"), TEXT, {"program": {"test": scores(None)}}, False)
    assert "| program | - | - |" in scores_markdown(unscored)
    (line,) = [line for line in printed(outcome(published=(unscored,))).splitlines() if line.startswith("program  ")][
        :1
    ]
    assert line.split() == ["program", "-", "-", "0.50"]


def test_a_failure_is_one_line_that_tells_all() -> None:
    error = "sim07[1]DLC.csv, line 9: found 3 cells, expected 31 cells, as in the header; " + "repair the file " * 20
    text = printed(outcome(failures=(Failure("sim07", "extract features", error),)))
    assert f"failed sim07 (extract features): {error}" in text


@pytest.mark.parametrize("name", ["out", "results[final]", "/x[/]"])
def test_places_are_printed_as_they_are(name: str) -> None:
    text = printed(outcome(published=(publication(),)), Path(name))
    assert f"programs   {Path(name) / 'programs'}\n" in text
    assert f"scores     {Path(name) / 'scores.json'}\n" in text
    assert "bouts      out/bouts.csv" in text
    assert "manifest   out/manifest.json\n" in text


def test_without_tables_none_are_promised() -> None:
    text = printed(outcome(failures=(Failure("contact", "search programs", "labels: nothing"),)))
    assert "bouts" not in text
    assert "manifest" in text


def test_the_exit_code_says_whether_anything_failed() -> None:
    assert outcome(published=(publication(),)).exit_code == 0
    assert outcome(published=(publication(),), failures=(Failure("a", "b", "c"),)).exit_code == 1
