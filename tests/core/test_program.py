from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.cleaning import Cleaning
from nsp_core.dsl.ast import And, Condition
from nsp_core.dsl.operators import OPERATORS, operator_of
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.errors import ProgramError
from nsp_core.features import definition_digest
from nsp_core.labels import Behavior
from nsp_core.program import ProgramArtifact, dsl_fingerprint, from_json, operator_definitions, to_json

Programs = Callable[..., st.SearchStrategy[Condition]]

TEXT = "nose_to_nose < 22 ± 3 mm and mean(speed[agent], 0.5 s) < 30 mm/s"
ARTIFACT = ProgramArtifact(
    behavior=Behavior("sniffing", "directed"),
    condition=parse_program(TEXT),
    roles={"nose": ("nose",), "center": ("neck", "hip")},
    cleaning=Cleaning(min_confidence=0.3, max_gap_s=0.25),
    length_reference="mm",
    provenance={"seed": 7, "study": "pairs"},
    scores={"program": {"test": {"f1": 0.75, "ap": None}}},
)


def stored(**changes: Any) -> dict[str, Any]:
    """The artifact as a file holds it, with some fields changed."""
    return {**json.loads(json.dumps(to_json(ARTIFACT), allow_nan=False)), **changes}


def without(*names: str, **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in stored(**changes).items() if name not in names}


@settings(max_examples=60, deadline=None)
@given(drawn=st.data())
def test_an_artifact_written_as_json_reads_back_as_it_was(drawn: st.DataObject, programs: Programs) -> None:
    artifact = replace(ARTIFACT, condition=drawn.draw(programs()))
    values = json.loads(json.dumps(to_json(artifact), allow_nan=False))
    restored = from_json(values)
    assert restored == artifact
    assert restored.program_id == artifact.program_id == values["program_id"]
    assert to_json(restored) == values


@settings(max_examples=60, deadline=None)
@given(drawn=st.data())
def test_an_artifact_in_the_whole_language_reads_back_as_it_was(
    drawn: st.DataObject, language_programs: Programs
) -> None:
    artifact = replace(ARTIFACT, condition=drawn.draw(language_programs()))
    values = json.loads(json.dumps(to_json(artifact), allow_nan=False))
    assert from_json(values) == artifact
    assert to_json(from_json(values)) == values


def test_the_text_alone_restores_the_program() -> None:
    extras = "tree", "complexity", "program_id", "feature_definitions", "operator_definitions", "dsl_fingerprint"
    assert from_json(without(*extras)) == ARTIFACT


def test_provenance_and_scores_may_be_left_out() -> None:
    assert from_json(without("provenance", "scores")) == replace(ARTIFACT, provenance={}, scores={})


def test_an_artifact_says_what_a_reader_asks_first() -> None:
    values = to_json(ARTIFACT)
    assert values["text"] == ARTIFACT.text == TEXT
    assert values["complexity"] == 6
    assert values["behavior"] == {"name": "sniffing", "kind": "directed"}
    assert values["feature_definitions"] == {name: definition_digest(name) for name in ("nose_to_nose", "speed")}
    assert values["operator_definitions"] == operator_definitions(ARTIFACT.condition)
    assert values["dsl_fingerprint"] == dsl_fingerprint()


@settings(max_examples=60, deadline=None)
@given(drawn=st.data())
def test_two_programs_have_one_identifier_only_if_they_are_one_program(
    drawn: st.DataObject, programs: Programs
) -> None:
    first, second = (drawn.draw(programs()) for _ in range(2))
    first_id, second_id = (replace(ARTIFACT, condition=condition).program_id for condition in (first, second))
    assert (first_id == second_id) == (format_program(first) == format_program(second))


@pytest.mark.parametrize(
    "changes",
    [
        {"condition": parse_program(TEXT.replace("22", "22.000001"))},
        {"condition": parse_program(TEXT.replace(" ± 3", ""))},
        {"condition": parse_program(TEXT.replace("0.5 s", "0.6 s"))},
        {"condition": parse_program(TEXT.replace("agent", "target"))},
        {"behavior": Behavior("sniffing", "undirected")},
        {"behavior": Behavior("chasing", "directed")},
        {"roles": {**ARTIFACT.roles, "center": ("neck",)}},
        {"cleaning": Cleaning(min_confidence=None, max_gap_s=0.25)},
        {"cleaning": Cleaning(min_confidence=0.3, max_gap_s=0.5)},
        {"length_reference": "px"},
    ],
)
def test_whatever_changes_the_ethogram_changes_the_identifier(changes: dict[str, Any]) -> None:
    assert replace(ARTIFACT, **changes).program_id != ARTIFACT.program_id


def test_where_a_program_comes_from_does_not_change_its_identifier() -> None:
    elsewhere = replace(ARTIFACT, provenance={"seed": 8}, scores={}, roles=dict(reversed(ARTIFACT.roles.items())))
    assert elsewhere.program_id == ARTIFACT.program_id
    assert len(ARTIFACT.program_id) == 12
    assert set(ARTIFACT.program_id) <= set("0123456789abcdef")


def test_a_text_edited_beside_an_old_tree_is_refused_and_read_once_the_tree_is_deleted() -> None:
    edited = TEXT.replace("22", "25")
    with pytest.raises(ProgramError, match="if the text was edited by hand, delete the field 'tree'") as caught:
        from_json(stored(text=edited), where="sniffing.json")
    assert str(caught.value).startswith("sniffing.json: found a text and a tree that describe different programs")
    restored = from_json(without("tree", text=edited))
    assert restored.text == edited
    assert restored.program_id != ARTIFACT.program_id


def test_a_text_only_spaced_differently_is_the_same_program() -> None:
    assert from_json(stored(text=f"({TEXT.replace('±', '+-')})")) == ARTIFACT


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_schema_version_is_refused(version: object) -> None:
    with pytest.raises(ProgramError, match="give a program file written by this software, or upgrade it") as caught:
        from_json(stored(schema_version=version))
    assert caught.value.found == f"schema_version {version!r}"


def test_a_file_that_is_no_program_is_refused() -> None:
    with pytest.raises(ProgramError, match=r"poses\.json: found schema_version None, expected 1"):
        from_json({"fps": 30}, where="poses.json")


def test_a_program_whose_features_meant_something_else_is_refused() -> None:
    with pytest.raises(ProgramError, match="run it with the version that wrote it, or synthesize it again") as caught:
        from_json(stored(feature_definitions={"speed": "0123456789ab", "nose_to_nose": "ba9876543210"}))
    assert caught.value.found == "a program written when nose_to_nose and speed meant something else"


@pytest.mark.parametrize("language", ["0123456789abcdef", None])
def test_a_program_of_another_language_that_means_the_same_is_read(language: str | None) -> None:
    assert from_json(stored(dsl_fingerprint=language)) == ARTIFACT


def test_a_file_from_before_operators_had_definitions_is_read() -> None:
    assert from_json(without("operator_definitions")) == ARTIFACT


@pytest.mark.parametrize("name", ["compare", "and", "mean", "feature"])
def test_a_program_whose_operators_meant_something_else_is_refused(name: str) -> None:
    definitions = {**operator_definitions(ARTIFACT.condition), name: "0123456789ab"}
    with pytest.raises(ProgramError, match="run it with the version that wrote it, or synthesize it again") as caught:
        from_json(stored(operator_definitions=definitions))
    assert caught.value.found == f"a program written when {name} meant something else"


def test_operators_that_a_program_does_not_use_may_change() -> None:
    definitions = {**operator_definitions(ARTIFACT.condition), "hysteresis": "0123456789ab", "quantile": "ba9876543210"}
    assert from_json(stored(operator_definitions=definitions)) == ARTIFACT


def test_each_operator_is_defined_by_what_it_says_of_itself() -> None:
    text = "min(x, 1 s) > 1 and gaussian(x, 1 s) > 1 or fraction(max(x, 1 s) > 1, 2 s) < 0.5 or not abs(x) > 1"
    definitions = operator_definitions(parse_program(text))
    assert list(definitions) == [
        "or", "and", "compare", "min", "feature", "gaussian", "fraction", "max", "not", "function"
    ]  # fmt: skip
    assert len(set(definitions.values())) == len(definitions)
    assert all(len(meaning) == 12 for meaning in definitions.values())


@pytest.mark.parametrize("field", ["operator_definitions", "feature_definitions"])
def test_definitions_that_are_no_table_are_refused(field: str) -> None:
    with pytest.raises(ProgramError, match=f"found {field} that are a list, expected a digest for each name"):
        from_json(stored(**{field: ["mean"]}))


def test_a_language_that_grows_leaves_programs_their_identifiers(monkeypatch: pytest.MonkeyPatch) -> None:
    before, identifier = dsl_fingerprint(), ARTIFACT.program_id
    monkeypatch.setattr("nsp_core.program.OPERATORS", OPERATORS[:-1])
    assert dsl_fingerprint() != before
    assert ARTIFACT.program_id == identifier


def test_an_operator_that_comes_to_mean_something_else_changes_the_identifier(monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(operator_of(ARTIFACT.condition), documentation="Any part holds.")
    identifier, definitions = ARTIFACT.program_id, operator_definitions(ARTIFACT.condition)
    monkeypatch.setattr(
        "nsp_core.program.operator_of", lambda node: other if isinstance(node, And) else operator_of(node)
    )
    assert ARTIFACT.program_id != identifier
    assert {
        name for name, meaning in operator_definitions(ARTIFACT.condition).items() if meaning != definitions[name]
    } == {"and"}


def test_a_person_may_write_another_feature_into_the_text() -> None:
    edited = without("tree", text="mean(facing_angle[agent], 1 s) < 0.5 rad and speed[agent] > 3 mm/s")
    assert from_json(edited).features == ("facing_angle", "speed")


def test_features_are_named_once_without_whose_they_are() -> None:
    text = "either(mean(speed[agent], 1 s) > 2 mm/s or speed[higher] < 1 mm/s) and nose_to_nose < 9 mm"
    artifact = replace(ARTIFACT, condition=parse_program(text))
    assert artifact.features == ("speed", "nose_to_nose")


def test_a_program_in_features_of_somebody_elses_keeps_their_names() -> None:
    artifact = replace(ARTIFACT, condition=parse_program("wing_angle < 2 rad"))
    assert from_json(to_json(artifact)) == artifact


@pytest.mark.parametrize("field", ["text", "behavior", "roles", "cleaning", "length_reference"])
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(ProgramError, match=f"missing or wrong .KeyError: '{field}'.*restore the field"):
        from_json(without(field))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"text": 5}, "TypeError"),
        ({"text": None}, "TypeError"),
        ({"text": "speed < 3 mm*px"}, "the factor 'px'"),
        ({"behavior": "sniffing"}, "TypeError"),
        ({"behavior": {"name": "sniffing", "kind": "mutual"}}, "behavior kind 'mutual'"),
        ({"roles": ["nose"]}, "AttributeError"),
        ({"roles": {"nose": "nose"}}, "roles that are no lists of keypoints"),
        ({"cleaning": {"smoothing": 3}}, "unexpected keyword argument 'smoothing'"),
        ({"cleaning": {"max_gap_s": -1}}, "max_gap_s = -1"),
        ({"length_reference": "furlong"}, "length_reference 'furlong'"),
    ],
)
def test_a_wrong_field_is_refused(changes: dict[str, Any], found: str) -> None:
    with pytest.raises(ProgramError, match="a field that is missing or wrong") as caught:
        from_json(stored(**changes), where="sniffing.json")
    assert found in caught.value.found
    assert caught.value.where == "sniffing.json"


def test_an_unreadable_text_is_shown_with_its_file_and_a_caret() -> None:
    with pytest.raises(ProgramError, match="convert the number: 1 cm is 10 mm") as caught:
        from_json(stored(text="speed < 3 cm"), where="sniffing.json")
    assert caught.value.where.startswith("sniffing.json, program text, line 1, column 11\n    speed < 3 cm\n")


def test_a_broken_tree_is_refused_with_its_file() -> None:
    with pytest.raises(ProgramError, match=r"sniffing\.json, tree of the program: .*delete the field 'tree'"):
        from_json(stored(tree={"op": "not"}), where="sniffing.json")


@pytest.mark.parametrize(
    "text",
    [
        "__import__('antigravity')",
        "speed < __import__('antigravity')",
        "speed < 3 mm; import antigravity",
        "`__import__('antigravity')`",
        "{speed.__class__} < 3",
    ],
)
def test_loading_a_program_runs_no_code(text: str) -> None:
    with pytest.raises(ProgramError):
        from_json(without("tree", text=text))
    assert "antigravity" not in sys.modules


def test_a_tree_runs_no_code_either() -> None:
    named = {"op": "feature", "name": "__import__('antigravity')"}
    compare = {"op": "compare", "of": named, "relation": "<", "threshold": 1, "softness": 0, "unit": ""}
    for tree in ({"op": "__import__", "name": "antigravity"}, {**compare, "relation": "import"}, compare):
        with pytest.raises(ProgramError, match="tree"):
            from_json(stored(tree=tree))
    assert "antigravity" not in sys.modules
