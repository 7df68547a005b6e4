"""Held-out scores without giving recordings away: every fold is judged by constants fitted without it.

The structure of a chain (its words, windows, directions, joins) comes from all development recordings; its constants
are fitted anew without each fold and judged on that fold. Two or three validation recordings cannot tell programs apart
that differ by a few hundredths; all of them together can.

References
----------
Stone 1974, Cross-validatory choice, doi:10.1111/j.2517-6161.1974.tb00994.x.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nsp_core import rng
from nsp_core.search.chains import Chain, Scaling, make_fitting_rows
from nsp_core.search.development import N_LARGE, Development
from nsp_core.search.fit import fit_chains
from nsp_core.search.losses import LossName
from nsp_core.search.operating import chain_decision, chain_degree, move_to_best_f1
from nsp_core.search.rows import Rows
from nsp_core.sequences import IN_NO_FOLD

__all__ = ["FoldFit", "HeldOutScore", "ScoredChain", "fit_folds", "score_chains"]


@dataclass(frozen=True, slots=True)
class FoldFit:
    """Chains fitted and moved to their best F1 without one fold.

    Attributes
    ----------
    fold
        The fold left out.
    chains
        The chains, their columns counted as in the development set.
    """

    fold: int
    chains: tuple[Chain, ...]


@dataclass(frozen=True, slots=True)
class HeldOutScore:
    """F1 of the exact rule and average precision of the degree, over rows a chain was not fitted on."""

    f1: float
    ap: float

    @property
    def merit(self) -> float:
        """The mean of both, by which programs are chosen."""
        return (self.f1 + self.ap) / 2


@dataclass(frozen=True, slots=True)
class ScoredChain:
    """A fitted chain and how its like do on rows they were not fitted on."""

    chain: Chain
    held_out: HeldOutScore


def fit_folds(chains: Sequence[Chain], development: Development, *, n_steps: int, loss: LossName) -> Iterator[FoldFit]:
    """Yield ``chains`` fitted without each fold in turn, each from where the fit to all recordings ended.

    Only the columns that some chain names are looked at.
    """
    rows, scaling, swapped, place = _narrowed(chains, development)
    narrow = [_renumbered(chain, place) for chain in chains]
    wide = {index: column for column, index in place.items()}
    for fold in range(development.n_folds):
        kept = rows.of((development.fold_of_row != fold) & (development.fold_of_row != IN_NO_FOLD))
        sampled = kept.sample(N_LARGE, rng.stream(development.seed, "search", "fold", str(fold)))
        fitting = make_fitting_rows(sampled, swapped, scaling, development.device)
        fitted = fit_chains(narrow, fitting, n_steps=n_steps, loss=loss)
        moved = [move_to_best_f1(chain, scaling, swapped, kept) for chain in fitted]
        yield FoldFit(fold, tuple(_renumbered(chain, wide) for chain in moved))


def score_chains(
    chains: Sequence[Chain], development: Development, *, n_steps: int, loss: LossName
) -> list[ScoredChain]:
    """Return ``chains`` with the scores of their like on the rows of the folds left out."""
    if not chains:
        return []
    n_rows = development.rows.states.size
    decided = np.zeros((len(chains), n_rows), dtype=bool)
    degree = np.zeros((len(chains), n_rows), dtype=np.float32)
    rows, scaling, swapped, place = _narrowed(chains, development)
    for fit in fit_folds(chains, development, n_steps=n_steps, loss=loss):
        held = development.fold_of_row == fit.fold
        held_rows = rows.of(held)
        for index, chain in enumerate(fit.chains):
            own = _renumbered(chain, place)
            decided[index, held] = chain_decision(own, scaling, swapped, held_rows)
            degree[index, held] = chain_degree(own, scaling, swapped, held_rows)
    judged = development.fold_of_row >= 0
    if development.rows.weak is not None:
        judged &= ~development.rows.weak
    present, frames = development.rows.states[judged] == 1, development.rows.frames[judged]
    return [
        ScoredChain(chain, _held_out_score(yes[judged], soft[judged], present, frames))
        for chain, yes, soft in zip(chains, decided, degree, strict=True)
    ]


def _held_out_score(
    decided: NDArray[np.bool_], degree: NDArray[np.float32], present: NDArray[np.bool_], frames: NDArray[np.float64]
) -> HeldOutScore:
    positives = float(frames[present].sum())
    f1 = 2 * float(frames[decided & present].sum()) / (float(frames[decided].sum()) + positives)
    order = np.argsort(-degree, kind="stable")
    ranked, weight, hit = degree[order], frames[order], present[order]
    # Rows of one degree are called together: precision counts where the degree changes.
    last = np.append(ranked[1:] < ranked[:-1], True)
    true_pos, claimed = np.cumsum(weight * hit)[last], np.cumsum(weight)[last]
    ap = float(np.sum(np.diff(true_pos, prepend=0.0) * true_pos / claimed) / positives)
    return HeldOutScore(f1, ap)


def _narrowed(
    chains: Sequence[Chain], development: Development
) -> tuple[Rows, Scaling, NDArray[np.int64], dict[int, int]]:
    """Return rows, scaling and exchange of animals over the columns that ``chains`` name, and where each went."""
    swapped = development.swapped
    named = {clause.column for chain in chains for clause in chain.clauses}
    used = sorted(named | {int(swapped[column]) for column in named})
    place = {column: index for index, column in enumerate(used)}
    return (
        replace(development.rows, values=development.rows.values[:, used]),
        Scaling(development.scaling.center[used], development.scaling.scale[used]),
        np.array([place[int(swapped[column])] for column in used], dtype=np.int64),
        place,
    )


def _renumbered(chain: Chain, place: dict[int, int]) -> Chain:
    return replace(chain, clauses=tuple(replace(clause, column=place[clause.column]) for clause in chain.clauses))
