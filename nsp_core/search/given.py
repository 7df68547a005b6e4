"""A program that is given, such as a rule a person wrote: its constants fitted, and judged as programs that are found.

The constants are fitted to all development recordings. Held-out scores (*validation*) are those of copies whose
constants were fitted, from what was given, without the fold they are scored on: the very frames on which found programs
and baselines are judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nsp_core import rng
from nsp_core.dsl.ast import Condition
from nsp_core.dsl.constants import ProgramConstant
from nsp_core.evaluate.bootstrap import scores_with_intervals
from nsp_core.evaluate.frames import FramePredictions, FrameScores
from nsp_core.labels import UNLABELED
from nsp_core.search.assess import ProgramScorer, predict_sequences
from nsp_core.search.compare import Splits, program_scores
from nsp_core.search.development import development_folds
from nsp_core.search.tune import TuningProgress, tune_constants
from nsp_core.sequences import IN_NO_FOLD, LabeledSequence

__all__ = ["FitProgress", "GivenProgram", "fit_given", "judge_given"]

ROUNDS = 20

Folds = Sequence[NDArray[np.int8]]


@dataclass(frozen=True, slots=True)
class FitProgress:
    """Which of the fits is running, counted from 1, and how far it is; the first one is that to all recordings."""

    fit: int
    n_fits: int
    step: TuningProgress


@dataclass(frozen=True, slots=True)
class GivenProgram:
    """A given program with the constants that were fitted.

    Attributes
    ----------
    program
        Its constants fitted to all development recordings.
    scores
        ``train``: on the frames it was fitted to; ``validation``: held-out; and on every other split.
    left_alone
        Constants that could not be fitted, and why.
    stopped_because
        Why the fit to all recordings ended.
    """

    program: Condition
    scores: Mapping[str, FrameScores]
    left_alone: tuple[tuple[ProgramConstant, str], ...]
    stopped_because: str


def fit_given(
    program: Condition,
    development: Sequence[LabeledSequence],
    others: Splits,
    *,
    seed: int,
    rounds: int = ROUNDS,
    report: Callable[[FitProgress], None] = lambda progress: None,
) -> GivenProgram:
    """Return ``program`` with fitted constants, and how such a fit does on recordings it has not seen.

    Parameters
    ----------
    program
        A type-checked program; its constants are taken for a rough guess.
    development
        Labeled sequences to fit on.
    others
        Split -> further labeled sequences, such as those of test recordings.
    seed
        Draws the recordings of the intervals; the fit itself involves no randomness.
    rounds
        Most times that every constant is tried.
    report
        Called after every constant.

    Raises
    ------
    LabelError
        If the labels lack one of the two classes, or hold too little to judge a program by.
    """
    folds = development_folds(development)
    n_folds = _n_folds(folds)

    fit_on = [development, *(_without_fold(development, folds, fold) for fold in range(n_folds))]
    fits = [
        tune_constants(
            program,
            ProgramScorer(sequences),
            rounds=rounds,
            rough=True,
            report=partial(_tell, report, number, n_folds + 1),
        )
        for number, sequences in enumerate(fit_on, start=1)
    ]
    fitted, *in_fold = fits
    scores = _scores(fitted.program, [one.program for one in in_fold], development, folds, others, seed)
    return GivenProgram(fitted.program, scores, fitted.left_alone, fitted.stopped_because)


def judge_given(
    program: Condition, development: Sequence[LabeledSequence], others: Splits, *, seed: int
) -> dict[str, FrameScores]:
    """Return split -> scores of ``program`` as it is, on the same frames as :func:`fit_given`.

    Parameters and Raises as there.
    """
    folds = development_folds(development)
    return _scores(program, [program] * _n_folds(folds), development, folds, others, seed)


def _scores(
    program: Condition,
    in_fold: Sequence[Condition],
    development: Sequence[LabeledSequence],
    folds: Folds,
    others: Splits,
    seed: int,
) -> dict[str, FrameScores]:
    # The stream of this name draws the recordings for every model: all are judged on the same draws.
    generator = rng.stream(seed, "bootstrap", "validation")
    held_out = scores_with_intervals(_held_out(in_fold, development, folds), generator=generator)
    train = program_scores(program, {"train": development}, seed=seed)
    return {**train, "validation": held_out, **program_scores(program, others, seed=seed)}


def _held_out(
    in_fold: Sequence[Condition], development: Sequence[LabeledSequence], folds: Folds
) -> list[FramePredictions]:
    """Return what, at each frame, the program of its fold says; frames in no fold count as unlabeled."""
    states = [np.full(len(one.states), -1, dtype=np.int8) for one in development]
    probability = [np.full(len(one.states), np.nan, dtype=np.float32) for one in development]
    predicted = {program: predict_sequences(program, development) for program in dict.fromkeys(in_fold)}
    for fold, program in enumerate(in_fold):
        for index, (own, prediction) in enumerate(zip(folds, predicted[program], strict=True)):
            states[index] = np.where(own == fold, prediction.states, states[index])
            probability[index] = np.where(own == fold, prediction.probability, probability[index])
    judged = [
        np.where(own >= 0, one.gold_states, np.int8(UNLABELED)) for one, own in zip(development, folds, strict=True)
    ]
    return [
        FramePredictions(one.recording, judged[index], states[index], probability[index], one.weights)
        for index, one in enumerate(development)
    ]


def _without_fold(development: Sequence[LabeledSequence], folds: Folds, fold: int) -> list[LabeledSequence]:
    """Return the sequences with the labels outside ``fold``."""
    kept = []
    for one, own in zip(development, folds, strict=True):
        states = np.where((own != IN_NO_FOLD) & (own != fold), one.states, np.int8(UNLABELED))
        if (states != UNLABELED).any():
            kept.append(replace(one, states=states))
    return kept


def _tell(report: Callable[[FitProgress], None], fit: int, n_fits: int, step: TuningProgress) -> None:
    report(FitProgress(fit, n_fits, step))


def _n_folds(folds: Folds) -> int:
    return 1 + max(int(own.max(initial=-1)) for own in folds)
