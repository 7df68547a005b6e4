"""Frame rates and times: gaps are kept, drift and variable rates are refused, nothing is rounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsp_adapters.poses.timing import agreed_fps, frames_of_times
from nsp_core.errors import FormatError

FILE = Path("a.nwb")
RATES = (24000 / 1001, 25.0, 29.97, 58.83, 120.0)


@given(
    fps=st.sampled_from(RATES),
    absent=st.sets(st.integers(1, 98), max_size=40),
    start=st.floats(0, 5000),
    decimals=st.sampled_from([None, 3]),
)
def test_frames_are_counted_over_gaps_and_the_rate_is_found(fps, absent, start, decimals):
    frames = np.array([frame for frame in range(100) if frame not in absent])
    times = start + frames / fps
    found, rate = frames_of_times(FILE, times if decimals is None else np.round(times, decimals), None)
    assert found.tolist() == frames.tolist()
    assert rate == pytest.approx(fps, rel=1e-6 if decimals is None else 1e-3)


@pytest.mark.parametrize("fps", RATES)
def test_a_stated_rate_is_kept_as_it_is_and_a_wrong_one_refused(fps):
    times = np.arange(9000) / fps
    assert frames_of_times(FILE, times, fps)[1] == fps
    with pytest.raises(FormatError, match="frames per second, expected the stated"):
        frames_of_times(FILE, times, round(fps) + 0.5)


def test_ntsc_is_told_from_thirty():
    times = np.arange(100) / 29.97
    assert frames_of_times(FILE, times, 30000 / 1001)[1] == 30000 / 1001
    with pytest.raises(FormatError, match=r"found 29\.97 frames per second, expected the stated 30"):
        frames_of_times(FILE, times, 30.0)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([0, 0.1, 0.1], "row 2: found time 0.1 after 0.1"),
        ([0, 0.2, 0.1], "row 2: found time 0.1 after 0.2"),
        ([np.nan, 0.2], "row 0: found time nan"),
        ([0, 0.1, np.inf], "row 2: found time inf after 0.1"),
        ([0, 0.1, 0.2, 0.3, 0.45, 0.5, 0.6], "a time 0.5 frames off a regular grid"),
    ],
)
def test_impossible_times_are_named_by_row(times, message):
    with pytest.raises(FormatError) as caught:
        frames_of_times(FILE, np.array(times, dtype=float), None)
    assert message in str(caught.value)


def test_one_time_tells_no_rate():
    frames, fps = frames_of_times(FILE, np.array([3.0]), None)
    assert (frames.tolist(), fps) == ([0], None)


def test_rates_agree_or_not():
    assert agreed_fps(FILE, None, None) is None
    assert agreed_fps(FILE, None, 29.97) == 29.97
    assert agreed_fps(FILE, 25.0, None) == 25.0
    assert agreed_fps(FILE, 30.0, 29.9, tolerance=0.2) == 30.0
    with pytest.raises(FormatError, match=r"found 58\.83 .* the stated 50; state fps = 58\.83 if the file is right"):
        agreed_fps(FILE, 50.0, 58.83)
    for impossible in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(FormatError, match="expected a positive number"):
            agreed_fps(FILE, None, impossible)


@pytest.mark.parametrize("times", [[0.0, 0.1, 0.2, 1e300], [-1e308, 0.0, 1e308]])
def test_times_that_overflow_fit_no_grid(times):
    with pytest.raises(FormatError, match=r"regular grid|frames apart"):
        frames_of_times(FILE, np.array(times), None)
