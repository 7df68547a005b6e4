from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.errors import ProgramError
from nsp_core.search import beam
from nsp_core.search.beam import Budget
from nsp_core.search.chains import Chain, Clause
from nsp_core.search.crossfit import HeldOutScore, ScoredChain
from nsp_core.search.result import SynthesisResult
from nsp_core.search.state import (
    Checkpoint,
    Improvement,
    NoCheckpoint,
    SearchState,
    state_from_plain,
    state_to_plain,
)
from nsp_core.search.synthesize import synthesize_sequences
from tests.core.search.recording_examples import recordings

numbers = st.floats(allow_nan=False)
counts = st.integers(0, 10**9)
clauses = st.builds(
    Clause, st.integers(0, 500), st.sampled_from([-1, 1]), st.sampled_from(["and", "or"]), numbers, numbers
)
chains = st.builds(Chain, st.lists(clauses, max_size=2).map(tuple), st.booleans(), numbers)
scored = st.builds(ScoredChain, chains, st.builds(HeldOutScore, numbers, numbers))
improvements = st.builds(Improvement, counts, st.none() | numbers, st.text(), counts, numbers, numbers)
states = st.builds(
    SearchState,
    depth=counts,
    beam=st.lists(chains, max_size=2).map(tuple),
    finalists=st.lists(scored, max_size=2).map(tuple),
    n_candidates=counts,
    seconds=st.none() | numbers,
    trace=st.lists(improvements, max_size=2).map(tuple),
    stopped=st.sampled_from(["", "complete", "asked to stop"]),
)


@settings(max_examples=40, deadline=None)
@given(states)
def test_a_state_comes_back_from_json_to_the_bit(state: SearchState) -> None:
    read = state_from_plain(json.loads(json.dumps(state_to_plain(state))))
    assert read == state
    assert repr(read) == repr(state)


def test_a_state_of_another_version_is_refused() -> None:
    plain = state_to_plain(SearchState())
    for version in (plain["version"] + 1, None):
        message = f"saved search: found a saved search of version {version}, expected version .*delete it"
        with pytest.raises(ProgramError, match=message):
            state_from_plain({**plain, "version": version})
    with pytest.raises(ProgramError, match="of version None"):
        state_from_plain({})


@pytest.mark.parametrize(
    "changed",
    [
        {"beam": None},
        {"beam": [{"either": False}]},
        {"beam": [{"clauses": [{"column": 1}], "either": False, "loss": 0.1}]},
        {"depth": "deep"},
        {"finalists": [{}]},
        {"trace": [{"text": "x < 3"}]},
    ],
)
def test_a_state_that_does_not_fit_is_refused(changed: dict[str, Any]) -> None:
    plain = state_to_plain(SearchState())
    with pytest.raises(ProgramError, match="found a saved search that does not fit"):
        state_from_plain({**plain, **changed})
    del plain[next(iter(changed))]
    with pytest.raises(ProgramError, match="does not fit"):
        state_from_plain(plain)


class PowerError(Exception):
    """The power went."""


class Kept:
    """A checkpoint in memory, in JSON, that can interrupt the search after so many saves."""

    def __init__(self, saved: str | None = None, *, dies_after: float = math.inf) -> None:
        self.saved, self.dies_after = saved, dies_after
        self.n_candidates: list[int] = []

    def load(self) -> Mapping[str, Any] | None:
        return None if self.saved is None else dict(json.loads(self.saved))

    def save(self, state: Mapping[str, Any]) -> None:
        self.saved = json.dumps(state)
        self.n_candidates.append(state["n_candidates"])
        if len(self.n_candidates) >= self.dies_after:
            raise PowerError


Search = Callable[..., SynthesisResult]
N_DEPTHS = 2


@pytest.fixture(scope="module")
def search() -> Iterator[Search]:
    """Return a function that searches two depths, a few candidates between looks at the clock."""
    sequences = recordings(n_frames=80, seed=2, fps=None)

    def run(**options: Any) -> SynthesisResult:
        return synthesize_sequences(sequences, seed=1, max_complexity=4 * N_DEPTHS, width=1, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beam, "AT_ONCE", 5)
        yield run


@pytest.fixture(scope="module")
def undisturbed(search: Search) -> SynthesisResult:
    return search()


@pytest.mark.parametrize("n_saved", [1, 2])
def test_an_interrupted_search_ends_as_an_undisturbed_one(
    search: Search, undisturbed: SynthesisResult, n_saved: int
) -> None:
    dying = Kept(dies_after=n_saved)
    with pytest.raises(PowerError):
        search(checkpoint=dying)
    going_on = Kept(dying.saved)
    assert repr(search(checkpoint=going_on)) == repr(undisturbed)
    assert len(going_on.n_candidates) == N_DEPTHS - n_saved


def test_a_search_interrupted_again_and_again_ends_as_an_undisturbed_one(
    search: Search, undisturbed: SynthesisResult
) -> None:
    saved = None
    for _ in range(N_DEPTHS):
        dying = Kept(saved, dies_after=1)
        with pytest.raises(PowerError):
            search(checkpoint=dying)
        saved = dying.saved
    assert repr(search(checkpoint=Kept(saved))) == repr(undisturbed)


@pytest.fixture(scope="module")
def seen(undisturbed: SynthesisResult, search: Search) -> list[int]:
    """How many candidates an undisturbed search has seen after each depth."""
    kept = Kept()
    search(checkpoint=kept)
    assert kept.n_candidates[-1] == undisturbed.n_candidates
    return kept.n_candidates


def test_an_interrupted_search_spends_its_budget_once(search: Search, seen: list[int]) -> None:
    budget = Budget(candidates=seen[0] + 5)
    expected = search(budget=budget)
    dying = Kept(dies_after=1)
    with pytest.raises(PowerError):
        search(budget=budget, checkpoint=dying)
    resumed = search(budget=budget, checkpoint=Kept(dying.saved))
    assert repr(resumed) == repr(expected)
    assert resumed.n_candidates == budget.candidates


@pytest.mark.parametrize("depth", [1, 2])
def test_a_search_whose_budget_ended_goes_on_with_a_larger_one(
    search: Search, undisturbed: SynthesisResult, seen: list[int], depth: int
) -> None:
    kept = Kept()
    n_candidates = [0, *seen][depth - 1] + 3
    early = search(budget=Budget(candidates=n_candidates), checkpoint=kept)
    assert early.stopped_because == f"budget of {n_candidates} candidates"
    assert repr(search(checkpoint=kept)) == repr(undisturbed)


@pytest.mark.parametrize("spared", [0, 3])
def test_a_budget_that_is_spent_already_fits_nothing_more(search: Search, seen: list[int], spared: int) -> None:
    dying = Kept(dies_after=1)
    with pytest.raises(PowerError):
        search(checkpoint=dying)
    resumed = search(budget=Budget(candidates=seen[0] - spared), checkpoint=Kept(dying.saved))
    assert resumed.n_candidates == seen[0]
    assert resumed.stopped_because == f"budget of {seen[0] - spared} candidates"
    assert resumed.front


@pytest.mark.parametrize("n_looks", [0, 2, 4])
def test_a_search_stopped_by_the_clock_returns_a_result_and_goes_on_later(
    search: Search, undisturbed: SynthesisResult, n_looks: int
) -> None:
    # The clock is looked at after every batch of candidates (two in the first depth) and at the end of a depth.
    looks = iter(range(100))
    kept = Kept()
    stopped = search(budget=Budget(should_stop=lambda: next(looks) >= n_looks), checkpoint=kept)
    assert stopped.n_candidates < undisturbed.n_candidates
    assert stopped.stopped_because == "asked to stop"
    assert stopped.front
    assert repr(search(checkpoint=kept)) == repr(undisturbed)


def test_a_finished_search_is_not_searched_again(search: Search, undisturbed: SynthesisResult) -> None:
    kept = Kept()
    search(checkpoint=kept)
    assert len(kept.n_candidates) == N_DEPTHS
    again = Kept(kept.saved)
    assert repr(search(checkpoint=again, budget=Budget(candidates=1))) == repr(undisturbed)
    assert again.n_candidates == []


def test_what_another_version_saved_is_refused(search: Search) -> None:
    with pytest.raises(ProgramError, match="saved search of version 0"):
        search(checkpoint=Kept(json.dumps({"version": 0})))


def test_the_trace_tells_every_improvement_once(undisturbed: SynthesisResult) -> None:
    trace = undisturbed.trace
    assert len(trace) == N_DEPTHS
    merits = [(one.f1 + one.ap) / 2 for one in trace]
    assert merits == sorted(set(merits))
    assert [one.n_candidates for one in trace] == sorted({one.n_candidates for one in trace})
    assert trace[-1].n_candidates <= undisturbed.n_candidates
    assert all(one.seconds is None for one in trace)


def test_times_of_the_trace_add_up_over_interruptions(search: Search, undisturbed: SynthesisResult) -> None:
    ticks = iter(range(1000))

    def clock() -> float:
        return 1e6 + next(ticks)

    dying = Kept(dies_after=1)
    with pytest.raises(PowerError):
        search(checkpoint=dying, clock=clock)
    first = json.loads(dying.saved or "")["seconds"]
    ticks = iter(range(500, 1000))
    kept = Kept(dying.saved)
    result = search(checkpoint=kept, clock=clock)
    seconds = [one.seconds for one in result.trace]
    assert seconds == sorted(seconds)
    assert 0 < first < json.loads(kept.saved or "")["seconds"] < 30
    assert seconds[0] == first
    assert [replace(one, seconds=None) for one in result.trace] == list(undisturbed.trace)


def test_no_checkpoint_keeps_nothing() -> None:
    checkpoint = NoCheckpoint()
    checkpoint.save({"version": 1})
    kept: Checkpoint = checkpoint
    assert kept.load() is None
