"""Evaluate a program over a feature sequence, smoothly or exactly.

One evaluator serves both: the meaning of each operator is in :mod:`nsp_core.dsl.operators`. Tests hold it against a
slow, independent oracle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.ast import And, Compare, Condition, Either, Feature, Node, Number, Or, WindowMean
from nsp_core.dsl.operators import Semantics, Series, Truth, operator_of
from nsp_core.features.views import swap_reference

__all__ = ["Prediction", "exact_states", "predict", "soft_bounds"]

FetchFeature = Callable[[str], Series]


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


def predict(program: Condition, fetch: FetchFeature, fps: float | None) -> Prediction:
    """Return the exact states and the smooth probability of ``program`` over one sequence.

    Parameters
    ----------
    program
        A type-checked program.
    fetch
        Returns the series (time,) of a feature by its reference; asked only for features the program names.
    fps
        Frames per second, or None where unknown (then durations must be in frames).
    """
    states = exact_states(program, fetch, fps)
    low, _ = soft_bounds(program, fetch, fps)
    return Prediction(states, np.where(states < 0, np.float32(np.nan), low))


def exact_states(program: Condition, fetch: FetchFeature, fps: float | None) -> NDArray[np.int8]:
    """Return 1 (present), 0 (absent) or -1 (unknown) per frame (time,) by the exact semantics of the printed rule."""
    low, high = _truth(program, fetch, Semantics(fps, temperature=0.0))
    return np.where(low > 0.5, 1, np.where(high < 0.5, 0, -1)).astype(np.int8)


def soft_bounds(program: Condition, fetch: FetchFeature, fps: float | None, temperature: float = 1.0) -> Truth:
    """Return what is certain and what is possible (time,), as probabilities, by the smooth semantics."""
    return _truth(program, fetch, Semantics(fps, temperature))


def _truth(node: Node, fetch: FetchFeature, semantics: Semantics) -> Truth:
    operator = operator_of(node)
    if isinstance(node, Compare):
        assert operator.compare is not None
        return operator.compare(node, _number(node.child, fetch, semantics), semantics)
    assert operator.truth is not None
    if isinstance(node, And | Or):
        parts = [_truth(part, fetch, semantics) for part in node.parts]
    elif isinstance(node, Either):
        parts = [_truth(node.child, fetch, semantics), _truth(node.child, _swapped(fetch), semantics)]
    else:
        assert not isinstance(node, Feature | WindowMean)
        parts = [_truth(node.child, fetch, semantics)]
    return operator.truth(node, parts, semantics)


def _number(node: Number, fetch: FetchFeature, semantics: Semantics) -> Series:
    if isinstance(node, Feature):
        return fetch(node.name)
    operator = operator_of(node)
    assert operator.number is not None
    return operator.number(node, fetch(node.child.name), semantics)


def _swapped(fetch: FetchFeature) -> FetchFeature:
    return lambda name: fetch(swap_reference(name))
