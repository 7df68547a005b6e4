"""Labels for every frame from the votes of labeling functions: a calibrated probability, with what the balance adds.

1. The class balance is an input (:mod:`nsp_core.weak.balance`). Everything is fitted three times, at the balance and at
   either end of its interval, so that every label says how far it hangs on the balance.
2. Rates of every function given the state, from held-out votes on gold frames, refined on unlabeled frames
   (:mod:`nsp_core.weak.rates`); functions that err together are discounted (:mod:`nsp_core.weak.dependence`), and so
   are errors that last (:mod:`nsp_core.weak.persistence`).
3. Frames of a bout inform each other (:mod:`nsp_core.weak.bout_smoothing`).
4. Probabilities are corrected on gold frames held out by recording (:mod:`nsp_core.weak.calibrate`), and their mean is
   held to the class balance (:mod:`nsp_core.weak.posterior`).
5. What the votes cannot tell is said in sentences (:mod:`nsp_core.weak.identifiability`).

References
----------
Ratner, Bach, Ehrenberg, Fries, Wu & Re (2017), Snorkel: rapid training data creation with weak supervision, VLDB 11,
269-282, doi:10.14778/3157794.3157797.
Dawid & Skene (1979), Applied Statistics 28, 20-28, doi:10.2307/2346806.
Tseng, Sun & Yue (2022), Automatic synthesis of diverse weak supervision sources for behavior analysis, CVPR,
doi:10.48550/arXiv.2111.15186.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from nsp_core.errors import LabelError
from nsp_core.labels import UNLABELED
from nsp_core.weak.balance import ClassBalance
from nsp_core.weak.calibrate import Calibration, Reliability
from nsp_core.weak.held_out import calibrate_held_out, held_out_gold
from nsp_core.weak.identifiability import identifiability_notes
from nsp_core.weak.posterior import FramePosterior, Readout, held_to_balance
from nsp_core.weak.rates import skill
from nsp_core.weak.vote_model import FEWEST_CLUSTERS, LabelModelSettings, VoteModel, fit_vote_model
from nsp_core.weak.votes import ABSTAINS, VoteSequence, check_gold, check_votes

__all__ = [
    "FramePosterior",
    "FunctionRates",
    "LabelModelResult",
    "LabelModelSettings",
    "fit_label_model",
]

CONFIDENCE_LEVEL = 0.95
UNCALIBRATED = Calibration("none", reason="no gold can be held out")


@dataclass(frozen=True, slots=True, eq=False)
class FunctionRates:
    """How one labeling function votes, given the state.

    Attributes
    ----------
    function
        Its name.
    rates
        Shape (state, vote): state absent, present; vote abstain, absent, present. Rows sum to 1.
    low, high
        Shape (state, vote): 95 % intervals of ``rates``.
    skill
        By how much better than chance: 1 never errs, 0 says nothing, below 0 is worse than chance.
    weight
        Mean share of its evidence that counts where it votes, 0 to 1; below 1 where others err with it.
    error_s
        Shape (state,): seconds an error lasts.
    n_looks
        Shape (state,): independent looks behind the rates.
    """

    function: str
    rates: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    skill: float
    weight: float
    error_s: NDArray[np.float64]
    n_looks: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LabelModelResult:
    """A fitted label model.

    Attributes
    ----------
    functions
        Names of the labeling functions that take part.
    dropped
        Names of those that always abstain.
    balance
        Class balance and its interval.
    rates
        One per function that takes part.
    clusters
        Names of functions that err together, a cluster of one for those that err on their own.
    mean_bout_s
        Mean duration of a bout; None where nothing says it.
    smoothed
        Whether probabilities use neighboring frames.
    by_frame, by_bout
        How probabilities are read without and with neighboring frames.
    reliability_before, reliability_after
        How far probabilities on held-out gold hold, without and with the correction; None where gold cannot tell.
    flipped_share
        Share of the present labels (at either end of the balance) that the other end calls absent.
    notes
        What the votes and gold cannot tell, and what to do about it.
    kept
        Columns of the functions that take part.
    """

    functions: tuple[str, ...]
    dropped: tuple[str, ...]
    balance: ClassBalance
    rates: tuple[FunctionRates, ...]
    clusters: tuple[tuple[str, ...], ...]
    mean_bout_s: float | None
    smoothed: bool
    by_frame: Readout
    by_bout: Readout
    reliability_before: Reliability | None
    reliability_after: Reliability | None
    flipped_share: float
    notes: tuple[str, ...]
    kept: tuple[int, ...]

    @property
    def models(self) -> tuple[VoteModel, VoteModel, VoteModel]:
        """At the low end of the balance, the balance itself and the high end."""
        return self.by_frame.models

    @property
    def calibration(self) -> Calibration:
        """The correction of the probabilities of :meth:`posterior`."""
        return self._readout(self.smoothed).calibration

    def posterior(self, votes: Sequence[VoteSequence], *, smoothed: bool | None = None) -> list[FramePosterior]:
        """Return the probability of presence on every frame of ``votes``, of all functions that were given to the fit.

        Parameters
        ----------
        votes
            Sequences, of any recording; a sequence's result does not depend on the others.
        smoothed
            Whether to use neighboring frames; None does as the fit says.

        Raises
        ------
        LabelError
            If there is not one column per function of the fit.
        StudyError
            If neighboring frames are to be used and nothing says how long a bout lasts.
        """
        n_functions = len(self.functions) + len(self.dropped)
        for one in votes:
            if one.votes.shape[1] != n_functions:
                raise LabelError(
                    found=f"votes of {one.votes.shape[1]} functions",
                    expected=f"{n_functions}, those that the label model was fitted to, dropped ones included",
                    where=one.name,
                    remedy="give the votes of the same labeling functions in the same order",
                )
        return self._readout(self.smoothed if smoothed is None else smoothed).posteriors(_columns(votes, self.kept))

    def _readout(self, smoothed: bool) -> Readout:
        return self.by_bout if smoothed else self.by_frame


def fit_label_model(
    votes: Sequence[VoteSequence],
    balance: ClassBalance,
    *,
    gold: Sequence[VoteSequence] = (),
    functions: Sequence[str] | None = None,
    settings: LabelModelSettings | None = None,
) -> LabelModelResult:
    """Return the label model of votes, gold frames and a class balance.

    Parameters
    ----------
    votes
        Votes of every function on every recording. Frames whose ``states`` are given here take no part: they count
        through ``gold``.
    balance
        Share of present frames, with its interval.
    gold
        Labeled frames with *held-out* votes: every bout is voted on by functions that were fitted without it. The votes
        of the whole recording belong here, also on unlabeled frames, so that gold frames have neighbors. May be empty
        with three functions or more.
    functions
        Names, in the order of the columns; None numbers them.
    settings
        What a person may choose; None takes the defaults.

    Raises
    ------
    LabelError
        If there is no function, all abstain, sequences have different functions, gold comes twice or contradicts
        itself, or fewer than three functions vote and there is no gold.

    Examples
    --------
    >>> from nsp_core.weak.balance import stated_balance
    >>> from nsp_core.weak.simulated_votes import PlantedFunction, simulate_votes
    >>> from nsp_core.weak.bout_smoothing import BoutChain
    >>> planted = [PlantedFunction((0.1, 0.8, 0.1), (0.1, 0.1, 0.8))] * 3
    >>> votes = simulate_votes(planted, BoutChain(1.0, 0.3), n_recordings=2, n_frames=5000, seed=0)
    >>> unlabeled = [VoteSequence(one.recording, one.votes, one.fps) for one in votes]
    >>> result = fit_label_model(unlabeled, stated_balance(0.3, 0.2, 0.4), gold=votes[:1])
    >>> probability = result.posterior(votes[1:])[0].probability
    >>> bool(((probability > 0.5) == votes[1].states).mean() > 0.98)
    True
    """
    settings = settings or LabelModelSettings()
    names, kept = _participants(votes, gold, functions)
    votes, gold = _columns(votes, kept), _columns(gold, kept)
    low, middle, high = (
        fit_vote_model(votes, gold, share, settings) for share in (balance.low, balance.share, balance.high)
    )
    smoothed = settings.smoothing and middle.mean_bout_s is not None
    frame_calibration, calibration, before, after = _calibrations(votes, gold, middle, settings, smoothed)
    models = (low, middle, high)
    by_frame = Readout(models, False, frame_calibration)
    by_bout = Readout(models, True, calibration if smoothed else UNCALIBRATED)
    if settings.hold_balance:
        by_frame = held_to_balance(by_frame, votes, balance)
        by_bout = held_to_balance(by_bout, votes, balance) if middle.mean_bout_s is not None else by_bout
    flipped_share = _flipped_share((by_bout if smoothed else by_frame).posteriors(votes))
    kept_names = tuple(names[place] for place in kept)
    dropped = tuple(name for place, name in enumerate(names) if place not in kept)
    return LabelModelResult(
        functions=kept_names,
        dropped=dropped,
        balance=balance,
        rates=_function_rates(middle, kept_names, votes),
        clusters=tuple(tuple(kept_names[place] for place in one) for one in middle.dependence.clusters),
        mean_bout_s=middle.mean_bout_s,
        smoothed=smoothed,
        by_frame=by_frame,
        by_bout=by_bout,
        reliability_before=before,
        reliability_after=after,
        flipped_share=flipped_share,
        notes=identifiability_notes(
            middle, kept_names, dropped, votes, gold, balance, settings, calibration, flipped_share
        ),
        kept=kept,
    )


def _participants(
    votes: Sequence[VoteSequence], gold: Sequence[VoteSequence], functions: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the names of all functions and the places of those that vote anywhere."""
    n_functions = check_votes(votes, where="votes")
    if gold:
        check_votes([*votes, *gold], where="gold votes")
        check_gold(gold)
    names = tuple(functions) if functions is not None else tuple(f"function {n + 1}" for n in range(n_functions))
    if len(names) != n_functions or len(set(names)) != n_functions:
        raise LabelError(
            found=f"{len(names)} names, {len(set(names))} of them different, of {n_functions} labeling functions",
            expected="one name per column of votes",
            where="labeling functions",
            remedy="name every function once, in the order of the columns",
        )
    every = [*votes, *gold]
    voting = np.any([(one.votes != ABSTAINS).any(axis=0) for one in every], axis=0)
    kept = tuple(np.flatnonzero(voting).tolist())
    if len(kept) < FEWEST_CLUSTERS and not any((one.known_states != UNLABELED).any() for one in gold):
        raise LabelError(
            found=f"{len(kept)} labeling functions that vote, and no gold frame",
            expected=f"gold frames, or at least {FEWEST_CLUSTERS} functions",
            where="label model",
            remedy="annotate a few bouts, or add labeling functions that use other features",
        )
    return names, kept


def _columns(sequences: Sequence[VoteSequence], kept: Sequence[int]) -> list[VoteSequence]:
    return [replace(one, votes=one.votes[:, list(kept)]) for one in sequences]


def _calibrations(
    votes: Sequence[VoteSequence],
    gold: Sequence[VoteSequence],
    model: VoteModel,
    settings: LabelModelSettings,
    smoothed: bool,
) -> tuple[Calibration, Calibration, Reliability | None, Reliability | None]:
    """Return the calibrations without and with neighboring frames, and the reliability before and after."""
    if not settings.calibration:
        return UNCALIBRATED, UNCALIBRATED, None, None
    # The same bouts for all folds: a fold may have no complete one.
    same_bouts = replace(settings, mean_bout_s=model.mean_bout_s)
    held_out = held_out_gold(votes, gold, model.share, same_bouts, model.lasting_s)
    if held_out is None:
        return UNCALIBRATED, UNCALIBRATED, None, None
    frame = calibrate_held_out(held_out, held_out.frame_log_odds, model.share)
    if not smoothed or held_out.bout_log_odds is None:
        return frame[0], *frame
    return frame[0], *calibrate_held_out(held_out, held_out.bout_log_odds, model.share)


def _flipped_share(posteriors: Sequence[FramePosterior]) -> float:
    """Return the share of labels that are present at one end of the balance and absent at the other; 0 without any."""
    n_sure = sum(int((one.low >= 0.5).sum()) for one in posteriors)
    n_any = sum(int((one.high >= 0.5).sum()) for one in posteriors)
    return (n_any - n_sure) / n_any if n_any else 0.0


def _function_rates(model: VoteModel, names: Sequence[str], votes: Sequence[VoteSequence]) -> tuple[FunctionRates, ...]:
    tail = (1 - CONFIDENCE_LEVEL) / 2
    total = model.looks.sum(axis=2, keepdims=True)
    # The looks' own shares differ from the rates by what uncertain frames count less; intervals lie around the rates.
    own = model.rates * total
    low, high = (stats.beta.ppf(quantile, own, total - own) for quantile in (tail, 1 - tail))
    weights = _mean_weights(model, votes)
    better = skill(model.rates)
    return tuple(
        FunctionRates(
            function=name,
            rates=model.rates[place],
            low=low[place],
            high=high[place],
            skill=float(better[place]),
            weight=float(weights[place]),
            error_s=model.error_s[place],
            n_looks=total[place, :, 0],
        )
        for place, name in enumerate(names)
    )


def _mean_weights(model: VoteModel, votes: Sequence[VoteSequence]) -> NDArray[np.float64]:
    """Return the mean weight (function,) where each votes; 1 where it never does."""
    summed, n_votes = np.zeros((2, len(model.rates)))
    for one in votes:
        voting = one.votes != ABSTAINS
        summed += (model.weights(one) * voting).sum(axis=0)
        n_votes += voting.sum(axis=0)
    return np.divide(summed, n_votes, out=np.ones_like(summed), where=n_votes > 0)
