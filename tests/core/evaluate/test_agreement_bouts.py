"""Bouts of two annotators: matched as well as can be, one to one, and timed where both looked."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core import rng
from nsp_core.bouts import bouts_from_frames, frames_from_bouts
from nsp_core.errors import LabelError
from nsp_core.evaluate.agreement_bouts import (
    BoutAgreement,
    bout_f1_by_chance,
    match_bouts,
    matched_series,
)

UNTIMED = settings(deadline=None)  # a busy machine is no failure


def bouts(*pairs: tuple[int, int]) -> np.ndarray:
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def states(text: str) -> np.ndarray:
    """Return states (time,): ``#`` present, ``.`` absent, ``?`` not looked at."""
    return np.array([{"#": 1, ".": 0, "?": -1}[mark] for mark in text], dtype=np.int8)


def disjoint_bouts() -> st.SearchStrategy[np.ndarray]:
    steps = st.lists(st.integers(1, 6), min_size=0, max_size=12).map(lambda edges: edges[: len(edges) // 2 * 2])
    return steps.map(lambda edges: np.cumsum(edges, dtype=np.int64).reshape(-1, 2))


def share(one: np.ndarray, other: np.ndarray) -> float:
    """Return intersection over union, from sets of frames."""
    ours, theirs = set(range(*one.tolist())), set(range(*other.tolist()))
    return len(ours & theirs) / len(ours | theirs)


def best_by_trying_all(first: np.ndarray, second: np.ndarray, overlap: float) -> tuple[int, float]:
    """Return number and summed overlap of the best of all ways to match, in order or not."""
    if not len(first):
        return 0, 0.0
    best = best_by_trying_all(first[1:], second, overlap)
    for place in range(len(second)):
        common = share(first[0], second[place])
        if common >= overlap:
            number, total = best_by_trying_all(first[1:], np.delete(second, place, axis=0), overlap)
            best = max(best, (number + 1, total + common))
    return best


@UNTIMED
@given(disjoint_bouts(), disjoint_bouts(), st.sampled_from([0.05, 0.25, 0.5, 1.0]))
def test_no_other_way_matches_more_bouts_or_better(first, second, overlap):
    matched = match_bouts(first, second, overlap=overlap)
    shares = [share(first[ours], second[theirs]) for ours, theirs in matched]
    assert all(common >= overlap for common in shares)
    assert all(len(set(side)) == len(matched) for side in matched.T.tolist())
    number, total = best_by_trying_all(first, second, overlap)
    assert len(matched) == number
    assert sum(shares) == pytest.approx(total)


@UNTIMED
@given(disjoint_bouts(), disjoint_bouts())
def test_it_does_not_matter_who_is_first(first, second):
    there, back = match_bouts(first, second), match_bouts(second, first)
    assert len(there) == len(back)


def test_a_bout_that_another_one_splits_matches_one_part_only():
    assert match_bouts(bouts((0, 100)), bouts((0, 40), (41, 100)), overlap=0.1).tolist() == [[0, 1]]


def test_a_threshold_of_one_half_is_reached_by_exactly_half():
    assert len(match_bouts(bouts((0, 10)), bouts((0, 5)), overlap=0.5)) == 1
    assert len(match_bouts(bouts((0, 10)), bouts((0, 5)), overlap=0.51)) == 0


@pytest.mark.parametrize("overlap", [0.0, -0.1, 1.1, math.nan])
def test_an_overlap_that_is_no_share_is_refused(overlap):
    with pytest.raises(LabelError, match=r"found overlap = .*expected a share above 0 and up to 1.*such as 0\.25"):
        match_bouts(bouts((0, 1)), bouts((0, 1)), overlap=overlap)


def test_differences_are_first_minus_second():
    found = matched_series(states("..####...###"), states("...####..##."))
    assert found.agreement == BoutAgreement(2, 2, 2)
    assert found.matches.tolist() == [[[2, 6], [3, 7]], [[9, 12], [9, 11]]]
    # The last bout of the first goes on to the end of the recording: it is not known when it ended.
    assert found.onset_frames.tolist() == [-1, 0]
    np.testing.assert_array_equal(found.offset_frames, [-1, np.nan])


def test_a_bout_is_counted_only_where_both_looked_and_not_timed_at_the_edge():
    found = matched_series(states("####..??##.."), states("?.##..##.#.."))
    assert found.agreement == BoutAgreement(2, 2, 2)
    # Of the first's bout only frames 1 to 3 are common; its onset lies before them.
    np.testing.assert_array_equal(found.onset_frames, [np.nan, np.nan])
    assert found.offset_frames.tolist() == [0, 0]


def test_series_of_different_frames_have_no_matches():
    with pytest.raises(LabelError, match=r"shapes \(2,\) and \(3,\), expected two series .*states of the same frames"):
        matched_series(states(".."), states("..."))


def test_planted_shifts_are_found():
    chance = rng.stream(0, "test")
    starts = np.arange(50, 5000, 100) + chance.integers(0, 20, size=50)
    planted = np.stack([starts, starts + chance.integers(20, 40, size=50)], axis=1)
    first = frames_from_bouts(planted, 5200).astype(np.int8)
    second = frames_from_bouts(np.add(planted, (4, -2)), 5200).astype(np.int8)
    found = matched_series(first, second)
    assert found.agreement.f1 == 1.0
    assert set(found.onset_frames) == {-4.0}
    assert set(found.offset_frames) == {2.0}
    np.testing.assert_array_equal(found.matches[:, 0], bouts_from_frames(first > 0))


def test_without_bouts_there_is_no_f1():
    found = matched_series(states("...?"), states("...."))
    assert math.isnan(found.agreement.f1)
    assert found.matches.shape == (0, 2, 2)
    assert math.isnan(bout_f1_by_chance([(states("..."), states("..?"))]))
    assert matched_series(states("#.."), states("...")).agreement.f1 == 0.0


def test_by_chance_fewer_bouts_match_than_of_annotators_who_see_the_same():
    chance = rng.stream(0, "test")
    starts = np.cumsum(chance.integers(40, 160, size=80))
    first = frames_from_bouts(np.stack([starts, starts + 20], axis=1), int(starts[-1]) + 100).astype(np.int8)
    same = bout_f1_by_chance([(first, first)])
    unrelated = np.roll(first, 2222)
    assert same == pytest.approx(bout_f1_by_chance([(first, unrelated)]), abs=0.05)
    assert same == pytest.approx(matched_series(first, unrelated).agreement.f1, abs=0.15)
    assert 0 < same < 0.5


def test_frames_nobody_both_looked_at_are_not_part_of_the_circle():
    padded = np.concatenate([np.full(1000, -1, dtype=np.int8), states("##" + "." * 98)])
    assert bout_f1_by_chance([(padded, padded)], n_shifts=9) == bout_f1_by_chance(
        [(padded[1000:], padded[1000:])], n_shifts=9
    )
