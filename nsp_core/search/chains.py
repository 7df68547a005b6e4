"""Chains of thresholds, and their gradient fit, many at once as one tensor job.

A chain reads ``((clause and clause) or clause) and clause``: one clause after another, each joined to what stands
before. All chains of one length are fitted together: thresholds and softness of the whole batch are one tensor, the
shared columns another, and each chain starts from its parent's constants.

The loss is the class-balanced cross-entropy of what is certain: a row whose clause is missing counts as not recognized,
exactly as abstaining counts in the scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from nsp_core.dsl.ast import And, Compare, Condition, Either, Or
from nsp_core.search.columns import Column, Rows
from nsp_core.search.screen import Join, pooled_values

__all__ = ["Chain", "Clause", "FittingRows", "chain_truth", "fit_chains", "make_fitting_rows", "program_of"]

MIN_SOFTNESS, MAX_SOFTNESS = 0.03, 2.0
LEARNING_RATE = 0.08
_ELEMENTS_AT_ONCE = 6_000_000
_TINY = 1e-4


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


def fit_chains(chains: Sequence[Chain], rows: FittingRows, *, n_steps: int) -> list[Chain]:
    """Return ``chains`` (all of one length and one ``either``) with fitted constants and their loss."""
    if not chains:
        return []
    orders = 2 if chains[0].either else 1
    at_once = max(1, _ELEMENTS_AT_ONCE // (len(chains[0].clauses) * orders * rows.values.shape[1]))
    fitted: list[Chain] = []
    for start in range(0, len(chains), at_once):
        fitted += _fit_batch(chains[start : start + at_once], rows, n_steps)
    return fitted


def chain_truth(chain: Chain, rows: FittingRows) -> NDArray[np.float64]:
    """Return the soft truth of ``chain`` per order of the animals and row, shape (order, row)."""
    if not chain.clauses:
        return np.ones((2 if chain.either else 1, rows.values.shape[1]))
    with torch.no_grad():
        truth = _truth_of_orders(_gather([chain], rows), _constants([chain], rows.values.device), [chain])
    return truth[:, 0].double().cpu().numpy()


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


def _fit_batch(chains: Sequence[Chain], rows: FittingRows, n_steps: int) -> list[Chain]:
    gathered = _gather(chains, rows)
    threshold, log_softness = _constants(chains, rows.values.device)
    threshold.requires_grad_()
    log_softness.requires_grad_()
    optimizer = torch.optim.Adam([threshold, log_softness], lr=LEARNING_RATE)
    for _ in range(n_steps):
        optimizer.zero_grad(set_to_none=True)
        loss = _loss(gathered, (threshold, log_softness), chains, rows)
        loss.sum().backward()  # type: ignore[no-untyped-call]  # torch leaves this method untyped
        optimizer.step()
        with torch.no_grad():
            log_softness.clamp_(np.log(MIN_SOFTNESS), np.log(MAX_SOFTNESS))
    with torch.no_grad():
        final = _loss(gathered, (threshold, log_softness), chains, rows).cpu().numpy()
    softness = log_softness.detach().exp().cpu().numpy()
    thresholds = threshold.detach().cpu().numpy()
    return [
        replace(
            chain,
            loss=float(final[index]),
            clauses=tuple(
                replace(clause, threshold=float(thresholds[index, place]), softness=float(softness[index, place]))
                for place, clause in enumerate(chain.clauses)
            ),
        )
        for index, chain in enumerate(chains)
    ]


def _gather(chains: Sequence[Chain], rows: FittingRows) -> tuple[torch.Tensor, torch.Tensor]:
    """Return values and seen of every clause, shape (order, chain, clause, row)."""
    columns = np.array([[clause.column for clause in chain.clauses] for chain in chains])
    orders = np.stack([columns, rows.swapped[columns]]) if chains[0].either else columns[None]
    index = torch.as_tensor(orders, device=rows.values.device)
    return rows.values[index], rows.seen[index]


def _constants(chains: Sequence[Chain], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    thresholds = [[clause.threshold for clause in chain.clauses] for chain in chains]
    softness = [[clause.softness for clause in chain.clauses] for chain in chains]
    return (
        torch.tensor(thresholds, dtype=torch.float32, device=device),
        torch.tensor(softness, dtype=torch.float32, device=device).log(),
    )


def _truth_of_orders(
    gathered: tuple[torch.Tensor, torch.Tensor],
    constants: tuple[torch.Tensor, torch.Tensor],
    chains: Sequence[Chain],
) -> torch.Tensor:
    """Return the truth of each order, chain and row, shape (order, chain, row)."""
    values, seen = gathered
    threshold, log_softness = constants
    direction = torch.tensor(
        [[float(clause.direction) for clause in chain.clauses] for chain in chains], device=values.device
    )
    slope = direction * torch.exp(-log_softness)
    degree = torch.sigmoid((values - threshold[None, :, :, None]) * slope[None, :, :, None]) * seen
    truth = degree[:, :, 0]
    for place in range(1, degree.shape[2]):
        clause = degree[:, :, place]
        widens = torch.tensor([chain.clauses[place].join == "or" for chain in chains], device=values.device)
        narrowed = truth * clause
        truth = torch.where(widens[None, :, None], truth + clause - narrowed, narrowed)
    return truth


def _loss(
    gathered: tuple[torch.Tensor, torch.Tensor],
    constants: tuple[torch.Tensor, torch.Tensor],
    chains: Sequence[Chain],
    rows: FittingRows,
) -> torch.Tensor:
    """Return the class-balanced cross-entropy of each chain, shape (chain,)."""
    truth = _truth_of_orders(gathered, constants, chains).amax(dim=0).clamp(_TINY, 1 - _TINY)
    entropy = torch.where(rows.present > 0, torch.log(truth), torch.log1p(-truth))
    return -(entropy * rows.weight).sum(dim=1)
