"""Labeled sequences built in a line, and what narrow searches find in two studies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest
import torch
import xarray as xr
from numpy.typing import ArrayLike

from nsp_core.evaluate import baselines
from nsp_core.search.result import SynthesisResult
from nsp_core.sequences import LabeledSequence
from nsp_core.units import parse_unit
from tests.core.search.synthesis_examples import feature_array, search, wander

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


@pytest.fixture(scope="module")
def few_trees() -> Iterator[None]:
    """Let baselines boost for a moment only: how long they go on is not what the tests of searches are about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "N_BOOSTED_TREES", 12)
        patch.setattr(baselines, "N_BOOSTED_MISSINGNESS_TREES", 4)
        yield


@pytest.fixture(scope="session")
def conjunction() -> tuple[xr.DataArray, np.ndarray]:
    """Three features, and a behavior that needs two of them."""
    generator = np.random.default_rng(5)
    distance, angle, other = wander(generator, 3), wander(generator, 1.5, 0.5), wander(generator)
    features = feature_array(
        {"distance": distance, "angle": angle, "other": other}, {"distance": "mm", "angle": "rad", "other": "1/s"}
    )
    return features, ((distance < 3.3) & (angle < 1.7)).astype(int)


@pytest.fixture(scope="session")
def of_conjunction(conjunction: tuple[xr.DataArray, np.ndarray]) -> SynthesisResult:
    return search(*conjunction)


@pytest.fixture(scope="session")
def noisy() -> tuple[xr.DataArray, np.ndarray]:
    """Features that only half explain the behavior."""
    generator = np.random.default_rng(6)
    x, y = wander(generator), wander(generator)
    return feature_array({"x": x, "y": y}), (x + wander(generator) < -0.3).astype(int)


@pytest.fixture(scope="session")
def found(noisy: tuple[xr.DataArray, np.ndarray]) -> SynthesisResult:
    return search(*noisy)
