from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import (
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
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.errors import NspError, ProgramError, UnitError
from nsp_core.features import CATALOG, FeatureSpec
from nsp_core.units import LengthReference, parse_unit
from tests.core.dsl.any_programs import conditions, numbers

Programs = Callable[..., st.SearchStrategy[Condition]]

DURATIONS = st.builds(Duration, st.floats(1e-3, 1e6), st.sampled_from(["s", "frame"]))

A, B, C = (Compare(Feature(name), "<", 1.0) for name in "abc")
X, Y, Z = (Feature(name) for name in "xyz")
MM = parse_unit("mm")


def number_of(text: str) -> Number:
    """The number that a text compares."""
    program = parse_program(f"{text} < 1")
    assert isinstance(program, Compare)
    return program.child


# ---- text and tree determine each other


@settings(max_examples=300, deadline=None)
@given(program=conditions())
def test_whatever_is_printed_reads_back_as_the_same_program(program: Condition) -> None:
    text = format_program(program)
    assert parse_program(text) == program
    assert format_program(parse_program(text)) == text


@settings(max_examples=300, deadline=None)
@given(number=numbers())
def test_numbers_inside_numbers_read_back_as_they_were(number: Number) -> None:
    assert number_of(format_program(number)) == number


@settings(max_examples=60, deadline=None)
@given(drawn=st.data())
def test_a_program_whose_types_fit_reads_back_too(drawn: st.DataObject, programs: Programs) -> None:
    program = drawn.draw(programs(durations=DURATIONS))
    assert parse_program(format_program(program)) == program


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


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet="xs <>()+-*/.,:±`[]1mean2andotrif^9\n", max_size=30) | st.text(max_size=20))
def test_any_text_is_read_or_refused_with_a_place_in_it(text: str) -> None:
    outcome = read_or_refused(text)
    if isinstance(outcome, NspError):
        assert outcome.where.startswith("program text, line ")
        assert outcome.where.endswith("^\n")
    else:
        assert parse_program(format_program(outcome)) == outcome


def read_or_refused(text: str) -> Condition | NspError:
    try:
        return parse_program(text)
    except (ProgramError, UnitError) as error:
        return error


@pytest.mark.parametrize("reference", ["mm", "px", "body", "arena"])
@pytest.mark.parametrize("feature", CATALOG, ids=lambda feature: feature.name)
def test_the_unit_of_every_feature_can_be_written(feature: FeatureSpec, reference: LengthReference) -> None:
    unit = feature.unit(reference)
    program = Compare(Feature(feature.name), "<", 1.5, 0.0, unit)
    assert parse_program(f"{feature.name} < 1.5 {unit}") == program
    assert format_program(program) == f"{feature.name} < 1.5 {unit}".rstrip()


# ---- conditions


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
        ("not points(1: a < 1) > 0 and b < 1", And((Not(Vote((A,), (1.0,), 0.0)), B))),
    ],
)
def test_not_binds_tighter_than_and_and_and_tighter_than_or(text: str, program: Condition) -> None:
    assert parse_program(text) == program
    assert format_program(program) == text


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("sustained(a < 1, 2 s)", Sustained(A, Duration(2.0))),
        ("within(a < 1, past 2 s)", Within(A, Duration(2.0), "past")),
        ("within(a < 1, next 5 frame)", Within(A, Duration(5.0, "frame"), "next")),
        ("within(a < 1, 2 s)", Within(A, Duration(2.0), "centered")),
        ("followed_by(a < 1, b < 1, 2 s)", FollowedBy(A, B, Duration(2.0))),
        ("hysteresis(a < 1, b < 1)", Hysteresis(A, B)),
        (
            "points(2: a < 1, -1: b < 1, 0.5: c < 1) > 2.5 ± 0.5",
            Vote((A, B, C), (2.0, -1.0, 0.5), 2.5, 0.5),
        ),
        ("points(2: a < 1 and b < 1) > -1", Vote((And((A, B)),), (2.0,), -1.0)),
    ],
)
def test_conditions_in_time_and_points_are_written_as_words(text: str, program: Condition) -> None:
    assert parse_program(text) == program
    assert format_program(program) == text


# ---- numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("x + y + z", Sum((X, Y, Z))),
        ("x + (y + z)", Sum((X, Sum((Y, Z))))),
        ("(x + y) + z", Sum((Sum((X, Y)), Z))),
        ("x - y", Sum((X, Negative(Y)))),
        ("x - (y - z)", Sum((X, Negative(Sum((Y, Negative(Z))))))),
        ("-x + y", Sum((Negative(X), Y))),
        ("-(x + y)", Negative(Sum((X, Y)))),
        ("-(-x)", Negative(Negative(X))),
        ("x * y * z", Product((X, Y, Z))),
        ("x * (y * z)", Product((X, Product((Y, Z))))),
        ("x * (y + z)", Product((X, Sum((Y, Z))))),
        ("x + y * z", Sum((X, Product((Y, Z))))),
        ("-x * y", Product((Negative(X), Y))),
        ("-(x * y)", Negative(Product((X, Y)))),
        ("x * -y", Product((X, Negative(Y)))),
        ("x - y * z", Sum((X, Negative(Product((Y, Z)))))),
        ("x / y / z", Quotient(Quotient(X, Y), Z)),
        ("x / (y / z)", Quotient(X, Quotient(Y, Z))),
        ("x * y / z", Quotient(Product((X, Y)), Z)),
        ("x * (y / z)", Product((X, Quotient(Y, Z)))),
        ("x / y * z", Product((Quotient(X, Y), Z))),
        ("x / (y * z)", Quotient(X, Product((Y, Z)))),
        ("x / y * z / x", Quotient(Product((Quotient(X, Y), Z)), X)),
    ],
)
def test_arithmetic_has_the_usual_precedence_and_no_bracket_too_many(text: str, number: Number) -> None:
    assert number_of(text) == number
    assert format_program(number) == text


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.5", Constant(0.5)),
        ("-2 1/mm", Constant(-2.0, parse_unit("1/mm"))),
        ("x + 3 mm", Sum((X, Constant(3.0, MM)))),
        ("x - 3 mm", Sum((X, Negative(Constant(3.0, MM))))),
        ("x - (-3 mm)", Sum((X, Negative(Constant(-3.0, MM))))),
        ("x + -3 mm", Sum((X, Constant(-3.0, MM)))),
        ("-(3 mm)", Negative(Constant(3.0, MM))),
        ("-(-3 mm)", Negative(Constant(-3.0, MM))),
        ("-3 mm - 2 mm", Sum((Constant(-3.0, MM), Negative(Constant(2.0, MM))))),
        ("x - (-2 * y)", Sum((X, Negative(Product((Constant(-2.0), Y)))))),
        ("-2 * x", Product((Constant(-2.0), X))),
    ],
)
def test_a_minus_before_a_digit_belongs_to_the_constant(text: str, number: Number) -> None:
    assert number_of(text) == number
    assert format_program(number) == text


@pytest.mark.parametrize("text", ["x -3 mm < 1", "x-3 mm < 1", "x - 3mm<1"])
def test_a_minus_between_two_numbers_subtracts_however_it_is_spaced(text: str) -> None:
    assert format_program(parse_program(text)) == "x - 3 mm < 1"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.3 s * speed", Product((Constant(0.3, parse_unit("s")), Feature("speed")))),
        ("2 1/mm * x", Product((Constant(2.0, parse_unit("1/mm")), X))),
        ("3 mm*s * x", Product((Constant(3.0, parse_unit("mm*s")), X))),
        ("3 mm / x", Quotient(Constant(3.0, MM), X)),
        ("x * 3 mm/s^2 / y", Quotient(Product((X, Constant(3.0, parse_unit("mm/s^2")))), Y)),
        ("2 * x", Product((Constant(2.0), X))),
        ("2 / x", Quotient(Constant(2.0), X)),
    ],
)
def test_a_unit_has_no_spaces_and_a_product_with_it_has(text: str, number: Number) -> None:
    assert number_of(text) == number
    assert format_program(number) == text


def test_without_a_unit_a_product_needs_no_spaces() -> None:
    assert format_program(parse_program("2*x+y*3mm-x/y<1")) == "2 * x + y * 3 mm - x / y < 1"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("mean(x + y, 0.5 s)", Windowed(Sum((X, Y)), Duration(0.5))),
        ("quantile(x, 0.9, past 2 s)", Windowed(X, Duration(2.0), "quantile", "past", 0.9)),
        ("slope(mean(x, 3 frame), next 5 frame)",
         Windowed(Windowed(X, Duration(3.0, "frame")), Duration(5.0, "frame"), "slope", "next")),
        ("gaussian(x, 0.2 s)", Filtered(X, Duration(0.2))),
        ("morlet(x, 0.2 s, 3 1/s)", Filtered(X, Duration(0.2), "morlet", 3.0)),
        ("morlet(x, 5 frame, 0.1 1/frame)", Filtered(X, Duration(5.0, "frame"), "morlet", 0.1)),
        ("fraction(a < 1 and b < 1, past 2 s)", Fraction(And((A, B)), Duration(2.0), "past")),
        ("abs(x - y)", Apply("abs", (Sum((X, Negative(Y))),))),
        ("wrap(x)", Apply("wrap", (X,))),
        ("atan2(y, x)", Apply("atan2", (Y, X))),
        ("if(a < 1, x, -y)", Choose(A, X, Negative(Y))),
        ("fold(0.9 * before + 0.1 * x)",
         Fold(Sum((Product((Constant(0.9), Before())), Product((Constant(0.1), X)))))),
        ("map(x) * mapprefix(y)", Product((Map(X), MapPrefix(Y)))),
    ],
)  # fmt: skip
def test_numbers_are_written_as_words_and_signs(text: str, number: Number) -> None:
    assert number_of(text) == number
    assert format_program(number) == text


def test_a_number_on_the_left_may_stand_in_brackets_and_so_may_a_condition() -> None:
    assert parse_program("(x + y) < 1 and ((a < 1))") == And((Compare(Sum((X, Y)), "<", 1.0), A))


@pytest.mark.parametrize(
    ("number", "value"), [("30", 30.0), ("1e-3", 0.001), (".5", 0.5), ("5.", 5.0), ("-2.5E+2", -250.0), ("+7", 7.0)]
)
def test_constants_may_be_written_in_every_usual_way(number: str, value: float) -> None:
    assert parse_program(f"speed < {number} ± {number.lstrip('+-')} mm/s") == Compare(
        Feature("speed"), "<", value, abs(value), parse_unit("mm/s")
    )
    assert number_of(f"{number} mm") == Constant(value, MM)


@pytest.mark.parametrize(
    "text", ["speed<30+-4mm/s", "speed < 30 +- 4 mm/s", "speed  <\n\t30 ±4\nmm/s", "((speed < 30 ± 4.0 mm/s))"]
)
def test_plus_minus_may_be_typed_and_spaces_do_not_matter(text: str) -> None:
    assert format_program(parse_program(text)) == "speed < 30 ± 4 mm/s"


def test_a_softness_left_out_is_a_hard_threshold() -> None:
    assert parse_program("speed < 30") == parse_program("speed < 30 ± 0") == Compare(Feature("speed"), "<", 30.0, 0.0)


# ---- names


@pytest.mark.parametrize(
    "name", ["nothing", "notch", "order", "orbit", "android", "nose_or_tail", "not_moving[agent]", "iffy", "beforehand",
             "before[agent]", "past", "next", "speed_s"]
)  # fmt: skip
def test_a_feature_that_starts_with_a_word_of_the_language_is_one_word(name: str) -> None:
    assert parse_program(f"{name} < 1 and {name} < 1") == And((Compare(Feature(name), "<", 1.0),) * 2)
    assert parse_program(f"mean({name}, past 2 s) < 1") == Compare(
        Windowed(Feature(name), Duration(2.0), "mean", "past"), "<", 1.0
    )
    assert format_program(Compare(Feature(name), "<", 1.0)) == f"{name} < 1"


NEW_WORDS = [
    "gaussian", "morlet", "fraction", "abs", "wrap", "atan2", "if", "fold", "before", "map", "mapprefix", "points",
    "sustained", "within", "followed_by", "hysteresis", "mm", "frame",
]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["and", "or", "not", "not[agent]", "mean", "either", "head yaw", "speed[1]", "0", "é", *NEW_WORDS]
)
def test_a_name_that_could_be_misread_stands_in_backticks(name: str) -> None:
    assert format_program(Compare(Feature(name), "<", 1.0)) == f"`{name}` < 1"
    assert parse_program(f"mean(`{name}`, 2 s) < 1") == Compare(Windowed(Feature(name), Duration(2.0)), "<", 1.0)


@pytest.mark.parametrize("name", sorted({"mean", "either", "s", *NEW_WORDS} - {"before"}))
def test_a_word_without_its_brackets_was_a_feature_and_still_reads_as_one(name: str) -> None:
    assert parse_program(f"{name} < 1") == Compare(Feature(name), "<", 1.0)


def test_a_plain_name_in_backticks_is_the_same_name() -> None:
    assert parse_program("`speed[agent]` < 1") == parse_program("speed[agent] < 1")


# ---- nesting


@pytest.mark.parametrize("depth", [40, 95])
@pytest.mark.parametrize(("opening", "closing"), [("(", ")"), ("not ", ""), ("fill_gaps(", ", 1 s)")])
def test_deep_nesting_is_read(opening: str, closing: str, depth: int) -> None:
    text = opening * depth + "speed < 1" + closing * depth
    program = parse_program(text)
    assert parse_program(format_program(program)) == program


def test_a_long_text_is_not_a_deep_one() -> None:
    text = " and ".join(["a < 1"] * 1000)
    assert format_program(parse_program(text)) == text
