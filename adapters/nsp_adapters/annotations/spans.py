"""Bouts that fit their recording, and the spans in which somebody looked.

Formats that list bouts do not say where nobody looked. What is assumed instead is made here, in one place, together
with the sentence that tells the user.
"""

from __future__ import annotations

from collections.abc import Iterable

from nsp_adapters.annotations.imported import MAX_FRAMES
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import RecordingLabels

__all__ = ["ends_early", "refuse_several_participants", "watched_throughout", "within_recording"]

Spans = tuple[tuple[int, int], ...]


def within_recording(
    start: int, stop: int, n_frames: int | None, *, what: str, where: str, slack: int = 0
) -> tuple[int, int]:
    """Return the half-open frames ``[start, stop)``, once they are known to lie in the recording.

    Parameters
    ----------
    start, stop
        0-based and half-open.
    n_frames
        Length of the recording, None where it is not known.
    what, where
        Behavior and row, for errors.
    slack
        How many frames a bout may end late; times in seconds may, by rounding, end one frame late and are cut.

    Raises
    ------
    FormatError
        If the bout ends before it has begun, or beyond any recording.
    LabelError
        If it lies outside the recording.
    """
    if not 0 <= start < stop <= MAX_FRAMES:
        raise FormatError(
            found=f"{what} over frames [{start}, {stop})",
            expected=f"a bout of at least one frame within [0, {MAX_FRAMES})",
            where=where,
            remedy="correct this row or export the file again",
        )
    if n_frames is not None and (stop > n_frames + slack or start >= n_frames):
        raise LabelError(
            found=f"{what} over frames [{start}, {stop})",
            expected=f"frames within [0, {n_frames}), the length of the recording",
            where=where,
            remedy="check that labels and video belong together and that the frame rate is right",
        )
    return start, stop if n_frames is None else min(stop, n_frames)


def watched_throughout(
    behaviors: Iterable[str], n_frames: int | None, last_frame: int, *, recording: str
) -> tuple[dict[str, Spans], tuple[str, ...]]:
    """Return the observed spans of ``behaviors`` if each was looked for in the whole recording, and say so.

    Parameters
    ----------
    behaviors
        The behaviors that occur or were looked for.
    n_frames
        Length of the recording. None: until ``last_frame``.
    last_frame
        One past the last frame that the file mentions.
    recording
        For the sentences.
    """
    names = tuple(dict.fromkeys(behaviors))
    stop = last_frame if n_frames is None else n_frames
    if not names or stop == 0:
        return dict.fromkeys(names, ()), (f"{recording}: no behavior was observed",)
    sentence = f"{recording}: {', '.join(names)} looked for in every frame of [0, {stop})"
    if n_frames is None:
        sentence += ", which ends with the last frame mentioned because the length of the recording is not stated"
    return dict.fromkeys(names, ((0, stop),)), (sentence,)


def ends_early(what: str, last_frame: int, n_frames: int | None) -> tuple[str, ...]:
    """Return the sentence that labels end before the recording does, where they do.

    Examples
    --------
    >>> ends_early("labels end", 90, 100)
    ('labels end after 90 of 100 frames; the rest is unlabeled',)
    """
    if n_frames is None or last_frame >= n_frames:
        return ()
    return (f"{what} after {last_frame} of {n_frames} frames; the rest is unlabeled",)


def refuse_several_participants(labels: RecordingLabels, format_name: str, what: str) -> None:
    """Refuse labels in which one behavior has several doers, for a format that cannot tell them apart.

    Raises
    ------
    LabelError
        If two bouts of a behavior differ in individual or target.
    """
    seen: dict[str, tuple[str | None, str | None]] = {}
    for bout in labels.bouts:
        participants = (bout.individual, bout.target)
        if seen.setdefault(bout.behavior, participants) != participants:
            pairs = [" to ".join(map(str, pair)) for pair in (seen[bout.behavior], participants)]
            raise LabelError(
                found=f"{bout.behavior} of {pairs[0]} and of {pairs[1]}",
                expected=f"one animal or dyad per behavior: {format_name} has {what}",
                where=labels.recording,
                remedy="write one file per animal or dyad, or name the behaviors apart",
            )
