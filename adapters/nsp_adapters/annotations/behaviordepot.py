"""BehaviorDEPOT ``.mat``: ``Behavior.mat`` (what the software decided) and human annotations made ready for it.

A struct ``Behavior`` (or ``hBehavior``, human) with one field per behavior, each a struct of

- ``Bouts`` (bout, 2): start and stop, **1-based and inclusive**: ``510 575`` is ``[509, 575)`` here;
- ``Vector`` (time,): 0 and 1 per frame; its length is the length of the recording;
- ``Length``, ``Count``: not read. Length is ``stop - start``, one frame short of the bout.

``hBehavior`` also has a field ``TotalFrames``. ``Behavior.mat`` is MATLAB v5; human annotations are v7.3, which is HDF5
with every array transposed. Nobody is named: bouts carry neither individual nor target.

Known traps:

- ``Behavior`` is a heuristic's output, not a label: its annotator is ``BehaviorDEPOT`` unless another is given.
- The annotation *table* that the tool's annotator saves first (a MATLAB ``table``) can be read by MATLAB only; the file
  that BehaviorDEPOT makes from it (``hB_*.mat``) is the one to give.
- ``Bouts`` and ``Vector`` say the same thing twice. Where they differ the file is refused.

References
----------
BehaviorDEPOT, https://github.com/DeNardoLab/BehaviorDEPOT. Gabriel et al. 2022, https://doi.org/10.7554/eLife.74314
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray

from nsp_adapters.annotations.imported import ImportedAnnotations
from nsp_adapters.annotations.per_frame import States, fit_length, labels_from_states
from nsp_adapters.input_file import beginning_of, require_content
from nsp_adapters.poses.hdf5 import array_at
from nsp_core.bouts import frames_from_bouts
from nsp_core.errors import AmbiguousError, FormatError, LabelError
from nsp_core.labels import Bout, RecordingLabels

__all__ = ["looks_like_behaviordepot", "read_behaviordepot"]

SOFTWARE, HUMAN = "Behavior", "hBehavior"
EXPECTED = "a struct Behavior or hBehavior whose fields have Bouts and Vector"

_V5 = b"MATLAB 5.0"
_V73 = b"MATLAB 7.3"


@dataclass(frozen=True, slots=True)
class _Field:
    """One behavior as it stands: bouts (bout, 2), 1-based and inclusive, and the vector (time,)."""

    name: str
    bouts: NDArray[np.float64]
    vector: NDArray[np.float64]


def looks_like_behaviordepot(path: Path) -> bool:
    """Return whether it is a MATLAB file with a variable ``Behavior`` or ``hBehavior``."""
    beginning = beginning_of(path, 128)
    try:
        if beginning.startswith(_V5):
            names = {name for name, *_ in scipy.io.whosmat(path)}
        elif beginning.startswith(_V73):
            with h5py.File(path, "r") as file:
                names = set(file)
        else:
            return False
    except Exception:  # scipy and h5py report damage by whatever exception they meet
        return False
    return bool(names & {SOFTWARE, HUMAN})


def read_behaviordepot(
    path: Path,
    *,
    n_frames: int | None = None,
    recording: str | None = None,
    annotator: str = "unknown",
    looked_for: Sequence[str] = (),
) -> ImportedAnnotations:
    """Return the bouts of every behavior, observed in every frame of its vector.

    Parameters
    ----------
    path
        The ``.mat`` file.
    n_frames
        Length of the recording; frames after the vector are unlabeled.
    recording, annotator
        Names to put on the labels. Default recording: the file's name; ``Behavior.mat`` is the same for every video.
    looked_for
        Behaviors that have to be in the file.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If it is no such MATLAB file or is damaged.
    AmbiguousError
        If bouts and vector of a behavior differ.
    LabelError
        If a behavior of ``looked_for`` is not there, or labels reach beyond the recording.
    """
    struct, fields = _fields(path)
    missing = [name for name in looked_for if name not in {field.name for field in fields}]
    if missing:
        raise LabelError(
            found=f"no behavior {missing[0]!r}",
            expected=f"one of {', '.join(field.name for field in fields)}",
            where=path.name,
            remedy="write the behavior as in BehaviorDEPOT; upper and lower case differ",
        )
    states: States = {field.name: _states(path, field) for field in fields}
    states, assumptions = fit_length(states, n_frames, path)
    if struct == SOFTWARE:
        annotator = "BehaviorDEPOT" if annotator == "unknown" else annotator
        assumptions += (f"{path.name}: {SOFTWARE} is what BehaviorDEPOT decided, not a person's annotation",)
    else:
        assumptions += (f"{path.name}: every frame of a vector was looked at",)
    name = recording or path.name.removesuffix(".mat")
    per_frame = labels_from_states(name, annotator, states)
    # Bouts of the file, which may touch, in place of runs of the vector, which then could not be told apart.
    bouts = tuple(Bout(field.name, int(start) - 1, int(stop)) for field in fields for start, stop in field.bouts)
    return ImportedAnnotations((RecordingLabels(name, annotator, bouts, per_frame.observed),), assumptions)


def _fields(path: Path) -> tuple[str, list[_Field]]:
    require_content(path, "a BehaviorDEPOT .mat file")
    beginning = beginning_of(path, 128)
    if not beginning.startswith((_V5, _V73)):
        raise _error(path, "no MATLAB file of version 5 or 7.3")
    try:
        struct, fields = _read_v5(path) if beginning.startswith(_V5) else _read_v73(path)
    except FormatError:
        raise
    except Exception as error:  # scipy and h5py report damage by whatever exception they meet
        raise _error(path, f"a MATLAB file that is damaged ({error})") from error
    if not fields:
        raise _error(path, f"a struct {struct} without a field that has Bouts and Vector")
    return struct, fields


def _read_v5(path: Path) -> tuple[str, list[_Field]]:
    variables = scipy.io.loadmat(
        path, variable_names=(SOFTWARE, HUMAN), struct_as_record=False, squeeze_me=False, chars_as_strings=True
    )
    struct = _struct_name(path, variables)
    fields = []
    behaviors = variables[struct].flat[0]
    for name in behaviors._fieldnames:
        value = np.asarray(getattr(behaviors, name))
        its: Any = value.flat[0] if value.dtype == object and value.size else None
        if {"Bouts", "Vector"} <= set(getattr(its, "_fieldnames", ())):
            fields.append(_field(path, name, np.asarray(its.Bouts), np.asarray(its.Vector)))
    return struct, fields


def _read_v73(path: Path) -> tuple[str, list[_Field]]:
    with h5py.File(path, "r") as file:
        struct = _struct_name(path, file)
        behaviors = file[struct]
        if not isinstance(behaviors, h5py.Group):
            raise _error(path, f"a variable {struct} that is no struct")
        return struct, [
            _field(path, name, _stored(path, its, "Bouts"), _stored(path, its, "Vector"))
            for name, its in behaviors.items()
            if isinstance(its, h5py.Group) and {"Bouts", "Vector"} <= set(its)
        ]


def _stored(path: Path, its: h5py.Group, name: str) -> NDArray[np.generic]:
    dataset = array_at(its, name, path)
    # MATLAB stores the shape of an empty array as its content.
    stored: NDArray[np.generic] = np.empty((0, 0)) if dataset.attrs.get("MATLAB_empty") else dataset[()].T
    return stored


def _struct_name(path: Path, variables: object) -> str:
    names = [name for name in (HUMAN, SOFTWARE) if name in variables]  # type: ignore[operator]  # dict or h5py.File
    if not names:
        raise _error(path, "neither Behavior nor hBehavior")
    return names[0]


def _field(path: Path, name: str, bouts: NDArray[np.generic], vector: NDArray[np.generic]) -> _Field:
    numbers, states = bouts.astype(np.float64).reshape(-1, 2), vector.astype(np.float64).ravel()
    whole = np.isfinite(numbers).all() and (numbers == np.floor(numbers)).all()
    if not whole or not ((numbers[:, 0] >= 1) & (numbers[:, 0] <= numbers[:, 1])).all():
        raise _error(path, f"{name}.Bouts with rows that are no start and stop, 1 <= start <= stop")
    if not np.isin(states, (0, 1)).all() or not states.size:
        raise _error(path, f"{name}.Vector that does not hold 0 and 1 only")
    return _Field(name, numbers, states)


def _states(path: Path, field: _Field) -> NDArray[np.int8]:
    half_open = (field.bouts - [1, 0]).astype(np.int64)
    from_bouts = frames_from_bouts(half_open, field.vector.size)
    differs = np.flatnonzero(from_bouts != (field.vector == 1))
    beyond = half_open.size and half_open[:, 1].max() > field.vector.size
    if differs.size or beyond:
        raise AmbiguousError(
            found=f"{field.name}: Bouts and Vector that differ at frame {differs[0] + 1 if differs.size else 'end'}",
            expected="the same frames in both",
            where=path.name,
            remedy="run BehaviorDEPOT again, or export one of the two as a per-frame csv",
        )
    return field.vector.astype(np.int8)


def _error(path: Path, found: str) -> FormatError:
    return FormatError(
        found=found,
        expected=EXPECTED,
        where=path.name,
        remedy="give Behavior.mat or a file hB_*.mat; an annotation table has to pass through BehaviorDEPOT first",
    )
