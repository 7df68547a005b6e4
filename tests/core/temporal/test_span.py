from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsp_core.errors import ProgramError
from nsp_core.temporal.span import LONGEST_FRAMES, Window, usable_fps

CONSTRUCTORS = [Window.centered, Window.past, Window.future]


@given(width_s=st.floats(0.01, 100), fps=st.floats(1, 1000))
def test_seconds_become_the_nearest_whole_frames(width_s: float, fps: float) -> None:
    n = max(round(width_s * fps), 1)
    assert Window.past(width_s, fps) == Window(n - 1, 0)
    assert Window.future(width_s, fps) == Window(0, n - 1)
    assert Window.past(width_s, fps).width == n
    half = round(width_s * fps / 2)
    assert Window.centered(width_s, fps) == Window(half, half)


@pytest.mark.parametrize("constructor", CONSTRUCTORS)
def test_a_window_shorter_than_a_frame_is_the_frame(constructor: type[Window]) -> None:
    assert constructor(0.001, 30.0) == Window(0, 0)


@pytest.mark.parametrize("constructor", CONSTRUCTORS)
def test_a_window_longer_than_any_recording_stays_countable(constructor: type[Window]) -> None:
    assert constructor(1e300, 1e9).width <= 2 * LONGEST_FRAMES + 1


@pytest.mark.parametrize("constructor", CONSTRUCTORS)
@pytest.mark.parametrize(
    ("width_s", "shown"), [(0.0, "0 s"), (-1.5, "-1.5 s"), (math.nan, "nan s"), (math.inf, "inf s")]
)
def test_a_width_that_is_no_length_of_time_is_refused(constructor: type[Window], width_s: float, shown: str) -> None:
    with pytest.raises(ProgramError, match=f"found a window of {shown}, expected a positive, finite width"):
        constructor(width_s, 30.0)


@pytest.mark.parametrize("constructor", CONSTRUCTORS)
def test_seconds_need_a_frame_rate(constructor: type[Window]) -> None:
    with pytest.raises(ProgramError, match=r"a window of 0.5 s, and no frame rate.*state the frame rate \(fps\)"):
        constructor(0.5, None)


@pytest.mark.parametrize("fps", [0.0, -30.0, math.nan, math.inf])
def test_a_frame_rate_that_is_none_is_refused(fps: float) -> None:
    with pytest.raises(ProgramError, match=r"found a frame rate of .* frames/s, expected a positive number"):
        usable_fps(fps, "a window")


@pytest.mark.parametrize(("before", "after"), [(-1, 0), (0, -1)])
def test_a_window_of_negative_frames_is_refused(before: int, after: int) -> None:
    with pytest.raises(ProgramError, match=f"{before} frames before and {after} frames after"):
        Window(before, after)
