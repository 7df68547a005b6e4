"""Labels for review in BORIS: a ``.boris`` project, or the spreadsheet of events that BORIS imports.

The layout of a project is in :mod:`nsp_adapters.annotations.boris_project`, the rows of events are in
:mod:`nsp_adapters.annotations.boris_rows`. BORIS (9.12) takes back two kinds of files and no other: a project, opened
or merged observation by observation, and the first sheet of an ``.xlsx`` with the columns ``time, subject, code,
modifier, comment``, which is appended to the observation that is open. Its own exports it refuses.

- Every code is in the ethogram, every subject in the list of subjects, every independent variable is defined.
- The target is a modifier of a set named ``target``, whose values are all subjects.
- Observed spans are no part of the format. Where not every behavior was looked for in every frame, they are written to
  the independent variable ``observed_frames``; the annotator, to the variable ``annotator``. BORIS keeps both.
- The same labels give the same bytes: no time of saving is written.

Known traps:

- BORIS reads the spreadsheet through pandas, which turns a subject called ``1`` into a number and one called ``NA``
  into nothing. Such names are refused there.
- Some analyses of BORIS take a START at 0.000 s for none. This is its own doing and not worked around.

References
----------
https://github.com/olivierfriard/BORIS (boris/project_functions.py, boris/import_observations.py)
"""

from __future__ import annotations

import gzip
import io
import json
import re
import string
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import openpyxl

from nsp_adapters.annotations.boris_observation import UNKNOWN_ANNOTATOR
from nsp_adapters.annotations.boris_project import OBSERVED_VARIABLE, TARGET_SET
from nsp_adapters.annotations.boris_rows import (
    annotated,
    behavior_names,
    check_writable,
    event_rows,
    subject_names,
)
from nsp_adapters.atomic import atomic_write_bytes
from nsp_core.errors import LabelError, OutputError
from nsp_core.labels import RecordingLabels

__all__ = ["write_boris_project", "write_boris_xlsx"]

_T = TypeVar("_T", float, int, str)

XLSX_COLUMNS = ("time", "subject", "code", "modifier", "comment")
NO_DATE = "1970-01-01T00:00:00"

_N_PLAYERS = 8
_STATE, _POINT = "State event", "Point event"
# What pandas takes for a missing value; https://pandas.pydata.org/docs/reference/api/pandas.read_excel.html
_MISSING_WORDS = {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>"}
_MISSING_WORDS |= {"N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_SAVED_AT = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")


def write_boris_project(
    path: Path,
    labels: RecordingLabels | Sequence[RecordingLabels],
    *,
    fps: float | Mapping[str, float],
    n_frames: int | Mapping[str, int],
    media: str | Mapping[str, str],
    project_name: str = "",
    date: str = NO_DATE,
) -> None:
    """Write ``labels`` as a BORIS project, one observation per recording and annotator, whole or not at all.

    The observation id is the recording, and ``recording (annotator)`` where several annotators labeled it. Reading it
    back returns the same labels, sorted by frame.

    Parameters
    ----------
    path
        A file name that ends in ``.boris`` or ``.boris.gz``; BORIS goes by it.
    labels
        What to write.
    fps, n_frames, media
        Frame rate, number of frames and path of the video of each recording, or of all of them. The path is what BORIS
        will open: absolute, or relative to the project.
    project_name
        Shown by BORIS; by default the file name.
    date
        Date of project and observations in ISO format. It is not looked up, so the same labels give the same bytes.

    Raises
    ------
    LabelError
        If BORIS cannot hold the labels: overlapping bouts of one agent, behavior and target, a behavior with bouts and
        point events, a name with ``|``, or frames outside the recording.
    OutputError
        If the name ends otherwise, the frame rate is above 300, or the file cannot be written.
    """
    if not path.name.endswith((".boris", ".boris.gz")):
        raise _bad_suffix(path, ".boris or .boris.gz")
    every = [labels] if isinstance(labels, RecordingLabels) else list(labels)
    check_writable(every, [_of(fps, one) for one in every], [_of(n_frames, one) for one in every])
    project = {
        "time_format": "hh:mm:ss",
        "project_date": date,
        "project_name": project_name or path.name.split(".boris")[0],
        "project_description": "",
        "project_format_version": "7.0",
        "subjects_conf": _subjects(every),
        "behaviors_conf": _behaviors(every),
        "observations": {
            name: _observation(one, every, _of(fps, one), _of(n_frames, one), _of(media, one), date)
            for name, one in zip(_names(every), every, strict=True)
        },
        "behavioral_categories": [],
        "independent_variables": _independent_variables(),
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }
    content = json.dumps(project, indent=1, ensure_ascii=False, allow_nan=False).encode()
    atomic_write_bytes(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def write_boris_xlsx(path: Path, labels: RecordingLabels, *, fps: float, comment: str = "") -> None:
    """Write the events of one recording as the spreadsheet BORIS appends to an open observation, whole or not at all.

    The ethogram and the subjects of the project it is imported to must have these names already.

    Parameters
    ----------
    path
        A file name that ends in ``.xlsx``.
    labels
        What to write; observed spans are no part of this format.
    fps
        Frames per second of the video.
    comment
        Written to every event, such as the name of the program that predicted it.

    Raises
    ------
    LabelError
        As :func:`write_boris_project`, and if BORIS would take a name for a number or a missing value.
    OutputError
        If the name ends otherwise, the frame rate is above 300, or the file cannot be written.
    """
    if path.suffix != ".xlsx":
        raise _bad_suffix(path, ".xlsx")
    check_writable([labels], [fps], [labels.last_frame])
    for name in (*behavior_names([labels]), *subject_names([labels]), *([comment] if comment else [])):
        _require_stays_text(labels.recording, name)
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    sheet.append(list(XLSX_COLUMNS))
    for row, event in enumerate(event_rows(labels, fps), start=2):
        sheet.cell(row, 1, event.time_s)
        for column, text in enumerate((event.subject, event.code, event.modifier, comment), start=2):
            cell = sheet.cell(row, column, text or None)
            # A name that begins with an equals sign is not a formula.
            cell.data_type = "s" if text else cell.data_type
    written = io.BytesIO()
    workbook.save(written)
    atomic_write_bytes(path, _without_dates(written.getvalue()))


def _of(value: _T | Mapping[str, _T], labels: RecordingLabels) -> _T:
    """Return what ``value`` says for the recording: one value for all, or one per recording."""
    if not isinstance(value, Mapping):
        return value
    if labels.recording in value:
        return value[labels.recording]
    raise LabelError(
        found=f"no entry for {labels.recording!r}",
        expected=f"one per recording; there are {', '.join(map(repr, value)) or 'none'}",
        where=labels.recording,
        remedy="give fps, n_frames and media for every recording",
    )


def _names(every: Sequence[RecordingLabels]) -> list[str]:
    counts = Counter(one.recording for one in every)
    names = [one.recording if counts[one.recording] == 1 else f"{one.recording} ({one.annotator})" for one in every]
    for name, count in Counter(names).items():
        if count > 1:
            raise LabelError(
                found=f"{count} sets of labels called {name!r}",
                expected="one per recording and annotator",
                where=name,
                remedy="merge them, or give the annotators different names",
            )
    return names


def _bad_suffix(path: Path, expected: str) -> OutputError:
    return OutputError(
        found=f"the file name {path.name!r}",
        expected=f"a name that ends in {expected}",
        where=str(path),
        remedy="rename it: BORIS goes by the name",
    )


def _subjects(every: Sequence[RecordingLabels]) -> dict[str, dict[str, str]]:
    keys = iter(string.digits[1:])
    return {
        str(index): {"key": next(keys, ""), "name": name, "description": ""}
        for index, name in enumerate(subject_names(every))
    }


def _behaviors(every: Sequence[RecordingLabels]) -> dict[str, dict[str, Any]]:
    keys = iter(string.ascii_lowercase)
    points = {point.behavior for one in every for point in one.points}
    with_target = {each.behavior for each in annotated(every) if each.target is not None}
    target = {"0": {"name": TARGET_SET, "description": "", "type": 0, "values": subject_names(every)}}
    return {
        str(index): {
            "type": _POINT if name in points else _STATE,
            "key": next(keys, ""),
            "code": name,
            "description": "",
            "color": "",
            "category": "",
            "modifiers": target if name in with_target else {},
            "excluded": "",
            "coding map": "",
        }
        for index, name in enumerate(behavior_names(every))
    }


def _observation(
    labels: RecordingLabels,
    every: Sequence[RecordingLabels],
    fps: float,
    n_frames: int,
    media: str,
    date: str,
) -> dict[str, Any]:
    whole = dict.fromkeys(behavior_names(every), ((0, n_frames),))
    observed = {name: tuple(spans) for name, spans in labels.observed.items()}
    variables = {
        "annotator": "" if labels.annotator == UNKNOWN_ANNOTATOR else labels.annotator,
        OBSERVED_VARIABLE: "" if observed == whole else json.dumps(observed, ensure_ascii=False),
    }
    return {
        "file": {str(player): [media] if player == 1 else [] for player in range(1, _N_PLAYERS + 1)},
        "type": "MEDIA",
        "date": date,
        "description": "",
        "time offset": 0.0,
        "events": [
            [each.time_s, each.subject, each.code, each.modifier, "", each.frame] for each in event_rows(labels, fps)
        ],
        "observation time interval": [0, 0],
        "independent_variables": variables,
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "media_creation_date_as_offset": False,
        "media_scan_sampling_duration": 0,
        "image_display_duration": 1,
        "close_behaviors_between_videos": False,
        "media_info": {
            # Not rounded: a length of three decimals may be half a frame short.
            "length": {media: n_frames / fps},
            "fps": {media: fps},
            "hasVideo": {media: True},
            "hasAudio": {media: False},
            "offset": {"1": 0.0},
        },
    }


def _independent_variables() -> dict[str, dict[str, str]]:
    described = {
        "annotator": "whose labels these are",
        OBSERVED_VARIABLE: "half-open frame spans that were scored, per behavior, where not everything was",
    }
    return {
        str(index): {
            "label": label,
            "description": description,
            "type": "text",
            "default value": "",
            "possible values": "",
        }
        for index, (label, description) in enumerate(described.items())
    }


def _require_stays_text(recording: str, name: str) -> None:
    """Refuse a name that a reader of spreadsheets takes for a number, a truth value or nothing."""
    try:
        float(name)
    except ValueError:
        if name not in _MISSING_WORDS and name.casefold() not in ("true", "false"):
            return
    raise LabelError(
        found=f"the name {name!r}",
        expected="a name that a spreadsheet does not take for a number, a truth value or a missing value",
        where=recording,
        remedy="write a .boris project instead",
    )


def _without_dates(content: bytes) -> bytes:
    """Return a spreadsheet without the time of saving, so that the same events give the same bytes."""
    clean = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(clean, "w", zipfile.ZIP_DEFLATED) as result:
        for member in source.infolist():
            part = source.read(member)
            if member.filename == "docProps/core.xml":
                part = _SAVED_AT.sub(rb"\g<1>1980-01-01T00:00:00Z", part)
            result.writestr(zipfile.ZipInfo(member.filename, _ZIP_DATE), part, zipfile.ZIP_DEFLATED)
    return clean.getvalue()
