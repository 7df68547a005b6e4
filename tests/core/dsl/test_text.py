from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import And, Compare, Condition, Duration, Either, Feature, FillGaps, MinBout, Not, Or, Windowed
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.errors import ProgramError, UnitError
from nsp_core.features import CATALOG, FeatureSpec
from nsp_core.units import LengthReference, parse_unit

Programs = Callable[..., st.SearchStrategy[Condition]]

DURATIONS = st.builds(Duration, st.floats(1e-3, 1e6), st.sampled_from(["s", "frame"]))

A, B, C = (Compare(Feature(name), "<", 1.0) for name in "abc")


@settings(max_examples=60, deadline=None)
@given(drawn=st.data())
def test_what_is_printed_reads_back_as_the_same_program(drawn: st.DataObject, programs: Programs) -> None:
    program = drawn.draw(programs(durations=DURATIONS))
    text = format_program(program)
    assert parse_program(text) == program
    assert format_program(parse_program(text)) == text


@settings(max_examples=60, deadline=None)
@given(name=st.text(min_size=1).filter(lambda name: "`" not in name))
def test_every_feature_name_without_a_backtick_survives_printing(name: str) -> None:
    program = Compare(Feature(name), "<", 1.0)
    assert parse_program(format_program(program)) == program


@settings(max_examples=100, deadline=None)
@given(threshold=st.floats(allow_nan=False, allow_infinity=False))
def test_no_digit_of_a_threshold_is_lost(threshold: float) -> None:
    program = parse_program(format_program(Compare(Feature("speed"), ">", threshold)))
    assert program == Compare(Feature("speed"), ">", threshold)


@pytest.mark.parametrize("reference", ["mm", "px", "body", "arena"])
@pytest.mark.parametrize("feature", CATALOG, ids=lambda feature: feature.name)
def test_the_unit_of_every_feature_can_be_written(feature: FeatureSpec, reference: LengthReference) -> None:
    unit = feature.unit(reference)
    program = Compare(Feature(feature.name), "<", 1.5, 0.0, unit)
    assert parse_program(f"{feature.name} < 1.5 {unit}") == program


def test_a_program_reads_as_a_biologist_writes_it() -> None:
    program = And(
        (
            Compare(Feature("nose_to_nose"), "<", 22.0, 3.0, parse_unit("mm")),
            FillGaps(
                Not(Compare(Windowed(Feature("speed[agent]"), Duration(0.5)), ">", 30.0, 0.0, parse_unit("mm/s"))),
                Duration(0.3),
            ),
        )
    )
    text = "nose_to_nose < 22 ± 3 mm and fill_gaps(not mean(speed[agent], 0.5 s) > 30 mm/s, 0.3 s)"
    assert format_program(program) == text
    assert parse_program(text) == program


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("a < 1 or b < 1 and c < 1", Or((A, And((B, C))))),
        ("(a < 1 or b < 1) and c < 1", And((Or((A, B)), C))),
        ("a < 1 and b < 1 and c < 1", And((A, B, C))),
        ("(a < 1 and b < 1) and c < 1", And((And((A, B)), C))),
        ("not a < 1 and b < 1", And((Not(A), B))),
        ("not (a < 1 and b < 1)", Not(And((A, B)))),
        ("not not a < 1", Not(Not(A))),
        ("not a < 1 or b < 1", Or((Not(A), B))),
        ("either(a < 1 or b < 1)", Either(Or((A, B)))),
        ("min_bout(fill_gaps(a < 1, 3 frame), 0.5 s)", MinBout(FillGaps(A, Duration(3.0, "frame")), Duration(0.5))),
    ],
)
def test_not_binds_tighter_than_and_and_and_tighter_than_or(text: str, program: Condition) -> None:
    assert parse_program(text) == program
    assert format_program(program) == text


@pytest.mark.parametrize(
    ("number", "value"), [("30", 30.0), ("1e-3", 0.001), (".5", 0.5), ("5.", 5.0), ("-2.5E+2", -250.0), ("+7", 7.0)]
)
def test_numbers_may_be_written_in_every_usual_way(number: str, value: float) -> None:
    assert parse_program(f"speed < {number} ± {number.lstrip('+-')} mm/s") == Compare(
        Feature("speed"), "<", value, abs(value), parse_unit("mm/s")
    )


@pytest.mark.parametrize(
    "text", ["speed<30+-4mm/s", "speed < 30 +- 4 mm/s", "speed  <\n\t30 ±4\nmm/s", "((speed < 30 ± 4.0 mm/s))"]
)
def test_plus_minus_may_be_typed_and_spaces_do_not_matter(text: str) -> None:
    assert format_program(parse_program(text)) == "speed < 30 ± 4 mm/s"


def test_a_softness_left_out_is_a_hard_threshold() -> None:
    assert parse_program("speed < 30") == parse_program("speed < 30 ± 0") == Compare(Feature("speed"), "<", 30.0, 0.0)


@pytest.mark.parametrize("name", ["nothing", "notch", "order", "orbit", "android", "nose_or_tail", "not_moving[agent]"])
def test_a_feature_that_starts_with_a_word_of_the_language_is_one_word(name: str) -> None:
    assert parse_program(f"{name} < 1 and {name} < 1") == And((Compare(Feature(name), "<", 1.0),) * 2)
    assert format_program(Compare(Feature(name), "<", 1.0)) == f"{name} < 1"


@pytest.mark.parametrize("name", ["and", "or", "not", "not[agent]", "mean", "either", "head yaw", "speed[1]", "0", "é"])
def test_a_name_that_could_be_misread_stands_in_backticks(name: str) -> None:
    assert format_program(Compare(Feature(name), "<", 1.0)) == f"`{name}` < 1"
    assert parse_program(f"mean(`{name}`, 2 s) < 1") == Compare(Windowed(Feature(name), Duration(2.0)), "<", 1.0)


def test_a_plain_name_in_backticks_is_the_same_name() -> None:
    assert parse_program("`speed[agent]` < 1") == parse_program("speed[agent] < 1")


@pytest.mark.parametrize(
    ("text", "line", "column", "found"),
    [
        ("", 1, 1, "the end of the text"),
        ("speed", 1, 6, "the end of the text"),
        ("speed < 3 and", 1, 14, "the end of the text"),
        ("(speed < 3", 1, 11, "the end of the text"),
        ("speed < 3)", 1, 10, "')'"),
        ("speed = 3", 1, 7, "'= 3'"),
        ("speed <= 3", 1, 8, "'= 3'"),
        ("speed < - 3", 1, 9, "'- 3'"),
        ("speed < 3 cm", 1, 11, "'cm'"),
        ("speed < 3 mm/min", 1, 13, "'/min'"),
        ("speed < 31/s", 1, 11, "'/s'"),
        ("speed < 3 and turns ? 4", 1, 21, "'? 4'"),
        ("speed < 3\nand turns ? 4\nor speed < 2", 2, 11, "'? 4'"),
        ("speed < 3 andturns > 4", 1, 11, "'andturns > 4'"),
        ("mean(speed, 3) < 2", 1, 14, "') < 2'"),
        ("fill_gaps(speed < 3, 2 h)", 1, 24, "'h)'"),
        ("speed[Agent] < 3", 1, 6, "'[Agent] < 3'"),
        ("and < 3", 1, 1, "'and < 3'"),
        ("__import__('os')", 1, 11, "'('os')'"),
    ],
)
def test_an_unreadable_text_is_refused_with_a_caret_under_the_place(
    text: str, line: int, column: int, found: str
) -> None:
    with pytest.raises(ProgramError, match="correct the text at the caret") as caught:
        parse_program(text)
    assert caught.value.found == found
    headline, shown, caret = caught.value.where.rstrip("\n").split("\n")
    assert headline == f"program text, line {line}, column {column}"
    assert shown == "    " + (text.splitlines() or [""])[line - 1]
    assert caret == "    " + " " * (column - 1) + "^"


@pytest.mark.parametrize("duration", ["3 mm", "0.5 rad", "2 1/s"])
@pytest.mark.parametrize("operator", ["mean(speed, {}) < 1", "min_bout(speed < 1, {})", "fill_gaps(speed < 1, {})"])
def test_a_duration_in_another_unit_is_refused_where_it_stands(operator: str, duration: str) -> None:
    text = operator.format(duration)
    with pytest.raises(ProgramError, match=r"expected seconds or frames; write it like 0\.5 s") as caught:
        parse_program(text)
    assert caught.value.found == f"the duration '{duration}'"
    assert caught.value.where == f"program text, line 1, column {text.index(duration) + 1}"


def test_a_unit_of_two_length_references_is_refused() -> None:
    with pytest.raises(UnitError, match=r"the factor 'px' in the unit 'mm\*px'"):
        parse_program("speed < 3 mm*px")


@pytest.mark.parametrize(("opening", "closing"), [("(", ")"), ("not ", ""), ("fill_gaps(", ", 1 s)")])
def test_deep_nesting_is_read(opening: str, closing: str) -> None:
    text = opening * 40 + "speed < 1" + closing * 40
    program = parse_program(text)
    assert parse_program(format_program(program)) == program


def test_nesting_beyond_reading_is_refused() -> None:
    with pytest.raises(ProgramError, match="nested too deeply"):
        parse_program("(" * 400 + "speed < 1" + ")" * 400)
