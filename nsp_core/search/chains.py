"""Chains of thresholds: the shape in which the beam searches, and the scaled rows they are fitted on.

A chain reads ``((clause and clause) or clause) and clause``: one clause after another, each joined to what stands
before. :mod:`nsp_core.search.fit` fits many of them at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from nsp_core.dsl.ast import And, Compare, Condition, Either, FillGaps, MinBout, Or
from nsp_core.dsl.text import format_program
from nsp_core.errors import ProgramError
from nsp_core.search.columns import Column
from nsp_core.search.rows import Rows
from nsp_core.search.screen import Join, pooled_values

__all__ = [
    "Chain",
    "Clause",
    "FittingRows",
    "Scaling",
    "chain_of",
    "make_fitting_rows",
    "program_of",
    "robust_scaling",
]


# Where a hard threshold begins to be fitted, in robust standard deviations of its column.
HARD_START_SOFTNESS = 0.2


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


@dataclass(frozen=True)
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
    missing
        Shape (column,): whether any value of the column is missing.
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
    missing: NDArray[np.bool_]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    swapped: NDArray[np.int64]

    @cached_property
    def absent(self) -> torch.Tensor:
        """Shape (row,): 1 absent, 0 present."""
        return 1 - self.present

    @cached_property
    def sign(self) -> torch.Tensor:
        """Shape (row,): 1 present, -1 absent."""
        return 2 * self.present - 1

    @cached_property
    def signed_weight(self) -> torch.Tensor:
        """Shape (row,): weight, negative where absent."""
        return self.sign * self.weight

    @cached_property
    def root_weight(self) -> torch.Tensor:
        """Shape (row,): square root of the weight."""
        return self.weight.sqrt()

    @cached_property
    def frame_share(self) -> torch.Tensor:
        """Shape (row,): share of all labeled frames that each row stands for."""
        share = self.frames / self.frames.sum()
        return torch.as_tensor(share.astype(np.float32), device=self.values.device)


@dataclass(frozen=True, slots=True)
class Scaling:
    """What one unit of each column is in a fit: ``value = center + scale * scaled``, shape (column,) each."""

    center: NDArray[np.float64]
    scale: NDArray[np.float64]


def robust_scaling(values: NDArray[np.float32], swapped: NDArray[np.int64]) -> Scaling:
    """Return the median and robust standard deviation of each column of ``values`` (row, column).

    A column and the column ``swapped`` names, in which the animals have changed places, are scaled alike.
    """
    quartiles = np.full((3, values.shape[1]), np.nan)
    for column in range(values.shape[1]):
        present = pooled_values(values, swapped, column)
        if present.size:
            quartiles[:, column] = np.quantile(present, (0.25, 0.5, 0.75))
    spread = np.nan_to_num((quartiles[2] - quartiles[0]) / 1.349)
    return Scaling(np.nan_to_num(quartiles[1]), np.where(spread > 0, spread, 1.0))


def make_fitting_rows(rows: Rows, swapped: NDArray[np.int64], scaling: Scaling, device: torch.device) -> FittingRows:
    """Return ``rows`` scaled and laid out for fitting."""
    frames = rows.frames
    scaled = ((rows.values - scaling.center) / scaling.scale).T.astype(np.float32)
    states = rows.states.astype(np.float64)
    totals = np.bincount(rows.states, weights=frames, minlength=2)
    weight = frames / (2 * totals[rows.states])
    return FittingRows(
        values=torch.as_tensor(np.nan_to_num(scaled), device=device),
        seen=torch.as_tensor((~np.isnan(scaled)).astype(np.float32), device=device),
        present=torch.as_tensor(states.astype(np.float32), device=device),
        weight=torch.as_tensor(weight.astype(np.float32), device=device),
        frames=frames,
        missing=np.asarray(np.isnan(scaled).any(axis=1)),
        center=scaling.center,
        scale=scaling.scale,
        swapped=swapped,
    )


def program_of(chain: Chain, scaling: Scaling, columns: Sequence[Column]) -> Condition:
    """Return the program of ``chain`` in the units of its columns."""
    program: Condition | None = None
    for clause in chain.clauses:
        column = columns[clause.column]
        scale = float(scaling.scale[clause.column])
        compare = Compare(
            column.number,
            "<" if clause.direction < 0 else ">",
            float(scaling.center[clause.column]) + scale * clause.threshold,
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


def chain_of(program: Condition, scaling: Scaling, columns: Sequence[Column]) -> Chain:
    """Return the chain whose program is ``program``, bout shaping left out: where a search may start.

    Raises
    ------
    ProgramError
        If a part is no threshold on a column of the search, or parts are joined in a way no chain is.
    """
    while isinstance(program, FillGaps | MinBout):
        program = program.child
    either = isinstance(program, Either)
    inner = program.child if isinstance(program, Either) else program
    chain = Chain(tuple(_clauses(inner, "and", scaling, columns)), either)
    if not either and any(columns[clause.column].oriented for clause in chain.clauses):
        raise _no_start(program, "either(...) around features of agent or target: who is called so is arbitrary here")
    return chain


def _clauses(part: Condition, join: Join, scaling: Scaling, columns: Sequence[Column]) -> list[Clause]:
    if isinstance(part, Compare):
        return [_clause(part, join, scaling, columns)]
    if not isinstance(part, And | Or):
        raise _no_start(part, "thresholds joined by and, or, with either around them")
    own: Join = "and" if isinstance(part, And) else "or"
    first, *others = part.parts
    clauses = _clauses(first, join, scaling, columns)
    for other in others:
        if not isinstance(other, Compare):
            raise _no_start(other, "only the first part of an and, or of an or, made of several")
        clauses.append(_clause(other, own, scaling, columns))
    return clauses


def _clause(part: Compare, join: Join, scaling: Scaling, columns: Sequence[Column]) -> Clause:
    for index, column in enumerate(columns):
        if column.number == part.child and column.unit == part.unit:
            scale = float(scaling.scale[index])
            threshold = (part.threshold - float(scaling.center[index])) / scale
            softness = part.softness / scale if part.softness > 0 else HARD_START_SOFTNESS
            return Clause(index, -1 if part.relation == "<" else 1, join, threshold, softness)
    raise _no_start(part, "a feature, or its mean over a width the search tries, such as 0.5 s")


def _no_start(part: Condition, expected: str) -> ProgramError:
    return ProgramError(
        found=f"'{format_program(part)}' in a program to start from",
        expected=expected,
        where="synthesize",
        remedy="start from a simpler form of it, or leave it out: any rule can be fitted and compared by itself",
    )
