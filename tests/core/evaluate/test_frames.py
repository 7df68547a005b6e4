"""Scores per frame, against scikit-learn where nothing is abstained and against arithmetic where something is."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score

from nsp_core.errors import LabelError
from nsp_core.evaluate.frames import FrameCounts, FramePredictions, as_json, count_frames, pooled_scores, score_frames
from nsp_core.evaluate.ranking import average_precision, best_f1_threshold

UNTIMED = settings(deadline=None)  # a busy machine is no failure


def labeled(n_min=2):
    """States 0/1 with at least one frame of the behavior, and tied scores from a coarse grid."""
    return st.integers(n_min, 60).flatmap(
        lambda n: st.tuples(
            npst.arrays(np.int8, n, elements=st.integers(0, 1)).filter(lambda states: states.any()),
            npst.arrays(np.int8, n, elements=st.integers(0, 9)).map(lambda steps: steps.astype(np.float32) / 9),
        )
    )


def same(a, b):
    return a == pytest.approx(b, nan_ok=True)


@UNTIMED
@given(labeled())
def test_without_abstaining_the_scores_are_those_of_scikit_learn(case):
    states, probability = case
    predicted = (probability >= 0.5).astype(np.int8)
    scores = score_frames(states, predicted, probability)
    assert scores.f1 == pytest.approx(f1_score(states, predicted, zero_division=0))
    assert scores.precision == pytest.approx(precision_score(states, predicted, zero_division=0))
    assert scores.recall == pytest.approx(recall_score(states, predicted, zero_division=0))
    assert scores.ap == pytest.approx(average_precision_score(states, probability))
    assert scores.coverage == 1.0
    assert scores.covered_f1 == scores.f1


@UNTIMED
@given(labeled())
def test_abstained_frames_rank_last_and_tied(case):
    states, scores = case
    abstained = scores < 0.4
    worst = np.where(abstained, -1.0, scores)
    assert average_precision(states, np.where(abstained, np.nan, scores)) == pytest.approx(
        average_precision_score(states, worst)
    )


@UNTIMED
@given(labeled(), st.integers(0, 20))
def test_unlabeled_frames_change_nothing(case, n_unlabeled):
    states, probability = case
    predicted = (probability >= 0.5).astype(np.int8)
    more = np.linspace(0, 1, n_unlabeled)
    with_unlabeled = score_frames(
        np.append(states, np.full(n_unlabeled, -1, dtype=np.int8)),
        np.append(predicted, np.resize(np.array([1, 0, -1], dtype=np.int8), n_unlabeled)),
        np.append(probability, more),
    )
    assert with_unlabeled == score_frames(states, predicted, probability)


def test_always_positive_scores_what_prevalence_says():
    states = np.repeat(np.array([1, 0], dtype=np.int8), [30, 70])
    scores = score_frames(states, np.ones(100, dtype=np.int8), np.ones(100))
    assert scores.f1 == pytest.approx(2 * 0.3 / 1.3)
    assert scores.ap == pytest.approx(0.3)
    assert (scores.precision, scores.recall, scores.n_pos, scores.n) == (0.3, 1.0, 30, 100)


def test_always_negative_scores_zero_however_rare_the_behavior():
    states = np.repeat(np.array([1, 0], dtype=np.int8), [1, 99])
    scores = score_frames(states, np.zeros(100, dtype=np.int8), np.zeros(100))
    assert (scores.f1, scores.precision, scores.recall) == (0.0, 0.0, 0.0)
    assert scores.ap == pytest.approx(0.01)


def test_abstaining_where_the_behavior_is_counts_as_missing_it():
    states = np.repeat(np.array([1, 0], dtype=np.int8), 10)
    predicted = np.repeat(np.array([1, -1, 0], dtype=np.int8), [5, 5, 10])
    scores = score_frames(states, predicted, np.where(predicted < 0, np.nan, predicted))
    assert scores.f1 == pytest.approx(2 / 3)  # half of the behavior found, no false alarm
    assert scores.recall == 0.5
    assert scores.covered_f1 == 1.0
    assert scores.coverage == 0.75
    # Half of the recall at precision 1, the abstained half at 10 of 20.
    assert scores.ap == pytest.approx(0.5 * 1 + 0.5 * 0.5)


def test_abstaining_where_the_behavior_is_not_raises_no_false_alarm():
    states = np.repeat(np.array([1, 0], dtype=np.int8), 10)
    predicted = np.repeat(np.array([1, -1], dtype=np.int8), 10)
    scores = score_frames(states, predicted, np.where(predicted < 0, np.nan, 1.0))
    assert (scores.f1, scores.precision, scores.coverage) == (1.0, 1.0, 0.5)


def test_abstaining_everywhere_is_as_bad_as_finding_nothing():
    states = np.array([1, 1, 0, 0], dtype=np.int8)
    scores = score_frames(states, np.full(4, -1, dtype=np.int8), np.full(4, np.nan))
    assert (scores.f1, scores.recall, scores.precision, scores.coverage) == (0.0, 0.0, 0.0, 0.0)
    assert scores.ap == 0.5
    assert math.isnan(scores.covered_f1)


def test_a_decision_to_abstain_outranks_a_probability():
    states = np.array([1, 0], dtype=np.int8)
    predicted = np.array([-1, 0], dtype=np.int8)
    assert score_frames(states, predicted, np.array([0.9, 0.1])).ap == 0.5


def test_a_decision_without_probability_counts_in_f1_and_ranks_last():
    states = np.array([1, 1, 0], dtype=np.int8)
    scores = score_frames(states, np.array([1, 1, 0], dtype=np.int8), np.array([0.9, np.nan, 0.1]))
    assert scores.f1 == 1.0
    assert scores.ap == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


@pytest.mark.parametrize("states", [[0, 0, 0], [-1, -1, -1], []])
def test_without_the_behavior_there_is_no_score(states):
    states = np.array(states, dtype=np.int8)
    scores = score_frames(states, np.ones(states.size, dtype=np.int8), np.ones(states.size))
    assert all(math.isnan(value) for value in (scores.f1, scores.ap, scores.precision, scores.recall))
    assert scores.n_pos == 0
    assert scores.n == (states >= 0).sum()


def test_no_recording_gives_no_score():
    scores = pooled_scores([])
    assert (scores.n, math.isnan(scores.f1), math.isnan(scores.ap)) == (0, True, True)


@UNTIMED
@given(labeled(4), st.data())
def test_pooled_scores_are_those_of_the_joined_recordings(case, data):
    states, probability = case
    predicted = np.where(probability > 0.8, -1, probability > 0.3).astype(np.int8)
    cut = data.draw(st.integers(1, states.size - 1))
    parts = [
        FramePredictions(name, states[frames], predicted[frames], probability[frames])
        for name, frames in (("a", slice(0, cut)), ("b", slice(cut, None)))
    ]
    pooled, joined = pooled_scores(parts), score_frames(states, predicted, probability)
    assert all(same(getattr(pooled, name), getattr(joined, name)) for name in ("f1", "ap", "covered_f1", "coverage"))
    counts = [count_frames(part.states, part.predicted) for part in parts]
    assert counts[0] + counts[1] == count_frames(states, predicted)


def test_counts_say_which_frames_are_which():
    states = np.array([1, 1, 1, 0, 0, 0, -1], dtype=np.int8)
    predicted = np.array([1, 0, -1, 1, 0, -1, 1], dtype=np.int8)
    assert count_frames(states, predicted) == FrameCounts(1, 1, 1, 1, 1, 1)


@UNTIMED
@given(labeled())
def test_no_threshold_beats_the_best_one(case):
    states, scores = case
    scores = np.where(scores == 1, np.nan, scores)
    threshold, f1 = best_f1_threshold(states, scores)
    candidates = [score_frames(states, scores >= cut, scores).f1 for cut in [*np.unique(scores), np.inf]]
    assert f1 == pytest.approx(max(candidates))
    assert score_frames(states, scores >= threshold, scores).f1 == pytest.approx(f1)


def test_of_equally_good_thresholds_the_highest_is_taken():
    # 2/3 at 0.9 (one of two found) and again at 0.2 (both found, two false alarms).
    states, scores = np.array([1, 0, 0, 1], dtype=np.int8), np.array([0.9, 0.5, 0.4, 0.2])
    assert best_f1_threshold(states, scores) == (0.9, float(Fraction(2, 3)))


def test_without_a_scored_frame_of_the_behavior_no_threshold_is_reached():
    threshold, f1 = best_f1_threshold(np.array([1, 0], dtype=np.int8), np.array([np.nan, 0.3]))
    assert math.isnan(threshold)
    assert f1 == 0.0


def test_the_table_is_plain_json_without_nan():
    scores = score_frames(np.array([1, 0], dtype=np.int8), np.array([1, 0], dtype=np.int8), np.array([0.9, 0.1]))
    written = json.loads(json.dumps(as_json({"program": {"test": scores}}, seed=3), allow_nan=False))
    assert written["program"]["test"] == {
        "f1": 1.0,
        "ap": 1.0,
        "precision": 1.0,
        "recall": 1.0,
        "coverage": 1.0,
        "covered_f1": 1.0,
        "n_pos": 1,
        "n": 2,
        "f1_low": None,
        "f1_high": None,
        "ap_low": None,
        "ap_high": None,
        "seed": 3,
    }


def test_series_of_different_lengths_are_refused():
    with pytest.raises(LabelError, match=r"found states \(3,\), decisions \(2,\).*expected series"):
        score_frames(np.zeros(3, dtype=np.int8), np.zeros(2, dtype=np.int8), np.zeros(3))


@pytest.mark.parametrize(("states", "predicted", "named"), [([2, 0], [0, 1], "states"), ([1, 0], [3, 1], "decisions")])
def test_other_values_than_the_three_are_refused(states, predicted, named):
    with pytest.raises(LabelError, match=rf"{named} \[.*expected 1, 0 or -1"):
        score_frames(np.array(states), np.array(predicted), np.zeros(2))
