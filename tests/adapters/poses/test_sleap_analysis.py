"""SLEAP analysis h5: full or of four data sets, nameless, late or ending early, in any order of axes."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from nsp_adapters.poses.sleap_analysis import looks_like_sleap_analysis, read_sleap_analysis
from nsp_core.errors import FormatError, PoseError

TRACKS = np.random.default_rng(0).uniform(1, 500, size=(2, 2, 3, 5))  # track, xy, node, frame
SCORES = np.random.default_rng(1).uniform(size=(2, 3, 5))


@pytest.fixture
def write(tmp_path):
    def write(tracks=TRACKS, *, names=(b"a", b"b"), nodes=(b"nose", b"ear", b"tail"), scores=None, dims=None, **attrs):
        with h5py.File(tmp_path / "a.h5", "w") as opened:
            opened["tracks"] = tracks
            opened["node_names"] = np.array(nodes)
            if names is not None:
                opened["track_names"] = np.array(names) if names else np.empty(0)
            if scores is not None:
                opened["point_scores"] = scores
            if dims is not None:
                opened["tracks"].attrs["dims"] = json.dumps(dims)
            opened.attrs.update(attrs)
        return tmp_path / "a.h5"

    return write


def read(path, fps=30.0, **options):
    return read_sleap_analysis(path, fps=fps, recording="r", **options)


def refusal(path, **options):
    with pytest.raises(FormatError) as caught:
        read(path, **options)
    return str(caught.value)


def test_four_data_sets_are_enough(write):
    path = write()
    assert looks_like_sleap_analysis(path)
    poses = read(path, fps=29.97)
    np.testing.assert_array_equal(poses["position"], TRACKS.transpose(3, 1, 2, 0).astype(np.float32))
    assert np.isnan(poses["confidence"].values).all()
    assert poses["individual"].values.tolist() == ["a", "b"]
    assert poses["keypoint"].values.tolist() == ["nose", "ear", "tail"]
    assert poses.attrs["source_software"] == "SLEAP"


def test_scores_are_confidence_where_there_is_a_point(write):
    tracks = TRACKS.copy()
    tracks[1, :, 2, 3] = np.nan
    confidence = read(write(tracks, scores=SCORES))["confidence"]
    expected = SCORES.transpose(2, 1, 0).astype(np.float32)
    expected[3, 2, 1] = np.nan
    np.testing.assert_array_equal(confidence, expected)


@pytest.mark.parametrize("names", [None, (), (b"", b"")])
def test_tracks_without_names_are_numbered(write, names):
    assert read(write(names=names))["individual"].values.tolist() == ["track_0", "track_1"]


def test_late_start_and_early_end_are_padded(write):
    poses = read(write(), first_frame=2, n_frames=9)
    assert poses.sizes["time"] == 9
    np.testing.assert_array_equal(
        np.flatnonzero(poses["position"].notnull().all(("space", "keypoint", "individual"))), [2, 3, 4, 5, 6]
    )
    with pytest.raises(PoseError, match="poses up to frame 6, expected at most frame 5"):
        read(write(), first_frame=2, n_frames=6)


def test_other_orders_of_axes_are_read_by_name(write):
    expected = read(write(scores=SCORES))
    by_frame = {"dims": ["frame", "track", "node", "xy"], "scores": SCORES.transpose(2, 0, 1)}
    assert read(write(TRACKS.transpose(3, 0, 2, 1), **by_frame)).equals(expected)
    legacy = write(TRACKS.transpose(3, 2, 1, 0), transpose=False)
    assert read(legacy)["position"].equals(expected["position"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nodes": (b"nose", b"ear")}, "for 2 nodes and 2 track names"),
        ({"names": (b"a",)}, "for 3 nodes and 1 track names"),
        ({"tracks": TRACKS[0]}, "with shape (2, 3, 5)"),
        ({"tracks": TRACKS[:, :1]}, "'xy': 1"),
        ({"tracks": TRACKS[..., :0]}, "found 0 frames"),
        ({"tracks": TRACKS[:0], "names": ()}, "0 animals"),
        ({"dims": ["frame", "track"]}, "dims ('frame', 'track')"),
        ({"dims": 5}, "dims ()"),
        ({"scores": SCORES[:, :2]}, "point_scores (2, 2, 5) beside tracks (2, 2, 3, 5)"),
    ],
)
def test_wrong_layouts_are_named(write, options, message):
    assert message in refusal(write(**options))


def test_frame_rate_and_unique_names_are_needed(write):
    assert "found no frame rate" in refusal(write(), fps=None)
    with pytest.raises(PoseError, match="unique names"):
        read(write(names=(b"a", b"a")))


def test_other_hdf5_does_not_look_like_it(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as opened:
        opened["other"] = 1
    assert not looks_like_sleap_analysis(tmp_path / "a.h5")
    assert "no such array" in refusal(tmp_path / "a.h5")


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["deepof_single_101f.analysis.h5", "flies_courtship_3000f.analysis.h5"])
def test_real_files_agree_with_their_arrays(nsp_data, name):
    path = nsp_data / "formats" / "sleap" / name
    assert looks_like_sleap_analysis(path)
    poses = read(path)
    with h5py.File(path) as opened:
        np.testing.assert_array_equal(
            poses["position"], opened["tracks"][()].T.transpose(0, 2, 1, 3).astype(np.float32)
        )
        assert poses["keypoint"].values.tolist() == opened["node_names"].asstr()[()].tolist()
        assert poses["individual"].values.tolist() == opened["track_names"].asstr()[()].tolist()
        if "point_scores" in opened:
            np.testing.assert_array_equal(poses["confidence"], opened["point_scores"][()].T.astype(np.float32))
