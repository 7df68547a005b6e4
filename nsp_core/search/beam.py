"""A batched beam: screen every one-clause extension exactly, fit the most promising many at once, keep the best.

Depth d holds chains of d clauses. Every kept chain is extended by each column, direction and join; exact screening
(:mod:`nsp_core.search.screen`) proposes the best thresholds by F1 and by likelihood; gradients fit all proposals of a
depth as one tensor job (:mod:`nsp_core.search.chains`), warm-started from their parents; the survivors of all depths
are the finalists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsp_core.errors import ProgramError
from nsp_core.search.chains import Chain, Clause, FittingRows
from nsp_core.search.columns import Column
from nsp_core.search.fit import chain_truth, fit_chains
from nsp_core.search.screen import MISSING, BinnedColumns, Join, ThresholdScores, screen_thresholds

__all__ = ["BEAM_WIDTH", "BeamSettings", "Budget", "SearchProgress", "beam_search", "kind_of"]

FIRST_SOFTNESS = 0.5
BEAM_WIDTH = 9


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
        Gradient steps for proposals and for survivors.
    """

    n_clauses: int = 4
    width: int = BEAM_WIDTH
    n_proposals: int = 24
    n_steps: int = 40
    n_polish_steps: int = 120


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
    """What to show a person who waits."""

    stage: str
    done: int
    total: int
    n_candidates: int


def beam_search(
    small: FittingRows,
    large: FittingRows,
    binned: BinnedColumns,
    columns: Sequence[Column],
    *,
    settings: BeamSettings,
    budget: Budget,
    report: Callable[[SearchProgress], None],
) -> tuple[list[Chain], int, str]:
    """Return the finalists of every depth, the number of fitted candidates, and why the search stopped.

    Parameters
    ----------
    small, large
        Rows on which proposals are fitted, and on which survivors are polished.
    binned
        The columns of ``small``, binned for screening.
    columns
        What each column is; oriented ones are used only inside ``either``.
    """
    families = [Chain((), either=False)]
    if any(column.oriented for column in columns):
        families.append(Chain((), either=True))
    beam, finalists, n_candidates = families, [], 0
    for depth in range(1, settings.n_clauses + 1):
        proposals: list[Chain] = []
        for chain in beam:
            proposals += _extensions(chain, small, binned, columns, settings.n_proposals)
        proposals = _distinct(proposals)
        allowance = None if budget.candidates is None else budget.candidates - n_candidates
        fitted = _fit_families(proposals[:allowance], small, settings.n_steps)
        n_candidates += len(fitted)
        beam = _fit_families(_survivors(fitted, settings.width, columns), large, settings.n_polish_steps)
        finalists += beam
        report(SearchProgress("search", depth, settings.n_clauses, n_candidates))
        stopped = budget.exhausted(n_candidates)
        if stopped is not None and (depth < settings.n_clauses or len(fitted) < len(proposals)):
            return finalists, n_candidates, stopped
    return finalists, n_candidates, "complete"


def _extensions(
    chain: Chain, rows: FittingRows, binned: BinnedColumns, columns: Sequence[Column], n_proposals: int
) -> list[Chain]:
    present = rows.present.cpu().numpy() > 0
    truth = chain_truth(chain, rows)
    usable = _usable_columns(chain, columns, rows.swapped)
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
    places = -(-width // len(present))
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


def _fit_families(chains: Sequence[Chain], rows: FittingRows, n_steps: int) -> list[Chain]:
    plain = [chain for chain in chains if not chain.either]
    either = [chain for chain in chains if chain.either]
    return [*fit_chains(plain, rows, n_steps=n_steps), *fit_chains(either, rows, n_steps=n_steps)]
