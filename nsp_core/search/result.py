"""What a search returns: the front of programs, the chosen one, its rivals, the trace, and why the search stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from nsp_core import rng
from nsp_core.dsl.ast import Condition, complexity
from nsp_core.dsl.text import format_program
from nsp_core.evaluate.bootstrap import scores_with_intervals
from nsp_core.evaluate.frames import FramePredictions, FrameScores
from nsp_core.search.state import Improvement

__all__ = ["Candidate", "SynthesisResult", "choose", "near_ties", "pareto_front", "with_intervals"]

NEAR_TIE = 0.02


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
        The program with the best mean of held-out F1 and average precision; it need not be on the front, which knows
        F1 only.
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


def choose(candidates: Sequence[Candidate]) -> Candidate:
    """Return the candidate with the best mean of held-out F1 and average precision, the simpler one if tied."""
    return max(candidates, key=lambda one: (_merit(one), -one.complexity, one.text))


def near_ties(best: Candidate, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Return the other candidates whose mean of held-out F1 and average precision is less than 0.02 lower.

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


def _merit(candidate: Candidate) -> float:
    return (candidate.validation.f1 + candidate.validation.ap) / 2
