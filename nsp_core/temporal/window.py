"""What a number does within a window: mean, spread, extremes, quantile, change and slope.

All functions take ``(values, window)`` with time along axis 0, leave missing frames (NaN) out, and cut the window at
the ends of the recording. The result is float32 and NaN only where the window holds no valid frame, unless stated.
Values are finite or NaN. Except for the quantile, the time taken does not depend on the window.

A result depends on nothing outside its window, to the bit: see :mod:`nsp_core.temporal.blocks`. A chunk with a margin
of ``window.before`` and ``window.after`` frames that states its ``first_frame`` gives the bits of the whole recording.

References
----------
van Herk 1992, Pattern Recognition Letters 13, 517-521, doi:10.1016/0167-8655(92)90069-C.
Welford 1962, Technometrics 4, 419-420, doi:10.1080/00401706.1962.10490022 (running sum of squared deviations).
Chan, Golub & LeVeque 1983, The American Statistician 37, 242-247, doi:10.1080/00031305.1983.10483115, (joining two of
them).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.indexers import BaseIndexer

from nsp_core.errors import ProgramError
from nsp_core.temporal.blocks import Blocks, Sums, known_frames, window_count
from nsp_core.temporal.span import Window, usable_fps

__all__ = [
    "Series",
    "slope_from_halves",
    "window_delta",
    "window_max",
    "window_mean",
    "window_min",
    "window_quantile",
    "window_range",
    "window_slope",
    "window_std",
]

Series = NDArray[np.float32]

_EARLIER, _LATER = slice(None, -1), slice(1, None)


def window_mean(values: NDArray[np.floating], window: Window, *, first_frame: int = 0) -> Series:
    """Return the mean over the window at each frame.

    Parameters
    ----------
    values
        Shape (time, ...), NaN where missing.
    window
        The frames that belong to it.
    first_frame
        Which frame of the recording ``values[0]`` is.

    Returns
    -------
    Shape of ``values``, float32, summed in float64.

    Examples
    --------
    >>> window_mean(np.array([1.0, 2.0, np.nan, 6.0]), Window(before=1, after=1)).tolist()
    [1.5, 1.5, 4.0, 6.0]
    """
    valid = ~np.isnan(values)
    known = known_frames(valid)
    total = Blocks(len(values), window, first_frame).total(_filled(values, valid, known))
    return _share(total, window_count(known, window))


def window_std(values: NDArray[np.floating], window: Window, *, first_frame: int = 0) -> Series:
    """Return the standard deviation (divisor: number of valid frames) over the window at each frame.

    Parameters and Returns as in :func:`window_mean`. A window with a single valid frame gives 0.

    Examples
    --------
    >>> window_std(np.array([1.0, 3.0, np.nan, np.nan, np.nan]), Window(1, 1)).tolist()
    [1.0, 1.0, 0.0, nan, nan]
    """
    blocks = Blocks(len(values), window, first_frame)
    valid = ~np.isnan(values)
    known = known_frames(valid)
    filled = _filled(values, valid, known)
    starts = _running_moments(filled, known, blocks.from_start, _EARLIER, _LATER)
    ends = _running_moments(filled, known, blocks.from_end, _LATER, _EARLIER)
    n_a, mean_a, squares_a = (blocks.before_boundary(moment) for moment in ends)
    n_b, mean_b, squares_b = (blocks.after_boundary(moment) for moment in starts)
    count = n_a + n_b
    mean_b -= mean_a
    squares_a += squares_b
    squares_a += mean_b**2 * (n_a * n_b / np.maximum(count, 1))
    std: Series = np.sqrt(_share(squares_a, count, np.float64)).astype(np.float32)
    return std


def window_min(values: NDArray[np.floating], window: Window, *, first_frame: int = 0) -> Series:
    """Return the smallest valid value in the window at each frame; see :func:`window_mean`.

    Examples
    --------
    >>> window_min(np.array([3.0, 1.0, np.nan, 5.0]), Window(1, 1)).tolist()
    [1.0, 1.0, 1.0, 5.0]
    """
    # fmin and fmax leave NaN out by themselves.
    smallest = Blocks(len(values), window, first_frame).total(values, np.fmin, np.nan)
    return _one_zero(smallest.astype(np.float32, copy=False))


def window_max(values: NDArray[np.floating], window: Window, *, first_frame: int = 0) -> Series:
    """Return the largest valid value in the window at each frame; see :func:`window_mean`."""
    largest = Blocks(len(values), window, first_frame).total(values, np.fmax, np.nan)
    return _one_zero(largest.astype(np.float32, copy=False))


def window_range(values: NDArray[np.floating], window: Window, *, first_frame: int = 0) -> Series:
    """Return the largest minus the smallest valid value in the window at each frame; see :func:`window_mean`."""
    blocks = Blocks(len(values), window, first_frame)
    largest = blocks.total(values, np.fmax, np.nan)
    largest -= blocks.total(values, np.fmin, np.nan)
    return _one_zero(largest.astype(np.float32, copy=False))


def window_quantile(values: NDArray[np.floating], window: Window, *, q: float, first_frame: int = 0) -> Series:
    """Return the ``q``-quantile of the valid values in the window at each frame, interpolated between neighbors.

    Parameters
    ----------
    values, window, first_frame
        As in :func:`window_mean`; a quantile is the same wherever a chunk starts.
    q
        Between 0 (smallest) and 1 (largest); 0.5 is the median.

    Returns
    -------
    Shape of ``values``, float32. Exact order statistics, in a time that grows with the logarithm of the window.

    Raises
    ------
    ProgramError
        If ``q`` is not between 0 and 1.

    References
    ----------
    Hyndman & Fan 1996, The American Statistician 50, 361-365, doi:10.1080/00031305.1996.10473566 (their type 7).

    Examples
    --------
    >>> window_quantile(np.array([4.0, 1.0, np.nan, 2.0]), Window(before=3, after=0), q=0.5).tolist()
    [4.0, 2.5, 2.5, 2.0]
    """
    if not 0 <= q <= 1:
        raise ProgramError(
            found=f"the quantile {q:g}",
            expected="a number from 0 to 1",
            where="window",
            remedy="write 0.5 for the median",
        )
    if not values.size:
        return values.astype(np.float32)
    columns = pd.DataFrame(values.reshape(len(values), -1).astype(np.float64))
    rolling = columns.rolling(_Bounds(before=window.before, after=window.after), min_periods=1)
    return _one_zero(np.array(rolling.quantile(q), dtype=np.float32).reshape(values.shape))


def window_delta(values: NDArray[np.floating], window: Window, *, first_frame: int = 0) -> Series:
    """Return the value at the window's last frame minus the value at its first.

    NaN where either frame is missing or outside the recording: a cut window would be a change over another time.
    Parameters and Returns as in :func:`window_mean`. A window of n frames spans n - 1 frame intervals.

    Examples
    --------
    >>> window_delta(np.array([1.0, 4.0, 9.0, 16.0]), Window(before=2, after=0)).tolist()
    [nan, nan, 8.0, 12.0]
    """
    delta = np.full(values.shape, np.nan, dtype=np.float32)
    span = window.before + window.after
    if span < len(values):
        # Subtracted in float64: a large level must not swallow a small change.
        delta[window.before : len(values) - window.after] = np.subtract(
            values[span:], values[: len(values) - span], dtype=np.float64
        )
    return delta


def window_slope(
    values: NDArray[np.floating], window: Window, *, fps: float | None = None, first_frame: int = 0
) -> Series:
    """Return the slope of the least-squares line through the valid values in the window at each frame.

    Parameters
    ----------
    values, window, first_frame
        As in :func:`window_mean`.
    fps
        Frames per second; without it the slope is per frame.

    Returns
    -------
    Shape of ``values``, float32, in units of ``values`` per second (or frame). NaN with fewer than two valid frames.

    Raises
    ------
    ProgramError
        If ``fps`` is given and not positive.

    Examples
    --------
    >>> window_slope(np.array([1.0, np.nan, 5.0, 7.0]), Window(1, 1), fps=10.0).tolist()
    [nan, 20.0, 20.0, 20.0]
    """
    valid = ~np.isnan(values)
    known = known_frames(valid)
    filled = _filled(values, valid, known)
    return slope_from_halves(filled, filled, known, Blocks(len(values), window, first_frame), fps)


def slope_from_halves(
    until: NDArray[np.floating],
    since: NDArray[np.floating],
    known: NDArray[np.bool_],
    blocks: Blocks,
    fps: float | None,
) -> Series:
    """Return least-squares slopes of values that may be stated differently before and after a window's boundary.

    ``until`` holds the values as seen from the end of each block and ``since`` as seen from its start, both 0 where
    missing: an unwrapped angle is counted from the boundary of its window, not from the start of the recording.
    """
    rate = 1.0 if fps is None else usable_fps(fps, "a slope per second")
    start, end = (origin.reshape(-1, *[1] * (known.ndim - 1)) for origin in blocks.origins())
    index = np.arange(blocks.n_frames).reshape(start.shape)
    before = _line_sums(until, (index - end) * known, known, blocks.from_end)
    after = _line_sums(since, (index - start) * known, known, blocks.from_start)
    # Lags are counted from the boundary inside the window, so that all sums stay as small as the window.
    n, lag, lag_squared, total, product = (
        blocks.before_boundary(a) + blocks.after_boundary(b) for a, b in zip(before, after, strict=True)
    )
    some = np.maximum(n, 1)
    product -= lag * total / some
    # The spread of the lags is exactly zero with fewer than two known frames.
    return _share(product * rate, lag_squared - lag**2 / some)


def _line_sums(
    values: NDArray[np.floating],
    lags: NDArray[np.int64],
    known: NDArray[np.bool_],
    scan: Callable[[NDArray[Any]], Sums],
) -> tuple[Sums, ...]:
    """Return running sums of 1, lag, lag squared, value and lag times value over the known frames."""
    moments = (known, lags, lags.astype(np.float64) ** 2, values, np.multiply(lags, values, dtype=np.float64))
    return tuple(scan(moment) for moment in moments)


def _running_moments(
    values: NDArray[np.floating],
    known: NDArray[np.bool_],
    scan: Callable[[NDArray[Any]], Sums],
    scanned: slice,
    next_scanned: slice,
) -> tuple[Sums, Sums, Sums]:
    """Return running count, mean and sum of squared deviations within blocks (Welford 1962, without the loop)."""
    count = scan(known)
    some = np.maximum(count, 1)
    mean = scan(values)
    mean /= some
    # The first known frame of a block has no mean before it; the factor of count - 1 leaves it out.
    squares = values.astype(np.float64)
    squares[next_scanned] -= mean[scanned]
    squares *= squares
    squares *= known * (count - 1) / some
    return count, mean, scan(squares)


def _filled(values: NDArray[np.floating], valid: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.floating]:
    """Return ``values`` with 0 where missing."""
    return np.where(valid, values, values.dtype.type(0)) if known is valid else values


def _one_zero(series: Series) -> Series:
    """Return ``series``, in place, with 0 for -0: which of two zeros is smaller hangs on where a chunk starts."""
    series += np.float32(0)
    return series


def _share(total: Sums, count: NDArray[Any], dtype: type[np.floating] = np.float32) -> NDArray[Any]:
    """Return ``total / count``, divided in float64, NaN where ``count`` is 0."""
    share = np.full(total.shape, np.nan, dtype=dtype)
    np.divide(total, count, out=share, where=count > 0, casting="same_kind")
    return share


class _Bounds(BaseIndexer):
    """The frames of a window, cut at the ends of the recording, for pandas."""

    before: int
    after: int

    def get_window_bounds(
        self,
        num_values: int = 0,
        min_periods: int | None = None,
        center: bool | None = None,
        closed: str | None = None,
        step: int | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        frame = np.arange(num_values, dtype=np.int64)
        return np.maximum(frame - self.before, 0), np.minimum(frame + self.after + 1, num_values)
