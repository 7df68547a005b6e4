"""What annotating costs a person, and what it buys: a simulated annotator who labels clip after clip.

With fully labeled recordings the labels can be hidden and shown again clip by clip, so that the choice of clips by a
committee and at random are compared by the score that the same seconds of a person's time buy.

Notes
-----
The pace is an assumption, not a measurement: every second of video is watched twice, once to find and once to set the
edges, and every bout takes a few seconds of keys. Only ratios of costs between policies are to be read, and for other
paces the same comparison can be run again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nsp_core.bouts import bouts_from_frames
from nsp_core.errors import LabelError
from nsp_core.labels import PRESENT, UNLABELED
from nsp_core.rng import stream
from nsp_core.sequences import LabeledSequence
from nsp_core.weak.few_bouts import annotated_bouts, draw_bouts, labeled_around, require_fps
from nsp_core.weak.queue import ClipEvidence, ProposedClip, QueueSettings, propose_clips, random_clips

__all__ = [
    "SECONDS_PER_BOUT",
    "SECONDS_PER_VIDEO_SECOND",
    "AnnotationRounds",
    "Learned",
    "QueuePolicy",
    "annotation_cost_s",
    "simulate_annotation",
]

QueuePolicy = Literal["active", "random"]

SECONDS_PER_VIDEO_SECOND = 2.0
SECONDS_PER_BOUT = 6.0
COLUMNS = ("cost_s", "n_bouts", "f1", "ap")


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What a learner made of the labels it was given.

    Attributes
    ----------
    probability
        Per sequence, shape (time, model): what each model of its committee says, NaN where it abstains.
    f1, ap
        Scores on recordings it was not given.
    """

    probability: tuple[NDArray[np.floating], ...]
    f1: float
    ap: float


@dataclass(frozen=True, slots=True)
class AnnotationRounds:
    """How a simulated annotation goes.

    Attributes
    ----------
    budget_s
        Seconds of the annotator, those for the first bouts included.
    n_start_bouts
        Bouts annotated before the first clip, with the seconds around each.
    clips_per_round
        Clips annotated before the learner learns again.
    seconds_per_video_second, seconds_per_bout
        The annotator's pace.
    """

    budget_s: float
    n_start_bouts: int = 5
    clips_per_round: int = 5
    seconds_per_video_second: float = SECONDS_PER_VIDEO_SECOND
    seconds_per_bout: float = SECONDS_PER_BOUT


def annotation_cost_s(
    clips: Sequence[ProposedClip],
    fps: float | Mapping[str, float],
    *,
    seconds_per_video_second: float = SECONDS_PER_VIDEO_SECOND,
    seconds_per_bout: float = SECONDS_PER_BOUT,
    n_bouts: int | None = None,
) -> float:
    """Return the seconds that a person needs to annotate ``clips``.

    Parameters
    ----------
    clips
        What is watched.
    fps
        Frames per second of all recordings, or of each.
    seconds_per_video_second
        Seconds per second of video, however little happens in it.
    seconds_per_bout
        Seconds per bout that is marked.
    n_bouts
        Bouts in the clips; None, before anybody has looked, takes one per clip.

    Examples
    --------
    >>> clips = [ProposedClip("day1", 0, 0, 300, 0.5, "functions disagree")]
    >>> annotation_cost_s(clips, 30.0)  # 10 s watched twice, and one bout
    26.0
    """
    rates = fps if isinstance(fps, Mapping) else {one.recording: fps for one in clips}
    video_s = sum((one.stop_frame - one.start_frame) / rates[one.recording] for one in clips)
    return seconds_per_video_second * video_s + seconds_per_bout * (len(clips) if n_bouts is None else n_bouts)


def simulate_annotation(
    sequences: Sequence[LabeledSequence],
    learn: Callable[[Sequence[LabeledSequence]], Learned],
    *,
    policy: QueuePolicy,
    rounds: AnnotationRounds,
    seed: int,
    settings: QueueSettings | None = None,
) -> pd.DataFrame:
    """Return what a learner scores as more and more clips are annotated.

    Parameters
    ----------
    sequences
        Recordings with labels, which are hidden and shown clip by clip.
    learn
        Called with ``sequences`` as far as they are annotated; it scores itself on recordings that are not among them.
    policy
        Whether clips are proposed by the learner's committee or drawn at random.
    rounds
        Budget and pace. A clip that would exceed the budget ends the annotation.
    seed
        Draws the first bouts, the same for both policies, and the random clips.
    settings
        How clips are scored and chosen.

    Returns
    -------
    One row per round, the first before any clip: ``cost_s`` seconds of the annotator so far, ``n_bouts`` annotated
    bouts, cut ones included, and ``f1`` and ``ap`` of the learner.

    Raises
    ------
    LabelError
        If the policy is unknown, no bout is there to start from, or as :func:`nsp_core.weak.queue.propose_clips`.
    """
    _check(sequences, policy, rounds)
    shown = labeled_around(sequences, draw_bouts(sequences, rounds.n_start_bouts, stream(seed, "first bouts")))
    cost_s = _cost_s(_annotated_clips(shown), sequences, rounds)
    rows = []
    for number in count(1):
        learned = learn(shown)
        rows.append((cost_s, len(annotated_bouts(shown)), learned.f1, learned.ap))
        evidence = [_evidence(one, own) for one, own in zip(shown, learned.probability, strict=True)]
        if policy == "active":
            clips = propose_clips(evidence, rounds.clips_per_round, settings=settings)
        else:
            generator = stream(seed, "random clips", str(number))
            clips = random_clips(evidence, rounds.clips_per_round, generator=generator, settings=settings)
        spent = cost_s + np.cumsum([_cost_s([clip], sequences, rounds) for clip in clips])
        n_affordable = int((spent <= rounds.budget_s).sum())
        if n_affordable == 0:
            break
        cost_s = float(spent[n_affordable - 1])
        shown = _with_shown(shown, sequences, clips[:n_affordable])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _check(sequences: Sequence[LabeledSequence], policy: str, rounds: AnnotationRounds) -> None:
    if policy not in ("active", "random"):
        raise LabelError(
            found=f"the policy {policy!r}",
            expected="active or random",
            where="simulated annotation",
            remedy="name one of these",
        )
    if rounds.n_start_bouts < 1 or not annotated_bouts(sequences):
        raise LabelError(
            found=f"{len(annotated_bouts(sequences))} annotated bouts, of which {rounds.n_start_bouts} to start from",
            expected="at least one",
            where="simulated annotation",
            remedy="give labeled recordings, and start from a bout or more",
        )
    if not (rounds.seconds_per_video_second > 0 and rounds.seconds_per_bout >= 0):
        # A clip that costs nothing would be watched forever.
        raise LabelError(
            found=f"{rounds.seconds_per_video_second:g} s per second of video, {rounds.seconds_per_bout:g} s per bout",
            expected="a pace above 0",
            where="simulated annotation",
            remedy="state how long a person needs",
        )


def _evidence(one: LabeledSequence, probability: NDArray[np.floating]) -> ClipEvidence:
    return ClipEvidence(one.recording, probability, one.gold_states, require_fps(one), one.values)


def _annotated_clips(shown: Sequence[LabeledSequence]) -> list[ProposedClip]:
    """Return what is annotated as clips; frames of a recording that several sequences share are watched once."""
    together: dict[str, NDArray[np.bool_]] = {}
    for one in shown:
        annotated = one.gold_states != UNLABELED
        together[one.recording] = together.get(one.recording, np.zeros_like(annotated)) | annotated
    return [
        ProposedClip(recording, 0, start, stop, 0.0, "annotated")
        for recording, annotated in together.items()
        for start, stop in bouts_from_frames(annotated).tolist()
    ]


def _cost_s(clips: Sequence[ProposedClip], sequences: Sequence[LabeledSequence], rounds: AnnotationRounds) -> float:
    n_bouts = sum(
        len(bouts_from_frames(one.gold_states[clip.start_frame : clip.stop_frame] == PRESENT))
        for clip in clips
        for one in sequences
        if one.recording == clip.recording
    )
    return annotation_cost_s(
        clips,
        {one.recording: require_fps(one) for one in sequences},
        seconds_per_video_second=rounds.seconds_per_video_second,
        seconds_per_bout=rounds.seconds_per_bout,
        n_bouts=n_bouts,
    )


def _with_shown(
    shown: Sequence[LabeledSequence], sequences: Sequence[LabeledSequence], clips: Sequence[ProposedClip]
) -> list[LabeledSequence]:
    """Return ``shown`` with the labels of ``sequences`` in ``clips``, of all animals of the recording."""
    grown = []
    for one, whole in zip(shown, sequences, strict=True):
        states = one.states.copy()
        for clip in clips:
            if clip.recording == one.recording:
                states[clip.start_frame : clip.stop_frame] = whole.gold_states[clip.start_frame : clip.stop_frame]
        grown.append(replace(one, states=states))
    return grown
