"""Jumps of a tracked point: it leaves faster than an animal can move, and soon is back where it could have been.

A limit is a speed as text: ``20 bl/s`` (body lengths), ``1500 mm/s`` or ``800 px/s``. A step of a point between two
frames in which it was seen is impossible if it is longer than the limit times the time between them, or times 0.05 s
where they are closer: jitter has a high speed from frame to frame, the higher the frame rate, but goes nowhere.

An excursion begins and ends with an impossible step, lasts at most 0.5 s, and the way from the last point before it to
the first one after it is possible, even in 0.1 s: no animal keeps its highest speed for long, and a point on its way
back is not back. A point that leaves and stays away is no excursion: which of the two places is wrong cannot be told
from the point alone (see :mod:`nsp_core.identity`). Nor is one that comes back slowly, as where a tracker's filter drew
a line between two places: its confidence tells (``min_confidence``).

References
----------
Speed before and after: a common filter of pose tracks. The median-based relative is Hampel 1974, The influence curve
and its role in robust estimation, Journal of the American Statistical Association 69, doi:10.2307/2285666; it needs a
majority of good points in every window, which tracks with many gaps do not have.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nsp_core.calibration import distances_px
from nsp_core.errors import PoseError, StudyError, UnitError
from nsp_core.units import LengthReference, parse_unit

__all__ = ["SpeedLimit", "find_jumps", "parse_speed", "speed_px"]

SHORTEST_STEP_S = 0.05
LONGEST_EXCURSION_S = 0.5
LONGEST_WAY_S = 0.1

BODY_ENDS = ("nose", "tail_base")

_SPEED = re.compile(r"\s*(?P<number>\S+?)\s*(?P<unit>[A-Za-z]+\s*/\s*[A-Za-z]+)\s*")


@dataclass(frozen=True, slots=True)
class SpeedLimit:
    """The speed above which a step is impossible, per second of the recording.

    Attributes
    ----------
    value
        Above 0.
    length
        What length is measured against: ``"body"``, ``"mm"`` or ``"px"``.
    """

    value: float
    length: LengthReference


def parse_speed(text: str) -> SpeedLimit:
    """Return the limit that a text such as ``20 bl/s``, ``1500 mm/s`` or ``800 px/s`` states.

    Raises
    ------
    StudyError
        If it is no number above 0 with one of these units.

    Examples
    --------
    >>> parse_speed("20 bl/s")
    SpeedLimit(value=20.0, length='body')
    """
    match = _SPEED.fullmatch(text)
    try:
        value, unit = (float(match["number"]), parse_unit(match["unit"])) if match else (math.nan, None)
    except (ValueError, UnitError):
        value, unit = math.nan, None
    possible = unit is not None and (unit.length, unit.time, unit.angle, unit.time_reference) == (1, -1, 0, "s")
    if unit is None or not possible or unit.length_reference == "arena" or not 0 < value < math.inf:
        raise StudyError(
            found=f"max_jump = {text!r}",
            expected="a speed above 0 with its unit, bl/s, mm/s or px/s",
            where="cleaning",
            remedy='write it like max_jump = "20 bl/s"',
        )
    return SpeedLimit(value, unit.length_reference)


def speed_px(limit: SpeedLimit, poses: xr.Dataset, roles: Mapping[str, Sequence[str]] | None = None) -> float:
    """Return ``limit`` in pixels per second in this recording.

    Parameters
    ----------
    limit
        A speed.
    poses
        A pose dataset; its ``scale_mm_per_px`` turns millimeters into pixels.
    roles
        Role to keypoints. A body length is the median distance from ``nose`` to ``tail_base`` over all animals.

    Raises
    ------
    PoseError
        If the recording has no scale, or its body length cannot be measured.
    """
    if limit.length == "px":
        return limit.value
    where = str(poses.attrs.get("recording", "poses"))
    if limit.length == "mm":
        if "scale_mm_per_px" not in poses.attrs:
            raise PoseError(
                found="max_jump in mm/s and no scale_mm_per_px",
                expected="a scale",
                where=where,
                remedy="state scale_mm_per_px in the study file, or max_jump in bl/s",
            )
        return limit.value / float(poses.attrs["scale_mm_per_px"])
    start, end = ((roles or {}).get(role, ()) for role in BODY_ENDS)
    lengths = distances_px(poses, start, end) if start and end else np.empty(0)
    body_px = float(np.nanmedian(lengths)) if np.isfinite(lengths).any() else 0.0
    if not body_px > 0:
        raise PoseError(
            found="max_jump in bl/s and no body length",
            expected="keypoints of the roles nose and tail_base that are seen together",
            where=where,
            remedy="give both roles to keypoints that are tracked, or state max_jump in px/s",
        )
    return limit.value * body_px


def find_jumps(poses: xr.Dataset, limit_px_s: float) -> NDArray[np.bool_]:
    """Return which points belong to an excursion.

    Parameters
    ----------
    poses
        A pose dataset.
    limit_px_s
        Speed above which a step is impossible, pixels per second; see :func:`speed_px`.

    Returns
    -------
    Shape (time, keypoint, individual). Missing points are False. Only points between two others are judged, so the
    first and the last one of a track never are.

    Notes
    -----
    Every track of a keypoint is judged by itself. Where two excursions could explain the same steps, the earlier
    points are kept.

    Examples
    --------
    >>> from nsp_core.poses import make_poses
    >>> x = np.array([0.0, 1.0, 300.0, 3.0])
    >>> position = np.stack([x, x], axis=1).reshape(4, 2, 1, 1)
    >>> one = make_poses(position, np.ones((4, 1, 1)), recording="r", keypoints=["nose"], individuals=["a"], fps=30)
    >>> find_jumps(one, 500.0).ravel().tolist()
    [False, False, True, False]
    """
    position, fps = poses["position"].values, float(poses.attrs["fps"])
    jumped = np.zeros((position.shape[0], *position.shape[2:]), dtype=bool)
    for keypoint, individual in np.ndindex(jumped.shape[1:]):
        track = position[:, :, keypoint, individual]
        frames = np.flatnonzero(np.isfinite(track).all(axis=1))
        for start, stop in _excursions(track[frames], frames / fps, limit_px_s):
            jumped[frames[start:stop], keypoint, individual] = True
    return jumped


def _excursions(points: NDArray[np.float32], seconds: NDArray[np.float64], limit_px_s: float) -> list[tuple[int, int]]:
    """Return the excursions among the points seen (point, space), as half-open ranges of points."""
    reach = limit_px_s * np.maximum(np.diff(seconds), SHORTEST_STEP_S)
    starts = (np.flatnonzero(_length(np.diff(points, axis=0)) > reach) + 1).tolist()
    found = []
    at = 0
    while at < len(starts):
        last_good = starts[at] - 1
        back = _return(points, seconds, limit_px_s, last_good, starts[at + 1 :])
        if back is not None:
            found.append((starts[at], back))
            at = starts.index(back, at)
        at += 1
    return found


def _return(
    points: NDArray[np.float32], seconds: NDArray[np.float64], limit_px_s: float, last_good: int, starts: list[int]
) -> int | None:
    """Return the first of ``starts`` to which the way from ``last_good`` is possible and short enough in time."""
    for start in starts:
        if seconds[start - 1] - seconds[last_good] > LONGEST_EXCURSION_S:
            return None
        elapsed = min(max(seconds[start] - seconds[last_good], SHORTEST_STEP_S), LONGEST_WAY_S)
        if _length(points[start] - points[last_good]) <= limit_px_s * elapsed:
            return start
    return None


def _length(difference: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.hypot(difference[..., 0].astype(np.float64), difference[..., 1].astype(np.float64))
