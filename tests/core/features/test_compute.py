from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.arena import Arena
from nsp_core.errors import FeatureError, PoseError
from nsp_core.features import available_features, compute_features, feature_chunks, spec
from nsp_core.features import compute as compute_module
from nsp_core.poses import make_poses
from nsp_core.units import parse_unit

Film = Callable[..., xr.Dataset]
Roles = dict[str, tuple[str, ...]]

# The fixture's five keypoints, under every role the catalog knows.
ALL_ROLES: Roles = {
    "nose": ("nose",),
    "center": ("center",),
    "tail_base": ("tail_base",),
    "neck": ("left_ear", "right_ear"),
    "left_ear": ("left_ear",),
    "right_ear": ("right_ear",),
    "left_hip": ("left_ear", "center"),
    "right_hip": ("right_ear", "center"),
    "tail_tip": ("tail_base", "left_ear"),
}
ARENA = Arena(
    ((-50, -50), (500, -60), (520, 300), (-50, 200)),
    regions={"shelter": ((0, 0), (60, 0), (60, 60), (0, 50))},
    objects={"water": (70, 30)},
)


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


def everything(poses: xr.Dataset) -> tuple[str, ...]:
    return available_features(ALL_ROLES, poses.sizes["individual"], ARENA, offered_only=False)


def computed(poses: xr.Dataset, **settings: str) -> xr.Dataset:
    """Every feature of the catalog that these animals can have."""
    return compute_features(poses, ALL_ROLES, everything(poses), arena=ARENA, **settings)


def test_variables_have_the_dims_and_units_the_catalog_promises(two: xr.Dataset) -> None:
    features = computed(two)
    assert tuple(features.data_vars) == everything(two)
    for name, variable in features.data_vars.items():
        feature = spec(name).spec
        pairs = feature.arity != "individual"
        assert variable.dims == (("time", "individual", "target") if pairs else ("time", "individual"))
        assert variable.dtype == np.float32
        unit = parse_unit(variable.attrs["units"])
        assert unit == feature.unit("body")
        assert variable.attrs["length_reference"] == (unit.length_reference if feature.length else "")
        assert variable.attrs["dimension"] == feature.dimension
        assert variable.attrs["arity"] == feature.arity
        assert variable.attrs["circular"] == feature.circular
        assert variable.attrs["definition"] == spec(name).definition
    assert features["individual"].values.tolist() == features["target"].values.tolist() == ["abe", "bob"]
    assert features["nose_to_nose"].attrs["long_name"] == "nose to nose"


def test_without_names_what_synthesis_is_offered_is_computed(two: xr.Dataset, roles: Roles) -> None:
    assert tuple(compute_features(two, roles).data_vars) == available_features(roles, 2)


def test_the_dataset_says_where_it_comes_from(two: xr.Dataset, roles: Roles) -> None:
    attrs = compute_features(two, roles, ["speed"]).attrs
    assert (attrs["recording"], attrs["fps"], attrs["ds_type"]) == ("recording_1", 30.0, "features")
    assert attrs["length_reference"] == "body"
    assert attrs["body_length_px"] == pytest.approx(40, rel=1e-4)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_every_feature_stays_in_its_range_and_pairs_are_symmetric(film: Film, seed: int) -> None:
    features = computed(wandering(film, seed))
    for name, variable in features.data_vars.items():
        feature, values = spec(name).spec, variable.values
        seen = values[np.isfinite(values)]
        assert not np.isinf(values).any(), name
        assert (seen >= feature.range[0] - 1e-6).all(), name
        assert (seen <= feature.range[1] + 1e-6).all(), name
        if feature.arity != "individual":
            assert np.isnan(values[:, range(3), range(3)]).all()
        if feature.arity == "pair":
            np.testing.assert_array_equal(values, values.transpose(0, 2, 1))


@given(st.integers(0, 2**32 - 1), st.integers(4, 30), st.integers(1, 9), st.sampled_from([30.0, 5.0, 100.0]))
@settings(max_examples=12, deadline=None)
def test_chunks_and_blocks_of_any_length_are_the_whole_to_the_bit(
    film: Film, seed: int, chunk_frames: int, block_frames: int, fps: float
) -> None:
    poses = wandering(film, seed, fps=fps)
    whole = computed(poses)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(compute_module, "BLOCK_FRAMES", block_frames)
        chunks = list(feature_chunks(poses, ALL_ROLES, everything(poses), arena=ARENA, chunk_frames=chunk_frames))
    assert [chunk.sizes["time"] for chunk in chunks[:-1]] == [chunk_frames] * (len(chunks) - 1)
    xr.testing.assert_identical(xr.concat(chunks, "time"), whole)


def test_a_long_recording_is_the_same_in_any_chunks(film: Film) -> None:
    """Long enough for full registers and their remainders."""
    rng = np.random.default_rng(5)
    poses = film(rng.normal(size=(20_011, 2, 2)).cumsum(axis=0) @ [1, 1j], rng.uniform(-3, 3, size=(20_011, 2)))
    whole = computed(poses)
    chunks = feature_chunks(poses, ALL_ROLES, everything(poses), arena=ARENA, chunk_frames=7_001)
    xr.testing.assert_identical(xr.concat(chunks, "time"), whole)


def test_a_recording_without_frames_has_features_without_frames(film: Film, roles: Roles) -> None:
    empty = film(np.zeros((4, 2)), scale_mm_per_px=1.0).isel(time=slice(0))
    (only,) = feature_chunks(empty, roles, ["speed", "nose_to_nose"])
    assert only.sizes["time"] == compute_features(empty, roles, ["speed"]).sizes["time"] == 0


def test_values_lie_in_time_order_in_memory(two: xr.Dataset, roles: Roles) -> None:
    assert compute_features(two, roles, ["speed"])["speed"].values.strides[0] == 4


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
