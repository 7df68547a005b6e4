"""What one feature is: a word with a unit, what it needs, and how it is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from nsp_core.features.geometry import BETWEEN_ROLES, DERIVATIVE_STEP_S, Geometry
from nsp_core.features.vectors import Points
from nsp_core.units import LengthReference, Unit

__all__ = ["Arity", "Family", "FeatureSpec", "PlaceKind"]

Arity = Literal["individual", "pair", "ordered_pair"]
Family = Literal["kinematics", "posture", "social", "arena", "tracking"]
PlaceKind = Literal["outline", "corners", "region", "object"]


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """What one feature is.

    Attributes
    ----------
    name, symbol
        As programs and as formulas write it. A feature of a place or of points that the user names carries their names
        behind its own: ``in_region_shelter``, ``point_length_nose_to_paw``.
    family
        Where it stands in lists.
    arity
        ``individual``; ``pair``, the same for both orders of a dyad; or ``ordered_pair``, from agent to target.
    exponents
        Of length, time and angle in its dimension.
    roles
        Roles it needs; ``centroid`` means any one of nose, center and tail_base.
    arena
        What it needs to know of the arena: its outline, its corners, a named region or a named object; or nothing.
    n_points
        How many roles stand in its name, ``_to_`` between them.
    compute
        From a geometry to an array (individual, time), (unordered dyad, time) or (ordered dyad, time), in pixels,
        radians and seconds. What the user names is the second argument of a feature that takes a name.
    range
        Smallest and largest value possible.
    definition, formula
        What it means, in a sentence for a methods section, and as a formula.
    source
        Who introduced or uses it.
    fixed_reference
        What its length is measured against whatever the recording's unit of length is; None follows the recording.
    reach_steps
        How many derivative steps it looks into the past and into the future.
    circular
        Whether it is an angle that wraps from pi to -pi, of which no plain mean exists.
    mirrored
        Whether a mirrored camera changes its sign.
    offered
        Whether synthesis may use it without being asked to.
    """

    name: str
    symbol: str
    family: Family
    arity: Arity
    exponents: tuple[int, int, int]
    roles: tuple[str, ...]
    compute: Callable[..., Points]
    range: tuple[float, float]
    definition: str
    formula: str
    source: str
    arena: PlaceKind | None = None
    n_points: int = 0
    fixed_reference: LengthReference | None = None
    reach_steps: float = 0.0
    circular: bool = False
    mirrored: bool = False
    offered: bool = True

    def unit(self, length_reference: LengthReference) -> Unit:
        """Return the feature's unit where the recording's lengths are measured against ``length_reference``."""
        return Unit(*self.exponents, self.fixed_reference or length_reference)

    @property
    def length(self) -> int:
        """Exponent of length."""
        return self.exponents[0]

    @property
    def dimension(self) -> str:
        """The exponents in words, such as ``length/time^2``; empty for a bare number."""
        powers = dict(zip(("length", "time", "angle"), self.exponents, strict=True))
        above = "*".join(_power(name, exponent) for name, exponent in powers.items() if exponent > 0)
        below = "".join(f"/{_power(name, -exponent)}" for name, exponent in powers.items() if exponent < 0)
        return f"{above or '1'}{below}" if below else above

    @property
    def takes_name(self) -> bool:
        """Whether the feature is one of many: of a named region, of a named object, or of named points."""
        return self.n_points > 0 or self.arena in ("region", "object")

    @property
    def name_wanted(self) -> str:
        """The kind of name it takes, as lists write it; empty if it takes none."""
        if self.n_points:
            return BETWEEN_ROLES.join(["<role>"] * self.n_points)
        return f"<{self.arena}>" if self.takes_name else ""

    def values(self, geometry: Geometry, named: str | None = None) -> Points:
        """Return the feature in pixels, radians and seconds; see ``compute``."""
        return geometry.shared(self.compute) if named is None else self.compute(geometry, named)

    @property
    def reach_s(self) -> float:
        """Seconds into the past and into the future that the feature looks, at a high frame rate."""
        return self.reach_steps * DERIVATIVE_STEP_S


def _power(name: str, exponent: int) -> str:
    return name if exponent == 1 else f"{name}^{exponent}"
