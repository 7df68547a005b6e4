"""Absent gold close to bouts stands for the time close to bouts."""

from __future__ import annotations

import numpy as np
import pytest

from nsp_core.weak.bout_smoothing import BoutChain
from nsp_core.weak.gold_weights import MOST_RATIO, gold_weights
from nsp_core.weak.simulated_votes import PlantedFunction, simulate_votes, with_chosen_gold
from nsp_core.weak.votes import VoteSequence

SURE = [PlantedFunction((0, 1, 0), (0, 0, 1))]


def test_exhaustive_gold_is_left_as_it_is():
    chain = BoutChain(1.0, 0.1)
    truth = simulate_votes(SURE, chain, n_recordings=4, n_frames=30_000, seed=0)
    weights = np.concatenate(gold_weights(truth, chain).frames)
    np.testing.assert_allclose(weights, 1, atol=0.25)


def test_margins_of_chosen_bouts_count_less():
    chain = BoutChain(1.0, 0.05)
    truth = simulate_votes(SURE, chain, n_recordings=4, n_frames=30_000, seed=0)
    chosen = with_chosen_gold(truth, 4, 3.0)
    found = gold_weights(chosen, chain)
    for one, weights in zip(chosen, found.frames, strict=True):
        assert (weights[one.states == -1] == 0).all()
        assert (weights[one.states == 1] == 1).all()
    absent = np.concatenate([w[one.states == 0] for one, w in zip(chosen, found.frames, strict=True)])
    near, far = np.unique(absent)
    assert 1 < far / near <= MOST_RATIO
    # Unequal weights cost looks.
    assert absent.sum() < absent.size
    assert absent.sum() == pytest.approx(absent.sum() ** 2 / (absent**2).sum())
    assert found.far_s > 10


@pytest.mark.parametrize("states", [[1, 0, 0], [-1, 0, 0], [-1, -1, -1]])
def test_absent_gold_of_one_kind_has_equal_weights(states):
    one = VoteSequence("a", np.zeros((3, 1), dtype=np.int8), 10.0, np.array(states))
    found = gold_weights([one], BoutChain(1.0, 0.1))
    assert found.frames[0].tolist() == [float(state >= 0) for state in states]
    assert found.far_s == pytest.approx(0.2 if states == [-1, 0, 0] else 0.0)
