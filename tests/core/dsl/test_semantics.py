"""The evaluator against the oracle, and the laws that every program keeps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from nsp_core.dsl.ast import And, Compare, Condition, Constant, Duration, Either, MapPrefix, Node, Not, feature_names
from nsp_core.dsl.semantics import Memo, exact_states, predict, series_of, soft_bounds
from nsp_core.dsl.text import parse_program
from nsp_core.errors import ProgramError
from nsp_core.features.views import swap_reference
from tests.core.dsl.oracle import answers

Programs = Callable[..., st.SearchStrategy[Condition]]
Tracks = dict[str, NDArray[np.float32]]

STATE = {True: 1, False: 0, None: -1}

# At 10 frames per second, and with time counted in frames; widths that are not halfway between two frame counts.
SECONDS = st.sampled_from([0.04, 0.2, 0.24, 0.4, 0.6, 0.8, 3.0]).map(Duration)
FRAMES = st.integers(1, 9).map(lambda frames: Duration(float(frames), "frame"))
CLOCKS = st.sampled_from(
    [
        (10.0, {"durations": SECONDS, "frequencies": st.sampled_from([1.0, 2.5, 5.0])}),
        (None, {"durations": FRAMES, "frequencies": st.just(0.25)}),
    ]
)

VALUES = st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan, np.nan])
# No two of them are opposite, and no sum of a few of them is a half turn.
ANGLES = st.sampled_from([-3.0, -1.0, 0.0, 2.0, 3.0, np.nan])
# Whole numbers and halves: most numbers are either exactly at a threshold or clearly beside it.
ROUND = {
    "values": st.sampled_from([-1.0, 0.5, 1.0, 2.0]),
    "shares": st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    "weights": st.sampled_from([-1.0, 0.1, 0.2, 0.3, 1.0, 2.5]),
}
AT_VALUES = {**ROUND, "thresholds": st.sampled_from([-1.0, 0.0, 0.3, 0.5, 1.0, 1.5, 2.0])}
BETWEEN_VALUES = {
    **ROUND,
    "thresholds": st.sampled_from([-0.6181, 0.3819, 1.3819]),
    "softness": st.sampled_from([0.0, 0.2, 5.0]),
}
ANYWHERE = {
    "values": st.floats(-9, 9),
    "thresholds": st.floats(-9, 9),
    "softness": st.sampled_from([0.0, 0.2, 5.0]),
    "weights": st.floats(-9, 9).filter(bool),
}


# Every operator and form of one, so that none is left to chance.
EVERY_WORD = (
    "x + y - 1 > 1",
    "x * y > 1.5",
    "x / y > 0.5",
    "x / (y - 2) < 0.5",
    "-x + abs(y - 2) > 0",
    "-heading > 1",
    "wrap(heading - bearing) > 0.5",
    "atan2(x - 1, y - 1) > 0.5",
    "if(x > 1, y, -y) > 0.5",
    "map(x) > 1",
    "min(x, next {t}) > 0.5",
    "quantile(x - y, 0.25, past {t}) > 0.5",
    "std(x, {t}) > 0.5",
    "slope(x, past {t}) > 0.5",
    "range(x, {t}) > 1.5",
    "delta(x, next {t}) > 0.5",
    "mean(heading, {t}) > 1",
    "std(heading, past {t}) > 0.5",
    "range(heading, {t}) > 1.5",
    "delta(heading, past {t}) > 0.5",
    "slope(heading, {t}) > 0.5",
    "gaussian(x, {t}) > 1.5",
    "morlet(x, {t}, {f}) > 0.2",
    "fraction(x > 1, {t}) > 0.5",
    "fraction(x > 1, next {t}) > 0.5",
    "fold(before + x) > 4",
    "fold(0.5 * before - y) > -1",
    "fold(if(before > 3, x, before + 1)) > 1.5",
    "fold((before + x) * (1 - before)) > 0.5",
    "fold(x / (before + y)) > 0.5",
    "fold(wrap(before + x)) > 1",
    "mapprefix(mean(x, {t})) > 1",
    "mapprefix(delta(x, next {t})) > 0",
    "mean(x, {t}) - mapprefix(mean(x, {t})) > 0",
    "mapprefix(std(heading, {t})) > 0.5",
    "mapprefix(gaussian(x, {t})) > 1.5",
    "mapprefix(morlet(x, {t}, {f})) > 0.2",
    "mapprefix(fraction(x > 1, {t})) > 0.5",
    "mapprefix(if(within(x > 1, next {t}), x, y)) > 0.5",
    "mapprefix(if(followed_by(x > 1, y > 1, {t}), x, y)) > 0.5",
    "mapprefix(if(fill_gaps(x > 1, {t}), x, y)) > 0.5",
    "mapprefix(if(min_bout(x > 1, {t}), x, y)) > 0.5",
    "mapprefix(if(hysteresis(x > 2, sustained(y > 0, {t})), x, y)) > 0.5",
    "points(0.1: x > 0, 0.2: y > 0, -1: x > 2) > 0.3",
    "either(fold(before + y[agent]) > 4 and y[target] > 1)",
    "either(fraction(y[agent] > 1, {t}) > 0.5 and y[target] > 1)",
    "not (x > 1 or y > 1)",
    "sustained(x > 0, {t})",
    "within(x > 2, past {t})",
    "within(x > 2, next {t})",
    "within(x > 2, {t})",
    "followed_by(x > 1, y > 1, {t})",
    "hysteresis(x > 2, y > 0)",
    "fill_gaps(x > 0, {t})",
    "min_bout(x > 0, {t})",
)


def tracks_of(program: Node, n_frames: int | None = None) -> st.SearchStrategy[Tracks]:
    """Features with missing frames: those a program and its exchanged twin name."""
    named = feature_names(program)
    names = sorted({*named, *map(swap_reference, named)})
    frame = st.tuples(*[ANGLES if name.startswith(("heading", "bearing")) else VALUES for name in names])
    frames = st.lists(frame, max_size=12) if n_frames is None else st.lists(frame, min_size=n_frames, max_size=n_frames)
    return frames.map(lambda rows: dict(zip(names, np.float32(rows).reshape(-1, len(names)).T, strict=True)))


@settings(max_examples=200, deadline=None)
@given(drawn=st.data(), clock=CLOCKS)
def test_the_exact_semantics_is_that_of_the_oracle(
    drawn: st.DataObject, clock: tuple, language_programs: Programs
) -> None:
    fps, times = clock
    program = drawn.draw(language_programs(**times, **AT_VALUES))
    tracks = drawn.draw(tracks_of(program))
    expected = [STATE[truth] for truth in answers(program, tracks, fps)]
    states = exact_states(program, tracks.__getitem__, fps)
    assert states.dtype == np.int8
    assert states.tolist() == expected


@pytest.mark.parametrize("text", EVERY_WORD)
@settings(max_examples=12, deadline=None)
@given(drawn=st.data(), clock=st.sampled_from([(10.0, "s", 0.1, "2.5 1/s"), (None, "frame", 1, "0.25 1/frame")]))
def test_every_word_means_what_the_oracle_says(text: str, drawn: st.DataObject, clock: tuple) -> None:
    fps, time, frame, frequency = clock
    duration = f"{drawn.draw(st.integers(1, 5)) * frame:.1f} {time}"
    program = parse_program(text.format(t=duration, f=frequency))
    tracks = drawn.draw(tracks_of(program, 12))
    expected = [STATE[truth] for truth in answers(program, tracks, fps)]
    assert exact_states(program, tracks.__getitem__, fps).tolist() == expected


@settings(max_examples=80, deadline=None)
@given(drawn=st.data(), clock=CLOCKS)
def test_the_smooth_semantics_becomes_the_exact_one_as_temperature_falls(
    drawn: st.DataObject, clock: tuple, language_programs: Programs
) -> None:
    fps, times = clock
    program = drawn.draw(language_programs(**times, **BETWEEN_VALUES))
    tracks = drawn.draw(tracks_of(program))
    truths = answers(program, tracks, fps, nudged_by=1e-3)
    low, high = soft_bounds(program, tracks.__getitem__, fps, temperature=1e-6)
    np.testing.assert_allclose(low, [truth is True for truth in truths], atol=1e-6)
    np.testing.assert_allclose(high, [truth is not False for truth in truths], atol=1e-6)


@settings(max_examples=70, deadline=None)
@given(drawn=st.data(), clock=CLOCKS, temperature=st.floats(0, 100))
def test_what_is_certain_is_possible_and_both_are_probabilities(
    drawn: st.DataObject, clock: tuple, temperature: float, language_programs: Programs
) -> None:
    fps, times = clock
    program = drawn.draw(language_programs(**times, **ANYWHERE))
    tracks = drawn.draw(tracks_of(program))
    low, high = soft_bounds(program, tracks.__getitem__, fps, temperature)
    assert low.dtype == high.dtype == np.float32
    assert ((low >= 0) & (low <= high) & (high <= 1)).all()


@settings(max_examples=40, deadline=None)
@given(drawn=st.data(), clock=CLOCKS)
def test_a_prediction_abstains_exactly_where_the_rule_does(
    drawn: st.DataObject, clock: tuple, language_programs: Programs
) -> None:
    fps, times = clock
    program = drawn.draw(language_programs(**times, **ANYWHERE))
    tracks = drawn.draw(tracks_of(program))
    prediction = predict(program, tracks.__getitem__, fps)
    assert prediction.probability.dtype == np.float32
    np.testing.assert_array_equal(prediction.states, exact_states(program, tracks.__getitem__, fps))
    np.testing.assert_array_equal(np.isnan(prediction.probability), prediction.states == -1)


@settings(max_examples=50, deadline=None)
@given(drawn=st.data(), clock=CLOCKS, n_frames=st.integers(0, 12), n_sequences=st.integers(1, 3))
def test_sequences_side_by_side_are_read_as_one_by_one(
    drawn: st.DataObject, clock: tuple, n_frames: int, n_sequences: int, language_programs: Programs
) -> None:
    fps, times = clock
    program = drawn.draw(language_programs(**times, **ANYWHERE))
    sequences = [drawn.draw(tracks_of(program, n_frames)) for _ in range(n_sequences)]
    stacked = {name: np.stack([tracks[name] for tracks in sequences], axis=1) for name in sequences[0]}
    together = predict(program, stacked.__getitem__, fps)
    assert together.states.shape == (n_frames, n_sequences)
    for index, tracks in enumerate(sequences):
        alone = predict(program, tracks.__getitem__, fps)
        np.testing.assert_array_equal(together.states[:, index], alone.states)
        np.testing.assert_array_equal(together.probability[:, index], alone.probability)


@settings(max_examples=40, deadline=None)
@given(drawn=st.data(), clock=CLOCKS)
def test_programs_that_share_a_memo_give_what_each_gives_alone(
    drawn: st.DataObject, clock: tuple, language_programs: Programs
) -> None:
    fps, times = clock
    related = drawn.draw(st.lists(language_programs(**times, **BETWEEN_VALUES), min_size=2, max_size=2))
    related += [Either(related[0]), And((related[0], Not(related[1])))]
    tracks = drawn.draw(tracks_of(And(tuple(related))))
    memo = Memo()
    for program in related:
        shared, alone = (predict(program, tracks.__getitem__, fps, memo=use) for use in (memo, None))
        np.testing.assert_array_equal(shared.states, alone.states)
        np.testing.assert_array_equal(shared.probability, alone.probability)


@settings(max_examples=60, deadline=None)
@given(drawn=st.data())
def test_an_answer_given_despite_missing_frames_holds_whatever_they_were(
    drawn: st.DataObject, language_programs: Programs
) -> None:
    # Not for windows and folds: they leave missing frames out.
    program = drawn.draw(language_programs(over_time=False, durations=FRAMES, **AT_VALUES))
    tracks = drawn.draw(tracks_of(program))
    guess = drawn.draw(hnp.arrays(np.float32, len(next(iter(tracks.values()))), elements=st.floats(-3, 3, width=32)))
    seen = {name: np.where(np.isnan(values), guess, values) for name, values in tracks.items()}
    with_gaps, complete = (exact_states(program, source.__getitem__, None) for source in (tracks, seen))
    answered = with_gaps != -1
    np.testing.assert_array_equal(with_gaps[answered], complete[answered])


@settings(max_examples=70, deadline=None)
@given(drawn=st.data(), clock=CLOCKS, now=st.integers(0, 11))
def test_what_looks_at_the_past_alone_does_not_change_with_the_future(
    drawn: st.DataObject, clock: tuple, now: int, language_programs: Programs
) -> None:
    # Past windows, sustained, hysteresis, fold, and whatever stands below mapprefix.
    fps, times = clock
    program = drawn.draw(language_programs(causal=True, **times, **ANYWHERE))
    tracks, others = (drawn.draw(tracks_of(program, 12)) for _ in range(2))
    another_future = {name: np.concatenate([tracks[name][:now], others[name][now:]]) for name in tracks}
    no_future = {name: tracks[name][:now] for name in tracks}
    said, with_another, with_none = (
        predict(program, features.__getitem__, fps) for features in (tracks, another_future, no_future)
    )
    for other in (with_another, with_none):
        np.testing.assert_array_equal(other.states[:now], said.states[:now])
        np.testing.assert_array_equal(other.probability[:now], said.probability[:now])


@settings(max_examples=80, deadline=None)
@given(drawn=st.data(), clock=CLOCKS)
def test_a_prefix_at_each_frame_is_what_the_number_is_if_the_recording_ends_there(
    drawn: st.DataObject, clock: tuple, prefixes: Callable[..., st.SearchStrategy[MapPrefix]]
) -> None:
    fps, times = clock
    prefix = drawn.draw(prefixes(**times, **BETWEEN_VALUES))
    tracks = drawn.draw(tracks_of(prefix, 12))
    ended = [
        series_of(prefix.child, lambda name, stop=stop: tracks[name][:stop], fps, temperature=1.0)[-1]
        for stop in range(1, 13)
    ]
    at_once = series_of(prefix, tracks.__getitem__, fps, temperature=1.0)
    np.testing.assert_allclose(at_once, ended, rtol=1e-4, atol=1e-4)


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
        ("points(2: x < 2, 1: y < 2) > 0.5", [1, 1, 1]),
        ("points(2: x < 2, 1: y < 2) > 1.5", [1, -1, 0]),
        ("points(1: y < 2, -1: x > 2) > 0.5", [1, -1, 0]),
        ("sustained(x < 2, 2 frame)", [0, -1, 0]),
        ("within(x < 2, past 3 frame)", [1, 1, 1]),
        ("within(x > 2, past 3 frame)", [0, -1, 1]),
        ("followed_by(y < 2, x > 2, 2 frame)", [1, 1, 0]),
        ("followed_by(x < 2, x > 2, 1 frame)", [-1, -1, 0]),
        ("hysteresis(x < 2, y < 2)", [1, 1, 1]),
        ("hysteresis(x > 2, y < 2)", [0, -1, 1]),
        ("fraction(x < 2, 3 frame) > 0.4", [1, 1, 0]),
        ("if(x < 2, x, y) > 0.5", [1, -1, 0]),
        ("x + y < 2", [1, -1, 0]),
        ("fold(before + x) > 3.5", [0, -1, 1]),
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


def test_only_the_features_a_program_names_are_fetched_and_each_once() -> None:
    asked: list[str] = []

    def fetch(name: str) -> NDArray[np.float32]:
        asked.append(name)
        return np.zeros(3, dtype=np.float32)

    program = "either(mean(speed[agent] + 2, 3 frame) < 1 and fold(before + 1) < 1 and nose_to_nose < 1)"
    predict(parse_program(program), fetch, None)
    assert sorted(asked) == ["nose_to_nose", "nose_to_nose", "speed[agent]", "speed[target]"]


def test_the_probability_is_the_smooth_degree_and_the_state_the_printed_rule() -> None:
    speed = np.float32([26, 30, 34, np.nan])
    prediction = predict(parse_program("speed < 30 ± 4 mm/s"), lambda name: speed, 30.0)
    assert prediction.states.tolist() == [1, 0, 0, -1]
    np.testing.assert_allclose(prediction.probability, [0.7311, 0.5, 0.2689, np.nan], atol=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        "fraction(speed < 30 ± 4 mm/s, past 1 frame)",
        "if(speed < 30 ± 4 mm/s, 1, 0)",
        "map(if(speed < 30 ± 4 mm/s, 1, 0))",
    ],
)
def test_a_number_is_as_smooth_as_the_condition_in_it_and_its_features_are_fetched_once(text: str) -> None:
    asked: list[str] = []

    def speed(name: str) -> NDArray[np.float32]:
        asked.append(name)
        return np.float32([29, 31])

    share = parse_program(f"{text} > 0.5").child
    memo = Memo()
    exact, smooth = (series_of(share, speed, 30.0, temperature, memo) for temperature in (0.0, 1.0))
    assert exact.tolist() == [1.0, 0.0]
    np.testing.assert_allclose(smooth, [0.5622, 0.4378], atol=1e-4)
    assert asked == ["speed"]


@pytest.mark.parametrize("evaluate", [exact_states, predict, soft_bounds])
def test_a_program_without_features_is_refused(evaluate: Callable[..., object]) -> None:
    program = Compare(Constant(3.0), ">", 2.0)
    with pytest.raises(ProgramError, match="a program without features, expected at least one feature"):
        evaluate(program, lambda name: np.zeros(3, dtype=np.float32), 30.0)
