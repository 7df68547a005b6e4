"""CalMS21 (resident and intruder mouse): json of groups of sequences, and the npy made from it.

::

    {"annotator-id_0":
      {"task1/train/mouse001_task1_annotator1":
        {"keypoints": [...], "scores": [...],
         "annotations": [3, 3, 1, 1, 0],
         "metadata": {"fps": 30.0, "vocab": {"attack": 0, "investigation": 1, "mount": 2, "other": 3}}}}}

- One label per frame, frames 0-based; ``vocab`` gives the number of every name, and is read, never assumed.
- ``other`` means that none of the behaviors happens; it is no behavior and is not imported.
- Agent is the ``resident`` (mouse 0 of the keypoints), target the ``intruder`` (mouse 1).
- A recording is named as its sequence, an annotator as its group. Every frame of a sequence was looked at.
- Task 1: four names, one annotator. Task 2: several annotators. Task 3: one new behavior and ``other`` per group.

Known traps:

- The dictionary ``.npy`` that the published script makes is a Python pickle, which runs code when opened. It is
  refused: read the json it was made from. A ``.npy`` of plain numbers, the labels of one sequence, is read with a
  stated vocabulary.
- Sequences of a test set published without labels have none: they are left out and named.

References
----------
Sun et al. 2021, https://arxiv.org/abs/2104.02710. Files: https://doi.org/10.22002/D1.1991
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsp_adapters.annotations.imported import ImportedAnnotations, read_bytes
from nsp_adapters.annotations.per_frame import fit_length, labels_from_states
from nsp_adapters.input_file import beginning_of
from nsp_core.errors import AmbiguousError, FormatError, LabelError
from nsp_core.labels import RecordingLabels

__all__ = ["EXAMPLE", "looks_like_calms21", "read_calms21"]

NOTHING = "other"
AGENT, TARGET = "resident", "intruder"
NPY_MAGIC = b"\x93NUMPY"
EXAMPLE = """{"annotator-id_0":
  {"task1/train/mouse001":
    {"annotations": [1, 1, 0],
     "metadata": {"vocab": {"attack": 0, "other": 1}}}}}
"""


@dataclass(frozen=True, slots=True)
class _Sequence:
    """One entry of the file as it stands; annotations and metadata are not checked yet."""

    name: str
    group: str
    entry: Mapping[str, Any]


def looks_like_calms21(path: Path) -> bool:
    """Return whether it is a json of sequences with keypoints or annotations and a vocabulary, or an npy.

    An npy is one of whole numbers (time,), or the pickled dictionary, which is recognized to be refused with a reason.
    """
    beginning = beginning_of(path)
    if beginning.startswith(NPY_MAGIC):
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError, OSError):
            return True
        return array.ndim == 1 and bool(np.issubdtype(array.dtype, np.integer))
    opened = beginning.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"{"
    # Keypoints come first and fill more than is read here, so the vocabulary may stand beyond.
    return opened and (b'"keypoints"' in beginning or (b'"annotations"' in beginning and b'"vocab"' in beginning))


def read_calms21(
    path: Path,
    *,
    fps: float | None = None,
    n_frames: int | None = None,
    recording: str | None = None,
    annotator: str = "unknown",
    looked_for: Sequence[str] = (),
    vocabulary: Mapping[str, int] | None = None,
) -> ImportedAnnotations:
    """Return the bouts of every sequence, agent the resident, observed throughout.

    Parameters
    ----------
    path
        The json file, or an npy of whole numbers (time,).
    fps
        Checked against the file where it states one; labels are frames and need none.
    n_frames
        Length of the recording; only where one sequence is read.
    recording
        Which sequence to take, by its whole name. Default: all. For an npy: the name to give.
    annotator
        Which group to take. Default: all. For an npy: the name to give.
    looked_for
        Behaviors that have to be in the vocabulary.
    vocabulary
        Number of every name, where the file has no ``vocab``.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If it is no such json or a pickled npy, the vocabulary gives no different whole numbers, a label is not in it,
        or fps contradicts the file.
    AmbiguousError
        If there is no vocabulary, or n_frames is stated for several sequences.
    LabelError
        If the sequence, annotator or behavior is not there, labels and keypoints differ in length, or labels reach
        beyond the recording.
    """
    sequences = _chosen(path, _sequences(path, recording, annotator), recording, annotator)
    labels: list[RecordingLabels] = []
    unlabeled = [each.name for each in sequences if "annotations" not in each.entry]
    assumptions: tuple[str, ...] = ()
    if unlabeled:
        assumptions += (f"{path.name}: {len(unlabeled)} sequences without labels left out: {', '.join(unlabeled)}",)
    labeled = [each for each in sequences if "annotations" in each.entry]
    if n_frames is not None and len(labeled) > 1:
        raise AmbiguousError(
            found=f"n_frames = {n_frames} and {len(labeled)} sequences",
            expected="the length of one recording",
            where=path.name,
            remedy="name the recording, or leave n_frames out",
        )
    for each in labeled:
        numbers = _numbers(path, each, fps)
        names = _vocabulary(path, each, vocabulary, looked_for)
        _check_numbers(path, each, numbers, names)
        states = {name: (numbers == number).astype(np.int8) for name, number in names.items() if name != NOTHING}
        states, shorter = fit_length(states, n_frames, path)
        assumptions += shorter
        labels.append(labels_from_states(each.name, each.group, states, AGENT, TARGET))
    if labels:
        assumptions += (f"{path.name}: every frame of a sequence was looked at; agent {AGENT}, target {TARGET}",)
    return ImportedAnnotations(tuple(labels), assumptions)


def _sequences(path: Path, recording: str | None, annotator: str) -> list[_Sequence]:
    content = read_bytes(path, "a CalMS21 json")
    if content.startswith(NPY_MAGIC):
        return [_Sequence(recording or path.name.removesuffix(".npy"), annotator, {"annotations": _npy(path)})]
    try:
        groups = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _error(path, f"content that is no json ({error})") from error
    return list(_entries(path, groups))


def _npy(path: Path) -> NDArray[np.generic]:
    try:
        # Mapped, not loaded: a header may declare any size, and mapping holds it against the file.
        array: NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise FormatError(
            found=f"an npy that is pickled or damaged ({error})",
            expected="the json, or an npy of whole numbers, one per frame",
            where=path.name,
            remedy="read the json it was made from: opening a pickle runs code that is in it",
        ) from error
    return array


def _entries(path: Path, groups: object) -> Iterator[_Sequence]:
    if not isinstance(groups, dict) or not groups:
        raise _error(path, f"a json {type(groups).__name__}")
    for group, sequences in groups.items():
        if not isinstance(sequences, dict):
            raise _error(path, f"{type(sequences).__name__} as group {group!r}")
        for name, entry in sequences.items():
            if not isinstance(entry, dict):
                raise _error(path, f"{type(entry).__name__} as sequence {name!r}")
            yield _Sequence(name, group, entry)


def _chosen(path: Path, sequences: list[_Sequence], recording: str | None, annotator: str) -> list[_Sequence]:
    wanted = {"sequence": (recording, [each.name for each in sequences])}
    if annotator != "unknown":
        wanted["annotator"] = (annotator, [each.group for each in sequences])
    for what, (name, there) in wanted.items():
        if name is not None and name not in there:
            listed = list(dict.fromkeys(there))
            raise LabelError(
                found=f"no {what} {name!r}",
                expected=f"one of {', '.join(listed[:20])}" + (" ..." if len(listed) > 20 else ""),
                where=path.name,
                remedy=f"name one of these {what}s, or none to take all",
            )
    return [each for each in sequences if recording in (None, each.name) and annotator in ("unknown", each.group)]


def _numbers(path: Path, each: _Sequence, fps: float | None) -> NDArray[np.int64]:
    metadata = each.entry.get("metadata", {})
    stated = metadata.get("fps") if isinstance(metadata, dict) else None
    if fps is not None and isinstance(stated, int | float) and abs(fps - stated) > 1e-4 * stated:
        raise FormatError(
            found=f"fps {stated} in the file",
            expected=f"{fps} as stated",
            where=f"{path.name}, {each.name}",
            remedy="correct the stated fps",
        )
    try:
        numbers = np.asarray(each.entry["annotations"])
    except ValueError:  # lists of unequal length
        numbers = np.empty(0)
    if numbers.ndim != 1 or not np.issubdtype(numbers.dtype, np.integer) or numbers.size == 0:
        raise _error(path, f"annotations of {each.name} that are no list of whole numbers")
    keypoints = each.entry.get("keypoints")
    if keypoints is not None and not isinstance(keypoints, list):
        raise _error(path, f"keypoints of {each.name} that are no list")
    if keypoints is not None and len(keypoints) != numbers.size:
        raise LabelError(
            found=f"{numbers.size} labels and {len(keypoints)} frames of keypoints",
            expected="one label per frame",
            where=f"{path.name}, {each.name}",
            remedy="download the file again: it is not as published",
        )
    return numbers.astype(np.int64)


def _vocabulary(
    path: Path, each: _Sequence, stated: Mapping[str, int] | None, looked_for: Sequence[str]
) -> dict[str, int]:
    metadata = each.entry.get("metadata", {})
    vocab = metadata.get("vocab") if isinstance(metadata, dict) else None
    if isinstance(vocab, list):
        vocab = {name: number for number, name in enumerate(vocab)}
    names = vocab if isinstance(vocab, dict) and vocab else stated
    if names is None:
        raise AmbiguousError(
            found="no vocab in the metadata",
            expected="the number of every behavior",
            where=f"{path.name}, {each.name}",
            remedy='give a json whose metadata has it, such as "vocab": {"attack": 0, "investigation": 1, "mount": 2, '
            '"other": 3}, or write a csv with one row per frame and one column of 0 and 1 per behavior',
        )
    for name in looked_for:
        if name not in names:
            raise LabelError(
                found=f"no behavior {name!r}",
                expected=f"one of {', '.join(map(str, names))}",
                where=f"{path.name}, {each.name}",
                remedy="write the behavior as in the file's vocabulary",
            )
    wrong = [name for name, number in names.items() if isinstance(number, bool) or not isinstance(number, int)]
    if wrong or len(set(names.values())) < len(names):
        raise FormatError(
            found=f"the vocabulary {str(names)[:80]}",
            expected='a different whole number for every name, such as {"attack": 0, "other": 1}',
            where=f"{path.name}, {each.name}",
            remedy="correct vocab in the metadata, or the stated vocabulary",
        )
    return {str(name): number for name, number in names.items()}


def _check_numbers(path: Path, each: _Sequence, numbers: NDArray[np.int64], names: Mapping[str, int]) -> None:
    unknown = np.flatnonzero(~np.isin(numbers, list(names.values())))
    if unknown.size:
        raise FormatError(
            found=f"label {numbers[unknown[0]]} at frame {unknown[0]}",
            expected=f"one of {', '.join(f'{number} ({name})' for name, number in names.items())}",
            where=f"{path.name}, {each.name}",
            remedy="check that vocabulary and labels belong together",
        )


def _error(path: Path, found: str) -> FormatError:
    return FormatError(
        found=found,
        expected="groups of sequences, each with annotations and metadata",
        where=path.name,
        remedy=f"give the json as published; a valid file:\n{EXAMPLE}",
    )
