"""Agreement of two series of states beyond chance: two programs, two annotators, or a program and an annotator.

Policy, the same for all of them:

- A frame on which one of the two has no state (-1: a program abstains, an annotator did not look) says nothing about
  whether they agree. It is left out of kappa, and ``share_decided`` says how many frames were not: the two belong
  together, for a program that abstains wherever it is hard agrees with everybody on the rest.
- Where both give one and the same state throughout, chance explains all of their agreement and kappa does not exist:
  it is NaN, while ``observed`` is 1. Where only one of them is constant kappa is 0, as it knows nothing of the other.
- Several recordings are *pooled*: counts are summed before anything is divided.

References
----------
Cohen, J. (1960). A coefficient of agreement for nominal scales. Educational and Psychological Measurement 20, 37-46,
equation 1. doi:10.1177/001316446002000104
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from nsp_core.errors import LabelError
from nsp_core.labels import ABSENT, PRESENT, UNLABELED

__all__ = ["Agreement", "agreement", "pairwise_agreement"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Frames by the states that two series give them; counts of several recordings add up.

    Attributes
    ----------
    both_present, only_first, only_second, both_absent
        Frames to which both give a state: both present, present in the first or the second only, both absent.
    undecided
        Frames to which at least one of the two gives none.

    Examples
    --------
    Of 50 frames 35 are alike and 25 would be by chance: kappa is (35 - 25) / (50 - 25).

    >>> Agreement(both_present=20, only_first=5, only_second=10, both_absent=15).kappa
    0.4
    """

    both_present: int = 0
    only_first: int = 0
    only_second: int = 0
    both_absent: int = 0
    undecided: int = 0

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def n_decided(self) -> int:
        """Frames to which both give a state."""
        return self.both_present + self.only_first + self.only_second + self.both_absent

    @property
    def share_decided(self) -> float:
        """Share of all frames to which both give a state, 0 to 1; NaN without frames."""
        n_frames = self.n_decided + self.undecided
        return self.n_decided / n_frames if n_frames else math.nan

    @property
    def observed(self) -> float:
        """Share of the frames decided by both on which they agree, 0 to 1; NaN without such frames."""
        return (self.both_present + self.both_absent) / self.n_decided if self.n_decided else math.nan

    @property
    def expected(self) -> float:
        """Share on which two with these shares of present frames would agree by chance; NaN without decided frames."""
        return self._expected_pairs / self.n_decided**2 if self.n_decided else math.nan

    @property
    def kappa(self) -> float:
        """Cohen's kappa over the frames decided by both, -1 to 1.

        1: always alike, 0: as often as by chance. NaN without such frames, or where both are constant and alike.
        """
        # Whole numbers until the last division: series that are alike have a kappa of exactly 1.
        n_pairs = self.n_decided**2
        agreed = (self.both_present + self.both_absent) * self.n_decided
        if n_pairs == self._expected_pairs:
            return math.nan
        return (agreed - self._expected_pairs) / (n_pairs - self._expected_pairs)

    @property
    def _expected_pairs(self) -> int:
        first, second = self.both_present + self.only_first, self.both_present + self.only_second
        return first * second + (self.n_decided - first) * (self.n_decided - second)


def agreement(first: NDArray[np.int8], second: NDArray[np.int8]) -> Agreement:
    """Return how two series of states agree.

    Parameters
    ----------
    first, second
        Shape (time,): 1 present, 0 absent, -1 abstained or unlabeled.

    Raises
    ------
    LabelError
        If they differ in length, or hold other values.

    Examples
    --------
    >>> found = agreement(np.array([1, 1, 0, 0, -1]), np.array([1, 0, 0, 0, 1]))
    >>> found.kappa, found.share_decided
    (0.5, 0.8)
    """
    if first.shape != second.shape or first.ndim != 1:
        raise LabelError(
            found=f"series of shapes {first.shape} and {second.shape}",
            expected="two series (time,) of one length",
            where="agreement",
            remedy="compare states of the same frames",
        )
    for states in (first, second):
        _require_states(states)
    code = (first.astype(np.int64) + 1) * 3 + (second.astype(np.int64) + 1)
    _, (_, both_absent, only_second), (_, only_first, both_present) = (
        np.bincount(code, minlength=9).reshape(3, 3).tolist()
    )
    n_decided = both_present + only_first + only_second + both_absent
    return Agreement(both_present, only_first, only_second, both_absent, undecided=first.size - n_decided)


def pairwise_agreement(series: Sequence[NDArray[np.int8]]) -> tuple[tuple[Agreement, ...], ...]:
    """Return how each of several series (time,) agrees with each: row ``i``, column ``j`` has ``i`` as the first.

    Raises
    ------
    LabelError
        As :func:`agreement`.

    Examples
    --------
    >>> states = [np.array([1, 0, 1, 0]), np.array([1, 0, 0, 0]), np.array([0, 1, 0, 1])]
    >>> [[pair.kappa for pair in row] for row in pairwise_agreement(states)]
    [[1.0, 0.5, -1.0], [0.5, 1.0, -0.5], [-1.0, -0.5, 1.0]]
    """
    return tuple(tuple(agreement(first, second) for second in series) for first in series)


def _require_states(states: NDArray[np.int8]) -> None:
    if not ((states == PRESENT) | (states == ABSENT) | (states == UNLABELED)).all():
        raise LabelError(
            found=f"states {np.unique(states).tolist()[:6]}",
            expected="1, 0 or -1",
            where="agreement",
            remedy="recode them: 1 present, 0 absent, -1 abstained or unlabeled",
        )
