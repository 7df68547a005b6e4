"""Simulated votes whose rates, dependence and persistence of errors are known: truth for tests and benchmarks.

States follow the chain of :mod:`nsp_core.weak.bout_smoothing`. A labeling function draws a number between 0 and 1 and
looks up its vote in its rates given the state. It keeps the number for a while, so that its errors last, and a copy
sometimes takes the number of another function, so that the two err together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsp_core.errors import StudyError
from nsp_core.labels import UNLABELED
from nsp_core.rng import stream
from nsp_core.weak.bout_smoothing import BoutChain
from nsp_core.weak.votes import ABSTAINS, VoteSequence

__all__ = ["PlantedFunction", "simulate_votes", "with_chosen_gold"]


@dataclass(frozen=True, slots=True)
class PlantedFunction:
    """A labeling function of known rates.

    Attributes
    ----------
    when_absent, when_present
        Probabilities of the votes abstain, absent, present given the state; each sums to 1.
    error_s
        Seconds for which a drawn number is kept on average; 0 draws one per frame.
    edge_s
        Standard deviation in seconds by which it sees a bout begin or end early or late.
    copies
        Place of the function whose number is taken, an earlier one; None for none.
    copied_share
        Share of the frames on which it is taken: 1 makes a duplicate if the rates are the same.

    Raises
    ------
    StudyError
        If probabilities do not sum to 1.
    """

    when_absent: tuple[float, float, float]
    when_present: tuple[float, float, float]
    error_s: float = 0.0
    edge_s: float = 0.0
    copies: int | None = None
    copied_share: float = 1.0

    def __post_init__(self) -> None:
        for rates in (self.when_absent, self.when_present):
            if min(rates) < 0 or abs(sum(rates) - 1) > 1e-9:
                raise StudyError(
                    found=f"rates {rates}",
                    expected="three probabilities that sum to 1: abstain, absent, present",
                    where="planted labeling function",
                    remedy="correct the rates",
                )

    @property
    def rates(self) -> NDArray[np.float64]:
        """Shape (state, vote): state absent, present; vote abstain, absent, present."""
        return np.array([self.when_absent, self.when_present])


def simulate_votes(
    functions: Sequence[PlantedFunction],
    chain: BoutChain,
    *,
    n_recordings: int,
    n_frames: int,
    fps: float = 30.0,
    seed: int,
) -> list[VoteSequence]:
    """Return recordings of ``n_frames`` frames each, with the true state on every frame.

    Examples
    --------
    >>> sure = PlantedFunction(when_absent=(0, 1, 0), when_present=(0, 0, 1))
    >>> (one,) = simulate_votes([sure], BoutChain(1.0, 0.5), n_recordings=1, n_frames=90, seed=0)
    >>> bool((one.votes[:, 0] == one.states).all())
    True
    """
    sequences = []
    for number in range(n_recordings):
        generator = stream(seed, "weak", "simulated votes", f"recording-{number}")
        states = _chain_states(chain, n_frames, fps, generator)
        drawn: list[NDArray[np.float64]] = []
        votes = np.empty((n_frames, len(functions)), dtype=np.int8)
        for place, function in enumerate(functions):
            numbers = _kept_numbers(function.error_s, n_frames, fps, generator)
            if function.copies is not None:
                copied = _kept_numbers(function.error_s, n_frames, fps, generator) < function.copied_share
                numbers = np.where(copied, drawn[function.copies], numbers)
            drawn.append(numbers)
            seen = _with_moved_edges(states, function.edge_s * fps, generator)
            bounds = np.cumsum(function.rates, axis=1)[seen]
            votes[:, place] = np.minimum((numbers[:, None] >= bounds).sum(axis=1), 2) + ABSTAINS
        sequences.append(VoteSequence(f"recording-{number}", votes, fps, states))
    return sequences


def with_chosen_gold(sequences: Sequence[VoteSequence], n_bouts: int, margin_s: float) -> list[VoteSequence]:
    """Return ``sequences`` with the labels of ``n_bouts`` bouts each and of ``margin_s`` around them, and no others.

    What an annotator does who looks for the behavior: the share of present frames among the labeled ones is far above
    that of the recording. Bouts are taken evenly over the recording.
    """
    chosen = []
    for one in sequences:
        states = one.known_states
        starts = np.flatnonzero((states[1:] == 1) & (states[:-1] == 0)) + 1
        stops = np.flatnonzero((states[1:] == 0) & (states[:-1] == 1)) + 1
        stops = stops[stops > starts[0]] if starts.size else stops
        places = np.unique(np.linspace(0, max(stops.size - 1, 0), min(n_bouts, stops.size)).round().astype(np.int64))
        margin = round(margin_s * one.fps)
        kept = np.zeros(states.size, dtype=bool)
        for place in places:
            kept[max(starts[place] - margin, 0) : stops[place] + margin] = True
        chosen.append(
            VoteSequence(one.recording, one.votes, one.fps, np.where(kept, states, UNLABELED), one.participants)
        )
    return chosen


def _chain_states(chain: BoutChain, n_frames: int, fps: float, generator: np.random.Generator) -> NDArray[np.int8]:
    (_, begin), (end, _) = np.exp(chain.log_transitions(fps))
    uniform = generator.random(n_frames)
    states = np.empty(n_frames, dtype=np.int8)
    state = uniform[0] < chain.share
    for frame, number in enumerate(uniform.tolist()):
        if frame:
            state = number >= end if state else number < begin
        states[frame] = state
    return states


def _with_moved_edges(states: NDArray[np.int8], frames: float, generator: np.random.Generator) -> NDArray[np.int8]:
    """Return ``states`` (time,) with every change moved by a normal number of ``frames``; order is kept."""
    changes = np.flatnonzero(np.diff(states)) + 1
    if not frames or not changes.size:
        return states
    moved = np.sort(np.clip(changes + generator.normal(0, frames, changes.size).round(), 0, states.size)).astype(int)
    flips = np.bincount(moved, minlength=states.size + 1)[: states.size]
    seen: NDArray[np.int8] = ((states[0] + np.cumsum(flips)) % 2).astype(np.int8)
    return seen


def _kept_numbers(kept_s: float, n_frames: int, fps: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return uniform numbers (time,), each kept for an exponential time of mean ``kept_s``."""
    numbers = generator.random(n_frames)
    renewed = generator.random(n_frames) < (-np.expm1(-1 / (kept_s * fps)) if kept_s else 1.0)
    renewed[:1] = True
    last = np.maximum.accumulate(np.where(renewed, np.arange(n_frames), 0))
    kept: NDArray[np.float64] = numbers[last]
    return kept
