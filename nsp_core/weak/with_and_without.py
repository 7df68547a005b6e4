"""Whether programs are better for weak labels: asked on annotated bouts held out from all that made the labels.

Fold by fold, labeling functions, label model and program are found anew without the annotated frames of the fold, once
with weak labels and once without, and both programs are judged on these frames. Frames of the fold get no weak label
either. Folds are those of every search: whole recordings, or stretches of time where there are too few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nsp_core.evaluate.frames import FramePredictions, FrameScores, pooled_scores
from nsp_core.labels import UNLABELED
from nsp_core.search.compare import program_predictions
from nsp_core.search.development import development_folds
from nsp_core.search.synthesize import synthesize_sequences
from nsp_core.sequences import IN_NO_FOLD, LabeledSequence, only_fold
from nsp_core.weak.balance import ClassBalance
from nsp_core.weak.few_bouts import weighted_to_balance
from nsp_core.weak.weak_labels import Report, WeakLabelSettings, beside_gold, label_weakly

__all__ = ["FoldPredictions", "WithAndWithout", "count_folds", "predict_fold", "with_and_without"]


@dataclass(frozen=True, slots=True, eq=False)
class FoldPredictions:
    """What two programs say of the annotated frames of a fold that neither they nor the weak labels had seen.

    Attributes
    ----------
    without, with_weak
        Of a program learned from annotated frames alone, and from weak labels beside them; annotated frames only,
        weighted to the class balance.
    """

    without: tuple[FramePredictions, ...]
    with_weak: tuple[FramePredictions, ...]


@dataclass(frozen=True, slots=True, eq=False)
class WithAndWithout:
    """Scores on held-out annotated frames, weighted to the class balance.

    Attributes
    ----------
    without, with_weak
        Of programs learned from annotated frames alone, and from weak labels beside them.
    """

    without: FrameScores
    with_weak: FrameScores

    @property
    def helps(self) -> bool:
        """Whether F1 and average precision together are higher with weak labels."""
        return bool(self.with_weak.f1 + self.with_weak.ap > self.without.f1 + self.without.ap)


def count_folds(sequences: Sequence[LabeledSequence]) -> int:
    """Return in how many folds the annotated frames are held out.

    Raises
    ------
    LabelError
        If they lack a state, or hold too little to be divided.
    """
    return 1 + max(int(own.max(initial=-1)) for own in development_folds(sequences))


def predict_fold(
    sequences: Sequence[LabeledSequence],
    fold: int,
    balance: ClassBalance,
    *,
    seed: int,
    max_complexity: int,
    settings: WeakLabelSettings | None = None,
    report: Report = lambda progress: None,
) -> FoldPredictions:
    """Return what programs that have not seen a fold say of its annotated frames.

    Parameters
    ----------
    sequences
        Recordings of which some frames are annotated. Weights are not used.
    fold
        One of :func:`count_folds`.
    balance, seed, settings, report
        As for :func:`nsp_core.weak.weak_labels.label_weakly`.
    max_complexity
        Most feature references plus learned constants of a program.

    Raises
    ------
    LabelError
        As :func:`nsp_core.weak.weak_labels.label_weakly`, of what is left without the fold.
    """
    folds = development_folds(sequences)
    left_out = [(own == fold) | (own == IN_NO_FOLD) for own in folds]
    learned = weighted_to_balance(
        [
            replace(one, states=np.where(out, np.int8(UNLABELED), one.gold_states), weak=None)
            for one, out in zip(sequences, left_out, strict=True)
        ],
        balance.share,
    )
    # Weights of all annotated frames together: a fold alone may lack a state.
    weighted = weighted_to_balance([replace(one, weak=None) for one in sequences], balance.share)
    judged = only_fold(weighted, folds, fold)
    labels = label_weakly(learned, balance, seed=seed, settings=settings, report=report)
    predicted = []
    for own in (learned, beside_gold(learned, labels.posteriors, left_out=left_out)):
        found = synthesize_sequences(own, seed=seed, max_complexity=max_complexity, report=report)
        predicted.append(tuple(map(_annotated, program_predictions(found.best.program, judged))))
    return FoldPredictions(*predicted)


def with_and_without(folds: Sequence[FoldPredictions]) -> WithAndWithout:
    """Return the scores over the annotated frames of all ``folds``."""
    return WithAndWithout(
        pooled_scores([each for one in folds for each in one.without]),
        pooled_scores([each for one in folds for each in one.with_weak]),
    )


def _annotated(predicted: FramePredictions) -> FramePredictions:
    known = predicted.states != UNLABELED
    return replace(
        predicted,
        states=predicted.states[known],
        predicted=predicted.predicted[known],
        probability=predicted.probability[known],
        weights=None if predicted.weights is None else predicted.weights[known],
    )
