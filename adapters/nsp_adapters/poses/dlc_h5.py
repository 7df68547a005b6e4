"""DeepLabCut prediction h5: a pandas table in HDF5, read as plain arrays.

Layout: one group (key ``df_with_missing``; converted files also use others) in one of pandas' two storage forms, told
apart by the attribute ``pandas_type``:

``frame`` (fixed)
    ``axis1`` holds the frame numbers, ``block<n>_values`` (row, column) the cells of one data type, and
    ``block<n>_items_level<k>`` with ``block<n>_items_label<k>`` the column names: names of level k and, per column,
    which of them it has. Each level's attribute ``name`` says what it is (``scorer``, ``bodyparts`` ...).
``frame_table`` (what DeepLabCut writes)
    ``table`` is a compound array with the fields ``index`` (frame numbers) and ``values_block_<n>``. The column names
    are **pickled** into the attribute ``values_block_<n>_kind``, the names of the levels into ``info``.

What the columns mean, and the traps in that, is in :mod:`nsp_adapters.poses.dlc_table`. Traps of the HDF5 form:

- ``pandas.read_hdf`` unpickles, and so runs whatever code a file names. Here cells, frame numbers and (fixed) names are
  read as plain arrays with h5py, and the pickled names by :mod:`nsp_adapters.poses.inert_pickle`, which builds lists of
  strings and nothing else. In DeepLabCut's own files the pickles hold nothing else. A column of Python objects (strings
  among the numbers) exists only as a pickle and is refused.
- ``labeled-data`` tables (ground truth) have image names as index: they are not predictions of a video and are refused.
- Ground truth exported as a prediction has whole numbers and no likelihood; with -1 or 0 for "not there", of which only
  (0, 0) can be recognized.
- A file cut down by other tools may keep an old ``NROWS`` attribute: the array itself tells how many rows there are.

References
----------
pandas, "HDF5 (PyTables)", https://pandas.pydata.org/docs/user_guide/io.html#hdf5-pytables
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nsp_adapters.poses.assemble import check_frames, require_fps, single_precision
from nsp_adapters.poses.dlc_table import LEVELS, columns_by_name, dlc_poses
from nsp_adapters.poses.hdf5 import array_at, opened_hdf5, plain_text
from nsp_adapters.poses.inert_pickle import InertPickleError, read_inert_pickle
from nsp_core.errors import AmbiguousError, FormatError

__all__ = ["looks_like_dlc_h5", "read_dlc_h5"]

KEY = "df_with_missing"
BLOCK_BYTES = 2**22  # of cells held besides the result
EXPECTED = "a DeepLabCut prediction h5 (a pandas table under the key df_with_missing)"

_FIXED, _TABLE = "frame", "frame_table"
_REMEDY = "export it again from DeepLabCut, or give the csv of the same prediction"


@dataclass(frozen=True, slots=True)
class _Values:
    """One block of cells: an array (row, column), or a field of a compound array, and the names of its columns."""

    array: h5py.Dataset
    field: str | None
    columns: Sequence[tuple[str, ...]]
    is_transposed: bool = False

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the cells (row, column) of some rows."""
        if self.is_transposed:
            return single_precision(self.array[:, start:stop].T)
        # Whole rows of a compound array come as they are stored; single fields would be picked out one by one.
        rows = self.array[start:stop] if self.field is None else self.array[start:stop][self.field]
        return single_precision(rows.reshape(stop - start, -1))


def looks_like_dlc_h5(path: Path) -> bool:
    """Return whether ``path`` is an HDF5 file with a pandas table of body parts.

    Raises
    ------
    MissingFileError
        If there is no such file.
    """
    try:
        with opened_hdf5(path, EXPECTED) as opened:
            group = opened[_key(path, opened)]
            names = _level_names(path, group)
    except (FormatError, AmbiguousError):
        return False
    return {"bodyparts", "coords"} <= set(names)


def read_dlc_h5(
    path: Path,
    *,
    fps: float | None,
    recording: str | None = None,
    scale_mm_per_px: float | None = None,
    n_frames: int | None = None,
    individuals: Sequence[str] = (),
    leave_out: Sequence[str] = (),
) -> xr.Dataset:
    """Return the poses of one DeepLabCut prediction h5, row i being video frame i.

    Parameters
    ----------
    path
        The file; no code in it is run.
    fps, recording, scale_mm_per_px, n_frames, individuals, leave_out
        As in :func:`nsp_adapters.poses.dlc_csv.read_dlc_csv`.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If fps is None, or the file is damaged, holds pickled objects, or is not laid out as described above.
    AmbiguousError
        If it holds several tables.
    PoseError
        If fps or scale is not a positive number, the file is longer than ``n_frames``, or ``individuals`` or
        ``leave_out`` do not fit its body parts.
    """
    with opened_hdf5(path, EXPECTED) as opened:
        fps = require_fps(path, fps)
        group = opened[_key(path, opened)]
        level_names = _level_names(path, group)
        blocks = list(_fixed_values(path, group) if _form(group) == _FIXED else _table_values(path, group))
        names = [column for block in blocks for column in block.columns]
        if not names or any(len(name) != len(level_names) for name in names):
            raise _layout_error(path, f"{len(names)} columns that are not named by {', '.join(level_names)}")
        levels = dict(zip(level_names, zip(*names, strict=True), strict=True))
        columns = columns_by_name(
            levels,
            individuals=individuals,
            leave_out=leave_out,
            where=path.name,
            header_error=lambda found: _layout_error(path, found),
        )
        frames = _frame_numbers(path, group, [len(_rows_of(block)) for block in blocks])
        return dlc_poses(
            path,
            columns,
            _cells(blocks, frames),
            last_frame=int(frames.max()),
            fps=fps,
            recording=recording,
            scale_mm_per_px=scale_mm_per_px,
            n_frames=n_frames,
        )


def _key(path: Path, opened: h5py.File) -> str:
    keys = [
        name
        for name in opened
        if isinstance(opened.get(name, getlink=True), h5py.HardLink)
        and isinstance(opened[name], h5py.Group)
        and _form(opened[name]) in (_FIXED, _TABLE)
    ]
    if KEY in keys:
        return KEY
    if len(keys) > 1:
        raise AmbiguousError(
            found=f"the tables {', '.join(keys)}",
            expected=f"one table, or one named {KEY}",
            where=path.name,
            remedy="save the table of the prediction alone",
        )
    if not keys:
        raise _layout_error(path, f"no pandas table (the file holds {', '.join(opened) or 'nothing'})")
    return str(keys[0])


def _form(group: h5py.Group) -> str:
    return plain_text(group.attrs.get("pandas_type", ""))


def _level_names(path: Path, group: h5py.Group) -> list[str]:
    """Return the names of the column levels, in their order."""
    if _form(group) == _FIXED:
        n_levels = int(group.attrs.get("axis0_nlevels", 0))
        found = [plain_text(array_at(group, f"axis0_level{k}", path).attrs.get("name", "")) for k in range(n_levels)]
    else:
        info = _unpickled(path, group, "info")
        of_columns = info.get(1, {}) if isinstance(info, dict) else {}
        found = list(of_columns.get("names") or ()) if isinstance(of_columns, dict) else []
    if not {"bodyparts", "coords", "scorer"} <= set(found) <= set(LEVELS) or len(set(found)) < len(found):
        raise _layout_error(path, f"columns with the levels {', '.join(map(str, found)) or 'none'}")
    return found


def _fixed_values(path: Path, group: h5py.Group) -> Iterator[_Values]:
    for number in range(int(group.attrs.get("nblocks", 0))):
        per_level = []
        for k in range(int(group.attrs.get(f"block{number}_items_nlevels", 0))):
            level = array_at(group, f"block{number}_items_level{k}", path)
            _require_plain(path, level)
            labels = array_at(group, f"block{number}_items_label{k}", path)[()]
            words = [plain_text(word) for word in level[()]]
            if labels.size and not (labels.min() >= 0 and labels.max() < len(words)):
                raise _layout_error(path, "columns without a name")
            per_level.append([words[label] for label in labels])
        values = array_at(group, f"block{number}_values", path)
        _require_plain(path, values)
        is_transposed = not values.attrs.get("transposed", False)
        columns = list(zip(*per_level, strict=True))
        if values.ndim != 2 or values.shape[0 if is_transposed else 1] != len(columns):
            raise _layout_error(path, f"an array {values.shape} for {len(columns)} columns")
        yield _Values(values, None, columns, is_transposed)


def _table_values(path: Path, group: h5py.Group) -> Iterator[_Values]:
    table = array_at(group, "table", path)
    fields = [name for name in table.dtype.names or () if name != "index"]
    for field in fields:
        columns = _unpickled(path, table, f"{field}_kind")
        if not isinstance(columns, list) or not all(isinstance(column, tuple) for column in columns):
            raise _layout_error(path, f"a field {field!r} that is no block of named columns")
        cells = table.dtype[field]
        if cells.base.kind not in "fiu" or cells.shape != (len(columns),):
            raise _layout_error(path, f"cells of {cells} for {len(columns)} columns")
        yield _Values(table, field, [tuple(map(str, column)) for column in columns])


def _unpickled(path: Path, holder: h5py.Group | h5py.Dataset, attribute: str) -> object:
    """Return the names pickled into an attribute."""
    value = holder.attrs.get(attribute)
    if not isinstance(value, bytes):  # numpy.bytes_ is one
        raise _layout_error(path, f"no attribute {attribute!r}")
    try:
        return read_inert_pickle(value)
    except InertPickleError as error:
        raise FormatError(
            found=f"a pickle with {error}",
            expected="one that holds names only",
            where=f"{path.name}, attribute {attribute} of {holder.name}",
            remedy="do not open this file with pandas if you do not know its origin; give the csv of the prediction",
        ) from error


def _require_plain(path: Path, array: h5py.Dataset) -> None:
    if array.dtype.kind not in "fiuS":
        raise FormatError(
            found="pickled Python objects",
            expected="numbers, and names as text",
            where=f"{path.name}, {array.name}",
            remedy=f"loading them could run code; {_REMEDY}",
        )


def _rows_of(block: _Values) -> range:
    return range(block.array.shape[1 if block.is_transposed else 0])


def _frame_numbers(path: Path, group: h5py.Group, n_rows: Sequence[int]) -> NDArray[np.int64]:
    is_fixed = _form(group) == _FIXED
    if is_fixed and plain_text(group.attrs.get("axis1_variety", "regular")) == "multi":
        raise _labeled_images(path, "several index levels")
    index = array_at(group, "axis1" if is_fixed else "table", path)
    frames = index[()] if is_fixed else index.fields("index")[()]
    if frames.dtype.kind not in "fiu":
        raise _labeled_images(path, plain_text(frames[0]) if frames.size and frames.dtype.kind == "S" else "text")
    if frames.ndim != 1 or any(count != frames.size for count in n_rows):
        raise _layout_error(path, f"{frames.size} frame numbers for {n_rows[0]} rows")
    if not frames.size:
        raise _layout_error(path, "a table without frames")
    wrong = check_frames(frames.astype(np.float64))
    if wrong is not None:
        row, problem = wrong
        raise FormatError(
            found=f"frame number {frames[row]:.12g}, which is {problem}",
            expected="the 0-based video frame in the index, each once",
            where=f"{path.name}, row {row}",
            remedy=_REMEDY,
        )
    return np.asarray(frames, dtype=np.int64)


def _labeled_images(path: Path, found: str) -> FormatError:
    return FormatError(
        found=f"rows named by images or text ({found})",
        expected="rows named by 0-based video frames",
        where=path.name,
        remedy="these are training labels: analyze the video and give the h5 that DeepLabCut writes beside it",
    )


def _cells(
    blocks: Sequence[_Values], frames: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Yield the cells of all blocks side by side, some rows at a time."""
    row_bytes = 8 * sum(len(block.columns) for block in blocks)
    step = max(1, BLOCK_BYTES // row_bytes)
    for start in range(0, frames.size, step):
        stop = min(start + step, frames.size)
        yield frames[start:stop], np.concatenate([block.rows(start, stop) for block in blocks], axis=1)


def _layout_error(path: Path, found: str) -> FormatError:
    return FormatError(
        found=found,
        expected="column levels scorer, (individuals,) bodyparts, coords with x, y, likelihood, and a row per frame",
        where=path.name,
        remedy=_REMEDY,
    )
