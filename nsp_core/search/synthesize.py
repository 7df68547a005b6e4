"""From feature sequences and labels to a Pareto front of readable programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from nsp_core import rng
from nsp_core.dsl.ast import Condition, complexity
from nsp_core.errors import LabelError, ProgramError
from nsp_core.search.assess import ProgramScorer
from nsp_core.search.beam import BEAM_WIDTH, BeamSettings, Budget, SearchProgress, beam_search, kind_of
from nsp_core.search.chains import Chain, FittingRows, make_fitting_rows
from nsp_core.search.columns import Column, Rows, columns_for, every_for, gather_rows, swapped_columns
from nsp_core.search.refine import drop_idle_clauses, move_to_best_f1, round_constants, shape_bouts
from nsp_core.search.result import Candidate, SynthesisResult, choose, pareto_front
from nsp_core.search.sampling import sample_by_bout
from nsp_core.search.screen import BinnedColumns, bin_columns
from nsp_core.sequences import LabeledSequence

__all__ = ["SearchMethod", "synthesize_sequences"]

SearchMethod = Literal["beam"]

MAX_COMPLEXITY = 18
COST_OF_CLAUSE = 4
N_LARGE, N_SMALL = 20_000, 4_000
FINALISTS_PER_KIND = 3


def synthesize_sequences(
    train: Sequence[LabeledSequence],
    validation: Sequence[LabeledSequence],
    *,
    seed: int,
    search: SearchMethod = "beam",
    budget: Budget | None = None,
    max_complexity: int = MAX_COMPLEXITY,
    width: int = BEAM_WIDTH,
    device: str = "cpu",
    report: Callable[[SearchProgress], None] = lambda progress: None,
) -> SynthesisResult:
    """Return the programs that recognize the labeled behavior, chosen on ``validation``.

    Parameters
    ----------
    train, validation
        Labeled sequences of different recordings.
    seed
        Drives the sampling of rows; the search itself is deterministic.
    search
        The search method.
    budget
        When to stop early; None runs to completion.
    max_complexity
        Most feature references plus learned constants a program may have.
    width
        Chains of each length that are extended further.
    device
        Where gradients are computed, such as ``cpu`` or ``cuda``.
    report
        Called after every stage.

    Raises
    ------
    LabelError
        If the training or validation labels lack one of the two classes.
    ProgramError
        If ``search`` is no known method, or ``max_complexity`` admits no program.
    """
    if search not in get_args(SearchMethod):
        raise ProgramError(
            found=f"search = '{search}'",
            expected=" or ".join(get_args(SearchMethod)),
            where="synthesize",
            remedy="choose one of them",
        )
    _require_both_classes(train, "training")
    _require_both_classes(validation, "validation")
    columns = columns_for(train)
    rows = _training_rows(train, columns, seed, device)
    finalists, n_candidates, stopped = beam_search(
        rows.small,
        rows.large,
        rows.binned,
        columns,
        settings=BeamSettings(n_clauses=max(1, max_complexity // COST_OF_CLAUSE), width=width),
        budget=budget or Budget(),
        report=report,
    )
    candidates = _finish(finalists, rows, columns, train, validation, max_complexity, report, n_candidates)
    if not candidates:
        raise ProgramError(
            found=f"max_complexity = {max_complexity}",
            expected=f"at least {COST_OF_CLAUSE}, the cost of one averaged threshold",
            where="synthesize",
            remedy="allow more complex programs",
        )
    front = pareto_front(candidates)
    best = choose(candidates)
    scores = {"program": {"train": best.train, "validation": best.validation}}
    return SynthesisResult(front, best, scores, stopped, n_candidates)


@dataclass(frozen=True, slots=True)
class _TrainingRows:
    """The rows of one search: all of them, and two samples laid out for fitting."""

    rows: Rows
    large: FittingRows
    small: FittingRows
    binned: BinnedColumns


def _training_rows(
    train: Sequence[LabeledSequence], columns: Sequence[Column], seed: int, device: str
) -> _TrainingRows:
    rows = gather_rows(train, columns, every=every_for(train))
    swapped = swapped_columns(columns)
    samples = []
    for name, n_rows in (("large", N_LARGE), ("small", N_SMALL)):
        chosen, frames = sample_by_bout(rows, n_rows, rng.stream(seed, "search", name))
        sampled = Rows(rows.values[chosen], rows.states[chosen], rows.recordings[chosen])
        samples.append((sampled, make_fitting_rows(sampled, frames, swapped, torch.device(device))))
    (_, large), (small_rows, small) = samples
    return _TrainingRows(rows, large, small, bin_columns(small_rows.values, swapped))


def _require_both_classes(sequences: Sequence[LabeledSequence], split: str) -> None:
    counts = {state: sum(int((sequence.states == state).sum()) for sequence in sequences) for state in (0, 1)}
    if min(counts.values()) == 0:
        raise LabelError(
            found=f"{counts[1]} frames with the behavior and {counts[0]} without in the {split} recordings",
            expected="some of both",
            where="labels",
            remedy="annotate more, or give other recordings this role",
        )


def _best_of_each_kind(finalists: Sequence[Chain]) -> list[Chain]:
    """Return the finalists of lowest loss of each length and kind, shortest first."""
    by_length: dict[tuple[int, str], list[Chain]] = {}
    for chain in sorted(finalists, key=lambda one: one.loss):
        by_length.setdefault((len(chain.clauses), kind_of(chain)), []).append(chain)
    return [chain for length in sorted(by_length) for chain in by_length[length][:FINALISTS_PER_KIND]]


def _finish(
    finalists: Sequence[Chain],
    rows: _TrainingRows,
    columns: Sequence[Column],
    train: Sequence[LabeledSequence],
    validation: Sequence[LabeledSequence],
    max_complexity: int,
    report: Callable[[SearchProgress], None],
    n_candidates: int,
) -> list[Candidate]:
    """Return the finished programs of the best finalists of each length."""
    chosen = _best_of_each_kind(finalists)
    on_train, on_validation = ProgramScorer(train), ProgramScorer(validation)
    candidates: dict[Condition, Candidate] = {}
    for done, chain in enumerate(chosen, start=1):
        rounded = round_constants(move_to_best_f1(chain, rows.large, rows.rows, columns))
        moved = drop_idle_clauses(rounded, on_train)
        shaped, _ = shape_bouts(moved, on_train)
        for program in (moved, shaped):
            if program not in candidates and complexity(program) <= max_complexity:
                candidates[program] = Candidate(
                    program, on_train.score(program), on_validation.score(program), on_train.soft_f1(program)
                )
        on_train.forget_truths()
        on_validation.forget_truths()
        report(SearchProgress("refine", done, len(chosen), n_candidates))
    return list(candidates.values())
