from __future__ import annotations

import re
from pathlib import Path

import pytest

from nsp_adapters.study import read_study
from nsp_core.errors import StudyError
from nsp_core.study import Study

STUDY = """
[study]
name = "s"

[tracking]
fps = 30
SCALE

[roles]
nose = "nose"

[arena]
rectangle = [[0, 0], [800, 400]]

[[recordings]]
poses = "*.csv"
role = "infer"
"""


def read(folder: Path, scale: str) -> Study:
    (folder / "a.csv").write_text("")
    file = folder / "study.toml"
    file.write_text(STUDY.replace("SCALE", scale))
    return read_study(file, environment={})


def test_the_scale_is_measured_from_the_size_of_the_arena(tmp_path: Path) -> None:
    study = read(tmp_path, "scale_from = { arena_width_mm = 400, arena_height_mm = 200 }")
    (entry,) = study.recordings
    assert entry.scale_mm_per_px == pytest.approx(0.5)
    assert entry.scale_source == "arena width 400 mm and height 200 mm"
    assert study.length_reference == "mm"


def test_the_scale_is_measured_from_two_points(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, "scale_from = { start = [10, 10], end = [10, 110], length_mm = 25 }").recordings
    assert entry.scale_mm_per_px == pytest.approx(0.25)
    assert "25 mm between two points" in entry.scale_source


def test_a_recording_may_have_a_scale_of_its_own(tmp_path: Path) -> None:
    own = STUDY.replace('role = "infer"', 'role = "infer"\nscale = "unknown"')
    (tmp_path / "a.csv").write_text("")
    (tmp_path / "study.toml").write_text(own.replace("SCALE", "scale_from = { arena_width_mm = 400 }"))
    (entry,) = read_study(tmp_path / "study.toml", environment={}).recordings
    assert entry.scale_mm_per_px is None
    assert entry.scale_source == "unknown"


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        ("scale_from = { arena_width_mm = 400, arena_height_mm = 300 }", "which differ by 50.0 %"),
        ("scale_from = { arena_diameter_mm = 400 }", "found a polygonal arena and diameter_mm"),
        ("scale_from = { start = [0, 0], end = [0, 9] }", "needs either the size of the arena or start, end and"),
        (
            "scale_from = { arena_width_mm = 400, start = [0, 0], end = [0, 9], length_mm = 3 }",
            "needs either the size of the arena or start, end and length_mm, not both",
        ),
        ("scale_from = { start = [0, 0], end = [0, 0], length_mm = 3 }", "found two points 0 px apart"),
        ("scale_from = { arena_width_mm = 400 }\nscale_mm_per_px = 0.5\nscale_source = 'x'", "contradicts the scale"),
        ("scale_from = { arena_widht_mm = 400 }", "did you mean 'arena_width_mm'?"),
        ("scale_from = { arena_width_mm = -1 }", "expected millimeters, a number above 0"),
    ],
)
def test_what_is_wrong_with_the_known_size_is_said_with_its_line(tmp_path: Path, scale: str, message: str) -> None:
    with pytest.raises(StudyError, match=r"study\.toml:7: .*" + re.escape(message)):
        read(tmp_path, scale)


def test_the_size_of_an_arena_that_is_not_drawn_gives_no_scale(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    (tmp_path / "study.toml").write_text(
        STUDY.replace("[arena]\nrectangle = [[0, 0], [800, 400]]\n", "").replace(
            "SCALE", "scale_from = { arena_width_mm = 400 }"
        )
    )
    with pytest.raises(StudyError, match="there is no \\[arena\\] in pixels"):
        read_study(tmp_path / "study.toml", environment={})
