"""From a few annotated bouts to a calibrated probability for every frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit

from nsp_core.errors import LabelError, StudyError
from nsp_core.weak.balance import ClassBalance, stated_balance
from nsp_core.weak.bout_smoothing import BoutChain
from nsp_core.weak.calibrate import reliability
from nsp_core.weak.label_model import LabelModelSettings, fit_label_model
from nsp_core.weak.simulated_votes import PlantedFunction, simulate_votes, with_chosen_gold

SHARE = 0.1
BALANCE = stated_balance(SHARE, 0.08, 0.13)
FUNCTIONS = [
    PlantedFunction((0.1, 0.8, 0.1), (0.1, 0.2, 0.7), error_s=0.1),
    PlantedFunction((0.4, 0.5, 0.1), (0.05, 0.35, 0.6), error_s=0.1),
    PlantedFunction((0.05, 0.85, 0.1), (0.2, 0.2, 0.6), error_s=0.1),
    PlantedFunction((0.2, 0.5, 0.3), (0.1, 0.1, 0.8), error_s=0.1),
]
TRUTH = simulate_votes(FUNCTIONS, BoutChain(1.0, SHARE), n_recordings=8, n_frames=8000, seed=0)
GOLD, VOTES = TRUTH[:4], [replace(one, states=None) for one in TRUTH[4:]]
STATES = np.concatenate([one.states for one in TRUTH[4:]])


def probabilities(result, votes=VOTES, **settings):
    return np.concatenate([one.probability for one in result.posterior(votes, **settings)])


@pytest.fixture(scope="module")
def fitted():
    return fit_label_model(VOTES, BALANCE, gold=GOLD, functions=["a", "b", "c", "d"])


def test_intervals_hold_the_planted_rates():
    covered = []
    for seed in range(8):
        truth = simulate_votes(FUNCTIONS, BoutChain(1.0, SHARE), n_recordings=4, n_frames=4000, seed=seed)
        votes = [replace(one, states=None) for one in truth[2:]]
        result = fit_label_model(
            votes, BALANCE, gold=with_chosen_gold(truth[:2], 8, 2.0), settings=LabelModelSettings(calibration=False)
        )
        for one, planted in zip(result.rates, FUNCTIONS, strict=True):
            covered.append((one.low <= planted.rates) & (planted.rates <= one.high))
            assert (one.high - one.low).max() < 0.6
    assert np.mean(covered) > 0.9


def test_the_posterior_is_that_of_bayes_where_functions_are_independent(fitted):
    # A slow oracle: Bayes' rule with the planted rates, vote by vote.
    one = VOTES[0]
    oracle = []
    for row in one.votes[:1000]:
        odds = SHARE / (1 - SHARE)
        for vote, function in zip(row, FUNCTIONS, strict=True):
            odds *= function.when_present[vote + 1] / function.when_absent[vote + 1]
        oracle.append(odds / (1 + odds))
    found = fitted.models[1].frame_log_odds([one])[0][:1000]
    assert np.abs(expit(found) - oracle).mean() < 0.02


@pytest.mark.parametrize("smoothed", [False, True])
def test_probabilities_hold_on_recordings_never_seen(fitted, smoothed):
    probability = probabilities(fitted, smoothed=smoothed)
    held = reliability(probability, STATES, STATES.mean())
    assert held.ece < 0.02
    assert held.brier < (0.02 if smoothed else 0.045)
    assert fitted.reliability_after.ece < 0.02


def test_a_few_chosen_bouts_are_enough():
    gold = with_chosen_gold(GOLD, 3, 2.0)
    assert sum((one.states == 1).any() for one in gold) == 4
    probability = probabilities(fit_label_model(VOTES, BALANCE, gold=gold))
    assert ((probability > 0.5) == STATES).mean() > 0.97
    assert reliability(probability, STATES, STATES.mean()).ece < 0.03


def test_the_number_of_chosen_bouts_does_not_move_the_share_of_present_labels():
    shares = [
        probabilities(fit_label_model(VOTES, BALANCE, gold=with_chosen_gold(GOLD, n, 2.0))).mean() for n in (3, 6, 12)
    ]
    np.testing.assert_allclose(shares, STATES.mean(), atol=0.015)


def test_copies_of_a_function_change_nothing(fitted):
    again = [replace(one, votes=one.votes[:, [0, 1, 2, 3, 1]]) for one in [*GOLD, *VOTES]]
    result = fit_label_model(again[4:], BALANCE, gold=again[:4], functions=["a", "b", "c", "d", "e"])
    np.testing.assert_allclose(probabilities(result, again[4:]), probabilities(fitted), atol=1e-5)
    assert result.clusters == (("a",), ("b", "e"), ("c",), ("d",))
    assert result.rates[1].weight == pytest.approx(0.5)
    assert "b and e never disagree: together they count as one function." in result.notes


def test_the_balance_moves_labels_between_its_ends(fitted):
    for one in fitted.posterior(VOTES):
        assert (one.low <= one.probability).all()
        assert (one.probability <= one.high).all()
        assert (one.high - one.low).max() > 0.01
    exact = fit_label_model(VOTES, stated_balance(SHARE, SHARE, SHARE), gold=GOLD)
    one = exact.posterior(VOTES)[0]
    np.testing.assert_array_equal(one.low, one.high)
    assert exact.flipped_share == 0 < fitted.flipped_share


def test_a_wide_balance_is_said_to_decide_labels():
    result = fit_label_model(VOTES, stated_balance(SHARE, 0.01, 0.5), gold=with_chosen_gold(GOLD, 2, 2.0))
    assert result.flipped_share > 0.1
    assert any("of the present labels depend on the class balance" in note for note in result.notes)


def test_without_gold_agreement_is_enough_for_independent_functions():
    result = fit_label_model(VOTES, BALANCE, settings=LabelModelSettings(mean_bout_s=1.0))
    assert ((probabilities(result) > 0.5) == STATES).mean() > 0.97
    assert result.calibration.method == "none"
    assert any(note.startswith("No gold:") for note in result.notes)


def test_a_function_that_always_abstains_is_dropped(fitted):
    silent = [replace(one, votes=np.insert(one.votes, 1, -1, axis=1)) for one in [*GOLD, *VOTES]]
    result = fit_label_model(silent[4:], BALANCE, gold=silent[:4], functions=["a", "silent", "b", "c", "d"])
    assert result.dropped == ("silent",)
    assert result.functions == ("a", "b", "c", "d")
    assert result.notes[0] == "silent abstains on every frame and takes no part."
    np.testing.assert_array_equal(probabilities(result, silent[4:]), probabilities(fitted))


def test_frames_without_any_vote_have_a_probability(fitted):
    blank = replace(VOTES[0], votes=np.full((500, 4), -1, dtype=np.int8))
    (one,) = fitted.posterior([blank])
    assert np.isfinite(one.probability).all()
    assert one.probability.max() < 0.5
    (empty,) = fitted.posterior([replace(VOTES[0], votes=np.zeros((0, 4), dtype=np.int8))])
    assert empty.probability.size == 0


def test_labeled_frames_of_the_votes_take_no_part():
    # In-sample votes on gold frames: right everywhere, and not to be learned from.
    flattered = [replace(one, votes=np.repeat(one.states[:, None], 4, axis=1)) for one in GOLD]
    one, other = (fit_label_model(votes, BALANCE, gold=GOLD) for votes in (VOTES, [*VOTES, *flattered]))
    for rates, others in zip(one.rates, other.rates, strict=True):
        np.testing.assert_allclose(rates.rates, others.rates, atol=1e-4)


def test_smoothing_and_calibration_can_be_left_out():
    result = fit_label_model(VOTES, BALANCE, gold=GOLD, settings=LabelModelSettings(smoothing=False, calibration=False))
    assert not result.smoothed
    assert result.reliability_before is None
    np.testing.assert_allclose(probabilities(result), expit(np.concatenate(result.models[1].frame_log_odds(VOTES))))
    assert not any("calibrated" in note for note in result.notes)


def test_gold_without_complete_bouts_is_judged_frame_by_frame():
    gold = [replace(one, states=np.where(one.states == 1, 1, -1)) for one in GOLD]
    result = fit_label_model(VOTES, BALANCE, gold=gold)
    assert not result.smoothed
    assert any(note.startswith("Nothing says how long a bout lasts") for note in result.notes)
    with pytest.raises(StudyError, match="set mean_bout_s"):
        result.posterior(VOTES, smoothed=True)


def test_the_same_input_gives_the_same_bytes(fitted):
    again = fit_label_model(VOTES, BALANCE, gold=GOLD, functions=["a", "b", "c", "d"])
    assert probabilities(fitted).tobytes() == probabilities(again).tobytes()
    assert fitted.notes == again.notes


def test_rates_are_told_by_name_with_looks_and_durations(fitted):
    assert [one.function for one in fitted.rates] == ["a", "b", "c", "d"]
    for one in fitted.rates:
        np.testing.assert_allclose(one.rates.sum(axis=1), 1)
        assert ((one.low <= one.rates) & (one.rates <= one.high)).all()
        assert one.skill > 0.25
        assert one.weight == pytest.approx(1, abs=0.2)
        assert one.error_s.mean() == pytest.approx(0.2, rel=0.5)
        assert (one.n_looks < 48_000 / 3).all()


@pytest.mark.parametrize(
    ("votes", "gold", "names", "message"),
    [
        ([], [], None, "found no votes"),
        ([replace(one, votes=one.votes[:, :0]) for one in VOTES], [], None, "found no labeling function"),
        ([replace(one, votes=np.full_like(one.votes, -1)) for one in VOTES], GOLD, None, "abstain on every frame"),
        (VOTES, [replace(GOLD[0], votes=GOLD[0].votes[:, :2])], None, "gold votes: found 2 functions in .* and 4"),
        (VOTES, [GOLD[0], replace(GOLD[0], states=1 - GOLD[0].states)], None, "contradictory gold labels: 8000 frames"),
        (VOTES, GOLD, ["a", "b"], "found 2 names, 2 of them different, of 4 labeling functions"),
        (VOTES, GOLD, ["a", "b", "c", "a"], "found 4 names, 3 of them different"),
        (
            [replace(one, votes=one.votes[:, :2]) for one in VOTES],
            [],
            None,
            "2 labeling functions that vote, and no gold frame, expected gold frames, or at least 3",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused(votes, gold, names, message):
    with pytest.raises(LabelError, match=message):
        fit_label_model(votes, BALANCE, gold=gold, functions=names)


def test_votes_of_other_functions_are_refused(fitted):
    with pytest.raises(LabelError, match="found votes of 2 functions, expected 4, those that the label model"):
        fitted.posterior([replace(VOTES[0], votes=VOTES[0].votes[:, :2])])


def test_a_balance_is_needed_that_leaves_room():
    with pytest.raises(StudyError, match="expected 0 < low"):
        fit_label_model(VOTES, ClassBalance(0.0, 0.0, 0.1, "nobody"), gold=GOLD)


def test_the_balance_is_the_prior():
    settings = LabelModelSettings(calibration=False, smoothing=False, hold_balance=False, gold_strength=np.inf)
    rare, common = (
        fit_label_model(VOTES, stated_balance(share, share, share), gold=GOLD, settings=settings)
        for share in (0.01, 0.3)
    )
    shift = logit(probabilities(common)) - logit(probabilities(rare))
    np.testing.assert_allclose(shift, logit(0.3) - logit(0.01), atol=0.02)


def test_probabilities_that_contradict_the_balance_are_moved_to_it():
    # On the recordings that nobody labeled, the functions raise twice the false alarms.
    louder = [
        replace(one, when_absent=(silent, no - 0.1, yes + 0.1))
        for one in FUNCTIONS
        for silent, no, yes in [one.when_absent]
    ]
    votes = [
        replace(one, states=None)
        for one in simulate_votes(louder, BoutChain(1.0, SHARE), n_recordings=4, n_frames=8000, seed=3)
    ]
    settings = LabelModelSettings(smoothing=False, gold_strength=np.inf)
    held = fit_label_model(votes, BALANCE, gold=GOLD, settings=settings)
    free = fit_label_model(votes, BALANCE, gold=GOLD, settings=replace(settings, hold_balance=False))
    assert probabilities(free, votes).mean() > BALANCE.high
    assert probabilities(held, votes).mean() == pytest.approx(SHARE)
    # The ranking of frames stays, and so do the ends of the balance.
    assert (np.argsort(probabilities(held, votes)) == np.argsort(probabilities(free, votes))).all()
    assert np.concatenate([one.high for one in held.posterior(votes)]).mean() == pytest.approx(BALANCE.high, rel=0.02)


def test_probabilities_that_agree_with_the_balance_stay(fitted):
    assert fitted.by_frame.shifts == fitted.by_bout.shifts == (0.0, 0.0, 0.0)
