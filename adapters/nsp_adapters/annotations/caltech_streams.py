"""All streams of a Caltech Behavior Annotator text at once (the format is in :mod:`nsp_adapters.caltech`).

Streams without a type in common, save the filling one, split one vocabulary between them: they are one annotator's
labels, each type looked for where its stream is. Streams with types in common are alternatives (one per animal or
annotator, the file does not say): they are kept apart, as ``<annotator> S1`` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from nsp_adapters.annotations.imported import MAX_FRAMES, ImportedAnnotations, read_bytes
from nsp_adapters.annotations.spans import ends_early
from nsp_adapters.caltech import TITLE, read_caltech
from nsp_adapters.input_file import beginning_of
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import Behavior, RecordingLabels

__all__ = ["EXAMPLE", "looks_like_caltech", "read_caltech_streams"]

EXAMPLE = f"""{TITLE}
S1: start end type
------------------
1 535 other
536 961 attack"""

_STREAM = re.compile(r"(S\d+):")


def looks_like_caltech(path: Path) -> bool:
    """Return whether the first line is the title of a Caltech annotation."""
    first = beginning_of(path).decode("utf-8-sig", errors="replace").partition("\n")[0]
    return first.strip().casefold() == TITLE.casefold()


def read_caltech_streams(
    path: Path,
    *,
    n_frames: int | None = None,
    recording: str | None = None,
    annotator: str = "unknown",
    looked_for: Sequence[str] = (),
    unscored: Sequence[str] = (),
    unscored_stream: str | None = None,
) -> ImportedAnnotations:
    """Return the bouts of every stream, observed where its stream was scored.

    Parameters
    ----------
    path
        The annotation file.
    n_frames
        Length of the recording, which no stream may exceed.
    recording, annotator
        Names to put on the labels. Default recording: the file's name.
    looked_for
        Behaviors looked for besides those that occur; each has to be in the configuration.
    unscored, unscored_stream
        Types that mean "not looked at", and the one stream in which they are (see :func:`read_caltech`).

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If the file is no annotation file or malformed.
    LabelError
        If a behavior or unscored type is not there, a behavior of ``looked_for`` is the filling type, or a stream ends
        after the recording.
    """
    name = recording or path.name.removesuffix(".txt").removesuffix("_annot")
    filling, types = _types(path)
    _refuse_filling(path, filling, looked_for)
    no_behaviors = {filling, *unscored}
    known = {each for its_types in types.values() for each in its_types}
    entries: dict[str, RecordingLabels] = {}
    for stream, its_types in types.items():
        # What is in no stream can only be in the configuration, and read_caltech says so if it is not.
        others = [each for each in looked_for if each not in known and stream == next(iter(types))]
        behaviors = [Behavior(each, "undirected") for each in [*its_types, *others] if each not in no_behaviors]
        entries[stream] = read_caltech(
            path,
            recording=name,
            annotator=annotator,
            stream=stream,
            behaviors=behaviors,
            unscored=unscored,
            unscored_stream=unscored_stream,
        )
    _check_end(path, entries, n_frames)
    together = sum(len(set(its) - no_behaviors) for its in types.values()) == len(known - no_behaviors)
    # What a type means is assumed only as long as nobody said it.
    told: tuple[str, ...] = ()
    if filling not in unscored:
        told += (f"{path.name}: {filling!r} means that none of the behaviors happens",)
    for stream, entry in entries.items():
        told += ends_early(f"{path.name}: labels of stream {stream} end", entry.last_frame, n_frames)
    seen = {bout.behavior for entry in entries.values() for bout in entry.bouts}
    never = dict.fromkeys(each for entry in entries.values() for each in entry.observed if each not in seen)
    if never:
        told += (f"{path.name}: {', '.join(never)} in no row: looked for wherever it was scored, and never seen",)
    if together:
        bouts = tuple(bout for entry in entries.values() for bout in entry.bouts)
        observed = {each: spans for entry in entries.values() for each, spans in entry.observed.items()}
        return ImportedAnnotations((RecordingLabels(name, annotator, bouts, observed),), told)
    apart = tuple(
        RecordingLabels(name, f"{annotator} {stream}", entry.bouts, entry.observed) for stream, entry in entries.items()
    )
    return ImportedAnnotations(apart, (*told, f"{path.name}: streams {', '.join(entries)} kept apart"))


def _refuse_filling(path: Path, filling: str, looked_for: Sequence[str]) -> None:
    """Refuse to leave out as filling what was asked for: the configuration may list its types in another order."""
    if filling in looked_for:
        raise LabelError(
            found=f"{filling!r} among the behaviors and first in the configuration, which makes it the filling type",
            expected="a behavior that is listed after the filling type",
            where=path.name,
            remedy="list the filling type (often 'other') first, or name the stream that holds the behavior",
        )


def _types(path: Path) -> tuple[str, dict[str, list[str]]]:
    """Return the filling type and the types of every stream with rows; what is malformed is found by read_caltech."""
    lines = read_bytes(path, "a Caltech Behavior Annotator text file").decode("utf-8-sig", errors="replace")
    filling = "other"
    configured: list[str] = []
    types: dict[str, list[str]] = {}
    current: list[str] | None = None
    for number, text in enumerate(lines.splitlines()[1:], start=2):
        line = text.strip()
        if header := _STREAM.match(line):
            current = types.setdefault(header[1], [])
        elif line and line.strip("-") and not line.casefold().startswith("configuration file:"):
            if current is not None:
                _check_size(path, number, line)
            kind = line.split()[0 if current is None else -1]
            into = configured if current is None else current
            if kind not in into:
                into.append(kind)
    filled = {stream: its_types for stream, its_types in types.items() if its_types}
    if len(filled) == 1:
        # With one stream the configuration is its vocabulary: what did not happen was looked for all the same.
        filled = {stream: list(dict.fromkeys([*its_types, *configured])) for stream, its_types in filled.items()}
    return (configured[0] if configured else filling), filled or {"S1": []}


def _check_size(path: Path, number: int, line: str) -> None:
    """Refuse a frame number that no recording reaches, before memory is asked for that many frames."""
    for cell in line.split()[:2]:
        if re.fullmatch("[0-9]+", cell) and (len(cell) > 15 or int(cell) > MAX_FRAMES):
            raise FormatError(
                found=f"frame {cell[:20]}",
                expected=f"a frame number up to {MAX_FRAMES}",
                where=f"{path.name}, line {number}",
                remedy="correct this row, or give the text file as the annotator wrote it",
            )


def _check_end(path: Path, entries: dict[str, RecordingLabels], n_frames: int | None) -> None:
    for stream, entry in entries.items():
        if n_frames is not None and entry.last_frame > n_frames:
            raise LabelError(
                found=f"stream {stream} to frame {entry.last_frame}",
                expected=f"frames within [0, {n_frames}), the length of the recording",
                where=path.name,
                remedy="check that labels and video belong together",
            )
