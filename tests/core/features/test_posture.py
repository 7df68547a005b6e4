from __future__ import annotations

import cmath
import math
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nsp_core.features import compute_features
from nsp_core.features.geometry import Geometry
from nsp_core.features.posture import (
    bend,
    body_length,
    ellipse_area,
    ellipse_major,
    ellipse_minor,
    elongation,
    front_length,
    head_body_angle,
    head_width,
    hip_width,
    hunching,
    left_neck_angle,
    point_length,
    rear_length,
    right_neck_angle,
    tail_bend,
)

Film = Callable[..., xr.Dataset]
Rat = Callable[..., dict[str, NDArray[np.complex128]]]
Seen = Callable[..., Geometry]
NAN = complex("nan")

LENGTHS = {body_length: 40, front_length: 20, rear_length: 20, head_width: 12, hip_width: 16}
ANGLES = (bend, head_body_angle, tail_bend, left_neck_angle, right_neck_angle)
ELLIPSE = (elongation, ellipse_major, ellipse_minor, ellipse_area)


@pytest.fixture(scope="module")
def shape(geometry_of: Seen) -> Callable[..., Geometry]:
    """Return a function from nose, center, tail base and further points to one frame of one animal."""

    def shaped(*places: complex) -> Geometry:
        names = ("nose", "center", "tail_base", *map(str, range(len(places) - 3)))
        return geometry_of(dict(zip(names, places, strict=False)))

    return shaped


def value(feature: Callable[[Geometry], NDArray[np.float32]], geometry: Geometry) -> float:
    (found,) = feature(geometry).ravel()
    return float(found)


def test_body_length_is_the_distance_from_nose_to_tail_base(film: Film, roles: dict[str, tuple[str, ...]]) -> None:
    poses = film(np.zeros((5, 2)), 0.7, scale_mm_per_px=2.0)
    features = compute_features(poses, roles, ["body_length"])
    assert features["body_length"].values == pytest.approx(80)
    assert features.attrs["body_length_px"] == pytest.approx(40)


@given(st.floats(-3.2, 3.2), st.floats(0, 2000), st.floats(0, 2000))
def test_shape_does_not_depend_on_where_the_animal_lies_and_looks(
    rat: Rat, geometry_of: Seen, turn: float, x: float, y: float
) -> None:
    posed, still = geometry_of(rat(x + 1j * y, turn)), geometry_of(rat(0))
    for feature, length_px in LENGTHS.items():
        assert value(feature, posed) == pytest.approx(length_px, rel=1e-4)
    for feature in (*ANGLES, *ELLIPSE, hunching):
        assert value(feature, posed) == pytest.approx(value(feature, still), rel=1e-3, abs=1e-4)


def test_lengths_between_any_two_points(rat: Rat, geometry_of: Seen) -> None:
    geometry = geometry_of({**rat(3 + 4j, 0.5), "left_ear": NAN})
    assert point_length(geometry, "nose_to_tail_tip")[0, 0] == pytest.approx(80)
    assert np.isnan(point_length(geometry, "nose_to_left_ear")).all()


@pytest.mark.parametrize(
    ("points", "ratio"), [((2, -2, 1j, -1j), 2.0), ((1, -1, 1j, -1j), 1.0), ((1 + 1j, -1 - 1j, 3 - 3j, -3 + 3j), 3.0)]
)
def test_elongation_is_the_axis_ratio_of_the_scatter(
    shape: Callable[..., Geometry], points: tuple[complex, ...], ratio: float
) -> None:
    assert value(elongation, shape(*points)) == pytest.approx(ratio)


def test_axes_and_area_of_the_body_ellipse(shape: Callable[..., Geometry]) -> None:
    # Four points at the ends of a cross of 40 by 20 px: variances of 200 and 50 px^2.
    geometry = shape(20, -20, 10j, -10j)
    assert value(ellipse_major, geometry) == pytest.approx(4 * math.sqrt(200))
    assert value(ellipse_minor, geometry) == pytest.approx(4 * math.sqrt(50))
    assert value(ellipse_area, geometry) == pytest.approx(math.pi / 4 * 16 * 100)


def test_a_round_body_never_has_an_elongation_below_one(shape: Callable[..., Geometry]) -> None:
    corners = [300 + 200j + 7.3 * cmath.exp(2j * cmath.pi * corner / 7) for corner in range(7)]
    assert 1 <= value(elongation, shape(*corners)) < 1.001


@pytest.mark.parametrize("points", [(0, 5, NAN), (0, 5, 9), (3 + 3j, 3 + 3j, 3 + 3j), (NAN, NAN, NAN)])
def test_the_body_ellipse_needs_three_points_that_are_not_on_a_line(
    shape: Callable[..., Geometry], points: tuple[complex, ...]
) -> None:
    for feature in ELLIPSE:
        assert math.isnan(value(feature, shape(*points)))


def test_the_body_ellipse_is_that_of_the_role_body(geometry_of: Seen) -> None:
    points = {"nose": 20, "left": -10j, "right": 10j, "tail_base": -20, "tail_tip": 500}
    geometry = geometry_of(points, roles={"body": ("nose", "left", "right", "tail_base")})
    assert value(elongation, geometry) == pytest.approx(2)


@pytest.mark.parametrize(
    ("nose", "angle"), [(10, 0.0), (10j, math.pi / 2), (-10j, math.pi / 2), (-10, math.pi), (10 + 10j, math.pi / 4)]
)
def test_bend_is_zero_when_straight_and_has_no_side(
    shape: Callable[..., Geometry], nose: complex, angle: float
) -> None:
    assert value(bend, shape(nose, 0, -10)) == pytest.approx(angle)


@pytest.mark.parametrize("turn", [0.0, 0.6, -0.6, math.pi / 2, math.pi])
def test_the_head_turns_at_the_neck(rat: Rat, geometry_of: Seen, turn: float) -> None:
    points = rat(100 + 100j)
    turned = {**points, "nose": points["neck"] + 10 * np.exp(1j * turn)}
    assert value(head_body_angle, geometry_of(turned)) == pytest.approx(abs(turn), abs=1e-5)


def test_an_ear_comes_nearer_to_the_hip_it_is_turned_to(rat: Rat, geometry_of: Seen) -> None:
    points = rat(0)
    straight = cmath.phase((2 - 6j) / (-22 - 8j))  # at the neck, between the left ear and the left hip
    assert value(left_neck_angle, geometry_of(points)) == pytest.approx(abs(straight))
    assert value(right_neck_angle, geometry_of(points)) == pytest.approx(abs(straight))
    left = {ear: points["neck"] + (points[ear] - points["neck"]) * np.exp(-0.3j) for ear in ("left_ear", "right_ear")}
    assert value(left_neck_angle, geometry_of({**points, **left})) == pytest.approx(abs(straight) - 0.3, rel=1e-5)
    assert value(right_neck_angle, geometry_of({**points, **left})) == pytest.approx(abs(straight) + 0.3, rel=1e-5)


@pytest.mark.parametrize("turn", [0.0, 1.0, -1.0, math.pi / 2])
def test_the_tail_bends_at_its_base(rat: Rat, geometry_of: Seen, turn: float) -> None:
    points = rat(50)
    assert value(tail_bend, geometry_of(points)) == 0
    bent = {**points, "tail_tip": points["tail_base"] - 40 * np.exp(1j * turn)}
    assert value(tail_bend, geometry_of(bent)) == pytest.approx(abs(turn), abs=1e-5)


@pytest.mark.parametrize(
    ("points", "share"), [((20, 0, -20), 0.0), ((3, 4j, -3), 0.4), ((3, -4j, -3), 0.4), ((5, 0, 5), 1.0)]
)
def test_hunching_is_what_the_body_lost_of_its_way(
    shape: Callable[..., Geometry], points: tuple[complex, ...], share: float
) -> None:
    assert value(hunching, shape(*points)) == pytest.approx(share)


@given(st.lists(st.complex_numbers(max_magnitude=900, allow_nan=False), min_size=3, max_size=3))
def test_hunching_is_a_share(shape: Callable[..., Geometry], points: list[complex]) -> None:
    found = value(hunching, shape(*points))
    assert 0 <= found <= 1 or math.isnan(found)


def test_a_body_without_length_has_lengths_of_zero_and_no_angle(geometry_of: Seen, rat: Rat) -> None:
    geometry = geometry_of(dict.fromkeys(rat(0), 30 + 40j))
    for feature in LENGTHS:
        assert value(feature, geometry) == 0
    for feature in (*ANGLES, *ELLIPSE, hunching):
        assert math.isnan(value(feature, geometry))


@pytest.mark.parametrize(
    ("lost", "missing"),
    [
        ("nose", {body_length, front_length, hunching, bend, head_body_angle}),
        ("center", {front_length, rear_length, hunching, bend, tail_bend}),
        ("tail_base", {body_length, rear_length, hunching, bend, head_body_angle, tail_bend}),
        ("neck", {head_body_angle, left_neck_angle, right_neck_angle}),
        ("left_ear", {head_width, left_neck_angle}),
        ("right_hip", {hip_width, right_neck_angle}),
        ("tail_tip", {tail_bend}),
    ],
)
def test_without_one_keypoint_only_what_needs_it_is_missing(
    rat: Rat, geometry_of: Seen, lost: str, missing: set[object]
) -> None:
    geometry = geometry_of({**rat(0), lost: NAN})
    for feature in (*LENGTHS, *ANGLES, *ELLIPSE, hunching):
        assert math.isnan(value(feature, geometry)) == (feature in missing)
