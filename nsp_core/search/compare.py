"""A program beside its baselines: same columns, same frames, same policy on abstaining, intervals over recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nsp_core import rng
from nsp_core.dsl.ast import Condition
from nsp_core.dsl.text import format_program
from nsp_core.evaluate.baselines import Table, fit_baselines
from nsp_core.evaluate.bootstrap import scores_with_intervals
from nsp_core.evaluate.frames import FramePredictions, FrameScores
from nsp_core.labels import UNLABELED
from nsp_core.search.assess import predict_sequences
from nsp_core.search.columns import Column, columns_for, every_for, gather_rows
from nsp_core.sequences import LabeledSequence

__all__ = ["Splits", "baseline_predictions", "baseline_scores", "program_predictions", "program_scores"]

Splits = Mapping[str, Sequence[LabeledSequence]]


def program_scores(program: Condition, splits: Splits, *, seed: int) -> dict[str, FrameScores]:
    """Return split -> scores of the printed program, with intervals over recordings."""
    return {split: _scored(program_predictions(program, sequences), seed, split) for split, sequences in splits.items()}


def baseline_scores(splits: Splits, *, seed: int) -> dict[str, dict[str, FrameScores]]:
    """Return baseline -> split -> scores of all baselines, fitted on ``train``, thresholds chosen on ``validation``."""
    predictions = baseline_predictions(splits, seed=seed)
    return {
        name: {split: _scored(predicted, seed, split) for split, predicted in by_split.items()}
        for name, by_split in predictions.items()
    }


def program_predictions(program: Condition, sequences: Sequence[LabeledSequence]) -> list[FramePredictions]:
    """Return what the printed program says of every labeled sequence."""
    return [
        FramePredictions(sequence.recording, sequence.states, prediction.states, prediction.probability)
        for sequence, prediction in zip(sequences, predict_sequences(program, sequences), strict=True)
    ]


def baseline_predictions(splits: Splits, *, seed: int) -> dict[str, dict[str, list[FramePredictions]]]:
    """Return baseline -> split -> what it says of the labeled frames of every sequence.

    Baselines see the columns a program may threshold, save those that depend on which animal is called agent where the
    behavior has no order.
    """
    columns = [column for column in columns_for(splits["train"]) if not column.oriented]
    fitted = fit_baselines(
        _table(splits["train"], columns, every_for(splits["train"])),
        _table(splits["validation"], columns, 1) if splits.get("validation") else None,
        seed=seed,
    )
    predictions: dict[str, dict[str, list[FramePredictions]]] = {name: {} for name in fitted}
    for split, sequences in splits.items():
        # Thousands of short sequences are predicted in one go: every learner has a cost per call.
        table = _table(sequences, columns, 1)
        n_labeled = [int((sequence.states != UNLABELED).sum()) for sequence in sequences]
        starts = np.cumsum(n_labeled)[:-1]
        for name, baseline in fitted.items():
            per_sequence = zip(
                sequences,
                *(np.split(part, starts) for part in (table.states, *baseline.predict(table.columns))),
                strict=True,
            )
            predictions[name][split] = [
                FramePredictions(sequence.recording, *parts) for sequence, *parts in per_sequence
            ]
    return predictions


def _scored(predictions: Sequence[FramePredictions], seed: int, split: str) -> FrameScores:
    # One stream per split, whatever the model: all models are judged on the same draws of recordings.
    return scores_with_intervals(predictions, generator=rng.stream(seed, "bootstrap", split))


def _table(sequences: Sequence[LabeledSequence], columns: Sequence[Column], every: int) -> Table:
    rows = gather_rows(sequences, columns, every=every)
    return Table(rows.values, rows.states, tuple(format_program(column.number) for column in columns))
