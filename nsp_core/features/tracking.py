"""How well an individual is tracked. Where an animal is lost says much about what it does, and nothing about why.

Shapes are (individual, time); results have no unit. Not offered to synthesis unless asked for: a rule that reads the
tracker's confidence recognizes the tracker.
"""

from __future__ import annotations

import numpy as np

from nsp_core.features.geometry import Geometry
from nsp_core.features.vectors import Points, mean_seen

__all__ = ["confidence", "missing_share"]


def confidence(geometry: Geometry) -> Points:
    """Return the mean confidence over the keypoints that have one, on the tracker's own scale."""
    block = geometry.block_confidence
    return mean_seen([block[keypoint] for keypoint in range(len(block))])


def missing_share(geometry: Geometry) -> Points:
    """Return the share of the keypoints that are missing; after cleaning, of those it could not fill."""
    missing: Points = np.isnan(geometry.all_points[0]).mean(axis=0, dtype=np.float32)
    return missing
