"""Finding features by name, what a recording allows, and the digests that tell whether a feature still means the same.

A feature that takes a name is called by both: ``in_region_shelter`` is the feature ``in_region`` of the region
``shelter``, ``point_length_nose_to_paw`` the feature ``point_length`` of the roles ``nose`` and ``paw``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nsp_core.arena import Arena
from nsp_core.errors import FeatureError
from nsp_core.features.catalog import CATALOG, CATALOG_VERSION
from nsp_core.features.geometry import BETWEEN_ROLES, BODY, CENTROID, CORE_ROLES, Geometry
from nsp_core.features.spec import FeatureSpec
from nsp_core.features.vectors import Points
from nsp_core.provenance import digest
from nsp_core.units import LengthReference, Unit

__all__ = [
    "NamedFeature",
    "Roles",
    "available_features",
    "closest_match",
    "definition_digest",
    "feature_key",
    "require_computable",
    "spec",
    "with_centroid",
]

Roles = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class NamedFeature:
    """A feature of the catalog by the name programs use, with the region, object or roles it belongs to, if any."""

    spec: FeatureSpec
    named: str | None = None

    @property
    def name(self) -> str:
        """Name of the feature, with what it belongs to behind it."""
        return self.spec.name if self.named is None else f"{self.spec.name}_{self.named}"

    @property
    def definition(self) -> str:
        """What it means, with what it belongs to."""
        return self.spec.definition if self.named is None else f"{self.spec.definition[:-1]} ({self.named})."

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles it needs, those in its name among them."""
        return tuple(self.named.split(BETWEEN_ROLES)) if self.named and self.spec.n_points else self.spec.roles

    def unit(self, length_reference: LengthReference) -> Unit:
        """Return the unit where the recording's lengths are measured against ``length_reference``."""
        return self.spec.unit(length_reference)

    def values(self, geometry: Geometry) -> Points:
        """Return the feature over a block of frames, in pixels, radians and seconds."""
        return self.spec.values(geometry, self.named)


def spec(name: str) -> NamedFeature:
    """Return the feature that programs call ``name``.

    Whether a recording has the named place or role is not asked here.

    Raises
    ------
    FeatureError
        If the catalog has no such feature; the closest name is given.

    Examples
    --------
    >>> spec("object_distance_water").named, spec("point_length_nose_to_paw").roles
    ('water', ('nose', 'paw'))
    """
    for feature in CATALOG:
        named = name.removeprefix(f"{feature.name}_")
        if not feature.takes_name and feature.name == name:
            return NamedFeature(feature)
        if feature.takes_name and named not in ("", name) and _is_well_named(feature, named):
            return NamedFeature(feature, named)
    names = {feature.name: f"{feature.name}_{feature.name_wanted}".removesuffix("_") for feature in CATALOG}
    unnamed = [names[feature.name] for feature in CATALOG if feature.takes_name and name.startswith(feature.name)]
    raise FeatureError(
        found=f"the unknown feature '{name}'",
        expected=f"one of the {len(names)} features that 'nsp features' lists",
        where="feature catalog",
        remedy=closest_match(name, unnamed or [*names.values()], cutoff=0.0 if unnamed else 0.5)
        or "look there for the word you mean",
    )


def available_features(
    roles: Iterable[str], n_animals: int, arena: Arena | None = None, *, offered_only: bool = True
) -> tuple[str, ...]:
    """Return the names of the features that roles, animals and arena allow, in the order of the catalog.

    Parameters
    ----------
    roles
        Names of the roles there are.
    n_animals
        Number of individuals.
    arena
        The arena, or None where it is not known.
    offered_only
        Leave out what synthesis does not use unless asked: signed angles, what depends on where the camera stands
        or how it is turned, what is mostly noise, and how well the animals are tracked. Features of named points are
        too many to list and must be asked by name.

    Examples
    --------
    >>> available_features(["nose"], 1)[:3]
    ('speed', 'nose_speed', 'acceleration')
    """
    given = with_centroid(roles)
    return tuple(
        feature.name
        for candidate in CATALOG
        if (candidate.offered or not offered_only)
        and given.issuperset(candidate.roles)
        and (n_animals > 1 or candidate.arity == "individual")
        for feature in _placed(candidate, arena)
    )


def require_computable(
    feature: NamedFeature, roles: Iterable[str], n_animals: int, arena: Arena | None, where: str
) -> None:
    """Check that a recording has what ``feature`` needs.

    Raises
    ------
    FeatureError
        If a role, a second animal, the arena or the named place is missing.
    """
    given = list(roles)
    missing = [role for role in feature.roles if role not in with_centroid(given)]
    if missing:
        wanted = f"one of {', '.join(CORE_ROLES)}" if missing[0] == CENTROID else f"the role {missing[0]}"
        raise FeatureError(
            found=f"the feature {feature.name} and the roles {', '.join(given) or '(none)'}",
            expected=wanted,
            where=where,
            remedy=f"say which keypoints are {wanted}, or leave the feature out",
        )
    if feature.spec.arity != "individual" and n_animals < 2:
        raise FeatureError(
            found=f"one animal where the feature {feature.name} needs two",
            expected="at least two animals",
            where=where,
            remedy="use the multi-animal output of the tracker, or leave the feature out",
        )
    if not feature.spec.n_points and feature not in _placed(feature.spec, arena):
        raise FeatureError(
            found=f"the feature {feature.name} and {_what_there_is(feature.spec, arena)}",
            expected=f"an arena with {_what_is_needed(feature)}",
            where=where,
            remedy="state it under [arena] in the study file, or leave the feature out",
        )


def feature_key(name: str, roles: Roles, arena: Arena | None = None) -> str:
    """Return the digest of everything but poses and unit of length that the feature called ``name`` depends on.

    These are its definition, the version of the catalog, the keypoints of the roles it uses, and the arena if it
    needs one.

    Raises
    ------
    FeatureError
        If the feature is unknown.
    """
    feature = spec(name)
    used = {BODY, *feature.roles, *(CORE_ROLES if CENTROID in feature.roles else ())}
    keypoints = {role: list(members) for role, members in roles.items() if role in used}
    placed_in = arena.to_json() if arena is not None and feature.spec.arena is not None else None
    return digest("feature", _stated(feature.spec), feature.named, keypoints, placed_in)


def definition_digest(name: str) -> str:
    """Return twelve hexadecimal digits of what the catalog says of the feature called ``name``.

    They change whenever the feature comes to mean something else. A name that is not in the catalog, of a feature that
    somebody else computed, counts as itself.
    """
    return digest(_stated_by_name(name))[:12]


def closest_match(name: str, known: list[str], cutoff: float = 0.5) -> str:
    """Return the question ``did you mean ...?`` for the most similar known name, or nothing if none is similar."""
    matches = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    return f"did you mean '{matches[0]}'?" if matches else ""


def with_centroid(roles: Iterable[str]) -> set[str]:
    """Return the roles and, where any core role is among them, the centroid."""
    given = set(roles)
    return given | {CENTROID} if given.intersection(CORE_ROLES) else given


def _is_well_named(feature: FeatureSpec, named: str) -> bool:
    roles = named.split(BETWEEN_ROLES)
    return not feature.n_points or (len(roles) == feature.n_points and all(roles))


def _placed(feature: FeatureSpec, arena: Arena | None) -> list[NamedFeature]:
    """Return the feature once for every place the arena has for it."""
    if feature.n_points:
        return []
    if feature.arena is None:
        return [NamedFeature(feature)]
    if arena is None or (feature.arena == "corners" and not arena.corners):
        return []
    if not feature.takes_name:
        return [NamedFeature(feature)]
    places = arena.regions if feature.arena == "region" else arena.objects
    return [NamedFeature(feature, place) for place in places]


def _what_there_is(feature: FeatureSpec, arena: Arena | None) -> str:
    if arena is None:
        return "a recording whose arena is not known"
    if feature.arena == "corners":
        return "an arena without corners"
    places = arena.regions if feature.arena == "region" else arena.objects
    return f"an arena with the {feature.arena}s {', '.join(places) or '(none)'}"


def _what_is_needed(feature: NamedFeature) -> str:
    if feature.named is not None:
        return f"the {feature.spec.arena} '{feature.named}'"
    return "corners" if feature.spec.arena == "corners" else "an outline"


def _stated(feature: FeatureSpec) -> list[object]:
    return [
        CATALOG_VERSION, feature.name, feature.arity, list(feature.exponents), feature.fixed_reference or "",
        feature.definition,
    ]  # fmt: skip


def _stated_by_name(name: str) -> list[object]:
    try:
        feature = spec(name)
    except FeatureError:
        return [name]
    return [*_stated(feature.spec), feature.named]
