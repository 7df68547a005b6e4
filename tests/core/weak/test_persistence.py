"""How long errors last is recovered from gold and from unlabeled frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nsp_core.weak.bout_smoothing import BoutChain
from nsp_core.weak.dependence import copies_only
from nsp_core.weak.persistence import error_durations, error_durations_unlabeled
from nsp_core.weak.simulated_votes import PlantedFunction, simulate_votes
from nsp_core.weak.votes import count_patterns

ABSENT, PRESENT = (0.1, 0.8, 0.1), (0.1, 0.15, 0.75)


def recordings(error_s, n_frames=60_000):
    functions = [PlantedFunction(ABSENT, PRESENT, error_s=error_s)] * 5
    truth = simulate_votes(functions, BoutChain(2.0, 0.3), n_recordings=2, n_frames=n_frames, seed=0)
    return truth, np.stack([one.rates for one in functions])


# Numbers kept for an exponential time of mean t decorrelate over 2 t.
@pytest.mark.parametrize(("error_s", "lasts_s"), [(0.0, 1 / 30), (0.1, 0.2), (0.4, 0.8)])
def test_durations_are_recovered(error_s, lasts_s):
    truth, rates = recordings(error_s)
    of_gold = error_durations(truth, rates, mean_bout_s=2.0)
    unlabeled = [replace(one, states=None) for one in truth]
    dependence = copies_only(count_patterns(unlabeled, []))
    of_votes = error_durations_unlabeled(unlabeled, rates, dependence, share=0.3, mean_bout_s=2.0)
    assert of_gold.shape == of_votes.shape == (5, 2)
    np.testing.assert_allclose(of_gold, lasts_s, rtol=0.4)
    # What the other functions leave open of the state lasts as long as bouts do: rather too long.
    assert (of_votes > 0.8 * lasts_s).all()
    assert (of_votes < 1.4 * lasts_s + 0.05).all()
    # Bouts end before long errors do, gaps do not.
    assert np.mean(of_gold[:, 0]) == pytest.approx(lasts_s, rel=0.2)
    np.testing.assert_array_equal(of_votes[:, 0], of_votes[:, 1])


def test_without_gold_an_error_is_taken_to_last_a_bout():
    truth, rates = recordings(0.0, n_frames=300)
    np.testing.assert_array_equal(error_durations([], rates, mean_bout_s=2.0), 2.0)
    unlabeled = [replace(one, states=np.full(len(one.votes), -1)) for one in truth]
    np.testing.assert_array_equal(error_durations(unlabeled, rates, mean_bout_s=2.0), 2.0)


def test_a_function_that_never_errs_on_gold_is_not_taken_to_vary_from_frame_to_frame():
    truth, rates = recordings(0.0, n_frames=3000)
    perfect = [replace(one, votes=np.repeat(one.states[:, None], 5, axis=1)) for one in truth]
    np.testing.assert_allclose(error_durations(perfect, rates, mean_bout_s=2.0), 2.0)


def test_the_frame_rate_does_not_matter():
    truth, rates = recordings(0.2)
    slowed = [
        replace(one, votes=np.repeat(one.votes, 2, axis=0), states=np.repeat(one.states, 2), fps=60.0) for one in truth
    ]
    np.testing.assert_allclose(
        error_durations(slowed, rates, mean_bout_s=2.0), error_durations(truth, rates, mean_bout_s=2.0), rtol=1e-9
    )


def test_a_gap_between_labeled_spans_ends_a_block():
    truth, rates = recordings(0.4, n_frames=6000)
    one = truth[0]
    states = one.states.copy()
    states[::2] = -1  # every labeled frame on its own
    assert error_durations([replace(one, states=states)], rates, mean_bout_s=2.0).max() < 0.05
