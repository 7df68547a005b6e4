"""Chains of thresholds: the shape in which the beam searches, and the scaled rows they are fitted on.

A chain reads ``((clause and clause) or clause) and clause``: one clause after another, each joined to what stands
before. :mod:`nsp_core.search.fit` fits many of them at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from nsp_core.dsl.ast import And, Compare, Condition, Either, Or
from nsp_core.search.columns import Column, Rows
from nsp_core.search.screen import Join, pooled_values

__all__ = ["Chain", "Clause", "FittingRows", "make_fitting_rows", "program_of"]


@dataclass(frozen=True, slots=True)
class Clause:
    """One threshold of a chain, in the scaled units of :class:`FittingRows`."""

    column: int
    direction: int
    join: Join
    threshold: float
    softness: float


@dataclass(frozen=True, slots=True)
class Chain:
    """Clauses joined left to right; ``either`` takes the better order of the two animals."""

    clauses: tuple[Clause, ...]
    either: bool
    loss: float = float("inf")


@dataclass(frozen=True, slots=True)
class FittingRows:
    """The rows chains are fitted on, scaled so that one unit is one robust standard deviation of a column.

    Attributes
    ----------
    values, seen
        Shape (column, row): scaled values with 0 where missing, and 1 where seen, 0 where missing.
    present
        Shape (row,): 1 present, 0 absent.
    weight
        Shape (row,): weight of each row in the loss, both classes summing to one half.
    frames
        Shape (row,): how many labeled frames each row stands for.
    center, scale
        Shape (column,): ``value = center + scale * scaled``.
    swapped
        Shape (column,): the column in which the animals have changed places.
    """

    values: torch.Tensor
    seen: torch.Tensor
    present: torch.Tensor
    weight: torch.Tensor
    frames: NDArray[np.float64]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    swapped: NDArray[np.int64]


def make_fitting_rows(
    rows: Rows, frames: NDArray[np.float64], swapped: NDArray[np.int64], device: torch.device
) -> FittingRows:
    """Return ``rows`` scaled and laid out for fitting; ``frames`` says how many frames each row stands for."""
    quartiles = np.full((3, rows.values.shape[1]), np.nan)
    for column in range(rows.values.shape[1]):
        present = pooled_values(rows.values, swapped, column)
        if present.size:
            quartiles[:, column] = np.quantile(present, (0.25, 0.5, 0.75))
    center = np.nan_to_num(quartiles[1])
    spread = np.nan_to_num((quartiles[2] - quartiles[0]) / 1.349)
    scale = np.where(spread > 0, spread, 1.0)
    scaled = ((rows.values - center) / scale).T.astype(np.float32)
    states = rows.states.astype(np.float64)
    totals = np.bincount(rows.states, weights=frames, minlength=2)
    weight = frames / (2 * totals[rows.states])
    return FittingRows(
        values=torch.as_tensor(np.nan_to_num(scaled), device=device),
        seen=torch.as_tensor((~np.isnan(scaled)).astype(np.float32), device=device),
        present=torch.as_tensor(states.astype(np.float32), device=device),
        weight=torch.as_tensor(weight.astype(np.float32), device=device),
        frames=frames,
        center=center,
        scale=scale,
        swapped=swapped,
    )


def program_of(chain: Chain, rows: FittingRows, columns: Sequence[Column]) -> Condition:
    """Return the program of ``chain`` in the units of its columns."""
    program: Condition | None = None
    for clause in chain.clauses:
        column = columns[clause.column]
        scale = float(rows.scale[clause.column])
        compare = Compare(
            column.number,
            "<" if clause.direction < 0 else ">",
            float(rows.center[clause.column]) + scale * clause.threshold,
            scale * clause.softness,
            column.unit,
        )
        program = compare if program is None else _joined(program, compare, clause.join)
    assert program is not None
    return Either(program) if chain.either else program


def _joined(program: Condition, compare: Compare, join: Join) -> Condition:
    kind = And if join == "and" else Or
    parts = program.parts if isinstance(program, kind) else (program,)
    return kind((*parts, compare))
