"""A batched beam: screen every one-clause extension exactly, fit the most promising many at once, keep the best.

Depth d holds chains of d clauses. Every kept chain is extended by each column, direction and join; exact screening
(:mod:`nsp_core.search.screen`) proposes the best thresholds by F1 and by likelihood; all proposals of a depth are
fitted as one tensor job (:mod:`nsp_core.search.fit`), warm-started from their parents. :func:`deepen` goes one depth
further and is a function of the state before and of nothing else, so that an interrupted search ends like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.ast import complexity
from nsp_core.dsl.text import format_program
from nsp_core.errors import ProgramError
from nsp_core.search.chains import Chain, Clause, FittingRows, program_of
from nsp_core.search.columns import Column
from nsp_core.search.crossfit import ScoredChain, score_chains
from nsp_core.search.development import Development
from nsp_core.search.fit import chain_truth, fit_chains
from nsp_core.search.losses import LossName
from nsp_core.search.operating import move_to_best_f1
from nsp_core.search.refine import round_constants
from nsp_core.search.screen import MISSING, BinnedColumns, Join, ThresholdScores, screen_thresholds
from nsp_core.search.state import Improvement, SearchState

__all__ = ["BEAM_WIDTH", "BeamSettings", "Budget", "SearchProgress", "deepen", "first_state", "kind_of"]

FIRST_SOFTNESS = 0.5
BEAM_WIDTH = 9
# Candidates between two looks at the clock.
AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class BeamSettings:
    """How wide and deep the beam searches.

    Attributes
    ----------
    n_clauses
        Longest chain.
    width
        Chains of each depth that are extended further.
    n_proposals
        Extensions of one chain that are fitted.
    n_steps, n_polish_steps
        Newton steps for proposals, and for survivors and their like in each fold.
    loss
        What is minimized, see :data:`nsp_core.search.losses.LOSSES`.
    """

    n_clauses: int = 5
    width: int = BEAM_WIDTH
    n_proposals: int = 24
    n_steps: int = 12
    n_polish_steps: int = 25
    loss: LossName = "balanced"


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop early: after so many fitted candidates, or when ``should_stop`` says so (clocks live outside)."""

    candidates: int | None = None
    should_stop: Callable[[], bool] | None = None

    def __post_init__(self) -> None:
        if self.candidates is not None and self.candidates < 1:
            raise ProgramError(
                found=f"a budget of {self.candidates} candidates",
                expected="at least 1",
                where="budget",
                remedy="allow more candidates, or None for as many as the search wants",
            )

    def exhausted(self, n_candidates: int) -> str | None:
        """Return why the search must stop now, or None."""
        if self.candidates is not None and n_candidates >= self.candidates:
            return f"budget of {self.candidates} candidates"
        if self.should_stop is not None and self.should_stop():
            return "asked to stop"
        return None


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """What to show a person who waits: the stage and how far it is, and the best program so far with its F1."""

    stage: str
    done: int
    total: int
    n_candidates: int
    best_text: str = ""
    best_f1: float = float("nan")


def first_state(development: Development, seconds: float | None) -> SearchState:
    """Return the state of a search that has not begun."""
    families = [Chain((), either=False)]
    if any(column.oriented for column in development.columns):
        families.append(Chain((), either=True))
    return SearchState(beam=tuple(families), seconds=seconds)


def deepen(
    state: SearchState,
    development: Development,
    *,
    settings: BeamSettings,
    budget: Budget,
    start: Sequence[Chain] = (),
    clock: Callable[[], float] | None = None,
    report: Callable[[SearchProgress], None],
) -> SearchState:
    """Return the state of the search after one more clause.

    Parameters
    ----------
    state
        Where the search stands; not yet stopped.
    development
        What it learns from.
    settings, budget
        How it searches, and when it ends early.
    start
        Chains to go on from; each survives at the depth of its length, whatever else is found.
    clock
        Seconds spent since the search began, over all its runs.
    report
        Called after every few hundred candidates, and at the end of the depth.
    """
    proposals: list[Chain] = []
    for chain in state.beam:
        proposals += _extensions(chain, development, settings.n_proposals)
    proposals = _distinct(proposals)
    n_proposals = len(proposals)
    if budget.candidates is not None:
        proposals = proposals[: max(0, budget.candidates - state.n_candidates)]
    depth, fitted = state.depth + 1, list[Chain]()
    for first in range(0, len(proposals), AT_ONCE):
        batch = proposals[first : first + AT_ONCE]
        fitted += fit_chains(batch, development.small, n_steps=settings.n_steps, loss=settings.loss)
        report(_progress(state, settings, state.depth + len(fitted) / len(proposals), len(fitted)))
        if budget.should_stop is not None and budget.should_stop():
            break
    survivors = _survivors(fitted, settings.width, development.columns)
    survivors = _distinct([*(chain for chain in start if len(chain.clauses) == depth), *survivors])
    polished = fit_chains(survivors, development.large, n_steps=settings.n_polish_steps, loss=settings.loss)
    scored = score_chains(polished, development, n_steps=settings.n_polish_steps, loss=settings.loss)
    n_candidates = state.n_candidates + len(fitted)
    seconds = None if clock is None else clock()
    unfinished = depth < settings.n_clauses or len(fitted) < n_proposals
    stopped = budget.exhausted(n_candidates) if unfinished else "complete"
    after = SearchState(
        depth=depth,
        beam=tuple(polished),
        finalists=(*state.finalists, *scored),
        n_candidates=n_candidates,
        seconds=seconds,
        trace=(*state.trace, *_improvements(state, scored, development, n_candidates, seconds)),
        stopped=stopped or ("" if polished else "complete"),
    )
    report(_progress(after, settings, depth, 0))
    return after


def _progress(state: SearchState, settings: BeamSettings, done: float, more: int) -> SearchProgress:
    best = state.trace[-1] if state.trace else None
    # In hundredths of a depth, so that a bar moves within it.
    return SearchProgress(
        "search",
        round(100 * done),
        100 * settings.n_clauses,
        state.n_candidates + more,
        best.text if best else "",
        best.f1 if best else float("nan"),
    )


def _improvements(
    state: SearchState,
    scored: Sequence[ScoredChain],
    development: Development,
    n_candidates: int,
    seconds: float | None,
) -> list[Improvement]:
    """Return the best of ``scored`` as an improvement, if it is one."""
    if not scored:
        return []
    best = max(scored, key=lambda one: one.held_out.merit)
    before = state.trace[-1] if state.trace else None
    if before is not None and best.held_out.merit <= (before.f1 + before.ap) / 2:
        return []
    moved = move_to_best_f1(best.chain, development.scaling, development.swapped, development.rows)
    program = round_constants(program_of(moved, development.scaling, development.columns))
    score = best.held_out
    return [Improvement(n_candidates, seconds, format_program(program), complexity(program), score.f1, score.ap)]


def _extensions(chain: Chain, development: Development, n_proposals: int) -> list[Chain]:
    rows, binned, columns = development.small, development.binned, development.columns
    present = rows.present.cpu().numpy() > 0
    truth = chain_truth(chain, rows)
    usable = _usable_columns(chain, columns, rows.swapped) & development.distinct
    joins: tuple[Join, ...] = ("and", "or") if chain.clauses and not chain.either else ("and",)
    extensions = []
    for join in joins:
        if chain.either:
            everywhere = np.ones(present.size)
            below, above = (
                screen_thresholds(part, present, rows.frames, everywhere, "and")
                for part in _better_order(binned, rows.swapped, truth > 0.5)
            )
            by_criterion = [_one_direction_each(*pair) for pair in zip(below, above, strict=True)]
        else:
            by_criterion = list(screen_thresholds(binned, present, rows.frames, truth[0], join))
        for scores_of_columns in by_criterion:
            extensions += [
                _extended(chain, column, direction, join, float(scores_of_columns.threshold[column, direction]), rows)
                for column, direction in _best_places(scores_of_columns, usable, columns, n_proposals // 2)
            ]
    return extensions


def _usable_columns(chain: Chain, columns: Sequence[Column], swapped: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which columns may extend ``chain``.

    Only ``either`` may see who is called agent. Its first clause always does, and says agent rather than target:
    without such a clause, or with the animals exchanged throughout, it would be another chain over again.
    """
    oriented = np.array([column.oriented for column in columns])
    if not chain.either:
        return ~oriented
    if not chain.clauses:
        return oriented & (np.arange(len(columns)) < swapped)
    return np.ones(len(columns), dtype=bool)


def _better_order(
    binned: BinnedColumns, swapped: NDArray[np.int64], holds: NDArray[np.bool_]
) -> tuple[BinnedColumns, BinnedColumns]:
    """Return the columns of the better order of the animals, for ``<`` and for ``>``.

    ``either(p and x < c)`` holds where x of some order in which p holds is below c: where the smaller such x is. Both
    orders of a column share their bin edges, so their codes compare.
    """
    codes = binned.codes.astype(np.int16)
    orders = [np.where(holds[0], codes, MISSING), np.where(holds[1], codes[swapped], MISSING)]
    smallest = np.minimum(*orders)
    # Missing is the largest code; for the larger of two it must rank below every other.
    largest = np.maximum(*((order + 1) % (MISSING + 1) for order in orders))
    return (
        BinnedColumns(smallest.astype(np.uint8), binned.edges),
        BinnedColumns(((largest - 1) % (MISSING + 1)).astype(np.uint8), binned.edges),
    )


def _one_direction_each(below: ThresholdScores, above: ThresholdScores) -> ThresholdScores:
    return ThresholdScores(
        np.stack([below.score[:, 0], above.score[:, 1]], axis=1),
        np.stack([below.threshold[:, 0], above.threshold[:, 1]], axis=1),
    )


def _best_places(
    scores: ThresholdScores, usable: NDArray[np.bool_], columns: Sequence[Column], n_places: int
) -> list[tuple[int, int]]:
    """Return the best (column, direction) pairs, at most two windows of any feature in one direction."""
    score = np.where(usable[:, None], scores.score, -np.inf)
    taken: dict[tuple[str, int], int] = {}
    places: list[tuple[int, int]] = []
    for flat in np.argsort(-score, axis=None, kind="stable"):
        column, direction = divmod(int(flat), 2)
        if len(places) >= n_places or not np.isfinite(score[column, direction]):
            break
        key = (columns[column].feature, direction)
        if taken.get(key, 0) < 2:
            taken[key] = taken.get(key, 0) + 1
            places.append((column, direction))
    return places


def _extended(chain: Chain, column: int, direction: int, join: Join, threshold: float, rows: FittingRows) -> Chain:
    scaled = (threshold - float(rows.center[column])) / float(rows.scale[column])
    clause = Clause(column, -1 if direction == 0 else 1, join, scaled, FIRST_SOFTNESS)
    return Chain((*chain.clauses, clause), chain.either)


def _signature(chain: Chain) -> tuple[object, ...]:
    clauses = [(clause.column, clause.direction, clause.join) for clause in chain.clauses]
    # The first clause joins nothing; a chain of one join reads the same in any order.
    if len({join for _, _, join in clauses[1:]}) <= 1:
        joins = clauses[-1][2]
        clauses = sorted((column, direction, joins) for column, direction, _ in clauses)
    return (chain.either, *clauses)


def _distinct(chains: Sequence[Chain]) -> list[Chain]:
    return list({_signature(chain): chain for chain in reversed(chains)}.values())[::-1]


def _survivors(chains: Sequence[Chain], width: int, columns: Sequence[Column]) -> list[Chain]:
    """Return the chains of lowest loss, shared out between conjunctions, chains with *or*, and ``either`` chains.

    An *or* always lowers the training loss a little by covering more frames; without places of their own, the plain
    conjunctions, which carry over best to other recordings, would leave the beam. Within a kind, chains of the same
    features count once: they differ by the width of a window, and would crowd out every other word.
    """
    ranked = sorted(chains, key=lambda chain: chain.loss)
    kinds = [[chain for chain in ranked if kind_of(chain) == kind] for kind in ("and", "or", "either")]
    present = [kind for kind in kinds if kind]
    places = -(-width // max(len(present), 1))
    return [chain for kind in present for chain in _best_of_each_wording(kind, columns)[:places]]


def _best_of_each_wording(ranked: Sequence[Chain], columns: Sequence[Column]) -> list[Chain]:
    """Return the first of ``ranked`` for each set of features, directions and joins."""
    best: dict[tuple[object, ...], Chain] = {}
    for chain in ranked:
        # The first clause joins nothing.
        joins = ["and", *(clause.join for clause in chain.clauses[1:])]
        clauses = zip(chain.clauses, joins, strict=True)
        wording = sorted((columns[clause.column].feature, clause.direction, join) for clause, join in clauses)
        best.setdefault(tuple(wording), chain)
    return list(best.values())


def kind_of(chain: Chain) -> str:
    """Return ``either``, ``or`` (with at least one of them) or ``and``."""
    if chain.either:
        return "either"
    return "or" if any(clause.join == "or" for clause in chain.clauses) else "and"
