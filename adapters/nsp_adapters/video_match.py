"""Which video a pose file belongs to, by its name, and whether the two are of one length.

Trackers name their output after the video (stem ``cage3``):

======================================================  =========================================================
``cage3DLC_resnet50_openfieldOct30shuffle1_1600.h5``    DeepLabCut; also ``..._el.h5``, ``..._filtered.csv``
``cage3.mp4.predictions.slp`` ``cage3.predictions.slp`` ``sleap-track``, ``sleap-nn``
``labels.v001.002_cage3.analysis.h5``                   SLEAP export ``<project>.<number of the video>_<video>``
``cage3.analysis.h5`` ``cage3.slp`` ``cage3.csv.gz``    the plain stem
======================================================  =========================================================

- The longest stem wins: beside ``cage3.mp4`` and ``cage3DLC_test.mp4``, ``cage3DLC_testDLC_net.h5`` is the second's.
- Two videos that fit equally well (``day1/cage3.mp4``, ``day2/cage3.mp4``; ``cage3.avi``, ``cage3.mp4``) are refused,
  both named: no guess. So are two pose files of one video (``_el.h5`` beside ``_el_filtered.h5``).
- Names are compared exactly, capitals included; extensions are only stripped, never trusted to tell a format.

Lengths: row i of the poses is frame i of the video. Trackers leave out an end in which they saw nothing, so shorter
poses are padded with missing points, and it is said by how much. Longer poses belong to another video, or to another
version of this one: refused, be it by one frame.

References
----------
DeepLabCut, https://deeplabcut.github.io/DeepLabCut (analyze_videos); SLEAP, https://docs.sleap.ai (sleap-track, export)
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from nsp_adapters.video import VideoInfo
from nsp_core.errors import AmbiguousError, MissingFileError, PoseError

__all__ = ["FittedPoses", "fit_to_video", "pose_of_video", "video_of_pose"]

# What SLEAP's export puts before the name of the video, and what trackers and formats put after it.
_BEFORE = r"(?:.+\.\d{3,}_)?"
_AFTER = r"(?:\.(?:predictions|inference|cleaned|proofread|analysis|pkg|slp|h5|hdf5|csv|nwb|nc|zarr|gz))+"


@dataclass(frozen=True, slots=True)
class FittedPoses:
    """Poses as long as their video, and what had to be done.

    Attributes
    ----------
    poses
        Row i is frame i of the video, for every frame.
    n_padded
        Frames at the end that the pose file does not hold; all points are missing there.
    """

    poses: xr.Dataset
    n_padded: int

    @property
    def report(self) -> str:
        """One sentence about the lengths."""
        n_frames = self.poses.sizes["time"]
        if not self.n_padded:
            return f"poses and video both have {n_frames} frames"
        return f"poses end {self.n_padded} of {n_frames} frames before the video: missing there"


def video_of_pose(pose: Path, videos: Sequence[Path]) -> Path:
    """Return the one of ``videos`` that ``pose`` was tracked from, by its name.

    Raises
    ------
    MissingFileError
        If no name fits; the closest is named.
    AmbiguousError
        If two or more fit equally well.

    Examples
    --------
    >>> video_of_pose(Path("cage3DLC_net.h5"), [Path("cage.mp4"), Path("cage3.mp4")]).name
    'cage3.mp4'
    """
    best = _best_videos(pose, videos)
    if not best:
        stems = {video.stem: video for video in videos}
        close = difflib.get_close_matches(re.sub(_AFTER, "", pose.name), stems, n=1, cutoff=0.3)
        raise MissingFileError(
            found=f"{len(videos)} videos, none with a name that this file begins with",
            expected="a video of the same name, or of the name before DLC",
            where=pose.name,
            remedy=(f"is it {stems[close[0]].name}? " if close else "")
            + "state the video in the study file, or rename",
        )
    if len(best) > 1:
        raise _ambiguous(pose.name, "videos", best, "state the video in the study file, or move one away")
    return best[0]


def pose_of_video(video: Path, poses: Sequence[Path], *, videos: Sequence[Path] = ()) -> Path:
    """Return the one of ``poses`` that was tracked from ``video``, by its name.

    Parameters
    ----------
    video
        The video.
    poses
        Pose files to choose from.
    videos
        All videos beside it: a pose file that belongs to one of a longer name is not this one's.

    Raises
    ------
    MissingFileError
        If there is none.
    AmbiguousError
        If there are two or more, or one that fits another video as well.
    """
    rivals = list(dict.fromkeys([video, *videos]))
    own = [pose for pose in poses if video in _best_videos(pose, rivals)]
    if not own:
        raise MissingFileError(
            found=f"{len(poses)} pose files, none of them named after this video",
            expected=f"a name such as {video.stem}DLC... or {video.stem}.predictions.slp",
            where=video.name,
            remedy="track the video, or state its pose file in the study file",
        )
    if len(own) > 1:
        raise _ambiguous(video.name, "pose files", own, "state which one to use in the study file")
    video_of_pose(own[0], rivals)
    return own[0]


def fit_to_video(poses: xr.Dataset, video: VideoInfo, *, where: str) -> FittedPoses:
    """Return ``poses`` (schema of :mod:`nsp_core.poses`) with one row for every frame of ``video``.

    Rows that are added at the end have NaN positions and confidences; times go on at the poses' ``fps``.

    Raises
    ------
    PoseError
        If there are more rows than frames.
    """
    n_rows = poses.sizes["time"]
    if n_rows > video.n_frames:
        raise PoseError(
            found=f"{n_rows} frames of poses",
            expected=f"at most the {video.n_frames} frames of {video.file_name}",
            where=where,
            remedy="the poses come from another video or another version of it: track this one, or name the right one",
        )
    padded = poses.pad(time=(0, video.n_frames - n_rows), keep_attrs=True)
    times = np.arange(video.n_frames) / float(poses.attrs["fps"])
    return FittedPoses(padded.assign_coords(time=times), video.n_frames - n_rows)


def _best_videos(pose: Path, videos: Sequence[Path]) -> list[Path]:
    fitting = [video for video in videos if _fits(pose.name, video)]
    # A name that holds the extension too tells cage3.avi from cage3.mp4.
    with_extension = [video for video in fitting if _is_whole(pose.name, video.name)]
    longest = max((len(video.stem) for video in fitting), default=0)
    named = [video for video in with_extension if len(video.stem) == longest]
    return named or [video for video in fitting if len(video.stem) == longest]


def _fits(pose_name: str, video: Path) -> bool:
    after = pose_name.removeprefix(video.stem)
    deeplabcut = after != pose_name and after.startswith("DLC")
    return deeplabcut or _is_whole(pose_name, video.stem) or _is_whole(pose_name, video.name)


def _is_whole(pose_name: str, name: str) -> bool:
    return re.fullmatch(_BEFORE + re.escape(name) + _AFTER, pose_name) is not None


def _ambiguous(where: str, kind: str, candidates: Sequence[Path], remedy: str) -> AmbiguousError:
    return AmbiguousError(
        found=f"{len(candidates)} {kind} that fit equally well: {', '.join(str(path) for path in sorted(candidates))}",
        expected="one",
        where=where,
        remedy=remedy,
    )
