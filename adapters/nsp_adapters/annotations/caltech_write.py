"""Caltech Behavior Annotator text written, one stream per set of labels (see :mod:`nsp_adapters.caltech`).

Every stream is a gapless partition of the recording in 1-based inclusive frames: where no behavior is, a filling type
(``other``) stands, and every stream ends at the same frame. Frames that were not observed need a type of their own, for
the format has no other way to say it: written as ``other`` they would read as absent.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nsp_adapters.annotations.spans import refuse_several_participants
from nsp_adapters.atomic import atomic_write_text
from nsp_adapters.caltech import TITLE
from nsp_core.bouts import bouts_from_frames, frames_from_bouts
from nsp_core.errors import LabelError
from nsp_core.labels import RecordingLabels

__all__ = ["write_caltech"]

_NAME = re.compile(r"\S+")


def write_caltech(
    path: Path,
    labels: RecordingLabels | Sequence[RecordingLabels],
    *,
    n_frames: int,
    filling: str = "other",
    unscored: str | None = None,
) -> None:
    """Write streams S1, S2, ... of one entry of ``labels`` each, all or nothing.

    Parameters
    ----------
    path
        The file to write.
    labels
        Labels of one recording: behaviors that overlap belong into different entries.
    n_frames
        Length of the recording: the last frame of every stream.
    filling
        Type of frames in which nothing of interest happens.
    unscored
        Type of frames that were not observed. None: there are none, or it is an error.

    Raises
    ------
    LabelError
        If labels reach beyond ``n_frames``, bouts of one stream overlap, behaviors of one stream were observed in
        different spans, frames are not observed and ``unscored`` is None, one behavior has several doers, or a name
        has blanks or is that of another type.
    OutputError
        If the file cannot be written.
    """
    streams = (labels,) if isinstance(labels, RecordingLabels) else tuple(labels)
    fillers = [filling] if unscored is None else [filling, unscored]
    types = _types(streams, fillers)
    lines = [TITLE, "", "Configuration file:"]
    lines += [f"{name}\t{key}" for name, key in zip(types, _keys(len(types)), strict=True)]
    for number, stream in enumerate(streams, start=1):
        rows = _rows(stream, n_frames, filling, unscored)
        lines += ["", f"S{number}:\tstart\tend\ttype", "-" * 29]
        lines += [f"\t{start + 1}\t{stop}\t{name}" for start, stop, name in rows]
    atomic_write_text(path, "\n".join(lines) + "\n")


def _types(streams: Sequence[RecordingLabels], fillers: Sequence[str]) -> list[str]:
    behaviors = dict.fromkeys(
        name for stream in streams for name in [*stream.observed, *(bout.behavior for bout in stream.bouts)]
    )
    types = [*fillers, *behaviors]
    wrong = [name for name in types if not _NAME.fullmatch(name)] or [name for name in types if types.count(name) > 1]
    if wrong or not streams:
        raise LabelError(
            found=f"the name {wrong[0]!r}" if wrong else "no labels",
            expected="behaviors without blanks, none called like the filling or unscored type",
            where=streams[0].recording if streams else "labels",
            remedy="rename the behavior, or state another filling",
        )
    return types


def _keys(n_types: int) -> Iterator[str]:
    """Yield a key of the keyboard per type, as the annotator wants one; they mean nothing in a file."""
    letters = string.ascii_lowercase + string.ascii_uppercase + string.digits
    for number in range(n_types):
        yield letters[number % len(letters)]


def _rows(stream: RecordingLabels, n_frames: int, filling: str, unscored: str | None) -> list[tuple[int, int, str]]:
    refuse_several_participants(stream, "the Caltech format", "no participants")
    if stream.last_frame > n_frames:
        raise _error(
            stream,
            f"labels up to frame {stream.last_frame}",
            f"labels within the {n_frames} frames of the recording",
            "state the length of the video the labels belong to",
        )
    rows = sorted((bout.start_frame, bout.stop_frame, bout.behavior) for bout in stream.bouts)
    for earlier, later in pairwise(rows):
        if later[0] < earlier[1]:
            raise _error(
                stream,
                f"{later[2]} from frame {later[0]} while {earlier[2]} lasts to {earlier[1]}",
                "one type per frame and stream",
                "give behaviors that overlap as separate labels, which become streams of their own",
            )
    observed = _observed(stream, n_frames)
    if unscored is None and not observed.all():
        raise _error(
            stream,
            f"{int((~observed).sum())} frames that were not observed",
            "a type for them: as filling they would read as absent",
            "state unscored, such as 'base'",
        )
    free = ~frames_from_bouts(np.array([row[:2] for row in rows], dtype=np.int64), n_frames)
    for frames, name in ((free & observed, filling), (free & ~observed, unscored)):
        rows += [(int(start), int(stop), str(name)) for start, stop in bouts_from_frames(frames)]
    return sorted(rows)


def _observed(stream: RecordingLabels, n_frames: int) -> NDArray[np.bool_]:
    spans = set(stream.observed.values())
    unknown = [bout.behavior for bout in stream.bouts if bout.behavior not in stream.observed]
    if len(spans) > 1 or unknown:
        raise _error(
            stream,
            f"observed spans that differ: {sorted(spans)}" if len(spans) > 1 else f"no observed span of {unknown[0]}",
            "the same spans for every behavior of a stream",
            "give behaviors that were looked for elsewhere as separate labels",
        )
    return frames_from_bouts(np.array([*next(iter(spans), ())], dtype=np.int64).reshape(-1, 2), n_frames)


def _error(stream: RecordingLabels, found: str, expected: str, remedy: str) -> LabelError:
    return LabelError(found=found, expected=expected, where=stream.recording, remedy=remedy)
