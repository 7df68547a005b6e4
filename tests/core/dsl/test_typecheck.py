from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import And, Compare, Condition, Duration, Feature, FillGaps, MinBout, Or, Windowed
from nsp_core.dsl.text import parse_program
from nsp_core.dsl.typecheck import check_program
from nsp_core.errors import FeatureError, ProgramError, UnitError
from nsp_core.units import TimeReference, Unit, parse_unit

Programs = Callable[..., st.SearchStrategy[Condition]]

UNITS = {
    "speed[agent]": parse_unit("mm/s"),
    "nose_to_nose": parse_unit("mm"),
    "centroid_distance": parse_unit("bl"),
    "facing_angle[agent]": parse_unit("rad"),
    "elongation": parse_unit(""),
}
SLOW = Compare(Feature("speed[agent]"), "<", 30.0, 0.0, parse_unit("mm/s"))


@settings(max_examples=60, deadline=None)
@given(drawn=st.data())
def test_programs_in_the_units_of_their_features_pass(
    drawn: st.DataObject, programs: Programs, program_units: dict[str, Unit]
) -> None:
    check_program(drawn.draw(programs()), program_units)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("speed[agnet]", r"did you mean 'speed\[agent\]'\?"),
        ("nose_to_noes", r"did you mean 'nose_to_nose'\?"),
        ("facing_angel[agent]", r"did you mean 'facing_angle\[agent\]'\?"),
        ("xyz", "check the name, or the roles of the study"),
    ],
)
def test_an_unknown_feature_is_refused_with_the_closest_name(name: str, remedy: str) -> None:
    with pytest.raises(FeatureError, match=remedy) as caught:
        check_program(parse_program(f"not (nose_to_nose < 3 mm or mean(`{name}`, 1 s) < 3)"), UNITS)
    assert caught.value.found == f"the feature '{name}'"
    assert caught.value.expected == "one of " + ", ".join(sorted(UNITS))


@pytest.mark.parametrize(
    ("comparison", "found", "expected"),
    [
        ("nose_to_nose < 3 bl", "bl", "mm, the unit of nose_to_nose"),
        ("nose_to_nose < 3 px", "px", "mm, the unit of nose_to_nose"),
        ("nose_to_nose < 3 mm/s", "mm/s", "mm, the unit of nose_to_nose"),
        ("nose_to_nose < 3 rad", "rad", "mm, the unit of nose_to_nose"),
        ("nose_to_nose < 3", "no unit", "mm, the unit of nose_to_nose"),
        ("elongation < 3 mm", "mm", "no unit, the unit of elongation"),
        ("centroid_distance < 3 mm", "mm", "bl, the unit of centroid_distance"),
        ("centroid_distance < 3 arena", "arena", "bl, the unit of centroid_distance"),
        ("speed[agent] < 3 mm", "mm", "mm/s, the unit of speed[agent]"),
        ("speed[agent] < 3 mm/frame", "mm/frame", "mm/s, the unit of speed[agent]"),
        ("mean(speed[agent], 1 s) < 3 mm/s^2", "mm/s^2", "mm/s, the unit of mean(speed[agent], 1 s)"),
        ("slope(speed[agent], 1 s) < 3 mm/s", "mm/s", "mm/s^2, the unit of slope(speed[agent], 1 s)"),
        ("quantile(nose_to_nose, 0.9, past 1 s) < 3 bl", "bl", "mm, the unit of quantile(nose_to_nose, 0.9, past 1 s)"),
        ("facing_angle[agent] < 3 rad/s", "rad/s", "rad, the unit of facing_angle[agent]"),
    ],
)
def test_a_threshold_in_another_unit_than_its_feature_is_refused(comparison: str, found: str, expected: str) -> None:
    with pytest.raises(UnitError, match="convert the threshold, or recalibrate the program") as caught:
        check_program(parse_program(f"either({comparison})"), UNITS)
    assert caught.value.found == f"a threshold in {found}"
    assert caught.value.expected == expected
    assert caught.value.where == f"'{comparison}'"


@pytest.mark.parametrize(
    "operator", ["mean({}, {}) < 30 mm/s", "min_bout({} < 30 mm/s, {})", "fill_gaps({} < 1 mm/s, {})"]
)
@pytest.mark.parametrize(("written", "expected"), [("s", "frame"), ("frame", "s")])
def test_durations_are_in_the_time_of_the_features(
    operator: str, written: TimeReference, expected: TimeReference
) -> None:
    program = parse_program(operator.format("speed[agent]", f"3 {written}"))
    check_program(program, UNITS, time_reference=written)
    with pytest.raises(UnitError, match="state the frame rate of the features, or rewrite the duration") as caught:
        check_program(program, UNITS, time_reference=expected)
    assert caught.value.found == f"a duration in {written}"
    assert caught.value.expected == f"a duration in {expected}, as the features' time"


@pytest.mark.parametrize("value", [0.0, -0.5, math.inf, math.nan])
def test_a_duration_that_is_no_length_of_time_is_refused(value: float) -> None:
    duration = Duration(value)
    mean = Compare(Windowed(SLOW.child, duration), "<", 30.0, 0.0, SLOW.unit)
    for program in (mean, FillGaps(SLOW, duration), MinBout(SLOW, duration)):
        with pytest.raises(ProgramError, match=f"a duration of {value:g} s, expected a positive, finite duration"):
            check_program(program, UNITS)


@pytest.mark.parametrize(
    ("threshold", "softness"), [(math.nan, 0.0), (math.inf, 0.0), (1.0, -1.0), (1.0, math.inf), (1.0, math.nan)]
)
def test_impossible_constants_are_refused(threshold: float, softness: float) -> None:
    program = Compare(Feature("elongation"), ">", threshold, softness)
    with pytest.raises(ProgramError, match=f"threshold {threshold} with softness {softness}, expected finite numbers"):
        check_program(program, UNITS)


def test_a_negative_softness_in_a_text_is_refused() -> None:
    with pytest.raises(ProgramError, match="softness not below zero"):
        check_program(parse_program("elongation < 3 ± -1"), UNITS)


@pytest.mark.parametrize("logic", [And, Or])
@pytest.mark.parametrize("parts", [(), (SLOW,)])
def test_logic_joins_at_least_two_conditions(logic: type[And | Or], parts: tuple[Condition, ...]) -> None:
    with pytest.raises(ProgramError, match=f"{logic.__name__} node: found {len(parts)} parts, expected at least two"):
        check_program(logic(parts), UNITS)


@pytest.mark.parametrize(
    ("number", "found", "expected"),
    [
        ("quantile(speed[agent], 1 s)", "no share", "from 0 to 1"),
        ("quantile(speed[agent], 1.5, 1 s)", "the share 1.5", "from 0 to 1"),
        ("mean(speed[agent], 0.5, 1 s)", "the share 0.5 in a mean", "a share only in a quantile"),
    ],
)
def test_a_share_belongs_to_a_quantile_and_lies_between_0_and_1(number: str, found: str, expected: str) -> None:
    with pytest.raises(ProgramError, match=f"found {found}, expected .*{expected}"):
        check_program(parse_program(f"{number} < 3 mm/s"), UNITS)
