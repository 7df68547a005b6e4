"""Rates given the state: counted, refined, and used as Bayes' rule says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.weak.bout_smoothing import BoutChain
from nsp_core.weak.rates import (
    CountedFrames,
    pseudo_counts,
    rates_of_counts,
    refine_rates,
    skill,
    starting_rates,
    state_posterior,
)
from nsp_core.weak.simulated_votes import PlantedFunction, simulate_votes
from nsp_core.weak.votes import count_patterns

UNTIMED = settings(deadline=None)
FUNCTIONS = [
    PlantedFunction((0.1, 0.8, 0.1), (0.1, 0.2, 0.7)),
    PlantedFunction((0.3, 0.6, 0.1), (0.05, 0.35, 0.6)),
    PlantedFunction((0.0, 0.9, 0.1), (0.2, 0.2, 0.6)),
    PlantedFunction((0.5, 0.3, 0.2), (0.1, 0.1, 0.8)),
]
PLANTED = np.stack([one.rates for one in FUNCTIONS])
SHARE = 0.25


def patterns_of(n_unlabeled, n_gold, seed=0):
    truth = simulate_votes(
        FUNCTIONS, BoutChain(1.0, SHARE), n_recordings=2, n_frames=max(n_unlabeled, n_gold, 1), seed=seed
    )
    votes = [type(one)(one.recording, one.votes[:n_unlabeled], one.fps) for one in truth[:1]]
    gold = [type(one)(one.recording, one.votes[:n_gold], one.fps, one.states[:n_gold]) for one in truth[1:]]
    return count_patterns(votes, gold)


def counted(patterns, unlabeled_weight=(1.0, 1.0), n_pseudo=1.0):
    return CountedFrames(patterns, pseudo_counts(patterns, n_pseudo), np.ones((4, 2)), np.array(unlabeled_weight))


@UNTIMED
@given(
    st.lists(st.lists(st.integers(-1, 1), min_size=3, max_size=3), min_size=1, max_size=5),
    st.integers(0, 1000),
    st.floats(0.01, 0.99),
)
def test_the_posterior_is_that_of_bayes(votes, seed, share):
    rates = np.random.default_rng(seed).dirichlet(np.ones(3) * 2, size=(3, 2))
    posterior = state_posterior(rates, np.array(votes), np.ones((len(votes), 3)), share)
    for row, found in zip(votes, posterior, strict=True):
        joint = [1 - share, share]
        for state in (0, 1):
            for function, vote in enumerate(row):
                joint[state] *= rates[function, state, {-1: 0, 0: 1, 1: 2}[vote]]
        np.testing.assert_allclose(found, np.array(joint) / sum(joint), rtol=1e-9)


def test_gold_rates_are_shares():
    patterns = patterns_of(0, 20_000)
    rates = refine_rates(
        counted(patterns, (0.0, 0.0)), np.full((4, 2, 3), 1 / 3), np.ones((len(patterns.votes), 4)), SHARE
    )
    np.testing.assert_allclose(rates.rates, PLANTED, atol=0.02)
    assert rates.converged


@pytest.mark.parametrize("n_gold", [0, 60])
def test_unlabeled_frames_recover_planted_rates(n_gold):
    patterns = patterns_of(60_000, n_gold)
    frames = counted(patterns)
    start = starting_rates(patterns, SHARE, np.ones(4), frames.pseudo_counts)
    refined = refine_rates(frames, start, np.ones((len(patterns.votes), 4)), SHARE)
    assert refined.converged
    np.testing.assert_allclose(refined.rates, PLANTED, atol=0.03)


def test_uncertain_frames_are_fewer_looks():
    patterns = patterns_of(20_000, 0)
    start = np.maximum(PLANTED, 0.01)
    refined = refine_rates(counted(patterns), start, np.ones((len(patterns.votes), 4)), SHARE)
    assert (refined.looks.sum(axis=2) < 20_000 * np.array([1 - SHARE, SHARE]) + 1).all()


def test_a_state_without_gold_follows_from_the_balance():
    patterns = patterns_of(60_000, 30_000)
    only_present = type(patterns)(patterns.votes, patterns.n_unlabeled, patterns.n_gold * [0, 1])
    start = starting_rates(only_present, SHARE, np.ones(4), pseudo_counts(only_present, 1.0))
    np.testing.assert_allclose(start, PLANTED, atol=0.03)
    only_absent = type(patterns)(patterns.votes, patterns.n_unlabeled, patterns.n_gold * [1, 0])
    start = starting_rates(only_absent, SHARE, np.ones(4), pseudo_counts(only_absent, 1.0))
    np.testing.assert_allclose(start, PLANTED, atol=0.06)


def test_the_share_of_present_gold_does_not_enter():
    patterns = patterns_of(0, 30_000)
    more = type(patterns)(patterns.votes, patterns.n_unlabeled, patterns.n_gold * [1, 50])
    one, other = (starting_rates(each, SHARE, np.ones(4), pseudo_counts(each, 1e-9)) for each in (patterns, more))
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_pseudo_counts_take_skill_away():
    patterns = patterns_of(0, 2000)
    few, many = (
        skill(starting_rates(patterns, SHARE, np.ones(4), pseudo_counts(patterns, n))) for n in (0.1, 100_000.0)
    )
    assert (few > 0.3).all()
    np.testing.assert_allclose(many, 0, atol=0.02)


def test_skill_has_the_ends_it_says():
    right, wrong, blind = [[0, 1, 0], [0, 0, 1]], [[0, 0, 1], [0, 1, 0]], [[0.2, 0.4, 0.4]] * 2
    assert skill(np.array([right, wrong, blind], dtype=float)).tolist() == [1, -1, 0]
    assert rates_of_counts(np.array([2.0, 1, 1])).tolist() == [0.5, 0.25, 0.25]
