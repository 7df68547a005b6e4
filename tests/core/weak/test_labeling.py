"""Labeling functions from a few bouts: several, different, right more often than chance, and silent where unsure."""

from __future__ import annotations

import numpy as np
import pytest

from nsp_core.dsl.text import parse_program
from nsp_core.errors import LabelError
from nsp_core.weak.diversity import tree_edit_distance
from nsp_core.weak.few_bouts import draw_bouts, labeled_around, weighted_to_balance
from nsp_core.weak.labeling import (
    LabelingFunction,
    LabelingSettings,
    _margin,
    find_labeling_functions,
    votes_of,
)
from tests.core.weak.few_bout_recordings import recordings

SHARE = 0.33
SETTINGS = LabelingSettings(n_functions=5, width=6)


@pytest.fixture(scope="module")
def every():
    return recordings(4)


@pytest.fixture(scope="module")
def few(every):
    return weighted_to_balance(labeled_around(every, draw_bouts(every, 12, np.random.default_rng(1))), SHARE)


@pytest.fixture(scope="module")
def found(few):
    return find_labeling_functions(few, SHARE, seed=0, settings=SETTINGS)


def test_several_short_programs_are_found_that_differ(found):
    programs = [function.program for function in found.functions]
    assert 2 <= len(programs) <= 5
    for index, one in enumerate(programs):
        assert all(tree_edit_distance(one, other) > 0 for other in programs[:index])


def test_each_votes_better_than_chance_on_frames_that_nobody_annotated(found, every, few):
    for place, function in enumerate(found.functions):
        right = []
        for one, whole in zip(votes_of(found.functions, few), every, strict=True):
            votes = one.votes[:, place]
            judged = (votes >= 0) & (one.states == -1)
            right.append(votes[judged] == whole.states[judged])
        assert np.concatenate(right).mean() > 0.67, function.text


def test_held_out_votes_are_on_the_annotated_frames_of_persons_each_once(found, few):
    annotated = sum(int((one.states >= 0).sum()) for one in few)
    in_gaps_at_most = sum(one.states.size for one in few) // 20 * 4
    judged = sum(int((one.states >= 0).sum()) for one in found.held_out)
    assert annotated - in_gaps_at_most <= judged <= annotated
    seen = [(one.recording, frame) for one in found.held_out for frame in np.flatnonzero(one.states >= 0)]
    assert len(seen) == len(set(seen))


def test_the_same_labels_give_the_same_functions(found, few):
    again = find_labeling_functions(few, SHARE, seed=0, settings=SETTINGS)
    assert again.functions == found.functions


def test_a_function_abstains_near_one_half_and_where_its_program_does():
    function = LabelingFunction(parse_program("near < 3"), 0.2, 0.5, 0.5)
    degrees = np.array([0.1, 0.35, 0.5, 0.69, 0.9, np.nan], dtype=np.float32)
    assert function.votes(degrees).tolist() == [0, -1, -1, -1, 1, -1]


def test_the_margin_leaves_out_degrees_that_say_nothing_and_keeps_those_that_do():
    generator = np.random.default_rng(0)
    states = np.tile([0, 1], 2000).astype(np.int8)
    told = np.where(states == 1, 0.9, 0.1)
    guessed = 0.5 + np.sign(generator.normal(size=states.size)) * 0.1
    mixed = np.where(np.arange(states.size) % 4 < 2, told, guessed).astype(np.float32)
    assert 0.1 < _margin([(states, mixed)], 0.5) <= 0.4
    assert _margin([(states, told.astype(np.float32))], 0.5) <= 0.4


def test_without_the_behavior_there_is_nothing_to_find(every):
    none = [labeled_around([one], [])[0] for one in every]
    with pytest.raises(LabelError):
        find_labeling_functions(none, SHARE, seed=0, settings=SETTINGS)
