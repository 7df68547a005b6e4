from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from nsp_core import rng
from nsp_core.dsl.ast import Duration, Feature, Windowed
from nsp_core.search.chains import Chain, Clause, make_fitting_rows, program_of
from nsp_core.search.crossfit import HeldOutScore, fit_folds, score_chains
from nsp_core.search.development import N_LARGE, Development, prepare_development
from nsp_core.search.fit import fit_chains
from nsp_core.search.losses import LossName
from nsp_core.search.operating import chain_decision, chain_degree, move_to_best_f1
from tests.core.search.recording_examples import index_of, labeled_in, recordings

N_STEPS = 15


@pytest.fixture(scope="module")
def prepared() -> Development:
    return prepare_development(recordings(), seed=1, device="cpu")


@pytest.fixture(scope="module")
def chains(prepared: Development) -> list[Chain]:
    """Chains of both joins over plain and averaged columns, of which some know nothing of the behavior."""
    x, y = (index_of(prepared.columns, Feature(name)) for name in ("x", "y"))
    slow = index_of(prepared.columns, Windowed(Feature("x"), Duration(1.0)))
    first = Clause(x, -1, "and", -0.3, 0.5)
    return [
        Chain((first,), either=False),
        Chain((first, Clause(y, 1, "or", 1.0, 0.5)), either=False),
        Chain((Clause(y, -1, "and", 0.0, 0.5),), either=False),
        Chain((Clause(slow, -1, "and", 0.0, 0.5), Clause(y, -1, "and", 2.0, 0.5)), either=False),
    ]


def constants(chain: Chain) -> list[float]:
    return [number for clause in chain.clauses for number in (clause.threshold, clause.softness)]


@pytest.mark.parametrize("loss", ["balanced", "soft_f1"])
def test_a_fold_is_judged_by_a_fit_to_the_rows_of_all_others(
    prepared: Development, chains: list[Chain], loss: LossName
) -> None:
    folds = list(fit_folds(chains, prepared, n_steps=N_STEPS, loss=loss))
    assert [one.fold for one in folds] == [0, 1, 2, 3]
    for fold in folds:
        others = prepared.rows.of(prepared.fold_of_row != fold.fold)
        sampled = others.sample(N_LARGE, rng.stream(1, "search", "fold", str(fold.fold)))
        fitting = make_fitting_rows(sampled, prepared.swapped, prepared.scaling, prepared.device)
        by_hand = [
            move_to_best_f1(fitted, prepared.scaling, prepared.swapped, others)
            for fitted in fit_chains(chains, fitting, n_steps=N_STEPS, loss=loss)
        ]
        for found, expected in zip(fold.chains, by_hand, strict=True):
            assert [clause.column for clause in found.clauses] == [clause.column for clause in expected.clauses]
            np.testing.assert_allclose(constants(found), constants(expected), rtol=1e-5)


def with_other_labels(prepared: Development, fold: int) -> Development:
    """Return the development set with all labels of ``fold`` turned round."""
    sequences = [
        replace(sequence, states=np.where(held, 1 - sequence.states, sequence.states).astype(np.int8))
        for sequence, held in zip(prepared.sequences, labeled_in(prepared, fold), strict=True)
    ]
    return prepare_development(sequences, seed=prepared.seed, device="cpu")


def test_constants_do_not_depend_on_labels_of_the_fold_they_are_judged_on(
    prepared: Development, chains: list[Chain]
) -> None:
    turned = list(fit_folds(chains, with_other_labels(prepared, 2), n_steps=N_STEPS, loss="balanced"))
    plain = list(fit_folds(chains, prepared, n_steps=N_STEPS, loss="balanced"))
    assert turned[2] == plain[2]
    assert all(turned[fold] != plain[fold] for fold in (0, 1, 3))


@pytest.mark.parametrize("most_frames", [1, 4])
def test_held_out_scores_count_every_frame_once(prepared: Development, chains: list[Chain], most_frames: int) -> None:
    frames = np.random.default_rng(0).integers(1, most_frames + 1, prepared.rows.states.size).astype(float)
    weighted = replace(prepared, rows=replace(prepared.rows, frames=frames))
    rows = weighted.rows
    decided = np.zeros((len(chains), rows.states.size), dtype=bool)
    degree = np.zeros(decided.shape)
    for fold in fit_folds(chains, weighted, n_steps=N_STEPS, loss="balanced"):
        held = prepared.fold_of_row == fold.fold
        for index, chain in enumerate(fold.chains):
            decided[index, held] = chain_decision(chain, prepared.scaling, prepared.swapped, rows.of(held))
            degree[index, held] = chain_degree(chain, prepared.scaling, prepared.swapped, rows.of(held))
    scored = score_chains(chains, weighted, n_steps=N_STEPS, loss="balanced")
    assert [one.chain for one in scored] == chains
    for one, yes, soft in zip(scored, decided, degree, strict=True):
        assert one.held_out.f1 == pytest.approx(f1_score(rows.states, yes, sample_weight=frames))
        expected = average_precision_score(rows.states, soft, sample_weight=frames)
        assert one.held_out.ap == pytest.approx(expected, abs=1e-6)


def test_what_knows_the_behavior_scores_better_than_what_does_not(prepared: Development, chains: list[Chain]) -> None:
    knowing, widened, ignorant, averaged = score_chains(chains, prepared, n_steps=N_STEPS, loss="balanced")
    share = float((prepared.rows.states == 1).mean())
    assert knowing.held_out.f1 > 0.75
    assert ignorant.held_out.f1 < 2 * share / (1 + share) + 0.05
    assert ignorant.held_out.ap < share + 0.15
    for one in (widened, averaged):
        assert ignorant.held_out.merit < one.held_out.merit <= 1


def test_frames_outside_every_fold_are_neither_fitted_nor_judged() -> None:
    (sequence,) = recordings(1, 600)
    prepared = prepare_development([sequence], seed=1, device="cpu")
    (own,) = prepared.folds
    gaps = own < 0
    assert 0 < gaps.sum() < 200
    turned = replace(sequence, states=np.where(gaps, 1 - sequence.states, sequence.states).astype(np.int8))
    chain = Chain((Clause(index_of(prepared.columns, Feature("x")), -1, "and", 0.0, 0.5),), either=False)
    one, other = (
        score_chains([chain], prepare_development([made], seed=1, device="cpu"), n_steps=N_STEPS, loss="balanced")
        for made in (sequence, turned)
    )
    assert one == other


def test_an_order_of_the_animals_that_is_exchanged_is_fitted_too() -> None:
    names = ("speed[agent]", "speed[target]", "speed[higher]", "speed[lower]")
    prepared = prepare_development(recordings(names=names), seed=1, device="cpu")
    agent, target = (index_of(prepared.columns, Feature(name)) for name in names[:2])
    scores = [
        score_chains([Chain((Clause(column, -1, "and", 0.0, 0.5),), either=True)], prepared, n_steps=5, loss="balanced")
        for column in (agent, target)
    ]
    assert scores[0][0].held_out.f1 == pytest.approx(scores[1][0].held_out.f1, abs=1e-6)
    assert program_of(scores[0][0].chain, prepared.scaling, prepared.columns) is not None


def test_nothing_to_score_is_no_score(prepared: Development) -> None:
    assert score_chains([], prepared, n_steps=N_STEPS, loss="balanced") == []


def test_merit_is_the_mean_of_both_scores() -> None:
    assert HeldOutScore(0.5, 0.75).merit == 0.625
