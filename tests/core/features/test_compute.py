from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.errors import FeatureError, PoseError
from nsp_core.features import CATALOG, available_features, catalog_digest, compute_features
from nsp_core.poses import make_poses
from nsp_core.units import parse_unit

Film = Callable[..., xr.Dataset]
Roles = dict[str, tuple[str, ...]]


def wandering(film: Film, seed: int, n_animals: int = 3, **recorded: float) -> xr.Dataset:
    """Animals 150 px apart that jump about within 60 px, a fifth of their points missing."""
    rng = np.random.default_rng(seed)
    center = rng.uniform(0, 60, size=(25, n_animals, 2)) @ [1, 1j] + 150 * np.arange(n_animals)
    poses = film(center, rng.uniform(-math.pi, math.pi, size=center.shape), **recorded)
    missing = rng.random(poses["confidence"].shape) < 0.2
    position = np.where(missing[:, np.newaxis], np.nan, poses["position"].values)
    return poses.assign(position=poses["position"].copy(data=position))


@pytest.fixture(scope="session")
def two(film: Film) -> xr.Dataset:
    return wandering(film, 0, n_animals=2)


def test_variables_have_the_dims_and_units_the_catalog_promises(two: xr.Dataset, roles: Roles) -> None:
    features = compute_features(two, roles)
    assert list(features.data_vars) == [feature.name for feature in CATALOG]
    for feature in CATALOG:
        variable = features[feature.name]
        pairs = feature.arity != "individual"
        assert variable.dims == (("time", "individual", "target") if pairs else ("time", "individual"))
        assert variable.dtype == np.float32
        assert parse_unit(variable.attrs["units"]) == feature.unit("body")
        assert variable.attrs["length_reference"] == ("body" if feature.length else "")
        assert variable.attrs["arity"] == feature.arity
        assert variable.attrs["long_name"] == feature.definition
    assert features["individual"].values.tolist() == features["target"].values.tolist() == ["abe", "bob"]


def test_the_dataset_says_where_it_comes_from(two: xr.Dataset, roles: Roles) -> None:
    attrs = compute_features(two, roles, ["speed"]).attrs
    assert (attrs["recording"], attrs["fps"], attrs["ds_type"]) == ("recording_1", 30.0, "features")
    assert (attrs["length_reference"], attrs["feature_catalog"]) == ("body", catalog_digest())
    assert attrs["body_length_px"] == pytest.approx(40, rel=1e-4)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_every_feature_stays_in_its_range_and_pairs_are_symmetric(film: Film, roles: Roles, seed: int) -> None:
    features = compute_features(wandering(film, seed), roles)
    for feature in CATALOG:
        values = features[feature.name].values
        seen = values[np.isfinite(values)]
        assert not np.isinf(values).any()
        assert (seen >= feature.range[0] - 1e-6).all()
        assert (seen <= feature.range[1] + 1e-6).all()
        if feature.arity != "individual":
            assert np.isnan(values[:, range(3), range(3)]).all()
        if feature.arity == "pair":
            np.testing.assert_array_equal(values, values.transpose(0, 2, 1))


@given(st.integers(0, 2**32 - 1), st.floats(-math.pi, math.pi), st.floats(-300, 300), st.floats(-300, 300))
@settings(max_examples=25)
def test_features_do_not_depend_on_where_the_camera_is(
    film: Film, roles: Roles, seed: int, angle: float, right: float, down: float
) -> None:
    poses = wandering(film, seed)
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    moved_position = np.einsum("st,ftki->fski", rotation, poses["position"].values)
    moved_position += np.array([right, down]).reshape(1, 2, 1, 1)
    moved = poses.assign(position=poses["position"].copy(data=moved_position.astype(np.float32)))
    assert_same(compute_features(poses, roles), compute_features(moved, roles))


@given(st.integers(0, 2**32 - 1), st.permutations(range(3)))
@settings(max_examples=25)
def test_features_do_not_depend_on_the_order_of_individuals(
    film: Film, roles: Roles, seed: int, order: list[int]
) -> None:
    poses = wandering(film, seed)
    features = compute_features(poses, roles)
    reordered = compute_features(poses.isel(individual=order), roles)
    names = features["individual"].values
    assert_same(features, reordered.sel(individual=names, target=names))


def assert_same(first: xr.Dataset, second: xr.Dataset) -> None:
    assert list(first.data_vars) == list(second.data_vars)
    for name in first.data_vars:
        np.testing.assert_allclose(first[name].values, second[name].values, rtol=1e-3, atol=1e-3, err_msg=str(name))


def test_the_scale_moves_millimeters_and_not_body_lengths(film: Film, roles: Roles) -> None:
    features = {scale: wandering(film, 3, scale_mm_per_px=scale) for scale in (0.5, 1.0)}
    in_mm = {scale: compute_features(poses, roles) for scale, poses in features.items()}
    in_body = {scale: compute_features(poses, roles, length_unit="body") for scale, poses in features.items()}
    xr.testing.assert_equal(in_body[0.5], in_body[1.0])
    for feature in CATALOG:
        factor = 2.0**feature.length
        np.testing.assert_allclose(in_mm[1.0][feature.name], in_mm[0.5][feature.name] * factor, rtol=1e-5)


def test_a_camera_twice_as_near_changes_pixels_and_not_body_lengths(film: Film, roles: Roles) -> None:
    poses = wandering(film, 4)
    near = poses.assign(position=poses["position"] * 2)
    assert_same(compute_features(poses, roles), compute_features(near, roles))
    in_px = [compute_features(p, roles, ["nose_to_nose"], length_unit="px")["nose_to_nose"] for p in (poses, near)]
    np.testing.assert_allclose(in_px[1], in_px[0] * 2)


@pytest.mark.parametrize(("scale", "unit"), [(0.5, "mm/s"), (None, "bl/s")])
def test_lengths_are_millimeters_where_the_scale_is_known(
    film: Film, roles: Roles, scale: float | None, unit: str
) -> None:
    features = compute_features(film(np.zeros((9, 1)), scale_mm_per_px=scale), roles, ["speed"])
    assert features["speed"].attrs["units"] == unit


def test_only_what_is_asked_is_there_and_needs_its_roles(film: Film) -> None:
    poses = film(np.zeros((9, 2)))
    features = compute_features(poses, {"nose": ("nose",)}, ["nose_to_nose", "nose_to_nose"], length_unit="px")
    assert list(features.data_vars) == ["nose_to_nose"]
    assert "body_length_px" not in features.attrs


def test_without_names_the_roles_decide(film: Film) -> None:
    features = compute_features(film(np.zeros((9, 1))), {"center": ("center",)}, length_unit="px")
    assert tuple(features.data_vars) == available_features(["center"], 1) == ("speed", "elongation")


def test_a_large_skeleton_costs_what_is_asked() -> None:
    position = np.full((4, 2, 140, 2), np.nan, dtype=np.float32)
    position[:, 0, :3] = [[20, 120], [0, 100], [-20, 80]]
    position[:, 1, :3] = 0
    poses = make_poses(
        position,
        np.full((4, 140, 2), np.nan),
        recording="r",
        keypoints=[f"point_{k}" for k in range(140)],
        individuals="ab",
        fps=30.0,
    )
    roles = {"nose": ("point_0",), "center": ("point_1",), "tail_base": ("point_2",)}
    features = compute_features(poses, roles, ["nose_to_tail_base", "centroid_distance", "bend"])
    assert len(features.data_vars) == 3
    assert features["nose_to_tail_base"].values[0, 0, 1] == pytest.approx(60 / 40)


def test_available_features_depend_on_roles_and_animals() -> None:
    everything = tuple(feature.name for feature in CATALOG)
    assert available_features(["nose", "center", "tail_base"], 2) == everything
    assert available_features(["nose", "center", "tail_base"], 1) == everything[:6]
    assert available_features(["left_ear"], 2) == ("elongation",)
    assert "bend" not in available_features(["nose", "tail_base"], 2)


def test_angles_need_no_length(film: Film) -> None:
    poses = film(np.zeros((9, 1)))
    assert compute_features(poses, {"center": ("center",)}, ["elongation"])["elongation"].notnull().all()


def test_unknown_feature(two: xr.Dataset, roles: Roles) -> None:
    with pytest.raises(FeatureError, match="did you mean 'speed'"):
        compute_features(two, roles, ["sped"])


def test_missing_role(two: xr.Dataset) -> None:
    roles = {"nose": ("nose",), "tail_base": ("tail_base",)}
    with pytest.raises(FeatureError, match=r"the feature bend and the roles nose, tail_base, expected the role center"):
        compute_features(two, roles, ["bend"])


def test_missing_centroid(two: xr.Dataset) -> None:
    with pytest.raises(FeatureError, match=r"roles \(none\), expected one of nose, center, tail_base"):
        compute_features(two, {}, ["speed"])


def test_unknown_keypoint(two: xr.Dataset, roles: Roles) -> None:
    wrong = {**roles, "nose": ("noze",)}
    with pytest.raises(FeatureError, match=r"unknown keypoint 'noze' in the role nose.*did you mean 'nose'"):
        compute_features(two, wrong)


def test_empty_role(two: xr.Dataset, roles: Roles) -> None:
    with pytest.raises(FeatureError, match=r"the empty role ear.*correct the roles"):
        compute_features(two, {**roles, "ear": ()})


def test_the_centroid_is_no_role(two: xr.Dataset, roles: Roles) -> None:
    with pytest.raises(FeatureError, match=r"a role 'centroid'.*give its keypoints the role center"):
        compute_features(two, {**roles, "centroid": ("center",)})


def test_one_animal_where_the_feature_needs_two(film: Film, roles: Roles) -> None:
    with pytest.raises(FeatureError, match="one animal where the feature nose_to_nose needs two"):
        compute_features(film(np.zeros((9, 1))), roles, ["nose_to_nose"])


def test_millimeters_without_scale(two: xr.Dataset, roles: Roles) -> None:
    with pytest.raises(PoseError, match="recording_1: found no scale_mm_per_px"):
        compute_features(two, roles, length_unit="mm")


def test_body_lengths_that_cannot_be_measured(two: xr.Dataset, roles: Roles) -> None:
    never_together = two.copy(deep=True)
    never_together["position"][::2, :, 0] = np.nan
    never_together["position"][1::2, :, 4] = np.nan
    for poses, known in [
        (never_together, roles),
        (two, {"center": ("center",)}),
        (two, {"nose": ("nose",), "tail_base": ("nose",)}),
    ]:
        with pytest.raises(PoseError, match=r"no body length.*state scale_mm_per_px"):
            compute_features(poses, known, ["speed"])
