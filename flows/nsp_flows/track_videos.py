"""Run the pose tracker over new videos, one after the other: a video that fails stops none of the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from nsp_adapters.outputs import Failure
from nsp_adapters.tracker_run import TrackedVideo, track_video
from nsp_adapters.tracker_settings import TrackerSettings
from nsp_core.errors import NspError

__all__ = ["track_videos"]


def track_videos(
    settings: TrackerSettings, videos: Sequence[Path], folder: Path, *, redo: bool = False
) -> tuple[list[TrackedVideo], list[Failure]]:
    """Return the tracked videos, in their order, and those that failed with the reason.

    Videos whose poses are in ``folder`` already are not tracked again, unless ``redo``.
    """
    tracked, failures = [], []
    for video in track(videos, description="track videos", console=Console(stderr=True), transient=True):
        try:
            tracked.append(track_video(settings, video, folder, redo=redo))
        except NspError as error:
            failures.append(Failure.of(video.stem, "track videos", error))
    return tracked, failures
