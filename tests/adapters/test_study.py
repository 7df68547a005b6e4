"""A study file: what a correct one becomes, and what is said about each wrong one, line by line."""

from __future__ import annotations

import pickle
import re
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsp_adapters.study import read_roles, read_study
from nsp_adapters.toml_lines import key_lines, natural_order
from nsp_core.errors import MissingFileError, StudyError
from nsp_core.labels import Behavior
from nsp_core.study import LabelSettings, RecordingEntry, SearchSettings, Study, study_digest

RATS = Path(__file__).resolve().parents[2] / "deployments" / "studies" / "rats.toml"
FISH = ["f1", "f2", "f10"]
STUDY = """\
[study]
name = "fish"
data = "tracks"

[tracking]
tracker = "deeplabcut"
fps = 29.97
scale = "unknown"

[roles]
nose = "snout"
center = ["left", "right"]
tail_base = "tail"

[[recordings]]
role = "train"
poses = "pose/f1*.csv"
labels = "labels/{recording}.txt"

[[recordings]]
role = "test"
names = ["f2"]
poses = "pose/f2*.csv"
labels = "test/{stem}.txt"

[labels]
format = "caltech"
stream = "S1"

[[behaviors]]
name = "chase"
kind = "undirected"
"""


TRAIN = 'poses = "pose/f1*.csv"'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study's folder with three recordings; the label files do not exist."""
    (tmp_path / "tracks" / "pose").mkdir(parents=True)
    for name in FISH:
        (tmp_path / "tracks" / "pose" / f"{name}DLC_resnet50.csv").touch()
    return tmp_path


def read(folder: Path, text: str = STUDY, **environment: str) -> Study:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return read_study(path, environment=environment)


def names(study: Study) -> list[str]:
    return [entry.name for entry in study.recordings]


def changed(*pairs: tuple[str, str]) -> str:
    text = STUDY
    for old, new in pairs:
        assert text.count(old) == 1, f"{old!r} must stand once in the study"
        text = text.replace(old, new)
    return text


def test_a_study_is_resolved_to_recordings_in_natural_order(folder: Path) -> None:
    study = read(folder)
    assert names(study) == ["f1", "f2", "f10"]
    assert [entry.role for entry in study.recordings] == ["train", "test", "train"]
    assert [entry.name for entry in study.of_role("validation", "test")] == ["f2"]
    second = study.recordings[1]
    assert second == RecordingEntry(
        name="f2",
        pose_path=(folder / "tracks/pose/f2DLC_resnet50.csv").as_posix(),
        label_path=(folder / "tracks/test/f2DLC_resnet50.txt").as_posix(),
        role="test",
        subject_id=None,
        cage_id=None,
        group=None,
        fps=29.97,
        scale_mm_per_px=None,
        scale_source="unknown",
    )
    assert study.roles == {"nose": ("snout",), "center": ("left", "right"), "tail_base": ("tail",)}
    assert study.behaviors == (Behavior("chase", "undirected"),)
    assert (study.cleaning.min_confidence, study.cleaning.max_gap_s) == (None, 0.5)
    assert study.labels == LabelSettings(format="caltech", stream="S1")
    assert study.search == SearchSettings()


def test_every_setting_reaches_the_study(folder: Path) -> None:
    stated = 'stream = "S1"\nannotator = "AB"\nunscored = ["base"]\nobserved = [[60, 90.5], [0, 30]]'
    text = (
        changed(('stream = "S1"', stated))
        + """
[cleaning]
min_confidence = 0.6
max_gap_s = 0
[search]
seeds = [3, 1]
budget_s = 60
budget_candidates = 500
max_complexity = 7
beam_width = 5
"""
    )
    study = read(folder, text)
    assert (study.cleaning.min_confidence, study.cleaning.max_gap_s) == (0.6, 0.0)
    assert study.labels == LabelSettings("caltech", "S1", "AB", ("base",), "S1")
    assert {entry.observed for entry in study.recordings} == {((0.0, 30.0), (60.0, 90.5))}
    assert study.search == SearchSettings((3, 1), 60.0, 500, 7, 5)


def test_a_block_overrides_frame_rate_scale_and_observed_spans(folder: Path) -> None:
    stated = 'fps = 60\nscale_mm_per_px = 0.5\nscale_source = "ruler"\nobserved = "all"'
    first, second, _ = read(folder, changed(('names = ["f2"]', stated))).recordings
    assert (second.fps, second.scale_mm_per_px, second.scale_source, second.observed) == (60.0, 0.5, "ruler", "all")
    assert (first.fps, first.scale_mm_per_px, first.scale_source) == (29.97, None, "unknown")


def test_one_unknown_scale_makes_all_lengths_body_lengths(folder: Path) -> None:
    known = changed(('scale = "unknown"', 'scale_mm_per_px = 0.31\nscale_source = "arena 500 mm wide"'))
    study = read(folder, known)
    assert study.length_reference == "mm"
    assert not [note for note in study.loud_notes if "scale" in note]
    study = read(folder, known.replace('names = ["f2"]', 'scale = "unknown"'))
    assert study.length_reference == "body"
    assert "scale unknown for 1 of 3 recordings: ALL lengths are body lengths (bl), not millimeters" in study.loud_notes


def test_identities_are_templates_or_plain_numbers(folder: Path) -> None:
    stated = f'{TRAIN}\nsubject_id = "{{recording}}"\ncage_id = 7\ngroup = "{{folder}}"'
    first, _, last = read(folder, changed((TRAIN, stated))).recordings
    assert (first.subject_id, last.subject_id) == ("f1", "f10")
    assert (first.cage_id, first.group) == ("7", "pose")


def test_names_come_from_a_template_and_select_recordings(folder: Path) -> None:
    text = changed((TRAIN, 'poses = "pose/*.csv"\nname = "{folder}-{name}"\nnames = ["pose-f10"]'))
    assert names(read(folder, text)) == ["f2", "pose-f10"]


def test_names_may_be_written_as_numbers(folder: Path) -> None:
    (folder / "tracks/pose/12DLC_x.csv.gz").touch()
    text = changed((TRAIN, 'poses = "pose/*.csv.gz"\nnames = [12]'))
    assert names(read(folder, text)) == ["12", "f2"]


def test_hidden_copies_and_folders_are_no_recordings(folder: Path) -> None:
    (folder / "tracks/pose/._f1DLC_resnet50.csv").touch()
    (folder / "tracks/pose/f1_folder.csv").mkdir()
    assert names(read(folder, changed(("f1*.csv", "*f1*.csv")))) == ["f1", "f2", "f10"]


def test_a_file_matched_twice_by_one_block_is_one_recording(folder: Path) -> None:
    text = changed((TRAIN, 'poses = ["pose/f1*.csv", "pose/../pose/f10*.csv"]'))
    assert names(read(folder, text)) == ["f1", "f2", "f10"]


def test_a_link_into_an_annex_keeps_its_own_name(folder: Path) -> None:
    (folder / "MD5-0123.csv").touch()
    (folder / "tracks/pose/f12DLC_x.csv").symlink_to(folder / "MD5-0123.csv")
    assert names(read(folder)) == ["f1", "f2", "f10", "f12"]


def test_explicit_files_and_label_files_need_not_exist(folder: Path) -> None:
    text = changed((TRAIN, 'files = ["pose/f1DLC_resnet50.csv", "pose/f9DLC_resnet50.csv"]'))
    entries = read(folder, text).recordings
    assert [entry.name for entry in entries] == ["f1", "f2", "f9"]
    assert not Path(entries[2].pose_path).exists()
    assert not any(Path(entry.label_path or "").exists() for entry in entries)


def test_an_optional_block_may_match_nothing_and_says_so(folder: Path) -> None:
    text = changed((TRAIN, 'poses = "new/*.csv"\noptional = true'))
    study = read(folder, text)
    assert names(study) == ["f2"]
    assert "an optional block (line 15) matches no file" in study.loud_notes


def test_recordings_to_infer_need_no_labels(folder: Path) -> None:
    text = STUDY.replace('role = "train"', 'role = "infer"').replace('role = "test"', 'role = "infer"')
    text = re.sub(r"labels = .*\n", "", text).split("[labels]")[0]
    study = read(folder, text)
    assert study.labels is None
    assert {(entry.role, entry.label_path) for entry in study.recordings} == {("infer", None)}
    assert [note for note in study.loud_notes if "_id" in note] == []


def test_loud_notes_say_what_cannot_be_checked_or_computed(folder: Path) -> None:
    text = changed(('nose = "snout"\n', "")) + "[search]\nbudget_s = 600\n"
    notes = read(folder, text).loud_notes
    unchecked = "not stated for 3 of 3 recordings: whether train shares it with validation or test cannot be checked"
    assert notes[1:] == (
        f"subject_id {unchecked}",
        f"cage_id {unchecked}",
        "no keypoint has the role nose: features that need it cannot be computed",
        "the search stops after 600 s, so its result depends on the machine; budget_candidates alone repeats exactly",
    )


def test_variables_come_from_the_given_environment_only(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = changed(('"tracks"', '"${NSP_DATA}/tracks"'))
    assert read(folder, text, NSP_DATA=str(folder)).data_folder == (folder / "tracks").as_posix()
    by_variable = changed((TRAIN, 'poses = "${HERE}/pose/f1*.csv"'), ("labels/{", "${HERE}/x/{"))
    entry = read(folder, by_variable, HERE=str(folder / "tracks")).recordings[0]
    assert (entry.name, entry.label_path) == ("f1", (folder / "tracks/x/f1.txt").as_posix())
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    monkeypatch.setenv("NSP_DATA", str(folder))
    message = (
        "study.toml:3: ${NSP_DATA} is not set and there is no folder ../shared/data here: "
        "set the environment variable NSP_DATA"
    )
    with pytest.raises(StudyError, match=re.escape(message)):
        read(folder, text)


def test_nsp_data_defaults_to_a_folder_beside_the_current_one(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace = tmp_path_factory.mktemp("workplace")
    (workplace / "here").mkdir()
    (workplace / "shared").mkdir()
    folder.rename(workplace / "shared" / "data")
    monkeypatch.chdir(workplace / "here")
    assert len(read(workplace, changed(('"tracks"', '"${NSP_DATA}/tracks"'))).recordings) == 3


# What stands in the study | what is written instead | the line it is reported at and how that message begins.
WRONG = r"""
role = "train" | rolee = "train" | 15: role is missing in [[recordings]], expected one of
role = "train" | rolee = "train" | 16: unknown key 'rolee' in [[recordings]], did you mean 'role'?
name = "fish" | name = "fish"\nfps = 30 | 3: unknown key 'fps' in [study], it belongs in [tracking] or [[recor
name = "fish" | name = "fish"\nzzz = 1 | 3: unknown key 'zzz' in [study], known keys: name, data, allow_shared
[study] | fps = 30\n[study] | 1: unknown key 'fps' outside any table, it belongs in [tracking] or [[recordings]]
[labels] | [label] | 26: unknown table [label], did you mean [labels]?
[study] | [zzz]\n[study] | 1: unknown table or key 'zzz', known tables: [roles], [study], [tracking], [[record
nose = "snout" | noze = "snout" | 11: unknown role 'noze' in [roles], did you mean 'nose'?
nose = "snout" | "left ear" = "x" | 11: the role "left ear" in [roles] cannot stand in a program, expected a-z
[roles] | [search] | 1: [roles] is missing, expected a keypoint or a list of keypoints
"deeplabcut" | "deepLabCut3" | 6: tracker = "deepLabCut3" in [tracking], expected one of "deeplabcut", "sleap"
fps = 29.97 | fps = true | 7: fps = true in [tracking], expected frames per second, a number above 0
fps = 29.97 | fps = "30" | 7: fps = "30" in [tracking], expected frames per second, a number above 0
fps = 29.97 | fps = inf | 7: fps = inf in [tracking], expected frames per second, a number above 0
fps = 29.97 | fps = 2026-01-01 | 7: fps = 2026-01-01 in [tracking], expected frames per second
fps = 29.97\n | | 5: fps is missing, expected fps = ..., in [tracking] or in the [[recordings]] of line 14, 19
"undirected" | "undirectd" | 32: kind = "undirectd" in [[behaviors]], expected one of "directed", "undirected"
"undirected" | "undirectd" | did you mean "undirected"?
nose = "snout" | nose = 3 | 11: nose = 3 in [roles], expected a keypoint or a list of keypoints
nose = "snout" | nose = [] | 11: nose = [] in [roles], expected a keypoint or a list of keypoints
"right"] | \n4] | 13: center contains 4 in [roles], expected a keypoint or a list of keypoints
names = ["f2"] | names = [true] | 22: names contains true in [[recordings]], expected a list of recording
names = ["f2"] | observed = [[3, 1]] | 22: observed = [[3, 1]] in [[recordings]], expected "labeled-span"
stream = "S1" | stream = 1 | 28: stream = 1 in [labels], expected the name of a stream, such as "S1"
stream = "S1" | observed = "some" | 28: observed = "some" in [labels], expected "labeled-span", "all", or a
[labels] | [[labels]] | 26: labels = a list of tables, expected the table [labels], in single brackets
[[behaviors]] | [behaviors] | 30: behaviors = a table, expected blocks [[behaviors]], in double brackets
[labels] | [search]\nseeds = [1, 1]\n[labels] | 27: seeds = [1, 1] in [search], expected a list of different
[labels] | [search]\nbudget_s = 0\n[labels] | 27: budget_s = 0 in [search], expected seconds, a number above 0
scale = "unknown"\n | | 5: scale is missing, expected scale_mm_per_px = ... with its scale_source, scale_from
scale = "unknown" | scale = 0.3 | 8: scale = 0.3 in [tracking], expected "unknown"; a measured scale is stated
scale = "unknown" | scale_mm_per_px = 1 | 8: scale_mm_per_px in [tracking] needs scale_source beside it, as
scale = "unknown" | scale_source = "ruler" | 8: scale_source in [tracking] needs scale_mm_per_px beside it
fps = 29.97 | fps = 1\nscale_mm_per_px = 1 | 9: scale = "unknown" in [tracking] contradicts the scale stated
stream = "S1"\n | | 26: format = "caltech" needs stream, the one that holds the behaviors
"caltech" | "bout-csv" | 28: stream in [labels] means nothing for format = "bout-csv"; remove it
"S1" | "S1"\nunscored = ["chase"] | 32: behavior "chase" is also in unscored of [labels]; it cannot be both
"undirected" | "directed" | 32: "chase" is directed, but format = "caltech" does not say who acts on whom
kind | kind = "solitary"\n[[behaviors]]\nname = "chase"\nkind | 34: behavior "chase" is already stated at line 31
[labels]\nformat = "caltech"\nstream = "S1"\n | | 18: [labels] is missing, expected format = ... to read these label
labels = "labels/{recording}.txt"\n | | 15: [[recordings]] with role = "train" needs labels, the pattern of its label
{recording} | * | 18: labels = "labels/*.txt" in [[recordings]] names one file per recording; write {recording}, {stem}
{recording} | {recordng} | 18: unknown placeholder {recordng} in "labels/{recordng}.txt", did you mean {recording}?
{recording} | {x} | 18: unknown placeholder {x} in "labels/{x}.txt", known: {recording}, {stem}, {folder}
{recording} | all | 18: labels = "labels/all.txt" in [[recordings]] is the same file for recordings f1, f10; write {rec
"labels | "${NOWHERE} | 18: ${NOWHERE} is not set: set the environment variable NOWHERE
poses = "pose/f1*.csv"\n | | 15: [[recordings]] needs either poses (patterns) or files (which may be missing), not both
pose/f1* | poze/f1* | 17: poses = "poze/f1*.csv" matches no file in FOLDER/tracks; closest there: pose
f1*.csv | f11*.cvs | 17: poses = "pose/f11*.cvs" matches no file in FOLDER/tracks/pose; closest there: f1DLC_resnet50.cs
"pose/f1*.csv" | [\n"pose/f1*.csv",\n"pose/g*.csv"] | 19: poses = "pose/g*.csv" matches no file in FOLDER/tracks/pose
["f2"] | ["f2", "f20"] | 22: no recording "f20" among the 1 matches; closest: f2
f1*.csv | f*.csv | 23: already matched by another [[recordings]] (lines 17 and 23): f2
f1*.csv" | f1*.csv"\nname = "x" | 17: several files would be called x (line 17); a template such as name = "{folder}-
f1*.csv" | f10*.csv"\nname = "F2" | 24: several files would be called f2 (lines 17 and 24); a template such as name =
f1*.csv" | f10*.csv"\nname = "{nam}" | 18: unknown placeholder {nam} in "{nam}", did you mean {name}?
f1*.csv" | f10*.csv"\nname = "a/b" | 17: the recording name "a/b" is not safe as a file name, expected letters, digits,
f1*.csv" | f10*.csv"\nname = "con.1" | 17: the recording name "con.1" is not safe as a file name
f1*.csv" | f10*.csv"\nname = "ab." | 17: the recording name "ab." is not safe as a file name
"""


@pytest.mark.parametrize("row", WRONG.strip().splitlines())
def test_what_is_wrong_is_said_with_its_line(folder: Path, row: str) -> None:
    old, new, message = (part.strip(" ") for part in row.replace("\\n", "\n").split("|"))
    if message[0].isdigit():
        message = f"study.toml:{message}"
    with pytest.raises(StudyError, match=re.escape(message.replace("FOLDER", str(folder)))):
        read(folder, changed((old, new)))


def test_behaviors_are_needed_where_there_are_labels(folder: Path) -> None:
    with pytest.raises(StudyError, match=r"study\.toml:1: \[\[behaviors\]\] is missing, expected a block with name"):
        read(folder, STUDY.split("[[behaviors]]")[0])


def test_all_problems_are_reported_at_once_in_line_order(folder: Path) -> None:
    text = changed(('name = "fish"', 'nam = "fish"'), ("fps = 29.97", "fps = 0"), ('kind = "undirected"', "kind = 1"))
    with pytest.raises(StudyError) as caught:
        read(folder, text)
    assert str(caught.value).splitlines() == [
        "study.toml: found 4 problems, expected none; correct the file:",
        "study.toml:1: name is missing in [study], expected a name for the study",
        "study.toml:2: unknown key 'nam' in [study], did you mean 'name'?",
        "study.toml:7: fps = 0 in [tracking], expected frames per second, a number above 0",
        'study.toml:32: kind = 1 in [[behaviors]], expected one of "directed", "undirected", "solitary"',
    ]
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


LEAK = [(TRAIN, f'{TRAIN}\ncage_id = "c1"'), ('names = ["f2"]', 'cage_id = "c1"')]


def test_one_cage_in_train_and_test_is_an_error_unless_allowed(folder: Path) -> None:
    shared = 'cage_id "c1" is in train (f1, f10) and in validation or test (f2)'
    message = f'study.toml:23: {shared}, lines 18 and 23; move one, or state allow_shared = ["cage_id"] in [study]'
    with pytest.raises(StudyError, match=re.escape(message)):
        read(folder, changed(*LEAK))
    allowed = changed(*LEAK, ('name = "fish"', 'name = "fish"\nallow_shared = ["cage_id"]'))
    assert f"{shared}, as allow_shared permits" in read(folder, allowed).loud_notes
    misspelled = allowed.replace('["cage_id"]', '["cage"]')
    message = 'study.toml:3: allow_shared contains "cage" in [study], expected a list of "subject_id", "cage_id"; did'
    with pytest.raises(StudyError, match=re.escape(message)):
        read(folder, misspelled)


def test_an_animal_may_be_in_train_and_among_recordings_to_infer(folder: Path) -> None:
    assert len(read(folder, changed(*LEAK, ('role = "test"', 'role = "infer"'))).recordings) == 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("fps = 29.97", "fps 29.97", "study.toml:7:5: found 'fps 29.97' (expected '=' after a key"),
        ('"tracks"', '"C:\\tracks', "study.toml:3:"),
        ("fps = 29.97", "fps = 1\nfps = 2", "study.toml:8:8: found 'fps = 2' (cannot overwrite a value"),
        ('kind = "undirected"\n', "kind =", "study.toml:32:7: found 'kind =' (invalid value)"),
    ],
)
def test_a_syntax_error_has_line_and_column(folder: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(StudyError, match=re.escape(message)):
        read(folder, changed((old, new)))


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(b'[study]\nname = "M\xe4use"\n')
    with pytest.raises(StudyError, match=r"study\.toml: found byte 0xe4 at position 17, expected UTF-8 text; save"):
        read_study(path, environment={})


def test_windows_line_ends_and_byte_order_mark_are_accepted(folder: Path) -> None:
    path = folder / "study.toml"
    path.write_bytes(b"\xef\xbb\xbf" + STUDY.replace("\n", "\r\n").encode())
    assert read_study(path, environment={}) == read(folder)
    path.write_bytes(b"\xef\xbb\xbf" + STUDY.replace("kind", "kinds").replace("\n", "\r\n").encode())
    with pytest.raises(StudyError, match=r"study\.toml:32: unknown key 'kinds'"):
        read_study(path, environment={})


def test_a_missing_study_file_names_the_closest(folder: Path) -> None:
    read(folder)
    with pytest.raises(MissingFileError, match=r"studdy\.toml: found no such file.*did you mean '.*study\.toml'\?"):
        read_study(folder / "studdy.toml", environment={})
    with pytest.raises(MissingFileError, match="check the path"):
        read_study(folder / "nowhere" / "x.toml", environment={})


def test_a_missing_data_folder_names_the_closest(folder: Path) -> None:
    message = f'study.toml:3: found data = "trakcs", and no folder {folder / "trakcs"}, expected'
    with pytest.raises(MissingFileError, match=re.escape(message) + ".*closest there: tracks"):
        read(folder, changed(('"tracks"', '"trakcs"')))
    with pytest.raises(MissingFileError, match="nothing is there"):
        read(folder, changed(('"tracks"', '"a/b/c"')))


def test_the_digest_depends_on_what_is_stated_not_on_where_it_lies(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    study = read(folder)
    moved = tmp_path_factory.mktemp("moved") / "elsewhere"
    folder.rename(moved)
    assert study_digest(read(moved, "# a comment\n" + STUDY)) == study_digest(study)
    assert re.fullmatch("[0-9a-f]{64}", study_digest(study))
    for old, new in [("29.97", "30"), ("S1", "S2"), ("snout", "tail"), ("chase", "bite"), ("{recording}", "{stem}")]:
        assert study_digest(read(moved, changed((old, new)))) != study_digest(study)
    outside = replace(study.recordings[0], pose_path="/a/b/f1.csv"), replace(study.recordings[0], pose_path="/c/f1.csv")
    assert len({study_digest(replace(study, recordings=(entry,))) for entry in outside}) == 1


def test_roles_are_read_from_a_file_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "ROLES.toml"
    path.write_text('[roles]\nnose = "snout"\ncenter = ["left", "right"]\n')
    assert read_roles(path) == {"nose": ("snout",), "center": ("left", "right")}
    path.write_text('[role]\nnose = "snout"\n')
    with pytest.raises(StudyError, match=r"ROLES\.toml:1: unknown table \[role\], did you mean \[roles\]\?"):
        read_roles(path)
    path.write_text('[roles]\ntailbase = "tail"\n')
    with pytest.raises(StudyError, match=r"ROLES\.toml:2: unknown role 'tailbase' in \[roles\], did you mean 'tail_b"):
        read_roles(path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seeds": ()}, r"search: found seeds = \[\], expected different whole numbers, at least one"),
        ({"seeds": (1, 1)}, r"search: found seeds = \[1, 1\], expected different whole numbers"),
        ({"budget_s": 0.0}, "search: found budget_s = 0.0, expected a number above 0"),
        ({"max_complexity": 0}, "search: found max_complexity = 0, expected a number above 0"),
    ],
)
def test_impossible_search_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        SearchSettings(**settings)  # type: ignore[arg-type]  # the table above holds one keyword per case


def test_impossible_recordings_are_refused(folder: Path) -> None:
    study = read(folder)
    with pytest.raises(StudyError, match="f1: found fps = nan, expected a number above 0; correct the study file"):
        replace(study.recordings[0], fps=float("nan"))
    with pytest.raises(StudyError, match="f1: found scale_mm_per_px = -1, expected a number above 0"):
        replace(study.recordings[0], scale_mm_per_px=-1)
    twice = (study.recordings[0], replace(study.recordings[0], name="F1"))
    with pytest.raises(StudyError, match="fish: found two recordings called 'F1', expected a name of its own for each"):
        replace(study, recordings=twice)


def test_every_kind_of_toml_line_is_found() -> None:
    text = '''# comment with [brackets] and "quotes"
"a key" = """
[no] # table
"""
b.c = 'x = 1'
[t . "u.v"]
w = [ # list
  1, "]",
  [2,
   { x = 1, y.z = """"q"""" }],
]
[[r]]
k = 1
[r.sub]
m = 2
[[r]]
k = 2 # [[r]]
[[r.deep]]
n = \'\'\'a\'\'\'
'''
    tomllib.loads(text)
    lines = key_lines(text)
    assert lines["a key",] == 2
    assert lines["b", "c"] == 5
    assert lines["t", "u.v"] == 6
    assert [lines["t", "u.v", "w", index] for index in range(3)] == [8, 8, 9]
    assert lines["t", "u.v", "w", 2, 1, "y", "z"] == 10
    assert (lines["r", 0, "k"], lines["r", 0, "sub", "m"], lines["r", 1, "k"]) == (13, 15, 17)
    assert (lines["r", 1], lines["r", 1, "deep", 0, "n"]) == (16, 19)
    assert key_lines("") == {}


@given(
    st.lists(
        st.tuples(
            st.text("ab-_1", min_size=1, max_size=6),
            st.sampled_from(["1", '"a#b"', "[1, 2]", "[\n1,\n]", "{ x = 1 }", '"""\n\n"""', "'''\n'''", "2026-01-01"]),
        ),
        unique_by=lambda pair: pair[0],
        max_size=8,
    )
)
def test_a_key_stands_where_its_line_says(pairs: list[tuple[str, str]]) -> None:
    text = "".join(f"{key} = {value} # note\n\n" for key, value in pairs)
    lines = key_lines(text)
    assert set(tomllib.loads(text)) == {path[0] for path in lines}
    for key, _ in pairs:
        assert text.splitlines()[lines[key,] - 1].startswith(f"{key} = ")


@given(st.lists(st.text("a019é", max_size=5), max_size=6), st.randoms())
def test_natural_order_ignores_the_order_given_and_counts(names: list[str], random: Random) -> None:
    shuffled = random.sample(names, len(names))
    assert sorted(names, key=natural_order) == sorted(shuffled, key=natural_order)
    numbers = sorted({int(name) for name in names if name.isascii() and name.isdigit()})
    assert sorted(map(str, numbers), key=natural_order) == list(map(str, numbers))


def test_the_rat_study_names_its_folder_when_it_is_absent(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r'rats\.toml:6: found data = "\$\{NSP_DATA\}/rats_resident'):
        read_study(RATS, environment={"NSP_DATA": str(tmp_path)})


@pytest.mark.real_data
def test_the_rat_study_has_its_fixed_split(nsp_data: Path) -> None:
    study = read_study(RATS, environment={"NSP_DATA": str(nsp_data)})
    numbers = [1, 2, 4, 5, 8, 10, 12, 14, 20, 24, 28, 36, 40, 46, 53, 57]
    assert names(study) == [str(number) for number in numbers]
    assert [entry.name for entry in study.of_role("test")] == ["1", "12", "20", "53"]
    assert [entry.name for entry in study.of_role("validation")] == ["8", "28"]
    assert Counter(entry.role for entry in study.recordings)["train"] == 10
    assert all(Path(entry.pose_path).is_file() and Path(entry.label_path or "").is_file() for entry in study.recordings)
    assert all(Path(entry.pose_path).name.startswith(f"{entry.name}DLC_") for entry in study.recordings)
    assert {entry.fps for entry in study.recordings} == {30.0}
    assert study.behaviors == (Behavior("social", "undirected"), Behavior("aggression", "undirected"))
    assert study.labels == LabelSettings("caltech", "S1", "unknown", ("base",), "S1")
    assert study.length_reference == "body"
    assert "scale unknown for 16 of 16" in study.loud_notes[0]
