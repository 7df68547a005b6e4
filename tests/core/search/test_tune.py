"""Constants fitted on the exact rule: found again where they are known, never worse, round, and told about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_core.dsl.ast import complexity
from nsp_core.dsl.constants import ConstantKind, constants_of, with_constants
from nsp_core.dsl.semantics import exact_states
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.errors import FeatureError, LabelError, ProgramError
from nsp_core.evaluate.frames import FrameScores
from nsp_core.search import judge
from nsp_core.search.assess import ProgramScorer, score_program
from nsp_core.search.tune import ROUNDING_LOSS, TunedProgram, TuningProgress, tune_constants
from nsp_core.sequences import LabeledSequence
from nsp_core.units import parse_unit

SequenceOf = Callable[..., LabeledSequence]

FPS = 10.0
NAMES, UNITS = ("near", "speed", "still"), ("mm", "mm/s", "mm")


def smoothed(generator: np.random.Generator, n_frames: int, width: int) -> np.ndarray:
    """Return a series (time,) of variance 1 that changes within about ``width`` frames."""
    return np.convolve(generator.normal(size=n_frames + width - 1), np.ones(width) / np.sqrt(width), "valid")


def animals(seed: int, n_frames: int = 2000, fps: float | None = FPS) -> LabeledSequence:
    """Return a distance around 40 mm, a speed around 40 mm/s, and a number that never changes; two percent missing."""
    generator = np.random.default_rng(seed)
    near = 40 * np.exp(0.6 * smoothed(generator, n_frames, 31))
    speed = 50 * np.abs(smoothed(generator, n_frames, 7))
    values = np.stack([near, speed, np.full(n_frames, 5.0)], axis=1).astype(np.float32)
    values[generator.random(values.shape) < 0.02] = np.nan
    units = tuple(parse_unit(unit if fps else unit.replace("/s", "/frame")) for unit in UNITS)
    return LabeledSequence(str(seed), values, np.zeros(n_frames, dtype=np.int8), NAMES, units, fps)


def showing(rule: str, *sequences: LabeledSequence) -> list[LabeledSequence]:
    """Return the sequences with the labels that ``rule`` gives them."""
    program = parse_program(rule)
    states = [exact_states(program, sequence.column, sequence.fps) for sequence in sequences]
    return [replace(sequence, states=np.maximum(found, 0)) for sequence, found in zip(sequences, states, strict=True)]


def tuned(given_rule: str, sequences: list[LabeledSequence], **settings: object) -> TunedProgram:
    return tune_constants(parse_program(given_rule), ProgramScorer(sequences), **settings)  # type: ignore[arg-type]


def merit(scores: FrameScores) -> float:
    return (scores.f1 + scores.ap) / 2


# The planted rule, and a person's guess of it.
PLANTED = [
    ("near < 22 mm", "near < 60 mm"),
    (
        "min_bout(near < 25 mm and mean(speed, 0.5 s) < 60 mm/s, 1 s)",
        "min_bout(near < 40 mm and mean(speed, 2 s) < 100 mm/s, 0.3 s)",
    ),
    (
        "min_bout(near < 25 mm and mean(speed, 0.5 s) < 60 mm/s, 1 s)",
        "min_bout(near < 12 mm and mean(speed, 1 s) < 25 mm/s, 3 s)",
    ),
    (
        "sustained(near < 30 mm, 1 s) and within(speed > 80 mm/s, past 2 s)",
        "sustained(near < 15 mm, 0.3 s) and within(speed > 120 mm/s, past 1 s)",
    ),
    ("fraction(near < 30 mm, 2 s) > 0.6", "fraction(near < 60 mm, 4 s) > 0.3"),
    (
        "gaussian(speed, 0.5 s) > 40 mm/s and quantile(near, 0.2, past 2 s) < 25 mm",
        "gaussian(speed, 0.3 s) > 80 mm/s and quantile(near, 0.5, past 1.3 s) < 17 mm",
    ),
    ("near - 0.5 s * speed < 10 mm", "near - 2 s * speed < -10 mm"),
    ("hysteresis(near < 20 mm, near < 35 mm)", "hysteresis(near < 10 mm, near < 70 mm)"),
    ("if(near < 30 mm, speed, 0 mm/s) > 50 mm/s", "if(near < 60 mm, speed, 0 mm/s) > 90 mm/s"),
]


@pytest.mark.parametrize(("rule", "guess"), PLANTED)
def test_a_planted_rule_is_found_again_from_a_rough_guess(rule: str, guess: str) -> None:
    found = tuned(guess, showing(rule, *map(animals, range(3))), rough=True, rounds=20)
    assert found.after.f1 > 0.98
    for planted, fitted in zip(constants_of(parse_program(rule)), constants_of(found.program), strict=True):
        # 22 mm is found as 21 to 23 mm, a window of 0.5 s to the frame.
        tolerance = {"mm": 1.0, "mm/s": 2.0, "s": 0.1, "": 0.02}[planted.unit]
        assert fitted.value == pytest.approx(planted.value, abs=tolerance), format_program(found.program)


def test_labels_that_a_person_gave_a_little_early_or_late_move_constants_by_little() -> None:
    rule = "near < 25 mm and mean(speed, 1 s) < 60 mm/s"
    sequences = showing(rule, *map(animals, range(3)))
    late = [replace(one, states=np.roll(one.states, shift)) for one, shift in zip(sequences, (1, -1, 2), strict=True)]
    found = tuned("near < 60 mm and mean(speed, 3 s) < 100 mm/s", late, rough=True)
    values = [one.value for one in constants_of(found.program)]
    assert values == [pytest.approx(25, abs=1.5), pytest.approx(60, abs=6), pytest.approx(1, abs=0.4)]


def test_softness_is_judged_by_the_ranking_of_frames() -> None:
    generator = np.random.default_rng(0)
    (sequence,) = showing("near < 25 mm", animals(0))
    # The nearer, the more often the behavior is seen: far too hard a step ranks all near frames alike.
    chance = 1 / (1 + np.exp((np.nan_to_num(sequence.column("near"), nan=99.0) - 25) / 4))
    states = (generator.random(chance.size) < chance).astype(np.int8)
    found = tuned("near < 25 ± 0.01 mm", [replace(sequence, states=states)], kinds=("softness",))
    assert found.after.f1 == found.before.f1
    assert found.after.ap > found.before.ap + 0.01
    ((before, after),) = found.changes
    assert (before.value, before.kind) == (0.01, "softness")
    assert after.value > 0.1


def test_a_rule_that_is_right_stays_as_it_is_written() -> None:
    rule = "min_bout(near < 25 mm and mean(speed, 0.5 s) < 60 mm/s, 1 s)"
    found = tuned(rule, showing(rule, animals(0)))
    assert format_program(found.program) == rule
    assert found.changes == ()
    assert found.stopped_because == "complete"


@pytest.mark.parametrize(("given_mm", "rounder"), [("21.9873", "near < 22 mm"), ("22.5", "near < 22.5 mm")])
def test_a_number_with_many_digits_is_rounded_where_nothing_is_lost(
    sequence_of: SequenceOf, given_mm: str, rounder: str
) -> None:
    near = np.array([15.0, 18.0, 21.0, 21.5, 22.8, 23.0, 30.0, 40.0] * 5)
    found = tuned(f"near < {given_mm} mm", [sequence_of({"near": near}, near < 22)])
    assert format_program(found.program) == rounder


def test_digits_that_matter_are_kept(sequence_of: SequenceOf) -> None:
    x = np.linspace(1523.0, 1524.0, 500)
    found = tuned("x < 1523.9 mm", [sequence_of({"x": x}, x < 1523.251)])
    assert found.after.f1 == 1.0
    ((_, after),) = found.changes
    assert after.value == pytest.approx(1523.251, abs=0.002)
    assert len(repr(after.value)) <= len("1523.251")


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([True, False]), st.data())
def test_whatever_is_given_comes_back_no_worse_with_other_constants_only(
    seed: int, rough: bool, data: st.DataObject
) -> None:
    rule, guess = data.draw(st.sampled_from(PLANTED))
    labels = np.random.default_rng(seed).random(400) < 0.2
    sequence = replace(showing(rule, animals(seed, 400))[0], states=labels.astype(np.int8))
    program = parse_program(guess)
    stretched = [
        one.value * data.draw(st.floats(0.2, 1.2)) if one.kind != "share" else one.value
        for one in constants_of(program)
    ]
    program = with_constants(program, stretched)
    found = tune_constants(program, ProgramScorer([sequence]), rough=rough, rounds=2)
    assert merit(found.after) >= merit(found.before)
    assert found.before == score_program(program, [sequence])
    assert found.after == score_program(parse_program(format_program(found.program)), [sequence])
    assert with_constants(found.program, stretched) == program
    assert complexity(found.program) == complexity(program)
    longest = len(sequence.states) / FPS
    for _, after in found.changes:
        assert len(f"{abs(after.value):g}".replace(".", "").strip("0")) <= 4
        assert after.unit != "s" or 1 / FPS <= abs(after.value) <= longest


def test_the_same_rule_on_the_same_sequences_gives_the_same_twice() -> None:
    rule, guess = PLANTED[1]
    sequences = showing(rule, *map(animals, range(2)))
    assert tuned(guess, sequences, rough=True) == tuned(guess, sequences, rough=True)


@pytest.mark.parametrize(
    ("places", "kinds", "changed"),
    [
        ((1,), ("threshold", "width"), {1}),
        (None, ("threshold",), {1, 2}),
        ((0, 1), ("duration",), {0}),
        ((), (), set()),
    ],
)
def test_only_the_constants_asked_for_change(
    places: tuple[int, ...] | None, kinds: tuple[ConstantKind, ...], changed: set[int]
) -> None:
    rule, guess = PLANTED[1]
    found = tuned(guess, showing(rule, *map(animals, range(2))), places=places, kinds=kinds)
    pairs = zip(constants_of(found.given), constants_of(found.program), strict=True)
    assert {place for place, (old, new) in enumerate(pairs) if old.value != new.value} == changed


def test_a_window_takes_its_threshold_along_where_that_may_move_too() -> None:
    rule, guess = "mean(speed, 1 s) < 30 mm/s", "mean(speed, 6 s) < 42 mm/s"
    sequences = showing(rule, *map(animals, range(3)))
    assert merit(tuned(guess, sequences, rounds=1).after) > merit(tuned(guess, sequences, rounds=1, places=[1]).after)


def test_weights_and_constants_keep_their_sign() -> None:
    rule = "points(2: near < 30 mm, 1: speed < 20 mm/s, -1: speed > 90 mm/s) > 1.5"
    guess = "points(1: near < 40 mm, 1: speed < 40 mm/s, -1: speed > 60 mm/s) > 0.4"
    found = tuned(guess, showing(rule, *map(animals, range(3))), rough=True)
    assert found.after.f1 > 0.9
    weights = [one.value for one in constants_of(found.program) if one.kind == "weight"]
    assert [np.sign(weight) for weight in weights] == [1, 1, -1]


@pytest.mark.parametrize("n_parts", [2, 8])
def test_the_threshold_of_a_vote_moves_between_its_sums(n_parts: int) -> None:
    parts = ", ".join(f"1: near < {20 + 5 * part} mm" for part in range(n_parts))
    (sequence,) = showing(f"points({parts}) > {n_parts - 0.5}", animals(0))
    found = tuned(f"points({parts}) > 0.5", [sequence], places=[n_parts])
    assert found.after.f1 == 1.0
    ((_, after),) = found.changes
    assert n_parts - 1 < after.value < n_parts


def test_inside_a_fold_constants_move_by_factors() -> None:
    rule, guess = (f"fold(0.9 * before + {gain} * speed) < 40 mm/s" for gain in ("0.1", "0.25"))
    found = tuned(guess, showing(rule, *map(animals, range(2))))
    assert found.after.f1 > max(found.before.f1, 0.95)


def test_without_a_frame_rate_durations_are_whole_frames() -> None:
    rule = "min_bout(near < 25 mm and mean(speed, 5 frame) < 60 mm/frame, 10 frame)"
    sequences = showing(rule, *(animals(seed, fps=None) for seed in range(2)))
    found = tuned("min_bout(near < 40 mm and mean(speed, 21 frame) < 90 mm/frame, 3 frame)", sequences, rough=True)
    assert found.after.f1 > 0.97
    durations = [one.value for one in constants_of(found.program) if one.unit == "frame"]
    assert all(duration.is_integer() and duration >= 1 for duration in durations)


def test_animals_that_change_places_are_seen_in_both_orders(sequence_of: SequenceOf) -> None:
    generator = np.random.default_rng(0)
    speeds = {name: 50 * np.abs(smoothed(generator, 1500, 7)) for name in ("speed[agent]", "speed[target]")}
    sequence = sequence_of(speeds, np.zeros(1500), unit="mm/s")
    (sequence,) = showing("either(speed[agent] > 90 mm/s and speed[target] < 40 mm/s)", sequence)
    found = tuned("either(speed[agent] > 30 mm/s and speed[target] < 90 mm/s)", [sequence], rough=True)
    assert [one.value for one in constants_of(found.program)] == [pytest.approx(90, abs=2), pytest.approx(40, abs=2)]


def test_a_number_that_says_nothing_is_left_alone_and_why_is_told(sequence_of: SequenceOf) -> None:
    (sequence,) = showing("near < 22 mm", animals(0))
    values = sequence.values.copy()
    values[:, 1] = np.nan
    values[:, 2] = 5.0
    found = tuned(
        "near < 40 mm or mean(speed, 0.5 s) < 30 ± 4 mm/s or still < 3 mm or if(still > 1 mm, 0 mm, near) > 9 mm",
        [replace(sequence, values=values)],
    )
    reasons = {(one.kind, one.text): reason for one, reason in found.left_alone}
    missing = "its number is missing at every labeled frame"
    assert reasons["threshold", "mean(speed, 0.5 s) < 30 ± 4 mm/s"] == missing
    assert reasons["softness", "mean(speed, 0.5 s) < 30 ± 4 mm/s"] == missing
    assert reasons["threshold", "still < 3 mm"] == "its number is 5 at every labeled frame"
    assert reasons["constant", "0 mm"] == "zero has no scale of its own"
    changed = {one.text for one, _ in found.changes}
    assert "near < 40 mm" in changed
    assert not changed & {text for _, text in reasons}


@pytest.mark.parametrize("state", [0, 1, -1])
def test_labels_of_one_class_cannot_be_fitted(state: int) -> None:
    sequence = animals(0, 50)
    sequence = replace(sequence, states=np.full(50, state, dtype=np.int8))
    found = f"found {50 * (state == 1)} frames with the behavior and {50 * (state == 0)} without, expected some of both"
    with pytest.raises(LabelError, match=f"labels to fit constants on: {found}; annotate more, or keep the constants"):
        tuned("near < 22 mm", [sequence])


def test_a_feature_that_is_not_there_is_told(sequence_of: SequenceOf) -> None:
    with pytest.raises(FeatureError, match="no feature 'far'"):
        tuned("far < 22 mm", showing("near < 22 mm", animals(0)))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"places": (0, 2, -1)}, r"found places \[2, -1\], expected places from 0 to 1; count the constants"),
        ({"rounds": 0}, "found 0 rounds, expected at least 1; allow one round or more"),
    ],
)
def test_impossible_wishes_are_told(asked: dict[str, object], message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        tuned("near < 22 ± 3 mm", showing("near < 22 mm", animals(0)), **asked)


def test_progress_is_told_after_every_constant_and_only_ever_gets_better() -> None:
    rule, guess = PLANTED[1]
    steps: list[TuningProgress] = []
    found = tuned(guess, showing(rule, *map(animals, range(2))), rounds=3, report=steps.append)
    first = [step for step in steps if step.round == 1]
    assert [(step.done, step.total) for step in first] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert all(after.merit >= before.merit for before, after in pairwise(steps))
    assert all(after.n_evaluations >= before.n_evaluations for before, after in pairwise(steps))
    assert merit(found.after) >= steps[-1].merit - ROUNDING_LOSS
    assert max(step.round for step in steps) <= 3


def test_a_person_who_stops_waiting_gets_what_has_been_found() -> None:
    rule, guess = PLANTED[1]
    sequences = showing(rule, *map(animals, range(2)))
    asked = iter([False, False, True])
    found = tuned(guess, sequences, should_stop=lambda: next(asked))
    assert found.stopped_because == "asked to stop"
    assert len(found.changes) == 2
    assert merit(found.after) > merit(found.before)


def test_as_many_rounds_as_allowed_and_no_more() -> None:
    rule, guess = PLANTED[1]
    found = tuned(guess, showing(rule, *map(animals, range(2))), rounds=1)
    assert found.stopped_because == "round limit of 1"


def test_the_scorer_remembers_what_it_did_and_none_of_the_candidates() -> None:
    rule, guess = PLANTED[1]
    scorer = ProgramScorer(showing(rule, *map(animals, range(2))))
    scorer.score(parse_program("still < 3 mm and speed > 3 mm/s"))
    before = {batch: (set(memo.numbers), set(memo.truths)) for batch, memo in scorer.memos.items()}
    found = tune_constants(parse_program(guess), scorer)
    fresh = ProgramScorer(scorer.sequences)
    fresh.score(found.program)
    for batch, memo in scorer.memos.items():
        alone = fresh.memos[batch]
        assert set(memo.numbers) == before[batch][0] | set(alone.numbers)
        assert set(memo.truths) == before[batch][1] | set(alone.truths)


def test_many_frames_are_tried_on_a_sample_and_judged_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    rule, guess = PLANTED[1]
    sequences = showing(rule, *map(animals, range(3)))
    all_frames = tuned(guess, sequences, rough=True)
    monkeypatch.setattr(judge, "SAMPLE_FRAMES", 3000)
    monkeypatch.setattr(judge, "BLOCK_FRAMES", 300)
    sampled = tuned(guess, sequences, rough=True)
    assert sampled.before == all_frames.before
    assert sampled.after == score_program(sampled.program, sequences)
    assert sampled.after.f1 > 0.9
