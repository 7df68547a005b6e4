from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsp_core.features import social
from nsp_core.features.geometry import Geometry, angle_between, mean_seen

NOSE, CENTER, TAIL_BASE = 0, 1, 2


def straight_walk(n_frames: int = 30, fps: float = 30.0) -> Geometry:
    """One animal of 40 px that walks 2 px per frame to the right."""
    x = np.arange(n_frames) * 2.0
    position = np.zeros((n_frames, 2, 3, 1), dtype=np.float32)
    for keypoint, forward in ((NOSE, 20), (CENTER, 0), (TAIL_BASE, -20)):
        position[:, 0, keypoint, 0] = x + forward
    return Geometry(position, {"nose": (NOSE,), "center": (CENTER,), "tail_base": (TAIL_BASE,)}, fps)


@pytest.mark.parametrize(
    ("fps", "half_step", "step_s"),
    [(30.0, 3, 0.2), (50.0, 5, 0.2), (29.97, 3, 6 / 29.97), (1.0, 1, 2.0), (4.0, 1, 0.5)],
)
def test_the_derivative_step_is_in_seconds_and_at_least_one_frame(fps: float, half_step: int, step_s: float) -> None:
    geometry = straight_walk(fps=fps)
    assert geometry.half_step_frames == half_step
    assert geometry.step_s == pytest.approx(step_s)


def test_a_step_that_leaves_the_recording_is_missing() -> None:
    before, after = straight_walk(10).step(np.arange(10.0))
    assert before.tolist() == pytest.approx([np.nan] * 3 + list(range(7)), nan_ok=True)
    assert after.tolist() == pytest.approx([*range(3, 10), *[np.nan] * 3], nan_ok=True)
    before, after = straight_walk(2).step(np.arange(2.0))
    assert np.isnan([before, after]).all()


def test_a_role_of_several_keypoints_is_the_mean_of_those_present() -> None:
    geometry = straight_walk(2)
    both = Geometry(geometry.position, {"nose": (NOSE, CENTER)}, 30.0)
    assert both.nose[0, :, 0].tolist() == [10, 0]
    geometry.position[0, 1, NOSE] = np.nan  # a point with one coordinate is missing
    assert Geometry(geometry.position, {"nose": (NOSE, CENTER)}, 30.0).nose[0, :, 0].tolist() == [0, 0]


def test_the_centroid_moves_to_what_is_seen_by_a_quarter_body() -> None:
    geometry = straight_walk()
    assert geometry.centroid[5, 0, 0] == 10
    geometry.position[:, :, NOSE] = np.nan
    assert Geometry(geometry.position, geometry.role_keypoints, 30.0).centroid[5, 0, 0] == 10 - 40 / 4


def test_the_centroid_uses_the_core_roles_there_are() -> None:
    position = straight_walk().position
    assert Geometry(position, {"tail_base": (TAIL_BASE,), "ear": (NOSE,)}, 30.0).centroid[0, 0, 0] == -20


def test_a_keypoint_that_comes_and_goes_is_no_motion() -> None:
    geometry = straight_walk()
    geometry.position[::4, :, NOSE] = np.nan  # never at both ends of a step of six frames
    before, after = geometry.centroid_step
    assert (after - before)[3:-3, 0, 0] == pytest.approx(2 * 6)


def test_lengths_are_scaled_once() -> None:
    geometry = straight_walk()
    in_mm = Geometry(geometry.position, geometry.role_keypoints, 30.0, length_per_px=0.5)
    assert in_mm.axis[0, :, 0].tolist() == [20, 0]


def test_nothing_is_computed_that_nobody_asks_for() -> None:
    geometry = straight_walk()
    social.nose_to_nose(geometry)
    assert {"center", "tail_base", "centroid", "centroid_step", "axis"}.isdisjoint(vars(geometry))


def test_dyads_are_every_pair_once_or_in_both_orders() -> None:
    geometry = Geometry(np.zeros((1, 2, 1, 3), dtype=np.float32), {}, 30.0)
    assert list(zip(*geometry.unordered, strict=True)) == [(0, 1), (0, 2), (1, 2)]
    assert len(set(zip(*geometry.ordered, strict=True))) == 6


@given(st.floats(-math.pi, math.pi), st.floats(-10, 10), st.floats(0.1, 100), st.floats(0.1, 100))
def test_angles_between_vectors_of_any_length(start: float, turn: float, length: float, other_length: float) -> None:
    first = length * np.array([[math.cos(start), math.sin(start)]])
    second = other_length * np.array([[math.cos(start + turn), math.sin(start + turn)]])
    assert angle_between(first, second)[0] == pytest.approx(abs(math.remainder(turn, math.tau)), abs=1e-9)


def test_the_angle_of_a_vector_without_length_is_missing() -> None:
    assert np.isnan(angle_between(np.zeros((1, 2)), np.ones((1, 2)))).all()
    assert np.isnan(angle_between(np.full((1, 2), np.nan), np.ones((1, 2)))).all()


def test_the_mean_of_nothing_is_missing() -> None:
    assert mean_seen(np.array([[np.nan, 4.0, 2.0], [np.nan] * 3]), axis=1).tolist() == pytest.approx(
        [3.0, np.nan], nan_ok=True
    )
