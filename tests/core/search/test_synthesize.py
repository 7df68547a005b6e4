from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import nsp_core
from nsp_core.dsl.ast import And, Compare, Duration, Either, Feature, Windowed, complexity, feature_names, walk
from nsp_core.dsl.text import parse_program
from nsp_core.dsl.typecheck import check_program
from nsp_core.errors import ProgramError
from nsp_core.evaluate import baselines
from nsp_core.search.assess import predict_sequences, score_program
from nsp_core.search.beam import Budget, SearchProgress
from nsp_core.search.result import NEAR_TIE, SynthesisResult, choose, pareto_front
from nsp_core.sequences import as_sequences, units_of
from nsp_core.temporal import Window
from nsp_core.temporal.window import window_mean
from tests.core.search.synthesis_examples import FPS, N_FRAMES, N_RECORDINGS, feature_array, search, texts, wander

pytestmark = pytest.mark.usefixtures("few_trees")


# ---- planted rules


def test_a_planted_threshold_on_a_windowed_mean_is_recovered() -> None:
    generator = np.random.default_rng(0)
    # Fast jitter, so that a plain value or another window would not do.
    distance = wander(generator, 3) + generator.normal(0, 2, (N_RECORDINGS, N_FRAMES)).astype(np.float32)
    labels = np.stack([window_mean(row, Window.centered(0.5, FPS)) < 3 for row in distance])
    features = feature_array({"other": wander(generator), "distance": distance}, {"distance": "mm"})
    result = search(features, labels, max_complexity=4)
    program = result.best.program
    assert isinstance(program, Compare)
    assert program.child == Windowed(Feature("distance"), Duration(0.5))
    assert (program.relation, str(program.unit)) == ("<", "mm")
    assert program.threshold == pytest.approx(3, abs=0.05)
    assert result.best.validation.f1 > 0.95
    assert result.stopped_because == "complete"


def test_a_planted_conjunction_is_recovered(of_conjunction: SynthesisResult) -> None:
    simplest_good = next(one for one in of_conjunction.front if one.validation.f1 > 0.95)
    program = simplest_good.program
    assert isinstance(program, And)
    clauses = {part.child: part for part in program.parts if isinstance(part, Compare)}
    assert set(clauses) == {Feature("distance"), Feature("angle")}
    assert clauses[Feature("distance")].threshold == pytest.approx(3.3, abs=0.1)
    assert clauses[Feature("angle")].threshold == pytest.approx(1.7, abs=0.1)
    assert {part.relation for part in clauses.values()} == {"<"}
    assert of_conjunction.best.validation.f1 > 0.95


def undirected(seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the features of an undirected dyad, and where one and the same animal is fast and faces the other."""
    generator = np.random.default_rng(seed)
    series: dict[str, np.ndarray] = {}
    for name, center in (("speed", 30.0), ("facing_angle", 1.5)):
        agent, target = (wander(generator, center, center / 3) for _ in range(2))
        series |= {f"{name}[agent]": agent, f"{name}[target]": target}
        series |= {f"{name}[higher]": np.maximum(agent, target), f"{name}[lower]": np.minimum(agent, target)}
    orders = [(series[f"speed[{o}]"] > 32) & (series[f"facing_angle[{o}]"] < 1.4) for o in ("agent", "target")]
    return series, orders[0] | orders[1]


def test_a_planted_either_is_recovered() -> None:
    series, labels = undirected(1)
    units = {name: "mm/s" if name.startswith("speed") else "rad" for name in series}
    result = search(feature_array(series, units), labels, width=6)
    program = result.best.program
    assert isinstance(program, Either)
    assert set(feature_names(program)) == {"speed[agent]", "facing_angle[agent]"}
    thresholds = {str(node.unit): node.threshold for node in walk(program) if isinstance(node, Compare)}
    assert thresholds == {"mm/s": pytest.approx(32, abs=1.5), "rad": pytest.approx(1.4, abs=0.08)}
    assert result.best.validation.f1 > 0.95


def test_a_directed_behavior_may_speak_of_agent_and_target_plainly() -> None:
    generator = np.random.default_rng(2)
    agent, target = wander(generator, 30, 10), wander(generator, 30, 10)
    features = feature_array({"speed[agent]": agent, "speed[target]": target})
    result = search(features, (agent > 30) & (target < 34))
    assert result.best.validation.f1 > 0.95
    assert set(feature_names(result.best.program)) == {"speed[agent]", "speed[target]"}
    assert not any(isinstance(node, Either) for node in walk(result.best.program))


def test_plain_values_are_dimensionless_and_counted_in_frames() -> None:
    generator = np.random.default_rng(7)
    jittering = wander(generator) + generator.normal(0, 2, (N_RECORDINGS, N_FRAMES)).astype(np.float32)
    labels = np.stack([window_mean(row, Window(7, 7)) < 0 for row in jittering])
    result = search(xr.DataArray(jittering[..., None], dims=("sequence", "time", "feature")), labels, max_complexity=4)
    program = result.best.program
    assert isinstance(program, Compare)
    assert program.child == Windowed(Feature("feature_0"), Duration(15, "frame"))
    assert program.unit.is_dimensionless
    assert result.best.validation.f1 > 0.95


def test_one_label_per_sequence_is_that_of_its_center_frame() -> None:
    generator = np.random.default_rng(4)
    values = generator.normal(size=(240, 21, 2)).astype(np.float32)
    features = xr.DataArray(values, dims=("sequence", "time", "feature"), coords={"feature": ["x", "y"]})
    result = search(features, values[:, 10, 1] < 0.2, max_complexity=4)
    program = result.best.program
    assert isinstance(program, Compare)
    assert program.child == Feature("y")
    assert program.threshold == pytest.approx(0.2, abs=0.1)
    assert result.best.validation.f1 > 0.95
    assert result.best.train.n == result.best.validation.n == 240


# ---- what is returned


def test_noise_gives_a_result_that_beats_no_baseline() -> None:
    generator = np.random.default_rng(3)
    features = feature_array({"x": wander(generator), "y": wander(generator)})
    labels = generator.random((N_RECORDINGS, N_FRAMES)) < 0.3
    result = nsp_core.synthesize(features, labels, seed=1, max_complexity=8)
    for name in ("always_positive", "one_threshold", "gradient_boosting"):
        baseline = result.scores[name]["validation"]
        assert result.best.validation.f1 < baseline.f1 + 0.05
        assert result.best.validation.ap < baseline.ap + 0.1
    assert result.stopped_because == "complete"
    assert set(result.scores) == {"program", *baselines.BASELINES}


def test_scores_hold_the_program_beside_every_baseline(conjunction: tuple[xr.DataArray, np.ndarray]) -> None:
    features, labels = conjunction
    result = nsp_core.synthesize(features, labels, seed=1, max_complexity=4)
    assert set(result.scores) == {
        "program", "always_positive", "one_threshold", "depth3_tree", "logistic_regression", "gradient_boosting",
        "missingness_only",
    }  # fmt: skip
    program = result.scores["program"]
    assert set(program) == {"train", "validation"}
    assert (program["validation"].f1, program["train"].f1) == (result.best.validation.f1, result.best.train.f1)
    for by_split in (result.scores[name] for name in baselines.BASELINES):
        assert set(by_split) == {"validation"}
        assert (by_split["validation"].n, by_split["validation"].n_pos) == (labels.size, labels.sum())
    assert (program["validation"].n, program["train"].n) == (labels.size, labels.size)


def test_the_same_seed_gives_identical_texts(noisy: tuple[xr.DataArray, np.ndarray], found: SynthesisResult) -> None:
    again = search(*noisy)
    assert texts(again) == texts(found)
    assert again == found


def test_leaving_out_a_recording_changes_the_outcome(
    noisy: tuple[xr.DataArray, np.ndarray], found: SynthesisResult
) -> None:
    features, labels = noisy
    assert texts(search(features[1:], labels[1:])) != texts(found)


def test_every_candidate_is_scored_as_its_text_reads(
    noisy: tuple[xr.DataArray, np.ndarray], found: SynthesisResult
) -> None:
    sequences = as_sequences(*noisy)
    for candidate in (*found.front, *found.alternatives, found.best):
        read = parse_program(candidate.text)
        assert read == candidate.program
        check_program(read, units_of(sequences[0]))
        assert candidate.train == score_program(read, sequences)
        assert candidate.validation.n == candidate.train.n == noisy[1].size
    assert pareto_front(found.front) == found.front
    assert choose([*found.front, *found.alternatives, found.best], seed=0) == found.best


def test_held_out_scores_are_lower_than_those_of_the_fit_but_not_by_much(found: SynthesisResult) -> None:
    best = found.best
    assert best.train.f1 - 0.1 < best.validation.f1 < best.train.f1 + 0.02


def test_best_and_front_have_intervals_over_recordings(found: SynthesisResult) -> None:
    for one in (found.best, *found.front):
        assert one.validation.f1_low <= one.validation.f1 <= one.validation.f1_high
        assert one.validation.ap_low <= one.validation.ap <= one.validation.ap_high


def test_alternatives_are_nearly_as_good(noisy: tuple[xr.DataArray, np.ndarray]) -> None:
    generator = np.random.default_rng(1)
    features, labels = noisy
    # A second feature that says the same as the first, but for a little noise.
    like_x = features.isel(feature=[0]).assign_coords(feature=["like_x"])
    like_x = like_x + 0.02 * generator.normal(size=like_x.shape)
    result = search(xr.concat([features, like_x], dim="feature"), labels, max_complexity=4)
    assert result.alternatives
    merit = (result.best.validation.f1 + result.best.validation.ap) / 2
    for one in result.alternatives:
        assert merit - NEAR_TIE < (one.validation.f1 + one.validation.ap) / 2 <= merit
        assert one.text != result.best.text
    told = {"x", "like_x"} & {
        name for one in (result.best, *result.alternatives) for name in feature_names(one.program)
    }
    assert told == {"x", "like_x"}


def test_no_two_programs_that_are_told_decide_alike(
    noisy: tuple[xr.DataArray, np.ndarray], found: SynthesisResult
) -> None:
    sequences = as_sequences(*noisy)
    programs = {one.program for one in (*found.front, *found.alternatives, found.best)}
    decisions = {
        b"".join(predicted.states.tobytes() for predicted in predict_sequences(program, sequences))
        for program in programs
    }
    assert len(decisions) == len(programs) > 1


def test_progress_is_reported_through_both_stages(noisy: tuple[xr.DataArray, np.ndarray]) -> None:
    reports: list[SearchProgress] = []
    result = search(*noisy, report=reports.append)
    assert [report.stage for report in reports] == sorted((report.stage for report in reports), reverse=True)
    of_search, of_refine = ([one for one in reports if one.stage == stage] for stage in ("search", "refine"))
    assert (of_search[-1].done, of_search[-1].total) == (200, 200)
    assert [one.done for one in of_refine] == list(range(1, of_refine[0].total + 1))
    assert reports[-1].n_candidates == result.n_candidates
    assert reports[-1].best_text == result.trace[-1].text
    assert reports[-1].best_f1 == result.trace[-1].f1


# ---- settings


@pytest.mark.parametrize("max_complexity", [3, 5])
def test_no_program_exceeds_the_complexity_it_may_have(
    noisy: tuple[xr.DataArray, np.ndarray], max_complexity: int
) -> None:
    result = search(*noisy, max_complexity=max_complexity)
    assert all(complexity(one.program) <= max_complexity for one in (*result.front, *result.alternatives, result.best))


def test_no_room_for_any_program_is_refused(noisy: tuple[xr.DataArray, np.ndarray]) -> None:
    with pytest.raises(ProgramError, match="found max_complexity = 2, expected at least"):
        search(*noisy, max_complexity=2)


def test_a_budget_of_candidates_stops_the_search_early_and_is_named(noisy: tuple[xr.DataArray, np.ndarray]) -> None:
    result = search(*noisy, budget=Budget(candidates=6))
    assert result.stopped_because == "budget of 6 candidates"
    assert result.n_candidates == 6
    assert result.front


def test_a_search_asked_to_stop_at_once_returns_what_it_has(noisy: tuple[xr.DataArray, np.ndarray]) -> None:
    result = search(*noisy, budget=Budget(should_stop=lambda: True))
    assert result.stopped_because == "asked to stop"
    assert result.front
    assert result.n_candidates > 0


def test_an_unknown_search_is_refused(noisy: tuple[xr.DataArray, np.ndarray]) -> None:
    with pytest.raises(ProgramError, match="found search = 'magic', expected beam"):
        search(*noisy, search="magic")


def test_an_unknown_loss_is_refused(noisy: tuple[xr.DataArray, np.ndarray]) -> None:
    with pytest.raises(ProgramError, match="found loss = 'magic', expected balanced or focal or soft_f1"):
        search(*noisy, loss="magic")


def test_a_rule_to_start_from_is_fitted_and_compared() -> None:
    generator = np.random.default_rng(3)
    # Either side of the band says little; a narrow search follows the feature that says a little more.
    x = wander(generator)
    labels = np.abs(x) < 0.6
    hint = labels + generator.normal(0, 0.7, labels.shape)
    features = feature_array({"x": x, "hint": hint.astype(np.float32)})
    rule = parse_program("min_bout(x > -1 and x < 0.9, 0.1 s)")
    without, with_rule = (search(features, labels, width=1, start=start) for start in ((), (rule,)))
    assert without.best.validation.f1 < 0.9
    assert with_rule.best.validation.f1 > 0.95
    assert set(feature_names(with_rule.best.program)) == {"x"}
    thresholds = sorted(node.threshold for node in walk(with_rule.best.program) if isinstance(node, Compare))
    assert thresholds == pytest.approx([-0.6, 0.6], abs=0.05)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            "not distance < 3 mm",
            "found 'not distance < 3 mm' in a program to start from, expected thresholds joined by",
        ),
        ("mean(distance, 0.3 s) < 3 mm", "expected a feature, or its mean over a width the search tries"),
        ("nowhere < 3 mm", "found 'nowhere < 3 mm' in a program to start from"),
        ("distance < 3 bl", "found 'distance < 3 bl' in a program to start from"),
        ("distance < 3 mm and (angle < 1 rad or other > 1 1/s)", "expected only the first part of an and, or of an or"),
    ],
)
def test_a_rule_that_is_no_chain_of_columns_is_refused_as_a_start(
    conjunction: tuple[xr.DataArray, np.ndarray], rule: str, message: str
) -> None:
    with pytest.raises(ProgramError, match=message):
        search(*conjunction, start=[parse_program(rule)])
