"""Folds against a loop over time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from nsp_core.dsl.ast import Number
from nsp_core.dsl.semantics import series_of
from nsp_core.dsl.text import parse_program

X = [1.0, np.nan, 3.0, -4.0]


def number(text: str) -> Number:
    return parse_program(f"{text} > 0").child


def values(text: str, *, temperature: float = 0.0, **tracks: object) -> NDArray[np.float32]:
    return series_of(number(text), lambda name: np.float32(tracks[name]), None, temperature)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fold(before + x)", [1, np.nan, 4, 0]),
        ("fold(0.5 * before + x)", [1, np.nan, 3.5, -2.25]),
        ("fold((before + x) / 2)", [0.5, np.nan, 1.75, -1.125]),
        ("fold(-before + x)", [1, np.nan, 2, -6]),
        ("fold(before + 1 + 0 * x)", [1, np.nan, 2, 3]),
        ("fold(before * x + 1)", [1, np.nan, 4, -15]),
        ("fold(if(x > 0, before + 1, 0))", [1, np.nan, 2, 0]),
        ("fold(if(x > 2, x, before))", [0, np.nan, 3, 3]),
        ("fold(if(before > 3, 0, before + abs(x)))", [1, np.nan, 4, 0]),
        ("fold(if(before > 1 and x < 0, 0, before + 1))", [1, 2, 3, 0]),
        ("fold(if(not before - x > 0, x, before))", [1, np.nan, 3, 3]),
        ("fold(abs(before + x))", [1, np.nan, 4, 0]),
        ("fold((before + x) * (before + 1))", [1, np.nan, 8, 36]),
        ("fold(1 / (before + x))", [1, np.nan, 0.25, -4 / 15]),
        ("fold(wrap(before + x))", [1, np.nan, 4 - 2 * np.pi, -2 * np.pi + 2 * np.pi]),
    ],
)
def test_a_fold_carries_its_value_on_and_keeps_it_where_it_is_missing(text: str, expected: list[float]) -> None:
    folded = values(text, x=X)
    assert folded.dtype == np.float32
    np.testing.assert_allclose(folded, np.float32(expected), atol=1e-6)
    side_by_side = values(text, x=np.stack([X, X[::-1]], axis=1))
    np.testing.assert_array_equal(side_by_side[:, 0], folded)


@settings(max_examples=60, deadline=None)
@given(
    x=hnp.arrays(np.float32, st.integers(0, 40), elements=st.floats(-8, 8, width=32) | st.just(np.nan)),
    keep=st.floats(0, 1).map(lambda keep: round(keep, 2)),
)
def test_a_forgetting_average_is_that_of_a_loop(x: NDArray[np.float32], keep: float) -> None:
    expected, before = [], 0.0
    for value in x.astype(np.float64):
        now = keep * before + (1 - keep) * value
        before = before if np.isnan(now) else now
        expected.append(now)
    text = f"{keep} * before + {1 - keep} * x"
    linear, frame_by_frame = (values(f"fold({form})", x=x) for form in (text, f"if(before < 1e9, {text}, 0)"))
    np.testing.assert_allclose(linear, expected, atol=1e-5)
    np.testing.assert_allclose(frame_by_frame, expected, atol=1e-5)


def test_a_sum_over_a_long_recording_does_not_lose_small_parts() -> None:
    total = values("fold(before + x)", x=np.full(200_000, 0.1))
    assert total[-1] == pytest.approx(200_000 * float(np.float32(0.1)), rel=1e-6)


def test_large_steps_do_not_blur_how_much_is_kept() -> None:
    kept = values("fold(0.9 * before + x)", x=[1e12, 0.0, 1e12, 1.0])
    np.testing.assert_allclose(kept, [1e12, 0.9e12, 1.81e12, 1.629e12], rtol=1e-6)


def test_a_fold_that_leaves_the_range_of_numbers_is_missing_there_and_may_come_back() -> None:
    squared = values("fold(if(x > 0, before * before + 1e30, 0))", x=[1, 1, 1, 1, 0, 1])
    np.testing.assert_array_equal(squared, np.float32([1e30, np.nan, np.nan, np.nan, 0, 1e30]))


def test_a_condition_in_a_fold_is_smooth_where_the_program_is() -> None:
    # Degrees 0.75 and 0.25 of x > 0 with softness 1.
    x = np.log([3.0, 1 / 3])
    for form in ("if(x > 0 ± 1, before + 1, 0)", "if(x > 0 ± 1 and before > -9, before + 1, 0)"):
        np.testing.assert_allclose(values(f"fold({form})", temperature=1.0, x=x), [0.75, 0.4375], atol=1e-6)
        np.testing.assert_array_equal(values(f"fold({form})", x=x), [1, 0])


def test_the_last_heading_seen_is_held_and_goes_the_short_way_round() -> None:
    tracks = {"heading": [3.0, 1.0, -3.0], "x": [1.0, -1.0, 0.0]}
    np.testing.assert_allclose(values("fold(if(x > 0, heading, before))", **tracks), [3, 3, 3])
    half = values("fold(if(x > 0 ± 0.001, heading, before))", temperature=1.0, **tracks)
    np.testing.assert_allclose(half, [3, 3, np.pi], atol=1e-6)


def test_no_frames_are_no_values() -> None:
    for form in ("before + x", "abs(before + x)"):
        assert values(f"fold({form})", x=[]).shape == (0,)
        assert values(f"fold({form})", x=np.zeros((0, 3))).shape == (0, 3)
        assert values(f"fold({form})", x=np.zeros((3, 0))).shape == (3, 0)
