"""Distorted evidence is put right, and the balance of gold does not enter."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from nsp_core.errors import LabelError
from nsp_core.weak.calibrate import Calibration, balance_weights, fit_calibration, reliability


def gaussian_evidence(n_absent, n_present, seed=0, separation=2.0):
    """States and their exact log likelihood ratio: two normal distributions of equal spread."""
    generator = np.random.default_rng(seed)
    states = np.repeat([0, 1], [n_absent, n_present])
    measured = generator.normal(states * separation, 1)
    return separation * measured - separation**2 / 2, states


@pytest.mark.parametrize(("n", "method"), [(3, "none"), (100, "platt"), (1000, "isotonic")])
def test_the_method_follows_the_amount_of_gold(n, method):
    evidence, states = gaussian_evidence(n, n)
    calibration = fit_calibration(evidence, states, np.ones(2 * n))
    assert calibration.method == method
    assert (calibration.n_absent, calibration.n_present) == (n, n)
    assert bool(calibration.reason) == (method == "none")


@pytest.mark.parametrize("n", [200, 4000])
@pytest.mark.parametrize(("slope", "offset"), [(1, 0), (2.5, 0), (0.5, 1), (1, -2)])
def test_distorted_evidence_is_put_right(n, slope, offset):
    evidence, states = gaussian_evidence(n, n)
    distorted = slope * evidence + offset
    calibration = fit_calibration(distorted, states, np.ones(2 * n))
    new_evidence, new_states = gaussian_evidence(20_000, 2000, seed=1)
    share = 1 / 11
    before = expit(slope * new_evidence + offset + logit(share))
    after = expit(calibration.apply(slope * new_evidence + offset + logit(share), share))
    exact = expit(new_evidence + logit(share))
    assert reliability(after, new_states, share).ece < 0.03
    best = reliability(exact, new_states, share).brier
    assert reliability(after, new_states, share).brier < best + 0.004
    assert reliability(after, new_states, share).brier <= reliability(before, new_states, share).brier + 1e-3


def test_the_share_of_present_gold_does_not_enter():
    few, few_states = gaussian_evidence(3000, 300)
    many, many_states = gaussian_evidence(3000, 30_000)
    at = np.linspace(-3, 3, 7)
    one, other = (
        fit_calibration(evidence * 2, states, np.full(states.size, 0.09)).apply(at, 0.5)
        for evidence, states in ((few, few_states), (many, many_states))
    )
    np.testing.assert_allclose(one, other, atol=0.4)


@pytest.mark.parametrize("n", [100, 1000])
def test_the_order_of_frames_is_kept(n):
    evidence, states = gaussian_evidence(n, n)
    calibration = fit_calibration(evidence, states, np.ones(2 * n))
    assert (np.diff(calibration.apply(np.linspace(-30, 30, 1001), 0.1)) > 0).all()


def test_repeated_frames_are_no_more_gold():
    evidence, states = gaussian_evidence(30, 30)
    repeated = fit_calibration(np.repeat(evidence, 20), np.repeat(states, 20), np.full(1200, 1 / 20))
    once = fit_calibration(evidence, states, np.ones(60))
    assert repeated.slope == pytest.approx(once.slope, rel=1e-3)
    assert repeated.offset == pytest.approx(once.offset, abs=1e-3)


def test_a_little_gold_changes_little():
    evidence, states = gaussian_evidence(6, 6)
    calibration = fit_calibration(5 * evidence, states, np.ones(12))
    assert 0.2 < calibration.slope < 1
    assert abs(calibration.offset) < 2


def test_no_calibration_changes_nothing():
    log_odds = np.linspace(-3, 3, 5)
    np.testing.assert_allclose(Calibration("none").apply(log_odds, 0.01), log_odds)


def test_a_constant_at_the_share_is_reliable_and_has_the_brier_score_of_a_coin():
    states = np.repeat([0, 1], [90, 10])
    held = reliability(np.full(100, 0.3), states, 0.3)
    assert held.ece == pytest.approx(0)
    assert held.brier == pytest.approx(0.21)
    assert [one.weight for one in held.bins] == pytest.approx([0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    assert np.isnan(held.bins[0].observed)


def test_certain_and_wrong_is_unreliable():
    held = reliability(np.array([1.0, 0.0]), np.array([0, 1]), 0.5)
    assert (held.ece, held.brier) == (1, 1)


def test_frames_weigh_what_they_stand_for():
    weights = balance_weights(np.array([1, 0, 0]), 0.2, np.array([1.0, 1.0, 3.0]))
    np.testing.assert_allclose(weights, [0.2, 0.2, 0.6])


@pytest.mark.parametrize("states", [[1, 1], [0, 0], [1, 0, -1]])
def test_both_states_are_needed(states):
    with pytest.raises(LabelError, match="expected labeled frames of both states"):
        balance_weights(np.array(states), 0.5)
