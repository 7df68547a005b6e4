"""Chains of any shape, and rows of a random dyad to fit them on: what the tests of chains and of fitting share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from hypothesis import strategies as st

from nsp_core.search.chains import Chain, Clause, FittingRows, make_fitting_rows
from nsp_core.search.columns import Column, Rows, columns_for, gather_rows, swapped_columns
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


def laid_out(sequence: LabeledSequence) -> tuple[FittingRows, tuple[Column, ...]]:
    columns = columns_for([sequence])
    rows = gather_rows([sequence], columns)
    return make_fitting_rows(rows, np.ones(len(rows.states)), swapped_columns(columns), CPU), columns


def one_column(values: list[float], states: list[int], frames: list[float] | None = None) -> FittingRows:
    rows = Rows(np.array(values, dtype=np.float32)[:, None], np.array(states, dtype=np.int8), np.zeros(len(states)))
    return make_fitting_rows(rows, np.array(frames or [1.0] * len(states)), np.array([0]), CPU)


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
