"""Annotation files of several annotators, brought together by recording: who annotated what.

A file may hold several recordings and annotators, or name neither. Where no annotator is named and there are several
files, a file's name without its ending names the annotator; where files in different folders share their names, as in
``anna/cage3.csv`` and ``ben/cage3.csv``, the folder does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path

from nsp_adapters.annotations.detect import detect_annotation_format, read_annotation_file
from nsp_adapters.annotations.imported import ImportedAnnotations, require_fps
from nsp_adapters.annotations.per_frame_csv import read_per_frame_csv
from nsp_adapters.annotator_labels import LabelSource
from nsp_adapters.bout_csv import UNKNOWN_ANNOTATOR
from nsp_core.errors import AmbiguousError, FormatError, LabelError
from nsp_core.features.lookup import closest_match
from nsp_core.labels import RecordingLabels

__all__ = ["Annotations", "read_annotations", "require_known_annotators", "require_two_annotators"]

PER_FRAME_CSV = "per-frame-csv"
# A row, or a column, per frame: where such a file ends is where its recording does.
FRAME_BY_FRAME = frozenset({PER_FRAME_CSV, "behaviordepot", "boris-binary", "deepethogram", "simba-targets"})
ALIKE = 0.01

# Which file, and which entry in it.
Place = tuple[int, int]

_BETWEEN_WORDS = re.compile(r"([ _.-]+)")


@dataclass(frozen=True, slots=True)
class Annotations:
    """What several annotators say of one or more recordings.

    Attributes
    ----------
    labels
        One entry per recording and annotator.
    sources
        Every file with the name of its format.
    assumptions
        What the files did not say and was assumed, one sentence each.
    origins
        Recording -> annotator -> where their labels stand.
    """

    labels: tuple[RecordingLabels, ...]
    sources: tuple[tuple[Path, str], ...]
    assumptions: tuple[str, ...]
    origins: Mapping[str, Mapping[str, tuple[LabelSource, ...]]] = field(default_factory=dict)


def read_annotations(
    files: Sequence[Path],
    *,
    fps: float,
    format: str | None = None,
    n_frames: int | None = None,
    looked_for: Sequence[str] = (),
    annotators: Sequence[str] = (),
    annotators_of: str | None = None,
    same_recording: bool = False,
) -> Annotations:
    """Return the labels in ``files``, at least two annotators' of some recording.

    Parameters
    ----------
    files
        Annotation files.
    fps
        Frames per second of all recordings.
    format
        Name of the format of all of them. Default: each file's content tells.
    n_frames
        Length of every recording.
    looked_for
        Behaviors that were looked for besides those that occur.
    annotators
        Only these. Default: all.
    annotators_of
        The one behavior of per-frame tables whose columns are its annotators.
    same_recording
        Whether the files, each of one recording, are of the same one whatever they call it.

    Raises
    ------
    NspError
        If a file cannot be read, files cannot be told apart, no recording was annotated by two, an annotator asked for
        is not there, or tables with a row per frame have different lengths.
    """
    _refuse_repeated(files)
    read = [_read(path, fps, format, n_frames, looked_for, annotators_of) for path in files]
    sources = tuple((path, chosen) for path, (chosen, _) in zip(files, read, strict=True))
    if annotators_of is not None:
        _require_table(sources)
    as_written = [list(imported.labels) for _, imported in read]
    by_file = _as_one_recording(files, as_written) if same_recording else as_written
    if len(files) > 1:
        by_file = _named_by_file(files, by_file)
    joined, where = _joined(files, by_file)
    require_known_annotators(annotators, [one.annotator for one in joined])
    labels = tuple(one for one in joined if not annotators or one.annotator in annotators)
    require_two_annotators([(one.recording, one.annotator) for one in labels])
    notes = tuple(sentence for _, imported in read for sentence in imported.assumptions)
    if n_frames is None:
        tables = {path: chosen in FRAME_BY_FRAME for path, chosen in sources}
        _refuse_other_lengths([one for path, own in zip(files, by_file, strict=True) if tables[path] for one in own])
        notes += _on_lengths(labels)
    stand = _sources_of(sources, as_written, by_file, annotators_of is not None)
    return Annotations(labels, sources, notes, _origins(labels, where, stand))


def _read(
    path: Path,
    fps: float,
    format: str | None,
    n_frames: int | None,
    looked_for: Sequence[str],
    annotators_of: str | None,
) -> tuple[str, ImportedAnnotations]:
    """Return the format of a file and what it holds."""
    require_fps(fps, path)
    chosen = detect_annotation_format(path, format).name
    if annotators_of is not None and chosen == PER_FRAME_CSV:
        return chosen, read_per_frame_csv(path, n_frames=n_frames, annotators_of=annotators_of)
    return chosen, read_annotation_file(path, format=chosen, fps=fps, n_frames=n_frames, looked_for=looked_for)


def _refuse_repeated(files: Sequence[Path]) -> None:
    resolved = [path.resolve() for path in files]
    repeated = next((path for place, path in enumerate(files) if resolved[place] in resolved[:place]), None)
    if repeated is not None:
        raise LabelError(
            found=f"{repeated.name} twice",
            expected="different files",
            where=str(repeated),
            remedy="name each file once: an annotator agrees with themselves",
        )


def _require_table(sources: Sequence[tuple[Path, str]]) -> None:
    """Refuse annotators that are columns where no file has columns."""
    if not any(chosen == PER_FRAME_CSV for _, chosen in sources):
        raise FormatError(
            found=f"no {PER_FRAME_CSV} among {', '.join(f'{path.name} ({chosen})' for path, chosen in sources)}",
            expected="a table with one row per frame and one column per annotator",
            where="--annotators-of",
            remedy="leave it out, or state the format with --from",
        )


def _as_one_recording(
    files: Sequence[Path], by_file: Sequence[Sequence[RecordingLabels]]
) -> list[list[RecordingLabels]]:
    """Return the labels with one name for the recording: what its names begin or end with, if they share that."""
    names = []
    for path, own in zip(files, by_file, strict=True):
        of_file = list(dict.fromkeys(one.recording for one in own))
        if len(of_file) > 1:
            raise LabelError(
                found=f"{len(of_file)} recordings: {', '.join(of_file[:6])}",
                expected="one recording in each file",
                where=path.name,
                remedy="leave out --same-recording: in files of several, recordings belong together by their names",
            )
        names += of_file
    name = _shared_words(names) or "recording"
    return [[replace(one, recording=name) for one in own] for own in by_file]


def _shared_words(names: Sequence[str]) -> str:
    """Return the words that all names begin with, or else end with: ``cage3`` of ``cage3_anna`` and ``cage3_ben``."""
    words = [_BETWEEN_WORDS.split(name) for name in names]
    for in_order in (words, [each[::-1] for each in words]):
        # Names of different lengths have no more words in common than the shortest has.
        shared = [each[0] for each in takewhile(lambda each: len(set(each)) == 1, zip(*in_order, strict=False))]
        name = "".join(shared if in_order is words else shared[::-1]).strip(" _-.")
        if name:
            return name
    return ""


def _named_by_file(files: Sequence[Path], by_file: Sequence[Sequence[RecordingLabels]]) -> list[list[RecordingLabels]]:
    """Return the labels with the name of an annotator that no file states."""
    nameless = [
        path for path, own in zip(files, by_file, strict=True) if any(_is_unknown(one.annotator) for one in own)
    ]
    names = _file_names(nameless)
    return [
        [replace(one, annotator=names[path]) if _is_unknown(one.annotator) else one for one in own]
        for path, own in zip(files, by_file, strict=True)
    ]


def _file_names(files: Sequence[Path]) -> dict[Path, str]:
    """Return what tells the files apart: their names without endings, or their folders."""
    names = {path: _without_ending(path) for path in files}
    if len(set(names.values())) == len(names):
        return names
    folders = {path: path.resolve().parent.name for path in files}
    if len({(names[path], folders[path]) for path in files}) == len(files):
        return folders
    raise AmbiguousError(
        found=f"files that are called alike, in folders that are: {', '.join(map(str, files))}",
        expected="files, or else their folders, named after annotators",
        where="annotation files",
        remedy="rename them: no annotator is named inside",
    )


def _joined(
    files: Sequence[Path], by_file: Sequence[Sequence[RecordingLabels]]
) -> tuple[list[RecordingLabels], dict[tuple[str, str], list[Place]]]:
    """Return one entry per recording and annotator, and for each of these the places in ``by_file`` it is made of.

    What one annotator noted in several files is joined if it is of different behaviors; otherwise these are passes, and
    stay apart as ``<annotator> (<file>)``.
    """
    grouped: dict[tuple[str, str], list[tuple[Place, RecordingLabels]]] = {}
    for number, own in enumerate(by_file):
        for index, one in enumerate(own):
            grouped.setdefault((one.recording, one.annotator), []).append(((number, index), one))
    labels: list[RecordingLabels] = []
    where: dict[tuple[str, str], list[Place]] = {}
    for (recording, annotator), parts in grouped.items():
        behaviors = [name for _, one in parts for name in _behaviors(one)]
        if len(behaviors) > len(set(behaviors)):
            names = _file_names([files[number] for (number, _), _ in parts])
            for place, one in parts:
                labels.append(replace(one, annotator=f"{annotator} ({names[files[place[0]]]})"))
                where.setdefault((recording, labels[-1].annotator), []).append(place)
            continue
        where[recording, annotator] = [place for place, _ in parts]
        observed = {name: spans for _, one in parts for name, spans in one.observed.items()}
        bouts = tuple(bout for _, one in parts for bout in one.bouts)
        points = tuple(point for _, one in parts for point in one.points)
        labels.append(RecordingLabels(recording, annotator, bouts, observed, points))
    return labels, where


def _sources_of(
    sources: Sequence[tuple[Path, str]],
    as_written: Sequence[Sequence[RecordingLabels]],
    by_file: Sequence[Sequence[RecordingLabels]],
    of_columns: bool,
) -> list[list[LabelSource]]:
    """Return where each entry of ``by_file`` stands; annotators that are columns are known only as they were read."""
    return [
        [
            LabelSource(path, chosen, raw.recording, named.annotator, raw if of_columns and chosen == PER_FRAME_CSV
                        else None)
            for raw, named in zip(written, own, strict=True)
        ]
        for (path, chosen), written, own in zip(sources, as_written, by_file, strict=True)
    ]  # fmt: skip


def _origins(
    labels: Sequence[RecordingLabels], where: Mapping[tuple[str, str], Sequence[Place]], stand: list[list[LabelSource]]
) -> dict[str, dict[str, tuple[LabelSource, ...]]]:
    origins: dict[str, dict[str, tuple[LabelSource, ...]]] = {}
    for one in labels:
        places = where[one.recording, one.annotator]
        origins.setdefault(one.recording, {})[one.annotator] = tuple(stand[number][index] for number, index in places)
    return origins


def require_known_annotators(asked: Sequence[str], known: Sequence[str]) -> None:
    """Raise unless every annotator that is asked for is known.

    Raises
    ------
    LabelError
        If one is not.
    """
    known = list(dict.fromkeys(known))
    for name in asked:
        if name not in known:
            raise LabelError(
                found=f"no labels by '{name}'",
                expected=f"one of {', '.join(known)}",
                where="--annotator",
                remedy=closest_match(name, known) or "name annotators as the files do",
            )


def require_two_annotators(labeled: Sequence[tuple[str, str]]) -> None:
    """Raise unless two annotators labeled the same recording.

    Parameters
    ----------
    labeled
        Recording and annotator, of all labels.

    Raises
    ------
    LabelError
        If there is one annotator only, or each labeled other recordings.
    """
    by_recording: dict[str, set[str]] = {}
    for recording, annotator in labeled:
        by_recording.setdefault(recording, set()).add(annotator)
    if any(len(annotators) > 1 for annotators in by_recording.values()):
        return
    annotators = list(dict.fromkeys(annotator for _, annotator in labeled))
    if len(annotators) < 2:
        raise LabelError(
            found=f"one annotator, {annotators[0]}" if annotators else "no labels",
            expected="two or more",
            where="annotators",
            remedy="give the file of another one; if the columns of a per-frame csv are annotators, say of which "
            "behavior with --annotators-of",
        )
    who = ", ".join(f"{name} by {next(iter(own))}" for name, own in list(by_recording.items())[:6])
    raise LabelError(
        found=f"no recording of two annotators: {who}",
        expected="at least one that two of them annotated",
        where="annotators",
        remedy="give recordings one name in all files; if each file is of the same one, say --same-recording",
    )


def _refuse_other_lengths(labels: Sequence[RecordingLabels]) -> None:
    """Refuse tables with a row per frame that end at different frames: rows would not be of the same frame."""
    for recording, shortest, longest in _different_lengths(labels):
        raise LabelError(
            found=f"{shortest.last_frame} labeled frames by {shortest.annotator} and {longest.last_frame} by "
            f"{longest.annotator}",
            expected="as many, as there is a row per frame",
            where=recording,
            remedy="check that these are of one recording; if one of them ends early, state its length with --n-frames",
        )


def _on_lengths(labels: Sequence[RecordingLabels]) -> tuple[str, ...]:
    told = [
        f"{recording} (frame {shortest.last_frame} by {shortest.annotator}, {longest.last_frame} by "
        f"{longest.annotator})"
        for recording, shortest, longest in _different_lengths(labels)
    ]
    if not told:
        return ()
    return (
        f"labels end at different frames in {', '.join(told)}: only frames that both looked at are compared; "
        "--n-frames says how long recordings are",
    )


def _different_lengths(labels: Sequence[RecordingLabels]) -> list[tuple[str, RecordingLabels, RecordingLabels]]:
    """Return the recordings whose labels end at clearly different frames, with the shortest and the longest."""
    found = []
    for recording in dict.fromkeys(one.recording for one in labels):
        own = sorted((one for one in labels if one.recording == recording), key=lambda one: one.last_frame)
        if own[0].last_frame < (1 - ALIKE) * own[-1].last_frame:
            found.append((recording, own[0], own[-1]))
    return found


def _behaviors(labels: RecordingLabels) -> dict[str, None]:
    return dict.fromkeys(
        [*labels.observed, *(bout.behavior for bout in labels.bouts), *(point.behavior for point in labels.points)]
    )


def _is_unknown(annotator: str) -> bool:
    return annotator in ("", UNKNOWN_ANNOTATOR)


def _without_ending(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).stem
