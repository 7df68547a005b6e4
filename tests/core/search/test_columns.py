from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import Duration, Feature, Windowed
from nsp_core.dsl.operators import half_window_frames
from nsp_core.search.columns import Column, columns_for, every_for, gather_rows, swapped_columns
from nsp_core.sequences import LabeledSequence
from nsp_core.units import parse_unit

SequenceOf = Callable[..., LabeledSequence]

UNDIRECTED = ("speed[agent]", "speed[target]", "speed[higher]", "speed[lower]", "nose_to_nose")
DIRECTED = ("speed[agent]", "speed[target]", "nose_to_nose")


def flat(names: tuple[str, ...], n_frames: int) -> dict[str, np.ndarray]:
    return {name: np.zeros(n_frames) for name in names}


def widths(columns: tuple[Column, ...]) -> list[Duration]:
    return [column.number.width for column in columns if isinstance(column.number, Windowed)]


@settings(deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=3), st.sampled_from([None, 1.0, 10.0, 29.97, 120.0]))
def test_no_window_is_longer_than_the_longest_sequence(
    sequence_of: SequenceOf, lengths: list[int], fps: float | None
) -> None:
    sequences = [sequence_of(flat(("speed",), n), np.zeros(n), fps=fps) for n in lengths]
    for width in widths(columns_for(sequences)):
        assert width.value <= max(lengths) / (fps or 1)
        assert width.reference == ("frame" if fps is None else "s")


@pytest.mark.parametrize("fps", [None, 1.0, 5.0, 29.97])
def test_no_two_windows_of_a_feature_hold_the_same_frames(sequence_of: SequenceOf, fps: float | None) -> None:
    columns = columns_for([sequence_of(flat(("speed",), 3000), np.zeros(3000), fps=fps)])
    halves = [half_window_frames(width, fps) for width in widths(columns)]
    assert len(halves) == len(set(halves)) > 0
    assert min(halves) > 0


def test_every_feature_is_offered_plain_and_averaged_in_its_unit(sequence_of: SequenceOf) -> None:
    columns = columns_for([sequence_of(flat(DIRECTED, 100), np.zeros(100), unit="mm/s")])
    for name in DIRECTED:
        own = [column for column in columns if column.feature == name]
        assert own[0].number == Feature(name)
        assert len(own) == 1 + len(widths(tuple(own))) > 2
        assert {column.unit for column in own} == {parse_unit("mm/s")}
    assert len({column.number for column in columns}) == len(columns)


@pytest.mark.parametrize(
    ("names", "oriented"),
    [
        (UNDIRECTED, {"speed[agent]", "speed[target]"}),
        (DIRECTED, set()),
        (("speed", "bend"), set()),
        (("feature_0",), set()),
    ],
)
def test_only_an_undirected_dyad_has_columns_that_depend_on_who_is_called_agent(
    sequence_of: SequenceOf, names: tuple[str, ...], oriented: set[str]
) -> None:
    columns = columns_for([sequence_of(flat(names, 50), np.zeros(50))])
    assert {column.feature for column in columns if column.oriented} == oriented


def test_exchanging_the_animals_twice_gives_the_column_back(sequence_of: SequenceOf) -> None:
    columns = columns_for([sequence_of(flat(UNDIRECTED, 50), np.zeros(50))])
    swapped = swapped_columns(columns)
    np.testing.assert_array_equal(swapped[swapped], np.arange(len(columns)))
    for column, other in zip(columns, (columns[index] for index in swapped), strict=True):
        assert (other != column) == column.oriented
        assert [c.number.width for c in (column, other) if isinstance(c.number, Windowed)] in (
            [],
            [getattr(column.number, "width", None)] * 2,
        )


@st.composite
def recordings(draw: st.DrawFn) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return values (time, 2) with gaps and states (time,) of a few sequences."""
    made = []
    for _ in range(draw(st.integers(1, 3))):
        generator = np.random.default_rng(draw(st.integers(0, 1000)))
        n_frames = draw(st.integers(1, 60))
        values = generator.normal(size=(n_frames, 2))
        values[generator.random(values.shape) < 0.3] = np.nan
        made.append((values, generator.integers(-1, 2, n_frames)))
    return made


@settings(max_examples=40, deadline=None)
@given(recordings(), st.sampled_from([None, 10.0]), st.integers(1, 4))
def test_rows_are_the_values_and_window_means_at_labeled_frames(
    sequence_of: SequenceOf, made: list[tuple[np.ndarray, np.ndarray]], fps: float | None, every: int
) -> None:
    sequences = [sequence_of({"x": v[:, 0], "y": v[:, 1]}, states, fps=fps) for v, states in made]
    columns = columns_for(sequences)
    rows = gather_rows(sequences, columns, every=every)
    expected, states, indices = [], [], []
    for index, sequence in enumerate(sequences):
        for frame in [f for f in range(len(sequence.states)) if sequence.states[f] >= 0][::every]:
            expected.append([value_at(sequence, column, frame) for column in columns])
            states.append(sequence.states[frame])
            indices.append(index)
    np.testing.assert_allclose(rows.values, np.reshape(expected, (-1, len(columns))), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(rows.states, states)
    np.testing.assert_array_equal(rows.recordings, indices)
    assert rows.values.dtype == np.float32


def value_at(sequence: LabeledSequence, column: Column, frame: int) -> float:
    series = sequence.column(column.feature)
    if not isinstance(column.number, Windowed):
        return float(series[frame])
    half = half_window_frames(column.number.width, sequence.fps)
    window = series[max(frame - half, 0) : frame + half + 1].astype(np.float64)
    seen = window[~np.isnan(window)]
    return float(seen.mean()) if seen.size else np.nan


def test_features_are_found_by_name_whatever_their_order(sequence_of: SequenceOf) -> None:
    one = sequence_of({"x": [1.0, 2.0], "y": [3.0, 4.0]}, [0, 1])
    other = sequence_of({"y": [7.0, 8.0], "x": [5.0, 6.0]}, [0, 1])
    columns = columns_for([one, other])
    rows = gather_rows([one, other], columns)
    plain = [index for index, column in enumerate(columns) if isinstance(column.number, Feature)]
    np.testing.assert_array_equal(rows.values[:, plain], [[1, 3], [2, 4], [5, 7], [6, 8]])


def test_long_recordings_are_thinned_to_the_asked_number_of_rows(sequence_of: SequenceOf) -> None:
    sequence = sequence_of({"x": np.zeros(1000)}, np.r_[np.zeros(700), np.full(300, -1)])
    columns = columns_for([sequence])
    for most in (1, 10, 99, 350, 699, 700, 5000):
        kept = gather_rows([sequence], columns, every=every_for([sequence], most)).states.size
        assert min(most, 700) / 2 <= kept <= most
