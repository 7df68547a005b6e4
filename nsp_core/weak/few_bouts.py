"""A few annotated bouts: what a person labels with each, and how much its frames count.

One annotated bout is its frames and a margin on each side, exhaustively annotated. The behavior fills more of such
frames than of the recordings, so their share of present frames says nothing of how frequent it is, and a rule judged
by them as they are would call too much. Weights give them the class balance of the recordings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nsp_core.bouts import bouts_from_frames
from nsp_core.errors import LabelError
from nsp_core.labels import ABSENT, PRESENT, UNLABELED
from nsp_core.sequences import LabeledSequence

__all__ = [
    "FEWEST_BOUTS",
    "MARGIN_S",
    "BoutPlace",
    "annotated_bouts",
    "draw_bouts",
    "labeled_around",
    "labeled_share",
    "require_enough_bouts",
    "require_fps",
    "weighted_to_balance",
]

MARGIN_S = 2.0
# Four folds of two: below, a held-out score is that of a single bout.
FEWEST_BOUTS = 8


@dataclass(frozen=True, slots=True, order=True)
class BoutPlace:
    """A bout: the index of its sequence, and its half-open frames."""

    sequence: int
    start_frame: int
    stop_frame: int


def annotated_bouts(sequences: Sequence[LabeledSequence]) -> list[BoutPlace]:
    """Return the bouts that a person annotated, in order of sequence and time."""
    return [
        BoutPlace(index, int(start), int(stop))
        for index, one in enumerate(sequences)
        for start, stop in bouts_from_frames(one.gold_states == PRESENT)
    ]


def draw_bouts(sequences: Sequence[LabeledSequence], n_bouts: int, generator: np.random.Generator) -> list[BoutPlace]:
    """Return ``n_bouts`` annotated bouts drawn without replacement, all of them where there are no more.

    The first ones of a longer draw from the same generator state are those of a shorter one.
    """
    every = annotated_bouts(sequences)
    return [every[index] for index in generator.permutation(len(every))[:n_bouts]]


def labeled_around(
    sequences: Sequence[LabeledSequence], bouts: Sequence[BoutPlace], *, margin_s: float = MARGIN_S
) -> list[LabeledSequence]:
    """Return ``sequences`` with labels on ``bouts`` and so many seconds on each side, and on no other frame.

    Raises
    ------
    LabelError
        If a sequence has no frame rate.
    """
    kept = [np.full_like(one.states, UNLABELED) for one in sequences]
    for bout in bouts:
        one = sequences[bout.sequence]
        margin = round(margin_s * require_fps(one))
        frames = slice(max(bout.start_frame - margin, 0), bout.stop_frame + margin)
        kept[bout.sequence][frames] = one.gold_states[frames]
    return [replace(one, states=states, weak=None) for one, states in zip(sequences, kept, strict=True)]


def labeled_share(sequences: Sequence[LabeledSequence]) -> float:
    """Return the share of the annotated frames in which the behavior is present; NaN where none is annotated."""
    n_present, n_absent = (
        sum(int((one.gold_states == state).sum()) for one in sequences) for state in (PRESENT, ABSENT)
    )
    return n_present / (n_present + n_absent) if n_present + n_absent else math.nan


def weighted_to_balance(sequences: Sequence[LabeledSequence], share: float) -> list[LabeledSequence]:
    """Return ``sequences`` with weights under which ``share`` of the annotated frames show the behavior.

    The weights of all annotated frames add up to their number.

    Raises
    ------
    LabelError
        If no frame is annotated as present, or none as absent.
    """
    n_present, n_absent = (
        sum(int((one.gold_states == state).sum()) for one in sequences) for state in (PRESENT, ABSENT)
    )
    if not (n_present and n_absent):
        raise LabelError(
            found=f"{n_present} frames annotated as present and {n_absent} as absent",
            expected="some of both",
            where="annotated bouts",
            remedy="annotate a few bouts and the seconds around them",
        )
    n_frames = n_present + n_absent
    present, absent = share * n_frames / n_present, (1 - share) * n_frames / n_absent
    return [replace(one, weights=_weights(one.gold_states, present, absent)) for one in sequences]


def require_enough_bouts(sequences: Sequence[LabeledSequence], behavior: str) -> None:
    """Raise unless at least :data:`FEWEST_BOUTS` bouts are annotated.

    Raises
    ------
    LabelError
        If there are fewer: what is found from them could not be judged.
    """
    n_bouts = len(annotated_bouts(sequences))
    if n_bouts < FEWEST_BOUTS:
        raise LabelError(
            found=f"{n_bouts} annotated bouts of {behavior}",
            expected=f"at least {FEWEST_BOUTS}",
            where="annotated bouts",
            remedy=f"annotate {FEWEST_BOUTS - n_bouts} more, with the seconds around each",
        )


def require_fps(one: LabeledSequence) -> float:
    """Return the frame rate of a sequence.

    Raises
    ------
    LabelError
        If it has none.
    """
    if one.fps is None:
        raise LabelError(
            found="a recording without a frame rate",
            expected="frames per second",
            where=one.recording,
            remedy="give time in seconds, or the attribute fps",
        )
    return one.fps


def _weights(states: NDArray[np.int8], present: float, absent: float) -> NDArray[np.float32]:
    return np.choose(states + 1, (1.0, absent, present)).astype(np.float32)
