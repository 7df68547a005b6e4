"""Every declared dimension, length reference and symmetry is held against what the feature does."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.arena import Arena
from nsp_core.features import NamedFeature, available_features, compute_features, spec
from nsp_core.features.geometry import DERIVATIVE_STEP_S, Geometry
from nsp_core.poses import make_poses

KEYPOINTS = (
    *("nose", "left_ear", "right_ear", "neck", "center"),
    *("left_hip", "right_hip", "tail_base", "tail_tip"),
)
ROLES = {keypoint: (keypoint,) for keypoint in KEYPOINTS}
ROLE_KEYPOINTS = {keypoint: (index,) for index, keypoint in enumerate(KEYPOINTS)}
ARENA = Arena(
    ((-60, -50), (400, -60), (420, 260), (-50, 200)),
    regions={"shelter": ((0, 0), (160, 0), (160, 150), (0, 120))},
    objects={"water": (70, 30)},
)
NAMES = (
    *available_features(ROLES, 3, ARENA, offered_only=False),
    *("point_speed_left_ear", "point_length_nose_to_tail_tip", "point_distance_neck_to_left_hip"),
)
FPS = 30.0
# Rounding: float32, a third power of the frame rate, and pixels of a few hundred.
TOLERANCE = {"rtol": 2e-3, "atol": 2e-3}

Roles = dict[str, tuple[str, ...]]


def wandering(seed: int, n_frames: int = 40) -> np.ndarray:
    """Positions (time, space, keypoint, individual) of three animals that wander about near each other, some lost."""
    rng = np.random.default_rng(seed)
    times = np.arange(n_frames)[:, np.newaxis] / FPS
    sway = rng.uniform(20, 60, size=(4, 3)) * np.sin(rng.uniform(2, 9, size=(4, 3)) * times[:, np.newaxis] + 1)
    center = 120 + 60 * rng.uniform(0, 1, size=(2, 3)) + sway[:, :2]
    heading = sway[:, 2] / 10
    body = rng.normal(size=(2, len(KEYPOINTS), 3)) * 4
    body[0] += 30 * np.linspace(1, -1, len(KEYPOINTS))[:, np.newaxis]
    x = body[0] * np.cos(heading)[:, np.newaxis] - body[1] * np.sin(heading)[:, np.newaxis]
    y = body[0] * np.sin(heading)[:, np.newaxis] + body[1] * np.cos(heading)[:, np.newaxis]
    position = np.stack([x, y], axis=1) + center[:, :, np.newaxis]
    lost = rng.random((n_frames, 1, len(KEYPOINTS), 3)) < 0.02
    return np.where(lost, np.nan, position)


def features_of(
    position: np.ndarray, *, unit: str = "px", scale: float | None = None, arena: Arena = ARENA
) -> xr.Dataset:
    confidence = np.where(np.isnan(position[:, 0]), np.nan, 0.9)
    poses = make_poses(
        position, confidence, recording="r", keypoints=KEYPOINTS, individuals="abc", fps=FPS, scale_mm_per_px=scale
    )
    return compute_features(poses, ROLES, NAMES, length_unit=unit, arena=arena)  # type: ignore[arg-type]


def of_block(feature: NamedFeature, position: np.ndarray, *, fps: float, step_s: float, arena: Arena) -> np.ndarray:
    """The feature in pixels, radians and seconds, with a derivative step of so many seconds."""
    return feature.values(
        Geometry(
            position.astype(np.float32),
            np.full(position.shape[::2] + position.shape[3:], 0.9, dtype=np.float32),
            ROLE_KEYPOINTS,
            fps,
            n_frames=len(position) - 40,
            margin=20,
            arena=arena,
            derivative_step_s=step_s,
        )
    )


def moved(position: np.ndarray, matrix: np.ndarray, shift: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    return np.einsum("st,ftki->fski", matrix, position) + np.reshape(shift, (1, 2, 1, 1))


def moved_arena(matrix: np.ndarray, shift: tuple[float, float] = (0.0, 0.0)) -> Arena:
    def point(place: tuple[float, float]) -> tuple[float, float]:
        x, y = matrix @ place + shift
        return float(x), float(y)

    return Arena(
        tuple(map(point, ARENA.outline)),
        regions={name: tuple(map(point, polygon)) for name, polygon in ARENA.regions.items()},
        objects={name: point(place) for name, place in ARENA.objects.items()},
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("space", "time"), [(2.0, 1.0), (1.0, 3.0), (0.5, 0.25)])
def test_every_declared_dimension_is_that_of_the_values(name: str, space: float, time: float) -> None:
    """Space times s and time times r multiply a feature of dimension length^a time^b by exactly s^a r^b.

    All factors are powers of two or the frames stay the same, so nothing is rounded differently.
    """
    feature, position = spec(name), wandering(1, n_frames=80)
    plain = of_block(feature, position, fps=FPS, step_s=DERIVATIVE_STEP_S, arena=ARENA)
    grown = of_block(
        feature,
        position * space,
        fps=FPS / time,
        step_s=DERIVATIVE_STEP_S * time,
        arena=moved_arena(space * np.eye(2)),
    )
    length, per_time, _ = feature.spec.exponents
    assert np.isfinite(plain).any()
    np.testing.assert_allclose(grown, plain * space**length * time**per_time, rtol=1e-4, atol=1e-4)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 2.0, 4.0]))
@settings(max_examples=8, deadline=None)
def test_length_references_behave(seed: int, zoom: float) -> None:
    """A camera so much nearer moves pixels and nothing else."""
    position, near = wandering(seed), moved_arena(zoom * np.eye(2))
    in_px, in_px_near = features_of(position), features_of(position * zoom, arena=near)
    in_mm = features_of(position, unit="mm", scale=0.5)
    in_mm_near = features_of(position * zoom, unit="mm", scale=0.5 / zoom, arena=near)
    in_body = features_of(position, unit="body")
    in_body_near = features_of(position * zoom, unit="body", arena=near)
    for name in NAMES:
        feature = spec(name).spec
        power = 0 if feature.fixed_reference == "arena" else feature.length
        np.testing.assert_allclose(in_px_near[name], in_px[name] * zoom**power, **TOLERANCE, err_msg=name)
        np.testing.assert_allclose(in_mm_near[name], in_mm[name], **TOLERANCE, err_msg=name)
        np.testing.assert_allclose(in_body_near[name], in_body[name], **TOLERANCE, err_msg=name)
        np.testing.assert_allclose(in_mm[name], in_px[name] * 0.5**power, **TOLERANCE, err_msg=name)


def test_a_share_of_the_arena_is_measured_in_the_arena_whatever_the_unit() -> None:
    position, name = wandering(0), "wall_distance_share"
    shares = [features_of(position, unit=unit, scale=0.3)[name] for unit in ("px", "mm", "body")]
    assert {share.attrs["units"] for share in shares} == {"arena"}
    np.testing.assert_array_equal(shares[0], shares[1])
    np.testing.assert_array_equal(shares[0], shares[2])
    np.testing.assert_allclose(shares[0], features_of(position)["wall_distance"] / math.sqrt(ARENA.area_px), rtol=1e-5)


@given(
    st.integers(0, 2**32 - 1),
    st.floats(-math.pi, math.pi),
    st.floats(-100, 100),
    st.floats(-100, 100),
    st.booleans(),
)
@settings(max_examples=12, deadline=None)
def test_features_do_not_depend_on_where_the_camera_is(
    seed: int, angle: float, right: float, down: float, mirror: bool
) -> None:
    """Rotation, translation and mirror, with the arena: signed angles change their sign in the mirror."""
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix = turn @ np.diag([1.0, -1.0]) if mirror else turn
    position, shift = wandering(seed), (right, down)
    before = features_of(position)
    after = features_of(moved(position, matrix, shift), arena=moved_arena(matrix, shift))
    for name in set(NAMES) - {"heading", "box_overlap", "centroid_x", "centroid_y"}:
        feature = spec(name).spec
        expected = before[name].values * (-1 if mirror and feature.mirrored else 1)
        difference = after[name].values - expected
        if feature.circular:
            difference = np.remainder(difference + math.pi, math.tau) - math.pi
        if name in {"contact", "in_region_shelter"}:  # a step: rounding decides at the edge
            assert np.nanmean(np.abs(difference)) < 0.02
            continue
        relative = np.abs(difference) / (1 + np.abs(expected))
        # Third powers of the frame rate, and quotients of two small numbers, grow the rounding of float32.
        rough = name in {"jerk", "path_curvature", "speed_change"}
        assert np.nanmax(relative, initial=0.0) < (2e-2 if rough else 5e-3), name
        np.testing.assert_array_equal(np.isnan(after[name]), np.isnan(before[name]), err_msg=name)


def test_a_heading_turns_with_the_camera_and_a_box_follows_it() -> None:
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    position = wandering(3)
    before, after = features_of(position), features_of(moved(position, quarter))
    turned = np.remainder(after["heading"].values - before["heading"].values, math.tau)
    np.testing.assert_allclose(turned[np.isfinite(turned)], math.pi / 2, rtol=1e-3)
    np.testing.assert_allclose(after["box_overlap"], before["box_overlap"], **TOLERANCE)


def test_a_position_moves_and_turns_with_the_camera() -> None:
    quarter, shift = np.array([[0.0, -1.0], [1.0, 0.0]]), (30.0, -70.0)
    position = wandering(3)
    before, after = features_of(position), features_of(moved(position, quarter, shift))
    np.testing.assert_allclose(after["centroid_x"], 30 - before["centroid_y"], **TOLERANCE)
    np.testing.assert_allclose(after["centroid_y"], before["centroid_x"] - 70, **TOLERANCE)


@given(st.integers(0, 2**32 - 1), st.permutations(range(3)))
@settings(max_examples=8, deadline=None)
def test_features_do_not_depend_on_the_order_of_individuals(seed: int, order: list[int]) -> None:
    position = wandering(seed)
    features, reordered = features_of(position), features_of(position[..., order])
    names = np.array(["a", "b", "c"], dtype=object)
    reordered = reordered.assign_coords(individual=names[order], target=names[order])
    # Bob before Abe is the same dyad: only rounding may differ.
    again = reordered.sel(individual=names, target=names)
    for name in NAMES:
        np.testing.assert_allclose(again[name], features[name], rtol=1e-4, atol=1e-4, err_msg=name)


def test_features_of_two_animals_are_those_of_the_same_two_among_twenty() -> None:
    many = np.concatenate([wandering(seed) for seed in range(7)], axis=3)[..., :20]
    individuals = [f"mouse{index}" for index in range(20)]
    poses = make_poses(
        many,
        np.full((*many.shape[::2], 20), 0.9),
        recording="r",
        keypoints=KEYPOINTS,
        individuals=individuals,
        fps=FPS,
    )
    two = poses.isel(individual=[4, 11])
    of_many, of_two = (compute_features(chosen, ROLES, NAMES, length_unit="px", arena=ARENA) for chosen in (poses, two))
    chosen = individuals[4], individuals[11]
    for name in NAMES:
        axes = {"individual": list(chosen), "target": list(chosen)}
        found = of_many[name].sel({dim: axes[dim] for dim in of_many[name].dims if dim in axes})
        np.testing.assert_array_equal(found, of_two[name], err_msg=name)


def test_scaling_a_spec_wrongly_is_noticed() -> None:
    """The law above can fail: a speed declared as a length does not scale like one."""
    wrong = spec("speed")
    wrong = replace(wrong, spec=replace(wrong.spec, exponents=(1, 0, 0)))
    position = wandering(1, n_frames=80)
    plain = of_block(wrong, position, fps=FPS, step_s=0.2, arena=ARENA)
    slower = of_block(wrong, position, fps=FPS / 2, step_s=0.4, arena=ARENA)
    assert np.nanmax(np.abs(slower - plain)) > 1
