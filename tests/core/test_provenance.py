"""Digests: equal for equal content, different for anything a reader could tell apart."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.provenance import VariableDigest, combine_digests, dataset_digest, digest

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary())
PLAIN = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3))
)


@dataclass(frozen=True, slots=True)
class Cleaning:
    max_gap_s: float
    keypoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Smoothing:
    max_gap_s: float
    keypoints: tuple[str, ...] = ()


def tracks(n_frames: int = 5) -> xr.Dataset:
    speed = np.linspace(0.0, 1.0, n_frames * 2, dtype=np.float32).reshape(n_frames, 2)
    return xr.Dataset(
        {"speed": (("time", "individual"), speed, {"units": "mm/s"}), "seen": ("time", np.full(n_frames, True))},
        coords={"time": np.arange(n_frames) / 29.97, "individual": np.array(["a", "b"], dtype=object)},
        attrs={"fps": 29.97, "recording": "1"},
    )


def test_a_digest_is_the_same_in_every_release_unless_core_version_says_otherwise() -> None:
    # The figure stands here so that a change of the canonical text is noticed: it would invalidate every store.
    assert digest("poses", 1, 0.25, {"b": [None, True]}) == (
        "932ff757d0796a23b60b8e97d21580dbddb2180f48f546b9afbbc827a725096d"
    )


@settings(max_examples=60, deadline=None)
@given(PLAIN, PLAIN)
def test_different_values_have_different_digests(first: object, second: object) -> None:
    # repr tells 1, 1.0, True and "1" apart, as the digest does; -0.0 and 0.0 as well.
    assert (digest(first) == digest(second)) == (repr(_sorted(first)) == repr(_sorted(second)))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (1, 1.0),
        (1, True),
        ("1", 1),
        (b"a", "a"),
        (["bytes", "a"], ("bytes", ["a"])),
        ([["a", 1]], {"a": 1}),
        (np.zeros(4, dtype=np.float32), np.zeros(4, dtype=np.float64)),
        (np.zeros((2, 2)), np.zeros(4)),
        (Cleaning(0.5), Cleaning(0.25)),
        (Cleaning(0.5), Smoothing(0.5)),
    ],
)
def test_kinds_shapes_and_classes_are_told_apart(first: object, second: object) -> None:
    assert digest(first) != digest(second)


def test_parts_are_not_run_together() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("a", "b") != digest(["a", "b"])


def test_what_is_the_same_on_every_machine_has_the_same_digest() -> None:
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    assert digest((1, 2)) == digest([1, 2])
    assert digest(np.float64(0.5), np.int8(3)) == digest(0.5, 3)
    assert digest(np.arange(3, dtype=">i4")) == digest(np.arange(3, dtype="<i4"))
    assert digest(np.arange(6).reshape(2, 3).T) == digest(np.ascontiguousarray(np.arange(6).reshape(2, 3).T))
    assert digest(np.array(["a", "bc"])) == digest(np.array(["a", "bc"], dtype=object))


def test_every_nan_is_the_same_nan() -> None:
    assert digest(np.array([np.nan])) == digest(np.array([-np.nan]))
    assert digest(float("nan")) == digest(-float("nan"))


def test_a_value_without_a_lasting_text_is_refused() -> None:
    with pytest.raises(TypeError, match="found a set to digest, expected plain values"):
        digest({"keypoints": {"nose", "tail"}})
    with pytest.raises(TypeError, match="found a type to digest"):
        digest(Cleaning)


@pytest.mark.parametrize(
    "change",
    [
        lambda dataset: dataset.assign_attrs(fps=30.0),
        lambda dataset: dataset.assign_coords(individual=["a", "c"]),
        lambda dataset: dataset.rename(speed="pace"),
        lambda dataset: dataset.assign(speed=dataset["speed"].astype(np.float64)),
        lambda dataset: dataset.assign(speed=dataset["speed"].assign_attrs(units="px/s")),
        lambda dataset: dataset.assign(speed=dataset["speed"].where(dataset["speed"] != 1.0)),
        lambda dataset: dataset.isel(time=slice(0, 4)),
        lambda dataset: dataset.set_coords("seen"),
    ],
)
def test_a_dataset_digest_sees_every_change(change: object) -> None:
    assert dataset_digest(change(tracks())) != dataset_digest(tracks())  # type: ignore[operator]


def test_a_dataset_digest_ignores_order_and_encoding() -> None:
    dataset = tracks()
    reordered = dataset[["seen", "speed"]].assign_attrs({})
    reordered.attrs = {"recording": "1", "fps": 29.97}
    reordered["speed"].encoding = {"chunks": (1, 1)}
    assert dataset_digest(reordered) == dataset_digest(dataset)


def test_an_array_attribute_counts_as_the_list_a_store_keeps_of_it() -> None:
    as_array = tracks().assign_attrs(arena_px=np.array([1024, 570]), corners=(np.float32(0.5), 1.0))
    as_list = tracks().assign_attrs(arena_px=[1024, 570], corners=[0.5, 1.0])
    assert dataset_digest(as_array) == dataset_digest(as_list)


def test_a_long_dataset_is_hashed_block_by_block_without_missing_a_frame() -> None:
    long = tracks(40_000)
    last_frame_differs = long.copy(deep=True)
    last_frame_differs["speed"].values[-1, 1] = 7.0
    assert dataset_digest(last_frame_differs) != dataset_digest(long)
    text = xr.Dataset({"note": ("time", np.full(40_000, "x", dtype=object))})
    assert dataset_digest(text) == dataset_digest(text.copy(deep=True))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=4))
def test_a_variable_has_one_digest_however_it_is_cut(ends: list[int]) -> None:
    dataset = tracks().assign(note=("time", ["a", "bc", "", "é", "a"]))
    parts = {}
    for name in dataset.variables:
        variable = dataset.variables[name]
        running = VariableDigest(variable)
        for start, stop in itertools.pairwise([0, *sorted(ends), variable.shape[0]]):
            running.update(variable[start:stop])
        parts[str(name)] = running.hexdigest()
    coordinates = {name: parts.pop(name) for name in ("time", "individual")}
    assert combine_digests(dataset.attrs, coordinates, parts) == dataset_digest(dataset)


def test_a_variable_digest_tells_apart_what_a_cut_could_hide() -> None:
    def of(values: object, *dims: str) -> str:
        variable = xr.Variable(dims, values)
        running = VariableDigest(variable)
        running.update(variable)
        return running.hexdigest()

    square = np.arange(4.0).reshape(2, 2)
    assert len({of(square, "time", "x"), of(square, "time", "y"), of(square.ravel(), "time")}) == 3
    assert len({of(1.0), of([1.0], "time"), of(np.zeros(0), "time"), of(np.zeros((0, 2)), "time", "x")}) == 4


def _sorted(value: object) -> object:
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return value
