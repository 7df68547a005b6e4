"""Scans over blocks of a window's width, by which sums and extremes of sliding windows take time O(frames).

Cut the recording into blocks as long as the window, counted from frame 0. Every window then holds exactly one boundary,
the start of a block: what it holds before the boundary is the end of one block, and what it holds from there on is the
start of the next (van Herk 1992; Gil & Werman 1993). A running sum from the start of each block and one from its end
therefore give every window by one addition.

Unlike running sums over a whole recording nothing drifts: a result depends on nothing outside its window, to the bit.
And because blocks are counted from frame 0 of the recording, a chunk that knows its ``first_frame`` and carries the
frames of the window on either side gives the same bits as the whole recording.

References
----------
van Herk 1992, Pattern Recognition Letters 13, 517-521, doi:10.1016/0167-8655(92)90069-C.
Gil & Werman 1993, IEEE TPAMI 15, 504-507, doi:10.1109/34.211471.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsp_core.temporal.span import Window

__all__ = ["Blocks", "Sums", "known_frames", "window_count"]

Sums = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of a window over ``n_frames`` frames of which the first is ``first_frame`` of the recording."""

    n_frames: int
    window: Window
    first_frame: int

    @property
    def _first_start(self) -> int:
        """Index of the first block start; may lie beyond the frames."""
        return -self.first_frame % self.window.width

    @property
    def _starts(self) -> slice:
        return slice(self._first_start, None, self.window.width)

    def origins(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return, for each frame, the index of its block's start and of its block's end, within the frames given."""
        index = np.arange(self.n_frames)
        start = index - (self.first_frame + index) % self.window.width
        return np.maximum(start, 0), np.minimum(start + self.window.width, self.n_frames)

    def from_start(self, values: NDArray[Any], combine: np.ufunc = np.add) -> NDArray[Any]:
        """Return ``values`` (time, ...) accumulated by ``combine`` from the start of each frame's block on."""
        return _scan(values, self._first_start, self.window.width, combine)

    def from_end(self, values: NDArray[Any], combine: np.ufunc = np.add) -> NDArray[Any]:
        """Return ``values`` (time, ...) accumulated by ``combine`` from the end of each frame's block back."""
        head = (self.first_frame + self.n_frames) % self.window.width
        return _scan(values[::-1], head, self.window.width, combine)[::-1]

    def after_boundary(self, scan: NDArray[Any], neutral: float = 0.0) -> NDArray[Any]:
        """Return, for each window, the part from its boundary on, out of a scan from block starts."""
        ahead, n = self.window.after, self.n_frames
        part = np.empty_like(scan)
        inside = max(n - ahead, 0)
        part[:inside] = scan[ahead:]
        # Beyond the last frame a block adds nothing, and a block that starts there is empty.
        room = -(self.first_frame + n) % self.window.width
        filled = min(max(n + room - ahead, 0), n)
        part[inside:filled] = scan[-1:]
        part[filled:] = neutral
        return part

    def before_boundary(self, scan: NDArray[Any], neutral: float = 0.0) -> NDArray[Any]:
        """Return, for each window, the part before its boundary, out of a scan from block ends (overwritten)."""
        behind, n = self.window.before, self.n_frames
        part = np.empty_like(scan)
        outside = min(behind, n)
        # A window that starts with a block is that block: nothing of it lies before the boundary.
        scan[self._starts] = neutral
        part[outside:] = scan[: n - outside]
        # The block of frame 0 has ``lead`` frames before it; a window from the first of them on starts with a block.
        lead = self.first_frame % self.window.width
        filled = max(min(behind - lead + 1, n), 0) if lead else outside
        part[filled:outside] = scan[:1]
        part[:filled] = neutral
        return part

    def total(self, values: NDArray[Any], combine: np.ufunc = np.add, neutral: float = 0.0) -> NDArray[Any]:
        """Return ``values`` (time, ...) accumulated by ``combine`` over the window at each frame."""
        part = self.before_boundary(self.from_end(values, combine), neutral)
        combine(part, self.after_boundary(self.from_start(values, combine), neutral), out=part)
        return part


def known_frames(valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return ``valid``, or one column standing for all of them where nothing is missing: counting it costs less."""
    return np.ones((len(valid), *[1] * (valid.ndim - 1)), dtype=bool) if valid.all() else valid


def window_count(flags: NDArray[np.bool_], window: Window) -> NDArray[np.integer]:
    """Return the number of true ``flags`` (time, ...) in the window at each frame; integers do not drift."""
    n_frames = len(flags)
    dtype = np.int32 if n_frames < np.iinfo(np.int32).max else np.int64
    running = np.zeros((n_frames + 1, *flags.shape[1:]), dtype=dtype)
    np.cumsum(flags, axis=0, dtype=dtype, out=running[1:])
    count = np.empty(flags.shape, dtype=dtype)
    inside = max(n_frames - window.after, 0)
    count[:inside] = running[window.after + 1 :]
    count[inside:] = running[-1]
    count[window.before :] -= running[: max(n_frames - window.before, 0)]
    return count


def _scan(values: NDArray[Any], head: int, width: int, combine: np.ufunc) -> NDArray[Any]:
    """Accumulate along axis 0, anew at frames ``head``, ``head + width``, ...; floats are summed in float64."""
    dtype = np.float64 if combine is np.add else values.dtype
    n_frames, following = len(values), values.shape[1:]
    head = min(head, n_frames)
    n_blocks = (n_frames - head) // width
    tail = head + n_blocks * width
    scan = np.empty(values.shape, dtype=dtype)
    for part in (slice(0, head), slice(tail, n_frames)):
        if part.stop > part.start:
            combine.accumulate(values[part], axis=0, dtype=dtype, out=scan[part])
    if n_blocks:
        blocks = (n_blocks, width, *following)
        combine.accumulate(values[head:tail].reshape(blocks), axis=1, dtype=dtype, out=scan[head:tail].reshape(blocks))
    return scan
