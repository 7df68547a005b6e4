"""Any labels to any format: back to the frame where the format holds them, refused or told where it does not."""

from __future__ import annotations

from dataclasses import replace

import openpyxl
import pytest

from nsp_adapters.annotations.detect import FORMATS, detect_annotation_format, read_annotation_file
from nsp_adapters.annotations.write import WRITERS, choose_writer, write_annotation_file
from nsp_adapters.bout_csv import write_bout_csv
from nsp_core.errors import AmbiguousError, FormatError, LabelError, OutputError
from nsp_core.labels import Bout, PointEvent, RecordingLabels

RATES = (24000 / 1001, 30000 / 1001, 25.0, 60000 / 1001, 120.0)
N_FRAMES = 500
WHOLE = ((0, N_FRAMES),)
# The first and the last frame, bouts side by side, bouts of one frame.
BOUTS = (Bout("attack", 0, 1), Bout("attack", 40, 90), Bout("sniff", 90, 91), Bout("attack", 499, 500))
PLAIN = RecordingLabels("cage3", "unknown", BOUTS, {"attack": WHOLE, "sniff": WHOLE})
NAMES = {
    "boris-project": "cage3.boris",
    "boris-xlsx": "cage3.xlsx",
    "simba-bouts": "cage3.csv",
    "caltech": "cage3.txt",
    "bento": "cage3.annot",
    "deepethogram": "cage3_labels.csv",
    "per-frame-csv": "cage3.csv",
    "bout-csv": "cage3.csv",
}
READABLE = [name for name in NAMES if name != "boris-xlsx"]


def sorted_bouts(labels):
    return sorted(labels.bouts, key=lambda bout: (bout.start_frame, bout.behavior))


def written(folder, labels, name, **options):
    """Write with every argument that a format may need, and return the path and the sentences."""
    path = folder / NAMES[name]
    options = {"fps": 30.0, "n_frames": N_FRAMES, "format": name, **options}
    return path, write_annotation_file(path, labels, **options)


def test_every_format_is_tested_and_has_the_name_of_its_reader():
    assert [writer.name for writer in WRITERS] == list(NAMES)
    assert set(READABLE) <= {each.name for each in FORMATS}


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("name", READABLE)
def test_what_is_written_is_recognized_and_reads_back_to_the_frame(tmp_path, name, fps):
    path, _ = written(tmp_path, [PLAIN], name, fps=fps, video="cage3.mp4")
    assert detect_annotation_format(path).name == name
    (read,) = read_annotation_file(path, fps=fps, n_frames=N_FRAMES).labels
    assert (read.recording, sorted_bouts(read)) == ("cage3", sorted_bouts(PLAIN))
    assert dict(read.observed) == dict(PLAIN.observed)


def test_the_spreadsheet_has_the_columns_that_boris_imports(tmp_path):
    path, notes = written(tmp_path, [PLAIN], "boris-xlsx")
    rows = list(openpyxl.load_workbook(path).worksheets[0].values)
    assert rows[0] == ("time", "subject", "code", "modifier", "comment")
    assert len(rows) == 1 + 2 * len(BOUTS)
    assert notes == ("boris-xlsx lists what was seen: where somebody looked, and for what, is left out",)


def test_a_bout_csv_is_what_its_own_writer_writes(tmp_path):
    labels = replace(PLAIN, bouts=(*BOUTS, Bout("chase", 3, 9, "m1", "m2")))
    path, _ = written(tmp_path, [labels], "bout-csv")
    write_bout_csv(tmp_path / "own.csv", labels)
    assert path.read_bytes() == (tmp_path / "own.csv").read_bytes()


@pytest.mark.parametrize("name", list(NAMES))
@pytest.mark.parametrize(
    "labels",
    [
        replace(PLAIN, annotator="anna"),
        replace(PLAIN, recording="another"),
        replace(PLAIN, bouts=tuple(replace(bout, individual="m1", target="m2") for bout in BOUTS)),
        replace(PLAIN, points=(PointEvent("jump", 7),), observed={**PLAIN.observed, "jump": WHOLE}),
        replace(PLAIN, observed={"attack": ((0, 500),), "sniff": ((0, 500),), "rear": ((0, 500),)}),
        replace(PLAIN, bouts=(Bout("attack", 3, 9), Bout("attack", 9, 12))),
    ],
    ids=["annotator", "recording", "animals", "points", "never seen", "touching"],
)
def test_nothing_is_lost_without_a_word(tmp_path, name, labels):
    try:
        path, notes = written(tmp_path, [labels], name, video="cage3.mp4")
    except LabelError:
        assert not any(tmp_path.iterdir())
        return
    if name in READABLE:
        (read,) = read_annotation_file(path, fps=30.0, n_frames=N_FRAMES).labels
        same = replace(read, bouts=labels.bouts, observed=labels.observed) == labels
        same = same and sorted_bouts(read) == sorted_bouts(labels) and dict(read.observed) == dict(labels.observed)
        assert same or notes


@pytest.mark.parametrize("name", ["simba-bouts", "caltech", "bento", "deepethogram", "per-frame-csv", "bout-csv"])
def test_a_behavior_of_which_only_point_events_are_left_out_is_unlabeled(tmp_path, name):
    points = (PointEvent("jump", 7), PointEvent("jump", 9))
    labels = replace(PLAIN, points=points, observed={**PLAIN.observed, "jump": WHOLE})
    path, notes = written(tmp_path, [labels], name)
    assert f"{name} has bouts only: 2 point events of jump are left out" in notes
    assert read_annotation_file(path, fps=30.0, n_frames=N_FRAMES).behaviors == ("attack", "sniff")


def test_animals_and_the_annotator_that_have_no_place_are_named(tmp_path):
    labels = RecordingLabels("cage3", "anna", (Bout("attack", 3, 9, "m1", "m2"),), {"attack": WHOLE})
    _, notes = written(tmp_path, [labels], "deepethogram")
    assert notes == (
        "deepethogram names no annotator: anna is left out",
        "deepethogram names no animals: m1 to m2 is left out",
    )
    assert "bento names no single annotator: 'anna' is left out" in written(tmp_path, [labels], "bento")[1]
    assert written(tmp_path, [labels], "boris-project", video="v.mp4")[1] == ()
    _, notes = written(tmp_path, [labels], "simba-bouts")
    assert len(notes) == 3
    path = tmp_path / "renamed.annot"
    notes = write_annotation_file(path, [labels], fps=30.0, n_frames=N_FRAMES)
    assert notes[0] == "bento names no recording: cage3 is left out"


def test_bouts_that_become_one_are_counted(tmp_path):
    labels = replace(PLAIN, bouts=(Bout("attack", 3, 9), Bout("attack", 9, 12), Bout("sniff", 12, 14)))
    path, notes = written(tmp_path, [labels], "deepethogram")
    assert notes == ("deepethogram has states of frames: bouts that touch become one, 1 times",)
    assert read_annotation_file(path, fps=30.0).labels[0].bouts == (Bout("attack", 3, 12), Bout("sniff", 12, 14))


def test_behaviors_that_overlap_become_streams(tmp_path):
    labels = replace(PLAIN, bouts=(Bout("attack", 3, 50), Bout("sniff", 40, 60)), observed={**PLAIN.observed})
    path, notes = written(tmp_path, [labels], "caltech")
    assert notes == ()
    (read,) = read_annotation_file(path, fps=30.0).labels
    assert (sorted_bouts(read), dict(read.observed)) == (sorted_bouts(labels), dict(labels.observed))
    _, notes = written(tmp_path, [replace(labels, observed={**labels.observed, "rear": WHOLE})], "caltech")
    assert notes == ("that nobody saw rear is lost: of several streams, each names what occurs in it",)


def test_frames_in_which_nobody_looked_stay_apart_in_streams(tmp_path):
    labels = RecordingLabels("cage3", "unknown", (Bout("attack", 30, 50),), {"attack": ((20, 80),)})
    path, notes = written(tmp_path, [labels], "caltech", n_frames=100)
    assert notes == (
        "frames in which nobody looked are of the type 'unscored': read the file with --unscored unscored, or with "
        'unscored = ["unscored"] in [labels] of a study',
    )
    (read,) = read_annotation_file(path, fps=30.0, unscored=["unscored"]).labels
    assert (read.bouts, dict(read.observed)["attack"]) == (labels.bouts, ((20, 80),))
    rows = [line.split() for line in path.read_text().splitlines() if line.startswith("\t")]
    assert [(int(start), int(stop), name) for start, stop, name in rows] == [
        (1, 20, "unscored"),
        (21, 30, "other"),
        (31, 50, "attack"),
        (51, 80, "other"),
        (81, 100, "unscored"),
    ]


def test_unlabeled_frames_that_bento_refuses_are_kept_by_what_it_advises(tmp_path):
    labels = replace(PLAIN, bouts=BOUTS[1:3], observed={"attack": ((0, 95),), "sniff": ((20, 60), (80, 95))})
    with pytest.raises(LabelError, match="keeps unlabeled frames apart: boris-project, deepethogram or per-frame-csv"):
        written(tmp_path, [labels], "bento")
    for name in ("boris-project", "deepethogram", "per-frame-csv"):
        path, _ = written(tmp_path, [labels], name, video="cage3.mp4")
        (read,) = read_annotation_file(path, fps=30.0, n_frames=N_FRAMES).labels
        assert (sorted_bouts(read), dict(read.observed)) == (sorted_bouts(labels), dict(labels.observed))


@pytest.mark.parametrize("name", ["boris-project", "bout-csv"])
def test_recordings_and_annotators_are_kept_apart(tmp_path, name):
    every = [replace(PLAIN, annotator="anna"), replace(PLAIN, annotator="ben", bouts=BOUTS[:2])]
    every.append(replace(PLAIN, recording="cage4", annotator="anna", bouts=BOUTS[1:]))
    path, _ = written(tmp_path, every, name)
    read = read_annotation_file(path, fps=30.0).labels
    assert [sorted_bouts(one) for one in read] == [sorted_bouts(one) for one in every]
    assert [one.annotator for one in read] == ["anna", "ben", "anna"]


def test_what_a_bout_csv_has_no_row_of_is_told(tmp_path):
    _, notes = written(tmp_path, [PLAIN, replace(PLAIN, recording="cage4", bouts=())], "bout-csv")
    assert notes[-1] == "without a bout, and so not in a bout csv: 'cage4' by 'unknown'"


@pytest.mark.parametrize("name", ["boris-xlsx", "simba-bouts", "caltech", "deepethogram", "per-frame-csv"])
def test_several_annotators_are_refused_where_there_is_a_place_for_one(tmp_path, name):
    message = f"found 2 annotators: anna, ben, expected one, for {name} has a place for one; choose one with --annot"
    with pytest.raises(LabelError, match=message):
        written(tmp_path, [replace(PLAIN, annotator="anna"), replace(PLAIN, annotator="ben")], name)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["boris-xlsx", "simba-bouts", "caltech", "bento", "deepethogram", "per-frame-csv"])
def test_several_recordings_are_refused_where_there_is_a_place_for_one(tmp_path, name):
    message = f"{NAMES[name]}: found 2 recordings: cage3, cage4, .* or write boris-project or bout-csv"
    with pytest.raises(LabelError, match=message):
        written(tmp_path, [PLAIN, replace(PLAIN, recording="cage4")], name)
    assert not any(tmp_path.iterdir())


def test_one_video_is_of_one_recording(tmp_path):
    with pytest.raises(LabelError, match="found 2 recordings: cage3, cage4, expected one, for one video; choose one"):
        written(tmp_path, [PLAIN, replace(PLAIN, recording="cage4")], "boris-project", video="cage3.mp4")


def test_a_length_that_is_not_stated_is_told_and_one_that_cannot_be_known_is_asked_for(tmp_path):
    labels = replace(PLAIN, bouts=BOUTS[:2], observed={"attack": ((0, 80),)})
    _, notes = written(tmp_path, [labels], "boris-project", n_frames=None)
    assert notes == (
        "no length was stated: 90 frames of cage3 are written, to the last one labeled or observed",
        "no video was stated: the project calls it cage3, to be replaced in BORIS",
    )
    assert not any("length" in note for note in written(tmp_path, [labels], "simba-bouts", n_frames=None)[1])
    nothing = RecordingLabels("cage3", "unknown", ())
    with pytest.raises(LabelError, match=r"found no labels of cage3 and no length, expected .*; state it with --n-fr"):
        written(tmp_path, [nothing], "caltech", n_frames=None)
    with pytest.raises(LabelError, match="found no labels, expected those of at least one recording"):
        written(tmp_path, [], "caltech")


def test_the_ending_tells_the_format_only_where_one_format_has_it(tmp_path):
    for ending, name in ((".boris", "boris-project"), (".boris.gz", "boris-project"), (".xlsx", "boris-xlsx")):
        assert choose_writer(tmp_path / f"cage3{ending}").name == name
    assert choose_writer(tmp_path / "cage3.annot").name == "bento"
    for ending in (".csv", ".txt", ""):
        with pytest.raises(AmbiguousError, match=r"ending tells no format, .* boris-project, .* \.annot; state the f"):
            choose_writer(tmp_path / f"cage3{ending}")
    with pytest.raises(FormatError, match=r"found format 'simba' \(closest: 'simba-bouts'\), expected one of boris-pr"):
        choose_writer(tmp_path / "cage3.annot", "simba")
    with pytest.raises(OutputError, match=r"expected a name that ends in \.xlsx"):
        write_annotation_file(tmp_path / "cage3.csv", [PLAIN], fps=30.0, format="boris-xlsx")
