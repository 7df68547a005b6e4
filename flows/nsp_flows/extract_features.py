"""Flow: the features of every recording of a study, in the store."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from nsp_adapters.outputs import Failure
from nsp_adapters.recordings import PreparedRecording
from nsp_adapters.study import read_study
from nsp_flows.collect import collect
from nsp_tasks.recordings import extract

__all__ = ["extract_features"]


@flow(name="extract-features", task_runner=ThreadPoolTaskRunner(max_workers=2))  # type: ignore[arg-type]  # untyped upstream
def extract_features(
    study_file: Path, out: Path, names: Sequence[str] | None = None
) -> tuple[list[PreparedRecording], list[Failure]]:
    """Compute what is missing or out of date, and return a reference per recording, and the failures.

    Parameters
    ----------
    study_file
        The study (TOML).
    out
        Output folder; features go to ``recordings/<recording>.zarr`` in it.
    names
        Features to have; None for those the study names or, where it names none, all that the catalog offers.
    """
    study = read_study(study_file, environment=os.environ)
    futures = [extract.submit(entry, study, out, names) for entry in study.recordings]
    return collect("extract features", [entry.name for entry in study.recordings], futures)
