from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import FUNCTIONS, KERNELS, STATISTICS, Condition, Duration, Number
from nsp_core.dsl.operators import OPERATORS
from nsp_core.dsl.text import parse_program
from nsp_core.dsl.tree import from_tree, to_tree
from nsp_core.errors import ProgramError
from tests.core.dsl.any_programs import conditions, numbers

Programs = Callable[..., st.SearchStrategy[Condition]]

DURATIONS = st.builds(Duration, st.floats(1e-3, 1e6), st.sampled_from(["s", "frame"]))
SPEED = {"op": "feature", "name": "speed"}
X = {"op": "feature", "name": "x"}
SLOW = {"op": "compare", "of": SPEED, "relation": "<", "threshold": 3.0, "softness": 0.0, "unit": "mm/s"}


@settings(max_examples=100, deadline=None)
@given(drawn=st.data())
def test_a_tree_written_as_json_reads_back_as_the_same_program(drawn: st.DataObject, programs: Programs) -> None:
    program = drawn.draw(programs(durations=DURATIONS))
    assert from_tree(json.loads(json.dumps(to_tree(program), allow_nan=False))) == program


@settings(max_examples=200, deadline=None)
@given(program=conditions())
def test_the_tree_of_every_node_reads_back_as_the_same_node(program: Condition) -> None:
    assert from_tree(json.loads(json.dumps(to_tree(program), allow_nan=False))) == program


@settings(max_examples=200, deadline=None)
@given(number=numbers())
def test_the_tree_of_every_number_reads_back_inside_a_comparison(number: Number) -> None:
    tree = {**SLOW, "of": json.loads(json.dumps(to_tree(number), allow_nan=False))}
    assert to_tree(from_tree(tree)) == tree


EVERY_OPERATOR = (
    "either(fill_gaps(min_bout(not a < 1 or b < 1, 1 s), 1 s)) and mean(a, 1 s) > 2",
    "points(1: sustained(a < 1, 1 s), 2: within(a < 1, 1 s)) > 2",
    "hysteresis(followed_by(a < 1, b < 1, 1 s), a < 1)",
    "-a + b * 2 / c > 1 or abs(map(a)) < 1 or mapprefix(gaussian(a, 1 s)) < 1",
    "if(a < 1, fold(before + a), fraction(a < 1, 1 s)) < 1",
)


def test_a_tree_names_each_operator_as_the_table_of_operators_does() -> None:
    def operators(tree: Any) -> set[str]:
        below = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
        own = {tree["op"]} if isinstance(tree, dict) else set()
        return own.union(*map(operators, below))

    names = set().union(*(operators(to_tree(parse_program(text))) for text in EVERY_OPERATOR))
    # Windows, filters and functions are called by their word.
    families = {"window": STATISTICS, "filter": KERNELS, "function": FUNCTIONS}
    named = {next((family for family, words in families.items() if name in words), name) for name in names}
    assert named == {operator.name for operator in OPERATORS}


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        (
            "mean(speed, 0.5 s) < 30 ± 4 mm/s",
            '{"op": "compare", "of": {"op": "mean", "of": {"op": "feature", "name": "speed"}, "width": [0.5, "s"]}, '
            '"relation": "<", "threshold": 30.0, "softness": 4.0, "unit": "mm/s"}',
        ),
        (
            "quantile(x, 0.9, past 2 s) > 1",
            '{"op": "compare", "of": {"op": "quantile", "of": {"op": "feature", "name": "x"}, "width": [2.0, "s"], '
            '"side": "past", "share": 0.9}, "relation": ">", "threshold": 1.0, "softness": 0.0, "unit": ""}',
        ),
        (
            "either(fill_gaps(not x < 1, 3 frame))",
            '{"op": "either", "of": {"op": "fill_gaps", "of": {"op": "not", "of": {"op": "compare", "of": '
            '{"op": "feature", "name": "x"}, "relation": "<", "threshold": 1.0, "softness": 0.0, "unit": ""}}, '
            '"longest": [3.0, "frame"]}}',
        ),
        (
            "min_bout(x < 1, 2 s) or x < 1 and x < 2",
            '{"op": "or", "parts": [{"op": "min_bout", "of": {"op": "compare", "of": {"op": "feature", "name": "x"}, '
            '"relation": "<", "threshold": 1.0, "softness": 0.0, "unit": ""}, "shortest": [2.0, "s"]}, '
            '{"op": "and", "parts": [{"op": "compare", "of": {"op": "feature", "name": "x"}, "relation": "<", '
            '"threshold": 1.0, "softness": 0.0, "unit": ""}, {"op": "compare", "of": {"op": "feature", "name": "x"}, '
            '"relation": "<", "threshold": 2.0, "softness": 0.0, "unit": ""}]}]}',
        ),
    ],
)
def test_trees_of_the_first_language_are_written_to_the_letter_as_they_were(text: str, tree: str) -> None:
    assert json.dumps(to_tree(parse_program(text))) == tree
    assert from_tree(json.loads(tree)) == parse_program(text)


@pytest.mark.parametrize(
    ("number", "tree"),
    [
        ("-2 1/mm", {"op": "constant", "value": -2.0, "unit": "1/mm"}),
        ("x - 3 mm",
         {"op": "sum", "parts": [X, {"op": "negative", "of": {"op": "constant", "value": 3.0, "unit": "mm"}}]}),
        ("x * x", {"op": "product", "parts": [X, X]}),
        ("x / before", {"op": "quotient", "above": X, "below": {"op": "before"}}),
        ("atan2(x, x)", {"op": "atan2", "arguments": [X, X]}),
        ("gaussian(x, 0.2 s)", {"op": "gaussian", "of": X, "sigma": [0.2, "s"]}),
        ("morlet(x, 5 frame, 0.1 1/frame)", {"op": "morlet", "of": X, "sigma": [5.0, "frame"], "frequency": 0.1}),
        ("fold(x)", {"op": "fold", "of": X}),
        ("mapprefix(map(x))", {"op": "mapprefix", "of": {"op": "map", "of": X}}),
    ],
)  # fmt: skip
def test_the_trees_of_numbers_are_plain_values(number: str, tree: dict[str, Any]) -> None:
    assert to_tree(parse_program(f"{number} < 1"))["of"] == tree


SMALL = to_tree(parse_program("x < 1"))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("points(2: x < 1) > 1.5 ± 0.5",
         {"op": "points", "parts": [SMALL], "weights": [2.0], "threshold": 1.5, "softness": 0.5}),
        ("sustained(x < 1, 2 s)", {"op": "sustained", "of": SMALL, "shortest": [2.0, "s"]}),
        ("within(x < 1, 2 s)", {"op": "within", "of": SMALL, "width": [2.0, "s"]}),
        ("within(x < 1, past 2 s)", {"op": "within", "of": SMALL, "width": [2.0, "s"], "side": "past"}),
        ("followed_by(x < 1, x < 1, 2 s)",
         {"op": "followed_by", "first": SMALL, "second": SMALL, "longest": [2.0, "s"]}),
        ("hysteresis(x < 1, x < 1)", {"op": "hysteresis", "enter": SMALL, "stay": SMALL}),
        ("if(x < 1, x, x) < 1",
         {**SMALL, "of": {"op": "if", "condition": SMALL, "then": X, "otherwise": X}}),
        ("fraction(x < 1, next 2 s) < 1",
         {**SMALL, "of": {"op": "fraction", "of": SMALL, "width": [2.0, "s"], "side": "next"}}),
    ],
)  # fmt: skip
def test_the_trees_of_conditions_are_plain_values(text: str, tree: dict[str, Any]) -> None:
    assert to_tree(parse_program(text)) == tree


@pytest.mark.parametrize(
    ("tree", "found"),
    [
        ({}, "KeyError: 'op'"),
        ({"op": "not"}, "KeyError: 'of'"),
        ({"op": "not", "of": "speed"}, "TypeError"),
        ([], "TypeError"),
        (None, "TypeError"),
        (SPEED, "a number where a condition belongs"),
        ({"op": "not", "of": SPEED}, "a number where a condition belongs"),
        ({"op": "and", "parts": [SLOW, SPEED]}, "a number where a condition belongs"),
        ({**SLOW, "of": SLOW}, "a condition where a number belongs"),
        ({**SLOW, "of": {"op": "mean", "of": SLOW, "width": [1, "s"]}}, "a condition where a number belongs"),
        ({**SLOW, "of": {"op": "fraction", "of": SPEED, "width": [1, "s"]}}, "a number where a condition belongs"),
        ({**SLOW, "of": {"op": "sum", "parts": [SPEED, SLOW]}}, "a condition where a number belongs"),
        ({**SLOW, "of": {"op": "quotient", "above": SPEED, "below": SLOW}}, "a condition where a number belongs"),
        ({**SLOW, "of": {"op": "abs", "arguments": [SLOW]}}, "a condition where a number belongs"),
        ({**SLOW, "of": {"op": "atan2", "arguments": [SPEED]}}, "1 arguments of atan2"),
        ({**SLOW, "of": {"op": "if", "condition": SPEED, "then": SPEED, "otherwise": SPEED}},
         "a number where a condition belongs"),
        ({**SLOW, "of": {"op": "if", "condition": SLOW, "then": SLOW, "otherwise": SPEED}},
         "a condition where a number belongs"),
        ({**SLOW, "of": {"op": "morlet", "of": SPEED, "sigma": 3}}, "TypeError"),
        ({**SLOW, "of": {"op": "constant", "value": 3}}, "KeyError: 'unit'"),
        ({"op": "within", "of": SLOW, "width": [1, "s"], "side": "last"},
         "'last' where centered or past or next belongs"),
        ({"op": "points", "parts": [SLOW], "weights": [1, 2], "threshold": 1, "softness": 0}, "2 weights of 1 parts"),
        ({"op": "points", "parts": [SPEED], "weights": [1], "threshold": 1, "softness": 0},
         "a number where a condition belongs"),
        ({"op": "hysteresis", "enter": SLOW, "stay": SPEED}, "a number where a condition belongs"),
        ({**SLOW, "relation": "!="}, "'!=' where < or > belongs"),
        ({**SLOW, "threshold": "fast"}, "could not convert string to float"),
        ({**SLOW, "unit": "furlong"}, "UnitError"),
        ({"op": "min_bout", "of": SLOW, "shortest": 3}, "TypeError"),
        ({"op": "min_bout", "of": SLOW, "shortest": [3, "h"]}, "'h' where s or frame belongs"),
        ({"op": "fill_gaps", "of": SLOW, "longest": [3]}, "ValueError"),
    ],
)  # fmt: skip
def test_a_tree_that_does_not_fit_is_refused(tree: Any, found: str) -> None:
    with pytest.raises(ProgramError, match="delete the field 'tree': the text alone restores the program") as caught:
        from_tree(tree)
    assert found in caught.value.found


@pytest.mark.parametrize("operator", ["xor", "__import__", None])
def test_an_operator_of_another_language_is_refused(operator: object) -> None:
    with pytest.raises(
        ProgramError, match=f"found the operator '{operator}', expected one of feature, constant, mean, min, .*compare"
    ):
        from_tree({"op": "not", "of": {"op": operator, "of": SLOW}})


def test_a_tree_too_deep_to_read_is_refused() -> None:
    tree = SLOW
    for _ in range(2000):
        tree = {"op": "not", "of": tree}
    with pytest.raises(ProgramError, match="found a tree nested too deeply to read"):
        from_tree(tree)
