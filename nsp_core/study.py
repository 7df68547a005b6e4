"""A study: which recordings, what their parts are called, which behaviors, and how long to search.

Everything that may differ between recordings (frame rate, scale, observed spans) stands on the recording, already
resolved; what holds for all of them stands on the study. Paths are text: only adapters open files.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from nsp_core.arena import Arena
from nsp_core.cleaning import Cleaning
from nsp_core.errors import StudyError
from nsp_core.features.geometry import CORE_ROLES
from nsp_core.labels import Behavior

__all__ = [
    "CORE_ROLES",
    "SCALE_UNKNOWN",
    "LabelSettings",
    "Observed",
    "PoseSettings",
    "RecordingEntry",
    "RecordingRole",
    "SearchSettings",
    "Study",
    "Tracker",
    "study_digest",
    "study_notes",
]

Tracker = Literal["deeplabcut", "sleap", "other"]
RecordingRole = Literal["train", "validation", "test", "infer"]
Observed = Literal["labeled-span", "all"] | tuple[tuple[float, float], ...]

SCALE_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RecordingEntry:
    """One recording of a study.

    Attributes
    ----------
    name
        Unique in the study, also when upper and lower case are not told apart, and safe as a file name.
    pose_path, label_path
        Files, which need not exist: a missing one is a problem of this recording only. None: it has no labels.
    role
        What the recording is for.
    subject_id, cage_id, group
        As the laboratory calls them; None where not stated.
    fps
        Frames per second, never rounded.
    scale_mm_per_px, scale_source
        Millimeters per pixel and where that number comes from; None and ``"unknown"`` where nobody measured.
    observed
        What the annotator looked at: ``"labeled-span"`` from the first labeled frame to the last, ``"all"`` of the
        recording, or spans ``(start, stop)`` in seconds, half-open. Frames outside are unlabeled, not absent.
    arena
        Wall, regions and objects in pixels; None where they are not stated.
    video_path
        The video; None where it is not stated. Frame rate and length of the poses are held against it.
    """

    name: str
    pose_path: str
    label_path: str | None
    role: RecordingRole
    subject_id: str | None
    cage_id: str | None
    group: str | None
    fps: float
    scale_mm_per_px: float | None
    scale_source: str
    observed: Observed = "labeled-span"
    arena: Arena | None = None
    video_path: str | None = None

    def __post_init__(self) -> None:
        for quantity, value in (("fps", self.fps), ("scale_mm_per_px", self.scale_mm_per_px)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise _impossible(self.name, f"{quantity} = {value}", "a number above 0")


@dataclass(frozen=True, slots=True)
class LabelSettings:
    """How the label files of a study are read.

    Attributes
    ----------
    format
        The annotation format of every label file, ``"auto"`` where its content tells.
    stream
        The stream of a Caltech file that holds the behaviors; None for a format without streams.
    annotator
        Who annotated.
    unscored, unscored_stream
        Label names that mean "not looked at", so that those frames are unlabeled, and the stream they stand in.
    subjects
        Name of a subject in the label files -> name of the individual in the pose files, where they differ.
    """

    format: str
    stream: str | None = None
    annotator: str = "unknown"
    unscored: tuple[str, ...] = ()
    unscored_stream: str | None = None
    subjects: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PoseSettings:
    """How the pose files of a study are read.

    Attributes
    ----------
    format
        Name of the format of every pose file; None where its content tells.
    individuals
        Prefixes by which body parts of a single skeleton belong to several animals.
    leave_out
        Body parts that belong to no animal, such as corners of the arena.
    """

    format: str | None = None
    individuals: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How long and how widely programs are searched; a budget of None is no limit of that kind."""

    seeds: tuple[int, ...] = (0,)
    budget_s: float | None = None
    budget_candidates: int | None = None
    max_complexity: int = 20
    beam_width: int = 9

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise _impossible("search", f"seeds = {list(self.seeds)}", "different whole numbers, at least one")
        for name in ("budget_s", "budget_candidates", "max_complexity", "beam_width"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise _impossible("search", f"{name} = {value}", "a number above 0")


@dataclass(frozen=True, slots=True)
class Study:
    """What a study file says, checked and resolved.

    Attributes
    ----------
    name
        As the study calls itself.
    data_folder
        The folder that file names in the study are relative to.
    tracker
        The software that wrote the pose files, where it is stated; their content tells their format.
    recordings
        In natural order of their names (1, 2, 10).
    roles
        Role name (nose, center, tail_base, ...) to the keypoints whose mean is that point.
    behaviors
        What is to be recognized.
    cleaning, labels, search
        Settings of the stages; ``labels`` is None where no recording has labels.
    loud_notes
        What a reader of any result must know, one sentence each.
    features
        Names of the features that programs may use; None for those that the catalog offers.
    poses
        How pose files are read.
    """

    name: str
    data_folder: str
    tracker: Tracker | None
    recordings: tuple[RecordingEntry, ...]
    roles: Mapping[str, tuple[str, ...]]
    behaviors: tuple[Behavior, ...]
    cleaning: Cleaning
    labels: LabelSettings | None
    search: SearchSettings
    loud_notes: tuple[str, ...] = ()
    features: tuple[str, ...] | None = None
    poses: PoseSettings = PoseSettings()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for entry in self.recordings:
            if entry.name.casefold() in seen:
                raise _impossible(self.name, f"two recordings called '{entry.name}'", "a name of its own for each")
            seen.add(entry.name.casefold())

    @property
    def length_reference(self) -> Literal["mm", "body"]:
        """``"mm"`` where the scale of every recording is known, else ``"body"``: one study has one kind of length."""
        return "mm" if all(entry.scale_mm_per_px is not None for entry in self.recordings) else "body"

    def of_role(self, *roles: RecordingRole) -> tuple[RecordingEntry, ...]:
        """Return the recordings that have one of ``roles``, in the study's order."""
        return tuple(entry for entry in self.recordings if entry.role in roles)


def study_digest(study: Study) -> str:
    """Return the SHA-256 of everything ``study`` states, as 64 hexadecimal digits.

    It does not depend on where the data folder lies, on the study file's layout or comments, or on the order in which
    recordings and roles were written. It covers file *names*, not the content of the files.
    """
    stated = asdict(study)
    # The folder differs between machines; notes restate the rest in sentences that may be reworded.
    del stated["data_folder"], stated["loud_notes"]
    for entry in stated["recordings"]:
        for key in ("pose_path", "label_path", "video_path"):
            entry[key] = _relative(entry[key], study.data_folder)
    stated["recordings"] = sorted(stated["recordings"], key=lambda entry: str(entry["name"]))
    text = json.dumps(stated, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def study_notes(
    recordings: Sequence[RecordingEntry], roles: Mapping[str, tuple[str, ...]], search: SearchSettings
) -> tuple[str, ...]:
    """Return what a reader of results from these recordings must know, one sentence each; empty if nothing."""
    notes = []
    unscaled = [entry.name for entry in recordings if entry.scale_mm_per_px is None]
    if unscaled:
        notes.append(
            f"scale unknown for {len(unscaled)} of {len(recordings)} recordings: ALL lengths are body lengths (bl), "
            "not millimeters"
        )
    compared = [entry for entry in recordings if entry.role != "infer"]
    if len({entry.role == "train" for entry in compared}) > 1:
        for identity in ("subject_id", "cage_id"):
            n_unstated = sum(getattr(entry, identity) is None for entry in compared)
            if n_unstated:
                notes.append(
                    f"{identity} not stated for {n_unstated} of {len(compared)} recordings: whether train shares it "
                    "with validation or test cannot be checked"
                )
    notes += [
        f"no keypoint has the role {role}: features that need it cannot be computed"
        for role in CORE_ROLES
        if role not in roles
    ]
    if search.budget_s is not None:
        notes.append(
            f"the search stops after {search.budget_s:g} s, so its result depends on the machine; "
            "budget_candidates alone repeats exactly"
        )
    return tuple(notes)


def _relative(path: str | None, folder: str) -> str | None:
    if path is None:
        return None
    prefix = folder.rstrip("/") + "/"
    return path.removeprefix(prefix) if path.startswith(prefix) else path.rpartition("/")[2]


def _impossible(where: str, found: str, expected: str) -> StudyError:
    return StudyError(found=found, expected=expected, where=where, remedy="correct the study file")
