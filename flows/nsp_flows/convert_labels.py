"""Annotations from one format to another, with everything told that was assumed on the way in or left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nsp_adapters.annotations.detect import detect_annotation_format, read_annotation_file
from nsp_adapters.annotations.imported import require_fps
from nsp_adapters.annotations.write import choose_writer, write_annotation_file
from nsp_adapters.bout_csv import UNKNOWN_ANNOTATOR
from nsp_adapters.video import read_video
from nsp_core.errors import OutputError
from nsp_core.labels import RecordingLabels
from nsp_flows.telling import observed_frames, print_whole, say

__all__ = ["Conversion", "convert_labels", "print_conversion"]


@dataclass(frozen=True, slots=True)
class Conversion:
    """What one conversion read and wrote.

    Attributes
    ----------
    source, source_format, target, target_format
        The files, and the names of their formats.
    labels
        What was read, and written as far as the other format holds it.
    fps
        Frames per second.
    assumptions
        What the source did not say and was assumed.
    left_out
        What the target does not hold or had to be told.
    """

    source: Path
    source_format: str
    target: Path
    target_format: str
    labels: tuple[RecordingLabels, ...]
    fps: float
    assumptions: tuple[str, ...]
    left_out: tuple[str, ...]


def convert_labels(
    source: Path,
    target: Path,
    *,
    fps: float,
    source_format: str | None = None,
    target_format: str | None = None,
    n_frames: int | None = None,
    video: Path | None = None,
    annotator: str | None = None,
    recording: str | None = None,
    looked_for: Sequence[str] = (),
    unscored: Sequence[str] = (),
    unscored_stream: str | None = None,
) -> Conversion:
    """Write the annotations of ``source`` to ``target``, whole or not at all.

    Parameters
    ----------
    source, target
        The file to read and the file to write.
    fps
        Frames per second of the video.
    source_format, target_format
        Names of the formats. Default: told by the content of ``source`` and by the ending of ``target``.
    n_frames
        Length of the recording.
    video
        The video: its name goes into formats that name it. If the file is there, fps is held against it, and it says
        the length and the exact frame rate.
    annotator, recording
        Name to give, or whose labels and which recording to take from a file of several.
    looked_for
        Behaviors looked for besides those that occur.
    unscored, unscored_stream
        Types of a Caltech annotation that mean "not looked at", and the stream that says so for all of them.

    Raises
    ------
    NspError
        If the source cannot be read, the target is the source or has no place for its labels, or the frame rate is not
        that of the video.
    """
    writer = choose_writer(target, target_format)
    fps = require_fps(fps, source)
    chosen = detect_annotation_format(source, source_format)
    if target.exists() and target.samefile(source):
        raise OutputError(
            found="the annotation file itself",
            expected="another file: the annotations would be overwritten",
            where=str(target),
            remedy="give --to another name",
        )
    fps, n_frames, told = _of_video(video, fps, n_frames)
    imported = read_annotation_file(
        source,
        format=chosen.name,
        fps=fps,
        n_frames=n_frames,
        recording=recording,
        annotator=annotator or UNKNOWN_ANNOTATOR,
        looked_for=looked_for,
        unscored=unscored,
        unscored_stream=unscored_stream,
    )
    stated = None if video is None else str(video)
    left_out = write_annotation_file(
        target, imported.labels, fps=fps, format=writer.name, n_frames=n_frames, video=stated
    )
    assumptions = (*told, *imported.assumptions)
    return Conversion(source, chosen.name, target, writer.name, imported.labels, fps, assumptions, left_out)


def print_conversion(conversion: Conversion, console: Console) -> None:
    """Print what was read, what was assumed, what was left out and what was written, for a person at a terminal."""
    say(console, "read", f"{conversion.source} as {conversion.source_format}")
    for sentence in conversion.assumptions:
        say(console, "assumed", sentence, style="yellow")
    console.print()
    print_whole(_table(conversion), console)
    console.print()
    for sentence in conversion.left_out:
        say(console, "note", sentence, style="yellow")
    say(console, "written", f"{conversion.target} as {conversion.target_format}")


def _of_video(video: Path | None, fps: float, n_frames: int | None) -> tuple[float, int | None, tuple[str, ...]]:
    """Return frame rate and length as the video has them, and what was assumed."""
    if video is None:
        return fps, n_frames, ()
    if not video.is_file():
        return fps, n_frames, (f"there is no video {video} here: only its name is used",)
    info = read_video(video)
    exact = info.constant_fps(fps)
    told = info.notes
    if float(exact) != fps:
        told += (f"{info.file_name} has {float(exact):.6g} frames per second ({exact}): taken instead of {fps:g}",)
    if n_frames not in (None, info.n_frames):
        told += (f"{info.file_name} has {info.n_frames} frames: the {n_frames} stated are taken",)
    return float(exact), info.n_frames if n_frames is None else n_frames, told


def _table(conversion: Conversion) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("recording", "annotator", "behavior"):
        table.add_column(name, no_wrap=True)
    for name in ("bouts", "points", "observed s"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in conversion.labels:
        behaviors = [*one.observed, *(bout.behavior for bout in one.bouts), *(point.behavior for point in one.points)]
        for behavior in dict.fromkeys(behaviors):
            bouts = sum(bout.behavior == behavior for bout in one.bouts)
            points = sum(point.behavior == behavior for point in one.points)
            seconds = observed_frames(one, behavior) / conversion.fps
            # Text, not markup: a behavior may be called [run].
            cells = (one.recording, one.annotator, behavior, str(bouts), str(points), f"{seconds:.1f}")
            table.add_row(*map(Text, cells))
    return table
