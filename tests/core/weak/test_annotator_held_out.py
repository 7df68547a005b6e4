"""Programs of annotators on frames that they were not fitted to: nothing of a fold is known to what is judged on it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score

from nsp_core.dsl.semantics import exact_states
from nsp_core.dsl.text import parse_program
from nsp_core.errors import LabelError
from nsp_core.evaluate.frames import FrameCounts
from nsp_core.sequences import LabeledSequence
from nsp_core.units import parse_unit
from nsp_core.weak.annotator_held_out import held_out_agreement, kappa_of, program_counts, score_table
from nsp_core.weak.annotator_programs import AnnotatorFitProgress, fit_annotator_programs

FPS = 10.0
GIVEN = parse_program("near < 50 mm")


def animals(seed: int, n_frames: int = 2400) -> LabeledSequence:
    """Return a distance around 40 mm that changes slowly."""
    slow = np.convolve(np.random.default_rng(seed).normal(size=n_frames + 30), np.ones(31) / np.sqrt(31), "valid")
    values = (40 * np.exp(0.6 * slow)).astype(np.float32)[:, None]
    return LabeledSequence(str(seed), values, np.zeros(n_frames, np.int8), ("near",), (parse_unit("mm"),), FPS)


def seen_as(threshold: float, sequence: LabeledSequence, seed: int, flipped: float = 0.03) -> np.ndarray:
    """Return the states that a threshold gives, some of them wrong in stretches of half a second."""
    states = exact_states(parse_program(f"near < {threshold} mm"), sequence.column, FPS)
    wrong = np.repeat(np.random.default_rng(seed).random(len(states) // 5) < flipped, 5)
    return np.where(wrong, 1 - states, states).astype(np.int8)


@pytest.fixture(scope="module")
def two() -> tuple[list[LabeledSequence], dict[str, list[np.ndarray]]]:
    sequence = animals(1)
    return [sequence], {"anna": [seen_as(34, sequence, 0)], "ben": [seen_as(24, sequence, 1)]}


@pytest.fixture(scope="module")
def held(two):
    return held_out_agreement(GIVEN, *two)


def test_each_program_knows_its_own_annotator_best_on_frames_it_has_not_seen(held):
    kappa = {(whose, who): kappa_of(held.pooled(whose, who)) for whose in ("anna", "ben") for who in ("anna", "ben")}
    assert kappa["anna", "anna"] > max(kappa["ben", "anna"], 0.85)
    assert kappa["ben", "ben"] > max(kappa["anna", "ben"], 0.85)
    assert kappa_of(held.pooled("", "anna")) <= kappa["anna", "anna"]


def test_one_recording_is_cut_into_four_blocks_with_gaps_that_nobody_is_judged_in(held):
    assert (held.divided, len(held.folds)) == ("blocks of time", 4)
    judged = [fold["anna", "anna"].n for fold in held.folds]
    # Gaps are as wide as the widest window, 8 s, and at most a twentieth of the recording.
    assert sum(judged) == 2400 - 3 * 80
    assert max(judged) - min(judged) <= 80
    assert held.pairs["anna", "ben"].n_decided == sum(judged)


def test_the_labels_of_a_fold_do_not_move_the_programs_that_are_judged_on_it(two, held):
    sequences, states = two
    changed = {who: [own[0].copy()] for who, own in states.items()}
    for own in changed.values():
        # Within the first block: the opposite, as many as there are.
        own[0][:500] = 1 - own[0][:500]
    other = held_out_agreement(GIVEN, sequences, changed)

    def claimed(fold: dict[tuple[str, str], FrameCounts], who: str) -> float:
        return fold[who, who].tp + fold[who, who].fp

    for who in states:
        assert claimed(other.folds[0], who) == claimed(held.folds[0], who)
        assert kappa_of(other.folds[0][who, who]) < 0 < kappa_of(held.folds[0][who, who])


def test_whole_recordings_are_held_out_where_there_are_several():
    sequences = [animals(seed, 600) for seed in range(2, 6)]
    states = {"anna": [seen_as(34, one, 0) for one in sequences], "ben": [seen_as(24, one, 1) for one in sequences]}
    found = held_out_agreement(GIVEN, sequences, states)
    assert found.divided == "recordings"
    assert [fold["ben", "anna"].n for fold in found.folds] == [600] * 4


def test_a_fold_without_bouts_of_one_annotator_is_judged_and_bouts_all_in_one_are_refused(two):
    (sequence,), states = two
    late, early = states["ben"][0].copy(), states["ben"][0].copy()
    late[:600] = 0
    found = held_out_agreement(GIVEN, [sequence], {**states, "ben": [late]})
    assert found.folds[0]["ben", "ben"].n_pos == 0
    early[560:] = 0
    with pytest.raises(LabelError, match="the behavior and its absence in at least two recordings or two parts of one"):
        held_out_agreement(GIVEN, [sequence], {**states, "ben": [early]})


def test_every_fit_is_reported(two):
    told: list[AnnotatorFitProgress] = []
    held_out_agreement(GIVEN, *two, rounds=1, report=told.append)
    assert [(one.done, one.total) for one in told] == [(number, 12) for number in range(1, 13)]


def test_a_frame_on_which_a_program_abstains_counts_as_absent():
    values = np.array([10, 10, np.nan, np.nan, 50, 50], dtype=np.float32)[:, None]
    gaps = LabeledSequence("1", values, np.zeros(6, np.int8), ("near",), (parse_unit("mm"),), FPS)
    labels = np.array([1, 0, 1, 0, 0, -1], dtype=np.int8)
    counts = program_counts({"anna": parse_program("near < 20 mm")}, [gaps], {"anna": [labels]})["anna", "anna"]
    assert counts == FrameCounts(tp=1, fp=1, fn=0, tn=1, abstained_pos=1, abstained_neg=1)
    said = [1, 1, 0, 0, 0]
    assert kappa_of(counts) == pytest.approx(cohen_kappa_score(labels[:5], said))
    assert counts.f1 == pytest.approx(f1_score(labels[:5], said))


def test_the_table_has_programs_and_people_on_the_same_frames(two, held):
    sequences, states = two
    found = fit_annotator_programs(GIVEN, sequences, states, seed=0, n_refits=0)
    table = score_table(found, sequences, states, held)
    assert list(zip(table["kind"], table["of"].fillna("-"), table["annotator"], strict=True)) == [
        ("own program", "anna", "anna"), ("program of another", "anna", "ben"), ("program of another", "ben", "anna"),
        ("own program", "ben", "ben"), ("program of all", "-", "anna"), ("program of all", "-", "ben"),
        ("another annotator", "anna", "ben"),
    ]  # fmt: skip
    assert set(table["n_frames"]) == {2400}
    assert set(table["n_frames_held_out"]) == {2160}
    people, own = table.iloc[-1], table.iloc[0]
    assert people["kappa"] == pytest.approx(cohen_kappa_score(states["anna"][0], states["ben"][0]))
    assert people["f1"] == pytest.approx(f1_score(states["anna"][0], states["ben"][0]))
    assert math.isnan(people["kappa_worst_fold"])
    said = exact_states(found.programs["anna"], sequences[0].column, FPS)
    assert own["kappa"] == pytest.approx(cohen_kappa_score(states["anna"][0], said))
    assert own["kappa_worst_fold"] <= own["kappa_held_out"] <= own["kappa_best_fold"]
    assert own["kappa_held_out"] == kappa_of(held.pooled("anna", "anna"))
