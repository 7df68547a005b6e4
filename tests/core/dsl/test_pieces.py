from __future__ import annotations

import re

import pytest

from nsp_core.dsl.text import parse_program
from nsp_core.errors import ProgramError
from tests.core.dsl.refusals import refused

NO_NUMBER = "fraction(..., 2 s) is the share of time in which a condition holds, if(..., 1, 0) is 1 where it does"


@pytest.mark.parametrize(
    ("text", "column", "number", "example"),
    [
        ("mean(speed, 1 s)", 1, "mean(speed, 1 s)", "mean(speed, 1 s) < 30 mm/s"),
        ("a < 1 and speed", 11, "speed", "speed < 30 mm/s"),
        ("not speed", 5, "speed", "speed < 30 mm/s"),
        ("either(x + y)", 8, "x + y", "x + y < 30 mm/s"),
        ("fraction(speed, 2 s) < 0.5", 10, "speed", "speed < 30 mm/s"),
        ("if(x, y, z) < 1", 4, "x", "x < 30 mm/s"),
        ("followed_by(a < 1, y, 2 s)", 20, "y", "y < 30 mm/s"),
        ("points(1: x) > 0", 11, "x", "x < 30 mm/s"),
        ("3 mm", 1, "3 mm", "speed < 3 mm"),
    ],
)
def test_a_number_where_a_condition_belongs_is_told_to_be_compared(
    text: str, column: int, number: str, example: str
) -> None:
    refused(text, column, f"the number '{number}'", "a condition", f"compare it with a threshold, as in {example}")


@pytest.mark.parametrize(
    ("text", "column", "condition"),
    [
        ("mean(a < 1, 2 s) < 3", 6, "a < 1"),
        ("abs(not a < 1) < 3", 5, "not a < 1"),
        ("either(a < 1) + 3 < 2", 1, "either(a < 1)"),
        ("x * (a < 1) < 2", 5, "a < 1"),
        ("-(a < 1) < 2", 2, "a < 1"),
        ("(a < 1 and b < 1) < 2", 1, "a < 1 and b < 1"),
        ("(a < 1) < x", 1, "a < 1"),
        ("x < (a < 1)", 5, "a < 1"),
        ("if(a < 1, b < 1, x) < 2", 11, "b < 1"),
        ("quantile(sustained(a < 1, 2 s), 0.5, 2 s) < 2", 10, "sustained(a < 1, 2 s)"),
    ],
)
def test_a_condition_where_a_number_belongs_is_told_how_to_become_one(text: str, column: int, condition: str) -> None:
    refused(text, column, f"the condition '{condition}'", "a number", NO_NUMBER)


def test_a_long_part_is_shown_in_short() -> None:
    long = " + ".join(["nose_to_nose"] * 9)
    with pytest.raises(ProgramError, match=re.escape(f"found the number '{long[:60]}...', expected a condition")):
        parse_program(long)


@pytest.mark.parametrize(
    ("opening", "inside", "closing"),
    [
        ("(", "speed < 1", ")"),
        ("not ", "speed < 1", ""),
        ("either(", "speed < 1", ")"),
        ("abs(", "speed", ") < 1"),
        ("-", "speed", " < 1"),
        ("x / ", "speed", " < 1"),
    ],
)
def test_nesting_beyond_reading_is_refused(opening: str, inside: str, closing: str) -> None:
    tail = ")" * 400 + closing[1:] if closing.startswith(")") else closing
    with pytest.raises(ProgramError, match="found a program nested too deeply to read, expected at most 100 operators"):
        parse_program(opening * 400 + inside + tail)
