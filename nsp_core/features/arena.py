"""Where an individual is in its arena: how far from the wall, the center, the corners, a region or an object.

Each function returns float32 of shape (individual, time), lengths in pixels, NaN where the point it needs is missing.
The place of an animal is its centroid, except for objects, which are explored with the nose.

Memory grows with the frames only: the edges of a polygon are gone through one by one.

References
----------
Thigmotaxis as distance from the wall: Simon, Dupuis & Costentin 1994, Behav Brain Res 61, 59-64,
doi:10.1016/0166-4328(94)90008-6. Point in polygon by the even-odd rule: Shimrat 1962, Communications of the ACM 5, 434,
doi:10.1145/368637.368653.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nsp_core.arena import Arena, Point, Polygon, polygon_edges
from nsp_core.errors import FeatureError
from nsp_core.features.geometry import Geometry
from nsp_core.features.vectors import Points, length_of

__all__ = [
    "center_distance",
    "corner_distance",
    "in_region",
    "object_distance",
    "region_distance",
    "thigmotaxis",
    "wall_distance",
]

_Place = TypeVar("_Place")


def wall_distance(geometry: Geometry) -> Points:
    """Return the distance of the centroid to the nearest wall, pixels: positive inside, negative outside.

    Exact for polygons and circles, up to the rounding of float32 (some 1e-4 px in an image of 1000 px).

    Raises
    ------
    FeatureError
        If the arena is not known.
    """
    arena, centroid = _arena(geometry), geometry.centroid
    if arena.is_circle:
        return np.float32(arena.radius_px) - _distance(centroid, arena.center)
    to_wall = _edge_distance(centroid, arena.outline)
    return np.where(_inside(centroid, arena.outline), to_wall, -to_wall)


def center_distance(geometry: Geometry) -> Points:
    """Return the distance of the centroid to the arena's center (:attr:`Arena.center`), pixels.

    Raises
    ------
    FeatureError
        If the arena is not known.
    """
    return _distance(geometry.centroid, _arena(geometry).center)


def corner_distance(geometry: Geometry) -> Points:
    """Return the distance of the centroid to the nearest corner of the wall, pixels; NaN in a round arena.

    Every corner of the outline counts, whichever way the wall turns there.

    Raises
    ------
    FeatureError
        If the arena is not known.
    """
    nearest = np.full(geometry.centroid.shape[1:], np.nan, dtype=np.float32)
    for corner in _arena(geometry).corners:
        nearest = np.fmin(nearest, _distance(geometry.centroid, corner))
    return nearest


def thigmotaxis(geometry: Geometry) -> Points:
    """Return how close to the wall the centroid is: 0 at the center of the arena, 1 at the wall and outside.

    It is ``center / (center + wall)`` with the distances to the center and to the nearest wall, a bare number that does
    not depend on the size of the arena; in a circle, the distance from the center in radii. Where the center of a
    concave arena lies outside, it says little.

    Raises
    ------
    FeatureError
        If the arena is not known.
    """
    from_center, to_wall = center_distance(geometry), wall_distance(geometry)
    share: Points = np.where(np.isnan(to_wall), to_wall, np.float32(1))
    np.divide(from_center, from_center + to_wall, out=share, where=to_wall > 0)
    return share


def in_region(geometry: Geometry, name: str) -> Points:
    """Return 1 where the centroid is in the region called ``name``, 0 where it is not.

    A point on the boundary belongs to the region that lies right of it or, where the boundary is level, below it in the
    image: like pixels, half-open. Regions that share a whole edge never share a point and leave none out between them.

    Raises
    ------
    FeatureError
        If the arena is not known or has no such region.
    """
    inside = _inside(geometry.centroid, _place(_arena(geometry).regions, name, "region"))
    return np.where(np.isnan(geometry.centroid[0]), np.float32(np.nan), inside.astype(np.float32))


def region_distance(geometry: Geometry, name: str) -> Points:
    """Return the distance of the centroid to the region called ``name``, pixels: 0 inside.

    Raises
    ------
    FeatureError
        If the arena is not known or has no such region.
    """
    polygon = _place(_arena(geometry).regions, name, "region")
    to_edge = _edge_distance(geometry.centroid, polygon)
    return np.where(_inside(geometry.centroid, polygon), np.float32(0), to_edge)


def object_distance(geometry: Geometry, name: str) -> Points:
    """Return the distance of the nose to the object called ``name``, pixels.

    Raises
    ------
    FeatureError
        If the arena is not known or has no such object.
    """
    return _distance(geometry.nose, _place(_arena(geometry).objects, name, "object"))


def _arena(geometry: Geometry) -> Arena:
    if geometry.arena is None:
        raise FeatureError(
            found="no arena",
            expected="its outline in pixels",
            where="arena features",
            remedy="state the table [arena] in the study, or leave these features out",
        )
    return geometry.arena


def _place(places: Mapping[str, _Place], name: str, kind: str) -> _Place:
    if name not in places:
        raise FeatureError(
            found=f"the unknown {kind} '{name}'",
            expected=f"one of {', '.join(places)}" if places else f"an arena with {kind}s, and this one has none",
            where="arena features",
            remedy=f"correct the name, or state the {kind} in the table [arena] of the study",
        )
    return places[name]


def _distance(points: Points, place: Point) -> Points:
    return length_of(points - np.array(place, dtype=np.float32)[:, np.newaxis, np.newaxis])


def _edge_distance(points: Points, polygon: Polygon) -> Points:
    """Return the distance of ``points`` (space, individual, time) to the nearest edge, never negative."""
    x, y = points
    nearest: Points = np.full_like(x, np.inf)
    for start, end in _rounded_edges(polygon):
        edge_x, edge_y = end - start
        from_x, from_y = x - start[0], y - start[1]
        share = (from_x * edge_x + from_y * edge_y) / (edge_x * edge_x + edge_y * edge_y)
        np.clip(share, 0, 1, out=share)
        from_x -= share * edge_x
        from_y -= share * edge_y
        np.minimum(nearest, from_x * from_x + from_y * from_y, out=nearest)
    np.sqrt(nearest, out=nearest)
    return nearest


def _inside(points: Points, polygon: Polygon) -> NDArray[np.bool_]:
    """Return whether ``points`` (space, individual, time) are inside by the even-odd rule; a missing one is not."""
    x, y = points
    inside = np.zeros(x.shape, dtype=np.bool_)
    for start, end in _rounded_edges(polygon):
        # From top to bottom, whichever way the polygon runs: two regions at one edge round alike.
        top, bottom = (start, end) if start[1] < end[1] else (end, start)
        if top[1] == bottom[1]:
            continue
        # Without a quotient: an edge may be nearly level.
        left = (x - top[0]) * (bottom[1] - top[1]) < (y - top[1]) * (bottom[0] - top[0])
        inside ^= (top[1] <= y) & (y < bottom[1]) & left
    return inside


def _rounded_edges(polygon: Polygon) -> list[tuple[Points, Points]]:
    """Return start and end (space,) of the edges in float32, as the points are."""
    edges = np.array(list(polygon_edges(polygon)), dtype=np.float32)
    # Corners closer than float32 can tell are one corner.
    return [(start, end) for start, end in edges if (start != end).any()]
