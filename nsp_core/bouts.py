"""Bouts as half-open, 0-based frame intervals ``[start, stop)``, and the two post-processing steps on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["bouts_from_frames", "drop_short_bouts", "fill_short_gaps", "frames_from_bouts"]


def bouts_from_frames(present: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the runs of True in ``present`` (time,) as rows ``start, stop`` of shape (bout, 2).

    Examples
    --------
    >>> bouts_from_frames(np.array([False, True, True, False])).tolist()
    [[1, 3]]
    """
    padded = np.concatenate([[False], present.astype(bool), [False]])
    return np.flatnonzero(padded[1:] != padded[:-1]).reshape(-1, 2)


def frames_from_bouts(bouts: NDArray[np.int64], n_frames: int) -> NDArray[np.bool_]:
    """Return a mask (time,) that is True inside any of ``bouts`` (bout, 2); parts outside the recording are cut off."""
    edges = np.zeros(n_frames + 1, dtype=np.int64)
    clipped = np.clip(np.asarray(bouts, dtype=np.int64).reshape(-1, 2), 0, n_frames)
    np.add.at(edges, clipped[:, 0], 1)
    np.add.at(edges, clipped[:, 1], -1)
    return np.cumsum(edges)[:n_frames] > 0


def fill_short_gaps(present: NDArray[np.bool_], max_gap_frames: int) -> NDArray[np.bool_]:
    """Return ``present`` with every gap of at most ``max_gap_frames`` *between two bouts* filled.

    A gap at the start or end of the recording is no gap between bouts and stays.
    """
    gaps = bouts_from_frames(~present)
    inner = (gaps[:, 0] > 0) & (gaps[:, 1] < present.size)
    short = gaps[:, 1] - gaps[:, 0] <= max_gap_frames
    return present | frames_from_bouts(gaps[inner & short], present.size)


def drop_short_bouts(present: NDArray[np.bool_], min_bout_frames: int) -> NDArray[np.bool_]:
    """Return ``present`` without its bouts shorter than ``min_bout_frames``."""
    bouts = bouts_from_frames(present)
    keep = bouts[:, 1] - bouts[:, 0] >= min_bout_frames
    return frames_from_bouts(bouts[keep], present.size)
