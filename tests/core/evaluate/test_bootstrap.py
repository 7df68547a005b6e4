"""Intervals over recordings: reproducible, covering, and by whole recordings."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nsp_core import rng
from nsp_core.errors import LabelError
from nsp_core.evaluate.bootstrap import Interval, bootstrap_intervals, paired_difference, scores_with_intervals
from nsp_core.evaluate.frames import FramePredictions, pooled_scores


def recording(name, generator, *, n_frames=1000, prevalence=0.3, separation=1.5):
    """Scores are normal, ``separation`` apart; a tenth of the frames is abstained."""
    states = (generator.random(n_frames) < prevalence).astype(np.int8)
    probability = generator.normal(size=n_frames) + separation * states
    probability[generator.random(n_frames) < 0.1] = np.nan
    predicted = np.where(np.isnan(probability), -1, probability > separation / 2).astype(np.int8)
    return FramePredictions(name, states, predicted, probability)


def recordings(seed, n=8, **kwargs):
    generator = rng.stream(seed, "test")
    return [recording(f"r{i}", generator, prevalence=generator.uniform(0.1, 0.5), **kwargs) for i in range(n)]


def test_the_interval_contains_the_pooled_score_and_is_a_real_interval():
    predictions = recordings(0)
    scores = scores_with_intervals(predictions, generator=rng.stream(1, "bootstrap"))
    assert 0 < scores.f1_low < scores.f1 < scores.f1_high < 1
    assert 0 < scores.ap_low < scores.ap < scores.ap_high < 1
    assert scores.f1 == pooled_scores(predictions).f1


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    truth = pooled_scores(recordings(99, n=400, n_frames=200))
    covered = [
        interval.low <= truth.f1 <= interval.high
        for seed in range(50)
        for interval in [
            bootstrap_intervals(
                recordings(seed, n=16, n_frames=200), generator=rng.stream(seed, "b"), n_resamples=100
            ).f1
        ]
    ]
    # Percentile intervals of few recordings are somewhat too narrow: 16 of them cover about nine times in ten.
    assert np.mean(covered) > 0.8


def test_the_same_generator_gives_the_same_interval_in_any_order():
    predictions = recordings(2)
    first, again, reversed_order = (
        bootstrap_intervals(order, generator=rng.stream(5, "bootstrap"))
        for order in (predictions, predictions, predictions[::-1])
    )
    assert first == again == reversed_order
    assert first != bootstrap_intervals(predictions, generator=rng.stream(6, "bootstrap"))


def test_average_precision_of_each_draw_is_that_of_the_drawn_recordings():
    # Two recordings: a draw is (a, a), (b, b) or (a, b), so that the ends are the scores of the two alone.
    predictions = recordings(3, n=2, n_frames=20_000)
    alone = sorted(pooled_scores([one]).ap for one in predictions)
    interval = bootstrap_intervals(predictions, generator=rng.stream(0, "bootstrap")).ap
    assert (interval.low, interval.high) == pytest.approx(tuple(alone), abs=1e-3)


def test_few_distinct_scores_are_ranked_exactly():
    predictions = [
        FramePredictions(one.recording, one.states, one.predicted, np.round(one.probability, 1))
        for one in recordings(4, n=2)
    ]
    alone = sorted(pooled_scores([one]).ap for one in predictions)
    interval = bootstrap_intervals(predictions, generator=rng.stream(0, "bootstrap")).ap
    assert (interval.low, interval.high) == pytest.approx(tuple(alone), abs=1e-12)


def test_sequences_of_one_recording_are_drawn_together():
    whole = recordings(7, n=4)
    halves = [
        FramePredictions(one.recording, one.states[frames], one.predicted[frames], one.probability[frames])
        for one in whole
        for frames in (slice(0, 500), slice(500, None))
    ]
    assert bootstrap_intervals(halves, generator=rng.stream(0, "b")) == bootstrap_intervals(
        whole, generator=rng.stream(0, "b")
    )


def test_recordings_without_labels_are_not_drawn():
    labeled = recordings(8, n=4)
    unlabeled = FramePredictions("x", np.full(9, -1, dtype=np.int8), np.ones(9, dtype=np.int8), np.ones(9))
    assert bootstrap_intervals([*labeled, unlabeled], generator=rng.stream(0, "b")) == bootstrap_intervals(
        labeled, generator=rng.stream(0, "b")
    )


@pytest.mark.parametrize("n", [0, 1])
def test_one_recording_has_no_interval(n):
    intervals = bootstrap_intervals(recordings(0, n=n), generator=rng.stream(0, "b"))
    assert all(math.isnan(end) for end in (intervals.f1.low, intervals.f1.high, intervals.ap.low, intervals.ap.high))


def test_draws_without_the_behavior_are_left_out():
    generator = rng.stream(0, "test")
    predictions = [recording("with", generator), recording("without", generator, prevalence=0.0)]
    intervals = bootstrap_intervals(predictions, generator=rng.stream(0, "b"))
    assert 0 < intervals.f1.low < intervals.f1.high < 1


def test_no_frame_of_the_behavior_has_no_interval():
    generator = rng.stream(0, "test")
    predictions = [recording(name, generator, prevalence=0.0) for name in "ab"]
    intervals = bootstrap_intervals(predictions, generator=rng.stream(0, "b"))
    assert math.isnan(intervals.f1.low)
    assert math.isnan(intervals.ap.high)


def test_a_model_does_not_differ_from_itself():
    predictions = recordings(1)
    difference = paired_difference(predictions, predictions, generator=rng.stream(0, "b"))
    assert difference.f1 == difference.ap == Interval(0.0, 0.0)


def test_pairing_sees_a_small_difference_between_models():
    better = recordings(1)
    chance = rng.stream(2, "test")
    worse = [
        FramePredictions(
            one.recording,
            one.states,
            np.where(chance.random(one.states.size) < 0.05, 0, one.predicted).astype(np.int8),
            one.probability + chance.normal(scale=0.3, size=one.states.size),
        )
        for one in better
    ]
    difference = paired_difference(better, worse, generator=rng.stream(0, "b"))
    alone = bootstrap_intervals(better, generator=rng.stream(0, "b"))
    assert difference.f1.low > 0
    assert difference.ap.low > 0
    assert difference.f1.high - difference.f1.low < (alone.f1.high - alone.f1.low) / 2


def test_models_scored_on_other_labels_cannot_be_paired():
    with pytest.raises(LabelError, match=r"scored on different recordings or labels.*predict both models"):
        paired_difference(recordings(1), recordings(2), generator=rng.stream(0, "b"))
    with pytest.raises(LabelError, match="different recordings"):
        paired_difference(recordings(1, n=3), recordings(1, n=4), generator=rng.stream(0, "b"))
