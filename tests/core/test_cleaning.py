from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.cleaning import Cleaning, clean_poses, pose_quality, require_usable, share_all_seen, trusted_poses
from nsp_core.errors import PoseError, StudyError
from nsp_core.outliers import find_jumps
from nsp_core.poses import make_poses, validate_poses
from nsp_core.simulate import simulate_dyad

MISSING = np.nan


def track(x: list[float], confidence: list[float] | None = None, *, fps: float = 10.0) -> xr.Dataset:
    """One animal, one keypoint, y twice x."""
    position = np.array([x, np.array(x) * 2]).T[:, :, np.newaxis, np.newaxis]
    given_confidence = np.full(len(x), np.nan) if confidence is None else np.array(confidence)
    return make_poses(
        position,
        given_confidence[:, np.newaxis, np.newaxis],
        recording="recording_1",
        keypoints=["nose"],
        individuals=["abe"],
        fps=fps,
    )


def group(seen: np.ndarray, fps: float = 10.0) -> xr.Dataset:
    """Animals whose points are present where ``seen`` (time, keypoint, individual) is True."""
    position = np.where(seen[:, np.newaxis], 1.0, np.nan) * np.ones((1, 2, 1, 1))
    return make_poses(
        position,
        np.full(seen.shape, np.nan),
        recording="recording_1",
        keypoints=["nose", "tail_base"][: seen.shape[1]],
        individuals=["abe", "bob"][: seen.shape[2]],
        fps=fps,
    )


def x_of(poses: xr.Dataset) -> list[float]:
    return poses["position"].values[:, 0, 0, 0].tolist()


def test_points_below_the_confidence_are_dropped_and_points_at_it_are_kept() -> None:
    cleaned = clean_poses(track([1, 2, 3], [0.9, 0.4, 0.5]), Cleaning(min_confidence=0.5, max_gap_s=0))
    assert x_of(cleaned) == pytest.approx([1, MISSING, 3], nan_ok=True)
    assert cleaned["confidence"].values.ravel().tolist() == pytest.approx([0.9, MISSING, 0.5], nan_ok=True)


def test_points_without_confidence_are_kept() -> None:
    cleaned = clean_poses(track([1, 2], [MISSING, 0.1]), Cleaning(min_confidence=0.5))
    assert x_of(cleaned) == pytest.approx([1, MISSING], nan_ok=True)


def test_without_threshold_confidence_does_not_matter() -> None:
    assert x_of(clean_poses(track([1, 2], [0.0, 0.1]), Cleaning())) == [1, 2]


def test_short_gaps_become_straight_lines_in_both_coordinates() -> None:
    cleaned = clean_poses(track([0, MISSING, MISSING, MISSING, 8]), Cleaning(max_gap_s=0.3))
    assert x_of(cleaned) == [0, 2, 4, 6, 8]
    assert cleaned["position"].values[:, 1, 0, 0].tolist() == [0, 4, 8, 12, 16]
    assert np.isnan(cleaned["confidence"].values).all()


def test_long_gaps_and_the_ends_of_the_recording_stay() -> None:
    x = [MISSING, 0, MISSING, MISSING, MISSING, 8, MISSING]
    assert x_of(clean_poses(track(x), Cleaning(max_gap_s=0.2))) == pytest.approx(x, nan_ok=True)


@pytest.mark.parametrize(("fps", "filled"), [(29.97, True), (10.0, False)])
def test_the_longest_gap_is_in_seconds(fps: float, filled: bool) -> None:
    x = [0.0, *[MISSING] * 15, 16.0]
    cleaned = clean_poses(track(x, fps=fps), Cleaning(max_gap_s=0.5))
    assert np.isfinite(x_of(cleaned)).all() == filled


def test_gaps_that_the_threshold_opens_are_filled() -> None:
    cleaned = clean_poses(track([0, 900, 2], [1, 0, 1]), Cleaning(min_confidence=0.5))
    assert x_of(cleaned) == [0, 1, 2]
    assert cleaned["confidence"].values.ravel().tolist() == pytest.approx([1, MISSING, 1], nan_ok=True)


def test_a_point_with_one_coordinate_is_missing() -> None:
    poses = track([0, 1, 2])
    poses["position"][1, 1] = np.nan
    assert x_of(clean_poses(poses, Cleaning(max_gap_s=0))) == pytest.approx([0, MISSING, 2], nan_ok=True)


def test_the_poses_given_are_left_alone_and_the_result_is_valid() -> None:
    poses = track([0, MISSING, 2], [1, 1, 1])
    before = poses.copy(deep=True)
    cleaned = clean_poses(poses, Cleaning(min_confidence=0.5))
    xr.testing.assert_identical(poses, before)
    validate_poses(cleaned)
    assert cleaned["position"].dtype == np.float32


def test_what_was_done_is_written_down() -> None:
    cleaned = clean_poses(track([1, 2]), Cleaning(min_confidence=0.6, max_gap_s=0.25))
    assert (cleaned.attrs["cleaning_min_confidence"], cleaned.attrs["cleaning_max_gap_s"]) == (0.6, 0.25)
    again = clean_poses(cleaned, Cleaning())
    assert "cleaning_min_confidence" not in again.attrs


@given(
    st.lists(st.lists(st.one_of(st.just(MISSING), st.floats(-1e3, 1e3, width=32)), min_size=4, max_size=4), min_size=1),
    st.integers(0, 5),
)
def test_filling_agrees_with_a_loop_over_every_point(rows: list[list[float]], max_gap_frames: int) -> None:
    tracks = np.array(rows, dtype=np.float32)  # (time, keypoint * individual)
    position = np.stack([tracks, -tracks], axis=1).reshape(len(rows), 2, 2, 2)
    poses = make_poses(
        position, np.full((len(rows), 2, 2), np.nan), recording="r", keypoints="kl", individuals="ab", fps=10.0
    )
    cleaned = clean_poses(poses, Cleaning(max_gap_s=max_gap_frames / 10))
    expected = np.stack([_filled(column, max_gap_frames) for column in tracks.T], axis=1)
    found = cleaned["position"].values[:, 0].reshape(len(rows), 4)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)


def _filled(values: np.ndarray, max_gap_frames: int) -> np.ndarray:
    result = values.copy()
    seen = [t for t in range(len(values)) if not np.isnan(values[t])]
    for start, stop in pairwise(seen):
        if 1 < stop - start <= max_gap_frames + 1:
            result[start : stop + 1] = np.linspace(values[start], values[stop], stop - start + 1)
    return result


@pytest.mark.parametrize("max_gap_s", [-0.1, np.nan, np.inf])
def test_impossible_gap_durations_are_refused(max_gap_s: float) -> None:
    with pytest.raises(StudyError, match=r"max_gap_s = .*expected a duration of 0 s or more"):
        Cleaning(max_gap_s=max_gap_s)


def test_an_impossible_threshold_is_refused() -> None:
    with pytest.raises(StudyError, match="min_confidence = nan, expected a finite number"):
        Cleaning(min_confidence=np.nan)


def test_quality_counts_missing_points_and_the_longest_gap() -> None:
    seen = np.ones((10, 2, 2), dtype=bool)
    seen[2:4, 0, 0] = seen[6:9, 0, 0] = False
    seen[5:, 1, 1] = False
    quality = pose_quality(group(seen)).set_index(["individual", "keypoint"])
    assert quality.loc[("abe", "nose")].tolist() == [0.5, 0.3]
    assert quality.loc[("bob", "tail_base")].tolist() == [0.5, 0.5]
    assert quality.loc[("abe", "tail_base")].tolist() == [0.0, 0.0]
    assert len(quality) == 4


def test_quality_of_a_keypoint_never_seen_and_of_an_empty_recording() -> None:
    assert pose_quality(group(np.zeros((10, 1, 1), dtype=bool))).iloc[0, 2:].tolist() == [1.0, 1.0]
    empty = group(np.zeros((0, 1, 1), dtype=bool))
    assert pose_quality(empty).iloc[0, 2:].tolist() == [0.0, 0.0]
    assert share_all_seen(empty) == 0


def test_all_seen_needs_one_keypoint_of_every_animal() -> None:
    seen = np.zeros((4, 2, 2), dtype=bool)
    seen[:3, 0, 0] = True
    seen[1:, 1, 1] = True
    assert share_all_seen(group(seen)) == 0.5


def test_usable_poses_pass() -> None:
    poses = group(np.ones((4, 2, 2), dtype=bool))
    assert all(require_usable(poses, n_animals=n_animals) is None for n_animals in (1, 2))


def test_too_few_animals_are_refused() -> None:
    poses = group(np.ones((4, 2, 1), dtype=bool))
    with pytest.raises(PoseError, match=r"recording_1: found one animal where the behavior needs two \(abe\)") as error:
        require_usable(poses, n_animals=2)
    assert "declare the behavior solitary" in error.value.remedy


def test_an_animal_never_seen_is_refused() -> None:
    seen = np.ones((4, 2, 2), dtype=bool)
    seen[:, :, 1] = False
    with pytest.raises(PoseError, match=r"no point of bob in any frame.*remove the empty track"):
        require_usable(group(seen), n_animals=2)


TRACKED = simulate_dyad(seed=1, n_frames=240, swap_rate=0.5, dropout=0.2).poses
EVERYTHING = Cleaning(min_confidence=0.5, max_jump="2000 px/s", smooth_s=0.5, smooth_order=3, repair_swaps=True)


def test_new_steps_are_off_unless_asked_for() -> None:
    dyad = simulate_dyad(seed=0, n_frames=900, swap_rate=0.2)
    cleaned = clean_poses(dyad.poses, Cleaning(max_gap_s=0))
    xr.testing.assert_equal(cleaned, dyad.poses)
    assert cleaned.attrs == {**dyad.poses.attrs, "cleaning_max_gap_s": 0.0}


def test_jumps_are_dropped_before_gaps_are_filled() -> None:
    x = [0.0, 1, 2, 900, 900, 5, 6, 7]
    cleaned = clean_poses(track(x, [1.0] * 8), Cleaning(max_jump="500 px/s"))
    assert x_of(cleaned) == pytest.approx([0, 1, 2, 3, 4, 5, 6, 7])
    assert np.isnan(cleaned["confidence"].values.ravel()).tolist() == [False] * 3 + [True] * 2 + [False] * 3
    assert x_of(clean_poses(track(x), Cleaning())) == x


def test_unsure_points_hide_no_jump() -> None:
    # A tracker's filter draws lines of unsure points out and back: no single step is long.
    x = [0.0, 0, 300, 600, 900, 600, 300, 0, 0]
    poses = track(x, [1, 1, 0.1, 0.1, 1, 0.1, 0.1, 1, 1], fps=100.0)
    assert x_of(clean_poses(poses, Cleaning(max_gap_s=0, max_jump="20000 px/s"))) == x
    assert x_of(clean_poses(poses, Cleaning(min_confidence=0.5, max_jump="20000 px/s"))) == [0.0] * 9


def test_exchanged_identities_are_put_back_only_when_asked_and_every_exchange_is_listed() -> None:
    dyad = simulate_dyad(seed=0, n_frames=1800, swap_rate=0.2)
    truth = simulate_dyad(seed=0, n_frames=1800).poses
    repaired = clean_poses(dyad.poses, Cleaning(repair_swaps=True))
    xr.testing.assert_equal(repaired, clean_poses(truth, Cleaning()))
    frames = np.flatnonzero(np.diff(dyad.swapped)) + 1
    assert repaired.attrs["identity_exchanges"] == [f"{frame} mouse1 mouse2" for frame in frames]
    assert len(frames) > 3
    assert "identity_exchanges" not in clean_poses(dyad.poses, Cleaning()).attrs


def test_gaps_are_filled_after_identities_are_put_back() -> None:
    one, other = np.full(300, 100.0), np.full(300, 400.0)
    one[150:], other[150:] = 400.0, 100.0
    one[145:150] = other[145:150] = np.nan
    position = np.stack([np.stack([one, other], axis=-1)] * 2, axis=1)[:, :, np.newaxis]
    names = {"recording": "r", "keypoints": ["nose"], "individuals": ["a", "b"], "fps": 30.0}
    poses = make_poses(position, np.ones((300, 1, 2)), **names)
    repaired = clean_poses(poses, Cleaning(repair_swaps=True))["position"].values
    assert np.unique(repaired[..., 0]).tolist() == [100]
    assert np.unique(repaired[..., 1]).tolist() == [400]


def test_smoothing_comes_last_and_keeps_confidence() -> None:
    x = [float(t * t) for t in range(20)]
    x[8], x[12] = 5000.0, MISSING
    cleaned = clean_poses(track(x, [1.0] * 20), Cleaning(max_jump="2000 px/s", smooth_s=0.5))
    # Both holes were filled with straight lines, one below the parabola's chord: smoothing spreads that error.
    assert x_of(cleaned)[8] == pytest.approx(65, abs=1)
    assert x_of(cleaned)[7] != 49
    assert x_of(cleaned)[0] == pytest.approx(0, abs=1e-3)
    confidence = cleaned["confidence"].values.ravel()
    assert np.flatnonzero(np.isnan(confidence)).tolist() == [8, 12]


def test_what_is_trusted_is_neither_filled_nor_smoothed() -> None:
    x = [0.0, 1, 2, 900, 4, MISSING, 6, 7]
    trusted = trusted_poses(track(x), Cleaning(max_jump="500 px/s", smooth_s=0.5))
    assert x_of(trusted) == pytest.approx([0, 1, 2, MISSING, 4, MISSING, 6, 7], nan_ok=True)


def test_every_step_is_written_down() -> None:
    cleaned = clean_poses(track([0.0] * 9), EVERYTHING)
    written = {name: value for name, value in cleaned.attrs.items() if name.startswith("cleaning_")}
    assert written == {
        "cleaning_min_confidence": 0.5,
        "cleaning_max_gap_s": 0.5,
        "cleaning_max_jump": "2000 px/s",
        "cleaning_smooth_s": 0.5,
        "cleaning_smooth_order": 3,
        "cleaning_repair_swaps": True,
    }
    assert cleaned.attrs["identity_exchanges"] == []
    again = clean_poses(cleaned, Cleaning())
    assert [name for name in again.attrs if name.startswith("cleaning_")] == ["cleaning_max_gap_s"]


def test_settings_that_change_nothing_are_not_stated() -> None:
    assert Cleaning(smooth_order=4).stated() == {"max_gap_s": 0.5}
    assert Cleaning(**EVERYTHING.stated()) == EVERYTHING


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"max_jump": "20"}, "max_jump = '20'"),
        ({"smooth_s": 0.0}, "smooth_s = 0.0, expected a duration above 0 s"),
        ({"smooth_s": np.nan}, "smooth_s = nan"),
        ({"smooth_s": 0.5, "smooth_order": 6}, "smooth_order = 6, expected a whole number from 0 to 5"),
        ({"smooth_order": -1}, "smooth_order = -1"),
        ({"smooth_order": 2.5}, "smooth_order = 2.5"),
    ],
)
def test_impossible_settings_are_refused(stated: dict[str, object], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        Cleaning(**stated)  # type: ignore[arg-type]


def test_a_window_too_short_at_this_frame_rate_is_refused() -> None:
    with pytest.raises(StudyError, match=r"smooth_s = 0\.1, which is 1 frame at 10 fps, expected at least 5 frames"):
        clean_poses(track([0.0] * 9), Cleaning(smooth_s=0.1))


def test_a_limit_in_body_lengths_needs_the_roles() -> None:
    dyad = simulate_dyad(seed=0, n_frames=300)
    limited = Cleaning(max_jump="20 bl/s")
    with pytest.raises(PoseError, match="max_jump in bl/s and no body length"):
        clean_poses(dyad.poses, limited)
    roles = {"nose": ("nose",), "tail_base": ("tail_base",)}
    cleaned = clean_poses(dyad.poses, limited, roles)
    assert not find_jumps(cleaned, 20 * 160.0).any()


@settings(max_examples=12)
@given(st.integers(0, 3), st.integers(-500, 500), st.booleans())
def test_cleaning_goes_along_with_rotation_translation_and_order(turns: int, shift: int, reverse: bool) -> None:
    poses = TRACKED
    turn = np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), turns)

    def moved(dataset: xr.Dataset) -> xr.Dataset:
        position = np.einsum("ab,tbki->taki", turn, dataset["position"].values) + shift
        there = dataset.assign(position=dataset["position"].copy(data=position.astype(np.float32)))
        return there.isel(individual=[1, 0]) if reverse else there

    there, here = clean_poses(moved(poses), EVERYTHING), moved(clean_poses(poses, EVERYTHING))
    np.testing.assert_allclose(there["position"].values, here["position"].values, atol=5e-3)
    assert there.attrs["identity_exchanges"] == here.attrs["identity_exchanges"]
