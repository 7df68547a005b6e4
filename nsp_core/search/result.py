"""What a search returns: the front of programs, the chosen one, its rivals, the trace, and why the search stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nsp_core import rng
from nsp_core.dsl.ast import Condition, complexity
from nsp_core.dsl.text import format_program
from nsp_core.evaluate.bootstrap import merit_of_draws, scores_with_intervals
from nsp_core.evaluate.frames import FramePredictions, FrameScores
from nsp_core.search.state import Improvement

__all__ = ["Candidate", "SynthesisResult", "choose", "near_ties", "pareto_front", "with_intervals"]

NEAR_TIE = 0.02
N_DRAWS_OF_CHOICE = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """A finished program with its scores as printed.

    Attributes
    ----------
    program
        The program, its constants fitted to all development recordings.
    train
        Scores of the program on the frames it was fitted to: exact rule (F1, precision, recall) and smooth degree
        (average precision).
    validation
        Held-out scores: on each fold, those of the same program with constants fitted without that fold.
    soft_f1
        F1 of the smooth semantics cut at one half on the frames it was fitted to; minus ``train.f1`` it is the
        discretization gap.
    held_out
        What ``validation`` was counted from.
    """

    program: Condition
    train: FrameScores
    validation: FrameScores
    soft_f1: float
    held_out: tuple[FramePredictions, ...] = field(default=(), compare=False, repr=False)

    @property
    def text(self) -> str:
        """The program as a biologist reads it."""
        return format_program(self.program)

    @property
    def complexity(self) -> int:
        """Feature references plus learned constants."""
        return complexity(self.program)

    @property
    def discretization_gap(self) -> float:
        """F1 of the smooth semantics minus F1 of the exact rule, on training recordings."""
        return self.soft_f1 - self.train.f1


@dataclass(frozen=True, slots=True)
class SynthesisResult:
    """The outcome of a search.

    Attributes
    ----------
    front
        Programs no other program beats in both complexity and held-out F1, simplest first.
    best
        The simplest program that the recordings cannot tell from the best by mean of held-out F1 and average precision,
        see :func:`choose`; it need not be on the front, which knows F1 only.
    alternatives
        Programs that the recordings cannot tell from the best one: see :func:`near_ties`.
    scores
        Model -> split -> scores, on the same frames.
    stopped_because
        ``complete``, or what ended the search early. A search that fails is a value, not an exception.
    n_candidates
        Programs whose constants were fitted.
    trace
        Every improvement, as it was found.
    """

    front: tuple[Candidate, ...]
    best: Candidate
    alternatives: tuple[Candidate, ...]
    scores: Mapping[str, Mapping[str, FrameScores]]
    stopped_because: str
    n_candidates: int
    trace: tuple[Improvement, ...] = ()


def pareto_front(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Return the candidates that no simpler or equally simple one matches in held-out F1, simplest first."""
    front: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda one: (one.complexity, -one.validation.f1, -one.train.f1, one.text)):
        if not front or candidate.validation.f1 > front[-1].validation.f1:
            front.append(candidate)
    return tuple(front)


def choose(candidates: Sequence[Candidate], *, seed: int) -> Candidate:
    """Return the simplest candidate that the recordings cannot tell from the one with the best held-out scores.

    Scores are the mean of F1 and average precision. A candidate cannot be told from the best if it falls short of it by
    no more than one standard error of the difference of the two, over recordings drawn with replacement. Among equally
    simple ones the better is chosen; with a single recording, which has no standard error, the best of all.

    References
    ----------
    Breiman, L., Friedman, J., Olshen, R. & Stone, C. (1984). Classification and Regression Trees, section 3.4.3 (the
    rule of one standard error).
    """
    best = max(candidates, key=lambda one: (_merit(one), -one.complexity, one.text))
    reference = _merit_of_draws(best, seed)

    def comparable(one: Candidate) -> bool:
        difference = reference - _merit_of_draws(one, seed)
        difference = difference[~np.isnan(difference)]
        return difference.size > 0 and _merit(best) - _merit(one) <= float(difference.std())

    simpler = [one for one in candidates if one.complexity < best.complexity and comparable(one)]
    return min([best, *simpler], key=lambda one: (one.complexity, -_merit(one), one.text))


def near_ties(best: Candidate, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Return the other candidates whose mean of held-out F1 and average precision is at most 0.02 lower, or higher.

    Simplest first. With a dozen recordings such a difference says nothing: the reader may take the rule that makes
    more sense.
    """
    ties = [one for one in candidates if one is not best and _merit(best) - _merit(one) < NEAR_TIE]
    return tuple(sorted(ties, key=lambda one: (one.complexity, one.text)))


def with_intervals(candidate: Candidate, *, seed: int) -> Candidate:
    """Return ``candidate`` with 95 % intervals over recordings in its held-out scores."""
    if not candidate.held_out:
        return candidate
    scores = scores_with_intervals(candidate.held_out, generator=rng.stream(seed, "bootstrap", "validation"))
    return replace(candidate, validation=scores)


def _merit_of_draws(candidate: Candidate, seed: int) -> NDArray[np.float64]:
    generator = rng.stream(seed, "bootstrap", "choice")
    return merit_of_draws(candidate.held_out, generator=generator, n_resamples=N_DRAWS_OF_CHOICE)


def _merit(candidate: Candidate) -> float:
    return (candidate.validation.f1 + candidate.validation.ap) / 2
