"""Bouts within their recording, and what is assumed where a format does not say where anybody looked."""

from __future__ import annotations

import pytest

from nsp_adapters.annotations.imported import MAX_FRAMES, frame_at
from nsp_adapters.annotations.spans import (
    ends_early,
    refuse_several_participants,
    watched_throughout,
    within_recording,
)
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import Bout, RecordingLabels


def within(start, stop, n_frames, slack=0):
    return within_recording(start, stop, n_frames, what="attack", where="a.csv, line 3", slack=slack)


def test_bout_that_ends_late_by_rounding_is_cut():
    assert within(3, 11, 10, slack=1) == (3, 10)
    assert within(9, 10, 10) == (9, 10)
    assert within(3, 11, None) == (3, 11)


@pytest.mark.parametrize(("start", "stop", "slack"), [(3, 11, 0), (3, 12, 1), (10, 11, 1), (50, 60, 0)])
def test_bout_outside_the_recording_names_the_row(start, stop, slack):
    with pytest.raises(LabelError) as caught:
        within(start, stop, 10, slack)
    assert str(caught.value).startswith(f"a.csv, line 3: found attack over frames [{start}, {stop}), expected frames")


@pytest.mark.parametrize(("start", "stop"), [(3, 3), (4, 3), (-1, 3), (0, 10**9)])
def test_bout_that_is_none_is_malformed(start, stop):
    with pytest.raises(FormatError, match="expected a bout of at least one frame"):
        within(start, stop, None)


def test_spans_say_what_was_assumed():
    observed, sentences = watched_throughout(["a", "b", "a"], 100, 40, recording="cage3")
    assert observed == {"a": ((0, 100),), "b": ((0, 100),)}
    assert sentences == ("cage3: a, b looked for in every frame of [0, 100)",)
    observed, sentences = watched_throughout(["a"], None, 40, recording="cage3")
    assert observed == {"a": ((0, 40),)}
    assert "because the length of the recording is not stated" in sentences[0]
    assert watched_throughout([], 100, 0, recording="cage3") == ({}, ("cage3: no behavior was observed",))
    assert watched_throughout(["a"], None, 0, recording="cage3")[0] == {"a": ()}


def test_two_doers_of_one_behavior_cannot_share_a_column():
    bouts = (Bout("attack", 0, 3, "m1", "m2"), Bout("attack", 5, 9, "m2", "m1"))
    with pytest.raises(LabelError, match="found attack of m1 to m2 and of m2 to m1, expected one animal or dyad"):
        refuse_several_participants(RecordingLabels("cage3", "anna", bouts), "SimBA", "one column")
    refuse_several_participants(RecordingLabels("cage3", "anna", bouts[:1] * 2), "SimBA", "one column")


def test_an_end_before_the_recording_s_is_told():
    assert ends_early("labels end", 90, 100) == ("labels end after 90 of 100 frames; the rest is unlabeled",)
    assert ends_early("labels end", 100, 100) == ends_early("labels end", 90, None) == ()


def test_a_time_beyond_any_recording_is_one_frame_beyond():
    assert [frame_at(time_s, 30000 / 1001) for time_s in (1.001, 1e308, -1e308)] == [
        30,
        MAX_FRAMES + 1,
        -MAX_FRAMES - 1,
    ]
    with pytest.raises(FormatError, match=r"found attack over frames \[3, 100000001\)"):
        within(3, frame_at(1e308, 30.0), None)
