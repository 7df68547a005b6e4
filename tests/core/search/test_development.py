from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from nsp_core.dsl.ast import Windowed
from nsp_core.errors import FeatureError, LabelError
from nsp_core.search import development as development_module
from nsp_core.search.columns import columns_for
from nsp_core.search.development import Development, prepare_development
from nsp_core.sequences import LabeledSequence, fold_of_frames
from tests.core.search.recording_examples import recordings

SequenceOf = Callable[..., LabeledSequence]


@pytest.fixture(scope="module")
def prepared() -> Development:
    sequences = recordings(5)
    half = np.where(np.arange(240) < 120, sequences[1].states, np.int8(-1))
    return prepare_development([sequences[0], replace(sequences[1], states=half), *sequences[2:]], seed=1, device="cpu")


def test_every_row_is_in_the_fold_of_its_frame(prepared: Development) -> None:
    rows = prepared.rows
    for row in range(0, rows.states.size, 7):
        sequence = prepared.sequences[rows.sequences[row]]
        assert rows.states[row] == sequence.states[rows.at[row]]
        assert prepared.fold_of_row[row] == prepared.folds[rows.sequences[row]][rows.at[row]]
    assert set(prepared.fold_of_row) == set(range(prepared.n_folds)) == {0, 1, 2, 3}


def test_few_labeled_frames_all_become_rows(prepared: Development) -> None:
    n_labeled = sum(int((sequence.states >= 0).sum()) for sequence in prepared.sequences)
    assert prepared.rows.states.size == n_labeled == 4 * 240 + 120
    assert (prepared.rows.frames == 1).all()


def test_all_columns_are_laid_out_for_screening_and_fitting(prepared: Development) -> None:
    n_columns = len(prepared.columns)
    assert prepared.columns == columns_for(prepared.sequences)
    assert prepared.rows.values.shape[1] == n_columns
    assert prepared.small.values.shape[0] == prepared.large.values.shape[0] == n_columns
    assert prepared.binned.codes.shape == (n_columns, prepared.small.frames.size)
    np.testing.assert_array_equal(prepared.small.center, prepared.scaling.center)
    np.testing.assert_array_equal(prepared.large.scale, prepared.scaling.scale)


def test_thinned_rows_stand_for_all_frames_of_their_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(development_module, "MAX_TRAINING_ROWS", 400)
    monkeypatch.setattr(development_module, "_SAMPLES", (("small", 60), ("large", 200)))
    sequences = recordings()
    thinned = prepare_development(sequences, seed=1, device="cpu")
    counts = [sum(int((sequence.states == state).sum()) for sequence in sequences) for state in (0, 1)]
    assert 300 < thinned.rows.states.size < 500
    np.testing.assert_allclose(np.bincount(thinned.rows.states, weights=thinned.rows.frames), counts)
    for rows, most in ((thinned.small, 180), (thinned.large, 300)):
        assert rows.frames.size < most
        np.testing.assert_allclose(np.bincount(rows.present.numpy().astype(int), weights=rows.frames), counts)


def test_the_seed_draws_the_rows_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(development_module, "MAX_TRAINING_ROWS", 400)
    one, again, other = (prepare_development(recordings(), seed=seed, device="cpu") for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.rows.at, again.rows.at)
    np.testing.assert_array_equal(one.binned.codes, again.binned.codes)
    assert not np.array_equal(one.rows.at, other.rows.at)
    for mine, others in zip(one.folds, other.folds, strict=True):
        np.testing.assert_array_equal(mine, others)
    assert one.columns == other.columns


def test_blocks_of_a_single_recording_are_as_far_apart_as_windows_reach(sequence_of: SequenceOf) -> None:
    generator = np.random.default_rng(0)
    states = generator.integers(0, 2, 2000)
    sequence = sequence_of({"x": generator.normal(size=2000)}, states, fps=10.0)
    alone = prepare_development([sequence], seed=1, device="cpu")
    longest = max(one.number.width.value for one in alone.columns if isinstance(one.number, Windowed))
    (own,) = alone.folds
    (expected,) = fold_of_frames([sequence], longest_window_frames=int(longest * 10))
    np.testing.assert_array_equal(own, expected)
    edges = [np.flatnonzero(own == fold)[[0, -1]] for fold in range(alone.n_folds)]
    for (_, last), (first, _) in pairwise(edges):
        assert first - last > longest * 10


@pytest.mark.parametrize(("value", "counts"), [(0, "0 frames with the behavior and 960 without"), (1, "960 frames")])
def test_both_classes_are_needed(value: int, counts: str) -> None:
    one_sided = [replace(one, states=np.full_like(one.states, value)) for one in recordings()]
    with pytest.raises(LabelError, match=f"labels: found {counts}.*expected some of both"):
        prepare_development(one_sided, seed=1, device="cpu")


def test_labels_are_needed() -> None:
    unlabeled = [replace(one, states=np.full_like(one.states, -1)) for one in recordings()]
    with pytest.raises(LabelError, match="found 0 frames with the behavior and 0 without"):
        prepare_development(unlabeled, seed=1, device="cpu")


def test_a_behavior_in_one_place_only_cannot_be_judged() -> None:
    sequences = [replace(one, states=np.zeros_like(one.states)) for one in recordings()]
    states = sequences[0].states.copy()
    states[10:20] = 1
    with pytest.raises(LabelError, match="that all but one part of the data lack, expected both in at least two"):
        prepare_development([replace(sequences[0], states=states), *sequences[1:]], seed=1, device="cpu")


def test_angles_that_wrap_offer_nothing_to_compare(sequence_of: SequenceOf) -> None:
    generator = np.random.default_rng(0)
    names = ("heading[agent]", "bearing[target]")
    made = [
        sequence_of(
            {name: generator.uniform(-3, 3, 50) for name in names}, np.arange(50) % 2, recording=str(number), unit="rad"
        )
        for number in range(4)
    ]
    message = r"no feature but angles that wrap \(heading\[agent\], bearing\[target\]\), expected at least one feature"
    with pytest.raises(FeatureError, match=message):
        prepare_development(made, seed=1, device="cpu")
