"""DeepLabCut h5: the same poses as pandas reads, without ever running what a file names."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from nsp_adapters.poses.dlc_h5 import looks_like_dlc_h5, read_dlc_h5
from nsp_core.errors import AmbiguousError, FormatError, MissingFileError, PoseError

pytest.importorskip("tables", reason="files for these tests are written with pandas and tables")

LEVELS = ["scorer", "individuals", "bodyparts", "coords"]
FORMS = ("fixed", "table")


class RunsCode:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.fixture
def write(tmp_path):
    """Write a table with 4 rows of distinct numbers; returns the path and the table."""

    def write(names, *, levels=LEVELS, form="table", index=(0, 1, 2, 3), key="df_with_missing", name="aDLC_net.h5"):
        columns = pd.MultiIndex.from_tuples(names, names=levels)
        cells = 1.0 + np.arange(len(index) * len(names), dtype=float).reshape(len(index), -1)
        table = pd.DataFrame(cells, columns=columns, index=list(index))
        table.to_hdf(tmp_path / name, key=key, format=form)
        return tmp_path / name, table

    return write


def of(individual, *parts, coords=("x", "y", "likelihood"), scorer="DLC_net"):
    return [(scorer, individual, part, coord) for part in parts for coord in coords]


def refusal(path, **options):
    with pytest.raises(FormatError) as caught:
        read_dlc_h5(path, fps=30.0, **options)
    assert str(caught.value).startswith(path.name)
    return str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_columns_are_placed_by_name_and_rows_by_frame(write, form):
    path, table = write(of("b", "tail", "nose") + of("a", "nose", "tail"), form=form, index=(5, 2, 3, 9))
    assert looks_like_dlc_h5(path)
    poses = read_dlc_h5(path, fps=29.97, n_frames=12)
    assert poses["position"].shape == (12, 2, 2, 2)
    assert poses.attrs["recording"] == "a"
    assert poses.attrs["fps"] == 29.97
    for individual in "ab":
        for part in ("nose", "tail"):
            found = poses["position"].sel(individual=individual, keypoint=part)
            expected = table["DLC_net"][individual][part]
            np.testing.assert_array_equal(found.sel(space="x")[[5, 2, 3, 9]], expected["x"])
            np.testing.assert_array_equal(found.sel(space="y")[[5, 2, 3, 9]], expected["y"])
            np.testing.assert_array_equal(
                poses["confidence"].sel(individual=individual, keypoint=part)[[5, 2, 3, 9]], expected["likelihood"]
            )
    assert np.isnan(poses["position"].values[[0, 1, 4, 6, 7, 8, 10, 11]]).all()


@pytest.mark.parametrize("form", FORMS)
def test_single_animal_without_likelihood_and_with_zeros(tmp_path, form):
    columns = pd.MultiIndex.from_product([["s"], ["nose"], ["x", "y"]], names=["scorer", "bodyparts", "coords"])
    table = pd.DataFrame([[1.5, 2.5], [0.0, 0.0], [0.0, 7.0]], columns=columns)
    table.to_hdf(tmp_path / "a.h5", key="df_with_missing", format=form)
    poses = read_dlc_h5(tmp_path / "a.h5", fps=30.0)
    assert poses["individual"].values.tolist() == ["individual1"]
    np.testing.assert_array_equal(poses["position"].squeeze(), [[1.5, 2.5], [np.nan, np.nan], [0, 7]])
    assert np.isnan(poses["confidence"].values).all()


@pytest.mark.parametrize("form", FORMS)
def test_unique_parts_prefixes_and_corners(write, form):
    path, _ = write(of("m1", "nose") + of("single", "corner"), form=form)
    poses = read_dlc_h5(path, fps=30.0)
    assert poses["keypoint"].values.tolist() == ["nose"]
    assert poses.attrs["unused_body_parts"] == "corner"
    names = [("s", part, coord) for part in ("a_nose", "b_nose", "door") for coord in "xy"]
    path, table = write(names, levels=["scorer", "bodyparts", "coords"], form=form, name="b.h5")
    poses = read_dlc_h5(path, fps=30.0, individuals=("b", "a"), leave_out=("door",))
    assert poses["individual"].values.tolist() == ["b", "a"]
    assert poses["position"].isel(time=0).squeeze().sel(individual="b").values.tolist() == [
        table["s"]["b_nose"]["x"][0],
        table["s"]["b_nose"]["y"][0],
    ]


def test_columns_of_different_types_lie_in_several_blocks(tmp_path):
    columns = pd.MultiIndex.from_product([["s"], ["nose"], ["x", "y"]], names=["scorer", "bodyparts", "coords"])
    table = pd.DataFrame([[1, 2.5], [3, 4.5]], columns=columns).astype({("s", "nose", "x"): "int32"})
    for form in FORMS:
        table.to_hdf(tmp_path / f"{form}.h5", key="df_with_missing", format=form)
        poses = read_dlc_h5(tmp_path / f"{form}.h5", fps=30.0)
        assert poses["position"].squeeze().values.tolist() == [[1, 2.5], [3, 4.5]]


def test_code_in_a_pickled_name_is_not_run(write, tmp_path):
    path, _ = write(of("a", "nose"))
    touched = tmp_path / "touched"
    with h5py.File(path, "r+") as opened:
        opened["df_with_missing/table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps([RunsCode(touched)], 0))
    message = refusal(path)
    assert "found a pickle with opcode GLOBAL, which names do not need and which could run code" in message
    with h5py.File(path, "r+") as opened:
        opened["df_with_missing"].attrs["info"] = np.bytes_(pickle.dumps(RunsCode(touched), 0))
    assert not looks_like_dlc_h5(path)
    assert "attribute info of /df_with_missing" in refusal(path)
    assert not touched.exists()


def test_a_column_of_objects_is_refused_unread(tmp_path):
    columns = pd.MultiIndex.from_product([["s"], ["nose"], ["x", "y"]], names=["scorer", "bodyparts", "coords"])
    table = pd.DataFrame(np.array([[Path("a"), 2.0]], dtype=object), columns=columns)
    with pytest.warns(pd.errors.PerformanceWarning):
        table.to_hdf(tmp_path / "a.h5", key="df_with_missing")
    assert "found pickled Python objects" in refusal(tmp_path / "a.h5")


def test_a_pickle_named_h5_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(pickle.dumps(RunsCode(tmp_path / "touched")))
    assert "found no HDF5 file" in refusal(path)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("names", "levels", "message"),
    [
        (of("a", "nose", coords=("x", "y", "z")), LEVELS, "column 3 named ('a', 'nose', 'z')"),
        (of("a", "nose", coords=("x", "likelihood")), LEVELS, "a nose with x, likelihood only, not x and y"),
        (of("single", "corner"), LEVELS, "unique body parts (individual 'single') but no animal"),
        (of("a", "nose") + of("b", "tail"), LEVELS, "body parts of only one of a and b: nose, tail"),
        (
            [("s", "nose", "x"), ("s", "nose", "y")],
            ["scorer", "joints", "coords"],
            "columns with the levels scorer, joi",
        ),
        (of("a", "nose"), [None, None, None, None], "found columns with the levels"),
    ],
)
def test_wrong_columns_say_what_is_wrong(write, form, names, levels, message):
    path, _ = write(names, levels=levels, form=form)
    assert message in refusal(path)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ((0, 1, 1), "row 2: found frame number 1, which is there twice"),
        ((0, -1), "row 1: found frame number -1, which is negative"),
        ((0.0, 0.5), "row 1: found frame number 0.5, which is not a whole number"),
        ((0, 10**12), "which is beyond 100000000"),
        ((0, 10**7), "which is far beyond the 2 rows of the file"),
        (("img0.png", "img1.png"), "found rows named by images or text"),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_impossible_frame_numbers_are_named(write, form, index, message):
    path, _ = write(of("a", "nose"), index=index, form=form)
    assert message in refusal(path)


def test_no_frames_no_table_and_several_tables(write, tmp_path):
    path, table = write(of("a", "nose"), key="first", name="two.h5")
    table.to_hdf(path, key="second")
    with pytest.raises(
        AmbiguousError, match="found the tables first, second, expected one table, or one named df_with"
    ):
        read_dlc_h5(path, fps=30.0)
    with h5py.File(tmp_path / "none.h5", "w") as opened:
        opened["other"] = np.zeros(3)
    assert "found no pandas table (the file holds other)" in refusal(tmp_path / "none.h5")
    table.iloc[:0].to_hdf(tmp_path / "empty.h5", key="df_with_missing")
    with pytest.raises(FormatError):
        read_dlc_h5(tmp_path / "empty.h5", fps=30.0)


def test_fps_and_length_are_checked(write, tmp_path):
    path, _ = write(of("a", "nose"))
    with pytest.raises(FormatError, match="found no frame rate"):
        read_dlc_h5(path, fps=None)
    with pytest.raises(PoseError, match="poses up to frame 3"):
        read_dlc_h5(path, fps=30.0, n_frames=3)
    with pytest.raises(MissingFileError):
        read_dlc_h5(tmp_path / "none.h5", fps=30.0)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("form", FORMS)
def test_truncated_files_are_refused(write, tmp_path, share, form):
    path, _ = write(of("a", "nose"), form=form)
    content = path.read_bytes()
    cut = tmp_path / "cut.h5"
    cut.write_bytes(content[: round(share * len(content))])
    assert not looks_like_dlc_h5(cut)
    assert "truncated or damaged" in refusal(cut)


def test_infinite_positions_are_refused(tmp_path):
    columns = pd.MultiIndex.from_product([["s"], ["nose"], ["x", "y"]], names=["scorer", "bodyparts", "coords"])
    for value in (np.inf, 1e300):
        pd.DataFrame([[1.0, 2.0], [value, 2.0]], columns=columns).to_hdf(tmp_path / "a.h5", key="df_with_missing")
        assert "frame 1: found an infinite position" in refusal(tmp_path / "a.h5")


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("formats/dlc/deepof_testDLC_h5_table.h5", (100, 2, 14, 1)),
        ("formats/dlc/deepof_testDLC_h5_table_multi.h5", (100, 2, 28, 1)),
        ("formats/dlc/deepof_testDLC_h5_table_madlc.h5", (100, 2, 14, 2)),
        ("formats/dlc/deepof_testDLC_square_arena.h5", (451, 2, 14, 1)),
        ("amadeus_mabe_video/MABe/EGS8X2MN4SSUGFWAV976.h5", (1800, 2, 12, 3)),
    ],
)
def test_real_files_agree_with_pandas(nsp_data, name, shape):
    poses = read_dlc_h5(nsp_data / name, fps=30.0)
    assert poses["position"].shape == shape
    table = pd.read_hdf(nsp_data / name)
    table.columns = table.columns.droplevel("scorer")
    for column in table.columns:
        individual, part, coord = column if len(column) == 3 else ("individual1", *column)
        point = poses["position"].sel(individual=individual, keypoint=part)
        missing = np.isnan(point.values).all(axis=1)
        expected = np.where(missing, np.nan, table[column].to_numpy(dtype=np.float32))
        variable = poses["confidence"].sel(individual=individual, keypoint=part)
        np.testing.assert_array_equal(variable if coord == "likelihood" else point.sel(space=coord), expected)
        if coord != "likelihood":
            assert (table[column].to_numpy()[missing] == 0).all()


@pytest.mark.real_data
def test_real_training_labels_are_refused(nsp_data):
    message = refusal(nsp_data / "amadeus_mabe_video" / "Horse" / "BrownHorseinShadow_gt.h5")
    assert "found rows named by images or text (labeled-data/BrownHorseinShadow/0050.png)" in message
    assert "these are training labels: analyze the video" in message
