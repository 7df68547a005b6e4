"""The poses of a recording of a study: read in whatever format they are, held against the video, cleaned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import xarray as xr

from nsp_adapters.poses.detect import read_pose_file
from nsp_adapters.video import VideoInfo, read_video
from nsp_core.cleaning import Cleaning, clean_poses, require_usable
from nsp_core.errors import FormatError
from nsp_core.quality import bad_spans, remove_spans
from nsp_core.study import PoseSettings, RecordingEntry, Study

__all__ = ["read_poses", "tracked_poses", "video_identity"]

BY_CONTENT = PoseSettings()
# Frames at the end of the video; beyond, a time in seconds falls on the neighboring frame.
LARGEST_DRIFT = 0.5


def tracked_poses(entry: RecordingEntry, study: Study) -> xr.Dataset:
    """Return the poses of a recording as they were tracked, before any cleaning.

    Where the study names the video, its frame rate must be the one stated, and poses that end before it are padded with
    missing frames.

    Raises
    ------
    MissingFileError, FormatError
        If a file is not there, not what it should be, or the frame rate stated is not that of the video or the poses.
    PoseError
        If there are more poses than frames of the video.
    AmbiguousError
        If the pose file could be of several formats.
    """
    return _tracked(entry, study.poses)


def read_poses(
    entry: RecordingEntry,
    cleaning: Cleaning,
    *,
    n_animals: int,
    roles: Mapping[str, Sequence[str]],
    settings: PoseSettings = BY_CONTENT,
) -> xr.Dataset:
    """Return the cleaned poses of a recording with at least ``n_animals`` usable animals.

    Raises
    ------
    MissingFileError, FormatError, AmbiguousError
        As :func:`tracked_poses`.
    PoseError
        Also if an animal is never seen surely enough, or there are fewer animals than the behaviors need.
    StudyError
        If the cleaning asks for something that this frame rate does not allow.
    """
    poses = _tracked(entry, settings)
    cleaned = clean_poses(poses, cleaning, roles)
    if cleaning.drop_bad_spans:
        cleaned = remove_spans(cleaned, bad_spans(poses, cleaning, roles))
    # After cleaning: an animal of which every point is unsure is as good as never seen.
    require_usable(cleaned, n_animals=n_animals)
    return cleaned


def video_identity(entry: RecordingEntry) -> tuple[str, int] | None:
    """Return name and size in bytes of the recording's video, None without one.

    A whole video is too much to hash at every run; one that was cut or encoded anew has another size.
    """
    if entry.video_path is None:
        return None
    path = Path(entry.video_path)
    return path.name, path.stat().st_size if path.is_file() else -1


def _tracked(entry: RecordingEntry, settings: PoseSettings) -> xr.Dataset:
    n_frames = None
    if entry.video_path is not None:
        video = read_video(Path(entry.video_path))
        _refuse_drift(entry, video)
        n_frames = video.n_frames
    return read_pose_file(
        Path(entry.pose_path),
        format=settings.format,
        fps=entry.fps,
        recording=entry.name,
        scale_mm_per_px=entry.scale_mm_per_px,
        n_frames=n_frames,
        individuals=settings.individuals,
        leave_out=settings.leave_out,
    )


def _refuse_drift(entry: RecordingEntry, video: VideoInfo) -> None:
    """Refuse another frame rate than the video's, and a rounded one that misses a frame before the video ends."""
    exact = float(video.constant_fps(entry.fps))
    drift = abs(entry.fps / exact - 1) * video.n_frames
    if drift > LARGEST_DRIFT:
        raise FormatError(
            found=f"the stated fps = {entry.fps:g}, which is {drift:.1f} frames off at the end of the video",
            expected=f"{exact:.9g} frames per second",
            where=video.file_name,
            remedy=f"state fps = {exact:.9g}",
        )
