"""Tasks on labels from a few annotated bouts: the class balance, held-out folds, labels and program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect import task

from nsp_adapters.recordings import PreparedRecording
from nsp_adapters.weak_folds import count_gold_folds, predict_gold_fold
from nsp_adapters.weak_job import WeakLabelJob, annotated_throughout
from nsp_adapters.weak_labels import WeakLabelFiles, label_recordings
from nsp_core.labels import Behavior
from nsp_core.study import Study
from nsp_core.weak.balance import ClassBalance
from nsp_tasks.retry import RETRY_DELAYS_S, is_transient

__all__ = ["class_balance", "gold_folds", "judge_fold", "label"]


@task(name="class-balance", retries=2, retry_delay_seconds=RETRY_DELAYS_S, retry_condition_fn=is_transient)
def class_balance(recordings: Sequence[PreparedRecording], study: Study, behavior: Behavior) -> ClassBalance:
    """Return the share of frames with a behavior in recordings that are annotated throughout."""
    return annotated_throughout(recordings, study, behavior)


@task(name="divide-bouts", retries=2, retry_delay_seconds=RETRY_DELAYS_S, retry_condition_fn=is_transient)
def gold_folds(job: WeakLabelJob) -> int:
    """Return in how many folds annotated bouts are held out, if there are enough."""
    return count_gold_folds(job)


@task(name="judge-weak-labels", retries=2, retry_delay_seconds=RETRY_DELAYS_S, retry_condition_fn=is_transient)
def judge_fold(job: WeakLabelJob, fold: int) -> Path:
    """Return the file with what programs that have not seen a fold say of it."""
    return predict_gold_fold(job, fold)


@task(name="label-recordings", retries=2, retry_delay_seconds=RETRY_DELAYS_S, retry_condition_fn=is_transient)
def label(job: WeakLabelJob, folds: Sequence[Path]) -> WeakLabelFiles:
    """Return where labels, program and figures are."""
    return label_recordings(job, folds)
