"""Arithmetic of points in the plane, float32: shape (space, ...) with x and y on the first axis.

Elementwise only, so that a frame's value does not depend on the frames around it, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Points",
    "angle_between",
    "cross",
    "dot",
    "length_of",
    "mean_of_all",
    "mean_seen",
    "quotient",
    "signed_angle",
]

Points = NDArray[np.float32]


def mean_seen(points: Sequence[Points]) -> Points:
    """Return the mean of those arrays that are not NaN, element by element; NaN where all are.

    Examples
    --------
    >>> mean_seen([np.float32([1, 4]), np.float32([3, np.nan])]).tolist()
    [2.0, 4.0]
    """
    mean = mean_of_all(points)
    if not np.isnan(mean).any():
        return mean
    total, count = np.zeros_like(mean), np.zeros_like(mean)
    for point in points:
        seen = ~np.isnan(point)
        total += np.where(seen, point, np.float32(0))
        count += seen
    with np.errstate(invalid="ignore"):  # nothing seen: 0 / 0 is the missing value
        return total / count


def length_of(vectors: Points) -> Points:
    """Return the Euclidean length of ``vectors`` (space, ...), shape (...)."""
    length: Points = np.sqrt(dot(vectors, vectors))
    return length


def dot(first: Points, second: Points) -> Points:
    """Return the inner product of vectors (space, ...), shape (...)."""
    product: Points = first[0] * second[0] + first[1] * second[1]
    return product


def cross(first: Points, second: Points) -> Points:
    """Return the outer product of vectors (space, ...), shape (...): positive where second lies clockwise on screen."""
    product: Points = first[0] * second[1] - first[1] * second[0]
    return product


def signed_angle(first: Points, second: Points) -> Points:
    """Return the angle from ``first`` to ``second``, rad in (-pi, pi], clockwise on screen; NaN without a direction.

    The arc tangent of cross and dot product is exact near 0 and pi, where an arc cosine is not, and never wraps.
    """
    # Adding zero turns -0 into 0, so that half a turn is pi and never -pi.
    sine, cosine = cross(first, second) + np.float32(0), dot(first, second)
    angle: Points = np.arctan2(sine, cosine)
    angle[(sine == 0) & (cosine == 0)] = np.nan
    return angle


def angle_between(first: Points, second: Points) -> Points:
    """Return the unsigned angle between vectors (space, ...), rad in [0, pi]; NaN where one has no length.

    Examples
    --------
    >>> angle_between(np.float32([[1], [0]]), np.float32([[-2], [0]])).round(4).tolist()
    [3.1415998935699463]
    """
    return np.abs(signed_angle(first, second))


def mean_of_all(points: Sequence[Points]) -> Points:
    """Return the mean, NaN where any is: summed in the order of a mean of those seen, so equal to it to the bit."""
    total: Points = points[0] + np.float32(0)  # as there, where -0 is added to 0
    for point in points[1:]:
        total += point
    total /= np.float32(len(points))
    return total


def quotient(numerator: Points, denominator: Points) -> Points:
    """Return the quotient, NaN where the denominator is not above zero.

    Examples
    --------
    >>> quotient(np.float32([6, 1]), np.float32([3, 0])).tolist()
    [2.0, nan]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Points = numerator / denominator
    undefined = ~(denominator > 0)
    if undefined.any():
        result[undefined] = np.nan
    return result
