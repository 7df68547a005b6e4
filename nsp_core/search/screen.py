"""Exact screening: the best threshold of every column at once, from histograms.

Given a partial program with soft truth p per row, ``p and (x < c)`` and ``p or (x < c)`` have expected counts of true
and false positives that are cumulative sums of histograms of x. Every threshold of every column is therefore scored in
one pass over the rows, and only the best go on to be fitted by gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["MISSING", "BinnedColumns", "ThresholdScores", "bin_columns", "pooled_values", "screen_thresholds"]

N_BINS = 128
MISSING = 255
_TINY = 1e-12

Join = Literal["and", "or"]


@dataclass(frozen=True, slots=True)
class BinnedColumns:
    """Columns as quantile bins.

    Attributes
    ----------
    codes
        Shape (column, row), uint8: the bin of each value, 255 where it is missing.
    edges
        Shape (column, N_BINS - 1), float32: ``x < edges[k]`` exactly for the codes ``0 .. k``; infinite where a column
        has fewer distinct values than bins.
    """

    codes: NDArray[np.uint8]
    edges: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ThresholdScores:
    """The best threshold of each column and direction, shape (column, 2) each; direction 0 is ``<``, 1 is ``>``."""

    score: NDArray[np.float64]
    threshold: NDArray[np.float32]


def bin_columns(values: NDArray[np.float32], swapped: NDArray[np.int64]) -> BinnedColumns:
    """Return ``values`` (row, column) in at most 128 quantile bins per column.

    A column and the column ``swapped`` names, in which the animals have changed places, share their edges.
    """
    n_columns = values.shape[1]
    codes = np.empty((n_columns, values.shape[0]), dtype=np.uint8)
    edges = np.full((n_columns, N_BINS - 1), np.inf, dtype=np.float32)
    inner = np.linspace(0, 1, N_BINS + 1)[1:-1]
    for column in range(n_columns):
        present = pooled_values(values, swapped, column)
        if present.size:
            distinct = np.unique(np.quantile(present, inner).astype(np.float32))
            edges[column, : distinct.size] = distinct
        codes[column] = np.searchsorted(edges[column], values[:, column], side="right")
        codes[column, np.isnan(values[:, column])] = MISSING
    return BinnedColumns(codes, edges)


def pooled_values(values: NDArray[np.float32], swapped: NDArray[np.int64], column: int) -> NDArray[np.float32]:
    """Return the present values of a column and of its counterpart with the animals in the other order."""
    both = values[:, sorted({column, int(swapped[column])})].ravel()
    return both[~np.isnan(both)]


def screen_thresholds(
    binned: BinnedColumns,
    present: NDArray[np.bool_],
    weight: NDArray[np.float64],
    truth: NDArray[np.float64],
    join: Join,
) -> tuple[ThresholdScores, ThresholdScores]:
    """Return the best thresholds by F1 and by class-balanced log-likelihood of joining one more clause.

    Parameters
    ----------
    binned
        The columns.
    present
        Shape (row,): the label.
    weight
        Shape (row,): how many frames the row stands for.
    truth
        Shape (row,), in [0, 1]: the soft truth of the partial program.
    join
        Whether the new clause narrows (``and``) or widens (``or``) the partial program.
    """
    positives, negatives = float(weight[present].sum()), float(weight[~present].sum())
    open_weight = weight * (truth if join == "and" else 1 - truth)
    base = (
        (0.0, 0.0)
        if join == "and"
        else (float((weight * truth)[present].sum()), float((weight * truth)[~present].sum()))
    )
    true_pos = _below_and_above(binned.codes, np.where(present, open_weight, 0.0)) + base[0]
    false_pos = _below_and_above(binned.codes, np.where(present, 0.0, open_weight)) + base[1]
    f1 = 2 * true_pos / (positives + true_pos + false_pos)
    likelihood = _balanced_log_likelihood(true_pos / positives, false_pos / negatives)
    usable = np.isfinite(binned.edges)[:, None, :]
    return _best(np.where(usable, f1, -np.inf), binned), _best(np.where(usable, likelihood, -np.inf), binned)


def _below_and_above(codes: NDArray[np.uint8], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weight below and above every edge, shape (column, 2, edge); missing values are on neither side."""
    # Rows without weight change nothing; leaving them out makes a narrow partial program cheap to extend.
    rows = np.flatnonzero(weight)
    kept = weight[rows]
    histogram = np.stack([np.bincount(column[rows], weights=kept, minlength=256)[:N_BINS] for column in codes])
    cumulative = np.cumsum(histogram, axis=1)
    below = cumulative[:, :-1]
    return np.stack([below, cumulative[:, -1:] - below], axis=1)


def _balanced_log_likelihood(recall: NDArray[np.float64], fallout: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the negative entropy of the label, classes weighted equally, given the truth of the program."""
    inside, outside = recall + fallout, 2 - recall - fallout
    parts = [(recall, inside), (fallout, inside), (1 - recall, outside), (1 - fallout, outside)]
    return sum((part * np.log((part + _TINY) / (whole + _TINY)) for part, whole in parts), np.zeros_like(recall))


def _best(score: NDArray[np.float64], binned: BinnedColumns) -> ThresholdScores:
    best = score.argmax(axis=2)
    columns = np.arange(score.shape[0])[:, None]
    return ThresholdScores(score.max(axis=2), binned.edges[columns, best])
