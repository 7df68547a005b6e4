from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import And, Compare, Feature, Or
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.dsl.typecheck import check_program
from nsp_core.search.chains import Chain, Clause, make_fitting_rows, program_of
from nsp_core.search.columns import Column, Rows
from nsp_core.sequences import units_of
from nsp_core.units import Unit
from tests.core.search.chain_examples import CPU, chains, dyad, laid_out, one_column, threshold_chain


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
