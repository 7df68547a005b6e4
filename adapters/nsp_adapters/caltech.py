"""Caltech Behavior Annotator text: one or several streams of behaviors, each a gapless partition of the recording.

Layout (whitespace-separated, any line ending; the configuration list may be absent)::

    Caltech Behavior Annotator - Annotation File

    Configuration file:
    other   o
    attack  a

    S1:     start   end     type
    -----------------------------
            1       535     other
            536     961     attack

- Frames are **1-based and inclusive**: ``536 961`` is ``[535, 961)`` here.
- A frame has exactly one type per stream. The type in which nothing of interest happens (often ``other``, the first of
  the configuration) is written out, so every frame a stream covers has been looked at.
- No individuals are named: bouts carry neither agent nor target.

Known traps:

- Streams may split one vocabulary between them, and the configuration lists all of it. A behavior that stands only in
  another stream would read as absent throughout, so asking for it is an error (see :func:`read_caltech`).
- A type can mean "unscored", and mean it in one stream only. In the resident-intruder recordings of rats, ``base`` in
  S1 is the unscored start and end of a recording, for all streams; in S2, which subdivides the aggression of S1,
  ``base`` fills the scored time between and means "none of these". Hence ``unscored=("base",), unscored_stream="S1"``
  for S2 as well: what is unscored is looked up in one stream only.
- A file may lack a stream its neighbors have: the rat recording without aggression has no S2.
- Labels may end some frames after the poses.

References
----------
Piotr's Computer Vision Matlab Toolbox, https://github.com/pdollar/toolbox (videos/behaviorData.m: the type listed first
is the default of every stream; streams hold simultaneous behaviors or one subject each).
Rat recordings: figshare, https://doi.org/10.6084/m9.figshare.30393298
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from nsp_adapters.annotations.imported import ImportedAnnotations
from nsp_adapters.annotations.spans import ends_early
from nsp_adapters.input_file import require_file
from nsp_core.bouts import bouts_from_frames, frames_from_bouts
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import Behavior, Bout, RecordingLabels

__all__ = ["import_caltech", "read_caltech"]

TITLE = "Caltech Behavior Annotator - Annotation File"
COLUMNS = ("start", "end", "type")

_STREAM_LINE = re.compile(r"(?P<stream>S\d+):(?P<columns>.*)")
_RULE_LINE = re.compile(r"-+")


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a stream over the half-open frames ``[start, stop)``."""

    line: int
    start: int
    stop: int
    type: str


@dataclass(frozen=True, slots=True)
class _Annotation:
    """The configuration list (behavior types in order) and the rows of every stream, in frame order."""

    configured: tuple[str, ...]
    streams: Mapping[str, tuple[_Row, ...]]


def read_caltech(
    path: Path,
    *,
    recording: str,
    annotator: str = "unknown",
    stream: str = "S1",
    behaviors: Sequence[Behavior],
    unscored: Sequence[str] = (),
    unscored_stream: str | None = None,
) -> RecordingLabels:
    """Return the bouts of ``behaviors`` in one stream, observed wherever the stream was scored.

    Parameters
    ----------
    path
        The annotation file.
    recording, annotator
        Names to put on the labels; the file has neither.
    stream
        Which stream to read.
    behaviors
        The behaviors wanted; other types of the stream mean that these are absent.
    unscored
        Types that mean "not looked at": their frames are outside the observed span.
    unscored_stream
        The only stream in which ``unscored`` is looked up. Default: the stream that is read.

    Returns
    -------
    Labels with one bout per row, in frame order, individual and target None. Each behavior is observed in the frames
    that ``stream`` covers and no ``unscored`` row does; a gap between rows is not observed. A bout keeps its frames
    also where it reaches into an unscored span of another stream.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If the file is no annotation file, or a row is malformed, ends before it starts or overlaps another.
    LabelError
        If a stream is not there, or a behavior or unscored type is neither configured nor in its stream, or a behavior
        stands only in another stream that has no type in common with this one but the first configured.
    """
    return import_caltech(
        path,
        recording=recording,
        annotator=annotator,
        stream=stream,
        behaviors=behaviors,
        unscored=unscored,
        unscored_stream=unscored_stream,
    ).labels[0]


def import_caltech(
    path: Path,
    *,
    recording: str,
    annotator: str = "unknown",
    stream: str = "S1",
    behaviors: Sequence[Behavior],
    unscored: Sequence[str] = (),
    unscored_stream: str | None = None,
    n_frames: int | None = None,
) -> ImportedAnnotations:
    """Return what :func:`read_caltech` does, which see, and what was assumed in reading a stream as these behaviors.

    Parameters
    ----------
    n_frames
        Length of the recording where known, for the sentence about an end that the stream does not cover.
    """
    annotation = _parse(path, _read_lines(path))
    rows = _rows_of(path, annotation, stream)
    scored_by = stream if unscored_stream is None else unscored_stream
    scored_rows = _rows_of(path, annotation, scored_by)
    for name in unscored:
        _require_type(path, annotation, scored_by, name)
    for behavior in behaviors:
        _require_type(path, annotation, stream, behavior.name)
        _require_not_elsewhere(path, annotation, stream, behavior.name)
        if scored_by == stream:
            _require_scored(path, stream, behavior.name, unscored)
    spans = _observed_spans(rows, [row for row in scored_rows if row.type in unscored])
    wanted = {behavior.name: None for behavior in behaviors}
    bouts = tuple(Bout(row.type, row.start, row.stop) for row in rows if row.type in wanted)
    labels = RecordingLabels(recording, annotator, bouts, dict.fromkeys(wanted, spans))
    left_out = unscored if scored_by == stream else ()
    told = _assumed(stream, rows, list(wanted), left_out)
    told += ends_early(f"labels of stream {stream} end", rows[-1].stop, n_frames)
    return ImportedAnnotations((labels,), tuple(f"{path.name}: {sentence}" for sentence in told))


def _read_lines(path: Path) -> list[str]:
    require_file(path, "a Caltech Behavior Annotator text file")
    # The format states no encoding; a name with a replaced character matches no behavior and is refused as such.
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    title = lines[0].strip() if lines else ""
    if title.casefold() != TITLE.casefold():
        raise FormatError(
            found=f"a first line of {title[:60]!r}" if title else "an empty first line or file",
            expected=f"{TITLE!r}",
            where=path.name,
            remedy="give the text file as the annotator wrote it",
        )
    return lines


def _parse(path: Path, lines: Sequence[str]) -> _Annotation:
    configured: list[str] = []
    streams: dict[str, list[_Row]] = {}
    current: list[_Row] | None = None
    for number, text in enumerate(lines[1:], start=2):
        line = text.strip()
        if not line or _RULE_LINE.fullmatch(line):
            continue
        if header := _STREAM_LINE.fullmatch(line):
            _check_stream_line(path, number, header, streams)
            current = streams.setdefault(header["stream"], [])
        elif current is not None:
            current.append(_parse_row(path, number, line))
        elif not line.casefold().startswith("configuration file:"):
            configured.append(line.split()[0])
    if not streams:
        raise FormatError(
            found="no stream",
            expected="a line such as 'S1: start end type' and rows below it",
            where=path.name,
            remedy="save the annotation again: the file may be cut short",
        )
    return _Annotation(tuple(configured), {name: _in_order(path, rows) for name, rows in streams.items()})


def _check_stream_line(path: Path, number: int, header: re.Match[str], streams: Mapping[str, object]) -> None:
    columns = tuple(header["columns"].split())
    if columns != COLUMNS or header["stream"] in streams:
        repeated = header["stream"] in streams
        raise FormatError(
            found=f"stream {header['stream']} a second time" if repeated else f"columns {' '.join(columns)!r}",
            expected="each stream once" if repeated else f"columns {' '.join(COLUMNS)!r}",
            where=f"{path.name}, line {number}",
            remedy="give the text file as the annotator wrote it",
        )


def _parse_row(path: Path, number: int, line: str) -> _Row:
    cells = line.split()
    # Twelve digits are more frames than any video has; more than nineteen would not fit the arrays to come.
    well_formed = len(cells) == len(COLUMNS) and all(re.fullmatch("[0-9]{1,12}", cell) for cell in cells[:2])
    if not well_formed or not 1 <= int(cells[0]) <= int(cells[1]):
        raise FormatError(
            found=f"the row {' '.join(cells)!r}",
            expected="start, end and type with 1 <= start <= end, such as '536 961 attack'",
            where=f"{path.name}, line {number}",
            remedy="correct this row, or give the text file as the annotator wrote it",
        )
    return _Row(number, int(cells[0]) - 1, int(cells[1]), cells[2])


def _in_order(path: Path, rows: Iterable[_Row]) -> tuple[_Row, ...]:
    ordered = tuple(sorted(rows, key=lambda row: row.start))
    for earlier, later in pairwise(ordered):
        if later.start < earlier.stop:
            raise FormatError(
                found=f"{later.type} from frame {later.start + 1} while {earlier.type} lasts to {earlier.stop}",
                expected="rows of one stream that do not overlap",
                where=f"{path.name}, line {max(earlier.line, later.line)}",
                remedy=f"correct this row or line {min(earlier.line, later.line)}",
            )
    return ordered


def _rows_of(path: Path, annotation: _Annotation, stream: str) -> tuple[_Row, ...]:
    rows = annotation.streams.get(stream, ())
    if not rows:
        filled = [name for name, its_rows in annotation.streams.items() if its_rows]
        raise LabelError(
            found=f"no rows of stream {stream!r}",
            expected=f"one of the streams with rows: {', '.join(filled) or 'none'}",
            where=path.name,
            remedy="name one of these streams, or leave this file out where it was not annotated for them",
        )
    return rows


def _require_type(path: Path, annotation: _Annotation, stream: str, name: str) -> None:
    known = dict.fromkeys([*annotation.configured, *(row.type for row in annotation.streams[stream])])
    if name in known:
        return
    closest = difflib.get_close_matches(name, known, n=1)
    raise LabelError(
        found=f"no type {name!r}" + (f" (closest: {closest[0]!r})" if closest else ""),
        expected=f"one of {', '.join(known)}",
        where=f"{path.name}, stream {stream}",
        remedy="write the name as in the annotation file; upper and lower case differ",
    )


def _require_not_elsewhere(path: Path, annotation: _Annotation, stream: str, name: str) -> None:
    """Refuse a behavior that this stream could not have recorded, because another one holds its part of the types.

    Two streams with types in common beside the filling one (one per animal or annotator, say) are alternatives, and
    then a behavior one of them lacks did not happen there.
    """
    types = {each: {row.type for row in rows} for each, rows in annotation.streams.items()}
    if name in types[stream]:
        return
    filling = set(annotation.configured[:1])
    for other, others in types.items():
        if name in others and not (others & types[stream]) - filling:
            raise LabelError(
                found=f"{name!r} only in stream {other}",
                expected=f"a behavior annotated in stream {stream}: {', '.join(sorted(types[stream]))}",
                where=path.name,
                remedy=f"read stream {other} for it: here it would seem absent throughout",
            )


def _require_scored(path: Path, stream: str, name: str, unscored: Sequence[str]) -> None:
    if name in unscored:
        raise LabelError(
            found=f"{name!r} among the behaviors and among the unscored types",
            expected="a type that means one of the two",
            where=f"{path.name}, stream {stream}",
            remedy="take it out of behaviors or out of unscored",
        )


def _observed_spans(rows: Sequence[_Row], unscored_rows: Sequence[_Row]) -> tuple[tuple[int, int], ...]:
    n_frames = rows[-1].stop
    covered, unscored = (
        frames_from_bouts(np.array([(row.start, row.stop) for row in part], dtype=np.int64), n_frames)
        for part in (rows, unscored_rows)
    )
    return tuple((int(start), int(stop)) for start, stop in bouts_from_frames(covered & ~unscored))


def _assumed(stream: str, rows: Sequence[_Row], wanted: Sequence[str], left_out: Sequence[str]) -> list[str]:
    """Return which types were taken for "none of these", and which behaviors for looked for and never seen."""
    occurring = dict.fromkeys(row.type for row in rows)
    others = [name for name in occurring if name not in wanted and name not in left_out]
    never = [name for name in wanted if name not in occurring]
    told = []
    if others and wanted:
        told.append(
            f"in stream {stream}, frames of {', '.join(others)} were taken as frames without {', '.join(wanted)}"
        )
    if never:
        told.append(
            f"{', '.join(never)} in no row of stream {stream}: looked for wherever it was scored, and never seen"
        )
    return told
