from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import And, Compare, Condition, Either, FillGaps, MinBout, Not, Or, walk
from nsp_core.dsl.semantics import exact_states
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.search.assess import ProgramScorer, score_program
from nsp_core.search.chains import Chain, Clause, make_fitting_rows
from nsp_core.search.columns import columns_for, gather_rows, swapped_columns
from nsp_core.search.refine import drop_idle_clauses, move_to_best_f1, round_constants, shape_bouts
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


clauses = st.builds(
    Clause,
    st.integers(0, len(NAMES) - 1),
    st.sampled_from([-1, 1]),
    st.sampled_from(["and", "or"]),
    st.floats(-1.5, 1.5),
    st.floats(0.05, 2),
)
chains = st.builds(
    lambda parts, either: Chain((replace(parts[0], join="and"), *parts[1:]), either),
    st.lists(clauses, min_size=1, max_size=3),
    st.booleans(),
)


def moved(program: Condition, shift: float) -> Condition:
    """Return ``program`` with every threshold made stricter by ``shift`` times its softness."""
    match program:
        case Compare(_, relation, threshold, softness, _):
            return replace(program, threshold=threshold + (softness if relation == ">" else -softness) * shift)
        case And(parts):
            return And(tuple(moved(part, shift) for part in parts))
        case Or(parts):
            return Or(tuple(moved(part, shift) for part in parts))
        case Either(child):
            return Either(moved(child, shift))
    raise TypeError(program)


def margins(program: Condition, sequence: LabeledSequence) -> np.ndarray:
    """Return how much stricter each clause could get before it fails at a frame, in units of softness."""
    found = []
    for clause in walk(program):
        if isinstance(clause, Compare):
            sign = 1 if clause.relation == ">" else -1
            name = clause.child.name  # type: ignore[union-attr]  # these chains hold plain features only
            for reference in {name, name.replace("[agent]", "[target]"), name.replace("[target]", "[agent]")}:
                distance = sequence.column(reference).astype(np.float64) - clause.threshold
                found.append(sign * distance / clause.softness)
    every = np.concatenate(found)
    return np.unique(every[~np.isnan(every)])


@settings(max_examples=25, deadline=None)
@given(labeled_dyads(), chains)
def test_no_common_shift_of_the_thresholds_has_a_better_exact_f1(sequence: LabeledSequence, chain: Chain) -> None:
    columns = columns_for([replace(sequence, fps=None, values=sequence.values[:1], states=sequence.states[:1])])
    rows = gather_rows([sequence], columns)
    fitting = make_fitting_rows(rows, np.ones(len(rows.states)), swapped_columns(columns), torch.device("cpu"))
    program = move_to_best_f1(chain, fitting, rows, columns)

    def f1(tried: Condition) -> float:
        present, recognized = sequence.states == 1, exact_states(tried, sequence.column, sequence.fps) == 1
        return 2 * float((present & recognized).sum()) / float(present.sum() + recognized.sum())

    turning = margins(program, sequence)
    cuts = np.concatenate([turning[:1] - 1, (turning[1:] + turning[:-1]) / 2, turning[-1:] + 1])
    assert f1(program) >= max((f1(moved(program, cut)) for cut in cuts), default=0.0) - 1e-9


def test_moving_keeps_the_softness_and_the_ranking_of_the_frames(sequence_of: SequenceOf) -> None:
    generator = np.random.default_rng(1)
    x = generator.normal(size=300)
    sequence = sequence_of({"x": x}, x < -1)
    columns = columns_for([sequence])
    rows = gather_rows([sequence], columns)
    fitting = make_fitting_rows(rows, np.ones(300), swapped_columns(columns), torch.device("cpu"))
    program = move_to_best_f1(Chain((Clause(0, -1, "and", 0.5, 0.2),), either=False), fitting, rows, columns)
    assert isinstance(program, Compare)
    assert program.softness == pytest.approx(0.2 * fitting.scale[0])
    assert x[x < -1].max() < program.threshold < x[x >= -1].min()


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


def bouts(n_frames: int, *intervals: tuple[int, int]) -> np.ndarray:
    present = np.zeros(n_frames)
    for start, stop in intervals:
        present[start:stop] = 1
    return present


def test_gaps_are_filled_where_bouts_are_labeled_whole(sequence_of: SequenceOf) -> None:
    labels = bouts(300, (50, 120), (180, 260))
    x = labels - bouts(300, (70, 74), (90, 93), (200, 204))
    sequence = sequence_of({"x": x}, labels)
    program = parse_program("x > 0.5 mm")
    shaped, scores = shape_bouts(program, ProgramScorer([sequence]))
    assert isinstance(shaped, FillGaps)
    assert shaped.child == program
    assert scores.f1 == 1.0
    assert scores == score_program(shaped, [sequence])


def test_short_bouts_are_dropped_where_they_are_mistakes(sequence_of: SequenceOf) -> None:
    labels = bouts(300, (50, 120))
    sequence = sequence_of({"x": labels + bouts(300, (10, 13), (200, 203), (250, 254))}, labels)
    shaped, scores = shape_bouts(parse_program("x > 0.5 mm"), ProgramScorer([sequence]))
    assert isinstance(shaped, MinBout)
    assert scores.f1 == 1.0


def test_both_steps_are_added_where_both_help(sequence_of: SequenceOf) -> None:
    labels = bouts(300, (50, 120))
    x = labels - bouts(300, (70, 74), (90, 93)) + bouts(300, (10, 13), (200, 203), (250, 254))
    shaped, scores = shape_bouts(parse_program("x > 0.5 mm"), ProgramScorer([sequence_of({"x": x}, labels)]))
    assert isinstance(shaped, MinBout)
    assert isinstance(shaped.child, FillGaps)
    assert scores.f1 == 1.0


@pytest.mark.parametrize(("n_frames", "fps"), [(300, None), (20, 10.0)])
def test_bouts_are_not_shaped_without_seconds_or_in_short_sequences(
    sequence_of: SequenceOf, n_frames: int, fps: float | None
) -> None:
    labels = bouts(n_frames, (4, 16))
    sequence = sequence_of({"x": labels - bouts(n_frames, (8, 10))}, labels, fps=fps)
    program = parse_program("x > 0.5 mm")
    shaped, scores = shape_bouts(program, ProgramScorer([sequence]))
    assert shaped == program
    assert scores == score_program(program, [sequence])


def test_a_program_that_is_right_stays_as_it_is(sequence_of: SequenceOf) -> None:
    labels = bouts(300, (50, 53), (56, 60), (180, 260))
    program = parse_program("x > 0.5 mm")
    shaped, _ = shape_bouts(program, ProgramScorer([sequence_of({"x": labels}, labels)]))
    assert shaped == program


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_shaping_never_lowers_the_mean_of_f1_and_average_precision(sequence_of: SequenceOf, seed: int) -> None:
    generator = np.random.default_rng(seed)
    x = np.convolve(generator.normal(size=310), np.ones(11) / 3, "valid")
    labels = x + 0.5 * generator.normal(size=300) > 0
    sequence = sequence_of({"x": x}, labels)
    program = parse_program("x > 0 ± 0.3 mm")
    before = score_program(program, [sequence])
    shaped, after = shape_bouts(program, ProgramScorer([sequence]))
    assert after.f1 + after.ap >= before.f1 + before.ap
    assert sum(isinstance(node, Not | FillGaps | MinBout) for node in walk(shaped)) <= 2


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
