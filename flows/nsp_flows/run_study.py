"""Flow: a whole study, from tracker files to ethogram tables."""

from __future__ import annotations

import os
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_table_artifact

from nsp_adapters.outputs import sweep_outputs, write_run_outputs
from nsp_adapters.study import read_study
from nsp_flows.extract_features import extract_features
from nsp_flows.infer_ethogram import infer_ethogram
from nsp_flows.outcome import RunOutcome
from nsp_flows.synthesize_programs import synthesize_programs

__all__ = ["run_study"]


@flow(name="run-study")
def run_study(study_file: Path, out: Path) -> RunOutcome:
    """Leave programs, ethograms, scores and a manifest in ``out``; what is there and up to date is kept.

    Parameters
    ----------
    study_file
        The study (TOML).
    out
        Output folder.
    """
    sweep_outputs(out)
    published, failures = synthesize_programs(study_file, out)
    program_files = [publication.program_path for publication in published]
    tables, not_inferred = infer_ethogram(study_file, program_files, out)
    failures = [*failures, *not_inferred]
    if failures:
        rows = [{"subject": one.subject, "stage": one.stage, "error": one.error} for one in failures]
        create_table_artifact(key="failures", table=rows, description="recordings and behaviors that failed")
    prepared, _ = extract_features(study_file, out)
    study = read_study(study_file, environment=os.environ)
    manifest = write_run_outputs(study, prepared, published, tables, failures, out)
    return RunOutcome(tuple(published), tables, tuple(failures), manifest)
