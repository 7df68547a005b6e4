from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nsp_core.dsl.semantics import predict
from nsp_core.dsl.text import parse_program
from nsp_core.evaluate.frames import score_frames
from nsp_core.search.assess import ProgramScorer, predict_sequences, score_program
from nsp_core.sequences import LabeledSequence

SequenceOf = Callable[..., LabeledSequence]

PROGRAMS = (
    "x < 0 ± 0.3 mm",
    "mean(x, 0.5 s) < 0 ± 0.3 mm or y > 1 mm",
    "fill_gaps(min_bout(x < 0.2 ± 0.1 mm and not y > 0.5 ± 0.1 mm, 0.3 s), 0.4 s)",
    "either(speed[agent] < 0 ± 0.2 mm and x > 0 mm)",
)


@pytest.fixture(scope="module")
def sequences(sequence_of: SequenceOf) -> list[LabeledSequence]:
    """Sequences of mixed lengths and frame rates, alike ones apart from each other."""
    generator = np.random.default_rng(0)
    made = []
    for position, (n_frames, fps) in enumerate([(50, 10.0), (1, 10.0), (50, 25.0), (50, 10.0), (80, 10.0), (1, 10.0)]):
        names = ("x", "y", "speed[agent]", "speed[target]")
        features = {name: generator.normal(size=n_frames).cumsum() for name in names}
        features["x"][generator.random(n_frames) < 0.2] = np.nan
        states = generator.integers(-1, 2, n_frames)
        made.append(sequence_of(features, states, recording=str(position), fps=fps))
    return made


@pytest.mark.parametrize("text", PROGRAMS)
def test_sequences_evaluated_together_get_what_each_gets_alone(text: str, sequences: list[LabeledSequence]) -> None:
    program = parse_program(text)
    for sequence, together in zip(sequences, predict_sequences(program, sequences), strict=True):
        alone = predict(program, sequence.column, sequence.fps)
        np.testing.assert_array_equal(together.states, alone.states)
        np.testing.assert_array_equal(together.probability, alone.probability)


@pytest.mark.parametrize("text", PROGRAMS)
def test_a_score_pools_the_labeled_frames_of_all_sequences(text: str, sequences: list[LabeledSequence]) -> None:
    program = parse_program(text)
    alone = [predict(program, sequence.column, sequence.fps) for sequence in sequences]
    expected = score_frames(
        np.concatenate([sequence.states for sequence in sequences]),
        np.concatenate([one.states for one in alone]),
        np.concatenate([one.probability for one in alone]),
    )
    assert score_program(program, sequences) == expected


def test_unlabeled_frames_are_not_scored(sequence_of: SequenceOf) -> None:
    sequence = sequence_of({"x": [1.0, 1.0, -1.0, -1.0]}, [1, -1, 0, -1])
    scores = score_program(parse_program("x > 0 mm"), [sequence])
    assert (scores.f1, scores.n, scores.n_pos) == (1.0, 2, 1)


def test_the_smooth_f1_cuts_the_degree_at_one_half(sequence_of: SequenceOf) -> None:
    # Both parts hold exactly at 0.1, but the product of their degrees (0.57 each) is below one half there.
    sequence = sequence_of({"x": [0.1, 5.0, -5.0], "y": [0.1, 5.0, -5.0]}, [1, 1, 0])
    program = parse_program("x > 0 ± 0.35 mm and y > 0 ± 0.35 mm")
    assert score_program(program, [sequence]).f1 == 1.0
    assert ProgramScorer([sequence]).soft_f1(program) == pytest.approx(2 / 3)


def test_abstaining_is_a_miss_in_the_smooth_f1_too(sequence_of: SequenceOf) -> None:
    sequence = sequence_of({"x": [np.nan, 5.0, -5.0]}, [1, 1, 0])
    program = parse_program("x > 0 ± 1 mm")
    assert score_program(program, [sequence]).f1 == ProgramScorer([sequence]).soft_f1(program) == pytest.approx(2 / 3)


def test_a_scorer_gives_related_programs_what_each_gets_from_a_fresh_one(sequences: list[LabeledSequence]) -> None:
    scorer = ProgramScorer(sequences)
    for text in (*PROGRAMS, *(f"not {text}" for text in PROGRAMS[:2]), *PROGRAMS[::-1]):
        program = parse_program(text)
        fresh = ProgramScorer(sequences)
        assert scorer.soft_f1(program) == fresh.soft_f1(program)
        assert scorer.score(program) == score_program(program, sequences)
        if "or" in text:
            scorer.forget_truths()
