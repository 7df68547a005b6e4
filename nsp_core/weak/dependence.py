"""Labeling functions that err together, and how much less they then say.

Functions that are written or synthesized from the same features make the same mistakes. A model that takes them for
independent counts one mistake several times and is certain of it. Three cases:

- *The same votes on every frame.* Together they count as one, exactly.
- *Votes correlated given the state.* Where n functions with equal evidence have the correlation r given the state, the
  best combination weighs each by ``1 / (1 + (n - 1) r)``: this is Fisher's linear discriminant under equal
  correlations, exact for r = 0 and r = 1. For unequal ones each function is weighed by the inverse of its row sum.
- *Abstentions correlated given the state.* Functions that miss the same keypoint abstain together, which says
  something once. Abstentions are discounted among the functions that abstain on a frame, votes among those that vote:
  a function that votes alone on a frame is not discounted there.

Correlations are those of votes *given the state*, averaged over both states with equal weight, so that neither the
balance nor the number of chosen bouts enters. A correlation counts only above what chance makes of so many independent
looks. Functions of opposite skill that disagree more than chance are dependent too.

References
----------
Ratner, Hancock, Dunnmon, Sala, Pandey & Re (2019), Training complex models with multi-task weak supervision, AAAI 33,
doi:10.1609/aaai.v33i01.33014763 (why dependence has to be modeled).
Varin, Reid & Firth (2011), An overview of composite likelihood methods, Statistica Sinica 21, 5-42 (weighted
likelihoods of dependent parts).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from nsp_core.weak.votes import ABSTAINS, VotePatterns

__all__ = ["Dependence", "conditional_dependence", "copies_only", "multiplicity"]

# Below this a correlation is not worth a discount, above it must also exceed this many standard errors.
LEAST_CORRELATION = 0.1
N_STANDARD_ERRORS = 2.5

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Dependence:
    """Which labeling functions err together.

    Attributes
    ----------
    votes
        Shape (function, function): correlation of votes given the state, on frames where both vote. 0 where it does
        not exceed chance, 1 on the diagonal.
    abstentions
        Shape (function, function): the same of abstaining.
    copies
        Shape (function,): how many functions have the very same votes on every frame, itself included.
    noticeable
        Smallest correlation of votes that the least observed pair would have shown; NaN with one function.
    """

    votes: Matrix
    abstentions: Matrix
    copies: NDArray[np.float64]
    noticeable: float

    @property
    def clusters(self) -> tuple[tuple[int, ...], ...]:
        """Functions linked by correlated votes, in order of their first."""
        _, cluster = connected_components(self.votes > 0, directed=False)
        return tuple(tuple(np.flatnonzero(cluster == one).tolist()) for one in dict.fromkeys(cluster.tolist()))

    def weights(self, votes: NDArray[np.integer]) -> Matrix:
        """Return the weight (pattern, function) of what each function says, for rows ``votes`` (pattern, function).

        Above 0, at most 1.

        Examples
        --------
        Three functions, of which two have the same votes:

        >>> same = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
        >>> Dependence(same, same, np.array([2.0, 2, 1]), 0.1).weights(np.array([[1, 1, 0]])).tolist()
        [[0.5, 0.5, 1.0]]
        """
        abstains = (votes == ABSTAINS).astype(np.float64)
        said_once = 1 / self.copies
        # What is said in the same way by others; copies together stand for one.
        alike = np.where(
            abstains > 0, (abstains * said_once) @ self.abstentions, ((1 - abstains) * said_once) @ self.votes
        )
        weights: Matrix = said_once / alike
        return weights


def copies_only(patterns: VotePatterns) -> Dependence:
    """Return the dependence of functions of which nothing is known but which have the same votes on every frame."""
    same = _same_votes(patterns)
    return Dependence(same, same, multiplicity(patterns), float("nan"))


def multiplicity(patterns: VotePatterns) -> NDArray[np.float64]:
    """Return how many functions vote the same as each on every frame, itself included; shape (function,).

    Examples
    --------
    >>> patterns = VotePatterns(np.array([[1, 1, 0], [0, 0, 0]], dtype=np.int8), np.ones(2), np.zeros((2, 2)))
    >>> multiplicity(patterns).tolist()
    [2.0, 2.0, 1.0]
    """
    return np.asarray(_same_votes(patterns).sum(axis=1))


def conditional_dependence(
    patterns: VotePatterns,
    frames: NDArray[np.float64],
    looks_per_frame: NDArray[np.float64],
    rates: NDArray[np.float64],
) -> Dependence:
    """Return the dependence of labeling functions given the state.

    Parameters
    ----------
    patterns
        Distinct rows of votes.
    frames
        Shape (pattern, state): frames of each pattern in either state, gold ones and unlabeled ones under the
        posterior, the latter as far as they count.
    looks_per_frame
        Shape (function, state): independent looks per frame, for the errors of correlations.
    rates
        Shape (function, state, vote): their sign of skill decides whether agreement or disagreement is dependence.
    """
    abstains = (patterns.votes == ABSTAINS).astype(np.float64)
    says_present = (patterns.votes == 1).astype(np.float64)
    skill = np.sign(rates[:, 1, 2] - rates[:, 0, 2] + rates[:, 0, 1] - rates[:, 1, 1])
    leaning = np.sign(rates[:, 1, 0] - rates[:, 0, 0])
    votes, noticeable = _correlation(says_present, 1 - abstains, frames, looks_per_frame, skill)
    abstentions, _ = _correlation(abstains, np.ones_like(abstains), frames, looks_per_frame, leaning)
    # Copies have correlation 1 also where rounding, or a constant vote, says otherwise.
    same = _same_votes(patterns)
    return Dependence(np.maximum(same, votes), np.maximum(same, abstentions), multiplicity(patterns), noticeable)


def _same_votes(patterns: VotePatterns) -> Matrix:
    """Return 1 (function, function) where two functions vote the same on every frame, else 0."""
    same: Matrix = (patterns.votes[:, :, None] == patterns.votes[:, None, :]).all(axis=0).astype(np.float64)
    return same


def _correlation(
    value: Matrix, counted: Matrix, frames: Matrix, looks_per_frame: Matrix, sign: NDArray[np.float64]
) -> tuple[Matrix, float]:
    """Return correlations given the state of a 0/1 ``value`` (pattern, function) where both are ``counted``."""
    n_functions = value.shape[1]
    covariance, variance, n_states = (np.zeros((n_functions, n_functions)) for _ in range(3))
    squared_error = np.zeros_like(covariance)
    for state in range(2):
        weight = frames[:, state, None]
        n_both = (counted * weight).T @ counted
        seen = n_both > 0
        first = np.divide((value * counted * weight).T @ counted, n_both, out=np.zeros_like(n_both), where=seen)
        both = np.divide(
            (value * counted * weight).T @ (value * counted), n_both, out=np.zeros_like(n_both), where=seen
        )
        covariance += both - first * first.T
        variance += first * (1 - first)
        # A pair is looked at no more often than the more persistent of the two.
        n_looks = n_both * np.minimum(looks_per_frame[:, None, state], looks_per_frame[None, :, state])
        squared_error += np.where(seen, 1 / np.maximum(n_looks, 1), 0)
        n_states += seen
    spread = np.sqrt(variance * variance.T)
    correlation = np.divide(covariance, spread, out=np.zeros_like(spread), where=spread > 1e-12)
    correlation *= np.outer(sign, sign)
    chance = N_STANDARD_ERRORS * np.sqrt(squared_error) / np.maximum(n_states, 1)
    bound = np.maximum(LEAST_CORRELATION, chance)
    kept = np.where(correlation > bound, np.minimum(correlation, 1.0), 0.0)
    np.fill_diagonal(kept, 1.0)
    others = ~np.eye(n_functions, dtype=bool)
    return kept, float(np.minimum(bound[others], 1).max()) if n_functions > 1 else float("nan")
