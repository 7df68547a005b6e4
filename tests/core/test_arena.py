"""Arenas of known area and center, and what is said about impossible ones."""

from __future__ import annotations

import cmath
import json
import math
import pickle
import re
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsp_core.arena import Arena, Polygon, polygon_edges
from nsp_core.errors import StudyError

SQUARE: Polygon = ((100, 100), (500, 100), (500, 500), (100, 500))
# A 20 x 20 square without its 10 x 10 quarter at the lower right.
L_SHAPE: Polygon = ((0, 0), (20, 0), (20, 10), (10, 10), (10, 20), (0, 20))
SHELTER: Polygon = ((0, 0), (5, 0), (0, 5))


def moved(polygon: Polygon, turn: float, by: complex, scale: float = 1.0) -> Polygon:
    corners = [complex(*corner) * scale * cmath.exp(1j * turn) + by for corner in polygon]
    return tuple((corner.real, corner.imag) for corner in corners)


@pytest.mark.parametrize(
    ("outline", "area", "center"),
    [
        (SQUARE, 160_000, (300, 300)),
        (SQUARE[::-1], 160_000, (300, 300)),
        (((0, 0), (6, 0), (0, 3)), 9, (2, 1)),
        (L_SHAPE, 300, (25 / 3, 25 / 3)),
        # A corner in the middle of an edge changes nothing.
        (((0, 0), (3, 0), (6, 0), (0, 3)), 9, (2, 1)),
    ],
)
def test_area_and_center_are_those_of_the_polygon(outline: Polygon, area: float, center: tuple[float, float]) -> None:
    arena = Arena(outline)
    assert arena.area_px == pytest.approx(area)
    assert arena.length_px == pytest.approx(math.sqrt(area))
    assert arena.center == pytest.approx(center)
    assert arena.corners == outline


@given(st.floats(0, 7), st.floats(-2000, 2000), st.floats(-2000, 2000), st.floats(0.1, 50))
def test_moving_an_arena_moves_its_center_and_scaling_scales_its_length(
    turn: float, x: float, y: float, scale: float
) -> None:
    arena, after = Arena(L_SHAPE), Arena(moved(L_SHAPE, turn, complex(x, y), scale))
    assert after.length_px == pytest.approx(arena.length_px * scale, rel=1e-6)
    (expected,) = moved((arena.center,), turn, complex(x, y), scale)
    assert after.center == pytest.approx(expected, abs=1e-5)


def test_a_circle_has_the_area_of_the_circle_and_no_corners() -> None:
    arena = Arena.circle((320, 240), 200, objects={"water": (320, 50)})
    assert arena.area_px == pytest.approx(math.pi * 200**2)
    assert arena.radius_px == pytest.approx(200)
    assert arena.center == pytest.approx((320, 240))
    assert arena.corners == ()
    assert arena.objects == {"water": (320, 50)}
    radii = np.hypot(*(np.array(arena.outline) - arena.center).T)
    assert radii == pytest.approx(200, rel=1e-3)


def test_a_rectangle_is_stated_by_any_two_opposite_corners() -> None:
    arenas = [Arena.rectangle((10, 20), (50, 40)), Arena.rectangle((50, 20), (10, 40))]
    assert {arena.area_px for arena in arenas} == {800}
    assert {frozenset(arena.corners) for arena in arenas} == {frozenset({(10, 20), (50, 20), (50, 40), (10, 40)})}


def test_edges_go_round_and_back_to_the_first_corner() -> None:
    edges = list(polygon_edges(SHELTER))
    assert [start for start, _ in edges] == list(SHELTER)
    assert [end for _, end in edges] == [*SHELTER[1:], SHELTER[0]]


def test_arenas_that_mean_the_same_are_equal_and_have_one_json() -> None:
    places = {"nest": SHELTER, "den": L_SHAPE}
    stated = Arena(SQUARE, places, {"b": (1, 2), "a": (3, 4)})
    again = Arena(
        tuple((float(x), float(y)) for x, y in SQUARE),
        dict(reversed(places.items())),
        {"a": (3.0, 4.0), "b": (1.0, 2.0)},
    )
    assert stated == again
    assert hash(stated) == hash(again)
    assert json.dumps(stated.to_json()) == json.dumps(again.to_json())
    assert json.dumps(asdict(stated)) == json.dumps(asdict(again))


@pytest.mark.parametrize("arena", [Arena(L_SHAPE, {"nest": SHELTER}, {"water": (-3, 7.25)}), Arena.circle((1, 2), 3)])
def test_an_arena_survives_json_and_a_process_boundary(arena: Arena) -> None:
    assert Arena.from_json(json.loads(json.dumps(arena.to_json()))) == arena
    assert pickle.loads(pickle.dumps(arena)) == arena


def test_places_may_lie_outside_the_wall() -> None:
    arena = Arena(SQUARE, {"tunnel": ((-50, 0), (150, 0), (0, 90))}, {"speaker": (900, -40)})
    assert (set(arena.regions), set(arena.objects)) == ({"tunnel"}, {"speaker"})


@pytest.mark.parametrize(
    ("outline", "message"),
    [
        (((0, 0), (1, 0)), "arena outline: found 2 corners, expected at least 3; add the missing corners"),
        ((), "arena outline: found 0 corners, expected at least 3"),
        (((0, 0), (1, 1), (5, 5)), "found 3 corners on one line, expected corners around an area"),
        (((2, 2), (2, 2), (2, 2)), "found 3 corners on one line"),
        (((0, 0), (0.1, 0.3), (0.2, 0.6), (0.7, 2.1)), "found 4 corners on one line"),
        (
            ((0, 0), (4, 0), (4, 4), (0, 0)),
            "found the corner (0, 0) twice, expected every corner once; leave the second",
        ),
        (
            ((0, 0), (4, 4), (4, 0), (0, 4)),
            "found the edges (0, 0) to (4, 4) and (4, 0) to (0, 4), which meet, expected",
        ),
        # A corner that touches an edge, an edge that lies on another, and a spike.
        (((0, 0), (4, 0), (4, 4), (2, 0), (0, 4)), "found the edges (0, 0) to (4, 0) and (4, 4) to (2, 0), which meet"),
        (((0, 0), (9, 0), (9, 4), (6, 4), (6, 0), (3, 0), (3, 4), (0, 4)), "found the edges (0, 0) to (9, 0) and"),
        (((0, 0), (4, 0), (4, 4), (4, 2), (0, 4)), "found the edges (4, 0) to (4, 4) and (4, 4) to (4, 2), which meet"),
        (((0, 0), (4, 0), (9, 0), (4, 0.0), (0, 4)), "found the corner (4, 0) twice"),
        (
            ((0, 0), (4, 0), (4, math.nan)),
            "found the point (4, nan), expected x and y in pixels, finite and below 1,000,000",
        ),
        (((0, 0), (4, 0), (4, math.inf)), "found the point (4, inf)"),
        (((0, 0), (4, 0), (4, 1e6)), "found the point (4, 1000000.0)"),
        (((0, 0), (4, 0), (4, 4, 4)), "found the point (4, 4, 4)"),
        (((0, 0), (4, 0), (4, 10**400)), "found the point (4, 1000"),
        (((0, 0), (4, 0), (4, "4")), "found the point (4, '4')"),
        (((0, 0), (4, 0), (4, True)), "found the point (4, True)"),
        (((0, 0), (4, 0), "ab"), "found the point 'ab'"),
    ],
)
def test_impossible_outlines_are_refused(outline: Polygon, message: str) -> None:
    with pytest.raises(StudyError, match=re.escape(message)):
        Arena(outline)
    with pytest.raises(StudyError, match=re.escape(message.replace("arena outline", "arena region nest"))):
        Arena(SQUARE, {"nest": outline})


@given(st.lists(st.floats(1, 9), min_size=3, max_size=40), st.data())
def test_any_star_around_a_point_is_simple_whichever_corner_comes_first(
    radii: list[float], data: st.DataObject
) -> None:
    corners = [cmath.rect(radius, 2 * math.pi * k / len(radii)) for k, radius in enumerate(radii)]
    star = tuple((corner.real, corner.imag) for corner in corners)
    first = data.draw(st.integers(1, len(radii) - 1))
    assert Arena((*star[first:], *star[:first])).area_px == pytest.approx(Arena(star).area_px)


@given(st.integers(5, 12), st.data())
def test_swapping_two_neighbors_of_a_convex_outline_is_refused(n_corners: int, data: st.DataObject) -> None:
    corners = [cmath.rect(9, 2 * math.pi * k / n_corners) for k in range(n_corners)]
    first = data.draw(st.integers(0, n_corners - 2))
    corners[first], corners[first + 1] = corners[first + 1], corners[first]
    with pytest.raises(StudyError, match="which meet"):
        Arena(tuple((corner.real, corner.imag) for corner in corners))


@pytest.mark.parametrize("name", ["Nest", "1st", "the nest", "", "näst", "_nest", 3])
def test_names_that_no_feature_could_carry_are_refused(name: str) -> None:
    message = re.escape(f"arena: found the name {name!r}, expected a-z, 0-9 and _, a letter first")
    with pytest.raises(StudyError, match=message):
        Arena(SQUARE, {name: SHELTER})
    with pytest.raises(StudyError, match=message):
        Arena(SQUARE, objects={name: (1, 1)})


def test_a_name_belongs_to_one_place() -> None:
    with pytest.raises(StudyError, match="found a region and an object called 'nest', expected a name of its own"):
        Arena(SQUARE, {"nest": SHELTER}, {"nest": (1, 1)})


def test_impossible_objects_circles_and_rectangles_are_refused() -> None:
    with pytest.raises(StudyError, match=r"arena object water: found the point \(1,\), expected x and"):
        Arena(SQUARE, objects={"water": (1,)})  # type: ignore[dict-item]  # what a wrong file holds
    for radius in (0, -1, math.nan, math.inf):
        with pytest.raises(StudyError, match=f"arena circle: found the radius {radius}, expected a number above 0"):
            Arena.circle((0, 0), radius)
    with pytest.raises(StudyError, match="found 4 corners on one line"):
        Arena.rectangle((3, 3), (3, 8))


def test_a_damaged_store_is_told_from_an_arena() -> None:
    stated = Arena(SQUARE).to_json()
    with pytest.raises(StudyError, match="stored arena: found the keys outline, regions, objects, expected is_circle"):
        Arena.from_json({key: value for key, value in stated.items() if key != "is_circle"})
    with pytest.raises(StudyError, match="arena outline: found 0 corners"):
        Arena.from_json({**stated, "outline": None})
