from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import Compare, Condition, Duration, FillGaps, MinBout, walk
from nsp_core.dsl.text import parse_program
from nsp_core.evaluate.frames import pooled_scores
from nsp_core.search.assess import ProgramScorer, predict_sequences, score_program
from nsp_core.search.chains import Chain, Clause, chain_of, program_of
from nsp_core.search.crossfit import HeldOutScore, ScoredChain, fit_folds
from nsp_core.search.development import Development, prepare_development
from nsp_core.search.finish import finish_chains, most_promising
from nsp_core.search.refine import round_constants
from nsp_core.search.result import Candidate
from nsp_core.sequences import LabeledSequence, only_fold
from tests.core.search.recording_examples import recordings, wander

SequenceOf = Callable[..., LabeledSequence]

N_FRAMES = 300


def finish(development: Development, *texts: str, **options: Any) -> list[Candidate]:
    """Return the finished programs of chains that start from ``texts``."""
    return finish_chains(
        [chain_of(parse_program(text), development.scaling, development.columns) for text in texts],
        development,
        **{"max_complexity": 20, "n_steps": 10, "loss": "balanced", "report": lambda done, total: None, **options},
    )


def bouts(n_frames: int, *intervals: tuple[int, int]) -> np.ndarray:
    present = np.zeros(n_frames)
    for start, stop in intervals:
        present[start:stop] = 1
    return present


def prepared_of(
    sequence_of: SequenceOf, pairs: Sequence[tuple[np.ndarray, np.ndarray]], fps: float | None = 10.0
) -> Development:
    """Return recordings of pairs (x, labels), with a little jitter so that x has a spread."""
    generator = np.random.default_rng(0)
    made = [
        sequence_of({"x": x + 0.01 * generator.normal(size=x.size)}, labels, recording=str(number), fps=fps)
        for number, (x, labels) in enumerate(pairs)
    ]
    return prepare_development(made, seed=0, device="cpu")


def shifted(n_recordings: int, x: np.ndarray, labels: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.roll(x, 5 * number), np.roll(labels, 5 * number)) for number in range(n_recordings)]


# ---- which chains are judged


def scored(n_clauses: int, merit: float) -> ScoredChain:
    clause = Clause(0, -1, "and", merit, 0.5)
    return ScoredChain(Chain((clause,) * n_clauses, either=False), HeldOutScore(merit, merit))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.builds(scored, st.integers(1, 5), st.floats(0, 1)), max_size=20), st.integers(1, 9))
def test_the_best_are_judged_and_the_best_of_every_length(finalists: list[ScoredChain], n_judged: int) -> None:
    chosen = most_promising(finalists, n_judged)
    merits = sorted((one.held_out.merit for one in finalists), reverse=True)
    assert [one.held_out.merit for one in chosen[:n_judged]] == merits[:n_judged]
    for length in {len(one.chain.clauses) for one in finalists}:
        of_length = [one.held_out.merit for one in finalists if len(one.chain.clauses) == length]
        assert max(of_length) in [one.held_out.merit for one in chosen if len(one.chain.clauses) == length]
    lengths = [len(one.chain.clauses) for one in chosen[n_judged:]]
    assert len(set(lengths)) == len(lengths)


# ---- the shape of bouts


def test_gaps_are_filled_where_bouts_are_labeled_whole(sequence_of: SequenceOf) -> None:
    labels = bouts(N_FRAMES, (50, 120), (180, 260))
    x = labels - bouts(N_FRAMES, (70, 74), (90, 93), (200, 204))
    (candidate,) = finish(prepared_of(sequence_of, shifted(4, x, labels)), "x > 0.5 ± 0.1 mm")
    assert isinstance(candidate.program, FillGaps)
    assert isinstance(candidate.program.child, Compare)
    assert candidate.validation.f1 == candidate.train.f1 == 1.0


def test_short_bouts_are_dropped_where_they_are_mistakes(sequence_of: SequenceOf) -> None:
    labels = bouts(N_FRAMES, (50, 120))
    x = labels + bouts(N_FRAMES, (10, 13), (200, 203), (250, 254))
    (candidate,) = finish(prepared_of(sequence_of, shifted(4, x, labels)), "x > 0.5 ± 0.1 mm")
    assert isinstance(candidate.program, MinBout)
    assert candidate.validation.f1 == 1.0


def test_both_steps_are_added_where_both_help(sequence_of: SequenceOf) -> None:
    labels = bouts(N_FRAMES, (50, 120))
    x = labels - bouts(N_FRAMES, (70, 74), (90, 93)) + bouts(N_FRAMES, (10, 13), (200, 203), (250, 254))
    (candidate,) = finish(prepared_of(sequence_of, shifted(4, x, labels)), "x > 0.5 ± 0.1 mm")
    assert isinstance(candidate.program, MinBout)
    assert isinstance(candidate.program.child, FillGaps)
    assert candidate.validation.f1 == 1.0


def test_a_program_that_is_right_stays_as_it_is(sequence_of: SequenceOf) -> None:
    labels = bouts(N_FRAMES, (50, 53), (56, 60), (180, 260))
    (candidate,) = finish(prepared_of(sequence_of, shifted(4, labels, labels)), "x > 0.5 ± 0.1 mm")
    assert isinstance(candidate.program, Compare)


@pytest.mark.parametrize(("n_frames", "fps"), [(300, None), (30, 10.0)])
def test_bouts_are_not_shaped_without_seconds_or_in_short_sequences(
    sequence_of: SequenceOf, n_frames: int, fps: float | None
) -> None:
    labels = bouts(n_frames, (4, 24))
    x = labels - bouts(n_frames, (8, 10))
    (candidate,) = finish(prepared_of(sequence_of, shifted(4, x, labels), fps), "x > 0.5 ± 0.1 mm")
    assert isinstance(candidate.program, Compare)


def test_what_suits_the_training_side_of_one_recording_only_is_not_added(sequence_of: SequenceOf) -> None:
    labels = bouts(N_FRAMES, (50, 120), (180, 260))
    whole = (labels - bouts(N_FRAMES, (70, 74)), labels)
    # In the other recordings short bouts and short gaps are true.
    fine = bouts(N_FRAMES, *((start, start + 3) for start in range(40, 280, 6)))
    (candidate,) = finish(prepared_of(sequence_of, [whole, *shifted(3, fine, fine)]), "x > 0.5 ± 0.1 mm")
    assert isinstance(candidate.program, Compare)


@pytest.mark.parametrize("seed", range(4))
def test_shaping_never_lowers_the_held_out_scores(sequence_of: SequenceOf, seed: int) -> None:
    generator = np.random.default_rng(seed)
    pairs = []
    for _ in range(4):
        x = wander(generator, N_FRAMES)
        pairs.append((x, (x + 0.5 * generator.normal(size=N_FRAMES) > 0).astype(float)))
    prepared = prepared_of(sequence_of, pairs)
    # A threshold costs three constants, each step of shaping one.
    (plain,), (shaped,) = (finish(prepared, "x > 0 ± 0.3 mm", max_complexity=most) for most in (3, 5))
    before, after = plain.validation, shaped.validation
    n_steps = shaped.complexity - plain.complexity
    assert after.f1 + after.ap >= before.f1 + before.ap + 2 * 0.002 * n_steps - 1e-12
    assert sum(isinstance(node, FillGaps | MinBout) for node in walk(shaped.program)) == n_steps


# ---- scores, and what is written


@pytest.fixture(scope="module")
def prepared() -> Development:
    return prepare_development(recordings(), seed=1, device="cpu")


TEXTS = ("x < -0.3 ± 0.3 mm", "x < -0.3 ± 0.3 mm and mean(y, 1 s) < 2 ± 0.5 mm", "y < 0 ± 0.5 mm or x < -1 ± 0.3 mm")


@pytest.fixture(scope="module")
def finished(prepared: Development) -> list[Candidate]:
    return finish(prepared, *TEXTS)


def shape_of(program: Condition, inner: Condition) -> Condition:
    """Return ``inner`` with the bout shaping of ``program``."""
    if isinstance(program, FillGaps | MinBout):
        return replace(program, child=shape_of(program.child, inner))
    return inner


@pytest.mark.parametrize("shaped", [False, True])
def test_held_out_scores_are_those_of_each_folds_program_as_printed(sequence_of: SequenceOf, shaped: bool) -> None:
    labels = bouts(N_FRAMES, (50, 120), (180, 260))
    lost = bouts(N_FRAMES, (70, 74), (90, 93), (200, 204)) if shaped else 0
    prepared = prepared_of(sequence_of, shifted(4, labels - lost, labels))
    text = "x > 0.5 ± 0.1 mm"
    (candidate,) = finish(prepared, text)
    assert isinstance(candidate.program, FillGaps) == shaped
    chain = chain_of(parse_program(text), prepared.scaling, prepared.columns)
    by_hand = []
    for fold in fit_folds([chain], prepared, n_steps=10, loss="balanced"):
        inner = round_constants(program_of(fold.chains[0], prepared.scaling, prepared.columns))
        held = only_fold(prepared.sequences, prepared.folds, fold.fold)
        assert {one.recording for one in held} == {str(fold.fold)}
        by_hand += predict_sequences(shape_of(candidate.program, inner), held)
    assert len(by_hand) == len(candidate.held_out)
    for expected, found in zip(by_hand, candidate.held_out, strict=True):
        np.testing.assert_array_equal(found.predicted, expected.states)
        np.testing.assert_array_equal(found.rank_scores, expected.probability)


def test_every_labeled_frame_is_judged_once(prepared: Development, finished: list[Candidate]) -> None:
    for candidate in finished:
        assert candidate.validation == pooled_scores(candidate.held_out)
        assert candidate.validation.n == sum(int((one.states >= 0).sum()) for one in prepared.sequences)
        assert [one.recording for one in candidate.held_out] == ["1", "2", "3", "4"]


def test_training_scores_are_those_of_the_printed_text(prepared: Development, finished: list[Candidate]) -> None:
    for candidate in finished:
        read = parse_program(candidate.text)
        assert read == candidate.program
        assert candidate.train == score_program(read, prepared.sequences)
        assert candidate.soft_f1 == ProgramScorer(prepared.sequences).soft_f1(read)


def test_constants_are_written_with_no_more_digits_than_they_deserve(finished: list[Candidate]) -> None:
    for candidate in finished:
        assert round_constants(candidate.program) == candidate.program


def test_programs_that_are_too_complex_are_left_out(prepared: Development) -> None:
    for most, n_finished in ((2, 0), (3, 1), (20, 2)):
        found = finish(prepared, *TEXTS[:2], max_complexity=most)
        assert len(found) <= n_finished
        assert all(one.complexity <= most for one in found)
    assert finish(prepared, TEXTS[0], max_complexity=3)


def test_a_clause_that_decides_nothing_is_not_written(prepared: Development) -> None:
    (candidate,) = finish(prepared, "x < -0.3 ± 0.3 mm and y > -60 ± 0.5 mm", n_steps=0)
    assert "y" not in candidate.text
    (widened,) = finish(prepared, "x < -0.3 ± 0.3 mm or y > 60 ± 0.5 mm", n_steps=0)
    assert "y" not in widened.text


def test_programs_that_decide_alike_are_one_the_simplest(prepared: Development) -> None:
    alone = finish(prepared, TEXTS[0], n_steps=0)
    for other in (TEXTS[0], "x < -0.3 ± 0.3 mm and y > -60 ± 0.5 mm", "x < -0.3 ± 0.2 mm"):
        for texts in ((TEXTS[0], other), (other, TEXTS[0])):
            found = finish(prepared, *texts, n_steps=0)
            assert len(found) == 1
            assert found[0].complexity == alone[0].complexity


def test_every_chain_is_reported(prepared: Development) -> None:
    reports: list[tuple[int, int]] = []
    finish(prepared, *TEXTS[:2], max_complexity=3, report=lambda done, total: reports.append((done, total)))
    assert reports == [(1, 2), (2, 2)]


def test_nothing_is_made_of_nothing(prepared: Development) -> None:
    assert finish(prepared) == []


def test_bout_shaping_of_a_rule_to_start_from_is_chosen_anew(sequence_of: SequenceOf) -> None:
    labels = bouts(N_FRAMES, (50, 120), (180, 260))
    prepared = prepared_of(sequence_of, shifted(4, labels - bouts(N_FRAMES, (70, 74)), labels))
    for rule in ("fill_gaps(x > 0.5 mm, 9 s)", "min_bout(x > 0.5 mm, 7 s)", "x > 0.5 mm"):
        (candidate,) = finish(prepared, rule)
        assert isinstance(candidate.program, FillGaps)
        assert candidate.program.longest == Duration(0.5)
