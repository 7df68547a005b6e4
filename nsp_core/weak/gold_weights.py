"""What a gold frame stands for: absent frames close to a bout stand for such frames only.

Who annotates chosen bouts also annotates what lies around them. Those absent frames are the hardest: votes begin early
and end late, and the animals are where the behavior happens. Far from bouts a labeling function raises fewer false
alarms, or other ones. Absent gold frames within one mean bout of a present one are therefore weighted to the share of
the absent time that lies there. With bouts at random times gaps have an exponential duration of mean G, and the share
within d of either end is ``1 - exp(-2 d / G)``.

References
----------
Horvitz & Thompson (1952), A generalization of sampling without replacement from a finite universe, Journal of the
American Statistical Association 47, 663-685, doi:10.1080/01621459.1952.10483446.
Ionides (2008), Truncated importance sampling, Journal of Computational and Graphical Statistics 17, 295-311,
doi:10.1198/106186008X320456.
Kish (1965), Survey Sampling, section 11.7 (looks that unequal weights cost).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsp_core.labels import ABSENT, PRESENT, UNLABELED
from nsp_core.weak.bout_smoothing import BoutChain
from nsp_core.weak.votes import VoteSequence

__all__ = ["GoldWeights", "gold_weights"]

MOST_RATIO = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class GoldWeights:
    """How much gold frames count.

    Attributes
    ----------
    frames
        Per sequence, shape (time,): 1 for present frames, about 1 for absent ones on average, 0 for unlabeled ones.
    far_s
        Seconds of absent gold farther than one mean bout from every known bout.
    """

    frames: tuple[NDArray[np.float64], ...]
    far_s: float


def gold_weights(gold: Sequence[VoteSequence], chain: BoutChain) -> GoldWeights:
    """Return what each labeled frame stands for.

    Parameters
    ----------
    gold
        Labeled sequences.
    chain
        How long bouts and gaps are.

    Returns
    -------
    Weights. The ratio of two of them is at most 10. Unequal weights are all made smaller, so that their sum is the
    number of equally weighted frames that would say as much. Where all absent frames are near bouts, or all far from
    them, they have equal weights.

    Examples
    --------
    Bouts and gaps of 1 s on average, at 1 frame per second: 86 % of the absent time is within 1 s of a bout, but only
    half of the absent gold frames are.

    >>> states = np.array([1, 0, 0])
    >>> one = VoteSequence("a", np.zeros((3, 1), dtype=np.int8), 1.0, states)
    >>> weights = gold_weights([one], BoutChain(1.0, 0.5)).frames[0]
    >>> round(float(weights[1] / weights[1:].sum()), 2)
    0.86
    """
    near = [_is_near(one, chain.mean_bout_s) for one in gold]
    absent = [one.known_states == ABSENT for one in gold]
    n_near = sum(int((here & close).sum()) for here, close in zip(absent, near, strict=True))
    n_far = sum(int((here & ~close).sum()) for here, close in zip(absent, near, strict=True))
    of_near, of_far = _weights(n_near, n_far, -float(np.expm1(-2 * chain.mean_bout_s / chain.mean_gap_s)))
    frames = tuple(
        np.where(here, np.where(close, of_near, of_far), one.known_states != UNLABELED)
        for one, here, close in zip(gold, absent, near, strict=True)
    )
    far_s = sum(float((here & ~close).sum()) / one.fps for one, here, close in zip(gold, absent, near, strict=True))
    return GoldWeights(frames, far_s)


def _weights(n_near: int, n_far: int, near_share: float) -> tuple[float, float]:
    """Return the weights of near and far absent frames."""
    if not n_near or not n_far:
        return 1.0, 1.0
    ratio = (near_share / n_near) / ((1 - near_share) / n_far)
    near = float(np.clip(ratio, 1 / MOST_RATIO, MOST_RATIO))
    kept = (near * n_near + n_far) / (near**2 * n_near + n_far)
    return near * kept, kept


def _is_near(one: VoteSequence, reach_s: float) -> NDArray[np.bool_]:
    """Return whether each frame (time,) is at most ``reach_s`` from a known present frame of the sequence."""
    present = np.flatnonzero(one.known_states == PRESENT)
    frames = np.arange(len(one.votes))
    if not present.size:
        return np.zeros(frames.size, dtype=bool)
    after = np.searchsorted(present, frames)
    before = present[np.maximum(after - 1, 0)]
    distance = np.minimum(np.abs(frames - before), np.abs(present[np.minimum(after, present.size - 1)] - frames))
    return np.asarray(distance <= reach_s * one.fps)
