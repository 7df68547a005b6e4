"""How far two bodies overlap: by their ellipses, and by the boxes around their keypoints.

Results have no unit; shapes are (dyad, time).

References
----------
Perram & Wertheim 1985, Journal of Computational Physics 58, 409-416, doi:10.1016/0021-9991(85)90171-8 (contact of
ellipses).
Bhattacharyya 1943, Bulletin of the Calcutta Mathematical Society 35, 99-109 (overlap of two distributions).
"""

from __future__ import annotations

import numpy as np

from nsp_core.features.ellipse import BodyEllipse
from nsp_core.features.geometry import Geometry
from nsp_core.features.vectors import Points, quotient

__all__ = ["area_ratio", "box_overlap", "contact", "ellipse_gap", "ellipse_overlap"]

# So many halvings find the maximum as well as float32 allows: to 2e-5 of the gap of ordinary bodies.
_HALVINGS = 10

# Squared semi-axes of an evenly filled ellipse over the variances of its points.
_FILLED = 4.0


def ellipse_overlap(geometry: Geometry) -> Points:
    """Return the overlap of the two body ellipses, from 0 (far apart) to 1 (the same ellipse), (unordered dyad, time).

    The Bhattacharyya coefficient of the two normal distributions with the ellipses' centers and covariances.
    """
    one, other = _dyad_ellipses(geometry)
    xx, yy, xy = (one.xx + other.xx) / 2, (one.yy + other.yy) / 2, (one.xy + other.xy) / 2
    determinant = xx * yy - xy**2
    x, y = other.x - one.x, other.y - one.y
    distance = (yy * x * x - 2 * xy * x * y + xx * y * y) / determinant
    overlap: Points = np.exp(-distance / 8) * np.sqrt(np.sqrt(one.determinant * other.determinant) / determinant)
    return np.minimum(overlap, np.float32(1))


def ellipse_gap(geometry: Geometry) -> Points:
    """Return by what factor both body ellipses must grow to touch, (unordered dyad, time).

    Above 1 they are apart, at 1 they touch from outside, below 1 they overlap; 0 where their centers coincide. It is
    the root of the maximum over s of ``s (1 - s) d' ((1 - s) E_1 + s E_2)^-1 d``, which is concave in s: the sign of
    its derivative says which half holds the maximum.
    """
    one, other = _dyad_ellipses(geometry)
    x, y = other.x - one.x, other.y - one.y
    share, step = np.full_like(one.x, 0.5), 0.25
    for _ in range(_HALVINGS):
        u, v, _ = _leaning(one, other, x, y, share)
        of_one = one.xx * u * u + 2 * one.xy * u * v + one.yy * v * v
        of_other = other.xx * u * u + 2 * other.xy * u * v + other.yy * v * v
        rises = (1 - share) ** 2 * of_one > share**2 * of_other
        share += np.where(rises, np.float32(step), np.float32(-step))
        step /= 2
    *_, squared = _leaning(one, other, x, y, share)
    # Rounding may put the distance of coinciding centers a little below zero.
    gap: Points = np.sqrt(np.maximum(share * (1 - share) * squared, np.float32(0)) / np.float32(_FILLED))
    return gap


def contact(geometry: Geometry) -> Points:
    """Return 1 where the two body ellipses touch or overlap, 0 where they are apart, (unordered dyad, time)."""
    gap = geometry.shared(ellipse_gap)
    return np.where(np.isnan(gap), np.float32(np.nan), (gap <= 1).astype(np.float32))


def area_ratio(geometry: Geometry) -> Points:
    """Return the area of the agent's body ellipse over the target's, (ordered dyad, time)."""
    agent, target = geometry.ordered
    ellipse = geometry.body_ellipse
    area = np.sqrt(ellipse.determinant)
    return quotient(area[agent], area[target])


def box_overlap(geometry: Geometry) -> Points:
    """Return the shared area of the upright boxes around both bodies over their joint area, (unordered dyad, time).

    From 0 to 1; it depends on how the camera is turned. NaN where neither box has an area.
    """
    first, second = geometry.unordered
    points = geometry.body_points
    smallest, largest = np.fmin.reduce(points, axis=1), np.fmax.reduce(points, axis=1)
    sides = np.minimum(largest[:, first], largest[:, second]) - np.maximum(smallest[:, first], smallest[:, second])
    shared = np.prod(np.maximum(sides, np.float32(0)), axis=0)
    areas = np.prod(largest - smallest, axis=0)
    joint = areas[first] + areas[second] - shared
    return quotient(shared, joint)


def _dyad_ellipses(geometry: Geometry) -> tuple[BodyEllipse, BodyEllipse]:
    first, second = geometry.unordered
    ellipse = geometry.body_ellipse
    return ellipse.of(first), ellipse.of(second)


def _leaning(
    one: BodyEllipse, other: BodyEllipse, x: Points, y: Points, share: Points
) -> tuple[Points, Points, Points]:
    """Return ``M^-1 d`` (two components) and ``d' M^-1 d`` for the mixture ``M = (1 - share) E_1 + share E_2``."""
    rest = 1 - share
    xx, yy, xy = (
        rest * one.xx + share * other.xx,
        rest * one.yy + share * other.yy,
        rest * one.xy + share * other.xy,
    )
    determinant = xx * yy - xy**2
    u, v = (yy * x - xy * y) / determinant, (xx * y - xy * x) / determinant
    return u, v, u * x + v * y
