"""Labels as one state per frame and behavior: how they become bouts and observed spans, and back.

A state is 1 (present), 0 (absent) or -1 (unlabeled). Two bouts that touch become one here: states do not tell them
apart, and every frame keeps its state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nsp_adapters.annotations.delimited import DelimitedText
from nsp_adapters.annotations.spans import ends_early, refuse_several_participants
from nsp_adapters.poses.assemble import check_frames
from nsp_core.bouts import bouts_from_frames, frames_from_bouts
from nsp_core.errors import LabelError
from nsp_core.labels import ABSENT, PRESENT, UNLABELED, Bout, RecordingLabels

__all__ = ["cell_state", "fit_length", "labels_from_states", "states_from_labels", "states_from_table"]

States = dict[str, NDArray[np.int8]]

_STATES = {
    **dict.fromkeys(("1", "1.0", "true"), PRESENT),
    **dict.fromkeys(("0", "0.0", "false"), ABSENT),
    **dict.fromkeys(("-1", "-1.0", "", "nan"), UNLABELED),
}


def cell_state(cell: str) -> int | None:
    """Return the state a cell stands for, None if it stands for none.

    Examples
    --------
    >>> cell_state("1.0"), cell_state(""), cell_state("2")
    (1, -1, None)
    """
    return _STATES.get(cell.casefold())


def states_from_table(table: DelimitedText, behaviors: Sequence[str], frame_column: str | None) -> States:
    """Return the states (time,) of the columns ``behaviors``, placed by ``frame_column`` where there is one.

    Frames that no row is about are unlabeled. Without a frame column row i is frame i.

    Raises
    ------
    FormatError
        If a cell is no state, or a frame number is malformed or there twice.
    """
    frames = _frames(table, frame_column)
    n_frames = max(frames, default=-1) + 1
    states = {name: np.full(n_frames, UNLABELED, dtype=np.int8) for name in behaviors}
    for name, its_states in states.items():
        its_states[frames] = [_state(table, row, name) for row in range(len(table.rows))]
    return states


def fit_length(states: States, n_frames: int | None, path: Path) -> tuple[States, tuple[str, ...]]:
    """Return ``states`` with the length of the recording, unlabeled where the file ends earlier, and say so.

    Raises
    ------
    LabelError
        If frames beyond the recording are labeled: a row too many would shift labels unnoticed.
    """
    length = max((each.size for each in states.values()), default=0)
    if n_frames is None or n_frames == length or not states:
        return states, ()
    labeled = [int(np.flatnonzero(each != UNLABELED)[-1]) for each in states.values() if (each != UNLABELED).any()]
    if max(labeled, default=-1) >= n_frames:
        raise LabelError(
            found=f"{length} frames of labels",
            expected=f"{n_frames} frames, the length of the recording",
            where=path.name,
            remedy="check that labels and video belong together, and that a column of frames counts from 0",
        )
    fitted = {name: np.full(n_frames, UNLABELED, dtype=np.int8) for name in states}
    for name, each in states.items():
        fitted[name][: each.size] = each[:n_frames]
    return fitted, ends_early(f"{path.name}: labels end", length, n_frames)


def labels_from_states(
    recording: str,
    annotator: str,
    states: Mapping[str, NDArray[np.int8]],
    individual: str | None = None,
    target: str | None = None,
) -> RecordingLabels:
    """Return the bouts and observed spans of ``states`` (time,) per behavior, behavior by behavior."""
    bouts = tuple(
        Bout(name, int(start), int(stop), individual, target)
        for name, each in states.items()
        for start, stop in bouts_from_frames(each == PRESENT)
    )
    observed = {
        name: tuple((int(start), int(stop)) for start, stop in bouts_from_frames(each != UNLABELED))
        for name, each in states.items()
    }
    return RecordingLabels(recording, annotator, bouts, observed)


def states_from_labels(labels: RecordingLabels, n_frames: int, format_name: str) -> States:
    """Return the states (time,) of every behavior that was looked for or occurs, for a format of one column each.

    Raises
    ------
    LabelError
        If labels reach beyond ``n_frames``, or one behavior has several doers.
    """
    refuse_several_participants(labels, format_name, "one column per behavior")
    if labels.last_frame > n_frames:
        raise LabelError(
            found=f"labels up to frame {labels.last_frame}",
            expected=f"labels within the {n_frames} frames of the recording",
            where=labels.recording,
            remedy="state the length of the video the labels belong to",
        )
    names = dict.fromkeys([*labels.observed, *(bout.behavior for bout in labels.bouts)])
    states = {name: np.full(n_frames, UNLABELED, dtype=np.int8) for name in names}
    for name, each in states.items():
        each[frames_from_bouts(_intervals(labels.observed.get(name, ())), n_frames)] = ABSENT
        own = [(bout.start_frame, bout.stop_frame) for bout in labels.bouts if bout.behavior == name]
        each[frames_from_bouts(_intervals(own), n_frames)] = PRESENT
    return states


def _frames(table: DelimitedText, frame_column: str | None) -> list[int]:
    if frame_column is None:
        return list(range(len(table.rows)))
    first_line: dict[int, int] = {}
    for row in table.rows:
        frame = table.frame(row, frame_column)
        if first_line.setdefault(frame, row.line) != row.line:
            raise table.error(row, f"frame {frame}, which line {first_line[frame]} is about", "each frame once")
    frames = list(first_line)
    wrong = check_frames(np.array(frames, dtype=np.float64))
    if wrong is not None:
        number, problem = wrong
        found = f"frame {frames[number]}, which is {problem}"
        raise table.error(table.rows[number], found, "a frame of the recording")
    return frames


def _state(table: DelimitedText, number: int, column: str) -> int:
    row = table.rows[number]
    state = cell_state(row[column])
    if state is None:
        raise table.error(row, f"{column} {row[column]!r}", "1 (present), 0 (absent), -1 or nothing (unlabeled)")
    return state


def _intervals(pairs: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    return np.array(list(pairs), dtype=np.int64).reshape(-1, 2)
