"""SimBA ``csv/targets_inserted/<video>.csv``: features, then one column of 0 and 1 per classifier.

::

    ,nose_x,nose_y,nose_p,movement_nose,Attack,Sniffing
    0,412.1,88.5,0.99,0.0,0,0
    1,412.9,88.1,0.99,0.9,0,1

- A nameless index, pose columns ``<part>_x, <part>_y, <part>_p``, features, and the classifiers **at the end**.
- Row i is the 0-based frame i. Nobody is named: bouts carry neither individual nor target.

Known traps:

- A frame nobody annotated is 0, like a frame in which the behavior is absent. The file cannot tell; 0 is read as
  absent, and the import says so. Where only a part of the video was annotated, state that part.
- Classifier columns look like any other column. Features can be 0/1 as well (body part in region of interest), so
  naming the behaviors is safer than trusting the last columns.
- ``machine_results`` look the same with one more column ``Probability_<classifier>`` per classifier: those 0 and 1 are
  what a classifier said, not a person.
- Tables have hundreds to thousands of columns: only the last are read.

References
----------
SimBA, https://github.com/sgoldenlab/simba (docs; issues 472 and 515). https://doi.org/10.1038/s41593-024-01649-9
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from nsp_adapters.annotations.delimited import header_of, refuse_semicolons
from nsp_adapters.annotations.imported import ImportedAnnotations
from nsp_adapters.annotations.per_frame import States, cell_state, fit_length, labels_from_states
from nsp_adapters.input_file import require_content
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import UNLABELED

__all__ = ["EXAMPLE", "looks_like_simba_targets", "read_simba_targets"]

EXAMPLE = """,nose_x,nose_y,nose_p,Attack,Sniffing
0,412.1,88.5,0.99,0,0
1,412.9,88.1,0.99,0,1
2,413.0,88.0,0.98,0,1
3,413.0,88.0,0.98,1,0"""

COLUMNS_AT_ONCE = 16


def looks_like_simba_targets(path: Path) -> bool:
    """Return whether columns ``<part>_x, <part>_y, <part>_p`` come first and the last column begins with 0 or 1."""
    columns, first = header_of(path, keep_empty=True)
    parts = {name[:-2] for name in columns if name.endswith("_p")}
    posed = any(f"{part}_x" in columns and f"{part}_y" in columns for part in parts)
    return posed and len(columns) == len(first) and columns[-1][-2:] not in ("_x", "_y", "_p") and _is_binary(first[-1])


def read_simba_targets(
    path: Path,
    *,
    n_frames: int | None = None,
    recording: str | None = None,
    annotator: str = "unknown",
    looked_for: Sequence[str] = (),
) -> ImportedAnnotations:
    """Return the bouts of the classifier columns, observed in every frame of the file.

    Parameters
    ----------
    path
        The csv file.
    n_frames
        Length of the recording; frames after the last row are unlabeled.
    recording, annotator
        Names to put on the labels. Default recording: the file's name.
    looked_for
        Which columns are behaviors. Default: those with a column ``Probability_<name>``, else the last columns as far
        as they hold 0 and 1 only.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If it is no such csv, a behavior's cell is neither 0 nor 1, or the index does not count rows.
    LabelError
        If a column of ``looked_for`` is not there, no column holds 0 and 1, or rows reach beyond the recording.
    """
    columns = _columns(path)
    assumptions: tuple[str, ...] = ()
    predicted = [name for name in columns if f"Probability_{name}" in columns]
    behaviors = list(looked_for) or predicted
    if predicted:
        assumptions += (
            f"{path.name}: {', '.join(predicted)} come from a classifier (Probability_), not from a person",
        )
    if behaviors:
        states = _named_states(path, columns, behaviors)
    else:
        states = _trailing_states(path, columns)
        assumptions += (f"{path.name}: taken for behaviors, as the last columns of 0 and 1: {', '.join(states)}",)
    states, shorter = fit_length(_placed(path, columns, states), n_frames, path)
    assumptions += (f"{path.name}: 0 read as absent; SimBA writes 0 also where nobody looked", *shorter)
    name = recording or path.name.removesuffix(".csv")
    return ImportedAnnotations((labels_from_states(name, annotator, states),), assumptions)


def _columns(path: Path) -> tuple[str, ...]:
    require_content(path, "a SimBA targets_inserted csv")
    refuse_semicolons(path, "a SimBA targets_inserted csv", EXAMPLE)
    columns, _ = header_of(path, keep_empty=True)
    if len(columns) < 2:
        raise FormatError(
            found=f"a first line of {len(columns)} cells",
            expected="a csv of features with one column of 0 and 1 per behavior at the end",
            where=path.name,
            remedy=f"give a file of csv/targets_inserted; a valid file begins:\n{EXAMPLE}",
        )
    return columns


def _cells(path: Path, columns: Sequence[str], numbers: Sequence[int]) -> list[list[str]]:
    """Return the cells of the columns with these ``numbers``, as text.

    pyarrow refuses a row that is not as long as the others; pandas cuts it without a word when some columns are read.
    """
    names = [str(number) for number in range(len(columns))]
    wanted = [names[number] for number in numbers]
    try:
        table = pa_csv.read_csv(
            path,
            read_options=pa_csv.ReadOptions(column_names=names, skip_rows=1),
            convert_options=pa_csv.ConvertOptions(
                include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        raise FormatError(
            found=f"content that is no csv text ({error})",
            expected="comma-separated text in UTF-8, rows as long as the header",
            where=path.name,
            remedy="export the file again",
        ) from error
    return [[cell.strip() for cell in table.column(name).to_pylist()] for name in wanted]


def _is_binary(cell: str) -> bool:
    return cell_state(cell) not in (None, UNLABELED)


def _named_states(path: Path, columns: Sequence[str], behaviors: Sequence[str]) -> States:
    for name in behaviors:
        if name not in columns:
            closest = difflib.get_close_matches(name, columns, n=1)
            raise LabelError(
                found=f"no column {name!r}" + (f" (closest: {closest[0]!r})" if closest else ""),
                expected="one column per behavior asked for",
                where=path.name,
                remedy="write the name as in SimBA; upper and lower case differ",
            )
    cells = _cells(path, columns, [columns.index(name) for name in behaviors])
    for name, its_cells in zip(behaviors, cells, strict=True):
        for number, cell in enumerate(its_cells):
            if not _is_binary(cell):
                raise FormatError(
                    found=f"{name} {cell!r}",
                    expected="0 or 1 in every row",
                    where=f"{path.name}, row {number} below the header",
                    remedy="annotate the video to its end in SimBA, or export the file again",
                )
    return _as_states(behaviors, cells)


def _trailing_states(path: Path, columns: Sequence[str]) -> States:
    found: list[tuple[str, list[str]]] = []
    for stop in range(len(columns), 0, -COLUMNS_AT_ONCE):
        numbers = range(max(0, stop - COLUMNS_AT_ONCE), stop)
        for number, cells in reversed(list(zip(numbers, _cells(path, columns, numbers), strict=True))):
            if not columns[number] or not cells or not all(map(_is_binary, cells)):
                return _trailing(path, columns, found)
            found.append((columns[number], cells))
    return _trailing(path, columns, found)


def _trailing(path: Path, columns: Sequence[str], found: Sequence[tuple[str, list[str]]]) -> States:
    if not found:
        raise LabelError(
            found=f"a last column {columns[-1]!r} that does not hold 0 and 1 only",
            expected="one column of 0 and 1 per behavior at the end",
            where=path.name,
            remedy=f"give a file of csv/targets_inserted, or name the behaviors; a valid file:\n{EXAMPLE}",
        )
    names, cells = zip(*reversed(found), strict=True)
    return _as_states(names, cells)


def _as_states(names: Sequence[str], cells: Sequence[Sequence[str]]) -> States:
    return {
        name: np.array([cell_state(cell) for cell in its], dtype=np.int8)
        for name, its in zip(names, cells, strict=True)
    }


def _placed(path: Path, columns: Sequence[str], states: States) -> States:
    """Refuse a table in which rows are missing: every label below would be shifted."""
    if columns[0]:
        return states
    for number, cell in enumerate(_cells(path, columns, [0])[0]):
        if cell.removesuffix(".0") != str(number):
            raise FormatError(
                found=f"index {cell!r}",
                expected=str(number),
                where=f"{path.name}, row {number} below the header",
                remedy="rows are missing or out of order: export the file again",
            )
    return states
