"""Interval csv of several raters: raters and passes stay apart, marks are no behavior."""

from __future__ import annotations

import csv

import pytest

from nsp_adapters.annotations.interval_csv import EXAMPLE, looks_like_interval_csv, read_interval_csv
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import Bout, RecordingLabels

HEADER = "file;Experimenter;from;to;type;ID\n"


def test_observed_is_between_the_marks(write):
    path = write(EXAMPLE)
    assert looks_like_interval_csv(path)
    read = read_interval_csv(path, fps=25.0, n_frames=9280, looked_for=["Climbing"])
    spans = ((250, 9275),)
    bouts = (Bout("Floating", 312, 350), Bout("Floating", 500, 538))
    assert read.labels == (RecordingLabels("FST_1", "Jin", bouts, {"Floating": spans, "Climbing": spans}),)
    assert read.assumptions == (
        "cage3.csv: 1 passes observed from the start of their first mark to the end of their last",
    )


def test_passes_of_different_behaviors_are_joined_and_repetitions_are_not(write):
    different = HEADER + "a;Jin;1;2;Rear;m1\na;Jin;0;1;StartEnd;m1\na;Jin;9;10;StartEnd;m1\nb;Jin;3;4;Jump;m1\n"
    (labels,) = read_interval_csv(write(different), fps=10.0, n_frames=200).labels
    assert labels.observed == {"Rear": ((0, 100),), "Jump": ((0, 200),)}
    read = read_interval_csv(write(different + "b;Jin;1;2;Rear;m1\n"), fps=10.0)
    assert [(each.annotator, len(each.bouts)) for each in read.labels] == [("Jin (a)", 1), ("Jin (b)", 2)]


def test_rows_without_type_are_left_out_and_counted(write):
    read = read_interval_csv(
        write(HEADER + "a;Jin;1;2;_DEFAULT;m1\na;Jin;1;NA;NA;m1\na;Jin;NA;2;Rear;m1\na;Jin;1;1.003;Rear;m1\n"), fps=10.0
    )
    # What lasted less than a frame was seen all the same.
    assert read.labels[0].bouts == (Bout("Rear", 10, 11),)
    assert read.assumptions == (
        "cage3.csv: 3 rows without a type (_DEFAULT) or with NA were left out",
        "cage3.csv: fewer than two marks, taken as scored throughout: a",
    )


@pytest.mark.parametrize(
    ("row", "request_", "kind", "message"),
    [
        ("a;Jin;2;1;Rear;m1", {}, FormatError, "line 2: found Rear over frames [20, 10)"),
        ("a;Jin;1,5;2;Rear;m1", {}, FormatError, "line 2: found from '1,5', expected a time in seconds with a decimal"),
        ("a;Jin;1;2;Rear;", {}, FormatError, "line 2: found an empty ID"),
        ("a;Jin;1;2;Rear;m1", {"fps": None}, FormatError, "found times in seconds and no frame rate"),
        ("a;Jin;1;2;Rear;m1", {"n_frames": 18}, LabelError, "line 2: found Rear over frames [10, 20)"),
        ("a;Jin;1;2;Rear;m1", {"recording": "m2"}, LabelError, "found no row of ID 'm2', expected one of m1"),
        (
            "a;Jin;1;2;Rear;m1",
            {"annotator": "Ben"},
            LabelError,
            "found no row of Experimenter 'Ben', expected one of Jin",
        ),
    ],
)
def test_refusals_say_what_and_where(write, row, request_, kind, message):
    with pytest.raises(kind) as caught:
        read_interval_csv(write(HEADER + row + "\n"), **({"fps": 10.0} | request_))
    assert message in str(caught.value)


def test_end_late_by_a_frame_is_cut(write):
    (labels,) = read_interval_csv(write(HEADER + "a;Jin;1;2;Rear;m1\n"), fps=10.0, n_frames=19).labels
    assert labels.bouts == (Bout("Rear", 10, 19),)


def test_other_tables_do_not_look_like_it(write):
    for text in ("", "file,Experimenter,from,to,type,ID\n", "a;b\n1;2\n"):
        assert not looks_like_interval_csv(write(text))


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "recordings", "raters"),
    [
        ("AllEPMLables.csv", 5, {"Jin", "Oliver", "Sian"}),
        ("AllFSTLables.csv", 10, {"Jin", "Oliver", "Rebecca", "Schlappi"}),
        ("AllLabDataOFT_final.csv", 20, {"Furkan", "Jin", "Oliver"}),
    ],
)
def test_real_raters_stay_apart(nsp_data, name, recordings, raters):
    path = nsp_data / "sturman_multiannotator_labels" / name
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    marks = {"Start/End", "Start_End", "StartEnd", "_DEFAULT", "NA"}
    assert looks_like_interval_csv(path)
    read = read_interval_csv(path, fps=25.0)
    assert {each.annotator.partition(" ")[0] for each in read.labels} == raters
    assert len({each.recording for each in read.labels}) == recordings
    assert sum(len(each.bouts) for each in read.labels) == sum(row["type"] not in marks for row in rows)
    for each in read.labels:
        rater = each.annotator.partition(" ")[0]
        own = [row for row in rows if (row["ID"], row["Experimenter"]) == (each.recording, rater)]
        starts = {round(float(row["from"]) * 25) for row in own if row["type"] not in marks}
        assert {bout.start_frame for bout in each.bouts} <= starts
        assert all(stop_s > 100 * 25 for spans in each.observed.values() for _, stop_s in spans)


@pytest.mark.real_data
def test_real_two_passes_of_one_rater(nsp_data):
    path = nsp_data / "sturman_multiannotator_labels" / "AllLabDataOFT_final.csv"
    (labels,) = read_interval_csv(path, fps=25.0, recording="OFT_11", annotator="Jin").labels
    # Supported rears and grooming were scored in one pass, unsupported rears in another with a single mark.
    assert {name: spans[0][0] for name, spans in labels.observed.items()} == {
        "Supported": 66,
        "Grooming": 66,
        "Unsupported": 0,
    }
