"""What is labeled from a few annotated bouts, its sequences, and the key of all that is computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nsp_adapters.atomic import file_name
from nsp_adapters.manifest import file_sha256
from nsp_adapters.recordings import ParticipantSequence, PreparedRecording, participant_sequences
from nsp_core.errors import LabelError, StudyError
from nsp_core.labels import UNLABELED, Behavior
from nsp_core.program import dsl_fingerprint
from nsp_core.provenance import CORE_VERSION, digest
from nsp_core.sequences import LabeledSequence
from nsp_core.study import RecordingRole, Study
from nsp_core.weak.balance import AnnotatedSpan, ClassBalance, balance_from_spans

__all__ = ["WeakLabelJob", "annotated_throughout", "job_key", "judging_participants", "labeled_participants"]

LABELED_ROLES: tuple[RecordingRole, ...] = ("train", "validation", "infer")
# A recording whose frames are nearly all labeled was not chosen bout by bout.
LEAST_LABELED = 0.9


@dataclass(frozen=True, slots=True)
class WeakLabelJob:
    """What is labeled, and from what.

    Attributes
    ----------
    study, behavior
        What is looked for.
    recordings
        Prepared ones of all roles; those with the role ``test`` are only judged by.
    balance
        Share of all frames in which the behavior is present, with its interval.
    out
        Output folder.
    """

    study: Study
    behavior: Behavior
    recordings: tuple[PreparedRecording, ...]
    balance: ClassBalance
    out: Path

    @property
    def seed(self) -> int:
        """Of all that is drawn."""
        return self.study.search.seeds[0]

    @property
    def folder(self) -> Path:
        """Where results go."""
        return self.out / "weak" / file_name(self.behavior.name)


def annotated_throughout(recordings: Sequence[PreparedRecording], study: Study, behavior: Behavior) -> ClassBalance:
    """Return the share of frames with ``behavior`` in recordings that are annotated from end to end.

    Raises
    ------
    StudyError
        If there is none: the share of chosen bouts says nothing.
    LabelError
        If all these frames have one state, or labels cannot be read.
    """
    spans = [
        AnnotatedSpan(each.entry.name, each.sequence.states, each.sequence.states != UNLABELED)
        for one in recordings
        if one.entry.role in LABELED_ROLES and one.entry.label_path is not None
        for each in participant_sequences(one, study, behavior)
        if (each.sequence.states != UNLABELED).mean() >= LEAST_LABELED
    ]
    if not spans:
        raise StudyError(
            found=f"no recording in which at least {LEAST_LABELED:.0%} of the frames are annotated",
            expected="one, or the share of all frames in which the behavior is present: that of chosen bouts says "
            "nothing",
            where=f"behavior {behavior.name}",
            remedy="state the share as an interval, such as --share 2%-10%, or annotate a recording throughout",
        )
    return balance_from_spans(spans, seed=study.search.seeds[0])


def labeled_participants(job: WeakLabelJob) -> list[ParticipantSequence]:
    """Return all animals or dyads that get labels, with the features that all of them have."""
    every = [
        each
        for one in job.recordings
        if one.entry.role in LABELED_ROLES
        for each in participant_sequences(one, job.study, job.behavior)
    ]
    if not every:
        raise LabelError(
            found="no usable recording of the role train, validation or infer",
            expected="at least one",
            where=f"behavior {job.behavior.name}",
            remedy="give a recording such a role, or mend those that failed",
        )
    # A recording without an arena has fewer features.
    shared = [name for name in every[0].sequence.names if all(name in each.sequence.names for each in every)]
    return [replace(each, sequence=_with_features(each.sequence, shared)) for each in every]


def _with_features(one: LabeledSequence, names: Sequence[str]) -> LabeledSequence:
    if list(one.names) == list(names):
        return one
    places = [one.names.index(name) for name in names]
    return replace(
        one, values=one.values[:, places], names=tuple(names), units=tuple(one.units[place] for place in places)
    )


def judging_participants(job: WeakLabelJob, names: Sequence[str]) -> tuple[list[ParticipantSequence], tuple[str, ...]]:
    """Return the animals or dyads of test recordings, with the features called ``names`` in that order.

    Those of recordings that lack such a feature are left out; they are named second.
    """
    every = [
        each
        for one in job.recordings
        if one.entry.role == "test"
        for each in participant_sequences(one, job.study, job.behavior)
    ]
    lacking = tuple(dict.fromkeys(each.entry.name for each in every if not set(names) <= set(each.sequence.names)))
    judged = [each for each in every if each.entry.name not in lacking]
    return [replace(each, sequence=_with_features(each.sequence, names)) for each in judged], lacking


def job_key(job: WeakLabelJob, roles: Sequence[RecordingRole] = LABELED_ROLES) -> str:
    """Return a digest of all that follows from the recordings of ``roles``."""
    used = [
        [one.entry.role, one.entry.name, one.features.digest, _label_sha256(one), one.entry.observed]
        for one in job.recordings
        if one.entry.role in roles
    ]
    balance = [job.balance.share, job.balance.low, job.balance.high]
    search = [job.study.search.max_complexity, job.seed]
    return digest(CORE_VERSION, dsl_fingerprint(), job.behavior, job.study.labels, balance, search, used)


def _label_sha256(recording: PreparedRecording) -> str | None:
    path = recording.entry.label_path
    return file_sha256(Path(path)) if path is not None else None
