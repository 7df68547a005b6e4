from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_adapters.poses.dlc_csv import read_dlc_csv
from nsp_core.arena import Arena
from nsp_core.calibration import (
    Scale,
    distances_px,
    scale_from_arena,
    scale_from_keypoints,
    scale_from_length,
    scale_note,
)
from nsp_core.errors import PoseError, StudyError
from nsp_core.poses import make_poses


def pair_of_points(apart_px: np.ndarray, angle: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> xr.Dataset:
    """Animals a and b whose nose and tail are ``apart_px`` (time, individual) apart."""
    position = np.zeros((len(apart_px), 2, 2, 2)) + np.array(shift)[:, np.newaxis, np.newaxis]
    position[:, 0, 0] += apart_px * math.cos(angle)
    position[:, 1, 0] += apart_px * math.sin(angle)
    names = {"keypoints": ["nose", "tail"], "individuals": ["a", "b"]}
    return make_poses(position, np.ones((len(apart_px), 2, 2)), recording="r", fps=30.0, **names)


def turned(width: float, height: float, angle: float, shift: tuple[float, float] = (0.0, 0.0)) -> Arena:
    corners = ((0.0, 0.0), (width, 0.0), (width, height), (0.0, height))
    cosine, sine = math.cos(angle), math.sin(angle)
    return Arena(tuple((x * cosine - y * sine + shift[0], x * sine + y * cosine + shift[1]) for x, y in corners))


def test_either_side_of_an_arena_tells_the_scale() -> None:
    arena = Arena.rectangle((100, 50), (900, 650))
    assert scale_from_arena(arena, width_mm=400).mm_per_px == pytest.approx(0.5)
    assert scale_from_arena(arena, height_mm=300).mm_per_px == pytest.approx(0.5)
    both = scale_from_arena(arena, width_mm=400, height_mm=303)
    assert (both.low, both.mm_per_px, both.high) == pytest.approx((0.5, 0.5025, 0.505))
    assert both.source == "arena width 400 mm and height 303 mm"


def test_sides_that_disagree_are_refused_naming_both() -> None:
    with pytest.raises(StudyError, match=r"0\.5 mm per px from the width and 0\.6 mm per px from the height") as error:
        scale_from_arena(Arena.rectangle((0, 0), (800, 600)), width_mm=400, height_mm=360)
    assert "differ by 20.0 %" in error.value.found
    assert error.value.expected == "scales within 2 % of each other"


@pytest.mark.parametrize(("height_mm", "refused"), [(305.9, False), (306.1, True), (294.2, False), (294.0, True)])
def test_two_percent_is_the_limit(height_mm: float, refused: bool) -> None:
    arena = Arena.rectangle((0, 0), (800, 600))
    if refused:
        with pytest.raises(StudyError, match=r"differ by 2\.0 %"):
            scale_from_arena(arena, width_mm=400, height_mm=height_mm)
    else:
        assert scale_from_arena(arena, width_mm=400, height_mm=height_mm).mm_per_px == pytest.approx(0.5, rel=0.02)


@given(st.floats(-0.7, 0.7), st.tuples(st.floats(-500, 500), st.floats(-500, 500)), st.integers(0, 3))
def test_an_arena_that_is_turned_has_the_same_scale(angle: float, shift: tuple[float, float], first: int) -> None:
    outline = turned(800, 600, angle, shift).outline
    for corners in (outline, outline[::-1]):
        scale = scale_from_arena(Arena((*corners[first:], *corners[:first])), width_mm=400, height_mm=300)
        assert scale.mm_per_px == pytest.approx(0.5)
        assert scale.high - scale.low < 1e-9


def test_a_camera_at_an_angle_widens_the_interval() -> None:
    trapezoid = Arena(((50, 0), (750, 0), (800, 600), (0, 600)))
    scale = scale_from_arena(trapezoid, width_mm=400)
    assert (scale.low, scale.high) == pytest.approx((0.5, 400 / 700))
    assert scale.mm_per_px == pytest.approx(400 / 750)


def test_a_round_arena_is_measured_by_its_diameter() -> None:
    scale = scale_from_arena(Arena.circle((500, 400), 300), diameter_mm=450)
    assert scale.mm_per_px == pytest.approx(0.75)


def test_a_polygon_of_other_corners_is_measured_by_its_extent() -> None:
    cross = Arena(((0, 0), (100, 0), (100, 100), (200, 100), (200, 200), (0, 200)))
    assert scale_from_arena(cross, width_mm=400, height_mm=400).mm_per_px == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("arena", "sizes", "found"),
    [
        (Arena.rectangle((0, 0), (8, 6)), {}, "a polygonal arena and no size"),
        (Arena.rectangle((0, 0), (8, 6)), {"diameter_mm": 4.0}, "a polygonal arena and diameter_mm"),
        (Arena.circle((0, 0), 5), {"width_mm": 4.0}, "a round arena and width_mm"),
    ],
)
def test_a_size_that_does_not_belong_to_the_shape_is_refused(arena: Arena, sizes: dict[str, float], found: str) -> None:
    with pytest.raises(StudyError, match=found):
        scale_from_arena(arena, **sizes)


@pytest.mark.parametrize("size", [0.0, -1.0, math.nan, math.inf])
def test_impossible_lengths_are_refused(size: float) -> None:
    poses = pair_of_points(np.full((50, 2), 100.0))
    with pytest.raises(StudyError, match=r"width_mm = .*, expected a number above 0"):
        scale_from_arena(Arena.rectangle((0, 0), (8, 6)), width_mm=size)
    with pytest.raises(StudyError, match=r"length_mm = .*, expected a number above 0"):
        scale_from_length((0, 0), (0, 9), size)
    with pytest.raises(StudyError, match="length_mm = "):
        scale_from_keypoints(poses, "tail", "nose", size)


def test_a_known_length_tells_the_scale_as_well_as_it_was_pointed_at() -> None:
    scale = scale_from_length((0, 0), (300, 400), 250)
    assert (scale.mm_per_px, scale.low, scale.high) == pytest.approx((0.5, 250 / 501, 250 / 499))
    assert scale.source == "250 mm between two points 500.0 px apart"


@pytest.mark.parametrize("end", [(0.0, 0.0), (1.0, 1.0), (math.nan, 0.0), (math.inf, 0.0)])
def test_two_points_too_close_are_refused(end: tuple[float, float]) -> None:
    with pytest.raises(StudyError, match="px apart, expected at least 2 px"):
        scale_from_length((0, 0), end, 250)


def test_two_keypoints_tell_the_scale_in_spite_of_gaps_and_outliers() -> None:
    rng = np.random.default_rng(0)
    apart = 200 + rng.normal(scale=10, size=(6000, 2))
    apart[rng.random(apart.shape) < 0.1] = 3000
    apart[rng.random(apart.shape) < 0.3] = np.nan
    scale = scale_from_keypoints(pair_of_points(apart), "tail", "nose", 100)
    assert scale.mm_per_px == pytest.approx(0.5, rel=0.01)
    assert scale.low < scale.mm_per_px < scale.high
    assert (scale.high - scale.low) / scale.mm_per_px < 0.02
    assert scale.source.startswith("100 mm from tail to nose, median 20")


def test_the_interval_holds_the_true_median_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = []
    for _ in range(100):
        # Postures that last: one length per 0.5 s.
        lengths = np.repeat(200 + rng.normal(scale=20, size=(160, 1)), 15, axis=0)
        scale = scale_from_keypoints(pair_of_points(np.hstack([lengths, lengths])), "tail", "nose", 100)
        held.append(scale.low <= 0.5 <= scale.high)
    assert 0.9 <= np.mean(held) <= 1.0


def test_one_animal_can_be_named() -> None:
    poses = pair_of_points(np.tile([100.0, 200.0], (60, 1)))
    assert scale_from_keypoints(poses, "tail", "nose", 100, individual="b").mm_per_px == pytest.approx(0.5)
    with pytest.raises(PoseError, match="the unknown individual 'c', expected one of a, b"):
        scale_from_keypoints(poses, "tail", "nose", 100, individual="c")
    with pytest.raises(PoseError, match="the unknown keypoint 'snout', expected one of nose, tail"):
        scale_from_keypoints(poses, "tail", "snout", 100)


@pytest.mark.parametrize(("n_frames", "apart"), [(29, 100.0), (60, np.nan), (60, 0.0), (0, 1.0)])
def test_keypoints_hardly_seen_together_are_refused(n_frames: int, apart: float) -> None:
    with pytest.raises(PoseError, match=r"tail and nose seen together in \d+ frames, .* expected at least 30 frames"):
        scale_from_keypoints(pair_of_points(np.full((n_frames, 2), apart)), "tail", "nose", 100)


@settings(max_examples=30)
@given(st.floats(-np.pi, np.pi), st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000)))
def test_the_scale_does_not_depend_on_place_orientation_and_order(angle: float, shift: tuple[float, float]) -> None:
    apart = np.random.default_rng(2).uniform(100, 200, size=(300, 2))
    here = scale_from_keypoints(pair_of_points(apart), "tail", "nose", 90)
    there = scale_from_keypoints(pair_of_points(apart[:, ::-1], angle, shift), "nose", "tail", 90)
    assert (there.low, there.mm_per_px, there.high) == pytest.approx((here.low, here.mm_per_px, here.high), rel=1e-4)


def test_a_place_of_several_keypoints_is_their_mean() -> None:
    poses = pair_of_points(np.full((3, 2), 100.0))
    assert distances_px(poses, ["tail"], ["tail", "nose"]).tolist() == [[50.0, 50.0]] * 3
    assert distances_px(poses, ["tail"], ["nose"], individual="b").shape == (3, 1)


@pytest.mark.parametrize("numbers", [(1.0, 1.1, 1.2), (1.0, 0.8, 0.9), (0.0, 0.0, 1.0), (1.0, 1.0, math.inf)])
def test_a_scale_lies_in_its_interval(numbers: tuple[float, float, float]) -> None:
    mm_per_px, low, high = numbers
    with pytest.raises(StudyError, match=r"scale: found .* mm per px between"):
        Scale(mm_per_px, "guess", low, high)


def test_who_has_no_scale_or_a_vague_one_is_told_loudly() -> None:
    assert scale_note("r", None) == "scale unknown for r: ALL its lengths are body lengths (bl), not millimeters"
    assert scale_note("r", Scale(0.5, "arena width 400 mm", 0.49, 0.51)) == ""
    vague = scale_note("r", Scale(0.5, "a guess", 0.4, 0.6))
    assert (
        vague == "scale of r (a guess) is only known to lie between 0.4 and 0.6 mm per px: so do all its lengths in mm"
    )


@pytest.mark.real_data
def test_a_mouse_measured_by_its_keypoints_comes_close_to_the_measured_scale(nsp_data: Path) -> None:
    tracked = read_dlc_csv(nsp_data / "behaviordepot_freezing" / "demo1" / "demo1_tracking.csv", fps=50.0)
    # 32 px per cm were measured; the mouse's median length was not, so a textbook length is within some ten percent.
    scale = scale_from_keypoints(tracked, "Tailbase", "Nose", 75.0)
    assert scale.mm_per_px == pytest.approx(10 / 32, rel=0.15)
    assert scale.low < scale.mm_per_px < scale.high
