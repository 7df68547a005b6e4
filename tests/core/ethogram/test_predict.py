from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from nsp_core.cleaning import Cleaning
from nsp_core.dsl.text import parse_program
from nsp_core.errors import FeatureError, UnitError
from nsp_core.ethogram.predict import predict_tables
from nsp_core.ethogram.tables import BOUT_DTYPES, FRAME_DTYPES
from nsp_core.labels import Behavior, BehaviorKind
from nsp_core.program import ProgramArtifact

FPS = 10.0
N_FRAMES = 20
ANIMALS = ["abe", "bob", "cid"]


def artifact(text: str, kind: BehaviorKind) -> ProgramArtifact:
    return ProgramArtifact(Behavior("chase", kind), parse_program(text), {"nose": ("nose",)}, Cleaning(), "mm")


@pytest.fixture
def features() -> xr.Dataset:
    """Three animals; abe runs in frames 5 to 9 and always faces bob, to whom it is close in frames 8 to 14."""
    speed = np.zeros((N_FRAMES, 3), dtype=np.float32)
    speed[5:10, 0] = 50
    facing = np.full((N_FRAMES, 3, 3), 3, dtype=np.float32)
    facing[:, 0, 1] = 0
    distance = np.full((N_FRAMES, 3, 3), 90, dtype=np.float32)
    distance[8:15, 0, 1] = distance[8:15, 1, 0] = 10
    for animal in range(3):
        facing[:, animal, animal] = distance[:, animal, animal] = np.nan
    pairs = ("time", "individual", "target")
    return xr.Dataset(
        {
            "speed": (("time", "individual"), speed, {"units": "mm/s", "arity": "individual"}),
            "facing_angle": (pairs, facing, {"units": "rad", "arity": "ordered_pair"}),
            "nose_to_nose": (pairs, distance, {"units": "mm", "arity": "pair"}),
        },
        coords={"time": np.arange(N_FRAMES) / FPS, "individual": ANIMALS, "target": ANIMALS},
        attrs={"recording": "7", "fps": FPS},
    )


def who(table: pd.DataFrame) -> list[tuple[str, object]]:
    return [(individual, target) for individual, target in zip(table["individual"], table["target"], strict=True)]


def test_a_solitary_behavior_has_a_row_per_bout_and_no_target(features: xr.Dataset) -> None:
    bouts, frames = predict_tables(artifact("speed > 25 ± 5 mm/s", "solitary"), features)
    assert who(bouts) == [("abe", pd.NA)]
    bout = bouts.iloc[0]
    assert (bout["recording"], bout["behavior"]) == ("7", "chase")
    assert (bout["start_frame"], bout["stop_frame"], bout["start_s"], bout["stop_s"]) == (5, 10, 0.5, 1.0)
    assert bout["mean_prob"] == pytest.approx(1 / (1 + np.exp(-5)))
    assert frames["individual"].tolist() == np.repeat(ANIMALS, N_FRAMES).tolist()
    assert frames["frame"].tolist() == list(range(N_FRAMES)) * 3
    assert frames["target"].isna().all()


def test_an_undirected_behavior_has_one_row_for_the_two_animals(features: xr.Dataset) -> None:
    bouts, frames = predict_tables(artifact("nose_to_nose < 20 mm", "undirected"), features)
    assert who(bouts) == [("abe", "bob")]
    assert bouts[["start_frame", "stop_frame"]].to_numpy().tolist() == [[8, 15]]
    assert list(dict.fromkeys(who(frames))) == [("abe", "bob"), ("abe", "cid"), ("bob", "cid")]


def test_an_undirected_behavior_may_ask_which_animal_does_it(features: xr.Dataset) -> None:
    program = artifact("either(speed[agent] > 25 mm/s and facing_angle[agent] < 1 rad)", "undirected")
    renamed = features.assign_coords(individual=["zoe", "bob", "cid"], target=["zoe", "bob", "cid"])
    # Names decide who comes first in the pair, not who does what.
    for given, pair in ((features, ("abe", "bob")), (renamed, ("bob", "zoe"))):
        bouts, _ = predict_tables(program, given)
        assert who(bouts) == [pair]
        assert bouts[["start_frame", "stop_frame"]].to_numpy().tolist() == [[5, 10]]


def test_a_directed_behavior_names_agent_and_target(features: xr.Dataset) -> None:
    program = artifact("speed[agent] > 25 mm/s and facing_angle[agent] < 1 rad", "directed")
    bouts, frames = predict_tables(program, features)
    assert who(bouts) == [("abe", "bob")]
    assert len(set(who(frames))) == 6
    passive = artifact("speed[target] > 25 mm/s and facing_angle[target] < 1 rad", "directed")
    bouts, _ = predict_tables(passive, features)
    assert who(bouts) == [("bob", "abe")]


def test_frames_without_data_have_no_probability_and_no_bout(features: xr.Dataset) -> None:
    features["speed"][6:8, 0] = np.nan
    bouts, frames = predict_tables(artifact("speed > 25 ± 5 mm/s", "solitary"), features)
    assert bouts[["start_frame", "stop_frame"]].to_numpy().tolist() == [[5, 6], [8, 10]]
    of_abe = frames[frames["individual"] == "abe"]
    assert of_abe.loc[of_abe["prob"].isna(), "frame"].tolist() == [6, 7]


def test_tables_keep_their_columns_where_nothing_is_found(features: xr.Dataset) -> None:
    bouts, frames = predict_tables(artifact("speed > 1000 mm/s", "solitary"), features)
    assert bouts.empty
    assert {name: str(dtype) for name, dtype in bouts.dtypes.items()} == dict(BOUT_DTYPES)
    assert {name: str(dtype) for name, dtype in frames.dtypes.items()} == dict(FRAME_DTYPES)
    assert (frames["prob"] < 0.5).all()


def test_windows_and_bouts_are_in_seconds_of_the_recording(features: xr.Dataset) -> None:
    features["speed"][7, 0] = 0
    program = artifact("min_bout(fill_gaps(speed > 25 mm/s, 0.1 s), 0.5 s)", "solitary")
    bouts, _ = predict_tables(program, features)
    assert bouts[["start_frame", "stop_frame"]].to_numpy().tolist() == [[5, 10]]
    bouts, _ = predict_tables(program, features.assign_attrs(fps=2 * FPS))
    assert bouts.empty


def test_features_beyond_those_needed_are_not_read(features: xr.Dataset) -> None:
    program = artifact("nose_to_nose < 20 mm", "undirected")
    needed = features[list(program.features)]
    for all_of_them, only_needed in zip(
        predict_tables(program, features), predict_tables(program, needed), strict=True
    ):
        pd.testing.assert_frame_equal(all_of_them, only_needed)


def test_a_missing_feature_is_named(features: xr.Dataset) -> None:
    with pytest.raises(FeatureError, match=r"found the feature 'bend\[agent\]'"):
        predict_tables(artifact("bend[agent] < 1 rad and nose_to_nose < 9 mm", "undirected"), features)


def test_two_animals_are_not_found_in_a_recording_of_one(features: xr.Dataset) -> None:
    alone = features.isel(individual=[0], target=[0])
    with pytest.raises(
        FeatureError, match=r"7: found one animal \(abe\) where a behavior of kind undirected needs two"
    ):
        predict_tables(artifact("nose_to_nose < 20 mm", "undirected"), alone)


def test_features_in_other_units_than_the_program_are_refused(features: xr.Dataset) -> None:
    with pytest.raises(UnitError, match="found a threshold in bl, expected mm, the unit of nose_to_nose"):
        predict_tables(artifact("nose_to_nose < 0.2 bl", "undirected"), features)
