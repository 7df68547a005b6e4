"""Pose files and videos are matched by the longest name, never guessed, and their lengths compared."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import h5py
import numpy as np
import pytest

from nsp_adapters.video import VideoInfo, read_video
from nsp_adapters.video_match import fit_to_video, pose_of_video, video_of_pose
from nsp_adapters.video_timing import FrameTiming
from nsp_core.errors import AmbiguousError, MissingFileError, PoseError
from nsp_core.poses import make_poses, validate_poses

CAGE, CAGE3, OTHER = Path("videos/cage.mp4"), Path("videos/cage3.mp4"), Path("videos/other.avi")
NTSC = Fraction(30000, 1001)


def video_of(n_frames: int) -> VideoInfo:
    timing = FrameTiming(NTSC, NTSC, 0.0333, 0.0334, 0.0334, 0, None, 0.0)
    return VideoInfo("cage3.mp4", n_frames, 640, 480, Fraction(1), "h264", timing)


def poses_of(n_frames: int):
    rng = np.random.default_rng(0)
    return make_poses(
        rng.normal(size=(n_frames, 2, 3, 2)),
        rng.random((n_frames, 3, 2)),
        recording="cage3",
        keypoints=["nose", "neck", "tail"],
        individuals=["a", "b"],
        fps=float(NTSC),
        scale_mm_per_px=0.4,
    )


@pytest.mark.parametrize(
    "pose",
    [
        "cage3DLC_resnet50_openfieldOct30shuffle1_1600.h5",
        "cage3DLC_dlcrnetms5_pilotSep24shuffle1_100000_el_filtered.csv",
        "cage3DLC_Resnet50_modelDec1shuffle2_snapshot_best-90_el.csv.gz",
        "cage3.mp4.predictions.slp",
        "cage3.predictions.slp",
        "cage3.mp4.predictions.analysis.h5",
        "cage3.pkg.slp",
        "cage3.analysis.h5",
        "labels.v001.002_cage3.analysis.h5",
        "my_labels.000_cage3.analysis.h5",
        "cage3.h5",
        "cage3.csv",
    ],
)
def test_names_that_trackers_give_lead_to_the_video(pose):
    assert video_of_pose(Path("poses") / pose, [OTHER, CAGE, CAGE3]) == CAGE3


@pytest.mark.parametrize(
    ("pose", "video"),
    [
        ("aDLC_testDLC_net.h5", "aDLC_test.mp4"),
        ("aDLC_net.h5", "a.mp4"),
        ("day1.cage.proofread.h5", "day1.cage.proofread.mp4"),
        ("day1.cage.slp", "day1.cage.mp4"),
        ("p.000_b.001_c.analysis.h5", "b.001_c.mp4"),
        ("a+b (1).predictions.slp", "a+b (1).mp4"),
    ],
)
def test_longest_name_wins(pose, video):
    names = [
        "a.mp4",
        "aDLC_test.mp4",
        "day1.cage.mp4",
        "day1.cage.proofread.mp4",
        "c.mp4",
        "b.001_c.mp4",
        "a+b (1).mp4",
    ]
    assert video_of_pose(Path(pose), [Path(name) for name in names]) == Path(video)


@pytest.mark.parametrize(
    "videos",
    [
        [Path("day1/cage3.mp4"), Path("day2/cage3.mp4")],
        [Path("day1/cage3.mp4"), Path("day1/cage3.avi")],
    ],
)
def test_two_videos_that_fit_equally_are_refused_and_named(videos):
    with pytest.raises(AmbiguousError) as caught:
        video_of_pose(Path("cage3DLC_net.h5"), [*videos, CAGE])
    assert "2 videos that fit equally well" in caught.value.found
    assert all(str(video) in caught.value.found for video in videos)
    assert str(CAGE) not in caught.value.found


def test_extension_in_the_name_decides_between_two_of_one_stem():
    videos = [Path("cage3.mp4"), Path("cage3.avi")]
    assert video_of_pose(Path("cage3.avi.predictions.slp"), videos) == Path("cage3.avi")


@pytest.mark.parametrize("pose", ["cage30DLC_net.h5", "Cage3DLC_net.h5", "cage3_DLC_net.h5", "cage3", "xcage3.slp"])
def test_similar_names_do_not_match_and_the_closest_is_offered(pose):
    with pytest.raises(MissingFileError, match=r"found 2 videos, none .* is it cage3\.mp4\? state the video"):
        video_of_pose(Path(pose), [CAGE3, OTHER])


def test_pose_file_of_a_video_leaves_the_longer_name_its_own():
    poses = [Path("aDLC_net.h5"), Path("aDLC_testDLC_net.h5"), Path("b.slp")]
    videos = [Path("a.mp4"), Path("aDLC_test.mp4"), Path("b.mp4")]
    assert [pose_of_video(video, poses, videos=videos) for video in videos] == poses


def test_two_pose_files_of_one_video_are_refused_and_none_is_missing():
    poses = [Path("cage3DLC_net_el.h5"), Path("cage3DLC_net_el_filtered.h5")]
    with pytest.raises(AmbiguousError, match=r"2 pose files that fit equally well: cage3DLC_net_el\.h5, cage3DLC"):
        pose_of_video(CAGE3, poses)
    with pytest.raises(MissingFileError, match=r"other\.avi: found 2 pose files, none.*otherDLC"):
        pose_of_video(OTHER, poses)


def test_pose_file_that_fits_another_video_as_well_is_refused():
    with pytest.raises(AmbiguousError, match="2 videos"):
        pose_of_video(Path("d1/cage3.mp4"), [Path("cage3.slp")], videos=[Path("d1/cage3.mp4"), Path("d2/cage3.mp4")])


def test_shorter_poses_are_padded_with_missing_points_and_it_is_said():
    poses = poses_of(5)
    fitted = fit_to_video(poses, video_of(8), where="cage3DLC.h5")
    validate_poses(fitted.poses)
    assert fitted.n_padded == 3
    assert fitted.report == "poses end 3 of 8 frames before the video: missing there"
    np.testing.assert_array_equal(fitted.poses["position"].values[:5], poses["position"].values)
    assert bool(fitted.poses.isel(time=slice(5, None)).to_array().isnull().all())
    np.testing.assert_allclose(fitted.poses["time"], np.arange(8) * 1001 / 30000)
    assert fitted.poses.attrs == poses.attrs
    assert {str(variable.dtype) for variable in fitted.poses.data_vars.values()} == {"float32"}


def test_poses_of_the_video_s_length_stay_as_they_are():
    fitted = fit_to_video(poses_of(5), video_of(5), where="cage3DLC.h5")
    assert fitted.poses.identical(poses_of(5))
    assert fitted.report == "poses and video both have 5 frames"


def test_longer_poses_are_refused_be_it_by_one_frame():
    with pytest.raises(
        PoseError, match=r"cage3DLC\.h5: found 6 frames of poses, expected at most the 5 frames of cage3"
    ):
        fit_to_video(poses_of(6), video_of(5), where="cage3DLC.h5")


@pytest.mark.real_data
def test_real_pose_file_finds_its_video_among_others_and_ends_a_frame_earlier(nsp_data):
    folder = nsp_data / "amadeus_mabe_video"
    videos = [*sorted(folder.rglob("*.mp4")), *sorted((nsp_data / "formats").rglob("*.mp4"))]
    pose = folder / "MABe" / "EGS8X2MN4SSUGFWAV976.h5"
    video = video_of_pose(pose, videos)
    assert video == pose.with_suffix(".mp4")
    with h5py.File(pose) as file:
        n_rows = next(
            group[name].shape[0] for group in file.values() for name in ("table", "block0_values") if name in group
        )
    fitted = fit_to_video(poses_of(n_rows), read_video(video), where=pose.name)
    assert (n_rows, fitted.n_padded) == (1800, 1)
