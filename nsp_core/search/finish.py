"""From fitted chains to programs that are printed, and judged as printed, on frames they were not fitted on.

Rows rank many chains; here the best few are judged frame by frame: bouts shaped, constants rounded, recordings they
were not fitted on. Gap filling and a minimum bout, or a vote over the frames around, are added where the held-out
scores say so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

from nsp_core.dsl.ast import Compare, Condition, Duration, FillGaps, Fraction, MinBout, complexity
from nsp_core.dsl.normal import normal_form
from nsp_core.evaluate.frames import FramePredictions, FrameScores, pooled_scores
from nsp_core.search.assess import ProgramScorer
from nsp_core.search.chains import Chain, program_of
from nsp_core.search.crossfit import ScoredChain, fit_folds
from nsp_core.search.development import Development
from nsp_core.search.losses import LossName
from nsp_core.search.operating import move_to_best_f1
from nsp_core.search.refine import drop_idle_clauses, round_constants
from nsp_core.search.result import Candidate
from nsp_core.sequences import only_fold

__all__ = ["finish_chains", "most_promising"]

GAPS_S = (None, 0.5, 2.0)
SHORTEST_BOUTS_S = (None, 0.5, 1.0)
# A vote over the frames around: its window, and the share of it in which the rule must hold.
VOTES_S = (1.0, 2.0, 4.0, 8.0)
VOTE_SHARES = (0.35, 0.5, 0.65)
VOTE_SOFTNESS = 0.1
LEAST_GAIN = 0.002
N_JUDGED = 8


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is done to the bouts of a rule.

    Attributes
    ----------
    gap_s, shortest_s
        Which gaps are filled and which bouts dropped, in seconds; None for neither.
    vote_s, share
        The rule holds where it holds in more than this share of a window of so many seconds; None for no vote.
    """

    gap_s: float | None = None
    shortest_s: float | None = None
    vote_s: float | None = None
    share: float = 0.5

    @property
    def cost(self) -> float:
        """What the mean of F1 and average precision must gain, by learned constant: a vote has three."""
        return LEAST_GAIN * ((self.gap_s is not None) + (self.shortest_s is not None) + 3 * (self.vote_s is not None))

    def of(self, program: Condition) -> Condition:
        """Return ``program`` with its bouts shaped."""
        if self.vote_s is not None:
            program = Compare(Fraction(program, Duration(self.vote_s)), ">", self.share, VOTE_SOFTNESS)
        if self.gap_s is not None:
            program = FillGaps(program, Duration(self.gap_s))
        return program if self.shortest_s is None else MinBout(program, Duration(self.shortest_s))


def most_promising(finalists: Sequence[ScoredChain], n_judged: int = N_JUDGED) -> list[ScoredChain]:
    """Return the finalists with the best held-out scores, and the best of every length that is not among them."""
    ranked = sorted(finalists, key=lambda one: -one.held_out.merit)
    chosen = ranked[:n_judged]
    lengths = {len(one.chain.clauses) for one in chosen}
    for one in ranked[n_judged:]:
        if len(one.chain.clauses) not in lengths:
            lengths.add(len(one.chain.clauses))
            chosen.append(one)
    return chosen


def finish_chains(
    chains: Sequence[Chain],
    development: Development,
    *,
    max_complexity: int,
    n_steps: int,
    loss: LossName,
    report: Callable[[int, int], None],
) -> list[Candidate]:
    """Return the finished programs of ``chains``, judged on the folds that their constants were fitted without.

    Parameters
    ----------
    chains
        Fitted to all development recordings.
    development
        What they were fitted to.
    max_complexity
        More complex programs are left out.
    n_steps, loss
        As in the fit.
    report
        Called with how many are done, and of how many.
    """
    on_fold = [
        ProgramScorer(only_fold(development.sequences, development.folds, fold)) for fold in range(development.n_folds)
    ]
    in_fold = [
        [round_constants(program_of(chain, development.scaling, development.columns)) for chain in fit.chains]
        for fit in fit_folds(chains, development, n_steps=n_steps, loss=loss)
    ]
    on_all = ProgramScorer(development.sequences)
    shapes = _shapes(development)
    finished: dict[Condition, Candidate] = {}
    for index, chain in enumerate(chains):
        moved = move_to_best_f1(chain, development.scaling, development.swapped, development.rows)
        plain = round_constants(program_of(moved, development.scaling, development.columns))
        allowed = [shape for shape in shapes if complexity(shape.of(plain)) <= max_complexity]
        judged = [(shape, *_judged(shape, [programs[index] for programs in in_fold], on_fold)) for shape in allowed]
        if judged:
            shape, scores, predictions = max(judged, key=lambda one: one[1].f1 + one[1].ap - 2 * one[0].cost)
            written = shape.of(plain)
            simpler = drop_idle_clauses(written, on_all)
            # As found, the clause that says most comes first; what is left of a shortened program must be joined anew.
            program = written if simpler == written else normal_form(simpler)
            # Two chains may end as one program; the better judged account of it stays.
            before = finished.get(program)
            if before is None or before.validation.f1 + before.validation.ap < scores.f1 + scores.ap:
                soft_f1 = on_all.soft_f1(program)
                finished[program] = Candidate(program, on_all.score(program), scores, soft_f1, tuple(predictions))
        for scorer in (*on_fold, on_all):
            scorer.forget_truths()
        report(index + 1, len(chains))
    return _distinct_behavior(list(finished.values()), on_all)


def _shapes(development: Development) -> list[_Shape]:
    """Return the ways to shape bouts: none but the plain one where no sequence holds two of the longest gaps."""
    longest = max(gap for gap in GAPS_S if gap is not None)
    long_enough = any(one.fps is not None and len(one.states) >= 2 * longest * one.fps for one in development.sequences)
    if not long_enough:
        return [_Shape()]
    votes = [_Shape(vote_s=window, share=share) for window, share in product(VOTES_S, VOTE_SHARES)]
    return [*(_Shape(gap, shortest) for gap, shortest in product(GAPS_S, SHORTEST_BOUTS_S)), *votes]


def _judged(
    shape: _Shape, programs: Sequence[Condition], on_fold: Sequence[ProgramScorer]
) -> tuple[FrameScores, list[FramePredictions]]:
    """Return scores and predictions of each fold's program on the frames of that fold."""
    predictions = [
        FramePredictions(sequence.recording, sequence.states, predicted.states, predicted.probability, sequence.weights)
        for program, scorer in zip(programs, on_fold, strict=True)
        for sequence, predicted in zip(scorer.sequences, scorer.predict(shape.of(program)), strict=True)
    ]
    return pooled_scores(predictions), predictions


def _distinct_behavior(candidates: Sequence[Candidate], on_all: ProgramScorer) -> list[Candidate]:
    """Return one candidate, the simplest, of those that decide every frame alike."""
    kept: dict[tuple[bytes, ...], Candidate] = {}
    for candidate in sorted(candidates, key=lambda one: (one.complexity, one.text)):
        decisions = tuple(predicted.states.tobytes() for predicted in on_all.predict(candidate.program))
        kept.setdefault(decisions, candidate)
        on_all.forget_truths()
    return list(kept.values())
