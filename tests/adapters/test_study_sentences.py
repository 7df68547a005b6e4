"""What is said about each wrong study file, line by line."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from nsp_core.errors import MissingFileError, StudyError
from tests.adapters.study_examples import STUDY, TRAIN, changed, read

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
[labels] | [cleaning]\nmax_jump = "20 blps"\n[labels] | 27: max_jump = "20 blps" in [cleaning], expected a speed such
[labels] | [cleaning]\nmax_jump = "-5 bl/s"\n[labels] | 27: max_jump = "-5 bl/s" in [cleaning], expected a speed such
[labels] | [cleaning]\nsmooth_s = 0.1\n[labels] | 27: smooth_s = 0.1, which is 3 frames at 29.97 fps in [cleaning],
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
def test_what_is_wrong_is_said_with_its_line(study_folder: Path, row: str) -> None:
    old, new, message = (part.strip(" ") for part in row.replace("\\n", "\n").split("|"))
    if message[0].isdigit():
        message = f"study.toml:{message}"
    with pytest.raises(StudyError, match=re.escape(message.replace("FOLDER", str(study_folder)))):
        read(study_folder, changed((old, new)))


def test_behaviors_are_needed_where_there_are_labels(study_folder: Path) -> None:
    with pytest.raises(StudyError, match=r"study\.toml:1: \[\[behaviors\]\] is missing, expected a block with name"):
        read(study_folder, STUDY.split("[[behaviors]]")[0])


def test_all_problems_are_reported_at_once_in_line_order(study_folder: Path) -> None:
    text = changed(('name = "fish"', 'nam = "fish"'), ("fps = 29.97", "fps = 0"), ('kind = "undirected"', "kind = 1"))
    with pytest.raises(StudyError) as caught:
        read(study_folder, text)
    assert str(caught.value).splitlines() == [
        "study.toml: found 4 problems, expected none; correct the file:",
        "study.toml:1: name is missing in [study], expected a name for the study",
        "study.toml:2: unknown key 'nam' in [study], did you mean 'name'?",
        "study.toml:7: fps = 0 in [tracking], expected frames per second, a number above 0",
        'study.toml:32: kind = 1 in [[behaviors]], expected one of "directed", "undirected", "solitary"',
    ]
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


LEAK = [(TRAIN, f'{TRAIN}\ncage_id = "c1"'), ('names = ["f2"]', 'cage_id = "c1"')]


def test_one_cage_in_train_and_test_is_an_error_unless_allowed(study_folder: Path) -> None:
    shared = 'cage_id "c1" is in train (f1, f10) and in validation or test (f2)'
    message = f'study.toml:23: {shared}, lines 18 and 23; move one, or state allow_shared = ["cage_id"] in [study]'
    with pytest.raises(StudyError, match=re.escape(message)):
        read(study_folder, changed(*LEAK))
    allowed = changed(*LEAK, ('name = "fish"', 'name = "fish"\nallow_shared = ["cage_id"]'))
    assert f"{shared}, as allow_shared permits" in read(study_folder, allowed).loud_notes
    misspelled = allowed.replace('["cage_id"]', '["cage"]')
    message = 'study.toml:3: allow_shared contains "cage" in [study], expected a list of "subject_id", "cage_id"; did'
    with pytest.raises(StudyError, match=re.escape(message)):
        read(study_folder, misspelled)


def test_an_animal_may_be_in_train_and_among_recordings_to_infer(study_folder: Path) -> None:
    assert len(read(study_folder, changed(*LEAK, ('role = "test"', 'role = "infer"'))).recordings) == 3


def test_a_missing_data_folder_names_the_closest(study_folder: Path) -> None:
    message = f'study.toml:3: found data = "trakcs", and no folder {study_folder / "trakcs"}, expected'
    with pytest.raises(MissingFileError, match=re.escape(message) + ".*closest there: tracks"):
        read(study_folder, changed(('"tracks"', '"trakcs"')))
    with pytest.raises(MissingFileError, match="nothing is there"):
        read(study_folder, changed(('"tracks"', '"a/b/c"')))
