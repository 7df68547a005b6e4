"""How alike two clips are in what the animals did: by the means of their features, whatever the units of these are."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

__all__ = ["apart", "mean_values", "scaled_means"]

IQR_OF_NORMAL = 1.349  # interquartile range in standard deviations
FARTHEST = 4.0


def mean_values(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the mean (feature,) of values (time, feature); NaN for what is missing throughout."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0).sum(axis=0, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def scaled_means(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return means (window, feature) from the median, in robust standard deviations; 0 where missing.

    An outlier of the tracker is no farther than :data:`FARTHEST`.
    """
    scaled = np.zeros_like(means)
    for column, own in enumerate(means.T):
        known = ~np.isnan(own)
        low, middle, high = np.quantile(own[known], (0.25, 0.5, 0.75)) if known.any() else (0.0, 0.0, 0.0)
        # A feature that hardly ever differs has no spread to be measured in: any difference is far.
        spread = (high - low) / IQR_OF_NORMAL or np.finfo(np.float64).tiny
        with np.errstate(over="ignore"):
            scaled[known, column] = np.clip((own[known] - middle) / spread, -FARTHEST, FARTHEST)
    return scaled


def apart(features: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how unlike clips are (window, other): 0 alike, one half as far apart as by chance, 1 infinitely far."""
    # Two independent features are the square root of two standard deviations apart.
    distances: NDArray[np.float64] = cdist(features, others) / math.sqrt(2 * max(features.shape[1], 1))
    return distances / (1 + distances)
