"""DeepLabCut prediction csv, plain or gzip, of single-animal and multi-animal projects.

Layout: three header rows named by their first cell (``scorer``, ``bodyparts``, ``coords``), with ``individuals``
between the first two in multi-animal projects; then one row per video frame. The first column is the **0-based video
frame**; each body part has the coords ``x``, ``y`` (pixels, y down) and usually ``likelihood`` (0 to 1)::

    scorer,DLC_net,DLC_net,DLC_net
    individuals,mouse1,mouse1,mouse1
    bodyparts,nose,nose,nose
    coords,x,y,likelihood
    0,412.1,88.5,0.99

Columns are found by these names, never by position. Known traps, and what this reader does about them:

- Files start late, skip frames or end before the video: rows are placed by frame number, absent frames are NaN.
- ``(0, 0)`` stands for "not detected": tracklet export writes it with likelihood 0, and the median filter of
  ``filterpredictions``, which pads with zeros, writes it into the last frames while the likelihood stays high. An exact
  (0, 0) is read as missing. Filtering also leaves likelihood 1.0 beside an empty x and y: confidence is NaN there.
- Unique body parts (arena corners, objects) stand under the individual ``single``. They belong to no animal: they are
  left out and named in ``attrs["unused_body_parts"]``.
- Scorer cells may carry suffixes (``.1``, ``.2``) left by spreadsheet tools; they identify nothing here.
- There is no frame rate in the file, so it has to be stated.
- File names are ``<video><scorer><suffix>.csv`` with suffixes such as ``_filtered`` or ``_el``.

References
----------
DeepLabCut, "What does the output look like", https://deeplabcut.github.io/DeepLabCut/docs/standardDeepLabCut_UserGuide.html
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from nsp_core.errors import FormatError, MissingFileError
from nsp_core.poses import make_poses

__all__ = ["looks_like_dlc_csv", "read_dlc_csv"]

SINGLE_ANIMAL = "individual1"
UNIQUE_BODY_PARTS = "single"
HEADER_ROWS = ("scorer", "individuals", "bodyparts", "coords")
COORDS = ("x", "y", "likelihood")
MISSING_CELLS = ("", "nan", "NaN", "NA")
BLOCK_LINES = 20_000  # lines held as text at a time: memory follows the numbers, not the several times larger text
MAX_FRAMES = 100_000_000  # eleven days at 100 fps: a frame number beyond is damage, and would exhaust memory
EXAMPLE = """a valid file begins:
scorer,DLC_net,DLC_net,DLC_net
individuals,mouse1,mouse1,mouse1
bodyparts,nose,nose,nose
coords,x,y,likelihood
0,412.1,88.5,0.99"""

_GZIP_MAGIC = b"\x1f\x8b"
_REPAIR = f"repair the file or export it again from DeepLabCut; {EXAMPLE}"


@dataclass(frozen=True, slots=True)
class _Header:
    """Where each animal's body parts are: ``columns[individual][keypoint][coord]`` is a column number."""

    scorer: str
    n_rows: int
    n_columns: int
    columns: Mapping[str, Mapping[str, Mapping[str, int]]]
    unused_body_parts: tuple[str, ...]

    @property
    def keypoints(self) -> list[str]:
        return list(next(iter(self.columns.values())))

    def column_numbers(self, coord: str) -> NDArray[np.int64]:
        """Return the columns (keypoint, individual) of one coord; -1 where the file has none."""
        numbers = [[parts[keypoint].get(coord, -1) for parts in self.columns.values()] for keypoint in self.keypoints]
        return np.array(numbers, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows below the header: frame number and line number of each, and all cells (row, column)."""

    frames: NDArray[np.float64]
    line_numbers: NDArray[np.int64]
    cells: NDArray[np.float32]


def looks_like_dlc_csv(path: Path) -> bool:
    """Return whether the first lines of ``path`` are the header of a DeepLabCut csv, plain or gzip.

    Raises
    ------
    MissingFileError
        If there is no such file.
    """
    _require_file(path)
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

    Returns
    -------
    Dataset of :func:`nsp_core.poses.make_poses`; the one animal of a single-animal file is ``individual1``. Where
    unique body parts were left out, ``attrs["unused_body_parts"]`` names them, joined by ``", "``.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If fps is None, or the file is empty, truncated or not laid out as described above.
    PoseError
        If fps or scale is not a positive number.
    """
    _require_file(path)
    if fps is None:
        raise FormatError(
            found="no frame rate (a DeepLabCut csv carries none)",
            expected="fps, the frames per second of the video",
            where=path.name,
            remedy="state fps in the study file or with --fps",
        )
    header = _read_header(path)
    rows = _read_rows(path, header)
    position, confidence = _arrange(rows.cells, _frame_numbers(path, rows), header)
    poses = make_poses(
        position,
        confidence,
        recording=_recording_name(path, header.scorer) if recording is None else recording,
        keypoints=header.keypoints,
        individuals=list(header.columns),
        fps=fps,
        scale_mm_per_px=scale_mm_per_px,
        source_software="DeepLabCut",
        source_file=path.name,
    )
    if header.unused_body_parts:
        poses.attrs["unused_body_parts"] = ", ".join(header.unused_body_parts)
    return poses


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise MissingFileError(
            found="no such file",
            expected="a DeepLabCut prediction csv",
            where=str(path),
            remedy="check the path in the study file",
        )


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[bytes]]:
    """Yield the lines of a file, unpacked; damage found on the way is an error that names the file."""
    with path.open("rb") as stream:
        packed = stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as stream:
            yield iter(stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(
            found=f"a gzip file that is truncated or damaged ({error})",
            expected="a complete .csv.gz",
            where=path.name,
            remedy="copy the file again from its source",
        ) from error


def _named_rows(path: Path) -> dict[str, list[str]]:
    """Return the cells of each header row by the row's name, as far as the file begins with such rows."""
    with _lines(path) as lines:
        first = b"".join(itertools.islice(lines, len(HEADER_ROWS)))
    if not first.strip():
        raise _format_error(path, "an empty file", "header rows and one row per frame")
    named: dict[str, list[str]] = {}
    try:
        for row in csv.reader(io.StringIO(first.decode("utf-8-sig", errors="replace"), newline="")):
            if not row or row[0].strip() not in HEADER_ROWS:
                break
            named[row[0].strip()] = [cell.strip() for cell in row[1:]]
    except csv.Error as error:
        raise _header_error(path, f"binary content ({error})") from error
    return named


def _read_header(path: Path) -> _Header:
    named = _named_rows(path)
    absent = [name for name in ("scorer", "bodyparts", "coords") if name not in named]
    if absent:
        with _lines(path) as lines:
            beginning = next(lines)[:60].decode("utf-8", errors="replace").rstrip()
        raise _header_error(path, f"no header row {' or '.join(absent)} (the file begins {beginning!r})")
    lengths = {name: len(cells) for name, cells in named.items()}
    if len(set(lengths.values())) > 1 or not lengths["coords"]:
        raise _header_error(path, "header rows of unequal length: " + ", ".join(f"{k} {n}" for k, n in lengths.items()))
    columns = _columns_by_name(path, named)
    unused = columns.pop(UNIQUE_BODY_PARTS, {}) if "individuals" in named else {}
    _require_shared_keypoints(path, columns)
    return _Header(named["scorer"][0], len(named), 1 + lengths["coords"], columns, tuple(unused))


def _columns_by_name(path: Path, named: Mapping[str, list[str]]) -> dict[str, dict[str, dict[str, int]]]:
    keypoints, coords = named["bodyparts"], named["coords"]
    individuals = named.get("individuals", [SINGLE_ANIMAL] * len(coords))
    columns: dict[str, dict[str, dict[str, int]]] = {}
    for number, (individual, keypoint, coord) in enumerate(zip(individuals, keypoints, coords, strict=True), start=1):
        if not individual or not keypoint or coord not in COORDS:
            raise _header_error(path, f"column {number + 1} named {(individual, keypoint, coord)}")
        of_keypoint = columns.setdefault(individual, {}).setdefault(keypoint, {})
        if coord in of_keypoint:
            raise _header_error(path, f"two columns named {(individual, keypoint, coord)}")
        of_keypoint[coord] = number
    for individual, parts in columns.items():
        for keypoint, of_keypoint in parts.items():
            if not {"x", "y"} <= of_keypoint.keys():
                raise _header_error(path, f"{individual} {keypoint} with {', '.join(of_keypoint)} only, not x and y")
    return columns


def _require_shared_keypoints(path: Path, columns: Mapping[str, Mapping[str, object]]) -> None:
    if not columns:
        raise _header_error(path, f"unique body parts (individual {UNIQUE_BODY_PARTS!r}) but no animal")
    first, *others = columns
    for other in others:
        difference = sorted(columns[first].keys() ^ columns[other].keys())
        if difference:
            raise FormatError(
                found=f"body parts of only one of {first} and {other}: {', '.join(difference)}",
                expected="the same body parts for every individual",
                where=path.name,
                remedy=f"export the body parts all animals share, or put the others under {UNIQUE_BODY_PARTS!r}",
            )


def _header_error(path: Path, found: str) -> FormatError:
    return _format_error(path, found, "header rows scorer, (individuals,) bodyparts, coords with x, y, likelihood")


def _format_error(path: Path, found: str, expected: str, place: str = "") -> FormatError:
    return FormatError(found=found, expected=expected, where=path.name + place, remedy=_REPAIR)


def _read_rows(path: Path, header: _Header) -> _Rows:
    blocks = []
    with _lines(path) as lines:
        numbered = enumerate(lines, start=1)
        # The header was read before; what is left is taken block by block.
        for _ in itertools.islice(numbered, header.n_rows):
            pass
        while block := list(itertools.islice(numbered, BLOCK_LINES)):
            filled = [(number, line.rstrip(b"\r\n")) for number, line in block if line.strip()]
            if filled:
                blocks.append(_parse_block(path, filled, header.n_columns))
    if not blocks:
        raise _format_error(path, "a header without frames", "one row per frame")
    return _Rows(
        frames=np.concatenate([block.frames for block in blocks]),
        line_numbers=np.concatenate([block.line_numbers for block in blocks]),
        cells=np.concatenate([block.cells for block in blocks]),
    )


def _parse_block(path: Path, lines: Sequence[tuple[int, bytes]], n_columns: int) -> _Rows:
    # The csv parser fills a row that is cut short with NaN, without a word: count the cells first.
    for number, line in lines:
        if line.count(b",") != n_columns - 1:
            found = f"{line.count(b',') + 1} cells"
            raise _format_error(path, found, f"{n_columns} cells, as in the header", f", line {number}")
    try:
        # A number too large for float32 becomes infinite, which is refused below.
        with np.errstate(over="ignore"):
            table = pd.read_csv(
                io.BytesIO(b"\n".join(line for _, line in lines)),
                header=None,
                names=list(range(n_columns)),
                index_col=False,
                # Frame numbers stay float64: float32 is exact only up to frame 16,777,216.
                dtype={column: np.float32 if column else np.float64 for column in range(n_columns)},
                na_values=list(MISSING_CELLS),
                keep_default_na=False,
                quoting=csv.QUOTE_NONE,
                encoding_errors="replace",
                low_memory=False,
            )
    except ValueError as error:
        raise _cell_error(path, lines) from error
    cells = table.to_numpy(dtype=np.float32)
    if np.isinf(cells).any():
        raise _cell_error(path, lines)
    return _Rows(table[0].to_numpy(), np.array([number for number, _ in lines], dtype=np.int64), cells)


def _cell_error(path: Path, lines: Sequence[tuple[int, bytes]]) -> FormatError:
    """Return the error about the first cell that is no number: a slow search, made only once one is known to exist."""
    expected = "a finite number or an empty cell"
    for number, line in lines:
        for column, cell in enumerate(line.decode("utf-8", errors="replace").split(","), start=1):
            if not _is_number(cell):
                return _format_error(path, repr(cell), expected, f", line {number}, column {column}")
    first, last = lines[0][0], lines[-1][0]
    return _format_error(path, "a cell that is no number", expected, f", lines {first} to {last}")


def _is_number(cell: str) -> bool:
    try:
        return cell in MISSING_CELLS or ("_" not in cell and bool(np.abs(float(cell)) <= np.finfo(np.float32).max))
    except ValueError:
        return False


def _frame_numbers(path: Path, rows: _Rows) -> NDArray[np.int64]:
    problems = {
        "not a whole number": rows.frames != np.floor(rows.frames),  # NaN differs from itself
        "negative": rows.frames < 0,
        f"beyond {MAX_FRAMES}": rows.frames > MAX_FRAMES,
        "there twice": pd.Series(rows.frames).duplicated().to_numpy(),
    }
    for problem, wrong in problems.items():
        if wrong.any():
            row = int(np.argmax(wrong))
            raise _format_error(
                path,
                f"frame number {rows.frames[row]:.12g}, which is {problem}",
                "the 0-based video frame in the first column, each once",
                f", line {rows.line_numbers[row]}",
            )
    return rows.frames.astype(np.int64)


def _arrange(
    cells: NDArray[np.float32], frames: NDArray[np.int64], header: _Header
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return position (time, space, keypoint, individual) and confidence (time, keypoint, individual)."""
    # A last column of NaN is what column number -1, a coord the file does not have, points to.
    table = np.full((int(frames.max()) + 1, header.n_columns + 1), np.nan, dtype=np.float32)
    table[frames, :-1] = cells
    x, y, confidence = (table[:, header.column_numbers(coord)] for coord in COORDS)
    missing = np.isnan(x) | np.isnan(y) | ((x == 0) & (y == 0))
    position = np.where(missing[:, np.newaxis], np.float32(np.nan), np.stack([x, y], axis=1))
    return position, np.where(missing, np.float32(np.nan), confidence)


def _recording_name(path: Path, scorer: str) -> str:
    stem = path.name.removesuffix(".gz").removesuffix(".csv")
    for mark in (scorer, "DLC"):
        if mark and (video := stem.partition(mark)[0]) not in ("", stem):
            return video
    return stem
