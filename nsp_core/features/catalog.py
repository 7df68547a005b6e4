"""The one visible tuple of features: name, dimension, what it needs, what it means.

The catalog's digest goes into every program. Whoever changes what a feature computes without changing its definition
raises ``CATALOG_VERSION``, so that old programs are not silently read with new numbers.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from nsp_core.errors import FeatureError
from nsp_core.features import kinematics, posture, social
from nsp_core.features.geometry import CENTROID, DERIVATIVE_STEP_S, Geometry, Points
from nsp_core.units import LengthReference, Unit

__all__ = ["CATALOG", "CATALOG_VERSION", "Arity", "FeatureSpec", "catalog_digest", "closest_match", "spec"]

CATALOG_VERSION = 1

Arity = Literal["individual", "pair", "ordered_pair"]

_NOT_NEGATIVE = (0.0, math.inf)
_HALF_TURN = (0.0, math.pi)
_STEP = f"centered difference over {DERIVATIVE_STEP_S:g} s"
_MARS = "Segalin et al. 2021 (MARS), doi:10.7554/eLife.63720"
_JAABA = "Kabra et al. 2013 (JAABA), doi:10.1038/nmeth.2281"


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """What one feature is.

    Attributes
    ----------
    name, symbol
        As programs and as formulas write it.
    length, time, angle
        Exponents of its dimension.
    arity
        ``individual``; ``pair``, the same for both orders of a dyad; or ``ordered_pair``, from agent to target.
    roles
        Roles it needs; ``centroid`` means any one of nose, center and tail_base.
    compute
        From a geometry to an array (time, individual), (time, unordered dyad) or (time, ordered dyad).
    range
        Smallest and largest value possible.
    definition
        What it means, in a sentence for a methods section.
    source
        Who introduced or uses it.
    """

    name: str
    symbol: str
    length: int
    time: int
    angle: int
    arity: Arity
    roles: tuple[str, ...]
    compute: Callable[[Geometry], Points]
    range: tuple[float, float]
    definition: str
    source: str

    def unit(self, length_reference: LengthReference) -> Unit:
        """Return the feature's unit where lengths are measured against ``length_reference``."""
        return Unit(self.length, self.time, self.angle, length_reference)

    @property
    def dimension(self) -> str:
        """The exponents in words, such as ``length/time``; empty for a bare number."""
        powers = {"length": self.length, "angle": self.angle, "time": self.time}
        above = "*".join(name for name, exponent in powers.items() if exponent == 1)
        below = "".join(f"/{name}" for name, exponent in powers.items() if exponent == -1)
        return f"{above or '1'}{below}" if below else above


CATALOG: tuple[FeatureSpec, ...] = (
    FeatureSpec(
        "speed", "v", 1, -1, 0, "individual", (CENTROID,), kinematics.speed, _NOT_NEGATIVE,
        f"Speed of the centroid, {_STEP}, of the body points seen at both ends.",
        _MARS,
    ),
    FeatureSpec(
        "nose_speed", "v_nose", 1, -1, 0, "individual", ("nose",), kinematics.nose_speed, _NOT_NEGATIVE,
        f"Speed of the nose, {_STEP}.",
        f"{_JAABA}: velmag_nose",
    ),
    FeatureSpec(
        "body_length", "L", 1, 0, 0, "individual", ("nose", "tail_base"), posture.body_length, _NOT_NEGATIVE,
        "Distance from the nose to the base of the tail.",
        "Common practice.",
    ),
    FeatureSpec(
        "elongation", "e", 0, 0, 0, "individual", (), posture.elongation, (1.0, posture.GREATEST_ELONGATION),
        "Major over minor axis of the ellipse in which all keypoints of the animal scatter.",
        f"{_MARS}: axis_ratio",
    ),
    FeatureSpec(
        "turning_speed", "omega", 0, -1, 1, "individual", ("nose", "tail_base"), kinematics.turning_speed,
        _NOT_NEGATIVE,
        f"How fast the axis from the base of the tail to the nose turns, either way, {_STEP}.",
        f"{_JAABA}: absdtheta",
    ),
    FeatureSpec(
        "bend", "beta", 0, 0, 1, "individual", ("nose", "center", "tail_base"), posture.bend, _HALF_TURN,
        "Angle at the center between the front and the rear of the body; 0 is straight.",
        f"{_MARS}: angle_head_body",
    ),
    FeatureSpec(
        "centroid_distance", "d", 1, 0, 0, "pair", (CENTROID,), social.centroid_distance, _NOT_NEGATIVE,
        "Distance between the two centroids.",
        f"{_JAABA}: dcenter",
    ),
    FeatureSpec(
        "nose_to_nose", "d_nn", 1, 0, 0, "pair", ("nose",), social.nose_to_nose, _NOT_NEGATIVE,
        "Distance between the two noses.",
        _MARS,
    ),
    FeatureSpec(
        "closest_distance", "d_min", 1, 0, 0, "pair", (CENTROID,), social.closest_distance, _NOT_NEGATIVE,
        "Smallest distance between nose, center or base of the tail of one animal and of the other.",
        f"{_JAABA}: dnose2ell, here between points",
    ),
    FeatureSpec(
        "relative_orientation", "psi", 0, 0, 1, "pair", ("nose", "tail_base"), social.relative_orientation, _HALF_TURN,
        "Angle between the two body axes; 0 is the same way, pi opposite ways.",
        f"{_JAABA}: absthetadiff",
    ),
    FeatureSpec(
        "distance_change", "d'", 1, -1, 0, "pair", (CENTROID,), social.distance_change, (-math.inf, math.inf),
        f"Rate of change of the centroid distance, {_STEP}; negative while the animals come closer.",
        f"{_JAABA}: ddcenter",
    ),
    FeatureSpec(
        "nose_to_tail_base", "d_nt", 1, 0, 0, "ordered_pair", ("nose", "tail_base"), social.nose_to_tail_base,
        _NOT_NEGATIVE,
        "Distance from the agent's nose to the base of the target's tail.",
        f"{_JAABA}: dnose2tail",
    ),
    FeatureSpec(
        "nose_to_body", "d_nb", 1, 0, 0, "ordered_pair", ("nose", CENTROID), social.nose_to_body, _NOT_NEGATIVE,
        "Distance from the agent's nose to the target's centroid.",
        f"{_JAABA}: dnose2ell, here to the centroid",
    ),
    FeatureSpec(
        "facing_angle", "phi", 0, 0, 1, "ordered_pair", ("nose", "tail_base"), social.facing_angle, _HALF_TURN,
        "Angle between the agent's body axis and the line from its centroid to the target's; 0 is facing the target.",
        f"{_JAABA}: absanglefrom1to2",
    ),
    FeatureSpec(
        "approach_speed", "v_to", 1, -1, 0, "ordered_pair", (CENTROID,), social.approach_speed, (-math.inf, math.inf),
        f"Part of the agent's centroid velocity that points to the target's centroid, {_STEP}; negative moving away.",
        f"{_JAABA}: veltoward",
    ),
)  # fmt: skip


def spec(name: str) -> FeatureSpec:
    """Return the feature called ``name``.

    Raises
    ------
    FeatureError
        If the catalog has no such feature; the closest name is given.
    """
    for feature in CATALOG:
        if feature.name == name:
            return feature
    names = [feature.name for feature in CATALOG]
    raise FeatureError(
        found=f"the unknown feature '{name}'",
        expected=f"one of {', '.join(names)}",
        where="feature catalog",
        remedy=closest_match(name, names) or "see the feature catalog for what each one means",
    )


def catalog_digest() -> str:
    """Return the SHA-256 (64 hexadecimal digits) of the catalog's version, names, dimensions and definitions."""
    stated = [[f.name, f.arity, f.length, f.time, f.angle, f.definition] for f in CATALOG]
    text = json.dumps([CATALOG_VERSION, stated], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def closest_match(name: str, known: list[str]) -> str:
    """Return the question ``did you mean ...?`` for the most similar known name, or nothing if none is similar."""
    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean '{matches[0]}'?" if matches else ""
