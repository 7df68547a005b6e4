"""Plain bout csv in this project's own words: one row per bout, columns found by name.

::

    recording,individual,target,behavior,start_frame,stop_frame,annotator
    cage3,resident,intruder,attack,535,961,anna

- ``behavior`` is required, and so are either ``start_frame, stop_frame`` or ``start_s, stop_s``. Frames are 0-based and
  half-open, ``[start_frame, stop_frame)``: the csv counts as we do and nothing is converted. Seconds need the frame
  rate and become the nearest frame; where both stand, frames win.
- ``recording``, ``individual``, ``target`` and ``annotator`` are optional columns. An empty individual or target means
  that the annotation does not say who; an empty annotator, whoever is asked for. Rows of other recordings or other
  annotators are skipped.
- Other columns are ignored, unless one looks like a misspelled column of ours.
- UTF-8 (a byte order mark is accepted), comma-separated, quoted where needed.

Known trap: the file lists what was seen and not where anybody looked. A frame without a bout is absent only inside an
observed span, which therefore has to be stated; the csv does not carry it.
"""

from __future__ import annotations

import csv
import difflib
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nsp_adapters.annotations.delimited import csv_text, refuse_semicolons, without_empty_end
from nsp_adapters.annotations.imported import MAX_FRAMES, ImportedAnnotations, frame_at
from nsp_adapters.atomic import atomic_write_text
from nsp_adapters.input_file import require_file
from nsp_core.errors import AmbiguousError, FormatError, LabelError
from nsp_core.labels import Behavior, Bout, RecordingLabels

__all__ = ["import_bout_csv", "read_bout_csv", "write_bout_csv"]

COLUMNS = ("recording", "individual", "target", "behavior", "start_frame", "stop_frame", "annotator")
FRAME_COLUMNS = ("start_frame", "stop_frame")
SECOND_COLUMNS = ("start_s", "stop_s")
OPTIONAL_COLUMNS = ("recording", "individual", "target", "annotator")
UNKNOWN_ANNOTATOR = "unknown"
MOST_NAMED = 10  # recordings in a sentence
NEAR_MISS = 0.85  # similarity above which an unknown name is taken for a slip of the pen: "atack", not "nonsocial"

_OPTIONAL = ", ".join(OPTIONAL_COLUMNS)
_BEGINNING = "behavior,start_frame,stop_frame\nattack,535,961"
_EXAMPLE = f"a valid file begins:\n{_BEGINNING}"


@dataclass(frozen=True, slots=True)
class _Row:
    """The cells of one line by column name, stripped; a column the file does not have is empty."""

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


def read_bout_csv(
    path: Path,
    *,
    recording: str,
    annotator: str = UNKNOWN_ANNOTATOR,
    fps: float | None,
    behaviors: Sequence[Behavior],
    observed: Sequence[tuple[int, int]] | Literal["all", "labeled-span"],
    n_frames: int | None,
) -> RecordingLabels:
    """Return one annotator's bouts of ``behaviors`` in one recording, in the order of the file.

    Parameters
    ----------
    path
        The csv file.
    recording
        Rows of other recordings are skipped where the file has a recording column.
    annotator
        Whose rows to take where the file has an annotator column. ``"unknown"`` takes the only annotator there is.
    fps
        Frames per second; needed only for ``start_s, stop_s``.
    behaviors
        The behaviors wanted; rows of other behaviors are skipped.
    observed
        Half-open frame spans in which the annotator looked for all of ``behaviors``; ``"all"`` for the whole recording
        of ``n_frames``; ``"labeled-span"`` from the first to the last frame of any bout the annotator listed in this
        recording, whatever its behavior.
    n_frames
        Length of the recording; needed only for ``"all"``.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If columns are missing or misspelled, a row is malformed or fps is needed and None.
    LabelError
        If the observed spans are not stated or impossible, the annotator has no row in the file, or a behavior or the
        recording does not occur but a name that differs by a slip does.
    AmbiguousError
        If several annotators labeled the recording and none is chosen.
    """
    return import_bout_csv(
        path,
        recording=recording,
        annotator=annotator,
        fps=fps,
        behaviors=behaviors,
        observed=observed,
        n_frames=n_frames,
    ).labels[0]


def import_bout_csv(
    path: Path,
    *,
    recording: str,
    annotator: str = UNKNOWN_ANNOTATOR,
    fps: float | None,
    behaviors: Sequence[Behavior],
    observed: Sequence[tuple[int, int]] | Literal["all", "labeled-span"],
    n_frames: int | None,
) -> ImportedAnnotations:
    """Return what :func:`read_bout_csv` does, which see, and what was assumed about rows and observed spans."""
    columns, rows = _read_rows(path)
    interval = _interval_columns(path, columns)
    if fps is None and interval == SECOND_COLUMNS:
        raise FormatError(
            found="bouts in seconds and no frame rate",
            expected="fps, the frames per second of the video",
            where=path.name,
            remedy="state fps in the study file or with --fps, or give start_frame and stop_frame",
        )
    chosen = _of_recording(path, rows, recording) if "recording" in columns else rows
    annotator = _choose_annotator(path, rows, chosen, annotator)
    chosen = [row for row in chosen if row["annotator"] in ("", annotator)]
    wanted = [behavior.name for behavior in behaviors]
    _refuse_misspelled_behavior(path, rows, wanted)
    bouts = [_bout(path, row, interval, fps) for row in chosen]
    spans = _observed_spans(path, observed, n_frames, bouts)
    kept = tuple(bout for bout in bouts if bout.behavior in wanted)
    labels = RecordingLabels(recording, annotator, kept, dict.fromkeys(wanted, spans))
    told = _about_rows(recording, columns, rows)
    n_unsigned = sum(not row["annotator"] for row in chosen)
    if n_unsigned and any(row["annotator"] for row in rows):
        told.append(f"{n_unsigned} rows that name no annotator were taken for those of {annotator!r}")
    if observed == "labeled-span":
        told.append(_about_labeled_span(recording, wanted, spans))
    elif not chosen:
        told.append(f"no bout in {recording!r}: nothing was seen in the frames that the study says were looked at")
    return ImportedAnnotations((labels,), tuple(f"{path.name}: {sentence}" for sentence in told))


def write_bout_csv(path: Path, labels: RecordingLabels | Sequence[RecordingLabels]) -> None:
    """Write the bouts of ``labels``, all or nothing, so that :func:`read_bout_csv` returns the same bouts in order.

    Several recordings and annotators follow each other. The observed spans are not part of the format: keep them in the
    study file. Blanks around a name are lost.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    every = (labels,) if isinstance(labels, RecordingLabels) else labels
    rows = [
        (one.recording, bout.individual, bout.target, bout.behavior, bout.start_frame, bout.stop_frame, one.annotator)
        for one in every
        for bout in one.bouts
    ]
    atomic_write_text(path, csv_text([COLUMNS, *rows]))


def _read_rows(path: Path) -> tuple[tuple[str, ...], list[_Row]]:
    require_file(path, "a bout csv")
    refuse_semicolons(path, "a bout csv", _BEGINNING)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = [cell.strip() for cell in next(reader, [])]
            filled = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(
            found=f"content that is no csv text ({error})",
            expected="comma-separated text in UTF-8",
            where=path.name,
            remedy=f"save it as csv (UTF-8); {_EXAMPLE}",
        ) from error
    columns, lines = without_empty_end(header, filled)
    return columns, [_row(path, line, columns, cells) for line, cells in lines]


def _row(path: Path, line: int, columns: Sequence[str], cells: Sequence[str]) -> _Row:
    if len(cells) != len(columns):
        raise _row_error(path, line, f"{len(cells)} cells", f"{len(columns)} cells, as in the header")
    return _Row(line, {column: cell.strip() for column, cell in zip(columns, cells, strict=True)})


def _interval_columns(path: Path, columns: Sequence[str]) -> tuple[str, str]:
    """Return the columns that hold start and stop, once all columns are known to be usable."""
    in_seconds = bool(set(SECOND_COLUMNS) & set(columns)) and not set(FRAME_COLUMNS) <= set(columns)
    interval = SECOND_COLUMNS if in_seconds else FRAME_COLUMNS
    required = ("behavior", *interval)
    unused = [column for column in (*required, *OPTIONAL_COLUMNS) if column not in columns]
    problems = [f"no column {column}" for column in required if column not in columns]
    problems += [f"two columns {column}" for column, count in Counter(columns).items() if column and count > 1]
    for column in sorted(set(columns).difference(COLUMNS, SECOND_COLUMNS)):
        if closest := difflib.get_close_matches(column.casefold(), unused, n=1, cutoff=0.7):
            problems.append(f"a column {column!r} (closest: {closest[0]!r})")
    if problems:
        raise FormatError(
            found=" and ".join(problems) if any(columns) else "an empty file",
            expected=f"columns behavior, start_frame, stop_frame (or start_s, stop_s), if need be {_OPTIONAL}",
            where=path.name,
            remedy=f"rename the columns; frames are 0-based and half-open; {_EXAMPLE}",
        )
    return interval


def _of_recording(path: Path, rows: Sequence[_Row], recording: str) -> list[_Row]:
    for row in rows:
        if not row["recording"]:
            raise _row_error(path, row.line, "an empty recording", "a recording's name in every row of this column")
    chosen = [row for row in rows if row["recording"] == recording]
    folded = _folded(recording)
    alike = sorted({row["recording"] for row in rows if _folded(row["recording"]) == folded})
    if alike and not chosen:
        raise LabelError(
            found=f"no row of {recording!r} but rows of {alike[0]!r}",
            expected=f"rows of {recording!r}, or none that could be meant",
            where=path.name,
            remedy="write the recording's name as in the study file",
        )
    return chosen


def _folded(name: str) -> str:
    """Return ``name`` without what people vary by accident: case, blanks, hyphens, underscores, a video's extension."""
    stem = re.sub(r"\.(avi|mkv|mov|mp4)$", "", name.casefold())
    return re.sub(r"[\s_-]", "", stem)


def _choose_annotator(path: Path, rows: Sequence[_Row], chosen: Sequence[_Row], annotator: str) -> str:
    here = sorted({row["annotator"] for row in chosen} - {""})
    if annotator == UNKNOWN_ANNOTATOR:
        if len(here) > 1:
            raise AmbiguousError(
                found=f"rows of {len(here)} annotators: {', '.join(here)}",
                expected="one annotator, or the choice of one",
                where=path.name,
                remedy="name the annotator in the study file",
            )
        return here[0] if here else annotator
    anywhere = sorted({row["annotator"] for row in rows} - {""})
    if anywhere and annotator not in anywhere:
        raise LabelError(
            found=f"no row by annotator {annotator!r}",
            expected=f"one of {', '.join(anywhere)}",
            where=path.name,
            remedy="name one of these annotators in the study file",
        )
    return annotator


def _refuse_misspelled_behavior(path: Path, rows: Iterable[_Row], wanted: Sequence[str]) -> None:
    occurring = {row["behavior"] for row in rows}
    others = {name.casefold(): name for name in sorted(occurring.difference(wanted))}
    for name in wanted:
        # Beside rows of the right name only another capitalization is surely a slip.
        cutoff = 1.0 if name in occurring else NEAR_MISS
        if closest := difflib.get_close_matches(name.casefold(), others, n=1, cutoff=cutoff):
            raise LabelError(
                found=f"behavior {others[closest[0]]!r}",
                expected=f"{name!r}, which is asked for",
                where=path.name,
                remedy="write the name alike in both files; if these are two behaviors, list both in the study file",
            )


def _bout(path: Path, row: _Row, interval: tuple[str, str], fps: float | None) -> Bout:
    if not row["behavior"]:
        raise _row_error(path, row.line, "an empty behavior", "a behavior's name in every row")
    start, stop = (_frame(path, row, column, fps) for column in interval)
    if not start < stop:
        found = f"a bout of {row['behavior']} over frames [{start}, {stop})"
        raise _row_error(path, row.line, found, "start before stop: a bout lasts at least one frame")
    return Bout(row["behavior"], start, stop, row["individual"] or None, row["target"] or None)


def _frame(path: Path, row: _Row, column: str, fps: float | None) -> int:
    cell = row[column]
    if column in FRAME_COLUMNS or fps is None:
        if not re.fullmatch("[0-9]{1,15}", cell) or int(cell) > MAX_FRAMES:
            raise _row_error(path, row.line, f"{column} {cell[:20]!r}", f"a whole number from 0 to {MAX_FRAMES}")
        return int(cell)
    try:
        seconds = float(cell)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds * fps <= MAX_FRAMES:
        raise _row_error(path, row.line, f"{column} {cell[:20]!r}", "a time in seconds, 0 or more")
    return frame_at(seconds, fps)


def _row_error(path: Path, line: int, found: str, expected: str) -> FormatError:
    where = f"{path.name}, line {line}"
    return FormatError(found=found, expected=expected, where=where, remedy=f"correct this row; {_EXAMPLE}")


def _observed_spans(
    path: Path,
    observed: Sequence[tuple[int, int]] | Literal["all", "labeled-span"],
    n_frames: int | None,
    bouts: Sequence[Bout],
) -> tuple[tuple[int, int], ...]:
    if observed == "labeled-span":
        starts, stops = [bout.start_frame for bout in bouts], [bout.stop_frame for bout in bouts]
        return ((min(starts), max(stops)),) if bouts else ()
    if observed == "all":
        stated = [] if n_frames is None else [(0, n_frames)]
    else:
        stated = [(int(start), int(stop)) for start, stop in observed]
    if not stated or not all(0 <= start < stop for start, stop in stated):
        raise LabelError(
            found=f"observed spans {stated}" if stated else f"no observed spans (observed = {observed!r}, no n_frames)",
            expected="half-open frame spans with 0 <= start < stop, or 'all' with n_frames",
            where=path.name,
            remedy="state what the annotator watched: unlabeled is not absent, and the csv lists only what was seen",
        )
    return tuple(stated)


def _about_rows(recording: str, columns: Sequence[str], rows: Sequence[_Row]) -> list[str]:
    """Return a sentence where the rows do not say that they are of this recording, or are all of others."""
    if not rows:
        return ["no row below the header"]
    if "recording" not in columns:
        return [f"no column recording: every row was taken for {recording!r}"]
    there = list(dict.fromkeys(row["recording"] for row in rows))
    if recording in there:
        return []
    more = f" and {len(there) - MOST_NAMED} more" if len(there) > MOST_NAMED else ""
    return [f"no row of {recording!r}, but of {', '.join(there[:MOST_NAMED])}{more}"]


def _about_labeled_span(recording: str, behaviors: Sequence[str], spans: Sequence[tuple[int, int]]) -> str:
    names = ", ".join(behaviors)
    if not spans:
        return f"no bout in {recording!r}, so that no frame of it is labeled"
    ((start, stop),) = spans
    return (
        f"{names} looked for in every frame of [{start}, {stop}), from the first bout listed to the end of the last, "
        "because the csv does not say where anybody looked and no observed span is stated"
    )
