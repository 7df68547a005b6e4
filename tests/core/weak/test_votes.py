"""Votes are what they say, gold comes once, and patterns count every frame."""

from __future__ import annotations

import numpy as np
import pytest

from nsp_core.errors import LabelError
from nsp_core.weak.votes import VoteSequence, check_gold, check_votes, count_patterns, distinct_rows


def sequence(votes, states=None, recording="a", participants=""):
    votes = np.array(votes, dtype=np.int8)
    return VoteSequence(recording, votes, 30.0, None if states is None else np.array(states), participants)


@pytest.mark.parametrize(
    ("votes", "fps", "states", "message"),
    [
        (
            np.array([1, 0]),
            30.0,
            None,
            r"a: found votes of shape \(2,\) .*expected integers of shape \(time, function\)",
        ),
        (np.array([[0.5]]), 30.0, None, "votes of shape .* and type float64"),
        (np.array([[2]]), 30.0, None, r"found votes \[2\], expected 1, 0 or -1; recode them: .* -1 abstains"),
        (np.array([[1]]), 0.0, None, "0.0 frames per second"),
        (np.array([[1]]), float("nan"), None, "nan frames per second"),
        (np.array([[1], [0]]), 30.0, np.array([1]), r"states of shape \(1,\) beside votes on 2 frames"),
        (np.array([[1]]), 30.0, np.array([3]), r"found states \[3\].* -1 unlabeled"),
    ],
)
def test_what_is_no_vote_is_refused(votes, fps, states, message):
    with pytest.raises(LabelError, match=message):
        VoteSequence("a", votes, fps, states)


@pytest.mark.parametrize("n_functions", [1, 7, 45])
def test_distinct_rows_give_the_votes_back(n_functions):
    votes = np.random.default_rng(0).integers(-1, 2, (300, n_functions)).astype(np.int8)
    votes[150:] = votes[:150]
    rows, row_of_frame = distinct_rows(votes)
    np.testing.assert_array_equal(rows[row_of_frame], votes)
    assert len(rows) == len({tuple(row) for row in votes.tolist()})


def test_patterns_count_unlabeled_and_gold_frames_once():
    votes = [sequence([[1, 0], [1, 0], [0, 0]], [-1, 1, -1])]
    gold = [sequence([[1, 0], [1, 0], [-1, 1]], [1, 0, -1])]
    patterns = count_patterns(votes, gold)
    assert patterns.votes.tolist() == [[0, 0], [1, 0]]
    assert patterns.n_unlabeled.tolist() == [1, 1]
    assert patterns.n_gold.tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([], "votes: found no votes, expected votes on at least one frame"),
        ([sequence(np.zeros((0, 2)))], "found no votes"),
        ([sequence(np.zeros((3, 0)))], "found no labeling function, expected at least one"),
        (
            [sequence([[1, 0]]), sequence([[1]], recording="b", participants="rat1 -> rat2")],
            r"1 functions in b \(rat1 -> rat2\) and 2 functions in a",
        ),
        ([sequence([[-1, -1]])], "labeling functions that abstain on every frame"),
    ],
)
def test_votes_that_say_nothing_are_refused(sequences, message):
    with pytest.raises(LabelError, match=message):
        check_votes(sequences, where="votes")


@pytest.mark.parametrize(
    ("states", "message"),
    [
        ([1, 1, 0], "contradictory gold labels: 1 frames are both present and absent"),
        ([1, 0, -1], "gold labels twice, 2 frames in common"),
        ([1, 0], "gold labels twice, on 3 and on 2 frames"),
    ],
)
def test_gold_comes_once(states, message):
    first = sequence([[1], [1], [1]], [1, 0, 0])
    again = sequence([[1]] * len(states), states)
    with pytest.raises(LabelError, match=message):
        check_gold([first, again])


def test_dyads_of_one_recording_are_different_gold():
    check_gold([sequence([[1]], [1]), sequence([[1]], [0], participants="rat1 -> rat2")])
