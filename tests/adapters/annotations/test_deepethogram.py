"""DeepEthogram: -1 is not labeled, background is no behavior."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsp_adapters.annotations.deepethogram import (
    EXAMPLE,
    looks_like_deepethogram,
    read_deepethogram,
    write_deepethogram,
)
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import Bout, RecordingLabels


def test_example_reads(write):
    path = write(EXAMPLE, "mouse00_labels.csv")
    assert looks_like_deepethogram(path)
    read = read_deepethogram(path, annotator="anna")
    expected = (Bout("groom", 1, 3), Bout("dig", 2, 3))
    observed = {"groom": ((0, 3),), "dig": ((0, 3),)}
    assert read.labels == (RecordingLabels("mouse00", "anna", expected, observed),)
    assert read.assumptions == ()


def test_frame_that_is_background_and_a_behavior_is_told(write):
    read = read_deepethogram(write(",background,a\n0,1,1\n1,1,0\n"))
    assert read.labels[0].bouts == (Bout("a", 0, 1),)
    assert read.assumptions == ("cage3.csv: 1 frames are background and a behavior: the behavior was taken",)


def test_file_without_behaviors_has_none(write):
    (labels,) = read_deepethogram(write(",background\n0,1\n")).labels
    assert (labels.bouts, labels.observed) == ((), {})


def test_refusals(write):
    with pytest.raises(FormatError, match="found no column 'background'"):
        read_deepethogram(write("frame,a\n0,1\n"))
    with pytest.raises(LabelError, match="found no column 'Groom', expected one of groom, dig"):
        read_deepethogram(write(EXAMPLE), looked_for=["Groom"])
    with pytest.raises(FormatError, match=r"line 3: found groom '0\.4'"):
        read_deepethogram(write(",background,groom\n0,1,0\n1,0,0.4\n"))
    with pytest.raises(LabelError, match="found 4 frames of labels, expected 2 frames"):
        read_deepethogram(write(EXAMPLE), n_frames=2)
    labels = RecordingLabels("r", "anna", (Bout("background", 1, 2),))
    with pytest.raises(LabelError, match="found a behavior called 'background'"):
        write_deepethogram(write("x"), labels, n_frames=3)


def test_other_tables_do_not_look_like_it(write):
    for text in ("frame,a\n0,1\n", ",background,a\n0,0.3,0.4\n", ",background,a\n", "", ",background,a\n0,1\n"):
        assert not looks_like_deepethogram(write(text))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.data())
def test_what_is_written_reads_back_to_the_frame(tmp_path, drawn_labels, chosen):
    labels = chosen.draw(drawn_labels(touching=False))
    path = tmp_path / "rec_labels.csv"
    write_deepethogram(path, labels, n_frames=labels.last_frame)
    assert read_deepethogram(path, annotator="anna").labels == (labels,)


def test_written_file_is_as_pandas_would_write_it(tmp_path):
    labels = RecordingLabels("r", "anna", (Bout("a", 1, 2), Bout("a", 2, 3)), {"a": ((0, 4),), "b": ((0, 2),)})
    path = tmp_path / "r_labels.csv"
    write_deepethogram(path, labels, n_frames=5)
    table = pd.read_csv(path, index_col=0)
    assert table.to_dict("list") == {"background": [1, 0, 0, -1, -1], "a": [0, 1, 1, 0, -1], "b": [0, 0, -1, -1, -1]}
    assert table.index.tolist() == [0, 1, 2, 3, 4]
