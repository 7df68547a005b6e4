"""What every annotation reader returns, and how seconds become frames.

Frames are 0-based and half-open, ``[start_frame, stop_frame)``. Unlabeled is not absent: a frame is absent only inside
an observed span, and a reader that has to guess where somebody looked says so in ``assumptions``.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nsp_adapters.input_file import require_file
from nsp_core.errors import FormatError
from nsp_core.labels import RecordingLabels

__all__ = ["MAX_FRAMES", "ImportedAnnotations", "frame_at", "read_bytes", "require_fps"]

MAX_FRAMES = 100_000_000
"""No recording is longer: 11 days at 100 frames per second. A larger number is a damaged file."""


@dataclass(frozen=True, slots=True)
class ImportedAnnotations:
    """The labels of one file.

    Attributes
    ----------
    labels
        One entry per recording and annotator, in the order of the file: annotators are never mixed.
    assumptions
        Sentences for the user: what the file did not say and was assumed, what was left out, and how much of it.
    """

    labels: tuple[RecordingLabels, ...]
    assumptions: tuple[str, ...] = ()

    @property
    def behaviors(self) -> tuple[str, ...]:
        """Every behavior that occurs or was looked for, in the order of first mention."""
        return tuple(dict.fromkeys(name for one in self.labels for name in _behaviors(one)))


def _behaviors(labels: RecordingLabels) -> Iterable[str]:
    yield from labels.observed
    yield from (bout.behavior for bout in labels.bouts)
    yield from (event.behavior for event in labels.points)


def frame_at(time_s: float, fps: float) -> int:
    """Return the frame boundary nearest to ``time_s`` seconds at ``fps`` frames per second, never rounded to int.

    Times of three decimals return to their frame up to 500 fps. A time beyond any recording is a frame beyond
    MAX_FRAMES, however large it is.

    Examples
    --------
    >>> frame_at(1.001, 30000 / 1001)
    30
    """
    return round(max(-MAX_FRAMES - 1, min(time_s * fps, MAX_FRAMES + 1)))


def require_fps(fps: float | None, path: Path) -> float:
    """Return ``fps``, or say that a file that counts in seconds needs it.

    Raises
    ------
    FormatError
        If it is None or no positive number.
    """
    if fps is not None and 0 < fps < float("inf"):
        return fps
    raise FormatError(
        found="times in seconds and no frame rate" if fps is None else f"fps = {fps}",
        expected="the frames per second of the video, a number above 0",
        where=path.name,
        remedy="state fps in the study file or with --fps",
    )


def read_bytes(path: Path, what: str) -> bytes:
    """Return the content of ``path``.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If it is empty.
    """
    require_file(path, what)
    content = path.read_bytes()
    if not content.removeprefix(codecs.BOM_UTF8).strip():
        raise FormatError(found="an empty file", expected=what, where=path.name, remedy="export it again")
    return content
