"""Running a tracker: the real command lines, nothing half done, nothing done twice, nothing left running.

Stand-ins with the trackers' names check the words they are given, as the real programs would, and leave real files.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path

import h5py
import imageio_ffmpeg
import numpy as np
import pandas as pd
import pytest

from nsp_adapters import tracker_outputs, tracker_process
from nsp_adapters.tracker_outputs import count_rows
from nsp_adapters.tracker_run import RECORD_NAME, track_video
from nsp_adapters.tracker_settings import Environment, TrackerError, TrackerSettings
from nsp_core.errors import AmbiguousError, FormatError, MissingFileError, OutputError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are programs with a #! line")

N_FRAMES = 12
SCORER = "DLC_Resnet50_openfieldOct30shuffle2_snapshot_best-90"

SLEAP_TRACK = """
import argparse
parser = argparse.ArgumentParser(prog="sleap-track")
parser.add_argument("data_path")
parser.add_argument("-m", "--model", dest="models", action="append")
parser.add_argument("-o", "--output")
parser.add_argument("--tracking.tracker", dest="tracker")
parser.add_argument("--batch_size", type=int)
call = parser.parse_args()
source, output = call.data_path, call.output
"""

SLEAP_NN = """
import argparse
parser = argparse.ArgumentParser(prog="sleap-nn")
commands = parser.add_subparsers(dest="command", required=True)
for name in ("track", "predict"):
    command = commands.add_parser(name)
    command.add_argument("--data_path", "-i", required=True)
    command.add_argument("--model_paths", "-m", dest="models", action="append")
    command.add_argument("--output_path", "-o")
    command.add_argument("--tracking", "-t", action="store_true")
    command.add_argument("--max_instances", "-n", type=int)
call = parser.parse_args()
source, output = call.data_path, call.output_path
"""

# What a stand-in does once it has understood its words; `act` says what goes wrong.
BEHAVE = """
import json, os, shutil, signal, subprocess, sys, time
record = {"words": sys.argv[1:], "cwd": os.getcwd(), "pythonpath": os.environ.get("PYTHONPATH"),
          "unbuffered": os.environ.get("PYTHONUNBUFFERED"), **vars(call)}
with open(os.path.join(HOME, "calls.jsonl"), "a") as stream:
    stream.write(json.dumps(record) + "\\n")
act = open(os.path.join(HOME, "act")).read()
print("loading the model")
print("frame 1 of 12\\rframe 12 of 12")
assert os.path.isfile(source)
if act == "gui-only":
    print("sleap-nn is not installed", file=sys.stderr)
    sys.exit(0)
if act == "crash":
    open(output, "wb").write(open(TEMPLATE, "rb").read()[:3000])
    print("RuntimeError: CUDA out of memory", file=sys.stderr)
    sys.exit(3)
if act == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if act == "cut":
    open(output, "wb").write(open(TEMPLATE, "rb").read()[:3000])
    sys.exit(0)
if act.startswith("hang"):
    # A worker that ignores requests to end, as the leader does not; the open pipe tells whether it lives.
    worker = "import signal as s, time; s.signal(s.SIGTERM, s.SIG_IGN); print(1, flush=True); time.sleep(600)"
    alive = os.open(os.path.join(HOME, "alive"), os.O_WRONLY)
    child = subprocess.Popen([sys.executable, "-c", worker], stdout=subprocess.PIPE, pass_fds=[alive])
    child.stdout.readline()
    open(output, "wb").write(b"half")
    open(os.path.join(HOME, "started"), "w").close()
    if act != "hang":
        os.kill(os.getppid(), getattr(signal, act.partition(" ")[2]))
    time.sleep(600)
shutil.copyfile(TEMPLATE, output)
"""

# The signature of deeplabcut.analyze_videos, 3.0.
DEEPLABCUT = """
def analyze_videos(config, videos, videotype="", shuffle=1, trainingsetindex=0, gputouse=None, save_as_csv=False,
                   in_random_order=True, destfolder=None, batchsize=None, cropping=None, TFGPUinference=True,
                   dynamic=(False, 0.5, 10), modelprefix="", robust_nframes=False, allow_growth=False, use_shelve=False,
                   auto_track=True, n_tracks=None, calibrate=False, identity_only=False, use_openvino=None, engine=None,
                   **torch_kwargs):
    import json, os, pathlib, shutil
    assert os.path.isfile(config) and isinstance(videos, list) and all(os.path.isfile(video) for video in videos)
    with open(os.path.join(HOME, "calls.jsonl"), "a") as stream:
        stream.write(json.dumps({"config": config, "videos": videos, "shuffle": shuffle, "destfolder": destfolder,
                                 "torch_kwargs": torch_kwargs}) + "\\n")
    print("Analyzing videos")
    for name in pathlib.Path(HOME, "act").read_text().split():
        if name == "raise":
            raise ValueError("No snapshots found")
        stem = os.path.splitext(os.path.basename(videos[0]))[0]
        target = os.path.join(destfolder, stem + name)
        shutil.copyfile(TEMPLATE, target) if name.endswith(".h5") else pathlib.Path(target).touch()
"""


class Lab:
    """A folder with a video, models, and an environment whose programs are stand-ins."""

    def __init__(self, folder: Path, video: Path, slp: Path, dlc: Path) -> None:
        self.folder, self.out, self.bin = folder, folder / "out", folder / "env" / "bin"
        self.video = folder / "my videos" / "cage 3's day.mp4"
        for path in (
            self.bin,
            self.video.parent,
            folder / "centroid",
            folder / "project" / "dlc-models-pytorch" / "train",
        ):
            path.mkdir(parents=True)
        shutil.copyfile(video, self.video)
        (folder / "centroid" / "best.ckpt").write_bytes(b"weights")
        (folder / "project" / "config.yaml").write_text("Task: openfield\n")
        self.slp, self.dlc = slp, dlc
        self.act("ok")

    def act(self, how: str) -> None:
        (self.folder / "act").write_text(how)

    def program(self, name: str, *parts: str, template: Path | None = None) -> None:
        head = f"#!{sys.executable} -S\nHOME, TEMPLATE = {str(self.folder)!r}, {str(template or self.slp)!r}\n"
        (self.bin / name).write_text(head + "".join(parts))
        (self.bin / name).chmod(0o755)

    def deeplabcut(self) -> None:
        """Let ``python`` of the environment be this one, with a stand-in of the package."""
        package = self.folder / "env" / "deeplabcut.py"
        package.write_text(f"HOME, TEMPLATE = {str(self.folder)!r}, {str(self.dlc)!r}\n" + DEEPLABCUT)
        python = self.bin / "python"
        python.write_text(f'#!/bin/sh\nPYTHONPATH="{package.parent}" exec "{sys.executable}" -S "$@"\n')
        python.chmod(0o755)
        self.act(f"{SCORER}_full.pickle {SCORER}_el.h5")

    def settings(self, tracker: str = "sleap-track", **changes: object) -> TrackerSettings:
        model = self.folder / ("project/config.yaml" if tracker == "deeplabcut" else "centroid")
        values = {"environment": Environment("prefix", str(self.folder / "env")), "models": (model,)} | changes
        return TrackerSettings(tracker, **values)

    def calls(self) -> list[dict]:
        log = self.folder / "calls.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def left(self) -> list[str]:
        return sorted(path.name for path in self.out.iterdir()) if self.out.exists() else []


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
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
def lab(tmp_path: Path, templates: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setattr(tracker_outputs, "_SETTLE_S", 0.0)
    monkeypatch.setenv("PYTHONPATH", "/packages/of/this/software")
    made = Lab(tmp_path, *templates)
    made.program("sleap-track", SLEAP_TRACK, BEHAVE)
    made.program("sleap-nn", SLEAP_NN, BEHAVE)
    return made


def test_sleap_track_runs_once_and_its_result_appears_whole(lab):
    second = lab.folder / "instance"
    second.mkdir()
    settings = lab.settings(models=(lab.folder / "centroid", second), arguments=("--tracking.tracker", "simple"))
    tracked = track_video(settings, lab.video, lab.out)
    (call,) = lab.calls()
    assert call["data_path"] == str(lab.video)
    assert call["models"] == [str(lab.folder / "centroid"), str(second)]
    assert call["tracker"] == "simple"
    assert (call["pythonpath"], call["unbuffered"]) == (None, "1")
    assert tracked.pose_path == lab.out / "cage 3's day" / "cage 3's day.predictions.slp"
    assert tracked.pose_path.read_bytes() == lab.slp.read_bytes()
    assert (tracked.n_rows, tracked.n_frames, tracked.was_there) == (N_FRAMES, N_FRAMES, False)
    assert tracked.report == f"poses and video both have {N_FRAMES} frames"
    log = tracked.log_path.read_text()
    assert log.startswith("$ ")
    assert "loading the model" in log
    assert lab.left() == ["cage 3's day", "cage 3's day.tracker.log"]
    # Nothing that the run needed for itself is left, and nothing tells where or when it was.
    assert sorted(path.name for path in tracked.pose_path.parent.iterdir()) == [tracked.pose_path.name, RECORD_NAME]
    assert str(lab.folder) not in (tracked.pose_path.parent / RECORD_NAME).read_text()


@pytest.mark.parametrize("subcommand", ["track", "predict"])
def test_sleap_nn_runs_with_its_own_words(lab, subcommand):
    arguments = ("--tracking", "--max_instances", "2")
    tracked = track_video(lab.settings(f"sleap-nn-{subcommand}", arguments=arguments), lab.video, lab.out)
    (call,) = lab.calls()
    words = call["words"]
    assert words[:5] == [subcommand, "--data_path", str(lab.video), "--model_paths", str(lab.folder / "centroid")]
    assert words[5] == "--output_path"
    assert words[7:] == list(arguments)
    assert tracked.n_rows == N_FRAMES


def test_deeplabcut_is_called_with_its_arguments_and_its_own_file_name_is_found(lab):
    lab.deeplabcut()
    settings = lab.settings("deeplabcut", arguments=("shuffle=2", "device=cuda:0", "batch_size=8"))
    tracked = track_video(settings, lab.video, lab.out)
    (call,) = lab.calls()
    assert call["config"] == str(lab.folder / "project" / "config.yaml")
    assert call["videos"] == [str(lab.video)]
    assert call["shuffle"] == 2
    assert call["torch_kwargs"] == {"device": "cuda:0", "batch_size": 8}
    assert tracked.pose_path.name == f"cage 3's day{SCORER}_el.h5"
    assert tracked.n_rows == N_FRAMES
    kept = sorted(path.name for path in tracked.pose_path.parent.iterdir())
    assert kept == [f"cage 3's day{SCORER}_el.h5", f"cage 3's day{SCORER}_full.pickle", RECORD_NAME]


def test_a_second_call_finds_the_result_and_starts_nothing(lab):
    first = track_video(lab.settings(), lab.video, lab.out)
    again = track_video(lab.settings(timeout_s=60.0), lab.video, lab.out)
    assert again.was_there
    assert again.pose_path == first.pose_path
    assert len(lab.calls()) == 1
    assert not track_video(lab.settings(), lab.video, lab.out, redo=True).was_there
    assert len(lab.calls()) == 2


def test_what_tracking_writes_into_the_project_makes_no_other_model(lab):
    lab.deeplabcut()
    track_video(lab.settings("deeplabcut"), lab.video, lab.out)
    test_folder = lab.folder / "project" / "dlc-models-pytorch" / "test"
    test_folder.mkdir()
    (test_folder / "inference_cfg.yaml").write_text("minimalnumberofconnections: 2\n")
    assert track_video(lab.settings("deeplabcut"), lab.video, lab.out).was_there
    (lab.folder / "project" / "dlc-models-pytorch" / "train" / "snapshot-200.pt").write_bytes(b"weights")
    with pytest.raises(AmbiguousError):
        track_video(lab.settings("deeplabcut"), lab.video, lab.out)


def test_a_damaged_result_is_tracked_again(lab):
    first = track_video(lab.settings(), lab.video, lab.out)
    first.pose_path.write_bytes(b"damaged")
    again = track_video(lab.settings(), lab.video, lab.out)
    assert not again.was_there
    assert again.pose_path.read_bytes() == lab.slp.read_bytes()


@pytest.mark.parametrize("change", ["weights", "arguments", "video"])
def test_result_of_another_model_video_or_arguments_is_never_replaced_unasked(lab, change):
    track_video(lab.settings(), lab.video, lab.out)
    settings = lab.settings(arguments=("--batch_size", "1")) if change == "arguments" else lab.settings()
    if change == "weights":
        (lab.folder / "centroid" / "best.ckpt").write_bytes(b"WEIGHTS")
    if change == "video":
        # Still the same number of bytes, still readable: a tag in the header.
        content = lab.video.read_bytes()
        lab.video.write_bytes(content.replace(b"VideoHandler", b"OtherHandler"))
        assert lab.video.read_bytes() != content
    with pytest.raises(AmbiguousError, match="result of another model, video or other arguments"):
        track_video(settings, lab.video, lab.out)
    assert len(lab.calls()) == 1
    assert not track_video(settings, lab.video, lab.out, redo=True).was_there


def test_a_folder_that_is_not_ours_is_left_alone(lab):
    (lab.out / lab.video.stem).mkdir(parents=True)
    with pytest.raises(AmbiguousError, match=r"found a folder without tracked\.json.*give another output folder"):
        track_video(lab.settings(), lab.video, lab.out)
    assert not lab.calls()


def test_a_crash_leaves_only_its_log_and_is_told_with_its_last_lines(lab):
    lab.act("crash")
    with pytest.raises(TrackerError) as caught:
        track_video(lab.settings(), lab.video, lab.out)
    assert caught.value.found.startswith("sleap-track ended with code 3; its last lines:\n")
    assert "\n    RuntimeError: CUDA out of memory\n" in caught.value.found
    assert "\n    frame 12 of 12\n" in caught.value.found
    assert "frame 1 of" not in caught.value.found
    assert str(lab.out / "cage 3's day.tracker.log") in caught.value.remedy
    assert lab.left() == ["cage 3's day.tracker.log"]
    lab.act("ok")
    assert track_video(lab.settings(), lab.video, lab.out).n_rows == N_FRAMES


def test_a_failed_redo_keeps_the_result_that_was_there(lab):
    first = track_video(lab.settings(), lab.video, lab.out)
    lab.act("crash")
    with pytest.raises(TrackerError):
        track_video(lab.settings(), lab.video, lab.out, redo=True)
    assert first.pose_path.read_bytes() == lab.slp.read_bytes()
    assert track_video(lab.settings(), lab.video, lab.out).was_there


def test_a_killed_tracker_is_told_by_its_signal(lab):
    lab.act("killed")
    with pytest.raises(TrackerError, match="sleap-track was killed by signal 9; its last lines"):
        track_video(lab.settings(), lab.video, lab.out)


def test_an_end_without_error_and_without_output_is_a_failure(lab):
    # As sleap-track does where only SLEAP's windows are installed.
    lab.act("gui-only")
    with pytest.raises(TrackerError) as caught:
        track_video(lab.settings(), lab.video, lab.out)
    assert caught.value.found.startswith("nothing in the output folder, although the tracker reported no error")
    assert "sleap-nn is not installed" in caught.value.found


def test_a_partial_file_never_counts(lab):
    lab.act("cut")
    with pytest.raises(TrackerError, match=r"predictions\.slp, which cannot be read \("):
        track_video(lab.settings(), lab.video, lab.out)
    assert lab.left() == ["cage 3's day.tracker.log"]


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ("_full.pickle _meta.pickle", TrackerError, "found cage 3's day_full.pickle, cage 3's day_meta.pickle in the"),
        (f"{SCORER}_el.h5 {SCORER}_el_filtered.h5", AmbiguousError, "found 2 pose files: .*_el.h5, .*_el_filtered.h5"),
        ("raise", TrackerError, "deeplabcut ended with code 1; .*\n    ValueError: No snapshots found\n"),
    ],
)
def test_what_deeplabcut_leaves_must_be_one_pose_file(lab, files, error, message):
    lab.deeplabcut()
    lab.act(files)
    with pytest.raises(error, match=f"(?s){message}"):
        track_video(lab.settings("deeplabcut"), lab.video, lab.out)


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


def test_at_the_time_limit_the_whole_group_is_killed_and_nothing_is_kept(lab, worker_ended, monkeypatch):
    lab.act("hang")
    wait = subprocess.Popen.wait

    def limit_is_over_once_it_hangs(process, timeout=None):
        if timeout == 1234.5:
            while not (lab.folder / "started").exists():
                with pytest.raises(subprocess.TimeoutExpired):
                    wait(process, 0.02)
            raise subprocess.TimeoutExpired(process.args, timeout)
        return wait(process, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", limit_is_over_once_it_hangs)
    # The lines were in the log while it ran: it never came to its end.
    with pytest.raises(
        TrackerError, match=r"no end after 1234\.5 s; its last lines:(?s:.*)12 of 12\n(?s:.*)raise timeout_s"
    ):
        track_video(lab.settings(timeout_s=1234.5), lab.video, lab.out)
    assert worker_ended()
    assert lab.left() == ["cage 3's day.tracker.log"]


@pytest.fixture
def ctrl_c():
    """Ctrl-C as at a terminal: a shell that starts the tests in the background lets them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(("name", "error"), [("SIGINT", KeyboardInterrupt), ("SIGTERM", SystemExit)])
@pytest.mark.usefixtures("ctrl_c")
def test_interruption_kills_the_whole_group_and_keeps_nothing(lab, worker_ended, name, error):
    lab.act(f"hang {name}")
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(error):
        track_video(lab.settings(), lab.video, lab.out)
    assert worker_ended()
    assert lab.left() == ["cage 3's day.tracker.log"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_tracking_works_outside_the_main_thread(lab):
    results = []
    thread = threading.Thread(target=lambda: results.append(track_video(lab.settings(), lab.video, lab.out)))
    thread.start()
    thread.join()
    assert results[0].n_rows == N_FRAMES


def test_what_a_dead_run_left_is_swept(lab):
    dead = subprocess.Popen([sys.executable, "-S", "-c", ""])
    dead.wait()
    machine = importlib.import_module("nsp_adapters.atomic")._machine()
    (lab.out / f".cage.{dead.pid}-{machine}00000000.tmp").mkdir(parents=True)
    track_video(lab.settings(), lab.video, lab.out)
    assert lab.left() == ["cage 3's day", "cage 3's day.tracker.log"]


# conda, docker and apptainer, reduced to: check the words before the program, note them, run the rest.
OUTER = """
import json, os, sys
words = sys.argv[1:]
with open(os.path.join(HOME, "outer.jsonl"), "a") as stream:
    stream.write(json.dumps(words) + "\\n")
if words[0] == "kill":
    sys.exit(0)
start = words.index(TARGET) + 1
os.execv(os.path.join(HOME, "env", "bin", words[start]), words[start:])
"""


def outer_calls(lab: Lab) -> list[list[str]]:
    return [json.loads(line) for line in (lab.folder / "outer.jsonl").read_text().splitlines()]


def on_path(lab: Lab, monkeypatch: pytest.MonkeyPatch, name: str, target: str) -> None:
    folder = lab.folder / "programs"
    folder.mkdir()
    lab.program(name, f"TARGET = {target!r}\n", OUTER)
    shutil.move(lab.bin / name, folder / name)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


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


def test_interrupted_container_is_killed_by_name(lab, worker_ended, monkeypatch):
    on_path(lab, monkeypatch, "docker", "sleap:1")
    lab.act("hang SIGINT")
    with pytest.raises(KeyboardInterrupt):
        track_video(lab.settings(environment=Environment("docker", "sleap:1")), lab.video, lab.out)
    run, kill = outer_calls(lab)
    assert kill == ["kill", run[run.index("--name") + 1]]
    assert worker_ended()


def test_deeplabcut_in_this_process(lab, monkeypatch):
    lab.deeplabcut()
    module = types.ModuleType("deeplabcut")
    exec((lab.folder / "env" / "deeplabcut.py").read_text(), module.__dict__)
    monkeypatch.setitem(sys.modules, "deeplabcut", module)
    settings = lab.settings("deeplabcut", environment=Environment("in-process"), arguments=("shuffle=3",))
    tracked = track_video(settings, lab.video, lab.out)
    assert tracked.n_rows == N_FRAMES
    assert lab.calls()[0]["shuffle"] == 3
    assert "Analyzing videos" in tracked.log_path.read_text()
    lab.act("raise")
    with pytest.raises(TrackerError, match=r"deeplabcut raised ValueError; its last lines:(?s:.*)No snapshots found"):
        track_video(settings, lab.video, lab.out, redo=True)


def test_sleap_nn_in_this_process_gets_the_words_of_its_command_line(lab, monkeypatch):
    seen = {}

    class Command:
        def main(self, args, prog_name, standalone_mode):
            seen.update(args=args, prog_name=prog_name, standalone_mode=standalone_mode)
            shutil.copyfile(lab.slp, args[args.index("--output_path") + 1])

    module = types.ModuleType("sleap_nn.cli")
    module.cli = Command()
    monkeypatch.setitem(sys.modules, "sleap_nn", types.ModuleType("sleap_nn"))
    monkeypatch.setitem(sys.modules, "sleap_nn.cli", module)
    settings = lab.settings("sleap-nn-predict", environment=Environment("in-process"), arguments=("--tracking",))
    assert track_video(settings, lab.video, lab.out).n_rows == N_FRAMES
    assert seen["args"][:3] == ["predict", "--data_path", str(lab.video)]
    assert seen["args"][-1] == "--tracking"
    assert (seen["prog_name"], seen["standalone_mode"]) == ("sleap-nn", False)


def test_tracker_that_is_not_installed_in_this_process_is_named(lab):
    settings = lab.settings("deeplabcut", environment=Environment("in-process"))
    with pytest.raises(TrackerError, match=r"deeplabcut raised ModuleNotFoundError(?s:.*)No module named 'deeplabcut'"):
        track_video(settings, lab.video, lab.out)


def test_missing_program_model_and_video_are_named_before_anything_runs(lab, monkeypatch):
    with pytest.raises(
        TrackerError, match="found no program 'sleap-track', expected the tracker's program; name the env"
    ):
        track_video(lab.settings(environment=Environment("prefix", str(lab.folder))), lab.video, lab.out)
    monkeypatch.setenv("PATH", str(lab.folder))
    with pytest.raises(TrackerError, match="PATH: found no program 'conda'"):
        track_video(lab.settings(environment=Environment("conda", "sleap")), lab.video, lab.out)
    with pytest.raises(MissingFileError, match="found no such model, expected a trained model's folder"):
        track_video(lab.settings(models=(lab.folder / "nothing",)), lab.video, lab.out)
    with pytest.raises(MissingFileError, match=r"found no such model, expected config\.yaml of the project"):
        track_video(lab.settings("deeplabcut", models=(lab.folder / "project",)), lab.video, lab.out)
    with pytest.raises(MissingFileError, match="expected a video"):
        track_video(lab.settings(), lab.folder / "cage4.mp4", lab.out)
    lab.video.write_bytes(lab.video.read_bytes()[:1000])
    with pytest.raises(FormatError):
        track_video(lab.settings(), lab.video, lab.out)
    assert not lab.calls()
    assert not any(path.is_dir() for path in lab.out.glob("*"))


def test_a_program_of_another_machine_is_told(lab):
    (lab.bin / "sleap-track").write_bytes(b"\x7fELF of another machine")
    with pytest.raises(TrackerError, match="found a program that does not start: "):
        track_video(lab.settings(), lab.video, lab.out)


def test_an_output_folder_that_is_a_file_is_told(lab):
    lab.out.write_text("")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        track_video(lab.settings(), lab.video, lab.out)


def test_a_file_that_still_grows_is_waited_for(lab, monkeypatch):
    path = lab.folder / f"{lab.video.stem}.predictions.slp"
    content = lab.slp.read_bytes()
    sizes = iter([3000, 5000, len(content)])
    path.write_bytes(b"")

    def grow(seconds: float) -> None:
        path.write_bytes(content[: next(sizes, len(content))])
        os.utime(path, ns=(0, 0))

    monkeypatch.setattr(tracker_outputs.time, "sleep", grow)
    assert tracker_outputs.find_output("sleap-track", lab.video, lab.folder) == path
    assert path.read_bytes() == content
    monkeypatch.setattr(tracker_outputs.time, "sleep", lambda seconds: path.write_bytes(path.read_bytes() + b"."))
    with pytest.raises(TrackerError, match="which still grows"):
        tracker_outputs.find_output("sleap-track", lab.video, lab.folder)


def test_files_of_another_kind_or_without_a_frame_do_not_count(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["tracks"] = np.zeros((1, 2, 3, 4))
    with pytest.raises(TrackerError, match="which holds no frame"):
        count_rows("deeplabcut", path)
    with pytest.raises(TrackerError, match=r"which cannot be read \(.*frames"):
        count_rows("sleap-track", path)


def test_a_log_of_progress_bars_shows_only_the_last_state(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"a\r\n" + b"".join(b"\r%d%%" % k for k in range(100)) + b"\n\n\xff\n")
    assert tracker_process.last_words(log, 2) == "; its last lines:\n    99%\n    \ufffd\n"
    log.write_bytes(b"")
    assert tracker_process.last_words(log) == "; it printed nothing"


@pytest.mark.real_data
def test_rows_of_real_files_agree_with_an_independent_reading(nsp_data):
    formats = nsp_data / "formats"
    slp = formats / "sleap" / "deepof_single_101f.slp"
    with h5py.File(slp) as file:
        assert count_rows("sleap-track", slp) == max(frame[2] for frame in file["frames"][:].tolist()) + 1 == 101
    for name, key in (("deepof_testDLC_square_arena", "df_with_missing"), ("deepof_testDLC_h5_table_madlc", "tracks")):
        path = formats / "dlc" / f"{name}.h5"
        assert count_rows("deeplabcut", path) == len(pd.read_hdf(path, key=key))


@pytest.mark.real_data
def test_real_output_of_another_length_is_kept_and_reported(lab, nsp_data):
    lab.program("sleap-track", SLEAP_TRACK, BEHAVE, template=nsp_data / "formats" / "sleap" / "deepof_single_101f.slp")
    tracked = track_video(lab.settings(), lab.video, lab.out)
    assert tracked.report == f"poses reach over 101 frames, the video has {N_FRAMES}"
    lab.dlc = nsp_data / "formats" / "dlc" / "deepof_testDLC_square_arena.h5"
    lab.deeplabcut()
    assert track_video(lab.settings("deeplabcut"), lab.video, lab.folder / "dlc").n_rows == 451
