r"""DeepLabCut prediction csv, plain or gzip, of single-animal and multi-animal projects.

Layout: three header rows named by their first cell (``scorer``, ``bodyparts``, ``coords``), with ``individuals``
between the first two in multi-animal projects; then one row per video frame. The first column is the **0-based video
frame**::

    scorer,DLC_net,DLC_net,DLC_net
    individuals,mouse1,mouse1,mouse1
    bodyparts,nose,nose,nose
    coords,x,y,likelihood
    0,412.1,88.5,0.99

What the columns mean, and the traps in that, is in :mod:`nsp_adapters.poses.dlc_table`. Traps of the text form:

- Plain and gzip are told apart by content; a byte order mark, ``\r\n`` and empty lines do not matter.
- A row that is cut short would be filled with "missing" by common csv readers: cells are counted.
- Spreadsheets write ``;`` and decimal commas: such a file is refused, as nothing says which comma is which.
- Text is parsed in blocks, so that memory follows the numbers, not the several times larger text; a line or a frame
  number too large to be one is refused before it is held.
- ``labeled-data`` csv (ground truth) has image names in place of frame numbers: that is not a prediction.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from nsp_adapters.input_file import require_file
from nsp_adapters.poses.assemble import MAX_FRAMES, check_frames, require_fps, single_precision
from nsp_adapters.poses.dlc_table import LEVELS, DlcColumns, columns_by_name, dlc_poses
from nsp_core.errors import FormatError

__all__ = ["looks_like_dlc_csv", "read_dlc_csv"]

MISSING_CELLS = ("", "nan", "NaN", "NA")
BLOCK_BYTES = 2**21  # of text held at a time
MAX_LINE_BYTES = 2**24  # some hundred thousand columns: a longer line is damage, and would exhaust memory
LONGEST_QUOTE = 60
# Poses shrink five-fold, empty cells a hundred-fold: what unpacks to more is no recording.
LARGEST_COMPRESSION = 200
ALWAYS_ALLOWED_BYTES = 2**26
EXAMPLE = """a valid file begins:
scorer,DLC_net,DLC_net,DLC_net
individuals,mouse1,mouse1,mouse1
bodyparts,nose,nose,nose
coords,x,y,likelihood
0,412.1,88.5,0.99"""

_NO_SEPARATORS = bytes(set(range(256)) - set(b",\n"))
_GZIP_MAGIC = b"\x1f\x8b"
_REPAIR = f"repair the file or export it again from DeepLabCut; {EXAMPLE}"

_Block = tuple[NDArray[np.float64], NDArray[np.float32]]


def looks_like_dlc_csv(path: Path) -> bool:
    """Return whether the first lines of ``path`` are the header of a DeepLabCut csv, plain or gzip.

    Raises
    ------
    MissingFileError
        If there is no such file.
    """
    require_file(path, "a DeepLabCut prediction csv")
    try:
        return _named_rows(path).keys() >= {"scorer", "bodyparts", "coords"}
    except FormatError:
        return False


def read_dlc_csv(
    path: Path,
    *,
    fps: float | None,
    recording: str | None = None,
    scale_mm_per_px: float | None = None,
    n_frames: int | None = None,
    individuals: Sequence[str] = (),
    leave_out: Sequence[str] = (),
) -> xr.Dataset:
    """Return the poses of one DeepLabCut prediction csv, row i being video frame i.

    Parameters
    ----------
    path
        ``.csv`` or ``.csv.gz``; compression is recognized by content.
    fps
        Frames per second of the video. The file does not say, so None is an error.
    recording
        Name in tables. Default: the file name before the scorer, so that ``24DLC_dlcrnetms5_..._el_filtered.csv.gz``
        is recording ``24``.
    scale_mm_per_px
        Millimeters per pixel where known. Positions stay in pixels.
    n_frames
        Frames of the video where known: the poses are padded with NaN to this length.
    individuals
        Prefixes by which a single-animal file tells two animals apart, such as ``("resident", "intruder")``.
    leave_out
        Body parts that belong to no animal (arena corners).

    Returns
    -------
    Dataset of :func:`nsp_core.poses.make_poses`; the one animal of a single-animal file is ``individual1``. Where
    body parts were left out, ``attrs["unused_body_parts"]`` names them, joined by ``", "``.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If fps is None, or the file is empty, truncated or not laid out as described above.
    PoseError
        If fps or scale is not a positive number, the file is longer than ``n_frames``, or ``individuals`` or
        ``leave_out`` do not fit its body parts.
    """
    require_file(path, "a DeepLabCut prediction csv")
    fps = require_fps(path, fps)
    levels = _header(path)
    columns = columns_by_name(
        levels,
        individuals=individuals,
        leave_out=leave_out,
        where=path.name,
        header_error=lambda found: _header_error(path, found),
        first_column=1,
    )
    return _place(
        path, columns, _read_rows(path, levels), fps, recording, scale_mm_per_px=scale_mm_per_px, n_frames=n_frames
    )


def _place(
    path: Path,
    columns: DlcColumns,
    blocks: list[_Block],
    fps: float,
    recording: str | None,
    *,
    scale_mm_per_px: float | None,
    n_frames: int | None,
) -> xr.Dataset:
    frames = np.concatenate([block[0] for block in blocks])
    wrong = check_frames(frames)
    if wrong is not None:
        row, problem = wrong
        raise _format_error(
            path,
            f"frame number {frames[row]:.12g}, which is {problem}",
            "the 0-based video frame in the first column, each once",
            f", line {_line_of_row(path, row)}",
        )

    def taken() -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        blocks.reverse()
        while blocks:  # a block that has been placed is let go
            block_frames, cells = blocks.pop()
            yield block_frames.astype(np.int64), cells

    return dlc_poses(
        path,
        columns,
        taken(),
        last_frame=int(frames.max()),
        fps=fps,
        recording=recording,
        scale_mm_per_px=scale_mm_per_px,
        n_frames=n_frames,
    )


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Yield the content of a file, unpacked; damage found on the way is an error that names the file."""
    with path.open("rb") as stream:
        packed = stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as stream:
            yield cast(BinaryIO, stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(
            found=f"a gzip file that is truncated or damaged ({error})",
            expected="a complete .csv.gz",
            where=path.name,
            remedy="copy the file again from its source",
        ) from error


def _named_rows(path: Path) -> dict[str, list[str]]:
    """Return the cells of each header row by the row's name, as far as the file begins with such rows."""
    with _opened(path) as stream:
        first = b"".join(stream.readline(MAX_LINE_BYTES) for _ in LEVELS)
    if not first.strip():
        raise _format_error(path, "an empty file", "header rows and one row per frame")
    named: dict[str, list[str]] = {}
    try:
        for row in csv.reader(io.StringIO(first.decode("utf-8-sig", errors="replace"), newline="")):
            if not row or row[0].strip() not in LEVELS:
                break
            named[row[0].strip()] = [cell.strip() for cell in row[1:]]
    except csv.Error as error:
        raise _header_error(path, f"binary content ({error})") from error
    return named


def _header(path: Path) -> dict[str, list[str]]:
    """Return the names of all columns but the first, by level."""
    named = _named_rows(path)
    absent = [name for name in ("scorer", "bodyparts", "coords") if name not in named]
    if absent:
        with _opened(path) as stream:
            beginning = stream.readline(60).decode("utf-8", errors="replace").rstrip()
        if beginning.lstrip("\ufeff").startswith("scorer;"):
            raise _header_error(path, "columns separated by ';', as a spreadsheet program saves them")
        raise _header_error(path, f"no header row {' or '.join(absent)} (the file begins {beginning!r})")
    lengths = {name: len(cells) for name, cells in named.items()}
    if not any(lengths.values()):
        raise _header_error(path, "header rows without columns")
    if len(set(lengths.values())) > 1:
        raise _header_error(path, "header rows of unequal length: " + ", ".join(f"{k} {n}" for k, n in lengths.items()))
    garbled = next((cell for cells in named.values() for cell in cells if "\ufffd" in cell), None)
    if garbled is not None:
        raise _header_error(path, f"the name {garbled!r}, which is not UTF-8 text")
    return named


def _header_error(path: Path, found: str) -> FormatError:
    return _format_error(path, found, "header rows scorer, (individuals,) bodyparts, coords with x, y, likelihood")


def _format_error(path: Path, found: str, expected: str, place: str = "") -> FormatError:
    return FormatError(found=found, expected=expected, where=path.name + place, remedy=_REPAIR)


def _read_rows(path: Path, levels: Mapping[str, Sequence[str]]) -> list[_Block]:
    """Return frame numbers and all cells (row, column) below the header, in blocks."""
    n_columns = 1 + len(levels["coords"])
    blocks: list[_Block] = []
    n_rows = 0
    for line, text in _text_blocks(path, len(levels)):
        block = _parse_block(path, line, text, n_columns)
        n_rows += len(block[0])
        if n_rows > MAX_FRAMES:
            raise _format_error(path, f"more than {MAX_FRAMES} rows", "one row per frame")
        if len(block[0]):
            blocks.append(block)
    if not blocks:
        raise _format_error(path, "a header without frames", "one row per frame")
    return blocks


def _text_blocks(path: Path, n_header_rows: int) -> Iterator[tuple[int, bytes]]:
    """Yield whole lines below the header, with the number of the first of them."""
    with _opened(path) as stream:
        for _ in range(n_header_rows):
            stream.readline(MAX_LINE_BYTES)
        line = n_header_rows + 1
        n_bytes, allowed = 0, max(ALWAYS_ALLOWED_BYTES, LARGEST_COMPRESSION * path.stat().st_size)
        while text := stream.read(BLOCK_BYTES):
            text += stream.readline(MAX_LINE_BYTES)
            n_bytes += len(text)
            if n_bytes > allowed:
                found = f"more than {allowed / 2**20:.3g} MiB of text in {path.stat().st_size / 2**20:.3g} MiB"
                raise _format_error(path, found, "a recording")
            if len(text) >= MAX_LINE_BYTES and b"\n" not in text:
                raise _format_error(path, f"{len(text)} bytes without a line end", "a row", f", line {line}")
            yield line, text
            line += text.count(b"\n")


def _parse_block(path: Path, line: int, text: bytes, n_columns: int) -> _Block:
    """Return frame numbers and cells of whole lines; a row cut short or a cell that is no number is an error."""
    row = b"," * (n_columns - 1) + b"\n"
    found = text.translate(None, _NO_SEPARATORS)
    if found != row * (len(found) // len(row)):
        # Rows cut short, empty lines or a last line without an end: slower, and it knows where.
        text = _checked_lines(path, line, text, n_columns)
    if not text:
        return np.empty(0), np.empty((0, n_columns), dtype=np.float32)
    try:
        table = pd.read_csv(
            io.BytesIO(text),
            header=None,
            names=list(range(n_columns)),
            index_col=False,
            # No dtype: inferring it is faster. Frame numbers need float64, as float32 is exact to 16,777,216 only.
            na_values=list(MISSING_CELLS),
            keep_default_na=False,
            quoting=csv.QUOTE_NONE,
            encoding_errors="replace",
        )
    except ValueError as error:
        _refuse_cell(path, line, text, error)
    if any(dtype.kind not in "fiu" for dtype in table.dtypes):
        _refuse_cell(path, line, text, None)
    cells = single_precision(table.to_numpy())
    if np.isinf(cells).any():
        _refuse_cell(path, line, text, None)
    return table[0].to_numpy(dtype=np.float64, copy=True), cells


def _checked_lines(path: Path, first_line: int, text: bytes, n_columns: int) -> bytes:
    """Return the lines that are not empty after counting their cells: pandas would fill up a short one unasked."""
    lines = [line if line.strip() else b"" for line in text.replace(b"\r\n", b"\n").split(b"\n")]
    for number, line in enumerate(lines, start=first_line):
        if line and line.count(b",") != n_columns - 1:
            found = f"{line.count(b',') + 1} cells"
            raise _format_error(path, found, f"{n_columns} cells, as in the header", f", line {number}")
    # Empty lines stay, so that lines can still be numbered; the parser skips them.
    return b"\n".join(lines) if any(lines) else b""


def _refuse_cell(path: Path, first_line: int, text: bytes, cause: Exception | None) -> NoReturn:
    """Raise the error about the first cell that is no number: a slow search, made only once one is known to exist."""
    expected = "a finite number or an empty cell"
    lines = text.decode("utf-8", errors="replace").split("\n")
    for number, line in enumerate(lines, start=first_line):
        for column, cell in enumerate(line.rstrip("\r").split(","), start=1):
            if not _is_number(cell):
                shown = repr(cell if len(cell) <= LONGEST_QUOTE else cell[:LONGEST_QUOTE] + "...")
                raise _format_error(path, shown, expected, f", line {number}, column {column}") from cause
    place = f", lines {first_line} to {first_line + len(lines) - 1}"
    raise _format_error(path, "a cell that is no number", expected, place) from cause


def _is_number(cell: str) -> bool:
    try:
        return cell in MISSING_CELLS or ("_" not in cell and bool(np.abs(float(cell)) <= np.finfo(np.float32).max))
    except ValueError:
        return False


def _line_of_row(path: Path, row: int) -> int:
    """Return the line of the file on which a row stands; empty lines are no rows."""
    for line, text in _text_blocks(path, len(_named_rows(path))):
        for number, content in enumerate(text.split(b"\n"), start=line):
            if content.strip():
                if row == 0:
                    return number
                row -= 1
    raise AssertionError("the row was read before")
