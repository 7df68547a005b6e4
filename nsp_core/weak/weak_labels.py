"""Labels for every frame beside those of a few annotated bouts.

Labeling functions vote on all frames, the label model turns votes into a probability, and a frame that nobody annotated
is learned from as what it probably is, weighted by how sure that is. Nothing is judged by such a frame; whether labels
of this kind help is asked in :mod:`nsp_core.weak.with_and_without`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nsp_core.errors import LabelError
from nsp_core.labels import UNLABELED
from nsp_core.search.beam import SearchProgress
from nsp_core.sequences import LabeledSequence
from nsp_core.weak.balance import ClassBalance
from nsp_core.weak.few_bouts import weighted_to_balance
from nsp_core.weak.label_model import LabelModelResult, LabelModelSettings, fit_label_model
from nsp_core.weak.labeling import LabelingFunctions, LabelingSettings, find_labeling_functions, votes_of
from nsp_core.weak.posterior import FramePosterior
from nsp_core.weak.votes import VoteSequence

__all__ = ["FEWEST_FUNCTIONS", "WeakLabelSettings", "WeakLabels", "beside_gold", "label_weakly"]

# With two functions nothing says which of them errs where they differ.
FEWEST_FUNCTIONS = 3
# A weight of zero would take a frame for one that is not there.
LEAST_WEIGHT = 1e-4
HALF = 0.5

Report = Callable[[SearchProgress], None]


@dataclass(frozen=True, slots=True)
class WeakLabelSettings:
    """What a person may choose.

    Attributes
    ----------
    labeling
        How labeling functions are found.
    label_model
        How votes become probabilities.
    """

    labeling: LabelingSettings = field(default_factory=LabelingSettings)
    label_model: LabelModelSettings = field(default_factory=LabelModelSettings)


@dataclass(frozen=True, slots=True, eq=False)
class WeakLabels:
    """Labels of every frame, and where they come from.

    Attributes
    ----------
    functions
        The labeling functions.
    model
        What the label model says of them.
    posteriors
        Probability of presence on every frame of each sequence; what persons annotated did not enter here.
    sequences
        The sequences with weak labels beside those that persons gave, to be learned from.
    """

    functions: LabelingFunctions
    model: LabelModelResult
    posteriors: tuple[FramePosterior, ...]
    sequences: tuple[LabeledSequence, ...]


def label_weakly(
    sequences: Sequence[LabeledSequence],
    balance: ClassBalance,
    *,
    seed: int,
    settings: WeakLabelSettings | None = None,
    report: Report = lambda progress: None,
) -> WeakLabels:
    """Return labels for every frame of ``sequences`` from the few that persons gave.

    Parameters
    ----------
    sequences
        Recordings of which some frames are annotated. Weights are not used.
    balance
        Share of all frames in which the behavior is present, with its interval.
    seed
        Drives the sampling of rows.
    settings
        What a person may choose; None takes the defaults.
    report
        Called as the search for labeling functions goes on.

    Raises
    ------
    LabelError
        If the annotated frames lack a state or hold too little to be divided, a recording has no frame rate, fewer
        than three labeling functions are found, or all of them always abstain.
    """
    settings = settings or WeakLabelSettings()
    weighted = weighted_to_balance(sequences, balance.share)
    found = find_labeling_functions(weighted, balance.share, seed=seed, settings=settings.labeling, report=report)
    _require_enough_functions(found)
    # What a function says of frames it was fitted to shows nothing of its errors: gold comes from its held-out copies.
    votes = [replace(one, states=None) for one in votes_of(found.functions, weighted)]
    gold = _gold(found.held_out, votes)
    model = fit_label_model(
        _outside(votes, gold),
        balance,
        gold=gold,
        functions=[f"function {place + 1}" for place in range(len(found.functions))],
        settings=settings.label_model,
    )
    posteriors = tuple(model.posterior(votes))
    return WeakLabels(found, model, posteriors, beside_gold(weighted, posteriors))


def beside_gold(
    sequences: Sequence[LabeledSequence],
    posteriors: Sequence[FramePosterior],
    *,
    left_out: Sequence[NDArray[np.bool_]] | None = None,
) -> tuple[LabeledSequence, ...]:
    """Return ``sequences`` with what frames probably are, wherever no person said it.

    Parameters
    ----------
    sequences
        Sequences with weights.
    posteriors
        Probability of presence on their frames.
    left_out
        Per sequence, shape (time,): True on frames that get no label. None: nowhere.

    Examples
    --------
    A frame that is present with a probability of 0.9 weighs 0.8, one of 0.5 next to nothing:

    >>> from nsp_core.units import Unit
    >>> states = np.array([1, -1, -1], dtype=np.int8)
    >>> one = LabeledSequence("day1", np.zeros((3, 1), np.float32), states, ("speed",), (Unit(),), 30.0)
    >>> probability = np.array([0.2, 0.9, 0.5])
    >>> labeled, = beside_gold([one], [FramePosterior("day1", "", probability, probability, probability)])
    >>> labeled.states.tolist(), labeled.weak.tolist(), labeled.weights.round(4).tolist()
    ([1, 1, 1], [False, True, True], [1.0, 0.800000011920929, 9.999999747378752e-05])
    """
    labeled = []
    for place, (one, posterior) in enumerate(zip(sequences, posteriors, strict=True)):
        weak = one.gold_states == UNLABELED
        if left_out is not None:
            weak &= ~left_out[place]
        probability = posterior.probability
        weights = np.ones(one.states.size, dtype=np.float32) if one.weights is None else one.weights
        sure = np.maximum(np.abs(2 * probability - 1), LEAST_WEIGHT).astype(np.float32)
        labeled.append(
            replace(
                one,
                states=np.where(weak, (probability >= HALF).astype(np.int8), one.gold_states),
                weights=np.where(weak, sure, weights),
                weak=weak,
            )
        )
    return tuple(labeled)


def _require_enough_functions(found: LabelingFunctions) -> None:
    if len(found.functions) < FEWEST_FUNCTIONS:
        raise LabelError(
            found=f"{len(found.functions)} labeling functions",
            expected=f"at least {FEWEST_FUNCTIONS}, for fewer cannot show where one of them errs",
            where="labeling functions",
            remedy="annotate more bouts, allow more complex functions, or compute more features",
        )


def _gold(held_out: Sequence[VoteSequence], votes: Sequence[VoteSequence]) -> list[VoteSequence]:
    """Return annotated recordings, with held-out votes on annotated frames and the functions' own around them."""
    merged: dict[int, VoteSequence] = {}
    for part in held_out:
        place = int(part.participants)
        before = merged.get(place, replace(votes[place], states=votes[place].known_states))
        known = part.known_states != UNLABELED
        merged[place] = replace(
            before,
            votes=np.where(known[:, None], part.votes, before.votes),
            states=np.where(known, part.known_states, before.known_states),
        )
    return [merged[place] for place in sorted(merged)]


def _outside(votes: Sequence[VoteSequence], gold: Sequence[VoteSequence]) -> list[VoteSequence]:
    """Return ``votes`` with the states of ``gold``: those frames count through it."""
    states = {one.participants: one.states for one in gold}
    return [replace(one, states=states.get(one.participants)) for one in votes]
