"""The one visible tuple of operators: what each node is called, means, costs and how it reads.

Truth under missing data is an interval. A condition's value is a pair ``(low, high)`` of arrays (time,): what is
certain, and what is possible. Series are ``(time,)`` or, for many sequences of one length, ``(time, sequence)``. A
missing number gives ``(0, 1)``. The smooth semantics computes the pair in probabilities, the exact semantics in {0,
1}; the formulas below serve both, because every one of them maps {0, 1} to {0, 1}. In the exact semantics ``(0, 1)``
is Kleene's third value: the program abstains.

============  =========================================  ==========================================
operator      smooth meaning                             exact meaning (the limit of zero temperature)
============  =========================================  ==========================================
``x < c ± s`` logistic((c - x) / (s * temperature))      x < c
``and``       product                                    all
``or``        1 - product of complements                 any
``not``       complement, bounds exchanged               complement
``either``    larger of both orders                      any of both orders
``fill_gaps`` gray-scale closing                         gaps filled
``min_bout``  gray-scale opening                         short bouts dropped
============  =========================================  ==========================================

References
----------
Chaudhuri & Solar-Lezama 2010, Smooth interpretation, doi:10.1145/1806596.1806629 (temperature).
Kleene 1952, Introduction to Metamathematics, section 64 (three-valued logic).
Serra 1982, Image Analysis and Mathematical Morphology (opening and closing).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d
from scipy.special import expit

from nsp_core.dsl.ast import And, Compare, Duration, Either, Feature, FillGaps, MinBout, Node, Not, Or, Windowed
from nsp_core.errors import UnitError
from nsp_core.temporal.operators import temporal_operator_for
from nsp_core.temporal.span import Window

__all__ = [
    "OPERATORS",
    "Operator",
    "Semantics",
    "Truth",
    "duration_frames",
    "half_window_frames",
    "operator_of",
    "window_frames",
]

Series = NDArray[np.float32]
Truth = tuple[Series, Series]


@dataclass(frozen=True, slots=True)
class Semantics:
    """How to read a program: frame rate (None where unknown) and temperature (0 is the exact semantics)."""

    fps: float | None
    temperature: float


@dataclass(frozen=True, slots=True)
class Operator:
    """One word of the language.

    ``number`` operators map a series to a series; ``truth`` operators map the truths of their parts to a truth.
    ``Feature`` and ``Either`` depend on the order of the animals, so the evaluator itself fetches their inputs.
    """

    name: str
    node: type[Node]
    signature: str
    n_constants: str
    text: str
    documentation: str
    source: str
    number: Callable[[Node, Series, Semantics], Series] | None = None
    compare: Callable[[Node, Series, Semantics], Truth] | None = None
    truth: Callable[[Node, list[Truth], Semantics], Truth] | None = None


def half_window_frames(width: Duration, fps: float | None) -> int:
    """Return the half width in frames of a centered window: frames ``t - half`` to ``t + half`` are in it."""
    if width.reference == "frame":
        return int(width.value) // 2
    return max(round(width.value * _require_fps(width, fps) / 2), 0)


def duration_frames(duration: Duration, fps: float | None) -> int:
    """Return a duration in whole frames, rounded to the nearest."""
    if duration.reference == "frame":
        return round(duration.value)
    return round(duration.value * _require_fps(duration, fps))


def _require_fps(duration: Duration, fps: float | None) -> float:
    if fps is None:
        raise UnitError(
            found=f"a duration of {duration.value:g} s and features without a frame rate",
            expected="a time coordinate in seconds or the attribute fps",
            where="program",
            remedy="give the features a time coordinate, or write the duration in frames",
        )
    return fps


def window_frames(node: Windowed, fps: float | None) -> Window:
    """Return the frames that belong to the window of ``node``: to either side, or so many with the frame itself."""
    if node.side == "centered":
        half = half_window_frames(node.width, fps)
        return Window(half, half)
    others = max(duration_frames(node.width, fps), 1) - 1
    return Window(others, 0) if node.side == "past" else Window(0, others)


def _windowed(node: Node, series: Series, semantics: Semantics) -> Series:
    assert isinstance(node, Windowed)
    operator = temporal_operator_for(node.statistic)
    window = window_frames(node, semantics.fps)
    if node.share is None:
        return operator.apply(series, window, fps=semantics.fps)
    return operator.apply(series, window, fps=semantics.fps, q=node.share)


def _compare(node: Node, series: Series, semantics: Semantics) -> Truth:
    assert isinstance(node, Compare)
    # Differences in float64: a float32 feature exactly at a decimal threshold must fall on a stated side.
    margin = series.astype(np.float64) - node.threshold
    if node.relation == "<":
        margin = -margin
    softness = node.softness * semantics.temperature
    with np.errstate(over="ignore"):  # far beyond a tiny softness the quotient is infinite and the degree 0 or 1
        degree = expit(margin / softness) if softness > 0 else (margin > 0).astype(np.float64)
    missing = np.isnan(series)
    low = np.where(missing, 0.0, degree).astype(np.float32)
    high = np.where(missing, 1.0, degree).astype(np.float32)
    return low, high


def _not(node: Node, parts: list[Truth], semantics: Semantics) -> Truth:
    ((low, high),) = parts
    return 1 - high, 1 - low


def _and(node: Node, parts: list[Truth], semantics: Semantics) -> Truth:
    low, high = (np.prod(np.stack(bounds), axis=0) for bounds in zip(*parts, strict=True))
    return low, high


def _or(node: Node, parts: list[Truth], semantics: Semantics) -> Truth:
    low, high = (1 - np.prod(1 - np.stack(bounds), axis=0) for bounds in zip(*parts, strict=True))
    return low, high


def _either(node: Node, parts: list[Truth], semantics: Semantics) -> Truth:
    (low, high), (other_low, other_high) = parts
    return np.maximum(low, other_low), np.maximum(high, other_high)


def _fill_gaps(node: Node, parts: list[Truth], semantics: Semantics) -> Truth:
    assert isinstance(node, FillGaps)
    ((low, high),) = parts
    width = duration_frames(node.longest, semantics.fps) + 1
    return _closing(low, width), _closing(high, width)


def _min_bout(node: Node, parts: list[Truth], semantics: Semantics) -> Truth:
    assert isinstance(node, MinBout)
    ((low, high),) = parts
    width = duration_frames(node.shortest, semantics.fps)
    return _opening(low, width), _opening(high, width)


def _closing(series: Series, width: int) -> Series:
    return _morphology(series, width, maximum_filter1d, minimum_filter1d)


def _opening(series: Series, width: int) -> Series:
    return _morphology(series, width, minimum_filter1d, maximum_filter1d)


def _morphology(series: Series, width: int, first: Callable[..., Series], then: Callable[..., Series]) -> Series:
    """Apply a flat filter of ``width`` frames and its mirror image, on a recording with nothing on either side."""
    # No window longer than the recording: scipy's filters take memory in the window, and nothing changes beyond.
    width = min(width, len(series) + 1)
    if width <= 1:
        return series
    padded = np.pad(series, [(width, width), *[(0, 0)] * (series.ndim - 1)])
    # Mirrored origins make filter-then-filter an opening or closing for even widths too.
    origin = 0 if width % 2 else -1
    once = first(padded, width, axis=0, mode="constant")
    return then(once, width, axis=0, mode="constant", origin=origin)[width:-width]


OPERATORS: tuple[Operator, ...] = (
    Operator(
        "feature",
        Feature,
        "name -> number [unit of the feature]",
        "0",
        "nose_to_nose",
        "The value of a feature at the frame.",
        "",
    ),
    Operator(
        "window",
        Windowed,
        "statistic, number [u], [share], [past or next] duration -> number [u; of a slope u / time]",
        "1 (window), 2 with a share",
        "mean(speed[agent], 0.5 s)",
        "What a number does around, before or after the frame: mean, min, max, std, range, quantile, delta or slope.",
        "Shah et al. 2020 (window averages); NaN-aware and in seconds here",
        number=_windowed,
    ),
    Operator(
        "compare",
        Compare,
        "number [u], threshold [u], softness [u] -> truth",
        "2 (threshold, softness)",
        "nose_to_nose < 22 ± 3 mm",
        "A threshold with softness; unknown where the number is missing.",
        "Chaudhuri & Solar-Lezama 2010",
        compare=_compare,
    ),
    Operator("not", Not, "truth -> truth", "0", "not p", "Present where p is absent.", "Kleene 1952", truth=_not),
    Operator("and", And, "truth, truth, ... -> truth", "0", "p and q", "All parts hold.", "Kleene 1952", truth=_and),
    Operator("or", Or, "truth, truth, ... -> truth", "0", "p or q", "Any part holds.", "Kleene 1952", truth=_or),
    Operator(
        "either",
        Either,
        "truth -> truth",
        "0",
        "either(p)",
        "The better of both orders of the two animals.",
        "",
        truth=_either,
    ),
    Operator(
        "fill_gaps",
        FillGaps,
        "truth, duration -> truth",
        "1 (duration)",
        "fill_gaps(p, 0.3 s)",
        "Gaps between two bouts of at most this long belong to the behavior.",
        "Serra 1982 (closing)",
        truth=_fill_gaps,
    ),
    Operator(
        "min_bout",
        MinBout,
        "truth, duration -> truth",
        "1 (duration)",
        "min_bout(p, 0.5 s)",
        "Bouts shorter than this are dropped.",
        "Serra 1982 (opening)",
        truth=_min_bout,
    ),
)

_BY_NODE: dict[type[Node], Operator] = {operator.node: operator for operator in OPERATORS}


def operator_of(node: Node) -> Operator:
    """Return the operator that gives ``node`` its meaning."""
    return _BY_NODE[type(node)]
