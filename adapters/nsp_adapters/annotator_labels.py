"""Labels of several annotators of the recordings of a study, read as the study says, and put beside its features.

Where labels come from is settled before poses are read (:class:`LabelSource`): annotation files that were named, or the
study's own label files where these hold several annotators. How long a recording is only its poses know, so that the
labels themselves are read afterwards, each by the same rules as any label file of the study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nsp_adapters.annotations.detect import detect_annotation_format, read_annotation_file
from nsp_adapters.annotations.imported import ImportedAnnotations
from nsp_adapters.label_import import AUTO, import_labels, labels_in_recording, require_known_individuals
from nsp_adapters.recordings import PreparedRecording, open_features
from nsp_core.errors import LabelError
from nsp_core.features import feature_sequences
from nsp_core.labels import Behavior, RecordingLabels, frame_states
from nsp_core.sequences import LabeledSequence, as_sequences
from nsp_core.study import LabelSettings, RecordingEntry, Study

__all__ = ["LabelSource", "annotated_sequences", "label_sources", "labels_of_annotators"]


@dataclass(frozen=True, slots=True)
class LabelSource:
    """Where one annotator's labels of one recording stand.

    Attributes
    ----------
    path, format
        The file, and the name of its format.
    recording, annotator
        As the file calls them, or names to give where it names none.
    read
        The labels, where the study's way of reading does not reach them; None where they are still to be read.
    """

    path: Path
    format: str
    recording: str
    annotator: str
    read: RecordingLabels | None = None


def label_sources(entry: RecordingEntry, study: Study) -> dict[str, tuple[LabelSource, ...]]:
    """Return annotator -> where their labels of a recording stand in the label file that the study names.

    Raises
    ------
    LabelError
        If the study names no label file of it.
    NspError
        As :func:`nsp_adapters.annotations.detect.read_annotation_file`.
    """
    if entry.label_path is None or study.labels is None:
        raise LabelError(
            found="no label file",
            expected="the labels of two or more annotators",
            where=entry.name,
            remedy="name their annotation files, or a label file in the study that holds them",
        )
    path = Path(entry.label_path)
    chosen = detect_annotation_format(path, None if study.labels.format == AUTO else study.labels.format).name
    found = read_annotation_file(path, format=chosen, fps=entry.fps, recording=entry.name)
    return {one.annotator: (LabelSource(path, chosen, entry.name, one.annotator),) for one in found.labels}


def labels_of_annotators(
    entry: RecordingEntry, study: Study, n_frames: int, sources: Mapping[str, Sequence[LabelSource]]
) -> ImportedAnnotations:
    """Return the labels of a recording of ``n_frames`` frames, one entry per annotator, and what was assumed.

    What one annotator noted in several files is joined.

    Parameters
    ----------
    entry, study
        The recording, and how labels are read.
    n_frames
        Length of its poses.
    sources
        Annotator -> where their labels stand.

    Raises
    ------
    NspError
        As :func:`nsp_adapters.label_import.import_labels`.
    """
    labels: list[RecordingLabels] = []
    told: list[str] = []
    for annotator, parts in sources.items():
        read = [_read(entry, study, n_frames, source) for source in parts]
        bouts = tuple(bout for one in read for bout in one.labels[0].bouts)
        points = tuple(point for one in read for point in one.labels[0].points)
        observed: dict[str, tuple[tuple[int, int], ...]] = {}
        for one in read:
            for name, spans in one.labels[0].observed.items():
                observed[name] = tuple(dict.fromkeys((*observed.get(name, ()), *spans)))
        labels.append(RecordingLabels(entry.name, annotator, bouts, observed, points))
        told += [sentence for one in read for sentence in one.assumptions]
    return ImportedAnnotations(tuple(labels), tuple(dict.fromkeys(told)))


def annotated_sequences(
    recordings: Sequence[tuple[PreparedRecording, Sequence[RecordingLabels]]], behavior: Behavior
) -> tuple[tuple[LabeledSequence, ...], dict[str, list[NDArray[np.int8]]]]:
    """Return the sequences of all recordings, unlabeled, and annotator -> one array of states (time,) per sequence.

    Parameters
    ----------
    recordings
        Each with the labels of its annotators, the same in all of them.
    behavior
        What is labeled.

    Returns
    -------
    States are 1 present, 0 absent, -1 not looked at or not said of whom.

    Raises
    ------
    LabelError
        If labels name an individual that the poses do not know.
    """
    arrays = []
    states: dict[str, list[NDArray[np.int8]]] = {}
    for recording, labels in recordings:
        own = feature_sequences(open_features(recording), behavior.kind)
        named = [str(array.attrs[who]) for array in own for who in ("individual", "target") if array.attrs[who]]
        for one in labels:
            require_known_individuals(one, list(dict.fromkeys(named)), f"{recording.entry.name}, {one.annotator}")
            states.setdefault(one.annotator, []).extend(
                frame_states(
                    one,
                    behavior,
                    recording.n_frames,
                    str(array.attrs["individual"]),
                    str(array.attrs["target"]) or None,
                    sole=len(own) == 1,
                )
                for array in own
            )
        arrays += own
    return as_sequences(arrays, None), states


def _read(entry: RecordingEntry, study: Study, n_frames: int, source: LabelSource) -> ImportedAnnotations:
    """Return one file's labels of one annotator, as if the study had named that file and that annotator."""
    if source.read is not None:
        return ImportedAnnotations((labels_in_recording(source.read, entry, study, n_frames),))
    settings = LabelSettings(AUTO) if study.labels is None else study.labels
    settings = replace(settings, format=source.format, annotator=source.annotator)
    as_named = replace(entry, name=source.recording, label_path=str(source.path))
    return import_labels(as_named, replace(study, labels=settings), n_frames)
