from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import (
    And,
    Apply,
    Before,
    Compare,
    Condition,
    Constant,
    Duration,
    Feature,
    FillGaps,
    Filtered,
    MapPrefix,
    MinBout,
    Number,
    Or,
    Product,
    Sum,
    Vote,
    Windowed,
)
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.dsl.typecheck import check_program, unit_of_number
from nsp_core.errors import FeatureError, ProgramError, UnitError
from nsp_core.units import TimeReference, Unit, parse_unit

Programs = Callable[..., st.SearchStrategy[Condition]]

UNITS = {
    "speed[agent]": parse_unit("mm/s"),
    "nose_to_nose": parse_unit("mm"),
    "centroid_distance": parse_unit("bl"),
    "facing_angle[agent]": parse_unit("rad"),
    "elongation": parse_unit(""),
    "heading[agent]": parse_unit("rad"),
    "heading[target]": parse_unit("rad"),
    "turning_speed[agent]": parse_unit("rad/s"),
    "arena_speed": parse_unit("arena/frame"),
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


def number(text: str) -> Number:
    """The number that a text, a comparison without its threshold, stands for."""
    program = parse_program(f"{text} > 0")
    assert isinstance(program, Compare)
    return program.child


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("speed[agent] + 3 mm/s", "mm/s"),
        ("-speed[agent] - 3 mm/s", "mm/s"),
        ("0.5 * nose_to_nose", "mm"),
        ("nose_to_nose * nose_to_nose", "mm^2"),
        ("nose_to_nose / speed[agent]", "s"),
        ("nose_to_nose / 2 mm", ""),
        ("turning_speed[agent] / speed[agent]", "rad/mm"),
        ("1 / centroid_distance", "1/bl"),
        ("abs(speed[agent])", "mm/s"),
        ("abs(heading[agent])", "rad"),
        ("atan2(speed[agent], 3 mm/s)", "rad"),
        ("wrap(heading[agent] - heading[target])", "rad"),
        ("wrap(2 * mean(heading[agent], 2 s))", "rad"),
        ("wrap(facing_angle[agent])", "rad"),
        ("range(heading[agent], 1 s)", "rad"),
        ("slope(heading[agent], 1 s)", "rad/s"),
        ("slope(nose_to_nose / 2 s, past 1 s)", "mm/s^2"),
        ("quantile(facing_angle[agent], 0.5, 1 s)", "rad"),
        ("gaussian(speed[agent], 0.2 s)", "mm/s"),
        ("morlet(speed[agent], 0.2 s, 3 1/s)", "mm/s"),
        ("fraction(elongation > 2, past 2 s)", ""),
        ("if(elongation > 2, speed[agent], 0 mm/s)", "mm/s"),
        ("if(elongation > 2, heading[agent], heading[target])", "rad"),
        ("map(speed[agent] * 2 s)", "mm"),
        ("mapprefix(mean(speed[agent], 1 s))", "mm/s"),
        ("mapprefix(mean(max(speed[agent], past 1 s), 1 s))", "mm/s"),
        ("mapprefix(max(mapprefix(mean(speed[agent], 1 s)), 1 s))", "mm/s"),
        ("mapprefix(if(min_bout(sustained(elongation > 2, 1 s), 1 s), 1 mm, nose_to_nose))", "mm"),
        ("fold(0.9 * before + 0.1 * speed[agent])", "mm/s"),
        ("fold(if(before > 3 mm, 0.5 * before, before + 1 mm))", "mm"),
        ("fold(if(elongation > 2, before + speed[agent] * 0.1 s, 0 * before))", "mm"),
        ("fold(before / 2 + 1)", ""),
        ("fold(-before)", ""),
        ("fold(wrap(before + turning_speed[agent] * 0.1 s))", "rad"),
        ("fold(if(elongation > 2, before, heading[agent]))", "rad"),
        ("wrap(fold(before + heading[agent]))", "rad"),
        ("delta(fold(if(elongation > 2, before, heading[agent])), 1 s)", "rad"),
        ("if(either(fold(before + speed[agent]) > 2 mm/s), 1, 2)", ""),
    ],
)
def test_numbers_have_the_unit_of_their_arithmetic(text: str, unit: str) -> None:
    assert unit_of_number(number(text), UNITS) == parse_unit(unit)


@pytest.mark.parametrize(
    "text",
    [
        "points(2: elongation > 2, -0.5: speed[agent] < 3 mm/s) > 1.5 ± 0.5",
        "sustained(elongation > 2, 2 s) and within(elongation > 2, past 2 s) and within(elongation > 2, 1 s)",
        "followed_by(elongation > 2, speed[agent] > 3 mm/s, 2 s) or hysteresis(elongation > 3, elongation > 2)",
        "heading[agent] > 1 rad and abs(wrap(heading[agent] - heading[target])) < 0.1 rad",
        "fraction(fraction(elongation > 2, 2 s) > 0.5, 4 s) > 0.5",
    ],
)
def test_conditions_of_every_kind_pass(text: str) -> None:
    check_program(parse_program(text), UNITS)


def test_durations_in_frames_pass_where_time_is_in_frames() -> None:
    check_program(parse_program("slope(arena_speed, 5 frame) > 1 arena/frame^2"), UNITS, "frame")
    check_program(parse_program("morlet(elongation, 5 frame, 0.1 1/frame) > 1"), UNITS, "frame")


@pytest.mark.parametrize(
    ("text", "where", "found", "expected", "remedy"),
    [
        (
            "speed[agent] + nose_to_nose > 3 mm/s",
            "speed[agent] + nose_to_nose",
            "nose_to_nose in mm",
            "mm/s, the unit of speed[agent]",
            "bring both to one unit",
        ),
        ("elongation - 3 mm > 1", "elongation - 3 mm", "3 mm in mm", "no unit, the unit of elongation", "behind it"),
        ("atan2(1, 3 mm) > 1 rad", "atan2(1, 3 mm)", "3 mm in mm", "no unit, the unit of 1", "one unit"),
        (
            "if(elongation > 2, speed[agent], nose_to_nose) > 1 mm",
            "if(elongation > 2, speed[agent], nose_to_nose)",
            "nose_to_nose in mm",
            "mm/s, the unit of speed[agent]",
            "one unit",
        ),
        (
            "nose_to_nose * centroid_distance > 1 mm^2",
            "nose_to_nose * centroid_distance",
            "centroid_distance in bl beside mm",
            "lengths, and times, that are measured against the same",
            "recalibrate one of them",
        ),
        (
            "speed[agent] / arena_speed > 1",
            "speed[agent] / arena_speed",
            "arena_speed in arena/frame beside mm/s",
            "measured against the same",
            "write a constant in the unit",
        ),
        (
            "wrap(speed[agent]) > 1 mm/s",
            "wrap(speed[agent])",
            "speed[agent] in mm/s",
            "an angle, in rad",
            "angles only",
        ),
        (
            "slope(arena_speed, 1 s) > 1 arena/s^2",
            "slope(arena_speed, 1 s)",
            "a slope of 'arena/frame' per s",
            "a slope per frame",
            "the same reference throughout",
        ),
        (
            "fold(before * speed[agent]) > 1 mm/s",
            "fold(before * speed[agent])",
            "a fold in mm/s where before is in no unit",
            "one unit at every frame",
            "multiply before by bare numbers only",
        ),
        (
            "fold(0.9 * before + 0.1 * speed[agent] + nose_to_nose) > 1 mm/s",
            "0.9 * before + 0.1 * speed[agent] + nose_to_nose",
            "nose_to_nose in mm",
            "mm/s, the unit of 0.9 * before",
            "one unit",
        ),
        (
            "sustained(speed[agent] * 1 s > 3 mm/s, 1 s)",
            "speed[agent] * 1 s > 3 mm/s",
            "a threshold in mm/s",
            "mm, the unit of speed[agent] * 1 s",
            "convert the threshold",
        ),
    ],
)
def test_units_that_do_not_fit_are_refused_where_they_meet(
    text: str, where: str, found: str, expected: str, remedy: str
) -> None:
    with pytest.raises(UnitError) as caught:
        check_program(parse_program(f"{text} or elongation > 1"), UNITS)
    assert caught.value.where == f"'{where}'"
    assert caught.value.found == found
    assert expected in caught.value.expected
    assert remedy in caught.value.remedy


DIFFERENCE = "heading[agent] - heading[target]"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (f"{DIFFERENCE} > 1 rad", f"{DIFFERENCE} > 1 rad"),
        (f"abs({DIFFERENCE}) > 1 rad", f"abs({DIFFERENCE})"),
        (f"mean({DIFFERENCE}, 1 s) > 1 rad", f"mean({DIFFERENCE}, 1 s)"),
        (f"gaussian({DIFFERENCE}, 1 s) > 1 rad", f"gaussian({DIFFERENCE}, 1 s)"),
        (f"atan2({DIFFERENCE}, 1 rad) > 1 rad", f"atan2({DIFFERENCE}, 1 rad)"),
        (f"fraction({DIFFERENCE} > 1 rad, 1 s) > 0.5", f"{DIFFERENCE} > 1 rad"),
    ],
)
def test_an_unwrapped_angle_may_only_be_wrapped(text: str, where: str) -> None:
    with pytest.raises(ProgramError, match="which may have left the range of an angle, expected an angle in") as caught:
        check_program(parse_program(text), UNITS)
    assert caught.value.where == f"'{where}'"
    assert caught.value.remedy == f"write wrap({DIFFERENCE})"


@pytest.mark.parametrize(
    "unwrapped",
    [
        "heading[agent] + 0.1 rad",
        "0.5 * heading[agent]",
        "heading[agent] / 2",
        "-(heading[agent] - heading[target])",
        "map(heading[agent] + 0.1 rad)",
        "mapprefix(heading[agent] + 0.1 rad)",
        "fold(before + heading[agent])",
        "if(elongation > 2, heading[agent] + 0.1 rad, 2 * heading[agent])",
    ],
)
def test_arithmetic_takes_an_angle_out_of_its_range(unwrapped: str) -> None:
    wrapped = parse_program(f"wrap({unwrapped}) > 0.1 rad")
    check_program(wrapped, UNITS)
    with pytest.raises(ProgramError) as caught:
        check_program(parse_program(f"{unwrapped} > 0.1 rad"), UNITS)
    assert isinstance(wrapped, Compare)
    assert caught.value.remedy == f"write {format_program(wrapped.child)}"


@pytest.mark.parametrize("operator", ["min({}, 1 s)", "max({}, 1 s)", "quantile({}, 0.5, 1 s)", "gaussian({}, 1 s)"])
@pytest.mark.parametrize("angle", ["heading[agent]", "wrap(heading[agent] - heading[target])", "atan2(1, 2)"])
def test_an_operator_over_time_without_a_meaning_for_angles_is_refused(operator: str, angle: str) -> None:
    text = operator.format(angle)
    with pytest.raises(ProgramError, match=r"of a signed angle, expected one of mean, std, range, delta") as caught:
        check_program(parse_program(f"{text} > 1 rad or elongation > 1"), UNITS)
    assert caught.value.where == f"'{text}'"


def test_the_cases_of_an_if_wrap_alike() -> None:
    text = "if(elongation > 2, heading[agent], 0 rad)"
    with pytest.raises(
        ProgramError, match=r"an angle that wraps in one case and a plain number in the other"
    ) as caught:
        check_program(parse_program(f"{text} > 1 rad"), UNITS)
    assert caught.value.where == f"'{text}'"
    with pytest.raises(ProgramError, match="found an unwrapped angle in one case and an angle that wraps in the other"):
        check_program(parse_program("fold(if(elongation > 2, before + 1 rad, heading[agent])) > 1 rad"), UNITS)


@pytest.mark.parametrize(
    ("text", "found", "remedy"),
    [
        ("before > 1", "before outside a fold", "put a feature called before into backticks"),
        ("fold(before + 1) + before > 1", "before outside a fold", "write fold"),
        ("fold(elongation) > 1", "a fold without before", r"write map\(...\) for what sees one frame alone"),
        ("fold(fold(before + 1) + before) > 1", r"fold\(before \+ 1\) inside another fold", "combine the two outside"),
        (
            "fold(before + mean(elongation, 1 s)) > 1",
            r"mean\(elongation, 1 s\), which looks at other frames",
            "take the window or filter of the whole fold instead",
        ),
        (
            "fold(if(within(elongation > 2, 1 s), before, 1)) > 1",
            r"within\(elongation > 2, 1 s\), which looks at other frames",
            "whole fold",
        ),
        ("map(gaussian(elongation, 1 s)) > 1", r"gaussian\(elongation, 1 s\), which looks", "write it without map"),
        ("fold(map(before) + 1) > 1", "before inside map", "leave out map"),
        ("fold(if(either(before > 1), before, 1)) > 1", "before inside either", "put it around the whole fold"),
        (
            "mapprefix(mean(max(elongation, 1 s), past 2 s)) > 1",
            r"max\(elongation, 1 s\), which looks ahead, inside mean\(max\(elongation, 1 s\), past 2 s\)",
            "let the inner one look at the past",
        ),
        (
            "mapprefix(fraction(min_bout(elongation > 2, 1 s), past 2 s)) > 1",
            r"min_bout\(elongation > 2, 1 s\), which looks ahead, inside fraction",
            "put mapprefix around it alone",
        ),
        (
            "mapprefix(if(hysteresis(elongation > 3, mean(elongation, 1 s) > 2), 1, 2)) > 1",
            r"mean\(elongation, 1 s\), which looks ahead, inside hysteresis",
            "let the inner one look at the past",
        ),
        (
            "mapprefix(max(gaussian(elongation, 1 s), past 1 s)) > 1",
            r"gaussian\(elongation, 1 s\), which looks",
            "past",
        ),
        (
            "mapprefix(std(if(followed_by(elongation > 1, elongation > 2, 1 s), 1, 2), past 1 s)) > 1",
            "followed",
            "past",
        ),
        ("0.5 > 0.3", "a program without features", "compare a feature with the constants"),
    ],
)
def test_what_means_nothing_where_it_stands_is_refused(text: str, found: str, remedy: str) -> None:
    with pytest.raises(ProgramError, match=rf"found {found}.*{remedy}"):
        check_program(parse_program(text), UNITS)


@pytest.mark.parametrize("template", ["{}", "wrap({})", "{} * 2"])
def test_a_fold_or_prefix_is_named_by_its_text(template: str) -> None:
    with pytest.raises(ProgramError) as caught:
        check_program(parse_program(f"{template.format('fold(facing_angle[agent])')} > 1 rad"), UNITS)
    assert caught.value.where == "'fold(facing_angle[agent])'"


@pytest.mark.parametrize(
    "text",
    [
        "gaussian(elongation, 3 {}) > 1",
        "morlet(elongation, 3 {0}, 0.1 1/{0}) > 1",
        "fraction(elongation > 1, 3 {}) > 1",
        "sustained(elongation > 1, 3 {})",
        "within(elongation > 1, next 3 {})",
        "followed_by(elongation > 1, elongation > 2, 3 {})",
    ],
)
@pytest.mark.parametrize(("written", "expected"), [("s", "frame"), ("frame", "s")])
def test_every_duration_is_in_the_time_of_the_features_and_above_zero(
    text: str, written: TimeReference, expected: TimeReference
) -> None:
    program = parse_program(text.format(written))
    check_program(program, UNITS, time_reference=written)
    with pytest.raises(UnitError, match=f"found a duration in {written}, expected a duration in {expected}"):
        check_program(program, UNITS, time_reference=expected)
    with pytest.raises(ProgramError, match=f"found a duration of 0 {written}, expected a positive, finite duration"):
        check_program(parse_program(text.format(written).replace("3 ", "0 ", 1)), UNITS, time_reference=written)


ELONGATED = Compare(Feature("elongation"), ">", 2.0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Constant(math.nan), "found the constant nan, expected a finite number; correct the constant"),
        (Constant(-math.inf), "found the constant -inf, expected a finite number"),
        (Sum((Constant(1.0),)), "Sum node: found 1 parts, expected at least two; join at least two numbers, or drop"),
        (Product(()), "Product node: found 0 parts, expected at least two"),
        (Apply("atan2", (Constant(1.0),)), "Apply node: found atan2 of 1 numbers, expected abs.*give it the numbers"),
        (Apply("abs", ()), "Apply node: found abs of 0 numbers"),
        (
            Filtered(Constant(1.0), Duration(0.2), "gaussian", 3.0),
            "found a frequency of 3 1/s in a gaussian filter, expected a frequency only in a morlet filter; remove it",
        ),
        (Filtered(Constant(1.0), Duration(0.2), "morlet"), r"found no frequency.*morlet\(speed, 0.2 s, 3 1/s\)"),
        (
            Filtered(Constant(1.0), Duration(0.2), "morlet", -1.0),
            "found a frequency of -1 1/s, expected a positive, finite frequency, in cycles per time",
        ),
        (MapPrefix(Constant(math.inf)), "found the constant inf"),
        (Before(), "found before outside a fold"),
    ],
)
def test_impossible_numbers_are_refused_wherever_they_stand(wrong: Number, message: str) -> None:
    for program in (Compare(wrong, "<", 0.5), Vote((ELONGATED, Compare(wrong, ">", 1.0)), (1.0, 1.0), 1.0)):
        with pytest.raises(ProgramError, match=message):
            check_program(And((ELONGATED, program)), UNITS)
    with pytest.raises(ProgramError, match=message):
        unit_of_number(wrong, UNITS)


def test_an_example_of_a_filter_is_in_the_time_of_the_features() -> None:
    filtered = Filtered(Constant(1.0), Duration(5.0, "frame"), "morlet", math.nan)
    with pytest.raises(ProgramError, match=r"a frequency of nan 1/frame.*morlet\(speed, 5 frame, 0.1 1/frame\)"):
        unit_of_number(filtered, UNITS, "frame")


@pytest.mark.parametrize(
    ("vote", "message"),
    [
        (Vote((), (), 1.0), "Vote node: found 0 weights for 0 conditions, expected at least one condition, and one"),
        (Vote((ELONGATED,), (1.0, 2.0), 1.0), "Vote node: found 2 weights for 1 conditions.*write it like points"),
        (Vote((ELONGATED,), (0.0,), 1.0), "found the weights 0, expected finite weights that are not 0; correct the"),
        (Vote((ELONGATED, SLOW), (1.0, math.nan), 1.0), "found the weights 1, nan"),
        (Vote((ELONGATED,), (1.0,), math.inf), "found threshold inf with softness 0.0, expected finite numbers"),
        (Vote((ELONGATED,), (1.0,), 0.5, -1.0), "found threshold 0.5 with softness -1.0, expected .*not below zero"),
    ],
)
def test_an_impossible_vote_is_refused(vote: Vote, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        check_program(Or((ELONGATED, vote)), UNITS)


def test_the_unit_of_a_number_that_cannot_be_is_refused_as_in_a_program() -> None:
    with pytest.raises(FeatureError, match=r"the feature 'speed\[agnet\]'.*did you mean 'speed\[agent\]'\?"):
        unit_of_number(Feature("speed[agnet]"), UNITS)
    with pytest.raises(UnitError, match="found a duration in s, expected a duration in frame"):
        unit_of_number(Windowed(Feature("elongation"), Duration(1.0)), UNITS, "frame")
