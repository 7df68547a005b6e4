"""Interval csv of several raters: one row per bout in seconds, semicolon-separated, with marks of start and end.

::

    "file";"Experimenter";"from";"to";"type";"ID"
    "FST_1_Jin2.json";"Jin";10.574;11.574;"Start_End";"FST_1"
    "FST_1_Jin2.json";"Jin";10.809;11.809;"Floating";"FST_1"
    "FST_1_Jin2.json";"Jin";374.182;375.08;"Start_End";"FST_1"

- ``ID`` is the recording, ``Experimenter`` the annotator, ``file`` one pass through the video. Raters are kept apart.
- ``from`` and ``to`` are seconds of the video: half-open frames by rounding.
- ``Start_End`` (also ``Start/End``, ``StartEnd``) is no behavior but marks where scoring begins and ends: observed is
  from the start of the first mark to the end of the last. A pass with fewer than two marks is taken as scored from
  frame 0 to the end.
- ``_DEFAULT`` is a row nobody gave a type; it is left out and counted, and so is a row with ``NA``.

Known traps:

- One rater may have scored one half of the behaviors in one pass and the other half in a second one: each pass says
  only where *its* behaviors were looked for. Passes of different behaviors are joined; passes with a behavior in common
  are repetitions and stay apart, as ``<rater> (<file>)``.
- A behavior without a bout in a pass is not in the file at all: name it in ``looked_for`` where it was looked for.

References
----------
Sturman et al. 2020, https://doi.org/10.1038/s41386-020-0776-y, and https://github.com/ETHZ-INS/DLCAnalyzer
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nsp_adapters.annotations.delimited import DelimitedText, Row, header_of, read_delimited
from nsp_adapters.annotations.imported import ImportedAnnotations, frame_at, require_fps
from nsp_adapters.annotations.spans import within_recording
from nsp_core.errors import LabelError
from nsp_core.labels import Bout, RecordingLabels

__all__ = ["EXAMPLE", "looks_like_interval_csv", "read_interval_csv"]

COLUMNS = ("file", "Experimenter", "from", "to", "type", "ID")
MARKS = ("Start_End", "Start/End", "StartEnd")
UNTYPED = "_DEFAULT"
EXAMPLE = """file;Experimenter;from;to;type;ID
a.json;Jin;10.0;11.0;Start_End;FST_1
a.json;Jin;12.5;14.0;Floating;FST_1
a.json;Jin;20.0;21.5;Floating;FST_1
a.json;Jin;370.0;371.0;Start_End;FST_1"""

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one rater noted in one pass through one recording."""

    recording: str
    rater: str
    file: str
    bouts: tuple[Bout, ...]
    observed: Mapping[str, Spans]
    marks: int


def looks_like_interval_csv(path: Path) -> bool:
    """Return whether the header, separated by semicolons, has the six columns."""
    return set(COLUMNS) <= set(header_of(path, ";")[0])


def read_interval_csv(
    path: Path,
    *,
    fps: float | None,
    n_frames: int | None = None,
    recording: str | None = None,
    annotator: str = "unknown",
    looked_for: Sequence[str] = (),
) -> ImportedAnnotations:
    """Return the bouts of every recording and rater, observed between the marks of start and end.

    Parameters
    ----------
    path
        The csv file.
    fps
        Frames per second of the videos.
    n_frames
        Length of the recording.
    recording
        Which ``ID`` to take. Default: all.
    annotator
        Which ``Experimenter`` to take. Default: all.
    looked_for
        Behaviors looked for besides those that occur, in every pass.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If fps is not stated, a column is missing or a row malformed.
    LabelError
        If the recording or annotator is not there, or a bout lies outside the recording.
    """
    rate = require_fps(fps, path)
    table = read_delimited(path, what="an interval csv", example=EXAMPLE, delimiter=";")
    table.require(COLUMNS)
    rows = _chosen(_chosen(list(table.rows), table, "ID", recording), table, "Experimenter", annotator)
    usable = [row for row in rows if row["type"] not in (UNTYPED, "NA") and "NA" not in (row["from"], row["to"])]
    grouped: dict[tuple[str, str, str], list[Row]] = {}
    for row in usable:
        key = (table.name(row, "ID"), table.name(row, "Experimenter"), table.name(row, "file"))
        grouped.setdefault(key, []).append(row)
    passes = [_pass(table, key, its_rows, rate, n_frames, looked_for) for key, its_rows in grouped.items()]
    return ImportedAnnotations(_joined(passes), _notes(path, passes, len(rows) - len(usable)))


def _chosen(rows: list[Row], table: DelimitedText, column: str, name: str | None) -> list[Row]:
    if name is None or (column == "Experimenter" and name == "unknown"):
        return rows
    chosen = [row for row in rows if row[column] == name]
    if not chosen:
        raise LabelError(
            found=f"no row of {column} {name!r}",
            expected=f"one of {', '.join(dict.fromkeys(row[column] for row in rows))}",
            where=table.path.name,
            remedy="name one of these, or none to take all",
        )
    return chosen


def _pass(
    table: DelimitedText,
    key: tuple[str, str, str],
    rows: Sequence[Row],
    fps: float,
    n_frames: int | None,
    looked_for: Sequence[str],
) -> _Pass:
    bouts, marks = [], []
    for row in rows:
        kind = table.name(row, "type")
        start, stop = (frame_at(table.seconds(row, column), fps) for column in ("from", "to"))
        # A bout shorter than a frame is still a bout that somebody saw.
        stop = max(stop, start + 1) if table.seconds(row, "from") < table.seconds(row, "to") else stop
        where = f"{table.path.name}, line {row.line}"
        if kind in MARKS:
            start, stop = within_recording(start, stop, None, what=kind, where=where)
            marks.append((start, stop if n_frames is None else min(stop, n_frames)))
        else:
            start, stop = within_recording(start, stop, n_frames, what=kind, where=where, slack=1)
            bouts.append(Bout(kind, start, stop))
    names = dict.fromkeys([*(bout.behavior for bout in bouts), *looked_for])
    if len(marks) > 1:
        span = (min(start for start, _ in marks), max(stop for _, stop in marks))
    else:
        span = (0, n_frames or max([stop for _, stop in marks] + [bout.stop_frame for bout in bouts]))
    observed: dict[str, Spans] = dict.fromkeys(names, (span,) if span[0] < span[1] else ())
    return _Pass(*key, tuple(bouts), observed, len(marks))


def _joined(passes: Sequence[_Pass]) -> tuple[RecordingLabels, ...]:
    by_rater: dict[tuple[str, str], list[_Pass]] = {}
    for each in passes:
        by_rater.setdefault((each.recording, each.rater), []).append(each)
    labels = []
    for (recording, rater), its_passes in by_rater.items():
        names = [name for each in its_passes for name in dict.fromkeys(bout.behavior for bout in each.bouts)]
        if len(names) == len(set(names)):
            bouts = tuple(bout for each in its_passes for bout in each.bouts)
            labels.append(RecordingLabels(recording, rater, bouts, _joined_spans(its_passes)))
        else:
            labels += [
                RecordingLabels(recording, f"{rater} ({each.file})", each.bouts, each.observed) for each in its_passes
            ]
    return tuple(labels)


def _joined_spans(passes: Sequence[_Pass]) -> dict[str, Spans]:
    """Return where each behavior was looked for: in the pass that has bouts of it, else in the first."""
    observed: dict[str, Spans] = {}
    for each in passes:
        occurring = {bout.behavior for bout in each.bouts}
        for name, spans in each.observed.items():
            if name in occurring or name not in observed:
                observed[name] = spans
    return observed


def _notes(path: Path, passes: Sequence[_Pass], left_out: int) -> tuple[str, ...]:
    notes = []
    if left_out:
        notes.append(f"{path.name}: {left_out} rows without a type ({UNTYPED}) or with NA were left out")
    marked = sum(each.marks > 1 for each in passes)
    if marked:
        notes.append(
            f"{path.name}: {marked} passes observed from the start of their first mark to the end of their last"
        )
    unmarked = [each.file for each in passes if each.marks < 2]
    if unmarked:
        listed = ", ".join(unmarked[:10]) + (" ..." if len(unmarked) > 10 else "")
        notes.append(f"{path.name}: fewer than two marks, taken as scored throughout: {listed}")
    return tuple(notes)
