"""The agreement of annotators, pooled over recordings and animals, with what would be chance beside it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from nsp_core import rng
from nsp_core.bouts import frames_from_bouts
from nsp_core.errors import LabelError
from nsp_core.evaluate.agreement_bouts import BoutAgreement
from nsp_core.evaluate.agreement_of_many import fleiss_kappa, krippendorff_alpha
from nsp_core.evaluate.annotators import AnnotatedBehavior, AnnotatedSeries
from nsp_core.evaluate.annotators_summary import BehaviorAgreement, annotator_agreement

FPS = 25.0


def seen_by(chance: np.random.Generator, truth: np.ndarray, early: int, missed: float) -> np.ndarray:
    """Return the states of somebody who starts ``early`` frames before the truth and misses some of its bouts."""
    kept = truth[chance.random(len(truth)) >= missed]
    return frames_from_bouts(kept - [early, 0], 3000).astype(np.int8)


@pytest.fixture(scope="module")
def annotated() -> AnnotatedBehavior:
    """Five recordings; anna is 5 frames earlier than ben, cleo annotated two of them, each somebody looked later."""
    chance = rng.stream(0, "test")
    series = []
    for recording in range(5):
        starts = 60 + np.arange(20) * 140 + chance.integers(0, 60, size=20)
        truth = np.stack([starts, starts + chance.integers(25, 60, size=20)], axis=1)
        states = {"anna": seen_by(chance, truth, 5, 0.1), "ben": seen_by(chance, truth, 0, 0.2)}
        if recording < 2:
            states["cleo"] = seen_by(chance, truth, 0, 0.5)
        for who, own in states.items():
            own[: {"anna": 0, "ben": 30, "cleo": 1000}[who]] = -1
        series.append(AnnotatedSeries(str(recording), None, None, states))
    return AnnotatedBehavior("attack", ("anna", "ben", "cleo"), tuple(series))


@pytest.fixture(scope="module")
def found(annotated: AnnotatedBehavior) -> BehaviorAgreement:
    return annotator_agreement(annotated, FPS, seed=0)


def common(annotated: AnnotatedBehavior, *annotators: str) -> list[np.ndarray]:
    """Return the states of all frames of all recordings at which all of some annotators looked."""
    own = [one for one in annotated.series if all(who in one.states for who in annotators)]
    states = [np.concatenate([one.states[who] for one in own]) for who in annotators]
    looked = np.all([each >= 0 for each in states], axis=0)
    return [each[looked] for each in states]


def test_kappa_is_that_of_scikit_learn_over_common_frames_of_all_recordings(annotated, found):
    assert [(pair.first, pair.second) for pair in found.pairs] == [("anna", "ben"), ("anna", "cleo"), ("ben", "cleo")]
    for pair in found.pairs:
        first, second = common(annotated, pair.first, pair.second)
        assert pair.frames.n_decided == first.size
        assert pair.frames.kappa == pytest.approx(cohen_kappa_score(first, second))
        assert pair.kappa_interval.low <= pair.frames.kappa <= pair.kappa_interval.high
    assert [pair.n_recordings for pair in found.pairs] == [5, 2, 2]


def test_who_starts_earlier_is_found_with_an_interval_over_recordings(found):
    with_ben = found.pairs[0]
    assert with_ben.onset.median_s == -5 / FPS
    assert (with_ben.onset.interval.low, with_ben.onset.interval.high) == (-0.2, -0.2)
    assert with_ben.offset.median_s == 0.0
    assert with_ben.onset.drawn == "recordings"


def test_bouts_are_pooled_and_stand_beside_their_chance(found):
    pair = found.pairs[0]
    assert pair.onset.n == pair.bouts.n_matched
    assert pair.bouts.f1 == pytest.approx(0.85, abs=0.08)
    assert 0 < pair.bout_f1_by_chance < 0.4
    assert pair.frames.expected == pytest.approx(0.55, abs=0.1)


def test_all_together_are_measured_on_the_frames_their_measures_allow(annotated, found):
    counts = np.concatenate(
        [
            np.stack([sum(own == state for own in one.states.values()) for state in (0, 1)], axis=1)
            for one in annotated.series
        ]
    )
    raters = counts.sum(axis=1)
    assert found.alpha == krippendorff_alpha(counts)
    assert found.n_frames_twice == (raters >= 2).sum() == 5 * 2970
    # Cleo looked at 4000 frames besides anna and ben, who looked at more than twice as many without her.
    assert (found.n_raters, found.n_frames_rated) == (2, 5 * 2970 - 4000)
    assert found.fleiss_kappa == fleiss_kappa(counts[raters == 2])


def test_what_each_saw_is_told(annotated, found):
    cleo = found.annotators[2]
    assert (cleo.annotator, cleo.n_recordings, cleo.n_frames) == ("cleo", 2, 4000)
    states = np.concatenate([one.states["cleo"] for one in annotated.series[:2]])
    assert cleo.prevalence == pytest.approx((states == 1).sum() / 4000)


def test_a_behavior_that_nobody_saw_has_no_kappa_and_no_f1():
    never = {who: np.zeros(100, dtype=np.int8) for who in ("anna", "ben")}
    series = tuple(AnnotatedSeries(name, None, None, never) for name in "12")
    found = annotator_agreement(AnnotatedBehavior("attack", ("anna", "ben"), series), FPS, seed=0)
    (pair,) = found.pairs
    undefined = [pair.frames.kappa, pair.kappa_interval.low, pair.bouts.f1, pair.bout_f1_by_chance, pair.onset.median_s]
    assert all(map(math.isnan, [*undefined, found.fleiss_kappa, found.alpha]))
    assert pair.frames.observed == pair.frames.expected == 1.0
    assert pair.bouts == BoutAgreement()


def test_animals_of_one_recording_are_drawn_together():
    half = np.repeat(np.array([0, 1, 0, 1], dtype=np.int8), 50)
    series = tuple(
        AnnotatedSeries("1", name, None, {"anna": half, "ben": np.roll(half, 3)}) for name in ("resident", "intruder")
    )
    found = annotator_agreement(AnnotatedBehavior("attack", ("anna", "ben"), series), FPS, seed=0)
    (pair,) = found.pairs
    assert pair.n_recordings == 1
    assert math.isnan(pair.kappa_interval.low)
    assert pair.onset.drawn == "bouts"
    assert found.annotators[0].n_frames == 400


def test_the_same_seed_gives_the_same_figures(annotated, found):
    assert annotator_agreement(annotated, FPS, seed=0) == found


def test_annotators_without_a_frame_in_common_are_refused():
    early, late = np.array([1, 0, -1, -1], dtype=np.int8), np.array([-1, -1, 1, 0], dtype=np.int8)
    series = (AnnotatedSeries("1", None, None, {"anna": early, "ben": late}),)
    with pytest.raises(LabelError, match=r"no frame in which two of anna, ben .*one name in all files"):
        annotator_agreement(AnnotatedBehavior("attack", ("anna", "ben"), series), FPS, seed=0)


def test_who_else_annotated_does_not_change_what_two_agree(annotated, found):
    series = tuple(
        AnnotatedSeries(one.recording, None, None, {who: one.states[who] for who in ("anna", "ben")})
        for one in annotated.series
    )
    two = annotator_agreement(AnnotatedBehavior("attack", ("anna", "ben"), series), FPS, seed=0)
    assert two.pairs == found.pairs[:1]
