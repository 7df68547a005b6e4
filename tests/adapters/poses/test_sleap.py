"""SLEAP projects: by track and frame, people's corrections first, and never an identity that is not there."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from nsp_adapters.poses import sleap
from nsp_adapters.poses.sleap import looks_like_slp, read_slp
from nsp_core.errors import AmbiguousError, FormatError, PoseError

sio = pytest.importorskip("sleap_io", reason="projects for these tests are written with sleap-io")

SKELETON = sio.Skeleton(["nose", "tail"])
CAGE = sio.Video("videos/cage3.mp4", open_backend=False)
A, B = sio.Track("a"), sio.Track("b")


def predicted(value, track=None, skeleton=SKELETON):
    points = np.array([[value, value + 1], [value + 2, value + 3]], dtype=float)
    return sio.PredictedInstance.from_numpy(points, skeleton=skeleton, point_scores=[0.5, 0.25], score=0.9, track=track)


def placed(value, track=None, source=None):
    points = np.array([[value, value + 1], [value + 2, value + 3]], dtype=float)
    instance = sio.Instance.from_numpy(points, skeleton=SKELETON, track=track)
    instance.from_predicted = source
    return instance


@pytest.fixture
def write(tmp_path):
    """Write a project: ``write({frame: [instance, ...]})``, or a list of (video, frame, instances)."""

    def write(frames):
        rows = frames if isinstance(frames, list) else [(CAGE, frame, instances) for frame, instances in frames.items()]
        labels = sio.Labels([sio.LabeledFrame(video=v, frame_idx=f, instances=list(i)) for v, f, i in rows])
        labels.save(str(tmp_path / "p.slp"))
        return tmp_path / "p.slp"

    return write


def read(path, fps=30.0, recording="r", **options):
    return read_slp(path, fps=fps, recording=recording, **options)


def nose_x(poses, individual):
    return poses["position"].sel(individual=individual, keypoint="nose", space="x").values


def test_points_are_placed_by_track_and_frame(write):
    path = write({4: [predicted(10, A), predicted(20, B)], 6: [predicted(30, B)]})
    assert looks_like_slp(path)
    poses = read(path, fps=29.97, n_frames=9)
    n = np.nan
    np.testing.assert_array_equal(nose_x(poses, "a"), [n, n, n, n, 10, n, n, n, n])
    np.testing.assert_array_equal(nose_x(poses, "b"), [n, n, n, n, 20, n, 30, n, n])
    np.testing.assert_array_equal(poses["confidence"].sel(individual="b")[6], [0.5, 0.25])
    assert poses.attrs["fps"] == 29.97
    assert "untracked_instances" not in poses.attrs
    with pytest.raises(PoseError, match="poses up to frame 6"):
        read(path, n_frames=5)


def test_a_persons_instance_replaces_the_prediction_it_corrects(write):
    source = predicted(20, B)
    poses = read(write({0: [predicted(1, A), placed(11, A), source, placed(22, source=source)], 1: [predicted(2, A)]}))
    assert nose_x(poses, "a").tolist() == [11, 2]
    assert nose_x(poses, "b")[0] == 22
    assert np.isnan(poses["confidence"].values[0]).all()


def test_one_untracked_instance_per_frame_is_one_animal(write):
    poses = read(write({0: [predicted(1)], 1: [predicted(2), placed(5)]}))
    assert poses["individual"].values.tolist() == ["individual1"]
    assert nose_x(poses, "individual1").tolist() == [1, 5]
    # The first frame of a tracked single animal often has no track.
    poses = read(write({0: [predicted(1)], 1: [predicted(2, A)]}))
    assert nose_x(poses, "a").tolist() == [1, 2]


def test_untracked_instances_beside_tracks_are_counted(write):
    poses = read(write({0: [predicted(1, A), predicted(2, B), predicted(3)], 1: [predicted(4)]}))
    assert poses["individual"].values.tolist() == ["a", "b"]
    assert poses.attrs["untracked_instances"] == 2
    assert np.isnan(poses["position"].values[1]).all()


def test_two_tracks_that_take_turns_are_two_animals(write):
    poses = read(write({0: [predicted(1, A)], 1: [predicted(2, B)]}))
    assert poses["individual"].values.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ({0: [predicted(1)], 3: [predicted(2), predicted(3)]}, "frame 3: found 2 instances without tracks"),
        ({2: [predicted(1, A), predicted(2, A), predicted(3, B)]}, "frame 2: found two instances of track 'a'"),
        ({0: [predicted(1, A), predicted(1, B, sio.Skeleton(["x", "y"]))]}, r"found skeletons (nose, tail) and (x, y)"),
        ([(CAGE, 0, [predicted(1)]), (CAGE, 0, [predicted(1)])], "found frame 0 twice"),
    ],
)
def test_impossible_identities_are_refused(write, frames, message):
    with pytest.raises(PoseError) as caught:
        read(write(frames))
    assert message in str(caught.value)


def test_the_video_is_chosen_by_name_or_not_at_all(write):
    other = sio.Video("videos/cage4.mp4", open_backend=False)
    path = write([(CAGE, 0, [predicted(1)]), (other, 0, [predicted(2)])])
    assert nose_x(read(path, recording="cage4"), "individual1").tolist() == [2]
    assert nose_x(read(path, video="cage3.mp4"), "individual1").tolist() == [1]
    with pytest.raises(AmbiguousError, match=r"found 2 videos, 0 of them named 'r': cage3\.mp4, cage4\.mp4"):
        read(path)
    with pytest.raises(AmbiguousError, match="0 of them named 'cage5'"):
        read(path, video="cage5")


def test_empty_damaged_and_other_files_are_refused(write, tmp_path, monkeypatch):
    with pytest.raises(FormatError, match="found no instance in this video"):
        read(write({0: []}))
    path = write({0: [predicted(1)]})
    with pytest.raises(FormatError, match="found no frame rate"):
        read(path, fps=None)
    with monkeypatch.context() as patched:
        patched.setattr(sleap.importlib, "import_module", lambda name: (_ for _ in ()).throw(ImportError(name)))
        with pytest.raises(
            FormatError, match=r"found no sleap-io to read it with .* or export the project to an analysis"
        ):
            read(path)
    with h5py.File(path, "r+") as opened:
        del opened["metadata"]
    assert not looks_like_slp(path)
    with pytest.raises(FormatError, match="found a project that sleap-io cannot read"):
        read(path)
    with h5py.File(tmp_path / "o.h5", "w") as opened:
        opened["other"] = 1
    with pytest.raises(FormatError, match="found HDF5 with other"):
        read(tmp_path / "o.h5")
    (tmp_path / "cut.slp").write_bytes(path.read_bytes()[:5000])
    with pytest.raises(FormatError, match="truncated or damaged"):
        read(tmp_path / "cut.slp")
    assert not looks_like_slp(tmp_path / "cut.slp")


@pytest.mark.real_data
def test_real_single_animal_agrees_with_its_arrays(nsp_data):
    path = nsp_data / "formats" / "sleap" / "deepof_single_101f.slp"
    assert looks_like_slp(path)
    poses = read(path)
    with h5py.File(path) as opened:
        points = opened["pred_points"][()]
    assert poses["individual"].values.tolist() == ["track_0"]
    for axis in "xy":
        found = poses["position"].sel(space=axis).values
        np.testing.assert_array_equal(found.reshape(-1), points[axis].astype(np.float32))
    np.testing.assert_array_equal(poses["confidence"].values.reshape(-1), points["score"].astype(np.float32))


@pytest.mark.real_data
def test_real_labels_of_two_frames_keep_their_places(nsp_data):
    path = nsp_data / "formats" / "sleap" / "small_robot_minimal.slp"
    position = read(path)["position"]
    assert position.sizes["time"] == 80
    assert np.flatnonzero(position.notnull().any(("space", "keypoint", "individual"))).tolist() == [0, 79]
    with h5py.File(path) as opened:
        points = opened["points"][()]
    np.testing.assert_allclose(position[79, 0].squeeze(), points["x"][2:], rtol=1e-6)


@pytest.mark.real_data
def test_real_package_without_tracks_is_refused(nsp_data):
    path = nsp_data / "formats" / "sleap" / "minimal_instance.pkg.slp"
    assert looks_like_slp(path)
    with pytest.raises(PoseError, match="frame 0: found 2 instances without tracks"):
        read(path)
