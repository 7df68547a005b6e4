"""What programs say of held-out annotated frames, learned with weak labels and without: a file per fold.

``<out>/search/<behavior>-weak-fold<k>-<key>.npz``; a fold that is there is not computed again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nsp_adapters.atomic import KEY_LENGTH, atomic_file, file_name
from nsp_adapters.weak_job import WeakLabelJob, job_key, labeled_participants
from nsp_core.evaluate.frames import FramePredictions
from nsp_core.search.beam import SearchProgress
from nsp_core.weak.few_bouts import annotated_bouts, require_enough_bouts
from nsp_core.weak.with_and_without import FoldPredictions, count_folds, predict_fold

__all__ = ["VARIANTS", "count_bouts", "count_gold_folds", "predict_gold_fold", "read_gold_fold"]

VARIANTS = ("without", "with_weak")
_SERIES = ("states", "predicted", "probability", "weights")

Report = Callable[[SearchProgress], None]


def count_bouts(job: WeakLabelJob) -> int:
    """Return how many annotated bouts there are to learn from."""
    return len(annotated_bouts([each.sequence for each in labeled_participants(job)]))


def count_gold_folds(job: WeakLabelJob) -> int:
    """Return in how many folds annotated bouts are held out.

    Raises
    ------
    LabelError
        If fewer than eight bouts are annotated, or they cannot be divided.
    """
    sequences = [each.sequence for each in labeled_participants(job)]
    require_enough_bouts(sequences, job.behavior.name)
    return count_folds(sequences)


def predict_gold_fold(job: WeakLabelJob, fold: int, *, report: Report = lambda progress: None) -> Path:
    """Return the file with what programs that have not seen a fold say of it, finding them only if there is none yet.

    Raises
    ------
    LabelError
        If what is annotated outside the fold does not suffice.
    """
    path = job.out / "search" / f"{file_name(job.behavior.name)}-weak-fold{fold}-{job_key(job)[:KEY_LENGTH]}.npz"
    if path.is_file():
        return path
    predicted = predict_fold(
        [each.sequence for each in labeled_participants(job)],
        fold,
        job.balance,
        seed=job.seed,
        max_complexity=job.study.search.max_complexity,
        report=report,
    )
    _write_fold(path, predicted)
    return path


def read_gold_fold(path: Path) -> FoldPredictions:
    """Return what :func:`predict_gold_fold` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        variants = []
        for variant in VARIANTS:
            stops = np.cumsum(arrays[f"{variant}/length"])[:-1]
            series = [np.split(arrays[f"{variant}/{name}"], stops) for name in _SERIES]
            names = arrays[f"{variant}/recording"].tolist()
            variants.append(tuple(FramePredictions(name, *each) for name, *each in zip(names, *series, strict=True)))
    return FoldPredictions(*variants)


def _write_fold(path: Path, predicted: FoldPredictions) -> None:
    arrays: dict[str, Any] = {}
    for variant in VARIANTS:
        own: tuple[FramePredictions, ...] = getattr(predicted, variant)
        arrays[f"{variant}/recording"] = np.array([one.recording for one in own])
        arrays[f"{variant}/length"] = np.array([one.states.size for one in own])
        for series in _SERIES:
            arrays[f"{variant}/{series}"] = np.concatenate([getattr(one, series) for one in own])
    with atomic_file(path) as fresh, fresh.open("wb") as stream_out:
        np.savez(stream_out, **arrays)
