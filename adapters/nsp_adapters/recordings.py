"""One recording from its files: poses, features in the store, labels, and the sequences that search and scores use.

Every step is keyed by what it was computed from, so a second run finds the result instead of computing it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import xarray as xr

from nsp_adapters.bout_csv import read_bout_csv
from nsp_adapters.caltech import read_caltech
from nsp_adapters.dlc import read_dlc_csv
from nsp_adapters.manifest import file_sha256
from nsp_adapters.store import RecordingStore
from nsp_core.cleaning import Cleaning, clean_poses, require_usable
from nsp_core.errors import LabelError, MissingFileError
from nsp_core.features import catalog_digest, compute_features, feature_sequences
from nsp_core.features.compute import LengthUnit
from nsp_core.labels import Behavior, RecordingLabels, frame_states
from nsp_core.provenance import CORE_VERSION, digest
from nsp_core.sequences import LabeledSequence, as_sequences
from nsp_core.storage import StoredGroup
from nsp_core.study import Observed, RecordingEntry, Study

__all__ = [
    "PreparedRecording",
    "animals_needed",
    "extract_recording",
    "features_of_file",
    "labeled_sequences",
    "open_features",
    "read_labels",
    "read_poses",
]

# Trackers leave out frames at the end in which they saw nothing; labels that go on much longer belong to another video.
LONGEST_UNTRACKED_END = 0.01


@dataclass(frozen=True, slots=True)
class PreparedRecording:
    """A recording whose features are in the store: a reference, never the arrays.

    Attributes
    ----------
    entry
        What the study says of it.
    pose_sha256
        Content of the pose file.
    key
        Key of the features in the store.
    features
        Where they are.
    n_frames
        Length of the recording.
    """

    entry: RecordingEntry
    pose_sha256: str
    key: str
    features: StoredGroup
    n_frames: int


def read_poses(entry: RecordingEntry, cleaning: Cleaning, *, n_animals: int) -> xr.Dataset:
    """Return the cleaned poses of a recording with at least ``n_animals`` usable animals.

    Raises
    ------
    MissingFileError, FormatError
        If the pose file is not there or not what it should be.
    PoseError
        If an animal is never seen surely enough, or there are fewer animals than the behaviors need.
    """
    poses = read_dlc_csv(
        Path(entry.pose_path), fps=entry.fps, recording=entry.name, scale_mm_per_px=entry.scale_mm_per_px
    )
    cleaned = clean_poses(poses, cleaning)
    # After cleaning: an animal of which every point is unsure is as good as never seen.
    require_usable(cleaned, n_animals=n_animals)
    return cleaned


def extract_recording(entry: RecordingEntry, study: Study, folder: Path) -> PreparedRecording:
    """Return the reference of a recording's features, computing them only if the store in ``folder`` has none.

    Poses and features are both stored: ``poses-<key>`` cleaned, ``features-<key>`` with units.

    Raises
    ------
    NspError
        As :func:`read_poses`; FeatureError or PoseError where the features cannot be computed.
    """
    if not Path(entry.pose_path).is_file():
        raise MissingFileError(
            found="no such file", expected="a pose file", where=entry.pose_path, remedy="correct the path in the study"
        )
    store = RecordingStore(folder)
    pose_sha256 = file_sha256(Path(entry.pose_path))
    n_animals = animals_needed(study.behaviors)
    read_as = [CORE_VERSION, study.tracker, pose_sha256, entry.name, entry.fps, entry.scale_mm_per_px, n_animals]
    pose_key = digest("poses", read_as, study.cleaning)
    roles = {role: list(keypoints) for role, keypoints in study.roles.items()}
    key = digest("features", pose_key, roles, study.length_reference, catalog_digest())
    found = store.find(entry.name, "features", key)
    if found is None or not store.has(entry.name, "poses", pose_key):
        poses = read_poses(entry, study.cleaning, n_animals=n_animals)
        store.write(entry.name, "poses", pose_key, poses)
        features = compute_features(poses, study.roles, length_unit=study.length_reference)
        found = store.write(entry.name, "features", key, features)
    return PreparedRecording(entry, pose_sha256, key, found, found.n_frames)


def animals_needed(behaviors: Sequence[Behavior]) -> int:
    """Return how many animals a recording must have for all ``behaviors``."""
    return 1 if all(behavior.kind == "solitary" for behavior in behaviors) else 2


def features_of_file(
    entry: RecordingEntry,
    *,
    cleaning: Cleaning,
    roles: Mapping[str, tuple[str, ...]],
    length_unit: LengthUnit,
    names: Sequence[str],
    n_animals: int,
) -> xr.Dataset:
    """Return only the features called ``names`` of a recording that is in no store."""
    poses = read_poses(entry, cleaning, n_animals=n_animals)
    return compute_features(poses, roles, names, length_unit=length_unit)


def read_labels(entry: RecordingEntry, study: Study, n_frames: int) -> RecordingLabels:
    """Return the labels of a recording of ``n_frames`` frames.

    Labels may go on a little after the last tracked frame (one percent of the recording), for trackers leave out an end
    in which they saw nothing.

    Raises
    ------
    LabelError
        If the recording has no labels, or they are clearly longer than its poses.
    MissingFileError, FormatError
        If the label file is not there or not what it should be.
    """
    if entry.label_path is None or study.labels is None:
        raise LabelError(
            found="no label file",
            expected=f"labels, as the recording's role is {entry.role}",
            where=entry.name,
            remedy="name its label file in the study, or give it the role infer",
        )
    labels = _read_label_file(Path(entry.label_path), entry, study, n_frames)
    allowed = n_frames + round(n_frames * LONGEST_UNTRACKED_END)
    if labels.last_frame > allowed:
        raise LabelError(
            found=f"labels up to frame {labels.last_frame} for poses of {n_frames} frames",
            expected=f"at most {allowed} frames",
            where=entry.label_path,
            remedy="check that the label file belongs to this recording and that fps is right",
        )
    return labels


def labeled_sequences(recording: PreparedRecording, study: Study, behavior: Behavior) -> list[LabeledSequence]:
    """Return the sequences of one recording with the label states of ``behavior``.

    Raises
    ------
    LabelError, MissingFileError, FormatError
        As :func:`read_labels`.
    """
    labels = read_labels(recording.entry, study, recording.n_frames)
    features = open_features(recording)
    arrays = feature_sequences(features, behavior.kind)
    states = [
        frame_states(
            labels,
            behavior,
            recording.n_frames,
            str(array.attrs["individual"]),
            str(array.attrs["target"]) or None,
            sole=len(arrays) == 1,
        )
        for array in arrays
    ]
    return list(as_sequences(arrays, states))


def open_features(recording: PreparedRecording) -> xr.Dataset:
    """Return the stored features of a recording, lazily."""
    store = RecordingStore(Path(recording.features.path).parent)
    return store.open(recording.entry.name, "features", recording.key)


def _read_label_file(path: Path, entry: RecordingEntry, study: Study, n_frames: int) -> RecordingLabels:
    settings = study.labels
    assert settings is not None
    observed = entry.observed
    spans = [(round(start * entry.fps), round(stop * entry.fps)) for start, stop in _spans(observed)]
    if settings.format == "caltech":
        labels = read_caltech(
            path,
            recording=entry.name,
            annotator=settings.annotator,
            stream=settings.stream or "S1",
            behaviors=study.behaviors,
            unscored=settings.unscored,
            unscored_stream=settings.unscored_stream,
        )
        # The format itself says what was looked at; spans in the study narrow it further.
        return labels if isinstance(observed, str) else _narrowed(labels, spans)
    return read_bout_csv(
        path,
        recording=entry.name,
        annotator=settings.annotator,
        fps=entry.fps,
        behaviors=study.behaviors,
        observed=observed if isinstance(observed, str) else spans,
        n_frames=n_frames,
    )


def _spans(observed: Observed) -> tuple[tuple[float, float], ...]:
    return () if isinstance(observed, str) else observed


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
