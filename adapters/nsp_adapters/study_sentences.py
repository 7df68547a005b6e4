"""The sentence a user reads about each wrong key of a study file, with its line.

What a key should be is taken from its description in :mod:`nsp_adapters.study_schema`.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from nsp_adapters.study_schema import (
    ArenaTable,
    BehaviorTable,
    CircleTable,
    CleaningTable,
    FeaturesTable,
    LabelsTable,
    RecordingsTable,
    ScaleFromTable,
    SearchTable,
    StudyTable,
    TrackingTable,
)
from nsp_adapters.toml_lines import Problems, TomlPath, closest, shown

__all__ = ["table_title", "validated"]

_FileModel = TypeVar("_FileModel", bound=BaseModel)
_BLOCKS = ("recordings", "behaviors")
_TABLES: dict[str, type[BaseModel]] = {
    "study": StudyTable,
    "tracking": TrackingTable,
    "recordings": RecordingsTable,
    "arena": ArenaTable,
    "cleaning": CleaningTable,
    "features": FeaturesTable,
    "labels": LabelsTable,
    "behaviors": BehaviorTable,
    "search": SearchTable,
}
_INNER: dict[tuple[type[BaseModel], str], type[BaseModel]] = {
    (RecordingsTable, "arena"): ArenaTable,
    (RecordingsTable, "scale_from"): ScaleFromTable,
    (TrackingTable, "scale_from"): ScaleFromTable,
    (ArenaTable, "circle"): CircleTable,
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


def table_title(name: str) -> str:
    """Return the header of a table: ``[study]``, ``[[recordings]]``."""
    return f"[[{name}]]" if name in _BLOCKS else f"[{name}]"


def _sentence(model: type[BaseModel], path: TomlPath, details: ErrorDetails) -> str:
    if details["type"] == "extra_forbidden":
        return _unknown_key(model, path)
    title, table, keys = _innermost(path)
    key = keys[-1] if keys else str(path[0])
    expected = _description(model, path, table, keys)
    inside = f" in {title}" if len(path) > 1 else ""
    if details["type"] == "missing":
        subject = f"{key} is missing{inside}" if inside else f"{title} is missing"
        return f"{subject}, expected {expected}"
    value = details["input"]
    verb = "contains" if keys and isinstance(path[-1], int) else "="
    return f"{key} {verb} {shown(value)}{inside}, expected {expected}{_meant(value, details)}"


def _innermost(path: TomlPath) -> tuple[str, type[BaseModel] | None, list[str]]:
    """Return title and model of the innermost table that ``path`` leads into, and the keys that follow in it.

    Where names are the user's own, as those of regions, the last key is such a name and the one before it the model's.
    """
    outer, keys = str(path[0]), [part for part in path[1:] if isinstance(part, str)]
    title, table = table_title(outer), _TABLES.get(outer)
    while len(keys) > 1:
        inner = None if table is None else _INNER.get((table, keys[0]))
        title = f"{keys[0]} of {title}"
        if inner is None:
            break
        table, keys = inner, keys[1:]
    return title, table, keys


def _description(model: type[BaseModel], path: TomlPath, table: type[BaseModel] | None, keys: list[str]) -> str:
    fields = {} if table is None else table.model_fields
    described = keys and fields.get(keys[0])
    return (described or model.model_fields[str(path[0])]).description or ""


def _meant(value: object, details: ErrorDetails) -> str:
    if details["type"] != "literal_error" or not isinstance(value, str):
        return ""
    near = closest(value, details["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", "))
    return f'; did you mean "{near}"?' if near else ""


def _unknown_key(model: type[BaseModel], path: TomlPath) -> str:
    key = str(path[-1])
    if len(path) == 1:
        return _unknown_at_top(model, key)
    title, table, _ = _innermost(path)
    found = f"unknown key '{key}' in {title}"
    siblings = {} if table is None else table.model_fields
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
