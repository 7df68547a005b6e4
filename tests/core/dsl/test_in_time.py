"""Laws of conditions in time, on smooth degrees: what holds of them holds of the bouts cut out of them at any level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from nsp_core.dsl.ast import (
    Compare,
    Condition,
    Duration,
    Feature,
    FollowedBy,
    Hysteresis,
    MinBout,
    Not,
    Side,
    Sustained,
    Within,
)
from nsp_core.dsl.semantics import exact_states, soft_bounds
from nsp_core.dsl.text import parse_program

Degrees = NDArray[np.float32]

P, Q = (Compare(Feature(name), ">", 0.0, 1.0) for name in "pq")

logits = hnp.arrays(np.float32, st.tuples(st.just(2), st.integers(0, 25)), elements=st.floats(-4, 4, width=32))
frames = st.integers(1, 30)
sides = st.sampled_from(["centered", "past", "next"])


def in_frames(n_frames: int) -> Duration:
    return Duration(float(n_frames), "frame")


def degrees(program: Condition, logits: NDArray[np.float32]) -> Degrees:
    """Degree of a condition on ``p`` and ``q``, whose logits are the rows of ``logits``."""
    low, high = soft_bounds(program, dict(zip("pq", logits, strict=True)).__getitem__, None)
    np.testing.assert_array_equal(low, high)
    return low


def states(text: str, **present: Sequence[int]) -> list[int]:
    tracks = {name: np.float32(values) for name, values in present.items()}
    return exact_states(parse_program(text), tracks.__getitem__, 10.0).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sustained(x > 0, 0.1 s)", [1, 1, 0, 1, 1, 1]),
        ("sustained(x > 0, 0.2 s)", [0, 1, 0, 0, 1, 1]),
        ("sustained(x > 0, 0.3 s)", [0, 0, 0, 0, 0, 1]),
        ("sustained(x > 0, 9 s)", [0, 0, 0, 0, 0, 0]),
        ("sustained(x > 0, 0.01 s)", [1, 1, 0, 1, 1, 1]),
        ("within(x < 1, past 0.2 s)", [0, 0, 1, 1, 0, 0]),
        ("within(x < 1, next 0.2 s)", [0, 1, 1, 0, 0, 0]),
        ("within(x < 1, 0.2 s)", [0, 1, 1, 1, 0, 0]),
        ("within(x < 1, past 9 s)", [0, 0, 1, 1, 1, 1]),
        ("within(x < 1, past 1e300 s)", [0, 0, 1, 1, 1, 1]),
        ("followed_by(x > 0, x < 1, 0.1 s)", [0, 1, 0, 0, 0, 0]),
        ("followed_by(x > 0, x < 1, 0.2 s)", [1, 1, 0, 0, 0, 0]),
        ("followed_by(x > 0, x > 0, 9 s)", [1, 1, 0, 1, 1, 0]),
        ("followed_by(x > 0, x < 1, 0.01 s)", [0, 0, 0, 0, 0, 0]),
        ("hysteresis(x > 3, x > 0)", [0, 0, 0, 1, 1, 1]),
        ("hysteresis(x > 0, x > 3)", [1, 1, 0, 1, 1, 1]),
        ("hysteresis(x < 1, x < 3)", [0, 0, 1, 0, 0, 0]),
        ("hysteresis(x < 1, x > -1)", [0, 0, 1, 1, 1, 1]),
    ],
)
def test_conditions_in_time_by_example(text: str, expected: list[int]) -> None:
    assert states(text, x=[2, 1, 0, 4, 2, 1]) == expected


@settings(max_examples=60, deadline=None)
@given(logits=logits, n_frames=frames, more=frames)
def test_what_is_sustained_holds_now_and_for_longer_is_rarer(
    logits: NDArray[np.float32], n_frames: int, more: int
) -> None:
    now, short, long = (
        degrees(program, logits)
        for program in (P, Sustained(P, in_frames(n_frames)), Sustained(P, in_frames(n_frames + more)))
    )
    assert (short <= now).all()
    assert (long <= short).all()
    assert (long[: n_frames + more - 1] == 0).all()  # nobody knows what was before the recording


@settings(max_examples=60, deadline=None)
@given(logits=logits, n_frames=frames, more=frames)
def test_sustained_for_a_while_of_sustained_for_a_while_is_sustained_for_both(
    logits: NDArray[np.float32], n_frames: int, more: int
) -> None:
    twice = Sustained(Sustained(P, in_frames(n_frames)), in_frames(more))
    once = Sustained(P, in_frames(n_frames + more - 1))
    np.testing.assert_array_equal(degrees(twice, logits), degrees(once, logits))


@settings(max_examples=60, deadline=None)
@given(logits=logits, n_frames=frames, more=frames, side=sides)
def test_a_longer_window_contains_the_shorter_and_what_holds_now(
    logits: NDArray[np.float32], n_frames: int, more: int, side: Side
) -> None:
    now, short, long = (
        degrees(program, logits)
        for program in (P, Within(P, in_frames(n_frames), side), Within(P, in_frames(n_frames + more), side))
    )
    assert (now <= short).all()
    assert (short <= long).all()


@settings(max_examples=60, deadline=None)
@given(logits=logits, n_frames=frames)
def test_not_within_is_not_sustained_all_along_once_the_window_is_full(
    logits: NDArray[np.float32], n_frames: int
) -> None:
    never = degrees(Not(Within(P, in_frames(n_frames), "past")), logits)
    always_not = degrees(Sustained(Not(P), in_frames(n_frames)), logits)
    np.testing.assert_array_equal(never[n_frames - 1 :], always_not[n_frames - 1 :])


@settings(max_examples=60, deadline=None)
@given(logits=logits, n_frames=frames)
def test_a_bout_long_enough_is_what_will_have_been_sustained(logits: NDArray[np.float32], n_frames: int) -> None:
    duration = in_frames(n_frames)
    np.testing.assert_array_equal(
        degrees(MinBout(P, duration), logits), degrees(Within(Sustained(P, duration), duration, "next"), logits)
    )


@settings(max_examples=60, deadline=None)
@given(logits=logits, n_frames=frames, more=frames)
def test_being_followed_takes_both_and_the_later_one_after_this_frame(
    logits: NDArray[np.float32], n_frames: int, more: int
) -> None:
    first, soon, later = (
        degrees(program, logits)
        for program in (P, FollowedBy(P, Q, in_frames(n_frames)), FollowedBy(P, Q, in_frames(n_frames + more)))
    )
    within = degrees(Within(Q, in_frames(n_frames), "next"), logits)
    np.testing.assert_array_equal(soon[:-1], first[:-1] * within[1:])
    assert (soon[-1:] == 0).all()
    assert (soon <= later).all()
    assert (later <= first).all()


@settings(max_examples=60, deadline=None)
@given(logits=logits)
def test_hysteresis_lies_between_its_parts_and_twice_is_once(logits: NDArray[np.float32]) -> None:
    enter, stay, latched = (degrees(program, logits) for program in (P, Q, Hysteresis(P, Q)))
    assert (enter <= latched).all()
    assert (latched <= np.maximum(enter, stay)).all()
    np.testing.assert_array_equal(degrees(Hysteresis(Hysteresis(P, Q), Q), logits), latched)
    np.testing.assert_array_equal(degrees(Hysteresis(P, P), logits), enter)


@settings(max_examples=60, deadline=None)
@given(logits=logits, n_frames=frames, side=sides, cut=st.floats(0.1, 0.9))
def test_smooth_degrees_cut_at_a_level_are_the_exact_meaning_of_parts_cut_there(
    logits: NDArray[np.float32], n_frames: int, side: Side, cut: float
) -> None:
    above = dict(zip("pq", (degrees(part, logits) > cut for part in (P, Q)), strict=True))
    for of in (
        lambda p, q: Sustained(p, in_frames(n_frames)),
        lambda p, q: Within(p, in_frames(n_frames), side),
        lambda p, q: Hysteresis(p, q),
    ):
        exact = exact_states(
            of(*(Compare(Feature(name), ">", 0.5) for name in "pq")), lambda name: above[name].astype(np.float32), None
        )
        np.testing.assert_array_equal(degrees(of(P, Q), logits) > cut, exact == 1)


def test_a_long_recording_is_latched_as_by_a_loop() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 5000)).astype(np.float32)
    enter, stay = degrees(P, logits), degrees(Q, logits)
    expected, now = [], np.float32(0)
    for begins, stays in zip(enter, stay, strict=True):
        now = max(begins, min(stays, now))
        expected.append(now)
    np.testing.assert_array_equal(degrees(Hysteresis(P, Q), logits), expected)
