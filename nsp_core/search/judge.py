"""Score many programs that differ in a constant or two: what they have in common is computed once.

On many frames, a sample of blocks tells which candidates are worth a look at all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.ast import Compare, Condition, Either, Number, walk
from nsp_core.dsl.semantics import Memo, predict
from nsp_core.evaluate.frames import FrameScores
from nsp_core.labels import ABSENT, PRESENT, UNLABELED
from nsp_core.search.assess import ProgramScorer
from nsp_core.search.constants import NumberValues
from nsp_core.sequences import LabeledSequence

__all__ = ["Judge", "number_values", "sampled_blocks"]

SAMPLE_FRAMES, BLOCK_FRAMES = 30_000, 4096

_Remembered = dict[tuple[int, str], set[Any]]


@dataclass(slots=True)
class Judge:
    """Scores candidates over one set of sequences and remembers no more than the next candidates need.

    Attributes
    ----------
    scorer
        Evaluates programs. What it remembered of others before stays.
    known
        Merit of every program scored so far.
    before, kept
        Keys of what was remembered before, and of what the next candidates need.
    """

    scorer: ProgramScorer
    known: dict[Condition, float] = field(default_factory=dict)
    before: _Remembered = field(default_factory=dict)
    kept: _Remembered = field(default_factory=dict)

    @classmethod
    def of(cls, scorer: ProgramScorer, program: Condition) -> Judge:
        """Return the judge of ``program`` and what comes of it."""
        before = {place: set(table) for place, table in _tables(scorer)}
        judge = cls(scorer, before=before)
        judge.settle(program)
        return judge

    def merit(self, program: Condition) -> float:
        """Return the mean of F1 and average precision."""
        if program not in self.known:
            self.known[program] = _merit(self.scorer.score(program))
            # Of a candidate, only what it computed of numbers may be of use to the next one.
            self._forget(Condition)
        return self.known[program]

    def settle(self, program: Condition) -> FrameScores:
        """Return the scores of ``program``, and keep its parts for the candidates that differ from it in one place."""
        scores = self.scorer.score(program)
        self.known[program] = _merit(scores)
        parts = set(walk(program))
        self.kept = {
            place: self.before.get(place, set()) | {key for key in table if key[0] in parts}
            for place, table in _tables(self.scorer)
        }
        self.tidy()
        return scores

    def tidy(self) -> None:
        """Forget all that belongs to candidates only."""
        self._forget(Condition | Number)

    def _forget(self, kind: Any) -> None:
        for place, table in _tables(self.scorer):
            for key in [key for key in table if isinstance(key[0], kind) and key not in self.kept.get(place, ())]:
                del table[key]


def number_values(number: Number, sequences: Sequence[LabeledSequence], *, both_orders: bool) -> NumberValues:
    """Return the values of ``number`` over ``sequences``, in either order of the two animals where both count."""
    # The evaluator knows truths; a comparison makes it compute, and remember, the number.
    probe: Condition = Compare(number, ">", 0.0)
    found = [_values_in(number, Either(probe) if both_orders else probe, sequence) for sequence in sequences]
    everywhere, at_behavior = (np.sort(np.concatenate(part)) for part in zip(*found, strict=True))
    return NumberValues(everywhere, at_behavior)


def sampled_blocks(sequences: Sequence[LabeledSequence]) -> Sequence[LabeledSequence]:
    """Return blocks of ``sequences``, about 30,000 frames in all, or the sequences themselves where they are few.

    Blocks are ranked by how often they show the behavior and every so many-th is taken, so that the sample shows it
    about as often as all of them; the block that shows it most is always there. Windows see no further than their
    block.
    """
    every = sum(len(sequence.states) for sequence in sequences) // SAMPLE_FRAMES
    if every < 2:
        return sequences
    blocks = [
        sequence.between(start, stop)
        for sequence in sequences
        for start, stop in _starts_and_stops(len(sequence.states))
    ]
    n_present = [int((block.states == PRESENT).sum()) for block in blocks]
    ranked = sorted(range(len(blocks)), key=lambda index: (-n_present[index], index))
    sample = [blocks[index] for index in sorted(ranked[::every])]
    return sample if any((block.states == ABSENT).any() for block in sample) else sequences


def _starts_and_stops(n_frames: int) -> list[tuple[int, int]]:
    return [(start, min(start + BLOCK_FRAMES, n_frames)) for start in range(0, n_frames, BLOCK_FRAMES)]


def _merit(scores: FrameScores) -> float:
    return (scores.f1 + scores.ap) / 2


def _tables(scorer: ProgramScorer) -> Iterator[tuple[tuple[int, str], dict[Any, Any]]]:
    """Yield all that a scorer remembers; every key begins with the node it belongs to."""
    for batch, memo in scorer.memos.items():
        for held in fields(memo):
            yield (batch, held.name), getattr(memo, held.name)


def _values_in(
    number: Number, probe: Condition, sequence: LabeledSequence
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the finite values of ``number`` at labeled frames, and at those with the behavior, of one sequence."""
    memo = Memo()
    predict(probe, sequence.column, sequence.fps, memo)
    # A number that holds conditions is also there at other temperatures; the exact rule is what is fitted.
    orders = [series for (node, at, *_), series in memo.numbers.items() if node == number and at in (None, 0.0)]
    found = []
    for frames in (sequence.states != UNLABELED, sequence.states == PRESENT):
        values = np.concatenate([series[frames] for series in orders]).astype(np.float64)
        found.append(values[np.isfinite(values)])
    return found[0], found[1]
