"""One class balance: rates recovered, copies that change nothing, and how much unlabeled frames may say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit

from nsp_core.errors import StudyError
from nsp_core.weak.bout_smoothing import BoutChain, smooth_log_odds
from nsp_core.weak.dependence import Dependence
from nsp_core.weak.simulated_votes import PlantedFunction, simulate_votes, with_chosen_gold
from nsp_core.weak.vote_model import LabelModelSettings, VoteModel, fit_vote_model

SHARE = 0.15
CHAIN = BoutChain(1.0, SHARE)
FUNCTIONS = [
    PlantedFunction((0.1, 0.8, 0.1), (0.1, 0.2, 0.7)),
    PlantedFunction((0.4, 0.5, 0.1), (0.05, 0.35, 0.6)),
    PlantedFunction((0.05, 0.85, 0.1), (0.2, 0.2, 0.6)),
    PlantedFunction((0.2, 0.5, 0.3), (0.1, 0.1, 0.8)),
]
PLANTED = np.stack([one.rates for one in FUNCTIONS])
TRUTH = simulate_votes(FUNCTIONS, CHAIN, n_recordings=6, n_frames=8000, seed=0)
VOTES = [replace(one, states=None) for one in TRUTH[2:]]
DEFAULT = LabelModelSettings()


def with_copies(sequences, places):
    return [replace(one, votes=np.concatenate([one.votes, one.votes[:, places]], axis=1)) for one in sequences]


@pytest.mark.parametrize("gold", [TRUTH[:2], with_chosen_gold(TRUTH[:2], 8, 2.0), []])
def test_planted_rates_are_recovered(gold):
    model = fit_vote_model(VOTES, gold, SHARE, DEFAULT)
    np.testing.assert_allclose(model.rates, PLANTED, atol=0.06)
    assert model.converged
    assert model.refined == (True, True)
    assert not model.turned
    assert model.dependence.clusters == ((0,), (1,), (2,), (3,))


@pytest.mark.parametrize("gold", [TRUTH[:2], with_chosen_gold(TRUTH[:2], 5, 2.0), []])
@pytest.mark.parametrize("places", [[0], [3, 3, 3]])
def test_copies_change_nothing(gold, places):
    settings = LabelModelSettings(mean_bout_s=1.0)
    alone = fit_vote_model(VOTES, gold, SHARE, settings)
    among = fit_vote_model(with_copies(VOTES, places), with_copies(gold, places), SHARE, settings)
    for one, other in (
        (alone.frame_log_odds(VOTES), among.frame_log_odds(with_copies(VOTES, places))),
        (alone.bout_log_odds(VOTES), among.bout_log_odds(with_copies(VOTES, places))),
    ):
        np.testing.assert_allclose(expit(np.concatenate(one)), expit(np.concatenate(other)), atol=1e-6)


def test_independent_frames_are_read_by_the_chain_alone():
    eye = np.eye(4)
    model = VoteModel(
        SHARE,
        PLANTED,
        PLANTED,
        PLANTED,
        Dependence(eye, eye, np.ones(4), 0.1),
        np.zeros((4, 2)),
        1.0,
        (True, True),
        1,
        True,
        False,
    )
    (one,) = VOTES[:1]
    table = np.log(PLANTED[:, 1]) - np.log(PLANTED[:, 0])
    evidence = table[np.arange(4), one.votes.astype(int) + 1].sum(axis=1)
    np.testing.assert_allclose(model.frame_log_odds([one])[0], logit(SHARE) + evidence)
    np.testing.assert_allclose(model.bout_log_odds([one])[0], smooth_log_odds(evidence, 30.0, CHAIN))


def test_neighboring_frames_help_where_errors_last_no_longer_than_bouts_and_else_do_no_harm():
    for error_s, edge_s, most in ((0.0, 0.1, 0.6), (0.3, 0.1, 0.8), (0.5, 0.0, 0.9), (2.0, 0.1, 1.03)):
        functions = [replace(one, error_s=error_s, edge_s=edge_s) for one in FUNCTIONS]
        truth = simulate_votes(functions, CHAIN, n_recordings=6, n_frames=8000, seed=1)
        votes = [replace(one, states=None) for one in truth[2:]]
        states = np.concatenate([one.states for one in truth[2:]])
        model = fit_vote_model(votes, truth[:2], SHARE, DEFAULT)
        frame, bout = (
            np.mean((expit(np.concatenate(log_odds)) - states) ** 2)
            for log_odds in (model.frame_log_odds(votes), model.bout_log_odds(votes))
        )
        assert bout < most * frame


def test_more_chosen_bouts_change_the_labels_by_no_more_than_noise():
    few, many = (with_chosen_gold(TRUTH[:2], n, 1.0) for n in (6, 30))
    share_of_gold = [np.concatenate([one.states[one.states >= 0] for one in gold]).mean() for gold in (few, many)]
    assert min(share_of_gold) > 2 * SHARE  # chosen bouts are no sample of frames
    posteriors = [
        expit(np.concatenate(fit_vote_model(VOTES, gold, SHARE, DEFAULT).frame_log_odds(VOTES))) for gold in (few, many)
    ]
    assert np.abs(posteriors[0] - posteriors[1]).mean() < 0.02
    truth = np.concatenate([one.states for one in TRUTH[2:]])
    for posterior in posteriors:
        assert posterior.mean() == pytest.approx(truth.mean(), abs=0.02)


def test_repeated_present_gold_alone_does_not_enter():
    # The same bouts annotated twice, absent frames once: only the number of present frames changes.
    bouts = [
        replace(one, recording=f"{one.recording} again", states=np.where(one.states == 1, 1, -1)) for one in TRUTH[:2]
    ]
    settings = LabelModelSettings(gold_strength=np.inf, mean_bout_s=1.0, n_pseudo=1e-6)
    one, other = (fit_vote_model(VOTES, gold, SHARE, settings) for gold in (TRUTH[:2], [*TRUTH[:2], *bouts]))
    np.testing.assert_allclose(one.rates, other.rates, atol=1e-5)


def test_the_strength_of_gold_is_what_it_says():
    gold = with_chosen_gold(TRUTH[:2], 3, 1.0)
    free, bound, frozen = (
        fit_vote_model(VOTES, gold, SHARE, LabelModelSettings(gold_strength=strength)) for strength in (0, 1, np.inf)
    )
    assert frozen.refined == (False, False)
    np.testing.assert_allclose(frozen.rates, frozen.gold_counts / frozen.gold_counts.sum(axis=2, keepdims=True))
    looks = [one.looks.sum(axis=2) / one.gold_counts.sum(axis=2) for one in (free, bound, frozen)]
    assert (looks[0] > 5).all()
    assert (looks[1] < 2.1).all()
    np.testing.assert_allclose(looks[2], 1)
    error = [np.abs(one.rates - PLANTED).mean() for one in (free, bound, frozen)]
    assert error[0] < error[1] < error[2]


@pytest.mark.parametrize("n_functions", [1, 2])
def test_too_few_functions_keep_the_rates_of_gold(n_functions):
    votes, gold = (
        [replace(one, votes=one.votes[:, :n_functions]) for one in sequences] for sequences in (VOTES, TRUTH[:2])
    )
    model = fit_vote_model(votes, gold, SHARE, DEFAULT)
    assert model.refined == (False, False)
    np.testing.assert_allclose(model.rates, PLANTED[:n_functions], atol=0.05)


@pytest.mark.parametrize("state", [0, 1])
def test_gold_of_one_state_gives_the_other_by_the_balance(state):
    gold = [replace(one, states=np.where(one.states == state, state, -1)) for one in TRUTH[:2]]
    votes, gold = ([replace(one, votes=one.votes[:, :2]) for one in sequences] for sequences in (VOTES, gold))
    share = float(np.concatenate([one.states for one in TRUTH[2:]]).mean())
    model = fit_vote_model(votes, gold, share, LabelModelSettings(mean_bout_s=1.0))
    assert model.refined == (state == 1, state == 0)
    np.testing.assert_allclose(model.rates, PLANTED[:2], atol=0.12)


def test_the_same_input_gives_the_same_bytes():
    gold = with_chosen_gold(TRUTH[:2], 3, 1.0)
    one, again = (fit_vote_model(VOTES, gold, SHARE, DEFAULT) for _ in range(2))
    assert one.rates.tobytes() == again.rates.tobytes()
    assert one.bout_log_odds(VOTES)[0].tobytes() == again.bout_log_odds(VOTES)[0].tobytes()


def test_a_recording_is_labeled_the_same_beside_any_other():
    model = fit_vote_model(VOTES, TRUTH[:2], SHARE, DEFAULT)
    np.testing.assert_array_equal(model.bout_log_odds(VOTES)[2], model.bout_log_odds(VOTES[2:3])[0])


def test_bouts_of_unknown_duration_are_not_smoothed():
    model = fit_vote_model(VOTES, [], SHARE, DEFAULT)
    assert model.mean_bout_s is None
    with pytest.raises(StudyError, match="no complete gold bout and no mean duration"):
        model.bout_log_odds(VOTES)
    assert fit_vote_model(VOTES, TRUTH[:2], SHARE, DEFAULT).mean_bout_s == pytest.approx(1.0, abs=0.3)
    assert fit_vote_model(VOTES, TRUTH[:2], SHARE, LabelModelSettings(mean_bout_s=3.0)).mean_bout_s == 3.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_pseudo": 0}, "found n_pseudo = 0, expected a finite number above 0"),
        ({"gold_strength": -1}, "found gold_strength = -1, expected 0 or above"),
        ({"mean_bout_s": 0}, "found mean_bout_s = 0, expected seconds above 0, or None"),
        ({"n_folds": 1}, "found n_folds = 1, expected 2 or above"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(StudyError, match=message):
        LabelModelSettings(**settings)
