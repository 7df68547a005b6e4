from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.errors import FeatureError, LabelError, UnitError
from nsp_core.sequences import LabeledSequence, as_sequences, hold_out, units_of
from nsp_core.units import DIMENSIONLESS, parse_unit

NAMES = ["speed", "bend"]


def stacked(n_sequences: int = 3, n_frames: int = 10, **coords: object) -> xr.DataArray:
    """Return numbered features (sequence, time, feature)."""
    values = np.arange(n_sequences * n_frames * 2, dtype=np.float64).reshape(n_sequences, n_frames, 2)
    return xr.DataArray(values, dims=("sequence", "time", "feature"), coords={"feature": NAMES, **coords})


def series(
    n_frames: int = 10, names: list[str] | None = None, unit: list[str] | None = None, **attrs: object
) -> xr.DataArray:
    """Return features (time, feature) of one sequence."""
    names = names or NAMES
    coords = {"feature": names} | ({"unit": ("feature", unit)} if unit else {})
    return xr.DataArray(np.zeros((n_frames, len(names))), dims=("time", "feature"), coords=coords, attrs=attrs)


def recorded(*recordings: str, n_frames: int = 40) -> list[LabeledSequence]:
    """Return one sequence per name, whose values tell its frames."""
    values = np.arange(n_frames, dtype=np.float32)[:, None]
    states = np.zeros(n_frames, dtype=np.int8)
    return [LabeledSequence(name, values, states, ("x",), (DIMENSIONLESS,), None) for name in recordings]


def test_an_array_of_sequences_becomes_one_plain_sequence_each() -> None:
    features = stacked(time=np.arange(10) / 25, unit=("feature", ["mm/s", "rad"]), recording=("sequence", [7, 7, 8]))
    labels = np.tile([1, 0, -1, np.nan, 1], (3, 2))
    made = as_sequences(features, labels)
    assert [one.recording for one in made] == ["7", "7", "8"]
    for index, one in enumerate(made):
        np.testing.assert_array_equal(one.values, features[index])
        assert one.values.dtype == np.float32
        assert one.states.tolist() == [1, 0, -1, -1, 1] * 2
        assert one.fps == pytest.approx(25)
        assert one.time_reference == "s"
        assert units_of(one) == {"speed": parse_unit("mm/s"), "bend": parse_unit("rad")}


def test_the_order_of_the_dims_does_not_matter() -> None:
    features = stacked()
    turned = as_sequences(features.transpose("feature", "time", "sequence"), None)
    for one, other in zip(as_sequences(features, None), turned, strict=True):
        np.testing.assert_array_equal(one.values, other.values)


def test_a_single_sequence_takes_one_row_of_labels() -> None:
    (one,) = as_sequences(series(3, recording="42", fps=29.97), [1, 0, -1])
    assert (one.recording, one.fps, one.states.tolist()) == ("42", 29.97, [1, 0, -1])


def test_a_list_takes_sequences_of_different_lengths() -> None:
    made = as_sequences([series(2, recording="a"), series(3, recording="b")], [[1, 0], [0, 0, 1]])
    assert [(one.recording, one.states.tolist()) for one in made] == [("a", [1, 0]), ("b", [0, 0, 1])]


def test_sequences_without_a_recording_are_each_their_own() -> None:
    assert [one.recording for one in as_sequences(stacked(), None)] == ["0", "1", "2"]
    assert [one.recording for one in as_sequences([series(), series()], None)] == ["0", "1"]


def test_a_recording_names_all_its_sequences_in_whichever_form_they_come() -> None:
    features = stacked(recording=("sequence", ["a", "a", "b"]))
    assert [one.recording for one in as_sequences(list(features), None)] == ["a", "a", "b"]
    assert [one.recording for one in as_sequences(stacked().assign_attrs(recording="a"), None)] == ["a"] * 3


def test_plain_values_are_dimensionless_numbered_and_counted_in_frames() -> None:
    plain = xr.DataArray(np.zeros((2, 5, 3)), dims=("sequence", "time", "feature"))
    for one in as_sequences(plain, [0, 1]):
        assert one.names == ("feature_0", "feature_1", "feature_2")
        assert one.units == (DIMENSIONLESS,) * 3
        assert one.fps is None
        assert one.time_reference == "frame"


@pytest.mark.parametrize(("n_frames", "center"), [(1, 0), (2, 1), (5, 2), (300, 150)])
def test_one_label_per_sequence_applies_to_its_center_frame(n_frames: int, center: int) -> None:
    made = as_sequences(stacked(3, n_frames), [1, 0, np.nan])
    for one, label in zip(made, (1, 0, -1), strict=True):
        assert one.states[center] == label
        assert (np.delete(one.states, center) == -1).all()


def test_without_labels_every_frame_is_unlabeled() -> None:
    assert all((one.states == -1).all() for one in as_sequences(stacked(), None))


def test_labels_may_be_truth_values() -> None:
    (one,) = as_sequences(series(2), np.array([True, False]))
    assert one.states.tolist() == [1, 0]


def test_the_features_given_are_left_as_they_are() -> None:
    features = stacked(recording=("sequence", ["a", "b", "c"])).assign_attrs(fps=30.0)
    before = features.copy(deep=True)
    as_sequences(features, None)
    xr.testing.assert_identical(features, before)
    assert features.attrs == before.attrs


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1, 0], "found labels for 2 sequences, expected 3, one per sequence"),
        (np.zeros((3, 9)), r"found labels of shape \(9,\), expected \(10,\), one per frame"),
        (np.full((3, 10), 2), r"found label values \[2.0\], expected 1 \(present\), 0 \(absent\), -1 or NaN"),
        (np.full(3, 0.5), r"found label values \[0.5\].*; choose one behavior against the rest"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: object, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        as_sequences(stacked(), labels)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (xr.DataArray(np.zeros((2, 2)), dims=("frame", "feature")), r"found features of dims \('frame', 'feature'\)"),
        (series(names=["speed", "speed"]), "found repeated feature names speed, expected unique names"),
        ([], "found no sequence, expected at least one"),
        ([series(), series(names=["speed", "area"])], "1: found area, bend in some sequences only"),
    ],
)
def test_features_that_make_no_sense_are_refused(features: xr.DataArray | list[xr.DataArray], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        as_sequences(features, None)


@pytest.mark.parametrize(
    "other", [series(unit=["bl/s", "rad"], fps=30.0, recording="b"), series(unit=["mm/s", "rad"], recording="b")]
)
def test_sequences_in_different_units_are_refused(other: xr.DataArray) -> None:
    one = series(unit=["mm/s", "rad"], fps=30.0, recording="a")
    with pytest.raises(UnitError, match="b: found sequences that measure a feature, or time, in different units"):
        as_sequences([one, other], None)


def test_recordings_may_differ_in_frame_rate() -> None:
    rates = [one.fps for one in as_sequences([series(fps=25.0), series(fps=30.0)], None)]
    assert rates == [25.0, 30.0]


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(UnitError, match="the factor 'furlong'"):
        as_sequences(series(unit=["furlong", ""]), None)


def test_a_feature_that_is_not_there_is_named() -> None:
    (one,) = as_sequences(series(recording="42"), None)
    with pytest.raises(FeatureError, match="42: found no feature 'sped', expected one of speed, bend"):
        one.column("sped")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 30).map(str), min_size=2, max_size=30))
def test_no_recording_is_on_both_sides_and_none_is_lost(recordings: list[str]) -> None:
    if len(set(recordings)) == 1:
        recordings.append("31")
    sequences = recorded(*recordings)
    train, validation = hold_out(sequences)
    assert {one.recording for one in train}.isdisjoint(one.recording for one in validation)
    assert sorted(map(id, [*train, *validation])) == sorted(map(id, sequences))
    assert train
    assert validation


@pytest.mark.parametrize(
    ("recordings", "validating"),
    [
        (["a", "b"], ["b"]),
        (["a", "b", "c"], ["c"]),
        (["1", "2", "3", "4"], ["4"]),
        ([str(number) for number in range(1, 13)], ["4", "8", "12"]),
        (["10", "9", "8", "7"], ["10"]),
    ],
)
def test_every_fourth_recording_in_natural_order_validates(recordings: list[str], validating: list[str]) -> None:
    _, validation = hold_out(recorded(*recordings))
    assert sorted(one.recording for one in validation) == sorted(validating)


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 500))
def test_the_last_quarter_of_a_single_recording_validates_after_a_gap(n_frames: int) -> None:
    (train,), (validation,) = hold_out(recorded("1", n_frames=n_frames))
    first, last = float(train.values[0, 0]), float(train.values[-1, 0])
    assert first == 0
    assert float(validation.values[-1, 0]) == n_frames - 1
    assert len(validation.states) == pytest.approx(n_frames / 4, abs=1)
    assert float(validation.values[0, 0]) - last > n_frames / 10


def test_both_animals_of_a_single_recording_are_cut_at_the_same_frame() -> None:
    train, validation = hold_out(recorded("1", "1"))
    assert len({len(one.states) for one in train}) == len({len(one.states) for one in validation}) == 1
    assert len(train) == len(validation) == 2
