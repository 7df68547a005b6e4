"""Which study the demonstration runs: the rats where their recordings are at hand, else a simulated one."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from nsp_adapters.simulated import write_simulated_study
from nsp_adapters.study import read_study
from nsp_core.study import Study

__all__ = ["demo_study"]

RATS_FOLDER = "rats_resident_intruder_dlc"
RATS_STUDY = "rats.toml"


def demo_study(data: Path, out: Path, *, seed: int | None = None) -> Study:
    """Return the rat study if ``data`` has its recordings, else a simulated study written into ``out``.

    Parameters
    ----------
    data
        Folder of real recordings; it need not exist.
    out
        Output folder of the demonstration.
    seed
        In place of the study's own seeds, and for the simulation.
    """
    if (data / RATS_FOLDER).is_dir():
        study = read_study(_rats_study(), environment={"NSP_DATA": str(data.resolve())})
    else:
        study = read_study(write_simulated_study(out / "simulated", seed=seed or 0), environment={})
    if seed is None:
        return study
    return replace(study, search=replace(study.search, seeds=(seed,)))


def _rats_study() -> Path:
    """Return the study file: in a checkout below ``deployments``, of an installed wheel below ``share``."""
    checkout = Path(__file__).resolve().parents[2] / "deployments" / "studies" / RATS_STUDY
    return checkout if checkout.is_file() else Path(sys.prefix) / "share" / "nsp-ethogram" / "studies" / RATS_STUDY
