from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nsp_core.dsl.text import parse_program
from nsp_core.evaluate import baselines as baselines_module
from nsp_core.evaluate.baselines import BASELINES, FittedBaseline, Table
from nsp_core.evaluate.frames import FrameScores, pooled_scores
from nsp_core.search import compare
from nsp_core.search.assess import score_program
from nsp_core.search.compare import Splits, baseline_predictions, baseline_scores, program_scores
from nsp_core.search.development import prepare_development
from nsp_core.sequences import LabeledSequence
from tests.core.search.recording_examples import recordings

SequenceOf = Callable[..., LabeledSequence]

PROGRAM = parse_program("x < 0 ± 0.2 mm")
N_DEVELOPMENT = 5

pytestmark = pytest.mark.usefixtures("few_trees")


@pytest.fixture(scope="module")
def study(sequence_of: SequenceOf) -> list[LabeledSequence]:
    """Six recordings of an animal in which the behavior is a threshold on x, with noise, gaps and unlabeled frames."""
    generator = np.random.default_rng(0)
    made = []
    for recording in range(N_DEVELOPMENT + 1):
        x, y = generator.normal(size=(2, 300))
        states = (x + 0.5 * generator.normal(size=300) < 0).astype(int)
        states[:50] = -1
        y[generator.random(300) < 0.2] = np.nan
        made.append(sequence_of({"x": x, "y": y}, states, recording=str(recording)))
    return made


@pytest.fixture(scope="module")
def development(study: list[LabeledSequence]) -> list[LabeledSequence]:
    return study[:N_DEVELOPMENT]


@pytest.fixture(scope="module")
def others(study: list[LabeledSequence]) -> Splits:
    return {"test": study[N_DEVELOPMENT:]}


@pytest.fixture(scope="module")
def baselines(few_trees: None, development: list[LabeledSequence], others: Splits) -> dict[str, dict[str, FrameScores]]:
    return baseline_scores(development, others, seed=1)


def test_every_baseline_is_scored_on_held_out_frames_and_every_other_split(
    baselines: dict[str, dict[str, FrameScores]],
) -> None:
    assert set(baselines) == set(BASELINES)
    assert all(set(by_split) == {"validation", "test"} for by_split in baselines.values())


def test_program_and_baselines_are_judged_on_the_same_frames(
    development: list[LabeledSequence], others: Splits, baselines: dict[str, dict[str, FrameScores]]
) -> None:
    splits = {"validation": development, **others}
    program = program_scores(PROGRAM, splits, seed=1)
    for split, sequences in splits.items():
        n = sum(int((sequence.states >= 0).sum()) for sequence in sequences)
        n_pos = sum(int((sequence.states == 1).sum()) for sequence in sequences)
        for by_split in (program, *baselines.values()):
            assert (by_split[split].n, by_split[split].n_pos) == (n, n_pos)


@pytest.mark.parametrize("n_recordings", [1, 2])
def test_baselines_are_held_out_as_programs_are(n_recordings: int) -> None:
    made = recordings(n_recordings, 600)
    # In one recording only, the behavior can be held out by blocks of time.
    made[1:] = [replace(one, states=np.zeros_like(one.states)) for one in made[1:]]
    prepared = prepare_development(made, seed=1, device="cpu")
    predictions = baseline_predictions(made, {}, seed=1)
    for by_split in predictions.values():
        for one, own, found in zip(made, prepared.folds, by_split["validation"], strict=True):
            labeled = one.states[one.states >= 0]
            np.testing.assert_array_equal(found.states, np.where(own[one.states >= 0] >= 0, labeled, -1))


class Spy:
    """Stands in for ``fit_baselines`` and remembers which recordings a copy learned from and judged.

    The first column tells the recording: recording r lies within r and r + 1.
    """

    def __init__(self) -> None:
        self.judged: dict[frozenset[int], Counter[tuple[str, int]]] = {}

    def __call__(self, train: Table, validation: Table | None, **options: Any) -> dict[str, FittedBaseline]:
        fitted = baselines_module.fit_baselines(train, validation, **options)
        counts = self.judged.setdefault(frozenset(np.floor(train.columns[:, 0]).astype(int).tolist()), Counter())

        def watched(name: str, baseline: FittedBaseline) -> FittedBaseline:
            def score(columns: np.ndarray) -> np.ndarray:
                counts.update((name, int(number)) for number in np.floor(columns[:, 0]))
                return baseline.score(columns)

            return replace(baseline, score=score)

        return {name: watched(name, baseline) for name, baseline in fitted.items()}


def test_every_frame_is_judged_by_a_copy_that_never_saw_its_recording(
    sequence_of: SequenceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    made = [
        sequence_of({"x": number + generator.uniform(0, 1, 120)}, np.arange(120) // 10 % 2, recording=str(number))
        for number in range(6)
    ]
    spy = Spy()
    monkeypatch.setattr(compare, "fit_baselines", spy)
    baseline_scores(made[:5], {"test": made[5:]}, seed=1)
    on_everything = spy.judged.pop(frozenset(range(5)))
    assert on_everything == {(name, 5): 120 for name in BASELINES}
    together: Counter[tuple[str, int]] = Counter()
    for learned_from, judged in spy.judged.items():
        assert not learned_from & {number for _, number in judged}
        together.update(judged)
    assert len(spy.judged) == 4
    assert together == {(name, number): 120 for name in BASELINES for number in range(5)}


def test_program_scores_are_those_of_the_printed_program_with_intervals(
    development: list[LabeledSequence], others: Splits
) -> None:
    splits = {"train": development, **others}
    scores = program_scores(PROGRAM, splits, seed=1)
    for split, sequences in splits.items():
        plain = score_program(PROGRAM, sequences)
        assert (scores[split].f1, scores[split].ap) == (plain.f1, plain.ap)
    train = scores["train"]
    assert train.f1_low <= train.f1 <= train.f1_high
    assert train.ap_low <= train.ap <= train.ap_high
    assert np.isnan([scores["test"].f1_low, scores["test"].ap_high]).all()


def test_held_out_scores_have_intervals_over_recordings(baselines: dict[str, dict[str, FrameScores]]) -> None:
    for by_split in baselines.values():
        one = by_split["validation"]
        assert one.f1_low <= one.f1 <= one.f1_high


def test_always_positive_scores_what_its_prevalence_says(baselines: dict[str, dict[str, FrameScores]]) -> None:
    for scores in baselines["always_positive"].values():
        prevalence = scores.n_pos / scores.n
        assert scores.f1 == pytest.approx(2 * prevalence / (1 + prevalence))
        assert scores.ap == pytest.approx(prevalence)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_baselines_learn_what_can_be_learned(baselines: dict[str, dict[str, FrameScores]], split: str) -> None:
    nothing = baselines["always_positive"][split].f1
    for name in ("one_threshold", "depth3_tree", "logistic_regression", "gradient_boosting"):
        assert baselines[name][split].f1 > nothing + 0.05
    # Gaps come at random here: that they are there says nothing.
    assert baselines["missingness_only"][split].ap < baselines["one_threshold"][split].ap - 0.2


def test_one_cut_for_all_folds_has_the_best_held_out_f1(
    development: list[LabeledSequence], others: Splits, baselines: dict[str, dict[str, FrameScores]]
) -> None:
    predictions = baseline_predictions(development, others, seed=1)
    for name in ("logistic_regression", "gradient_boosting"):
        held_out = predictions[name]["validation"]
        assert pooled_scores(held_out).f1 == baselines[name]["validation"].f1
        for cut in np.linspace(0.05, 0.95, 19):
            moved = [replace(one, predicted=(one.probability >= cut).astype(np.int8)) for one in held_out]
            assert pooled_scores(moved).f1 <= baselines[name]["validation"].f1 + 1e-9
        positives = np.concatenate([one.probability[one.predicted == 1] for one in held_out])
        negatives = np.concatenate([one.probability[one.predicted == 0] for one in held_out])
        assert positives.min() > negatives.max()
        # Frames of other splits are cut at the same probability.
        (test,) = predictions[name]["test"]
        assert (test.predicted[test.probability >= positives.min()] == 1).all()
        assert (test.predicted[test.probability <= negatives.max()] == 0).all()


def test_the_same_seed_gives_the_same_scores(
    development: list[LabeledSequence], others: Splits, baselines: dict[str, dict[str, FrameScores]]
) -> None:
    # Compared as text: an interval that does not exist is NaN, which equals nothing.
    assert repr(baseline_scores(development, others, seed=1)) == repr(baselines)
    assert repr(program_scores(PROGRAM, others, seed=1)) == repr(program_scores(PROGRAM, others, seed=1))


def test_recordings_without_labels_change_nothing(development: list[LabeledSequence]) -> None:
    silent = replace(development[0], recording="silent", states=np.full_like(development[0].states, -1))
    # The silent recording is a fold of its own, in which there is nothing to judge.
    scores = baseline_scores([*development[:3], silent], {}, seed=1)
    assert scores["always_positive"]["validation"].n == 3 * 250


def test_baselines_never_see_who_is_called_agent_where_the_behavior_has_no_order(sequence_of: SequenceOf) -> None:
    def dyad(generator: np.random.Generator, recording: str, *, exchanged: bool) -> LabeledSequence:
        agent, target = generator.normal(size=(2, 150))
        states = np.minimum(agent, target) + 0.3 * generator.normal(size=150) < -0.5
        orders = (target, agent) if exchanged else (agent, target)
        features = {
            "speed[agent]": orders[0],
            "speed[target]": orders[1],
            "speed[higher]": np.maximum(agent, target),
            "speed[lower]": np.minimum(agent, target),
        }
        return sequence_of(features, states, recording=recording)

    results = []
    for exchanged in (False, True):
        generator = np.random.default_rng(3)
        made = [dyad(generator, recording, exchanged=exchanged) for recording in "ab"]
        results.append(repr(baseline_scores(made, {}, seed=1)))
    assert results[0] == results[1]


def test_scores_do_not_depend_on_features_of_unlabeled_frames_out_of_reach(
    development: list[LabeledSequence], others: Splits, baselines: dict[str, dict[str, FrameScores]]
) -> None:
    def changed(sequence: LabeledSequence) -> LabeledSequence:
        values = sequence.values.copy()
        # The first 50 frames are unlabeled; half of the longest window, 8 s at 10 frames per second, is 40 frames.
        values[:10] = 1e6
        return replace(sequence, values=values)

    changed_others = {"test": [changed(one) for one in others["test"]]}
    assert repr(program_scores(PROGRAM, changed_others, seed=1)) == repr(program_scores(PROGRAM, others, seed=1))
    made = [changed(one) for one in development]
    assert repr(baseline_scores(made, changed_others, seed=1)) == repr(baselines)
