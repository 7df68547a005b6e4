"""Labeled sequences built in a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest
import torch
from numpy.typing import ArrayLike

from nsp_core.sequences import LabeledSequence
from nsp_core.units import parse_unit

SequenceOf = Callable[..., LabeledSequence]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """On tensors as small as these, threads that share their cores with other work mostly wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def sequence_of() -> SequenceOf:
    """Return a function from feature series and states (time,) to a sequence; all features share one unit."""

    def built(
        features: Mapping[str, ArrayLike],
        states: ArrayLike,
        *,
        recording: str = "1",
        fps: float | None = 10.0,
        unit: str = "mm",
    ) -> LabeledSequence:
        values = np.stack([np.asarray(series, dtype=np.float32) for series in features.values()], axis=1)
        names = tuple(features)
        return LabeledSequence(
            recording, values, np.asarray(states, dtype=np.int8), names, (parse_unit(unit),) * len(names), fps
        )

    return built
