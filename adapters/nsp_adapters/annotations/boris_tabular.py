"""BORIS tabular events: one row per START, STOP or POINT, csv or tsv, of all versions from 7 to 9.

Version 7 has a preamble (and one observation per file)::

    Observation id,DLC3,,,,,,,
    Media file(s),,,,,,,,
    Player #1,cage3.avi,,,,,,,
    Time offset (s),0.0,,,,,,,
    independent variables,,,,,,,,
    variable,value,,,,,,,
    observer,anna,,,,,,,
    Time,Media file path,Total length,FPS,Subject,Behavior,Behavioral category,Comment,Status
    29.850,cage3.avi,190.000,30.0,adult,interact,,,START

Versions 8 and 9 repeat everything in each row; 8 has no ``Time offset (s)``. Independent variables stand between
``FPS`` and ``Subject``, one column each::

    Observation id,Observation date,Description,Observation duration,Observation type,Source,Time offset (s),
    Media duration (s),FPS,Subject,Behavior,Behavioral category,Modifier #1,Behavior type,Time,Media file name,
    Image index,Image file path,Comment

- Times are seconds with three decimals from the start of the media, **plus the time offset**, which is subtracted here.
- Rows need not be in order of time: exports are put together by hand.
- ``FPS`` and ``Media duration (s)`` list all media: ``25.000;25.000|30.000``.
- ``Image index`` is empty or ``NA`` until frame indexes are added, and not used here.

Known traps:

- A version 9 export can be limited to a time interval or to the events, and says so only through an ``Observation
  duration`` that is not the duration of the media. Then nothing is known before its first event and after its last.
- The file lists what happened. A behavior of the ethogram that never happened is not in it: see ``looked_for``.

References
----------
https://github.com/olivierfriard/BORIS (boris/export_observation.py), https://doi.org/10.1111/2041-210X.12584
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from nsp_adapters.annotations.boris_events import Event, Status, individual_of, pair_events
from nsp_adapters.annotations.boris_observation import (
    UNKNOWN_ANNOTATOR,
    Observation,
    Request,
    annotator_in,
    import_observations,
    one_fps,
)
from nsp_adapters.annotations.boris_table import (
    Row,
    Table,
    first_player,
    has_table,
    number_in,
    optional_number,
    read_table,
)
from nsp_adapters.annotations.imported import ImportedAnnotations
from nsp_core.errors import FormatError

__all__ = [
    "DURATION_COLUMNS",
    "FPS_COLUMNS",
    "duration_of",
    "fps_of",
    "looks_like_boris_tabular",
    "media_of",
    "modifiers_of",
    "observations_of",
    "partial_span",
    "read_boris_tabular",
    "required_text",
]

STATUS_COLUMNS = ("behavior type", "status")
DURATION_COLUMNS = ("media duration (s)", "total length")
FPS_COLUMNS = ("fps", "fps (frame/s)")
MEDIA_COLUMNS = ("source", "media file", "media file path", "media file name")

_REQUIRED = (("time",), ("behavior",), STATUS_COLUMNS)
_STATUSES: Mapping[str, Status] = {"START": "START", "STOP": "STOP", "POINT": "POINT"}
_MODIFIER = re.compile(r"modifiers?( #?\d+)?")
_SPAN_TOLERANCE_S = 0.1
_WHAT = "a BORIS export of tabular events (csv or tsv)"
_EXAMPLE = (
    "Time,Media file path,Total length,FPS,Subject,Behavior,Behavioral category,Comment,Status\n"
    "29.850,cage3.avi,190.000,30.0,adult,interact,,,START\n"
    "34.725,cage3.avi,190.000,30.0,adult,interact,,,STOP"
)


def looks_like_boris_tabular(path: Path) -> bool:
    """Say whether ``path`` has a header with time, behavior and a status."""
    return has_table(path, [*_REQUIRED, ("subject",)], forbidden=("start (s)",))


def read_boris_tabular(
    path: Path,
    *,
    fps: float | None,
    n_frames: int | None = None,
    recording: str | None = None,
    annotator: str = UNKNOWN_ANNOTATOR,
    looked_for: Sequence[str] = (),
    target_from_modifier: bool = False,
) -> ImportedAnnotations:
    """Return the labels of the observations in a table of events.

    Parameters
    ----------
    path
        The csv or tsv file.
    fps
        Frames per second of the video; None takes what the file says.
    n_frames
        Number of frames of the recording; None takes the media duration in the file, or else the last event.
    recording
        An observation id or the name of a video: that observation is taken. The only observation of a file is taken
        whatever its id. None takes all, named by their ids.
    annotator
        Whose labels these are; ``"unknown"`` takes an independent variable named observer or annotator.
    looked_for
        Behaviors that were looked for, besides those that occur.
    target_from_modifier
        Whether a modifier that names another subject of the file is the target.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If the file is no such table, a row is malformed, or no frame rate is known or it contradicts the file.
    LabelError
        If a START or STOP has no counterpart, a row is outside the recording, or the recording is not there.
    AmbiguousError
        If several observations could be meant.
    """
    table = read_table(path, _REQUIRED, _WHAT, _EXAMPLE)
    observations = [
        _observation(name, rows, _preamble(table.preamble), table.columns)
        for name, rows in observations_of(path, table)
    ]
    request = Request(fps, n_frames, recording, annotator, tuple(looked_for), target_from_modifier)
    return import_observations(path, observations, request, name_is_free=True)


def observations_of(path: Path, table: Table) -> list[tuple[str, list[Row]]]:
    """Return the rows of each observation, in order of first mention; without ids, all rows under the file's name."""
    preamble = _preamble(table.preamble)
    rows: dict[str, list[Row]] = {}
    for row in table.rows:
        rows.setdefault(row["observation id"] or preamble.get("observation id", "") or path.stem, []).append(row)
    if not rows:
        # Nothing happened, which is worth knowing: the observation is there and has no events.
        rows[preamble.get("observation id", "") or path.stem] = []
    return list(rows.items())


def modifiers_of(row: Row, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the modifiers of ``row``, one per set, without trailing empty ones."""
    texts = [part.strip() for name in columns if _MODIFIER.fullmatch(name) for part in row[name].split("|")]
    while texts and not texts[-1]:
        texts.pop()
    return tuple(texts)


def fps_of(rows: Sequence[Row]) -> float | None:
    """Return the frame rate that ``rows`` of one observation state, or None; see :func:`one_fps`."""
    where = rows[0].where if rows else ""
    cells = dict.fromkeys(row.first_of(FPS_COLUMNS) for row in rows)
    return one_fps([optional_number(part) for cell in cells for part in first_player(cell)], where)


def duration_of(rows: Sequence[Row]) -> float | None:
    """Return the seconds of the media of player 1 together, or None if they are not all stated."""
    cells = dict.fromkeys(row.first_of(DURATION_COLUMNS) for row in rows)
    if len(cells) != 1:
        return None
    parts = [optional_number(part) for part in first_player(next(iter(cells)))]
    known = [part for part in parts if part is not None and part > 0]
    return sum(known) if known and len(known) == len(parts) else None


def media_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the paths of the media of player 1, in order of first mention."""
    cells = dict.fromkeys(row.first_of(MEDIA_COLUMNS) for row in rows)
    return tuple(dict.fromkeys(part for cell in cells for part in first_player(cell)))


def partial_span(
    rows: Sequence[Row], duration_s: float | None, column: str, times: Sequence[float]
) -> tuple[tuple[float, float | None] | None, tuple[str, ...]]:
    """Return the span from first to last of ``times`` if ``column`` says that the export is limited, and a sentence."""
    stated = optional_number(rows[0][column]) if rows else None
    if stated is None or duration_s is None or abs(stated - duration_s) <= _SPAN_TOLERANCE_S or not times:
        return None, ()
    note = (
        f"observation {rows[0]['observation id']!r}: its export covers {stated:.3f} s of {duration_s:.3f} s of media: "
        "observed from its first event to its last"
    )
    return (min(times), max(times)), (note,)


def required_text(row: Row, column: str) -> str:
    """Return the cell of ``column``.

    Raises
    ------
    FormatError
        If it is empty.
    """
    if row[column]:
        return row[column]
    raise FormatError(
        found=f"an empty {column}",
        expected=f"a {column} in every row",
        where=row.where,
        remedy="correct this row, or export the observation again",
    )


def _preamble(lines: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return what the lines above the header say, by the lower-case text in their first cell."""
    return {line[0].casefold(): line[1] for line in reversed(lines) if len(line) > 1 and line[0]}


def _observation(name: str, rows: Sequence[Row], preamble: Mapping[str, str], columns: Sequence[str]) -> Observation:
    duration_s = duration_of(rows)
    variables = dict(preamble) | {column: rows[0][column] for column in columns if rows}
    events = [_event(row, preamble, columns) for row in rows]
    span_s, notes = partial_span(rows, duration_s, "observation duration", [event.time_s for event in events])
    # The STOP of a state at the limit of a limited export is not in it, so the end of the media says nothing.
    end_s = duration_s if span_s is None else None
    occurrences, more = pair_events(events, observation=name, end_s=end_s)
    return Observation(
        name=name,
        occurrences=occurrences,
        media=media_of(rows) or tuple(first_player(preamble.get("player #1", ""))),
        duration_s=duration_s,
        fps=fps_of(rows),
        annotator=annotator_in(variables),
        span_s=span_s,
        subjects=frozenset(event.subject for event in events if individual_of(event.subject)),
        notes=notes + more,
    )


def _event(row: Row, preamble: Mapping[str, str], columns: Sequence[str]) -> Event:
    offset = row["time offset (s)"] or preamble.get("time offset (s)", "")
    status = _STATUSES.get(row.first_of(STATUS_COLUMNS).upper())
    if status is None:
        raise FormatError(
            found=f"a status of {row.first_of(STATUS_COLUMNS)!r}",
            expected="START, STOP or POINT",
            where=row.where,
            remedy="export the observation again: the file may be cut short",
        )
    return Event(
        where=row.where,
        time_s=number_in(row, ("time",)) - (optional_number(offset) or 0.0),
        subject=row["subject"],
        behavior=required_text(row, "behavior"),
        modifiers=modifiers_of(row, columns),
        status=status,
    )
