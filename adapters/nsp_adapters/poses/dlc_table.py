"""What DeepLabCut csv and h5 share: named columns, one row per frame.

A column has up to four names: ``scorer``, ``individuals`` (multi-animal projects only), ``bodyparts`` and ``coords``.
Coords are ``x``, ``y`` (pixels, y down) and usually ``likelihood`` (0 to 1). The row index is the 0-based video frame.
Columns are found by these names, never by position. Known traps, and what the readers do about them:

- Files start late, skip frames or end before the video: rows are placed by frame number, absent frames are NaN.
- ``(0, 0)`` stands for "not detected": tracklet export writes it with likelihood 0, and the median filter of
  ``filterpredictions``, which pads with zeros, writes it into the last frames while the likelihood stays high. An exact
  (0, 0) is read as missing. Filtering also leaves likelihood 1.0 beside an empty x and y: confidence is NaN there.
- Unique body parts (arena corners, objects) stand under the individual ``single``. They belong to no animal: they are
  left out and named in ``attrs["unused_body_parts"]``. In single-animal projects they are body parts like any other:
  ``leave_out`` names them.
- Two animals as one skeleton with prefixed body parts: :mod:`nsp_adapters.poses.body_parts`.
- Scorer cells may carry suffixes (``.1``, ``.2``) left by spreadsheet tools; they identify nothing here.
- Ground truth without a likelihood level has no confidence (NaN).
- There is no frame rate in the file, so it has to be stated.
- File names are ``<video><scorer><suffix>`` with suffixes such as ``_filtered`` or ``_el``.

References
----------
DeepLabCut, "What does the output look like", https://deeplabcut.github.io/DeepLabCut/docs/standardDeepLabCut_UserGuide.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nsp_adapters.poses.assemble import assemble_poses, empty_poses, length_of_video
from nsp_adapters.poses.body_parts import choose_body_parts, require_shared_keypoints
from nsp_core.errors import FormatError

__all__ = ["COORDS", "LEVELS", "DlcColumns", "columns_by_name", "dlc_poses", "recording_name"]

SINGLE_ANIMAL = "individual1"
UNIQUE_BODY_PARTS = "single"
LEVELS = ("scorer", "individuals", "bodyparts", "coords")
COORDS = ("x", "y", "likelihood")


@dataclass(frozen=True, slots=True)
class DlcColumns:
    """Where each animal's body parts are.

    Attributes
    ----------
    scorer
        The network's name.
    columns
        ``columns[individual][keypoint][coord]`` is a column number; all individuals have the same keypoints.
    keypoints
        Their common order.
    unused_body_parts
        Parts of the file that belong to no animal.
    """

    scorer: str
    columns: Mapping[str, Mapping[str, Mapping[str, int]]]
    keypoints: Sequence[str]
    unused_body_parts: tuple[str, ...]

    def column_numbers(self, coord: str) -> NDArray[np.int64]:
        """Return the columns (keypoint, individual) of one coord; -1 where the file has none."""
        numbers = [[parts[keypoint].get(coord, -1) for parts in self.columns.values()] for keypoint in self.keypoints]
        return np.array(numbers, dtype=np.int64)


def columns_by_name(
    levels: Mapping[str, Sequence[str]],
    *,
    individuals: Sequence[str] = (),
    leave_out: Sequence[str] = (),
    where: str,
    header_error: Callable[[str], FormatError],
    first_column: int = 0,
) -> DlcColumns:
    """Return which column holds what.

    Parameters
    ----------
    levels
        The names of all columns by level, as many in each; ``individuals`` may be absent.
    individuals, leave_out, where
        As in :func:`nsp_adapters.poses.body_parts.choose_body_parts`.
    header_error
        Makes the error of the format from what was found.
    first_column
        Number of the first column.

    Raises
    ------
    FormatError
        If a column has no name, a wrong one or that of another, if x or y is absent, or animals have different parts.
    PoseError
        If ``individuals`` or ``leave_out`` do not fit the file.
    """
    columns: dict[str, dict[str, dict[str, int]]] = {}
    of_animals = levels.get("individuals", [SINGLE_ANIMAL] * len(levels["coords"]))
    names = zip(of_animals, levels["bodyparts"], levels["coords"], strict=True)
    for number, (individual, keypoint, coord) in enumerate(names, start=first_column):
        if not individual or not keypoint or coord not in COORDS:
            raise header_error(f"column {number + 1} named {(individual, keypoint, coord)}")
        of_keypoint = columns.setdefault(individual, {}).setdefault(keypoint, {})
        if coord in of_keypoint:
            raise header_error(f"two columns named {(individual, keypoint, coord)}")
        of_keypoint[coord] = number
    for individual, parts in columns.items():
        for keypoint, of_keypoint in parts.items():
            if not {"x", "y"} <= of_keypoint.keys():
                raise header_error(f"{individual} {keypoint} with {', '.join(of_keypoint)} only, not x and y")
    unique = columns.pop(UNIQUE_BODY_PARTS, {}) if "individuals" in levels else {}
    if not columns:
        raise header_error(f"unique body parts (individual {UNIQUE_BODY_PARTS!r}) but no animal")
    left_out = [part for part in leave_out if part not in unique]
    chosen = choose_body_parts(columns, individuals=individuals, leave_out=left_out, where=where)
    unused = tuple(dict.fromkeys([*unique, *left_out]))
    return DlcColumns(levels["scorer"][0], chosen, require_shared_keypoints(chosen, where), unused)


def dlc_poses(
    path: Path,
    columns: DlcColumns,
    blocks: Iterable[tuple[NDArray[np.int64], NDArray[np.float32]]],
    *,
    last_frame: int,
    fps: float,
    recording: str | None,
    scale_mm_per_px: float | None,
    n_frames: int | None,
) -> xr.Dataset:
    """Return the poses of a table that comes in blocks of (frame numbers, cells (row, column)).

    Every frame number is there once and at most ``last_frame``. Columns are numbered as in ``columns``. The blocks are
    taken one at a time, so that only one of them needs to be in memory.

    Raises
    ------
    PoseError
        If the table goes on after ``n_frames``, or fps or scale is not a positive number.
    FormatError
        If a position is infinite.
    """
    position, confidence = empty_poses(
        length_of_video(path, last_frame, n_frames), len(columns.keypoints), len(columns.columns)
    )
    x, y, likelihood = (columns.column_numbers(coord) for coord in COORDS)
    has_likelihood = likelihood >= 0
    for frames, cells in blocks:
        rows = _as_slice(frames)
        position[rows, 0] = cells[:, x]
        position[rows, 1] = cells[:, y]
        confidence[rows] = np.where(has_likelihood, cells[:, likelihood], np.float32(np.nan))
    poses = assemble_poses(
        path,
        position,
        confidence,
        keypoints=columns.keypoints,
        individuals=list(columns.columns),
        fps=fps,
        recording=recording_name(path, columns.scorer) if recording is None else recording,
        scale_mm_per_px=scale_mm_per_px,
        source_software="DeepLabCut",
    )
    if columns.unused_body_parts:
        poses.attrs["unused_body_parts"] = ", ".join(columns.unused_body_parts)
    return poses


def recording_name(path: Path, scorer: str) -> str:
    """Return the name of the video: that of the file before the scorer.

    Examples
    --------
    >>> recording_name(Path("24DLC_dlcrnetms5_ratJan24shuffle1_5000_el_filtered.csv.gz"), "")
    '24'
    """
    stem = path.name.removesuffix(".gz").removesuffix(".csv").removesuffix(".h5")
    for mark in (scorer, "DLC"):
        if mark and (video := stem.partition(mark)[0]) not in ("", stem):
            return video
    return stem


def _as_slice(frames: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """Return consecutive frame numbers as a slice, which is several times faster to write to."""
    if frames.size and np.array_equal(frames, np.arange(frames[0], frames[0] + frames.size)):
        return slice(int(frames[0]), int(frames[0]) + frames.size)
    return frames
