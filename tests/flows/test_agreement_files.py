"""Files of several annotators brought together: who is named by what, and which files belong to one recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nsp_core.errors import AmbiguousError, FormatError, LabelError, NspError
from nsp_flows.agreement_files import read_annotations

Write = Callable[..., Path]


@pytest.fixture
def per_frame(tmp_path: Path) -> Write:
    """Write a table with a row per frame and return its path: ``per_frame("anna.csv", attack="0110")``."""

    def write(name: str, **columns: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        rows = zip(*columns.values(), strict=True)
        path.write_text(",".join(columns) + "\n" + "".join(",".join(row) + "\n" for row in rows))
        return path

    return write


@pytest.fixture
def bouts(tmp_path: Path) -> Write:
    """Write a bout csv and return its path: ``bouts("a.csv", "1,anna,attack,0,4")``."""

    def write(name: str, *rows: str) -> Path:
        path = tmp_path / name
        path.write_text("\n".join(["recording,annotator,behavior,start_frame,stop_frame", *rows]) + "\n")
        return path

    return write


def who(files: list[Path], **settings: object) -> list[tuple[str, str]]:
    read = read_annotations(files, fps=30.0, **settings)  # type: ignore[arg-type]
    return [(one.recording, one.annotator) for one in read.labels]


def test_one_file_may_name_all(bouts: Write) -> None:
    file = bouts("all.csv", "1,anna,attack,0,4", "1,ben,attack,1,4", "2,anna,attack,0,4")
    read = read_annotations([file], fps=30.0)
    assert [(one.recording, one.annotator) for one in read.labels] == [("1", "anna"), ("1", "ben"), ("2", "anna")]
    assert read.sources == ((file, "bout-csv"),)
    assert any("looked for in every frame of [0, 4)" in sentence for sentence in read.assumptions)


def test_files_name_annotators_that_nobody_names(bouts: Write) -> None:
    files = [bouts("anna_cage3.csv", "3,,attack,0,4"), bouts("ben.boris.csv", "3,,attack,1,4")]
    assert who(files) == [("3", "anna_cage3"), ("3", "ben.boris")]


def test_an_annotator_who_is_named_stays(bouts: Write) -> None:
    assert who([bouts("x.csv", "3,anna,attack,0,4"), bouts("y.csv", "3,,attack,1,4")]) == [("3", "anna"), ("3", "y")]


def test_folders_name_annotators_where_files_are_called_alike(per_frame: Write) -> None:
    files = [per_frame(f"{name}/cage{n}.csv", attack="0110") for name in ("anna", "ben") for n in (3, 4)]
    assert who(files) == [("cage3", "anna"), ("cage4", "anna"), ("cage3", "ben"), ("cage4", "ben")]


@pytest.mark.parametrize(
    ("names", "recording"),
    [
        (("cage3_anna.csv", "cage3_ben.csv"), "cage3"),
        (("anna-cage3.csv", "ben-cage3.csv"), "cage3"),
        (("day 1 cage3 anna.csv", "day 1 cage3 b.csv"), "day 1 cage3"),
        (("anna.csv", "annette.csv"), "recording"),
    ],
)
def test_files_can_be_said_to_be_of_one_recording(per_frame: Write, names: tuple[str, str], recording: str) -> None:
    files = [per_frame(name, attack="0110") for name in names]
    stems = [name.removesuffix(".csv") for name in names]
    assert who(files, same_recording=True) == [(recording, stem) for stem in stems]
    with pytest.raises(LabelError, match=f"no recording of two annotators: {stems[0]} by .*say --same-recording"):
        who(files)


def test_columns_can_be_the_annotators_of_one_behavior(per_frame: Write) -> None:
    file = per_frame("raters.csv", anna="0110", ben="0100")
    read = read_annotations([file], fps=30.0, annotators_of="freezing")
    assert [(one.recording, one.annotator) for one in read.labels] == [("raters", "anna"), ("raters", "ben")]
    assert [list(one.observed) for one in read.labels] == [["freezing"], ["freezing"]]
    with pytest.raises(LabelError, match=r"one annotator, unknown, expected two or more.*--annotators-of"):
        read_annotations([file], fps=30.0)


def test_what_one_annotator_noted_in_several_files_is_joined_or_kept_apart(bouts: Write) -> None:
    morning, noon = bouts("first.csv", "1,anna,attack,0,4"), bouts("second.csv", "1,anna,chase,6,9")
    ben = bouts("ben.csv", "1,ben,attack,1,4")
    read = read_annotations([morning, noon, ben], fps=30.0)
    anna = read.labels[0]
    assert (anna.annotator, sorted(anna.observed), len(anna.bouts)) == ("anna", ["attack", "chase"], 2)
    again = bouts("again.csv", "1,anna,attack,0,3")
    assert who([morning, again, ben]) == [("1", "anna (first)"), ("1", "anna (again)"), ("1", "ben")]


def test_only_annotators_that_were_asked_for_are_taken(bouts: Write) -> None:
    file = bouts("all.csv", *(f"1,{name},attack,0,4" for name in ("anna", "ben", "cleo")))
    assert who([file], annotators=["cleo", "anna"]) == [("1", "anna"), ("1", "cleo")]
    with pytest.raises(LabelError, match=r"no labels by 'cloe', expected one of anna, ben, cleo; did you mean 'cleo'"):
        who([file], annotators=["cloe", "anna"])


def test_tables_of_different_lengths_are_not_of_one_recording(per_frame: Write) -> None:
    files = [per_frame("a_1.csv", attack="0110" * 10), per_frame("a_2.csv", attack="0110" * 9)]
    with pytest.raises(LabelError, match=r"a: found 36 labeled frames by a_2 and 40 by a_1, expected as many.*--n-fra"):
        who(files, same_recording=True)
    read = read_annotations(files, fps=30.0, same_recording=True, n_frames=40)
    assert any("labels end after 36 of 40 frames" in sentence for sentence in read.assumptions)


def test_lists_of_bouts_may_end_at_different_frames_and_that_is_told(bouts: Write) -> None:
    file = bouts("all.csv", "1,anna,attack,0,400", "1,ben,attack,1,500", "2,anna,attack,0,9", "2,ben,attack,0,9")
    read = read_annotations([file], fps=30.0)
    assert read.assumptions[-1] == (
        "labels end at different frames in 1 (frame 400 by anna, 500 by ben): "
        "only frames that both looked at are compared; --n-frames says how long recordings are"
    )
    stated = read_annotations([file], fps=30.0, n_frames=600)
    assert {one.last_frame for one in stated.labels} == {600}
    assert not any("different" in sentence for sentence in stated.assumptions)


def test_what_cannot_be_told_apart_is_refused(bouts: Write, per_frame: Write, tmp_path: Path) -> None:
    anna = bouts("anna.csv", "1,anna,attack,0,4")
    with pytest.raises(LabelError, match=r"found anna\.csv twice, expected different files"):
        who([anna, tmp_path / "." / "anna.csv"])
    with pytest.raises(LabelError, match=r"one annotator, anna, expected two or more; give the file of another one"):
        who([anna])
    several = bouts("several.csv", "1,ben,attack,0,4", "2,ben,attack,0,4")
    with pytest.raises(LabelError, match=r"several\.csv: found 2 recordings: 1, 2, .*leave out --same-recording"):
        who([anna, several], same_recording=True)
    with pytest.raises(FormatError, match=r"no per-frame-csv among anna\.csv \(bout-csv\), expected a table"):
        who([anna], annotators_of="attack")
    alike = [per_frame("x/cage3.csv", attack="01"), per_frame("x/cage3.txt", attack="01")]
    with pytest.raises(AmbiguousError, match=r"called alike.*expected files, or else their folders, named after"):
        who(alike)
    with pytest.raises(NspError, match=r"found no such file"):
        who([tmp_path / "gone.csv"])
    with pytest.raises(FormatError, match=r"fps = 0"):
        read_annotations([anna], fps=0.0)
