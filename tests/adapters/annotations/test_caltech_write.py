"""Caltech text written: gapless streams of one length, back on their frames, unscored never as absent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsp_adapters.annotations.caltech_write import write_caltech
from nsp_adapters.caltech import read_caltech
from nsp_core.errors import LabelError
from nsp_core.labels import Behavior, Bout, RecordingLabels


def streams_of(path: Path) -> dict[str, list[tuple[int, int, str]]]:
    """Independent, naive reading: rows as they stand, per stream."""
    streams: dict[str, list[tuple[int, int, str]]] = {}
    for line in path.read_text().splitlines():
        if found := re.match(r"(S\d):", line):
            streams[found[1]] = []
        elif streams and (row := re.match(r"\s+(\d+)\s+(\d+)\s+(\S+)$", line)):
            streams[list(streams)[-1]].append((int(row[1]), int(row[2]), row[3]))
    return streams


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.data())
def test_streams_are_gapless_end_together_and_read_back(tmp_path, drawn_labels, chosen):
    first = chosen.draw(drawn_labels(exclusive=True, behaviors=("attack", "sniff")))
    n_frames = first.last_frame
    second = RecordingLabels("rec", "anna", (Bout("rear", 0, n_frames),), {"rear": ((0, n_frames),)})
    path = tmp_path / "rec_annot.txt"
    write_caltech(path, [first, second], n_frames=n_frames)
    streams = streams_of(path)
    assert list(streams) == ["S1", "S2"]
    for rows in streams.values():
        assert [frame for start, end, _ in rows for frame in range(start, end + 1)] == list(range(1, n_frames + 1))
    rows = {(start - 1, end, name) for start, end, name in streams["S1"] if name != "other"}
    assert rows == {(bout.start_frame, bout.stop_frame, bout.behavior) for bout in first.bouts}
    for stream, labels in (("S1", first), ("S2", second)):
        behaviors = [Behavior(name, "undirected") for name in labels.observed]
        read = read_caltech(path, recording="rec", annotator="anna", stream=stream, behaviors=behaviors)
        assert sorted(read.bouts) == sorted(labels.bouts)
        assert read.observed == labels.observed


def test_frames_nobody_looked_at_have_a_type_of_their_own(tmp_path):
    labels = RecordingLabels("rec", "anna", (Bout("attack", 2, 4),), {"attack": ((2, 6),)})
    path = tmp_path / "rec_annot.txt"
    with pytest.raises(LabelError, match="found 6 frames that were not observed, expected a type for them"):
        write_caltech(path, labels, n_frames=10)
    assert not path.exists()
    write_caltech(path, labels, n_frames=10, unscored="base")
    assert streams_of(path) == {"S1": [(1, 2, "base"), (3, 4, "attack"), (5, 6, "other"), (7, 10, "base")]}
    behaviors = [Behavior("attack", "undirected")]
    assert read_caltech(path, recording="rec", annotator="anna", behaviors=behaviors, unscored=["base"]) == labels


@pytest.mark.parametrize(
    ("bouts", "observed", "message"),
    [
        (
            [Bout("a", 0, 5), Bout("b", 4, 6)],
            {"a": ((0, 9),), "b": ((0, 9),)},
            "found b from frame 4 while a lasts to 5",
        ),
        ([Bout("a", 0, 10)], {"a": ((0, 9),)}, "found labels up to frame 10"),
        ([], {"a": ((0, 9),), "b": ((0, 8),)}, "found observed spans that differ"),
        ([Bout("a", 0, 5)], {}, "found no observed span of a"),
        ([], {"head dip": ((0, 9),)}, "found the name 'head dip'"),
        ([], {"other": ((0, 9),)}, "found the name 'other'"),
        ([Bout("a", 0, 2, "m1"), Bout("a", 3, 5, "m2")], {"a": ((0, 9),)}, "found a of m1 to None and of m2 to None"),
    ],
)
def test_what_the_format_cannot_say_is_refused(tmp_path, bouts, observed, message):
    with pytest.raises(LabelError) as caught:
        write_caltech(tmp_path / "a.txt", RecordingLabels("rec", "anna", tuple(bouts), observed), n_frames=9)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_write_is_refused(tmp_path):
    with pytest.raises(LabelError, match="found no labels"):
        write_caltech(tmp_path / "a.txt", [], n_frames=9)
