from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import Either, Feature
from nsp_core.dsl.semantics import soft_bounds
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.search.chains import Chain, Clause, FittingRows, program_of
from nsp_core.search.fit import chain_loss_and_gradient, chain_truth, fit_chains
from tests.core.search.chain_examples import N_COLUMNS, NAMES, chains, dyad, laid_out, one_column, threshold_chain


@settings(max_examples=50, deadline=None)
@given(chains, st.integers(0, 9))
def test_the_truth_of_a_chain_is_what_its_program_says_with_certainty(chain: Chain, seed: int) -> None:
    sequence = dyad(seed)
    rows, columns = laid_out(sequence)
    program = program_of(chain, rows, columns)
    certain, _ = soft_bounds(program, sequence.column, sequence.fps)
    np.testing.assert_allclose(chain_truth(chain, rows).max(axis=0), certain, atol=2e-4)


def test_the_two_orders_of_a_chain_are_the_two_readings_of_either() -> None:
    sequence = dyad(3)
    rows, columns = laid_out(sequence)
    agent, nose = (next(i for i, c in enumerate(columns) if c.number == Feature(n)) for n in (NAMES[0], NAMES[3]))
    chain = Chain((Clause(agent, -1, "and", 0.2, 0.3), Clause(nose, 1, "and", -0.4, 0.5)), either=True)
    program = program_of(chain, rows, columns)
    assert isinstance(program, Either)
    exchanged = parse_program(format_program(program.child).replace("[agent]", "[target]"))
    for order, reading in enumerate((program.child, exchanged)):
        certain, _ = soft_bounds(reading, sequence.column, sequence.fps)
        np.testing.assert_allclose(chain_truth(chain, rows)[order], certain, atol=2e-4)


def test_an_empty_chain_holds_everywhere() -> None:
    rows, _ = laid_out(dyad(0))
    assert (chain_truth(Chain((), either=False), rows) == 1).all()
    assert chain_truth(Chain((), either=True), rows).shape[0] == 2


def loss_of(clauses: torch.Tensor, chain: Chain, rows: FittingRows) -> torch.Tensor:
    """Return the loss of ``chain`` at thresholds and log softness (2, clause), written out plainly."""
    truths = []
    for order in range(2 if chain.either else 1):
        truth = torch.ones_like(rows.present, dtype=torch.float64)
        for place, clause in enumerate(chain.clauses):
            column = rows.swapped[clause.column] if order else clause.column
            margin = clause.direction * (rows.values[column].double() - clauses[0, place])
            degree = torch.sigmoid(margin / clauses[1, place].exp()) * rows.seen[column]
            truth = truth * degree if clause.join == "and" else 1 - (1 - truth) * (1 - degree)
        truths.append(truth)
    best = torch.stack(truths).amax(dim=0).clamp(1e-4, 1 - 1e-4)
    entropy = torch.where(rows.present > 0, best.log(), (1 - best).log())
    return -(entropy * rows.weight).sum()


@settings(max_examples=40, deadline=None)
@given(chains, st.integers(0, 9))
def test_the_gradient_is_the_one_automatic_differentiation_finds(chain: Chain, seed: int) -> None:
    rows, _ = laid_out(dyad(seed))
    loss, by_threshold, by_softness = chain_loss_and_gradient([chain], rows)
    constants = torch.tensor(
        [[c.threshold for c in chain.clauses], [np.log(c.softness) for c in chain.clauses]], dtype=torch.float64
    ).requires_grad_()
    expected = loss_of(constants, chain, rows)
    expected.backward()
    assert loss[0] == pytest.approx(expected.item(), abs=1e-4)
    np.testing.assert_allclose(np.stack([by_threshold[0], by_softness[0]]), constants.grad, atol=2e-3)


def test_fitting_lowers_the_loss_of_every_chain() -> None:
    sequence = dyad(5, n_frames=150)
    rows, _ = laid_out(sequence)
    generator = np.random.default_rng(0)
    starts = [
        Chain(tuple(Clause(int(c), 1, "and", float(t), 0.5) for c, t in zip(columns, thresholds, strict=True)), False)
        for columns, thresholds in zip(
            generator.integers(0, N_COLUMNS, (12, 2)), generator.normal(size=(12, 2)), strict=True
        )
    ]
    before, after = (fit_chains(starts, rows, n_steps=n) for n in (0, 40))
    assert all(fitted.loss < start.loss for start, fitted in zip(before, after, strict=True))
    assert [[c.column for c in fitted.clauses] for fitted in after] == [[c.column for c in s.clauses] for s in starts]


@pytest.mark.parametrize("either", [False, True])
def test_a_chain_is_fitted_the_same_alone_and_in_company(either: bool) -> None:
    rows, _ = laid_out(dyad(6, n_frames=200))
    starts = [
        Chain((Clause(c, -1, "and", t, 0.5), Clause(c + 1, 1, join, 0.0, 0.5)), either)
        for c, t, join in ((0, 0.5, "and"), (3, -0.5, "or"), (8, 0.0, "and"))
    ]
    together = fit_chains(starts, rows, n_steps=25)
    for start, in_company in zip(starts, together, strict=True):
        (alone,) = fit_chains([start], rows, n_steps=25)
        assert alone.loss == pytest.approx(in_company.loss, abs=1e-5)
        for mine, theirs in zip(alone.clauses, in_company.clauses, strict=True):
            assert mine.threshold == pytest.approx(theirs.threshold, abs=1e-3)
            assert mine.softness == pytest.approx(theirs.softness, abs=1e-3)


def test_fitting_finds_the_threshold_between_two_classes() -> None:
    generator = np.random.default_rng(2)
    values = generator.uniform(0, 100, 2000)
    rows = one_column(values.tolist(), (values < 30).astype(int).tolist())
    (fitted,) = fit_chains([threshold_chain(0.5)], rows, n_steps=300)
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
    missing = replace(rows, values=rows.values.masked_fill(lost, 0.0), seen=rows.seen.masked_fill(lost, 0.0))
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
