from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import And, Compare, Condition, Feature
from nsp_core.dsl.text import parse_program
from nsp_core.evaluate.frames import FramePredictions, FrameScores, pooled_scores
from nsp_core.search.result import NEAR_TIE, Candidate, choose, near_ties, pareto_front, with_intervals

shares = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


def scores(f1: float, ap: float = 0.5) -> FrameScores:
    return FrameScores(f1, ap, f1, f1, 1.0, f1, 10, 20)


def program(n_clauses: int, threshold: float = 1.0) -> Condition:
    clauses = tuple(Compare(Feature(f"x{index}"), "<", threshold, 0.5) for index in range(n_clauses))
    return clauses[0] if n_clauses == 1 else And(clauses)


def candidate(n_clauses: int, f1: float, ap: float = 0.5, threshold: float = 1.0, train_f1: float = 0.5) -> Candidate:
    return Candidate(program(n_clauses, threshold), scores(train_f1), scores(f1, ap), soft_f1=0.5)


candidates = st.lists(
    st.builds(candidate, st.integers(1, 4), shares, shares, st.integers(0, 20).map(float), shares),
    min_size=1,
    max_size=12,
)


@settings(max_examples=50, deadline=None)
@given(candidates)
def test_the_front_gets_more_complex_only_for_a_better_f1(finished: list[Candidate]) -> None:
    front = pareto_front(finished)
    assert [one.complexity for one in front] == sorted({one.complexity for one in front})
    assert [one.validation.f1 for one in front] == sorted({one.validation.f1 for one in front})


@settings(max_examples=50, deadline=None)
@given(candidates)
def test_no_candidate_beats_the_front(finished: list[Candidate]) -> None:
    front = pareto_front(finished)
    assert set(map(id, front)) <= set(map(id, finished))
    for one in finished:
        assert any(
            member.complexity <= one.complexity and member.validation.f1 >= one.validation.f1 for member in front
        )


@settings(max_examples=50, deadline=None)
@given(candidates, st.randoms())
def test_front_and_choice_do_not_depend_on_the_order_of_the_candidates(
    finished: list[Candidate], random: object
) -> None:
    distinct = list({one.program: one for one in finished}.values())
    shuffled = list(distinct)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert [one.text for one in pareto_front(distinct)] == [one.text for one in pareto_front(shuffled)]
    assert choose(distinct, seed=0).text == choose(shuffled, seed=0).text


@settings(max_examples=50, deadline=None)
@given(candidates)
def test_without_recordings_to_draw_from_the_best_mean_of_f1_and_average_precision_is_chosen(
    finished: list[Candidate],
) -> None:
    chosen = choose(finished, seed=0)
    merits = [one.validation.f1 + one.validation.ap for one in finished]
    assert chosen.validation.f1 + chosen.validation.ap == max(merits)
    tied = [one for one, merit in zip(finished, merits, strict=True) if merit == max(merits)]
    assert chosen.complexity == min(one.complexity for one in tied)


@settings(max_examples=50, deadline=None)
@given(candidates)
def test_near_ties_are_the_others_that_are_nearly_as_good_simplest_first(finished: list[Candidate]) -> None:
    distinct = list({one.program: one for one in finished}.values())
    best = choose(distinct, seed=0)
    ties = near_ties(best, distinct)
    merit = {id(one): (one.validation.f1 + one.validation.ap) / 2 for one in distinct}
    assert best not in ties
    assert {id(one) for one in ties} == {
        id(one) for one in distinct if one is not best and merit[id(best)] - merit[id(one)] < NEAR_TIE
    }
    assert [one.complexity for one in ties] == sorted(one.complexity for one in ties)


def test_a_hundredth_is_no_difference_and_three_are() -> None:
    best, close, far = candidate(3, 0.80), candidate(2, 0.79), candidate(1, 0.74)
    assert near_ties(best, [far, close, best]) == (close,)
    # F1 alone does not tell them apart.
    assert near_ties(best, [best, candidate(1, 0.8, ap=0.4)]) == ()


def test_intervals_over_recordings_hold_the_score_and_depend_on_the_seed_alone() -> None:
    generator = np.random.default_rng(0)
    held_out = []
    for recording in range(6):
        states = generator.integers(0, 2, 200).astype(np.int8)
        degree = (states + generator.normal(size=200)).astype(np.float32)
        held_out.append(FramePredictions(str(recording), states, (degree > 0.5).astype(np.int8), degree))
    plain = pooled_scores(held_out)
    one = Candidate(program(1), scores(0.9), plain, soft_f1=0.9, held_out=tuple(held_out))
    told, again, other = (with_intervals(one, seed=seed).validation for seed in (1, 1, 2))
    assert (told.f1, told.ap) == (plain.f1, plain.ap)
    assert plain.f1 - 0.1 < told.f1_low < told.f1 < told.f1_high < plain.f1 + 0.1
    assert told.ap_low < told.ap < told.ap_high
    assert told == again
    assert told != other
    assert with_intervals(one, seed=1).train == one.train


def judged(n_clauses: int, wrong: list[list[int]]) -> Candidate:
    """Return a candidate that decides the ``wrong`` frames of each recording of 100 frames wrongly."""
    held_out = []
    for recording, frames in enumerate(wrong):
        states = np.arange(100, dtype=np.int8) % 2
        predicted = states.copy()
        predicted[frames] = 1 - predicted[frames]
        held_out.append(FramePredictions(str(recording), states, predicted, predicted.astype(np.float32)))
    return Candidate(program(n_clauses), scores(0.9), pooled_scores(held_out), 0.9, tuple(held_out))


def test_of_programs_that_the_recordings_cannot_tell_apart_the_simplest_is_chosen() -> None:
    # The complex one is better in three recordings and worse in three.
    simple = judged(1, [[*range(10)], [*range(12)], [*range(10)], [], [], []])
    complex_ = judged(3, [[], [], [], [*range(10)], [*range(10)], [*range(10)]])
    assert complex_.validation.f1 > simple.validation.f1
    assert choose([simple, complex_], seed=0) is simple


def test_a_program_that_is_better_in_every_recording_is_chosen_however_complex() -> None:
    simple = judged(1, [[*range(10)]] * 6)
    complex_ = judged(3, [[*range(9)]] * 6)
    assert choose([simple, complex_], seed=0) is complex_


def test_without_predictions_there_is_no_interval() -> None:
    one = candidate(1, 0.7)
    assert with_intervals(one, seed=1) is one


def test_training_scores_do_not_choose() -> None:
    overfitted, plain = candidate(2, 0.6, train_f1=1.0), candidate(1, 0.7, train_f1=0.7)
    assert choose([overfitted, plain], seed=0) is plain
    assert pareto_front([overfitted, plain]) == (plain,)


def test_a_candidate_knows_its_text_complexity_and_discretization_gap() -> None:
    one = Candidate(parse_program("x < 3 ± 0.5 mm and mean(y, 2 s) > 1"), scores(0.7), scores(0.6), soft_f1=0.8)
    assert one.text == "x < 3 ± 0.5 mm and mean(y, 2 s) > 1"
    assert one.complexity == 6
    assert one.discretization_gap == pytest.approx(0.1)
    assert math.isclose(one.train.f1, 0.7)
