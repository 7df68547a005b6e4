"""The Zarr store: what is read is what was written, and plain xarray reads it too."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nsp_adapters.atomic import sweep_stale
from nsp_adapters.store import CHUNK_FRAMES, RecordingStore
from nsp_core.errors import MissingFileError, OutputError
from nsp_core.poses import make_poses
from nsp_core.provenance import dataset_digest, digest
from nsp_core.storage import Store

KEY, OLDER_KEY = digest("new settings"), digest("old settings")


def poses(n_frames: int = 20, recording: str = "1") -> xr.Dataset:
    """Two rats that walk a ramp; the second is lost in every third frame."""
    ramp = np.arange(n_frames * 2 * 3 * 2, dtype=np.float32).reshape(n_frames, 2, 3, 2)
    ramp[::3, ..., 1] = np.nan
    return make_poses(
        ramp,
        np.where(np.isnan(ramp[:, 0]), np.nan, np.float32(0.5)),
        recording=recording,
        keypoints=["nose", "center", "tail_base"],
        individuals=["rat_1", "Ratte_ä"],
        fps=29.97,
        source_file="1.csv",
    )


def features(n_frames: int = 20) -> xr.Dataset:
    """One feature per animal and one per ordered pair, whose diagonal is empty."""
    names = np.array(["rat_1", "rat_2"], dtype=object)
    pairs = np.ones((n_frames, 2, 2), dtype=np.float32)
    pairs[:, [0, 1], [0, 1]] = np.nan
    speed = np.linspace(0, 1, n_frames * 2, dtype=np.float32).reshape(n_frames, 2)
    return xr.Dataset(
        {
            "speed": (("time", "individual"), speed, {"units": "bl/s"}),
            "facing_angle": (("time", "individual", "target"), pairs, {"units": "rad"}),
            "dwell": (("time", "individual"), speed, {"units": "seconds"}),
        },
        coords={"time": np.arange(n_frames) / 29.97, "individual": names, "target": names},
        attrs={"recording": "1", "fps": 29.97, "catalog": "0f" * 32, "body_length_px": [51.5, 48.0]},
    )


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def same(found: xr.Dataset, expected: xr.Dataset) -> None:
    xr.testing.assert_identical(found, expected)
    assert {name: found[name].dtype for name in found.variables} == {
        name: expected[name].dtype for name in expected.variables
    }
    assert list(found.data_vars) == list(expected.data_vars)


@pytest.mark.parametrize("dataset", [poses(), features(), poses(0)], ids=["poses", "features", "no frames"])
def test_a_dataset_reads_back_identical(tmp_path: Path, dataset: xr.Dataset) -> None:
    store: Store = RecordingStore(tmp_path)
    stored = store.write("1", "poses", KEY, dataset)
    same(store.open("1", "poses", KEY), dataset)
    assert stored.digest == dataset_digest(dataset) == dataset_digest(store.open("1", "poses", KEY))
    assert stored.n_frames == dataset.sizes["time"]


FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)


@settings(max_examples=25, deadline=None)
@given(
    hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=4), elements=FLOATS),
    st.dictionaries(
        st.text(min_size=1, max_size=5),
        st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), st.text()),
        max_size=3,
    ),
    st.sampled_from([np.bool_, np.int8, np.int64, np.float32, np.float64]),
)
def test_any_values_attributes_and_dtypes_survive(
    values: np.ndarray, attributes: dict[str, object], dtype: type[np.generic]
) -> None:
    flags = np.arange(values.shape[0]).astype(dtype)
    dataset = xr.Dataset(
        {"speed": (("time", "individual"), values), "flag": ("time", flags)},
        coords={"individual": np.array([f"rat {n}" for n in range(values.shape[1])], dtype=object)},
        attrs=attributes,
    )
    with tempfile.TemporaryDirectory() as root:
        store = RecordingStore(Path(root))
        stored = store.write("1", "features", KEY, dataset)
        found = store.open("1", "features", KEY).load()
        assert store.find("1", "features", KEY) == stored
    same(found, dataset)
    np.testing.assert_array_equal(np.signbit(found["speed"]), np.signbit(dataset["speed"]))


def test_fixed_length_and_variable_length_strings_are_the_same_dataset(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    fixed = features().assign_coords(individual=np.array(["rat_1", "rat_2"]), mark=("time", np.full(20, "é")), day="d1")
    stored = store.write("1", "features", KEY, fixed)
    assert store.open("1", "features", KEY)["mark"].dtype == object
    assert store.open("1", "features", KEY)["day"].item() == "d1"
    assert dataset_digest(fixed) == stored.digest


def test_plain_xarray_reads_a_stage_without_a_warning(tmp_path: Path) -> None:
    stored = RecordingStore(tmp_path).write("1", "poses", KEY, poses())
    plain = xr.open_zarr(stored.path, group=stored.group, consolidated=False, chunks=None)
    np.testing.assert_array_equal(plain["position"], poses()["position"])
    assert plain["individual"].values.tolist() == ["rat_1", "Ratte_ä"]
    assert plain.sel(individual="Ratte_ä", keypoint="nose")["confidence"].isnull().sum() == 7
    assert plain.attrs["fps"] == 29.97
    assert plain.attrs["nsp_content_digest"] == stored.digest


def test_plain_xarray_reads_a_recording_as_a_tree(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    groups = {store.write("1", "poses", KEY, poses()).group, store.write("1", "features", KEY, features()).group}
    with xr.open_datatree(tmp_path / "1.zarr", engine="zarr", consolidated=False) as tree:
        assert set(tree.children) == groups
        assert tree[f"features-{KEY[:12]}"]["speed"].attrs["units"] == "bl/s"


def test_arrays_are_chunked_along_time_only_and_read_lazily(tmp_path: Path) -> None:
    n_frames = CHUNK_FRAMES + 10
    store = RecordingStore(tmp_path)
    stored = store.write("1", "features", KEY, features(n_frames))
    assert len(list((Path(stored.path) / stored.group / "facing_angle" / "c").iterdir())) == 2
    opened = store.open("1", "features", KEY)
    assert opened["facing_angle"].encoding["chunks"] == (CHUNK_FRAMES, 2, 2)
    assert "..." in repr(opened["speed"].variable) or "values with dtype" in repr(opened["speed"].variable)
    same(opened, features(n_frames))


def test_the_same_dataset_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = RecordingStore(tmp_path / "first"), RecordingStore(tmp_path / "second")
    first.write("1", "poses", KEY, poses())
    before = files(first.root)
    first.write("1", "poses", KEY, first.open("1", "poses", KEY))
    second.write("1", "poses", KEY, poses())
    assert files(first.root) == before == files(second.root)


def test_a_stage_is_found_only_under_its_own_name_and_key(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    assert not store.has("1", "poses", KEY)
    stored = store.write("1", "poses", KEY, poses())
    assert store.find("1", "poses", KEY) == stored
    assert not store.has("1", "features", KEY)
    assert not store.has("2", "poses", KEY)
    assert not store.has("1", "poses", OLDER_KEY)
    assert not store.has("1", "poses", KEY[:12] + "0" * 52), "a key that agrees in its first digits only"


def test_older_keys_of_the_same_stage_are_pruned_after_a_write(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    for recording in ("1", "2"):
        store.write(recording, "poses", OLDER_KEY, poses())
    store.write("1", "features", OLDER_KEY, features())
    store.write("1", "poses", KEY, poses())
    assert not (tmp_path / "1.zarr" / f"poses-{OLDER_KEY[:12]}").exists()
    assert store.has("1", "poses", KEY)
    assert store.has("1", "features", OLDER_KEY)
    assert store.has("2", "poses", OLDER_KEY)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.zarr", "2.zarr"]


def test_a_write_that_fails_leaves_the_older_key(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    store.write("1", "poses", OLDER_KEY, poses())
    unstorable = poses().assign_attrs(cage=object())
    with pytest.raises(TypeError):
        store.write("1", "poses", KEY, unstorable)
    assert store.has("1", "poses", OLDER_KEY)
    assert not store.has("1", "poses", KEY)


def test_what_a_killed_write_leaves_is_invisible_and_swept(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    stored = store.write("1", "poses", KEY, poses())
    left = tmp_path / f".features-{KEY[:12]}.1-00000000deadbeef.tmp"
    shutil.copytree(Path(stored.path) / stored.group, left)
    assert not store.has("1", "features", KEY)
    with xr.open_datatree(tmp_path / "1.zarr", engine="zarr", consolidated=False) as tree:
        assert set(tree.children) == {stored.group}
    assert sweep_stale(tmp_path) == ()  # another machine may still be writing it


@pytest.mark.parametrize("damage", ["cut", "removed", "unsealed", "added", "not json", "a list"])
def test_a_damaged_stage_is_not_found_and_can_be_written_again(tmp_path: Path, damage: str) -> None:
    store = RecordingStore(tmp_path)
    stored = store.write("1", "poses", KEY, poses())
    folder = Path(stored.path) / stored.group
    chunk, metadata = folder / "position" / "c" / "0" / "0" / "0" / "0", folder / "zarr.json"
    if damage == "cut":
        chunk.write_bytes(chunk.read_bytes()[:-1])
    elif damage == "removed":
        chunk.unlink()
    elif damage == "unsealed":
        metadata.write_text(metadata.read_text().replace("nsp_files_digest", "lost"))
    elif damage == "added":
        (folder / "position" / "c" / "1").write_text("extra")
    else:
        metadata.write_text({"not json": "{", "a list": "[]"}[damage])
    assert not store.has("1", "poses", KEY)
    store.write("1", "poses", KEY, poses())
    assert store.has("1", "poses", KEY)


def test_any_recording_name_can_be_stored(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    for name in ("cage 3/day 1", "../1", "50%"):
        store.write(name, "poses", KEY, poses(recording=name))
        assert store.open(name, "poses", KEY).attrs["recording"] == name
    assert all(path.parent == tmp_path for path in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == 3


def test_a_stage_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="the stage 'poses' of recording 1; run the stage again"):
        RecordingStore(tmp_path).open("1", "poses", KEY)


def test_a_store_under_a_file_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a folder")
    store = RecordingStore(tmp_path / "store")
    assert not store.has("1", "poses", KEY)
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        store.write("1", "poses", KEY, poses())
