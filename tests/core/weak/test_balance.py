"""The class balance comes from exhaustive spans or from a person, and from nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from nsp_core.errors import LabelError, StudyError
from nsp_core.weak.balance import AnnotatedSpan, ClassBalance, balance_from_spans, stated_balance
from nsp_core.weak.bout_smoothing import BoutChain
from nsp_core.weak.simulated_votes import PlantedFunction, simulate_votes

SURE = [PlantedFunction((0, 1, 0), (0, 0, 1))]


def spans(n_recordings, seed, share=0.1, n_frames=3000):
    truth = simulate_votes(SURE, BoutChain(1.0, share), n_recordings=n_recordings, n_frames=n_frames, seed=seed)
    return [AnnotatedSpan(one.recording, one.known_states, np.ones(n_frames, dtype=bool)) for one in truth]


@pytest.mark.parametrize(
    ("share", "low", "high"),
    [
        (0, 0, 0.5),
        (1, 0.5, 1),
        (0.1, 0.2, 0.3),
        (0.4, 0.2, 0.3),
        (0.1, 0, 0.2),
        (0.5, 0.4, 1),
        (float("nan"), 0.1, 0.2),
    ],
)
def test_a_share_outside_its_interval_or_certain_is_refused(share, low, high):
    with pytest.raises(StudyError, match=r"class balance \(stated by the user\): found a share of .* expected 0 < low"):
        stated_balance(share, low, high)


def test_a_balance_says_where_it_comes_from():
    assert stated_balance(0.1, 0.05, 0.2, by="a pilot study") == ClassBalance(0.1, 0.05, 0.2, "stated by a pilot study")
    assert balance_from_spans(spans(3, 0), seed=0).source == "9000 exhaustively annotated frames of 3 recordings"


def test_frames_outside_exhaustive_spans_do_not_count():
    states = np.array([0, 0, 0, 1, 1, 1, 1, -1], dtype=np.int8)
    exhaustive = np.arange(8) < 4
    assert balance_from_spans([AnnotatedSpan("a", states, exhaustive)], seed=0).share == 0.25


def test_the_interval_covers_the_truth():
    shares = [balance_from_spans(spans(4, seed), seed=0) for seed in range(60)]
    covered = np.mean([one.low <= 0.1 <= one.high for one in shares])
    assert covered >= 0.88
    assert np.mean([one.high / one.low for one in shares]) < 3


def test_one_recording_has_an_interval_too():
    balance = balance_from_spans(spans(1, 2), seed=0)
    assert 0 < balance.low < balance.share < balance.high < 1


def test_the_order_of_spans_does_not_matter_and_the_seed_decides():
    some = spans(4, 5)
    assert balance_from_spans(some, seed=1) == balance_from_spans(some[::-1], seed=1)
    assert balance_from_spans(some, seed=1) == balance_from_spans(some, seed=1)


@pytest.mark.parametrize(
    ("states", "exhaustive", "message"),
    [
        ([0, 0], [True, True], "2 exhaustively annotated frames, all absent"),
        ([1, 1], [True, True], "2 exhaustively annotated frames, all present"),
        ([1, 0], [False, False], "no exhaustively annotated frame"),
    ],
)
def test_a_share_of_nothing_or_everything_is_refused(states, exhaustive, message):
    with pytest.raises(LabelError, match=message):
        balance_from_spans([AnnotatedSpan("a", np.array(states), np.array(exhaustive))], seed=0)


def test_an_exhaustive_span_has_no_unlabeled_frame():
    with pytest.raises(LabelError, match="rec: found 1 unlabeled frames in exhaustively annotated spans"):
        AnnotatedSpan("rec", np.array([1, -1]), np.array([True, True]))
    with pytest.raises(LabelError, match="two series"):
        AnnotatedSpan("rec", np.array([1, 0]), np.array([True]))
