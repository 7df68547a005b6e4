from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from nsp_core.errors import StudyError
from nsp_core.smoothing import smooth_runs, window_frames


def as_position(*tracks: np.ndarray) -> np.ndarray:
    """Tracks of single keypoints of one animal, y being minus x."""
    x = np.stack(tracks, axis=-1)
    return np.stack([x, -x], axis=1)[..., np.newaxis].astype(np.float32)


def smoothed(position: np.ndarray, n_frames: int, order: int) -> np.ndarray:
    result = position.copy()
    smooth_runs(result, n_frames, order)
    return result


@given(
    st.integers(0, 4),
    st.integers(0, 4),
    st.integers(1, 60),
    st.lists(st.floats(-50, 50), min_size=5, max_size=5),
    st.sets(st.integers(0, 59), max_size=8),
)
def test_a_polynomial_of_the_order_stays_as_it_is_also_beside_gaps(
    order: int, longer: int, n_points: int, coefficients: list[float], gaps: set[int]
) -> None:
    t = np.linspace(-1, 1, n_points)
    track = np.polynomial.polynomial.polyval(t, coefficients[: order + 1])
    track[[gap for gap in gaps if gap < n_points]] = np.nan
    position = np.stack([track, track * 2], axis=1)[:, :, np.newaxis, np.newaxis].astype(np.float32)
    n_frames = window_frames((order + 3 + 2 * longer) / 30, order, 30)
    np.testing.assert_allclose(smoothed(position, n_frames, order), position, atol=2e-4)


def test_it_is_the_savitzky_golay_filter() -> None:
    noise = np.random.default_rng(0).normal(size=(200, 2)) * 5 + 300
    position = noise[:, :, np.newaxis, np.newaxis].astype(np.float32)
    for n_frames, order in ((5, 2), (9, 3), (15, 2), (7, 0)):
        expected = savgol_filter(position.astype(np.float64), n_frames, order, axis=0, mode="interp")
        np.testing.assert_allclose(smoothed(position, n_frames, order), expected, atol=1e-4)


def test_noise_becomes_less_by_what_theory_says() -> None:
    noise = np.random.default_rng(1).normal(size=(20_000, 2))[:, :, np.newaxis, np.newaxis].astype(np.float32)
    # The variance left by a filter is the sum of its squared weights; for order 0 it is a mean of n values.
    assert smoothed(noise, 9, 0).var() == pytest.approx(1 / 9, rel=0.05)


def test_gaps_stay_gaps_and_nothing_crosses_them() -> None:
    rng = np.random.default_rng(2)
    before, after = rng.normal(size=30), rng.normal(size=20) + 500
    gap = np.full(3, np.nan)
    together = smoothed(as_position(np.concatenate([before, gap, after])), 7, 2)[:, 0, 0, 0]
    assert np.flatnonzero(np.isnan(together)).tolist() == [30, 31, 32]
    np.testing.assert_array_equal(together[:30], smoothed(as_position(before), 7, 2)[:, 0, 0, 0])
    np.testing.assert_array_equal(together[33:], smoothed(as_position(after), 7, 2)[:, 0, 0, 0])


def test_runs_shorter_than_the_window_lie_on_one_polynomial_and_the_shortest_stay() -> None:
    values = np.array([1.0, 5.0, 2.0, 8.0, 3.0])
    five = smoothed(as_position(values), 9, 1)[:, 0, 0, 0]
    line = np.polynomial.Polynomial.fit(np.arange(5), values, 1)(np.arange(5))
    np.testing.assert_allclose(five, line, rtol=1e-6)
    np.testing.assert_array_equal(smoothed(as_position(values[:2]), 9, 1), as_position(values[:2]))


def test_tracks_do_not_touch_each_other() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.normal(size=50), rng.normal(size=50)
    other[20:25] = np.nan
    together = smoothed(as_position(one, other), 7, 2)
    np.testing.assert_array_equal(together[:, :, :1], smoothed(as_position(one), 7, 2))
    np.testing.assert_array_equal(together[:, :, 1:], smoothed(as_position(other), 7, 2))


@given(st.floats(-np.pi, np.pi), st.tuples(st.floats(-500, 500), st.floats(-500, 500)))
def test_smoothing_goes_along_with_rotation_and_translation(angle: float, shift: tuple[float, float]) -> None:
    position = np.random.default_rng(4).normal(scale=50, size=(40, 2, 1, 2)).astype(np.float32)
    position[10:13, :, :, 1] = np.nan

    def moved(points: np.ndarray) -> np.ndarray:
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return np.einsum("ab,tbki->taki", turn, points) + np.array(shift)[:, np.newaxis, np.newaxis]

    turned = smoothed(moved(position).astype(np.float32), 9, 2)
    np.testing.assert_allclose(turned, moved(smoothed(position, 9, 2)), atol=2e-3)


@pytest.mark.parametrize(
    ("smooth_s", "fps", "expected"),
    [(0.5, 10, 5), (0.5, 30, 15), (0.5, 24000 / 1001, 11), (0.5, 29.97, 15), (0.5, 120, 61), (0.2, 30, 7)],
)
def test_the_window_is_in_seconds_and_odd(smooth_s: float, fps: float, expected: int) -> None:
    assert window_frames(smooth_s, 2, fps) == expected


@pytest.mark.parametrize(
    ("smooth_s", "order", "message"),
    [
        (0.1, 2, r"smooth_s = 0.1, which is 3 frames at 30 fps, expected at least 5 frames \(0.133 s\)"),
        (0.01, 0, r"which is 1 frame at 30 fps, expected at least 3 frames"),
        (0.15, 4, r"which is 5 frames at 30 fps, expected at least 7 frames"),
    ],
)
def test_a_window_too_short_for_its_polynomial_is_refused(smooth_s: float, order: int, message: str) -> None:
    with pytest.raises(StudyError, match=message) as error:
        window_frames(smooth_s, order, 30.0)
    assert error.value.remedy == "lengthen smooth_s or lower smooth_order"


@pytest.mark.parametrize("order", range(6))
@pytest.mark.parametrize("fps", [15.0, 24000 / 1001, 30.0, 119.88])
def test_the_duration_that_the_error_names_is_long_enough(order: int, fps: float) -> None:
    least = order + 2 if order % 2 else order + 3
    assert window_frames(least / fps, order, fps) >= least
