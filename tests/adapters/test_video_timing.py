"""Frame rates from timestamps: exact where they are constant, none where a frame is missing or the rate changes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsp_adapters.video_timing import timing_of

NTSC = [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)]
RATES = [*NTSC, Fraction(15), Fraction(25), Fraction(30), Fraction(5883, 100), Fraction(120), Fraction(240)]


def ticks_at(fps: Fraction, n_frames: int, time_base: Fraction, first: int = 0) -> np.ndarray:
    return np.array([first + round(k / fps / time_base) for k in range(n_frames)])


@pytest.mark.parametrize("fps", RATES, ids=str)
@pytest.mark.parametrize("ticks_per_s", [600, 1000, 11_766, 90_000, 1_000_000])
def test_rate_is_exact_in_every_time_base(fps, ticks_per_s):
    timing = timing_of(ticks_at(fps, 3000, Fraction(1, ticks_per_s), first=-77), Fraction(1, ticks_per_s))
    assert timing.fps == fps
    assert timing.n_irregular == 0
    assert timing.first_irregular is None
    assert timing.largest_offset_s <= 2 / ticks_per_s


def test_odd_rate_of_a_camera_is_kept():
    timing = timing_of(ticks_at(Fraction("29.912345"), 5000, Fraction(1, 1000)), Fraction(1, 1000))
    assert float(timing.fps) == pytest.approx(29.912345, rel=1e-6)


@pytest.mark.parametrize(("stated", "expected"), [("30", Fraction(30)), ("29.97", Fraction(30000, 1001))])
def test_stated_rate_decides_where_a_short_video_cannot(stated, expected):
    ticks = ticks_at(expected, 20, Fraction(1, 1000))
    assert timing_of(ticks, Fraction(1, 1000), stated_fps=Fraction(stated)).fps == expected


def test_stated_rate_does_not_overrule_the_timestamps():
    ticks = ticks_at(Fraction(25), 100, Fraction(1, 90_000))
    assert timing_of(ticks, Fraction(1, 90_000), stated_fps=Fraction(30)).fps == 25


@given(
    fps=st.sampled_from(RATES),
    ticks_per_s=st.sampled_from([1000, 15_360, 90_000]),
    n_frames=st.integers(8, 400),
    lost=st.integers(1, 6),
)
def test_a_lost_frame_is_never_taken_for_rounding(fps, ticks_per_s, n_frames, lost):
    # The first and last frame cannot be missed: nothing tells that there was one before or after.
    ticks = np.delete(ticks_at(fps, n_frames, Fraction(1, ticks_per_s)), lost)
    timing = timing_of(ticks, Fraction(1, ticks_per_s))
    assert timing.fps is None
    assert timing.n_irregular == 1
    assert timing.first_irregular == lost - 1
    assert timing.longest_s > 1.5 * timing.median_s


def test_a_lost_frame_is_seen_where_a_tick_is_a_whole_frame():
    assert timing_of(np.delete(np.arange(50), 20), Fraction(1, 30)).fps is None


def test_two_rates_in_a_row_are_variable():
    ticks = np.concatenate([np.arange(0, 50) * 40, 50 * 40 + np.arange(0, 50) * 20])
    timing = timing_of(ticks, Fraction(1, 1000))
    assert timing.fps is None
    assert timing.mean_fps == Fraction(99_000, 2980)
    assert (timing.shortest_s, timing.longest_s) == (0.02, 0.04)
    # Half a second in, the frame of the mean rate is about a quarter of the way ahead.
    assert timing.largest_offset_s == pytest.approx(50 * 0.04 - 50 * 2.98 / 99)


def test_jitter_of_a_tenth_of_a_frame_is_variable_and_of_a_thousandth_is_not():
    even = np.arange(500) * 3000
    wobble = np.tile([0, 1], 250)
    assert timing_of(even + 300 * wobble, Fraction(1, 90_000)).fps is None
    assert timing_of(even + 3 * wobble, Fraction(1, 90_000)).fps == 30
