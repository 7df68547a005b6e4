"""The shape of a single body: lengths, angles, and the ellipse its keypoints scatter in.

Results are in pixels and radians, of shape (individual, time).

The body ellipse (:mod:`nsp_core.features.ellipse`) belongs to the role ``body``, or to all keypoints where that role is
not given: keypoints such as a tail tip change it, so compare it within one skeleton only. Where there is no ellipse,
its features are NaN, never 0.
"""

from __future__ import annotations

import numpy as np

from nsp_core.features.geometry import BETWEEN_ROLES, Geometry
from nsp_core.features.vectors import Points, angle_between, length_of, quotient

__all__ = [
    "bend",
    "body_length",
    "ellipse_area",
    "ellipse_major",
    "ellipse_minor",
    "elongation",
    "front_length",
    "head_body_angle",
    "head_width",
    "hip_width",
    "hunching",
    "left_neck_angle",
    "point_length",
    "rear_length",
    "right_neck_angle",
    "tail_bend",
]


def body_length(geometry: Geometry) -> Points:
    """Return the distance from nose to base of the tail."""
    return length_of(geometry.axis)


def front_length(geometry: Geometry) -> Points:
    """Return the distance from nose to center."""
    return length_of(geometry.nose - geometry.center)


def rear_length(geometry: Geometry) -> Points:
    """Return the distance from center to base of the tail."""
    return length_of(geometry.center - geometry.tail_base)


def head_width(geometry: Geometry) -> Points:
    """Return the distance between the ears."""
    return length_of(geometry.role("left_ear") - geometry.role("right_ear"))


def hip_width(geometry: Geometry) -> Points:
    """Return the distance between the hips."""
    return length_of(geometry.role("left_hip") - geometry.role("right_hip"))


def hunching(geometry: Geometry) -> Points:
    """Return how much shorter the body is than the way along it, from 0 (straight) to 1 (nose at the tail).

    NaN for a body without length.
    """
    along = geometry.shared(front_length) + geometry.shared(rear_length)
    return np.maximum(1 - quotient(geometry.shared(body_length), along), np.float32(0))


def bend(geometry: Geometry) -> Points:
    """Return how far the body bends at its center, from 0 (straight) to pi."""
    return angle_between(geometry.nose - geometry.center, geometry.center - geometry.tail_base)


def head_body_angle(geometry: Geometry) -> Points:
    """Return how far the head is turned from the body at the neck, from 0 (straight) to pi."""
    neck = geometry.role("neck")
    return angle_between(geometry.nose - neck, neck - geometry.tail_base)


def left_neck_angle(geometry: Geometry) -> Points:
    """Return the angle at the neck between left ear and left hip, from 0 to pi."""
    return _neck_angle(geometry, "left_ear", "left_hip")


def right_neck_angle(geometry: Geometry) -> Points:
    """Return the angle at the neck between right ear and right hip, from 0 to pi."""
    return _neck_angle(geometry, "right_ear", "right_hip")


def tail_bend(geometry: Geometry) -> Points:
    """Return how far the tail is bent away from the body at its base, from 0 (straight behind) to pi."""
    return angle_between(geometry.center - geometry.tail_base, geometry.tail_base - geometry.role("tail_tip"))


def point_length(geometry: Geometry, roles: str) -> Points:
    """Return the distance between the points of two roles, given as ``nose_to_paw``."""
    first, second = map(geometry.role, roles.split(BETWEEN_ROLES))
    return length_of(first - second)


def elongation(geometry: Geometry) -> Points:
    """Return the longer over the shorter axis of the body ellipse, at least 1."""
    ellipse = geometry.body_ellipse
    ratio: Points = np.sqrt(ellipse.larger_variance / ellipse.smaller_variance)
    return np.maximum(ratio, np.float32(1), out=ratio)


def ellipse_major(geometry: Geometry) -> Points:
    """Return the length of the longer axis of the body ellipse."""
    return np.float32(4) * np.sqrt(geometry.body_ellipse.larger_variance)


def ellipse_minor(geometry: Geometry) -> Points:
    """Return the length of the shorter axis of the body ellipse."""
    return np.float32(4) * np.sqrt(geometry.body_ellipse.smaller_variance)


def ellipse_area(geometry: Geometry) -> Points:
    """Return the area of the body ellipse, pixels squared."""
    return np.float32(4 * np.pi) * np.sqrt(geometry.body_ellipse.determinant)


def _neck_angle(geometry: Geometry, ear: str, hip: str) -> Points:
    neck = geometry.role("neck")
    return angle_between(geometry.role(ear) - neck, geometry.role(hip) - neck)
