"""Run one program over pose files that belong to no study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import track

from nsp_adapters.inference import assemble_tables, infer_file
from nsp_adapters.outputs import Failure, sweep_outputs
from nsp_adapters.pose_import import BY_CONTENT
from nsp_adapters.poses.detect import detect_pose_format, read_pose_file
from nsp_adapters.programs import read_program
from nsp_adapters.study import read_roles
from nsp_core.errors import NspError, StudyError
from nsp_core.study import SCALE_UNKNOWN, PoseSettings, RecordingEntry

__all__ = ["infer_files"]


def infer_files(
    program_file: Path,
    pose_files: Sequence[Path],
    out: Path,
    *,
    fps: float | None,
    scale_mm_per_px: float | None = None,
    roles_file: Path | None = None,
    settings: PoseSettings = BY_CONTENT,
) -> list[Failure]:
    """Write the ethogram tables of ``pose_files`` into ``out/ethograms`` and return the files that failed.

    Parameters
    ----------
    program_file, pose_files, out
        The program, the files to run it over, and the output folder.
    fps, scale_mm_per_px
        Of all the videos. Without fps each pose file has to state its own, which NWB and movement do.
    roles_file
        TOML file with the roles of another skeleton than the program's.
    settings
        How the files are read; by default their content tells.

    Raises
    ------
    NspError
        If the program or roles cannot be read, no frame rate is given where the format of a file has none, or two files
        give one recording name.
    """
    program = read_program(program_file)
    if roles_file is not None:
        program = replace(program, roles=read_roles(roles_file))
    if fps is None:
        _require_rates(pose_files, settings)
    _require_distinct(pose_files)
    sweep_outputs(out)
    parts, failures = [], []
    for path in track(pose_files, description="infer ethograms", console=Console(stderr=True), transient=True):
        try:
            entry = _entry(path, _rate_in(path, settings) if fps is None else fps, scale_mm_per_px)
            parts.append(infer_file(program, entry, out / "ethograms", settings))
        except NspError as error:
            failures.append(Failure.of(_recording_name(path), "infer ethograms", error))
    if parts:
        assemble_tables(parts, out / "ethograms")
    return failures


def _require_rates(pose_files: Sequence[Path], settings: PoseSettings) -> None:
    """Raise a StudyError for the first file of a format that states no frame rate."""
    for path in pose_files:
        try:
            chosen = detect_pose_format(path, settings.format)
        except NspError:
            continue  # told where the file is read, so that the others go on
        if not chosen.holds_fps:
            raise StudyError(
                found="no frame rate",
                expected="--fps, the frames per second of the video",
                where=str(path),
                remedy=f"files of the format {chosen.name} carry none: read it from the video and state it",
            )


def _rate_in(path: Path, settings: PoseSettings) -> float:
    """Return the frame rate that a pose file states."""
    poses = read_pose_file(
        path,
        format=settings.format,
        fps=None,
        recording=_recording_name(path),
        individuals=settings.individuals,
        leave_out=settings.leave_out,
    )
    return float(poses.attrs["fps"])


def _entry(path: Path, fps: float, scale_mm_per_px: float | None) -> RecordingEntry:
    return RecordingEntry(
        name=_recording_name(path),
        pose_path=str(path),
        label_path=None,
        role="infer",
        subject_id=None,
        cage_id=None,
        group=None,
        fps=fps,
        scale_mm_per_px=scale_mm_per_px,
        scale_source=SCALE_UNKNOWN if scale_mm_per_px is None else "--scale-mm-per-px",
    )


def _recording_name(path: Path) -> str:
    """Return what a study would call the recording: the file's name up to the tracker's own addition."""
    stem = Path(path.name.removesuffix(".gz")).stem
    return stem.partition("DLC")[0] or stem


def _require_distinct(pose_files: Sequence[Path]) -> None:
    names = [_recording_name(path) for path in pose_files]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise StudyError(
            found=f"several pose files for the recording {', '.join(repeated)}",
            expected="one file per recording",
            where="--poses",
            remedy="run them into different output folders",
        )
