"""How the cost of synthesis grows with labeled frames: 10,000, 100,000 and 1,000,000 of them.

Feature sequences of 20 recordings: twelve slow random walks with 5 % missing frames, of which two make the behavior.
Each size runs in a process of its own, so that the peak of its memory is its own. Baselines are not part of it. Run it
with

    python tests/benchmarks/search_growth.py [--frames 10000 100000 1000000] [--device cpu] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

N_RECORDINGS, N_FEATURES, FPS = 20, 12, 30.0
SHARE_MISSING, MEMORY_S = 0.05, 1.0


def recordings_of(n_frames: int, generator: np.random.Generator) -> tuple[list[xr.DataArray], list[np.ndarray]]:
    """Return feature arrays and labels of recordings with ``n_frames`` together."""
    from scipy.signal import lfilter

    length = n_frames // N_RECORDINGS
    kept = np.exp(-1 / (MEMORY_S * FPS))
    arrays, labels = [], []
    for number in range(N_RECORDINGS):
        steps = generator.normal(size=(length, N_FEATURES)) * np.sqrt(1 - kept**2)
        values = lfilter([1.0], [1.0, -kept], steps, axis=0).astype(np.float32)
        near, slow = values[:, 0] + 0.3 * generator.normal(size=length), values[:, 1]
        labels.append(((near < -0.3) & (slow < 0.5)).astype(np.int8))
        values[generator.random(values.shape) < SHARE_MISSING] = np.nan
        arrays.append(
            xr.DataArray(
                values,
                dims=("time", "feature"),
                coords={
                    "feature": np.array([f"x{index}" for index in range(N_FEATURES)], dtype=object),
                    "unit": ("feature", np.array(["mm"] * N_FEATURES, dtype=object)),
                },
                attrs={"recording": f"r{number}", "fps": FPS},
            )
        )
    return arrays, labels


def measure(n_frames: int, device: str) -> dict[str, Any]:
    """Return seconds, peak memory and outcome of one search."""
    import torch

    from nsp_core.search.synthesize import synthesize_sequences
    from nsp_core.sequences import as_sequences

    torch.set_num_threads(1)
    sequences = as_sequences(*recordings_of(n_frames, np.random.default_rng(0)))
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started, cpu = time.perf_counter(), time.process_time()
    result = synthesize_sequences(sequences, seed=0, device=device)
    return {
        "n_frames": n_frames,
        "device": device,
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "input_mb": before_mb,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "n_candidates": result.n_candidates,
        "held_out_f1": result.best.validation.f1,
        "text": result.best.text,
    }


def main() -> None:
    """Print a line per size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.device)))
        return
    found = []
    for n_frames in options.frames:
        command = [sys.executable, __file__, "--one", str(n_frames), "--device", options.device]
        one = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        found.append(one)
        print(
            f"{n_frames:>9,} frames: {one['seconds']:.1f} s ({one['cpu_seconds']:.1f} s of one core), "
            f"{one['peak_mb']:.0f} MB at most, {one['n_candidates']} candidates, "
            f"held-out F1 {one['held_out_f1']:.3f}: {one['text']}",
            flush=True,
        )
    if options.out:
        options.out.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
