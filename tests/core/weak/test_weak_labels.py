"""A few annotated bouts label all frames, better than chance, and nothing a person said is changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nsp_core.errors import LabelError
from nsp_core.evaluate.frames import FramePredictions
from nsp_core.weak.balance import stated_balance
from nsp_core.weak.few_bouts import draw_bouts, labeled_around
from nsp_core.weak.labeling import LabelingSettings
from nsp_core.weak.weak_labels import WeakLabelSettings, beside_gold, label_weakly
from nsp_core.weak.with_and_without import FoldPredictions, count_folds, predict_fold, with_and_without
from tests.core.weak.few_bout_recordings import recordings

BALANCE = stated_balance(0.33, 0.25, 0.4)
SETTINGS = WeakLabelSettings(LabelingSettings(n_functions=5, width=6))


@pytest.fixture(scope="module")
def every():
    return recordings(4)


@pytest.fixture(scope="module")
def few(every):
    return labeled_around(every, draw_bouts(every, 12, np.random.default_rng(1)))


@pytest.fixture(scope="module")
def labels(few):
    return label_weakly(few, BALANCE, seed=0, settings=SETTINGS)


def test_frames_that_nobody_annotated_are_labeled_mostly_right(labels, every):
    sure = np.concatenate([one.weights[one.weak] > 0.8 for one in labels.sequences])
    right = np.concatenate(
        [(one.states == whole.states)[one.weak] for one, whole in zip(labels.sequences, every, strict=True)]
    )
    assert right.mean() > 0.75
    assert right[sure].mean() > right[~sure].mean()


def test_what_persons_said_stays_and_weighs_what_the_balance_says(labels, few):
    for one, given in zip(labels.sequences, few, strict=True):
        annotated = given.states >= 0
        np.testing.assert_array_equal(one.weak, ~annotated)
        np.testing.assert_array_equal(one.states[annotated], given.states[annotated])
        np.testing.assert_array_equal(one.gold_states, given.states)
    weights = np.concatenate([one.weights[~one.weak] for one in labels.sequences])
    states = np.concatenate([one.states[~one.weak] for one in labels.sequences])
    assert weights[states == 1].sum() / weights.sum() == pytest.approx(BALANCE.share, rel=1e-4)


def test_as_many_frames_are_called_present_as_the_balance_says(labels):
    mean = np.concatenate([one.probability for one in labels.posteriors]).mean()
    assert BALANCE.low - 0.02 < mean < BALANCE.high + 0.02


def test_frames_that_are_left_out_get_no_label(labels, few):
    out = [np.arange(one.states.size) < 500 for one in few]
    labeled = beside_gold([replace(one, weights=None) for one in few], labels.posteriors, left_out=out)
    for one, given in zip(labeled, few, strict=True):
        np.testing.assert_array_equal(one.states[:500], given.states[:500])
        assert (one.states[500:] >= 0).all()
        assert not one.weak[:500].any()


def test_the_same_bouts_give_the_same_labels(labels, few):
    again = label_weakly(few, BALANCE, seed=0, settings=SETTINGS)
    for one, other in zip(again.posteriors, labels.posteriors, strict=True):
        np.testing.assert_array_equal(one.probability, other.probability)


def test_a_single_recording_is_divided_in_time(every):
    few = labeled_around(every[:1], draw_bouts(every[:1], 12, np.random.default_rng(0)))
    labels = label_weakly(few, BALANCE, seed=0, settings=SETTINGS)
    assert (labels.sequences[0].states >= 0).all()


def test_with_and_without_is_judged_on_every_annotated_frame_once(few):
    assert count_folds(few) == 4
    folds = [
        predict_fold(few, fold, BALANCE, seed=0, max_complexity=8, settings=SETTINGS)
        for fold in range(count_folds(few))
    ]
    judged = sum(one.states.size for fold in folds for one in fold.without)
    assert judged == sum(int((one.states >= 0).sum()) for one in few)
    assert 0 < with_and_without(folds).without.f1 <= 1


def test_weak_labels_are_kept_only_if_they_are_better():
    states = np.array([1, 1, 0, 0], dtype=np.int8)
    right = FramePredictions("r0", states, states, np.array([0.9, 0.8, 0.2, 0.1]))
    wrong = FramePredictions("r0", states, 1 - states, np.array([0.1, 0.2, 0.8, 0.9]))
    assert with_and_without([FoldPredictions((wrong,), (right,))]).helps
    assert not with_and_without([FoldPredictions((right,), (wrong,))]).helps
    assert not with_and_without([FoldPredictions((right,), (right,))]).helps


def test_labels_of_a_fold_that_is_held_out_change_nothing_that_is_said_of_it(few):
    folds_of = [np.flatnonzero(one.states >= 0) for one in few]
    wrong = [replace(one, states=one.states.copy()) for one in few]
    # Recordings are held out whole: the states of the first are turned around.
    wrong[0].states[folds_of[0]] = 1 - wrong[0].states[folds_of[0]]
    first, second = (
        predict_fold(one, 0, BALANCE, seed=0, max_complexity=4, settings=SETTINGS).with_weak[0] for one in (few, wrong)
    )
    np.testing.assert_array_equal(first.probability, second.probability)
    np.testing.assert_array_equal(first.states, 1 - second.states)


@pytest.mark.parametrize("kept", [0, 1])
def test_bouts_of_one_state_are_refused(few, kept):
    one_state = [replace(one, states=np.where(one.states == kept, one.states, np.int8(-1))) for one in few]
    with pytest.raises(LabelError, match="frames annotated as present"):
        label_weakly(one_state, BALANCE, seed=0, settings=SETTINGS)


def test_fewer_than_three_functions_are_refused(few):
    settings = WeakLabelSettings(LabelingSettings(n_functions=2, width=6))
    with pytest.raises(LabelError, match="2 labeling functions, expected at least 3"):
        label_weakly(few, BALANCE, seed=0, settings=settings)
