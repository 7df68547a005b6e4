"""Two simulated animals that wander, approach and meet, as centers and headings in millimeters and radians.

Animals are rigid: a center and a heading place every keypoint, so body length never changes. The dyad plays a shuffled
deck of encounters: a while apart, one animal (the agent) runs to the other, then the two stay together face to face,
circle nose to nose, or sit side by side. All lengths and speeds are stated in body lengths, so that an arena and an
animal twice the size show the same motion twice the size.

Motion is computed in steps of 1/60 s and read off at the frame times: one seed filmed at two frame rates shows the same
animals. In the time loop a point of the plane is a complex number, which plain Python adds and rotates fast.

References
----------
Correlated random walk: Codling, Plank & Benhamou 2008, J. R. Soc. Interface 5, 813-834, section 2.2,
doi:10.1098/rsif.2008.0014.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["KEYPOINTS", "WALL_CLEARANCE", "body_keypoints", "simulate_motion"]

KEYPOINTS = ("nose", "left_ear", "right_ear", "center", "tail_base")

# Body plan in body lengths, x forward and y to the animal's right (image coordinates: y points down).
BODY_PLAN = np.array([[0.5, 0.0], [0.28, -0.12], [0.28, 0.12], [0.0, 0.0], [-0.5, 0.0]])

# Smallest distance, in body lengths, that a center keeps from every wall: no keypoint ever leaves the arena.
WALL_CLEARANCE = 0.55

STEP_S = 1 / 60
VELOCITY_TIME_S = 0.15
HEADING_TIME_S = 0.2
FORMATION_TIME_S = 0.25
FASTEST_TURN = 8.0  # rad/s
WANDER_TURN = 0.8  # rad per square root of a second
SPEED_CHANGES_PER_S = 0.6
PAUSE_SHARE = 0.4
WALKING_SPEED = (0.6, 2.4)  # body lengths per second
APPROACH_SPEED = (0.4, 2.2)
BRAKING_TIME_S = 4 * VELOCITY_TIME_S  # toward a wall: critically damped, the animal comes to rest at its clearance
LOOK_AHEAD = 0.9  # body lengths at which a wall is avoided
KEEP_APART = 1.6  # body lengths between centers below which wandering animals turn away
WAIT_FROM = 2.2  # body lengths between centers below which the approached animal stops and turns to the agent
MEETING = 0.25  # body lengths between noses at which an approach has arrived
APPROACH_LIMIT_S = 5.0
SWAY = 0.25  # body lengths per second (standard deviation of the desired velocity while together)

Formation = Literal["face", "circle", "beside", "none"]
DECK: tuple[Formation, ...] = ("face", "face", "face", "circle", "beside", "beside", "none")


@dataclass(frozen=True, slots=True)
class _Encounter:
    """One round of the deck, lengths in body lengths and times in seconds."""

    formation: Formation
    agent: int
    apart_s: float
    together_s: float
    gap: float
    turn: float
    speed: float


@dataclass(slots=True)
class _Dyad:
    """State of the time loop; positions and velocities are complex body lengths."""

    center: list[complex]
    velocity: list[complex]
    heading: list[float]
    goal: list[float]
    cruise: list[float]
    phase: Literal["apart", "approach", "together"]
    remaining_s: float
    meeting: complex = 0j
    axis: float = 0.0


def simulate_motion(
    *, schedule: np.random.Generator, walk: np.random.Generator, duration_s: float, arena: float
) -> tuple[NDArray[np.float64], NDArray[np.complex128], NDArray[np.float64]]:
    """Return step times (step,), centers (step, individual) and unwrapped headings (step, individual) of two animals.

    Parameters
    ----------
    schedule
        Draws the encounters: who approaches, when, and what follows.
    walk
        Draws turns, speeds and sway. Both streams are used in the order of time: a longer motion continues a shorter.
    duration_s
        The last step is at or after this time.
    arena
        Side of the square arena in body lengths. Centers are ``x + iy`` in body lengths from its corner.

    Notes
    -----
    The animals' velocity and heading relax to what they want with fixed time constants.
    """
    n_steps = math.ceil(duration_s / STEP_S) + 2
    turns, speeds = walk.spawn(2)
    noise = turns.normal(size=(n_steps, 2, 3)).tolist()
    chance = speeds.random(size=(n_steps, 2, 2)).tolist()
    encounters = _encounters(schedule)
    encounter = next(encounters)
    dyad = _start(schedule, arena, encounter)
    times = np.arange(n_steps, dtype=np.float64) * STEP_S
    centers = np.empty((n_steps, 2), dtype=np.complex128)
    headings = np.empty((n_steps, 2))
    for step in range(n_steps):
        centers[step], headings[step] = dyad.center, dyad.heading
        if _advance_phase(dyad, encounter):
            encounter = next(encounters)
            dyad.remaining_s = encounter.apart_s
        _change_cruise(dyad, chance[step])
        wanted = [_wanted(dyad, encounter, who, arena, noise[step][who]) for who in (0, 1)]
        for who in (0, 1):
            _move(dyad, who, *wanted[who], arena)
    return times, centers, headings


def body_keypoints(center: NDArray[np.complex128], heading: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return keypoint positions (time, space, keypoint, individual), in body lengths, of centers and headings.

    Examples
    --------
    >>> nose = body_keypoints(np.array([[1 + 1j]]), np.array([[0.0]]))[0, :, 0, 0]
    >>> nose.tolist()
    [1.5, 1.0]
    """
    forward, right = BODY_PLAN[:, 0, np.newaxis], BODY_PLAN[:, 1, np.newaxis]
    points = center[:, np.newaxis, :] + (forward + 1j * right) * np.exp(1j * heading)[:, np.newaxis, :]
    return np.stack([points.real, points.imag], axis=1)


def _encounters(schedule: np.random.Generator) -> Iterator[_Encounter]:
    # A shuffled deck instead of independent draws: three minutes already contain every kind of encounter.
    while True:
        for card in schedule.permutation(len(DECK)).tolist():
            gap, slow_turn, fast_turn = schedule.uniform([0.08, -0.25, 0.6], [0.34, 0.25, 3.4]).tolist()
            side = 1.0 if schedule.random() < 0.5 else -1.0
            yield _Encounter(
                formation=DECK[card],
                agent=int(schedule.integers(2)),
                apart_s=float(schedule.uniform(1.5, 3.5)),
                together_s=float(schedule.uniform(1.0, 3.5)),
                gap=0.3 + gap if DECK[card] == "beside" else gap,
                turn=side * fast_turn if DECK[card] == "circle" else slow_turn,
                speed=float(schedule.uniform(*APPROACH_SPEED)),
            )


def _start(schedule: np.random.Generator, arena: float, encounter: _Encounter) -> _Dyad:
    x, y = schedule.uniform(WALL_CLEARANCE, arena - WALL_CLEARANCE, size=(2, 2)).tolist()
    headings = schedule.uniform(-math.pi, math.pi, size=2).tolist()
    return _Dyad(
        center=[complex(x[0], y[0]), complex(x[1], y[1])],
        velocity=[0j, 0j],
        heading=list(headings),
        goal=list(headings),
        cruise=[1.0, 1.0],
        phase="apart",
        remaining_s=encounter.apart_s,
    )


def _advance_phase(dyad: _Dyad, encounter: _Encounter) -> bool:
    """Move on to the next phase where it is time; True when the encounter is over."""
    dyad.remaining_s -= STEP_S
    if dyad.phase == "apart" and dyad.remaining_s <= 0:
        dyad.phase, dyad.remaining_s = "approach", APPROACH_LIMIT_S
    elif dyad.phase == "approach":
        noses = [dyad.center[who] + cmath.rect(0.5, dyad.heading[who]) for who in (0, 1)]
        centers_apart = abs(dyad.center[0] - dyad.center[1])
        if encounter.formation == "none":
            arrived = centers_apart < KEEP_APART
        else:
            arrived = abs(noses[0] - noses[1]) < MEETING or centers_apart < 2 * MEETING
        if arrived and encounter.formation != "none":
            agent = encounter.agent
            dyad.phase, dyad.remaining_s = "together", encounter.together_s
            dyad.meeting = (dyad.center[0] + dyad.center[1]) / 2
            dyad.axis = cmath.phase(dyad.center[1 - agent] - dyad.center[agent])
        elif arrived or dyad.remaining_s <= 0:
            return _part(dyad)
    elif dyad.phase == "together" and dyad.remaining_s <= 0:
        return _part(dyad)
    return False


def _part(dyad: _Dyad) -> bool:
    dyad.phase = "apart"
    for who in (0, 1):
        dyad.cruise[who] = WALKING_SPEED[1] * (0.5 + 0.4 * who)
    return True


def _change_cruise(dyad: _Dyad, chance: list[list[float]]) -> None:
    slowest, fastest = WALKING_SPEED
    for who, (when, what) in enumerate(chance):
        if when < SPEED_CHANGES_PER_S * STEP_S:
            share = (what - PAUSE_SHARE) / (1 - PAUSE_SHARE)
            dyad.cruise[who] = 0.0 if share < 0 else slowest + share * (fastest - slowest)


def _wanted(dyad: _Dyad, encounter: _Encounter, who: int, arena: float, noise: list[float]) -> tuple[complex, float]:
    """Return the velocity and heading one animal wants, from where both are now."""
    if dyad.phase == "together":
        return _in_formation(dyad, encounter, who, noise)
    offset = dyad.center[1 - who] - dyad.center[who]
    if dyad.phase == "approach" and who == encounter.agent:
        nose = dyad.center[1 - who] + cmath.rect(0.5, dyad.heading[1 - who])
        dyad.goal[who] = cmath.phase(nose - dyad.center[who])
        return cmath.rect(encounter.speed, dyad.heading[who]), dyad.goal[who]
    if dyad.phase == "approach" and abs(offset) < WAIT_FROM:
        dyad.goal[who] = cmath.phase(offset)
        return 0j, dyad.goal[who]
    dyad.goal[who] += WANDER_TURN * math.sqrt(STEP_S) * noise[0]
    if abs(offset) < KEEP_APART:
        _turn_goal(dyad, who, cmath.phase(-offset))
    ahead = dyad.center[who] + cmath.rect(LOOK_AHEAD, dyad.goal[who])
    if not (0 < ahead.real < arena and 0 < ahead.imag < arena):
        _turn_goal(dyad, who, cmath.phase(complex(arena, arena) / 2 - dyad.center[who]))
    return cmath.rect(dyad.cruise[who], dyad.heading[who]), dyad.goal[who]


def _in_formation(dyad: _Dyad, encounter: _Encounter, who: int, noise: list[float]) -> tuple[complex, float]:
    side = -1.0 if who == encounter.agent else 1.0
    if who == encounter.agent:
        dyad.axis += encounter.turn * STEP_S
    if encounter.formation == "beside":
        place, heading = cmath.rect(side * encounter.gap / 2, dyad.axis), dyad.axis + math.pi / 2
    else:
        place = cmath.rect(side * (0.5 + encounter.gap / 2), dyad.axis)
        heading = dyad.axis if side < 0 else dyad.axis + math.pi
    dyad.goal[who] = heading
    sway = SWAY * complex(noise[1], noise[2])
    return (dyad.meeting + place - dyad.center[who]) / FORMATION_TIME_S + sway, heading


def _turn_goal(dyad: _Dyad, who: int, heading: float) -> None:
    dyad.goal[who] += 4 * STEP_S * _wrapped(heading - dyad.goal[who])


def _move(dyad: _Dyad, who: int, velocity: complex, heading: float, arena: float) -> None:
    center = dyad.center[who]
    wanted = complex(_braked(velocity.real, center.real, arena), _braked(velocity.imag, center.imag, arena))
    dyad.velocity[who] += (wanted - dyad.velocity[who]) * STEP_S / VELOCITY_TIME_S
    turn = _wrapped(heading - dyad.heading[who]) / HEADING_TIME_S
    dyad.heading[who] += STEP_S * min(max(turn, -FASTEST_TURN), FASTEST_TURN)
    free = center + dyad.velocity[who] * STEP_S
    low, high = WALL_CLEARANCE, arena - WALL_CLEARANCE
    dyad.center[who] = complex(min(max(free.real, low), high), min(max(free.imag, low), high))


def _braked(velocity: float, place: float, arena: float) -> float:
    """Return the velocity along one axis, slow enough to stop before either wall."""
    fastest = (arena - WALL_CLEARANCE - place) / BRAKING_TIME_S
    return min(max(velocity, (WALL_CLEARANCE - place) / BRAKING_TIME_S), fastest)


def _wrapped(angle: float) -> float:
    return math.remainder(angle, math.tau)
