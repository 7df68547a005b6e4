from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from nsp_core.features import compute_features

Film = Callable[..., xr.Dataset]
Roles = dict[str, tuple[str, ...]]


def test_speed_in_millimeters_and_body_lengths(film: Film, roles: Roles) -> None:
    center = np.arange(30)[:, np.newaxis] * (3 + 4j)  # 5 px per frame, 150 px/s
    names = ["speed", "nose_speed"]
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


@pytest.mark.parametrize("turn_rad_per_s", [2.0, -2.0])
def test_turning_speed_has_no_sense_and_passes_the_half_turn(film: Film, roles: Roles, turn_rad_per_s: float) -> None:
    heading = turn_rad_per_s * np.arange(200)[:, np.newaxis] / 30
    features = compute_features(film(np.zeros((200, 1)), heading), roles, ["turning_speed", "speed"])
    assert features["turning_speed"].values[3:-3] == pytest.approx(2, rel=1e-4)
    assert features["speed"].values[3:-3] == pytest.approx(0, abs=1e-4)


def test_the_nose_of_a_turning_animal_moves_along_the_chord(film: Film, roles: Roles) -> None:
    heading = 2.0 * np.arange(60)[:, np.newaxis] / 30
    found = compute_features(film(np.zeros((60, 1)), heading), roles, ["nose_speed"], length_unit="px")
    chord_px = 2 * 20 * math.sin(2.0 * 0.2 / 2)
    assert found["nose_speed"].values[3:-3] == pytest.approx(chord_px / 0.2, rel=1e-4)
