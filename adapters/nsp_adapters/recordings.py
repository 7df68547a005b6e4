"""One recording from its files: poses, features in the store, labels, and the sequences that search and scores use.

Every step is keyed by what it was computed from, so a second run finds the result instead of computing it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import xarray as xr

from nsp_adapters.label_import import import_labels, read_labels, require_known_individuals
from nsp_adapters.manifest import path_sha256
from nsp_adapters.pose_import import BY_CONTENT, read_poses, tracked_poses, video_identity
from nsp_adapters.store import RecordingStore
from nsp_core.cleaning import Cleaning
from nsp_core.errors import FeatureError, MissingFileError
from nsp_core.features import feature_sequences
from nsp_core.features.compute import LengthUnit, compute_features, feature_chunks
from nsp_core.features.lookup import available_features, feature_key
from nsp_core.features.views import participants
from nsp_core.labels import Behavior, frame_states
from nsp_core.provenance import CORE_VERSION, digest
from nsp_core.sequences import LabeledSequence, as_sequences
from nsp_core.storage import StoredGroup
from nsp_core.study import PoseSettings, RecordingEntry, Study

__all__ = [
    "ParticipantSequence",
    "PreparedRecording",
    "animals_needed",
    "extract_recording",
    "features_of_file",
    "import_labels",
    "labeled_sequences",
    "open_features",
    "participant_sequences",
    "read_labels",
    "read_poses",
    "refer_features",
    "tracked_poses",
]

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
    if not Path(entry.pose_path).exists():
        raise MissingFileError(
            found="no such file", expected="a pose file", where=entry.pose_path, remedy="correct the path in the study"
        )
    store = RecordingStore(folder)
    pose_sha256 = path_sha256(Path(entry.pose_path))
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
    settings: PoseSettings = BY_CONTENT,
) -> xr.Dataset:
    """Return only the features called ``names`` of a recording that is in no store."""
    poses = read_poses(entry, cleaning, n_animals=n_animals, roles=roles, settings=settings)
    return compute_features(poses, roles, names, length_unit=length_unit, arena=entry.arena)


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
    named = [str(array.attrs[who]) for array in arrays for who in ("individual", "target") if array.attrs[who]]
    require_known_individuals(labels, list(dict.fromkeys(named)), recording.entry.name)
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


@dataclass(frozen=True, slots=True, eq=False)
class ParticipantSequence:
    """One animal or dyad of a recording, with the labels there are.

    Attributes
    ----------
    entry
        The recording.
    sequence
        Its features, and its states; all unlabeled where the recording has no label file.
    individual, target
        Who takes part; the target None for a behavior of one animal.
    """

    entry: RecordingEntry
    sequence: LabeledSequence
    individual: str
    target: str | None


def participant_sequences(recording: PreparedRecording, study: Study, behavior: Behavior) -> list[ParticipantSequence]:
    """Return all animals or dyads of one recording, whether it has labels or not.

    Raises
    ------
    LabelError, MissingFileError, FormatError
        As :func:`read_labels`.
    """
    features = open_features(recording)
    if recording.entry.label_path is None:
        sequences = list(as_sequences(feature_sequences(features, behavior.kind), None))
    else:
        sequences = labeled_sequences(recording, study, behavior)
    who = participants([str(name) for name in features["individual"].values], behavior.kind)
    return [
        ParticipantSequence(recording.entry, replace(one, recording=recording.entry.name), individual, target or None)
        for one, (individual, target) in zip(sequences, who, strict=True)
    ]


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
    video = video_identity(entry)
    read_as = [CORE_VERSION, study.poses, pose_sha256, entry.name, entry.fps, entry.scale_mm_per_px, n_animals, video]
    # A limit in body lengths depends on what a body length is.
    ends = {role: list(study.roles.get(role, ())) for role in _BODY_LENGTH_ROLES} if study.cleaning.max_jump else None
    key = digest(_POSES, read_as, study.cleaning, ends)
    if store.find(entry.name, _POSES, key, dict.fromkeys(_POSE_VARIABLES, key)) != _POSE_VARIABLES:
        poses = read_poses(entry, study.cleaning, n_animals=n_animals, roles=study.roles, settings=study.poses)
        store.write(entry.name, _POSES, key, poses)
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
