from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsp_core.errors import UnitError
from nsp_core.units import DIMENSIONLESS, Unit, parse_unit

exponents = st.integers(-3, 3)
units = st.builds(
    Unit,
    exponents,
    exponents,
    exponents,
    st.sampled_from(["mm", "px", "body", "arena"]),
    st.sampled_from(["s", "frame"]),
)


@given(unit=units)
def test_a_printed_unit_reads_back_as_the_same_unit(unit: Unit) -> None:
    assert parse_unit(str(unit)) == unit


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("", Unit()),
        ("1", Unit()),
        ("mm", Unit(length=1)),
        ("px", Unit(length=1, length_reference="px")),
        ("bl/s", Unit(length=1, time=-1, length_reference="body")),
        ("arena", Unit(length=1, length_reference="arena")),
        ("rad/frame", Unit(angle=1, time=-1, time_reference="frame")),
        ("mm/s^2", Unit(length=1, time=-2)),
        ("mm/s/s", Unit(length=1, time=-2)),
        (" mm * rad / s ", Unit(length=1, angle=1, time=-1)),
        ("1/s", Unit(time=-1)),
        ("s^-1", Unit(time=-1)),
        ("mm/mm", Unit()),
    ],
)
def test_units_are_products_and_quotients_of_symbols(text: str, unit: Unit) -> None:
    assert parse_unit(text) == unit


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("cm", "cm"),
        ("mm/min", "min"),
        ("deg", "deg"),
        ("MM", "MM"),
        ("mm/s^x", "s^x"),
        ("mm s", "mm s"),
        ("2*mm", "2"),
        ("mm*px", "px"),
        ("bl/mm", "mm"),
        ("s/frame", "frame"),
        ("mm/s/frame", "frame"),
    ],
)
def test_an_unknown_or_mixed_unit_is_refused(text: str, factor: str) -> None:
    with pytest.raises(UnitError, match=r"write it like mm, mm/s, bl/s\^2, rad/s or 1/s") as caught:
        parse_unit(text)
    assert caught.value.found == f"the factor '{factor}' in the unit '{text}'"


def test_units_differ_by_what_length_and_time_are_measured_against() -> None:
    assert len({parse_unit(text) for text in ("mm", "px", "bl", "arena", "mm/s", "mm/frame", "rad", "")}) == 8


def test_a_reference_without_a_dimension_does_not_matter() -> None:
    assert Unit(angle=1, length_reference="px", time_reference="frame") == Unit(angle=1)
    assert hash(Unit(length_reference="body")) == hash(DIMENSIONLESS)


def test_a_unit_can_be_measured_against_another_length() -> None:
    assert str(parse_unit("mm/s").with_length("body")) == "bl/s"
    assert parse_unit("rad/s").with_length("px") == parse_unit("rad/s")


@pytest.mark.parametrize(
    ("text", "dimension", "dimensionless", "angle"),
    [
        ("", (0, 0, 0), True, False),
        ("rad", (0, 0, 1), False, True),
        ("rad/s", (0, -1, 1), False, False),
        ("bl", (1, 0, 0), False, False),
    ],
)
def test_a_unit_knows_its_dimension(
    text: str, dimension: tuple[int, int, int], dimensionless: bool, angle: bool
) -> None:
    unit = parse_unit(text)
    assert (unit.dimension, unit.is_dimensionless, unit.is_angle) == (dimension, dimensionless, angle)
