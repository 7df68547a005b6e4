from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from nsp_core.features.geometry import Geometry
from nsp_core.features.overlap import area_ratio, box_overlap, contact, ellipse_gap, ellipse_overlap

Seen = Callable[..., Geometry]
Dyad = Callable[..., Geometry]
NAN = complex("nan")

TURNS = st.floats(-3.2, 3.2)
SEMI_AXES = st.floats(5, 40)


def body(center: complex, long: float, short: float, turn: float = 0.0) -> list[complex]:
    """Four points whose body ellipse has these semi-axes, the longer one in this direction."""
    arms = (long, -long, 1j * short, -1j * short)
    return [center + arm / math.sqrt(2) * complex(math.cos(turn), math.sin(turn)) for arm in arms]


@pytest.fixture(scope="module")
def dyad(geometry_of: Seen) -> Dyad:
    """Return a function from the points of two bodies to one frame of both."""

    def placed(first: list[complex], second: list[complex]) -> Geometry:
        points = zip(first, second, strict=True)
        return geometry_of({str(index): pair for index, pair in enumerate(points)}, roles={})

    return placed


def value(feature: Callable[[Geometry], NDArray[np.float32]], geometry: Geometry, dyad: int = 0) -> float:
    return float(feature(geometry)[dyad, 0])


@given(SEMI_AXES, SEMI_AXES, st.floats(1, 200), TURNS)
def test_the_gap_of_circles_is_their_distance_in_sums_of_their_radii(
    dyad: Dyad, first: float, second: float, distance: float, direction: float
) -> None:
    place = 300 + 200j + distance * complex(math.cos(direction), math.sin(direction))
    geometry = dyad(body(300 + 200j, first, first), body(place, second, second, 0.4))
    assert value(ellipse_gap, geometry) == pytest.approx(distance / (first + second), rel=2e-4)


@pytest.mark.parametrize(("distance", "touching"), [(49.9, 1), (50.1, 0), (0.0, 1), (10.0, 1), (500.0, 0)])
def test_contact_begins_where_the_circles_touch(dyad: Dyad, distance: float, touching: int) -> None:
    assert value(contact, dyad(body(0, 20, 20), body(distance, 30, 30))) == touching


@pytest.mark.parametrize("turn", [0.0, 0.7, math.pi / 2])
def test_ellipses_touch_end_to_end_and_side_by_side(dyad: Dyad, turn: float) -> None:
    along = complex(math.cos(turn), math.sin(turn))
    for direction, semi_axes in ((along, 30 + 40), (1j * along, 10 + 20)):
        geometry = dyad(body(0, 30, 10, turn), body(2 * semi_axes * direction, 40, 20, turn))
        assert value(ellipse_gap, geometry) == pytest.approx(2, rel=1e-4)
    crosswise = dyad(body(0, 30, 10, turn), body((30 + 10) * along, 30, 10, turn + math.pi / 2))
    assert value(ellipse_gap, crosswise) == pytest.approx(1, rel=1e-4)


def growth_to_contact(apart: complex, first: tuple[float, float, float], second: tuple[float, float, float]) -> float:
    """The root of the greatest value of the contact function, in double precision."""
    forms = []
    for long, short, turn in (first, second):
        across = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        forms.append(across @ np.diag([long**2, short**2]) @ across.T)
    line = np.array([apart.real, apart.imag])

    def below(share: float) -> float:
        form = (1 - share) * forms[0] + share * forms[1]
        return float(-share * (1 - share) * line @ np.linalg.solve(form, line))

    return math.sqrt(-minimize_scalar(below, bounds=(0, 1), method="bounded", options={"xatol": 1e-9}).fun)


@given(st.tuples(SEMI_AXES, SEMI_AXES, TURNS), st.tuples(SEMI_AXES, SEMI_AXES, TURNS), st.floats(5, 200), TURNS)
def test_the_gap_of_any_ellipses(
    dyad: Dyad,
    first: tuple[float, float, float],
    second: tuple[float, float, float],
    distance: float,
    direction: float,
) -> None:
    apart = distance * complex(math.cos(direction), math.sin(direction))
    geometry = dyad(body(0, *first), body(apart, *second))
    assert value(ellipse_gap, geometry) == pytest.approx(growth_to_contact(apart, first, second), rel=2e-4)
    swapped = dyad(body(apart, *second), body(0, *first))
    assert value(ellipse_gap, swapped) == pytest.approx(value(ellipse_gap, geometry), rel=1e-4)


def test_ellipses_around_one_center_have_no_gap_and_the_same_ellipse_overlaps_fully(dyad: Dyad) -> None:
    same = dyad(body(3 + 4j, 30, 10, 0.3), body(3 + 4j, 30, 10, 0.3))
    assert value(ellipse_gap, same) == 0
    assert value(contact, same) == 1
    assert value(ellipse_overlap, same) == pytest.approx(1)


@pytest.mark.parametrize("distance", [0.0, 5.0, 20.0, 80.0])
def test_the_overlap_of_equal_circles(dyad: Dyad, distance: float) -> None:
    sigma = 20 / 2
    geometry = dyad(body(0, 20, 20), body(1j * distance, 20, 20))
    expected = math.exp(-(distance**2) / (8 * sigma**2))
    assert value(ellipse_overlap, geometry) == pytest.approx(expected, rel=1e-4)


def test_the_overlap_of_unequal_circles_around_one_center(dyad: Dyad) -> None:
    # Bhattacharyya coefficient of two normal distributions of standard deviations s and t in the plane.
    s, t = 10, 20
    expected = 2 * s * t / (s**2 + t**2)
    assert value(ellipse_overlap, dyad(body(0, 20, 20), body(0, 40, 40))) == pytest.approx(expected, rel=1e-5)


def test_bodies_far_apart_do_not_overlap(dyad: Dyad) -> None:
    assert value(ellipse_overlap, dyad(body(0, 20, 10), body(5000, 20, 10))) == 0


@given(SEMI_AXES, SEMI_AXES, TURNS)
def test_an_overlap_is_at_most_one(dyad: Dyad, long: float, short: float, turn: float) -> None:
    place = body(900 + 700j, long, short, turn)
    assert 1 - 1e-4 < value(ellipse_overlap, dyad(place, place)) <= 1


def test_area_ratio_is_the_agents_over_the_targets(dyad: Dyad) -> None:
    geometry = dyad(body(0, 30, 10), body(100, 20, 5, 0.7))
    assert value(area_ratio, geometry, 0) == pytest.approx(3, rel=1e-4)
    assert value(area_ratio, geometry, 1) == pytest.approx(1 / 3, rel=1e-4)


@pytest.mark.parametrize(
    ("second", "share"),
    [
        ([0, 4 + 2j], 1.0),
        ([2 + 1j, 6 + 3j], 2 / 14),
        ([1, 3 + 2j], 4 / 8),
        ([4, 8 + 2j], 0.0),
        ([9 + 9j, 12 + 10j], 0.0),
        ([1 + 1j, 1 + 1j], 0.0),
    ],
)
def test_box_overlap_is_shared_over_joint_area(dyad: Dyad, second: list[complex], share: float) -> None:
    assert value(box_overlap, dyad([0, 4 + 2j], second)) == pytest.approx(share)
    assert value(box_overlap, dyad(second, [0, 4 + 2j])) == pytest.approx(share)


def test_boxes_without_an_area_have_no_overlap(dyad: Dyad) -> None:
    assert math.isnan(value(box_overlap, dyad([0, 4], [1, 5])))


def test_a_box_holds_the_keypoints_seen(dyad: Dyad) -> None:
    assert value(box_overlap, dyad([0, 4 + 2j, NAN], [NAN, 2 + 1j, 6 + 3j])) == pytest.approx(2 / 14)


@pytest.mark.parametrize(
    "lost",
    [[NAN] * 4, [0, 10, NAN, NAN], [0, 10, 20, 30], [5 + 5j] * 4],
    ids=["no point", "two points", "points on a line", "one point"],
)
def test_a_body_without_an_ellipse_has_no_gap_overlap_or_area(dyad: Dyad, lost: list[complex]) -> None:
    geometry = dyad(body(0, 20, 10), lost)
    for feature in (ellipse_gap, ellipse_overlap, contact, area_ratio):
        assert np.isnan(feature(geometry)).all()
    assert math.isnan(value(box_overlap, geometry)) == np.isnan(lost).all()


def test_gap_and_contact_look_at_one_result(dyad: Dyad) -> None:
    geometry = dyad(body(0, 20, 20), body(30, 20, 20))
    contact(geometry)
    assert list(geometry._results) == [ellipse_gap]
