"""What several keys of a study file say together, as far as it needs no file: contradictions and what is left open."""

from __future__ import annotations

import re

from nsp_adapters.study_schema import ScaleKeys, StudyFile
from nsp_adapters.study_sentences import table_title
from nsp_adapters.toml_lines import Problems, TomlPath, closest, shown
from nsp_core.errors import StudyError
from nsp_core.smoothing import window_frames
from nsp_core.study import CORE_ROLES

__all__ = ["check_together", "checked_roles"]

_ROLE = re.compile(r"[a-z][a-z0-9_]*")


def check_together(file: StudyFile, problems: Problems) -> None:
    """Report frame rates and scales left open, too short a smoothing, and contradictions of labels or behaviors."""
    _check_stated(file, problems)
    _check_smoothing(file, problems)
    _check_scale(file.tracking, ("tracking",), problems)
    for index, block in enumerate(file.recordings):
        _check_scale(block, ("recordings", index), problems)
    _check_labels(file, problems)
    _check_behaviors(file, problems)


def checked_roles(roles: dict[str, list[str]], problems: Problems) -> dict[str, tuple[str, ...]]:
    """Return the roles; names that no feature could refer to, and misspelled core roles, are problems."""
    for role in roles:
        near = closest(role, [core for core in CORE_ROLES if core not in roles])
        if role not in CORE_ROLES and near:
            problems.add(("roles", role), f"unknown role '{role}' in [roles], did you mean '{near}'?")
        elif not _ROLE.fullmatch(role):
            problems.add(
                ("roles", role),
                f"the role {shown(role)} in [roles] cannot stand in a program, expected a-z, 0-9 and _, a letter first",
            )
    return {role: tuple(keypoints) for role, keypoints in roles.items()}


def _check_stated(file: StudyFile, problems: Problems) -> None:
    by_block = list(enumerate(file.recordings))
    without_fps = [] if file.tracking.fps else [index for index, block in by_block if not block.fps]
    without_scale = [] if file.tracking.states_scale else [index for index, block in by_block if not block.states_scale]
    either = 'scale_mm_per_px = ... with its scale_source, scale_from = ..., or scale = "unknown"'
    for key, stated, lacking in (("fps", "fps = ...", without_fps), ("scale", either, without_scale)):
        if lacking:
            lines = ", ".join(str(problems.document.line(("recordings", index))) for index in lacking)
            where = f"in [tracking] or in the [[recordings]] of line {lines}"
            problems.add(("tracking",), f"{key} is missing, expected {stated}, {where}")


def _check_smoothing(file: StudyFile, problems: Problems) -> None:
    """Report a window too short for its polynomial at the frame rate of some recording."""
    cleaning = file.cleaning
    rates = {block.fps or file.tracking.fps for block in file.recordings}
    for fps in sorted(rate for rate in rates if rate is not None):
        try:
            if cleaning.smooth_s is not None:
                window_frames(cleaning.smooth_s, cleaning.smooth_order, fps)
        except StudyError as error:
            message = f"{error.found} in [cleaning], expected {error.expected}; {error.remedy}"
            problems.add(("cleaning", "smooth_s"), message)


def _check_scale(keys: ScaleKeys, path: TomlPath, problems: Problems) -> None:
    title = table_title(str(path[0]))
    if keys.scale_from is not None and not (keys.scale is None and keys.scale_mm_per_px is None):
        problems.add((*path, "scale_from"), f"scale_from in {title} contradicts the scale stated beside it; keep one")
    elif keys.scale is not None and (keys.scale_mm_per_px is not None or keys.scale_source is not None):
        problems.add((*path, "scale"), f'scale = "unknown" in {title} contradicts the scale stated beside it; keep one')
    elif keys.scale_mm_per_px is not None and keys.scale_source is None:
        problems.add(
            (*path, "scale_mm_per_px"),
            f'scale_mm_per_px in {title} needs scale_source beside it, as scale_source = "arena 500 mm wide"',
        )
    elif keys.scale_source is not None and keys.scale_mm_per_px is None:
        problems.add((*path, "scale_source"), f"scale_source in {title} needs scale_mm_per_px beside it")


def _check_labels(file: StudyFile, problems: Problems) -> None:
    for index, block in enumerate(file.recordings):
        path = ("recordings", index)
        if block.labels is None and block.role != "infer":
            problems.add(
                path, f'[[recordings]] with role = "{block.role}" needs labels, the pattern of its label files'
            )
        if block.labels is not None and set(block.labels) & set("*?"):
            problems.add(
                (*path, "labels"),
                f"labels = {shown(block.labels)} in [[recordings]] names one file per recording; write {{recording}}, "
                "{stem} or {folder} for what differs, not * or ?",
            )
        if block.labels is not None and file.labels is None:
            problems.add((*path, "labels"), "[labels] is missing, expected format = ... to read these label files")
    if file.labels is None:
        return
    if file.labels.format == "caltech" and file.labels.stream is None:
        problems.add(("labels",), 'format = "caltech" needs stream, the one that holds the behaviors, as stream = "S1"')
    for key in ("stream", "unscored_stream"):
        if file.labels.format == "bout-csv" and getattr(file.labels, key) is not None:
            problems.add(("labels", key), f'{key} in [labels] means nothing for format = "bout-csv"; remove it')


def _check_behaviors(file: StudyFile, problems: Problems) -> None:
    if not file.behaviors and any(block.role != "infer" for block in file.recordings):
        problems.add((), "[[behaviors]] is missing, expected a block with name and kind for each behavior")
    first: dict[str, int] = {}
    for index, behavior in enumerate(file.behaviors):
        at = ("behaviors", index, "name")
        same = first.setdefault(behavior.name, index)
        if same != index:
            line = problems.document.line(("behaviors", same, "name"))
            problems.add(at, f"behavior {shown(behavior.name)} is already stated at line {line}; keep one")
        if file.labels is None:
            continue
        if behavior.name in file.labels.unscored:
            problems.add(at, f"behavior {shown(behavior.name)} is also in unscored of [labels]; it cannot be both")
        if behavior.kind == "directed" and file.labels.format == "caltech":
            problems.add(
                ("behaviors", index, "kind"),
                f'{shown(behavior.name)} is directed, but format = "caltech" does not say who acts on whom, '
                'expected kind = "undirected" or labels that name agent and target',
            )
