"""How to run a pose tracker: which one, in which environment, with which model, for how long at most.

=====================  =====================================================================================
tracker                what is run for one video
=====================  =====================================================================================
``deeplabcut``         ``deeplabcut.analyze_videos(config, [video], destfolder=..., shuffle=..., ...)``
``sleap-track``        ``sleap-track VIDEO -m MODEL -m MODEL -o OUTPUT`` (SLEAP; from 1.5 on an adaptor of it)
``sleap-nn-track``     ``sleap-nn track --data_path VIDEO --model_paths MODEL ... --output_path OUTPUT``
``sleap-nn-predict``   ``sleap-nn predict --data_path VIDEO ...`` (sleap-nn 0.3+, before: exported models)
=====================  =====================================================================================

=================  =============================  ===========================================================
environment        ``target``                     how
=================  =============================  ===========================================================
``path``           none                           the programs found on the PATH
``prefix``         folder of a virtual or conda   the programs in its ``bin`` (Windows: ``Scripts``)
                   environment
``conda``          name, or path of the folder    ``conda run --no-capture-output -n NAME`` (or ``-p PATH``)
``docker``         image                          ``docker run --rm``, folders mounted at their own paths
``apptainer``      image                          ``apptainer exec``, likewise
``in-process``     none                           imported here; cannot be stopped, so it takes no time limit, and
                                                  only what it prints through Python is logged; not for sleap-track
=================  =============================  ===========================================================

Arguments beyond these: for SLEAP the words of the command line, ``("--tracking.tracker", "simple")`` or, for sleap-nn,
``("--tracking", "--max_instances", "2")`` (without one of them two animals come without identities); for DeepLabCut
``name=value`` with values in JSON, ``("shuffle=2", 'device="cuda:0"')``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from nsp_adapters.manifest import file_sha256
from nsp_core.errors import MissingFileError, NspError, StudyError

__all__ = ["Environment", "Tracker", "TrackerError", "TrackerSettings", "run_digest"]

Tracker = Literal["deeplabcut", "sleap-track", "sleap-nn-track", "sleap-nn-predict"]
EnvironmentKind = Literal["path", "prefix", "conda", "docker", "apptainer", "in-process"]

_NEEDS_TARGET = ("prefix", "conda", "docker", "apptainer")
# Names that analyze_videos would take twice, or with which no pose file comes out.
_RESERVED = ("config", "videos", "destfolder", "auto_track", "videotype")
# What belongs to a model in its folder: no log, figure or score, and nothing that tracking itself writes there.
_MODEL_ENDINGS = (".yaml", ".json", ".h5", ".keras", ".ckpt", ".pt", ".pb", ".index", ".meta", ".onnx", ".trt")
# Up to this size a model file is hashed, above it its size speaks for it: gigabytes would be read at every call.
_HASHED_BYTES = 1 << 26
_SAMPLE_BYTES = 1 << 20


class TrackerError(NspError, RuntimeError):
    """The tracker failed, was stopped, or left no usable output."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the tracker is installed; see the table above.

    Attributes
    ----------
    kind
        One of the kinds in the table.
    target
        Name, folder or image; empty where the kind needs none.
    program
        Another program of the same usage instead of ``conda`` (``mamba``, ``micromamba``), ``docker`` (``podman``) or
        ``apptainer`` (``singularity``), by name or path.
    gpu
        Whether a container gets the GPUs (``--gpus all``, ``--nv``); other kinds see them anyway.

    Raises
    ------
    StudyError
        If the kind is unknown, or its target is missing or superfluous.
    """

    kind: EnvironmentKind = "path"
    target: str = ""
    program: str = ""
    gpu: bool = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(EnvironmentKind):
            raise _unknown("environment", self.kind, get_args(EnvironmentKind))
        if bool(self.target) != (self.kind in _NEEDS_TARGET):
            raise StudyError(
                found=f"target {self.target!r}" if self.target else "no target",
                expected="a name, folder or image" if self.kind in _NEEDS_TARGET else "none",
                where=f"tracker environment {self.kind!r}",
                remedy="state target" if self.kind in _NEEDS_TARGET else "leave target out, or choose another kind",
            )


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """One way to track videos.

    Attributes
    ----------
    tracker
        Which program; see the table above.
    models
        DeepLabCut: the project's ``config.yaml``. SLEAP: one or several model folders, in the order of ``-m``.
    environment
        Where it is installed.
    arguments
        Further arguments; see above.
    timeout_s
        Seconds after which the tracker is killed; None for no limit.

    Raises
    ------
    StudyError
        If a value is impossible.
    """

    tracker: Tracker
    models: tuple[Path, ...]
    environment: Environment = field(default_factory=Environment)
    arguments: tuple[str, ...] = ()
    timeout_s: float | None = None

    def __post_init__(self) -> None:
        if self.tracker not in get_args(Tracker):
            raise _unknown("tracker", self.tracker, get_args(Tracker))
        if not self.models or (self.tracker == "deeplabcut" and len(self.models) > 1):
            raise StudyError(
                found=f"{len(self.models)} models",
                expected="one config.yaml" if self.tracker == "deeplabcut" else "at least one model folder",
                where=self.tracker,
                remedy="correct models",
            )
        if self.timeout_s is not None and not (self.timeout_s > 0 and self.environment.kind != "in-process"):
            in_process = self.environment.kind == "in-process"
            raise StudyError(
                found=f"timeout_s = {self.timeout_s}",
                expected="none: what runs in this process cannot be stopped" if in_process else "seconds above 0",
                where=self.tracker,
                remedy="leave timeout_s out, or run the tracker in another environment" if in_process else "correct it",
            )
        if self.tracker == "sleap-track" and self.environment.kind == "in-process":
            raise StudyError(
                found="sleap-track in this process",
                expected="a program of its own",
                where="tracker environment 'in-process'",
                remedy="choose path, prefix or conda, or sleap-nn-track",
            )
        if self.tracker == "deeplabcut":
            self.deeplabcut_options()

    def deeplabcut_options(self) -> dict[str, object]:
        """Return ``arguments`` as keyword arguments of ``analyze_videos``; text that is no JSON stays text.

        Raises
        ------
        StudyError
            If one is not ``name=value``, is given twice, or is set by this software.
        """
        options: dict[str, object] = {}
        for argument in self.arguments:
            name, equals, value = argument.partition("=")
            if not (equals and name.isidentifier()) or name in _RESERVED or name in options:
                raise StudyError(
                    found=f"the argument {argument!r}",
                    expected=f"name=value, each name once, none of {', '.join(_RESERVED)}",
                    where="deeplabcut",
                    remedy="correct it, for example shuffle=2",
                )
            try:
                options[name] = json.loads(value)
            except ValueError:
                options[name] = value
        return options

    def require_models(self) -> None:
        """Check that the models are there.

        Raises
        ------
        MissingFileError
            If one is not.
        """
        for model in self.models:
            if not model.exists() or (self.tracker == "deeplabcut" and not model.is_file()):
                raise MissingFileError(
                    found="no such model",
                    expected="config.yaml of the project"
                    if self.tracker == "deeplabcut"
                    else "a trained model's folder",
                    where=str(model),
                    remedy="correct the path of the model",
                )


def run_digest(settings: TrackerSettings, video: Path) -> str:
    """Return 64 hexadecimal digits that name this video tracked by this model with these arguments.

    The environment counts by its kind and target (it decides the tracker's version), model files up to 64 MiB by their
    content, larger ones by their size, the video by its name, size, first and last mebibyte. For DeepLabCut the model
    is ``config.yaml`` and what the ``train`` folders below ``dlc-models*`` beside it hold.
    """
    environment = (settings.environment.kind, settings.environment.target)
    models = [_model_files(model, settings.tracker) for model in settings.models]
    parts = [settings.tracker, environment, list(settings.arguments), models, _video_sample(video)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _model_files(model: Path, tracker: Tracker) -> list[tuple[str, str]]:
    files = [model] if model.is_file() else sorted(path for path in model.rglob("*") if path.suffix in _MODEL_ENDINGS)
    root = model.parent
    if tracker == "deeplabcut":
        trained = (path for folder in root.glob("dlc-models*") for path in folder.rglob("train/*"))
        files += sorted(path for path in trained if path.suffix in _MODEL_ENDINGS or path.name.startswith("snapshot"))
    return [(path.relative_to(root).as_posix(), _content(path)) for path in files if path.is_file()]


def _content(path: Path) -> str:
    n_bytes = path.stat().st_size
    return file_sha256(path) if n_bytes <= _HASHED_BYTES else f"{n_bytes} bytes"


def _video_sample(video: Path) -> tuple[str, int, str]:
    n_bytes = video.stat().st_size
    with video.open("rb") as stream:
        sample = stream.read(_SAMPLE_BYTES)
        stream.seek(max(0, n_bytes - _SAMPLE_BYTES))
        sample += stream.read()
    return video.name, n_bytes, hashlib.sha256(sample).hexdigest()


def _unknown(what: str, found: str, known: tuple[str, ...]) -> StudyError:
    return StudyError(
        found=f"the {what} {found!r}", expected=f"one of {', '.join(known)}", where="tracker", remedy="correct its name"
    )
