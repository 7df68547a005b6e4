"""The program artifact: everything needed to run a program on a new recording, as plain JSON values.

The text and its numbers alone restore the program exactly; the tree stands beside it for machines. The artifact also
carries what the program was written in: the roles of the keypoints, the cleaning of the poses, the length reference of
its features, and digests of what its features and operators meant, so that a program is never silently run on other
words. Digests are of what a program uses: catalog and language may grow, and old programs stay valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from nsp_core.cleaning import Cleaning
from nsp_core.dsl.ast import Condition, Filtered, Fraction, Node, Windowed, complexity, feature_names, walk
from nsp_core.dsl.operators import OPERATORS, operator_of
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.dsl.tree import from_tree, to_tree
from nsp_core.errors import ProgramError
from nsp_core.features import definition_digest
from nsp_core.labels import Behavior, BehaviorKind
from nsp_core.provenance import digest
from nsp_core.temporal import temporal_operator_for

__all__ = ["SCHEMA_VERSION", "ProgramArtifact", "dsl_fingerprint", "from_json", "operator_definitions", "to_json"]

SCHEMA_VERSION = 1

ProgramLength = Literal["mm", "px", "body"]


@dataclass(frozen=True, slots=True)
class ProgramArtifact:
    """A program with all it needs to be run, and where it comes from.

    Attributes
    ----------
    behavior
        What it recognizes, and who takes part.
    condition
        The program.
    roles
        Role -> keypoints whose mean is that point.
    cleaning
        How poses are cleaned before features are computed.
    length_reference
        What its lengths are measured against.
    provenance
        Study, seed, software: plain values.
    scores
        Model -> split -> scores, as plain values: the program beside its baselines.
    """

    behavior: Behavior
    condition: Condition
    roles: Mapping[str, tuple[str, ...]]
    cleaning: Cleaning
    length_reference: ProgramLength
    provenance: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The program as a biologist reads it."""
        return format_program(self.condition)

    @property
    def features(self) -> tuple[str, ...]:
        """Catalog names of the features the program refers to: ``speed[agent]`` is made of the feature ``speed``."""
        return tuple(dict.fromkeys(name.split("[")[0] for name in feature_names(self.condition)))

    @property
    def definitions(self) -> dict[str, str]:
        """Feature -> digest of what the catalog says of it: whether the program still means the same."""
        return {name: definition_digest(name) for name in self.features}

    @property
    def program_id(self) -> str:
        """Twelve hexadecimal digits that change whenever the program would give other ethograms."""
        return digest(
            self.behavior, self.text, {role: list(points) for role, points in self.roles.items()}, self.cleaning,
            self.length_reference, self.definitions, operator_definitions(self.condition),
        )[:12]  # fmt: skip


def dsl_fingerprint() -> str:
    """Return a digest of the language: operators, their signatures and meaning in words."""
    return digest([[o.name, o.signature, o.n_constants, o.documentation] for o in OPERATORS])[:16]


def operator_definitions(program: Condition) -> dict[str, str]:
    """Return operator -> twelve hexadecimal digits of its documented meaning, for the operators ``program`` uses.

    Windows and filters are named by their word, such as ``mean``.

    Examples
    --------
    >>> list(operator_definitions(parse_program("mean(speed, 0.5 s) < 30 mm/s")))
    ['compare', 'mean', 'feature']
    """
    return {_name(node): _definition(node) for node in walk(program)}


def to_json(artifact: ProgramArtifact) -> dict[str, Any]:
    """Return ``artifact`` as plain JSON values."""
    return {
        "schema_version": SCHEMA_VERSION,
        "program_id": artifact.program_id,
        "behavior": {"name": artifact.behavior.name, "kind": artifact.behavior.kind},
        "text": artifact.text,
        "complexity": complexity(artifact.condition),
        "tree": to_tree(artifact.condition),
        "roles": {role: list(points) for role, points in artifact.roles.items()},
        "cleaning": {"min_confidence": artifact.cleaning.min_confidence, **artifact.cleaning.stated()},
        "length_reference": artifact.length_reference,
        "feature_definitions": artifact.definitions,
        "operator_definitions": operator_definitions(artifact.condition),
        "dsl_fingerprint": dsl_fingerprint(),
        "provenance": dict(artifact.provenance),
        "scores": dict(artifact.scores),
    }


def from_json(values: Mapping[str, Any], where: str = "program") -> ProgramArtifact:
    """Return the artifact that ``values`` describe; ``where`` names their file in errors.

    Raises
    ------
    ProgramError
        If a field is missing or wrong, if text and tree disagree, or if a feature or operator it uses meant something
        else when it was written.
    """
    if values.get("schema_version") != SCHEMA_VERSION:
        raise ProgramError(
            found=f"schema_version {values.get('schema_version')!r}",
            expected=str(SCHEMA_VERSION),
            where=where,
            remedy="give a program file written by this software, or upgrade it",
        )
    try:
        artifact = _artifact(values)
        tree = from_tree(values["tree"]) if "tree" in values else artifact.condition
    except ProgramError as error:
        raise ProgramError(
            found=error.found, expected=error.expected, where=f"{where}, {error.where}", remedy=error.remedy
        ) from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ProgramError(
            found=f"a field that is missing or wrong ({type(error).__name__}: {error})",
            expected="text, behavior, roles, cleaning and length_reference as this software writes them",
            where=where,
            remedy="restore the field from the original file",
        ) from error
    _check_consistent(artifact, tree, values, where)
    return artifact


def _artifact(values: Mapping[str, Any]) -> ProgramArtifact:
    kind, length_reference = values["behavior"]["kind"], values["length_reference"]
    if kind not in get_args(BehaviorKind):
        raise ValueError(f"behavior kind {kind!r}")
    if length_reference not in get_args(ProgramLength):
        raise ValueError(f"length_reference {length_reference!r}")
    if not isinstance(values["text"], str):
        raise TypeError("a text that is no text")
    if not all(isinstance(points, list | tuple) for points in values["roles"].values()):
        raise TypeError("roles that are no lists of keypoints")
    return ProgramArtifact(
        behavior=Behavior(values["behavior"]["name"], cast(BehaviorKind, kind)),
        condition=parse_program(values["text"]),
        roles={role: tuple(points) for role, points in values["roles"].items()},
        cleaning=Cleaning(**values["cleaning"]),
        length_reference=cast(ProgramLength, length_reference),
        provenance=values.get("provenance", {}),
        scores=values.get("scores", {}),
    )


def _check_consistent(artifact: ProgramArtifact, tree: Condition, values: Mapping[str, Any], where: str) -> None:
    if tree != artifact.condition:
        raise ProgramError(
            found="a text and a tree that describe different programs",
            expected="one program",
            where=where,
            remedy="if the text was edited by hand, delete the field 'tree'; the text alone restores the program",
        )
    _check_meaning(artifact.definitions, values, "feature_definitions", where)
    _check_meaning(operator_definitions(artifact.condition), values, "operator_definitions", where)


def _check_meaning(definitions: Mapping[str, str], values: Mapping[str, Any], stored_as: str, where: str) -> None:
    stored = values.get(stored_as, {})
    if not isinstance(stored, Mapping):
        raise ProgramError(
            found=f"{stored_as} that are a {type(stored).__name__}",
            expected="a digest for each name",
            where=where,
            remedy="restore the field from the original file",
        )
    # A word that a person has written into the text since is not among them, and means what it means here.
    changed = [name for name, meaning in definitions.items() if stored.get(name, meaning) != meaning]
    if changed:
        raise ProgramError(
            found=f"a program written when {' and '.join(changed)} meant something else",
            expected="features and operators defined as in this version",
            where=where,
            remedy="run it with the version that wrote it, or synthesize it again",
        )


def _name(node: Node) -> str:
    match node:
        case Windowed(statistic=word) | Filtered(kernel=word):
            return word
        case _:
            return operator_of(node).name


def _definition(node: Node) -> str:
    operator = operator_of(node)
    if isinstance(node, Windowed | Filtered | Fraction):
        # Each word for itself: what the operator says of all of them changes with every new one.
        in_time = temporal_operator_for(_name(node))
        meaning = [in_time.signature, in_time.documentation, in_time.edges]
    else:
        meaning = [operator.signature, operator.documentation]
    return digest(operator.name, meaning)[:12]
