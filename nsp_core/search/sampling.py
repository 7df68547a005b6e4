"""Rows to fit on: few, and every bout among them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["sample_by_bout"]


def sample_by_bout(
    states: NDArray[np.int8], sequences: NDArray[np.int64], n_rows: int, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return about ``n_rows`` row indices, half of each class, and how many rows each stands for.

    Every bout, and every stretch between bouts, gives rows in proportion to its length but at least one, spread evenly
    over it; the weights make sums over the sample estimate sums over all rows, so that frame scores stay frame scores.

    Parameters
    ----------
    states
        Shape (row,): 1 present, 0 absent, in the order of time.
    sequences
        Shape (row,): which sequence a row is of; a bout ends with its sequence.
    n_rows
        How many rows to choose; more where there are more bouts.
    generator
        Draws where in a bout the first row lies.
    """
    change = (np.diff(states) != 0) | (np.diff(sequences) != 0)
    starts = np.concatenate([[0], np.flatnonzero(change) + 1])
    lengths = np.diff(np.append(starts, states.size))
    chosen, weights = [], []
    for state in (0, 1):
        own = np.flatnonzero(states[starts] == state)
        n_own = int(lengths[own].sum())
        share = min(1.0, n_rows / 2 / max(n_own, 1))
        quotas = np.clip(np.round(lengths[own] * share).astype(np.int64), 1, lengths[own])
        phases = generator.random(own.size)
        # The place of each row in its bout, then the row: as many repetitions of a bout as it gives rows.
        place = np.arange(quotas.sum()) - np.repeat(np.cumsum(quotas) - quotas, quotas)
        within = (place + np.repeat(phases, quotas)) * np.repeat(lengths[own], quotas) / np.repeat(quotas, quotas)
        chosen.append(np.repeat(starts[own], quotas) + np.floor(within).astype(np.int64))
        weights.append(np.repeat(lengths[own] / quotas, quotas))
    indices = np.concatenate(chosen)
    order = np.argsort(indices, kind="stable")
    return indices[order], np.concatenate(weights)[order]
