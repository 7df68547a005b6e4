"""The table of label models compares what it says, and the label model stands where simulations say it should."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, f1_score

from nsp_core.errors import LabelError
from nsp_core.weak.balance import stated_balance
from nsp_core.weak.bout_smoothing import BoutChain
from nsp_core.weak.compare import COMPARED, compare_label_models, score_labels
from nsp_core.weak.simulated_votes import PlantedFunction, simulate_votes

BALANCE = stated_balance(0.1, 0.08, 0.12)
STRONG = PlantedFunction((0.1, 0.85, 0.05), (0.1, 0.1, 0.8), error_s=0.2, edge_s=0.05)
WEAK = PlantedFunction((0.1, 0.65, 0.25), (0.1, 0.35, 0.55), error_s=0.2, edge_s=0.05)
COPY = replace(WEAK, copies=1, copied_share=0.95)
TRUTH = simulate_votes([STRONG, WEAK, COPY, COPY, STRONG], BoutChain(1.0, 0.1), n_recordings=8, n_frames=6000, seed=0)
VOTES = [replace(one, states=None) for one in TRUTH]


def test_dependent_weak_functions_do_not_outvote_strong_ones():
    table = {one.model: one for one in compare_label_models(VOTES, TRUTH[:4], BALANCE, test=TRUTH[4:])}
    assert tuple(table) == COMPARED
    single, majority, weighted, frames, bouts = table.values()
    assert frames.ap > max(single.ap, majority.ap, weighted.ap)
    assert frames.brier < min(majority.brier, weighted.brier)
    assert bouts.brier < frames.brier
    assert bouts.ap > frames.ap
    assert bouts.f1 > max(single.f1, majority.f1, weighted.f1)
    assert bouts.ece < 0.03


def test_without_test_frames_gold_is_held_out():
    table = compare_label_models(VOTES, TRUTH[:4], BALANCE)
    beside = compare_label_models(VOTES, TRUTH[:4], BALANCE, test=TRUTH[4:])
    assert [one.model for one in table] == list(COMPARED)
    for one, other in zip(table, beside, strict=True):
        assert one.ap == pytest.approx(other.ap, abs=0.08)
        assert one.brier == pytest.approx(other.brier, abs=0.03)


def test_without_the_duration_of_bouts_there_is_no_score_over_them():
    gold = []
    for one in TRUTH[:4]:
        states = one.states.copy()
        edge = np.flatnonzero(np.diff(states))
        states[np.clip(edge[:, None] + np.arange(-1, 3), 0, states.size - 1)] = -1
        gold.append(replace(one, states=states))
    assert [one.model for one in compare_label_models(VOTES, gold, BALANCE, test=TRUTH[4:])] == list(COMPARED[:4])


def test_scores_are_those_of_scikit_learn_at_the_balance_of_the_frames():
    generator = np.random.default_rng(0)
    states = (generator.random(500) < 0.3).astype(int)
    probability = np.clip(states * 0.4 + generator.random(500) * 0.6, 0, 1)
    scores = score_labels("any", probability > 0.5, probability, probability, states, share=states.mean())
    assert scores.f1 == pytest.approx(f1_score(states, probability > 0.5))
    assert scores.brier == pytest.approx(brier_score_loss(states, probability))


def test_scores_do_not_depend_on_how_many_present_frames_were_annotated():
    generator = np.random.default_rng(0)
    states = np.repeat([0, 1], [3000, 200])
    probability = np.clip(states * 0.3 + generator.random(states.size) * 0.7, 0, 1)
    more = np.concatenate([np.arange(3000), np.repeat(np.arange(3000, 3200), 20)])
    one, other = (
        score_labels("any", probability[rows] > 0.5, probability[rows], probability[rows], states[rows], 0.05)
        for rows in (np.arange(3200), more)
    )
    for name in ("f1", "ap", "brier", "ece"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9)


@pytest.mark.parametrize("state", [0, 1])
def test_what_is_judged_has_both_states(state):
    gold = [replace(one, states=np.where(one.states == state, state, -1)) for one in TRUTH[:2]]
    with pytest.raises(LabelError, match=r"comparison of label models, gold: found .* expected frames of both states"):
        compare_label_models(VOTES, gold, BALANCE)
    with pytest.raises(LabelError, match="comparison of label models, test frames"):
        compare_label_models(VOTES, TRUTH[:2], BALANCE, test=gold)
