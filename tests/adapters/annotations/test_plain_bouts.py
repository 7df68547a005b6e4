"""Everything in a bout csv at once: recordings and annotators apart."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsp_adapters.annotations.plain_bouts import EXAMPLE, looks_like_plain_bouts, read_plain_bouts
from nsp_adapters.bout_csv import write_bout_csv
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import Bout


def test_every_recording_and_annotator_is_an_entry(write):
    path = write(EXAMPLE + "\ncage3,resident,intruder,attack,540,950,ben\n")
    assert looks_like_plain_bouts(path)
    read = read_plain_bouts(path, looked_for=["bite"])
    assert [(each.recording, each.annotator, len(each.bouts)) for each in read.labels] == [
        ("cage3", "anna", 3),
        ("cage4", "anna", 1),
        ("cage3", "ben", 1),
    ]
    assert read.labels[0].bouts[0] == Bout("attack", 535, 961, "resident", "intruder")
    assert read.labels[0].observed == dict.fromkeys(["attack", "rearing", "bite"], ((0, 1002),))
    assert (
        "cage3, anna: attack, rearing, bite looked for in every frame of [0, 1002), which ends" in read.assumptions[0]
    )
    chosen = read_plain_bouts(path, recording="cage3", annotator="ben").labels
    assert [(each.recording, each.annotator) for each in chosen] == [("cage3", "ben")]


def test_seconds_and_no_names(write):
    path = write("behavior,start_s,stop_s\na,1.0,4.04\n")
    assert looks_like_plain_bouts(path)
    (labels,) = read_plain_bouts(path, fps=25.0, n_frames=100, annotator="anna").labels
    assert (labels.recording, labels.annotator, labels.bouts) == ("cage3", "anna", (Bout("a", 25, 100),))
    with pytest.raises(LabelError, match=r"found a over frames \[25, 101\)"):
        read_plain_bouts(path, fps=25.0, n_frames=99)
    with pytest.raises(FormatError, match="found bouts in seconds and no frame rate"):
        read_plain_bouts(path)


def test_unsigned_rows_belong_to_each_annotator(write):
    path = write("behavior,start_frame,stop_frame,annotator\na,1,2,\na,5,6,anna\na,7,8,ben\n")
    read = read_plain_bouts(path, n_frames=10)
    assert [(each.annotator, len(each.bouts)) for each in read.labels] == [("anna", 2), ("ben", 2)]
    assert read.assumptions == (
        "cage3, anna: a looked for in every frame of [0, 10)",
        "cage3.csv: no column recording: every row was taken for 'cage3'",
        "cage3.csv: 1 rows that name no annotator were taken for those of 'anna'",
        "cage3, ben: a looked for in every frame of [0, 10)",
        "cage3.csv: 1 rows that name no annotator were taken for those of 'ben'",
    )


def test_names_that_are_not_there_are_told(write):
    with pytest.raises(LabelError, match="found no recording 'cage5', expected one of cage3, cage4"):
        read_plain_bouts(write(EXAMPLE), recording="cage5")
    with pytest.raises(LabelError, match="found no row by annotator 'ben', expected one of anna"):
        read_plain_bouts(write(EXAMPLE), annotator="ben")
    assert not looks_like_plain_bouts(write("action,start_frame,stop_frame\n"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.data())
def test_what_is_written_reads_back_to_the_frame(tmp_path, drawn_labels, chosen):
    labels = chosen.draw(drawn_labels().filter(lambda labels: labels.bouts))
    write_bout_csv(tmp_path / "rec.csv", labels)
    read = read_plain_bouts(tmp_path / "rec.csv", n_frames=labels.last_frame, looked_for=["attack", "sniff"])
    assert read.labels == (labels,)
