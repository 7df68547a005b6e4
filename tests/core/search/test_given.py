"""A given program is fitted to all recordings and judged, fold by fold, by constants that did not see the fold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nsp_core.dsl.constants import constants_of
from nsp_core.dsl.semantics import exact_states
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.errors import LabelError
from nsp_core.search import given
from nsp_core.search.assess import ProgramScorer, score_program
from nsp_core.search.compare import baseline_scores
from nsp_core.search.given import FitProgress, fit_given, judge_given
from nsp_core.search.tune import tune_constants
from nsp_core.sequences import LabeledSequence

SequenceOf = Callable[..., LabeledSequence]

GUESS = "mean(near, 0.5 s) < 60 mm"


def recordings(sequence_of: SequenceOf, thresholds: list[float], n_frames: int = 400) -> list[LabeledSequence]:
    """Return recordings in which the behavior means another distance each."""
    made = []
    for number, threshold in enumerate(thresholds):
        generator = np.random.default_rng(number)
        near = 40 + 12 * np.convolve(generator.normal(size=n_frames + 14), np.ones(15) / np.sqrt(15), "valid")
        sequence = sequence_of({"near": near}, np.zeros(n_frames), recording=str(number))
        rule = parse_program(f"mean(near, 0.5 s) < {threshold} mm")
        made.append(replace(sequence, states=exact_states(rule, sequence.column, sequence.fps)))
    return made


def test_constants_are_fitted_to_all_recordings_and_judged_by_those_that_were_not(sequence_of: SequenceOf) -> None:
    development, test = recordings(sequence_of, [35, 35, 35, 35]), recordings(sequence_of, [35] * 6)[4:]
    found = fit_given(parse_program(GUESS), development, {"test": test}, seed=0)
    assert constants_of(found.program)[0].value == pytest.approx(35, abs=0.5)
    assert set(found.scores) == {"train", "validation", "test"}
    assert found.scores["train"].f1 == score_program(found.program, development).f1
    assert found.scores["test"].f1 == score_program(found.program, test).f1
    assert found.scores["validation"].f1 > 0.97
    assert not np.isnan(found.scores["validation"].f1_low)


def test_recordings_that_differ_cost_held_out_scores(sequence_of: SequenceOf) -> None:
    development = recordings(sequence_of, [28, 34, 40, 46])
    scores = fit_given(parse_program(GUESS), development, {}, seed=0).scores
    assert scores["validation"].f1 < scores["train"].f1


@pytest.mark.parametrize("n_recordings", [1, 3, 6])
def test_no_fit_sees_the_frames_it_is_judged_on(
    sequence_of: SequenceOf, monkeypatch: pytest.MonkeyPatch, n_recordings: int
) -> None:
    development = recordings(sequence_of, [40.0] * n_recordings)
    seen: list[set[tuple[str, float]]] = []

    def spied(program: Any, scorer: ProgramScorer, **settings: Any) -> Any:
        seen.append(
            {(one.recording, float(value)) for one in scorer.sequences for value in one.column("near")[one.states >= 0]}
        )
        return tune_constants(program, scorer, **settings)

    monkeypatch.setattr(given, "tune_constants", spied)
    scores = fit_given(parse_program(GUESS), development, {}, seed=0, rounds=1).scores
    everything, *parts = seen
    assert len(everything) == scores["train"].n
    held_out = [everything - part for part in parts]
    assert len(parts) == (4 if n_recordings == 1 else min(4, n_recordings))
    assert set.union(*held_out) == everything
    if n_recordings > 1:
        assert sum(map(len, held_out)) == len(everything) == scores["validation"].n, "every frame is held out once"
    else:
        assert scores["validation"].n < len(everything), "the gaps between the blocks of a recording are not judged"


def test_a_given_program_is_judged_on_the_frames_of_the_baselines(sequence_of: SequenceOf) -> None:
    development = recordings(sequence_of, [35, 35, 40])
    judged = judge_given(parse_program(GUESS), development, {}, seed=0)
    baselines = baseline_scores(development, {}, seed=0)
    for scores in baselines.values():
        assert (scores["validation"].n, scores["validation"].n_pos) == (
            judged["validation"].n,
            judged["validation"].n_pos,
        )
    # The same draws of recordings: what is always positive has the interval of what always holds.
    always = judge_given(parse_program("near > -999 mm"), development, {}, seed=0)["validation"]
    assert (always.f1_low, always.f1_high) == (
        baselines["always_positive"]["validation"].f1_low,
        baselines["always_positive"]["validation"].f1_high,
    )


def test_kept_constants_are_the_same_in_every_fold(sequence_of: SequenceOf) -> None:
    development = recordings(sequence_of, [35, 35, 40])
    scores = judge_given(parse_program(GUESS), development, {"test": development[:1]}, seed=0)
    for name in ("f1", "ap", "precision", "recall", "coverage"):
        assert getattr(scores["validation"], name) == getattr(scores["train"], name)
    assert scores["test"].f1 == score_program(parse_program(GUESS), development[:1]).f1


def test_progress_is_told_for_every_fit(sequence_of: SequenceOf) -> None:
    steps: list[FitProgress] = []
    development = recordings(sequence_of, [35, 35, 35])
    found = fit_given(parse_program(GUESS), development, {}, seed=0, report=steps.append)
    assert list(dict.fromkeys((one.fit, one.n_fits) for one in steps)) == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert found.stopped_because == "complete"


def test_the_same_recordings_give_the_same_twice(sequence_of: SequenceOf) -> None:
    development = recordings(sequence_of, [35, 36, 37])
    first, second = (fit_given(parse_program(GUESS), development, {}, seed=3) for _ in range(2))
    assert first == second
    assert format_program(first.program) != GUESS


def test_too_little_to_judge_by_is_told(sequence_of: SequenceOf) -> None:
    development = recordings(sequence_of, [-100.0, -100.0])
    for judged in (fit_given, judge_given):
        with pytest.raises(LabelError, match="annotate the behavior in more recordings"):
            judged(parse_program(GUESS), development, {}, seed=0)
