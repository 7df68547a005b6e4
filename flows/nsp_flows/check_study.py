"""Can a study be used? What its recordings look like as tracked and as annotated, before anything is computed.

Poses are judged before they are cleaned, and labels are read as a run would read them. A recording that cannot be used
is told with its reason, and the others go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import xarray as xr
from rich.console import Console
from rich.progress import track

from nsp_adapters.atomic import sweep_stale
from nsp_adapters.label_import import import_labels, require_known_individuals
from nsp_adapters.outputs import Failure
from nsp_adapters.pose_import import tracked_poses
from nsp_adapters.recordings import animals_needed
from nsp_adapters.tables import write_table_csv
from nsp_core.cleaning import require_usable, trusted_poses
from nsp_core.errors import LabelError, NspError
from nsp_core.features.compute import feature_chunks
from nsp_core.labels import RecordingLabels
from nsp_core.quality import QualityReport, quality_report
from nsp_core.study import RecordingEntry, Study
from nsp_flows.telling import observed_frames

__all__ = ["CheckedRecording", "StudyCheck", "check_study", "write_check"]

QUALITY, KEYPOINTS, SPANS, ASSUMPTIONS = "quality.csv", "quality_keypoints.csv", "bad_spans.csv", "assumptions.csv"


@dataclass(frozen=True, slots=True)
class CheckedRecording:
    """What is known of one recording.

    Attributes
    ----------
    entry
        What the study says of it.
    quality
        How well it was tracked.
    labels
        Its labels, None where it has none or they cannot be read.
    assumptions
        What was assumed about them.
    """

    entry: RecordingEntry
    quality: QualityReport
    labels: RecordingLabels | None = None
    assumptions: tuple[str, ...] = ()

    @property
    def is_unlabeled(self) -> bool:
        """Whether it is to have no labels."""
        return self.entry.role == "infer" and self.entry.label_path is None


@dataclass(frozen=True, slots=True)
class StudyCheck:
    """What is known of a study.

    Attributes
    ----------
    study
        The study.
    recordings
        Those whose poses can be read, in the study's order.
    failures
        What a run would not be able to do, and why.
    """

    study: Study
    recordings: tuple[CheckedRecording, ...]
    failures: tuple[Failure, ...]

    @property
    def exit_code(self) -> int:
        """0 all recordings can be used, 1 some cannot."""
        return 1 if self.failures else 0


def check_study(study: Study, *, console: Console | None = None) -> StudyCheck:
    """Return what the recordings of ``study`` look like; one that cannot be used does not stop the others.

    Parameters
    ----------
    study
        What to check.
    console
        Where progress is shown.
    """
    checked: list[CheckedRecording] = []
    failures: list[Failure] = []
    shown = console or Console(stderr=True)
    for entry in track(study.recordings, description="check recordings", console=shown, transient=True):
        try:
            poses = tracked_poses(entry, study)
            quality = quality_report(poses, study.cleaning, study.roles)
        except NspError as error:
            failures.append(Failure.of(entry.name, "read poses", error))
            continue
        one = CheckedRecording(entry, quality)
        stage = "read labels"
        try:
            one = _with_labels(one, study, poses.sizes["time"])
            _require_labeled(one, study)
            stage = "extract features"
            _require_usable(one, study, poses)
        except NspError as error:
            failures.append(Failure.of(entry.name, stage, error))
        checked.append(one)
    return StudyCheck(study, tuple(checked), tuple(failures))


def write_check(check: StudyCheck, out: Path) -> tuple[Path, ...]:
    """Write the tables of a check into ``out``, each whole or not at all, and return their paths.

    ``quality.csv`` (one row per recording), ``quality_keypoints.csv``, ``bad_spans.csv`` (half-open frames) and
    ``assumptions.csv`` (one row per recording and sentence). Where no recording can be read, the first three are empty.

    Raises
    ------
    OutputError
        If ``out`` cannot be written.
    """
    sweep_stale(out)
    columns = {"recording": "string", "assumption": "string"}
    assumptions = [(one.entry.name, sentence) for one in check.recordings for sentence in one.assumptions]
    tables = {
        QUALITY: _concatenated([_summary(one) for one in check.recordings]),
        KEYPOINTS: _concatenated([one.quality.keypoints for one in check.recordings]),
        SPANS: _concatenated([_spans(one) for one in check.recordings]),
        ASSUMPTIONS: pd.DataFrame(assumptions, columns=list(columns)).astype(columns),
    }
    for name, table in tables.items():
        write_table_csv(out / name, table)
    return tuple(out / name for name in tables)


def _with_labels(one: CheckedRecording, study: Study, n_frames: int) -> CheckedRecording:
    if one.is_unlabeled:
        return one
    imported = import_labels(one.entry, study, n_frames)
    (labels,) = imported.labels
    return replace(one, labels=labels, assumptions=imported.assumptions)


def _require_labeled(one: CheckedRecording, study: Study) -> None:
    """Raise if nobody looked for any behavior of the study: nothing could be learned or scored."""
    if one.labels is None or one.entry.role == "infer":
        return
    if not any(observed_frames(one.labels, behavior.name) for behavior in study.behaviors):
        raise LabelError(
            found=f"no frame labeled for {', '.join(behavior.name for behavior in study.behaviors)}",
            expected=f"some, as the recording's role is {one.entry.role}",
            where=str(one.entry.label_path),
            remedy="name recording and behaviors as the label file does, state observed where somebody looked and saw "
            "nothing, or give the recording the role infer",
        )


def _require_usable(one: CheckedRecording, study: Study, poses: xr.Dataset) -> None:
    """Raise what a run would: too few animals, one never seen, an unknown keypoint, labels of somebody unknown."""
    trusted = trusted_poses(poses, study.cleaning, study.roles)
    require_usable(trusted, n_animals=animals_needed(study.behaviors))
    # Of two frames only: whether features can be computed is known before the first one is.
    unit, arena = study.length_reference, one.entry.arena
    next(feature_chunks(trusted, study.roles, study.features, length_unit=unit, arena=arena, chunk_frames=2))
    if one.labels is not None:
        names = [str(name) for name in poses["individual"].values]
        require_known_individuals(one.labels, names, str(one.entry.label_path))


def _summary(one: CheckedRecording) -> pd.DataFrame:
    summary = one.quality.summary.copy()
    scale = one.entry.scale_mm_per_px
    # As text: a table has four decimals, and a frame rate or scale is never rounded.
    summary.insert(1, "role", one.entry.role)
    summary.insert(2, "fps", repr(one.entry.fps))
    summary.insert(3, "scale_mm_per_px", "" if scale is None else repr(scale))
    summary.insert(4, "scale_source", one.entry.scale_source)
    return summary


def _spans(one: CheckedRecording) -> pd.DataFrame:
    spans = one.quality.spans.copy()
    spans.insert(0, "recording", one.entry.name)
    return spans


def _concatenated(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else next(iter(tables), pd.DataFrame())
