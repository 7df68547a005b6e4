from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import pytest

from nsp_core.dsl.ast import Feature, complexity
from nsp_core.dsl.text import parse_program
from nsp_core.errors import ProgramError
from nsp_core.search import beam
from nsp_core.search.beam import BeamSettings, Budget, SearchProgress, deepen, first_state, kind_of
from nsp_core.search.chains import Chain, Clause
from nsp_core.search.development import Development, prepare_development
from nsp_core.search.fit import chain_truth
from nsp_core.search.losses import LossName
from nsp_core.search.state import SearchState, state_from_plain, state_to_plain
from nsp_core.sequences import LabeledSequence
from tests.core.search.recording_examples import index_of, recordings

SequenceOf = Callable[..., LabeledSequence]

N_FRAMES = 400
NARROW = BeamSettings(n_clauses=2, width=6, n_proposals=8, n_steps=6, n_polish_steps=8)
THOROUGH = BeamSettings(n_clauses=2, width=6, n_proposals=12)
# Everything is proposed, nothing is fitted: thresholds are those of the screening.
SCREENED = BeamSettings(n_clauses=1, width=1000, n_proposals=1000, n_steps=0, n_polish_steps=0)


@dataclass(frozen=True)
class Laid:
    """A development set laid out for a search."""

    development: Development

    def state(
        self,
        settings: BeamSettings,
        budget: Budget | None = None,
        report: Callable[[SearchProgress], None] = lambda progress: None,
        start: tuple[Chain, ...] = (),
    ) -> SearchState:
        state = first_state(self.development, None)
        while not state.stopped:
            state = deepen(
                state, self.development, settings=settings, budget=budget or Budget(), start=start, report=report
            )
        return state

    def chains(self, settings: BeamSettings) -> list[Chain]:
        return [one.chain for one in self.state(settings).finalists]

    def f1(self, chain: Chain) -> float:
        """Return the F1 of the smooth truth cut at one half."""
        rows = self.development.small
        present, recognized = rows.present.numpy() > 0, chain_truth(chain, rows).max(axis=0) > 0.5
        return 2 * float((present & recognized).sum()) / float(present.sum() + recognized.sum())

    def threshold(self, chain: Chain) -> float:
        """Return the threshold of a chain of one clause in the units of its column."""
        (clause,) = chain.clauses
        scaling = self.development.scaling
        return float(scaling.center[clause.column] + scaling.scale[clause.column] * clause.threshold)

    def features(self, chain: Chain) -> list[str]:
        return [self.development.columns[clause.column].feature for clause in chain.clauses]


def laid(sequence: LabeledSequence) -> Laid:
    """Return the frames of ``sequence`` as sequences of their own, of four recordings: windows make no sense then."""
    frames = [
        replace(
            sequence,
            recording=str(frame % 4),
            values=sequence.values[frame : frame + 1],
            states=sequence.states[frame : frame + 1],
            fps=None,
        )
        for frame in range(len(sequence.states))
    ]
    return Laid(prepare_development(frames, seed=0, device="cpu"))


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
    either = [chain for chain in made.chains(SCREENED) if kind_of(chain) == "either"]
    assert {(*made.features(c), c.clauses[0].direction) for c in either} == {
        (f"{name}[agent]", direction) for name in ("speed", "facing_angle") for direction in (-1, 1)
    }
    for chain in either:
        clause = chain.clauses[0]
        edges = made.development.binned.edges[clause.column]
        edges = edges[np.isfinite(edges)]
        name = made.features(chain)[0].removesuffix("[agent]")
        orders = np.stack([features[f"{name}[{order}]"].astype(np.float32) for order in ("agent", "target")])

        def f1(edge: float, orders: np.ndarray = orders, direction: int = clause.direction) -> float:
            recognized = (orders < edge if direction < 0 else orders >= edge).any(axis=0)
            return 2 * float((states & recognized).sum()) / float(states.sum() + recognized.sum())

        chosen = edges[np.abs(edges - made.threshold(chain)).argmin()]
        assert f1(chosen) == pytest.approx(max(f1(edge) for edge in edges))


def test_either_finds_which_animal_does_both_at_once(planted_either: Laid) -> None:
    found = planted_either.chains(THOROUGH)
    best = min(found, key=lambda chain: chain.loss)
    assert kind_of(best) == "either"
    assert sorted(planted_either.features(best)) == ["facing_angle[agent]", "speed[agent]"]
    assert planted_either.f1(best) > 0.95
    assert max(planted_either.f1(chain) for chain in found if kind_of(chain) != "either") < 0.9


def test_who_is_called_agent_is_seen_only_inside_either(planted_either: Laid) -> None:
    found = planted_either.chains(NARROW)
    columns = planted_either.development.columns
    for chain in found:
        oriented = [columns[clause.column].oriented for clause in chain.clauses]
        assert oriented[0] if chain.either else not any(oriented)
        if chain.either:
            assert planted_either.features(chain)[0].endswith("[agent]")
    assert {kind_of(chain) for chain in found} == {"and", "or", "either"}


def test_exchanging_the_animals_changes_no_loss(sequence_of: SequenceOf) -> None:
    features = dyad(2)
    states = fast_and_facing(features)
    exchanged = {
        name.replace("[agent]", "[x]").replace("[target]", "[agent]").replace("[x]", "[target]"): series
        for name, series in features.items()
    }
    one, other = (
        laid(sequence_of({name: made[name] for name in features}, states)).chains(NARROW)
        for made in (features, exchanged)
    )
    np.testing.assert_allclose([chain.loss for chain in one], [chain.loss for chain in other], atol=1e-4)


def test_a_planted_conjunction_is_found(sequence_of: SequenceOf) -> None:
    generator = np.random.default_rng(3)
    features = {name: generator.uniform(0, 10, N_FRAMES) for name in ("a", "b", "c", "d")}
    made = laid(sequence_of(features, (features["b"] < 6) & (features["d"] > 3)))
    state = made.state(THOROUGH)
    best = max(state.finalists, key=lambda one: one.held_out.merit)
    columns = made.development.columns
    clauses = {(columns[clause.column].number, clause.direction) for clause in best.chain.clauses}
    assert clauses == {(Feature("b"), -1), (Feature("d"), 1)}
    assert made.f1(best.chain) > 0.97
    assert best.held_out.f1 > 0.95
    assert state.stopped == "complete"


def test_a_planted_alternative_is_found(sequence_of: SequenceOf) -> None:
    generator = np.random.default_rng(3)
    features = {name: generator.uniform(0, 10, N_FRAMES) for name in ("a", "b", "c")}
    made = laid(sequence_of(features, (features["a"] < 2) | (features["c"] > 8)))
    best = min(made.chains(THOROUGH), key=lambda chain: chain.loss)
    assert kind_of(best) == "or"
    assert made.f1(best) > 0.95


def test_no_chain_is_fitted_twice_in_another_order(planted_either: Laid) -> None:
    kinds = [
        (kind_of(chain), chain.either, frozenset((clause.column, clause.direction) for clause in chain.clauses))
        for chain in planted_either.chains(NARROW)
    ]
    assert len(set(kinds)) == len(kinds)


def test_every_depth_leaves_finalists_of_every_kind(planted_either: Laid) -> None:
    found = planted_either.chains(NARROW)
    assert {(len(chain.clauses), kind_of(chain)) for chain in found} == {
        (1, "and"), (1, "either"), (2, "and"), (2, "or"), (2, "either"),
    }  # fmt: skip
    assert all(np.isfinite(chain.loss) for chain in found)


def test_the_beam_of_a_depth_holds_its_longest_chains(planted_either: Laid) -> None:
    state = planted_either.state(NARROW)
    assert state.depth == 2
    assert {len(chain.clauses) for chain in state.beam} == {2}
    assert set(state.beam) == {one.chain for one in state.finalists if len(one.chain.clauses) == 2}


def test_windows_of_one_feature_do_not_crowd_out_the_others(sequence_of: SequenceOf) -> None:
    generator = np.random.default_rng(3)
    slow = np.repeat(generator.uniform(0, 10, N_FRAMES // 20), 20)
    features = {name: slow + generator.normal(0, noise, N_FRAMES) for name, noise in (("a", 0.1), ("b", 2), ("c", 4))}
    windows = Laid(prepare_development([sequence_of(features, slow > 6)], seed=0, device="cpu"))
    assert len(windows.development.columns) > 2 * len(features)
    found = windows.chains(BeamSettings(n_clauses=1, width=3, n_proposals=12, n_steps=5, n_polish_steps=5))
    assert sorted(windows.features(chain)[0] for chain in found) == ["a", "b", "c"]


def test_a_search_repeats_itself_exactly(planted_either: Laid) -> None:
    assert planted_either.state(NARROW) == planted_either.state(NARROW)


def test_a_depth_depends_on_the_state_before_and_on_nothing_else(planted_either: Laid) -> None:
    def deeper(state: SearchState) -> SearchState:
        return deepen(state, planted_either.development, settings=NARROW, budget=Budget(), report=lambda progress: None)

    first = deeper(first_state(planted_either.development, None))
    read = state_from_plain(json.loads(json.dumps(state_to_plain(first))))
    assert deeper(read) == deeper(first) == planted_either.state(NARROW)


@pytest.mark.parametrize("loss", get_args(LossName))
def test_every_loss_leads_to_the_planted_rule(loss: LossName) -> None:
    made = Laid(prepare_development(recordings(noise=0.3, n_frames=160), seed=0, device="cpu"))
    state = made.state(BeamSettings(n_clauses=1, width=3, loss=loss))
    best = max(state.finalists, key=lambda one: one.held_out.merit)
    assert made.features(best.chain) == ["x"]
    assert best.held_out.f1 > 0.8


def test_every_depth_is_reported_in_hundredths(planted_either: Laid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beam, "AT_ONCE", 7)
    reports: list[SearchProgress] = []
    state = planted_either.state(NARROW, report=reports.append)
    assert {one.stage for one in reports} == {"search"}
    assert {one.total for one in reports} == {200}
    done, counts = [one.done for one in reports], [one.n_candidates for one in reports]
    assert done == sorted(done)
    assert done[-1] == 200
    assert 100 in done
    assert len(set(done)) > 4
    assert counts == sorted(counts)
    assert counts[-1] == state.n_candidates
    assert (reports[0].best_text, math.isnan(reports[0].best_f1)) == ("", True)
    assert (reports[-1].best_text, reports[-1].best_f1) == (state.trace[-1].text, state.trace[-1].f1)


def test_an_improvement_is_told_as_the_program_a_person_would_read(planted_either: Laid) -> None:
    state = planted_either.state(NARROW)
    assert len(state.trace) == 2
    best = max(one.held_out.merit for one in state.finalists)
    assert (state.trace[-1].f1 + state.trace[-1].ap) / 2 == best
    for one in state.trace:
        program = parse_program(one.text)
        assert complexity(program) == one.complexity
    assert [one.n_candidates for one in state.trace][-1] == state.n_candidates


@pytest.mark.parametrize("candidates", [1, 5, 30])
def test_a_budget_is_never_exceeded_and_is_named(planted_either: Laid, candidates: int) -> None:
    state = planted_either.state(NARROW, Budget(candidates=candidates))
    assert state.n_candidates == candidates
    assert state.stopped == f"budget of {candidates} candidates"
    assert 0 < len(state.finalists) <= candidates + NARROW.n_clauses * NARROW.width


def test_a_budget_of_all_there_is_does_not_end_a_search_early(planted_either: Laid) -> None:
    undisturbed = planted_either.state(NARROW)
    for more in (0, 10_000):
        assert planted_either.state(NARROW, Budget(candidates=undisturbed.n_candidates + more)) == undisturbed


@pytest.mark.parametrize("candidates", [0, -1])
def test_a_budget_of_nothing_is_refused(candidates: int) -> None:
    with pytest.raises(ProgramError, match=f"found a budget of {candidates} candidates, expected at least 1"):
        Budget(candidates=candidates)


def test_a_search_asked_to_stop_keeps_the_batch_it_has_fitted(
    planted_either: Laid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beam, "AT_ONCE", 4)
    reports: list[SearchProgress] = []
    state = planted_either.state(NARROW, Budget(should_stop=lambda: True), reports.append)
    assert state.stopped == "asked to stop"
    assert state.n_candidates == 4
    assert [one.n_candidates for one in reports] == [4, 4]
    assert {len(one.chain.clauses) for one in state.finalists} == {1}


def test_a_search_stopped_in_its_last_depth_is_not_complete(
    planted_either: Laid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beam, "AT_ONCE", 4)
    one_depth = replace(NARROW, n_clauses=1)
    assert planted_either.state(one_depth, Budget(should_stop=lambda: True)).stopped == "asked to stop"
    assert planted_either.state(one_depth, Budget(candidates=4)).stopped == "budget of 4 candidates"


def test_a_column_without_values_is_never_used(sequence_of: SequenceOf) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=100)
    made = laid(sequence_of({"lost": np.full(100, np.nan), "x": x, "same": np.ones(100)}, x < 0))
    assert {name for chain in made.chains(NARROW) for name in made.features(chain)} <= {"x", "same"}


def test_a_chain_to_start_from_survives_and_is_extended(sequence_of: SequenceOf) -> None:
    generator = np.random.default_rng(3)
    features = {name: generator.uniform(0, 10, N_FRAMES) for name in ("a", "b", "c", "d")}
    made = laid(sequence_of(features, features["b"] < 6))
    a, d = (index_of(made.development.columns, Feature(name)) for name in ("a", "d"))
    weak = Chain((Clause(a, 1, "and", 0.0, 0.5), Clause(d, 1, "and", 0.0, 0.5)), either=False)
    narrow = replace(NARROW, n_clauses=3, width=1)
    without, state = made.state(narrow), made.state(narrow, start=(weak,))
    for found, there in ((without, False), (state, True)):
        assert (["a", "d"] in [made.features(one.chain) for one in found.finalists]) == there
    (survived,) = (one for one in state.finalists if made.features(one.chain) == ["a", "d"])
    assert survived.chain.clauses != weak.clauses, "it is fitted"
    assert state.n_candidates > without.n_candidates, "and extended"
