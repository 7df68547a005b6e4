"""The Zarr store: what is read is what was written, variable by variable, and plain xarray reads it too."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nsp_adapters.atomic import sweep_stale
from nsp_adapters.store import RecordingStore
from nsp_adapters.zarr_group import CHUNK_FRAMES
from nsp_core.errors import MissingFileError, OutputError
from nsp_core.poses import make_poses
from nsp_core.provenance import dataset_digest, digest
from nsp_core.storage import Store

KEY, OLDER_KEY = digest("new settings"), digest("old settings")
KEYS = {name: digest(name, 1) for name in ("speed", "facing_angle", "dwell")}
POSES, OLDER_POSES = (dict.fromkeys(("position", "confidence"), key) for key in (KEY, OLDER_KEY))


class KilledError(Exception):
    """Stands for whatever ends a run in the middle."""


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


def write_features(root: Path, *groups: list[str], n_frames: int = 20) -> RecordingStore:
    """Store features of one recording, a group of them at a time."""
    store = RecordingStore(root)
    for names in groups:
        store.write("1", "features", KEY, features(n_frames)[names], KEYS)
    return store


def array(store: RecordingStore, name: str) -> Path:
    return store.root / "1.zarr" / f"features-{KEY[:12]}" / name


def unchanged(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return what changes whenever a file below ``folder`` is written anew."""
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def same(found: xr.Dataset, expected: xr.Dataset) -> None:
    xr.testing.assert_identical(found, expected)
    assert {name: found[name].dtype for name in found.variables} == {
        name: expected[name].dtype for name in expected.variables
    }
    assert list(found.data_vars) == sorted(expected.data_vars)


@pytest.mark.parametrize("dataset", [poses(), features(), poses(0)], ids=["poses", "features", "no frames"])
def test_a_dataset_reads_back_identical(tmp_path: Path, dataset: xr.Dataset) -> None:
    store: Store = RecordingStore(tmp_path)
    stored = store.write("1", "poses", KEY, dataset)
    same(store.open("1", "poses", KEY), dataset)
    assert stored.digest == dataset_digest(dataset) == dataset_digest(store.open("1", "poses", KEY))
    assert stored.n_frames == dataset.sizes["time"]


def test_a_dataset_may_come_in_chunks(tmp_path: Path) -> None:
    store: Store = RecordingStore(tmp_path)
    chunks = (features().isel(time=slice(start, start + 7)) for start in range(0, 20, 7))
    stored = store.write("1", "features", KEY, chunks, KEYS)
    assert (stored.digest, stored.n_frames) == (dataset_digest(features()), 20)
    same(store.open("1", "features", KEY), features())


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
    seals = {name: plain[name].attrs for name in plain.variables} | {"group": plain.attrs}
    for attributes in seals.values():
        assert all(isinstance(value, str) for name, value in attributes.items() if name.startswith("nsp_"))


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


def test_a_variable_is_found_only_under_its_own_names_and_keys(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    assert store.find("1", "poses", KEY, POSES) == ()
    store.write("1", "poses", KEY, poses())
    assert store.find("1", "poses", KEY, POSES) == ("position", "confidence")
    assert store.find("1", "poses", KEY, {"confidence": KEY, "speed": KEY, "position": OLDER_KEY}) == ("confidence",)
    assert store.find("1", "poses", KEY, {"time": KEY}) == ()
    assert store.find("1", "features", KEY, POSES) == store.find("2", "poses", KEY, POSES) == ()
    assert store.find("1", "poses", OLDER_KEY, POSES) == ()
    agrees_in_its_first_digits = KEY[:12] + "0" * 52
    assert store.find("1", "poses", agrees_in_its_first_digits, POSES) == ()
    store.write("1", "poses", agrees_in_its_first_digits, poses())
    assert store.find("1", "poses", KEY, POSES) == ()


def test_older_keys_of_the_same_stage_are_pruned_after_a_write(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    for recording in ("1", "2"):
        store.write(recording, "poses", OLDER_KEY, poses())
    store.write("1", "features", OLDER_KEY, features())
    store.write("1", "poses", KEY, poses())
    assert not (tmp_path / "1.zarr" / f"poses-{OLDER_KEY[:12]}").exists()
    assert store.find("1", "poses", KEY, POSES)
    assert store.find("1", "features", OLDER_KEY, {"speed": OLDER_KEY})
    assert store.find("2", "poses", OLDER_KEY, OLDER_POSES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.zarr", "2.zarr"]


def test_a_write_that_fails_leaves_the_older_key(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    store.write("1", "poses", OLDER_KEY, poses())
    unstorable = poses().assign_attrs(cage=object())
    with pytest.raises(TypeError):
        store.write("1", "poses", KEY, unstorable)
    assert store.find("1", "poses", OLDER_KEY, OLDER_POSES)
    assert not store.find("1", "poses", KEY, POSES)


def test_what_a_killed_write_leaves_is_invisible_and_swept(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    stored = store.write("1", "poses", KEY, poses())
    left = tmp_path / f".features-{KEY[:12]}.1-00000000deadbeef.tmp"
    shutil.copytree(Path(stored.path) / stored.group, left)
    assert not store.find("1", "features", KEY, KEYS)
    with xr.open_datatree(tmp_path / "1.zarr", engine="zarr", consolidated=False) as tree:
        assert set(tree.children) == {stored.group}
    assert sweep_stale(tmp_path) == ()  # another machine may still be writing it


@pytest.mark.parametrize("damage", ["cut", "removed", "unsealed", "added", "not json", "a list", "no attributes"])
def test_a_damaged_variable_is_not_found_and_written_again_alone(tmp_path: Path, damage: str) -> None:
    store = write_features(tmp_path, ["speed", "facing_angle", "dwell"])
    sound, others = files(tmp_path), unchanged(array(store, "facing_angle")) | unchanged(array(store, "dwell"))
    chunk, metadata = array(store, "speed") / "c" / "0" / "0", array(store, "speed") / "zarr.json"
    if damage == "cut":
        chunk.write_bytes(chunk.read_bytes()[:-1])
    elif damage == "removed":
        chunk.unlink()
    elif damage == "unsealed":
        metadata.write_text(metadata.read_text().replace("nsp_files_digest", "lost"))
    elif damage == "added":
        (chunk.parent / "1").write_text("extra")
    else:
        metadata.write_text({"not json": "{", "a list": "[]", "no attributes": '{"attributes": null}'}[damage])
    assert store.find("1", "features", KEY, KEYS) == ("facing_angle", "dwell")
    same(store.open("1", "features", KEY, ["dwell", "facing_angle"]), features()[["dwell", "facing_angle"]])
    store.write("1", "features", KEY, features()[["speed"]], KEYS)
    assert files(tmp_path) == sound
    assert unchanged(array(store, "facing_angle")) | unchanged(array(store, "dwell")) == others


@pytest.mark.parametrize("member", ["zarr.json", "time/zarr.json", "individual/c/0", "target/c/0"])
def test_damage_to_what_variables_share_is_damage_to_each_that_needs_it(tmp_path: Path, member: str) -> None:
    store = write_features(tmp_path, ["speed", "facing_angle", "dwell"])
    sound, damaged = files(tmp_path), array(store, member)
    damaged.write_bytes(damaged.read_bytes()[:-2])
    unaffected = ("speed", "dwell") if member.startswith("target") else ()
    assert store.find("1", "features", KEY, KEYS) == unaffected
    store.write("1", "features", KEY, features()[[name for name in KEYS if name not in unaffected]], KEYS)
    assert files(tmp_path) == sound


def test_a_changed_attribute_of_the_group_is_damage(tmp_path: Path) -> None:
    store = write_features(tmp_path, ["speed", "facing_angle", "dwell"])
    metadata = array(store, "zarr.json")
    metadata.write_text(metadata.read_text().replace("29.97", "30.0"))
    assert store.find("1", "features", KEY, KEYS) == ()


def test_variables_are_added_and_the_others_left_as_they_are(tmp_path: Path) -> None:
    store = write_features(tmp_path, ["speed"])
    before, reference = unchanged(tmp_path), store.refer("1", "features", KEY, ["speed"])
    assert store.find("1", "features", KEY, KEYS) == ("speed",)
    store.write("1", "features", KEY, features()[["dwell", "facing_angle"]], KEYS)
    assert store.find("1", "features", KEY, KEYS) == tuple(KEYS)
    same(store.open("1", "features", KEY), features())
    assert before.items() <= unchanged(tmp_path).items()
    assert store.refer("1", "features", KEY, ["speed"]) == reference
    assert reference.digest == dataset_digest(features()[["speed"]])


def test_the_order_in_which_variables_are_added_leaves_no_trace(tmp_path: Path) -> None:
    together = write_features(tmp_path / "together", ["speed", "facing_angle", "dwell"])
    write_features(tmp_path / "one by one", ["dwell"], ["facing_angle"], ["speed"])
    write_features(tmp_path / "twice", ["facing_angle", "dwell"], ["dwell", "speed"], ["facing_angle"])
    assert files(together.root) == files(tmp_path / "one by one") == files(tmp_path / "twice")


def test_variables_are_opened_in_the_order_asked_with_the_coordinates_they_need(tmp_path: Path) -> None:
    store = write_features(tmp_path, ["speed", "facing_angle", "dwell"])
    names = ["speed", "facing_angle"]
    opened = store.open("1", "features", KEY, names)
    xr.testing.assert_identical(opened, features()[names])
    assert list(opened.data_vars) == names
    assert set(store.open("1", "features", KEY, ["speed"]).coords) == {"time", "individual"}
    assert store.refer("1", "features", KEY, names).names == tuple(names)
    assert store.refer("1", "features", KEY, names).digest == dataset_digest(opened)


def test_a_variable_of_another_version_is_replaced(tmp_path: Path) -> None:
    store = write_features(tmp_path, ["speed", "dwell"])
    newer = KEYS | {"speed": digest("speed", 2)}
    assert store.find("1", "features", KEY, newer) == ("dwell",)
    store.write("1", "features", KEY, 2 * features()[["speed"]].assign_attrs(features().attrs), newer)
    assert store.find("1", "features", KEY, newer) == ("speed", "dwell")
    assert store.find("1", "features", KEY, KEYS) == ("dwell",)
    np.testing.assert_array_equal(store.open("1", "features", KEY)["speed"], 2 * features()["speed"])


def test_an_error_in_the_middle_of_the_chunks_changes_nothing(tmp_path: Path) -> None:
    store = write_features(tmp_path, ["speed"], n_frames=CHUNK_FRAMES + 1)
    before = unchanged(tmp_path)

    def dying() -> Iterator[xr.Dataset]:
        yield features(CHUNK_FRAMES + 1)[["speed", "dwell"]]
        raise KilledError

    for key in (KEY, OLDER_KEY):
        with pytest.raises(KilledError):
            store.write("1", "features", key, dying())
        assert unchanged(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["1.zarr"]


def test_a_kill_between_two_renames_leaves_each_variable_whole_or_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = files(write_features(tmp_path / "sound", ["speed", "dwell", "facing_angle"]).root)
    store = write_features(tmp_path / "killed", ["speed"])
    moved: list[Path] = []

    def killed_at_the_third(fresh: Path, path: Path) -> None:
        if len(moved) == 2:
            raise KilledError
        fresh.rename(path)
        moved.append(path)

    with monkeypatch.context() as patch:
        patch.setattr("nsp_adapters.store.move_directory", killed_at_the_third)
        with pytest.raises(KilledError):
            store.write("1", "features", KEY, features()[["dwell", "facing_angle"]], KEYS)
    assert [path.name for path in moved] == ["target", "dwell"]
    assert store.find("1", "features", KEY, KEYS) == ("speed", "dwell")
    same(store.open("1", "features", KEY), features()[["speed", "dwell"]])
    store.write("1", "features", KEY, features()[["facing_angle"]], KEYS)
    assert files(store.root) == sound


def test_a_folder_without_a_seal_counts_as_absent_and_is_in_nobody_s_way(tmp_path: Path) -> None:
    store = write_features(tmp_path, ["speed"])
    shutil.copytree(array(store, "speed"), array(store, "dwell"))
    for name in ("dwell", "notes"):
        array(store, name).mkdir(exist_ok=True)
        (array(store, name) / "zarr.json").write_text("{}")
    same(store.open("1", "features", KEY), features()[["speed"]])
    assert store.find("1", "features", KEY, KEYS) == ("speed",)
    with pytest.raises(MissingFileError, match=r"found no variable dwell, expected it in the stage 'features' of rec"):
        store.open("1", "features", KEY, ["speed", "dwell"])
    store.write("1", "features", KEY, features()[["dwell"]], KEYS)
    assert store.find("1", "features", KEY, KEYS) == ("speed", "dwell")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (features().assign_attrs(fps=30.0), "found other attributes than those stored under the same key"),
        (features().assign_coords(individual=["a", "b"]), "found another coordinate individual than those stored"),
        (features(19), "found another coordinate time than those stored"),
    ],
    ids=["attributes", "names", "frames"],
)
def test_what_variables_share_cannot_change_under_one_key(tmp_path: Path, changed: xr.Dataset, message: str) -> None:
    store = write_features(tmp_path, ["speed"])
    before = files(tmp_path)
    with pytest.raises(OutputError, match=f"{message}.*delete this folder"):
        store.write("1", "features", KEY, changed[["dwell"]], KEYS)
    assert files(tmp_path) == before


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
    assert not store.find("1", "poses", KEY, POSES)
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        store.write("1", "poses", KEY, poses())
