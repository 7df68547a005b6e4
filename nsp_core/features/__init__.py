"""Features of animals and dyads: a catalog, their computation, windows over them, and the sequences programs read."""

from __future__ import annotations

from nsp_core.features.catalog import CATALOG, CATALOG_VERSION
from nsp_core.features.compute import compute_features, feature_chunks
from nsp_core.features.lookup import NamedFeature, available_features, catalog_digest, feature_key, spec
from nsp_core.features.span import Window
from nsp_core.features.spec import FeatureSpec
from nsp_core.features.temporal import TEMPORAL_OPERATORS, TemporalOperator, temporal_operator_for
from nsp_core.features.views import feature_sequence, feature_sequences, participants, swap_reference
from nsp_core.features.window import window_max, window_mean, window_min, window_std

__all__ = [
    "CATALOG",
    "CATALOG_VERSION",
    "TEMPORAL_OPERATORS",
    "FeatureSpec",
    "NamedFeature",
    "TemporalOperator",
    "Window",
    "available_features",
    "catalog_digest",
    "compute_features",
    "feature_chunks",
    "feature_key",
    "feature_sequence",
    "feature_sequences",
    "participants",
    "spec",
    "swap_reference",
    "temporal_operator_for",
    "window_max",
    "window_mean",
    "window_min",
    "window_std",
]
