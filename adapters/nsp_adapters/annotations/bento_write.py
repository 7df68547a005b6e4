"""Bento ``.annot`` written in 1-based inclusive frames (see :mod:`nsp_adapters.annotations.bento`).

One set of labels is written as the channel ``Ch1``, several as one channel ``Ch_<annotator>`` each. Every behavior that
was looked for is listed in every channel, with or without a bout. The header states one span that was watched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from nsp_adapters.annotations.bento import TITLE
from nsp_adapters.annotations.imported import require_fps
from nsp_adapters.annotations.spans import refuse_several_participants
from nsp_adapters.atomic import atomic_write_text
from nsp_core.errors import LabelError
from nsp_core.labels import RecordingLabels

__all__ = ["write_bento"]

_CHANNEL = re.compile(r"\w+", re.ASCII)


def write_bento(path: Path, labels: RecordingLabels | Sequence[RecordingLabels], *, fps: float, n_frames: int) -> None:
    """Write one channel per entry of ``labels``, all or nothing.

    Parameters
    ----------
    path
        The file to write.
    labels
        The labels of one recording, by one or several annotators.
    fps
        Frames per second of the video.
    n_frames
        Length of the recording, for labels without any observed span.

    Notes
    -----
    Bouts are grouped by behavior, as the format wants them. Participants are not part of it.

    Raises
    ------
    FormatError
        If fps is no positive number.
    LabelError
        If labels reach beyond ``n_frames``, behaviors were watched in different spans or in several, one behavior has
        several doers, or a name does not fit into a line or channel.
    OutputError
        If the file cannot be written.
    """
    rate = require_fps(fps, path)
    entries = (labels,) if isinstance(labels, RecordingLabels) else tuple(labels)
    channels = _channels(entries)
    start, stop = _watched(entries, n_frames)
    behaviors = _behaviors(entries)
    lines = [TITLE, "Movie file(s): ", "", "Stimulus name: ", f"Annotation start frame: {start + 1}"]
    lines += [f"Annotation stop frame: {stop}", f"Annotation framerate: {rate!r}", ""]
    lines += ["List of channels:", *channels, "", "List of annotations:", *behaviors, ""]
    for channel, entry in channels.items():
        lines.append(f"{channel}----------")
        for behavior in behaviors:
            own = [bout for bout in entry.bouts if bout.behavior == behavior]
            lines += [f">{behavior}", "Start\tStop\tDuration"]
            lines += [
                f"{bout.start_frame + 1}\t{bout.stop_frame}\t{bout.stop_frame - bout.start_frame}" for bout in own
            ]
            lines.append("")
        lines.append("")
    atomic_write_text(path, "\n".join(lines) + "\n")


def _channels(entries: Sequence[RecordingLabels]) -> Mapping[str, RecordingLabels]:
    for entry in entries:
        refuse_several_participants(entry, "Bento", "no participants")
    if len(entries) == 1:
        return {"Ch1": entries[0]}
    channels = {f"Ch_{entry.annotator}": entry for entry in entries}
    wrong = [entry.annotator for entry in entries if not _CHANNEL.fullmatch(entry.annotator)]
    if wrong or len(channels) < len(entries) or not entries:
        raise LabelError(
            found=f"annotators {', '.join(repr(entry.annotator) for entry in entries) or 'none'}",
            expected="different names of letters, digits and underscores, for a channel each",
            where=entries[0].recording if entries else "labels",
            remedy="rename the annotators, or write one file each",
        )
    return channels


def _watched(entries: Sequence[RecordingLabels], n_frames: int) -> tuple[int, int]:
    spans = {its_spans for entry in entries for its_spans in entry.observed.values()}
    last = max(entry.last_frame for entry in entries)
    if last > n_frames:
        raise LabelError(
            found=f"labels up to frame {last}",
            expected=f"labels within the {n_frames} frames of the recording",
            where=entries[0].recording,
            remedy="state the length of the video the labels belong to",
        )
    if len(spans) > 1 or any(len(its_spans) != 1 for its_spans in spans):
        raise LabelError(
            found=f"observed spans {sorted(spans)}",
            expected="one span, the same for every behavior: a Bento file states one start and one stop",
            where=entries[0].recording,
            remedy="write a format that keeps unlabeled frames apart: boris-project, deepethogram or per-frame-csv",
        )
    return next(iter(spans))[0] if spans else (0, n_frames)


def _behaviors(entries: Sequence[RecordingLabels]) -> list[str]:
    names = dict.fromkeys(name for entry in entries for name in entry.observed)
    names |= dict.fromkeys(bout.behavior for entry in entries for bout in entry.bouts)
    for name in names:
        if name != name.strip() or not name or any(character in name for character in "\r\n") or name.endswith("----"):
            raise LabelError(
                found=f"a behavior called {name!r}",
                expected="a name of one line, without blanks around it",
                where=entries[0].recording,
                remedy="rename the behavior",
            )
    return list(names)
