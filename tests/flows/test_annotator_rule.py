"""``nsp agreement --rule`` as a scientist meets it: what it prints and leaves, and what it says of mistakes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from nsp_adapters.recordings import features_of_file
from nsp_adapters.simulated import write_simulated_study
from nsp_adapters.study import read_study
from nsp_core.bouts import bouts_from_frames
from nsp_core.dsl.semantics import exact_states
from nsp_core.dsl.text import parse_program
from nsp_core.features import feature_sequences
from nsp_core.sequences import as_sequences
from nsp_core.study import Study
from nsp_flows import annotator_rule as module
from tests.flows.direct_run import run_directly

Command = Callable[[Sequence[object]], tuple[int, str, str]]

# Of each other, anna and ben differ in one number.
PLANTED = {"anna": "nose_to_nose < 50 mm", "ben": "nose_to_nose < 25 mm"}
RULE = "nose_to_nose < 80 mm  # by eye\n"
HEADER = "recording,annotator,behavior,start_frame,stop_frame"
TABLES = ["annotators.csv", "pairs.csv", "behaviors.csv", "assumptions.csv",
          "rule_programs.csv", "rule_constants.csv", "rule_scores.csv"]  # fmt: skip


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without processes of its own, which take seconds to start."""
    run_directly(monkeypatch, module)


def bouts_of(study: Study) -> dict[str, list[str]]:
    """Return annotator -> rows of the bouts that the planted rule gives in every recording."""
    rows: dict[str, list[str]] = {who: [] for who in PLANTED}
    for entry in study.recordings:
        features = features_of_file(
            entry, cleaning=study.cleaning, roles=study.roles, length_unit="mm", names=("nose_to_nose",), n_animals=2
        )
        (sequence,) = as_sequences(feature_sequences(features, "undirected"), None)
        for who, rule in PLANTED.items():
            present = exact_states(parse_program(rule), sequence.column, sequence.fps) == 1
            rows[who] += [f"{entry.name},{who},contact,{start},{stop}" for start, stop in bouts_from_frames(present)]
    return rows


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four recordings of half a minute; one label file holds anna's and ben's bouts. Tests must not change it."""
    path = write_simulated_study(tmp_path_factory.mktemp("study"), seed=0, n_recordings=4, minutes=0.5)
    rows = bouts_of(read_study(path, environment={}))
    for who, own in rows.items():
        (path.parent / f"{who}.csv").write_text("\n".join([HEADER, *own]) + "\n")
    (path.parent / "both.csv").write_text("\n".join([HEADER, *rows["anna"], *rows["ben"]]) + "\n")
    text = path.read_text(encoding="utf-8").replace("labels/{recording}.csv", "both.csv")
    path.write_text(text.replace("observed = [[0.8, 29.2]]", 'observed = "all"'), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def rule_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "near.nsp"
    path.write_text(RULE)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("agreement")


@pytest.fixture
def compared(folder: Path, study_file: Path, rule_file: Path, nsp: Command, direct: None) -> tuple[str, Path]:
    """What the command printed and where it wrote, run once on the study's own label files."""
    out, kept = folder / "out", folder / "printed.json"
    if not kept.exists():
        command = ["agreement", "--rule", rule_file, "--study", study_file, "--behavior", "contact", "--halves", 6]
        kept.write_text(json.dumps(nsp([*command, "--out", out])))
    code, output, errors = json.loads(kept.read_text())
    assert (code, errors) == (0, "")
    return output, out


def test_the_rule_is_printed_as_written_and_fitted_to_all_and_to_each(compared: tuple[str, Path]) -> None:
    output, _ = compared
    assert "\ncontact: rule near, fitted to each annotator\n" in output
    assert re.search(r"^as written +nose_to_nose < 80 mm$", output, re.MULTILINE)
    for who, planted in (("anna", 50), ("ben", 25)):
        (found,) = re.findall(rf"^program of {who} +nose_to_nose < ([\d.]+) mm$", output, re.MULTILINE)
        assert float(found) == pytest.approx(planted, abs=1.5)
    assert re.search(r"^program of all +nose_to_nose < [\d.]+ mm$", output, re.MULTILINE)


def test_the_account_says_in_units_how_the_two_differ(compared: tuple[str, Path]) -> None:
    output, _ = compared
    sentence = r"^anna calls it contact up to \S+ mm \(\S+ to \S+\) of nose_to_nose, ben up to \S+ mm \(\S+ to \S+\); "
    assert re.search(sentence + r"anna's is larger than ben's by 2\d\S* mm", output, re.MULTILINE)
    assert re.search(r"^anna's bouts start 0\.\d\d s earlier than ben's", output, re.MULTILINE)
    assert re.search(r"^1 of 1 differences of constants are clear, judged by 6 fits", output, re.MULTILINE)
    assert re.search(r"^threshold of nose_to_nose < +mm +\S+ \(\S+ to \S+\) +\S+ \(", output, re.MULTILINE)


def test_programs_and_people_are_scored_on_recordings_not_fitted_to(compared: tuple[str, Path]) -> None:
    output, out = compared
    rows = re.findall(
        r"^(program of \w+|anna) +(anna|ben) +(\d\.\d\d) +(\d\.\d\d) +(\d\.\d\d) +(\d\.\d\d)", output, re.MULTILINE
    )
    kappa = {(who, of): float(held) for who, of, *_, held in rows}
    assert list(kappa) == [
        ("program of anna", "anna"), ("program of ben", "ben"), ("program of all", "anna"), ("program of all", "ben"),
        ("anna", "ben"),
    ]  # fmt: skip
    assert min(kappa["program of anna", "anna"], kappa["program of ben", "ben"]) > 0.95 > kappa["anna", "ben"]
    told = f"held out: anna {kappa['program of anna', 'anna']:.2f}, ben {kappa['program of ben', 'ben']:.2f}; of"
    assert told in output
    assert "programs fitted without the recordings they are judged on, in 4 folds" in output
    scores = pd.read_csv(out / "rule_scores.csv")
    assert set(scores["n_frames_held_out"]) == {4 * 900}
    pairs = pd.read_csv(out / "pairs.csv")
    # The same labels are compared with and without a rule.
    assert scores["kappa"].iloc[-1] == pairs["kappa"].iloc[0]
    assert pairs["n_frames"].iloc[0] == 4 * 900


def test_tables_and_a_page_to_read_are_written(compared: tuple[str, Path]) -> None:
    output, out = compared
    assert output.splitlines()[-8:] == [
        *(f"table {out / name}" for name in TABLES),
        f"account {out / 'rule_account.md'}",
    ]
    assert sorted(path.name for path in out.iterdir() if path.is_file()) == sorted([*TABLES, "rule_account.md"])
    programs = pd.read_csv(out / "rule_programs.csv")
    assert programs["behavior"].tolist() == ["contact"] * 4
    assert programs["kind"].tolist() == ["as written", "program of all", "own program", "own program"]
    for text in programs["text"]:
        parse_program(text)
    constants = pd.read_csv(out / "rule_constants.csv")
    assert constants["unit"].tolist() == ["mm"] * 3
    assert constants["value"].iloc[2] == pytest.approx(25, abs=2)
    assert constants["clear"].tolist()[2] is True
    page = (out / "rule_account.md").read_text(encoding="utf-8")
    assert page.startswith(
        "# contact: rule near, fitted to each annotator\n\n4 recordings: sim01, sim02, sim03, sim04."
    )
    assert "\n- anna calls it contact up to " in page
    assert "\n| as written | `nose_to_nose < 80 mm` |\n" in page
    for line in page.splitlines():
        assert not line.startswith("|") or line.count("|") in (3, 5, 9)


def test_annotation_files_that_are_named_give_the_same(
    compared: tuple[str, Path], study_file: Path, rule_file: Path, tmp_path: Path, nsp: Command
) -> None:
    files = [study_file.parent / f"{who}.csv" for who in PLANTED]
    command = ["agreement", *files, "--rule", rule_file, "--study", study_file, "--behavior", "contact"]
    code, _, errors = nsp([*command, "--halves", 6, "--out", tmp_path])
    assert (code, errors) == (0, "")
    for name in TABLES:
        if name != "assumptions.csv":
            assert (tmp_path / name).read_bytes() == (compared[1] / name).read_bytes()


def test_columns_of_a_table_are_annotators_of_the_only_recording(
    study_file: Path, rule_file: Path, tmp_path: Path, nsp: Command, direct: None
) -> None:
    text = study_file.read_text(encoding="utf-8")
    blocks = text.split("[[recordings]]\n")
    only = blocks[0] + "[[recordings]]\n" + blocks[1].replace('names = ["sim01", "sim02"]', 'names = ["sim02"]')
    only += "[cleaning]" + text.split("[cleaning]")[1]
    path = Path(shutil.copytree(study_file.parent, tmp_path / "study")) / "study.toml"
    path.write_text(only.replace('[labels]\nformat = "bout-csv"', '[labels]\nformat = "auto"'), encoding="utf-8")
    rows = [row.split(",") for row in (study_file.parent / "both.csv").read_text().splitlines()[1:]]
    frames = pd.DataFrame(0, index=range(900), columns=list(PLANTED))
    for name, who, _, start, stop in rows:
        if name == "sim02":
            frames.loc[int(start) : int(stop) - 1, who] = 1
    # The recording has too few bouts of its own: mistakes of a frame cut them up.
    frames.loc[::50] = 1 - frames.loc[::50]
    frames.to_csv(tmp_path / "raters.csv", index=False)
    command = ["agreement", tmp_path / "raters.csv", "--annotators-of", "contact", "--same-recording"]
    code, output, errors = nsp([*command, "--rule", rule_file, "--study", path, "--behavior", "contact", "--halves", 0])
    assert (code, errors) == (0, "")
    assert "without the blocks of time they are judged on" in output
    (told,) = re.findall(r"^anna calls it contact up to (\S+) mm of nose_to_nose, ben up to (\S+) mm$", output, re.M)
    assert [float(value) for value in told] == pytest.approx([50, 25], abs=3)


def refused(result: tuple[int, str, str]) -> str:
    code, output, errors = result
    assert (code, output) == (2, "")
    assert errors.startswith("error: ")
    assert "Traceback" not in errors
    return errors


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("nose_to_nose <", r"near\.nsp, line 1, column 15.*found the end of the text"),
        ("nose_to_nos < 9 mm", r"near\.nsp, line 1, column 1.*found the unknown feature 'nose_to_nos'"),
        ("point_length_nose_to_paw[agent] < 22 mm", r"near\.nsp, line 1.*expected the role paw"),
        ("nose_to_nose < 22 bl", r"near\.nsp, line 1.*found a threshold in bl, expected mm"),
    ],
)
def test_a_rule_that_the_study_cannot_have_ends_with_its_place(
    study_file: Path, tmp_path: Path, nsp: Command, direct: None, rule: str, message: str
) -> None:
    (tmp_path / "near.nsp").write_text(rule)
    out = tmp_path / "out"
    command = ["agreement", "--rule", tmp_path / "near.nsp", "--study", study_file, "--behavior", "contact"]
    assert re.match(f"error: {message}", refused(nsp([*command, "--out", out])), re.DOTALL)
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["{anna}"], "annotators: found one annotator, anna, expected two or more; give the file of another one"),
        (["--annotator", "ben"], "annotators: found one annotator, ben, expected two or more"),
        (
            ["--annotator", "bem"],
            "--annotator: found no labels by 'bem', expected one of anna, ben; did you mean 'ben'",
        ),
        (
            ["--behavior", "approach"],
            "--behavior: found 2 behaviors, contact, approach, expected the one that the rule",
        ),
        (["--fps", "30", "--n-frames", "9"], "--study: found --fps, --n-frames beside a study, expected frame rate"),
        (["{few}"], "programs of annotators: found 3 bouts of contact by cleo (anna 23), expected at least 8 of"),
        (
            ["{never}"],
            "programs of annotators: found 0 bouts of contact by dora (anna 23), expected at least 8 of every",
        ),
        (
            ["{other}"],
            "annotators: found labels of cage3, expected recordings of the study: sim01, sim02, sim03, sim04",
        ),
        (
            ["{apart}"],
            "annotators: found no recording that all of anna, ben, cleo labeled: sim01 by anna, ben, sim02 by",
        ),
        (["{stranger}"], "sim01, ben: found bouts of rat, expected the individuals of the poses: mouse1, mouse2"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_writes_nothing(
    study_file: Path, rule_file: Path, tmp_path: Path, nsp: Command, direct: None, options: list[str], message: str
) -> None:
    anna = (study_file.parent / "anna.csv").read_text()
    whole = "individual,target," + HEADER
    pair = "mouse1,mouse2,sim01,anna,contact,0,9"
    contents = {
        "few": anna + "".join(f"sim0{number},cleo,contact,90,150\n" for number in (1, 2, 3))
        + "sim04,cleo,approach,90,150\n",
        "never": anna + "".join(f"sim0{number},dora,approach,90,150\n" for number in (1, 2, 3, 4)),
        "other": f"{HEADER}\ncage3,anna,contact,0,9\ncage3,ben,contact,0,9\n",
        "apart": f"{HEADER}\nsim01,anna,contact,0,9\nsim01,ben,contact,0,9\nsim02,cleo,contact,0,9\n",
        "stranger": f"{whole}\n{pair}\nrat,mouse2,sim01,ben,contact,0,9\n",
    }  # fmt: skip
    for name, content in contents.items():
        (tmp_path / f"{name}.csv").write_text(content)
    places = {"anna": study_file.parent / "anna.csv", **{name: tmp_path / f"{name}.csv" for name in contents}}
    given = [option.format(**places) for option in options]
    out = tmp_path / "out"
    command = ["agreement", "--rule", rule_file, "--study", study_file, "--behavior", "contact", "--halves", 0]
    errors = refused(nsp([*command, *given, "--out", out]))
    assert errors.startswith(f"error: {message}"), errors
    assert errors.count("\n") == 1
    assert not list(out.glob("*.*"))


def test_a_rule_and_a_study_belong_together(study_file: Path, rule_file: Path, nsp: Command) -> None:
    assert "--rule: found a rule and no study" in refused(nsp(["agreement", "--rule", rule_file]))
    assert "--study: found a study and no rule" in refused(nsp(["agreement", "--study", study_file]))
    assert "FILES: found no annotation file" in refused(nsp(["agreement", "--fps", 30]))
    assert "--fps: found no frame rate" in refused(nsp(["agreement", study_file.parent / "both.csv"]))


def test_a_study_of_one_annotator_says_how_to_name_the_others(
    small_study: Path, rule_file: Path, nsp: Command, direct: None
) -> None:
    errors = refused(nsp(["agreement", "--rule", rule_file, "--study", small_study, "--behavior", "contact"]))
    assert "found one annotator, simulated annotator, in the label files of the study" in errors
    assert "nsp agreement FILES... --rule RULE.nsp --study STUDY.toml" in errors


def test_recordings_that_cannot_be_used_are_told_and_the_others_compared(
    study_file: Path, rule_file: Path, tmp_path: Path, nsp: Command, direct: None
) -> None:
    path = Path(shutil.copytree(study_file.parent, tmp_path / "study")) / "study.toml"
    (pose_file,) = (path.parent / "poses").glob("sim02DLC*.csv")
    pose_file.write_text(pose_file.read_text()[:-100])
    labels = path.parent / "both.csv"
    labels.write_text("\n".join(row for row in labels.read_text().splitlines() if not row.startswith("sim03,ben")))
    command = ["agreement", "--rule", rule_file, "--study", path, "--behavior", "contact", "--halves", 0]
    code, output, _ = nsp(command)
    assert code == 1
    assert re.search(r"^note +left out, as not all of anna, ben labeled them: sim03 by anna$", output, re.MULTILINE)
    assert re.search(r"^failed +sim02 \(extract features\): sim02DLC.*found \d+ cells", output, re.MULTILINE)
    assert re.search(r"^anna +2 +60\.0 ", output, re.MULTILINE), "two recordings are left"
    assert re.search(r"^program of ben +nose_to_nose < 2\d", output, re.MULTILINE)


@pytest.mark.real_data
def test_a_rule_fitted_to_a_real_annotator_falls_short_of_another_person_on_blocks_it_has_not_seen(
    nsp_data: Path, tmp_path: Path, nsp: Command, direct: None
) -> None:
    folder = nsp_data / "ethome_adult_juvenile"
    study = tmp_path / "study.toml"
    study.write_text(f'''
[study]
name = "ethome"
data = "{folder.as_posix()}"
[tracking]
fps = 30.0
scale = "unknown"
[roles]
nose = "nose"
tail_base = "tail"
center = ["neck", "lefthip", "righthip"]
body = ["nose", "leftear", "rightear", "neck", "lefthip", "righthip", "tail"]
[cleaning]
min_confidence = 0.5
[[recordings]]
role = "infer"
name = "DLC3"
poses = "*_el_filtered.csv"
[[behaviors]]
name = "interact"
kind = "undirected"
''')
    (tmp_path / "near.nsp").write_text("mean(nose_to_body[agent], 0.5 s) < 1 bl")
    files = [folder / f"annot_{who}_initial_DLC3.csv" for who in ("brett", "donnie")]
    command = ["agreement", *files, "--same-recording", "--rule", tmp_path / "near.nsp", "--study", study]
    code, _, errors = nsp([*command, "--halves", 0, "--out", tmp_path / "out"])
    assert (code, errors) == (0, "")
    scores = pd.read_csv(tmp_path / "out" / "rule_scores.csv").set_index("kind")
    people = scores.loc["another annotator"]
    assert people["kappa"] == pytest.approx(0.77, abs=0.01)
    own = scores.loc["own program"]
    assert own["kappa"].between(0.70, 0.80).all()
    # Held out on contiguous blocks both are below what the other person reaches.
    assert own["kappa_held_out"].between(0.60, people["kappa_held_out"]).all()
    assert set(scores["n_frames_held_out"]) == {4980}
