"""What a run leaves beside its tables: scores, failures and the manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nsp_adapters.atomic import atomic_write_text, sweep_stale
from nsp_adapters.inference import EthogramTables
from nsp_adapters.manifest import (
    MANIFEST_NAME,
    InputFile,
    Manifest,
    describe_input,
    describe_outputs,
    software_version,
    write_manifest,
)
from nsp_adapters.recordings import PreparedRecording
from nsp_adapters.synthesis import Publication
from nsp_adapters.tables import write_table_csv
from nsp_core.errors import NspError
from nsp_core.provenance import CORE_VERSION
from nsp_core.study import Study, study_digest

__all__ = ["Failure", "sweep_outputs", "write_run_outputs"]

SCORES_NAME, FAILURES_NAME = "scores.json", "failures.csv"
# Everywhere a run writes to: a killed one may have left temporaries in any of these.
_WRITTEN_TO = ("recordings", "recordings/*.zarr", "search", "log", "programs", "ethograms", "ethograms/parts")


@dataclass(frozen=True, slots=True)
class Failure:
    """A recording or behavior that could not be done, where, and why; the others went on."""

    subject: str
    stage: str
    error: str

    @classmethod
    def of(cls, subject: str, stage: str, error: NspError) -> Failure:
        """Return the failure that ``error`` is, told in one line; the example in it stays, with slashes for lines."""
        first, *example = str(error).splitlines()
        return cls(subject, stage, f"{first} {' / '.join(example)}" if example else first)


def sweep_outputs(out: Path) -> tuple[Path, ...]:
    """Remove the temporaries that dead runs left anywhere in the output folder ``out`` and return their paths."""
    folders = [out, *(folder for pattern in _WRITTEN_TO for folder in sorted(out.glob(pattern)))]
    return tuple(path for folder in folders for path in sweep_stale(folder))


def write_run_outputs(
    study: Study,
    recordings: Sequence[PreparedRecording],
    publications: Sequence[Publication],
    tables: EthogramTables | None,
    failures: Sequence[Failure],
    out: Path,
) -> Path:
    """Write ``scores.json``, ``failures.csv`` and ``manifest.json`` into ``out`` and return the manifest's path."""
    scores = {publication.behavior: publication.scores for publication in publications}
    _write_json(out / SCORES_NAME, scores)
    table = pd.DataFrame(
        [(failure.subject, failure.stage, failure.error) for failure in failures],
        columns=["subject", "stage", "error"],
        dtype="string",
    )
    write_table_csv(out / FAILURES_NAME, table)
    written = [out / SCORES_NAME, out / FAILURES_NAME, *(publication.program_path for publication in publications)]
    if tables is not None:
        written += [tables.bouts_parquet, tables.bouts_csv, tables.frames_parquet]
    manifest = Manifest(
        software_version=software_version(),
        core_version=CORE_VERSION,
        study_digest=study_digest(study),
        seeds=study.search.seeds,
        inputs={one.entry.name: _inputs(one) for one in recordings},
        outputs=describe_outputs(out, written),
        programs={publication.behavior: publication.program_id for publication in publications},
    )
    write_manifest(out / MANIFEST_NAME, manifest)
    return out / MANIFEST_NAME


def _inputs(recording: PreparedRecording) -> tuple[InputFile, ...]:
    entry = recording.entry
    poses = InputFile(file_name=Path(entry.pose_path).name, sha256=recording.pose_sha256, n_frames=recording.n_frames)
    labels = Path(entry.label_path) if entry.label_path is not None else None
    return (poses, describe_input(labels)) if labels is not None and labels.is_file() else (poses,)


def _write_json(path: Path, values: Mapping[str, object]) -> None:
    atomic_write_text(path, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
