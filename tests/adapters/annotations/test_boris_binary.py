"""BORIS behavior binary tables: times say the frame, never the row number."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsp_adapters.annotations.boris_binary import looks_like_boris_binary, read_boris_binary
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import Bout, PointEvent


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "cage3_rat1.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return write


def table(step: float, *columns: str, header: str = "time,sniff") -> str:
    """A table whose columns are given as strings of digits."""
    rows = zip(*columns, strict=True)
    return header + "\n" + "".join(f"{round(i * step, 3)},{','.join(row)}\n" for i, row in enumerate(rows))


def refusal(kind: type[Exception], path: Path, **request: object) -> str:
    with pytest.raises(kind) as caught:
        read_boris_binary(path, **({"fps": 25.0} | request))
    return str(caught.value)


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_runs_become_bouts_of_the_subject_in_the_file_name(write, separator):
    path = write(table(0.04, "0110010", "1000000", header="time,sniff,groom").replace(",", separator))
    assert looks_like_boris_binary(path)
    imported = read_boris_binary(path, fps=25.0, recording="cage3", annotator="anna", n_frames=6, looked_for=("bite",))
    (labels,) = imported.labels
    assert (labels.recording, labels.annotator) == ("cage3", "anna")
    assert labels.bouts == (Bout("groom", 0, 1, "rat1"), Bout("sniff", 1, 3, "rat1"), Bout("sniff", 5, 6, "rat1"))
    assert dict(labels.observed) == dict.fromkeys(["sniff", "groom", "bite"], ((0, 6),))
    assert imported.assumptions == ()


def test_the_grid_may_begin_late_and_its_last_row_may_be_the_end_of_the_media(write):
    path = write("time,sniff\n2.0,0\n2.04,1\n2.08,1\n")
    (labels,) = read_boris_binary(path, fps=25.0, recording="cage3", n_frames=52).labels
    assert (labels.bouts, dict(labels.observed)) == ((Bout("sniff", 51, 52, "rat1"),), {"sniff": ((50, 52),)})
    imported = read_boris_binary(path, fps=25.0, individual="rat2")
    assert imported.labels[0].bouts == (Bout("sniff", 51, 53, "rat2"),)
    assert imported.labels[0].recording == "cage3_rat1"
    assert imported.assumptions == ("cage3_rat1.csv: its length was taken from its last row, at 2.080 s",)


def test_nobody_in_particular(write):
    path = write(table(0.04, "010"), "cage3_No focal subject.csv")
    assert read_boris_binary(path, fps=25.0, recording="cage3", n_frames=3).labels[0].bouts == (Bout("sniff", 1, 2),)
    imported = read_boris_binary(path, fps=25.0, n_frames=3)
    assert imported.labels[0].bouts == (Bout("sniff", 1, 2),)
    assert "the subject was not told" in imported.assumptions[0]


def test_times_and_not_row_numbers_say_the_frame(write):
    # At 30 fps and steps of 0.033 s, row 1000 is frame 990.
    path = write(table(0.033, "0" * 1000 + "1" * 10 + "0" * 10))
    assert read_boris_binary(path, fps=30.0).labels[0].bouts == (Bout("sniff", 990, 1000),)
    imported = read_boris_binary(write(table(0.1, "0010")), fps=30.0)
    assert imported.labels[0].bouts == (Bout("sniff", 6, 9),)
    assert "sampled every 0.1 s: starts and stops are known to 3.0 frames" in imported.assumptions[0]


def test_several_columns_of_a_behavior_are_one(write):
    path = write(table(0.04, "0110000", "0011000", "0000001", header="time,sniff,sniff,sniff (rat2)"))
    (labels,) = read_boris_binary(path, fps=25.0, recording="cage3", n_frames=7).labels
    assert labels.bouts == (Bout("sniff", 1, 4, "rat1"), Bout("sniff (rat2)", 6, 7, "rat1"))


def test_point_events_are_counted_where_they_are_named(write):
    path = write(table(0.04, "0021", "0110", header="time,squeak,sniff"))
    request = {"recording": "cage3", "n_frames": 4}
    (labels,) = read_boris_binary(path, fps=25.0, point_behaviors=("squeak",), **request).labels
    assert labels.points == (*[PointEvent("squeak", 2, "rat1")] * 2, PointEvent("squeak", 3, "rat1"))
    assert labels.bouts == (Bout("sniff", 1, 3, "rat1"),)
    message = refusal(FormatError, path, **request)
    assert "line 4: found 2 in column 'squeak', expected 0 or 1 for a state; if these are point events" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frame,sniff\n0,1\n", "found a first line of 'frame,sniff', expected a BORIS behavior binary table"),
        ("time\n0\n", "found a first line of 'time'"),
        ("time,sniff\n0.0,1\n", "found 1 rows, expected at least two"),
        ("time,sniff\n0.0,1\n0.04\n", "line 3: found the row '0.04', expected a time in seconds and 1 whole numbers"),
        ("time,sniff\n0.0,1\n0.04,yes\n", "line 3: found the row '0.04,yes'"),
        ("time,sniff\n0.0,1\n0.04,-1\n", "line 3: found the row '0.04,-1'"),
        ("time,sniff\n0.0,1\nnan,1\n", "line 3: found the row 'nan,1'"),
        ("time,sniff\n0,1\n1,1\n2,1\n4,0\n5,0\n", "line 5: found a step of 2.000 s, expected 1.000 s from row to row"),
        ("time,sniff\n0,1\n1,1\n1,1\n2,0\n3,0\n", "line 4: found a step of 0.000 s"),
    ],
)
def test_damaged_table_says_where(write, text, message):
    assert message in refusal(FormatError, write(text))


def test_rows_outside_the_recording_are_refused(write):
    path = write(table(0.04, "0001"))
    message = refusal(LabelError, path, n_frames=1)
    assert "column 'sniff': found sniff at frame 3, expected frames 0 to 1" in message
    assert "found times in seconds and no frame rate" in refusal(FormatError, path, fps=None)


def test_other_tables_do_not_look_like_one(write):
    for text in ("", "time,x\n0.1,0.2\n", "Time,Behavior,Status\n1.0,sniff,START\n", "\x00\x01"):
        assert not looks_like_boris_binary(write(text))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fps=st.sampled_from([24000 / 1001, 25.0, 30000 / 1001, 60000 / 1001, 120.0]),
    states=st.lists(st.booleans(), min_size=2, max_size=300),
)
def test_a_table_of_one_row_per_frame_comes_back_to_the_frame(write, fps, states):
    rows = "".join(f"{frame / fps:.3f},{int(state)}\n" for frame, state in enumerate(states))
    (labels,) = read_boris_binary(write("time,sniff\n" + rows), fps=fps, n_frames=len(states)).labels
    present = {frame for bout in labels.bouts for frame in range(bout.start_frame, bout.stop_frame)}
    assert present == {frame for frame, state in enumerate(states) if state}
    assert dict(labels.observed) == {"sniff": ((0, len(states)),)}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=',;\t\n"0123456789.-enif', max_size=120))
def test_any_text_is_read_or_refused(write, text):
    path = write("time,a,b\n" + text)
    looks_like_boris_binary(path)
    with suppress(FormatError, LabelError):
        read_boris_binary(path, fps=25.0)
