"""DeepEthogram labels, ``<video>_labels.csv``: one row per frame, one column per behavior, ``background`` first.

::

    ,background,groom,dig
    0,1,0,0
    1,0,1,0
    2,0,1,1
    3,-1,-1,-1

- The nameless first column is the 0-based frame, as pandas writes an index.
- ``1`` present, ``0`` absent, ``-1`` **not labeled**: outside the observed span here, never absent.
- ``background`` is 1 where no behavior is; it is no behavior of its own and is not imported. Two behaviors may share a
  frame.
- Nobody is named: bouts carry neither individual nor target. Frames and no times: the frame rate does not matter.

Known traps:

- A video that was opened and not finalized keeps its -1: read as 0 they would teach that nothing ever happens.
- Behaviors added to a project later are -1 throughout in older files.

References
----------
DeepEthogram, https://github.com/jbohnslav/deepethogram (docs: file structure, labels).
Bohnslav et al. 2021, https://doi.org/10.7554/eLife.63377
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nsp_adapters.annotations.delimited import csv_text, header_of, read_delimited
from nsp_adapters.annotations.imported import ImportedAnnotations
from nsp_adapters.annotations.per_frame import (
    cell_state,
    fit_length,
    labels_from_states,
    states_from_labels,
    states_from_table,
)
from nsp_adapters.atomic import atomic_write_text
from nsp_core.errors import LabelError
from nsp_core.labels import ABSENT, PRESENT, UNLABELED, RecordingLabels

__all__ = ["EXAMPLE", "looks_like_deepethogram", "read_deepethogram", "write_deepethogram"]

BACKGROUND = "background"
EXAMPLE = ",background,groom,dig\n0,1,0,0\n1,0,1,0\n2,0,1,1\n3,-1,-1,-1"


def looks_like_deepethogram(path: Path) -> bool:
    """Return whether there is a column ``background`` and the row below the header holds states."""
    columns, first = header_of(path)
    if BACKGROUND not in columns or len(columns) != len(first):
        return False
    cells = [cell for name, cell in zip(columns, first, strict=True) if name]
    return all(cell_state(cell) is not None for cell in cells)


def read_deepethogram(
    path: Path,
    *,
    n_frames: int | None = None,
    recording: str | None = None,
    annotator: str = "unknown",
    looked_for: Sequence[str] = (),
) -> ImportedAnnotations:
    """Return the bouts of every behavior but ``background``, observed where cells are not -1.

    Parameters
    ----------
    path
        The label file.
    n_frames
        Length of the recording; frames after the last row are unlabeled.
    recording, annotator
        Names to put on the labels. Default recording: the file's name before ``_labels.csv``.
    looked_for
        Behaviors that have to have a column.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If there is no column ``background``, a cell is no state, or a frame number is malformed or there twice.
    LabelError
        If a behavior of ``looked_for`` has no column, or labels reach beyond the recording.
    """
    table = read_delimited(path, what="a DeepEthogram label csv", example=EXAMPLE)
    table.require((BACKGROUND,))
    behaviors = [name for name in table.columns if name not in ("", BACKGROUND)]
    for name in looked_for:
        if name not in behaviors:
            raise LabelError(
                found=f"no column {name!r}",
                expected=f"one of {', '.join(behaviors)}",
                where=path.name,
                remedy="write the behavior as in the project; upper and lower case differ",
            )
    states = states_from_table(table, [BACKGROUND, *behaviors], "" if "" in table.columns else None)
    background = states.pop(BACKGROUND)
    any_present = np.any([each == PRESENT for each in states.values()], axis=0) if states else background == PRESENT
    contradictions = int(((background == PRESENT) & any_present).sum()) if states else 0
    states, assumptions = fit_length(states, n_frames, path)
    if contradictions:
        sentence = f"{path.name}: {contradictions} frames are {BACKGROUND} and a behavior: the behavior was taken"
        assumptions += (sentence,)
    name = recording or path.name.removesuffix(".csv").removesuffix("_labels")
    return ImportedAnnotations((labels_from_states(name, annotator, states),), assumptions)


def write_deepethogram(path: Path, labels: RecordingLabels, *, n_frames: int) -> None:
    """Write one row per frame, all or nothing; -1 where nobody looked.

    ``background`` is 1 where every behavior was looked for and none is, 0 where one is, else -1. Two bouts that touch
    are one when read again, and participants are lost.

    Raises
    ------
    LabelError
        If labels reach beyond ``n_frames``, one behavior has several doers, or one is called ``background``.
    OutputError
        If the file cannot be written.
    """
    states = states_from_labels(labels, n_frames, "DeepEthogram")
    if BACKGROUND in states:
        raise LabelError(
            found=f"a behavior called {BACKGROUND!r}",
            expected="another name: in DeepEthogram it means that there is no behavior",
            where=labels.recording,
            remedy="leave it out, or rename it",
        )
    each = np.array(list(states.values()), dtype=np.int8).reshape(-1, n_frames)
    background = np.where((each == UNLABELED).any(axis=0), UNLABELED, PRESENT)
    background[(each == PRESENT).any(axis=0)] = ABSENT
    rows = zip(range(n_frames), background.tolist(), *each.tolist(), strict=True)
    atomic_write_text(path, csv_text([("", BACKGROUND, *states), *rows]))
