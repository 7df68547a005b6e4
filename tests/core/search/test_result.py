from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import And, Compare, Condition, Feature
from nsp_core.dsl.text import parse_program
from nsp_core.evaluate.frames import FrameScores
from nsp_core.search.result import Candidate, choose, pareto_front

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
    assert choose(distinct).text == choose(shuffled).text


@settings(max_examples=50, deadline=None)
@given(candidates)
def test_the_chosen_candidate_has_the_best_mean_of_f1_and_average_precision(finished: list[Candidate]) -> None:
    chosen = choose(finished)
    merits = [one.validation.f1 + one.validation.ap for one in finished]
    assert chosen.validation.f1 + chosen.validation.ap == max(merits)
    tied = [one for one, merit in zip(finished, merits, strict=True) if merit == max(merits)]
    assert chosen.complexity == min(one.complexity for one in tied)


def test_training_scores_do_not_choose() -> None:
    overfitted, plain = candidate(2, 0.6, train_f1=1.0), candidate(1, 0.7, train_f1=0.7)
    assert choose([overfitted, plain]) is plain
    assert pareto_front([overfitted, plain]) == (plain,)


def test_a_candidate_knows_its_text_complexity_and_discretization_gap() -> None:
    one = Candidate(parse_program("x < 3 ± 0.5 mm and mean(y, 2 s) > 1"), scores(0.7), scores(0.6), soft_f1=0.8)
    assert one.text == "x < 3 ± 0.5 mm and mean(y, 2 s) > 1"
    assert one.complexity == 6
    assert one.discretization_gap == pytest.approx(0.1)
    assert math.isclose(one.train.f1, 0.7)
