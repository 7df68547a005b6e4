from __future__ import annotations

import pytest

from nsp_core.dsl.text import parse_program
from nsp_core.errors import ProgramError, UnitError
from tests.core.dsl.refusals import refused

A_WORD = "a word of the language before a bracket"
GOES_ON = "and, or, a comparison, an operator such as +, or the end of the text"
BOTH_ENDS = "write both ends, as in speed > 10 mm/s and speed < 30 mm/s"
AT_CARET = "correct the text at the caret"


@pytest.mark.parametrize(
    ("text", "column", "word", "remedy"),
    [
        ("main(speed, 1 s) < 3", 1, "main", "did you mean 'min' or 'mean'?"),
        ("followedby(a < 1, b < 1, 2 s)", 1, "followedby", "did you mean 'followed_by'?"),
        ("a < 1 and Mean(speed, 1 s) < 3", 11, "Mean", "did you mean 'mean'?"),
        ("average(speed, 1 s) < 3", 1, "average", "did you mean 'mean'?"),
        ("median(speed, 1 s) < 3", 1, "median", "did you mean 'quantile'?"),
        ("between(speed, 1, 3)", 1, "between", BOTH_ENDS),
        ("fold(before(1) + x) < 3", 6, "before",
         "write before without brackets, as in fold(0.9 * before + 0.1 * speed)"),
        ("mean(speed(agent), 1 s) < 3", 6, "speed",
         "write one of mean, min, max, std, range, quantile, delta, slope, gaussian, morlet, abs, wrap, atan2, "
         "fraction, if, fold, map, mapprefix, either, sustained, within, followed_by, hysteresis, fill_gaps, min_bout, "
         "points; whose a feature is stands in square brackets: speed[agent]"),
    ],
)  # fmt: skip
def test_an_unknown_word_gets_the_closest_one(text: str, column: int, word: str, remedy: str) -> None:
    refused(text, column, f"the word '{word}'", A_WORD, remedy)


@pytest.mark.parametrize(
    ("text", "unit", "remedy"),
    [
        ("speed < 3 mm/sec", "mm/sec", "did you mean 'mm/s'?"),
        ("speed < 3 pixels/s", "pixels/s", "did you mean 'px/s'?"),
        ("speed < 3 arenas", "arenas", "did you mean 'arena'?"),
        ("speed < 3 cm/s", "cm/s", "convert the number: 1 cm is 10 mm"),
        ("speed < 3 Hz", "Hz", "convert the number: 1 Hz is 1 1/s"),
        ("speed < 3 mm/min", "mm/min", "convert the number: 1 min is 60 s"),
        ("speed < 3 AND x < 2", "AND", "did you mean 'and'?"),
        ("speed < 3 andturns > 4", "andturns",
         "write it like mm, mm/s, bl/s^2, rad/s or 1/s; conditions are joined by and, or"),
    ],
)  # fmt: skip
def test_an_unknown_unit_gets_the_closest_one(text: str, unit: str, remedy: str) -> None:
    expected = "products and quotients of mm, px, bl, arena, rad, s, frame, without spaces"
    refused(text, 11, f"the unit '{unit}'", expected, remedy)


def test_a_product_behind_a_unit_is_told_to_have_spaces() -> None:
    refused(
        "0.3 s*speed < 1",
        5,
        "the unit 's*speed'",
        "products and quotients of mm, px, bl, arena, rad, s, frame, without spaces",
        "a product needs spaces behind a unit: s * speed",
    )


def test_a_unit_of_two_length_references_is_refused_at_its_place() -> None:
    refused(
        "speed < 3 mm*px",
        11,
        "the factor 'px' in the unit 'mm*px'",
        "products and quotients of mm, px, bl, arena, rad, s, frame",
        "write it like mm, mm/s, bl/s^2, rad/s or 1/s",
        kind=UnitError,
    )


@pytest.mark.parametrize(
    ("text", "column", "sign", "remedy"),
    [
        ("31/s < 2", 4, "/", "write 31 1/s: a unit stands behind its number, without spaces in it"),
        ("speed < 31/s", 12, "/", "write 31 1/s: a unit stands behind its number, without spaces in it"),
        ("3 mm / s < 2", 8, "/", "write 3 mm/s: a unit stands behind its number, without spaces in it"),
        ("x * 31/s < 2", 8, "/", "write 31 1/s: a unit stands behind its number, without spaces in it"),
        ("3 * x / s < 2", 9, "/", "give it a number, as in 3 s, or put a feature called s into backticks"),
        ("3 * mm < 2", 5, "*", "write 3 mm: a unit stands behind its number, without spaces in it"),
        ("speed * s < 2", 9, "*", "give it a number, as in 3 s, or put a feature called s into backticks"),
    ],
)
def test_a_unit_where_a_number_belongs_is_told_apart_from_a_feature(
    text: str, column: int, sign: str, remedy: str
) -> None:
    unit = text[column - 1 :].split()[0]
    refused(text, column, f"the unit '{unit}'", f"a number behind '{sign}'", remedy)


@pytest.mark.parametrize(
    ("text", "column", "found", "remedy"),
    [
        ("a < 1 && b < 1", 7, "'&& b < 1'", "write and"),
        ("a < 1 || b < 1", 7, "'|| b < 1'", "write or"),
        ("x ^ 2 < 1", 3, "'^ 2 < 1'", "write the number twice, as in speed * speed"),
        ("x ± 3 < 1", 3, "'± 3 < 1'", "write the softness behind the threshold, as in speed < 30 ± 4 mm/s"),
        ("x < 3 mm²", 9, "'²'", "write the unit with ^, as in mm/s^2"),
        ("x < 90°", 7, "'°'", "write the angle in rad: 1 degree is 0.0174533 rad"),
        ("x < 90 %", 8, "'%'", "write a share, as in 0.5 for 50 %"),
        ("speed[agent < 3", 6, "'[agent < 3'",
         "name the animal as in speed[agent], speed[target], speed[higher] or speed[lower]"),
        ("a AND b < 1", 3, "'AND b < 1'", "did you mean 'and'?"),
        ("speed between 1 and 3", 7, "'between 1 an'", BOTH_ENDS),
        ("a < 1)", 6, "')'", "remove the bracket, or open it"),
        ("speed agent < 1", 7, "'agent < 1'", AT_CARET),
    ],
)  # fmt: skip
def test_signs_of_other_languages_are_told_how_to_be_written(text: str, column: int, found: str, remedy: str) -> None:
    refused(text, column, found, GOES_ON, remedy)


def test_a_power_is_told_to_be_a_product() -> None:
    refused("x ** 2 < 1", 4, "'* 2 < 1'", "a number after '*'", "write the number twice, as in speed * speed")


def test_an_exclamation_mark_is_told_to_be_not() -> None:
    refused("a < 1 and !b < 1", 11, "'!b < 1'", "a condition after 'and'", "write not")


def test_an_open_backtick_is_told_to_be_closed() -> None:
    refused(
        "`head yaw < 1",
        1,
        "'`head yaw < '",
        "a comparison such as 'speed < 30 mm/s', joined by and, or, not",
        "close the backtick, as in `head yaw`",
    )


def test_nothing_at_all_is_told_what_a_program_is() -> None:
    refused("", 1, "the end of the text", "a comparison such as 'speed < 30 mm/s', joined by and, or, not", AT_CARET)


@pytest.mark.parametrize(
    ("text", "column", "bracket"),
    [("(speed < 3", 11, 1), ("a < 1 and mean(speed, 2 s < 3", 30, 15), ("`(` < 1 and (a", 15, 13)],
)
def test_a_bracket_that_is_not_closed_is_named(text: str, column: int, bracket: int) -> None:
    refused(text, column, "the end of the text", f"')' for the bracket in column {bracket}", "close the bracket")


@pytest.mark.parametrize(
    ("text", "expected", "example"),
    [
        ("not", "a condition after 'not'", "speed < 30 mm/s"),
        ("speed < 3 and", "a condition after 'and'", "speed < 30 mm/s"),
        ("a < 1 or not", "a condition after 'not'", "speed < 30 mm/s"),
        ("points(2:", "a condition after ':'", "speed < 30 mm/s"),
        ("speed +", "a number after '+'", "speed[agent] or 3 mm/s"),
        ("speed <", "a threshold after '<'", "30 mm/s"),
        ("speed < 3 ±", "the softness after '±'", "4 mm/s"),
        ("mean(", "a number or a condition after '('", "speed or speed < 30 mm/s"),
        ("atan2(x,", "a number or a condition after ','", "speed or speed < 30 mm/s"),
    ],
)
def test_an_operator_without_operand_is_told_what_belongs_behind_it(text: str, expected: str, example: str) -> None:
    refused(text, len(text) + 1, "the end of the text", expected, f"write it as in {example}")


def test_not_before_a_number_of_a_sum_is_refused() -> None:
    refused("x + not y < 1", 5, "'not y < 1'", "a number after '+'", "write it as in speed[agent] or 3 mm/s")


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("speed < 3\nand turns ? 4\nor speed < 2", 2, 11), ("speed < 3 and\n  main(x, 1 s) < 2", 2, 3)],
)
def test_the_caret_stands_in_the_line_that_is_wrong(text: str, line: int, column: int) -> None:
    with pytest.raises(ProgramError) as caught:
        parse_program(text)
    headline, shown, caret = caught.value.where.removesuffix("\n").split("\n")
    assert headline == f"program text, line {line}, column {column}"
    assert shown == "    " + text.split("\n")[line - 1]
    assert caret == "    " + " " * (column - 1) + "^"


def test_the_caret_stands_under_its_place_behind_a_tab() -> None:
    with pytest.raises(ProgramError) as caught:
        parse_program("a < 1 and\n\tb ? 1")
    assert caught.value.where == "program text, line 2, column 4\n    \tb ? 1\n    \t  ^\n"


@pytest.mark.parametrize("text", ["__import__('os')", "`__import__('os')`", "{speed.__class__} < 3", "x.y < 3"])
def test_what_is_code_elsewhere_is_no_program(text: str) -> None:
    with pytest.raises(ProgramError):
        parse_program(text)


@pytest.mark.parametrize(("text", "column"), [("x < 1e999", 5), ("x < 1 ± 1e999", 9), ("points(1e999: x < 1) > 1", 8)])
def test_a_number_beyond_all_numbers_is_refused(text: str, column: int) -> None:
    refused(text, column, "the number '1e999'", "a finite number", "write a smaller one")
