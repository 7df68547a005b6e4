"""Study files: TOML in, a checked and resolved :class:`nsp_core.study.Study` out.

A study file has the tables ``[study]``, ``[tracking]``, ``[roles]``, ``[arena]``, ``[cleaning]``, ``[features]``,
``[labels]``, ``[search]`` and the blocks ``[[recordings]]`` and ``[[behaviors]]``; their keys stand in
:mod:`nsp_adapters.study_schema`. File names are relative to ``data``, which is relative to the study file; ``${NAME}``
in a file name means an environment variable.

``poses`` are patterns (:mod:`nsp_adapters.study_files`), of which every match is a recording; ``files`` are files
that need not exist, since a missing one is a problem of that recording only. A recording is called what its file is
called before ``DLC``, or what the template ``name`` makes of ``{name}`` (that text), ``{stem}`` (the file without
extension) and ``{folder}``; ``names`` selects some of a block's recordings. ``labels`` and the identities are templates
with ``{recording}``, ``{stem}`` and ``{folder}``. All that is wrong is reported at once, each with its line.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nsp_adapters.study_arena import arenas_by_block, check_features
from nsp_adapters.study_checks import check_together, checked_roles
from nsp_adapters.study_files import expanded, matching, nothing_matched, tidy, what_is_there
from nsp_adapters.study_scale import scales_by_block
from nsp_adapters.study_schema import LabelsTable, RecordingsTable, RolesFile, StudyFile
from nsp_adapters.study_sentences import validated
from nsp_adapters.toml_lines import Problems, TomlPath, closest, natural_order, nearest, read_toml, shown
from nsp_core.cleaning import Cleaning
from nsp_core.errors import MissingFileError
from nsp_core.labels import Behavior
from nsp_core.study import (
    SCALE_UNKNOWN,
    LabelSettings,
    PoseSettings,
    RecordingEntry,
    SearchSettings,
    Study,
    study_digest,
    study_notes,
)

__all__ = ["read_roles", "read_study", "study_digest"]

_PLACEHOLDER = re.compile(r"(?<!\$)\{(\w*)\}")
_FILE_NAME = re.compile(r"\w[\w .+()=,@-]{0,98}(?<![ .])")
# Windows keeps these names for devices, with any extension.
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Match:
    """A recording found by the block of that index."""

    name: str
    file: Path
    block: RecordingsTable
    index: int

    @property
    def path(self) -> TomlPath:
        """The block's place in the file."""
        return "recordings", self.index

    @property
    def source(self) -> TomlPath:
        """The key that found the file."""
        return (*self.path, "files" if self.block.poses is None else "poses")


def read_study(path: Path, *, environment: Mapping[str, str]) -> Study:
    """Return the study that the file at ``path`` states.

    Parameters
    ----------
    path
        A TOML file.
    environment
        Variables that ``${NAME}`` in file names may mean. Without ``NSP_DATA``, ``${NSP_DATA}`` is ``../shared/data``
        seen from the current folder, if there is such a folder.

    Raises
    ------
    MissingFileError
        If the study file or its data folder does not exist.
    StudyError
        For a syntax error, with line and column; otherwise for everything wrong at once, one line each.
    """
    problems = Problems(read_toml(path))
    file = validated(StudyFile, problems)
    folder = _data_folder(path, file, environment, problems)
    matches: list[_Match] = []
    notes: list[str] = []
    for index, block in enumerate(file.recordings):
        of_block = _matches(block, index, folder, environment, problems)
        if not of_block and block.optional:
            notes.append(f"an optional block (line {problems.document.line(('recordings', index))}) matches no file")
        matches += of_block
    _check_names(matches, problems)
    check_together(file, problems)
    roles = checked_roles(file.roles, problems)
    arenas = arenas_by_block(file, problems)
    problems.raise_any()
    scales = scales_by_block(file, arenas, problems)
    resolved = []
    for match in matches:
        (scale, source), arena = scales[match.index], arenas[match.index]
        entry = _entry(match, file, folder, environment, problems)
        resolved.append((match, replace(entry, arena=arena, scale_mm_per_px=scale, scale_source=source)))
    check_features(file, arenas, problems)
    _check_label_files(resolved, file, problems)
    notes += _check_leakage(resolved, file.study.allow_shared, problems)
    problems.raise_any()
    return _study(file, folder, [entry for _, entry in resolved], roles, notes)


def read_roles(path: Path) -> Mapping[str, tuple[str, ...]]:
    """Return the skeleton roles in the ``[roles]`` table of the file at ``path``, which holds nothing else.

    Raises
    ------
    MissingFileError, StudyError
        As ``read_study``.
    """
    problems = Problems(read_toml(path))
    roles = checked_roles(validated(RolesFile, problems).roles, problems)
    problems.raise_any()
    return roles


def _study(
    file: StudyFile, folder: Path, entries: list[RecordingEntry], roles: dict[str, tuple[str, ...]], notes: list[str]
) -> Study:
    recordings = tuple(sorted(entries, key=lambda entry: natural_order(entry.name)))
    search = SearchSettings(**{**file.search.model_dump(), "seeds": tuple(file.search.seeds)})
    return Study(
        name=file.study.name,
        data_folder=folder.as_posix(),
        tracker=file.tracking.tracker,
        recordings=recordings,
        roles=roles,
        behaviors=tuple(Behavior(behavior.name, behavior.kind) for behavior in file.behaviors),
        cleaning=Cleaning(**file.cleaning.model_dump()),
        labels=None if file.labels is None else _label_settings(file.labels),
        search=search,
        loud_notes=(*study_notes(recordings, roles, search), *notes),
        features=None if file.features.use is None else tuple(file.features.use),
        poses=PoseSettings(file.tracking.format, tuple(file.tracking.individuals), tuple(file.tracking.leave_out)),
    )


def _data_folder(path: Path, file: StudyFile, environment: Mapping[str, str], problems: Problems) -> Path:
    text = expanded(file.study.data, ("study", "data"), environment, problems)
    problems.raise_any()
    folder = (path.parent / text).resolve()
    if not folder.is_dir():
        raise MissingFileError(
            found=f"data = {shown(file.study.data)}, and no folder {folder}",
            expected="the folder of the recordings, relative to the study file",
            where=f"{path.name}:{problems.document.line(('study', 'data'))}",
            remedy=f"correct data; {what_is_there(folder.parent, folder.name)}",
        )
    return folder


def _matches(
    block: RecordingsTable, index: int, folder: Path, environment: Mapping[str, str], problems: Problems
) -> list[_Match]:
    """Return the recordings of one block, in the order of their files."""
    path: TomlPath = ("recordings", index)
    if (block.poses is None) == (block.files is None):
        problems.add(path, "[[recordings]] needs either poses (patterns) or files (which may be missing), not both")
        return []
    files: set[Path] = set()
    for position, text in enumerate(block.poses or block.files or ()):
        at = (*path, "poses" if block.poses else "files", position)
        place = expanded(text, at, environment, problems)
        found = {tidy(folder / place)} if block.files else matching(folder, place)
        if not found and not block.optional:
            problems.add(at, f"poses = {shown(text)} matches no file in {nothing_matched(folder, place)}")
        files |= found
    matches = [_Match(_recording_name(block, path, file, problems), file, block, index) for file in sorted(files)]
    return _selected(matches, block, path, problems)


def _recording_name(block: RecordingsTable, path: TomlPath, file: Path, problems: Problems) -> str:
    stem = _stem(file)
    name = stem.partition("DLC")[0] or stem
    if block.name is not None:
        values = {"name": name, "stem": stem, "folder": file.parent.name}
        name = _filled(block.name, values, (*path, "name"), problems)
    return name


def _stem(file: Path) -> str:
    return Path(file.name.removesuffix(".gz")).stem


def _filled(template: str, values: Mapping[str, str], at: TomlPath, problems: Problems) -> str:
    """Return ``template`` with its placeholders replaced; an unknown one is a problem."""
    for placeholder in _PLACEHOLDER.findall(template):
        if placeholder not in values:
            near = closest(placeholder, values)
            hint = f"did you mean {{{near}}}?" if near else f"known: {', '.join(f'{{{name}}}' for name in values)}"
            problems.add(at, f"unknown placeholder {{{placeholder}}} in {shown(template)}, {hint}")
    return _PLACEHOLDER.sub(lambda placeholder: values.get(placeholder[1], placeholder[0]), template)


def _selected(matches: list[_Match], block: RecordingsTable, path: TomlPath, problems: Problems) -> list[_Match]:
    if block.names is None:
        return matches
    known = sorted({match.name for match in matches}, key=natural_order)
    for index, name in enumerate(block.names):
        # Without any match the pattern is the problem, and already reported.
        if known and name not in known:
            near = ", ".join(nearest(name, known))
            problems.add(
                (*path, "names", index), f"no recording {shown(name)} among the {len(known)} matches; closest: {near}"
            )
    return [match for match in matches if match.name in block.names]


def _check_names(matches: Iterable[_Match], problems: Problems) -> None:
    """Report files matched twice, names given twice, and names that are no safe file names."""
    by_file: dict[Path, _Match] = {}
    by_name: dict[str, _Match] = {}
    matched_again: dict[tuple[TomlPath, TomlPath], list[str]] = defaultdict(list)
    named_again: dict[tuple[TomlPath, TomlPath], list[str]] = defaultdict(list)
    for match in matches:
        if not _FILE_NAME.fullmatch(match.name) or _RESERVED.fullmatch(match.name):
            problems.add(
                match.source,
                f"the recording name {shown(match.name)} is not safe as a file name, expected letters, digits, spaces "
                "and . _ - + ( ) , = @, a letter or digit first",
            )
        same_file = by_file.setdefault(match.file, match)
        same_name = by_name.setdefault(match.name.casefold(), match)
        if same_file is not match:
            matched_again[match.source, same_file.source].append(match.name)
        elif same_name is not match:
            named_again[match.source, same_name.source].append(match.name)
    for (here, there), names in matched_again.items():
        problems.add(
            here, f"already matched by another [[recordings]] ({_lines(there, here, problems)}): {_listed(names)}"
        )
    for (here, there), names in named_again.items():
        problems.add(
            here,
            f"several files would be called {_listed(names)} ({_lines(there, here, problems)}); "
            'a template such as name = "{folder}-{name}" can tell them apart',
        )


def _entry(
    match: _Match, file: StudyFile, folder: Path, environment: Mapping[str, str], problems: Problems
) -> RecordingEntry:
    block, tracking = match.block, file.tracking
    values = {"recording": match.name, "stem": _stem(match.file), "folder": match.file.parent.name}

    def filled(key: str) -> str | None:
        template = getattr(block, key)
        return None if template is None else _filled(template, values, (*match.path, key), problems)

    def file_path(key: str) -> str | None:
        name = filled(key)
        if name is None:
            return None
        return tidy(folder / expanded(name, (*match.path, key), environment, problems)).as_posix()

    fps = tracking.fps if block.fps is None else block.fps
    assert fps is not None, "a missing fps is reported before"
    return RecordingEntry(
        name=match.name,
        pose_path=match.file.as_posix(),
        label_path=file_path("labels"),
        role=block.role,
        subject_id=filled("subject_id"),
        cage_id=filled("cage_id"),
        group=filled("group"),
        fps=fps,
        scale_mm_per_px=None,
        scale_source=SCALE_UNKNOWN,
        observed=block.observed or ("labeled-span" if file.labels is None else file.labels.observed),
        video_path=file_path("video"),
    )


def _check_label_files(resolved: Iterable[tuple[_Match, RecordingEntry]], file: StudyFile, problems: Problems) -> None:
    """Report a label file used for several recordings, in a format that cannot say which recording it means."""
    users: dict[str, list[_Match]] = defaultdict(list)
    for match, entry in resolved:
        if entry.label_path is not None:
            users[entry.label_path].append(match)
    for matches in users.values():
        if len(matches) > 1 and file.labels is not None and file.labels.format == "caltech":
            problems.add(
                (*matches[-1].path, "labels"),
                f"labels = {shown(matches[-1].block.labels)} in [[recordings]] is the same file for recordings "
                f"{_listed(match.name for match in matches)}; write {{recording}} where they differ",
            )


def _check_leakage(
    resolved: Iterable[tuple[_Match, RecordingEntry]], allowed: Iterable[str], problems: Problems
) -> list[str]:
    """Report animals and cages on both sides of the split; return a note for each that is allowed to be."""
    notes = []
    for identity in ("subject_id", "cage_id"):
        sides: dict[str, tuple[list[_Match], list[_Match]]] = defaultdict(lambda: ([], []))
        for match, entry in resolved:
            value = getattr(entry, identity)
            if value is not None and entry.role != "infer":
                sides[value][entry.role != "train"].append(match)
        for value, (train, held_out) in sides.items():
            if not train or not held_out:
                continue
            shared = (
                f"{identity} {shown(value)} is in train ({_listed(match.name for match in train)}) "
                f"and in validation or test ({_listed(match.name for match in held_out)})"
            )
            if identity in allowed:
                notes.append(f"{shared}, as allow_shared permits")
                continue
            here, there = (*held_out[0].path, identity), (*train[0].path, identity)
            lines = _lines(there, here, problems)
            problems.add(here, f'{shared}, {lines}; move one, or state allow_shared = ["{identity}"] in [study]')
    return notes


def _label_settings(labels: LabelsTable) -> LabelSettings:
    return LabelSettings(
        format=labels.format,
        stream=labels.stream,
        annotator=labels.annotator,
        unscored=tuple(labels.unscored),
        unscored_stream=(labels.unscored_stream or labels.stream) if labels.unscored else None,
        subjects=dict(labels.subjects),
    )


def _listed(names: Iterable[str]) -> str:
    """Return up to five names in words: ``1, 2, 10``."""
    first, rest = (ordered := sorted(names, key=natural_order))[:5], len(ordered) - 5
    return ", ".join(first) + (f" and {rest} more" if rest > 0 else "")


def _lines(there: TomlPath, here: TomlPath, problems: Problems) -> str:
    lines = sorted({problems.document.line(there), problems.document.line(here)})
    return f"line {lines[0]}" if len(lines) == 1 else f"lines {lines[0]} and {lines[1]}"
