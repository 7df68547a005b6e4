from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nsp_core.dsl.semantics import exact_states, soft_bounds
from nsp_core.search.chains import Chain, Clause, Scaling, program_of, robust_scaling
from nsp_core.search.columns import columns_for, swapped_columns
from nsp_core.search.operating import chain_decision, chain_degree, move_to_best_f1
from nsp_core.search.rows import Rows
from tests.core.search.chain_examples import all_rows, chains, dyad, rows_of, threshold_chain

ALONE = np.array([0])
UNSCALED = Scaling(np.zeros(1), np.ones(1))

clauses = st.builds(
    Clause,
    st.integers(0, 2),
    st.sampled_from([-1, 1]),
    st.sampled_from(["and", "or"]),
    st.floats(-1.5, 1.5),
    st.floats(0.05, 2),
)
short_chains = st.builds(
    lambda parts, either: Chain((replace(parts[0], join="and"), *parts[1:]), either),
    st.lists(clauses, min_size=1, max_size=3),
    st.booleans(),
)


@st.composite
def tables(draw: st.DrawFn) -> Rows:
    """Return few rows of three columns, some missing, some alike, that stand for unequally many frames."""
    generator = np.random.default_rng(draw(st.integers(0, 100_000)))
    n_rows = draw(st.integers(2, 14))
    values = generator.normal(size=(n_rows, 3))
    if draw(st.booleans()):
        values = np.round(values)
    states = values[:, 2] + draw(st.sampled_from([0.1, 1.0, 10.0])) * generator.normal(size=n_rows) < 0
    states[:2] = [True, False]
    values[generator.random(values.shape) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
    return rows_of(values, states, generator.integers(1, 6, n_rows) if draw(st.booleans()) else None)


SWAPPED = np.array([1, 0, 2])
SCALING = Scaling(np.zeros(3), np.ones(3))


def shifted(chain: Chain, shift: float) -> Chain:
    """Return ``chain`` with every threshold made stricter by ``shift`` times its softness."""
    moved = (replace(one, threshold=one.threshold + one.direction * one.softness * shift) for one in chain.clauses)
    return replace(chain, clauses=tuple(moved))


def f1_of(chain: Chain, rows: Rows) -> float:
    present, recognized = rows.states == 1, chain_decision(chain, SCALING, SWAPPED, rows)
    frames = rows.frames
    return 2 * float(frames[present & recognized].sum()) / float(frames[present].sum() + frames[recognized].sum())


def cuts(chain: Chain, rows: Rows) -> np.ndarray:
    """Return shifts between, below and above all at which any clause turns at any row."""
    turning = [
        (rows.values[:, column].astype(np.float64) - clause.threshold) * clause.direction / clause.softness
        for clause in chain.clauses
        for column in {clause.column, int(SWAPPED[clause.column])}
    ]
    every = np.unique(np.concatenate(turning))
    every = every[~np.isnan(every)]
    return np.concatenate([every[:1] - 1, (every[1:] + every[:-1]) / 2, every[-1:] + 1])


@settings(max_examples=150, deadline=None)
@given(tables(), short_chains)
def test_no_common_shift_of_the_thresholds_has_a_better_f1(rows: Rows, chain: Chain) -> None:
    moved = move_to_best_f1(chain, SCALING, SWAPPED, rows)
    assert f1_of(moved, rows) >= max((f1_of(shifted(chain, cut), rows) for cut in cuts(chain, rows)), default=0) - 1e-9
    assert f1_of(moved, rows) >= f1_of(chain, rows) - 1e-9


@settings(max_examples=60, deadline=None)
@given(chains, st.integers(0, 9))
def test_a_chain_decides_and_grades_every_frame_as_its_program_does(chain: Chain, seed: int) -> None:
    sequence = dyad(seed, n_frames=40)
    columns = columns_for([sequence])
    swapped, rows = swapped_columns(columns), all_rows([sequence], columns)
    scaling = robust_scaling(rows.values, swapped)
    program = program_of(chain, scaling, columns)
    lenient, decided, strict = (
        chain_decision(shifted(chain, shift), scaling, swapped, rows) for shift in (-1e-6, 0, 1e-6)
    )
    # A value on the very threshold may fall on either side of it once the threshold is scaled.
    certainly = lenient == strict
    exact = exact_states(program, sequence.column, sequence.fps) == 1
    np.testing.assert_array_equal(decided[certainly], exact[certainly])
    certain, _ = soft_bounds(program, sequence.column, sequence.fps)
    np.testing.assert_allclose(chain_degree(chain, scaling, swapped, rows), certain, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(tables(), short_chains)
def test_moving_keeps_softness_and_shifts_every_clause_alike(rows: Rows, chain: Chain) -> None:
    moved = move_to_best_f1(chain, SCALING, SWAPPED, rows)
    shifts = [
        (after.threshold - before.threshold) * before.direction / before.softness
        for before, after in zip(chain.clauses, moved.clauses, strict=True)
    ]
    np.testing.assert_allclose(shifts, shifts[0], atol=1e-6)
    assert moved == replace(
        chain,
        clauses=tuple(
            replace(before, threshold=after.threshold)
            for before, after in zip(chain.clauses, moved.clauses, strict=True)
        ),
    )


@settings(max_examples=40, deadline=None)
@given(tables(), short_chains)
def test_moving_twice_moves_no_further(rows: Rows, chain: Chain) -> None:
    once = move_to_best_f1(chain, SCALING, SWAPPED, rows)
    twice = move_to_best_f1(once, SCALING, SWAPPED, rows)
    assert f1_of(twice, rows) == pytest.approx(f1_of(once, rows))


def test_the_threshold_comes_to_stand_between_the_classes() -> None:
    values = np.random.default_rng(1).normal(size=300)
    moved = move_to_best_f1(threshold_chain(0.5, softness=0.2), UNSCALED, ALONE, rows_of(values, values < -1))
    assert values[values < -1].max() < moved.clauses[0].threshold < values[values >= -1].min()


def test_a_row_counts_as_often_as_it_stands_for_frames() -> None:
    values, states = [1.0, 2.0, 3.0, 4.0], [1, 0, 0, 1]
    chain = threshold_chain(0.0)
    few, many = (
        move_to_best_f1(chain, UNSCALED, ALONE, rows_of(values, states, frames)).clauses[0].threshold
        for frames in ([9, 1, 1, 1], [1, 1, 1, 9])
    )
    assert 1 < few < 2
    assert many > 4


def test_missing_rows_are_never_recognized_and_do_not_draw_the_threshold() -> None:
    rows = rows_of([1.0, 2.0, np.nan, np.nan, 5.0], [1, 1, 1, 1, 0])
    moved = move_to_best_f1(threshold_chain(1.5), UNSCALED, ALONE, rows)
    assert chain_decision(moved, UNSCALED, ALONE, rows).tolist() == [True, True, False, False, False]
    assert chain_degree(moved, UNSCALED, ALONE, rows)[2:4].tolist() == [0, 0]
    assert moved.clauses[0].threshold == pytest.approx(3.5)


def test_a_chain_that_hangs_on_missing_data_throughout_stays_where_it_is() -> None:
    chain = threshold_chain(0.3)
    assert move_to_best_f1(chain, UNSCALED, ALONE, rows_of([np.nan, np.nan], [1, 0])) == chain


@settings(max_examples=40, deadline=None)
@given(tables(), short_chains)
def test_the_degree_is_above_one_half_only_where_a_conjunction_holds(rows: Rows, chain: Chain) -> None:
    assume(all(clause.join == "and" for clause in chain.clauses[1:]))
    degree, holds = (answer(chain, SCALING, SWAPPED, rows) for answer in (chain_degree, chain_decision))
    assert ((degree >= 0) & (degree <= 1)).all()
    assert holds[degree > 0.5 + 1e-6].all()
