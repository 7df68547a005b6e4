"""What comparing, logic and votes mean, frame by frame; the formulas serve both semantics.

References
----------
Chaudhuri & Solar-Lezama 2010, Smooth interpretation, doi:10.1145/1806596.1806629 (temperature).
Kleene 1952, Introduction to Metamathematics, section 64 (three-valued logic).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from nsp_core.dsl.ast import Compare, Node, Vote
from nsp_core.dsl.values import Numbers, Semantics, Truth

__all__ = ["all_of", "any_of", "better_of", "compared", "negated", "voted"]

_ROUNDING = 1e-12  # of the weights: 0.1 + 0.2 is not more than 0.3


def compared(node: Node, series: Numbers, semantics: Semantics) -> Truth:
    """Return by how much a number is on the side of the threshold that is asked for; unknown where it is missing."""
    assert isinstance(node, Compare)
    # Differences in float64: a float32 feature exactly at a decimal threshold must fall on a stated side.
    margin = series.astype(np.float64) - node.threshold
    if node.relation == "<":
        margin = -margin
    beyond = _beyond(margin, node.softness * semantics.temperature)
    missing = np.isnan(series)
    low = np.where(missing, 0.0, beyond).astype(np.float32)
    high = np.where(missing, 1.0, beyond).astype(np.float32)
    return low, high


def negated(node: Node, parts: Sequence[Truth], semantics: Semantics) -> Truth:
    """Return the complement, bounds exchanged."""
    ((low, high),) = parts
    return 1 - high, 1 - low


def all_of(node: Node, parts: Sequence[Truth], semantics: Semantics) -> Truth:
    """Return the product of the parts."""
    low, high = (np.prod(np.stack(bounds), axis=0) for bounds in zip(*parts, strict=True))
    return low, high


def any_of(node: Node, parts: Sequence[Truth], semantics: Semantics) -> Truth:
    """Return one minus the product of the parts' complements."""
    low, high = (1 - np.prod(1 - np.stack(bounds), axis=0) for bounds in zip(*parts, strict=True))
    return low, high


def better_of(node: Node, parts: Sequence[Truth], semantics: Semantics) -> Truth:
    """Return the larger of the truths in both orders of the animals."""
    (low, high), (other_low, other_high) = parts
    return np.maximum(low, other_low), np.maximum(high, other_high)


def voted(node: Node, parts: Sequence[Truth], semantics: Semantics) -> Truth:
    """Return by how much the weights of the parts that hold exceed the threshold.

    What speaks against (a negative weight) is certain to speak no louder than its upper bound.
    """
    assert isinstance(node, Vote)
    heard = list(zip(parts, node.weights, strict=True))
    certain = [low if weight > 0 else high for (low, high), weight in heard]
    possible = [high if weight > 0 else low for (low, high), weight in heard]
    softness = node.softness * semantics.temperature
    low, high = (_beyond(_lead(node, bounds), softness).astype(np.float32) for bounds in (certain, possible))
    return low, high


def _lead(node: Vote, degrees: Iterable[Numbers]) -> NDArray[np.float64]:
    """Return the weighted sum of degrees minus the threshold, 0 where rounding alone keeps them apart."""
    lead = sum(weight * part.astype(np.float64) for weight, part in zip(node.weights, degrees, strict=True))
    lead = np.asarray(lead - node.threshold)
    rounding = _ROUNDING * (sum(map(abs, node.weights)) + abs(node.threshold))
    return np.where(np.abs(lead) <= rounding, 0.0, lead)


def _beyond(margin: NDArray[np.float64], softness: float) -> NDArray[np.float64]:
    """Return the degree in [0, 1] to which ``margin`` is above zero: a logistic step, or a hard one."""
    if softness <= 0:
        return (margin > 0).astype(np.float64)
    with np.errstate(over="ignore"):  # far beyond a tiny softness the quotient is infinite and the degree 0 or 1
        degree: NDArray[np.float64] = expit(margin / softness)
    return degree
