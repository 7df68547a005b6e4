"""Time and memory of reading an hour of DeepLabCut poses, against plain pandas and, where given, movement.

    python tests/benchmarks/pose_reading.py --out FOLDER [--minutes 60] [--movement-python PYTHON]

Two animals of eight keypoints at 30 fps, as csv, csv.gz and h5 in both storage forms. Each reading runs in a process of
its own, three times in turn; the shortest processor time counts. Memory is the peak of the process above what it has
after its imports, as a multiple of the arrays that are the result (position and confidence, float32). ``PYTHON`` is an
interpreter of an environment that has movement.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

PROJECT = Path(__file__).resolve().parents[2]
FPS, N_ANIMALS, N_KEYPOINTS, REPEATS = 30.0, 2, 8, 3
FILES = ("poses.csv", "poses.csv.gz", "fixed.h5", "table.h5")

_MEASURE = """
import json, resource, sys, time
{imports}
path = sys.argv[1]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.process_time()
result = {call}
seconds = time.process_time() - started
unit = 1 if sys.platform == "darwin" else 1024
print(json.dumps([seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit]))
"""
# The libraries that a first call would load are loaded before the clock starts, for all alike.
READERS = {
    "this reader": (
        "from pathlib import Path\nimport h5py, pandas\nfrom nsp_adapters.poses.detect import read_pose_file",
        "read_pose_file(Path(path), fps=30.0, recording='hour')",
    ),
    "pandas": (
        "import pandas, tables",
        "pandas.read_hdf(path) if path.endswith('.h5') else pandas.read_csv(path, header=[0, 1, 2, 3], index_col=0)",
    ),
    "movement": (
        "import pandas, tables\nfrom movement.io import load_poses",
        "load_poses.from_dlc_file(path, fps=30.0)",
    ),
}


def main() -> None:
    """Print a line per file: seconds, ratio to pandas, and memory as a multiple of the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--movement-python", type=Path, help="interpreter of an environment with movement")
    arguments = parser.parse_args()
    folder = arguments.out / "pose-reading"
    folder.mkdir(parents=True)
    n_frames = round(arguments.minutes * 60 * FPS)
    # In a process of its own: on Linux a new process starts with the peak memory of its parent.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(write_hour, (folder, n_frames))
    result_bytes = n_frames * N_KEYPOINTS * N_ANIMALS * 3 * 4
    print(f"{n_frames} frames; the result has {result_bytes / 1e6:.1f} MB")
    print(f"{'file':<14}{'MB':>7}  {'reader':<12}{'seconds':>8}{'to pandas':>11}{'memory / result':>17}")
    for name in FILES:
        interpreters = {"this reader": Path(sys.executable), "pandas": Path(sys.executable)}
        if arguments.movement_python and not name.endswith(".gz"):
            interpreters["movement"] = arguments.movement_python
        compare(folder / name, interpreters, result_bytes)
    shutil.rmtree(folder)


def write_hour(folder: Path, n_frames: int) -> None:
    """Write the same random walks in every form, with the digits that DeepLabCut writes."""
    rng = np.random.default_rng(0)
    shape = (n_frames, N_ANIMALS * N_KEYPOINTS)
    cells = np.empty((n_frames, shape[1], 3))
    for axis in range(2):
        cells[:, :, axis] = 300 + np.cumsum(rng.normal(size=shape), axis=0)
    cells[:, :, 2] = rng.uniform(size=shape)
    names = [
        ["DLC_dlcrnetms5_benchmarkshuffle1_100000_el"],
        [f"mouse{index}" for index in range(N_ANIMALS)],
        [f"point{index}" for index in range(N_KEYPOINTS)],
        ["x", "y", "likelihood"],
    ]
    columns = pd.MultiIndex.from_product(names, names=["scorer", "individuals", "bodyparts", "coords"])
    table = pd.DataFrame(cells.reshape(n_frames, -1), columns=columns)
    table.to_csv(folder / "poses.csv")
    (folder / "poses.csv.gz").write_bytes(gzip.compress((folder / "poses.csv").read_bytes(), 6))
    table.to_hdf(folder / "fixed.h5", key="df_with_missing")
    table.to_hdf(folder / "table.h5", key="df_with_missing", format="table")


def compare(path: Path, interpreters: dict[str, Path], result_bytes: int) -> None:
    """Print one line per reader of one file."""
    runs: dict[str, list[Sequence[float]]] = {name: [] for name in interpreters}
    for _ in range(REPEATS):
        for name, interpreter in interpreters.items():
            runs[name].append(measure(interpreter, name, path))
    fastest = {name: min(seconds for seconds, _ in measured) for name, measured in runs.items()}
    for name, measured in runs.items():
        memory = max(peak for _, peak in measured) / result_bytes
        print(
            f"{path.name:<14}{path.stat().st_size / 1e6:>7.1f}  {name:<12}{fastest[name]:>8.2f}"
            f"{fastest[name] / fastest['pandas']:>11.2f}{memory:>17.2f}",
            flush=True,
        )


def measure(interpreter: Path, name: str, path: Path) -> Sequence[float]:
    """Return seconds and peak bytes of one reading in a fresh process."""
    imports, call = READERS[name]
    code = _MEASURE.format(imports=imports, call=call)
    # Another environment must not meet the packages of this one.
    folders = {"PYTHONPATH": os.pathsep.join([str(PROJECT), str(PROJECT / "adapters")])}
    environment = os.environ | (folders if name == "this reader" else {})
    finished = subprocess.run(
        [interpreter, "-c", code, path], env=environment, stdout=subprocess.PIPE, check=True, text=True
    )
    seconds, peak = json.loads(finished.stdout.splitlines()[-1])
    return seconds, peak


if __name__ == "__main__":
    main()
