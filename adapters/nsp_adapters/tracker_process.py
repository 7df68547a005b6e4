"""Running a program for hours: its output goes to a file as it comes, and it never outlives us.

The program leads a process group of its own. At the time limit, at Ctrl+C, at a termination signal (what a batch system
sends before it kills) and at any error here, the whole group is asked to end and, if it does not, killed. A container
does not belong to the group of the program that started it, so :attr:`Launch.stop_command` is run too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from nsp_adapters.tracker_commands import Launch
from nsp_adapters.tracker_settings import TrackerError

__all__ = ["last_words", "run_logged"]

# Time to write what it has, before it is killed.
_GRACE_S = 10.0
_STOP_COMMAND_S = 60.0
_TAIL_BYTES = 1 << 16


def run_logged(launch: Launch, log: Path, *, timeout_s: float | None, cwd: Path) -> int:
    """Run ``launch`` to its end and return its exit code; both of its outputs are added to ``log`` as they come.

    Raises
    ------
    TrackerError
        If it could not be started, or was killed after ``timeout_s`` seconds.
    """
    with log.open("ab") as stream, _termination_raises():
        try:
            # The words were put together from settings the user wrote; no shell takes them apart.
            process = subprocess.Popen(  # noqa: S603
                launch.command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=dict(launch.variables),
                cwd=cwd,
                start_new_session=sys.platform != "win32",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        except OSError as error:
            raise TrackerError(
                found=f"a program that does not start: {error.strerror or error}",
                expected="the tracker",
                where=launch.command[0],
                remedy="check that the environment is complete and made for this machine",
            ) from error
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise TrackerError(
                found=f"no end after {timeout_s:g} s{last_words(log)}",
                expected="a result within the time limit",
                where=str(log),
                remedy="raise timeout_s, or track on a faster machine; nothing was kept",
            ) from error
        finally:
            if process.returncode is None:
                _end(process, launch)


def last_words(log: Path, n_lines: int = 12) -> str:
    """Return the last lines of ``log`` that say something, indented, to be put into an error message."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        text = stream.read().decode("utf-8", errors="replace")
    # A progress bar rewrites its line with carriage returns: only its last state counts.
    lines = [line.rstrip().rpartition("\r")[2] for line in text.replace("\r\n", "\n").split("\n")]
    told = [line for line in lines if line.strip()][-n_lines:]
    return f"; its last lines:{''.join(f'{chr(10)}    {line}' for line in told)}\n" if told else "; it printed nothing"


def _end(process: subprocess.Popen[bytes], launch: Launch) -> None:
    try:
        if launch.stop_command:
            _run_quietly(launch.stop_command)
        _signal_group(process, force=False)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
    finally:
        # Also when the leader has ended (children of it may not have), and when a second Ctrl+C cuts the grace short.
        _signal_group(process, force=True)
        process.wait()


def _run_quietly(command: tuple[str, ...]) -> None:
    nothing = subprocess.DEVNULL
    with suppress(OSError, subprocess.TimeoutExpired):
        # The command was put together beside the one that it stops.
        subprocess.run(  # noqa: S603
            command, stdin=nothing, stdout=nothing, stderr=nothing, timeout=_STOP_COMMAND_S, check=False
        )


def _signal_group(process: subprocess.Popen[bytes], *, force: bool) -> None:
    if sys.platform == "win32":
        # The only way to end a whole tree there.
        _run_quietly(("taskkill", "/T", *(("/F",) if force else ()), "/PID", str(process.pid)))
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL if force else signal.SIGTERM)


@contextmanager
def _termination_raises() -> Iterator[None]:
    """Turn a termination signal into an exception, so that the program is ended before we are."""
    if threading.current_thread() is not threading.main_thread():
        # Python lets only the main thread set handlers.
        yield
        return
    before = signal.signal(signal.SIGTERM, _exit_by_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit_by_signal(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
