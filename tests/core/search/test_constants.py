"""Candidates of one constant: where they lie, what bounds them, and how round they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsp_core.dsl.constants import ProgramConstant, constants_of
from nsp_core.dsl.text import parse_program
from nsp_core.search.constants import Ladder, NumberValues, ladder_of
from nsp_core.sequences import LabeledSequence

SequenceOf = Callable[..., LabeledSequence]


def constant(rule: str, kind: str) -> ProgramConstant:
    return next(one for one in constants_of(parse_program(rule)) if one.kind == kind)


def of_values(*values: float) -> NumberValues:
    return NumberValues(np.sort(np.array(values)), np.array([]))


def test_a_threshold_is_tried_where_its_number_lies_and_where_the_behavior_does(sequence_of: SequenceOf) -> None:
    everywhere = np.linspace(0, 1000, 1001)
    values = NumberValues(everywhere, everywhere[:20])
    ladder = ladder_of(constant("x < 500 mm", "threshold"), values, [sequence_of({"x": [1]}, [1])])
    assert isinstance(ladder, Ladder)
    assert any(value < 20 for value in ladder.coarse), "a rare behavior is not between two steps"
    assert any(value > 900 for value in ladder.coarse)
    assert all(abs(value - 500) <= 100 for value in ladder.fine)
    assert 500 not in ladder.coarse + ladder.fine
    assert list(ladder.coarse) == sorted(set(ladder.coarse))


def test_a_window_holds_one_frame_or_more_and_no_more_than_the_recording(sequence_of: SequenceOf) -> None:
    sequences = [sequence_of({"x": np.zeros(n_frames)}, np.zeros(n_frames), fps=10.0) for n_frames in (20, 30)]
    for width in ("0.1", "0.3", "2.5"):
        ladder = ladder_of(constant(f"mean(x, {width} s) < 3 mm", "width"), None, sequences)
        assert isinstance(ladder, Ladder)
        assert all(0.1 <= value <= 3 for value in ladder.coarse + ladder.fine)


def test_two_windows_of_the_same_frames_are_one_candidate(sequence_of: SequenceOf) -> None:
    (sequence,) = [sequence_of({"x": np.zeros(100)}, np.zeros(100), fps=10.0)]
    ladder = ladder_of(constant("mean(x, 0.2 s) < 3 mm", "width"), None, [sequence])
    assert isinstance(ladder, Ladder)
    frames = [(round(value * 10), round(value * 5)) for value in (*ladder.coarse, 0.2)]
    assert len(set(frames)) == len(frames)


def test_a_frequency_stays_below_half_the_frame_rate(sequence_of: SequenceOf) -> None:
    sequence = sequence_of({"x": np.zeros(100)}, np.zeros(100), fps=10.0)
    ladder = ladder_of(constant("morlet(x, 0.5 s, 4 1/s) > 3 mm", "frequency"), None, [sequence])
    assert isinstance(ladder, Ladder)
    assert all(0.1 <= value <= 5 for value in ladder.coarse + ladder.fine)


def test_a_share_stays_between_0_and_1(sequence_of: SequenceOf) -> None:
    sequence = sequence_of({"x": np.zeros(100)}, np.zeros(100))
    ladder = ladder_of(constant("quantile(x, 0.99, 2 s) > 3 mm", "share"), None, [sequence])
    assert isinstance(ladder, Ladder)
    assert all(0 <= value <= 1 for value in ladder.coarse + ladder.fine)
    assert ladder.fine == (0.94, 0.97)


def test_what_is_below_zero_stays_below_zero(sequence_of: SequenceOf) -> None:
    sequence = sequence_of({"x": np.zeros(100)}, np.zeros(100))
    ladder = ladder_of(constant("points(-2: x < 3 mm, 1: x > 1 mm) > -1", "weight"), None, [sequence])
    assert isinstance(ladder, Ladder)
    assert ladder.coarse == (-8.0, -4.0, -2.8, -1.4, -1.0, -0.5)
    assert ladder.midpoint(-8.0, -2.0) == -4.0


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (of_values(), "its number is missing at every labeled frame"),
        (of_values(7.5, 7.5), "its number is 7.5 at every labeled frame"),
    ],
)
def test_a_number_without_a_spread_gives_no_candidates(
    sequence_of: SequenceOf, values: NumberValues, reason: str
) -> None:
    for kind in ("threshold", "softness"):
        assert ladder_of(constant("x < 3 ± 1 mm", kind), values, [sequence_of({"x": [1]}, [1])]) == reason


def test_few_frames_that_differ_are_a_spread_too() -> None:
    assert of_values(*[0.0] * 99, 4.0).spread == 4.0


@given(st.floats(1e-6, 1e6), st.sampled_from([-1, 1]))
def test_rounder_values_are_near_and_the_roundest_comes_first(size: float, sign: int) -> None:
    ladder = Ladder(0, 1e9, by_factors=True)
    value = ladder.rounded(sign * size)
    assert value == pytest.approx(sign * size, rel=0.006)
    assert ladder.rounded(value) == value
    rounder = ladder.rounder(value)
    digits = [len(f"{abs(one):.6e}".split("e")[0].replace(".", "").rstrip("0")) for one in rounder]
    assert all(one * value > 0 and 0.5 < one / value <= 2 for one in rounder)
    assert digits == sorted(digits)
    assert all(repr(one) == repr(float(f"{one:.6g}")) for one in rounder), "no digits that rounding left behind"


def test_the_digits_of_a_threshold_follow_the_spread_of_its_number() -> None:
    narrow, wide = (Ladder(0, 2000, by_factors=False, spread=spread) for spread in (2.0, 2000.0))
    assert (narrow.rounded(1523.4567), wide.rounded(1523.4567)) == (1523.46, 1520.0)
    assert (narrow.rounded(0.0123456), wide.rounded(0.0123456)) == (0.0123, 0.0)


def test_values_beyond_powers_of_ten_are_left_as_they_are() -> None:
    assert Ladder(0, 1, by_factors=True).rounded(5e-324) == 5e-324
