"""``nsp queue`` as a scientist meets it: what it prints, what BORIS opens, how it comes back, and what it refuses."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from nsp_adapters.annotations.boris_project import read_boris_project
from nsp_adapters.label_import import read_labels
from nsp_adapters.simulated import write_simulated_study
from nsp_adapters.study import read_study
from nsp_core.errors import LabelError, OutputError, StudyError
from nsp_core.labels import Bout
from nsp_core.study import Study
from nsp_flows import queue_clips as module
from nsp_flows.queue_clips import ClipQueue, queue_clips
from nsp_flows.queue_report import print_queue
from tests.flows.direct_run import run_directly

Command = Callable[[Sequence[object]], tuple[int, str, str]]

FPS, N_FRAMES = 30.0, 900
INFER = """
[[recordings]]
poses = "poses/sim*.csv"
names = ["sim02"]
role = "infer"

[features]
use = ["nose_to_nose", "speed", "centroid_distance"]

[search]
seeds = [0]
max_complexity = 4
"""
PRINTED = ["--behavior", "contact", "--n-clips", 6, "--clip-s", 3, "--workers", 1]


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute each: sim01 trains, annotated up to 15 s, sim02 has no labels, sim03 validates, sim04 tests."""
    path = write_simulated_study(tmp_path_factory.mktemp("study"), seed=0, n_recordings=4, minutes=0.5)
    text = path.read_text(encoding="utf-8").replace('names = ["sim01", "sim02"]', 'names = ["sim01"]')
    text = text.replace("[[0.8, 29.2]]", "[[0.8, 15.0]]")
    for label_file in (path.parent / "labels").iterdir():
        table = pd.read_csv(label_file)
        table[table["stop_frame"] <= 450].to_csv(label_file, index=False)
    path.write_text(text + INFER, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def study(study_file: Path) -> Study:
    return read_study(study_file, environment={})


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without processes of its own, which take seconds to start."""
    run_directly(monkeypatch, module)


@pytest.fixture(scope="module")
def written(study_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of the command; tests must not change it."""
    return tmp_path_factory.mktemp("queue") / "out"


@pytest.fixture
def queued(written: Path, study_file: Path, nsp: Command, direct: None) -> tuple[int, str, str]:
    """Exit code and outputs of the command, run once."""
    result = written.parent / "printed.json"
    if not result.exists():
        result.write_text(json.dumps(nsp(["queue", study_file, *PRINTED, "--out", written])))
    code, output, errors = json.loads(result.read_text())
    return code, output, errors


def printed(queue: ClipQueue) -> str:
    text = io.StringIO()
    print_queue(queue, Console(file=text, width=300))
    return text.getvalue()


def test_the_clips_are_printed_with_their_cost_and_what_to_do_with_them(
    queued: tuple[int, str, str], written: Path
) -> None:
    code, output, errors = queued
    assert code == 0, errors
    assert "Traceback" not in errors
    assert re.search(r"^note +contact is taken to be in \d+ % of all frames.*overstate it: state it with --share$",
                     output, re.MULTILINE)  # fmt: skip
    assert re.search(r"^by +\d+ labeling functions found from \d+ annotated bouts", output, re.MULTILINE)
    assert re.search(r"^recording +from +to +whom +why +score$", output, re.MULTILINE)
    rows = re.findall(r"^sim0[12]  +00:\d\d  +00:\d\d  +mouse1, mouse2  +\w[\w, ]+  +0\.\d{3}$", output, re.MULTILINE)
    assert len(rows) == 6
    assert re.search(r"^6 clips, 18 s of video; about 72 s to annotate, if a second of video takes 2 s", output, re.M)
    assert f"--reviewed {written / 'queue.boris'}" in output
    assert 'format = "boris-project"' in output


def test_the_table_has_every_clip_where_nobody_annotated_and_no_program_is_judged(
    queued: tuple[int, str, str], written: Path
) -> None:
    table = pd.read_csv(written / "queue.csv")
    assert list(table) == [
        "recording", "individual", "target", "start_frame", "stop_frame", "start_s", "stop_s", "from", "to", "why",
        "score",
    ]  # fmt: skip
    assert set(table["recording"]) == {"sim01", "sim02"}
    assert (table["stop_frame"] - table["start_frame"] == 90).all()
    assert table["stop_frame"].between(1, N_FRAMES).all()
    assert (table.loc[table["recording"] == "sim01", "start_frame"] >= 450).all()
    assert table["start_s"].to_numpy() == pytest.approx(table["start_frame"] / FPS, abs=1e-6)


def test_boris_finds_the_clips_to_the_frame_beside_the_labels_there_are(
    queued: tuple[int, str, str], written: Path, study: Study
) -> None:
    table = pd.read_csv(written / "queue.csv")
    before = {entry.name: read_labels(entry, study, N_FRAMES) for entry in study.recordings if entry.label_path}
    for name in ("sim01", "sim02"):
        own = table[table["recording"] == name].sort_values("start_frame")
        looked_for = [behavior.name for behavior in study.behaviors]
        (labels,) = read_boris_project(
            written / "queue.boris", fps=FPS, n_frames=N_FRAMES, recording=name, looked_for=looked_for
        ).labels
        clips = [bout for bout in labels.bouts if bout.behavior == "review"]
        assert clips == [
            Bout("review", start, stop, "mouse1", "mouse2")
            for start, stop in zip(own["start_frame"], own["stop_frame"], strict=True)
        ]
        others = [bout for bout in labels.bouts if bout.behavior != "review"]
        assert others == (sorted(before[name].bouts, key=lambda bout: (bout.start_frame, bout.stop_frame))
                          if name in before else [])  # fmt: skip
        assert labels.observed["contact"] == (((24, 450),) if name in before else ())
    project = json.loads((written / "queue.boris").read_text(encoding="utf-8"))
    assert project["observations"]["sim02"]["file"]["1"] == ["sim02"]
    assert {"contact", "approach", "review"} == {one["code"] for one in project["behaviors_conf"].values()}


def test_an_annotated_queue_comes_back_with_its_clips_observed(
    queued: tuple[int, str, str], written: Path, study: Study, study_file: Path, tmp_path: Path, nsp: Command
) -> None:
    project = json.loads((written / "queue.boris").read_text(encoding="utf-8"))
    events = project["observations"]["sim02"]["events"]
    clips = [event for event in events if event[2] == "review"]
    kept = clips[0][5], clips[1][5]
    # The person leaves out all clips but the first, and marks one bout in it.
    bout = [[(kept[0] + shift) / FPS, "mouse1", "contact", "mouse2", "", kept[0] + shift] for shift in (20, 50)]
    project["observations"]["sim02"]["events"] = [*clips[:2], *bout]
    annotated = tmp_path / "annotated.boris"
    annotated.write_text(json.dumps(project), encoding="utf-8")
    command = ["queue", study_file, "--behavior", "contact", "--out", tmp_path]
    code, output, _ = nsp([*command, "--reviewed", annotated])
    assert code == 0
    assert re.search(r"^counted +\d+ clips of reviewed\.boris now count as observed for contact$", output, re.MULTILINE)
    entry = replace(study.recordings[1], label_path=(tmp_path / "reviewed.boris").as_posix(), observed="labeled-span")
    settings = replace(study.labels, format="boris-project")  # type: ignore[type-var]  # the study has labels
    labels = read_labels(entry, replace(study, labels=settings), N_FRAMES)
    assert labels.observed["contact"] == (kept,)
    assert labels.observed["approach"] == ()
    assert labels.bouts == (Bout("contact", kept[0] + 20, kept[0] + 50, "mouse1", "mouse2"),)
    annotated.write_text(json.dumps(project | {"observations": {}}), encoding="utf-8")
    code, _, errors = nsp([*command, "--reviewed", annotated])
    assert (code, "annotated.boris: found no event 'review'" in errors) == (2, True)


def test_the_same_queue_is_written_again_and_an_annotated_one_is_never_overwritten(
    queued: tuple[int, str, str], written: Path, study: Study, tmp_path: Path, direct: None
) -> None:
    out = Path(shutil.copytree(written, tmp_path / "out"))
    again = queue_clips(study, "contact", out, n_clips=6, clip_s=3)
    assert again.exit_code == 0
    assert (out / "queue.boris").read_bytes() == (written / "queue.boris").read_bytes()
    with pytest.raises(OutputError, match=r"found another project of that name, which may hold annotations.*--out"):
        queue_clips(study, "contact", out, n_clips=5, clip_s=3, share=0.2)
    for name in ("queue.boris", "queue.csv"):
        assert (out / name).read_bytes() == (written / name).read_bytes()


def test_a_stated_share_needs_no_warning(queued: tuple[int, str, str], written: Path, study: Study) -> None:
    table = module.FoundClips((), ("nose_to_nose < 25 mm",), "", 9, 0.1)
    queue = ClipQueue(study.behaviors[0], table, True, {}, None, (), ())
    assert "--share" not in printed(queue)
    assert "--share" in printed(replace(queue, share_is_stated=False))


def test_without_enough_labels_clips_are_random_and_it_says_so(study: Study, tmp_path: Path, direct: None) -> None:
    unlabeled = replace(study, recordings=tuple(
        replace(entry, role="infer", label_path=None) for entry in study.recordings[:2]
    ))  # fmt: skip
    queue = queue_clips(unlabeled, "contact", tmp_path, n_clips=4, clip_s=3)
    assert queue.exit_code == 0
    text = printed(queue)
    assert re.search(r"note +too few labels for labeling functions \(.*\): clips are random", text)
    assert len(re.findall(r"^sim0[12] .* random choice +-$", text, re.MULTILINE)) == 4
    assert {clip.recording for clip in queue.found.clips} == {"sim01", "sim02"}  # type: ignore[union-attr]  # there is
    (tmp_path / "queue.boris").unlink()
    assert queue_clips(unlabeled, "contact", tmp_path, n_clips=4, clip_s=3).found == queue.found


def test_a_recording_that_cannot_be_read_is_told_and_the_others_are_queued(
    study: Study, tmp_path: Path, direct: None
) -> None:
    gone = replace(study.recordings[1], name="gone", pose_path="gone.csv")
    entries = (replace(study.recordings[0], role="infer", label_path=None), gone)
    queue = queue_clips(replace(study, recordings=entries), "contact", tmp_path, n_clips=2, clip_s=3)
    assert queue.exit_code == 1
    text = printed(queue)
    assert re.search(r"^failed +gone \(extract features\): gone.csv: found no such file", text, re.MULTILINE)
    assert text.count("random choice") == 2
    none = queue_clips(replace(study, recordings=(gone,)), "contact", tmp_path)
    assert (none.exit_code, none.found, none.files) == (1, None, None)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            ["--behavior", "contacts"],
            "--behavior: found the behavior 'contacts', expected one of contact, approach; did",
        ),
        (["--behavior", "contact", "--n-clips", 0], "--n-clips: found 0 clips, expected 1 or more"),
        (["--behavior", "contact", "--share", 1.5], "--share: found a share of 1.5, expected a number between 0 and 1"),
        (["--behavior", "contact", "--clip-s", 0], "found clips of 0 s, expected a length above 0 s"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(
    study_file: Path, tmp_path: Path, nsp: Command, more: list[object], message: str
) -> None:
    code, output, errors = nsp(["queue", study_file, *more, "--out", tmp_path / "out"])
    assert (code, output) == (2, "")
    assert message in errors
    assert not (tmp_path / "out").exists()


def test_clips_longer_than_a_recording_and_recordings_without_a_frame_left_are_refused(
    study: Study, tmp_path: Path, direct: None
) -> None:
    with pytest.raises(LabelError, match=r"sim01: found a recording of 30 s, and clips of 31 s.*--clip-s"):
        queue_clips(study, "contact", tmp_path, clip_s=31)
    annotated = replace(study, recordings=tuple(
        replace(entry, observed=((0.0, 30.0),)) for entry in study.recordings if entry.role != "infer"
    ), search=replace(study.search, max_complexity=2))  # fmt: skip
    with pytest.raises(LabelError, match=r"behavior contact: found no unlabeled frames left.*add recordings"):
        queue_clips(annotated, "contact", tmp_path, clip_s=3)
    with pytest.raises(StudyError, match="found no recording of the role train or infer"):
        queue_clips(replace(study, recordings=study.of_role("test")), "contact", tmp_path)
    reviewed = replace(study, behaviors=(replace(study.behaviors[0], name="review"),))
    with pytest.raises(StudyError, match="found a behavior called 'review'"):
        queue_clips(reviewed, "review", tmp_path)
