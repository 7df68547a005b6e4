"""What is labeled with a bout, and how much it counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nsp_core.errors import LabelError
from nsp_core.weak.few_bouts import (
    BoutPlace,
    annotated_bouts,
    draw_bouts,
    labeled_around,
    require_enough_bouts,
    weighted_to_balance,
)
from tests.core.weak.few_bout_recordings import FPS, recordings


def test_bouts_are_those_of_persons_in_order():
    one, other = recordings(2)
    states = np.full(one.states.size, -1, dtype=np.int8)
    states[10:60] = 0
    states[20:30] = states[40:45] = 1
    weak = np.zeros(states.size, dtype=bool)
    weak[40:45] = True
    found = annotated_bouts([replace(one, states=states, weak=weak), replace(other, states=np.full_like(states, 0))])
    assert found == [BoutPlace(0, 20, 30)]


def test_a_bout_is_labeled_with_two_seconds_on_each_side_and_nothing_else():
    (one,) = recordings(1)
    bout = annotated_bouts([one])[3]
    (few,) = labeled_around([one], [bout])
    margin = round(2 * FPS)
    around = slice(bout.start_frame - margin, bout.stop_frame + margin)
    np.testing.assert_array_equal(few.states[around], one.states[around])
    few.states[around] = -1
    assert (few.states == -1).all()


def test_a_bout_at_the_very_end_is_labeled_to_the_end():
    (one,) = recordings(1)
    states = np.zeros_like(one.states)
    states[-5:] = 1
    (few,) = labeled_around([replace(one, states=states)], [BoutPlace(0, len(states) - 5, len(states))])
    assert (few.states >= 0).sum() == 5 + round(2 * FPS)


def test_fewer_bouts_are_the_first_of_more():
    every = recordings(3)
    ten, three = (draw_bouts(every, n, np.random.default_rng(4)) for n in (10, 3))
    assert ten[:3] == three
    assert len(set(ten)) == 10
    assert len(draw_bouts(every, 10_000, np.random.default_rng(0))) == len(annotated_bouts(every))


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_weights_give_the_balance_asked_and_count_as_many_frames(share):
    every = recordings(3)
    few = weighted_to_balance(labeled_around(every, draw_bouts(every, 5, np.random.default_rng(0))), share)
    weights = np.concatenate([one.weights[one.states >= 0] for one in few])
    states = np.concatenate([one.states[one.states >= 0] for one in few])
    assert weights[states == 1].sum() / weights.sum() == pytest.approx(share, rel=1e-5)
    assert weights.sum() == pytest.approx(weights.size, rel=1e-5)


def test_one_class_alone_has_no_balance():
    (one,) = recordings(1)
    with pytest.raises(
        LabelError, match=r"found 0 frames annotated as present and \d+ as absent.* annotate a few bouts"
    ):
        weighted_to_balance([replace(one, states=np.zeros_like(one.states))], 0.3)


def test_too_few_bouts_are_told_with_how_many_are_missing():
    every = recordings(1)
    few = labeled_around(every, annotated_bouts(every)[:3], margin_s=0.1)
    with pytest.raises(LabelError, match=r"found 3 annotated bouts of attack, expected at least 8; annotate 5 more"):
        require_enough_bouts(few, "attack")
    require_enough_bouts(every, "attack")


def test_without_a_frame_rate_there_are_no_seconds():
    (one,) = recordings(1)
    with pytest.raises(LabelError, match="a recording without a frame rate"):
        labeled_around([replace(one, fps=None)], [BoutPlace(0, 1, 2)])
