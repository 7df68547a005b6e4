"""Scores by rank: average precision, and the cut with the best F1.

Weighted frames count as much as they weigh; NaN scores rank below everything, as one tied group.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsp_core.labels import ABSENT, PRESENT

__all__ = ["average_precision", "best_f1_threshold", "f1_from_counts"]

_Counts = NDArray[np.integer] | NDArray[np.floating] | float


def f1_from_counts(tp: _Counts, fp: _Counts, missed: _Counts) -> NDArray[np.float64]:
    """Return ``2 tp / (2 tp + fp + missed)``, element by element; NaN where ``tp + missed`` is 0."""
    twice_found, n_pos = np.multiply(tp, 2.0), np.add(tp, missed, dtype=np.float64)
    every = twice_found + fp + missed
    f1 = twice_found / np.where(every > 0, every, 1.0)
    return np.where(n_pos > 0, f1, np.nan)


def average_precision(
    states: NDArray[np.int8], scores: NDArray[np.floating], weights: NDArray[np.float32] | None = None
) -> float:
    """Return the average precision of ``scores`` (time,), NaN ranking last, over the labeled frames.

    The step-wise sum of precision over the steps of recall, tied scores forming one step; it equals the mean, over the
    frames of the behavior, of the precision at that frame's own score. NaN without the behavior.

    References
    ----------
    Interpolation-free definition as in scikit-learn's ``average_precision_score``.

    Examples
    --------
    >>> round(average_precision(np.array([1, 0, 1]), np.array([0.9, 0.8, 0.7])), 4)
    0.8333
    """
    positive, negative = _ranked(states, scores, weights, PRESENT), _ranked(states, scores, weights, ABSENT)
    if positive.total == 0:
        return math.nan
    # Frames ranked at or above each scored frame of the behavior, of either class.
    found, false = positive.at_or_above(positive.scores), negative.at_or_above(positive.scores)
    ranked_last = positive.unscored * positive.total / (positive.total + negative.total)
    return float((np.sum(positive.weights * (found / (found + false))) + ranked_last) / positive.total)


def best_f1_threshold(
    states: NDArray[np.int8], scores: NDArray[np.floating], weights: NDArray[np.float32] | None = None
) -> tuple[float, float]:
    """Return the threshold with the best F1 of ``scores >= threshold`` over the labeled frames, and that F1.

    Exact: the best threshold is always the score of a frame of the behavior, and all of them are tried. Frames with a
    NaN score are abstained, hence missed. Of equally good thresholds, the highest. Without a scored frame of the
    behavior the threshold is NaN, which no score reaches.

    Examples
    --------
    >>> best_f1_threshold(np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.7, 0.1]))
    (0.7, 0.8)
    """
    positive, negative = _ranked(states, scores, weights, PRESENT), _ranked(states, scores, weights, ABSENT)
    if positive.scores.size == 0:
        return math.nan, 0.0 if positive.total else math.nan
    found, false = positive.at_or_above(positive.scores), negative.at_or_above(positive.scores)
    f1 = f1_from_counts(found, false, positive.total - found)
    best = f1.size - 1 - int(np.argmax(f1[::-1]))
    return float(positive.scores[best]), float(f1[best])


@dataclass(frozen=True, slots=True, eq=False)
class _Ranked:
    """Frames of one class by ascending score.

    Attributes
    ----------
    scores, weights
        Shape (frame,): scored frames, and how many frames each stands for.
    at_least
        Shape (frame + 1,): the weight from each frame on; the last one is 0.
    unscored
        The weight of the frames without a score.
    """

    scores: NDArray[np.floating]
    weights: NDArray[np.floating]
    at_least: NDArray[np.float64]
    unscored: float

    @property
    def total(self) -> float:
        return float(self.at_least[0]) + self.unscored

    def at_or_above(self, thresholds: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the weight (threshold,) of the frames that score ``thresholds`` or more."""
        return self.at_least[np.searchsorted(self.scores, thresholds, side="left")]


def _ranked(
    states: NDArray[np.int8], scores: NDArray[np.floating], weights: NDArray[np.float32] | None, state: int
) -> _Ranked:
    own = scores[states == state]
    scored = ~np.isnan(own)
    if weights is None:
        ascending = np.sort(own[scored])
        return _Ranked(
            ascending, np.ones(ascending.size), np.arange(ascending.size, -1.0, -1.0), own.size - scored.sum()
        )
    weight = weights[states == state].astype(np.float64)
    order = np.argsort(own[scored], kind="stable")
    ordered = weight[scored][order]
    at_least = np.append(np.cumsum(ordered[::-1])[::-1], 0.0)
    return _Ranked(own[scored][order], ordered, at_least, float(weight[~scored].sum()))
