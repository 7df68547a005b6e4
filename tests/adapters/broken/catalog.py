"""One row per broken file: what is done to a genuine one, how it is read, and what has to be said about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import h5py

from nsp_core.errors import FormatError, NspError

Entry = Literal["poses", "annotation", "labels", "video"]
"""``read_pose_file``, ``read_annotation_file``, ``import_labels`` (of a study's recording), ``read_video``."""

Damage = Callable[[Path], Path | None]
"""Changes a genuine file in place, or returns the broken one that it made of it."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A broken file.

    Attributes
    ----------
    name
        Different for each.
    damage
        Class of damage.
    kind
        Which genuine file it is made from; "" where it is made from none.
    make
        What is done to it.
    entry
        What reads it.
    error
        The exact class of the error.
    found
        Pattern in what the error says was found.
    advice
        Pattern in where and remedy of the error, joined by ``"; "``.
    options
        Keywords for the reader.
    """

    name: str
    damage: str
    kind: str
    make: Damage
    entry: Entry
    error: type[NspError]
    found: str
    advice: str
    options: Mapping[str, object] = field(default_factory=dict)


def annotation(
    name: str,
    damage: str,
    kind: str,
    make: Damage,
    found: str,
    advice: str = "correct this row",
    error: type[NspError] = FormatError,
    **options: object,
) -> Broken:
    """Return the row of a broken annotation, called after the kind of file."""
    return Broken(f"{kind} {name}", damage, kind, make, "annotation", error, found, advice, options)


def untouched(path: Path) -> None:
    """Leave a genuine file as it is: what is wrong is what it is read as."""


def content(change: Callable[[bytes], bytes]) -> Damage:
    """Change what is in the file."""

    def damage(path: Path) -> None:
        before = path.read_bytes()
        after = change(before)
        assert after != before, "nothing was damaged"
        path.write_bytes(after)

    return damage


def cut(share: float) -> Damage:
    """Keep the first ``share`` of the file."""
    return content(lambda text: text[: int(len(text) * share)])


def cut_bytes(count: int) -> Damage:
    """Lose the last ``count`` bytes."""
    return content(lambda text: text[:-count])


def holds(text: str | bytes) -> Damage:
    """Put ``text`` in place of the content."""
    return content(lambda _: text if isinstance(text, bytes) else text.encode())


def swap(old: str, new: str, count: int = 1) -> Damage:
    """Replace ``old`` by ``new``, the first time it stands there."""
    return content(lambda text: text.replace(old.encode(), new.encode(), count))


def line(number: int, change: Callable[[list[bytes]], list[bytes]], separator: bytes = b",") -> Damage:
    """Change the cells of one line; -1 is the last one with content."""

    def changed(text: bytes) -> bytes:
        lines = text.rstrip().splitlines()
        lines[number] = separator.join(change(lines[number].split(separator)))
        return b"\n".join(lines) + b"\n"

    return content(changed)


def cell(number: int, column: int, new: str, separator: bytes = b",") -> Damage:
    """Put ``new`` into one cell of a line."""

    def change(cells: list[bytes]) -> list[bytes]:
        cells[column] = new.encode("latin-1")
        return cells

    return line(number, change, separator)


def more(*lines: str) -> Damage:
    """Add lines at the end."""
    return content(lambda text: text.rstrip() + "".join(f"\n{each}" for each in lines).encode() + b"\n")


def hdf5(change: Callable[[h5py.File], object]) -> Damage:
    """Change an HDF5 file with h5py."""

    def damage(path: Path) -> None:
        with h5py.File(path, "a") as opened:
            change(opened)

    return damage


def renamed(name: str, then: Damage | None = None) -> Damage:
    """Give the file another name, after other damage."""

    def damage(path: Path) -> Path:
        if then is not None:
            then(path)
        return path.rename(path.with_name(name))

    return damage
