"""BORIS behavior binary table: a time column and one 0/1 column per behavior, csv or tsv, for one subject.

::

    time,attack,sniff
    0.0,0,0
    0.033,0,1

- BORIS writes one file per observation and subject, ``<observation>_<subject>.csv``; neither stands inside. A-SOiD
  reads and writes the same layout.
- A row says what is the case at its time. A run of ones lasts from the time of its first row to the time of the row
  after its last.
- The table begins and ends where the export was asked to, and all of that was scored.
- Several columns of one name mean that the behavior was coded with several modifiers: it is on where any of them is.
  With modifiers included, columns are called ``attack (intruder)`` and stay apart under that name.

Known traps:

- **The row number is not the frame.** The interval is asked for in seconds with three decimals: at 30 fps, 0.033 s are
  one frame less in a hundred, and 0.1 s are three frames. Frames follow from the times.
- A point event is a column as well, whose cells count events since the row. Nothing marks such a column, so it is named
  by ``point_behaviors``; a cell above 1 elsewhere is refused.

References
----------
https://github.com/olivierfriard/BORIS (boris/behavior_binary_table.py), https://github.com/YttriLab/A-SOID
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from nsp_adapters.annotations.boris_events import Occurrence, individual_of
from nsp_adapters.annotations.boris_observation import (
    UNKNOWN_ANNOTATOR,
    Observation,
    Request,
    import_observations,
)
from nsp_adapters.annotations.boris_table import SEPARATORS, glance, optional_number, read_text, split_lines
from nsp_adapters.annotations.imported import ImportedAnnotations, require_fps
from nsp_core.errors import FormatError

__all__ = ["looks_like_boris_binary", "read_boris_binary"]

_WHAT = "a BORIS behavior binary table (csv or tsv)"
_EXAMPLE = "time,attack,sniff\n0.0,0,0\n0.033,0,1"
# Times are rounded to three decimals; a step farther off is a row that is missing or doubled.
_STEP_TOLERANCE_S = 0.0015
_COUNT = re.compile("[ ]*[0-9]{1,9}[ ]*")

Lines = list[tuple[int, list[str]]]


def looks_like_boris_binary(path: Path) -> bool:
    """Say whether ``path`` begins with a time column, behaviors, and a first row of a time and whole numbers."""
    first = "\n".join(glance(path).splitlines()[:2])
    for separator in SEPARATORS:
        cells = [line.split(separator) for line in first.split("\n")]
        if len(cells) == 2 and _is_header(cells[0]) and len(cells[0]) == len(cells[1]):
            return optional_number(cells[1][0]) is not None and all(map(_COUNT.fullmatch, cells[1][1:]))
    return False


def read_boris_binary(
    path: Path,
    *,
    fps: float | None,
    n_frames: int | None = None,
    recording: str | None = None,
    annotator: str = UNKNOWN_ANNOTATOR,
    looked_for: Sequence[str] = (),
    individual: str | None = None,
    point_behaviors: Sequence[str] = (),
) -> ImportedAnnotations:
    """Return the labels of one subject in one observation.

    Parameters
    ----------
    path
        The csv or tsv file.
    fps
        Frames per second of the video; the table does not say.
    n_frames
        Number of frames of the recording, where known.
    recording
        Name of the recording. If the file name begins with it and ``_``, the rest is the subject. None takes the whole
        file name.
    annotator
        Whose labels these are; the table does not say.
    looked_for
        Behaviors that were looked for, besides those that have a column.
    individual
        Who behaves; None takes the subject in the file name, where it can be told.
    point_behaviors
        Columns that count point events.

    Returns
    -------
    Labels observed from the first time to the last for each column. Targets are not known.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If the file is no such table, a row is missing or malformed, or no frame rate is given.
    LabelError
        If a row with a behavior is outside the recording.
    """
    fps = require_fps(fps, path)
    behaviors, times, columns = _read(path)
    notes: list[str] = []
    step_s = _step(path, times)
    if step_s * fps > 1.5:
        notes.append(
            f"{path.name}: sampled every {step_s:g} s: starts and stops are known to {step_s * fps:.1f} frames"
        )
    name = recording if recording is not None else path.stem
    if individual is None and recording is not None and path.stem.startswith(f"{recording}_"):
        individual = individual_of(path.stem.removeprefix(f"{recording}_"))
    elif individual is None:
        notes.append(f"{path.name}: the subject was not told: its bouts are nobody's in particular")
    occurrences: list[Occurrence] = []
    for behavior in behaviors:
        counts = _joined(path, times, columns, behavior, behavior in point_behaviors)
        found = _points(times, counts) if behavior in point_behaviors else _runs(times, counts, step_s)
        where = f"{path.name}, column {behavior!r}"
        occurrences += [Occurrence(where, behavior, individual, (), start_s, stop_s) for start_s, stop_s in found]
    end_s = times[-1][1] + step_s
    # The grid includes the end of the media, so its last step may lie outside them.
    last_s = end_s if n_frames is None else min(end_s, n_frames / fps)
    if n_frames is None:
        notes.append(f"{path.name}: its length was taken from its last row, at {times[-1][1]:.3f} s")
    observation = Observation(
        name=name,
        occurrences=tuple(_until(each, last_s, end_s) for each in occurrences),
        duration_s=last_s,
        span_s=(times[0][1], last_s),
        behaviors=tuple(behaviors),
    )
    request = Request(fps, n_frames, recording, annotator, tuple(looked_for))
    labels = import_observations(path, [observation], request, name_is_free=True)
    return ImportedAnnotations(labels.labels, (*notes, *labels.assumptions))


def _read(path: Path) -> tuple[list[str], list[tuple[int, float]], list[tuple[str, list[int]]]]:
    """Return the behaviors, the line and time of each row, and each column's name and whole numbers."""
    text = read_text(path, _WHAT)
    for separator in SEPARATORS:
        lines = split_lines(path, text, separator)
        if lines and _is_header(lines[0][1]):
            break
    else:
        raise FormatError(
            found=f"a first line of {text.splitlines()[0][:60]!r}",
            expected=f"{_WHAT}: 'time' and one column per behavior",
            where=path.name,
            remedy=f"export it again; a valid file begins:\n{_EXAMPLE}",
        )
    names = [name.strip() for name in lines[0][1][1:]]
    rows = [(number, cells) for number, cells in lines[1:] if any(cells)]
    times: list[tuple[int, float]] = []
    counts: list[list[int]] = []
    for number, cells in rows:
        time_s = optional_number(cells[0])
        if time_s is None or len(cells) != len(names) + 1 or not all(map(_COUNT.fullmatch, cells[1:])):
            raise FormatError(
                found=f"the row {separator.join(cells)[:60]!r}",
                expected=f"a time in seconds and {len(names)} whole numbers",
                where=f"{path.name}, line {number}",
                remedy="export it again: the file may be cut short or changed by a spreadsheet",
            )
        times.append((number, time_s))
        counts.append([int(cell) for cell in cells[1:]])
    columns = [(name, [row[index] for row in counts]) for index, name in enumerate(names)]
    return list(dict.fromkeys(names)), times, columns


def _is_header(cells: Sequence[str]) -> bool:
    return len(cells) > 1 and cells[0].strip().casefold() == "time" and all(cell.strip() for cell in cells)


def _step(path: Path, times: Sequence[tuple[int, float]]) -> float:
    """Return the time from row to row."""
    steps = [later - earlier for (_, earlier), (_, later) in itertools.pairwise(times)]
    if not steps:
        raise FormatError(
            found=f"{len(times)} rows", expected="at least two", where=path.name, remedy="export it again"
        )
    usual = median(steps)
    for (number, _), step in zip(times[1:], steps, strict=True):
        if step <= 0 or abs(step - usual) > max(_STEP_TOLERANCE_S, 0.01 * usual):
            raise FormatError(
                found=f"a step of {step:.3f} s",
                expected=f"{usual:.3f} s from row to row, as in the others",
                where=f"{path.name}, line {number}",
                remedy="export it again: a row is missing or doubled",
            )
    return usual


def _joined(
    path: Path,
    times: Sequence[tuple[int, float]],
    columns: Sequence[tuple[str, list[int]]],
    behavior: str,
    is_point: bool,
) -> list[int]:
    """Return the number in each row for ``behavior``, over all of its columns."""
    own = [counts for name, counts in columns if name == behavior]
    for counts in own:
        for (number, _), count in zip(times, counts, strict=True):
            if count > 1 and not is_point:
                raise FormatError(
                    found=f"{count} in column {behavior!r}",
                    expected="0 or 1 for a state",
                    where=f"{path.name}, line {number}",
                    remedy="if these are point events, name the behavior in point_behaviors",
                )
    return [sum(row) if is_point else max(row) for row in zip(*own, strict=True)]


def _points(times: Sequence[tuple[int, float]], counts: Sequence[int]) -> list[tuple[float, float | None]]:
    return [(time_s, None) for (_, time_s), count in zip(times, counts, strict=True) for _ in range(count)]


def _runs(times: Sequence[tuple[int, float]], counts: Sequence[int], step_s: float) -> list[tuple[float, float | None]]:
    runs: list[tuple[float, float | None]] = []
    started: float | None = None
    end_s = times[-1][1] + step_s
    for time_s, count in [*((time_s, count) for (_, time_s), count in zip(times, counts, strict=True)), (end_s, 0)]:
        if count and started is None:
            started = time_s
        elif not count and started is not None:
            runs.append((started, time_s))
            started = None
    return runs


def _until(each: Occurrence, last_s: float, end_s: float) -> Occurrence:
    """Return ``each`` cut at ``last_s`` if it reaches to the end of the table."""
    if each.stop_s is None or each.stop_s < end_s or each.start_s >= last_s:
        return each
    return Occurrence(each.where, each.behavior, each.individual, each.modifiers, each.start_s, last_s)
