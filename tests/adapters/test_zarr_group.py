"""One Zarr group: any values survive, chunks leave no trace and do not pile up in memory, what differs is refused."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nsp_adapters.zarr_group import CHUNK_FRAMES, is_intact, open_group, read_seal, write_group
from nsp_core.provenance import dataset_digest, digest

KEY = digest("settings")
N_LONG = 2 * CHUNK_FRAMES + 1000


def recording(n_frames: int = 20) -> xr.Dataset:
    """Floats, flags and texts that change with time, and a text that does not."""
    frames = np.arange(n_frames)
    names = np.array(["rat_1", "rat_2"], dtype=object)
    return xr.Dataset(
        {
            "speed": (("time", "individual"), np.sqrt(np.stack([frames, frames], axis=1), dtype=np.float32)),
            "seen": ("time", frames % 3 == 0),
        },
        coords={
            "time": frames / 29.97,
            "individual": names,
            "mark": ("time", np.array(["é"] * n_frames, dtype=object)),
        },
        attrs={"fps": 29.97},
    )


def cut(dataset: xr.Dataset, *lengths: int) -> Iterator[xr.Dataset]:
    """Cut a dataset along time into chunks of these lengths and the rest."""
    start = 0
    for length in (*lengths, dataset.sizes["time"] - sum(lengths)):
        yield dataset.isel(time=slice(start, start + length))
        start += length


def opened(folder: Path) -> xr.Dataset:
    return open_group(folder, ["speed", "seen"], ["time", "individual", "mark"])


@settings(max_examples=15, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=4),
        elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
    ),
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
        {"flag": ("time", flags), "speed": (("time", "individual"), values)},
        coords={"individual": np.array([f"rat {n}" for n in range(values.shape[1])], dtype=object)},
        attrs=attributes,
    )
    with tempfile.TemporaryDirectory() as root:
        write_group(Path(root), [dataset], KEY, None)
        found = open_group(Path(root), ["flag", "speed"], ["individual"]).load()
    xr.testing.assert_identical(found, dataset)
    assert [found[name].dtype for name in dataset.variables] == [dataset[name].dtype for name in dataset.variables]
    np.testing.assert_array_equal(np.signbit(found["speed"]), np.signbit(dataset["speed"]))
    assert dataset_digest(found) == dataset_digest(dataset)


@pytest.mark.parametrize(
    "lengths",
    [[1, CHUNK_FRAMES, 5], [CHUNK_FRAMES] * 2, [0, N_LONG, 0], [CHUNK_FRAMES // 3] * 6],
    ids=["uneven", "blocks", "empty ends", "small"],
)
def test_however_a_long_recording_is_cut_the_bytes_are_the_same(
    tmp_path: Path, contents: Callable[[Path], dict[str, bytes]], lengths: list[int]
) -> None:
    write_group(tmp_path / "whole", [recording(N_LONG)], KEY, None)
    write_group(tmp_path / "cut", cut(recording(N_LONG), *lengths), KEY, None)
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    xr.testing.assert_identical(opened(tmp_path / "cut"), recording(N_LONG))


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 20), max_size=4))
def test_a_short_recording_may_be_cut_anywhere_and_takes_no_room_of_a_long_one(ends: list[int]) -> None:
    lengths = np.diff([0, *sorted(ends)]).tolist()
    with tempfile.TemporaryDirectory() as root:
        write_group(Path(root), cut(recording(), *lengths), KEY, None)
        assert dataset_digest(opened(Path(root))) == dataset_digest(recording())
        assert opened(Path(root))["speed"].encoding["chunks"] == (20, 2)


def test_what_was_opened_lazily_is_written_to_the_same_bytes(
    tmp_path: Path, contents: Callable[[Path], dict[str, bytes]]
) -> None:
    write_group(tmp_path / "first", [recording(N_LONG)], KEY, None)
    write_group(tmp_path / "again", [opened(tmp_path / "first")], KEY, None)
    assert contents(tmp_path / "again") == contents(tmp_path / "first")


@pytest.mark.parametrize("chunk_frames", [CHUNK_FRAMES // 2, 2 * CHUNK_FRAMES])
def test_a_stream_of_chunks_is_not_held_in_memory(tmp_path: Path, chunk_frames: int) -> None:
    made: list[weakref.ref[np.ndarray]] = []
    n_alive: list[int] = []

    def stream() -> Iterator[xr.Dataset]:
        for number in range(8):
            values = np.full((chunk_frames, 1), number, dtype=np.float32)
            made.append(weakref.ref(values))
            time = np.arange(number * chunk_frames, (number + 1) * chunk_frames) / 30.0
            yield xr.Dataset({"speed": (("time", "individual"), values)}, coords={"time": time})
            del values
            n_alive.append(sum(one() is not None for one in made))

    write_group(tmp_path, stream(), KEY, None)
    assert len(n_alive) == 8
    assert max(n_alive) <= 3, "those that one block of the group is cut from, and the one just made"
    stored = open_group(tmp_path, ["speed"], ["time"])
    np.testing.assert_array_equal(stored["speed"][::chunk_frames, 0], range(8))


def test_a_seal_tells_what_an_array_is_and_holds_until_a_byte_changes(tmp_path: Path) -> None:
    keys = {"speed": digest("speed"), "seen": digest("seen")}
    assert write_group(tmp_path, [recording()], KEY, keys) == (["time", "individual", "mark"], ["speed", "seen"])
    speed, time, group = (read_seal(tmp_path / name) for name in ("speed", "time", ""))
    assert speed is not None
    assert time is not None
    assert group is not None
    assert (speed.key, time.key, group.key) == (keys["speed"], None, KEY)
    assert speed.coordinates["time"] == time.content
    assert set(speed.coordinates) == {"time", "individual", "mark"}
    assert (speed.n_frames, group.n_frames, group.attributes) == (20, None, {"fps": 29.97})
    assert all(is_intact(tmp_path / name) for name in ("speed", "time", ""))
    (tmp_path / "speed" / "c" / "0" / "0").write_bytes(b"")
    assert not is_intact(tmp_path / "speed")
    assert read_seal(tmp_path / "speed") == speed
    assert read_seal(tmp_path / "absent") is None
    assert not is_intact(tmp_path / "absent")


DIFFERS = "differs from the first in more than its frames"


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        ([], "found no chunk to write"),
        ([recording().drop_vars("seen").transpose("individual", "time")], "expected time as the first dim"),
        ([recording().isel(time=0)], "expected time as the first dim"),
        ([recording(), recording()[["speed"]]], DIFFERS),
        ([recording(), recording().assign_attrs(fps=30.0)], DIFFERS),
        ([recording(), recording().assign_coords(individual=["a", "b"])], DIFFERS),
        ([recording(), recording().astype(np.float64)], DIFFERS),
    ],
    ids=["none", "transposed", "one frame", "variables", "attributes", "names", "dtype"],
)
def test_chunks_that_do_not_belong_together_are_refused(tmp_path: Path, chunks: list[xr.Dataset], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_group(tmp_path, chunks, KEY, None)
