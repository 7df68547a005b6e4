"""Arrays become poses: missing is NaN, nothing is empty, nothing is longer than the video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nsp_adapters.poses import assemble
from nsp_adapters.poses.assemble import (
    assemble_poses,
    check_frames,
    empty_poses,
    length_of_video,
    require_fps,
    single_precision,
)
from nsp_core.errors import FormatError, PoseError

FILE = Path("folder/a.h5")


def assembled(position, confidence=None, fps=30.0):
    confidence = np.ones_like(position[:, 0]) if confidence is None else confidence
    names = {"keypoints": [f"p{i}" for i in range(position.shape[2])], "individuals": ["a"][: position.shape[3]]}
    return assemble_poses(
        FILE, position, confidence, **names, fps=fps, recording="r", scale_mm_per_px=None, source_software="any"
    )


def test_half_points_and_the_origin_are_missing(monkeypatch):
    monkeypatch.setattr(assemble, "ROWS_AT_A_TIME", 2)
    position = np.array([[1, 2], [0, 0], [0, 3], [np.nan, 3], [4, np.nan]], dtype=np.float32)[:, :, None, None]
    poses = assembled(position)
    n = np.nan
    np.testing.assert_array_equal(poses["position"].squeeze(), [[1, 2], [n, n], [0, 3], [n, n], [n, n]])
    np.testing.assert_array_equal(poses["confidence"].squeeze(), [1, n, 1, n, n])
    assert poses.attrs["source_file"] == "a.h5"


@pytest.mark.parametrize("shape", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_an_empty_result_is_an_error(shape):
    with pytest.raises(FormatError, match=r"found \d frames of \d body parts and \d animals, expected at least one"):
        assembled(*empty_poses(*shape))


def test_infinity_is_named_by_frame(monkeypatch):
    monkeypatch.setattr(assemble, "ROWS_AT_A_TIME", 2)
    position, confidence = empty_poses(5, 1, 1)
    confidence[3] = np.inf
    with pytest.raises(FormatError, match="frame 3: found an infinite position or confidence"):
        assembled(position, confidence)


def test_length_follows_the_video():
    assert length_of_video(FILE, 9, None) == 10
    assert length_of_video(FILE, 9, 12) == 12
    with pytest.raises(PoseError, match="poses up to frame 12, expected at most frame 11"):
        length_of_video(FILE, 12, 12)


def test_frame_rate_has_to_be_known():
    assert require_fps(FILE, 29.97) == 29.97
    with pytest.raises(FormatError, match="found no frame rate in the file"):
        require_fps(FILE, None)


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        ([0, 1, 2], None),
        ([2, 0, 1], None),
        ([0, np.nan], (1, "not a whole number")),
        ([0, 1.5], (1, "not a whole number")),
        ([0, -1], (1, "negative")),
        ([5, 0, 5], (2, "there twice")),
        ([1e8 + 1], (0, "beyond 100000000")),
        ([0, 2e6], (1, "far beyond the 2 rows of the file")),
    ],
)
def test_impossible_frames_are_found(frames, problem):
    assert check_frames(np.array(frames, dtype=float)) == problem


def test_numbers_beyond_single_precision_become_infinite_without_a_warning():
    values = single_precision(np.array([1.5, 1e300, -1e300, np.nan]))
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, [1.5, np.inf, -np.inf, np.nan])
    position = np.full((2, 2, 1, 1), 1e300)
    with pytest.raises(FormatError, match=r"a\.h5, frame 0: found an infinite position"):
        assembled(single_precision(position), confidence=np.ones((2, 1, 1), dtype=np.float32))
