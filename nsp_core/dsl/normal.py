"""One representative of the programs that say the same in other words, so that a search or a reader meets each once.

=====================================  =====================================  ==========================
written                                normal form                            smooth degrees
=====================================  =====================================  ==========================
``p and (q and r)``, ``or`` alike      ``p and q and r``                      same but for rounding
``q and p``, ``or`` alike              ``p and q``, by text                   same but for rounding
``p and p``, ``or`` alike              ``p``                                  differ: p * p is not p
``not not p``                          ``p``                                  same but for rounding
``not (p and q)``, ``or`` alike        ``not p or not q`` (De Morgan)         same but for rounding
``points(1: q, 2: p) > 2``             ``points(2: p, 1: q) > 2``, by text    same but for rounding
``either(p)``, p the same both ways    ``p``                                  same
``hysteresis(p, p)``                   ``p``                                  same
``fill_gaps(fill_gaps(p, a), b)``      ``fill_gaps(p, longer of a and b)``    same
``min_bout(min_bout(p, a), b)``        ``min_bout(p, longer of a and b)``     same
``-z + y + x``, ``*`` alike            ``x + y - z``, by text                 same but for rounding
``-(-x)``, ``-(3 mm)``                 ``x``, ``-3 mm``                       same
``map(x)``                             ``x``                                  same
``mapprefix(x)``, x of the frame only  ``x``                                  same
=====================================  =====================================  ==========================

What holds exactly, and where the program abstains, is the same for all of them. A sum or product of three or more parts
is one in the other order but for the rounding of float64, which only a threshold between two such sums could tell.

What is *not* done, because it means something else:

- ``not x < c`` stays and does not become ``x > c``: where x is exactly c the first holds and the second does not, and
  counts, shares and whole pixels do lie on their thresholds. No float32 is 0.1, so there the two would agree; but a
  form that hangs on the digits of a constant would change when the constant is tuned.
- ``not`` stays outside ``either``, ``fill_gaps``, ``min_bout``, ``within``, ``sustained``, ``followed_by``,
  ``hysteresis`` and ``points``. What lies outside the recording is absent, and is not present for ``not p``: a gap that
  ends with the recording is not filled, but a bout of ``not p`` there may be too short.
- Sums inside sums stay: each sum is stored as float32.
"""

from __future__ import annotations

from typing import cast

from nsp_core.dsl.ast import (
    And,
    Condition,
    Constant,
    Duration,
    Either,
    Feature,
    FillGaps,
    Hysteresis,
    Map,
    MapPrefix,
    MinBout,
    Negative,
    Node,
    Not,
    Or,
    Product,
    Sum,
    Vote,
    children,
    with_children,
)
from nsp_core.dsl.places import is_atom
from nsp_core.dsl.printing import format_program
from nsp_core.features.views import swap_reference

__all__ = ["normal_form"]


def normal_form(program: Condition) -> Condition:
    """Return the representative of all programs that differ from ``program`` only as the module's table says.

    The exact states are those of ``program``, abstentions included; the normal form of a normal form is itself.

    Examples
    --------
    >>> from nsp_core.dsl.text import parse_program
    >>> format_program(normal_form(parse_program("not (b > 2 or not (b > 1 and a < 3) or b > 2)")))
    'a < 3 and b > 1 and not b > 2'
    """
    return cast(Condition, _normal(program))


def _normal(node: Node) -> Node:
    return _settled(with_children(node, [_normal(part) for part in children(node)]))


def _settled(node: Node) -> Node:
    """Return the normal form of a node whose parts have theirs."""
    match node:
        case And(parts):
            return _joined(And, parts)
        case Or(parts):
            return _joined(Or, parts)
        case Not(Not(child)):
            return child
        case Not(And(parts)):
            return _joined(Or, tuple(_negated(part) for part in parts))
        case Not(Or(parts)):
            return _joined(And, tuple(_negated(part) for part in parts))
        case Vote(parts, weights, threshold, softness) if len(parts) == len(weights):
            votes = sorted(zip(parts, weights, strict=True), key=lambda vote: (format_program(vote[0]), vote[1]))
            return Vote(tuple(part for part, _ in votes), tuple(weight for _, weight in votes), threshold, softness)
        case Either(child) if _same_both_ways(child):
            return child
        case Hysteresis(enter, stay) if enter == stay:
            return enter
        case FillGaps(FillGaps(child, inner), outer) if inner.reference == outer.reference:
            return FillGaps(child, _longer(inner, outer))
        case MinBout(MinBout(child, inner), outer) if inner.reference == outer.reference:
            return MinBout(child, _longer(inner, outer))
        case _:
            return _settled_number(node)


def _settled_number(node: Node) -> Node:
    match node:
        case Sum(parts):
            return Sum(tuple(sorted(parts, key=_summand_order)))
        case Product(parts):
            return Product(tuple(sorted(parts, key=format_program)))
        case Negative(Negative(child)):
            return child
        case Negative(Constant(value, unit)):
            return Constant(0.0 - value, unit)  # never -0
        case Map(child):
            return child
        case MapPrefix(child) if is_atom(child):
            return child
        case _:
            return node


def _joined(node: type[And | Or], parts: tuple[Condition, ...]) -> Condition:
    """Return ``and`` or ``or`` of normal parts: those of parts of its own kind among them, each once, by text."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, node) else (part,))]
    distinct = sorted(dict.fromkeys(flat), key=format_program)
    return distinct[0] if len(distinct) == 1 else node(tuple(distinct))


def _negated(part: Condition) -> Condition:
    return cast(Condition, _settled(Not(part)))


def _same_both_ways(node: Node) -> bool:
    """Return whether exchanging the animals leaves ``node`` as it is."""
    if isinstance(node, Either):
        return True
    if isinstance(node, Feature):
        return swap_reference(node.name) == node.name
    return all(map(_same_both_ways, children(node)))


def _longer(one: Duration, other: Duration) -> Duration:
    return max(one, other, key=lambda duration: duration.value)


def _summand_order(part: Node) -> tuple[bool, str]:
    # What is subtracted comes last: y - x, and not -x + y.
    return isinstance(part, Negative), format_program(part)
