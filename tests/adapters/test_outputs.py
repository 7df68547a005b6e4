"""What a run leaves beside its tables: scores, failures in one line each, a manifest, and no temporaries."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from nsp_adapters.inference import EthogramTables
from nsp_adapters.manifest import file_sha256, read_manifest, verify_manifest
from nsp_adapters.outputs import Failure, sweep_outputs, write_run_outputs
from nsp_adapters.recordings import PreparedRecording
from nsp_adapters.study import read_study
from nsp_adapters.synthesis import Publication
from nsp_core.errors import FormatError, LabelError
from nsp_core.storage import StoredGroup
from nsp_core.study import Study, study_digest

BAD_LABELS = Failure("sim07", "read labels", 'sim07.csv: found "a, b", expected bouts; correct it')


@pytest.fixture(scope="module")
def study(small_study: Path) -> Study:
    return read_study(small_study, environment={})


@pytest.fixture
def recordings(study: Study) -> list[PreparedRecording]:
    """References as an extraction returns them; what they refer to does not matter here."""
    return [
        PreparedRecording(
            entry, file_sha256(Path(entry.pose_path)), "ab" * 32, StoredGroup("", "", "cd" * 32, 450), 450
        )
        for entry in study.recordings
    ]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output folder with a program and tables, as far as their bytes are concerned."""
    out = tmp_path / "out"
    for name in ("programs/contact.json", "ethograms/bouts.parquet", "ethograms/bouts.csv", "ethograms/frames.parquet"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(f"the content of {name}")
    return out


@pytest.fixture
def published(out: Path) -> Publication:
    scores = {"program": {"test": {"f1": 0.5, "ap": None}}}
    return Publication("contact", "0123456789ab", out / "programs" / "contact.json", "speed < 1 mm/s", scores, True)


def tables_of(out: Path) -> EthogramTables:
    folder = out / "ethograms"
    return EthogramTables(folder / "bouts.parquet", folder / "bouts.csv", folder / "frames.parquet")


def test_the_manifest_lists_every_input_and_output_and_verifies(
    study: Study, recordings: list[PreparedRecording], published: Publication, out: Path
) -> None:
    path = write_run_outputs(study, recordings, [published], tables_of(out), [], out)
    manifest = read_manifest(path)
    assert verify_manifest(path) == []
    assert set(manifest.outputs) == {
        "scores.json",
        "failures.csv",
        "programs/contact.json",
        "ethograms/bouts.parquet",
        "ethograms/bouts.csv",
        "ethograms/frames.parquet",
    }
    assert manifest.programs == {"contact": "0123456789ab"}
    assert manifest.seeds == (0,)
    assert manifest.study_digest == study_digest(study)
    for entry in study.recordings:
        poses, labels = manifest.inputs[entry.name]
        assert (poses.file_name, poses.n_frames) == (Path(entry.pose_path).name, 450)
        assert (labels.file_name, labels.sha256) == (f"{entry.name}.csv", file_sha256(Path(entry.label_path)))
    (out / "programs" / "contact.json").write_text("The content of programs/contact.json")
    assert verify_manifest(path) == ["programs/contact.json was changed after it was written"]


def test_the_manifest_names_no_folder_of_this_computer_and_no_time(
    study: Study, recordings: list[PreparedRecording], published: Publication, out: Path
) -> None:
    text = write_run_outputs(study, recordings, [published], tables_of(out), [], out).read_text()
    assert study.data_folder not in text
    assert str(out) not in text
    assert not re.search(r"20\d\d-\d\d-\d\d|\d\d:\d\d", text)


def test_the_same_outcome_gives_the_same_bytes(
    study: Study,
    recordings: list[PreparedRecording],
    published: Publication,
    out: Path,
    contents: Callable[[Path], dict[str, bytes]],
) -> None:
    write_run_outputs(study, recordings, [published], tables_of(out), [BAD_LABELS], out)
    first = contents(out)
    (out / "scores.json").unlink()
    write_run_outputs(study, recordings, [published], tables_of(out), [BAD_LABELS], out)
    assert contents(out) == first


def test_scores_are_keyed_by_behavior_and_model_with_null_for_what_has_no_score(
    study: Study, recordings: list[PreparedRecording], published: Publication, out: Path
) -> None:
    write_run_outputs(study, recordings, [published], None, [], out)
    assert json.loads((out / "scores.json").read_text()) == {"contact": {"program": {"test": {"f1": 0.5, "ap": None}}}}


def test_failures_are_a_table_of_one_line_each(
    study: Study, recordings: list[PreparedRecording], published: Publication, out: Path
) -> None:
    write_run_outputs(study, recordings, [published], None, [BAD_LABELS], out)
    lines = (out / "failures.csv").read_text().splitlines()
    assert lines[0] == "subject,stage,error"
    assert len(lines) == 2
    (row,) = pd.read_csv(out / "failures.csv").itertuples(index=False)
    assert tuple(row) == ("sim07", "read labels", BAD_LABELS.error)


def test_without_failures_the_table_has_its_header_only(study: Study, out: Path) -> None:
    write_run_outputs(study, [], [], None, [], out)
    assert (out / "failures.csv").read_text() == "subject,stage,error\n"


def test_without_tables_or_programs_the_manifest_still_verifies(
    study: Study, recordings: list[PreparedRecording], tmp_path: Path
) -> None:
    path = write_run_outputs(study, recordings, [], None, [BAD_LABELS], tmp_path)
    assert verify_manifest(path) == []
    assert set(read_manifest(path).outputs) == {"scores.json", "failures.csv"}


def test_a_recording_whose_label_file_is_missing_lists_its_poses_only(
    study: Study, recordings: list[PreparedRecording], tmp_path: Path
) -> None:
    unlabeled = replace(recordings[0], entry=replace(recordings[0].entry, label_path=str(tmp_path / "absent.csv")))
    manifest = read_manifest(write_run_outputs(study, [unlabeled, *recordings[1:]], [], None, [], tmp_path))
    assert [len(files) for files in manifest.inputs.values()] == [1, 2, 2, 2]


def test_an_error_becomes_one_line_that_keeps_its_example() -> None:
    error = FormatError(
        found="an empty file", expected="rows", where="a.csv", remedy="repair it; a valid file begins:\nx,y\n1,2"
    )
    assert (
        Failure.of("a", "extract features", error).error
        == "a.csv: found an empty file, expected rows; repair it; a valid file begins: x,y / 1,2"
    )
    one_line = LabelError(found="nothing", expected="labels", where="a", remedy="annotate it")
    assert Failure.of("a", "read labels", one_line).error == str(one_line)


def test_what_a_killed_run_left_is_swept_from_every_folder_it_writes_to(
    out: Path, start_python: Callable[..., subprocess.Popen[str]], contents: Callable[[Path], dict[str, bytes]]
) -> None:
    sound = contents(out)
    folders = [
        out / name
        for name in ("", "recordings", "recordings/1.zarr", "search", "programs", "ethograms", "ethograms/parts")
    ]
    code = """
import os, sys
from pathlib import Path
from nsp_adapters.atomic import atomic_file
begun = [atomic_file(Path(folder) / "result.json") for folder in sys.argv[1:]]
for one in begun:
    one.__enter__().write_text("half a res")
os._exit(9)
"""
    process = start_python(code, *folders)
    assert process.communicate(timeout=60) == ("", "")
    assert len(contents(out)) == len(sound) + len(folders)
    assert len(sweep_outputs(out)) == len(folders)
    assert contents(out) == sound
    assert sweep_outputs(out / "absent") == ()
