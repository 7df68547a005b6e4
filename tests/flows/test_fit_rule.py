"""``nsp fit`` as a scientist meets it: what it prints of a rule, what it leaves, and what it says of mistakes."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from nsp_adapters.programs import read_program, write_program
from nsp_adapters.simulated import write_simulated_study
from nsp_adapters.study import read_study
from nsp_core.dsl.constants import constants_of
from nsp_core.dsl.text import parse_program
from nsp_core.labels import Behavior
from nsp_core.program import ProgramArtifact
from nsp_flows import fit_rule as module
from nsp_flows.fit_rule import FitOutcome, fit_rule_file, print_fit
from tests.flows.direct_run import run_directly

Command = Callable[[Sequence[object]], tuple[int, str, str]]

# Planted: min_bout(nose_to_nose < 25 mm and mean(speed[higher], 0.5 s) < 60 mm/s, 0.2 s).
RULE = """# Contact: close,
# and not in passing.
min_bout(
  nose_to_nose < 40 mm  # by eye
  and mean(speed[higher], 2 s) < 100 mm/s,
  0.5 s)
"""
AS_WRITTEN = "min_bout(nose_to_nose < 40 mm and mean(speed[higher], 2 s) < 100 mm/s, 0.5 s)"
FEATURES = '\n[features]\nuse = ["nose_to_nose", "speed", "centroid_distance"]\n\n[search]\nseeds = [0]\n'


@pytest.fixture(scope="module", autouse=True)
def in_this_process() -> Iterator[None]:
    """Processes of its own take seconds to start."""
    with pytest.MonkeyPatch.context() as patch:
        run_directly(patch, module)
        yield


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four recordings of half a minute in three features; tests must not change it."""
    path = write_simulated_study(tmp_path_factory.mktemp("study"), seed=0, n_recordings=4, minutes=0.5)
    path.write_text(path.read_text(encoding="utf-8") + FEATURES, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def rule_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "contact.nsp"
    path.write_text(RULE, encoding="utf-8")
    return path


def printed(outcome: FitOutcome, width: int = 120) -> str:
    text = io.StringIO()
    print_fit(outcome, Console(file=text, width=width))
    return text.getvalue()


@pytest.fixture(scope="module")
def fit(study_file: Path, rule_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[FitOutcome, Path, str]:
    """Outcome, output folder and what was shown meanwhile of fitting the rule where a run has left a program."""
    out = tmp_path_factory.mktemp("fit") / "out"
    study = read_study(study_file, environment={})
    shown = io.StringIO()
    first = fit_rule_file(rule_file, study, out=out, keep=True, console=Console(file=shown))
    # What a run would leave: a program with scores of its own on the same recordings.
    assert first.fitted is not None
    found = ProgramArtifact(
        study.behaviors[0], parse_program("nose_to_nose < 30 mm"), study.roles, study.cleaning, study.length_reference,
        scores={"program": first.fitted.scores["program"]},
    )  # fmt: skip
    write_program(out / "programs" / "contact.json", found)
    console = Console(file=shown, force_terminal=True, width=120)
    return fit_rule_file(rule_file, study, out=out, console=console), out, shown.getvalue()


def test_the_rule_is_printed_as_written_and_as_fitted_with_every_constant_that_changed(
    fit: tuple[FitOutcome, Path, str],
) -> None:
    outcome, _, _ = fit
    assert outcome.fitted is not None
    text = printed(outcome)
    assert "\ncontact: rule contact\n" in text
    assert f"  as written\n    {AS_WRITTEN}" in text
    assert f"  as fitted\n    {outcome.fitted.text}" in text
    near = next(one for one in constants_of(outcome.fitted.condition) if one.unit == "mm")
    assert near.value == pytest.approx(25, abs=4)
    assert re.search(rf"^    threshold +40 -> {near.value:g} mm +nose_to_nose < *$", text, re.MULTILINE)
    assert re.search(r"^    threshold +100 -> \d+(\.\d+)? mm/s +mean\(speed\[higher\], 2 s\) < *$", text, re.MULTILINE)
    assert re.search(r"^    width +2 -> 0\.\d+ s +mean\(speed\[higher\], 2 s\) *$", text, re.MULTILINE)


def test_scores_stand_beside_the_program_found_and_all_baselines_with_intervals(
    fit: tuple[FitOutcome, Path, str],
) -> None:
    text = printed(fit[0], width=80)
    for measure in ("F1", "AP"):
        lines = text.splitlines()
        start = next(index for index, line in enumerate(lines) if line.split()[:1] == [measure])
        assert lines[start].split() == [measure, "train", "validation", "test"]
        rows = [line.split("  ")[0] for line in lines[start + 1 : start + 10]]
        assert rows == [
            "rule, fitted", "rule, as written", "program found", "always positive", "one threshold", "depth-3 tree",
            "logistic regression", "gradient boosting", "missingness only",
        ]  # fmt: skip
        # Of three recordings there are intervals, of the one that tests there is none.
        scored = r"0\.\d{3} \[0\.\d\d [01]\.\d\d\]"
        assert re.fullmatch(rf"rule, fitted +{scored} +{scored} +0\.\d{{3}} *", lines[start + 1])
        assert re.fullmatch(rf"depth-3 tree +- +{scored} +0\.\d{{3}} *", lines[start + 6])
        assert all(len(line) <= 80 for line in lines[start : start + 10]), "a terminal shows it whole"


def test_progress_is_shown(fit: tuple[FitOutcome, Path, str]) -> None:
    for stage in ("extract features", "read labels", "fit the rule"):
        assert stage in fit[2]


def test_the_fitted_rule_is_a_program_file_that_can_be_run(
    fit: tuple[FitOutcome, Path, str], study_file: Path, tmp_path: Path, nsp: Command
) -> None:
    outcome, out, _ = fit
    assert outcome.exit_code == 0
    assert outcome.program_path == out / "rules" / "contact.json"
    assert f"program    {outcome.program_path}" in printed(outcome)
    assert outcome.fitted is not None
    artifact = read_program(out / "rules" / "contact.json")
    assert artifact.text == outcome.fitted.text
    assert list(artifact.scores)[:3] == ["program", "rule as written", "found program"]
    assert artifact.scores["found program"] == artifact.scores["rule as written"]
    (poses,) = (study_file.parent / "poses").glob("sim04DLC*.csv")
    command = ["infer", "--program", out / "rules" / "contact.json", "--poses", poses, "--fps", 30]
    code, output, _ = nsp([*command, "--scale-mm-per-px", 0.5, "--out", tmp_path])
    assert (code, output) == (0, f"tables in {tmp_path / 'ethograms'}\n")


def test_the_constants_are_kept_where_that_is_asked_and_nothing_is_scored_twice(
    fit: tuple[FitOutcome, Path, str], study_file: Path, rule_file: Path, tmp_path: Path, nsp: Command
) -> None:
    out = Path(shutil.copytree(fit[1], tmp_path / "out"))
    (baselines,) = (out / "search").glob("contact-baselines-*.json")
    before = baselines.stat().st_mtime_ns
    code, output, _ = nsp(["fit", rule_file, "--study", study_file, "--keep", "--out", out, "--workers", 1])
    assert code == 0
    assert AS_WRITTEN in re.sub(r"\s+", " ", output)
    assert "as fitted" not in output
    assert "->" not in output
    assert re.search(r"^rule  ", output, re.MULTILINE)
    assert "rule, fitted" not in output
    kept = read_program(out / "rules" / "contact.json")
    assert kept.text == AS_WRITTEN
    fitted = read_program(fit[1] / "rules" / "contact.json")
    assert kept.scores["program"] == fitted.scores["rule as written"]
    assert kept.scores["depth3_tree"] == fitted.scores["depth3_tree"]
    assert baselines.stat().st_mtime_ns == before


def test_a_rule_that_does_not_beat_the_baselines_is_not_to_be_relied_on(
    study_file: Path, tmp_path: Path, nsp: Command
) -> None:
    (tmp_path / "far.nsp").write_text("nose_to_nose > 100 mm")
    before = set(study_file.parent.rglob("*"))
    code, output, errors = nsp(
        ["fit", tmp_path / "far.nsp", "--study", study_file, "--behavior", "contact", "--keep", "--workers", 1]
    )
    assert code == 0
    warning = (
        r"does not beat always positive \(F1, AP\), .*depth-3 tree \(F1, AP\) on recordings it was not fitted on: do"
    )
    assert re.search(warning, output)
    assert "program   " not in output, "no file is promised"
    assert set(study_file.parent.rglob("*")) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["far.nsp"]
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# near\nnose_to_nose <\n", r"contact\.nsp, line 2, column 15.*found the end of the text"),
        ("nose_to_nose < 22 furlong", r"contact\.nsp, line 1, column 19.*found the unit 'furlong'"),
        ("nose_to_nose < 22 mm/s", r"contact\.nsp, line 1, column 1.*found a threshold in mm/s, expected mm"),
        (
            "nose_to_nos < 22 mm",
            r"contact\.nsp, line 1, column 1.*found the unknown feature 'nose_to_nos'.*nose_to_nose'",
        ),
        ("point_length_nose_to_paw[agent] < 22 mm", r"contact\.nsp, line 1, column 1.*expected the role paw"),
        ("# nothing", r"contact\.nsp: found no program"),
    ],
)
def test_a_rule_that_makes_no_sense_ends_with_its_place_before_anything_is_done(
    study_file: Path, tmp_path: Path, nsp: Command, content: str, message: str
) -> None:
    (tmp_path / "contact.nsp").write_text(content)
    code, output, errors = nsp(["fit", tmp_path / "contact.nsp", "--study", study_file, "--out", tmp_path / "out"])
    assert (code, output) == (2, "")
    assert re.match(f"error: {message}", errors, re.DOTALL), errors
    assert "Traceback" not in errors
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("near.nsp", [], "found 2 behaviors, and a rule called near, expected one of contact, approach"),
        ("near.nsp", ["--behavior", "contacts"], "found the behavior 'contacts', expected .* did you mean 'contact'?"),
    ],
)
def test_which_behavior_is_meant_must_be_said(
    study_file: Path, tmp_path: Path, nsp: Command, name: str, more: list[str], message: str
) -> None:
    (tmp_path / name).write_text("nose_to_nose < 22 mm")
    code, _, errors = nsp(["fit", tmp_path / name, "--study", study_file, *more])
    assert code == 2
    assert errors.startswith("error: --behavior: ")
    assert all(part in errors for part in message.split(" .* "))


def test_bad_recordings_and_a_broken_program_are_told_and_the_others_are_fitted_on(
    study_file: Path, rule_file: Path, tmp_path: Path, nsp: Command
) -> None:
    folder = Path(shutil.copytree(study_file.parent, tmp_path / "study"))
    (folder / "labels" / "sim01.csv").unlink()
    (pose_file,) = (folder / "poses").glob("sim04DLC*.csv")
    pose_file.write_text(pose_file.read_text()[:-100])
    out = tmp_path / "out"
    (out / "programs").mkdir(parents=True)
    (out / "programs" / "contact.json").write_text("{")
    code, output, _ = nsp(["fit", rule_file, "--study", folder / "study.toml", "--keep", "--out", out, "--workers", 1])
    assert code == 1
    assert re.search(r"^note the program found for contact is not shown: .*contact\.json: found no JSON", output)
    assert re.search(r"^failed sim04 \(extract features\): sim04DLC.*found \d+ cells", output, re.MULTILINE)
    assert re.search(r"^failed sim01 \(read labels\): .*sim01\.csv: found no such file", output, re.MULTILINE)
    assert re.search(r"^F1 +train +validation *$", output, re.MULTILINE), "no recording is left to test on"
    scores = json.loads((out / "rules" / "contact.json").read_text(encoding="utf-8"))["scores"]
    assert set(scores["program"]) == {"train", "validation"}
    assert "found program" not in scores


def test_a_behavior_that_was_never_annotated_is_a_failure_and_leaves_no_program(
    study_file: Path, rule_file: Path, tmp_path: Path
) -> None:
    study = replace(read_study(study_file, environment={}), behaviors=(Behavior("grooming", "undirected"),))
    outcome = fit_rule_file(rule_file, study, out=tmp_path / "out", n_workers=1, console=Console(file=io.StringIO()))
    assert (outcome.fitted, outcome.program_path, outcome.exit_code) == (None, None, 1)
    assert re.search(
        r"^failed contact \(fit the rule\): labels: .*annotate the behavior in more", printed(outcome), re.MULTILINE
    )
    assert not (tmp_path / "out" / "rules").exists()


def test_constants_that_could_not_be_fitted_are_told(fit: tuple[FitOutcome, Path, str]) -> None:
    outcome, _, _ = fit
    assert outcome.fitted is not None
    constant = constants_of(parse_program("min_bout(nose_to_nose < 40 mm, 0.5 s)"))[0]
    left = replace(outcome.fitted, left_alone=((constant, "zero has no scale of its own"),))
    text = printed(replace(outcome, fitted=left))
    assert "  left as it was: duration of min_bout: zero has no scale of its own\n" in text


def test_a_rule_that_cannot_be_bettered_says_so(fit: tuple[FitOutcome, Path, str]) -> None:
    outcome, _, _ = fit
    assert outcome.fitted is not None
    same = replace(outcome.fitted, condition=outcome.fitted.rule.condition)
    text = printed(replace(outcome, fitted=same))
    assert "no other constants do better on the recordings to fit on" in text
    assert "as fitted" not in text


def test_without_a_rule_notes_and_failures_are_all_there_is() -> None:
    outcome = FitOutcome(Behavior("contact", "undirected"), None, None, (), ("scale unknown",))
    assert printed(outcome) == "note scale unknown\n"
    assert outcome.exit_code == 0
