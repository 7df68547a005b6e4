"""HDF5 files opened without trust: damage is an error that names the file, and nothing outside the file is read.

HDF5 may point to other files (external links, external and virtual storage) and may declare arrays of any size over a
few stored bytes. Pose files do neither, so both are refused. Python objects that libraries pickle into HDF5 are never
loaded by anyone here.

What cannot be promised: the HDF5 library itself, which is C, may crash or hang on a file in which single bytes were
altered (truncated files and missing parts do not lead there). No message is left then; open files of unknown origin in
a process of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nsp_adapters.input_file import require_file
from nsp_core.errors import FormatError, NspError

__all__ = [
    "ALWAYS_ALLOWED_BYTES",
    "HDF5_MAGIC",
    "LARGEST_COMPRESSION",
    "array_at",
    "is_hdf5",
    "opened_hdf5",
    "plain_text",
    "require_honest_arrays",
    "text_at",
]

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
# Deflate shrinks at most 1032-fold: whatever declares more is not tracker output.
LARGEST_COMPRESSION = 1_032
"""Declared bytes per stored byte."""
ALWAYS_ALLOWED_BYTES = 64 * 2**20


def is_hdf5(path: Path) -> bool:
    """Return whether ``path`` is a file that begins like HDF5."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(HDF5_MAGIC)) == HDF5_MAGIC


@contextmanager
def opened_hdf5(path: Path, what: str) -> Iterator[h5py.File]:
    """Yield ``path`` opened for reading.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If it is no HDF5, or damaged, also where the damage is met only while reading.
    """
    require_file(path, what)
    if not is_hdf5(path):
        with path.open("rb") as stream:
            beginning = stream.read(16)
        raise FormatError(
            found=f"no HDF5 file (it begins {beginning!r})" if beginning else "an empty file",
            expected=what,
            where=path.name,
            remedy="export the file again; a pickle or a csv does not become HDF5 by its name",
        )
    try:
        with h5py.File(path, "r") as opened:
            yield opened
    except NspError:
        raise
    except (OSError, LookupError, RuntimeError, ValueError, TypeError, ArithmeticError, MemoryError) as error:
        # h5py reports damage by any of these.
        raise FormatError(
            found=f"an HDF5 file that is truncated or damaged ({error})",
            expected=what,
            where=path.name,
            remedy="copy the file again from its source",
        ) from error


def array_at(group: h5py.Group, name: str, path: Path) -> h5py.Dataset:
    """Return the array ``name`` of ``group``, unread, after checking that it lies in this file and is of honest size.

    Raises
    ------
    FormatError
        If it is absent, a group, stored elsewhere, or declares far more than the file can hold.
    """
    link = group.get(name, getlink=True)
    array = None if isinstance(link, h5py.ExternalLink) else group.get(name)
    if isinstance(link, h5py.ExternalLink):
        found = "a link to another file"
    elif not isinstance(array, h5py.Dataset):
        found = "no such array"
    else:
        found = _dishonesty(array, path)
    if found:
        raise _not_stored_here(found, path, f"{group.name.rstrip('/')}/{name}")
    return array


def require_honest_arrays(opened: h5py.File, path: Path) -> None:
    """Check every array of a file as :func:`array_at` does, before a library reads them on its own.

    Raises
    ------
    FormatError
        If one is stored elsewhere or declares far more than the file can hold, or there is a link to another file.
    """
    groups, seen = [opened], {opened}
    while groups:
        group = groups.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink) or isinstance(group[name], h5py.Dataset):
                array_at(group, name, path)
            elif isinstance(group[name], h5py.Group) and group[name] not in seen:  # a group may contain itself
                groups.append(group[name])
                seen.add(group[name])


def text_at(group: h5py.Group, name: str, path: Path) -> list[str]:
    """Return the strings of the one-dimensional array ``name``; an empty array has none.

    Raises
    ------
    FormatError
        As :func:`array_at`, or if it holds no text.
    """
    array = array_at(group, name, path)
    values = array[()] if array.size else np.empty(0)
    if values.ndim != 1 or (values.size and h5py.check_string_dtype(array.dtype) is None):
        raise FormatError(
            found=f"an array of {array.dtype} with {values.ndim} dims",
            expected="a list of names",
            where=f"{path.name}, {group.name.rstrip('/')}/{name}",
            remedy="export the file again from the tracker",
        )
    return [plain_text(value) for value in values]


def plain_text(value: Any) -> str:
    """Return an HDF5 string, which may be bytes, text, an array of one of these or empty, as text.

    Examples
    --------
    >>> plain_text(np.bytes_(b"nose"))
    'nose'
    """
    if isinstance(value, h5py.Empty):
        return ""
    if isinstance(value, np.ndarray):
        value = value.item() if value.size == 1 else ""
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _dishonesty(array: h5py.Dataset, path: Path) -> str:
    """Return what is wrong with where an array is stored or with the size it declares, or an empty text."""
    stored = path.stat().st_size
    if array.is_virtual or array.external or array.file.filename != str(path):
        return "an array stored in other files"
    if array.shape is not None and array.nbytes > max(ALWAYS_ALLOWED_BYTES, LARGEST_COMPRESSION * stored):
        return f"{array.nbytes / 2**30:.3g} GiB declared in a file of {stored / 2**20:.3g} MiB"
    return ""


def _not_stored_here(found: str, path: Path, name: str) -> FormatError:
    return FormatError(
        found=found,
        expected="an array stored in this file",
        where=f"{path.name}, {name}",
        remedy="export the file again from the tracker",
    )
