"""Intervals of F1 and average precision over recordings.

Frames of one recording resemble each other, so an interval over frames would be far too narrow. Whole recordings (or
individuals, or cages: whatever :attr:`FramePredictions.recording` names) are drawn with replacement, pooled and scored;
the interval is the central 95 % of these scores. Differences of two models are taken on the same draws.

With one recording there is nothing to draw from: every interval is (NaN, NaN). With two or three an interval is
returned but says little. Draws without a frame of the behavior have no score and are left out.

References
----------
Efron, B. & Tibshirani, R. (1993). An Introduction to the Bootstrap, section 13.3 (percentile interval).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nsp_core.errors import LabelError
from nsp_core.evaluate.frames import FramePredictions, FrameScores, count_frames, pooled_scores, weights_or_ones
from nsp_core.evaluate.ranking import f1_from_counts
from nsp_core.labels import PRESENT, UNLABELED

__all__ = [
    "Interval",
    "ScoreIntervals",
    "bootstrap_intervals",
    "merit_of_draws",
    "paired_difference",
    "scores_with_intervals",
]

N_RESAMPLES = 1000
CONFIDENCE_PERCENT = 95
MAX_SCORE_STEPS = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """Lower and upper end of a 95 % interval; both NaN where there is none."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ScoreIntervals:
    """Intervals of F1 and average precision, or of their differences."""

    f1: Interval
    ap: Interval


def bootstrap_intervals(
    predictions: Sequence[FramePredictions], *, generator: np.random.Generator, n_resamples: int = N_RESAMPLES
) -> ScoreIntervals:
    """Return 95 % intervals of the pooled F1 and average precision over recordings.

    Parameters
    ----------
    predictions
        One per sequence; sequences of one recording are drawn together. Recordings without a labeled frame are left
        out.
    generator
        Draws the recordings.
    n_resamples
        Number of draws.

    Notes
    -----
    Average precision is exact up to 2,000 distinct scores of frames with the behavior; beyond that these scores are
    joined into 2,000 steps of equal size, an error below .001.
    """
    recordings = _recordings(predictions)
    draws = _draw(len(recordings), generator, n_resamples)
    return ScoreIntervals(
        _interval(_f1_of_draws(predictions, recordings, draws)),
        _interval(_ap_of_draws(predictions, recordings, draws)),
    )


def merit_of_draws(
    predictions: Sequence[FramePredictions], *, generator: np.random.Generator, n_resamples: int = N_RESAMPLES
) -> NDArray[np.float64]:
    """Return the mean of F1 and average precision on each draw of recordings, shape (resample,).

    The same generator state gives the same draws, whatever the model: differences of two models are paired. Empty where
    there are fewer than two recordings; NaN on a draw without a frame of the behavior.
    """
    recordings = _recordings(predictions)
    draws = _draw(len(recordings), generator, n_resamples)
    return (_f1_of_draws(predictions, recordings, draws) + _ap_of_draws(predictions, recordings, draws)) / 2


def scores_with_intervals(
    predictions: Sequence[FramePredictions], *, generator: np.random.Generator, n_resamples: int = N_RESAMPLES
) -> FrameScores:
    """Return the pooled scores with their intervals over recordings (see :func:`bootstrap_intervals`) filled in."""
    intervals = bootstrap_intervals(predictions, generator=generator, n_resamples=n_resamples)
    return replace(
        pooled_scores(predictions),
        f1_low=intervals.f1.low,
        f1_high=intervals.f1.high,
        ap_low=intervals.ap.low,
        ap_high=intervals.ap.high,
    )


def paired_difference(
    first: Sequence[FramePredictions],
    second: Sequence[FramePredictions],
    *,
    generator: np.random.Generator,
    n_resamples: int = N_RESAMPLES,
) -> ScoreIntervals:
    """Return 95 % intervals of the scores of ``first`` minus those of ``second``, both on the same draws of recordings.

    Parameters
    ----------
    first, second
        Two models (say, program and baseline) on the same sequences, in the same order.
    generator
        Draws the recordings.
    n_resamples
        Number of draws.

    Raises
    ------
    LabelError
        If the two were not scored on the same labels.
    """
    same = len(first) == len(second) and all(
        a.recording == b.recording and np.array_equal(a.states, b.states) for a, b in zip(first, second, strict=True)
    )
    if not same:
        raise LabelError(
            found="two models scored on different recordings or labels",
            expected="the same sequences in the same order",
            where="paired difference",
            remedy="predict both models on the same sequences",
        )
    recordings = _recordings(first)
    draws = _draw(len(recordings), generator, n_resamples)
    f1, ap = (
        score(first, recordings, draws) - score(second, recordings, draws) for score in (_f1_of_draws, _ap_of_draws)
    )
    return ScoreIntervals(_interval(f1), _interval(ap))


def _recordings(predictions: Sequence[FramePredictions]) -> dict[str, int]:
    """Return recording -> row; sorted, so that the order of the input does not change the draws."""
    names = sorted({one.recording for one in predictions if (one.states != UNLABELED).any()})
    return {name: row for row, name in enumerate(names)}


def _draw(n_recordings: int, generator: np.random.Generator, n_resamples: int) -> NDArray[np.float64]:
    """Return how often each recording is drawn, (resample, recording); no resamples where there is nothing to draw."""
    if n_recordings < 2:
        return np.zeros((0, n_recordings))
    equal = np.full(n_recordings, 1 / n_recordings)
    return generator.multinomial(n_recordings, equal, size=n_resamples).astype(np.float64)


def _f1_of_draws(
    predictions: Sequence[FramePredictions], recordings: dict[str, int], draws: NDArray[np.float64]
) -> NDArray[np.float64]:
    counts = np.zeros((len(recordings), 3))
    for one in predictions:
        if one.recording in recordings:
            count = count_frames(one.states, one.predicted, one.weights)
            counts[recordings[one.recording]] += (count.tp, count.fp, count.fn + count.abstained_pos)
    tp, fp, missed = (draws @ counts).T
    return f1_from_counts(tp, fp, missed)


def _ap_of_draws(
    predictions: Sequence[FramePredictions], recordings: dict[str, int], draws: NDArray[np.float64]
) -> NDArray[np.float64]:
    # Precision only matters at the scores of frames with the behavior, so these are the only steps needed.
    steps = _score_steps(predictions)
    n_steps = steps.size + 1  # the first one holds what lies below all of them, abstained frames among it
    positive = np.zeros((len(recordings), n_steps))
    every = np.zeros_like(positive)
    for one in predictions:
        if one.recording in recordings:
            step = _step_of(one, steps)
            row = recordings[one.recording]
            weights = weights_or_ones(one.weights, one.states.size)
            for counted, frames in ((positive, one.states == PRESENT), (every, one.states != UNLABELED)):
                counted[row] += np.bincount(step[frames], weights=weights[frames], minlength=n_steps)
    positive_drawn, every_drawn = draws @ positive[:, ::-1], draws @ every[:, ::-1]
    claimed, n_pos = np.cumsum(every_drawn, axis=1), positive_drawn.sum(axis=1)
    precision = np.cumsum(positive_drawn, axis=1) / np.where(claimed > 0, claimed, 1)
    return np.where(n_pos > 0, (precision * positive_drawn).sum(axis=1) / np.where(n_pos > 0, n_pos, 1), np.nan)


def _score_steps(predictions: Sequence[FramePredictions]) -> NDArray[np.floating]:
    """Return ascending scores of frames with the behavior: all distinct ones, or evenly spaced ranks of them."""
    scores = np.concatenate([np.zeros(0), *(one.rank_scores[one.states == PRESENT] for one in predictions)])
    ascending = np.sort(scores[~np.isnan(scores)])
    distinct = np.unique(ascending)
    if distinct.size <= MAX_SCORE_STEPS:
        return distinct
    ranks = np.linspace(0, ascending.size - 1, MAX_SCORE_STEPS).round().astype(np.int64)
    return np.unique(ascending[ranks])


def _step_of(one: FramePredictions, steps: NDArray[np.floating]) -> NDArray[np.int64]:
    scores = one.rank_scores
    return np.where(np.isnan(scores), 0, np.searchsorted(steps, scores, side="right"))


def _interval(scores: NDArray[np.float64]) -> Interval:
    scored = scores[~np.isnan(scores)]
    if scored.size == 0:
        return Interval(math.nan, math.nan)
    tail = (100 - CONFIDENCE_PERCENT) / 2
    low, high = np.percentile(scored, [tail, 100 - tail])
    return Interval(float(low), float(high))
