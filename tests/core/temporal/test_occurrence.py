from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nsp_core.errors import ProgramError
from nsp_core.temporal.occurrence import time_since, time_since_from, truth_series, window_fraction
from nsp_core.temporal.span import Window

states = hnp.arrays(np.int8, st.tuples(st.integers(1, 40), st.integers(1, 3)), elements=st.integers(-1, 1))


@given(condition=states, window=st.builds(Window, st.integers(0, 50), st.integers(0, 50)))
def test_the_fraction_is_the_share_of_known_frames(condition: np.ndarray, window: Window) -> None:
    found = window_fraction(condition, window)
    for t, column in np.ndindex(*condition.shape):
        inside = condition[max(t - window.before, 0) : t + window.after + 1, column]
        known = inside[inside != -1]
        if known.size:
            assert found[t, column] == np.float32(known.sum() / known.size)
        else:
            assert np.isnan(found[t, column])


@given(condition=states, fps=st.sampled_from([None, 12.5, 30.0]))
def test_time_since_counts_on_from_frame_to_frame(condition: np.ndarray, fps: float | None) -> None:
    since = np.full(condition.shape[1], np.nan)
    expected = np.empty(condition.shape)
    for t, now in enumerate(condition):
        since = np.where(now == 1, 0, np.where(now == -1, np.nan, since + 1))
        expected[t] = since / (fps or 1.0)
    np.testing.assert_array_equal(time_since(condition, fps=fps), expected.astype(np.float32))


@given(condition=states, cuts=st.lists(st.integers(0, 40), max_size=4))
def test_chunks_that_carry_their_state_equal_the_whole_to_the_bit(condition: np.ndarray, cuts: list[int]) -> None:
    carried, pieces = None, []
    for chunk in np.split(condition, sorted(min(cut, len(condition)) for cut in cuts)):
        piece, carried = time_since_from(chunk, carried, fps=29.97)
        pieces.append(piece)
    np.testing.assert_array_equal(np.concatenate(pieces), time_since(condition, fps=29.97))


def test_what_was_not_seen_may_have_been_true() -> None:
    condition = np.array([1, 0, -1, 0, 1, 0], dtype=np.int8)
    np.testing.assert_array_equal(time_since(condition), [0, 1, np.nan, np.nan, 0, 1])


def test_states_booleans_and_series_say_the_same() -> None:
    as_states = np.array([1, 0, 1, 0], dtype=np.int8)
    for condition in (as_states.astype(bool), as_states.astype(np.float64), as_states.astype(np.int64)):
        np.testing.assert_array_equal(truth_series(condition), truth_series(as_states))
    np.testing.assert_array_equal(truth_series(np.array([-1, 1], dtype=np.int8)), [np.nan, 1])
    np.testing.assert_array_equal(truth_series(np.array([np.nan, 1.0])), [np.nan, 1])


@pytest.mark.parametrize("condition", [np.array([0.0, 0.5]), np.array([1, 2]), np.array([0.0, -1.0])])
def test_a_number_is_no_condition(condition: np.ndarray) -> None:
    with pytest.raises(ProgramError, match=f"found the value {condition[1]:g} as a condition.*compare the number"):
        window_fraction(condition, Window(1, 1))


def test_time_since_at_no_frame_rate_is_refused() -> None:
    with pytest.raises(ProgramError, match="a frame rate of -1 frames/s"):
        time_since(np.array([True]), fps=-1.0)
