"""The rows in which BORIS keeps bouts and point events, and what of our labels they can hold.

- A bout over ``[start_frame, stop_frame)`` is two rows, at ``start_frame / fps`` and ``stop_frame / fps`` seconds with
  three decimals, with these frames as frame indexes. A point event is one.
- Nothing marks a start or stop: BORIS counts the rows of one subject, code and modifier. So they must not overlap.
- No two rows of a state are alike. The STOP of a bout that touches the next one of the same subject and code is written
  0.001 s earlier, as BORIS does it; at up to 300 fps this is the same frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from nsp_core.errors import LabelError, OutputError
from nsp_core.labels import Bout, PointEvent, RecordingLabels

__all__ = ["EventRow", "annotated", "behavior_names", "check_writable", "event_rows", "subject_names", "unwritable"]

_MOST_FPS = 300.0
_TOUCH_S = 0.001


@dataclass(frozen=True, slots=True)
class EventRow:
    """One row; of several at one time, a STOP comes before a START."""

    time_s: float
    is_start: bool
    subject: str
    code: str
    modifier: str
    frame: int


def event_rows(labels: RecordingLabels, fps: float) -> list[EventRow]:
    """Return the rows of all bouts and point events in order of time."""
    starts = {(each.individual, each.behavior, each.start_frame) for each in labels.bouts}
    rows: list[EventRow] = []
    for bout in labels.bouts:
        touches = (bout.individual, bout.behavior, bout.stop_frame) in starts
        # Rounded before the millisecond is taken: of two neighbors near half a millisecond both could round to one.
        stop_s = round(round(bout.stop_frame / fps, 3) - (_TOUCH_S if touches else 0.0), 3)
        rows.append(EventRow(round(bout.start_frame / fps, 3), True, *_key(bout), bout.start_frame))
        rows.append(EventRow(stop_s, False, *_key(bout), bout.stop_frame))
    rows += [EventRow(round(point.frame / fps, 3), True, *_key(point), point.frame) for point in labels.points]
    return sorted(rows, key=lambda row: (row.time_s, row.is_start, row.subject, row.code, row.modifier))


def check_writable(every: Sequence[RecordingLabels], fps: Sequence[float], n_frames: Sequence[int]) -> None:
    """Raise unless BORIS can hold ``every``; ``fps`` and ``n_frames`` are those of each.

    Raises
    ------
    LabelError
        If bouts of one agent, behavior and target overlap, a behavior has bouts and point events, a name has a ``|``, a
        `` (`` or blanks around it, or a frame is outside its recording.
    OutputError
        If a frame rate is above 300.
    """
    for labels, rate, length in zip(every, fps, n_frames, strict=True):
        if not 0 < rate <= _MOST_FPS:
            raise OutputError(
                found=f"{rate:g} frames per second",
                expected=f"above 0 and at most {_MOST_FPS:g}: BORIS keeps milliseconds",
                where=labels.recording,
                remedy="write another format, such as the bout csv",
            )
        if labels.last_frame > length:
            found = f"frame {labels.last_frame - 1}"
            raise unwritable(labels, found, f"frames of a recording of {length} frames")
        _check_names(labels)
        _check_overlap(labels)
    point_behaviors = {point.behavior for labels in every for point in labels.points}
    for labels in every:
        if mixed := point_behaviors & {bout.behavior for bout in labels.bouts}:
            raise unwritable(labels, f"bouts and point events of {min(mixed)!r}", "one kind per behavior")


def annotated(every: Sequence[RecordingLabels]) -> list[Bout | PointEvent]:
    """Return all bouts and point events of ``every``."""
    found: list[Bout | PointEvent] = []
    for labels in every:
        found += [*labels.bouts, *labels.points]
    return found


def behavior_names(every: Sequence[RecordingLabels]) -> list[str]:
    """Return all behaviors in order of first mention: what was looked for in a recording first, then what occurs."""
    names: dict[str, None] = {}
    for labels in every:
        names |= dict.fromkeys(labels.observed)
        names |= dict.fromkeys(each.behavior for each in annotated([labels]))
    return list(names)


def subject_names(every: Sequence[RecordingLabels]) -> list[str]:
    """Return all agents and targets by name."""
    named = {name for each in annotated(every) for name in (each.individual, each.target)}
    return sorted(name for name in named if name is not None)


def unwritable(labels: RecordingLabels, found: str, expected: str) -> LabelError:
    """Return the error that BORIS cannot hold what was found."""
    return LabelError(
        found=found,
        expected=expected,
        where=labels.recording,
        remedy="BORIS cannot hold this: change the labels, or write another format, such as the bout csv",
    )


def _check_names(labels: RecordingLabels) -> None:
    for name in (*behavior_names([labels]), *subject_names([labels])):
        if not name or "|" in name or " (" in name or name != name.strip():
            raise unwritable(labels, f"the name {name!r}", "a name without '|', ' (' and blanks around it")


def _check_overlap(labels: RecordingLabels) -> None:
    for earlier, later in pairwise(sorted(labels.bouts, key=lambda bout: (_key(bout), bout.start_frame))):
        if _key(earlier) == _key(later) and later.start_frame < earlier.stop_frame:
            raise unwritable(
                labels,
                f"{later.behavior} from frame {later.start_frame} before the one from {earlier.start_frame} ends",
                "bouts of one agent, behavior and target that do not overlap",
            )


def _key(each: Bout | PointEvent) -> tuple[str, str, str]:
    return each.individual or "", each.behavior, each.target or ""
