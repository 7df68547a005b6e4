"""The text of a program, as a biologist reads it, and its parser. Text and tree determine each other exactly.

``mean(nose_to_body[lower], 4 s) < 0.98 ± 0.2 bl and mean(centroid_distance, 4 s) > 0.45 ± 0.2 bl``

``+-`` is read for ``±``; a softness left out is a hard threshold; a name that is no plain word stands in backticks.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Literal, cast

from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import VisitError

from nsp_core.dsl.ast import (
    STATISTICS,
    And,
    Compare,
    Condition,
    Duration,
    Either,
    Feature,
    FillGaps,
    MinBout,
    Node,
    Not,
    Or,
    Side,
    Statistic,
    Windowed,
)
from nsp_core.errors import NspError, ProgramError
from nsp_core.units import parse_unit

__all__ = ["format_program", "parse_program"]

GRAMMAR = r"""
start: or_test
?or_test: and_test (_OR and_test)*           -> disjunction
?and_test: not_test (_AND not_test)*         -> conjunction
?not_test: _NOT not_test                     -> negation
         | comparison
         | "either" "(" or_test ")"                    -> either
         | "fill_gaps" "(" or_test "," duration ")"    -> fill_gaps
         | "min_bout" "(" or_test "," duration ")"     -> min_bout
         | "(" or_test ")"                             -> group
comparison: number RELATION SIGNED (_PLUSMINUS SIGNED)? UNIT?
?number: feature
       | STATISTIC "(" feature "," (SIGNED ",")? SIDE? duration ")"  -> windowed
feature: NAME | QUOTED
duration: SIGNED UNIT

_OR: /or(?![A-Za-z0-9_])/
_AND: /and(?![A-Za-z0-9_])/
_NOT: /not(?![A-Za-z0-9_])/
STATISTIC: /(mean|min|max|std|range|quantile|delta|slope)(?=\s*\()/
SIDE: /(past|next)(?![A-Za-z0-9_])/
RELATION: "<" | ">"
_PLUSMINUS: "±" | "+-"
NAME: /(?!(and|or|not)\b)[A-Za-z_][A-Za-z0-9_]*(\[[a-z]+\])?/
QUOTED: /`[^`]+`/
SIGNED: /[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/
UNIT.2: /(mm|px|bl|arena|rad|s|frame|1)(?![A-Za-z0-9_])(\^-?\d+)?([*\/](mm|px|bl|arena|rad|s|frame)(\^-?\d+)?)*/
%import common.WS
%ignore WS
"""

_WORDS = "|".join((*STATISTICS, "either", "fill_gaps", "min_bout"))
_PLAIN_NAME = re.compile(rf"(?!(?:and|or|not)\b|(?:{_WORDS})$)[A-Za-z_][A-Za-z0-9_]*(\[[a-z]+\])?")
_OR, _AND, _NOT, _TIGHT = range(4)


def format_program(node: Node) -> str:
    """Return the text of a program or of a part of it.

    Examples
    --------
    >>> print(format_program(Compare(Windowed(Feature("speed[agent]"), Duration(0.5)), "<", 30.0, 4.0,
    ...                              parse_unit("mm/s"))))
    mean(speed[agent], 0.5 s) < 30 ± 4 mm/s
    """
    return _print(node)[0]


def parse_program(text: str) -> Condition:
    """Return the program a text describes.

    Raises
    ------
    ProgramError
        With line, column and a caret under the place where the text stops making sense.
    UnitError
        For a unit of two length or two time references, such as ``mm/px``.

    Examples
    --------
    >>> parse_program("speed < 30 mm/s and not nose_to_nose > 22 mm") == parse_program(
    ...     "(speed < 30 mm/s) and (not (nose_to_nose > 22 mm))")
    True
    """
    try:
        return cast(Condition, _TreeBuilder().transform(_parser().parse(text)))
    except UnexpectedInput as error:
        raise _syntax_error(text, error) from error
    except VisitError as error:
        if isinstance(error.orig_exc, NspError):
            raise error.orig_exc from error
        raise
    except RecursionError as error:
        raise ProgramError(
            found="conditions nested too deeply to read",
            expected="a program a person can read",
            where="program text",
            remedy="remove parentheses or operators around operators",
        ) from error


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="earley", lexer="dynamic")


def _print(node: Node) -> tuple[str, int]:
    """Return the text of ``node`` and how tightly its outermost operator binds."""
    match node:
        case Feature(name):
            return (name if _PLAIN_NAME.fullmatch(name) else f"`{name}`"), _TIGHT
        case Windowed(child, width, statistic, side, share):
            quantile = "" if share is None else f"{_number(share)}, "
            where = "" if side == "centered" else f"{side} "
            return f"{statistic}({format_program(child)}, {quantile}{where}{_duration(width)})", _TIGHT
        case Compare(child, relation, threshold, softness, unit):
            spread = f" ± {_number(softness)}" if softness > 0 else ""
            return f"{format_program(child)} {relation} {_number(threshold)}{spread} {unit}".rstrip(), _TIGHT
        case Not(child):
            return f"not {_enclosed(child, _NOT)}", _NOT
        case And(parts):
            return " and ".join(_enclosed(part, _AND + 1) for part in parts), _AND
        case Or(parts):
            return " or ".join(_enclosed(part, _OR + 1) for part in parts), _OR
        case Either(child):
            return f"either({format_program(child)})", _TIGHT
        case FillGaps(child, longest):
            return f"fill_gaps({format_program(child)}, {_duration(longest)})", _TIGHT
        case MinBout(child, shortest):
            return f"min_bout({format_program(child)}, {_duration(shortest)})", _TIGHT


def _enclosed(node: Node, at_least: int) -> str:
    text, tightness = _print(node)
    return text if tightness >= at_least else f"({text})"


def _duration(duration: Duration) -> str:
    return f"{_number(duration.value)} {duration.reference}"


def _number(value: float) -> str:
    # The shortest text that reads back to the same float: nothing is lost between print and parse.
    return repr(float(value)).removesuffix(".0")


def _syntax_error(text: str, error: UnexpectedInput) -> ProgramError:
    line, column = getattr(error, "line", -1), getattr(error, "column", -1)
    lines = text.splitlines() or [""]
    if not 1 <= line <= len(lines):  # the text ended too early
        line, column = len(lines), len(lines[-1]) + 1
    shown = lines[line - 1]
    return ProgramError(
        found=f"'{shown[column - 1 : column + 11]}'" if column <= len(shown) else "the end of the text",
        expected="a comparison such as 'speed < 30 mm/s', joined by and, or, not",
        where=f"program text, line {line}, column {column}\n    {shown}\n    {' ' * (column - 1)}^\n",
        remedy="correct the text at the caret",
    )


@v_args(inline=True)
class _TreeBuilder(Transformer[Token, Any]):
    """Turns the parse tree into nodes, from the leaves up."""

    def start(self, program: Condition) -> Condition:
        return program

    def group(self, program: Condition) -> Condition:
        return program

    def disjunction(self, *parts: Condition) -> Condition:
        return parts[0] if len(parts) == 1 else Or(parts)

    def conjunction(self, *parts: Condition) -> Condition:
        return parts[0] if len(parts) == 1 else And(parts)

    def negation(self, child: Condition) -> Not:
        return Not(child)

    def either(self, child: Condition) -> Either:
        return Either(child)

    def fill_gaps(self, child: Condition, longest: Duration) -> FillGaps:
        return FillGaps(child, longest)

    def min_bout(self, child: Condition, shortest: Duration) -> MinBout:
        return MinBout(child, shortest)

    def windowed(self, statistic: Token, child: Feature, *rest: Token | Duration) -> Windowed:
        width = cast(Duration, rest[-1])
        told = {token.type: str(token) for token in rest[:-1] if isinstance(token, Token)}
        side = cast(Side, told.get("SIDE", "centered"))
        share = float(told["SIGNED"]) if "SIGNED" in told else None
        return Windowed(child, width, cast(Statistic, str(statistic)), side, share)

    def feature(self, name: Token) -> Feature:
        return Feature(str(name).strip("`"))

    def duration(self, value: Token, unit: Token) -> Duration:
        if str(unit) not in ("s", "frame"):
            raise ProgramError(
                found=f"the duration '{value} {unit}'",
                expected="seconds or frames",
                where=f"program text, line {value.line}, column {value.column}",
                remedy="write it like 0.5 s",
            )
        return Duration(float(value), cast(Literal["s", "frame"], str(unit)))

    def comparison(self, child: Feature | Windowed, relation: Token, *rest: Token) -> Compare:
        numbers = [float(token) for token in rest if token.type == "SIGNED"]
        units = [str(token) for token in rest if token.type == "UNIT"]
        softness = numbers[1] if len(numbers) > 1 else 0.0
        unit = parse_unit(units[0] if units else "")
        return Compare(child, cast(Literal["<", ">"], str(relation)), numbers[0], softness, unit)
