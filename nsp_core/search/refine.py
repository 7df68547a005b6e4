"""A program made plainer without making it another: constants rounded, idle clauses dropped."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from nsp_core.dsl.ast import And, Compare, Condition, Or, children, with_children
from nsp_core.search.assess import ProgramScorer

__all__ = ["drop_idle_clauses", "round_constants"]


def round_constants(program: Condition) -> Condition:
    """Return ``program`` with softness of two digits and thresholds in steps of at most a tenth of their softness.

    Rounding moves no clause's margin by more than a twentieth of the softness, and the result is what is scored.
    """
    if isinstance(program, Compare):
        if program.softness <= 0:
            return program
        digits = 1 - math.floor(math.log10(program.softness))
        softness = float(f"{program.softness:.2g}") or program.softness
        return replace(program, threshold=round(program.threshold, digits), softness=softness)
    parts = [round_constants(part) if isinstance(part, Condition) else part for part in children(program)]
    return with_children(program, parts)


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
    if isinstance(program, And | Or):
        for place in range(len(program.parts)):
            others = program.parts[:place] + program.parts[place + 1 :]
            yield others[0] if len(others) == 1 else replace(program, parts=others)
    parts = children(program)
    for place, part in enumerate(parts):
        if isinstance(part, Condition):
            for simpler in _without_one_clause(part):
                yield with_children(program, [*parts[:place], simpler, *parts[place + 1 :]])
