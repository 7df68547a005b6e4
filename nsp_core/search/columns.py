"""The columns a program may threshold: every feature, plain and averaged over each window width.

Search, and the baselines that every program is compared with, are given the very same columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.angles import is_signed_angle
from nsp_core.dsl.ast import Duration, Feature, Windowed
from nsp_core.dsl.operators import half_window_frames
from nsp_core.features.views import swap_reference
from nsp_core.sequences import LabeledSequence
from nsp_core.units import Unit

__all__ = ["WINDOW_FRAMES", "WINDOW_SECONDS", "Column", "columns_for", "swapped_columns"]

WINDOW_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
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

    number: Feature | Windowed
    unit: Unit
    oriented: bool

    @property
    def feature(self) -> str:
        """The reference of the feature this column is made of."""
        number = self.number
        return number.name if isinstance(number, Feature) else _averaged(number).name


def columns_for(sequences: Sequence[LabeledSequence]) -> tuple[Column, ...]:
    """Return the columns the features of ``sequences`` offer, windows no longer than the longest sequence.

    An angle that wraps offers none: what lies above a threshold is cut off at pi, for no reason of the animal's.
    """
    first = sequences[0]
    longest = max(len(sequence.states) for sequence in sequences)
    undirected = any(name.endswith("[higher]") for name in first.names)
    widths = _widths(first, longest)
    return tuple(
        Column(number, unit, oriented=undirected and swap_reference(name) != name)
        for name, unit in zip(first.names, first.units, strict=True)
        if not is_signed_angle(Feature(name))
        for number in _numbers(name, widths)
    )


def swapped_columns(columns: Sequence[Column]) -> NDArray[np.int64]:
    """Return, for each column, the index of the column in which agent and target have changed places."""
    position = {column.number: index for index, column in enumerate(columns)}
    return np.array([position.get(_swapped(column.number), index) for index, column in enumerate(columns)])


def _swapped(number: Feature | Windowed) -> Feature | Windowed:
    if isinstance(number, Windowed):
        return replace(number, child=Feature(swap_reference(_averaged(number).name)))
    return Feature(swap_reference(number.name))


def _averaged(number: Windowed) -> Feature:
    assert isinstance(number.child, Feature)
    return number.child


def _numbers(name: str, widths: Sequence[Duration]) -> list[Feature | Windowed]:
    return [Feature(name), *(Windowed(Feature(name), width) for width in widths)]


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
