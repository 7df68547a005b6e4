"""Features of one recording, by demand and with their units.

Lengths are millimeters where the recording has a scale and body lengths otherwise; the two are different units, and a
program for one never runs on the other. One body length is the median distance from nose to tail base over all
frames and individuals of the recording, so animals of different size keep their difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nsp_core.errors import FeatureError, PoseError
from nsp_core.features.catalog import CATALOG, FeatureSpec, catalog_digest, closest_match, spec
from nsp_core.features.geometry import CENTROID, CORE_ROLES, Geometry
from nsp_core.features.posture import body_length
from nsp_core.units import LengthReference

__all__ = ["LengthUnit", "Roles", "available_features", "compute_features"]

LengthUnit = Literal["auto", "mm", "body", "px"]
Roles = Mapping[str, tuple[str, ...]]


def compute_features(
    poses: xr.Dataset, roles: Roles, names: Sequence[str] | None = None, *, length_unit: LengthUnit = "auto"
) -> xr.Dataset:
    """Return the asked features of one recording, one variable each.

    Parameters
    ----------
    poses
        A pose dataset, usually cleaned (see :func:`nsp_core.cleaning.clean_poses`).
    roles
        Role name -> the keypoints whose mean is that point. The catalog uses ``nose``, ``center``, ``tail_base``.
    names
        Features to compute, from the catalog; None for all that the roles and the number of animals allow.
    length_unit
        ``auto`` is ``mm`` where ``poses`` has ``scale_mm_per_px``, else ``body``.

    Returns
    -------
    float32 variables of dims (time, individual) or, for two animals, (time, individual, target): symmetric features are
    equal in both orders, the others go from ``individual`` (the agent) to ``target``; the diagonal is NaN. NaN where a
    needed point is missing. Attributes of a variable: ``units``, ``dimension``, ``length_reference`` (empty if it has
    no length), ``arity``, ``long_name``. Attributes of the dataset: those of ``poses``, ``length_reference``,
    ``feature_catalog`` and, where nose and tail base are known and seen, ``body_length_px``.

    Raises
    ------
    FeatureError
        If a feature is unknown, needs a role that is not given or a second animal, or a role names an unknown keypoint.
    PoseError
        If millimeters are asked without a scale, or body lengths of animals whose length cannot be measured.
    """
    where = str(poses.attrs.get("recording", "poses"))
    individuals = poses["individual"].values
    role_keypoints = _role_keypoints(poses, roles, where)
    asked = available_features(roles, individuals.size) if names is None else tuple(dict.fromkeys(names))
    specs = [_computable(spec(name), roles, individuals.size, where) for name in asked]
    pixels = Geometry(poses["position"].values, role_keypoints, float(poses.attrs["fps"]))
    body_length_px = _body_length_px(pixels)
    reference = _length_reference(poses, length_unit)
    needs_length = any(feature.length for feature in specs)
    length_per_px = _length_per_px(poses, reference, body_length_px, where) if needs_length else 1.0
    geometry = replace(pixels, length_per_px=length_per_px)
    attrs = {**poses.attrs, "ds_type": "features", "length_reference": reference, "feature_catalog": catalog_digest()}
    return xr.Dataset(
        {feature.name: _variable(feature, geometry, reference) for feature in specs},
        coords={"time": poses["time"].values, "individual": individuals, "target": individuals},
        attrs=attrs if body_length_px is None else {**attrs, "body_length_px": body_length_px},
    )


def available_features(roles: Iterable[str], n_animals: int) -> tuple[str, ...]:
    """Return the names of the features that these roles and so many animals allow, in the order of the catalog.

    Examples
    --------
    >>> available_features(["nose"], 1)
    ('speed', 'nose_speed', 'elongation')
    """
    given = _with_centroid(roles)
    return tuple(
        feature.name
        for feature in CATALOG
        if given.issuperset(feature.roles) and (n_animals > 1 or feature.arity == "individual")
    )


def _with_centroid(roles: Iterable[str]) -> set[str]:
    given = set(roles)
    return given | {CENTROID} if given.intersection(CORE_ROLES) else given


def _role_keypoints(poses: xr.Dataset, roles: Roles, where: str) -> dict[str, tuple[int, ...]]:
    keypoints = [str(name) for name in poses["keypoint"].values]
    if CENTROID in roles:
        raise FeatureError(
            found=f"a role '{CENTROID}'",
            expected=f"roles such as {', '.join(CORE_ROLES)}: the centroid is their mean",
            where=where,
            remedy="give its keypoints the role center",
        )
    for role, members in roles.items():
        unknown = [name for name in members if name not in keypoints]
        if unknown or not members:
            hint = closest_match(unknown[0], keypoints) if unknown else ""
            raise FeatureError(
                found=f"the unknown keypoint '{unknown[0]}' in the role {role}"
                if unknown
                else f"the empty role {role}",
                expected=f"keypoints of this skeleton: {', '.join(keypoints)}",
                where=where,
                remedy=hint or "correct the roles",
            )
    return {role: tuple(keypoints.index(name) for name in members) for role, members in roles.items()}


def _computable(feature: FeatureSpec, roles: Roles, n_animals: int, where: str) -> FeatureSpec:
    """Return ``feature`` if it can be computed."""
    missing = [role for role in feature.roles if role not in _with_centroid(roles)]
    if missing:
        wanted = f"one of {', '.join(CORE_ROLES)}" if missing[0] == CENTROID else f"the role {missing[0]}"
        raise FeatureError(
            found=f"the feature {feature.name} and the roles {', '.join(roles) or '(none)'}",
            expected=wanted,
            where=where,
            remedy=f"say which keypoints are {wanted}, or leave the feature out",
        )
    if feature.arity != "individual" and n_animals < 2:
        raise FeatureError(
            found=f"one animal where the feature {feature.name} needs two",
            expected="at least two animals",
            where=where,
            remedy="use the multi-animal output of the tracker, or leave the feature out",
        )
    return feature


def _length_reference(poses: xr.Dataset, length_unit: LengthUnit) -> LengthReference:
    if length_unit == "auto":
        return "mm" if "scale_mm_per_px" in poses.attrs else "body"
    return length_unit


def _body_length_px(pixels: Geometry) -> float | None:
    """Return the median distance from nose to tail base in pixels, or None where it cannot be measured."""
    if not {"nose", "tail_base"} <= set(pixels.role_keypoints):
        return None
    lengths = body_length(pixels)
    lengths = lengths[np.isfinite(lengths)]
    median = float(np.median(lengths)) if lengths.size else 0.0
    return median if median > 0 else None


def _length_per_px(poses: xr.Dataset, reference: LengthReference, body_length_px: float | None, where: str) -> float:
    if reference == "px":
        return 1.0
    if reference == "mm":
        scale = poses.attrs.get("scale_mm_per_px")
        if scale is None:
            raise PoseError(
                found="no scale_mm_per_px",
                expected="a scale, for lengths in mm",
                where=where,
                remedy="state scale_mm_per_px in the study file, or use body lengths",
            )
        return float(scale)
    if body_length_px is None:
        raise PoseError(
            found="no body length: nose and tail_base have no role, are never seen together, or are one point",
            expected="a distance from nose to tail_base, for lengths in body lengths",
            where=where,
            remedy="give both roles to keypoints that are tracked, or state scale_mm_per_px",
        )
    return 1.0 / body_length_px


def _variable(feature: FeatureSpec, geometry: Geometry, reference: LengthReference) -> xr.Variable:
    values = feature.compute(geometry).astype(np.float32)
    attrs = {
        "units": str(feature.unit(reference)),
        "dimension": feature.dimension,
        "length_reference": reference if feature.length else "",
        "arity": feature.arity,
        "long_name": feature.definition,
    }
    if feature.arity == "individual":
        return xr.Variable(("time", "individual"), values, attrs)
    return xr.Variable(("time", "individual", "target"), _square(feature, geometry, values), attrs)


def _square(feature: FeatureSpec, geometry: Geometry, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return dyad columns (time, dyad) as (time, individual, target), NaN on the diagonal."""
    n_animals = geometry.position.shape[3]
    square = np.full((len(values), n_animals, n_animals), np.nan, dtype=np.float32)
    first, second = geometry.unordered if feature.arity == "pair" else geometry.ordered
    square[:, first, second] = values
    if feature.arity == "pair":
        square[:, second, first] = values
    return square
