from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from nsp_adapters.poses.dlc_csv import read_dlc_csv
from nsp_core.cleaning import Cleaning, clean_poses
from nsp_core.errors import PoseError
from nsp_core.features.compute import compute_features
from nsp_core.identity import swap_suspects
from nsp_core.poses import make_poses
from nsp_core.quality import bad_spans, quality_report, remove_spans

FPS = 30.0
JUMPS = Cleaning(max_jump="2000 px/s")
ROLES = {"nose": ("nose",), "center": ("center",), "tail_base": ("tail",)}


def dyad(n_frames: int = 600) -> xr.Dataset:
    """Two animals that wander 400 px apart; the confidence of a frame grows from 0 to 1."""
    walk = np.cumsum(np.random.default_rng(0).normal(size=(n_frames, 2, 1, 2)), axis=0)
    body = np.array([[60.0, 0.0], [30.0, 0.0], [0.0, 0.0]]).T[:, :, np.newaxis]
    position = walk + body + np.array([[0.0, 400.0], [0.0, 0.0]])[:, np.newaxis]
    confidence = np.broadcast_to(np.linspace(0, 1, n_frames)[:, np.newaxis, np.newaxis], (n_frames, 3, 2))
    names = {"keypoints": ["nose", "center", "tail"], "individuals": ["abe", "bob"]}
    return make_poses(position, confidence, recording="r", fps=FPS, **names)


def changed(poses: xr.Dataset, position: np.ndarray) -> xr.Dataset:
    return poses.assign(position=poses["position"].copy(data=position))


def spans_of(spans: pd.DataFrame, reason: str) -> list[tuple[str, int, int]]:
    chosen = spans[spans["reason"] == reason]
    return list(chosen[["individual", "start_frame", "stop_frame"]].itertuples(index=False, name=None))


def broken() -> xr.Dataset:
    """A dyad with a gap, a jump of one keypoint and one of the whole animal, and an exchange."""
    poses = dyad()
    position = poses["position"].values.copy()
    position[100:140, :, :, 0] = np.nan
    position[200:210, :, :, 0] = np.nan
    position[300:303, 0, 1, 0] += 900
    position[350:352, 0, :, 1] += 900
    position[450:] = position[450:][..., ::-1]
    return changed(poses, position)


def test_a_recording_without_faults_is_reported_so() -> None:
    report = quality_report(dyad(), JUMPS)
    summary = report.summary.iloc[0]
    assert len(report.summary) == 1
    assert (summary["recording"], summary["n_frames"], summary["n_individuals"]) == ("r", 600, 2)
    assert summary["duration_s"] == pytest.approx(20)
    for name in ("share_missing", "longest_gap_s", "n_jumps", "n_swap_suspects", "swap_suspects_per_min", "share_bad"):
        assert summary[name] == 0
    assert summary["share_all_seen"] == 1
    assert len(report.spans) == 0


def test_every_planted_fault_is_in_the_report() -> None:
    report = quality_report(broken(), JUMPS)
    summary = report.summary.iloc[0]
    assert summary["share_missing"] == pytest.approx(50 / 600 / 2)
    assert summary["longest_gap_s"] == pytest.approx(40 / FPS)
    assert summary["share_all_seen"] == pytest.approx(550 / 600)
    assert summary["n_jumps"] == 3 + 2 * 3
    assert (summary["n_swap_suspects"], summary["n_swaps_clear"]) == (1, 1)
    assert summary["swap_suspects_per_min"] == pytest.approx(3)
    table = report.keypoints.set_index(["individual", "keypoint"])
    assert table["n_jumps"].tolist() == [0, 3, 0, 2, 2, 2]
    assert table.loc[("abe", "nose"), "longest_gap_s"] == pytest.approx(40 / FPS)
    assert table["recording"].unique().tolist() == ["r"]


def test_jumps_that_nobody_looked_for_are_not_zero() -> None:
    report = quality_report(broken(), Cleaning())
    assert report.keypoints["n_jumps"].isna().all()
    assert report.summary["n_jumps"].isna().all()
    assert spans_of(report.spans, "jump") == []


def test_confidence_is_that_of_the_tracker_and_unsure_points_are_missing() -> None:
    report = quality_report(dyad(), Cleaning(min_confidence=0.25))
    quantiles = report.keypoints[["confidence_q05", "confidence_q50", "confidence_q95"]]
    np.testing.assert_allclose(quantiles, [[0.05, 0.5, 0.95]] * 6, atol=1e-6)
    assert report.keypoints["share_missing"].tolist() == pytest.approx([0.25] * 6)


def test_without_confidence_its_quantiles_are_unknown() -> None:
    poses = dyad()
    unknown = poses.assign(confidence=poses["confidence"].copy(data=np.full((600, 3, 2), np.nan, dtype=np.float32)))
    assert quality_report(unknown, Cleaning()).keypoints["confidence_q50"].isna().all()


def test_every_keypoint_has_its_own_row() -> None:
    poses = dyad()
    confidence = np.broadcast_to(np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]), (600, 3, 2)).astype(np.float32)
    table = quality_report(poses.assign(confidence=poses["confidence"].copy(data=confidence)), Cleaning()).keypoints
    assert table["individual"].tolist() == ["abe"] * 3 + ["bob"] * 3
    assert table["keypoint"].tolist() == ["nose", "center", "tail"] * 2
    assert table["confidence_q50"].tolist() == pytest.approx([0.1, 0.3, 0.5, 0.2, 0.4, 0.6])


def test_an_empty_recording_has_a_report() -> None:
    empty = quality_report(dyad().isel(time=slice(0)), JUMPS)
    assert empty.summary["swap_suspects_per_min"].tolist() == [0]
    assert len(empty.spans) == 0


def test_bad_spans_are_the_planted_faults_with_their_reason() -> None:
    spans = bad_spans(broken(), JUMPS)
    assert spans_of(spans, "not tracked") == [("abe", 100, 140)]
    assert spans_of(spans, "jump") == [("bob", 350, 352)]
    # 0.25 s on either side of the exchange, for both.
    assert spans_of(spans, "identity uncertain") == [("abe", 442, 459), ("bob", 442, 459)]
    assert spans.columns.tolist() == ["individual", "start_frame", "stop_frame", "start_s", "stop_s", "reason"]
    np.testing.assert_allclose(spans["stop_s"] - spans["start_s"], (spans["stop_frame"] - spans["start_frame"]) / FPS)
    assert spans["individual"].tolist() == ["abe"] * 2 + ["bob"] * 2


def test_a_repaired_exchange_is_no_bad_span_and_the_longest_gap_is_that_of_cleaning() -> None:
    spans = bad_spans(broken(), Cleaning(max_jump="2000 px/s", repair_swaps=True, max_gap_s=0.2))
    assert spans_of(spans, "identity uncertain") == []
    assert spans_of(spans, "not tracked") == [("abe", 100, 140), ("abe", 200, 210)]


def test_after_a_repair_spans_are_in_the_names_of_the_repaired_poses() -> None:
    poses = dyad()
    position = poses["position"].values.copy()
    position[500:502, 0, :, 1] += 900
    position[530:570, :, :, 1] = np.nan
    position[450:] = position[450:][..., ::-1]
    spans = bad_spans(changed(poses, position), Cleaning(max_jump="2000 px/s", repair_swaps=True))
    assert spans_of(spans, "jump") == [("bob", 500, 502)]
    assert spans_of(spans, "not tracked") == [("bob", 530, 570)]


def test_bad_spans_do_not_depend_on_place_orientation_and_order() -> None:
    poses = broken()
    expected = bad_spans(poses, JUMPS)
    turned = poses["position"].values[:, ::-1] * np.array([-1, 1], dtype=np.float32)[:, np.newaxis, np.newaxis] + 500
    pd.testing.assert_frame_equal(bad_spans(changed(poses, turned), JUMPS), expected)
    pd.testing.assert_frame_equal(bad_spans(poses.isel(individual=[1, 0]), JUMPS), expected)


def test_features_are_unknown_in_bad_spans_and_only_there() -> None:
    poses = broken()
    cleaned = clean_poses(poses, JUMPS)
    removed = remove_spans(cleaned, bad_spans(poses, JUMPS))
    features = compute_features(removed, ROLES, ["nose_to_nose"], length_unit="px")
    between = features["nose_to_nose"].sel(individual="abe", target="bob").values
    expected = np.zeros(600, dtype=bool)
    for start, stop in ((100, 140), (350, 352), (442, 459)):
        expected[start:stop] = True
    np.testing.assert_array_equal(np.isnan(between), expected)
    assert removed.attrs["spans_removed"] == 4
    assert np.isnan(removed["confidence"].values[100:140, :, 0]).all()


def test_removing_leaves_the_poses_given_and_the_other_animal_alone() -> None:
    poses = dyad()
    before = poses.copy(deep=True)
    removed = remove_spans(poses, pd.DataFrame({"individual": ["bob"], "start_frame": [10], "stop_frame": [20]}))
    xr.testing.assert_identical(poses, before)
    np.testing.assert_array_equal(removed["position"].values[..., 0], poses["position"].values[..., 0])
    missing = np.isnan(removed["position"].values[..., 1]).all(axis=(1, 2))
    assert np.flatnonzero(missing).tolist() == list(range(10, 20))


@pytest.mark.parametrize(
    ("individual", "start", "stop"), [("cat", 0, 1), ("abe", 5, 5), ("abe", -1, 5), ("bob", 0, 601)]
)
def test_spans_of_another_recording_are_refused(individual: str, start: int, stop: int) -> None:
    span = pd.DataFrame({"individual": [individual], "start_frame": [start], "stop_frame": [stop]})
    with pytest.raises(
        PoseError, match=rf"r: found the span \[{start}, {stop}\) of {individual}, expected frames from 0"
    ):
        remove_spans(dyad(), span)


@pytest.mark.real_data
def test_the_report_of_a_real_rat_agrees_with_counting_by_hand(nsp_data: Path) -> None:
    file = next((nsp_data / "rats_resident_intruder_dlc" / "pose").glob("10DLC*.csv.gz"))
    table = pd.read_csv(file, header=[1, 2, 3], index_col=0)
    tracked = read_dlc_csv(file, fps=FPS)
    roles = {"nose": ("top",), "tail_base": ("tail",)}
    report = quality_report(tracked, Cleaning(max_jump="20 bl/s"), roles)
    for individual in ("individual1", "individual2"):
        x = table[individual]["top"]["x"].reindex(range(tracked.sizes["time"]))
        row = report.keypoints.query("individual == @individual and keypoint == 'top'").iloc[0]
        assert row["share_missing"] == pytest.approx(x.isna().mean())
        likelihood = table[individual]["top"]["likelihood"][x.notna()]
        assert row["confidence_q50"] == pytest.approx(likelihood.median(), abs=1e-6)
    summary = report.summary.iloc[0]
    unfilled = clean_poses(tracked, Cleaning(max_gap_s=0, max_jump="20 bl/s"), roles)
    assert summary["n_swap_suspects"] == len(swap_suspects(unfilled))
    assert 0.1 < summary["share_bad"] < 0.5
    assert 10 < summary["n_jumps"] < 500
