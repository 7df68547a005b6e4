"""Peak memory of features streamed from store to store, for recordings of growing length.

    python tests/benchmarks/features_memory.py --out FOLDER [--hours 1 6 24]

Four animals of twelve keypoints at 30 fps: poses are simulated and stored chunk by chunk, then the features of a
typical program are computed from the stored poses and stored. Each length runs in a process of its own; memory should
not grow with it. 24 hours of poses take about 1.5 GB on the disk; they are removed again.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from nsp_adapters.store import RecordingStore
from nsp_core.features import feature_chunks, feature_key
from nsp_core.poses import make_poses
from nsp_core.provenance import digest

FPS, N_ANIMALS, N_KEYPOINTS = 30.0, 4, 12
CHUNK_FRAMES = 65_536
KEYPOINTS = ("nose", "center", "tail_base", *(f"point_{index}" for index in range(3, N_KEYPOINTS)))
ROLES = {role: (role,) for role in KEYPOINTS[:3]}
NAMES = ("nose_to_nose", "speed", "facing_angle", "nose_to_tail_base", "approach_speed")
KEY = digest("benchmark")


def main() -> None:
    """Print a line per length, each measured in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 6, 24])
    parser.add_argument("--single", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.single:
        measure(arguments.hours[0], arguments.out)
        return
    print(
        f"{'hours':>6}  {'frames':>9}  {'poses s':>8}  {'features s':>10}  {'before':>9}  {'poses':>9}  {'features':>9}"
    )
    for hours in arguments.hours:
        command = [sys.executable, __file__, "--single", "--out", str(arguments.out), "--hours", str(hours)]
        subprocess.run(command, check=True)


def measure(hours: float, out: Path) -> None:
    """Print times, and the peak memory before, after the poses and after the features."""
    n_frames = round(hours * 3600 * FPS)
    store, before = RecordingStore(out), peak_mb()
    started = time.monotonic()
    store.write("day", "poses", KEY, pose_chunks(n_frames))
    stored, after_poses = time.monotonic(), peak_mb()
    poses = store.open("day", "poses", KEY)
    chunks = feature_chunks(poses, ROLES, NAMES, chunk_frames=CHUNK_FRAMES)
    store.write("day", "features", KEY, chunks, {name: feature_key(name, ROLES) for name in NAMES})
    finished, after_features = time.monotonic(), peak_mb()
    shutil.rmtree(out / "day.zarr")
    print(
        f"{hours:>6g}  {n_frames:>9}  {stored - started:>8.1f}  {finished - stored:>10.1f}  "
        f"{before:>6.0f} MB  {after_poses:>6.0f} MB  {after_features:>6.0f} MB",
        flush=True,
    )


def pose_chunks(n_frames: int) -> Iterator[xr.Dataset]:
    """Yield poses of bodies on random walks, a chunk at a time."""
    rng = np.random.default_rng(0)
    body = rng.normal(size=(1, 2, N_KEYPOINTS, N_ANIMALS)).astype(np.float32) * 20
    center = np.full((2, N_ANIMALS), 300, dtype=np.float32)
    for start in range(0, n_frames, CHUNK_FRAMES):
        n_chunk = min(CHUNK_FRAMES, n_frames - start)
        steps = rng.normal(size=(n_chunk, 2, N_ANIMALS)).astype(np.float32)
        path = center + np.cumsum(steps, axis=0)
        center = path[-1]
        chunk = make_poses(
            path[:, :, np.newaxis] + body,
            np.ones((n_chunk, N_KEYPOINTS, N_ANIMALS), dtype=np.float32),
            recording="day",
            keypoints=KEYPOINTS,
            individuals=[f"mouse{index}" for index in range(N_ANIMALS)],
            fps=FPS,
            scale_mm_per_px=0.5,
        )
        yield chunk.assign_coords(time=(start + np.arange(n_chunk)) / FPS)


def peak_mb() -> float:
    """Return the largest memory this process has had, in MB."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1024 if sys.platform != "darwin" else 1024**2)


if __name__ == "__main__":
    main()
