"""Fit a person's rule to a study and print it beside the program that was found and the baselines.

Features are extracted and baselines scored as in a run of the study, in the same folder if one is given, so that
neither does the work of the other again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nsp_adapters.atomic import file_name
from nsp_adapters.outputs import Failure, sweep_outputs
from nsp_adapters.programs import read_program
from nsp_adapters.recordings import PreparedRecording, extract_recording
from nsp_adapters.rules import (
    FOUND_PROGRAM,
    RULE_AS_WRITTEN,
    FittedRule,
    Rule,
    beside_others,
    check_rule,
    fit_rule,
    read_rule,
    write_rule,
)
from nsp_adapters.synthesis import score_baselines, unbeaten_baselines
from nsp_core.dsl.ast import Compare, Constant, Filtered, Windowed, feature_names
from nsp_core.dsl.constants import ProgramConstant
from nsp_core.dsl.printing import format_program, format_value
from nsp_core.errors import NspError, StudyError
from nsp_core.features.lookup import closest_match
from nsp_core.labels import Behavior
from nsp_core.program import ProgramArtifact
from nsp_core.search.beam import SearchProgress
from nsp_core.search.given import FitProgress
from nsp_core.study import RecordingEntry, Study
from nsp_flows.jobs import Run, running, with_labels
from nsp_flows.report import MODEL_NAMES, score_cell

__all__ = ["FitOutcome", "chosen_behavior", "fit_rule_file", "print_fit"]

MEASURES = {"f1": "F1", "ap": "AP"}

Prepared = tuple[PreparedRecording, PreparedRecording]


@dataclass(frozen=True, slots=True)
class FitOutcome:
    """What came of a rule.

    Attributes
    ----------
    behavior
        What it recognizes.
    fitted
        The rule with its scores and those of the baselines; None if it could not be fitted.
    program_path
        Its program file; None where none was asked for.
    failures
        Recordings that could not be used, and why the rule was not fitted.
    notes
        What a reader must know, one sentence each.
    """

    behavior: Behavior
    fitted: FittedRule | None
    program_path: Path | None
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 all done, 1 something failed."""
        return 1 if self.failures else 0


def fit_rule_file(
    rule_file: Path,
    study: Study,
    *,
    behavior_name: str | None = None,
    keep: bool = False,
    out: Path | None = None,
    n_workers: int = 2,
    console: Console | None = None,
) -> FitOutcome:
    """Fit the rule in a file to ``study`` and score it beside the program that was found and the baselines.

    Parameters
    ----------
    rule_file
        The rule.
    study
        Constants are fitted on the recordings that programs are found on.
    behavior_name
        What the rule recognizes; None for the study's only behavior, or the one that the rule's file is named after.
    keep
        Score the rule with its constants as they are.
    out
        Folder of a run of the study, which need not exist: there the program that was found is looked for, features
        and baselines are kept, and the rule is written. None leaves nothing behind.
    n_workers
        Processes that work at the same time.
    console
        Where progress is shown.

    Raises
    ------
    NspError
        If the rule cannot be read, or does not fit the study: all before anything is computed.
    OutputError
        If ``out`` cannot be written.
    """
    rule = read_rule(rule_file)
    behavior = chosen_behavior(study, rule, behavior_name)
    check_rule(rule, study, behavior)
    found, notes = _found_program(behavior, out)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) if out is None else out
        sweep_outputs(folder)
        with running(study, folder, n_workers, console or Console(stderr=True)) as run:
            results = _fit(run, rule, behavior, keep=keep)
        fitted = None if results is None else beside_others(results[0], found, results[1])
        if found is not None and fitted is not None and FOUND_PROGRAM not in fitted.scores:
            notes = [f"the program found for {behavior.name} is not shown: it was scored on other frames than the rule"]
        path = None if out is None or fitted is None else write_rule(fitted, study, behavior, out)
    return FitOutcome(behavior, fitted, path, tuple(dict.fromkeys(run.failures)), (*study.loud_notes, *notes))


def chosen_behavior(study: Study, rule: Rule, name: str | None) -> Behavior:
    """Return the behavior that a rule is to recognize: the one named, the only one, or that of the rule's name.

    Raises
    ------
    StudyError
        If the study has no such behavior, or none is told among several.
    """
    by_name = {behavior.name: behavior for behavior in study.behaviors}
    if name is None and len(by_name) == 1:
        return study.behaviors[0]
    asked = rule.name if name is None else name
    if asked in by_name:
        return by_name[asked]
    known = ", ".join(by_name)
    raise StudyError(
        found=f"the behavior '{name}'" if name is not None else f"{len(by_name)} behaviors, and a rule called {asked}",
        expected=f"one of {known}",
        where="--behavior",
        remedy=closest_match(asked, list(by_name)) or "name the behavior that the rule recognizes",
    )


def print_fit(outcome: FitOutcome, console: Console) -> None:
    """Print the rule as it was and as it is, its scores, and what to make of them, for a person at a terminal."""
    for note in outcome.notes:
        console.print(Text.assemble(("note ", "yellow"), note), soft_wrap=True)
    if outcome.fitted is not None:
        _print_rule(outcome.behavior, outcome.fitted, console)
    for failure in outcome.failures:
        told = f"{failure.subject} ({failure.stage}): {failure.error}"
        console.print(Text.assemble(("failed ", "red"), told), soft_wrap=True)
    if outcome.program_path is not None:
        console.print(f"\nprogram    {outcome.program_path}", markup=False, highlight=False, soft_wrap=True)


def _found_program(behavior: Behavior, out: Path | None) -> tuple[ProgramArtifact | None, list[str]]:
    """Return the program that a run of the study found, or None and why it cannot be shown."""
    path = None if out is None else out / "programs" / f"{file_name(behavior.name)}.json"
    if path is None or not path.is_file():
        return None, []
    try:
        return read_program(path), []
    except NspError as error:
        return None, [f"the program found for {behavior.name} is not shown: {error}"]


def _fit(run: Run, rule: Rule, behavior: Behavior, *, keep: bool) -> tuple[FittedRule, Path] | None:
    """Return the rule and the file with the scores of the baselines, or None if one of the two failed."""
    names = tuple(dict.fromkeys(name.split("[")[0] for name in feature_names(rule.condition)))
    entries = run.study.of_role("train", "validation", "test")
    prepared: list[Prepared] = run.each(
        "extract features",
        [(entry.name, _prepare, (entry, run.study, run.out / "recordings", names)) for entry in entries],
    )
    labeled: list[Prepared] = run.each(
        "read labels", [(one.entry.name, _labeled, (one, offered, run.study)) for one, offered in prepared]
    )
    for_rule, offered = [pair[0] for pair in labeled], [pair[1] for pair in labeled]
    results: list[FittedRule | Path] = run.each(
        "score the rule" if keep else "fit the rule",
        [
            (rule.name, _fit_job, (rule, run.study, behavior, for_rule, keep, run.messages)),
            (behavior.name, score_baselines, (run.study, behavior, offered, run.out)),
        ],
    )
    match results:
        case [FittedRule() as fitted, Path() as baselines]:
            return fitted, baselines
        case _:
            return None


def _prepare(entry: RecordingEntry, study: Study, folder: Path, names: Sequence[str]) -> Prepared:
    """Return a recording with the features that programs name, and with those that the baselines see."""
    return extract_recording(entry, study, folder, names), extract_recording(entry, study, folder)


def _labeled(for_rule: PreparedRecording, offered: PreparedRecording, study: Study) -> Prepared:
    return with_labels(for_rule, study), offered


def _fit_job(
    rule: Rule,
    study: Study,
    behavior: Behavior,
    recordings: Sequence[PreparedRecording],
    keep: bool,
    messages: Queue[Any],
) -> FittedRule:
    """Fit and score; runs in a worker process."""

    def report(progress: FitProgress) -> None:
        step = progress.step
        stage = f"fit {progress.fit} of {progress.n_fits}, round {step.round}"
        messages.put((rule.name, SearchProgress(stage, step.done, step.total, step.n_evaluations)))

    return fit_rule(rule, study, behavior, recordings, keep=keep, report=report)


def _print_rule(behavior: Behavior, fitted: FittedRule, console: Console) -> None:
    console.print(f"\n{behavior.name}: rule {fitted.rule.name}", style="bold", markup=False, highlight=False)
    _print_program("as written", fitted.rule.text, console)
    if fitted.changes:
        _print_program("as fitted", fitted.text, console)
        console.print(_table_of_changes(fitted.changes))
    elif fitted.stopped_because:
        console.print("  no other constants do better on the recordings to fit on")
    for constant, reason in fitted.left_alone:
        told = f"  left as it was: {constant.kind} of {_node_name(constant)}: {reason}"
        console.print(told, markup=False, highlight=False, soft_wrap=True)
    for measure in MEASURES:
        console.print()
        console.print(_table_of_scores(fitted, measure))
    unbeaten: dict[str, list[str]] = {}
    for baseline, measure in unbeaten_baselines(fitted.scores):
        unbeaten.setdefault(MODEL_NAMES[baseline], []).append(MEASURES[measure])
    if unbeaten:
        told = ", ".join(f"{name} ({', '.join(measures)})" for name, measures in unbeaten.items())
        warning = f"does not beat {told} on recordings it was not fitted on: do not rely on it"
        console.print(Text(f"\n{warning}", style="yellow"), soft_wrap=True)


def _print_program(title: str, text: str, console: Console) -> None:
    console.print(f"  {title}", style="dim", markup=False, highlight=False)
    console.print(Padding(text, (0, 0, 0, 4)), markup=False, highlight=False)


def _table_of_changes(changes: Sequence[tuple[ProgramConstant, ProgramConstant]]) -> Padding:
    table = Table.grid(padding=(0, 2, 0, 0))
    for old, new in changes:
        moved = f"{format_value(old.value)} -> {format_value(new.value, new.unit)}"
        # Text, not markup: speed[agent] holds no style.
        table.add_row(*map(Text, (old.kind, moved, _node_name(old))))
    return Padding(table, (0, 0, 0, 4))


def _table_of_scores(fitted: FittedRule, measure: str) -> Table:
    """Return models by splits, each score with its interval over recordings."""
    splits = list(fitted.scores["program"])
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in (MEASURES[measure], *splits):
        table.add_column(name, no_wrap=True)
    names = {
        **MODEL_NAMES,
        "program": "rule" if fitted.text == fitted.rule.text else "rule, fitted",
        RULE_AS_WRITTEN: "rule, as written",
        FOUND_PROGRAM: "program found",
    }
    for model, by_split in fitted.scores.items():
        cells = [score_cell(by_split.get(split, {}), measure, interval=True) for split in splits]
        table.add_row(*map(Text, (names.get(model, model), *cells)), style="bold" if model == "program" else None)
    return table


def _node_name(constant: ProgramConstant) -> str:
    """Return what a constant belongs to, without the conditions inside and without the constant itself."""
    match constant.node:
        case Compare(child, relation):
            return f"{format_program(child)} {relation}"
        case Windowed() | Filtered() | Constant():
            return constant.text
        case _:
            return constant.text.split("(")[0]
