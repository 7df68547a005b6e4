"""Distance, orientation and approach of two individuals.

Symmetric features have one column per unordered dyad, the others one per ordered dyad, in the order of
``Geometry.unordered`` and ``Geometry.ordered``. The first animal of an ordered dyad is the agent, the second is the
target.
"""

from __future__ import annotations

import numpy as np

from nsp_core.features.geometry import Geometry, Points, angle_between, length_of

__all__ = [
    "approach_speed",
    "centroid_distance",
    "closest_distance",
    "distance_change",
    "facing_angle",
    "nose_to_body",
    "nose_to_nose",
    "nose_to_tail_base",
    "relative_orientation",
]


def centroid_distance(geometry: Geometry) -> Points:
    """Return the distance of the two centroids, length, shape (time, unordered dyad)."""
    first, second = geometry.unordered
    return length_of(geometry.centroid[..., first] - geometry.centroid[..., second])


def nose_to_nose(geometry: Geometry) -> Points:
    """Return the distance of the two noses, length, shape (time, unordered dyad)."""
    first, second = geometry.unordered
    return length_of(geometry.nose[..., first] - geometry.nose[..., second])


def closest_distance(geometry: Geometry) -> Points:
    """Return the smallest distance between any core point of one and of the other, length, (time, unordered dyad).

    Over the points present, so too large where the closest one is missing.
    """
    first, second = geometry.unordered
    points = geometry.core_points
    closest = np.full((points.shape[0], first.size), np.nan)
    for one in range(points.shape[2]):
        for other in range(points.shape[2]):
            distance = length_of(points[:, :, one, first] - points[:, :, other, second])
            closest = np.fmin(closest, distance)
    return closest


def relative_orientation(geometry: Geometry) -> Points:
    """Return the angle between the two body axes, rad from 0 (same way) to pi (opposite), (time, unordered dyad)."""
    first, second = geometry.unordered
    return angle_between(geometry.axis[..., first], geometry.axis[..., second])


def distance_change(geometry: Geometry) -> Points:
    """Return how fast the centroid distance changes, length/s, negative while approaching, (time, unordered dyad)."""
    first, second = geometry.unordered
    before, after = (length_of(centroid[..., first] - centroid[..., second]) for centroid in geometry.centroid_step)
    return (after - before) / geometry.step_s


def nose_to_tail_base(geometry: Geometry) -> Points:
    """Return the distance from the agent's nose to the base of the target's tail, length, (time, ordered dyad)."""
    agent, target = geometry.ordered
    return length_of(geometry.nose[..., agent] - geometry.tail_base[..., target])


def nose_to_body(geometry: Geometry) -> Points:
    """Return the distance from the agent's nose to the target's centroid, length, (time, ordered dyad)."""
    agent, target = geometry.ordered
    return length_of(geometry.nose[..., agent] - geometry.centroid[..., target])


def facing_angle(geometry: Geometry) -> Points:
    """Return the angle from the agent's body axis to the line towards the target, rad in [0, pi], (time, ordered dyad).

    The line joins the two centroids: 0 is facing the target, pi is facing away.
    """
    agent, target = geometry.ordered
    return angle_between(geometry.axis[..., agent], geometry.centroid[..., target] - geometry.centroid[..., agent])


def approach_speed(geometry: Geometry) -> Points:
    """Return the part of the agent's centroid velocity that points to the target, length/s, (time, ordered dyad).

    Negative while moving away. NaN where the two centroids coincide.
    """
    agent, target = geometry.ordered
    before, after = geometry.centroid_step
    velocity = (after - before)[..., agent] / geometry.step_s
    line = geometry.centroid[..., target] - geometry.centroid[..., agent]
    distance = length_of(line)
    along: Points = np.sum(velocity * line, axis=1)
    return np.divide(along, distance, out=np.full_like(along, np.nan), where=distance > 0)
