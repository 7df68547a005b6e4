"""Is the installation sound? Versions, and a small simulated recording all the way from tracker file to ethogram."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from nsp_adapters.inference import infer_file
from nsp_adapters.simulated import write_simulated_study
from nsp_adapters.study import read_study
from nsp_adapters.tables import BOUTS_PARQUET, read_bout_table
from nsp_core.dsl.text import parse_program
from nsp_core.errors import NspError
from nsp_core.program import ProgramArtifact
from nsp_core.simulate import CONTACT_RULE

__all__ = ["examine"]

PACKAGES = (
    "nsp-ethogram", "numpy", "pandas", "xarray", "zarr", "pyarrow", "scipy", "scikit-learn", "torch", "prefect",
    "fastapi", "sqlalchemy", "typer", "rich",
)  # fmt: skip


def examine(say: Callable[[str], None]) -> list[str]:
    """Print versions and the result of a trial through ``say``; return the problems found."""
    problems = []
    say(f"python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for package in PACKAGES:
        try:
            say(f"{package} {version(package)}")
        except PackageNotFoundError:
            problems.append(f"{package} is not installed")
    problems += _trial(say)
    for problem in problems:
        say(f"problem: {problem}")
    say("all is well" if not problems else f"{len(problems)} problems")
    return problems


def _trial(say: Callable[[str], None]) -> list[str]:
    with TemporaryDirectory() as folder:
        try:
            study = read_study(write_simulated_study(Path(folder), seed=0, n_recordings=4, minutes=1.0), environment={})
            behavior = next(one for one in study.behaviors if one == CONTACT_RULE.behavior)
            program = ProgramArtifact(
                behavior, parse_program(str(CONTACT_RULE)), study.roles, study.cleaning, study.length_reference
            )
            part = infer_file(program, study.recordings[0], Path(folder) / "out")
            n_bouts = len(read_bout_table(part / BOUTS_PARQUET))
        except NspError as error:
            return [f"the trial failed: {error}"]
    say(f"trial: {n_bouts} bouts of '{behavior.name}' in a simulated minute by the rule {CONTACT_RULE}")
    return [] if n_bouts else ["the trial found no bout, but several were planted"]
