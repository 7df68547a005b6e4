"""One BORIS observation, and how it becomes labels.

- Times count from the start of the media of player 1; files queued there count on, one after another.
- Seconds become the nearest frame, half-open: ``STOP`` at 1.200 s of a video of 25 fps ends the bout before frame 30.
  A STOP 0.001 s before the next START is the same frame at less than 500 fps. A bout shorter than half a frame is kept
  as one frame.
- Whoever scores in BORIS scores the whole media for every behavior of the ethogram: the observed span is all of it,
  unless the observation states a time interval.
- Frame rates agree if they differ by at most 0.1 %: exports round them to three decimals (29.970 for 30000/1001), while
  58.83 and 50 are two different videos.
- Subjects are agents. A target is known only where a modifier names another subject.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from nsp_adapters.annotations.boris_events import Occurrence
from nsp_adapters.annotations.imported import MAX_FRAMES, ImportedAnnotations, frame_at, require_fps
from nsp_core.errors import AmbiguousError, FormatError, LabelError
from nsp_core.labels import Bout, PointEvent, RecordingLabels

__all__ = [
    "UNKNOWN_ANNOTATOR",
    "Observation",
    "Request",
    "agreed_fps",
    "annotator_in",
    "import_observations",
    "is_about",
    "media_stem",
    "one_fps",
]

UNKNOWN_ANNOTATOR = "unknown"

_ANNOTATOR_VARIABLES = ("annotator", "observer")
_FPS_TOLERANCE = 1e-3
# Containers round durations, and the last key press may come while the last frame stands still.
_MEDIA_SLACK_S = 1.0

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """What one observation says.

    Attributes
    ----------
    name
        The observation id.
    occurrences
        Bouts and point events, in seconds from the start of the media.
    media
        Paths of the media of player 1, in order; none for a live observation.
    duration_s, fps
        Of these media together; None if not stated.
    annotator
        Whoever an independent variable names.
    span_s
        Start and stop of the time interval that was scored, where it is stated; a stop of None is the end.
    behaviors
        The ethogram, where the file has one.
    subjects
        Every subject the file knows.
    observed
        Half-open frame spans per behavior, where the file states them.
    notes
        Sentences about what was assumed in reading it.
    """

    name: str
    occurrences: tuple[Occurrence, ...]
    media: tuple[str, ...] = ()
    duration_s: float | None = None
    fps: float | None = None
    annotator: str | None = None
    span_s: tuple[float, float | None] | None = None
    behaviors: tuple[str, ...] = ()
    subjects: frozenset[str] = frozenset()
    observed: Mapping[str, Spans] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller of a reader knows and wants; see the readers."""

    fps: float | None
    n_frames: int | None = None
    recording: str | None = None
    annotator: str = UNKNOWN_ANNOTATOR
    looked_for: Sequence[str] = field(default=())
    target_from_modifier: bool = False


def import_observations(
    path: Path, observations: Sequence[Observation], request: Request, *, name_is_free: bool
) -> ImportedAnnotations:
    """Return the labels of the observations that are asked for, in the order of the file.

    Parameters
    ----------
    path
        The file, for messages.
    observations
        All observations of the file.
    request
        What is asked for.
    name_is_free
        Whether a file with a single observation is about the recording that is asked for, whatever its id.

    Raises
    ------
    LabelError
        If the recording is not there, or something is annotated outside it.
    AmbiguousError
        If several observations are of the recording asked for, or ``n_frames`` is given for several recordings.
    FormatError
        If no frame rate is known, or the one stated is not that of the file.
    """
    chosen, notes = _choose(path, observations, request, name_is_free)
    if request.n_frames is not None and len({name for _, name in chosen}) > 1:
        raise AmbiguousError(
            found=f"one n_frames and {len(chosen)} observations",
            expected="the length of one recording",
            where=path.name,
            remedy=f"name the recording; there are {_listed(each.name for each, _ in chosen)}",
        )
    labels: list[RecordingLabels] = []
    for observation, name in chosen:
        one, more = _labels(path, observation, name, request)
        labels.append(one)
        notes += [*observation.notes, *more]
    return ImportedAnnotations(tuple(labels), tuple(notes))


def agreed_fps(stated: float | None, in_file: float | None, path: Path, where: str) -> float:
    """Return the frame rate that was stated, or else the one in the file.

    Raises
    ------
    FormatError
        If neither is known, or they differ by more than 0.1 %.
    """
    if in_file is None or stated is None:
        return require_fps(stated if in_file is None else in_file, path)
    if abs(require_fps(stated, path) - in_file) > _FPS_TOLERANCE * in_file:
        raise FormatError(
            found=f"{in_file:g} frames per second in the file and {stated:g} stated",
            expected="the same frame rate in both",
            where=where,
            remedy="state the exact frame rate of the video that was scored; if it was re-encoded, score that one",
        )
    return stated


def one_fps(rates: Sequence[float | None], where: str) -> float | None:
    """Return the frame rate the media of an observation share, or None if it is not stated for any of them.

    Raises
    ------
    FormatError
        If they differ by more than 0.1 %.
    """
    known = [rate for rate in rates if rate is not None and rate > 0]
    if not known:
        return None
    if max(known) - min(known) > _FPS_TOLERANCE * min(known):
        raise FormatError(
            found=f"media of {min(known):g} and {max(known):g} frames per second in one observation",
            expected="media of one frame rate",
            where=where,
            remedy="make one observation per video in BORIS",
        )
    return known[0]


def annotator_in(variables: Mapping[str, str]) -> str | None:
    """Return the value of an independent variable named annotator or observer, or None."""
    named = {name.strip().casefold(): value.strip() for name, value in variables.items()}
    return next((named[name] for name in _ANNOTATOR_VARIABLES if named.get(name)), None)


def is_about(name: str, media: Sequence[str], wanted: str) -> bool:
    """Say whether an observation has the id ``wanted`` or is of a video of that name, with or without suffix."""
    return wanted == name or any(wanted in (path, media_stem(path)) for path in media)


def media_stem(path: str) -> str:
    r"""Return the file name in ``path`` (of any system) without folder and last suffix.

    Examples
    --------
    >>> media_stem("C:/Video/day1/cage3.avi"), media_stem(r"D:\cage3.avi")
    ('cage3', 'cage3')
    """
    name = PureWindowsPath(path).name or path
    return PurePosixPath(name).stem


def _choose(
    path: Path, observations: Sequence[Observation], request: Request, name_is_free: bool
) -> tuple[list[tuple[Observation, str]], list[str]]:
    """Return the observations asked for, each with the name of its recording, and sentences about the choice."""
    wanted = request.recording
    if wanted is None:
        return [(each, each.name) for each in observations], []
    found = [each for each in observations if each.name == wanted]
    found = found or [each for each in observations if is_about(each.name, each.media, wanted)]
    if not found and name_is_free and len(observations) == 1:
        only = observations[0]
        return [(only, wanted)], [f"{path.name}: its only observation {only.name!r} was taken for {wanted!r}"]
    if not found:
        raise LabelError(
            found=f"no observation {wanted!r} and none of a video of that name",
            expected=f"one of {_listed(each.name for each in observations)}",
            where=path.name,
            remedy="name the observation as BORIS does, or the video",
        )
    if request.annotator in {each.annotator for each in found}:
        found = [each for each in found if each.annotator == request.annotator]
    apart = len({each.annotator for each in found} - {None}) == len(found) and request.annotator == UNKNOWN_ANNOTATOR
    if len(found) > 1 and not apart:
        raise AmbiguousError(
            found=f"{len(found)} observations of {wanted!r}: {_listed(each.name for each in found)}",
            expected="one observation, or one per annotator",
            where=path.name,
            remedy="name the observation that is meant",
        )
    return [(each, wanted) for each in found], []


def _labels(path: Path, observation: Observation, name: str, request: Request) -> tuple[RecordingLabels, list[str]]:
    where = f"{path.name}, observation {observation.name!r}"
    fps = agreed_fps(request.fps, observation.fps, path, where)
    length, observed_stop, notes = _length(observation, request.n_frames, fps)
    if length > MAX_FRAMES:
        raise FormatError(
            found=f"media or events of more than {MAX_FRAMES} frames",
            expected="times in seconds of one recording",
            where=where,
            remedy="correct the times in BORIS and export again",
        )
    bouts: list[Bout] = []
    points: list[PointEvent] = []
    n_short = 0
    for each in observation.occurrences:
        target = _target(each, observation, request)
        if each.stop_s is None:
            frame = _start(each, length, fps)
            points.append(PointEvent(each.behavior, frame, each.individual, target))
            continue
        start, stop = _start(each, length, fps), _stop(each, length, fps)
        n_short += frame_at(each.stop_s, fps) <= frame_at(each.start_s, fps)
        bouts.append(Bout(each.behavior, start, max(stop, start + 1), each.individual, target))
    if n_short:
        notes.append(f"bouts shorter than half a frame were kept as one frame: {n_short}")
    notes += _about_modifiers(observation, bouts, points)
    observed = _observed(observation, request.looked_for, observed_stop, fps)
    annotator = request.annotator
    if annotator == UNKNOWN_ANNOTATOR:
        annotator = observation.annotator or annotator
    labels = RecordingLabels(name, annotator, _sorted(bouts), observed, _sorted_points(points))
    return labels, [f"observation {observation.name!r}: {note}" for note in notes]


def _length(observation: Observation, n_frames: int | None, fps: float) -> tuple[int, int, list[str]]:
    """Return the number of frames, the end of what was scored, and sentences about both."""
    ends = [each.start_s if each.stop_s is None else each.stop_s for each in observation.occurrences]
    last = frame_at(max(ends, default=0.0), fps)
    notes: list[str] = []
    if len(observation.media) > 1:
        notes.append(f"its {len(observation.media)} videos were taken for one recording, one after another")
    if observation.duration_s is None:
        if n_frames is None:
            notes.append(f"its length is not stated: observed up to frame {last}, the last one mentioned")
        return (last, last, notes) if n_frames is None else (n_frames, n_frames, notes)
    media = frame_at(observation.duration_s, fps)
    if n_frames is None:
        if media + 1 < last <= media + _MEDIA_SLACK_S * fps:
            notes.append(f"it mentions frame {last} of media of {media} frames: observed up to there")
            return last, last, notes
        return media, media, notes
    if abs(media - n_frames) > 1:
        notes.append(f"its media have {media} frames and the recording has {n_frames}")
    scored = n_frames if media >= n_frames - 1 else max(media, min(last, n_frames))
    return n_frames, scored, notes


def _start(each: Occurrence, length: int, fps: float) -> int:
    frame = frame_at(each.start_s, fps)
    if not 0 <= frame <= length:
        raise _outside(each, frame, length)
    return max(min(frame, length - 1), 0)


def _stop(each: Occurrence, length: int, fps: float) -> int:
    frame = frame_at(each.start_s if each.stop_s is None else each.stop_s, fps)
    if frame > length + 1:
        raise _outside(each, frame, length)
    return min(frame, length)


def _outside(each: Occurrence, frame: int, length: int) -> LabelError:
    return LabelError(
        found=f"{each.behavior} at frame {frame}",
        expected=f"frames 0 to {length} of the recording",
        where=each.where,
        remedy="check that this is the annotation of this video, its frame rate and its time offset",
    )


def _target(each: Occurrence, observation: Observation, request: Request) -> str | None:
    candidates = each.modifiers if request.target_from_modifier else (each.target,)
    others = dict.fromkeys(
        name for name in candidates if name is not None and name in observation.subjects and name != each.individual
    )
    if len(others) > 1:
        raise AmbiguousError(
            found=f"{each.behavior} with modifiers that name {_listed(others)}",
            expected="one target",
            where=each.where,
            remedy="code one bout per target",
        )
    return next(iter(others), None)


def _about_modifiers(observation: Observation, bouts: Sequence[Bout], points: Sequence[PointEvent]) -> list[str]:
    targets = {bout.target for bout in bouts} | {point.target for point in points}
    unused = sorted({name for each in observation.occurrences for name in each.modifiers} - targets)
    if not unused:
        return []
    return [f"modifiers were left out, and bouts that differ in them only are kept side by side: {_listed(unused)}"]


def _observed(observation: Observation, looked_for: Sequence[str], stop: int, fps: float) -> dict[str, Spans]:
    span = (0, stop)
    if observation.span_s is not None:
        start_s, stop_s = observation.span_s
        span = (frame_at(start_s, fps), stop if stop_s is None else min(frame_at(stop_s, fps), stop))
    whole: Spans = (span,) if span[0] < span[1] else ()
    if observation.observed is not None:
        return dict(observation.observed) | {
            name: whole for name in looked_for if whole and name not in observation.observed
        }
    occurring = (each.behavior for each in observation.occurrences)
    names = dict.fromkeys([*observation.behaviors, *occurring, *looked_for])
    return dict.fromkeys(names, whole) if whole else {}


def _sorted(bouts: Sequence[Bout]) -> tuple[Bout, ...]:
    return tuple(
        sorted(
            bouts,
            key=lambda each: (
                each.start_frame,
                each.stop_frame,
                each.behavior,
                each.individual or "",
                each.target or "",
            ),
        )
    )


def _sorted_points(points: Sequence[PointEvent]) -> tuple[PointEvent, ...]:
    return tuple(sorted(points, key=lambda each: (each.frame, each.behavior, each.individual or "", each.target or "")))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
