"""NWB with ndx-pose: frames from times, one rate, one subject, and no guess about clocks or cameras."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from nsp_adapters.poses.nwb import looks_like_nwb_pose, read_nwb_pose
from nsp_core.errors import AmbiguousError, FormatError, PoseError

NOSE = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])


def add_series(
    container, name, positions=NOSE, times=None, rate=None, start=0.0, confidence=None, description="", **attrs
):
    series = container.create_group(name)
    series.attrs.update({"neurodata_type": "PoseEstimationSeries", "description": description})
    series["data"] = positions
    series["data"].attrs.update({"unit": "pixels"} | attrs)
    if times is not None:
        series["timestamps"] = times
    if rate is not None:
        series["starting_time"] = start
        series["starting_time"].attrs["rate"] = rate
    if confidence is not None:
        series["confidence"] = confidence


@pytest.fixture
def write(tmp_path):
    """Write a file; ``fill(behavior)`` adds to the processing module, where ``pose`` makes a PoseEstimation."""

    def write(fill, subject=None):
        with h5py.File(tmp_path / "a.nwb", "w") as opened:
            opened.attrs["nwb_version"] = "2.7.0"
            fill(opened.create_group("processing/behavior"))
            if subject is not None:
                opened["general/subject/subject_id"] = subject
        return tmp_path / "a.nwb"

    return write


def pose(behavior, name="PoseEstimation", nodes=None):
    container = behavior.create_group(name)
    container.attrs["neurodata_type"] = "PoseEstimation"
    if nodes is not None:
        container["nodes"] = nodes
    return container


def one_series(**options):
    return lambda behavior: add_series(pose(behavior), "nose", **options)


def read(path, fps=None, **options):
    return read_nwb_pose(path, fps=fps, recording="r", **options)


def test_times_give_frames_and_rate(write):
    times = np.array([0, 1, 4, 5]) / 29.97
    poses = read(write(one_series(times=times, confidence=[0.1, 0.2, 0.3, 0.4]), subject="m7"), n_frames=8)
    assert looks_like_nwb_pose(write(one_series(times=times)))
    assert poses.attrs["fps"] == pytest.approx(29.97, rel=1e-12)
    assert poses["individual"].values.tolist() == ["m7"]
    np.testing.assert_array_equal(poses["position"][[0, 1, 4, 5]].squeeze(), NOSE)
    assert np.isnan(poses["position"].values[[2, 3, 6, 7]]).all()
    np.testing.assert_allclose(poses["confidence"][[0, 1, 4, 5]].squeeze(), [0.1, 0.2, 0.3, 0.4])


def test_a_rate_is_exact_and_contradictions_are_refused(write):
    path = write(one_series(rate=24000 / 1001))
    assert read(path).attrs["fps"] == 24000 / 1001
    assert read(path, fps=24000 / 1001).attrs["fps"] == 24000 / 1001
    with pytest.raises(FormatError, match=r"found 23\.976.* frames per second, expected the stated 24"):
        read(path, fps=24.0)
    with pytest.raises(FormatError, match="expected a positive number"):
        read(write(one_series(rate=0.0)))


def test_a_late_first_time_is_resolved_by_the_video_or_asked_for(write):
    path = write(one_series(times=(10 + np.arange(4)) / 25))
    with pytest.raises(
        AmbiguousError, match=r"found a first timestamp of 0\.4 s.* first_frame: 10 if the video started"
    ):
        read(path)
    with pytest.raises(AmbiguousError, match="first timestamp"):
        read(path, n_frames=20)
    for options, first in (
        ({"n_frames": 4}, 0),
        ({"n_frames": 12}, 0),
        ({"first_frame": 10}, 10),
        ({"first_frame": 0}, 0),
    ):
        poses = read(path, **options)
        assert int(np.flatnonzero(poses["position"].notnull().any(("space", "keypoint", "individual")))[0]) == first


def test_frame_numbers_that_claim_to_be_seconds(write):
    path = write(one_series(times=np.arange(4.0)))
    with pytest.raises(AmbiguousError, match=r"found timestamps 0, 1 \.\.\. 3, expected times in seconds"):
        read(path)
    poses = read(path, fps=25.0)
    assert poses.attrs["fps"] == 25.0
    np.testing.assert_array_equal(poses["position"].squeeze(), NOSE)


def test_nodes_give_the_order_and_units_are_applied(write):
    def fill(behavior):
        container = pose(behavior, nodes=["tail", "nose"])
        add_series(container, "nose", rate=25.0)
        add_series(container, "tail", rate=25.0, conversion=2.0, offset=1.0)

    poses = read(write(fill))
    assert poses["keypoint"].values.tolist() == ["tail", "nose"]
    np.testing.assert_array_equal(poses["position"].sel(keypoint="tail").squeeze(), NOSE * 2 + 1)


def test_several_containers_are_animals_only_if_they_say_so(write):
    def fill(*names):
        return lambda behavior: [
            add_series(pose(behavior, name), "nose", NOSE + i, rate=25.0) for i, name in enumerate(names)
        ]

    poses = read(write(fill("track=b", "track=a")))
    assert sorted(poses["individual"].values) == ["a", "b"]
    np.testing.assert_array_equal(poses["position"].sel(individual="a").squeeze(), NOSE + 1)
    path = write(fill("CameraLeft", "CameraTop"))
    with pytest.raises(AmbiguousError, match="found 2 PoseEstimation: CameraLeft, CameraTop"):
        read(path)
    assert read(path, containers=["CameraTop"])["individual"].values.tolist() == ["CameraTop"]
    with pytest.raises(AmbiguousError, match="expected those named Side"):
        read(path, containers=["Side"])


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"times": np.arange(4) / 30}, "found 30 frames per second, expected the stated 25"),
        ({"times": np.array([0, 1, 2, 4]) / 25}, "at other times than"),
        ({"times": np.arange(5) / 25}, "at other times than"),
        ({"times": 1 + np.arange(4) / 25}, "at other times than"),
        ({"times": np.arange(4) / 25, "positions": NOSE[:3]}, "3 positions at 4 times"),
        ({"times": np.array([0, 2, 1, 3]) / 25}, "row 2: found time"),
        ({}, "/starting_time: found no such array"),
    ],
)
def test_series_have_to_agree(write, second, message):
    def fill(behavior):
        container = pose(behavior)
        add_series(container, "a_nose", times=np.arange(4) / 25)
        add_series(container, "b_tail", **second)

    with pytest.raises(FormatError) as caught:
        read(write(fill))
    assert message in str(caught.value)


def test_empty_and_other_files_are_refused(write):
    with pytest.raises(PoseError, match="expected two-dimensional positions"):
        read(write(one_series(positions=np.zeros((4, 3)), rate=25.0)))
    with pytest.raises(FormatError, match="found a PoseEstimationSeries without frames"):
        read(write(one_series(positions=np.zeros((0, 2)), rate=25.0)))
    with pytest.raises(PoseError, match="poses up to frame 3"):
        read(write(one_series(rate=25.0)), n_frames=2)
    path = write(pose)
    assert not looks_like_nwb_pose(path)
    with pytest.raises(FormatError, match="found no PoseEstimation"):
        read(path)
    with pytest.raises(FormatError, match=r"which is far beyond the 2 rows"):
        read(write(one_series(positions=NOSE[:2], rate=25.0)), first_frame=5_000_000)


@pytest.mark.parametrize("confidence", [np.array([0.5]), np.full((4, 1), 0.5)])
def test_confidence_of_another_length_is_not_spread_over_all_frames(write, confidence):
    with pytest.raises(FormatError, match=r"found confidence \(.*\) at 4 times in .*/nose"):
        read(write(one_series(rate=25.0, confidence=confidence)))


@pytest.mark.real_data
def test_real_file_agrees_with_its_arrays(nsp_data):
    path = nsp_data / "formats" / "nwb" / "openfield_dlc_pose.nwb"
    assert looks_like_nwb_pose(path)
    with pytest.raises(AmbiguousError, match=r"found timestamps 0, 1 \.\.\. 2329"):
        read(path)
    poses = read(path, fps=30.0)
    assert poses["individual"].values.tolist() == ["ind1"]
    assert poses["keypoint"].values.tolist() == ["snout", "leftear", "rightear", "tailbase"]
    assert poses.attrs["source_software"] == "DeepLabCut"
    with h5py.File(path) as opened:
        for keypoint in poses["keypoint"].values:
            series = opened[f"processing/behavior/PoseEstimation/ind1_{keypoint}"]
            found = poses.sel(keypoint=keypoint, individual="ind1")
            np.testing.assert_array_equal(found["position"], series["data"][()].astype(np.float32))
            np.testing.assert_array_equal(found["confidence"], series["confidence"][()].astype(np.float32))
