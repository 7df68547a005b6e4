from __future__ import annotations

import dataclasses
import re

import pytest

from nsp_core.errors import FeatureError
from nsp_core.features import catalog
from nsp_core.features.catalog import CATALOG, catalog_digest, spec
from nsp_core.features.geometry import CENTROID, CORE_ROLES
from nsp_core.units import parse_unit


def test_the_first_set() -> None:
    assert [feature.name for feature in CATALOG] == [
        "speed",
        "nose_speed",
        "body_length",
        "elongation",
        "turning_speed",
        "bend",
        "centroid_distance",
        "nose_to_nose",
        "closest_distance",
        "relative_orientation",
        "distance_change",
        "nose_to_tail_base",
        "nose_to_body",
        "facing_angle",
        "approach_speed",
    ]


@pytest.mark.parametrize("feature", CATALOG, ids=lambda feature: feature.name)
def test_every_entry_is_complete_and_readable_in_a_program(feature: catalog.FeatureSpec) -> None:
    assert re.fullmatch("[a-z][a-z_]*", feature.name)
    assert feature.definition.endswith(".")
    assert feature.source
    assert feature.range[0] < feature.range[1]
    assert set(feature.roles) <= {*CORE_ROLES, CENTROID}


def test_symbols_are_unique() -> None:
    assert len({feature.symbol for feature in CATALOG}) == len(CATALOG)


@pytest.mark.parametrize(
    ("name", "in_mm", "in_body_lengths", "dimension"),
    [
        ("speed", "mm/s", "bl/s", "length/time"),
        ("nose_to_nose", "mm", "bl", "length"),
        ("turning_speed", "rad/s", "rad/s", "angle/time"),
        ("facing_angle", "rad", "rad", "angle"),
        ("elongation", "", "", ""),
    ],
)
def test_units_and_dimensions(name: str, in_mm: str, in_body_lengths: str, dimension: str) -> None:
    feature = spec(name)
    assert (str(feature.unit("mm")), str(feature.unit("body"))) == (in_mm, in_body_lengths)
    assert parse_unit(in_body_lengths) == feature.unit("body")
    assert feature.dimension == dimension


def test_an_unknown_feature_is_refused_with_the_closest_name() -> None:
    with pytest.raises(FeatureError, match=r"unknown feature 'nose_to_nse'.*did you mean 'nose_to_nose'"):
        spec("nose_to_nse")


def test_an_unknown_feature_unlike_any_other_lists_what_there_is() -> None:
    with pytest.raises(FeatureError, match=r"expected one of speed, nose_speed.*see the feature catalog"):
        spec("zzz")


def test_the_digest_changes_with_a_definition_and_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = catalog_digest()
    assert re.fullmatch("[0-9a-f]{64}", before)
    monkeypatch.setattr(catalog, "CATALOG_VERSION", catalog.CATALOG_VERSION + 1)
    newer = catalog_digest()
    redefined = dataclasses.replace(CATALOG[0], definition="Another meaning.")
    monkeypatch.setattr(catalog, "CATALOG", (redefined, *CATALOG[1:]))
    assert len({before, newer, catalog_digest()}) == 3
