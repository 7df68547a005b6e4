"""A program beside its baselines: same columns, same frames, same policy on abstaining, intervals over recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nsp_core import rng
from nsp_core.dsl.ast import Condition
from nsp_core.dsl.text import format_program
from nsp_core.evaluate.baselines import Table, fit_baselines
from nsp_core.evaluate.bootstrap import scores_with_intervals
from nsp_core.evaluate.frames import FramePredictions, FrameScores
from nsp_core.search.assess import predict_sequences
from nsp_core.search.columns import Column, columns_for, every_for, gather_rows
from nsp_core.sequences import LabeledSequence

__all__ = ["Splits", "baseline_scores", "program_scores"]

Splits = Mapping[str, Sequence[LabeledSequence]]


def program_scores(program: Condition, splits: Splits, *, seed: int) -> dict[str, FrameScores]:
    """Return split -> scores of the printed program, with intervals over recordings."""
    scores = {}
    for split, sequences in splits.items():
        predictions = [
            FramePredictions(sequence.recording, sequence.states, prediction.states, prediction.probability)
            for sequence, prediction in zip(sequences, predict_sequences(program, sequences), strict=True)
        ]
        scores[split] = _scored(predictions, seed, split)
    return scores


def baseline_scores(splits: Splits, *, seed: int) -> dict[str, dict[str, FrameScores]]:
    """Return baseline -> split -> scores of all baselines, fitted on ``train``, thresholds chosen on ``validation``.

    Baselines see the columns a program may threshold, save those that depend on which animal is called agent where the
    behavior has no order.
    """
    columns = [column for column in columns_for(splits["train"]) if not column.oriented]
    every = every_for(splits["train"])
    fitted = fit_baselines(
        _table(splits["train"], columns, every),
        _table(splits["validation"], columns, 1) if splits.get("validation") else None,
        seed=seed,
    )
    scores: dict[str, dict[str, FrameScores]] = {name: {} for name in fitted}
    for split, sequences in splits.items():
        tables = [_table([sequence], columns, 1) for sequence in sequences]
        for name, baseline in fitted.items():
            predictions = [
                FramePredictions(sequence.recording, table.states, *baseline.predict(table.columns))
                for sequence, table in zip(sequences, tables, strict=True)
            ]
            scores[name][split] = _scored(predictions, seed, split)
    return scores


def _scored(predictions: Sequence[FramePredictions], seed: int, split: str) -> FrameScores:
    # One stream per split, whatever the model: all models are judged on the same draws of recordings.
    return scores_with_intervals(predictions, generator=rng.stream(seed, "bootstrap", split))


def _table(sequences: Sequence[LabeledSequence], columns: Sequence[Column], every: int) -> Table:
    rows = gather_rows(sequences, columns, every=every)
    return Table(rows.values, rows.states, tuple(format_program(column.number) for column in columns))
