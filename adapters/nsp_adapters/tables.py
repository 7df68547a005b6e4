r"""Ethogram tables on disk: ``bouts.csv``, ``bouts.parquet`` and ``frames.parquet``, and the parts they are made of.

CSV: comma-separated UTF-8, ``\n`` line ends, seconds with 6 decimals, probabilities with 4, an empty cell for null.
Parquet: zstd, one call of the writer per row group, page checksums, no pandas metadata (it names library versions), so
that the same tables give the same bytes. Each recording's inference writes one part,
``<folder>/parts/<recording>-<key>/{bouts,frames}.parquet``, as a whole or not at all; a resumed run keeps the parts
whose key still holds, and :func:`assemble` streams all of them into the final tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api.types import is_float_dtype

from nsp_adapters.atomic import KEY_LENGTH, atomic_directory, atomic_file, file_name, prune_older_keys
from nsp_core.errors import FormatError, MissingFileError
from nsp_core.ethogram.tables import BOUT_DTYPES, FRAME_DTYPES, concat_bouts

__all__ = [
    "FrameTableWriter",
    "assemble",
    "find_part",
    "iterate_frame_tables",
    "read_bout_table",
    "write_bout_tables",
    "write_part",
    "write_table_csv",
]

BOUTS_PARQUET, BOUTS_CSV, FRAMES_PARQUET = "bouts.parquet", "bouts.csv", "frames.parquet"
_PARTS = "parts"
_ARROW_TYPES = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "float32": pa.float32()}
_MAX_ROW_GROUP = 1 << 20


class FrameTableWriter:
    """Context manager that streams frame tables into one Parquet file, complete at its end or not there at all.

    Each table becomes a row group (several, beyond a million rows) and is then forgotten: memory does not grow with
    the number of recordings.

    Parameters
    ----------
    path
        The file to be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._exit = ExitStack()
        self._writer: Any = None

    def __enter__(self) -> FrameTableWriter:
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_file(self.path))
            self._writer = stack.enter_context(_parquet_writer(temporary, FRAME_DTYPES))
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._exit.__exit__(kind, error, trace)

    def write(self, frames: pd.DataFrame) -> None:
        """Append a table in the columns of ``FRAME_DTYPES``; an empty one adds nothing."""
        if len(frames):
            self._writer.write_table(_to_arrow(frames, FRAME_DTYPES), row_group_size=_MAX_ROW_GROUP)


def write_bout_tables(folder: Path, bouts: pd.DataFrame) -> tuple[Path, Path]:
    """Write ``bouts.parquet`` and ``bouts.csv`` into ``folder`` and return their paths."""
    parquet, csv = folder / BOUTS_PARQUET, folder / BOUTS_CSV
    with atomic_file(parquet) as temporary:
        _write_bouts_parquet(temporary, bouts)
    write_table_csv(csv, bouts)
    return parquet, csv


def write_table_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a bout or frame table as CSV: columns that end in ``_s`` with 6 decimals, other floats with 4."""
    texts = table.copy()
    for name in [str(name) for name in table.columns if is_float_dtype(table[name])]:
        decimals = 6 if name.endswith("_s") else 4
        texts[name] = table[name].map(f"{{:.{decimals}f}}".format, na_action="ignore").astype("string")
    with atomic_file(path) as temporary:
        texts.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")


def read_bout_table(path: Path) -> pd.DataFrame:
    """Return a bout table from Parquet or (by the suffix ``.csv``) CSV, in the dtypes of ``BOUT_DTYPES``.

    Only an empty cell of a CSV is null: an animal may be called ``NA``.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If it cannot be read or has other columns.
    """
    if path.suffix != ".csv":
        groups = list(_row_groups(path, BOUT_DTYPES))
        return _to_pandas(pa.concat_tables([_schema(BOUT_DTYPES).empty_table(), *groups]), BOUT_DTYPES)
    try:
        bouts = pd.read_csv(path, dtype=dict(BOUT_DTYPES), keep_default_na=False, na_values=[""])
    except FileNotFoundError as error:
        raise _missing(path) from error
    except ValueError as error:
        raise _malformed(path, str(error), BOUT_DTYPES) from error
    if list(bouts.columns) != list(BOUT_DTYPES):
        raise _malformed(path, f"the columns {', '.join(map(str, bouts.columns))}", BOUT_DTYPES)
    return bouts


def iterate_frame_tables(path: Path) -> Iterator[pd.DataFrame]:
    """Yield a frame table row group by row group, in the dtypes of ``FRAME_DTYPES``.

    Raises
    ------
    MissingFileError, FormatError
        As :func:`read_bout_table`.
    """
    for group in _row_groups(path, FRAME_DTYPES):
        yield _to_pandas(group, FRAME_DTYPES)


def write_part(folder: Path, recording: str, key: str, bouts: pd.DataFrame, frames: Iterable[pd.DataFrame]) -> Path:
    """Write one recording's tables below ``folder``, in place of its parts of other keys, and return the part's path.

    Parameters
    ----------
    folder
        Output folder of the run.
    recording
        Name; any character is allowed.
    key
        Digest of everything the predictions depend on.
    bouts
        The recording's bout table.
    frames
        Its frame tables, for example one per behavior and dyad; only one is in memory at a time.
    """
    path = _part_path(folder, recording, key)
    with atomic_directory(path) as temporary:
        _write_bouts_parquet(temporary / BOUTS_PARQUET, concat_bouts([bouts]))
        with FrameTableWriter(temporary / FRAMES_PARQUET) as writer:
            for table in frames:
                writer.write(table)
    prune_older_keys(path.parent, file_name(recording), key)
    return path


def find_part(folder: Path, recording: str, key: str) -> Path | None:
    """Return the path of a recording's part, or None if it has to be computed."""
    path = _part_path(folder, recording, key)
    try:
        for name, dtypes in ((BOUTS_PARQUET, BOUT_DTYPES), (FRAMES_PARQUET, FRAME_DTYPES)):
            _open_parquet(path / name, dtypes).close()
    except (MissingFileError, FormatError):
        return None
    return path


def assemble(parts: Sequence[Path], folder: Path) -> tuple[Path, Path, Path]:
    """Write the final tables of ``parts``, in their order, into ``folder`` and return their paths.

    Bout tables are in memory together; frame tables pass one row group at a time.

    Raises
    ------
    MissingFileError, FormatError
        If a part is gone or damaged; the tables already in ``folder`` stay as they were.
    """
    bouts = concat_bouts(read_bout_table(part / BOUTS_PARQUET) for part in parts)
    frames = folder / FRAMES_PARQUET
    with FrameTableWriter(frames) as writer:
        for part in parts:
            for table in iterate_frame_tables(part / FRAMES_PARQUET):
                writer.write(table)
    return *write_bout_tables(folder, bouts), frames


def _part_path(folder: Path, recording: str, key: str) -> Path:
    return folder / _PARTS / f"{file_name(recording)}-{key[:KEY_LENGTH]}"


def _schema(dtypes: Mapping[str, str]) -> Any:
    return pa.schema([pa.field(name, _ARROW_TYPES[dtype]) for name, dtype in dtypes.items()])


def _to_arrow(table: pd.DataFrame, dtypes: Mapping[str, str]) -> Any:
    arrow = pa.Table.from_pandas(table, schema=_schema(dtypes), preserve_index=False)
    return arrow.replace_schema_metadata(None)


def _to_pandas(arrow: Any, dtypes: Mapping[str, str]) -> pd.DataFrame:
    table: pd.DataFrame = arrow.to_pandas()
    return table.astype(dict(dtypes))


def _parquet_writer(path: Path, dtypes: Mapping[str, str]) -> Any:
    return pq.ParquetWriter(path, _schema(dtypes), compression="zstd", write_page_checksum=True)


def _write_bouts_parquet(path: Path, bouts: pd.DataFrame) -> None:
    with _parquet_writer(path, BOUT_DTYPES) as writer:
        writer.write_table(_to_arrow(bouts, BOUT_DTYPES))


def _row_groups(path: Path, dtypes: Mapping[str, str]) -> Iterator[Any]:
    with _open_parquet(path, dtypes) as source:
        for index in range(source.num_row_groups):
            try:
                group = source.read_row_group(index)
            except (pa.ArrowInvalid, OSError) as error:
                raise _malformed(path, f"damaged rows ({error})", dtypes) from error
            yield group


def _open_parquet(path: Path, dtypes: Mapping[str, str]) -> Any:
    try:
        source = pq.ParquetFile(path, page_checksum_verification=True)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _missing(path) from error
    except pa.ArrowInvalid as error:
        raise _malformed(path, str(error), dtypes) from error
    if source.schema_arrow.names != list(dtypes):
        source.close()
        raise _malformed(path, f"the columns {', '.join(source.schema_arrow.names)}", dtypes)
    return source


def _missing(path: Path) -> MissingFileError:
    return MissingFileError(
        found="no such file",
        expected="a table of bouts or frames",
        where=str(path),
        remedy="run the inference again: it computes only what is missing",
    )


def _malformed(path: Path, found: str, dtypes: Mapping[str, str]) -> FormatError:
    return FormatError(
        found=found,
        expected=f"a table of the columns {', '.join(dtypes)}",
        where=str(path),
        remedy="delete it and run the inference again",
    )
