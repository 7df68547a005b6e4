from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nsp_core.dsl.text import parse_program
from nsp_core.evaluate.baselines import BASELINES
from nsp_core.evaluate.frames import FrameScores
from nsp_core.search.assess import score_program
from nsp_core.search.compare import Splits, baseline_scores, program_scores
from nsp_core.sequences import LabeledSequence

SequenceOf = Callable[..., LabeledSequence]

PROGRAM = parse_program("x < 0 ± 0.2 mm")
SPLITS = ("train", "train", "train", "validation", "validation", "test")


@pytest.fixture(scope="module")
def splits(sequence_of: SequenceOf) -> Splits:
    """Six recordings of an animal in which the behavior is a threshold on x, with noise, gaps and unlabeled frames."""
    generator = np.random.default_rng(0)
    made: dict[str, list[LabeledSequence]] = {split: [] for split in SPLITS}
    for recording, split in enumerate(SPLITS):
        x, y = generator.normal(size=(2, 400))
        states = (x + 0.5 * generator.normal(size=400) < 0).astype(int)
        states[:50] = -1
        y[generator.random(400) < 0.2] = np.nan
        made[split].append(sequence_of({"x": x, "y": y}, states, recording=str(recording)))
    return made


@pytest.fixture(scope="module")
def baselines(splits: Splits) -> dict[str, dict[str, FrameScores]]:
    return baseline_scores(splits, seed=1)


def test_every_baseline_is_scored_on_every_split(splits: Splits, baselines: dict[str, dict[str, FrameScores]]) -> None:
    assert set(baselines) == set(BASELINES)
    assert all(set(by_split) == set(splits) for by_split in baselines.values())


def test_program_and_baselines_are_judged_on_the_same_frames(
    splits: Splits, baselines: dict[str, dict[str, FrameScores]]
) -> None:
    program = program_scores(PROGRAM, splits, seed=1)
    for split, sequences in splits.items():
        n = sum(int((sequence.states >= 0).sum()) for sequence in sequences)
        n_pos = sum(int((sequence.states == 1).sum()) for sequence in sequences)
        for by_split in (program, *baselines.values()):
            assert (by_split[split].n, by_split[split].n_pos) == (n, n_pos)


def test_program_scores_are_those_of_the_printed_program_with_intervals(splits: Splits) -> None:
    scores = program_scores(PROGRAM, splits, seed=1)
    for split, sequences in splits.items():
        plain = score_program(PROGRAM, sequences)
        assert (scores[split].f1, scores[split].ap) == (plain.f1, plain.ap)
    train = scores["train"]
    assert train.f1_low <= train.f1 <= train.f1_high
    assert train.ap_low <= train.ap <= train.ap_high
    assert np.isnan([scores["test"].f1_low, scores["test"].ap_high]).all()


def test_always_positive_scores_what_its_prevalence_says(
    splits: Splits, baselines: dict[str, dict[str, FrameScores]]
) -> None:
    for split in splits:
        scores = baselines["always_positive"][split]
        prevalence = scores.n_pos / scores.n
        assert scores.f1 == pytest.approx(2 * prevalence / (1 + prevalence))
        assert scores.ap == pytest.approx(prevalence)


def test_baselines_learn_what_can_be_learned(baselines: dict[str, dict[str, FrameScores]]) -> None:
    nothing = baselines["always_positive"]["test"].f1
    for name in ("one_threshold", "depth3_tree", "logistic_regression", "gradient_boosting"):
        assert baselines[name]["test"].f1 > nothing + 0.05
    # Gaps come at random here: that they are there says nothing.
    assert baselines["missingness_only"]["test"].ap < baselines["one_threshold"]["test"].ap - 0.2


def test_the_same_seed_gives_the_same_scores(splits: Splits, baselines: dict[str, dict[str, FrameScores]]) -> None:
    # Compared as text: an interval that does not exist is NaN, which equals nothing.
    assert repr(baseline_scores(splits, seed=1)) == repr(baselines)
    assert repr(program_scores(PROGRAM, splits, seed=1)) == repr(program_scores(PROGRAM, splits, seed=1))


def test_baselines_never_see_who_is_called_agent_where_the_behavior_has_no_order(sequence_of: SequenceOf) -> None:
    def dyad(generator: np.random.Generator, *, exchanged: bool) -> LabeledSequence:
        agent, target = generator.normal(size=(2, 200))
        states = np.minimum(agent, target) + 0.3 * generator.normal(size=200) < -0.5
        orders = (target, agent) if exchanged else (agent, target)
        features = {
            "speed[agent]": orders[0],
            "speed[target]": orders[1],
            "speed[higher]": np.maximum(agent, target),
            "speed[lower]": np.minimum(agent, target),
        }
        return sequence_of(features, states)

    results = []
    for exchanged in (False, True):
        generator = np.random.default_rng(3)
        made = {split: [dyad(generator, exchanged=exchanged)] for split in ("train", "validation")}
        results.append(repr(baseline_scores(made, seed=1)))
    assert results[0] == results[1]


def test_scores_do_not_depend_on_features_of_unlabeled_frames_out_of_reach(
    sequence_of: SequenceOf, splits: Splits
) -> None:
    changed = {}
    for split, sequences in splits.items():
        values = [sequence.values.copy() for sequence in sequences]
        for series in values:
            # The first 50 frames are unlabeled; half of the longest window, 8 s at 10 frames per second, is 40 frames.
            series[:10] = 1e6
        changed[split] = [
            sequence_of(
                {"x": series[:, 0], "y": series[:, 1]}, sequence.states, recording=sequence.recording, fps=sequence.fps
            )
            for series, sequence in zip(values, sequences, strict=True)
        ]
    assert repr(program_scores(PROGRAM, changed, seed=1)) == repr(program_scores(PROGRAM, splits, seed=1))
    assert repr(baseline_scores(changed, seed=1)) == repr(baseline_scores(splits, seed=1))
