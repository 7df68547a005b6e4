"""The labels of a recording of a study: read in whatever format they are, one annotator's, with what was assumed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nsp_adapters.annotations.detect import detect_annotation_format, read_annotation_file
from nsp_adapters.annotations.imported import MAX_FRAMES, ImportedAnnotations
from nsp_adapters.bout_csv import NEAR_MISS, UNKNOWN_ANNOTATOR, import_bout_csv
from nsp_adapters.caltech import import_caltech
from nsp_core.errors import AmbiguousError, LabelError
from nsp_core.labels import RecordingLabels
from nsp_core.study import LabelSettings, RecordingEntry, Study

__all__ = ["import_labels", "labels_in_recording", "read_labels", "require_known_individuals"]

# Trackers leave out frames at the end in which they saw nothing; labels that go on much longer belong to another video.
LONGEST_UNTRACKED_END = 0.01
AUTO = "auto"


def read_labels(entry: RecordingEntry, study: Study, n_frames: int) -> RecordingLabels:
    """Return the labels of a recording of ``n_frames`` frames; see :func:`import_labels`."""
    return import_labels(entry, study, n_frames).labels[0]


def import_labels(entry: RecordingEntry, study: Study, n_frames: int) -> ImportedAnnotations:
    """Return one annotator's labels of a recording of ``n_frames`` frames, and what was assumed about them.

    Labels may go on a little after the last tracked frame (one percent of the recording), for trackers leave out an end
    in which they saw nothing.

    Raises
    ------
    LabelError
        If the recording has no labels, or they are clearly longer than its poses.
    MissingFileError, FormatError
        If the label file is not there or not what it should be.
    AmbiguousError
        If it could be of several formats, or holds several annotators of whom none is chosen.
    """
    if entry.label_path is None or study.labels is None:
        raise LabelError(
            found="no label file",
            expected=f"labels, as the recording's role is {entry.role}",
            where=entry.name,
            remedy="name its label file in the study, or give it the role infer",
        )
    imported = _imported(Path(entry.label_path), entry, study, study.labels, n_frames)
    return replace(imported, labels=(labels_in_recording(imported.labels[0], entry, study, n_frames),))


def labels_in_recording(labels: RecordingLabels, entry: RecordingEntry, study: Study, n_frames: int) -> RecordingLabels:
    """Return labels as a study takes them: what it says was looked at, and individuals by the names of the poses.

    Parameters
    ----------
    labels
        One annotator's, as a reader returns them.
    entry, study
        The recording, and how labels are read.
    n_frames
        Length of its poses.

    Raises
    ------
    LabelError
        If the labels are clearly longer than the poses.
    """
    if entry.observed == "all":
        points = _points_alone(labels)
        names = [behavior.name for behavior in study.behaviors if behavior.name not in points]
        # The format itself says what was looked at; the study may say that it was all, or narrow it further.
        labels = replace(labels, observed={**labels.observed, **dict.fromkeys(names, ((0, n_frames),))})
    elif not isinstance(entry.observed, str):
        labels = _narrowed(labels, _observed_frames(entry))
    labels = _renamed(labels, {} if study.labels is None else study.labels.subjects)
    allowed = n_frames + round(n_frames * LONGEST_UNTRACKED_END)
    if labels.last_frame > allowed:
        raise LabelError(
            found=f"labels up to frame {labels.last_frame} for poses of {n_frames} frames",
            expected=f"at most {allowed} frames",
            where=entry.label_path or entry.name,
            remedy="check that the label file belongs to this recording and that fps is right",
        )
    return labels


def require_known_individuals(labels: RecordingLabels, known: Sequence[str], where: str) -> None:
    """Check that every individual the labels name is one of the poses'.

    A bout of somebody unknown would silently count as nobody's, and its frames as absent.

    Raises
    ------
    LabelError
        If a bout names somebody else.
    """
    named = [(bout.individual, bout.target) for bout in labels.bouts]
    mentioned = {name for pair in named for name in pair if name is not None}
    unknown = sorted(mentioned - set(known))
    if unknown:
        free = [name for name in known if name not in mentioned]
        who = f'subjects = {{ "{unknown[0]}" = "{free[0]}" }}' if free else 'subjects = { "theirs" = "ours" }'
        raise LabelError(
            found=f"bouts of {', '.join(unknown)}",
            expected=f"the individuals of the poses: {', '.join(known)}",
            where=where,
            remedy=f"say who is who in [labels], as {who}",
        )


def _imported(
    path: Path, entry: RecordingEntry, study: Study, settings: LabelSettings, n_frames: int
) -> ImportedAnnotations:
    stated = None if settings.format == AUTO else settings.format
    chosen = detect_annotation_format(path, stated).name
    if chosen == "bout-csv":
        # The csv says nowhere what was looked at: the study does, and spans it states are cut out later.
        return import_bout_csv(
            path,
            recording=entry.name,
            annotator=settings.annotator,
            fps=entry.fps,
            behaviors=study.behaviors,
            observed=entry.observed if isinstance(entry.observed, str) else [(0, MAX_FRAMES)],
            n_frames=n_frames,
        )
    if chosen == "caltech" and settings.stream is not None:
        return import_caltech(
            path,
            recording=entry.name,
            annotator=settings.annotator,
            stream=settings.stream,
            behaviors=study.behaviors,
            unscored=settings.unscored,
            unscored_stream=settings.unscored_stream,
            n_frames=n_frames,
        )
    read = read_annotation_file(
        path,
        format=chosen,
        fps=entry.fps,
        n_frames=n_frames,
        recording=entry.name,
        annotator=settings.annotator,
        looked_for=[behavior.name for behavior in study.behaviors],
        unscored=settings.unscored,
        unscored_stream=settings.unscored_stream,
    )
    imported = replace(read, labels=(_only_annotator(read.labels, path, settings.annotator),))
    _refuse_misspelled(imported.labels[0], [behavior.name for behavior in study.behaviors], path)
    return _without_points_alone(imported)


def _refuse_misspelled(labels: RecordingLabels, wanted: Sequence[str], path: Path) -> None:
    """Refuse a behavior without a bout where one of nearly its name has some: it would silently count as absent."""
    present = dict.fromkeys([*(bout.behavior for bout in labels.bouts), *(event.behavior for event in labels.points)])
    others = {name.casefold(): name for name in present if name not in wanted}
    for name in wanted:
        near = [] if name in present else difflib.get_close_matches(name.casefold(), others, n=1, cutoff=NEAR_MISS)
        if near:
            raise LabelError(
                found=f"no bout of '{name}', but some of '{others[near[0]]}'",
                expected="behaviors as the label file calls them",
                where=path.name,
                remedy=f"write '{others[near[0]]}' in the study if that is meant, or rename one of them",
            )


def _without_points_alone(imported: ImportedAnnotations) -> ImportedAnnotations:
    """Return the labels with behaviors of point events alone unlabeled: as absent they would seem never to happen."""
    (labels,) = imported.labels
    points = _points_alone(labels)
    if not points:
        return imported
    observed = {name: spans for name, spans in labels.observed.items() if name not in points}
    told = f"{labels.recording}: {', '.join(sorted(points))} as point events only, so that no frame of it is labeled"
    return ImportedAnnotations((replace(labels, observed=observed),), (*imported.assumptions, told))


def _points_alone(labels: RecordingLabels) -> set[str]:
    """Return the behaviors that have point events and no bouts."""
    return {event.behavior for event in labels.points} - {bout.behavior for bout in labels.bouts}


def _only_annotator(labels: Sequence[RecordingLabels], path: Path, wanted: str) -> RecordingLabels:
    named = [one for one in labels if one.annotator == wanted != UNKNOWN_ANNOTATOR]
    if len(labels) == 1 or len(named) == 1:
        return (named or labels)[0]
    if not labels:
        raise LabelError(
            found="no labels",
            expected="those of one annotator",
            where=path.name,
            remedy="check that this is the recording's label file, or give the recording the role infer",
        )
    annotators = ", ".join(one.annotator for one in labels)
    raise AmbiguousError(
        found=f"labels of {len(labels)} annotators ({annotators})",
        expected="one annotator",
        where=path.name,
        remedy="name whose labels to take as annotator in [labels]",
    )


def _renamed(labels: RecordingLabels, subjects: Mapping[str, str]) -> RecordingLabels:
    """Return ``labels`` with the names that the poses have for the individuals."""
    if not subjects:
        return labels

    def known(name: str | None) -> str | None:
        return None if name is None else subjects.get(name, name)

    bouts = (replace(bout, individual=known(bout.individual), target=known(bout.target)) for bout in labels.bouts)
    points = (replace(event, individual=known(event.individual), target=known(event.target)) for event in labels.points)
    return replace(labels, bouts=tuple(bouts), points=tuple(points))


def _observed_frames(entry: RecordingEntry) -> list[tuple[int, int]]:
    spans = () if isinstance(entry.observed, str) else entry.observed
    return [(round(start * entry.fps), round(stop * entry.fps)) for start, stop in spans]


def _narrowed(labels: RecordingLabels, spans: Sequence[tuple[int, int]]) -> RecordingLabels:
    overlaps = {
        behavior: tuple(
            (max(start, first), min(stop, last))
            for start, stop in looked_at
            for first, last in spans
            if max(start, first) < min(stop, last)
        )
        for behavior, looked_at in labels.observed.items()
    }
    return replace(labels, observed=overlaps)
