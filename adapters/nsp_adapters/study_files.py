"""Files that a study names: environment variables in their names, patterns, and what is there where nothing fits.

A pattern (``*``, ``?``, ``[...]``, ``**``) finds files and Zarr groups, which are folders; not the files in a group, no
other folder, and nothing hidden.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping
from pathlib import Path

from nsp_adapters.toml_lines import Problems, TomlPath, natural_order, nearest

__all__ = ["expanded", "is_zarr_group", "matching", "nothing_matched", "tidy", "what_is_there"]

DEFAULT_FOLDERS = {"NSP_DATA": Path("../shared/data")}  # relative to the current folder

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_ZARR_GROUP = re.compile(rb'"node_type"\s*:\s*"group"')


def expanded(text: str, at: TomlPath, environment: Mapping[str, str], problems: Problems) -> str:
    """Return ``text`` with every ``${NAME}`` replaced; an unset one is a problem."""

    def value(variable: re.Match[str]) -> str:
        name = variable[1]
        if environment.get(name):
            return Path(environment[name]).as_posix()
        default = DEFAULT_FOLDERS.get(name)
        if default is not None and default.is_dir():
            return default.resolve().as_posix()
        instead = "" if default is None else f" and there is no folder {default.as_posix()} here"
        problems.add(at, f"${{{name}}} is not set{instead}: set the environment variable {name}")
        return variable[0]

    return _VARIABLE.sub(value, text)


def matching(folder: Path, pattern: str) -> set[Path]:
    """Return the files and Zarr groups in ``folder`` that fit ``pattern``."""
    return {tidy(folder / match) for match in _found(folder, pattern) if _is_recording(folder, match)}


def tidy(file: Path) -> Path:
    """Return ``file`` in its folder without links and ``..``; one that links into an annex keeps its own name."""
    return file.parent.resolve() / file.name


def is_zarr_group(folder: Path) -> bool:
    """Return whether ``folder`` is a group of Zarr, version 2 or 3."""
    if (folder / ".zgroup").is_file():
        return True
    described = folder / "zarr.json"
    return described.is_file() and _ZARR_GROUP.search(described.read_bytes()) is not None


def nothing_matched(folder: Path, pattern: str) -> str:
    """Return where ``pattern`` finds no file, and what is there instead: folders, or the names most like it."""
    within = next((above for above in map(str, Path(pattern).parents) if is_zarr_group(folder / above)), None)
    if within is not None:
        return f'{folder.resolve()}, as it leads into a Zarr group; did you mean "{within}"?'
    folders = sorted((match for match in _found(folder, pattern) if (folder / match).is_dir()), key=natural_order)
    if folders:
        inside = f"{glob.escape(folders[0].rstrip('/'))}/*"
        listed = ", ".join(folders[:3])
        return f'{folder.resolve()}, only folders that are no Zarr group: {listed}; did you mean "{inside}"?'
    *parts, wanted = Path(pattern).parts
    for part in parts:
        if not (folder / part).is_dir():
            wanted = part
            break
        folder /= part
    return f"{folder.resolve()}; {what_is_there(folder, wanted)}"


def what_is_there(folder: Path, wanted: str) -> str:
    """Return the names in ``folder`` that are most like ``wanted``, in words."""
    names = sorted((entry.name for entry in folder.iterdir()), key=natural_order) if folder.is_dir() else []
    near = nearest(re.sub(r"[*?\[\]]", "", wanted), names)
    return f"closest there: {', '.join(near)}" if near else "nothing is there"


def _found(folder: Path, pattern: str) -> list[str]:
    # Unlike the patterns of pathlib, these skip hidden files: copies made by a Mac carry a "._" file beside each file.
    return glob.glob(pattern, root_dir=folder, recursive=True)


def _is_recording(folder: Path, match: str) -> bool:
    place = folder / match
    if not (place.is_file() or is_zarr_group(place)):
        return False
    return not any(is_zarr_group(folder / above) for above in Path(match).parents if above.name)
