"""BORIS projects: events paired as BORIS pairs them, older layouts, and refusals that say which observation."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsp_adapters.annotations.boris_aggregated import read_boris_aggregated
from nsp_adapters.annotations.boris_project import looks_like_boris_project, read_boris_project
from nsp_adapters.annotations.boris_tabular import read_boris_tabular
from nsp_core.errors import AmbiguousError, FormatError, LabelError
from nsp_core.labels import Bout, PointEvent

SNIFF = {"type": "State event", "key": "s", "code": "sniff", "description": "", "modifiers": {}, "excluded": ""}
SQUEAK = SNIFF | {"type": "Point event", "key": "q", "code": "squeak"}
TARGET = {"name": "target", "type": 0, "values": ["rat1", "rat2"]}


def observation(events: list[Any], **changes: Any) -> dict[str, Any]:
    info = {"length": {"/v/cage3.avi": 20.0}, "fps": {"/v/cage3.avi": 25.0}, "hasVideo": {"other.avi": True}}
    usual = {
        "file": {"1": ["/v/cage3.avi"], "2": []},
        "type": "MEDIA",
        "date": "2024-01-01T10:00:00",
        "description": "",
        "time offset": 0.0,
        "events": events,
        "independent_variables": {},
        "media_info": info,
    }
    return usual | changes


@pytest.fixture
def write(tmp_path: Path):
    def write(observations: dict[str, Any], behaviors=(SNIFF, SQUEAK), subjects=("rat1", "rat2"), **more: Any) -> Path:
        project = {
            "project_format_version": "7.0",
            "subjects_conf": {str(i): {"key": "", "name": name} for i, name in enumerate(subjects)},
            "behaviors_conf": {str(i): behavior for i, behavior in enumerate(behaviors)},
            "observations": observations,
        }
        path = tmp_path / "project.boris"
        path.write_text(json.dumps(project | more), encoding="utf-8")
        return path

    return write


def read(path: Path, **request: object):
    imported = read_boris_project(path, **({"fps": 25.0} | request))
    (labels,) = imported.labels
    return labels, imported.assumptions


def refusal(kind: type[Exception], path: Path, **request: object) -> str:
    with pytest.raises(kind) as caught:
        read_boris_project(path, **({"fps": 25.0} | request))
    return str(caught.value)


EVENTS = [
    [1.0, "rat1", "sniff", "", "", 25],
    [1.5, "rat2", "sniff", "", ""],
    [2.2, "rat1", "sniff", "", "", 55],
    [3.0, "", "squeak", "", ""],
    [4.0, "rat2", "sniff", "", "", "NA"],
]


def test_events_pair_per_subject_and_the_ethogram_was_looked_for(write):
    path = write({"day 1": observation(EVENTS, independent_variables={"Observer": "anna"})})
    labels, assumptions = read(path, fps=None)
    assert (labels.recording, labels.annotator, assumptions) == ("day 1", "anna", ())
    assert labels.bouts == (Bout("sniff", 25, 55, "rat1"), Bout("sniff", 38, 100, "rat2"))
    assert labels.points == (PointEvent("squeak", 75),)
    assert dict(labels.observed) == {"sniff": ((0, 500),), "squeak": ((0, 500),)}
    nothing, _ = read(write({"day 1": observation([])}), looked_for=("bite",))
    assert (nothing.bouts, nothing.annotator) == ((), "unknown")
    assert dict(nothing.observed) == dict.fromkeys(["sniff", "squeak", "bite"], ((0, 500),))


def test_gzipped_project_reads_alike(write, tmp_path):
    path = write({"day 1": observation(EVENTS)})
    packed = tmp_path / "packed.boris.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert looks_like_boris_project(path)
    assert looks_like_boris_project(packed)
    assert read(packed) == read(path)
    packed.write_bytes(gzip.compress(path.read_bytes())[:-30])
    assert "gzip content cut short" in refusal(FormatError, packed)
    packed.write_bytes(gzip.compress(path.read_bytes())[:20] + b"\xff" * 50)
    assert "found damaged gzip content" in refusal(FormatError, packed)
    assert not looks_like_boris_project(packed)


def test_decompression_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("nsp_adapters.annotations.boris_project._MOST_BYTES", 1000)
    path = tmp_path / "bomb.boris.gz"
    path.write_bytes(gzip.compress(b" " * 100_000))
    assert "found more than 1000 bytes, expected a BORIS project" in refusal(FormatError, path)


def test_bouts_that_touch_and_points_at_one_time(write):
    times = [1.0, 2.0, 2.0, 3.0]
    events = [[time, "rat1", "sniff", "", ""] for time in times] + [[2.0, "rat1", "squeak", "", ""]] * 2
    labels, _ = read(write({"day 1": observation(events)}))
    assert labels.bouts == (Bout("sniff", 25, 50, "rat1"), Bout("sniff", 50, 75, "rat1"))
    assert labels.points == (PointEvent("squeak", 50, "rat1"),) * 2


def test_offset_and_interval(write):
    events = [[11.0, "rat1", "sniff", "", ""], [12.2, "rat1", "sniff", "", ""]]
    changes = {"time offset": 10.0, "observation time interval": [0.4, 8]}
    labels, _ = read(write({"day 1": observation(events, **changes)}))
    assert labels.bouts == (Bout("sniff", 25, 55, "rat1"),)
    assert labels.observed["sniff"] == ((10, 200),)
    labels, _ = read(write({"day 1": observation(events, **(changes | {"observation time interval": [0.4, 0]}))}))
    assert labels.observed["sniff"] == ((10, 500),)
    for wrong in ([8, 4], [-1, 4], ["a", 3], "all"):
        path = write({"day 1": observation([], **{"observation time interval": wrong})})
        assert f"found an observation time interval of {wrong}" in refusal(FormatError, path)


def test_a_set_of_modifiers_called_target_names_the_target(write):
    force = {"name": "force", "type": 0, "values": ["hard", "rat2"]}
    behaviors = [SNIFF | {"modifiers": {"0": force, "1": TARGET}}]
    events = [
        [time, "rat1", "sniff", text, ""]
        for text, *times in (("hard|rat2", 1, 2), ("rat2|None", 3, 4))
        for time in times
    ]
    path = write({"day 1": observation(events)}, behaviors)
    labels, assumptions = read(path)
    assert labels.bouts == (Bout("sniff", 25, 50, "rat1", "rat2"), Bout("sniff", 75, 100, "rat1"))
    assert assumptions[0].endswith("'hard'")
    assert [bout.target for bout in read(path, target_from_modifier=True)[0].bouts] == ["rat2", "rat2"]
    plain = write({"day 1": observation(events)}, [SNIFF | {"modifiers": {"0": force, "1": TARGET | {"name": "who"}}}])
    assert [bout.target for bout in read(plain)[0].bouts] == [None, None]
    body_part = write(
        {"day 1": observation([[1, "rat1", "sniff", "tail", ""], [2, "rat1", "sniff", "tail", ""]])},
        [SNIFF | {"modifiers": {"0": TARGET | {"values": ["tail"]}}}],
    )
    assert read(body_part)[0].bouts == (Bout("sniff", 25, 50, "rat1"),)


def test_older_layouts(write):
    first = observation(EVENTS, file=["/v/cage3.avi"], type="VIDEO", **{"time offset second player": 3.0})
    labels, _ = read(write({"day 1": first}, [SNIFF | {"modifiers": "hard,soft"}, SQUEAK | {"modifiers": ""}]))
    assert len(labels.bouts) == 2
    listed = write({"day 1": observation(EVENTS)}, subjects_conf={"0": ["1", "rat1"], "1": ["2", "rat2"]})
    assert len(read(listed)[0].bouts) == 2
    mapped = write({"day 1": observation(EVENTS)}, [SNIFF | {"type": "State event with coding map"}, SQUEAK])
    assert len(read(mapped)[0].bouts) == 2


@pytest.mark.parametrize("nothing", [[], {}])
def test_live_observation_has_no_media(write, nothing):
    live = observation(EVENTS, file=nothing, type="LIVE", media_info={"offset": {}})
    labels, assumptions = read(write({"live": live}))
    assert labels.bouts == (Bout("sniff", 25, 55, "rat1"), Bout("sniff", 38, 100, "rat2"))
    assert dict(labels.observed) == {"sniff": ((0, 100),), "squeak": ((0, 100),)}
    assert assumptions == (
        "observation 'live' is of no video: its time 0 was taken for frame 0",
        "observation 'live': its length is not stated: observed up to frame 100, the last one mentioned",
    )
    assert "no frame rate" in refusal(FormatError, write({"live": live}), fps=None)


def test_frame_rates_of_the_media(write):
    assert "found 25 frames per second in the file and 30 stated" in refusal(
        FormatError, write({"day 1": observation(EVENTS)}), fps=30.0
    )
    media = {"file": {"1": ["a.avi", "b.avi"]}}
    info = {"length": {"a.avi": 2.0, "b.avi": 6.0}, "fps": {"a.avi": 25.0, "b.avi": 50.0}}
    mixed = observation(EVENTS, media_info=info, **media)
    assert "found media of 25 and 50 frames per second" in refusal(FormatError, write({"day 1": mixed}))
    labels, assumptions = read(write({"day 1": mixed | {"media_info": info | {"fps": {"a.avi": 25.0, "b.avi": 0}}}}))
    assert labels.observed["sniff"] == ((0, 200),)
    assert "its 2 videos were taken for one recording" in assumptions[0]


def test_unfinished_observations_are_refused_only_if_asked_for(write):
    odd = observation(EVENTS[:1], file={}, type="LIVE", media_info={})
    path = write({"day 1": observation(EVENTS), "odd": odd})
    assert len(read(path, recording="day 1")[0].bouts) == 2
    assert len(read(path, recording="cage3")[0].bouts) == 2
    message = refusal(LabelError, path)
    assert message.startswith(
        "observation 'odd': found a START of sniff by rat1 at 1.000 s (project.boris, observation"
    )
    message = refusal(LabelError, path, recording="cage4")
    assert "found no observation 'cage4' and none of a video of that name, expected one of 'day 1', 'odd'" in message
    assert "found 2 observations of 'cage3'" in refusal(
        AmbiguousError, write({"day 1": observation([]), "day 1 again": observation([])}), recording="cage3"
    )


def test_state_that_lasts_to_the_end_of_the_media(write):
    labels, assumptions = read(write({"day 1": observation([[18.0, "rat1", "sniff", "", ""]])}))
    assert labels.bouts == (Bout("sniff", 450, 500, "rat1"),)
    assert "has no STOP and was taken to last to the end of the media" in assumptions[0]


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        (
            LabelError,
            {"events": [[1, "", "bite", "", ""]]},
            "event 1: found the behavior 'bite', expected a behavior of",
        ),
        (LabelError, {"events": [[30, "", "squeak", "", ""]]}, "event 1: found squeak at frame 750"),
        (FormatError, {"events": [["NA", "", "squeak", "", ""]]}, "event 1: found the event ['NA', '', 'squeak'"),
        (FormatError, {"events": [[1, "squeak"]]}, "event 1: found the event [1, 'squeak'], expected a list such as"),
        (FormatError, {"events": {"0": 1}}, "observation 'day 1': found the event {'0': 1}"),
        (FormatError, {"type": "IMAGES"}, "found an observation of pictures"),
        (FormatError, {"media_creation_date_as_offset": True}, "found times counted from a date"),
        (FormatError, {"media_info": "none"}, "'none', expected a JSON object"),
        (FormatError, {"independent_variables": {"observed_frames": "all"}}, "found observed_frames 'all'"),
        (
            FormatError,
            {"independent_variables": {"observed_frames": '{"sniff": [[0, 90], [300, 10]]}'}},
            "found observed_frames '{\"sniff\": [[0, 90], [300, 10]]}'",
        ),
    ],
)
def test_damaged_observation_says_where(write, kind, changes, message):
    assert message in refusal(kind, write({"day 1": observation([]) | changes}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found an empty file"),
        (b"{", "found content that is no JSON"),
        (b"\xff\xfe{}", "found content that is no JSON"),
        (b"[" * 100_000, "found content that is no JSON"),
        (b"[]", "found a JSON list"),
        (b'{"observations": {}}', "found no 'behaviors_conf', expected a BORIS project"),
        (b'{"behaviors_conf": {}, "observations": 3}', "found observations: '3', expected a JSON object"),
    ],
)
def test_other_content_is_refused(tmp_path, content, message):
    path = tmp_path / "project.boris"
    path.write_bytes(content)
    assert message in refusal(FormatError, path)
    assert looks_like_boris_project(path) == (b"behaviors_conf" in content and b"observations" in content)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.dictionaries(
        st.sampled_from(["file", "events", "media_info", "time offset", "independent_variables", "type"]),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.sampled_from(["", "1", "sniff", "length"]),
            lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from(["1", "fps"]), inner),
            max_leaves=10,
        ),
    )
)
def test_any_observation_is_read_or_refused(write, changes):
    path = write({"day 1": observation(EVENTS) | changes})
    with suppress(FormatError, LabelError, AmbiguousError):
        read_boris_project(path, fps=25.0)


def raw_bouts(content: dict[str, Any], states: set[str], fps: float) -> tuple[list[Bout], list[PointEvent]]:
    """Independent reading: every second event of a subject, code and modifier is a stop."""
    opened: dict[tuple[str, str, str], float] = {}
    bouts, points = [], []
    for time, subject, code, modifier, *_ in sorted(content["events"], key=lambda event: event[0]):
        if code not in states:
            points.append(PointEvent(code, round(time * fps), subject or None))
        elif (subject, code, modifier) in opened:
            start = opened.pop((subject, code, modifier))
            bouts.append(Bout(code, round(start * fps), round(time * fps), subject or None))
        else:
            opened[subject, code, modifier] = time
    assert not opened
    return bouts, points


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["test.boris", "test2.boris", "test-multi-behaviors.boris"])
def test_real_projects_agree_with_raw_json(nsp_data, name):
    path = nsp_data / "formats" / "boris" / name
    assert looks_like_boris_project(path)
    project = json.loads(path.read_text(encoding="utf-8"))
    behaviors = {each["code"]: each["type"] for each in project["behaviors_conf"].values()}
    states = {code for code, kind in behaviors.items() if kind == "State event"}
    n_read = 0
    for observed, content in project["observations"].items():
        media = content["file"]["1"] if content["file"] else []
        fps = content["media_info"]["fps"][media[0]] if media else 25.0
        if observed == "live not paired":
            assert "no STOP" in refusal(LabelError, path, recording=observed)
            continue
        labels, _ = read(path, recording=observed, fps=None if media else fps)
        bouts, points = raw_bouts(content, states, fps)
        assert sorted(map(repr, labels.bouts)) == sorted(map(repr, bouts))
        assert sorted(map(repr, labels.points)) == sorted(map(repr, points))
        if media:
            length = round(sum(content["media_info"]["length"][each] for each in media) * fps)
            assert dict(labels.observed) == dict.fromkeys(behaviors, ((0, length),))
        n_read += 1
    assert n_read == len(project["observations"]) - ("live not paired" in project["observations"])


@pytest.mark.real_data
def test_real_project_agrees_with_the_export_of_the_same_observation(nsp_data):
    folder = nsp_data / "formats" / "boris"
    project = folder / "test.boris"
    tabular = read_boris_tabular(folder / "test_export_events_tabular.tsv", fps=25.0).labels[0]
    aggregated = read_boris_aggregated(folder / "test_export_aggregated_events_test_full_1.tsv", fps=25.0).labels[0]
    for exported in (tabular, aggregated):
        labels, _ = read(project, recording=exported.recording)
        assert (labels.bouts, labels.points) == (exported.bouts, exported.points)
