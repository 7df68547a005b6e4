from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsp_core.dsl.ast import Compare, Condition, Feature, Vote
from nsp_core.dsl.semantics import exact_states, soft_bounds
from nsp_core.dsl.text import parse_program
from nsp_core.dsl.values import degree


def states(program: Condition, **tracks: float) -> list[int]:
    return exact_states(program, lambda name: np.float32([tracks[name]]), None).tolist()


def test_votes_count_the_weights_of_what_holds() -> None:
    rule = parse_program("points(2: x > 0, 1: y > 0, 0.5: z > 0) > 2.5")
    assert states(rule, x=1, y=1, z=-1) == [1]
    assert states(rule, x=1, y=-1, z=1) == [0]
    assert states(rule, x=-1, y=1, z=1) == [0]
    assert states(rule, x=1, y=np.nan, z=1) == [-1]
    assert states(rule, x=-1, y=np.nan, z=1) == [0]


def test_votes_may_speak_against() -> None:
    rule = parse_program("points(2: x > 0, -1: y > 0) > 1.5")
    assert states(rule, x=1, y=-1) == [1]
    assert states(rule, x=1, y=1) == [0]
    assert states(rule, x=1, y=np.nan) == [-1]
    assert states(rule, x=-1, y=np.nan) == [0]


@pytest.mark.parametrize("order", [*permutations([0.1, 0.2, 0.3])])
@pytest.mark.parametrize(("threshold", "expected"), [(0.6, 0), (0.5999, 1)])
def test_decimal_weights_add_up_as_they_are_written_in_any_order(
    order: tuple[float, ...], threshold: float, expected: int
) -> None:
    # As binary fractions 0.1, 0.2 and 0.3 add up to 0.6 or to a little more.
    present = Compare(Feature("x"), ">", 0.0)
    assert states(Vote((present,) * 3, order, threshold), x=1) == [expected]


def test_smooth_votes_are_a_logistic_step_of_the_weighted_degrees() -> None:
    tracks = {"x": np.log(np.float32([3.0])), "y": np.float32([0.0]), "z": np.float32([np.nan])}
    fetch = tracks.__getitem__
    low, high = soft_bounds(parse_program("points(2: x > 0 ± 1, -1: y > 0 ± 1) > 0.5 ± 0.25"), fetch, None)
    # 2 * 0.75 - 0.5 is 0.5 more than the threshold: two softnesses.
    assert low[0] == high[0] == pytest.approx(1 / (1 + np.exp(-2)))
    low, high = soft_bounds(parse_program("points(2: x > 0 ± 1, -1: z > 0 ± 1) > 0.5 ± 0.25"), fetch, None)
    assert low[0] == pytest.approx(0.5)
    assert high[0] == pytest.approx(1 / (1 + np.exp(-4)))


def test_votes_without_softness_are_a_step_of_the_degrees_in_both_semantics() -> None:
    tracks = {"x": np.log(np.float32([3.0, 1 / 3]))}
    low, high = soft_bounds(parse_program("points(2: x > 0 ± 1) > 1"), tracks.__getitem__, None)
    assert low.tolist() == high.tolist() == [1, 0]


@given(bounds=st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32)).map(sorted))
def test_the_degree_of_a_truth_is_a_share_and_missing_where_it_is_mostly_unknown(bounds: list[float]) -> None:
    low, high = (np.float32([bound]) for bound in bounds)
    (share,) = degree((low, high))
    unknown = bounds[1] - bounds[0]
    if unknown > 0.5:
        assert np.isnan(share)
    else:
        assert 0 <= share <= 1
        assert share == pytest.approx(bounds[0] / (1 - unknown), abs=1e-9)
