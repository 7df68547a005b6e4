from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nsp_adapters.programs import read_program, write_program
from nsp_core.cleaning import Cleaning
from nsp_core.dsl.text import parse_program
from nsp_core.errors import MissingFileError, ProgramError
from nsp_core.labels import Behavior
from nsp_core.program import ProgramArtifact

ARTIFACT = ProgramArtifact(
    behavior=Behavior("Schnüffeln", "undirected"),
    condition=parse_program("min_bout(mean(nose_to_body[lower], 4 s) < 0.98 ± 0.2 bl, 0.5 s)"),
    roles={"nose": ("nose",), "center": ("neck", "hip")},
    cleaning=Cleaning(max_gap_s=0.25),
    length_reference="body",
    provenance={"seed": 7},
    scores={"program": {"test": {"f1": 0.1 + 0.2, "ap": None}}},
)


@pytest.fixture
def program_file(tmp_path: Path) -> Path:
    """A written program."""
    return write_program(tmp_path / "program.json", ARTIFACT)


def edit(path: Path, **changes: object) -> Path:
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")
    return path


def test_a_written_program_reads_back_as_it_was(program_file: Path) -> None:
    assert read_program(program_file) == ARTIFACT


def test_the_file_reads_as_a_biologist_writes_it(program_file: Path) -> None:
    text = program_file.read_text(encoding="utf-8")
    assert '"text": "min_bout(mean(nose_to_body[lower], 4 s) < 0.98 ± 0.2 bl, 0.5 s)"' in text
    assert "Schnüffeln" in text
    assert text.endswith("}\n")


def test_the_same_program_gives_the_same_bytes(program_file: Path, tmp_path: Path) -> None:
    again = write_program(tmp_path / "again.json", read_program(program_file))
    assert again.read_bytes() == program_file.read_bytes()


def test_writing_replaces_the_program_before(program_file: Path) -> None:
    other = replace(ARTIFACT, behavior=Behavior("rest", "undirected"))
    write_program(program_file, other)
    assert read_program(program_file) == other
    assert list(program_file.parent.iterdir()) == [program_file]


def test_a_score_that_json_cannot_hold_leaves_the_file_as_it_was(program_file: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_program(program_file, replace(ARTIFACT, scores={"program": {"test": {"f1": float("nan")}}}))
    assert read_program(program_file) == ARTIFACT


def test_a_hand_edited_text_is_read_once_its_old_tree_is_deleted(program_file: Path) -> None:
    text = ARTIFACT.text.replace("0.98", "1.1")
    with pytest.raises(ProgramError, match=r"program\.json: .*delete the field 'tree'"):
        read_program(edit(program_file, text=text))
    values = json.loads(program_file.read_text(encoding="utf-8"))
    del values["tree"]
    program_file.write_text(json.dumps(values), encoding="utf-8")
    assert read_program(program_file).text == text


def test_a_typing_error_is_shown_with_file_line_and_caret(program_file: Path) -> None:
    with pytest.raises(ProgramError, match="1 cm is 10 mm") as caught:
        read_program(edit(program_file, text="speed[agent] <\n30 cm"))
    assert caught.value.where == f"{program_file}, program text, line 2, column 4\n    30 cm\n       ^\n"


def test_a_program_of_another_version_is_refused(program_file: Path) -> None:
    with pytest.raises(ProgramError, match=r"program\.json: found schema_version 2, expected 1"):
        read_program(edit(program_file, schema_version=2))


def test_a_missing_file_is_reported_as_such(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="run a study first, or correct the path"):
        read_program(tmp_path / "program.json")
    with pytest.raises(MissingFileError, match="expected a program file"):
        read_program(tmp_path)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "no JSON"),
        (b'{"schema_version": 1,', "no JSON"),
        (b"text = 'speed < 3'", "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"[]", "a JSON list"),
        (b'"speed < 3 mm/s"', "a JSON str"),
        (b"null", "a JSON NoneType"),
        (b"{}", "schema_version None"),
    ],
)
def test_a_file_that_is_no_program_is_refused(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "program.json"
    path.write_bytes(content)
    with pytest.raises(ProgramError) as caught:
        read_program(path)
    assert found in caught.value.found
    assert caught.value.where == str(path)


def test_loading_a_file_runs_no_code(program_file: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with pytest.raises(ProgramError, match="expected a word of the language"):
        read_program(edit(program_file, text=f"__import__('pathlib').Path({str(trace)!r}).touch()"))
    assert not trace.exists()
