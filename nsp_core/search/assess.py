"""Scores of a program over sequences, by the exact rule (F1) and its smooth degree (average precision)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.ast import Condition
from nsp_core.dsl.semantics import Prediction, predict
from nsp_core.evaluate.frames import FrameScores, score_frames
from nsp_core.sequences import LabeledSequence

__all__ = ["predict_sequences", "score_predictions", "score_program", "soft_f1"]


def predict_sequences(program: Condition, sequences: Sequence[LabeledSequence]) -> list[Prediction]:
    """Return the prediction of ``program`` for each sequence, in their order.

    Sequences of one length and frame rate are evaluated together: thousands of short windows cost as much as one
    recording of their summed length.
    """
    predictions: dict[int, Prediction] = {}
    for indices in _batches(sequences):
        batch = [sequences[index] for index in indices]
        together = predict(program, partial(_stacked, batch), batch[0].fps)
        for place, index in enumerate(indices):
            predictions[index] = Prediction(together.states[:, place], together.probability[:, place])
    return [predictions[index] for index in range(len(sequences))]


def score_program(program: Condition, sequences: Sequence[LabeledSequence]) -> FrameScores:
    """Return the scores of ``program`` over the labeled frames of all ``sequences`` together."""
    return score_predictions(predict_sequences(program, sequences), sequences)


def score_predictions(predictions: Sequence[Prediction], sequences: Sequence[LabeledSequence]) -> FrameScores:
    """Return the scores of ``predictions`` over the labeled frames of all ``sequences`` together."""
    return score_frames(
        np.concatenate([sequence.states for sequence in sequences]),
        np.concatenate([prediction.states for prediction in predictions]),
        np.concatenate([prediction.probability for prediction in predictions]),
    )


def soft_f1(program: Condition, sequences: Sequence[LabeledSequence]) -> float:
    """Return the F1 of the smooth semantics cut at one half: minus the exact F1 it is the discretization gap."""
    predictions = predict_sequences(program, sequences)
    # NaN, where the program abstains, is not above one half: a miss, as in every headline score.
    cut = [(prediction.probability > 0.5).astype(np.int8) for prediction in predictions]
    soft = [Prediction(states, p.probability) for states, p in zip(cut, predictions, strict=True)]
    return score_predictions(soft, sequences).f1


def _stacked(batch: Sequence[LabeledSequence], name: str) -> NDArray[np.float32]:
    return np.stack([sequence.column(name) for sequence in batch], axis=1)


def _batches(sequences: Sequence[LabeledSequence], max_frames: int = 2_000_000) -> Iterator[list[int]]:
    alike: dict[tuple[int, float | None], list[int]] = {}
    for index, sequence in enumerate(sequences):
        alike.setdefault((len(sequence.states), sequence.fps), []).append(index)
    for (n_frames, _), indices in alike.items():
        at_once = max(1, max_frames // max(n_frames, 1))
        for start in range(0, len(indices), at_once):
            yield indices[start : start + at_once]
