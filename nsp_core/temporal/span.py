"""The frames that belong to a window: how many before and how many after the frame it is asked at.

Widths are given in seconds and become whole frames here, in one place, so that features and programs mean the same
window by the same words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from nsp_core.errors import ProgramError

__all__ = ["LONGEST_FRAMES", "Window", "usable_fps"]

LONGEST_FRAMES = 2**40
"""A window is cut at the ends of the recording, and no recording is as long as this."""


@dataclass(frozen=True, slots=True)
class Window:
    """The frames ``t - before`` to ``t + after``, both included, of a window asked at frame ``t``.

    Attributes
    ----------
    before, after
        Frames before and after ``t``, zero or more.

    Raises
    ------
    ProgramError
        If either is negative.
    """

    before: int
    after: int

    def __post_init__(self) -> None:
        if self.before < 0 or self.after < 0:
            raise ProgramError(
                found=f"a window of {self.before} frames before and {self.after} frames after",
                expected="0 frames or more on either side",
                where="window",
                remedy="give the window a positive width",
            )

    @property
    def width(self) -> int:
        """Number of frames in a window that no end of the recording cuts."""
        return self.before + self.after + 1

    @classmethod
    def centered(cls, width_s: float, fps: float | None) -> Window:
        """Return the window of ``width_s`` seconds around the frame: half of it, to the nearest frame, on either side.

        Raises
        ------
        ProgramError
            If ``width_s`` is not positive and finite, or the frame rate is unknown; so for the other constructors.

        Examples
        --------
        >>> Window.centered(0.5, fps=30.0)
        Window(before=8, after=8)
        """
        half = _frames(width_s, fps, parts=2)
        return cls(half, half)

    @classmethod
    def past(cls, width_s: float, fps: float | None) -> Window:
        """Return the window of the last ``width_s`` seconds: n frames ending with the frame itself, at least one.

        Examples
        --------
        >>> Window.past(0.5, fps=30.0)
        Window(before=14, after=0)
        """
        return cls(max(_frames(width_s, fps), 1) - 1, 0)

    @classmethod
    def future(cls, width_s: float, fps: float | None) -> Window:
        """Return the window of the next ``width_s`` seconds: n frames starting with the frame itself, at least one.

        Examples
        --------
        >>> Window.future(0.5, fps=30.0)
        Window(before=0, after=14)
        """
        return cls(0, max(_frames(width_s, fps), 1) - 1)


def usable_fps(fps: float | None, what: str) -> float:
    """Return ``fps`` if it is a frame rate; ``what`` is the thing that needs it, for the message.

    Raises
    ------
    ProgramError
        If it is None, or not positive and finite.
    """
    if fps is None:
        raise ProgramError(
            found=f"{what}, and no frame rate",
            expected="a recording with a frame rate",
            where="window",
            remedy="state the frame rate (fps) of the recording",
        )
    if not (math.isfinite(fps) and fps > 0):
        raise ProgramError(
            found=f"a frame rate of {fps:g} frames/s",
            expected="a positive number",
            where="window",
            remedy="state the frame rate (fps) at which the recording was filmed",
        )
    return fps


def _frames(width_s: float, fps: float | None, parts: int = 1) -> int:
    """Return the nearest whole number of frames in ``width_s / parts`` seconds."""
    if not (math.isfinite(width_s) and width_s > 0):
        raise ProgramError(
            found=f"a window of {width_s:g} s",
            expected="a positive, finite width",
            where="window",
            remedy="give the window a positive width in seconds",
        )
    return round(min(width_s * usable_fps(fps, f"a window of {width_s:g} s") / parts, LONGEST_FRAMES))
