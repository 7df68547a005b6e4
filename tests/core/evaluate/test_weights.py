"""A weighted frame counts as so many frames: all scores are those of the frames repeated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nsp_core import rng
from nsp_core.evaluate.bootstrap import bootstrap_intervals
from nsp_core.evaluate.frames import FramePredictions, pooled_scores
from nsp_core.evaluate.ranking import average_precision, best_f1_threshold

UNTIMED = settings(deadline=None)  # a busy machine is no failure


@st.composite
def weighted(draw, recording="a"):
    n = draw(st.integers(2, 30))
    states = draw(npst.arrays(np.int8, n, elements=st.integers(-1, 1)))
    states[0] = 1
    predicted = draw(npst.arrays(np.int8, n, elements=st.integers(-1, 1)))
    probability = draw(npst.arrays(np.int8, n, elements=st.integers(0, 9))).astype(np.float32) / 9
    weights = draw(npst.arrays(np.int8, n, elements=st.integers(1, 3))).astype(np.float32)
    return FramePredictions(recording, states, predicted, probability, weights)


def repeated(one):
    times = one.weights.astype(int)
    return FramePredictions(
        one.recording, *(np.repeat(part, times) for part in (one.states, one.predicted, one.probability))
    )


@UNTIMED
@given(weighted())
def test_scores_are_those_of_frames_repeated(one):
    by_weight, by_frame = pooled_scores([one]), pooled_scores([repeated(one)])
    for name in ("f1", "ap", "precision", "recall", "coverage", "covered_f1", "n_pos", "n"):
        assert getattr(by_weight, name) == pytest.approx(getattr(by_frame, name), nan_ok=True), name


@UNTIMED
@given(weighted())
def test_the_best_cut_is_that_of_frames_repeated(one):
    twice = repeated(one)
    assert best_f1_threshold(one.states, one.rank_scores, one.weights) == pytest.approx(
        best_f1_threshold(twice.states, twice.rank_scores), nan_ok=True
    )


@settings(deadline=None, max_examples=25)
@given(weighted("a"), weighted("b"))
def test_intervals_are_those_of_frames_repeated(first, second):
    by_weight, by_frame = (
        bootstrap_intervals(both, generator=rng.stream(0, "draws"), n_resamples=50)
        for both in ((first, second), (repeated(first), repeated(second)))
    )
    for name in ("f1", "ap"):
        ours, theirs = getattr(by_weight, name), getattr(by_frame, name)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), nan_ok=True)


@UNTIMED
@given(weighted(), st.floats(0.01, 100))
def test_only_the_ratio_of_weights_matters(one, factor):
    scaled = (one.weights * np.float32(factor)).astype(np.float32)
    assert average_precision(one.states, one.rank_scores, scaled) == pytest.approx(
        average_precision(one.states, one.rank_scores, one.weights), rel=1e-5
    )


def test_a_recording_without_weights_counts_its_frames():
    states, predicted = np.array([1, 0], dtype=np.int8), np.array([1, 1], dtype=np.int8)
    plain = FramePredictions("a", states, predicted, np.array([0.9, 0.8]))
    heavy = FramePredictions("b", states, predicted, np.array([0.9, 0.8]), np.array([3, 1], dtype=np.float32))
    assert (pooled_scores([plain, heavy]).n_pos, pooled_scores([plain, heavy]).n) == (4, 6)
