"""A program beside its baselines: same columns, same frames, same policy on abstaining, intervals over recordings.

Baselines are judged as programs are: on each fold of the development recordings by a copy fitted without it
(*validation*), and on other recordings by one fitted to all of them. The cut of every probability is the one with the
best F1 on the held-out frames, a small advantage that programs do not have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nsp_core import rng
from nsp_core.dsl.ast import Condition
from nsp_core.dsl.text import format_program
from nsp_core.evaluate.baselines import BASELINES, BaselineName, FittedBaseline, Table, fit_baselines
from nsp_core.evaluate.bootstrap import scores_with_intervals
from nsp_core.evaluate.frames import FramePredictions, FrameScores
from nsp_core.evaluate.ranking import best_f1_threshold
from nsp_core.labels import UNLABELED
from nsp_core.search.assess import predict_sequences
from nsp_core.search.columns import Column, columns_for
from nsp_core.search.development import development_folds
from nsp_core.search.rows import MAX_TRAINING_ROWS, gather_rows
from nsp_core.sequences import IN_NO_FOLD, LabeledSequence

__all__ = ["Splits", "baseline_predictions", "baseline_scores", "program_predictions", "program_scores"]

Splits = Mapping[str, Sequence[LabeledSequence]]

# Copies that are fitted without a fold see so many rows at most: there are four of them for one that is fitted to all.
MAX_FOLD_ROWS = 10_000
# Scores of these are probabilities, of which the cut is a choice.
_CUT_IS_CHOSEN: tuple[BaselineName, ...] = (
    "depth3_tree",
    "logistic_regression",
    "gradient_boosting",
    "missingness_only",
)


def program_scores(program: Condition, splits: Splits, *, seed: int) -> dict[str, FrameScores]:
    """Return split -> scores of the printed program, with intervals over recordings."""
    return {split: _scored(program_predictions(program, sequences), seed, split) for split, sequences in splits.items()}


def baseline_scores(
    development: Sequence[LabeledSequence], others: Splits, *, seed: int
) -> dict[str, dict[str, FrameScores]]:
    """Return baseline -> split -> scores, see :func:`baseline_predictions`."""
    predictions = baseline_predictions(development, others, seed=seed)
    return {
        name: {split: _scored(predicted, seed, split) for split, predicted in by_split.items()}
        for name, by_split in predictions.items()
    }


def program_predictions(program: Condition, sequences: Sequence[LabeledSequence]) -> list[FramePredictions]:
    """Return what the printed program says of every labeled sequence."""
    return [
        FramePredictions(
            sequence.recording, sequence.gold_states, prediction.states, prediction.probability, sequence.weights
        )
        for sequence, prediction in zip(sequences, predict_sequences(program, sequences), strict=True)
    ]


def baseline_predictions(
    development: Sequence[LabeledSequence], others: Splits, *, seed: int, names: Sequence[BaselineName] = BASELINES
) -> dict[str, dict[str, list[FramePredictions]]]:
    """Return baseline -> split -> what it says of the labeled frames of every sequence.

    Parameters
    ----------
    development
        Sequences to learn from. Split ``validation`` is what, fold by fold, baselines fitted without the fold say of
        it.
    others
        Split -> further sequences, judged by baselines fitted to all of ``development``.
    seed
        Breaks ties, and draws the recordings of the intervals.
    names
        Which baselines.

    Notes
    -----
    Baselines see the columns a program may threshold, save those that depend on which animal is called agent where the
    behavior has no order.
    """
    columns = [column for column in columns_for(development) if not column.oriented]
    table = _table(development, columns)
    every_row = np.ones(table.states.size, dtype=bool)
    fitted = fit_baselines(
        _thinned(table, every_row, MAX_TRAINING_ROWS), None, seed=seed, names=names, choose_cuts=False
    )
    fold = _fold_of_rows(development)
    held_out = _held_out(table, fold, names, seed)
    judged = np.where((fold >= 0) & _gold(development), table.states, np.int8(UNLABELED))
    fitted = {name: _with_cut(one, table, judged, held_out[name][1]) for name, one in fitted.items()}
    predictions: dict[str, dict[str, list[FramePredictions]]] = {}
    for name, baseline in fitted.items():
        decided, score = held_out[name]
        if name in _CUT_IS_CHOSEN:
            decided = _decided(score, baseline.threshold)
        predictions[name] = {"validation": _by_sequence(development, table, judged, decided, score)}
    for split, sequences in others.items():
        table = _table(sequences, columns)
        for name, baseline in fitted.items():
            predictions[name][split] = _by_sequence(sequences, table, table.states, *baseline.predict(table.columns))
    return predictions


def _held_out(
    table: Table, fold: NDArray[np.int8], names: Sequence[BaselineName], seed: int
) -> dict[str, tuple[NDArray[np.int8], NDArray[np.float32]]]:
    """Return baseline -> decisions and scores (row,) of copies fitted without the fold of each row."""
    parts: dict[str, tuple[NDArray[np.int8], NDArray[np.float32]]] = {
        name: (np.full(fold.size, -1, dtype=np.int8), np.full(fold.size, np.nan, dtype=np.float32)) for name in names
    }
    for left_out in range(int(fold.max()) + 1):
        held = fold == left_out
        if not held.any():
            continue
        kept = (fold != IN_NO_FOLD) & ~held
        fitted = fit_baselines(_thinned(table, kept, MAX_FOLD_ROWS), None, seed=seed, names=names, choose_cuts=False)
        for name, baseline in fitted.items():
            parts[name][0][held], parts[name][1][held] = baseline.predict(table.columns[held])
    return parts


def _with_cut(
    baseline: FittedBaseline, table: Table, judged: NDArray[np.int8], held_out: NDArray[np.float32]
) -> FittedBaseline:
    if baseline.name not in _CUT_IS_CHOSEN:
        return baseline
    known = ~np.isnan(held_out)
    weights = None if table.weights is None else table.weights[known]
    cut, _ = best_f1_threshold(judged[known], held_out[known], weights)
    return replace(baseline, threshold=cut)


def _decided(score: NDArray[np.float32], cut: float) -> NDArray[np.int8]:
    return np.where(np.isnan(score), np.int8(-1), (score >= np.float32(cut)).astype(np.int8))


def _by_sequence(
    sequences: Sequence[LabeledSequence],
    table: Table,
    states: NDArray[np.int8],
    decided: NDArray[np.int8],
    score: NDArray[np.float32],
) -> list[FramePredictions]:
    starts = np.cumsum([int((sequence.states != UNLABELED).sum()) for sequence in sequences])[:-1]
    columns = (states, decided, score) if table.weights is None else (states, decided, score, table.weights)
    parts = zip(sequences, *(np.split(part, starts) for part in columns), strict=True)
    return [FramePredictions(sequence.recording, *own) for sequence, *own in parts]


def _scored(predictions: Sequence[FramePredictions], seed: int, split: str) -> FrameScores:
    # One stream per split, whatever the model: all models are judged on the same draws of recordings.
    return scores_with_intervals(predictions, generator=rng.stream(seed, "bootstrap", split))


def _table(sequences: Sequence[LabeledSequence], columns: Sequence[Column]) -> Table:
    """Return all labeled frames of ``sequences``: thousands of short ones are predicted in one go."""
    labeled = [np.flatnonzero(sequence.states != UNLABELED) for sequence in sequences]
    rows = gather_rows(sequences, columns, [(at, np.ones(at.size)) for at in labeled])
    weighted = any(sequence.weights is not None for sequence in sequences)
    names = tuple(format_program(column.number) for column in columns)
    return Table(rows.values, rows.states, names, rows.frames.astype(np.float32) if weighted else None)


def _fold_of_rows(development: Sequence[LabeledSequence]) -> NDArray[np.int8]:
    folds = development_folds(development)
    return np.concatenate([own[one.states != UNLABELED] for one, own in zip(development, folds, strict=True)])


def _gold(development: Sequence[LabeledSequence]) -> NDArray[np.bool_]:
    """Return which labeled frames (row,) a person labeled."""
    return np.concatenate([one.gold_states[one.states != UNLABELED] != UNLABELED for one in development])


def _thinned(table: Table, kept: NDArray[np.bool_], max_rows: int) -> Table:
    """Return every k-th of the rows that ``kept`` marks: neighboring frames say the same."""
    rows = np.flatnonzero(kept)
    return table.of(rows[:: max(1, -(-rows.size // max_rows))])
