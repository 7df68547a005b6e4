"""Which values a constant of a program may take, and how few digits it needs.

A threshold is tried where the numbers it is compared with lie; everything that has a scale of its own (windows,
durations, widths of filters, frequencies, weights, softness) by factors; a share on a grid. All candidates have few
digits from the beginning, so that what is fitted can be printed and read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.ast import Vote
from nsp_core.dsl.constants import ProgramConstant
from nsp_core.sequences import LabeledSequence

__all__ = ["FINE_STEPS", "Ladder", "NumberValues", "ladder_of"]

SHARES_OF_ALL = (0.02, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.98)
SHARES_AT_BEHAVIOR = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
FINE_STEPS = (-0.1, -0.03, -0.01, -0.003, 0.003, 0.01, 0.03, 0.1)
FACTORS = (1 / 4, 1 / 2, 0.7, 1.4, 2.0, 4.0)
FINE_FACTORS = (0.8, 0.9, 1.1, 1.25)
SHARE_GRID = (0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98)
FINE_SHARES = (-0.05, -0.02, 0.02, 0.05)
N_DIGITS, N_DIGITS_OF_SOFTNESS = 3, 2
# Digits of a threshold much smaller than its spread say nothing.
LEAST_SHARE_OF_SPREAD = 0.01
# Every choice of parts of a vote has a sum of its own; with more parts than this the sums lie close together.
MOST_PARTS = 6
MOST_CUTS = 24
# Beyond, powers of ten are no floats.
MOST_DIGITS = 300


@dataclass(frozen=True, slots=True, eq=False)
class NumberValues:
    """The values a threshold is compared with.

    Attributes
    ----------
    everywhere
        Shape (value,), ascending: at labeled frames, missing ones left out.
    at_behavior
        Shape (value,), ascending: at the frames with the behavior among them.
    """

    everywhere: NDArray[np.float64]
    at_behavior: NDArray[np.float64]

    @property
    def spread(self) -> float:
        """Distance from the 5 % quantile to the 95 % quantile, or of the extremes where that is zero."""
        inner = np.quantile(self.everywhere, (0.05, 0.95))
        return float(inner[1] - inner[0]) or float(self.everywhere[-1] - self.everywhere[0])


@dataclass(frozen=True, slots=True)
class Ladder:
    """Candidates of one constant, and what else it may be.

    Attributes
    ----------
    low, high
        Least and largest value it may take; of its size, where steps are factors.
    by_factors
        Whether steps are factors rather than differences. The sign then stays.
    coarse, fine
        Candidates from all over the range and near to the present value, ascending.
    spread
        Distance of values that differ much; infinite where the value itself is the only measure.
    n_digits
        Digits that are kept.
    frame_rates
        Frames per unit of time, for a constant that is rounded to frames; else empty.
    """

    low: float
    high: float
    by_factors: bool
    coarse: tuple[float, ...] = ()
    fine: tuple[float, ...] = ()
    spread: float = math.inf
    n_digits: int = N_DIGITS
    frame_rates: tuple[float, ...] = ()

    def allows(self, value: float) -> bool:
        """Return whether the constant may be ``value``."""
        return self.low <= (abs(value) if self.by_factors else value) <= self.high

    def same(self, first: float, second: float) -> bool:
        """Return whether two values mean the same: equal, or as many frames at every frame rate."""
        if not self.frame_rates:
            return first == second
        # A centered window is rounded by its halves, every other duration as a whole.
        frames = [scale * rate for rate in self.frame_rates for scale in (0.5, 1.0)]
        return all(round(first * rate) == round(second * rate) for rate in frames)

    def midpoint(self, first: float, second: float) -> float:
        """Return the value between two others, by ratio or by difference, rounded."""
        if self.by_factors and first * second > 0:
            return self.rounded(math.copysign(math.sqrt(first * second), first))
        return self.rounded((first + second) / 2)

    def rounded(self, value: float) -> float:
        """Return ``value`` with few digits, counted from its spread where that is smaller than itself.

        Examples
        --------
        Positions within 20 mm of each other differ in their decimals only.

        >>> Ladder(0, 2000, by_factors=False, spread=20.0).rounded(1523.4271)
        1523.4
        >>> Ladder(0, 2000, by_factors=True).rounded(1523.4271)
        1520.0
        """
        exponent = self._last_digit(value)
        return _multiple(value, 1, exponent)

    def rounder(self, value: float) -> tuple[float, ...]:
        """Return rounder values near ``value``, the roundest first.

        Examples
        --------
        >>> Ladder(0, 100, by_factors=True).rounder(21.9873)
        (20.0, 22.0)
        """
        last = self._last_digit(value)
        steps = ((1, last + 3), (1, last + 2), (5, last + 1), (1, last + 1), (5, last), (1, last))
        near = dict.fromkeys(_multiple(value, *step) for step in steps)
        return tuple(one for one in near if one != value and one * value > 0 and self.allows(one))

    def _last_digit(self, value: float) -> int:
        """Return the exponent of ten of the last digit that ``value`` keeps."""
        size = abs(value)
        if math.isfinite(self.spread):
            size = min(max(size, LEAST_SHARE_OF_SPREAD * self.spread), self.spread)
        exponent = math.floor(math.log10(size)) + 1 - self.n_digits if size > 0 else 0
        # Of a duration counted in frames, parts mean nothing.
        return max(exponent, 0) if self.frame_rates == (1.0,) else exponent


def ladder_of(
    constant: ProgramConstant, values: NumberValues | None, sequences: Sequence[LabeledSequence]
) -> Ladder | str:
    """Return the candidates of ``constant``, or in words why it is better left as it is.

    Parameters
    ----------
    constant
        The constant with its present value.
    values
        The number that its threshold or softness belongs to; None for every other constant, and where a number has no
        values of its own, as inside a fold.
    sequences
        Their frame rates and lengths bound what is counted in time.
    """
    if values is not None and values.everywhere.size == 0:
        return "its number is missing at every labeled frame"
    if values is not None and values.spread == 0:
        return f"its number is {values.everywhere[0]:g} at every labeled frame"
    match constant.kind:
        case "threshold" if isinstance(constant.node, Vote):
            return _vote_threshold(constant.node)
        case "threshold" if values is not None:
            return _threshold(constant.value, values)
        case "share":
            near = [constant.value + step for step in FINE_SHARES]
            return _filled(Ladder(0, 1, by_factors=False, spread=1), constant.value, SHARE_GRID, near)
        case _ if constant.value == 0:
            return "zero has no scale of its own"
        case _:
            factors = [[constant.value * factor for factor in steps] for steps in (FACTORS, FINE_FACTORS)]
            return _filled(_bounds(constant, values, sequences), constant.value, *factors)


def _bounds(constant: ProgramConstant, values: NumberValues | None, sequences: Sequence[LabeledSequence]) -> Ladder:
    """Return an empty ladder of factors, with the bounds of a constant of this kind."""
    rates = tuple(sorted({sequence.fps or 1.0 for sequence in sequences}))
    longest = max(len(sequence.states) / (sequence.fps or 1.0) for sequence in sequences)
    match constant.kind:
        case "width" | "duration" | "sigma":
            return Ladder(1 / rates[0], longest, by_factors=True, frame_rates=rates)
        case "frequency":
            # Half the frame rate is the fastest that frames can show.
            return Ladder(1 / longest, rates[0] / 2, by_factors=True)
        case "softness":
            most = math.inf if values is None else 2 * values.spread
            return Ladder(0, most, by_factors=True, n_digits=N_DIGITS_OF_SOFTNESS)
        case _:
            return Ladder(0, math.inf, by_factors=True)


def _threshold(present: float, values: NumberValues) -> Ladder:
    spread = values.spread
    # Beyond the range of its number a threshold decides nothing, and only puzzles the reader.
    bounds = Ladder(values.everywhere[0], values.everywhere[-1], by_factors=False, spread=spread)
    quantiles = [*np.quantile(values.everywhere, SHARES_OF_ALL)]
    if values.at_behavior.size:
        quantiles += [*np.quantile(values.at_behavior, SHARES_AT_BEHAVIOR)]
    return _filled(bounds, present, quantiles, [present + step * spread for step in FINE_STEPS])


def _vote_threshold(vote: Vote) -> Ladder:
    """Return the cuts between the sums that the weights of the parts can have."""
    weights = vote.weights
    low, high = sum(min(weight, 0.0) for weight in weights), sum(max(weight, 0.0) for weight in weights)
    if len(weights) <= MOST_PARTS:
        chosen = (parts for size in range(len(weights) + 1) for parts in combinations(weights, size))
        sums = np.unique(np.round([sum(parts) for parts in chosen], 9))
    else:
        sums = np.linspace(low, high, MOST_CUTS + 1)
    cuts = (sums[1:] + sums[:-1]) / 2
    chosen_cuts = cuts[np.unique(np.linspace(0, cuts.size - 1, MOST_CUTS).round().astype(int))]
    return _filled(Ladder(low, high, by_factors=False, spread=high - low), vote.threshold, chosen_cuts.tolist(), ())


def _filled(bounds: Ladder, present: float, coarse: Iterable[float], fine: Iterable[float]) -> Ladder:
    """Return the ladder with its candidates rounded, ascending, and only those that differ in what they mean."""
    kept: list[tuple[float, ...]] = []
    for proposed in (coarse, fine):
        distinct = [present]
        for value in sorted(bounds.rounded(float(one)) for one in proposed):
            if bounds.allows(value) and not any(bounds.same(value, other) for other in distinct):
                distinct.append(value)
        kept.append(tuple(distinct[1:]))
    return replace(bounds, coarse=kept[0], fine=kept[1])


def _multiple(value: float, step: int, exponent: int) -> float:
    """Return the multiple of ``step`` times ten to the ``exponent`` that is nearest to ``value``."""
    if not -MOST_DIGITS < exponent < MOST_DIGITS:
        return value
    units = round(value / (step * 10.0**exponent)) * step
    # A quotient of whole numbers is the float nearest to the decimal; a product with 0.1 is not.
    return float(units * 10**exponent) if exponent >= 0 else units / 10**-exponent
