"""Programs of annotators whose rules are planted: found again, told apart where they differ and only there."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from nsp_core.dsl.constants import constants_of
from nsp_core.dsl.semantics import exact_states
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.errors import FeatureError, LabelError, ProgramError
from nsp_core.evaluate.agreement import agreement
from nsp_core.sequences import LabeledSequence
from nsp_core.units import parse_unit
from nsp_core.weak.annotator_comparison import AnnotatorPrograms
from nsp_core.weak.annotator_programs import AnnotatorFitProgress, fit_annotator_programs

FPS = 10.0
GIVEN = "min_bout(near < 50 mm, 0.3 s)"


def animals(seed: int, n_frames: int = 2000) -> LabeledSequence:
    """Return a distance around 40 mm and a speed around 40 mm/s that change slowly."""
    generator = np.random.default_rng(seed)
    slow, fast = (
        np.convolve(generator.normal(size=n_frames + width - 1), np.ones(width) / np.sqrt(width), "valid")
        for width in (31, 7)
    )
    values = np.stack([40 * np.exp(0.6 * slow), 50 * np.abs(fast)], axis=1).astype(np.float32)
    units = tuple(map(parse_unit, ("mm", "mm/s")))
    return LabeledSequence(str(seed), values, np.zeros(n_frames, dtype=np.int8), ("near", "speed"), units, FPS)


def seen_as(rule: str, sequence: LabeledSequence, seed: int = 0, flipped: float = 0.02) -> np.ndarray:
    """Return the states that a rule gives, some of them wrong in stretches of half a second."""
    states = np.maximum(exact_states(parse_program(rule), sequence.column, sequence.fps), 0)
    wrong = np.repeat(np.random.default_rng(seed).random(len(states) // 5) < flipped, 5)
    return np.where(wrong, 1 - states, states).astype(np.int8)


def fitted(rules: dict[str, str], *sequences: LabeledSequence, given: str = GIVEN, **settings) -> AnnotatorPrograms:
    states = {
        who: [seen_as(rule, one, place + 10 * number) for number, one in enumerate(sequences)]
        for place, (who, rule) in enumerate(rules.items())
    }
    settings = {"n_refits": 0, "seed": 0, **settings}
    return fit_annotator_programs(parse_program(given), sequences, states, **settings)


def constant_values(found: AnnotatorPrograms, annotator: str) -> list[float]:
    return [constant.value for constant in constants_of(found.programs[annotator])]


@pytest.fixture(scope="module")
def apart() -> AnnotatorPrograms:
    return fitted({"anna": "near < 34 mm", "ben": "near < 24 mm"}, animals(1), given="near < 50 mm", n_refits=10)


def test_annotators_of_different_rules_have_their_constants(apart):
    assert constant_values(apart, "anna") == pytest.approx([34], abs=1.5)
    assert constant_values(apart, "ben") == pytest.approx([24], abs=1.5)
    (common,) = constants_of(apart.common)
    assert 24 <= common.value <= 34
    assert format_program(apart.given) == "near < 50 mm"


def test_a_planted_difference_is_clear_and_its_interval_holds_it(apart):
    (compared,) = apart.constants
    (difference,) = compared.differences
    assert (difference.first, difference.second) == ("anna", "ben")
    assert difference.value == compared.estimates[0].value - compared.estimates[1].value
    assert difference.interval.low <= 10 <= difference.interval.high
    assert difference.is_clear
    assert (apart.drawn, apart.n_refits) == ("blocks of time", 10)
    for estimate, planted in zip(compared.estimates, (34, 24), strict=True):
        assert estimate.interval.low - 0.5 <= planted <= estimate.interval.high + 0.5


def test_annotators_of_one_rule_do_not_differ_clearly():
    found = fitted({"anna": "near < 30 mm", "ben": "near < 30 mm"}, animals(2), given="near < 50 mm", n_refits=8)
    (compared,) = found.constants
    assert not compared.differences[0].is_clear
    assert compared.differences[0].value == pytest.approx(0, abs=1.5)


def test_what_is_labeled_alike_is_fitted_alike():
    sequence = animals(3)
    states = seen_as("near < 30 mm", sequence)
    found = fit_annotator_programs(
        parse_program(GIVEN),
        [sequence],
        {"anna": [states], "ben": [states.copy()]},
        seed=0,
        n_refits=2,
    )
    assert found.programs["anna"] == found.programs["ben"]
    assert {one.differences[0].value for one in found.constants} == {0.0}
    assert all(one.differences[0].interval.high == 0.0 for one in found.constants)


def test_windows_and_filters_are_compared_too():
    given = "gaussian(near, 0.5 s) < 50 mm and mean(speed, 0.5 s) > 30 mm/s"
    rules = {who: f"gaussian(near, 1 s) < {near} mm and mean(speed, 1 s) > 25 mm/s" for who, near in
             (("anna", 45), ("ben", 30))}  # fmt: skip
    found = fitted(rules, animals(4, 3000), given=given)
    kinds = [(one.constant.kind, one.constant.unit) for one in found.constants]
    assert kinds == [("threshold", "mm"), ("sigma", "s"), ("threshold", "mm/s"), ("width", "s")]
    near = found.constants[0].estimates
    assert near[0].value > near[1].value + 5
    assert all(math.isnan(estimate.interval.low) for one in found.constants for estimate in one.estimates)


def test_only_places_that_are_named_may_differ():
    rules = {"anna": "min_bout(near < 34 mm, 0.3 s)", "ben": "min_bout(near < 28 mm, 1.5 s)"}
    found = fitted(rules, animals(5), places=[0])
    assert [one.may_differ for one in found.constants] == [True, False]
    assert found.constants[0].constant.kind == "duration"
    common = constants_of(found.common)[1].value
    assert [constant_values(found, who)[1] for who in rules] == [common, common]


def test_only_frames_that_all_looked_at_are_used():
    sequence = animals(6)
    anna, ben = seen_as("near < 34 mm", sequence), seen_as("near < 34 mm", sequence, 1)
    ben[1000:] = -1
    misleading = np.where(np.arange(len(anna)) < 1000, anna, 1 - anna).astype(np.int8)
    given = parse_program("near < 50 mm")
    for states in (anna, misleading):
        found = fit_annotator_programs(given, [sequence], {"anna": [states], "ben": [ben]}, seed=0, n_refits=0)
        assert constant_values(found, "anna") == pytest.approx([34], abs=2)
        assert found.pairs[0].frames.n_decided == 1000


def test_programs_are_held_against_every_annotator(apart):
    sequence = animals(1)
    states = {who: seen_as(rule, sequence, place) for place, (who, rule) in
              enumerate({"anna": "near < 34 mm", "ben": "near < 24 mm"}.items())}  # fmt: skip
    assert [(one.program_of, one.annotator) for one in apart.agreements] == [
        ("anna", "anna"), ("anna", "ben"), ("ben", "anna"), ("ben", "ben"), ("", "anna"), ("", "ben"),
    ]  # fmt: skip
    for one in apart.agreements:
        program = apart.programs.get(one.program_of, apart.common)
        said = exact_states(program, sequence.column, sequence.fps)
        assert one.frames == agreement(said, states[one.annotator])
    kappa = {(one.program_of, one.annotator): one.frames.kappa for one in apart.agreements}
    held_out = {(one.program_of, one.annotator): one.kappa_held_out for one in apart.agreements}
    for known in (kappa, held_out):
        assert known["anna", "anna"] > known["ben", "anna"]
        assert known["ben", "ben"] > known["anna", "ben"]
    assert math.isnan(held_out["", "anna"])
    (pair,) = apart.pairs
    assert pair.frames == agreement(states["anna"], states["ben"])
    # Who accepts a larger distance sees an approach as a bout earlier.
    assert pair.onset.median_s < 0


def test_recordings_are_drawn_where_there_are_six():
    sequences = [animals(seed, 400) for seed in range(6)]
    found = fitted({"anna": "near < 34 mm", "ben": "near < 24 mm"}, *sequences, given="near < 30 mm", n_refits=3)
    assert (found.drawn, found.n_refits) == ("recordings", 3)
    five = fitted({"anna": "near < 34 mm", "ben": "near < 24 mm"}, *sequences[:5], given="near < 30 mm")
    assert five.drawn == "blocks of time"


def test_halves_without_the_behavior_are_drawn_in_vain():
    sequence = animals(7, 1000)
    once = np.zeros(1000, dtype=np.int8)
    once[np.argsort(sequence.column("near"))[:5]] = 1
    seen: list[AnnotatorFitProgress] = []
    found = fit_annotator_programs(
        parse_program("near < 20 mm"),
        [sequence],
        {"anna": [once], "ben": [seen_as("near < 30 mm", sequence)]},
        seed=1,
        n_refits=8,
        report=seen.append,
    )
    assert 0 < found.n_refits < 8
    assert seen[-1].done == seen[-1].total == 1 + 2 * 9


def test_the_same_seed_gives_the_same_result(apart):
    again = fitted({"anna": "near < 34 mm", "ben": "near < 24 mm"}, animals(1), given="near < 50 mm", n_refits=10)
    assert (again.programs, again.constants) == (apart.programs, apart.constants)


def test_labels_that_cannot_be_fitted_are_refused():
    sequence = animals(8, 300)
    states, never = seen_as("near < 34 mm", sequence), np.zeros(300, dtype=np.int8)
    program = parse_program("near < 50 mm")

    def fit(by_annotator: dict[str, list[np.ndarray]], **settings) -> None:
        fit_annotator_programs(program, [sequence], by_annotator, seed=0, **settings)

    with pytest.raises(LabelError, match="labels of 1 annotators, expected two or more"):
        fit({"anna": [states]})
    with pytest.raises(LabelError, match="labels by ben of 299 frames, expected one series per sequence, of 300"):
        fit({"anna": [states], "ben": [states[:299]]})
    with pytest.raises(LabelError, match="labels by ben of no frames"):
        fit({"anna": [states], "ben": []})
    with pytest.raises(LabelError, match="0 frames with the behavior and 300 without by ben, expected some of both"):
        fit({"anna": [states], "ben": [never]})
    with pytest.raises(ProgramError, match=r"places \[3\], expected places from 0 to 0"):
        fit({"anna": [states], "ben": [states]}, places=[3])
    with pytest.raises(FeatureError, match="no feature 'near'"):
        fit_annotator_programs(
            program,
            [replace(sequence, names=("far", "speed"))],
            {"anna": [states], "ben": [states]},
            seed=0,
        )
