"""SimBA bout table: the last frame is inclusive, and frames win over times."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsp_adapters.annotations.simba_bouts import (
    EXAMPLE,
    looks_like_simba_bouts,
    read_simba_bouts,
    write_simba_bouts,
)
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import Bout, RecordingLabels

RATES = (24000 / 1001, 30000 / 1001, 25.0, 60000 / 1001, 120.0)


def test_end_frame_is_inclusive(write):
    path = write(EXAMPLE)
    assert looks_like_simba_bouts(path)
    read = read_simba_bouts(path, fps=30.0, n_frames=120, looked_for=["Rearing"])
    (labels,) = read.labels
    assert labels.recording == "cage3"
    assert labels.bouts == (
        Bout("Attack", 15, 24),
        Bout("Attack", 60, 63),
        Bout("Sniffing", 0, 15),
        Bout("Sniffing", 90, 120),
    )
    assert labels.observed == dict.fromkeys(["Attack", "Sniffing", "Rearing"], ((0, 120),))
    assert read.assumptions == ("cage3: Attack, Sniffing, Rearing looked for in every frame of [0, 120)",)


def test_times_at_another_rate_are_told_and_frames_read(write):
    read = read_simba_bouts(write(EXAMPLE), fps=29.0)
    assert "its times imply 30 frames per second, not 29; its frames were read" in read.assumptions[0]
    assert read.labels[0].bouts[0] == Bout("Attack", 15, 24)
    assert (
        "imply no frames"
        in read_simba_bouts(write("Event,End Time,Start_frame,End_frame\na,0,1,50\n"), fps=25.0).assumptions[0]
    )


def test_videos_are_kept_apart(write):
    text = "Video,Event,Start_frame,End_frame\nv1,a,0,4\nv2,a,3,9\n"
    assert [(each.recording, each.bouts) for each in read_simba_bouts(write(text)).labels] == [
        ("v1", (Bout("a", 0, 5),)),
        ("v2", (Bout("a", 3, 10),)),
    ]
    assert [each.recording for each in read_simba_bouts(write(text), recording="v2").labels] == ["v2"]
    with pytest.raises(LabelError, match="found no video 'v3', expected one of v1, v2"):
        read_simba_bouts(write(text), recording="v3")


def test_table_without_rows_has_no_bouts(write):
    (labels,) = read_simba_bouts(write(EXAMPLE.splitlines()[0]), n_frames=9, looked_for=["a"]).labels
    assert (labels.bouts, labels.observed) == ((), {"a": ((0, 9),)})


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("Event,Start_frame,end_frame\na,0,4\n", FormatError, "found no column 'End_frame' (closest: 'end_frame')"),
        ("Event,Start_frame,End_frame\na,5,3\n", FormatError, "line 2: found a over frames [5, 4)"),
        ("Event,Start_frame,End_frame\n,0,3\n", FormatError, "line 2: found an empty Event"),
        ("Event,Start_frame,End_frame\na,0,x\n", FormatError, "line 2: found End_frame 'x'"),
        ("Event,Start_frame,End_frame\na,0,9\n", LabelError, "line 2: found a over frames [0, 10), expected frames"),
    ],
)
def test_bad_row_is_named(write, text, kind, message):
    with pytest.raises(kind) as caught:
        read_simba_bouts(write(text), n_frames=9)
    assert message in str(caught.value)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.data(), fps=st.sampled_from(RATES))
def test_what_is_written_reads_back_to_the_frame(tmp_path, drawn_labels, chosen, fps):
    labels = chosen.draw(drawn_labels())
    path = tmp_path / "rec.csv"
    write_simba_bouts(path, labels, fps=fps)
    read = read_simba_bouts(path, fps=fps, n_frames=labels.last_frame, annotator="anna", looked_for=["attack", "sniff"])
    assert read.labels == (labels,)
    assert not any("imply" in sentence for sentence in read.assumptions)


def test_written_table_is_theirs(tmp_path):
    labels = RecordingLabels("r", "anna", (Bout("Attack", 15, 24),))
    write_simba_bouts(tmp_path / "r.csv", labels, fps=30.0)
    table = pd.read_csv(tmp_path / "r.csv")
    assert list(table.columns) == ["Event", "Start_time", "End Time", "Start_frame", "End_frame", "Bout_time"]
    assert table.iloc[0].tolist() == pytest.approx(["Attack", 0.5, 0.8, 15, 23, 0.3])
    with pytest.raises(FormatError, match="found fps = 0"):
        write_simba_bouts(tmp_path / "r.csv", labels, fps=0)
    two = RecordingLabels("r", "anna", (Bout("a", 0, 1, "m1"), Bout("a", 0, 1, "m2")))
    with pytest.raises(LabelError, match="SimBA has one classifier per behavior"):
        write_simba_bouts(tmp_path / "r.csv", two, fps=30.0)


VIDEOS = "Video,Event,Start_frame,End_frame\na,Attack,10,19\nb,Attack,500,519\n"


def test_other_videos_are_not_held_against_the_length_of_this_one(write):
    (labels,) = read_simba_bouts(write(VIDEOS), recording="a", n_frames=100).labels
    assert (labels.bouts, labels.observed) == ((Bout("Attack", 10, 20),), {"Attack": ((0, 100),)})


def test_the_only_video_under_another_name_is_told(write):
    (one, _) = VIDEOS.split("b,")
    read = read_simba_bouts(write(one), recording="cage9", n_frames=100)
    assert read.labels[0].recording == "cage9"
    assert read.assumptions[0] == "cage3.csv: its only video 'a' was taken for 'cage9'"
