"""The tables and keys of a study file, and the sentence a user reads about each wrong one.

A key's description is what the error says it expected, so documentation and messages cannot drift apart. After the keys
themselves comes what several of them say together, as far as it needs no file.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError
from pydantic_core import ErrorDetails

from nsp_adapters.toml_lines import Problems, TomlPath, closest, shown
from nsp_core.labels import BehaviorKind
from nsp_core.study import CORE_ROLES, LabelFormat, Observed, RecordingRole, Tracker

__all__ = [
    "BehaviorTable",
    "LabelsTable",
    "RecordingsTable",
    "RolesFile",
    "ScaleKeys",
    "StudyFile",
    "TrackingTable",
    "check_together",
    "checked_roles",
    "table_title",
    "validated",
]

_FileModel = TypeVar("_FileModel", bound=BaseModel)
_ROLE = re.compile(r"[a-z][a-z0-9_]*")
_BLOCKS = ("recordings", "behaviors")


def _choices(literal: object) -> str:
    choices = [f'"{choice}"' for choice in get_args(literal)]
    return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"


def _name(value: object) -> object:
    # Names such as 12 are written without quotes as a matter of course; true is no name.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _different(seeds: list[int]) -> list[int]:
    if len(set(seeds)) < len(seeds):
        raise ValueError
    return seeds


def _observed(value: object) -> Observed:
    if value == "labeled-span":
        return "labeled-span"
    if value == "all":
        return "all"
    spans = [_span(pair) for pair in value] if isinstance(value, list) else []
    if not spans:
        raise ValueError
    return tuple(sorted(spans))


def _span(pair: object) -> tuple[float, float]:
    if not isinstance(pair, list) or len(pair) != 2 or any(type(edge) not in (int, float) for edge in pair):
        raise ValueError
    start_s, stop_s = float(pair[0]), float(pair[1])
    if not (0 <= start_s < stop_s and math.isfinite(stop_s)):
        raise ValueError
    return start_s, stop_s


Text = Annotated[str, Field(min_length=1)]
Name = Annotated[Text, BeforeValidator(_name)]
OneOrMany = Annotated[list[Text], BeforeValidator(_several), Field(min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]

_OBSERVED = '"labeled-span", "all", or a list of [start_s, stop_s] with 0 <= start_s < stop_s'
_TEMPLATE = "text, in which {recording}, {stem} and {folder} may stand"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class StudyTable(_Table):
    """``[study]``: the name, the folder of the files, and identities that may be shared between roles."""

    name: Annotated[Name, Field(description="a name for the study")]
    data: Annotated[Text, Field(description="the folder of the recordings, relative to this file")] = "."
    allow_shared: Annotated[
        list[Literal["subject_id", "cage_id"]], Field(description='a list of "subject_id", "cage_id"')
    ] = []


class ScaleKeys(_Table):
    """The keys of frame rate and scale, in ``[tracking]`` for all recordings and in a block for its own."""

    fps: Annotated[Positive | None, Field(description="frames per second, a number above 0")] = None
    scale_mm_per_px: Annotated[Positive | None, Field(description="millimeters per pixel, a number above 0")] = None
    scale_source: Annotated[Text | None, Field(description='where the scale comes from, as "arena 500 mm wide"')] = None
    scale: Annotated[
        Literal["unknown"] | None, Field(description='"unknown"; a measured scale is stated as scale_mm_per_px')
    ] = None

    @property
    def states_scale(self) -> bool:
        """Whether any of the three keys about scale is given."""
        return not (self.scale is None and self.scale_mm_per_px is None and self.scale_source is None)


class TrackingTable(ScaleKeys):
    """``[tracking]``: the tracker, and what holds for every recording that does not state its own."""

    tracker: Annotated[Tracker, Field(description=f"a supported tracker, {_choices(Tracker)}")]


class RecordingsTable(ScaleKeys):
    """``[[recordings]]``: files, and what is true of all recordings among them."""

    poses: Annotated[OneOrMany | None, Field(description="a file pattern such as pose/*.csv.gz, or a list of them")] = (
        None
    )
    files: Annotated[OneOrMany | None, Field(description="a file, or a list of them")] = None
    name: Annotated[Name | None, Field(description="text, in which {name}, {stem} and {folder} may stand")] = None
    names: Annotated[list[Name] | None, Field(min_length=1, description="a list of recording names, at least one")] = (
        None
    )
    role: Annotated[RecordingRole, Field(description=_choices(RecordingRole))]
    labels: Annotated[Text | None, Field(description=_TEMPLATE)] = None
    subject_id: Annotated[Name | None, Field(description=_TEMPLATE)] = None
    cage_id: Annotated[Name | None, Field(description=_TEMPLATE)] = None
    group: Annotated[Name | None, Field(description=_TEMPLATE)] = None
    observed: Annotated[Observed | None, PlainValidator(_observed), Field(description=_OBSERVED)] = None
    optional: Annotated[bool, Field(description="true or false")] = False


class CleaningTable(_Table):
    """``[cleaning]``: which points are dropped and which gaps are filled."""

    min_confidence: Annotated[NotNegative | None, Field(description="a number, 0 or above, or no such key")] = None
    max_gap_s: Annotated[NotNegative, Field(description="seconds, 0 or above")] = 0.5


class LabelsTable(_Table):
    """``[labels]``: how every label file is read."""

    format: Annotated[LabelFormat, Field(description=_choices(LabelFormat))]
    stream: Annotated[Text | None, Field(description='the name of a stream, such as "S1"')] = None
    annotator: Annotated[Name, Field(description="who annotated")] = "unknown"
    unscored: Annotated[list[Text], Field(description='a list of label names such as ["base"]')] = []
    unscored_stream: Annotated[Text | None, Field(description='the name of a stream, such as "S1"')] = None
    observed: Annotated[Observed, PlainValidator(_observed), Field(description=_OBSERVED)] = "labeled-span"


class BehaviorTable(_Table):
    """``[[behaviors]]``: a label name and who takes part."""

    name: Annotated[Text, Field(description="the behavior's name in the label files")]
    kind: Annotated[BehaviorKind, Field(description=_choices(BehaviorKind))]


class SearchTable(_Table):
    """``[search]``: seeds, budgets and limits."""

    seeds: Annotated[
        list[Annotated[int, Field(ge=0)]],
        AfterValidator(_different),
        Field(min_length=1, description="a list of different whole numbers, 0 or above, at least one"),
    ] = [0]
    budget_s: Annotated[Positive | None, Field(description="seconds, a number above 0")] = None
    budget_candidates: Annotated[Count | None, Field(description="a whole number, 1 or above")] = None
    max_complexity: Annotated[Count, Field(description="a whole number, 1 or above")] = 18
    beam_width: Annotated[Count, Field(description="a whole number, 1 or above")] = 9


Roles = Annotated[
    dict[str, OneOrMany], Field(min_length=1, description='a keypoint or a list of keypoints, as nose = "snout"')
]


class RolesFile(_Table):
    """A file that states skeleton roles and nothing else."""

    roles: Roles


class StudyFile(RolesFile):
    """A whole study file."""

    study: Annotated[StudyTable, Field(description="the table [study], in single brackets")]
    tracking: Annotated[TrackingTable, Field(description="the table [tracking], in single brackets")]
    recordings: Annotated[
        list[RecordingsTable],
        Field(min_length=1, description="one or more blocks [[recordings]], in double brackets"),
    ]
    cleaning: Annotated[CleaningTable, Field(description="the table [cleaning], in single brackets")] = CleaningTable()
    labels: Annotated[LabelsTable | None, Field(description="the table [labels], in single brackets")] = None
    behaviors: Annotated[list[BehaviorTable], Field(description="blocks [[behaviors]], in double brackets")] = []
    search: Annotated[SearchTable, Field(description="the table [search], in single brackets")] = SearchTable()


_TABLES: dict[str, type[_Table]] = {
    "study": StudyTable,
    "tracking": TrackingTable,
    "recordings": RecordingsTable,
    "cleaning": CleaningTable,
    "labels": LabelsTable,
    "behaviors": BehaviorTable,
    "search": SearchTable,
}


def validated(model: type[_FileModel], problems: Problems) -> _FileModel:
    """Return the document of ``problems`` as ``model``.

    Raises
    ------
    StudyError
        Listing every unknown, missing or wrong key with its line.
    """
    try:
        return model.model_validate(problems.document.tables)
    except ValidationError as e:
        for details in e.errors(include_url=False):
            path = tuple(part for part in details["loc"] if part != "[key]")
            problems.add(path, _sentence(model, path, details))
        problems.raise_any()
        raise AssertionError("a validation error without details") from e


def check_together(file: StudyFile, problems: Problems) -> None:
    """Report frame rates and scales left open, and labels or behaviors that contradict each other."""
    _check_stated(file, problems)
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


def table_title(name: str) -> str:
    """Return the header of a table: ``[study]``, ``[[recordings]]``."""
    return f"[[{name}]]" if name in _BLOCKS else f"[{name}]"


def _sentence(model: type[BaseModel], path: TomlPath, details: ErrorDetails) -> str:
    key, table = _key(path), str(path[0])
    inside = f" in {table_title(table)}" if len(path) > 1 else ""
    if details["type"] == "extra_forbidden":
        return _unknown_key(model, path)
    expected = _description(model, path)
    if details["type"] == "missing":
        subject = f"{key} is missing{inside}" if inside else f"{table_title(table)} is missing"
        return f"{subject}, expected {expected}"
    value = details["input"]
    verb = "contains" if len(path) > 1 and isinstance(path[-1], int) and key != table else "="
    return f"{key} {verb} {shown(value)}{inside}, expected {expected}{_meant(value, details)}"


def _key(path: TomlPath) -> str:
    """Return the key that ``path`` leads to or into; the name of the table where it leads to a whole table."""
    return next((part for part in path[1:] if isinstance(part, str)), str(path[0]))


def _description(model: type[BaseModel], path: TomlPath) -> str:
    key, table = _key(path), str(path[0])
    fields = _TABLES[table].model_fields if table in _TABLES else {}
    return (fields[key] if key in fields else model.model_fields[table]).description or ""


def _meant(value: object, details: ErrorDetails) -> str:
    if details["type"] != "literal_error" or not isinstance(value, str):
        return ""
    near = closest(value, details["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", "))
    return f'; did you mean "{near}"?' if near else ""


def _unknown_key(model: type[BaseModel], path: TomlPath) -> str:
    key = str(path[-1])
    if len(path) == 1:
        return _unknown_at_top(model, key)
    table = str(path[0])
    found = f"unknown key '{key}' in {table_title(table)}"
    siblings = _TABLES[table].model_fields
    near = closest(key, siblings)
    if near:
        return f"{found}, did you mean '{near}'?"
    homes = _homes(model, key)
    return f"{found}, it belongs in {homes}" if homes else f"{found}, known keys: {', '.join(siblings)}"


def _unknown_at_top(model: type[BaseModel], key: str) -> str:
    near = closest(key, model.model_fields)
    if near:
        return f"unknown table [{key}], did you mean {table_title(near)}?"
    homes = _homes(model, key)
    if homes:
        return f"unknown key '{key}' outside any table, it belongs in {homes}"
    return f"unknown table or key '{key}', known tables: {', '.join(map(table_title, model.model_fields))}"


def _homes(model: type[BaseModel], key: str) -> str:
    tables = [name for name in model.model_fields if name in _TABLES and key in _TABLES[name].model_fields]
    return " or ".join(map(table_title, tables))


def _check_stated(file: StudyFile, problems: Problems) -> None:
    by_block = list(enumerate(file.recordings))
    without_fps = [] if file.tracking.fps else [index for index, block in by_block if not block.fps]
    without_scale = [] if file.tracking.states_scale else [index for index, block in by_block if not block.states_scale]
    either = 'scale_mm_per_px = ... with its scale_source, or scale = "unknown"'
    for key, stated, lacking in (("fps", "fps = ...", without_fps), ("scale", either, without_scale)):
        if lacking:
            lines = ", ".join(str(problems.document.line(("recordings", index))) for index in lacking)
            where = f"in [tracking] or in the [[recordings]] of line {lines}"
            problems.add(("tracking",), f"{key} is missing, expected {stated}, {where}")


def _check_scale(keys: ScaleKeys, path: TomlPath, problems: Problems) -> None:
    title = table_title(str(path[0]))
    if keys.scale is not None and (keys.scale_mm_per_px is not None or keys.scale_source is not None):
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
