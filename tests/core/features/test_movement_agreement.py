"""Our features against those of the package movement, on the same two animals.

``movement_reference.json`` holds what movement computes, written by ``tests/benchmarks/movement_reference.py``. Where
both define a feature alike it has to agree. They differ on purpose in this:

- movement differentiates over one frame to either side, ours over 0.2 s whatever the frame rate. They compare the same
  positions at 10 frames/s, and the second derivative at 20; a third derivative never, so jerk is not compared.
- In the first and last frame movement's derivatives are one-sided; ours are missing.
- movement takes the mean of the keypoints that are there and then differentiates: a keypoint that comes or goes is a
  jump. Our centroid moves only by keypoints seen at both ends of the step. Speed and acceleration of the centroid are
  compared where all are.
- movement's heading is square to a line from left to right; ours runs from tail base to nose. These animals are
  symmetric, so both are the same.
- movement's distance to a wall has no sign; ours is negative outside.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from nsp_core.arena import Arena
from nsp_core.features import compute_features
from nsp_core.poses import make_poses

Values = NDArray[np.floating]

REFERENCE: dict[str, Any] = json.loads(Path(__file__).with_name("movement_reference.json").read_text(encoding="utf-8"))
N_FRAMES = 60
KEYPOINTS = ("nose", "left_ear", "right_ear", "center", "tail_base")
ROLES = {name: (name,) for name in KEYPOINTS}
ARENA = Arena(((60, 30), (250, 40), (240, 230), (50, 220)), regions={"shelter": ((150, 90), (230, 100), (180, 190))})

AT_ONE_TIME = (
    "body_length",
    "front_length",
    "rear_length",
    "head_width",
    "heading",
    "nose_to_nose",
    "nose_to_tail_base",
    "centroid_distance",
    "bearing",
    "relative_orientation",
    "in_region_shelter",
    "region_distance_shelter",
)


def movement_of(feature: str, rate: str = "10 frames/s") -> Values:
    return np.array(REFERENCE[rate][feature], dtype=np.float64)


def moving_pair(fps: float) -> xr.Dataset:
    """Poses of the animals that the reference file describes."""
    time = np.arange(N_FRAMES) / fps
    center = (
        150 + 110j + 60 * np.exp(0.7j * time) + 25 * np.exp(-1.9j * time),
        190 + 130j + 70 * np.exp(1j - 0.5j * time) + 15 * np.exp(2.3j * time),
    )
    along = np.exp(1j * (0.9 * time + 0.5 * np.sin(1.7 * time))), np.exp(1j * (2 - 1.1 * time))
    offsets = (20 + 3 * np.sin(2.1 * time), 12 - 6j, 12 + 6j, 3j * np.sin(1.3 * time), -18)
    points = np.stack(
        [np.stack([center[animal] + offset * along[animal] for offset in offsets], axis=1) for animal in (0, 1)], axis=2
    )
    position = np.stack([points.real, points.imag], axis=1)
    position[20:23, :, :3, 0] = np.nan
    position[41, :, 3, 1] = np.nan
    confidence = np.full(points.shape, np.nan)
    return make_poses(position, confidence, recording="pair", keypoints=KEYPOINTS, individuals=("abe", "bob"), fps=fps)


@pytest.fixture(scope="module")
def ours() -> xr.Dataset:
    names = (*AT_ONE_TIME, "facing_angle", "wall_distance", "speed", "nose_speed", "tail_base_speed")
    return compute_features(moving_pair(10.0), ROLES, names, length_unit="px", arena=ARENA)


def all_seen_at(shifts: tuple[int, ...], fps: float) -> NDArray[np.bool_]:
    """Whether nose, center and tail base are seen at all of these frames around each, (time, individual)."""
    position = moving_pair(fps)["position"].sel(keypoint=["nose", "center", "tail_base"])
    seen = position.notnull().all(("space", "keypoint")).values
    padded = np.pad(seen, ((2, 2), (0, 0)))
    return np.logical_and.reduce([padded[2 + shift : 2 + shift + N_FRAMES] for shift in shifts])


@pytest.mark.parametrize("feature", AT_ONE_TIME)
def test_features_of_one_time_agree_in_every_frame(ours: xr.Dataset, feature: str) -> None:
    np.testing.assert_allclose(ours[feature].values, movement_of(feature), rtol=2e-5, atol=2e-5)


def test_facing_angle_is_the_size_of_movements_bearing(ours: xr.Dataset) -> None:
    np.testing.assert_allclose(ours["facing_angle"].values, np.abs(movement_of("bearing")), rtol=2e-5, atol=2e-5)


def test_wall_distance_agrees_but_for_the_sign_outside(ours: xr.Dataset) -> None:
    distance = ours["wall_distance"].values
    assert (distance < 0).any()
    np.testing.assert_allclose(np.abs(distance), movement_of("wall_distance"), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("feature", ["nose_speed", "tail_base_speed"])
def test_speed_of_a_keypoint_agrees_inside_the_recording_and_is_missing_at_its_ends(
    ours: xr.Dataset, feature: str
) -> None:
    speed, expected = ours[feature].values, movement_of(feature)
    np.testing.assert_allclose(speed[1:-1], expected[1:-1], rtol=2e-5, atol=1e-3)
    assert np.isnan(speed[[0, -1]]).all()
    assert not np.isnan(expected[[0, -1]]).any()


def test_speed_of_the_centroid_agrees_where_all_keypoints_are_seen(ours: xr.Dataset) -> None:
    compared = all_seen_at((-1, 1), fps=10.0)
    np.testing.assert_allclose(ours["speed"].values[compared], movement_of("speed")[compared], rtol=2e-5, atol=1e-3)
    # The head goes after frame 19 and is back in frame 23, which moves movement's centroid back and forth.
    at_loss = movement_of("speed")[[19, 23], 0] - ours["speed"].values[[19, 23], 0]
    assert (np.abs(at_loss) > 30).all()


def test_acceleration_agrees_where_all_keypoints_are_seen() -> None:
    acceleration = compute_features(moving_pair(20.0), ROLES, ["acceleration"], length_unit="px")["acceleration"].values
    compared = all_seen_at((-2, 0, 2), fps=20.0)
    expected = movement_of("acceleration", "20 frames/s")[compared]
    np.testing.assert_allclose(acceleration[compared], expected, rtol=2e-5, atol=2e-2)
