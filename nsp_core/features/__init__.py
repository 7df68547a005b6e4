"""Features of animals and dyads: a catalog, their computation, and the sequences programs read."""

from __future__ import annotations

from nsp_core.features.catalog import CATALOG, CATALOG_VERSION
from nsp_core.features.compute import compute_features, feature_chunks
from nsp_core.features.lookup import NamedFeature, available_features, definition_digest, feature_key, spec
from nsp_core.features.spec import FeatureSpec
from nsp_core.features.views import feature_sequence, feature_sequences, participants, swap_reference

__all__ = [
    "CATALOG",
    "CATALOG_VERSION",
    "FeatureSpec",
    "NamedFeature",
    "available_features",
    "compute_features",
    "definition_digest",
    "feature_chunks",
    "feature_key",
    "feature_sequence",
    "feature_sequences",
    "participants",
    "spec",
    "swap_reference",
]
