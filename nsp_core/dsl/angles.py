"""Which numbers of a program are angles that wrap from pi to -pi, and which no longer say how often they went round.

A *signed* angle lies in (-pi, pi] and meets itself after a full turn: operators over time have a version of their own
for it. Arithmetic takes it out of that range: a difference of two headings is *unwrapped*, and only ``wrap(...)`` makes
an angle of it again. Every other number is *plain*, an angle in [0, pi] too.

References
----------
Mardia & Jupp 2000, Directional Statistics, section 2.2, doi:10.1002/9780470316979.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from nsp_core.dsl.ast import (
    Apply,
    Before,
    Choose,
    Feature,
    Filtered,
    Fold,
    Map,
    MapPrefix,
    Negative,
    Number,
    Product,
    Quotient,
    Sum,
    Windowed,
)
from nsp_core.errors import FeatureError
from nsp_core.features.lookup import spec

__all__ = ["AngleKind", "angle_kind", "is_signed_angle"]

AngleKind = Literal["plain", "signed", "unwrapped"]

# From what everything may be done with to what must be wrapped first.
_KINDS: tuple[AngleKind, ...] = ("plain", "signed", "unwrapped")

# Of a signed angle these are signed angles too; its other statistics, such as the spread, do not wrap.
_SIGNED_STATISTICS = frozenset({"mean", "min", "max", "quantile", "delta"})


def is_signed_angle(number: Number) -> bool:
    """Return whether ``number`` is a signed angle, of which operators over time take the circular version.

    Features count by what the catalog says of them, whosever they are; a name that is not in the catalog is plain.

    Examples
    --------
    >>> is_signed_angle(Feature("bearing[agent]")), is_signed_angle(Feature("facing_angle[agent]"))
    (True, False)
    """
    return angle_kind(number) == "signed"


def angle_kind(number: Number, before: AngleKind = "plain") -> AngleKind:
    """Return whether ``number`` is a plain number, a signed angle or an unwrapped one.

    Parameters
    ----------
    number
        Any number of a program, type-checked or not.
    before
        What ``before`` is inside a fold.

    Examples
    --------
    >>> turned = Sum((Feature("heading[agent]"), Negative(Feature("heading[target]"))))
    >>> angle_kind(turned), angle_kind(Apply("wrap", (turned,)))
    ('unwrapped', 'signed')
    """
    match number:
        case Feature(name):
            return "signed" if _wraps(name) else "plain"
        case Before():
            return before
        case Apply(function):
            return "plain" if function == "abs" else "signed"
        case Windowed(child, statistic=statistic):
            return _kept(angle_kind(child, before), statistic in _SIGNED_STATISTICS)
        case Filtered(child, kernel=kernel):
            return _kept(angle_kind(child, before), kernel == "gaussian")
        case Negative(child) | Map(child) | MapPrefix(child):
            return angle_kind(child, before)
        case Sum(parts) | Product(parts):
            return _combined(parts, before)
        case Quotient(above, below):
            return _combined((above, below), before)
        case Choose(_, then, otherwise):
            return max(angle_kind(then, before), angle_kind(otherwise, before), key=_KINDS.index)
        case Fold(child):
            return _kind_of_fold(child)
        case _:
            return "plain"


def _kept(kind: AngleKind, keeps: bool) -> AngleKind:
    return kind if keeps else "plain"


def _combined(parts: tuple[Number, ...], before: AngleKind) -> AngleKind:
    return "plain" if all(angle_kind(part, before) == "plain" for part in parts) else "unwrapped"


def _kind_of_fold(child: Number) -> AngleKind:
    """Return the least kind that the fold has if ``before``, the fold itself one frame ago, has it too."""
    kind: AngleKind = "plain"
    while (following := angle_kind(child, kind)) != kind:
        kind = following
    return kind


@lru_cache(maxsize=4096)
def _wraps(reference: str) -> bool:
    """Return whether the catalog knows the feature of this reference, whosever it is, as an angle that wraps."""
    name = reference.partition("[")[0]
    try:
        return spec(name).spec.circular
    except FeatureError:
        return False
