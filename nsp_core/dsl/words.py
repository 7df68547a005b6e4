"""The words that programs write with brackets, such as ``mean(speed, 0.5 s)``: what each takes, in what order.

Text is read and printed by this one table. ``points(...) > 2`` is no row of it: its brackets hold weights, and only
with its threshold is it a condition.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from nsp_core.dsl.ast import (
    FUNCTIONS,
    KERNELS,
    STATISTICS,
    Apply,
    Choose,
    Either,
    FillGaps,
    Filtered,
    Fold,
    FollowedBy,
    Fraction,
    Function,
    Hysteresis,
    Map,
    MapPrefix,
    MinBout,
    Node,
    Number,
    Sustained,
    Windowed,
    Within,
)

__all__ = ["BEFORE", "POINTS", "RESERVED", "UNIT_SYMBOLS", "WORDS", "Argument", "Word", "is_number", "word_of"]

BEFORE = "before"
POINTS = "points"
UNIT_SYMBOLS = ("mm", "px", "bl", "arena", "rad", "s", "frame")

ArgumentKind = Literal["number", "condition", "duration", "window", "share", "frequency"]

_SAMPLES: dict[ArgumentKind, str] = {
    "number": "speed[agent]",
    "condition": "nose_to_nose < 22 mm",
    "duration": "2 s",
    "window": "past 2 s",
    "share": "0.9",
    "frequency": "3 1/s",
}


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: the field of the node it fills, and what kind of thing it is.

    A ``window`` fills the field ``side`` too; the ``arguments`` of a function are one field.
    """

    field: str
    kind: ArgumentKind


@dataclass(frozen=True, slots=True)
class Word:
    """A word with brackets, the node it makes, and its arguments.

    Attributes
    ----------
    text
        The word.
    node
        The class of its node.
    arguments
        In the order of the text.
    field
        The field of the node that holds the word itself, where one class has several words.
    """

    text: str
    node: type[Node]
    arguments: tuple[Argument, ...]
    field: str | None = None

    @property
    def usage(self) -> str:
        """What the word takes, such as ``mean(number, window)``."""
        return f"{self.text}({', '.join(argument.kind for argument in self.arguments)})"

    @property
    def example(self) -> str:
        """How it may be written, such as ``mean(speed[agent], past 2 s)``."""
        return f"{self.text}({', '.join(_SAMPLES[argument.kind] for argument in self.arguments)})"


_NUMBER = Argument("child", "number")
_CONDITION = Argument("child", "condition")
_WINDOW = Argument("width", "window")
_SHARE = Argument("share", "share")
_SIGMA = Argument("sigma", "duration")
_FREQUENCY = Argument("frequency", "frequency")
_SHORTEST = Argument("shortest", "duration")
_LONGEST = Argument("longest", "duration")
_N_OPERANDS: dict[Function, int] = {"abs": 1, "wrap": 1, "atan2": 2}


def _statistic(name: str) -> Word:
    share = (_SHARE,) if name == "quantile" else ()
    return Word(name, Windowed, (_NUMBER, *share, _WINDOW), "statistic")


def _kernel(name: str) -> Word:
    frequency = (_FREQUENCY,) if name == "morlet" else ()
    return Word(name, Filtered, (_NUMBER, _SIGMA, *frequency), "kernel")


def _function(name: Function) -> Word:
    return Word(name, Apply, (Argument("arguments", "number"),) * _N_OPERANDS[name], "function")


WORDS: dict[str, Word] = {
    word.text: word
    for word in (
        *map(_statistic, STATISTICS),
        *map(_kernel, KERNELS),
        *map(_function, FUNCTIONS),
        Word("fraction", Fraction, (_CONDITION, _WINDOW)),
        Word(
            "if",
            Choose,
            (Argument("condition", "condition"), Argument("then", "number"), Argument("otherwise", "number")),
        ),
        Word("fold", Fold, (_NUMBER,)),
        Word("map", Map, (_NUMBER,)),
        Word("mapprefix", MapPrefix, (_NUMBER,)),
        Word("either", Either, (_CONDITION,)),
        Word("sustained", Sustained, (_CONDITION, _SHORTEST)),
        Word("within", Within, (_CONDITION, _WINDOW)),
        Word(
            "followed_by",
            FollowedBy,
            (Argument("first", "condition"), Argument("second", "condition"), _LONGEST),
        ),
        Word("hysteresis", Hysteresis, (Argument("enter", "condition"), Argument("stay", "condition"))),
        Word("fill_gaps", FillGaps, (_CONDITION, _LONGEST)),
        Word("min_bout", MinBout, (_CONDITION, _SHORTEST)),
    )
}

RESERVED = frozenset({*WORDS, POINTS, BEFORE, *UNIT_SYMBOLS, "and", "or", "not"})
"""Words that a feature of the same name prints in backticks."""

_BY_NODE = {(word.node, word.text if word.field else None): word for word in WORDS.values()}
_NUMBERS: tuple[type, ...] = get_args(Number)


def word_of(node: Node) -> Word | None:
    """Return the word ``node`` is written with, or None for what is written otherwise."""
    match node:
        case Windowed(statistic=text) | Filtered(kernel=text) | Apply(function=text):
            return WORDS[text]
        case _:
            return _BY_NODE.get((type(node), None))


def is_number(node: Node) -> bool:
    """Return whether ``node`` has a value at each frame, and not a truth."""
    return isinstance(node, _NUMBERS)
