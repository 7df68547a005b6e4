"""The command line that tracks one video, in whatever environment the tracker is installed.

DeepLabCut has no command line of its own that takes all arguments, so its environment's ``python`` runs a script of a
few lines which reads its arguments from a JSON file beside it: no quoting, no standard input (``conda run`` and
containers drop it), no line break in an argument (``conda run`` refuses these).

Containers see the video's folder and the models read-only (a DeepLabCut project writable: it may write its
``inference_cfg.yaml``), and the output folder writable, each at its own path, so that paths in ``config.yaml`` hold.

References
----------
DeepLabCut ``deeplabcut/compat.py`` (analyze_videos, 3.0), https://github.com/DeepLabCut/DeepLabCut
SLEAP ``sleap-track``, https://docs.sleap.ai; sleap-nn ``sleap_nn/cli.py`` (track, predict), https://nn.sleap.ai
``conda run``: https://github.com/conda/conda/issues/9412 (output is held back without --no-capture-output)
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nsp_adapters.tracker_settings import Environment, TrackerError, TrackerSettings

__all__ = ["Launch", "deeplabcut_call", "prepare_launch", "sleap_words"]

_SCRIPT_NAME, _JOB_NAME = "run_deeplabcut.py", "run_deeplabcut.json"
_DEEPLABCUT_SCRIPT = """\
import json
import sys

import deeplabcut

with open(sys.argv[1], encoding="utf-8") as stream:
    job = json.load(stream)
deeplabcut.analyze_videos(job["config"], job["videos"], destfolder=job["destfolder"], **job["options"])
"""

# Output line by line, no window, no question: these hold in the tracker's environment only.
_SET = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "MPLBACKEND": "Agg", "DLClight": "True"}
# What points a Python at this software's packages instead of its own.
_UNSET = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
_SUBCOMMANDS = {"sleap-nn-track": "track", "sleap-nn-predict": "predict"}


@dataclass(frozen=True, slots=True)
class Launch:
    """A program to start.

    Attributes
    ----------
    command
        Program and arguments; no shell sees them.
    variables
        The whole environment of the process.
    stop_command
        What to run as well when the process is killed: a container outlives the program that started it.
    """

    command: tuple[str, ...]
    variables: Mapping[str, str]
    stop_command: tuple[str, ...] = ()


def prepare_launch(settings: TrackerSettings, video: Path, output: Path, scratch: Path) -> Launch:
    """Return what to start so that ``video`` is tracked; files it needs are written to ``scratch``.

    Parameters
    ----------
    settings
        Tracker, models, environment, arguments.
    video
        The video.
    output
        SLEAP: the file to write. DeepLabCut: the folder to write to, since it names its files itself.
    scratch
        An empty folder that lives as long as the run.

    Raises
    ------
    TrackerError
        If the program is not there.
    """
    if settings.tracker == "deeplabcut":
        words = ["python", *_write_deeplabcut_job(settings, video, output, scratch)]
    else:
        words = sleap_words(settings, video, output)
    environment = settings.environment
    if environment.kind in ("docker", "apptainer"):
        folders = _mounts(settings, video, output, scratch)
        return _in_container(environment, words, folders)
    variables = {name: value for name, value in os.environ.items() if name not in _UNSET} | _SET
    if environment.kind == "conda":
        by = "-p" if os.sep in environment.target or "/" in environment.target else "-n"
        program = _find(environment.program or "conda", None)
        # mamba and micromamba show output as it comes, and do not know the option.
        live = ("--no-capture-output",) if Path(program).stem == "conda" else ()
        return Launch((program, "run", *live, by, environment.target, *words), variables)
    if environment.kind == "prefix":
        variables["PATH"] = os.pathsep.join([*_program_folders(Path(environment.target)), variables.get("PATH", "")])
        program = _find(words[0], os.pathsep.join(_program_folders(Path(environment.target))))
    else:
        program = _find(words[0], None)
    return Launch((program, *words[1:]), variables)


def deeplabcut_call(settings: TrackerSettings, video: Path, output: Path) -> dict[str, object]:
    """Return the arguments of ``deeplabcut.analyze_videos`` for one video: three by name, the others as ``options``."""
    return {
        "config": str(settings.models[0].absolute()),
        "videos": [str(video.absolute())],
        "destfolder": str(output),
        "options": settings.deeplabcut_options(),
    }


def sleap_words(settings: TrackerSettings, video: Path, output: Path) -> list[str]:
    """Return the command line of SLEAP for one video: the program and its arguments."""
    models = [str(model.absolute()) for model in settings.models]
    source, target = str(video.absolute()), str(output)
    if settings.tracker == "sleap-track":
        words = ["sleap-track", source, *(word for model in models for word in ("-m", model)), "-o", target]
    else:
        options = [word for model in models for word in ("--model_paths", model)]
        command = ["sleap-nn", _SUBCOMMANDS[settings.tracker], "--data_path", source]
        words = [*command, *options, "--output_path", target]
    return [*words, *settings.arguments]


def _write_deeplabcut_job(settings: TrackerSettings, video: Path, output: Path, scratch: Path) -> tuple[str, str]:
    script, job = scratch / _SCRIPT_NAME, scratch / _JOB_NAME
    script.write_text(_DEEPLABCUT_SCRIPT, encoding="utf-8")
    job.write_text(json.dumps(deeplabcut_call(settings, video, output)), encoding="utf-8")
    return str(script), str(job)


def _in_container(environment: Environment, words: Sequence[str], folders: Mapping[str, bool]) -> Launch:
    program = _find(environment.program or environment.kind, None)
    variables = dict(os.environ)
    if environment.kind == "docker":
        name = f"nsp-tracker-{secrets.token_hex(6)}"
        command = [program, "run", "--rm", "--init", "--name", name]
        # Without this the files belong to root and this process could not move them.
        command += ["--user", f"{os.getuid()}:{os.getgid()}"] if sys.platform != "win32" else []
        command += ["--gpus", "all"] if environment.gpu else []
        for folder, writable in folders.items():
            read_only = "" if writable else ",readonly"
            command += ["--mount", f"type=bind,source={folder},target={folder}{read_only}"]
        # A user without a home cannot write settings to it.
        for variable, value in (_SET | {"HOME": "/tmp"}).items():  # noqa: S108  (inside the container)
            command += ["--env", f"{variable}={value}"]
        return Launch((*command, environment.target, *words), variables, (program, "kill", name))
    command = [program, "exec", *(["--nv"] if environment.gpu else [])]
    for folder, writable in folders.items():
        command += ["--bind", f"{folder}:{folder}:{'rw' if writable else 'ro'}"]
    for variable, value in _SET.items():
        command += ["--env", f"{variable}={value}"]
    return Launch((*command, environment.target, *words), variables)


def _mounts(settings: TrackerSettings, video: Path, output: Path, scratch: Path) -> dict[str, bool]:
    """Return the folders a container must see, and whether it may write there."""
    deeplabcut = settings.tracker == "deeplabcut"
    # A link must be followed by its name and lead to where it points.
    folders = {path.parent: False for path in (video.absolute(), video.resolve())}
    for model in settings.models:
        for path in (model.absolute(), model.resolve()):
            folders[path.parent if path.is_file() else path] = deeplabcut
    folders |= {scratch: True, output if deeplabcut else output.parent: True}
    return {str(folder): writable for folder, writable in folders.items()}


def _program_folders(prefix: Path) -> list[str]:
    return [str(prefix / name) for name in (("", "Scripts", "Library/bin") if sys.platform == "win32" else ("bin",))]


def _find(program: str, folders: str | None) -> str:
    found = shutil.which(program, path=folders)
    if found is not None:
        return found
    raise TrackerError(
        found=f"no program {program!r}",
        expected="the tracker's program" if folders is not None else "a program on the PATH",
        where=folders or "PATH",
        remedy="name the environment in which the tracker is installed (conda, prefix, docker, apptainer)",
    )
