"""The arenas and features of a study: from their tables to what the core knows, with a line for all that is wrong.

An arena is stated in ``[arena]`` for every recording, or as ``arena`` (``[recordings.arena]`` below the block) for the
recordings of one block, where it replaces the whole table: different cameras see different walls. All coordinates are
pixels of the video, x to the right and y down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nsp_adapters.study_schema import ArenaTable, StudyFile
from nsp_adapters.study_sentences import table_title
from nsp_adapters.toml_lines import Problems, TomlPath, shown
from nsp_core.arena import Arena, Point, Polygon
from nsp_core.errors import FeatureError, StudyError
from nsp_core.features.lookup import require_computable, spec

__all__ = ["arenas_by_block", "check_features"]

_SHAPES = ("outline", "circle", "rectangle")

# Stands in for a wall that is wrong, so that the places beside it are checked all the same.
_ANY_WALL: Polygon = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))


def arenas_by_block(file: StudyFile, problems: Problems) -> list[Arena | None]:
    """Return the arena of each block of recordings, its own or that of ``[arena]``; None where neither is stated.

    Walls that are stated twice or not at all, impossible polygons and wrong names are problems.
    """
    of_all = None if file.arena is None else _arena(file.arena, ("arena",), problems)
    return [
        of_all if block.arena is None else _arena(block.arena, ("recordings", index, "arena"), problems)
        for index, block in enumerate(file.recordings)
    ]


def check_features(file: StudyFile, arenas: Sequence[Arena | None], problems: Problems) -> None:
    """Report names in ``use`` of ``[features]`` that are unknown, stand twice or cannot be computed for every block.

    Angles that wrap are words for whoever writes a program; synthesis needs another feature beside them.
    """
    used = file.features.use or []
    angles_only = bool(used) and any(block.role == "train" for block in file.recordings)
    for position, name in enumerate(used):
        at = ("features", "use", position)
        if name in used[:position]:
            problems.add(at, f"the feature {shown(name)} stands twice in use of [features]; keep one")
            continue
        try:
            feature = spec(name)
        except FeatureError as error:
            problems.add(at, f"unknown feature {shown(name)} in use of [features], {error.remedy}")
            angles_only = False
            continue
        angles_only = angles_only and feature.spec.circular
        for index, arena in enumerate(arenas):
            block = f"the [[recordings]] of line {problems.document.line(('recordings', index))}"
            try:
                # How many animals there are only the pose files can say.
                require_computable(feature, file.roles, 2, arena, block)
            except FeatureError as error:
                problems.add(at, _impossible(f"use of [features], for {block}", error))
                break
    if angles_only:
        only = "use of [features] names nothing but angles that wrap, which synthesis compares with no threshold"
        problems.add(("features", "use"), f"{only}; add a feature such as facing_angle")


def _arena(table: ArenaTable, path: TomlPath, problems: Problems) -> Arena:
    title = table_title("arena") if len(path) == 1 else f"arena of {table_title(str(path[0]))}"
    arena = _wall(table, path, title, problems)
    for name, corners in table.regions.items():
        try:
            arena = replace(arena, regions={**arena.regions, name: _polygon(corners)})
        except StudyError as error:
            problems.add((*path, "regions", name), _impossible(f"region {shown(name)} of {title}", error))
    for name, place in table.objects.items():
        try:
            arena = replace(arena, objects={**arena.objects, name: _point(place)})
        except StudyError as error:
            problems.add((*path, "objects", name), _impossible(f"object {shown(name)} of {title}", error))
    return arena


def _wall(table: ArenaTable, path: TomlPath, title: str, problems: Problems) -> Arena:
    """Return the arena without its places."""
    stated = [shape for shape in _SHAPES if getattr(table, shape) is not None]
    if len(stated) != 1:
        instead = f"not {' and '.join(stated)} together" if stated else "and has none"
        problems.add(path, f"{title} needs one of {', '.join(_SHAPES)}, {instead}")
        return Arena(_ANY_WALL)
    try:
        if table.circle is not None:
            return Arena.circle(_point(table.circle.center), table.circle.radius)
        if table.rectangle is not None:
            return Arena.rectangle(*map(_point, table.rectangle))
        return Arena(_polygon(table.outline or []))
    except StudyError as error:
        problems.add((*path, stated[0]), _impossible(f"{stated[0]} of {title}", error))
        return Arena(_ANY_WALL)


def _polygon(corners: list[list[float]]) -> Polygon:
    return tuple(_point(corner) for corner in corners)


def _point(place: list[float]) -> Point:
    x, y = place
    return x, y


def _impossible(subject: str, error: StudyError | FeatureError) -> str:
    return f"{subject}: found {error.found}, expected {error.expected}; {error.remedy}"
