from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize

from nsp_core.dsl.ast import Either, Feature
from nsp_core.dsl.semantics import soft_bounds
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.search.chains import Chain, Clause, FittingRows, program_of
from nsp_core.search.fit import MAX_SOFTNESS, MIN_SOFTNESS, chain_loss_and_gradient, chain_truth, fit_chains
from nsp_core.search.losses import LossName
from nsp_core.search.screen import Join
from tests.core.search.chain_examples import (
    N_COLUMNS,
    NAMES,
    all_rows,
    chains,
    dyad,
    fitting_rows,
    laid_out,
    one_column,
    rows_of,
    scaling_of,
    threshold_chain,
)


@settings(max_examples=50, deadline=None)
@given(chains, st.integers(0, 9))
def test_the_truth_of_a_chain_is_what_its_program_says_with_certainty(chain: Chain, seed: int) -> None:
    sequence = dyad(seed)
    rows, columns = laid_out(sequence)
    program = program_of(chain, scaling_of(rows), columns)
    certain, _ = soft_bounds(program, sequence.column, sequence.fps)
    np.testing.assert_allclose(chain_truth(chain, rows).max(axis=0), certain, atol=2e-4)


def test_the_two_orders_of_a_chain_are_the_two_readings_of_either() -> None:
    sequence = dyad(3)
    rows, columns = laid_out(sequence)
    agent, nose = (next(i for i, c in enumerate(columns) if c.number == Feature(n)) for n in (NAMES[0], NAMES[3]))
    chain = Chain((Clause(agent, -1, "and", 0.2, 0.3), Clause(nose, 1, "and", -0.4, 0.5)), either=True)
    program = program_of(chain, scaling_of(rows), columns)
    assert isinstance(program, Either)
    exchanged = parse_program(format_program(program.child).replace("[agent]", "[target]"))
    for order, reading in enumerate((program.child, exchanged)):
        certain, _ = soft_bounds(reading, sequence.column, sequence.fps)
        np.testing.assert_allclose(chain_truth(chain, rows)[order], certain, atol=2e-4)


def test_an_empty_chain_holds_everywhere() -> None:
    rows, _ = laid_out(dyad(0))
    assert (chain_truth(Chain((), either=False), rows) == 1).all()
    assert chain_truth(Chain((), either=True), rows).shape[0] == 2


soft_chains = st.builds(
    lambda clauses, either: Chain((replace(clauses[0], join="and"), *clauses[1:]), either),
    st.lists(
        st.builds(
            Clause,
            st.integers(0, N_COLUMNS - 1),
            st.sampled_from([-1, 1]),
            st.sampled_from(["and", "or"]),
            st.floats(-1.5, 1.5),
            st.floats(0.5, 2),
        ),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
)


def constants_of(chain: Chain) -> NDArray[np.float64]:
    """Return thresholds and then log softness, (2 x clause,)."""
    return np.array([c.threshold for c in chain.clauses] + [math.log(c.softness) for c in chain.clauses])


def loss_of(constants: torch.Tensor, chain: Chain, rows: FittingRows, loss: LossName) -> torch.Tensor:
    """Return the loss of ``chain`` at other constants (2 x clause,), written out plainly and in double."""
    n_clauses = len(chain.clauses)
    orders = []
    for order in range(2 if chain.either else 1):
        truth = torch.zeros_like(rows.present, dtype=torch.float64)
        for place, clause in enumerate(chain.clauses):
            column = rows.swapped[clause.column] if order else clause.column
            margin = clause.direction * (rows.values[column].double() - constants[place])
            degree = torch.sigmoid(margin / constants[n_clauses + place].exp()) * rows.seen[column]
            joins = clause.join == "and" and place > 0
            truth = truth * degree if joins else 1 - (1 - truth) * (1 - degree)
        orders.append(truth)
    truth = torch.stack(orders).amax(dim=0).clamp(1e-4, 1 - 1e-4)
    right = torch.where(rows.present > 0, truth, 1 - truth)
    if loss == "soft_f1":
        frames = torch.as_tensor(rows.frames)
        hits, claimed, present = ((part * frames).sum() for part in (truth * rows.present, truth, rows.present))
        return 1 - 2 * hits / (claimed + present)
    focus = (1 - right) ** 2 if loss == "focal" else 1.0
    return -(rows.weight * focus * right.log()).sum()


def smooth_rows(chain: Chain, rows: FittingRows) -> NDArray[np.bool_]:
    """Return at which rows the loss has a derivative.

    It is cut off where a truth is all but certain, and has a kink where both orders of the animals are as true.
    """
    orders = chain_truth(chain, rows)
    truth = orders.max(axis=0)
    smooth: NDArray[np.bool_] = (truth == 0) | ((truth > 2e-4) & (truth < 1 - 2e-4))
    if any(rows.swapped[clause.column] != clause.column for clause in chain.clauses):
        smooth &= (truth == 0) | (np.ptp(orders, axis=0) > 1e-4) | (len(orders) == 1)
    return smooth


@settings(max_examples=60, deadline=None)
@given(soft_chains, st.integers(0, 9), st.sampled_from(get_args(LossName)))
def test_the_gradient_is_the_one_of_small_differences(chain: Chain, seed: int, loss: LossName) -> None:
    sequence = dyad(seed)
    rows, columns = laid_out(sequence)
    kept = np.flatnonzero(smooth_rows(chain, rows))
    assume(set(sequence.states[kept]) == {0, 1})
    rows = fitting_rows(all_rows([sequence], columns).of(kept), rows.swapped)
    # The rows that are left are scaled anew.
    assume(smooth_rows(chain, rows).all())
    (value,), (gradient,) = chain_loss_and_gradient([chain], rows, loss=loss)
    start, step = torch.as_tensor(constants_of(chain)), 1e-6
    assert value == pytest.approx(float(loss_of(start, chain, rows, loss)), abs=1e-4)
    for place, found in enumerate(gradient):
        moved = torch.zeros_like(start)
        moved[place] = step
        above, below = (float(loss_of(start + sign * moved, chain, rows, loss)) for sign in (1, -1))
        assert found == pytest.approx((above - below) / (2 * step), abs=2e-4)


def rule_and_mistakes(seed: int, n_frames: int = 300, mistakes: float = 0.1) -> tuple[FittingRows, list[int]]:
    """Return rows of a rule of two clauses with mistakes and gaps, and the plain columns of the two features."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(n_frames, 2))
    low, lower = values < (0.3, 0.5), values < (-0.5, -0.7)
    states = (low.all(axis=1) if seed % 2 else lower.any(axis=1)) ^ (generator.random(n_frames) < mistakes)
    values[generator.random(values.shape) < 0.15] = np.nan
    return fitting_rows(rows_of(values, states), np.array([0, 1])), [0, 1]


def random_pair(columns: Sequence[int], join: Join, generator: np.random.Generator) -> Chain:
    clauses = (
        Clause(column, int(generator.choice([-1, 1])), how, float(generator.uniform(-1, 1)), 0.5)
        for column, how in zip(columns, ("and", join), strict=True)
    )
    return Chain(tuple(clauses), either=False)


@pytest.mark.parametrize("join", ["and", "or"])
def test_the_fit_ends_where_a_quasi_newton_method_ends(join: Join) -> None:
    as_good = []
    for seed in range(16):
        rows, columns = rule_and_mistakes(seed)
        start = random_pair(columns, join, np.random.default_rng(seed))

        def value_and_slope(
            constants: NDArray[np.float64], start: Chain = start, rows: FittingRows = rows
        ) -> tuple[float, NDArray[np.float64]]:
            at = torch.tensor(constants, requires_grad=True)
            value = loss_of(at, start, rows, "balanced")
            torch.autograd.backward(value)
            return value.item(), at.grad.numpy()

        bounds = [(None, None)] * 2 + [(math.log(MIN_SOFTNESS), math.log(MAX_SOFTNESS))] * 2
        reference = minimize(value_and_slope, constants_of(start), jac=True, bounds=bounds, method="L-BFGS-B")
        (fitted,) = fit_chains([start], rows, n_steps=60)
        as_good.append(fitted.loss < 1.01 * reference.fun)
    # From a start at random, the one or the other may end in a corner where a clause never holds.
    assert sum(as_good) >= 15


@settings(max_examples=10, deadline=None)
@given(st.lists(soft_chains, min_size=1, max_size=6), st.integers(0, 9), st.sampled_from(get_args(LossName)))
def test_no_further_step_ever_raises_a_loss(starts: list[Chain], seed: int, loss: LossName) -> None:
    rows, _ = laid_out(dyad(seed))
    losses = np.array([[one.loss for one in fit_chains(starts, rows, n_steps=n, loss=loss)] for n in (0, 1, 2, 4, 9)])
    assert (np.diff(losses, axis=0) <= 1e-6).all()


@settings(max_examples=15, deadline=None)
@given(st.lists(chains, min_size=1, max_size=6), st.integers(0, 9), st.integers(0, 15))
def test_chains_of_any_shape_come_back_in_their_order(starts: list[Chain], seed: int, n_steps: int) -> None:
    rows, _ = laid_out(dyad(seed))
    fitted = fit_chains(starts, rows, n_steps=n_steps)
    for start, end in zip(starts, fitted, strict=True):
        assert end.either == start.either
        assert [(c.column, c.direction, c.join) for c in end.clauses] == [
            (c.column, c.direction, c.join) for c in start.clauses
        ]
        assert math.isfinite(end.loss)
        assert all(math.isfinite(c.threshold) for c in end.clauses)
        assert all(c.softness * 1.0001 >= MIN_SOFTNESS for c in end.clauses)
        assert all(c.softness <= MAX_SOFTNESS * 1.0001 for c in end.clauses)


def test_softness_goes_to_its_bounds_and_no_further() -> None:
    generator = np.random.default_rng(2)
    values = generator.normal(size=400)
    certain = one_column(values, values < 0.2)
    noise = one_column(values, generator.random(400) < 0.5)
    for rows, bound in ((certain, MIN_SOFTNESS), (noise, MAX_SOFTNESS)):
        (fitted,) = fit_chains([threshold_chain(0.3)], rows, n_steps=60)
        assert fitted.clauses[0].softness == pytest.approx(bound, rel=1e-4)


def test_fitting_lowers_the_loss_of_every_chain() -> None:
    rows, _ = laid_out(dyad(5, n_frames=150))
    generator = np.random.default_rng(0)
    starts = [
        Chain(tuple(Clause(int(c), 1, "and", float(t), 0.5) for c, t in zip(columns, thresholds, strict=True)), False)
        for columns, thresholds in zip(
            generator.integers(0, N_COLUMNS, (12, 2)), generator.normal(size=(12, 2)), strict=True
        )
    ]
    before, after = (fit_chains(starts, rows, n_steps=n) for n in (0, 40))
    assert all(fitted.loss < start.loss for start, fitted in zip(before, after, strict=True))


def company(seed: int) -> tuple[list[Chain], FittingRows]:
    """Return chains of many shapes, some of which settle after a few steps, some after many."""
    rows, columns = rule_and_mistakes(seed)
    generator = np.random.default_rng(seed)
    pairs = [
        random_pair(generator.permutation(columns).tolist(), join, generator)
        for join in ("and", "or")
        for _ in range(8)
    ]
    return [*pairs, *(Chain(pair.clauses[:1], either=bool(n % 2)) for n, pair in enumerate(pairs))], rows


def assert_same_fit(one: Chain, other: Chain, rows: FittingRows) -> None:
    assert one.loss == pytest.approx(other.loss, abs=1e-5)
    # What the fit says of every row: constants of a clause that drifted out of its column's range are free.
    np.testing.assert_allclose(chain_truth(one, rows), chain_truth(other, rows), atol=5e-3)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_chain_is_fitted_the_same_alone_and_in_company(seed: int) -> None:
    starts, rows = company(seed)
    together = fit_chains(starts, rows, n_steps=25)
    for start, in_company in zip(starts, together, strict=True):
        (alone,) = fit_chains([start], rows, n_steps=25)
        assert_same_fit(alone, in_company, rows)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_order_of_the_chains_does_not_matter(seed: int) -> None:
    starts, rows = company(seed)
    order = np.random.default_rng(seed).permutation(len(starts))
    shuffled = fit_chains([starts[place] for place in order], rows, n_steps=25)
    in_order = fit_chains(starts, rows, n_steps=25)
    for place, fitted in zip(order, shuffled, strict=True):
        assert_same_fit(fitted, in_order[place], rows)


def test_a_fit_repeats_itself_exactly() -> None:
    starts, rows = company(3)
    assert fit_chains(starts, rows, n_steps=25) == fit_chains(starts, rows, n_steps=25)


def test_the_loss_of_a_fit_is_that_of_its_constants() -> None:
    starts, rows = company(4)
    for loss in get_args(LossName):
        for fitted in fit_chains(starts, rows, n_steps=25, loss=loss):
            (value,), _ = chain_loss_and_gradient([fitted], rows, loss=loss)
            assert fitted.loss == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize("loss", ["focal", "soft_f1"])
def test_each_loss_is_lowest_for_the_chain_fitted_to_it(loss: LossName) -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=2000)
    rows = one_column(values, values + generator.normal(size=2000) < -1.5)
    own, balanced = (fit_chains([threshold_chain(-1.5)], rows, n_steps=60, loss=name)[0] for name in (loss, "balanced"))
    (at_balanced,), _ = chain_loss_and_gradient([balanced], rows, loss=loss)
    assert own.loss < at_balanced - 1e-3


def test_a_fit_leaves_the_threads_of_others_alone() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        fit_chains([threshold_chain(0.0)], one_column([0.0, 1.0], [1, 0]), n_steps=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_fitting_finds_the_threshold_between_two_classes() -> None:
    generator = np.random.default_rng(2)
    values = generator.uniform(0, 100, 2000)
    rows = one_column(values.tolist(), (values < 30).astype(int).tolist())
    (fitted,) = fit_chains([threshold_chain(0.5)], rows, n_steps=30)
    threshold = rows.center[0] + rows.scale[0] * fitted.clauses[0].threshold
    assert threshold == pytest.approx(30, abs=1)
    (start,) = fit_chains([threshold_chain(0.5)], rows, n_steps=0)
    assert fitted.loss < start.loss / 3


def test_the_loss_is_the_class_balanced_cross_entropy() -> None:
    rows = one_column([-1.0, 0.0, 1.0, 2.0, 3.0], [1, 1, 0, 0, 0], frames=[1.0, 3.0, 1.0, 1.0, 2.0])
    chain = threshold_chain(0.1, softness=0.7)
    truth = chain_truth(chain, rows)[0]
    present = np.array([True, True, False, False, False])
    frames = np.array([1.0, 3.0, 1.0, 1.0, 2.0])
    entropy = -np.log(np.where(present, truth, 1 - truth))
    expected = sum(np.average(entropy[of], weights=frames[of]) / 2 for of in (present, ~present))
    (unfitted,) = fit_chains([chain], rows, n_steps=0)
    assert unfitted.loss == pytest.approx(expected, rel=1e-4)


def test_a_row_whose_clause_is_missing_counts_as_not_recognized() -> None:
    generator = np.random.default_rng(1)
    values = generator.normal(size=200)
    rows = one_column(values.tolist(), (values + generator.normal(size=200) < 0).astype(int).tolist())
    lost = torch.arange(200) % 3 == 0
    missing = replace(
        rows,
        values=rows.values.masked_fill(lost, 0.0),
        seen=rows.seen.masked_fill(lost, 0.0),
        missing=np.array([True]),
    )
    far_off = replace(rows, values=rows.values.masked_fill(lost, 1e6))
    for n_steps in (0, 20):
        (with_gaps,), (with_misses,) = (
            fit_chains([threshold_chain(0.3)], r, n_steps=n_steps) for r in (missing, far_off)
        )
        assert with_gaps.loss == pytest.approx(with_misses.loss, rel=1e-5)
        assert with_gaps.clauses[0].threshold == pytest.approx(with_misses.clauses[0].threshold, abs=1e-4)
    assert (chain_truth(threshold_chain(0.3), missing)[0][lost.numpy()] == 0).all()


def test_fitting_nothing_returns_nothing() -> None:
    rows, _ = laid_out(dyad(0))
    assert fit_chains([], rows, n_steps=10) == []
