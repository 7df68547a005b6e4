from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import And, Compare, Feature, Or
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.dsl.typecheck import check_program
from nsp_core.search.chains import Chain, Clause, FittingRows, make_fitting_rows, program_of
from nsp_core.search.columns import Column, Rows, columns_for, gather_rows, swapped_columns
from nsp_core.sequences import LabeledSequence, units_of
from nsp_core.units import Unit

NAMES = ("speed[agent]", "speed[target]", "speed[higher]", "nose_to_nose")
CPU = torch.device("cpu")


def dyad(seed: int, n_frames: int = 60) -> LabeledSequence:
    """Return random features of an undirected dyad with gaps, every frame labeled at random."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(n_frames, len(NAMES))).cumsum(axis=0) * 3 + 20
    values[generator.random(values.shape) < 0.2] = np.nan
    states = generator.integers(0, 2, n_frames)
    states[:2] = [0, 1]
    units = (Unit(length=1, time=-1),) * 3 + (Unit(length=1),)
    return LabeledSequence("1", values.astype(np.float32), states.astype(np.int8), NAMES, units, 10.0)


def laid_out(sequence: LabeledSequence) -> tuple[FittingRows, tuple[Column, ...]]:
    columns = columns_for([sequence])
    rows = gather_rows([sequence], columns)
    return make_fitting_rows(rows, np.ones(len(rows.states)), swapped_columns(columns), CPU), columns


def one_column(values: list[float], states: list[int], frames: list[float] | None = None) -> FittingRows:
    rows = Rows(np.array(values, dtype=np.float32)[:, None], np.array(states, dtype=np.int8), np.zeros(len(states)))
    return make_fitting_rows(rows, np.array(frames or [1.0] * len(states)), np.array([0]), CPU)


def threshold_chain(threshold: float, softness: float = 0.5, direction: int = -1) -> Chain:
    return Chain((Clause(0, direction, "and", threshold, softness),), either=False)


N_COLUMNS = len(columns_for([dyad(0)]))
chains = st.builds(
    lambda clauses, either: Chain((replace(clauses[0], join="and"), *clauses[1:]), either),
    st.lists(
        st.builds(
            Clause,
            st.integers(0, N_COLUMNS - 1),
            st.sampled_from([-1, 1]),
            st.sampled_from(["and", "or"]),
            st.floats(-2, 2),
            st.floats(0.05, 2),
        ),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
)


@settings(max_examples=25, deadline=None)
@given(chains, st.integers(0, 9))
def test_the_program_of_a_chain_type_checks_and_reads_back(chain: Chain, seed: int) -> None:
    sequence = dyad(seed)
    rows, columns = laid_out(sequence)
    program = program_of(chain, rows, columns)
    check_program(program, units_of(sequence))
    assert parse_program(format_program(program)) == program


def test_clauses_join_from_left_to_right() -> None:
    rows, columns = laid_out(dyad(0))
    joins = ("and", "and", "or", "and")
    clauses = tuple(Clause(index, -1, join, 0.0, 1.0) for index, join in enumerate(joins))
    program = program_of(Chain(clauses, either=False), rows, columns)
    assert isinstance(program, And)
    widened, last = program.parts
    assert isinstance(widened, Or)
    assert isinstance(last, Compare)
    assert [type(part) for part in widened.parts] == [And, Compare]


def test_scaled_constants_print_in_the_units_of_the_column() -> None:
    values = [float(value) for value in range(100, 201)]
    rows = one_column(values, [0, 1] * 50 + [0])
    (column,) = (Column(Feature("nose_to_nose"), Unit(length=1), oriented=False),)
    program = program_of(threshold_chain(0.0, softness=1.0), rows, [column])
    assert isinstance(program, Compare)
    # The median, and the standard deviation of a normal distribution with these quartiles.
    assert program.threshold == pytest.approx(150)
    assert program.softness == pytest.approx(50 / 1.349)
    assert str(program.unit) == "mm"


def test_both_classes_weigh_the_same_however_rare_one_is() -> None:
    rows = one_column([0.0, 1.0, 2.0, 3.0, 4.0], [1, 0, 0, 0, 0], frames=[2.0, 5.0, 1.0, 1.0, 9.0])
    present = rows.present.numpy() > 0
    assert rows.weight.numpy()[present].sum() == pytest.approx(0.5)
    assert rows.weight.numpy()[~present].sum() == pytest.approx(0.5)


def test_a_column_without_values_or_without_spread_stays_finite() -> None:
    values = np.array([[np.nan, 7.0], [np.nan, 7.0], [np.nan, np.nan]], dtype=np.float32)
    rows = make_fitting_rows(
        Rows(values, np.array([1, 0, 0], dtype=np.int8), np.zeros(3)), np.ones(3), np.array([0, 1]), CPU
    )
    assert torch.isfinite(rows.values).all()
    assert rows.seen.tolist() == [[0, 0, 0], [1, 1, 0]]
