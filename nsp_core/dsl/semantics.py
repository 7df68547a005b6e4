"""Evaluate a program over a feature sequence, smoothly or exactly.

One evaluator serves both: the meaning of each operator is in :mod:`nsp_core.dsl.operators`. Tests hold it against a
slow, independent oracle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.ast import (
    And,
    Compare,
    Condition,
    Either,
    Feature,
    FillGaps,
    MinBout,
    Not,
    Number,
    Or,
    Windowed,
)
from nsp_core.dsl.operators import Semantics, Series, Truth, operator_of
from nsp_core.features.views import swap_reference

__all__ = ["Memo", "Prediction", "exact_states", "predict", "soft_bounds"]

FetchFeature = Callable[[str], Series]


@dataclass(frozen=True, slots=True)
class Memo:
    """Values of sub-programs over one sequence, kept so that related programs share them.

    Attributes
    ----------
    numbers
        (expression, animals exchanged) -> series.
    truths
        (condition, temperature, animals exchanged) -> truth.
    """

    numbers: dict[tuple[Number, bool], Series] = field(default_factory=dict)
    truths: dict[tuple[Condition, float, bool], Truth] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a program says of one sequence.

    Attributes
    ----------
    states
        Shape (time,), int8: 1 present, 0 absent, -1 abstained because the answer hangs on missing data. From the exact
        semantics: these are the bouts.
    probability
        Shape (time,), float32 in [0, 1]: the smooth semantics' degree of what is certain; NaN where abstained.
    """

    states: NDArray[np.int8]
    probability: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Context:
    """Where values come from, which semantics is meant, and whether the animals have changed places."""

    fetch: FetchFeature
    semantics: Semantics
    memo: Memo
    exchanged: bool = False


def predict(program: Condition, fetch: FetchFeature, fps: float | None, memo: Memo | None = None) -> Prediction:
    """Return the exact states and the smooth probability of ``program`` over one sequence.

    Parameters
    ----------
    program
        A type-checked program.
    fetch
        Returns the series (time,) of a feature by its reference; asked only for features the program names.
    fps
        Frames per second, or None where unknown (then durations must be in frames).
    memo
        Values of sub-programs over this very sequence, read and added to.
    """
    memo = memo or Memo()
    states = exact_states(program, fetch, fps, memo)
    low, _ = soft_bounds(program, fetch, fps, memo=memo)
    return Prediction(states, np.where(states < 0, np.float32(np.nan), low))


def exact_states(
    program: Condition, fetch: FetchFeature, fps: float | None, memo: Memo | None = None
) -> NDArray[np.int8]:
    """Return 1 (present), 0 (absent) or -1 (unknown) per frame (time,) by the exact semantics of the printed rule."""
    low, high = _truth(program, _Context(fetch, Semantics(fps, temperature=0.0), memo or Memo()))
    return np.where(low > 0.5, 1, np.where(high < 0.5, 0, -1)).astype(np.int8)


def soft_bounds(
    program: Condition, fetch: FetchFeature, fps: float | None, temperature: float = 1.0, memo: Memo | None = None
) -> Truth:
    """Return what is certain and what is possible (time,), as probabilities, by the smooth semantics."""
    return _truth(program, _Context(fetch, Semantics(fps, temperature), memo or Memo()))


def _truth(node: Condition, context: _Context) -> Truth:
    key = (node, context.semantics.temperature, context.exchanged)
    known = context.memo.truths.get(key)
    if known is not None:
        return known
    operator = operator_of(node)
    if isinstance(node, Compare):
        assert operator.compare is not None
        truth = operator.compare(node, _number(node.child, context), context.semantics)
    else:
        assert operator.truth is not None
        truth = operator.truth(node, _parts(node, context), context.semantics)
    context.memo.truths[key] = truth
    return truth


def _parts(node: And | Or | Not | Either | FillGaps | MinBout, context: _Context) -> list[Truth]:
    if isinstance(node, And | Or):
        return [_truth(part, context) for part in node.parts]
    if isinstance(node, Either):
        exchanged = replace(context, exchanged=not context.exchanged)
        return [_truth(node.child, context), _truth(node.child, exchanged)]
    return [_truth(node.child, context)]


def _number(node: Number, context: _Context) -> Series:
    key = (node, context.exchanged)
    known = context.memo.numbers.get(key)
    if known is not None:
        return known
    name = node.name if isinstance(node, Feature) else node.child.name
    series = context.fetch(swap_reference(name) if context.exchanged else name)
    if isinstance(node, Windowed):
        operator = operator_of(node)
        assert operator.number is not None
        series = operator.number(node, series, context.semantics)
    context.memo.numbers[key] = series
    return series
