"""What an angle does within a window: circular mean, spread, range, change and slope.

Angles are in rad and meet themselves after a full turn, so a plain minimum, quantile or difference of them says where
the cut at pi lies, not what the animal did. All functions take ``(angles, window)`` with time along axis 0 and follow
the conventions of :mod:`nsp_core.temporal.window`: missing frames (NaN) are left out, windows are cut at the ends of
the recording, and a chunk with the window's margin gives the bits of the whole recording.

References
----------
Mardia & Jupp 2000, Directional Statistics, sections 2.2 and 2.3, doi:10.1002/9780470316979.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from nsp_core.temporal.blocks import Blocks, Sums, known_frames, window_count
from nsp_core.temporal.span import Window
from nsp_core.temporal.window import Series, slope_from_halves

__all__ = [
    "VANISHING_RESULTANT",
    "circular_delta",
    "circular_mean",
    "circular_range",
    "circular_slope",
    "circular_std",
    "wrapped",
]

VANISHING_RESULTANT = 1e-6
"""A mean resultant length that float32 angles cannot tell from zero: opposite angles, with no direction in common."""

_TURN = 2 * np.pi
_HALF_TURN = float(np.float32(np.pi))  # a little more than pi: a half turn stored as float32 is not beyond it
_CUTS = 4
_SORTED_AT_ONCE = 2**21  # values; bounds the memory of sorting windows


def circular_mean(angles: NDArray[np.floating], window: Window, *, first_frame: int = 0) -> Series:
    """Return the direction of the mean resultant over the window at each frame.

    Parameters
    ----------
    angles
        Shape (time, ...), rad, NaN where missing.
    window
        The frames that belong to it.
    first_frame
        Which frame of the recording ``angles[0]`` is.

    Returns
    -------
    Shape of ``angles``, float32, rad in (-pi, pi]. NaN where the window holds no valid frame, and where the resultant
    vanishes: opposite angles have no mean.

    Examples
    --------
    >>> around_pi = np.array([np.pi - 0.1, -np.pi + 0.1])
    >>> print(circular_mean(around_pi, Window(1, 1))[0])
    3.1415927
    """
    sine, cosine, length = _mean_resultant(angles, window, first_frame)
    mean = wrapped(np.arctan2(sine, cosine))
    mean[~(length >= VANISHING_RESULTANT)] = np.nan
    return mean.astype(np.float32)


def circular_std(angles: NDArray[np.floating], window: Window, *, first_frame: int = 0) -> Series:
    """Return the circular standard deviation ``sqrt(-2 ln R)`` over the window, R the mean resultant length.

    Parameters as in :func:`circular_mean`. Rad, float32; close to the plain standard deviation of angles that lie
    close together. It grows without bound as the resultant vanishes and is cut at R = 1e-6, about 5.3 rad.

    Examples
    --------
    >>> print(round(float(circular_std(np.array([3.13, -3.13]), Window(1, 1))[0]), 4))
    0.0116
    """
    length = _mean_resultant(angles, window, first_frame)[2]
    std: Series = np.sqrt(-2 * np.log(np.clip(length, VANISHING_RESULTANT, 1.0))).astype(np.float32)
    return std


def circular_range(angles: NDArray[np.floating], window: Window, *, first_frame: int = 0) -> Series:
    """Return the length of the smallest arc that holds all valid angles in the window.

    Parameters as in :func:`circular_mean`. Rad in [0, 2 pi), float32. The time does not depend on the window while the
    angles in it leave a quarter of the circle empty; windows that go further round are sorted one by one.

    Examples
    --------
    >>> print(round(float(circular_range(np.array([3.0, -3.0, 3.1]), Window(1, 1))[1]), 4))
    0.2832
    """
    arc = np.full(angles.shape, np.nan)
    blocks = Blocks(len(angles), window, first_frame)
    for cut in range(_CUTS):
        unrolled = np.remainder(angles.astype(np.float64) - cut * _TURN / _CUTS, _TURN)
        span = blocks.total(unrolled, np.fmax, np.nan) - blocks.total(unrolled, np.fmin, np.nan)
        np.fmin(arc, span, out=arc)
    # A wide enough gap holds one of the cuts, and the angles unrolled there span the smallest arc. Where none of the
    # cuts lies in the widest gap, no span is this short.
    far_round = arc > _TURN * (1 - 1 / _CUTS)
    if far_round.any():
        arc[far_round] = _sorted_arcs(angles, window, far_round)
    return arc.astype(np.float32)


def circular_delta(angles: NDArray[np.floating], window: Window, *, first_frame: int = 0) -> Series:
    """Return the angle at the window's last frame minus the angle at its first, the short way round.

    Parameters as in :func:`circular_mean`. Rad in (-pi, pi], float32. NaN where either frame is missing or outside the
    recording.

    Examples
    --------
    >>> print(round(float(circular_delta(np.array([3.0, -3.0]), Window(before=1, after=0))[1]), 4))
    0.2832
    """
    delta = np.full(angles.shape, np.nan, dtype=np.float32)
    span = window.before + window.after
    if span < len(angles):
        change = np.subtract(angles[span:], angles[: len(angles) - span], dtype=np.float64)
        delta[window.before : len(angles) - window.after] = wrapped(change)
    return delta


def circular_slope(
    angles: NDArray[np.floating], window: Window, *, fps: float | None = None, first_frame: int = 0
) -> Series:
    """Return the slope of the least-squares line through the unwrapped angles in the window.

    Angles are unwrapped from frame to frame, the short way round, and never across a gap: how often an animal turned
    while it was not seen is unknown.

    Parameters
    ----------
    angles, window, first_frame
        As in :func:`circular_mean`.
    fps
        Frames per second; without it the slope is per frame.

    Returns
    -------
    Shape of ``angles``, float32, rad/s (or rad/frame). NaN where the window holds frames of more than one gap-free
    stretch, and where it holds fewer than two valid frames.

    Examples
    --------
    >>> turning = np.array([3.0, 3.1, 3.2 - 2 * np.pi, 3.3 - 2 * np.pi])
    >>> print(round(float(circular_slope(turning, Window(1, 1), fps=10.0)[1]), 4))
    1.0
    """
    valid = ~np.isnan(angles)
    known = known_frames(valid)
    filled = np.where(valid, angles, 0.0).astype(np.float64, copy=False)
    blocks = Blocks(len(angles), window, first_frame)
    turns = _turns(filled)
    start, end = blocks.origins()
    # The turn into a block belongs to its first frame: what ends there is counted back from that frame.
    until = filled + _TURN * (turns - turns[np.minimum(end, len(angles) - 1)]) * valid
    since = filled + _TURN * (turns - turns[start]) * valid
    slope = slope_from_halves(until, since, known, blocks, fps)
    slope[_touches_several_stretches(valid, window)] = np.nan
    return slope


def wrapped(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``angles`` brought into (-pi, pi] by whole turns."""
    return angles - _TURN * np.ceil((angles - _HALF_TURN) / _TURN)


def _mean_resultant(angles: NDArray[np.floating], window: Window, first_frame: int) -> tuple[Sums, Sums, Sums]:
    """Return sum of sines, sum of cosines and the mean resultant length R in [0, 1], NaN where nothing is valid."""
    valid = ~np.isnan(angles)
    # Trigonometric functions of small, contiguous arguments give the same bits wherever in an array they stand.
    filled = np.ascontiguousarray(np.where(valid, angles, 0.0), dtype=np.float64)
    filled = np.where(np.abs(filled) > _HALF_TURN, np.remainder(filled, _TURN), filled)
    blocks = Blocks(len(angles), window, first_frame)
    sine = blocks.total(np.sin(filled))
    cosine = blocks.total(np.cos(filled) * valid)
    count = window_count(known_frames(valid), window)
    length = np.full(angles.shape, np.nan)
    np.divide(np.sqrt(sine**2 + cosine**2), count, out=length, where=count > 0)
    return sine, cosine, length


def _turns(filled: Sums) -> NDArray[np.float64]:
    """Return the whole turns (exact integers) to add to each angle so that no step goes the long way round.

    They mean nothing across a gap; within one stretch only their differences count.
    """
    step = np.diff(filled, axis=0)
    turns = np.zeros(filled.shape)
    np.cumsum(-np.ceil((step - _HALF_TURN) / _TURN), axis=0, out=turns[1:])
    return turns


def _touches_several_stretches(valid: NDArray[np.bool_], window: Window) -> NDArray[np.bool_]:
    begins = valid.copy()
    begins[1:] &= ~valid[:-1]
    # Stretches in a window: those that begin in it, and one that was under way before it.
    under_way = valid & ~begins
    n_stretches = window_count(begins, window)
    if window.before < len(valid):
        n_stretches[window.before :] += under_way[: len(valid) - window.before]
    return n_stretches > 1


def _sorted_arcs(angles: NDArray[np.floating], window: Window, where: NDArray[np.bool_]) -> Sums:
    """Return the smallest arc of the windows at the frames ``where`` by sorting each: a turn minus its widest gap."""
    before, after = min(window.before, len(angles)), min(window.after, len(angles))
    turned = np.remainder(angles.astype(np.float64), _TURN)
    padded = np.pad(turned, [(before, after), *[(0, 0)] * (angles.ndim - 1)], constant_values=np.nan)
    windows = sliding_window_view(padded, before + after + 1, axis=0)
    places = np.argwhere(where)
    at_once = max(_SORTED_AT_ONCE // (before + after + 1), 1)
    arcs = np.empty(len(places))
    for first in range(0, len(places), at_once):
        ordered = np.sort(windows[tuple(places[first : first + at_once].T)], axis=-1)  # NaN last
        last = np.fmax.reduce(ordered, axis=-1)
        widest = np.fmax(np.fmax.reduce(np.diff(ordered, axis=-1), axis=-1), ordered[:, 0] + _TURN - last)
        arcs[first : first + at_once] = _TURN - widest
    return arcs
