"""Which of two annotators starts and ends bouts earlier, with an interval.

The median of the differences of matched bouts does not mind the few that are matched by accident. Bouts of one
recording resemble each other, so whole recordings are drawn where two or more have matched bouts. With one recording
bouts are drawn as if each were on its own: as far as they are not, the interval is too narrow.

References
----------
Efron, B. & Tibshirani, R. (1993). An Introduction to the Bootstrap, section 13.3 (percentile interval).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nsp_core.evaluate.bootstrap import Interval

__all__ = ["TimingDifference", "percentile_interval", "timing_difference"]

N_RESAMPLES = 1000
TAIL_PERCENT = 2.5


@dataclass(frozen=True, slots=True)
class TimingDifference:
    """How much earlier the first of two annotators is.

    Attributes
    ----------
    median_s
        Median of first minus second in seconds; negative where the first is earlier. NaN without a difference.
    interval
        Its 95 % interval; (NaN, NaN) with fewer than two recordings and fewer than two bouts.
    n
        Bouts that it is the median of.
    drawn
        What was drawn for the interval; empty where nothing could be.
    """

    median_s: float
    interval: Interval
    n: int
    drawn: Literal["recordings", "bouts", ""]


def timing_difference(
    differences: Sequence[NDArray[np.float64]],
    fps: float,
    *,
    generator: np.random.Generator,
    n_resamples: int = N_RESAMPLES,
) -> TimingDifference:
    """Return the median difference in seconds and its 95 % interval.

    Parameters
    ----------
    differences
        One array (bout,) of frames per recording; NaN where there is no difference.
    fps
        Frames per second.
    generator
        Draws recordings or bouts.
    n_resamples
        Number of draws.

    Examples
    --------
    >>> one, other = np.array([-3.0, -6.0, np.nan]), np.array([-9.0])
    >>> found = timing_difference([one, other], 30.0, generator=np.random.default_rng(0))
    >>> found.median_s, found.n, found.drawn
    (-0.2, 3, 'recordings')
    """
    known = [own[~np.isnan(own)] for own in differences]
    groups = [own for own in known if own.size]
    values = np.concatenate([np.zeros(0), *groups])
    if values.size == 0:
        return TimingDifference(math.nan, Interval(math.nan, math.nan), 0, "")
    median_s = float(np.median(values)) / fps
    if len(groups) > 1:
        group = np.repeat(np.arange(len(groups)), [own.size for own in groups])
        drawn: Literal["recordings", "bouts"] = "recordings"
    elif values.size > 1:
        group, drawn = np.arange(values.size), "bouts"
    else:
        return TimingDifference(median_s, Interval(math.nan, math.nan), 1, "")
    n_groups = int(group[-1]) + 1
    draws = generator.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_resamples)
    interval = percentile_interval(_medians(values, draws[:, group]) / fps)
    return TimingDifference(median_s, interval, values.size, drawn)


def percentile_interval(values: NDArray[np.float64]) -> Interval:
    """Return the central 95 % of ``values`` (resample,), NaN left out; (NaN, NaN) where none is left.

    Examples
    --------
    >>> percentile_interval(np.arange(201.0))
    Interval(low=5.0, high=195.0)
    """
    known = values[~np.isnan(values)]
    if known.size == 0:
        return Interval(math.nan, math.nan)
    low, high = np.percentile(known, [TAIL_PERCENT, 100 - TAIL_PERCENT])
    return Interval(float(low), float(high))


def _medians(values: NDArray[np.float64], times: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the median of ``values`` (bout,), each taken as often as ``times`` (resample, bout) says, per resample."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(times[:, order], axis=1)
    n = reached[:, -1]
    # Of an even number, the median lies halfway between the two in the middle.
    lower, upper = ((reached < rank[:, np.newaxis]).sum(axis=1) for rank in ((n + 1) // 2, n // 2 + 1))
    medians: NDArray[np.float64] = (values[order][lower] + values[order][upper]) / 2
    return medians
