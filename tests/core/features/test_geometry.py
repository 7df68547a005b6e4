from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import ArrayLike

from nsp_core.features import kinematics, posture, social
from nsp_core.features.geometry import Geometry

Seen = Callable[..., Geometry]
NAN = complex("nan")
CORE = {"nose": ("nose",), "center": ("center",), "tail_base": ("tail_base",)}


def walk(n_frames: int = 30) -> dict[str, np.ndarray]:
    """One animal of 40 px that walks 2 px per frame to the right."""
    x = 2.0 * np.arange(n_frames, dtype=np.complex128)[:, np.newaxis]
    return {"nose": x + 20, "center": x, "tail_base": x - 20}


def frames_of(geometry: Geometry, first: int, last: int, margin: int) -> Geometry:
    """The block from one frame to before another, with as much of its margins as the recording has."""
    kept = slice(max(first - margin, 0), last + margin)
    return replace(
        geometry,
        position=geometry.position[kept],
        confidence=geometry.confidence[kept],
        n_frames=last - first,
        margin=margin,
        missing_before=max(margin - first, 0),
    )


@pytest.mark.parametrize(
    ("fps", "half_step", "step_s"),
    [(30.0, 3, 0.2), (50.0, 5, 0.2), (29.97, 3, 6 / 29.97), (1.0, 1, 2.0), (4.0, 1, 0.5)],
)
def test_the_derivative_step_is_in_seconds_and_at_least_one_frame(
    geometry_of: Seen, fps: float, half_step: int, step_s: float
) -> None:
    geometry = geometry_of(walk(), fps=fps)
    assert geometry.half_step == half_step
    assert 1 / geometry.per_step == pytest.approx(step_s)
    assert geometry.half_window(5) == max(round(fps / 2), 1)


def test_a_step_that_leaves_the_recording_is_missing(geometry_of: Seen) -> None:
    before, after = geometry_of(walk(10)).role_at("center", -3, 3)
    assert before[0, 0].tolist() == pytest.approx([np.nan] * 3 + [0, 2, 4, 6, 8, 10, 12], nan_ok=True)
    assert after[0, 0].tolist() == pytest.approx([6, 8, 10, 12, 14, 16, 18, *[np.nan] * 3], nan_ok=True)
    assert np.isnan(geometry_of(walk(2)).centroids(-3, 3)).all()


def test_a_block_looks_into_the_frames_beside_it(geometry_of: Seen) -> None:
    block = frames_of(geometry_of(walk(20)), 5, 8, margin=4)
    assert block.center[0, 0].tolist() == [10, 12, 14]
    before, after = block.role_at("center", -3, 4)
    assert before[0, 0].tolist() == [4, 6, 8]
    assert after[0, 0].tolist() == [18, 20, 22]


@pytest.mark.parametrize(("first", "last"), [(0, 3), (2, 3), (17, 20), (0, 20)])
def test_a_block_at_an_end_has_missing_frames_beside_it(geometry_of: Seen, first: int, last: int) -> None:
    block = frames_of(geometry_of(walk(20)), first, last, margin=4)
    for shift in (-4, -1, 0, 1, 4):
        frames = np.arange(first, last) + shift
        expected = np.where((frames >= 0) & (frames < 20), 2.0 * frames, np.nan)
        (found,) = block.role_at("center", shift)
        assert found.shape == (2, 1, last - first)
        assert found[0, 0] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("length", [1, 7])
def test_a_value_does_not_depend_on_where_its_block_begins_to_the_bit(geometry_of: Seen, length: int) -> None:
    rng = np.random.default_rng(3)
    places = rng.normal(0, 40, (12, 30, 2, 2)) @ [1, 1j] + 500
    places[rng.random(places.shape) < 0.1] = NAN
    names = ["nose", "center", "tail_base", *(f"point_{index}" for index in range(9))]
    roles = {**CORE, "nose": ("nose", "point_0", "point_1")}
    whole = geometry_of(dict(zip(names, places, strict=True)), roles=roles)
    for feature in (
        kinematics.speed, kinematics.jerk, kinematics.nose_speed, kinematics.path_curvature,
        posture.elongation, posture.ellipse_area, social.approach_speed, social.closest_keypoints,
    ):  # fmt: skip
        at_once = feature(whole)
        assert np.isfinite(at_once).any()
        for first in range(0, 30, length):
            last = min(first + length, 30)
            in_block = feature(frames_of(whole, first, last, margin=6))
            assert in_block.tobytes() == at_once[:, first:last].tobytes()


def test_a_role_of_several_keypoints_is_the_mean_of_those_present(geometry_of: Seen) -> None:
    points = {"left_ear": [[10 - 6j], [10 - 6j], [NAN]], "right_ear": [[12 + 6j], [NAN], [NAN]]}
    neck = geometry_of(points, roles={"neck": ("left_ear", "right_ear")}).role("neck")
    assert neck[:, 0].T.tolist() == pytest.approx(np.array([[11, 0], [10, -6], [np.nan] * 2]), nan_ok=True)


@pytest.mark.parametrize("lost", [(np.nan, 5), (5, np.nan), (np.inf, 5), (5, -np.inf), (np.inf, np.inf)])
def test_a_point_with_one_impossible_coordinate_is_missing(geometry_of: Seen, lost: tuple[float, float]) -> None:
    geometry = geometry_of(walk(1))
    geometry.position[0, :, 0, 0] = lost
    assert np.isnan(geometry.nose).all()
    assert np.isnan(geometry.all_points[:, 0]).all()
    assert geometry.centroid[:, 0, 0].tolist() == [-10, 0]


@pytest.mark.parametrize(("lost", "moved_px"), [("nose", -10), ("center", 0), ("tail_base", 10)])
def test_the_centroid_moves_to_what_is_seen_by_a_quarter_body(geometry_of: Seen, lost: str, moved_px: float) -> None:
    assert geometry_of(walk()).centroid[0, 0, 5] == 10
    assert geometry_of({**walk(), lost: NAN}).centroid[0, 0, 5] == 10 + moved_px


def test_the_centroid_uses_the_core_roles_there_are(geometry_of: Seen) -> None:
    geometry = geometry_of(walk(), roles={"tail_base": ("tail_base",), "ear": ("nose",)})
    assert geometry.centroid[0, 0, 0] == -20
    assert kinematics.speed(geometry)[0, 3:-3] == pytest.approx(60)


def test_an_animal_of_which_nothing_is_seen_is_nowhere(geometry_of: Seen) -> None:
    geometry = geometry_of(dict.fromkeys(walk(), NAN))
    assert np.isnan(geometry.centroid).all()
    assert np.isnan(geometry.velocity).all()


def now_and_then(points: ArrayLike, every: int = 4) -> np.ndarray:
    """The points, every fourth of them missing: at one end of many steps of six frames, and never at both."""
    seen = np.array(points, dtype=np.complex128)
    seen[::every] = NAN
    return seen


def test_a_keypoint_that_comes_and_goes_is_no_motion(geometry_of: Seen) -> None:
    points = walk()
    geometry = geometry_of({**points, "nose": now_and_then(points["nose"])})
    assert kinematics.speed(geometry)[0, 3:-3] == pytest.approx(60)
    assert kinematics.acceleration(geometry)[0, 3:-3] == pytest.approx(0)
    assert kinematics.jerk(geometry)[0, 6:-6] == pytest.approx(0)


def test_one_of_a_roles_keypoints_that_comes_and_goes_is_no_motion(geometry_of: Seen) -> None:
    points = walk()
    points["whisker"] = now_and_then(points["nose"] + 8)
    geometry = geometry_of(points, roles={**CORE, "nose": ("nose", "whisker")})
    assert kinematics.nose_speed(geometry)[0, 3:-3] == pytest.approx(60)
    assert kinematics.speed(geometry)[0, 3:-3] == pytest.approx(60)
    assert kinematics.turning_speed(geometry)[0, 3:-3] == pytest.approx(0)
    # Positions keep the bias: the mean of nose and whisker, or the nose alone.
    assert (geometry.nose[0, 0] - 2 * np.arange(30)).tolist() == [20 if frame % 4 == 0 else 24 for frame in range(30)]


def test_the_body_is_the_keypoints_of_its_role_or_all(geometry_of: Seen) -> None:
    points = {**walk(1), "tail_tip": -80}
    assert geometry_of(points, roles=CORE).body_points.shape == (2, 4, 1, 1)
    body = geometry_of(points, roles={**CORE, "body": ("tail_base", "nose")}).body_points
    assert body[0, :, 0, 0].tolist() == [-20, 20]


def test_nothing_is_computed_that_nobody_asks_for(geometry_of: Seen, rat: Callable[..., dict[str, np.ndarray]]) -> None:
    geometry = geometry_of(rat([0, 100]))
    untouched = set(vars(geometry))
    social.nose_to_nose(geometry)
    assert set(vars(geometry)) - untouched <= {"unordered", "_points", "_padded"}
    assert set(geometry._padded) == {"nose"}
    posture.body_length(geometry)
    assert set(geometry._padded) == {"nose", "tail_base"}
    assert {"centroid", "velocity", "body_points", "body_ellipse"}.isdisjoint(vars(geometry))


def test_what_features_share_is_computed_once(geometry_of: Seen) -> None:
    geometry, calls = geometry_of(walk()), []

    def counted(of: Geometry) -> np.ndarray:
        calls.append(of)
        return of.nose[0]

    assert geometry.shared(counted) is geometry.shared(counted)
    assert len(calls) == 1
    assert geometry.velocity is geometry.velocity
    assert geometry.body_ellipse is geometry.body_ellipse


def test_dyads_are_every_pair_once_or_in_both_orders(geometry_of: Seen) -> None:
    geometry = geometry_of({"nose": [0, 1, 2]})
    assert list(zip(*geometry.unordered, strict=True)) == [(0, 1), (0, 2), (1, 2)]
    assert list(zip(*geometry.ordered, strict=True)) == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]
    assert social.nose_to_nose(geometry)[:, 0].tolist() == [1, 2, 1]


def test_a_lone_animal_has_no_dyads(geometry_of: Seen) -> None:
    geometry = geometry_of(walk())
    assert social.centroid_distance(geometry).shape == (0, 30)
    assert social.bearing(geometry).shape == (0, 30)


def test_values_are_single_precision_with_time_last(
    geometry_of: Seen, rat: Callable[..., dict[str, np.ndarray]]
) -> None:
    geometry = geometry_of(rat(np.tile([0, 100], (9, 1)), math.pi / 3))
    for points in (geometry.nose, geometry.axis, geometry.centroid, geometry.velocity):
        assert points.dtype == np.float32
        assert points.shape == (2, 2, 9)
