"""Words with brackets as they are read: each argument in its place, or what is missing there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from lark import Token

from nsp_core.dsl.ast import Apply, Condition, Constant, Duration, Filtered, Function, Node, Side, Windowed
from nsp_core.dsl.mistakes import Mistake, place_of
from nsp_core.dsl.pieces import Piece, as_condition, as_number, depth_above, shown
from nsp_core.dsl.printing import format_value
from nsp_core.dsl.words import POINTS, WORDS, Argument, Word
from nsp_core.units import DIMENSIONLESS, TimeReference, Unit

__all__ = ["called"]

_POINTS_EXAMPLE = f"{POINTS}(2: nose_to_nose < 22 mm, 1: speed < 30 mm/s) > 1.5"


def called(token: Token, pieces: Sequence[Piece]) -> Piece:
    """Return what a word with these arguments makes.

    Raises
    ------
    Mistake
        If an argument is missing, too many, or of another kind than the word takes.
    """
    start = place_of(token)
    depth = depth_above(start, *pieces) if pieces else 1
    if token == POINTS:
        return Piece(None, start, depth, votes=_votes(start, pieces))
    word = WORDS[str(token)]
    for piece in pieces:
        if piece.weight is not None:
            raise _misplaced(piece.weight, f"the weight '{piece.weight}:' in {word.text}", f"weights only in {POINTS}")
    _check_count(word, start, pieces)
    return Piece(_node(word, pieces), start, depth)


def _votes(start: int, pieces: Sequence[Piece]) -> tuple[tuple[float, Condition], ...]:
    if not pieces:
        raise Mistake(
            start, f"{POINTS} of nothing", "at least one condition with its weight", f"write it as in {_POINTS_EXAMPLE}"
        )
    for piece in pieces:
        if piece.weight is None:
            raise Mistake(
                piece.start,
                f"a part of {POINTS} without a weight",
                f"{POINTS}(weight: condition, ...)",
                f"write it as in {_POINTS_EXAMPLE}",
            )
    return tuple((float(cast(Token, piece.weight)), as_condition(piece)) for piece in pieces)


def _check_count(word: Word, start: int, pieces: Sequence[Piece]) -> None:
    n_wanted = len(word.arguments)
    if word.text == "quantile" and len(pieces) == 2:
        raise Mistake(
            start, "no share", "the share of frames below the quantile, from 0 to 1", f"write it as in {word.example}"
        )
    share = pieces[1].literal if len(pieces) == 3 and word.node is Windowed else None
    if n_wanted == 2 and share is not None and share.unit == DIMENSIONLESS:
        raise Mistake(
            pieces[1].start,
            f"the share {format_value(share.value)} in a {word.text}",
            "a share only in a quantile",
            "remove it, or write quantile",
        )
    if len(pieces) < n_wanted:
        missing = word.arguments[len(pieces)].kind
        raise Mistake(start, f"{word.text} without its {missing}", word.usage, f"write it as in {word.example}")
    if len(pieces) > n_wanted:
        raise Mistake(
            pieces[n_wanted].start,
            f"{len(pieces)} arguments of {word.text}",
            word.usage,
            f"write it as in {word.example}",
        )


def _node(word: Word, pieces: Sequence[Piece]) -> Node:
    fields: dict[str, Any] = {} if word.field is None else {word.field: word.text}
    for argument, piece in zip(word.arguments, pieces, strict=True):
        if piece.side is not None and argument.kind != "window":
            raise _misplaced(piece.side, f"'{piece.side}' in {word.text}", word.usage)
        fields[argument.field] = _value(argument, piece)
        if argument.kind == "window":
            fields["side"] = "centered" if piece.side is None else cast(Side, str(piece.side))
    if word.node is Apply:
        return Apply(cast(Function, word.text), tuple(map(as_number, pieces)))
    node = word.node(**fields)
    if isinstance(node, Filtered) and node.frequency is not None:
        _check_frequency(pieces[-1], node.sigma.reference)
    return node


def _value(argument: Argument, piece: Piece) -> Any:
    match argument.kind:
        case "number":
            return as_number(piece)
        case "condition":
            return as_condition(piece)
        case "share":
            return _literal(piece, "the share", (DIMENSIONLESS,), "a plain number", "0.9").value
        case "frequency":
            # In which of the two it must be, the filter's width says.
            units = Unit(time=-1), Unit(time=-1, time_reference="frame")
            return _literal(piece, "the frequency", units, "a number of cycles per second or frame", "3 1/s").value
        case "duration" | "window":
            units = Unit(time=1), Unit(time=1, time_reference="frame")
            length = _literal(piece, "the duration", units, "seconds or frames", "0.5 s")
            return Duration(length.value, length.unit.time_reference)


def _literal(piece: Piece, what: str, units: Sequence[Unit], expected: str, example: str) -> Constant:
    number = piece.literal
    if number is None:
        found = f"'{shown(piece.node)}'" if piece.node is not None else POINTS
        raise Mistake(piece.start, f"{found} as {what.removeprefix('the ')}", expected, f"write it like {example}")
    as_number(piece)  # which refuses a softness
    if number.unit not in units:
        shown_number = format_value(number.value, number.unit)
        raise Mistake(piece.start, f"{what} '{shown_number}'", expected, f"write it like {example}")
    return number


def _check_frequency(piece: Piece, reference: TimeReference) -> None:
    frequency = piece.literal
    assert frequency is not None, "a filter was made of it"
    if frequency.unit.time_reference != reference:
        raise Mistake(
            piece.start,
            f"the frequency '{format_value(frequency.value, frequency.unit)}'",
            f"cycles per {reference}, as the filter's width is in {reference}",
            f"write it like {format_value(frequency.value)} 1/{reference}",
        )


def _misplaced(token: Token, found: str, expected: str) -> Mistake:
    return Mistake(place_of(token), found, expected, f"remove '{token}'")
