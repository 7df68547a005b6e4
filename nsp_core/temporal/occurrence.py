"""How much of a window a condition is true, and how long ago it last was.

A condition has three values at each frame: true, false or unknown. It comes as the states of labels (int8: 1, 0, -1),
as booleans, or as a series (float: 1, 0, NaN), with time along axis 0.

References
----------
Kleene 1952, Introduction to Metamathematics, section 64 (three-valued logic).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsp_core.errors import ProgramError
from nsp_core.labels import UNLABELED
from nsp_core.temporal.span import Window, usable_fps
from nsp_core.temporal.window import Series, window_mean

__all__ = ["time_since", "time_since_from", "truth_series", "window_fraction"]

_NEVER = -(2**62)


def window_fraction(
    condition: NDArray[np.bool_] | NDArray[np.integer] | NDArray[np.floating], window: Window, *, first_frame: int = 0
) -> Series:
    """Return the share of the known frames in the window in which ``condition`` is true.

    Parameters
    ----------
    condition
        Shape (time, ...), see :func:`truth_series`.
    window, first_frame
        As in :func:`nsp_core.temporal.window.window_mean`.

    Returns
    -------
    Shape of ``condition``, float32 in [0, 1], NaN where the window holds no known frame.

    Raises
    ------
    ProgramError
        If ``condition`` has other values than true, false and unknown.

    Examples
    --------
    >>> window_fraction(np.array([1, 0, -1, -1, -1], dtype=np.int8), Window(1, 1)).tolist()
    [0.5, 0.5, 0.0, nan, nan]
    """
    return window_mean(truth_series(condition), window, first_frame=first_frame)


def time_since(
    condition: NDArray[np.bool_] | NDArray[np.integer] | NDArray[np.floating], *, fps: float | None = None
) -> Series:
    """Return the time since ``condition`` was last true, 0 where it is.

    Parameters
    ----------
    condition
        Shape (time, ...), see :func:`truth_series`, from the first frame of the recording on.
    fps
        Frames per second; without it the time is in frames.

    Returns
    -------
    Shape of ``condition``, float32, seconds (or frames), zero or more. NaN before the first true frame, and from an
    unknown frame to the next true one: it might have been true there.

    Raises
    ------
    ProgramError
        If ``condition`` has other values than true, false and unknown, or ``fps`` is given and not positive.

    Examples
    --------
    >>> time_since(np.array([0, 1, 0, 0, -1, 0, 1], dtype=np.int8), fps=10.0).round(2).tolist()
    [nan, 0.0, 0.10000000149011612, 0.20000000298023224, nan, nan, 0.0]
    """
    return time_since_from(condition, None, fps=fps)[0]


def time_since_from(
    condition: NDArray[np.bool_] | NDArray[np.integer] | NDArray[np.floating],
    carried: NDArray[np.int64] | None,
    *,
    fps: float | None = None,
) -> tuple[Series, NDArray[np.int64]]:
    """Return :func:`time_since` over the next chunk of a recording, and the state to carry to the chunk after it.

    The window has no start, so no margin is wide enough for a chunk: instead it is told how things stood before it.

    Parameters
    ----------
    condition, fps
        As in :func:`time_since`, for the frames of this chunk.
    carried
        Shape (...): frames since the condition was last true at the frame before this chunk, -1 where unknown. None
        at the start of a recording.
    """
    rate = 1.0 if fps is None else usable_fps(fps, "a time in seconds")
    truth = truth_series(condition)
    since_before = np.full(truth.shape[1:], -1, dtype=np.int64) if carried is None else carried
    if not len(truth):
        return truth, since_before
    frame = np.arange(len(truth)).reshape(-1, *[1] * (truth.ndim - 1))
    last_unknown = np.maximum.accumulate(np.where(np.isnan(truth), frame, _NEVER), axis=0)
    last_true = np.maximum.accumulate(np.where(truth == 1, frame, _NEVER), axis=0)
    last_true = np.maximum(last_true, np.where(since_before >= 0, -1 - since_before, _NEVER))
    since = np.where(last_true > last_unknown, frame - last_true, -1)
    series = np.where(since >= 0, since / rate, np.nan).astype(np.float32)
    return series, since[-1]


def truth_series(condition: NDArray[np.bool_] | NDArray[np.integer] | NDArray[np.floating]) -> Series:
    """Return a condition as a series: 1 where it is true, 0 where it is false, NaN where that is unknown.

    Parameters
    ----------
    condition
        Shape (time, ...): booleans; integer states 1, 0 and -1 (unknown); or floats 1, 0 and NaN (unknown).

    Raises
    ------
    ProgramError
        If it has any other value: a number has to be compared with a threshold first.
    """
    truth = condition.astype(np.float32)
    if np.issubdtype(condition.dtype, np.integer):
        truth[condition == UNLABELED] = np.nan
    other = ~((truth == 0) | (truth == 1) | np.isnan(truth))
    if other.any():
        raise ProgramError(
            found=f"the value {condition[other][0]:g} as a condition",
            expected="true (1), false (0) or unknown (-1 in states, NaN in series)",
            where="condition",
            remedy="compare the number with a threshold first",
        )
    return truth
