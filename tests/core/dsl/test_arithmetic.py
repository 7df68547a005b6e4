from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from nsp_core.dsl.ast import Duration, Feature, Filtered, MapPrefix, Number
from nsp_core.dsl.semantics import series_of
from nsp_core.dsl.text import parse_program
from nsp_core.errors import ProgramError, UnitError
from nsp_core.temporal.circular import circular_delta, circular_mean, circular_range, circular_slope
from nsp_core.temporal.filters import gaussian_filter, morlet_filter
from nsp_core.temporal.span import Window
from nsp_core.temporal.window import window_mean, window_std

FPS = 10.0
PI = float(np.float32(np.pi))
NAN = np.nan


def number(text: str) -> Number:
    return parse_program(f"{text} > 0").child


def values(text: str, *, temperature: float = 0.0, **tracks: ArrayLike) -> NDArray[np.floating]:
    return series_of(number(text), lambda name: np.asarray(tracks[name], dtype=np.float32), FPS, temperature)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x + y", [5, NAN, 1]),
        ("x - y", [-1, NAN, -5]),
        ("x * y", [6, NAN, -6]),
        ("x / y", [2 / 3, NAN, -2 / 3]),
        ("y / x", [1.5, NAN, -1.5]),
        ("-x", [-2, -0.0, 2]),
        ("abs(x)", [2, 0, 2]),
        ("x * x * 0.5 + 1", [3, 1, 3]),
        ("map(x)", [2, 0, -2]),
        ("1 / x", [0.5, NAN, -0.5]),
        ("x / (x - x)", [NAN, NAN, NAN]),
        ("if(x > 0, x, y)", [2, NAN, 3]),
        ("if(x > -1, x, y)", [2, 0, 3]),
        ("if(y > 9, y, x)", [2, NAN, -2]),
    ],
)
def test_arithmetic_frame_by_frame(text: str, expected: list[float]) -> None:
    result = values(text, x=[2, 0, -2], y=[3, NAN, 3])
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, np.float32(expected))


def test_what_leaves_the_range_of_numbers_is_missing() -> None:
    np.testing.assert_array_equal(values("x * x", x=[1e30, -1e30, 1e3]), np.float32([NAN, NAN, 1e6]))
    np.testing.assert_array_equal(values("range(x / y, past 1 s)", x=[1, 1], y=[1e-40, 1]), [NAN, 0])


def test_a_decimal_constant_loses_no_digits() -> None:
    # As float32, 0.1 is larger by 1.5e-9, and a million of them by more than float32 resolves.
    assert values("1e6 * (x - 0.1)", x=[0.1])[0] == pytest.approx(1.49e-3, rel=1e-2)


def test_a_window_may_hold_any_number() -> None:
    tracks = {"x": [2, 4, NAN, 8], "y": [1, 1, 1, 2]}
    np.testing.assert_array_equal(values("mean(x / y, past 0.2 s)", **tracks), [2, 3, 4, 4])
    np.testing.assert_array_equal(values("max(mean(x, past 0.2 s), next 0.2 s)", **tracks), [3, 4, 8, 8])
    np.testing.assert_array_equal(values("mean(3 mm, 1 s) + 0 * x", **tracks), [3, 3, NAN, 3])


@pytest.mark.parametrize(
    ("angle", "expected"),
    [
        (0, 0),
        (3, 3),
        (4, 4 - 2 * np.pi),
        (-4, 2 * np.pi - 4),
        (PI, PI),
        (-PI, PI),
        (3 * PI, PI),
        (100, 100 - 32 * np.pi),
    ],
)
def test_wrapped_angles_lie_above_minus_pi_and_up_to_pi(angle: float, expected: float) -> None:
    assert values("wrap(x)", x=[angle])[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("y", "x", "expected"),
    [
        (0, 1, 0),
        (1, 0, np.pi / 2),
        (0, -1, np.pi),
        (-0.0, -1, np.pi),
        (-1, -1, -0.75 * np.pi),
        (0, 0, NAN),
        (NAN, 1, NAN),
    ],
)
def test_the_direction_of_a_vector(y: float, x: float, expected: float) -> None:
    assert values("atan2(y, x)", y=[y], x=[x])[0] == pytest.approx(expected, nan_ok=True)


def test_the_negative_of_a_half_turn_is_a_half_turn() -> None:
    np.testing.assert_array_equal(values("-heading", heading=[PI, 1, NAN]), np.float32([np.pi, -1, NAN]))
    np.testing.assert_array_equal(values("-turning", turning=[PI]), np.float32([-np.pi]))


WINDOW = Window(1, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mean(heading, 0.2 s)", lambda x: circular_mean(x, WINDOW)),
        ("range(heading, 0.2 s)", lambda x: circular_range(x, WINDOW)),
        ("delta(heading, 0.2 s)", lambda x: circular_delta(x, WINDOW)),
        ("slope(heading, 0.2 s)", lambda x: circular_slope(x, WINDOW, fps=FPS)),
        ("mean(wrap(heading + 0 rad), 0.2 s)", lambda x: circular_mean(x, WINDOW)),
        ("mean(abs(heading), 0.2 s)", lambda x: window_mean(abs(x), WINDOW)),
        ("std(turning, 0.2 s)", lambda x: window_std(x, WINDOW)),
    ],
)
def test_windows_over_angles_that_wrap_are_circular_and_over_others_plain(text: str, expected) -> None:
    angles = np.float32([3.0, -3.0, 3.1, NAN, 0.5, 1.0])
    np.testing.assert_array_equal(values(text, heading=angles, turning=angles), expected(angles))


@pytest.mark.parametrize("text", ["min(heading, 1 s)", "gaussian(heading, 1 s)", "mapprefix(gaussian(heading, 1 s))"])
def test_what_has_no_meaning_for_an_angle_that_wraps_is_refused(text: str) -> None:
    with pytest.raises(ProgramError, match="of a signed angle, expected one of mean"):
        values(text, heading=[1.0])


def test_filters_are_those_of_the_features_in_seconds_and_in_frames() -> None:
    x = np.random.default_rng(0).normal(size=60).astype(np.float32)
    x[20:25] = NAN
    smoothed = gaussian_filter(x, sigma_s=0.3, fps=FPS)
    np.testing.assert_array_equal(values("gaussian(x, 0.3 s)", x=x), smoothed)
    np.testing.assert_allclose(values("gaussian(x, 3 frame)", x=x), smoothed, rtol=1e-6)
    trotting = morlet_filter(x, sigma_s=0.3, frequency_hz=2.0, fps=FPS)
    np.testing.assert_array_equal(values("morlet(x, 0.3 s, 2 1/s)", x=x), trotting)
    np.testing.assert_allclose(values("morlet(x, 3 frame, 0.2 1/frame)", x=x), trotting, atol=1e-6)


@pytest.mark.parametrize("outside", ["{}", "mapprefix({})"])
@pytest.mark.parametrize(
    ("text", "found", "limit"),
    [
        ("morlet(x, 0.3 s, 6 1/s)", "a filter of 6 1/s", "at most 5 1/s"),
        ("morlet(x, 3 frame, 0.6 1/frame)", "a filter of 0.6 1/frame", "at most 0.5 1/frame"),
    ],
)
def test_a_frequency_the_recording_cannot_show_is_refused(outside: str, text: str, found: str, limit: str) -> None:
    with pytest.raises(ProgramError, match="choose a frequency that the recording can show") as caught:
        values(outside.format(text), x=[1.0])
    assert caught.value.found == found
    assert caught.value.expected.startswith(f"a frequency of {limit}")


def test_a_filter_in_seconds_needs_a_frame_rate() -> None:
    filtered = Filtered(Feature("x"), Duration(0.3))
    for node in (filtered, MapPrefix(filtered)):
        with pytest.raises(UnitError, match=r"a duration of 0\.3 s and features without a frame rate"):
            series_of(node, lambda name: np.zeros(3, dtype=np.float32), None)


def test_a_share_of_time_leaves_unknown_frames_out() -> None:
    x = [1, 1, -1, NAN, NAN, NAN]
    np.testing.assert_allclose(values("fraction(x > 0, 0.2 s)", x=x), [1, 2 / 3, 0.5, 0, NAN, NAN], rtol=1e-6)
    np.testing.assert_allclose(values("fraction(x > 0, past 0.3 s)", x=x), [1, 1, 2 / 3, 0.5, 0, NAN], rtol=1e-6)


def test_a_smooth_share_of_time_is_the_mean_degree() -> None:
    share = values("fraction(x > 0 ± 1, past 0.2 s)", temperature=1.0, x=np.log([3.0, 1.0]))
    np.testing.assert_allclose(share, [0.75, 0.625], rtol=1e-6)


def test_a_smooth_choice_lies_between_its_options() -> None:
    # Degrees 0.75, 0.5 and one that is unknown.
    tracks = {"x": [np.log(3.0), 0.0, NAN], "y": [4, 4, 4], "z": [8, NAN, 8]}
    np.testing.assert_allclose(values("if(x > 0 ± 1, y, z)", temperature=1.0, **tracks), [5, NAN, NAN], rtol=1e-6)
    assert values("if(x > 0 ± 1e-9, y, z)", temperature=1.0, x=[-1, 1], y=[NAN, 1], z=[2, NAN]).tolist() == [2, 1]


def test_a_smooth_choice_between_two_angles_goes_the_short_way_round() -> None:
    tracks = {"x": [0.0, np.log(3.0)], "heading": [3.0, 3.0], "bearing": [-3.0, -3.0]}
    between = values("if(x > 0 ± 1, heading, bearing)", temperature=1.0, **tracks)
    np.testing.assert_allclose(between, [np.pi, 3 + 0.25 * (2 * np.pi - 6)], rtol=1e-6)
    plain = values("if(x > 0 ± 1, speed, turning)", temperature=1.0, x=[0.0], speed=[3.0], turning=[-3.0])
    assert plain.tolist() == [0]


def test_a_change_over_a_window_that_has_not_ended_is_missing_in_a_prefix() -> None:
    x = [1.0, 2, 4, 8]
    assert np.isnan(values("mapprefix(delta(x, 0.2 s))", x=x)).all()
    np.testing.assert_array_equal(values("mapprefix(delta(x, past 0.2 s))", x=x), [NAN, 1, 2, 4])


@pytest.mark.parametrize(
    "text", ["gaussian(x, 0.3 s)", "morlet(x, 0.3 s, 2.5 1/s)", "gaussian(x, 9 s)", "morlet(x, 0.01 s, 1 1/s)"]
)
def test_a_filter_in_a_prefix_knows_only_what_was_before(text: str) -> None:
    x = np.random.default_rng(1).normal(size=(50, 2)).astype(np.float32)
    x[:3, 0] = x[20:40, 1] = NAN
    ended = [values(text, x=x[: stop + 1])[-1] for stop in range(len(x))]
    np.testing.assert_allclose(values(f"mapprefix({text})", x=x), ended, atol=1e-6)
    assert values(f"mapprefix({text})", x=x[:0]).shape == (0, 2)


def test_a_frame_a_quarter_period_ago_has_no_weight_in_a_prefix_either() -> None:
    for text in ("morlet(x, 0.3 s, 2.5 1/s)", "mapprefix(morlet(x, 0.3 s, 2.5 1/s))"):
        np.testing.assert_array_equal(values(text, x=[1, NAN]), [1, NAN])
