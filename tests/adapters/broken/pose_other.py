"""Poses in NWB and of the package movement, broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from nsp_core.errors import PoseError
from tests.adapters.broken.catalog import Damage, cut, hdf5
from tests.adapters.broken.pose_hdf5 import first_is, row
from tests.adapters.broken.sources import movement_dataset


def series(change: Callable[[h5py.Group], object]) -> Damage:
    """Change one PoseEstimationSeries of an NWB file."""

    def damage(opened: h5py.File) -> None:
        pose = opened["processing/behavior/PoseEstimation"]
        change(next(each for each in pose.values() if isinstance(each, h5py.Group) and "data" in each))

    return hdf5(damage)


def times(change: Callable[[np.ndarray], None]) -> Damage:
    def damage(group: h5py.Group) -> None:
        stored = group["timestamps"][()].astype(float)
        change(stored)
        del group["timestamps"]
        group["timestamps"] = stored

    return series(damage)


def exchange(stored: np.ndarray) -> None:
    stored[[3, 4]] = stored[[4, 3]]


def dataset(n_frames: int | None = None, ds_type: str = "poses", **coords: object) -> Damage:
    """Write a movement dataset of another type, with other coordinates or fewer frames."""

    def damage(path: Path) -> None:
        path.unlink()
        changed = movement_dataset(ds_type=ds_type).assign_coords(coords).isel(time=slice(n_frames))
        changed.to_netcdf(path, engine="scipy")

    return damage


def zarr_metadata(array: str, change: Callable[[dict], None]) -> Damage:
    def damage(path: Path) -> None:
        metadata = json.loads((path / array / "zarr.json").read_text())
        change(metadata)
        (path / array / "zarr.json").write_text(json.dumps(metadata))

    return damage


def no_json(path: Path) -> None:
    (path / "time" / "zarr.json").write_text("{")


def pickled(metadata: dict) -> None:
    metadata["codecs"] = [{"name": "numcodecs.pickle", "configuration": {}}]


def endless(metadata: dict) -> None:
    metadata["shape"][0] = 10**9


POSE_OTHER = (
    row("cut", "truncated", "movement", cut(0.8), "cannot be read as netCDF", "save it again with movement"),
    row(
        "with times exchanged",
        "times out of order",
        "nwb",
        times(exchange),
        r"time \S+ after \S+",
        r"row 4; .*out of order",
    ),
    row("with a time missing", "times out of order", "nwb", times(first_is(np.nan)), "time nan", r"row 1; "),
    row(
        "with a time in a century",
        "times out of order",
        "nwb",
        times(lambda stored: stored.__setitem__(-1, 1e300)),
        "frames? off|frames apart|at other times",
        "a time is damaged|constant one and track it again|export the file again",
    ),
    row(
        "in three dimensions",
        "wrong header",
        "nwb",
        series(lambda group: (group.pop("data"), group.__setitem__("data", np.ones((5, 3))))),
        "with shape",
        "poses of one camera",
        PoseError,
    ),
    row(
        "with fewer positions than times",
        "missing rows",
        "nwb",
        series(lambda group: (group.pop("data"), group.__setitem__("data", np.ones((2, 2))))),
        "2 positions at",
    ),
    row(
        "without a series",
        "missing key",
        "nwb",
        hdf5(lambda opened: opened.pop("processing/behavior/PoseEstimation")),
        "HDF5 that holds",
        "state the format",
    ),
    row(
        "of boxes",
        "unknown format",
        "movement",
        dataset(ds_type="bboxes"),
        "a movement dataset of bboxes",
        "boxes have none",
        PoseError,
    ),
    row(
        "in other axes",
        "wrong header",
        "movement",
        dataset(space=["y", "z"]),
        "positions in y, z",
        "select two axes",
        PoseError,
    ),
    row(
        "with times out of order",
        "times out of order",
        "movement",
        dataset(time=np.arange(12)[::-1] / 30),
        r"time \S+ after",
        "out of order",
    ),
    row("without frames", "no frames", "movement", dataset(n_frames=0), "no frames", "save the dataset again"),
    row(
        "with a codec that unpickles",
        "pickle in disguise",
        "zarr",
        zarr_metadata("position", pickled),
        "values stored as Python objects",
        "loading them could run code",
    ),
    row(
        "declaring more than it holds",
        "decompression bomb",
        "zarr",
        zarr_metadata("position", endless),
        "GiB declared in a store of",
        "chunks may be missing",
    ),
    row(
        "with damaged metadata",
        "binary junk",
        "zarr",
        no_json,
        "damaged metadata time",
        "save the dataset again",
    ),
)
