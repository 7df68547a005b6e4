"""Labels of several annotators of one recording of a study: from files that were named, or from the study's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nsp_adapters.annotator_labels import LabelSource, annotated_sequences, label_sources, labels_of_annotators
from nsp_adapters.recordings import extract_recording
from nsp_adapters.study import read_study
from nsp_core.errors import LabelError, MissingFileError
from nsp_core.labels import Behavior, Bout, RecordingLabels
from nsp_core.study import RecordingEntry, Study

ROWS = """recording,annotator,individual,target,behavior,start_frame,stop_frame
sim01,anna,mouse1,mouse2,contact,100,160
sim01,anna,mouse1,mouse2,contact,300,330
sim01,ben,mouse1,mouse2,contact,120,160
sim02,ben,mouse1,mouse2,contact,10,20
"""
FRAMES = 450


@pytest.fixture
def study(small_study: Path) -> Study:
    return read_study(small_study, environment={})


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "both.csv"
    path.write_text(ROWS)
    return path


@pytest.fixture
def entry(study: Study, labels: Path) -> RecordingEntry:
    return replace(study.recordings[0], label_path=str(labels), observed="all")


def test_a_label_file_of_two_annotators_is_told_from_that_of_one(study: Study, entry: RecordingEntry, labels: Path):
    sources = label_sources(entry, study)
    assert {who: [(one.path, one.format, one.recording) for one in own] for who, own in sources.items()} == {
        who: [(labels, "bout-csv", "sim01")] for who in ("anna", "ben")
    }
    assert list(label_sources(study.recordings[0], study)) == ["simulated annotator"]


def test_a_recording_without_a_label_file_says_what_to_name(study: Study, entry: RecordingEntry):
    with pytest.raises(LabelError, match="sim01: found no label file, expected the labels of two or more annotators"):
        label_sources(replace(entry, label_path=None), study)


def test_labels_are_read_as_the_study_says(study: Study, entry: RecordingEntry):
    study = replace(study, labels=replace(study.labels, subjects={"mouse1": "left", "mouse2": "right"}))
    imported = labels_of_annotators(entry, study, FRAMES, label_sources(entry, study))
    anna, ben = imported.labels
    assert (anna.recording, anna.annotator, ben.annotator) == ("sim01", "anna", "ben")
    assert anna.bouts == (Bout("contact", 100, 160, "left", "right"), Bout("contact", 300, 330, "left", "right"))
    assert ben.bouts == (Bout("contact", 120, 160, "left", "right"),)
    assert anna.observed["contact"] == ((0, FRAMES),)
    narrow = replace(entry, observed=((5.0, 10.0),))
    (anna, _) = labels_of_annotators(narrow, study, FRAMES, label_sources(entry, study)).labels
    assert anna.observed["contact"] == ((150, 300),)


def test_what_one_annotator_noted_in_two_files_is_joined_under_another_name(
    study: Study, entry: RecordingEntry, tmp_path: Path
):
    header = "behavior,start_frame,stop_frame"
    (tmp_path / "contact.csv").write_text(f"{header}\ncontact,10,20\n")
    (tmp_path / "approach.csv").write_text(f"{header}\napproach,40,50\n")
    parts = tuple(LabelSource(tmp_path / f"{name}.csv", "bout-csv", name, "anna") for name in ("contact", "approach"))
    (anna,) = labels_of_annotators(entry, study, FRAMES, {"anna (twice)": parts}).labels
    assert (anna.recording, anna.annotator) == ("sim01", "anna (twice)")
    assert [(bout.behavior, bout.start_frame) for bout in anna.bouts] == [("contact", 10), ("approach", 40)]
    assert anna.observed == {"contact": ((0, FRAMES),), "approach": ((0, FRAMES),)}


def test_labels_that_were_read_already_must_be_as_long_as_the_poses(study: Study, entry: RecordingEntry, labels: Path):
    read = RecordingLabels("sim01", "anna", (), {"contact": ((0, 900),)})
    source = LabelSource(labels, "per-frame-csv", "sim01", "anna", read)
    entry = replace(entry, observed="labeled-span")
    with pytest.raises(LabelError, match=f"found labels up to frame 900 for poses of {FRAMES} frames"):
        labels_of_annotators(entry, study, FRAMES, {"anna": (source,)})
    assert labels_of_annotators(entry, study, 900, {"anna": (source,)}).labels == (read,)


def test_a_file_that_is_gone_is_named(study: Study, entry: RecordingEntry, tmp_path: Path):
    source = LabelSource(tmp_path / "gone.csv", "bout-csv", "sim01", "anna")
    with pytest.raises(MissingFileError, match=r"gone\.csv"):
        labels_of_annotators(entry, study, FRAMES, {"anna": (source,)})


def test_states_stand_beside_the_sequences_of_features(study: Study, entry: RecordingEntry, tmp_path: Path):
    recording = extract_recording(entry, study, tmp_path / "store", ("nose_to_nose",))
    imported = labels_of_annotators(entry, study, recording.n_frames, label_sources(entry, study))
    behavior = Behavior("contact", "undirected")
    (sequence,), states = annotated_sequences([(recording, imported.labels)], behavior)
    assert sequence.names == ("nose_to_nose",)
    assert len(sequence.values) == recording.n_frames == FRAMES
    (anna,), (ben,) = states["anna"], states["ben"]
    assert np.flatnonzero(anna == 1).tolist() == [*range(100, 160), *range(300, 330)]
    assert np.flatnonzero(ben == 1).tolist() == [*range(120, 160)]
    stranger = RecordingLabels("sim01", "cleo", (Bout("contact", 0, 9, "rat", "mouse1"),), {"contact": ((0, 9),)})
    with pytest.raises(LabelError, match=r"sim01, cleo: found bouts of rat, expected .* mouse1, mouse2"):
        annotated_sequences([(recording, (stranger,))], behavior)
