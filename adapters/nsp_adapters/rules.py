"""A person's rule: a program text in a file, checked against a study, fitted to its recordings, and scored.

A rule file is UTF-8 text that holds one program, over as many lines as it takes. ``#`` starts a comment that goes on to
the end of the line; within backticks it is part of a name. The file without its extension is the rule's name::

    # Sniffing the other animal: close, and not in passing.
    nose_to_nose < 22 mm
      and mean(speed[higher], 0.5 s) < 60 mm/s  # both

A fitted rule is a program file like any other, ``<out>/rules/<rule>.json``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nsp_adapters.atomic import file_name
from nsp_adapters.manifest import software_version
from nsp_adapters.programs import write_program
from nsp_adapters.recordings import PreparedRecording, labeled_sequences
from nsp_adapters.synthesis import development_sequences, unbeaten_baselines
from nsp_adapters.toml_lines import closest
from nsp_core.dsl.ast import Condition, feature_names
from nsp_core.dsl.constants import ProgramConstant, constants_of
from nsp_core.dsl.mistakes import Mistake, located
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.dsl.typecheck import check_program
from nsp_core.errors import FeatureError, MissingFileError, NspError, ProgramError
from nsp_core.evaluate.frames import as_json
from nsp_core.features.lookup import NamedFeature, require_computable, spec
from nsp_core.labels import Behavior, BehaviorKind
from nsp_core.program import ProgramArtifact
from nsp_core.search.given import FitProgress, fit_given, judge_given
from nsp_core.study import Study, study_digest
from nsp_core.units import Unit

__all__ = [
    "FOUND_PROGRAM",
    "RULE_AS_WRITTEN",
    "FittedRule",
    "Rule",
    "beside_others",
    "check_rule",
    "fit_rule",
    "read_rule",
    "write_rule",
]

RULE_AS_WRITTEN, FOUND_PROGRAM = "rule as written", "found program"
# Two animals are enough for every feature; how many a recording has is known when it is read.
_N_ANIMALS = 2
_COMMENT = re.compile(r"(`[^`\n]*`)|#[^\n]*")
_TOKEN = re.compile(r"[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+|\w+(?:\[\w+\])?|`[^`]*`|\+-|\S")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it stands in its file.

    Attributes
    ----------
    name
        The file without its extension.
    file_name
        The file without its folder.
    content
        What stands in the file, comments blanked out, so that lines and columns are those of the file.
    sha256
        Of the file's bytes.
    condition
        The program.
    """

    name: str
    file_name: str
    content: str
    sha256: str
    condition: Condition

    @property
    def text(self) -> str:
        """The program in one line, as all programs are printed."""
        return format_program(self.condition)


@dataclass(frozen=True, slots=True)
class FittedRule:
    """What became of a rule.

    Attributes
    ----------
    rule
        As it was written.
    condition
        With the constants that were fitted, or the very same where they were to be kept.
    left_alone
        Constants that could not be fitted, and why.
    stopped_because
        Why fitting ended; empty where constants were to be kept.
    scores
        Model -> split -> scores, as plain values; the rule itself is the model ``program``.
    """

    rule: Rule
    condition: Condition
    left_alone: tuple[tuple[ProgramConstant, str], ...]
    stopped_because: str
    scores: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The program with its constants as they are now."""
        return format_program(self.condition)

    @property
    def changes(self) -> tuple[tuple[ProgramConstant, ProgramConstant], ...]:
        """Every constant that changed, before and after."""
        pairs = zip(constants_of(self.rule.condition), constants_of(self.condition), strict=True)
        return tuple((old, new) for old, new in pairs if old.value != new.value)


def read_rule(path: Path) -> Rule:
    """Return the rule in the file ``path``.

    Raises
    ------
    MissingFileError
        If there is no such file.
    ProgramError, UnitError
        If it holds no program; with line and column of the file.
    """
    if not path.is_file():
        near = closest(path.name, [one.name for one in path.parent.glob(f"*{path.suffix}")])
        raise MissingFileError(
            found="no such file",
            expected="a rule: a text file that holds a program",
            where=str(path),
            remedy=f"did you mean '{path.with_name(near)}'?" if near else "check the path",
        )
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ProgramError(
            found=f"byte 0x{error.object[error.start]:02x} at position {error.start}",
            expected="UTF-8 text",
            where=path.name,
            remedy="save the file as UTF-8",
        ) from error
    program = _COMMENT.sub(lambda match: match[1] or "", text).rstrip()
    if not program:
        raise ProgramError(
            found="no program",
            expected="a condition such as nose_to_nose < 22 mm and speed[agent] < 60 mm/s",
            where=path.name,
            remedy="write one; lines that begin with # are comments",
        )
    try:
        condition = parse_program(program)
    except NspError as error:
        raise _in_file(error, path.name) from error
    return Rule(path.stem, path.name, program, hashlib.sha256(content).hexdigest(), condition)


def check_rule(rule: Rule, study: Study, behavior: Behavior) -> None:
    """Check that ``rule`` makes sense in ``study`` before anything is computed for it.

    Raises
    ------
    FeatureError
        If a feature is unknown, the roles or the arena of a recording do not allow it, or it is not said whose it is.
    UnitError, ProgramError
        If a threshold has another unit than its feature, or the program means nothing.
        All with line and column of the file, where the place is known.
    """
    try:
        _check_condition(rule.condition, study, behavior)
    except NspError as error:
        raise _in_file(_located_node(error, rule.content), rule.file_name) from error


def _check_condition(program: Condition, study: Study, behavior: Behavior) -> None:
    """Check as :func:`check_rule`; ``where`` is the feature or the node in quotes."""
    units: dict[str, Unit] = {}
    for name in feature_names(program):
        feature = _computable_feature(name, study)
        references = _references(feature, behavior.kind)
        if name not in references:
            raise FeatureError(
                found=f"the feature '{name}'",
                expected=" or ".join(references) or f"a feature of one animal, as {behavior.name} is {behavior.kind}",
                where=f"'{name}'",
                remedy="say whose it is" if references else "leave it out, or name a feature of single animals",
            )
        units[name] = feature.unit(study.length_reference)
    check_program(program, units)


def fit_rule(
    rule: Rule,
    study: Study,
    behavior: Behavior,
    recordings: Sequence[PreparedRecording],
    *,
    keep: bool = False,
    report: Callable[[FitProgress], None] = lambda progress: None,
) -> FittedRule:
    """Return ``rule`` fitted on the recordings that programs are found on, and scored on all that have labels.

    Parameters
    ----------
    rule, study, behavior
        What to fit, on what, and what it is to recognize.
    recordings
        Prepared with the features of the rule.
    keep
        Leave the constants as they were written.
    report
        Called after every constant that was tried.

    Raises
    ------
    LabelError
        If no recording has the roles to fit on, or these lack one of the two classes, or hold too little of one.
    """
    development = development_sequences(study, behavior, recordings)
    tested = [one for recording in recordings if recording.entry.role == "test"
              for one in labeled_sequences(recording, study, behavior)]  # fmt: skip
    others, seed = {"test": tested} if tested else {}, study.search.seeds[0]
    as_written = judge_given(rule.condition, development, others, seed=seed)
    if keep:
        return FittedRule(rule, rule.condition, (), "", as_json({"program": as_written}, seed=seed))
    given = fit_given(rule.condition, development, others, seed=seed, report=report)
    models = {"program": given.scores}
    if given.program != rule.condition:
        models[RULE_AS_WRITTEN] = as_written
    return FittedRule(rule, given.program, given.left_alone, given.stopped_because, as_json(models, seed=seed))


def beside_others(fitted: FittedRule, found: ProgramArtifact | None, baselines: Path) -> FittedRule:
    """Return ``fitted`` with the scores of a found program and those in the file of baselines below its own.

    A program that was scored on other frames is left out.
    """
    scores = dict(fitted.scores)
    if found is not None and _on_same_frames(fitted.scores["program"], found.scores.get("program", {})):
        scores[FOUND_PROGRAM] = found.scores["program"]
    return replace(fitted, scores={**scores, **json.loads(baselines.read_text(encoding="utf-8"))})


def write_rule(fitted: FittedRule, study: Study, behavior: Behavior, out: Path) -> Path:
    """Write the program file of a rule, to be run as any other, and return its path.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    artifact = ProgramArtifact(
        behavior=behavior,
        condition=fitted.condition,
        roles=study.roles,
        cleaning=study.cleaning,
        length_reference=study.length_reference,
        provenance={
            "study": study.name,
            "study_digest": study_digest(study),
            "seed": study.search.seeds[0],
            "software_version": software_version(),
            "rule": fitted.rule.name,
            "rule_file": fitted.rule.file_name,
            "rule_sha256": fitted.rule.sha256,
            "rule_as_written": fitted.rule.text,
            "constants": [
                {"kind": old.kind, "of": old.text, "unit": old.unit, "before": old.value, "after": new.value}
                for old, new in fitted.changes
            ],
            "stopped_because": fitted.stopped_because or "constants kept",
            "beats_baselines": not unbeaten_baselines(fitted.scores),
        },
        scores=fitted.scores,
    )
    return write_program(out / "rules" / f"{file_name(fitted.rule.name)}.json", artifact)


def _on_same_frames(own: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two programs were scored on as many frames, with and without the behavior.

    Held-out frames are some of those that trained.
    """
    return set(own) == set(other) and all(
        (own[split]["n"], own[split]["n_pos"]) == (other[split].get("n"), other[split].get("n_pos"))
        for split in own
        if split != "validation"
    )


def _computable_feature(name: str, study: Study) -> NamedFeature:
    """Return the feature behind a reference, which the labeled recordings of ``study`` allow."""
    try:
        feature = spec(name.split("[")[0])
    except FeatureError as error:
        raise _elsewhere(error, f"'{name}'") from error
    for entry in study.of_role("train", "validation", "test"):
        try:
            require_computable(feature, study.roles, _N_ANIMALS, entry.arena, entry.name)
        except FeatureError as error:
            raise _elsewhere(error, f"'{name}'", f"{error.found} (recording {entry.name})") from error
    return feature


def _references(feature: NamedFeature, kind: BehaviorKind) -> tuple[str, ...]:
    """Return how programs for behaviors of this kind call a feature; see :mod:`nsp_core.features.views`."""
    name, arity = feature.name, feature.spec.arity
    if kind == "solitary":
        return (name,) if arity == "individual" else ()
    if arity == "pair":
        return (name,)
    sides = ("agent", "target", "higher", "lower")
    return tuple(f"{name}[{side}]" for side in sides[: 4 if kind == "undirected" and not feature.spec.circular else 2])


def _elsewhere(error: NspError, where: str, found: str = "") -> NspError:
    return type(error)(found=found or error.found, expected=error.expected, where=where, remedy=error.remedy)


def _in_file(error: NspError, name: str) -> NspError:
    """Return ``error`` with the name of the rule's file in front of its place."""
    place = error.where.removeprefix("program text, ")
    return _elsewhere(error, name if place == "program" else f"{name}, {place}")


def _located_node(error: NspError, content: str) -> NspError:
    """Return ``error`` with line, column and caret of the node whose text it names, where that stands in ``content``.

    Spaces, lines and the way a number is written do not matter.
    """
    node = error.where[1:-1] if error.where[:1] == error.where[-1:] == "'" else ""
    wanted = [_token(match[0]) for match in _TOKEN.finditer(node)]
    there = list(_TOKEN.finditer(content))
    written = [_token(match[0]) for match in there]
    for place in range(len(written) - len(wanted) + 1 if wanted else 0):
        if written[place : place + len(wanted)] == wanted:
            mistake = Mistake(there[place].start(), error.found, error.expected, error.remedy, type(error))
            return located(content, mistake)
    return error


def _token(text: str) -> str | float:
    if text == "+-":
        return "±"
    return float(text) if text[0] in "0123456789." and text != "." else text
