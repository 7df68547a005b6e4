"""Gold is held out by recording, or by stretches of the only one, every frame once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nsp_core.weak.bout_smoothing import BoutChain
from nsp_core.weak.held_out import ONLY_NEAR, calibrate_held_out, gold_folds, held_out_gold, looks_per_frame
from nsp_core.weak.simulated_votes import PlantedFunction, simulate_votes, with_chosen_gold
from nsp_core.weak.vote_model import LabelModelSettings
from nsp_core.weak.votes import VoteSequence

CHAIN = BoutChain(1.0, 0.2)
FUNCTIONS = [PlantedFunction((0.1, 0.8, 0.1), (0.1, 0.2, 0.7))] * 4
TRUTH = simulate_votes(FUNCTIONS, CHAIN, n_recordings=5, n_frames=4000, seed=0)
UNLABELED = [replace(one, states=None) for one in TRUTH]


def labels(sequences):
    return {(one.recording, frame) for one in sequences for frame in np.flatnonzero(one.known_states >= 0).tolist()}


@pytest.mark.parametrize("n_recordings", [1, 2, 5])
def test_every_gold_frame_is_held_out_once_and_never_fitted(n_recordings):
    gold = TRUTH[:n_recordings]
    pairs = gold_folds(gold, 3)
    assert len(pairs) == (2 if n_recordings == 2 else 3)
    held_out = [labels(held) for _, held in pairs]
    assert sum(len(one) for one in held_out) == n_recordings * 4000
    for fitted, held in pairs:
        assert not labels(fitted) & labels(held)
        assert labels(fitted) | labels(held) == labels(gold)
        if n_recordings > 1:
            assert not {one.recording for one in fitted} & {one.recording for one in held}


def test_one_recording_is_cut_between_runs():
    (fitted, held), *_ = gold_folds(TRUTH[:1], 4)
    edge = np.flatnonzero(np.diff((held[0].known_states >= 0).astype(int)))
    assert edge.size == 1
    assert TRUTH[0].states[edge[0]] != TRUTH[0].states[edge[0] + 1]
    assert fitted[0].votes.shape == TRUTH[0].votes.shape


def test_nothing_can_be_held_out_of_one_run():
    votes = np.zeros((3, 3), dtype=np.int8)
    assert gold_folds([VoteSequence("a", votes, 30.0, np.array([1, 1, -1]))], 4) == []
    assert gold_folds([VoteSequence("a", votes, 30.0)], 4) == []


def test_held_out_frames_are_told_apart():
    held_out = held_out_gold(UNLABELED, TRUTH, 0.2, LabelModelSettings(mean_bout_s=1.0), error_s=0.1)
    assert held_out.states.size == held_out.fold.size == held_out.looks.size == 5 * 4000
    assert ((held_out.bout_log_odds > 0) == held_out.states).mean() > 0.98
    assert ((held_out.frame_log_odds > 0) == held_out.states).mean() > 0.9
    assert held_out.looks.max() <= 1


def test_a_wrong_scale_is_seen_and_put_right():
    held_out = held_out_gold(UNLABELED, TRUTH, 0.2, LabelModelSettings(mean_bout_s=1.0), error_s=0.1)
    calibration, before, after = calibrate_held_out(held_out, 4 * held_out.frame_log_odds, 0.2)
    assert calibration.method != "none"
    assert after.ece < before.ece
    assert after.brier < before.brier


def test_absent_gold_close_to_bouts_calibrates_nothing():
    chain = BoutChain(1.0, 0.02)
    truth = simulate_votes(FUNCTIONS, chain, n_recordings=6, n_frames=10_000, seed=1)
    gold = with_chosen_gold(truth, 3, 0.5)
    votes = [replace(one, states=None) for one in truth]
    held_out = held_out_gold(votes, gold, 0.02, LabelModelSettings(mean_bout_s=1.0), error_s=0.05)
    calibration, before, after = calibrate_held_out(held_out, held_out.frame_log_odds, 0.02)
    assert (calibration.method, calibration.reason) == ("none", ONLY_NEAR)
    assert before.brier == pytest.approx(after.brier)


def test_looks_add_up_to_runs_over_errors():
    states = np.array([-1, 0, 0, 0, 0, 0, 0, 1, 0])
    looks = looks_per_frame(VoteSequence("a", np.zeros((9, 1), dtype=np.int8), 10.0, states), error_s=0.3)
    assert looks.sum() == pytest.approx(6 / 3 + 1 + 1)
