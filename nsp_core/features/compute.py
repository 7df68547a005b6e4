"""Features of one recording, by demand and with their units.

Lengths are millimeters where the recording has a scale and body lengths otherwise; the two are different units, and a
program for one never runs on the other. One body length is the median distance from nose to tail base over the frames
and individuals of the recording, so animals of different size keep their difference.

Features are computed block by block, and a recording may be read and written chunk by chunk: whatever the chunks, the
values are the same to the bit, and a recording of a day needs no more memory than one of a minute.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nsp_core.arena import Arena
from nsp_core.errors import FeatureError, PoseError
from nsp_core.features.geometry import CENTROID, CORE_ROLES, Geometry
from nsp_core.features.lookup import (
    NamedFeature,
    Roles,
    available_features,
    closest_match,
    require_computable,
    spec,
)
from nsp_core.features.posture import body_length
from nsp_core.units import LengthReference

__all__ = ["LengthUnit", "compute_features", "feature_chunks"]

LengthUnit = Literal["auto", "mm", "body", "px"]

# Frames computed at a time: small enough that what they need stays in the processor's cache.
BLOCK_FRAMES = 8192

# Frames read and returned at a time.
CHUNK_FRAMES = 65_536

# Frames that the body length is measured on, evenly spaced: more would not move a median.
BODY_LENGTH_FRAMES = 100_000


def compute_features(
    poses: xr.Dataset,
    roles: Roles,
    names: Sequence[str] | None = None,
    *,
    length_unit: LengthUnit = "auto",
    arena: Arena | None = None,
) -> xr.Dataset:
    """Return the asked features of one recording, one variable each.

    Parameters
    ----------
    poses
        A pose dataset, usually cleaned (see :func:`nsp_core.cleaning.clean_poses`).
    roles
        Role name -> the keypoints whose mean is that point; of the role ``body``, those that outline the animal. See
        the catalog for the roles each feature needs.
    names
        Features to compute, from the catalog; None for all that roles, animals and arena allow and that synthesis is
        offered.
    length_unit
        ``auto`` is ``mm`` where ``poses`` has ``scale_mm_per_px``, else ``body``.
    arena
        The arena in pixels, for features that need it.

    Returns
    -------
    float32 variables of dims (time, individual) or, for two animals, (time, individual, target): symmetric features are
    equal in both orders, the others go from ``individual`` (the agent) to ``target``; the diagonal is NaN. NaN where a
    needed point is missing or the value is undefined. Attributes of a variable: ``units``, ``dimension``,
    ``length_reference`` (empty if it has no length), ``arity``, ``circular`` (1 for an angle that wraps, else 0),
    ``long_name`` (the name in words) and ``definition``. Attributes of the dataset: those of ``poses``,
    ``length_reference`` and, where nose and tail base are known and seen, ``body_length_px``.

    Raises
    ------
    FeatureError
        If a feature is unknown, or needs a role, a second animal or an arena that is not there, or a role names an
        unknown keypoint.
    PoseError
        If millimeters are asked without a scale, or body lengths of animals whose length cannot be measured.
    """
    plan = _plan(poses, roles, names, length_unit, arena)
    return _chunk(poses, plan, 0, poses.sizes["time"])


def feature_chunks(
    poses: xr.Dataset,
    roles: Roles,
    names: Sequence[str] | None = None,
    *,
    length_unit: LengthUnit = "auto",
    arena: Arena | None = None,
    chunk_frames: int = CHUNK_FRAMES,
) -> Iterator[xr.Dataset]:
    """Yield the features of consecutive stretches of ``chunk_frames`` frames, together those of the whole recording.

    ``poses`` may be opened lazily: only one stretch of it is in memory at a time. Parameters, variables and errors as
    in :func:`compute_features`; the values are the same to the bit.
    """
    plan = _plan(poses, roles, names, length_unit, arena)
    n_frames = poses.sizes["time"]
    for start in range(0, max(n_frames, 1), chunk_frames):
        yield _chunk(poses, plan, start, min(start + chunk_frames, n_frames))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be computed, everything about the recording as a whole already known."""

    features: tuple[NamedFeature, ...]
    role_keypoints: Mapping[str, tuple[int, ...]]
    fps: float
    arena: Arena | None
    reference: LengthReference
    length_per_px: float
    body_length_px: float | None

    @property
    def margin(self) -> int:
        """Frames on either side that any of the features looks at."""
        reach_s = max((feature.spec.reach_s for feature in self.features), default=0.0)
        # One more: half a step is rounded to whole frames, and never less than one frame.
        return int(np.ceil(reach_s * self.fps)) + 1 if reach_s else 0

    def factor(self, feature: NamedFeature) -> np.float32:
        """Return what turns a feature from pixels into its unit."""
        per_px = self.length_per_px
        if feature.spec.fixed_reference == "arena":
            assert self.arena is not None
            per_px = 1 / self.arena.length_px
        return np.float32(per_px**feature.spec.length)


def _plan(
    poses: xr.Dataset, roles: Roles, names: Sequence[str] | None, length_unit: LengthUnit, arena: Arena | None
) -> _Plan:
    where = str(poses.attrs.get("recording", "poses"))
    n_animals = poses.sizes["individual"]
    role_keypoints = _role_keypoints(poses, roles, where)
    asked = available_features(roles, n_animals, arena) if names is None else tuple(dict.fromkeys(names))
    features = tuple(spec(name) for name in asked)
    for feature in features:
        require_computable(feature, roles, n_animals, arena, where)
    fps = float(poses.attrs["fps"])
    body_length_px = _body_length_px(poses, role_keypoints, fps)
    reference = _length_reference(poses, length_unit)
    needs_length = any(feature.spec.length and feature.spec.fixed_reference is None for feature in features)
    length_per_px = _length_per_px(poses, reference, body_length_px, where) if needs_length else 1.0
    return _Plan(features, role_keypoints, fps, arena, reference, length_per_px, body_length_px)


def _chunk(poses: xr.Dataset, plan: _Plan, start: int, stop: int) -> xr.Dataset:
    """Return the features of the frames from ``start`` to before ``stop``."""
    individuals = poses["individual"].values
    values = {feature.name: _empty(feature, individuals.size, stop - start) for feature in plan.features}
    if plan.features:
        for first, geometry in _blocks(poses, plan, start, stop):
            frames = slice(first - start, first - start + geometry.n_frames)
            for feature in plan.features:
                _put(values[feature.name], feature, geometry, frames, plan.factor(feature))
    attrs = {**poses.attrs, "ds_type": "features", "length_reference": plan.reference}
    return xr.Dataset(
        {feature.name: _variable(feature, values[feature.name], plan.reference) for feature in plan.features},
        coords={
            # "s" and not "seconds": from the word xarray would make durations in nanoseconds.
            "time": ("time", poses["time"].values[start:stop], {"units": "s", "long_name": "time"}),
            "individual": individuals,
            "target": individuals,
        },
        attrs=attrs if plan.body_length_px is None else {**attrs, "body_length_px": plan.body_length_px},
    )


def _blocks(poses: xr.Dataset, plan: _Plan, start: int, stop: int) -> Iterator[tuple[int, Geometry]]:
    """Yield the first frame and the geometry of each block between two frames, reading the poses once."""
    margin, n_frames = plan.margin, poses.sizes["time"]
    read_from = max(start - margin, 0)
    stretch = poses.isel(time=slice(read_from, min(stop + margin, n_frames)))
    position, confidence = stretch["position"].values, stretch["confidence"].values
    for first in range(start, stop, BLOCK_FRAMES):
        last = min(first + BLOCK_FRAMES, stop)
        frames = slice(max(first - margin, 0) - read_from, min(last + margin, n_frames) - read_from)
        yield (
            first,
            Geometry(
                position[frames],
                confidence[frames],
                plan.role_keypoints,
                plan.fps,
                n_frames=last - first,
                margin=margin,
                missing_before=max(margin - first, 0),
                arena=plan.arena,
            ),
        )


def _empty(feature: NamedFeature, n_animals: int, n_frames: int) -> NDArray[np.float32]:
    """Return room for a feature, time last: (individual, time) or (individual, target, time)."""
    if feature.spec.arity == "individual":
        return np.empty((n_animals, n_frames), dtype=np.float32)
    room = np.empty((n_animals, n_animals, n_frames), dtype=np.float32)
    room[np.diag_indices(n_animals)] = np.nan
    return room


def _put(
    room: NDArray[np.float32], feature: NamedFeature, geometry: Geometry, frames: slice, factor: np.float32
) -> None:
    values = feature.values(geometry)
    if factor != 1:
        values = values * factor
    if feature.spec.arity == "individual":
        room[:, frames] = values
        return
    pairs = geometry.unordered if feature.spec.arity == "pair" else geometry.ordered
    for row, (first, second) in enumerate(zip(*pairs, strict=True)):
        room[first, second, frames] = values[row]
        if feature.spec.arity == "pair":
            room[second, first, frames] = values[row]


def _variable(feature: NamedFeature, values: NDArray[np.float32], reference: LengthReference) -> xr.Variable:
    """Return the feature with its attributes, dims (time, individual) or (time, individual, target)."""
    unit = feature.unit(reference)
    attrs = {
        "units": str(unit),
        "dimension": feature.spec.dimension,
        "length_reference": unit.length_reference if feature.spec.length else "",
        "arity": feature.spec.arity,
        "circular": int(feature.spec.circular),
        "long_name": feature.name.replace("_", " "),
        "definition": feature.definition,
    }
    dims = ("time", "individual") if feature.spec.arity == "individual" else ("time", "individual", "target")
    # A view: the time axis stays contiguous in memory.
    return xr.Variable(dims, np.moveaxis(values, -1, 0), attrs)


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


def _length_reference(poses: xr.Dataset, length_unit: LengthUnit) -> LengthReference:
    if length_unit == "auto":
        return "mm" if "scale_mm_per_px" in poses.attrs else "body"
    return length_unit


def _body_length_px(poses: xr.Dataset, role_keypoints: Mapping[str, tuple[int, ...]], fps: float) -> float | None:
    """Return the median distance from nose to tail base in pixels, or None where it cannot be measured."""
    if not {"nose", "tail_base"} <= set(role_keypoints):
        return None
    n_frames = poses.sizes["time"]
    every = max(-(-n_frames // BODY_LENGTH_FRAMES), 1)
    measured = []
    for start in range(0, n_frames, CHUNK_FRAMES):
        # A lazily opened recording is read stretch by stretch, and of each only some frames are kept.
        stretch = poses["position"].isel(time=slice(start, start + CHUNK_FRAMES))
        position = stretch.values[-start % every :: every]
        confidence = np.empty((len(position), 0, 0), dtype=np.float32)
        lengths = body_length(Geometry(position, confidence, role_keypoints, fps, n_frames=len(position)))
        measured.append(lengths[np.isfinite(lengths)])
    lengths = np.concatenate(measured) if measured else np.empty(0, dtype=np.float32)
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
