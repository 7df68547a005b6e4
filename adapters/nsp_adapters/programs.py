"""Program files: one JSON file per program, written whole, read without running any code."""

from __future__ import annotations

import json
from pathlib import Path

from nsp_adapters.atomic import atomic_write_text
from nsp_adapters.input_file import require_file
from nsp_core.errors import ProgramError
from nsp_core.program import ProgramArtifact, from_json, to_json

__all__ = ["read_program", "write_program"]


def write_program(path: Path, artifact: ProgramArtifact) -> Path:
    """Write ``artifact`` to ``path`` and return the path; a crash leaves the file as it was.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    atomic_write_text(path, json.dumps(to_json(artifact), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def read_program(path: Path) -> ProgramArtifact:
    """Return the program in the file ``path``.

    Raises
    ------
    MissingFileError
        If there is no such file.
    ProgramError
        If it is no JSON, or no program of this version.
    """
    require_file(path, "a program file (.json)", "run a study first, or correct the path")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ProgramError(
            found=f"no JSON ({error})",
            expected="a program file as this software writes it",
            where=str(path),
            remedy="restore the file; programs are plain JSON text",
        ) from error
    if not isinstance(values, dict):
        raise ProgramError(
            found=f"a JSON {type(values).__name__}",
            expected="a JSON object",
            where=str(path),
            remedy="give a program file as this software writes it",
        )
    return from_json(values, where=str(path))
