"""Votes of labeling functions on every frame: 1 present, 0 absent, -1 abstains.

Votes of many recordings have few distinct rows. Everything that is estimated from them is a sum over frames, so it is
estimated from the distinct rows (*patterns*) and how many frames have each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsp_core.errors import LabelError
from nsp_core.labels import ABSENT, PRESENT, UNLABELED

__all__ = [
    "ABSTAINS",
    "N_VOTES",
    "VotePatterns",
    "VoteSequence",
    "check_gold",
    "check_votes",
    "count_patterns",
    "distinct_rows",
]

ABSTAINS = -1
# Abstains, absent, present: a vote plus one is its place along the last axis of every table of rates.
N_VOTES = 3
# Three to the power 39 is the largest that fits an int64.
MOST_DIGITS = 39


@dataclass(frozen=True, slots=True, eq=False)
class VoteSequence:
    """The votes on one animal or dyad of one recording, and what is known of its frames.

    Attributes
    ----------
    recording
        Whose frames these are. Folds and intervals take all sequences of a recording together.
    votes
        Shape (time, function), integers: 1 present, 0 absent, -1 abstains.
    fps
        Frames per second.
    states
        Shape (time,): 1 present, 0 absent, -1 unlabeled; None where nothing is labeled.
    participants
        Tells sequences of one recording apart, for example ``"rat1 -> rat2"``.

    Raises
    ------
    LabelError
        If shapes or values are others than these.
    """

    recording: str
    votes: NDArray[np.integer]
    fps: float
    states: NDArray[np.integer] | None = None
    participants: str = ""

    def __post_init__(self) -> None:
        if np.ndim(self.votes) != 2 or not np.issubdtype(np.asarray(self.votes).dtype, np.integer):
            raise LabelError(
                found=f"votes of shape {np.shape(self.votes)} and type {np.asarray(self.votes).dtype}",
                expected="integers of shape (time, function)",
                where=self.name,
                remedy="give one column per labeling function",
            )
        _check_values(self.votes, "votes", "1 present, 0 absent, -1 abstains", self.name)
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise LabelError(
                found=f"{self.fps} frames per second",
                expected="a finite number above 0",
                where=self.name,
                remedy="give the frame rate of the video",
            )
        if self.states is None:
            return
        if np.shape(self.states) != (len(self.votes),):
            raise LabelError(
                found=f"states of shape {np.shape(self.states)} beside votes on {len(self.votes)} frames",
                expected="one state per frame",
                where=self.name,
                remedy="take votes and states from the same frames",
            )
        _check_values(self.states, "states", "1 present, 0 absent, -1 unlabeled", self.name)

    @property
    def name(self) -> str:
        """Recording and participants, for messages."""
        return f"{self.recording} ({self.participants})" if self.participants else self.recording

    @property
    def known_states(self) -> NDArray[np.int8]:
        """States (time,), all -1 where nothing is labeled."""
        if self.states is None:
            return np.full(len(self.votes), UNLABELED, dtype=np.int8)
        return np.asarray(self.states, dtype=np.int8)


@dataclass(frozen=True, slots=True, eq=False)
class VotePatterns:
    """The distinct rows of votes and how many frames have each.

    Attributes
    ----------
    votes
        Shape (pattern, function): 1, 0 or -1, in a fixed order.
    n_unlabeled
        Shape (pattern,): unlabeled frames with these votes.
    n_gold
        Shape (pattern, 2): gold frames with these votes, absent and present.
    """

    votes: NDArray[np.int8]
    n_unlabeled: NDArray[np.float64]
    n_gold: NDArray[np.float64]

    def tally(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the summed ``weights`` (pattern, ...) of every vote, shape (..., function, 3).

        Examples
        --------
        >>> patterns = VotePatterns(np.array([[1], [0]], dtype=np.int8), np.array([2.0, 3.0]), np.zeros((2, 2)))
        >>> patterns.tally(patterns.n_unlabeled).tolist()
        [[0.0, 3.0, 2.0]]
        """
        sums = [weights.T @ (self.votes == vote).astype(np.float64) for vote in (ABSTAINS, ABSENT, PRESENT)]
        return np.stack(sums, axis=-1)


def distinct_rows(votes: NDArray[np.integer]) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Return the distinct rows (pattern, function) of ``votes`` (time, function) and each frame's row (time,).

    Examples
    --------
    >>> rows, row_of_frame = distinct_rows(np.array([[1, 0], [-1, 1], [1, 0]]))
    >>> rows.tolist(), row_of_frame.tolist()
    ([[-1, 1], [1, 0]], [1, 0, 1])
    """
    rows = np.ascontiguousarray(votes, dtype=np.int8)
    if rows.shape[1] > MOST_DIGITS:
        unique, row_of_frame = np.unique(rows, axis=0, return_inverse=True)
        return unique, row_of_frame.reshape(-1)
    # One number per row sorts several times as fast as rows do.
    digits = 3 ** np.arange(rows.shape[1] - 1, -1, -1, dtype=np.int64)
    code = (rows.astype(np.int64) + 1) @ digits
    _, first, row_of_frame = np.unique(code, return_index=True, return_inverse=True)
    return rows[first], row_of_frame


def count_patterns(votes: Sequence[VoteSequence], gold: Sequence[VoteSequence]) -> VotePatterns:
    """Return the patterns of the unlabeled frames of ``votes`` and of the labeled frames of ``gold``."""
    unlabeled = [one.votes[one.known_states == UNLABELED] for one in votes]
    absent = [one.votes[one.known_states == ABSENT] for one in gold]
    present = [one.votes[one.known_states == PRESENT] for one in gold]
    kind = np.repeat([0, 1, 2], [sum(len(rows) for rows in group) for group in (unlabeled, absent, present)])
    rows, row_of_frame = distinct_rows(np.concatenate([*unlabeled, *absent, *present]))
    n_frames = np.bincount(row_of_frame * 3 + kind, minlength=3 * len(rows)).reshape(-1, 3).astype(np.float64)
    return VotePatterns(rows, n_frames[:, 0], n_frames[:, 1:])


def check_votes(sequences: Sequence[VoteSequence], *, where: str) -> int:
    """Return the number of labeling functions, the same in all ``sequences``.

    Raises
    ------
    LabelError
        If there is no frame, no function or not the same number of them everywhere, or if nothing but abstentions.
    """
    if not sum(len(one.votes) for one in sequences):
        raise LabelError(
            found="no votes",
            expected="votes on at least one frame",
            where=where,
            remedy="run the labeling functions over at least one recording",
        )
    n_functions: dict[int, str] = {one.votes.shape[1]: one.name for one in sequences}
    if len(n_functions) > 1:
        raise LabelError(
            found=" and ".join(f"{n} functions in {name}" for n, name in sorted(n_functions.items())),
            expected="the same labeling functions everywhere",
            where=where,
            remedy="run every labeling function over every recording",
        )
    if 0 in n_functions:
        raise LabelError(
            found="no labeling function",
            expected="at least one",
            where=where,
            remedy="synthesize or write labeling functions first",
        )
    if all((one.votes == ABSTAINS).all() for one in sequences):
        raise LabelError(
            found="labeling functions that abstain on every frame",
            expected="at least one vote",
            where=where,
            remedy="lower the certainty below which the functions abstain, or check that the recordings have poses",
        )
    return n_functions.popitem()[0]


def check_gold(gold: Sequence[VoteSequence]) -> None:
    """Refuse gold sequences that come twice.

    Raises
    ------
    LabelError
        If a sequence comes twice; it says so if the two contradict each other.
    """
    seen: dict[tuple[str, str], VoteSequence] = {}
    for one in gold:
        earlier = seen.setdefault((one.recording, one.participants), one)
        if earlier is one:
            continue
        raise LabelError(
            found=_repetition(earlier, one),
            expected="every gold frame once",
            where=one.name,
            remedy="settle what differs and join the annotations into one array of states; tell the dyads of a "
            "recording apart by their participants",
        )


def _repetition(one: VoteSequence, other: VoteSequence) -> str:
    first, second = one.known_states, other.known_states
    if first.shape != second.shape:
        return f"gold labels twice, on {first.size} and on {second.size} frames"
    both = (first != UNLABELED) & (second != UNLABELED)
    contradicted = int((both & (first != second)).sum())
    if contradicted:
        return f"contradictory gold labels: {contradicted} frames are both present and absent"
    return f"gold labels twice, {int(both.sum())} frames in common"


def _check_values(values: NDArray[np.integer], what: str, meaning: str, where: str) -> None:
    if not np.isin(values, (PRESENT, ABSENT, -1)).all():
        raise LabelError(
            found=f"{what} {np.unique(values).tolist()[:6]}",
            expected="1, 0 or -1",
            where=where,
            remedy=f"recode them: {meaning}",
        )
