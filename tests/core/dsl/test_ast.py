from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from nsp_core.dsl.ast import Compare, Duration, Feature, Not, Windowed, children, complexity, feature_names, walk
from nsp_core.dsl.text import format_program, parse_program


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("speed < 30 mm/s", 2),
        ("speed < 30 ± 4 mm/s", 3),
        ("mean(speed, 0.5 s) < 30 mm/s", 3),
        ("mean(speed, 0.5 s) < 30 ± 4 mm/s", 4),
        ("quantile(speed, 0.9, past 2 s) < 30 mm/s", 4),
        ("not speed < 30 mm/s", 2),
        ("either(speed < 30 mm/s)", 2),
        ("fill_gaps(speed < 30 mm/s, 0.3 s)", 3),
        ("min_bout(fill_gaps(speed < 30 mm/s, 0.3 s), 0.5 s)", 4),
        ("speed < 30 mm/s and speed > 3 mm/s or speed < 1 mm/s", 6),
    ],
)
def test_complexity_counts_feature_references_and_learned_constants(text: str, expected: int) -> None:
    assert complexity(parse_program(text)) == expected


def test_a_program_is_walked_parents_first_and_left_to_right() -> None:
    program = parse_program("not mean(a, 1 s) < 1 and b < 2")
    assert [format_program(node) for node in walk(program)] == [
        "not mean(a, 1 s) < 1 and b < 2",
        "not mean(a, 1 s) < 1",
        "mean(a, 1 s) < 1",
        "mean(a, 1 s)",
        "a",
        "b < 2",
        "b",
    ]


def test_a_feature_has_no_parts_and_every_other_node_has() -> None:
    for node in walk(parse_program("either(fill_gaps(min_bout(not mean(a, 1 s) < 1, 1 s), 1 s)) or b < 2")):
        assert (children(node) == ()) == isinstance(node, Feature)


def test_features_are_named_once_in_order_of_first_mention() -> None:
    assert feature_names(parse_program("b < 1 and (mean(a, 1 s) < 1 or b > 0) and c < 1")) == ("b", "a", "c")


def test_equal_programs_are_one_key_and_different_ones_are_two() -> None:
    slow, same, faster = (Compare(Feature("speed"), "<", threshold) for threshold in (1.0, 1.0, 2.0))
    assert len({slow, same, faster, Not(slow)}) == 3


def test_a_window_in_seconds_is_not_the_same_as_one_in_frames() -> None:
    assert Windowed(Feature("speed"), Duration(3.0)) != Windowed(Feature("speed"), Duration(3.0, "frame"))


def test_a_program_cannot_be_changed_in_place() -> None:
    program = Compare(Feature("speed"), "<", 1.0)
    with pytest.raises(FrozenInstanceError):
        program.threshold = 2.0  # type: ignore[misc]  # this is what the test is about
