"""Physical dimension and length reference of every number a program contains.

A quantity's unit is a dimension (integer exponents of length, time and angle) together with two *references*: what
length is measured against (``mm`` absolute, ``px`` uncalibrated, ``body`` body lengths, ``arena`` share of the arena)
and what time is measured against (``s``, or ``frame`` where no frame rate is known). Two quantities may be compared
only when all of it agrees; recalibration moves constants by it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from nsp_core.errors import UnitError

__all__ = ["DIMENSIONLESS", "LengthReference", "TimeReference", "Unit", "parse_unit"]

LengthReference = Literal["mm", "px", "body", "arena"]
TimeReference = Literal["s", "frame"]

_LENGTH_SYMBOL: dict[LengthReference, str] = {"mm": "mm", "px": "px", "body": "bl", "arena": "arena"}
_SYMBOL_LENGTH: dict[str, LengthReference] = {symbol: reference for reference, symbol in _LENGTH_SYMBOL.items()}
_FACTOR = re.compile(r"(?P<symbol>[A-Za-z]+)(?:\^(?P<exponent>-?\d+))?")


@dataclass(frozen=True, slots=True)
class Unit:
    """Exponents of length, time and angle, and what length and time are measured against.

    Examples
    --------
    >>> str(Unit(length=1, time=-1))
    'mm/s'
    >>> str(Unit(length=1, length_reference="body"))
    'bl'
    """

    length: int = 0
    time: int = 0
    angle: int = 0
    length_reference: LengthReference = "mm"
    time_reference: TimeReference = "s"

    def __post_init__(self) -> None:
        # A unit without length has no length reference: equality must not depend on a meaningless field.
        if self.length == 0:
            object.__setattr__(self, "length_reference", "mm")
        if self.time == 0:
            object.__setattr__(self, "time_reference", "s")

    @property
    def dimension(self) -> tuple[int, int, int]:
        """Exponents of (length, time, angle)."""
        return (self.length, self.time, self.angle)

    @property
    def is_dimensionless(self) -> bool:
        """True for a bare number."""
        return self.dimension == (0, 0, 0)

    @property
    def is_angle(self) -> bool:
        """True for a plain angle, which is circular."""
        return self.dimension == (0, 0, 1)

    def with_length(self, reference: LengthReference) -> Unit:
        """Return the same dimension measured against another length reference."""
        return Unit(self.length, self.time, self.angle, reference, self.time_reference)

    def __str__(self) -> str:
        factors = [
            (_LENGTH_SYMBOL[self.length_reference], self.length),
            ("rad", self.angle),
            (self.time_reference, self.time),
        ]
        above = "*".join(_power(symbol, n) for symbol, n in factors if n > 0)
        below = "/".join(_power(symbol, -n) for symbol, n in factors if n < 0)
        if not below:
            return above
        return f"{above or '1'}/{below}"


DIMENSIONLESS = Unit()


def parse_unit(text: str) -> Unit:
    """Return the unit a text such as ``mm/s^2``, ``bl``, ``rad`` or ``1/s`` names; the empty text is dimensionless.

    Raises
    ------
    UnitError
        For an unknown symbol, or a text that is no product and quotient of symbols.

    Examples
    --------
    >>> parse_unit("bl/s").length_reference
    'body'
    """
    length = time = angle = 0
    length_reference: LengthReference = "mm"
    time_reference: TimeReference = "s"
    numerator, *denominators = text.strip().split("/")
    for sign, group in [(1, numerator), *((-1, part) for part in denominators)]:
        for factor in filter(None, (piece.strip() for piece in group.split("*"))):
            if factor == "1":
                continue
            match = _FACTOR.fullmatch(factor)
            if match is None:
                raise _unknown(text, factor)
            symbol, exponent = match["symbol"], sign * int(match["exponent"] or 1)
            if symbol in _SYMBOL_LENGTH:
                if length and length_reference != _SYMBOL_LENGTH[symbol]:
                    raise _unknown(text, factor)
                length, length_reference = length + exponent, _SYMBOL_LENGTH[symbol]
            elif symbol in get_args(TimeReference):
                if time and time_reference != symbol:
                    raise _unknown(text, factor)
                time, time_reference = time + exponent, "frame" if symbol == "frame" else "s"
            elif symbol == "rad":
                angle += exponent
            else:
                raise _unknown(text, factor)
    return Unit(length, time, angle, length_reference, time_reference)


def _power(symbol: str, exponent: int) -> str:
    return symbol if exponent == 1 else f"{symbol}^{exponent}"


def _unknown(text: str, factor: str) -> UnitError:
    return UnitError(
        found=f"the factor '{factor}' in the unit '{text}'",
        expected="products and quotients of mm, px, bl, arena, rad, s, frame",
        where="unit",
        remedy="write it like mm, mm/s, bl/s^2, rad/s or 1/s",
    )
