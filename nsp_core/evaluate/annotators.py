"""What several annotators say of the same frames: one series of states each, animal by animal where they name animals.

Convention:

- Labels of one recording belong together by its name. A frame counts as looked at inside an observed span of the
  behavior only. Bouts outside of these are left out, and told of: there an annotator would only ever say "present".
- Where all annotators say whose bouts they are, each animal or dyad that anybody names is a series of its own. Where
  somebody does not, or two annotators have no name in common (they may call the same animal differently), bouts are
  compared whoever it was, and that is told.
- The order of two animals counts: who does it to whom. Point events have no frames and are left out.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nsp_core.bouts import frames_from_bouts
from nsp_core.errors import LabelError
from nsp_core.labels import ABSENT, PRESENT, UNLABELED, RecordingLabels

__all__ = ["AnnotatedBehavior", "AnnotatedSeries", "annotated_behavior", "behaviors_in_common"]

Participants = tuple[str | None, str | None]

ANYBODY: Participants = (None, None)


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedSeries:
    """One behavior of one animal or dyad of one recording, as its annotators saw it.

    Attributes
    ----------
    recording
        The recording.
    individual, target
        Whose behavior; None where it is anybody's, or has no target.
    states
        Annotator -> int8 (time,), all of one length: 1 present, 0 absent, -1 not looked at.
    """

    recording: str
    individual: str | None
    target: str | None
    states: Mapping[str, NDArray[np.int8]]


@dataclass(frozen=True, slots=True)
class AnnotatedBehavior:
    """One behavior in all recordings, as several annotators saw it.

    Attributes
    ----------
    behavior
        Its name.
    annotators
        Everybody who looked for it anywhere, in the order of the labels.
    series
        In the order of the recordings.
    notes
        What was left out or compared otherwise than annotated, one sentence each.
    """

    behavior: str
    annotators: tuple[str, ...]
    series: tuple[AnnotatedSeries, ...]
    notes: tuple[str, ...] = ()


def behaviors_in_common(labels: Sequence[RecordingLabels]) -> dict[str, bool]:
    """Return every behavior that somebody looked for, and whether two annotators looked for it in the same recording.

    Examples
    --------
    >>> anna = RecordingLabels("1", "anna", (), {"attack": ((0, 9),), "chase": ((0, 9),)})
    >>> ben = RecordingLabels("1", "ben", (), {"chase": ((0, 9),)})
    >>> behaviors_in_common([anna, ben])
    {'attack': False, 'chase': True}
    """
    found: dict[str, set[str]] = {}
    common: dict[str, bool] = {}
    for one in labels:
        for name in _looked_for(one):
            found.setdefault(name, set())
            common[name] = common.get(name, False) or one.recording in found[name]
            found[name].add(one.recording)
    return common


def annotated_behavior(labels: Sequence[RecordingLabels], behavior: str) -> AnnotatedBehavior:
    """Return the states of ``behavior`` by every annotator who looked for it.

    Parameters
    ----------
    labels
        One entry per recording and annotator.
    behavior
        Its name.

    Returns
    -------
    A recording in which nobody has a bout is one series of frames in which it is absent. A series lasts as long as
    anybody's labels of its recording.

    Raises
    ------
    LabelError
        If an annotator labeled a recording twice, nobody looked for the behavior, or only one annotator did.

    Examples
    --------
    >>> from nsp_core.labels import Bout
    >>> looked = {"attack": ((0, 4),)}
    >>> anna = RecordingLabels("1", "anna", (Bout("attack", 1, 3),), looked)
    >>> ben = RecordingLabels("1", "ben", (Bout("attack", 2, 3),), looked)
    >>> {who: states.tolist() for who, states in annotated_behavior([anna, ben], "attack").series[0].states.items()}
    {'anna': [0, 1, 1, 0], 'ben': [0, 0, 1, 0]}
    """
    _require_one_entry_each(labels)
    own = [one for one in labels if behavior in _looked_for(one)]
    annotators = tuple(dict.fromkeys(one.annotator for one in own))
    _require_several(labels, behavior, annotators)
    named, notes = _whose(own, behavior)
    series: list[AnnotatedSeries] = []
    outside: list[str] = []
    for recording in dict.fromkeys(one.recording for one in own):
        of_recording = [one for one in own if one.recording == recording]
        n_frames = max(one.last_frame for one in of_recording)
        whose = dict.fromkeys(
            (bout.individual, bout.target) for one in of_recording for bout in one.bouts if bout.behavior == behavior
        )
        for participants in (whose if named else None) or (ANYBODY,):
            states = {one.annotator: _states(one, behavior, participants, n_frames) for one in of_recording}
            series.append(AnnotatedSeries(recording, *participants, states))
        counts = {one.annotator: _n_outside(one, behavior, n_frames) for one in of_recording}
        outside += [f"{count} of {who} in {recording}" for who, count in counts.items() if count]
    if outside:
        notes += (f"{behavior}: bouts reach beyond the frames looked at, and do not count there: {', '.join(outside)}",)
    return AnnotatedBehavior(behavior, annotators, tuple(series), notes)


def _states(labels: RecordingLabels, behavior: str, participants: Participants, n_frames: int) -> NDArray[np.int8]:
    states = np.full(n_frames, UNLABELED, dtype=np.int8)
    looked_at = _mask(labels.observed[behavior], n_frames)
    present = _mask(
        [
            (bout.start_frame, bout.stop_frame)
            for bout in labels.bouts
            if bout.behavior == behavior and participants in (ANYBODY, (bout.individual, bout.target))
        ],
        n_frames,
    )
    states[looked_at] = ABSENT
    states[looked_at & present] = PRESENT
    return states


def _whose(labels: Sequence[RecordingLabels], behavior: str) -> tuple[bool, tuple[str, ...]]:
    """Return whether bouts are compared animal by animal, and a sentence where they are not although some are named."""
    by_annotator: dict[str, set[Participants]] = {}
    for one in labels:
        own = by_annotator.setdefault(one.annotator, set())
        own |= {(bout.individual, bout.target) for bout in one.bouts if bout.behavior == behavior}
    everybody = set().union(*by_annotator.values())
    # Who is named: the animal, and the one it is directed at.
    patterns = {(individual is not None, target is not None) for individual, target in everybody}
    if patterns <= {(False, False)}:
        return False, ()
    if len(patterns) > 1:
        return False, (f"{behavior}: not all bouts say as much about whose they are: compared whoever it was",)
    for first, second in combinations(by_annotator, 2):
        ones, others = by_annotator[first], by_annotator[second]
        if ones and others and not ones & others:
            told = f"{behavior}: {first} has bouts of {_named(ones)}, {second} of {_named(others)}"
            return False, (f"{told}: compared whoever it was",)
    return True, ()


def _n_outside(labels: RecordingLabels, behavior: str, n_frames: int) -> int:
    """Return how many bouts reach beyond the frames looked at."""
    looked_at = _mask(labels.observed[behavior], n_frames)
    bouts = [bout for bout in labels.bouts if bout.behavior == behavior]
    return sum(not looked_at[bout.start_frame : bout.stop_frame].all() for bout in bouts)


def _require_one_entry_each(labels: Sequence[RecordingLabels]) -> None:
    seen: set[tuple[str, str]] = set()
    for one in labels:
        if (one.recording, one.annotator) in seen:
            raise LabelError(
                found=f"labels by {one.annotator} twice",
                expected="one entry per recording and annotator",
                where=one.recording,
                remedy="name the annotators apart, such as by the pass",
            )
        seen.add((one.recording, one.annotator))


def _require_several(labels: Sequence[RecordingLabels], behavior: str, annotators: Sequence[str]) -> None:
    if not annotators:
        known = list(dict.fromkeys(name for one in labels for name in _looked_for(one)))
        near = difflib.get_close_matches(behavior, known, n=1)
        raise LabelError(
            found=f"nobody who looked for '{behavior}'",
            expected=f"one of {', '.join(known)}" if known else "labels of a behavior",
            where="annotators",
            remedy=f"did you mean '{near[0]}'?" if near else "name a behavior as the labels call it",
        )
    if len(annotators) == 1:
        raise LabelError(
            found=f"one annotator who looked for {behavior}, {annotators[0]}",
            expected="two or more of the same recording",
            where="annotators",
            remedy="give the labels of another annotator too",
        )


def _looked_for(labels: RecordingLabels) -> list[str]:
    return [name for name, spans in labels.observed.items() if spans]


def _mask(spans: Sequence[tuple[int, int]], n_frames: int) -> NDArray[np.bool_]:
    return frames_from_bouts(np.array(spans, dtype=np.int64).reshape(-1, 2), n_frames)


def _named(participants: set[Participants]) -> str:
    return ", ".join(sorted(" to ".join(name for name in pair if name is not None) for pair in participants))
