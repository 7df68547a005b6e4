"""What a user sees of stored features: one line opens them, and plots carry names and units."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

from nsp_adapters.store import RecordingStore
from nsp_core.features import compute_features
from nsp_core.provenance import digest
from nsp_core.simulate import SIMULATED_ROLES, simulate_dyad


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A recording folder and the name of its features' group."""
    poses = simulate_dyad(seed=1, n_frames=300, recording="pair").poses
    store = RecordingStore(tmp_path_factory.mktemp("store"))
    features = compute_features(poses, SIMULATED_ROLES, ["speed", "nose_to_nose", "facing_angle"])
    group = store.write("pair", "features", digest("key"), features)
    return Path(group.path), group.group


def test_one_line_opens_them_with_units_and_meaning(stored: tuple[Path, str]) -> None:
    path, group = stored
    features = xr.open_zarr(path, group=group, consolidated=False, chunks=None)
    assert features["nose_to_nose"].dims == ("time", "individual", "target")
    assert features["speed"].dims == ("time", "individual")
    found = {name: features["speed"].attrs[name] for name in ("units", "dimension", "length_reference", "long_name")}
    assert found == {"units": "mm/s", "dimension": "length/time", "length_reference": "mm", "long_name": "speed"}
    assert features["time"].dtype == np.float64
    between = features["nose_to_nose"].sel(individual="mouse1", target="mouse2", time=slice(2, 3))
    assert between.sizes == {"time": 31}


def test_plots_carry_names_and_units(stored: tuple[Path, str]) -> None:
    mpl.use("Agg")
    path, group = stored
    features = xr.open_zarr(path, group=group, consolidated=False, chunks=None)
    lines = features["speed"].plot.line(x="time")
    axes = lines[0].axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time [s]", "speed [mm/s]")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["mouse1", "mouse2"]
    mpl.pyplot.close("all")
