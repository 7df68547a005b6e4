"""Which recordings of a study several annotators labeled, and where their labels stand: all before poses are read.

Annotation files that were named come first. Without any, the label files that the study names are looked into: one file
may hold several annotators. Recordings belong together by their names; with ``same_recording`` the files are of the
study's only recording whatever they call it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nsp_adapters.annotator_labels import LabelSource, label_sources
from nsp_adapters.outputs import Failure
from nsp_core.errors import LabelError, NspError, StudyError
from nsp_core.study import RecordingEntry, Study
from nsp_flows.agreement_files import read_annotations, require_known_annotators, require_two_annotators

__all__ = ["AnnotatedStudy", "FileOptions", "annotated_study"]

SHOWN = 6

Sources = Mapping[str, tuple[LabelSource, ...]]


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How annotation files are read and which annotators are taken.

    See :func:`nsp_flows.agreement_files.read_annotations`; no annotator named means all.
    """

    format: str | None = None
    annotators: tuple[str, ...] = ()
    annotators_of: str | None = None
    same_recording: bool = False


@dataclass(frozen=True, slots=True)
class AnnotatedStudy:
    """The recordings that all annotators labeled.

    Attributes
    ----------
    annotators
        In the order of the files.
    recordings
        Each with annotator -> where their labels stand.
    fps
        Frames per second of all of them.
    failures
        Label files that could not be read.
    notes
        What was left out, one sentence each.
    """

    annotators: tuple[str, ...]
    recordings: tuple[tuple[RecordingEntry, Sources], ...]
    fps: float
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]


def annotated_study(study: Study, files: Sequence[Path], options: FileOptions) -> AnnotatedStudy:
    """Return the recordings of ``study`` that all annotators labeled, whatever their roles.

    Parameters
    ----------
    study
        Its recordings have poses.
    files
        Annotation files; none for the label files that the study names.
    options
        How they are read.

    Raises
    ------
    StudyError
        If the study's recordings have several frame rates.
    LabelError
        If there is one annotator only, no recording that all of them labeled, labels of a recording that the study does
        not have, or an annotator who is asked for is not there.
    NspError
        If a file that was named cannot be read.
    """
    fps = _frame_rate(study)
    failures: tuple[Failure, ...] = ()
    if files:
        by_recording = _in_files(study, files, options, fps)
    else:
        by_recording, failures = _in_study(study, options)
    annotators = tuple(dict.fromkeys(who for sources in by_recording.values() for who in sources))
    entries = {entry.name: entry for entry in study.recordings}
    shared = tuple(
        (entry, by_recording[name])
        for name, entry in entries.items()
        if set(by_recording.get(name, ())) == set(annotators)
    )
    partly = {name: tuple(own) for name, own in by_recording.items() if set(own) != set(annotators)}
    told = ", ".join(f"{name} by {', '.join(own)}" for name, own in list(partly.items())[:SHOWN])
    if not shared:
        raise LabelError(
            found=f"no recording that all of {', '.join(annotators)} labeled: {told}",
            expected="at least one, as a rule is fitted to each on the same frames",
            where="annotators",
            remedy="choose annotators of the same recordings with --annotator",
        )
    notes = (f"left out, as not all of {', '.join(annotators)} labeled them: {told}",) if partly else ()
    return AnnotatedStudy(annotators, shared, fps, failures, notes)


def _frame_rate(study: Study) -> float:
    rates = sorted({entry.fps for entry in study.recordings})
    if len(rates) > 1:
        raise StudyError(
            found=f"recordings of {', '.join(f'{rate:g}' for rate in rates)} frames per second",
            expected="one frame rate",
            where=study.name,
            remedy="make a study of the recordings of one frame rate: annotators are compared in its frames",
        )
    return rates[0]


def _in_files(study: Study, files: Sequence[Path], options: FileOptions, fps: float) -> dict[str, Sources]:
    read = read_annotations(
        files,
        fps=fps,
        format=options.format,
        annotators=options.annotators,
        annotators_of=options.annotators_of,
        same_recording=options.same_recording,
    )
    names = [entry.name for entry in study.recordings]
    if options.same_recording and len(names) == 1:
        (sources,) = read.origins.values()
        return {names[0]: sources}
    strangers = [name for name in read.origins if name not in names]
    if strangers:
        alone = len(names) == len(strangers) == 1
        raise LabelError(
            found=f"labels of {', '.join(strangers[:SHOWN])}",
            expected=f"recordings of the study: {', '.join(names[:SHOWN])}",
            where="annotators",
            remedy="say --same-recording, if all files are of the study's one recording"
            if alone
            else "call recordings in the study (name in [[recordings]]) as the annotation files do",
        )
    return dict(read.origins)


def _in_study(study: Study, options: FileOptions) -> tuple[dict[str, Sources], tuple[Failure, ...]]:
    by_recording: dict[str, Sources] = {}
    failures: list[Failure] = []
    for entry in study.recordings:
        if entry.label_path is None:
            continue
        try:
            by_recording[entry.name] = label_sources(entry, study)
        except NspError as error:
            failures.append(Failure.of(entry.name, "read labels", error))
    known = [who for sources in by_recording.values() for who in sources]
    require_known_annotators(options.annotators, known)
    chosen = {
        name: {who: own for who, own in sources.items() if not options.annotators or who in options.annotators}
        for name, sources in by_recording.items()
    }
    if len(set(known)) < 2:
        raise LabelError(
            found=f"one annotator, {known[0]}, in the label files of the study" if known else "no labels in the study",
            expected="two or more",
            where=study.name,
            remedy="give their annotation files: nsp agreement FILES... --rule RULE.nsp --study STUDY.toml",
        )
    require_two_annotators([(name, who) for name, sources in chosen.items() for who in sources])
    return {name: sources for name, sources in chosen.items() if sources}, tuple(failures)
