from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import And, Compare, Either, Or
from nsp_core.dsl.semantics import exact_states
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.search.assess import ProgramScorer
from nsp_core.search.refine import drop_idle_clauses, round_constants
from nsp_core.sequences import LabeledSequence
from nsp_core.units import Unit

SequenceOf = Callable[..., LabeledSequence]

NAMES = ("speed[agent]", "speed[target]", "speed[higher]", "nose_to_nose")


@st.composite
def labeled_dyads(draw: st.DrawFn) -> LabeledSequence:
    """Return few frames of an undirected dyad, some values missing, labels that follow the features more or less."""
    generator = np.random.default_rng(draw(st.integers(0, 10_000)))
    n_frames = draw(st.integers(2, 20))
    values = generator.normal(size=(n_frames, len(NAMES)))
    noise = draw(st.sampled_from([0.1, 1.0, 10.0]))
    states = (values[:, 3] + noise * generator.normal(size=n_frames) < draw(st.sampled_from([-1.0, 0.0, 1.0]))).astype(
        np.int8
    )
    states[:2] = [1, 0]
    values[generator.random(values.shape) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
    return LabeledSequence("1", values.astype(np.float32), states, NAMES, (Unit(length=1),) * 4, 10.0)


constants = st.builds(
    Compare,
    st.builds(lambda: parse_program("x < 1").child),
    st.sampled_from(["<", ">"]),
    st.floats(-1e6, 1e6),
    st.floats(1e-6, 1e6),
)


@settings(max_examples=30, deadline=None)
@given(constants)
def test_rounding_moves_a_threshold_by_at_most_a_tenth_of_its_softness(clause: Compare) -> None:
    rounded = round_constants(clause)
    assert isinstance(rounded, Compare)
    assert abs(rounded.threshold - clause.threshold) <= clause.softness / 10 + 1e-9 * abs(clause.threshold)
    assert rounded.softness == pytest.approx(clause.softness, rel=0.05)
    assert rounded.softness > 0
    # Two digits are all that is printed of a softness.
    assert float(f"{rounded.softness:.2g}") == rounded.softness


@settings(max_examples=15, deadline=None)
@given(st.lists(constants, min_size=2, max_size=4), st.sampled_from([And, Or]))
def test_the_rounded_text_reads_back_as_the_rounded_program(parts: list[Compare], join: type[And] | type[Or]) -> None:
    rounded = round_constants(Either(join(tuple(parts))))
    assert parse_program(format_program(rounded)) == rounded


def test_rounding_reaches_every_part_and_leaves_durations_alone() -> None:
    program = parse_program(
        "min_bout(fill_gaps(not x < 1.23456 ± 0.23456 mm, 0.123 s), 0.456 s) and (y > 7.654321 mm or "
        "either(mean(speed[agent], 0.5 s) > 31.41592 ± 4.5678 mm/s))"
    )
    assert format_program(round_constants(program)) == (
        "min_bout(fill_gaps(not x < 1.23 ± 0.23 mm, 0.123 s), 0.456 s) and (y > 7.654321 mm or "
        "either(mean(speed[agent], 0.5 s) > 31.4 ± 4.6 mm/s))"
    )


def test_a_softness_too_small_to_round_stays_a_softness() -> None:
    clause = parse_program(f"x < 1 ± {math.ulp(0.0)!r} mm")
    assert isinstance(clause, Compare)
    with_softness = round_constants(replace(clause, softness=1e-300))
    assert isinstance(with_softness, Compare)
    assert with_softness.softness == 1e-300


def test_a_clause_that_decides_nothing_is_dropped_wherever_it_stands(sequence_of: SequenceOf) -> None:
    generator = np.random.default_rng(0)
    near, slow = generator.uniform(0, 10, 200), generator.uniform(0, 10, 200)
    scorer = ProgramScorer([sequence_of({"near": near, "slow": slow}, near < 5)])
    text = "min_bout((near < 5 mm and slow > -188 mm or near < -3 mm) and slow < 8 mm, 0.3 s)"
    simpler = drop_idle_clauses(parse_program(text), scorer)
    assert format_program(simpler) == "min_bout(near < 5 mm and slow < 8 mm, 0.3 s)"


@given(labeled_dyads(), st.data())
@settings(max_examples=60, deadline=None)
def test_dropping_idle_clauses_changes_no_decision(sequence: LabeledSequence, data: st.DataObject) -> None:
    thresholds = data.draw(st.lists(st.floats(-2, 2), min_size=2, max_size=4))
    parts = [f"{name} < {threshold!r} mm" for name, threshold in zip(NAMES[2:] * 2, thresholds, strict=False)]
    program = parse_program(data.draw(st.sampled_from([" and ", " or "])).join(parts))
    simpler = drop_idle_clauses(program, ProgramScorer([sequence]))
    before, after = (exact_states(one, sequence.column, sequence.fps) for one in (program, simpler))
    assert np.array_equal(before, after)
