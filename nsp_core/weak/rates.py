"""How often a labeling function votes what, given the state: from gold frames, refined on unlabeled ones.

Rates are probabilities of abstaining, voting absent and voting present in either state. They are given the state, so
that it does not matter how many present and how many absent frames were annotated.

Gold frames are counted. A function that was fitted to a gold bout agrees with it more than with others, so gold votes
must be *held out*: cast by a function that was fitted without that bout. Counts are divided by how long errors last
(:mod:`nsp_core.weak.persistence`) and a few pseudo-counts are added, the same in both states: what is not known makes a
function say less.

Unlabeled frames refine the rates by expectation maximization with the class balance held fixed: each is counted in
either state with its posterior probability. The gold counts are the prior, and their strength is explicit: the
unlabeled frames of a state never count more than ``1 / gold_strength`` times its gold frames. Without such a bound
100,000 unlabeled frames, whose states are only as good as the model, would overrule ten annotated bouts.

References
----------
Dawid & Skene (1979), Maximum likelihood estimation of observer error-rates using the EM algorithm, Applied Statistics
28, 20-28, equations 2.3-2.5, doi:10.2307/2346806.
Nigam, McCallum, Thrun & Mitchell (2000), Text classification from labeled and unlabeled documents using EM, Machine
Learning 39, 103-134, section 5.3.1 (weight of unlabeled data), doi:10.1023/A:1007692713085.
Elkan & Noto (2008), Learning classifiers from only positive and unlabeled data, KDD, doi:10.1145/1401890.1401920.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

from nsp_core.labels import ABSENT, PRESENT
from nsp_core.weak.votes import N_VOTES, VotePatterns

__all__ = [
    "CountedFrames",
    "RefinedRates",
    "evidence_table",
    "pattern_evidence",
    "pseudo_counts",
    "rates_of_counts",
    "refine_rates",
    "skill",
    "starting_rates",
    "state_posterior",
]

MAX_ITERATIONS = 500
TOLERANCE = 1e-7
# Share of the pseudo-counts that goes to all three votes alike: a vote never seen in gold says little, not everything.
UNIFORM_SHARE = 0.1
N_STATES = 2

Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CountedFrames:
    """What is counted, and how much a frame counts.

    Attributes
    ----------
    patterns
        Votes and how many frames have them.
    pseudo_counts
        Shape (function, vote): independent looks added in both states.
    looks_per_frame
        Shape (function, state): 1 over the frames that an error lasts.
    unlabeled_weight
        Shape (state,): how much an unlabeled frame counts, beside a gold one. 0 leaves the rates of a state to gold.
    """

    patterns: VotePatterns
    pseudo_counts: Table
    looks_per_frame: Table
    unlabeled_weight: NDArray[np.float64]

    @property
    def fixed(self) -> Table:
        """Shape (function, state, vote): looks of gold frames and pseudo-counts."""
        gold = np.swapaxes(self.patterns.tally(self.patterns.n_gold), 0, 1)
        counts: Table = gold * self.looks_per_frame[:, :, None] + self.pseudo_counts[:, None, :]
        return counts

    def unlabeled(self, in_state: Table) -> Table:
        """Return the looks (function, state, vote) of unlabeled frames, for weights ``in_state`` (pattern, state)."""
        tallied = np.swapaxes(self.patterns.tally(in_state * self.patterns.n_unlabeled[:, None]), 0, 1)
        counts: Table = tallied * (self.looks_per_frame * self.unlabeled_weight)[:, :, None]
        return counts


@dataclass(frozen=True, slots=True, eq=False)
class RefinedRates:
    """Rates after expectation maximization.

    Attributes
    ----------
    rates
        Shape (function, state, vote).
    looks
        Shape (function, state, vote): independent looks behind them. An unlabeled frame counts by how far its state is
        known, ``(2 p - 1)^2`` for a posterior probability p.
    n_iterations, converged
        How the iterations ended.
    """

    rates: Table
    looks: Table
    n_iterations: int
    converged: bool


def evidence_table(rates: Table) -> Table:
    """Return what each vote says: log likelihood ratios (function, vote) of presence.

    Examples
    --------
    >>> rates = np.array([[[0.5, 0.4, 0.1], [0.5, 0.1, 0.4]]])
    >>> np.exp(evidence_table(rates)).round(6).tolist()
    [[1.0, 0.25, 4.0]]
    """
    table: Table = np.log(rates[:, 1]) - np.log(rates[:, 0])
    return table


def pattern_evidence(rates: Table, votes: NDArray[np.integer]) -> Table:
    """Return the log likelihood ratio (pattern, function) of presence in each vote of ``votes`` (pattern, function)."""
    table = evidence_table(rates)
    evidence: Table = table[np.arange(len(table)), votes.astype(np.int64) + 1]
    return evidence


def state_posterior(rates: Table, votes: NDArray[np.integer], weights: Table, share: float) -> Table:
    """Return the probabilities (pattern, state) given one frame's ``votes`` (pattern, function) and their weights."""
    present = expit(logit(share) + (pattern_evidence(rates, votes) * weights).sum(axis=1))
    return np.stack([1 - present, present], axis=1)


def rates_of_counts(counts: Table) -> Table:
    """Return ``counts`` (..., vote) divided by their sum."""
    rates: Table = counts / counts.sum(axis=-1, keepdims=True)
    return rates


def skill(rates: Table) -> NDArray[np.float64]:
    """Return by how much each function (function,) is better than chance: 1 never errs, 0 says nothing, -1 always errs.

    Half the difference of the expected vote (present 1, absent -1, abstain 0) between the states.
    """
    vote = rates[:, :, 2] - rates[:, :, 1]
    difference: NDArray[np.float64] = (vote[:, 1] - vote[:, 0]) / 2
    return difference


def pseudo_counts(patterns: VotePatterns, n_pseudo: float) -> Table:
    """Return ``n_pseudo`` looks (function, vote), split as each function votes on the whole.

    "On the whole" is the mean of both states' gold frames, the unlabeled ones standing in for a state without gold.
    They draw the two states' rates together, that is, towards a function that says nothing.
    """
    every = patterns.tally(patterns.n_unlabeled) + patterns.tally(patterns.n_gold).sum(axis=0)
    gold = patterns.tally(patterns.n_gold)
    per_state = [rates_of_counts(one if one.sum() else every) for one in gold]
    middle = np.mean(per_state, axis=0)
    counts: Table = n_pseudo * ((1 - UNIFORM_SHARE) * middle + UNIFORM_SHARE / N_VOTES)
    return counts


def starting_rates(patterns: VotePatterns, share: float, copies: NDArray[np.float64], pseudo: Table) -> Table:
    """Return rates (function, state, vote) to start from.

    Those of gold where both states have any. Where one state has none, its rates are what is left of the unlabeled
    votes when the other state's part is taken away. Without gold, the frames with the largest majority for presence
    are taken to be present, as many as the class balance says.
    """
    gold = patterns.tally(patterns.n_gold)
    n_gold = patterns.n_gold.sum(axis=0)
    share_of = np.array([1 - share, share])
    if not n_gold.any():
        in_state = _majority_posterior(patterns, share, copies)
        counts = np.swapaxes(patterns.tally(in_state * patterns.n_unlabeled[:, None]), 0, 1)
        return rates_of_counts(counts + pseudo[:, None, :])
    rates = np.stack([rates_of_counts(gold[state] + pseudo) for state in range(N_STATES)], axis=1)
    for state in range(N_STATES):
        if n_gold[state] == 0 and patterns.n_unlabeled.sum():
            every = rates_of_counts(patterns.tally(patterns.n_unlabeled))
            rest = every - share_of[1 - state] * rates[:, 1 - state]
            rates[:, state] = rates_of_counts(np.maximum(rest, 0) + 0.01 * pseudo)
    return rates


def refine_rates(counted: CountedFrames, rates: Table, weights: Table, share: float) -> RefinedRates:
    """Return the rates at which expectation maximization comes to rest.

    Parameters
    ----------
    counted
        Frames, and how much they count.
    rates
        Shape (function, state, vote): where to start.
    weights
        Shape (pattern, function): how much of each vote's evidence counts.
    share
        Class balance, not estimated.
    """
    votes, fixed = counted.patterns.votes, counted.fixed
    converged = False
    n_iterations = 0
    while not converged and n_iterations < MAX_ITERATIONS:
        in_state = state_posterior(rates, votes, weights, share)
        updated = rates_of_counts(fixed + counted.unlabeled(in_state))
        converged = float(np.abs(updated - rates).max()) < TOLERANCE
        rates = updated
        n_iterations += 1
    in_state = state_posterior(rates, votes, weights, share)
    known = (in_state[:, 1:] - in_state[:, :1]) ** 2
    return RefinedRates(rates, fixed + counted.unlabeled(in_state * known), n_iterations, converged)


def _majority_posterior(patterns: VotePatterns, share: float, copies: NDArray[np.float64]) -> Table:
    """Return probabilities (pattern, state) that rise with the majority for presence and have ``share`` as mean."""
    lead = (patterns.votes == PRESENT) * 1.0 - (patterns.votes == ABSENT)
    margin = (lead / copies).sum(axis=1)
    frames = patterns.n_unlabeled / patterns.n_unlabeled.sum()

    def surplus(offset: float) -> float:
        return float(frames @ expit(margin + offset)) - share

    reach = float(np.abs(margin).max()) + abs(float(logit(share))) + 1
    present = expit(margin + brentq(surplus, -reach, reach))
    return np.stack([1 - present, present], axis=1)
