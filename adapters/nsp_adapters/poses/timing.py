"""Frame rates that have to agree, and frame numbers from times in seconds.

Files that store a time per row say two things at once: the frame rate and which frames are there. Both are checked
against a regular grid; a grid that does not fit (variable frame rate) is refused, never smoothed over.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nsp_adapters.poses.assemble import MAX_FRAMES
from nsp_core.errors import FormatError

__all__ = ["agreed_fps", "frames_of_times"]

# 29.97 and 30000/1001 are the same camera; 29.97 and 30 differ ten times more than this.
RELATIVE_TOLERANCE = 1e-4
# A time further than this from its frame could belong to the neighbor as well.
LARGEST_DEVIATION = 0.25


def agreed_fps(path: Path, stated: float | None, in_file: float | None, tolerance: float = 0.0) -> float | None:
    """Return the stated frame rate if there is one, else that of the file; None if neither is known.

    Parameters
    ----------
    path
        The file, for messages.
    stated, in_file
        Frames per second.
    tolerance
        How exactly the file knows its own, in frames per second.

    Raises
    ------
    FormatError
        If they contradict each other, or that of the file is impossible.
    """
    if in_file is not None and not 0 < in_file < float("inf"):
        raise FormatError(
            found=f"fps = {in_file:g}",
            expected="a positive number of frames per second",
            where=path.name,
            remedy="export the file again with the frame rate of the video",
        )
    if stated is None or in_file is None:
        return in_file if stated is None else stated
    if abs(stated - in_file) > max(tolerance, RELATIVE_TOLERANCE * in_file):
        raise FormatError(
            found=f"{in_file:.10g} frames per second",
            expected=f"the stated {stated:.10g}",
            where=path.name,
            remedy=f"state fps = {in_file:.9g} if the file is right, else export it again with the frame rate of the "
            "video: the wrong one would stretch all times",
        )
    return stated


def frames_of_times(
    path: Path, times_s: NDArray[np.float64], fps: float | None
) -> tuple[NDArray[np.int64], float | None]:
    """Return the frame of each time, counted from the first, and the frame rate.

    Parameters
    ----------
    path
        The file, for messages.
    times_s
        Seconds, ascending. Frames may be absent.
    fps
        The stated frame rate, or None to take that of the times. A single time has none: then fps stays None.

    Returns
    -------
    Frame numbers, the first being 0, and the frame rate.

    Raises
    ------
    FormatError
        If times are missing, go back, fit no regular grid, or contradict ``fps``.

    Examples
    --------
    >>> frames, fps = frames_of_times(Path("x.nwb"), np.array([0, 1, 2, 5]) / 29.97, None)
    >>> frames.tolist(), round(fps, 9)
    ([0, 1, 2, 5], 29.97)
    """
    with np.errstate(over="ignore", invalid="ignore"):  # infinite times are refused below
        steps = np.diff(times_s)
    bad = ~np.isfinite(times_s)
    bad[1:] |= ~(steps > 0)
    if bad.any():
        row = int(np.argmax(bad))
        raise FormatError(
            found=f"time {times_s[row]:g} after {times_s[row - 1]:g}" if row else f"time {times_s[row]:g}",
            expected="finite times in ascending order",
            where=f"{path.name}, row {row}",
            remedy="export the file again: rows are out of order or doubled",
        )
    if times_s.size < 2:
        return np.zeros(times_s.size, dtype=np.int64), agreed_fps(path, fps, None)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows fits no grid, and is refused as such
        since_first = times_s - times_s[0]
        # The median step finds the grid, rounded times or not; the whole recording then tells its rate exactly.
        counted = np.rint(np.cumsum(np.concatenate([[0.0], np.rint(steps / np.median(steps))])))
        measured = float(counted[-1] / since_first[-1])
        deviation = np.abs(since_first * measured - counted)
    if counted[-1] > MAX_FRAMES:
        raise FormatError(
            found=f"times that are {counted[-1]:.3g} frames apart",
            expected=f"at most {MAX_FRAMES} frames",
            where=path.name,
            remedy="export the file again: a time is damaged",
        )
    if not deviation.max() <= LARGEST_DEVIATION:
        row = int(np.argmax(deviation))
        raise FormatError(
            found=f"a time {deviation[row]:.2g} frames off a regular grid of {measured:.6g} frames per second",
            expected="a constant frame rate",
            where=f"{path.name}, row {row}",
            remedy="the video has a variable frame rate: convert it to a constant one and track it again",
        )
    tolerance = 2 * float(deviation.max() / since_first[-1])
    return counted.astype(np.int64), agreed_fps(path, fps, measured, tolerance)
