"""What BORIS codes, from rows to occurrences: who did what from when to when.

- A *state* is two events, START and STOP, with the same subject, behavior and modifiers. BORIS itself stores no status:
  it counts events of the same subject, behavior and modifiers, and every second one is a STOP.
- A *point* event has a time and no duration.
- No subject is written as an empty text or as ``No focal subject``.
- Two bouts may touch: the STOP of one and the START of the next at the same time. Then the STOP comes first, in
  whatever order the rows stand; BORIS writes an implicit STOP 0.001 s before the next START.
- Modifiers are joined with ``|``, one per set of modifiers of the behavior; ``None`` stands for no choice.

Known trap: a key press that was missed leaves an odd number of events and exchanges START and STOP of all that follow.
A state without STOP is therefore refused, unless it can only last to the end of the media.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from nsp_core.errors import LabelError

__all__ = ["NO_SUBJECT", "Event", "Occurrence", "Status", "individual_of", "pair_events", "statuses"]

Status = Literal["START", "STOP", "POINT"]

NO_SUBJECT = "No focal subject"

_NO_CHOICE = "None"
_MOST_NAMED = 5  # problems in one message: more would hide the first


@dataclass(frozen=True, slots=True)
class Event:
    """One row: a state that starts or stops, or a point event.

    Attributes
    ----------
    where
        File and line, or observation and number of the event, for messages.
    time_s
        Seconds from the start of the first media file.
    subject, behavior
        As written; an empty subject is nobody in particular.
    modifiers
        As written, one per set of modifiers; possibly empty.
    status
        Whether a state starts or stops, or neither.
    target
        The modifier that is known to name the target.
    """

    where: str
    time_s: float
    subject: str
    behavior: str
    modifiers: tuple[str, ...]
    status: Status
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A bout from ``start_s`` to ``stop_s``, or a point event at ``start_s`` if ``stop_s`` is None.

    Attributes as of :class:`Event`; ``modifiers`` holds those that say something.
    """

    where: str
    behavior: str
    individual: str | None
    modifiers: tuple[str, ...]
    start_s: float
    stop_s: float | None
    target: str | None = None


def individual_of(subject: str) -> str | None:
    """Return the subject's name, or None for nobody in particular."""
    return None if subject.strip().casefold() in ("", NO_SUBJECT.casefold()) else subject.strip()


def statuses(count: int) -> Iterator[Status]:
    """Yield START, STOP, START, ... for ``count`` events of one subject, behavior and modifiers in order of time."""
    for index in range(count):
        yield "STOP" if index % 2 else "START"


def pair_events(
    events: Sequence[Event], *, observation: str, end_s: float | None
) -> tuple[tuple[Occurrence, ...], tuple[str, ...]]:
    """Return the occurrences in order of start, and a sentence for each state that has no STOP.

    Parameters
    ----------
    events
        The events of one observation, in any order.
    observation
        Its name, for messages.
    end_s
        Where the media end, in seconds; a state without STOP lasts until then. None if unknown.

    Raises
    ------
    LabelError
        If a START or STOP has no counterpart, with the rows of up to five of them. A last START without STOP is
        accepted where ``end_s`` is known.
    """
    occurrences = [_occurrence(event, None) for event in events if event.status == "POINT"]
    problems: list[str] = []
    notes: list[str] = []
    for own in _by_key(event for event in events if event.status != "POINT"):
        started: Event | None = None
        for event in _in_order(own):
            if event.status == "START" and started is None:
                started = event
            elif event.status == "STOP" and started is not None:
                occurrences.append(_occurrence(started, event.time_s))
                started = None
            else:
                problems.append(_unexpected(event, started))
        if started is not None and end_s is not None and started.time_s <= end_s:
            occurrences.append(_occurrence(started, end_s))
            notes.append(_lasts_to_the_end(started, observation))
        elif started is not None:
            problems.append(f"{_named(started)} ({started.where}) with no STOP")
    if problems:
        raise LabelError(
            found="; ".join(problems[:_MOST_NAMED]) + ("; and more" if len(problems) > _MOST_NAMED else ""),
            expected="a STOP for every START of the same subject, behavior and modifiers",
            where=f"observation {observation!r}",
            remedy="let BORIS check and fix the unpaired events of this observation, and export again",
        )
    return tuple(sorted(occurrences, key=lambda each: each.start_s)), tuple(notes)


def _by_key(events: Iterable[Event]) -> Iterator[list[Event]]:
    groups: dict[tuple[str, str, tuple[str, ...]], list[Event]] = {}
    for event in events:
        groups.setdefault((event.subject, event.behavior, event.modifiers), []).append(event)
    yield from groups.values()


def _in_order(events: Iterable[Event]) -> Iterator[Event]:
    """Yield events of one key by time; at one time a STOP first if a state is open, else a START first."""
    is_open = False
    for _, group in groupby(sorted(events, key=_time), key=_time):
        waiting = list(group)
        while waiting:
            wanted = "STOP" if is_open else "START"
            index = next((index for index, event in enumerate(waiting) if event.status == wanted), 0)
            event = waiting.pop(index)
            is_open = event.status == "START"
            yield event


def _time(event: Event) -> float:
    return event.time_s


def _occurrence(event: Event, stop_s: float | None) -> Occurrence:
    meant = tuple(each for each in event.modifiers if each not in ("", _NO_CHOICE))
    individual = individual_of(event.subject)
    return Occurrence(event.where, event.behavior, individual, meant, event.time_s, stop_s, event.target)


def _named(event: Event) -> str:
    by = f" by {event.subject}" if individual_of(event.subject) else ""
    modifiers = f" ({'|'.join(event.modifiers)})" if any(event.modifiers) else ""
    return f"a {event.status} of {event.behavior}{modifiers}{by} at {event.time_s:.3f} s"


def _unexpected(event: Event, started: Event | None) -> str:
    if started is None:
        return f"{_named(event)} ({event.where}) with no START before it"
    return f"{_named(event)} ({event.where}) while the one of {started.where} has no STOP"


def _lasts_to_the_end(started: Event, observation: str) -> str:
    return (
        f"observation {observation!r}: {_named(started)} ({started.where}) has no STOP and was taken to last to the "
        "end of the media; if a key press was missed instead, starts and stops before it are exchanged"
    )
