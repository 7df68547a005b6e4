"""From a fitted chain to the program that is printed: thresholds for the exact rule, rounding, bout shaping.

Gradients fit the smooth semantics. The exact rule needs its own operating point: all thresholds are moved together,
each in units of its softness, to where the exact F1 of the training frames is best. The ranking by softness is kept.
Then constants are rounded as far as their softness allows, and gap filling and a minimum bout are added where they
help.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.ast import And, Compare, Condition, Duration, Either, FillGaps, MinBout, Not, Or
from nsp_core.evaluate.frames import FrameScores
from nsp_core.search.assess import ProgramScorer
from nsp_core.search.chains import Chain, FittingRows, program_of
from nsp_core.search.columns import Column, Rows
from nsp_core.sequences import LabeledSequence

__all__ = ["drop_idle_clauses", "move_to_best_f1", "round_constants", "shape_bouts"]

GAPS_S = (0.5, 2.0)
SHORTEST_BOUTS_S = (0.5, 1.0)
LEAST_GAIN = 0.002
_FAILED = -1e9


def move_to_best_f1(chain: Chain, fitting: FittingRows, rows: Rows, columns: Sequence[Column]) -> Condition:
    """Return the program of ``chain`` with its thresholds moved to the best exact F1 over ``rows``.

    The margin of a chain (the smaller margin of clauses joined by *and*, the larger by *or*, in units of softness)
    moves by t when every clause's does, so one sort of the margins finds the best t exactly.
    """
    margin = _margin(chain, fitting, rows)
    shift = _best_shift(margin, rows.states == 1)
    clauses = tuple(
        replace(clause, threshold=clause.threshold + clause.direction * clause.softness * shift)
        for clause in chain.clauses
    )
    return program_of(replace(chain, clauses=clauses), fitting, columns)


def round_constants(program: Condition) -> Condition:
    """Return ``program`` with softness of two digits and thresholds in steps of at most a tenth of their softness.

    Rounding moves no clause's margin by more than a twentieth of the softness, and the result is what is scored.
    """
    match program:
        case Compare(_, _, threshold, softness, _) if softness > 0:
            digits = 1 - math.floor(math.log10(softness))
            return replace(program, threshold=round(threshold, digits), softness=float(f"{softness:.2g}") or softness)
        case And(parts):
            return And(tuple(round_constants(part) for part in parts))
        case Or(parts):
            return Or(tuple(round_constants(part) for part in parts))
        case Not(child) | Either(child) | FillGaps(child) | MinBout(child):
            return replace(program, child=round_constants(child))
        case _:
            return program


def drop_idle_clauses(program: Condition, scorer: ProgramScorer) -> Condition:
    """Return ``program`` without the clauses whose removal changes no decision on the scorer's sequences.

    A threshold that moved out of the range of its feature decides nothing and only misleads the reader.
    """
    decisions = [prediction.states for prediction in scorer.predict(program)]
    for simpler in _without_one_clause(program):
        same = (
            np.array_equal(prediction.states, states)
            for prediction, states in zip(scorer.predict(simpler), decisions, strict=True)
        )
        if all(same):
            return drop_idle_clauses(simpler, scorer)
    return program


def _without_one_clause(program: Condition) -> Iterator[Condition]:
    """Yield every program that lacks one part of one ``and`` or ``or`` of ``program``."""
    match program:
        case And(parts) | Or(parts):
            for place, part in enumerate(parts):
                others = parts[:place] + parts[place + 1 :]
                yield others[0] if len(others) == 1 else replace(program, parts=others)
                for simpler in _without_one_clause(part):
                    yield replace(program, parts=(*parts[:place], simpler, *parts[place + 1 :]))
        case Not(child) | Either(child) | FillGaps(child) | MinBout(child):
            for simpler in _without_one_clause(child):
                yield replace(program, child=simpler)
        case _:
            return


def shape_bouts(program: Condition, scorer: ProgramScorer) -> tuple[Condition, FrameScores]:
    """Return ``program`` with the gap filling and minimum bout that serve the scorer's sequences best, and its scores.

    A step is added only where the mean of F1 and average precision gains more than 0.002: each costs one constant.
    """
    best, scores = program, scorer.score(program)
    if not _long_enough_for_bouts(scorer.sequences):
        return best, scores
    fill = [partial(FillGaps, longest=Duration(gap)) for gap in GAPS_S]
    drop = [partial(MinBout, shortest=Duration(shortest)) for shortest in SHORTEST_BOUTS_S]
    for step in (fill, drop):
        shaped = [operator(best) for operator in step]
        shaped_scores = [scorer.score(variant) for variant in shaped]
        gain, place = max((_merit(one) - _merit(scores), place) for place, one in enumerate(shaped_scores))
        if gain > LEAST_GAIN:
            best, scores = shaped[place], shaped_scores[place]
    return best, scores


def _long_enough_for_bouts(sequences: Sequence[LabeledSequence]) -> bool:
    """Return whether bouts can be shaped: time is in seconds, and some sequence holds two of the longest gaps."""
    return any(
        sequence.fps is not None and len(sequence.states) >= 2 * max(GAPS_S) * sequence.fps for sequence in sequences
    )


def _merit(scores: FrameScores) -> float:
    return (scores.f1 + scores.ap) / 2


def _margin(chain: Chain, fitting: FittingRows, rows: Rows) -> NDArray[np.float64]:
    """Return the exact margin (row,) of ``chain`` in units of softness; far below 0 where it hangs on missing data."""
    margins = []
    for order in range(2 if chain.either else 1):
        margin: NDArray[np.float64] | None = None
        for clause in chain.clauses:
            column = int(fitting.swapped[clause.column]) if order else clause.column
            scaled = (rows.values[:, column].astype(np.float64) - fitting.center[column]) / fitting.scale[column]
            own = (scaled - clause.threshold) * clause.direction / clause.softness
            own = np.where(np.isnan(own), _FAILED, own)
            if margin is None:
                margin = own
            else:
                margin = np.minimum(margin, own) if clause.join == "and" else np.maximum(margin, own)
        assert margin is not None
        margins.append(margin)
    best: NDArray[np.float64] = np.max(margins, axis=0)
    return best


def _best_shift(margin: NDArray[np.float64], present: NDArray[np.bool_]) -> float:
    """Return how far all margins should be lowered for the rule ``margin > shift`` to have the best F1."""
    order = np.argsort(-margin, kind="stable")
    ranked = margin[order]
    true_pos = np.cumsum(present[order])
    f1 = 2 * true_pos / (np.arange(1, ranked.size + 1) + present.sum())
    # A cut is possible between two different margins and below all, but never among rows that hang on missing data.
    possible = np.append(ranked[1:] < ranked[:-1], True) & (ranked > _FAILED / 2)
    if not possible.any():
        return 0.0
    cut = int(np.argmax(np.where(possible, f1, -1.0)))
    lower = ranked[cut + 1 :]
    below = lower[0] if lower.size and lower[0] > _FAILED / 2 else ranked[cut] - 1.0
    return float((ranked[cut] + below) / 2)
