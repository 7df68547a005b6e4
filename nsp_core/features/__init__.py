"""Features of animals and dyads: a catalog, their computation, windows over them, and the sequences programs read."""

from __future__ import annotations

from nsp_core.features.catalog import CATALOG, CATALOG_VERSION, FeatureSpec, catalog_digest, spec
from nsp_core.features.compute import available_features, compute_features
from nsp_core.features.views import feature_sequence, feature_sequences, participants, swap_reference
from nsp_core.features.window import window_max, window_mean, window_min, window_std

__all__ = [
    "CATALOG",
    "CATALOG_VERSION",
    "FeatureSpec",
    "available_features",
    "catalog_digest",
    "compute_features",
    "feature_sequence",
    "feature_sequences",
    "participants",
    "spec",
    "swap_reference",
    "window_max",
    "window_mean",
    "window_min",
    "window_std",
]
