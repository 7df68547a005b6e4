"""Zarr v3 store: one group per recording, in it one group per stage, named by what it was computed from.

::

    <root>/<recording>.zarr/zarr.json               empty group
    <root>/<recording>.zarr/poses-0123456789ab/     dataset of the stage ``poses``
    <root>/<recording>.zarr/features-ba9876543210/  dataset of the stage ``features``

Plain xarray reads a stage, ``xr.open_zarr(path, group="poses-0123456789ab", consolidated=False, chunks=None)``, or the
whole recording, ``xr.open_datatree(path, engine="zarr", consolidated=False)``. Arrays are chunked along time only.
Floats have the fill value NaN and no CF ``_FillValue``, so that nothing is masked or rescaled on reading; strings have
the data type ``string`` (variable length), the only text type with a Zarr v3 specification. Each stage's attributes
carry the content digest, the key and a digest of the stage's files, written last.

References
----------
Zarr v3 core specification, https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nsp_adapters.atomic import KEY_LENGTH, atomic_directory, atomic_write_text, file_name, prune_older_keys
from nsp_adapters.manifest import file_sha256
from nsp_core.errors import MissingFileError
from nsp_core.provenance import dataset_digest, digest
from nsp_core.storage import StoredGroup

__all__ = ["CHUNK_FRAMES", "RecordingStore"]

CHUNK_FRAMES = 16_384

_METADATA = "zarr.json"
_EMPTY_GROUP = '{\n  "attributes": {},\n  "zarr_format": 3,\n  "node_type": "group"\n}'
# Flat attributes of plain text: a dataset opened with plain xarray can be saved as netCDF as it is.
_KEY, _CONTENT, _FILES, _ORDER = "nsp_key", "nsp_content_digest", "nsp_files_digest", "nsp_variables"
_OWN_ATTRIBUTES = {_KEY, _CONTENT, _FILES, _ORDER}


class RecordingStore:
    """Stages of recordings under one folder; implements :class:`nsp_core.storage.Store`.

    Parameters
    ----------
    root
        Folder of the store; created when the first stage is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, recording: str, stage: str, key: str) -> StoredGroup | None:
        """Return the reference of a stored stage, or None if it is absent, incomplete or damaged.

        All of the stage's files are read and compared with the digest written with them: finding a stage costs as
        much as reading it once, compressed.
        """
        folder = self._folder(recording, stage, key)
        try:
            attributes = _group_metadata(folder)["attributes"]
            intact = attributes[_KEY] == key and attributes[_FILES] == _files_digest(folder)
        except (OSError, ValueError, KeyError, TypeError):
            # Whatever is wrong with the metadata, the remedy is the same: compute the stage again.
            return None
        if not intact:
            return None
        n_frames = _open(folder).sizes["time"]
        return StoredGroup(str(folder.parent), folder.name, attributes[_CONTENT], n_frames)

    def has(self, recording: str, stage: str, key: str) -> bool:
        """Return whether this stage is stored, complete and undamaged; see :meth:`find` for the cost."""
        return self.find(recording, stage, key) is not None

    def write(self, recording: str, stage: str, key: str, dataset: xr.Dataset) -> StoredGroup:
        """Store ``dataset``, all of it or nothing, and remove older keys of the same stage.

        The same dataset always gives the same bytes. Attributes must be JSON values; a tuple or array among them is
        read back as a list.

        Parameters
        ----------
        recording, stage
            Names; the recording's may contain any character.
        key
            Digest (64 hexadecimal digits) of everything the dataset was computed from.
        dataset
            Must have a dim ``time``. Strings may be of any string dtype and are read back as objects.

        Raises
        ------
        OutputError
            If the folder cannot be written or the disk is full; what was stored before stays.
        """
        folder = self._folder(recording, stage, key)
        portable = _with_object_strings(dataset).drop_encoding()
        content = dataset_digest(portable)
        # Written beside the recording, not in it: xarray lists even hidden folders of a group as its members.
        with atomic_directory(folder, aside=self.root) as temporary:
            portable.to_zarr(temporary, mode="w", zarr_format=3, consolidated=False, encoding=_encoding(portable))
            _seal(temporary, {_KEY: key, _CONTENT: content, _ORDER: [str(name) for name in portable.data_vars]})
            if not (folder.parent / _METADATA).exists():
                atomic_write_text(folder.parent / _METADATA, _EMPTY_GROUP)
        prune_older_keys(folder.parent, stage, key, aside=self.root)
        return StoredGroup(str(folder.parent), folder.name, content, portable.sizes["time"])

    def open(self, recording: str, stage: str, key: str) -> xr.Dataset:
        """Return a stored dataset, identical to the one written; its arrays are read when they are used.

        Raises
        ------
        MissingFileError
            If the stage was never written, or replaced by one of another key.
        """
        folder = self._folder(recording, stage, key)
        if not (folder / _METADATA).is_file():
            raise MissingFileError(
                found="no such group",
                expected=f"the stage '{stage}' of recording {recording}",
                where=str(folder),
                remedy="run the stage again: its inputs or settings have changed, or the store was moved",
            )
        return _open(folder)

    def _folder(self, recording: str, stage: str, key: str) -> Path:
        return self.root / f"{file_name(recording)}.zarr" / f"{stage}-{key[:KEY_LENGTH]}"


def _open(folder: Path) -> xr.Dataset:
    stored = xr.open_zarr(folder, consolidated=False, chunks=None, decode_times=False)
    # Zarr lists arrays in the order of the file system; whoever loops over features expects the order written.
    variables = {name: stored.variables[name] for name in stored.attrs[_ORDER]}
    attributes = {name: value for name, value in stored.attrs.items() if name not in _OWN_ATTRIBUTES}
    return _with_object_strings(xr.Dataset(variables, coords=stored.coords, attrs=attributes))


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


def _seal(folder: Path, attributes: dict[str, object]) -> None:
    metadata = _group_metadata(folder)
    metadata["attributes"] |= attributes
    _write_metadata(folder, metadata)
    metadata["attributes"][_FILES] = _files_digest(folder)
    _write_metadata(folder, metadata)


def _group_metadata(folder: Path) -> dict[str, Any]:
    metadata: dict[str, Any] = json.loads((folder / _METADATA).read_bytes())
    return metadata


def _write_metadata(folder: Path, metadata: dict[str, Any]) -> None:
    (folder / _METADATA).write_text(json.dumps(metadata, indent=2), encoding="utf-8", newline="\n")


def _files_digest(folder: Path) -> str:
    """Return the digest of all files of a stage; of its own metadata, without the attribute that holds the digest."""
    metadata = _group_metadata(folder)
    metadata["attributes"].pop(_FILES, None)
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    del files[_METADATA]
    return digest(metadata, {name: file_sha256(path) for name, path in files.items()})
