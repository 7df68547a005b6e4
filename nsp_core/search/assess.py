"""Scores of a program over sequences, by the exact rule (F1) and its smooth degree (average precision)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.ast import Condition
from nsp_core.dsl.semantics import Memo, Prediction, predict
from nsp_core.evaluate.frames import FrameScores, score_frames, weights_or_ones
from nsp_core.sequences import LabeledSequence, batches_of_one_length

__all__ = ["ProgramScorer", "predict_sequences", "score_program"]


@dataclass(frozen=True, slots=True)
class ProgramScorer:
    """Scores many related programs over the same sequences; what their parts have in common is computed once.

    Attributes
    ----------
    sequences
        What programs are scored on.
    memos
        Values of sub-programs, by batch of sequences.
    """

    sequences: Sequence[LabeledSequence]
    memos: dict[int, Memo] = field(default_factory=dict)

    def predict(self, program: Condition) -> list[Prediction]:
        """Return the prediction of ``program`` for each sequence, in their order."""
        predictions: dict[int, Prediction] = {}
        for indices in batches_of_one_length(self.sequences):
            batch = [self.sequences[index] for index in indices]
            memo = self.memos.setdefault(indices[0], Memo())
            together = predict(program, partial(_stacked, batch), batch[0].fps, memo)
            for place, index in enumerate(indices):
                predictions[index] = Prediction(together.states[:, place], together.probability[:, place])
        return [predictions[index] for index in range(len(self.sequences))]

    def score(self, program: Condition) -> FrameScores:
        """Return the scores of ``program`` over the labeled frames of all sequences together."""
        return _score(self.predict(program), self.sequences)

    def soft_f1(self, program: Condition) -> float:
        """Return the F1 of the smooth semantics cut at one half: minus the exact F1 it is the discretization gap."""
        # NaN, where the program abstains, is not above one half: a miss, as in every headline score.
        soft = [
            Prediction((prediction.probability > 0.5).astype(np.int8), prediction.probability)
            for prediction in self.predict(program)
        ]
        return _score(soft, self.sequences).f1

    def forget_truths(self) -> None:
        """Drop the truth of sub-programs; averaged features, which the next programs will ask for again, stay."""
        for memo in self.memos.values():
            memo.truths.clear()


def predict_sequences(program: Condition, sequences: Sequence[LabeledSequence]) -> list[Prediction]:
    """Return the prediction of ``program`` for each sequence, in their order.

    Sequences of one length and frame rate are evaluated together: thousands of short windows cost as much as one
    recording of their summed length.
    """
    return ProgramScorer(sequences).predict(program)


def score_program(program: Condition, sequences: Sequence[LabeledSequence]) -> FrameScores:
    """Return the scores of ``program`` over the labeled frames of all ``sequences`` together."""
    return ProgramScorer(sequences).score(program)


def _score(predictions: Sequence[Prediction], sequences: Sequence[LabeledSequence]) -> FrameScores:
    weights = None
    if any(sequence.weights is not None for sequence in sequences):
        weights = np.concatenate([weights_or_ones(one.weights, one.states.size) for one in sequences])
    return score_frames(
        np.concatenate([sequence.states for sequence in sequences]),
        np.concatenate([prediction.states for prediction in predictions]),
        np.concatenate([prediction.probability for prediction in predictions]),
        weights,
    )


def _stacked(batch: Sequence[LabeledSequence], name: str) -> NDArray[np.float32]:
    return np.stack([sequence.column(name) for sequence in batch], axis=1)
