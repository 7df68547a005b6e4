"""A committee of labeling functions as a learner: what is found from the labels so far, and what it scores.

The committee's probability is the mean degree of its functions. It calls as many frames present as the behavior's share
of all frames says, so that its decisions hang on neither the annotated frames' own share nor a threshold that was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nsp_core.errors import LabelError
from nsp_core.evaluate.frames import FramePredictions, pooled_scores
from nsp_core.search.assess import ProgramScorer
from nsp_core.sequences import LabeledSequence
from nsp_core.weak.annotator_cost import Learned
from nsp_core.weak.few_bouts import weighted_to_balance
from nsp_core.weak.labeling import LabelingFunction, LabelingSettings, find_labeling_functions

__all__ = ["CommitteeLearner", "committee_degrees"]

Degrees = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CommitteeLearner:
    """Finds labeling functions from the labels it is shown.

    Attributes
    ----------
    judged
        Fully labeled recordings that it is scored on and never learns from.
    share
        Share of all frames in which the behavior is present, above 0 and below 1.
    seed
        Drives the sampling of rows.
    settings
        How functions are found.
    """

    judged: Sequence[LabeledSequence]
    share: float
    seed: int
    settings: LabelingSettings = field(default_factory=LabelingSettings)

    def __call__(self, shown: Sequence[LabeledSequence]) -> Learned:
        """Return what the committee says of ``shown``, and its scores on the judged recordings.

        Where the labels are too few to find functions, nothing is known of any frame and the scores are 0.
        """
        try:
            found = find_labeling_functions(
                weighted_to_balance(shown, self.share), self.share, seed=self.seed, settings=self.settings
            )
        except LabelError:
            return Learned(tuple(np.zeros((one.states.size, 0), dtype=np.float32) for one in shown), 0.0, 0.0)
        probability = committee_degrees(found.functions, shown)
        means = [_mean(one) for one in probability]
        cut = float(np.quantile(np.concatenate(means), 1 - self.share))
        predicted = []
        for one, own in zip(self.judged, committee_degrees(found.functions, self.judged), strict=True):
            mean = _mean(own)
            predicted.append(FramePredictions(one.recording, one.gold_states, (mean > cut).astype(np.int8), mean))
        scores = pooled_scores(predicted)
        return Learned(tuple(probability), float(scores.f1), float(scores.ap))


def committee_degrees(functions: Sequence[LabelingFunction], sequences: Sequence[LabeledSequence]) -> list[Degrees]:
    """Return the degrees (time, function) of ``functions`` on each sequence, NaN where a program abstains."""
    scorer = ProgramScorer([replace(one, weights=None) for one in sequences])
    by_function: list[list[Degrees]] = [[] for _ in sequences]
    for function in functions:
        for own, prediction in zip(by_function, scorer.predict(function.program), strict=True):
            own.append(prediction.probability)
        scorer.forget_truths()
    return [
        np.stack(own, axis=1) if own else np.zeros((one.states.size, 0), dtype=np.float32)
        for own, one in zip(by_function, sequences, strict=True)
    ]


def _mean(degrees: Degrees) -> Degrees:
    """Return the mean (time,) over functions; a function that abstains says neither yes nor no."""
    return np.asarray(np.where(np.isnan(degrees), np.float32(0.5), degrees).mean(axis=1), dtype=np.float32)
