"""A slow oracle of what programs mean: one frame, one value at a time, in Kleene's three values.

It shares no code with the evaluator. True, False and None stand for present, absent and unknown; a number is a
float, or None where it is missing. Where an answer hangs on rounding the draw is given up: the oracle is asked again
with every number that float32 does not hold nudged a little.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction as Exactly
from itertools import groupby

import numpy as np
from hypothesis import assume, reject
from numpy.typing import NDArray

from nsp_core.dsl.ast import (
    And,
    Apply,
    Before,
    Choose,
    Compare,
    Condition,
    Constant,
    Duration,
    Either,
    Feature,
    FillGaps,
    Filtered,
    Fold,
    FollowedBy,
    Fraction,
    Hysteresis,
    Map,
    MapPrefix,
    MinBout,
    Negative,
    Not,
    Number,
    Or,
    Product,
    Quotient,
    Sum,
    Sustained,
    Vote,
    Windowed,
    Within,
)

Tracks = dict[str, NDArray[np.float32]]
Kleene = bool | None
Known = float | None

LARGEST = 3e38


def answers(program: Condition, tracks: Tracks, fps: float | None, nudged_by: float = 1e-6) -> list[Kleene]:
    """What the oracle says of each frame; the draw is given up where that hangs on a change of ``nudged_by``."""
    said = Oracle(tracks, fps).truths(program)
    anyhow = random.Random(0)
    for nudge in (lambda: 1.0, lambda: -1.0, lambda: anyhow.uniform(-1, 1), lambda: anyhow.choice([-1, 1])):
        assume(Oracle(tracks, fps, nudge=lambda nudge=nudge: nudged_by * nudge()).truths(program) == said)
    return said


@dataclass(frozen=True)
class Oracle:
    """What programs mean over features, and inside a fold after the value ``before``."""

    tracks: Tracks
    fps: float | None
    before: float = 0.0
    nudge: Callable[[], float] = lambda: 0.0
    seen: dict[Number, list[Known]] = field(default_factory=dict)

    @property
    def frames(self) -> range:
        return range(len(next(iter(self.tracks.values()))))

    def over(self, tracks: Tracks, before: float = 0.0) -> Oracle:
        return replace(self, tracks=tracks, before=before, seen={})

    # ---- conditions

    def truths(self, node: Condition) -> list[Kleene]:
        """The truth of a condition, frame by frame."""
        match node:
            case Compare(child, relation, threshold):
                of = {"<": lambda x: x < threshold, ">": lambda x: x > threshold}[relation]
                return [None if x is None else of(x) for x in self.numbers(child)]
            case Not(child):
                return [None if truth is None else not truth for truth in self.truths(child)]
            case And(parts):
                return [conjunction(now) for now in self.together(parts)]
            case Or(parts):
                return [disjunction(now) for now in self.together(parts)]
            case Vote(parts, weights, threshold):
                return [vote(now, weights, threshold) for now in self.together(parts)]
            case Either(child):
                other = self.over({exchanged(name): track for name, track in self.tracks.items()})
                return [disjunction(now) for now in zip(self.truths(child), other.truths(child), strict=True)]
            case Sustained(child, shortest):
                n_frames = max(self.n_frames_in(shortest), 1)
                return on_both_bounds(lambda present: held(present, n_frames), self.truths(child))
            case Within(child, width, side):
                truths = self.truths(child)
                return [
                    disjunction([truths[at] for at in self.window(width, side, now) if at in self.frames])
                    for now in self.frames
                ]
            case FollowedBy(first, second, longest):
                return self.followed(first, second, self.n_frames_in(longest))
            case Hysteresis(enter, stay):
                return on_both_bounds(latched, self.truths(enter), self.truths(stay))
            case FillGaps(child, longest):
                return on_both_bounds(
                    lambda present: gaps_filled(present, self.n_frames_in(longest)), self.truths(child)
                )
            case MinBout(child, shortest):
                return on_both_bounds(
                    lambda present: short_bouts_dropped(present, self.n_frames_in(shortest)), self.truths(child)
                )

    def together(self, parts: Sequence[Condition]) -> list[tuple[Kleene, ...]]:
        return list(zip(*map(self.truths, parts), strict=True))

    def followed(self, first: Condition, second: Condition, n_frames: int) -> list[Kleene]:
        earlier, later = self.truths(first), self.truths(second)
        return [conjunction([earlier[now], disjunction(later[now + 1 : now + 1 + n_frames])]) for now in self.frames]

    # ---- numbers

    def numbers(self, node: Number) -> list[Known]:
        """The value of a number, frame by frame."""
        if node not in self.seen:
            self.seen[node] = [self.kept(value, node) for value in self.computed(node)]
        return self.seen[node]

    def kept(self, value: Known, node: Number) -> Known:
        """A value as float32 may hold it; functions of real numbers are never exact."""
        if value is None or math.isnan(value) or abs(value) > LARGEST:
            return None
        if isinstance(node, Feature | Constant | Before):
            return value
        rounded = isinstance(node, Filtered) or (isinstance(node, Apply) and node.function != "abs")
        rounded |= isinstance(node, Windowed) and (node.statistic in ("std", "slope") or signed(node.child))
        if rounded or float(np.float32(value)) != value:
            value += self.nudge() * max(abs(value), float(rounded))
        return value

    def computed(self, node: Number) -> list[Known]:
        match node:
            case Feature(name):
                return [None if np.isnan(value) else float(value) for value in self.tracks[name]]
            case Constant(value):
                return [value for _ in self.frames]
            case Before():
                return [self.before for _ in self.frames]
            case Windowed():
                return [self.statistic(node, now) for now in self.frames]
            case Filtered():
                return [self.filtered(node, now) for now in self.frames]
            case Fraction(child, width, side):
                return self.shares(self.truths(child), width, side)
            case Negative(child):
                return [None if x is None else opposite(x, signed(child)) for x in self.numbers(child)]
            case Sum(parts):
                return self.each(math.fsum, parts)
            case Product(parts):
                return self.each(math.prod, parts)
            case Quotient(above, below):
                return self.each(lambda pair: pair[0] / pair[1] if pair[1] else None, (above, below))
            case Apply(function, arguments):
                return self.each(
                    {"abs": lambda x: abs(x[0]), "wrap": lambda x: turned(x[0]), "atan2": direction}[function],
                    arguments,
                )
            case Choose(condition, then, otherwise):
                options = {True: self.numbers(then), False: self.numbers(otherwise), None: [None for _ in self.frames]}
                return [options[truth][now] for now, truth in enumerate(self.truths(condition))]
            case Fold(child):
                return self.folded(child)
            case Map(child):
                return self.numbers(child)
            case MapPrefix(child):
                return [
                    self.over({name: track[: now + 1] for name, track in self.tracks.items()}).numbers(child)[-1]
                    for now in self.frames
                ]

    def each(self, function: Callable[[tuple[float, ...]], Known], parts: Sequence[Number]) -> list[Known]:
        together = zip(*map(self.numbers, parts), strict=True)
        return [None if None in now else function(now) for now in together]

    def folded(self, child: Number) -> list[Known]:
        values: list[Known] = []
        before = 0.0
        for now in self.frames:
            frame = {name: track[now : now + 1] for name, track in self.tracks.items()}
            values += self.over(frame, before).numbers(child)
            before = before if values[-1] is None else values[-1]
        return values

    def shares(self, truths: list[Kleene], width: Duration, side: str) -> list[Known]:
        known = [
            [truths[at] for at in self.window(width, side, now) if at in self.frames and truths[at] is not None]
            for now in self.frames
        ]
        return [sum(now) / len(now) if now else None for now in known]

    def statistic(self, node: Windowed, now: int) -> Known:
        values = self.numbers(node.child)
        window = self.window(node.width, node.side, now)
        rate = 1.0 if self.fps is None else self.fps
        at = [values[frame] if frame in self.frames else None for frame in window]
        if node.statistic == "delta":
            first, last = at[0], at[-1]
            return None if first is None or last is None else (turned if signed(node.child) else float)(last - first)
        known = [(frame, value) for frame, value in zip(window, at, strict=True) if value is not None]
        if not known:
            return None
        if node.statistic == "slope":
            return slope(unrolled(known) if signed(node.child) else known, rate)
        return (of_angles if signed(node.child) else of_numbers)(node, [value for _, value in known])

    def filtered(self, node: Filtered, now: int) -> Known:
        sigma = node.sigma.value * (1.0 if self.fps is None else self.fps)
        total = weights = 0.0
        for frame, value in enumerate(self.numbers(node.child)):
            lag = frame - now
            if value is not None and abs(lag) <= 4 * sigma * (1 + 1e-9):
                cycles = lag * (node.frequency or 0.0) / (1.0 if self.fps is None else self.fps)
                weight = round(math.exp(-((lag / sigma) ** 2) / 2) * math.cos(2 * math.pi * cycles), 9)
                total += weight * value
                weights += abs(weight)
        return total / weights if weights else None

    # ---- time

    def n_frames_in(self, duration: Duration) -> int:
        return int(duration.value) if self.fps is None else round(duration.value * self.fps)

    def window(self, width: Duration, side: str, now: int) -> range:
        half = int(width.value) // 2 if self.fps is None else round(width.value * self.fps / 2)
        others = max(self.n_frames_in(width), 1) - 1
        before, after = {"centered": (half, half), "past": (others, 0), "next": (0, others)}[side]
        return range(now - before, now + after + 1)


def exchanged(name: str) -> str:
    return name.replace("[agent]", "[?]").replace("[target]", "[agent]").replace("[?]", "[target]")


def wraps(name: str) -> bool:
    return name.startswith(("heading", "bearing"))


def signed(number: Number) -> bool:
    """Whether a number is an angle in (-pi, pi]."""
    match number:
        case Feature(name):
            return wraps(name)
        case Apply(function):
            return function != "abs"
        case Negative(child) | Map(child) | MapPrefix(child) | Fold(child):
            return signed(child)
        case Windowed(child, statistic="mean" | "delta") | Choose(_, child):
            return signed(child)
        case _:
            return False


def conjunction(truths: Sequence[Kleene]) -> Kleene:
    if False in truths:
        return False
    return None if None in truths else True


def disjunction(truths: Sequence[Kleene]) -> Kleene:
    if True in truths:
        return True
    return None if None in truths else False


def vote(truths: Sequence[Kleene], weights: Sequence[float], threshold: float) -> Kleene:
    """In exact decimal fractions: 0.1 and 0.2 are not more than 0.3."""
    points = [Exactly(str(weight)) for weight in weights]
    least = sum(w for w, truth in zip(points, truths, strict=True) if truth or (truth is None and w < 0))
    most = sum(w for w, truth in zip(points, truths, strict=True) if truth or (truth is None and w > 0))
    enough = Exactly(str(threshold))
    return True if least > enough else None if most > enough else False


def on_both_bounds(shape: Callable[..., list[bool]], *parts: list[Kleene]) -> list[Kleene]:
    certain = shape(*([truth is True for truth in truths] for truths in parts))
    possible = shape(*([truth is not False for truth in truths] for truths in parts))
    return [True if sure else None if maybe else False for sure, maybe in zip(certain, possible, strict=True)]


def held(present: list[bool], n_frames: int) -> list[bool]:
    return [now + 1 >= n_frames and all(present[now + 1 - n_frames : now + 1]) for now in range(len(present))]


def latched(enter: list[bool], stay: list[bool]) -> list[bool]:
    states = [False]
    for begins, stays in zip(enter, stay, strict=True):
        states.append(begins or (stays and states[-1]))
    return states[1:]


def gaps_filled(present: list[bool], longest: int) -> list[bool]:
    runs = [(value, len(list(run))) for value, run in groupby(present)]
    filled: list[bool] = []
    for index, (value, length) in enumerate(runs):
        between_bouts = 0 < index < len(runs) - 1
        filled += [value or (between_bouts and length <= longest)] * length
    return filled


def short_bouts_dropped(present: list[bool], shortest: int) -> list[bool]:
    kept: list[bool] = []
    for value, run in groupby(present):
        length = len(list(run))
        kept += [value and length >= shortest] * length
    return kept


def of_numbers(node: Windowed, known: list[float]) -> float:
    mean, ordered = math.fsum(known) / len(known), sorted(known)
    if node.statistic == "std":
        return math.sqrt(math.fsum((value - mean) ** 2 for value in known) / len(known))
    place = (len(known) - 1) * (node.share or 0.0)
    below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
    quantile = below + (above - below) * (place % 1)
    largest = {"mean": mean, "min": ordered[0], "max": ordered[-1], "range": ordered[-1] - ordered[0]}
    return {**largest, "quantile": quantile}[node.statistic]


def of_angles(node: Windowed, known: list[float]) -> Known:
    sine, cosine = (math.fsum(map(part, known)) / len(known) for part in (math.sin, math.cos))
    length = math.hypot(sine, cosine)
    if node.statistic == "range":
        around = sorted(angle % math.tau for angle in known)
        return math.tau - max(b - a for a, b in zip(around, [*around[1:], around[0] + math.tau], strict=True))
    if node.statistic == "std":
        return math.sqrt(-2 * math.log(min(max(length, 1e-6), 1.0)))
    if 1e-7 < length < 1e-3:
        reject()  # opposite angles, nearly
    return math.atan2(sine, cosine) if length > 1e-7 else None


def unrolled(known: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """The angles of one gap-free stretch without jumps; nothing of several."""
    frames = [frame for frame, _ in known]
    if frames != list(range(frames[0], frames[0] + len(frames))):
        return []
    angles = [known[0][1]]
    for _, angle in known[1:]:
        angles.append(angles[-1] + turned(angle - angles[-1]))
    return list(zip(frames, angles, strict=True))


def slope(points: list[tuple[int, float]], rate: float) -> Known:
    if len(points) < 2:
        return None
    middle, mean = (math.fsum(column) / len(points) for column in zip(*points, strict=True))
    rise = math.fsum((frame - middle) * (value - mean) for frame, value in points)
    return rate * rise / math.fsum((frame - middle) ** 2 for frame, _ in points)


def opposite(value: float, is_angle: bool) -> float:
    return math.pi if is_angle and value > math.pi - 1e-5 else -value


def turned(angle: float) -> float:
    """An angle brought into (-pi, pi]; not where it may fall on either end."""
    within = math.remainder(angle, math.tau)
    if abs(within) > math.pi - 1e-3:
        reject()
    return within


def direction(vector: tuple[float, ...]) -> Known:
    y, x = vector
    if y == 0:
        return None if x == 0 else 0.0 if x > 0 else math.pi
    return math.atan2(y, x)
