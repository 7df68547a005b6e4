"""Millimeters per pixel, from something of known size: the arena, two points, or two keypoints of the animals.

Every scale comes with where it was measured and how far off it may be. Without one, lengths are body lengths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from nsp_core.arena import Arena, Point
from nsp_core.errors import PoseError, StudyError

__all__ = [
    "Scale",
    "distances_px",
    "scale_from_arena",
    "scale_from_keypoints",
    "scale_from_length",
    "scale_note",
]

# Two sides of one arena may tell scales that differ by so much; more is another shape, or a camera at an angle.
MOST_ANISOTROPY = 0.02
POINTING_ERROR_PX = 1.0  # of a distance whose ends were clicked, each to within half a pixel
N_BLOCKS = 20
CONFIDENCE_LEVEL = 0.95
FEWEST_FRAMES = 30
RECTANGLE_CORNERS = 4

# An interval wider than this share of the scale is worth a sentence.
WIDE_INTERVAL = 0.1


@dataclass(frozen=True, slots=True)
class Scale:
    """Millimeters per pixel of one recording.

    Attributes
    ----------
    mm_per_px
        The scale.
    source
        What it was measured from, one phrase.
    low, high
        Between these it lies; how they were found depends on the source.

    Raises
    ------
    StudyError
        If they are no finite numbers above 0 in the order low, mm_per_px, high.
    """

    mm_per_px: float
    source: str
    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.mm_per_px <= self.high < math.inf:
            raise StudyError(
                found=f"{self.mm_per_px} mm per px between {self.low} and {self.high}",
                expected="finite numbers above 0, the scale between low and high",
                where="scale",
                remedy="measure again",
            )


def scale_from_arena(
    arena: Arena,
    *,
    width_mm: float | None = None,
    height_mm: float | None = None,
    diameter_mm: float | None = None,
) -> Scale:
    """Return the scale at which the arena has its known size.

    Parameters
    ----------
    arena
        The wall in pixels.
    width_mm, height_mm
        Of an arena that is no circle; one of them is enough. In a four-sided one the width is the mean of the two
        opposite sides nearer to the horizontal of the image, in any other polygon its extent along x.
    diameter_mm
        Of a round arena.

    Returns
    -------
    With two sides the mean of their scales. The interval spans the sides it was measured from.

    Raises
    ------
    StudyError
        If a size is no number above 0, does not fit the shape or none is given; or if width and height tell scales
        that differ by more than 2 %, for then no one number is right.

    Examples
    --------
    >>> scale_from_arena(Arena.rectangle((0, 0), (800, 600)), width_mm=400).mm_per_px
    0.5
    """
    sizes = {"width_mm": width_mm, "height_mm": height_mm, "diameter_mm": diameter_mm}
    given = {name: _above_zero(name, size) for name, size in sizes.items() if size is not None}
    wanted = {"diameter_mm"} if arena.is_circle else {"width_mm", "height_mm"}
    if not given or not given.keys() <= wanted:
        raise StudyError(
            found=f"a {'round' if arena.is_circle else 'polygonal'} arena and {' and '.join(given) or 'no size'}",
            expected=" or ".join(sorted(wanted)),
            where="arena scale",
            remedy="state the size that belongs to the shape",
        )
    sides = _sides_px(arena)
    scales = {name.removesuffix("_mm"): size / float(np.mean(sides[name])) for name, size in given.items()}
    _require_isotropic(scales)
    each = [size / side for name, size in given.items() for side in sides[name]]
    mean = float(np.mean(list(scales.values())))
    stated = " and ".join(f"{name.removesuffix('_mm')} {size:g} mm" for name, size in given.items())
    return Scale(mean, f"arena {stated}", min(*each, mean), max(*each, mean))


def scale_from_length(start: Point, end: Point, length_mm: float) -> Scale:
    """Return the scale at which two points of the image, in pixels, are ``length_mm`` apart.

    The interval is that of ends clicked to within half a pixel.

    Raises
    ------
    StudyError
        If the length is no number above 0, or the points are not at least 2 px apart.

    Examples
    --------
    >>> scale_from_length((10, 10), (10, 110), 50).mm_per_px
    0.5
    """
    length = _above_zero("length_mm", length_mm)
    apart = math.dist(start, end)
    if not 2 * POINTING_ERROR_PX <= apart < math.inf:
        raise StudyError(
            found=f"two points {apart:g} px apart",
            expected=f"at least {2 * POINTING_ERROR_PX:g} px, and as far apart as possible",
            where="scale from a length",
            remedy="choose two points farther apart",
        )
    low, high = length / (apart + POINTING_ERROR_PX), length / (apart - POINTING_ERROR_PX)
    return Scale(length / apart, f"{length:g} mm between two points {apart:.1f} px apart", low, high)


def scale_from_keypoints(
    poses: xr.Dataset, start: str, end: str, length_mm: float, *, individual: str | None = None
) -> Scale:
    """Return the scale at which the median distance between two keypoints is ``length_mm``.

    Parameters
    ----------
    poses
        A pose dataset.
    start, end
        Keypoints whose distance is known, such as tail base and nose. The median is that of the postures in the
        recording: a length measured on a stretched animal gives too large a scale.
    length_mm
        Their distance in millimeters.
    individual
        Whose; None for the median over all animals.

    Returns
    -------
    The interval is the 95 % interval of the median over 20 stretches of the recording (or as many as have 30 frames
    with both points), by the sign test: neighboring frames are no independent measurements. With fewer than six
    stretches it is their range, which is less sure.

    Raises
    ------
    PoseError
        If a keypoint or individual is unknown, or both points are seen together in fewer than 30 frames.
    StudyError
        If the length is no number above 0.

    References
    ----------
    Interval of a median from order statistics: Conover 1999, Practical Nonparametric Statistics, 3rd edition, 3.2.
    """
    length = _above_zero("length_mm", length_mm)
    apart = distances_px(poses, [start], [end], individual=individual)
    apart = apart[np.isfinite(apart).any(axis=1)]
    median = float(np.nanmedian(apart)) if len(apart) else 0.0
    if len(apart) < FEWEST_FRAMES or not median > 0:
        raise PoseError(
            found=f"{start} and {end} seen together in {len(apart)} frames, {median:g} px apart",
            expected=f"at least {FEWEST_FRAMES} frames, and points that are not one",
            where=str(poses.attrs.get("recording", "poses")),
            remedy="choose keypoints that are tracked better, or measure the arena",
        )
    n_blocks = min(N_BLOCKS, len(apart) // FEWEST_FRAMES)
    medians = sorted(float(np.nanmedian(block)) for block in np.array_split(apart, n_blocks))
    rank = max(int(stats.binom.ppf((1 - CONFIDENCE_LEVEL) / 2, n_blocks, 0.5)) - 1, 0)
    nearest, farthest = min(medians[rank], median), max(medians[-1 - rank], median)
    whose = individual or "all individuals"
    source = f"{length:g} mm from {start} to {end}, median {median:.1f} px of {whose} over {len(apart)} frames"
    return Scale(length / median, source, length / farthest, length / nearest)


def distances_px(
    poses: xr.Dataset, start: Sequence[str], end: Sequence[str], *, individual: str | None = None
) -> NDArray[np.float64]:
    """Return the distance between two places on each animal, (time, individual) in pixels.

    A place is the mean of the named keypoints; NaN where one of them is missing.

    Raises
    ------
    PoseError
        If a keypoint or the individual is unknown.
    """
    for kind, names in (("keypoint", [*start, *end]), ("individual", [individual] if individual else [])):
        known = [str(name) for name in poses[kind].values]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise PoseError(
                found=f"the unknown {kind} '{unknown[0]}'",
                expected=f"one of {', '.join(known)}",
                where=str(poses.attrs.get("recording", "poses")),
                remedy=f"correct the {kind}",
            )
    keypoints = [str(name) for name in poses["keypoint"].values]
    individuals = [str(name) for name in poses["individual"].values]
    position = poses["position"].values
    if individual is not None:
        position = position[..., [individuals.index(individual)]]
    from_place, to_place = (
        position[:, :, [keypoints.index(name) for name in names]].mean(axis=2, dtype=np.float64)
        for names in (start, end)
    )
    difference = to_place - from_place
    distances: NDArray[np.float64] = np.hypot(difference[:, 0], difference[:, 1])
    return distances


def scale_note(recording: str, scale: Scale | None) -> str:
    """Return what a reader of lengths from this recording must know of its scale; the empty text if nothing.

    Examples
    --------
    >>> scale_note("cage 4", None)
    'scale unknown for cage 4: ALL its lengths are body lengths (bl), not millimeters'
    """
    if scale is None:
        return f"scale unknown for {recording}: ALL its lengths are body lengths (bl), not millimeters"
    if (scale.high - scale.low) / scale.mm_per_px > WIDE_INTERVAL:
        return (
            f"scale of {recording} ({scale.source}) is only known to lie between {scale.low:.3g} and "
            f"{scale.high:.3g} mm per px: so do all its lengths in mm"
        )
    return ""


def _sides_px(arena: Arena) -> dict[str, tuple[float, ...]]:
    if arena.is_circle:
        return {"diameter_mm": (2 * arena.radius_px,)}
    corners = arena.outline
    if len(corners) != RECTANGLE_CORNERS:
        xs, ys = zip(*corners, strict=True)
        return {"width_mm": (max(xs) - min(xs),), "height_mm": (max(ys) - min(ys),)}
    edges = [(end[0] - start[0], end[1] - start[1]) for start, end in pairwise((*corners, corners[0]))]
    one, other = edges[0::2], edges[1::2]
    # The pair of opposite sides that runs more along x than the other is the width.
    if _along_x(one) < _along_x(other):
        one, other = other, one
    return {
        "width_mm": tuple(math.hypot(*edge) for edge in one),
        "height_mm": tuple(math.hypot(*edge) for edge in other),
    }


def _along_x(edges: Sequence[Point]) -> float:
    return sum(abs(x) for x, _ in edges) / sum(math.hypot(x, y) for x, y in edges)


def _require_isotropic(scales: dict[str, float]) -> None:
    """Refuse two sides that tell different scales, naming both."""
    smaller, larger = min(scales.values()), max(scales.values())
    if larger / smaller - 1 <= MOST_ANISOTROPY:
        return
    raise StudyError(
        found=" and ".join(f"{scale:.4g} mm per px from the {side}" for side, scale in scales.items())
        + f", which differ by {100 * (larger / smaller - 1):.1f} %",
        expected=f"scales within {100 * MOST_ANISOTROPY:g} % of each other",
        where="arena scale",
        remedy="check corners and sizes; if the camera looks at an angle or the video was stretched, correct the video",
    )


def _above_zero(name: str, value: float) -> float:
    if not 0 < value < math.inf:
        raise StudyError(
            found=f"{name} = {value}", expected="a number above 0", where="scale", remedy=f"correct {name}"
        )
    return float(value)
