from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from nsp_core.bouts import bouts_from_frames, drop_short_bouts, fill_short_gaps, frames_from_bouts

masks = hnp.arrays(np.bool_, st.integers(0, 40))
X, _ = True, False


@given(present=masks)
def test_frames_become_bouts_and_frames_again(present: NDArray[np.bool_]) -> None:
    np.testing.assert_array_equal(frames_from_bouts(bouts_from_frames(present), present.size), present)


@given(present=masks)
def test_bouts_are_separate_half_open_and_as_long_as_possible(present: NDArray[np.bool_]) -> None:
    bouts = bouts_from_frames(present)
    assert bouts.shape == (len(bouts), 2)
    edges = bouts.ravel()
    assert (np.diff(edges) > 0).all()
    for start, stop in bouts:
        assert present[start:stop].all()
        assert start == 0 or not present[start - 1]
        assert stop == present.size or not present[stop]


@pytest.mark.parametrize(
    ("present", "bouts"),
    [
        ([], []),
        ([_, _], []),
        ([X], [[0, 1]]),
        ([X, X, X], [[0, 3]]),
        ([X, _, _, X], [[0, 1], [3, 4]]),
        ([_, X, X, _], [[1, 3]]),
    ],
)
def test_a_bout_runs_from_its_first_frame_to_one_past_its_last(present: list[bool], bouts: list[list[int]]) -> None:
    assert bouts_from_frames(np.array(present, dtype=bool)).tolist() == bouts


@given(
    bouts=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)).map(lambda pair: (pair[0], sum(pair)))),
    n_frames=st.integers(0, 25),
)
def test_overlapping_bouts_and_bouts_beyond_the_recording_are_joined_and_cut(
    bouts: list[tuple[int, int]], n_frames: int
) -> None:
    found = frames_from_bouts(np.array(bouts, dtype=np.int64).reshape(-1, 2), n_frames)
    assert found.tolist() == [any(start <= frame < stop for start, stop in bouts) for frame in range(n_frames)]


@pytest.mark.parametrize(
    ("present", "longest", "filled"),
    [
        ([X, _, X], 1, [X, X, X]),
        ([X, _, _, X], 1, [X, _, _, X]),
        ([X, _, _, X], 2, [X, X, X, X]),
        ([_, X, _, X, _], 9, [_, X, X, X, _]),
        ([_, _, _], 9, [_, _, _]),
        ([X, _, X], 0, [X, _, X]),
        ([], 3, []),
    ],
)
def test_only_short_gaps_between_two_bouts_are_filled(present: list[bool], longest: int, filled: list[bool]) -> None:
    assert fill_short_gaps(np.array(present, dtype=bool), longest).tolist() == filled


@pytest.mark.parametrize(
    ("present", "shortest", "kept"),
    [
        ([X, X, _, X], 2, [X, X, _, _]),
        ([X, _, X, X, X, _, X, X], 3, [_, _, X, X, X, _, _, _]),
        ([X, _, X], 1, [X, _, X]),
        ([X, X], 3, [_, _]),
        ([X, X], 0, [X, X]),
        ([], 3, []),
    ],
)
def test_only_bouts_shorter_than_the_shortest_are_dropped(present: list[bool], shortest: int, kept: list[bool]) -> None:
    assert drop_short_bouts(np.array(present, dtype=bool), shortest).tolist() == kept


@given(present=masks, n_frames=st.integers(0, 45))
def test_filling_only_adds_dropping_only_removes_and_a_second_time_changes_nothing(
    present: NDArray[np.bool_], n_frames: int
) -> None:
    filled, kept = fill_short_gaps(present, n_frames), drop_short_bouts(present, n_frames)
    assert (filled | ~present).all()
    assert (present | ~kept).all()
    np.testing.assert_array_equal(fill_short_gaps(filled, n_frames), filled)
    np.testing.assert_array_equal(drop_short_bouts(kept, n_frames), kept)


@given(present=masks, n_frames=st.integers(0, 45))
def test_time_may_run_backwards(present: NDArray[np.bool_], n_frames: int) -> None:
    for process in (fill_short_gaps, drop_short_bouts):
        np.testing.assert_array_equal(process(present[::-1], n_frames)[::-1], process(present, n_frames))
