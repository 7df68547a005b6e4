"""The command lines of trackers in conda, docker and apptainer."""

from __future__ import annotations

import os
import sys

import pytest

from nsp_adapters.tracker_run import track_video
from nsp_adapters.tracker_settings import Environment
from tests.adapters.tracker_lab import N_FRAMES, on_path, outer_calls

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are programs with a #! line")


@pytest.mark.parametrize(
    ("program", "target", "words"),
    [
        ("conda", "sleap", ["run", "--no-capture-output", "-n", "sleap"]),
        ("conda", "/envs/sleap", ["run", "--no-capture-output", "-p", "/envs/sleap"]),
        ("micromamba", "sleap", ["run", "-n", "sleap"]),
    ],
)
def test_conda_environment_by_name_or_path(lab, monkeypatch, program, target, words):
    on_path(lab, monkeypatch, program, target)
    environment = Environment("conda", target, program="" if program == "conda" else program)
    assert track_video(lab.settings(environment=environment), lab.video, lab.out).n_rows == N_FRAMES
    (call,) = outer_calls(lab)
    assert call[: len(words) + 2] == [*words, "sleap-track", str(lab.video)]
    assert not any("\n" in word for word in call)


def test_deeplabcut_in_docker_sees_its_folders_at_their_own_paths(lab, monkeypatch):
    lab.deeplabcut()
    on_path(lab, monkeypatch, "docker", "dlc:3")
    environment = Environment("docker", "dlc:3", gpu=True)
    assert track_video(lab.settings("deeplabcut", environment=environment), lab.video, lab.out).n_rows == N_FRAMES
    (call,) = outer_calls(lab)
    assert call[:4] == ["run", "--rm", "--init", "--name"]
    assert call[5:9] == ["--user", f"{os.getuid()}:{os.getgid()}", "--gpus", "all"]
    mounts = [call[k + 1] for k, word in enumerate(call) if word == "--mount"]
    video, project = lab.video.parent, lab.folder / "project"
    assert f"type=bind,source={video},target={video},readonly" in mounts
    assert f"type=bind,source={project},target={project}" in mounts
    written = lab.calls()[0]["destfolder"]
    assert f"type=bind,source={written},target={written}" in mounts
    assert call[call.index("dlc:3") + 1] == "python"


def test_sleap_in_apptainer_binds_models_read_only(lab, monkeypatch):
    on_path(lab, monkeypatch, "apptainer", "sleap.sif")
    environment = Environment("apptainer", "sleap.sif", gpu=True)
    assert track_video(lab.settings(environment=environment), lab.video, lab.out).n_rows == N_FRAMES
    (call,) = outer_calls(lab)
    assert call[:2] == ["exec", "--nv"]
    binds = [call[k + 1] for k, word in enumerate(call) if word == "--bind"]
    model = lab.folder / "centroid"
    assert f"{model}:{model}:ro" in binds
    assert [bind for bind in binds if bind.endswith(":rw")]


def test_a_linked_video_keeps_its_name_and_its_target_is_mounted(lab, monkeypatch, tmp_path):
    on_path(lab, monkeypatch, "docker", "sleap:1")
    link = tmp_path / "links" / "cage7.mp4"
    link.parent.mkdir()
    link.symlink_to(lab.video)
    tracked = track_video(lab.settings(environment=Environment("docker", "sleap:1")), link, lab.out)
    assert tracked.pose_path.name == "cage7.predictions.slp"
    mounts = [word for word in outer_calls(lab)[0] if word.startswith("type=bind")]
    assert {f"source={folder}" for folder in (link.parent, lab.video.parent)} <= {word.split(",")[1] for word in mounts}
