"""The gradient fit of many chains at once, as one tensor job.

All chains of one length are fitted together: thresholds and softness of the whole batch are one tensor, the shared
columns another, and each chain starts from its parent's constants. The loss is the class-balanced cross-entropy of
what is certain: a row whose clause is missing counts as not recognized, exactly as abstaining counts in the scores.

Loss and gradient are written out instead of recorded: a chain is a short product of logistic functions, whose
derivative takes one pass back over the same tensors. That is twice as fast as automatic differentiation and starts at
once.

References
----------
Kingma & Ba 2015, Adam, arXiv:1412.6980 (the update).
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

__all__ = ["chain_loss_and_gradient", "chain_truth", "fit_chains"]

MIN_SOFTNESS, MAX_SOFTNESS = 0.03, 2.0
LEARNING_RATE = 0.08
ADAM_DECAY = (0.9, 0.999)
_ELEMENTS_AT_ONCE = 2_000_000
_TINY = 1e-4


@dataclass(frozen=True, slots=True)
class _Batch:
    """Chains of one length as tensors.

    ``values`` and ``seen`` have shape (order, chain, clause, row); ``direction`` and ``widens`` (1 for *or*, 0 for
    *and*) have shape (chain, clause).
    """

    values: torch.Tensor
    seen: torch.Tensor
    direction: torch.Tensor
    widens: torch.Tensor


def fit_chains(chains: Sequence[Chain], rows: FittingRows, *, n_steps: int) -> list[Chain]:
    """Return ``chains`` (all of one length and one ``either``) with fitted constants and their loss."""
    if not chains:
        return []
    orders = 2 if chains[0].either else 1
    # Small enough that the tensors of a step stay in the processor's cache as far as possible.
    at_once = max(1, _ELEMENTS_AT_ONCE // (len(chains[0].clauses) * orders * rows.values.shape[1]))
    fitted: list[Chain] = []
    with _one_thread():
        for start in range(0, len(chains), at_once):
            fitted += _fit_batch(chains[start : start + at_once], rows, n_steps)
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
    threshold, log_softness = _constants([chain], rows.values.device)
    _, _, partial_truths = _forward(batch, threshold, log_softness)
    truth: NDArray[np.float64] = partial_truths[-1][:, 0].double().cpu().numpy()
    return truth


def chain_loss_and_gradient(
    chains: Sequence[Chain], rows: FittingRows
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the loss (chain,) and its derivatives by threshold and by the logarithm of softness, (chain, clause)."""
    threshold, log_softness = _constants(chains, rows.values.device)
    loss, by_threshold, by_softness = _loss_and_gradient(_batch(chains, rows), threshold, log_softness, rows)
    return loss.double().cpu().numpy(), by_threshold.double().cpu().numpy(), by_softness.double().cpu().numpy()


def _fit_batch(chains: Sequence[Chain], rows: FittingRows, n_steps: int) -> list[Chain]:
    batch = _batch(chains, rows)
    constants = torch.stack(_constants(chains, rows.values.device))
    first, second = torch.zeros_like(constants), torch.zeros_like(constants)
    for step in range(1, n_steps + 1):
        _, *gradients = _loss_and_gradient(batch, constants[0], constants[1], rows)
        gradient = torch.stack(gradients)
        first.lerp_(gradient, 1 - ADAM_DECAY[0])
        second.lerp_(gradient.square(), 1 - ADAM_DECAY[1])
        scale = (second / (1 - ADAM_DECAY[1] ** step)).sqrt_().add_(1e-8)
        constants -= LEARNING_RATE / (1 - ADAM_DECAY[0] ** step) * first / scale
        constants[1].clamp_(math.log(MIN_SOFTNESS), math.log(MAX_SOFTNESS))
    loss, _, _ = _loss_and_gradient(batch, constants[0], constants[1], rows)
    thresholds, softness = constants[0].cpu().numpy(), constants[1].exp().cpu().numpy()
    return [
        replace(
            chain,
            loss=float(loss[index]),
            clauses=tuple(
                replace(clause, threshold=float(thresholds[index, place]), softness=float(softness[index, place]))
                for place, clause in enumerate(chain.clauses)
            ),
        )
        for index, chain in enumerate(chains)
    ]


def _batch(chains: Sequence[Chain], rows: FittingRows) -> _Batch:
    columns = np.array([[clause.column for clause in chain.clauses] for chain in chains])
    orders = np.stack([columns, rows.swapped[columns]]) if chains[0].either else columns[None]
    index = torch.as_tensor(orders, device=rows.values.device)
    signs = [[[float(clause.direction), float(clause.join == "or")] for clause in chain.clauses] for chain in chains]
    direction, widens = torch.tensor(signs, device=rows.values.device).unbind(dim=2)
    return _Batch(rows.values[index], rows.seen[index], direction, widens)


def _constants(chains: Sequence[Chain], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    thresholds = [[clause.threshold for clause in chain.clauses] for chain in chains]
    softness = [[clause.softness for clause in chain.clauses] for chain in chains]
    return (
        torch.tensor(thresholds, dtype=torch.float32, device=device),
        torch.tensor(softness, dtype=torch.float32, device=device).log(),
    )


def _forward(
    batch: _Batch, threshold: torch.Tensor, log_softness: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    """Return margins and degrees (order, chain, clause, row), and the truth (order, chain, row) after each clause."""
    slope = batch.direction * torch.exp(-log_softness)
    margin = (batch.values - threshold[None, :, :, None]).mul_(slope[None, :, :, None])
    degree = torch.sigmoid(margin).mul_(batch.seen)
    truths = [degree[:, :, 0]]
    for place in range(1, degree.shape[2]):
        before, clause = truths[-1], degree[:, :, place]
        widens = batch.widens[None, :, place, None]
        # and: t d;  or: t + d - t d.
        truths.append(torch.addcmul(widens * (before + clause), 1 - 2 * widens, before * clause))
    return margin, degree, truths


def _loss_and_gradient(
    batch: _Batch, threshold: torch.Tensor, log_softness: torch.Tensor, rows: FittingRows
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the loss (chain,) and its derivatives by threshold and log softness, (chain, clause)."""
    margin, degree, truths = _forward(batch, threshold, log_softness)
    best, which = truths[-1].max(dim=0)
    truth = best.clamp(_TINY, 1 - _TINY)
    entropy = torch.where(rows.present > 0, torch.log(truth), torch.log1p(-truth))
    loss = -(entropy * rows.weight).sum(dim=1)
    by_truth = (truth - rows.present).mul_(rows.weight).div_(truth * (1 - truth)).mul_(truth == best)
    orders = torch.arange(degree.shape[0], device=which.device)[:, None, None]
    by_prefix = by_truth * (which == orders)
    by_degree = torch.empty_like(degree)
    for place in range(degree.shape[2] - 1, 0, -1):
        widens = batch.widens[None, :, place, None]
        flip = 1 - 2 * widens
        by_degree[:, :, place] = by_prefix * torch.addcmul(widens, flip, truths[place - 1])
        by_prefix = by_prefix * torch.addcmul(widens, flip, degree[:, :, place])
    by_degree[:, :, 0] = by_prefix
    by_margin = by_degree.mul_(degree).mul_(1 - degree)
    slope = batch.direction * torch.exp(-log_softness)
    by_threshold = -slope * by_margin.sum(dim=(0, 3))
    by_softness = -(by_margin * margin).sum(dim=(0, 3))
    return loss, by_threshold, by_softness
