"""What votes and gold cannot tell is said, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nsp_core.weak.balance import stated_balance
from nsp_core.weak.bout_smoothing import BoutChain
from nsp_core.weak.label_model import LabelModelSettings, fit_label_model
from nsp_core.weak.simulated_votes import PlantedFunction, simulate_votes, with_chosen_gold

SHARE = 0.2
BALANCE = stated_balance(SHARE, 0.18, 0.22)
GOOD = PlantedFunction((0.1, 0.8, 0.1), (0.1, 0.2, 0.7))
NAMES = ["near", "slow", "facing", "still", "fast"]


def notes_of(functions, *, gold=None, balance=BALANCE, change=None, settings=None, n_frames=6000):
    truth = simulate_votes(functions, BoutChain(1.0, SHARE), n_recordings=6, n_frames=n_frames, seed=0)
    if change is not None:
        truth = [replace(one, votes=change(one.votes.copy(), one.states)) for one in truth]
    votes = [replace(one, states=None) for one in truth[3:]]
    chosen = truth[:3] if gold is None else gold(truth[:3])
    result = fit_label_model(votes, balance, gold=chosen, functions=NAMES[: len(functions)], settings=settings)
    return result.notes


def test_enough_independent_functions_and_gold_leave_nothing_to_say():
    assert notes_of([GOOD] * 4) == ()


@pytest.mark.parametrize(("n", "said"), [(1, "With 1 labeling function agreement"), (2, "With 2 labeling functions")])
def test_fewer_than_three_functions(n, said):
    assert notes_of([GOOD] * n)[0].startswith(said)


def test_functions_that_all_err_together():
    copy = replace(GOOD, copies=0, copied_share=0.8)
    assert notes_of([GOOD, copy, copy])[0].startswith("All 3 labeling functions err together")


def test_functions_in_two_groups():
    copy = replace(GOOD, copies=0, copied_share=0.8)
    (note, *_) = notes_of([GOOD, copy, GOOD])
    assert note.startswith("The 3 labeling functions err in 2 groups (near and slow; facing); agreement tells")


def test_copies_and_constants_and_those_that_never_disagree():
    def change(votes, states):
        votes[:, 1] = votes[:, 0]
        votes[:, 2] = 0
        return votes

    notes = notes_of([GOOD] * 5, change=change)
    assert "near and slow never disagree: together they count as one function." in notes
    assert "facing votes absent on every frame: it says nothing." in notes

    def agree(votes, states):
        votes[:, 4] = np.where((votes[:, :4] == 1).all(axis=1), 1, -1)
        return votes

    notes = notes_of([GOOD] * 5, change=agree)
    assert "fast never disagrees with another function: votes alone do not show its errors." in notes


def test_a_function_that_is_silent_on_gold():
    truth = simulate_votes([GOOD] * 4, BoutChain(1.0, SHARE), n_recordings=4, n_frames=5000, seed=0)
    gold = [replace(one, votes=np.where(np.arange(4) == 2, -1, one.votes)) for one in truth[:2]]
    votes = [replace(one, states=None) for one in truth[2:]]
    notes = fit_label_model(votes, BALANCE, gold=gold, functions=NAMES[:4]).notes
    assert "facing abstains on every gold frame: its rates rest on agreement with the others." in notes


@pytest.mark.parametrize(("state", "missing"), [(1, "absent"), (0, "present")])
def test_gold_of_one_state(state, missing):
    notes = notes_of(
        [GOOD] * 3, gold=lambda truth: [replace(one, states=np.where(one.states == state, state, -1)) for one in truth]
    )
    assert (
        f"No gold frame is {missing}: the rates on {missing} frames follow from the class balance and all votes."
        in notes
    )


def test_no_gold():
    assert any(note.startswith("No gold: rates rest on agreement") for note in notes_of([GOOD] * 4, gold=lambda _: []))


def test_little_gold():
    lasting = replace(GOOD, error_s=1.0)
    notes = notes_of([lasting] * 4, gold=lambda truth: with_chosen_gold(truth, 1, 1.0), n_frames=4000)
    assert any(note.startswith("Gold has only ") and "independent looks at present frames" in note for note in notes)
    assert any(note.startswith("Gold is too little to see functions err together") for note in notes)
    assert any(note.startswith("Probabilities are not calibrated: gold that can be held out has") for note in notes)


def test_gold_that_does_not_stand_for_the_recordings():
    # On gold frames the first function is right, elsewhere it votes the other way round.
    truth = simulate_votes([GOOD] * 4, BoutChain(1.0, SHARE), n_recordings=6, n_frames=6000, seed=0)
    flip = np.array([True, False, False, False])
    votes = [
        replace(one, states=None, votes=np.where(flip & (one.votes >= 0), 1 - one.votes, one.votes))
        for one in truth[3:]
    ]
    gold = with_chosen_gold(truth[:3], 6, 2.0)
    settings = LabelModelSettings(gold_strength=0)
    notes = fit_label_model(votes, BALANCE, gold=gold, functions=NAMES[:4], settings=settings).notes
    assert any(note.startswith("near is better than chance on gold and worse on unlabeled frames") for note in notes)
    assert any(note.startswith("Unlabeled frames moved the rates of near beyond what gold allows") for note in notes)


def test_a_function_below_chance():
    wrong = PlantedFunction((0.1, 0.2, 0.7), (0.1, 0.7, 0.2))
    assert "still is worse than chance on gold." in notes_of([GOOD, GOOD, GOOD, wrong])
    assert "still is worse than chance." in notes_of([GOOD, GOOD, GOOD, wrong], gold=lambda _: [])
