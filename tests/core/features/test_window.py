from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nsp_core.errors import ProgramError
from nsp_core.features.window import window_max, window_mean, window_min, window_std

WINDOWS = [window_mean, window_std, window_min, window_max]
ORACLES: dict[Callable[..., np.ndarray], Callable[[np.ndarray], float]] = {
    window_mean: np.mean,
    window_std: np.std,
    window_min: np.min,
    window_max: np.max,
}

series = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 40), st.integers(1, 3)),
    elements=st.one_of(st.just(np.nan), st.floats(-1000, 1000, width=32)),
)


@pytest.mark.parametrize("window", WINDOWS)
@given(values=series, half=st.integers(0, 50))
def test_windows_agree_with_a_loop_over_frames(
    window: Callable[..., np.ndarray], values: np.ndarray, half: int
) -> None:
    expected = np.full(values.shape, np.nan)
    for t, column in np.ndindex(*values.shape):
        inside = values[max(t - half, 0) : t + half + 1, column].astype(np.float64)
        inside = inside[~np.isnan(inside)]
        if inside.size:
            expected[t, column] = ORACLES[window](inside)
    found = window(values, half)
    assert found.dtype == np.float32
    # The deviation of equal values is exactly 0 only up to the rounding of their mean.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("window", WINDOWS)
@given(
    values=hnp.arrays(np.float32, st.integers(10, 60), elements=st.floats(-1, 1, width=32)),
    half=st.integers(0, 5),
    where=st.integers(0, 59),
)
def test_a_huge_value_changes_no_bit_outside_its_window(
    window: Callable[..., np.ndarray], values: np.ndarray, half: int, where: int
) -> None:
    where %= len(values)
    outlier = values.copy()
    outlier[where] = 1e30
    far = np.abs(np.arange(len(values)) - where) > half
    np.testing.assert_array_equal(window(values, half)[far], window(outlier, half)[far])


@pytest.mark.parametrize("window", [window_mean, window_std])
@given(
    # Values so far apart that the order of summation shows.
    values=hnp.arrays(np.float32, st.integers(20, 80), elements=st.sampled_from([1e20, -1e20, 1.0, 3.0, 1e-3])),
    half=st.integers(1, 9),
    start=st.integers(0, 79),
)
def test_chunks_that_know_their_first_frame_equal_the_whole_to_the_bit(
    window: Callable[..., np.ndarray], values: np.ndarray, half: int, start: int
) -> None:
    start %= len(values)
    first = max(start - half, 0)
    chunk = window(values[first:], half, first_frame=first)
    np.testing.assert_array_equal(chunk[start - first :], window(values, half)[start:])


def test_the_mean_of_a_constant_is_that_constant() -> None:
    values = np.full(5000, 0.1, dtype=np.float32)
    assert (window_mean(values, 700) == np.float32(0.1)).all()
    assert (window_std(values, 700) < 1e-6).all()


def test_spread_around_a_large_level_is_not_lost() -> None:
    values = np.tile(np.array([1e6 - 1, 1e6 + 1], dtype=np.float32), 500)
    assert window_std(values, 50)[50:-50] == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("window", WINDOWS)
def test_windows_work_along_time_and_keep_the_shape(window: Callable[..., np.ndarray]) -> None:
    values = np.random.default_rng(0).normal(size=(50, 2, 3)).astype(np.float32)
    together = window(values, 4)
    assert together.shape == values.shape
    np.testing.assert_array_equal(together[:, 1, 2], window(values[:, 1, 2], 4))


@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_without_valid_frame_is_missing(window: Callable[..., np.ndarray]) -> None:
    values = np.array([1, np.nan, np.nan, np.nan, 5], dtype=np.float32)
    assert np.isnan(window(values, 1)).tolist() == [False, False, True, False, False]


@pytest.mark.parametrize("window", WINDOWS)
def test_an_empty_series_stays_empty(window: Callable[..., np.ndarray]) -> None:
    assert window(np.empty((0, 2), dtype=np.float32), 3).shape == (0, 2)


@pytest.mark.parametrize("window", WINDOWS)
def test_a_negative_window_is_refused(window: Callable[..., np.ndarray]) -> None:
    with pytest.raises(ProgramError, match="-1 frames on either side"):
        window(np.ones(3, dtype=np.float32), -1)
