"""How fast features are computed: frames per second of one core, and ratios measured in the same run.

    python tests/benchmarks/features_speed.py [--frames 100000 1000000 10000000] [--repeats 3]

Two animals of seven keypoints walk about; 2 % of the points are missing. Compared are

- *program*: the five features that a typical program names;
- *social set*: every word for a dyad of these keypoints, and the speeds;
- *shared words*: what both this catalog and the package movement have words for, by each of them. The package is given
  only the points it needs;
- *every point*: the speed of every keypoint and the distance of each of one animal to each of the other, as 7 and 28
  words here, and as velocity, speed and all pairwise distances in the package.

movement is compared where it can be imported (`PYTHONPATH=. <its python> tests/benchmarks/features_speed.py`; only
numpy, pandas, scipy and xarray are needed beside it), and left out elsewhere. Growth with keypoints and animals is
printed last. Everything runs on one core; times are processor times.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import combinations_with_replacement

import numpy as np
import xarray as xr

from nsp_core.features import available_features, compute_features
from nsp_core.features.lookup import spec
from nsp_core.poses import make_poses

KEYPOINTS = ("nose", "left_ear", "right_ear", "neck", "left_hip", "right_hip", "tail_base")
ROLES = {keypoint: (keypoint,) for keypoint in KEYPOINTS}
PROGRAM = ("nose_to_nose", "speed", "facing_angle", "nose_to_tail_base", "approach_speed")
SHARED = ("speed", "nose_speed", "tail_base_speed", "nose_to_nose", "nose_to_tail_base", "centroid_distance")
EVERY_POINT = (
    *(f"point_speed_{keypoint}" for keypoint in KEYPOINTS),
    *(f"point_distance_{one}_to_{other}" for one, other in combinations_with_replacement(KEYPOINTS, 2)),
)
SPEEDS = ("speed", "nose_speed", "tail_base_speed", "turning_speed")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=float, nargs="+", default=[1e5, 1e6])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    social = social_set()
    print(f"social set: {', '.join(social)}\n")
    print(f"{'frames':>10}  {'what':28}  {'frames/s':>12}  {'over movement':>13}")
    for n_frames in map(int, arguments.frames):
        poses = walking(n_frames, len(KEYPOINTS), 2, KEYPOINTS)
        ours = {
            "program (5 features)": lambda poses=poses: compute_features(poses, ROLES, PROGRAM),
            f"social set ({len(social)} features)": lambda poses=poses: compute_features(poses, ROLES, social),
            "shared words": lambda poses=poses: compute_features(poses, ROLES, SHARED, length_unit="px"),
            "every point": lambda poses=poses: compute_features(poses, ROLES, EVERY_POINT, length_unit="px"),
        }
        theirs = movement_jobs(poses)
        seconds = {what: best_of(job, arguments.repeats) for what, job in {**ours, **theirs}.items()}
        for what, took in seconds.items():
            other = seconds.get(f"movement, {what}")
            ratio = f"{other / took:.1f}" if other else ""
            print(f"{n_frames:>10}  {what:28}  {n_frames / took:>12,.0f}  {ratio:>13}")
    print("\ngrowth (100,000 frames, program of five features; social set)")
    for n_keypoints, n_animals in ((7, 2), (28, 2), (140, 2), (7, 4), (7, 8)):
        names = (*KEYPOINTS, *(f"point_{index}" for index in range(len(KEYPOINTS), n_keypoints)))
        poses = walking(100_000, n_keypoints, n_animals, names)
        rates = [
            100_000 / best_of(lambda asked=asked, poses=poses: compute_features(poses, ROLES, asked), arguments.repeats)
            for asked in (PROGRAM, social)
        ]
        print(f"{n_keypoints:4} keypoints {n_animals:2} animals  " + "  ".join(f"{rate:>12,.0f}" for rate in rates))


def social_set() -> tuple[str, ...]:
    """Return the speeds and every word for a dyad that costs the same whatever the number of keypoints."""
    offered = available_features(ROLES, 2)
    return (*SPEEDS, *(name for name in offered if spec(name).spec.arity != "individual"))


def walking(n_frames: int, n_keypoints: int, n_animals: int, names: tuple[str, ...]) -> xr.Dataset:
    """Return poses of rigid bodies on random walks, 2 % of the points missing."""
    rng = np.random.default_rng(0)
    position = np.empty((n_frames, 2, n_keypoints, n_animals), dtype=np.float32)
    for animal in range(n_animals):
        center = np.cumsum(rng.normal(size=(n_frames, 2)).astype(np.float32), axis=0) + 300
        body = rng.normal(size=(2, n_keypoints)).astype(np.float32) * 20
        position[..., animal] = center[:, :, np.newaxis] + body
    missing = rng.random((n_frames, n_keypoints, n_animals), dtype=np.float32) < 0.02
    np.copyto(position, np.nan, where=missing[:, np.newaxis])
    individuals = [f"animal{index}" for index in range(n_animals)]
    confidence = np.ones((n_frames, n_keypoints, n_animals), dtype=np.float32)
    return make_poses(
        position, confidence, recording="walk", keypoints=names, individuals=individuals, fps=30.0, scale_mm_per_px=0.5
    )


def movement_jobs(poses: xr.Dataset) -> dict[str, Callable[[], object]]:
    """Return the same quantities by movement, in either spelling of its dims; nothing where it is not installed."""
    try:
        from movement import kinematics
    except ImportError:
        return {}
    plural = {"keypoint": "keypoints", "individual": "individuals"}
    position = poses["position"].rename(plural)
    position = position.assign_coords({dim: [str(name) for name in position[dim].values] for dim in plural.values()})
    position.attrs["fps"] = 30.0
    core = position.sel(keypoints=["nose", "tail_base"])
    first, second = position["individuals"].values

    def shared() -> object:
        centroid = core.mean("keypoints")
        speeds = kinematics.compute_speed(centroid), kinematics.compute_speed(core)
        nose, tail_base = core.sel(keypoints="nose"), core.sel(keypoints="tail_base")
        lines = (
            nose.sel(individuals=first) - nose.sel(individuals=second),
            nose.sel(individuals=first) - tail_base.sel(individuals=second),
            nose.sel(individuals=second) - tail_base.sel(individuals=first),
            centroid.sel(individuals=first) - centroid.sel(individuals=second),
        )
        return speeds, [np.sqrt((line**2).sum("space", skipna=False)) for line in lines]

    def every_point() -> object:
        velocity = kinematics.compute_velocity(position)
        speed = kinematics.compute_speed(position)
        return velocity, speed, kinematics.compute_pairwise_distances(position, "individuals", {first: second})

    return {"movement, shared words": shared, "movement, every point": every_point}


def best_of(job: Callable[[], object], repeats: int) -> float:
    """Return the least processor time of some runs, in seconds."""
    times = []
    for _ in range(repeats):
        before = time.process_time()
        job()
        times.append(time.process_time() - before)
    return min(times)


if __name__ == "__main__":
    main()
