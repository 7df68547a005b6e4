"""Plain per-frame csv: one row per frame, one column per behavior.

::

    frame,freezing,rearing
    0,0,0
    1,0,1
    2,,1
    3,-1,0

- ``1`` present, ``0`` absent, ``-1`` or an empty cell unlabeled (``1.0``, ``True`` and so on are accepted).
- ``frame`` is optional: 0-based, each once, in any order; frames without a row are unlabeled. Without it row i below
  the header is frame i. A nameless first column, as pandas writes an index, is the frame where none is called so.
- A table that begins with frame 1 may count from 1: it is read as 0-based all the same, and that is told.
- Nobody is named: bouts carry neither individual nor target.
- BehaviorDEPOT users and many scripts keep labels like this.

Known traps:

- A table of several raters looks the same: one column each, all of one behavior. Nothing in the file tells raters from
  behaviors, so say it with ``annotators_of="freezing"``; what several columns were taken for is told.
- A column ``Frame`` or ``frame_number`` may count from 1, and passed over it would shift every label: it is refused.
- A column ``time`` is no behavior and no frame number: with it the file is a table of another tool (BORIS writes such
  binary tables) and is not recognized as this one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from nsp_adapters.annotations.delimited import csv_text, header_of, read_delimited
from nsp_adapters.annotations.imported import ImportedAnnotations
from nsp_adapters.annotations.per_frame import (
    cell_state,
    fit_length,
    labels_from_states,
    states_from_labels,
    states_from_table,
)
from nsp_adapters.atomic import atomic_write_text
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import RecordingLabels

__all__ = ["EXAMPLE", "looks_like_per_frame_csv", "read_per_frame_csv", "write_per_frame_csv"]

FRAME = "frame"
EXAMPLE = "frame,freezing,rearing\n0,0,0\n1,0,1\n2,,1\n3,-1,0"

_NO_BEHAVIOR = {"time", "time_s", "time (s)", "background"}
_NEARLY_FRAME = re.compile(r"(video[ _-]?)?frames?[ _-]?(number|num|no|nr|id|index|idx|#)?", re.IGNORECASE)


def looks_like_per_frame_csv(path: Path) -> bool:
    """Return whether the first row below the header holds states only, beside a frame number if there is one."""
    columns, first = header_of(path)
    if len(columns) != len(first) or not any(first) or {name.casefold() for name in columns} & _NO_BEHAVIOR:
        return False
    cells = [cell for name, cell in zip(columns, first, strict=True) if name not in (FRAME, "")]
    # A name with a tab or semicolon is the header of a table separated by those; a state is no name.
    named = all(columns[1:]) and not any(cell_state(name) is not None for name in columns if name)
    named = named and not any(mark in name for name in columns for mark in "\t;")
    return bool(cells) and named and all(cell_state(cell) is not None for cell in cells)


def read_per_frame_csv(
    path: Path,
    *,
    n_frames: int | None = None,
    recording: str | None = None,
    annotator: str = "unknown",
    looked_for: Sequence[str] = (),
    annotators_of: str | None = None,
) -> ImportedAnnotations:
    """Return the labels of every column, or of the columns ``looked_for``.

    Parameters
    ----------
    path
        The csv file.
    n_frames
        Length of the recording; frames after the last row are unlabeled.
    recording, annotator
        Names to put on the labels. Default recording: the file's name.
    looked_for
        Which columns to take. Default: all.
    annotators_of
        Name of the one behavior, if columns are its annotators and not behaviors.

    Returns
    -------
    Bouts behavior by behavior; observed where cells are not empty and not -1. One entry per column where columns are
    annotators.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If a column is the frame by another name, a cell is no state, or a frame number is malformed or there twice.
    LabelError
        If there is no column of labels or none of a name in ``looked_for``, or labels reach beyond the recording.
    """
    table = read_delimited(path, what="a per-frame csv", example=EXAMPLE)
    frame_column = next((name for name in (FRAME, "") if name in table.columns), None)
    present = [name for name in table.columns if name not in (FRAME, "")]
    _refuse_misnamed_frame(path, present)
    missing = [name for name in looked_for if name not in present]
    if missing or not present:
        raise LabelError(
            found=f"no column {missing[0]!r}" if missing else "no column of labels",
            expected=f"one of {', '.join(present)}" if present else "one column per behavior",
            where=path.name,
            remedy=f"name a column that is there; a valid file begins:\n{EXAMPLE}",
        )
    name = recording or path.name.removesuffix(".csv")
    states = states_from_table(table, tuple(looked_for) or tuple(present), frame_column)
    states, assumptions = fit_length(states, n_frames, path)
    if frame_column is None:
        assumptions += (f"{path.name}: no column {FRAME}: row i below the header is frame i",)
    elif min((table.frame(row, frame_column) for row in table.rows), default=0) == 1:
        assumptions += (_about_frame_one(path, frame_column),)
    if annotators_of is None:
        if len(present) > 1 and not looked_for:
            assumptions += (_about_columns(path, present),)
        return ImportedAnnotations((labels_from_states(name, annotator, states),), assumptions)
    apart = tuple(labels_from_states(name, rater, {annotators_of: each}) for rater, each in states.items())
    return ImportedAnnotations(apart, assumptions)


def write_per_frame_csv(path: Path, labels: RecordingLabels, *, n_frames: int) -> None:
    """Write one row per frame and one column per behavior, all or nothing; -1 where nobody looked.

    Two bouts that touch are one when read again, and participants are lost.

    Raises
    ------
    LabelError
        If labels reach beyond ``n_frames``, one behavior has several doers, there is none, or one has a name that would
        not be read again as a behavior's.
    OutputError
        If the file cannot be written.
    """
    states = states_from_labels(labels, n_frames, "a per-frame csv")
    _refuse_names(labels.recording, list(states))
    rows = zip(range(n_frames), *(each.tolist() for each in states.values()), strict=True)
    atomic_write_text(path, csv_text([(FRAME, *states), *rows]))


def _about_frame_one(path: Path, frame_column: str) -> str:
    return (
        f"{path.name}: the column {frame_column or 'without a name'} begins with 1 and was taken as 0-based, so that "
        "nobody looked at frame 0; if the table counts from 1, subtract 1 from every number in it"
    )


def _about_columns(path: Path, names: Sequence[str]) -> str:
    return (
        f"{path.name}: each column is taken as a behavior: {', '.join(names)}; columns of one behavior by several "
        "annotators are read by nsp agreement --annotators-of NAME"
    )


def _refuse_names(recording: str, names: Sequence[str]) -> None:
    """Refuse behaviors whose columns would not be recognized as such."""
    wrong = [name for name in names if not _is_behavior(name)]
    if wrong or not names:
        raise LabelError(
            found=f"a behavior called {wrong[0]!r}" if wrong else "no behavior",
            expected="names that mean a behavior at the head of a column, at least one",
            where=recording,
            remedy="rename the behavior, or write another format",
        )


def _is_behavior(name: str) -> bool:
    taken = name.casefold() in _NO_BEHAVIOR or _NEARLY_FRAME.fullmatch(name) or cell_state(name) is not None
    return not taken and name == name.strip() and not any(mark in name for mark in "\t;")


def _refuse_misnamed_frame(path: Path, names: Sequence[str]) -> None:
    misnamed = next((name for name in names if _NEARLY_FRAME.fullmatch(name)), None)
    if misnamed is not None:
        raise FormatError(
            found=f"a column {misnamed!r}",
            expected=f"{FRAME!r} for 0-based frames, or no column of frames",
            where=path.name,
            remedy=f"rename it to {FRAME!r} if its first frame is 0, count from 0 if it is 1, or remove it",
        )
