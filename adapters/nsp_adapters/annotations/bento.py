"""Bento ``.annot``: bouts per channel and behavior, in 1-based inclusive frames or in seconds.

::

    Bento annotation file
    Movie file(s):  Mouse06_Front.seq

    Stimulus name:
    Annotation start frame: 1
    Annotation stop frame: 19955
    Annotation framerate: 30.000000

    List of channels:
    Ch1

    List of annotations:
    Attack

    Ch1----------
    >Attack
    Start	Stop	Duration
    91	157	67

- Frames are **1-based and inclusive**: ``91 157`` is ``[90, 157)`` here, and Duration is ``Stop - Start + 1`` (some
  versions write ``Stop - Start``; it is not read).
- Times are the same numbers divided by the frame rate: ``3.0333  5.2333`` at 30 Hz are frames 91 and 157. A row with a
  ``.`` is in seconds. Header lines may say ``Annotation start time`` and ``stop time`` instead of frames.
- The start and stop of the header are what was watched: observed is that span, for every listed behavior.
- A blank line ends a behavior, a second one ends the channel.

Known traps:

- A channel can be an annotator, an animal, or one half of the vocabulary; the file does not say. They are read together
  unless ``channels`` says what they are.
- One version of Bento takes the whole file for seconds as soon as one start is no whole number, another decides row by
  row. A file of both kinds of rows is refused unless ``unit`` says which it is.
- Rows count from the first frame of the movie, also where the annotation starts later.
- Behavior names have no blanks in the MATLAB version: it reads them as underscores.

References
----------
Bento, https://github.com/neuroethology/bentoMAT and https://github.com/neuroethology/bento
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from nsp_adapters.annotations.imported import MAX_FRAMES, ImportedAnnotations, frame_at, read_bytes, require_fps
from nsp_adapters.annotations.spans import within_recording
from nsp_adapters.input_file import beginning_of
from nsp_core.errors import AmbiguousError, FormatError
from nsp_core.labels import Bout, RecordingLabels

__all__ = ["EXAMPLE", "TITLE", "looks_like_bento", "read_bento"]

TITLE = "Bento annotation file"
EXAMPLE = """Bento annotation file
Annotation framerate: 30
Ch1----------
>Attack
91\t157\t67"""

Channels = Literal["together", "annotators", "individuals"]
Unit = Literal["frames", "seconds"]

_RULE = "----------"
_HEADER = re.compile(r"annotation (?P<edge>start|stop) (?P<unit>frame|time):(?P<value>.*)", re.IGNORECASE)
_RATE = re.compile(r"annotation framerate:(?P<value>.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Row:
    """One bout as it stands in the file."""

    line: int
    channel: str
    behavior: str
    cells: tuple[str, ...]

    @property
    def start(self) -> float:
        return float(self.cells[0])

    @property
    def stop(self) -> float:
        return float(self.cells[1])


@dataclass(slots=True)
class _Annotation:
    """A parsed file: header values as they stand, lists of names and rows."""

    edges: dict[str, tuple[str, float]] = field(default_factory=dict)
    fps: float | None = None
    channels: list[str] = field(default_factory=list)
    behaviors: list[str] = field(default_factory=list)
    rows: list[_Row] = field(default_factory=list)


def looks_like_bento(path: Path) -> bool:
    """Return whether the first line is the title of a Bento annotation."""
    first = beginning_of(path).decode("utf-8-sig", errors="replace").lstrip().partition("\n")[0]
    return first.strip().casefold().startswith(TITLE.casefold())


def read_bento(
    path: Path,
    *,
    fps: float | None = None,
    n_frames: int | None = None,
    recording: str | None = None,
    annotator: str = "unknown",
    looked_for: Sequence[str] = (),
    channels: Channels = "together",
    unit: Unit | None = None,
) -> ImportedAnnotations:
    """Return the bouts of all channels, observed from the start to the stop that the header states.

    Parameters
    ----------
    path
        The annotation file.
    fps
        Frames per second. Default: as the file states.
    n_frames
        Length of the recording.
    recording, annotator
        Names to put on the labels. Default recording: the file's name.
    looked_for
        Behaviors looked for besides those that the file lists.
    channels
        What channels are: ``"annotators"`` makes one entry each, ``"individuals"`` puts the channel's name on its
        bouts, ``"together"`` takes all bouts as one annotator's.
    unit
        Whether rows are frames or seconds. Default: seconds where a row has a ``.``.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If it is no Bento annotation, a row is malformed, or fps is needed and not known or contradicts the file.
    AmbiguousError
        If some rows are frames and some are seconds.
    LabelError
        If a bout lies outside the recording.
    """
    annotation = _parse(path)
    rate = _rate(path, annotation, fps)
    unit = unit or _unit(path, annotation.rows)
    name = recording or path.name.removesuffix(".annot")
    owners = dict.fromkeys(annotation.channels, annotator) or {"": annotator}
    if channels == "annotators" and annotation.channels:
        owners = {each: each.removeprefix("Ch_") for each in annotation.channels}
    bouts: dict[str, list[Bout]] = {owner: [] for owner in owners.values()}
    for row in annotation.rows:
        individual = row.channel if channels == "individuals" else None
        start, stop = _frames(path, row, unit, rate, n_frames)
        bouts[owners[row.channel]].append(Bout(row.behavior, start, stop, individual))
    behaviors = dict.fromkeys([*annotation.behaviors, *(row.behavior for row in annotation.rows), *looked_for])
    last = max((bout.stop_frame for each in bouts.values() for bout in each), default=0)
    span, assumptions = _span(path, annotation, rate, n_frames, last)
    if len(annotation.channels) > 1 and channels == "together":
        sentence = f"{path.name}: channels {', '.join(annotation.channels)} were read together, as one annotator's"
        assumptions += (sentence,)
    assumptions += (f"{path.name}: {', '.join(behaviors) or 'nothing'} looked for in frames [{span[0]}, {span[1]})",)
    observed: Mapping[str, tuple[tuple[int, int], ...]] = dict.fromkeys(behaviors, (span,) if span[0] < span[1] else ())
    labels = tuple(RecordingLabels(name, owner, tuple(each), observed) for owner, each in bouts.items())
    return ImportedAnnotations(labels, assumptions)


def _parse(path: Path) -> _Annotation:
    content = read_bytes(path, "a Bento .annot file")
    # The format states no encoding; a name with a replaced character matches no behavior and is seen as such.
    lines = content.decode("utf-8-sig", errors="replace").splitlines()
    if not lines[0].strip().casefold().startswith(TITLE.casefold()):
        raise _error(path, 1, f"a first line {lines[0][:60]!r}", f"{TITLE!r}")
    annotation = _Annotation()
    names: list[str] | None = None
    channel = behavior = ""
    for number, text in enumerate(lines[1:], start=2):
        line = text.strip()
        if not line:
            names = None
        elif line.endswith(_RULE):
            channel, behavior, names = line.rstrip("-").strip(), "", None
            _add(annotation.channels, channel)
        elif channel and line.startswith(">"):
            behavior = line[1:].strip()
            _add(annotation.behaviors, behavior)
        elif channel:
            if not line.casefold().startswith("start"):
                annotation.rows.append(_row(path, number, channel, behavior, line))
        elif line.casefold() in ("list of channels:", "list of annotations:"):
            names = annotation.channels if "channels" in line.casefold() else annotation.behaviors
        elif names is not None:
            _add(names, line)
        else:
            _read_header(path, number, line, annotation)
    return annotation


def _add(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)


def _read_header(path: Path, number: int, line: str, annotation: _Annotation) -> None:
    if edge := _HEADER.fullmatch(line):
        annotation.edges[edge["edge"].casefold()] = (edge["unit"].casefold(), _number(path, number, edge["value"]))
    elif rate := _RATE.fullmatch(line):
        annotation.fps = _number(path, number, rate["value"])


def _number(path: Path, number: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise _error(path, number, f"{text.strip()!r}", "a number, 0 or more")
    return value


def _row(path: Path, number: int, channel: str, behavior: str, line: str) -> _Row:
    cells = tuple(line.split())
    if not behavior or len(cells) not in (2, 3):
        raise _error(path, number, f"the row {line!r}", "start, stop and duration below a line '>behavior'")
    for cell in cells:
        _number(path, number, cell)
    return _Row(number, channel, behavior, cells)


def _rate(path: Path, annotation: _Annotation, fps: float | None) -> float | None:
    if fps is not None and annotation.fps and abs(fps / annotation.fps - 1) > 1e-4:
        raise FormatError(
            found=f"Annotation framerate: {annotation.fps:.6g}",
            expected=f"{fps:.6g} frames per second, as stated",
            where=path.name,
            remedy="correct the stated fps, or the line in the file if the video was sampled anew",
        )
    return fps if fps is not None else annotation.fps or None


def _unit(path: Path, rows: Sequence[_Row]) -> Unit:
    decimal = [row for row in rows if any("." in cell for cell in row.cells[:2])]
    if not decimal:
        return "frames"
    # A time that happens to be whole seconds has its '.' in the duration.
    whole = [row for row in rows if not any("." in cell for cell in row.cells)]
    if whole:
        raise AmbiguousError(
            found=f"whole numbers here and a decimal point in line {decimal[0].line}",
            expected="rows that are all frames or all seconds",
            where=f"{path.name}, line {whole[0].line}",
            remedy="say which with unit = 'frames' or 'seconds'",
        )
    return "seconds"


def _frames(path: Path, row: _Row, unit: Unit, fps: float | None, n_frames: int | None) -> tuple[int, int]:
    where = f"{path.name}, line {row.line}"
    if unit == "frames":
        if row.start != int(row.start) or row.stop != int(row.stop):
            raise _error(path, row.line, f"frames {row.cells[0]} to {row.cells[1]}", "whole frame numbers")
        first, last = int(row.start), int(row.stop)
    else:
        rate = require_fps(fps, path)
        first, last = frame_at(row.start, rate), frame_at(row.stop, rate)
    slack = 0 if unit == "frames" else 1
    return within_recording(first - 1, last, n_frames, what=row.behavior, where=where, slack=slack)


def _span(
    path: Path, annotation: _Annotation, fps: float | None, n_frames: int | None, last: int
) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Return the half-open frames that were watched."""
    assumptions: tuple[str, ...] = ()
    edges = {
        edge: round(value) if unit == "frame" else frame_at(value, require_fps(fps, path))
        for edge, (unit, value) in annotation.edges.items()
    }
    start = max(edges.get("start", 1) - 1, 0)
    stop = edges.get("stop", last if n_frames is None else n_frames)
    if not start <= stop <= MAX_FRAMES:
        raise FormatError(
            found=f"an annotation from frame {start + 1} to frame {stop}",
            expected=f"a stop after the start, up to frame {MAX_FRAMES}",
            where=path.name,
            remedy="correct its lines 'Annotation start' and 'Annotation stop'",
        )
    if "stop" not in edges:
        assumptions += (f"{path.name}: no 'Annotation stop frame'; watched until frame {stop}",)
    if n_frames is not None and stop > n_frames:
        assumptions += (f"{path.name}: its stop frame {stop} is beyond the recording and was taken as {n_frames}",)
        stop = n_frames
    if last > stop:
        assumptions += (f"{path.name}: bouts reach frame {last}, beyond its stop frame {stop}; they were kept",)
    if start:
        assumptions += (f"{path.name}: annotated from frame {start}; rows count from the start of the movie",)
    return (start, stop), assumptions


def _error(path: Path, number: int, found: str, expected: str) -> FormatError:
    return FormatError(
        found=found,
        expected=expected,
        where=f"{path.name}, line {number}",
        remedy=f"save it from Bento again; a valid file begins:\n{EXAMPLE}",
    )
