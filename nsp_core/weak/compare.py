"""The label model beside what it has to beat: the best single function, a majority and a weighted vote.

All are judged on the same frames, which none of them has seen, weighted to the class balance. Each decides in its own
way: a vote by its majority, a model where its probability is at least one half. The weights of the weighted vote are
the log odds of each function's accuracy on gold, taken for the same in both states; abstaining says nothing. The label
model adds rates given the state, abstention, dependence and time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score

from nsp_core.errors import LabelError
from nsp_core.labels import ABSENT, PRESENT, UNLABELED
from nsp_core.weak.balance import ClassBalance
from nsp_core.weak.bout_smoothing import BoutChain, complete_bouts_s
from nsp_core.weak.calibrate import balance_weights, reliability
from nsp_core.weak.gold_weights import gold_weights
from nsp_core.weak.held_out import gold_folds
from nsp_core.weak.label_model import LabelModelResult, LabelModelSettings, fit_label_model
from nsp_core.weak.rates import rates_of_counts
from nsp_core.weak.vote_model import UNKNOWN_BOUT_S
from nsp_core.weak.votes import VoteSequence, check_gold, check_votes

__all__ = ["ComparedModel", "LabelModelScores", "compare_label_models", "score_labels"]

ComparedModel = Literal[
    "best single function", "majority vote", "weighted vote", "label model, frame by frame", "label model, over bouts"
]
COMPARED: tuple[ComparedModel, ...] = get_args(ComparedModel)
# An accuracy is never taken for more certain than this.
MOST_ACCURATE = 0.99

Series = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LabelModelScores:
    """How good labels are, on frames weighted to the class balance.

    Attributes
    ----------
    model
        What made them.
    f1
        Of the decisions, 0 to 1.
    ap
        Average precision of the ranking, 0 to 1; a constant reaches the class balance.
    brier
        Mean squared distance of probability and state, 0 to 1.
    ece
        Expected calibration error, 0 to 1.
    """

    model: str
    f1: float
    ap: float
    brier: float
    ece: float


@dataclass(frozen=True, slots=True, eq=False)
class _Labels:
    """Decisions, ranking and probabilities (frame,) of one model."""

    present: NDArray[np.bool_]
    score: Series
    probability: Series


def compare_label_models(
    votes: Sequence[VoteSequence],
    gold: Sequence[VoteSequence],
    balance: ClassBalance,
    *,
    test: Sequence[VoteSequence] | None = None,
    settings: LabelModelSettings | None = None,
) -> tuple[LabelModelScores, ...]:
    """Return the scores of five ways to make labels from votes, in the order of :data:`COMPARED`.

    Parameters
    ----------
    votes, gold, balance, settings
        As for :func:`nsp_core.weak.label_model.fit_label_model`; gold is needed.
    test
        Labeled sequences to be judged on. None: gold itself, held out by recording.

    Returns
    -------
    Scores. That over bouts is left out where nothing says how long a bout lasts.

    Raises
    ------
    LabelError
        If gold is missing, or what is judged lacks one of the states.

    Examples
    --------
    A majority of noisy functions is better than any of them, and neighboring frames help:

    >>> from nsp_core.weak.balance import stated_balance
    >>> from nsp_core.weak.simulated_votes import PlantedFunction, simulate_votes
    >>> planted = [PlantedFunction((0.0, 0.8, 0.2), (0.0, 0.2, 0.8))] * 5
    >>> truth = simulate_votes(planted, BoutChain(1.0, 0.5), n_recordings=4, n_frames=3000, seed=1)
    >>> votes = [VoteSequence(one.recording, one.votes, one.fps) for one in truth]
    >>> table = compare_label_models(votes, truth[:2], stated_balance(0.5, 0.4, 0.6), test=truth[2:])
    >>> single, majority, _, frames, bouts = (one.brier for one in table)
    >>> single > frames > bouts
    True
    """
    settings = settings or LabelModelSettings()
    check_votes(votes, where="votes")
    check_gold(gold)
    _check_states(gold, "gold")
    if test is not None:
        _check_states(test, "test frames")
    pairs = gold_folds(gold, settings.n_folds) if test is None else [(list(gold), list(test))]
    judged = [one for _, held_out in pairs for one in held_out]
    labels: dict[str, list[_Labels]] = {}
    for fitted, held_out in pairs:
        result = fit_label_model(votes, balance, gold=fitted, settings=settings)
        for model, own in _labels_of_models(result, fitted, held_out, balance.share).items():
            labels.setdefault(model, []).append(own)
    states = np.concatenate([one.known_states[one.known_states != UNLABELED] for one in judged])
    stands_for = _stands_for(judged, gold, balance.share, settings) if test is None else np.ones(len(states))
    return tuple(
        _scores(model, _joined(parts), states, balance.share, stands_for)
        for model, parts in labels.items()
        if len(parts) == len(pairs)
    )


def score_labels(
    model: str,
    present: NDArray[np.bool_],
    score: Series,
    probability: Series,
    states: NDArray[np.integer],
    share: float,
    stands_for: Series | None = None,
) -> LabelModelScores:
    """Return the scores of one model's labels on labeled frames.

    Parameters
    ----------
    model
        Its name.
    present
        Shape (frame,): its decisions.
    score, probability
        Shape (frame,): what frames are ranked by, and the probability of presence.
    states
        Shape (frame,): present or absent.
    share
        Class balance to which frames are weighted.
    stands_for
        Shape (frame,): weights within a state; None: all the same.

    Examples
    --------
    Half of the behavior found and no false alarm:

    >>> found = np.array([True, False, False, False])
    >>> scores = score_labels("half", found, found * 1.0, found * 1.0, np.array([1, 1, 0, 0]), share=0.5)
    >>> round(scores.f1, 4), scores.ap, scores.brier
    (0.6667, 0.75, 0.25)
    """
    weights = balance_weights(states, share, stands_for)
    is_present = states == PRESENT
    found, false = weights @ (present & is_present), weights @ (present & ~is_present)
    held = reliability(probability, states, share, stands_for)
    return LabelModelScores(
        model,
        f1=float(2 * found / (found + false + share)),
        ap=float(average_precision_score(is_present, score, sample_weight=weights)),
        brier=held.brier,
        ece=held.ece,
    )


def _labels_of_models(
    result: LabelModelResult, fitted: Sequence[VoteSequence], held_out: Sequence[VoteSequence], share: float
) -> dict[str, _Labels]:
    known = [one.known_states != UNLABELED for one in held_out]
    votes = np.concatenate([one.votes[:, result.kept][own] for one, own in zip(held_out, known, strict=True)])
    rates = rates_of_counts(result.models[1].gold_counts)
    labels: list[_Labels] = [
        _single(votes, rates, _best_function(fitted, result.kept, share), share),
        _majority(votes, share),
        _weighted(votes, rates, share),
    ]
    for smoothed in (False, True):
        if smoothed and result.mean_bout_s is None:
            continue
        posteriors = result.posterior(held_out, smoothed=smoothed)
        labels.append(
            _probable(np.concatenate([one.probability[own] for one, own in zip(posteriors, known, strict=True)]))
        )
    return dict(zip(COMPARED, labels, strict=False))


def _best_function(gold: Sequence[VoteSequence], kept: Sequence[int], share: float) -> int:
    """Return the place of the function with the best F1 on gold."""
    states = np.concatenate([one.known_states[one.known_states != UNLABELED] for one in gold])
    votes = np.concatenate([one.votes[:, list(kept)][one.known_states != UNLABELED] for one in gold])
    weights = balance_weights(states, share)
    found = weights @ ((votes == PRESENT) & (states == PRESENT)[:, None])
    called = weights @ (votes == PRESENT)
    return int(np.argmax(2 * found / (called + share)))


def _single(votes: NDArray[np.integer], rates: Series, place: int, share: float) -> _Labels:
    vote = votes[:, place]
    table = np.log(rates[place, 1]) - np.log(rates[place, 0])
    return _Labels(
        vote == PRESENT,
        np.where(vote == PRESENT, 1.0, np.where(vote == ABSENT, -1.0, 0.0)),
        expit(float(logit(share)) + table[vote.astype(np.int64) + 1]),
    )


def _majority(votes: NDArray[np.integer], share: float) -> _Labels:
    """Return the majority's labels; their probability is the share of votes for presence, the balance without any."""
    n_present, n_absent = (votes == PRESENT).sum(axis=1), (votes == ABSENT).sum(axis=1)
    n_votes = n_present + n_absent
    probability = np.where(n_votes > 0, n_present / np.maximum(n_votes, 1), share)
    return _Labels(n_present > n_absent, probability, probability)


def _weighted(votes: NDArray[np.integer], rates: Series, share: float) -> _Labels:
    cast = rates[:, :, 1:] / rates[:, :, 1:].sum(axis=2, keepdims=True)
    accuracy = np.clip((cast[:, 0, 0] + cast[:, 1, 1]) / 2, 1 - MOST_ACCURATE, MOST_ACCURATE)
    lead = (votes == PRESENT) * 1.0 - (votes == ABSENT)
    return _probable(expit(float(logit(share)) + lead @ logit(accuracy)))


def _probable(probability: Series) -> _Labels:
    return _Labels(probability >= 0.5, probability, probability)


def _joined(parts: Sequence[_Labels]) -> _Labels:
    return _Labels(
        np.concatenate([one.present for one in parts]),
        np.concatenate([one.score for one in parts]),
        np.concatenate([one.probability for one in parts]),
    )


def _scores(
    model: str, labels: _Labels, states: NDArray[np.integer], share: float, stands_for: Series
) -> LabelModelScores:
    return score_labels(model, labels.present, labels.score, labels.probability, states, share, stands_for)


def _stands_for(
    judged: Sequence[VoteSequence], gold: Sequence[VoteSequence], share: float, settings: LabelModelSettings
) -> Series:
    bouts_s = complete_bouts_s(gold)
    mean_bout_s = settings.mean_bout_s or (float(bouts_s.mean()) if bouts_s.size else UNKNOWN_BOUT_S)
    whole = gold_weights(gold, BoutChain(mean_bout_s, share)).frames
    weight_of = {(one.recording, one.participants): own for one, own in zip(gold, whole, strict=True)}
    return np.concatenate([weight_of[one.recording, one.participants][one.known_states != UNLABELED] for one in judged])


def _check_states(sequences: Sequence[VoteSequence], what: str) -> None:
    states = np.concatenate([np.zeros(0, dtype=np.int8), *(one.known_states for one in sequences)])
    n_present, n_absent = int((states == PRESENT).sum()), int((states == ABSENT).sum())
    if not n_present or not n_absent:
        raise LabelError(
            found=f"{n_present} present and {n_absent} absent frames",
            expected="frames of both states",
            where=f"comparison of label models, {what}",
            remedy="annotate bouts together with some absent frames around them",
        )
