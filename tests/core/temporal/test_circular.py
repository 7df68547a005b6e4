from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nsp_core.temporal.circular import (
    circular_delta,
    circular_mean,
    circular_range,
    circular_slope,
    circular_std,
    wrapped,
)
from nsp_core.temporal.span import Window
from nsp_core.temporal.window import window_delta, window_slope

PI = float(np.float32(np.pi))

angle_series = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 30), st.integers(1, 2)),
    elements=st.one_of(st.just(np.nan), st.floats(-3.125, 3.125, width=32)),
)
windows = st.builds(Window, st.integers(0, 35), st.integers(0, 35))


def valid_in(angles: np.ndarray, window: Window, t: int, column: int) -> np.ndarray:
    inside = angles[max(t - window.before, 0) : t + window.after + 1, column].astype(np.float64)
    return inside[~np.isnan(inside)]


@given(angles=angle_series, window=windows)
def test_mean_and_spread_agree_with_the_resultant_of_each_window(angles: np.ndarray, window: Window) -> None:
    mean, std = circular_mean(angles, window), circular_std(angles, window)
    for t, column in np.ndindex(*angles.shape):
        inside = valid_in(angles, window, t, column)
        if not inside.size:
            assert np.isnan(mean[t, column])
            assert np.isnan(std[t, column])
            continue
        resultant = np.exp(1j * inside).mean()
        if abs(resultant) < 1e-3:
            continue
        assert abs(wrapped(np.asarray(mean[t, column] - np.angle(resultant)))) < 1e-5
        assert std[t, column] == pytest.approx(np.sqrt(-2 * np.log(min(abs(resultant), 1))), rel=1e-4, abs=1e-6)


@given(angles=angle_series, window=windows)
def test_the_range_is_the_turn_without_its_widest_gap(angles: np.ndarray, window: Window) -> None:
    found = circular_range(angles, window)
    assert found.dtype == np.float32
    for t, column in np.ndindex(*angles.shape):
        inside = np.sort(valid_in(angles, window, t, column))
        if not inside.size:
            assert np.isnan(found[t, column])
            continue
        widest = max(np.diff(inside, append=inside[0] + 2 * np.pi))
        assert found[t, column] == pytest.approx(2 * np.pi - widest, abs=1e-6)


@given(angles=angle_series, window=windows)
def test_the_slope_is_that_of_the_unwrapped_angle_within_one_stretch(angles: np.ndarray, window: Window) -> None:
    found = circular_slope(angles, window, fps=20.0)
    for t, column in np.ndindex(*angles.shape):
        frame = np.arange(max(t - window.before, 0), min(t + window.after + 1, len(angles)))
        frame = frame[~np.isnan(angles[frame, column])]
        if frame.size < 2 or frame[-1] - frame[0] >= frame.size:
            assert np.isnan(found[t, column])
            continue
        step = np.diff(angles[frame, column].astype(np.float64))
        if (np.abs(np.abs(step) - np.pi) < 1e-5).any():
            continue  # a half turn may go either way
        unwrapped = np.concatenate([[0], np.cumsum(wrapped(step))])
        assert found[t, column] == pytest.approx(np.polyfit(frame, unwrapped, 1)[0] * 20.0, rel=1e-4, abs=1e-4)


@given(angles=angle_series, window=windows)
def test_the_delta_is_the_plain_one_the_short_way_round(angles: np.ndarray, window: Window) -> None:
    short, plain = circular_delta(angles, window), window_delta(angles, window)
    np.testing.assert_array_equal(np.isnan(short), np.isnan(plain))
    turns = (plain - short)[~np.isnan(plain)] / (2 * np.pi)
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-5)
    assert (np.abs(short[~np.isnan(plain)]) <= PI).all()


def test_angles_on_both_sides_of_the_cut_are_close_to_each_other() -> None:
    around = np.array([np.pi - 0.1, -np.pi + 0.1], dtype=np.float32)
    window = Window(1, 1)
    assert circular_mean(around, window).tolist() == [PI, PI]
    assert circular_range(around, window) == pytest.approx(0.2, abs=1e-6)
    assert circular_std(around, window) == pytest.approx(0.1, rel=1e-2)
    assert circular_delta(around, Window(1, 0))[1] == pytest.approx(0.2, abs=1e-6)
    assert circular_slope(around, window, fps=10.0) == pytest.approx(2.0, abs=1e-5)


def test_opposite_angles_have_no_mean_and_the_largest_spread() -> None:
    opposite = np.array([0, np.pi, 0.5, np.nan, np.nan, np.nan], dtype=np.float32)
    assert np.isnan(circular_mean(opposite, Window(1, 0))).tolist() == [False, True, False, False, True, True]
    assert circular_std(opposite, Window(1, 0))[1] == pytest.approx(np.sqrt(-2 * np.log(1e-6)))
    assert circular_range(opposite, Window(1, 0))[1] == pytest.approx(np.pi)


def test_a_half_turn_keeps_its_sign_convention() -> None:
    half_turn = np.array([0, np.pi, 0], dtype=np.float32)
    assert circular_delta(half_turn, Window(1, 0))[1:].tolist() == pytest.approx([np.pi, np.pi], abs=1e-6)
    assert wrapped(np.array([-np.pi, np.pi, 3 * np.pi, 0.0])) == pytest.approx([np.pi, np.pi, np.pi, 0.0])


def test_an_animal_that_spins_turns_at_the_rate_it_spins() -> None:
    fps, rate = 25.0, -4.0
    heading = wrapped(rate * np.arange(2000) / fps).astype(np.float32)
    for window in (Window(2, 2), Window(49, 0), Window(0, 300)):
        slope = circular_slope(heading, window, fps=fps)
        assert slope[1:-1] == pytest.approx(rate, rel=1e-4)


def test_an_angle_that_never_wraps_has_its_plain_slope() -> None:
    angle = np.random.default_rng(0).uniform(-1, 1, (200, 2)).astype(np.float32)
    window = Window(5, 3)
    np.testing.assert_allclose(circular_slope(angle, window), window_slope(angle, window), rtol=1e-5, atol=1e-7)


def test_unwrapping_stops_at_a_gap() -> None:
    angle = np.array([0.1, 0.2, 0.3, np.nan, 0.5, 0.6, np.nan, np.nan], dtype=np.float32)
    missing = np.isnan(circular_slope(angle, Window(1, 1)))
    assert missing.tolist() == [False, False, False, True, False, False, True, True]
    assert np.isnan(circular_slope(angle, Window(3, 3)))[3]


def test_the_range_all_the_way_round_is_exact_in_long_recordings() -> None:
    # More windows than are sorted at once, none of which leaves a quarter of the circle empty.
    spinning = wrapped(np.arange(30_000) * 0.05).astype(np.float32)
    arc = circular_range(spinning, Window(100, 100))
    assert arc[100:-100] == pytest.approx(2 * np.pi, abs=0.051)
    at = 15_000
    inside = np.sort(spinning[at - 100 : at + 101].astype(np.float64))
    assert arc[at] == pytest.approx(2 * np.pi - max(np.diff(inside, append=inside[0] + 2 * np.pi)), abs=1e-6)


def test_angles_beyond_a_turn_mean_the_same() -> None:
    angle = np.array([0.5, 0.75, 1.0])
    for operator in (circular_mean, circular_std, circular_range, circular_delta):
        np.testing.assert_allclose(operator(angle + 20 * np.pi, Window(1, 1)), operator(angle, Window(1, 1)), atol=1e-6)
