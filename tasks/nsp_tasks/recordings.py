"""Tasks on one recording: features, labels, ethogram."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect import task

from nsp_adapters.inference import infer_recording
from nsp_adapters.programs import read_program
from nsp_adapters.recordings import PreparedRecording, extract_recording, read_labels
from nsp_core.study import RecordingEntry, Study
from nsp_tasks.retry import RETRY_DELAYS_S, is_transient

__all__ = ["check_labels", "extract", "infer"]


@task(name="extract-recording", retries=2, retry_delay_seconds=RETRY_DELAYS_S, retry_condition_fn=is_transient)
def extract(entry: RecordingEntry, study: Study, out: Path, names: Sequence[str] | None = None) -> PreparedRecording:
    """Return the reference of a recording's features, of those called ``names`` if any are."""
    return extract_recording(entry, study, out / "recordings", names)


@task(name="check-labels", retries=2, retry_delay_seconds=RETRY_DELAYS_S, retry_condition_fn=is_transient)
def check_labels(recording: PreparedRecording, study: Study) -> PreparedRecording:
    """Return ``recording`` if its labels can be read."""
    read_labels(recording.entry, study, recording.n_frames)
    return recording


@task(name="infer-recording", retries=2, retry_delay_seconds=RETRY_DELAYS_S, retry_condition_fn=is_transient)
def infer(program_files: Sequence[Path], recording: PreparedRecording, out: Path) -> Path:
    """Return the part with what the programs say of a recording."""
    return infer_recording([read_program(path) for path in program_files], recording, out / "ethograms")
