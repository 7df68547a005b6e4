"""What the label model says of gold frames that it has not seen: by recording, or by stretches of the only one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from nsp_core.evaluate.splits import folds, natural_key
from nsp_core.labels import UNLABELED
from nsp_core.weak.bout_smoothing import BoutChain
from nsp_core.weak.calibrate import FEWEST_LOOKS, Calibration, Reliability, fit_calibration, reliability
from nsp_core.weak.gold_weights import gold_weights
from nsp_core.weak.vote_model import FEWEST_CLUSTERS, UNKNOWN_BOUT_S, LabelModelSettings, fit_vote_model
from nsp_core.weak.votes import VoteSequence

__all__ = ["HeldOutGold", "calibrate_held_out", "gold_folds", "held_out_gold", "looks_per_frame"]

ONLY_NEAR = "all absent gold lies close to bouts and shows no false alarm elsewhere; annotate some time without bouts"


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutGold:
    """Gold frames, each judged by a model that was fitted without it.

    Attributes
    ----------
    states
        Shape (frame,): present or absent.
    frame_log_odds, bout_log_odds
        Shape (frame,): from each frame's own votes, and from those of the whole sequence; the latter None where
        nothing says how long a bout lasts.
    looks
        Shape (frame,): independent looks per frame.
    weights
        Shape (frame,): how many frames it stands for, about 1 on average.
    far_looks
        Independent looks at absent frames far from every bout.
    fold
        Shape (frame,): the fold in which it was held out.
    """

    states: NDArray[np.int8]
    frame_log_odds: NDArray[np.float64]
    bout_log_odds: NDArray[np.float64] | None
    looks: NDArray[np.float64]
    weights: NDArray[np.float64]
    far_looks: float
    fold: NDArray[np.int64]


def gold_folds(gold: Sequence[VoteSequence], n_folds: int) -> list[tuple[list[VoteSequence], list[VoteSequence]]]:
    """Return pairs of gold to fit and gold held out; every labeled frame is held out once.

    Whole recordings are held out. Where only one has labels, its runs of equal states are, in contiguous groups. Empty
    where there is a single run, or nothing.

    Examples
    --------
    >>> votes = np.zeros((4, 1), dtype=np.int8)
    >>> gold = [VoteSequence(name, votes, 30.0, np.array([0, 0, 1, -1])) for name in ("a", "b", "c")]
    >>> [[one.recording for one in held_out] for _, held_out in gold_folds(gold, 2)]
    [['a', 'c'], ['b']]
    """
    labeled = [one for one in gold if (one.known_states != UNLABELED).any()]
    recordings = sorted({one.recording for one in labeled}, key=natural_key)
    if len(recordings) > 1:
        return [
            (
                [one for one in labeled if one.recording not in names],
                [one for one in labeled if one.recording in names],
            )
            for names in folds(recordings, min(n_folds, len(recordings)))
        ]
    runs = [_runs(one) for one in labeled]
    n_runs = sum(int(one.max()) + 1 for one in runs)
    n_folds = min(n_folds, n_runs)
    if n_folds < 2:
        return []
    before = np.cumsum([0, *(int(one.max()) + 1 for one in runs)])
    fold_of = [
        np.where(run < 0, -1, (run + first) * n_folds // n_runs) for run, first in zip(runs, before, strict=False)
    ]
    return [
        (
            [_masked(one, fold != number) for one, fold in zip(labeled, fold_of, strict=True)],
            [_masked(one, fold == number) for one, fold in zip(labeled, fold_of, strict=True)],
        )
        for number in range(n_folds)
    ]


def held_out_gold(
    votes: Sequence[VoteSequence],
    gold: Sequence[VoteSequence],
    share: float,
    settings: LabelModelSettings,
    error_s: float,
) -> HeldOutGold | None:
    """Return what models fitted without them say of the gold frames; None where too little can be held out.

    Parameters
    ----------
    votes, gold, share, settings
        As for :func:`nsp_core.weak.vote_model.fit_vote_model`.
    error_s
        Seconds an error lasts, which tells how many frames make an independent look.
    """
    stands_for = gold_weights(gold, BoutChain(settings.mean_bout_s or UNKNOWN_BOUT_S, share))
    weight_of = {(one.recording, one.participants): own for one, own in zip(gold, stands_for.frames, strict=True)}
    states, frame, bout, looks, weights, fold = [], [], [], [], [], []
    n_functions = votes[0].votes.shape[1]
    for number, (fitted, held_out) in enumerate(gold_folds(gold, settings.n_folds)):
        if not any((one.known_states != UNLABELED).any() for one in fitted) and n_functions < FEWEST_CLUSTERS:
            continue
        model = fit_vote_model(votes, fitted, share, settings)
        smoothed = model.bout_log_odds(held_out) if model.mean_bout_s is not None else None
        for place, (one, own) in enumerate(zip(held_out, model.frame_log_odds(held_out), strict=True)):
            known = one.known_states != UNLABELED
            states.append(one.known_states[known])
            frame.append(own[known])
            if smoothed is not None:
                bout.append(smoothed[place][known])
            looks.append(looks_per_frame(one, error_s)[known])
            weights.append(weight_of[one.recording, one.participants][known])
            fold.append(np.full(int(known.sum()), number))
    if not states:
        return None
    return HeldOutGold(
        np.concatenate(states),
        np.concatenate(frame),
        np.concatenate(bout) if len(bout) == len(states) else None,
        np.concatenate(looks),
        np.concatenate(weights),
        stands_for.far_s / error_s,
        np.concatenate(fold),
    )


def calibrate_held_out(
    held_out: HeldOutGold, log_odds: NDArray[np.float64], share: float
) -> tuple[Calibration, Reliability | None, Reliability | None]:
    """Return the calibration of ``log_odds`` (frame,), and how far probabilities hold before and after.

    The second figure is itself held out: each fold is corrected by what the others say. Both are None where gold lacks
    a state. There is no calibration where all absent gold lies close to bouts: how sure the model may be of a false
    alarm in between cannot be seen there.
    """
    evidence = log_odds - float(logit(share))
    looks = held_out.looks * held_out.weights
    everywhere = held_out.far_looks >= FEWEST_LOOKS

    def fitted(place: NDArray[np.bool_]) -> Calibration:
        found = fit_calibration(evidence[place], held_out.states[place], looks[place])
        if everywhere or found.method == "none":
            return found
        return Calibration("none", n_absent=found.n_absent, n_present=found.n_present, reason=ONLY_NEAR)

    calibration = fitted(np.ones(len(evidence), dtype=bool))
    if len(np.unique(held_out.states)) < 2:
        return calibration, None, None
    corrected = np.empty_like(log_odds)
    for number in np.unique(held_out.fold):
        own = held_out.fold == number
        corrected[own] = fitted(~own).apply(log_odds[own], share)
    return (
        calibration,
        reliability(expit(log_odds), held_out.states, share, held_out.weights),
        reliability(expit(corrected), held_out.states, share, held_out.weights),
    )


def looks_per_frame(one: VoteSequence, error_s: float) -> NDArray[np.float64]:
    """Return independent looks (time,) per labeled frame, 0 elsewhere: each run counts at least once.

    Examples
    --------
    >>> states = np.array([0, 0, 0, 0, 1, -1])
    >>> looks_per_frame(VoteSequence("a", np.zeros((6, 1), dtype=np.int8), 10.0, states), error_s=0.2).tolist()
    [0.5, 0.5, 0.5, 0.5, 1.0, 0.0]
    """
    run = _runs(one)
    looks = np.zeros(len(run))
    known = run >= 0
    length = np.bincount(run[known])[run[known]] if known.any() else np.zeros(0)
    looks[known] = 1 / np.clip(length, 1, max(error_s * one.fps, 1))
    return looks


def _runs(one: VoteSequence) -> NDArray[np.int64]:
    """Return the number (time,) of each labeled frame's run of equal states, from 0; -1 where unlabeled."""
    states = one.known_states
    known = states != UNLABELED
    begins = known & np.concatenate([np.ones(min(states.size, 1), dtype=bool), states[1:] != states[:-1]])
    run: NDArray[np.int64] = np.where(known, np.cumsum(begins) - 1, -1)
    return run


def _masked(one: VoteSequence, kept: NDArray[np.bool_]) -> VoteSequence:
    states: NDArray[np.int8] = np.where(kept, one.known_states, UNLABELED).astype(np.int8)
    return replace(one, states=states)
