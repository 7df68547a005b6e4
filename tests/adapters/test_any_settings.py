"""Any study, roles, program or manifest is read, or refused by an error of this project."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsp_adapters.manifest import read_manifest
from nsp_adapters.programs import read_program
from nsp_adapters.study import read_roles, read_study
from nsp_core.cleaning import Cleaning
from nsp_core.dsl.text import parse_program
from nsp_core.errors import NspError
from nsp_core.labels import Behavior
from nsp_core.program import ProgramArtifact, to_json
from tests.adapters.study_examples import STUDY

ANY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

VALUES = ["1", "-1", "1e999", "nan", "true", '""', '"x"', "[]", "[[]]", "[1, 2]", "{}", "{ a = 1 }", "2026-01-01"]
KEYS = ["fps", "poses", "role", "names", "labels", "nose", "observed", "arena", "circle", "scale_from", "zzz"]
TABLES = ["[study]", "[tracking]", "[[recordings]]", "[labels]", "[[behaviors]]", "[arena]", "[a.b]", "[[a]]"]
LINE = st.builds("{} = {}".format, st.sampled_from(KEYS), st.sampled_from(VALUES)) | st.sampled_from(TABLES)
TOML = st.lists(LINE | st.text(max_size=12), max_size=6).map("\n".join)

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
PROGRAM = to_json(
    ProgramArtifact(
        Behavior("near", "undirected"), parse_program("nose_to_nose < 2 bl"), {"nose": ("snout",)}, Cleaning(), "body"
    )
)


def paths_in(value: Any) -> list[tuple[Any, ...]]:
    """Return the way to every value in a JSON object, keys and numbers of places."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(key, *path) for key, each in inner for path in [(), *paths_in(each)]]


@ANY
@given(start=st.integers(0, 34), n_lost=st.integers(0, 4), text=TOML)
def test_any_study_is_read_or_refused(study_folder: Path, start: int, n_lost: int, text: str) -> None:
    lines = STUDY.splitlines()
    lines[start : start + n_lost] = [text]
    path = study_folder / "study.toml"
    for each in ("\n".join(lines), text):
        path.write_text(each, encoding="utf-8", errors="surrogatepass")
        with suppress(NspError):
            read_study(path, environment={})
        with suppress(NspError):
            read_roles(path)


@ANY
@given(chosen=st.data())
def test_any_program_is_read_or_refused(tmp_path: Path, chosen: st.DataObject) -> None:
    program = json.loads(json.dumps(PROGRAM))
    *outer, key = chosen.draw(st.sampled_from(paths_in(program)))
    inner = program
    for each in outer:
        inner = inner[each]
    inner[key] = chosen.draw(JSON)
    path = tmp_path / "program.json"
    for text in (json.dumps(program), chosen.draw(st.text(max_size=20)), "[" * 100_000, "9" * 5000):
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        with suppress(NspError):
            read_program(path)


@ANY
@given(content=JSON.map(json.dumps) | st.text(max_size=30))
def test_any_manifest_is_read_or_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(content, encoding="utf-8", errors="surrogatepass")
    with suppress(NspError):
        read_manifest(path)
