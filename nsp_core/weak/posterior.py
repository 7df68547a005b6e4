"""Probabilities of presence from a fitted label model, held to the class balance on the frames it was fitted to.

Rates rest on a few annotated bouts, whose frames need not be like all others: votes then call more or less of the
recordings present than the class balance says. Where the mean probability of the unlabeled frames lies outside the
interval of the balance, the rates do not hold: one number is added to all log odds, such that this mean is the balance.

References
----------
Saerens, Latinne & Decaestecker (2002), Adjusting the outputs of a classifier to new a priori probabilities, Neural
Computation 14, 21-41, doi:10.1162/089976602753284446.
Mann & McCallum (2007), Simple, robust, scalable semi-supervised learning via expectation regularization, ICML, 593-600,
doi:10.1145/1273496.1273571 (label proportions as a constraint).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from nsp_core.labels import UNLABELED
from nsp_core.weak.balance import ClassBalance
from nsp_core.weak.calibrate import Calibration
from nsp_core.weak.vote_model import VoteModel
from nsp_core.weak.votes import VoteSequence

__all__ = ["FramePosterior", "Readout", "held_to_balance", "shift_to_share"]

LogOdds = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FramePosterior:
    """Probability that the behavior is present on each frame of a sequence.

    Attributes
    ----------
    recording, participants
        Whose frames these are.
    probability
        Shape (time,), 0 to 1, never NaN: where all functions abstain it is what their abstaining, the neighboring
        frames and the balance say.
    low, high
        Shape (time,): smallest and largest probability at the class balance and at either end of its interval.
    """

    recording: str
    participants: str
    probability: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Readout:
    """How probabilities are read from fitted vote models.

    Attributes
    ----------
    models
        At the low end of the balance, the balance itself and its high end.
    smoothed
        Whether neighboring frames are used.
    calibration
        The correction of log odds.
    shifts
        What is added to the log odds of each model.
    """

    models: tuple[VoteModel, VoteModel, VoteModel]
    smoothed: bool
    calibration: Calibration
    shifts: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def posteriors(self, votes: Sequence[VoteSequence]) -> list[FramePosterior]:
        """Return the probabilities on every frame; a sequence's do not depend on the others.

        Raises
        ------
        StudyError
            If neighboring frames are to be used and nothing says how long a bout lasts.
        """
        low, middle, high = (
            [expit(one + shift) for one in self.log_odds(model, votes)]
            for model, shift in zip(self.models, self.shifts, strict=True)
        )
        return [
            FramePosterior(
                one.recording,
                one.participants,
                middle[place],
                np.minimum(np.minimum(low[place], middle[place]), high[place]),
                np.maximum(np.maximum(low[place], middle[place]), high[place]),
            )
            for place, one in enumerate(votes)
        ]

    def log_odds(self, model: VoteModel, votes: Sequence[VoteSequence]) -> list[LogOdds]:
        """Return the calibrated log odds (time,) of each sequence under one of the models, before its shift."""
        log_odds = model.bout_log_odds(votes) if self.smoothed else model.frame_log_odds(votes)
        return [self.calibration.apply(one, model.share) for one in log_odds]


def held_to_balance(readout: Readout, votes: Sequence[VoteSequence], balance: ClassBalance) -> Readout:
    """Return ``readout`` with shifts by which each model holds to its balance on the unlabeled frames of ``votes``.

    Without shifts where they do already, as far as the interval of ``balance`` says, and where no frame is unlabeled.

    Raises
    ------
    StudyError
        If neighboring frames are to be used and nothing says how long a bout lasts.
    """
    of_models = [np.concatenate(_unlabeled(readout.log_odds(model, votes), votes)) for model in readout.models]
    if not of_models[1].size or balance.low <= expit(of_models[1]).mean() <= balance.high:
        return readout
    low, middle, high = (
        shift_to_share(log_odds, model.share) for log_odds, model in zip(of_models, readout.models, strict=True)
    )
    return replace(readout, shifts=(low, middle, high))


def shift_to_share(log_odds: LogOdds, share: float) -> float:
    """Return what to add to ``log_odds`` (frame,) so that the mean probability is ``share``.

    Examples
    --------
    >>> round(shift_to_share(np.zeros(4), 0.9), 4) == round(float(np.log(9)), 4)
    True
    """

    def surplus(shift: float) -> float:
        return float(expit(log_odds + shift).mean()) - share

    reach = float(np.abs(log_odds).max()) + abs(float(np.log(share / (1 - share)))) + 1
    return float(brentq(surplus, -reach, reach))


def _unlabeled(log_odds: Sequence[LogOdds], votes: Sequence[VoteSequence]) -> list[LogOdds]:
    return [odds[one.known_states == UNLABELED] for odds, one in zip(log_odds, votes, strict=True)]
