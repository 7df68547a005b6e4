"""Which pose format a file has: by its content, unless the study states it.

The built-in formats are one visible tuple. Another package may add its own under the entry-point group
``nsp.pose_readers``, each entry point naming a :class:`PoseFormat`::

    [project.entry-points."nsp.pose_readers"]
    anipose = "anipose_for_nsp:ANIPOSE"

Such a package is loaded only when no built-in format fits or its format is stated by name, so that a broken one
disturbs nobody else; whatever its functions raise becomes an error that names it.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import xarray as xr

from nsp_adapters.input_file import beginning_of, nature_of, require_file
from nsp_adapters.poses.body_parts import regroup_poses
from nsp_adapters.poses.dlc_csv import EXAMPLE, looks_like_dlc_csv, read_dlc_csv
from nsp_adapters.poses.dlc_h5 import looks_like_dlc_h5, read_dlc_h5
from nsp_adapters.poses.hdf5 import is_hdf5, opened_hdf5
from nsp_adapters.poses.movement_file import looks_like_movement, read_movement
from nsp_adapters.poses.nwb import looks_like_nwb_pose, read_nwb_pose
from nsp_adapters.poses.sleap import looks_like_slp, read_slp
from nsp_adapters.poses.sleap_analysis import looks_like_sleap_analysis, read_sleap_analysis
from nsp_core.errors import AmbiguousError, FormatError, NspError
from nsp_core.poses import validate_poses

__all__ = ["ENTRY_POINT_GROUP", "POSE_FORMATS", "PoseFormat", "detect_pose_format", "read_pose_file"]

ENTRY_POINT_GROUP = "nsp.pose_readers"

_Result = TypeVar("_Result")
_NEARLY_DLC_CSV = (b"scorer", b"\xef\xbb\xbfscorer", b"\x1f\x8b")


@dataclass(frozen=True, slots=True)
class PoseFormat:
    """One format of pose files.

    Attributes
    ----------
    name
        What the study states to choose it.
    looks_like
        Whether the content of a file (or folder) is of this format; cheap, and without an error on a file that is not.
    read
        ``read(path, *, fps, recording, scale_mm_per_px, n_frames)`` returns the dataset of
        :func:`nsp_core.poses.make_poses`, row i being video frame i.
    signature
        What a file of this format has, for the message about a file that fits none.
    takes_body_parts
        Whether ``read`` itself takes ``individuals`` and ``leave_out``; otherwise the finished poses are regrouped.
    holds_fps
        Whether its files may state the frame rate, so that ``read`` can do without.
    """

    name: str
    looks_like: Callable[[Path], bool]
    read: Callable[..., xr.Dataset]
    signature: str
    takes_body_parts: bool = False
    holds_fps: bool = False


POSE_FORMATS: tuple[PoseFormat, ...] = (
    PoseFormat("dlc_csv", looks_like_dlc_csv, read_dlc_csv, "text with header rows scorer, bodyparts, coords", True),
    PoseFormat(
        "dlc_h5", looks_like_dlc_h5, read_dlc_h5, "HDF5 with a pandas table, columns by bodyparts, coords", True
    ),
    PoseFormat("slp", looks_like_slp, read_slp, "HDF5 with metadata, frames, instances, points, pred_points"),
    PoseFormat("sleap_analysis", looks_like_sleap_analysis, read_sleap_analysis, "HDF5 with tracks and node_names"),
    PoseFormat("nwb", looks_like_nwb_pose, read_nwb_pose, "HDF5 with nwb_version and a PoseEstimation", holds_fps=True),
    PoseFormat(
        "movement",
        looks_like_movement,
        read_movement,
        "netCDF or Zarr with position, time and space",
        holds_fps=True,
    ),
)
"""The formats read without further packages, save that ``slp`` needs sleap-io."""


def detect_pose_format(path: Path, stated: str | None = None) -> PoseFormat:
    """Return the format of ``path``.

    Parameters
    ----------
    path
        A file, or the folder of a Zarr store. Its name does not matter.
    stated
        Name of a format, built-in or of another package, which is then taken unseen.

    Raises
    ------
    MissingFileError
        If there is no such file or folder.
    FormatError
        If no format fits, the file holds labels, ``stated`` is unknown, or a package that adds formats is broken.
    AmbiguousError
        If several formats fit, or several packages add the stated one.
    """
    if not path.is_dir():
        require_file(path, "a pose file")
    if stated is not None:
        return _stated_format(path, stated)
    fitting = _fitting(path, POSE_FORMATS)
    if not fitting:
        added = [_load(entry_point) for entry_point in _entry_points()]
        fitting = _fitting(path, added)
        if not fitting:
            raise _unknown(path, [*POSE_FORMATS, *added])
    if len(fitting) > 1:
        raise AmbiguousError(
            found=f"content that fits {' and '.join(one.name for one in fitting)}",
            expected="content of one format",
            where=path.name,
            remedy="state the format in the study file or with --format",
        )
    return fitting[0]


def read_pose_file(
    path: Path,
    *,
    format: str | None = None,
    fps: float | None,
    recording: str,
    scale_mm_per_px: float | None = None,
    n_frames: int | None = None,
    individuals: Sequence[str] = (),
    leave_out: Sequence[str] = (),
) -> xr.Dataset:
    """Return the poses of a file of any known format, row i being video frame i.

    Parameters
    ----------
    path
        The file, or the folder of a Zarr store.
    format
        Name of its format; by default it is recognized by content.
    fps
        Frames per second of the video; None only where the file says it.
    recording
        Name in tables.
    scale_mm_per_px
        Millimeters per pixel where known. Positions stay in pixels.
    n_frames
        Frames of the video where known: the poses are padded with NaN to this length.
    individuals
        Prefixes by which body parts of a single skeleton belong to several animals, ``("resident", "intruder")``.
    leave_out
        Body parts that belong to no animal (arena corners).

    Raises
    ------
    NspError
        As :func:`detect_pose_format`, the reader of the format and :func:`nsp_core.poses.validate_poses`.
    """
    chosen = detect_pose_format(path, format)
    common = {"fps": fps, "recording": recording, "scale_mm_per_px": scale_mm_per_px, "n_frames": n_frames}
    if chosen.takes_body_parts:
        poses = chosen.read(path, **common, individuals=individuals, leave_out=leave_out)
    else:
        poses = regroup_poses(chosen.read(path, **common), individuals=individuals, leave_out=leave_out)
    validate_poses(poses)
    return poses


def _stated_format(path: Path, stated: str) -> PoseFormat:
    for built_in in POSE_FORMATS:
        if built_in.name == stated:
            if not _fitting(path, [built_in]):
                _refuse_labels(path)
            return built_in
    added = [entry_point for entry_point in _entry_points() if entry_point.name == stated]
    if len(added) > 1:
        raise AmbiguousError(
            found=f"format {stated!r} in the packages {', '.join(map(_distribution, added))}",
            expected="one package that adds it",
            where=path.name,
            remedy="uninstall all but one of them",
        )
    if not added:
        known = [*(built_in.name for built_in in POSE_FORMATS), *(entry_point.name for entry_point in _entry_points())]
        raise FormatError(
            found=f"the stated format {stated!r}",
            expected=f"one of {', '.join(known)}",
            where=path.name,
            remedy="correct it, or leave it out to recognize the format by content",
        )
    return _load(added[0])


def _fitting(path: Path, formats: Sequence[PoseFormat]) -> list[PoseFormat]:
    # Only a Zarr store is a folder; readers of files need not think of folders.
    return [one for one in formats if (path.is_file() or one.read is read_movement) and one.looks_like(path)]


def _refuse_labels(path: Path) -> None:
    """Say so where labels were given as poses."""
    # The annotation formats ask the same of the pose formats; at the top of both modules that would be a circle.
    from nsp_adapters.annotations.detect import FORMATS

    kind = next((each.name for each in FORMATS if path.is_file() and each.looks_like(path)), None)
    if kind is not None:
        raise FormatError(
            found=f"an annotation file ({kind})",
            expected="a pose file",
            where=path.name,
            remedy="name the file of the tracker; that with the labels belongs where labels are asked for",
        )


def _unknown(path: Path, formats: Sequence[PoseFormat]) -> FormatError:
    _refuse_labels(path)
    if path.is_dir():
        found = "a folder that is no Zarr store of poses"
    elif is_hdf5(path):
        with opened_hdf5(path, "a pose file") as opened:  # damage explains more than the lack of a format
            found = f"HDF5 that holds {', '.join(opened) or 'nothing'}"
    else:
        beginning = beginning_of(path, 40, "a pose file")
        if beginning.startswith(_NEARLY_DLC_CSV):
            read_dlc_csv(path, fps=1.0)  # says which header row is wrong, or that the gzip file is damaged
        nature = f": {nature_of(beginning)}" if nature_of(beginning) else ""
        found = f"content of no known format (it begins {beginning!r}{nature})" if beginning else "an empty file"
    return FormatError(
        found=found,
        expected="; or ".join(f"{one.name}: {one.signature}" for one in formats),
        where=path.name,
        remedy=f"state the format if you know it, or convert the file; as an example of dlc_csv, {EXAMPLE}",
    )


def _entry_points() -> list[importlib.metadata.EntryPoint]:
    return sorted(importlib.metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda one: one.name)


def _distribution(entry_point: importlib.metadata.EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist is not None else "an unknown package"


def _load(entry_point: importlib.metadata.EntryPoint) -> PoseFormat:
    """Return the format that another package adds."""
    problem, cause = "", None
    try:
        loaded = entry_point.load()
    except Exception as error:  # whatever the package raises while it is imported
        problem, cause = f"{type(error).__name__}: {error}", error
    else:
        if isinstance(loaded, PoseFormat) and loaded.name == entry_point.name:
            return _guarded(loaded, _distribution(entry_point))
        named = f"a PoseFormat named {loaded.name!r}" if isinstance(loaded, PoseFormat) else f"{type(loaded).__name__}"
        problem = f"it is {named}"
    raise FormatError(
        found=f"a broken pose reader {entry_point.name!r} in the package {_distribution(entry_point)} ({problem})",
        expected=f"a PoseFormat named {entry_point.name!r}",
        where=f"entry point {entry_point.value}",
        remedy="update or uninstall that package, or state one of the built-in formats",
    ) from cause


def _guarded(added: PoseFormat, package: str) -> PoseFormat:
    """Return a format of another package of which every failure is an error about one file that names the package."""

    def guard(call: Callable[[], _Result], path: Path) -> _Result:
        try:
            return call()
        except NspError:
            raise
        except Exception as error:  # whatever the package raises
            raise _failing(added, package, path, f"failing with {type(error).__name__}: {error}") from error

    def looks_like(path: Path) -> bool:
        return guard(lambda: bool(added.looks_like(path)), path)

    def read(path: Path, **options: object) -> xr.Dataset:
        poses = guard(lambda: added.read(path, **options), path)
        if not isinstance(poses, xr.Dataset):
            raise _failing(added, package, path, f"returning {type(poses).__name__}, no Dataset")
        return poses

    return replace(added, looks_like=looks_like, read=read)


def _failing(added: PoseFormat, package: str, path: Path, how: str) -> FormatError:
    return FormatError(
        found=f"the reader {added.name!r} of package {package} {how}",
        expected="poses, or an error about the file",
        where=path.name,
        remedy="update that package or tell its authors, or state one of the built-in formats",
    )
