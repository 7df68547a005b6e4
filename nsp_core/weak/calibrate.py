"""Probabilities that hold: corrected on held-out gold frames, at the stated class balance.

Of the frames to which a calibrated model gives 0.7, 70 % have the behavior. Gold frames were often chosen because of
the behavior, so their own share of present frames must not enter. What is calibrated is therefore the *evidence*, the
log odds without those of the class balance: gold frames are weighted so that both states weigh the same, the map from
evidence to log likelihood ratio is fitted, and the log odds of the stated balance are added. This is weighting the gold
frames to the stated balance, without the few heavy frames that such weights make of a rare behavior. It takes for
granted that gold frames are like others *of their state*; see :mod:`nsp_core.weak.gold_weights` for absent frames.

The map is chosen by the amount of gold, counted in independent looks (a run of equal states counts once per duration of
an error):

- fewer than 5 looks at either state: none;
- fewer than 300: two numbers, a slope and an offset (Platt), drawn towards 1 and 0;
- else a monotone step function joined by lines (isotonic), and Platt's slope beyond what gold can tell.

References
----------
Platt (1999), Probabilistic outputs for support vector machines, in Advances in Large Margin Classifiers, 61-74.
Zadrozny & Elkan (2002), Transforming classifier scores into accurate multiclass probability estimates, KDD, 694-699,
doi:10.1145/775047.775151 (isotonic).
Saerens, Latinne & Decaestecker (2002), Adjusting the outputs of a classifier to new a priori probabilities, Neural
Computation 14, 21-41, equation 2.4, doi:10.1162/089976602753284446 (change of class balance).
Naeini, Cooper & Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning, AAAI 29, 2901-2907
(expected calibration error).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from nsp_core.errors import LabelError
from nsp_core.labels import ABSENT, PRESENT

__all__ = [
    "FEWEST_LOOKS",
    "Calibration",
    "CalibrationMethod",
    "Reliability",
    "ReliabilityBin",
    "balance_weights",
    "fit_calibration",
    "reliability",
]

CalibrationMethod = Literal["none", "platt", "isotonic"]

FEWEST_LOOKS = 5.0
ISOTONIC_LOOKS = 300.0
# Standard deviations towards which Platt's log slope and offset are drawn: with no gold to speak of, evidence stays.
LOG_SLOPE_SD = 0.5
OFFSET_SD = 1.0
N_BINS = 10
# Within a step of the isotonic map the order of frames is kept by a slope too small to matter.
STEP_SLOPE = 0.01
# Of evidence, where it is fitted: far below what gold can tell.
RESOLUTION = 1 / 64

Series = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """A map from evidence to calibrated evidence, increasing.

    Attributes
    ----------
    method
        How it was fitted.
    slope, offset
        Platt's map; 1 and 0 change nothing.
    knots, values
        Evidence and calibrated evidence between which the isotonic map is linear; empty for the other methods.
    n_absent, n_present
        Independent looks at either state that it was fitted to.
    reason
        Why there is none, a clause; empty if there is one.
    """

    method: CalibrationMethod
    slope: float = 1.0
    offset: float = 0.0
    knots: Series = field(default_factory=lambda: np.zeros(0))
    values: Series = field(default_factory=lambda: np.zeros(0))
    n_absent: float = 0.0
    n_present: float = 0.0
    reason: str = ""

    def apply(self, log_odds: Series, share: float) -> Series:
        """Return calibrated log odds (time,) of ``log_odds`` (time,) at a class balance of ``share``.

        Examples
        --------
        Odds of 9, of which the balance says 1 and the evidence 9, with half the evidence:

        >>> half = Calibration("platt", slope=0.5)
        >>> float(np.exp(half.apply(np.log([9.0]), share=0.5)).round(12)[0])
        3.0
        """
        prior = float(logit(share))
        evidence = log_odds - prior
        if self.method != "isotonic":
            return self.slope * evidence + self.offset + prior
        inside = np.clip(evidence, self.knots[0], self.knots[-1])
        calibrated = np.interp(inside, self.knots, self.values) + self.slope * (evidence - inside)
        return calibrated + prior


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Frames whose probability lies in ``[low, high)``, weighted to the class balance.

    Attributes
    ----------
    low, high
        Edges of the bin.
    probability
        Mean probability; NaN where there is no frame.
    observed
        Share of present frames; NaN where there is no frame.
    weight
        Share of all frames that lie here.
    """

    low: float
    high: float
    probability: float
    observed: float
    weight: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far probabilities hold.

    Attributes
    ----------
    bins
        Ten of equal width.
    ece
        Expected calibration error, the mean distance of probability and observed share, 0 to 1.
    brier
        Mean squared distance of probability and state, 0 to 1. A constant at the share p reaches p (1 - p).
    """

    bins: tuple[ReliabilityBin, ...]
    ece: float
    brier: float


def balance_weights(states: NDArray[np.integer], share: float, stands_for: Series | None = None) -> Series:
    """Return weights (frame,) that give present frames the ``share`` of the total 1.

    Within a state frames weigh as much as they stand for; None: all the same.

    Raises
    ------
    LabelError
        If a state is missing, or a frame is unlabeled.

    Examples
    --------
    >>> balance_weights(np.array([1, 1, 1, 0]), 0.25).tolist()
    [0.08333333333333333, 0.08333333333333333, 0.08333333333333333, 0.75]
    """
    n_present, n_absent = int((states == PRESENT).sum()), int((states == ABSENT).sum())
    if not n_present or not n_absent or n_present + n_absent < len(states):
        raise LabelError(
            found=f"{n_present} present, {n_absent} absent and {len(states) - n_present - n_absent} unlabeled frames",
            expected="labeled frames of both states",
            where="weighting to the class balance",
            remedy="annotate bouts together with some absent frames around them",
        )
    weights = np.ones(len(states)) if stands_for is None else stands_for
    total = [weights[states == state].sum() for state in (ABSENT, PRESENT)]
    balanced: Series = weights * np.where(states == PRESENT, share / total[1], (1 - share) / total[0])
    return balanced


def fit_calibration(evidence: Series, states: NDArray[np.integer], looks: Series) -> Calibration:
    """Return the map from held-out ``evidence`` to evidence that holds.

    Parameters
    ----------
    evidence
        Shape (frame,): log odds without those of the class balance, of models that have not seen the frame's state.
    states
        Shape (frame,): present or absent.
    looks
        Shape (frame,): independent looks per frame, above 0, at most 1.
    """
    n_absent, n_present = float(looks[states == ABSENT].sum()), float(looks[states == PRESENT].sum())
    if min(n_absent, n_present) < FEWEST_LOOKS:
        reason = (
            f"gold that can be held out has {n_present:.0f} independent looks at present and {n_absent:.0f} at absent "
            f"frames, and {FEWEST_LOOKS:.0f} are needed"
        )
        return Calibration("none", n_absent=n_absent, n_present=n_present, reason=reason)
    # As many looks at either state as the harmonic mean: that many say something of both.
    each = 2 / (1 / n_absent + 1 / n_present)
    weights = looks * np.where(states == PRESENT, each / n_present, each / n_absent)
    evidence, present, weights = _gathered(evidence, states == PRESENT, weights)
    slope, offset = _platt(evidence, present, weights)
    if min(n_absent, n_present) < ISOTONIC_LOOKS:
        return Calibration("platt", slope, offset, n_absent=n_absent, n_present=n_present)
    knots, values = _isotonic(evidence, present, weights, bound=float(np.log(each)))
    if knots.size < 2:
        return Calibration("platt", slope, offset, n_absent=n_absent, n_present=n_present)
    return Calibration("isotonic", slope, offset, knots, values, n_absent, n_present)


def reliability(
    probability: Series, states: NDArray[np.integer], share: float, stands_for: Series | None = None
) -> Reliability:
    """Return how far ``probability`` (frame,) holds on gold frames weighted to the class balance.

    Within a state frames weigh as much as they stand for; None: all the same.

    Raises
    ------
    LabelError
        If a state is missing, or a frame is unlabeled.

    Examples
    --------
    Probabilities of 0.25 and 0.75 that are right three times in four:

    >>> states = np.array([0, 0, 0, 1, 0, 1, 1, 1])
    >>> held = reliability(np.repeat([0.25, 0.75], 4), states, share=0.5)
    >>> held.ece, held.brier
    (0.0, 0.1875)
    """
    weights = balance_weights(states, share, stands_for)
    place = np.minimum((probability * N_BINS).astype(np.int64), N_BINS - 1)
    total, expected, observed = (
        np.bincount(place, weights * values, minlength=N_BINS)
        for values in (np.ones(len(states)), probability, states == PRESENT)
    )
    bins = tuple(
        ReliabilityBin(
            low=number / N_BINS,
            high=(number + 1) / N_BINS,
            probability=float(expected[number] / total[number]) if total[number] else math.nan,
            observed=float(observed[number] / total[number]) if total[number] else math.nan,
            weight=float(total[number]),
        )
        for number in range(N_BINS)
    )
    ece = float(np.abs(expected - observed).sum())
    return Reliability(bins, ece, float(weights @ (probability - (states == PRESENT)) ** 2))


def _gathered(
    evidence: Series, present: NDArray[np.bool_], weights: Series
) -> tuple[Series, NDArray[np.bool_], Series]:
    """Return frames of one state and nearly the same evidence as one: a fit takes a hundredth of the time."""
    step = np.rint(evidence / RESOLUTION).astype(np.int64)
    place, row = np.unique(2 * step + present, return_inverse=True)
    nearly = np.asarray((place // 2) * RESOLUTION, dtype=np.float64)
    return nearly, np.asarray(place % 2 == 1), np.bincount(row, weights).astype(np.float64)


def _platt(evidence: Series, present: NDArray[np.bool_], weights: Series) -> tuple[float, float]:
    sign = np.where(present, 1.0, -1.0)

    def loss(parameters: Series) -> tuple[float, Series]:
        log_slope, offset = parameters
        slope = math.exp(log_slope)
        margin = sign * (slope * evidence + offset)
        pull = -weights * sign * expit(-margin)
        value = float(weights @ np.logaddexp(0, -margin))
        value += log_slope**2 / (2 * LOG_SLOPE_SD**2) + offset**2 / (2 * OFFSET_SD**2)
        gradient = np.array([pull @ evidence * slope + log_slope / LOG_SLOPE_SD**2, pull.sum() + offset / OFFSET_SD**2])
        return value, gradient

    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-3, 3), (-10, 10)])
    return math.exp(found.x[0]), float(found.x[1])


def _isotonic(evidence: Series, present: NDArray[np.bool_], weights: Series, bound: float) -> tuple[Series, Series]:
    """Return the knots of the isotonic map, as far as gold can tell: log likelihood ratios within ``bound``."""
    fitted = IsotonicRegression(y_min=0, y_max=1).fit(evidence, present.astype(np.float64), sample_weight=weights)
    knots = np.asarray(fitted.X_thresholds_, dtype=np.float64)
    shares = np.asarray(fitted.y_thresholds_, dtype=np.float64)
    told = (shares > expit(-bound)) & (shares < expit(bound))
    knots, values = knots[told], logit(shares[told])
    return knots, values + STEP_SLOPE * (knots - (knots.mean() if knots.size else 0))
