"""A tracker's process: ended whole at the time limit and on interruption, its last words told, also in this process."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import types

import pytest

from nsp_adapters import tracker_process
from nsp_adapters.tracker_run import track_video
from nsp_adapters.tracker_settings import Environment, TrackerError
from tests.adapters.tracker_lab import N_FRAMES, on_path, outer_calls

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are programs with a #! line")


@pytest.fixture
def ctrl_c():
    """Ctrl-C as at a terminal: a shell that starts the tests in the background lets them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_killed_tracker_is_told_by_its_signal(lab):
    lab.act("killed")
    with pytest.raises(TrackerError, match="sleap-track was killed by signal 9; its last lines"):
        track_video(lab.settings(), lab.video, lab.out)


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


@pytest.mark.usefixtures("ctrl_c")
def test_interrupted_container_is_killed_by_name(lab, worker_ended, monkeypatch):
    on_path(lab, monkeypatch, "docker", "sleap:1")
    lab.act("hang SIGINT")
    with pytest.raises(KeyboardInterrupt):
        track_video(lab.settings(environment=Environment("docker", "sleap:1")), lab.video, lab.out)
    run, kill = outer_calls(lab)
    assert kill == ["kill", run[run.index("--name") + 1]]
    assert worker_ended()


def test_tracking_works_outside_the_main_thread(lab):
    results = []
    thread = threading.Thread(target=lambda: results.append(track_video(lab.settings(), lab.video, lab.out)))
    thread.start()
    thread.join()
    assert results[0].n_rows == N_FRAMES


def test_a_program_of_another_machine_is_told(lab):
    (lab.bin / "sleap-track").write_bytes(b"\x7fELF of another machine")
    with pytest.raises(TrackerError, match="found a program that does not start: "):
        track_video(lab.settings(), lab.video, lab.out)


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


def test_a_log_of_progress_bars_shows_only_the_last_state(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"a\r\n" + b"".join(b"\r%d%%" % k for k in range(100)) + b"\n\n\xff\n")
    assert tracker_process.last_words(log, 2) == "; its last lines:\n    99%\n    \ufffd\n"
    log.write_bytes(b"")
    assert tracker_process.last_words(log) == "; it printed nothing"
