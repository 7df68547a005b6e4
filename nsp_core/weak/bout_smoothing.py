"""Probabilities at the scale of bouts: a two-state hidden Markov model, read forward and backward.

A behavior lasts. What is known of a frame therefore also says something of its neighbors, the more the longer the
bouts. The chain has two states, absent and present, and two numbers: the mean duration of a bout in seconds and the
share of present frames. The mean gap between bouts follows from both. Transition probabilities belong to a step in
seconds, so that the same chain reads recordings of any frame rate.

Evidence is a log likelihood ratio per frame. The chain takes frames for independent given the state, so errors that
last have to be discounted before: see :func:`lasting_evidence`.

Everything is computed with logarithms, so that no length of a recording and no strength of evidence underflows. The
recursion is sequential. A sequence is cut into about as many blocks as a block has frames, the maps of all blocks are
composed side by side, and then all blocks are read side by side, each from its own start: exact, and with loops as long
as the square root of the sequence.

References
----------
Rabiner (1989), A tutorial on hidden Markov models, Proceedings of the IEEE 77, 257-286, section III-B,
doi:10.1109/5.18626.
Blelloch (1990), Prefix sums and their applications, section 1.4 (recurrences as scans), CMU-CS-90-190.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from nsp_core.bouts import bouts_from_frames
from nsp_core.errors import LabelError, StudyError
from nsp_core.labels import ABSENT, PRESENT
from nsp_core.weak.votes import VoteSequence

__all__ = ["BoutChain", "complete_bouts_s", "lasting_evidence", "smooth_log_odds"]

Logs = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BoutChain:
    """How long a behavior lasts and how common it is.

    Attributes
    ----------
    mean_bout_s
        Mean duration of a bout, in seconds, above 0.
    share
        Share of present frames, above 0, below 1.

    Raises
    ------
    StudyError
        If a number is outside its range.

    Examples
    --------
    A behavior of 2-second bouts that fills a fifth of the time has gaps of 8 seconds.

    >>> BoutChain(mean_bout_s=2.0, share=0.2).mean_gap_s
    8.0
    """

    mean_bout_s: float
    share: float

    def __post_init__(self) -> None:
        if not (0 < self.mean_bout_s < np.inf and 0 < self.share < 1):
            raise StudyError(
                found=f"bouts of {self.mean_bout_s} s in a share of {self.share} of the frames",
                expected="a duration above 0 and a share between 0 and 1",
                where="bout chain",
                remedy="give the mean duration of a bout in seconds",
            )

    @property
    def mean_gap_s(self) -> float:
        """Mean duration of a gap between bouts, in seconds."""
        return self.mean_bout_s * (1 - self.share) / self.share

    def log_transitions(self, fps: float) -> Logs:
        """Return log probabilities (from, to) of one frame to the next; states are absent and present.

        Those of a process in continuous time, seen every 1 / fps seconds: it is absent or present with the same shares
        at any frame rate, and valid however short the bouts.
        """
        # 1 / bout + 1 / gap, by which the memory of the state decays.
        forgotten = -np.expm1(-1 / (self.mean_bout_s * (1 - self.share) * fps))
        begin, end = self.share * forgotten, (1 - self.share) * forgotten
        return np.log([[1 - begin, begin], [end, 1 - end]])


def complete_bouts_s(gold: Sequence[VoteSequence]) -> NDArray[np.float64]:
    """Return the durations (bout,) in seconds of the bouts of ``gold`` that have an absent frame on either side.

    A bout beside an unlabeled frame or the edge of a recording may have lasted longer and is left out.

    Examples
    --------
    >>> states = np.array([1, 0, 1, 1, 0, 1, -1], dtype=np.int8)
    >>> votes = np.zeros((7, 1), dtype=np.int8)
    >>> complete_bouts_s([VoteSequence("a", votes, fps=10.0, states=states)]).tolist()
    [0.2]
    """
    durations = [np.zeros(0)]
    for one in gold:
        states = np.concatenate([[-1], one.known_states, [-1]])
        bouts = bouts_from_frames(states == PRESENT)
        complete = (states[bouts[:, 0] - 1] == ABSENT) & (states[bouts[:, 1]] == ABSENT)
        durations.append((bouts[complete, 1] - bouts[complete, 0]) / one.fps)
    return np.concatenate(durations)


def lasting_evidence(
    votes: NDArray[np.integer], evidence: NDArray[np.float64], error_frames: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the evidence (time,) of votes whose errors last.

    A false alarm of 30 frames is one mistake, not 30; a chain that counts it 30 times is certain of it. The same vote
    therefore counts once within the time that an error lasts, spread over the frames that have it: a long run counts as
    often as errors fit into it, a short one once in full, and votes that flicker once for each side.

    Parameters
    ----------
    votes
        Shape (time, function).
    evidence
        Shape (time, function): log likelihood ratio of presence in each vote.
    error_frames
        Shape (function,): frames that an error lasts, at least 1. With 1 every frame counts in full.

    Examples
    --------
    >>> votes = np.array([[1], [1], [1], [1], [1], [0]])
    >>> lasting_evidence(votes, np.where(votes == 1, 6.0, -6.0), np.array([3.0])).tolist()
    [3.0, 2.0, 2.0, 2.0, 3.0, -6.0]
    """
    total = np.zeros(len(votes))
    for function, frames in enumerate(error_frames):
        reach = (max(round(float(frames)), 1) - 1) / 2
        first = np.maximum(np.arange(len(votes)) - int(np.floor(reach)), 0)
        stop = np.minimum(np.arange(len(votes)) + int(np.ceil(reach)) + 1, len(votes))
        for vote in np.unique(votes[:, function]):
            same = votes[:, function] == vote
            counted = np.concatenate([[0], np.cumsum(same)])
            total[same] += evidence[same, function] / (counted[stop] - counted[first])[same]
    return total


def smooth_log_odds(evidence: NDArray[np.floating], fps: float, chain: BoutChain) -> NDArray[np.float64]:
    """Return the log odds (time,) of presence on each frame given the evidence of the whole sequence.

    Parameters
    ----------
    evidence
        Shape (time,): log likelihood ratio of presence on each frame, finite; 0 says nothing.
    fps
        Frames per second.
    chain
        The prior.

    Returns
    -------
    Log odds. Without evidence they are those of the chain's share on every frame.

    Raises
    ------
    LabelError
        If the evidence has another shape or is not finite.

    Examples
    --------
    One frame, three times as likely to be seen so when the behavior is present, which it is a quarter of the time:

    >>> chain = BoutChain(mean_bout_s=1.0, share=0.25)
    >>> bool(abs(smooth_log_odds(np.log([3.0]), 30.0, chain)[0]) < 1e-12)
    True
    """
    if np.ndim(evidence) != 1 or not np.isfinite(evidence).all():
        raise LabelError(
            found=f"evidence of shape {np.shape(evidence)}, {int((~np.isfinite(evidence)).sum())} values not finite",
            expected="finite log likelihood ratios (time,)",
            where="smoothing at the scale of bouts",
            remedy="give 0 where nothing is known, and keep rates away from 0 and 1",
        )
    n_frames = len(evidence)
    if not n_frames:
        return np.zeros(0)
    width = int(np.ceil(np.sqrt(n_frames)))
    n_blocks = -(-n_frames // width)
    # The last block is filled up with frames of which nothing is seen: the chain goes on after the end and changes
    # nothing before it.
    filled = np.zeros(n_blocks * width)
    filled[:n_frames] = evidence
    blocks = np.ascontiguousarray(filled.reshape(n_blocks, width).T)
    step = chain.log_transitions(fps)
    maps = _compose(blocks, step)
    log_odds = _forward(blocks, step, maps, float(logit(chain.share))) + _backward(blocks, step, maps)
    return log_odds.T.reshape(-1)[:n_frames]


def _compose(blocks: Logs, step: Logs) -> Logs:
    """Return the log weights (from, to, block) from the state before a block to that at its last frame."""
    maps = np.repeat(step[:, :, None], blocks.shape[1], axis=2)
    maps[:, 1] += blocks[0]
    for evidence in blocks[1:]:
        maps = np.logaddexp(maps[:, :1] + step[0, :, None], maps[:, 1:] + step[1, :, None])
        maps[:, 1] += evidence
    return maps


def _forward(blocks: Logs, step: Logs, maps: Logs, prior: float) -> Logs:
    """Return the log odds (frame, block) given the evidence up to and at each frame."""
    # The chain's shares do not change from step to step, so that the first frame may be stepped into like any other.
    before = np.full(blocks.shape[1], prior)
    for block in range(1, before.size):
        before[block] = _carried(before[block - 1], maps[:, :, block - 1])
    log_odds = np.empty_like(blocks)
    for frame, evidence in enumerate(blocks):
        before = evidence + _carried(before, step)
        log_odds[frame] = before
    return log_odds


def _backward(blocks: Logs, step: Logs, maps: Logs) -> Logs:
    """Return the log likelihood ratio (frame, block) of the evidence after each frame."""
    after = np.zeros(blocks.shape[1])
    for block in range(after.size - 2, -1, -1):
        after[block] = _carried(after[block + 1], maps[:, :, block + 1].T)
    ratios = np.empty_like(blocks)
    for frame in range(len(blocks) - 1, -1, -1):
        ratios[frame] = after
        after = _carried(blocks[frame] + after, step.T)
    return ratios


def _carried(log_ratio: Logs, weights: Logs) -> Logs:
    """Return the log ratio of the second to the first state after a step of log ``weights`` (from, to, ...)."""
    ratio: Logs = np.logaddexp(weights[0, 1], weights[1, 1] + log_ratio) - np.logaddexp(
        weights[0, 0], weights[1, 0] + log_ratio
    )
    return ratio
