"""Delimited text with a header row, as the table formats of annotation tools share it.

Cells are found by column name, never by position. Text is UTF-8 (a byte order mark is accepted); blanks around a cell
do not count; empty lines are skipped; a row with more or fewer cells than the header is refused, because a shifted cell
is worse than none. Spreadsheet programs fill tables up with empty columns at the end, which are left out, and in many
countries separate cells by semicolons, which is refused by name.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nsp_adapters.annotations.imported import MAX_FRAMES, read_bytes
from nsp_adapters.input_file import beginning_of
from nsp_core.errors import FormatError

__all__ = [
    "DelimitedText",
    "Row",
    "csv_text",
    "has_semicolons",
    "header_of",
    "read_delimited",
    "refuse_semicolons",
    "semicolon_error",
    "without_empty_end",
]

_WHOLE = re.compile(r"[0-9]{1,15}(\.0+)?")


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one line by column name, stripped; a column the file does not have is empty."""

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


@dataclass(frozen=True, slots=True)
class DelimitedText:
    """A table as it stands in a file, with what its errors need: the file and an example of a right one.

    Attributes
    ----------
    path
        The file.
    columns
        Names in the order of the file, each once; the first may be empty, as pandas writes an index.
    rows
        Every line below the header that is not empty.
    example
        A valid file of five lines.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    example: str

    def require(self, names: Iterable[str]) -> None:
        """Raise a FormatError unless every column of ``names`` is there; a similar one is named."""
        missing = [name for name in names if name not in self.columns]
        if not missing:
            return
        closest = difflib.get_close_matches(missing[0], self.columns, n=1)
        raise FormatError(
            found=f"no column {missing[0]!r}" + (f" (closest: {closest[0]!r})" if closest else ""),
            expected=f"columns {', '.join(names)}",
            where=self.path.name,
            remedy=f"name the columns as the tool does; a valid file begins:\n{self.example}",
        )

    def error(self, row: Row, found: str, expected: str) -> FormatError:
        """Return the error to raise about one row."""
        return FormatError(
            found=found,
            expected=expected,
            where=f"{self.path.name}, line {row.line}",
            remedy=f"correct this row or export the file again; a valid file begins:\n{self.example}",
        )

    def name(self, row: Row, column: str) -> str:
        """Return a cell that must not be empty."""
        if not row[column]:
            raise self.error(row, f"an empty {column}", f"a {column} in every row")
        return row[column]

    def frame(self, row: Row, column: str) -> int:
        """Return a cell that holds a whole number from 0 to MAX_FRAMES."""
        cell = row[column]
        if not _WHOLE.fullmatch(cell):
            raise self.error(row, f"{column} {cell!r}", "a whole number, 0 or more")
        number = int(cell.partition(".")[0])
        if number > MAX_FRAMES:
            raise self.error(row, f"{column} {cell}", f"a frame number up to {MAX_FRAMES}")
        return number

    def seconds(self, row: Row, column: str) -> float:
        """Return a cell that holds a time of 0 or more seconds."""
        try:
            time_s = float(row[column])
        except ValueError:
            time_s = math.nan
        if not 0 <= time_s < math.inf:
            raise self.error(row, f"{column} {row[column]!r}", "a time in seconds with a decimal point, 0 or more")
        return time_s


def read_delimited(path: Path, *, what: str, example: str, delimiter: str = ",") -> DelimitedText:
    """Return the table in ``path``.

    Parameters
    ----------
    path
        The file.
    what
        What the file should be, for errors, such as ``"a DeepEthogram label csv"``.
    example
        A valid file of five lines, for errors.
    delimiter
        What stands between two cells.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If it is empty or no UTF-8 text, cells are separated by semicolons where commas should be, two columns share a
        name, or a row is not as long as the header.
    """
    content = read_bytes(path, what)
    if delimiter == ",":
        refuse_semicolons(path, what, example)
    try:
        text = content.decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        header = [cell.strip() for cell in next(reader, ())]
        filled = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(
            found=f"content that is no csv text ({error})",
            expected=f"{what}: text in UTF-8, cells separated by {delimiter!r}",
            where=path.name,
            remedy=f"save it as csv (UTF-8); a valid file begins:\n{example}",
        ) from error
    columns, lines = without_empty_end(header, filled)
    _check_columns(path, columns, what, example)
    table = DelimitedText(path, columns, (), example)
    rows = tuple(_row(table, line, cells) for line, cells in lines)
    return DelimitedText(path, columns, rows, example)


def without_empty_end(
    header: Sequence[str], lines: Sequence[tuple[int, list[str]]]
) -> tuple[tuple[str, ...], list[tuple[int, list[str]]]]:
    """Return ``header`` and numbered ``lines`` without the columns at the end that have neither name nor cell.

    Examples
    --------
    >>> without_empty_end(["a", "b", "", ""], [(2, ["1", "2", "", ""]), (3, ["1", "2"])])
    (('a', 'b'), [(2, ['1', '2']), (3, ['1', '2'])])
    """
    width = len(header)
    while (
        width > 1
        and not header[width - 1]
        and not any(cell.strip() for _, cells in lines for cell in cells[width - 1 :])
    ):
        width -= 1
    if width == len(header):
        return tuple(header), list(lines)
    return tuple(header[:width]), [(line, cells[:width]) for line, cells in lines]


def has_semicolons(path: Path) -> bool:
    """Return whether the first lines of ``path`` are cells separated by semicolons, rather than by commas."""
    (names, cells), (by_comma, _) = header_of(path, ";"), header_of(path, ",")
    # Cells in quotes are no lines of commas at all.
    return len(names) > max(1, len(by_comma)) and len(cells) in (0, len(names))


def semicolon_error(path: Path, expected: str, example: str) -> FormatError:
    """Return the error to raise about a table that has semicolons where commas should be."""
    return FormatError(
        found="columns separated by ';', as a spreadsheet program saves them",
        expected=expected,
        where=path.name,
        remedy="save it with ',' between cells and '.' in decimal numbers, or replace them in a text editor; "
        f"a valid file begins:\n{example}",
    )


def refuse_semicolons(path: Path, what: str, example: str) -> None:
    """Raise a FormatError if the cells of ``path`` are separated by semicolons."""
    if has_semicolons(path):
        raise semicolon_error(path, f"{what}: columns separated by ','", example)


def header_of(path: Path, delimiter: str = ",", *, keep_empty: bool = False) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the cells of the first two lines of ``path``, stripped; nothing where it is no text.

    A line that does not end within the beginning read is taken as it stands there. Columns at the end that are empty in
    both lines are left out unless ``keep_empty``.
    """
    beginning = beginning_of(path)
    if b"\0" in beginning:
        return (), ()
    lines = beginning.decode("utf-8-sig", errors="replace").splitlines()[:2]
    try:
        cells = [[cell.strip() for cell in line] for line in csv.reader(lines, delimiter=delimiter)]
    except csv.Error:
        return (), ()
    both: list[list[str]] = [*cells, [], []]
    first, second = both[:2]
    if keep_empty:
        return tuple(first), tuple(second)
    columns, ((_, below),) = without_empty_end(first, [(2, second)])
    return columns, tuple(below)


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Return ``rows`` as comma-separated text, quoted where needed, one line each."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _check_columns(path: Path, columns: tuple[str, ...], what: str, example: str) -> None:
    repeated = [name for name, count in Counter(columns).items() if name and count > 1]
    nameless = [number for number, name in enumerate(columns[1:], start=2) if not name]
    if repeated or nameless:
        raise FormatError(
            found=f"two columns {repeated[0]!r}" if repeated else f"no name for column {nameless[0]}",
            expected=f"{what}: columns with different names",
            where=path.name,
            remedy=f"name each column once; a valid file begins:\n{example}",
        )


def _row(table: DelimitedText, line: int, cells: list[str]) -> Row:
    if len(cells) != len(table.columns):
        raise table.error(Row(line, {}), f"{len(cells)} cells", f"{len(table.columns)} cells, as in the header")
    return Row(line, {column: cell.strip() for column, cell in zip(table.columns, cells, strict=True)})
