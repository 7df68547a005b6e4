"""``nsp infer`` on files that do not tell their animals or format: two mice in one skeleton, points of an arena."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nsp_adapters.programs import write_program
from nsp_adapters.tables import iterate_frame_tables
from nsp_core.cleaning import Cleaning
from nsp_core.dsl.text import parse_program
from nsp_core.labels import Behavior
from nsp_core.program import ProgramArtifact

pytestmark = pytest.mark.real_data

Command = Callable[[list[object]], tuple[int, str, str]]
OF_TWO = "formats/dlc/deepof_testDLC_csv_table_multi.csv"
IN_A_MAZE = "formats/dlc/dlcanalyzer_EPM_15_962f_25bp.csv"
CORNERS = ("tl", "tr", "bl", "br", "lt", "lb", "rt", "rb", "ctl", "ctr", "cbl", "cbr")
SCALE = ("--fps", 25, "--scale-mm-per-px", 0.5)


def program(folder: Path, behavior: Behavior, text: str, **roles: tuple[str, ...]) -> Path:
    artifact = ProgramArtifact(behavior, parse_program(text), roles, Cleaning(max_gap_s=0.0), "mm")
    write_program(folder / "program.json", artifact)
    return folder / "program.json"


def frames_of(out: Path) -> pd.DataFrame:
    return pd.concat(list(iterate_frame_tables(out / "ethograms" / "frames.parquet")), ignore_index=True)


def raw(path: Path) -> pd.DataFrame:
    """Independent reading: pandas, columns by body part and coordinate."""
    return pd.read_csv(path, header=[0, 1, 2], index_col=0).droplevel(0, axis=1)


@pytest.fixture
def near(tmp_path: Path) -> Path:
    return program(tmp_path, Behavior("near", "undirected"), "nose_to_nose < 60 mm", nose=("Nose",))


def test_two_mice_of_one_skeleton_are_told_apart(nsp_data: Path, tmp_path: Path, nsp: Command, near: Path) -> None:
    command = ["infer", "--program", near, "--poses", nsp_data / OF_TWO, *SCALE, "--out", tmp_path / "out"]
    code, _, errors = nsp(command)
    assert code == 1
    assert "failed deepof_test" in errors
    code, output, errors = nsp([*command, "--individual", "W", "--individual", "B"])
    assert (code, output) == (0, f"tables in {tmp_path / 'out' / 'ethograms'}\n"), errors
    frames = frames_of(tmp_path / "out")
    assert set(zip(frames["individual"], frames["target"], strict=True)) == {("B", "W")}
    points = raw(nsp_data / OF_TWO)
    between = points["W_Nose"] - points["B_Nose"]
    expected = 0.5 * np.hypot(between["x"], between["y"]) < 60
    assert 0 < expected.sum() < len(expected)
    np.testing.assert_array_equal(frames["prob"][frames["frame"].isin(points.index)] > 0.5, expected)


def test_a_prefix_that_no_part_has_is_told(nsp_data: Path, tmp_path: Path, nsp: Command, near: Path) -> None:
    command = ["infer", "--program", near, "--poses", nsp_data / OF_TWO, *SCALE, "--out", tmp_path / "out"]
    code, output, errors = nsp([*command, "--individual", "B", "--individual", "X"])
    assert (code, output) == (1, "")
    assert "found body part 'W_Nose' with no prefix, expected one of the prefixes B, X" in errors


def test_points_of_the_arena_are_left_out(nsp_data: Path, tmp_path: Path, nsp: Command) -> None:
    still = program(tmp_path, Behavior("still", "solitary"), "speed < 20 mm/s", center=("bodycentre",))
    left_out = [word for corner in CORNERS for word in ("--leave-out", corner)]
    poses = nsp_data / IN_A_MAZE
    command = ["infer", "--program", still, "--poses", poses, *SCALE, "--out", tmp_path / "out"]
    code, _, errors = nsp([*command, *left_out])
    assert code == 0, errors
    assert set(frames_of(tmp_path / "out")["individual"]) == {"individual1"}
    code, output, errors = nsp([*command, "--leave-out", "tL"])
    assert (code, output) == (1, "")
    assert "found no body part 'tL', expected body parts among tl, tr" in errors


def test_a_stated_format_is_taken_and_an_unknown_one_is_told(
    nsp_data: Path, tmp_path: Path, nsp: Command, near: Path
) -> None:
    command = ["infer", "--program", near, "--poses", nsp_data / OF_TWO, *SCALE, "--individual", "B"]
    command += ["--individual", "W", "--out", tmp_path / "out"]
    assert nsp([*command, "--format", "dlc_csv"])[0] == 0
    code, _, errors = nsp([*command, "--format", "dlc"])
    assert code == 1
    assert "found the stated format 'dlc', expected one of dlc_csv, dlc_h5, slp" in errors
    code, _, errors = nsp([*command, "--format", "nwb"])
    assert code == 1
    assert "found no HDF5 file" in errors
