"""Distances to walls, corners, regions and objects that are known by construction."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nsp_core.arena import Arena, Polygon
from nsp_core.errors import FeatureError
from nsp_core.features import compute_features
from nsp_core.features.arena import (
    center_distance,
    corner_distance,
    in_region,
    object_distance,
    region_distance,
    thigmotaxis,
    wall_distance,
)
from nsp_core.features.geometry import Geometry

Film = Callable[..., xr.Dataset]

SQUARE = Arena.rectangle((0, 0), (100, 100))
# A 20 x 20 square without its 10 x 10 quarter at the lower right.
L_SHAPE = Arena(((0, 0), (20, 0), (20, 10), (10, 10), (10, 20), (0, 20)))
SHELTER: Polygon = ((10, 10), (40, 10), (40, 20), (10, 20))
FURNISHED = Arena(SQUARE.outline, {"shelter": SHELTER}, {"water": (50, 90)})
NAN = complex("nan+nanj")


def place(arena: Arena | None, *places: complex) -> Geometry:
    """One animal, a frame at each place, that is nothing but a nose."""
    frames = np.array([[point.real, point.imag] for point in places], dtype=np.float32)
    position = frames[:, :, np.newaxis, np.newaxis]
    confidence = np.ones((len(places), 1, 1), dtype=np.float32)
    return Geometry(position, confidence, {"nose": (0,)}, 30.0, n_frames=len(places), arena=arena)


def scattered(n_frames: int, extent: float = 30.0) -> NDArray[np.complex128]:
    x, y = np.random.default_rng(5).uniform(-extent / 5, extent, (2, n_frames))
    return x + 1j * y


def moved(polygon: Polygon, turn: float, by: complex, scale: float = 1.0) -> Polygon:
    corners = [complex(*corner) * scale * cmath.exp(1j * turn) + by for corner in polygon]
    return tuple((corner.real, corner.imag) for corner in corners)


@pytest.mark.parametrize(
    ("point", "wall", "center", "corner", "share"),
    [
        (50 + 50j, 50, 0, math.hypot(50, 50), 0),
        (50 + 20j, 20, 30, math.hypot(50, 20), 0.6),
        (97 + 96j, 3, math.hypot(47, 46), 5, math.hypot(47, 46) / (math.hypot(47, 46) + 3)),
        (0 + 50j, 0, 50, 50, 1),
        (103 + 104j, -5, math.hypot(53, 54), 5, 1),
        (50 - 7j, -7, 57, math.hypot(50, 7), 1),
    ],
)
def test_distances_in_a_square(point: complex, wall: float, center: float, corner: float, share: float) -> None:
    geometry = place(SQUARE, point)
    assert wall_distance(geometry)[0, 0] == pytest.approx(wall)
    assert center_distance(geometry)[0, 0] == pytest.approx(center)
    assert corner_distance(geometry)[0, 0] == pytest.approx(corner)
    assert thigmotaxis(geometry)[0, 0] == pytest.approx(share)


def test_a_circle_is_measured_as_a_circle_and_has_no_corners() -> None:
    center, radius = 320 + 240j, 200.0
    shares = np.array([0, 0.25, 0.5, 0.999, 1.5])
    geometry = place(Arena.circle((320, 240), radius), *(center + radius * shares * cmath.exp(2j)))
    assert wall_distance(geometry)[0] == pytest.approx(radius * (1 - shares), abs=1e-3)
    assert thigmotaxis(geometry)[0] == pytest.approx(np.minimum(shares, 1), abs=1e-5)
    assert np.isnan(corner_distance(geometry)).all()


@pytest.mark.parametrize(
    ("point", "wall"),
    [(5 + 5j, 5), (9 + 9j, math.sqrt(2)), (15 + 8j, 2), (12 + 12j, -2), (12 + 18j, -2), (15 + 15j, -5), (5 + 17j, 3)],
)
def test_the_notch_of_a_concave_arena_is_outside(point: complex, wall: float) -> None:
    assert wall_distance(place(L_SHAPE, point))[0, 0] == pytest.approx(wall)


def test_regions_and_objects_are_found_by_their_names() -> None:
    geometry = place(FURNISHED, 20 + 15j, 50 + 15j, 43 + 24j, 50 + 60j)
    assert in_region(geometry, "shelter").tolist() == [[1, 0, 0, 0]]
    assert region_distance(geometry, "shelter")[0] == pytest.approx([0, 10, 5, math.hypot(10, 40)])
    assert object_distance(geometry, "water")[0] == pytest.approx([math.hypot(30, 75), 75, math.hypot(7, 66), 30])


def test_objects_are_approached_with_the_nose_and_the_rest_with_the_body(
    film: Film, roles: dict[str, tuple[str, ...]]
) -> None:
    names = ["wall_distance", "in_region_shelter", "object_distance_water"]
    features = compute_features(film([[50 + 70j]], math.pi / 2), roles, names, arena=FURNISHED, length_unit="px")
    assert features["wall_distance"].values == pytest.approx(30)
    # The nose of an animal of 40 px is 20 px ahead of its center.
    assert features["object_distance_water"].values == pytest.approx(0, abs=1e-4)
    assert features["in_region_shelter"].values == pytest.approx(0)


def test_a_boundary_belongs_to_what_lies_right_of_it_or_below_it() -> None:
    left, top, right, bottom = 10 + 15j, 20 + 10j, 40 + 15j, 20 + 20j
    assert in_region(place(FURNISHED, left, top, right, bottom), "shelter").tolist() == [[1, 1, 0, 0]]
    assert in_region(place(FURNISHED, 10 + 10j, 40 + 10j, 40 + 20j, 10 + 20j), "shelter").tolist() == [[1, 0, 0, 0]]


@given(
    st.tuples(st.integers(1, 39), st.integers(1, 39)),
    st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), min_size=1, max_size=40),
    st.floats(-3, 3),
)
def test_regions_that_share_their_edges_share_no_point_and_miss_none(
    hub: tuple[int, int], points: list[tuple[int, int]], shift: float
) -> None:
    corners = [(0.0, 0.0), (40.0, 0.0), (40.0, 40.0), (0.0, 40.0)]
    fan = {f"part_{k}": (corners[k], corners[(k + 1) % 4], (hub[0] + shift / 4, hub[1] + shift / 4)) for k in range(4)}
    geometry = place(replace(SQUARE, regions=fan), *(complex(x, y) for x, y in points))
    assert sum(in_region(geometry, name) for name in fan).tolist() == [[1.0] * len(points)]


def test_what_is_missing_is_undefined_and_never_outside() -> None:
    geometry = place(FURNISHED, NAN, 20 + 15j, complex(20, math.nan))
    for feature in (wall_distance, center_distance, corner_distance, thigmotaxis):
        assert np.isnan(feature(geometry)).tolist() == [[True, False, True]]
    for of_place, name in ((in_region, "shelter"), (region_distance, "shelter"), (object_distance, "water")):
        assert np.isnan(of_place(geometry, name)).tolist() == [[True, False, True]]
    assert np.isnan(wall_distance(place(Arena.circle((0, 0), 9), NAN))).all()


@given(st.floats(0, 7), st.floats(-300, 300), st.floats(-300, 300), st.sampled_from([0.5, 1.0, 4.0]))
def test_moving_camera_and_scale_change_what_they_should(turn: float, x: float, y: float, scale: float) -> None:
    by, points = complex(x, y), scattered(50)
    arena = replace(L_SHAPE, regions={"nest": ((2, 2), (9, 3), (4, 9))}, objects={"water": (15, 5)})
    after = Arena(
        moved(arena.outline, turn, by, scale),
        {"nest": moved(arena.regions["nest"], turn, by, scale)},
        {"water": moved((arena.objects["water"],), turn, by, scale)[0]},
    )
    still, turned = place(arena, *points), place(after, *(points * scale * cmath.exp(1j * turn) + by))
    for feature in (wall_distance, center_distance, corner_distance):
        assert feature(turned) == pytest.approx(feature(still) * scale, abs=2e-3)
    for of_place, name in ((region_distance, "nest"), (object_distance, "water")):
        assert of_place(turned, name) == pytest.approx(of_place(still, name) * scale, abs=2e-3)
    assert thigmotaxis(turned) == pytest.approx(thigmotaxis(still), abs=1e-3)
    depth = wall_distance(place(Arena(arena.regions["nest"]), *points))
    clear = np.abs(depth) > 0.01
    assert (in_region(turned, "nest")[clear] == (depth > 0)[clear]).all()


def test_a_wall_is_as_far_as_the_nearest_of_many_points_laid_along_it() -> None:
    points = scattered(400)
    geometry = place(L_SHAPE, *points)
    outline = np.array([complex(*corner) for corner in L_SHAPE.outline])
    steps = np.linspace(0, 1, 2001)[:, np.newaxis]
    wall = (outline + steps * (np.roll(outline, -1) - outline)).ravel()
    nearest = np.abs(points[:, np.newaxis] - wall).min(axis=1)
    inside = (np.maximum(abs(points.real - 10), abs(points.imag - 10)) < 10) & ~(
        (points.real > 10) & (points.imag > 10)
    )
    assert np.abs(wall_distance(geometry)[0]) == pytest.approx(nearest, abs=0.01)
    assert ((wall_distance(geometry)[0] > 0) == inside).all()


def test_frames_do_not_depend_on_their_block_to_the_bit() -> None:
    points = scattered(1000, extent=100.0)
    arenas = [FURNISHED, replace(Arena.circle((50, 50), 45), regions={"shelter": SHELTER})]
    for arena in arenas:
        for feature in (wall_distance, thigmotaxis, lambda block: region_distance(block, "shelter")):
            whole = feature(place(arena, *points))
            parts = [feature(place(arena, *part)) for part in np.split(points, [1, 130, 517])]
            assert whole.dtype == np.float32
            assert np.concatenate(parts, axis=1).tobytes() == whole.tobytes()


def test_corners_closer_than_single_precision_are_one() -> None:
    doubled = Arena(((0, 0), (100, 0), (100, 100), (100 - 1e-9, 100), (0, 100)))
    assert wall_distance(place(doubled, 90 + 95j))[0, 0] == pytest.approx(5)


def test_features_without_their_arena_or_place_are_refused() -> None:
    for feature in (wall_distance, center_distance, corner_distance, thigmotaxis):
        with pytest.raises(FeatureError, match=r"found no arena, expected its outline in pixels; state the table \[ar"):
            feature(place(None, 0j))
    message = r"found the unknown region 'nest', expected one of shelter; correct the name, or state the region in the"
    with pytest.raises(FeatureError, match=message):
        in_region(place(FURNISHED, 0j), "nest")
    with pytest.raises(FeatureError, match="found the unknown region 'nest', expected an arena with regions, and this"):
        region_distance(place(SQUARE, 0j), "nest")
    with pytest.raises(FeatureError, match="found the unknown object 'shelter', expected one of water"):
        object_distance(place(FURNISHED, 0j), "shelter")
