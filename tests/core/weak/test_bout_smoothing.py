"""Smoothing is exact: it equals the sum over all sequences of states."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from nsp_core.errors import LabelError, StudyError
from nsp_core.weak.bout_smoothing import BoutChain, complete_bouts_s, lasting_evidence, smooth_log_odds
from nsp_core.weak.votes import VoteSequence

UNTIMED = settings(deadline=None)


def enumerated(evidence, fps, chain):
    """Probability of presence by summing over every sequence of states."""
    begin, end = (np.exp(chain.log_transitions(fps))[state, 1 - state] for state in (0, 1))
    stay = {(0, 0): 1 - begin, (0, 1): begin, (1, 0): end, (1, 1): 1 - end}
    total, present = 0.0, np.zeros(len(evidence))
    for states in product((0, 1), repeat=len(evidence)):
        weight = chain.share if states[0] else 1 - chain.share
        for before, now in pairwise(states):
            weight *= stay[before, now]
        weight *= np.exp(np.dot(states, evidence))
        total += weight
        present += weight * np.array(states)
    return present / total


@UNTIMED
@given(
    st.lists(st.floats(-8, 8), min_size=1, max_size=10),
    st.floats(1, 200),
    st.floats(0.02, 20),
    st.floats(0.01, 0.99),
)
def test_smoothing_equals_enumeration(evidence, fps, mean_bout_s, share):
    chain = BoutChain(mean_bout_s, share)
    np.testing.assert_allclose(
        expit(smooth_log_odds(np.array(evidence), fps, chain)), enumerated(evidence, fps, chain), atol=1e-9
    )


@pytest.mark.parametrize("n_frames", [1, 2, 3, 99, 100, 101, 1000])
def test_blocks_change_nothing(n_frames):
    generator = np.random.default_rng(n_frames)
    evidence, chain, fps = generator.normal(0, 2, n_frames), BoutChain(0.5, 0.2), 25.0
    transition = np.exp(chain.log_transitions(fps))
    likelihood = np.stack([np.ones(n_frames), np.exp(evidence)], axis=1)
    forward, backward = np.zeros((n_frames, 2)), np.ones((n_frames, 2))
    message = np.array([1 - chain.share, chain.share])
    for frame in range(n_frames):
        forward[frame] = (message @ transition if frame else message) * likelihood[frame]
        message = forward[frame] = forward[frame] / forward[frame].sum()
    for frame in range(n_frames - 2, -1, -1):
        backward[frame] = transition @ (likelihood[frame + 1] * backward[frame + 1])
        backward[frame] /= backward[frame].sum()
    both = forward * backward
    np.testing.assert_allclose(expit(smooth_log_odds(evidence, fps, chain)), both[:, 1] / both.sum(axis=1), atol=1e-10)


def test_no_strength_of_evidence_underflows():
    evidence = np.concatenate([np.full(5000, -800.0), np.full(5000, 800.0)])
    log_odds = smooth_log_odds(evidence, 30.0, BoutChain(1.0, 0.01))
    assert np.isfinite(log_odds).all()
    assert (log_odds[:5000] < -700).all()
    assert (log_odds[5000:] > 700).all()


def test_without_evidence_the_share_remains():
    log_odds = smooth_log_odds(np.zeros(1000), 30.0, BoutChain(2.0, 0.03))
    np.testing.assert_allclose(log_odds, logit(0.03), atol=1e-9)
    assert smooth_log_odds(np.zeros(0), 30.0, BoutChain(2.0, 0.03)).size == 0


def test_the_frame_rate_hardly_matters():
    # The same two seconds of evidence, seen at two frame rates: each frame of the faster one says half as much.
    slow = smooth_log_odds(np.repeat([-0.2, 0.4, -0.2], 60), 30.0, BoutChain(1.0, 0.2))
    fast = smooth_log_odds(np.repeat([-0.1, 0.2, -0.1], 120), 60.0, BoutChain(1.0, 0.2))
    np.testing.assert_allclose(expit(fast).reshape(-1, 2).mean(axis=1), expit(slow), atol=0.02)


def test_bouts_last_as_long_as_the_chain_says():
    chain = BoutChain(0.8, 0.3)
    begin, end = (np.exp(chain.log_transitions(1000.0))[state, 1 - state] for state in (0, 1))
    assert 1 / end / 1000 == pytest.approx(0.8, rel=2e-3)
    assert 1 / begin / 1000 == pytest.approx(chain.mean_gap_s, rel=2e-3)
    assert begin / (begin + end) == pytest.approx(0.3)


def test_only_complete_bouts_have_a_duration():
    states = np.array([1, 1, 0, 1, 1, 1, 0, 0, 1, -1, 0, 1, 0, 1])
    votes = np.zeros((states.size, 1), dtype=np.int8)
    assert complete_bouts_s([VoteSequence("a", votes, 10.0, states)]).tolist() == pytest.approx([0.3, 0.1])
    assert complete_bouts_s([]).size == 0


def test_errors_that_do_not_last_count_every_frame():
    votes = np.random.default_rng(0).integers(-1, 2, (50, 3))
    evidence = np.random.default_rng(1).normal(size=(50, 3))
    np.testing.assert_allclose(lasting_evidence(votes, evidence, np.ones(3)), evidence.sum(axis=1))


def test_a_run_counts_once_per_error_and_at_least_once():
    votes = np.repeat([1, 0, 1], [2, 300, 6])[:, None]
    evidence = np.where(votes == 1, 3.0, -1.0)
    total = lasting_evidence(votes, evidence, np.array([11.0]))
    assert total[:2].sum() == pytest.approx(3.0)
    np.testing.assert_allclose(total[10:290], -1 / 11)
    assert total[302:].sum() == pytest.approx(3.0)
    assert lasting_evidence(np.zeros((0, 1), dtype=int), np.zeros((0, 1)), np.array([2.0])).size == 0


def test_votes_that_flicker_count_once_for_each_side():
    votes = np.tile([1, 0], 50)[:, None]
    total = lasting_evidence(votes, np.where(votes == 1, 4.0, -2.0), np.array([20.0]))
    # Half of 20 frames say each.
    np.testing.assert_allclose(total[20:80:2], 4 / 10)
    np.testing.assert_allclose(total[21:80:2], -2 / 10)


@pytest.mark.parametrize(("mean_bout_s", "share"), [(0, 0.1), (-1, 0.1), (np.inf, 0.1), (1, 0), (1, 1), (np.nan, 0.5)])
def test_a_chain_that_cannot_be_is_refused(mean_bout_s, share):
    with pytest.raises(StudyError, match="bout chain: found bouts of"):
        BoutChain(mean_bout_s, share)


@pytest.mark.parametrize("evidence", [np.array([0.0, np.nan]), np.array([np.inf]), np.zeros((2, 2))])
def test_evidence_is_finite(evidence):
    with pytest.raises(LabelError, match="expected finite log likelihood ratios"):
        smooth_log_odds(evidence, 30.0, BoutChain(1.0, 0.5))
