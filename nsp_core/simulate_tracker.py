"""What a pose tracker makes of true keypoint positions: jitter, unsure points, dropouts and exchanged identities.

Every imperfection is drawn independently of the behavior, so that missing points carry no information about it. The
sizes are those seen in published multi-animal recordings: likelihoods near 1 with a tail, points lost for some tenths
of a second, identities that stay exchanged until the tracker exchanges them again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsp_core.errors import PoseError

__all__ = ["TrackerNoise", "track_points"]

UNSURE_SHARE = 0.01  # of the points found
UNSURE_SPREAD = 5.0  # times the usual jitter
HALF_SURE = 6.0  # error, in units of the jitter, at which the likelihood is one half
MEAN_DROPOUT_S = 0.2
MOST_DROPOUT = 0.8


@dataclass(frozen=True, slots=True)
class TrackerNoise:
    """How well the simulated tracker does.

    Attributes
    ----------
    dropout
        Expected share of missing points, 0 to 0.8; they are lost in runs of geometric length, 0.2 s on average.
    jitter_px
        Standard deviation of the error per axis in pixels; one point in a hundred is five times worse, with a lower
        likelihood.
    swap_rate
        Expected number per second of frames from which on the two identities are exchanged (back, the next time).

    Raises
    ------
    PoseError
        If a value is outside its range.
    """

    dropout: float = 0.05
    jitter_px: float = 1.0
    swap_rate: float = 0.0

    def __post_init__(self) -> None:
        highest = {"dropout": MOST_DROPOUT, "jitter_px": math.inf, "swap_rate": math.inf}
        for name, most in highest.items():
            value = getattr(self, name)
            if not (0 <= value <= most and math.isfinite(value)):
                raise PoseError(
                    found=f"{name} = {value}",
                    expected=f"a finite number from 0 to {most:g}",
                    where="simulated tracker",
                    remedy=f"choose {name} in that range",
                )


def track_points(
    position: NDArray[np.float64], *, noise: TrackerNoise, fps: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return tracked positions, likelihoods and the frames with exchanged identities.

    Parameters
    ----------
    position
        True positions (time, space, keypoint, individual) of two individuals in pixels.
    noise
        How well the tracker does.
    fps
        Frames per second.
    rng
        Source of all randomness.

    Returns
    -------
    Positions of the same shape and likelihoods (time, keypoint, individual) from 0 to 1, both NaN where a point is
    missing; and a mask (time,) that is True where each animal's points stand under the other's name.
    """
    n_frames, _, *points = position.shape
    spread = np.where(rng.random((n_frames, *points)) < UNSURE_SHARE, UNSURE_SPREAD, 1.0)
    error = spread[:, np.newaxis] * rng.normal(size=position.shape)
    likelihood = 1.0 / (1.0 + (np.hypot(error[:, 0], error[:, 1]) / HALF_SURE) ** 2)
    tracked = position + noise.jitter_px * error
    missing = _dropouts(n_frames, math.prod(points), noise.dropout, fps, rng).reshape(n_frames, *points)
    likelihood[missing] = np.nan
    tracked[np.broadcast_to(missing[:, np.newaxis], tracked.shape)] = np.nan
    swapped = np.cumsum(rng.random(n_frames) < noise.swap_rate / fps) % 2 == 1
    tracked[swapped] = tracked[swapped][..., ::-1]
    likelihood[swapped] = likelihood[swapped][..., ::-1]
    return tracked, likelihood, swapped


def _dropouts(n_frames: int, n_points: int, share: float, fps: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    missing = np.zeros((n_frames, n_points), dtype=bool)
    if share == 0:
        return missing
    # A mean run long enough that the mean run between two dropouts is at least one frame.
    mean_missing = max(1.0, MEAN_DROPOUT_S * fps, share / (1 - share))
    mean_present = mean_missing * (1 - share) / share
    for point in range(n_points):
        # Geometric runs have no memory: starting missing with probability ``share`` makes every frame alike.
        starts_missing = rng.random() < share
        means = (mean_missing, mean_present) if starts_missing else (mean_present, mean_missing)
        lengths = np.stack([rng.geometric(1 / mean, size=n_frames // 2 + 1) for mean in means], axis=1).ravel()
        edges = np.cumsum(lengths)
        run = np.searchsorted(edges, np.arange(n_frames), side="right")
        missing[:, point] = (run % 2 == 0) == starts_missing
    return missing
