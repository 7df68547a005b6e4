"""Formats are told by content, stated names win, and another package cannot break what is built in."""

from __future__ import annotations

import gzip
import importlib.metadata
from pathlib import Path

import h5py
import numpy as np
import pytest

from nsp_adapters.poses import detect
from nsp_adapters.poses.detect import POSE_FORMATS, PoseFormat, detect_pose_format, read_pose_file
from nsp_core.errors import AmbiguousError, FormatError, MissingFileError, PoseError
from nsp_core.poses import make_poses

CSV = "scorer,n,n,n,n\nbodyparts,a_nose,a_nose,b_nose,b_nose\ncoords,x,y,x,y\n0,1,2,3,4\n"


def read_toy(path, *, fps, recording, scale_mm_per_px, n_frames):
    position = np.ones((n_frames or 1, 2, 2, 1))
    return make_poses(
        position,
        position[:, 0],
        recording=recording,
        keypoints=["a_nose", "b_nose"],
        individuals=["i"],
        fps=fps,
        scale_mm_per_px=scale_mm_per_px,
        source_file=path.name,
    )


TOY = PoseFormat("toy", lambda path: path.read_bytes().startswith(b"toy"), read_toy, "text that begins with toy")
MISNAMED = PoseFormat("other", TOY.looks_like, read_toy, "")
NO_FORMAT = 5


class ToyDistribution:
    name = "toy-tracker"


@pytest.fixture
def plugin(monkeypatch):
    """Install entry points that name objects of this module."""
    monkeypatch.setitem(__import__("sys").modules, "toy_tracker", __import__("types").SimpleNamespace(**globals()))

    def install(*pairs):
        points = []
        for name, value in pairs:
            point = importlib.metadata.EntryPoint(name, f"toy_tracker:{value}", detect.ENTRY_POINT_GROUP)
            vars(point)["dist"] = ToyDistribution()
            points.append(point)
        monkeypatch.setattr(
            detect.importlib.metadata, "entry_points", lambda group: points if group == detect.ENTRY_POINT_GROUP else []
        )

    return install


@pytest.fixture
def file(tmp_path):
    def file(content, name="poses.bin"):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / name

    return file


def test_content_decides_and_the_name_does_not(file):
    for content in (CSV.encode(), gzip.compress(CSV.encode())):
        assert detect_pose_format(file(content, "poses.h5")).name == "dlc_csv"
    poses = read_pose_file(file(CSV), fps=29.97, recording="r", scale_mm_per_px=0.5, n_frames=3)
    assert poses.sizes["time"] == 3
    assert (poses.attrs["fps"], poses.attrs["recording"], poses.attrs["scale_mm_per_px"]) == (29.97, "r", 0.5)


def test_body_parts_are_regrouped_in_any_format(file, plugin):
    plugin(("toy", "TOY"))
    for content in (CSV, "toy"):
        poses = read_pose_file(file(content), fps=30.0, recording="r", individuals=("b", "a"))
        assert poses["individual"].values.tolist() == ["b", "a"]
        assert poses["keypoint"].values.tolist() == ["nose"]
        poses = read_pose_file(file(content), fps=30.0, recording="r", leave_out=("b_nose",))
        assert poses.attrs["unused_body_parts"] == "b_nose"


def test_a_stated_format_is_taken_unseen(file, plugin):
    plugin(("toy", "TOY"))
    assert detect_pose_format(file("toy"), "slp").name == "slp"
    assert detect_pose_format(file(CSV), "toy").name == "toy"
    with pytest.raises(FormatError, match="found no HDF5 file"):
        read_pose_file(file(CSV), format="nwb", fps=30.0, recording="r")
    with pytest.raises(FormatError) as caught:
        detect_pose_format(file(CSV), "dlc")
    assert (
        "found the stated format 'dlc', expected one of dlc_csv, dlc_h5, slp, sleap_analysis, nwb, movement, toy"
        in str(caught.value)
    )


def test_an_unknown_file_is_told_what_each_format_has(file):
    with pytest.raises(FormatError) as caught:
        detect_pose_format(file("time,behavior\n"))
    message = str(caught.value)
    assert "found content of no known format (it begins b'time,behavior\\n')" in message
    assert all(f"{one.name}: {one.signature}" in message for one in POSE_FORMATS)
    assert message.endswith("bodyparts,nose,nose,nose\ncoords,x,y,likelihood\n0,412.1,88.5,0.99")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found an empty file"),
        (b"scorer,n,n\ncoords,x,y\n0,1,2\n", "found no header row bodyparts"),
        (b"scorer;n;n\n", "found columns separated by ';'"),
        (gzip.compress(CSV.encode(), mtime=0)[:-12], "found a gzip file that is truncated or damaged"),
        (b"\x89HDF\r\n\x1a\n" + bytes(20), "truncated or damaged"),
    ],
)
def test_a_nearly_right_file_is_told_what_is_wrong_with_it(file, content, message):
    with pytest.raises(FormatError, match=message):
        read_pose_file(file(content), fps=30.0, recording="r")


def test_other_hdf5_folders_and_absence(file, tmp_path):
    with h5py.File(tmp_path / "o.h5", "w") as opened:
        opened["spikes"] = 1
    with pytest.raises(FormatError, match="found HDF5 that holds spikes"):
        detect_pose_format(tmp_path / "o.h5")
    with pytest.raises(FormatError, match="found a folder that is no Zarr store of poses"):
        detect_pose_format(tmp_path)
    with pytest.raises(MissingFileError, match=r"none\.csv: found no such file, expected a pose file"):
        detect_pose_format(tmp_path / "none.csv")


def test_two_fitting_formats_are_not_chosen_between(file, plugin, monkeypatch):
    again = PoseFormat("again", TOY.looks_like, read_toy, "")
    monkeypatch.setattr(detect, "POSE_FORMATS", (TOY, again))
    with pytest.raises(AmbiguousError, match="found content that fits toy and again"):
        detect_pose_format(file("toy"))
    plugin(("mine", "TOY"), ("mine", "TOY"))
    with pytest.raises(AmbiguousError, match="found format 'mine' in the packages toy-tracker, toy-tracker"):
        detect_pose_format(file("toy"), "mine")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("gone", "ABSENT", "AttributeError"),
        ("toy", "MISNAMED", "it is a PoseFormat named 'other'"),
        ("toy", "NO_FORMAT", "it is int"),
    ],
)
def test_a_broken_package_is_named_and_disturbs_no_built_in_format(file, plugin, name, value, problem):
    plugin((name, value))
    assert detect_pose_format(file(CSV)).name == "dlc_csv"
    for stated in (None, name):
        with pytest.raises(FormatError) as caught:
            detect_pose_format(file("toy"), stated)
        assert f"found a broken pose reader {name!r} in the package toy-tracker ({problem}" in str(caught.value)


def fail(*_, **__):
    return None.attribute


FAILING_READ = PoseFormat("toy", TOY.looks_like, fail, "")
FAILING_LOOK = PoseFormat("toy", fail, read_toy, "")
NO_DATASET = PoseFormat("toy", TOY.looks_like, lambda path, **_: [1], "")
REFUSING = PoseFormat("toy", TOY.looks_like, lambda path, **_: detect_pose_format(path / "none"), "")
OTHER_OPTIONS = PoseFormat("toy", TOY.looks_like, lambda path: None, "")


@pytest.mark.parametrize(
    ("value", "how"),
    [
        ("FAILING_READ", "failing with AttributeError: 'NoneType' object has no attribute 'attribute'"),
        ("FAILING_LOOK", "failing with AttributeError: 'NoneType' object has no attribute 'attribute'"),
        ("OTHER_OPTIONS", "failing with TypeError: "),
        ("NO_DATASET", "returning list, no Dataset"),
    ],
)
def test_a_reader_of_another_package_that_fails_is_an_error_about_the_file(file, plugin, value, how):
    plugin(("toy", value))
    assert read_pose_file(file(CSV), fps=30.0, recording="r").sizes["time"] == 1
    with pytest.raises(FormatError) as caught:
        read_pose_file(file("toy"), fps=30.0, recording="r")
    assert f"poses.bin: found the reader 'toy' of package toy-tracker {how}" in str(caught.value)
    assert "update that package or tell its authors" in caught.value.remedy


def test_what_a_reader_of_another_package_refuses_itself_is_passed_on(file, plugin):
    plugin(("toy", "REFUSING"))
    with pytest.raises(MissingFileError, match="no such file"):
        read_pose_file(file("toy"), fps=30.0, recording="r")


@pytest.mark.parametrize("stated", [None, "dlc_csv", "nwb"])
def test_labels_given_as_poses_are_called_labels(file, stated):
    bouts = "recording,behavior,start_frame,stop_frame\ncage3,attack,535,961\n"
    with pytest.raises(
        FormatError, match=r"found an annotation file \(bout-csv\), expected a pose file; name the file"
    ):
        read_pose_file(file(bouts, "cage3.csv"), format=stated, fps=30.0, recording="r")


def test_poses_of_other_packages_are_checked(file, plugin, monkeypatch):
    plugin(("toy", "TOY"))
    broken = PoseFormat(
        "toy", TOY.looks_like, lambda path, **options: read_toy(path, **options).drop_vars("confidence"), ""
    )
    monkeypatch.setattr(detect, "POSE_FORMATS", (broken,))
    with pytest.raises(PoseError, match="found confidence: no such variable"):
        read_pose_file(file("toy"), fps=30.0, recording="r")


@pytest.mark.real_data
def test_every_real_file_is_recognized_or_refused(nsp_data):
    expected = {
        "formats/dlc/*.csv": "dlc_csv",
        "formats/dlc/*.h5": "dlc_h5",
        "formats/sleap/*.analysis.h5": "sleap_analysis",
        "formats/sleap/*.slp": "slp",
        "formats/nwb/*.nwb": "nwb",
        "behaviordepot_freezing/demo*/demo?_*.csv": "dlc_csv",
        "ethome_adult_juvenile/e3*.csv": "dlc_csv",
        "rats_resident_intruder_dlc/pose/*.csv.gz": "dlc_csv",
        "amadeus_mabe_video/*/*.h5": "dlc_h5",
    }
    known: dict[Path, str] = {}
    for pattern, name in expected.items():
        known |= dict.fromkeys(nsp_data.glob(pattern), name)
    assert len(known) > 30
    for path in nsp_data.rglob("*"):
        if path in known:
            assert detect_pose_format(path).name == known[path]
        elif path.is_file():
            with pytest.raises(FormatError):
                detect_pose_format(path)
