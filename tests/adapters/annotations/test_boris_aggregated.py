"""BORIS aggregated events: one row per bout or point event, several observations, old and new columns."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from nsp_adapters.annotations.boris_aggregated import looks_like_boris_aggregated, read_boris_aggregated
from nsp_adapters.annotations.boris_tabular import looks_like_boris_tabular
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import Bout, PointEvent

OLD = (
    "Observation id\tObservation date\tDescription\tMedia file\tTotal length\tFPS\tobserver\tSubject\tBehavior\t"
    "Behavioral category\tModifiers\tBehavior type\tStart (s)\tStop (s)\tDuration (s)\tComment start\tComment stop\n"
)
NEW = (
    "Observation id,Observation date,Description,Observation type,Source,Time offset (s),Coding duration,"
    "Media duration (s),FPS (frame/s),Subject,Observation duration by subject by observation,Behavior,"
    "Behavioral category,Modifier #1,Behavior type,Start (s),Stop (s),Duration (s),Media file name,Image index start,"
    "Image index stop,Image file path start,Image file path stop,Comment start,Comment stop\n"
)


def old(kind: str, start: object, stop: object, subject: str = "rat1", behavior: str = "sniff", modifier="") -> str:
    media = "day 1\t2020-01-01 10:00:00\t\tcage3.avi\t20.000\t25.0\tanna"
    return f"{media}\t{subject}\t{behavior}\t\t{modifier}\t{kind}\t{start}\t{stop}\tNA\t\t\n"


def new(kind: str, start: object, stop: object, *, modifier="", coded="20.000", observation="day 1") -> str:
    media = f"{observation},2024-01-01 10:00:00,,Media file,player #1:cage3.avi,5.000,{coded},20.000,25.000"
    return f"{media},rat1,2.000,sniff,Not defined,{modifier},{kind},{start},{stop},NA,cage3.avi,NA,NA,NA,NA,,\n"


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "aggregated.tsv"
        path.write_bytes(text.encode())
        return path

    return write


def refusal(kind: type[Exception], path: Path, **request: object) -> str:
    with pytest.raises(kind) as caught:
        read_boris_aggregated(path, **({"fps": 25.0} | request))
    return str(caught.value)


def test_states_and_point_events_of_old_columns(write):
    rows = old("STATE", 1, 2.2) + old("POINT", 3, "NA", "No focal subject", "squeak") + old("STATE", 19.5, 20)
    path = write(OLD + rows)
    assert looks_like_boris_aggregated(path)
    assert not looks_like_boris_tabular(path)
    (labels,) = read_boris_aggregated(path, fps=None).labels
    assert (labels.recording, labels.annotator) == ("day 1", "anna")
    assert labels.bouts == (Bout("sniff", 25, 55, "rat1"), Bout("sniff", 488, 500, "rat1"))
    assert labels.points == (PointEvent("squeak", 75),)
    assert dict(labels.observed) == {"sniff": ((0, 500),), "squeak": ((0, 500),)}


def test_new_columns_offset_modifiers_and_limits(write):
    (labels,) = read_boris_aggregated(write(NEW + new("STATE", 6, 7.2)), fps=25.0).labels
    assert labels.bouts == (Bout("sniff", 25, 55, "rat1"),)
    assert dict(labels.observed) == {"sniff": ((0, 500),)}
    imported = read_boris_aggregated(write(NEW + new("STATE", 6, 7.2, modifier="hard", coded="1.200")), fps=25.0)
    assert dict(imported.labels[0].observed) == {"sniff": ((25, 55),)}
    assert "its export covers 1.200 s of 20.000 s of media" in imported.assumptions[0]
    assert imported.assumptions[1].endswith("'hard'")


def test_target_in_a_modifier(write):
    rows = old("STATE", 1, 2, modifier="rat2") + old("STATE", 3, 4, "rat2", modifier="None")
    (labels,) = read_boris_aggregated(write(OLD + rows), fps=25.0, target_from_modifier=True).labels
    assert labels.bouts == (Bout("sniff", 25, 50, "rat1", "rat2"), Bout("sniff", 75, 100, "rat2"))


def test_one_of_several_observations(write):
    path = write(NEW + new("STATE", 6, 7) + new("STATE", 8, 9, observation="day 2"))
    assert [one.recording for one in read_boris_aggregated(path, fps=25.0).labels] == ["day 1", "day 2"]
    (labels,) = read_boris_aggregated(path, fps=25.0, recording="day 2", n_frames=500).labels
    assert labels.bouts == (Bout("sniff", 75, 100, "rat1"),)
    assert "expected one of 'day 1', 'day 2'" in refusal(LabelError, path, recording="day 3")


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (FormatError, "Time,Behavior,Status\n", "found no line with the columns 'observation id', 'behavior'"),
        (FormatError, OLD + old("STA", 1, 2), "line 2: found a behavior type of 'STA', expected STATE or POINT"),
        (FormatError, OLD + old("STATE", 1, "NA"), "line 2: found no stop (s), expected seconds"),
        (FormatError, OLD + old("STATE", "1,5", 2), "line 2: found start (s) '1,5', expected seconds"),
        (FormatError, OLD + old("STATE", 3, 2), "line 2: found a stop at 2.000 s before the start at 3.000 s"),
        (FormatError, OLD + old("STATE", 3, 4)[:-9], "line 2: found 13 cells, expected 17 cells"),
        (FormatError, NEW + new("STATE", 6, 7) + new("STATE", 6, 7).replace("25.000", "30.000"), "25 and 30 frames"),
        (LabelError, OLD + old("STATE", 25, 26), "line 2: found sniff at frame 625, expected frames 0 to 500"),
    ],
)
def test_damaged_table_says_where(write, kind, text, message):
    assert message in refusal(kind, write(text))


@pytest.mark.real_data
def test_real_file_agrees_with_pandas(nsp_data):
    path = nsp_data / "formats" / "boris" / "test_export_aggregated_events_test_full_1.tsv"
    assert looks_like_boris_aggregated(path)
    table = pd.read_csv(path, sep="\t")
    imported = read_boris_aggregated(path, fps=None)
    (labels,) = imported.labels
    assert (labels.recording, labels.annotator) == ("observation #2", "unknown")
    subjects = [None if name == "No focal subject" else name for name in table["Subject"]]
    starts, stops = ((table[f"{name} (s)"] * 25).round().astype(int) for name in ("Start", "Stop"))
    rows = list(zip(table["Behavior type"], table["Behavior"], starts, stops, subjects, strict=True))
    bouts = [Bout(behavior, start, stop, who) for kind, behavior, start, stop, who in rows if kind == "STATE"]
    points = [PointEvent(behavior, start, who) for kind, behavior, start, _, who in rows if kind == "POINT"]
    assert len(bouts) == 10
    assert len(points) == 8
    assert set(labels.bouts) == set(bouts)
    assert set(labels.points) == set(points)
    assert dict(labels.observed) == {"s": ((0, 13498),), "p": ((0, 13498),)}
    assert imported.assumptions == (
        "observation 'observation #2': its 2 videos were taken for one recording, one after another",
    )
