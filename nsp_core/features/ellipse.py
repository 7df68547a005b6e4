"""The ellipse in which the keypoints of a body scatter.

Its semi-axes are twice the standard deviations of the keypoints along their principal directions; an ellipse filled
evenly with points has exactly these. It needs three keypoints that are not on one line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsp_core.features.vectors import Points, mean_seen

__all__ = ["GREATEST_ELONGATION", "BodyEllipse", "scatter_ellipse"]

FEWEST_KEYPOINTS = 3

GREATEST_ELONGATION = 100.0
"""Longer than this over its width, the scatter is a line and no ellipse."""


@dataclass(frozen=True, slots=True, eq=False)
class BodyEllipse:
    """Center and covariance of the keypoints, in pixels, float32; the covariance is NaN where there is no ellipse.

    Attributes
    ----------
    x, y
        Mean position, shape (individual, time).
    xx, yy, xy
        Covariance with the number of keypoints as divisor, shape (individual, time).
    """

    x: Points
    y: Points
    xx: Points
    yy: Points
    xy: Points

    @property
    def determinant(self) -> Points:
        """Product of the variances along the principal directions."""
        determinant: Points = self.xx * self.yy - self.xy**2
        return determinant

    @property
    def larger_variance(self) -> Points:
        """Variance along the longer axis."""
        half = np.float32(0.5)
        spread = np.sqrt(((self.xx - self.yy) * half) ** 2 + self.xy**2)
        larger: Points = (self.xx + self.yy) * half + spread
        return larger

    @property
    def smaller_variance(self) -> Points:
        """Variance along the shorter axis: from the determinant, not as a difference of nearly equal numbers."""
        smaller: Points = self.determinant / self.larger_variance
        return smaller

    def of(self, individuals: NDArray[np.int64]) -> BodyEllipse:
        """Return the ellipses of these individuals, by index."""
        return BodyEllipse(*(values[individuals] for values in (self.x, self.y, self.xx, self.yy, self.xy)))


def scatter_ellipse(points: Points) -> BodyEllipse:
    """Return the ellipses of ``points`` (space, keypoint, individual, time).

    Some of them may be missing: NaN in both x and y.
    """
    keypoints = [points[:, index] for index in range(points.shape[1])]
    center = mean_seen(keypoints)
    count = np.zeros(center.shape[1:], dtype=np.float32)
    xx, yy, xy = np.zeros_like(count), np.zeros_like(count), np.zeros_like(count)
    for keypoint in keypoints:
        # Differences first: squares of pixel positions would lose what distinguishes the keypoints.
        x, y = keypoint - center
        seen = ~np.isnan(x)
        if not seen.all():
            x[~seen] = y[~seen] = 0
        count += seen
        xx += x * x
        yy += y * y
        xy += x * y
    with np.errstate(divide="ignore", invalid="ignore"):
        scatter = BodyEllipse(center[0], center[1], xx / count, yy / count, xy / count)
        thinnest = (scatter.larger_variance / np.float32(GREATEST_ELONGATION)) ** 2
        is_line = ~((count >= FEWEST_KEYPOINTS) & (scatter.determinant > thinnest))
    for values in (scatter.xx, scatter.yy, scatter.xy):
        values[is_line] = np.nan
    return scatter
