"""What programs compute with: series of numbers, truths, and how many frames a duration is.

Truth under missing data is an interval. A condition's value is a pair ``(low, high)`` of arrays (time,): what is
certain, and what is possible. Series are ``(time,)`` or, for many sequences of one length, ``(time, sequence)``; NaN is
a missing number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.ast import Duration, Fraction, Windowed, Within
from nsp_core.errors import UnitError
from nsp_core.temporal.span import LONGEST_FRAMES, Window

__all__ = [
    "Numbers",
    "Semantics",
    "Series",
    "Truth",
    "Value",
    "degree",
    "duration_frames",
    "frames_seen",
    "half_window_frames",
    "require_fps",
    "window_frames",
]

Series = NDArray[np.float32]
Truth = tuple[Series, Series]
Numbers: TypeAlias = NDArray[np.floating]
Value: TypeAlias = Numbers | Truth


@dataclass(frozen=True, slots=True)
class Semantics:
    """How to read a program.

    Attributes
    ----------
    fps
        Frames per second; None where unknown.
    temperature
        0 is the exact semantics.
    prefix
        Whether each frame is read as the last one of the recording, as inside ``mapprefix``.
    """

    fps: float | None
    temperature: float
    prefix: bool = False


def degree(truth: Truth) -> NDArray[np.float64]:
    """Return a truth as a number in [0, 1], NaN where it is mostly unknown; of the exact semantics 1, 0 and NaN.

    With ``u = high - low`` it is ``low / (1 - u)``, the share of what is certain in what is decided, and NaN where u is
    above 0.5.

    Examples
    --------
    >>> low, high = np.float32([0, 1, 0, 0.25, 0.25]), np.float32([0, 1, 1, 0.25, 0.5])
    >>> degree((low, high)).round(3).tolist()
    [0.0, 1.0, nan, 0.25, 0.333]
    """
    low, high = (bound.astype(np.float64) for bound in truth)
    # 1 - u, written so that the quotient cannot leave [0, 1] by rounding.
    decided = low + (1 - high)
    share = np.full(low.shape, np.nan)
    np.divide(low, decided, out=share, where=decided >= 0.5)
    return share


def half_window_frames(width: Duration, fps: float | None) -> int:
    """Return the half width in frames of a centered window: frames ``t - half`` to ``t + half`` are in it."""
    if width.reference == "frame":
        return int(min(width.value, LONGEST_FRAMES)) // 2
    return max(round(min(width.value * require_fps(width, fps) / 2, LONGEST_FRAMES)), 0)


def duration_frames(duration: Duration, fps: float | None) -> int:
    """Return a duration in whole frames, rounded to the nearest."""
    if duration.reference == "frame":
        return round(min(duration.value, LONGEST_FRAMES))
    return round(min(duration.value * require_fps(duration, fps), LONGEST_FRAMES))


def window_frames(node: Windowed | Fraction | Within, fps: float | None) -> Window:
    """Return the frames that belong to the window of ``node``: to either side, or so many with the frame itself."""
    if node.side == "centered":
        half = half_window_frames(node.width, fps)
        return Window(half, half)
    others = max(duration_frames(node.width, fps), 1) - 1
    return Window(others, 0) if node.side == "past" else Window(0, others)


def frames_seen(node: Windowed | Fraction | Within, semantics: Semantics) -> Window:
    """Return :func:`window_frames` without the frames that the recording, read as a prefix, does not have yet."""
    window = window_frames(node, semantics.fps)
    return Window(window.before, 0) if semantics.prefix else window


def require_fps(duration: Duration, fps: float | None) -> float:
    """Return ``fps``, which a duration in seconds cannot do without.

    Raises
    ------
    UnitError
        If it is None.
    """
    if fps is None:
        raise UnitError(
            found=f"a duration of {duration.value:g} s and features without a frame rate",
            expected="a time coordinate in seconds or the attribute fps",
            where="program",
            remedy="give the features a time coordinate, or write the duration in frames",
        )
    return fps
