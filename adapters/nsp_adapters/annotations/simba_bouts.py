"""SimBA bout table: one row per bout, frames 0-based with an inclusive end.

The mixed spelling is theirs::

    Event,Start_time,End Time,Start_frame,End_frame,Bout_time
    Attack,0.5,0.8,15,23,0.3

- Frames are 0-based and ``End_frame`` is **inclusive**: ``15, 23`` is ``[15, 24)`` here, and
  ``End Time = (End_frame + 1) / fps``. Frames are read; times are compared with the frame rate.
- Nobody is named: bouts carry neither individual nor target. A column ``Video``, where there is one, tells recordings
  apart.

Known traps:

- Times were computed with a frame rate rounded down in some versions (29.98 read as 29); the frames are right.
- The table lists what was seen and not where anybody looked.

References
----------
SimBA, https://github.com/sgoldenlab/simba (docs; issues 472 and 515). https://doi.org/10.1038/s41593-024-01649-9
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nsp_adapters.annotations.delimited import DelimitedText, Row, csv_text, header_of, read_delimited
from nsp_adapters.annotations.imported import ImportedAnnotations, require_fps
from nsp_adapters.annotations.spans import refuse_several_participants, watched_throughout, within_recording
from nsp_adapters.atomic import atomic_write_text
from nsp_core.errors import LabelError
from nsp_core.labels import Bout, RecordingLabels

__all__ = ["EXAMPLE", "looks_like_simba_bouts", "read_simba_bouts", "write_simba_bouts"]

COLUMNS = ("Event", "Start_time", "End Time", "Start_frame", "End_frame", "Bout_time")
EXAMPLE = """Event,Start_time,End Time,Start_frame,End_frame,Bout_time
Attack,0.5,0.8,15,23,0.3
Attack,2.0,2.1,60,62,0.1
Sniffing,0.0,0.5,0,14,0.5
Sniffing,3.0,4.0,90,119,1.0"""

RATE_TOLERANCE = 1e-3  # relative: 29.97 is told from 30, and times of three decimals from neither


def looks_like_simba_bouts(path: Path) -> bool:
    """Return whether the header has the columns of a bout table."""
    return {"Event", "Start_frame", "End_frame"} <= set(header_of(path)[0])


def read_simba_bouts(
    path: Path,
    *,
    fps: float | None = None,
    n_frames: int | None = None,
    recording: str | None = None,
    annotator: str = "unknown",
    looked_for: Sequence[str] = (),
) -> ImportedAnnotations:
    """Return the bouts of the table in the order of the file, every behavior looked for in the whole recording.

    Parameters
    ----------
    path
        The csv file.
    fps
        Frames per second, to check the times against; bouts are read from the frames.
    n_frames
        Length of the recording. Default: the last frame mentioned.
    recording
        Name to give, or which video to take where the table has a column ``Video``. Default: the file's name, or all.
    annotator
        Name to put on the labels.
    looked_for
        Behaviors looked for besides those that occur.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If a column is missing or a row malformed.
    LabelError
        If a bout lies outside the recording, or ``recording`` is not among several videos.
    """
    table = read_delimited(path, what="a SimBA bout table", example=EXAMPLE)
    table.require(("Event", "Start_frame", "End_frame"))
    rows: dict[str, list[Row]] = {}
    for row in table.rows:
        rows.setdefault(row["Video"], []).append(row)
    chosen, assumptions = _of_recording(path, rows, recording)
    assumptions += _rate_difference(table, fps)
    labels = []
    for name, its_rows in chosen.items():
        its_bouts = [_bout(table, row, n_frames) for row in its_rows]
        last = max((bout.stop_frame for bout in its_bouts), default=0)
        behaviors = [*(bout.behavior for bout in its_bouts), *looked_for]
        observed, sentences = watched_throughout(behaviors, n_frames, last, recording=name)
        labels.append(RecordingLabels(name, annotator, tuple(its_bouts), observed))
        assumptions += sentences
    return ImportedAnnotations(tuple(labels), assumptions)


def write_simba_bouts(path: Path, labels: RecordingLabels, *, fps: float) -> None:
    """Write the bouts of ``labels`` in their order, all or nothing.

    Observed spans and participants are not part of the format.

    Raises
    ------
    FormatError
        If fps is no positive number.
    LabelError
        If one behavior has several doers.
    OutputError
        If the file cannot be written.
    """
    fps = require_fps(fps, path)
    refuse_several_participants(labels, "SimBA", "one classifier per behavior")
    rows = [
        (
            bout.behavior,
            bout.start_frame / fps,
            bout.stop_frame / fps,
            bout.start_frame,
            bout.stop_frame - 1,
            (bout.stop_frame - bout.start_frame) / fps,
        )
        for bout in labels.bouts
    ]
    atomic_write_text(path, csv_text([COLUMNS, *rows]))


def _bout(table: DelimitedText, row: Row, n_frames: int | None) -> Bout:
    start, stop = table.frame(row, "Start_frame"), table.frame(row, "End_frame") + 1
    event = table.name(row, "Event")
    where = f"{table.path.name}, line {row.line}"
    return Bout(event, *within_recording(start, stop, n_frames, what=event, where=where))


def _of_recording(
    path: Path, rows: dict[str, list[Row]], recording: str | None
) -> tuple[dict[str, list[Row]], tuple[str, ...]]:
    """Return the rows of each recording asked for, and a sentence where the only video has another name."""
    if len(rows) > 1 or any(rows):
        if recording is None:
            return rows, ()
        if recording in rows:
            return {recording: rows[recording]}, ()
        if len(rows) > 1:
            raise LabelError(
                found=f"no video {recording!r}",
                expected=f"one of {', '.join(rows)}",
                where=path.name,
                remedy="name a recording as in the column Video",
            )
    notes = tuple(f"{path.name}: its only video {video!r} was taken for {recording!r}" for video in rows if video)
    return {recording or path.name.removesuffix(".csv"): next(iter(rows.values()), [])}, notes


def _rate_difference(table: DelimitedText, fps: float | None) -> tuple[str, ...]:
    if fps is None or "End Time" not in table.columns or not table.rows:
        return ()
    last = max(table.rows, key=lambda row: table.frame(row, "End_frame"))
    stop, stop_s = table.frame(last, "End_frame") + 1, table.seconds(last, "End Time")
    # A time of three decimals is off by half a millisecond, which is much of a short recording.
    if abs(stop_s * fps - stop) <= RATE_TOLERANCE * stop + fps * 0.001:
        return ()
    implied = f"{stop / stop_s:.6g}" if stop_s else "no"
    return (f"{table.path.name}: its times imply {implied} frames per second, not {fps:.6g}; its frames were read",)
