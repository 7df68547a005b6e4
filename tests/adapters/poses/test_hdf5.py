"""HDF5 without trust: other files stay unread, declared sizes are checked, damage is named."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from nsp_adapters.poses.hdf5 import array_at, is_hdf5, opened_hdf5, plain_text, require_honest_arrays, text_at
from nsp_core.errors import FormatError, MissingFileError


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as other:
        other["values"] = np.arange(3.0)
    (tmp_path / "raw.bin").write_bytes(bytes(80))
    with h5py.File(tmp_path / "a.h5", "w") as opened:
        opened["values"] = np.arange(3.0)
        opened["group/names"] = np.array([b"nose", b"tail"])
        opened["none"] = np.empty(0)
        opened["linked"] = h5py.ExternalLink("secret.h5", "values")
        opened.create_dataset("raw", shape=(10,), dtype="f8", external=[(str(tmp_path / "raw.bin"), 0, 80)])
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "values", (3,))
        opened.create_virtual_dataset("virtual", layout)
        opened.create_dataset("bomb", shape=(10**9, 50), dtype="f8", chunks=(1000, 50), compression="gzip")
    return tmp_path / "a.h5"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("linked", "a.h5, /linked: found a link to another file"),
        ("raw", "found an array stored in other files"),
        ("virtual", "found an array stored in other files"),
        ("bomb", "GiB declared in a file of"),
        ("group", "found no such array"),
        ("absent", "found no such array"),
    ],
)
def test_only_honest_arrays_of_this_file_are_read(path, name, message):
    with opened_hdf5(path, "poses") as opened, pytest.raises(FormatError) as caught:
        array_at(opened, name, path)
    assert message in str(caught.value)


def test_values_and_names_are_read(path):
    with opened_hdf5(path, "poses") as opened:
        assert array_at(opened, "values", path)[()].tolist() == [0, 1, 2]
        assert text_at(opened["group"], "names", path) == ["nose", "tail"]
        assert text_at(opened, "none", path) == []
        with pytest.raises(FormatError, match="found an array of float64 with 1 dims, expected a list of names"):
            text_at(opened, "values", path)


@pytest.mark.parametrize(
    ("value", "text"), [("a", "a"), (b"a", "a"), (np.array([b"a"]), "a"), (h5py.Empty("S1"), ""), (np.array([]), "")]
)
def test_text_of_any_kind_becomes_text(value, text):
    assert plain_text(value) == text


def test_other_files_and_damage_are_named(path, tmp_path):
    assert is_hdf5(path)
    assert not is_hdf5(tmp_path)
    for content, message in (
        (b"", "found an empty file"),
        (b"scorer,a", "found no HDF5 file"),
        (path.read_bytes()[:900], "truncated or damaged"),
    ):
        other = tmp_path / "other.h5"
        other.write_bytes(content)
        with pytest.raises(FormatError, match=message), opened_hdf5(other, "poses"):
            pass
    with pytest.raises(MissingFileError), opened_hdf5(tmp_path / "none.h5", "poses"):
        pass


def test_damage_met_while_reading_is_named(path):
    with pytest.raises(FormatError, match="truncated or damaged"), opened_hdf5(path, "poses") as opened:
        opened["not there"]


def test_every_array_is_held_against_the_file_and_a_group_may_contain_itself(tmp_path):
    path = tmp_path / "a.slp"
    with h5py.File(path, "w") as opened:
        inner = opened.create_group("events")
        inner["times"] = np.arange(5)
        inner["again"] = inner
        require_honest_arrays(opened, path)
        inner.create_dataset("score", (10**11,), "f8", chunks=(64,))
        with pytest.raises(FormatError, match=r"a\.slp, /events/score: found 745 GiB declared in a file of"):
            require_honest_arrays(opened, path)
        del inner["score"]
        opened["elsewhere"] = h5py.ExternalLink("b.slp", "/events")
        with pytest.raises(FormatError, match=r"a\.slp, /elsewhere: found a link to another file"):
            require_honest_arrays(opened, path)


def test_an_array_behind_a_linked_group_is_in_another_file(tmp_path):
    with h5py.File(tmp_path / "b.h5", "w") as other:
        other["group/secret"] = [1, 2]
    with h5py.File(tmp_path / "a.h5", "w") as opened:
        opened["link"] = h5py.ExternalLink("b.h5", "/group")
        with pytest.raises(FormatError, match="found an array stored in other files"):
            array_at(opened["link"], "secret", tmp_path / "a.h5")
