"""Labeled frames as rows of a table, thinned so that no bout is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.ast import Windowed
from nsp_core.dsl.operators import window_frames
from nsp_core.labels import UNLABELED
from nsp_core.search.columns import Column
from nsp_core.search.sampling import sample_by_bout
from nsp_core.sequences import LabeledSequence, batches_of_one_length
from nsp_core.temporal.span import Window
from nsp_core.temporal.window import window_mean

__all__ = ["MAX_TRAINING_ROWS", "Rows", "choose_rows", "gather_rows"]

MAX_TRAINING_ROWS = 60_000
BATCH_FRAMES = 20_000


@dataclass(frozen=True, slots=True)
class Rows:
    """Labeled frames as rows of a table.

    Attributes
    ----------
    values
        Shape (row, column), float32, NaN where missing.
    states
        Shape (row,), int8: 1 present, 0 absent.
    sequences
        Shape (row,), int64: index of each row's sequence.
    at
        Shape (row,), int64: frame of the sequence that the row is.
    frames
        Shape (row,): how many labeled frames the row stands for.
    weak
        Shape (row,): True where no person gave the label, and nothing is judged by it; None: nowhere.
    """

    values: NDArray[np.float32]
    states: NDArray[np.int8]
    sequences: NDArray[np.int64]
    at: NDArray[np.int64]
    frames: NDArray[np.float64]
    weak: NDArray[np.bool_] | None = None

    def of(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Rows:
        """Return the rows that ``chosen`` marks or counts, in its order."""
        return Rows(
            self.values[chosen],
            self.states[chosen],
            self.sequences[chosen],
            self.at[chosen],
            self.frames[chosen],
            None if self.weak is None else self.weak[chosen],
        )

    def sample(self, n_rows: int, generator: np.random.Generator) -> Rows:
        """Return about ``n_rows`` of the rows, of every bout at least one, standing for as many frames as all do."""
        chosen, stands_for = sample_by_bout(self.states, self.sequences, n_rows, generator)
        sampled = self.of(chosen)
        return replace(sampled, frames=sampled.frames * stands_for)


def choose_rows(
    sequences: Sequence[LabeledSequence], max_rows: int, generator: np.random.Generator
) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Return, for each sequence, which labeled frames become rows and how many frames each stands for.

    All of them where there are at most ``max_rows``; else about that many, of every bout at least one: neighboring
    frames say the same, but a short bout of a rare behavior says what no other frame does.
    """
    labeled = [np.flatnonzero(sequence.states != UNLABELED) for sequence in sequences]
    lengths = [frames.size for frames in labeled]
    if sum(lengths) <= max_rows:
        return [(frames, np.ones(frames.size)) for frames in labeled]
    states = np.concatenate([sequence.states[at] for sequence, at in zip(sequences, labeled, strict=True)])
    of_sequence = np.repeat(np.arange(len(sequences)), lengths)
    chosen, frames = sample_by_bout(states, of_sequence, max_rows, generator)
    at = np.concatenate(labeled)[chosen]
    starts = np.searchsorted(of_sequence[chosen], np.arange(1, len(sequences)))
    return list(zip(np.split(at, starts), np.split(frames, starts), strict=True))


def gather_rows(
    sequences: Sequence[LabeledSequence],
    columns: Sequence[Column],
    chosen: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]],
) -> Rows:
    """Return the ``chosen`` frames (see :func:`choose_rows`) of ``sequences`` with the values of ``columns``.

    Windows are computed over whole sequences, one width at a time, and only the asked rows are kept.
    """
    lengths = [at.size for at, _ in chosen]
    starts = np.cumsum([0, *lengths])
    values = np.empty((starts[-1], len(columns)), dtype=np.float32)
    for batch in batches_of_one_length(sequences, BATCH_FRAMES):
        of_sequence = np.repeat(np.arange(len(batch)), [lengths[index] for index in batch])
        at = np.concatenate([chosen[index][0] for index in batch])
        table = _table([sequences[index] for index in batch], columns, at, of_sequence)
        ends = np.cumsum([lengths[index] for index in batch])[:-1]
        for index, part in zip(batch, np.split(table, ends), strict=True):
            values[starts[index] : starts[index + 1]] = part
    return Rows(
        values,
        np.concatenate([sequence.states[at] for sequence, (at, _) in zip(sequences, chosen, strict=True)]),
        np.repeat(np.arange(len(sequences)), lengths),
        np.concatenate([at for at, _ in chosen]),
        np.concatenate([_weighted(one, at, frames) for one, (at, frames) in zip(sequences, chosen, strict=True)]),
        np.concatenate([one.gold_states[at] == UNLABELED for one, (at, _) in zip(sequences, chosen, strict=True)]),
    )


def _weighted(sequence: LabeledSequence, at: NDArray[np.int64], frames: NDArray[np.float64]) -> NDArray[np.float64]:
    return frames if sequence.weights is None else frames * sequence.weights[at]


def _table(
    batch: Sequence[LabeledSequence],
    columns: Sequence[Column],
    at: NDArray[np.int64],
    of_sequence: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the values (row, column) of frame ``at`` of sequence ``of_sequence``, both (row,), of one batch."""
    position = {name: index for index, name in enumerate(batch[0].names)}
    by_window: dict[Window | None, list[int]] = {}
    for index, column in enumerate(columns):
        window = window_frames(column.number, batch[0].fps) if isinstance(column.number, Windowed) else None
        by_window.setdefault(window, []).append(index)
    table = np.empty((at.size, len(columns)), dtype=np.float32)
    stacked = np.stack([_in_order(one, batch[0].names) for one in batch], axis=1)
    for window, indices in by_window.items():
        series = stacked[:, :, [position[columns[index].feature] for index in indices]]
        if window is not None:
            series = window_mean(series, window)
        table[:, indices] = series[at, of_sequence]
    return table


def _in_order(sequence: LabeledSequence, names: tuple[str, ...]) -> NDArray[np.float32]:
    if sequence.names == names:
        return sequence.values
    return sequence.values[:, [sequence.names.index(name) for name in names]]
