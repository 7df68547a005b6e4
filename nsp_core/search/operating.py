"""Where a fitted chain says yes: its thresholds moved to the best exact F1.

Gradients fit the smooth semantics; the exact rule needs its own operating point. All thresholds move together, each in
units of its softness, which keeps the ranking by degree; a sort of the margins finds the best place among all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from nsp_core.search.chains import Chain, FittingRows, Scaling
from nsp_core.search.rows import Rows

__all__ = ["chain_decision", "chain_degree", "move_to_best_f1"]

_FAILED, _CERTAIN = -1e9, 1e9
Scaled = Scaling | FittingRows
Joining = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


def move_to_best_f1(chain: Chain, scaling: Scaled, swapped: NDArray[np.int64], rows: Rows) -> Chain:
    """Return ``chain`` with its thresholds moved to the best exact F1 over the frames that ``rows`` stand for.

    Parameters
    ----------
    chain
        A fitted chain.
    scaling
        What its constants are measured in.
    swapped
        Shape (column,): the column in which the animals have changed places.
    rows
        Where F1 is counted.
    """
    margins = _margins(chain, scaling, swapped, rows)
    # The margin of the chain moves by t when that of every clause does.
    margin = _joined(margins, chain, np.minimum, np.maximum).max(axis=0)
    shift = _best_cut(margin, rows.states == 1, rows.frames)
    clauses = tuple(
        replace(clause, threshold=clause.threshold + clause.direction * clause.softness * shift)
        for clause in chain.clauses
    )
    return replace(chain, clauses=clauses)


def chain_decision(chain: Chain, scaling: Scaled, swapped: NDArray[np.int64], rows: Rows) -> NDArray[np.bool_]:
    """Return where (row,) the exact rule of ``chain`` certainly holds."""
    margins = _margins(chain, scaling, swapped, rows)
    holds: NDArray[np.bool_] = _joined(margins, chain, np.minimum, np.maximum).max(axis=0) > 0
    return holds


def chain_degree(chain: Chain, scaling: Scaled, swapped: NDArray[np.int64], rows: Rows) -> NDArray[np.float32]:
    """Return the smooth degree (row,) of ``chain``; a row whose clause is missing counts as not recognized."""
    degrees = expit(_margins(chain, scaling, swapped, rows))
    joined = _joined(degrees, chain, np.multiply, lambda one, other: one + other - one * other)
    degree: NDArray[np.float32] = joined.max(axis=0).astype(np.float32)
    return degree


def _margins(chain: Chain, scaling: Scaled, swapped: NDArray[np.int64], rows: Rows) -> NDArray[np.float64]:
    """Return margins (order, clause, row) in units of softness; far below 0 where a value is missing."""
    n_orders = 2 if chain.either else 1
    margins = np.empty((n_orders, len(chain.clauses), rows.states.size))
    for order in range(n_orders):
        for place, clause in enumerate(chain.clauses):
            column = int(swapped[clause.column]) if order else clause.column
            scaled = (rows.values[:, column].astype(np.float64) - scaling.center[column]) / scaling.scale[column]
            margins[order, place] = (scaled - clause.threshold) * clause.direction / clause.softness
    return np.nan_to_num(margins, copy=False, nan=_FAILED, posinf=_CERTAIN, neginf=_FAILED)


def _joined(parts: NDArray[np.float64], chain: Chain, both: Joining, any_of: Joining) -> NDArray[np.float64]:
    """Return the parts (order, clause, row) joined clause after clause, (order, row)."""
    joined = parts[:, 0]
    for place in range(1, parts.shape[1]):
        join = both if chain.clauses[place].join == "and" else any_of
        joined = join(joined, parts[:, place])
    return joined


def _best_cut(margin: NDArray[np.float64], present: NDArray[np.bool_], frames: NDArray[np.float64]) -> float:
    """Return the cut for which ``margin > cut`` has the best F1; 0 where all rows hang on missing data."""
    order = np.argsort(-margin, kind="stable")
    ranked, weight, hit = margin[order], frames[order], present[order]
    f1 = 2 * np.cumsum(weight * hit) / (np.cumsum(weight) + float(frames[present].sum()))
    # A cut is possible between two different margins and below all, but never among rows that hang on missing data.
    possible = np.append(ranked[1:] < ranked[:-1], True) & (ranked > _FAILED / 2)
    if not possible.any():
        return 0.0
    best = int(np.argmax(np.where(possible, f1, -1.0)))
    below = ranked[best + 1] if best + 1 < ranked.size else _FAILED
    return float((ranked[best] + below) / 2 if below > _FAILED / 2 else ranked[best] - 1.0)
