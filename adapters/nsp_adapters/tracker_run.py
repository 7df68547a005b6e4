"""Tracking one video: runs DeepLabCut or SLEAP in its own environment, and keeps the result only when it is whole.

::

    <folder>/cage3.tracker.log               what the tracker printed, written as it comes, kept whatever happens
    <folder>/cage3/                          appears in one step, complete
        cage3DLC_..._el.h5  or  cage3.predictions.slp
        ...                                  whatever else the tracker wrote
        tracked.json                         which settings, video and model made it, and its digest

The tracker writes to a hidden folder beside, so a crash, a time limit or a pulled plug leaves no pose file that looks
finished. Tracking the same video with the same model again finds the result and starts nothing; with another model or
other arguments it is refused, since one of the two results would silently be lost.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import shlex
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nsp_adapters.atomic import move_directory, sweep_stale, temporary_directory, write_json
from nsp_adapters.manifest import file_sha256
from nsp_adapters.tracker_commands import deeplabcut_call, prepare_launch, sleap_words
from nsp_adapters.tracker_outputs import count_rows, find_output, sleap_output_name
from nsp_adapters.tracker_process import last_words, run_logged
from nsp_adapters.tracker_settings import TrackerError, TrackerSettings, run_digest
from nsp_adapters.video import read_video
from nsp_core.errors import AmbiguousError

__all__ = ["RECORD_NAME", "TrackedVideo", "track_video"]

RECORD_NAME = "tracked.json"
_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class TrackedVideo:
    """Where the poses of a video are.

    Attributes
    ----------
    pose_path
        The pose file.
    log_path
        What the tracker printed.
    n_rows, n_frames
        Frames the pose file reaches over, and frames of the video.
    was_there
        Whether it was found finished and nothing was run.
    """

    pose_path: Path
    log_path: Path
    n_rows: int
    n_frames: int
    was_there: bool

    @property
    def report(self) -> str:
        """One sentence about the lengths: a tracker that stopped reading early does not say so."""
        if self.n_rows == self.n_frames:
            return f"poses and video both have {self.n_frames} frames"
        return f"poses reach over {self.n_rows} frames, the video has {self.n_frames}"


def track_video(settings: TrackerSettings, video: Path, folder: Path, *, redo: bool = False) -> TrackedVideo:
    """Return the poses of ``video`` as ``settings`` track it, in ``folder``; run the tracker unless they are there.

    Parameters
    ----------
    settings
        Tracker, model, environment, time limit.
    video
        The video; it is read first, so that a broken one is refused before the tracker has worked for hours.
    folder
        Where results go; made if it is missing. One run per video at a time.
    redo
        Run in any case, and replace what is there once the new result is whole.

    Raises
    ------
    MissingFileError
        If the video or a model is not there.
    FormatError
        If the video is broken.
    AmbiguousError
        If a result of other settings, or a folder not made by this software, is in the way.
    TrackerError
        If the tracker cannot be started, fails, is stopped, or leaves no finished pose file; with its last lines.
    OutputError
        If the folder cannot be written.
    """
    n_frames = read_video(video).n_frames
    settings.require_models()
    folder = folder.absolute()
    result, log = folder / video.stem, folder / f"{video.stem}.tracker.log"
    sweep_stale(folder)
    digest = run_digest(settings, video)
    pose_name = None if redo else _finished_pose(settings, result, digest)
    was_there = pose_name is not None
    if pose_name is None:
        pose_name = _run(settings, video, result, log, digest)
    pose_path = result / pose_name
    return TrackedVideo(pose_path, log, count_rows(settings.tracker, pose_path), n_frames, was_there)


def _finished_pose(settings: TrackerSettings, result: Path, digest: str) -> str | None:
    """Return the name of the pose file in ``result``, or None if the tracker has to run."""
    if not result.exists():
        return None
    record = _read_record(result / RECORD_NAME)
    if record.get("digest") != digest:
        raise AmbiguousError(
            found="the result of another model, video or other arguments"
            if record
            else "a folder without tracked.json",
            expected=f"nothing, or what {settings.tracker} with these settings left",
            where=str(result),
            remedy="give another output folder, move this one away, or replace it with redo",
        )
    pose = result / str(record.get("pose_file"))
    # What was damaged or removed since is tracked again.
    intact = pose.is_file() and file_sha256(pose) == record.get("sha256")
    return pose.name if intact else None


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) and record.get("schema_version") == _SCHEMA_VERSION else {}


def _run(settings: TrackerSettings, video: Path, result: Path, log: Path, digest: str) -> str:
    with temporary_directory(result) as fresh, temporary_directory(result.with_name(f"{result.name}.job")) as scratch:
        if settings.environment.kind == "in-process":
            _call_here(settings, video, fresh, log)
        else:
            _run_elsewhere(settings, video, fresh, scratch, log)
        try:
            pose = find_output(settings.tracker, video, fresh)
        except TrackerError as error:
            raise TrackerError(
                found=f"{error.found}, although the tracker reported no error{last_words(log)}",
                expected=error.expected,
                where=error.where,
                remedy=f"{error.remedy}: {log}",
            ) from error
        record = {
            "schema_version": _SCHEMA_VERSION,
            "digest": digest,
            "tracker": settings.tracker,
            "arguments": list(settings.arguments),
            "pose_file": pose.name,
            "sha256": file_sha256(pose),
        }
        write_json(fresh / RECORD_NAME, record)
        move_directory(fresh, result)
    return pose.name


def _run_elsewhere(settings: TrackerSettings, video: Path, fresh: Path, scratch: Path, log: Path) -> None:
    output = fresh if settings.tracker == "deeplabcut" else fresh / sleap_output_name(video)
    launch = prepare_launch(settings, video, output, scratch)
    log.write_text(f"$ {shlex.join(launch.command)}\n", encoding="utf-8")
    code = run_logged(launch, log, timeout_s=settings.timeout_s, cwd=scratch)
    if code != 0:
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        raise _failed(settings, video, log, f"{settings.tracker} {ended}")


def _call_here(settings: TrackerSettings, video: Path, fresh: Path, log: Path) -> None:
    with log.open("w", encoding="utf-8", buffering=1) as stream:
        stream.write(f"{settings.tracker} in this process\n")
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            try:
                _call(settings, video, fresh)
            except (Exception, SystemExit) as error:
                # Whatever a tracker raises: its traceback belongs in the log, the end of it in the message.
                stream.write(traceback.format_exc())
                raise _failed(settings, video, log, f"{settings.tracker} raised {type(error).__name__}") from error


def _call(settings: TrackerSettings, video: Path, fresh: Path) -> None:
    if settings.tracker == "deeplabcut":
        call = deeplabcut_call(settings, video, fresh)
        options = settings.deeplabcut_options()
        deeplabcut = importlib.import_module("deeplabcut")
        deeplabcut.analyze_videos(call["config"], call["videos"], destfolder=call["destfolder"], **options)
        return
    _, *words = sleap_words(settings, video, fresh / sleap_output_name(video))
    # Without standalone_mode the command would end this process when it is done.
    importlib.import_module("sleap_nn.cli").cli.main(args=words, prog_name="sleap-nn", standalone_mode=False)


def _failed(settings: TrackerSettings, video: Path, log: Path, found: str) -> TrackerError:
    return TrackerError(
        found=f"{found}{last_words(log)}",
        expected=f"{settings.tracker} to track {video.name}",
        where=video.name,
        remedy=f"correct what they say and run again; all of it is in {log}",
    )
