from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from random import Random

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nsp_core.errors import FeatureError, LabelError, UnitError
from nsp_core.sequences import (
    IN_NO_FOLD,
    N_FOLDS,
    LabeledSequence,
    as_sequences,
    batches_of_one_length,
    fold_of_frames,
    only_fold,
    units_of,
)
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
    """Return one sequence per name, whose values tell its frames, with the behavior in every other frame."""
    values = np.arange(n_frames, dtype=np.float32)[:, None]
    states = (np.arange(n_frames) % 2).astype(np.int8)
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


# ---- what is held out


@st.composite
def studies(draw: st.DrawFn) -> list[LabeledSequence]:
    """Return labeled sequences of a few recordings, some of them unlabeled in part or altogether."""
    made = []
    for recording in draw(st.lists(st.integers(0, 12), min_size=1, max_size=10)):
        generator = np.random.default_rng(draw(st.integers(0, 1000)))
        n_frames = draw(st.integers(1, 60))
        states = np.repeat(generator.integers(-1, 2, n_frames), draw(st.integers(1, 5)))[:n_frames]
        values = np.zeros((n_frames, 1), dtype=np.float32)
        made.append(LabeledSequence(str(recording), values, states.astype(np.int8), ("x",), (DIMENSIONLESS,), None))
    return made


def labels_in(sequences: Sequence[LabeledSequence], folds: Sequence[NDArray[np.int8]], fold: int) -> list[int]:
    """Return the labels of all frames that ``fold`` holds out."""
    pairs = zip(sequences, folds, strict=True)
    return [int(s) for sequence, own in pairs for s in sequence.states[(own == fold) & (sequence.states >= 0)]]


@settings(max_examples=100, deadline=None)
@given(studies(), st.integers(0, 20))
def test_every_labeled_frame_is_held_out_once_and_every_fold_has_both_classes_to_learn_from(
    sequences: list[LabeledSequence], window: int
) -> None:
    try:
        folds = fold_of_frames(sequences, longest_window_frames=window)
    except LabelError:
        return
    n_folds = 1 + max(int(own.max()) for own in folds)
    assert 2 <= n_folds <= N_FOLDS
    every = [int(s) for sequence in sequences for s in sequence.states if s >= 0]
    held_out = [labels_in(sequences, folds, fold) for fold in range(n_folds)]
    for fold in range(n_folds):
        others = [label for other, labels in enumerate(held_out) if other != fold for label in labels]
        assert set(others) == {0, 1}
    lost = labels_in(sequences, folds, -1)
    assert sum(map(len, held_out)) + len(lost) == len(every)
    # At most three gaps of a twentieth each; recordings without labels are not held out at all.
    assert sum(int((own == IN_NO_FOLD).sum()) for own in folds) <= 0.15 * sum(own.size for own in folds)


@settings(max_examples=100, deadline=None)
@given(studies(), st.integers(0, 20))
def test_a_recording_is_split_only_where_nothing_else_can_be_judged(
    sequences: list[LabeledSequence], window: int
) -> None:
    try:
        folds = fold_of_frames(sequences, longest_window_frames=window)
    except LabelError:
        return
    of_recording: dict[str, set[int]] = {}
    for sequence, own in zip(sequences, folds, strict=True):
        of_recording.setdefault(sequence.recording, set()).update(own.tolist())
    if all(len(of_one) == 1 for of_one in of_recording.values()):
        assert not any(-1 in of_one for of_one in of_recording.values())
        return
    names = sorted(of_recording, key=lambda name: int(name))
    together = [names[fold::N_FOLDS] for fold in range(min(N_FOLDS, len(names)))]
    for held_out in together:
        others = [one.states for one in sequences if one.recording not in held_out]
        labels = set(np.concatenate(others).tolist()) if others else set()
        if not {0, 1} <= labels:
            return
    raise AssertionError("recordings could have been held out whole")


@settings(max_examples=50, deadline=None)
@given(studies(), st.randoms())
def test_folds_do_not_depend_on_the_order_of_the_sequences(sequences: list[LabeledSequence], random: Random) -> None:
    order = list(range(len(sequences)))
    random.shuffle(order)
    try:
        folds = fold_of_frames(sequences)
    except LabelError:
        with pytest.raises(LabelError):
            fold_of_frames([sequences[place] for place in order])
        return
    for place, own in zip(order, fold_of_frames([sequences[place] for place in order]), strict=True):
        np.testing.assert_array_equal(own, folds[place])


@pytest.mark.parametrize(
    ("recordings", "fold_of"),
    [
        (["a", "b"], [0, 1]),
        (["c", "b", "a"], [2, 1, 0]),
        (["10", "9", "8", "7"], [3, 2, 1, 0]),
        (["1", "2", "3", "4", "5", "6"], [0, 1, 2, 3, 0, 1]),
        (["a", "a", "b", "b"], [0, 0, 1, 1]),
    ],
)
def test_every_fourth_recording_in_natural_order_is_held_out_together(
    recordings: list[str], fold_of: list[int]
) -> None:
    folds = fold_of_frames(recorded(*recordings), longest_window_frames=10)
    assert [set(own.tolist()) for own in folds] == [{fold} for fold in fold_of]


def test_fewer_folds_may_be_asked_for() -> None:
    folds = fold_of_frames(recorded("1", "2", "3", "4"), n_folds=2)
    assert [int(own[0]) for own in folds] == [0, 1, 0, 1]


@pytest.mark.parametrize(("n_frames", "window", "gap"), [(400, 12, 12), (400, 13, 13), (400, 300, 20), (400, 0, 0)])
def test_a_single_recording_is_cut_into_blocks_with_gaps(n_frames: int, window: int, gap: int) -> None:
    (own,) = fold_of_frames(recorded("1", n_frames=n_frames), longest_window_frames=window)
    assert [key for key, _ in groupby(own[own >= 0])] == [0, 1, 2, 3]
    assert [len(list(run)) for key, run in groupby(own) if key < 0] == [gap] * (3 if gap else 0)
    held_out = [int((own == fold).sum()) for fold in range(4)]
    assert held_out == pytest.approx([n_frames / 4] * 4, abs=gap)


def test_all_animals_of_a_single_recording_are_cut_at_the_same_frames() -> None:
    one, other = fold_of_frames(recorded("1", "1"), longest_window_frames=4)
    np.testing.assert_array_equal(one, other)


def test_a_behavior_in_one_recording_only_is_held_out_by_blocks_of_all() -> None:
    sequences = [replace(one, states=one.states * (one.recording == "2")) for one in recorded("1", "2", "3")]
    folds = fold_of_frames(sequences, longest_window_frames=2)
    for own in folds:
        assert set(own.tolist()) == {-1, 0, 1, 2, 3}
    assert all(1 in labels_in(sequences, folds, fold) for fold in range(4))


@pytest.mark.parametrize("state", [0, 1])
def test_a_class_that_is_in_one_place_only_cannot_be_judged(state: int) -> None:
    states = np.full(40, 1 - state, dtype=np.int8)
    states[3:6] = state
    sequences = recorded("1", "2")
    message = (
        "labels: found a behavior, or its absence, that all but one part of the data lack, expected both in at least "
        "two recordings, or two of 4 equal parts of a recording; annotate the behavior in more recordings"
    )
    for made in (
        [replace(sequences[0], states=states)],
        [replace(sequences[0], states=states), replace(sequences[1], states=np.full(40, 1 - state, dtype=np.int8))],
    ):
        with pytest.raises(LabelError, match=message):
            fold_of_frames(made)


def test_of_a_fold_only_its_own_labels_are_left() -> None:
    sequences = [*recorded("1", "2", "3"), replace(recorded("4")[0], states=np.full(40, -1, dtype=np.int8))]
    folds = fold_of_frames(sequences)
    (one,) = only_fold(sequences, folds, 1)
    assert one.recording == "2"
    np.testing.assert_array_equal(one.states, sequences[1].states)
    assert only_fold(sequences, folds, 3) == (), "there is nothing to judge in a recording without labels"


def test_blocks_of_a_fold_keep_the_features_around_them() -> None:
    sequences = recorded("1", n_frames=100)
    (own,) = folds = fold_of_frames(sequences, longest_window_frames=4)
    seen = np.zeros(100, dtype=int)
    for fold in range(4):
        (one,) = only_fold(sequences, folds, fold)
        assert one.values is sequences[0].values
        np.testing.assert_array_equal(one.states >= 0, own == fold)
        seen += one.states >= 0
    np.testing.assert_array_equal(seen, own >= 0)
    assert sequences[0].states.min() == 0, "the sequences given are left as they are"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([None, 25.0, 30.0])), max_size=20), st.integers(1, 12))
def test_batches_hold_every_sequence_once_and_are_alike_and_small(
    described: list[tuple[int, float | None]], max_frames: int
) -> None:
    sequences = [replace(recorded("1", n_frames=n_frames)[0], fps=fps) for n_frames, fps in described]
    batches = list(batches_of_one_length(sequences, max_frames))
    assert sorted(index for batch in batches for index in batch) == list(range(len(sequences)))
    for batch in batches:
        assert len({described[index] for index in batch}) == 1
        assert len(batch) == 1 or sum(described[index][0] for index in batch) <= max_frames
