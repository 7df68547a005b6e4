from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import Duration, Feature, Windowed
from nsp_core.dsl.operators import half_window_frames
from nsp_core.search.columns import Column, columns_for, swapped_columns
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


def test_an_angle_that_wraps_offers_no_column(sequence_of: SequenceOf) -> None:
    names = ("heading[agent]", "bearing[target]", "speed[agent]", "facing_angle[agent]")
    columns = columns_for([sequence_of(flat(names, 50), np.zeros(50))])
    assert {column.feature for column in columns} == {"speed[agent]", "facing_angle[agent]"}
    assert columns_for([sequence_of(flat(names[:2], 50), np.zeros(50))]) == ()
