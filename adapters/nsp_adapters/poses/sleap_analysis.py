"""SLEAP analysis h5, read with h5py.

Layout (``n`` frames, in the order that MATLAB likes)::

    tracks           (track, 2, node, n)   pixels, NaN where missing
    node_names       (node,)
    track_names      (track,)              may be empty
    track_occupancy  (n, track)
    point_scores     (track, node, n)      may be absent, as instance_scores, edge_names, provenance ... may

sleap-io also writes other orders of axes, and then says so in the attribute ``dims`` of ``tracks``. Why not through
sleap-io: 0.9.5 needs ``point_scores``, and so reads the file with all data sets of the test set but fails on the one of
four data sets with a KeyError. Known traps, and what this reader does about them:

- Row i is a frame counted from the first **exported** one. SLEAP exports all frames from 0 by default; an export of
  only the labeled range starts late and does not say where: then ``first_frame`` has to be stated.
- The file ends with the last frame that has a prediction: ``n_frames`` pads to the length of the video.
- Tracks may have no names (SimBA and others fail on them): they are ``track_0``, ``track_1`` ...
- There is no frame rate in the file, so it has to be stated.

References
----------
SLEAP, "Analysis files", https://docs.sleap.ai/latest/learnings/export-analysis/
"""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nsp_adapters.poses.assemble import (
    assemble_poses,
    empty_poses,
    length_of_video,
    require_fps,
    single_precision,
)
from nsp_adapters.poses.hdf5 import array_at, opened_hdf5, plain_text, text_at
from nsp_core.errors import FormatError

__all__ = ["looks_like_sleap_analysis", "read_sleap_analysis"]

EXPECTED = "a SLEAP analysis h5 (tracks, node_names, track_names)"
MATLAB_ORDER = ("track", "xy", "node", "frame")
LEGACY_ORDER = ("frame", "node", "xy", "track")  # of files with the attribute transpose = False


def looks_like_sleap_analysis(path: Path) -> bool:
    """Return whether ``path`` is an HDF5 file with the arrays of a SLEAP analysis export.

    Raises
    ------
    MissingFileError
        If there is no such file.
    """
    try:
        with opened_hdf5(path, EXPECTED) as opened:
            return {"tracks", "node_names"} <= set(opened) and isinstance(opened["tracks"], h5py.Dataset)
    except FormatError:
        return False


def read_sleap_analysis(
    path: Path,
    *,
    fps: float | None,
    recording: str,
    scale_mm_per_px: float | None = None,
    n_frames: int | None = None,
    first_frame: int = 0,
) -> xr.Dataset:
    """Return the poses of one SLEAP analysis file, row i being video frame i.

    Parameters
    ----------
    path
        The file, with all of its data sets or only ``tracks`` and ``node_names``.
    fps
        Frames per second of the video. The file does not say, so None is an error.
    recording
        Name in tables.
    scale_mm_per_px
        Millimeters per pixel where known. Positions stay in pixels.
    n_frames
        Frames of the video where known: the poses are padded with NaN to this length.
    first_frame
        Video frame of the first row, for an export that leaves out the frames before the first prediction.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If fps is None, or the file is damaged or not laid out as described above.
    PoseError
        If the file is longer than ``n_frames``, names are doubled, or fps or scale is not a positive number.
    """
    with opened_hdf5(path, EXPECTED) as opened:
        fps = require_fps(path, fps)
        tracks = array_at(opened, "tracks", path)
        order = _axis_order(path, opened, tracks)
        sizes = dict(zip(order, tracks.shape, strict=True))
        keypoints = text_at(opened, "node_names", path)
        individuals = _track_names(opened, path, sizes["track"])
        if sizes["node"] != len(keypoints) or sizes["track"] != len(individuals) or sizes["xy"] != 2:
            raise _layout_error(
                path, f"tracks {dict(sizes)} for {len(keypoints)} nodes and {len(individuals)} track names"
            )
        position, confidence = empty_poses(
            length_of_video(path, first_frame + sizes["frame"] - 1, n_frames), len(keypoints), len(individuals)
        )
        rows = slice(first_frame, first_frame + sizes["frame"])
        for number in range(len(individuals)):  # one at a time: memory follows the result
            position[rows, :, :, number] = _of_track(tracks, order, number, ("frame", "xy", "node"))
        if "point_scores" in opened:
            scores = array_at(opened, "point_scores", path)
            order = tuple(name for name in order if name != "xy")
            if scores.shape != tuple(sizes[name] for name in order):
                raise _layout_error(path, f"point_scores {scores.shape} beside tracks {tracks.shape}")
            for number in range(len(individuals)):
                confidence[rows, :, number] = _of_track(scores, order, number, ("frame", "node"))
    return assemble_poses(
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


def _axis_order(path: Path, opened: h5py.File, tracks: h5py.Dataset) -> tuple[str, ...]:
    order: tuple[str, ...] = MATLAB_ORDER if opened.attrs.get("transpose", True) else LEGACY_ORDER
    if "dims" in tracks.attrs:
        try:
            order = tuple(json.loads(plain_text(tracks.attrs["dims"])))
        except (ValueError, TypeError):
            order = ()
    if tracks.ndim != 4 or sorted(order) != sorted(MATLAB_ORDER) or tracks.dtype.kind not in "fiu":
        raise _layout_error(path, f"tracks of {tracks.dtype} with shape {tracks.shape} and dims {order}")
    return order


def _track_names(opened: h5py.File, path: Path, n_tracks: int) -> list[str]:
    names = text_at(opened, "track_names", path) if "track_names" in opened else []
    return [name or f"track_{number}" for number, name in enumerate(names or [""] * n_tracks)]


def _of_track(array: h5py.Dataset, order: tuple[str, ...], number: int, wanted: tuple[str, ...]) -> NDArray[np.float32]:
    """Return the values of one track, its other axes in the wanted order."""
    index = tuple(number if name == "track" else slice(None) for name in order)
    left = [name for name in order if name != "track"]
    return single_precision(np.transpose(array[index], [left.index(name) for name in wanted]))


def _layout_error(path: Path, found: str) -> FormatError:
    return FormatError(
        found=found,
        expected="tracks (track, 2, node, frame) of numbers, with a name for each node",
        where=path.name,
        remedy="export the analysis h5 again from SLEAP",
    )
