"""Files that a person named: whether they can be read at all, and what they are where no format fits.

A folder, a broken link and a file of another user are three mistakes, and none of them is "no such file".
"""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from nsp_core.errors import FormatError, MissingFileError

__all__ = ["BEGINNING", "beginning_of", "nature_of", "require_content", "require_file"]

BEGINNING = 1 << 20
"""Bytes that tell a format: a header of ten thousand columns and the row below it."""

_UTF16 = "text in UTF-16, as spreadsheets call it Unicode: save it as UTF-8"
_NATURES = {
    b"\xff\xfe": _UTF16,
    b"\xfe\xff": _UTF16,
    b"\x1f\x8b": "a gzip archive",
    b"\x28\xb5\x2f\xfd": "a zstandard archive",
    b"\x42\x5a\x68": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"PK\x03\x04": "a zip archive or a spreadsheet (.xlsx, .ods): save its table as csv",
    b"\xd0\xcf\x11\xe0": "a spreadsheet (.xls): save its table as csv",
    b"\x89HDF\r\n\x1a\n": "HDF5",
    b"version https://git-lfs": "a pointer of Git LFS in place of the file: fetch it with git lfs pull",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"RIFF": "a video or sound (avi, wav)",
    b"\x1a\x45\xdf\xa3": "a video (mkv, webm)",
    **{
        bytes([0x80, protocol]): "a Python pickle, which is never opened as it may run code"
        for protocol in (2, 3, 4, 5)
    },
}
_TEXT_CONTROLS = frozenset(b"\t\n\f\r")


def require_file(path: Path, what: str, remedy: str = "correct the path") -> None:
    """Check that ``path`` is a file that can be read; a symbolic link is followed.

    Parameters
    ----------
    path
        As it was named.
    what
        What it should be, such as ``"a pose file"``.
    remedy
        What to do where nothing is there.

    Raises
    ------
    MissingFileError
        If there is none, or something else in its place.
    """
    if path.is_file():
        if os.access(path, os.R_OK):
            return
        found, remedy = "a file that may not be read", "give yourself the right to read it"
    elif path.is_dir():
        found, remedy = "a folder", "name a file"
    elif path.is_symlink():
        found, remedy = "a link that leads to no file", "correct the link, or fetch the file that it stands for"
    elif path.exists():
        found, remedy = "a pipe or device", "name a file"
    else:
        found = "no such file"
    raise MissingFileError(found=found, expected=what, where=str(path), remedy=remedy)


def beginning_of(path: Path, n_bytes: int = BEGINNING, what: str = "an annotation file") -> bytes:
    """Return the first bytes of ``path``, enough to tell its format.

    Raises
    ------
    MissingFileError
        As :func:`require_file`.
    """
    require_file(path, what)
    with path.open("rb") as stream:
        return stream.read(n_bytes)


def require_content(path: Path, what: str) -> None:
    """Check that ``path`` is a file that begins with more than blanks.

    Raises
    ------
    MissingFileError
        As :func:`require_file`.
    FormatError
        If it is empty.
    """
    if not beginning_of(path, what=what).removeprefix(codecs.BOM_UTF8).strip():
        raise FormatError(found="an empty file", expected=what, where=path.name, remedy="export it again")


def nature_of(beginning: bytes) -> str:
    r"""Return what the first bytes of a file show it to be, or an empty text where they are text like any other.

    Examples
    --------
    >>> nature_of(b"PK\x03\x04..."), nature_of(b"time,behavior"), nature_of(b"time\x01\x02")
    ('a zip archive or a spreadsheet (.xlsx, .ods): save its table as csv', '', 'binary content')
    """
    if beginning[4:8] == b"ftyp":
        return "a video (mp4, mov)"
    known = next((nature for magic, nature in _NATURES.items() if beginning.startswith(magic)), "")
    if known:
        return known
    is_binary = any(byte < 0x20 and byte not in _TEXT_CONTROLS for byte in beginning)
    return "binary content" if is_binary else ""
