from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_adapters.poses.dlc_csv import read_dlc_csv
from nsp_core.errors import PoseError
from nsp_core.identity import exchange_identities, swap_suspects
from nsp_core.poses import make_poses
from nsp_core.simulate import simulate_dyad


def points(*x: np.ndarray, fps: float = 30.0) -> xr.Dataset:
    """Animals a, b, c with one keypoint each, at the x given and y = 0; confidence tells them apart."""
    tracks = np.stack(x, axis=-1)
    position = np.stack([tracks, np.where(np.isnan(tracks), np.nan, 0.0)], axis=1)[:, :, np.newaxis]
    confidence = np.broadcast_to(np.arange(1, len(x) + 1) / 10, (len(tracks), 1, len(x)))
    names = [chr(ord("a") + k) for k in range(len(x))]
    return make_poses(position, confidence, recording="r", keypoints=["nose"], individuals=names, fps=fps)


def wander(center: float, seed: int, n_frames: int = 600) -> np.ndarray:
    return center + np.cumsum(np.random.default_rng(seed).normal(size=n_frames))


def rows(suspects: pd.DataFrame, *columns: str) -> list[tuple[object, ...]]:
    return list(suspects[list(columns)].itertuples(index=False, name=None))


@pytest.mark.parametrize("fps", [30.0, 120.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_planted_exchange_is_found_in_its_frame_and_undone_exactly(seed: int, fps: float) -> None:
    dyad = simulate_dyad(seed=seed, n_frames=int(60 * fps), fps=fps, swap_rate=0.2)
    planted = np.flatnonzero(np.diff(dyad.swapped))
    suspects = swap_suspects(dyad.poses)
    assert suspects["clear"].all()
    assert (suspects["frame"] - 1).tolist() == planted.tolist()
    assert len(planted) >= 6
    repaired = exchange_identities(dyad.poses, suspects)
    unswapped = simulate_dyad(seed=seed, n_frames=int(60 * fps), fps=fps, swap_rate=0.0).poses
    # Exchanged before the first frame, nobody can tell.
    expected = unswapped["position"].values[..., :: -1 if dyad.swapped[0] else 1]
    np.testing.assert_array_equal(repaired["position"].values, expected)
    assert len(repaired.attrs["identity_exchanges"]) == len(planted)


def test_a_recording_without_exchanges_has_no_suspects() -> None:
    dyad = simulate_dyad(seed=3, n_frames=3600, dropout=0.3)
    assert len(swap_suspects(dyad.poses)) == 0


def test_animals_that_cross_while_seen_are_no_suspects() -> None:
    way = np.linspace(0, 400, 200)
    assert len(swap_suspects(points(way, way[::-1]))) == 0


@pytest.mark.parametrize("n_hidden", [3, 9, 20])
def test_animals_that_cross_while_hidden_stay_suspects_that_are_not_clear(n_hidden: int) -> None:
    one, other = np.linspace(0, 400, 200), np.linspace(400, 0, 200)
    hidden = slice(100 - n_hidden // 2, 100 - n_hidden // 2 + n_hidden)
    one[hidden] = other[hidden] = np.nan
    suspects = swap_suspects(points(one, other))
    assert rows(suspects, "frame", "first", "second", "clear") == [(hidden.stop, "a", "b", False)]
    assert suspects["exchanged_px"].item() < suspects["kept_px"].item() / 2


def test_an_exchange_behind_a_short_gap_of_slow_animals_is_clear() -> None:
    one, other = wander(100, 0), wander(400, 1)
    one[100:], other[100:] = other[100:].copy(), one[100:].copy()
    one[95:100] = other[95:100] = np.nan
    suspects = swap_suspects(points(one, other))
    assert rows(suspects, "previous_frame", "frame", "clear") == [(94, 100, True)]
    assert suspects["kept_px"].item() == pytest.approx(600, abs=100)


def test_an_animal_seen_alone_in_the_place_of_the_other_tells_the_frame() -> None:
    one, other = wander(100, 0), wander(400, 1)
    one[100:], other[100:] = other[100:].copy(), one[100:].copy()
    one[95:97], other[95:106] = np.nan, np.nan
    assert rows(swap_suspects(points(one, other)), "previous_frame", "frame", "clear") == [(94, 100, True)]


def test_after_more_than_a_second_nothing_is_said() -> None:
    one, other = wander(100, 0), wander(400, 1)
    one[100:], other[100:] = other[100:].copy(), one[100:].copy()
    one[65:100] = np.nan
    assert len(swap_suspects(points(one, other))) == 0


def test_two_tracks_on_one_animal_are_no_exchange() -> None:
    one, other = wander(100, 0), wander(400, 1)
    one[100:110] = other[100:110] + 1
    assert len(swap_suspects(points(one, other))) == 0


def test_only_keypoints_known_on_both_sides_are_compared() -> None:
    bodies = np.stack([wander(100, 0), wander(400, 1)], axis=-1)
    position = np.zeros((600, 2, 2, 2))
    position[:, 0] = np.stack([bodies, bodies + 250], axis=1)
    # One keypoint each, another one from frame 100 on: a mean over what is seen would jump by 250.
    position[:100, :, 1] = position[100:, :, 0] = np.nan
    names = {"recording": "r", "keypoints": ["nose", "tail"], "individuals": ["a", "b"], "fps": 30.0}
    assert len(swap_suspects(make_poses(position, np.ones((600, 2, 2)), **names))) == 0


def test_three_animals_that_change_places_in_a_circle_are_put_back() -> None:
    truth = points(wander(100, 0), wander(400, 1), wander(900, 2))
    position, confidence = truth["position"].values.copy(), truth["confidence"].values.copy()
    position[80:], confidence[80:] = position[80:][..., [1, 2, 0]], confidence[80:][..., [1, 2, 0]]
    position[140:] = position[140:][..., [0, 2, 1]]
    confidence[140:] = confidence[140:][..., [0, 2, 1]]
    mixed = truth.assign(
        position=truth["position"].copy(data=position), confidence=truth["confidence"].copy(data=confidence)
    )
    suspects = swap_suspects(mixed)
    assert suspects["clear"].all()
    assert suspects["frame"].tolist() == [80, 80, 140]
    assert rows(suspects.tail(1), "first", "second") == [("b", "c")]
    repaired = exchange_identities(mixed, suspects)
    xr.testing.assert_equal(repaired, truth)
    assert repaired.attrs["identity_exchanges"][-1] == "140 b c"


def test_two_of_four_animals_are_exchanged_and_the_others_left_alone() -> None:
    truth = points(*(wander(300.0 * k, k) for k in range(4)))
    mixed = exchange_identities(truth, pd.DataFrame({"frame": [50], "first": ["b"], "second": ["d"]}))
    suspects = swap_suspects(mixed)
    assert rows(suspects, "frame", "first", "second", "clear") == [(50, "b", "d", True)]
    xr.testing.assert_equal(exchange_identities(mixed, suspects), truth)


@settings(max_examples=15)
@given(
    st.lists(st.integers(10, 190), min_size=1, max_size=4, unique=True).filter(
        lambda frames: all(abs(a - b) > 1 for a in frames for b in frames if a != b)
    ),
    st.floats(-np.pi, np.pi),
    st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000)),
    st.permutations([0, 1, 2]),
)
def test_suspects_do_not_depend_on_place_orientation_and_order(
    frames: list[int], angle: float, shift: tuple[float, float], order: list[int]
) -> None:
    truth = points(wander(100, 0), wander(400, 1), wander(900, 2))
    planted = pd.DataFrame({"frame": frames, "first": "a", "second": "c"})
    mixed = exchange_identities(truth, planted)
    expected = swap_suspects(mixed)
    assert expected["frame"].tolist() == sorted(frames)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = np.einsum("ab,tbki->taki", turn, mixed["position"].values) + np.array(shift)[:, np.newaxis, np.newaxis]
    elsewhere = mixed.assign(position=mixed["position"].copy(data=moved.astype(np.float32)))
    found = swap_suspects(elsewhere.isel(individual=order))
    pd.testing.assert_frame_equal(found, expected, atol=0.01, rtol=1e-4)


def test_an_exchange_moves_names_and_nothing_else() -> None:
    poses = points(wander(100, 0), wander(400, 1))
    before = poses.copy(deep=True)
    exchanged = exchange_identities(poses, pd.DataFrame({"frame": [150, 50], "first": "b", "second": "a"}))
    xr.testing.assert_identical(poses, before)
    values = exchanged["confidence"].values[:, 0]
    assert np.flatnonzero(values[:, 0] == np.float32(0.2)).tolist() == list(range(50, 150))
    np.testing.assert_array_equal(exchanged["position"].values[50:150], poses["position"].values[50:150, ..., ::-1])
    assert exchanged.attrs["identity_exchanges"] == ["50 b a", "150 b a"]
    again = exchange_identities(exchanged, pd.DataFrame({"frame": [199], "first": "a", "second": "b"}))
    assert again.attrs["identity_exchanges"] == ["50 b a", "150 b a", "199 a b"]


def test_without_suspects_nothing_is_exchanged_and_that_is_said() -> None:
    poses = points(wander(100, 0), wander(400, 1))
    kept = exchange_identities(poses, swap_suspects(poses))
    xr.testing.assert_equal(kept, poses)
    assert kept.attrs["identity_exchanges"] == []


@pytest.mark.parametrize(("frame", "first", "second"), [(5, "a", "z"), (5, "a", "a"), (600, "a", "b"), (-1, "a", "b")])
def test_exchanges_that_make_no_sense_are_refused(frame: int, first: str, second: str) -> None:
    poses = points(wander(100, 0), wander(400, 1))
    with pytest.raises(PoseError, match=rf"r: found an exchange of a and {second} from frame {frame} on, expected two"):
        exchange_identities(poses, pd.DataFrame({"frame": [frame], "first": first, "second": second}))


@pytest.mark.parametrize("n_frames", [0, 1, 2])
@pytest.mark.parametrize("n_animals", [1, 2, 3])
def test_short_recordings_and_single_animals_have_none(n_frames: int, n_animals: int) -> None:
    suspects = swap_suspects(points(*[np.zeros(n_frames)] * n_animals))
    assert len(suspects) == 0
    assert suspects.dtypes.astype(str).tolist()[:2] == ["int64", "int64"]


@pytest.mark.real_data
def test_exchanges_planted_in_real_rats_are_found(nsp_data: Path) -> None:
    file = next((nsp_data / "rats_resident_intruder_dlc" / "pose").glob("10DLC*.csv.gz"))
    tracked = read_dlc_csv(file, fps=30.0)
    already = swap_suspects(tracked)
    assert 10 <= len(already) <= 40
    assert already["clear"].sum() <= 6
    seen = np.isfinite(tracked["position"].values).all(axis=1).any(axis=1).all(axis=1)
    together = np.flatnonzero(seen[1:] & seen[:-1]) + 1
    planted = np.setdiff1d(together[100::400], already["frame"])
    mixed = exchange_identities(
        tracked, pd.DataFrame({"frame": planted, "first": "individual1", "second": "individual2"})
    )
    found = swap_suspects(mixed)
    clear = found.loc[found["clear"], "frame"]
    assert np.isin(planted, clear).mean() >= 0.9
    assert np.isin(clear, [*planted, *already["frame"]]).all()
