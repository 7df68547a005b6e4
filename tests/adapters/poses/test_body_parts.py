"""Body parts of no animal and of several animals in one skeleton."""

from __future__ import annotations

import numpy as np
import pytest

from nsp_adapters.poses.body_parts import choose_body_parts, regroup_poses, require_shared_keypoints
from nsp_core.errors import FormatError, PoseError
from nsp_core.poses import make_poses, validate_poses

ONE = {"individual1": {"res_nose": 0, "res_left_ear": 1, "intr_left_ear": 2, "intr_nose": 3, "door": 4}}


def choose(columns=ONE, **options):
    return choose_body_parts(columns, where="a.csv", **options)


def test_nothing_changes_unasked():
    assert choose() == ONE


def test_prefixes_become_individuals_in_the_order_asked():
    assert choose(individuals=["intr", "res"], leave_out=["door"]) == {
        "intr": {"left_ear": 2, "nose": 3},
        "res": {"nose": 0, "left_ear": 1},
    }


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (ONE, {"leave_out": ["Door"]}, "found no body part 'Door', expected body parts among res_nose"),
        (ONE, {"individuals": ["intr", "res"]}, "found body part 'door' with no prefix"),
        (ONE, {"individuals": ["re", "in"], "leave_out": ["door"]}, "body part 'res_nose' with no prefix"),
        ({"i": {"a_b_nose": 0}}, {"individuals": ["a", "a_b"]}, "'a_b_nose' with the prefixes a and a_b"),
        ({"i": {"a_": 0}}, {"individuals": ["a"]}, "body part 'a_' with no prefix"),
        ({"a": {"nose": 0}, "b": {"nose": 1}}, {"individuals": ["a"]}, "found 2 individuals in the file: a, b"),
    ],
)
def test_what_does_not_fit_is_named(columns, options, message):
    with pytest.raises(PoseError) as caught:
        choose(columns, **options)
    assert message in str(caught.value)


def test_animals_need_common_parts():
    with pytest.raises(FormatError, match="body parts of only one of a and b: ear"):
        require_shared_keypoints({"a": {"nose": 0, "ear": 1}, "b": {"nose": 0}}, "a.csv")
    with pytest.raises(FormatError, match="found no body part of an animal"):
        require_shared_keypoints(choose({"a": {"door": 0}}, leave_out=["door"]), "a.csv")


def test_poses_already_read_are_regrouped():
    position = np.arange(20.0).reshape(2, 2, 5, 1)
    poses = make_poses(
        position, position[:, 0], recording="r", keypoints=list(ONE["individual1"]), individuals=["i"], fps=29.97
    )
    assert regroup_poses(poses) is poses
    regrouped = regroup_poses(poses, individuals=("res", "intr"), leave_out=("door",))
    validate_poses(regrouped)
    assert regrouped.attrs["unused_body_parts"] == "door"
    assert regrouped.attrs["fps"] == 29.97
    assert regrouped["individual"].values.tolist() == ["res", "intr"]
    assert regrouped["keypoint"].values.tolist() == ["nose", "left_ear"]
    np.testing.assert_array_equal(regrouped["position"].sel(individual="intr", keypoint="nose"), position[:, :, 3, 0])
    np.testing.assert_array_equal(regrouped["confidence"].sel(individual="res").values[:, 1], position[:, 0, 1, 0])
