"""Chains of any shape, and rows of a random dyad to fit them on: what the tests of chains and of fitting share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from nsp_core.search.chains import Chain, Clause, FittingRows, Scaling, make_fitting_rows, robust_scaling
from nsp_core.search.columns import Column, columns_for, swapped_columns
from nsp_core.search.rows import Rows, choose_rows, gather_rows
from nsp_core.sequences import LabeledSequence
from nsp_core.units import Unit

NAMES = ("speed[agent]", "speed[target]", "speed[higher]", "nose_to_nose")
CPU = torch.device("cpu")


def dyad(seed: int, n_frames: int = 60) -> LabeledSequence:
    """Return random features of an undirected dyad with gaps, every frame labeled at random."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(n_frames, len(NAMES))).cumsum(axis=0) * 3 + 20
    values[generator.random(values.shape) < 0.2] = np.nan
    states = generator.integers(0, 2, n_frames)
    states[:2] = [0, 1]
    units = (Unit(length=1, time=-1),) * 3 + (Unit(length=1),)
    return LabeledSequence("1", values.astype(np.float32), states.astype(np.int8), NAMES, units, 10.0)


def all_rows(sequences: Sequence[LabeledSequence], columns: Sequence[Column]) -> Rows:
    """Return every labeled frame of ``sequences``."""
    return gather_rows(sequences, columns, choose_rows(sequences, 10**9, np.random.default_rng(0)))


def fitting_rows(rows: Rows, swapped: NDArray[np.int64]) -> FittingRows:
    return make_fitting_rows(rows, swapped, robust_scaling(rows.values, swapped), CPU)


def scaling_of(rows: FittingRows) -> Scaling:
    return Scaling(rows.center, rows.scale)


def laid_out(sequence: LabeledSequence) -> tuple[FittingRows, tuple[Column, ...]]:
    columns = columns_for([sequence])
    return fitting_rows(all_rows([sequence], columns), swapped_columns(columns)), columns


def rows_of(values: ArrayLike, states: ArrayLike, frames: ArrayLike | None = None) -> Rows:
    """Return rows of one sequence from values (row, column) or (row,)."""
    table = np.asarray(values, dtype=np.float32)
    n_rows = len(table)
    return Rows(
        table.reshape(n_rows, -1),
        np.asarray(states, dtype=np.int8),
        np.zeros(n_rows, dtype=np.int64),
        np.arange(n_rows),
        np.ones(n_rows) if frames is None else np.asarray(frames, dtype=np.float64),
    )


def one_column(values: ArrayLike, states: ArrayLike, frames: ArrayLike | None = None) -> FittingRows:
    return fitting_rows(rows_of(values, states, frames), np.array([0]))


def threshold_chain(threshold: float, softness: float = 0.5, direction: int = -1) -> Chain:
    return Chain((Clause(0, direction, "and", threshold, softness),), either=False)


N_COLUMNS = len(columns_for([dyad(0)]))
chains = st.builds(
    lambda clauses, either: Chain((replace(clauses[0], join="and"), *clauses[1:]), either),
    st.lists(
        st.builds(
            Clause,
            st.integers(0, N_COLUMNS - 1),
            st.sampled_from([-1, 1]),
            st.sampled_from(["and", "or"]),
            st.floats(-2, 2),
            st.floats(0.05, 2),
        ),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
)
