"""One rule fitted to each annotator of a study's recordings: how they differ, and how well programs say what they say.

Features are extracted as in a run of the study, in the same folder if one is given. The rule is fitted twice over: on
all frames that all annotators looked at, which tells how they differ, and without each fold in turn, which tells how
far a program can stand for its annotator on frames that it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console

from nsp_adapters.annotations.imported import ImportedAnnotations
from nsp_adapters.annotator_labels import LabelSource, annotated_sequences, labels_of_annotators
from nsp_adapters.outputs import Failure, sweep_outputs
from nsp_adapters.recordings import PreparedRecording, extract_recording
from nsp_adapters.rules import Rule, check_rule, read_rule
from nsp_core.dsl.ast import Condition, feature_names
from nsp_core.evaluate.agreement_bouts import OVERLAP
from nsp_core.labels import Behavior
from nsp_core.search.beam import SearchProgress
from nsp_core.sequences import LabeledSequence
from nsp_core.study import Study
from nsp_core.weak.annotator_comparison import AnnotatorPrograms
from nsp_core.weak.annotator_frames import require_bouts
from nsp_core.weak.annotator_held_out import HeldOutAgreement, held_out_agreement, score_table
from nsp_core.weak.annotator_programs import N_REFITS, AnnotatorFitProgress, fit_annotator_programs
from nsp_flows.agreement import AgreementOutcome, measure_agreement
from nsp_flows.agreement_files import Annotations
from nsp_flows.annotator_sources import AnnotatedStudy, FileOptions, annotated_study
from nsp_flows.fit_rule import chosen_behavior
from nsp_flows.jobs import Run, running

__all__ = ["FittedToAnnotators", "RuleComparison", "compare_by_rule"]

FIT, HELD_OUT = "fit to each annotator", "fit without each fold"

States = Mapping[str, list[NDArray[np.int8]]]
Labeled = tuple[PreparedRecording, ImportedAnnotations]


@dataclass(frozen=True, slots=True)
class FittedToAnnotators:
    """A rule fitted to each annotator.

    Attributes
    ----------
    programs
        The programs and how their constants differ.
    held
        How such programs agree with annotators on frames that they were not fitted to.
    scores
        The same as a table beside the agreement of annotators; see
        :func:`nsp_core.weak.annotator_held_out.score_table`.
    """

    programs: AnnotatorPrograms
    held: HeldOutAgreement
    scores: pd.DataFrame


@dataclass(frozen=True, slots=True)
class RuleComparison:
    """What a rule says of annotators.

    Attributes
    ----------
    rule, behavior
        What was fitted, and what it recognizes.
    agreement
        How far the annotators agree without any rule; None if no recording could be used.
    fitted
        The rule, fitted to each; None if that failed.
    recordings
        Those that were used.
    failures
        What could not be used or done.
    notes
        What a reader must know, one sentence each.
    """

    rule: Rule
    behavior: Behavior
    agreement: AgreementOutcome | None
    fitted: FittedToAnnotators | None
    recordings: tuple[str, ...]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 all done, 1 something failed."""
        return 1 if self.failures else 0


def compare_by_rule(
    rule_file: Path,
    study: Study,
    files: Sequence[Path] = (),
    *,
    behavior_name: str | None = None,
    options: FileOptions | None = None,
    overlap: float = OVERLAP,
    n_refits: int = N_REFITS,
    out: Path | None = None,
    n_workers: int = 2,
    console: Console | None = None,
) -> RuleComparison:
    """Fit the rule in a file to each annotator of the recordings of ``study``.

    Parameters
    ----------
    rule_file
        The rule; its constants are taken for a rough guess.
    study
        Recordings with poses. Those of all roles are used that all annotators labeled.
    files
        Annotation files; none for the label files of the study, where these hold several annotators.
    behavior_name
        What the rule recognizes; None for the study's only behavior, or the one that the rule's file is named after.
    options
        How files are read, and which annotators are taken. Default: as the files say, and all.
    overlap
        Least intersection over union of two bouts that match.
    n_refits
        Random halves of the frames that tell how sure constants are; 0 for no intervals.
    out
        Folder in which a run of the study keeps features. None leaves nothing behind.
    n_workers
        Processes that work at the same time.
    console
        Where progress is shown.

    Raises
    ------
    NspError
        If the rule cannot be read or does not fit the study, a file cannot be read, or fewer than two annotators
        labeled a recording: all before anything is computed.
    LabelError
        If an annotator has too few bouts, or labels an animal that the poses do not know.
    OutputError
        If ``out`` cannot be written.
    """
    rule = read_rule(rule_file)
    behavior = chosen_behavior(study, rule, behavior_name)
    check_rule(rule, study, behavior)
    annotated = annotated_study(study, files, options or FileOptions())
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) if out is None else out
        sweep_outputs(folder)
        with running(study, folder, n_workers, console or Console(stderr=True)) as run:
            return _compared(run, rule, behavior, annotated, overlap, n_refits)


def _compared(
    run: Run, rule: Rule, behavior: Behavior, annotated: AnnotatedStudy, overlap: float, n_refits: int
) -> RuleComparison:
    run.failures += annotated.failures
    labeled = _labeled(run, rule, annotated)
    agreement = _agreement(labeled, annotated, behavior, overlap) if labeled else None
    fitted = _fit(run, rule, behavior, labeled, n_refits) if labeled else None
    names = tuple(recording.entry.name for recording, _ in labeled)
    notes = (*run.study.loud_notes, *annotated.notes)
    return RuleComparison(rule, behavior, agreement, fitted, names, tuple(dict.fromkeys(run.failures)), notes)


def _labeled(run: Run, rule: Rule, annotated: AnnotatedStudy) -> list[Labeled]:
    """Return the recordings whose poses and labels can be read, with the features of the rule."""
    names = tuple(dict.fromkeys(name.split("[")[0] for name in feature_names(rule.condition)))
    sources = {entry.name: own for entry, own in annotated.recordings}
    prepared: list[PreparedRecording] = run.each(
        "extract features",
        [
            (entry.name, extract_recording, (entry, run.study, run.out / "recordings", names))
            for entry, _ in annotated.recordings
        ],
    )
    return run.each(
        "read labels", [(one.entry.name, _read, (one, run.study, sources[one.entry.name])) for one in prepared]
    )


def _read(recording: PreparedRecording, study: Study, sources: Mapping[str, tuple[LabelSource, ...]]) -> Labeled:
    return recording, labels_of_annotators(recording.entry, study, recording.n_frames, sources)


def _agreement(
    labeled: Sequence[Labeled], annotated: AnnotatedStudy, behavior: Behavior, overlap: float
) -> AgreementOutcome:
    """Return how far the annotators agree, on the labels that the rule is fitted to."""
    used = {recording.entry.name for recording, _ in labeled}
    sources = dict.fromkeys(
        (source.path, source.format)
        for entry, own in annotated.recordings
        if entry.name in used
        for parts in own.values()
        for source in parts
    )
    annotations = Annotations(
        tuple(one for _, imported in labeled for one in imported.labels),
        tuple(sources),
        tuple(dict.fromkeys(told for _, imported in labeled for told in imported.assumptions)),
    )
    return measure_agreement(annotations, fps=annotated.fps, behaviors=[behavior.name], overlap=overlap)


def _fit(
    run: Run, rule: Rule, behavior: Behavior, labeled: Sequence[Labeled], n_refits: int
) -> FittedToAnnotators | None:
    """Return the rule fitted to each annotator, on all frames and without each fold, or None if one of these failed."""
    sequences, states = annotated_sequences([(one, imported.labels) for one, imported in labeled], behavior)
    require_bouts(states, behavior.name)
    given = (rule.condition, sequences, states)
    results = run.each(
        "fit the rule",
        [
            (FIT, _fit_job, (*given, run.study.search.seeds[0], n_refits, run.messages)),
            (HELD_OUT, _held_out_job, (*given, run.messages)),
        ],
    )
    match results:
        case [AnnotatorPrograms() as programs, HeldOutAgreement() as held]:
            return FittedToAnnotators(programs, held, score_table(programs, sequences, states, held))
        case _:
            return None


def _fit_job(
    program: Condition,
    sequences: Sequence[LabeledSequence],
    states: States,
    seed: int,
    n_refits: int,
    messages: Queue[Any],
) -> AnnotatorPrograms:
    """Fit on all frames; runs in a worker process."""
    return fit_annotator_programs(
        program, sequences, states, seed=seed, n_refits=n_refits, report=_teller(FIT, messages)
    )


def _held_out_job(
    program: Condition, sequences: Sequence[LabeledSequence], states: States, messages: Queue[Any]
) -> HeldOutAgreement:
    """Fit without each fold; runs in a worker process."""
    return held_out_agreement(program, sequences, states, report=_teller(HELD_OUT, messages))


def _teller(job: str, messages: Queue[Any]) -> Callable[[AnnotatorFitProgress], None]:
    def report(progress: AnnotatorFitProgress) -> None:
        stage = f"fit {progress.done} of {progress.total}"
        messages.put((job, SearchProgress(stage, progress.done, progress.total, 0)))

    return report
