"""Bento: 1-based inclusive frames or seconds, and channels that mean what somebody says they mean."""

from __future__ import annotations

import pytest

from nsp_adapters.annotations.bento import EXAMPLE, looks_like_bento, read_bento
from nsp_core.errors import AmbiguousError, FormatError, LabelError
from nsp_core.labels import Bout

HEADER = """Bento annotation file
Movie file(s):  top.seq

Stimulus name:
Annotation start frame: 1
Annotation stop frame: 300
Annotation framerate: 30.000000

List of Channels:
Ch1
Ch_ben

List of annotations:
Attack
Sniff
Rear

"""
CHANNELS = """Ch1----------
>Attack
Start\t Stop\t Duration
1\t1\t1
2\t30\t29
300\t300\t1

>Sniff
Start\t Stop\t Duration


Ch_ben----------
>Attack
Start\tStop\tDuration
10\t20\t11


"""


@pytest.fixture
def annot(write):
    def annot(text: str):
        return write(text, "cage3.annot")

    return annot


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_frames_are_inclusive_and_channels_read_together(annot, ending):
    path = annot((HEADER + CHANNELS).replace("\n", ending))
    assert looks_like_bento(path)
    read = read_bento(path, annotator="anna", looked_for=["Bite"])
    (labels,) = read.labels
    assert (labels.recording, labels.annotator) == ("cage3", "anna")
    bouts = (Bout("Attack", 0, 1), Bout("Attack", 1, 30), Bout("Attack", 299, 300), Bout("Attack", 9, 20))
    assert labels.bouts == bouts
    assert labels.observed == dict.fromkeys(["Attack", "Sniff", "Rear", "Bite"], ((0, 300),))
    assert read.assumptions == (
        "cage3.annot: channels Ch1, Ch_ben were read together, as one annotator's",
        "cage3.annot: Attack, Sniff, Rear, Bite looked for in frames [0, 300)",
    )


def test_channels_as_annotators(annot):
    read = read_bento(annot(HEADER + CHANNELS), channels="annotators")
    assert [(each.annotator, len(each.bouts)) for each in read.labels] == [("Ch1", 3), ("ben", 1)]


def test_channels_as_individuals(annot):
    (labels,) = read_bento(annot(HEADER + CHANNELS), channels="individuals").labels
    assert [bout.individual for bout in labels.bouts] == ["Ch1", "Ch1", "Ch1", "Ch_ben"]


def test_rows_with_a_point_are_seconds(annot):
    rows = "Ch1----------\n>Attack\nStart\tStop\tDuration\n3.0333333\t5.2333333\t2.2333333\n6\t7\t1.0333333\n"
    (labels,) = read_bento(annot(HEADER + rows)).labels
    assert labels.bouts == (Bout("Attack", 90, 157), Bout("Attack", 179, 210))


def test_rows_of_both_kinds_are_refused_unless_the_unit_is_stated(annot):
    path = annot(HEADER + "Ch1----------\n>Attack\n3.5\t4.0\n6\t7\n")
    with pytest.raises(AmbiguousError, match="line 21: found whole numbers here and a decimal point in line 20"):
        read_bento(path)
    assert read_bento(path, unit="seconds").labels[0].bouts == (Bout("Attack", 104, 120), Bout("Attack", 179, 210))
    with pytest.raises(FormatError, match=r"line 20: found frames 3\.5 to 4\.0, expected whole frame numbers"):
        read_bento(path, unit="frames")


def test_span_may_be_in_seconds_start_late_and_end_early(annot):
    header = HEADER.replace("start frame: 1", "start time: 3.333333e+00").replace("stop frame: 300", "stop time: 10")
    read = read_bento(annot(header + CHANNELS), n_frames=400)
    assert set(read.labels[0].observed.values()) == {((99, 300),)}
    assert "cage3.annot: annotated from frame 99; rows count from the start of the movie" in read.assumptions
    read = read_bento(annot(HEADER.replace("frame: 300", "frame: 25") + CHANNELS))
    assert set(read.labels[0].observed.values()) == {((0, 25),)}
    assert "cage3.annot: bouts reach frame 300, beyond its stop frame 25; they were kept" in read.assumptions
    read = read_bento(annot(HEADER.replace("frame: 300", "frame: 310") + CHANNELS), n_frames=300)
    assert set(read.labels[0].observed.values()) == {((0, 300),)}
    assert "cage3.annot: its stop frame 310 is beyond the recording and was taken as 300" in read.assumptions


def test_short_example_reads(annot):
    read = read_bento(annot(EXAMPLE))
    assert read.labels[0].bouts == (Bout("Attack", 90, 157),)
    assert read.assumptions[0] == "cage3.annot: no 'Annotation stop frame'; watched until frame 157"


def test_seconds_late_by_a_frame_are_cut(annot):
    text = "Bento annotation file\nAnnotation framerate: 30\nCh1----------\n>Attack\n1.0\t3.3667\n"
    assert read_bento(annot(text), n_frames=100).labels[0].bouts == (Bout("Attack", 29, 100),)
    with pytest.raises(LabelError, match=r"cage3\.annot, line 5: found Attack over frames \[29, 101\)"):
        read_bento(annot(text), n_frames=99)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Caltech Behavior\n", "line 1: found a first line 'Caltech Behavior', expected 'Bento annotation file'"),
        (
            HEADER + "Ch1----------\n1\t2\t3\n",
            "line 19: found the row '1\\t2\\t3', expected start, stop and duration below",
        ),
        (HEADER + "Ch1----------\n>a\n1\n", "line 20: found the row '1'"),
        (HEADER + "Ch1----------\n>a\n1 b 3\n", "line 20: found 'b', expected a number, 0 or more"),
        (HEADER + "Ch1----------\n>a\n1 inf 3\n", "line 20: found 'inf'"),
        (HEADER + "Ch1----------\n>a\n5 4 0\n", "line 20: found a over frames [4, 4)"),
        (HEADER + "Ch1----------\n>a\n0 4 5\n", "line 20: found a over frames [-1, 4)"),
        (HEADER.replace("frame: 300", "frame: x"), "line 6: found 'x'"),
        ("Bento annotation file\nCh1----------\n>a\n1.5 2.5\n", "found times in seconds and no frame rate"),
    ],
)
def test_damaged_file_says_where(annot, text, message):
    with pytest.raises(FormatError) as caught:
        read_bento(annot(text))
    assert message in str(caught.value)


def test_frame_rate_that_contradicts_the_file_is_refused(annot):
    with pytest.raises(FormatError, match=r"found Annotation framerate: 30, expected 29\.97 frames per second"):
        read_bento(annot(HEADER + CHANNELS), fps=30000 / 1001)


def test_other_files_do_not_look_like_it(annot):
    for text in ("", "Caltech Behavior Annotator - Annotation File\n", "a,b\n"):
        assert not looks_like_bento(annot(text))


@pytest.mark.real_data
def test_real_annotation_in_seconds(nsp_data):
    path = nsp_data / "formats" / "bento" / "Together_1_EXCERPT.annot"
    rows = {}
    for line in path.read_text().split("Ch1----------")[1].splitlines():
        if line.startswith(">"):
            behavior = line[1:]
        elif line[:1].isdigit():
            rows.setdefault(behavior, []).append([float(cell) for cell in line.split()])
    assert looks_like_bento(path)
    (labels,) = read_bento(path, fps=30.0).labels
    assert labels.observed == {"Attack": ((0, 19955),), "Sniffing": ((0, 19955),)}
    for behavior, its_rows in rows.items():
        bouts = [bout for bout in labels.bouts if bout.behavior == behavior]
        assert [bout.start_frame + 1 for bout in bouts] == [round(start * 30) for start, _, _ in its_rows]
        # Their own duration counts both ends: an end read as exclusive would be one frame short of it.
        assert [bout.stop_frame - bout.start_frame for bout in bouts] == [round(row[2] * 30) for row in its_rows]
    assert len(labels.bouts) == 22
