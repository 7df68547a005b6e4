"""Pose datasets of the package movement, saved as netCDF or Zarr.

Layout: variables ``position`` (time, space, keypoint, individual) and ``confidence`` (time, keypoint, individual), with
coordinates of the same names as the dims and the attributes ``fps``, ``time_unit`` (``seconds`` or ``frames``),
``ds_type`` (``poses``) and ``source_software``. netCDF-4 is HDF5 and is read with h5py, netCDF-3 with scipy, Zarr with
zarr. Known traps, and what this reader does about them:

- Until movement 0.16 the dims were called ``keypoints`` and ``individuals``: either spelling is read, in any order.
- ``confidence`` may be absent, or given per individual only: then each of its keypoints has that confidence.
- ``time`` is in frames where no frame rate was known; seconds are turned into frames and have to be regular. It counts
  from the start of the video, so that a dataset cut in time starts late.
- ``ds_type`` ``bboxes`` are boxes, not poses; ``space`` may have a ``z``: both are refused.
- Zarr of format 2 may name a filter that unpickles, which runs code: a store that names it is refused unread.

Tested with files written by movement 0.15.0 (netCDF-4 of two engines, netCDF-3, Zarr 3).

References
----------
movement, "Datasets", https://movement.neuroinformatics.dev/latest/user_guide/movement_dataset.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray

from nsp_adapters.input_file import require_file
from nsp_adapters.poses.assemble import (
    assemble_poses,
    check_frames,
    empty_poses,
    length_of_video,
    require_fps,
    single_precision,
)
from nsp_adapters.poses.hdf5 import (
    ALWAYS_ALLOWED_BYTES,
    LARGEST_COMPRESSION,
    array_at,
    is_hdf5,
    opened_hdf5,
    plain_text,
    text_at,
)
from nsp_adapters.poses.timing import agreed_fps, frames_of_times
from nsp_core.errors import FormatError, NspError, PoseError

__all__ = ["looks_like_movement", "read_movement"]

EXPECTED = "a movement dataset (netCDF or Zarr with the variable position)"
SINGULAR = {"keypoints": "keypoint", "individuals": "individual"}

_NETCDF3_MAGIC = b"CDF"
_ZARR_METADATA = ("zarr.json", ".zarray", ".zgroup", ".zmetadata")


def looks_like_movement(path: Path) -> bool:
    """Return whether ``path`` is netCDF or Zarr with positions in time, space, keypoints and individuals.

    Raises
    ------
    MissingFileError
        If there is no such file or folder.
    """
    _require_there(path)
    try:
        if path.is_dir():
            names = {entry.name for entry in path.iterdir()}
            return bool(names & set(_ZARR_METADATA)) and {"position", "time", "space"} <= names
        if is_hdf5(path):
            with opened_hdf5(path, EXPECTED) as opened:
                return {"position", "time", "space"} <= set(opened)
        with path.open("rb") as stream:
            return stream.read(len(_NETCDF3_MAGIC)) == _NETCDF3_MAGIC and b"position" in stream.read(65_536)
    except FormatError:
        return False


def read_movement(
    path: Path,
    *,
    fps: float | None,
    recording: str,
    scale_mm_per_px: float | None = None,
    n_frames: int | None = None,
) -> xr.Dataset:
    """Return the poses of one movement dataset, row i being video frame i.

    Parameters
    ----------
    path
        A netCDF file or the folder of a Zarr store.
    fps
        Frames per second of the video, or None to take that of the file.
    recording
        Name in tables.
    scale_mm_per_px
        Millimeters per pixel where known. Positions stay as they are, in pixels.
    n_frames
        Frames of the video where known: the poses are padded with NaN to this length.

    Raises
    ------
    MissingFileError
        If there is no such file or folder.
    FormatError
        If the frame rate is unknown or contradicts ``fps``, times are irregular, or the file is damaged, may run code
        or is not laid out as described above.
    PoseError
        If it holds no two-dimensional poses, is longer than ``n_frames``, or fps or scale is impossible.
    """
    _require_there(path)
    stored = _normalized(path, _open(path))
    keypoints, individuals = ([str(name) for name in stored[dim].values] for dim in ("keypoint", "individual"))
    frames, fps = _frames(path, stored, fps)
    wrong = check_frames(frames.astype(np.float64))
    if wrong is not None:
        raise _layout_error(path, f"time {stored['time'].values[wrong[0]]}: a frame that is {wrong[1]}")
    length = length_of_video(path, int(frames.max(initial=-1)), n_frames)
    position, confidence = empty_poses(length, len(keypoints), len(individuals))
    position[frames] = single_precision(stored["position"].sel(space=["x", "y"]).values)
    if "confidence" in stored:
        by_individual = "keypoint" not in stored["confidence"].dims
        given = stored["confidence"].transpose("time", *(() if by_individual else ("keypoint",)), "individual").values
        confidence[frames] = single_precision(given[:, np.newaxis] if by_individual else given)
    return assemble_poses(
        path,
        position,
        confidence,
        keypoints=keypoints,
        individuals=individuals,
        fps=fps,
        recording=recording,
        scale_mm_per_px=scale_mm_per_px,
        source_software=str(stored.attrs.get("source_software") or "movement"),
    )


def _require_there(path: Path) -> None:
    if not path.is_dir():
        require_file(path, EXPECTED)


def _open(path: Path) -> xr.Dataset:
    if path.is_file() and is_hdf5(path):
        return _from_hdf5(path)
    if path.is_dir():
        _require_no_pickle(path)
    try:
        if path.is_dir():
            _require_honest_arrays(path)
            stored: xr.Dataset = xr.open_zarr(path, consolidated=False, chunks=None).load()
            return stored
        with xr.open_dataset(path, engine="scipy", decode_times=False) as opened:
            stored = opened.load()
            return stored
    except NspError:
        raise
    except Exception as error:  # xarray, zarr, its codecs and scipy report damage by whatever exception they meet
        raise FormatError(
            found=f"a file that cannot be read as netCDF or Zarr ({type(error).__name__}: {error})",
            expected=EXPECTED,
            where=path.name,
            remedy="copy it again from its source, or save it again with movement",
        ) from error


def _from_hdf5(path: Path) -> xr.Dataset:
    """Return the variables of a netCDF-4 file that belong to poses, without their links to anything else."""
    variables: dict[str, tuple[tuple[str, ...], NDArray[np.generic]]] = {}
    with opened_hdf5(path, EXPECTED) as opened:
        for name in ("position", "confidence", "time"):
            if name in opened:
                array = array_at(opened, name, path)
                variables[name] = (_dims(path, array), _decoded(path, array))
        for name in ("space", *SINGULAR, *SINGULAR.values()):
            if name in opened:
                variables[name] = ((name,), np.array(text_at(opened, name, path), dtype=object))
        attrs = {name: _plain(value) for name, value in opened.attrs.items() if not name.startswith("_")}
    if "position" not in variables:
        raise _layout_error(path, f"the variables {', '.join(variables) or 'none'}")
    try:
        return xr.Dataset(variables, attrs=attrs)
    except ValueError as error:
        raise _layout_error(path, f"variables that do not fit together ({error})") from error


def _dims(path: Path, array: h5py.Dataset) -> tuple[str, ...]:
    name = array.name.lstrip("/")
    if array.ndim == 1:  # a coordinate is its own scale
        return (name,)
    scales = [next(iter(dim.values()), None) for dim in array.dims]
    if any(scale is None for scale in scales):
        raise _layout_error(path, f"{name} {array.shape} without named dims")
    return tuple(scale.name.lstrip("/") for scale in scales if scale is not None)


def _decoded(path: Path, array: h5py.Dataset) -> NDArray[np.generic]:
    """Return numbers as they were before packing (the CF attributes scale_factor, add_offset and _FillValue)."""
    if array.dtype.kind not in "fiu":
        raise _layout_error(path, f"{array.name.lstrip('/')} of {array.dtype}")
    values = array[()]
    fill = array.attrs.get("_FillValue")
    packed = {
        name: float(np.ravel(array.attrs[name])[0]) for name in ("scale_factor", "add_offset") if name in array.attrs
    }
    if packed or (fill is not None and not np.isnan(np.ravel(fill)[0])):
        is_filled = values == np.ravel(fill)[0] if fill is not None else np.zeros(values.shape, dtype=np.bool_)
        values = np.where(is_filled, np.nan, values * packed.get("scale_factor", 1.0) + packed.get("add_offset", 0.0))
    return np.asarray(values)


def _plain(value: object) -> object:
    if isinstance(value, (bytes, str)):
        return plain_text(value)
    return value.item() if isinstance(value, np.ndarray) and value.size == 1 else value


def _normalized(path: Path, stored: xr.Dataset) -> xr.Dataset:
    """Return the dataset with singular dims in the order of poses."""
    spelled = {old: new for old, new in SINGULAR.items() if old in stored.dims}
    stored = stored.rename(spelled)
    kind = stored.attrs.get("ds_type", "poses")
    if kind != "poses":
        raise PoseError(
            found=f"a movement dataset of {kind}",
            expected="one of poses",
            where=path.name,
            remedy="give body parts: boxes have none",
        )
    dims = ("time", "space", "keypoint", "individual")
    found = stored["position"].dims if "position" in stored else ()
    unnamed = [dim for dim in dims if dim not in stored.coords or stored[dim].dims != (dim,)]
    if sorted(map(str, found)) != sorted(dims) or unnamed:
        raise _layout_error(path, f"position {found}" + (f" without names of {', '.join(unnamed)}" if unnamed else ""))
    axes = [str(axis) for axis in stored["space"].values]
    if sorted(axes) != ["x", "y"]:
        raise PoseError(
            found=f"positions in {', '.join(axes)}",
            expected="positions in x, y",
            where=path.name,
            remedy="select two axes in movement and save the dataset again",
        )
    if "confidence" in stored:
        of_confidence = set(stored["confidence"].dims)
        if of_confidence not in ({"time", "keypoint", "individual"}, {"time", "individual"}):
            raise _layout_error(path, f"confidence {stored['confidence'].dims}")
    return stored.assign(position=stored["position"].transpose(*dims))


def _frames(path: Path, stored: xr.Dataset, fps: float | None) -> tuple[NDArray[np.int64], float]:
    in_file = stored.attrs.get("fps")
    rate = agreed_fps(path, fps, float(in_file) if isinstance(in_file, (int, float, np.number)) else None)
    times = stored["time"].values
    if times.dtype.kind not in "fiu":
        raise _layout_error(path, f"time of {times.dtype}")
    if not times.size:
        raise _layout_error(path, "no frames")
    if stored.attrs.get("time_unit", "seconds") == "frames":
        if not np.array_equal(times, np.rint(times)):
            raise _layout_error(path, "frame numbers that are not whole")
        return times.astype(np.int64), require_fps(path, rate)
    since_first, rate = frames_of_times(path, times.astype(np.float64), rate)
    rate = require_fps(path, rate)
    first = float(times[0]) * rate
    if abs(first - round(first)) > 0.25:
        raise _layout_error(path, f"a first time of {times[0]:g} s, which is no frame at {rate:g} frames per second")
    return since_first + round(first), rate


def _require_no_pickle(path: Path) -> None:
    for metadata in sorted(file for name in _ZARR_METADATA for file in path.rglob(name)):
        try:
            content = json.loads(metadata.read_text(encoding="utf-8"))
            codecs = [codec for codec in _named_codecs(content) if "pickle" in codec.lower()]
        except (ValueError, OSError, RecursionError) as error:
            raise _layout_error(path, f"damaged metadata {metadata.relative_to(path)}") from error
        if codecs:
            raise FormatError(
                found=f"values stored as Python objects (codec {codecs[0]!r} in {metadata.relative_to(path)})",
                expected="numbers and text",
                where=path.name,
                remedy="loading them could run code: save the dataset as netCDF, or with text names",
            )


def _require_honest_arrays(path: Path) -> None:
    """Refuse a store whose metadata declare more than its chunks can hold: what is not stored is filled in."""
    stored = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    for name, array in zarr.open_group(path, mode="r").arrays():
        if array.nbytes > max(ALWAYS_ALLOWED_BYTES, LARGEST_COMPRESSION * stored):
            raise FormatError(
                found=f"{name}: {array.nbytes / 2**30:.3g} GiB declared in a store of {stored / 2**20:.3g} MiB",
                expected="arrays that are stored in it",
                where=path.name,
                remedy="copy the store again from its source: chunks may be missing",
            )


def _named_codecs(content: object) -> Sequence[str]:
    """Return every codec id or name anywhere in Zarr metadata."""
    if isinstance(content, list):
        return [name for part in content for name in _named_codecs(part)]
    if not isinstance(content, dict):
        return []
    own = [str(content[key]) for key in ("id", "name") if isinstance(content.get(key), str)]
    return own + [name for key, part in content.items() if key != "attributes" for name in _named_codecs(part)]


def _layout_error(path: Path, found: str) -> FormatError:
    return FormatError(
        found=found,
        expected="position (time, space, keypoint(s), individual(s)) with names of all four",
        where=path.name,
        remedy="save the dataset again with movement",
    )
