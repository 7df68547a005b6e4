"""What candidates are scored on: the values a number takes, and the blocks of frames that stand for all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nsp_core.dsl.ast import Compare
from nsp_core.dsl.text import parse_program
from nsp_core.search import judge
from nsp_core.search.assess import ProgramScorer
from nsp_core.search.judge import Judge, number_values, sampled_blocks
from nsp_core.sequences import LabeledSequence

SequenceOf = Callable[..., LabeledSequence]


def test_values_are_those_of_labeled_frames_that_are_not_missing(sequence_of: SequenceOf) -> None:
    program = parse_program("mean(x, 0.2 s) < 3 mm")
    assert isinstance(program, Compare)
    sequence = sequence_of({"x": [3.0, 3.0, 3.0, 9.0, np.nan, np.nan, np.nan]}, [1, 1, 0, 0, 0, 0, -1])
    values = number_values(program.child, [sequence, sequence], both_orders=False)
    assert values.everywhere.tolist() == [3.0, 3.0, 3.0, 3.0, 5.0, 5.0, 6.0, 6.0, 9.0, 9.0]
    assert values.at_behavior.tolist() == [3.0, 3.0, 3.0, 3.0]


def test_below_either_both_orders_of_the_animals_count(sequence_of: SequenceOf) -> None:
    program = parse_program("speed[agent] < 3 mm")
    assert isinstance(program, Compare)
    sequence = sequence_of({"speed[agent]": [1.0, 2.0], "speed[target]": [10.0, 20.0]}, [0, 1])
    both = number_values(program.child, [sequence], both_orders=True)
    assert (both.everywhere.tolist(), both.at_behavior.tolist()) == ([1.0, 2.0, 10.0, 20.0], [2.0, 20.0])
    assert number_values(program.child, [sequence], both_orders=False).everywhere.tolist() == [1.0, 2.0]


def test_a_number_made_of_conditions_has_its_exact_values(sequence_of: SequenceOf) -> None:
    program = parse_program("fraction(x < 3 ± 1 mm, past 0.2 s) > 0.5")
    assert isinstance(program, Compare)
    values = number_values(program.child, [sequence_of({"x": [1.0, 1.0, 5.0, 5.0]}, [0, 0, 1, 1])], both_orders=False)
    assert values.everywhere.tolist() == [0.0, 0.5, 1.0, 1.0]


def test_few_frames_need_no_sample(sequence_of: SequenceOf) -> None:
    sequences = [sequence_of({"x": np.zeros(500)}, np.zeros(500))]
    assert sampled_blocks(sequences) is sequences


@pytest.mark.parametrize("share", [0.001, 0.2])
def test_a_sample_is_small_and_has_the_behavior(
    sequence_of: SequenceOf, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    monkeypatch.setattr(judge, "SAMPLE_FRAMES", 1000)
    monkeypatch.setattr(judge, "BLOCK_FRAMES", 50)
    generator = np.random.default_rng(0)
    sequences = [
        sequence_of({"x": np.arange(n_frames)}, generator.random(n_frames) < share, recording=str(n_frames))
        for n_frames in (3010, 4020, 5030)
    ]
    states = np.concatenate([one.states for one in sampled_blocks(sequences)])
    assert 900 <= states.size <= 1200
    assert 0 < (states == 1).mean() < 2 * share + 0.01
    for one in sampled_blocks(sequences):
        assert np.array_equal(np.diff(one.column("x")), np.ones(len(one.states) - 1)), "frames follow each other"


def test_a_sample_without_both_classes_is_no_sample(sequence_of: SequenceOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "SAMPLE_FRAMES", 10)
    monkeypatch.setattr(judge, "BLOCK_FRAMES", 10)
    sequences = [sequence_of({"x": np.zeros(20)}, [1] * 10 + [0] * 10)]
    assert sampled_blocks(sequences) is sequences


def test_a_judge_scores_each_program_once(sequence_of: SequenceOf) -> None:
    sequence = sequence_of({"x": [1.0, 2.0, 3.0]}, [1, 0, 0])
    program, other = parse_program("x < 3 mm"), parse_program("x < 2 mm")
    scores = Judge.of(ProgramScorer([sequence]), program)
    assert scores.merit(other) == scores.merit(other) == 1.0
    assert len(scores.known) == 2
