from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr

import nsp_core
from nsp_core.dsl.ast import And, Compare, Duration, Either, Feature, Windowed, complexity, feature_names, walk
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.dsl.typecheck import check_program
from nsp_core.errors import LabelError, ProgramError
from nsp_core.search.assess import score_program
from nsp_core.search.beam import Budget, SearchProgress
from nsp_core.search.result import SynthesisResult, choose, pareto_front
from nsp_core.search.synthesize import synthesize_sequences
from nsp_core.sequences import LabeledSequence, as_sequences, hold_out, units_of
from nsp_core.temporal import Window
from nsp_core.temporal.window import window_mean

FPS = 30.0
N_FRAMES = 320
N_RECORDINGS = 5


def wander(generator: np.random.Generator, center: float = 0.0, spread: float = 1.0) -> np.ndarray:
    """Return slowly changing values (recording, time), about normal with this center and spread."""
    steps = generator.normal(size=(N_RECORDINGS, N_FRAMES + 14))
    smooth = np.stack([np.convolve(row, np.ones(15) / np.sqrt(15), "valid") for row in steps])
    return (center + spread * smooth).astype(np.float32)


def feature_array(series: dict[str, np.ndarray], units: dict[str, str] | None = None, **coords: Any) -> xr.DataArray:
    """Return features (sequence, time, feature) at 30 frames per second."""
    names = list(series)
    coords = {"time": np.arange(N_FRAMES) / FPS, **coords}
    if units is not None:
        coords["unit"] = ("feature", [units.get(name, "") for name in names])
    values = np.stack(list(series.values()), axis=-1)
    return xr.DataArray(values, dims=("sequence", "time", "feature"), coords={"feature": names, **coords})


def halves(
    features: xr.DataArray, labels: np.ndarray
) -> tuple[tuple[LabeledSequence, ...], tuple[LabeledSequence, ...]]:
    return hold_out(as_sequences(features, labels))


def search(features: xr.DataArray, labels: np.ndarray, **options: Any) -> SynthesisResult:
    """Return the outcome of a narrow search without baselines."""
    return synthesize_sequences(*halves(features, labels), **{"seed": 1, "max_complexity": 8, "width": 3, **options})


def texts(result: SynthesisResult) -> list[str]:
    return [candidate.text for candidate in (*result.front, result.best)]


@pytest.fixture(scope="module")
def conjunction() -> tuple[xr.DataArray, np.ndarray]:
    """Three features, and a behavior that needs two of them."""
    generator = np.random.default_rng(5)
    distance, angle, other = wander(generator, 3), wander(generator, 1.5, 0.5), wander(generator)
    features = feature_array(
        {"distance": distance, "angle": angle, "other": other}, {"distance": "mm", "angle": "rad", "other": "1/s"}
    )
    return features, ((distance < 3.3) & (angle < 1.7)).astype(int)


@pytest.fixture(scope="module")
def noisy() -> tuple[xr.DataArray, np.ndarray]:
    """Features that only half explain the behavior."""
    generator = np.random.default_rng(6)
    x, y = wander(generator), wander(generator)
    return feature_array({"x": x, "y": y}), (x + wander(generator) < -0.3).astype(int)


@pytest.fixture(scope="module")
def found(noisy: tuple[xr.DataArray, np.ndarray]) -> SynthesisResult:
    return search(*noisy)


def test_a_planted_threshold_on_a_windowed_mean_is_recovered() -> None:
    generator = np.random.default_rng(0)
    # Fast jitter, so that a plain value or another window would not do.
    distance = wander(generator, 3) + generator.normal(0, 2, (N_RECORDINGS, N_FRAMES)).astype(np.float32)
    labels = np.stack([window_mean(row, Window.centered(0.5, FPS)) < 3 for row in distance])
    features = feature_array({"other": wander(generator), "distance": distance}, {"distance": "mm"})
    result = nsp_core.synthesize(features, labels, seed=1, max_complexity=4)
    program = result.best.program
    assert isinstance(program, Compare)
    assert program.child == Windowed(Feature("distance"), Duration(0.5))
    assert (program.relation, str(program.unit)) == ("<", "mm")
    assert program.threshold == pytest.approx(3, abs=0.05)
    assert result.best.validation.f1 > 0.95
    assert result.stopped_because == "complete"


def test_a_planted_conjunction_is_recovered(conjunction: tuple[xr.DataArray, np.ndarray]) -> None:
    result = nsp_core.synthesize(*conjunction, seed=1, max_complexity=8)
    simplest_good = next(one for one in result.front if one.validation.f1 > 0.95)
    program = simplest_good.program
    assert isinstance(program, And)
    clauses = {part.child: part for part in program.parts if isinstance(part, Compare)}
    assert set(clauses) == {Feature("distance"), Feature("angle")}
    assert clauses[Feature("distance")].threshold == pytest.approx(3.3, abs=0.1)
    assert clauses[Feature("angle")].threshold == pytest.approx(1.7, abs=0.1)
    assert {part.relation for part in clauses.values()} == {"<"}
    assert result.best.validation.f1 > 0.95


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
    result = nsp_core.synthesize(feature_array(series, units), labels, seed=1, max_complexity=8)
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


def test_noise_gives_a_result_that_beats_no_baseline() -> None:
    generator = np.random.default_rng(3)
    features = feature_array({"x": wander(generator), "y": wander(generator)})
    labels = generator.random((N_RECORDINGS, N_FRAMES)) < 0.3
    result = nsp_core.synthesize(features, labels, seed=1, max_complexity=8)
    nothing = result.scores["always_positive"]["validation"]
    assert result.best.validation.f1 < nothing.f1 + 0.05
    assert result.best.validation.ap < nothing.ap + 0.1
    assert result.stopped_because == "complete"


def test_scores_hold_the_program_beside_every_baseline(conjunction: tuple[xr.DataArray, np.ndarray]) -> None:
    features, labels = conjunction
    result = nsp_core.synthesize(features, labels, seed=1, max_complexity=4)
    assert set(result.scores) == {
        "program", "always_positive", "one_threshold", "depth3_tree", "logistic_regression", "gradient_boosting",
        "missingness_only",
    }  # fmt: skip
    assert all(set(by_split) == {"train", "validation"} for by_split in result.scores.values())
    program = result.scores["program"]
    assert (program["validation"].f1, program["train"].f1) == (result.best.validation.f1, result.best.train.f1)
    for split in ("train", "validation"):
        assert len({by_split[split].n for by_split in result.scores.values()}) == 1


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
    train, validation = halves(*noisy)
    for candidate in (*found.front, found.best):
        read = parse_program(candidate.text)
        assert read == candidate.program
        check_program(read, units_of(train[0]))
        assert candidate.train == score_program(read, train)
        assert candidate.validation == score_program(read, validation)
    assert pareto_front(found.front) == found.front
    assert choose([*found.front, found.best]) == found.best


@pytest.mark.parametrize("max_complexity", [4, 5, 9])
def test_no_program_exceeds_the_complexity_it_may_have(
    noisy: tuple[xr.DataArray, np.ndarray], max_complexity: int
) -> None:
    result = search(*noisy, max_complexity=max_complexity)
    assert all(complexity(one.program) <= max_complexity for one in (*result.front, result.best))


def test_no_room_for_any_program_is_refused(noisy: tuple[xr.DataArray, np.ndarray]) -> None:
    with pytest.raises(ProgramError, match="found max_complexity = 2, expected at least"):
        search(*noisy, max_complexity=2)


def test_a_budget_of_candidates_stops_the_search_early_and_is_named(noisy: tuple[xr.DataArray, np.ndarray]) -> None:
    features, labels = noisy
    result = nsp_core.synthesize(features, labels, seed=1, budget=Budget(candidates=6))
    assert result.stopped_because == "budget of 6 candidates"
    assert result.n_candidates == 6
    assert result.front


def test_a_search_asked_to_stop_returns_what_it_has(noisy: tuple[xr.DataArray, np.ndarray]) -> None:
    result = search(*noisy, budget=Budget(should_stop=lambda: True))
    assert result.stopped_because == "asked to stop"
    assert result.front


def test_progress_is_reported_through_both_stages(noisy: tuple[xr.DataArray, np.ndarray]) -> None:
    reports: list[SearchProgress] = []
    result = search(*noisy, report=reports.append)
    assert [report.stage for report in reports] == sorted((report.stage for report in reports), reverse=True)
    for stage in ("search", "refine"):
        of_stage = [report for report in reports if report.stage == stage]
        assert [report.done for report in of_stage] == list(range(1, of_stage[0].total + 1))
    assert reports[-1].n_candidates == result.n_candidates


def test_an_unknown_search_is_refused(noisy: tuple[xr.DataArray, np.ndarray]) -> None:
    with pytest.raises(ProgramError, match="found search = 'magic', expected beam"):
        search(*noisy, search="magic")


@pytest.mark.parametrize(("of", "where"), [(slice(0, 3), "training"), (slice(3, 4), "validation")])
def test_both_classes_are_needed_on_both_sides(noisy: tuple[xr.DataArray, np.ndarray], of: slice, where: str) -> None:
    features, labels = noisy
    one_sided = labels[:4].copy()
    one_sided[of] = 0
    message = f"found 0 frames with the behavior and [0-9]+ without in the {where} recordings, expected some of both"
    with pytest.raises(LabelError, match=message):
        search(features[:4], one_sided)


def test_half_labeled_recordings_teach_as_well(conjunction: tuple[xr.DataArray, np.ndarray]) -> None:
    features, labels = conjunction
    half = np.where(np.arange(N_FRAMES) % 40 < 20, labels, -1)
    result = search(features, half)
    assert result.best.validation.f1 > 0.95
    assert result.best.validation.n == N_FRAMES // 2


def test_features_of_unlabeled_frames_out_of_reach_of_any_window_change_nothing(
    noisy: tuple[xr.DataArray, np.ndarray],
) -> None:
    features, labels = noisy
    # Windows are counted in frames here: the longest one reaches 120 frames to either side.
    in_frames = features.drop_vars("time")
    n_labeled, out_of_reach = 150, 150 + 120
    half = np.where(np.arange(N_FRAMES) < n_labeled, labels, -1)
    changed = in_frames.copy()
    changed[:, out_of_reach:] = np.nan
    changed[0, out_of_reach:] = 1e6
    assert not changed.equals(in_frames)
    assert texts(search(changed, half)) == texts(search(in_frames, half))
    changed[:, n_labeled - 10 : n_labeled] = 1e6
    assert texts(search(changed, half)) != texts(search(in_frames, half))


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
    assert (result.best.train.n, result.best.validation.n) == (180, 60)


def test_a_column_of_nothing_but_gaps_is_harmless(
    noisy: tuple[xr.DataArray, np.ndarray], found: SynthesisResult
) -> None:
    features, labels = noisy
    lost = features.isel(feature=[0]).assign_coords(feature=["lost"]) * np.nan
    result = search(xr.concat([features, lost], dim="feature"), labels)
    assert texts(result) == texts(found)


def test_a_program_abstains_rather_than_guesses_where_data_are_missing(
    conjunction: tuple[xr.DataArray, np.ndarray],
) -> None:
    features, labels = conjunction
    gaps = features.copy()
    gaps[:, ::10] = np.nan
    result = search(gaps, labels, max_complexity=4)
    plain = [one for one in result.front if not any(isinstance(node, Windowed) for node in walk(one.program))]
    for one in plain:
        assert one.validation.coverage == pytest.approx(0.9)
    assert all(np.isfinite(one.validation.f1) for one in result.front)


def test_the_order_of_the_features_changes_no_score(conjunction: tuple[xr.DataArray, np.ndarray]) -> None:
    features, labels = conjunction
    one, other = search(features, labels), search(features.isel(feature=[2, 0, 1]), labels)
    assert one.best.validation.f1 == pytest.approx(other.best.validation.f1, abs=0.02)
    assert format_program(one.best.program) == format_program(other.best.program)


def test_units_travel_with_the_scale(conjunction: tuple[xr.DataArray, np.ndarray]) -> None:
    features, labels = conjunction
    train, validation = halves(features, labels)
    factor = np.array([8.0, 1.0, 1.0], dtype=np.float32)
    scaled = [[replace(one, values=one.values * factor) for one in side] for side in (train, validation)]
    one = synthesize_sequences(train, validation, seed=1, max_complexity=8, width=3).best
    other = synthesize_sequences(*scaled, seed=1, max_complexity=8, width=3).best
    assert feature_names(one.program) == feature_names(other.program)
    threshold, eightfold = (
        next(
            node.threshold
            for node in walk(best.program)
            if isinstance(node, Compare) and "distance" in format_program(node)
        )
        for best in (one, other)
    )
    assert eightfold == pytest.approx(8 * threshold, rel=0.02)
