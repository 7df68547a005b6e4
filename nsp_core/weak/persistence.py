"""How long the errors of a labeling function last: the number of frames that make one independent look.

A function that takes grooming for digging does so for the whole bout of grooming. Its votes on the 60 frames of that
bout are one observation of its rates, not 60. Frames are therefore divided by the *error duration*: the integrated
autocorrelation time of what a function says beyond the state, in seconds. It is measured by the method of batch means:
gold frames are cut where the state changes and into blocks of at most five mean bouts; where the deviations from the
mean of the state add up within blocks, they are not independent, and ``sum(block sums squared) / sum(squares)`` is the
number of frames that count as one.

Where few blocks deviate, little is known of how long a deviation lasts, and it is taken to last a bout: the estimate is
drawn towards the mean bout with the weight of one block.

References
----------
Geyer (1992), Practical Markov chain Monte Carlo, Statistical Science 7, 473-483, section 3.2 (batch means),
doi:10.1214/ss/1177011137.
Kish (1965), Survey Sampling, section 5.4 (design effect of clusters).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from nsp_core.labels import UNLABELED
from nsp_core.weak.dependence import Dependence
from nsp_core.weak.rates import evidence_table
from nsp_core.weak.votes import VoteSequence, distinct_rows

__all__ = ["error_durations", "error_durations_unlabeled"]

BLOCK_BOUTS = 5.0
PRIOR_BLOCKS = 1.0
ROUNDING = 1e-12

Table = NDArray[np.float64]


def error_durations(gold: Sequence[VoteSequence], rates: Table, mean_bout_s: float) -> Table:
    """Return the seconds (function, state) that an error of each function lasts in either state.

    Parameters
    ----------
    gold
        Labeled sequences.
    rates
        Shape (function, state, vote).
    mean_bout_s
        Mean duration of a bout; a fifth of the longest block.

    Returns
    -------
    Seconds above 0; the mean bout where there is nothing to see, for example in a state without gold.

    Examples
    --------
    Votes that change at every frame, and votes that are wrong in every second bout of 2 s and in every second gap:

    >>> rates = np.array([[[0.1, 0.6, 0.3], [0.1, 0.3, 0.6]]] * 2)
    >>> votes = np.array([np.tile([0, 1], 4000), np.tile(np.repeat([0, 1], 40), 100)], dtype=np.int8).T
    >>> states = np.tile(np.repeat([0, 1], 20), 200).astype(np.int8)
    >>> gold = [VoteSequence("a", votes, 10.0, states)]
    >>> error_durations(gold, rates, mean_bout_s=2.0).round(2).tolist()
    [[0.01, 0.01], [2.0, 2.0]]
    """
    labeled = [(one, one.known_states != UNLABELED) for one in gold]
    states = [one.known_states[known] for one, known in labeled]
    evidence = [_evidence(one.votes[known], rates) for one, known in labeled]
    every_state = np.concatenate([np.zeros(0, dtype=np.int8), *states])
    every_evidence = np.concatenate([np.zeros((0, len(rates))), *evidence])
    sums = _BlockSums(len(rates))
    means = np.stack([_mean(every_evidence[every_state == state]) for state in range(2)])
    for (one, known), state, said in zip(labeled, states, evidence, strict=True):
        # A gap between labeled spans ends a block too.
        jump = np.diff(np.flatnonzero(known)) != 1
        starts = _block_starts(np.concatenate([[True], jump | (np.diff(state) != 0)])[: state.size], one, mean_bout_s)
        sums.add(said - means[state], starts, state[starts], one.fps)
    return sums.durations(mean_bout_s)


def error_durations_unlabeled(
    votes: Sequence[VoteSequence], rates: Table, dependence: Dependence, share: float, mean_bout_s: float
) -> Table:
    """Return the seconds (function, state) that an error lasts, where no frame is labeled.

    What a function says is compared with what the functions outside its cluster lead to expect. Their uncertainty
    lasts as long as bouts do, so that the durations are rather too long than too short. They are the same in either
    state.
    """
    sums = _BlockSums(len(rates))
    expected = _expected_evidence(rates)
    outside = np.ones((len(rates), len(rates)))
    for cluster in dependence.clusters:
        outside[np.ix_(cluster, cluster)] = 0
    for one in votes:
        unlabeled = np.flatnonzero(one.known_states == UNLABELED)
        rows, row_of_frame = distinct_rows(one.votes[unlabeled])
        said = _evidence(rows, rates)
        present = expit(logit(share) + (said * dependence.weights(rows)) @ outside)
        surprise = said - (present * expected[1] + (1 - present) * expected[0])
        starts = _block_starts(np.diff(unlabeled, prepend=-2) != 1, one, mean_bout_s)
        sums.add(surprise[row_of_frame], starts, np.zeros(starts.size, dtype=np.int8), one.fps)
    seconds: Table = np.repeat(sums.durations(mean_bout_s)[:, :1], 2, axis=1)
    return seconds


class _BlockSums:
    """Sums over blocks, from which error durations follow."""

    def __init__(self, n_functions: int) -> None:
        # Squared sums of blocks in s^2, squares in s, and squared squares of blocks, each (state, function).
        self.squared_sums, self.squares, self.squared_squares = np.zeros((3, 2, n_functions))

    def add(
        self, deviations: Table, starts: NDArray[np.int64], state_of_block: NDArray[np.integer], fps: float
    ) -> None:
        """Add the blocks that begin at ``starts`` in ``deviations`` (time, function)."""
        if not starts.size:
            return
        sums = np.add.reduceat(deviations, starts) / fps
        squares = np.add.reduceat(deviations**2, starts) / fps
        for state in range(2):
            of_state = state_of_block == state
            self.squared_sums[state] += (sums[of_state] ** 2).sum(axis=0)
            self.squares[state] += squares[of_state].sum(axis=0)
            self.squared_squares[state] += (squares[of_state] ** 2).sum(axis=0)

    def durations(self, mean_bout_s: float) -> Table:
        """Return seconds (function, state)."""
        # Deviations from a mean are never exactly zero.
        seen = self.squares > ROUNDING
        measured = np.divide(self.squared_sums, self.squares, out=np.zeros_like(self.squares), where=seen)
        # Blocks that carry the deviations: one if a single one does, all if they share equally.
        n_blocks = np.divide(self.squares**2, self.squared_squares, out=np.zeros_like(self.squares), where=seen)
        seconds: Table = (n_blocks * measured + PRIOR_BLOCKS * mean_bout_s) / (n_blocks + PRIOR_BLOCKS)
        return seconds.T


def _evidence(votes: NDArray[np.integer], rates: Table) -> Table:
    table = evidence_table(rates)
    said: Table = table[np.arange(len(table)), votes.astype(np.int64) + 1]
    return said


def _expected_evidence(rates: Table) -> Table:
    """Return the mean of what each function says in either state, (state, function)."""
    expected: Table = (rates * evidence_table(rates)[:, None, :]).sum(axis=2).T
    return expected


def _mean(evidence: Table) -> NDArray[np.float64]:
    return np.asarray(evidence.mean(axis=0)) if len(evidence) else np.zeros(evidence.shape[1])


def _block_starts(begins: NDArray[np.bool_], one: VoteSequence, mean_bout_s: float) -> NDArray[np.int64]:
    """Return where blocks start: at every run that ``begins`` (time,) and within long runs."""
    width = max(round(BLOCK_BOUTS * mean_bout_s * one.fps), 1)
    runs = np.flatnonzero(begins)
    if not runs.size:
        return runs
    within = np.arange(begins.size) - np.repeat(runs, np.diff(np.append(runs, begins.size)))
    return np.flatnonzero(within % width == 0)
