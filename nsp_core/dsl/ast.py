"""Programs are data: a frozen tree of nodes that hashes, compares and prints.

Numbers (features, what they do in time, arithmetic) flow into comparisons; truth values flow through logic, time and
bout shaping. What each node means is written once, in :mod:`nsp_core.dsl.operators`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypeVar, cast, get_args

from nsp_core.units import DIMENSIONLESS, TimeReference, Unit

__all__ = [
    "FUNCTIONS",
    "KERNELS",
    "SIDES",
    "STATISTICS",
    "And",
    "Apply",
    "Before",
    "Choose",
    "Compare",
    "Condition",
    "Constant",
    "Duration",
    "Either",
    "Feature",
    "FillGaps",
    "Filtered",
    "Fold",
    "FollowedBy",
    "Fraction",
    "Function",
    "Hysteresis",
    "Kernel",
    "Map",
    "MapPrefix",
    "MinBout",
    "Negative",
    "Node",
    "Not",
    "Number",
    "Or",
    "Product",
    "Quotient",
    "Side",
    "Statistic",
    "Sum",
    "Sustained",
    "Vote",
    "Windowed",
    "Within",
    "children",
    "complexity",
    "feature_names",
    "walk",
    "with_children",
]

Statistic = Literal["mean", "min", "max", "std", "range", "quantile", "delta", "slope"]
Side = Literal["centered", "past", "next"]
Kernel = Literal["gaussian", "morlet"]
Function = Literal["abs", "wrap", "atan2"]

STATISTICS: tuple[Statistic, ...] = get_args(Statistic)
SIDES: tuple[Side, ...] = get_args(Side)
KERNELS: tuple[Kernel, ...] = get_args(Kernel)
FUNCTIONS: tuple[Function, ...] = get_args(Function)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time, in seconds, or in frames where no frame rate is known."""

    value: float
    reference: TimeReference = "s"


# ---- numbers: one value per frame, missing where undefined


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature by the reference programs print, such as ``nose_to_nose`` or ``speed[agent]``."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A number with its unit, the same at every frame."""

    value: float
    unit: Unit = DIMENSIONLESS


@dataclass(frozen=True, slots=True)
class Windowed:
    """What a number does in a window around, before or after the frame; see :mod:`nsp_core.temporal.operators`.

    A window before or after the frame holds the frame itself. ``share`` belongs to a quantile and to nothing else.
    """

    child: Number
    width: Duration
    statistic: Statistic = "mean"
    side: Side = "centered"
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Filtered:
    """A number filtered with weights around the frame; a Morlet filter also has a frequency, in cycles per time."""

    child: Number
    sigma: Duration
    kernel: Kernel = "gaussian"
    frequency: float | None = None


@dataclass(frozen=True, slots=True)
class Fraction:
    """Share of the known frames of a window in which a condition holds."""

    child: Condition
    width: Duration
    side: Side = "centered"


@dataclass(frozen=True, slots=True)
class Negative:
    """A number with its sign changed: ``a - b`` is the sum of ``a`` and the negative of ``b``."""

    child: Number


@dataclass(frozen=True, slots=True)
class Sum:
    """Numbers of one unit added up; missing where a part is."""

    parts: tuple[Number, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """Numbers multiplied, and their units; missing where a part is."""

    parts: tuple[Number, ...]


@dataclass(frozen=True, slots=True)
class Quotient:
    """One number over another; missing where either is, or where the divisor is zero."""

    above: Number
    below: Number


@dataclass(frozen=True, slots=True)
class Apply:
    """``abs(x)``, ``wrap(angle)`` into (-pi, pi], or ``atan2(y, x)``, the direction of a vector."""

    function: Function
    arguments: tuple[Number, ...]


@dataclass(frozen=True, slots=True)
class Choose:
    """One number where a condition holds and another where it does not; missing where that is unknown."""

    condition: Condition
    then: Number
    otherwise: Number


@dataclass(frozen=True, slots=True)
class Before:
    """Inside ``fold``: the value of the fold at the frame before, 0 at the start."""


@dataclass(frozen=True, slots=True)
class Fold:
    """A number computed from this frame's features and its own value at the frame before."""

    child: Number


@dataclass(frozen=True, slots=True)
class Map:
    """A number computed frame by frame, of nothing but the frame itself."""

    child: Number


@dataclass(frozen=True, slots=True)
class MapPrefix:
    """At each frame the value a number would have if the recording ended there: windows never look ahead."""

    child: Number


Number: TypeAlias = (
    Feature
    | Constant
    | Windowed
    | Filtered
    | Fraction
    | Negative
    | Sum
    | Product
    | Quotient
    | Apply
    | Choose
    | Before
    | Fold
    | Map
    | MapPrefix
)


# ---- conditions: certain, possible or impossible at each frame


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
class Vote:
    """Present where the weights of the parts that hold add up to more than a threshold."""

    parts: tuple[Condition, ...]
    weights: tuple[float, ...]
    threshold: float
    softness: float = 0.0


@dataclass(frozen=True, slots=True)
class Either:
    """The better of both orders of the two animals: identities are arbitrary unless the labels say so."""

    child: Condition


@dataclass(frozen=True, slots=True)
class Sustained:
    """Present where the part has held for at least this long, this frame included."""

    child: Condition
    shortest: Duration


@dataclass(frozen=True, slots=True)
class Within:
    """Present where the part holds at some frame of a window around, before or after the frame."""

    child: Condition
    width: Duration
    side: Side = "past"


@dataclass(frozen=True, slots=True)
class FollowedBy:
    """Present where the first part holds, and the second does at a later frame at most this far away."""

    first: Condition
    second: Condition
    longest: Duration


@dataclass(frozen=True, slots=True)
class Hysteresis:
    """Begins where the first part holds, and lasts as long as the second does."""

    enter: Condition
    stay: Condition


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


Condition: TypeAlias = (
    Compare | Not | And | Or | Vote | Either | Sustained | Within | FollowedBy | Hysteresis | FillGaps | MinBout
)
Node: TypeAlias = Number | Condition
AnyNode = TypeVar("AnyNode", bound=Node)

# The fields of each node that hold its sub-programs, left to right; a node that is not here has one, ``child``.
_SUB_PROGRAMS: dict[type, tuple[str, ...]] = {
    Feature: (),
    Constant: (),
    Before: (),
    Quotient: ("above", "below"),
    Choose: ("condition", "then", "otherwise"),
    FollowedBy: ("first", "second"),
    Hysteresis: ("enter", "stay"),
}


def children(node: Node) -> tuple[Node, ...]:
    """Return the direct sub-programs of ``node``, left to right."""
    match node:
        case Sum(parts) | Product(parts) | And(parts) | Or(parts) | Vote(parts):
            return parts
        case Apply(_, arguments):
            return arguments
        case _:
            return tuple(getattr(node, name) for name in _SUB_PROGRAMS.get(type(node), ("child",)))


def with_children(node: AnyNode, parts: Sequence[Node]) -> AnyNode:
    """Return ``node`` with other direct sub-programs, as many and in the same order as :func:`children` gives."""
    match node:
        case Sum() | Product() | And() | Or() | Vote():
            return cast(AnyNode, replace(node, parts=tuple(parts)))  # type: ignore[arg-type]  # parts stay of their kind
        case Apply():
            return cast(AnyNode, replace(node, arguments=tuple(parts)))  # type: ignore[arg-type]  # as above
        case _:
            names = _SUB_PROGRAMS.get(type(node), ("child",))
            return replace(node, **dict(zip(names, parts, strict=True)))  # type: ignore[arg-type]  # as above


def walk(node: Node) -> Iterator[Node]:
    """Yield ``node`` and every sub-program below it, parents first."""
    yield node
    for child in children(node):
        yield from walk(child)


def complexity(node: Node) -> int:
    """Return feature references plus learned constants: thresholds, nonzero softness, weights, windows and durations.

    Examples
    --------
    >>> complexity(Compare(Windowed(Feature("speed"), Duration(0.5)), "<", 30.0, 4.0))
    4
    """
    return sum(_own_complexity(part) for part in walk(node))


def _own_complexity(node: Node) -> int:
    match node:
        case Feature() | Constant() | Fraction() | Sustained() | Within() | FollowedBy() | FillGaps() | MinBout():
            return 1
        case Windowed(share=optional) | Filtered(frequency=optional):
            return 1 + (optional is not None)
        case Compare(softness=softness):
            return 1 + (softness > 0)
        case Vote(_, weights, _, softness):
            return len(weights) + 1 + (softness > 0)
        case _:
            return 0


def feature_names(node: Node) -> tuple[str, ...]:
    """Return the distinct features ``node`` refers to, in order of first mention."""
    return tuple(dict.fromkeys(part.name for part in walk(node) if isinstance(part, Feature)))
