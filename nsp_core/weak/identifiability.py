"""What votes and gold frames cannot tell, in sentences.

Agreement alone does not say who is right. What a label model says rests on assumptions where votes leave it open, and
whoever uses the labels has to know which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from nsp_core.labels import ABSENT, PRESENT
from nsp_core.weak.balance import ClassBalance
from nsp_core.weak.calibrate import Calibration
from nsp_core.weak.rates import rates_of_counts, skill
from nsp_core.weak.vote_model import FEWEST_CLUSTERS, LabelModelSettings, VoteModel
from nsp_core.weak.votes import ABSTAINS, VotePatterns, VoteSequence, count_patterns

__all__ = ["identifiability_notes"]

FLIPPED_SHARE = 0.1
# A gold interval this wide is left only by frames that gold does not stand for.
GOLD_CONFIDENCE = 0.99
FEW_LOOKS = 10.0
HIGH_CORRELATION = 0.3
"""Dependence below this goes unseen without much harm."""


def identifiability_notes(
    model: VoteModel,
    functions: Sequence[str],
    dropped: Sequence[str],
    votes: Sequence[VoteSequence],
    gold: Sequence[VoteSequence],
    balance: ClassBalance,
    settings: LabelModelSettings,
    calibration: Calibration,
    flipped_share: float,
) -> tuple[str, ...]:
    """Return one sentence per thing that votes and gold leave open; empty if there is none.

    Parameters
    ----------
    model
        The model at the stated balance.
    functions, dropped
        Names of the functions that take part and of those that always abstain.
    votes, gold
        Of the functions that take part.
    balance, settings, calibration, flipped_share
        As in the result of the label model.
    """
    told = _Told(model, tuple(functions), count_patterns(votes, gold), settings)
    notes = [f"{name} abstains on every frame and takes no part." for name in dropped]
    notes += [*_few_functions(told), *_silent_functions(told), *_gold_amount(told), *_refinement(told)]
    if flipped_share > FLIPPED_SHARE:
        notes.append(
            f"{flipped_share:.0%} of the present labels depend on the class balance: present at one end of "
            f"{balance.low:.3g} to {balance.high:.3g} and absent at the other. Annotate a few spans exhaustively."
        )
    if settings.smoothing and model.mean_bout_s is None:
        notes.append(
            "Nothing says how long a bout lasts: frames are judged one by one. Annotate the absent frames around a few "
            "bouts, or set mean_bout_s."
        )
    if settings.calibration and calibration.method == "none":
        notes.append(f"Probabilities are not calibrated: {calibration.reason}.")
    return tuple(notes)


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """What there is to judge by."""

    model: VoteModel
    functions: tuple[str, ...]
    patterns: VotePatterns
    settings: LabelModelSettings

    @property
    def n_gold(self) -> NDArray[np.float64]:
        """Shape (state,)."""
        return np.asarray(self.patterns.n_gold.sum(axis=0))

    def named(self, places: Sequence[int] | NDArray[np.integer]) -> str:
        """Return names, joined."""
        return _listed([self.functions[place] for place in places])


def _few_functions(told: _Told) -> list[str]:
    n_functions, clusters = len(told.functions), told.model.dependence.clusters
    copies = told.model.dependence.copies
    notes = []
    if n_functions < FEWEST_CLUSTERS:
        notes.append(
            f"With {n_functions} labeling function{'s' * (n_functions > 1)} agreement says nothing of who is right: "
            "rates come from gold alone."
        )
    elif len(clusters) == 1:
        notes.append(
            f"All {n_functions} labeling functions err together, so that their agreement says little; add functions "
            "that use other features."
        )
    elif len(clusters) < FEWEST_CLUSTERS:
        notes.append(
            f"The {n_functions} labeling functions err in {len(clusters)} groups ("
            + "; ".join(told.named(one) for one in clusters)
            + f"); agreement tells who is right from {FEWEST_CLUSTERS} independent groups on."
        )
    for place in np.flatnonzero(copies > 1):
        same = np.flatnonzero((told.patterns.votes == told.patterns.votes[:, [place]]).all(axis=0))
        if place == same[0]:
            notes.append(f"{told.named(same)} never disagree: together they count as one function.")
    return notes


def _silent_functions(told: _Told) -> list[str]:
    every = told.patterns.n_unlabeled + told.patterns.n_gold.sum(axis=1)
    votes, copies = told.patterns.votes, told.model.dependence.copies
    notes = []
    for place, name in enumerate(told.functions):
        cast = np.unique(votes[(votes[:, place] != ABSTAINS) & (every > 0), place])
        if cast.size == 1 and (votes[:, place] != ABSTAINS).all():
            notes.append(
                f"{name} votes {'present' if cast[0] == PRESENT else 'absent'} on every frame: it says nothing."
            )
            continue
        both = (votes[:, [place]] != ABSTAINS) & (votes != ABSTAINS)
        both[:, place] = False
        differs = both & (votes[:, [place]] != votes)
        if len(told.functions) > 1 and copies[place] == 1 and not differs.any():
            notes.append(f"{name} never disagrees with another function: votes alone do not show its errors.")
        gold_votes = told.patterns.n_gold.sum(axis=1)[votes[:, place] != ABSTAINS].sum()
        if told.n_gold.sum() and not gold_votes:
            notes.append(f"{name} abstains on every gold frame: its rates rest on agreement with the others.")
    return notes


def _gold_amount(told: _Told) -> list[str]:
    absent, present = told.n_gold
    if not absent and not present:
        return ["No gold: rates rest on agreement and on the labeling functions being better than chance on average."]
    notes: list[str] = []
    for n_frames, missing in ((absent, "absent"), (present, "present")):
        if not n_frames:
            notes.append(
                f"No gold frame is {missing}: the rates on {missing} frames follow from the class balance and all "
                "votes."
            )
    smallest = float(told.model.dependence.noticeable)
    if len(told.functions) > 1 and smallest > HIGH_CORRELATION:
        notes.append(
            f"Gold is too little to see functions err together unless their votes correlate above {smallest:.2f}: "
            "weaker dependence would make the labels too certain."
        )
    fixed = told.model.gold_counts.sum(axis=2) - told.settings.n_pseudo
    for place, state in ((ABSENT, "absent"), (PRESENT, "present")):
        fewest = float(fixed[:, place].min())
        if 0 < fewest < FEW_LOOKS:
            looks = "a single independent look" if round(fewest) <= 1 else f"{fewest:.0f} independent looks"
            notes.append(f"Gold has only {looks} at {state} frames: rates are uncertain, see their intervals.")
    return notes


def _refinement(told: _Told) -> list[str]:
    model = told.model
    better = skill(model.rates)
    notes = []
    if model.turned:
        notes.append(
            "Agreement alone was first taken the wrong way round, with most functions below chance, and was turned."
        )
    if not model.converged:
        notes.append(f"Expectation maximization had not come to rest after {model.n_iterations} iterations.")
    if told.n_gold.all():
        of_gold = skill(rates_of_counts(model.gold_counts))
        notes += [
            f"{told.functions[place]} is better than chance on gold and worse on unlabeled frames, as far as agreement "
            "tells: gold may not stand for the recordings."
            for place in np.flatnonzero((better < 0) & (of_gold > 0))
        ]
        notes += [
            f"{told.functions[place]} is worse than chance on gold."
            for place in np.flatnonzero((better < 0) & (of_gold <= 0))
        ]
        moved = _moved(model)
        if moved.size:
            notes.append(
                f"Unlabeled frames moved the rates of {told.named(moved)} beyond what gold allows: gold may not stand "
                "for the recordings, or functions err together in a way that gold does not show."
            )
    else:
        notes += [f"{told.functions[place]} is worse than chance." for place in np.flatnonzero(better < 0)]
    return notes


def _moved(model: VoteModel) -> NDArray[np.intp]:
    """Return the functions of which a rate lies outside its interval by gold."""
    total = model.gold_counts.sum(axis=2, keepdims=True)
    tail = (1 - GOLD_CONFIDENCE) / 2 / model.gold_counts.size
    low, high = (stats.beta.ppf(one, model.gold_counts, total - model.gold_counts) for one in (tail, 1 - tail))
    return np.flatnonzero(((model.rates < low) | (model.rates > high)).any(axis=(1, 2)))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
