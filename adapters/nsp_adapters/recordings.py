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
from nsp_core.errors import FeatureError, LabelError, MissingFileError
from nsp_core.features import feature_sequences
from nsp_core.features.compute import LengthUnit, compute_features, feature_chunks
from nsp_core.features.lookup import available_features, feature_key
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
    "refer_features",
]

# Trackers leave out frames at the end in which they saw nothing; labels that go on much longer belong to another video.
LONGEST_UNTRACKED_END = 0.01

_POSES, _FEATURES = "poses", "features"
_POSE_VARIABLES = ("position", "confidence")
# The body length is the median distance between these two.
_BODY_LENGTH_ROLES = ("nose", "tail_base")


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
        Where they are, and which.
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


def extract_recording(
    entry: RecordingEntry, study: Study, folder: Path, names: Sequence[str] | None = None
) -> PreparedRecording:
    """Return the reference of a recording's features, computing only those that the store in ``folder`` lacks.

    Poses and features are both stored: ``poses-<key>`` cleaned, ``features-<key>`` with units. The tracker's file is
    read only if the store has no poses of it, and features are computed from the stored poses chunk by chunk.

    Parameters
    ----------
    entry, study
        The recording and how it is to be read.
    folder
        Root of the store.
    names
        Features to have; None for those the study names or, where it names none, for all that the catalog offers
        for these roles, animals and arena. The reference has them in the order of the catalog.

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
    pose_key = _stored_poses(store, entry, study, pose_sha256)
    poses = store.open(entry.name, _POSES, pose_key)
    asked = _asked_features(entry, study, poses.sizes["individual"], names)
    keys = {name: feature_key(name, study.roles, entry.arena) for name in asked}
    ends = {role: list(study.roles.get(role, ())) for role in _BODY_LENGTH_ROLES}
    key = digest(_FEATURES, pose_key, ends, study.length_reference)
    found = store.find(entry.name, _FEATURES, key, keys)
    missing = [name for name in asked if name not in found]
    if missing:
        chunks = feature_chunks(poses, study.roles, missing, length_unit=study.length_reference, arena=entry.arena)
        store.write(entry.name, _FEATURES, key, chunks, keys)
    features = store.refer(entry.name, _FEATURES, key, asked)
    return PreparedRecording(entry, pose_sha256, key, features, features.n_frames)


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
    return compute_features(poses, roles, names, length_unit=length_unit, arena=entry.arena)


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


def open_features(recording: PreparedRecording, names: Sequence[str] | None = None) -> xr.Dataset:
    """Return stored features of a recording, lazily, in the order asked; by default all it was prepared with.

    Raises
    ------
    FeatureError
        If the recording was prepared without one of them.
    """
    asked = _prepared_features(recording, names)
    return _store_of(recording).open(recording.entry.name, _FEATURES, recording.key, asked)


def refer_features(recording: PreparedRecording, names: Sequence[str]) -> StoredGroup:
    """Return the reference of some features of a recording, whose digest tells whether any of these has changed.

    Raises
    ------
    FeatureError
        If the recording was prepared without one of them.
    """
    asked = _prepared_features(recording, names)
    return _store_of(recording).refer(recording.entry.name, _FEATURES, recording.key, asked)


def _stored_poses(store: RecordingStore, entry: RecordingEntry, study: Study, pose_sha256: str) -> str:
    """Return the key of the recording's cleaned poses, which are in the store now if they were not before."""
    n_animals = animals_needed(study.behaviors)
    read_as = [CORE_VERSION, study.tracker, pose_sha256, entry.name, entry.fps, entry.scale_mm_per_px, n_animals]
    key = digest(_POSES, read_as, study.cleaning)
    if store.find(entry.name, _POSES, key, dict.fromkeys(_POSE_VARIABLES, key)) != _POSE_VARIABLES:
        store.write(entry.name, _POSES, key, read_poses(entry, study.cleaning, n_animals=n_animals))
    return key


def _asked_features(
    entry: RecordingEntry, study: Study, n_animals: int, names: Sequence[str] | None
) -> tuple[str, ...]:
    """Return the features to have in the order of the catalog: the same features are the same input of a search."""
    asked = study.features if names is None else names
    if asked is None:
        return available_features(study.roles, n_animals, entry.arena)
    known = available_features(study.roles, n_animals, entry.arena, offered_only=False)
    # What this recording cannot have stays among them: computing it says what is wrong.
    return (*(name for name in known if name in asked), *(name for name in asked if name not in known))


def _prepared_features(recording: PreparedRecording, names: Sequence[str] | None) -> tuple[str, ...]:
    prepared = recording.features.names
    absent = [name for name in names or () if name not in prepared]
    if absent:
        raise FeatureError(
            found=f"no {', '.join(absent)}",
            expected=f"features this recording was prepared with: {', '.join(prepared)}",
            where=recording.entry.name,
            remedy="name every feature that programs need in the study",
        )
    return prepared if names is None else tuple(names)


def _store_of(recording: PreparedRecording) -> RecordingStore:
    return RecordingStore(Path(recording.features.path).parent)


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
