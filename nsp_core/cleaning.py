"""Pose cleaning before features, and what is left to use: masked points, filled gaps, a quality table.

Cleaning only ever removes points or fills gaps between two seen points of the same keypoint and individual. It never
extrapolates, smooths or exchanges identities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from nsp_core.errors import PoseError, StudyError

__all__ = ["Cleaning", "clean_poses", "pose_quality", "require_usable", "share_all_seen"]

_NUMBERS = {1: "one", 2: "two"}


@dataclass(frozen=True, slots=True)
class Cleaning:
    """Which points are dropped and which gaps are filled.

    Attributes
    ----------
    min_confidence
        Points below it are dropped, on the tracker's own scale. None keeps every point.
    max_gap_s
        Gaps up to this many seconds, rounded to whole frames, are filled linearly. Zero fills none.
    """

    min_confidence: float | None = None
    max_gap_s: float = 0.5

    def __post_init__(self) -> None:
        if self.min_confidence is not None and not np.isfinite(self.min_confidence):
            raise _impossible(
                f"min_confidence = {self.min_confidence}", "a finite number on the tracker's scale, or none"
            )
        if not 0 <= self.max_gap_s < np.inf:
            raise _impossible(f"max_gap_s = {self.max_gap_s}", "a duration of 0 s or more")


def clean_poses(poses: xr.Dataset, cleaning: Cleaning) -> xr.Dataset:
    """Return ``poses`` without unsure points and with short gaps filled by straight lines.

    Parameters
    ----------
    poses
        A pose dataset (see :mod:`nsp_core.poses`).
    cleaning
        What to drop and fill.

    Returns
    -------
    Same schema. A dropped or filled point has confidence NaN, for the tracker vouches for neither. The attributes
    ``cleaning_min_confidence`` (absent where no threshold was given) and ``cleaning_max_gap_s`` tell what was done.

    Notes
    -----
    A point counts as missing when either coordinate is. A point without confidence is kept. Gaps at the start and end
    of the recording stay.
    """
    position = poses["position"].values.copy()
    confidence = poses["confidence"].values.copy()
    seen = _seen(position)
    if cleaning.min_confidence is not None:
        seen &= ~(confidence < cleaning.min_confidence)
    confidence[~seen] = np.nan
    np.copyto(position, np.nan, where=~seen[:, np.newaxis])
    _fill_gaps(position, seen, round(cleaning.max_gap_s * float(poses.attrs["fps"])))
    attrs = {**poses.attrs, "cleaning_max_gap_s": float(cleaning.max_gap_s)}
    attrs.pop("cleaning_min_confidence", None)
    if cleaning.min_confidence is not None:
        attrs["cleaning_min_confidence"] = float(cleaning.min_confidence)
    cleaned = poses.assign(
        position=poses["position"].copy(data=position), confidence=poses["confidence"].copy(data=confidence)
    )
    cleaned.attrs = attrs
    return cleaned


def pose_quality(poses: xr.Dataset) -> pd.DataFrame:
    """Return how much of every keypoint is missing.

    Returns
    -------
    One row per individual and keypoint, in the order of ``poses``: ``individual``, ``keypoint``, ``share_missing`` in
    [0, 1] and ``longest_gap_s``, the longest run of missing frames in seconds, the recording's ends included.
    """
    missing = ~_seen(poses["position"].values)
    frame = np.arange(missing.shape[0])[:, np.newaxis, np.newaxis]
    last_seen = np.maximum.accumulate(np.where(missing, -1, frame), axis=0)
    longest = (frame - last_seen).max(axis=0, initial=0)
    share = missing.sum(axis=0) / max(missing.shape[0], 1)
    rows = [
        (str(individual), str(keypoint), float(share[k, i]), float(longest[k, i] / poses.attrs["fps"]))
        for i, individual in enumerate(poses["individual"].values)
        for k, keypoint in enumerate(poses["keypoint"].values)
    ]
    return pd.DataFrame(rows, columns=["individual", "keypoint", "share_missing", "longest_gap_s"])


def share_all_seen(poses: xr.Dataset) -> float:
    """Return the share of frames, in [0, 1], in which every individual has at least one keypoint."""
    every_animal = np.all(np.any(_seen(poses["position"].values), axis=1), axis=1)
    return float(np.mean(every_animal)) if np.size(every_animal) else 0.0


def require_usable(poses: xr.Dataset, *, n_animals: int) -> None:
    """Check that every animal is seen at least once and that there are enough of them.

    Parameters
    ----------
    poses
        A pose dataset.
    n_animals
        How many animals the behavior needs: one if solitary, else two.

    Raises
    ------
    PoseError
        If there are fewer animals, or one of them has no point in any frame.
    """
    where = str(poses.attrs.get("source_file") or poses.attrs.get("recording", "poses"))
    names = [str(name) for name in poses["individual"].values]
    if len(names) < n_animals:
        raise PoseError(
            found=f"{_count(len(names))} where the behavior needs {_NUMBERS.get(n_animals, str(n_animals))}"
            f" ({', '.join(names)})",
            expected=f"at least {_count(n_animals)}",
            where=where,
            remedy="use the multi-animal output of the tracker, or declare the behavior solitary",
        )
    ever_seen = np.atleast_1d(np.any(_seen(poses["position"].values), axis=(0, 1)))
    unseen = [name for name, is_seen in zip(names, ever_seen, strict=True) if not is_seen]
    if unseen:
        raise PoseError(
            found=f"no point of {', '.join(unseen)} in any frame",
            expected="every animal seen in at least one frame",
            where=where,
            remedy="lower min_confidence, or remove the empty track in the tracker project",
        )


def _count(n_animals: int) -> str:
    return f"{_NUMBERS.get(n_animals, str(n_animals))} animal{'s' if n_animals != 1 else ''}"


def _seen(position: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return where both coordinates are there, (time, keypoint, individual)."""
    seen: NDArray[np.bool_] = np.all(np.isfinite(position), axis=1)
    return seen


def _fill_gaps(position: NDArray[np.float32], seen: NDArray[np.bool_], max_gap_frames: int) -> None:
    """Fill in place the gaps of at most ``max_gap_frames`` in ``position`` (time, space, keypoint, individual)."""
    n_frames = seen.shape[0]
    frame = np.arange(n_frames)[:, np.newaxis, np.newaxis]
    before = np.maximum.accumulate(np.where(seen, frame, -1), axis=0)
    after = np.minimum.accumulate(np.where(seen, frame, n_frames)[::-1], axis=0)[::-1]
    short = ~seen & (before >= 0) & (after < n_frames) & (after - before - 1 <= max_gap_frames)
    # Only the filled points are gathered: memory stays small where little is missing.
    t, keypoint, individual = np.nonzero(short)
    start, stop = before[short], after[short]
    share = ((t - start) / (stop - start))[:, np.newaxis]
    from_point = position[start, :, keypoint, individual].astype(np.float64)
    to_point = position[stop, :, keypoint, individual].astype(np.float64)
    position[t, :, keypoint, individual] = (from_point + share * (to_point - from_point)).astype(position.dtype)


def _impossible(found: str, expected: str) -> StudyError:
    return StudyError(found=found, expected=expected, where="cleaning", remedy="correct the table [cleaning]")
