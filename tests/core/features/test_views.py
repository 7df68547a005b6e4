from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from nsp_core.errors import FeatureError
from nsp_core.features import compute_features, feature_sequences, participants, swap_reference
from nsp_core.units import parse_unit

Film = Callable[..., xr.Dataset]
Roles = dict[str, tuple[str, ...]]
NAMES = ["speed", "nose_to_nose", "facing_angle"]


@pytest.fixture(scope="session")
def features(film: Film, roles: Roles) -> xr.Dataset:
    """Three animals, of which the second one is listed first."""
    rng = np.random.default_rng(0)
    center = rng.uniform(0, 300, size=(20, 3, 2)) @ [1, 1j]
    poses = film(center, rng.uniform(-3, 3, size=center.shape)).isel(individual=[1, 0, 2])
    return compute_features(poses, roles, NAMES)


def series(sequence: xr.DataArray, reference: str) -> np.ndarray:
    return sequence.sel(feature=reference).values


def test_a_directed_behavior_has_every_ordered_dyad(features: xr.Dataset) -> None:
    sequences = feature_sequences(features, "directed")
    dyads = [(one.attrs["individual"], one.attrs["target"]) for one in sequences]
    assert dyads == [("bob", "abe"), ("bob", "cid"), ("abe", "bob"), ("abe", "cid"), ("cid", "bob"), ("cid", "abe")]
    first = sequences[0]
    assert first["feature"].values.tolist() == [
        "speed[agent]",
        "speed[target]",
        "nose_to_nose",
        "facing_angle[agent]",
        "facing_angle[target]",
    ]
    of = features.sel(individual="bob", target="abe")
    np.testing.assert_array_equal(series(first, "speed[agent]"), features["speed"].sel(individual="bob"))
    np.testing.assert_array_equal(series(first, "speed[target]"), features["speed"].sel(individual="abe"))
    np.testing.assert_array_equal(series(first, "nose_to_nose"), of["nose_to_nose"])
    np.testing.assert_array_equal(series(first, "facing_angle[agent]"), of["facing_angle"])
    back = features["facing_angle"].sel(individual="abe", target="bob")
    np.testing.assert_array_equal(series(first, "facing_angle[target]"), back)


def test_an_undirected_behavior_has_every_dyad_once_names_sorted(features: xr.Dataset) -> None:
    sequences = feature_sequences(features, "undirected")
    dyads = [(one.attrs["individual"], one.attrs["target"]) for one in sequences]
    assert dyads == [("abe", "bob"), ("abe", "cid"), ("bob", "cid")]
    first = sequences[0]
    agent, target = series(first, "facing_angle[agent]"), series(first, "facing_angle[target]")
    np.testing.assert_array_equal(series(first, "facing_angle[higher]"), np.maximum(agent, target))
    np.testing.assert_array_equal(series(first, "facing_angle[lower]"), np.minimum(agent, target))
    assert "nose_to_nose[higher]" not in first["feature"].values


def test_higher_and_lower_are_missing_only_where_both_are(features: xr.Dataset) -> None:
    gaps = features.copy(deep=True)
    gaps["speed"].loc[{"individual": "abe"}] = np.nan
    sequence = feature_sequences(gaps, "undirected")[0]
    of_bob = series(sequence, "speed[target]")
    np.testing.assert_array_equal(series(sequence, "speed[higher]"), of_bob)
    np.testing.assert_array_equal(series(sequence, "speed[lower]"), of_bob)
    assert np.isnan(series(sequence, "speed[lower]")).sum() == 6


def test_a_solitary_behavior_has_every_individual_without_brackets(features: xr.Dataset) -> None:
    sequences = feature_sequences(features, "solitary")
    assert [(one.attrs["individual"], one.attrs["target"]) for one in sequences] == [
        ("bob", ""),
        ("abe", ""),
        ("cid", ""),
    ]
    assert sequences[0]["feature"].values.tolist() == ["speed"]


def test_sequences_carry_units_time_and_provenance(features: xr.Dataset) -> None:
    sequence = feature_sequences(features, "directed")[0]
    assert sequence.dims == ("time", "feature")
    assert sequence.dtype == np.float32
    assert sequence["unit"].values.tolist() == ["bl/s", "bl/s", "bl", "rad", "rad"]
    assert parse_unit(sequence["unit"].values[0]).length_reference == "body"
    assert sequence["time"].values[3] == pytest.approx(0.1)
    assert sequence.attrs == {"recording": "recording_1", "individual": "bob", "target": "abe", "fps": 30.0}


def test_twenty_animals_are_possible() -> None:
    names = [f"fish_{index:02d}" for index in range(20)]
    assert len(participants(names, "directed")) == 380
    assert len(participants(names, "undirected")) == 190


@pytest.mark.parametrize(
    ("reference", "swapped"),
    [
        ("speed[agent]", "speed[target]"),
        ("speed[target]", "speed[agent]"),
        ("speed[higher]", "speed[higher]"),
        ("nose_to_nose", "nose_to_nose"),
    ],
)
def test_swapping_exchanges_agent_and_target(reference: str, swapped: str) -> None:
    assert swap_reference(reference) == swapped
    assert swap_reference(swapped) == reference


def test_swapped_references_of_one_order_are_the_other_order(features: xr.Dataset) -> None:
    sequences = {(s.attrs["individual"], s.attrs["target"]): s for s in feature_sequences(features, "directed")}
    forth, back = sequences["abe", "bob"], sequences["bob", "abe"]
    for reference in forth["feature"].values:
        np.testing.assert_array_equal(series(forth, reference), series(back, swap_reference(reference)))


def test_one_animal_has_no_dyad(film: Film, roles: Roles) -> None:
    alone = compute_features(film(np.zeros((9, 1))), roles)
    with pytest.raises(FeatureError, match=r"one animal \(abe\) where a behavior of kind directed needs two"):
        feature_sequences(alone, "directed")


def test_features_that_do_not_fit_the_kind(features: xr.Dataset) -> None:
    with pytest.raises(FeatureError, match="no feature for a behavior of kind solitary among nose_to_nose"):
        feature_sequences(features[["nose_to_nose"]], "solitary")


@pytest.fixture(scope="session")
def angles(film: Film, roles: Roles) -> xr.Dataset:
    """Two animals that look past each other, the second one to the left of the first and out of line."""
    return compute_features(film(np.tile([0, -200 + 100j], (3, 1)), [0.5, -3.0]), roles, ["heading", "bearing", "bend"])


def test_angles_that_wrap_are_words_of_programs(angles: xr.Dataset) -> None:
    for kind in ("directed", "undirected"):
        sequence = feature_sequences(angles, kind)[0]
        units = dict(zip(sequence["feature"].values, sequence["unit"].values, strict=True))
        assert units["heading[agent]"] == units["heading[target]"] == units["bearing[target]"] == "rad"
        np.testing.assert_allclose(series(sequence, "heading[agent]"), 0.5, atol=1e-6)
        np.testing.assert_allclose(series(sequence, "heading[target]"), -3.0, atol=1e-6)
        expected = np.arctan2(100, -200) - 0.5
        np.testing.assert_allclose(series(sequence, "bearing[agent]"), expected, atol=1e-6)
    (alone,) = feature_sequences(angles[["heading"]].isel(individual=[0]), "solitary")
    assert alone["feature"].values.tolist() == ["heading"]


def test_neither_of_two_angles_that_wrap_is_the_higher(angles: xr.Dataset) -> None:
    names = feature_sequences(angles, "undirected")[0]["feature"].values.tolist()
    assert [name for name in names if name.endswith(("[higher]", "[lower]"))] == ["bend[higher]", "bend[lower]"]
