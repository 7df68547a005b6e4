"""Points of one block of frames, and the few quantities that many features share.

Features are computed block by block. A block is small enough for the processor's cache, and every array in it is
float32, in pixels (y down), with *time as the last axis*, so that each operation runs along contiguous memory. Frames
beside the block that derivatives look at are its margin; outside the recording they are missing. Only elementwise
arithmetic, square roots and arc tangents are used: a frame's value does not depend on where its block begins, to the
bit.

Everything is computed on first use and kept: features that nobody asks for cost nothing, and a skeleton of 140
keypoints costs as much as its roles.

Missing points. A role point is the mean of those of its keypoints that are present, and the centroid the mean of the
core role points that are present. Both move towards what is seen when something is missing: the centroid by about a
quarter of the body length when nose or tail base is lost, and by half when only one of them is left. Positions keep
this bias. *Changes* over time do not: they compare only keypoints, and core points, seen at all times compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nsp_core.arena import Arena
from nsp_core.features.ellipse import BodyEllipse, scatter_ellipse
from nsp_core.features.vectors import Points, mean_of_all, mean_seen

__all__ = [
    "BETWEEN_ROLES",
    "BODY",
    "CENTROID",
    "CORE_ROLES",
    "DERIVATIVE_STEP_S",
    "Geometry",
    "Points",
]

CORE_ROLES = ("nose", "center", "tail_base")

# Not a role of the user's: the mean of the core roles there are. A feature that needs it needs any one of them.
CENTROID = "centroid"

# A role of many keypoints rather than one point: those that outline the body. All keypoints where it is not given.
BODY = "body"

# Between two roles in the name of a feature, as in point_length_nose_to_paw.
BETWEEN_ROLES = "_to_"

# Time step of all derivatives. Tracking jitter of sigma per axis adds speed noise of about sigma * sqrt(2) / step, so a
# step of one frame would make speed depend on the frame rate; longer steps blur what an animal does in one stride.
DERIVATIVE_STEP_S = 0.2

Dyads = tuple[NDArray[np.int64], NDArray[np.int64]]


# No slots: cached_property keeps its values in the instance dictionary. No comparison: arrays have none.
@dataclass(frozen=True, eq=False)
class Geometry:
    """Role points, centroid and body axis of every individual over one block of frames.

    Attributes
    ----------
    position
        Shape (time, space, keypoint, individual), pixels, NaN where missing: the block and as much of its margins as
        the recording has.
    confidence
        Shape (time, keypoint, individual), of the same frames.
    role_keypoints
        Indices of the keypoints of each role.
    fps
        Frames per second.
    n_frames
        Frames of the block itself.
    margin
        Frames on either side of the block that features may look at.
    missing_before
        How many frames of the margin in front lie before the recording.
    arena
        The arena in pixels, or None where it is not known.
    derivative_step_s
        Seconds between the two ends of a derivative.
    """

    position: NDArray[np.float32]
    confidence: NDArray[np.float32]
    role_keypoints: Mapping[str, tuple[int, ...]]
    fps: float
    n_frames: int
    margin: int = 0
    missing_before: int = 0
    arena: Arena | None = None
    derivative_step_s: float = DERIVATIVE_STEP_S

    @property
    def n_animals(self) -> int:
        """Number of individuals."""
        n_animals: int = self.position.shape[3]
        return n_animals

    def role(self, name: str) -> Points:
        """Return the point of a role, the mean of its keypoints present, shape (space, individual, time)."""
        if name not in self._points:
            (self._points[name],) = self.role_at(name, 0)
        return self._points[name]

    @property
    def nose(self) -> Points:
        """Nose, shape (space, individual, time)."""
        return self.role("nose")

    @property
    def center(self) -> Points:
        """Center of the body, shape (space, individual, time)."""
        return self.role("center")

    @property
    def tail_base(self) -> Points:
        """Base of the tail, shape (space, individual, time)."""
        return self.role("tail_base")

    @cached_property
    def axis(self) -> Points:
        """Vector from the base of the tail to the nose, shape (space, individual, time)."""
        return self.nose - self.tail_base

    @cached_property
    def core_points(self) -> tuple[Points, ...]:
        """Those of nose, center and tail base that have a role, each (space, individual, time)."""
        return tuple(self.role(role) for role in CORE_ROLES if role in self.role_keypoints)

    @cached_property
    def centroid(self) -> Points:
        """Mean of the core points present, shape (space, individual, time)."""
        return mean_seen(self.core_points)

    @cached_property
    def centroid_step(self) -> tuple[Points, Points]:
        """Centroids half a step before and after each frame, both of the core points seen at both times."""
        before, after = self.centroids(-self.half_step, self.half_step)
        return before, after

    @cached_property
    def velocity(self) -> Points:
        """Change of the centroid over the derivative step, pixels/s, shape (space, individual, time)."""
        before, after = self.centroid_step
        return (after - before) * self.per_step

    @cached_property
    def body_points(self) -> Points:
        """Keypoints of the role ``body``, or all, float32 (space, keypoint, individual, time)."""
        members = self.role_keypoints.get(BODY, tuple(range(self.position.shape[2])))
        return self.at(self._keypoints(members), 0)

    @cached_property
    def body_ellipse(self) -> BodyEllipse:
        """Ellipse in which the body points of each individual scatter."""
        return scatter_ellipse(self.body_points)

    @property
    def all_points(self) -> Points:
        """Every keypoint of the skeleton, float32 (space, keypoint, individual, time)."""
        return self.at(self._keypoints(tuple(range(self.position.shape[2]))), 0)

    @property
    def block_confidence(self) -> Points:
        """Confidence of every keypoint, float32 (keypoint, individual, time), of the block without its margins."""
        first = self.margin - self.missing_before
        block: Points = self.confidence[first : first + self.n_frames].transpose(1, 2, 0)
        return block

    @property
    def half_step(self) -> int:
        """Frames from the center of a derivative to either end, at least one."""
        return self.half_window(1)

    @property
    def per_step(self) -> float:
        """One over the seconds that pass between the two ends of a derivative."""
        return self.fps / (2 * self.half_step)

    @cached_property
    def unordered(self) -> Dyads:
        """First and second animal of every unordered dyad, as indices."""
        return np.triu_indices(self.n_animals, k=1)

    @cached_property
    def ordered(self) -> Dyads:
        """Agent and target of every ordered dyad, as indices."""
        agent, target = np.nonzero(~np.eye(self.n_animals, dtype=bool))
        return agent, target

    def half_window(self, n_steps: int) -> int:
        """Return the frames from the middle of ``n_steps`` derivative steps to either end, at least one."""
        return max(round(self.fps * self.derivative_step_s * n_steps / 2), 1)

    def at(self, padded: Points, shift: int) -> Points:
        """Return the block's frames of an array that has margins, moved by ``shift`` frames into the future."""
        first = self.margin + shift
        return padded[..., first : first + self.n_frames]

    def role_at(self, name: str, *shifts: int) -> list[Points]:
        """Return the point of a role so many frames after each frame, (space, individual, time) for each shift.

        Of a role of several keypoints, the mean of those seen at all of these times: one that comes or goes in between
        is not taken for motion.
        """
        keypoints = self._keypoints_of(name)
        return _means_throughout(
            [[self.at(keypoints[:, index], shift) for shift in shifts] for index in range(keypoints.shape[1])]
        )

    def centroids(self, *shifts: int) -> list[Points]:
        """Return the centroid so many frames after each frame, of the core points seen at all of these times."""
        return _means_throughout([self.role_at(role, *shifts) for role in CORE_ROLES if role in self.role_keypoints])

    def shared(self, compute: Callable[[Geometry], Points]) -> Points:
        """Return ``compute`` of this block, computed once however many features need it."""
        if compute not in self._results:
            self._results[compute] = compute(self)
        return self._results[compute]

    @cached_property
    def _results(self) -> dict[Callable[[Geometry], Points], Points]:
        return {}

    @cached_property
    def _points(self) -> dict[str, Points]:
        return {}

    @cached_property
    def _padded(self) -> dict[str, Points]:
        return {}

    def _keypoints_of(self, role: str) -> Points:
        """Return the keypoints of a role with margins, shape (space, keypoint, individual, time)."""
        if role not in self._padded:
            self._padded[role] = self._keypoints(self.role_keypoints[role])
        return self._padded[role]

    def _keypoints(self, members: Sequence[int]) -> Points:
        """Return keypoints with margins, float32 (space, keypoint, individual, time), NaN where x or y is missing."""
        n_spanned = self.n_frames + 2 * self.margin
        points = np.empty((2, len(members), self.n_animals, n_spanned), dtype=np.float32)
        first, last = self.missing_before, self.missing_before + len(self.position)
        points[..., :first] = np.nan
        points[..., last:] = np.nan
        for index, keypoint in enumerate(members):
            points[:, index, :, first:last] = self.position[:, :, keypoint].transpose(1, 2, 0)
        # What is missing or infinite in one coordinate is missing in both.
        with np.errstate(invalid="ignore"):
            points += (points[0] + points[1]) * np.float32(0)
        return points


def _means_throughout(points: Sequence[Sequence[Points]]) -> list[Points]:
    """Return, for each time, the mean of those of ``points`` (point, time) that are seen at all of the times."""
    if len(points) == 1:
        return list(points[0])
    means = [mean_of_all(of_time) for of_time in zip(*points, strict=True)]
    if not any(np.isnan(mean[0]).any() for mean in means):
        return means
    totals = [np.zeros_like(mean) for mean in means]
    count = np.zeros(totals[0].shape[1:], dtype=np.float32)
    for point in points:
        seen = ~np.isnan(point[0][0])
        for at_time in point[1:]:
            seen &= ~np.isnan(at_time[0])
        count += seen
        for total, at_time in zip(totals, point, strict=True):
            total += np.where(seen, at_time, np.float32(0))
    with np.errstate(invalid="ignore"):  # no point seen throughout: 0 / 0 is the missing value
        return [total / count for total in totals]
