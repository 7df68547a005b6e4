"""BORIS aggregated events: one row per bout (STATE) or point event (POINT), csv or tsv, often of several observations.

::

    Observation id  Observation date  Description  Media file  Total length  FPS  Subject  Behavior
    Behavioral category  Modifiers  Behavior type  Start (s)  Stop (s)  Duration (s)  Comment start  Comment stop

Version 9 writes ``Observation type, Source, Time offset (s), Coding duration, Media duration (s), FPS (frame/s)``
instead of ``Media file, Total length, FPS``, ``Modifier #1..`` instead of ``Modifiers``, and adds image indexes.

- Seconds with three decimals from the start of the media plus the time offset, which is subtracted here.
- A point event has ``Stop (s)`` equal to ``Start (s)`` or ``NA``, and the duration ``NA``.
- ``Subject`` is ``No focal subject`` where nobody in particular was meant.
- ``Media file`` of older versions is the file that the bout starts in, while ``Total length`` is that of all files of
  the observation, and times count on from one file to the next.

Known traps: those of the tabular export. An export that is limited to a time interval cuts its bouts at the limits.

References
----------
https://github.com/olivierfriard/BORIS (boris/export_observation.py), https://doi.org/10.1111/2041-210X.12584
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nsp_adapters.annotations.boris_events import Occurrence, individual_of
from nsp_adapters.annotations.boris_observation import (
    UNKNOWN_ANNOTATOR,
    Observation,
    Request,
    annotator_in,
    import_observations,
)
from nsp_adapters.annotations.boris_table import Row, has_table, number_in, optional_number, read_table
from nsp_adapters.annotations.boris_tabular import (
    duration_of,
    fps_of,
    media_of,
    modifiers_of,
    observations_of,
    partial_span,
    required_text,
)
from nsp_adapters.annotations.imported import ImportedAnnotations
from nsp_core.errors import FormatError

__all__ = ["looks_like_boris_aggregated", "read_boris_aggregated"]

_REQUIRED = (("observation id",), ("behavior",), ("behavior type",), ("start (s)",), ("stop (s)",))
_WHAT = "a BORIS export of aggregated events (csv or tsv)"
_EXAMPLE = (
    "Observation id,Media file,Total length,FPS,Subject,Behavior,Behavior type,Start (s),Stop (s)\n"
    "day 1,cage3.avi,190.000,30.0,adult,interact,STATE,29.850,34.725"
)


def looks_like_boris_aggregated(path: Path) -> bool:
    """Say whether ``path`` has a header with observation, behavior, type, start and stop."""
    return has_table(path, _REQUIRED)


def read_boris_aggregated(
    path: Path,
    *,
    fps: float | None,
    n_frames: int | None = None,
    recording: str | None = None,
    annotator: str = UNKNOWN_ANNOTATOR,
    looked_for: Sequence[str] = (),
    target_from_modifier: bool = False,
) -> ImportedAnnotations:
    """Return the labels of the observations in a table of bouts and point events.

    Parameters, Returns and Raises as of :func:`nsp_adapters.annotations.boris_tabular.read_boris_tabular`.
    """
    table = read_table(path, _REQUIRED, _WHAT, _EXAMPLE)
    observations = [_observation(name, rows, table.columns) for name, rows in observations_of(path, table)]
    request = Request(fps, n_frames, recording, annotator, tuple(looked_for), target_from_modifier)
    return import_observations(path, observations, request, name_is_free=True)


def _observation(name: str, rows: Sequence[Row], columns: Sequence[str]) -> Observation:
    duration_s = duration_of(rows)
    occurrences = tuple(_occurrence(row, columns) for row in rows)
    times = [time for each in occurrences for time in (each.start_s, each.stop_s) if time is not None]
    span_s, notes = partial_span(rows, duration_s, "coding duration", times)
    return Observation(
        name=name,
        occurrences=occurrences,
        media=media_of(rows),
        duration_s=duration_s,
        fps=fps_of(rows),
        annotator=annotator_in({column: rows[0][column] for column in columns if rows}),
        span_s=span_s,
        subjects=frozenset(each.individual for each in occurrences if each.individual is not None),
        notes=notes,
    )


def _occurrence(row: Row, columns: Sequence[str]) -> Occurrence:
    kind = row["behavior type"].upper()
    if kind not in ("STATE", "POINT"):
        raise FormatError(
            found=f"a behavior type of {row['behavior type']!r}",
            expected="STATE or POINT",
            where=row.where,
            remedy="export the observation again: the file may be cut short",
        )
    offset_s = optional_number(row["time offset (s)"]) or 0.0
    start_s = number_in(row, ("start (s)",)) - offset_s
    stop_s = None if kind == "POINT" else number_in(row, ("stop (s)",)) - offset_s
    if stop_s is not None and stop_s < start_s:
        raise FormatError(
            found=f"a stop at {stop_s:.3f} s before the start at {start_s:.3f} s",
            expected="start before stop",
            where=row.where,
            remedy="correct this row, or export the observation again",
        )
    said = tuple(name for name in modifiers_of(row, columns) if name not in ("", "None"))
    behavior = required_text(row, "behavior")
    return Occurrence(row.where, behavior, individual_of(row["subject"]), said, start_s, stop_s)
