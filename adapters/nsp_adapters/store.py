"""Zarr v3 store: one group per recording, in it one group per stage, named by what its variables share.

::

    <root>/<recording>.zarr/zarr.json               empty group
    <root>/<recording>.zarr/poses-0123456789ab/     variables of the stage ``poses``
    <root>/<recording>.zarr/features-ba9876543210/  variables of the stage ``features``, as far as anyone asked

Plain xarray reads a stage, ``xr.open_zarr(path, group="poses-0123456789ab", consolidated=False, chunks=None)``, or the
whole recording, ``xr.open_datatree(path, engine="zarr", consolidated=False)``. What makes a variable complete and
undamaged is its seal, see :mod:`nsp_adapters.zarr_group`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import xarray as xr

from nsp_adapters.atomic import (
    KEY_LENGTH,
    atomic_write_text,
    file_name,
    move_directory,
    prune_older_keys,
    temporary_directory,
)
from nsp_adapters.zarr_group import METADATA, Seal, is_intact, open_group, read_seal, write_group
from nsp_core.errors import MissingFileError, OutputError
from nsp_core.provenance import combine_digests
from nsp_core.storage import StoredGroup

__all__ = ["RecordingStore"]

_EMPTY_GROUP = '{\n  "attributes": {},\n  "zarr_format": 3,\n  "node_type": "group"\n}'


class RecordingStore:
    """Stages of recordings under one folder; implements :class:`nsp_core.storage.Store`.

    Parameters
    ----------
    root
        Folder of the store; created when the first stage is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, recording: str, stage: str, key: str, variable_keys: Mapping[str, str]) -> tuple[str, ...]:
        """Return which of the variables ``name -> variable key`` are stored, complete and undamaged, in this order.

        The files of these variables and of their coordinates are read and compared with the digests written with
        them: finding a variable costs as much as reading it once, compressed.
        """
        folder = self._folder(recording, stage, key)
        group = read_seal(folder)
        if group is None or group.key != key or not is_intact(folder):
            return ()
        seals = {name: read_seal(folder / name) for name in variable_keys}
        asked = {name: seal for name, seal in seals.items() if seal and seal.key == variable_keys[name]}
        needed = {name for seal in asked.values() for name in seal.coordinates}
        intact = {name for name in sorted(needed) if is_intact(folder / name)}
        return tuple(
            name
            for name, seal in asked.items()
            if intact.issuperset(seal.coordinates) and _agrees(folder, seal) and is_intact(folder / name)
        )

    def write(
        self,
        recording: str,
        stage: str,
        key: str,
        chunks: xr.Dataset | Iterable[xr.Dataset],
        variable_keys: Mapping[str, str] | None = None,
    ) -> StoredGroup:
        """Add variables to a stage, each whole or not at all, and remove older keys of the same stage.

        Variables of the same names are replaced, others stay untouched. The same variables always give the same bytes,
        however their frames are cut into chunks and whichever is added first. Attributes must be JSON values; a tuple
        or array among them is read back as a list.

        Parameters
        ----------
        recording, stage
            Names; the recording's may contain any character.
        key
            Digest (64 hexadecimal digits) of what attributes and coordinates of the stage were computed from.
        chunks
            One dataset, or consecutive chunks along ``time`` of which only a few are in memory at a time. ``time`` is
            the first dim. Strings may be of any string dtype and are read back as objects.
        variable_keys
            Digest of what each variable was computed from beyond ``key``; by default ``key``.

        Raises
        ------
        OutputError
            If the folder cannot be written or the disk is full, or the stage holds other attributes or coordinates
            under the same key; what was stored before stays.
        ValueError
            If the chunks do not belong together, see :func:`nsp_adapters.zarr_group.write_group`.
        """
        folder = self._folder(recording, stage, key)
        # Written beside the recording, not in it: xarray lists even hidden folders of a group as its members.
        with temporary_directory(folder, aside=self.root) as fresh:
            pieces = [chunks] if isinstance(chunks, xr.Dataset) else chunks
            coordinates, names = write_group(fresh, pieces, key, variable_keys)
            if not (folder.parent / METADATA).exists():
                atomic_write_text(folder.parent / METADATA, _EMPTY_GROUP)
            stored = read_seal(folder)
            if stored is not None and stored.key == key and is_intact(folder):
                _add(fresh, folder, coordinates, names)
            else:
                move_directory(fresh, folder)
        prune_older_keys(folder.parent, stage, key, aside=self.root)
        return self.refer(recording, stage, key, names)

    def refer(self, recording: str, stage: str, key: str, names: Sequence[str]) -> StoredGroup:
        """Return the reference of stored variables; only their metadata are read.

        Raises
        ------
        MissingFileError
            If one of them was never written or is of another key.
        """
        folder = self._folder(recording, stage, key)
        group, seals, coordinates = self._sealed(folder, recording, stage, names)
        contents = {name: seal.content for name, seal in seals.items()}
        lengths = [seal.n_frames for seal in seals.values() if seal.n_frames is not None]
        content = combine_digests(group.attributes, coordinates, contents)
        return StoredGroup(str(folder.parent), folder.name, content, max(lengths, default=0), tuple(names))

    def open(self, recording: str, stage: str, key: str, names: Sequence[str] | None = None) -> xr.Dataset:
        """Return stored variables, identical to those written, in the order asked; by default all, in that of names.

        Coordinates on dims that none of them has are left out. Arrays are read when they are used.

        Raises
        ------
        MissingFileError
            If one of them was never written, or the stage was replaced by one of another key.
        """
        folder = self._folder(recording, stage, key)
        asked = _variables(folder) if names is None else names
        _, _, coordinates = self._sealed(folder, recording, stage, asked)
        return open_group(folder, asked, coordinates)

    def _sealed(
        self, folder: Path, recording: str, stage: str, names: Iterable[str]
    ) -> tuple[Seal, dict[str, Seal], dict[str, str]]:
        """Return the seal of the group, those of the variables, and the content digests of their coordinates."""
        group = read_seal(folder)
        if group is None:
            raise _missing("no such group", f"the stage '{stage}' of recording {recording}", folder)
        seals = {name: read_seal(folder / name) for name in names}
        sealed = {name: seal for name, seal in seals.items() if seal and seal.key is not None and _agrees(folder, seal)}
        absent = [name for name in seals if name not in sealed]
        if absent:
            wanted = f"it in the stage '{stage}' of recording {recording}"
            raise _missing(f"no variable {', '.join(absent)}", wanted, folder)
        coordinates = {name: content for seal in sealed.values() for name, content in seal.coordinates.items()}
        return group, sealed, coordinates

    def _folder(self, recording: str, stage: str, key: str) -> Path:
        return self.root / f"{file_name(recording)}.zarr" / f"{stage}-{key[:KEY_LENGTH]}"


def _add(fresh: Path, folder: Path, coordinates: Iterable[str], names: Iterable[str]) -> None:
    """Move the arrays of a fresh group into a stored one of the same key, coordinates first."""
    new, stored = read_seal(fresh), read_seal(folder)
    if new != stored:
        raise _contradiction("other attributes", folder)
    for name in coordinates:
        if is_intact(folder / name):
            if read_seal(folder / name) != read_seal(fresh / name):
                raise _contradiction(f"another coordinate {name}", folder)
        else:
            move_directory(fresh / name, folder / name)
    for name in names:
        move_directory(fresh / name, folder / name)


def _agrees(folder: Path, seal: Seal) -> bool:
    """Return whether the coordinates in ``folder`` are those a variable was written with."""
    stored = {name: read_seal(folder / name) for name in seal.coordinates}
    return all(found is not None and found.content == seal.coordinates[name] for name, found in stored.items())


def _variables(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    seals = {path.name: read_seal(path) for path in folder.iterdir()}
    return sorted(name for name, seal in seals.items() if seal and seal.key is not None and _agrees(folder, seal))


def _missing(found: str, expected: str, folder: Path) -> MissingFileError:
    return MissingFileError(
        found=found,
        expected=expected,
        where=str(folder),
        remedy="run the stage again: its inputs or settings have changed, or the store was moved",
    )


def _contradiction(what: str, folder: Path) -> OutputError:
    return OutputError(
        found=f"{what} than those stored under the same key",
        expected="the same",
        where=str(folder),
        remedy="delete this folder, it is computed again: another version of the software wrote it",
    )
