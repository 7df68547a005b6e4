"""Human labels with three states: present (1), absent (0), unlabeled (-1).

Unlabeled is not absent. A frame is absent only inside an *observed span* of that behavior, and outside every bout.
An individual or target of None means that the annotation does not say who: enough for an undirected or solitary
behavior in which only one dyad or animal is possible, never enough for a directed one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nsp_core.bouts import frames_from_bouts
from nsp_core.errors import LabelError

__all__ = [
    "ABSENT",
    "PRESENT",
    "UNLABELED",
    "Behavior",
    "BehaviorKind",
    "Bout",
    "PointEvent",
    "RecordingLabels",
    "frame_states",
]

PRESENT, ABSENT, UNLABELED = 1, 0, -1
BehaviorKind = Literal["directed", "undirected", "solitary"]


@dataclass(frozen=True, slots=True)
class Behavior:
    """A behavior's name and who takes part: agent -> target, an unordered dyad, or one animal."""

    name: str
    kind: BehaviorKind


@dataclass(frozen=True, slots=True, order=True)
class Bout:
    """One annotated occurrence over the half-open frames ``[start_frame, stop_frame)``."""

    behavior: str
    start_frame: int
    stop_frame: int
    individual: str | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class PointEvent:
    """One annotated occurrence without a duration, at a frame."""

    behavior: str
    frame: int
    individual: str | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class RecordingLabels:
    """What one annotator says of one recording.

    Attributes
    ----------
    recording, annotator
        Whose labels these are.
    bouts
        Every annotated occurrence.
    observed
        Per behavior, the half-open frame spans in which the annotator looked for it. A behavior that is not a key
        was never looked for: all its frames are unlabeled.
    points
        Every annotated occurrence without a duration. They are kept and written back, and train no program: an event
        of one frame has no frames that are present.
    """

    recording: str
    annotator: str
    bouts: tuple[Bout, ...]
    observed: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    points: tuple[PointEvent, ...] = ()

    def __post_init__(self) -> None:
        for event in self.points:
            if event.frame < 0:
                raise LabelError(
                    found=f"a {event.behavior} at frame {event.frame}",
                    expected="a frame of 0 or above",
                    where=self.recording,
                    remedy="correct the annotation file",
                )
        for bout in self.bouts:
            if not 0 <= bout.start_frame < bout.stop_frame:
                raise LabelError(
                    found=f"a bout of {bout.behavior} over frames [{bout.start_frame}, {bout.stop_frame})",
                    expected="0 <= start_frame < stop_frame",
                    where=self.recording,
                    remedy="correct the annotation file",
                )

    @property
    def last_frame(self) -> int:
        """One past the last frame any bout or observed span mentions."""
        stops = [bout.stop_frame for bout in self.bouts]
        stops += [stop for spans in self.observed.values() for _, stop in spans]
        stops += [event.frame + 1 for event in self.points]
        return max(stops, default=0)


def frame_states(
    labels: RecordingLabels,
    behavior: Behavior,
    n_frames: int,
    individual: str | None = None,
    target: str | None = None,
    *,
    sole: bool = True,
) -> NDArray[np.int8]:
    """Return the label state (time,) of ``behavior`` for one animal or dyad: 1 present, 0 absent, -1 unlabeled.

    Parameters
    ----------
    labels
        The annotation of one recording.
    behavior
        Which behavior, and whether its participants are ordered.
    n_frames
        Length of the result; labels beyond it are cut off.
    individual, target
        The animal (and, for a dyad, the other one) this sequence is about.
    sole
        Whether this is the only animal or dyad of the recording. Only then can an anonymous bout belong to it;
        otherwise such a bout's frames stay unlabeled.

    Returns
    -------
    Present inside this participant's bouts, absent elsewhere in the observed spans, else unlabeled.
    """
    states = np.full(n_frames, UNLABELED, dtype=np.int8)
    observed = np.array(labels.observed.get(behavior.name, ()), dtype=np.int64).reshape(-1, 2)
    states[frames_from_bouts(observed, n_frames)] = ABSENT
    of_behavior = [bout for bout in labels.bouts if bout.behavior == behavior.name]
    anonymous = [bout for bout in of_behavior if not _names_participants(bout, behavior)]
    own = [bout for bout in of_behavior if _same_participants(bout, behavior, individual, target)]
    identified_by_exclusion = sole and behavior.kind != "directed"
    states[_mask(anonymous, n_frames)] = PRESENT if identified_by_exclusion else UNLABELED
    states[_mask(own, n_frames)] = PRESENT
    return states


def _mask(bouts: list[Bout], n_frames: int) -> NDArray[np.bool_]:
    intervals = np.array([(bout.start_frame, bout.stop_frame) for bout in bouts], dtype=np.int64).reshape(-1, 2)
    return frames_from_bouts(intervals, n_frames)


def _names_participants(bout: Bout, behavior: Behavior) -> bool:
    needs_target = behavior.kind != "solitary"
    return bout.individual is not None and (bout.target is not None or not needs_target)


def _same_participants(bout: Bout, behavior: Behavior, individual: str | None, target: str | None) -> bool:
    if not _names_participants(bout, behavior):
        return False
    if behavior.kind == "undirected":
        return {bout.individual, bout.target} == {individual, target}
    if behavior.kind == "solitary":
        return bout.individual == individual
    return (bout.individual, bout.target) == (individual, target)
