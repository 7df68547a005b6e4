"""How common a behavior is: an input of the label model, with an interval, and never the share of chosen bouts.

Someone who annotates "a few attacks" chooses frames because of the behavior, so the share of attacks among these frames
says nothing of their share in the recordings. Two sources are allowed: spans that were annotated exhaustively and were
chosen independently of the behavior (the first five minutes of every recording), and a person's statement.

References
----------
Rubin (1981), The Bayesian bootstrap, Annals of Statistics 9, 130-134, doi:10.1214/aos/1176345338.
Wilson (1927), Probable inference, Journal of the American Statistical Association 22, 209-212,
doi:10.1080/01621459.1927.10502953.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from nsp_core.bouts import bouts_from_frames
from nsp_core.errors import LabelError, StudyError
from nsp_core.labels import ABSENT, PRESENT, UNLABELED
from nsp_core.rng import stream

__all__ = ["AnnotatedSpan", "ClassBalance", "balance_from_spans", "stated_balance"]

CONFIDENCE_LEVEL = 0.95
N_DRAWS = 2000
# With one recording there is no variation between recordings to draw from.
FEWEST_RECORDINGS = 2


@dataclass(frozen=True, slots=True)
class ClassBalance:
    """Share of all frames in which the behavior is present.

    Attributes
    ----------
    share
        Above 0, below 1.
    low, high
        Between these it lies; equal to ``share`` where it is known exactly.
    source
        Where it comes from, one phrase.

    Raises
    ------
    StudyError
        Unless ``0 < low <= share <= high < 1``.
    """

    share: float
    low: float
    high: float
    source: str

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.share <= self.high < 1:
            raise StudyError(
                found=f"a share of {self.share:g} between {self.low:g} and {self.high:g}",
                expected="0 < low <= share <= high < 1",
                where=f"class balance ({self.source})",
                remedy="a behavior that never or always happens needs no labels; else widen the interval",
            )


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedSpan:
    """The label states of a recording and where it was annotated exhaustively.

    Attributes
    ----------
    recording
        Spans of one recording are drawn together.
    states
        Shape (time,): 1 present, 0 absent, -1 unlabeled.
    exhaustive
        Shape (time,): True where every bout was annotated *and* the span was chosen without regard to the behavior.

    Raises
    ------
    LabelError
        If the shapes differ, or a frame of an exhaustive span is unlabeled.
    """

    recording: str
    states: NDArray[np.integer]
    exhaustive: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if np.ndim(self.states) != 1 or np.shape(self.states) != np.shape(self.exhaustive):
            raise LabelError(
                found=f"states {np.shape(self.states)} and exhaustive {np.shape(self.exhaustive)}",
                expected="two series (time,) of one length",
                where=self.recording,
                remedy="mark every frame as exhaustively annotated or not",
            )
        n_unlabeled = int((self.states[self.exhaustive] == UNLABELED).sum())
        if n_unlabeled:
            raise LabelError(
                found=f"{n_unlabeled} unlabeled frames in exhaustively annotated spans",
                expected="present or absent on every frame of such a span",
                where=self.recording,
                remedy="add the observed spans of this behavior to the annotation, or mark fewer frames as exhaustive",
            )


def stated_balance(share: float, low: float, high: float, *, by: str = "the user") -> ClassBalance:
    """Return a class balance that a person states.

    Raises
    ------
    StudyError
        Unless ``0 < low <= share <= high < 1``.

    Examples
    --------
    >>> stated_balance(0.02, 0.01, 0.05).source
    'stated by the user'
    """
    return ClassBalance(share, low, high, f"stated by {by}")


def balance_from_spans(spans: Sequence[AnnotatedSpan], *, seed: int) -> ClassBalance:
    """Return the share of present frames in exhaustively annotated spans, with a 95 % interval.

    Parameters
    ----------
    spans
        One per sequence. Frames that are not exhaustive are left out, whatever their state.
    seed
        Of the draws.

    Returns
    -------
    The pooled share. Its interval is the wider, on either side, of two: a Bayesian bootstrap over recordings, and
    Wilson's interval for the number of independent looks that bouts and gaps of random length amount to. The first
    alone would be far too narrow with two or three recordings, and there is none with one.

    Notes
    -----
    Where bouts and gaps have exponential durations, the share p of a span with r bouts and gaps varies as much as that
    of r / (4 p (1 - p)) independent frames: its relative variance is that of the number of bouts plus that of their
    durations.

    Raises
    ------
    LabelError
        If no frame is exhaustive, or all such frames have the same state.

    Examples
    --------
    >>> states = np.array([0, 0, 0, 1, -1], dtype=np.int8)
    >>> balance_from_spans([AnnotatedSpan("a", states, states >= 0)], seed=0).share
    0.25
    """
    names = sorted({one.recording for one in spans if one.exhaustive.any()})
    counts = np.zeros((len(names), 2))
    n_runs = 0
    for one in spans:
        if one.exhaustive.any():
            present = one.exhaustive & (one.states == PRESENT)
            absent = one.exhaustive & (one.states == ABSENT)
            counts[names.index(one.recording)] += (present.sum(), one.exhaustive.sum())
            n_runs += len(bouts_from_frames(present)) + len(bouts_from_frames(absent))
    n_present, n_frames = counts.sum(axis=0)
    _check_both_states(n_present, n_frames)
    share = float(n_present / n_frames)
    low, high = _wilson(share, n_runs / (4 * share * (1 - share)))
    if len(names) >= FEWEST_RECORDINGS:
        # Weights that are never zero: a draw without the only recording that has the behavior would have no share.
        weights = stream(seed, "weak", "balance").dirichlet(np.ones(len(names)), size=N_DRAWS)
        draws = (weights @ counts[:, 0]) / (weights @ counts[:, 1])
        tail = (1 - CONFIDENCE_LEVEL) / 2
        drawn_low, drawn_high = np.quantile(draws, [tail, 1 - tail])
        low, high = min(low, float(drawn_low)), max(high, float(drawn_high))
    source = f"{n_frames:.0f} exhaustively annotated frames of {len(names)} recordings"
    return ClassBalance(share, min(low, share), max(high, share), source)


def _check_both_states(n_present: float, n_frames: float) -> None:
    if 0 < n_present < n_frames:
        return
    found = "no exhaustively annotated frame"
    if n_frames:
        found = f"{n_frames:.0f} exhaustively annotated frames, all {'present' if n_present else 'absent'}"
    raise LabelError(
        found=found,
        expected="frames with and without the behavior",
        where="class balance",
        remedy="annotate more, or state the share of frames with an interval",
    )


def _wilson(share: float, n_looks: float) -> tuple[float, float]:
    """Return Wilson's interval of a share among ``n_looks`` independent looks; inside (0, 1) for a share inside."""
    z = float(stats.norm.isf((1 - CONFIDENCE_LEVEL) / 2))
    center = (share + z**2 / (2 * n_looks)) / (1 + z**2 / n_looks)
    half = z / (1 + z**2 / n_looks) * np.sqrt(share * (1 - share) / n_looks + z**2 / (4 * n_looks**2))
    return float(center - half), float(center + half)
