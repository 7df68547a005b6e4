"""The fit of many chains at once, as one tensor job.

Chains of one length and one pattern of joins are fitted together: thresholds and softness of the whole batch are one
tensor, the shared columns another, and each chain starts from its parent's constants. A row whose clause is missing
counts as not recognized, exactly as abstaining counts in the scores.

A chain has few constants and a likelihood, so each step is a damped Newton step with the Fisher information in place of
the second derivatives: ten of them reach what plain gradient steps need hundreds for. Every chain has a damping of its
own, and a step that would raise its loss is not taken.

References
----------
Levenberg 1944, doi:10.1090/qam/10666; Marquardt 1963, doi:10.1137/0111030 (damping).
Nelder & Wedderburn 1972, Generalized linear models, doi:10.2307/2344614 (Fisher scoring).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from nsp_core.search.chains import Chain, FittingRows
from nsp_core.search.losses import LOSSES, LossName, RowLoss
from nsp_core.search.screen import Join

__all__ = ["chain_loss_and_gradient", "chain_truth", "fit_chains"]

MIN_SOFTNESS, MAX_SOFTNESS = 0.03, 2.0
FIRST_DAMPING, MIN_DAMPING, MAX_DAMPING = 1.0, 1e-4, 1e6
EASE, TIGHTEN = 0.3, 5.0
# A step that lowers the loss by no more than this share of it is the last.
SETTLED = 5e-4
# How far a constant may move in one step: a threshold by a robust standard deviation of its column and twice its own
# softness, a softness by a factor of e. A clause that says nothing beside the others drifts out of the range of its
# column; with steps of one deviation only, that drift took most of the time of most fits.
LONGEST_STEP, LONGEST_STEP_IN_SOFTNESS = 1.0, 2.0
_ELEMENTS_AT_ONCE = 200_000
_TINY = 1e-4


@dataclass(frozen=True, slots=True)
class _Batch:
    """Chains of one length, pattern of joins and ``either`` as tensors.

    ``values`` and ``seen`` have shape (order, chain, clause, row), ``seen`` is None where nothing is missing;
    ``direction`` has shape (chain, clause, 1).
    """

    values: torch.Tensor
    seen: torch.Tensor | None
    direction: torch.Tensor
    joins: tuple[Join, ...]

    def of(self, kept: torch.Tensor) -> _Batch:
        """Return the batch of the chains that ``kept`` marks."""
        seen = None if self.seen is None else self.seen[:, kept]
        return replace(self, values=self.values[:, kept], seen=seen, direction=self.direction[kept])


@dataclass(slots=True)
class _Point:
    """Constants (chain, 2 x clause: thresholds, then log softness), and loss, gradient and curvature there."""

    constants: torch.Tensor
    loss: torch.Tensor
    gradient: torch.Tensor
    curvature: torch.Tensor

    def of(self, kept: torch.Tensor) -> _Point:
        """Return the point of the chains that ``kept`` marks."""
        return _Point(self.constants[kept], self.loss[kept], self.gradient[kept], self.curvature[kept])

    def where(self, better: torch.Tensor, other: _Point) -> _Point:
        """Return this point, and ``other`` for the chains where it is better."""
        return _Point(
            torch.where(better[:, None], other.constants, self.constants),
            torch.where(better, other.loss, self.loss),
            torch.where(better[:, None], other.gradient, self.gradient),
            torch.where(better[:, None, None], other.curvature, self.curvature),
        )


def fit_chains(chains: Sequence[Chain], rows: FittingRows, *, n_steps: int, loss: LossName = "balanced") -> list[Chain]:
    """Return ``chains``, in their order, with fitted constants and their loss.

    Parameters
    ----------
    chains
        Where to start; any lengths and joins.
    rows
        What to fit to.
    n_steps
        Damped Newton steps.
    loss
        What is minimized, see :data:`nsp_core.search.losses.LOSSES`.
    """
    alike: dict[tuple[bool, int, tuple[Join, ...]], list[int]] = {}
    for index, chain in enumerate(chains):
        joins = tuple(clause.join for clause in chain.clauses[1:])
        alike.setdefault((chain.either, len(chain.clauses), joins), []).append(index)
    fitted = list(chains)
    with _one_thread():
        for (either, n_clauses, _), indices in alike.items():
            elements = rows.values.shape[1] * (2 if either else 1) * n_clauses
            # Small enough that the tensors of a step stay in the processor's cache.
            at_once = max(1, _ELEMENTS_AT_ONCE // max(elements, 1))
            for start in range(0, len(indices), at_once):
                chosen = indices[start : start + at_once]
                for index, chain in zip(
                    chosen, _fit_batch([chains[i] for i in chosen], rows, n_steps, LOSSES[loss]), strict=True
                ):
                    fitted[index] = chain
    return fitted


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch use one thread for these small tensors.

    Sums then come out the same on every machine, and threads do not wait for each other where cores are shared: studies
    run several searches side by side instead.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def chain_truth(chain: Chain, rows: FittingRows) -> NDArray[np.float64]:
    """Return the soft truth of ``chain`` per order of the animals and row, shape (order, row)."""
    if not chain.clauses:
        return np.ones((2 if chain.either else 1, rows.values.shape[1]))
    batch = _batch([chain], rows)
    _, degree = _degrees(batch, _constants([chain], rows.values.device))
    truth: NDArray[np.float64] = _truths(batch, degree)[-1][:, 0].double().cpu().numpy()
    return truth


def chain_loss_and_gradient(
    chains: Sequence[Chain], rows: FittingRows, *, loss: LossName = "balanced"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the loss (chain,) of chains of one pattern, and its derivatives (chain, 2 x clause).

    The first half of the derivatives is by threshold, the second by the logarithm of softness.
    """
    point = _evaluate(_batch(chains, rows), _constants(chains, rows.values.device), rows, LOSSES[loss])
    return point.loss.double().cpu().numpy(), point.gradient.double().cpu().numpy()


def _fit_batch(chains: Sequence[Chain], rows: FittingRows, n_steps: int, loss: RowLoss) -> list[Chain]:
    batch = _batch(chains, rows)
    n_clauses = len(chains[0].clauses)
    point = _evaluate(batch, _constants(chains, rows.values.device), rows, loss)
    damping = torch.full_like(point.loss, FIRST_DAMPING)
    constants, losses = point.constants.clone(), point.loss.clone()
    going = torch.arange(len(chains), device=losses.device)
    settled = torch.zeros_like(point.loss, dtype=torch.bool)
    for _ in range(n_steps):
        tried = _evaluate(batch, _stepped(point, damping, n_clauses), rows, loss)
        # A settled chain stays as it is, so that what becomes of it does not hang on the company it is fitted in.
        better = (tried.loss < point.loss) & ~settled
        # A small gain of a step that was damped says nothing.
        settled |= better & (point.loss - tried.loss < SETTLED * point.loss) & (damping <= FIRST_DAMPING)
        point = point.where(better, tried)
        damping = torch.where(better, damping * EASE, damping * TIGHTEN).clamp_(MIN_DAMPING, MAX_DAMPING)
        if 2 * int(settled.sum()) > len(going):
            constants[going], losses[going] = point.constants, point.loss
            if bool(settled.all()):
                break
            kept = ~settled
            batch, point, damping, going = batch.of(kept), point.of(kept), damping[kept], going[kept]
            settled = settled[kept]
    constants[going], losses[going] = point.constants, point.loss
    thresholds = constants[:, :n_clauses].cpu().tolist()
    softness = constants[:, n_clauses:].exp().cpu().tolist()
    return [
        replace(
            chain,
            loss=value,
            clauses=tuple(
                replace(clause, threshold=own, softness=width)
                for clause, own, width in zip(chain.clauses, thresholds[index], softness[index], strict=True)
            ),
        )
        for index, (chain, value) in enumerate(zip(chains, losses.tolist(), strict=True))
    ]


def _stepped(point: _Point, damping: torch.Tensor, n_clauses: int) -> torch.Tensor:
    """Return the constants after one damped Newton step, softness kept within its bounds."""
    lowest, highest = math.log(MIN_SOFTNESS), math.log(MAX_SOFTNESS)
    log_softness, slope = point.constants[:, n_clauses:], point.gradient[:, n_clauses:]
    # A softness at its bound that would leave it is held there; the others must not pay for it.
    held = ((log_softness <= lowest) & (slope > 0)) | ((log_softness >= highest) & (slope < 0))
    free = torch.cat([torch.ones_like(held), ~held], dim=1).to(point.gradient.dtype)
    curvature = point.curvature * free[:, :, None] * free[:, None, :]
    diagonal = curvature.diagonal(dim1=1, dim2=2)
    loaded = curvature + torch.diag_embed(damping[:, None] * diagonal + 1e-6 + (1 - free))
    step: torch.Tensor = torch.linalg.solve(loaded, (point.gradient * free)[:, :, None])[:, :, 0]
    longest = LONGEST_STEP + torch.cat(
        [LONGEST_STEP_IN_SOFTNESS * log_softness.exp(), torch.zeros_like(log_softness)], dim=1
    )
    constants = point.constants - torch.clamp(step, -longest, longest)
    return torch.cat([constants[:, :n_clauses], constants[:, n_clauses:].clamp(lowest, highest)], dim=1)


def _batch(chains: Sequence[Chain], rows: FittingRows) -> _Batch:
    device = rows.values.device
    columns = np.array([[clause.column for clause in chain.clauses] for chain in chains])
    orders = np.stack([columns, rows.swapped[columns]]) if chains[0].either else columns[None]
    index = torch.as_tensor(orders, device=device)
    missing = bool(rows.missing[orders].any())
    direction = [[float(clause.direction) for clause in chain.clauses] for chain in chains]
    return _Batch(
        rows.values[index],
        rows.seen[index] if missing else None,
        torch.tensor(direction, device=device)[:, :, None],
        tuple(clause.join for clause in chains[0].clauses),
    )


def _constants(chains: Sequence[Chain], device: torch.device) -> torch.Tensor:
    thresholds = [[clause.threshold for clause in chain.clauses] for chain in chains]
    softness = [[math.log(clause.softness) for clause in chain.clauses] for chain in chains]
    return torch.cat([torch.tensor(part, dtype=torch.float32, device=device) for part in (thresholds, softness)], dim=1)


def _degrees(batch: _Batch, constants: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the margin of each clause in units of its softness and its degree, (order, chain, clause, row)."""
    threshold, log_softness = constants.chunk(2, dim=1)
    slope = batch.direction * torch.exp(-log_softness)[:, :, None]
    margin = (batch.values - threshold[None, :, :, None]).mul_(slope)
    degree = torch.sigmoid(margin)
    return margin, degree if batch.seen is None else degree.mul_(batch.seen)


def _truths(batch: _Batch, degree: torch.Tensor) -> list[torch.Tensor]:
    """Return the truth (order, chain, row) of each prefix of the chain."""
    truths = [degree[:, :, 0]]
    for place in range(1, degree.shape[2]):
        before, clause = truths[-1], degree[:, :, place]
        both = before * clause
        truths.append(both if batch.joins[place] == "and" else before + clause - both)
    return truths


def _evaluate(batch: _Batch, constants: torch.Tensor, rows: FittingRows, loss: RowLoss) -> _Point:
    margin, degree = _degrees(batch, constants)
    truths = _truths(batch, degree)
    if degree.shape[0] == 1:
        margin, degree, truths = margin[0], degree[0], [truth[0] for truth in truths]
    else:
        second = truths[-1][1] > truths[-1][0]
        margin, degree = (torch.where(second[:, None], part[1], part[0]) for part in (margin, degree))
        truths = [torch.where(second, part[1], part[0]) for part in truths]
    truth = truths[-1].clamp(_TINY, 1 - _TINY)
    value, by_truth = loss(truth, rows)
    # Fisher information of a Bernoulli row: weight / (truth (1 - truth)).
    root = torch.rsqrt(torch.addcmul(truth, truth, truth, value=-1)).mul_(rows.root_weight)
    n_clauses = degree.shape[1]
    stacked = torch.empty(
        (degree.shape[0], 2 * n_clauses + 1, degree.shape[2]), dtype=degree.dtype, device=degree.device
    )
    by_margin = stacked[:, :n_clauses]
    torch.mul(_by_degree(batch, degree, truths).mul_(degree), 1 - degree, out=by_margin)
    by_margin.mul_(root[:, None])
    torch.mul(by_margin, margin, out=stacked[:, n_clauses:-1])
    torch.div(by_truth, root, out=stacked[:, -1])
    products = torch.bmm(stacked, stacked.transpose(1, 2))
    # d margin / d threshold = - direction / softness, d margin / d log softness = - margin.
    slope = -batch.direction[:, :, 0] * torch.exp(-constants[:, n_clauses:])
    scale = torch.cat([slope, -torch.ones_like(slope)], dim=1)
    return _Point(
        constants,
        value,
        products[:, :-1, -1] * scale,
        products[:, :-1, :-1] * scale[:, :, None] * scale[:, None, :],
    )


def _by_degree(batch: _Batch, degree: torch.Tensor, truths: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the derivative (chain, clause, row) of the truth of the whole chain by the degree of each clause."""
    n_clauses = degree.shape[1]
    derivative = torch.empty_like(degree)
    onward: torch.Tensor | None = None
    for place in range(n_clauses - 1, 0, -1):
        narrows = batch.joins[place] == "and"
        own = truths[place - 1] if narrows else 1 - truths[place - 1]
        through = degree[:, place] if narrows else 1 - degree[:, place]
        derivative[:, place] = own if onward is None else own * onward
        onward = through if onward is None else onward * through
    derivative[:, 0] = 1.0 if onward is None else onward
    return derivative
