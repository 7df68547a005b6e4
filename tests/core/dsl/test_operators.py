from __future__ import annotations

import re
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from nsp_core.bouts import drop_short_bouts, fill_short_gaps
from nsp_core.dsl.ast import (
    Before,
    Compare,
    Condition,
    Constant,
    Duration,
    Feature,
    FillGaps,
    Fold,
    MinBout,
    Node,
    Number,
    Vote,
    children,
    complexity,
)
from nsp_core.dsl.operators import OPERATORS, Operator, duration_frames, half_window_frames, operator_of
from nsp_core.dsl.semantics import exact_states, soft_bounds
from nsp_core.dsl.text import parse_program
from nsp_core.errors import UnitError

PRESENT = Compare(Feature("present"), ">", 0.5)

degrees = hnp.arrays(np.float32, st.integers(0, 25), elements=st.floats(0.015625, 0.984375, width=32))


def states(program: Condition, present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return exact_states(program, lambda name: present.astype(np.float32), None) == 1


def shaped(operator: type[FillGaps | MinBout], degree: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """The smooth meaning of ``operator`` for a condition of this ``degree`` (time,)."""
    program = operator(Compare(Feature("logit"), ">", 0.0, 1.0), Duration(frames, "frame"))
    low, high = soft_bounds(program, lambda name: np.log(degree / (1 - degree)), None)
    np.testing.assert_array_equal(low, high)
    return low


@settings(max_examples=150, deadline=None)
@given(present=hnp.arrays(np.bool_, st.integers(0, 40)), frames=st.integers(1, 45))
def test_filled_gaps_are_those_of_the_bout_tables(present: NDArray[np.bool_], frames: int) -> None:
    program = FillGaps(PRESENT, Duration(frames, "frame"))
    np.testing.assert_array_equal(states(program, present), fill_short_gaps(present, frames))


@settings(max_examples=150, deadline=None)
@given(present=hnp.arrays(np.bool_, st.integers(0, 40)), frames=st.integers(1, 45))
def test_dropped_bouts_are_those_of_the_bout_tables(present: NDArray[np.bool_], frames: int) -> None:
    program = MinBout(PRESENT, Duration(frames, "frame"))
    np.testing.assert_array_equal(states(program, present), drop_short_bouts(present, frames))


@pytest.mark.parametrize("gap", range(1, 8))
@pytest.mark.parametrize("longest", range(1, 9))
def test_a_gap_is_filled_up_to_its_longest_length_and_never_at_the_ends(gap: int, longest: int) -> None:
    present = np.array([False] * gap + [True] + [False] * gap + [True] + [False] * gap)
    expected = present.copy()
    expected[gap : 2 * gap + 2] |= gap <= longest
    np.testing.assert_array_equal(states(FillGaps(PRESENT, Duration(longest, "frame")), present), expected)


@pytest.mark.parametrize("bout", range(1, 8))
@pytest.mark.parametrize("shortest", range(1, 9))
def test_a_bout_is_kept_from_its_shortest_length_on_also_at_the_ends(bout: int, shortest: int) -> None:
    present = np.array([True] * bout + [False] + [True] * bout + [False] + [True] * bout)
    expected = present & (bout >= shortest)
    np.testing.assert_array_equal(states(MinBout(PRESENT, Duration(shortest, "frame")), present), expected)


@settings(max_examples=150, deadline=None)
@given(degree=degrees, frames=st.integers(1, 30))
def test_filling_gaps_never_lowers_and_dropping_bouts_never_raises_a_degree(
    degree: NDArray[np.float32], frames: int
) -> None:
    plain = soft_bounds(Compare(Feature("logit"), ">", 0.0, 1.0), lambda name: np.log(degree / (1 - degree)), None)[0]
    assert (shaped(FillGaps, degree, frames) >= plain).all()
    assert (shaped(MinBout, degree, frames) <= plain).all()


@settings(max_examples=150, deadline=None)
@given(degree=degrees, frames=st.integers(1, 30), operator=st.sampled_from([FillGaps, MinBout]))
def test_shaping_bouts_a_second_time_changes_nothing(
    degree: NDArray[np.float32], frames: int, operator: type[FillGaps | MinBout]
) -> None:
    once = Compare(Feature("logit"), ">", 0.0, 1.0)
    duration = Duration(frames, "frame")
    first, second = (
        soft_bounds(program, lambda name: np.log(degree / (1 - degree)), None)[0]
        for program in (operator(once, duration), operator(operator(once, duration), duration))
    )
    np.testing.assert_array_equal(first, second)


@settings(max_examples=150, deadline=None)
@given(degree=degrees, frames=st.integers(1, 30), cut=st.floats(0.1, 0.9))
def test_smooth_shaping_is_exact_shaping_at_every_level(degree: NDArray[np.float32], frames: int, cut: float) -> None:
    plain = soft_bounds(Compare(Feature("logit"), ">", 0.0, 1.0), lambda name: np.log(degree / (1 - degree)), None)[0]
    np.testing.assert_array_equal(shaped(FillGaps, degree, frames) > cut, fill_short_gaps(plain > cut, frames))
    np.testing.assert_array_equal(shaped(MinBout, degree, frames) > cut, drop_short_bouts(plain > cut, frames))


@pytest.mark.parametrize(("relation", "expected"), [("<", [0.7311, 0.5, 0.2689]), (">", [0.2689, 0.5, 0.7311])])
def test_softness_is_the_distance_over_which_a_threshold_crosses_from_half_to_three_quarters(
    relation: str, expected: list[float]
) -> None:
    speed = np.array([26, 30, 34], dtype=np.float32)
    low, high = soft_bounds(parse_program(f"speed {relation} 30 ± 4 mm/s"), lambda name: speed, None)
    np.testing.assert_allclose(low, expected, atol=1e-4)
    np.testing.assert_array_equal(low, high)


def test_a_threshold_without_softness_is_a_step_in_both_semantics() -> None:
    speed = np.array([29.999, 30, 30.001], dtype=np.float32)
    low, _ = soft_bounds(parse_program("speed < 30"), lambda name: speed, None)
    assert low.tolist() == [1, 0, 0]
    assert exact_states(parse_program("speed < 30"), lambda name: speed, None).tolist() == [1, 0, 0]


def test_a_tiny_softness_is_a_step_too() -> None:
    speed = np.array([29, 30, 31], dtype=np.float32)
    low, _ = soft_bounds(parse_program("speed < 30 ± 1e-310"), lambda name: speed, None)
    assert low.tolist() == [1, 0.5, 0]


@pytest.mark.parametrize("relation", ["<", ">"])
def test_a_value_at_its_threshold_is_on_neither_side(relation: str) -> None:
    at = np.array([0.1], dtype=np.float32)
    program = Compare(Feature("x"), relation, float(at[0]), 0.5)
    assert exact_states(program, lambda name: at, None).tolist() == [0]


def test_decimal_thresholds_are_compared_in_full_precision() -> None:
    # The float32 nearest to 0.1 is a little larger than 0.1.
    tenth = np.array([0.1], dtype=np.float32)
    assert exact_states(parse_program("x > 0.1"), lambda name: tenth, None).tolist() == [1]
    assert exact_states(parse_program("x < 0.1"), lambda name: tenth, None).tolist() == [0]


def test_and_multiplies_and_or_multiplies_complements() -> None:
    values = {"a": np.log(np.float32([3.0])), "b": np.float32([0.0])}  # degrees 0.75 and 0.5
    both, _ = soft_bounds(parse_program("a > 0 ± 1 and b > 0 ± 1"), values.__getitem__, None)
    any_, _ = soft_bounds(parse_program("a > 0 ± 1 or b > 0 ± 1"), values.__getitem__, None)
    assert both[0] == pytest.approx(0.375)
    assert any_[0] == pytest.approx(0.875)


@pytest.mark.parametrize(
    ("duration", "fps", "frames"),
    [
        (Duration(0.5), 30.0, 15),
        (Duration(0.5), 29.97, 15),
        (Duration(0.3), 10.0, 3),
        (Duration(0.04), 10.0, 0),
        (Duration(0.06), 10.0, 1),
        (Duration(7.0, "frame"), None, 7),
        (Duration(7.0, "frame"), 30.0, 7),
        (Duration(1e300), 30.0, 2**40),
        (Duration(1e300, "frame"), None, 2**40),
    ],
)
def test_durations_are_rounded_to_the_nearest_frame(duration: Duration, fps: float | None, frames: int) -> None:
    assert duration_frames(duration, fps) == frames


@pytest.mark.parametrize(
    ("width", "fps", "half"),
    [
        (Duration(1.0), 30.0, 15),
        (Duration(1.0), 29.97, 15),
        (Duration(0.2), 30.0, 3),
        (Duration(0.01), 30.0, 0),
        (Duration(1.0, "frame"), None, 0),
        (Duration(3.0, "frame"), None, 1),
        (Duration(15.0, "frame"), 30.0, 7),
    ],
)
def test_windows_are_centered_on_the_frame(width: Duration, fps: float | None, half: int) -> None:
    assert half_window_frames(width, fps) == half


@pytest.mark.parametrize(
    "program",
    [
        "mean(x, 0.5 s) < 1",
        "gaussian(x, 0.5 s) < 1",
        "fraction(x < 1, past 0.5 s) < 1",
        "within(x < 1, next 0.5 s)",
        "sustained(x < 1, 0.5 s)",
        "followed_by(x < 1, x > 1, 0.5 s)",
        "fill_gaps(x < 1, 0.5 s)",
        "min_bout(x < 1, 0.5 s)",
    ],
)
def test_seconds_without_a_frame_rate_are_refused(program: str) -> None:
    with pytest.raises(UnitError, match=r"a duration of 0\.5 s and features without a frame rate.* in frames"):
        exact_states(parse_program(program), lambda name: np.zeros(3, dtype=np.float32), None)


def test_every_kind_of_node_is_one_operator() -> None:
    assert sorted(operator.node.__name__ for operator in OPERATORS) == sorted(kind.__name__ for kind in get_args(Node))
    assert len({operator.name for operator in OPERATORS}) == len(OPERATORS)


def example(operator: Operator) -> Node:
    """The node that the example of an operator is."""
    text = re.sub(r"\b[pq]\b", "speed < 1", operator.text)
    if operator.node is Before:
        return parse_program(f"fold({text} + x) < 1").child.child.parts[0]
    return parse_program(f"{text} < 1").child if operator.node in get_args(Number) else parse_program(text)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.name)
def test_the_example_of_an_operator_is_a_program_of_that_operator(operator: Operator) -> None:
    assert operator_of(example(operator)) is operator


@pytest.mark.parametrize(
    "operator", [each for each in OPERATORS if each.node not in (Feature, Vote)], ids=lambda operator: operator.name
)
def test_an_operator_says_how_many_constants_it_adds(operator: Operator) -> None:
    node = example(operator)
    own = complexity(node) - sum(map(complexity, children(node)))
    assert re.search(rf"\b{own}\b", operator.n_constants)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.name)
def test_only_the_evaluator_knows_where_values_come_from(operator: Operator) -> None:
    meanings = (operator.number, operator.numbers, operator.compare, operator.truth)
    n_meanings = sum(meaning is not None for meaning in meanings)
    assert n_meanings == (operator.node not in (Feature, Constant, Before, Fold))


@pytest.mark.parametrize(
    ("text", "present"),
    [
        ("max(x, past 0.3 s) > 8", [0, 0, 0, 1, 1, 1, 0, 0]),
        ("max(x, next 0.3 s) > 8", [0, 1, 1, 1, 0, 0, 0, 0]),
        ("max(x, 0.3 s) > 8", [0, 1, 1, 1, 1, 1, 0, 0]),
        ("quantile(x, 0.5, past 0.3 s) > 2", [0, 0, 0, 0, 0, 1, 1, 1]),
        ("slope(x, past 0.2 s) > 80 1/s", [-1, 0, 0, 1, 0, 0, 0, 0]),
        ("delta(x, past 0.2 s) < -5", [-1, 0, 0, 0, 1, 0, 0, 0]),
        ("std(x, past 0.1 s) > 0", [0, 0, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_windows_before_after_and_around_the_frame(text: str, present: list[int]) -> None:
    series = np.float32([0, 0, 0, 9, 1, 3, 3, 3])
    assert exact_states(parse_program(text), lambda name: series, 10.0).tolist() == present
