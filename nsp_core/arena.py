"""The arena an animal moves in: its wall, named regions and named objects, in pixels of the video (y down).

An arena is plain geometry: it knows neither poses nor millimeters, so one arena serves every recording of one camera
setting. Polygons are simple and close by themselves. A circle is kept as a polygon too, for plots and regions, but
marked, so that its wall is measured as the circle it stands for.

References
----------
Area and centroid: Bourke 1988, Calculating the area and centroid of a polygon.
Meeting of two edges by orientation: Cormen et al. 2009, Introduction to Algorithms, 3rd edition, section 33.1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nsp_core.errors import StudyError

__all__ = ["Arena", "Point", "Polygon", "polygon_edges"]

Point = tuple[float, float]
Polygon = tuple[Point, ...]

FEWEST_CORNERS = 3
CIRCLE_CORNERS = 64

# No camera is that wide; up to here single precision still tells positions a sixteenth of a pixel apart.
GREATEST_PX = 1e6

# Corners are on one line if the area they span is below this share of their extent squared.
FLATTEST = 1e-9

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Arena:
    """The wall of an arena and the places in it, all in pixels, x to the right and y down.

    Attributes
    ----------
    outline
        Corners ``(x, y)`` of the wall in order, either way round: a simple polygon of at least three corners.
    regions
        Name to polygon (a shelter, a zone). A region may reach beyond the outline: its place in the video is what
        counts.
    objects
        Name to point (a water spout, a novel object). It may lie outside the outline.
    is_circle
        The wall is the circle with the area and centroid of ``outline``; see :meth:`circle`.

    Whole numbers become floats and names are sorted, so that arenas that mean the same are equal and have one JSON.
    Names are ``a-z``, ``0-9`` and ``_`` with a letter first, and belong to one region or object.

    Raises
    ------
    StudyError
        If a polygon has fewer than three corners, repeats one, crosses or touches itself or has no area; if a
        coordinate is no finite number; or if a name is malformed or used twice.

    Examples
    --------
    >>> arena = Arena(((0, 0), (40, 0), (40, 30), (0, 30)), objects={"water": (5, 5)})
    >>> arena.area_px, arena.center
    (1200.0, (20.0, 15.0))
    """

    outline: Polygon
    # Mappings have no hash; equal arenas have equal outlines.
    regions: Mapping[str, Polygon] = field(default_factory=dict, hash=False)
    objects: Mapping[str, Point] = field(default_factory=dict, hash=False)
    is_circle: bool = False

    def __post_init__(self) -> None:
        for name in (*self.regions, *self.objects):
            _check_name(name, self.regions, self.objects)
        regions = {name: _polygon(self.regions[name], f"arena region {name}") for name in sorted(self.regions)}
        objects = {name: _point(self.objects[name], f"arena object {name}") for name in sorted(self.objects)}
        object.__setattr__(self, "outline", _polygon(self.outline, "arena outline"))
        object.__setattr__(self, "regions", regions)
        object.__setattr__(self, "objects", objects)

    @classmethod
    def circle(
        cls,
        center: Point,
        radius: float,
        *,
        regions: Mapping[str, Polygon] | None = None,
        objects: Mapping[str, Point] | None = None,
    ) -> Arena:
        """Return a round arena: a regular polygon of 64 corners whose *area* is the circle's.

        Its corners are an approximation (within 0.1 % of the radius) and no places an animal could know, so
        :attr:`corners` is empty and the distance to a corner is undefined.

        Parameters
        ----------
        center, radius
            In pixels.
        regions, objects
            As in :class:`Arena`.

        Raises
        ------
        StudyError
            If the radius is no number above 0, and as :class:`Arena`.
        """
        x, y = _point(center, "arena circle")
        if not (_is_pixels(radius) and radius > 0):
            raise _wrong(f"the radius {radius}", "a number above 0", "arena circle", "state the radius in pixels")
        turn = 2 * math.pi / CIRCLE_CORNERS
        reach = radius * math.sqrt(turn / math.sin(turn))
        corners = tuple((x + reach * math.cos(k * turn), y + reach * math.sin(k * turn)) for k in range(CIRCLE_CORNERS))
        return cls(corners, regions or {}, objects or {}, is_circle=True)

    @classmethod
    def rectangle(
        cls,
        corner: Point,
        opposite: Point,
        *,
        regions: Mapping[str, Polygon] | None = None,
        objects: Mapping[str, Point] | None = None,
    ) -> Arena:
        """Return an arena with walls along the image axes, from two opposite corners; else as :class:`Arena`."""
        (x0, y0), (x1, y1) = _point(corner, "arena rectangle"), _point(opposite, "arena rectangle")
        return cls(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), regions or {}, objects or {})

    @classmethod
    def from_json(cls, stated: Mapping[str, object]) -> Arena:
        """Return the arena that :meth:`to_json` stated.

        Raises
        ------
        StudyError
            If keys are missing or unknown, or as :class:`Arena`.
        """
        keys = {"outline", "regions", "objects", "is_circle"}
        if set(stated) != keys:
            raise _wrong(
                f"the keys {', '.join(map(str, stated)) or '(none)'}",
                ", ".join(sorted(keys)),
                "stored arena",
                "write it again with Arena.to_json",
            )
        return cls(**stated)  # type: ignore[arg-type]  # the constructor checks every value

    def to_json(self) -> dict[str, object]:
        """Return the arena as lists, numbers and text, the same for equal arenas."""
        return {
            "outline": [list(corner) for corner in self.outline],
            "regions": {name: [list(corner) for corner in polygon] for name, polygon in self.regions.items()},
            "objects": {name: list(point) for name, point in self.objects.items()},
            "is_circle": self.is_circle,
        }

    @property
    def corners(self) -> Polygon:
        """Real corners of the wall: those of the outline, none in a circle."""
        return () if self.is_circle else self.outline

    @property
    def area_px(self) -> float:
        """Area inside the wall, square pixels."""
        return _area_and_centroid(self.outline)[0]

    @property
    def length_px(self) -> float:
        """Side of the square of the same area, pixels: what the length reference ``arena`` measures against."""
        return math.sqrt(self.area_px)

    @property
    def radius_px(self) -> float:
        """Radius of the circle of the same area, pixels: for a round arena its own."""
        return math.sqrt(self.area_px / math.pi)

    @property
    def center(self) -> Point:
        """Centroid of the area, pixels. In a strongly concave arena it may lie outside the wall."""
        return _area_and_centroid(self.outline)[1]


def polygon_edges(polygon: Polygon) -> Iterator[tuple[Point, Point]]:
    """Yield start and end of every edge, the last one back to the first corner.

    Examples
    --------
    >>> list(polygon_edges(((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))))[-1]
    ((0.0, 1.0), (0.0, 0.0))
    """
    return pairwise((*polygon, polygon[0]))


def _check_name(name: object, regions: Mapping[str, object], objects: Mapping[str, object]) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _wrong(
            f"the name {name!r}",
            "a-z, 0-9 and _, a letter first, since features are called after it",
            "arena",
            "rename the region or object",
        )
    if name in regions and name in objects:
        raise _wrong(f"a region and an object called '{name}'", "a name of its own for each", "arena", "rename one")


def _polygon(stated: object, where: str) -> Polygon:
    """Return the corners of a simple polygon as floats."""
    corners = tuple(_point(corner, where) for corner in _members(stated))
    if len(corners) < FEWEST_CORNERS:
        raise _wrong(f"{len(corners)} corners", f"at least {FEWEST_CORNERS}", where, "add the missing corners")
    position = np.array(corners)
    from_first = position - position[0]
    extent = np.abs(from_first).max()
    farthest = from_first[np.argmax(np.abs(from_first).max(axis=1))]
    if np.abs(_cross(from_first, farthest)).max() <= FLATTEST * extent**2:
        raise _wrong(f"{len(corners)} corners on one line", "corners around an area", where, "correct the coordinates")
    repeated = next((corner for corner in corners if corners.count(corner) > 1), None)
    if repeated is not None:
        remedy = "leave the second one out: a polygon closes by itself"
        raise _wrong(f"the corner {_shown(repeated)} twice", "every corner once", where, remedy)
    meeting = _meeting_edges(position)
    if meeting is not None:
        edges = list(polygon_edges(corners))
        first, second = (" to ".join(map(_shown, edges[edge])) for edge in meeting)
        raise _wrong(
            f"the edges {first} and {second}, which meet",
            "edges that meet only at the corners they share",
            where,
            "state the corners in order around the area",
        )
    return corners


def _point(stated: object, where: str) -> Point:
    coordinates = _members(stated)
    if len(coordinates) != 2 or not all(map(_is_pixels, coordinates)):
        raise _wrong(
            f"the point {stated!r}",
            f"x and y in pixels, finite and below {GREATEST_PX:,.0f}",
            where,
            "correct the coordinates",
        )
    x, y = map(float, coordinates)  # type: ignore[arg-type]  # numbers, as just checked
    return x, y


def _members(stated: object) -> tuple[object, ...]:
    return tuple(stated) if isinstance(stated, Iterable) and not isinstance(stated, str | Mapping) else ()


def _is_pixels(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return bool(-GREATEST_PX < value < GREATEST_PX)


def _meeting_edges(corners: NDArray[np.float64]) -> tuple[int, int] | None:
    """Return two edges, by index, that share more than a common corner; None in a simple polygon."""
    starts, ends = corners, np.roll(corners, -1, axis=0)
    n_edges = len(corners)
    onward, back = ends - starts, np.roll(starts, 1, axis=0) - starts
    turning_back = (_cross(onward, back) == 0) & ((onward * back).sum(axis=1) > 0)
    if turning_back.any():
        corner = int(np.argmax(turning_back))
        return (corner - 1) % n_edges, corner
    lowest, highest = np.minimum(starts, ends), np.maximum(starts, ends)
    for edge in range(n_edges - 2):
        start, end = starts[edge], ends[edge]
        others = slice(edge + 2, n_edges - 1 if edge == 0 else n_edges)  # neighbors share their corner and no more
        first, last, along = starts[others], ends[others], onward[others]
        from_here = np.sign(_cross(end - start, first - start)) * np.sign(_cross(end - start, last - start))
        from_there = np.sign(_cross(along, start - first)) * np.sign(_cross(along, end - first))
        overlapping = (highest[others] >= lowest[edge]) & (lowest[others] <= highest[edge])
        meets = (from_here <= 0) & (from_there <= 0) & overlapping.all(axis=1)
        if meets.any():
            return edge, edge + 2 + int(np.argmax(meets))
    return None


def _cross(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    crossed: NDArray[np.float64] = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    return crossed


def _area_and_centroid(polygon: Polygon) -> tuple[float, Point]:
    position = np.array(polygon)
    # Seen from the first corner: far from the origin of the image the terms would cancel.
    here = position - position[0]
    there = np.roll(here, -1, axis=0)
    crossed = _cross(here, there)
    doubled = crossed.sum()
    x, y = position[0] + ((here + there) * crossed[:, np.newaxis]).sum(axis=0) / (3 * doubled)
    return float(abs(doubled) / 2), (float(x), float(y))


def _shown(point: Point) -> str:
    return f"({point[0]:g}, {point[1]:g})"


def _wrong(found: str, expected: str, where: str, remedy: str) -> StudyError:
    return StudyError(found=found, expected=expected, where=where, remedy=remedy)
