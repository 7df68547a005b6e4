"""Real DeepLabCut csv of several laboratories, compared with a plain reading of their text."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from nsp_adapters.poses.dlc_csv import looks_like_dlc_csv, read_dlc_csv

RATS = ("1", "14", "24")


@pytest.mark.real_data
@pytest.mark.parametrize("rat", RATS)
def test_rat_recordings_are_placed_by_frame(nsp_data, rat):
    path = next((nsp_data / "rats_resident_intruder_dlc" / "pose").glob(f"{rat}DLC_*.csv.gz"))
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()[4:]
    poses = read_dlc_csv(path, fps=30.0)
    assert poses.attrs["recording"] == rat
    assert poses["position"].shape == (int(lines[-1].split(",")[0]) + 1, 2, 5, 2)
    assert poses["keypoint"].values.tolist() == ["top", "body", "tail", "tail-m", "tail-e"]
    assert 0.27 < float(poses["position"].isnull().mean()) < 0.48
    assert bool((poses["confidence"].isnull() == poses["position"].isnull().any("space")).all())
    for line in (lines[0], lines[7000], lines[-1000]):
        frame, *cells = [float(cell or "nan") for cell in line.split(",")]
        x_of_first = poses["position"].sel(individual="individual1", space="x").isel(time=int(frame))
        np.testing.assert_allclose(x_of_first, cells[0:15:3], rtol=1e-6)


@pytest.mark.real_data
def test_all_rat_recordings_look_like_dlc(nsp_data):
    paths = sorted((nsp_data / "rats_resident_intruder_dlc" / "pose").glob("*.csv.gz"))
    assert len(paths) == 16
    assert all(looks_like_dlc_csv(path) for path in paths)


@pytest.mark.real_data
def test_zeros_that_filtering_left_in_the_last_frames_are_missing(nsp_data):
    path = next((nsp_data / "rats_resident_intruder_dlc" / "pose").glob("14DLC_*.csv.gz"))
    position = read_dlc_csv(path, fps=30.0)["position"]
    assert float(position.min()) > 0
    assert int(position.sel(individual="individual1").isel(time=-1).notnull().sum()) == 0


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "recording", "shape", "individuals"),
    [
        ("openfield_single_animal.csv", "openfield_single_animal", (2330, 2, 4, 1), ["individual1"]),
        ("openfield_three.csv", "openfield_three", (2330, 2, 4, 3), ["ind1", "ind2", "ind3"]),
        ("deepof_testDLC_csv_table.csv", "deepof_test", (97, 2, 14, 1), ["individual1"]),
        ("deepof_testDLC_csv_table_multi.csv", "deepof_test", (98, 2, 28, 1), ["individual1"]),
        (
            "deepof_testDLC_csv_table_madlc.csv",
            "deepof_test",
            (97, 2, 14, 2),
            ["mouse_black_tail", "mouse_white_tail"],
        ),
        ("dlcanalyzer_EPM_15_962f_25bp.csv", "dlcanalyzer_EPM_15_962f_25bp", (962, 2, 25, 1), ["individual1"]),
    ],
)
def test_real_files_of_other_laboratories(nsp_data, name, recording, shape, individuals):
    path = nsp_data / "formats" / "dlc" / name
    assert looks_like_dlc_csv(path)
    poses = read_dlc_csv(path, fps=25.0)
    assert poses["position"].shape == shape
    assert poses["individual"].values.tolist() == individuals
    assert poses.attrs["recording"] == recording
    # A quarter of the points in one of these files is (0, 0) with likelihood 0: not detected.
    expected = 0.25 if "madlc" in name else 0.0
    assert float(poses["position"].isnull().mean()) == pytest.approx(expected, abs=1e-3)


@pytest.mark.real_data
def test_h5_files_do_not_look_like_dlc_csv(nsp_data):
    assert not any(looks_like_dlc_csv(path) for path in (nsp_data / "formats" / "dlc").glob("*.h5"))


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name",
    [
        "formats/dlc/openfield_three.csv",
        "formats/dlc/deepof_testDLC_csv_table_madlc.csv",
        "formats/dlc/dlcanalyzer_EPM_15_962f_25bp.csv",
        "behaviordepot_freezing/demo1/demo1_tracking.csv",
        "behaviordepot_freezing/demo4/demo4_video.csv",
    ],
)
def test_real_files_agree_with_a_plain_reading_cell_by_cell(nsp_data, name):
    poses = read_dlc_csv(nsp_data / name, fps=25.0)
    lines = [line.split(",") for line in (nsp_data / name).read_text().splitlines()]
    header = {line[0]: line[1:] for line in lines[:4] if not line[0].isdigit()}
    rows = {int(line[0]): np.array(line[1:], dtype=np.float32) for line in lines[len(header) :]}
    names = zip(
        header.get("individuals", ["individual1"] * len(lines[-1])), header["bodyparts"], header["coords"], strict=False
    )
    for number, (individual, keypoint, coord) in enumerate(names):
        if coord == "likelihood":
            continue
        found = poses["position"].sel(individual=individual, keypoint=keypoint, space=coord).values
        expected = np.array([row[number] for row in rows.values()])
        np.testing.assert_array_equal(found[list(rows)], np.where(np.isnan(found[list(rows)]), np.nan, expected))
        assert (expected[np.isnan(found[list(rows)])] == 0).all()


@pytest.mark.real_data
def test_arena_corners_of_a_real_maze_are_left_out_by_name(nsp_data):
    corners = ["tl", "tr", "bl", "br", "lt", "lb", "rt", "rb", "ctl", "ctr", "cbl", "cbr"]
    path = nsp_data / "formats" / "dlc" / "dlcanalyzer_EPM_15_962f_25bp.csv"
    poses = read_dlc_csv(path, fps=25.0, leave_out=corners)
    assert poses["keypoint"].values.tolist()[:2] == ["nose", "headcentre"]
    assert poses.sizes["keypoint"] == 13
    assert poses.attrs["unused_body_parts"] == ", ".join(corners)


@pytest.mark.real_data
def test_real_prefixed_mice_become_two_individuals(nsp_data):
    path = nsp_data / "formats" / "dlc" / "deepof_testDLC_csv_table_multi.csv"
    poses = read_dlc_csv(path, fps=25.0, individuals=("B", "W"))
    assert poses["position"].shape == (98, 2, 14, 2)
    x = float(path.read_text().splitlines()[3].split(",")[1])
    assert float(poses["position"].sel(individual="B", keypoint="Nose", space="x")[0]) == pytest.approx(x)
