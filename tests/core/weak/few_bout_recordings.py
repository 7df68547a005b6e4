"""Recordings of a behavior that three features tell of, each in part, annotated in full: bouts are drawn from them."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from nsp_core.sequences import LabeledSequence
from nsp_core.units import Unit

FPS = 10.0
N_FRAMES = 3000
NAMES = ("near", "slow", "facing", "noise")


def recording(name: str, seed: int) -> LabeledSequence:
    """A behavior in a third of the frames, in bouts of seconds, and four features, the last of which says nothing."""
    generator = np.random.default_rng(seed)
    drive = gaussian_filter1d(generator.normal(size=N_FRAMES), 20)
    states = (drive > np.quantile(drive, 0.67)).astype(np.int8)
    told = (states[:, None] - 0.5) * np.array([2.0, 1.6, 1.2, 0.0])
    wander = gaussian_filter1d(generator.normal(size=(N_FRAMES, 4)), 5, axis=0) * 3
    return LabeledSequence(name, (told + wander).astype(np.float32), states, NAMES, (Unit(),) * 4, FPS)


def recordings(n: int, seed: int = 0) -> list[LabeledSequence]:
    """Return ``n`` recordings."""
    return [recording(f"r{index}", seed + index) for index in range(n)]
