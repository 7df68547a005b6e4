from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nsp_core.features import compute_features, social
from nsp_core.features.geometry import Geometry

Film = Callable[..., xr.Dataset]
Roles = dict[str, tuple[str, ...]]
Rat = Callable[..., dict[str, NDArray[np.complex128]]]
Seen = Callable[..., Geometry]
ABE, BOB = 0, 1
NAN = complex("nan")
ANGLES = st.floats(-math.pi, math.pi)


def still(film: Film, center: list[complex], heading: list[float]) -> xr.Dataset:
    return film(np.tile(center, (9, 1)), np.tile(heading, (9, 1)))


def value(features: xr.Dataset, name: str, individual: int, target: int) -> float:
    return float(features[name].values[4, individual, target])


def both_ways(feature: Callable[[Geometry], NDArray[np.float32]], geometry: Geometry) -> tuple[float, float]:
    """The feature from the first of two animals to the second, and back, in the only frame."""
    there, back = feature(geometry)[:, 0].tolist()
    return there, back


def test_distances_of_animals_face_to_face(film: Film, roles: Roles) -> None:
    # Noses at x = 20 and 80, centers at 0 and 100, tail bases at -20 and 120.
    features = compute_features(still(film, [0, 100], [0, math.pi]), roles, length_unit="px")
    for name, distance in {"centroid_distance": 100, "nose_to_nose": 60, "closest_distance": 60}.items():
        assert value(features, name, ABE, BOB) == pytest.approx(distance, rel=1e-5)
        assert value(features, name, BOB, ABE) == pytest.approx(distance, rel=1e-5)
    assert value(features, "nose_to_tail_base", ABE, BOB) == pytest.approx(100, rel=1e-5)
    assert value(features, "nose_to_body", ABE, BOB) == pytest.approx(80, rel=1e-5)
    assert value(features, "relative_orientation", ABE, BOB) == pytest.approx(math.pi, abs=1e-5)


def test_a_follower_and_the_followed(film: Film, roles: Roles) -> None:
    # Abe behind Bob, both looking along x: from nose to tail base 20 -> 80, and 120 -> -20 the other way.
    features = compute_features(still(film, [0, 100], [0, 0]), roles, length_unit="px")
    assert value(features, "nose_to_tail_base", ABE, BOB) == pytest.approx(60, rel=1e-5)
    assert value(features, "nose_to_tail_base", BOB, ABE) == pytest.approx(140, rel=1e-5)
    assert value(features, "nose_to_body", ABE, BOB) == pytest.approx(80, rel=1e-5)
    assert value(features, "nose_to_body", BOB, ABE) == pytest.approx(120, rel=1e-5)
    assert value(features, "closest_distance", ABE, BOB) == pytest.approx(60, rel=1e-5)
    assert value(features, "facing_angle", ABE, BOB) == pytest.approx(0, abs=1e-5)
    assert value(features, "facing_angle", BOB, ABE) == pytest.approx(math.pi, abs=1e-5)
    assert value(features, "relative_orientation", ABE, BOB) == pytest.approx(0, abs=1e-5)


def test_facing_is_the_angle_from_the_body_axis(film: Film, roles: Roles) -> None:
    features = compute_features(still(film, [0, 100j], [math.pi / 6, 0]), roles, ["facing_angle"])
    assert value(features, "facing_angle", ABE, BOB) == pytest.approx(math.pi / 3, abs=1e-5)
    assert value(features, "facing_angle", BOB, ABE) == pytest.approx(math.pi / 2, abs=1e-5)


def test_orientation_is_circular(film: Film, roles: Roles) -> None:
    features = compute_features(still(film, [0, 100], [3.0, -3.0]), roles, ["relative_orientation"])
    assert value(features, "relative_orientation", ABE, BOB) == pytest.approx(math.tau - 6, abs=1e-5)


def test_an_approach_at_an_angle(film: Film, roles: Roles) -> None:
    # Abe runs 30 px/s towards Bob and 40 px/s sideways; at frame 15 he is level with Bob's line.
    times = np.arange(31) / 30
    center = np.stack([30 * times + 40j * (times - 0.5), np.full(31, 200 + 0j)], axis=1)
    features = compute_features(film(center), roles, length_unit="px")
    at = {"time": 15}
    assert features["speed"].isel(at).values == pytest.approx([50, 0], abs=1e-2)
    approach = features["approach_speed"].isel(at).values
    assert approach[ABE, BOB] == pytest.approx(30, abs=1e-2)
    assert approach[BOB, ABE] == pytest.approx(0, abs=1e-2)
    assert features["distance_change"].isel(at).values[ABE, BOB] == pytest.approx(-30, abs=1e-2)


def test_moving_away_is_a_negative_approach_and_a_growing_distance(film: Film, roles: Roles) -> None:
    center = np.stack([np.zeros(31), 100 + np.arange(31.0)], axis=1)
    features = compute_features(film(center), roles, ["approach_speed", "distance_change"])
    assert features["approach_speed"].values[15, BOB, ABE] == pytest.approx(-30 / 40, rel=1e-3)
    assert features["distance_change"].values[15, ABE, BOB] == pytest.approx(30 / 40, rel=1e-3)


def test_a_nose_that_comes_and_goes_is_no_approach(film: Film, roles: Roles) -> None:
    poses = still(film, [0, 100], [0, math.pi])
    poses["position"][::4, :, 0, ABE] = np.nan  # never at both ends of a step of six frames
    features = compute_features(poses, roles, ["distance_change", "approach_speed", "speed"], length_unit="px")
    for name in features.data_vars:
        found = features[name].values
        assert found[np.isfinite(found)] == pytest.approx(0, abs=1e-4)
        assert np.isfinite(found).any()


def test_the_closest_distance_uses_what_is_seen(film: Film, roles: Roles) -> None:
    poses = still(film, [0, 100], [0, math.pi])
    poses["position"][:, :, 0, ABE] = np.nan
    features = compute_features(poses, roles, ["closest_distance", "nose_to_nose"], length_unit="px")
    assert value(features, "closest_distance", ABE, BOB) == pytest.approx(80, rel=1e-5)
    assert np.isnan(value(features, "nose_to_nose", ABE, BOB))


def test_coinciding_animals_have_no_direction(film: Film, roles: Roles) -> None:
    features = compute_features(still(film, [0, 0], [0, 0]), roles, ["facing_angle", "approach_speed"])
    assert np.isnan(features["facing_angle"].values).all()
    assert np.isnan(features["approach_speed"].values).all()


def test_a_target_to_the_right_has_a_positive_bearing(rat: Rat, geometry_of: Seen) -> None:
    # Both look along x; right is down in the image. Bob is ahead of Abe and to his right, Abe behind Bob to his left.
    geometry = geometry_of(rat([0, 100 + 100j], 0))
    assert both_ways(social.bearing, geometry) == pytest.approx((math.pi / 4, -3 * math.pi / 4))
    assert both_ways(social.facing_angle, geometry) == pytest.approx((math.pi / 4, 3 * math.pi / 4))


def test_what_is_straight_behind_has_a_bearing_of_pi(rat: Rat, geometry_of: Seen) -> None:
    assert both_ways(social.bearing, geometry_of(rat([0, 100]))) == pytest.approx((0, math.pi))


@given(ANGLES, ANGLES)
def test_bearing_is_the_turn_from_heading_to_target_and_facing_its_size(
    rat: Rat, geometry_of: Seen, heading: float, direction: float
) -> None:
    target = 200 + 300j + 150 * complex(math.cos(direction), math.sin(direction))
    geometry = geometry_of(rat([200 + 300j, target], [heading, 0]))
    turn = math.remainder(direction - heading, math.tau)
    found, _ = both_ways(social.bearing, geometry)
    assert math.cos(found - turn) == pytest.approx(1, abs=1e-9)
    assert both_ways(social.facing_angle, geometry)[0] == pytest.approx(abs(turn), abs=1e-5)


def test_the_head_faces_what_the_body_may_not(rat: Rat, geometry_of: Seen) -> None:
    # Abe's head is turned right by a quarter, towards Bob who lies right of his neck.
    points = rat([0, 10 + 100j])
    points["nose"] = points["nose"] + [-10 + 10j, 0]
    geometry = geometry_of(points)
    neck, body = points["neck"][0], (points["nose"][0] + points["tail_base"][0]) / 3
    assert both_ways(social.head_facing_angle, geometry)[0] == pytest.approx(0, abs=1e-6)
    of_bob = abs(np.angle(body - points["neck"][1]))
    assert both_ways(social.head_facing_angle, geometry)[1] == pytest.approx(of_bob, rel=1e-5)
    assert neck == 10
    assert both_ways(social.facing_angle, geometry)[0] > 1


def test_the_follower_follows_and_the_followed_does_not(rat: Rat, geometry_of: Seen) -> None:
    for distance in (30, 300):
        assert both_ways(social.following, geometry_of(rat([0, distance]))) == (1, 0)


@given(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))
def test_following_is_a_product_of_cosines(rat: Rat, geometry_of: Seen, agent: float, target: float) -> None:
    geometry = geometry_of(rat([0, 100], [agent, target]))
    expected = max(math.cos(agent - target), 0) * math.cos(agent) * math.cos(target)
    assert both_ways(social.following, geometry) == pytest.approx((expected, 0), abs=2e-6)


@pytest.mark.parametrize(
    ("headings", "why"),
    [((0, math.pi), "face to face"), ((math.pi, 0), "back to back"), ((math.pi / 2, math.pi / 2), "side by side")],
)
def test_who_is_not_behind_and_aligned_does_not_follow(
    rat: Rat, geometry_of: Seen, headings: tuple[float, float], why: str
) -> None:
    geometry = geometry_of(rat([0, 100], list(headings)))
    assert both_ways(social.following, geometry) == pytest.approx((0, 0), abs=1e-6), why


def test_circling_a_target_is_tangential_and_neither_approach_nor_retreat(rat: Rat, geometry_of: Seen) -> None:
    angle = 2.0 * np.arange(120) / 60
    center = np.stack([300 + 200j + 80 * np.exp(1j * angle), np.full(120, 300 + 200j)], axis=1)
    geometry = geometry_of(rat(center), fps=60.0)
    inside = slice(6, -6)
    chord_speed = 80 * math.sin(2.0 * 0.1) / 0.1
    assert social.tangential_speed(geometry)[0, inside] == pytest.approx(chord_speed, rel=1e-4)
    assert social.approach_speed(geometry)[0, inside] == pytest.approx(0, abs=0.01)
    assert social.distance_change(geometry)[0, inside] == pytest.approx(0, abs=0.01)
    assert social.tangential_speed(geometry)[1, inside] == pytest.approx(0, abs=0.01)


def test_approach_and_tangential_speed_make_up_the_speed(rat: Rat, geometry_of: Seen) -> None:
    rng = np.random.default_rng(5)
    center = 300 + 5 * np.cumsum(rng.normal(size=(60, 2, 2)) @ [1, 1j], axis=0) + [0, 100]
    geometry = geometry_of(rat(center, rng.uniform(-3, 3, (60, 2))))
    parts = np.hypot(social.approach_speed(geometry), social.tangential_speed(geometry))
    assert parts[:, 3:-3] == pytest.approx(np.hypot(*geometry.velocity)[:, 3:-3], rel=1e-4)


def test_an_approach_at_known_speed_is_the_same_at_any_frame_rate(rat: Rat, geometry_of: Seen) -> None:
    for fps in (10.0, 29.97, 120.0):
        center = np.stack([90 * np.arange(90) / fps, np.full(90, 3000.0)], axis=1)
        geometry = geometry_of(rat(center), fps=fps)
        half = geometry.half_step
        assert social.approach_speed(geometry)[0, half:-half] == pytest.approx(90, rel=1e-3)
        assert social.distance_change(geometry)[0, half:-half] == pytest.approx(-90, rel=1e-3)


def test_the_closest_keypoints_of_two_bodies(rat: Rat, geometry_of: Seen) -> None:
    # Abe above Bob, both looking along x: right hips at y = 8, left hips at y = 92.
    points = rat([0, 100j])
    assert social.closest_keypoints(geometry_of(points))[0, 0] == pytest.approx(84)
    points["right_hip"] = np.where([True, False], NAN, points["right_hip"])
    across = abs((-12 + 92j) - (-20 + 0j))  # now to Bob's left hip from Abe's tail base, ears or right ear
    nearest = min(across, abs((12 + 94j) - (12 + 6j)))
    assert social.closest_keypoints(geometry_of(points))[0, 0] == pytest.approx(nearest, rel=1e-6)


def test_the_nose_is_nearest_to_any_keypoint_of_the_body(rat: Rat, geometry_of: Seen) -> None:
    points = rat([0, 100])  # noses at 20 and 120, Bob's tail tip at 40 and his tail base at 80
    assert both_ways(social.nose_to_nearest_keypoint, geometry_of(points)) == pytest.approx((20, 100))
    points["tail_tip"] = np.where([False, True], NAN, points["tail_tip"])
    assert both_ways(social.nose_to_nearest_keypoint, geometry_of(points)) == pytest.approx((60, 100))
    body = {"nose": ("nose",), "body": ("center", "left_hip")}
    only_body = both_ways(social.nose_to_nearest_keypoint, geometry_of(points, roles=body))
    assert only_body == pytest.approx((abs(68 - 8j), 120))


def test_distances_between_any_two_points(rat: Rat, geometry_of: Seen) -> None:
    # Abe above Bob, both looking along x.
    points = rat([0, 100j])

    def ears_to_hips(geometry: Geometry) -> NDArray[np.float32]:
        return social.point_distance(geometry, "right_ear_to_left_hip")

    assert both_ways(ears_to_hips, geometry_of(points)) == pytest.approx((abs(-24 + 86j), abs(-24 - 114j)))
    points["left_hip"] = np.where([True, False], NAN, points["left_hip"])
    assert both_ways(ears_to_hips, geometry_of(points)) == pytest.approx((abs(-24 + 86j), math.nan), nan_ok=True)


def test_no_keypoint_seen_is_no_distance(rat: Rat, geometry_of: Seen) -> None:
    geometry = geometry_of({name: np.where([True, False], NAN, places) for name, places in rat([0, 100]).items()})
    for feature in (
        social.centroid_distance, social.nose_to_nose, social.closest_distance, social.closest_keypoints,
        social.relative_orientation, social.nose_to_tail_base, social.nose_to_body, social.nose_to_nearest_keypoint,
        social.facing_angle, social.head_facing_angle, social.bearing, social.following,
    ):  # fmt: skip
        assert np.isnan(feature(geometry)).all()


@pytest.mark.parametrize(
    ("lost", "missing"),
    [
        ("nose", {"nose_to_nose", "nose_to_tail_base", "nose_to_body", "nose_to_nearest_keypoint", "facing_angle",
                  "head_facing_angle", "bearing", "following", "relative_orientation"}),
        ("tail_base", {"nose_to_tail_base", "facing_angle", "bearing", "following", "relative_orientation"}),
        ("neck", {"head_facing_angle"}),
        ("center", set()),
    ],
)  # fmt: skip
def test_without_one_keypoint_only_what_needs_it_is_missing(
    rat: Rat, geometry_of: Seen, lost: str, missing: set[str]
) -> None:
    places = np.stack([3.0 * np.arange(9), 200 + 1j * np.arange(9)], axis=1)
    geometry = geometry_of({**rat(places), lost: NAN})
    for name in set(social.__all__) - {"point_distance"}:
        assert np.isnan(getattr(social, name)(geometry)[:, 4]).all() == (name in missing), name


def test_coinciding_animals_have_distances_of_zero_and_no_direction_to_each_other(rat: Rat, geometry_of: Seen) -> None:
    walking = 3 * np.arange(9)[:, np.newaxis] + np.zeros(2)
    geometry = geometry_of(rat(walking, 0.4))
    for feature in (social.centroid_distance, social.nose_to_nose, social.closest_distance, social.closest_keypoints):
        assert feature(geometry)[0, 4] == 0
    assert social.relative_orientation(geometry)[0, 4] == pytest.approx(0, abs=1e-6)
    assert social.distance_change(geometry)[0, 4] == 0
    for feature in (
        social.facing_angle, social.bearing, social.following, social.approach_speed, social.tangential_speed,
    ):  # fmt: skip
        assert np.isnan(feature(geometry)).all()


def test_a_body_without_length_faces_nowhere_and_follows_nobody(rat: Rat, geometry_of: Seen) -> None:
    points = {name: np.where([True, False], 5 + 5j, places) for name, places in rat([0, 100]).items()}
    geometry = geometry_of(points)
    for feature in (social.facing_angle, social.head_facing_angle, social.bearing):
        there, back = both_ways(feature, geometry)
        assert math.isnan(there)
        assert math.isfinite(back)
    assert np.isnan(social.following(geometry)).all()
    assert np.isnan(social.relative_orientation(geometry)).all()
