"""Which clips of a study to annotate next: features and labels as in a run, functions found from them, a queue.

Labeling functions are found from what is annotated in recordings that programs are found on (``train`` and
``validation``). Clips are proposed in those of the roles ``train`` and ``infer``: never where programs are judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from nsp_adapters.outputs import Failure, sweep_outputs
from nsp_adapters.recordings import (
    ParticipantSequence,
    PreparedRecording,
    extract_recording,
    participant_sequences,
)
from nsp_core.errors import LabelError, StudyError
from nsp_core.features.lookup import closest_match
from nsp_core.labels import Behavior
from nsp_core.rng import stream
from nsp_core.search.beam import SearchProgress
from nsp_core.sequences import LabeledSequence
from nsp_core.study import RecordingRole, Study
from nsp_core.weak.committee import committee_degrees
from nsp_core.weak.few_bouts import annotated_bouts, labeled_share, require_fps, weighted_to_balance
from nsp_core.weak.labeling import LabelingFunction, LabelingSettings, find_labeling_functions
from nsp_core.weak.queue import ClipEvidence, ProposedClip, QueueSettings, propose_clips, random_clips
from nsp_flows.jobs import Run, running, with_any_labels
from nsp_flows.queue_files import REVIEW, QueueFiles, write_queue

__all__ = ["ClipQueue", "FoundClips", "chosen_behavior", "queue_clips"]

Degrees = NDArray[np.float32]

LEARNED_FROM: tuple[RecordingRole, ...] = ("train", "validation")
PROPOSED_IN: tuple[RecordingRole, ...] = ("train", "infer")


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """How many clips of what length, and the share of all frames with the behavior, None where it is not stated."""

    n_clips: int
    clip_s: float
    share: float | None


@dataclass(frozen=True, slots=True)
class FoundClips:
    """Clips, and what they were chosen by.

    Attributes
    ----------
    clips
        The first to annotate first.
    functions
        The labeling functions as texts; none where there are too few labels.
    too_few
        Why no function could be found; empty where some were.
    n_bouts
        Annotated bouts that functions were found from.
    share
        Share of frames with the behavior that they were weighted to; None where no function was found.
    """

    clips: tuple[ProposedClip, ...]
    functions: tuple[str, ...]
    too_few: str
    n_bouts: int
    share: float | None


@dataclass(frozen=True, slots=True)
class ClipQueue:
    """What came of a queue.

    Attributes
    ----------
    behavior
        What is to be annotated.
    found
        The clips; None if they could not be chosen.
    share_is_stated
        Whether the share of frames with the behavior was stated, or taken from the labeled frames.
    fps
        Frame rate of each recording.
    files
        What was written; None where there is no clip.
    failures
        Recordings that could not be used.
    notes
        What a reader must know, one sentence each.
    """

    behavior: Behavior
    found: FoundClips | None
    share_is_stated: bool
    fps: Mapping[str, float]
    files: QueueFiles | None
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 all done, 1 something failed."""
        return 1 if self.failures else 0


def queue_clips(
    study: Study,
    behavior_name: str,
    out: Path,
    *,
    n_clips: int = 20,
    clip_s: float = 10.0,
    share: float | None = None,
    n_workers: int = 2,
    console: Console | None = None,
) -> ClipQueue:
    """Choose the clips to annotate next, and write them as a table and as a project to open in BORIS.

    Parameters
    ----------
    study
        Recordings, and the labels there are.
    behavior_name
        What is to be annotated.
    out
        Folder for ``queue.csv`` and ``queue.boris``; features are kept in it as in a run of the study.
    n_clips, clip_s
        Most clips, and their length in seconds.
    share
        Share of all frames in which the behavior is present; None takes that of the labeled frames.
    n_workers
        Processes that work at the same time.
    console
        Where progress is shown.

    Raises
    ------
    StudyError
        If the study has no such behavior, none to propose clips in, or the share is none.
    LabelError
        If a recording is shorter than a clip, nothing is left to annotate, or BORIS cannot hold the labels.
    OutputError
        If ``out`` cannot be written.
    """
    behavior = chosen_behavior(study, behavior_name)
    settings = QueueSettings(clip_s=clip_s)
    _check_options(study, n_clips, share)
    options = QueueOptions(n_clips, clip_s, share)
    sweep_outputs(out)
    with running(study, out, n_workers, console or Console(stderr=True)) as run:
        usable, found = _find(run, behavior, options, settings)
    files = None
    if found is not None:
        _require_clips(found, behavior)
        files = write_queue(found.clips, usable, study, out)
    fps = {one.entry.name: one.entry.fps for one in usable}
    failures = tuple(dict.fromkeys(run.failures))
    return ClipQueue(behavior, found, share is not None, fps, files, failures, study.loud_notes)


def chosen_behavior(study: Study, name: str) -> Behavior:
    """Return the behavior of ``study`` called ``name``.

    Raises
    ------
    StudyError
        If there is none, or one has the name that clips have in BORIS.
    """
    by_name = {behavior.name: behavior for behavior in study.behaviors}
    if REVIEW in by_name:
        raise StudyError(
            found=f"a behavior called '{REVIEW}'",
            expected="another name, as clips are called that in BORIS",
            where="[[behaviors]]",
            remedy="rename the behavior in the study and in its label files",
        )
    if name in by_name:
        return by_name[name]
    raise StudyError(
        found=f"the behavior '{name}'",
        expected=f"one of {', '.join(by_name)}",
        where="--behavior",
        remedy=closest_match(name, list(by_name)) or "name a behavior of the study",
    )


def _check_options(study: Study, n_clips: int, share: float | None) -> None:
    if n_clips < 1:
        raise StudyError(
            found=f"{n_clips} clips", expected="1 or more", where="--n-clips", remedy="ask for at least one clip"
        )
    if share is not None and not 0 < share < 1:
        raise StudyError(
            found=f"a share of {share:g}",
            expected="a number between 0 and 1, such as 0.03 for three frames in a hundred",
            where="--share",
            remedy="state in which share of all frames the behavior is present",
        )
    if not study.of_role(*PROPOSED_IN):
        raise StudyError(
            found="no recording of the role train or infer",
            expected="at least one, for none that is judged by is proposed",
            where=study.name,
            remedy="give the recordings that are to be annotated the role train or infer",
        )


def _require_longer(recordings: Sequence[PreparedRecording], settings: QueueSettings) -> None:
    """Raise unless all recordings in which clips are proposed are as long as a clip."""
    for one in recordings:
        length_s = one.n_frames / one.entry.fps
        if one.entry.role in PROPOSED_IN and round(settings.clip_s * one.entry.fps) > one.n_frames:
            raise LabelError(
                found=f"a recording of {length_s:g} s, and clips of {settings.clip_s:g} s",
                expected="clips no longer than a recording",
                where=one.entry.name,
                remedy="state shorter clips with --clip-s",
            )


def _require_clips(found: FoundClips, behavior: Behavior) -> None:
    if not found.clips:
        raise LabelError(
            found="no unlabeled frames left that would make half a clip",
            expected="recordings of the role train or infer that are not annotated throughout",
            where=f"behavior {behavior.name}",
            remedy="add recordings to the study, with the role infer where they have no labels, or shorten --clip-s",
        )


def _find(
    run: Run, behavior: Behavior, options: QueueOptions, settings: QueueSettings
) -> tuple[list[PreparedRecording], FoundClips | None]:
    """Return the recordings that can be used, and the clips, or None if they could not be chosen."""
    entries = run.study.of_role("train", "validation", "infer")
    folder = run.out / "recordings"
    prepared: list[PreparedRecording] = run.each(
        "extract features", [(entry.name, extract_recording, (entry, run.study, folder)) for entry in entries]
    )
    usable: list[PreparedRecording] = run.each(
        "read labels", [(one.entry.name, with_any_labels, (one, run.study)) for one in prepared]
    )
    _require_longer(usable, settings)
    if not any(one.entry.role in PROPOSED_IN for one in usable):
        return usable, None
    found: list[FoundClips] = run.each(
        "choose clips", [(behavior.name, _clips_job, (run.study, behavior, usable, options, run.messages))]
    )
    return usable, next(iter(found), None)


def _clips_job(
    study: Study,
    behavior: Behavior,
    recordings: Sequence[PreparedRecording],
    options: QueueOptions,
    messages: Queue[Any],
) -> FoundClips:
    """Find labeling functions and choose clips; runs in a worker process."""
    shown = [each for one in recordings for each in participant_sequences(one, study, behavior)]
    learned_from = [each.sequence for each in shown if each.entry.role in LEARNED_FROM]
    proposed_in = [each for each in shown if each.entry.role in PROPOSED_IN]
    settings = QueueSettings(clip_s=options.clip_s)
    seed = study.search.seeds[0]
    n_bouts = len(annotated_bouts(learned_from))

    def report(progress: SearchProgress) -> None:
        messages.put((behavior.name, progress))

    try:
        share = labeled_share(learned_from) if options.share is None else options.share
        functions = _functions(learned_from, share, study, report)
    except LabelError as error:
        generator = stream(seed, "queue", behavior.name)
        evidence = _evidence(proposed_in, ())
        clips = random_clips(evidence, options.n_clips, generator=generator, settings=settings, diverse=True)
        return FoundClips(clips, (), f"{error.found}, expected {error.expected}", n_bouts, None)
    clips = propose_clips(_evidence(proposed_in, functions), options.n_clips, settings=settings)
    return FoundClips(clips, tuple(function.text for function in functions), "", n_bouts, share)


def _functions(
    sequences: Sequence[LabeledSequence], share: float, study: Study, report: Callable[[SearchProgress], None]
) -> tuple[LabelingFunction, ...]:
    weighted = weighted_to_balance(sequences, share)
    defaults = LabelingSettings()
    settings = replace(defaults, max_complexity=min(defaults.max_complexity, study.search.max_complexity))
    found = find_labeling_functions(weighted, share, seed=study.search.seeds[0], settings=settings, report=report)
    return found.functions


def _evidence(shown: Sequence[ParticipantSequence], functions: Sequence[LabelingFunction]) -> list[ClipEvidence]:
    """Return what is known of each animal or dyad; the degrees are those of the functions, unsure ones included."""
    sequences = [each.sequence for each in shown]
    degrees = committee_degrees(functions, sequences)
    # A recording without an arena has fewer features: clips are compared by those that all have.
    names = [name for name in sequences[0].names if all(name in one.names for one in sequences)]
    return [
        ClipEvidence(
            each.entry.name,
            own,
            each.sequence.gold_states,
            require_fps(each.sequence),
            each.sequence.values[:, [each.sequence.names.index(name) for name in names]],
            each.individual,
            each.target,
        )
        for each, own in zip(shown, degrees, strict=True)
    ]
