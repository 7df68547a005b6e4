"""What a search makes of labels and features that are few, one-sided, doubled, scaled, lost or missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from nsp_core.dsl.ast import Compare, Windowed, feature_names, walk
from nsp_core.dsl.text import format_program
from nsp_core.errors import LabelError, NspError
from nsp_core.search.result import SynthesisResult
from nsp_core.search.synthesize import synthesize_sequences
from nsp_core.sequences import as_sequences
from tests.core.search.synthesis_examples import FPS, N_FRAMES, N_RECORDINGS, search, texts, wander

# ---- labels


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "found 0 frames with the behavior and 1120 without.*expected some of both"),
        (1, "found 1120 frames with the behavior and 0 without.*expected some of both"),
        (-1, "found 0 frames with the behavior and 0 without.*expected some of both"),
    ],
)
def test_both_classes_are_needed(noisy: tuple[xr.DataArray, np.ndarray], value: int, message: str) -> None:
    features, labels = noisy
    with pytest.raises(LabelError, match=message):
        search(features, np.full_like(labels, value))


def test_a_behavior_seen_in_one_recording_only_is_held_out_by_blocks_of_time(
    noisy: tuple[xr.DataArray, np.ndarray],
) -> None:
    features, labels = noisy
    in_one = np.where(np.arange(N_RECORDINGS)[:, None] == 1, labels, 0)
    result = search(features, in_one, max_complexity=4)
    # Gaps between the blocks are neither fitted nor judged.
    assert 0.7 * labels[1].sum() < result.best.validation.n_pos < labels[1].sum()
    assert result.best.validation.n == pytest.approx(0.85 * labels.size, abs=10)
    assert [one.recording for one in result.best.held_out].count("1") == 4


def test_a_single_recording_is_enough() -> None:
    generator = np.random.default_rng(1)
    x = np.concatenate(list(wander(generator)))
    features = xr.DataArray(
        x[:, None], dims=("time", "feature"), coords={"feature": ["x"], "time": np.arange(x.size) / FPS}
    )
    result = search(features, x < 0.3, max_complexity=4)
    assert result.best.validation.f1 > 0.95
    # Nothing can be drawn from one recording.
    assert np.isnan([result.best.validation.f1_low, result.best.validation.f1_high]).all()


def test_half_labeled_recordings_teach_as_well(conjunction: tuple[xr.DataArray, np.ndarray]) -> None:
    features, labels = conjunction
    half = np.where(np.arange(N_FRAMES) % 40 < 20, labels, -1)
    result = search(features, half)
    assert result.best.validation.f1 > 0.95
    assert result.best.validation.n == labels.size // 2


def test_recordings_without_labels_change_nothing_that_is_found(conjunction: tuple[xr.DataArray, np.ndarray]) -> None:
    features, labels = conjunction
    silent = np.where(np.arange(N_RECORDINGS)[:, None] == 3, -1, labels)
    result = search(features, silent)
    assert result.best.validation.f1 > 0.95
    assert result.best.validation.n == 3 * N_FRAMES


def test_features_of_unlabeled_frames_out_of_reach_of_any_window_change_nothing(
    noisy: tuple[xr.DataArray, np.ndarray],
) -> None:
    features, labels = noisy
    # Windows are counted in frames here: the longest one reaches 120 frames to either side.
    in_frames = features.drop_vars("time")
    n_labeled, out_of_reach = 150, 150 + 120
    half = np.where(np.arange(N_FRAMES) < n_labeled, labels, -1)
    changed = in_frames.copy()
    changed[:, out_of_reach:] = np.nan
    changed[0, out_of_reach:] = 1e6
    assert not changed.equals(in_frames)
    plain = search(in_frames, half, max_complexity=4)
    assert texts(search(changed, half, max_complexity=4)) == texts(plain)
    changed[:, n_labeled - 10 : n_labeled] = 1e6
    assert texts(search(changed, half, max_complexity=4)) != texts(plain)


# ---- features


def test_a_column_of_nothing_but_gaps_is_harmless(
    noisy: tuple[xr.DataArray, np.ndarray], found: SynthesisResult
) -> None:
    features, labels = noisy
    lost = features.isel(feature=[0]).assign_coords(feature=["lost"]) * np.nan
    result = search(xr.concat([features, lost], dim="feature"), labels)
    assert texts(result) == texts(found)


def test_a_feature_that_never_changes_is_harmless(
    noisy: tuple[xr.DataArray, np.ndarray], found: SynthesisResult
) -> None:
    features, labels = noisy
    still = features.isel(feature=[0]).assign_coords(feature=["still"]) * 0 + 3
    both = xr.concat([features, still], "feature")
    assert search(both, labels).best.validation.f1 == pytest.approx(found.best.validation.f1, abs=0.02)
    alone = search(still, labels, max_complexity=4)
    share = labels.mean()
    assert alone.best.validation.f1 <= 2 * share / (1 + share) + 1e-9


def test_features_without_a_single_value_are_refused_as_such(noisy: tuple[xr.DataArray, np.ndarray]) -> None:
    features, labels = noisy
    with pytest.raises(NspError) as refused:
        search(features * np.nan, labels)
    assert "max_complexity" not in str(refused.value)


def test_a_recording_whose_features_are_all_lost_is_missed_and_misleads_nobody(
    conjunction: tuple[xr.DataArray, np.ndarray],
) -> None:
    features, labels = conjunction
    gaps = features.copy()
    gaps[2] = np.nan
    best = search(gaps, labels).best
    assert best.validation.coverage == pytest.approx(0.75, abs=0.01)
    assert best.validation.covered_f1 > 0.95
    assert best.validation.f1 < best.validation.covered_f1 - 0.05


@pytest.mark.parametrize("max_complexity", [4, 8])
def test_a_feature_given_twice_under_two_names_changes_only_names(
    noisy: tuple[xr.DataArray, np.ndarray], max_complexity: int
) -> None:
    features, labels = noisy
    twice = xr.concat([features, features.isel(feature=[0]).assign_coords(feature=["again"])], dim="feature")
    one, other = (search(given, labels, max_complexity=max_complexity) for given in (features, twice))
    assert other.best.text.replace("again", "x") == one.best.text
    assert other.best.validation.f1 == one.best.validation.f1
    told = {one.text for one in (*other.front, *other.alternatives, other.best)}
    assert len({text.replace("again", "x") for text in told}) == len(told)


def test_a_program_abstains_rather_than_guesses_where_data_are_missing(
    conjunction: tuple[xr.DataArray, np.ndarray],
) -> None:
    features, labels = conjunction
    gaps = features.copy()
    gaps[:, ::10] = np.nan
    result = search(gaps, labels, max_complexity=4)
    plain = [one for one in result.front if not any(isinstance(node, Windowed) for node in walk(one.program))]
    for one in plain:
        assert one.validation.coverage == pytest.approx(0.9)
    assert all(np.isfinite(one.validation.f1) for one in result.front)


def test_the_order_of_the_features_changes_no_score(
    conjunction: tuple[xr.DataArray, np.ndarray], of_conjunction: SynthesisResult
) -> None:
    features, labels = conjunction
    other = search(features.isel(feature=[2, 0, 1]), labels)
    assert other.best.validation.f1 == pytest.approx(of_conjunction.best.validation.f1, abs=0.02)
    assert format_program(other.best.program) == format_program(of_conjunction.best.program)


def test_units_travel_with_the_scale(
    conjunction: tuple[xr.DataArray, np.ndarray], of_conjunction: SynthesisResult
) -> None:
    factor = np.array([8.0, 1.0, 1.0], dtype=np.float32)
    scaled = [replace(one, values=one.values * factor) for one in as_sequences(*conjunction)]
    one = of_conjunction.best
    other = synthesize_sequences(scaled, seed=1, max_complexity=8, width=3).best
    assert feature_names(one.program) == feature_names(other.program)
    threshold, eightfold = (
        next(
            node.threshold
            for node in walk(best.program)
            if isinstance(node, Compare) and "distance" in format_program(node)
        )
        for best in (one, other)
    )
    assert eightfold == pytest.approx(8 * threshold, rel=0.02)
