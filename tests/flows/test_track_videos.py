from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import imageio_ffmpeg
import numpy as np
import pytest
from typer.testing import CliRunner

from nsp_flows.cli import app

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a program with a #! line")

N_FRAMES = 8


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "day1.mp4"
    source = f"testsrc=size=32x32:rate=25:duration={N_FRAMES / 25}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-f", "lavfi", "-i", source, str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture
def standing_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a model folder; a program called sleap-nn that writes poses to where it is told is on the PATH."""
    with h5py.File(tmp_path / "poses.slp", "w") as file:
        file.create_group("metadata").attrs["json"] = np.bytes_(b"{}")
        file["videos_json"] = np.array([b"{}"], dtype="S2")
        kinds = [("frame_id", "<u8"), ("video", "<u4"), ("frame_idx", "<u8"), ("a", "<u8"), ("b", "<u8")]
        file["frames"] = np.array([(i, 0, i, 0, 0) for i in range(N_FRAMES)], dtype=kinds)
        for name in ("instances", "points", "pred_points"):
            file[name] = np.zeros(0, dtype=[("x", "<f8")])
    program = tmp_path / "bin" / "sleap-nn"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport shutil, sys\nwords = sys.argv\n"
        f"shutil.copyfile({str(tmp_path / 'poses.slp')!r}, words[words.index('--output_path') + 1])\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    model = tmp_path / "model"
    model.mkdir()
    (model / "best.ckpt").write_bytes(b"weights")
    return model


def call(*videos: Path, model: Path, out: Path) -> tuple[int, str]:
    words = ["track", *map(str, videos), "--tracker", "sleap-nn-track", "--model", str(model), "--out", str(out)]
    result = CliRunner().invoke(app, words)
    return result.exit_code, result.output


def test_videos_are_tracked_once_and_a_broken_one_stops_no_other(
    video: Path, standing_in: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    code, said = call(broken, video, model=standing_in, out=tmp_path / "out")
    assert code == 1
    assert "failed broken: " in said
    assert "poses and video both have 8 frames" in said
    assert list((tmp_path / "out" / "day1").glob("*.slp"))
    code, said = call(video, model=standing_in, out=tmp_path / "out")
    assert code == 0
    assert "\nthere " in said
