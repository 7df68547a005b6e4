"""DeepLabCut csv: placed by frame number and by name, absent is NaN, and every refusal says where and what to do."""

from __future__ import annotations

import contextlib
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsp_adapters.poses import dlc_csv as dlc
from nsp_adapters.poses.dlc_csv import looks_like_dlc_csv, read_dlc_csv
from nsp_core.errors import FormatError, MissingFileError, PoseError

SINGLE = """scorer,DLC_net,DLC_net,DLC_net,DLC_net,DLC_net,DLC_net
bodyparts,nose,nose,nose,tail,tail,tail
coords,x,y,likelihood,x,y,likelihood
"""
MULTI = """scorer,DLC_net,DLC_net,DLC_net,DLC_net,DLC_net,DLC_net
individuals,black,black,black,white,white,white
bodyparts,nose,nose,nose,nose,nose,nose
coords,x,y,likelihood,x,y,likelihood
"""
ONLY_UNIQUE = "scorer,n,n\nindividuals,single,single\nbodyparts,corner,corner\ncoords,x,y\n0,1,2\n"


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "cage3DLC_net_filtered.csv") -> Path:
        path = tmp_path / name
        content = text.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write


def refusal(path: Path) -> str:
    with pytest.raises(FormatError) as caught:
        read_dlc_csv(path, fps=30.0)
    message = str(caught.value)
    assert message.startswith(path.name)
    return message


def test_single_animal_file_becomes_poses(write):
    poses = read_dlc_csv(write(SINGLE + "0,1.5,2.5,0.9,3,4,0.8\n1,,,,5,6,0.7\n"), fps=29.97, scale_mm_per_px=0.5)
    assert poses["individual"].values.tolist() == ["individual1"]
    assert poses["keypoint"].values.tolist() == ["nose", "tail"]
    np.testing.assert_array_equal(
        poses["position"].sel(individual="individual1", keypoint="nose"), [[1.5, 2.5], [np.nan, np.nan]]
    )
    np.testing.assert_allclose(poses["confidence"].sel(keypoint="tail").squeeze(), [0.8, 0.7])
    assert poses.attrs["fps"] == 29.97
    assert poses.attrs["scale_mm_per_px"] == 0.5
    assert poses.attrs["source_software"] == "DeepLabCut"
    assert poses.attrs["source_file"] == "cage3DLC_net_filtered.csv"
    assert "unused_body_parts" not in poses.attrs


def test_columns_are_found_by_name_not_by_position(write):
    text = """scorer,DLC_net,DLC_net,DLC_net,DLC_net,DLC_net,DLC_net
individuals,white,black,black,white,black,white
bodyparts,nose,nose,nose,nose,nose,nose
coords,likelihood,y,x,x,likelihood,y
0,0.9,2,1,3,0.8,4
"""
    poses = read_dlc_csv(write(text), fps=30.0)
    assert poses["position"].sel(individual="black").squeeze().values.tolist() == [1, 2]
    assert poses["position"].sel(individual="white").squeeze().values.tolist() == [3, 4]
    np.testing.assert_allclose(poses["confidence"].sel(individual="black").squeeze(), 0.8)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_compression_line_endings_and_byte_order_mark_do_not_matter(write, name, ending):
    path = write("\ufeff" + (MULTI + "0,1,2,1,3,4,1\n\n").replace("\n", ending), name)
    assert looks_like_dlc_csv(path)
    assert read_dlc_csv(path, fps=30.0)["position"].squeeze().values.tolist() == [[1, 3], [2, 4]]


def test_row_is_video_frame_where_the_file_starts_late_and_skips(write):
    poses = read_dlc_csv(write(SINGLE + "4,4,4,1,4,4,1\n2,2,2,1,2,2,1\n"), fps=10.0)
    x = poses["position"].sel(space="x", keypoint="nose").squeeze()
    np.testing.assert_array_equal(x, [np.nan, np.nan, 2, np.nan, 4])
    np.testing.assert_allclose(poses["time"], [0, 0.1, 0.2, 0.3, 0.4])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=st.lists(st.integers(0, 500), min_size=1, max_size=40, unique=True), block=st.integers(1, 7))
def test_every_listed_frame_and_no_other_has_a_point(write, monkeypatch, frames, block):
    monkeypatch.setattr(dlc, "BLOCK_BYTES", 16 * block)
    rows = "".join(f"{frame},{frame + 1},7,1,8,9,1\n" for frame in frames)
    x = read_dlc_csv(write(SINGLE + rows), fps=30.0)["position"].sel(
        space="x", keypoint="nose", individual="individual1"
    )
    assert x.sizes["time"] == max(frames) + 1
    present = np.flatnonzero(x.notnull())
    assert present.tolist() == sorted(frames)
    np.testing.assert_array_equal(x.values[present], present + 1)


def test_exact_origin_is_missing_whatever_its_likelihood(write):
    poses = read_dlc_csv(write(SINGLE + "0,0,0,0,0.0,0.0,0.7\n1,0,5,0,9,9,\n"), fps=30.0)
    assert bool(poses["position"].isel(time=0).isnull().all())
    assert bool(poses["confidence"].isel(time=0).isnull().all())
    # A point that is there stays, with likelihood 0 or none.
    assert poses["position"].isel(time=1).squeeze().values.tolist() == [[0, 9], [5, 9]]
    np.testing.assert_array_equal(poses["confidence"].isel(time=1).squeeze(), [0, np.nan])


def test_likelihood_beside_an_empty_or_half_point_is_no_confidence(write):
    poses = read_dlc_csv(write(SINGLE + "0,,,1.0,3,nan,0.5\n"), fps=30.0)
    assert bool(poses["position"].isnull().all())
    assert bool(poses["confidence"].isnull().all())


def test_file_without_likelihood_has_no_confidence(write):
    poses = read_dlc_csv(write("scorer,a,a\nbodyparts,nose,nose\ncoords,x,y\n0,1,2\n"), fps=30.0)
    assert poses["position"].squeeze().values.tolist() == [1, 2]
    assert bool(poses["confidence"].isnull().all())


def test_unique_body_parts_are_left_out_and_named(write):
    text = """scorer,n,n,n,n,n,n
individuals,black,black,single,single,single,single
bodyparts,nose,nose,corner1,corner1,corner2,corner2
coords,x,y,x,y,x,y
0,1,2,3,4,5,6
"""
    poses = read_dlc_csv(write(text), fps=30.0)
    assert poses["individual"].values.tolist() == ["black"]
    assert poses["keypoint"].values.tolist() == ["nose"]
    assert poses.attrs["unused_body_parts"] == "corner1, corner2"


@pytest.mark.parametrize(
    ("name", "recording"),
    [
        ("cage3DLC_net_filtered.csv", "cage3"),
        ("cage3DLC_net_el.csv.gz", "cage3"),
        ("myDLC_testDLC_net.csv", "myDLC_test"),
        ("otherDLC_resnet50.csv", "other"),
        ("tracking.csv", "tracking"),
        ("DLC_net.csv", "DLC_net"),
    ],
)
def test_recording_is_named_after_the_file_before_the_scorer(write, name, recording):
    path = write(SINGLE + "0,1,2,1,3,4,1\n", name)
    assert read_dlc_csv(path, fps=30.0).attrs["recording"] == recording
    assert read_dlc_csv(path, fps=30.0, recording="day 1").attrs["recording"] == "day 1"


def test_frame_rate_has_to_be_stated(write):
    with pytest.raises(FormatError, match=r"found no frame rate .* state fps in the study file or with --fps"):
        read_dlc_csv(write(SINGLE + "0,1,2,1,3,4,1\n"), fps=None)
    with pytest.raises(PoseError, match="fps = 0"):
        read_dlc_csv(write(SINGLE + "0,1,2,1,3,4,1\n"), fps=0)


@pytest.mark.parametrize("read", [looks_like_dlc_csv, lambda path: read_dlc_csv(path, fps=30.0)])
def test_missing_file_is_named_with_its_folder(tmp_path, read):
    with pytest.raises(MissingFileError, match=r"nowhere/none\.csv: found no such file"):
        read(tmp_path / "nowhere" / "none.csv")


def test_truncated_gzip_is_named(write, tmp_path):
    whole = write(SINGLE + "".join(f"{frame},1,2,1,3,4,{frame / 997}\n" for frame in range(997)), "a.csv.gz")
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(whole.read_bytes()[:-200])
    assert "found a gzip file that is truncated or damaged" in refusal(cut)
    assert "copy the file again" in refusal(cut)
    assert looks_like_dlc_csv(cut)
    cut.write_bytes(whole.read_bytes()[:5])
    assert not looks_like_dlc_csv(cut)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found an empty file"),
        (" \n", "found an empty file"),
        (SINGLE, "found a header without frames"),
        ("frame;x;y\n0;1;2\n", r"found no header row scorer or bodyparts or coords (the file begins 'frame;x;y')"),
        (SINGLE.replace("coords", "axes"), "found no header row coords"),
        (SINGLE.replace("nose,nose", "nose", 1), "found header rows of unequal length: scorer 6, bodyparts 5"),
        (SINGLE.replace("x,y,likelihood", "x,y,z", 1), "found column 4 named ('individual1', 'nose', 'z')"),
        (SINGLE.replace("tail", "nose"), "found two columns named ('individual1', 'nose', 'x')"),
        ("scorer,a,a\nbodyparts,nose,nose\ncoords,x,likelihood\n", "nose with x, likelihood only, not x and y"),
        ("scorer,a,a\nbodyparts,,\ncoords,x,y\n", "found column 2 named ('individual1', '', 'x')"),
        (ONLY_UNIQUE, "found unique body parts (individual 'single') but no animal"),
    ],
)
def test_wrong_header_says_what_is_wrong_and_shows_a_right_one(write, text, message):
    found = refusal(write(text))
    assert message in found
    assert "bodyparts,nose,nose,nose\ncoords,x,y,likelihood\n0,412.1,88.5,0.99" in found


def test_the_header_shown_in_messages_is_valid(write):
    example = dlc.EXAMPLE.split("\n", 1)[1]
    assert len(example.splitlines()) == 5
    assert read_dlc_csv(write(example), fps=30.0).sizes["time"] == 1


def test_individuals_must_share_their_body_parts(write):
    text = MULTI.replace("nose,nose,nose\n", "tail,tail,tail\n") + "0,1,2,1,3,4,1\n"
    message = refusal(write(text))
    assert "found body parts of only one of black and white: nose, tail" in message
    assert "expected the same body parts for every individual" in message


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0,1,2,1,3,4,1\n1,1,2,1,3\n", "line 5: found 5 cells, expected 7 cells"),
        ("0,1,2,1,3,4,1,9\n", "line 4: found 8 cells, expected 7 cells"),
        ("0,1,2,1,3,4,1\n\n1,1,2,lost,3,4,1\n", "line 6, column 4: found 'lost', expected a finite number"),
        ("0,1,2,1,3,4,inf\n", "line 4, column 7: found 'inf', expected a finite number"),
        ("0,1, ,1,3,4,1\n", "line 4, column 3: found ' ', expected a finite number"),
        ('0,"1",2,1,3,4,1\n', "line 4, column 2: found '\"1\"', expected a finite number"),
        ("0,1_0,2,1,3,4,1\n", "line 4, column 2: found '1_0'"),
        ("0,1e39,2,1,3,4,1\n", "line 4, column 2: found '1e39'"),
        ("img0.png,1,2,1,3,4,1\n", "line 4, column 1: found 'img0.png'"),
        ("0,1,2,1,3,4,1\n0,1,2,1,3,4,1\n", "line 5: found frame number 0, which is there twice"),
        ("-1,1,2,1,3,4,1\n", "line 4: found frame number -1, which is negative"),
        ("0.5,1,2,1,3,4,1\n", "line 4: found frame number 0.5, which is not a whole number"),
        (",1,2,1,3,4,1\n", "line 4: found frame number nan, which is not a whole number"),
        ("0,1,2,1,3,4,1\n200000000,1,2,1,3,4,1\n", "line 5: found frame number 200000000, which is beyond 100000000"),
    ],
)
def test_bad_row_is_named_by_its_line(write, rows, message):
    found = refusal(write(SINGLE + rows))
    assert message in found
    assert "repair the file or export it again" in found


def test_other_files_do_not_look_like_dlc(write, tmp_path):
    assert not looks_like_dlc_csv(write("time,behavior\n1,attack\n"))
    assert not looks_like_dlc_csv(write(""))
    binary = tmp_path / "poses.h5"
    binary.write_bytes(b"\x89HDF\r\n" + bytes(range(256)) * 2000)
    assert not looks_like_dlc_csv(binary)
    assert "found no header row" in refusal(binary)
    binary.write_bytes(b"\x00" * 200_000)
    assert "found binary content" in refusal(binary)


def test_poses_are_padded_to_the_video_and_never_cut(write):
    path = write(SINGLE + "1,1,2,1,3,4,1\n")
    poses = read_dlc_csv(path, fps=30.0, n_frames=4)
    np.testing.assert_array_equal(
        poses["position"].sel(keypoint="nose", space="x").squeeze(), [np.nan, 1, np.nan, np.nan]
    )
    with pytest.raises(
        PoseError, match="found poses up to frame 1, expected at most frame 0, as the video has 1 frames"
    ):
        read_dlc_csv(path, fps=30.0, n_frames=1)


def test_two_mice_in_one_skeleton_are_told_apart_by_prefix_and_corners_left_out(write):
    text = """scorer,n,n,n,n,n,n
bodyparts,intruder_nose,intruder_nose,resident_nose,resident_nose,corner,corner
coords,x,y,x,y,x,y
0,1,2,3,4,5,6
"""
    path = write(text)
    poses = read_dlc_csv(path, fps=30.0, individuals=("resident", "intruder"), leave_out=["corner"])
    assert poses["individual"].values.tolist() == ["resident", "intruder"]
    assert poses["keypoint"].values.tolist() == ["nose"]
    assert poses["position"].squeeze().values.tolist() == [[3, 1], [4, 2]]
    assert poses.attrs["unused_body_parts"] == "corner"
    # Unasked, prefixes stay part of the name.
    assert read_dlc_csv(path, fps=30.0)["keypoint"].values.tolist() == ["intruder_nose", "resident_nose", "corner"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"scorer;a;a\nbodyparts;nose;nose\ncoords;x;y\n0;1,5;2,5\n", "columns separated by ';'"),
        ("scorer,a,a\nbodyparts,Schwänzchen,Schwänzchen\ncoords,x,y\n0,1,2\n".encode("latin-1"), "which is not UTF-8"),
        ("scorer,a,a\nbodyparts,nose,nose\ncoords,x,y\n0,1,2\n".encode("utf-16"), "found no header row scorer"),
        (b"scorer,a,a\nbodyparts,nose,nose\ncoords,x,y\n0,True,2\n1,True,2\n", "line 4, column 2: found 'True'"),
        (b"scorer,a,a\nbodyparts,nose,nose\ncoords,x,y\n0,1,2\n9000000,1,2\n", "line 5: found frame number 9000000"),
        (b"scorer,a,a\nbodyparts,nose,nose\ncoords,x,y\n0,1\n1,2,3,4\n", "line 4: found 2 cells, expected 3 cells"),
        (b"scorer,a,a\nbodyparts,nose,nose\ncoords,x,y\n0,1,2\n1,2,", "a header without frames"),
    ],
)
def test_what_spreadsheets_and_damage_leave_behind_is_refused(tmp_path, content, message):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    if message == "a header without frames":  # a last line cut after a comma is a row with an empty cell
        assert bool(read_dlc_csv(path, fps=30.0)["position"].isel(time=1).isnull().all())
    else:
        assert message in refusal(path)


def test_a_line_without_end_is_refused_before_it_is_held(write, monkeypatch):
    monkeypatch.setattr(dlc, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(dlc, "MAX_LINE_BYTES", 2000)
    assert "bytes without a line end" in refusal(write(SINGLE + "0" * 10_000, "bomb.csv.gz"))


def test_more_rows_than_any_video_are_refused(write, monkeypatch):
    monkeypatch.setattr(dlc, "MAX_FRAMES", 3)
    assert "found more than 3 rows" in refusal(write(SINGLE + "0,1,2,1,3,4,1\n" * 4))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), after_header=st.booleans())
def test_any_bytes_are_read_or_refused(tmp_path, content, after_header):
    path = tmp_path / "any.csv"
    path.write_bytes((SINGLE.encode() if after_header else b"") + content)
    looks_like_dlc_csv(path)
    with contextlib.suppress(FormatError):
        assert read_dlc_csv(path, fps=30.0).sizes["time"] > 0
