"""Filters of a recording that ends at the frame itself: the weights of this frame and of those before it alone.

As in :mod:`nsp_core.temporal.filters`: in float64, over the sum of the absolute weights of the frames that are known.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate1d

from nsp_core.dsl.values import Numbers, Series
from nsp_core.temporal.filters import filter_window

__all__ = ["past_filter"]

_NO_WEIGHT = 1e-12  # the cosine of a quarter period is zero but for rounding


def past_filter(series: Numbers, *, fps: float, sigma_s: float, frequency_hz: float = 0.0) -> Series:
    """Return what the Gaussian or Morlet filter gives at each frame if the recording ends there.

    Parameters
    ----------
    series
        Shape (time, ...), finite, NaN where missing.
    fps, sigma_s, frequency_hz
        As in :func:`nsp_core.temporal.filters.morlet_filter`; a frequency of 0 is the Gaussian.

    Returns
    -------
    Shape of ``series``, float32; NaN where no frame so far, within four sigma, is known and has weight.

    Examples
    --------
    >>> past_filter(np.array([2.0, 2.0, np.nan, 8.0]), fps=30.0, sigma_s=0.001).tolist()
    [2.0, 2.0, nan, 8.0]
    """
    half = min(filter_window(sigma_s, fps).before, len(series))
    lags = np.arange(-half, half + 1) / fps
    weights = np.exp(-((lags / sigma_s) ** 2) / 2) * np.cos(2 * np.pi * frequency_hz * lags)
    weights[(lags > 0) | (np.abs(weights) <= _NO_WEIGHT)] = 0.0
    known = ~np.isnan(series)
    past = np.full(series.shape, np.nan, dtype=np.float32)
    if series.size:
        total = correlate1d(np.where(known, series, 0.0).astype(np.float64), weights, axis=0, mode="constant")
        weight = correlate1d(known.astype(np.float64), np.abs(weights), axis=0, mode="constant")
        np.divide(total, weight, out=past, where=weight > 0, casting="same_kind")
    return past
