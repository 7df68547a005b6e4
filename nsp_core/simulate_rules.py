"""The rules that define the behaviors of simulated animals, stated as plain data.

A rule is a conjunction of thresholds on features of the catalog, sustained for a shortest time. Evaluated on noise-free
positions, its bouts are the truth. It prints as the program it is, so that a rule found by search can be held against
it, threshold by threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nsp_core.bouts import bouts_from_frames, drop_short_bouts
from nsp_core.dsl.angles import is_signed_angle
from nsp_core.dsl.ast import Feature
from nsp_core.errors import FeatureError
from nsp_core.features import compute_features, feature_sequences
from nsp_core.labels import Behavior, Bout
from nsp_core.temporal import Window, temporal_operator_for

__all__ = [
    "APPROACH_RULE",
    "CONTACT_RULE",
    "PLANTED_RULES",
    "SIMULATED_ROLES",
    "Condition",
    "PlantedRule",
    "planted_bouts",
    "planted_frames",
    "reading_order",
]

SIMULATED_ROLES: Mapping[str, tuple[str, ...]] = {role: (role,) for role in ("nose", "center", "tail_base")}
"""The simulated skeleton has a keypoint for every core role, and two ears."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A feature, averaged over a centered window where ``window_s`` is positive, compared with a threshold."""

    feature: str
    relation: Literal["<", ">"]
    threshold: float
    unit: str
    window_s: float = 0.0

    def __str__(self) -> str:
        windowed = f"mean({self.feature}, {self.window_s:g} s)" if self.window_s else self.feature
        return f"{windowed} {self.relation} {self.threshold:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class PlantedRule:
    """The definition of a behavior: all conditions together, for at least ``min_bout_s``.

    Examples
    --------
    >>> str(CONTACT_RULE)
    'min_bout(nose_to_nose < 25 mm and mean(speed[higher], 0.5 s) < 60 mm/s, 0.2 s)'
    """

    behavior: Behavior
    conditions: tuple[Condition, ...]
    min_bout_s: float

    def __str__(self) -> str:
        return f"min_bout({' and '.join(map(str, self.conditions))}, {self.min_bout_s:g} s)"


CONTACT_RULE = PlantedRule(
    Behavior("contact", "undirected"),
    (Condition("nose_to_nose", "<", 25.0, "mm"), Condition("speed[higher]", "<", 60.0, "mm/s", window_s=0.5)),
    min_bout_s=0.2,
)
APPROACH_RULE = PlantedRule(
    Behavior("approach", "directed"),
    (
        Condition("approach_speed[agent]", ">", 40.0, "mm/s"),
        Condition("facing_angle[agent]", "<", 0.6, "rad"),
        Condition("centroid_distance", "<", 200.0, "mm"),
    ),
    min_bout_s=0.2,
)
PLANTED_RULES = (CONTACT_RULE, APPROACH_RULE)


def planted_bouts(true_poses: xr.Dataset, rules: Sequence[PlantedRule]) -> tuple[Bout, ...]:
    """Return every bout of every rule in a recording without noise, in the order of time.

    Parameters
    ----------
    true_poses
        Noise-free poses with ``scale_mm_per_px`` and the keypoints of :data:`SIMULATED_ROLES`.
    rules
        Their lengths are in millimeters.

    Raises
    ------
    FeatureError
        If a rule asks for a feature or unit that these animals do not have.
    """
    asked = [condition.feature.partition("[")[0] for rule in rules for condition in rule.conditions]
    features = compute_features(true_poses, SIMULATED_ROLES, asked, length_unit="mm")
    bouts = [
        Bout(rule.behavior.name, start, stop, sequence.attrs["individual"], sequence.attrs["target"] or None)
        for rule in rules
        for sequence in feature_sequences(features, rule.behavior.kind)
        for start, stop in bouts_from_frames(planted_frames(sequence, rule)).tolist()
    ]
    return tuple(sorted(bouts, key=reading_order))


def planted_frames(sequence: xr.DataArray, rule: PlantedRule) -> NDArray[np.bool_]:
    """Return the frames (time,) in which ``rule`` holds of one feature sequence; a missing feature does not hold.

    Parameters
    ----------
    sequence
        Features (time, feature) of the animal or dyad, see :func:`nsp_core.features.feature_sequence`.
    rule
        Conditions in the units of ``sequence``.

    Raises
    ------
    FeatureError
        If the sequence lacks a feature of the rule, or has it in another unit.
    """
    fps = float(sequence.attrs["fps"])
    holds = np.ones(sequence.sizes["time"], dtype=bool)
    for condition in rule.conditions:
        half = round(condition.window_s * fps / 2)
        mean = temporal_operator_for("mean", circular=is_signed_angle(Feature(condition.feature)))
        series = mean.apply(_series(sequence, condition), Window(half, half)).astype(np.float64)
        holds &= series < condition.threshold if condition.relation == "<" else series > condition.threshold
    return drop_short_bouts(holds, round(rule.min_bout_s * fps))


def reading_order(bout: Bout) -> tuple[int, int, str, str]:
    """Return the key that sorts bouts as one reads them: by time first."""
    return (bout.start_frame, bout.stop_frame, bout.behavior, bout.individual or "")


def _series(sequence: xr.DataArray, condition: Condition) -> NDArray[np.float32]:
    units = dict(zip(sequence["feature"].values.tolist(), sequence["unit"].values.tolist(), strict=True))
    if units.get(condition.feature) != condition.unit:
        known = ", ".join(f"{name} ({unit})" if unit else name for name, unit in units.items())
        raise FeatureError(
            found=f"a condition on {condition.feature} in '{condition.unit}'",
            expected=f"one of {known}",
            where="planted rule",
            remedy="state the rule with these features, in their units",
        )
    values: NDArray[np.float32] = sequence.sel(feature=condition.feature).values
    return values
