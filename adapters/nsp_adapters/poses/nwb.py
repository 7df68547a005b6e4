"""NWB files with poses in the extension ndx-pose (0.1 and later), read with h5py.

Layout, in ``/processing/<module>`` (usually ``behavior``), with the type in the attribute ``neurodata_type``::

    PoseEstimation               PoseEstimation; nodes (0.1) or a link to a Skeleton with nodes (0.2) give the order
      front_left_paw             PoseEstimationSeries, one per keypoint
        data          (n, 2)     pixels; attributes unit, conversion, offset
        timestamps    (n,)       seconds; or starting_time with the attribute rate
        confidence    (n,)       may be absent

One file is about one subject. Why h5py and not pynwb with ndx-pose or sleap-io: the arrays are plain HDF5, pynwb needs
the extension's classes to fit the version in the file, and sleap-io 0.9.5 fails with an IndexError on the real file of
the test set (it expects a skeleton and NWB subjects as it writes them); h5py is needed anyway. Known traps, and what
this reader does about them:

- Several ``PoseEstimation`` may be several animals (sleap-io writes ``track=<name>``) or several cameras: only the
  former are combined without being asked; else ``containers`` has to name those to read, one per animal.
- dlc2nwb writes series ``<individual>_<keypoint>`` and describes them as ``Keypoint <k> from individual <i>.``: from
  this description the two names are told apart.
- dlc2nwb writes the timestamps 0, 1, 2 ... when it could not open the video: frame numbers that claim one frame per
  second. They are refused without a stated fps, and are frame numbers with one.
- Timestamps count from the start of the **session**. If they begin after 0, either the camera started later or the
  tracking did: ``n_frames`` may decide it; else ``first_frame`` has to be stated.
- Timestamps have to be regular, apart from absent frames; they tell the frame rate, which is never rounded.
- ``data`` times ``conversion`` plus ``offset`` are pixels.

References
----------
ndx-pose, https://github.com/rly/ndx-pose
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nsp_adapters.poses.assemble import (
    assemble_poses,
    check_frames,
    empty_poses,
    length_of_video,
    require_fps,
    single_precision,
)
from nsp_adapters.poses.body_parts import require_shared_keypoints
from nsp_adapters.poses.hdf5 import array_at, opened_hdf5, plain_text, text_at
from nsp_adapters.poses.timing import agreed_fps, frames_of_times
from nsp_core.errors import AmbiguousError, FormatError, PoseError

__all__ = ["looks_like_nwb_pose", "read_nwb_pose"]

EXPECTED = "an NWB file with poses (ndx-pose)"
SINGLE_ANIMAL = "individual1"

_OF_SLEAP_IO = "track="
_OF_DLC2NWB = re.compile(r"Keypoint (?P<keypoint>.+) from individual (?P<individual>.+?)\.?")

_Series = Mapping[str, h5py.Group]  # keypoint -> series


def looks_like_nwb_pose(path: Path) -> bool:
    """Return whether ``path`` is an NWB file with a PoseEstimation.

    Raises
    ------
    MissingFileError
        If there is no such file.
    """
    try:
        with opened_hdf5(path, EXPECTED) as opened:
            return "nwb_version" in opened.attrs and bool(_containers(opened))
    except FormatError:
        return False


def read_nwb_pose(
    path: Path,
    *,
    fps: float | None,
    recording: str,
    scale_mm_per_px: float | None = None,
    n_frames: int | None = None,
    containers: Sequence[str] = (),
    first_frame: int | None = None,
) -> xr.Dataset:
    """Return the poses of one NWB file, row i being video frame i.

    Parameters
    ----------
    path
        The file.
    fps
        Frames per second of the video, or None to take that of the file.
    recording
        Name in tables.
    scale_mm_per_px
        Millimeters per pixel where known. Positions stay in pixels.
    n_frames
        Frames of the video where known: the poses are padded with NaN to this length.
    containers
        Names of the PoseEstimation to read, one per animal, where the file has several.
    first_frame
        Video frame of the first timestamp, where the file does not tell it.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If the frame rate is unknown or contradicts ``fps``, times are irregular, or the file is damaged or not laid out
        as described above.
    AmbiguousError
        If several PoseEstimation could be meant, or the first timestamp could be frame 0 or a later one.
    PoseError
        If positions are not two-dimensional, the file is longer than ``n_frames``, or fps or scale is impossible.
    """
    with opened_hdf5(path, EXPECTED) as opened:
        animals = {
            name: series
            for container in _chosen_containers(path, opened, containers)
            for name, series in [_series(path, opened, container)]
        }
        keypoints = require_shared_keypoints(animals, path.name)
        every = [animals[animal][keypoint] for animal in animals for keypoint in keypoints]
        frames, fps = _common_frames(path, every, fps, n_frames, first_frame)
        wrong = check_frames(frames.astype(np.float64))
        if wrong is not None:
            raise _layout_error(path, f"row {wrong[0]} at frame {frames[wrong[0]]}, which is {wrong[1]}")
        position, confidence = empty_poses(
            length_of_video(path, int(frames.max()), n_frames), len(keypoints), len(animals)
        )
        for column, series in enumerate(animals.values()):
            for row, keypoint in enumerate(keypoints):
                position[frames, :, row, column] = single_precision(_pixels(path, series[keypoint], frames.size))
                if "confidence" in series[keypoint]:
                    confidence[frames, row, column] = single_precision(_confidence(path, series[keypoint], frames.size))
        source = every[0].parent
        software = plain_text(source["source_software"][()]) if "source_software" in source else "NWB"
    return assemble_poses(
        path,
        position,
        confidence,
        keypoints=keypoints,
        individuals=list(animals),
        fps=fps,
        recording=recording,
        scale_mm_per_px=scale_mm_per_px,
        source_software=software,
    )


def _type(group: object) -> str:
    return plain_text(group.attrs.get("neurodata_type", "")) if isinstance(group, h5py.Group) else ""


def _containers(opened: h5py.File) -> dict[str, h5py.Group]:
    processing = opened.get("processing")
    modules = processing.values() if isinstance(processing, h5py.Group) else ()
    return {
        name: member
        for module in modules
        if isinstance(module, h5py.Group)  # a link that leads nowhere is None
        for name, member in module.items()
        if _type(member) == "PoseEstimation"
        and any(_type(series) == "PoseEstimationSeries" for series in member.values())
    }


def _chosen_containers(path: Path, opened: h5py.File, names: Sequence[str]) -> list[h5py.Group]:
    there = _containers(opened)
    if not there:
        raise _layout_error(path, "no PoseEstimation with a PoseEstimationSeries")
    if not names and (len(there) == 1 or all(name.startswith(_OF_SLEAP_IO) for name in there)):
        names = list(there)
    if not names or not set(names) <= there.keys():
        raise AmbiguousError(
            found=f"{len(there)} PoseEstimation: {', '.join(there)}",
            expected=f"those named {', '.join(names)}" if names else "one, or one named for each animal",
            where=path.name,
            remedy="name those to read (containers), one for each animal: others may be further cameras",
        )
    return [there[name] for name in names]


def _series(path: Path, opened: h5py.File, container: h5py.Group) -> tuple[str, _Series]:
    """Return the animal of a PoseEstimation and its series by keypoint."""
    name = container.name.rpartition("/")[2]
    series = {key: member for key, member in container.items() if _type(member) == "PoseEstimationSeries"}
    nodes = _nodes(path, container)
    if set(nodes) == set(series):
        series = {node: series[node] for node in nodes}
    described = [_OF_DLC2NWB.fullmatch(plain_text(member.attrs.get("description", ""))) for member in series.values()]
    by_keypoint = {match["keypoint"]: member for match, member in zip(described, series.values(), strict=True) if match}
    animals = {match["individual"] for match in described if match}
    if len(by_keypoint) == len(series) and len(animals) == 1:
        return animals.pop(), by_keypoint
    subject = opened.get("general/subject/subject_id")
    if name.startswith(_OF_SLEAP_IO):
        return name.removeprefix(_OF_SLEAP_IO), series
    if len(_containers(opened)) > 1:
        return name, series
    return (plain_text(subject[()]) if isinstance(subject, h5py.Dataset) else "") or SINGLE_ANIMAL, series


def _nodes(path: Path, container: h5py.Group) -> list[str]:
    holder = container.get("skeleton", container)
    return text_at(holder, "nodes", path) if isinstance(holder, h5py.Group) and "nodes" in holder else []


def _common_frames(
    path: Path, every: Sequence[h5py.Group], fps: float | None, n_frames: int | None, first_frame: int | None
) -> tuple[NDArray[np.int64], float]:
    """Return the frame of each row, which all series have to share, and the frame rate."""
    frames, rate, start_s = _times(path, every[0], fps)
    fps = require_fps(path, rate)
    for series in every[1:]:
        other, _, other_start_s = _times(path, series, fps)
        if not np.array_equal(frames, other) or abs(other_start_s - start_s) * fps > 0.5:
            raise _layout_error(path, f"{series.name} at other times than {every[0].name}")
    if not frames.size:
        raise _layout_error(path, "a PoseEstimationSeries without frames")
    if first_frame is not None:
        return frames + first_frame, fps
    late = round(start_s * fps)
    if late == 0 or frames[-1] + 1 == n_frames:
        return frames, fps
    if late > 0 and n_frames is not None and n_frames - late <= frames[-1]:
        return frames, fps  # placed by its clock it would not fit into the video
    raise AmbiguousError(
        found=f"a first timestamp of {start_s:g} s",
        expected="timestamps from 0, or as many as the video has frames",
        where=path.name,
        remedy=f"state first_frame: {late} if the video started at 0 s, 0 if it started with the first timestamp",
    )


def _times(path: Path, series: h5py.Group, fps: float | None) -> tuple[NDArray[np.int64], float | None, float]:
    """Return frames counted from the first row, the frame rate, and the time of the first row in seconds."""
    if "timestamps" not in series:
        start = array_at(series, "starting_time", path)
        n_rows = len(array_at(series, "data", path))
        rate = agreed_fps(path, fps, float(start.attrs.get("rate", np.nan)))
        return np.arange(n_rows, dtype=np.int64), rate, float(start[()])
    times = array_at(series, "timestamps", path)[()].astype(np.float64)
    is_count = times.size > 1 and np.array_equal(times, np.rint(times)) and bool((np.diff(times) == 1).all())
    if is_count and fps is None:
        raise AmbiguousError(
            found=f"timestamps {times[0]:g}, {times[1]:g} ... {times[-1]:g}",
            expected="times in seconds",
            where=path.name,
            remedy="state fps: these are frame numbers unless the video has one frame per second",
        )
    if is_count and fps is not None:
        return (times - times[0]).astype(np.int64), fps, float(times[0]) / fps
    frames, rate = frames_of_times(path, times, fps)
    return frames, rate, float(times[0]) if times.size else 0.0


def _pixels(path: Path, series: h5py.Group, n_rows: int) -> NDArray[np.floating]:
    """Return the positions (time, space) of one keypoint."""
    stored = array_at(series, "data", path)
    if stored.ndim != 2 or stored.shape[1] != 2 or stored.dtype.kind not in "fiu":
        raise PoseError(
            found=f"{series.name} of {stored.dtype} with shape {stored.shape}",
            expected="two-dimensional positions (time, 2)",
            where=path.name,
            remedy="three-dimensional poses are not read: give the poses of one camera",
        )
    if stored.shape[0] != n_rows:
        raise _layout_error(path, f"{stored.shape[0]} positions at {n_rows} times in {series.name}")
    conversion, offset = (
        float(stored.attrs.get(name, default)) for name, default in (("conversion", 1), ("offset", 0))
    )
    pixels: NDArray[np.floating] = stored[()] * conversion + offset
    return pixels


def _confidence(path: Path, series: h5py.Group, n_rows: int) -> NDArray[np.generic]:
    stored = array_at(series, "confidence", path)
    if stored.shape != (n_rows,):
        raise _layout_error(path, f"confidence {stored.shape} at {n_rows} times in {series.name}")
    values: NDArray[np.generic] = stored[()]
    return values


def _layout_error(path: Path, found: str) -> FormatError:
    return FormatError(
        found=found,
        expected="PoseEstimationSeries with data, and timestamps or starting_time, alike for all keypoints",
        where=path.name,
        remedy="export the file again, or give the tracker's own file",
    )
