"""What conditions mean in time: how long they have held, what follows, where they begin and end, how bouts are shaped.

Every function takes both bounds the same way. Frames outside the recording count as absent. Minima and maxima of
degrees are exact, so a smooth degree cut at any level gives what the exact semantics makes of its parts cut there;
``followed_by`` alone multiplies, as ``and`` does. With ``semantics.prefix`` every frame is read as the last one.

References
----------
Canny 1986, IEEE TPAMI 8, 679-698, doi:10.1109/TPAMI.1986.4767851 (two thresholds: hysteresis).
Hillis & Steele 1986, CACM 29, 1170-1183, doi:10.1145/7902.7903 (scan by doubling).
Maler & Nickovic 2004, FORMATS, 152-166, doi:10.1007/978-3-540-30206-3_12 (bounded past and future of conditions).
Serra 1982, Image Analysis and Mathematical Morphology (opening and closing).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from nsp_core.dsl.ast import FillGaps, FollowedBy, MinBout, Node, Sustained, Within
from nsp_core.dsl.logic import all_of
from nsp_core.dsl.values import Semantics, Series, Truth, duration_frames, frames_seen
from nsp_core.temporal.span import Window
from nsp_core.temporal.window import window_max, window_min

__all__ = ["followed", "gaps_filled", "latched", "short_bouts_dropped", "some_within", "sustained"]


def sustained(node: Node, parts: Sequence[Truth], semantics: Semantics) -> Truth:
    """Return the smallest degree over the last frames, as many as the duration has and at least this one."""
    assert isinstance(node, Sustained)
    ((low, high),) = parts
    n_frames = duration_frames(node.shortest, semantics.fps)
    return _least_of_last(low, n_frames), _least_of_last(high, n_frames)


def some_within(node: Node, parts: Sequence[Truth], semantics: Semantics) -> Truth:
    """Return the largest degree over the window at each frame."""
    assert isinstance(node, Within)
    ((low, high),) = parts
    window = frames_seen(node, semantics)
    return window_max(low, window), window_max(high, window)


def followed(node: Node, parts: Sequence[Truth], semantics: Semantics) -> Truth:
    """Return the first part and the largest degree of the second over the frames that follow, joined as by ``and``."""
    assert isinstance(node, FollowedBy)
    first, (low, high) = parts
    n_frames = 0 if semantics.prefix else duration_frames(node.longest, semantics.fps)
    return all_of(node, [first, (_most_of_next(low, n_frames), _most_of_next(high, n_frames))], semantics)


def latched(node: Node, parts: Sequence[Truth], semantics: Semantics) -> Truth:
    """Return ``s(t) = max(enter(t), min(stay(t), s(t - 1)))``, with nothing before the first frame."""
    (enter_low, enter_high), (stay_low, stay_high) = parts
    return _latch(enter_low, stay_low), _latch(enter_high, stay_high)


def gaps_filled(node: Node, parts: Sequence[Truth], semantics: Semantics) -> Truth:
    """Return the gray-scale closing: degrees in a gap rise to the lower of its two sides."""
    assert isinstance(node, FillGaps)
    ((low, high),) = parts
    if semantics.prefix:
        return low, high  # a gap that ends with the recording has no second side
    width = duration_frames(node.longest, semantics.fps) + 1
    return _closing(low, width), _closing(high, width)


def short_bouts_dropped(node: Node, parts: Sequence[Truth], semantics: Semantics) -> Truth:
    """Return the gray-scale opening: degrees in a short bout fall to the higher of its two sides."""
    assert isinstance(node, MinBout)
    ((low, high),) = parts
    width = duration_frames(node.shortest, semantics.fps)
    if semantics.prefix:  # a bout that ends with the recording has lasted until now
        return _least_of_last(low, width), _least_of_last(high, width)
    return _opening(low, width), _opening(high, width)


def _least_of_last(degree: Series, n_frames: int) -> Series:
    # Frames before the first are absent, and no window needs more of them than the recording is long.
    before = min(max(n_frames, 1) - 1, len(degree))
    padded = np.pad(degree, [(before, 0), *[(0, 0)] * (degree.ndim - 1)])
    return window_min(padded, Window(before, 0))[before:]


def _most_of_next(degree: Series, n_frames: int) -> Series:
    most = np.zeros_like(degree)
    if n_frames > 0:
        most[:-1] = window_max(degree, Window(0, n_frames - 1))[1:]
    return most


def _latch(enter: Series, stay: Series) -> Series:
    """Return the recurrence of :func:`latched` by doubling: the maps ``s -> max(e, min(k, s))`` compose into such maps.

    After the step of length ``d`` each ``e`` and ``k`` stand for the ``2 d`` frames that end with theirs.
    """
    present, kept = enter.copy(), stay.copy()
    step = 1
    while step < len(present):
        present[step:] = np.maximum(present[step:], np.minimum(kept[step:], present[:-step]))
        kept[step:] = np.minimum(kept[step:], kept[:-step])
        step *= 2
    return present


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
