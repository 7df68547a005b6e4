"""How fast an individual moves and turns: centered differences over a fixed step in seconds.

The half step is a whole number of frames and the divisor the time that really passes, so speeds do not depend on the
frame rate. A frame whose step leaves the recording, or meets a missing point at either end, is NaN.
"""

from __future__ import annotations

from nsp_core.features.geometry import Geometry, Points, angle_between, length_of

__all__ = ["nose_speed", "speed", "turning_speed"]


def speed(geometry: Geometry) -> Points:
    """Return the speed of the centroid, length/s, shape (time, individual).

    Only core points seen at both ends of the step count: a keypoint that comes or goes is not taken for motion.
    """
    before, after = geometry.centroid_step
    return length_of(after - before) / geometry.step_s


def nose_speed(geometry: Geometry) -> Points:
    """Return the speed of the nose, length/s, shape (time, individual)."""
    before, after = geometry.step(geometry.nose)
    return length_of(after - before) / geometry.step_s


def turning_speed(geometry: Geometry) -> Points:
    """Return how fast the body axis turns, rad/s, shape (time, individual).

    The sense of rotation is left out: it changes with the camera's side. A turn of more than pi per step is ambiguous,
    and the shorter way round is taken.
    """
    before, after = geometry.step(geometry.axis)
    return angle_between(before, after) / geometry.step_s
