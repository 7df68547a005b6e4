from __future__ import annotations

import dataclasses
import re

import pytest

from nsp_core.arena import Arena
from nsp_core.errors import FeatureError
from nsp_core.features import lookup
from nsp_core.features.catalog import CATALOG
from nsp_core.features.lookup import available_features, definition_digest, feature_key, require_computable, spec

CORE = ["nose", "center", "tail_base"]
ROLES = {"nose": ("snout",), "center": ("left", "right"), "tail_base": ("tail",)}
BOX = Arena.rectangle((0, 0), (100, 100), regions={"shelter": ((0, 0), (9, 0), (9, 9))}, objects={"water": (50, 0)})


@pytest.mark.parametrize(
    ("name", "feature", "named"),
    [
        ("speed", "speed", None),
        ("in_region_shelter", "in_region", "shelter"),
        ("object_distance_water_2", "object_distance", "water_2"),
        ("point_speed_left_paw", "point_speed", "left_paw"),
        ("point_distance_nose_to_left_paw", "point_distance", "nose_to_left_paw"),
    ],
)
def test_a_feature_is_found_by_the_name_programs_use(name: str, feature: str, named: str | None) -> None:
    found = spec(name)
    assert (found.spec.name, found.named, found.name) == (feature, named, name)


def test_a_feature_of_a_place_says_which() -> None:
    assert spec("in_region_shelter").definition.endswith("(shelter).")


def test_an_unknown_feature_is_refused_with_the_closest_name() -> None:
    with pytest.raises(FeatureError, match=r"unknown feature 'nose_to_nse'.*did you mean 'nose_to_nose'"):
        spec("nose_to_nse")


def test_a_feature_of_a_place_without_one_is_refused() -> None:
    with pytest.raises(FeatureError, match=r"unknown feature 'in_region'.*did you mean 'in_region_<region>'"):
        spec("in_region")


@pytest.mark.parametrize(
    "name", ["point_length_nose", "point_length_nose_to_", "point_length_a_to_b_to_c", "point_speed_"]
)
def test_a_feature_of_points_without_its_roles_is_refused(name: str) -> None:
    with pytest.raises(FeatureError, match=rf"unknown feature '{name}'.*did you mean 'point_"):
        spec(name)


def test_a_feature_of_points_needs_the_roles_it_names() -> None:
    require_computable(spec("point_length_nose_to_tail_base"), CORE, 1, None, "r")
    with pytest.raises(FeatureError, match="expected the role paw"):
        require_computable(spec("point_length_nose_to_paw"), CORE, 1, None, "r")
    key = feature_key("point_speed_nose", ROLES)
    assert key == feature_key("point_speed_nose", {**ROLES, "tail_base": ("rump",)})
    assert key != feature_key("point_speed_nose", {**ROLES, "nose": ("chin",)})


def test_an_unknown_feature_unlike_any_other_says_where_all_are_listed() -> None:
    with pytest.raises(FeatureError, match=r"expected one of the \d+ features that 'nsp features' lists; look there"):
        spec("zzz")


def test_available_features_depend_on_roles_and_animals() -> None:
    two, one = available_features(CORE, 2), available_features(CORE, 1)
    assert set(one) == {name for name in two if spec(name).spec.arity == "individual"}
    assert set(available_features(["left_ear"], 2)) == {
        *("elongation", "ellipse_major", "ellipse_minor", "ellipse_area"),
        *("ellipse_gap", "ellipse_overlap", "contact", "area_ratio"),
    }
    assert "bend" not in available_features(["nose", "tail_base"], 2)
    assert "head_body_angle" in available_features([*CORE, "neck"], 1)


def test_what_synthesis_is_not_offered_is_there_for_who_asks() -> None:
    offered, all_of_them = (available_features(CORE, 2, BOX, offered_only=only) for only in (True, False))
    assert set(offered) < set(all_of_them)
    unoffered = {"heading", "bearing", "centroid_x", "centroid_y", "jerk", "missing_share"}
    assert unoffered <= set(all_of_them) - set(offered)


def test_arena_features_need_an_arena_and_are_there_once_for_every_place() -> None:
    assert not [name for name in available_features(CORE, 1) if spec(name).spec.family == "arena"]
    assert [name for name in available_features(CORE, 1, BOX) if spec(name).spec.family == "arena"] == [
        *("wall_distance", "wall_distance_share", "center_distance", "corner_distance", "thigmotaxis"),
        *("in_region_shelter", "region_distance_shelter", "object_distance_water"),
    ]
    round_one = available_features(CORE, 1, Arena.circle((50, 50), 40))
    assert "wall_distance" in round_one
    assert "corner_distance" not in round_one


@pytest.mark.parametrize(
    ("name", "arena", "message"),
    [
        ("thigmotaxis", None, "recording whose arena is not known, expected an arena with an outline"),
        ("corner_distance", Arena.circle((0, 0), 9), "an arena without corners, expected an arena with corners"),
        ("in_region_nest", BOX, "an arena with the regions shelter, expected an arena with the region 'nest'"),
        ("object_distance_toy", BOX, "an arena with the objects water, expected an arena with the object 'toy'"),
    ],
)
def test_a_feature_whose_place_is_unknown(name: str, arena: Arena | None, message: str) -> None:
    with pytest.raises(FeatureError, match=rf"{message}.*state it under \[arena\]"):
        require_computable(spec(name), CORE, 1, arena, "recording 1")


def test_a_key_depends_on_the_definition_and_on_the_keypoints_the_feature_uses() -> None:
    key = feature_key("nose_speed", ROLES)
    assert re.fullmatch("[0-9a-f]{64}", key)
    assert key == feature_key("nose_speed", {**ROLES, "tail_base": ("rump",)}, BOX)
    assert key != feature_key("nose_speed", {**ROLES, "nose": ("chin",)})
    assert key != feature_key("tail_base_speed", ROLES)
    assert feature_key("speed", ROLES) != feature_key("speed", {**ROLES, "center": ("left",)})
    assert feature_key("elongation", ROLES) != feature_key("elongation", {**ROLES, "body": ("left", "right", "tail")})


def test_a_key_depends_on_the_arena_and_the_place_where_they_matter() -> None:
    moved = dataclasses.replace(BOX, objects={"water": (0, 50), "food": (0, 50)})
    at_water = feature_key("object_distance_water", ROLES, BOX)
    assert at_water != feature_key("object_distance_water", ROLES, moved)
    assert feature_key("object_distance_food", ROLES, moved) != feature_key("object_distance_water", ROLES, moved)


def test_a_definition_digest_changes_with_the_definition_and_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = definition_digest("speed"), definition_digest("nose_speed")
    redefined = dataclasses.replace(CATALOG[0], definition="Another meaning.")
    monkeypatch.setattr(lookup, "CATALOG", (redefined, *CATALOG[1:]))
    assert definition_digest("speed") != before[0]
    assert definition_digest("nose_speed") == before[1]
    monkeypatch.setattr(lookup, "CATALOG_VERSION", lookup.CATALOG_VERSION + 1)
    assert definition_digest("nose_speed") != before[1]


def test_a_growing_catalog_leaves_the_meaning_of_what_there_was(monkeypatch: pytest.MonkeyPatch) -> None:
    before = definition_digest("in_region_shelter")
    further = dataclasses.replace(CATALOG[0], name="further")
    monkeypatch.setattr(lookup, "CATALOG", (further, *CATALOG))
    assert definition_digest("in_region_shelter") == before != definition_digest("in_region_nest")


def test_a_name_that_is_not_in_the_catalog_counts_as_itself() -> None:
    assert definition_digest("wing_angle") != definition_digest("wing_length")
