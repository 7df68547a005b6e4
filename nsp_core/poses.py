"""The pose dataset of one recording, in movement's schema (singular dims).

==========  =======================================  =========================================
variable    dims                                     meaning
==========  =======================================  =========================================
position    ``(time, space, keypoint, individual)``  pixels, y down; NaN where the point is missing
confidence  ``(time, keypoint, individual)``         the tracker's own scale; NaN where missing or not given
==========  =======================================  =========================================

Row i is always video frame i: adapters reindex files that start late or skip frames. Attributes: ``fps`` (float, never
rounded), ``time_unit``, ``source_software``, ``source_file`` (name only), ``ds_type``, ``recording`` and, where it is
known, ``scale_mm_per_px``. Positions stay in pixels; the scale is applied when features are computed, so that a
corrected scale never needs new poses.

References
----------
movement poses dataset, https://movement.neuroinformatics.dev (dims ``time, space, keypoint, individual``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nsp_core.errors import PoseError

__all__ = ["body_parts_seen", "make_poses", "validate_poses"]

POSITION_DIMS = ("time", "space", "keypoint", "individual")
CONFIDENCE_DIMS = ("time", "keypoint", "individual")


def make_poses(
    position: NDArray[np.floating],
    confidence: NDArray[np.floating],
    *,
    recording: str,
    keypoints: Sequence[str],
    individuals: Sequence[str],
    fps: float,
    scale_mm_per_px: float | None = None,
    source_software: str = "",
    source_file: str = "",
) -> xr.Dataset:
    """Return the validated pose dataset of one recording.

    Parameters
    ----------
    position
        Shape (time, 2, keypoint, individual), pixels, NaN where missing. Stored as float32.
    confidence
        Shape (time, keypoint, individual), NaN where missing or not given. Stored as float32.
    recording
        The recording's name in tables.
    keypoints, individuals
        Unique names.
    fps
        Frames per second, any positive number (29.97 stays 29.97).
    scale_mm_per_px
        Millimeters per pixel, or None where it is unknown.
    source_software, source_file
        Provenance; the file's name without its folder.

    Raises
    ------
    PoseError
        If shapes, names, fps or scale are impossible.
    """
    attrs: dict[str, object] = {
        "recording": recording,
        "fps": float(fps),
        "time_unit": "seconds",
        "source_software": source_software,
        "source_file": source_file,
        "ds_type": "poses",
    }
    if scale_mm_per_px is not None:
        attrs["scale_mm_per_px"] = float(scale_mm_per_px)
    expected = (position.shape[0], 2, len(keypoints), len(individuals))
    if position.shape != expected or confidence.shape != (expected[0], *expected[2:]):
        raise PoseError(
            found=f"position {position.shape} and confidence {confidence.shape}",
            expected=f"position {expected} and confidence {(expected[0], *expected[2:])}",
            where=recording,
            remedy="give arrays of dims (time, space, keypoint, individual) and (time, keypoint, individual)",
        )
    if not fps > 0:
        raise PoseError(
            found=f"fps = {fps}",
            expected="a positive number of frames per second",
            where=recording,
            remedy="read it from the video or state it in the study file",
        )
    poses = xr.Dataset(
        {
            "position": (POSITION_DIMS, np.asarray(position, dtype=np.float32)),
            "confidence": (CONFIDENCE_DIMS, np.asarray(confidence, dtype=np.float32)),
        },
        coords={
            "time": np.arange(position.shape[0]) / float(fps),
            "space": np.array(["x", "y"], dtype=object),
            "keypoint": np.array(list(keypoints), dtype=object),
            "individual": np.array(list(individuals), dtype=object),
        },
        attrs=attrs,
    )
    validate_poses(poses)
    return poses


def validate_poses(poses: xr.Dataset) -> None:
    """Check that ``poses`` follows the schema above.

    Raises
    ------
    PoseError
        If a variable, dim, name or attribute is missing or impossible.
    """
    where = str(poses.attrs.get("recording", "poses"))
    for name, dims in (("position", POSITION_DIMS), ("confidence", CONFIDENCE_DIMS)):
        found = poses[name].dims if name in poses else "no such variable"
        if found != dims:
            raise PoseError(
                found=f"{name}: {found}",
                expected=f"{name}: {dims}",
                where=where,
                remedy="build it with make_poses",
            )
    for dim in ("keypoint", "individual"):
        names = [str(name) for name in poses[dim].values]
        if len(set(names)) != len(names) or not names:
            raise PoseError(
                found=f"{dim} names {names}",
                expected="unique names, at least one",
                where=where,
                remedy=f"rename the {dim}s in the tracker project",
            )
    for attribute in ("fps", "scale_mm_per_px"):
        value = poses.attrs.get(attribute, None if attribute == "fps" else 1.0)
        if value is None or not (np.isfinite(value) and value > 0):
            raise PoseError(
                found=f"{attribute} = {value}",
                expected="a positive, finite number",
                where=where,
                remedy=f"state {attribute} in the study file or with --{attribute.replace('_', '-')}",
            )


def body_parts_seen(poses: xr.Dataset) -> xr.DataArray:
    """Return the share of frames (keypoint, individual) in which each keypoint of each individual is present."""
    present = poses["position"].notnull().all("space")
    return present.mean("time").rename("share_seen")
