"""The text of a program, with as few brackets as read back to the same tree."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nsp_core.dsl.ast import (
    And,
    Before,
    Compare,
    Constant,
    Duration,
    Feature,
    Filtered,
    Negative,
    Node,
    Not,
    Or,
    Product,
    Quotient,
    Sum,
    Vote,
    children,
)
from nsp_core.dsl.words import BEFORE, POINTS, RESERVED, Argument, Word, word_of
from nsp_core.units import Unit

__all__ = ["format_program", "format_value"]

_PLAIN_NAME = re.compile(r"(?!(?:and|or|not)\b)[A-Za-z_][A-Za-z0-9_]*(\[[a-z]+\])?")

# How tightly the outermost operator of a text binds.
_OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _UNARY, _ATOM = range(8)


def format_program(node: Node) -> str:
    """Return the text of a program or of a part of it.

    Examples
    --------
    >>> from nsp_core.dsl.ast import Windowed
    >>> slow = Compare(Windowed(Feature("speed[agent]"), Duration(0.5)), "<", 30.0, 4.0, Unit(length=1, time=-1))
    >>> print(format_program(slow))
    mean(speed[agent], 0.5 s) < 30 ± 4 mm/s
    >>> print(format_program(Product((Constant(-2.0), Sum((Feature("x"), Negative(Feature("y"))))))))
    -2 * (x - y)
    """
    return _print(node)[0]


def format_value(value: float, unit: Unit | str = "", spread: float = 0.0) -> str:
    """Return a number, its softness where it has one, and its unit: ``30 ± 4 mm/s``."""
    softness = f" ± {_number(spread)}" if spread else ""
    return f"{_number(value)}{softness} {unit}".rstrip()


def _print(node: Node) -> tuple[str, int]:
    """Return the text of ``node`` and how tightly its outermost operator binds."""
    word = word_of(node)
    if word is not None:
        return _call(word, node), _ATOM
    match node:
        case Or(parts):
            return " or ".join(_enclosed(part, _OR + 1) for part in parts), _OR
        case And(parts):
            return " and ".join(_enclosed(part, _AND + 1) for part in parts), _AND
        case Not(child):
            return f"not {_enclosed(child, _NOT)}", _NOT
        case Compare(child, relation, threshold, softness, unit):
            return f"{_enclosed(child, _SUM)} {relation} {format_value(threshold, unit, softness)}", _COMPARISON
        case Vote(parts, weights, threshold, softness):
            # Not strict: the type checker prints a node with a weight missing too.
            counted = (f"{_number(weight)}: {format_program(part)}" for weight, part in zip(weights, parts))  # noqa: B905
            return f"{POINTS}({', '.join(counted)}) > {format_value(threshold, spread=softness)}", _COMPARISON
        case _:
            return _arithmetic(node)


def _arithmetic(node: Node) -> tuple[str, int]:
    match node:
        case Sum((first, *rest)):
            return _enclosed(first, _PRODUCT) + "".join(map(_summand, rest)), _SUM
        case Product((first, *rest)):
            return " * ".join([_left_factor(first, Quotient), *(_enclosed(part, _UNARY) for part in rest)]), _PRODUCT
        case Quotient(above, below):
            return f"{_left_factor(above, Product, Quotient)} / {_enclosed(below, _UNARY)}", _PRODUCT
        case Negative(child):
            # A digit behind the minus would make a constant of it.
            return f"-{_enclosed(child, _UNARY, never_before='-.0123456789')}", _UNARY
        case Constant(value, unit):
            return format_value(value, unit), _ATOM
        case Feature(name):
            return (name if _PLAIN_NAME.fullmatch(name) and name not in RESERVED else f"`{name}`"), _ATOM
        case Before():
            return BEFORE, _ATOM
        case _:  # a sum or product of nothing, which has no text
            return "()", _ATOM


def _summand(part: Node) -> str:
    if isinstance(part, Negative):
        return f" - {_enclosed(part.child, _PRODUCT, never_before='-')}"
    return f" + {_enclosed(part, _PRODUCT)}"


def _left_factor(part: Node, *bare: type) -> str:
    # ``a * b / c`` reads from left to right: what stands left of the operator needs no brackets.
    return format_program(part) if isinstance(part, bare) else _enclosed(part, _UNARY)


def _enclosed(node: Node, at_least: int, never_before: str = "") -> str:
    text, tightness = _print(node)
    return text if tightness >= at_least and not text.startswith(tuple(never_before)) else f"({text})"


def _call(word: Word, node: Node) -> str:
    parts = iter(children(node))
    arguments = (_argument(node, argument, parts) for argument in word.arguments)
    return f"{word.text}({', '.join(text for text in arguments if text)})"


def _argument(node: Node, argument: Argument, parts: Iterator[Node]) -> str:
    if argument.kind in ("number", "condition"):
        return format_program(next(parts))
    value = getattr(node, argument.field)
    match value:
        case Duration(width, reference):
            side = getattr(node, "side", "centered")
            return f"{'' if side == 'centered' else f'{side} '}{format_value(width, reference)}"
        case None:
            return ""
        case _:
            # A frequency is counted in the time of the filter's width.
            unit = f"1/{node.sigma.reference}" if isinstance(node, Filtered) else ""
            return format_value(value, unit)


def _number(value: float) -> str:
    # The shortest text that reads back to the same float: nothing is lost between print and parse.
    return repr(float(value)).removesuffix(".0")
