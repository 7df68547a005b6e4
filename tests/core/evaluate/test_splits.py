"""Splits leave no recording, individual, cage or window on two sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.errors import StudyError
from nsp_core.evaluate.splits import blocked_split, check_disjoint, folds, natural_key

RATS = [str(number) for number in (1, 2, 4, 5, 8, 10, 12, 14, 20, 24, 28, 36, 40, 46, 53, 57)]
UNTIMED = settings(deadline=None)  # a busy machine is no failure
NAMES = st.lists(st.text(st.sampled_from("ab01289_"), max_size=6), unique=True, min_size=2, max_size=20)


def test_the_folds_of_the_sixteen_rats():
    assert folds(sorted(RATS), 4) == (
        ("1", "8", "20", "40"),
        ("2", "10", "24", "46"),
        ("4", "12", "28", "53"),
        ("5", "14", "36", "57"),
    )


@UNTIMED
@given(NAMES, st.data())
def test_every_recording_is_held_out_exactly_once(names, data):
    k = data.draw(st.integers(2, len(names)))
    held_out = folds(names, k)
    assert sorted(name for fold in held_out for name in fold) == sorted(names)
    assert max(map(len, held_out)) - min(map(len, held_out)) <= 1
    assert held_out == folds(names[::-1], k)


@UNTIMED
@given(NAMES)
def test_any_names_have_one_natural_order(names):
    backwards = names[::-1]
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)


def test_names_are_ordered_by_the_numbers_in_them():
    names = ["m10_day2", "m2_day10", "m2_day9", "cage", "7"]
    assert sorted(names, key=natural_key) == ["7", "cage", "m2_day9", "m2_day10", "m10_day2"]


def test_recordings_of_a_cage_are_held_out_together():
    cages = {"1": "A", "2": "B", "3": "A", "4": "B", "5": "C"}
    assert folds(list(cages), 3, groups=cages) == (("1", "3"), ("2", "4"), ("5",))


@pytest.mark.parametrize("k", [0, 1, 17])
def test_impossible_numbers_of_folds_are_refused(k):
    with pytest.raises(StudyError, match=rf"found {k} folds over 16 recordings.*expected 2 to 16"):
        folds(RATS, k)


def test_fewer_cages_than_folds_are_refused():
    with pytest.raises(StudyError, match="found 4 folds over 2"):
        folds(RATS, 4, groups={name: "long" if len(name) > 1 else "short" for name in RATS})


def test_a_repeated_recording_is_refused():
    with pytest.raises(StudyError, match="names that repeat: 2"):
        folds(["1", "2", "2"], 2)


def test_a_recording_without_a_cage_is_refused():
    with pytest.raises(StudyError, match="no group for 2"):
        folds(["1", "2", "3"], 2, groups={"1": "A", "3": "B"})


@UNTIMED
@given(
    n_frames=st.integers(200, 1000),
    n_blocks=st.integers(3, 8),
    gap_frames=st.integers(0, 20),
    sides=st.sampled_from([("train", "test"), ("train", "validation", "test"), ("train", "train", "test")]),
)
def test_frames_of_different_sides_are_more_than_a_window_apart(n_frames, n_blocks, gap_frames, sides):
    masks = blocked_split(n_frames, n_blocks, gap_frames, sides=sides)
    side = np.full(n_frames, -1)
    for number, mask in enumerate(masks.values()):
        assert mask.any()
        assert (side[mask] == -1).all()
        side[mask] = number
    used = np.flatnonzero(side >= 0)
    changes = side[used[1:]] != side[used[:-1]]
    apart = np.diff(used)
    assert (apart[changes] == gap_frames + 1).all()
    assert (apart[~changes] == 1).all()
    assert (used[0], used[-1]) == (0, n_frames - 1)


def test_blocks_shorter_than_the_gap_are_refused():
    with pytest.raises(StudyError, match=r"3 blocks of 30 frames with gaps of 10.*shorter longest window"):
        blocked_split(30, 3, 10)


def test_a_side_without_a_block_is_refused():
    with pytest.raises(StudyError, match="2 blocks for the sides train, validation, test"):
        blocked_split(100, 2, 5)


def test_a_negative_gap_is_refused():
    with pytest.raises(StudyError, match="a gap of -1 frames"):
        blocked_split(100, 3, -1)


def test_a_recording_on_two_sides_is_found():
    with pytest.raises(StudyError, match=r"recording '8' in test, and already in train.*move it out"):
        check_disjoint({"train": ["1", "8"], "validation": ["2"], "test": ["8"]})


def test_a_cage_on_two_sides_is_found():
    sides = {"train": ["1"], "test": ["2"]}
    check_disjoint(sides)
    check_disjoint(sides, groups={"1": "A", "2": "B"})
    with pytest.raises(StudyError, match="recording '2' of 'A' in test, and already in train"):
        check_disjoint(sides, groups={"1": "A", "2": "A"})
