"""Positive-class scores per frame: F1, average precision, precision, recall and coverage.

Policy, the same for programs and baselines:

- Unlabeled frames (state -1) are left out everywhere.
- Abstaining is not free. An abstained frame with the behavior is a miss (a false negative) in the headline F1 and in
  recall; an abstained frame without it is no false positive. ``covered_f1`` counts only the frames with a decision and
  ``coverage`` says how many these are.
- In average precision, abstained frames rank below all others, as one tied group.
- Without a single labeled frame of the behavior no score exists: F1, average precision, precision and recall are NaN.

Scores of several recordings are *pooled*: counts are summed before they are divided, so that a recording weighs as much
as it has labeled frames. Scores are never averaged over recordings, some of which have no frame of the behavior.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsp_core.errors import LabelError
from nsp_core.evaluate.ranking import average_precision, f1_from_counts
from nsp_core.labels import ABSENT, PRESENT, UNLABELED

__all__ = [
    "ABSTAINED",
    "FrameCounts",
    "FramePredictions",
    "FrameScores",
    "ScoreTable",
    "as_json",
    "count_frames",
    "pooled_scores",
    "score_frames",
    "weights_or_ones",
]

ABSTAINED = -1


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """Labeled frames by state and decision; counts of several recordings add up.

    Attributes
    ----------
    tp, fp, fn, tn
        Frames with a decision, by label and decision; weighted frames count as much as they weigh.
    abstained_pos, abstained_neg
        Frames without a decision, with and without the behavior.

    Examples
    --------
    >>> (FrameCounts(tp=3, fn=1) + FrameCounts(tp=1, abstained_pos=1)).recall
    0.6666666666666666
    """

    tp: float = 0
    fp: float = 0
    fn: float = 0
    tn: float = 0
    abstained_pos: float = 0
    abstained_neg: float = 0

    def __add__(self, other: FrameCounts) -> FrameCounts:
        return FrameCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def n_pos(self) -> float:
        """Labeled frames with the behavior."""
        return self.tp + self.fn + self.abstained_pos

    @property
    def n(self) -> float:
        """Labeled frames."""
        return self.n_covered + self.abstained_pos + self.abstained_neg

    @property
    def n_covered(self) -> float:
        """Labeled frames with a decision."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def f1(self) -> float:
        """F1 with abstained frames of the behavior as misses; 0 if nothing is found, NaN without the behavior."""
        return float(f1_from_counts(self.tp, self.fp, self.fn + self.abstained_pos))

    @property
    def covered_f1(self) -> float:
        """F1 over the frames with a decision; NaN if none of them has the behavior."""
        return float(f1_from_counts(self.tp, self.fp, self.fn))

    @property
    def precision(self) -> float:
        """Share of the frames called positive that are; 0 if none is called so, NaN without the behavior."""
        if self.n_pos == 0:
            return math.nan
        claimed = self.tp + self.fp
        return self.tp / claimed if claimed else 0.0

    @property
    def recall(self) -> float:
        """Share of the frames with the behavior that are called positive; NaN without the behavior."""
        return self.tp / self.n_pos if self.n_pos else math.nan

    @property
    def coverage(self) -> float:
        """Share of the labeled frames with a decision; NaN without labeled frames."""
        return self.n_covered / self.n if self.n else math.nan


@dataclass(frozen=True, slots=True)
class FrameScores:
    """Scores over the labeled frames of one or several recordings.

    Attributes
    ----------
    f1, precision, recall
        Of the positive class, 0 to 1, abstained frames of the behavior being misses. NaN without the behavior.
    ap
        Average precision, 0 to 1. NaN without the behavior. A constant score reaches the share ``n_pos / n``.
    coverage
        Share of the labeled frames with a decision.
    covered_f1
        F1 over the frames with a decision only.
    n_pos, n
        Labeled frames with the behavior, and all labeled frames, as they were weighted.
    f1_low, f1_high, ap_low, ap_high
        Interval over recordings (see :mod:`nsp_core.evaluate.bootstrap`); NaN where none was computed.
    """

    f1: float
    ap: float
    precision: float
    recall: float
    coverage: float
    covered_f1: float
    n_pos: float
    n: float
    f1_low: float = math.nan
    f1_high: float = math.nan
    ap_low: float = math.nan
    ap_high: float = math.nan


@dataclass(frozen=True, slots=True, eq=False)
class FramePredictions:
    """What was labeled and what was predicted in one sequence (an animal or dyad) of a recording.

    Attributes
    ----------
    recording
        The unit that intervals resample. Sequences of one recording carry one name; use the name of the individual or
        cage instead where those are what differs between studies.
    states
        Shape (time,): 1 present, 0 absent, -1 unlabeled.
    predicted
        Shape (time,): 1, 0, or -1 where the model abstains.
    probability
        Shape (time,), any increasing score; NaN where the model abstains.
    weights
        Shape (time,), how many frames each labeled frame stands for; None: one each.

    Raises
    ------
    LabelError
        If these differ in length, or states or decisions have other values.
    """

    recording: str
    states: NDArray[np.int8]
    predicted: NDArray[np.int8]
    probability: NDArray[np.floating]
    weights: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        lengths = {np.shape(self.states), np.shape(self.predicted), np.shape(self.probability)}
        lengths |= set() if self.weights is None else {np.shape(self.weights)}
        if len(lengths) > 1 or np.ndim(self.states) != 1:
            raise LabelError(
                found=f"states {np.shape(self.states)}, decisions {np.shape(self.predicted)} and "
                f"probabilities {np.shape(self.probability)}",
                expected="series (time,) of one length",
                where=self.recording,
                remedy="score the frames the program was run on",
            )
        for values, name in ((self.states, "states"), (self.predicted, "decisions")):
            if not ((values == PRESENT) | (values == ABSENT) | (values == UNLABELED)).all():
                raise LabelError(
                    found=f"{name} {np.unique(values).tolist()[:6]}",
                    expected="1, 0 or -1",
                    where=self.recording,
                    remedy="recode them: 1 present, 0 absent, -1 unlabeled or abstained",
                )

    @property
    def rank_scores(self) -> NDArray[np.floating]:
        """Scores (time,) for ranking: the probability, NaN also where the decision is to abstain."""
        return np.where(self.predicted == ABSTAINED, np.nan, self.probability)


ScoreTable = Mapping[str, Mapping[str, FrameScores]]
"""Model -> split -> scores."""


def score_frames(
    states: NDArray[np.int8],
    predicted: NDArray[np.int8],
    probability: NDArray[np.floating],
    weights: NDArray[np.float32] | None = None,
) -> FrameScores:
    """Return the scores of one series of decisions.

    Parameters
    ----------
    states
        Shape (time,): 1 present, 0 absent, -1 unlabeled.
    predicted
        Shape (time,): 1, 0, or -1 where the model abstains.
    probability
        Shape (time,), any increasing score. NaN ranks below everything, also where a decision was made.
    weights
        Shape (time,), how many frames each labeled frame stands for; None: one each.

    Raises
    ------
    LabelError
        If these differ in length, or states or decisions have other values.

    Examples
    --------
    Two of three frames of the behavior are found; the third is missed because the model abstains.

    >>> scores = score_frames(
    ...     np.array([1, 1, 1, 0, -1]), np.array([1, 1, -1, 0, 1]), np.array([0.9, 0.8, np.nan, 0.1, 0.9])
    ... )
    >>> scores.f1, scores.covered_f1, scores.coverage
    (0.8, 1.0, 0.75)
    """
    return pooled_scores([FramePredictions("frames", states, predicted, probability, weights)])


def pooled_scores(predictions: Sequence[FramePredictions]) -> FrameScores:
    """Return the scores over the labeled frames of all ``predictions`` together."""
    counts = sum((count_frames(one.states, one.predicted, one.weights) for one in predictions), FrameCounts())
    states = [one.states for one in predictions]
    scores = [one.rank_scores for one in predictions]
    weights = None
    if any(one.weights is not None for one in predictions):
        weights = np.concatenate([weights_or_ones(one.weights, one.states.size) for one in predictions])
    return FrameScores(
        f1=counts.f1,
        ap=average_precision(np.concatenate(states), np.concatenate(scores), weights) if predictions else math.nan,
        precision=counts.precision,
        recall=counts.recall,
        coverage=counts.coverage,
        covered_f1=counts.covered_f1,
        n_pos=counts.n_pos,
        n=counts.n,
    )


def weights_or_ones(weights: NDArray[np.float32] | None, n_frames: int) -> NDArray[np.float32]:
    """Return ``weights``, or (time,) ones where there are none."""
    return np.ones(n_frames, dtype=np.float32) if weights is None else weights


def count_frames(
    states: NDArray[np.int8], predicted: NDArray[np.int8], weights: NDArray[np.float32] | None = None
) -> FrameCounts:
    """Return the counts of one series (time,) of states and decisions, weighted if asked, unlabeled frames left out."""
    code = (states.astype(np.int64) + 1) * 3 + (predicted.astype(np.int64) + 1)
    counts = np.bincount(code, weights=weights, minlength=9).reshape(3, 3).tolist()
    _, (abstained_neg, tn, fp), (abstained_pos, fn, tp) = counts
    return FrameCounts(tp, fp, fn, tn, abstained_pos, abstained_neg)


def as_json(table: ScoreTable, *, seed: int) -> dict[str, dict[str, dict[str, float | int | None]]]:
    """Return ``table`` as plain JSON values: model -> split -> the fields of :class:`FrameScores` and ``seed``.

    NaN, which JSON does not know, becomes None.
    """
    return {
        model: {
            split: {**{f.name: _plain(getattr(scores, f.name)) for f in fields(scores)}, "seed": seed}
            for split, scores in splits.items()
        }
        for model, splits in table.items()
    }


def _plain(value: Any) -> float | int | None:
    return None if isinstance(value, float) and math.isnan(value) else value
