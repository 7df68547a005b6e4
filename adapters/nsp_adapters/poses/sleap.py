"""SLEAP projects: ``.slp`` and ``.pkg.slp`` (with embedded images), through sleap-io.

Layout: HDF5 with the compound arrays ``frames``, ``instances``, ``points`` (placed by a person), ``pred_points``, and
JSON for skeletons, tracks and videos. Frames are 0-based video frames; only frames with an instance are stored. An
instance belongs to a track (one animal through time) or to none. Known traps, and what this reader does about them:

- Files start late, skip frames and end early: points are placed by frame number, and ``n_frames`` pads to the video.
  ``Labels.numpy()`` of sleap-io drops the frames before the first, without a word: it is not used.
- A person's instance replaces the prediction it corrects. Rule: within a frame it wins over the prediction of the same
  track, over the one it was made from, and over the only other one where a single animal was tracked. It has no score:
  confidence is NaN.
- Without tracks, a file of one instance per frame is one animal. Several per frame have no identity over time: refused.
- Beside tracked animals, untracked instances are left-overs of the tracker: they are left out and counted in
  ``attrs["untracked_instances"]``.
- A project may hold several videos: the one whose file name is that of the recording is taken, or the one named by
  ``video``; otherwise the choice is left to the user.
- Points marked as not visible are missing. Pixels start at the center of the first; older files (format 1.0) count from
  its corner, which sleap-io corrects.
- There is no frame rate in the file, so it has to be stated.

Tested with sleap-io 0.9.5: it reads all ``.slp`` and ``.pkg.slp`` of the test set. Images and videos are not opened.

References
----------
sleap-io, "Data formats", https://io.sleap.ai/latest/formats/
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import xarray as xr

from nsp_adapters.poses.assemble import (
    assemble_poses,
    check_frames,
    empty_poses,
    length_of_video,
    require_fps,
    single_precision,
)
from nsp_adapters.poses.hdf5 import opened_hdf5, require_honest_arrays
from nsp_core.errors import AmbiguousError, FormatError, PoseError

__all__ = ["looks_like_slp", "read_slp"]

EXPECTED = "a SLEAP project (.slp or .pkg.slp)"
SINGLE_ANIMAL = "individual1"

# Instances, tracks and labels are objects of sleap-io, which is loaded only when a project is read.
_Instance = Any
_Chosen = dict[int, dict[str, _Instance]]  # frame -> individual -> instance


def looks_like_slp(path: Path) -> bool:
    """Return whether ``path`` is an HDF5 file with the arrays of a SLEAP project.

    Raises
    ------
    MissingFileError
        If there is no such file.
    """
    try:
        with opened_hdf5(path, EXPECTED) as opened:
            return {"metadata", "frames", "instances", "points", "pred_points"} <= set(opened)
    except FormatError:
        return False


def read_slp(
    path: Path,
    *,
    fps: float | None,
    recording: str,
    scale_mm_per_px: float | None = None,
    n_frames: int | None = None,
    video: str | None = None,
) -> xr.Dataset:
    """Return the poses of one video of a SLEAP project, row i being video frame i.

    Parameters
    ----------
    path
        The project.
    fps
        Frames per second of the video. The file does not say, so None is an error.
    recording
        Name in tables; chooses among several videos by file name.
    scale_mm_per_px
        Millimeters per pixel where known. Positions stay in pixels.
    n_frames
        Frames of the video where known: the poses are padded with NaN to this length.
    video
        File name, with or without folder and extension, of the video to take.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If fps is None, sleap-io is not installed, the file is damaged, or has no instance in this video.
    AmbiguousError
        If it holds several videos and none or several of them fit.
    PoseError
        If instances without track share a frame, two share a track, skeletons are mixed, the file is longer than
        ``n_frames``, or fps or scale is not a positive number.
    """
    fps = require_fps(path, fps)
    labels = _load(path)
    chosen_video = _choose_video(path, labels.videos, recording, video)
    frames = sorted((frame for frame in labels if frame.video is chosen_video), key=lambda frame: int(frame.frame_idx))
    instances = [instance for frame in frames for instance in frame.instances]
    if not instances:
        raise FormatError(
            found="no instance in this video",
            expected="predictions or labels",
            where=path.name,
            remedy="run inference and save the project with its predictions",
        )
    keypoints = _shared_skeleton(path, instances)
    chosen, individuals, n_untracked = _by_individual(path, frames)
    _require_possible_frames(path, list(chosen))
    length = length_of_video(path, max(chosen), n_frames)
    position, confidence = empty_poses(length, len(keypoints), len(individuals))
    for frame, of_individual in chosen.items():
        for name, instance in of_individual.items():
            column = individuals.index(name)
            position[frame, :, :, column] = single_precision(instance.numpy(invisible_as_nan=True).T)
            if _is_predicted(instance):
                confidence[frame, :, column] = single_precision(instance.points["score"])
    poses = assemble_poses(
        path,
        position,
        confidence,
        keypoints=keypoints,
        individuals=individuals,
        fps=fps,
        recording=recording,
        scale_mm_per_px=scale_mm_per_px,
        source_software="SLEAP",
    )
    if n_untracked:
        poses.attrs["untracked_instances"] = n_untracked
    return poses


def _load(path: Path) -> Any:
    with opened_hdf5(path, EXPECTED) as opened:
        if "instances" not in opened:
            raise FormatError(
                found=f"HDF5 with {', '.join(opened) or 'nothing'}",
                expected=EXPECTED,
                where=path.name,
                remedy="give the project as SLEAP saved it",
            )
        require_honest_arrays(opened, path)
    try:
        sleap_io = importlib.import_module("sleap_io")
    except ImportError as error:
        raise FormatError(
            found=f"no sleap-io to read it with ({error})",
            expected="the package sleap-io",
            where=path.name,
            remedy="install sleap-io, or export the project to an analysis h5, which needs no further package",
        ) from error
    try:
        return sleap_io.load_slp(path, open_videos=False)
    except Exception as error:  # a damaged project fails anywhere inside sleap-io, by any exception
        raise FormatError(
            found=f"a project that sleap-io cannot read ({type(error).__name__}: {error})",
            expected=EXPECTED,
            where=path.name,
            remedy="copy the file again from its source, or save it again in SLEAP",
        ) from error


def _choose_video(path: Path, videos: Sequence[Any], recording: str, name: str | None) -> Any:
    if len(videos) == 1 and name is None:
        return videos[0]
    names = [_file_name(video) for video in videos]
    # Of a recording that has the name of no video nothing follows; a video that was asked for must be there.
    wanted = PurePosixPath(recording if name is None else name)
    fitting = [video for video, of_video in zip(videos, names, strict=True) if _same_video(of_video, wanted)]
    if len(fitting) == 1:
        return fitting[0]
    raise AmbiguousError(
        found=f"{len(videos)} videos, {len(fitting)} of them named {str(wanted)!r}: {', '.join(names) or 'none'}",
        expected="one video",
        where=path.name,
        remedy="name the recording after its video, or say which video to take",
    )


def _file_name(video: Any) -> str:
    filename = video.filename[0] if isinstance(video.filename, list) else video.filename
    source = getattr(video, "source_video", None)
    # An embedded video names the project itself; its source is the video that was tracked.
    return PureWindowsPath(str(_source_name(source) or filename)).name


def _source_name(source: Any) -> str:
    return str(source.filename) if source is not None and isinstance(source.filename, str) else ""


def _same_video(file_name: str, wanted: PurePosixPath) -> bool:
    return wanted.name in (file_name, PurePosixPath(file_name).stem)


def _shared_skeleton(path: Path, instances: Sequence[_Instance]) -> list[str]:
    skeletons = dict.fromkeys(tuple(instance.skeleton.node_names) for instance in instances)
    if len(skeletons) > 1:
        raise PoseError(
            found="skeletons " + " and ".join(f"({', '.join(nodes)})" for nodes in skeletons),
            expected="one skeleton for all animals",
            where=path.name,
            remedy="save a project for each skeleton",
        )
    (nodes,) = skeletons
    return list(nodes)


def _by_individual(path: Path, frames: Sequence[Any]) -> tuple[_Chosen, list[str], int]:
    """Return the instance of each individual in each frame, the individuals, and how many instances have none."""
    tracks = dict.fromkeys(
        instance.track for frame in frames for instance in frame.instances if instance.track is not None
    )
    is_single = len(tracks) <= 1 and all(
        max(len(frame.user_instances), len(frame.predicted_instances)) <= 1 for frame in frames
    )
    names = {id(track): track.name or f"track_{number}" for number, track in enumerate(tracks)}
    only = next(iter(names.values()), SINGLE_ANIMAL)
    chosen: _Chosen = {}
    n_untracked = 0
    for frame in frames:
        index = int(frame.frame_idx)
        if index in chosen:
            raise PoseError(
                found=f"frame {index} twice",
                expected="each frame once",
                where=path.name,
                remedy="merge the two in SLEAP and save the project again",
            )
        chosen[index] = {}
        for instance, track in _without_corrected(frame):
            if track is None and not is_single:
                n_untracked += 1
                continue
            name = only if is_single else names[id(track)]
            _add(path, index, chosen[index], name, instance)
    if not names and not is_single:
        _refuse_untracked(path, frames)
    return chosen, list(names.values()) if names and not is_single else [only], n_untracked


def _require_possible_frames(path: Path, frames: Sequence[int]) -> None:
    wrong = check_frames(np.array(frames, dtype=np.float64))
    if wrong is not None:
        row, problem = wrong
        raise FormatError(
            found=f"frame number {frames[row]}, which is {problem}",
            expected="0-based frames of the video",
            where=path.name,
            remedy="copy the file again from its source, or save it again in SLEAP",
        )


def _without_corrected(frame: Any) -> Iterator[tuple[_Instance, Any]]:
    """Yield the predictions that nobody corrected, then what a person placed, each with its track."""
    corrected = {id(user.from_predicted) for user in frame.user_instances if user.from_predicted is not None}
    for instance in frame.predicted_instances:
        if id(instance) not in corrected:
            yield instance, instance.track
    for user in frame.user_instances:
        source = user.from_predicted
        yield user, user.track if user.track is not None or source is None else source.track


def _add(path: Path, frame: int, of_frame: dict[str, _Instance], name: str, instance: _Instance) -> None:
    already = of_frame.get(name)
    if already is not None and _is_predicted(already) == _is_predicted(instance):
        raise PoseError(
            found=f"two instances of track {name!r}",
            expected="each animal once in a frame",
            where=f"{path.name}, frame {frame}",
            remedy="correct the tracks in SLEAP and save the project again",
        )
    of_frame[name] = instance


def _is_predicted(instance: _Instance) -> bool:
    return "score" in (instance.points.dtype.names or ())


def _refuse_untracked(path: Path, frames: Sequence[Any]) -> None:
    counts: Mapping[int, int] = {
        int(frame.frame_idx): max(len(frame.user_instances), len(frame.predicted_instances)) for frame in frames
    }
    first = next(frame for frame, count in counts.items() if count > 1)
    raise PoseError(
        found=f"{counts[first]} instances without tracks",
        expected="a track for each animal, or one instance per frame",
        where=f"{path.name}, frame {first}",
        remedy="run tracking in SLEAP (for two animals: sleap-track --tracking.target_instance_count 2) and save again",
    )
