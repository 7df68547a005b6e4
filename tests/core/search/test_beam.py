from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from nsp_core.dsl.ast import Feature
from nsp_core.errors import ProgramError
from nsp_core.search.beam import BeamSettings, Budget, SearchProgress, beam_search, kind_of
from nsp_core.search.chains import Chain, FittingRows, make_fitting_rows
from nsp_core.search.columns import Column, columns_for, gather_rows, swapped_columns
from nsp_core.search.fit import chain_truth
from nsp_core.search.screen import BinnedColumns, bin_columns
from nsp_core.sequences import LabeledSequence

SequenceOf = Callable[..., LabeledSequence]

N_FRAMES = 400
NARROW = BeamSettings(n_clauses=2, width=6, n_proposals=8, n_steps=10, n_polish_steps=20)
# Everything is proposed, nothing is fitted: thresholds are those of the screening.
SCREENED = BeamSettings(n_clauses=1, width=1000, n_proposals=1000, n_steps=0, n_polish_steps=0)


@dataclass(frozen=True)
class Laid:
    """Rows laid out for a search, without windows: every frame is a sequence of its own."""

    rows: FittingRows
    binned: BinnedColumns
    columns: tuple[Column, ...]

    def search(
        self,
        settings: BeamSettings,
        budget: Budget | None = None,
        report: Callable[[SearchProgress], None] = lambda progress: None,
    ) -> tuple[list[Chain], int, str]:
        return beam_search(
            self.rows,
            self.rows,
            self.binned,
            self.columns,
            settings=settings,
            budget=budget or Budget(),
            report=report,
        )

    def f1(self, chain: Chain) -> float:
        """Return the F1 of the smooth truth cut at one half."""
        present, recognized = self.rows.present.numpy() > 0, chain_truth(chain, self.rows).max(axis=0) > 0.5
        return 2 * float((present & recognized).sum()) / float(present.sum() + recognized.sum())

    def threshold(self, chain: Chain) -> float:
        """Return the threshold of a chain of one clause in the units of its column."""
        (clause,) = chain.clauses
        return float(self.rows.center[clause.column] + self.rows.scale[clause.column] * clause.threshold)


def laid(sequence: LabeledSequence) -> Laid:
    frames = [
        LabeledSequence(
            "1", sequence.values[i : i + 1], sequence.states[i : i + 1], sequence.names, sequence.units, None
        )
        for i in range(len(sequence.states))
    ]
    columns = columns_for(frames)
    rows, swapped = gather_rows(frames, columns), swapped_columns(columns)
    fitting = make_fitting_rows(rows, np.ones(len(rows.states)), swapped, torch.device("cpu"))
    return Laid(fitting, bin_columns(rows.values, swapped), columns)


def dyad(seed: int, n_missing: float = 0.0) -> dict[str, np.ndarray]:
    """Return the features of an undirected dyad whose animals are called agent and target at random."""
    generator = np.random.default_rng(seed)
    features: dict[str, np.ndarray] = {}
    for name in ("speed", "facing_angle"):
        agent, target = generator.uniform(0, 10, (2, N_FRAMES))
        agent[generator.random(N_FRAMES) < n_missing] = np.nan
        features |= {f"{name}[agent]": agent, f"{name}[target]": target}
        features |= {f"{name}[higher]": np.fmax(agent, target), f"{name}[lower]": np.fmin(agent, target)}
    return features | {"nose_to_nose": generator.uniform(0, 10, N_FRAMES)}


def fast_and_facing(features: dict[str, np.ndarray]) -> np.ndarray:
    """Return where one and the same animal is fast and faces the other."""
    orders = [(features[f"speed[{o}]"] > 5) & (features[f"facing_angle[{o}]"] < 4) for o in ("agent", "target")]
    return orders[0] | orders[1]


@pytest.fixture(scope="module")
def planted_either(sequence_of: SequenceOf) -> Laid:
    features = dyad(0)
    return laid(sequence_of(features, fast_and_facing(features)))


def test_either_is_screened_like_trying_every_threshold_in_both_orders(sequence_of: SequenceOf) -> None:
    features = dyad(4, n_missing=0.2)
    noise = np.random.default_rng(1).random(N_FRAMES) < 0.1
    states = fast_and_facing(features) ^ noise
    made = laid(sequence_of(features, states))
    found, _, _ = made.search(SCREENED)
    either = [chain for chain in found if kind_of(chain) == "either"]
    assert {(made.columns[c.clauses[0].column].feature, c.clauses[0].direction) for c in either} == {
        (f"{name}[agent]", direction) for name in ("speed", "facing_angle") for direction in (-1, 1)
    }
    for chain in either:
        clause = chain.clauses[0]
        edges = made.binned.edges[clause.column]
        edges = edges[np.isfinite(edges)]
        name = made.columns[clause.column].feature.removesuffix("[agent]")
        orders = np.stack([features[f"{name}[{order}]"].astype(np.float32) for order in ("agent", "target")])

        def f1(edge: float, orders: np.ndarray = orders, direction: int = clause.direction) -> float:
            recognized = (orders < edge if direction < 0 else orders >= edge).any(axis=0)
            return 2 * float((states & recognized).sum()) / float(states.sum() + recognized.sum())

        chosen = edges[np.abs(edges - made.threshold(chain)).argmin()]
        assert f1(chosen) == pytest.approx(max(f1(edge) for edge in edges))


def test_either_finds_which_animal_does_both_at_once(planted_either: Laid) -> None:
    found, _, _ = planted_either.search(
        BeamSettings(n_clauses=2, width=6, n_proposals=12, n_steps=40, n_polish_steps=80)
    )
    best = min(found, key=lambda chain: chain.loss)
    assert kind_of(best) == "either"
    assert [planted_either.columns[clause.column].feature for clause in best.clauses] in (
        ["speed[agent]", "facing_angle[agent]"],
        ["facing_angle[agent]", "speed[agent]"],
    )
    assert planted_either.f1(best) > 0.95
    assert max(planted_either.f1(chain) for chain in found if kind_of(chain) != "either") < 0.9


def test_who_is_called_agent_is_seen_only_inside_either(planted_either: Laid) -> None:
    found, _, _ = planted_either.search(NARROW)
    for chain in found:
        oriented = [planted_either.columns[clause.column].oriented for clause in chain.clauses]
        assert oriented[0] if chain.either else not any(oriented)
        if chain.either:
            assert planted_either.columns[chain.clauses[0].column].feature.endswith("[agent]")
    assert {kind_of(chain) for chain in found} == {"and", "or", "either"}


def test_exchanging_the_animals_changes_no_loss(sequence_of: SequenceOf) -> None:
    features = dyad(2)
    states = fast_and_facing(features)
    exchanged = {
        name.replace("[agent]", "[x]").replace("[target]", "[agent]").replace("[x]", "[target]"): series
        for name, series in features.items()
    }
    one, other = (
        laid(sequence_of({name: made[name] for name in features}, states)).search(NARROW)[0]
        for made in (features, exchanged)
    )
    np.testing.assert_allclose([chain.loss for chain in one], [chain.loss for chain in other], atol=1e-5)


def test_a_planted_conjunction_is_found(sequence_of: SequenceOf) -> None:
    generator = np.random.default_rng(3)
    features = {name: generator.uniform(0, 10, N_FRAMES) for name in ("a", "b", "c", "d")}
    made = laid(sequence_of(features, (features["b"] < 6) & (features["d"] > 3)))
    found, _, stopped = made.search(BeamSettings(n_clauses=2, width=4, n_proposals=12, n_steps=40, n_polish_steps=80))
    best = min(found, key=lambda chain: chain.loss)
    clauses = {(made.columns[clause.column].number, clause.direction) for clause in best.clauses}
    assert clauses == {(Feature("b"), -1), (Feature("d"), 1)}
    assert made.f1(best) > 0.97
    assert stopped == "complete"


def test_a_planted_alternative_is_found(sequence_of: SequenceOf) -> None:
    generator = np.random.default_rng(3)
    features = {name: generator.uniform(0, 10, N_FRAMES) for name in ("a", "b", "c")}
    made = laid(sequence_of(features, (features["a"] < 2) | (features["c"] > 8)))
    found, _, _ = made.search(BeamSettings(n_clauses=2, width=4, n_proposals=12, n_steps=40, n_polish_steps=80))
    best = min(found, key=lambda chain: chain.loss)
    assert kind_of(best) == "or"
    assert made.f1(best) > 0.95


def test_no_chain_is_fitted_twice_in_another_order(planted_either: Laid) -> None:
    found, _, _ = planted_either.search(NARROW)
    kinds = [
        (kind_of(chain), chain.either, frozenset((clause.column, clause.direction) for clause in chain.clauses))
        for chain in found
    ]
    assert len(set(kinds)) == len(kinds)


def test_every_depth_leaves_finalists_of_every_kind(planted_either: Laid) -> None:
    found, _, _ = planted_either.search(NARROW)
    assert {(len(chain.clauses), kind_of(chain)) for chain in found} == {
        (1, "and"), (1, "either"), (2, "and"), (2, "or"), (2, "either"),
    }  # fmt: skip
    assert all(np.isfinite(chain.loss) for chain in found)


def test_windows_of_one_feature_do_not_crowd_out_the_others(sequence_of: SequenceOf) -> None:
    generator = np.random.default_rng(3)
    slow = np.repeat(generator.uniform(0, 10, N_FRAMES // 20), 20)
    features = {name: slow + generator.normal(0, noise, N_FRAMES) for name, noise in (("a", 0.1), ("b", 2), ("c", 4))}
    whole = sequence_of(features, slow > 6)
    columns = columns_for([whole])
    rows, swapped = gather_rows([whole], columns), swapped_columns(columns)
    fitting = make_fitting_rows(rows, np.ones(len(rows.states)), swapped, torch.device("cpu"))
    windows = Laid(fitting, bin_columns(rows.values, swapped), columns)
    assert len(columns) > 2 * len(features)
    one_clause = BeamSettings(n_clauses=1, width=3, n_proposals=12, n_steps=5, n_polish_steps=5)
    found, _, _ = windows.search(one_clause)
    assert sorted(columns[chain.clauses[0].column].feature for chain in found) == ["a", "b", "c"]


def test_a_search_repeats_itself_exactly(planted_either: Laid) -> None:
    assert planted_either.search(NARROW) == planted_either.search(NARROW)


def test_every_stage_is_reported(planted_either: Laid) -> None:
    reports: list[SearchProgress] = []
    _, n_candidates, _ = planted_either.search(NARROW, report=reports.append)
    assert [(one.done, one.total) for one in reports] == [(1, 2), (2, 2)]
    counts = [one.n_candidates for one in reports]
    assert 0 < counts[0] < counts[1] == n_candidates


@pytest.mark.parametrize("candidates", [1, 5, 30])
def test_a_budget_is_never_exceeded_and_is_named(planted_either: Laid, candidates: int) -> None:
    found, n_candidates, stopped = planted_either.search(NARROW, Budget(candidates=candidates))
    assert n_candidates == candidates
    assert stopped == f"budget of {candidates} candidates"
    assert 0 < len(found) <= candidates + NARROW.n_clauses * NARROW.width


@pytest.mark.parametrize("candidates", [0, -1])
def test_a_budget_of_nothing_is_refused(candidates: int) -> None:
    with pytest.raises(ProgramError, match=f"found a budget of {candidates} candidates, expected at least 1"):
        Budget(candidates=candidates)


def test_a_budget_larger_than_the_search_changes_nothing(planted_either: Laid) -> None:
    assert planted_either.search(NARROW, Budget(candidates=10_000)) == planted_either.search(NARROW)


def test_a_search_asked_to_stop_stops_after_the_stage_it_is_in(planted_either: Laid) -> None:
    reports: list[SearchProgress] = []
    found, _, stopped = planted_either.search(NARROW, Budget(should_stop=lambda: True), reports.append)
    assert stopped == "asked to stop"
    assert len(reports) == 1
    assert {len(chain.clauses) for chain in found} == {1}


def test_a_column_without_values_is_never_used(sequence_of: SequenceOf) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=100)
    made = laid(sequence_of({"lost": np.full(100, np.nan), "x": x, "same": np.ones(100)}, x < 0))
    found, _, _ = made.search(NARROW)
    assert {made.columns[clause.column].feature for chain in found for clause in chain.clauses} <= {"x", "same"}
