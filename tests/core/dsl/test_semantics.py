"""The evaluator against a slow oracle: one frame, one truth value at a time, in Kleene's three values.

The oracle shares no code with the evaluator. True, False and None stand for present, absent and unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from nsp_core.dsl.ast import (
    And,
    Compare,
    Condition,
    Duration,
    Either,
    Feature,
    FillGaps,
    MinBout,
    Not,
    Number,
    Or,
    feature_names,
)
from nsp_core.dsl.semantics import Memo, exact_states, predict, soft_bounds
from nsp_core.dsl.text import parse_program

Programs = Callable[..., st.SearchStrategy[Condition]]
Tracks = dict[str, NDArray[np.float32]]
Kleene = bool | None

STATE = {True: 1, False: 0, None: -1}
EXCHANGED = {
    "speed[agent]": "speed[target]",
    "speed[target]": "speed[agent]",
    "facing_angle[agent]": "facing_angle[target]",
    "facing_angle[target]": "facing_angle[agent]",
}

# At 10 frames per second, and with time counted in frames; widths that are not halfway between two frame counts.
SECONDS = st.sampled_from([0.04, 0.2, 0.24, 0.4, 0.6, 0.8, 3.0]).map(Duration)
FRAMES = st.integers(1, 9).map(lambda frames: Duration(float(frames), "frame"))
CLOCKS = st.sampled_from([(10.0, SECONDS), (None, FRAMES)])

# Of whole numbers these are exact or, the mean, far from rounding; the others are held against loops of their own.
EXACT = ("mean", "min", "max", "range", "delta")
# Whole numbers and halves: every mean is either exactly at a threshold or clearly beside it.
THRESHOLDS = st.sampled_from([0.5, 1.0, 1.5, 2.0])
# No mean of up to 60 whole numbers comes closer than 1e-3 to these.
BETWEEN = st.sampled_from([0.3819, 1.3819, 1.6181])
ANYWHERE = st.floats(-9, 9)
SOFTNESS = st.sampled_from([0.0, 0.2, 5.0])
VALUES = st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan, np.nan])


def tracks_of(program: Condition, n_frames: int | None = None) -> st.SearchStrategy[Tracks]:
    """Features with missing frames: those a program and its exchanged twin name."""
    named = feature_names(program)
    names = sorted({*named, *(EXCHANGED.get(name, name) for name in named)})
    frame = st.tuples(*[VALUES] * len(names))
    frames = st.lists(frame, max_size=14) if n_frames is None else st.lists(frame, min_size=n_frames, max_size=n_frames)
    return frames.map(lambda rows: dict(zip(names, np.float32(rows).reshape(-1, len(names)).T, strict=True)))


def oracle(node: Condition, tracks: Tracks, fps: float | None) -> list[Kleene]:
    """The truth of a program, frame by frame."""
    n_frames = len(next(iter(tracks.values())))
    match node:
        case Compare(child, relation, threshold):
            values = [value_at(child, tracks, fps, frame) for frame in range(n_frames)]
            return [None if x is None else (x < threshold if relation == "<" else x > threshold) for x in values]
        case Not(child):
            return [None if truth is None else not truth for truth in oracle(child, tracks, fps)]
        case And(parts):
            return [conjunction(now) for now in zip(*(oracle(part, tracks, fps) for part in parts), strict=True)]
        case Or(parts):
            return [disjunction(now) for now in zip(*(oracle(part, tracks, fps) for part in parts), strict=True)]
        case Either(child):
            other = {name: tracks[EXCHANGED.get(name, name)] for name in tracks}
            orders = oracle(child, tracks, fps), oracle(child, other, fps)
            return [disjunction(now) for now in zip(*orders, strict=True)]
        case FillGaps(child, longest):
            return on_both_bounds(gaps_filled, oracle(child, tracks, fps), in_frames(longest, fps))
        case MinBout(child, shortest):
            return on_both_bounds(short_bouts_dropped, oracle(child, tracks, fps), in_frames(shortest, fps))


def value_at(number: Number, tracks: Tracks, fps: float | None, frame: int) -> float | None:
    if isinstance(number, Feature):
        value = float(tracks[number.name][frame])
        return None if np.isnan(value) else value
    half = int(number.width.value) // 2 if fps is None else round(number.width.value * fps / 2)
    others = max(in_frames(number.width, fps), 1) - 1
    before, after = {"centered": (half, half), "past": (others, 0), "next": (0, others)}[number.side]
    track = [None if np.isnan(value) else float(value) for value in tracks[number.child.name]]
    window = [track[other] if 0 <= other < len(track) else None for other in range(frame - before, frame + after + 1)]
    if number.statistic == "delta":
        return None if window[0] is None or window[-1] is None else window[-1] - window[0]
    seen = [value for value in window if value is not None]
    if not seen:
        return None
    return {
        "mean": sum(seen) / len(seen),
        "min": min(seen),
        "max": max(seen),
        "range": max(seen) - min(seen),
    }[number.statistic]


def in_frames(duration: Duration, fps: float | None) -> int:
    return int(duration.value) if fps is None else round(duration.value * fps)


def conjunction(truths: Sequence[Kleene]) -> Kleene:
    if False in truths:
        return False
    return None if None in truths else True


def disjunction(truths: Sequence[Kleene]) -> Kleene:
    if True in truths:
        return True
    return None if None in truths else False


def on_both_bounds(shape: Callable[[list[bool], int], list[bool]], truths: list[Kleene], frames: int) -> list[Kleene]:
    certain = shape([truth is True for truth in truths], frames)
    possible = shape([truth is not False for truth in truths], frames)
    return [True if sure else None if maybe else False for sure, maybe in zip(certain, possible, strict=True)]


def gaps_filled(present: list[bool], longest: int) -> list[bool]:
    runs = [(value, len(list(run))) for value, run in groupby(present)]
    filled: list[bool] = []
    for index, (value, length) in enumerate(runs):
        between_bouts = 0 < index < len(runs) - 1
        filled += [value or (between_bouts and length <= longest)] * length
    return filled


def short_bouts_dropped(present: list[bool], shortest: int) -> list[bool]:
    kept: list[bool] = []
    for value, run in groupby(present):
        length = len(list(run))
        kept += [value and length >= shortest] * length
    return kept


@settings(max_examples=200, deadline=None)
@given(drawn=st.data(), clock=CLOCKS)
def test_the_exact_semantics_is_that_of_the_oracle(drawn: st.DataObject, clock: tuple, programs: Programs) -> None:
    fps, durations = clock
    program = drawn.draw(programs(thresholds=THRESHOLDS, durations=durations, statistics=EXACT))
    tracks = drawn.draw(tracks_of(program))
    expected = [STATE[truth] for truth in oracle(program, tracks, fps)]
    states = exact_states(program, tracks.__getitem__, fps)
    assert states.dtype == np.int8
    assert states.tolist() == expected


@settings(max_examples=100, deadline=None)
@given(drawn=st.data(), clock=CLOCKS)
def test_the_smooth_semantics_becomes_the_exact_one_as_temperature_falls(
    drawn: st.DataObject, clock: tuple, programs: Programs
) -> None:
    fps, durations = clock
    program = drawn.draw(programs(thresholds=BETWEEN, softness=SOFTNESS, durations=durations, statistics=EXACT))
    tracks = drawn.draw(tracks_of(program))
    states = exact_states(program, tracks.__getitem__, fps)
    low, high = soft_bounds(program, tracks.__getitem__, fps, temperature=1e-6)
    np.testing.assert_allclose(low, states == 1, atol=1e-6)
    np.testing.assert_allclose(high, states != 0, atol=1e-6)


@settings(max_examples=100, deadline=None)
@given(drawn=st.data(), clock=CLOCKS, temperature=st.floats(0, 100))
def test_what_is_certain_is_possible_and_both_are_probabilities(
    drawn: st.DataObject, clock: tuple, temperature: float, programs: Programs
) -> None:
    fps, durations = clock
    program = drawn.draw(programs(thresholds=ANYWHERE, softness=SOFTNESS, durations=durations))
    tracks = drawn.draw(tracks_of(program))
    low, high = soft_bounds(program, tracks.__getitem__, fps, temperature)
    assert low.dtype == high.dtype == np.float32
    assert ((low >= 0) & (low <= high) & (high <= 1)).all()


@settings(max_examples=100, deadline=None)
@given(drawn=st.data(), clock=CLOCKS)
def test_a_prediction_abstains_exactly_where_the_rule_does(
    drawn: st.DataObject, clock: tuple, programs: Programs
) -> None:
    fps, durations = clock
    program = drawn.draw(programs(thresholds=THRESHOLDS, durations=durations, statistics=EXACT))
    tracks = drawn.draw(tracks_of(program))
    prediction = predict(program, tracks.__getitem__, fps)
    assert prediction.probability.dtype == np.float32
    np.testing.assert_array_equal(prediction.states, exact_states(program, tracks.__getitem__, fps))
    np.testing.assert_array_equal(np.isnan(prediction.probability), prediction.states == -1)


@settings(max_examples=100, deadline=None)
@given(drawn=st.data(), clock=CLOCKS, n_frames=st.integers(0, 12), n_sequences=st.integers(1, 4))
def test_sequences_side_by_side_are_read_as_one_by_one(
    drawn: st.DataObject, clock: tuple, n_frames: int, n_sequences: int, programs: Programs
) -> None:
    fps, durations = clock
    program = drawn.draw(programs(thresholds=THRESHOLDS, durations=durations, statistics=EXACT))
    sequences = [drawn.draw(tracks_of(program, n_frames)) for _ in range(n_sequences)]
    stacked = {name: np.stack([tracks[name] for tracks in sequences], axis=1) for name in sequences[0]}
    together = predict(program, stacked.__getitem__, fps)
    assert together.states.shape == (n_frames, n_sequences)
    for index, tracks in enumerate(sequences):
        alone = predict(program, tracks.__getitem__, fps)
        np.testing.assert_array_equal(together.states[:, index], alone.states)
        np.testing.assert_array_equal(together.probability[:, index], alone.probability)


@settings(max_examples=100, deadline=None)
@given(drawn=st.data(), clock=CLOCKS)
def test_programs_that_share_a_memo_give_what_each_gives_alone(
    drawn: st.DataObject, clock: tuple, programs: Programs
) -> None:
    fps, durations = clock
    related = drawn.draw(st.lists(programs(thresholds=THRESHOLDS, durations=durations), min_size=2, max_size=4))
    related += [Either(related[0]), And((related[0], Not(related[1])))]
    tracks = drawn.draw(tracks_of(And(tuple(related))))
    memo = Memo()
    for program in related:
        shared, alone = (predict(program, tracks.__getitem__, fps, memo=use) for use in (memo, None))
        np.testing.assert_array_equal(shared.states, alone.states)
        np.testing.assert_array_equal(shared.probability, alone.probability)


@settings(max_examples=100, deadline=None)
@given(drawn=st.data())
def test_an_answer_given_despite_missing_frames_holds_whatever_they_were(
    drawn: st.DataObject, programs: Programs
) -> None:
    # Not for windows: they leave missing frames out.
    program = drawn.draw(programs(thresholds=THRESHOLDS, durations=FRAMES, statistics=()))
    tracks = drawn.draw(tracks_of(program))
    guess = drawn.draw(hnp.arrays(np.float32, len(next(iter(tracks.values()))), elements=st.floats(-4, 4, width=32)))
    seen = {name: np.where(np.isnan(values), guess, values) for name, values in tracks.items()}
    with_gaps, complete = (exact_states(program, source.__getitem__, None) for source in (tracks, seen))
    assert (complete != -1).all()
    answered = with_gaps != -1
    np.testing.assert_array_equal(with_gaps[answered], complete[answered])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x < 2", [1, -1, 0]),
        ("not x < 2", [0, -1, 1]),
        ("x < 2 and y < 2", [1, -1, 0]),
        ("x < 2 and y > 2", [0, 0, 0]),
        ("x < 2 or y < 2", [1, 1, 1]),
        ("x < 2 or y > 2", [1, -1, 0]),
        ("fill_gaps(x < 2, 2 frame)", [1, -1, 0]),
        ("fill_gaps(x < 2 or x > 2, 1 frame)", [1, 1, 1]),
        ("min_bout(x < 2, 2 frame)", [-1, -1, 0]),
        ("min_bout(x < 2, 3 frame)", [0, 0, 0]),
        ("mean(x, 3 frame) < 2", [1, 0, 0]),
    ],
)
def test_a_missing_frame_leaves_open_only_what_hangs_on_it(text: str, expected: list[int]) -> None:
    tracks = {"x": np.float32([1, np.nan, 3]), "y": np.float32([0, 0, 0])}
    assert exact_states(parse_program(text), tracks.__getitem__, None).tolist() == expected


def test_either_takes_the_better_of_both_orders_as_a_whole() -> None:
    # In the first frame each animal meets one half of the rule, in the second the target meets all of it.
    tracks = {
        "speed[agent]": np.float32([9, 0]),
        "speed[target]": np.float32([0, 9]),
        "facing_angle[agent]": np.float32([3, 3]),
        "facing_angle[target]": np.float32([0, 0]),
    }
    rule = "speed[agent] > 5 and facing_angle[agent] < 1"
    assert exact_states(parse_program(rule), tracks.__getitem__, None).tolist() == [0, 0]
    assert exact_states(parse_program(f"either({rule})"), tracks.__getitem__, None).tolist() == [0, 1]
    assert exact_states(parse_program(f"either(either({rule}))"), tracks.__getitem__, None).tolist() == [0, 1]


def test_only_the_features_a_program_names_are_fetched() -> None:
    asked: list[str] = []

    def fetch(name: str) -> NDArray[np.float32]:
        asked.append(name)
        return np.zeros(3, dtype=np.float32)

    predict(parse_program("either(mean(speed[agent], 3 frame) < 1 and nose_to_nose < 1)"), fetch, None)
    assert set(asked) == {"speed[agent]", "speed[target]", "nose_to_nose"}


def test_the_probability_is_the_smooth_degree_and_the_state_the_printed_rule() -> None:
    speed = np.float32([26, 30, 34, np.nan])
    prediction = predict(parse_program("speed < 30 ± 4 mm/s"), lambda name: speed, 30.0)
    assert prediction.states.tolist() == [1, 0, 0, -1]
    np.testing.assert_allclose(prediction.probability, [0.7311, 0.5, 0.2689, np.nan], atol=1e-4)
