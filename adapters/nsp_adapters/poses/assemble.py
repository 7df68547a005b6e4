"""What all pose readers share: rows placed by frame number, missing points as NaN, padding to the length of the video.

Nothing here opens a file; ``path`` serves the messages. The arrays are float32 and are changed in place, so that
reading needs little more memory than its result.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from nsp_core.errors import FormatError, PoseError
from nsp_core.poses import make_poses

__all__ = [
    "MAX_FRAMES",
    "assemble_poses",
    "check_frames",
    "empty_poses",
    "length_of_video",
    "require_fps",
    "single_precision",
]

MAX_FRAMES = 100_000_000
"""Eleven days at 100 fps: a frame number beyond is damage."""

ROWS_AT_A_TIME = 65_536
# One damaged frame number must not allocate the memory of a year: a file of few rows may not reach arbitrarily far.
FRAMES_WITHOUT_ROWS = 1_000_000
FRAMES_PER_ROW = 1_000


def require_fps(path: Path, fps: float | None) -> float:
    """Return ``fps``.

    Raises
    ------
    FormatError
        If it is None: neither stated nor in the file.
    """
    if fps is None:
        raise FormatError(
            found="no frame rate in the file",
            expected="fps, the frames per second of the video",
            where=path.name,
            remedy="state fps in the study file or with --fps",
        )
    return fps


def check_frames(frames: NDArray[np.float64]) -> tuple[int, str] | None:
    """Return the first row whose frame number is impossible and what is wrong with it; None if all are good.

    Examples
    --------
    >>> check_frames(np.array([0.0, 1.0, 1.0]))
    (2, 'there twice')
    """
    seen, first = np.unique(frames, return_index=True)
    repeated = np.ones(frames.size, dtype=np.bool_)
    repeated[first] = False
    problems = {
        "not a whole number": frames != np.floor(frames),  # NaN differs from itself
        "negative": frames < 0,
        f"beyond {MAX_FRAMES}": frames > MAX_FRAMES,
        "there twice": repeated if seen.size < frames.size else np.zeros(frames.size, dtype=np.bool_),
        f"far beyond the {frames.size} rows of the file": frames
        > FRAMES_WITHOUT_ROWS + FRAMES_PER_ROW * float(frames.size),
    }
    for problem, wrong in problems.items():
        if wrong.any():
            return int(np.argmax(wrong)), problem
    return None


def length_of_video(path: Path, last_frame: int, n_frames: int | None) -> int:
    """Return the number of rows of the poses: up to ``last_frame``, or the ``n_frames`` of the video where known.

    Raises
    ------
    PoseError
        If the file goes on after the video has ended.
    """
    if n_frames is None:
        return last_frame + 1
    if last_frame >= n_frames:
        raise PoseError(
            found=f"poses up to frame {last_frame}",
            expected=f"at most frame {n_frames - 1}, as the video has {n_frames} frames",
            where=path.name,
            remedy="check that this file belongs to this video and that n_frames is its length",
        )
    return n_frames


def empty_poses(n_frames: int, n_keypoints: int, n_individuals: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return position (time, space, keypoint, individual) and confidence (time, keypoint, individual), all NaN."""
    shape = (n_keypoints, n_individuals)
    position = np.full((n_frames, 2, *shape), np.nan, dtype=np.float32)
    return position, np.full((n_frames, *shape), np.nan, dtype=np.float32)


def single_precision(values: ArrayLike) -> NDArray[np.float32]:
    """Return ``values`` as float32; a number beyond becomes infinite, which :func:`assemble_poses` refuses."""
    with np.errstate(over="ignore", invalid="ignore"):  # invalid: a NaN with a payload of a damaged file
        return np.asarray(values).astype(np.float32, copy=False)


def assemble_poses(
    path: Path,
    position: NDArray[np.float32],
    confidence: NDArray[np.float32],
    *,
    keypoints: Sequence[str],
    individuals: Sequence[str],
    fps: float | None,
    recording: str,
    scale_mm_per_px: float | None,
    source_software: str,
) -> xr.Dataset:
    """Return the pose dataset of filled arrays, in which half points and exact ``(0, 0)`` become missing.

    Parameters
    ----------
    path
        The file read.
    position
        Shape (time, space, keypoint, individual), pixels; changed in place.
    confidence
        Shape (time, keypoint, individual); becomes NaN in place where the point is missing.
    keypoints, individuals, fps, recording, scale_mm_per_px, source_software
        As in :func:`nsp_core.poses.make_poses`.

    Raises
    ------
    FormatError
        If fps is None, or there is no frame, no animal, or an infinite position.
    PoseError
        If names, fps or scale are impossible.
    """
    fps = require_fps(path, fps)
    if 0 in position.shape:
        raise FormatError(
            found="{} frames of {} body parts and {} animals".format(position.shape[0], *position.shape[2:]),
            expected="at least one of each",
            where=path.name,
            remedy="export the predictions again: there is nothing to read in this file",
        )
    for start in range(0, len(position), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        _mark_missing(path, start, position[rows], confidence[rows])
    return make_poses(
        position,
        confidence,
        recording=recording,
        keypoints=keypoints,
        individuals=individuals,
        fps=fps,
        scale_mm_per_px=scale_mm_per_px,
        source_software=source_software,
        source_file=path.name,
    )


def _mark_missing(path: Path, start: int, position: NDArray[np.float32], confidence: NDArray[np.float32]) -> None:
    x, y = position[:, 0], position[:, 1]
    infinite = np.isinf(x) | np.isinf(y) | np.isinf(confidence)
    if infinite.any():
        raise FormatError(
            found="an infinite position or confidence",
            expected="finite numbers of pixels, NaN where a point is missing",
            where=f"{path.name}, frame {start + int(np.argwhere(infinite)[0, 0])}",
            remedy="repair the file or export it again from the tracker",
        )
    missing = np.isnan(x) | np.isnan(y) | ((x == 0) & (y == 0))
    x[missing] = np.nan
    y[missing] = np.nan
    confidence[missing] = np.nan
