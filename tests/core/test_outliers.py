from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_adapters.poses.dlc_csv import read_dlc_csv
from nsp_core.errors import PoseError, StudyError
from nsp_core.outliers import SpeedLimit, find_jumps, parse_speed, speed_px
from nsp_core.poses import make_poses

ROLES = {"nose": ("nose",), "tail_base": ("tail",)}


def track(x: np.ndarray | list[float], *, fps: float = 30.0, y: float = 0.0) -> xr.Dataset:
    position = np.stack([np.array(x), np.full(len(x), y)], axis=1)[:, :, np.newaxis, np.newaxis]
    confidence = np.full((len(x), 1, 1), np.nan)
    return make_poses(position, confidence, recording="r", keypoints=["nose"], individuals=["abe"], fps=fps)


def body(length_px: float, **options: float) -> xr.Dataset:
    """One animal that does not move."""
    position = np.zeros((5, 2, 2, 1))
    position[:, 0, 1] = length_px
    names = {"keypoints": ["nose", "tail"], "individuals": ["abe"]}
    return make_poses(position, np.ones((5, 2, 1)), recording="r", fps=30.0, **names, **options)


def jumps_of(poses: xr.Dataset, limit_px_s: float) -> list[int]:
    return np.flatnonzero(find_jumps(poses, limit_px_s).any(axis=(1, 2))).tolist()


def walk(n_frames: int, fps: float, speed_px_s: float = 60.0) -> np.ndarray:
    return 100 + speed_px_s * np.arange(n_frames) / fps


@pytest.mark.parametrize("fps", [15.0, 24000 / 1001, 30.0, 120.0])
@pytest.mark.parametrize("away_s", [0.01, 0.2, 0.45])
def test_a_point_that_leaves_and_returns_is_found_exactly_at_every_frame_rate(fps: float, away_s: float) -> None:
    x = walk(300, fps)
    away = slice(100, 100 + max(round(away_s * fps), 1))
    x[away] += 400
    assert jumps_of(track(x, fps=fps), 1000.0) == list(range(away.start, away.stop))


def test_an_excursion_over_several_places_is_one() -> None:
    x = walk(60, 30)
    x[20:23], x[23], x[24:26] = 900, -500, 700
    assert jumps_of(track(x), 1000.0) == [20, 21, 22, 23, 24, 25]


def test_a_point_on_its_way_back_is_not_back() -> None:
    x = np.full(60, 100.0)
    x[20:24] = [900, 1000, 700, 400]
    assert jumps_of(track(x), 1500.0) == [20, 21, 22, 23]


def test_good_points_between_two_excursions_are_kept() -> None:
    x = walk(60, 30)
    x[[20, 25]] = 900
    assert jumps_of(track(x), 1000.0) == [20, 25]


def test_gaps_around_an_excursion_do_not_hide_it() -> None:
    x = walk(60, 30)
    x[20] = 900
    x[[18, 19, 21, 22]] = np.nan
    assert jumps_of(track(x), 1000.0) == [20]


@pytest.mark.parametrize("away", [slice(30, 60), slice(30, 90), slice(0, 10), slice(50, 60)])
def test_a_point_that_stays_away_or_has_no_other_side_is_kept(away: slice) -> None:
    x = np.full(60, 100.0)
    x[away] = 900
    assert jumps_of(track(x), 1000.0) == []


def test_the_time_of_a_gap_is_time_to_move() -> None:
    x = [0.0, *[np.nan] * 29, 900.0, *[np.nan] * 29, 0.0]
    assert jumps_of(track(x), 1000.0) == []


@pytest.mark.parametrize("fps", [30.0, 240.0])
def test_jitter_is_no_jump_however_high_the_frame_rate(fps: float) -> None:
    rng = np.random.default_rng(0)
    assert jumps_of(track(walk(2000, fps) + rng.normal(scale=3, size=2000), fps=fps), 1000.0) == []


def test_empty_and_unseen_tracks_have_no_jumps() -> None:
    assert find_jumps(track([]), 100.0).shape == (0, 1, 1)
    assert jumps_of(track([np.nan] * 5), 100.0) == []
    assert jumps_of(track([1.0]), 100.0) == []


SIXTEENTHS = st.integers(-16_000, 16_000).map(lambda n: n / 16)


@settings(max_examples=40)
@given(
    st.lists(st.one_of(st.just(np.nan), SIXTEENTHS), min_size=1, max_size=40),
    st.tuples(st.integers(-2000, 2000), st.integers(-2000, 2000)),
    st.integers(0, 3),
)
def test_jumps_do_not_depend_on_place_orientation_and_order(
    x: list[float], shift: tuple[int, int], quarter_turns: int
) -> None:
    tracks = np.array([x, x[::-1]]).T
    position = np.stack([tracks, 2 * tracks], axis=1)[:, :, np.newaxis]
    names = {"recording": "r", "keypoints": ["nose"], "individuals": ["abe", "bob"], "fps": 30.0}
    confidence = np.ones((len(x), 1, 2))
    found = find_jumps(make_poses(position, confidence, **names), 3000.0)
    turn = np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), quarter_turns)
    moved = np.einsum("ab,tbki->taki", turn, position) + np.array(shift)[:, np.newaxis, np.newaxis]
    np.testing.assert_array_equal(find_jumps(make_poses(moved, confidence, **names), 3000.0), found)
    np.testing.assert_array_equal(
        find_jumps(make_poses(position[..., ::-1], confidence, **names), 3000.0), found[..., ::-1]
    )


@given(st.lists(st.one_of(st.just(np.nan), SIXTEENTHS), min_size=1, max_size=40))
def test_what_is_left_has_no_more_excursions_of_one_frame(x: list[float]) -> None:
    poses = track(x)
    found = find_jumps(poses, 3000.0)
    assert not found[np.isnan(x)].any()
    left = np.where(found.ravel(), np.nan, x)
    seen = np.flatnonzero(np.isfinite(left))
    for before, here, after in zip(seen, seen[1:], seen[2:], strict=False):
        leaves = abs(left[here] - left[before]) > 3000 * max((here - before) / 30, 0.05)
        returns = abs(left[after] - left[here]) > 3000 * max((after - here) / 30, 0.05)
        near = abs(left[after] - left[before]) <= 3000 * 0.05
        assert not (leaves and returns and near and here - before <= 15)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("20 bl/s", SpeedLimit(20.0, "body")),
        ("1.5e3mm/s", SpeedLimit(1500.0, "mm")),
        (" 800 px / s ", SpeedLimit(800.0, "px")),
    ],
)
def test_limits_are_read_with_their_unit(text: str, limit: SpeedLimit) -> None:
    assert parse_speed(text) == limit


@pytest.mark.parametrize(
    "text", ["", "20", "20 bl", "0 px/s", "-3 mm/s", "nan px/s", "inf px/s", "20 m/s", "2 arena/s", "5 px/frame"]
)
def test_texts_that_are_no_speed_are_refused(text: str) -> None:
    with pytest.raises(StudyError, match=r"cleaning: found max_jump = .* expected a speed above 0 with its unit"):
        parse_speed(text)


def test_every_unit_becomes_pixels_of_this_recording() -> None:
    assert speed_px(parse_speed("800 px/s"), body(50)) == 800
    assert speed_px(parse_speed("800 mm/s"), body(50, scale_mm_per_px=0.5)) == 1600
    assert speed_px(parse_speed("20 bl/s"), body(50), ROLES) == 1000


def test_millimeters_need_a_scale() -> None:
    with pytest.raises(PoseError, match=r"found max_jump in mm/s and no scale_mm_per_px, .*or max_jump in bl/s"):
        speed_px(parse_speed("800 mm/s"), body(50))


@pytest.mark.parametrize(("length_px", "roles"), [(50, None), (50, {"nose": ("nose",)}), (0, ROLES), (np.nan, ROLES)])
def test_body_lengths_need_a_body(length_px: float, roles: dict[str, tuple[str, ...]] | None) -> None:
    with pytest.raises(PoseError, match=r"found max_jump in bl/s and no body length, .*give both roles"):
        speed_px(parse_speed("20 bl/s"), body(length_px), roles)


@pytest.mark.real_data
def test_points_far_outside_a_real_video_are_dropped(nsp_data: Path) -> None:
    file = next((nsp_data / "ethome_adult_juvenile").glob("*_el_filtered.csv"))
    tracked = read_dlc_csv(file, fps=30.0)
    x = tracked["position"].values[:, 0]
    assert x.max() > 3000
    found = find_jumps(tracked, speed_px(parse_speed("20 bl/s"), tracked, {"nose": ("nose",), "tail_base": ("tail",)}))
    assert x[~found].max() < 1500
    # The rest crept away and back again, and the tracker knew that it was wrong.
    assert (tracked["confidence"].values[~found & (x > 1250)] < 0.1).all()
    assert found.mean() < 0.001
