"""Cohen's kappa, against scikit-learn where both decide and against arithmetic where one does not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.metrics import cohen_kappa_score

from nsp_core import rng
from nsp_core.errors import LabelError
from nsp_core.evaluate.agreement import Agreement, agreement, pairwise_agreement

UNTIMED = settings(deadline=None)  # a busy machine is no failure


def pairs(lowest: int) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    def of(n: int) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
        series = npst.arrays(np.int8, n, elements=st.integers(lowest, 1))
        return st.tuples(series, series)

    return st.integers(1, 60).flatmap(of)


def states(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int8)


def constant_and_alike(first: np.ndarray, second: np.ndarray) -> bool:
    return np.unique(np.concatenate([first, second])).size == 1


@UNTIMED
@given(pairs(lowest=0))
def test_kappa_of_decided_frames_is_that_of_scikit_learn(case):
    first, second = case
    assume(not constant_and_alike(first, second))
    found = agreement(first, second)
    assert found.kappa == pytest.approx(cohen_kappa_score(first, second))
    assert found.share_decided == 1.0
    assert found.observed == pytest.approx(np.mean(first == second))


@UNTIMED
@given(pairs(lowest=-1))
def test_frames_that_one_of_the_two_does_not_decide_are_left_out_and_told_of(case):
    first, second = case
    decided = (first >= 0) & (second >= 0)
    assume(decided.any() and not constant_and_alike(first[decided], second[decided]))
    found = agreement(first, second)
    assert found.kappa == pytest.approx(cohen_kappa_score(first[decided], second[decided]))
    assert found.share_decided == pytest.approx(decided.mean())


@UNTIMED
@given(pairs(lowest=-1))
def test_it_does_not_matter_who_is_first(case):
    first, second = case
    one, other = agreement(first, second), agreement(second, first)
    assert one.kappa == pytest.approx(other.kappa, nan_ok=True)
    assert (one.only_first, one.only_second) == (other.only_second, other.only_first)


@UNTIMED
@given(pairs(lowest=-1), pairs(lowest=-1))
def test_recordings_are_pooled_before_anything_is_divided(morning, evening):
    together = agreement(*(np.concatenate(halves) for halves in zip(morning, evening, strict=True)))
    assert agreement(*morning) + agreement(*evening) == together


def test_long_series_that_are_alike_have_a_kappa_of_exactly_one():
    chance = rng.stream(0, "test")
    first = (chance.random(1_000_003) < 0.013).astype(np.int8)
    assert agreement(first, first.copy()).kappa == 1.0
    assert agreement(first, 1 - first).kappa < 0


def test_series_drawn_independently_agree_as_often_as_by_chance():
    chance = rng.stream(0, "test")
    first, second = ((chance.random(200_000) < share).astype(np.int8) for share in (0.2, 0.4))
    found = agreement(first, second)
    assert found.kappa == pytest.approx(0, abs=0.01)
    assert found.observed == pytest.approx(found.expected, abs=0.01)
    assert found.expected == pytest.approx(0.2 * 0.4 + 0.8 * 0.6, abs=0.01)


@pytest.mark.parametrize("state", [0, 1])
def test_two_that_always_say_the_same_agree_and_have_no_kappa(state):
    found = agreement(np.full(9, state, dtype=np.int8), np.full(9, state, dtype=np.int8))
    assert math.isnan(found.kappa)
    assert found.observed == found.expected == 1.0


def test_one_that_always_says_the_same_knows_nothing_of_the_other():
    assert agreement(states(1, 1, 1, 1), states(1, 1, 1, 0)).kappa == 0.0
    assert agreement(states(1, 1, 1, 1), states(0, 0, 0, 0)).kappa == 0.0


@pytest.mark.parametrize(
    ("first", "second", "share"),
    [(states(-1, -1, 1), states(1, 0, -1), 0.0), (states(), states(), math.nan)],
    ids=["nothing decided by both", "no frame"],
)
def test_without_a_frame_that_both_decide_nothing_is_said(first, second, share):
    found = agreement(first, second)
    assert math.isnan(found.kappa)
    assert math.isnan(found.observed)
    assert math.isnan(found.expected)
    assert found.share_decided == pytest.approx(share, nan_ok=True)


def test_every_pair_of_several_series_is_compared():
    series = [states(1, 1, 0, 0), states(1, 0, 0, -1), states(0, 0, 0, 0)]
    matrix = pairwise_agreement(series)
    for row, first in zip(matrix, series, strict=True):
        assert list(row) == [agreement(first, second) for second in series]
    assert [row[place].observed for place, row in enumerate(matrix)] == [1.0, 1.0, 1.0]
    assert pairwise_agreement([]) == ()


def test_counts_without_frames_add_nothing():
    found = Agreement(2, 1, 0, 3, 4)
    assert sum([found, found], Agreement()) == Agreement(4, 2, 0, 6, 8)


def test_series_of_different_frames_cannot_be_compared():
    with pytest.raises(LabelError, match=r"shapes \(2,\) and \(3,\), expected two series.*states of the same frames"):
        agreement(states(1, 0), states(1, 0, 0))
    with pytest.raises(LabelError, match=r"\(1, 2\) and \(1, 2\), expected two series \(time,\)"):
        agreement(np.zeros((1, 2), dtype=np.int8), np.zeros((1, 2), dtype=np.int8))


def test_other_values_than_states_are_refused():
    with pytest.raises(LabelError, match=r"states \[0, 7\], expected 1, 0 or -1; recode them"):
        agreement(states(0, 1), states(0, 7))
