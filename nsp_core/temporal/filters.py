"""Gaussian and Morlet filters over series with missing frames, with widths in seconds and frequencies in Hz.

The weight at a lag of ``t`` seconds is ``exp(-(t / sigma)^2 / 2)`` for the Gaussian, times ``cos(2 pi f t)`` for the
Morlet filter, out to four sigma on either side. The weighted sum over the valid frames is divided by the sum of their
absolute weights: neither the frame rate, nor the length of the clip, nor a gap changes the scale of the result.

Both are computed as they are written, by direct correlation in float64. The time therefore grows with sigma, unlike
that of the windows in :mod:`nsp_core.temporal.window`, but a result depends on nothing outside four sigma, to the bit:
a chunk with the margin of :func:`filter_window` gives the bits of the whole recording.

References
----------
Morlet, Arens, Fourgeau & Giard 1982, Geophysics 47, 222-236, doi:10.1190/1.1441329.
Knutsson & Westin 1993, CVPR, 515-523, doi:10.1109/CVPR.1993.341081 (normalized convolution: missing frames).
Tjandrasuwita, Sun, Kennedy, Chaudhuri & Yue 2021, arXiv:2106.06114 (the Morlet filter as an operator of behavior
programs; there the plain sum, which changes with the frame rate and the length of the clip).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from nsp_core.errors import ProgramError
from nsp_core.temporal.blocks import known_frames
from nsp_core.temporal.span import LONGEST_FRAMES, Window, usable_fps
from nsp_core.temporal.window import Series

__all__ = ["TRUNCATION_SIGMAS", "filter_window", "gaussian_filter", "morlet_filter"]

TRUNCATION_SIGMAS = 4.0
"""Lags beyond this many sigma have weight zero (at most 0.0003 of the weight at lag zero)."""

_NO_WEIGHT = 1e-12  # the cosine of a quarter period is zero but for rounding


def gaussian_filter(values: NDArray[np.floating], *, sigma_s: float, fps: float | None) -> Series:
    """Return the Gaussian-weighted mean of the valid frames around each frame.

    Parameters
    ----------
    values
        Shape (time, ...), finite, NaN where missing.
    sigma_s
        Standard deviation of the weights, in seconds.
    fps
        Frames per second.

    Returns
    -------
    Shape of ``values``, float32; NaN where no frame within four sigma is valid.

    Raises
    ------
    ProgramError
        If ``sigma_s`` is not positive and finite, or the frame rate is unknown.

    Examples
    --------
    >>> gaussian_filter(np.array([2.0, np.nan, 2.0, 2.0]), sigma_s=0.1, fps=30.0).tolist()
    [2.0, 2.0, 2.0, 2.0]
    """
    lags = _lags(sigma_s, fps, len(values))
    return _filtered(values, np.exp(-((lags / sigma_s) ** 2) / 2))


def morlet_filter(values: NDArray[np.floating], *, sigma_s: float, frequency_hz: float, fps: float | None) -> Series:
    """Return how strongly the valid frames around each frame go up and down ``frequency_hz`` times a second.

    Parameters
    ----------
    values, sigma_s, fps
        As in :func:`gaussian_filter`.
    frequency_hz
        Frequency of the cosine, at most half the frame rate.

    Returns
    -------
    Shape of ``values``, float32, in their unit, between plus and minus their largest size; NaN where no frame within
    four sigma is valid and has weight. At the crest of a cosine of that frequency and amplitude 1, with no gaps and
    several periods in sigma, it is about pi / 4; halfway to the trough, 0.

    Raises
    ------
    ProgramError
        If ``sigma_s`` or ``frequency_hz`` is not positive and finite, the frequency is more than half the frame rate,
        or the frame rate is unknown.

    Examples
    --------
    >>> seconds = np.arange(300) / 30.0
    >>> trotting = np.cos(2 * np.pi * 4.0 * seconds)
    >>> print(round(float(morlet_filter(trotting, sigma_s=0.5, frequency_hz=4.0, fps=30.0)[150]), 1))
    0.8
    """
    lags = _lags(sigma_s, fps, len(values))
    rate = usable_fps(fps, f"a filter of {frequency_hz:g} Hz")
    if not 0 < frequency_hz <= rate / 2:
        raise ProgramError(
            found=f"a filter of {frequency_hz:g} Hz at {rate:g} frames/s",
            expected=f"a frequency above 0 and at most {rate / 2:g} Hz, half the frame rate",
            where="filter",
            remedy="choose a frequency that the recording can show",
        )
    weights = np.exp(-((lags / sigma_s) ** 2) / 2) * np.cos(2 * np.pi * frequency_hz * lags)
    return _filtered(values, np.where(np.abs(weights) > _NO_WEIGHT, weights, 0.0))


def filter_window(sigma_s: float, fps: float | None) -> Window:
    """Return the frames that a filter of ``sigma_s`` seconds looks at: four sigma on either side.

    Raises
    ------
    ProgramError
        If ``sigma_s`` is not positive and finite, or the frame rate is unknown.

    Examples
    --------
    >>> filter_window(0.5, fps=30.0)
    Window(before=60, after=60)
    """
    if not (math.isfinite(sigma_s) and sigma_s > 0):
        raise ProgramError(
            found=f"a filter with a sigma of {sigma_s:g} s",
            expected="a positive, finite sigma",
            where="filter",
            remedy="give the filter a positive sigma in seconds",
        )
    reach = TRUNCATION_SIGMAS * sigma_s * usable_fps(fps, f"a filter with a sigma of {sigma_s:g} s")
    # A product that misses its whole number by rounding still reaches it.
    half = int(min(reach * (1 + 1e-12), LONGEST_FRAMES))
    return Window(half, half)


def _lags(sigma_s: float, fps: float | None, n_frames: int) -> NDArray[np.float64]:
    """Return the lags in seconds, no further than the recording is long."""
    half = min(filter_window(sigma_s, fps).before, n_frames)
    return np.arange(-half, half + 1) / usable_fps(fps, "a filter")


def _filtered(values: NDArray[np.floating], weights: NDArray[np.float64]) -> Series:
    if not values.size:
        return values.astype(np.float32)
    valid = ~np.isnan(values)
    filled = np.where(valid, values, 0.0).astype(np.float64, copy=False)
    total = correlate1d(filled, weights, axis=0, mode="constant")
    known = known_frames(valid).astype(np.float64)
    weight = correlate1d(known, np.abs(weights), axis=0, mode="constant")
    series = np.full(values.shape, np.nan, dtype=np.float32)
    np.divide(total, weight, out=series, where=weight > 0, casting="same_kind")
    return series
