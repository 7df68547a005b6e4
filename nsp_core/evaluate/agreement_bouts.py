"""Agreement of two annotators bout by bout: which bouts are the same, and how much earlier one of them starts.

Convention:

- A bout is a run of present frames among those that both looked at; two bouts that touch are one, as states of frames
  do not tell them apart.
- Two bouts match where the frames they have in common are at least ``overlap`` of the frames of either (intersection
  over union). Each bout matches one other at most: as many bouts as possible are matched, and of several ways to do so
  that with the largest sum of overlaps is taken.
- The default of a quarter is the middle one of the three thresholds customary for actions in video (10, 25 and 50 %).
  Half, the strictest, would leave out just those bouts whose onsets differ most.
- An onset or offset at the edge of the frames that both looked at is where somebody began or ceased to look: it counts
  for the match, and has no difference in time.

References
----------
Lea, C., Flynn, M. D., Vidal, R., Reiter, A. & Hager, G. D. (2017). Temporal convolutional networks for action
segmentation and detection. CVPR, 1003-1012 (segmental F1). doi:10.1109/CVPR.2017.113
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsp_core.bouts import bouts_from_frames
from nsp_core.errors import LabelError
from nsp_core.labels import PRESENT, UNLABELED

__all__ = ["OVERLAP", "BoutAgreement", "MatchedSeries", "bout_f1_by_chance", "match_bouts", "matched_series"]

OVERLAP = 0.25
N_SHIFTS = 40


@dataclass(frozen=True, slots=True)
class BoutAgreement:
    """Bouts of two annotators and how many of them match; those of several recordings add up.

    Examples
    --------
    >>> BoutAgreement(n_first=4, n_second=6, n_matched=3).f1
    0.6
    """

    n_first: int = 0
    n_second: int = 0
    n_matched: int = 0

    def __add__(self, other: BoutAgreement) -> BoutAgreement:
        return BoutAgreement(
            self.n_first + other.n_first, self.n_second + other.n_second, self.n_matched + other.n_matched
        )

    @property
    def f1(self) -> float:
        """Share of all bouts that match, 0 to 1: the F1 of either as judged by the other. NaN without bouts."""
        n_bouts = self.n_first + self.n_second
        return 2 * self.n_matched / n_bouts if n_bouts else math.nan


@dataclass(frozen=True, slots=True, eq=False)
class MatchedSeries:
    """The bouts of two annotators in one series of frames, and those that match.

    Attributes
    ----------
    agreement
        How many there are.
    matches
        Shape (match, 2, 2): start and stop, as half-open frames, of the first's bout and of the second's.
    onset_frames, offset_frames
        Shape (match,): first minus second, in frames; negative where the first starts or ends earlier. NaN where either
        lies at the edge of what both looked at.
    """

    agreement: BoutAgreement
    matches: NDArray[np.int64]
    onset_frames: NDArray[np.float64]
    offset_frames: NDArray[np.float64]


def match_bouts(first: NDArray[np.int64], second: NDArray[np.int64], *, overlap: float = OVERLAP) -> NDArray[np.int64]:
    """Return which bouts match, one to one, as rows (place in ``first``, place in ``second``) of shape (match, 2).

    Parameters
    ----------
    first, second
        Shape (bout, 2): half-open frames ``start, stop``, ascending; bouts of one annotator do not overlap.
    overlap
        Least share of the frames of either that both have, above 0 and up to 1.

    Raises
    ------
    LabelError
        If ``overlap`` is none.

    Notes
    -----
    Bouts that are in order on either side can only match in order. So all pairs that may match, in order, conflict
    with a run of pairs just before them, and the best choice is found from pair to pair as for weighted intervals.

    Examples
    --------
    A long bout of one is two of the other; the longer of these has the larger share in it.

    >>> match_bouts(np.array([[0, 10], [20, 30]]), np.array([[0, 4], [5, 10], [21, 29]])).tolist()
    [[0, 1], [1, 2]]
    """
    if not 0 < overlap <= 1:
        raise LabelError(
            found=f"overlap = {overlap}",
            expected="a share above 0 and up to 1",
            where="matching of bouts",
            remedy="state the least intersection over union of two bouts that match, such as 0.25",
        )
    pairs = _pairs(first, second, overlap)
    # Best choice among the first k pairs: number of matches, sum of their overlaps.
    best: list[tuple[int, float]] = [(0, 0.0)]
    free = _last_without_conflict(pairs)
    for k, (_, _, share) in enumerate(pairs):
        number, total = best[free[k]]
        best.append(max(best[k], (number + 1, total + share)))
    chosen, k = [], len(pairs)
    while k > 0:
        if best[k] == best[k - 1]:
            k -= 1
        else:
            chosen.append(pairs[k - 1][:2])
            k = free[k - 1]
    return np.array(chosen[::-1], dtype=np.int64).reshape(-1, 2)


def matched_series(first: NDArray[np.int8], second: NDArray[np.int8], *, overlap: float = OVERLAP) -> MatchedSeries:
    """Return the bouts of two series of states and those that match, over the frames that both looked at.

    Parameters
    ----------
    first, second
        Shape (time,), of one length: 1 present, 0 absent, -1 unlabeled.
    overlap
        As :func:`match_bouts`.

    Raises
    ------
    LabelError
        If they differ in length, or ``overlap`` is none.

    Examples
    --------
    The second starts two frames later.

    >>> first, second = np.array([0, 1, 1, 1, 1, 0]), np.array([0, 0, 0, 1, 1, 0])
    >>> matched_series(first, second).onset_frames.tolist()
    [-2.0]
    """
    if first.shape != second.shape or first.ndim != 1:
        raise LabelError(
            found=f"series of shapes {first.shape} and {second.shape}",
            expected="two series (time,) of one length",
            where="matching of bouts",
            remedy="compare states of the same frames",
        )
    common = (first != UNLABELED) & (second != UNLABELED)
    bouts = [bouts_from_frames(common & (states == PRESENT)) for states in (first, second)]
    places = match_bouts(*bouts, overlap=overlap)
    matches = np.stack([own[places[:, side]] for side, own in enumerate(bouts)], axis=1)
    # Whether frame t - 1 and frame t were both looked at: only then is a change between them seen.
    seen = np.concatenate([[False], common[1:] & common[:-1], [False]])
    differences = (matches[:, 0] - matches[:, 1]).astype(np.float64)
    differences[~seen[matches].all(axis=1)] = np.nan
    agreement = BoutAgreement(len(bouts[0]), len(bouts[1]), len(places))
    return MatchedSeries(agreement, matches, differences[:, 0], differences[:, 1])


def bout_f1_by_chance(
    pairs: list[tuple[NDArray[np.int8], NDArray[np.int8]]], *, overlap: float = OVERLAP, n_shifts: int = N_SHIFTS
) -> float:
    """Return the F1 of bouts that two annotators would reach if their bouts had nothing to do with each other.

    Parameters
    ----------
    pairs
        States (time,) of the first and the second, one pair per series.
    overlap
        As :func:`match_bouts`.
    n_shifts
        How often it is computed.

    Returns
    -------
    Mean F1 with the second's states moved around the circle of the frames that both looked at, by 1, 2, ... of
    ``n_shifts + 1`` equal parts of it; bouts keep their lengths. NaN without bouts.

    Examples
    --------
    Of 100 frames each has one bout of 50: with a shift of a quarter to three quarters they share a third or less of 75
    or more.

    >>> half = np.repeat(np.array([1, 0], dtype=np.int8), 50)
    >>> bout_f1_by_chance([(half, half)], overlap=0.9, n_shifts=3)
    0.0
    """
    circles = []
    for first, second in pairs:
        common = (first != UNLABELED) & (second != UNLABELED)
        circles.append((bouts_from_frames(first[common] == PRESENT), second[common] == PRESENT))
    found = []
    for shift in range(1, n_shifts + 1):
        pooled = BoutAgreement()
        for own, present in circles:
            moved = bouts_from_frames(np.roll(present, shift * present.size // (n_shifts + 1)))
            pooled += BoutAgreement(len(own), len(moved), len(match_bouts(own, moved, overlap=overlap)))
        found.append(pooled.f1)
    return float(np.mean(found)) if found else math.nan


def _pairs(first: NDArray[np.int64], second: NDArray[np.int64], overlap: float) -> list[tuple[int, int, float]]:
    """Return place, place and intersection over union of the bouts that may match, in order."""
    lowest = np.searchsorted(second[:, 1], first[:, 0], side="right").tolist()
    beyond = np.searchsorted(second[:, 0], first[:, 1], side="left").tolist()
    found = []
    other = second.tolist()
    for place, (start, stop) in enumerate(first.tolist()):
        for against in range(lowest[place], beyond[place]):
            begin, end = other[against]
            common = min(stop, end) - max(start, begin)
            union = max(stop, end) - min(start, begin)
            if common >= overlap * union:
                found.append((place, against, common / union))
    return found


def _last_without_conflict(pairs: list[tuple[int, int, float]]) -> list[int]:
    """Return how many of the pairs before each one, counted from the first, share no bout with it."""
    free: list[int] = []
    for k, (place, against, _) in enumerate(pairs):
        before = k
        while before > 0 and (pairs[before - 1][0] == place or pairs[before - 1][1] == against):
            before -= 1
        free.append(before)
    return free
