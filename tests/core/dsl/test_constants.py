"""The constants of a program as a flat list: what is among them, and that putting them back gives the same program."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import Compare, Condition, Feature, Not, Number, complexity, walk
from nsp_core.dsl.constants import CONSTANT_KINDS, constants_of, node_at, with_constants
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.errors import ProgramError
from tests.core.dsl.any_programs import conditions, numbers

# Every kind of constant, and every node that holds one.
EVERYTHING = (
    "min_bout(fill_gaps("
    "quantile(speed, 0.9, past 2 s) < 30 ± 4 mm/s "
    "and morlet(speed, 0.2 s, 3 1/s) > 5 mm/s "
    "and fraction(points(2: near < 22 mm, 0.5: speed > 3 mm/s) > 1.5 ± 0.2, 4 s) > 0.6 "
    "and followed_by(sustained(near - 3 mm < 7 mm, 1.5 s), within(speed < 8 mm/s, next 6 s), 9 s)"
    ", 0.25 s), 0.75 s)"
)
any_program: st.SearchStrategy[Number | Condition] = conditions() | numbers()


def test_every_constant_is_listed_with_its_kind_unit_and_node_parents_first() -> None:
    listed = [(one.kind, one.value, one.unit, one.text) for one in constants_of(parse_program(EVERYTHING))]
    assert [(kind, value, unit) for kind, value, unit, _ in listed] == [
        ("duration", 0.75, "s"),
        ("duration", 0.25, "s"),
        ("threshold", 30.0, "mm/s"),
        ("softness", 4.0, "mm/s"),
        ("width", 2.0, "s"),
        ("share", 0.9, ""),
        ("threshold", 5.0, "mm/s"),
        ("sigma", 0.2, "s"),
        ("frequency", 3.0, "1/s"),
        ("threshold", 0.6, ""),
        ("width", 4.0, "s"),
        ("weight", 2.0, ""),
        ("weight", 0.5, ""),
        ("threshold", 1.5, ""),
        ("softness", 0.2, ""),
        ("threshold", 22.0, "mm"),
        ("threshold", 3.0, "mm/s"),
        ("duration", 9.0, "s"),
        ("duration", 1.5, "s"),
        ("threshold", 7.0, "mm"),
        ("constant", 3.0, "mm"),
        ("width", 6.0, "s"),
        ("threshold", 8.0, "mm/s"),
    ]
    assert {kind for kind, *_ in listed} == set(CONSTANT_KINDS)
    texts = [text for *_, text in listed]
    assert texts[0] == EVERYTHING
    assert texts[4] == "quantile(speed, 0.9, past 2 s)"
    assert texts[11] == texts[13] == "points(2: near < 22 mm, 0.5: speed > 3 mm/s) > 1.5 ± 0.2"
    assert texts[20] == "3 mm"


def test_time_in_frames_and_frequencies_by_frame_keep_their_units() -> None:
    program = parse_program("min_bout(morlet(speed, 5 frame, 0.1 1/frame) > 5 mm/frame, 3 frame)")
    assert [one.unit for one in constants_of(program)] == ["frame", "mm/frame", "frame", "1/frame"]


def test_a_hard_step_has_no_softness_to_learn() -> None:
    assert [one.kind for one in constants_of(parse_program("near < 22 mm or points(1: near < 3 mm) > 0.5"))] == [
        "threshold",
        "weight",
        "threshold",
        "threshold",
    ]


def test_one_constant_may_change_and_the_rest_of_the_text_stays() -> None:
    program = parse_program(EVERYTHING)
    for place, constant in enumerate(constants_of(program)):
        values = [one.value for one in constants_of(program)]
        values[place] = 0.123
        changed = with_constants(program, values)
        assert [one.value for one in constants_of(changed)] == values
        before, after = format_program(program), format_program(changed)
        assert after.count("0.123") == 1
        assert len(after.split()) == len(before.split())
        assert constant.kind == constants_of(changed)[place].kind


@settings(deadline=None)
@given(any_program)
def test_complexity_is_feature_references_plus_constants(program: Number | Condition) -> None:
    n_references = sum(isinstance(part, Feature) for part in walk(program))
    assert complexity(program) == n_references + len(constants_of(program))


@settings(deadline=None)
@given(any_program)
def test_the_constants_put_back_give_the_very_program(program: Number | Condition) -> None:
    assert with_constants(program, [one.value for one in constants_of(program)]) == program


@settings(deadline=None)
@given(any_program, st.data())
def test_other_constants_are_those_that_were_given_and_can_be_taken_back(
    program: Number | Condition, data: st.DataObject
) -> None:
    constants = constants_of(program)
    size = len(constants)
    others = data.draw(st.lists(st.floats(0.5, 1e6), min_size=size, max_size=size))
    changed = with_constants(program, others)
    assert [one.value for one in constants_of(changed)] == others
    assert [(one.kind, one.unit, one.path) for one in constants_of(changed)] == [
        (one.kind, one.unit, one.path) for one in constants
    ]
    assert with_constants(changed, [one.value for one in constants]) == program


@settings(deadline=None)
@given(any_program)
def test_a_path_leads_to_the_node_of_the_constant(program: Number | Condition) -> None:
    for constant in constants_of(program):
        assert node_at(program, constant.path) == constant.node
        assert constant.text == format_program(constant.node)


@pytest.mark.parametrize("values", [(), (1.0,), (1.0, 2.0, 3.0)])
def test_as_many_values_as_constants_must_be_given(values: tuple[float, ...]) -> None:
    program = parse_program("near < 22 ± 3 mm")
    with pytest.raises(
        ProgramError, match=rf"'near < 22 ± 3 mm': found {len(values)} values, expected 2, one for each"
    ):
        with_constants(program, values)


def test_a_program_without_constants_has_none_and_stays_itself() -> None:
    assert constants_of(Feature("near")) == ()
    assert with_constants(Feature("near"), ()) == Feature("near")


def test_nothing_but_constants_is_touched() -> None:
    program = parse_program("not near < 22 ± 3 mm")
    assert isinstance(program, Not)
    assert isinstance(program.child, Compare)
    changed = with_constants(program, (1.0, 2.0))
    assert changed == Not(replace(program.child, threshold=1.0, softness=2.0))
