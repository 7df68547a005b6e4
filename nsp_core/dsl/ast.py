"""Programs are data: a frozen tree of nodes that hashes, compares and prints.

Numbers (``Feature``, ``Windowed``) flow into one comparison each (``Compare``); truth values flow through logic
(``Not``, ``And``, ``Or``, ``Either``) and bout shaping (``FillGaps``, ``MinBout``). What each node means is written
once, in :mod:`nsp_core.dsl.operators`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from nsp_core.units import DIMENSIONLESS, TimeReference, Unit

__all__ = [
    "SIDES",
    "STATISTICS",
    "And",
    "Compare",
    "Condition",
    "Duration",
    "Either",
    "Feature",
    "FillGaps",
    "MinBout",
    "Node",
    "Not",
    "Number",
    "Or",
    "Side",
    "Statistic",
    "Windowed",
    "children",
    "complexity",
    "feature_names",
    "walk",
]


Statistic = Literal["mean", "min", "max", "std", "range", "quantile", "delta", "slope"]
Side = Literal["centered", "past", "next"]

STATISTICS: tuple[Statistic, ...] = get_args(Statistic)
SIDES: tuple[Side, ...] = get_args(Side)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time, in seconds, or in frames where no frame rate is known."""

    value: float
    reference: TimeReference = "s"


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature by the reference programs print, such as ``nose_to_nose`` or ``speed[agent]``."""

    name: str


@dataclass(frozen=True, slots=True)
class Windowed:
    """What a feature does in a window around, before or after the frame; see :mod:`nsp_core.temporal.operators`.

    A window before or after the frame holds the frame itself. ``share`` belongs to a quantile and to nothing else.
    """

    child: Feature
    width: Duration
    statistic: Statistic = "mean"
    side: Side = "centered"
    share: float | None = None


Number: TypeAlias = Feature | Windowed


@dataclass(frozen=True, slots=True)
class Compare:
    """A threshold with softness: the distance from the threshold over which the smooth semantics crosses 0.5 to 0.73.

    A softness of zero is a hard step in both semantics.
    """

    child: Number
    relation: Literal["<", ">"]
    threshold: float
    softness: float = 0.0
    unit: Unit = DIMENSIONLESS


@dataclass(frozen=True, slots=True)
class Not:
    """Present where the part is absent."""

    child: Condition


@dataclass(frozen=True, slots=True)
class And:
    """Present where all parts are."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Present where any part is."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """The better of both orders of the two animals: identities are arbitrary unless the labels say so."""

    child: Condition


@dataclass(frozen=True, slots=True)
class FillGaps:
    """Gaps between two bouts of at most this long belong to the behavior."""

    child: Condition
    longest: Duration


@dataclass(frozen=True, slots=True)
class MinBout:
    """Bouts shorter than this are dropped."""

    child: Condition
    shortest: Duration


Condition: TypeAlias = Compare | Not | And | Or | Either | FillGaps | MinBout
Node: TypeAlias = Number | Condition


def children(node: Node) -> tuple[Node, ...]:
    """Return the direct sub-programs of ``node``, left to right."""
    if isinstance(node, Feature):
        return ()
    if isinstance(node, And | Or):
        return node.parts
    return (node.child,)


def walk(node: Node) -> Iterator[Node]:
    """Yield ``node`` and every sub-program below it, parents first."""
    yield node
    for child in children(node):
        yield from walk(child)


def complexity(node: Node) -> int:
    """Return feature references plus learned constants: thresholds, nonzero softness, windows, shares and durations.

    Examples
    --------
    >>> complexity(Compare(Windowed(Feature("speed"), Duration(0.5)), "<", 30.0, 4.0))
    4
    """
    total = 0
    for part in walk(node):
        if isinstance(part, Feature | FillGaps | MinBout):
            total += 1
        elif isinstance(part, Windowed):
            total += 1 + (part.share is not None)
        elif isinstance(part, Compare):
            total += 1 + (part.softness > 0)
    return total


def feature_names(node: Node) -> tuple[str, ...]:
    """Return the distinct features ``node`` refers to, in order of first mention."""
    return tuple(dict.fromkeys(part.name for part in walk(node) if isinstance(part, Feature)))
