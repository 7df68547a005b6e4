"""The command ``nsp stability``: what it prints and leaves, what a second call keeps, and what it refuses."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nsp_adapters.outputs import Failure
from nsp_flows import stability as module
from nsp_flows.stability import StabilityOutcome, print_stability, stability_markdown
from tests.flows.direct_run import run_directly

Command = Callable[[list[object]], tuple[int, str, str]]
FEW = ("--seeds", 1, "--bootstraps", 1, "--jitter-px", 1, "--workers", 1)
RUNS = ("reference", "seed1", "bootstrap1", "jitter1px", "poses-jitter1px")

HASTE = """budget_candidates = 10
[features]
use = ["nose_to_nose", "centroid_distance", "speed", "approach_speed"]
"""

SAME = {"mean": 1.0, "low": 1.0, "high": 1.0, "n": 1}
WIDE = {"mean": 0.8, "low": 0.65, "high": 0.95, "n": 3}
NONE = {"mean": None, "low": None, "high": None, "n": 0}
KIND = {
    "kind": "seed", "n_runs": 3, "n_same_program": 1, "kappa": WIDE, "kappa_among": NONE, "share_decided": SAME,
    "features": SAME, "features_among": SAME, "windowed_features": SAME, "windowed_features_among": SAME,
    "complexity": {"mean": 8.5, "low": 6, "high": 12, "n": 3}, "complexity_difference": SAME, "f1": SAME,
}  # fmt: skip
RUN = {
    "kind": "seed", "label": "seed 1", "program": "speed[agent] > 30 ± 4 mm/s", "complexity": 3, "f1": None,
    "kappa": None, "share_decided": 1.0, "features": 0.5, "windowed_features": 0.0,
}  # fmt: skip
VALUES = {
    "behavior": "contact[1]",
    "compared_on": ["sim03", "sim04"],
    "reference_seed": 7,
    "reference": {**RUN, "kind": "reference", "label": "reference", "program": "nose_to_nose < 22 ± 3 mm"},
    "runs": [RUN],
    "kinds": [KIND],
    "thresholds": [
        {
            "quantity": "speed[agent]", "relation": ">", "unit": "mm/s", "n_runs": 2, "median": 31.0, "low": 30.0,
            "high": 32.0, "softness": 4.0, "spread_in_softness": 0.5,
        }
    ],
    "reference_on_jittered_poses": [{"jitter_px": 0.5, "kappa": 0.91, "observed": 0.97, "share_decided": 0.99}],
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def in_this_process() -> Iterator[None]:
    """Processes of its own take seconds to start."""
    with pytest.MonkeyPatch.context() as patch:
        run_directly(patch, module)
        yield


@pytest.fixture(scope="module")
def hasty_study(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small study with its recordings where they are, searched for few candidates among few features."""
    text = small_study.read_text(encoding="utf-8").partition("[features]")[0]
    path = tmp_path_factory.mktemp("hasty") / "study.toml"
    data = f"[study]\ndata = '{small_study.parent.as_posix()}'"
    path.write_text(text.replace("[study]", data) + HASTE, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def measured(
    hasty_study: Path, tmp_path_factory: pytest.TempPathFactory, start_python: Callable[..., subprocess.Popen[str]]
) -> tuple[Path, str]:
    """Output folder and printed text of one call for one behavior; tests must not change what it left."""
    out = tmp_path_factory.mktemp("measured") / "out"
    command = ["stability", hasty_study, "--out", out, "--behavior", "contact", *FEW]
    process = start_python("from nsp_flows.cli import main; main()", *command)
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    assert "Warning" not in errors
    assert "search programs" in errors, "it shows how far it is"
    return out, output


def values(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def printed(outcome: StabilityOutcome) -> str:
    text = io.StringIO()
    print_stability(outcome, Console(file=text, width=100))
    return text.getvalue()


def test_a_call_leaves_a_report_beside_all_that_it_was_made_from(measured: tuple[Path, str]) -> None:
    out, _ = measured
    folder = out / "stability"
    assert sorted(path.name for path in folder.iterdir()) == ["contact.json", "contact.md", "runs"]
    pieces = {path.name.rpartition("-")[0] for path in (folder / "runs").iterdir()}
    assert pieces == {f"contact-{run}" for run in RUNS}
    report = values(folder / "contact.json")
    assert [one["label"] for one in report["runs"]] == ["seed 1", "bootstrap 1", "jitter 1 px"]
    assert report["compared_on"] == ["sim03", "sim04"]


def test_a_call_prints_the_program_the_tables_and_where_the_report_is(measured: tuple[Path, str]) -> None:
    out, output = measured
    report = values(out / "stability" / "contact.json")
    told = re.sub(r"\s+", " ", output)
    assert report["reference"]["program"] in told
    for said in ("other seeds bootstraps jitter", "kappa with the reference", "1 px", "range / softness"):
        assert said in told
    assert str(out / "stability" / "contact.json") in output
    assert "approach" not in output


def test_a_second_call_computes_nothing_and_changes_no_byte(
    measured: tuple[Path, str],
    hasty_study: Path,
    nsp: Command,
    tmp_path: Path,
    contents: Callable[[Path], dict[str, bytes]],
) -> None:
    first, printed_first = measured
    out = Path(shutil.copytree(first, tmp_path / "out"))
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.json")}
    code, output, _ = nsp(["stability", hasty_study, "--out", out, "--behavior", "contact", *FEW])
    assert code == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.json")} == before
    assert contents(out) == contents(first)
    assert output.replace(str(out), str(first)) == printed_first


def test_more_runs_add_to_those_that_are_there(
    measured: tuple[Path, str], hasty_study: Path, nsp: Command, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(measured[0], tmp_path / "out"))
    before = {path: path.stat().st_mtime_ns for path in (out / "stability" / "runs").iterdir()}
    fewer = ("--seeds", 2, "--bootstraps", 1, "--jitter-px", 0, "--workers", 1)
    code, _, _ = nsp(["stability", hasty_study, "--out", out, "--behavior", "contact", *fewer])
    assert code == 0
    after = {path: path.stat().st_mtime_ns for path in (out / "stability" / "runs").iterdir()}
    assert {path.name.rpartition("-")[0] for path in after.keys() - before.keys()} == {"contact-seed2"}
    assert {path: after[path] for path in before} == before
    report = values(out / "stability" / "contact.json")
    assert [one["label"] for one in report["runs"]] == ["seed 1", "seed 2", "bootstrap 1"]


def test_nothing_to_repeat_is_one_line(hasty_study: Path, nsp: Command, tmp_path: Path) -> None:
    none = ("--seeds", 0, "--bootstraps", 0, "--jitter-px", 0)
    code, output, errors = nsp(["stability", hasty_study, "--out", tmp_path / "out", *none])
    assert (code, output) == (2, "")
    assert re.fullmatch(r"error: stability: found no seed, no bootstrap and no jitter, .*--jitter-px\n", errors)
    assert not (tmp_path / "out").exists()


def test_an_unknown_behavior_is_one_line_with_the_closest_one(hasty_study: Path, nsp: Command, tmp_path: Path) -> None:
    code, output, errors = nsp(["stability", hasty_study, "--out", tmp_path / "out", "--behavior", "contakt", *FEW])
    assert (code, output) == (2, "")
    expected = r"error: --behavior: found the behavior 'contakt', expected one of contact, approach; did you mean"
    assert re.fullmatch(rf"{expected} 'contact'\?\n", errors)
    assert not (tmp_path / "out").exists()


def test_a_study_without_recordings_to_search_on_is_one_line(hasty_study: Path, nsp: Command, tmp_path: Path) -> None:
    text = hasty_study.read_text(encoding="utf-8")
    study = tmp_path / "study.toml"
    for role in ("train", "validation"):
        text = text.replace(f'role = "{role}"', 'role = "infer"')
    study.write_text(text, encoding="utf-8")
    code, output, errors = nsp(["stability", study, "--out", tmp_path / "out", *FEW])
    assert (code, output) == (2, "")
    assert re.fullmatch(r"error: simulated dyads: found no labeled recording of the role train, .*\n", errors)
    assert not (tmp_path / "out").exists()


def test_recordings_without_labels_are_told_of_and_so_is_what_cannot_be_searched(
    hasty_study: Path, small_study: Path, nsp: Command, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(small_study.parent, tmp_path / "study"))
    shutil.copy(hasty_study, folder / "hasty.toml")
    text = (folder / "hasty.toml").read_text(encoding="utf-8")
    (folder / "hasty.toml").write_text(text.replace(small_study.parent.as_posix(), folder.as_posix()))
    for name in ("sim01", "sim02", "sim03"):
        (folder / "labels" / f"{name}.csv").unlink()
    code, output, _ = nsp(["stability", folder / "hasty.toml", "--out", tmp_path / "out", *FEW])
    assert code == 1
    failed = [line for line in output.splitlines() if line.startswith("failed")]
    assert [line.split()[1] for line in failed] == ["sim01", "sim02", "sim03", "contact", "approach"]
    assert "(read labels)" in failed[0]
    assert re.search(r"\(search programs\): behavior contact: found no usable train recording, .*mend", failed[3])
    assert "report" not in output
    assert not (tmp_path / "out" / "stability").exists()


def test_tables_print_what_is_not_markup_and_a_dash_for_what_does_not_exist() -> None:
    text = printed(StabilityOutcome({Path("out/stability/c[1].json"): VALUES}, (), ("scale unknown [bl]",)))
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]
    for line in (
        "note scale unknown [bl]",
        "contact[1]",
        "nose_to_nose < 22 ± 3 mm",
        "runs 3",
        "the very same program 1",
        "kappa with the reference 0.80 [0.65 0.95]",
        "kappa with each other -",
        "complexity 8.5 [6 12]",
        "held-out F1 1.00",
        "0.5 px 0.91 0.97 0.99",
        "speed[agent] > 2 31 mm/s 30 .. 32 0.50",
        "report out/stability/c[1].json (and .md)",
    ):
        assert line in lines


def test_a_failure_is_one_line_that_tells_all() -> None:
    outcome = StabilityOutcome({}, (Failure("contact", "search programs", "labels[1]: nothing " * 12),))
    assert f"failed contact (search programs): {'labels[1]: nothing ' * 12}".strip() in printed(outcome)
    assert outcome.exit_code == 1
    assert StabilityOutcome({}, ()).exit_code == 0


def test_markdown_has_every_program_that_was_found() -> None:
    markdown = stability_markdown(VALUES)
    assert markdown.startswith("# Stability of contact[1]\n")
    assert "seed 7" in markdown
    assert "sim03, sim04" in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert "| kappa with the reference | 0.80 [0.65 0.95] |" in rows
    assert rows[-1] == "| seed 1 | - | 0.50 | 3 | - | `speed[agent] > 30 ± 4 mm/s` |"
    tables = markdown.split("\n\n|")[1:]
    assert len(tables) == 4
    for table in tables:
        assert len({row.lstrip("|").count("|") for row in table.splitlines() if row}) == 1


def test_a_report_without_jitter_or_shared_thresholds_leaves_these_tables_out() -> None:
    few = VALUES | {"thresholds": [], "reference_on_jittered_poses": []}
    assert len(stability_markdown(few).split("\n\n|")[1:]) == 2
    assert "softness" not in printed(StabilityOutcome({Path("c.json"): few}, ()))


def test_help_says_what_is_repeated_and_how_often(nsp: Command) -> None:
    code, output, _ = nsp(["stability", "--help"])
    assert code == 0
    for option in ("--behavior", "--seeds", "--bootstraps", "--jitter-px", "--workers"):
        assert option in output
