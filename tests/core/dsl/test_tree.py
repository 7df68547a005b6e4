from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import Condition, Duration
from nsp_core.dsl.operators import OPERATORS
from nsp_core.dsl.text import parse_program
from nsp_core.dsl.tree import from_tree, to_tree
from nsp_core.errors import ProgramError

Programs = Callable[..., st.SearchStrategy[Condition]]

DURATIONS = st.builds(Duration, st.floats(1e-3, 1e6), st.sampled_from(["s", "frame"]))
SPEED = {"op": "feature", "name": "speed"}
SLOW = {"op": "compare", "of": SPEED, "relation": "<", "threshold": 3.0, "softness": 0.0, "unit": "mm/s"}


@settings(max_examples=100, deadline=None)
@given(drawn=st.data())
def test_a_tree_written_as_json_reads_back_as_the_same_program(drawn: st.DataObject, programs: Programs) -> None:
    program = drawn.draw(programs(durations=DURATIONS))
    assert from_tree(json.loads(json.dumps(to_tree(program), allow_nan=False))) == program


def test_a_tree_names_each_operator_as_the_table_of_operators_does() -> None:
    text = "either(fill_gaps(min_bout(not a < 1 or b < 1, 1 s), 1 s)) and mean(a, 1 s) > 2"
    names: set[str] = set()

    def gather(tree: dict[str, Any]) -> None:
        names.add(tree["op"])
        for part in [*tree.get("parts", []), *([tree["of"]] if "of" in tree else [])]:
            gather(part)

    gather(to_tree(parse_program(text)))
    # A window is called by its statistic.
    assert names - {"mean"} == {operator.name for operator in OPERATORS} - {"window"}


def test_the_tree_of_a_threshold_is_plain_values() -> None:
    assert to_tree(parse_program("mean(speed, 0.5 s) < 30 ± 4 mm/s")) == {
        "op": "compare",
        "of": {"op": "mean", "of": {"op": "feature", "name": "speed"}, "width": [0.5, "s"]},
        "relation": "<",
        "threshold": 30.0,
        "softness": 4.0,
        "unit": "mm/s",
    }


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
        ({**SLOW, "of": {"op": "mean", "of": SLOW, "width": [1, "s"]}}, "a window over something that is no feature"),
        ({**SLOW, "relation": "!="}, "'!=' where < or > belongs"),
        ({**SLOW, "threshold": "fast"}, "could not convert string to float"),
        ({**SLOW, "unit": "furlong"}, "UnitError"),
        ({"op": "min_bout", "of": SLOW, "shortest": 3}, "TypeError"),
        ({"op": "min_bout", "of": SLOW, "shortest": [3, "h"]}, "'h' where s or frame belongs"),
        ({"op": "fill_gaps", "of": SLOW, "longest": [3]}, "ValueError"),
    ],
)
def test_a_tree_that_does_not_fit_is_refused(tree: Any, found: str) -> None:
    with pytest.raises(ProgramError, match="delete the field 'tree': the text alone restores the program") as caught:
        from_tree(tree)
    assert found in caught.value.found


@pytest.mark.parametrize("operator", ["xor", "__import__", None])
def test_an_operator_of_another_language_is_refused(operator: object) -> None:
    with pytest.raises(
        ProgramError, match=f"found the operator '{operator}', expected feature, mean, min, max, .*compare"
    ):
        from_tree({"op": "not", "of": {"op": operator, "of": SLOW}})
