"""Simulated votes have the rates, dependence, persistence and edges that were planted."""

from __future__ import annotations

import numpy as np
import pytest

from nsp_core.errors import StudyError
from nsp_core.weak.bout_smoothing import BoutChain, complete_bouts_s
from nsp_core.weak.simulated_votes import PlantedFunction, simulate_votes, with_chosen_gold

CHAIN = BoutChain(1.0, 0.2)
NOISY = PlantedFunction((0.1, 0.7, 0.2), (0.3, 0.1, 0.6))
SURE = PlantedFunction((0, 1, 0), (0, 0, 1))


@pytest.mark.parametrize("error_s", [0.0, 0.2])
def test_rates_and_balance_are_as_planted(error_s):
    planted = PlantedFunction(NOISY.when_absent, NOISY.when_present, error_s=error_s)
    (one,) = simulate_votes([planted], CHAIN, n_recordings=1, n_frames=200_000, seed=0)
    assert one.states.mean() == pytest.approx(0.2, abs=0.02)
    assert complete_bouts_s([one]).mean() == pytest.approx(1.0, abs=0.1)
    for state in (0, 1):
        shares = (
            np.bincount(one.votes[one.states == state, 0].astype(int) + 1, minlength=3) / (one.states == state).sum()
        )
        np.testing.assert_allclose(shares, planted.rates[state], atol=0.02)


def test_a_full_copy_votes_the_same_and_another_function_does_not():
    copy = PlantedFunction(NOISY.when_absent, NOISY.when_present, copies=0)
    (one,) = simulate_votes([NOISY, copy, NOISY], CHAIN, n_recordings=1, n_frames=5000, seed=0)
    np.testing.assert_array_equal(one.votes[:, 0], one.votes[:, 1])
    assert (one.votes[:, 0] != one.votes[:, 2]).mean() > 0.2


def test_moved_edges_leave_the_middle_of_bouts():
    (one,) = simulate_votes(
        [PlantedFunction((0, 1, 0), (0, 0, 1), edge_s=0.1)], CHAIN, n_recordings=1, n_frames=50_000, seed=0
    )
    wrong = one.votes[:, 0] != one.states
    assert 0 < wrong.mean() < 0.1
    edge = np.flatnonzero(np.diff(one.states))
    distance = np.abs(np.flatnonzero(wrong)[:, None] - edge).min(axis=1)
    assert np.quantile(distance, 0.95) < 0.4 * 30


def test_one_seed_one_simulation():
    first, again, other = (simulate_votes([NOISY], CHAIN, n_recordings=2, n_frames=500, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first[1].votes, again[1].votes)
    assert (first[1].votes != other[1].votes).any()
    assert (first[0].votes != first[1].votes).any()


def test_chosen_gold_is_about_bouts_and_mostly_present():
    truth = simulate_votes([SURE], BoutChain(1.0, 0.02), n_recordings=3, n_frames=20_000, seed=0)
    for one, whole in zip(with_chosen_gold(truth, 3, 0.5), truth, strict=True):
        known = one.states >= 0
        assert (np.diff((one.states == 1).astype(int)) == 1).sum() == 3
        assert one.states[known].mean() > 0.2
        np.testing.assert_array_equal(one.states[known], whole.states[known])
    assert all((one.states == -1).all() for one in with_chosen_gold(truth, 0, 0.5))


def test_rates_are_probabilities():
    with pytest.raises(StudyError, match="expected three probabilities that sum to 1"):
        PlantedFunction((0.5, 0.5, 0.5), (0, 0, 1))
