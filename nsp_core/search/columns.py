"""The columns a program may threshold: every feature, plain and averaged over each window width.

Search, and the baselines that every program is compared with, are given the very same columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.ast import Duration, Feature, Number, Windowed
from nsp_core.dsl.operators import half_window_frames, window_frames
from nsp_core.features.views import swap_reference
from nsp_core.labels import UNLABELED
from nsp_core.sequences import LabeledSequence
from nsp_core.temporal.span import Window
from nsp_core.temporal.window import window_mean
from nsp_core.units import Unit

__all__ = [
    "WINDOW_FRAMES",
    "WINDOW_SECONDS",
    "Column",
    "Rows",
    "columns_for",
    "every_for",
    "gather_rows",
    "swapped_columns",
]

WINDOW_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
MAX_TRAINING_ROWS = 60_000
WINDOW_FRAMES = (3, 5, 7, 11, 15, 31, 61, 121, 241)


@dataclass(frozen=True, slots=True)
class Column:
    """A number a program can compare: a feature, plain or averaged.

    Attributes
    ----------
    number
        The expression, as it stands in a program.
    unit
        Its unit.
    oriented
        True where the value depends on which animal is called agent although the behavior has no order: usable only
        inside ``either``.
    """

    number: Number
    unit: Unit
    oriented: bool

    @property
    def feature(self) -> str:
        """The reference of the feature this column is made of."""
        return _feature(self.number).name


@dataclass(frozen=True, slots=True)
class Rows:
    """Labeled frames as rows of a table.

    Attributes
    ----------
    values
        Shape (row, column), float32, NaN where missing.
    states
        Shape (row,), int8: 1 present, 0 absent.
    recordings
        Shape (row,), int64: index of each row's sequence.
    """

    values: NDArray[np.float32]
    states: NDArray[np.int8]
    recordings: NDArray[np.int64]


def columns_for(sequences: Sequence[LabeledSequence]) -> tuple[Column, ...]:
    """Return the columns the features of ``sequences`` offer, windows no longer than the longest sequence."""
    first = sequences[0]
    longest = max(len(sequence.states) for sequence in sequences)
    undirected = any(name.endswith("[higher]") for name in first.names)
    widths = _widths(first, longest)
    return tuple(
        Column(number, unit, oriented=undirected and swap_reference(name) != name)
        for name, unit in zip(first.names, first.units, strict=True)
        for number in _numbers(name, widths)
    )


def gather_rows(sequences: Sequence[LabeledSequence], columns: Sequence[Column], *, every: int = 1) -> Rows:
    """Return every ``every``-th labeled frame of ``sequences`` with the values of ``columns``.

    Window means are computed over whole sequences, one width at a time, and only the asked rows are kept.
    """
    values, states, recordings = [], [], []
    for index, sequence in enumerate(sequences):
        labeled = np.flatnonzero(sequence.states != UNLABELED)[::every]
        values.append(_sequence_rows(sequence, columns, labeled))
        states.append(sequence.states[labeled])
        recordings.append(np.full(labeled.size, index))
    return Rows(np.concatenate(values), np.concatenate(states), np.concatenate(recordings))


def every_for(sequences: Sequence[LabeledSequence], max_rows: int = MAX_TRAINING_ROWS) -> int:
    """Return k such that every k-th labeled frame of ``sequences`` makes at most ``max_rows`` rows.

    Neighboring frames say the same: a large data set is thinned before its table is built.
    """
    n_labeled = sum(int((sequence.states != UNLABELED).sum()) for sequence in sequences)
    return max(1, -(-n_labeled // max_rows))


def swapped_columns(columns: Sequence[Column]) -> NDArray[np.int64]:
    """Return, for each column, the index of the column in which agent and target have changed places."""
    position = {column.number: index for index, column in enumerate(columns)}
    return np.array([position.get(_swapped(column.number), index) for index, column in enumerate(columns)])


def _swapped(number: Number) -> Number:
    if isinstance(number, Windowed):
        return replace(number, child=Feature(swap_reference(number.child.name)))
    return Feature(swap_reference(number.name))


def _sequence_rows(
    sequence: LabeledSequence, columns: Sequence[Column], rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    position = {name: index for index, name in enumerate(sequence.names)}
    gathered = np.empty((rows.size, len(columns)), dtype=np.float32)
    by_window: dict[Window | None, list[int]] = {}
    for index, column in enumerate(columns):
        window = window_frames(column.number, sequence.fps) if isinstance(column.number, Windowed) else None
        by_window.setdefault(window, []).append(index)
    for window, indices in by_window.items():
        names = [columns[index].feature for index in indices]
        series = sequence.values[:, [position[name] for name in names]]
        if window is not None:
            series = window_mean(series, window)
        gathered[:, indices] = series[rows]
    return gathered


def _numbers(name: str, widths: Sequence[Duration]) -> list[Number]:
    return [Feature(name), *(Windowed(Feature(name), width) for width in widths)]


def _feature(number: Number) -> Feature:
    return number.child if isinstance(number, Windowed) else number


def _widths(sequence: LabeledSequence, longest_frames: int) -> list[Duration]:
    if sequence.fps is None:
        return [Duration(float(frames), "frame") for frames in WINDOW_FRAMES if frames <= longest_frames]
    seconds = longest_frames / sequence.fps
    distinct: dict[int, Duration] = {}
    for width in WINDOW_SECONDS:
        half = half_window_frames(Duration(width), sequence.fps)
        # At a low frame rate short windows hold a single frame, or the same frames as each other.
        if half > 0 and width <= seconds:
            distinct.setdefault(half, Duration(width))
    return list(distinct.values())
