"""Random typed programs, and the missing-data-ridden features they read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, TypeVar, cast

import pytest
from hypothesis import strategies as st

from nsp_core.dsl.ast import (
    SIDES,
    STATISTICS,
    And,
    Apply,
    Before,
    Choose,
    Compare,
    Condition,
    Constant,
    Duration,
    Either,
    Feature,
    FillGaps,
    Filtered,
    Fold,
    FollowedBy,
    Fraction,
    Hysteresis,
    Map,
    MapPrefix,
    MinBout,
    Negative,
    Not,
    Number,
    Or,
    Product,
    Quotient,
    Side,
    Statistic,
    Sum,
    Sustained,
    Vote,
    Windowed,
    Within,
    feature_names,
)
from nsp_core.units import DIMENSIONLESS, Unit, parse_unit

Programs = Callable[..., st.SearchStrategy[Condition]]
Drawn = TypeVar("Drawn")

# Two features of both orders, a symmetric one, and names that are easily misread: words of the language, or nearly.
PROGRAM_UNITS = {
    "speed[agent]": "mm/s",
    "speed[target]": "mm/s",
    "facing_angle[agent]": "rad",
    "facing_angle[target]": "rad",
    "nose_to_nose": "bl",
    "elongation[higher]": "",
    "turns": "1/s",
    "nothing": "px/frame",
    "order": "mm*rad/s^2",
    "mean": "arena",
    "and[higher]": "",
    "no. of 'rears'": "1/mm",
}

# Angles that wrap from pi to -pi, of both orders and of one animal alone.
SIGNED_ANGLES = ("heading[agent]", "heading[target]", "bearing[agent]", "bearing[target]", "heading")


def unit_of(number: Feature | Windowed) -> Unit:
    if isinstance(number, Feature):
        return parse_unit(PROGRAM_UNITS[number.name])
    unit = unit_of(number.child)
    return replace(unit, time=unit.time - 1) if number.statistic == "slope" else unit


FINITE = st.floats(allow_nan=False, allow_infinity=False)
NOT_NEGATIVE = st.floats(min_value=0, allow_infinity=False)
ANY_SECONDS = st.floats(min_value=0, exclude_min=True, allow_infinity=False).map(Duration)


@pytest.fixture(scope="session")
def program_units() -> dict[str, Unit]:
    """Return the unit of every feature the random programs name."""
    return {name: parse_unit(unit) for name, unit in {**PROGRAM_UNITS, **dict.fromkeys(SIGNED_ANGLES, "rad")}.items()}


@pytest.fixture(scope="session")
def programs() -> Programs:
    """Return a function to a strategy of chains of features and windows that type-check, with the given constants."""

    @cache  # A strategy is checked once, when it first draws.
    def typed_programs(
        *,
        thresholds: st.SearchStrategy[float] = FINITE,
        softness: st.SearchStrategy[float] = NOT_NEGATIVE,
        durations: st.SearchStrategy[Duration] = ANY_SECONDS,
        statistics: tuple[Statistic, ...] = STATISTICS,
    ) -> st.SearchStrategy[Condition]:
        def windowed(name: str) -> st.SearchStrategy[Windowed]:
            # A slope per second makes no sense of what is counted per frame.
            fitting = [one for one in statistics if one != "slope" or "frame" not in PROGRAM_UNITS[name]]

            def of(statistic: Statistic) -> st.SearchStrategy[Windowed]:
                share = st.floats(0, 1) if statistic == "quantile" else st.none()
                feature, side = st.just(Feature(name)), st.sampled_from(SIDES)
                return st.builds(Windowed, feature, durations, st.just(statistic), side, share)

            return st.one_of([of(statistic) for statistic in fitting])

        def compare(name: str) -> st.SearchStrategy[Condition]:
            number = st.just(Feature(name)) | windowed(name) if statistics else st.just(Feature(name))
            return st.tuples(number, st.sampled_from("<>"), thresholds, softness).map(
                lambda drawn: Compare(*drawn, unit_of(drawn[0]))
            )

        def compound(condition: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
            parts = st.lists(condition, min_size=2, max_size=3).map(tuple)
            return st.one_of(
                st.builds(Not, condition),
                st.builds(And, parts),
                st.builds(Or, parts),
                st.builds(Either, condition),
                st.builds(FillGaps, condition, durations),
                st.builds(MinBout, condition, durations),
            )

        return st.recursive(st.one_of([compare(name) for name in PROGRAM_UNITS]), compound, max_leaves=5)

    return typed_programs


@pytest.fixture(scope="session")
def language_programs() -> Programs:
    """Return a function to a strategy of programs in the whole language that type-check; see :class:`Constants`.

    ``depth`` is how deep they are nested; half of them are one comparison, with all their depth in the number. With
    ``causal`` nothing looks ahead but below ``mapprefix``; without ``over_time`` numbers are those of the frame alone.
    """

    @cache
    def whole_language(
        *, depth: int = 3, causal: bool = False, over_time: bool = True, **constants: st.SearchStrategy[Any]
    ) -> st.SearchStrategy[Condition]:
        place = _Place(depth, ahead=not causal, over_time=over_time)

        @st.composite
        def program(draw: st.DrawFn) -> Condition:
            writer = _Writer(draw, Constants(**constants))
            return draw(st.sampled_from((writer.condition, writer.comparison)))(place)

        return program().filter(feature_names)

    return whole_language


@pytest.fixture(scope="session")
def prefixes() -> Callable[..., st.SearchStrategy[MapPrefix]]:
    """Return a function to a strategy of numbers below ``mapprefix``; see :class:`Constants`."""

    @cache
    def typed_prefixes(**constants: st.SearchStrategy[Any]) -> st.SearchStrategy[MapPrefix]:
        @st.composite
        def prefix(draw: st.DrawFn) -> MapPrefix:
            return _Writer(draw, Constants(**constants)).prefix(draw(st.sampled_from(_KINDS)), _Place(depth=3))

        return prefix().filter(feature_names)

    return typed_prefixes


@dataclass(frozen=True, slots=True)
class Constants:
    """Where the constants of random programs come from; durations must all be in the same unit of time."""

    thresholds: st.SearchStrategy[float] = FINITE
    softness: st.SearchStrategy[float] = NOT_NEGATIVE
    durations: st.SearchStrategy[Duration] = ANY_SECONDS
    frequencies: st.SearchStrategy[float] = field(
        default_factory=lambda: st.floats(min_value=0, exclude_min=True, allow_infinity=False)
    )
    shares: st.SearchStrategy[float] = field(default_factory=lambda: st.floats(0, 1))
    values: st.SearchStrategy[float] = FINITE
    weights: st.SearchStrategy[float] = field(default_factory=lambda: FINITE.filter(bool))


@dataclass(frozen=True, slots=True)
class _Kind:
    """A unit, and whether it is an angle that wraps."""

    unit: Unit
    signed: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """What may stand at a place of a program.

    ``ahead``: what looks at later frames; ``prefix``: only outermost; ``over_time``: numbers that look at other frames;
    ``atom``: nothing that does; ``before``: the value of a fold, of this kind.
    """

    depth: int
    ahead: bool = True
    prefix: bool = False
    over_time: bool = True
    atom: bool = False
    before: _Kind | None = None

    def below(self, **changes: Any) -> _Place:
        return replace(self, depth=self.depth - 1, **changes)

    def below_time(self) -> _Place:
        return self.below(ahead=self.ahead and not self.prefix)


_KINDS = (*(_Kind(parse_unit(unit)) for unit in PROGRAM_UNITS.values()), *[_Kind(parse_unit("rad"), signed=True)] * 4)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Draws typed programs, parents first."""

    draw: st.DrawFn
    constants: Constants

    def condition(self, place: _Place) -> Condition:
        forms: list[Callable[[_Place], Condition]] = [self.comparison]
        if place.depth > 0:
            forms += [*[self.comparison] * 4, self._logic, self._negation, self._vote, self._either]
        if place.depth > 0 and not place.atom:
            forms += [self._sustained, self._within, self._hysteresis]
            forms += [self._followed_by, self._shaped] if place.ahead else []
        return self._one(forms)(place)

    def comparison(self, place: _Place) -> Condition:
        number, unit = self._any_number(place)
        relation = self._one(("<", ">"))
        return Compare(number, relation, self.draw(self.constants.thresholds), self.draw(self.constants.softness), unit)

    def number(self, kind: _Kind, place: _Place) -> Number:
        forms: list[Callable[[_Kind, _Place], Number]] = [self._leaf]
        if place.depth > 0:
            forms += [self._leaf, self._negative, self._chosen, self._mapped, self.prefix]
            forms += [self._angle] if kind.signed else [self._sum, self._scaled, self._size]
            if not place.atom and place.over_time:
                forms += [self._windowed, self._windowed, self._fold]
                forms += [self._filtered] if place.ahead and not kind.signed else []
                forms += [self._fraction] * 2 if kind == _Kind(DIMENSIONLESS) else []
        return self._one(forms)(kind, place)

    def prefix(self, kind: _Kind, place: _Place) -> MapPrefix:
        return MapPrefix(self.number(kind, place.below(prefix=True, ahead=not place.atom)))

    # ---- conditions

    def _logic(self, place: _Place) -> Condition:
        return self._one((And, Or))(self._parts(place, at_least=2))

    def _negation(self, place: _Place) -> Condition:
        return Not(self.condition(place.below()))

    def _vote(self, place: _Place) -> Condition:
        parts = self._parts(place, at_least=1)
        weights = tuple(self.draw(self.constants.weights) for _ in parts)
        return Vote(parts, weights, self.draw(self.constants.thresholds), self.draw(self.constants.softness))

    def _either(self, place: _Place) -> Condition:
        return Either(self.condition(place.below(before=None)))

    def _sustained(self, place: _Place) -> Condition:
        return Sustained(self.condition(place.below_time()), self.draw(self.constants.durations))

    def _within(self, place: _Place) -> Condition:
        return Within(self.condition(place.below_time()), self.draw(self.constants.durations), self._side(place))

    def _hysteresis(self, place: _Place) -> Condition:
        below = place.below_time()
        return Hysteresis(self.condition(below), self.condition(below))

    def _followed_by(self, place: _Place) -> Condition:
        below = place.below_time()
        return FollowedBy(self.condition(below), self.condition(below), self.draw(self.constants.durations))

    def _shaped(self, place: _Place) -> Condition:
        shape = self._one((FillGaps, MinBout))
        return shape(self.condition(place.below_time()), self.draw(self.constants.durations))

    def _parts(self, place: _Place, at_least: int) -> tuple[Condition, ...]:
        return tuple(self.condition(place.below()) for _ in range(self.draw(st.integers(at_least, 3))))

    # ---- numbers

    def _any_number(self, place: _Place) -> tuple[Number, Unit]:
        kind = self._one(_KINDS)
        form = self._one(("plain", "share", "slope", "spread", "ratio")) if place.depth > 1 else "plain"
        over_time = place.over_time and not place.atom
        if form == "share" and over_time:
            return self._fraction(kind, place), DIMENSIONLESS
        width = self.draw(self.constants.durations)
        if form == "slope" and over_time and (not kind.unit.time or kind.unit.time_reference == width.reference):
            unit = replace(kind.unit, time=kind.unit.time - 1, time_reference=width.reference)
            return Windowed(self.number(kind, place.below_time()), width, "slope", self._side(place)), unit
        if form == "spread" and over_time and kind.signed:
            statistic = self._one(("std", "range"))
            return Windowed(self.number(kind, place.below_time()), width, statistic, self._side(place)), kind.unit
        if form == "ratio" and not kind.signed:
            below = place.below(before=None)
            return Quotient(self.number(kind, below), self.number(kind, below)), DIMENSIONLESS
        return self.number(kind, place), kind.unit

    def _leaf(self, kind: _Kind, place: _Place) -> Number:
        if kind.signed:
            return Feature(self._one(SIGNED_ANGLES))
        leaves: list[Number] = [Feature(name) for name, unit in PROGRAM_UNITS.items() if parse_unit(unit) == kind.unit]
        leaves += [Before()] * 2 if place.before == kind else []
        # Several constants side by side say little; they stand where there is no feature, and now and then elsewhere.
        return self._one(leaves) if leaves and self.draw(st.integers(0, 3)) else self._constant(kind)

    def _constant(self, kind: _Kind) -> Constant:
        return Constant(self.draw(self.constants.values), kind.unit)

    def _windowed(self, kind: _Kind, place: _Place) -> Number:
        wrapping: tuple[Statistic, ...] = ("mean", "delta")
        statistic = self._one(wrapping if kind.signed else tuple(one for one in STATISTICS if one != "slope"))
        share = self.draw(self.constants.shares) if statistic == "quantile" else None
        child = self.number(kind, place.below_time())
        return Windowed(child, self.draw(self.constants.durations), statistic, self._side(place), share)

    def _filtered(self, kind: _Kind, place: _Place) -> Number:
        child, sigma = self.number(kind, place.below_time()), self.draw(self.constants.durations)
        if self.draw(st.booleans()):
            return Filtered(child, sigma)
        return Filtered(child, sigma, "morlet", self.draw(self.constants.frequencies))

    def _fraction(self, kind: _Kind, place: _Place) -> Number:
        return Fraction(self.condition(place.below_time()), self.draw(self.constants.durations), self._side(place))

    def _negative(self, kind: _Kind, place: _Place) -> Number:
        return Negative(self.number(kind, place.below()))

    def _sum(self, kind: _Kind, place: _Place) -> Number:
        return Sum(tuple(self.number(kind, place.below()) for _ in range(self.draw(st.integers(2, 3)))))

    def _scaled(self, kind: _Kind, place: _Place) -> Number:
        # Never before times before: such folds leave the range of numbers within a few frames.
        factor, number = self.number(_Kind(DIMENSIONLESS), place.below(before=None)), self.number(kind, place.below())
        form = self._one(("factor first", "factor last", "divided"))
        if form == "divided":
            return Quotient(number, factor)
        return Product((factor, number) if form == "factor first" else (number, factor))

    def _size(self, kind: _Kind, place: _Place) -> Number:
        signed = kind.unit.is_angle and self.draw(st.booleans())
        return Apply("abs", (self.number(replace(kind, signed=signed), place.below()),))

    def _angle(self, kind: _Kind, place: _Place) -> Number:
        below = place.below()
        if self.draw(st.booleans()):
            vector = replace(self._one(_KINDS), signed=False)
            return Apply("atan2", (self.number(vector, below), self.number(vector, below)))
        turned = self._one((self.number(kind, below), self.number(replace(kind, signed=False), below)))
        return Apply("wrap", (Sum((self.number(kind, below), turned)),))

    def _chosen(self, kind: _Kind, place: _Place) -> Number:
        below = place.below()
        return Choose(self.condition(below), self.number(kind, below), self.number(kind, below))

    def _mapped(self, kind: _Kind, place: _Place) -> Number:
        return Map(self.number(kind, place.below(atom=True, before=None)))

    def _fold(self, kind: _Kind, place: _Place) -> Number:
        plain = replace(kind, signed=False)
        inside = place.below(atom=True, before=None if kind.signed else plain)
        # What does not mention before says which unit the fold has.
        moved = Sum((Before(), self.number(plain, replace(inside, before=None))))
        if kind.signed:
            return Fold(Apply("wrap", (moved,)))
        form = self._one(("running", "forgetting", "restarted", "restarting", "reflected"))
        if form == "forgetting":
            kept = Product((self._constant(_Kind(DIMENSIONLESS)), Before()))
            return Fold(Sum((kept, *moved.parts[1:])))
        if form == "restarted":
            return Fold(Choose(self.condition(inside), moved, self.number(kind, inside)))
        if form == "restarting":
            full = Compare(Before(), self._one(("<", ">")), self.draw(self.constants.thresholds), 0.0, kind.unit)
            return Fold(Choose(full, moved, self.number(kind, inside)))
        return Fold(moved if form == "running" else Apply("abs", (moved,)))

    def _side(self, place: _Place) -> Side:
        return cast(Side, self._one(SIDES)) if place.ahead else "past"

    def _one(self, options: Sequence[Drawn]) -> Drawn:
        return self.draw(st.sampled_from(options))
