from __future__ import annotations

import re

import pytest

from nsp_core.features.catalog import CATALOG
from nsp_core.features.geometry import CENTROID
from nsp_core.features.spec import FeatureSpec
from nsp_core.units import parse_unit

KNOWN_ROLES = {
    *("nose", "center", "tail_base", CENTROID),
    *("neck", "left_ear", "right_ear", "left_hip", "right_hip", "tail_tip"),
}


@pytest.mark.parametrize("feature", CATALOG, ids=lambda feature: feature.name)
def test_every_entry_is_complete_and_readable_in_a_program(feature: FeatureSpec) -> None:
    assert re.fullmatch("[a-z][a-z_]*", feature.name)
    assert feature.definition.endswith(".")
    assert feature.formula
    assert feature.source
    assert feature.range[0] < feature.range[1]
    assert set(feature.roles) <= KNOWN_ROLES
    assert parse_unit(str(feature.unit("body"))) == feature.unit("body")


def test_names_and_symbols_are_unique() -> None:
    assert len({feature.name for feature in CATALOG}) == len(CATALOG)
    assert len({feature.symbol for feature in CATALOG}) == len(CATALOG)


def test_no_name_is_the_beginning_of_a_feature_that_takes_a_name() -> None:
    for placed in (feature for feature in CATALOG if feature.takes_name):
        assert not [feature.name for feature in CATALOG if feature.name.startswith(f"{placed.name}_")]


def test_what_needs_a_side_a_camera_or_the_tracker_is_not_offered() -> None:
    for feature in CATALOG:
        of_the_camera = "Depends on" in feature.definition
        if feature.mirrored or feature.circular or of_the_camera or feature.family == "tracking":
            assert not feature.offered, feature.name


@pytest.mark.parametrize(
    ("name", "in_mm", "in_body_lengths", "dimension"),
    [
        ("speed", "mm/s", "bl/s", "length/time"),
        ("jerk", "mm/s^3", "bl/s^3", "length/time^3"),
        ("ellipse_area", "mm^2", "bl^2", "length^2"),
        ("nose_to_nose", "mm", "bl", "length"),
        ("centroid_x", "mm", "bl", "length"),
        ("turning_speed", "rad/s", "rad/s", "angle/time"),
        ("path_curvature", "rad/mm", "rad/bl", "angle/length"),
        ("facing_angle", "rad", "rad", "angle"),
        ("elongation", "", "", ""),
        ("wall_distance_share", "arena", "arena", "length"),
    ],
)
def test_units_and_dimensions(name: str, in_mm: str, in_body_lengths: str, dimension: str) -> None:
    (feature,) = [candidate for candidate in CATALOG if candidate.name == name]
    assert (str(feature.unit("mm")), str(feature.unit("body"))) == (in_mm, in_body_lengths)
    assert feature.dimension == dimension
