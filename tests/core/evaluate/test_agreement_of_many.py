"""Fleiss' kappa and Krippendorff's alpha, against published examples and against slow ones that go pair by pair."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.metrics import cohen_kappa_score

from nsp_core import rng
from nsp_core.errors import LabelError
from nsp_core.evaluate.agreement_of_many import (
    fleiss_kappa,
    krippendorff_alpha,
    rating_counts,
    usual_number_of_raters,
)

UNTIMED = settings(deadline=None)  # a busy machine is no failure

# Fourteen raters, ten subjects, five categories: the example of https://en.wikipedia.org/wiki/Fleiss%27_kappa
FOURTEEN_RATERS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]
# Krippendorff (2011), section C: four observers, twelve units, five categories, some missing (0).
FOUR_OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
    [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
]


def states(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int8)


def several_raters(lowest: int, least: int = 2) -> st.SearchStrategy[list[np.ndarray]]:
    def of(size: tuple[int, int]) -> st.SearchStrategy[list[np.ndarray]]:
        return npst.arrays(np.int8, size, elements=st.integers(lowest, 1)).map(list)

    return st.tuples(st.integers(least, 5), st.integers(1, 12)).flatmap(of)


def slow_fleiss(series: list[np.ndarray]) -> float:
    """Return the share of ordered pairs of raters that agree, corrected for that of two ratings drawn from all."""
    pairs = [ours == theirs for unit in zip(*series, strict=True) for ours, theirs in permutations(unit, 2)]
    everything = np.concatenate(series)
    by_chance = sum((everything == value).mean() ** 2 for value in np.unique(everything))
    return (np.mean(pairs) - by_chance) / (1 - by_chance)


def slow_alpha(series: list[np.ndarray], missing: int) -> float:
    """Return one minus observed over expected disagreement, from the matrix of coincidences of values."""
    values = sorted(set(np.concatenate(series).tolist()) - {missing})
    coincidences = {(one, other): 0.0 for one in values for other in values}
    for unit in zip(*series, strict=True):
        rated = [value for value in unit if value != missing]
        for ours, theirs in permutations(rated, 2):
            coincidences[int(ours), int(theirs)] += 1 / (len(rated) - 1)
    n = sum(coincidences.values())
    of_value = {one: sum(coincidences[one, other] for other in values) for one in values}
    unlike = sum(count for (one, other), count in coincidences.items() if one != other)
    by_chance = sum(of_value[one] * of_value[other] for one in values for other in values if one != other) / (n - 1)
    return 1 - unlike / by_chance


def test_fleiss_kappa_of_the_published_example():
    assert fleiss_kappa(FOURTEEN_RATERS) == pytest.approx(0.210, abs=5e-4)


def test_krippendorff_alpha_of_the_published_example():
    ratings = np.array(FOUR_OBSERVERS)
    counts = np.stack([(ratings == category).sum(axis=0) for category in range(1, 6)], axis=1)
    assert krippendorff_alpha(counts) == pytest.approx(0.743, abs=5e-4)
    assert slow_alpha(list(ratings), missing=0) == pytest.approx(0.743, abs=5e-4)


@UNTIMED
@given(several_raters(lowest=0))
def test_fleiss_kappa_is_that_of_all_pairs_of_raters(series):
    counts = rating_counts(series)
    if np.unique(series).size == 1:
        assert math.isnan(fleiss_kappa(counts))
    else:
        assert fleiss_kappa(counts) == pytest.approx(slow_fleiss(series))


@UNTIMED
@given(several_raters(lowest=-1))
def test_krippendorff_alpha_is_that_of_all_pairs_of_values(series):
    counts = rating_counts(series)
    rated_twice = counts[counts.sum(axis=1) >= 2]
    if (rated_twice.sum(axis=0) == 0).any():
        assert math.isnan(krippendorff_alpha(counts))
    else:
        assert krippendorff_alpha(counts) == pytest.approx(slow_alpha(series, missing=-1))


@UNTIMED
@given(several_raters(lowest=0))
def test_the_two_differ_by_the_correction_for_few_units_only(series):
    assume(np.unique(series).size == 2)
    counts = rating_counts(series)
    n_ratings = counts.sum()
    corrected = 1 - (1 - fleiss_kappa(counts)) * (n_ratings - 1) / n_ratings
    assert krippendorff_alpha(counts) == pytest.approx(corrected)


def test_of_two_raters_alike_in_prevalence_fleiss_kappa_is_cohen_s():
    chance = rng.stream(0, "test")
    first = (chance.random(1000) < 0.3).astype(np.int8)
    second = chance.permutation(first)
    assert fleiss_kappa(rating_counts([first, second])) == pytest.approx(cohen_kappa_score(first, second))


def test_raters_who_always_agree_reach_exactly_one():
    rated = (rng.stream(0, "test").random(100_003) < 0.013).astype(np.int8)
    counts = rating_counts([rated] * 3)
    assert fleiss_kappa(counts) == krippendorff_alpha(counts) == 1.0


def test_raters_who_guess_reach_zero():
    chance = rng.stream(0, "test")
    counts = rating_counts([(chance.random(100_000) < share).astype(np.int8) for share in (0.2, 0.2, 0.2)])
    assert fleiss_kappa(counts) == pytest.approx(0, abs=0.01)
    assert krippendorff_alpha(counts) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    "counts",
    [np.zeros((0, 2)), [[1, 0], [0, 1]], [[3, 0], [3, 0]]],
    ids=["no unit", "one rater", "one category"],
)
def test_what_cannot_be_told_from_chance_is_undefined(counts):
    assert math.isnan(fleiss_kappa(counts))
    assert math.isnan(krippendorff_alpha(counts))


def test_only_units_with_the_usual_number_of_raters_have_fleiss_kappa():
    counts = rating_counts([states(1, 1, 0, 1, -1), states(1, 0, 0, 1, -1), states(0, -1, 0, 1, 1)])
    assert usual_number_of_raters(counts) == 3
    assert usual_number_of_raters([[2, 0], [1, 0], [1, 2]]) == 3
    assert usual_number_of_raters([[1, 0]]) == usual_number_of_raters(np.zeros((0, 2))) == 0
    with pytest.raises(LabelError, match=r"units of 1, 2, 3 ratings, expected as many .*Krippendorff's alpha"):
        fleiss_kappa(counts)


def test_what_is_no_table_of_counts_is_refused():
    with pytest.raises(LabelError, match=r"counts of shape \(3,\)"):
        krippendorff_alpha([1, 2, 3])
    with pytest.raises(LabelError, match="a negative count"):
        fleiss_kappa([[1, -1]])


def test_series_that_cannot_be_counted_are_refused():
    with pytest.raises(LabelError, match=r"shapes \(2,\), \(3,\), expected series \(time,\) of one length"):
        rating_counts([states(1, 0), states(1, 0, 0)])
    with pytest.raises(LabelError, match="no series"):
        rating_counts([])
    with pytest.raises(LabelError, match=r"states \[0, 7\], expected 1, 0 or -1; recode"):
        rating_counts([states(0, 7)])
