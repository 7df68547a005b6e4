"""What the package movement computes for two animals on known paths: values our features are tested against.

    python tests/benchmarks/movement_reference.py --out tests/core/features/movement_reference.json

Run it where movement is installed; it needs nothing of this project. ``tests/core/features/test_movement_agreement.py``
rebuilds the same animals and compares, and needs no movement. Values are rounded to nine significant digits; a missing
value is null. Coordinates pass through float32, as poses are stored.

Two frame rates, because movement differentiates over one frame to either side and our features over a fixed 0.2 s:
at 10 frames/s both compare the positions one frame before and after, and at 20 frames/s movement's acceleration, a
difference of differences, compares the same three positions as ours, two frames apart.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import xarray as xr
from movement.kinematics import (
    compute_acceleration,
    compute_forward_vector,
    compute_forward_vector_angle,
    compute_pairwise_distances,
    compute_speed,
)
from movement.roi import PolygonOfInterest
from movement.utils.vector import compute_norm, compute_signed_angle_2d

N_FRAMES = 60
SPEED_FPS, ACCELERATION_FPS = 10.0, 20.0

INDIVIDUALS = ("abe", "bob")
KEYPOINTS = ("nose", "left_ear", "right_ear", "center", "tail_base")
CORE = ["nose", "center", "tail_base"]

OUTLINE = [(60, 30), (250, 40), (240, 230), (50, 220)]
SHELTER = [(150, 90), (230, 100), (180, 190)]

MOTION = [
    "t = frame / fps, frame = 0 .. 59; positions x + iy in pixels, y down, rounded to float32",
    "abe: z = 150 + 110i + 60 exp(0.7i t) + 25 exp(-1.9i t), a = 0.9 t + 0.5 sin(1.7 t)",
    "bob: z = 190 + 130i + 70 exp(i - 0.5i t) + 15 exp(2.3i t), a = 2 - 1.1 t",
    "u = exp(i a); nose = z + (20 + 3 sin(2.1 t)) u; left_ear = z + (12 - 6i) u; right_ear = z + (12 + 6i) u",
    "center = z + 3i sin(1.3 t) u; tail_base = z - 18 u",
    "missing: nose and ears of abe in frames 20, 21, 22; center of bob in frame 41",
    f"arena: wall {OUTLINE}, region shelter {SHELTER}",
]


def moving_pair(fps: float) -> xr.DataArray:
    """Return the positions of the animals of ``MOTION``, dims (time, space, keypoints, individuals)."""
    time = np.arange(N_FRAMES) / fps
    centers = (
        150 + 110j + 60 * np.exp(0.7j * time) + 25 * np.exp(-1.9j * time),
        190 + 130j + 70 * np.exp(1j - 0.5j * time) + 15 * np.exp(2.3j * time),
    )
    headings = (0.9 * time + 0.5 * np.sin(1.7 * time), 2 - 1.1 * time)
    animals = []
    for center, heading in zip(centers, headings, strict=True):
        along = np.exp(1j * heading)
        offsets = (20 + 3 * np.sin(2.1 * time), 12 - 6j, 12 + 6j, 3j * np.sin(1.3 * time), -18)
        animals.append(np.stack([center + offset * along for offset in offsets], axis=1))
    points = np.stack(animals, axis=2)
    points[20:23, :3, 0] = np.nan
    points[41, 3, 1] = np.nan
    position = np.stack([points.real, points.imag], axis=1).astype(np.float32).astype(np.float64)
    # NaN of a complex number is one in its real part only.
    position[np.broadcast_to(np.isnan(position[:, :1]), position.shape)] = np.nan
    return xr.DataArray(
        position,
        dims=("time", "space", "keypoints", "individuals"),
        coords={"time": time, "space": ["x", "y"], "keypoints": list(KEYPOINTS), "individuals": list(INDIVIDUALS)},
    )


def reference(position: xr.DataArray) -> dict[str, xr.DataArray]:
    """Return movement's values of what our catalog has a word for, but for the acceleration."""
    centroid = position.sel(keypoints=CORE).mean("keypoints")
    wall, shelter = PolygonOfInterest(OUTLINE, name="wall"), PolygonOfInterest(SHELTER, name="shelter")
    return {
        "speed": compute_speed(centroid),
        "nose_speed": compute_speed(position.sel(keypoints="nose")),
        "tail_base_speed": compute_speed(position.sel(keypoints="tail_base")),
        "body_length": _within(position, "nose", "tail_base"),
        "front_length": _within(position, "nose", "center"),
        "rear_length": _within(position, "center", "tail_base"),
        "head_width": _within(position, "left_ear", "right_ear"),
        "heading": compute_forward_vector_angle(position, "left_ear", "right_ear"),
        "nose_to_nose": _between(position, "nose", "nose"),
        "nose_to_tail_base": _between(position, "nose", "tail_base"),
        "centroid_distance": _ordered(lambda agent, target: compute_norm(_of(centroid, target) - _of(centroid, agent))),
        "bearing": _ordered(lambda agent, target: _bearing(position, centroid, agent, target)),
        "relative_orientation": _ordered(lambda agent, target: abs(_turn(position, agent, target))),
        "in_region_shelter": shelter.contains_point(centroid).astype(float),
        "region_distance_shelter": shelter.compute_distance_to(centroid),
        "wall_distance": wall.compute_distance_to(centroid, boundary_only=True),
    }


def main() -> None:
    """Write the reference file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    fast = moving_pair(ACCELERATION_FPS).sel(keypoints=CORE).mean("keypoints")
    features = {
        SPEED_FPS: reference(moving_pair(SPEED_FPS)),
        ACCELERATION_FPS: {"acceleration": compute_norm(compute_acceleration(fast))},
    }
    head = {"movement": version("movement"), "motion": MOTION, "dims": "(time, individual[, target])"}
    # One line per feature: what a new version changes shows by name.
    rates = ",\n".join(
        f' "{fps:g} frames/s": {{\n'
        + ",\n".join(f'  "{name}": {json.dumps(_rounded(values))}' for name, values in of_rate.items())
        + "\n }"
        for fps, of_rate in features.items()
    )
    out.write_text(f"{json.dumps(head, indent=1)[:-2]},\n{rates}\n}}\n", encoding="utf-8")


def _within(position: xr.DataArray, first: str, second: str) -> xr.DataArray:
    """Return the distance between two keypoints of the same individual, (time, individuals)."""
    distances = compute_pairwise_distances(position, "keypoints", {first: second})
    return xr.concat([distances.isel({first: one, second: one}, drop=True) for one in range(2)], "individuals").T


def _between(position: xr.DataArray, of_agent: str, of_target: str) -> xr.DataArray:
    """Return the distance from one animal's keypoint to the other's, (time, individuals, target)."""
    agent, target = INDIVIDUALS
    distances = compute_pairwise_distances(position, "individuals", {agent: target})
    there = distances.sel({agent: of_agent, target: of_target}, drop=True)
    back = distances.sel({agent: of_target, target: of_agent}, drop=True)
    return _ordered(lambda agent, _: there if agent == INDIVIDUALS[0] else back)


def _bearing(position: xr.DataArray, centroid: xr.DataArray, agent: str, target: str) -> xr.DataArray:
    """Return the signed angle from the way the agent faces to the line from its centroid to the target's."""
    facing = _of(compute_forward_vector(position, "left_ear", "right_ear"), agent)
    return compute_signed_angle_2d(facing, _of(centroid, target) - _of(centroid, agent))


def _turn(position: xr.DataArray, agent: str, target: str) -> xr.DataArray:
    """Return the signed angle from the way the agent faces to the way the target faces."""
    facing = compute_forward_vector(position, "left_ear", "right_ear")
    return compute_signed_angle_2d(_of(facing, agent), _of(facing, target))


def _of(points: xr.DataArray, individual: str) -> xr.DataArray:
    return points.sel(individuals=individual, drop=True)


def _ordered(value: Callable[[str, str], xr.DataArray]) -> xr.DataArray:
    """Return a value of agent and target as (time, individuals, target), NaN on the diagonal."""
    there, back = (value(agent, target) for agent, target in (INDIVIDUALS, INDIVIDUALS[::-1]))
    nothing = there.values * np.nan
    rows = np.stack([np.stack([nothing, there.values], axis=1), np.stack([back.values, nothing], axis=1)], axis=1)
    return xr.DataArray(rows, dims=("time", "individuals", "target"))


def _rounded(values: xr.DataArray) -> list[object]:
    flat = [None if np.isnan(value) else float(f"{value:.9g}") for value in values.values.ravel()]
    rows = np.array(flat, dtype=object).reshape(values.shape)
    return rows.tolist()


if __name__ == "__main__":
    main()
