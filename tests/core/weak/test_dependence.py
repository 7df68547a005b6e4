"""Functions that err together are found and discounted; those that err on their own are not."""

from __future__ import annotations

import numpy as np
import pytest

from nsp_core.weak.bout_smoothing import BoutChain
from nsp_core.weak.dependence import Dependence, conditional_dependence, copies_only
from nsp_core.weak.simulated_votes import PlantedFunction, simulate_votes
from nsp_core.weak.votes import VotePatterns, count_patterns

ABSENT, PRESENT = (0.1, 0.75, 0.15), (0.1, 0.25, 0.65)


def dependence_of(functions, n_frames=40_000, share=0.3, looks=1.0):
    truth = simulate_votes(functions, BoutChain(1.0, share), n_recordings=1, n_frames=n_frames, seed=3)
    patterns = count_patterns([], truth)
    rates = np.stack([one.rates for one in functions])
    return conditional_dependence(patterns, patterns.n_gold, np.full((len(functions), 2), looks), rates)


def test_independent_functions_keep_their_weight():
    dependence = dependence_of([PlantedFunction(ABSENT, PRESENT)] * 5)
    assert dependence.clusters == ((0,), (1,), (2,), (3,), (4,))
    np.testing.assert_array_equal(dependence.weights(np.array([[1, 0, -1, 1, 1]])), np.ones((1, 5)))


def test_functions_that_share_draws_make_a_cluster():
    own, copy = PlantedFunction(ABSENT, PRESENT), PlantedFunction(ABSENT, PRESENT, copies=0, copied_share=0.6)
    dependence = dependence_of([own, own, copy])
    assert dependence.clusters == ((0, 2), (1,))
    # A vote is taken over on 60 % of the frames, so that 60 % of its variation given the state is shared.
    assert dependence.votes[0, 2] == pytest.approx(0.6, abs=0.05)
    assert dependence.votes[0, 1] == 0
    weights = dependence.weights(np.array([[1, 1, 1], [1, 1, -1]]))
    np.testing.assert_allclose(weights[0], [1 / 1.6, 1, 1 / 1.6], atol=0.03)
    np.testing.assert_allclose(weights[1], 1)  # who votes alone is not discounted


def test_functions_that_abstain_together_say_so_once():
    # Both abstain on the same half of the absent frames, and vote independently otherwise.
    generator = np.random.default_rng(0)
    states = generator.random(20_000) < 0.4
    silent = (generator.random(states.size) < 0.5) & ~states
    right = generator.random((states.size, 2)) < 0.8
    votes = np.where(silent[:, None], -1, np.where(right, states[:, None], ~states[:, None])).astype(np.int8)
    rows, row = np.unique(votes, axis=0, return_inverse=True)
    n_gold = np.stack([np.bincount(row.ravel(), states == state, len(rows)) for state in (0, 1)], axis=1)
    rates = np.array([[[0.5, 0.4, 0.1], [0.0, 0.2, 0.8]]] * 2)
    dependence = conditional_dependence(VotePatterns(rows, np.zeros(len(rows)), n_gold), n_gold, np.ones((2, 2)), rates)
    assert dependence.abstentions[0, 1] == pytest.approx(1.0)
    assert dependence.votes[0, 1] == 0
    np.testing.assert_allclose(dependence.weights(np.array([[-1, -1], [1, 0]])), [[0.5, 0.5], [1, 1]])


def test_little_data_shows_no_dependence_and_says_from_where_on_it_would():
    own, copy = PlantedFunction(ABSENT, PRESENT), PlantedFunction(ABSENT, PRESENT, copies=0, copied_share=0.3)
    much, little = dependence_of([own, copy]), dependence_of([own, copy], n_frames=40)
    assert much.votes[0, 1] > 0.2
    assert much.noticeable == pytest.approx(0.1)
    assert little.votes[0, 1] == 0
    assert little.noticeable > 0.2


def test_persistent_errors_are_fewer_looks():
    own, copy = PlantedFunction(ABSENT, PRESENT), PlantedFunction(ABSENT, PRESENT, copies=0, copied_share=0.3)
    assert dependence_of([own, copy], n_frames=5000, looks=1.0).votes[0, 1] > 0
    assert dependence_of([own, copy], n_frames=5000, looks=0.01).votes[0, 1] == 0


def test_copies_are_one_function_whatever_else_is_correlated():
    copied = PlantedFunction(ABSENT, PRESENT, copies=0, copied_share=1.0)
    partly = PlantedFunction(ABSENT, PRESENT, copies=0, copied_share=0.5)
    own = PlantedFunction(ABSENT, PRESENT)
    single = dependence_of([own, partly])
    triple = dependence_of([own, partly, copied, copied])
    votes = np.array([[1, 1, 1, 1], [0, 1, 0, 0], [-1, 1, -1, -1], [1, -1, 1, 1]])
    alone, among = single.weights(votes[:, :2]), triple.weights(votes)
    np.testing.assert_allclose(among[:, [0, 2, 3]].sum(axis=1), alone[:, 0], rtol=1e-12)


def test_functions_of_opposite_skill_that_disagree_are_dependent():
    own = PlantedFunction(ABSENT, PRESENT)
    truth = simulate_votes([own, own], BoutChain(1.0, 0.3), n_recordings=1, n_frames=10_000, seed=1)
    (one,) = truth
    votes = one.votes.copy()
    votes[:, 1] = np.where(votes[:, 0] < 0, -1, 1 - votes[:, 0])
    rows, row = np.unique(votes, axis=0, return_inverse=True)
    n_gold = np.stack([np.bincount(row.ravel(), one.states == state, len(rows)) for state in (0, 1)], axis=1)
    rates = np.stack([own.rates, own.rates[:, [0, 2, 1]]])
    dependence = conditional_dependence(VotePatterns(rows, np.zeros(len(rows)), n_gold), n_gold, np.ones((2, 2)), rates)
    assert dependence.votes[0, 1] == pytest.approx(1.0)


def test_before_anything_is_known_only_copies_count():
    patterns = VotePatterns(np.array([[1, 1, 0], [0, 0, 0]], dtype=np.int8), np.ones(2), np.zeros((2, 2)))
    np.testing.assert_allclose(copies_only(patterns).weights(patterns.votes), [[0.5, 0.5, 1]] * 2)


def test_clusters_come_in_order_of_their_first():
    linked = np.eye(4)
    linked[1, 3] = linked[3, 1] = 0.5
    assert Dependence(linked, np.eye(4), np.ones(4), 0.1).clusters == ((0,), (1, 3), (2,))
