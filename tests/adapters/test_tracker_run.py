"""Running a tracker: the real command lines, nothing half done, nothing done twice, nothing left running."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from nsp_adapters.tracker_run import RECORD_NAME, track_video
from nsp_adapters.tracker_settings import Environment, TrackerError
from nsp_core.errors import AmbiguousError, FormatError, MissingFileError, OutputError
from tests.adapters.tracker_lab import N_FRAMES, SCORER

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are programs with a #! line")


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


def test_what_a_dead_run_left_is_swept(lab):
    dead = subprocess.Popen([sys.executable, "-S", "-c", ""])
    dead.wait()
    machine = importlib.import_module("nsp_adapters.atomic")._machine()
    (lab.out / f".cage.{dead.pid}-{machine}00000000.tmp").mkdir(parents=True)
    track_video(lab.settings(), lab.video, lab.out)
    assert lab.left() == ["cage 3's day", "cage 3's day.tracker.log"]


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


def test_an_output_folder_that_is_a_file_is_told(lab):
    lab.out.write_text("")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        track_video(lab.settings(), lab.video, lab.out)
