"""Comparisons as they are read: a number, a relation, a threshold. What is compared otherwise is told how to say it."""

from __future__ import annotations

from typing import Literal, cast

from lark import Token

from nsp_core.dsl.ast import And, Compare, Constant, Negative, Number, Sum, Vote
from nsp_core.dsl.mistakes import Mistake, place_of
from nsp_core.dsl.pieces import Piece, as_number, depth_above, shown
from nsp_core.dsl.printing import format_program, format_value
from nsp_core.dsl.words import POINTS, is_number

__all__ = ["compared"]

Relation = Literal["<", ">"]
_FLIPPED: dict[str, Relation] = {"<": ">", ">": "<"}


def compared(parts: tuple[Piece | Token, ...]) -> Piece:
    """Return the comparison that ``parts`` are: pieces with relations between them.

    Raises
    ------
    Mistake
        If there is more than one relation or another one than ``<`` and ``>``, or what stands behind it is no number
        with its unit.
    """
    for relation in cast(tuple[Token, ...], parts[1::2]):
        if relation not in _FLIPPED:
            raise _strange(relation, parts)
    if len(parts) > 3:
        raise _chained(parts)
    left, relation, right = cast(tuple[Piece, Token, Piece], parts)
    sign, depth = cast(Relation, str(relation)), depth_above(left.start, left, right)
    if left.votes:
        return Piece(_vote(left, relation, _threshold(left, sign, right), right), left.start, depth)
    threshold = _threshold(left, sign, right)
    comparison = Compare(as_number(left), sign, threshold.value, right.softness, threshold.unit)
    return Piece(comparison, left.start, depth)


def _vote(left: Piece, relation: Token, threshold: Constant, right: Piece) -> Vote:
    if relation == "<":
        raise Mistake(
            place_of(relation),
            f"'<' behind {POINTS}(...)",
            "'>'",
            f"write not {POINTS}(...) > {format_value(threshold.value)}",
        )
    if str(threshold.unit):
        raise Mistake(
            right.start, f"the threshold '{shown(threshold)}'", f"a number without a unit, as {POINTS} are",
            f"write {format_value(threshold.value)}",
        )  # fmt: skip
    weights, conditions = zip(*left.votes, strict=True)
    return Vote(conditions, weights, threshold.value, right.softness)


def _threshold(left: Piece, sign: Relation, right: Piece) -> Constant:
    """Return the number behind the relation, or say how a comparison of what stands there is written."""
    if right.literal is not None:
        return right.literal
    if left.node is not None and not is_number(left.node):
        as_number(left)
    node = as_number(right)
    number = _constant(node)
    if number is not None:
        remedy = f"write {format_value(number.value, number.unit)}, without brackets or a space behind the sign"
    elif left.literal is not None:
        flipped = Compare(node, _FLIPPED[sign], left.literal.value, left.softness, left.literal.unit)
        remedy = f"write {format_program(flipped)}"
    elif left.node is None:
        remedy = f"write a number, as in {POINTS}(...) > 1.5"
    else:
        difference = Sum((as_number(left), Negative(node)))
        remedy = f"compare the difference with a threshold: {format_program(difference)} {sign} 0 with its unit"
    raise Mistake(
        right.start, f"'{shown(node)}' behind '{sign}'", "a number with its unit, such as 30 ± 4 mm/s", remedy
    )


def _constant(node: Number) -> Constant | None:
    """Return the number that a constant in brackets, or with its sign apart from it, was meant to be."""
    match node:
        case Constant():
            return node
        case Negative(Constant(value, unit)):
            return Constant(-value, unit)
        case _:
            return None


def _chained(parts: tuple[Piece | Token, ...]) -> Mistake:
    second = cast(Token, parts[3])
    match parts:
        case (Piece(literal=Constant() as low), first, Piece() as middle, _, Piece(literal=Constant() as high)):
            number = as_number(middle)
            both = And(
                (
                    Compare(number, _FLIPPED[str(first)], low.value, 0.0, low.unit),
                    Compare(number, cast(Relation, str(second)), high.value, 0.0, high.unit),
                )
            )
            remedy = f"write {format_program(both)}"
        case _:
            remedy = "join two comparisons by and, as in speed > 10 mm/s and speed < 30 mm/s"
    return Mistake(place_of(second), f"a second '{second}' in one comparison", "one relation", remedy)


def _strange(relation: Token, parts: tuple[Piece | Token, ...]) -> Mistake:
    meant = {"<=": "<", "≤": "<", ">=": ">", "≥": ">"}.get(str(relation))
    match parts:
        case (Piece(node=left), _, Piece(literal=Constant(value, unit))) if left is not None and meant is not None:
            number, threshold = shown(left), format_value(value, unit)
            # Where not x > c holds, x is at c or below it.
            without, with_it = f"{number} {meant} {threshold}", f"not {number} {_FLIPPED[meant]} {threshold}"
            remedy = f"write {without}, or {with_it} to count {threshold} itself"
        case _:
            remedy = "write < or >; for a range both, as in speed > 10 mm/s and speed < 30 mm/s"
    return Mistake(place_of(relation), f"'{relation}'", "< or >", remedy)
