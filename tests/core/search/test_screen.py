from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import xlogy

from nsp_core.search.screen import MISSING, Join, bin_columns, pooled_values, screen_thresholds

LEFT_AS_THEY_ARE = np.arange(3)

numbers = st.one_of(
    st.just(np.nan), st.integers(-2, 2).map(float), st.floats(-100, 100, width=32), st.floats(-1, 1, width=32)
)
shares = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))


@st.composite
def tables(draw: st.DrawFn) -> np.ndarray:
    """Return values (row, 3), some of them missing, many of them equal."""
    n_rows = draw(st.integers(2, 40))
    return draw(arrays(np.float32, (n_rows, 3), elements=numbers))


@st.composite
def questions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, Join]:
    """Return values, labels of both classes, weights, truths of a partial program, and a join."""
    values = draw(tables())
    present = draw(arrays(np.bool_, len(values)))
    present[:2] = [True, False]
    weight = draw(arrays(np.float64, len(values), elements=st.floats(0.1, 10)))
    truth = draw(arrays(np.float64, len(values), elements=shares))
    return values, present, weight, truth, draw(st.sampled_from(["and", "or"]))


def scores_one_by_one(
    clause: np.ndarray, present: np.ndarray, weight: np.ndarray, truth: np.ndarray, join: Join
) -> tuple[float, float]:
    """Return F1 and class-balanced log-likelihood of the joined program, straight from their definitions."""
    joined = truth * clause if join == "and" else 1 - (1 - truth) * (1 - clause)
    true_pos, false_pos = (weight * joined)[present].sum(), (weight * joined)[~present].sum()
    positives, negatives = weight[present].sum(), weight[~present].sum()
    f1 = true_pos / (true_pos + (positives - true_pos + false_pos) / 2)
    log_likelihood = 0.0
    for recognized, mistaken in (
        (true_pos / positives, false_pos / negatives),
        (1 - true_pos / positives, 1 - false_pos / negatives),
    ):
        whole = recognized + mistaken
        if whole > 1e-15:
            log_likelihood += xlogy(recognized, max(recognized, 0) / whole) + xlogy(mistaken, max(mistaken, 0) / whole)
    return float(f1), float(log_likelihood)


@settings(max_examples=60, deadline=None)
@given(questions())
def test_screening_finds_what_trying_every_threshold_of_every_column_finds(
    question: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, Join],
) -> None:
    values, present, weight, truth, join = question
    binned = bin_columns(values, LEFT_AS_THEY_ARE)
    by_criterion = screen_thresholds(binned, present, weight, truth, join)
    for column in range(values.shape[1]):
        edges = binned.edges[column][np.isfinite(binned.edges[column])]
        for direction in (0, 1):
            with np.errstate(invalid="ignore"):
                clauses = [values[:, column] < edge if direction == 0 else values[:, column] >= edge for edge in edges]
            tried = [scores_one_by_one(clause, present, weight, truth, join) for clause in clauses]
            for criterion, screened in enumerate(by_criterion):
                score, threshold = screened.score[column, direction], screened.threshold[column, direction]
                if not tried:
                    assert score == -np.inf
                    continue
                assert score == pytest.approx(max(one[criterion] for one in tried), abs=1e-9)
                named = tried[int(np.flatnonzero(edges == threshold)[0])][criterion]
                assert named == pytest.approx(score, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(tables())
def test_bins_and_edges_say_the_same_as_the_values(values: np.ndarray) -> None:
    binned = bin_columns(values, LEFT_AS_THEY_ARE)
    for column in range(values.shape[1]):
        codes, series = binned.codes[column], values[:, column]
        np.testing.assert_array_equal(codes == MISSING, np.isnan(series))
        seen = codes != MISSING
        below_edge = series[seen][:, None] < binned.edges[column]
        np.testing.assert_array_equal(below_edge, codes[seen][:, None] <= np.arange(below_edge.shape[1]))


@settings(max_examples=30, deadline=None)
@given(tables())
def test_a_column_and_its_exchange_of_animals_share_their_edges(values: np.ndarray) -> None:
    swapped = np.array([1, 0, 2])
    edges = bin_columns(values, swapped).edges
    np.testing.assert_array_equal(edges[0], edges[1])
    both = bin_columns(np.tile(np.concatenate([values[:, 0], values[:, 1]])[:, None], 3), LEFT_AS_THEY_ARE)
    np.testing.assert_array_equal(edges[0], both.edges[0])


def test_pooled_values_are_those_of_both_orders_without_gaps() -> None:
    values = np.array([[1, 2, 5], [np.nan, 3, 6]], dtype=np.float32)
    swapped = np.array([1, 0, 2])
    assert sorted(pooled_values(values, swapped, 0)) == sorted(pooled_values(values, swapped, 1)) == [1, 2, 3]
    assert sorted(pooled_values(values, swapped, 2)) == [5, 6]


def test_a_column_of_many_values_is_cut_into_bins_of_equal_share() -> None:
    values = np.random.default_rng(0).lognormal(size=(12_800, 1)).astype(np.float32)
    counts = np.bincount(bin_columns(values, np.array([0])).codes[0])
    assert counts.sum() == 12_800
    assert counts.min() >= 0.9 * counts.mean()
    assert counts.max() <= 1.1 * counts.mean()


def test_rows_that_already_hold_are_not_counted_twice_by_or() -> None:
    values = np.array([[0.0], [0.0], [1.0], [1.0]], dtype=np.float32)
    present = np.array([True, True, True, False])
    truth = np.array([1.0, 0.0, 0.0, 0.0])
    by_f1, _ = screen_thresholds(bin_columns(values, np.array([0])), present, np.ones(4), truth, "or")
    # ``or x < 1`` finds two of three without a mistake; ``or x >= 0`` finds all three with one.
    np.testing.assert_allclose(by_f1.score, [[4 / 5, 6 / 7]])
