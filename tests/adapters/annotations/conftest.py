"""What tests of annotation formats share: bouts as Hypothesis draws them, and a way to write a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from nsp_core.labels import Bout, RecordingLabels


@st.composite
def _labels(draw: st.DrawFn, *, touching: bool, exclusive: bool, behaviors: tuple[str, ...]) -> RecordingLabels:
    """Labels of one recording, whole observed: bouts of one frame, at the first and the last frame, side by side."""
    n_frames = draw(st.integers(1, 400))
    bouts: list[Bout] = []
    frame = 0
    for behavior in behaviors:
        if not exclusive:
            frame = 0
        while frame < n_frames and draw(st.booleans()):
            start = frame + draw(st.integers(0 if touching else 1, 20)) * (frame > 0 or draw(st.booleans()))
            stop = min(n_frames, start + draw(st.sampled_from([1, 1, 2, 7, 400])))
            if start >= stop:
                break
            bouts.append(Bout(behavior, start, stop))
            frame = stop
    return RecordingLabels("rec", "anna", tuple(bouts), dict.fromkeys(behaviors, ((0, n_frames),)))


@pytest.fixture(scope="session")
def drawn_labels() -> Callable[..., st.SearchStrategy[RecordingLabels]]:
    """Strategy of labels: ``drawn_labels(touching=..., exclusive=...)``; length in the observed span."""

    def strategy(
        *, touching: bool = True, exclusive: bool = False, behaviors: tuple[str, ...] = ("attack", "sniff")
    ) -> st.SearchStrategy[RecordingLabels]:
        return _labels(touching=touching, exclusive=exclusive, behaviors=behaviors)

    return strategy


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file: ``write(text, name)``."""

    def write(content: str | bytes, name: str = "cage3.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def write_events(write: Callable[..., Path]) -> Callable[..., Path]:
    """Write a BORIS table: ``write_events(text, name)``."""

    def write_events(text: str, name: str = "events.csv") -> Path:
        return write(text, name)

    return write_events
