from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.search import losses
from nsp_core.search.chains import FittingRows
from nsp_core.search.losses import LOSSES, LossName
from tests.core.search.chain_examples import one_column

seeds = st.integers(0, 10_000)
names = st.sampled_from(get_args(LossName))


def rows_in_double(states: np.ndarray, frames: np.ndarray) -> FittingRows:
    """Return rows whose labels and weights are double, for derivatives by differences."""
    rows = one_column(np.zeros(states.size), states, frames)
    rows = replace(rows, present=rows.present.double(), weight=rows.weight.double())
    # Computed once and kept; what is kept in its place is the same in double.
    vars(rows)["frame_share"] = torch.as_tensor(rows.frames / rows.frames.sum())
    return rows


def example(seed: int, n_chains: int = 3) -> tuple[torch.Tensor, FittingRows]:
    """Return truths (chain, row) within (0.01, 0.99) and rows of both classes that stand for unequally many frames."""
    generator = np.random.default_rng(seed)
    n_rows = int(generator.integers(2, 12))
    states = generator.integers(0, 2, n_rows)
    states[:2] = [0, 1]
    rows = rows_in_double(states, generator.uniform(0.5, 9, n_rows))
    return torch.as_tensor(generator.uniform(0.01, 0.99, (n_chains, n_rows))), rows


@settings(max_examples=40, deadline=None)
@given(seeds, names)
def test_the_derivative_is_that_of_the_loss(seed: int, name: LossName) -> None:
    truth, rows = example(seed)
    value, by_truth = LOSSES[name](truth, rows)
    assert value.shape == (3,)
    step = 1e-6
    for row in range(truth.shape[1]):
        moved = torch.zeros_like(truth)
        moved[:, row] = step
        above, below = (LOSSES[name](truth + sign * moved, rows)[0] for sign in (1, -1))
        np.testing.assert_allclose(by_truth[:, row], (above - below) / (2 * step), rtol=2e-5, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(seeds, names)
def test_every_loss_falls_where_a_frame_with_the_behavior_gets_more_certain(seed: int, name: LossName) -> None:
    truth, rows = example(seed)
    _, by_truth = LOSSES[name](truth, rows)
    present = rows.present > 0
    assert (by_truth[:, present] < 0).all()
    assert (by_truth[:, ~present] > 0).all()


@settings(max_examples=40, deadline=None)
@given(seeds, names)
def test_chains_do_not_see_each_other(seed: int, name: LossName) -> None:
    truth, rows = example(seed, n_chains=4)
    together, _ = LOSSES[name](truth, rows)
    alone = torch.cat([LOSSES[name](truth[index : index + 1], rows)[0] for index in range(4)])
    np.testing.assert_allclose(together, alone, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_soft_f1_of_a_certain_program_is_what_f1_misses(seed: int) -> None:
    truth, rows = example(seed)
    decided, present, frames = (truth > 0.5).numpy(), rows.present.numpy() > 0, rows.frames
    value, _ = LOSSES["soft_f1"]((truth > 0.5).double(), rows)
    for chain, yes in enumerate(decided):
        f1 = 2 * frames[yes & present].sum() / (frames[yes].sum() + frames[present].sum())
        assert value[chain] == pytest.approx(1 - f1, abs=1e-6)


@pytest.mark.parametrize("name", ["balanced", "focal"])
def test_a_rare_behavior_weighs_as_much_as_its_absence(name: LossName) -> None:
    states = np.array([1, 0, 0, 0, 0, 0, 0, 0])
    rows = rows_in_double(states, np.ones(8))
    missed = torch.as_tensor([[0.2] + [0.1] * 7])
    mistaken = torch.as_tensor([[0.9] + [0.8] * 7])
    (one,), (other,) = (LOSSES[name](truth.double(), rows)[0] for truth in (missed, mistaken))
    assert float(one) == pytest.approx(float(other))
    (undecided,), _ = LOSSES["balanced"](torch.full((1, 8), 0.5, dtype=torch.float64), rows)
    assert float(undecided) == pytest.approx(np.log(2))


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_without_focus_the_focal_loss_is_the_balanced_one(seed: int) -> None:
    truth, rows = example(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(losses, "FOCUS", 0.0)
        focal = LOSSES["focal"](truth, rows)
    for one, other in zip(focal, LOSSES["balanced"](truth, rows), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_focus_turns_down_what_is_already_right() -> None:
    rows = rows_in_double(np.array([1, 0]), np.ones(2))
    for right, share in ((0.9, 0.01), (0.5, 0.25), (0.1, 0.81)):
        truth = torch.as_tensor([[right, 1 - right]], dtype=torch.float64)
        (focal,), (balanced,) = (LOSSES[name](truth, rows)[0] for name in ("focal", "balanced"))
        assert float(focal) == pytest.approx(share * float(balanced))


@settings(max_examples=20, deadline=None)
@given(seeds, names)
def test_a_perfect_program_loses_next_to_nothing_and_its_opposite_much(seed: int, name: LossName) -> None:
    _, rows = example(seed)
    perfect = rows.present[None].clamp(1e-4, 1 - 1e-4)
    (best,), (worst,) = (LOSSES[name](truth, rows)[0] for truth in (perfect, 1 - perfect))
    # The share of frames without the behavior that is taken for it is small, but not nothing.
    assert float(best) < 0.02
    assert float(worst) > 0.9


def test_every_loss_has_its_name() -> None:
    assert set(LOSSES) == set(get_args(LossName))
