from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nsp_core.dsl.ast import Duration, Feature, Windowed
from nsp_core.dsl.operators import Semantics, operator_of
from nsp_core.errors import ProgramError, UnitError
from nsp_core.temporal.operators import TEMPORAL_OPERATORS, TemporalOperator, temporal_operator_for
from nsp_core.temporal.span import Window
from nsp_core.units import parse_unit

FPS = 10.0
PARAMETERS = {"q": 0.3, "sigma_s": 0.2, "frequency_hz": 2.0}
CIRCULAR = [
    replace(each, name=f"circular {each.name}", function=each.circular) for each in TEMPORAL_OPERATORS if each.circular
]
ALL = [*TEMPORAL_OPERATORS, *CIRCULAR]
BOUNDED = [each for each in ALL if each.extent != "past"]
NAMES = [each.name for each in TEMPORAL_OPERATORS]

every_operator = pytest.mark.parametrize("operator", ALL, ids=lambda each: each.name)
every_bounded_operator = pytest.mark.parametrize("operator", BOUNDED, ids=lambda each: each.name)
windows = st.builds(Window, st.integers(0, 15), st.integers(0, 15))


def parameters_of(operator: TemporalOperator) -> dict[str, float]:
    return {parameter.name: PARAMETERS[parameter.name] for parameter in operator.parameters}


def margin_of(operator: TemporalOperator, window: Window) -> Window:
    margin = operator.margin(window, fps=FPS, **parameters_of(operator))
    assert margin is not None
    return margin


def applied(operator: TemporalOperator, values: np.ndarray, window: Window, first_frame: int = 0) -> np.ndarray:
    return operator.apply(values, window, first_frame=first_frame, fps=FPS, **parameters_of(operator))


def as_input(operator: TemporalOperator, values: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(values), values, values > 0) if operator.takes == "condition" else values


@every_bounded_operator
@given(
    values=hnp.arrays(
        np.float32, st.integers(1, 70), elements=st.one_of(st.just(np.nan), st.floats(-3.125, 3.125, width=32))
    ),
    window=windows,
    start=st.integers(0, 69),
    length=st.integers(1, 70),
)
@example(values=np.where(np.arange(21) == 19, -0.0, 0.0).astype(np.float32), window=Window(1, 0), start=5, length=16)
def test_a_chunk_with_its_margin_equals_the_whole_to_the_bit(
    operator: TemporalOperator, values: np.ndarray, window: Window, start: int, length: int
) -> None:
    values = as_input(operator, values)
    margin = margin_of(operator, window)
    start %= len(values)
    stop = min(start + length, len(values))
    first = max(start - margin.before, 0)
    chunk = applied(operator, values[first : stop + margin.after], window, first)
    whole = applied(operator, values, window)
    assert chunk[start - first : stop - first].tobytes() == whole[start:stop].tobytes()


@every_bounded_operator
@given(
    values=hnp.arrays(np.float32, st.integers(10, 60), elements=st.floats(-1, 1, width=32)),
    window=windows,
    where=st.integers(0, 59),
)
def test_a_huge_value_changes_no_bit_outside_its_window(
    operator: TemporalOperator, values: np.ndarray, window: Window, where: int
) -> None:
    values = as_input(operator, values)
    margin = margin_of(operator, window)
    where %= len(values)
    outlier = values.copy()
    outlier[where] = 1e30 if operator.takes == "number" else np.nan
    lag = where - np.arange(len(values))
    far = (lag < -margin.before) | (lag > margin.after)
    np.testing.assert_array_equal(applied(operator, values, window)[far], applied(operator, outlier, window)[far])


@every_operator
def test_operators_work_along_time_and_keep_the_shape(operator: TemporalOperator) -> None:
    values = as_input(operator, np.random.default_rng(0).normal(size=(50, 2, 3)).astype(np.float32))
    together = applied(operator, values, Window(4, 2))
    assert together.shape == values.shape
    assert together.dtype == np.float32
    np.testing.assert_array_equal(together[:, 1, 2], applied(operator, values[:, 1, 2], Window(4, 2)))


@every_operator
def test_what_was_never_seen_stays_missing(operator: TemporalOperator) -> None:
    assert np.isnan(applied(operator, np.full((9, 2), np.nan, dtype=np.float32), Window(2, 1))).all()


@every_operator
def test_an_empty_series_stays_empty(operator: TemporalOperator) -> None:
    assert applied(operator, np.empty((0, 2), dtype=np.float32), Window(3, 3)).shape == (0, 2)


@every_operator
def test_a_window_far_longer_than_the_recording_is_the_whole_of_it(operator: TemporalOperator) -> None:
    values = as_input(operator, np.random.default_rng(0).uniform(-1, 1, 20).astype(np.float32))
    endless, whole = Window(2**40, 2**40), Window(20, 20)
    np.testing.assert_allclose(applied(operator, values, endless), applied(operator, values, whole), rtol=1e-6)


@pytest.mark.parametrize("operator", TEMPORAL_OPERATORS, ids=lambda each: each.name)
def test_operators_say_what_they_are(operator: TemporalOperator) -> None:
    assert NAMES.count(operator.name) == 1
    assert operator.documentation.endswith(".")
    assert operator.edges.endswith(".")
    assert "->" in operator.signature
    assert (operator.carried is not None) == (operator.extent == "past")


@pytest.mark.parametrize(
    ("name", "unit", "result"),
    [
        ("mean", "mm", "mm"),
        ("quantile", "bl/s", "bl/s"),
        ("morlet", "rad", "rad"),
        ("slope", "mm", "mm/s"),
        ("slope", "bl/s", "bl/s^2"),
        ("slope", "s", ""),
        ("fraction", "", ""),
        ("time_since", "", "s"),
    ],
)
def test_operators_state_the_unit_of_their_result(name: str, unit: str, result: str) -> None:
    assert temporal_operator_for(name).unit_of(parse_unit(unit), "s") == parse_unit(result)


def test_without_a_frame_rate_time_is_in_frames() -> None:
    assert str(temporal_operator_for("slope").unit_of(parse_unit("px/frame"), "frame")) == "px/frame^2"
    assert str(temporal_operator_for("time_since").unit_of(parse_unit(""), "frame")) == "frame"
    line = np.arange(5, dtype=np.float32)
    assert temporal_operator_for("slope").apply(line, Window(1, 1)).tolist() == [1.0] * 5


def test_a_slope_does_not_mix_seconds_and_frames() -> None:
    with pytest.raises(UnitError, match="found a slope of 'px/frame' per s, expected a slope per frame"):
        temporal_operator_for("slope").unit_of(parse_unit("px/frame"), "s")


def test_programs_and_features_mean_the_same_mean() -> None:
    values = np.random.default_rng(0).normal(size=100).astype(np.float32)
    node = Windowed(Feature("speed"), Duration(0.5))
    number = operator_of(node).number
    assert number is not None
    shared = temporal_operator_for("mean").apply(values, Window.centered(0.5, 30.0))
    np.testing.assert_array_equal(number(node, values, Semantics(fps=30.0, temperature=0.0)), shared)


@pytest.mark.parametrize("name", ["min", "max", "quantile", "gaussian", "morlet"])
def test_a_plain_extreme_of_an_angle_is_a_type_error(name: str) -> None:
    with pytest.raises(ProgramError, match=f"found the {name} of a signed angle, expected one of mean, std, range"):
        temporal_operator_for(name, circular=True)


@pytest.mark.parametrize("name", ["fraction", "time_since"])
def test_an_angle_is_no_condition(name: str) -> None:
    with pytest.raises(ProgramError, match=f"the {name} of a signed angle.*compare the angle with a threshold first"):
        temporal_operator_for(name, circular=True)


def test_an_unknown_operator_is_answered_with_the_closest() -> None:
    with pytest.raises(ProgramError, match=r"found the temporal operator 'quantil'.*did you mean 'quantile'"):
        temporal_operator_for("quantil")
    with pytest.raises(ProgramError, match=r"expected one of mean, min, max.*choose one of these"):
        temporal_operator_for("xyz")


def test_missing_windows_and_parameters_are_named() -> None:
    values = np.ones(3, dtype=np.float32)
    with pytest.raises(ProgramError, match=r"found mean without a window.*give a window"):
        temporal_operator_for("mean").apply(values)
    with pytest.raises(ProgramError, match="found quantile with no parameter, expected quantile with q"):
        temporal_operator_for("quantile").apply(values, Window(1, 1))
    with pytest.raises(ProgramError, match="found mean with q, expected mean with no parameter"):
        temporal_operator_for("mean").margin(Window(1, 1), q=0.5)


def test_operators_state_the_frames_they_look_at() -> None:
    assert temporal_operator_for("max").margin(Window(3, 0)) == Window(3, 0)
    assert temporal_operator_for("gaussian").margin(fps=30.0, sigma_s=0.5) == Window(60, 60)
    assert temporal_operator_for("time_since").margin() is None
