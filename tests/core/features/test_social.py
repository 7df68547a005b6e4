from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from nsp_core.features import compute_features

Film = Callable[..., xr.Dataset]
Roles = dict[str, tuple[str, ...]]
ABE, BOB = 0, 1


def still(film: Film, center: list[complex], heading: list[float]) -> xr.Dataset:
    return film(np.tile(center, (9, 1)), np.tile(heading, (9, 1)))


def value(features: xr.Dataset, name: str, individual: int, target: int) -> float:
    return float(features[name].values[4, individual, target])


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
