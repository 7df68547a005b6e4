"""BORIS tabular events of versions 7, 8 and 9: bouts by name, frames to the frame, doubts said or refused."""

from __future__ import annotations

import csv
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsp_adapters.annotations.boris_tabular import looks_like_boris_tabular, read_boris_tabular
from nsp_core.errors import AmbiguousError, FormatError, LabelError, MissingFileError
from nsp_core.labels import Bout, PointEvent
from tests.adapters.annotations.boris_examples import PREAMBLE, V7, V8, V9, read, refusal, v7, v8, v9


def test_version_7_with_preamble(write_events):
    rows = v7(1, "START") + v7(2.2, "STOP") + v7(3, "POINT", "rat2", "squeak") + v7(19.5, "START") + v7(20, "STOP")
    labels, assumptions = read(write_events(PREAMBLE.format(offset=0.0) + V7 + rows))
    assert (labels.recording, labels.annotator) == ("day 1", "anna")
    assert labels.bouts == (Bout("sniff", 25, 55, "rat1"), Bout("sniff", 488, 500, "rat1"))
    assert labels.points == (PointEvent("squeak", 75, "rat2"),)
    assert dict(labels.observed) == {"sniff": ((0, 500),), "squeak": ((0, 500),)}
    assert assumptions == ()


def test_versions_8_and_9_are_found_by_column_name(write_events):
    expected = (Bout("sniff", 25, 55, "rat1"),)
    labels, _ = read(write_events(V8 + v8(1, "START") + v8(2.2, "STOP")))
    assert (labels.bouts, labels.annotator, dict(labels.observed)) == (expected, "unknown", {"sniff": ((0, 500),)})
    labels, _ = read(write_events(V9 + v9(1, "START", observer="ben") + v9(2.2, "STOP", observer="ben")))
    assert (labels.bouts, labels.annotator) == (expected, "ben")


@pytest.mark.parametrize("separator", [",", "\t", ";"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_separator_line_ending_byte_order_mark_and_spelling_do_not_matter(write_events, separator, ending):
    text = V7.replace("Behavior,", "Behaviour,") + v7(1, "START") + v7(2.2, "STOP")
    path = write_events("\ufeff" + text.replace(",", separator).replace("\n", ending), "events.txt")
    assert looks_like_boris_tabular(path)
    assert read(path)[0].bouts == (Bout("sniff", 25, 55, "rat1"),)


def test_time_offset_is_part_of_the_times_and_subtracted(write_events):
    labels, _ = read(write_events(PREAMBLE.format(offset="10.000") + V7 + v7(11, "START") + v7(12.2, "STOP")))
    assert labels.bouts == (Bout("sniff", 25, 55, "rat1"),)
    labels, _ = read(write_events(V9 + v9(6, "START", offset="5.000") + v9(7.2, "STOP", offset="5.000")))
    assert labels.bouts == (Bout("sniff", 25, 55, "rat1"),)
    path = write_events(V9 + v9(1, "START", offset="5.000") + v9(7.2, "STOP", offset="5.000"))
    assert "line 2: found sniff at frame -100" in refusal(LabelError, path)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 1, 3), (3, 2, 1, 0), (2, 3, 0, 1)])
def test_bouts_that_touch_stay_two_in_any_order_of_rows(write_events, order):
    rows = [v7(1, "START"), v7(2, "STOP"), v7(2, "START"), v7(3, "STOP")]
    labels, _ = read(write_events(V7 + "".join(rows[index] for index in order)))
    assert labels.bouts == (Bout("sniff", 25, 50, "rat1"), Bout("sniff", 50, 75, "rat1"))


def test_implicit_stop_shares_the_frame_of_the_next_start(write_events):
    rows = v7(1, "START") + v7(1.999, "STOP") + v7(2, "START", behavior="groom") + v7(3, "STOP", behavior="groom")
    labels, _ = read(write_events(V7 + rows))
    assert labels.bouts == (Bout("sniff", 25, 50, "rat1"), Bout("groom", 50, 75, "rat1"))


def test_point_events_at_one_time_are_all_kept(write_events):
    labels, _ = read(write_events(V7 + v7(2, "POINT") + v7(2, "POINT") + v7(2, "POINT", "rat2")))
    assert labels.points == (PointEvent("sniff", 50, "rat1"),) * 2 + (PointEvent("sniff", 50, "rat2"),)


def test_bout_shorter_than_a_frame_is_kept_and_told(write_events):
    labels, assumptions = read(write_events(V7 + v7(1, "START") + v7(1.001, "STOP") + v7(20, "START") + v7(20, "STOP")))
    assert labels.bouts == (Bout("sniff", 25, 26, "rat1"), Bout("sniff", 499, 500, "rat1"))
    assert "observation 'events': bouts shorter than half a frame were kept as one frame: 2" in assumptions


@pytest.mark.parametrize("subject", ["", "No focal subject"])
def test_nobody_in_particular_is_none(write_events, subject):
    labels, _ = read(write_events(V7 + v7(1, "START", subject) + v7(2, "STOP", subject)))
    assert labels.bouts == (Bout("sniff", 25, 50),)


def test_states_pair_per_subject_behavior_and_modifiers(write_events):
    rows = [
        v9(1, "START"),
        v9(2, "START", subject="rat2"),
        v9(3, "START", behavior="groom"),
        v9(4, "START", modifiers="hard,"),
        v9(5, "STOP"),
        v9(6, "STOP", subject="rat2"),
        v9(7, "STOP", behavior="groom"),
        v9(8, "STOP", modifiers="hard,"),
    ]
    labels, assumptions = read(write_events(V9 + "".join(rows)))
    frames = {(bout.behavior, bout.individual): [] for bout in labels.bouts}
    for bout in labels.bouts:
        frames[bout.behavior, bout.individual].append((bout.start_frame, bout.stop_frame))
    assert frames == {
        ("sniff", "rat1"): [(25, 125), (100, 200)],
        ("sniff", "rat2"): [(50, 150)],
        ("groom", "rat1"): [(75, 175)],
    }
    assert len(assumptions) == 1
    assert "modifiers were left out" in assumptions[0]
    assert assumptions[0].endswith("'hard'")


def test_target_is_known_only_where_a_modifier_names_another_subject(write_events):
    rows = [
        v9(1, "START", modifiers="rat2,hard"),
        v9(2, "STOP", modifiers="rat2,hard"),
        v9(3, "START", subject="rat2", modifiers="rat2,None"),
        v9(4, "STOP", subject="rat2", modifiers="rat2,None"),
    ]
    path = write_events(V9 + "".join(rows))
    assert [bout.target for bout in read(path)[0].bouts] == [None, None]
    labels, assumptions = read(path, target_from_modifier=True)
    assert labels.bouts == (Bout("sniff", 25, 50, "rat1", "rat2"), Bout("sniff", 75, 100, "rat2", None))
    assert assumptions[0].endswith("'hard'")
    both = write_events(
        V9
        + "".join(v9(t, s, subject="", modifiers="rat1,rat2") for t, s in ((1, "START"), (2, "STOP")))
        + rows[2]
        + rows[3]
        + v9(5, "POINT", behavior="squeak")
    )
    message = refusal(AmbiguousError, both, target_from_modifier=True)
    assert "line 2: found sniff with modifiers that name 'rat1', 'rat2', expected one target" in message


def test_unmatched_rows_are_named(write_events):
    path = write_events(V7 + v7(1, "START") + v7(2, "START") + v7(3, "STOP") + v7(5, "STOP", "rat2"))
    message = refusal(LabelError, path)
    assert (
        "a START of sniff by rat1 at 2.000 s (events.csv, line 3) while the one of events.csv, line 2 has no STOP"
        in message
    )
    assert "a STOP of sniff by rat2 at 5.000 s (events.csv, line 5) with no START before it" in message
    assert "expected a STOP for every START" in message
    live = write_events((V7 + v7(1, "START")).replace("20.000", "NA"))
    assert "a START of sniff by rat1 at 1.000 s (events.csv, line 2) with no STOP" in refusal(LabelError, live)


def test_last_start_without_stop_lasts_to_the_end_of_the_media_and_is_told(write_events):
    labels, assumptions = read(write_events(V7 + v7(1, "START") + v7(2, "STOP") + v7(18, "START")))
    assert labels.bouts == (Bout("sniff", 25, 50, "rat1"), Bout("sniff", 450, 500, "rat1"))
    assert len(assumptions) == 1
    assert "(events.csv, line 4) has no STOP and was taken to last to the end of the media" in assumptions[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found an empty file"),
        ("behavior,start\nsniff,1\n", "found no line with the columns 'time', 'behavior', 'behavior type' or 'status'"),
        (V7 + "1.000,cage3.avi,20.0,25.0,rat1,sn", "line 2: found 6 cells, expected 9 cells, as in the header"),
        (V7 + v7(1, "STA"), "line 2: found a status of 'STA', expected START, STOP or POINT"),
        (V7 + v7("1:02.5", "START"), "line 2: found time '1:02.5', expected seconds with a decimal point"),
        (V7 + v7("", "START"), "line 2: found no time"),
        (V7 + v7("nan", "START"), "line 2: found time 'nan'"),
        (V7 + v7("inf", "START"), "line 2: found time 'inf'"),
        ((V7 + v7("1;5", "START")).replace(",", "\t").replace(";", ","), "line 2: found time '1,5'"),
        (V7 + v7(1, "START", behavior=""), "line 2: found an empty behavior"),
        (V7.replace("Comment", "Time") + v7(1, "START"), "line 1: found 2 columns 'time', expected each column once"),
    ],
)
def test_damaged_table_says_where(write_events, text, message):
    assert message in refusal(FormatError, write_events(text))


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "events.csv"
    path.write_bytes((V7 + v7(1, "START", "sourís")).encode("cp1252"))
    assert "found bytes that are no UTF-8 text" in refusal(FormatError, path)
    with pytest.raises(MissingFileError, match=r"none\.csv: found no such file"):
        read_boris_tabular(tmp_path / "none.csv", fps=25.0)
    assert not looks_like_boris_tabular(path.with_name("none.csv"))


def test_endless_cell_is_refused(write_events):
    path = write_events(V7 + 'x,"' + "y" * 200_000)
    assert "found text that is no table (field larger than field limit" in refusal(FormatError, path)
    assert not looks_like_boris_tabular(write_events("\x00\x01\x02", "noise.csv"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fps=st.sampled_from([24000 / 1001, 25.0, 30000 / 1001, 60000 / 1001, 120.0]),
    edges=st.lists(st.integers(0, 5000), min_size=2, max_size=20, unique=True),
    shuffled=st.randoms(use_true_random=False),
)
def test_every_frame_comes_back_from_three_decimals(write_events, fps, edges, shuffled):
    edges = sorted(edges)
    expected = tuple(Bout("sniff", start, stop, "rat1") for start, stop in pairwise(edges))
    rows = [
        v9(frame / fps, status, fps=f"{fps:.3f}", duration=f"{5000 / fps:.3f}", coded=f"{5000 / fps:.3f}")
        for bout in expected
        for frame, status in ((bout.start_frame, "START"), (bout.stop_frame, "STOP"))
    ]
    shuffled.shuffle(rows)
    labels, _ = read(write_events(V9 + "".join(rows)), fps=fps, n_frames=5000)
    assert labels.bouts == expected


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=80) | st.text(alphabet=',;\t\n"0123456789.STARTOPnaif', max_size=120))
def test_any_text_is_read_or_refused(write_events, text):
    path = write_events(V7 + text)
    looks_like_boris_tabular(path)
    with suppress(FormatError, LabelError, AmbiguousError):
        read_boris_tabular(path, fps=25.0)


def raw_events(path: Path) -> list[tuple[float, str, str, str]]:
    """Independent reading: time, subject, behavior, status of the rows that begin with a number."""
    separator = "\t" if path.suffix == ".tsv" else ","
    with path.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.reader(stream, delimiter=separator) if row and row[0].replace(".", "", 1).isdigit()]
    return [(float(row[0]), row[4], row[5], row[8]) for row in rows]


REAL = [
    ("ethome_adult_juvenile/annot_brett_initial_DLC3.csv", "DLC3", 30.0, 5700),
    ("ethome_adult_juvenile/annot_brett_reannotation_DLC3.csv", "DLC3", 30.0, 5700),
    ("ethome_adult_juvenile/annot_donnie_initial_DLC3.csv", "DLC3", 30.0, 5700),
    ("ethome_adult_juvenile/annot_donnie_reannotation_DLC3.csv", "DLC3", 30.0, 5700),
    ("ethome_adult_juvenile/labels_other_videos/e3v813a-20210610T120637-121213_reencode.csv", "DLC1", 30.0, 10080),
    (
        "ethome_adult_juvenile/labels_other_videos/e3v813a-20210610T120637-121213_reencode_multiple_behaviors.csv",
        "DLC1",
        30.0,
        10080,
    ),
    ("ethome_adult_juvenile/labels_other_videos/e3v813a-20210610T121558-122141_reencode.csv", "DLC2", 30.0, 10290),
    ("ethome_adult_juvenile/labels_other_videos/e3v813a-20210610T122758-123309_reencode.csv", "DLC4", 30.0, 9330),
    ("ethome_adult_juvenile/labels_other_videos/e3v813a-20210610T123521-124106_reencode.csv", "DLC5", 30.0, 10349),
    ("formats/boris/test-simultaneous-events.csv", "testvid", 30.0, 10080),
    ("formats/boris/test_export_events_tabular.csv", "observation #1", 25.0, 8999),
    ("formats/boris/test_export_events_tabular.tsv", "observation #1", 25.0, 8999),
]


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "observation", "fps", "n_frames"), REAL)
def test_real_files_agree_with_a_raw_reading(nsp_data, name, observation, fps, n_frames):
    path = nsp_data / name
    assert looks_like_boris_tabular(path)
    events = raw_events(path)
    expected = []
    for subject, behavior in {(subject, behavior) for _, subject, behavior, _ in events}:
        own = sorted((time, status) for time, *who, status in events if who == [subject, behavior])
        assert [status for _, status in own] == ["START", "STOP"] * (len(own) // 2)
        frames = [round(time * fps) for time, _ in own]
        pairs = zip(frames[::2], frames[1::2], strict=True)
        expected += [Bout(behavior, start, stop, subject) for start, stop in pairs]
    labels, assumptions = read(path, fps=None)
    assert labels.recording == observation
    assert sorted(labels.bouts) == sorted(expected)
    assert len(expected) > 2
    assert set(labels.observed.values()) == {((0, n_frames),)}
    assert assumptions == ()


@pytest.mark.real_data
def test_real_labels_are_found_by_video_and_fit_their_recording(nsp_data):
    path = nsp_data / "ethome_adult_juvenile" / "annot_donnie_initial_DLC3.csv"
    video = "e3v813a-20210610T122332-122642_reencode"
    labels, assumptions = read(path, fps=30.0, recording=video, annotator="donnie", n_frames=5700)
    assert (labels.recording, labels.annotator, assumptions) == (video, "donnie", ())
    share = sum(bout.stop_frame - bout.start_frame for bout in labels.bouts) / 5700
    assert 0.1 < share < 0.12
    assert "30 frames per second in the file and 25 stated" in refusal(FormatError, path, fps=25.0)
