from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nsp_adapters.annotations.boris_write import write_boris_project
from nsp_adapters.annotations.per_frame_csv import read_per_frame_csv
from nsp_adapters.label_import import import_labels, read_labels, require_known_individuals
from nsp_core.cleaning import Cleaning
from nsp_core.errors import AmbiguousError, LabelError
from nsp_core.labels import Behavior, Bout, PointEvent, RecordingLabels
from nsp_core.study import LabelSettings, RecordingEntry, SearchSettings, Study

FPS = 25.0
ATTACK, MOUNT = Behavior("attack", "directed"), Behavior("mount", "directed")
LABELS = RecordingLabels(
    "cage3",
    "anna",
    (Bout("attack", 0, 40, "A", "B"), Bout("attack", 90, 100, "B", "A")),
    {"attack": ((0, 100),), "mount": ((0, 100),)},
)


def study_of(path: Path, observed: object = "labeled-span", **settings: object) -> tuple[RecordingEntry, Study]:
    entry = RecordingEntry(
        "cage3", "poses.csv", str(path), "train", None, None, None, FPS, None, "unknown", observed=observed
    )
    labels = LabelSettings("auto", **settings)  # type: ignore[arg-type]
    return entry, Study("s", ".", None, (entry,), {}, (ATTACK, MOUNT), Cleaning(), labels, SearchSettings())


@pytest.fixture
def boris(tmp_path: Path) -> Path:
    path = tmp_path / "labels.boris"
    write_boris_project(path, [LABELS], fps=FPS, n_frames=100, media="cage3.mp4")
    return path


def test_a_format_that_the_study_does_not_name_is_told_by_content(boris: Path) -> None:
    entry, study = study_of(boris)
    labels = read_labels(entry, study, 100)
    assert labels.bouts == LABELS.bouts
    assert dict(labels.observed) == dict(LABELS.observed)


def test_subjects_get_the_names_that_the_poses_have(boris: Path) -> None:
    entry, study = study_of(boris, subjects={"A": "individual1", "B": "individual2"})
    labels = read_labels(entry, study, 100)
    assert [(bout.individual, bout.target) for bout in labels.bouts] == [
        ("individual1", "individual2"),
        ("individual2", "individual1"),
    ]


def test_a_bout_of_somebody_whom_the_poses_do_not_know_is_refused() -> None:
    require_known_individuals(LABELS, ["A", "B"], "cage3")
    with pytest.raises(LabelError, match="found bouts of B, expected the individuals of the poses: A, C") as caught:
        require_known_individuals(LABELS, ["A", "C"], "cage3")
    assert 'subjects = { "B" = "C" }' in caught.value.remedy


def test_spans_of_the_study_narrow_what_was_observed(boris: Path) -> None:
    entry, study = study_of(boris, observed=((0.0, 2.0),))
    assert read_labels(entry, study, 100).observed["mount"] == ((0, 50),)


def test_all_says_that_every_behavior_was_looked_for_throughout(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("attack,mount\n" + "1,0\n" * 10 + "-1,-1\n" * 20)
    entry, study = study_of(path)
    assert read_labels(entry, study, 30).observed == read_per_frame_csv(path, recording="cage3").labels[0].observed
    assert read_labels(replace(entry, observed="all"), study, 30).observed == {
        "attack": ((0, 30),),
        "mount": ((0, 30),),
    }


def test_what_was_assumed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("attack,mount\n" + "1,0\n" * 10)
    entry, study = study_of(path)
    assert any("labels end after 10 of 30 frames" in one for one in import_labels(entry, study, 30).assumptions)


def test_what_a_bout_csv_and_a_chosen_stream_leave_open_is_told(tmp_path: Path) -> None:
    bouts = tmp_path / "labels.csv"
    bouts.write_text("recording,behavior,start_frame,stop_frame\ncage3,attack,10,20\n")
    (told,) = import_labels(*study_of(bouts), 100).assumptions
    assert told.startswith("labels.csv: attack, mount looked for in every frame of [10, 20), from the first bout")
    assert import_labels(*study_of(bouts, "all"), 100).assumptions == ()
    stream = tmp_path / "labels.txt"
    title = "Caltech Behavior Annotator - Annotation File\nConfiguration file:\nother o\nattack a\nmount m\n"
    stream.write_text(title + "S1: start end type\n1 10 other\n11 90 attack\n")
    told, never, end = import_labels(*study_of(stream, stream="S1"), 100).assumptions
    assert told == "labels.txt: in stream S1, frames of other were taken as frames without attack, mount"
    assert never.startswith("labels.txt: mount in no row of stream S1")
    assert end == "labels.txt: labels of stream S1 end after 90 of 100 frames; the rest is unlabeled"


def test_of_several_annotators_one_must_be_named(tmp_path: Path) -> None:
    path = tmp_path / "labels.boris"
    ben = replace(LABELS, annotator="ben", bouts=LABELS.bouts[:1])
    write_boris_project(path, [LABELS, ben], fps=FPS, n_frames=100, media="cage3.mp4")
    entry, study = study_of(path)
    with pytest.raises(AmbiguousError, match=r"found labels of 2 annotators \(anna, ben\), expected one annotator"):
        read_labels(entry, study, 100)
    entry, study = study_of(path, annotator="ben")
    assert read_labels(entry, study, 100).bouts == ben.bouts


def test_labels_of_another_recording_are_refused(boris: Path) -> None:
    entry, study = study_of(boris)
    with pytest.raises(LabelError):
        read_labels(entry, study, 60)


def test_a_behavior_whose_name_differs_by_a_slip_is_refused_and_not_taken_as_absent(tmp_path: Path) -> None:
    path = tmp_path / "labels.boris"
    misspelled = replace(
        LABELS, bouts=tuple(replace(bout, behavior="Attack") for bout in LABELS.bouts), observed={"Attack": ((0, 100),)}
    )
    write_boris_project(path, [misspelled], fps=FPS, n_frames=100, media="cage3.mp4")
    entry, study = study_of(path)
    with pytest.raises(LabelError, match="found no bout of 'attack', but some of 'Attack', expected behaviors as the"):
        read_labels(entry, study, 100)


def test_a_behavior_of_another_name_that_ends_alike_is_no_slip(tmp_path: Path) -> None:
    path = tmp_path / "labels.boris"
    other = tuple(replace(bout, behavior="dismount") for bout in LABELS.bouts)
    write_boris_project(path, [replace(LABELS, bouts=other)], fps=FPS, n_frames=100, media="cage3.mp4")
    entry, study = study_of(path)
    assert read_labels(entry, study, 100).observed["mount"] == ((0, 100),)


def test_a_behavior_of_point_events_alone_is_unlabeled_and_not_absent(tmp_path: Path) -> None:
    path = tmp_path / "labels.boris"
    points = (PointEvent("mount", 20, "A", "B"),)
    write_boris_project(path, [replace(LABELS, points=points)], fps=FPS, n_frames=100, media="cage3.mp4")
    for observed in ("labeled-span", "all"):
        imported = import_labels(*study_of(path, observed), 100)
        assert dict(imported.labels[0].observed) == {"attack": ((0, 100),)}
        assert "cage3: mount as point events only, so that no frame of it is labeled" in imported.assumptions


def test_an_annotator_that_the_reader_names_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    rows = "start end type\n----\n1 10 other\n11 40 {}\n41 100 other\n\n"
    title = "Caltech Behavior Annotator - Annotation File\n\nConfiguration file:\nother o\nattack a\nmount m\n\n"
    path.write_text(title + "S1: " + rows.format("attack") + "S2: " + rows.format("attack"))
    with pytest.raises(AmbiguousError, match=r"2 annotators \(unknown S1, unknown S2\)"):
        read_labels(*study_of(path), 100)


def test_a_file_without_the_recording_says_so(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("file;Experimenter;from;to;type;ID\na;Jin;1;2;_DEFAULT;cage3\n")
    with pytest.raises(LabelError, match="found no labels, expected those of one annotator") as caught:
        read_labels(*study_of(path), 100)
    assert "role infer" in caught.value.remedy
