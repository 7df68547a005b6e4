"""A rule that a person writes, with angles: the example of Shah et al. 2020, NeurIPS, figure 3, on known geometry.

The figure takes the arc tangent of a quotient and a difference that nobody wraps. What it means is written here, and
the two shortcuts are shown to miss the frames they miss.
"""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from nsp_core.dsl.ast import And, Apply, Compare, Condition, Feature, Negative, Number, Sum
from nsp_core.dsl.semantics import exact_states, soft_bounds
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.dsl.typecheck import check_program
from nsp_core.errors import ProgramError
from nsp_core.features import compute_features, feature_sequences
from nsp_core.poses import make_poses
from nsp_core.sequences import LabeledSequence, as_sequences, units_of
from nsp_core.simulate_motion import KEYPOINTS, body_keypoints
from nsp_core.units import parse_unit

TEXT = (
    "speed[agent] > 2 mm/s and abs(wrap(heading[agent] - atan2(centroid_y[target] - centroid_y[agent], "
    "centroid_x[target] - centroid_x[agent]))) < 0.1 rad"
)
NAMES = ("speed", "heading", "bearing", "centroid_x", "centroid_y")
FPS, MM_PER_PX, BODY_PX, N_FRAMES = 30.0, 0.5, 40.0, 2000
HALF_STEP = 3  # frames from the middle of a derivative of 0.2 s to either end
TARGET = 300 + 200j  # pixels, as x + iy
RAD = parse_unit("rad")


def minus(first: Number, second: Number) -> Number:
    return Sum((first, Negative(second)))


def between(axis: str) -> Number:
    return minus(Feature(f"centroid_{axis}[target]"), Feature(f"centroid_{axis}[agent]"))


TO_TARGET = Apply("atan2", (between("y"), between("x")))
FAST = Compare(Feature("speed[agent]"), ">", 2.0, 0.0, parse_unit("mm/s"))
TURNED_AWAY = minus(Feature("heading[agent]"), TO_TARGET)
RULE = And((FAST, Compare(Apply("abs", (Apply("wrap", (TURNED_AWAY,)),)), "<", 0.1, 0.0, RAD)))
BY_BEARING = And((FAST, Compare(Apply("abs", (Feature("bearing[agent]"),)), "<", 0.1, 0.0, RAD)))


class Film:
    """An agent that runs around a target twice, then creeps, and looks past it by an angle that we choose.

    Attributes
    ----------
    direction
        From the agent to the target (time,), rad, not wrapped.
    off
        How far the agent looks past the target (time,), rad, never near 0.1.
    """

    def __init__(self, start: float, sense: int) -> None:
        rng = np.random.default_rng(7)
        turn = np.where(np.arange(N_FRAMES) < 1500, 0.01, 0.001)  # 9 and 0.9 mm/s, 30 mm from the target
        self.direction = start + sense * np.cumsum(turn)
        self.off = rng.choice([-1, 1], N_FRAMES) * np.where(
            rng.random(N_FRAMES) < 0.5, rng.uniform(0, 0.097, N_FRAMES), rng.uniform(0.103, 3.0, N_FRAMES)
        )
        self.agent = TARGET - 60 * np.exp(1j * self.direction)

    def sequence(self) -> LabeledSequence:
        """Return the features of the agent, in mm, with the other animal as target."""
        centers = np.stack([self.agent, np.full(N_FRAMES, TARGET)], axis=1).astype(np.complex128)
        headings = np.stack([self.direction + self.off, np.zeros(N_FRAMES)], axis=1)
        poses = make_poses(
            body_keypoints(centers / BODY_PX, headings) * BODY_PX,
            np.full((N_FRAMES, len(KEYPOINTS), 2), np.nan),
            recording="known",
            keypoints=KEYPOINTS,
            individuals=["agent", "target"],
            fps=FPS,
            scale_mm_per_px=MM_PER_PX,
        )
        return as_sequences([directed(poses)], None)[0]

    def states(self) -> NDArray[np.int8]:
        """Return what the rule has to say, from the construction alone: 1, 0, or -1 where the speed decides unknown."""
        fast = np.full(N_FRAMES, np.nan)
        step = self.agent[2 * HALF_STEP :] - self.agent[: -2 * HALF_STEP]
        fast[HALF_STEP:-HALF_STEP] = np.abs(step) * MM_PER_PX * FPS / (2 * HALF_STEP) > 2
        return np.where(np.abs(self.off) > 0.1, 0, np.where(np.isnan(fast), -1, fast)).astype(np.int8)


def directed(poses: xr.Dataset) -> xr.DataArray:
    roles = {role: (role,) for role in ("nose", "center", "tail_base")}
    return feature_sequences(compute_features(poses, roles, NAMES), "directed")[0]


FILMS = pytest.mark.parametrize("film", [Film(0.0, 1), Film(3.0, -1), Film(-1.5, 1)], ids=["right", "left", "up"])


def test_the_rule_is_the_text_a_person_writes() -> None:
    assert format_program(RULE) == TEXT
    assert parse_program(TEXT) == RULE


@FILMS
def test_the_rule_marks_exactly_the_frames_it_should(film: Film) -> None:
    sequence, expected = film.sequence(), film.states()
    check_program(RULE, units_of(sequence), sequence.time_reference)
    np.testing.assert_array_equal(exact_states(RULE, sequence.column, FPS), expected)
    assert {state: bool((expected == state).any()) for state in (-1, 0, 1)} == {-1: True, 0: True, 1: True}


@FILMS
def test_an_arc_tangent_of_a_quotient_and_a_bare_difference_miss_frames(film: Film) -> None:
    """What the figure prints never sees a target to the left, and no difference holds across the cut at pi."""
    sequence, found = film.sequence(), film.states() == 1
    heading = sequence.column("heading[agent]")
    right, down = (
        sequence.column(f"centroid_{axis}[target]") - sequence.column(f"centroid_{axis}[agent]") for axis in "xy"
    )
    as_printed = np.abs(heading - np.arctan(down / right)) < 0.1
    to_the_left = found & (right < 0)
    assert to_the_left.sum() > 100
    assert not as_printed[to_the_left].any()
    not_wrapped = np.abs(heading - np.arctan2(down, right)) < 0.1
    across_the_cut = found & (np.abs(heading - np.arctan2(down, right)) > np.pi)
    assert across_the_cut.any()
    np.testing.assert_array_equal(found & ~not_wrapped, across_the_cut)


@FILMS
def test_the_size_of_the_bearing_says_the_same(film: Film) -> None:
    sequence = film.sequence()
    check_program(BY_BEARING, units_of(sequence), sequence.time_reference)
    by_hand, by_bearing = (exact_states(rule, sequence.column, FPS) for rule in (RULE, BY_BEARING))
    np.testing.assert_array_equal(by_hand, by_bearing)

    def degree(rule: Condition) -> NDArray[np.float32]:
        assert isinstance(rule, And)
        (_, angle) = rule.parts
        assert isinstance(angle, Compare)
        softly = Compare(angle.child, "<", 1.0, 0.5, RAD)
        return soft_bounds(softly, sequence.column, FPS)[0]

    np.testing.assert_allclose(degree(RULE), degree(BY_BEARING), atol=1e-5)


@pytest.mark.parametrize("number", [TURNED_AWAY, Apply("abs", (TURNED_AWAY,))])
def test_the_rule_without_wrapping_is_refused_with_what_to_write(number: Number) -> None:
    sequence = Film(0.0, 1).sequence()
    with pytest.raises(ProgramError) as caught:
        check_program(Compare(number, "<", 0.1, 0.0, RAD), units_of(sequence))
    assert caught.value.remedy == f"write wrap({format_program(TURNED_AWAY)})"
