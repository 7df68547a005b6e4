"""Random typed programs, and the missing-data-ridden features they read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import strategies as st

from nsp_core.dsl.ast import (
    SIDES,
    STATISTICS,
    And,
    Compare,
    Condition,
    Duration,
    Either,
    Feature,
    FillGaps,
    MinBout,
    Not,
    Or,
    Statistic,
    Windowed,
)
from nsp_core.units import Unit, parse_unit

Programs = Callable[..., st.SearchStrategy[Condition]]

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
    return {name: parse_unit(unit) for name, unit in PROGRAM_UNITS.items()}


@pytest.fixture(scope="session")
def programs() -> Programs:
    """Return a function to a strategy of programs that type-check, with the given constants."""

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
