"""Features and labels as a user has them, and a search that takes a second."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from nsp_core.search.result import SynthesisResult
from nsp_core.search.synthesize import synthesize_sequences
from nsp_core.sequences import as_sequences

# Recordings too short for bouts to be shaped, which is not what these tests are about.
FPS = 75.0
N_FRAMES = 280
N_RECORDINGS = 4


def wander(generator: np.random.Generator, center: float = 0.0, spread: float = 1.0) -> np.ndarray:
    """Return slowly changing values (recording, time), about normal with this center and spread."""
    steps = generator.normal(size=(N_RECORDINGS, N_FRAMES + 14))
    smooth = np.stack([np.convolve(row, np.ones(15) / np.sqrt(15), "valid") for row in steps])
    return (center + spread * smooth).astype(np.float32)


def feature_array(series: dict[str, np.ndarray], units: dict[str, str] | None = None, **coords: Any) -> xr.DataArray:
    """Return features (sequence, time, feature) at 75 frames per second."""
    names = list(series)
    coords = {"time": np.arange(N_FRAMES) / FPS, **coords}
    if units is not None:
        coords["unit"] = ("feature", [units.get(name, "") for name in names])
    values = np.stack(list(series.values()), axis=-1)
    return xr.DataArray(values, dims=("sequence", "time", "feature"), coords={"feature": names, **coords})


def search(features: xr.DataArray, labels: np.ndarray, **options: Any) -> SynthesisResult:
    """Return the outcome of a narrow search without baselines."""
    sequences = as_sequences(features, labels)
    return synthesize_sequences(sequences, **{"seed": 1, "max_complexity": 8, "width": 3, **options})


def texts(result: SynthesisResult) -> list[str]:
    return [candidate.text for candidate in (*result.front, result.best)]
