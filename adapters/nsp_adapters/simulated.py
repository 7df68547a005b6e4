"""A simulated study on disk: tracker files, annotations and a study file, as a laboratory would have them.

::

    study.toml
    poses/sim01DLC_simulatedshuffle1_1000_el.csv   multi-animal DeepLabCut csv, see nsp_adapters.poses.dlc_csv
    labels/sim01.csv                               bouts, layout in nsp_adapters.bout_csv

Half of the recordings train, a quarter validates, a quarter tests. Every pair and cage is filmed once. The behaviors
follow the rules of :mod:`nsp_core.simulate_rules`; only the tracker's and the annotator's view of them is written.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from nsp_adapters.atomic import atomic_write_text
from nsp_adapters.bout_csv import write_bout_csv
from nsp_core.errors import StudyError
from nsp_core.rng import stream
from nsp_core.simulate import PLANTED_RULES, SIMULATED_ROLES, SimulatedRecording, simulate_dyad

__all__ = ["simulate_recording", "write_simulated_study"]

SCORER = "DLC_simulatedshuffle1_1000"
FPS = 30.0
SCALE_MM_PER_PX = 0.5
ARENA_MM = 500.0
FEWEST_RECORDINGS = 4  # two to train, one to validate, one to test
UNLABELED_SHARE = 1 / 36  # at either end: 5 s of 3 minutes
MIN_CONFIDENCE = 0.6


def write_simulated_study(folder: Path, *, seed: int, n_recordings: int = 8, minutes: float = 3.0) -> Path:
    """Write a study with planted behaviors to ``folder`` and return the path of its study file.

    Parameters
    ----------
    folder
        Created where needed; files of the same names are replaced, others stay.
    seed
        The same seed gives the same bytes. A study with more recordings begins with those of a smaller one.
    n_recordings
        Four or more, named sim01, sim02, ...
    minutes
        Length of each recording.

    Raises
    ------
    StudyError
        If there are too few recordings, or minutes is not a positive number.
    OutputError
        If the folder cannot be written.
    """
    names = _names(n_recordings, minutes)
    for name in names:
        simulated = simulate_recording(name, seed=seed, minutes=minutes)
        atomic_write_text(folder / "poses" / f"{name}{SCORER}_el.csv", _dlc_csv(simulated.poses))
        write_bout_csv(folder / "labels" / f"{name}.csv", simulated.labels)
    # Last, so that a study file only ever names files that are complete.
    study_path = folder / "study.toml"
    atomic_write_text(study_path, _study_text(names, minutes))
    return study_path


def simulate_recording(name: str, *, seed: int, minutes: float = 3.0) -> SimulatedRecording:
    """Return one recording of the study that ``seed`` and ``minutes`` give, with the truth no file holds."""
    return simulate_dyad(
        seed=stream(seed, "simulated study", name),
        recording=name,
        n_frames=max(round(minutes * 60 * FPS), 1),
        fps=FPS,
        scale_mm_per_px=SCALE_MM_PER_PX,
        arena_mm=ARENA_MM,
        unlabeled_s=(_margin_s(minutes), _margin_s(minutes)),
    )


def _names(n_recordings: int, minutes: float) -> list[str]:
    if n_recordings < FEWEST_RECORDINGS or not (minutes > 0 and math.isfinite(minutes)):
        raise StudyError(
            found=f"n_recordings = {n_recordings}, minutes = {minutes}",
            expected=f"{FEWEST_RECORDINGS} recordings or more, of a length above 0",
            where="simulated study",
            remedy="simulate more or longer recordings: each role needs one",
        )
    return [f"sim{number:02d}" for number in range(1, n_recordings + 1)]


def _margin_s(minutes: float) -> float:
    return round(minutes * 60 * UNLABELED_SHARE, 1)


def _dlc_csv(poses: xr.Dataset) -> str:
    """Return the text of a multi-animal prediction csv, cells empty where a point is missing."""
    points = xr.concat([poses["position"], poses["confidence"].expand_dims(space=["likelihood"])], dim="space")
    individuals, keypoints, coords = (points[dim].values.tolist() for dim in ("individual", "keypoint", "space"))
    columns = pd.MultiIndex.from_product([[SCORER], individuals, keypoints, coords])
    header = [
        ",".join([title, *columns.get_level_values(level)])
        for level, title in enumerate(("scorer", "individuals", "bodyparts", "coords"))
    ]
    cells = points.transpose("time", "individual", "keypoint", "space").values.reshape(points.sizes["time"], -1)
    # float32 prints with as many digits as it takes to read the same number back.
    rows = pd.DataFrame(cells.astype(np.float32)).to_csv(header=False, na_rep="", lineterminator="\n")
    return "\n".join([*header, rows])


def _study_text(names: list[str], minutes: float) -> str:
    n_held_out = max(len(names) // 4, 1)
    split = {
        "train": names[: -2 * n_held_out],
        "validation": names[-2 * n_held_out : -n_held_out],
        "test": names[-n_held_out:],
    }
    margin_s = _margin_s(minutes)
    roles = "\n".join(f'{role} = "{keypoint}"' for role, (keypoint,) in SIMULATED_ROLES.items())
    recordings = "\n".join(
        f"""[[recordings]]
poses = "poses/sim*.csv"
names = [{", ".join(f'"{name}"' for name in members)}]
role = "{role}"
labels = "labels/{{recording}}.csv"
subject_id = "pair-{{recording}}"
cage_id = "cage-{{recording}}"
"""
        for role, members in split.items()
    )
    behaviors = "\n".join(
        f"""# planted: {rule}
[[behaviors]]
name = "{rule.behavior.name}"
kind = "{rule.behavior.kind}"
"""
        for rule in PLANTED_RULES
    )
    return f"""# A simulated study: two animals in a square arena, whose behaviors follow the rules planted below.

[study]
name = "simulated dyads"

[tracking]
tracker = "deeplabcut"
fps = {FPS}
scale_mm_per_px = {SCALE_MM_PER_PX}
scale_source = "simulated arena, {ARENA_MM:g} mm wide"

[roles]
{roles}

{recordings}
[cleaning]
min_confidence = {MIN_CONFIDENCE}

[labels]
format = "bout-csv"
annotator = "simulated annotator"
observed = [[{margin_s}, {round(minutes * 60 - margin_s, 6)}]]

{behaviors}"""
