"""``nsp queue --simulate``: what the queue would have been worth, on labels that are there."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from nsp_adapters.simulated import write_simulated_study
from nsp_flows import queue_simulation
from tests.flows.direct_run import run_directly

Command = Callable[[Sequence[object]], tuple[int, str, str]]

SEARCH = """
[features]
use = ["nose_to_nose", "speed"]

[search]
seeds = [0]
max_complexity = 2
"""
OPTIONS = ["--behavior", "contact", "--simulate", 60, "--clip-s", 5]


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_simulated_study(tmp_path_factory.mktemp("study"), seed=0, n_recordings=4, minutes=1)
    path.write_text(path.read_text(encoding="utf-8") + SEARCH, encoding="utf-8")
    return path


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    run_directly(monkeypatch, queue_simulation)
    monkeypatch.setattr(queue_simulation, "SEEDS", (0,))


def test_both_ways_of_choosing_clips_are_compared_and_kept(
    study_file: Path, tmp_path: Path, nsp: Command, direct: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["queue", study_file, *OPTIONS, "--out", tmp_path / "out"]
    code, output, errors = nsp(command)
    assert code == 0, errors
    assert re.search(r"^annotator s +proposed clips: F1 +AP +random clips: F1 +AP$", output, re.MULTILINE)
    assert re.search(r"^verdict F1 \d\.\d{3}, which random clips end with on average, is", output, re.MULTILINE)
    rounds = pd.read_csv(tmp_path / "out" / "queue_simulation.csv")
    assert set(rounds["policy"]) == {"active", "random"}
    first = rounds.groupby("policy").first()
    # Both start from the same bouts, and nobody annotates for longer than was asked.
    assert first["cost_s"].nunique() == first["f1"].nunique() == 1
    assert rounds["cost_s"].max() <= max(60, first["cost_s"].max())
    assert (tmp_path / "out" / "queue_simulation.png").read_bytes().startswith(b"\x89PNG")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("annotated again")

    monkeypatch.setattr(queue_simulation, "simulate_annotation", refuse)
    assert nsp(command)[:2] == (code, output)


def test_labeled_recordings_to_judge_by_are_needed(study_file: Path, tmp_path: Path, nsp: Command) -> None:
    path = study_file.with_name("no_validation.toml")
    path.write_text(study_file.read_text(encoding="utf-8").replace('role = "validation"', 'role = "test"'))
    code, _, errors = nsp(["queue", path, *OPTIONS, "--out", tmp_path / "out"])
    assert code == 2
    assert "no labeled recording of the role validation" in errors
