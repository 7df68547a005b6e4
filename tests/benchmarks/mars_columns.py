"""How our features correlate with the 18 columns of CalMS21 windows, which MARS computed from the same videos.

    NSP_DATA=<folder> python tests/benchmarks/mars_columns.py

Read are `calms21_windows/val_data.npy` (z-scored columns) and `val_trajectory_data.npy` (keypoints of both mice, 30
frames/s). A window of 13 frames is a recording of its own here, so our derivatives over 0.2 s exist in its 7 middle
frames only. Printed are, for each column, a feature of the catalog, Pearson and Spearman correlation over the
frames where the feature is defined, and what follows; then, for columns that ours differ from, the same for what the
column holds. The columns come from another run of the pose estimator than the keypoints, so no
correlation reaches 1, and one-frame derivatives, which are mostly tracking jitter, stay far below.

References
----------
Segalin et al. 2021 (MARS), doi:10.7554/eLife.63720 (its table of features).
Sun et al. 2021 (CalMS21), arXiv:2104.02710.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import spearmanr

from nsp_core.features import compute_features
from nsp_core.poses import make_poses

Values = NDArray[np.floating]

PROJECT = Path(__file__).resolve().parents[2]

FPS = 30.0
N_FRAMES = 13
# Missing frames between windows: more than any derivative reaches, so that none crosses from one into the next.
GAP_FRAMES = 12

# Which is left and which right follows from where they lie, with y down; it matters to signed angles only.
KEYPOINTS = ("nose", "right_ear", "left_ear", "neck", "right_hip", "left_hip", "tail_base")
ROLES = {**{name: (name,) for name in KEYPOINTS}, "center": ("neck", "right_hip", "left_hip")}
RESIDENT, INTRUDER = 0, 1


@dataclass(frozen=True, slots=True)
class Match:
    """A feature of the catalog that is held against a column; ``other`` is the target of a feature of dyads."""

    column: int
    title: str
    feature: str
    animal: int
    other: int | None
    reason: str = ""


def matches() -> tuple[Match, ...]:
    """Return what is compared, in the order of the columns."""
    angle = "both are the resident's; signed there, its size here"
    drift = "head and hips together over one frame; ours the centroid over 0.2 s"
    slanted = "its direction 'across' is mirrored, not square, to the line between the mice"
    scrambled = "remainder of the angle taken by 2 instead of 2 pi, y up mixed with y down; ours is what was meant"
    both = ((RESIDENT, INTRUDER), (INTRUDER, RESIDENT))
    return (
        Match(0, "res_angle_head_body left", "left_neck_angle", RESIDENT, None, angle),
        Match(1, "res_angle_head_body right", "right_neck_angle", RESIDENT, None, angle),
        *(Match(2 + one, "axis_ratio", "elongation", one, None) for one, _ in both),
        *(Match(4 + one, "speed", "speed", one, None, drift) for one, _ in both),
        *(Match(6 + one, "acceleration", "acceleration", one, None, drift) for one, _ in both),
        *(Match(8 + one, "tangential_velocity", "tangential_speed", one, other, slanted) for one, other in both),
        *(Match(10 + one, "rel_angle_social", "facing_angle", one, other, scrambled) for one, other in both),
        Match(12, "angle_between", "relative_orientation", RESIDENT, INTRUDER),
        *(Match(13 + one, "facing_angle", "facing_angle", one, other) for one, other in both),
        Match(
            15, "overlap_bboxes", "box_overlap", RESIDENT, INTRUDER, "boxes around the whole mouse, not its keypoints"
        ),
        Match(16, "area_ellipse_ratio", "area_ratio", RESIDENT, INTRUDER, "Pearson: a few values up to 4000 decide"),
        Match(17, "min_res_nose_dist", "nose_to_nearest_keypoint", RESIDENT, INTRUDER),
    )


def main() -> None:
    """Print both tables."""
    folder = Path(os.environ.get("NSP_DATA", PROJECT.parent / "shared" / "data")) / "calms21_windows"
    columns = np.load(folder / "val_data.npy", allow_pickle=False)
    position = np.load(folder / "val_trajectory_data.npy", allow_pickle=False).transpose(0, 1, 3, 4, 2)
    # A mouse at (0, 0) with all its keypoints was not found.
    position = np.where((position == 0).all(axis=(2, 3), keepdims=True), np.nan, position)
    print(f"{'column':33} {'our feature':46} {'Pearson':>8} {'Spearman':>8} {'frames':>6}  verdict")
    features = our_features(position)
    for match in matches():
        values = of_windows(features, match)
        pearson, spearman, share = correlation(columns[..., match.column], values)
        who = "resident" if match.animal == RESIDENT else "intruder"
        name = f"{match.feature}[{who}]" if match.other is None else f"{match.feature}[{who} first]"
        said = verdict(spearman) + (f": {match.reason}" if match.reason else "")
        print(f"{match.column:2} {match.title:30} {name:46} {pearson:8.3f} {spearman:8.3f} {share:6.0%}  {said}")
    print(f"\n{'column':33} {'what it holds':45} {'Pearson':>8} {'Spearman':>8}")
    for column, what, compute in sorted(held(), key=lambda entry: entry[0]):
        pearson, spearman, _ = correlation(columns[..., column], compute(np.moveaxis(position, 2, -1)))
        print(f"{column:2} {'':30} {what:45} {pearson:8.3f} {spearman:8.3f}")


def our_features(position: Values) -> xr.Dataset:
    """Return our features of all windows one after another, a gap behind each."""
    padded = np.pad(position, ((0, 0), (0, GAP_FRAMES), (0, 0), (0, 0), (0, 0)), constant_values=np.nan)
    in_a_row = padded.reshape(-1, *position.shape[2:])
    poses = make_poses(
        in_a_row,
        np.full((len(in_a_row), *in_a_row.shape[2:]), np.nan),
        recording="windows",
        keypoints=KEYPOINTS,
        individuals=("resident", "intruder"),
        fps=FPS,
    )
    return compute_features(poses, ROLES, list(dict.fromkeys(match.feature for match in matches())), length_unit="px")


def of_windows(features: xr.Dataset, match: Match) -> Values:
    """Return a feature as (window, frame)."""
    values = features[match.feature].values[:, match.animal]
    series = values if match.other is None else values[:, match.other]
    return series.reshape(-1, N_FRAMES + GAP_FRAMES)[:, :N_FRAMES]


def correlation(column: Values, values: Values) -> tuple[float, float, float]:
    """Return Pearson and Spearman correlation where ``values`` is defined, and the share of such frames."""
    seen = np.isfinite(values)
    pearson = float(np.corrcoef(column[seen], values[seen])[0, 1])
    return pearson, float(spearmanr(column[seen], values[seen]).statistic), float(seen.mean())


def verdict(spearman: float) -> str:
    """Return what a rank correlation says."""
    if abs(spearman) >= 0.9:
        return "same quantity"
    return "related" if abs(spearman) >= 0.5 else "another quantity"


def held() -> tuple[tuple[int, str, Callable[[Values], Values]], ...]:
    """Return what the columns that ours differ from hold, of points (window, frame, keypoint, mouse, xy)."""
    return (
        (0, "signed angle left ear - neck - left hip", partial(_corner, ear=2, hip=5)),
        (1, "signed angle right ear - neck - right hip", partial(_corner, ear=1, hip=4)),
        *(
            entry
            for one in (RESIDENT, INTRUDER)
            for entry in (
                (4 + one, "head and hips, one frame back", partial(_joint_change, animal=one, order=1)),
                (6 + one, "head and hips, one frame to either side", partial(_joint_change, animal=one, order=2)),
                (8 + one, "speed along the mirrored direction", partial(_mirrored_speed, animal=one)),
                (10 + one, "angle with its remainder by 2", partial(_scrambled_angle, animal=one)),
            )
        ),
    )


def _corner(points: Values, ear: int, hip: int) -> Values:
    neck = points[:, :, 3, RESIDENT]
    first, second = points[:, :, ear, RESIDENT] - neck, points[:, :, hip, RESIDENT] - neck
    sine = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    return np.arctan2(sine, (first * second).sum(axis=-1))


def _joint_change(points: Values, animal: int, order: int) -> Values:
    """Return the size of the ``order``-th difference of head and hips together; the second is centered."""
    head, hips = points[:, :, :3, animal].mean(axis=2), points[:, :, 4:, animal].mean(axis=2)
    change = np.sqrt(sum((np.diff(part, n=order, axis=1) ** 2).sum(axis=-1) for part in (head, hips)))
    return np.pad(change, ((0, 0), (1, order - 1)), constant_values=np.nan)


def _mirrored_speed(points: Values, animal: int) -> Values:
    center = points.mean(axis=2)
    line = center[:, :, 1 - animal] - center[:, :, animal]
    line = line / np.linalg.norm(line, axis=-1, keepdims=True)
    step = np.diff(center[:, :, animal], axis=1, prepend=np.nan)
    return np.abs((step * line[..., ::-1]).sum(axis=-1))


def _scrambled_angle(points: Values, animal: int) -> Values:
    center = points.mean(axis=2)
    line = center[:, :, 1 - animal] - center[:, :, animal]
    body = points[:, :, 3, animal] - points[:, :, 6, animal]
    # As written there: a full turn is added, the remainder taken by 2 and the rest multiplied by pi.
    direction = (np.arctan2(line[..., 1], line[..., 0]) + 2 * np.pi) % 2 * np.pi
    turn = (direction - np.arctan2(-body[..., 1], body[..., 0])) % (2 * np.pi)
    return np.minimum(turn, 2 * np.pi - turn)


if __name__ == "__main__":
    main()
