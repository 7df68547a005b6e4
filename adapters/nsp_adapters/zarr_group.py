"""The files of one Zarr v3 group: arrays written block by block, sealed one by one, and read by name.

A *seal* stands in the attributes of the group and of each of its arrays, as flat plain text, so that a dataset opened
with plain xarray can be saved as netCDF as it is:

========================  ==============================================================================
``nsp_key``               what the group or the variable was computed from; coordinates have none
``nsp_content_digest``    of an array: its :class:`nsp_core.provenance.VariableDigest`
``nsp_coordinates``       of a variable: JSON text, name -> content digest of the coordinates on its dims
``nsp_files_digest``      SHA-256 over the files of the array, or over the group's own metadata; written last
========================  ==============================================================================

An array without a seal counts as absent. As every seal lies in the folder that it vouches for, one renamed folder adds
a variable whole, whoever else adds one at the same time. Arrays are chunked along time only, by ``CHUNK_FRAMES`` frames
or fewer if the recording is shorter. Floats have the fill value NaN and no CF ``_FillValue``, so that nothing is masked
or rescaled on reading; strings have the data type ``string`` (variable length), the only text type with a Zarr v3
specification.

References
----------
Zarr v3 core specification, https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from zarr.storage import LocalStore

from nsp_adapters.manifest import file_sha256
from nsp_core.provenance import VariableDigest, dataset_digest, digest

__all__ = ["CHUNK_FRAMES", "METADATA", "Seal", "is_intact", "open_group", "read_seal", "write_group"]

CHUNK_FRAMES = 16_384
METADATA = "zarr.json"

_KEY, _CONTENT, _COORDINATES, _FILES = "nsp_key", "nsp_content_digest", "nsp_coordinates", "nsp_files_digest"
_SEAL = {_KEY, _CONTENT, _COORDINATES, _FILES}


@dataclass(frozen=True, slots=True)
class Seal:
    """What the metadata of a group or an array say of it; :func:`is_intact` tells whether that is still true.

    Attributes
    ----------
    key
        What it was computed from; None for a coordinate.
    content
        Content digest of an array, empty for a group.
    coordinates
        Of a variable: the coordinates on its dims, name -> content digest.
    n_frames
        Length along time; None where there is no such dim.
    attributes
        Those of the dataset or variable itself.
    """

    key: str | None
    content: str
    coordinates: Mapping[str, str]
    n_frames: int | None
    attributes: Mapping[str, Any]


def write_group(
    folder: Path, chunks: Iterable[xr.Dataset], key: str, variable_keys: Mapping[str, str] | None
) -> tuple[list[str], list[str]]:
    """Write consecutive chunks along time as one sealed group, with a few blocks of them in memory at a time.

    The bytes depend on the frames, not on how they were cut into chunks.

    Parameters
    ----------
    folder
        Empty folder to fill.
    chunks
        At least one; they differ in nothing but what lies along ``time``, always the first dim.
    key, variable_keys
        Key of the group and of each variable; None: the group's for all.

    Returns
    -------
    Names of the coordinates and of the variables. A coordinate on dims that no variable has is left out.

    Raises
    ------
    ValueError
        If there is no chunk, a chunk has no first dim ``time``, or differs from the first in anything but its frames.
    """
    layout, contents = _write_arrays(folder, _blocks(_consecutive(chunks)))
    for name in layout.coords:
        _seal(folder / str(name), {_CONTENT: contents[name]})
    for name, variable in layout.data_vars.items():
        on_its_dims = {str(one): contents[one] for one in layout.coords if set(layout[one].dims) <= set(variable.dims)}
        seal = {
            _KEY: key if variable_keys is None else variable_keys[str(name)],
            _CONTENT: contents[name],
            _COORDINATES: json.dumps(on_its_dims, sort_keys=True, ensure_ascii=False),
        }
        _seal(folder / str(name), seal)
    _seal(folder, {_KEY: key})
    return [str(name) for name in layout.coords], [str(name) for name in layout.data_vars]


def read_seal(folder: Path) -> Seal | None:
    """Return the seal of a group or array, or None if there is none that can be read."""
    try:
        metadata = _read_metadata(folder)
        own = metadata["attributes"]
        if _FILES not in own:
            return None
        dims = list(metadata.get("dimension_names") or ())
        return Seal(
            key=own.get(_KEY),
            content=own.get(_CONTENT, ""),
            coordinates=json.loads(own.get(_COORDINATES, "{}")),
            n_frames=metadata["shape"][dims.index("time")] if "time" in dims else None,
            attributes={name: value for name, value in own.items() if name not in _SEAL},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Whatever is wrong with the metadata, the remedy is the same: write it again.
        return None


def is_intact(folder: Path) -> bool:
    """Return whether a group's metadata, or all files of an array, are as they were sealed; an array is read whole."""
    try:
        metadata = _read_metadata(folder)
        sealed: bool = metadata["attributes"][_FILES] == _files_digest(folder, metadata)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return sealed


def open_group(folder: Path, names: Sequence[str], coordinates: Iterable[str]) -> xr.Dataset:
    """Return some variables of a group, in the order asked, and some coordinates; arrays are read when used."""
    members = _Members(folder, [*names, *coordinates])
    stored = xr.open_zarr(members, consolidated=False, chunks=None, decode_times=False)
    variables = dict(stored.variables)
    for attributes in (stored.attrs, *(variable.attrs for variable in variables.values())):
        for name in _SEAL:
            attributes.pop(name, None)
    coords = {name: variables[name] for name in coordinates}
    return _with_object_strings(xr.Dataset({name: variables[name] for name in names}, coords, stored.attrs))


class _Members(LocalStore):
    """A stored group as if it held only these arrays: whatever else lies in the folder cannot be in the way."""

    def __init__(self, root: Path, names: Iterable[str]) -> None:
        super().__init__(root, read_only=True)
        self._names = tuple(names)

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        for name in self._names:
            yield name


def _write_arrays(folder: Path, blocks: Iterator[xr.Dataset]) -> tuple[xr.Dataset, dict[Hashable, str]]:
    """Write all blocks, without seals, and return the dataset without frames and the content digest of every array."""
    block = next(blocks)
    # A copy, so that nothing keeps the first block in memory while the others pass.
    layout = block.isel(time=slice(0)).copy(deep=True)
    block.to_zarr(folder, mode="w", zarr_format=3, consolidated=False, encoding=_encoding(block))
    digests = {name: VariableDigest(variable) for name, variable in layout.variables.items()}
    for name, digest_so_far in digests.items():
        digest_so_far.update(block.variables[name])
    group = zarr.open_group(folder, mode="r+")
    arrays: dict[Hashable, Any] = {name: group[str(name)] for name in layout.variables if "time" in layout[name].dims}
    n_frames = n_reserved = block.sizes["time"]
    for block in blocks:
        start, n_frames = n_frames, n_frames + block.sizes["time"]
        grow = n_frames > n_reserved
        # Growing an array rewrites its metadata: twice the room each time makes that rare.
        n_reserved = 2 * n_frames if grow else n_reserved
        for name, array in arrays.items():
            if grow:
                array.resize((n_reserved, *array.shape[1:]))
            array[start:n_frames] = block.variables[name].values
            digests[name].update(block.variables[name])
    for array in arrays.values():
        array.resize((n_frames, *array.shape[1:]))
    return layout, {name: running.hexdigest() for name, running in digests.items()}


def _consecutive(chunks: Iterable[xr.Dataset]) -> Iterator[xr.Dataset]:
    """Yield the chunks as they are stored, each checked against the first."""
    expected = None
    for chunk in chunks:
        # Selecting all variables drops the coordinates that none of them needs.
        stored = _with_object_strings(chunk[list(chunk.data_vars)]).drop_encoding()
        dims = {str(name): variable.dims for name, variable in stored.variables.items()}
        if "time" not in stored.dims or any("time" in found[1:] for found in dims.values()):
            raise ValueError(f"found variables of dims {dims}, expected time as the first dim; transpose them")
        shared = dataset_digest(stored.isel(time=slice(0)))
        if expected not in (None, shared):
            raise ValueError(
                "found a chunk that differs from the first in more than its frames, expected the same variables, "
                "attributes and coordinates; cut one dataset along time"
            )
        expected = shared
        yield stored
    if expected is None:
        raise ValueError("found no chunk to write, expected at least one, which may be empty")


def _blocks(chunks: Iterable[xr.Dataset]) -> Iterator[xr.Dataset]:
    """Yield the same frames in blocks of exactly CHUNK_FRAMES but for the last: at least one block, perhaps empty."""
    pieces: list[xr.Dataset] = []
    n_waiting, n_blocks = 0, 0
    for chunk in chunks:
        start, n_frames = 0, chunk.sizes["time"]
        while n_waiting + n_frames - start >= CHUNK_FRAMES:
            stop = start + CHUNK_FRAMES - n_waiting
            yield _joined([*pieces, chunk.isel(time=slice(start, stop))])
            pieces, n_waiting, start = [], 0, stop
            n_blocks += 1
        if start < n_frames or not (pieces or n_blocks):
            pieces.append(chunk.isel(time=slice(start, None)))
            n_waiting += n_frames - start
    if pieces:
        yield _joined(pieces)


def _joined(pieces: Sequence[xr.Dataset]) -> xr.Dataset:
    if len(pieces) == 1:
        return pieces[0].load()
    return xr.concat(
        pieces,
        "time",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="override",
        combine_attrs="override",
    )


def _with_object_strings(dataset: xr.Dataset) -> xr.Dataset:
    texts = {name: variable for name, variable in dataset.variables.items() if variable.dtype.kind in "UT"}
    return dataset.assign({name: variable.astype(object) for name, variable in texts.items()}) if texts else dataset


def _encoding(dataset: xr.Dataset) -> dict[Hashable, dict[str, Any]]:
    encoding: dict[Hashable, dict[str, Any]] = {}
    for name, variable in dataset.variables.items():
        encoding[name] = {}
        if variable.dims:
            # Zarr refuses chunks of length 0, which an empty dim would ask for.
            sizes = {dim: max(size, 1) for dim, size in variable.sizes.items()}
            encoding[name]["chunks"] = tuple(min(n, CHUNK_FRAMES) if dim == "time" else n for dim, n in sizes.items())
        if np.issubdtype(variable.dtype, np.floating):
            encoding[name] |= {"fill_value": float("nan"), "_FillValue": None}
    return encoding


def _seal(folder: Path, seal: Mapping[str, str]) -> None:
    metadata = _read_metadata(folder)
    metadata["attributes"] |= seal
    metadata["attributes"][_FILES] = _files_digest(folder, metadata)
    (folder / METADATA).write_text(json.dumps(metadata, indent=2), encoding="utf-8", newline="\n")


def _read_metadata(folder: Path) -> dict[str, Any]:
    metadata: dict[str, Any] = json.loads((folder / METADATA).read_bytes())
    return metadata


def _files_digest(folder: Path, metadata: Mapping[str, Any]) -> str:
    """Return the digest of the metadata, without the attribute that holds it, and of all other files of an array."""
    attributes = {name: value for name, value in metadata["attributes"].items() if name != _FILES}
    of_group = metadata["node_type"] == "group"
    files = {} if of_group else {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    files.pop(METADATA, None)
    return digest({**metadata, "attributes": attributes}, {name: file_sha256(path) for name, path in files.items()})


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
