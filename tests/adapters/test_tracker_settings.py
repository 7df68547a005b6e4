"""Settings of a tracker: impossible ones are refused before anything runs, and say what to write instead."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from nsp_adapters.tracker_settings import Environment, TrackerError, TrackerSettings, run_digest
from nsp_core.errors import StudyError

CONFIG = (Path("project/config.yaml"),)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: Environment("pip"), "the environment 'pip'"),
        (lambda: Environment("conda"), "no target"),
        (lambda: Environment("path", "sleap"), "target 'sleap'"),
        (lambda: TrackerSettings("dlc", CONFIG), "the tracker 'dlc'"),
        (lambda: TrackerSettings("sleap-track", ()), "0 models"),
        (lambda: TrackerSettings("deeplabcut", CONFIG * 2), "2 models"),
        (lambda: TrackerSettings("deeplabcut", CONFIG, timeout_s=0.0), "timeout_s = 0.0"),
        (lambda: TrackerSettings("deeplabcut", CONFIG, timeout_s=float("nan")), "timeout_s = nan"),
        (lambda: TrackerSettings("deeplabcut", CONFIG, Environment("in-process"), timeout_s=9.0), "timeout_s = 9.0"),
        (lambda: TrackerSettings("sleap-track", CONFIG, Environment("in-process")), "sleap-track in this process"),
        (lambda: TrackerSettings("deeplabcut", CONFIG, arguments=("shuffle 2",)), "the argument 'shuffle 2'"),
        (
            lambda: TrackerSettings("deeplabcut", CONFIG, arguments=("shuffle=2", "shuffle=3")),
            "the argument 'shuffle=3'",
        ),
        (lambda: TrackerSettings("deeplabcut", CONFIG, arguments=("destfolder=x",)), "the argument 'destfolder=x'"),
    ],
)
def test_impossible_settings_are_refused(make, found):
    with pytest.raises(StudyError) as caught:
        make()
    assert caught.value.found == found
    assert caught.value.expected
    assert caught.value.remedy


def test_deeplabcut_arguments_are_json_or_text():
    arguments = (
        "shuffle=2",
        "device=cuda:0",
        'gputouse="0"',
        "cropping=[0, 9, 0, 9]",
        "save_as_csv=true",
        "modelprefix=",
    )
    assert TrackerSettings("deeplabcut", CONFIG, arguments=arguments).deeplabcut_options() == {
        "shuffle": 2,
        "device": "cuda:0",
        "gputouse": "0",
        "cropping": [0, 9, 0, 9],
        "save_as_csv": True,
        "modelprefix": "",
    }


def test_digest_follows_content_and_not_place(tmp_path):
    digests = set()
    for place in ("here", "there"):
        folder = tmp_path / place / "centroid"
        folder.mkdir(parents=True)
        (folder / "best.ckpt").write_bytes(b"weights")
        (tmp_path / place / "cage.mp4").write_bytes(b"video")
        digests.add(run_digest(TrackerSettings("sleap-track", (folder,)), tmp_path / place / "cage.mp4"))
    assert len(digests) == 1
    (folder / "training_log.csv").write_text("a growing log")
    assert run_digest(TrackerSettings("sleap-track", (folder,), timeout_s=5.0), tmp_path / "there/cage.mp4") in digests
    (folder / "best.ckpt").write_bytes(b"WEIGHTS")
    assert run_digest(TrackerSettings("sleap-track", (folder,)), tmp_path / "there/cage.mp4") not in digests


def test_a_tracker_error_survives_the_way_home_from_a_worker_process():
    error = TrackerError(found="a", expected="b", where="c", remedy="d")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, RuntimeError)
    assert str(again) == "c: found a, expected b; d"
