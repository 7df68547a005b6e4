"""The published productions against plain numpy on the frames that the paper says, and without the public defects."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from nsp_core.dsl.ast import Before, Compare, Condition, Constant, Feature, Number, Sum, feature_names
from nsp_core.dsl.places import is_atom
from nsp_core.dsl.published import PRODUCTIONS, Production, production
from nsp_core.dsl.semantics import exact_states, soft_bounds
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.dsl.typecheck import check_program, unit_of_number
from nsp_core.errors import FeatureError, ProgramError
from nsp_core.units import DIMENSIONLESS, TimeReference, parse_unit

Series = NDArray[np.float64]
Tracks = dict[str, NDArray[np.float32]]

N_FRAMES = 40
UNITS = {
    **{f"centroid_{axis}[{whose}]": parse_unit("px") for whose in ("agent", "target") for axis in "xy"},
    "centroid_distance": parse_unit("px"),
    "speed[agent]": parse_unit("mm/frame"),
    "bend[agent]": parse_unit("rad"),
    "elongation[agent]": parse_unit(""),
}
POSITION = {
    "centroid_x[agent]": 0.02,
    "centroid_y[agent]": -0.05,
    "centroid_x[target]": 0.03,
    "centroid_y[target]": 0.01,
}
AVERAGES = {"last5": (4, 0), "last10": (9, 0), "window5": (2, 2), "window7": (3, 3), "window11": (5, 5)}

add, multiply, affine, choose = (production(name).build for name in ("add", "multiply", "affine", "if_then_else"))
window11, mapprefix = production("window11_average").build, production("mapprefix").build
X, Y = Feature("elongation[agent]"), affine({"speed[agent]": 0.4}, -0.3, UNITS)


@pytest.fixture
def tracks() -> Tracks:
    rng = np.random.default_rng(3)
    return {
        name: rng.normal(0, 1 + 20 * (str(unit) == "px"), N_FRAMES).astype(np.float32) for name, unit in UNITS.items()
    }


def values_of(number: Number, tracks: Tracks, fps: float | None = None) -> Series:
    """The number itself, read off the smooth degree of a comparison with 0; exact enough for numbers of size 1."""
    time_reference: TimeReference = "frame" if fps is None else "s"
    program = Compare(number, ">", 0.0, 4.0, unit_of_number(number, UNITS, time_reference))
    check_program(program, UNITS, time_reference)
    low, high = soft_bounds(program, tracks.__getitem__, fps)
    with np.errstate(divide="ignore"):
        return np.where(low == high, -4 * np.log(1 / low.astype(np.float64) - 1), np.nan)


def plain(tracks: Tracks, name: str) -> Series:
    return tracks[name].astype(np.float64)


def mean_over(series: Series, before: int, after: int) -> Series:
    """The mean of the known frames from so many before to so many after, one frame at a time."""
    return np.array([np.nanmean(series[max(t - before, 0) : t + after + 1]) for t in range(len(series))])


def arguments_of(one: Production) -> tuple[object, ...]:
    if one.name == "affine":
        return {"bend[agent]": 0.5}, 0.1, UNITS
    if one.name == "fold":
        return (affine({"bend[agent]": 0.5}, 0.1, UNITS, before=0.9),)
    samples = {"feature": "bend[agent]", "number": 0.7, "sequence -> atom": window11(X), "sequence -> sequence": Y}
    return tuple(samples.get(kind, X) for kind in one.arguments)


@pytest.mark.parametrize("one", PRODUCTIONS, ids=lambda one: one.name)
def test_every_production_builds_a_number_that_type_checks_and_reads_back(one: Production) -> None:
    number = one.build(*arguments_of(one))
    unit = unit_of_number(number, UNITS, "frame")
    assert unit == (parse_unit("rad") if one.name == "input" else DIMENSIONLESS)
    program = Compare(number, ">", 0.5, 0.0, unit)
    assert parse_program(format_program(program)) == program
    assert one.documentation.endswith(".")
    assert one.source.startswith("Shah et al. 2020")


def test_an_unknown_production_is_answered_with_the_closest() -> None:
    with pytest.raises(ProgramError, match=r"the production 'window12_average'.*did you mean 'window11_average'\?"):
        production("window12_average")
    with pytest.raises(ProgramError, match=r"one of map, mapprefix, fold.*choose one of these"):
        production("zzz")


@pytest.mark.parametrize("fps", [None, 25.0, 29.97])
@pytest.mark.parametrize("name", AVERAGES)
def test_an_average_is_over_the_published_frames_and_cut_at_the_ends(
    tracks: Tracks, name: str, fps: float | None
) -> None:
    number = production(f"{name}_average").build(X, fps=fps)
    expected = mean_over(plain(tracks, X.name), *AVERAGES[name])
    np.testing.assert_allclose(values_of(number, tracks, fps), expected, atol=1e-4)


def test_an_average_is_of_the_features_and_not_of_the_function(tracks: Tracks) -> None:
    mean = mean_over(plain(tracks, X.name), 2, 2)
    squared = production("window5_average").build(multiply(X, X))
    np.testing.assert_allclose(values_of(squared, tracks), mean**2, atol=1e-4)
    gated = production("window5_average").build(choose(X, X, Constant(1.0)))
    gate = 1 / (1 + np.exp(-mean))
    np.testing.assert_allclose(values_of(gated, tracks), gate * mean + (1 - gate), atol=1e-4)


def test_window11_is_eleven_centered_frames(tracks: Tracks) -> None:
    """The public code reads it at the last frame of a clip, where only six of the frames are there."""
    before = values_of(window11(X), tracks)
    for lag in range(-8, 9):
        moved = {name: series.copy() for name, series in tracks.items()}
        moved[X.name][20 + lag] += 2.0
        change = values_of(window11(X), moved)[20] - before[20]
        assert change == pytest.approx(2 / 11 if abs(lag) <= 5 else 0.0, abs=1e-4)


@pytest.mark.parametrize(
    "inner",
    [
        choose(window11(X), window11(Y), Constant(0.5)),
        production("sequence_if_then_else").build(window11(X), Y, X),
        production("window5_average").build(multiply(X, Y)),
        production("fold").build(affine({"elongation[agent]": 0.5}, 0.1, UNITS, before=0.9)),
    ],
    ids=["gate of averages", "sequence gate", "average", "fold"],
)
@pytest.mark.parametrize("t", [0, 3, 17])
def test_nothing_below_mapprefix_sees_a_later_frame(tracks: Tracks, inner: Number, t: int) -> None:
    """In the public code the gate of an if reads the whole clip, its last frames too, even for frame 0."""
    program = Compare(mapprefix(inner), ">", 0.0, 1.0)
    check_program(program, UNITS, "frame")
    ended = {name: series[: t + 1] for name, series in tracks.items()}
    other = {name: np.append(series[: t + 1], 50 * series[t + 1 :]) for name, series in tracks.items()}
    whole, changed, prefix = (soft_bounds(program, each.__getitem__, None)[0] for each in (tracks, other, ended))
    np.testing.assert_array_equal(changed[: t + 1], whole[: t + 1])
    np.testing.assert_array_equal(prefix, whole[: t + 1])
    without = Compare(inner, ">", 0.0, 1.0)
    np.testing.assert_allclose(soft_bounds(without, ended.__getitem__, None)[0][t], whole[t], atol=1e-6)


@pytest.mark.parametrize("name", AVERAGES)
def test_missing_frames_never_enter_an_average(tracks: Tracks, name: str) -> None:
    """The public code pads short clips with -1 and averages the padding."""
    number = production(f"{name}_average").build(affine({X.name: 0.8}, 0.1, UNITS))
    padded = {feature: np.append(series, np.full(12, np.nan, np.float32)) for feature, series in tracks.items()}
    np.testing.assert_array_equal(values_of(number, padded)[:N_FRAMES], values_of(number, tracks))
    lost = {**tracks, X.name: np.where(np.arange(N_FRAMES) % 3 == 1, np.float32(np.nan), tracks[X.name])}
    expected = 0.8 * mean_over(plain(lost, X.name), *AVERAGES[name]) + 0.1
    np.testing.assert_allclose(values_of(number, lost), expected, atol=1e-4)


def test_a_fold_carries_its_value_over_missing_frames(tracks: Tracks) -> None:
    fold = production("fold").build(affine({X.name: 0.3}, 0.1, UNITS, before=0.6))
    lost = {**tracks, X.name: np.where(np.arange(N_FRAMES) % 7 == 3, np.float32(np.nan), tracks[X.name])}
    expected, carried = np.full(N_FRAMES, np.nan), 0.0
    for frame, x in enumerate(plain(lost, X.name)):
        if not np.isnan(x):
            expected[frame] = carried = 0.3 * x + 0.6 * carried + 0.1
    np.testing.assert_allclose(values_of(fold, lost), expected, atol=1e-4)


def test_a_gate_is_smooth_with_softness_one_and_a_step_in_the_printed_rule(
    tracks: Tracks,
) -> None:
    gated = choose(X, Y, Constant(-0.2))
    x, y = plain(tracks, X.name), 0.4 * plain(tracks, "speed[agent]") - 0.3
    gate = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(values_of(gated, tracks), gate * y + (1 - gate) * -0.2, atol=1e-4)
    states = exact_states(Compare(gated, ">", 0.0), tracks.__getitem__, None)
    np.testing.assert_array_equal(states == 1, np.where(x > 0, y, -0.2) > 0)


def test_the_best_program_of_dpads_on_crim13(tracks: Tracks) -> None:
    """``Map(Multiply(PositionAffine, DistanceAffine))``, Cui & Zhu 2021, NeurIPS, with weights of our own."""
    position, distance = affine(POSITION, 0.4, UNITS), affine({"centroid_distance": -0.11}, 0.25, UNITS)
    found = production("map").build(multiply(position, distance))
    program: Condition = Compare(found, ">", 0.0, 1.0)
    check_program(program, UNITS, "frame")
    by_hand = (sum(weight * plain(tracks, name) for name, weight in POSITION.items()) + 0.4) * (
        -0.11 * plain(tracks, "centroid_distance") + 0.25
    )
    assert np.abs(by_hand).min() > 1e-3
    np.testing.assert_array_equal(exact_states(program, tracks.__getitem__, None), by_hand > 0)
    np.testing.assert_allclose(soft_bounds(program, tracks.__getitem__, None)[0], 1 / (1 + np.exp(-by_hand)), atol=1e-5)
    assert feature_names(program) == (*POSITION, "centroid_distance")
    assert is_atom(found)


def test_every_weight_has_the_unit_that_makes_a_bare_number_of_its_feature() -> None:
    number = affine({"speed[agent]": 2.0, "bend[agent]": -1.0, "elongation[agent]": 0.5}, 1.0, UNITS)
    text = "2 frame/mm * speed[agent] + -1 1/rad * bend[agent] + 0.5 * elongation[agent] + 1"
    assert format_program(number) == text
    assert unit_of_number(number, UNITS, "frame") == DIMENSIONLESS


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ({"speed[agnet]": 1.0}, FeatureError, r"a weight for the feature 'speed\[agnet\]'.*did you mean 'speed\[agent"),
        ({"zzz": 1.0}, FeatureError, "a weight for the feature 'zzz'.*give the unit of every feature of the subset"),
        ({}, ProgramError, "an empty subset of features, expected at least one feature"),
    ],
)
def test_an_affine_function_of_impossible_features_is_refused(
    weights: dict[str, float], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        affine(weights, 0.0, UNITS)


@pytest.mark.parametrize("name", AVERAGES)
def test_an_average_of_what_looks_at_other_frames_is_refused(name: str) -> None:
    build: Callable[..., Number] = production(f"{name}_average").build
    with pytest.raises(ProgramError, match=r"an average of mean\(elongation\[agent\], 11 frame\), which looks at"):
        build(window11(X))


def test_before_stands_for_the_fold_alone() -> None:
    with pytest.raises(ProgramError, match="before outside a fold"):
        unit_of_number(Sum((Before(), Constant(1.0))), UNITS, "frame")
