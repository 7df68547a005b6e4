"""Random trees of every node of the language, whether or not their types fit: printing and reading need none."""

from __future__ import annotations

from functools import cache
from typing import Any

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
    Sum,
    Sustained,
    Vote,
    Windowed,
    Within,
)
from nsp_core.units import Unit

FINITE = st.sampled_from([-3.0, -0.0, 0.5, 2.0]) | st.floats(allow_nan=False, allow_infinity=False)
SOFTNESS = st.just(0.0) | st.floats(min_value=0, allow_infinity=False)
DURATIONS = st.builds(Duration, st.floats(min_value=0, allow_infinity=False), st.sampled_from(["s", "frame"]))
POWERS = st.integers(-3, 3)
UNITS = st.builds(
    Unit, POWERS, POWERS, POWERS, st.sampled_from(["mm", "px", "body", "arena"]), st.sampled_from(["s", "frame"])
)
# Plain names, whose they are, words of the language, units, and names that only backticks can hold.
NAMES = st.sampled_from(
    ["x", "speed[agent]", "nothing", "before", "past", "gaussian", "points", "if", "mm", "s", "not", "and[higher]", "1"]
) | st.text(min_size=1).filter(lambda name: "`" not in name)
RELATIONS = st.sampled_from("<>")
SIDE = st.sampled_from(SIDES)
CONSTANTS = st.builds(Constant, FINITE, UNITS)


@cache
def numbers(depth: int = 3) -> st.SearchStrategy[Number]:
    """Return a strategy of numbers nested at most this deep."""
    leaves = st.builds(Feature, NAMES) | CONSTANTS | st.just(Before())
    if depth == 0:
        return leaves
    number, condition = numbers(depth - 1), conditions(depth - 1)
    plain_statistics = st.sampled_from([one for one in STATISTICS if one != "quantile"])
    return st.one_of(
        leaves,
        st.builds(Windowed, number, DURATIONS, plain_statistics, SIDE),
        st.builds(Windowed, number, DURATIONS, st.just("quantile"), SIDE, FINITE),
        st.builds(Filtered, number, DURATIONS),
        st.builds(Filtered, number, DURATIONS, st.just("morlet"), FINITE),
        st.builds(Fraction, condition, DURATIONS, SIDE),
        st.builds(Negative, number),
        st.builds(Sum, several(number)),
        st.builds(Product, several(number)),
        st.builds(Quotient, number, number),
        st.builds(Apply, st.sampled_from(["abs", "wrap"]), st.tuples(number)),
        st.builds(Apply, st.just("atan2"), st.tuples(number, number)),
        st.builds(Choose, condition, number, number),
        st.builds(Fold, number),
        st.builds(Map, number),
        st.builds(MapPrefix, number),
    )


@cache
def conditions(depth: int = 3) -> st.SearchStrategy[Condition]:
    """Return a strategy of conditions nested at most this deep."""
    if depth == 0:
        return st.builds(Compare, numbers(0), RELATIONS, FINITE, SOFTNESS, UNITS)
    number, condition = numbers(depth - 1), conditions(depth - 1)
    return st.one_of(
        st.builds(Compare, number, RELATIONS, FINITE, SOFTNESS, UNITS),
        st.builds(Not, condition),
        st.builds(And, several(condition)),
        st.builds(Or, several(condition)),
        votes(condition),
        st.builds(Either, condition),
        st.builds(Sustained, condition, DURATIONS),
        st.builds(Within, condition, DURATIONS, SIDE),
        st.builds(FollowedBy, condition, condition, DURATIONS),
        st.builds(Hysteresis, condition, condition),
        st.builds(FillGaps, condition, DURATIONS),
        st.builds(MinBout, condition, DURATIONS),
    )


def several(part: st.SearchStrategy[Any], at_least: int = 2) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(part, min_size=at_least, max_size=3).map(tuple)


@st.composite
def votes(draw: st.DrawFn, condition: st.SearchStrategy[Condition]) -> Vote:
    parts = draw(several(condition, at_least=1))
    return Vote(parts, tuple(draw(FINITE) for _ in parts), draw(FINITE), draw(SOFTNESS))
