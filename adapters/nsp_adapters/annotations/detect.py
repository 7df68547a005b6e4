"""Which format an annotation file is in, told by its content, and the one way to read any of them.

No format is told by its file name: ``.csv`` and ``.txt`` mean nothing, and people rename files. A stated format is
taken at its word. Every reader is in :data:`FORMATS`; one that finds a file its own says so through ``looks_like``.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nsp_adapters.annotations.behaviordepot import looks_like_behaviordepot, read_behaviordepot
from nsp_adapters.annotations.bento import looks_like_bento, read_bento
from nsp_adapters.annotations.boris_aggregated import looks_like_boris_aggregated, read_boris_aggregated
from nsp_adapters.annotations.boris_binary import looks_like_boris_binary, read_boris_binary
from nsp_adapters.annotations.boris_project import looks_like_boris_project, read_boris_project
from nsp_adapters.annotations.boris_tabular import looks_like_boris_tabular, read_boris_tabular
from nsp_adapters.annotations.calms21 import looks_like_calms21, read_calms21
from nsp_adapters.annotations.caltech_streams import looks_like_caltech, read_caltech_streams
from nsp_adapters.annotations.deepethogram import looks_like_deepethogram, read_deepethogram
from nsp_adapters.annotations.delimited import has_semicolons, semicolon_error
from nsp_adapters.annotations.imported import ImportedAnnotations
from nsp_adapters.annotations.interval_csv import looks_like_interval_csv, read_interval_csv
from nsp_adapters.annotations.mabe import looks_like_mabe, read_mabe
from nsp_adapters.annotations.per_frame_csv import looks_like_per_frame_csv, read_per_frame_csv
from nsp_adapters.annotations.plain_bouts import EXAMPLE, looks_like_plain_bouts, read_plain_bouts
from nsp_adapters.annotations.simba_bouts import looks_like_simba_bouts, read_simba_bouts
from nsp_adapters.annotations.simba_targets import looks_like_simba_targets, read_simba_targets
from nsp_adapters.annotations.sleap_events import looks_like_sleap_events, read_sleap_events
from nsp_adapters.input_file import beginning_of, nature_of, require_content
from nsp_core.errors import AmbiguousError, FormatError

__all__ = ["FORMATS", "AnnotationFormat", "detect_annotation_format", "read_annotation_file"]


@dataclass(frozen=True, slots=True)
class AnnotationFormat:
    """A format that can be read.

    Attributes
    ----------
    name
        What a study file or the command line calls it.
    looks_like
        Whether a file is in this format, by its content; it never fails on a file that can be opened.
    read
        Its reader, which takes the path and those keywords of :func:`read_annotation_file` that it has a use for.
    """

    name: str
    looks_like: Callable[[Path], bool]
    read: Callable[..., ImportedAnnotations]


FORMATS: tuple[AnnotationFormat, ...] = (
    AnnotationFormat("boris-project", looks_like_boris_project, read_boris_project),
    AnnotationFormat("boris-tabular", looks_like_boris_tabular, read_boris_tabular),
    AnnotationFormat("boris-aggregated", looks_like_boris_aggregated, read_boris_aggregated),
    AnnotationFormat("boris-binary", looks_like_boris_binary, read_boris_binary),
    AnnotationFormat("simba-targets", looks_like_simba_targets, read_simba_targets),
    AnnotationFormat("simba-bouts", looks_like_simba_bouts, read_simba_bouts),
    AnnotationFormat("bento", looks_like_bento, read_bento),
    AnnotationFormat("caltech", looks_like_caltech, read_caltech_streams),
    AnnotationFormat("deepethogram", looks_like_deepethogram, read_deepethogram),
    AnnotationFormat("calms21", looks_like_calms21, read_calms21),
    AnnotationFormat("mabe", looks_like_mabe, read_mabe),
    AnnotationFormat("behaviordepot", looks_like_behaviordepot, read_behaviordepot),
    AnnotationFormat("sleap-events", looks_like_sleap_events, read_sleap_events),
    AnnotationFormat("interval-csv", looks_like_interval_csv, read_interval_csv),
    AnnotationFormat("bout-csv", looks_like_plain_bouts, read_plain_bouts),
    AnnotationFormat("per-frame-csv", looks_like_per_frame_csv, read_per_frame_csv),
)
"""Every annotation format. To add one, write its module and add a line."""


def detect_annotation_format(path: Path, stated: str | None = None) -> AnnotationFormat:
    """Return the format of ``path``, told by its content unless ``stated``.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If the file is empty, holds poses or is in no known format, or there is no format of the stated name.
    AmbiguousError
        If several formats fit.
    """
    require_content(path, "an annotation file")
    if stated is not None:
        chosen = _named(stated, path)
        # A project of SLEAP holds poses in any case: its reader says whether there are events besides.
        if chosen.read is not read_sleap_events and not chosen.looks_like(path):
            _refuse_poses(path)
        return chosen
    matching = [each for each in FORMATS if each.looks_like(path)]
    if len(matching) > 1:
        raise AmbiguousError(
            found=f"a file that could be {' or '.join(each.name for each in matching)}",
            expected="one format",
            where=path.name,
            remedy="state the format",
        )
    if matching:
        return matching[0]
    _refuse_poses(path)
    if has_semicolons(path):
        raise semicolon_error(path, "columns separated by ',', save in an interval-csv", EXAMPLE)
    beginning = beginning_of(path, 60)
    nature = f": {nature_of(beginning)}" if nature_of(beginning) else ""
    raise FormatError(
        found=f"a file in no known format (it begins {beginning.decode('utf-8', errors='replace')!r}{nature})",
        expected=f"one of {', '.join(each.name for each in FORMATS)}",
        where=path.name,
        remedy=f"export it in one of these, state the format, or write a bout csv such as:\n{EXAMPLE}",
    )


def read_annotation_file(
    path: Path,
    *,
    format: str | None = None,
    fps: float | None,
    n_frames: int | None = None,
    recording: str | None = None,
    annotator: str = "unknown",
    looked_for: Sequence[str] = (),
    unscored: Sequence[str] = (),
    unscored_stream: str | None = None,
) -> ImportedAnnotations:
    """Return the labels of an annotation file in any known format.

    Parameters
    ----------
    path
        The file.
    format
        Name of its format, one of :data:`FORMATS`. Default: told by its content.
    fps
        Frames per second of the video; a file that counts in seconds needs it.
    n_frames
        Length of the recording, where known. Where not, and the file does not say, it ends with the last frame
        mentioned.
    recording
        Name to give, or which recording to take from a file of several. Default: the file's name, or all.
    annotator
        Name to give, or which annotator to take from a file of several. ``"unknown"``: all.
    looked_for
        Behaviors looked for besides those that occur; in a table of columns, which columns are behaviors.
    unscored, unscored_stream
        Types of a Caltech annotation that mean "not looked at", and the stream in which they are.

    Returns
    -------
    One entry per recording and annotator, and what was assumed.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If the format is unknown, the file is malformed, or fps is needed and None.
    AmbiguousError
        If two readings are possible.
    LabelError
        If labels contradict the recording, or a recording, annotator or behavior asked for is not there.
    """
    offered = {
        "fps": fps,
        "n_frames": n_frames,
        "recording": recording,
        "annotator": annotator,
        "looked_for": tuple(looked_for),
        "unscored": tuple(unscored),
        "unscored_stream": unscored_stream,
    }
    chosen = detect_annotation_format(path, format)
    taken = inspect.signature(chosen.read).parameters
    return chosen.read(path, **{name: value for name, value in offered.items() if name in taken})


def _refuse_poses(path: Path) -> None:
    """Say so where poses were given as labels."""
    # The pose formats ask the same of the annotation formats; at the top of both modules that would be a circle.
    from nsp_adapters.poses.detect import POSE_FORMATS

    kind = next((each.name for each in POSE_FORMATS if each.looks_like(path)), None)
    if kind is not None:
        raise FormatError(
            found=f"a pose file ({kind})",
            expected="an annotation file",
            where=path.name,
            remedy="name the file with the labels; that of the tracker belongs where poses are asked for",
        )


def _named(name: str, path: Path) -> AnnotationFormat:
    by_name = {each.name: each for each in FORMATS}
    if name in by_name:
        return by_name[name]
    closest = difflib.get_close_matches(name, by_name, n=1)
    raise FormatError(
        found=f"format {name!r}" + (f" (closest: {closest[0]!r})" if closest else ""),
        expected=f"one of {', '.join(by_name)}",
        where=path.name,
        remedy="name one of these, or none to let the content tell",
    )
