"""What a search is repeated under, to see whether it finds the same again: perturbations of its seed and its data.

=============  ======================================================================================================
``seed``       another seed of the search
``bootstrap``  as many training recordings, drawn with replacement
``jitter``     poses that the tracker would have placed a little less exactly
=============  ======================================================================================================

Beside them stands one unperturbed run, the ``reference``.

References
----------
Efron, B. & Tibshirani, R. (1993). An Introduction to the Bootstrap, chapter 6 (whole recordings are drawn here).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Literal

import numpy as np
import xarray as xr

from nsp_core.errors import LabelError, PoseError, StudyError
from nsp_core.evaluate.splits import natural_key
from nsp_core.labels import ABSENT, PRESENT
from nsp_core.sequences import LabeledSequence

__all__ = ["Perturbation", "PerturbationKind", "StabilitySettings", "bootstrap_recordings", "jitter_poses"]

PerturbationKind = Literal["reference", "seed", "bootstrap", "jitter"]


@dataclass(frozen=True, slots=True)
class Perturbation:
    """What is different in one run.

    Attributes
    ----------
    kind
        The kind of difference; ``reference`` is none.
    level
        The seed of the search, the number of the bootstrap, or the standard deviation of the jitter in pixels.
    """

    kind: PerturbationKind
    level: int | float

    @property
    def label(self) -> str:
        """How reports call it, such as ``seed 3``, ``bootstrap 1`` or ``jitter 0.5 px``."""
        if self.kind == "reference":
            return self.kind
        return f"jitter {self.level:g} px" if self.kind == "jitter" else f"{self.kind} {self.level}"


@dataclass(frozen=True, slots=True)
class StabilitySettings:
    """How often a search is repeated, and how.

    Attributes
    ----------
    n_seeds
        Searches with other seeds than the reference.
    n_bootstraps
        Searches on resampled training recordings.
    jitter_px
        Standard deviations of the jitter in pixels, one search each.

    Raises
    ------
    StudyError
        If there is nothing to repeat, or a number is impossible.
    """

    n_seeds: int = 5
    n_bootstraps: int = 5
    jitter_px: tuple[float, ...] = (0.5, 1.0, 2.0)

    def __post_init__(self) -> None:
        stated = f"{self.n_seeds} seeds, {self.n_bootstraps} bootstraps and jitter of {list(self.jitter_px)} px"
        if min(self.n_seeds, self.n_bootstraps) < 0 or not all(0 < sigma < math.inf for sigma in self.jitter_px):
            raise _impossible(stated, "counts of 0 or more, and jitter above 0 px")
        if len(set(self.jitter_px)) < len(self.jitter_px):
            raise _impossible(stated, "every jitter once")
        if not (self.n_seeds or self.n_bootstraps or self.jitter_px):
            raise _impossible("no seed, no bootstrap and no jitter", "at least one of them")

    def perturbations(self, seeds: Sequence[int]) -> tuple[Perturbation, ...]:
        """Return the reference, which has the first of ``seeds``, and all that differs from it.

        Other seeds are the further ones of ``seeds``, then 0, 1, 2, ... as far as they are new.
        """
        first, *others = seeds
        new = (seed for seed in count() if seed not in seeds)
        chosen = [*others, *islice(new, max(self.n_seeds - len(others), 0))][: self.n_seeds]
        return (
            Perturbation("reference", first),
            *(Perturbation("seed", seed) for seed in chosen),
            *(Perturbation("bootstrap", number) for number in range(1, self.n_bootstraps + 1)),
            *(Perturbation("jitter", float(sigma)) for sigma in sorted(self.jitter_px)),
        )


def bootstrap_recordings(
    sequences: Sequence[LabeledSequence], generator: np.random.Generator
) -> tuple[LabeledSequence, ...]:
    """Return the sequences of as many recordings as there are, drawn with replacement.

    A recording drawn twice is there twice, and each copy counts. Copies keep the recording's name, so that whatever
    splits what it is given by recording, as all splits here do, never has one copy on either side.

    A draw without frames of both classes, of which no search can learn, is drawn again if the recordings have both:
    the same as leaving such draws out. The order of ``sequences`` does not matter.

    Raises
    ------
    LabelError
        If there are fewer than two recordings: nothing could differ between draws.
    """
    by_recording: dict[str, list[LabeledSequence]] = {}
    for sequence in sequences:
        by_recording.setdefault(sequence.recording, []).append(sequence)
    names = sorted(by_recording, key=natural_key)
    if len(names) < 2:
        raise LabelError(
            found=f"{len(names)} recording to draw from",
            expected="at least two",
            where="bootstrap of the recordings",
            remedy="label more recordings, or give --bootstraps 0",
        )
    while True:
        places = np.sort(generator.integers(len(names), size=len(names)))
        drawn = tuple(sequence for place in places for sequence in by_recording[names[place]])
        if _has_both_classes(drawn) or not _has_both_classes(sequences):
            return drawn


def jitter_poses(poses: xr.Dataset, sigma_px: float, generator: np.random.Generator) -> xr.Dataset:
    """Return ``poses`` with independent Gaussian noise on both coordinates of every point of every frame.

    Parameters
    ----------
    poses
        A pose dataset as the tracker gave it. It is cleaned afterwards: a gap filled before would get an error of its
        own.
    sigma_px
        Standard deviation per axis in pixels.
    generator
        Draws the noise. The same generator gives the same noise for every ``sigma_px``, only larger.

    Returns
    -------
    Same schema; missing points stay missing, confidence stays. The attribute ``jitter_px`` tells what was done.

    Raises
    ------
    PoseError
        If ``sigma_px`` is negative or not finite.
    """
    if not 0 <= sigma_px < math.inf:
        raise PoseError(
            found=f"a jitter of {sigma_px} px",
            expected="0 px or more",
            where=str(poses.attrs.get("recording", "poses")),
            remedy="give a standard deviation in pixels",
        )
    position = poses["position"].values
    noise = generator.standard_normal(position.shape, dtype=np.float32) * np.float32(sigma_px)
    seen = np.isfinite(position).all(axis=1, keepdims=True)
    jittered = poses.assign(position=poses["position"].copy(data=np.where(seen, position + noise, position)))
    return jittered.assign_attrs(jitter_px=float(sigma_px))


def _has_both_classes(sequences: Sequence[LabeledSequence]) -> bool:
    return all(any((sequence.states == state).any() for sequence in sequences) for state in (PRESENT, ABSENT))


def _impossible(found: str, expected: str) -> StudyError:
    return StudyError(
        found=found, expected=expected, where="stability", remedy="give --seeds, --bootstraps or --jitter-px"
    )
