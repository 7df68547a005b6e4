"""Bento written: every bout back on its frame, and nothing written that the format cannot say."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsp_adapters.annotations.bento import read_bento
from nsp_adapters.annotations.bento_write import write_bento
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import Bout, RecordingLabels

RATES = (24000 / 1001, 30000 / 1001, 25.0, 60000 / 1001, 120.0)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.data(), fps=st.sampled_from(RATES))
def test_what_is_written_reads_back_to_the_frame(tmp_path, drawn_labels, chosen, fps):
    labels = chosen.draw(drawn_labels())
    path = tmp_path / "rec.annot"
    write_bento(path, labels, fps=fps, n_frames=labels.last_frame)
    assert read_bento(path, fps=fps, n_frames=labels.last_frame, annotator="anna").labels == (labels,)
    # The frame rate is written in full: it needs not be stated again.
    assert read_bento(path, annotator="anna").labels == (labels,)


def test_annotators_become_channels_and_come_back(tmp_path):
    spans = {"a": ((2, 50),), "b": ((2, 50),)}
    anna = RecordingLabels("rec", "anna", (Bout("a", 2, 3),), spans)
    ben = RecordingLabels("rec", "ben", (Bout("b", 40, 50),), spans)
    path = tmp_path / "rec.annot"
    write_bento(path, [anna, ben], fps=25.0, n_frames=60)
    assert read_bento(path, channels="annotators").labels == (anna, ben)


def test_file_is_laid_out_as_bento_does(tmp_path):
    labels = RecordingLabels("rec", "anna", (Bout("a", 2, 3),), {"a": ((0, 50),), "b": ((0, 50),)})
    write_bento(tmp_path / "rec.annot", labels, fps=25.0, n_frames=50)
    text = (tmp_path / "rec.annot").read_text()
    assert "Annotation stop frame: 50\nAnnotation framerate: 25.0\n\nList of channels:\nCh1\n\n" in text
    assert text.endswith("Ch1----------\n>a\nStart\tStop\tDuration\n3\t3\t1\n\n>b\nStart\tStop\tDuration\n\n\n")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "found annotators none, expected different names"),
        ([RecordingLabels("r", "an na", ()), RecordingLabels("r", "b", ())], "found annotators 'an na', 'b'"),
        ([RecordingLabels("r", "b", ()), RecordingLabels("r", "b", ())], "found annotators 'b', 'b'"),
        ([RecordingLabels("r", "b", (Bout("a", 3, 11),))], "found labels up to frame 11"),
        ([RecordingLabels("r", "b", (), {"a": ((0, 3), (5, 9))})], "expected one span, the same for every behavior"),
        ([RecordingLabels("r", "b", (), {"a": ((0, 3),), "c": ((0, 9),)})], "expected one span"),
        ([RecordingLabels("r", "b", (Bout("a\nb", 3, 4),))], "found a behavior called 'a\\nb'"),
        (
            [RecordingLabels("r", "b", (Bout("a", 3, 4, "m1"), Bout("a", 3, 4, "m2")))],
            "found a of m1 to None and of m2",
        ),
    ],
)
def test_what_the_format_cannot_say_is_refused(tmp_path, labels, message):
    path = tmp_path / "r.annot"
    with pytest.raises(LabelError) as caught:
        write_bento(path, labels, fps=25.0, n_frames=10)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_frame_rate_is_needed(tmp_path):
    with pytest.raises(FormatError, match="found fps = 0"):
        write_bento(tmp_path / "r.annot", RecordingLabels("r", "b", ()), fps=0, n_frames=10)
