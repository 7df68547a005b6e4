from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nsp_core.errors import ProgramError
from nsp_core.temporal.filters import filter_window, gaussian_filter, morlet_filter
from nsp_core.temporal.span import Window

FPS = 30.0
SECONDS = np.arange(600) / FPS

series = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 40), st.integers(1, 2)),
    elements=st.one_of(st.just(np.nan), st.floats(-100, 100, width=32)),
)


@given(values=series, sigma_s=st.floats(0.01, 0.4), frequency_hz=st.sampled_from([None, 0.3, 2.0, 7.5, 15.0]))
def test_filters_agree_with_their_formula(values: np.ndarray, sigma_s: float, frequency_hz: float | None) -> None:
    if frequency_hz is None:
        found = gaussian_filter(values, sigma_s=sigma_s, fps=FPS)
    else:
        found = morlet_filter(values, sigma_s=sigma_s, frequency_hz=frequency_hz, fps=FPS)
    half = filter_window(sigma_s, FPS).before
    expected = np.full(values.shape, np.nan)
    for t, column in np.ndindex(*values.shape):
        frame = np.arange(max(t - half, 0), min(t + half + 1, len(values)))
        frame = frame[~np.isnan(values[frame, column])]
        lag = (frame - t) / FPS
        weight = np.exp(-((lag / sigma_s) ** 2) / 2) * np.cos(2 * np.pi * (frequency_hz or 0.0) * lag)
        if np.abs(weight).sum() > 1e-9:
            expected[t, column] = (weight * values[frame, column]).sum() / np.abs(weight).sum()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def test_a_constant_stays_that_constant_beside_gaps_and_ends() -> None:
    constant = np.full(300, 0.1, dtype=np.float32)
    constant[np.random.default_rng(0).random(300) < 0.5] = np.nan
    assert (gaussian_filter(constant, sigma_s=0.3, fps=FPS) == np.float32(0.1)).all()


def test_a_gaussian_damps_a_wave_as_its_transform_says() -> None:
    sigma_s, frequency_hz = 0.1, 2.0
    wave = np.cos(2 * np.pi * frequency_hz * SECONDS)
    smooth = gaussian_filter(wave, sigma_s=sigma_s, fps=FPS)
    damping = np.exp(-2 * (np.pi * frequency_hz * sigma_s) ** 2)
    np.testing.assert_allclose(smooth[50:-50], damping * wave[50:-50], atol=1e-4)


@pytest.mark.parametrize("fps", [30.0, 60.0, 119.88])
def test_a_morlet_filter_answers_its_frequency_whatever_the_frame_rate(fps: float) -> None:
    seconds = np.arange(round(20 * fps)) / fps
    middle = slice(round(9 * fps), round(11 * fps))
    wave = np.cos(2 * np.pi * 3.0 * seconds)
    at_crests = morlet_filter(wave, sigma_s=0.5, frequency_hz=3.0, fps=fps)[middle].max()
    # The mean of cos^2 over the mean of |cos|.
    assert at_crests == pytest.approx(np.pi / 4, rel=0.02)


@pytest.mark.parametrize("other_hz", [1.0, 2.0, 5.0, 10.0])
def test_a_morlet_filter_does_not_answer_another_frequency(other_hz: float) -> None:
    wave = np.cos(2 * np.pi * other_hz * SECONDS)
    answer = morlet_filter(wave, sigma_s=0.5, frequency_hz=3.0, fps=FPS)
    assert (np.abs(answer[100:-100]) < 0.01).all()


def test_a_frame_without_weight_tells_nothing() -> None:
    # At a quarter of the frame rate the cosine is 0 one frame away: what is seen there has no weight.
    seen_beside = np.array([np.nan, 5.0, np.nan, np.nan, np.nan, np.nan], dtype=np.float32)
    answer = morlet_filter(seen_beside, sigma_s=0.1, frequency_hz=FPS / 4, fps=FPS)
    assert np.isnan(answer).tolist() == [True, False, True, False, True, False]


def test_a_sigma_far_longer_than_the_recording_is_defined() -> None:
    values = np.array([1.0, 2.0, np.nan, 6.0], dtype=np.float32)
    assert gaussian_filter(values, sigma_s=1e12, fps=FPS) == pytest.approx(3.0)
    assert gaussian_filter(values, sigma_s=1e-12, fps=FPS)[:2].tolist() == [1.0, 2.0]


def test_a_filter_looks_four_sigma_to_either_side() -> None:
    assert filter_window(0.5, FPS) == Window(60, 60)
    assert filter_window(0.1, FPS) == Window(12, 12)
    spike = np.zeros(61, dtype=np.float32)
    spike[30] = 1
    reached = np.flatnonzero(gaussian_filter(spike, sigma_s=0.1, fps=FPS))
    assert (reached[0], reached[-1]) == (18, 42)


@pytest.mark.parametrize("sigma_s", [0.0, -1.0, np.nan, np.inf])
def test_a_sigma_that_is_no_length_of_time_is_refused(sigma_s: float) -> None:
    with pytest.raises(ProgramError, match=r"a filter with a sigma of .* s, expected a positive, finite sigma"):
        gaussian_filter(np.ones(3), sigma_s=sigma_s, fps=FPS)


@pytest.mark.parametrize("frequency_hz", [0.0, -2.0, 15.1, np.nan])
def test_a_frequency_the_recording_cannot_show_is_refused(frequency_hz: float) -> None:
    with pytest.raises(ProgramError, match="at 30 frames/s, expected a frequency above 0 and at most 15 Hz"):
        morlet_filter(np.ones(3), sigma_s=0.1, frequency_hz=frequency_hz, fps=FPS)


def test_a_filter_needs_a_frame_rate() -> None:
    with pytest.raises(ProgramError, match=r"a filter with a sigma of 0.1 s, and no frame rate"):
        gaussian_filter(np.ones(3), sigma_s=0.1, fps=None)
