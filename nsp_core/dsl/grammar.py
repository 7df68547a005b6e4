r"""The grammar of program texts, and the nodes it makes of them. Parsing is deterministic and runs no code.

The grammar does not tell numbers from conditions: whoever builds a node does, and can say what is wrong.

- A unit stands directly behind its number and holds no spaces. What ``*`` or ``/`` joins to it without spaces is part
  of it: ``3 mm*s`` has a unit of two factors, ``3 mm * speed`` is a product. Elsewhere spaces do not matter.
- A minus directly before a digit is part of the number where one may begin: ``-3 mm`` is a constant, ``-(3 mm)`` the
  negative of one, and both ``x -3 mm`` and ``x - 3 mm`` are differences.
- A minus binds more tightly than ``*`` and ``/``, these than ``+`` and ``-``, and both than ``<`` and ``>``, ``not``,
  ``and``, ``or``, in this order. ``a * b / c * d`` reads from left to right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any, cast

from lark import Lark, Token, Transformer, v_args

from nsp_core.dsl.ast import (
    And,
    Before,
    Condition,
    Constant,
    Feature,
    Negative,
    Not,
    Number,
    Or,
    Product,
    Quotient,
    Sum,
)
from nsp_core.dsl.calls import called
from nsp_core.dsl.comparing import compared
from nsp_core.dsl.mistakes import Mistake, check_word, place_of, unit_at
from nsp_core.dsl.pieces import Piece, as_condition, as_number, depth_above
from nsp_core.dsl.printing import format_value
from nsp_core.dsl.words import UNIT_SYMBOLS

__all__ = ["GRAMMAR", "program_parser"]

GRAMMAR = r"""
start: disjunction
?disjunction: conjunction (OR conjunction)*
?conjunction: negation (AND negation)*
?negation: NOT negation                       -> inverse
         | comparison
?comparison: sum (RELATION sum)*
?sum: product ((PLUS | MINUS) product)*
?product: unary ((STAR | SLASH) unary)*
?unary: MINUS unary                           -> negative
      | atom
?atom: NAME                                   -> feature
     | QUOTED                                 -> quoted
     | BEFORE                                 -> before
     | literal
     | WORD "(" (argument ("," argument)*)? ")" -> call
     | LPAR disjunction ")"                   -> group
literal: SIGNED [UNIT] [PLUSMINUS SIGNED [UNIT]]
?argument: disjunction
         | SIDE literal                       -> sided
         | SIGNED ":" disjunction             -> weighted

OR: /or(?![A-Za-z0-9_])/
AND: /and(?![A-Za-z0-9_])/
NOT: /not(?![A-Za-z0-9_])/
BEFORE.2: /before(?![A-Za-z0-9_\[])(?!\s*\()/
SIDE.2: /(past|next)(?=\s*[.\d])/
WORD.2: /(?!(and|or|not)\b)[A-Za-z_][A-Za-z0-9_]*(?=\s*\()/
NAME.1: /(?!(and|or|not)\b)[A-Za-z_][A-Za-z0-9_]*(\[[a-z]+\])?/
QUOTED: /`[^`]+`/
RELATION: /<=|>=|==|!=|[<>=≤≥≠]/
PLUSMINUS: "±" | "+-"
PLUS: "+"
MINUS: "-"
STAR: "*"
SLASH: "/"
LPAR: "("
COMMA: ","
COLON: ":"
SIGNED: /[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/
UNIT: /(?!(and|or)(?![A-Za-z0-9_]))(1[*\/])?[A-Za-z_][A-Za-z0-9_]*(\^-?\d+)?([*\/][A-Za-z_][A-Za-z0-9_]*(\^-?\d+)?)*/
%import common.WS
%ignore WS
"""


@cache
def program_parser() -> Lark:
    """Return the parser of program texts; it gives a condition, or raises ``Mistake`` or lark's ``UnexpectedInput``."""
    return Lark(GRAMMAR, parser="lalr", lexer="contextual", transformer=_Builder())


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """Makes nodes from the leaves up, while the text is read."""

    def WORD(self, word: Token) -> Token:  # noqa: N802  # named as the terminal whose tokens it sees
        check_word(word)
        return word

    def UNIT(self, unit: Token) -> Token:  # noqa: N802  # as above
        unit_at(unit)
        return unit

    def SIGNED(self, number: Token) -> Token:  # noqa: N802  # as above
        if not math.isfinite(float(number)):
            raise Mistake(place_of(number), f"the number '{number}'", "a finite number", "write a smaller one")
        return number

    def start(self, program: Piece) -> Condition:
        return as_condition(program)

    def group(self, bracket: Token, inner: Piece) -> Piece:
        start = place_of(bracket)
        return replace(inner, start=start, depth=depth_above(start, inner), plain=False)

    def disjunction(self, *parts: Piece | Token) -> Piece:
        return self._joined(Or, parts)

    def conjunction(self, *parts: Piece | Token) -> Piece:
        return self._joined(And, parts)

    def _joined(self, node: type[And | Or], parts: tuple[Piece | Token, ...]) -> Piece:
        pieces = [part for part in parts if isinstance(part, Piece)]
        start = pieces[0].start
        return Piece(node(tuple(map(as_condition, pieces))), start, depth_above(start, *pieces))

    def inverse(self, word: Token, child: Piece) -> Piece:
        start = place_of(word)
        return Piece(Not(as_condition(child)), start, depth_above(start, child))

    def comparison(self, *parts: Piece | Token) -> Piece:
        return compared(parts)

    def sum(self, first: Piece, *rest: Piece | Token) -> Piece:
        terms = [as_number(first)]
        for sign, piece in _pairs(rest):
            number = as_number(piece)
            terms.append(Negative(number) if sign == "-" else number)
        return Piece(Sum(tuple(terms)), first.start, depth_above(first.start, first, *rest))

    def product(self, first: Piece, *rest: Piece | Token) -> Piece:
        factors, n_divisions, left = [as_number(first)], 0, first
        for sign, piece in _pairs(rest):
            _refuse_unit(left, sign, piece)
            number, left = as_number(piece), piece
            if sign == "*":
                factors.append(number)
            else:  # what stands left of it is what is divided
                factors = [Quotient(_multiplied(factors), number)]
                n_divisions += 1
        return Piece(_multiplied(factors), first.start, depth_above(first.start, first, *rest, more=n_divisions))

    def negative(self, sign: Token, child: Piece) -> Piece:
        start = place_of(sign)
        return Piece(Negative(as_number(child)), start, depth_above(start, child))

    def feature(self, name: Token) -> Piece:
        return Piece(Feature(str(name)), place_of(name), plain=True)

    def quoted(self, name: Token) -> Piece:
        return Piece(Feature(str(name).strip("`")), place_of(name))

    def before(self, word: Token) -> Piece:
        return Piece(Before(), place_of(word))

    def literal(
        self, value: Token, unit: Token | None, sign: Token | None, softness: Token | None, unit_behind: Token | None
    ) -> Piece:
        if unit is not None and sign is not None:
            raise Mistake(
                place_of(unit),
                f"the unit '{unit}' before '{sign}'",
                "the unit behind the softness",
                f"write {value} ± {softness} {unit}",
            )
        return Piece(
            Constant(float(value), unit_at(unit or unit_behind)),
            place_of(value),
            softness=0.0 if softness is None else float(softness),
            softness_at=None if sign is None else place_of(sign),
            plain=True,
        )

    def call(self, word: Token, *arguments: Piece) -> Piece:
        return called(word, arguments)

    def sided(self, side: Token, duration: Piece) -> Piece:
        return replace(duration, side=side)

    def weighted(self, weight: Token, part: Piece) -> Piece:
        return replace(part, weight=weight)


def _pairs(rest: tuple[Piece | Token, ...]) -> Iterator[tuple[Token, Piece]]:
    return zip(cast(tuple[Token, ...], rest[::2]), cast(tuple[Piece, ...], rest[1::2]), strict=True)


def _multiplied(factors: list[Number]) -> Number:
    return factors[0] if len(factors) == 1 else Product(tuple(factors))


def _refuse_unit(left: Piece, sign: Token, right: Piece) -> None:
    """Refuse ``31/s``: a feature called as a unit stands in backticks, so it is a unit on its own."""
    name = right.node.name if isinstance(right.node, Feature) else ""
    if not (right.plain and name in UNIT_SYMBOLS):
        return
    number = left.literal
    if number is None:
        remedy = f"give it a number, as in 3 {name}, or put a feature called {name} into backticks"
    else:
        unit = f"{number.unit}{sign}{name}" if str(number.unit) else f"1/{name}" if sign == "/" else name
        remedy = f"write {format_value(number.value)} {unit}: a unit stands behind its number, without spaces in it"
    raise Mistake(right.start, f"the unit '{name}'", f"a number behind '{sign}'", remedy)
