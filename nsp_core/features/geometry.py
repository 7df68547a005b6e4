"""Points of one recording in the length unit of its features, and the few quantities that many features share.

Everything is computed on first use and kept: features that nobody asks for cost nothing, and a skeleton of 140
keypoints costs as much as its roles. Image coordinates throughout (y down); no feature depends on the sense of
rotation.

Missing points. A role point is the mean of those of its keypoints that are present, and the centroid the mean of the
core role points that are present. Both move towards what is seen when something is missing: the centroid by about a
quarter of the body length when nose or tail base is lost, and by half when only one of them is left. Positions keep
this bias. *Changes* of the centroid over time do not: they compare only core points seen at both ends of the time step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CENTROID",
    "CORE_ROLES",
    "DERIVATIVE_STEP_S",
    "Geometry",
    "Points",
    "angle_between",
    "length_of",
    "mean_seen",
]

CORE_ROLES = ("nose", "center", "tail_base")

# Not a role of the user's: the mean of the core roles there are. A feature that needs it needs any one of them.
CENTROID = "centroid"

# Time step of all derivatives. Tracking jitter of sigma per axis adds speed noise of about sigma * sqrt(2) / step, so a
# step of one frame would make speed depend on the frame rate; longer steps blur what an animal does in one stride.
DERIVATIVE_STEP_S = 0.2

Points = NDArray[np.float64]
Dyads = tuple[NDArray[np.int64], NDArray[np.int64]]


# No slots: cached_property keeps its values in the instance dictionary. No comparison: arrays have none.
@dataclass(frozen=True, eq=False)
class Geometry:
    """Role points, centroid and body axis of every individual.

    Attributes
    ----------
    position
        Shape (time, space, keypoint, individual), pixels, NaN where missing.
    role_keypoints
        Indices of the keypoints of each role.
    fps
        Frames per second.
    length_per_px
        What one pixel is in the wanted unit of length.
    """

    position: NDArray[np.float32]
    role_keypoints: Mapping[str, tuple[int, ...]]
    fps: float
    length_per_px: float = 1.0

    @cached_property
    def nose(self) -> Points:
        """Nose, shape (time, space, individual)."""
        return self._role_point("nose")

    @cached_property
    def center(self) -> Points:
        """Center of the body, shape (time, space, individual)."""
        return self._role_point("center")

    @cached_property
    def tail_base(self) -> Points:
        """Base of the tail, shape (time, space, individual)."""
        return self._role_point("tail_base")

    @cached_property
    def core_points(self) -> Points:
        """Those of nose, center and tail base that have a role, shape (time, space, role, individual)."""
        return np.stack([getattr(self, role) for role in CORE_ROLES if role in self.role_keypoints], axis=2)

    @cached_property
    def centroid(self) -> Points:
        """Mean of the core points present, shape (time, space, individual)."""
        return mean_seen(self.core_points, axis=2)

    @cached_property
    def axis(self) -> Points:
        """Vector from the base of the tail to the nose, shape (time, space, individual)."""
        return self.nose - self.tail_base

    @cached_property
    def centroid_step(self) -> tuple[Points, Points]:
        """Centroids half a step before and after each frame, both of the core points seen at both times."""
        before, after = self.step(self.core_points)
        missing = np.isnan(before) | np.isnan(after)
        return (
            mean_seen(np.where(missing, np.nan, before), axis=2),
            mean_seen(np.where(missing, np.nan, after), axis=2),
        )

    @property
    def half_step_frames(self) -> int:
        """Frames from the center of a derivative to either end, at least one."""
        return max(round(self.fps * DERIVATIVE_STEP_S / 2), 1)

    @property
    def step_s(self) -> float:
        """Seconds that pass between the two ends of a derivative."""
        return 2 * self.half_step_frames / self.fps

    @property
    def unordered(self) -> Dyads:
        """First and second animal of every unordered dyad, as indices."""
        return np.triu_indices(self.position.shape[3], k=1)

    @property
    def ordered(self) -> Dyads:
        """Agent and target of every ordered dyad, as indices."""
        agent, target = np.nonzero(~np.eye(self.position.shape[3], dtype=bool))
        return agent, target

    def step(self, values: Points) -> tuple[Points, Points]:
        """Return ``values`` (time, ...) half a derivative step before and after each frame, NaN beyond the ends."""
        half = self.half_step_frames
        before, after = np.full_like(values, np.nan), np.full_like(values, np.nan)
        before[half:] = values[:-half]
        after[:-half] = values[half:]
        return before, after

    def _role_point(self, role: str) -> Points:
        keypoints = self.position[:, :, list(self.role_keypoints[role])].astype(np.float64)
        missing = np.isnan(keypoints).any(axis=1, keepdims=True)
        return mean_seen(np.where(missing, np.nan, keypoints), axis=2) * self.length_per_px


def mean_seen(values: Points, axis: int) -> Points:
    """Return the mean along ``axis`` of what is not NaN; NaN where nothing is left.

    Examples
    --------
    >>> mean_seen(np.array([[1.0, np.nan, 3.0], [np.nan] * 3]), axis=1).tolist()
    [2.0, nan]
    """
    seen = ~np.isnan(values)
    count = seen.sum(axis=axis)
    total = np.where(seen, values, 0.0).sum(axis=axis)
    mean: Points = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean


def length_of(vectors: Points) -> Points:
    """Return the Euclidean length of ``vectors`` (time, space, ...), shape (time, ...)."""
    length: Points = np.hypot(vectors[:, 0], vectors[:, 1])
    return length


def angle_between(first: Points, second: Points) -> Points:
    """Return the unsigned angle between vectors (time, space, ...), rad in [0, pi]; NaN where one has no length.

    The arc tangent of cross and dot product is exact near 0 and pi, where an arc cosine is not, and never wraps.

    Examples
    --------
    >>> angle_between(np.array([[1.0, 0.0]]), np.array([[-2.0, 0.0]])).tolist()
    [3.141592653589793]
    """
    cross = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    dot = first[:, 0] * second[:, 0] + first[:, 1] * second[:, 1]
    angle: Points = np.where((cross == 0) & (dot == 0), np.nan, np.arctan2(np.abs(cross), dot))
    return angle
