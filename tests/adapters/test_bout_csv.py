"""Bout csv: exact round trip, stated observed spans, and refusals that name the line or the closest name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsp_adapters.bout_csv import import_bout_csv, read_bout_csv, write_bout_csv
from nsp_core.errors import AmbiguousError, FormatError, LabelError, MissingFileError, OutputError
from nsp_core.labels import ABSENT, PRESENT, UNLABELED, Behavior, Bout, RecordingLabels, frame_states

ATTACK, SNIFF = Behavior("attack", "directed"), Behavior("sniff", "undirected")
REQUEST = {"recording": "cage3", "fps": None, "behaviors": [ATTACK, SNIFF], "observed": "all", "n_frames": 100}

NAMES = st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" "), min_size=1, max_size=12).filter(
    lambda name: name == name.strip()
)
BOUTS = st.builds(
    lambda start, length, individual, target, behavior: Bout(behavior, start, start + length, individual, target),
    st.integers(0, 9 * 10**7),
    st.integers(1, 10**6),
    st.none() | NAMES,
    st.none() | NAMES,
    st.sampled_from(["attack", "sniff"]),
)


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "bouts.csv"
        path.write_bytes(text.encode())
        return path

    return write


def refusal(kind: type[Exception], path: Path, **request: object) -> str:
    with pytest.raises(kind) as caught:
        read_bout_csv(path, **(REQUEST | request))
    message = str(caught.value)
    assert message.startswith(path.name)
    return message


def test_frames_are_taken_as_they_stand(write):
    path = write("behavior,start_frame,stop_frame\nattack,0,5\nsniff,5,6\n\nattack,95,100\n,,\n")
    labels = read_bout_csv(path, **REQUEST)
    assert (labels.recording, labels.annotator) == ("cage3", "unknown")
    assert labels.bouts == (Bout("attack", 0, 5), Bout("sniff", 5, 6), Bout("attack", 95, 100))
    assert dict(labels.observed) == {"attack": ((0, 100),), "sniff": ((0, 100),)}


def test_columns_are_found_by_name_and_others_ignored(write):
    text = (
        "\ufefftarget, stop_frame,comment,individual,start_frame,behavior\r\nintruder,9,fierce,resident, 3,attack\r\n"
    )
    assert read_bout_csv(write(text), **REQUEST).bouts == (Bout("attack", 3, 9, "resident", "intruder"),)


def test_seconds_become_the_nearest_frames(write):
    path = write("behavior,start_s,stop_s\nattack,1.0,2.0\nsniff,0,0.1001\n")
    labels = read_bout_csv(path, **(REQUEST | {"fps": 29.97}))
    assert labels.bouts == (Bout("attack", 30, 60), Bout("sniff", 0, 3))


def test_frames_win_over_seconds(write):
    path = write("behavior,start_s,stop_s,start_frame,stop_frame\nattack,1.0,2.0,7,8\n")
    assert read_bout_csv(path, **REQUEST).bouts == (Bout("attack", 7, 8),)


def test_only_this_recordings_rows_are_taken(write):
    path = write("recording,behavior,start_frame,stop_frame\ncage1,attack,x,y\ncage3,attack,1,2\n")
    assert read_bout_csv(path, **REQUEST).bouts == (Bout("attack", 1, 2),)
    assert read_bout_csv(path, **(REQUEST | {"recording": "cage30"})).bouts == ()


def test_only_one_annotators_rows_are_taken(write):
    path = write("behavior,start_frame,stop_frame,annotator\nattack,1,2,anna\nattack,3,4,bob\nattack,5,6,\n")
    labels = read_bout_csv(path, **REQUEST, annotator="bob")
    assert labels.annotator == "bob"
    assert labels.bouts == (Bout("attack", 3, 4), Bout("attack", 5, 6))
    message = refusal(AmbiguousError, path)
    assert "found rows of 2 annotators: anna, bob" in message
    assert "name the annotator in the study file" in message
    assert "found no row by annotator 'eve', expected one of anna, bob" in refusal(LabelError, path, annotator="eve")


def test_the_only_annotator_gives_the_labels_its_name(write):
    path = write("behavior,start_frame,stop_frame,annotator\nattack,1,2,anna\n")
    assert read_bout_csv(path, **REQUEST).annotator == "anna"


def test_rows_of_other_behaviors_are_skipped(write):
    path = write("behavior,start_frame,stop_frame\nattack,1,2\ngroom,3,4\n")
    labels = read_bout_csv(path, **(REQUEST | {"behaviors": [ATTACK]}))
    assert labels.bouts == (Bout("attack", 1, 2),)
    assert list(labels.observed) == ["attack"]


def test_frames_outside_the_stated_spans_are_unlabeled(write):
    path = write("behavior,start_frame,stop_frame\nsniff,2,4\n")
    labels = read_bout_csv(path, **(REQUEST | {"observed": [(1, 5)], "n_frames": None}))
    expected = [UNLABELED, ABSENT, PRESENT, PRESENT, ABSENT, UNLABELED]
    assert frame_states(labels, SNIFF, 6, "a", "b").tolist() == expected


def test_labeled_span_reaches_from_the_first_bout_to_the_last(write):
    path = write("behavior,start_frame,stop_frame\nsniff,20,40\ngroom,10,12\nsniff,25,30\n")
    request = REQUEST | {"observed": "labeled-span", "n_frames": None}
    assert dict(read_bout_csv(path, **request).observed) == {"attack": ((10, 40),), "sniff": ((10, 40),)}
    empty = write("behavior,start_frame,stop_frame\n")
    assert dict(read_bout_csv(empty, **request).observed) == {"attack": (), "sniff": ()}


def test_observed_spans_have_to_be_stated(write):
    path = write("behavior,start_frame,stop_frame\nattack,1,2\n")
    for unstated in ({"n_frames": None}, {"observed": ()}):
        message = refusal(LabelError, path, **unstated)
        assert "found no observed spans" in message
        assert "expected half-open frame spans with 0 <= start < stop, or 'all' with n_frames" in message
        assert "unlabeled is not absent, and the csv lists only what was seen" in message
    assert "found observed spans [(5, 5)]" in refusal(LabelError, path, observed=[(5, 5)])


def test_missing_file_is_named_with_its_folder(tmp_path):
    with pytest.raises(MissingFileError, match=r"nowhere/none\.csv: found no such file"):
        read_bout_csv(tmp_path / "nowhere" / "none.csv", **REQUEST)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("", "found an empty file"),
        ("behaviour,start_frame,stop_frame", "no column behavior and a column 'behaviour' (closest: 'behavior')"),
        ("behavior,Start_frame,End_frame", "a column 'Start_frame' (closest: 'start_frame')"),
        ("behavior,start_s", "found no column stop_s"),
        ("behavior,start_frame,stop_frame,indiviual", "found a column 'indiviual' (closest: 'individual')"),
        ("behavior,start_frame,stop_frame,behavior", "found two columns behavior"),
    ],
)
def test_wrong_columns_are_named_with_the_closest(write, header, message):
    found = refusal(FormatError, write(f"{header}\n" if header else ""))
    assert message in found
    assert "frames are 0-based and half-open" in found
    assert "behavior,start_frame,stop_frame\nattack,535,961" in found


@pytest.mark.parametrize("header", ["behavior;start_frame;stop_frame", '"behavior";"start_frame";"stop_frame"'])
def test_semicolons_of_a_spreadsheet_program_are_named(write, header):
    message = refusal(FormatError, write(f"{header}\nattack;1;2\n"))
    assert (
        "found columns separated by ';', as a spreadsheet program saves them, expected a bout csv: columns" in message
    )
    assert "save it with ',' between cells and '.' in decimal numbers" in message


def test_empty_columns_of_a_spreadsheet_program_are_left_out(write):
    path = write("behavior,start_frame,stop_frame,,\nattack,1,2,,\nsniff,3,4\n")
    assert read_bout_csv(path, **REQUEST).bouts == (Bout("attack", 1, 2), Bout("sniff", 3, 4))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("attack,1", "line 3: found 2 cells, expected 3 cells"),
        ("attack,1,2,3", "line 3: found 4 cells, expected 3 cells"),
        ("attack,1.5,2", "line 3: found start_frame '1.5', expected a whole number"),
        ("attack,-1,2", "line 3: found start_frame '-1'"),
        ("attack,1,", "line 3: found stop_frame ''"),
        ("attack,5,5", "line 3: found a bout of attack over frames [5, 5), expected start before stop"),
        (",1,2", "line 3: found an empty behavior"),
    ],
)
def test_bad_row_is_named_by_its_line(write, row, message):
    found = refusal(FormatError, write(f"behavior,start_frame,stop_frame\nattack,0,1\n{row}\n"))
    assert message in found
    assert "correct this row" in found


@pytest.mark.parametrize("time", ["later", "-0.1", "nan", "inf", ""])
def test_bad_time_is_named_by_its_line(write, time):
    found = refusal(FormatError, write(f"behavior,start_s,stop_s\nattack,0,{time}\n"), fps=30.0)
    assert f"line 2: found stop_s '{time}', expected a time in seconds" in found


def test_seconds_need_the_frame_rate(write):
    message = refusal(FormatError, write("behavior,start_s,stop_s\nattack,0,1\n"))
    assert "found bouts in seconds and no frame rate" in message
    assert "state fps in the study file or with --fps" in message


def test_content_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "bouts.csv"
    path.write_bytes(b"behavior,start_frame,stop_frame\n\xff\xfe,1,2\n")
    assert "found content that is no csv text" in refusal(FormatError, path)
    path.write_text('behavior,start_frame,stop_frame\n"attack,1,2\n')
    assert "save it as csv (UTF-8)" in refusal(FormatError, path)


def test_empty_recording_is_refused(write):
    path = write("recording,behavior,start_frame,stop_frame\ncage3,attack,1,2\n,attack,3,4\n")
    assert "line 3: found an empty recording" in refusal(FormatError, path)


def test_recording_that_differs_by_a_slip_is_not_passed_over(write):
    path = write("recording,behavior,start_frame,stop_frame\nCage_3.mp4,attack,1,2\n")
    message = refusal(LabelError, path)
    assert "found no row of 'cage3' but rows of 'Cage_3.mp4'" in message
    assert "write the recording's name as in the study file" in message


def test_behavior_that_differs_by_a_slip_is_not_passed_over(write):
    path = write("behavior,start_frame,stop_frame\natack,1,2\nsniff,3,4\nSniff,5,6\n")
    assert "found behavior 'atack', expected 'attack', which is asked for" in refusal(LabelError, path)
    message = refusal(LabelError, path, behaviors=[SNIFF])
    assert "found behavior 'Sniff', expected 'sniff'" in message
    assert "if these are two behaviors, list both in the study file" in message
    both = [SNIFF, Behavior("Sniff", "undirected")]
    assert len(read_bout_csv(path, **(REQUEST | {"behaviors": both})).bouts) == 2


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bouts=st.lists(BOUTS, max_size=12), recording=NAMES, annotator=NAMES)
def test_round_trip_is_exact(tmp_path, bouts, recording, annotator):
    spans = ((0, 10**8),)
    labels = RecordingLabels(recording, annotator, tuple(bouts), {"attack": spans, "sniff": spans})
    path = tmp_path / "bouts.csv"
    write_bout_csv(path, labels)
    request = REQUEST | {"recording": recording, "observed": spans, "annotator": annotator}
    assert read_bout_csv(path, **request) == labels


def test_bouts_at_both_ends_and_side_by_side_survive(tmp_path):
    labels = RecordingLabels(
        "cage3",
        "anna",
        (Bout("attack", 0, 10, "b", "a"), Bout("attack", 10, 100, "b", "a"), Bout("sniff", 99, 100)),
        {"attack": ((0, 100),), "sniff": ((0, 100),)},
    )
    path = tmp_path / "new folder" / "bouts.csv"
    write_bout_csv(path, labels)
    assert path.read_text().splitlines()[1] == "cage3,b,a,attack,0,10,anna"
    assert read_bout_csv(path, **REQUEST) == labels


def test_writing_replaces_the_whole_file_and_leaves_nothing_aside(tmp_path):
    path = tmp_path / "bouts.csv"
    path.write_text("old content\n" * 1000)
    write_bout_csv(path, RecordingLabels("cage3", "anna", (Bout("attack", 1, 2),)))
    assert path.read_text() == (
        "recording,individual,target,behavior,start_frame,stop_frame,annotator\ncage3,,,attack,1,2,anna\n"
    )
    assert list(tmp_path.iterdir()) == [path]


def test_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(OutputError, match="taken"):
        write_bout_csv(tmp_path / "taken" / "bouts.csv", RecordingLabels("cage3", "anna", ()))


def test_several_recordings_and_annotators_follow_each_other(tmp_path):
    every = [RecordingLabels(*names, (Bout("attack", 1, 2),)) for names in (("cage3", "anna"), ("cage4", "ben"))]
    write_bout_csv(tmp_path / "both.csv", every)
    assert (tmp_path / "both.csv").read_text().splitlines()[1:] == ["cage3,,,attack,1,2,anna", "cage4,,,attack,1,2,ben"]
    write_bout_csv(tmp_path / "one.csv", every[:1])
    write_bout_csv(tmp_path / "alone.csv", every[0])
    assert (tmp_path / "one.csv").read_text() == (tmp_path / "alone.csv").read_text()


def test_what_is_not_in_the_file_is_assumed_and_told(write):
    path = write("behavior,start_frame,stop_frame,annotator\nattack,10,20,anna\nattack,30,40,\n")
    told = import_bout_csv(path, **(REQUEST | {"observed": "labeled-span"})).assumptions
    assert told == (
        "bouts.csv: no column recording: every row was taken for 'cage3'",
        "bouts.csv: 1 rows that name no annotator were taken for those of 'anna'",
        "bouts.csv: attack, sniff looked for in every frame of [10, 40), from the first bout listed to the end of the "
        "last, because the csv does not say where anybody looked and no observed span is stated",
    )
    stated = import_bout_csv(path, **(REQUEST | {"observed": [(0, 50)]}))
    assert stated.assumptions == told[:2]
    assert stated.labels[0].observed["attack"] == ((0, 50),)


def test_what_the_file_and_the_study_state_needs_no_sentence(write):
    path = write("recording,behavior,start_frame,stop_frame\ncage3,attack,10,20\n")
    assert import_bout_csv(path, **(REQUEST | {"observed": "all", "n_frames": 90})).assumptions == ()


def test_without_a_row_of_the_recording_those_there_are_named(write):
    path = write("recording,behavior,start_frame,stop_frame\ncage4,attack,10,20\ncage5,sniff,1,2\n")
    missing = "bouts.csv: no row of 'cage3', but of cage4, cage5"
    assert import_bout_csv(path, **(REQUEST | {"observed": "labeled-span"})).assumptions == (
        missing,
        "bouts.csv: no bout in 'cage3', so that no frame of it is labeled",
    )
    assert import_bout_csv(path, **REQUEST).assumptions == (
        missing,
        "bouts.csv: no bout in 'cage3': nothing was seen in the frames that the study says were looked at",
    )
    rows = "".join(f"m{number},attack,1,2\n" for number in range(12))
    many = write(f"recording,behavior,start_frame,stop_frame\n{rows}")
    assert import_bout_csv(many, **REQUEST).assumptions[0].endswith("m8, m9 and 2 more")
    empty = write("recording,behavior,start_frame,stop_frame\n")
    assert import_bout_csv(empty, **REQUEST).assumptions[0] == "bouts.csv: no row below the header"
