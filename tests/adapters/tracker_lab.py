"""Stand-ins named as the trackers: they check the words they are given, as the programs would, and leave real files."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from nsp_adapters.tracker_settings import Environment, TrackerSettings

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


def outer_calls(lab: Lab) -> list[list[str]]:
    return [json.loads(line) for line in (lab.folder / "outer.jsonl").read_text().splitlines()]


def on_path(lab: Lab, monkeypatch: pytest.MonkeyPatch, name: str, target: str) -> None:
    folder = lab.folder / "programs"
    folder.mkdir()
    lab.program(name, f"TARGET = {target!r}\n", OUTER)
    shutil.move(lab.bin / name, folder / name)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
