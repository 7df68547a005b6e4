"""The report on planted runs: what agrees, what differs, and by how much."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from nsp_core.dsl.ast import Compare, Condition, Duration, Feature, Filtered, Not, Vote
from nsp_core.dsl.text import parse_program
from nsp_core.errors import LabelError
from nsp_core.search.perturb import Perturbation, PerturbationKind
from nsp_core.search.stability import Spread, StabilityReport, StabilityRun, as_json, jaccard, stability_report
from nsp_core.units import parse_unit

REFERENCE = "mean(nose_to_nose, 0.5 s) < 20 ± 4 mm and speed[lower] > 30 ± 6 mm/s"
STATES = (1, 1, 0, 0, 1, 0, -1, 1)


def run(
    kind: PerturbationKind,
    level: float,
    program: str | Condition = REFERENCE,
    states: tuple[int, ...] = STATES,
    f1: float = math.nan,
) -> StabilityRun:
    condition = parse_program(program) if isinstance(program, str) else program
    return StabilityRun(Perturbation(kind, level), condition, np.array(states, dtype=np.int8), f1)


def report_on(*runs: StabilityRun, reference: str | Condition = REFERENCE) -> StabilityReport:
    return stability_report(run("reference", 0, reference), runs)


def thresholds_of(*programs: str | Condition) -> dict[tuple[str, str], tuple[int, float, float, float]]:
    first, *others = programs
    report = report_on(*(run("seed", place, program) for place, program in enumerate(others)), reference=first)
    return {(one.quantity, one.relation): (one.n_runs, one.median, one.low, one.high) for one in report.thresholds}


def test_runs_that_found_the_same_agree_in_everything() -> None:
    report = report_on(run("seed", 1), run("seed", 2), run("bootstrap", 1))
    assert [kind.kind for kind in report.kinds] == ["seed", "bootstrap"]
    for kind in report.kinds:
        assert kind.n_same_program == kind.n_runs
        for spread in (kind.kappa, kind.features, kind.windowed_features):
            assert (spread.mean, spread.low, spread.high) == (1.0, 1.0, 1.0)
        assert kind.complexity == Spread(7.0, 7.0, 7.0, kind.n_runs)
        assert kind.complexity_difference.high == 0
    assert report.kinds[0].kappa_among == Spread(1.0, 1.0, 1.0, 1)
    assert report.kinds[1].kappa_among.n == 0, "one run has nobody to agree with"
    assert [one.spread_in_softness for one in report.thresholds] == [0.0, 0.0]


def test_kappa_is_with_the_reference_and_among_runs_of_one_kind() -> None:
    opposite = tuple(1 - state if state >= 0 else state for state in STATES)
    report = report_on(run("seed", 1), run("seed", 2, states=opposite), run("jitter", 1.0))
    seeds, jitter = report.kinds
    kappa = {one.label: one.kappa for one in report.runs}
    assert kappa == {"seed 1": 1.0, "seed 2": pytest.approx(-0.96), "jitter 1 px": 1.0}
    assert (seeds.kappa.low, seeds.kappa.high) == (pytest.approx(-0.96), 1.0)
    assert seeds.kappa.mean == pytest.approx(0.02)
    assert seeds.kappa_among == Spread(pytest.approx(-0.96), pytest.approx(-0.96), pytest.approx(-0.96), 1)
    assert jitter.kappa.mean == 1.0
    assert seeds.share_decided.mean == pytest.approx(7 / 8)


def test_an_agreement_that_has_no_kappa_is_left_out_of_the_mean_and_of_the_count() -> None:
    nothing = (0,) * len(STATES)
    report = stability_report(
        run("reference", 0, states=nothing),
        [run("seed", 1, states=nothing), run("seed", 2, states=(1, *nothing[1:]))],
    )
    assert math.isnan(report.runs[0].kappa)
    assert report.kinds[0].kappa == Spread(0.0, 0.0, 0.0, 1)


def test_features_are_compared_by_name_and_with_their_windows() -> None:
    other_window = REFERENCE.replace("0.5 s", "2 s")
    other_feature = REFERENCE.replace("speed[lower]", "nose_to_body[lower]").replace("mm/s", "mm")
    report = report_on(run("seed", 1, other_window), run("seed", 2, other_feature))
    by_label = {one.label: one for one in report.runs}
    assert (by_label["seed 1"].features, by_label["seed 1"].windowed_features) == (1.0, pytest.approx(1 / 3))
    assert (by_label["seed 2"].features, by_label["seed 2"].windowed_features) == (
        pytest.approx(1 / 3),
        pytest.approx(1 / 3),
    )
    (seeds,) = report.kinds
    assert (seeds.features_among.mean, seeds.windowed_features_among.mean) == (pytest.approx(1 / 3), 0.0)
    assert seeds.n_same_program == 0


def test_complexity_is_compared_with_the_reference() -> None:
    report = report_on(run("seed", 1, "speed[lower] > 30 ± 6 mm/s"), run("seed", 2, "speed[lower] > 30 mm/s"))
    (seeds,) = report.kinds
    assert report.reference.complexity == 7
    assert seeds.complexity == Spread(2.5, 2.0, 3.0, 2)
    assert seeds.complexity_difference == Spread(4.5, 4.0, 5.0, 2)


def test_scores_on_validation_labels_stand_beside_the_agreement() -> None:
    report = report_on(run("seed", 1, f1=0.5), run("seed", 2, f1=0.7), run("seed", 3))
    assert report.kinds[0].f1 == Spread(pytest.approx(0.6), 0.5, 0.7, 2)
    assert [one.f1 for one in report.runs[:2]] == [0.5, 0.7]


def test_thresholds_of_a_feature_and_direction_are_collected_over_runs() -> None:
    report = report_on(
        run("seed", 1, "mean(nose_to_nose, 2 s) < 26 ± 6 mm"),
        run("bootstrap", 1, "nose_to_nose < 23 ± 2 mm and speed[lower] < 90 ± 5 mm/s"),
    )
    (near,) = report.thresholds
    assert (near.quantity, near.relation, near.unit, near.n_runs) == ("nose_to_nose", "<", "mm", 3)
    assert (near.median, near.low, near.high, near.softness) == (23.0, 20.0, 26.0, 4.0)
    assert near.spread_in_softness == pytest.approx(1.5)


def test_hard_thresholds_have_no_spread_in_softness() -> None:
    report = report_on(run("seed", 1, "speed > 4 mm/s"), reference="speed > 3 mm/s")
    assert math.isnan(report.thresholds[0].spread_in_softness)
    assert (report.thresholds[0].low, report.thresholds[0].high) == (3.0, 4.0)


def test_both_ends_of_a_band_in_one_run_are_one_run() -> None:
    band = "speed > 3 mm/s and mean(speed, 1 s) > 5 mm/s"
    assert thresholds_of(band, band) == {("speed", ">"): (2, 4.0, 3.0, 5.0)}


def test_averages_are_the_feature_and_other_windows_are_not() -> None:
    averaged = Compare(Filtered(Feature("speed"), Duration(0.2)), ">", 4.0, 1.0, parse_unit("mm/s"))
    thresholds = thresholds_of(
        "speed > 3 mm/s and std(speed, 1 s) > 9 mm/s and quantile(speed, 0.9, 1 s) > 50 mm/s",
        "mean(speed, past 1 s) > 5 mm/s and std(speed, past 4 s) > 8 mm/s and quantile(speed, 0.5, 1 s) > 20 mm/s",
        averaged,
    )
    assert thresholds == {("speed", ">"): (3, 4.0, 3.0, 5.0), ("std(speed)", ">"): (2, 8.5, 8.0, 9.0)}


def test_what_is_not_above_is_below() -> None:
    slow = parse_program("speed < 3 mm/s")
    not_fast = Not(parse_program("speed > 5 mm/s"))
    counts_against = Vote((parse_program("speed > 4 mm/s"), slow), (-1.0, 1.0), 0.5)
    assert thresholds_of(slow, not_fast) == {("speed", "<"): (2, 4.0, 3.0, 5.0)}
    assert thresholds_of(slow, Not(not_fast)) == {}
    assert thresholds_of(slow, counts_against) == {("speed", "<"): (2, 3.0, 3.0, 4.0)}


def test_agent_and_target_inside_either_are_the_same_program_both_ways() -> None:
    reference = "either(speed[agent] > 30 mm/s and facing_angle[target] < 1 rad)"
    exchanged = "either(mean(speed[target], 1 s) > 36 mm/s)"
    report = report_on(run("seed", 1, exchanged), reference=reference)
    assert report.runs[0].features == 0.5
    assert report.runs[0].program == exchanged, "it is told as it was found"
    (fast,) = report.thresholds
    assert (fast.quantity, fast.n_runs, fast.low, fast.high) == ("speed[agent]", 2, 30.0, 36.0)


def test_agent_and_target_outside_either_are_not() -> None:
    report = report_on(run("seed", 1, "speed[target] > 30 mm/s"), reference="speed[agent] > 30 mm/s")
    assert report.runs[0].features == 0.0
    assert report.thresholds == ()


def test_the_report_is_plain_json_without_nan() -> None:
    values = as_json(report_on(run("seed", 1), run("jitter", 0.5, "speed[lower] > 32 mm/s")))
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert [one["label"] for one in values["runs"]] == ["seed 1", "jitter 0.5 px"]
    assert values["kinds"][0]["kappa_among"] == {"mean": None, "low": None, "high": None, "n": 0}
    assert values["reference"]["program"] == REFERENCE


def test_runs_over_different_frames_cannot_be_compared() -> None:
    with pytest.raises(LabelError, match="states of the same frames"):
        report_on(run("seed", 1, states=(1, 0)))


def test_the_jaccard_index_of_nothing_and_nothing_is_one() -> None:
    assert jaccard(frozenset(), frozenset()) == 1.0
    assert jaccard(frozenset({"a"}), frozenset()) == 0.0
