"""Millimeters per pixel of every block of a study file: stated, or measured from something of known size."""

from __future__ import annotations

from collections.abc import Sequence

from nsp_adapters.study_schema import ScaleFromTable, ScaleKeys, StudyFile
from nsp_adapters.study_sentences import table_title
from nsp_adapters.toml_lines import Problems, TomlPath
from nsp_core.arena import Arena
from nsp_core.calibration import Scale, scale_from_arena, scale_from_length
from nsp_core.errors import StudyError
from nsp_core.study import SCALE_UNKNOWN

__all__ = ["scales_by_block"]


def scales_by_block(
    file: StudyFile, arenas: Sequence[Arena | None], problems: Problems
) -> list[tuple[float | None, str]]:
    """Return scale (None where unknown) and its source for every block of recordings; a block's own keys win."""
    scales = []
    for index, (block, arena) in enumerate(zip(file.recordings, arenas, strict=True)):
        own = block.states_scale
        keys: ScaleKeys = block if own else file.tracking
        path: TomlPath = ("recordings", index) if own else ("tracking",)
        scale = None if keys.scale_from is None else _measured(keys.scale_from, arena, (*path, "scale_from"), problems)
        if scale is None:
            scales.append((keys.scale_mm_per_px, keys.scale_source or SCALE_UNKNOWN))
        else:
            scales.append((scale.mm_per_px, scale.source))
    return scales


def _measured(table: ScaleFromTable, arena: Arena | None, path: TomlPath, problems: Problems) -> Scale | None:
    title = f"scale_from in {table_title(str(path[0]))}"
    sizes = {
        "width_mm": table.arena_width_mm,
        "height_mm": table.arena_height_mm,
        "diameter_mm": table.arena_diameter_mm,
    }
    points = (table.start, table.end, table.length_mm)
    by_arena, by_points = any(sizes.values()), any(part is not None for part in points)
    if by_arena == by_points or (by_points and None in points):
        problems.add(path, f"{title} needs either the size of the arena or start, end and length_mm, not both")
        return None
    try:
        if table.start is not None and table.end is not None and table.length_mm is not None:
            (x, y), (to_x, to_y) = table.start, table.end
            return scale_from_length((x, y), (to_x, to_y), table.length_mm)
        if arena is None:
            problems.add(path, f"{title} states the size of the arena, and there is no [arena] in pixels")
            return None
        return scale_from_arena(arena, **sizes)
    except StudyError as error:
        problems.add(path, f"{title}: found {error.found}, expected {error.expected}; {error.remedy}")
        return None
