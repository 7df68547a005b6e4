"""Evaluate a program over a feature sequence, smoothly or exactly.

One recursion serves both: the meaning of each operator is in :mod:`nsp_core.dsl.operators`. What only the evaluator can
do is here: fetch features, exchange the animals below ``either``, read each frame as the last one below ``mapprefix``,
and bind ``before`` from frame to frame in ``fold``. Tests hold it against a slow, independent oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.ast import (
    Before,
    Choose,
    Condition,
    Constant,
    Either,
    Feature,
    Fold,
    Fraction,
    MapPrefix,
    Node,
    Number,
    children,
    feature_names,
    walk,
)
from nsp_core.dsl.fold import AtFrames, folded, mentions_before
from nsp_core.dsl.operators import operator_of
from nsp_core.dsl.values import Numbers, Semantics, Series, Truth, Value
from nsp_core.errors import ProgramError
from nsp_core.features.views import swap_reference

__all__ = ["Memo", "Prediction", "exact_states", "predict", "series_of", "soft_bounds"]

FetchFeature = Callable[[str], Series]
NumberKey: TypeAlias = tuple[Number, float | None, bool, bool]
TruthKey: TypeAlias = tuple[Condition, float, bool, bool]


@dataclass(frozen=True, slots=True)
class Memo:
    """Values of sub-programs over one sequence, kept so that related programs share them.

    Attributes
    ----------
    numbers
        (expression, temperature, animals exchanged, read as prefix) -> series. The temperature is None where no
        condition is part of the expression.
    truths
        (condition, temperature, animals exchanged, read as prefix) -> truth.
    """

    numbers: dict[NumberKey, Numbers] = field(default_factory=dict)
    truths: dict[TruthKey, Truth] = field(default_factory=dict)


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

    program: Node
    fetch: FetchFeature
    semantics: Semantics
    memo: Memo
    exchanged: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of every series: that of the first feature, which is fetched anyway."""
        names = feature_names(self.program)
        if not names:
            raise ProgramError(
                found="a program without features",
                expected="at least one feature, which says how many frames there are",
                where="program",
                remedy="compare a feature with the constants",
            )
        return _number(Feature(names[0]), replace(self, exchanged=False)).shape


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
    low, high = _truth(program, _Context(program, fetch, Semantics(fps, temperature=0.0), memo or Memo()))
    return np.where(low > 0.5, 1, np.where(high < 0.5, 0, -1)).astype(np.int8)


def soft_bounds(
    program: Condition, fetch: FetchFeature, fps: float | None, temperature: float = 1.0, memo: Memo | None = None
) -> Truth:
    """Return what is certain and what is possible (time,), as probabilities, by the smooth semantics."""
    return _truth(program, _Context(program, fetch, Semantics(fps, temperature), memo or Memo()))


def series_of(
    number: Number, fetch: FetchFeature, fps: float | None, temperature: float = 0.0, memo: Memo | None = None
) -> Numbers:
    """Return the values (time,) of a number, NaN where missing; its conditions are exact unless there is a temperature.

    Other parameters as in :func:`predict`.
    """
    return _number(number, _Context(number, fetch, Semantics(fps, temperature), memo or Memo()))


def _value(node: Node, context: _Context) -> Value:
    return _number(node, context) if isinstance(node, Number) else _truth(node, context)


def _truth(node: Condition, context: _Context) -> Truth:
    key = (node, context.semantics.temperature, context.exchanged, context.semantics.prefix)
    known = context.memo.truths.get(key)
    if known is None:
        known = context.memo.truths[key] = cast(Truth, _combined(node, context))
    return known


def _number(node: Number, context: _Context) -> Numbers:
    # What holds no condition is the same at every temperature.
    holds_condition = any(isinstance(part, Fraction | Choose) for part in walk(node))
    temperature = context.semantics.temperature if holds_condition else None
    key = (node, temperature, context.exchanged, context.semantics.prefix)
    known = context.memo.numbers.get(key)
    if known is None:
        known = context.memo.numbers[key] = _computed(node, context)
    return known


def _computed(node: Number, context: _Context) -> Numbers:
    match node:
        case Feature(name):
            return context.fetch(swap_reference(name) if context.exchanged else name)
        case Constant(value):
            return np.broadcast_to(np.float64(value), context.shape)
        case Fold(child):
            with np.errstate(over="ignore", invalid="ignore"):
                return _stored(folded(child, cast(AtFrames, _at_frames(child, context)), context.shape))
        case _:
            number = cast(Numbers, _combined(node, context))
            return number if operator_of(node).numbers is None else _stored(number)


def _combined(node: Node, context: _Context) -> Value:
    """Return the value of ``node`` from those of its parts."""
    parts = [_value(part, place) for part, place in _placed_parts(node, context)]
    with np.errstate(over="ignore", invalid="ignore"):  # what leaves the range of numbers is missing
        return operator_of(node).value(node, parts, context.semantics)


def _placed_parts(node: Node, context: _Context) -> Iterator[tuple[Node, _Context]]:
    """Yield the parts that ``node`` is made of, with the context that each is read in."""
    for part in children(node):
        if isinstance(node, MapPrefix):
            yield part, replace(context, semantics=replace(context.semantics, prefix=True))
        else:
            yield part, context
        if isinstance(node, Either):
            yield part, replace(context, exchanged=not context.exchanged)


def _at_frames(node: Node, context: _Context) -> Callable[[slice, Numbers], Value]:
    """Return a function from frames, and the fold's value before each, to the value of ``node`` at those frames.

    What does not mention ``before`` is computed here, once for all frames.
    """
    if isinstance(node, Before):
        return lambda frames, before: before
    if not mentions_before(node):
        value = _value(node, context)
        return lambda frames, before: (
            (value[0][frames], value[1][frames]) if isinstance(value, tuple) else value[frames]
        )
    operator = operator_of(node)
    parts = [_at_frames(part, place) for part, place in _placed_parts(node, context)]
    return lambda frames, before: operator.value(node, [part(frames, before) for part in parts], context.semantics)


def _stored(number: Numbers) -> Series:
    """Return a number as float32, missing where it is beyond what that holds."""
    with np.errstate(over="ignore"):
        series = number.astype(np.float32)
    series[np.isinf(series)] = np.nan
    return series
