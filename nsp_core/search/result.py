"""What a search returns: the front of programs, the chosen one, its scores, and why the search stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nsp_core.dsl.ast import Condition, complexity
from nsp_core.dsl.text import format_program
from nsp_core.evaluate.frames import FrameScores

__all__ = ["Candidate", "SynthesisResult", "choose", "pareto_front"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A finished program with the scores of its printed text on training and validation recordings.

    Attributes
    ----------
    program
        The program.
    train, validation
        Scores by the exact rule (F1, precision, recall) and the smooth degree (average precision).
    soft_f1
        Training F1 of the smooth semantics cut at one half; minus ``train.f1`` it is the discretization gap.
    """

    program: Condition
    train: FrameScores
    validation: FrameScores
    soft_f1: float

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
        Programs no other program beats in both complexity and validation F1, simplest first.
    best
        The program with the best mean of validation F1 and average precision; it need not be on the front, which
        knows F1 only.
    scores
        Model -> split -> scores, on the same frames.
    stopped_because
        ``complete``, or what ended the search early. A search that fails is a value, not an exception.
    n_candidates
        Programs whose constants were fitted.
    """

    front: tuple[Candidate, ...]
    best: Candidate
    scores: Mapping[str, Mapping[str, FrameScores]]
    stopped_because: str
    n_candidates: int


def pareto_front(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Return the candidates that no simpler or equally simple one matches in validation F1, simplest first."""
    front: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda one: (one.complexity, -one.validation.f1, -one.train.f1, one.text)):
        if not front or candidate.validation.f1 > front[-1].validation.f1:
            front.append(candidate)
    return tuple(front)


def choose(candidates: Sequence[Candidate]) -> Candidate:
    """Return the candidate with the best mean of validation F1 and average precision, the simpler one if tied."""
    return max(candidates, key=lambda one: (one.validation.f1 + one.validation.ap, -one.complexity, one.text))
