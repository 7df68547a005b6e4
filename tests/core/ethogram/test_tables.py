"""Ethogram tables: bouts and frames whose rows are known in advance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.bouts import frames_from_bouts
from nsp_core.errors import ProgramError
from nsp_core.ethogram.tables import BOUT_DTYPES, FRAME_DTYPES, bout_table, concat_bouts, frame_table

BOUT_COLUMNS = [
    "recording",
    "individual",
    "target",
    "behavior",
    "start_frame",
    "stop_frame",
    "start_s",
    "stop_s",
    "mean_prob",
]
FRAME_COLUMNS = ["recording", "individual", "target", "behavior", "frame", "time_s", "prob"]


def bouts_of(present: list[int], probability: list[float] | None = None, fps: float = 30.0) -> pd.DataFrame:
    likely = np.array(present if probability is None else probability, dtype=np.float32)
    return bout_table("1", "rat_1", "rat_2", "chase", np.array(present, dtype=bool), likely, fps)


def intervals(bouts: pd.DataFrame) -> list[tuple[int, int]]:
    return list(zip(bouts["start_frame"], bouts["stop_frame"], strict=True))


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ([0, 1, 0], [(1, 2)]),  # one frame
        ([1, 0, 0], [(0, 1)]),  # first frame
        ([0, 0, 1], [(2, 3)]),  # last frame
        ([1, 1, 0, 1, 1], [(0, 2), (3, 5)]),  # one frame apart, touching both ends
        ([1, 1, 1], [(0, 3)]),  # always
        ([0, 0, 0], []),  # never
        ([], []),  # an empty recording
    ],
)
def test_bouts_are_half_open(present: list[int], expected: list[tuple[int, int]]) -> None:
    assert intervals(bouts_of(present)) == expected


def test_times_use_the_frame_rate_as_it_is() -> None:
    present = np.zeros(40_000, dtype=bool)
    present[29_970:30_000] = True
    bouts = bout_table("1", "rat_1", None, "rest", present, present.astype(np.float32), 29.97)
    assert bouts["start_s"].item() == pytest.approx(1000.0, abs=1e-9)  # truncated to 29 it would be 1033.4 s
    assert bouts["stop_s"].item() == 30_000 / 29.97


def test_mean_probability_is_of_the_bouts_own_frames() -> None:
    bouts = bouts_of([1, 1, 0, 1, 0, 1], [0.5, 1.0, 0.25, 0.75, 0.0, 1.0])
    assert bouts["mean_prob"].tolist() == [0.75, 0.75, 1.0]


def test_mean_probability_leaves_out_frames_without_one() -> None:
    nan = float("nan")
    bouts = bouts_of([1, 1, 1, 0, 1], [0.5, nan, 1.0, 0.0, nan])
    assert bouts["mean_prob"].iloc[0] == 0.75
    assert np.isnan(bouts["mean_prob"].iloc[1])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1, width=32)), max_size=60), st.sampled_from([25.0, 29.97, 60.0]))
def test_bouts_hold_exactly_the_present_frames(frames: list[tuple[bool, float]], fps: float) -> None:
    present = np.array([flag for flag, _ in frames], dtype=bool)
    probability = np.array([value for _, value in frames], dtype=np.float32)
    bouts = bout_table("1", "a", "b", "sniff", present, probability, fps)
    rows = bouts[["start_frame", "stop_frame"]].to_numpy()
    np.testing.assert_array_equal(frames_from_bouts(rows, present.size), present)
    np.testing.assert_array_equal(bouts["start_s"] * fps, (rows[:, 0] / fps) * fps)
    for (start, stop), mean in zip(rows, bouts["mean_prob"], strict=True):
        assert mean == pytest.approx(np.mean(probability[start:stop], dtype=np.float64))


@pytest.mark.parametrize("present", [[], [0, 0], [1, 0]])
def test_bout_columns_and_dtypes_never_change(present: list[int]) -> None:
    bouts = bouts_of(present)
    assert list(bouts.columns) == BOUT_COLUMNS
    assert {name: str(dtype) for name, dtype in bouts.dtypes.items()} == dict(BOUT_DTYPES)


@pytest.mark.parametrize("probability", [[], [0.5, np.nan]])
def test_frame_columns_and_dtypes_never_change(probability: list[float]) -> None:
    frames = frame_table("1", "rat_1", None, "rest", np.array(probability, dtype=np.float32), 30.0)
    assert list(frames.columns) == FRAME_COLUMNS
    assert {name: str(dtype) for name, dtype in frames.dtypes.items()} == dict(FRAME_DTYPES)


def test_a_solitary_behavior_has_a_null_target_and_a_name_is_never_one() -> None:
    frames = frame_table("1", "NA", None, "rest", np.zeros(2, dtype=np.float32), 30.0)
    assert frames["target"].isna().all()
    assert frames["individual"].tolist() == ["NA", "NA"]


def test_abstained_frames_have_a_null_probability() -> None:
    frames = frame_table("1", "a", "b", "chase", np.array([0.5, np.nan, 0.0], dtype=np.float32), 29.97)
    assert frames["prob"].isna().tolist() == [False, True, False]
    assert frames["frame"].tolist() == [0, 1, 2]
    assert frames["time_s"].tolist() == [0.0, 1 / 29.97, 2 / 29.97]


def test_decisions_and_probabilities_of_different_length_are_refused() -> None:
    with pytest.raises(ProgramError, match="found 2 decisions and 3 probabilities, expected one of each per frame"):
        bouts_of([0, 1], [0.0, 1.0, 1.0])


def test_rows_are_sorted_within_recordings_in_the_order_given() -> None:
    def bouts(recording: str, behavior: str, individual: str, target: str | None, present: list[int]) -> pd.DataFrame:
        states = np.array(present, dtype=bool)
        return bout_table(recording, individual, target, behavior, states, states.astype(np.float32), 30.0)

    tables = [
        bouts("10", "rest", "a", None, [1]),
        bouts("2", "rest", "b", None, [1]),
        bouts("2", "chase", "b", "a", [1, 0, 1]),
        bouts("2", "rest", "a", None, [1]),
        bouts("2", "chase", "a", "b", [0, 1]),
        bouts("10", "chase", "a", "b", [1]),
    ]
    ordered = concat_bouts(tables)
    found = ordered[["recording", "behavior", "individual", "start_frame"]].to_numpy().tolist()
    assert found == [
        ["10", "chase", "a", 0],
        ["10", "rest", "a", 0],
        ["2", "chase", "a", 1],
        ["2", "chase", "b", 0],
        ["2", "chase", "b", 2],
        ["2", "rest", "a", 0],
        ["2", "rest", "b", 0],
    ]
    assert ordered.index.tolist() == list(range(7))


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(6)))
def test_the_order_of_the_work_does_not_matter(order: list[int]) -> None:
    dyads = [("a", "b"), ("b", "a"), ("a", "c"), ("c", "a"), ("b", "c"), ("c", "b")]
    states = np.array([1, 0, 1], dtype=bool)
    tables = [bout_table("1", *dyad, "chase", states, states.astype(np.float32), 30.0) for dyad in dyads]
    pd.testing.assert_frame_equal(concat_bouts([tables[index] for index in order]), concat_bouts(tables))


@pytest.mark.parametrize("tables", [[], [bouts_of([0, 0])]])
def test_no_bouts_at_all_is_an_empty_table_of_the_same_dtypes(tables: list[pd.DataFrame]) -> None:
    bouts = concat_bouts(tables)
    assert len(bouts) == 0
    assert {name: str(dtype) for name, dtype in bouts.dtypes.items()} == dict(BOUT_DTYPES)
