"""What is wrong with a text that is no program, and how it is written instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import cast

from lark import Token, UnexpectedInput

from nsp_core.dsl.words import BEFORE, POINTS, UNIT_SYMBOLS, WORDS
from nsp_core.errors import NspError, ProgramError, UnitError
from nsp_core.units import Unit, parse_unit

__all__ = ["Mistake", "check_word", "explained", "located", "place_of", "unit_at"]

_COMPARISON = "a comparison such as 'speed < 30 mm/s', joined by and, or, not"
_AT_CARET = "correct the text at the caret"
_RANGE = "write both ends, as in speed > 10 mm/s and speed < 30 mm/s"

# Words of other languages and of everyday, and what is meant here.
_MEANT = {
    "average": "mean",
    "avg": "mean",
    "median": "quantile",
    "percentile": "quantile",
    "sd": "std",
    "stdev": "std",
    "minimum": "min",
    "maximum": "max",
    "smooth": "gaussian",
    "share": "fraction",
    "arctan2": "atan2",
    "ifelse": "if",
    "where": "if",
    "any": "within",
    "hold": "sustained",
    "held": "sustained",
    "vote": "points",
    "then": "followed_by",
}
_WRITTEN_OTHERWISE = {
    "between": _RANGE,
    BEFORE: "write before without brackets, as in fold(0.9 * before + 0.1 * speed)",
}
_UNIT_MEANT = {
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("frames", "f"), "frame"),
    **dict.fromkeys(("pixel", "pixels"), "px"),
    **dict.fromkeys(("millimeter", "millimeters"), "mm"),
    **dict.fromkeys(("radian", "radians"), "rad"),
    **dict.fromkeys(("body", "bodylength", "bodylengths"), "bl"),
}
_UNIT_CONVERTED = {
    "m": "1 m is 1000 mm",
    "cm": "1 cm is 10 mm",
    "ms": "1 ms is 0.001 s",
    "min": "1 min is 60 s",
    "h": "1 h is 3600 s",
    "deg": "1 deg is 0.0174533 rad",
    "hz": "1 Hz is 1 1/s",
}
_SIGNS = {
    "&": "write and",
    "|": "write or",
    "!": "write not",
    "~": "write not",
    "^": "write the number twice, as in speed * speed",
    "±": "write the softness behind the threshold, as in speed < 30 ± 4 mm/s",
    "+-": "write the softness behind the threshold, as in speed < 30 ± 4 mm/s",
    "²": "write the unit with ^, as in mm/s^2",
    "°": "write the angle in rad: 1 degree is 0.0174533 rad",
    "%": "write a share, as in 0.5 for 50 %",
    "[": "name the animal as in speed[agent], speed[target], speed[higher] or speed[lower]",
    "`": "close the backtick, as in `head yaw`",
}
_LOGIC = ("and", "or", "not")
# What a token opens, and an example of it.
_NEEDED_AFTER = {
    **dict.fromkeys(("AND", "OR", "NOT", "COLON"), ("a condition", "speed < 30 mm/s")),
    **dict.fromkeys(("PLUS", "MINUS", "STAR", "SLASH"), ("a number", "speed[agent] or 3 mm/s")),
    **dict.fromkeys(("LPAR", "COMMA"), ("a number or a condition", "speed or speed < 30 mm/s")),
    "PLUSMINUS": ("the softness", "4 mm/s"),
    "RELATION": ("a threshold", "30 mm/s"),
}


@dataclass(eq=False)
class Mistake(Exception):  # noqa: N818  # it never reaches a caller: text makes a ProgramError of it
    """What is wrong at a place of the text, before the text itself is known."""

    start: int
    found: str
    expected: str
    remedy: str
    kind: type[NspError] = ProgramError


def place_of(token: Token) -> int:
    """Return where in the text a token begins."""
    return cast(int, token.start_pos)


def located(text: str, mistake: Mistake) -> NspError:
    """Return the error for ``mistake``, with line, column, and a caret under its place."""
    before = text[: mistake.start]
    line, column = before.count("\n") + 1, _column(text, mistake.start)
    shown = text.split("\n")[line - 1].rstrip("\r")
    indent = re.sub(r"[^\t]", " ", shown[: column - 1])
    return mistake.kind(
        found=mistake.found,
        expected=mistake.expected,
        where=f"program text, line {line}, column {column}\n    {shown}\n    {indent}^\n",
        remedy=mistake.remedy,
    )


def check_word(word: Token) -> None:
    """Check that the word before a bracket is one of the language."""
    text, known = str(word), [*WORDS, POINTS]
    if text in known:
        return
    meant = _MEANT.get(text.lower())
    close = [meant] if meant else get_close_matches(text.lower(), known, n=3, cutoff=0.65)
    if text in _WRITTEN_OTHERWISE:
        remedy = _WRITTEN_OTHERWISE[text]
    elif close:
        remedy = f"did you mean {_alternatives(close)}?"
    else:
        remedy = f"write one of {', '.join(known)}; whose a feature is stands in square brackets: speed[agent]"
    raise Mistake(place_of(word), f"the word '{text}'", "a word of the language before a bracket", remedy)


def unit_at(token: Token | None) -> Unit:
    """Return the unit a token names; None is no unit."""
    if token is None:
        return parse_unit("")
    text, start = str(token), place_of(token)
    for factor in re.finditer(r"[A-Za-z_][^*/^]*", text):
        if factor[0] not in UNIT_SYMBOLS:
            raise Mistake(
                start,
                f"the unit '{text}'",
                f"products and quotients of {', '.join(UNIT_SYMBOLS)}, without spaces",
                _unit_remedy(text, factor),
            )
    try:
        return parse_unit(text)
    except UnitError as error:
        raise Mistake(start, error.found, error.expected, error.remedy, UnitError) from error


def _unit_remedy(text: str, factor: re.Match[str]) -> str:
    word = factor[0]
    if word.lower() in _LOGIC:
        return f"did you mean '{word.lower()}'?"
    if word.lower() in _UNIT_CONVERTED:
        return f"convert the number: {_UNIT_CONVERTED[word.lower()]}"
    close = get_close_matches(word.lower(), UNIT_SYMBOLS, n=1, cutoff=0.7)
    meant = _UNIT_MEANT.get(word.lower()) or (close[0] if close else "")
    if meant:
        return f"did you mean '{text[: factor.start()]}{meant}{text[factor.end() :]}'?"
    if factor.start() > 1:
        operator = text[factor.start() - 1]
        return f"a product needs spaces behind a unit: {text[: factor.start() - 1]} {operator} {text[factor.start() :]}"
    return "write it like mm, mm/s, bl/s^2, rad/s or 1/s; conditions are joined by and, or"


def explained(text: str, error: UnexpectedInput) -> Mistake:
    """Return what is wrong where the grammar allows nothing that stands there."""
    token = getattr(error, "token", None)
    ended = isinstance(token, Token) and token.type == "$END"
    start = len(text) if ended else error.pos_in_stream or 0
    shown = text[start : start + 12].split("\n")[0]
    stack = error.interactive_parser.parser_state.value_stack
    before = stack[-1] if stack and isinstance(stack[-1], Token) else None
    if not stack:
        expected, remedy = _COMPARISON, _AT_CARET
    elif before is not None and before.type in _NEEDED_AFTER:
        what, example = _NEEDED_AFTER[before.type]
        expected, remedy = f"{what} after '{before}'", f"write it as in {example}"
    else:
        expected, remedy = _continuation(text, start, before)
    return Mistake(
        start, f"'{shown}'" if shown else "the end of the text", expected, _elsewhere_written(text, start) or remedy
    )


def _elsewhere_written(text: str, start: int) -> str | None:
    """Return how that is written which other languages write as the text goes on at ``start``."""
    rest = text[start:]
    if text[start - 1 : start + 1] == "**":
        return _SIGNS["^"]
    sign = next((sign for sign in _SIGNS if rest.startswith(sign)), None)
    if sign is not None:
        return _SIGNS[sign]
    word = re.match(r"[A-Za-z_]\w*", rest)
    if word and word[0].lower() in _LOGIC and word[0] not in _LOGIC:
        return f"did you mean '{word[0].lower()}'?"
    return _RANGE if word and word[0] == "between" else None


def _continuation(text: str, start: int, before: Token | None) -> tuple[str, str]:
    """Return how a text may go on behind a whole number or condition, and what to do."""
    rest, brackets = text[start:], _open_brackets(text, start)
    if brackets and not rest:
        return f"')' for the bracket in column {_column(text, brackets[-1])}", "close the bracket"
    expected = (
        f"and, or, a comparison, an operator such as +, or {'a comma or )' if brackets else 'the end of the text'}"
    )
    if rest.startswith(")"):
        return expected, "remove the bracket, or open it"
    if brackets and before is not None and before.type == "NAME" and rest[0].isdigit():
        return expected, "write a window as past 2 s, next 2 s, or 2 s around the frame"
    return expected, _AT_CARET


def _open_brackets(text: str, stop: int) -> list[int]:
    """Return where the brackets stand that are still open at ``stop``."""
    brackets: list[int] = []
    for match in re.finditer(r"`[^`]*`|[()]", text[:stop]):
        if match[0] == "(":
            brackets.append(match.start())
        elif match[0] == ")" and brackets:
            brackets.pop()
    return brackets


def _column(text: str, start: int) -> int:
    return start - text.rfind("\n", 0, start)


def _alternatives(words: list[str]) -> str:
    return " or ".join(f"'{word}'" for word in words)
