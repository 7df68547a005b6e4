from __future__ import annotations

import pytest

from tests.core.dsl.refusals import refused

GOES_ON_INSIDE = "and, or, a comparison, an operator such as +, or a comma or )"


@pytest.mark.parametrize(
    ("text", "found", "usage", "example"),
    [
        ("mean(speed) < 3", "mean without its window", "mean(number, window)", "mean(speed[agent], past 2 s)"),
        ("mean() < 3", "mean without its number", "mean(number, window)", "mean(speed[agent], past 2 s)"),
        ("morlet(x, 2 s) < 3", "morlet without its frequency", "morlet(number, duration, frequency)",
         "morlet(speed[agent], 2 s, 3 1/s)"),
        ("if(a < 1, x) < 3", "if without its number", "if(condition, number, number)",
         "if(nose_to_nose < 22 mm, speed[agent], speed[agent])"),
        ("sustained(a < 1)", "sustained without its duration", "sustained(condition, duration)",
         "sustained(nose_to_nose < 22 mm, 2 s)"),
    ],
)  # fmt: skip
def test_a_word_without_an_argument_is_told_what_it_takes(text: str, found: str, usage: str, example: str) -> None:
    refused(text, 1, found, usage, f"write it as in {example}")


def test_a_quantile_without_its_share_is_told_where_it_stands() -> None:
    refused(
        "quantile(x, 2 s) < 3",
        1,
        "no share",
        "the share of frames below the quantile, from 0 to 1",
        "write it as in quantile(speed[agent], 0.9, past 2 s)",
    )


def test_a_share_of_what_is_no_quantile_is_refused() -> None:
    refused(
        "mean(x, 0.5, 2 s) < 3",
        9,
        "the share 0.5 in a mean",
        "a share only in a quantile",
        "remove it, or write quantile",
    )


@pytest.mark.parametrize(
    ("text", "column", "found", "usage", "example"),
    [
        ("abs(x, y) < 3", 8, "2 arguments of abs", "abs(number)", "abs(speed[agent])"),
        ("mean(x, 1 s, 2 s) < 3", 14, "3 arguments of mean", "mean(number, window)", "mean(speed[agent], past 2 s)"),
        ("either(a < 1, b < 1)", 15, "2 arguments of either", "either(condition)", "either(nose_to_nose < 22 mm)"),
    ],
)
def test_too_many_arguments_are_refused(text: str, column: int, found: str, usage: str, example: str) -> None:
    refused(text, column, found, usage, f"write it as in {example}")


@pytest.mark.parametrize("duration", ["3 mm", "0.5 rad", "2 1/s", "3"])
@pytest.mark.parametrize("operator", ["mean(speed, {}) < 1", "min_bout(speed < 1, {})", "within(speed < 1, past {})"])
def test_a_duration_in_another_unit_is_refused_where_it_stands(operator: str, duration: str) -> None:
    text = operator.format(duration)
    column = text.index(duration) + 1
    refused(text, column, f"the duration '{duration}'", "seconds or frames", "write it like 0.5 s")


@pytest.mark.parametrize(
    ("text", "column", "found", "expected", "remedy"),
    [
        ("mean(x, y) < 1", 9, "'y' as duration", "seconds or frames", "write it like 0.5 s"),
        ("mean(x, (2 s)) < 1", 9, "'2 s' as duration", "seconds or frames", "write it like 0.5 s"),
        ("mean(x, points(1: a < 1)) < 1", 9, "points as duration", "seconds or frames", "write it like 0.5 s"),
        ("quantile(x, 2 s, 2 s) < 1", 13, "the share '2 s'", "a plain number", "write it like 0.9"),
        ("morlet(x, 2 s, 3 s) < 1", 16, "the frequency '3 s'", "a number of cycles per second or frame",
         "write it like 3 1/s"),
        ("morlet(x, 5 frame, 0.1 1/s) < 1", 20, "the frequency '0.1 1/s'",
         "cycles per frame, as the filter's width is in frame", "write it like 0.1 1/frame"),
        ("sustained(a < 1, past 2 s)", 18, "'past' in sustained", "sustained(condition, duration)", "remove 'past'"),
        ("mean(2: x, 1 s) < 1", 6, "the weight '2:' in mean", "weights only in points", "remove '2'"),
    ],
)  # fmt: skip
def test_an_argument_of_another_kind_is_refused(text: str, column: int, found: str, expected: str, remedy: str) -> None:
    refused(text, column, found, expected, remedy)


def test_a_window_on_a_side_is_past_or_next() -> None:
    refused(
        "mean(x, last 2 s) < 1",
        14,
        "'2 s) < 1'",
        GOES_ON_INSIDE,
        "write a window as past 2 s, next 2 s, or 2 s around the frame",
    )
