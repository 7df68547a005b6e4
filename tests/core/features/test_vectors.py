from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsp_core.features.vectors import angle_between, cross, length_of, mean_of_all, mean_seen, quotient, signed_angle

ANGLES = st.floats(-math.pi, math.pi)
LENGTHS = st.floats(0.1, 100)


def vector(*places: complex) -> np.ndarray:
    return np.array([[place.real for place in places], [place.imag for place in places]], dtype=np.float32)


def polar(length: float, angle: float) -> np.ndarray:
    return vector(length * complex(math.cos(angle), math.sin(angle)))


@given(ANGLES, st.floats(-10, 10), LENGTHS, LENGTHS)
def test_angles_between_vectors_of_any_length(start: float, turn: float, length: float, other_length: float) -> None:
    first, second = polar(length, start), polar(other_length, start + turn)
    assert angle_between(first, second)[0] == pytest.approx(abs(math.remainder(turn, math.tau)), abs=2e-6)


@given(ANGLES, st.floats(-3, 3), LENGTHS, LENGTHS)
def test_a_signed_angle_is_the_turn_from_the_first_to_the_second(
    start: float, turn: float, length: float, other_length: float
) -> None:
    first, second = polar(length, start), polar(other_length, start + turn)
    assert signed_angle(first, second)[0] == pytest.approx(turn, abs=2e-6)


def test_a_turn_from_right_to_down_is_clockwise_on_screen_and_positive() -> None:
    right, down = vector(1), vector(1j)
    assert cross(right, down)[0] > 0
    assert signed_angle(right, down)[0] == pytest.approx(math.pi / 2)
    assert signed_angle(down, right)[0] == pytest.approx(-math.pi / 2)


@pytest.mark.parametrize("direction", [1, -1, 1j, -1j, 3 + 4j, -3 - 4j])
def test_half_a_turn_is_plus_pi_and_no_turn_is_zero(direction: complex) -> None:
    assert signed_angle(vector(direction), vector(-direction))[0] == np.float32(math.pi)
    assert signed_angle(vector(direction), vector(direction))[0] == 0


@pytest.mark.parametrize("turn", [1e-3, math.pi - 1e-3])
def test_small_angles_and_almost_half_turns_keep_their_digits(turn: float) -> None:
    assert angle_between(vector(30), polar(50, turn))[0] == pytest.approx(turn, abs=3e-7)


@pytest.mark.parametrize("nowhere", [0, complex("nan")])
def test_the_angle_of_a_vector_without_direction_is_missing(nowhere: complex) -> None:
    assert np.isnan(angle_between(vector(nowhere), vector(1 + 1j))).all()
    assert np.isnan(signed_angle(vector(1 + 1j), vector(nowhere))).all()


def test_length_of_vectors() -> None:
    assert length_of(vector(3 + 4j, 0, complex("nan"))).tolist() == pytest.approx([5, 0, np.nan], nan_ok=True)


def test_a_mean_takes_what_is_seen_and_the_mean_of_nothing_is_missing() -> None:
    points = [np.float32([np.nan, np.nan, 1]), np.float32([4, np.nan, 2]), np.float32([2, np.nan, 6])]
    assert mean_seen(points).tolist() == pytest.approx([3, np.nan, 3], nan_ok=True)
    assert mean_of_all(points).tolist() == pytest.approx([np.nan, np.nan, 3], nan_ok=True)


def test_a_mean_does_not_depend_on_what_is_missing_beside_it_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    points = [np.float32([-0.0, *rng.normal(500, 30, 50)]) for _ in range(9)]
    gap = np.float32([np.nan])
    beside_a_gap = mean_seen([np.concatenate([point, gap]) for point in points])
    assert beside_a_gap[:-1].tobytes() == mean_seen(points).tobytes() == mean_of_all(points).tobytes()
    assert not np.signbit(mean_of_all(points[:1])[0])


def test_a_quotient_is_missing_where_the_denominator_is_not_above_zero() -> None:
    above = np.float32([1, 0, 1, np.nan, 1])
    below = np.float32([2, 0, 0, 1, np.nan])
    assert quotient(above, below).tolist() == pytest.approx([0.5, *[np.nan] * 4], nan_ok=True)
