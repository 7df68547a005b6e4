"""Run programs over recordings and keep the tables: a part per recording, then the tables of all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import xarray as xr

from nsp_adapters.manifest import path_sha256
from nsp_adapters.pose_import import BY_CONTENT
from nsp_adapters.recordings import PreparedRecording, features_of_file, open_features, refer_features
from nsp_adapters.tables import assemble, find_part, write_part
from nsp_core.ethogram.predict import predict_tables
from nsp_core.ethogram.tables import concat_bouts
from nsp_core.program import ProgramArtifact
from nsp_core.provenance import CORE_VERSION, digest
from nsp_core.study import PoseSettings, RecordingEntry

__all__ = ["EthogramTables", "assemble_tables", "infer_file", "infer_recording"]


@dataclass(frozen=True, slots=True)
class EthogramTables:
    """Where the tables of a run are."""

    bouts_parquet: Path
    bouts_csv: Path
    frames_parquet: Path


def infer_recording(programs: Sequence[ProgramArtifact], recording: PreparedRecording, out: Path) -> Path:
    """Return the part with what ``programs`` say of one recording of a study, computing it only if there is none.

    Only the features that the programs name are read, and only a change of these makes a new part.

    Raises
    ------
    FeatureError
        If the recording was prepared without a feature that a program names.
    """
    needed = tuple(dict.fromkeys(name for program in programs for name in program.features))
    used = refer_features(recording, needed)
    key = digest(CORE_VERSION, sorted(program.program_id for program in programs), used.digest)
    part = find_part(out, recording.entry.name, key)
    if part is not None:
        return part
    features = open_features(recording, needed)
    return _write(programs, [features] * len(programs), recording.entry.name, key, out)


def infer_file(program: ProgramArtifact, entry: RecordingEntry, out: Path, settings: PoseSettings = BY_CONTENT) -> Path:
    """Return the part with what ``program`` says of a pose file that belongs to no study, read as ``settings`` say.

    Only the features the program names are computed.

    Raises
    ------
    NspError
        If the file cannot be read, lacks what the program needs, or has no scale where the program is in millimeters.
    """
    how = [entry.fps, entry.scale_mm_per_px, entry.name, entry.arena, settings]
    key = digest(CORE_VERSION, program.program_id, path_sha256(Path(entry.pose_path)), how)
    part = find_part(out, entry.name, key)
    if part is not None:
        return part
    features = features_of_file(
        entry,
        cleaning=program.cleaning,
        roles=program.roles,
        length_unit=program.length_reference,
        names=program.features,
        n_animals=1 if program.behavior.kind == "solitary" else 2,
        settings=settings,
    )
    return _write([program], [features], entry.name, key, out)


def assemble_tables(parts: Sequence[Path], out: Path) -> EthogramTables:
    """Write ``bouts.parquet``, ``bouts.csv`` and ``frames.parquet`` of all ``parts`` into ``out``."""
    return EthogramTables(*assemble(parts, out))


def _write(
    programs: Sequence[ProgramArtifact], features: Iterable[xr.Dataset], recording: str, key: str, out: Path
) -> Path:
    bouts: list[pd.DataFrame] = []
    frames: list[pd.DataFrame] = []
    for program, dataset in zip(programs, features, strict=True):
        program_bouts, program_frames = predict_tables(program, dataset)
        bouts.append(program_bouts)
        frames.append(program_frames)
    return write_part(out, recording, key, concat_bouts(bouts), frames)
