"""One BORIS observation: which recording it is of, how long it lasts, and where somebody looked."""

from __future__ import annotations

from nsp_adapters.annotations.boris_tabular import read_boris_tabular
from nsp_core.errors import AmbiguousError, FormatError, LabelError
from nsp_core.labels import Bout, PointEvent
from tests.adapters.annotations.boris_examples import PREAMBLE, V7, V9, read, refusal, v7, v9


def test_rows_outside_the_recording_are_named_and_one_late_frame_is_clipped(write_events):
    path = write_events(V7 + v7(19, "START") + v7(20, "STOP"))
    assert read(path, n_frames=499)[0].bouts == (Bout("sniff", 475, 499, "rat1"),)
    assert "line 2: found sniff at frame 500, expected frames 0 to 498" in refusal(LabelError, path, n_frames=498)
    late = write_events(V7 + v7(30, "POINT"))
    assert "line 2: found sniff at frame 750, expected frames 0 to 500" in refusal(LabelError, late)


def test_observed_spans_say_where_they_come_from(write_events):
    bout = v7(1, "START") + v7(2, "STOP")
    unknown = write_events(V7 + bout.replace("20.000", "NA"))
    labels, assumptions = read(unknown, looked_for=("groom",))
    assert dict(labels.observed) == {"sniff": ((0, 50),), "groom": ((0, 50),)}
    assert assumptions == (
        "observation 'events': its length is not stated: observed up to frame 50, the last one mentioned",
    )
    assert dict(read(unknown, n_frames=400)[0].observed) == {"sniff": ((0, 400),)}
    known = write_events(V7 + bout)
    labels, assumptions = read(known, n_frames=600)
    assert dict(labels.observed) == {"sniff": ((0, 500),)}
    assert assumptions == ("observation 'events': its media have 500 frames and the recording has 600",)
    labels, assumptions = read(write_events(V7 + v7(1, "START") + v7(20.5, "STOP")))
    assert dict(labels.observed) == {"sniff": ((0, 512),)}
    assert "it mentions frame 512 of media of 500 frames: observed up to there" in assumptions[0]


def test_export_limited_in_time_is_observed_only_there(write_events):
    rows = v9(5, "START", coded="6.000") + v9(11, "STOP", coded="6.000")
    labels, assumptions = read(write_events(V9 + rows))
    assert dict(labels.observed) == {"sniff": ((125, 275),)}
    assert "its export covers 6.000 s of 20.000 s of media: observed from its first event to its last" in assumptions[0]
    cut = write_events(V9 + rows + v9(11, "START", coded="6.000", behavior="groom"))
    assert "a START of groom by rat1 at 11.000 s (events.csv, line 4) with no STOP" in refusal(LabelError, cut)


def test_media_in_a_row_are_one_recording_and_other_players_do_not_count(write_events):
    media = {"media": "player #1:a.mp4;b.mp4|player #2:c.mp4", "duration": "20.000;10.000|5.000", "coded": "30.000"}
    rows = v9(25, "START", fps="25.000;25.000|50.000", **media) + v9(30, "STOP", fps="25.000;25.000|50.000", **media)
    labels, assumptions = read(write_events(V9 + rows))
    assert labels.bouts == (Bout("sniff", 625, 750, "rat1"),)
    assert dict(labels.observed) == {"sniff": ((0, 750),)}
    assert assumptions == ("observation 'day 1': its 2 videos were taken for one recording, one after another",)
    mixed = write_events(V9 + v9(25, "POINT", fps="25.000;50.000", **media))
    assert "found media of 25 and 50 frames per second in one observation" in refusal(FormatError, mixed)


def test_recording_is_an_observation_or_a_video(write_events):
    others = {"observation": "day 2", "media": "player #1:/data/cage4.mp4"}
    path = write_events(V9 + v9(1, "POINT") + v9(2, "POINT", **others))
    assert [one.recording for one in read_boris_tabular(path, fps=None).labels] == ["day 1", "day 2"]
    for name in ("day 2", "cage4", "/data/cage4.mp4"):
        labels, _ = read(path, recording=name)
        assert (labels.recording, labels.points) == (name, (PointEvent("sniff", 50, "rat1"),))
    message = refusal(LabelError, path, recording="cage5")
    assert "found no observation 'cage5' and none of a video of that name, expected one of 'day 1', 'day 2'" in message
    assert "found one n_frames and 2 observations" in refusal(AmbiguousError, path, n_frames=500)


def test_the_only_observation_is_taken_whatever_its_id(write_events):
    labels, assumptions = read(write_events(V9 + v9(1, "POINT")), recording="session 7")
    assert labels.recording == "session 7"
    assert assumptions == ("events.csv: its only observation 'day 1' was taken for 'session 7'",)


def test_annotators_of_one_video_stay_apart(write_events):
    path = write_events(
        V9 + v9(1, "POINT", observer="anna") + v9(2, "POINT", observation="day 1 again", observer="ben")
    )
    imported = read_boris_tabular(path, fps=25.0, recording="cage3")
    assert [(one.recording, one.annotator) for one in imported.labels] == [("cage3", "anna"), ("cage3", "ben")]
    assert read(path, recording="cage3", annotator="ben")[0].points == (PointEvent("sniff", 50, "rat1"),)
    path = write_events(V9 + v9(1, "POINT") + v9(2, "POINT", observation="day 1 again"))
    message = refusal(AmbiguousError, path, recording="cage3")
    assert "found 2 observations of 'cage3': 'day 1', 'day 1 again'" in message


def test_table_without_events_is_observed_throughout(write_events):
    labels, _ = read(write_events(PREAMBLE.format(offset=0) + V7), looked_for=("sniff",), n_frames=500)
    assert (labels.recording, labels.bouts, dict(labels.observed)) == ("day 1", (), {"sniff": ((0, 500),)})


def test_another_frame_rate_is_refused_and_rounding_is_not(write_events):
    rows = "".join(v7(time, status, fps=58.83) for time, status in ((1, "START"), (2, "STOP")))
    path = write_events(V7 + rows)
    message = refusal(FormatError, path, fps=50.0)
    assert "found 58.83 frames per second in the file and 50 stated" in message
    assert read(path, fps=58.8235)[0].bouts == (Bout("sniff", 59, 118, "rat1"),)
    assert read(path, fps=None)[0].bouts == (Bout("sniff", 59, 118, "rat1"),)
    ntsc = write_events(V7 + "".join(v7(time, status, fps=29.97) for time, status in ((1, "START"), (2, "STOP"))))
    assert read(ntsc, fps=30000 / 1001)[0].bouts == (Bout("sniff", 30, 60, "rat1"),)
    assert "29.97 frames per second in the file and 30 stated" in refusal(FormatError, ntsc, fps=30.0)


def test_frame_rate_that_nobody_states_is_asked_for(write_events):
    path = write_events(V7 + v7(1, "START", fps="NA") + v7(2, "STOP", fps="NA"))
    assert "found times in seconds and no frame rate" in refusal(FormatError, path, fps=None)
    assert read(path)[0].bouts == (Bout("sniff", 25, 50, "rat1"),)
