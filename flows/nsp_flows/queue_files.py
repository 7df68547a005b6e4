"""The queue of clips as files: a table, and a project in which a person finds the clips in BORIS.

In ``queue.boris`` every recording with clips is an observation. It holds the labels that the recording has, and each
clip as a state called ``review``. What was observed is what was annotated before: a clip counts as observed only when
:func:`write_reviewed` is told that a person has been through it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from nsp_adapters.annotations.boris_observation import UNKNOWN_ANNOTATOR
from nsp_adapters.annotations.boris_project import read_boris_project
from nsp_adapters.annotations.boris_write import write_boris_project
from nsp_adapters.atomic import atomic_write_bytes
from nsp_adapters.recordings import PreparedRecording, read_labels
from nsp_adapters.tables import write_table_csv
from nsp_core.bouts import bouts_from_frames, frames_from_bouts
from nsp_core.errors import LabelError, OutputError
from nsp_core.labels import Behavior, Bout, RecordingLabels
from nsp_core.study import RecordingEntry, Study
from nsp_core.weak.queue import ProposedClip

__all__ = ["REVIEW", "QueueFiles", "clip_times", "clock", "write_queue", "write_reviewed"]

REVIEW = "review"
QUEUE_CSV, QUEUE_BORIS, REVIEWED_BORIS = "queue.csv", "queue.boris", "reviewed.boris"


@dataclass(frozen=True, slots=True)
class QueueFiles:
    """The table of clips, and the project that BORIS opens."""

    csv: Path
    boris: Path


def write_queue(
    clips: Sequence[ProposedClip], recordings: Sequence[PreparedRecording], study: Study, out: Path
) -> QueueFiles:
    """Write ``queue.csv`` and ``queue.boris`` to ``out`` and return where they are.

    Parameters
    ----------
    clips
        At least one, the first to annotate first.
    recordings
        Those of the clips, and perhaps others.
    study
        How labels are read.
    out
        The folder.

    Raises
    ------
    LabelError, FormatError
        If BORIS cannot hold the labels of a recording, or they can no longer be read.
    OutputError
        If the folder cannot be written, or holds another project of that name, which a person may have annotated.
    """
    prepared = {one.entry.name: one for one in recordings}
    files = QueueFiles(out / QUEUE_CSV, out / QUEUE_BORIS)
    with_clips = [prepared[name] for name in dict.fromkeys(clip.recording for clip in clips)]
    labels = [
        _for_review(one, [clip for clip in clips if clip.recording == one.entry.name], study) for one in with_clips
    ]
    lengths = {one.entry.name: one.n_frames for one in with_clips}
    _write_project(files.boris, labels, {one.entry.name: one.entry for one in with_clips}, lengths)
    # After the project: where that is refused, the table of the one before stays.
    write_table_csv(files.csv, _table(clips, {name: one.entry.fps for name, one in prepared.items()}))
    return files


def write_reviewed(path: Path, study: Study, behavior: Behavior, out: Path) -> tuple[Path, int]:
    """Write ``reviewed.boris``, in which the clips of an annotated queue are observed, and return it and their number.

    Parameters
    ----------
    path
        ``queue.boris`` as BORIS saved it. A clip that nobody went through must have been deleted from it.
    study, behavior
        Whose clips these are.
    out
        The folder to write to.

    Raises
    ------
    LabelError
        If there is no clip in the project, or an observation is of no recording of the study.
    FormatError, MissingFileError
        If it is no project.
    OutputError
        If the folder cannot be written, or holds another project of that name, which a person may have annotated.
    """
    # Looked for, and not in what was observed, it is reported as observed throughout: this is how long the media are.
    annotated = read_boris_project(path, fps=None, looked_for=[REVIEW]).labels
    entries = {entry.name: entry for entry in study.recordings}
    strangers = [one.recording for one in annotated if one.recording not in entries]
    n_clips = sum(bout.behavior == REVIEW for one in annotated for bout in one.bouts)
    if strangers or not n_clips:
        raise LabelError(
            found=f"an observation '{strangers[0]}'" if strangers else f"no event '{REVIEW}'",
            expected=f"recordings of the study, and the stretches called '{REVIEW}' that were gone through",
            where=path.name,
            remedy=f"give the {QUEUE_BORIS} of this study as BORIS saved it",
        )
    lengths = {one.recording: max((stop for _, stop in one.observed.get(REVIEW, ())), default=0) for one in annotated}
    target = out / REVIEWED_BORIS
    _write_project(target, [_gone_through(one, behavior) for one in annotated], entries, lengths)
    return target, n_clips


def clock(seconds: float) -> str:
    """Return a time as video players show it, minutes and whole seconds.

    Examples
    --------
    >>> clock(0), clock(75.9), clock(6000)
    ('00:00', '01:15', '100:00')
    """
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02d}:{rest:02d}"


def clip_times(clip: ProposedClip, fps: float) -> tuple[str, str]:
    """Return from when to when a clip lasts, in whole seconds that include all of it."""
    return clock(clip.start_frame / fps), clock(math.ceil(clip.stop_frame / fps))


def _table(clips: Sequence[ProposedClip], fps: Mapping[str, float]) -> pd.DataFrame:
    rows = []
    for clip in clips:
        start_s, stop_s = (frame / fps[clip.recording] for frame in (clip.start_frame, clip.stop_frame))
        who = clip.individual, clip.target
        frames = clip.start_frame, clip.stop_frame
        rows.append(
            (
                clip.recording,
                *who,
                *frames,
                start_s,
                stop_s,
                *clip_times(clip, fps[clip.recording]),
                clip.why,
                clip.score,
            )
        )
    columns = ["recording", "individual", "target", "start_frame", "stop_frame", "start_s", "stop_s", "from", "to"]
    return pd.DataFrame(rows, columns=[*columns, "why", "score"]).astype({"score": "float64"})


def _for_review(recording: PreparedRecording, clips: Sequence[ProposedClip], study: Study) -> RecordingLabels:
    """Return the labels that a recording has, with ``clips`` as bouts of :data:`REVIEW`."""
    entry = recording.entry
    if entry.label_path is None:
        labels = RecordingLabels(entry.name, UNKNOWN_ANNOTATOR if study.labels is None else study.labels.annotator, ())
    else:
        labels = read_labels(entry, study, recording.n_frames)
    named = {} if study.labels is None else {ours: theirs for theirs, ours in study.labels.subjects.items()}
    # As the label files call the animals: the study renames them when the project is read.
    kept = [bout for bout in labels.bouts if bout.behavior != REVIEW]
    bouts = [
        replace(
            bout,
            individual=None if bout.individual is None else named.get(bout.individual, bout.individual),
            target=None if bout.target is None else named.get(bout.target, bout.target),
        )
        for bout in (*kept, *map(_bout, clips))
    ]
    # Whatever is not named here would be taken for observed throughout.
    nowhere: dict[str, tuple[tuple[int, int], ...]] = {behavior.name: () for behavior in study.behaviors}
    observed = {name: spans for name, spans in labels.observed.items() if name != REVIEW}
    return replace(labels, recording=entry.name, bouts=tuple(bouts), observed=nowhere | observed)


def _gone_through(labels: RecordingLabels, behavior: Behavior) -> RecordingLabels:
    """Return ``labels`` with the frames of :data:`REVIEW` as observed frames of ``behavior``, and without it."""
    spans = [(bout.start_frame, bout.stop_frame) for bout in labels.bouts if bout.behavior == REVIEW]
    spans += labels.observed.get(behavior.name, ())
    n_frames = max((stop for _, stop in spans), default=0)
    frames = frames_from_bouts(np.array(spans, dtype=np.int64).reshape(-1, 2), n_frames)
    merged = tuple((int(start), int(stop)) for start, stop in bouts_from_frames(frames))
    observed = {name: own for name, own in labels.observed.items() if name != REVIEW} | {behavior.name: merged}
    bouts = tuple(bout for bout in labels.bouts if bout.behavior != REVIEW)
    return replace(labels, bouts=bouts, observed=observed)


def _bout(clip: ProposedClip) -> Bout:
    return Bout(REVIEW, clip.start_frame, clip.stop_frame, clip.individual, clip.target)


def _write_project(
    path: Path, labels: Sequence[RecordingLabels], entries: Mapping[str, RecordingEntry], lengths: Mapping[str, int]
) -> None:
    """Write labels of one annotator per recording; what is there already and may be a person's work is left alone."""
    recordings = [entries[one.recording] for one in labels]
    with TemporaryDirectory() as temporary:
        fresh = Path(temporary) / path.name
        _write_labels(fresh, labels, recordings, lengths)
        content = fresh.read_bytes()
    if path.exists() and path.read_bytes() != content:
        raise OutputError(
            found="another project of that name, which may hold annotations",
            expected="none, or the same",
            where=str(path),
            remedy="move it to another folder, or choose another one with --out",
        )
    atomic_write_bytes(path, content)


def _write_labels(
    path: Path, labels: Sequence[RecordingLabels], recordings: Sequence[RecordingEntry], lengths: Mapping[str, int]
) -> None:
    write_boris_project(
        path,
        labels,
        fps={entry.name: entry.fps for entry in recordings},
        # Labels may go on a little after the last tracked frame.
        n_frames={one.recording: max(lengths[one.recording], one.last_frame) for one in labels},
        media={
            # Absolute, for BORIS takes any other path as relative to the project.
            entry.name: entry.name if entry.video_path is None else Path(entry.video_path).resolve().as_posix()
            for entry in recordings
        },
    )
