from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import And, Compare, Feature, Or
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.dsl.typecheck import check_program
from nsp_core.errors import ProgramError
from nsp_core.search.chains import Chain, Clause, chain_of, program_of, robust_scaling
from nsp_core.search.columns import Column
from nsp_core.search.fit import MIN_SOFTNESS
from nsp_core.search.screen import Join
from nsp_core.sequences import units_of
from nsp_core.units import Unit
from tests.core.search.chain_examples import (
    chains,
    dyad,
    fitting_rows,
    laid_out,
    one_column,
    rows_of,
    scaling_of,
    threshold_chain,
)


@settings(max_examples=25, deadline=None)
@given(chains, st.integers(0, 9))
def test_the_program_of_a_chain_type_checks_and_reads_back(chain: Chain, seed: int) -> None:
    sequence = dyad(seed)
    rows, columns = laid_out(sequence)
    program = program_of(chain, scaling_of(rows), columns)
    check_program(program, units_of(sequence))
    assert parse_program(format_program(program)) == program


def test_clauses_join_from_left_to_right() -> None:
    rows, columns = laid_out(dyad(0))
    joins: tuple[Join, ...] = ("and", "and", "or", "and")
    clauses = tuple(Clause(index, -1, join, 0.0, 1.0) for index, join in enumerate(joins))
    program = program_of(Chain(clauses, either=False), scaling_of(rows), columns)
    assert isinstance(program, And)
    widened, last = program.parts
    assert isinstance(widened, Or)
    assert isinstance(last, Compare)
    assert [type(part) for part in widened.parts] == [And, Compare]


def test_scaled_constants_print_in_the_units_of_the_column() -> None:
    values = [float(value) for value in range(100, 201)]
    rows = one_column(values, [0, 1] * 50 + [0])
    (column,) = (Column(Feature("nose_to_nose"), Unit(length=1), oriented=False),)
    program = program_of(threshold_chain(0.0, softness=1.0), scaling_of(rows), [column])
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
    rows = fitting_rows(rows_of(values, [1, 0, 0]), np.array([0, 1]))
    assert torch.isfinite(rows.values).all()
    assert rows.seen.tolist() == [[0, 0, 0], [1, 1, 0]]
    assert rows.missing.tolist() == [True, True]


def test_a_row_that_stands_for_many_frames_weighs_as_much_as_they_would() -> None:
    repeated = one_column([0.0, 0.0, 1.0, 2.0, 2.0, 2.0], [1, 1, 0, 0, 0, 0])
    standing = one_column([0.0, 1.0, 2.0], [1, 0, 0], frames=[2.0, 1.0, 3.0])
    for at, copies in ((0, [0, 1]), (1, [2]), (2, [3, 4, 5])):
        assert standing.weight[at] == pytest.approx(float(repeated.weight[copies].sum()))
        assert standing.frame_share[at] == pytest.approx(float(repeated.frame_share[copies].sum()))


def test_one_unit_is_a_standard_deviation_whatever_a_few_outliers_say() -> None:
    values = np.random.default_rng(0).normal(20, 3, (20_000, 1)).astype(np.float32)
    values[:100] = 1e6
    values[100:5000] = np.nan
    scaling = robust_scaling(values, np.array([0]))
    assert scaling.center[0] == pytest.approx(20, abs=0.1)
    assert scaling.scale[0] == pytest.approx(3, rel=0.05)


def test_both_orders_of_the_animals_are_scaled_alike() -> None:
    generator = np.random.default_rng(1)
    values = np.stack([generator.normal(5, 1, 300), generator.normal(50, 9, 300), generator.normal(size=300)], axis=1)
    scaling = robust_scaling(values.astype(np.float32), np.array([1, 0, 2]))
    assert scaling.center[0] == scaling.center[1]
    assert scaling.scale[0] == scaling.scale[1]
    assert scaling.center[2] != scaling.center[0]


# ---- programs to start from


@settings(max_examples=40, deadline=None)
@given(chains, st.integers(0, 9))
def test_a_search_can_start_from_the_program_of_any_chain(chain: Chain, seed: int) -> None:
    rows, columns = laid_out(dyad(seed))
    assume(chain.either or not any(columns[clause.column].oriented for clause in chain.clauses))
    read = chain_of(program_of(chain, scaling_of(rows), columns), scaling_of(rows), columns)
    assert read.either == chain.either
    for one, other in zip(read.clauses, chain.clauses, strict=True):
        assert (one.column, one.direction, one.join) == (other.column, other.direction, other.join)
        assert one.threshold == pytest.approx(other.threshold, abs=1e-9)
        assert one.softness == pytest.approx(other.softness)


@pytest.mark.parametrize("text", ["fill_gaps({}, 1 s)", "min_bout(fill_gaps({}, 1 s), 2 s)"])
def test_bout_shaping_of_a_program_to_start_from_is_left_out(text: str) -> None:
    rows, columns = laid_out(dyad(0))
    inner = "nose_to_nose < 20 ± 2 mm and mean(speed[higher], 0.5 s) > 5 ± 1 mm/s"
    shaped, plain = (chain_of(parse_program(one), scaling_of(rows), columns) for one in (text.format(inner), inner))
    assert shaped == plain
    assert len(plain.clauses) == 2


def test_a_rule_without_softness_is_given_one_to_be_fitted() -> None:
    rows, columns = laid_out(dyad(0))
    (clause,) = chain_of(parse_program("nose_to_nose < 20 mm"), scaling_of(rows), columns).clauses
    assert MIN_SOFTNESS <= clause.softness <= 0.5


def test_who_is_called_agent_is_no_start_outside_either() -> None:
    rows, columns = laid_out(dyad(0))
    text = "speed[agent] < 20 ± 2 mm/s"
    assert chain_of(parse_program(f"either({text})"), scaling_of(rows), columns).either
    with pytest.raises(ProgramError, match=r"found 'speed\[agent\] < 20 ± 2 mm/s' in a program to start from"):
        chain_of(parse_program(text), scaling_of(rows), columns)
