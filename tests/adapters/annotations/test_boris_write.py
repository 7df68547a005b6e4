"""Labels written for BORIS: it accepts them by its own rules, and reading them back returns the same labels."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nsp_adapters.annotations.boris_project import read_boris_project
from nsp_adapters.annotations.boris_tabular import read_boris_tabular
from nsp_adapters.annotations.boris_write import write_boris_project, write_boris_xlsx
from nsp_core.errors import LabelError, OutputError
from nsp_core.labels import Bout, PointEvent, RecordingLabels

FPS = [24000 / 1001, 25.0, 30000 / 1001, 60000 / 1001, 120.0]
N_FRAMES = 3000
WHOLE = ((0, N_FRAMES),)

LABELS = RecordingLabels(
    "cage3",
    "anna",
    (
        Bout("attack", 0, 10, "resident", "intruder"),
        Bout("attack", 10, 11, "resident", "intruder"),
        Bout("groom", 11, 12),
        Bout("attack", 11, 20, "resident", "third"),
        Bout("attack", 15, 30, "intruder", "resident"),
        Bout("groom", 2999, 3000),
    ),
    dict.fromkeys(("attack", "groom", "squeak"), WHOLE),
    (PointEvent("squeak", 0), PointEvent("squeak", 2999, "resident")),
)


def write(path: Path, labels: Any, fps: Any = 25.0, **changes: Any) -> Path:
    request = {"n_frames": N_FRAMES, "media": "/v/cage3.mp4"} | changes
    write_boris_project(path, labels, fps=fps, **request)
    return path


def problems_boris_would_report(project: dict[str, Any]) -> list[str]:
    """What BORIS checks when it opens a project, merges observations or checks the integrity, by its own rules."""
    found = []
    codes = {each["code"]: each for each in project["behaviors_conf"].values()}
    subjects = {each["name"] for each in project["subjects_conf"].values()}
    variables = {each["label"] for each in project["independent_variables"].values()}
    if int(project["project_format_version"].split(".")[0]) > 9:
        found.append("newer than BORIS")
    for behavior in codes.values():
        if behavior["category"] and behavior["category"] not in project["behavioral_categories"]:
            found.append("unknown category")
        for modifiers in behavior["modifiers"].values():
            found += [f"modifier {value!r}" for value in modifiers["values"] if value.split(" (")[0] != value.strip()]
    for name, observation in project["observations"].items():
        events = observation["events"]
        if name != name.strip() or set(observation["independent_variables"]) - variables:
            found.append(f"observation {name!r}")
        if events != sorted(events, key=lambda event: event[0]):
            found.append("events out of order")
        for time, subject, code, modifier, comment, frame in events:
            if code not in codes or (subject and subject not in subjects) or comment:
                found.append(f"event at {time}")
            values = [value for each in codes[code]["modifiers"].values() for value in each["values"]]
            if (modifier and modifier not in values) or not isinstance(frame, int) or round(time, 3) != time:
                found.append(f"modifier or frame of the event at {time}")
        states = [tuple(event[1:4]) for event in events if codes[event[2]]["type"] == "State event"]
        # BORIS counts per subject and code in some places, and per modifier as well in others.
        for counted in (Counter(states), Counter(state[:2] for state in states)):
            found += [f"unpaired {key}" for key, count in counted.items() if count % 2]
        rows = [tuple(event[:4]) for event in events if codes[event[2]]["type"] == "State event"]
        found += [f"{row} twice" for row, count in Counter(rows).items() if count > 1]
        for files in observation["file"].values():
            found += [path for path in files if path not in observation["media_info"]["length"]]
        if set(observation["file"]) != set("12345678") or observation["type"] != "MEDIA":
            found.append("media")
    return found


def frames_as_boris_pairs(observation: dict[str, Any], states: set[str]) -> set[tuple[Any, ...]]:
    """Pairs by order of rows alone, as BORIS does: subject, code, modifier, frame indexes of start and stop."""
    opened: dict[tuple[str, ...], int] = {}
    pairs = set()
    for _, *key, _, frame in observation["events"]:
        if key[1] in states and tuple(key) in opened:
            pairs.add((*key, opened.pop(tuple(key)), frame))
        elif key[1] in states:
            opened[tuple(key)] = frame
    return pairs


@pytest.mark.parametrize("fps", FPS)
@pytest.mark.parametrize("name", ["review.boris", "review.boris.gz"])
def test_labels_come_back_and_boris_has_no_complaint(tmp_path, fps, name):
    path = write(tmp_path / name, LABELS, fps)
    content = path.read_bytes()
    project = json.loads(gzip.decompress(content) if name.endswith(".gz") else content)
    assert problems_boris_would_report(project) == []
    assert frames_as_boris_pairs(project["observations"]["cage3"], {"attack", "groom"}) == {
        (bout.individual or "", bout.behavior, bout.target or "", bout.start_frame, bout.stop_frame)
        for bout in LABELS.bouts
    }
    imported = read_boris_project(path, fps=fps)
    assert imported.labels == (LABELS,)
    assert imported.assumptions == ()
    # The project says frame rate and length exactly.
    assert read_boris_project(path, fps=None, n_frames=N_FRAMES, recording="cage3").labels == (LABELS,)


def test_stop_comes_before_the_start_it_touches(tmp_path):
    project = json.loads(write(tmp_path / "review.boris", LABELS).read_text(encoding="utf-8"))
    events = project["observations"]["cage3"]["events"]
    attacks = [event for event in events if event[1:3] == ["resident", "attack"]]
    assert [(event[0], event[3], event[5]) for event in attacks] == [
        (0.0, "intruder", 0),
        (0.399, "intruder", 10),
        (0.4, "intruder", 10),
        (0.439, "intruder", 11),
        (0.44, "third", 11),
        (0.8, "third", 20),
    ]
    at_once = [event[2] for event in events if event[0] == 0.48]
    assert at_once == ["groom"]
    assert project["behaviors_conf"]["0"]["modifiers"]["0"]["values"] == ["intruder", "resident", "third"]
    assert project["behaviors_conf"]["1"]["modifiers"] == {}
    assert [each["type"] for each in project["behaviors_conf"].values()] == [
        "State event",
        "State event",
        "Point event",
    ]


def test_several_recordings_and_annotators(tmp_path):
    ben = replace(LABELS, annotator="ben", bouts=LABELS.bouts[:1])
    other = RecordingLabels(
        "cage4", "unknown", (Bout("groom", 5, 9, "third"),), dict.fromkeys(LABELS.observed, ((0, 90),))
    )
    path = write(
        tmp_path / "review.boris",
        [LABELS, ben, other],
        {"cage3": 25.0, "cage4": 120.0},
        n_frames={"cage3": N_FRAMES, "cage4": 90},
        media={"cage3": "/v/cage3.mp4", "cage4": "D:\\v\\cage4.avi"},
    )
    project = json.loads(path.read_text(encoding="utf-8"))
    assert problems_boris_would_report(project) == []
    assert list(project["observations"]) == ["cage3 (anna)", "cage3 (ben)", "cage4"]
    assert read_boris_project(path, fps=25.0, recording="cage3").labels == (LABELS, ben)
    assert read_boris_project(path, fps=25.0, recording="cage3", annotator="ben").labels == (ben,)
    assert read_boris_project(path, fps=None, recording="cage4").labels == (other,)


def test_what_was_not_observed_stays_unlabeled(tmp_path):
    partly = replace(LABELS, observed={"attack": ((0, 100), (200, 300)), "groom": ()})
    path = write(tmp_path / "review.boris", partly)
    assert problems_boris_would_report(json.loads(path.read_text(encoding="utf-8"))) == []
    assert read_boris_project(path, fps=25.0).labels == (partly,)
    assert dict(read_boris_project(path, fps=25.0, looked_for=("attack", "bite")).labels[0].observed) == {
        "attack": ((0, 100), (200, 300)),
        "groom": (),
        "bite": WHOLE,
    }


def test_edited_events_come_back_as_edited(tmp_path):
    path = write(tmp_path / "review.boris", LABELS)
    project = json.loads(path.read_text(encoding="utf-8"))
    project["observations"]["cage3"]["events"] = [
        [4.0, "third", "groom", "", "checked"],
        [5.0, "third", "groom", "", ""],
    ]
    path.write_text(json.dumps(project), encoding="utf-8")
    (labels,) = read_boris_project(path, fps=25.0).labels
    assert (labels.annotator, labels.bouts) == ("anna", (Bout("groom", 100, 125, "third"),))
    assert dict(labels.observed) == dict(LABELS.observed)


bouts_of_one_key = st.lists(st.integers(0, N_FRAMES), max_size=12, unique=True).map(sorted)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fps=st.sampled_from(FPS),
    edges=st.dictionaries(
        st.tuples(
            st.sampled_from(["attack", "groom"]),
            st.sampled_from([None, "rat1", "rat2"]),
            st.sampled_from([None, "rat3"]),
        ),
        st.tuples(bouts_of_one_key, st.booleans()),
    ),
    points=st.lists(
        st.builds(PointEvent, st.just("squeak"), st.integers(0, N_FRAMES - 1), st.sampled_from([None, "rat1"]))
    ),
    observed=st.dictionaries(
        st.sampled_from(["attack", "groom", "squeak"]), st.just(WHOLE) | st.just(((3, 9),)) | st.just(())
    ),
)
@example(fps=24000 / 1001, edges={("attack", None, None): ([0, 852, 853], True)}, points=[], observed={})
def test_round_trip_is_exact_to_the_frame(tmp_path, fps, edges, points, observed):
    bouts = []
    for (behavior, individual, target), (own, touching) in edges.items():
        pairs = pairwise(own) if touching else zip(own[::2], own[1::2], strict=False)
        bouts += [Bout(behavior, start, stop, individual, target) for start, stop in pairs]
    bouts.sort(
        key=lambda each: (each.start_frame, each.stop_frame, each.behavior, each.individual or "", each.target or "")
    )
    points.sort(key=lambda each: (each.frame, each.behavior, each.individual or ""))
    labels = RecordingLabels("cage3", "unknown", tuple(bouts), observed, tuple(points))
    path = write(tmp_path / "review.boris", labels, fps)
    project = json.loads(path.read_text(encoding="utf-8"))
    assert problems_boris_would_report(project) == []
    (back,) = read_boris_project(path, fps=fps).labels
    assert (back.bouts, back.points, dict(back.observed)) == (labels.bouts, labels.points, dict(labels.observed))


def as_boris_imports(path: Path) -> list[list[Any]]:
    """Read a spreadsheet as BORIS 9.12 does: through pandas, names without case, a missing value as an empty text."""
    table = pd.read_excel(path, sheet_name=0, engine="openpyxl")
    table.columns = table.columns.str.upper()
    columns = ("TIME", "SUBJECT", "CODE", "MODIFIER", "COMMENT")
    return [["" if str(row[name]) == "nan" else row[name] for name in columns] for _, row in table.iterrows()]


@pytest.mark.parametrize("fps", FPS)
def test_spreadsheet_is_imported_into_an_open_observation(tmp_path, fps):
    path = tmp_path / "events.xlsx"
    write_boris_xlsx(path, LABELS, fps=fps, comment="program 1")
    events = as_boris_imports(path)
    assert {event[4] for event in events} == {"program 1"}
    written = json.loads(write(tmp_path / "review.boris", LABELS, fps).read_text(encoding="utf-8"))
    assert [event[:4] for event in events] == [event[:4] for event in written["observations"]["cage3"]["events"]]
    # Appended to an observation without events, they read as the labels they were.
    written["observations"]["cage3"]["events"] = events
    path = tmp_path / "appended.boris"
    path.write_text(json.dumps(written), encoding="utf-8")
    assert read_boris_project(path, fps=fps).labels == (LABELS,)


def test_spreadsheet_keeps_names_as_text(tmp_path):
    formula = RecordingLabels("cage3", "anna", (Bout("=1+1", 0, 5, "Ratte ä"),))
    path = tmp_path / "events.xlsx"
    write_boris_xlsx(path, formula, fps=25.0)
    assert as_boris_imports(path) == [[0.0, "Ratte ä", "=1+1", "", ""], [0.2, "Ratte ä", "=1+1", "", ""]]
    for name in ("1", "NA", "None", "1e5", "true", "nan"):
        with pytest.raises(LabelError, match=rf"found the name '{name}', expected a name that a spreadsheet"):
            write_boris_xlsx(path, RecordingLabels("cage3", "anna", (Bout("sniff", 0, 5, name),)), fps=25.0)


def test_same_labels_give_the_same_bytes(tmp_path):
    for name, writer in (
        ("a.boris.gz", write),
        ("a.xlsx", lambda path, labels: write_boris_xlsx(path, labels, fps=25.0)),
    ):
        writer(tmp_path / name, LABELS)
        first = (tmp_path / name).read_bytes()
        (tmp_path / name).unlink()
        writer(tmp_path / name, LABELS)
        assert (tmp_path / name).read_bytes() == first
    assert json.loads(write(tmp_path / "b.boris", LABELS).read_text())["project_date"] == "1970-01-01T00:00:00"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            RecordingLabels("r", "a", (Bout("sniff", 0, 9, "x"), Bout("sniff", 5, 12, "x"))),
            "r: found sniff from frame 5 before the one from 0 ends, expected bouts of one agent, behavior and target",
        ),
        (
            RecordingLabels("r", "a", (Bout("sniff", 0, 3001),)),
            "found frame 3000, expected frames of a recording of 3000",
        ),
        (RecordingLabels("r", "a", (Bout("a|b", 0, 3),)), "found the name 'a|b', expected a name without"),
        (RecordingLabels("r", "a", (Bout("a", 0, 3, " x"),)), "found the name ' x'"),
        (RecordingLabels("r", "a", (Bout("a", 0, 3, "x", "y (z)"),)), "found the name 'y (z)'"),
        (RecordingLabels("r", "a", (Bout("a", 0, 3),), {"": ()}), "found the name ''"),
        (
            RecordingLabels("r", "a", (Bout("a", 0, 3),), {}, (PointEvent("a", 1),)),
            "found bouts and point events of 'a'",
        ),
        (
            [RecordingLabels("r", "a", (Bout("a", 0, 3),)), RecordingLabels("q", "a", (), {}, (PointEvent("a", 1),))],
            "r: found bouts and point events of 'a', expected one kind per behavior",
        ),
        ([LABELS, LABELS], "found 2 sets of labels called 'cage3 (anna)', expected one per recording and annotator"),
    ],
)
def test_labels_that_boris_cannot_hold_are_refused_and_nothing_is_written(tmp_path, labels, message):
    with pytest.raises(LabelError) as caught:
        write(tmp_path / "review.boris", labels)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_names_and_rates_that_boris_cannot_take_are_refused(tmp_path):
    with pytest.raises(OutputError, match=r"found the file name 'review\.json', expected a name that ends in \.boris"):
        write(tmp_path / "review.json", LABELS)
    with pytest.raises(OutputError, match=r"expected a name that ends in \.xlsx; rename it: BORIS goes by the name"):
        write_boris_xlsx(tmp_path / "events.csv", LABELS, fps=25.0)
    with pytest.raises(OutputError, match="cage3: found 1000 frames per second, expected above 0 and at most 300"):
        write(tmp_path / "review.boris", LABELS, 1000.0)
    with pytest.raises(LabelError, match="found no entry for 'cage3', expected one per recording; there are 'cage4'"):
        write(tmp_path / "review.boris", LABELS, {"cage4": 25.0})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real_data
def test_real_labels_survive_a_round_trip(nsp_data, tmp_path):
    annotated = [
        read_boris_tabular(
            nsp_data / "ethome_adult_juvenile" / f"annot_{who}_initial_DLC3.csv", fps=30.0, n_frames=5700, annotator=who
        ).labels[0]
        for who in ("brett", "donnie")
    ]
    path = write(tmp_path / "review.boris", annotated, 30.0, n_frames=5700, media="DLC3.avi")
    assert problems_boris_would_report(json.loads(path.read_text(encoding="utf-8"))) == []
    assert read_boris_project(path, fps=30.0, recording="DLC3").labels == tuple(annotated)
