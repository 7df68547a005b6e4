"""When the frames of a video are shown: the exact constant rate, or that there is none and how far it varies.

A container counts time in ticks of a time base (1/90000 s, 1/30000 s, 1 ms in Matroska), so timestamps are rounded: at
29.97 frames per second Matroska writes steps of 33 and 34 ms. A rate is constant here if one number of frames per
second puts every frame within a tick (or a hundredth of a frame, whichever is more) of its timestamp. Which number:
the exact step where all steps are equal, else the plainest that fits, an integer before n * 1000/1001 before a decimal.
A dropped frame, a jump, or two clips of different rates joined into one fit no number: the rate is variable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

__all__ = ["FrameTiming", "timing_of"]

# Timestamps that are rounded lie within a tick of each other's places; a little more where the rate is estimated.
_ROUNDING_TICKS = 1.25
# A frame shown this share of a frame early or late is on the grid.
_NEGLIGIBLE = 0.01
# A whole frame too many or too few is never a rounding, however coarse the ticks are.
_NEVER_A_ROUNDING = 0.75


@dataclass(frozen=True, slots=True)
class FrameTiming:
    """The rate of a video and how evenly its frames follow each other.

    Attributes
    ----------
    fps
        Frames per second, exact; None where the rate varies.
    mean_fps
        Frames per second between the first frame and the last.
    shortest_s, median_s, longest_s
        Intervals between neighboring frames, seconds, as the timestamps say (rounded to ticks).
    n_irregular
        How many intervals differ from the median one by more than the rounding of timestamps.
    first_irregular
        0-based frame after which the first of these intervals lies, or None.
    largest_offset_s
        How far a frame is shown from where ``mean_fps`` would put it, at most; seconds.
    """

    fps: Fraction | None
    mean_fps: Fraction
    shortest_s: float
    median_s: float
    longest_s: float
    n_irregular: int
    first_irregular: int | None
    largest_offset_s: float


def timing_of(ticks: NDArray[np.int64], time_base: Fraction, *, stated_fps: Fraction | None = None) -> FrameTiming:
    """Return the timing of frames shown at ``ticks``.

    Parameters
    ----------
    ticks
        Timestamps of at least two frames in the order they are shown, in units of ``time_base``, not all equal.
    time_base
        Seconds per tick.
    stated_fps
        The rate the container states, rounded to two decimals; it decides between rates that the timestamps of a short
        video cannot tell apart.

    Examples
    --------
    >>> timing_of(np.array([0, 33, 67, 100]), Fraction(1, 1000)).fps
    Fraction(30, 1)
    >>> timing_of(np.array([0, 1001, 2002]), Fraction(1, 30000)).fps
    Fraction(30000, 1001)
    >>> timing_of(np.array([0, 40, 80, 160]), Fraction(1, 1000)).fps is None
    True
    """
    steps = np.diff(ticks)
    mean_fps = (len(ticks) - 1) / (int(ticks[-1] - ticks[0]) * time_base)
    median = float(np.median(steps))
    # Two neighbors may be off to different sides.
    irregular = np.flatnonzero(np.abs(steps - median) > _tolerance(median, 2 * _NEGLIGIBLE))
    return FrameTiming(
        fps=None if len(irregular) else _constant_fps(ticks, time_base, mean_fps, stated_fps),
        mean_fps=mean_fps,
        shortest_s=float(steps.min() * time_base),
        median_s=median * float(time_base),
        longest_s=float(steps.max() * time_base),
        n_irregular=len(irregular),
        first_irregular=int(irregular[0]) if len(irregular) else None,
        largest_offset_s=float(np.abs(_offsets(ticks, time_base, mean_fps)).max()) * float(time_base),
    )


def _constant_fps(
    ticks: NDArray[np.int64], time_base: Fraction, mean_fps: Fraction, stated_fps: Fraction | None
) -> Fraction | None:
    fitting = [fps for fps in _candidates(ticks, time_base, mean_fps, stated_fps) if _fits(ticks, time_base, fps)]
    as_stated = [fps for fps in fitting if stated_fps is not None and _prints_as(fps, stated_fps)]
    return next(iter(as_stated or fitting), None)


def _candidates(
    ticks: NDArray[np.int64], time_base: Fraction, mean_fps: Fraction, stated_fps: Fraction | None
) -> Iterator[Fraction]:
    """Yield rates from the plainest to the least plain; the first that fits is taken."""
    steps = np.diff(ticks)
    if steps.min() == steps.max() > 0:
        yield 1 / (int(steps[0]) * time_base)
    near = [mean_fps] if stated_fps is None else [mean_fps, stated_fps]
    yield from (Fraction(round(fps)) for fps in near if round(fps) > 0)
    yield from (round(fps * 1001 / 1000) * Fraction(1000, 1001) for fps in near if round(fps * 1001 / 1000) > 0)
    if stated_fps:
        yield stated_fps
    yield from (Fraction(round(mean_fps * unit), unit) for unit in (10, 100, 1000) if round(mean_fps * unit) > 0)
    # An odd rate, from all timestamps and not only the first and the last.
    slope = float(np.polyfit(np.arange(len(ticks)), ticks - ticks[0], 1)[0])
    yield from (Fraction(1 / slope / float(time_base)).limit_denominator(limit) for limit in (1000, 1_000_000))


def _fits(ticks: NDArray[np.int64], time_base: Fraction, fps: Fraction) -> bool:
    offsets = _offsets(ticks, time_base, fps)
    return bool(np.ptp(offsets) <= _tolerance(float(1 / (fps * time_base)), _NEGLIGIBLE))


def _offsets(ticks: NDArray[np.int64], time_base: Fraction, fps: Fraction) -> NDArray[np.float64]:
    period = float(1 / (fps * time_base))
    return np.asarray(ticks - ticks[0] - np.arange(len(ticks)) * period, dtype=np.float64)


def _tolerance(period: float, negligible: float) -> float:
    return min(max(_ROUNDING_TICKS, negligible * period), _NEVER_A_ROUNDING * period)


def _prints_as(fps: Fraction, stated_fps: Fraction) -> bool:
    return round(fps * 100) == round(stated_fps * 100)
