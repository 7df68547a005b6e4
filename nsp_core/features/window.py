"""Centered windows over series: mean, standard deviation, minimum and maximum of frames ``t - half`` to ``t + half``.

All functions take ``(values, half_frames)``, work along axis 0 in a time that does not depend on the window, leave
missing frames out, and cut the window at the ends of the recording. The result is NaN only where the window holds no
valid frame.

A result depends on nothing outside its window, to the bit. Running sums over a whole recording drift: one tracking
outlier changes every mean after it. Instead, a window of ``2 * half + 1`` frames always covers the end of one block of
that length and the start of the next (van Herk 1992; Gil & Werman 1993), so a mean needs two partial sums, both inside
the window. Blocks are counted from frame 0 of the recording: a chunk with a margin of ``half`` frames on either side
that states its ``first_frame`` gives the same bits as the whole recording.

References
----------
van Herk 1992, Pattern Recognition Letters 13, 517-521, doi:10.1016/0167-8655(92)90069-C.
Gil & Werman 1993, IEEE TPAMI 15, 504-507, doi:10.1109/34.211471.
Welford 1962, Technometrics 4, 419-420, doi:10.1080/00401706.1962.10490022 (running sum of squared deviations).
Chan, Golub & LeVeque 1983, The American Statistician 37, 242-247, doi:10.1080/00031305.1983.10483115, (joining two of
them).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from nsp_core.errors import ProgramError

__all__ = ["window_max", "window_mean", "window_min", "window_std"]

Series = NDArray[np.float32]
Sums = NDArray[np.float64]


def window_mean(values: NDArray[np.floating], half_frames: int, *, first_frame: int = 0) -> Series:
    """Return the mean over the window centered on each frame.

    Parameters
    ----------
    values
        Shape (time, ...), NaN where missing.
    half_frames
        Frames on either side of the center, zero or more.
    first_frame
        Which frame of the recording ``values[0]`` is.

    Returns
    -------
    Shape of ``values``, float32, summed in float64.

    Raises
    ------
    ProgramError
        If ``half_frames`` is negative.

    Examples
    --------
    >>> window_mean(np.array([1.0, 2.0, np.nan, 6.0]), 1).tolist()
    [1.5, 1.5, 4.0, 6.0]
    """
    half = _usable_half(half_frames, len(values))
    valid = ~np.isnan(values)
    count = _window_count(valid, half)
    blocks, left = _blocks(np.where(valid, values, 0.0), half, first_frame)
    starts, ends = np.cumsum(blocks, axis=1), _from_the_end(np.cumsum(blocks[:, ::-1], axis=1))
    total = _at(ends, left - half, len(values)) + _at(starts, left + half, len(values))
    mean: Sums = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean.astype(np.float32)


def window_std(values: NDArray[np.floating], half_frames: int, *, first_frame: int = 0) -> Series:
    """Return the standard deviation (divisor: number of valid frames) over the window centered on each frame.

    Parameters, Returns and Raises as in :func:`window_mean`. A window with a single valid frame gives 0.

    Examples
    --------
    >>> window_std(np.array([1.0, 3.0, np.nan, np.nan, np.nan]), 1).tolist()
    [1.0, 1.0, 0.0, nan, nan]
    """
    half, n_frames = _usable_half(half_frames, len(values)), len(values)
    valid = ~np.isnan(values)
    blocks, left = _blocks(np.where(valid, values, 0.0), half, first_frame)
    valid_blocks, _ = _blocks(valid.astype(np.float64), half, first_frame)
    starts = _running_moments(blocks, valid_blocks)
    ends = [_from_the_end(moment) for moment in _running_moments(blocks[:, ::-1], valid_blocks[:, ::-1])]
    n_a, mean_a, squares_a = (_at(moment, left - half, n_frames) for moment in ends)
    n_b, mean_b, squares_b = (_at(moment, left + half, n_frames) for moment in starts)
    count = n_a + n_b
    joined = squares_a + squares_b + (mean_b - mean_a) ** 2 * n_a * n_b / np.maximum(count, 1)
    variance: Sums = np.divide(joined, count, out=np.full(count.shape, np.nan), where=count > 0)
    return np.sqrt(variance).astype(np.float32)


def window_min(values: NDArray[np.floating], half_frames: int) -> Series:
    """Return the smallest valid value in the window centered on each frame; see :func:`window_mean`.

    Examples
    --------
    >>> window_min(np.array([3.0, 1.0, np.nan, 5.0]), 1).tolist()
    [1.0, 1.0, 1.0, 5.0]
    """
    return _window_extreme(values, half_frames, minimum_filter1d, np.inf)


def window_max(values: NDArray[np.floating], half_frames: int) -> Series:
    """Return the largest valid value in the window centered on each frame; see :func:`window_mean`."""
    return _window_extreme(values, half_frames, maximum_filter1d, -np.inf)


def _window_extreme(
    values: NDArray[np.floating], half_frames: int, extreme_filter: Callable[..., Series], neutral: float
) -> Series:
    half = _usable_half(half_frames, len(values))
    valid = ~np.isnan(values)
    filled = np.where(valid, values, neutral).astype(np.float32)
    extreme = extreme_filter(filled, 2 * half + 1, axis=0, mode="constant", cval=neutral)
    extreme[_window_count(valid, half) == 0] = np.nan
    return extreme


def _usable_half(half_frames: int, n_frames: int) -> int:
    if half_frames < 0:
        raise ProgramError(
            found=f"a window of {half_frames} frames on either side",
            expected="0 frames or more",
            where="window",
            remedy="give the window a positive width",
        )
    # Beyond the recording nothing changes, but memory grows with the block.
    return min(half_frames, n_frames)


def _window_count(valid: NDArray[np.bool_], half: int) -> NDArray[np.int64]:
    """Return the number of valid frames per window; integers do not drift."""
    n_frames = len(valid)
    total = np.zeros((n_frames + 1, *valid.shape[1:]), dtype=np.int64)
    np.cumsum(valid, axis=0, out=total[1:])
    frame = np.arange(n_frames)
    return total[np.minimum(frame + half + 1, n_frames)] - total[np.maximum(frame - half, 0)]


def _blocks(filled: NDArray[np.floating], half: int, first_frame: int) -> tuple[Sums, int]:
    """Return ``filled`` padded with zeros as (block, frame in block, ...), and how many frames were put in front."""
    width = 2 * half + 1
    left = width + first_frame % width
    n_blocks = -(-(left + len(filled) + half) // width)
    padded = np.zeros((n_blocks * width, *filled.shape[1:]))
    padded[left : left + len(filled)] = filled
    return padded.reshape(n_blocks, width, *filled.shape[1:]), left


def _from_the_end(reversed_scan: Sums) -> Sums:
    """Return a scan of reversed blocks in time order, 0 at block starts: there the window is the block that starts."""
    scan = reversed_scan[:, ::-1].copy()
    scan[:, 0] = 0.0
    return scan


def _at(scan: Sums, start: int, n_frames: int) -> Sums:
    return scan.reshape(-1, *scan.shape[2:])[start : start + n_frames]


def _running_moments(blocks: Sums, valid: Sums) -> tuple[Sums, Sums, Sums]:
    """Return running count, mean and sum of squared deviations along axis 1 (Welford 1962, without the loop)."""
    count = np.cumsum(valid, axis=1)
    mean = np.cumsum(blocks, axis=1) / np.maximum(count, 1)
    previous = np.zeros_like(mean)
    previous[:, 1:] = mean[:, :-1]
    growth = valid * (blocks - previous) ** 2 * (count - 1) / np.maximum(count, 1)
    return count, mean, np.cumsum(growth, axis=1)
