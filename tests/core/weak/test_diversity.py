"""Distances of programs against a slow oracle and by their laws; a choice that is good and differs."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.text import parse_program
from nsp_core.errors import ProgramError
from nsp_core.weak.diversity import DiversityWeights, _postorder, choose_diverse, disagreement, tree_edit_distance

UNTIMED = settings(deadline=None, max_examples=60)

clauses = st.builds(
    "{} {} {}".format,
    st.sampled_from(["near", "speed", "mean(near, 0.5 s)", "mean(near, 1 s)", "abs(bend)"]),
    st.sampled_from(["<", ">"]),
    st.integers(1, 9),
)
programs = st.recursive(
    clauses,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("either({})".format, inner),
    ),
    max_leaves=5,
).map(parse_program)


def nested(program):
    """The ordered tree of (label, children) that stands in postorder."""
    stack = []
    for label, size in _postorder(program):
        parts, covered = [], 1
        while covered < size:
            parts.insert(0, stack.pop())
            covered += parts[0][2]
        stack.append((label, tuple(parts), size))
    return stack[0]


@cache
def slow(first, second):
    """The textbook recursion over forests: delete, insert or match the rightmost roots."""
    if not first or not second:
        return sum(tree[2] for tree in first or second)
    (label, parts, _), (other_label, other_parts, _) = first[-1], second[-1]
    return min(
        slow(first[:-1] + parts, second) + 1,
        slow(first, second[:-1] + other_parts) + 1,
        slow(first[:-1], second[:-1]) + slow(parts, other_parts) + (label != other_label),
    )


@UNTIMED
@given(programs, programs)
def test_the_distance_is_that_of_the_textbook_recursion(first, second):
    assert tree_edit_distance(first, second) == slow((nested(first),), (nested(second),))


@UNTIMED
@given(programs, programs, programs)
def test_the_distance_is_a_metric_of_structures(first, second, third):
    assert tree_edit_distance(first, first) == 0
    assert tree_edit_distance(first, second) == tree_edit_distance(second, first)
    assert tree_edit_distance(first, third) <= tree_edit_distance(first, second) + tree_edit_distance(second, third)


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ("near < 3", "near < 8", 0),
        ("near < 3", "near > 3", 1),
        ("near < 3", "speed < 3", 1),
        ("mean(near, 1 s) < 3", "mean(near, 2 s) < 3", 1),
        ("near < 3 and speed > 1", "speed > 2 and near < 1", 0),
        ("near < 3", "near < 3 and speed > 1", 3),
    ],
)
def test_constants_and_order_are_no_structure_but_words_and_windows_are(first, second, distance):
    assert tree_edit_distance(parse_program(first), parse_program(second)) == distance


def test_disagreement_is_a_share_of_that_of_chance():
    decided = np.array([1, 1, 0, 0], dtype=np.int8)
    assert disagreement(decided, decided) == 0
    assert disagreement(decided, np.array([1, 0, 1, 0], dtype=np.int8)) == 1
    assert disagreement(decided, np.array([1, 1, 0, -1], dtype=np.int8)) == 0
    assert np.isnan(disagreement(decided, np.full(4, -1, dtype=np.int8)))
    assert disagreement(np.ones(4, dtype=np.int8), np.ones(4, dtype=np.int8)) == 0


NEAR, NEARER, SLOW = (parse_program(text) for text in ("near < 3", "near < 2", "speed < 1 and bend > 2"))


def decisions_of(*shares):
    generator = np.random.default_rng(0)
    return np.stack([(generator.random(1000) < share).astype(np.int8) for share in shares])


def test_a_good_program_that_says_something_else_comes_before_a_better_one_that_does_not():
    decided = decisions_of(0.5, 0.5, 0.5)
    decided[1] = np.where(np.arange(1000) < 20, 1 - decided[0], decided[0])
    assert choose_diverse([NEAR, NEARER, SLOW], [0.8, 0.79, 0.7], decided, n_functions=2) == [0, 2]
    indifferent = DiversityWeights(structure=0, behavior=0)
    assert choose_diverse([NEAR, NEARER, SLOW], [0.8, 0.79, 0.7], decided, n_functions=2, weights=indifferent) == [0, 1]


def test_structure_alone_tells_programs_apart_that_decide_differently_by_chance():
    structural = DiversityWeights(structure=0.3, behavior=0)
    decided = decisions_of(0.5, 0.5, 0.5)
    assert choose_diverse([NEAR, NEARER, SLOW], [0.8, 0.79, 0.7], decided, n_functions=3, weights=structural) == [
        0,
        2,
        1,
    ]


def test_a_program_that_decides_alike_is_never_chosen_twice():
    decided = decisions_of(0.5)[[0, 0, 0]]
    assert choose_diverse([NEAR, NEARER, SLOW], [0.8, 0.9, 0.7], decided, n_functions=3) == [1]


@pytest.mark.parametrize(("programs", "n_functions"), [([], 3), ([NEAR], 0)])
def test_nothing_to_choose_is_refused(programs, n_functions):
    with pytest.raises(ProgramError, match=r"labeling functions of \d programs, expected at least one of at least one"):
        choose_diverse(programs, [0.5] * len(programs), decisions_of(0.5)[: len(programs)], n_functions=n_functions)
