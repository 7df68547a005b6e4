"""Where an individual is, and how it moves and turns: centered differences over a fixed step in seconds.

The half step is a whole number of frames and the divisor the time that really passes, so values do not depend on the
frame rate. A frame whose step leaves the recording, or meets a missing point, is NaN. Results are in pixels, radians
and seconds, of shape (individual, time).

Tracking jitter of sigma per axis and point adds noise of sigma * sqrt(2) / step to each component of a velocity,
sigma * sqrt(6) / (step / 2)^2 to an acceleration and sigma * sqrt(10) / (2 * (step / 2)^3) to a jerk: the higher the
derivative, the more of it is noise. The centroid of n such points has 1 / sqrt(n) of it.
"""

from __future__ import annotations

import numpy as np

from nsp_core.features.geometry import Geometry
from nsp_core.features.vectors import Points, angle_between, cross, dot, length_of, quotient, signed_angle

__all__ = [
    "DISPLACEMENT_STEPS",
    "acceleration",
    "centroid_x",
    "centroid_y",
    "displacement",
    "forward_speed",
    "heading",
    "jerk",
    "nose_speed",
    "path_curvature",
    "point_speed",
    "sideways_speed",
    "speed",
    "speed_change",
    "tail_base_speed",
    "turning_rate",
    "turning_speed",
]

DISPLACEMENT_STEPS = 5
"""Derivative steps over which a displacement is measured: one second."""


def speed(geometry: Geometry) -> Points:
    """Return the speed of the centroid, of the core points seen at both ends of the step."""
    return length_of(geometry.velocity)


def nose_speed(geometry: Geometry) -> Points:
    """Return the speed of the nose."""
    return _role_speed(geometry, "nose")


def tail_base_speed(geometry: Geometry) -> Points:
    """Return the speed of the base of the tail."""
    return _role_speed(geometry, "tail_base")


def acceleration(geometry: Geometry) -> Points:
    """Return the size of the centroid's acceleration, whatever its direction."""
    return length_of(_velocity_and_acceleration(geometry)[1])


def speed_change(geometry: Geometry) -> Points:
    """Return the part of the acceleration along the motion: how fast the speed grows; NaN where nothing moves."""
    velocity, change = _velocity_and_acceleration(geometry)
    return quotient(dot(change, velocity), length_of(velocity))


def jerk(geometry: Geometry) -> Points:
    """Return the size of the rate at which the centroid's acceleration changes."""
    half = geometry.half_step
    first, second, third, fourth = geometry.centroids(-2 * half, -half, half, 2 * half)
    third_difference = (fourth - first) - 2 * (third - second)
    return length_of(third_difference) * (geometry.fps**3 / (2 * half**3))


def turning_speed(geometry: Geometry) -> Points:
    """Return how fast the body axis turns, either way.

    A turn of more than pi per step is ambiguous, and the shorter way round is taken.
    """
    return angle_between(*_axis_step(geometry)) * geometry.per_step


def turning_rate(geometry: Geometry) -> Points:
    """Return how fast the body axis turns, positive clockwise on screen; a mirrored camera changes the sign."""
    return signed_angle(*_axis_step(geometry)) * geometry.per_step


def point_speed(geometry: Geometry, role: str) -> Points:
    """Return the speed of the point of a role."""
    return _role_speed(geometry, role)


def forward_speed(geometry: Geometry) -> Points:
    """Return the part of the centroid's velocity along the body axis, negative while backing up."""
    return quotient(dot(geometry.velocity, geometry.axis), length_of(geometry.axis))


def sideways_speed(geometry: Geometry) -> Points:
    """Return the part of the centroid's velocity across the body axis, to either side."""
    return quotient(np.abs(cross(geometry.axis, geometry.velocity)), length_of(geometry.axis))


def path_curvature(geometry: Geometry) -> Points:
    """Return how sharply the centroid's path bends, rad/length: one over the radius; NaN where nothing moves."""
    velocity, change = _velocity_and_acceleration(geometry)
    moved = length_of(velocity)
    return quotient(np.abs(cross(velocity, change)), moved * moved * moved)


def displacement(geometry: Geometry) -> Points:
    """Return how far apart the centroid is half a second before and half a second after each frame."""
    half = geometry.half_window(DISPLACEMENT_STEPS)
    before, after = geometry.centroids(-half, half)
    return length_of(after - before)


def heading(geometry: Geometry) -> Points:
    """Return the direction of the body axis in the image, rad in (-pi, pi]: 0 is right, pi/2 is down; circular."""
    right = np.zeros_like(geometry.axis)
    right[0] = 1
    return signed_angle(right, geometry.axis)


def centroid_x(geometry: Geometry) -> Points:
    """Return how far to the right of the image's left edge the centroid is, of the core points there are."""
    x: Points = geometry.centroid[0]
    return x


def centroid_y(geometry: Geometry) -> Points:
    """Return how far below the image's upper edge the centroid is, of the core points there are."""
    y: Points = geometry.centroid[1]
    return y


def _role_speed(geometry: Geometry, role: str) -> Points:
    before, after = geometry.role_at(role, -geometry.half_step, geometry.half_step)
    return length_of(after - before) * geometry.per_step


def _axis_step(geometry: Geometry) -> tuple[Points, Points]:
    shifts = (-geometry.half_step, geometry.half_step)
    noses, tail_bases = (geometry.role_at(role, *shifts) for role in ("nose", "tail_base"))
    return noses[0] - tail_bases[0], noses[1] - tail_bases[1]


def _velocity_and_acceleration(geometry: Geometry) -> tuple[Points, Points]:
    """Return both over the derivative step, (space, individual, time), of the core points seen at all three times."""
    half = geometry.half_step
    before, now, after = geometry.centroids(-half, 0, half)
    velocity = (after - before) * np.float32(geometry.per_step)
    return velocity, ((after - now) - (now - before)) * np.float32((geometry.fps / half) ** 2)
