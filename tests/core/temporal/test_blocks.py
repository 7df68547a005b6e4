from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nsp_core.temporal.blocks import Blocks, known_frames, window_count
from nsp_core.temporal.span import Window

windows = st.builds(Window, st.integers(0, 12), st.integers(0, 12))


@given(window=windows, n_frames=st.integers(1, 40), first_frame=st.integers(0, 60))
def test_every_frame_of_a_window_is_combined_once(window: Window, n_frames: int, first_frame: int) -> None:
    # Powers of two: a sum tells which of them are in it, and how often.
    values = 2.0 ** np.arange(n_frames)
    total = Blocks(n_frames, window, first_frame).total(values)
    expected = [values[max(t - window.before, 0) : t + window.after + 1].sum() for t in range(n_frames)]
    assert total.tolist() == expected


@given(window=windows, n_frames=st.integers(0, 40), seed=st.integers(0, 5))
def test_flags_are_counted_in_windows_cut_at_the_ends(window: Window, n_frames: int, seed: int) -> None:
    flags = np.random.default_rng(seed).random((n_frames, 2)) < 0.5
    counted = [flags[max(t - window.before, 0) : t + window.after + 1].sum(axis=0).tolist() for t in range(n_frames)]
    assert window_count(flags, window).tolist() == counted


def test_a_window_far_longer_than_the_recording_takes_no_memory() -> None:
    blocks = Blocks(3, Window(2**40, 2**40), first_frame=0)
    assert blocks.total(np.array([1.0, 2.0, 4.0])).tolist() == [7.0, 7.0, 7.0]


def test_one_column_stands_for_all_where_nothing_is_missing() -> None:
    complete = np.ones((4, 3, 2), dtype=bool)
    assert known_frames(complete).shape == (4, 1, 1)
    complete[0, 0, 0] = False
    assert known_frames(complete).shape == (4, 3, 2)
