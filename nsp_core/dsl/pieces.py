"""Pieces of a program text: nodes that were read, and how they stood there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from lark import Token

from nsp_core.dsl.ast import Condition, Constant, Node, Number
from nsp_core.dsl.mistakes import Mistake
from nsp_core.dsl.printing import format_program, format_value
from nsp_core.dsl.words import POINTS, is_number

__all__ = ["Piece", "as_condition", "as_number", "depth_above", "shown"]

# Deeper than any program a person reads, and shallow enough for all that walks a tree.
DEEPEST = 100
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Piece:
    """A node that was read, and how it stood there.

    Attributes
    ----------
    node
        The node; None for points, which are no condition without their threshold.
    start
        Where its text begins.
    depth
        How many nodes and brackets lie inside each other.
    plain
        Whether it is a name without backticks, or a number with its unit and nothing around it.
    softness, softness_at
        Of such a number: what stands behind ``±``, else 0, and where that stands.
    side, weight
        The word or the number before it, where it is an argument.
    votes
        The weights and parts of points.
    """

    node: Node | None
    start: int
    depth: int = 1
    plain: bool = False
    softness: float = 0.0
    softness_at: int | None = None
    side: Token | None = None
    weight: Token | None = None
    votes: tuple[tuple[float, Condition], ...] = ()

    @property
    def literal(self) -> Constant | None:
        """The number it is, if it is one with nothing around it."""
        return self.node if self.plain and isinstance(self.node, Constant) else None


def depth_above(start: int, *parts: Piece | Token, more: int = 0) -> int:
    """Return how deep a node is that holds ``parts``; refuse one that is too deep to be read."""
    depth = 1 + more + max(part.depth for part in parts if isinstance(part, Piece))
    if depth > DEEPEST:
        raise Mistake(
            start,
            "a program nested too deeply to read",
            f"at most {DEEPEST} operators and brackets inside each other",
            "remove brackets, or operators around operators",
        )
    return depth


def as_condition(piece: Piece) -> Condition:
    """Return the condition a piece is."""
    node = _finished(piece)
    if is_number(node):
        raise Mistake(
            piece.start,
            f"the number '{shown(node)}'",
            "a condition",
            f"compare it with a threshold, as in {_compared(node)}",
        )
    return cast(Condition, node)


def as_number(piece: Piece) -> Number:
    """Return the number a piece is; a softness belongs to thresholds only."""
    node = _finished(piece)
    if not is_number(node):
        raise Mistake(
            piece.start,
            f"the condition '{shown(node)}'",
            "a number",
            "fraction(..., 2 s) is the share of time in which a condition holds, if(..., 1, 0) is 1 where it does",
        )
    if piece.softness_at is not None:
        raise Mistake(
            piece.softness_at,
            "a softness outside a threshold",
            "± only behind < or >",
            "write it as in speed < 30 ± 4 mm/s",
        )
    return cast(Number, node)


def shown(node: Node) -> str:
    """Return the text of a node, cut where it is long."""
    text = format_program(node)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _compared(node: Node) -> str:
    if isinstance(node, Constant):
        return f"speed < {format_value(node.value, node.unit)}"
    return f"{shown(node)} < 30 mm/s"


def _finished(piece: Piece) -> Node:
    if piece.node is None:
        raise Mistake(
            piece.start,
            f"{POINTS} without a threshold",
            f"{POINTS}(...) > threshold",
            f"write it as in {POINTS}(2: nose_to_nose < 22 mm, 1: speed < 30 mm/s) > 1.5",
        )
    return piece.node
