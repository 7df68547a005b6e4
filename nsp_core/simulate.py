"""A simulated dyad whose behaviors follow known rules: recordings for tests and demonstrations.

The rules (:mod:`nsp_core.simulate_rules`) are evaluated on the noise-free positions. They are the truth that a search
has to find again from tracked poses and an annotator's bouts.

Randomness comes in named streams: a noisier tracker or another annotator leaves the animals' motion as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nsp_core.errors import LabelError, PoseError
from nsp_core.labels import Bout, RecordingLabels
from nsp_core.poses import make_poses
from nsp_core.rng import stream
from nsp_core.simulate_motion import KEYPOINTS, body_keypoints, simulate_motion
from nsp_core.simulate_rules import (
    APPROACH_RULE,
    CONTACT_RULE,
    PLANTED_RULES,
    SIMULATED_ROLES,
    Condition,
    PlantedRule,
    planted_bouts,
    planted_frames,
    reading_order,
)
from nsp_core.simulate_tracker import TrackerNoise, track_points

__all__ = [
    "APPROACH_RULE",
    "CONTACT_RULE",
    "PLANTED_RULES",
    "SIMULATED_ROLES",
    "Condition",
    "PlantedRule",
    "SimulatedRecording",
    "planted_frames",
    "simulate_dyad",
]

SMALLEST_ARENA = 3.0  # body lengths: below, two animals cannot keep apart


@dataclass(frozen=True, slots=True)
class SimulatedRecording:
    """One simulated recording and what is true of it.

    Attributes
    ----------
    poses
        What the tracker found, see :mod:`nsp_core.poses`.
    true_poses
        The same recording without noise, dropouts and exchanged identities; likelihoods are 1.
    labels
        The annotator's bouts and observed spans.
    truth
        The exact bouts of the rules, over the whole recording.
    rules
        What was planted.
    swapped
        Shape (time,): True where ``poses`` has the two animals under each other's name.
    """

    poses: xr.Dataset
    true_poses: xr.Dataset
    labels: RecordingLabels
    truth: RecordingLabels
    rules: tuple[PlantedRule, ...]
    swapped: NDArray[np.bool_]

    @property
    def true_position(self) -> xr.DataArray:
        """Noise-free positions (time, space, keypoint, individual) in pixels."""
        return self.true_poses["position"]


def simulate_dyad(
    *,
    seed: int | np.random.Generator,
    n_frames: int,
    fps: float = 30.0,
    body_length_mm: float = 80.0,
    scale_mm_per_px: float = 0.5,
    arena_mm: float = 500.0,
    dropout: float = 0.05,
    jitter_px: float = 1.0,
    swap_rate: float = 0.0,
    label_jitter_frames: int = 2,
    unlabeled_s: tuple[float, float] = (0.0, 0.0),
    individuals: tuple[str, str] = ("mouse1", "mouse2"),
    recording: str = "simulated",
    rules: tuple[PlantedRule, ...] = PLANTED_RULES,
) -> SimulatedRecording:
    """Return a recording of two animals in a square arena, with the truth it was made from.

    Parameters
    ----------
    seed
        The same seed and parameters give the same recording to the bit. A generator gives one number as the seed.
    n_frames, fps
        Length and frame rate. One seed at two frame rates shows the same animals.
    body_length_mm
        Nose to tail base, constant. All motion scales with it; the thresholds of ``rules`` do not.
    scale_mm_per_px, arena_mm
        Camera scale, and the side of the arena, whose corner is pixel (0, 0). At least three body lengths.
    dropout, jitter_px, swap_rate
        See :class:`nsp_core.simulate_tracker.TrackerNoise`; swaps are per second.
    label_jitter_frames
        The annotator's onsets and offsets are off by up to so many frames, all errors alike probable.
    unlabeled_s
        Seconds at the beginning and at the end that the annotator did not look at.
    individuals, recording
        Names in poses and labels.
    rules
        What the truth is.

    Raises
    ------
    PoseError
        If a length, rate or number is out of range.
    LabelError
        If no observed frame is left or the jitter is negative.
    FeatureError
        If a rule asks for a feature or unit that this dyad does not have.
    """
    _require_possible(arena_mm, body_length_mm, n_frames=n_frames, fps=fps, scale_mm_per_px=scale_mm_per_px)
    noise = TrackerNoise(dropout, jitter_px, swap_rate)
    observed = _observed_span(n_frames, fps, unlabeled_s, label_jitter_frames, recording)
    number = int(seed.integers(2**63)) if isinstance(seed, np.random.Generator) else seed
    position = _true_shape(number, n_frames, fps, arena_mm / body_length_mm) * (body_length_mm / scale_mm_per_px)
    tracked, likelihood, swapped = track_points(
        position, noise=noise, fps=fps, rng=stream(number, "simulate", "tracker")
    )
    as_poses = partial(
        make_poses,
        recording=recording,
        keypoints=KEYPOINTS,
        individuals=individuals,
        fps=fps,
        scale_mm_per_px=scale_mm_per_px,
        source_software="simulated",
    )
    true_poses = as_poses(position, np.ones_like(likelihood))
    bouts = planted_bouts(true_poses, rules)
    written = _annotated(bouts, label_jitter_frames, observed, stream(number, "simulate", "annotator"))
    names = [rule.behavior.name for rule in rules]
    return SimulatedRecording(
        poses=as_poses(tracked, likelihood),
        true_poses=true_poses,
        labels=RecordingLabels(recording, "simulated annotator", written, dict.fromkeys(names, (observed,))),
        truth=RecordingLabels(recording, "planted rules", bouts, dict.fromkeys(names, ((0, n_frames),))),
        rules=rules,
        swapped=swapped,
    )


def _true_shape(seed: int, n_frames: int, fps: float, arena: float) -> NDArray[np.float64]:
    """Return noise-free positions (time, space, keypoint, individual) in body lengths."""
    times, centers, headings = simulate_motion(
        schedule=stream(seed, "simulate", "schedule"),
        walk=stream(seed, "simulate", "walk"),
        duration_s=n_frames / fps,
        arena=arena,
    )
    frame_times = np.arange(n_frames) / fps
    columns = [(centers[:, who], headings[:, who]) for who in (0, 1)]
    center = np.stack([np.interp(frame_times, times, path) for path, _ in columns], axis=1)
    heading = np.stack([np.interp(frame_times, times, turn) for _, turn in columns], axis=1)
    return body_keypoints(center, heading)


def _annotated(
    bouts: Sequence[Bout], jitter_frames: int, observed: tuple[int, int], rng: np.random.Generator
) -> tuple[Bout, ...]:
    """Return the bouts an annotator would write down: shifted edges, cut to the observed span, none overlapping."""
    shifts = rng.integers(-jitter_frames, jitter_frames, size=(len(bouts), 2), endpoint=True)
    last_stop: dict[tuple[str, str | None, str | None], int] = {}
    written = []
    for bout, (onset, offset) in zip(bouts, shifts.tolist(), strict=True):
        who = (bout.behavior, bout.individual, bout.target)
        start = max(bout.start_frame + onset, last_stop.get(who, 0), observed[0])
        stop = min(bout.stop_frame + offset, observed[1])
        if start < stop:
            last_stop[who] = stop
            written.append(Bout(bout.behavior, start, stop, bout.individual, bout.target))
    return tuple(sorted(written, key=reading_order))


def _observed_span(
    n_frames: int, fps: float, unlabeled_s: tuple[float, float], jitter_frames: int, recording: str
) -> tuple[int, int]:
    start, stop = round(unlabeled_s[0] * fps), n_frames - round(unlabeled_s[1] * fps)
    if not (0 <= start < stop <= n_frames and jitter_frames >= 0):
        raise LabelError(
            found=f"{unlabeled_s} s unlabeled of {n_frames / fps:g} s, and label_jitter_frames = {jitter_frames}",
            expected="no negative numbers, and at least one frame that is observed",
            where=recording,
            remedy="shorten unlabeled_s or simulate more frames",
        )
    return start, stop


def _require_possible(arena_mm: float, body_length_mm: float, **above_zero: float) -> None:
    for name, value in {"body_length_mm": body_length_mm, **above_zero}.items():
        if not (value > 0 and np.isfinite(value)):
            raise _impossible(name, value, "a finite number above 0")
    least = SMALLEST_ARENA * body_length_mm
    if not (arena_mm >= least and np.isfinite(arena_mm)):
        raise _impossible("arena_mm", arena_mm, f"a finite number, {least:g} or more (three body lengths)")


def _impossible(name: str, value: float, expected: str) -> PoseError:
    return PoseError(
        found=f"{name} = {value}", expected=expected, where="simulated dyad", remedy=f"choose {name} in that range"
    )
