from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from nsp_core.features import compute_features
from nsp_core.features.geometry import Geometry
from nsp_core.features.kinematics import (
    acceleration,
    displacement,
    forward_speed,
    heading,
    jerk,
    nose_speed,
    path_curvature,
    point_speed,
    sideways_speed,
    speed,
    speed_change,
    tail_base_speed,
    turning_rate,
    turning_speed,
)

Film = Callable[..., xr.Dataset]
Roles = dict[str, tuple[str, ...]]
Rat = Callable[..., dict[str, NDArray[np.complex128]]]
Seen = Callable[..., Geometry]

NAN = complex("nan")

# Half a derivative step at 60 frames per second, in frames and in seconds, and frames with both steps of a jerk.
HALF, HALF_S, INSIDE = 6, 0.1, slice(12, -12)
RADIUS_PX, TURN = 100.0, 2.0


def seconds(n_frames: int, fps: float = 60.0) -> NDArray[np.float64]:
    return np.arange(n_frames)[:, np.newaxis] / fps


@pytest.fixture(scope="module")
def circling(rat: Rat, geometry_of: Seen) -> Geometry:
    """A rat that runs clockwise around (300, 200) at 2 rad/s, 100 px from it, looking where it goes."""
    angle = TURN * seconds(200)
    return geometry_of(rat(300 + 200j + RADIUS_PX * np.exp(1j * angle), angle + math.pi / 2), fps=60.0)


@pytest.fixture(scope="module")
def moving(rat: Rat, geometry_of: Seen) -> Callable[..., Geometry]:
    """Return a function from places ``x + iy`` at 32 frames per second to the geometry of a rat that looks along x."""

    def placed(center: ArrayLike) -> Geometry:
        return geometry_of(rat(np.reshape(center, (-1, 1))), fps=32.0)

    return placed


def test_speed_in_millimeters_and_body_lengths(film: Film, roles: Roles) -> None:
    center = np.arange(30)[:, np.newaxis] * (3 + 4j)  # 5 px per frame, 150 px/s
    names = ["speed", "nose_speed", "tail_base_speed"]
    in_mm = compute_features(film(center, scale_mm_per_px=0.5), roles, names)
    in_body_lengths = compute_features(film(center), roles, names)
    for name in names:
        assert in_mm[name].values[3:-3] == pytest.approx(75, rel=1e-4)
        assert in_body_lengths[name].values[3:-3] == pytest.approx(150 / 40, rel=1e-4)


def test_speed_is_missing_within_half_a_step_of_the_ends(film: Film, roles: Roles) -> None:
    speed = compute_features(film(np.zeros((30, 1))), roles, ["speed"])["speed"].values[:, 0]
    assert np.flatnonzero(np.isnan(speed)).tolist() == [0, 1, 2, 27, 28, 29]


def test_a_lost_animal_has_no_speed_half_a_step_before_and_after(film: Film, roles: Roles) -> None:
    poses = film(np.zeros((30, 1)))
    poses["position"][15] = np.nan
    speed = compute_features(poses, roles, ["speed"], length_unit="px")["speed"].values[:, 0]
    assert np.flatnonzero(np.isnan(speed[3:-3])).tolist() == [12 - 3, 18 - 3]


@given(st.floats(5, 240), st.floats(0, 500), st.floats(-math.pi, math.pi))
def test_speed_of_uniform_motion_does_not_depend_on_the_frame_rate(
    film: Film, roles: Roles, fps: float, speed_px_per_s: float, direction: float
) -> None:
    times = np.arange(math.ceil(fps * 0.5) + 4) / fps
    center = speed_px_per_s * times[:, np.newaxis] * np.exp(1j * direction)
    found = compute_features(film(center, fps=fps), roles, ["speed"], length_unit="px")["speed"].values
    assert np.isfinite(found).any()
    assert found[np.isfinite(found)] == pytest.approx(speed_px_per_s, rel=1e-3, abs=1e-2)


def test_speed_on_a_circle_is_that_along_the_chord(circling: Geometry) -> None:
    chord_speed = RADIUS_PX * math.sin(TURN * HALF_S) / HALF_S
    assert speed(circling)[0, INSIDE] == pytest.approx(chord_speed, rel=1e-5)
    assert chord_speed == pytest.approx(RADIUS_PX * TURN, rel=0.01)
    assert speed_change(circling)[0, INSIDE] == pytest.approx(0, abs=0.05)


def test_acceleration_on_a_circle_is_speed_squared_over_its_radius(circling: Geometry) -> None:
    of_chords = 2 * RADIUS_PX * (1 - math.cos(TURN * HALF_S)) / HALF_S**2
    assert acceleration(circling)[0, INSIDE] == pytest.approx(of_chords, rel=1e-4)
    assert of_chords == pytest.approx((RADIUS_PX * TURN) ** 2 / RADIUS_PX, rel=0.01)


def test_jerk_on_a_circle_is_that_of_its_chords(circling: Geometry) -> None:
    turn = TURN * HALF_S
    of_chords = 2 * RADIUS_PX * math.sin(turn) * (1 - math.cos(turn)) / HALF_S**3
    assert jerk(circling)[0, INSIDE] == pytest.approx(of_chords, rel=1e-3)
    assert of_chords == pytest.approx(RADIUS_PX * TURN**3, rel=0.02)


def test_path_curvature_on_a_circle_is_one_over_its_radius(circling: Geometry) -> None:
    of_chords = 2 / (RADIUS_PX * (1 + math.cos(TURN * HALF_S)))
    assert path_curvature(circling)[0, INSIDE] == pytest.approx(of_chords, rel=1e-3)
    assert of_chords == pytest.approx(1 / RADIUS_PX, rel=0.011)


def test_displacement_on_a_circle_is_the_chord_of_one_second(circling: Geometry) -> None:
    found = displacement(circling)[0]
    assert np.flatnonzero(np.isfinite(found)).tolist() == list(range(30, 170))
    assert found[30:-30] == pytest.approx(2 * RADIUS_PX * math.sin(TURN / 2), rel=1e-5)


def test_who_runs_a_circle_clockwise_turns_clockwise_and_looks_ahead(circling: Geometry) -> None:
    assert turning_rate(circling)[0, INSIDE] == pytest.approx(TURN, rel=1e-5)
    assert forward_speed(circling)[0, INSIDE] == pytest.approx(speed(circling)[0, INSIDE], rel=1e-5)
    assert sideways_speed(circling)[0, INSIDE] == pytest.approx(0, abs=0.01)


def test_uniform_acceleration_along_a_line(moving: Callable[..., Geometry]) -> None:
    # x = 64/2 t^2 at 1/32 s per frame: exact in single precision. The rat stops at frame 32 and turns back.
    frames = np.arange(65.0)
    geometry = moving((frames - 32) ** 2 / 32)
    times = (frames - 32) / 32
    assert speed(geometry)[0, 3:-3] == pytest.approx(np.abs(64 * times)[3:-3], rel=1e-6)
    assert forward_speed(geometry)[0, 3:-3] == pytest.approx(64 * times[3:-3], rel=1e-6)
    assert acceleration(geometry)[0, 3:-3] == pytest.approx(64, rel=1e-6)
    assert speed_change(geometry)[0, 3:32] == pytest.approx(-64, rel=1e-6)
    assert speed_change(geometry)[0, 33:-3] == pytest.approx(64, rel=1e-6)
    assert np.isnan(speed_change(geometry)[0, 32])
    assert jerk(geometry)[0, 6:-6] == pytest.approx(0, abs=1e-6)
    for feature, ends in ((speed, 3), (acceleration, 3), (speed_change, 3), (jerk, 6)):
        assert np.isnan(feature(geometry)[0, [*range(ends), *range(-ends, 0)]]).all()


def test_jerk_of_a_cubic_motion(moving: Callable[..., Geometry]) -> None:
    # x = 1024 t^3 at 1/32 s per frame: exact in single precision.
    frames = np.arange(64.0)
    geometry = moving(frames**3 / 32)
    assert jerk(geometry)[0, 6:-6] == pytest.approx(6 * 1024, rel=1e-6)
    assert acceleration(geometry)[0, 3:-3] == pytest.approx(6 * 1024 * frames[3:-3] / 32, rel=1e-6)


@pytest.mark.parametrize("turn", [0.0, 1.0, math.pi / 2, -2.0, math.pi])
def test_motion_is_split_into_along_and_across_the_body(rat: Rat, geometry_of: Seen, turn: float) -> None:
    center = 90 * np.exp(0.4j) * seconds(40)
    geometry = geometry_of(rat(center, 0.4 + turn), fps=60.0)
    assert forward_speed(geometry)[0, HALF:-HALF] == pytest.approx(90 * math.cos(turn), rel=1e-4, abs=0.01)
    assert sideways_speed(geometry)[0, HALF:-HALF] == pytest.approx(90 * abs(math.sin(turn)), rel=1e-4, abs=0.01)


def test_backing_up_is_a_negative_forward_speed(moving: Callable[..., Geometry]) -> None:
    geometry = moving(-2 * np.arange(20))
    assert forward_speed(geometry)[0, 3:-3] == pytest.approx(-64, rel=1e-6)
    assert sideways_speed(geometry)[0, 3:-3] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("turn_rad_per_s", [2.0, -2.0])
def test_turning_speed_has_no_sense_and_passes_the_half_turn(film: Film, roles: Roles, turn_rad_per_s: float) -> None:
    turns = turn_rad_per_s * np.arange(200)[:, np.newaxis] / 30
    features = compute_features(film(np.zeros((200, 1)), turns), roles, ["turning_speed", "turning_rate", "speed"])
    assert features["turning_speed"].values[3:-3] == pytest.approx(2, rel=1e-4)
    assert features["turning_rate"].values[3:-3] == pytest.approx(turn_rad_per_s, rel=1e-4)
    assert features["speed"].values[3:-3] == pytest.approx(0, abs=1e-4)


def test_a_turn_of_more_than_half_in_one_step_is_taken_the_shorter_way(rat: Rat, geometry_of: Seen) -> None:
    geometry = geometry_of(rat(0, 20 * seconds(30)), fps=60.0)  # 4 rad in a step of 0.2 s
    assert turning_rate(geometry)[0, HALF:-HALF] == pytest.approx((4 - math.tau) / 0.2, rel=1e-5)
    assert turning_speed(geometry)[0, HALF:-HALF] == pytest.approx((math.tau - 4) / 0.2, rel=1e-5)


def test_heading_follows_a_spin_around_the_circle(rat: Rat, geometry_of: Seen) -> None:
    turns = 1.3 * seconds(600) + 0.01
    wrapped = np.arctan2(np.sin(turns), np.cos(turns))
    assert heading(geometry_of(rat(50 + 80j, turns)))[0] == pytest.approx(wrapped[:, 0], abs=2e-6)


@pytest.mark.parametrize(
    ("nose", "direction"), [(9, 0.0), (9j, math.pi / 2), (-9, math.pi), (-9j, -math.pi / 2), (-9 + 9j, 3 * math.pi / 4)]
)
def test_heading_is_right_at_zero_and_down_at_a_quarter_turn(
    geometry_of: Seen, nose: complex, direction: float
) -> None:
    assert heading(geometry_of({"nose": nose, "tail_base": 0}))[0, 0] == pytest.approx(direction)


def test_the_centroid_is_so_far_right_and_down_from_the_corner_of_the_image(film: Film, roles: Roles) -> None:
    frames = np.arange(30)[:, np.newaxis]
    poses = film(50 + 80j + (3 - 2j) * frames, 0.1 * frames, scale_mm_per_px=0.5)
    in_px = compute_features(poses, roles, ["centroid_x", "centroid_y"], length_unit="px")
    assert in_px["centroid_x"].values == pytest.approx(50 + 3 * frames, abs=1e-4)
    assert in_px["centroid_y"].values == pytest.approx(80 - 2 * frames, abs=1e-4)
    in_mm = compute_features(poses, roles, ["centroid_x"])["centroid_x"]
    assert in_mm.attrs["units"] == "mm"
    assert in_mm.values == pytest.approx(25 + 1.5 * frames, abs=1e-4)


def test_the_nose_of_a_turning_animal_moves_along_the_chord(film: Film, roles: Roles) -> None:
    turns = 2.0 * np.arange(60)[:, np.newaxis] / 30
    found = compute_features(film(np.zeros((60, 1)), turns), roles, length_unit="px")
    chord_px = 2 * 20 * math.sin(2.0 * 0.2 / 2)
    assert found["nose_speed"].values[3:-3] == pytest.approx(chord_px / 0.2, rel=1e-4)
    assert found["tail_base_speed"].values[3:-3] == pytest.approx(chord_px / 0.2, rel=1e-4)


def test_the_speed_of_any_point(rat: Rat, geometry_of: Seen) -> None:
    points = rat(0, 2.0 * seconds(60))
    geometry = geometry_of({**points, "left_ear": NAN}, fps=60.0)
    tip_speed = 60 * math.sin(TURN * HALF_S) / HALF_S
    assert point_speed(geometry, "tail_tip")[0, HALF:-HALF] == pytest.approx(tip_speed, rel=1e-5)
    assert np.isnan(point_speed(geometry, "left_ear")).all()


def jittering(geometry_of: Seen, names: tuple[str, ...], sigma_px: float, fps: float) -> Geometry:
    """An animal that lies still, its keypoints tracked with independent normal jitter per axis."""
    rng = np.random.default_rng(7)
    return geometry_of(
        {name: 400 + 300j + sigma_px * (rng.normal(size=(30_000, 2, 2)) @ [1, 1j]) for name in names}, fps=fps
    )


def root_mean_square(values: NDArray[np.float32]) -> float:
    return math.sqrt(np.nanmean(np.square(values, dtype=np.float64)))


@pytest.mark.parametrize("fps", [30.0, 120.0])
@pytest.mark.parametrize(
    ("names", "sigma_px"), [(("nose",), 0.5), (("nose",), 2.0), (("nose", "center", "tail_base"), 1.0)]
)
def test_the_noise_of_tracking_jitter_is_as_predicted(
    geometry_of: Seen, names: tuple[str, ...], sigma_px: float, fps: float
) -> None:
    geometry = jittering(geometry_of, names, sigma_px, fps)
    step_s = 0.2
    sigma = sigma_px / math.sqrt(len(names))  # of the centroid
    for component in geometry.velocity:
        assert np.nanstd(component) == pytest.approx(sigma * math.sqrt(2) / step_s, rel=0.03)
    # Two components each: sqrt(2) times the noise of one.
    assert root_mean_square(speed(geometry)) == pytest.approx(2 * sigma / step_s, rel=0.03)
    assert root_mean_square(nose_speed(geometry)) == pytest.approx(2 * sigma_px / step_s, rel=0.03)
    of_acceleration = sigma * math.sqrt(6) / (step_s / 2) ** 2
    assert root_mean_square(acceleration(geometry)) == pytest.approx(math.sqrt(2) * of_acceleration, rel=0.03)
    of_jerk = sigma * math.sqrt(10) / (2 * (step_s / 2) ** 3)
    assert root_mean_square(jerk(geometry)) == pytest.approx(math.sqrt(2) * of_jerk, rel=0.03)


def test_a_still_animal_has_speed_zero_and_no_path(rat: Rat, geometry_of: Seen) -> None:
    geometry = geometry_of(rat(np.full((60, 1), 100 + 50j), 0.3))
    for feature in (speed, nose_speed, tail_base_speed, acceleration, jerk, turning_speed, turning_rate, displacement):
        found = feature(geometry)[0]
        assert np.isfinite(found).sum() >= 30
        assert (found[np.isfinite(found)] == 0).all()
    assert forward_speed(geometry)[0, 3:-3].tolist() == [0] * 54
    assert np.isnan(speed_change(geometry)).all()
    assert np.isnan(path_curvature(geometry)).all()


def test_a_body_without_length_has_no_direction(geometry_of: Seen) -> None:
    place = 3 * np.arange(30)[:, np.newaxis] + 0j
    geometry = geometry_of(dict.fromkeys(("nose", "center", "tail_base"), place))
    for feature in (forward_speed, sideways_speed, turning_speed, turning_rate, heading):
        assert np.isnan(feature(geometry)).all()
    assert speed(geometry)[0, 3:-3] == pytest.approx(90)


@pytest.mark.parametrize(
    ("lost", "missing"),
    [
        ("nose", (nose_speed, turning_speed, turning_rate, heading, forward_speed, sideways_speed)),
        ("tail_base", (tail_base_speed, turning_speed, turning_rate, heading, forward_speed, sideways_speed)),
        ("center", ()),
    ],
)
def test_without_one_keypoint_only_what_needs_it_is_missing(
    rat: Rat, geometry_of: Seen, lost: str, missing: tuple[Callable[[Geometry], NDArray[np.float32]], ...]
) -> None:
    frames = np.arange(60)[:, np.newaxis]
    geometry = geometry_of({**rat(frames**2 * (3 + 4j) / 5, 0.1 * frames), lost: NAN})
    for feature in (
        speed, acceleration, speed_change, jerk, path_curvature, displacement, nose_speed, tail_base_speed,
        turning_speed, turning_rate, heading, forward_speed, sideways_speed,
    ):  # fmt: skip
        assert np.isnan(feature(geometry)).all() == (feature in missing)


def test_a_recording_shorter_than_a_step_has_no_speed(rat: Rat, geometry_of: Seen) -> None:
    geometry = geometry_of(rat(np.zeros((2, 1))))
    for feature in (speed, acceleration, speed_change, jerk, path_curvature, displacement, turning_rate):
        assert feature(geometry).shape == (1, 2)
        assert np.isnan(feature(geometry)).all()
