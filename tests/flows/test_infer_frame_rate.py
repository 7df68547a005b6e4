"""``nsp infer`` without ``--fps``: the rate that a file states is taken, and asked for where its format has none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nsp_adapters.programs import write_program
from nsp_adapters.tables import read_bout_table
from nsp_core.cleaning import Cleaning
from nsp_core.dsl.text import parse_program
from nsp_core.labels import Behavior
from nsp_core.program import ProgramArtifact

Command = Callable[[list[object]], tuple[int, str, str]]
FPS = 29.97
N_FRAMES = 90
DLC = "scorer,n,n\nbodyparts,nose,nose\ncoords,x,y\n0,1,2\n1,1,2\n"


def movement(path: Path, **attrs: object) -> Path:
    """Write a mouse that rests for a second, then runs 10 px in every frame."""
    x = 5 + 10.0 * np.clip(np.arange(N_FRAMES) - 30, 0, None)
    position = np.stack([x, np.full(N_FRAMES, 7.0)], axis=1)[:, :, None, None].astype(np.float32)
    times = np.arange(N_FRAMES) / (FPS if attrs["time_unit"] == "seconds" else 1)
    coords = {"time": times, "space": ["x", "y"], "keypoint": ["nose"], "individual": ["a"]}
    variables = {"position": (("time", "space", "keypoint", "individual"), position)}
    xr.Dataset(variables, coords, attrs).to_netcdf(path, engine="scipy")
    return path


@pytest.fixture
def command(tmp_path: Path) -> list[object]:
    program = parse_program("speed > 20 mm/s")
    artifact = ProgramArtifact(Behavior("run", "solitary"), program, {"center": ("nose",)}, Cleaning(), "mm")
    write_program(tmp_path / "run.json", artifact)
    return ["infer", "--program", tmp_path / "run.json", "--scale-mm-per-px", 0.5]


def test_the_rate_of_the_file_is_taken(tmp_path: Path, nsp: Command, command: list[object]) -> None:
    poses = movement(tmp_path / "m1.nc", time_unit="seconds")
    assert nsp([*command, "--poses", poses, "--out", tmp_path / "own"])[:2] == (
        0,
        f"tables in {tmp_path / 'own' / 'ethograms'}\n",
    )
    assert nsp([*command, "--poses", poses, "--fps", FPS, "--out", tmp_path / "stated"])[0] == 0
    own, stated = (read_bout_table(tmp_path / name / "ethograms" / "bouts.csv") for name in ("own", "stated"))
    assert own["start_s"].tolist() == pytest.approx((own["start_frame"] / FPS).tolist(), abs=1e-3)
    assert own.equals(stated)
    assert len(own) == 1


def test_a_file_without_a_rate_fails_alone(tmp_path: Path, nsp: Command, command: list[object]) -> None:
    known = movement(tmp_path / "m1.nc", time_unit="seconds")
    unknown = movement(tmp_path / "m2.nc", time_unit="frames")
    code, output, errors = nsp([*command, "--poses", unknown, known, "--out", tmp_path / "out"])
    assert (code, output) == (1, f"tables in {tmp_path / 'out' / 'ethograms'}\n")
    assert "failed m2: m2.nc: found no frame rate in the file, expected fps" in errors
    assert set(read_bout_table(tmp_path / "out" / "ethograms" / "bouts.csv")["recording"]) == {"m1"}


def test_a_format_that_has_no_rate_is_named(tmp_path: Path, nsp: Command, command: list[object]) -> None:
    poses = tmp_path / "m3.csv"
    poses.write_text(DLC)
    known = movement(tmp_path / "m1.nc", time_unit="seconds")
    code, _, errors = nsp([*command, "--poses", known, poses, "--out", tmp_path / "out"])
    assert code == 2
    assert "m3.csv: found no frame rate, expected --fps, the frames per second of the video" in errors
    assert "files of the format dlc_csv carry none" in errors
    assert not (tmp_path / "out").exists()


def test_a_missing_file_fails_alone(tmp_path: Path, nsp: Command, command: list[object]) -> None:
    known = movement(tmp_path / "m1.nc", time_unit="seconds")
    code, _, errors = nsp([*command, "--poses", tmp_path / "m9.nc", known, "--out", tmp_path / "out"])
    assert code == 1
    assert "failed m9: " in errors
    assert "found no such file" in errors
