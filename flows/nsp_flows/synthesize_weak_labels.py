"""Flow: labels for all recordings from a few annotated bouts, kept for a program only if they help."""

from __future__ import annotations

import os
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.task_runners import ThreadPoolTaskRunner

from nsp_adapters.atomic import file_name
from nsp_adapters.outputs import Failure
from nsp_adapters.recordings import PreparedRecording
from nsp_adapters.study import read_study
from nsp_adapters.weak_job import WeakLabelJob
from nsp_adapters.weak_labels import WeakLabelFiles
from nsp_core.labels import Behavior
from nsp_core.study import Study
from nsp_flows.collect import collect
from nsp_flows.extract_features import extract_features
from nsp_flows.weak_command import parse_share
from nsp_flows.weak_report import report_markdown
from nsp_tasks.recordings import check_labels
from nsp_tasks.weak import class_balance, gold_folds, judge_fold, label

__all__ = ["synthesize_weak_labels"]


@flow(name="synthesize-weak-labels", task_runner=ThreadPoolTaskRunner(max_workers=2))  # type: ignore[arg-type]  # untyped upstream
def synthesize_weak_labels(
    study_file: Path, out: Path, share: str | None = None
) -> tuple[list[WeakLabelFiles], list[Failure]]:
    """Label the recordings of every behavior of a study; return what was written, and the failures.

    Parameters
    ----------
    study_file
        The study (TOML).
    out
        Output folder; results go to ``weak/<behavior>`` in it.
    share
        Share of all frames with the behavior, such as ``2%-10%``; None takes it from recordings annotated throughout.
    """
    study = read_study(study_file, environment=os.environ)
    prepared, failures = extract_features(study_file, out)
    annotated = [one for one in prepared if one.entry.label_path is not None]
    checked, unread = collect(
        "read labels", [one.entry.name for one in annotated], [check_labels.submit(one, study) for one in annotated]
    )
    failures += unread
    usable = [one for one in prepared if one.entry.label_path is None or one in checked]
    written: list[WeakLabelFiles] = []
    for behavior in study.behaviors:
        labeled, failed = _label(study, behavior, usable, out, share)
        written += labeled
        failures += failed
    for files in written:
        figures = files.figures()
        create_markdown_artifact(
            key=f"weak-labels-{file_name(figures['behavior']).lower().replace('_', '-')}",
            markdown=report_markdown(files),
            description=figures["behavior"],
        )
    return written, failures


def _label(
    study: Study, behavior: Behavior, recordings: list[PreparedRecording], out: Path, share: str | None
) -> tuple[list[WeakLabelFiles], list[Failure]]:
    name = behavior.name
    if share is None:
        balances, failures = collect("class balance", [name], [class_balance.submit(recordings, study, behavior)])
        if not balances:
            return [], failures
        balance = balances[0]
    else:
        balance = parse_share(share)
    job = WeakLabelJob(study, behavior, tuple(recordings), balance, out)
    counted, failures = collect("divide bouts", [name], [gold_folds.submit(job)])
    if not counted:
        return [], failures
    folds, failures = collect(
        "judge weak labels", [name] * counted[0], [judge_fold.submit(job, fold) for fold in range(counted[0])]
    )
    if len(folds) < counted[0]:
        return [], failures
    return collect("label recordings", [name], [label.submit(job, folds)])
