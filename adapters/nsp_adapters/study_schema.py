"""The tables and keys of a study file.

A key's description is what the error about it says was expected (:mod:`nsp_adapters.study_sentences`), so documentation
and messages cannot drift apart. What several keys say together stands in :mod:`nsp_adapters.study_checks`.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from nsp_adapters.annotations.detect import FORMATS
from nsp_core.labels import BehaviorKind
from nsp_core.outliers import parse_speed
from nsp_core.study import Observed, RecordingRole, Tracker

__all__ = [
    "ArenaTable",
    "BehaviorTable",
    "CircleTable",
    "CleaningTable",
    "FeaturesTable",
    "LabelsTable",
    "RecordingsTable",
    "RolesFile",
    "ScaleFromTable",
    "ScaleKeys",
    "SearchTable",
    "StudyFile",
    "StudyTable",
    "TrackingTable",
]

AUTO = "auto"
LABEL_FORMATS = (AUTO, *(each.name for each in FORMATS))


def _choices(literal: object) -> str:
    choices = [f'"{choice}"' for choice in get_args(literal)]
    return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"


def _name(value: object) -> object:
    # Names such as 12 are written without quotes as a matter of course; true is no name.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _different(seeds: list[int]) -> list[int]:
    if len(set(seeds)) < len(seeds):
        raise ValueError
    return seeds


def _label_format(name: str) -> str:
    if name not in LABEL_FORMATS:
        raise ValueError
    return name


def _speed(text: str) -> str:
    parse_speed(text)
    return text


def _observed(value: object) -> Observed:
    if value == "labeled-span":
        return "labeled-span"
    if value == "all":
        return "all"
    spans = [_span(pair) for pair in value] if isinstance(value, list) else []
    if not spans:
        raise ValueError
    return tuple(sorted(spans))


def _span(pair: object) -> tuple[float, float]:
    if not isinstance(pair, list) or len(pair) != 2 or any(type(edge) not in (int, float) for edge in pair):
        raise ValueError
    start_s, stop_s = float(pair[0]), float(pair[1])
    if not (0 <= start_s < stop_s and math.isfinite(stop_s)):
        raise ValueError
    return start_s, stop_s


Text = Annotated[str, Field(min_length=1)]
Name = Annotated[Text, BeforeValidator(_name)]
OneOrMany = Annotated[list[Text], BeforeValidator(_several), Field(min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]

Corner = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=2, max_length=2)]
Corners = Annotated[list[Corner], Field(min_length=3)]

_OBSERVED = '"labeled-span", "all", or a list of [start_s, stop_s] with 0 <= start_s < stop_s'
_TEMPLATE = "text, in which {recording}, {stem} and {folder} may stand"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CircleTable(_Table):
    """``circle`` in an arena, in pixels."""

    center: Annotated[Corner, Field(description="[x, y] in pixels")]
    radius: Annotated[Positive, Field(description="pixels, a number above 0")]


class ArenaTable(_Table):
    """``[arena]`` for all recordings, or ``arena`` in a block for its own: the wall and the places in it, in pixels."""

    outline: Annotated[Corners | None, Field(description="a list of corners [x, y] in pixels, at least three")] = None
    circle: Annotated[CircleTable | None, Field(description="{ center = [x, y], radius = r } in pixels")] = None
    rectangle: Annotated[
        list[Corner] | None,
        Field(min_length=2, max_length=2, description="two opposite corners [[x, y], [x, y]] in pixels"),
    ] = None
    regions: Annotated[
        dict[str, Corners],
        Field(description="three or more corners in pixels behind each name, as shelter = [[0, 0], [90, 0], [90, 60]]"),
    ] = {}
    objects: Annotated[
        dict[str, Corner], Field(description="a point in pixels behind each name, as water = [20, 35]")
    ] = {}


class StudyTable(_Table):
    """``[study]``: the name, the folder of the files, and identities that may be shared between roles."""

    name: Annotated[Name, Field(description="a name for the study")]
    data: Annotated[Text, Field(description="the folder of the recordings, relative to this file")] = "."
    allow_shared: Annotated[
        list[Literal["subject_id", "cage_id"]], Field(description='a list of "subject_id", "cage_id"')
    ] = []


class ScaleFromTable(_Table):
    """``scale_from``: something of known size, from which the scale is measured."""

    arena_width_mm: Annotated[Positive | None, Field(description="millimeters, a number above 0")] = None
    arena_height_mm: Annotated[Positive | None, Field(description="millimeters, a number above 0")] = None
    arena_diameter_mm: Annotated[Positive | None, Field(description="millimeters, a number above 0")] = None
    start: Annotated[Corner | None, Field(description="[x, y] in pixels, one end of a known length")] = None
    end: Annotated[Corner | None, Field(description="[x, y] in pixels, its other end")] = None
    length_mm: Annotated[Positive | None, Field(description="millimeters, a number above 0")] = None


class ScaleKeys(_Table):
    """The keys of frame rate and scale, in ``[tracking]`` for all recordings and in a block for its own."""

    fps: Annotated[Positive | None, Field(description="frames per second, a number above 0")] = None
    scale_mm_per_px: Annotated[Positive | None, Field(description="millimeters per pixel, a number above 0")] = None
    scale_source: Annotated[Text | None, Field(description='where the scale comes from, as "arena 500 mm wide"')] = None
    scale: Annotated[
        Literal["unknown"] | None, Field(description='"unknown"; a measured scale is stated as scale_mm_per_px')
    ] = None

    scale_from: Annotated[
        ScaleFromTable | None,
        Field(description="{ arena_width_mm = 400 } or { start = [x, y], end = [x, y], length_mm = 100 }"),
    ] = None

    @property
    def states_scale(self) -> bool:
        """Whether any of the keys about scale is given."""
        return any(key is not None for key in (self.scale, self.scale_mm_per_px, self.scale_source, self.scale_from))


class TrackingTable(ScaleKeys):
    """``[tracking]``: the tracker, and what holds for every recording that does not state its own."""

    tracker: Annotated[Tracker | None, Field(description=_choices(Tracker))] = None
    format: Annotated[Text | None, Field(description="the name of a pose format; left out, the content tells")] = None
    individuals: Annotated[
        list[Name], Field(description='prefixes of body parts, as ["resident", "intruder"] for resident_nose')
    ] = []
    leave_out: Annotated[list[Text], Field(description="a list of body parts that belong to no animal")] = []


class RecordingsTable(ScaleKeys):
    """``[[recordings]]``: files, and what is true of all recordings among them."""

    poses: Annotated[OneOrMany | None, Field(description="a file pattern such as pose/*.csv.gz, or a list of them")] = (
        None
    )
    files: Annotated[OneOrMany | None, Field(description="a file, or a list of them")] = None
    name: Annotated[Name | None, Field(description="text, in which {name}, {stem} and {folder} may stand")] = None
    names: Annotated[list[Name] | None, Field(min_length=1, description="a list of recording names, at least one")] = (
        None
    )
    role: Annotated[RecordingRole, Field(description=_choices(RecordingRole))]
    labels: Annotated[Text | None, Field(description=_TEMPLATE)] = None
    video: Annotated[Text | None, Field(description=_TEMPLATE)] = None
    subject_id: Annotated[Name | None, Field(description=_TEMPLATE)] = None
    cage_id: Annotated[Name | None, Field(description=_TEMPLATE)] = None
    group: Annotated[Name | None, Field(description=_TEMPLATE)] = None
    observed: Annotated[Observed | None, PlainValidator(_observed), Field(description=_OBSERVED)] = None
    arena: Annotated[ArenaTable | None, Field(description="a table with the keys of [arena]")] = None
    optional: Annotated[bool, Field(description="true or false")] = False


class CleaningTable(_Table):
    """``[cleaning]``: which points are dropped and which gaps are filled."""

    min_confidence: Annotated[NotNegative | None, Field(description="a number, 0 or above, or no such key")] = None
    max_gap_s: Annotated[NotNegative, Field(description="seconds, 0 or above")] = 0.5
    max_jump: Annotated[
        Annotated[Text, AfterValidator(_speed)] | None,
        Field(description='a speed such as "20 bl/s", "1500 mm/s" or "800 px/s", or no such key'),
    ] = None
    smooth_s: Annotated[Positive | None, Field(description="seconds, a number above 0, or no such key")] = None
    smooth_order: Annotated[int, Field(ge=0, le=5, description="a whole number from 0 to 5")] = 2
    repair_swaps: Annotated[bool, Field(description="true or false")] = False
    drop_bad_spans: Annotated[bool, Field(description="true or false")] = False


class FeaturesTable(_Table):
    """``[features]``: what programs may be made of."""

    use: Annotated[
        list[Text] | None, Field(min_length=1, description='a list of feature names such as ["speed"], at least one')
    ] = None


class LabelsTable(_Table):
    """``[labels]``: how every label file is read."""

    format: Annotated[
        Text,
        AfterValidator(_label_format),
        Field(description=f"one of {', '.join(LABEL_FORMATS)}"),
    ] = AUTO
    stream: Annotated[Text | None, Field(description='the name of a stream, such as "S1"')] = None
    annotator: Annotated[Name, Field(description="who annotated")] = "unknown"
    unscored: Annotated[list[Text], Field(description='a list of label names such as ["base"]')] = []
    unscored_stream: Annotated[Text | None, Field(description='the name of a stream, such as "S1"')] = None
    subjects: Annotated[
        dict[str, Name], Field(description='an individual of the poses behind each name, as mouse_A = "individual1"')
    ] = {}
    observed: Annotated[Observed, PlainValidator(_observed), Field(description=_OBSERVED)] = "labeled-span"


class BehaviorTable(_Table):
    """``[[behaviors]]``: a label name and who takes part."""

    name: Annotated[Text, Field(description="the behavior's name in the label files")]
    kind: Annotated[BehaviorKind, Field(description=_choices(BehaviorKind))]


class SearchTable(_Table):
    """``[search]``: seeds, budgets and limits."""

    seeds: Annotated[
        list[Annotated[int, Field(ge=0)]],
        AfterValidator(_different),
        Field(min_length=1, description="a list of different whole numbers, 0 or above, at least one"),
    ] = [0]
    budget_s: Annotated[Positive | None, Field(description="seconds, a number above 0")] = None
    budget_candidates: Annotated[Count | None, Field(description="a whole number, 1 or above")] = None
    max_complexity: Annotated[Count, Field(description="a whole number, 1 or above")] = 20
    beam_width: Annotated[Count, Field(description="a whole number, 1 or above")] = 9


Roles = Annotated[
    dict[str, OneOrMany], Field(min_length=1, description='a keypoint or a list of keypoints, as nose = "snout"')
]


class RolesFile(_Table):
    """A file that states skeleton roles and nothing else."""

    roles: Roles


class StudyFile(RolesFile):
    """A whole study file."""

    study: Annotated[StudyTable, Field(description="the table [study], in single brackets")]
    tracking: Annotated[TrackingTable, Field(description="the table [tracking], in single brackets")]
    recordings: Annotated[
        list[RecordingsTable],
        Field(min_length=1, description="one or more blocks [[recordings]], in double brackets"),
    ]
    cleaning: Annotated[CleaningTable, Field(description="the table [cleaning], in single brackets")] = CleaningTable()
    arena: Annotated[ArenaTable | None, Field(description="the table [arena], in single brackets")] = None
    features: Annotated[FeaturesTable, Field(description="the table [features], in single brackets")] = FeaturesTable()
    labels: Annotated[LabelsTable | None, Field(description="the table [labels], in single brackets")] = None
    behaviors: Annotated[list[BehaviorTable], Field(description="blocks [[behaviors]], in double brackets")] = []
    search: Annotated[SearchTable, Field(description="the table [search], in single brackets")] = SearchTable()
