"""A committee that learns from the labels it is shown, and is judged on recordings it never learns from."""

from __future__ import annotations

import numpy as np
import pytest

from nsp_core.weak.committee import CommitteeLearner, committee_degrees
from nsp_core.weak.few_bouts import draw_bouts, labeled_around, weighted_to_balance
from nsp_core.weak.labeling import LabelingSettings, find_labeling_functions
from tests.core.weak.few_bout_recordings import recordings

SETTINGS = LabelingSettings(n_functions=4, width=6)


@pytest.fixture(scope="module")
def every():
    return recordings(6)


@pytest.fixture(scope="module")
def learner(every):
    return CommitteeLearner(every[4:], 0.33, 0, SETTINGS)


@pytest.fixture(scope="module")
def few(every):
    return labeled_around(every[:4], draw_bouts(every[:4], 12, np.random.default_rng(1)))


def test_more_is_learned_from_bouts_than_from_none(learner, few):
    learned = learner(few)
    assert learned.f1 > 0.6
    assert learned.ap > 0.6
    assert [one.shape[0] for one in learned.probability] == [one.states.size for one in few]
    nothing = learner([labeled_around([one], [])[0] for one in few])
    assert (nothing.f1, nothing.ap) == (0.0, 0.0)
    assert all(one.shape[1] == 0 for one in nothing.probability)


def test_labels_of_the_judged_recordings_are_not_learned_from(learner, few, every):
    others = CommitteeLearner([], 0.33, 0, SETTINGS)
    for one, other in zip(learner(few).probability, others(few).probability, strict=True):
        np.testing.assert_array_equal(one, other)


def test_degrees_are_those_of_each_function_in_order(few):
    found = find_labeling_functions(weighted_to_balance(few, 0.33), 0.33, seed=0, settings=SETTINGS)
    degrees = committee_degrees(found.functions, few)
    for place, function in enumerate(found.functions):
        for own, alone in zip(degrees, committee_degrees([function], few), strict=True):
            np.testing.assert_array_equal(own[:, place], alone[:, 0])
