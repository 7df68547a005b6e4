"""What numbers mean: in windows and filters, as shares of time, and added, multiplied and chosen.

Missing numbers are NaN, and what is made of a missing number is missing, except where a window leaves it out. Signed
angles (:mod:`nsp_core.dsl.angles`) take the circular version of an operator over time. Arithmetic is done in float64;
the evaluator stores it as float32.

References
----------
Shah et al. 2020, Learning differentiable programs with admissible neural heuristics, NeurIPS (windows, if-then-else).
Mardia & Jupp 2000, Directional Statistics, section 2.2, doi:10.1002/9780470316979 (angles).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.angles import is_signed_angle
from nsp_core.dsl.ast import Apply, Choose, Filtered, Fraction, Negative, Node, Windowed
from nsp_core.dsl.prefix import past_filter
from nsp_core.dsl.values import Numbers, Semantics, frames_seen, require_fps, window_frames
from nsp_core.errors import ProgramError
from nsp_core.temporal.circular import wrapped
from nsp_core.temporal.operators import temporal_operator_for
from nsp_core.temporal.window import window_mean

__all__ = [
    "added",
    "chosen",
    "divided",
    "filtered",
    "function_of",
    "multiplied",
    "share_of_time",
    "turned_negative",
    "unchanged",
    "windowed",
]


def windowed(node: Node, series: Numbers, semantics: Semantics) -> Numbers:
    """Return the statistic of ``series`` in the window at each frame."""
    assert isinstance(node, Windowed)
    operator = temporal_operator_for(node.statistic, circular=is_signed_angle(node.child))
    if semantics.prefix and node.statistic == "delta" and window_frames(node, semantics.fps).after:
        # The last frame of the window is never there yet.
        return np.full(series.shape, np.nan, dtype=np.float32)
    share: dict[str, Any] = {} if node.share is None else {"q": node.share}
    return operator.apply(series, frames_seen(node, semantics), fps=semantics.fps, **share)


def filtered(node: Node, series: Numbers, semantics: Semantics) -> Numbers:
    """Return ``series`` filtered around each frame; in a prefix, with the weights of the frames so far."""
    assert isinstance(node, Filtered)
    # A sigma in frames is one in seconds at one frame per second.
    rate = 1.0 if node.sigma.reference == "frame" else require_fps(node.sigma, semantics.fps)
    operator = temporal_operator_for(node.kernel, circular=is_signed_angle(node.child))
    apply = past_filter if semantics.prefix else operator.apply
    return apply(series, fps=rate, sigma_s=node.sigma.value, **_frequency(node, rate))


def share_of_time(node: Node, series: Numbers, semantics: Semantics) -> Numbers:
    """Return the mean degree of a condition over the known frames of the window at each frame."""
    assert isinstance(node, Fraction)
    return window_mean(series, frames_seen(node, semantics))


def turned_negative(node: Node, series: Numbers, semantics: Semantics) -> Numbers:
    """Return ``series`` with its sign changed; an angle of pi stays, for -pi is the same angle."""
    assert isinstance(node, Negative)
    return np.where(series >= np.pi, series, -series) if is_signed_angle(node.child) else -series


def unchanged(node: Node, series: Numbers, semantics: Semantics) -> Numbers:
    """Return ``series``: how its part is read, or may be made, is all that the operator says."""
    return series


def added(node: Node, parts: Sequence[Numbers], semantics: Semantics) -> Numbers:
    """Return the sum of the parts."""
    return reduce(np.add, _in_float64(parts))


def multiplied(node: Node, parts: Sequence[Numbers], semantics: Semantics) -> Numbers:
    """Return the product of the parts."""
    return reduce(np.multiply, _in_float64(parts))


def divided(node: Node, parts: Sequence[Numbers], semantics: Semantics) -> Numbers:
    """Return the first part over the second, missing where that is zero."""
    above, below = _in_float64(parts)
    quotient = np.full(above.shape, np.nan)
    np.divide(above, below, out=quotient, where=below != 0)
    return quotient


def function_of(node: Node, parts: Sequence[Numbers], semantics: Semantics) -> Numbers:
    """Return the size, the angle in (-pi, pi], or the direction of a vector, missing where that has no length."""
    assert isinstance(node, Apply)
    numbers = _in_float64(parts)
    match node.function:
        case "abs":
            return np.abs(numbers[0])
        case "wrap":
            return wrapped(numbers[0])
        case "atan2":
            y, x = numbers
            # The direction of (-0.0, -1) is pi, as that of (0, -1).
            return np.where((y == 0) & (x == 0), np.nan, wrapped(np.arctan2(y, x)))


def chosen(node: Node, parts: Sequence[Numbers], semantics: Semantics) -> Numbers:
    """Return ``d * then + (1 - d) * otherwise`` for the degree d, of which one alone counts where d is 1 or 0.

    Between two signed angles the way leads round the shorter arc.
    """
    assert isinstance(node, Choose)
    degree, then, otherwise = _in_float64(parts)
    choice = np.where(degree == 1, then, otherwise)
    between = (degree != 0) & (degree != 1)
    if between.any():
        choice[between] = _between(node, degree[between], then[between], otherwise[between])
    return choice


def _between(
    node: Choose, degree: NDArray[np.float64], then: NDArray[np.float64], otherwise: NDArray[np.float64]
) -> NDArray[np.float64]:
    if is_signed_angle(node.then) or is_signed_angle(node.otherwise):
        return wrapped(otherwise + degree * wrapped(then - otherwise))
    return degree * then + (1 - degree) * otherwise


def _frequency(node: Filtered, rate: float) -> dict[str, Any]:
    if node.frequency is None:
        return {}
    if node.frequency > rate / 2:
        raise ProgramError(
            found=f"a filter of {node.frequency:g} 1/{node.sigma.reference}",
            expected=f"a frequency of at most {rate / 2:g} 1/{node.sigma.reference}, half the frame rate",
            where="program",
            remedy="choose a frequency that the recording can show",
        )
    return {"frequency_hz": node.frequency}


def _in_float64(parts: Sequence[Numbers]) -> list[NDArray[np.float64]]:
    # Contiguous, because vectorized functions round differently there: alone and side by side give the same bits.
    return [np.ascontiguousarray(part, dtype=np.float64) for part in parts]
