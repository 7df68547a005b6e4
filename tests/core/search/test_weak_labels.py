"""Labels that no person gave are learned from and never judged by; weights are heeded where scores are counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nsp_core.search.compare import baseline_predictions
from nsp_core.search.result import SynthesisResult
from nsp_core.search.synthesize import synthesize_sequences
from nsp_core.sequences import NEVER_HELD_OUT, LabeledSequence, fold_of_frames
from nsp_core.units import Unit

pytestmark = pytest.mark.usefixtures("few_trees")

N_FRAMES = 1500


def recording(name: str, seed: int, *, labeled: slice = slice(None)) -> LabeledSequence:
    """A recording of a behavior that is there while a slow number is below 0, labeled in part."""
    generator = np.random.default_rng(seed)
    number = np.sin(np.arange(N_FRAMES) / 40 + seed).astype(np.float32)
    other = generator.normal(size=N_FRAMES).astype(np.float32)
    states = np.full(N_FRAMES, -1, dtype=np.int8)
    states[labeled] = (number < 0)[labeled]
    return LabeledSequence(name, np.stack([number, other], axis=1), states, ("number", "other"), (Unit(), Unit()), 30.0)


def with_weak(one: LabeledSequence, share_wrong: float, seed: int = 0) -> LabeledSequence:
    """Every unlabeled frame labeled, some wrongly."""
    weak = one.states == -1
    truth = (one.values[:, 0] < 0).astype(np.int8)
    wrong = np.random.default_rng(seed).random(N_FRAMES) < share_wrong
    return replace(one, states=np.where(weak, np.where(wrong, 1 - truth, truth), one.states).astype(np.int8), weak=weak)


def found(sequences: list[LabeledSequence]) -> SynthesisResult:
    return synthesize_sequences(sequences, seed=0, max_complexity=4, width=4)


def test_held_out_scores_count_the_labels_of_persons_alone() -> None:
    gold = [recording(name, seed, labeled=slice(0, 400)) for seed, name in enumerate("abcd")]
    weak = [with_weak(one, 0.2) for one in gold]
    result = found(weak)
    assert result.best.validation.n == sum(int((one.states >= 0).sum()) for one in gold)
    # A fifth of the weak labels is wrong: a score that counted them could not be near 1.
    assert result.best.validation.f1 > 0.95
    judged = baseline_predictions(weak, {}, seed=0)["always_positive"]["validation"]
    assert sum(int((one.states >= 0).sum()) for one in judged) == result.best.validation.n


def test_recordings_with_weak_labels_alone_are_learned_from() -> None:
    few = [recording(name, seed, labeled=slice(0, 150)) for seed, name in enumerate("ab")]
    many = [with_weak(recording(name, seed, labeled=slice(0, 0)), 0.0) for seed, name in enumerate("cdef", 5)]
    folds = fold_of_frames([*few, *many])
    assert [set(own.tolist()) for own in folds[2:]] == [{NEVER_HELD_OUT}] * 4
    judged_by = found([*few, *many]).best
    assert judged_by.validation.n == sum(int((one.states >= 0).sum()) for one in few)
    assert judged_by.train.n > judged_by.validation.n


def test_a_weight_is_so_many_frames() -> None:
    plain = [recording(name, seed) for seed, name in enumerate("abcd")]
    weighted = [replace(one, weights=np.where(one.states == 1, 3, 1).astype(np.float32)) for one in plain]
    light, heavy = found(plain).best, found(weighted).best
    assert heavy.validation.n_pos == 3 * light.validation.n_pos
    assert heavy.validation.n == light.validation.n + 2 * light.validation.n_pos
    positive = (baseline_predictions(one, {}, seed=0)["always_positive"]["validation"] for one in (plain, weighted))
    light_share, heavy_share = (sum(p.weights.sum() if p.weights is not None else 0 for p in one) for one in positive)
    assert (light_share, heavy_share) == (0, heavy.validation.n)


def test_a_few_bouts_at_the_start_of_a_long_recording_are_divided() -> None:
    long = recording("a", 0, labeled=slice(0, 500))
    folds = fold_of_frames([long])[0]
    gold = [int(((folds == fold) & (long.states >= 0)).sum()) for fold in range(4)]
    assert gold == [125] * 4
    assert (folds[500:] == 3).all()


def test_a_part_cut_out_keeps_its_weights_and_what_is_weak() -> None:
    whole = replace(
        with_weak(recording("a", 0, labeled=slice(0, 400)), 0.0), weights=np.arange(N_FRAMES, dtype=np.float32)
    )
    part = whole.between(300, 500)
    assert part.weights is not None
    assert part.weak is not None
    assert (part.weights[0], part.weak[:100].any(), part.weak[100:].all()) == (300, False, True)
    np.testing.assert_array_equal(part.gold_states[100:], -1)
