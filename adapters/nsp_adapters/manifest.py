"""The manifest beside a run's results: what went in, what came out, and the digests of both.

``manifest.json`` is UTF-8 JSON with sorted keys. It holds no times, host names or absolute paths, so that the same
input gives the same bytes; those belong to ``run.log``, which no digest covers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nsp_adapters.atomic import atomic_write_text
from nsp_core.errors import FormatError, MissingFileError
from nsp_core.provenance import CORE_VERSION

__all__ = [
    "MANIFEST_NAME",
    "RUN_LOG_NAME",
    "InputFile",
    "Manifest",
    "OutputFile",
    "describe_input",
    "describe_outputs",
    "file_sha256",
    "path_sha256",
    "read_manifest",
    "software_version",
    "verify_manifest",
    "write_manifest",
]

MANIFEST_NAME = "manifest.json"
RUN_LOG_NAME = "run.log"
_DISTRIBUTION = "nsp-ethogram"
_READ_SIZE = 1 << 20


def software_version() -> str:
    """Return the installed version, or ``unknown`` where the sources are used without installing them."""
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputFile(_Entry):
    """A file that was read: its name without the folder, its SHA-256, and its number of frames (where it has any)."""

    file_name: str
    sha256: str
    n_frames: int | None = None


class OutputFile(_Entry):
    """A file that was written: its SHA-256 and its size in bytes."""

    sha256: str
    n_bytes: int


class Manifest(_Entry):
    """What a run read and wrote.

    Attributes
    ----------
    schema_version
        Version of this layout.
    software_version, core_version
        The installed release, and the number that changes whenever results change.
    study_digest
        Digest of the study's settings.
    seeds
        The integers from which all randomness of the run derives.
    inputs
        By recording, the files that were read.
    outputs
        By path relative to the manifest's folder, with forward slashes.
    programs
        By behavior, the id of the program that was run.
    """

    schema_version: Literal[1] = 1
    software_version: str = Field(default_factory=software_version)
    core_version: int = CORE_VERSION
    study_digest: str
    seeds: tuple[int, ...] = ()
    inputs: dict[str, tuple[InputFile, ...]] = {}
    outputs: dict[str, OutputFile] = {}
    programs: dict[str, str] = {}


def file_sha256(path: Path) -> str:
    """Return the SHA-256 (64 hexadecimal digits) of a file's bytes, read piece by piece.

    Raises
    ------
    MissingFileError
        If there is no such file.
    """
    running = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while piece := stream.read(_READ_SIZE):
                running.update(piece)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _missing(path, "check the path") from error
    return running.hexdigest()


def path_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of all files in a folder (a Zarr store).

    Raises
    ------
    MissingFileError
        If there is neither.
    """
    if not path.is_dir():
        return file_sha256(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listed = [[file.relative_to(path).as_posix(), file_sha256(file)] for file in files]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def describe_input(path: Path, n_frames: int | None = None) -> InputFile:
    """Return the manifest entry of an input file."""
    return InputFile(file_name=path.name, sha256=file_sha256(path), n_frames=n_frames)


def describe_outputs(folder: Path, paths: Iterable[Path]) -> dict[str, OutputFile]:
    """Return the manifest entries of the files ``paths`` in ``folder``; a folder among them stands for all its files.

    Hidden files (temporaries), the manifest and the run log are left out.
    """
    files = (member for path in paths for member in (sorted(path.rglob("*")) if path.is_dir() else (path,)))
    entries: dict[str, OutputFile] = {}
    for path in files:
        relative = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in relative.parts)
        if path.is_dir() or hidden or path.name in (MANIFEST_NAME, RUN_LOG_NAME):
            continue
        entries[relative.as_posix()] = OutputFile(sha256=file_sha256(path), n_bytes=path.stat().st_size)
    return entries


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write ``manifest`` atomically; the same manifest always gives the same bytes."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False)
    atomic_write_text(path, text + "\n")


def read_manifest(path: Path) -> Manifest:
    """Return the manifest in ``path``.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If it is no manifest, or one of another schema version.
    """
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _missing(path, "the run that should have written it did not finish: run it again") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise FormatError(
            found=f"{place}: {first['msg']}",
            expected="a manifest of schema version 1",
            where=str(path),
            remedy="run again with this version of the software to write a new manifest",
        ) from error


def verify_manifest(path: Path) -> list[str]:
    """Return the problems of the outputs a manifest lists, one sentence each; none means that all are as written."""
    problems: list[str] = []
    for name, written in sorted(read_manifest(path).outputs.items()):
        output = path.parent / name
        if not output.is_file():
            problems.append(f"{name} is missing")
        elif (n_bytes := output.stat().st_size) != written.n_bytes:
            problems.append(f"{name} has {n_bytes} bytes, but {written.n_bytes} were written")
        elif file_sha256(output) != written.sha256:
            problems.append(f"{name} was changed after it was written")
    return problems


def _missing(path: Path, remedy: str) -> MissingFileError:
    return MissingFileError(found="no such file", expected="a file", where=str(path), remedy=remedy)
