from __future__ import annotations

import pytest

from tests.core.dsl.refusals import refused

TO_COMPARE = "a number with its unit, such as 30 ± 4 mm/s"
POINTS = "write it as in points(2: nose_to_nose < 22 mm, 1: speed < 30 mm/s) > 1.5"


@pytest.mark.parametrize(
    ("text", "column", "relation", "remedy"),
    [
        ("speed <= 3 mm/s", 7, "<=", "write speed < 3 mm/s, or not speed > 3 mm/s to count 3 mm/s itself"),
        ("x + y ≥ 3", 7, "≥", "write x + y > 3, or not x + y < 3 to count 3 itself"),
        ("speed == 3", 7, "==", "write < or >; for a range both, as in speed > 10 mm/s and speed < 30 mm/s"),
        ("speed = 3", 7, "=", "write < or >; for a range both, as in speed > 10 mm/s and speed < 30 mm/s"),
    ],
)
def test_other_relations_are_told_how_to_be_written(text: str, column: int, relation: str, remedy: str) -> None:
    refused(text, column, f"'{relation}'", "< or >", remedy)


@pytest.mark.parametrize(
    ("text", "column", "found", "remedy"),
    [
        ("a < 1 + b", 5, "'1 + b' behind '<'",
         "compare the difference with a threshold: a - (1 + b) < 0 with its unit"),
        ("speed[agent] > speed[target]", 16, "'speed[target]' behind '>'",
         "compare the difference with a threshold: speed[agent] - speed[target] > 0 with its unit"),
        ("3 ± 1 mm < speed", 12, "'speed' behind '<'", "write speed > 3 ± 1 mm"),
        ("speed < (3 mm)", 9, "'3 mm' behind '<'", "write 3 mm, without brackets or a space behind the sign"),
        ("speed < - 3 mm", 9, "'-(3 mm)' behind '<'", "write -3 mm, without brackets or a space behind the sign"),
        ("points(1: a < 1) > x", 20, "'x' behind '>'", "write a number, as in points(...) > 1.5"),
    ],
)  # fmt: skip
def test_what_is_no_threshold_is_told_how_to_be_compared(text: str, column: int, found: str, remedy: str) -> None:
    refused(text, column, found, TO_COMPARE, remedy)


@pytest.mark.parametrize(
    ("text", "column", "remedy"),
    [
        ("1 mm < speed < 3 mm", 14, "write speed > 1 mm and speed < 3 mm"),
        ("3 > mean(x, 1 s) > 1", 18, "write mean(x, 1 s) < 3 and mean(x, 1 s) > 1"),
        ("speed > 1 mm < 3 mm", 14, "join two comparisons by and, as in speed > 10 mm/s and speed < 30 mm/s"),
    ],
)
def test_a_chained_comparison_is_told_to_be_two(text: str, column: int, remedy: str) -> None:
    refused(text, column, f"a second '{text[column - 1]}' in one comparison", "one relation", remedy)


@pytest.mark.parametrize(
    ("text", "column", "unit", "remedy"),
    [
        ("x < 22 mm ± 3 mm", 8, "mm", "write 22 ± 3 mm"),
        ("x < 22 mm +- 3", 8, "mm", "write 22 ± 3 mm"),
    ],
)
def test_a_unit_stands_behind_the_softness(text: str, column: int, unit: str, remedy: str) -> None:
    sign = "±" if "±" in text else "+-"
    refused(text, column, f"the unit '{unit}' before '{sign}'", "the unit behind the softness", remedy)


@pytest.mark.parametrize(
    ("text", "column"), [("x + 3 ± 1 < 2", 7), ("mean(x, 2 ± 1 s) < 2", 11), ("3 ± 1 < 2", 3), ("x < (3 ± 1)", 8)]
)
def test_a_softness_outside_a_threshold_is_refused(text: str, column: int) -> None:
    refused(
        text,
        column,
        "a softness outside a threshold",
        "± only behind < or >",
        "write it as in speed < 30 ± 4 mm/s",
    )


@pytest.mark.parametrize(
    ("text", "column", "found", "expected", "remedy"),
    [
        ("points(2: a < 1, b < 1) > 2", 18, "a part of points without a weight", "points(weight: condition, ...)",
         POINTS),
        ("points(2: a < 1)", 1, "points without a threshold", "points(...) > threshold", POINTS),
        ("points(2: a < 1) and b < 1", 1, "points without a threshold", "points(...) > threshold", POINTS),
        ("points(2: a < 1) + 1 > 2", 1, "points without a threshold", "points(...) > threshold", POINTS),
        ("points() > 2", 1, "points of nothing", "at least one condition with its weight", POINTS),
        ("points(2: a < 1) < 2", 18, "'<' behind points(...)", "'>'", "write not points(...) > 2"),
        ("points(2: a < 1) > 2 mm", 20, "the threshold '2 mm'", "a number without a unit, as points are", "write 2"),
    ],
)  # fmt: skip
def test_points_are_told_what_they_are_made_of(text: str, column: int, found: str, expected: str, remedy: str) -> None:
    refused(text, column, found, expected, remedy)
