from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nsp_core.errors import ProgramError
from nsp_core.temporal.span import Window
from nsp_core.temporal.window import (
    window_delta,
    window_max,
    window_mean,
    window_min,
    window_quantile,
    window_range,
    window_slope,
    window_std,
)

Operator = Callable[..., np.ndarray]

LOWER_QUARTILE = partial(window_quantile, q=0.25)
ORACLES: list[tuple[Operator, Callable[[np.ndarray], float]]] = [
    (window_mean, np.mean),
    (window_std, np.std),
    (window_min, np.min),
    (window_max, np.max),
    (window_range, np.ptp),
    (partial(window_quantile, q=0.0), np.min),
    (LOWER_QUARTILE, partial(np.quantile, q=0.25)),
    (partial(window_quantile, q=0.5), np.median),
    (partial(window_quantile, q=0.9), partial(np.quantile, q=0.9)),
]
SUMS = [window_mean, window_std, window_slope]

series = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 40), st.integers(1, 3)),
    elements=st.one_of(st.just(np.nan), st.floats(-1000, 1000, width=32)),
)
windows = st.builds(Window, st.integers(0, 50), st.integers(0, 50))


@pytest.mark.parametrize(("operator", "oracle"), ORACLES)
@given(values=series, window=windows)
def test_windows_agree_with_a_loop_over_frames(
    operator: Operator, oracle: Callable[[np.ndarray], float], values: np.ndarray, window: Window
) -> None:
    expected = np.full(values.shape, np.nan)
    for t, column in np.ndindex(*values.shape):
        inside = values[max(t - window.before, 0) : t + window.after + 1, column].astype(np.float64)
        inside = inside[~np.isnan(inside)]
        if inside.size:
            expected[t, column] = oracle(inside)
    found = operator(values, window)
    assert found.dtype == np.float32
    # The deviation of equal values is exactly 0 only up to the rounding of their mean.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


@given(values=series, window=windows, fps=st.sampled_from([None, 10.0, 29.97]))
def test_the_slope_is_that_of_the_least_squares_line(values: np.ndarray, window: Window, fps: float | None) -> None:
    expected = np.full(values.shape, np.nan)
    for t, column in np.ndindex(*values.shape):
        frame = np.arange(max(t - window.before, 0), min(t + window.after + 1, len(values)))
        inside = values[frame, column].astype(np.float64)
        frame, inside = frame[~np.isnan(inside)], inside[~np.isnan(inside)]
        if inside.size >= 2:
            lag = frame - frame.mean()
            expected[t, column] = (lag * inside).sum() / (lag**2).sum() * (fps or 1.0)
    found = window_slope(values, window, fps=fps)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@given(values=series, window=windows)
def test_the_delta_is_the_last_minus_the_first_value(values: np.ndarray, window: Window) -> None:
    beyond = ((window.before, window.after), (0, 0))
    padded = np.pad(values, beyond, constant_values=np.nan)
    span = window.before + window.after
    np.testing.assert_array_equal(window_delta(values, window), padded[span:] - padded[: len(values)])


@pytest.mark.parametrize("operator", SUMS)
@given(
    # Values so far apart that the order of summation shows.
    values=hnp.arrays(np.float32, st.integers(20, 80), elements=st.sampled_from([1e15, -1e15, 1.0, 3.0, 1e-3, np.nan])),
    window=st.builds(Window, st.integers(0, 30), st.integers(0, 30)),
    start=st.integers(0, 79),
    length=st.integers(1, 79),
)
def test_sums_over_chunks_equal_those_over_the_whole_to_the_bit(
    operator: Operator, values: np.ndarray, window: Window, start: int, length: int
) -> None:
    start %= len(values)
    first, stop = max(start - window.before, 0), min(start + length, len(values))
    chunk = operator(values[first : stop + window.after], window, first_frame=first)
    np.testing.assert_array_equal(chunk[start - first : stop - first], operator(values, window)[start:stop])


def test_the_mean_of_a_constant_is_that_constant() -> None:
    values = np.full(5000, 0.1, dtype=np.float32)
    window = Window(700, 500)
    assert (window_mean(values, window) == np.float32(0.1)).all()
    assert (window_std(values, window) < 1e-6).all()
    assert (np.abs(window_slope(values, window)) < 1e-12).all()


@pytest.mark.parametrize("seen", [1.0, 0.6], ids=["complete", "with gaps"])
def test_the_slope_of_a_line_is_exact(seen: float) -> None:
    line = (7 + 3 * np.arange(500)).astype(np.float32)
    line[np.random.default_rng(0).random(500) > seen] = np.nan
    for window in (Window(1, 1), Window(14, 0), Window(0, 29), Window(1000, 1000)):
        slope = window_slope(line, window, fps=30.0)
        assert set(slope[~np.isnan(slope)].tolist()) == {90.0}


def test_spread_and_slope_around_a_large_level_are_not_lost() -> None:
    window = Window(50, 50)
    jumping = np.tile(np.array([1e6 - 1, 1e6 + 1], dtype=np.float32), 500)
    assert window_std(jumping, window)[50:-50] == pytest.approx(1, rel=1e-3)
    rising = 1e9 + 0.125 * np.arange(1000)
    assert window_slope(rising, window) == pytest.approx(0.125, rel=1e-6)


def test_the_slope_over_a_window_far_longer_than_the_recording_keeps_its_digits() -> None:
    line = 0.25 * np.arange(100)
    assert window_slope(line, Window(2**40, 0))[1:] == pytest.approx(0.25, rel=1e-6)
    assert window_slope(line, Window(0, 2**40))[:-1] == pytest.approx(0.25, rel=1e-6)
    assert window_slope(line, Window(2**40, 2**40)) == pytest.approx(0.25, rel=1e-6)


def test_a_slope_needs_two_frames() -> None:
    assert np.isnan(window_slope(np.array([1.0, np.nan, 3.0, 4.0]), Window(1, 0))).tolist() == [True, True, True, False]


def test_a_delta_is_missing_where_an_end_of_the_window_is() -> None:
    delta = window_delta(np.array([1.0, np.nan, 5.0, 6.0, 9.0]), Window(1, 1))
    np.testing.assert_array_equal(delta, [np.nan, 4.0, np.nan, 4.0, np.nan])


@pytest.mark.parametrize("q", [-0.1, 1.1, np.nan])
def test_a_quantile_that_is_no_share_is_refused(q: float) -> None:
    with pytest.raises(ProgramError, match=f"found the quantile {q:g}, expected a number from 0 to 1"):
        window_quantile(np.ones(3, dtype=np.float32), Window(1, 1), q=q)


def test_a_slope_at_no_frame_rate_is_refused() -> None:
    with pytest.raises(ProgramError, match="a frame rate of 0 frames/s"):
        window_slope(np.ones(3, dtype=np.float32), Window(1, 1), fps=0.0)
