from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import Feature, Windowed
from nsp_core.dsl.operators import half_window_frames
from nsp_core.search.columns import Column, columns_for
from nsp_core.search.rows import MAX_TRAINING_ROWS, choose_rows, gather_rows
from nsp_core.sequences import LabeledSequence
from nsp_core.units import DIMENSIONLESS
from tests.core.search.chain_examples import all_rows, rows_of

SequenceOf = Callable[..., LabeledSequence]

seeds = st.integers(0, 2**32 - 1)


@st.composite
def recordings(draw: st.DrawFn) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return values (time, 2) with gaps and states (time,) of a few sequences, one of which has a label."""
    made = []
    for _ in range(draw(st.integers(1, 3))):
        generator = np.random.default_rng(draw(st.integers(0, 1000)))
        n_frames = draw(st.integers(1, 60))
        values = generator.normal(size=(n_frames, 2))
        values[generator.random(values.shape) < 0.3] = np.nan
        made.append((values, np.repeat(generator.integers(-1, 2, n_frames), 3)[:n_frames]))
    made[0][1][0] = 1
    return made


def of(sequence_of: SequenceOf, made: list[tuple[np.ndarray, np.ndarray]], fps: float | None) -> list[LabeledSequence]:
    return [sequence_of({"x": v[:, 0], "y": v[:, 1]}, states, fps=fps) for v, states in made]


def value_at(sequence: LabeledSequence, column: Column, frame: int) -> float:
    series = sequence.column(column.feature)
    if not isinstance(column.number, Windowed):
        return float(series[frame])
    half = half_window_frames(column.number.width, sequence.fps)
    window = series[max(frame - half, 0) : frame + half + 1].astype(np.float64)
    seen = window[~np.isnan(window)]
    return float(seen.mean()) if seen.size else np.nan


@settings(max_examples=30, deadline=None)
@given(recordings(), st.sampled_from([None, 10.0]), st.integers(1, 80), seeds)
def test_rows_are_the_values_and_window_means_at_the_chosen_frames(
    sequence_of: SequenceOf, made: list[tuple[np.ndarray, np.ndarray]], fps: float | None, max_rows: int, seed: int
) -> None:
    sequences = of(sequence_of, made, fps)
    columns = columns_for(sequences)
    chosen = choose_rows(sequences, max_rows, np.random.default_rng(seed))
    rows = gather_rows(sequences, columns, chosen)
    places = [(index, int(frame)) for index, (at, _) in enumerate(chosen) for frame in at]
    expected = [[value_at(sequences[index], column, frame) for column in columns] for index, frame in places]
    np.testing.assert_allclose(rows.values, np.reshape(expected, (-1, len(columns))), rtol=1e-5, atol=1e-6)
    assert rows.states.tolist() == [sequences[index].states[frame] for index, frame in places]
    assert list(zip(rows.sequences, rows.at, strict=True)) == places
    np.testing.assert_array_equal(rows.frames, np.concatenate([frames for _, frames in chosen]))
    assert rows.values.dtype == np.float32


@settings(max_examples=50, deadline=None)
@given(recordings(), st.integers(1, 80), seeds)
def test_rows_are_labeled_frames_that_stand_for_all_of_their_class(
    sequence_of: SequenceOf, made: list[tuple[np.ndarray, np.ndarray]], max_rows: int, seed: int
) -> None:
    sequences = of(sequence_of, made, None)
    chosen = choose_rows(sequences, max_rows, np.random.default_rng(seed))
    for sequence, (at, frames) in zip(sequences, chosen, strict=True):
        assert (sequence.states[at] >= 0).all()
        assert (np.diff(at) > 0).all()
        for state in (0, 1):
            assert frames[sequence.states[at] == state].sum() == pytest.approx((sequence.states == state).sum())


@settings(max_examples=30, deadline=None)
@given(recordings(), seeds)
def test_few_labeled_frames_are_all_taken(
    sequence_of: SequenceOf, made: list[tuple[np.ndarray, np.ndarray]], seed: int
) -> None:
    sequences = of(sequence_of, made, None)
    n_labeled = sum(int((sequence.states >= 0).sum()) for sequence in sequences)
    chosen = choose_rows(sequences, n_labeled, np.random.default_rng(seed))
    for sequence, (at, frames) in zip(sequences, chosen, strict=True):
        np.testing.assert_array_equal(at, np.flatnonzero(sequence.states >= 0))
        np.testing.assert_array_equal(frames, 1)


def test_no_bout_is_lost_however_short_and_rare(sequence_of: SequenceOf) -> None:
    states = np.zeros(100_000)
    states[70_001:70_004] = 1
    states[90_000:] = -1
    sequences = [sequence_of({"x": states}, states), sequence_of({"x": states[:50_000]}, states[:50_000])]
    chosen = choose_rows(sequences, 1000, np.random.default_rng(0))
    at, frames = chosen[0]
    assert [frame for frame in at if sequences[0].states[frame] == 1] == [70_001, 70_002, 70_003]
    assert set(frames[np.isin(at, (70_001, 70_002, 70_003))]) == {1.0}
    assert sum(own.size for own, _ in chosen) == pytest.approx(500, abs=10)
    assert chosen[1][0].size == pytest.approx(500 * 5 / 14, abs=5)


def test_long_recordings_are_thinned_to_about_the_asked_number_of_rows(sequence_of: SequenceOf) -> None:
    states = np.r_[np.zeros(300), np.ones(400), np.full(300, -1)]
    sequence = sequence_of({"x": np.zeros(1000)}, states)
    for most in (2, 10, 98, 350, 700, 5000):
        ((at, _),) = choose_rows([sequence], most, np.random.default_rng(0))
        assert at.size == pytest.approx(min(most, 700), abs=0.2 * most if most < 700 else 0)


def test_the_choice_depends_on_the_generator_and_on_nothing_else(sequence_of: SequenceOf) -> None:
    sequence = sequence_of({"x": np.zeros(1000)}, np.arange(1000) // 100 % 2)
    one, again, other = (choose_rows([sequence], 100, np.random.default_rng(seed))[0][0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_sequence_without_labels_gives_no_row(sequence_of: SequenceOf) -> None:
    sequences = [sequence_of({"x": np.arange(5.0)}, states) for states in ([-1] * 5, [0, 1, -1, 0, 1], [-1] * 5)]
    rows = all_rows(sequences, columns_for(sequences))
    assert rows.sequences.tolist() == [1, 1, 1, 1]
    assert rows.at.tolist() == [0, 1, 3, 4]
    (_, (at, _), _) = choose_rows(sequences, 2, np.random.default_rng(0))
    assert at.size >= 2


def test_features_are_found_by_name_whatever_their_order(sequence_of: SequenceOf) -> None:
    one = sequence_of({"x": [1.0, 2.0], "y": [3.0, 4.0]}, [0, 1])
    other = sequence_of({"y": [7.0, 8.0], "x": [5.0, 6.0]}, [0, 1])
    columns = [Column(Feature(name), DIMENSIONLESS, oriented=False) for name in ("x", "y")]
    np.testing.assert_array_equal(all_rows([one, other], columns).values, [[1, 3], [2, 4], [5, 7], [6, 8]])


def test_rows_can_be_picked_by_mark_and_by_number() -> None:
    rows = rows_of([1.0, 2.0, 3.0], [0, 1, 1], frames=[4.0, 5.0, 6.0])
    marked, numbered = rows.of(np.array([True, False, True])), rows.of(np.array([2, 0]))
    assert (marked.values[:, 0].tolist(), marked.states.tolist(), marked.at.tolist()) == ([1, 3], [0, 1], [0, 2])
    assert (numbered.values[:, 0].tolist(), numbered.frames.tolist()) == ([3, 1], [6, 4])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 40), st.integers(1, 9)), min_size=1, max_size=9), seeds)
def test_a_sample_of_rows_stands_for_as_many_frames_as_all_do(runs: list[tuple[int, int, int]], seed: int) -> None:
    runs = [run for place, run in enumerate(runs) if place == 0 or run[0] != runs[place - 1][0]]
    # Rows of one bout stand for equally many frames, as rows chosen by bout do.
    states = np.repeat([state for state, _, _ in runs], [n for _, n, _ in runs])
    frames = np.repeat([each for _, _, each in runs], [n for _, n, _ in runs])
    rows = rows_of(np.arange(states.size), states, frames)
    sample = rows.sample(20, np.random.default_rng(seed))
    assert set(sample.at) <= set(rows.at)
    bout = np.cumsum(np.r_[0, np.diff(states) != 0])
    np.testing.assert_allclose(
        np.bincount(bout[sample.at], weights=sample.frames), np.bincount(bout, weights=frames), rtol=1e-12
    )
    np.testing.assert_array_equal(sample.values[:, 0], sample.at)


def test_no_search_sees_more_than_tens_of_thousands_of_rows() -> None:
    assert 20_000 <= MAX_TRAINING_ROWS <= 200_000
