"""Flow: the ethogram tables of every recording of a study, by the programs given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_link_artifact
from prefect.task_runners import ThreadPoolTaskRunner

from nsp_adapters.inference import EthogramTables, assemble_tables
from nsp_adapters.outputs import Failure
from nsp_adapters.programs import read_program
from nsp_flows.collect import collect
from nsp_flows.extract_features import extract_features
from nsp_tasks.recordings import infer

__all__ = ["infer_ethogram"]


@flow(name="infer-ethogram", task_runner=ThreadPoolTaskRunner(max_workers=2))  # type: ignore[arg-type]  # untyped upstream
def infer_ethogram(
    study_file: Path, program_files: Sequence[Path], out: Path
) -> tuple[EthogramTables | None, list[Failure]]:
    """Run programs over every recording of a study; return where the tables are, and the failures.

    Parameters
    ----------
    study_file
        The study (TOML).
    program_files
        Program files (JSON).
    out
        Output folder; tables go to ``ethograms`` in it.
    """
    features = [name for path in program_files for name in read_program(path).features]
    prepared, _ = extract_features(study_file, out, list(dict.fromkeys(features)) or None)
    futures = [infer.submit(program_files, recording, out) for recording in prepared if program_files]
    parts, failures = collect(
        "infer ethograms", [recording.entry.name for recording in prepared][: len(futures)], futures
    )
    if not parts:
        return None, failures
    tables = assemble_tables(parts, out / "ethograms")
    create_link_artifact(key="ethogram-tables", link=tables.bouts_csv.resolve().as_uri(), description="bout table")
    return tables, failures
