from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from nsp_adapters.bout_csv import read_bout_csv
from nsp_adapters.poses.dlc_csv import looks_like_dlc_csv, read_dlc_csv
from nsp_adapters.simulated import simulate_recording, write_simulated_study
from nsp_adapters.study import read_study
from nsp_core.errors import OutputError, StudyError
from nsp_core.labels import Behavior
from nsp_core.study import Study

SEED, MINUTES = 11, 0.3


@pytest.fixture(scope="module")
def study_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_simulated_study(tmp_path_factory.mktemp("study"), seed=SEED, minutes=MINUTES)


@pytest.fixture(scope="module")
def study(study_path: Path) -> Study:
    return read_study(study_path, environment={})


def bytes_by_name(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_study_reads_with_its_split_units_and_behaviors(study: Study) -> None:
    roles = {role: [entry.name for entry in study.of_role(role)] for role in ("train", "validation", "test", "infer")}
    assert roles == {
        "train": ["sim01", "sim02", "sim03", "sim04"],
        "validation": ["sim05", "sim06"],
        "test": ["sim07", "sim08"],
        "infer": [],
    }
    assert study.length_reference == "mm"
    assert {entry.scale_source for entry in study.recordings} == {"simulated arena, 500 mm wide"}
    assert study.behaviors == (Behavior("contact", "undirected"), Behavior("approach", "directed"))
    assert study.loud_notes == ()


def test_the_csv_reads_back_to_the_simulated_poses(study: Study) -> None:
    for entry in study.recordings[:2]:
        path = Path(entry.pose_path)
        assert path.name == f"{entry.name}DLC_simulatedshuffle1_1000_el.csv"
        assert looks_like_dlc_csv(path)
        read = read_dlc_csv(path, fps=entry.fps, scale_mm_per_px=entry.scale_mm_per_px)
        simulated = simulate_recording(entry.name, seed=SEED, minutes=MINUTES).poses
        assert read.attrs["recording"] == entry.name
        assert simulated["position"].isnull().any()
        np.testing.assert_array_equal(read["position"], simulated["position"])
        np.testing.assert_array_equal(read["confidence"], simulated["confidence"])
        for dim in ("time", "keypoint", "individual"):
            np.testing.assert_array_equal(read[dim], simulated[dim])


def test_the_csv_is_laid_out_as_the_tracker_does(study: Study) -> None:
    with Path(study.recordings[0].pose_path).open(newline="") as stream:
        rows = list(csv.reader(stream))
    assert [row[0] for row in rows[:4]] == ["scorer", "individuals", "bodyparts", "coords"]
    assert [row[1:5] for row in rows[:4]] == [
        ["DLC_simulatedshuffle1_1000"] * 4,
        ["mouse1"] * 4,
        ["nose", "nose", "nose", "left_ear"],
        ["x", "y", "likelihood", "x"],
    ]
    assert [row[0] for row in rows[4:]] == [str(frame) for frame in range(540)]
    missing = [row[1:4] for row in rows[4:] if not all(row[1:4])]
    assert missing
    assert all(cells == ["", "", ""] for cells in missing)


def test_labels_read_back_with_the_observed_span_of_the_study(study: Study) -> None:
    assert study.labels is not None
    for entry in study.recordings:
        assert entry.label_path is not None
        assert isinstance(entry.observed, tuple)
        labels = read_bout_csv(
            Path(entry.label_path),
            recording=entry.name,
            annotator=study.labels.annotator,
            fps=entry.fps,
            behaviors=study.behaviors,
            observed=[(round(start * entry.fps), round(stop * entry.fps)) for start, stop in entry.observed],
            n_frames=None,
        )
        assert labels == simulate_recording(entry.name, seed=SEED, minutes=MINUTES).labels


def test_same_seed_same_files_and_other_seeds_differ(study_path: Path, tmp_path: Path) -> None:
    again = write_simulated_study(tmp_path / "again", seed=SEED, minutes=MINUTES).parent
    other = write_simulated_study(tmp_path / "other", seed=SEED + 1, minutes=MINUTES).parent
    assert bytes_by_name(again) == bytes_by_name(study_path.parent)
    differing = {name for name, content in bytes_by_name(other).items() if content != bytes_by_name(again)[name]}
    assert {name for name in differing if name.startswith("poses")} == {
        name for name in bytes_by_name(again) if name.startswith("poses")
    }


def test_a_smaller_study_is_the_beginning_of_a_larger_one(study_path: Path, tmp_path: Path) -> None:
    small = write_simulated_study(tmp_path, seed=SEED, n_recordings=4, minutes=MINUTES)
    study = read_study(small, environment={})
    assert [entry.role for entry in study.recordings] == ["train", "train", "validation", "test"]
    first = study.recordings[0].pose_path
    assert Path(first).read_bytes() == (study_path.parent / "poses" / Path(first).name).read_bytes()


@pytest.mark.parametrize(("n_recordings", "minutes"), [(3, 1.0), (8, 0.0), (8, float("nan"))])
def test_impossible_studies_are_refused(tmp_path: Path, n_recordings: int, minutes: float) -> None:
    with pytest.raises(StudyError, match="expected 4 recordings or more, of a length above 0"):
        write_simulated_study(tmp_path, seed=0, n_recordings=n_recordings, minutes=minutes)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "poses").write_text("a file where a folder is needed")
    with pytest.raises(OutputError, match="poses"):
        write_simulated_study(tmp_path, seed=0, n_recordings=4, minutes=0.1)
