"""Tables exported by BORIS: text with one header row, found by its column names, perhaps below a preamble.

- Separator: comma, tab or semicolon, whichever makes the header appear. Extensions are not looked at.
- UTF-8, with or without a byte order mark, any line ending.
- Columns are compared without case and blanks around them; ``Behaviour`` counts as ``Behavior``.
- ``NA`` and an empty cell mean that there is no value.
- Rows are padded with empty cells. A row with fewer cells than the header is a row cut short, and refused.
- A cell about media may list several: those of one player are separated by ``;``, players by ``|``, as in
  ``player #1:a.mp4;b.mp4|player #2:c.mp4`` and ``25.000;25.000|30.000``. Player 1 is the one that times refer to.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nsp_adapters.annotations.imported import read_bytes
from nsp_core.errors import FormatError

__all__ = [
    "SEPARATORS",
    "Row",
    "Table",
    "first_player",
    "glance",
    "has_table",
    "number_in",
    "optional_number",
    "read_table",
    "read_text",
    "split_lines",
]

SEPARATORS = (",", "\t", ";")
_PLAYER = re.compile(r"\s*player #\d+:\s*", re.IGNORECASE)
# A preamble lists media and independent variables; a header farther down belongs to something else.
_LAST_HEADER_ROW = 1000
_GLANCE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one line by column name (lower case), stripped; a column the table does not have is empty.

    Attributes
    ----------
    where
        File and line, for messages.
    cells
        Text by column name; ``NA`` is empty.
    """

    where: str
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    def first_of(self, columns: Iterable[str]) -> str:
        """Return the first cell of ``columns`` that is not empty, or an empty text."""
        return next((self[column] for column in columns if self[column]), "")


@dataclass(frozen=True, slots=True)
class Table:
    """A table and the lines above it.

    Attributes
    ----------
    preamble
        Cells of the lines above the header.
    columns
        Column names in order, lower case, as often as they occur.
    rows
        The rows below the header that are not blank.
    """

    preamble: tuple[tuple[str, ...], ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(path: Path, required: Sequence[Sequence[str]], what: str, example: str) -> Table:
    """Return the table whose header has one of each group of ``required`` column names.

    Parameters
    ----------
    path
        The text file.
    required
        Groups of names in lower case, of which the header must have one each: ``[("time",), ("status", "type")]``.
    what, example
        The format in words and the first lines of a valid file, for messages.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If the file is empty, no text, has no such header, has a required column twice, or a row is cut short.
    """
    text = read_text(path, what)
    for separator in SEPARATORS:
        lines = split_lines(path, text, separator)
        header = _header_index(lines, required)
        if header is not None:
            return _table(path, lines, header, required)
    wanted = ", ".join(" or ".join(repr(name) for name in group) for group in required)
    raise FormatError(
        found=f"no line with the columns {wanted}",
        expected=what,
        where=path.name,
        remedy=f"export it again with all columns; a valid file begins:\n{example}",
    )


def read_text(path: Path, what: str) -> str:
    """Return the UTF-8 text in ``path``, without its byte order mark.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If the file is empty or no text.
    """
    content = read_bytes(path, what)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(
            found=f"bytes that are no UTF-8 text ({error.reason} at byte {error.start})",
            expected=what,
            where=path.name,
            remedy="export it again, or save it as text in UTF-8",
        ) from error


def split_lines(path: Path, text: str, separator: str) -> list[tuple[int, list[str]]]:
    """Return the number and the cells of every line of ``text``.

    Raises
    ------
    FormatError
        If a cell is longer than any cell can be.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        return [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        raise FormatError(
            found=f"text that is no table ({error})",
            expected="one line per row",
            where=f"{path.name}, line {reader.line_num}",
            remedy="export it again",
        ) from error


def glance(path: Path) -> str:
    """Return the beginning of ``path`` as text, whatever it is; empty if there is no such file."""
    if not path.is_file():
        return ""
    with path.open("rb") as stream:
        return stream.read(_GLANCE_BYTES).decode("utf-8-sig", errors="replace")


def has_table(path: Path, required: Sequence[Sequence[str]], forbidden: Sequence[str] = ()) -> bool:
    """Say whether the beginning of ``path`` has a header with ``required`` and without ``forbidden`` column names."""
    text = glance(path)
    for separator in SEPARATORS:
        try:
            lines = split_lines(path, text, separator)
        except FormatError:
            continue
        header = _header_index(lines, required)
        if header is not None:
            return not set(map(_folded, lines[header][1])) & set(forbidden)
    return False


def number_in(row: Row, columns: Sequence[str]) -> float:
    """Return the number in the first of ``columns`` that has a value.

    Raises
    ------
    FormatError
        If there is none, or it is no finite number.
    """
    cell = row.first_of(columns)
    number = optional_number(cell)
    if number is None:
        raise FormatError(
            found=f"{columns[0]} {cell!r}" if cell else f"no {columns[0]}",
            expected="seconds with a decimal point, such as 9.955",
            where=row.where,
            remedy="export the observation again from BORIS, with times in seconds; a spreadsheet may have changed it",
        )
    return number


def optional_number(text: str) -> float | None:
    """Return the finite number in ``text``, or None where there is none.

    Examples
    --------
    >>> optional_number("29.970"), optional_number("NA")
    (29.97, None)
    """
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def first_player(cell: str) -> list[str]:
    """Return what ``cell`` lists for the first player, one entry per media file.

    Examples
    --------
    >>> first_player("player #1:a.mp4;b.mp4|player #2:c.mp4")
    ['a.mp4', 'b.mp4']
    """
    entries = _PLAYER.sub("", cell.split("|")[0]).split(";")
    return [entry.strip() for entry in entries if entry.strip()]


def _header_index(lines: Sequence[tuple[int, list[str]]], required: Sequence[Sequence[str]]) -> int | None:
    for index, (_, cells) in enumerate(lines[:_LAST_HEADER_ROW]):
        names = set(map(_folded, cells))
        if all(names & set(group) for group in required):
            return index
    return None


def _table(path: Path, lines: Sequence[tuple[int, list[str]]], header: int, required: Sequence[Sequence[str]]) -> Table:
    columns = tuple(map(_folded, lines[header][1]))
    where = f"{path.name}, line {lines[header][0]}"
    for name in (name for group in required for name in group):
        if columns.count(name) > 1:
            raise FormatError(
                found=f"{columns.count(name)} columns {name!r}",
                expected="each column once",
                where=where,
                remedy="rename the independent variable of that name in BORIS and export again",
            )
    width = len(columns)
    rows = [_row(path, number, columns, width, cells) for number, cells in lines[header + 1 :] if any(cells)]
    preamble = tuple(tuple(cell.strip() for cell in cells) for _, cells in lines[:header])
    return Table(preamble, columns, tuple(rows))


def _row(path: Path, number: int, columns: Sequence[str], width: int, cells: Sequence[str]) -> Row:
    where = f"{path.name}, line {number}"
    if len(cells) < width or any(cells[width:]):
        raise FormatError(
            found=f"{len(cells)} cells",
            expected=f"{width} cells, as in the header",
            where=where,
            remedy="export it again: the file may be cut short",
        )
    # Where a name occurs twice the first column counts: BORIS writes its own columns before later additions.
    stripped = {name: cell.strip() for name, cell in reversed(list(zip(columns, cells, strict=False)))}
    return Row(where, {name: "" if cell == "NA" else cell for name, cell in stripped.items()})


def _folded(name: str) -> str:
    return name.strip().casefold().replace("behaviour", "behavior")
