"""What votes say of each frame, at one class balance: rates, dependence and persistence fitted together.

Each fit is a few rounds of three steps: how the functions depend on each other given the state, how much each vote then
counts, and expectation maximization of the rates with these weights. Nothing is drawn at random.

Whether the rates are refined on unlabeled frames depends on what can be known. Unlabeled votes determine rates only
through agreement, which takes three functions that err independently of each other: with fewer clusters the rates of
gold stay as they are. Where one state has no gold, its rates follow from the class balance and the other state's rates,
with any number of functions. Without gold the rates rest on agreement and on the functions being better than chance on
average.

References
----------
Kruskal (1977), Three-way arrays, Linear Algebra and its Applications 18, 95-138, doi:10.1016/0024-3795(77)90069-6;
Allman, Matias & Rhodes (2009), Annals of Statistics 37, 3099-3132, theorem 1, doi:10.1214/09-AOS689 (three
conditionally independent views identify a latent class).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from nsp_core.errors import StudyError
from nsp_core.weak.bout_smoothing import BoutChain, complete_bouts_s, lasting_evidence, smooth_log_odds
from nsp_core.weak.dependence import Dependence, conditional_dependence, copies_only, multiplicity
from nsp_core.weak.persistence import error_durations, error_durations_unlabeled
from nsp_core.weak.rates import (
    CountedFrames,
    RefinedRates,
    pattern_evidence,
    pseudo_counts,
    refine_rates,
    skill,
    starting_rates,
    state_posterior,
)
from nsp_core.weak.votes import VotePatterns, VoteSequence, count_patterns, distinct_rows

__all__ = ["FEWEST_CLUSTERS", "UNKNOWN_BOUT_S", "LabelModelSettings", "VoteModel", "fit_vote_model"]

FEWEST_CLUSTERS = 3
MAX_ROUNDS = 8
SETTLED = 1e-4
# How long a bout is taken to last where nothing says it, only to judge how long errors last and what is near a bout.
UNKNOWN_BOUT_S = 1.0

Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LabelModelSettings:
    """What a person may choose about the label model.

    Attributes
    ----------
    n_pseudo
        Independent looks added to what is counted in each state, above 0.
    gold_strength
        The unlabeled frames of a state count at most ``1 / gold_strength`` times its gold frames; 0 sets no bound.
    mean_bout_s
        Mean duration of a bout in seconds; None takes that of the complete gold bouts.
    smoothing
        Whether neighboring frames inform each other at the scale of bouts.
    calibration
        Whether probabilities are corrected on held-out gold.
    hold_balance
        Whether probabilities whose mean on unlabeled frames contradicts the class balance are moved to it.
    n_folds
        In which gold is held out for calibration, at least 2.

    Raises
    ------
    StudyError
        If a number is outside its range.
    """

    n_pseudo: float = 1.0
    gold_strength: float = 1.0
    mean_bout_s: float | None = None
    smoothing: bool = True
    calibration: bool = True
    hold_balance: bool = True
    n_folds: int = 4

    def __post_init__(self) -> None:
        ranges = (
            ("n_pseudo", self.n_pseudo, 0 < self.n_pseudo < np.inf, "a finite number above 0"),
            ("gold_strength", self.gold_strength, self.gold_strength >= 0, "0 or above"),
            (
                "mean_bout_s",
                self.mean_bout_s,
                self.mean_bout_s is None or 0 < self.mean_bout_s < np.inf,
                "seconds above 0, or None",
            ),
            ("n_folds", self.n_folds, self.n_folds >= 2, "2 or above"),
        )
        for name, value, allowed, expected in ranges:
            if not allowed:
                raise StudyError(
                    found=f"{name} = {value}",
                    expected=expected,
                    where="label model settings",
                    remedy="correct it or leave it out",
                )


@dataclass(frozen=True, slots=True, eq=False)
class VoteModel:
    """A label model at one class balance.

    Attributes
    ----------
    share
        Share of present frames.
    rates
        Shape (function, state, vote): state absent, present; vote abstain, absent, present.
    looks
        Shape (function, state, vote): independent looks behind the rates, pseudo-counts included.
    gold_counts
        Shape (function, state, vote): the part of ``looks`` that comes from gold, pseudo-counts included.
    dependence
        Which functions err together.
    error_s
        Shape (function, state): seconds an error lasts.
    mean_bout_s
        Mean duration of a bout; None where nothing says it.
    refined
        Shape (state,): whether unlabeled frames took part in the rates of this state.
    n_iterations, converged
        How the last expectation maximization ended.
    turned
        Whether the agreement was first taken the wrong way round, with most functions below chance.
    """

    share: float
    rates: Table
    looks: Table
    gold_counts: Table
    dependence: Dependence
    error_s: Table
    mean_bout_s: float | None
    refined: tuple[bool, bool]
    n_iterations: int
    converged: bool
    turned: bool

    @property
    def lasting_s(self) -> float:
        """Seconds an error lasts, on the mean of states and functions; copies count as one."""
        return float(np.average(self.error_s.mean(axis=1), weights=1 / self.dependence.copies))

    def frame_log_odds(self, sequences: Sequence[VoteSequence]) -> list[NDArray[np.float64]]:
        """Return the log odds (time,) of presence given each frame's own votes."""
        return [float(logit(self.share)) + self._evidence(one).sum(axis=1) for one in sequences]

    def bout_log_odds(self, sequences: Sequence[VoteSequence]) -> list[NDArray[np.float64]]:
        """Return the log odds (time,) of presence given the votes of the whole sequence.

        Raises
        ------
        StudyError
            If nothing says how long a bout lasts.
        """
        if self.mean_bout_s is None:
            raise StudyError(
                found="no complete gold bout and no mean duration of a bout",
                expected="either of them",
                where="smoothing at the scale of bouts",
                remedy="set mean_bout_s, annotate the absent frames around a few bouts, or do without smoothing",
            )
        chain = BoutChain(self.mean_bout_s, self.share)
        return [self._smoothed(one, chain) for one in sequences]

    def weights(self, one: VoteSequence) -> Table:
        """Return by how much each vote's evidence counts, shape (time, function)."""
        rows, row_of_frame = distinct_rows(one.votes)
        weights: Table = self.dependence.weights(rows)[row_of_frame]
        return weights

    def _smoothed(self, one: VoteSequence, chain: BoutChain) -> NDArray[np.float64]:
        evidence = self._evidence(one)
        error_frames = np.maximum(self.error_s.mean(axis=1) * one.fps, 1)
        smoothed = smooth_log_odds(lasting_evidence(one.votes, evidence, error_frames), one.fps, chain)
        # Where errors last as long as bouts, they look like bouts, and a frame is better judged by who votes together
        # on it: half of each where both last equally long, the chain alone where errors do not last beyond a frame.
        lasting_s = float(np.average(error_frames - 1, weights=1 / self.dependence.copies)) / one.fps
        own_part = lasting_s / (lasting_s + chain.mean_bout_s)
        frame = float(logit(self.share)) + evidence.sum(axis=1)
        log_odds: NDArray[np.float64] = own_part * frame + (1 - own_part) * smoothed
        return log_odds

    def _evidence(self, one: VoteSequence) -> Table:
        """Return the discounted evidence (time, function)."""
        rows, row_of_frame = distinct_rows(one.votes)
        evidence: Table = pattern_evidence(self.rates, rows) * self.dependence.weights(rows)
        return evidence[row_of_frame]


def fit_vote_model(
    votes: Sequence[VoteSequence], gold: Sequence[VoteSequence], share: float, settings: LabelModelSettings
) -> VoteModel:
    """Return the label model at one class balance.

    Parameters
    ----------
    votes
        Every function's votes on every recording. Frames whose states are given here do not take part.
    gold
        Labeled frames with held-out votes.
    share
        Share of present frames, between 0 and 1.
    settings
        What a person may choose.
    """
    bouts_s = complete_bouts_s(gold)
    mean_bout_s = settings.mean_bout_s or (float(bouts_s.mean()) if bouts_s.size else None)
    fit = _Fit(count_patterns(votes, gold), votes, gold, share, settings, mean_bout_s or UNKNOWN_BOUT_S)
    state = fit.start()
    for number in range(MAX_ROUNDS):
        before, state = state, fit.refined(state)
        if number == 0:
            # Once is enough: it takes as long as all else together, and better rates hardly change it.
            state = fit.with_unlabeled_errors(state)
        elif np.abs(state.refined.rates - before.refined.rates).max() < SETTLED:
            break
    counted = fit.counted(state)
    return VoteModel(
        share=share,
        rates=state.refined.rates,
        looks=state.refined.looks,
        gold_counts=counted.fixed,
        dependence=state.dependence,
        error_s=state.error_s,
        mean_bout_s=mean_bout_s,
        refined=(bool(counted.unlabeled_weight[0]), bool(counted.unlabeled_weight[1])),
        n_iterations=state.refined.n_iterations,
        converged=state.refined.converged,
        turned=state.turned,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """Where a fit stands."""

    refined: RefinedRates
    dependence: Dependence
    error_s: Table
    turned: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """What a fit is given."""

    patterns: VotePatterns
    votes: Sequence[VoteSequence]
    gold: Sequence[VoteSequence]
    share: float
    settings: LabelModelSettings
    bout_s: float

    @property
    def n_gold(self) -> NDArray[np.float64]:
        """Shape (state,)."""
        return np.asarray(self.patterns.n_gold.sum(axis=0))

    @property
    def fps(self) -> float:
        """Frames over seconds, of all sequences together."""
        every = [*self.votes, *self.gold]
        return sum(len(one.votes) for one in every) / sum(len(one.votes) / one.fps for one in every)

    @property
    def pseudo(self) -> Table:
        """Shape (function, vote)."""
        return pseudo_counts(self.patterns, self.settings.n_pseudo)

    def start(self) -> _State:
        """Return rates of gold, or of the majority, and what is known of dependence and persistence before."""
        copies = multiplicity(self.patterns)
        rates = starting_rates(self.patterns, self.share, copies, self.pseudo)
        error_s = error_durations(self.gold, rates, self.bout_s)
        alone = copies_only(self.patterns)
        state = _State(RefinedRates(rates, rates, 0, True), alone, error_s, False)
        # Before rates are refined only gold tells dependence from presence.
        return replace(state, dependence=self._dependence(state, unlabeled=False)) if self.n_gold.all() else state

    def refined(self, state: _State) -> _State:
        """Return ``state`` with rates refined by its weights, and the dependence that these rates leave."""
        weights = state.dependence.weights(self.patterns.votes)
        counted = self.counted(state)
        refined = refine_rates(counted, state.refined.rates, weights, self.share)
        turned = state.turned
        if not self.n_gold.any() and skill(refined.rates) @ (1 / state.dependence.copies) < 0:
            refined = refine_rates(counted, refined.rates[:, ::-1].copy(), weights, self.share)
            turned = True
        state = replace(state, refined=refined, turned=turned)
        return replace(state, dependence=self._dependence(state))

    def with_unlabeled_errors(self, state: _State) -> _State:
        """Return ``state`` with errors that last as long as gold and unlabeled frames say together.

        Chosen bouts have short margins, and an error that goes on beyond them looks short. Unlabeled frames show it,
        where enough other functions vote independently to say what the state is. With fewer, they also show how long
        the states last: the truth lies between the two, and their geometric mean is taken.
        """
        unlabeled = error_durations_unlabeled(
            self.votes, state.refined.rates, state.dependence, self.share, self.bout_s
        )
        if not self.n_gold.any():
            return replace(state, error_s=unlabeled)
        longer = np.maximum(state.error_s, unlabeled)
        if len(state.dependence.clusters) >= FEWEST_CLUSTERS:
            return replace(state, error_s=longer)
        return replace(state, error_s=np.sqrt(state.error_s * longer))

    def counted(self, state: _State) -> CountedFrames:
        """Return how much frames count, given what is known of dependence and persistence."""
        return CountedFrames(
            self.patterns,
            self.pseudo,
            1 / np.maximum(state.error_s * self.fps, 1),
            self._unlabeled_weight(len(state.dependence.clusters)),
        )

    def _unlabeled_weight(self, n_clusters: int) -> NDArray[np.float64]:
        """Return how much an unlabeled frame counts in either state (state,)."""
        n_unlabeled = self.patterns.n_unlabeled.sum() * np.array([1 - self.share, self.share])
        if not n_unlabeled.all():
            return np.zeros(2)
        if not self.n_gold.all():
            # A state without gold has nothing but unlabeled frames; with too few functions the other stays as it is.
            bound = self._bound(n_unlabeled) if n_clusters >= FEWEST_CLUSTERS else np.zeros(2)
            return np.where(self.n_gold > 0, bound, 1.0)
        return self._bound(n_unlabeled) if n_clusters >= FEWEST_CLUSTERS else np.zeros(2)

    def _bound(self, n_unlabeled: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.settings.gold_strength == 0:
            return np.ones(2)
        bound: NDArray[np.float64] = np.minimum(self.n_gold / (self.settings.gold_strength * n_unlabeled), 1)
        return bound

    def _dependence(self, state: _State, *, unlabeled: bool = True) -> Dependence:
        rates, votes = state.refined.rates, self.patterns.votes
        in_state = state_posterior(rates, votes, state.dependence.weights(votes), self.share)
        counted = self._unlabeled_weight(FEWEST_CLUSTERS) * unlabeled
        frames = self.patterns.n_gold + in_state * self.patterns.n_unlabeled[:, None] * counted
        return conditional_dependence(self.patterns, frames, 1 / np.maximum(state.error_s * self.fps, 1), rates)
