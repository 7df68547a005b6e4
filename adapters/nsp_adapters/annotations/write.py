"""Labels to a file in any format that is written, and what the format has no place for.

Every writer is in :data:`WRITERS`, with the parts of labels that it holds. A part it does not hold is never dropped
silently: several recordings or annotators are refused, everything else is left out and told in a sentence. A file name
tells the format only where one format has that ending; ``.csv`` and ``.txt`` mean nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

from nsp_adapters.annotations.bento_write import write_bento
from nsp_adapters.annotations.boris_write import write_boris_project, write_boris_xlsx
from nsp_adapters.annotations.caltech_write import write_caltech
from nsp_adapters.annotations.deepethogram import write_deepethogram
from nsp_adapters.annotations.delimited import csv_text
from nsp_adapters.annotations.simba_bouts import write_simba_bouts
from nsp_adapters.atomic import atomic_write_text
from nsp_adapters.bout_csv import COLUMNS, UNKNOWN_ANNOTATOR
from nsp_core.errors import AmbiguousError, FormatError, LabelError
from nsp_core.labels import Bout, PointEvent, RecordingLabels

__all__ = ["WRITERS", "AnnotationWriter", "WrittenVideos", "choose_writer", "write_annotation_file"]

Part = Literal["recordings", "annotators", "participants", "points", "observed", "length", "touching"]
"""Several recordings; several annotators; who did it; point events; where somebody looked; how long the recording is;
bouts of one behavior that touch. Several implies that they are named."""

UNSCORED = "unscored"


@dataclass(frozen=True, slots=True)
class WrittenVideos:
    """What writers have to know of the videos.

    Attributes
    ----------
    fps
        Frames per second of all of them.
    n_frames
        Length by recording.
    path
        The one that BORIS will open, where it is stated.
    """

    fps: float
    n_frames: Mapping[str, int]
    path: str | None = None


@dataclass(frozen=True, slots=True)
class AnnotationWriter:
    """A format that can be written.

    Attributes
    ----------
    name
        What the command line calls it; that of its reader, where it has one.
    suffixes
        Endings of a file name that mean this format and no other.
    holds
        Parts of labels that it has a place for.
    write
        Its writer, which returns sentences of its own on what was left out.
    """

    name: str
    suffixes: tuple[str, ...]
    holds: frozenset[Part]
    write: Callable[[Path, Sequence[RecordingLabels], WrittenVideos], tuple[str, ...]]


def choose_writer(path: Path, stated: str | None = None) -> AnnotationWriter:
    """Return the format to write ``path`` in: the one ``stated``, or else the only one with its ending.

    Raises
    ------
    FormatError
        If no format has the stated name.
    AmbiguousError
        If none is stated and the ending does not tell.
    """
    names = [each.name for each in WRITERS]
    for writer in WRITERS:
        if writer.name == stated or (stated is None and path.name.endswith(writer.suffixes)):
            return writer
    if stated is None:
        telling = ", ".join(suffix for each in WRITERS for suffix in each.suffixes)
        raise AmbiguousError(
            found=f"the file name {path.name!r}, whose ending tells no format",
            expected=f"one of the formats {', '.join(names)}, or a name that ends in {telling}",
            where=path.name,
            remedy="state the format with --as",
        )
    closest = difflib.get_close_matches(stated, names, n=1)
    raise FormatError(
        found=f"format {stated!r}" + (f" (closest: {closest[0]!r})" if closest else ""),
        expected=f"one of {', '.join(names)}",
        where=path.name,
        remedy="name one of these with --as",
    )


def write_annotation_file(
    path: Path,
    labels: Sequence[RecordingLabels],
    *,
    fps: float,
    format: str | None = None,
    n_frames: int | None = None,
    video: str | None = None,
) -> tuple[str, ...]:
    """Write ``labels``, whole or not at all, and return what was left out or assumed, one sentence each.

    Parameters
    ----------
    path
        The file to write.
    labels
        One entry per recording and annotator.
    fps
        Frames per second of the video.
    format
        Name of the format, one of :data:`WRITERS`. Default: told by the ending, where only one format has it.
    n_frames
        Length of every recording. Default: it ends with the last frame its labels mention, which is told.
    video
        Path of the video that BORIS will open. Default: named after the recording, which is told.

    Raises
    ------
    FormatError
        If the format is unknown.
    AmbiguousError
        If the ending does not tell the format.
    LabelError
        If there is nothing to write, the format has no place for several recordings or annotators, one video is stated
        for several recordings, or as the writer of the format says.
    OutputError
        If the file cannot be written.
    """
    writer = choose_writer(path, format)
    _refuse_too_many(path, writer, labels, video)
    notes = _left_out(path, writer, labels)
    kept = [one if "points" in writer.holds else _without_points(one) for one in labels]
    lengths, told = _lengths(path, writer, kept, n_frames)
    return notes + told + writer.write(path, kept, WrittenVideos(fps, lengths, video))


def _boris_project(path: Path, labels: Sequence[RecordingLabels], videos: WrittenVideos) -> tuple[str, ...]:
    media = {one.recording: videos.path or one.recording for one in labels}
    write_boris_project(path, labels, fps=videos.fps, n_frames=videos.n_frames, media=media)
    if videos.path is not None:
        return ()
    return (f"no video was stated: the project calls it {_listed(media.values())}, to be replaced in BORIS",)


def _boris_xlsx(path: Path, labels: Sequence[RecordingLabels], videos: WrittenVideos) -> tuple[str, ...]:
    write_boris_xlsx(path, labels[0], fps=videos.fps)
    return ()


def _simba_bouts(path: Path, labels: Sequence[RecordingLabels], videos: WrittenVideos) -> tuple[str, ...]:
    write_simba_bouts(path, labels[0], fps=videos.fps)
    return ()


def _caltech(path: Path, labels: Sequence[RecordingLabels], videos: WrittenVideos) -> tuple[str, ...]:
    """Write behaviors that overlap, or were looked for in other frames, as streams of their own."""
    (one,) = labels
    n_frames = videos.n_frames[one.recording]
    streams = _streams(one)
    whole = ((0, n_frames),)
    unscored = UNSCORED if any(spans != whole for spans in one.observed.values()) else None
    write_caltech(path, streams, n_frames=n_frames, unscored=unscored)
    notes = []
    if unscored is not None:
        notes.append(f"frames in which nobody looked are of the type {unscored!r}: name it so when they are read")
    never = [name for name in one.observed if name not in {bout.behavior for bout in one.bouts}]
    if never and len(streams) > 1:
        notes.append(f"that nobody saw {_listed(never)} is lost: of several streams, each names what occurs in it")
    return tuple(notes)


def _bento(path: Path, labels: Sequence[RecordingLabels], videos: WrittenVideos) -> tuple[str, ...]:
    write_bento(path, labels, fps=videos.fps, n_frames=videos.n_frames[labels[0].recording])
    named = [one.annotator for one in labels if one.annotator != UNKNOWN_ANNOTATOR]
    return (f"bento names no single annotator: {named[0]!r} is left out",) if named and len(labels) == 1 else ()


def _deepethogram(path: Path, labels: Sequence[RecordingLabels], videos: WrittenVideos) -> tuple[str, ...]:
    write_deepethogram(path, labels[0], n_frames=videos.n_frames[labels[0].recording])
    return ()


def _bout_csv(path: Path, labels: Sequence[RecordingLabels], videos: WrittenVideos) -> tuple[str, ...]:
    rows = [
        (one.recording, bout.individual, bout.target, bout.behavior, bout.start_frame, bout.stop_frame, one.annotator)
        for one in labels
        for bout in one.bouts
    ]
    atomic_write_text(path, csv_text([COLUMNS, *rows]))
    empty = [f"{one.recording!r} by {one.annotator!r}" for one in labels if not one.bouts]
    return (f"without a bout, and so not in a bout csv: {_listed(empty)}",) if empty else ()


WRITERS: tuple[AnnotationWriter, ...] = (
    AnnotationWriter(
        "boris-project",
        (".boris", ".boris.gz"),
        frozenset({"recordings", "annotators", "participants", "points", "observed", "length", "touching"}),
        _boris_project,
    ),
    AnnotationWriter("boris-xlsx", (".xlsx",), frozenset({"participants", "points", "touching"}), _boris_xlsx),
    AnnotationWriter("simba-bouts", (), frozenset({"touching"}), _simba_bouts),
    AnnotationWriter("caltech", (), frozenset({"observed", "length", "touching"}), _caltech),
    AnnotationWriter("bento", (".annot",), frozenset({"annotators", "observed", "length", "touching"}), _bento),
    AnnotationWriter("deepethogram", (), frozenset({"observed", "length"}), _deepethogram),
    AnnotationWriter("bout-csv", (), frozenset({"recordings", "annotators", "participants", "touching"}), _bout_csv),
)
"""Every format that is written. To add one, write its module, say what it holds, and add a line."""


def _refuse_too_many(
    path: Path, writer: AnnotationWriter, labels: Sequence[RecordingLabels], video: str | None
) -> None:
    """Refuse several recordings or annotators where the format, or the one video stated, has a place for one."""
    recordings = list(dict.fromkeys(one.recording for one in labels))
    annotators = list(dict.fromkeys(one.annotator for one in labels))
    if not labels:
        raise LabelError(
            found="no labels",
            expected="those of at least one recording",
            where=path.name,
            remedy="check that this is the right annotation file",
        )
    if len(recordings) > 1 and (video is not None or "recordings" not in writer.holds):
        raise LabelError(
            found=f"{len(recordings)} recordings: {_listed(recordings)}",
            expected="one, for one video" if video is not None else f"one, for {writer.name} has a place for one",
            where=path.name,
            remedy="choose one with --recording" + ("" if video is not None else _or_else("recordings")),
        )
    if len(annotators) > 1 and "annotators" not in writer.holds:
        raise LabelError(
            found=f"{len(annotators)} annotators: {_listed(annotators)}",
            expected=f"one, for {writer.name} has a place for one",
            where=path.name,
            remedy="choose one with --annotator" + _or_else("annotators"),
        )


def _left_out(path: Path, writer: AnnotationWriter, labels: Sequence[RecordingLabels]) -> tuple[str, ...]:
    """Return a sentence for everything in ``labels`` that the format has no place for."""
    notes = []
    annotators = {one.annotator for one in labels} - {UNKNOWN_ANNOTATOR}
    if "annotators" not in writer.holds and annotators:
        notes.append(f"{writer.name} names no annotator: {_listed(annotators)} is left out")
    recording = labels[0].recording
    in_file_name = path.name.partition(".")[0] in (recording, f"{recording}_annot", f"{recording}_labels")
    if "recordings" not in writer.holds and not in_file_name:
        notes.append(f"{writer.name} names no recording: {recording} is left out")
    points = [point for one in labels for point in one.points]
    if points and "points" not in writer.holds:
        behaviors = _listed(dict.fromkeys(point.behavior for point in points))
        notes.append(f"{writer.name} has bouts only: {len(points)} point events of {behaviors} are left out")
    events: list[Bout | PointEvent] = [bout for one in labels for bout in one.bouts]
    pairs = dict.fromkeys((event.individual, event.target) for event in [*events, *points] if event.individual)
    if pairs and "participants" not in writer.holds:
        told = _listed(" to ".join(name for name in pair if name is not None) for pair in pairs)
        notes.append(f"{writer.name} names no animals: {told} is left out")
    n_touching = sum(_n_touching(one) for one in labels)
    if n_touching and "touching" not in writer.holds:
        notes.append(f"{writer.name} has states of frames: bouts that touch become one, {n_touching} times")
    if "observed" not in writer.holds:
        notes.append(f"{writer.name} lists what was seen: where somebody looked, and for what, is left out")
    return tuple(notes)


def _without_points(labels: RecordingLabels) -> RecordingLabels:
    """Return ``labels`` without point events, and unlabeled, not absent, for behaviors that have no bouts besides."""
    in_bouts = {bout.behavior for bout in labels.bouts}
    only_points = {point.behavior for point in labels.points} - in_bouts
    observed = {name: spans for name, spans in labels.observed.items() if name not in only_points}
    return replace(labels, points=(), observed=observed)


def _lengths(
    path: Path, writer: AnnotationWriter, labels: Sequence[RecordingLabels], n_frames: int | None
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return the length of each recording, and say so where it is the last frame mentioned."""
    if n_frames is not None:
        return {one.recording: n_frames for one in labels}, ()
    lengths: dict[str, int] = {}
    for one in labels:
        lengths[one.recording] = max(lengths.get(one.recording, 0), one.last_frame)
    if "length" not in writer.holds:
        return lengths, ()
    if not all(lengths.values()):
        raise LabelError(
            found=f"no labels of {next(name for name, length in lengths.items() if not length)} and no length",
            expected=f"the number of frames, which is part of {writer.name}",
            where=path.name,
            remedy="state it with --n-frames",
        )
    told = _listed(f"{length} frames of {name}" for name, length in lengths.items())
    return lengths, (f"no length was stated: {told} are written, to the last one labeled or observed",)


def _streams(labels: RecordingLabels) -> list[RecordingLabels]:
    """Return ``labels`` as few streams, each of behaviors that do not overlap and were looked for in the same spans."""
    streams: list[RecordingLabels] = []
    for name in dict.fromkeys([*labels.observed, *(bout.behavior for bout in labels.bouts)]):
        bouts = tuple(bout for bout in labels.bouts if bout.behavior == name)
        observed = {name: labels.observed[name]} if name in labels.observed else {}
        for number, stream in enumerate(streams):
            together = sorted((bout.start_frame, bout.stop_frame) for bout in (*stream.bouts, *bouts))
            fits = all(earlier[1] <= later[0] for earlier, later in pairwise(together))
            if fits and set(observed.values()) == set(stream.observed.values()):
                merged = {**stream.observed, **observed}
                streams[number] = replace(stream, bouts=stream.bouts + bouts, observed=merged)
                break
        else:
            streams.append(replace(labels, bouts=bouts, observed=observed))
    return streams or [labels]


def _n_touching(labels: RecordingLabels) -> int:
    """Return how many bouts begin before or as another one of their behavior ends."""
    count = 0
    reached: dict[str, int] = {}
    for bout in sorted(labels.bouts, key=lambda bout: bout.start_frame):
        count += bout.start_frame <= reached.get(bout.behavior, -1)
        reached[bout.behavior] = max(bout.stop_frame, reached.get(bout.behavior, 0))
    return count


def _or_else(part: Part) -> str:
    return f", or write {' or '.join(each.name for each in WRITERS if part in each.holds)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
