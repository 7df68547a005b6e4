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
from nsp_adapters.annotations.per_frame_csv import write_per_frame_csv
from nsp_adapters.annotations.simba_bouts import write_simba_bouts
from nsp_adapters.bout_csv import UNKNOWN_ANNOTATOR, write_bout_csv
from nsp_core.errors import AmbiguousError, FormatError, LabelError
from nsp_core.labels import Bout, PointEvent, RecordingLabels

__all__ = ["WRITERS", "AnnotationWriter", "Writing", "choose_writer", "write_annotation_file"]

Part = Literal["recordings", "annotators", "participants", "points", "observed", "length", "touching"]
"""Several recordings; several annotators; who did it; point events; where somebody looked; how long the recording is;
bouts of one behavior that touch. Several implies that they are named."""

UNSCORED = "unscored"


@dataclass(frozen=True, slots=True)
class Writing:
    """What is written, once it is known to fit the format.

    Attributes
    ----------
    path
        The file to write.
    labels
        At least one entry; one recording or annotator only, where the format has no place for more.
    fps
        Frames per second of all videos.
    n_frames
        Length by recording.
    video
        Path of the video that BORIS will open, where it is stated.
    """

    path: Path
    labels: Sequence[RecordingLabels]
    fps: float
    n_frames: Mapping[str, int]
    video: str | None = None

    @property
    def one(self) -> RecordingLabels:
        """The first entry, which is the only one of a format without a place for more."""
        return self.labels[0]

    @property
    def length(self) -> int:
        """Number of frames of its recording."""
        return self.n_frames[self.one.recording]


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
        Its writer.
    tell
        Returns sentences on what was assumed or left out besides the parts that it has no place for; None: nothing.
    """

    name: str
    suffixes: tuple[str, ...]
    holds: frozenset[Part]
    write: Callable[[Writing], None]
    tell: Callable[[Writing], tuple[str, ...]] | None = None


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
    writing = Writing(path, kept, fps, lengths, video)
    writer.write(writing)
    return notes + told + (() if writer.tell is None else writer.tell(writing))


def _write_boris_project(writing: Writing) -> None:
    write_boris_project(writing.path, writing.labels, fps=writing.fps, n_frames=writing.n_frames, media=_media(writing))


def _write_boris_xlsx(writing: Writing) -> None:
    write_boris_xlsx(writing.path, writing.one, fps=writing.fps)


def _write_simba_bouts(writing: Writing) -> None:
    write_simba_bouts(writing.path, writing.one, fps=writing.fps)


def _write_caltech(writing: Writing) -> None:
    """Write behaviors that overlap, or were looked for in other frames, as streams of their own."""
    unscored = UNSCORED if _has_unscored(writing) else None
    write_caltech(writing.path, _streams(writing.one), n_frames=writing.length, unscored=unscored)


def _write_bento(writing: Writing) -> None:
    write_bento(writing.path, writing.labels, fps=writing.fps, n_frames=writing.length)


def _write_deepethogram(writing: Writing) -> None:
    write_deepethogram(writing.path, writing.one, n_frames=writing.length)


def _write_per_frame_csv(writing: Writing) -> None:
    write_per_frame_csv(writing.path, writing.one, n_frames=writing.length)


def _write_bout_csv(writing: Writing) -> None:
    write_bout_csv(writing.path, writing.labels)


def _about_boris_project(writing: Writing) -> tuple[str, ...]:
    if writing.video is not None:
        return ()
    return (f"no video was stated: the project calls it {_listed(_media(writing).values())}, to be replaced in BORIS",)


def _about_caltech(writing: Writing) -> tuple[str, ...]:
    notes = []
    if _has_unscored(writing):
        notes.append(
            f"frames in which nobody looked are of the type {UNSCORED!r}: read the file with --unscored {UNSCORED}, or "
            f'with unscored = ["{UNSCORED}"] in [labels] of a study'
        )
    never = [name for name in writing.one.observed if name not in {bout.behavior for bout in writing.one.bouts}]
    if never and len(_streams(writing.one)) > 1:
        notes.append(f"that nobody saw {_listed(never)} is lost: of several streams, each names what occurs in it")
    return tuple(notes)


def _about_bento(writing: Writing) -> tuple[str, ...]:
    named = [one.annotator for one in writing.labels if one.annotator != UNKNOWN_ANNOTATOR]
    if not named or len(writing.labels) > 1:
        return ()
    return (f"bento names no single annotator: {named[0]!r} is left out",)


def _about_bout_csv(writing: Writing) -> tuple[str, ...]:
    empty = [f"{one.recording!r} by {one.annotator!r}" for one in writing.labels if not one.bouts]
    return (f"without a bout, and so not in a bout csv: {_listed(empty)}",) if empty else ()


WRITERS: tuple[AnnotationWriter, ...] = (
    AnnotationWriter(
        "boris-project",
        (".boris", ".boris.gz"),
        frozenset({"recordings", "annotators", "participants", "points", "observed", "length", "touching"}),
        _write_boris_project,
        _about_boris_project,
    ),
    AnnotationWriter("boris-xlsx", (".xlsx",), frozenset({"participants", "points", "touching"}), _write_boris_xlsx),
    AnnotationWriter("simba-bouts", (), frozenset({"touching"}), _write_simba_bouts),
    AnnotationWriter("caltech", (), frozenset({"observed", "length", "touching"}), _write_caltech, _about_caltech),
    AnnotationWriter(
        "bento", (".annot",), frozenset({"annotators", "observed", "length", "touching"}), _write_bento, _about_bento
    ),
    AnnotationWriter("deepethogram", (), frozenset({"observed", "length"}), _write_deepethogram),
    AnnotationWriter("per-frame-csv", (), frozenset({"observed", "length"}), _write_per_frame_csv),
    AnnotationWriter(
        "bout-csv",
        (),
        frozenset({"recordings", "annotators", "participants", "touching"}),
        _write_bout_csv,
        _about_bout_csv,
    ),
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


def _media(writing: Writing) -> dict[str, str]:
    return {one.recording: writing.video or one.recording for one in writing.labels}


def _has_unscored(writing: Writing) -> bool:
    whole = ((0, writing.length),)
    return any(spans != whole for spans in writing.one.observed.values())


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
