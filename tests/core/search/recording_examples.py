"""Recordings with a planted behavior, small enough to be searched in a second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nsp_core.search.columns import Column
from nsp_core.search.development import Development
from nsp_core.sequences import LabeledSequence
from nsp_core.units import Unit

MM = Unit(length=1)


def wander(generator: np.random.Generator, n_frames: int) -> NDArray[np.float64]:
    """Return slowly changing values (time,), about standard normal."""
    return np.convolve(generator.normal(size=n_frames + 14), np.ones(15) / np.sqrt(15), "valid")


def recordings(
    n_recordings: int = 4,
    n_frames: int = 240,
    *,
    names: Sequence[str] = ("x", "y"),
    noise: float = 0.5,
    seed: int = 0,
    fps: float | None = 10.0,
) -> list[LabeledSequence]:
    """Return recordings in which the behavior is that the first feature, and some noise, is low."""
    generator = np.random.default_rng(seed)
    made = []
    for number in range(n_recordings):
        values = np.stack([wander(generator, n_frames) for _ in names], axis=1)
        states = values[:, 0] + noise * wander(generator, n_frames) < -0.3
        made.append(
            LabeledSequence(
                str(number + 1),
                values.astype(np.float32),
                states.astype(np.int8),
                tuple(names),
                (MM,) * len(names),
                fps,
            )
        )
    return made


def index_of(columns: Sequence[Column], number: object) -> int:
    """Return the index of the column that is ``number``."""
    return [column.number for column in columns].index(number)  # type: ignore[arg-type]  # what is not there raises


def labeled_in(development: Development, fold: int) -> list[NDArray[np.bool_]]:
    """Return, for each sequence, where (time,) it has labels that ``fold`` holds out."""
    pairs = zip(development.sequences, development.folds, strict=True)
    return [(sequence.states >= 0) & (own == fold) for sequence, own in pairs]
