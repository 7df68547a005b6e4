"""What a fold means: a number carried from frame to frame, starting at 0.

Most folds are linear in ``before``: averages that forget, sums, counts that start anew. Their two coefficients are
computed for all frames at once; for the others the number is computed frame by frame, for all sequences together.

References
----------
Shah et al. 2020, Learning differentiable programs with admissible neural heuristics, NeurIPS (fold over a sequence).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.angles import is_signed_angle
from nsp_core.dsl.ast import Before, Choose, Map, MapPrefix, Negative, Node, Number, Product, Quotient, Sum, walk
from nsp_core.dsl.values import Numbers

__all__ = ["AtFrames", "folded", "mentions_before"]

AtFrames: TypeAlias = Callable[[slice, Numbers], Numbers]


def folded(child: Number, at_frames: AtFrames, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the values of a fold.

    Parameters
    ----------
    child
        What the fold computes at each frame.
    at_frames
        Returns the value of ``child`` at the frames of a slice, given the fold's value before each of them. Where that
        is NaN or infinite the fold is missing at the frame and goes on from where it was.
    shape
        Shape of the result, (time,) or (time, sequence).
    """
    if not _is_linear(child):
        return _frame_by_frame(at_frames, shape)
    every = slice(None)
    offset = at_frames(every, np.zeros(shape))
    # A power of two as large as the offset: the difference of the two keeps its digits, and the quotient is exact.
    probe = np.ldexp(1.0, np.maximum(np.frexp(offset)[1], 0))
    slope = (at_frames(every, probe) - offset) / probe
    columns = shape[0], math.prod(shape[1:])
    by_column = [
        _recurrence(slopes.tolist(), offsets.tolist())
        for slopes, offsets in zip(slope.reshape(columns).T, offset.reshape(columns).T, strict=True)
    ]
    return np.array(by_column, dtype=np.float64).T.reshape(shape)


def mentions_before(node: Node) -> bool:
    """Return whether the value of ``node`` hangs on that of the fold it stands in."""
    return any(isinstance(part, Before) for part in walk(node))


def _is_linear(node: Node) -> bool:
    """Return whether ``node`` is a slope times ``before`` plus an offset, neither of which mentions it."""
    if not mentions_before(node):
        return True
    match node:
        case Before():
            return True
        case Sum(parts):
            return all(map(_is_linear, parts))
        case Product(parts):
            return all(map(_is_linear, parts)) and sum(map(mentions_before, parts)) == 1
        case Negative(child) | Map(child) | MapPrefix(child):
            return _is_linear(child)
        case Quotient(above, below):
            return _is_linear(above) and not mentions_before(below)
        case Choose(condition, then, otherwise):
            # Between two angles the way leads round the shorter arc, which is not linear.
            fixed = not mentions_before(condition) and not is_signed_angle(node)
            return fixed and _is_linear(then) and _is_linear(otherwise)
        case _:
            return False


def _recurrence(slopes: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """Return ``slope * before + offset`` at every frame of one sequence."""
    before = 0.0
    values = []
    for slope, offset in zip(slopes, offsets, strict=True):
        now = slope * before + offset
        if math.isfinite(now):
            before = now
            values.append(now)
        else:
            values.append(math.nan)
    return values


def _frame_by_frame(at_frames: AtFrames, shape: tuple[int, ...]) -> NDArray[np.float64]:
    values = np.full(shape, np.nan)
    before: Numbers = np.zeros((1, *shape[1:]))
    for start in range(shape[0]):
        frame = slice(start, start + 1)
        now = at_frames(frame, before)
        known = np.isfinite(now)
        values[frame] = np.where(known, now, np.nan)
        before = np.where(known, now, before)
    return values
