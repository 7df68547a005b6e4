from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nsp_core.bouts import bouts_from_frames, drop_short_bouts, frames_from_bouts
from nsp_core.dsl.semantics import exact_states
from nsp_core.dsl.text import parse_program
from nsp_core.errors import FeatureError, LabelError, PoseError
from nsp_core.features import compute_features, feature_sequence, participants
from nsp_core.labels import Behavior, Bout, RecordingLabels, frame_states
from nsp_core.poses import validate_poses
from nsp_core.simulate import (
    APPROACH_RULE,
    CONTACT_RULE,
    PLANTED_RULES,
    SIMULATED_ROLES,
    PlantedRule,
    SimulatedRecording,
    planted_frames,
    simulate_dyad,
)
from nsp_core.simulate_rules import Condition

FPS, SCALE, ARENA_MM, BODY_MM = 30.0, 0.5, 500.0, 80.0
SEEDS = range(5)
N_FRAMES = 5400
NAMES = ("mouse1", "mouse2")


@pytest.fixture(scope="module")
def recordings() -> list[SimulatedRecording]:
    return [simulate_dyad(seed=seed, n_frames=N_FRAMES) for seed in SEEDS]


def frames_of(
    labels: RecordingLabels, rule: PlantedRule, agent: str = "", n_frames: int = N_FRAMES
) -> NDArray[np.bool_]:
    bouts = [bout for bout in labels.bouts if bout.behavior == rule.behavior.name]
    intervals = [(bout.start_frame, bout.stop_frame) for bout in bouts if not agent or bout.individual == agent]
    return frames_from_bouts(np.array(intervals, dtype=np.int64), n_frames)


def points_mm(recording: SimulatedRecording) -> dict[str, NDArray[np.complex128]]:
    """Noise-free points as complex millimeters (time, individual), written down without the feature catalog."""
    points = recording.true_position.astype(np.float64) * SCALE
    return {
        str(name): (points.sel(space="x") + 1j * points.sel(space="y")).sel(keypoint=name).values
        for name in points["keypoint"].values
    }


def velocities(centroid: NDArray[np.complex128]) -> NDArray[np.complex128]:
    velocity = np.full(centroid.shape, np.nan, dtype=np.complex128)
    velocity[3:-3] = (centroid[6:] - centroid[:-6]) / 0.2
    return velocity


def centered_mean(series: NDArray[np.float64], half: int) -> NDArray[np.float64]:
    return np.array([np.nanmean(series[max(i - half, 0) : i + half + 1]) for i in range(series.size)])


def sequence_of(recording: SimulatedRecording, rule: PlantedRule, agent: str, target: str) -> xr.DataArray:
    features = compute_features(recording.true_poses, SIMULATED_ROLES)
    return feature_sequence(features, rule.behavior.kind, agent, target)


def test_contact_is_exactly_near_and_slow_on_noise_free_positions(recordings: list[SimulatedRecording]) -> None:
    for recording in recordings[:2]:
        points = points_mm(recording)
        noses_apart = np.abs(points["nose"][:, 0] - points["nose"][:, 1])
        centroid = (points["nose"] + points["center"] + points["tail_base"]) / 3
        fastest = np.abs(velocities(centroid)).max(axis=1)
        expected = drop_short_bouts((noses_apart < 25) & (centered_mean(fastest, round(0.25 * FPS)) < 60), 6)
        np.testing.assert_array_equal(frames_of(recording.truth, CONTACT_RULE), expected)


def test_approach_is_exactly_moving_to_and_facing_a_near_target(recordings: list[SimulatedRecording]) -> None:
    recording = recordings[0]
    points = points_mm(recording)
    centroid = (points["nose"] + points["center"] + points["tail_base"]) / 3
    for agent, target in ((0, 1), (1, 0)):
        line = centroid[:, target] - centroid[:, agent]
        toward = (velocities(centroid)[:, agent] * line.conj()).real / np.abs(line)
        facing = np.abs(np.angle((points["nose"] - points["tail_base"])[:, agent] * line.conj()))
        expected = drop_short_bouts((toward > 40) & (facing < 0.6) & (np.abs(line) < 200), 6)
        np.testing.assert_array_equal(frames_of(recording.truth, APPROACH_RULE, NAMES[agent]), expected)


@pytest.mark.parametrize("rule", PLANTED_RULES, ids=lambda rule: rule.behavior.name)
def test_a_rule_is_the_program_it_prints(recordings: list[SimulatedRecording], rule: PlantedRule) -> None:
    for agent, target in participants(NAMES, rule.behavior.kind):
        sequence = sequence_of(recordings[0], rule, agent, target)
        columns = {str(name): sequence.sel(feature=name).values for name in sequence["feature"].values}
        states = exact_states(parse_program(str(rule)), columns.__getitem__, FPS)
        truth = frame_states(recordings[0].truth, rule.behavior, N_FRAMES, agent, target)
        np.testing.assert_array_equal(states == 1, truth == 1)


def test_a_rule_on_an_angle_that_wraps_is_averaged_around_the_circle_as_its_program_is() -> None:
    around_pi = np.pi + np.random.default_rng(0).normal(0, 0.2, 90)
    angles = np.where(around_pi > np.pi, around_pi - 2 * np.pi, around_pi).astype(np.float32)
    sequence = xr.DataArray(
        angles[:, np.newaxis],
        dims=("time", "feature"),
        coords={"feature": ["heading"], "unit": ("feature", ["rad"])},
        attrs={"fps": FPS},
    )
    rule = PlantedRule(Behavior("west", "solitary"), (Condition("heading", ">", 3.0, "rad", window_s=0.5),), 0.1)
    states = exact_states(parse_program(str(rule)), lambda name: angles, FPS)
    assert 0.2 < (states == 1).mean() < 0.8
    np.testing.assert_array_equal(planted_frames(sequence, rule), states == 1)


@pytest.mark.parametrize("rule", PLANTED_RULES, ids=lambda rule: rule.behavior.name)
def test_no_part_of_a_rule_is_enough(recordings: list[SimulatedRecording], rule: PlantedRule) -> None:
    agent, target = participants(NAMES, rule.behavior.kind)[0]
    for left_out in rule.conditions:
        rest = replace(rule, conditions=tuple(part for part in rule.conditions if part is not left_out))
        false_alarms = present = 0
        for recording in recordings:
            sequence = sequence_of(recording, rule, agent, target)
            truth = planted_frames(sequence, rule)
            false_alarms += int((planted_frames(sequence, rest) & ~truth).sum())
            present += int(truth.sum())
        assert false_alarms > 0.15 * present, f"{left_out} decides nothing"


def test_behaviors_are_neither_rare_nor_common(recordings: list[SimulatedRecording]) -> None:
    for recording in recordings:
        assert 0.08 < frames_of(recording.truth, CONTACT_RULE).mean() < 0.20
        assert 0.08 < frames_of(recording.truth, APPROACH_RULE).mean() < 0.20
        for agent in NAMES:
            assert frames_of(recording.truth, APPROACH_RULE, agent).mean() > 0.02


def test_animals_are_rigid_stay_in_the_arena_and_move_like_animals(recordings: list[SimulatedRecording]) -> None:
    for recording in recordings:
        position = recording.true_position * SCALE
        assert float(position.min()) > 0
        assert float(position.max()) < ARENA_MM
        points = points_mm(recording)
        np.testing.assert_allclose(np.abs(points["nose"] - points["tail_base"]), BODY_MM, atol=1e-3)
        speed = np.abs(np.diff(points["center"], axis=0)) * FPS
        assert speed.max() < 300
        assert 30 < np.median(speed) < 120
        # Speed changes smoothly: between two frames by no more than a fraction of what an animal can reach.
        assert np.abs(np.diff(speed, axis=0)).max() < 80


def test_poses_follow_the_schema(recordings: list[SimulatedRecording]) -> None:
    for poses in (recordings[0].poses, recordings[0].true_poses):
        validate_poses(poses)
        assert poses["keypoint"].values.tolist() == ["nose", "left_ear", "right_ear", "center", "tail_base"]
        assert poses.attrs["scale_mm_per_px"] == SCALE
    assert recordings[0].true_position.notnull().all()


def test_same_seed_same_bytes_and_other_seeds_differ() -> None:
    first, again, other = (simulate_dyad(seed=seed, n_frames=600, unlabeled_s=(1.0, 2.0)) for seed in (4, 4, 5))
    assert first.poses.identical(again.poses)
    assert first.poses["position"].values.tobytes() == again.poses["position"].values.tobytes()
    assert first.labels == again.labels
    assert not first.true_poses.equals(other.true_poses)


def test_a_generator_is_a_seed() -> None:
    one, same = (simulate_dyad(seed=np.random.default_rng(3), n_frames=100) for _ in range(2))
    assert one.poses.identical(same.poses)
    rng = np.random.default_rng(3)
    assert not simulate_dyad(seed=rng, n_frames=100).poses.equals(simulate_dyad(seed=rng, n_frames=100).poses)


def test_tracker_and_annotator_do_not_move_the_animals() -> None:
    plain = simulate_dyad(seed=1, n_frames=900)
    harsh = simulate_dyad(seed=1, n_frames=900, dropout=0.4, jitter_px=5.0, swap_rate=1.0, label_jitter_frames=9)
    assert plain.true_poses.identical(harsh.true_poses)
    assert plain.truth == harsh.truth
    assert plain.labels.bouts != harsh.labels.bouts


def test_one_seed_at_two_frame_rates_shows_the_same_animals() -> None:
    slow, fast = (simulate_dyad(seed=2, n_frames=n, fps=fps) for n, fps in ((300, 30.0), (600, 60.0)))
    np.testing.assert_allclose(slow.true_position, fast.true_position[::2], atol=1e-3)


def test_a_longer_recording_continues_a_shorter_one() -> None:
    short, long = (simulate_dyad(seed=2, n_frames=n) for n in (200, 1200))
    np.testing.assert_array_equal(short.true_position, long.true_position[:200])


def test_an_animal_twice_the_size_moves_alike_in_an_arena_twice_the_size() -> None:
    small = simulate_dyad(seed=2, n_frames=300)
    large = simulate_dyad(seed=2, n_frames=300, body_length_mm=160.0, arena_mm=1000.0, scale_mm_per_px=1.0)
    np.testing.assert_array_equal(small.true_position, large.true_position)


@pytest.mark.parametrize("dropout", [0.0, 0.05, 0.3])
def test_dropout_is_the_share_asked_for_and_comes_in_runs(dropout: float) -> None:
    poses = simulate_dyad(seed=0, n_frames=N_FRAMES, dropout=dropout).poses
    missing = poses["position"].isnull().any("space")
    np.testing.assert_array_equal(missing, poses["confidence"].isnull())
    assert float(missing.mean()) == pytest.approx(dropout, abs=0.02)
    if dropout:
        of_points = missing.values.reshape(N_FRAMES, -1).T
        lengths = np.concatenate([np.diff(bouts_from_frames(point), axis=1).ravel() for point in of_points])
        assert lengths.mean() == pytest.approx(0.2 * FPS, rel=0.15)


def test_jitter_is_as_asked_for_and_likelihood_knows_it() -> None:
    recording = simulate_dyad(seed=0, n_frames=3000, jitter_px=2.0)
    error = recording.poses["position"] - recording.true_position
    distance = np.hypot(error.sel(space="x").values, error.sel(space="y").values)
    likelihood = recording.poses["confidence"].values
    found = np.isfinite(likelihood)
    # One point in a hundred is five times worse: 0.99 * 1 + 0.01 * 25 times the variance.
    assert float(error.std()) == pytest.approx(2.0 * np.sqrt(1.24), rel=0.03)
    assert likelihood[found].min() >= 0
    assert likelihood[found].max() <= 1
    unsure = found & (np.nan_to_num(likelihood) < 0.6)
    assert distance[unsure].mean() > 4 * distance[found & ~unsure].mean()


def test_swapped_frames_stand_under_the_other_name() -> None:
    recording = simulate_dyad(seed=0, n_frames=3000, swap_rate=0.2, dropout=0.0, jitter_px=0.0)
    swapped, seen, true = recording.swapped, recording.poses["position"].values, recording.true_position.values
    assert 10 < np.count_nonzero(np.diff(swapped)) < 32
    np.testing.assert_array_equal(seen[swapped], true[swapped][..., ::-1])
    np.testing.assert_array_equal(seen[~swapped], true[~swapped])
    assert not simulate_dyad(seed=0, n_frames=3000).swapped.any()


def test_an_exact_annotator_writes_the_truth() -> None:
    recording = simulate_dyad(seed=6, n_frames=1800, label_jitter_frames=0)
    assert recording.labels.bouts == recording.truth.bouts
    assert recording.labels.observed == {"contact": ((0, 1800),), "approach": ((0, 1800),)}
    assert {bout.individual for bout in recording.truth.bouts if bout.behavior == "contact"} == {"mouse1"}


def test_an_annotator_is_off_by_no_more_than_the_jitter(recordings: list[SimulatedRecording]) -> None:
    for recording in recordings:
        truth = {(bout.behavior, bout.individual, bout.start_frame, bout.stop_frame) for bout in recording.truth.bouts}
        for bout in recording.labels.bouts:
            near = [
                (bout.behavior, bout.individual, bout.start_frame + onset, bout.stop_frame + offset)
                for onset in range(-2, 3)
                for offset in range(-2, 3)
            ]
            assert truth.intersection(near) or bout.start_frame == 0
        assert recording.labels.bouts != recording.truth.bouts


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    jitter=st.integers(0, 40),
    start_s=st.floats(0, 8),
    stop_s=st.floats(0, 8),
)
def test_labels_stay_in_the_observed_span_and_never_overlap(
    seed: int, jitter: int, start_s: float, stop_s: float
) -> None:
    recording = simulate_dyad(seed=seed, n_frames=600, label_jitter_frames=jitter, unlabeled_s=(start_s, stop_s))
    first, last = round(start_s * FPS), 600 - round(stop_s * FPS)
    stops: dict[tuple[str, str | None], int] = {}
    for bout in recording.labels.bouts:
        assert stops.get((bout.behavior, bout.individual), first) <= bout.start_frame < bout.stop_frame <= last
        stops[bout.behavior, bout.individual] = bout.stop_frame
    states = frame_states(recording.labels, CONTACT_RULE.behavior, 600, *NAMES)
    assert (states[:first] == -1).all()
    assert (states[last:] == -1).all()
    assert (states[first:last] >= 0).all()


def test_names_and_rules_are_the_callers() -> None:
    never = replace(CONTACT_RULE, conditions=(replace(CONTACT_RULE.conditions[0], threshold=0.0),))
    recording = simulate_dyad(
        seed=0, n_frames=300, individuals=("resident", "intruder"), recording="cage3", rules=(never,)
    )
    assert recording.poses["individual"].values.tolist() == ["resident", "intruder"]
    assert recording.truth == RecordingLabels("cage3", "planted rules", (), {"contact": ((0, 300),)})
    assert all(isinstance(bout, Bout) for bout in recording.labels.bouts)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_frames": 0}, "n_frames = 0, expected a finite number above 0"),
        ({"fps": 0.0}, "fps = 0.0, expected a finite number above 0"),
        ({"scale_mm_per_px": -1.0}, "scale_mm_per_px = -1.0"),
        ({"body_length_mm": float("nan")}, "body_length_mm = nan"),
        ({"arena_mm": 100.0}, r"arena_mm = 100.0, expected a finite number, 240 or more \(three body lengths\)"),
        ({"dropout": 0.9}, "dropout = 0.9, expected a finite number from 0 to 0.8"),
        ({"jitter_px": -1.0}, "jitter_px = -1.0"),
        ({"swap_rate": float("inf")}, "swap_rate = inf"),
        ({"individuals": ("a", "a")}, "individual names"),
    ],
)
def test_impossible_recordings_are_refused(changed: dict[str, float], message: str) -> None:
    with pytest.raises(PoseError, match=message):
        simulate_dyad(**{"seed": 0, "n_frames": 30, **changed})  # type: ignore[arg-type]  # one wrong value each


@pytest.mark.parametrize("changed", [{"unlabeled_s": (0.5, 0.5)}, {"label_jitter_frames": -1}])
def test_labels_without_an_observed_frame_are_refused(changed: dict[str, object]) -> None:
    with pytest.raises(LabelError, match="at least one frame that is observed"):
        simulate_dyad(seed=0, n_frames=30, **changed)  # type: ignore[arg-type]  # one wrong value each


def test_a_rule_in_another_unit_is_refused() -> None:
    in_body_lengths = replace(CONTACT_RULE.conditions[0], threshold=0.3, unit="bl")
    rule = replace(CONTACT_RULE, conditions=(in_body_lengths,))
    with pytest.raises(FeatureError, match=r"nose_to_nose in 'bl', expected one of nose_to_nose \(mm\)"):
        simulate_dyad(seed=0, n_frames=30, rules=(rule,))
