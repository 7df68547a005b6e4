"""Distance, orientation, approach and overlap of two individuals.

Symmetric features have one row per unordered dyad, the others one per ordered dyad, in the order of
``Geometry.unordered`` and ``Geometry.ordered``. The first animal of an ordered dyad is the agent, the second is the
target. Results are in pixels, radians and seconds, of shape (dyad, time).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nsp_core.features.geometry import BETWEEN_ROLES, Geometry
from nsp_core.features.vectors import Points, angle_between, cross, dot, length_of, quotient, signed_angle

__all__ = [
    "approach_speed",
    "bearing",
    "centroid_distance",
    "closest_distance",
    "closest_keypoints",
    "distance_change",
    "facing_angle",
    "following",
    "head_facing_angle",
    "nose_to_body",
    "nose_to_nearest_keypoint",
    "nose_to_nose",
    "nose_to_tail_base",
    "point_distance",
    "relative_orientation",
    "tangential_speed",
]


def centroid_distance(geometry: Geometry) -> Points:
    """Return the distance of the two centroids."""
    first, second = geometry.unordered
    return _distance(geometry.centroid, first, geometry.centroid, second)


def nose_to_nose(geometry: Geometry) -> Points:
    """Return the distance of the two noses."""
    first, second = geometry.unordered
    return _distance(geometry.nose, first, geometry.nose, second)


def closest_distance(geometry: Geometry) -> Points:
    """Return the smallest distance between any core point of one and of the other.

    Over the points present, so too large where the closest one is missing.
    """
    first, second = geometry.unordered
    return _closest(geometry.core_points, first, geometry.core_points, second)


def closest_keypoints(geometry: Geometry) -> Points:
    """Return the smallest distance between any keypoint of one body and of the other, over those present."""
    first, second = geometry.unordered
    points = list(np.moveaxis(geometry.body_points, 1, 0))
    return _closest(points, first, points, second)


def relative_orientation(geometry: Geometry) -> Points:
    """Return the angle between the two body axes, from 0 (same way) to pi (opposite)."""
    first, second = geometry.unordered
    return angle_between(geometry.axis[:, first], geometry.axis[:, second])


def distance_change(geometry: Geometry) -> Points:
    """Return how fast the centroid distance changes, negative while approaching."""
    first, second = geometry.unordered
    before, after = (_distance(centroid, first, centroid, second) for centroid in geometry.centroid_step)
    return (after - before) * geometry.per_step


def nose_to_tail_base(geometry: Geometry) -> Points:
    """Return the distance from the agent's nose to the base of the target's tail."""
    agent, target = geometry.ordered
    return _distance(geometry.nose, agent, geometry.tail_base, target)


def nose_to_body(geometry: Geometry) -> Points:
    """Return the distance from the agent's nose to the target's centroid."""
    agent, target = geometry.ordered
    return _distance(geometry.nose, agent, geometry.centroid, target)


def point_distance(geometry: Geometry, roles: str) -> Points:
    """Return the distance from the agent's point to the target's, of two roles given as ``nose_to_paw``."""
    agent, target = geometry.ordered
    first, second = map(geometry.role, roles.split(BETWEEN_ROLES))
    return _distance(first, agent, second, target)


def nose_to_nearest_keypoint(geometry: Geometry) -> Points:
    """Return the distance from the agent's nose to the nearest keypoint of the target's body, of those present."""
    agent, target = geometry.ordered
    return _closest([geometry.nose], agent, list(np.moveaxis(geometry.body_points, 1, 0)), target)


def facing_angle(geometry: Geometry) -> Points:
    """Return the angle from the agent's body axis to the line towards the target, from 0 (facing) to pi (away)."""
    return angle_between(geometry.shared(_agent_axis), geometry.shared(_line))


def head_facing_angle(geometry: Geometry) -> Points:
    """Return the angle from the agent's head, neck to nose, to the line from its neck to the target's centroid."""
    agent, target = geometry.ordered
    neck = geometry.role("neck")
    return angle_between((geometry.nose - neck)[:, agent], geometry.centroid[:, target] - neck[:, agent])


def bearing(geometry: Geometry) -> Points:
    """Return where the target lies as the agent sees it, rad in (-pi, pi]: 0 ahead, positive clockwise; circular."""
    return signed_angle(geometry.shared(_agent_axis), geometry.shared(_line))


def approach_speed(geometry: Geometry) -> Points:
    """Return the part of the agent's velocity that points to the target, negative moving away.

    NaN where the two centroids coincide.
    """
    agent, _ = geometry.ordered
    line = geometry.shared(_line)
    return quotient(dot(geometry.velocity[:, agent], line), geometry.shared(_apart))


def tangential_speed(geometry: Geometry) -> Points:
    """Return the part of the agent's velocity across the line to the target, either way: circling it.

    NaN where the two centroids coincide.
    """
    agent, _ = geometry.ordered
    line = geometry.shared(_line)
    return quotient(np.abs(cross(geometry.velocity[:, agent], line)), geometry.shared(_apart))


def following(geometry: Geometry) -> Points:
    """Return how well the agent is lined up behind the target, from 0 to 1.

    The product of three cosines, each counted as 0 beyond a right angle: of the two body axes, of the agent's axis and
    the line to the target, and of that line and the target's axis. It is 1 only for an agent straight behind a target
    that faces the same way, whatever their distance and speed.
    """
    _, target = geometry.ordered
    line, ahead, led = geometry.shared(_line), geometry.shared(_agent_axis), geometry.axis[:, target]
    product = _cosine(ahead, led) * _cosine(ahead, line)
    product *= _cosine(line, led)
    return product


def _line(geometry: Geometry) -> Points:
    """Return the vector from each agent's centroid to its target's, shape (space, ordered dyad, time)."""
    agent, target = geometry.ordered
    line: Points = geometry.centroid[:, target] - geometry.centroid[:, agent]
    return line


def _apart(geometry: Geometry) -> Points:
    """Return the length of that vector, shape (ordered dyad, time)."""
    return length_of(geometry.shared(_line))


def _agent_axis(geometry: Geometry) -> Points:
    """Return the body axis of each agent, shape (space, ordered dyad, time)."""
    axis: Points = geometry.axis[:, geometry.ordered[0]]
    return axis


def _distance(points: Points, first: np.ndarray, others: Points, second: np.ndarray) -> Points:
    return length_of(points[:, first] - others[:, second])


def _closest(points: Sequence[Points], first: np.ndarray, others: Sequence[Points], second: np.ndarray) -> Points:
    """Return the smallest distance between any of ``points`` of one animal and any of ``others`` of the other."""
    closest = np.full((first.size, points[0].shape[-1]), np.nan, dtype=np.float32)
    for point in points:
        for other in others:
            apart = point[:, first] - other[:, second]
            np.fmin(closest, dot(apart, apart), out=closest)
    return np.sqrt(closest, out=closest)


def _cosine(first: Points, second: Points) -> Points:
    """Return the cosine of the angle between two vectors, 0 beyond a right angle; NaN where one has no length."""
    cosine = quotient(dot(first, second), length_of(first) * length_of(second))
    return np.clip(cosine, np.float32(0), np.float32(1))
