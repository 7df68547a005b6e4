from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from nsp_core.errors import PoseError
from nsp_core.poses import body_parts_seen, make_poses, validate_poses


def poses(n_frames: int = 4, **changes: Any) -> xr.Dataset:
    """Two animals with a nose and a tail base, every point at (1, 2)."""
    arguments = {
        "position": np.tile([1.0, 2.0], (n_frames, 2, 2, 1)).transpose(0, 3, 1, 2),
        "confidence": np.full((n_frames, 2, 2), 0.9),
        "recording": "recording_1",
        "keypoints": ["nose", "tail_base"],
        "individuals": ["abe", "bob"],
        "fps": 29.97,
        **changes,
    }
    return make_poses(arguments.pop("position"), arguments.pop("confidence"), **arguments)


def test_poses_follow_the_schema() -> None:
    made = poses(scale_mm_per_px=0.5, source_software="DeepLabCut", source_file="pair.h5")
    assert made["position"].dims == ("time", "space", "keypoint", "individual")
    assert made["confidence"].dims == ("time", "keypoint", "individual")
    assert made["position"].dtype == made["confidence"].dtype == np.float32
    assert made["position"].sel(space="y", keypoint="nose", individual="bob").values.tolist() == [2.0] * 4
    assert made.attrs == {
        "recording": "recording_1",
        "fps": 29.97,
        "time_unit": "seconds",
        "source_software": "DeepLabCut",
        "source_file": "pair.h5",
        "ds_type": "poses",
        "scale_mm_per_px": 0.5,
    }


def test_the_frame_rate_is_not_rounded_and_time_starts_at_zero() -> None:
    assert poses()["time"].values == pytest.approx(np.arange(4) / 29.97, abs=1e-12)


def test_an_unknown_scale_is_left_out() -> None:
    assert "scale_mm_per_px" not in poses().attrs


def test_a_recording_without_frames_is_still_poses() -> None:
    empty = poses(n_frames=0)
    validate_poses(empty)
    assert empty.sizes["time"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"position": np.zeros((4, 3, 2, 2))},
        {"position": np.zeros((4, 2, 2))},
        {"position": np.zeros((5, 2, 2, 2))},
        {"confidence": np.zeros((4, 2, 3))},
        {"confidence": np.zeros((4, 2))},
        {"keypoints": ["nose"]},
        {"individuals": ["abe", "bob", "cid"]},
    ],
)
def test_arrays_that_do_not_fit_their_names_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PoseError, match=r"give arrays of dims \(time, space, keypoint, individual\)") as caught:
        poses(**changes)
    assert caught.value.where == "recording_1"


@pytest.mark.parametrize("fps", [0.0, -30.0, np.nan, np.inf])
def test_an_impossible_frame_rate_is_refused(fps: float) -> None:
    with pytest.raises(PoseError, match=f"recording_1: found fps = {fps}, expected a positive"):
        poses(fps=fps)


@pytest.mark.parametrize("scale", [0.0, -0.5, np.nan, np.inf])
def test_an_impossible_scale_is_refused(scale: float) -> None:
    with pytest.raises(PoseError, match=f"found scale_mm_per_px = {scale}.* or with --scale-mm-per-px"):
        poses(scale_mm_per_px=scale)


@pytest.mark.parametrize(("dim", "names"), [("keypoint", ["nose", "nose"]), ("individual", ["abe", "abe"])])
def test_repeated_names_are_refused(dim: str, names: list[str]) -> None:
    with pytest.raises(PoseError, match=f"{dim} names .* expected unique names, at least one; rename the {dim}s"):
        poses(**{f"{dim}s": names})


def test_a_recording_without_animals_is_refused() -> None:
    with pytest.raises(PoseError, match=r"individual names \[\]"):
        poses(position=np.zeros((4, 2, 2, 0)), confidence=np.zeros((4, 2, 0)), individuals=[])


@pytest.mark.parametrize("variable", ["position", "confidence"])
def test_a_missing_or_transposed_variable_is_refused(variable: str) -> None:
    with pytest.raises(PoseError, match=f"found {variable}: no such variable.*build it with make_poses"):
        validate_poses(poses().drop_vars(variable))
    transposed = poses()
    transposed[variable] = transposed[variable].transpose("individual", ...)
    with pytest.raises(PoseError, match=f"found {variable}: .'individual', 'time', "):
        validate_poses(transposed)


def test_poses_without_a_frame_rate_are_refused() -> None:
    silent = poses()
    del silent.attrs["fps"]
    with pytest.raises(PoseError, match=r"found fps = None.*state fps in the study file or with --fps"):
        validate_poses(silent)


def test_a_point_is_seen_where_both_coordinates_are() -> None:
    made = poses()
    made["position"][0, 0, 0, 0] = np.nan  # x of the nose of abe, in one of four frames
    made["position"][:, :, 1, 1] = np.nan  # the tail base of bob, always
    seen = body_parts_seen(made)
    assert seen.dims == ("keypoint", "individual")
    assert seen.values.tolist() == [[0.75, 1.0], [1.0, 0.0]]
