"""All that a search may learn from: sequences, folds, the columns a program may threshold, and rows to fit on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from nsp_core import rng
from nsp_core.dsl.ast import Windowed
from nsp_core.dsl.operators import duration_frames
from nsp_core.errors import FeatureError, LabelError
from nsp_core.search.chains import FittingRows, Scaling, make_fitting_rows, robust_scaling
from nsp_core.search.columns import Column, columns_for, swapped_columns
from nsp_core.search.rows import MAX_TRAINING_ROWS, Rows, choose_rows, gather_rows
from nsp_core.search.screen import BinnedColumns, bin_columns
from nsp_core.sequences import LabeledSequence, fold_of_frames

__all__ = ["N_LARGE", "Development", "development_folds", "prepare_development"]

N_LARGE, N_SMALL = 20_000, 4_000
_SAMPLES = (("small", N_SMALL), ("large", N_LARGE))


@dataclass(frozen=True, slots=True)
class Development:
    """The development recordings as a search sees them.

    Attributes
    ----------
    sequences
        The labeled sequences.
    folds
        Which fold holds out each frame of each sequence, see :func:`nsp_core.sequences.fold_of_frames`.
    n_folds
        How many folds there are.
    columns, swapped, scaling
        What a program may compare, the column in which the animals have changed places, and the scale of each.
    distinct
        Shape (column,): False where an earlier column has the very same values, and this one says nothing new.
    rows, fold_of_row
        Labeled frames (at most about 60,000) and the fold of each, -1 for those in none.
    small, large
        Rows on which proposals are fitted, and on which survivors are polished.
    binned
        The columns of ``small``, binned for screening.
    seed, device
        What drives the sampling of rows, and where fits are computed.
    """

    sequences: tuple[LabeledSequence, ...]
    folds: tuple[NDArray[np.int8], ...]
    n_folds: int
    columns: tuple[Column, ...]
    swapped: NDArray[np.int64]
    scaling: Scaling
    distinct: NDArray[np.bool_]
    rows: Rows
    fold_of_row: NDArray[np.int8]
    small: FittingRows
    large: FittingRows
    binned: BinnedColumns
    seed: int
    device: torch.device


def development_folds(sequences: Sequence[LabeledSequence]) -> tuple[NDArray[np.int8], ...]:
    """Return which fold holds out each frame of ``sequences``, for programs, baselines and given rules alike.

    See :func:`nsp_core.sequences.fold_of_frames`; gaps are as wide as the widest window a search tries.
    """
    fps = sequences[0].fps
    widths = [one.number.width for one in columns_for(sequences) if isinstance(one.number, Windowed)]
    longest = max((duration_frames(width, fps) for width in widths), default=0)
    return fold_of_frames(sequences, longest_window_frames=longest)


def prepare_development(sequences: Sequence[LabeledSequence], *, seed: int, device: str) -> Development:
    """Return what a search over ``sequences`` needs.

    Raises
    ------
    LabelError
        If the labels lack one of the two classes, or hold too little to be divided into folds.
    FeatureError
        If no feature can be compared with a threshold, or all are missing in all labeled frames.
    """
    sequences = tuple(sequences)
    _require_both_classes(sequences)
    columns = columns_for(sequences)
    if not columns:
        raise FeatureError(
            found=f"no feature but angles that wrap ({', '.join(sequences[0].names)})",
            expected="at least one feature that can be compared with a threshold",
            where="features",
            remedy="add distances, speeds or angles that do not wrap",
        )
    folds = development_folds(sequences)
    chosen = choose_rows(sequences, MAX_TRAINING_ROWS, rng.stream(seed, "search", "rows"))
    rows = gather_rows(sequences, columns, chosen)
    if np.isnan(rows.values).all():
        raise FeatureError(
            found="no value of any feature in the labeled frames",
            expected="at least one feature that is not missing throughout",
            where="features",
            remedy="check the roles of the study, and what the tracker found",
        )
    swapped = swapped_columns(columns)
    scaling = robust_scaling(rows.values, swapped)
    small, large = (rows.sample(n, rng.stream(seed, "search", name)) for name, n in _SAMPLES)
    torch_device = torch.device(device)
    return Development(
        sequences=sequences,
        folds=folds,
        n_folds=1 + max(int(own.max(initial=-1)) for own in folds),
        columns=columns,
        swapped=swapped,
        scaling=scaling,
        distinct=_distinct(rows.values),
        rows=rows,
        fold_of_row=np.concatenate([own[at] for own, (at, _) in zip(folds, chosen, strict=True)]),
        small=make_fitting_rows(small, swapped, scaling, torch_device),
        large=make_fitting_rows(large, swapped, scaling, torch_device),
        binned=bin_columns(small.values, swapped),
        seed=seed,
        device=torch_device,
    )


def _distinct(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which columns (column,) of ``values`` (row, column) are the first with their values."""
    digests = [hashlib.blake2b(np.ascontiguousarray(column).data).digest() for column in values.T]
    _, first = np.unique(digests, return_index=True)
    distinct = np.zeros(len(digests), dtype=bool)
    distinct[first] = True
    return distinct


def _require_both_classes(sequences: Sequence[LabeledSequence]) -> None:
    counts = {state: sum(int((sequence.states == state).sum()) for sequence in sequences) for state in (0, 1)}
    if min(counts.values()) == 0:
        raise LabelError(
            found=f"{counts[1]} frames with the behavior and {counts[0]} without in the training recordings",
            expected="some of both",
            where="labels",
            remedy="annotate more, or give other recordings this role",
        )
