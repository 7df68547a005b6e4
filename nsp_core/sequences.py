"""Feature sequences and their labels, as search, evaluation and inference share them.

A *sequence* is one animal or dyad of one recording over time. The public functions accept xarray in the forms a user
has; this module turns them into one plain form and decides what is held out when programs are judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from nsp_core.errors import FeatureError, LabelError, UnitError
from nsp_core.evaluate.splits import folds, natural_key
from nsp_core.labels import UNLABELED
from nsp_core.units import TimeReference, Unit, parse_unit

__all__ = [
    "N_FOLDS",
    "LabeledSequence",
    "as_sequences",
    "batches_of_one_length",
    "fold_of_frames",
    "only_fold",
    "units_of",
]

Features = xr.DataArray | Sequence[xr.DataArray]

N_FOLDS = 4
IN_NO_FOLD, NEVER_HELD_OUT = -1, -2


@dataclass(frozen=True, slots=True)
class LabeledSequence:
    """One animal or dyad over time, with its labels.

    Attributes
    ----------
    recording
        The recording (or, where none is named, the position of the sequence): what splits and intervals resample.
    values
        Shape (time, feature), float32, NaN where missing.
    states
        Shape (time,), int8: 1 present, 0 absent, -1 unlabeled.
    names, units
        Reference and unit of each feature.
    fps
        Frames per second, or None where time is counted in frames.
    weights
        Shape (time,), float32: how many frames each labeled frame stands for, in fits and in scores; None: one each.
    weak
        Shape (time,): True where the label was not given by a person. Such a frame is fitted to, and nothing is ever
        judged by it. None: nowhere.
    """

    recording: str
    values: NDArray[np.float32]
    states: NDArray[np.int8]
    names: tuple[str, ...]
    units: tuple[Unit, ...]
    fps: float | None
    weights: NDArray[np.float32] | None = None
    weak: NDArray[np.bool_] | None = None

    @property
    def gold_states(self) -> NDArray[np.int8]:
        """The states (time,) that a person gave; weak ones are unlabeled here."""
        return self.states if self.weak is None else np.where(self.weak, np.int8(UNLABELED), self.states)

    def between(self, start: int, stop: int) -> LabeledSequence:
        """Return the frames ``[start, stop)``."""
        return replace(
            self,
            values=self.values[start:stop],
            states=self.states[start:stop],
            weights=None if self.weights is None else self.weights[start:stop],
            weak=None if self.weak is None else self.weak[start:stop],
        )

    @property
    def time_reference(self) -> TimeReference:
        """What durations over this sequence are measured in."""
        return "frame" if self.fps is None else "s"

    def column(self, name: str) -> NDArray[np.float32]:
        """Return the series (time,) of a feature by its reference.

        Raises
        ------
        FeatureError
            If the sequence has no such feature.
        """
        try:
            return self.values[:, self.names.index(name)]
        except ValueError as error:
            raise FeatureError(
                found=f"no feature '{name}'",
                expected=f"one of {', '.join(self.names)}",
                where=self.recording,
                remedy="give the features the program was written for",
            ) from error


def units_of(sequence: LabeledSequence) -> Mapping[str, Unit]:
    """Return the unit of every feature of ``sequence`` by reference."""
    return dict(zip(sequence.names, sequence.units, strict=True))


def as_sequences(features: Features, labels: ArrayLike | Sequence[ArrayLike] | None) -> tuple[LabeledSequence, ...]:
    """Return the plain form of features and labels.

    Parameters
    ----------
    features
        An array of dims ``(sequence, time, feature)`` or ``(time, feature)``, or a list of the latter. Coordinate
        ``unit`` on ``feature`` gives units (absent: dimensionless); ``time`` in seconds or the attribute ``fps`` gives
        the frame rate (absent: time is counted in frames); ``recording`` on ``sequence`` (or the attribute) groups.
    labels
        One per frame, ``(sequence, time)`` or ``(time,)`` or a list of the latter; or one per sequence,
        ``(sequence,)``, which then applies to its center frame. 1, 0, and -1 or NaN for unlabeled. None: unlabeled.

    Raises
    ------
    LabelError
        If labels and features disagree in number or length, or labels are not 1, 0, -1 or NaN.
    FeatureError
        If there is no sequence, the features have other dims, names repeat, or sequences have different features.
    UnitError
        If sequences measure a feature, or time, in different units.
    """
    unlabeled = [one for array in _arrays(features) for one in _unlabeled_sequences(array)]
    per_sequence = _split_labels(labels, unlabeled, isinstance(features, xr.DataArray) and features.ndim == 2)
    sequences = tuple(
        replace(one, recording=one.recording or str(position), states=states)
        for position, (one, states) in enumerate(zip(unlabeled, per_sequence, strict=True))
    )
    _require_alike(sequences)
    return sequences


def fold_of_frames(
    sequences: Sequence[LabeledSequence], *, n_folds: int = N_FOLDS, longest_window_frames: int = 0
) -> tuple[NDArray[np.int8], ...]:
    """Return which fold holds out each frame, one array (time,) per sequence.

    Whole recordings are held out, every ``n_folds``-th in natural order of those that a person labeled. Where that
    cannot be (a single recording, or a class that would be missing from the training side of a fold), every recording
    is cut into ``n_folds`` contiguous blocks with gaps between them as long as the longest window, but at most a
    twentieth of the recording. A block holds as many labeled frames as the next, so that a few bouts of a long
    recording are divided as well. Gaps are :data:`IN_NO_FOLD`; recordings with weak labels alone train every fold and
    are held out by none, :data:`NEVER_HELD_OUT`.

    Parameters
    ----------
    sequences
        Labeled sequences; those of one recording are held out together.
    n_folds
        Number of folds; fewer where there are fewer recordings.
    longest_window_frames
        How far a program may look.

    Raises
    ------
    LabelError
        If some training side lacks a class either way: there is not enough to judge a program by.
    """
    labeled = {sequence.recording for sequence in sequences if (sequence.gold_states != UNLABELED).any()}
    recordings = sorted(labeled, key=natural_key)
    if len(recordings) > 1:
        held_out = folds(recordings, min(n_folds, len(recordings)))
        fold_of = {name: fold for fold, names in enumerate(held_out) for name in names}
        by_recording = tuple(
            np.full(len(one.states), fold_of.get(one.recording, NEVER_HELD_OUT), dtype=np.int8) for one in sequences
        )
        if _every_fold_trains(sequences, by_recording):
            return by_recording
    by_block = tuple(_fold_of_blocks(one.gold_states, n_folds, longest_window_frames) for one in sequences)
    if _every_fold_trains(sequences, by_block):
        return by_block
    raise LabelError(
        found="a behavior, or its absence, that all but one part of the data lack",
        expected=f"both in at least two recordings, or two of {n_folds} equal parts of a recording",
        where="labels",
        remedy="annotate the behavior in more recordings, or more of this one",
    )


def only_fold(
    sequences: Sequence[LabeledSequence], fold_of: Sequence[NDArray[np.int8]], fold: int
) -> tuple[LabeledSequence, ...]:
    """Return the sequences with a person's labels in ``fold``, all other frames unlabeled."""
    kept = []
    for sequence, own in zip(sequences, fold_of, strict=True):
        states = np.where(own == fold, sequence.gold_states, np.int8(UNLABELED))
        if (states != UNLABELED).any():
            kept.append(replace(sequence, states=states))
    return tuple(kept)


def batches_of_one_length(sequences: Sequence[LabeledSequence], max_frames: int = 2_000_000) -> Iterator[list[int]]:
    """Yield the indices of sequences of one length and frame rate that together have at most about ``max_frames``.

    Stacked, thousands of short sequences cost as much as one of their summed length.
    """
    alike: dict[tuple[int, float | None], list[int]] = {}
    for index, sequence in enumerate(sequences):
        alike.setdefault((len(sequence.states), sequence.fps), []).append(index)
    for (n_frames, _), indices in alike.items():
        at_once = max(1, max_frames // max(n_frames, 1))
        for start in range(0, len(indices), at_once):
            yield indices[start : start + at_once]


def _fold_of_blocks(states: NDArray[np.int8], n_folds: int, gap_frames: int) -> NDArray[np.int8]:
    labeled = states != UNLABELED
    if not labeled.any():
        return np.full(states.size, NEVER_HELD_OUT, dtype=np.int8)
    before = np.cumsum(labeled) - labeled
    fold: NDArray[np.int8] = np.minimum(before * n_folds // int(labeled.sum()), n_folds - 1).astype(np.int8)
    gap = min(gap_frames, states.size // 20)
    for edge in np.flatnonzero(np.diff(fold)) + 1:
        fold[max(edge - gap // 2, 0) : edge + (gap - gap // 2)] = IN_NO_FOLD
    return fold


def _every_fold_trains(sequences: Sequence[LabeledSequence], fold_of: Sequence[NDArray[np.int8]]) -> bool:
    n_folds = 1 + max(int(own.max(initial=-1)) for own in fold_of)
    counts = np.zeros((2, n_folds), dtype=np.int64)
    for sequence, own in zip(sequences, fold_of, strict=True):
        gold = sequence.gold_states
        for state in (0, 1):
            counts[state] += np.bincount(own[(gold == state) & (own >= 0)], minlength=n_folds)
    return n_folds > 1 and bool((counts.sum(axis=1, keepdims=True) > counts).all())


def _arrays(features: Features) -> list[xr.DataArray]:
    """Return arrays of dims (sequence, time, feature) or (time, feature), with unique names."""
    if not isinstance(features, xr.DataArray):
        return [array for part in features for array in _arrays(part)]
    order = ("sequence", "time", "feature")[-features.ndim :]
    if features.ndim not in (2, 3) or set(features.dims) != set(order):
        raise FeatureError(
            found=f"features of dims {features.dims}",
            expected="(sequence, time, feature) or (time, feature)",
            where="features",
            remedy="rename or transpose the dims",
        )
    array = features.transpose(*order)
    if "feature" not in array.coords:
        numbered = np.array([f"feature_{index}" for index in range(array.sizes["feature"])], dtype=object)
        array = array.assign_coords(feature=numbered)
    names = [str(name) for name in array["feature"].values]
    if len(set(names)) < len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise FeatureError(
            found=f"repeated feature names {', '.join(repeated)}",
            expected="unique names",
            where="features",
            remedy="rename them",
        )
    return [array]


def _unlabeled_sequences(array: xr.DataArray) -> list[LabeledSequence]:
    """Return the sequences of ``array``, unlabeled; one whose recording is not named has an empty name.

    Names, units and frame rate are looked up once: there may be thousands of short windows.
    """
    values = np.asarray(array.values, dtype=np.float32)
    if values.ndim == 2:
        values = values[np.newaxis]
    names, units, fps = tuple(str(name) for name in array["feature"].values), _units(array), _fps(array)
    unlabeled = np.full(values.shape[1], UNLABELED, dtype=np.int8)
    return [
        LabeledSequence(recording, np.ascontiguousarray(own), unlabeled, names, units, fps)
        for recording, own in zip(_recordings(array, len(values)), values, strict=True)
    ]


def _split_labels(
    labels: ArrayLike | Sequence[ArrayLike] | None, unlabeled: Sequence[LabeledSequence], single: bool
) -> list[NDArray[np.int8]]:
    if labels is None:
        return [one.states for one in unlabeled]
    given = [labels] if single else list(labels)  # type: ignore[arg-type]  # a list, an array or a DataArray iterates
    if len(given) != len(unlabeled):
        raise LabelError(
            found=f"labels for {len(given)} sequences",
            expected=f"{len(unlabeled)}, one per sequence",
            where="labels",
            remedy="give labels in the order of the features",
        )
    return [_states(np.asarray(own), len(one.states)) for own, one in zip(given, unlabeled, strict=True)]


def _states(labels: NDArray[np.generic], n_frames: int) -> NDArray[np.int8]:
    values = labels.astype(np.float64)
    values = np.where(np.isnan(values), UNLABELED, values)
    if not np.isin(values, (1, 0, UNLABELED)).all():
        raise LabelError(
            found=f"label values {sorted(set(np.unique(values).tolist()))[:6]}",
            expected="1 (present), 0 (absent), -1 or NaN (unlabeled)",
            where="labels",
            remedy="choose one behavior against the rest before synthesis",
        )
    if values.ndim == 0:
        states = np.full(n_frames, UNLABELED, dtype=np.int8)
        states[n_frames // 2] = values
        return states
    if values.shape != (n_frames,):
        raise LabelError(
            found=f"labels of shape {values.shape}",
            expected=f"({n_frames},), one per frame, or a single one per sequence",
            where="labels",
            remedy="cut labels and features to the same frames",
        )
    return values.astype(np.int8)


def _require_alike(sequences: Sequence[LabeledSequence]) -> None:
    if not sequences:
        raise FeatureError(
            found="no sequence",
            expected="at least one",
            where="features",
            remedy="give the features of at least one animal or dyad",
        )
    first, others = sequences[0], sequences[1:]
    for sequence in others:
        if (sequence.names, sequence.units, sequence.fps) == (first.names, first.units, first.fps):
            continue
        different = sorted(set(first.names) ^ set(sequence.names))
        if different:
            raise FeatureError(
                found=f"{', '.join(different[:6])} in some sequences only",
                expected="the same features in every sequence",
                where=sequence.recording,
                remedy="compute the same features for all recordings",
            )
        if units_of(sequence) != units_of(first) or sequence.time_reference != first.time_reference:
            raise UnitError(
                found="sequences that measure a feature, or time, in different units",
                expected=f"those of recording {first.recording} in every sequence",
                where=sequence.recording,
                remedy="give all recordings a scale and a frame rate, or none",
            )


def _recordings(array: xr.DataArray, n_sequences: int) -> list[str]:
    if "recording" not in array.coords:
        return [str(array.attrs.get("recording", ""))] * n_sequences
    named = np.atleast_1d(array["recording"].values).tolist()
    return [str(name) for name in (named if len(named) == n_sequences else named * n_sequences)]


def _units(array: xr.DataArray) -> tuple[Unit, ...]:
    if "unit" not in array.coords:
        return (Unit(),) * array.sizes["feature"]
    return tuple(parse_unit(str(unit)) for unit in np.atleast_1d(array["unit"].values))


def _fps(array: xr.DataArray) -> float | None:
    if "fps" in array.attrs:
        return float(array.attrs["fps"])
    if "time" in array.coords and array.sizes["time"] > 1:
        times = array["time"].values.astype(np.float64)
        if not times[-1] > times[0]:
            raise FeatureError(
                found=f"times from {times[0]:g} to {times[-1]:g} s",
                expected="a time coordinate in seconds that increases",
                where="features",
                remedy="correct the coordinate, or leave it out: windows are then counted in frames",
            )
        return (times.size - 1) / float(times[-1] - times[0])
    return None
