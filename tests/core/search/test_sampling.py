from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.search.sampling import sample_by_bout

runs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(1, 60)), min_size=1, max_size=30)
seeds = st.integers(0, 2**32 - 1)


def table(described: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return states and sequences (row,) of (sequence, state, length) runs, sequences in order."""
    ordered = sorted(described, key=lambda run: run[0])
    lengths = [run[2] for run in ordered]
    states = np.repeat(np.array([run[1] for run in ordered], dtype=np.int8), lengths)
    return states, np.repeat([run[0] for run in ordered], lengths)


def bout_of_each_row(states: np.ndarray, sequences: np.ndarray) -> np.ndarray:
    changes = (np.diff(states) != 0) | (np.diff(sequences) != 0)
    return np.concatenate([[0], np.cumsum(changes)])


@settings(max_examples=50, deadline=None)
@given(runs, st.integers(1, 400), seeds)
def test_every_bout_and_every_stretch_between_bouts_is_represented(
    described: list[tuple[int, int, int]], n_rows: int, seed: int
) -> None:
    states, sequences = table(described)
    chosen, _ = sample_by_bout(states, sequences, n_rows, np.random.default_rng(seed))
    bouts = bout_of_each_row(states, sequences)
    assert set(bouts[chosen]) == set(bouts)
    assert np.array_equal(chosen, np.unique(chosen))


@settings(max_examples=50, deadline=None)
@given(runs, st.integers(1, 400), seeds)
def test_weights_sum_to_the_number_of_rows_of_every_bout_and_class(
    described: list[tuple[int, int, int]], n_rows: int, seed: int
) -> None:
    states, sequences = table(described)
    chosen, weights = sample_by_bout(states, sequences, n_rows, np.random.default_rng(seed))
    bouts = bout_of_each_row(states, sequences)
    np.testing.assert_allclose(np.bincount(bouts[chosen], weights=weights), np.bincount(bouts))
    for state in (0, 1):
        np.testing.assert_allclose(weights[states[chosen] == state].sum(), (states == state).sum())


@settings(max_examples=50, deadline=None)
@given(runs, st.integers(1, 400), seeds)
def test_about_half_of_the_asked_rows_go_to_each_class(
    described: list[tuple[int, int, int]], n_rows: int, seed: int
) -> None:
    states, sequences = table(described)
    chosen, _ = sample_by_bout(states, sequences, n_rows, np.random.default_rng(seed))
    bouts = bout_of_each_row(states, sequences)
    for state in (0, 1):
        of_class = states == state
        n_bouts = len(set(bouts[of_class]))
        n_chosen = int((states[chosen] == state).sum())
        # Every bout may round up by a row.
        assert n_chosen <= n_rows / 2 + n_bouts
        assert n_chosen >= min(n_rows / 2, of_class.sum()) - n_bouts


@settings(max_examples=50, deadline=None)
@given(runs, st.integers(1, 400), seeds)
def test_the_sample_depends_on_the_generator_and_on_nothing_else(
    described: list[tuple[int, int, int]], n_rows: int, seed: int
) -> None:
    states, sequences = table(described)
    first, again = (sample_by_bout(states, sequences, n_rows, np.random.default_rng(seed)) for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])


@settings(max_examples=50, deadline=None)
@given(runs)
def test_all_rows_are_taken_where_they_are_few(described: list[tuple[int, int, int]]) -> None:
    states, sequences = table(described)
    chosen, weights = sample_by_bout(states, sequences, 2 * states.size, np.random.default_rng(0))
    np.testing.assert_array_equal(chosen, np.arange(states.size))
    np.testing.assert_array_equal(weights, 1)


def test_rows_are_spread_evenly_over_a_long_bout() -> None:
    states, sequences = table([(0, 1, 10_000)])
    chosen, weights = sample_by_bout(states, sequences, 200, np.random.default_rng(0))
    assert chosen.size == 100
    assert set(np.diff(chosen)) == {100}
    assert set(weights) == {100.0}


def test_another_generator_takes_other_rows() -> None:
    states, sequences = table([(0, 1, 10_000), (0, 0, 10_000)])
    one, other = (sample_by_bout(states, sequences, 100, np.random.default_rng(seed))[0] for seed in (0, 1))
    assert not np.array_equal(one, other)
