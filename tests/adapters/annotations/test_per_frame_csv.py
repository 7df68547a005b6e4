"""Per-frame csv: placed by frame number, -1 and empty unlabeled, back exactly."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsp_adapters.annotations.per_frame_csv import (
    EXAMPLE,
    looks_like_per_frame_csv,
    read_per_frame_csv,
    write_per_frame_csv,
)
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import Behavior, Bout, RecordingLabels, frame_states


def states(labels, behavior, n_frames):
    return frame_states(labels, Behavior(behavior, "solitary"), n_frames, "m").tolist()


def test_example_reads(write):
    read = read_per_frame_csv(write(EXAMPLE), annotator="anna")
    (labels,) = read.labels
    assert (labels.recording, labels.annotator) == ("cage3", "anna")
    assert read.assumptions == (
        "cage3.csv: each column is taken as a behavior: freezing, rearing; columns of one behavior by several "
        "annotators are read by nsp agreement --annotators-of NAME",
    )
    assert states(labels, "freezing", 4) == [0, 0, -1, -1]
    assert states(labels, "rearing", 4) == [0, 1, 1, 0]


def test_rows_are_placed_by_their_frame(write):
    (labels,) = read_per_frame_csv(write("frame,a\n7,1\n5,0\n"), recording="r", n_frames=9).labels
    assert states(labels, "a", 9) == [-1] * 5 + [0, -1, 1, -1]


@pytest.mark.parametrize("header", ["frame,a", ",a"])
def test_frame_column_may_be_an_index(write, header):
    (labels,) = read_per_frame_csv(write(f"{header}\n3,True\n4,1.0\n5,NaN\n")).labels
    assert labels.bouts == (Bout("a", 3, 5),)


def test_without_frame_column_rows_are_frames_and_the_import_says_so(write):
    read = read_per_frame_csv(write("a,b\n0,1\n1,\n"), n_frames=3, looked_for=["a", "b"])
    assert read.labels[0].bouts == (Bout("a", 1, 2), Bout("b", 0, 1))
    assert read.assumptions == (
        "cage3.csv: labels end after 2 of 3 frames; the rest is unlabeled",
        "cage3.csv: no column frame: row i below the header is frame i",
    )


@pytest.mark.parametrize(("header", "column"), [("frame", "frame"), ("", "without a name")])
def test_frames_that_begin_with_one_are_taken_as_they_stand_and_told(write, header, column):
    read = read_per_frame_csv(write(f"{header},a\n2,1\n1,0\n"), n_frames=4)
    assert states(read.labels[0], "a", 4) == [-1, 0, 1, -1]
    assert read.assumptions[-1] == (
        f"cage3.csv: the column {column} begins with 1 and was taken as 0-based, so that nobody looked at frame 0; if "
        "the table counts from 1, subtract 1 from every number in it"
    )
    for text in ("frame,a\n0,1\n1,0\n", "frame,a\n2,1\n", "frame,a\n"):
        assert not any("begins with" in each for each in read_per_frame_csv(write(text)).assumptions)


def test_what_several_columns_are_taken_for_is_told_unless_it_was_said(write):
    path = write("frame,anna,ben\n0,1,0\n1,1,1\n")
    (told,) = read_per_frame_csv(path).assumptions
    assert "each column is taken as a behavior: anna, ben; columns of one behavior by several annotators" in told
    for said in ({"annotators_of": "freezing"}, {"looked_for": ["anna", "ben"]}):
        assert read_per_frame_csv(path, **said).assumptions == ()
    assert read_per_frame_csv(write("frame,anna\n0,1\n")).assumptions == ()


def test_columns_can_be_annotators_of_one_behavior(write):
    read = read_per_frame_csv(write("frame,anna,ben\n0,1,0\n1,1,1\n"), annotators_of="freezing")
    assert [(each.annotator, each.bouts) for each in read.labels] == [
        ("anna", (Bout("freezing", 0, 2),)),
        ("ben", (Bout("freezing", 1, 2),)),
    ]


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("frame,a\n0,2\n", FormatError, "line 2: found a '2', expected 1 (present), 0 (absent), -1"),
        ("frame,a\n0,1\n0,1\n", FormatError, "line 3: found frame 0, which line 2 is about, expected each frame once"),
        ("frame,a\n-1,1\n", FormatError, "line 2: found frame '-1'"),
        ("frame\n0\n", LabelError, "found no column of labels"),
        ("frame,a\n0,1\n9,1\n", LabelError, "found 10 frames of labels, expected 4 frames"),
    ],
)
def test_bad_table_says_where(write, text, kind, message):
    with pytest.raises(kind) as caught:
        read_per_frame_csv(write(text), n_frames=4)
    assert message in str(caught.value)


def test_column_asked_for_has_to_be_there(write):
    (labels,) = read_per_frame_csv(write(EXAMPLE), looked_for=["rearing"]).labels
    assert list(labels.observed) == ["rearing"]
    with pytest.raises(LabelError, match="found no column 'Rearing', expected one of freezing, rearing"):
        read_per_frame_csv(write(EXAMPLE), looked_for=["Rearing"])


def test_other_tables_are_not_taken_for_it(write):
    assert looks_like_per_frame_csv(write(EXAMPLE))
    assert looks_like_per_frame_csv(write("a\n0\n"))
    for text in (
        "time,a\n0,1\n",
        "a,b\n1,2\n",
        "x;y\n0;1\n",
        "0,1\n0,1\n",
        ",background\n0,1\n",
        "frame\n0\n",
        "",
        "a\n\n",
    ):
        assert not looks_like_per_frame_csv(write(text))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.data())
def test_what_is_written_reads_back_to_the_frame(tmp_path, drawn_labels, chosen):
    labels = chosen.draw(drawn_labels(touching=False))
    n_frames = labels.last_frame
    path = tmp_path / "rec.csv"
    write_per_frame_csv(path, labels, n_frames=n_frames)
    (back,) = read_per_frame_csv(path, annotator="anna").labels
    assert back == labels


def test_written_table_has_three_states(tmp_path):
    labels = RecordingLabels("r", "anna", (Bout("a", 1, 2), Bout("a", 2, 3)), {"a": ((1, 4),)})
    write_per_frame_csv(tmp_path / "r.csv", labels, n_frames=5)
    assert (tmp_path / "r.csv").read_text() == "frame,a\n0,-1\n1,1\n2,1\n3,0\n4,-1\n"
    with pytest.raises(LabelError, match="found labels up to frame 4"):
        write_per_frame_csv(tmp_path / "r.csv", labels, n_frames=3)


@pytest.mark.parametrize("name", ["frame", "Frames", "time", "background", "0", "a;b", " a"])
def test_a_name_that_would_not_be_read_again_is_refused(tmp_path, name):
    labels = RecordingLabels("r", "anna", (Bout(name, 1, 2),), {name: ((0, 4),)})
    with pytest.raises(LabelError, match=f"r: found a behavior called {name!r}, expected names that mean a behavior"):
        write_per_frame_csv(tmp_path / "r.csv", labels, n_frames=4)
    with pytest.raises(LabelError, match="r: found no behavior"):
        write_per_frame_csv(tmp_path / "r.csv", RecordingLabels("r", "anna", ()), n_frames=4)
    assert not any(tmp_path.iterdir())


def test_a_frame_column_beside_an_index_places_the_rows(write):
    (labels,) = read_per_frame_csv(write(",frame,a\n0,100,0\n1,101,1\n"), looked_for=["a"]).labels
    assert labels.bouts == (Bout("a", 101, 102),)
    assert labels.observed == {"a": ((100, 102),)}


@pytest.mark.parametrize("name", ["Frame", "frames", "frame_number", "Video frame", "FrameID"])
def test_frames_by_another_name_are_refused_and_not_passed_over(write, name):
    with pytest.raises(FormatError, match=f"found a column '{name}', expected 'frame' for 0-based frames") as caught:
        read_per_frame_csv(write(f"{name},a\n100,0\n101,1\n"), looked_for=["a"])
    assert caught.value.remedy.startswith("rename it to 'frame' if its first frame is 0")


@pytest.mark.real_data
def test_real_freezing_labels(nsp_data):
    path = nsp_data / "behaviordepot_freezing" / "demo1_labels.csv"
    with path.open(newline="") as stream:
        truth = {int(row["frame"]): int(row["freezing_human"]) for row in csv.DictReader(stream)}
    assert looks_like_per_frame_csv(path)
    (labels,) = read_per_frame_csv(path, n_frames=6000, looked_for=["freezing_human"]).labels
    assert states(labels, "freezing_human", 6000) == [truth[frame] for frame in range(6000)]
    assert len(labels.bouts) == 20


@pytest.mark.real_data
def test_four_real_raters_stay_apart(nsp_data):
    path = nsp_data / "behaviordepot_freezing" / "demo7_labels_4raters.csv"
    truth = np.loadtxt(path, delimiter=",", skiprows=1, dtype=int)
    read = read_per_frame_csv(path, annotators_of="freezing")
    assert [each.annotator for each in read.labels] == ["expert1", "expert2", "expert3", "novice"]
    for column, each in enumerate(read.labels, start=1):
        assert states(each, "freezing", truth.shape[0]) == truth[:, column].tolist()
