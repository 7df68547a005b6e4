"""Writing all of a result or nothing: a reader never sees half a file, and a killed run leaves what was there.

Everything is written to a hidden temporary on the same file system, ``.<name>.<pid>-<machine><token>.tmp``, flushed to
the disk and renamed into place. What a killed run leaves is hidden and removed by :func:`sweep_stale`. One writer per
path at a time is assumed; two runs may share a folder.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from nsp_core.errors import NspError, OutputError

__all__ = [
    "KEY_LENGTH",
    "atomic_directory",
    "atomic_file",
    "atomic_write_bytes",
    "atomic_write_text",
    "file_name",
    "move_directory",
    "prune_older_keys",
    "sweep_stale",
    "temporary_directory",
    "write_json",
]

KEY_LENGTH = 12
"""Digits of a key that stand in a file name."""

_TEMPORARY = re.compile(r"\..+\.(?P<pid>\d+)-(?P<machine>[0-9a-f]{8})[0-9a-f]{8}\.tmp")
_UNSAFE = re.compile(r'[\x00-\x1f<>:"/\\|?*%]|^\.')
# A process of another machine cannot be asked whether it lives; what it has not touched for a day is abandoned.
_ABANDONED_AFTER_S = 86_400

_DISK_IS_FULL = {errno.ENOSPC, errno.EDQUOT}
_MAY_NOT_WRITE = {errno.EACCES, errno.EPERM, errno.EROFS}
_IN_THE_WAY = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY}


def file_name(name: str) -> str:
    """Return ``name`` as one path component on any system; characters a file name cannot have become ``%XX``.

    Examples
    --------
    >>> file_name("cage 3/day 1")
    'cage 3%2Fday 1'
    """
    return _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", name)


def atomic_write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, line ends as they are; see :func:`atomic_file`."""
    atomic_write_bytes(path, text.encode())


def write_json(path: Path, values: Mapping[str, Any]) -> Path:
    """Write ``values`` as JSON that a person can read, whole or not at all, and return ``path``."""
    atomic_write_text(path, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def atomic_write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``; see :func:`atomic_file`."""
    with atomic_file(path) as temporary, _output_errors(path):
        temporary.write_bytes(content)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; it becomes ``path`` at the end, or vanishes on an exception.

    Missing parent folders are created.

    Raises
    ------
    OutputError
        If the folder cannot be written or the disk is full.
    """
    temporary = _temporary(path, path.parent)
    try:
        with _output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with _output_errors(path, only=_DISK_IS_FULL):
            yield temporary
        with _output_errors(path):
            _flush(temporary)
            os.replace(temporary, path)
    finally:
        _remove(temporary)


@contextmanager
def atomic_directory(path: Path, *, aside: Path | None = None) -> Iterator[Path]:
    """Yield an empty temporary folder to fill; it becomes ``path`` at the end, or vanishes on an exception.

    A folder already at ``path`` is replaced as a whole, and only after the new one is complete.

    Parameters
    ----------
    path
        The folder to be.
    aside
        Folder of the temporary, on the same file system; by default the parent of ``path``.

    Raises
    ------
    OutputError
        If the folder cannot be written or the disk is full.
    """
    with temporary_directory(path, aside=aside) as temporary:
        yield temporary
        move_directory(temporary, path)


@contextmanager
def temporary_directory(path: Path, *, aside: Path | None = None) -> Iterator[Path]:
    """Yield an empty temporary folder for what will become ``path`` or parts of it; it vanishes at the end.

    Parameters and errors as :func:`atomic_directory`.
    """
    temporary = _temporary(path, aside or path.parent)
    try:
        with _output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.mkdir(parents=True)
        with _output_errors(path, only=_DISK_IS_FULL):
            yield temporary
    finally:
        _remove(temporary)


def move_directory(fresh: Path, path: Path) -> None:
    """Flush the complete folder ``fresh`` to the disk and make it ``path``, in place of a folder already there.

    Both are on the same file system.

    Raises
    ------
    OutputError
        If the folder cannot be written or the disk is full.
    """
    with _output_errors(path):
        for member in fresh.rglob("*"):
            if member.is_file():
                _flush(member)
        _replace_directory(fresh, path)


def prune_older_keys(folder: Path, stem: str, key: str, *, aside: Path | None = None) -> None:
    """Remove the folders ``<stem>-<12 digits>`` in ``folder`` that belong to other keys than ``key``.

    Each vanishes in one step: it is renamed to a temporary (in ``aside``, by default ``folder``) and then removed.
    """
    keyed = re.compile(re.escape(stem) + rf"-[0-9a-f]{{{KEY_LENGTH}}}")
    for path in sorted(folder.iterdir()):
        if keyed.fullmatch(path.name) and not path.name.endswith(key[:KEY_LENGTH]):
            temporary = _temporary(path, aside or folder)
            with _output_errors(path):
                os.rename(path, temporary)
            _remove(temporary)


def sweep_stale(folder: Path) -> tuple[Path, ...]:
    """Remove the temporaries that dead runs left in ``folder`` (not in its subfolders) and return their paths.

    A temporary is kept while the process that made it lives. One made on another machine is kept for a day after its
    last change. A folder that does not exist has none.
    """
    if not folder.is_dir():
        return ()
    stale = [path for path in sorted(folder.iterdir()) if _is_abandoned(path)]
    for path in stale:
        _remove(path)
    return tuple(path for path in stale if not path.exists())


def _temporary(path: Path, folder: Path) -> Path:
    return folder / f".{path.name}.{os.getpid()}-{_machine()}{secrets.token_hex(4)}.tmp"


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _is_abandoned(path: Path) -> bool:
    made_by = _TEMPORARY.fullmatch(path.name)
    if made_by is None:
        return False
    if made_by["machine"] == _machine() and sys.platform != "win32":
        return not _is_running(int(made_by["pid"]))
    try:
        return time.time() - path.stat().st_mtime > _ABANDONED_AFTER_S
    except FileNotFoundError:  # its run has just finished
        return False


def _is_running(pid: int) -> bool:
    # Not for Windows, where os.kill(pid, 0) is no question but an interrupt.
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _flush(path: Path) -> None:
    with path.open("r+b") as stream:
        os.fsync(stream.fileno())


def _replace_directory(fresh: Path, path: Path) -> None:
    # A folder cannot be renamed onto a full one: the old one steps aside, and back if the new one cannot replace it.
    old = _temporary(path, fresh.parent)
    if path.exists():
        os.rename(path, old)
    try:
        os.rename(fresh, path)
    except OSError:
        if old.exists():
            os.rename(old, path)
        raise
    _remove(old)


def _remove(path: Path) -> None:
    # What cannot be removed stays hidden; an error here would hide the reason why the run ended.
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def _output_errors(path: Path, only: set[int] | None = None) -> Iterator[None]:
    try:
        yield
    except NspError:
        raise
    except OSError as error:
        if only is not None and error.errno not in only:
            raise
        raise OutputError(
            found=error.strerror or str(error),
            expected="a folder that can be written, with enough free space",
            where=str(path),
            remedy=_remedy(error.errno),
        ) from error


def _remedy(number: int | None) -> str:
    if number in _DISK_IS_FULL:
        return "free some space or write to another disk; what was there before is unchanged, and a new run resumes"
    if number in _MAY_NOT_WRITE:
        return "choose an output folder you may write to, and close programs that have these files open"
    if number in _IN_THE_WAY:
        return "a file stands where a folder is needed, or the reverse: move it or choose another output folder"
    return "check the output folder and run again"
