"""BORIS project ``.boris``: a JSON object with ethogram, subjects and observations; ``.boris.gz`` is the same, gzipped.

::

    {"project_format_version": "7.0", "project_name": "...", "project_date": "...", "time_format": "hh:mm:ss",
     "subjects_conf": {"0": {"key": "1", "name": "resident", "description": ""}},
     "behaviors_conf": {"0": {"type": "State event", "key": "a", "code": "attack", "modifiers": {}, ...}},
     "observations": {"day 1": {"type": "MEDIA", "file": {"1": ["cage3.avi"], "2": []}, "time offset": 0.0,
         "events": [[29.85, "resident", "attack", "", "", 746], [34.725, "resident", "attack", "", "", 868]],
         "independent_variables": {"observer": "anna"}, "observation time interval": [0, 0],
         "media_info": {"length": {"cage3.avi": 190.0}, "fps": {"cage3.avi": 25.0}, "offset": {"1": 0.0}}}}}

- An event is ``[time, subject, code, modifiers, comment, frame index]``. There is no START or STOP: of the events of
  one subject, code and modifiers, in order of time, every second one is a STOP. The time includes the time offset.
- The ethogram is complete, so every behavior was looked for throughout, or within ``observation time interval``
  (seconds of media; an end of 0 is the end of the media).
- Modifiers are joined with ``|``, one per set; ``None`` means that none was chosen. A set named ``target`` that holds
  names of subjects says who the behavior was directed at, and is read as such.

What real files add to this: events without a frame index; ``modifiers`` that is ``""`` instead of ``{}``; a live
observation whose ``file`` is ``[]`` or ``{}``; ``media_info`` without ``length`` and ``fps``, or not there;
``hasVideo`` and ``hasAudio`` that list media of other observations. Before format 7, ``time offset second player``
stands in the observation; before 1, ``file`` is a list.

Known traps: several files in player 1 run one after another and share one time; other players run beside it and do not
count. An observation of pictures has no times. With ``media_creation_date_as_offset`` times are counted from 1970.
An odd number of events of a state is refused, unless it can only last to the end of the media.

References
----------
https://github.com/olivierfriard/BORIS (boris/project_functions.py), https://doi.org/10.1111/2041-210X.12584
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nsp_adapters.annotations.boris_events import Event, pair_events, statuses
from nsp_adapters.annotations.boris_observation import (
    UNKNOWN_ANNOTATOR,
    Observation,
    Request,
    annotator_in,
    import_observations,
    is_about,
    one_fps,
)
from nsp_adapters.annotations.boris_table import optional_number
from nsp_adapters.annotations.imported import MAX_FRAMES, ImportedAnnotations, read_bytes
from nsp_adapters.input_file import beginning_of
from nsp_core.errors import FormatError, LabelError

__all__ = ["OBSERVED_VARIABLE", "TARGET_SET", "looks_like_boris_project", "read_boris_project"]

TARGET_SET = "target"
"""Name of the set of modifiers that says at whom a behavior was directed."""

OBSERVED_VARIABLE = "observed_frames"
"""Independent variable with the half-open frame spans per behavior, as JSON, where not everything was scored."""

_WHAT = "a BORIS project (.boris, .boris.gz)"
_GZIP = b"\x1f\x8b"
_MOST_BYTES = 1 << 27
_GLANCE_BYTES = 1 << 12
_KEYS = ("behaviors_conf", "observations")


@dataclass(frozen=True, slots=True)
class _Ethogram:
    """Whether each behavior is a state, which of its sets of modifiers is the target, and the subjects."""

    is_state: Mapping[str, bool]
    target_set: Mapping[str, int]
    subjects: frozenset[str]


def looks_like_boris_project(path: Path) -> bool:
    """Say whether ``path`` is a JSON object, perhaps gzipped, that mentions an ethogram and observations."""
    beginning = beginning_of(path)
    try:
        if beginning.startswith(_GZIP):
            beginning = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(beginning, _GLANCE_BYTES)
        # Only what begins like a project is read, and unpacked, to its end.
        if not beginning.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            return False
        text = _unpacked(path, read_bytes(path, _WHAT))
    except (FormatError, zlib.error):
        return False
    return all(f'"{key}"'.encode() in text for key in _KEYS)


def read_boris_project(
    path: Path,
    *,
    fps: float | None,
    n_frames: int | None = None,
    recording: str | None = None,
    annotator: str = UNKNOWN_ANNOTATOR,
    looked_for: Sequence[str] = (),
    target_from_modifier: bool = False,
) -> ImportedAnnotations:
    """Return the labels of the observations in a project.

    Parameters
    ----------
    path
        The project file.
    fps
        Frames per second of the video; None takes what the project says.
    n_frames
        Number of frames of the recording; None takes the media duration in the project, or else the last event.
    recording
        An observation id or the name of a video: its observations are taken, one per annotator. None takes all, named
        by their ids.
    annotator
        Whose labels these are; ``"unknown"`` takes an independent variable named observer or annotator.
    looked_for
        Behaviors that were looked for, besides those of the ethogram.
    target_from_modifier
        Whether any modifier that names another subject is the target; modifiers of a set named ``target`` always are.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If the file is no project, a part of it is malformed, or no frame rate is known or it contradicts the project.
    LabelError
        If a state has no STOP, a behavior is not in the ethogram, an event is outside the recording, or the recording
        is not there.
    AmbiguousError
        If several observations could be meant.
    """
    project = _parsed(path)
    ethogram = _ethogram(path, project)
    observations = [
        (name, _mapping(path, f"observation {name!r}", content))
        for name, content in _mapping(path, "observations", project["observations"]).items()
    ]
    # Observations that are not asked for may be unfinished: they are only listed.
    read = [
        _observation(path, name, content, ethogram)
        for name, content in observations
        if recording is None or is_about(name, _media(path, name, content), recording)
    ] or [Observation(name, ()) for name, _ in observations]
    request = Request(fps, n_frames, recording, annotator, tuple(looked_for), target_from_modifier)
    return import_observations(path, read, request, name_is_free=False)


def _unpacked(path: Path, content: bytes) -> bytes:
    """Return ``content``, decompressed if it is gzipped, up to an eighth of a gigabyte."""
    if not content.startswith(_GZIP):
        return content
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        text = inflater.decompress(content, _MOST_BYTES)
    except zlib.error as error:
        raise _no_project(path, f"damaged gzip content ({error})") from error
    if not inflater.eof:
        more = "more than" if len(text) >= _MOST_BYTES else "gzip content cut short after"
        raise _no_project(path, f"{more} {len(text)} bytes")
    return text


def _parsed(path: Path) -> Mapping[str, Any]:
    text = _unpacked(path, read_bytes(path, _WHAT))
    try:
        project = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _no_project(path, f"content that is no JSON ({error})") from error
    if not isinstance(project, dict):
        raise _no_project(path, f"a JSON {type(project).__name__}")
    for key in _KEYS:
        if key not in project:
            raise _no_project(path, f"no {key!r}")
    return project


def _no_project(path: Path, found: str) -> FormatError:
    return FormatError(
        found=found,
        expected=f"{_WHAT}: a JSON object with {' and '.join(map(repr, _KEYS))}",
        where=path.name,
        remedy="give the project as BORIS saved it; a copy may be cut short",
    )


def _mapping(path: Path, where: str, value: object) -> Mapping[str, Any]:
    """Return a JSON object; an empty list or text, as older versions write it, is an empty one."""
    if isinstance(value, dict):
        return value
    if value in (None, [], ""):
        return {}
    raise FormatError(
        found=f"{where}: {str(value)[:60]!r}",
        expected="a JSON object",
        where=path.name,
        remedy="let BORIS open and save the project again",
    )


def _ethogram(path: Path, project: Mapping[str, Any]) -> _Ethogram:
    is_state: dict[str, bool] = {}
    target_set: dict[str, int] = {}
    for value in _mapping(path, "behaviors_conf", project["behaviors_conf"]).values():
        behavior = _mapping(path, "a behavior", value)
        code, kind = str(behavior.get("code", "")), str(behavior.get("type", "")).upper()
        is_state[code] = "STATE" in kind
        sets = behavior.get("modifiers")
        # Before format 4 the sets were one text and had no names.
        for index, each in enumerate(sets.values() if isinstance(sets, dict) else ()):
            if isinstance(each, dict) and str(each.get("name", "")).strip().casefold() == TARGET_SET:
                target_set[code] = index
    subjects = (_subject(each) for each in _mapping(path, "subjects_conf", project.get("subjects_conf")).values())
    return _Ethogram(is_state, target_set, frozenset(name for name in subjects if name))


def _subject(value: object) -> str:
    """Return the name of a subject: of an object, or of a pair of key and name as the first versions wrote it."""
    if isinstance(value, dict):
        return str(value.get("name", ""))
    return str(value[1]) if isinstance(value, list) and len(value) > 1 else ""


def _media(path: Path, name: str, content: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the media of player 1."""
    files = content.get("file")
    if isinstance(files, list):
        return tuple(str(each) for each in files[:1])
    first = _mapping(path, f"the file of observation {name!r}", files).get("1", [])
    return tuple(str(each) for each in first) if isinstance(first, list) else ()


def _observation(path: Path, name: str, content: Mapping[str, Any], ethogram: _Ethogram) -> Observation:
    where = f"{path.name}, observation {name!r}"
    if content.get("media_creation_date_as_offset") or content.get("type") == "IMAGES":
        raise FormatError(
            found="times counted from a date" if content.get("type") != "IMAGES" else "an observation of pictures",
            expected="times in seconds from the start of the media",
            where=where,
            remedy="make the observation again in BORIS from the video, without creation dates as offset",
        )
    media = _media(path, name, content)
    info = _mapping(path, f"media_info of {where}", content.get("media_info"))
    rates, lengths = (_mapping(path, f"{key} of {where}", info.get(key)) for key in ("fps", "length"))
    known = [optional_number(str(lengths[each])) for each in media if each in lengths]
    lasting = [each for each in known if each is not None and each > 0]
    duration_s = sum(lasting) if media and len(lasting) == len(media) else None
    events = _events(path, name, content, ethogram)
    occurrences, notes = pair_events(events, observation=name, end_s=duration_s)
    pairs = _mapping(path, f"independent variables of {where}", content.get("independent_variables"))
    variables = {key: str(value) for key, value in pairs.items()}
    if not media:
        notes += (f"observation {name!r} is of no video: its time 0 was taken for frame 0",)
    return Observation(
        name=name,
        occurrences=occurrences,
        media=media,
        duration_s=duration_s,
        fps=one_fps([optional_number(str(rates[each])) for each in media if each in rates], where),
        annotator=annotator_in(variables),
        span_s=_span(where, content.get("observation time interval")),
        behaviors=tuple(ethogram.is_state),
        subjects=ethogram.subjects | {event.subject for event in events if event.subject},
        observed=_observed(where, variables.get(OBSERVED_VARIABLE, "")),
        notes=notes,
    )


def _events(path: Path, name: str, content: Mapping[str, Any], ethogram: _Ethogram) -> list[Event]:
    offset_s = optional_number(str(content.get("time offset"))) or 0.0
    rows = content.get("events", [])
    if not isinstance(rows, list):
        raise _bad_event(f"{path.name}, observation {name!r}", rows)
    points: list[Event] = []
    states: dict[tuple[str, str, tuple[str, ...]], list[Event]] = {}
    for number, row in enumerate(rows, start=1):
        event = _event(f"{path.name}, observation {name!r}, event {number}", row, ethogram, offset_s)
        if event.status == "POINT":
            points.append(event)
        else:
            states.setdefault((event.subject, event.behavior, event.modifiers), []).append(event)
    paired = []
    for own in states.values():
        own.sort(key=lambda event: event.time_s)
        paired += [replace(event, status=status) for event, status in zip(own, statuses(len(own)), strict=True)]
    return points + paired


def _event(where: str, row: object, ethogram: _Ethogram, offset_s: float) -> Event:
    if not isinstance(row, list) or len(row) < 4:
        raise _bad_event(where, row)
    time_s = optional_number(str(row[0]))
    if time_s is None:
        raise _bad_event(where, row)
    subject, code, text = ("" if each is None else str(each) for each in row[1:4])
    if code not in ethogram.is_state:
        raise LabelError(
            found=f"the behavior {code!r}",
            expected=f"a behavior of the ethogram: {', '.join(map(repr, ethogram.is_state)) or 'none'}",
            where=where,
            remedy="add it to the ethogram in BORIS, or rename it in the events",
        )
    modifiers = tuple(part.strip() for part in text.split("|")) if text else ()
    index = ethogram.target_set.get(code)
    return Event(
        where=where,
        time_s=time_s - offset_s,
        subject=subject,
        behavior=code,
        modifiers=modifiers,
        status="START" if ethogram.is_state[code] else "POINT",
        target=modifiers[index] if index is not None and index < len(modifiers) else None,
    )


def _bad_event(where: str, row: object) -> FormatError:
    return FormatError(
        found=f"the event {str(row)[:60]}",
        expected='a list such as [29.85, "resident", "attack", "", ""]',
        where=where,
        remedy="let BORIS open and save the project again",
    )


def _span(where: str, interval: object) -> tuple[float, float | None] | None:
    if interval in (None, [], [0, 0]):
        return None
    times = [optional_number(str(each)) for each in interval] if isinstance(interval, list) else []
    match times:
        case [float(start_s), float(stop_s)] if start_s >= 0 and (stop_s == 0 or stop_s > start_s):
            return start_s, stop_s or None
    raise FormatError(
        found=f"an observation time interval of {interval}",
        expected="start and stop in seconds, such as [60, 240]",
        where=where,
        remedy="correct the time interval of the observation in BORIS",
    )


def _observed(where: str, text: str) -> dict[str, tuple[tuple[int, int], ...]] | None:
    if not text.strip():
        return None
    try:
        observed = {
            str(behavior): tuple((int(start), int(stop)) for start, stop in spans)
            for behavior, spans in json.loads(text).items()
        }
        if not all(0 <= start < stop <= MAX_FRAMES for spans in observed.values() for start, stop in spans):
            raise ValueError("a span that does not start before it stops, or stops after any recording")
        return observed
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise FormatError(
            found=f"{OBSERVED_VARIABLE} {text[:60]!r}",
            expected='half-open frame spans per behavior, such as {"attack": [[0, 535]]}',
            where=where,
            remedy="correct this independent variable, or empty it if everything was scored",
        ) from error
