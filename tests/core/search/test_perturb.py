"""Perturbations: which runs a study gets, recordings drawn with replacement, and noise of a stated size on poses."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import xarray as xr

from nsp_core import rng
from nsp_core.errors import LabelError, PoseError, StudyError
from nsp_core.poses import make_poses, validate_poses
from nsp_core.search.perturb import Perturbation, StabilitySettings, bootstrap_recordings, jitter_poses
from nsp_core.sequences import LabeledSequence, fold_of_frames

SequenceOf = Callable[..., LabeledSequence]


@pytest.fixture(scope="module")
def recordings(sequence_of: SequenceOf) -> list[LabeledSequence]:
    """Six recordings of two sequences each; every sequence has both classes."""
    return [
        sequence_of({"speed": [number, animal, 0.0]}, [1, 0, -1], recording=f"r{number}")
        for number in (10, 2, 3, 4, 5, 6)
        for animal in (0, 1)
    ]


@pytest.fixture(scope="module")
def poses() -> xr.Dataset:
    """A long recording with missing points, some of which have one coordinate."""
    generator = rng.stream(0, "poses")
    position = generator.uniform(0, 500, (20_000, 2, 3, 2)).astype(np.float32)
    missing = generator.random((20_000, 3, 2)) < 0.2
    position[np.broadcast_to(missing[:, np.newaxis], position.shape)] = np.nan
    position[::50, 0] = np.nan
    return make_poses(
        position,
        np.where(missing, np.nan, 0.9),
        recording="r1",
        keypoints=["nose", "center", "tail_base"],
        individuals=["a", "b"],
        fps=30.0,
    )


def drawn_names(sequences: Sequence[LabeledSequence]) -> list[str]:
    return [one.recording for one in sequences]


def test_the_reference_comes_first_and_seeds_of_the_study_before_new_ones() -> None:
    perturbations = StabilitySettings(n_seeds=3, n_bootstraps=2, jitter_px=(2, 0.5)).perturbations((1, 7))
    assert perturbations[0] == Perturbation("reference", 1)
    assert [one.label for one in perturbations] == [
        "reference", "seed 7", "seed 0", "seed 2", "bootstrap 1", "bootstrap 2", "jitter 0.5 px", "jitter 2 px",
    ]  # fmt: skip
    assert len(StabilitySettings(n_seeds=1).perturbations((1, 7, 8))) == 1 + 1 + 5 + 3


def test_a_long_seed_is_told_in_full() -> None:
    assert Perturbation("seed", 20240131).label == "seed 20240131"


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"n_seeds": 0, "n_bootstraps": 0, "jitter_px": ()}, "no seed, no bootstrap and no jitter"),
        ({"n_seeds": -1}, "-1 seeds, 5 bootstraps"),
        ({"n_bootstraps": -2}, "-2 bootstraps"),
        ({"jitter_px": (0.0,)}, r"jitter of \[0.0\] px"),
        ({"jitter_px": (math.inf,)}, r"jitter of \[inf\] px"),
        ({"jitter_px": (1.0, 1.0)}, r"jitter of \[1.0, 1.0\] px, expected every jitter once"),
    ],
)
def test_settings_that_say_nothing_or_the_impossible_are_refused(settings: dict[str, object], found: str) -> None:
    with pytest.raises(StudyError, match=rf"stability: found .*{found}.*give --seeds, --bootstraps or --jitter-px"):
        StabilitySettings(**settings)


def test_a_bootstrap_is_the_same_for_a_seed_whatever_the_order(recordings: list[LabeledSequence]) -> None:
    first, again, reordered = (
        bootstrap_recordings(order, rng.stream(4, "bootstrap"))
        for order in (recordings, recordings, [*recordings[6:], *recordings[:6]])
    )
    assert drawn_names(first) == drawn_names(again) == drawn_names(reordered)
    others = {tuple(drawn_names(bootstrap_recordings(recordings, rng.stream(seed, "b")))) for seed in range(20)}
    assert len(others) > 10


def test_whole_recordings_are_drawn_and_each_copy_counts(recordings: list[LabeledSequence]) -> None:
    counts: Counter[str] = Counter()
    for seed in range(100):
        drawn = bootstrap_recordings(recordings, rng.stream(seed, "b"))
        assert len(drawn) == len(recordings), "as many recordings as there were, two sequences each"
        per_recording = Counter(drawn_names(drawn))
        assert all(n % 2 == 0 for n in per_recording.values())
        counts.update(per_recording)
        assert any(n > 2 for n in per_recording.values()) == (len(per_recording) < 6)
    assert set(counts) == {one.recording for one in recordings}
    assert all(n == pytest.approx(200, rel=0.3) for n in counts.values())


def test_copies_of_a_recording_are_held_out_together(recordings: list[LabeledSequence]) -> None:
    for seed in range(30):
        drawn = bootstrap_recordings(recordings, rng.stream(seed, "b"))
        folds: dict[str, set[int]] = {}
        for sequence, fold in zip(drawn, fold_of_frames(drawn), strict=True):
            folds.setdefault(sequence.recording, set()).update(fold.tolist())
        assert all(len(of_recording) == 1 for of_recording in folds.values())


def test_a_draw_of_which_nothing_can_be_learned_is_drawn_again(sequence_of: SequenceOf) -> None:
    rare = [sequence_of({"speed": [0.0, 1.0]}, [0, int(number == 3)], recording=str(number)) for number in range(6)]
    for seed in range(30):
        assert "3" in drawn_names(bootstrap_recordings(rare, rng.stream(seed, "b")))


def test_without_the_behavior_anywhere_a_draw_is_a_draw(sequence_of: SequenceOf) -> None:
    never = [sequence_of({"speed": [0.0, 1.0]}, [0, 0], recording=str(number)) for number in range(3)]
    assert len(bootstrap_recordings(never, rng.stream(0, "b"))) == 3


def test_one_recording_cannot_be_resampled(recordings: list[LabeledSequence]) -> None:
    with pytest.raises(LabelError, match=r"found 1 recording to draw from, expected at least two.*--bootstraps 0"):
        bootstrap_recordings(recordings[:2], rng.stream(0, "b"))


@pytest.mark.parametrize("sigma_px", [0.5, 2.0])
def test_jitter_has_the_stated_size_on_both_axes_and_no_direction(poses: xr.Dataset, sigma_px: float) -> None:
    jittered = jitter_poses(poses, sigma_px, rng.stream(0, "jitter"))
    error = (jittered["position"] - poses["position"]).dropna("time", how="all")
    for axis in ("x", "y"):
        along = error.sel(space=axis).values
        along = along[np.isfinite(along)]
        assert along.size > 80_000
        assert along.std() == pytest.approx(sigma_px, rel=0.02)
        assert along.mean() == pytest.approx(0, abs=0.02 * sigma_px)
    seen = np.isfinite(error.values).all(axis=1)
    x, y = error.sel(space="x").values[seen], error.sel(space="y").values[seen]
    assert np.corrcoef(x, y)[0, 1] == pytest.approx(0, abs=0.02)
    nose = error.sel(space="x", keypoint="nose", individual="a").values
    both = np.isfinite(nose[1:]) & np.isfinite(nose[:-1])
    assert np.corrcoef(nose[1:][both], nose[:-1][both])[0, 1] == pytest.approx(0, abs=0.03), "frame by frame"


def test_missing_points_stay_missing_and_no_other_goes(poses: xr.Dataset) -> None:
    jittered = jitter_poses(poses, 1.0, rng.stream(0, "jitter"))
    np.testing.assert_array_equal(np.isnan(jittered["position"]), np.isnan(poses["position"]))
    incomplete = np.isnan(poses["position"].values).any(axis=1)
    before, after = (np.moveaxis(one["position"].values, 1, -1)[incomplete] for one in (poses, jittered))
    np.testing.assert_array_equal(after, before)
    xr.testing.assert_identical(jittered["confidence"], poses["confidence"])


def test_jittered_poses_are_poses_that_tell_of_it(poses: xr.Dataset) -> None:
    before = poses.copy(deep=True)
    jittered = jitter_poses(poses, 0.5, rng.stream(0, "jitter"))
    validate_poses(jittered)
    assert jittered["position"].dtype == np.float32
    assert jittered.attrs == {**poses.attrs, "jitter_px": 0.5}
    xr.testing.assert_identical(poses, before)


def test_the_same_generator_gives_the_same_noise_in_every_size(poses: xr.Dataset) -> None:
    small, large, again = (
        jitter_poses(poses, sigma, rng.stream(3, "jitter"))["position"].values - poses["position"].values
        for sigma in (0.5, 2.0, 0.5)
    )
    np.testing.assert_array_equal(small, again)
    np.testing.assert_allclose(large, 4 * small, atol=1e-3)


def test_no_jitter_changes_nothing(poses: xr.Dataset) -> None:
    still = jitter_poses(poses, 0.0, rng.stream(0, "jitter"))
    np.testing.assert_array_equal(still["position"], poses["position"])


@pytest.mark.parametrize("sigma_px", [-1.0, math.nan, math.inf])
def test_an_impossible_jitter_names_the_recording(poses: xr.Dataset, sigma_px: float) -> None:
    with pytest.raises(PoseError, match=rf"r1: found a jitter of {sigma_px} px, expected 0 px or more"):
        jitter_poses(poses, sigma_px, rng.stream(0, "jitter"))
