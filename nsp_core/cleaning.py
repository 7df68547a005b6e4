"""Pose cleaning before features, and what is left to use: trusted points, filled gaps, smooth tracks, a quality table.

The order of the steps: unsure points are dropped, then jumps; identities are exchanged back; short gaps are filled;
tracks are smoothed. All but the filling is off unless asked for. Cleaning never extrapolates, and the attributes of the
poses say what it did, down to every exchange of identities with its frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from nsp_core.errors import PoseError, StudyError
from nsp_core.identity import exchange_identities, swap_suspects
from nsp_core.outliers import find_jumps, parse_speed, speed_px
from nsp_core.smoothing import smooth_runs, window_frames

__all__ = [
    "Cleaning",
    "clean_poses",
    "pose_quality",
    "require_usable",
    "share_all_seen",
    "trusted_poses",
]

MOST_ORDER = 5

_NUMBERS = {1: "one", 2: "two"}


@dataclass(frozen=True, slots=True)
class Cleaning:
    """Which points are dropped, which identities exchanged, which gaps filled, and how tracks are smoothed.

    Attributes
    ----------
    min_confidence
        Points below it are dropped, on the tracker's own scale. None keeps every point.
    max_gap_s
        Gaps up to this many seconds, rounded to whole frames, are filled linearly. Zero fills none.
    max_jump
        A speed such as ``"20 bl/s"``, ``"1500 mm/s"`` or ``"800 px/s"``: points that leave and return faster are
        dropped (see :mod:`nsp_core.outliers`). None keeps every point.
    smooth_s
        Window of the smoothing in seconds, rounded to an odd number of frames (see :mod:`nsp_core.smoothing`). None
        leaves positions as they are.
    smooth_order
        Order of the polynomial that is fitted in the window, 0 to 5.
    repair_swaps
        Whether identities that clearly changed are exchanged back (see :mod:`nsp_core.identity`).
    drop_bad_spans
        Whether an individual is taken out where it cannot be trusted (see :mod:`nsp_core.quality`), so that programs
        abstain there.
    """

    min_confidence: float | None = None
    max_gap_s: float = 0.5
    max_jump: str | None = None
    smooth_s: float | None = None
    smooth_order: int = 2
    repair_swaps: bool = False
    drop_bad_spans: bool = False

    def __post_init__(self) -> None:
        if self.min_confidence is not None and not np.isfinite(self.min_confidence):
            raise _impossible(
                f"min_confidence = {self.min_confidence}", "a finite number on the tracker's scale, or none"
            )
        if not 0 <= self.max_gap_s < np.inf:
            raise _impossible(f"max_gap_s = {self.max_gap_s}", "a duration of 0 s or more")
        if self.max_jump is not None:
            parse_speed(self.max_jump)
        if self.smooth_s is not None and not 0 < self.smooth_s < np.inf:
            raise _impossible(f"smooth_s = {self.smooth_s}", "a duration above 0 s, or none")
        if self.smooth_order not in range(MOST_ORDER + 1):
            raise _impossible(f"smooth_order = {self.smooth_order}", f"a whole number from 0 to {MOST_ORDER}")

    def stated(self) -> dict[str, float | str | bool]:
        """Return the settings that change anything, by name: equal for cleanings that do the same.

        Examples
        --------
        >>> Cleaning(smooth_order=3).stated()
        {'max_gap_s': 0.5}
        """
        smoothing = {"smooth_s": self.smooth_s, "smooth_order": self.smooth_order} if self.smooth_s is not None else {}
        settings = {
            "min_confidence": None if self.min_confidence is None else float(self.min_confidence),
            "max_gap_s": float(self.max_gap_s),
            "max_jump": self.max_jump,
            **smoothing,
            "repair_swaps": self.repair_swaps or None,
            "drop_bad_spans": self.drop_bad_spans or None,
        }
        return {name: value for name, value in settings.items() if value is not None}


def clean_poses(poses: xr.Dataset, cleaning: Cleaning, roles: Mapping[str, Sequence[str]] | None = None) -> xr.Dataset:
    """Return ``poses`` without what cannot be trusted, with short gaps filled by straight lines, and smoothed.

    Parameters
    ----------
    poses
        A pose dataset (see :mod:`nsp_core.poses`).
    cleaning
        What to drop, exchange, fill and smooth.
    roles
        Role to keypoints; needed for a ``max_jump`` in body lengths only.

    Returns
    -------
    Same schema. A dropped or filled point has confidence NaN, for the tracker vouches for neither. The attributes
    ``cleaning_<setting>`` (absent where a step was off) tell what was done, and ``identity_exchanges`` lists every
    exchange of identities (see :func:`nsp_core.identity.exchange_identities`).

    Raises
    ------
    StudyError
        If the smoothing window is too short for its polynomial at this frame rate.
    PoseError
        If ``max_jump`` is in a unit that this recording has no scale for.

    Notes
    -----
    A point counts as missing when either coordinate is. A point without confidence is kept. Gaps at the start and end
    of the recording stay.
    """
    fps = float(poses.attrs["fps"])
    # First of all: a window that is too short must not be found out after minutes of work.
    window = None if cleaning.smooth_s is None else window_frames(cleaning.smooth_s, cleaning.smooth_order, fps)
    cleaned = trusted_poses(poses, cleaning, roles)
    position = cleaned["position"].values
    _fill_gaps(position, _seen(position), round(cleaning.max_gap_s * fps))
    if window is not None:
        smooth_runs(position, window, cleaning.smooth_order)
    before = {name: value for name, value in cleaned.attrs.items() if not str(name).startswith("cleaning_")}
    done = {f"cleaning_{name}": value for name, value in cleaning.stated().items()}
    cleaned.attrs = {**before, **done}
    return cleaned


def trusted_poses(
    poses: xr.Dataset, cleaning: Cleaning, roles: Mapping[str, Sequence[str]] | None = None
) -> xr.Dataset:
    """Return a copy of ``poses`` with unsure points and jumps dropped and clear exchanges of identities undone.

    These are the steps of :func:`clean_poses` before any point is filled in or moved; parameters and errors as there.
    """
    position = poses["position"].values.copy()
    confidence = poses["confidence"].values.copy()
    trusted = poses.assign(
        position=poses["position"].copy(data=position), confidence=poses["confidence"].copy(data=confidence)
    )
    seen = _seen(position)
    if cleaning.min_confidence is not None:
        seen &= ~(confidence < cleaning.min_confidence)
    _drop(position, confidence, seen)
    if cleaning.max_jump is not None:
        _drop(position, confidence, ~find_jumps(trusted, speed_px(parse_speed(cleaning.max_jump), trusted, roles)))
    if cleaning.repair_swaps:
        suspects = swap_suspects(trusted)
        trusted = exchange_identities(trusted, suspects[suspects["clear"]])
    return trusted


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


def _drop(position: NDArray[np.float32], confidence: NDArray[np.float32], kept: NDArray[np.bool_]) -> None:
    confidence[~kept] = np.nan
    np.copyto(position, np.nan, where=~kept[:, np.newaxis])


def _fill_gaps(position: NDArray[np.float32], seen: NDArray[np.bool_], max_gap_frames: int) -> None:
    """Fill in place the gaps of at most ``max_gap_frames`` in ``position`` (time, space, keypoint, individual)."""
    for keypoint, individual in np.ndindex(seen.shape[1:]):
        frames = np.flatnonzero(seen[:, keypoint, individual])
        gap = np.diff(frames) - 1
        short = (gap > 0) & (gap <= max_gap_frames)
        # Only the filled points are gathered: memory stays small where little is missing.
        lengths = gap[short]
        start, stop = np.repeat(frames[:-1][short], lengths), np.repeat(frames[1:][short], lengths)
        t = start + np.arange(len(start)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + 1
        share = ((t - start) / (stop - start))[:, np.newaxis]
        track = position[:, :, keypoint, individual]
        from_point, to_point = track[start].astype(np.float64), track[stop].astype(np.float64)
        track[t] = (from_point + share * (to_point - from_point)).astype(position.dtype)


def _impossible(found: str, expected: str) -> StudyError:
    return StudyError(found=found, expected=expected, where="cleaning", remedy="correct the table [cleaning]")
