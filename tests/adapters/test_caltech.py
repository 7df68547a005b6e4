"""Caltech annotation text: 1-based inclusive rows become half-open bouts, and unscored is not absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsp_adapters.caltech import import_caltech, read_caltech
from nsp_core.errors import FormatError, LabelError, MissingFileError
from nsp_core.labels import ABSENT, PRESENT, UNLABELED, Behavior, Bout, frame_states

ATTACK, SNIFF, BITE = (Behavior(name, "undirected") for name in ("attack", "sniff", "bite"))
HEADER = """Caltech Behavior Annotator - Annotation File

Configuration file:
base\tz
attack\ta
sniff\ts
bite\tb

"""
S1 = """S1:\tstart\tend\ttype
-----------------------------
   \t1\t4\tbase
   \t5\t6\tattack
   \t7\t7\tsniff
   \t8\t9\tattack
   \t10\t12\tbase

"""
S2 = """S2: start    end     type
-----------------------------
       1       5    base
       6       6    bite
       7      12    base
"""


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "cage3_annot.txt"
        path.write_bytes(text.encode())
        return path

    return write


def refusal(kind: type[Exception], path: Path, **request: object) -> str:
    with pytest.raises(kind) as caught:
        read_caltech(path, **({"recording": "cage3", "behaviors": [ATTACK]} | request))
    message = str(caught.value)
    assert message.startswith(path.name)
    return message


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_rows_become_half_open_bouts(write, ending):
    path = write((HEADER + S1 + S2).replace("\n", ending))
    labels = read_caltech(path, recording="cage3", annotator="anna", behaviors=[ATTACK, SNIFF])
    assert (labels.recording, labels.annotator) == ("cage3", "anna")
    assert labels.bouts == (Bout("attack", 4, 6), Bout("sniff", 6, 7), Bout("attack", 7, 9))
    assert dict(labels.observed) == {"attack": ((0, 12),), "sniff": ((0, 12),)}


def test_unscored_is_unlabeled_and_not_absent(write):
    labels = read_caltech(write(HEADER + S1), recording="cage3", behaviors=[SNIFF], unscored=["base"])
    assert dict(labels.observed) == {"sniff": ((4, 9),)}
    states = frame_states(labels, SNIFF, 14, "rat1", "rat2")
    assert states.tolist() == [UNLABELED] * 4 + [ABSENT] * 2 + [PRESENT] + [ABSENT] * 2 + [UNLABELED] * 5


def test_unscored_of_another_stream_counts_and_the_same_name_here_does_not(write):
    request = {"recording": "cage3", "stream": "S2", "behaviors": [BITE], "unscored": ["base"]}
    path = write(HEADER + S1 + S2)
    labels = read_caltech(path, **request, unscored_stream="S1")
    assert labels.bouts == (Bout("bite", 5, 6),)
    assert dict(labels.observed) == {"bite": ((4, 9),)}
    # Looked up in S2 itself, "base" would leave nothing but the bites.
    assert dict(read_caltech(path, **request).observed) == {"bite": ((5, 6),)}


def test_gap_between_rows_is_not_observed(write):
    labels = read_caltech(
        write(HEADER + "S1: start end type\n1 3 base\n6 8 attack\n"), recording="r", behaviors=[ATTACK]
    )
    assert dict(labels.observed) == {"attack": ((0, 3), (5, 8))}


def test_file_without_configuration_list_reads(write):
    text = (
        "Caltech Behavior Annotator - Annotation File\n\nS1:\tstart\tend\ttype\n----\n\t1\t2\tother\n\t3\t3\tattack\n"
    )
    assert read_caltech(write(text), recording="r", behaviors=[ATTACK]).bouts == (Bout("attack", 2, 3),)


def test_configured_behavior_that_never_happens_is_absent_throughout(write):
    labels = read_caltech(write(HEADER + S1), recording="r", behaviors=[BITE])
    assert labels.bouts == ()
    assert dict(labels.observed) == {"bite": ((0, 12),)}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=20), types=st.data())
def test_every_frame_of_a_gapless_stream_keeps_its_type(write, lengths, types):
    names = types.draw(
        st.lists(st.sampled_from(["base", "attack", "sniff"]), min_size=len(lengths), max_size=len(lengths))
    )
    stops = np.cumsum(lengths)
    rows = zip(stops - lengths + 1, stops, names, strict=True)
    text = HEADER + "S1: start end type\n" + "".join(f"{start} {stop} {name}\n" for start, stop, name in rows)
    labels = read_caltech(write(text), recording="r", behaviors=[ATTACK], unscored=["base"])
    states = frame_states(labels, ATTACK, int(stops[-1]), "a", "b")
    expected = {"base": UNLABELED, "attack": PRESENT, "sniff": ABSENT}
    assert states.tolist() == [
        expected[name] for name, length in zip(names, lengths, strict=True) for _ in range(length)
    ]


def test_missing_file_is_named_with_its_folder(tmp_path):
    with pytest.raises(MissingFileError, match=r"nowhere/none\.txt: found no such file"):
        read_caltech(tmp_path / "nowhere" / "none.txt", recording="r", behaviors=[ATTACK])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found an empty first line or file, expected 'Caltech Behavior Annotator"),
        ("Bento annotation file\n", "found a first line of 'Bento annotation file', expected 'Caltech"),
        (HEADER, "found no stream, expected a line such as 'S1: start end type'"),
        (HEADER + S1 + S1, "line 17: found stream S1 a second time, expected each stream once"),
        (
            HEADER + "S1: start stop type\n",
            "line 9: found columns 'start stop type', expected columns 'start end type'",
        ),
        (HEADER + S1 + "S2: start end type\n1 2\n", "line 18: found the row '1 2', expected start, end and type"),
        (HEADER + S1 + "S2: start end type\n1 2 a b\n", "line 18: found the row '1 2 a b'"),
        (HEADER + S1 + "S2: start end type\n0 2 base\n", "line 18: found the row '0 2 base'"),
        (HEADER + S1 + "S2: start end type\n5 4 base\n", "line 18: found the row '5 4 base'"),
        (HEADER + S1 + "S2: start end type\n1 2.5 base\n", "line 18: found the row '1 2.5 base'"),
        (
            HEADER + "S1: start end type\n1 4 base\n4 6 attack\n",
            "line 11: found attack from frame 4 while base lasts to 4, expected rows of one stream that do not overlap",
        ),
        (HEADER + "S1: start end type\n4 6 attack\n1 4 base\n", "correct this row or line 10"),
    ],
)
def test_damaged_file_says_where(write, text, message):
    assert message in refusal(FormatError, write(text))


def test_absent_stream_lists_those_found(write):
    path = write(HEADER + S1 + S2 + "\nS3: start end type\n---\n")
    for absent in ("S3", "S4"):
        message = refusal(LabelError, path, stream=absent)
        assert f"found no rows of stream '{absent}', expected one of the streams with rows: S1, S2" in message
    assert "found no rows of stream 'S4'" in refusal(LabelError, path, unscored=["base"], unscored_stream="S4")


def test_unknown_behavior_names_the_closest(write):
    message = refusal(LabelError, write(HEADER + S1), behaviors=[Behavior("atack", "undirected")])
    assert "stream S1: found no type 'atack' (closest: 'attack'), expected one of base, attack, sniff, bite" in message
    message = refusal(LabelError, write(HEADER + S1), unscored=["Base"])
    assert "found no type 'Base' (closest: 'base')" in message
    assert "upper and lower case differ" in message


def test_behavior_cannot_be_unscored_too(write):
    message = refusal(LabelError, write(HEADER + S1), unscored=["attack"])
    assert "found 'attack' among the behaviors and among the unscored types" in message


def test_behavior_of_another_stream_is_not_absent_here(write):
    message = refusal(LabelError, write(HEADER + S1 + S2), behaviors=[BITE])
    assert "found 'bite' only in stream S2, expected a behavior annotated in stream S1: attack, base, sniff" in message
    assert "read stream S2 for it: here it would seem absent throughout" in message


def test_streams_with_types_in_common_are_alternatives(write):
    text = HEADER + S1 + S2.replace("7      12    base", "7      12    sniff")
    assert read_caltech(write(text), recording="r", behaviors=[BITE]).bouts == ()


def test_what_a_stream_does_not_say_is_assumed_and_told(write):
    path = write(HEADER + S1)
    whole = import_caltech(path, recording="r", behaviors=[ATTACK], unscored=["base"], n_frames=12)
    assert whole.labels == (read_caltech(path, recording="r", behaviors=[ATTACK], unscored=["base"]),)
    assert whole.assumptions == ("cage3_annot.txt: in stream S1, frames of sniff were taken as frames without attack",)
    longer = import_caltech(path, recording="r", behaviors=[ATTACK, SNIFF, BITE], n_frames=15)
    assert longer.assumptions == (
        "cage3_annot.txt: in stream S1, frames of base were taken as frames without attack, sniff, bite",
        "cage3_annot.txt: bite in no row of stream S1: looked for wherever it was scored, and never seen",
        "cage3_annot.txt: labels of stream S1 end after 12 of 15 frames; the rest is unlabeled",
    )


def test_a_type_unscored_in_another_stream_means_none_of_these_here(write):
    request = {"recording": "r", "stream": "S2", "behaviors": [BITE], "unscored": ["base"], "unscored_stream": "S1"}
    told = import_caltech(write(HEADER + S1 + S2), **request).assumptions
    assert told == ("cage3_annot.txt: in stream S2, frames of base were taken as frames without bite",)


def rat_rows(path: Path, stream: str) -> list[tuple[int, int, str]]:
    """Independent, naive reading of one stream: rows as they stand."""
    block = path.read_text().split(f"{stream}:", 1)[1].split("S2:", 1)[0]
    cells = [line.split() for line in block.splitlines()[2:] if line.strip()]
    return [(int(start), int(end), name) for start, end, name in cells]


@pytest.mark.real_data
def test_rat_labels_are_gapless_and_base_is_unscored(nsp_data):
    paths = sorted((nsp_data / "rats_resident_intruder_dlc" / "labels").glob("*_annot.txt"))
    assert len(paths) == 16
    behaviors = [Behavior(name, "undirected") for name in ("social", "nonsocial", "aggression")]
    for path in paths:
        rows = rat_rows(path, "S1")
        base = [(start - 1, end) for start, end, name in rows if name == "base"]
        everything = read_caltech(path, recording=path.stem, behaviors=behaviors)
        assert set(everything.observed.values()) == {((0, rows[-1][1]),)}
        labels = read_caltech(path, recording=path.stem, behaviors=behaviors, unscored=["base"])
        # Unscored are the start and the end: one span between, filled by the three behaviors to the last frame.
        assert set(labels.observed.values()) == {((base[0][1], base[1][0]),)}
        scored = sum(bout.stop_frame - bout.start_frame for bout in labels.bouts)
        assert scored == base[1][0] - base[0][1] == 12_000
        assert labels.last_frame == base[1][0]


@pytest.mark.real_data
def test_rat_second_stream_is_observed_where_the_first_was_scored(nsp_data):
    labels_folder = nsp_data / "rats_resident_intruder_dlc" / "labels"
    behaviors = [Behavior(name, "undirected") for name in ("lateralthreat", "keepdown", "clinch", "uprightposture")]
    request = {"stream": "S2", "behaviors": behaviors, "unscored": ["base"], "unscored_stream": "S1"}
    labels = read_caltech(labels_folder / "1_annot.txt", recording="1", **request)
    assert set(labels.observed.values()) == {((535, 12535),)}
    assert labels.bouts[0] == Bout("lateralthreat", 1528, 1542)
    with pytest.raises(LabelError, match="expected one of the streams with rows: S1;"):
        read_caltech(labels_folder / "4_annot.txt", recording="4", **request)
    with pytest.raises(LabelError, match="found 'clinch' only in stream S2"):
        read_caltech(labels_folder / "1_annot.txt", recording="1", behaviors=[Behavior("clinch", "undirected")])
