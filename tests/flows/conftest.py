"""A Prefect of its own for these tests: no telemetry, no network, nothing left in the home folder.

Prefect reads its settings when it is first imported, hence the environment is set here and not in a fixture.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nsp_adapters.study import read_study

PREFECT_HOME = tempfile.mkdtemp(prefix="nsp-tests-prefect-")
atexit.register(shutil.rmtree, PREFECT_HOME, ignore_errors=True)
SERVER_STARTUP_S = 600  # half a minute alone, several on a machine that is busy

os.environ |= {
    "PREFECT_HOME": PREFECT_HOME,
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "WARNING",
}


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A temporary Prefect server with an empty database, for all tests that run flows."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=SERVER_STARTUP_S):
        yield


@pytest.fixture(scope="session")
def bad_study(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small study with six more training recordings, each bad in its own way, and a behavior nobody annotated."""
    folder = Path(shutil.copytree(small_study.parent, tmp_path_factory.mktemp("bad") / "study"))
    poses, labels = folder / "poses", folder / "labels"
    rows = _csv_rows(next(poses.glob("sim01DLC*.csv")))
    names = ("cut", "unlabeled", "longer", "unseen", "alone", "gone")
    for name in names:
        _write_csv(poses / f"{name}DLC.csv", rows)
        (labels / f"{name}.csv").write_text((labels / "sim01.csv").read_text().replace("sim01", name))
    (poses / "goneDLC.csv").unlink()
    (labels / "unlabeled.csv").unlink()
    (poses / "cutDLC.csv").write_text((poses / "cutDLC.csv").read_text()[:-100])
    beyond_the_end = ["longer", "", "", "contact", "900", "960", "simulated annotator"]
    _write_csv(labels / "longer.csv", [*_csv_rows(labels / "longer.csv"), beyond_the_end])
    kept = [who != "mouse2" for who in rows[1]]
    emptied = [[cell if keep else "" for cell, keep in zip(row, kept, strict=True)] for row in rows[4:]]
    _write_csv(poses / "unseenDLC.csv", [*rows[:4], *emptied])
    _write_csv(poses / "aloneDLC.csv", [[row[n] for n, keep in enumerate(kept) if keep] for row in rows])
    study_file = folder / "study.toml"
    with study_file.open("a") as stream:
        files = ", ".join(f'"poses/{name}DLC.csv"' for name in names)
        stream.write(f'\n[[recordings]]\nfiles = [{files}]\nrole = "train"\nlabels = "labels/{{recording}}.csv"\n')
        stream.write('\n[[behaviors]]\nname = "grooming"\nkind = "undirected"\n')
    return study_file


@pytest.fixture(scope="session")
def bad_batch(finished_run: Any, bad_study: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """Outcome and output folder of the bad study, run in a copy of the run of the same study without what is bad."""
    from nsp_flows.local import run_locally

    out = Path(shutil.copytree(finished_run.out, tmp_path_factory.mktemp("batch") / "out"))
    return run_locally(read_study(bad_study, environment={}), out, n_workers=1), out


def _csv_rows(path: Path) -> list[list[str]]:
    return [line.split(",") for line in path.read_text().splitlines()]


def _write_csv(path: Path, rows: list[list[str]]) -> None:
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")
