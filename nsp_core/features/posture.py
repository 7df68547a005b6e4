"""The shape of a single body: its length, elongation and bend."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsp_core.features.geometry import Geometry, Points, angle_between, length_of, mean_seen

__all__ = ["GREATEST_ELONGATION", "bend", "body_length", "elongation"]

FEWEST_KEYPOINTS = 3
GREATEST_ELONGATION = 100.0


def body_length(geometry: Geometry) -> Points:
    """Return the distance from nose to base of the tail, length, shape (time, individual)."""
    return length_of(geometry.axis)


def elongation(geometry: Geometry) -> Points:
    """Return major over minor axis of the ellipse that all keypoints of an animal scatter in, shape (time, individual).

    At least 1, cut at :data:`GREATEST_ELONGATION` (points on a line). NaN with fewer than three keypoints, or all of
    them in one place. Keypoints such as a tail tip change the value: compare it within one skeleton only.
    """
    position = geometry.position.astype(np.float64)
    seen: NDArray[np.bool_] = np.all(np.isfinite(position), axis=1)
    position = np.where(seen[:, np.newaxis], position, np.nan)
    x, y = np.moveaxis(position - mean_seen(position, axis=2)[:, :, np.newaxis], 1, 0)
    xx, yy, xy = (mean_seen(product, axis=1) for product in (x * x, y * y, x * y))
    # Eigenvalues of the 2 x 2 covariance; their product is the determinant, which gives the ratio without a difference.
    major = (xx + yy) / 2 + np.hypot((xx - yy) / 2, xy)
    determinant = np.maximum(xx * yy - xy**2, 0.0)
    measurable = (seen.sum(axis=1) >= FEWEST_KEYPOINTS) & (major > 0)
    smallest = (major / GREATEST_ELONGATION) ** 2
    ratio = major / np.sqrt(np.maximum(determinant, smallest), where=measurable, out=np.ones_like(major))
    return np.where(measurable, np.maximum(ratio, 1.0), np.nan)


def bend(geometry: Geometry) -> Points:
    """Return how far the body bends at its center, rad from 0 (straight) to pi, shape (time, individual)."""
    return angle_between(geometry.nose - geometry.center, geometry.center - geometry.tail_base)
