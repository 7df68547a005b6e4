"""What tests of studies and of trackers share."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Callable
from pathlib import Path

import h5py
import imageio_ffmpeg
import numpy as np
import pandas as pd
import pytest

from nsp_adapters import tracker_outputs
from tests.adapters.study_examples import FISH
from tests.adapters.tracker_lab import BEHAVE, N_FRAMES, SCORER, SLEAP_NN, SLEAP_TRACK, Lab


@pytest.fixture
def study_folder(tmp_path: Path) -> Path:
    """A study's folder with three recordings; the label files do not exist."""
    (tmp_path / "tracks" / "pose").mkdir(parents=True)
    for name in FISH:
        (tmp_path / "tracks" / "pose" / f"{name}DLC_resnet50.csv").touch()
    return tmp_path


@pytest.fixture(scope="session")
def tracker_templates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A video, an ``.slp`` (the tables of one) and a DeepLabCut file (written as DeepLabCut writes it)."""
    folder = tmp_path_factory.mktemp("templates")
    video, slp, dlc = folder / "video.mp4", folder / "a.slp", folder / "a.h5"
    source = f"testsrc=size=64x48:rate=30000/1001:duration={N_FRAMES / 30}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "mpeg4", str(video)]
    subprocess.run(command, check=True)
    with h5py.File(slp, "w") as file:
        frames = np.zeros(3, dtype=[("frame_id", "u8"), ("video", "u4"), ("frame_idx", "u8")])
        frames["frame_idx"] = [0, 4, N_FRAMES - 1]
        file["frames"], file["instances"] = frames, np.zeros(3, dtype=[("instance_id", "i8")])
        file.create_group("metadata").attrs["json"] = "{}"
    columns = pd.MultiIndex.from_product([[SCORER], ["nose", "tail"], ["x", "y", "likelihood"]])
    columns.names = ["scorer", "bodyparts", "coords"]
    table = pd.DataFrame(np.ones((N_FRAMES, 6)), columns=columns, index=range(N_FRAMES))
    table.to_hdf(dlc, key="df_with_missing", format="table", mode="w")
    return video, slp, dlc


@pytest.fixture
def lab(tmp_path: Path, tracker_templates: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setattr(tracker_outputs, "_SETTLE_S", 0.0)
    monkeypatch.setenv("PYTHONPATH", "/packages/of/this/software")
    made = Lab(tmp_path, *tracker_templates)
    made.program("sleap-track", SLEAP_TRACK, BEHAVE)
    made.program("sleap-nn", SLEAP_NN, BEHAVE)
    return made


@pytest.fixture
def worker_ended(lab: Lab) -> Callable[[], bool]:
    """Whether the hanging tracker's worker, which holds the other end of a pipe, was there and has ended."""
    os.mkfifo(lab.folder / "alive")
    end = os.open(lab.folder / "alive", os.O_RDONLY | os.O_NONBLOCK)

    def ended() -> bool:
        assert (lab.folder / "started").exists()
        waiting = select.poll()
        waiting.register(end, select.POLLHUP)
        return any(event & select.POLLHUP for _, event in waiting.poll(20_000))

    return ended
