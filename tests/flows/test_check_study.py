"""nsp check as a user meets it: one line per recording, every reason for a failure, and tables on disk."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from nsp_adapters.study import read_study
from nsp_core.labels import PointEvent
from nsp_flows.check_report import print_check
from nsp_flows.check_study import StudyCheck, check_study, write_check

Command = Callable[[list[object]], tuple[int, str, str]]
TABLES = ("quality.csv", "quality_keypoints.csv", "bad_spans.csv", "assumptions.csv")
RECORDINGS = ["sim01", "sim02", "sim03", "sim04"]


@pytest.fixture(scope="module")
def check(small_study: Path) -> StudyCheck:
    return check_study(read_study(small_study, environment={}))


@pytest.fixture(scope="module")
def bad_check(bad_study: Path) -> StudyCheck:
    return check_study(read_study(bad_study, environment={}))


def printed(check: StudyCheck, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_check(check, Console(width=60))
    return capsys.readouterr().out.splitlines()


def test_every_recording_is_one_line_of_tracking_and_one_of_labels(
    small_study: Path, check: StudyCheck, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(check, capsys)
    for recording in RECORDINGS:
        tracking, labels = (line for line in lines if line.startswith(recording))
        (poses,) = (small_study.parent / "poses").glob(f"{recording}DLC*.csv")
        n_frames = len(poses.read_text().splitlines()) - 4
        assert re.match(
            rf"{recording} +(train|validation|test) +{n_frames} +{n_frames / 30:.1f} +30 +2 +\d+ % +\d+\.\d +\d+ % "
            r"+\d+\.\d +\d+ %  0\.5 mm/px$",
            tracking,
        )
        bouts = pd.read_csv(small_study.parent / "labels" / f"{recording}.csv")
        counts = [int((bouts["behavior"] == name).sum()) for name in ("contact", "approach")]
        observed = check.study.recordings[0].observed
        assert not isinstance(observed, str)
        seconds = sum(stop - start for start, stop in observed)
        found = re.findall(r"(\d+) bouts? in (\d+\.\d) s", labels)
        assert found == [(str(count), f"{seconds:.1f}") for count in counts]
    assert lines[-1] == "4 of 4 recordings can be used"


def test_the_command_prints_and_writes_the_tables(small_study: Path, tmp_path: Path, nsp: Command) -> None:
    code, output, errors = nsp(["check", small_study, "--out", tmp_path / "out"])
    assert (code, errors.strip()) == (0, "")
    assert output.splitlines()[-5:] == [
        "4 of 4 recordings can be used",
        *(f"table {tmp_path / 'out' / name}" for name in TABLES),
    ]
    quality = pd.read_csv(tmp_path / "out" / "quality.csv", dtype={"fps": str})
    assert list(quality["recording"]) == RECORDINGS
    assert list(quality["fps"].astype(float)) == [30.0] * 4
    keypoints = pd.read_csv(tmp_path / "out" / "quality_keypoints.csv")
    assert len(keypoints) == 4 * quality["n_individuals"][0] * keypoints["keypoint"].nunique()
    spans = pd.read_csv(tmp_path / "out" / "bad_spans.csv")
    assert list(spans.columns[:4]) == ["recording", "individual", "start_frame", "stop_frame"]
    assert (tmp_path / "out" / "assumptions.csv").read_text() == "recording,assumption\n"


def test_a_frame_rate_is_never_rounded(check: StudyCheck, tmp_path: Path) -> None:
    first = check.recordings[0]
    odd = replace(first, entry=replace(first.entry, fps=30000 / 1001))
    write_check(replace(check, recordings=(odd,)), tmp_path)
    assert pd.read_csv(tmp_path / "quality.csv")["fps"][0] == 30000 / 1001


def test_one_bad_recording_does_not_stop_the_others(bad_check: StudyCheck, capsys: pytest.CaptureFixture[str]) -> None:
    assert bad_check.exit_code == 1
    assert {failure.subject: failure.stage for failure in bad_check.failures} == {
        "cut": "read poses",
        "gone": "read poses",
        "unseen": "extract features",
        "alone": "extract features",
        "unlabeled": "read labels",
        "longer": "read labels",
    }
    lines = printed(bad_check, capsys)
    assert lines[-1] == "4 of 10 recordings can be used"
    assert sum(line.startswith("failed  ") for line in lines) == 6
    assert any(
        re.match(r"failed  longer \(read labels\): .*found labels up to frame 960 .*; check", line) for line in lines
    )
    assert any(re.match(r"unlabeled +not read +not read", line) for line in lines)
    assert {one.entry.name for one in bad_check.recordings} >= set(RECORDINGS)


def test_the_command_ends_with_1_if_a_recording_failed(bad_study: Path, nsp: Command) -> None:
    code, output, _ = nsp(["check", bad_study])
    assert code == 1
    assert "failed  gone (read poses): " in output
    assert "table " not in output


def test_identical_assumptions_of_several_recordings_are_one_sentence(
    check: StudyCheck, capsys: pytest.CaptureFixture[str]
) -> None:
    recordings = tuple(
        replace(one, assumptions=(f"{one.entry.name}: all was watched", f"{one.entry.name}.csv: from {number // 3}"))
        for number, one in enumerate(check.recordings)
    )
    lines = printed(replace(check, recordings=recordings), capsys)
    assert [line for line in lines if line.startswith("assumed")] == [
        "assumed in all 4 recordings: all was watched",
        "assumed in sim01, sim02, sim03: from 0",
        "assumed in sim04: from 1",
    ]


def test_a_behavior_nobody_looked_for_and_point_events_are_told(
    check: StudyCheck, capsys: pytest.CaptureFixture[str]
) -> None:
    first = check.recordings[0]
    assert first.labels is not None
    labels = replace(
        first.labels,
        bouts=tuple(bout for bout in first.labels.bouts if bout.behavior == "approach")[:1],
        observed={"approach": ((0, 30),)},
        points=(PointEvent("approach", 4), PointEvent("approach", 9)),
    )
    lines = printed(replace(check, recordings=(replace(first, labels=labels),)), capsys)
    assert any(re.match(r"sim01 +not looked for  1 bout, 2 points in 1\.0 s$", line) for line in lines)


def test_a_behavior_that_nobody_saw_is_told_beside_the_names_there_are(
    check: StudyCheck, bad_check: StudyCheck, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not any(line.startswith("note") for line in printed(check, capsys))
    assert "note    no bout of grooming in any recording" in printed(bad_check, capsys)
    first = bad_check.recordings[0]
    assert first.labels is not None
    renamed = replace(first.labels, bouts=(replace(first.labels.bouts[0], behavior="Grooming"), *first.labels.bouts))
    lines = printed(replace(bad_check, recordings=(replace(first, labels=renamed),)), capsys)
    assert (
        "note    no bout of grooming in any recording; the labels have, besides those of the study, Grooming" in lines
    )


def test_a_role_that_names_no_keypoint_is_found_before_a_run(check: StudyCheck) -> None:
    study = replace(check.study, roles={**check.study.roles, "nose": ("snout",)}, recordings=check.study.recordings[:1])
    (failure,) = check_study(study).failures
    assert (failure.subject, failure.stage) == ("sim01", "extract features")
    assert "found the unknown keypoint 'snout' in the role nose" in failure.error


def test_labels_of_somebody_unknown_are_found_before_a_run(small_study: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small_study.parent, tmp_path / "study"))
    labels = folder / "labels" / "sim01.csv"
    labels.write_text(labels.read_text().replace("mouse1", "resident"))
    study = read_study(folder / "study.toml", environment={})
    (failure,) = check_study(replace(study, recordings=study.recordings[:1])).failures
    assert "found bouts of resident, expected the individuals of the poses: mouse1, mouse2" in failure.error


@pytest.mark.parametrize("rows", [True, False])
def test_a_recording_of_which_no_frame_is_labeled_cannot_be_used(
    small_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: bool
) -> None:
    folder = Path(shutil.copytree(small_study.parent, tmp_path / "study"))
    labels = folder / "labels" / "sim01.csv"
    header, _, below = labels.read_text().partition("\n")
    labels.write_text(f"{header}\n{below.replace('sim01', 'cage7') if rows else ''}")
    study = read_study(folder / "study.toml", environment={})
    recordings = tuple(replace(entry, observed="labeled-span") for entry in study.recordings)
    check = check_study(replace(study, recordings=recordings))
    (failure,) = check.failures
    assert (failure.subject, failure.stage) == ("sim01", "read labels")
    assert "sim01.csv: found no frame labeled for contact, approach, expected some, as the recording's" in failure.error
    lines = printed(check, capsys)
    told = "no row of 'sim01', but of cage7" if rows else "no row below the header"
    assert f"assumed in sim01: {told}" in lines
    assert lines[-1] == "3 of 4 recordings can be used"
    to_infer = (replace(recordings[0], role="infer"),)
    assert check_study(replace(study, recordings=to_infer)).failures == ()


def test_without_a_readable_recording_there_are_reasons_and_no_tables(
    bad_check: StudyCheck, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = replace(bad_check, recordings=())
    lines = printed(failed, capsys)
    assert not any(line.startswith("recording") for line in lines)
    assert [path.name for path in write_check(failed, tmp_path)] == list(TABLES)


@pytest.mark.real_data
def test_real_rats_lack_a_scale_and_many_points(
    nsp_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study_file = Path(__file__).resolve().parents[2] / "deployments" / "studies" / "rats.toml"
    study = read_study(study_file, environment={"NSP_DATA": str(nsp_data)})
    check = check_study(replace(study, recordings=study.recordings[:1]))
    lines = printed(check, capsys)
    assert lines[0].startswith("note    scale unknown for 16 of 16 recordings")
    # Counted from the pose file by itself: 14,734 frames, of whose points 41 % are missing.
    assert any(re.match(r"1 +test +14734 +491\.1 +30 +2 +41 % .* body lengths$", line) for line in lines)
    assert lines[-1] == "1 of 1 recordings can be used"
