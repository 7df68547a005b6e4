"""Where in a program a node may stand: what sees one frame, what looks at others, and what would look ahead.

A number that sees its frame alone is called an *atom*, every other one a *sequence*, as in Shah et al. 2020,
NeurIPS, section 2.
"""

from __future__ import annotations

from nsp_core.dsl.ast import (
    Before,
    Condition,
    Either,
    FillGaps,
    Filtered,
    Fold,
    FollowedBy,
    Fraction,
    Hysteresis,
    Map,
    MapPrefix,
    MinBout,
    Node,
    Number,
    Sustained,
    Windowed,
    Within,
    children,
    walk,
)
from nsp_core.dsl.text import format_program
from nsp_core.errors import ProgramError

__all__ = ["check_places", "is_atom"]

_IN_TIME = (Windowed, Filtered, Fraction, Fold, Sustained, Within, FollowedBy, Hysteresis, FillGaps, MinBout)


def is_atom(node: Node) -> bool:
    """Return whether ``node`` sees its frame alone; inside a fold, ``before`` counts as part of the frame.

    Examples
    --------
    >>> from nsp_core.dsl.ast import Duration, Feature
    >>> is_atom(Map(Feature("speed"))), is_atom(Windowed(Feature("speed"), Duration(0.5)))
    (True, False)
    """
    return not any(isinstance(part, _IN_TIME) for part in walk(node))


def check_places(program: Number | Condition) -> None:
    """Check that ``map``, ``fold``, ``before`` and ``mapprefix`` stand where they mean something.

    Raises
    ------
    ProgramError
        If ``before`` stands outside a fold or below ``map`` or ``either``, a fold has no ``before``, or ``map``,
        ``fold`` or ``mapprefix`` holds what looks at frames that it cannot see.
    """
    _check(program, in_fold=False)


def _check(node: Node, *, in_fold: bool) -> None:
    match node:
        case Before() if not in_fold:
            raise ProgramError(
                found="before outside a fold",
                expected="before only inside fold(...), where it is the fold's value at the frame before",
                where="program",
                remedy="write fold(0.9 * before + 0.1 * speed), or put a feature called before into backticks",
            )
        case Map(child):
            _require_atom(child, node)
            _refuse_before(child, node)
        case Either(child):
            _refuse_before(child, node)
        case Fold(child):
            _check_fold(node, child)
        case MapPrefix(child):
            _check_prefix(child, node, below=None)
        case _:
            pass
    for part in children(node):
        _check(part, in_fold=in_fold or isinstance(node, Fold))


def _check_fold(node: Fold, child: Number) -> None:
    inner = next((part for part in walk(child) if isinstance(part, Fold)), None)
    if inner is not None:
        raise ProgramError(
            found=f"{format_program(inner)} inside another fold",
            expected="one fold, whose value at the frame before is before",
            where=f"'{format_program(node)}'",
            remedy="combine the two outside, as in fold(...) * fold(...)",
        )
    _require_atom(child, node)
    if not _mentions_before(child):
        raise ProgramError(
            found="a fold without before",
            expected="a number computed from this frame and from before, the fold's value at the frame before",
            where=f"'{format_program(node)}'",
            remedy="write map(...) for what sees one frame alone, or fold(0.9 * before + 0.1 * speed)",
        )


def _require_atom(child: Number, node: Map | Fold) -> None:
    other = next((part for part in walk(child) if isinstance(part, _IN_TIME)), None)
    if other is None:
        return
    word = "map" if isinstance(node, Map) else "fold"
    raise ProgramError(
        found=f"{format_program(other)}, which looks at other frames",
        expected=f"numbers of the frame alone inside {word}",
        where=f"'{format_program(node)}'",
        remedy="write it without map" if word == "map" else "take the window or filter of the whole fold instead",
    )


def _refuse_before(child: Node, node: Map | Either) -> None:
    if _mentions_before(child):
        word = "map" if isinstance(node, Map) else "either"
        raise ProgramError(
            found=f"before inside {word}",
            expected=f"{word} of what does not depend on the frame before",
            where=f"'{format_program(node)}'",
            remedy=f"leave out {word}, or put it around the whole fold",
        )


def _mentions_before(node: Node) -> bool:
    # What stands in a fold of its own is before in that fold.
    return isinstance(node, Before) or (
        not isinstance(node, Fold) and any(_mentions_before(part) for part in children(node))
    )


def _check_prefix(part: Node, node: MapPrefix, below: Node | None) -> None:
    """Refuse what looks ahead below what looks at other frames: its cut end would be another one at each of them."""
    if isinstance(part, MapPrefix):
        return  # it never looks ahead, and is checked on its own
    if below is not None and _looks_ahead(part):
        raise ProgramError(
            found=f"{format_program(part)}, which looks ahead, inside {format_program(below)}",
            expected="what looks ahead only outermost in mapprefix, where its future is cut off",
            where=f"'{format_program(node)}'",
            remedy="let the inner one look at the past, or put mapprefix around it alone",
        )
    for inner in children(part):
        _check_prefix(inner, node, part if isinstance(part, _IN_TIME) else below)


def _looks_ahead(node: Node) -> bool:
    match node:
        case Windowed(side=side) | Fraction(side=side) | Within(side=side):
            return side != "past"
        case Filtered() | FollowedBy() | FillGaps() | MinBout():
            return True
        case _:
            return False
