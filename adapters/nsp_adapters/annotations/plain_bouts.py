"""Everything in a plain bout csv at once (the format is in :mod:`nsp_adapters.bout_csv`).

A study names the recording, annotator and behaviors it wants; here all of them are read, one entry per recording and
annotator, and what the csv does not say, where anybody looked, is assumed and told.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nsp_adapters.annotations.delimited import DelimitedText, header_of, read_delimited
from nsp_adapters.annotations.imported import MAX_FRAMES, ImportedAnnotations
from nsp_adapters.annotations.spans import watched_throughout, within_recording
from nsp_adapters.bout_csv import FRAME_COLUMNS, SECOND_COLUMNS, import_bout_csv
from nsp_core.errors import LabelError
from nsp_core.labels import Behavior, Bout, RecordingLabels

__all__ = ["EXAMPLE", "looks_like_plain_bouts", "read_plain_bouts"]

EXAMPLE = """recording,individual,target,behavior,start_frame,stop_frame,annotator
cage3,resident,intruder,attack,535,961,anna
cage3,resident,intruder,attack,970,1002,anna
cage3,resident,,rearing,12,40,anna
cage4,resident,intruder,attack,3,50,anna"""


def looks_like_plain_bouts(path: Path) -> bool:
    """Return whether the header has ``behavior`` and an interval in frames or seconds."""
    columns = set(header_of(path)[0])
    return "behavior" in columns and any(set(interval) <= columns for interval in (FRAME_COLUMNS, SECOND_COLUMNS))


def read_plain_bouts(
    path: Path,
    *,
    fps: float | None = None,
    n_frames: int | None = None,
    recording: str | None = None,
    annotator: str = "unknown",
    looked_for: Sequence[str] = (),
) -> ImportedAnnotations:
    """Return the bouts of every recording and annotator, each behavior looked for in the whole recording.

    Parameters
    ----------
    path
        The csv file.
    fps
        Frames per second; needed for ``start_s, stop_s`` only.
    n_frames
        Length of the recording. Default: the last frame mentioned.
    recording
        Name to give, or which recording to take where the csv has a column of them. Default: the file's name, or all.
    annotator
        Name to give, or which annotator to take where the csv has a column of them. Default: all.
    looked_for
        Behaviors looked for besides those that occur.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If columns are missing or misspelled, a row is malformed or fps is needed and None.
    LabelError
        If the recording or annotator is not there, or a bout lies outside the recording.
    """
    table = read_delimited(path, what="a bout csv", example=EXAMPLE)
    behaviors = [Behavior(name, "directed") for name in dict.fromkeys(row["behavior"] for row in table.rows)]
    labels: list[RecordingLabels] = []
    assumptions: tuple[str, ...] = ()
    for name, who in _entries(table, recording, annotator):
        imported = import_bout_csv(
            path,
            recording=name,
            annotator=who,
            fps=fps,
            behaviors=behaviors,
            observed=((0, MAX_FRAMES),),
            n_frames=n_frames,
        )
        bouts = tuple(_within(path, bout, n_frames) for bout in imported.labels[0].bouts)
        occurring = [*(bout.behavior for bout in bouts), *looked_for]
        last = max((bout.stop_frame for bout in bouts), default=0)
        observed, sentences = watched_throughout(occurring, n_frames, last, recording=f"{name}, {who}")
        labels.append(RecordingLabels(name, who, bouts, observed))
        assumptions += (*sentences, *imported.assumptions)
    return ImportedAnnotations(tuple(labels), tuple(dict.fromkeys(assumptions)))


def _entries(table: DelimitedText, recording: str | None, annotator: str) -> list[tuple[str, str]]:
    """Return every pair of recording and annotator that was asked for, in the order of the file."""
    own_name = recording or table.path.name.removesuffix(".csv")
    pairs = dict.fromkeys((row["recording"] or own_name, row["annotator"] or annotator) for row in table.rows)
    named = {who for _, who in pairs} - {annotator}
    if "recording" in table.columns and recording is not None and recording not in {name for name, _ in pairs}:
        raise LabelError(
            found=f"no recording {recording!r}",
            expected=f"one of {', '.join(dict.fromkeys(name for name, _ in pairs))}",
            where=table.path.name,
            remedy="write the recording's name as in the csv",
        )
    if annotator != "unknown" and named and annotator not in {who for _, who in pairs}:
        raise LabelError(
            found=f"no row by annotator {annotator!r}",
            expected=f"one of {', '.join(sorted(named))}",
            where=table.path.name,
            remedy="name one of these annotators, or none to take all",
        )
    chosen = [(name, who) for name, who in pairs if recording in (None, name) and annotator in ("unknown", who)]
    # Beside rows that name their annotator, rows without one belong to each of them and are no annotator's own.
    signed = {name for name, who in chosen if who != "unknown"}
    return [(name, who) for name, who in chosen if who != "unknown" or name not in signed]


def _within(path: Path, bout: Bout, n_frames: int | None) -> Bout:
    start, stop = within_recording(
        bout.start_frame, bout.stop_frame, n_frames, what=bout.behavior, where=path.name, slack=1
    )
    return Bout(bout.behavior, start, stop, bout.individual, bout.target)
