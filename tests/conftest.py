"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from nsp_adapters.simulated import write_simulated_study

# Several threads would wait for each other on a shared machine; results do not depend on their number.
os.environ.setdefault("OMP_NUM_THREADS", "1")

PROJECT = Path(__file__).resolve().parent.parent

# The shortest simulation in which both behaviors occur in every recording, and the least a search can do.
SMALL_STUDY = {"seed": 0, "n_recordings": 4, "minutes": 0.25}
SMALL_SEARCH = """
[search]
seeds = [0]
max_complexity = 4

# The words of the planted rules and a few others: with all there are, the baselines would take minutes.
[features]
use = ["centroid_distance", "nose_to_nose", "nose_to_body", "facing_angle", "speed", "nose_speed", "approach_speed"]
"""


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """What one undisturbed ``nsp run`` of the small study read, left behind and printed."""

    study_file: Path
    out: Path
    output: str


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the flows: their files take longest, and at the end one worker would wait for the other."""
    items.sort(key=lambda item: "flows" not in item.path.parts)


@pytest.fixture(scope="session")
def nsp_data() -> Path:
    """Folder of the real recordings; tests that need it are skipped, saying so, where it is absent."""
    folder = Path(os.environ.get("NSP_DATA", PROJECT.parent / "shared" / "data"))
    if not (folder / "rats_resident_intruder_dlc").is_dir():
        pytest.skip(f"real recordings not found under {folder}: set NSP_DATA")
    return folder


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """File of a study of two behaviors in four recordings of a quarter of a minute; tests must not change it."""
    study_file = write_simulated_study(tmp_path_factory.mktemp("small-study"), **SMALL_STUDY)
    study_file.write_text(study_file.read_text(encoding="utf-8") + SMALL_SEARCH, encoding="utf-8")
    return study_file


@pytest.fixture(scope="session")
def start_python() -> Callable[..., subprocess.Popen[str]]:
    """Start a fresh Python that knows the packages, whether or not they are installed: ``start(code, *arguments)``."""

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        folders = [str(PROJECT / name) for name in ("", "adapters", "tasks", "flows")]
        return subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(folders), "PYTHONIOENCODING": "utf-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    return start


@pytest.fixture(scope="session")
def finished_run(
    small_study: Path, tmp_path_factory: pytest.TempPathFactory, start_python: Callable[..., subprocess.Popen[str]]
) -> FinishedRun:
    """The small study, run once by the command in a process of its own; tests must not change what it left."""
    out = tmp_path_factory.mktemp("finished") / "out"
    command = ["run", small_study, "--out", out, "--workers", "1"]
    process = start_python("from nsp_flows.cli import main; main()", *command)
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    assert "Warning" not in errors
    return FinishedRun(small_study, out, output)


@pytest.fixture
def nsp(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Sequence[object]], tuple[int, str, str]]:
    """Run the command in this process: ``nsp([argument, ...])`` returns exit code, output and error output."""
    from nsp_flows.cli import main

    def run(arguments: Sequence[object]) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nsp", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        return int(ended.value.code or 0), output, errors

    return run


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Return the bytes of every file below a folder, by relative path, save logs, which tell times."""

    def read(folder: Path) -> dict[str, bytes]:
        files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
        return {name.as_posix(): path.read_bytes() for name, path in files.items() if name.parts[0] != "log"}

    return read
