from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nsp_core.dsl.ast import (
    And,
    Condition,
    Duration,
    Node,
    Not,
    Or,
    Product,
    Sum,
    Vote,
    children,
    feature_names,
    with_children,
)
from nsp_core.dsl.normal import normal_form
from nsp_core.dsl.semantics import exact_states, soft_bounds
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.features.views import swap_reference

Programs = Callable[..., st.SearchStrategy[Condition]]
Tracks = dict[str, NDArray[np.float32]]

SECONDS = st.sampled_from([0.04, 0.2, 0.24, 0.4, 0.6, 3.0]).map(Duration)
FRAMES = st.integers(1, 9).map(lambda frames: Duration(float(frames), "frame"))
# Frame rate, durations, and frequencies that it can show.
CLOCKS = st.sampled_from([(10.0, SECONDS, st.sampled_from([1.0, 5.0])), (None, FRAMES, st.just(0.25))])
# Numbers whose sums and products are exact: most are at a threshold or clearly beside it.
ROUND = {
    "thresholds": st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0]),
    "softness": st.sampled_from([0.0, 0.5]),
    "values": st.sampled_from([-1.0, 0.5, 1.0, 2.0]),
    "shares": st.sampled_from([0.0, 0.5, 1.0]),
    "weights": st.sampled_from([-1.0, 0.5, 1.0, 2.5]),
}
VALUES = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, np.nan, np.nan])


def tracks_of(program: Condition, values: st.SearchStrategy[float] = VALUES) -> st.SearchStrategy[Tracks]:
    """Features with missing frames: those a program and its exchanged twin name."""
    names = sorted({twin for name in feature_names(program) for twin in (name, swap_reference(name))})
    frames = st.lists(st.tuples(*[values] * len(names)), min_size=1, max_size=12)
    return frames.map(lambda rows: dict(zip(names, np.float32(rows).reshape(-1, len(names)).T, strict=True)))


def states(program: Condition, tracks: Tracks, fps: float | None = 10.0) -> list[int]:
    return exact_states(program, tracks.__getitem__, fps).tolist()


# ---- the normal form means the same


@settings(max_examples=200, deadline=None)
@given(drawn=st.data(), clock=CLOCKS)
def test_a_program_and_its_normal_form_have_the_same_states(
    drawn: st.DataObject, clock: tuple[float | None, ...], language_programs: Programs
) -> None:
    fps, durations, frequencies = clock
    program = drawn.draw(language_programs(durations=durations, frequencies=frequencies, **ROUND))
    tracks = drawn.draw(tracks_of(program))
    assert states(normal_form(program), tracks, fps) == states(program, tracks, fps)


@settings(max_examples=100, deadline=None)
@given(drawn=st.data())
def test_a_normal_form_is_its_own(drawn: st.DataObject, language_programs: Programs) -> None:
    program = normal_form(drawn.draw(language_programs()))
    assert normal_form(program) == program
    assert normal_form(parse_program(format_program(program))) == program


P, Q, R = "speed[agent] < 1 ± 0.5", "nose_to_nose < 0.5", "not speed[target] < 2"
EXACT, SMOOTH = "exact", "exact and smooth"


@pytest.mark.parametrize(
    ("written", "normal", "same"),
    [
        (f"{P} and ({Q} and {R})", f"{Q} and {R} and {P}", SMOOTH),
        (f"{P} or ({Q} or {R} or {Q} and {P})", f"{Q} or {Q} and {P} or {R} or {P}", SMOOTH),
        (f"{P} and {Q} and {P}", f"{Q} and {P}", EXACT),
        (f"{P} or {P}", P, EXACT),
        (f"not not {P}", P, SMOOTH),
        (f"not not not {P}", f"not {P}", SMOOTH),
        (f"not ({P} and {Q})", f"not {Q} or not {P}", SMOOTH),
        (f"not ({P} or {R})", f"not {P} and speed[target] < 2", SMOOTH),
        (f"not ({P} and not ({Q} or {R}))", f"{Q} or not {P} or {R}", SMOOTH),
        (f"points(1: {P}, -2: {Q}, 1: {R}) > 0.5 ± 1", f"points(-2: {Q}, 1: {R}, 1: {P}) > 0.5 ± 1", SMOOTH),
        (f"points(2: {Q}, 1: {Q}) > 1", f"points(1: {Q}, 2: {Q}) > 1", SMOOTH),
        (f"either({Q})", Q, SMOOTH),
        (f"either(either({P}) and {Q})", f"either({P}) and {Q}", SMOOTH),
        (f"either({P})", f"either({P})", SMOOTH),
        (f"hysteresis({P}, {P})", P, SMOOTH),
        (f"fill_gaps(fill_gaps({P}, 0.2 s), 0.4 s)", f"fill_gaps({P}, 0.4 s)", SMOOTH),
        (f"fill_gaps(fill_gaps({P}, 0.4 s), 0.2 s)", f"fill_gaps({P}, 0.4 s)", SMOOTH),
        (f"min_bout(min_bout({P}, 0.2 s), 0.4 s)", f"min_bout({P}, 0.4 s)", SMOOTH),
        (f"min_bout(min_bout({P}, 0.4 s), 0.2 s)", f"min_bout({P}, 0.4 s)", SMOOTH),
        ("speed[target] + nose_to_nose + speed[agent] > 2", "nose_to_nose + speed[agent] + speed[target] > 2", SMOOTH),
        ("-nose_to_nose + speed[target] > 1", "speed[target] - nose_to_nose > 1", SMOOTH),
        ("speed[agent] - nose_to_nose - 1 > -2", "-1 + speed[agent] - nose_to_nose > -2", SMOOTH),
        ("speed[agent] * nose_to_nose > 1", "nose_to_nose * speed[agent] > 1", SMOOTH),
        ("-(-speed[agent]) > 1", "speed[agent] > 1", SMOOTH),
        ("-(2) * speed[agent] > -2", "-2 * speed[agent] > -2", SMOOTH),
        ("map(map(speed[agent]) + 1) > 2", "1 + speed[agent] > 2", SMOOTH),
        (f"mapprefix(if({P}, nose_to_nose, 1)) > 0.5", f"if({P}, nose_to_nose, 1) > 0.5", SMOOTH),
        (f"fraction(not not {Q}, past 0.4 s) > 0.5", f"fraction({Q}, past 0.4 s) > 0.5", SMOOTH),
        (f"sustained({P} and {P}, 0.4 s)", f"sustained({P}, 0.4 s)", EXACT),
        ("fold(if(not not nose_to_nose < 1, before + 1, 0)) > 2",
         "fold(if(nose_to_nose < 1, 1 + before, 0)) > 2", SMOOTH),
    ],
)  # fmt: skip
@settings(max_examples=30, deadline=None)
@given(drawn=st.data())
def test_each_rule_keeps_what_it_says_it_keeps(written: str, normal: str, same: str, drawn: st.DataObject) -> None:
    program, expected = parse_program(written), parse_program(normal)
    assert format_program(normal_form(program)) == normal
    tracks = drawn.draw(tracks_of(program))
    assert states(expected, tracks) == states(program, tracks)
    if same == SMOOTH:
        bounds = [soft_bounds(each, tracks.__getitem__, 10.0) for each in (expected, program)]
        np.testing.assert_allclose(bounds[0], bounds[1], atol=1e-6)


def test_a_part_said_twice_counts_twice_in_the_smooth_semantics_alone() -> None:
    once, twice = parse_program(P), parse_program(f"{P} and {P}")
    tracks = {"speed[agent]": np.float32([1.0])}
    assert states(once, tracks) == states(twice, tracks) == [0]
    assert soft_bounds(once, tracks.__getitem__, 10.0)[0] == 0.5
    assert soft_bounds(twice, tracks.__getitem__, 10.0)[0] == 0.25


# ---- what would mean something else stays


@pytest.mark.parametrize(
    ("written", "other", "values"),
    [
        # At the threshold itself.
        ("not x < 1", "x > 1", [1.0]),
        ("not x < 1 ± 0.5", "x > 1 ± 0.5", [1.0]),
        # A gap at the end of the recording, and a short bout there.
        ("not fill_gaps(x < 1, 0.2 s)", "min_bout(not x < 1, 0.3 s)", [0.0, 2.0]),
        ("not min_bout(x < 1, 0.3 s)", "fill_gaps(not x < 1, 0.2 s)", [0.0, 2.0]),
        ("not within(x < 1, past 0.2 s)", "sustained(not x < 1, 0.2 s)", [2.0]),
        ("not hysteresis(x < 1, x < 2)", "hysteresis(not x < 1, not x < 2)", [0.0, 1.0]),
        ("not either(x[agent] < 1)", "either(not x[agent] < 1)", [0.0]),
        ("not points(1: x < 1, 1: x < 2) > 1", "points(1: not x < 1, 1: not x < 2) > 1", [1.0]),
        ("fill_gaps(min_bout(x < 1, 0.2 s), 0.2 s)", "min_bout(fill_gaps(x < 1, 0.2 s), 0.2 s)", [0.0, 2.0, 0.0]),
        ("sustained(sustained(x < 1, 0.2 s), 0.2 s)", "sustained(x < 1, 0.2 s)", [0.0, 0.0]),
        ("points(1: x < 1, 1: x < 1) > 1", "points(1: x < 1) > 1", [0.0]),
        # At pi, which is -pi too, as float32 rounds it.
    ],
)
def test_programs_that_differ_somewhere_have_different_normal_forms(
    written: str, other: str, values: list[float]
) -> None:
    program, alike = parse_program(written), parse_program(other)
    assert normal_form(program) != normal_form(alike)
    assert normal_form(program) == program
    tracks = {name: np.float32(values) for name in feature_names(program)}
    tracks |= {"x[target]": np.float32([2.0] * len(values))}
    assert states(program, tracks) != states(alike, tracks)


def test_gaps_in_seconds_and_in_frames_are_not_merged() -> None:
    program = parse_program("fill_gaps(fill_gaps(x < 1, 2 s), 3 frame)")
    assert normal_form(program) == program


def test_a_sum_inside_a_sum_stays_for_it_is_stored_in_single_precision() -> None:
    program, flat = parse_program("x + (y + z) > 0"), parse_program("x + y + z > 0")
    assert normal_form(program) == program
    tracks = {"x": np.float32([-(2.0**24)]), "y": np.float32([2.0**24]), "z": np.float32([1.0])}
    assert (states(program, tracks), states(flat, tracks)) == ([0], [1])


# ---- one form for all that say the same


@settings(max_examples=100, deadline=None)
@given(drawn=st.data())
def test_the_order_and_the_nesting_of_what_is_joined_do_not_matter(
    drawn: st.DataObject, language_programs: Programs
) -> None:
    program = drawn.draw(language_programs())
    assert normal_form(otherwise_said(program, drawn)) == normal_form(program)


def otherwise_said(node: Node, drawn: st.DataObject) -> Condition:
    """The same program, with its parts shuffled, repeated, nested and negated twice."""
    parts = [otherwise_said(part, drawn) for part in children(node)]
    match node:
        case And() | Or():
            shuffled = drawn.draw(st.permutations(parts))
            nested = type(node)((type(node)(tuple(shuffled[:2])), *shuffled[2:], shuffled[0]))
            if drawn.draw(st.booleans()):
                return Not(dual(node)(tuple(Not(part) for part in nested.parts)))
            return Not(Not(nested))
        case Sum() | Product():
            return with_children(node, drawn.draw(st.permutations(parts)))
        case Vote(_, weights, threshold, softness):
            votes = drawn.draw(st.permutations(list(zip(parts, weights, strict=True))))
            return Vote(*map(tuple, zip(*votes, strict=True)), threshold, softness)
        case _:
            return with_children(node, parts)


def dual(node: And | Or) -> type[And | Or]:
    return Or if isinstance(node, And) else And
