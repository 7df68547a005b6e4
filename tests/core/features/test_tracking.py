from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from nsp_core.features.geometry import Geometry
from nsp_core.features.tracking import confidence, missing_share

Seen = Callable[..., Geometry]
NAN = complex("nan")


def test_confidence_is_the_mean_of_the_keypoints_that_have_one(geometry_of: Seen) -> None:
    scores = [[[0.5, 1.0], [1.0, np.nan]], [[np.nan, 0.25], [np.nan, 0.75]]]  # time, keypoint, individual
    geometry = geometry_of({"nose": np.zeros((2, 2)), "tail_base": 1}, confidence=scores)
    assert confidence(geometry).tolist() == pytest.approx(np.array([[0.75, np.nan], [1.0, 0.5]]), nan_ok=True)


def test_a_tracker_without_scores_has_no_confidence(geometry_of: Seen) -> None:
    assert np.isnan(confidence(geometry_of({"nose": np.zeros((3, 2))}))).all()


def test_a_tracker_with_a_scale_of_its_own_keeps_it(geometry_of: Seen) -> None:
    assert confidence(geometry_of({"nose": 0, "tail_base": 1}, confidence=37.5)).tolist() == [[37.5]]


def test_missing_share_counts_every_keypoint_whatever_its_role(geometry_of: Seen) -> None:
    points = {"nose": [[0, NAN], [NAN, NAN]], "ear": [[0, NAN], [0, NAN]], "tip": [[0, 0], [0, NAN]], "hip": 0}
    geometry = geometry_of(points, roles={"nose": ("nose",), "body": ("nose", "ear")})
    assert missing_share(geometry).tolist() == [[0, 0.25], [0.5, 0.75]]


def test_a_point_with_one_coordinate_is_missing(geometry_of: Seen) -> None:
    geometry = geometry_of({"nose": 0, "tail_base": 1})
    geometry.position[0, 0, 0, 0] = np.inf
    assert missing_share(geometry).tolist() == [[0.5]]


def test_a_block_has_the_scores_of_its_own_frames(geometry_of: Seen) -> None:
    scores = np.arange(9.0)[:, np.newaxis, np.newaxis]
    whole = geometry_of({"nose": np.where(np.arange(9) == 5, NAN, 0)[:, np.newaxis]}, confidence=scores)
    inner = replace(
        whole, position=whole.position[2:8], confidence=whole.confidence[2:8], n_frames=2, margin=2, missing_before=0
    )
    assert confidence(inner).tolist() == [[4, 5]]
    assert missing_share(inner).tolist() == [[0, 1]]
    start = replace(
        whole, position=whole.position[:5], confidence=whole.confidence[:5], n_frames=3, margin=2, missing_before=2
    )
    assert confidence(start).tolist() == [[0, 1, 2]]
