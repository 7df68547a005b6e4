"""All streams of a Caltech file: one vocabulary split in two is one annotator, alternatives stay apart."""

from __future__ import annotations

import pytest

from nsp_adapters.annotations.caltech_streams import EXAMPLE, looks_like_caltech, read_caltech_streams
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import Bout

HEADER = "Caltech Behavior Annotator - Annotation File\n\nConfiguration file:\nother o\nattack a\nrear r\nbite b\n\n"
S1 = "S1: start end type\n----\n1 4 other\n5 9 attack\n10 12 other\n\n"
S2 = "S2: start end type\n----\n1 6 other\n7 7 bite\n8 12 other\n"


def test_streams_of_one_vocabulary_are_one_annotator(write):
    path = write(HEADER + S1 + S2, "cage3_annot.txt")
    assert looks_like_caltech(path)
    read = read_caltech_streams(path, annotator="anna")
    (labels,) = read.labels
    assert (labels.recording, labels.annotator) == ("cage3", "anna")
    assert labels.bouts == (Bout("attack", 4, 9), Bout("bite", 6, 7))
    assert labels.observed == {"attack": ((0, 12),), "bite": ((0, 12),)}
    assert read.assumptions == ("cage3_annot.txt: 'other' means that none of the behaviors happens",)


def test_streams_with_types_in_common_are_kept_apart(write):
    read = read_caltech_streams(write(HEADER + S1 + S2.replace("bite", "attack")), annotator="anna")
    assert [(each.annotator, each.bouts) for each in read.labels] == [
        ("anna S1", (Bout("attack", 4, 9),)),
        ("anna S2", (Bout("attack", 6, 7),)),
    ]
    assert read.assumptions[1] == "cage3.csv: streams S1, S2 kept apart"


def test_single_stream_was_looked_at_for_all_that_is_configured(write):
    read = read_caltech_streams(write(HEADER + S1), n_frames=15)
    assert read.labels[0].observed == dict.fromkeys(["attack", "rear", "bite"], ((0, 12),))
    assert read.assumptions[1:] == (
        "cage3.csv: labels of stream S1 end after 12 of 15 frames; the rest is unlabeled",
        "cage3.csv: rear, bite in no row: looked for wherever it was scored, and never seen",
    )


def test_unscored_frames_are_not_observed(write):
    (labels,) = read_caltech_streams(write(HEADER + S1 + S2), unscored=["other"], unscored_stream="S1").labels
    assert labels.observed == {"attack": ((4, 9),), "bite": ((4, 9),)}


def test_refusals(write):
    path = write(HEADER + S1 + S2)
    assert read_caltech_streams(path, looked_for=["rear"]).labels[0].observed["rear"] == ((0, 12),)
    with pytest.raises(LabelError, match="found no type 'rears' \\(closest: 'rear'\\)"):
        read_caltech_streams(path, looked_for=["rears"])
    with pytest.raises(LabelError, match="found stream S1 to frame 12, expected frames within"):
        read_caltech_streams(path, n_frames=11)
    with pytest.raises(FormatError, match="found no stream"):
        read_caltech_streams(write(HEADER))
    with pytest.raises(FormatError, match="line 12: found the row '5 x attack'"):
        read_caltech_streams(write(HEADER + S1.replace("5 9", "5 x")))
    for huge in ("100000001", "9" * 5000):
        with pytest.raises(
            FormatError, match=r"line 12: found frame [0-9]{9,20}, expected a frame number up to 100000000"
        ):
            read_caltech_streams(write(HEADER + S1.replace("5 9", f"5 {huge}")))
    assert not looks_like_caltech(write("Bento annotation file\n"))
    assert read_caltech_streams(write(EXAMPLE)).labels[0].bouts == (Bout("attack", 535, 961),)


def test_a_behavior_listed_first_is_not_taken_for_the_filling_type(write):
    first = HEADER.replace("other o\nattack a\n", "attack a\nother o\n")
    with pytest.raises(LabelError, match="found 'attack' among the behaviors and first in the configuration"):
        read_caltech_streams(write(first + S1), looked_for=["attack"])


@pytest.mark.real_data
def test_real_streams_split_one_vocabulary(nsp_data):
    path = nsp_data / "rats_resident_intruder_dlc" / "labels" / "1_annot.txt"
    (labels,) = read_caltech_streams(path, unscored=["base"], unscored_stream="S1").labels
    assert labels.recording == "1"
    assert set(labels.observed.values()) == {((535, 12535),)}
    assert {"social", "nonsocial", "aggression", "lateralthreat"} <= set(labels.observed)
    rows = [line.split() for line in path.read_text().splitlines() if line.strip()[:1].isdigit()]
    truth = sorted((int(start) - 1, int(end), name) for start, end, name in rows if name != "base")
    assert sorted((bout.start_frame, bout.stop_frame, bout.behavior) for bout in labels.bouts) == truth
