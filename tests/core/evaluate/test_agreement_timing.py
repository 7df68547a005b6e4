"""Medians of time differences and their intervals: over recordings where there are several, else over bouts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nsp_core.evaluate.agreement_timing import percentile_interval, timing_difference


def arrays(*values: list[float]) -> list[np.ndarray]:
    return [np.array(each, dtype=float) for each in values]


def test_the_median_is_that_of_all_bouts_in_seconds():
    found = timing_difference(arrays([-30, -10], [np.nan], [20]), 10.0, generator=np.random.default_rng(0))
    assert (found.median_s, found.n, found.drawn) == (-1.0, 3, "recordings")


def test_recordings_are_drawn_whole():
    differences = arrays([-5, -3, -4, 8], [1, 2], [0, 7, 7])
    found = timing_difference(differences, 1.0, generator=np.random.default_rng(3), n_resamples=200)
    draws = np.random.default_rng(3).multinomial(3, np.full(3, 1 / 3), size=200)
    medians = [
        np.median(np.concatenate([np.tile(own, n) for own, n in zip(differences, times, strict=True)]))
        for times in draws
    ]
    assert found.interval == percentile_interval(np.array(medians))


def test_bouts_are_drawn_where_one_recording_has_them():
    differences = arrays([-5, -3, -4, 8, np.nan], [np.nan])
    found = timing_difference(differences, 2.0, generator=np.random.default_rng(3), n_resamples=200)
    known = differences[0][:4]
    draws = np.random.default_rng(3).multinomial(4, np.full(4, 1 / 4), size=200)
    medians = np.array([np.median(np.repeat(known, times)) for times in draws]) / 2
    assert found.drawn == "bouts"
    assert found.interval == percentile_interval(medians)


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says():
    chance = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        differences = [chance.normal(-3, 4, size=chance.integers(3, 9)) for _ in range(15)]
        found = timing_difference(differences, 1.0, generator=chance, n_resamples=300)
        covered += found.interval.low <= -3 <= found.interval.high
    assert 0.88 <= covered / 200 <= 0.99


@pytest.mark.parametrize("differences", [arrays(), arrays([]), arrays([np.nan], [])])
def test_without_a_difference_nothing_is_said(differences):
    found = timing_difference(differences, 30.0, generator=np.random.default_rng(0))
    assert (found.n, found.drawn) == (0, "")
    assert all(map(math.isnan, (found.median_s, found.interval.low, found.interval.high)))


def test_one_bout_has_no_interval():
    found = timing_difference(arrays([6], [np.nan]), 30.0, generator=np.random.default_rng(0))
    assert (found.median_s, found.n, found.drawn) == (0.2, 1, "")
    assert math.isnan(found.interval.low)


def test_an_interval_of_nothing_is_none():
    assert math.isnan(percentile_interval(np.array([np.nan])).low)
    assert percentile_interval(np.array([np.nan, 2.0])).high == 2.0
