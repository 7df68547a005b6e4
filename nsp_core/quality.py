"""How well a recording was tracked, and in which stretches it cannot be used.

Poses are judged as tracked: gaps that were filled and tracks that were smoothed hide what went wrong. A bad span is a
half-open range of frames of one individual with a reason:

=====================  ==================================================================================
``not tracked``        no keypoint for longer than the gaps that are filled
``jump``               half of the keypoints seen or more leave and return faster than an animal can move
``identity uncertain`` around a suspected exchange of identities that was not repaired
=====================  ==================================================================================

Positions removed in these spans make every feature there unknown, and a program abstains where it hangs on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from nsp_core.cleaning import Cleaning, pose_quality, share_all_seen, trusted_poses
from nsp_core.errors import PoseError
from nsp_core.identity import exchange_identities, swap_suspects
from nsp_core.outliers import find_jumps, parse_speed, speed_px

__all__ = ["QualityReport", "bad_spans", "quality_report", "remove_spans"]

QUANTILES = (0.05, 0.5, 0.95)
JUMPED_SHARE = 0.5
AROUND_SUSPECT_S = 0.25
SPAN_COLUMNS = ("individual", "start_frame", "stop_frame", "start_s", "stop_s", "reason")

_Roles = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class QualityReport:
    """What is known of the quality of one recording.

    Attributes
    ----------
    keypoints
        One row per individual and keypoint: ``recording``, ``individual``, ``keypoint``, ``share_missing`` (unsure
        points count as missing), ``longest_gap_s``, ``n_jumps`` (points; missing where no limit is stated) and
        ``confidence_q05``, ``_q50``, ``_q95``, quantiles over the points as tracked, NaN without confidence.
    summary
        One row: the same over all keypoints, ``share_all_seen`` (frames in which every individual has a keypoint),
        ``n_swap_suspects``, ``n_swaps_clear``, ``swap_suspects_per_min``, and ``share_bad`` (frames in which an
        individual is in a bad span).
    spans
        As :func:`bad_spans`.
    """

    keypoints: pd.DataFrame
    summary: pd.DataFrame
    spans: pd.DataFrame


def quality_report(poses: xr.Dataset, cleaning: Cleaning, roles: _Roles | None = None) -> QualityReport:
    """Return the quality of a recording before it is cleaned as ``cleaning`` says.

    Parameters
    ----------
    poses
        A pose dataset, as tracked.
    cleaning
        ``min_confidence`` and ``max_jump`` say what counts as missing and as a jump. Suspects are counted before any
        repair; bad spans are those that are left after it.
    roles
        Role to keypoints; needed for a ``max_jump`` in body lengths only.

    Raises
    ------
    PoseError
        If ``max_jump`` is in a unit that this recording has no scale for.
    """
    recording, n_frames = str(poses.attrs.get("recording", "")), poses.sizes["time"]
    judged = _judge(poses, cleaning, roles)
    jumped = judged.jumped
    keypoints = pose_quality(judged.sure)
    keypoints.insert(0, "recording", recording)
    keypoints["n_jumps"] = pd.array(
        [pd.NA] * len(keypoints) if jumped is None else jumped.sum(axis=0).T.ravel().tolist(), dtype="Int64"
    )
    names = [f"confidence_q{100 * share:02.0f}" for share in QUANTILES]
    confidence = np.moveaxis(poses["confidence"].values, 0, -1).swapaxes(0, 1).reshape(len(keypoints), n_frames)
    keypoints[names] = [_quantiles(track) for track in confidence]
    spans = _spans(judged, cleaning)
    minutes = n_frames / float(poses.attrs["fps"]) / 60
    summary = {
        "recording": recording,
        "n_frames": n_frames,
        "duration_s": 60 * minutes,
        "n_individuals": poses.sizes["individual"],
        "share_missing": float(keypoints["share_missing"].mean()),
        "longest_gap_s": float(keypoints["longest_gap_s"].max()),
        "share_all_seen": share_all_seen(judged.sure),
        "n_jumps": pd.NA if jumped is None else int(jumped.sum()),
        "n_swap_suspects": len(judged.suspects),
        "n_swaps_clear": int(judged.suspects["clear"].sum()),
        "swap_suspects_per_min": len(judged.suspects) / minutes if minutes else 0.0,
        **dict(zip(names, _quantiles(poses["confidence"].values), strict=True)),
        "share_bad": _share_covered(spans, n_frames),
    }
    return QualityReport(keypoints, pd.DataFrame([summary]).astype({"n_jumps": "Int64"}), spans)


def bad_spans(poses: xr.Dataset, cleaning: Cleaning, roles: _Roles | None = None) -> pd.DataFrame:
    """Return the stretches of a recording that cannot be used once it is cleaned as ``cleaning`` says.

    Parameters
    ----------
    poses, cleaning, roles
        As in :func:`quality_report`. Jumps are looked for only if ``max_jump`` is given.

    Returns
    -------
    ``individual``, ``start_frame``, ``stop_frame`` (0-based, half-open), ``start_s``, ``stop_s`` and ``reason``, by
    individual and frame. Spans of one reason do not overlap; those of different reasons may.
    """
    return _spans(_judge(poses, cleaning, roles), cleaning)


def remove_spans(poses: xr.Dataset, spans: pd.DataFrame) -> xr.Dataset:
    """Return ``poses`` with every point of an individual missing in its spans.

    Parameters
    ----------
    poses
        A pose dataset, usually cleaned: whatever was filled in a span is removed with it.
    spans
        Columns ``individual``, ``start_frame`` and ``stop_frame``; see :func:`bad_spans`.

    Returns
    -------
    Same schema, with the number of spans in the attribute ``spans_removed``. Features are NaN there, and so are those
    of other frames and individuals that look at these points.

    Raises
    ------
    PoseError
        If a span names an unknown individual or is no range of frames of the recording.
    """
    position, confidence = poses["position"].values.copy(), poses["confidence"].values.copy()
    names = [str(name) for name in poses["individual"].values]
    for individual, start, stop in spans[["individual", "start_frame", "stop_frame"]].itertuples(index=False):
        if individual not in names or not 0 <= start < stop <= len(position):
            raise PoseError(
                found=f"the span [{start}, {stop}) of {individual}",
                expected=f"frames from 0 to {len(position)} of one of {', '.join(names)}",
                where=str(poses.attrs.get("recording", "poses")),
                remedy="give the spans of this recording",
            )
        position[start:stop, ..., names.index(individual)] = np.nan
        confidence[start:stop, ..., names.index(individual)] = np.nan
    removed = poses.assign(
        position=poses["position"].copy(data=position), confidence=poses["confidence"].copy(data=confidence)
    )
    removed.attrs = {**poses.attrs, "spans_removed": len(spans)}
    return removed


@dataclass(frozen=True, slots=True)
class _Judged:
    """Poses without unsure points, their jumps (None where no limit is stated), and what is left without these."""

    sure: xr.Dataset
    jumped: NDArray[np.bool_] | None
    trusted: xr.Dataset
    suspects: pd.DataFrame


def _judge(poses: xr.Dataset, cleaning: Cleaning, roles: _Roles | None) -> _Judged:
    sure = trusted_poses(poses, replace(cleaning, max_jump=None, repair_swaps=False))
    if cleaning.max_jump is None:
        return _Judged(sure, None, sure, swap_suspects(sure))
    jumped = find_jumps(sure, speed_px(parse_speed(cleaning.max_jump), sure, roles))
    trusted = sure.assign(position=sure["position"].where(~jumped[:, np.newaxis]))
    return _Judged(sure, jumped, trusted, swap_suspects(trusted))


def _spans(judged: _Judged, cleaning: Cleaning) -> pd.DataFrame:
    """Return the bad spans that are left after the repair that ``cleaning`` asks for."""
    sure, trusted, suspects = judged.sure, judged.trusted, judged.suspects
    if cleaning.repair_swaps:
        sure, trusted = (exchange_identities(each, suspects[suspects["clear"]]) for each in (sure, trusted))
        suspects = swap_suspects(trusted)
    fps, names = float(trusted.attrs["fps"]), [str(name) for name in trusted["individual"].values]
    was_seen, is_left = _seen(sure), _seen(trusted)
    untracked = np.logical_not(np.any(is_left, axis=1))
    found = list(_runs(untracked, "not tracked", longer_than=round(cleaning.max_gap_s * fps)))
    n_jumped, n_seen = np.sum(was_seen & ~is_left, axis=1), np.sum(was_seen, axis=1)
    found += _runs((n_jumped > 0) & (n_jumped >= JUMPED_SHARE * n_seen), "jump")
    found += _runs(_uncertain(suspects, names, untracked.shape, fps), "identity uncertain")
    rows = [(names[who], start, stop, start / fps, stop / fps, reason) for who, start, stop, reason in found]
    spans = pd.DataFrame(rows, columns=list(SPAN_COLUMNS))
    spans = spans.astype({"individual": object, "start_frame": "int64", "stop_frame": "int64", "reason": object})
    return spans.sort_values(["individual", "start_frame", "stop_frame", "reason"], ignore_index=True)


def _seen(poses: xr.Dataset) -> NDArray[np.bool_]:
    """Return where both coordinates are there, (time, keypoint, individual)."""
    seen: NDArray[np.bool_] = np.all(np.isfinite(poses["position"].values), axis=1)
    return seen


def _uncertain(suspects: pd.DataFrame, names: Sequence[str], shape: tuple[int, ...], fps: float) -> NDArray[np.bool_]:
    """Return the frames (time, individual) around the suspects."""
    uncertain = np.zeros(shape, dtype=bool)
    margin = round(AROUND_SUSPECT_S * fps)
    columns = ["previous_frame", "frame", "first", "second"]
    for previous, frame, *pair in suspects[columns].itertuples(index=False):
        for who in pair:
            uncertain[max(previous + 1 - margin, 0) : frame + 1 + margin, names.index(who)] = True
    return uncertain


def _runs(flagged: NDArray[np.bool_], reason: str, longer_than: int = 0) -> Iterator[tuple[int, int, int, str]]:
    """Yield individual, start, stop and reason of the runs of ``flagged`` (time, individual)."""
    for who in range(flagged.shape[1]):
        edges = np.flatnonzero(np.diff(flagged[:, who], prepend=False, append=False)).reshape(-1, 2)
        yield from ((who, start, stop, reason) for start, stop in edges.tolist() if stop - start > longer_than)


def _quantiles(confidence: NDArray[np.float32]) -> list[float]:
    known = confidence[np.isfinite(confidence)]
    return np.quantile(known.astype(np.float64), QUANTILES).tolist() if known.size else [np.nan] * len(QUANTILES)


def _share_covered(spans: pd.DataFrame, n_frames: int) -> float:
    covered = np.zeros(n_frames, dtype=bool)
    for start, stop in spans[["start_frame", "stop_frame"]].itertuples(index=False):
        covered[start:stop] = True
    return float(covered.mean()) if n_frames else 0.0
