"""nsp convert as a user meets it: what it prints, what it refuses, and real files there and back."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[[list[object]], tuple[int, str, str]]
BOUTS = """recording,individual,target,behavior,start_frame,stop_frame,annotator
cage3,resident,intruder,attack,0,30,anna
cage3,resident,intruder,attack,60,90,anna
cage3,,,rearing,40,41,anna
"""


@pytest.fixture
def bouts(tmp_path: Path) -> Path:
    path = tmp_path / "cage3.csv"
    path.write_text(BOUTS)
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def frames(path: Path) -> list[tuple[str, int, int]]:
    return sorted((row["behavior"], int(row["start_frame"]), int(row["stop_frame"])) for row in rows(path))


def test_everything_assumed_and_left_out_is_printed(bouts: Path, tmp_path: Path, nsp: Command) -> None:
    out = tmp_path / "cage3.simba"
    code, output, errors = nsp(["convert", bouts, "--to", out, "--as", "simba-bouts", "--fps", 30])
    assert (code, errors) == (0, "")
    assert output == (
        f"read    {bouts} as bout-csv\n"
        "assumed cage3, anna: attack, rearing looked for in every frame of [0, 90), which ends with the last frame "
        "mentioned because the length of the recording is not stated\n"
        "\n"
        "recording  annotator  behavior  bouts  points  observed s\n"
        "cage3      anna       attack        2       0         3.0\n"
        "cage3      anna       rearing       1       0         3.0\n"
        "\n"
        "note    simba-bouts names no annotator: anna is left out\n"
        "note    simba-bouts names no animals: resident to intruder is left out\n"
        "note    simba-bouts lists what was seen: where somebody looked, and for what, is left out\n"
        f"written {out} as simba-bouts\n"
    )
    assert [(row["Event"], row["Start_frame"], row["End_frame"]) for row in rows(out)] == [
        ("attack", "0", "29"),
        ("attack", "60", "89"),
        ("rearing", "40", "40"),
    ]


def test_length_and_what_was_looked_for_are_taken_at_the_user_s_word(bouts: Path, tmp_path: Path, nsp: Command) -> None:
    command = ["convert", bouts, "--to", tmp_path / "cage3.boris", "--fps", 30, "--n-frames", 300]
    code, output, _ = nsp([*command, "--looked-for", "chase", "--video", tmp_path / "cage3.mp4"])
    assert code == 0
    assert f"assumed there is no video {tmp_path / 'cage3.mp4'} here: only its name is used\n" in output
    assert "cage3      anna       chase         0       0        10.0\n" in output
    assert "note" not in output
    code, output, _ = nsp(
        ["convert", tmp_path / "cage3.boris", "--to", tmp_path / "back.csv", "--as", "bout-csv", "--fps", 30]
    )
    assert code == 0
    assert sorted(BOUTS.splitlines()) == sorted((tmp_path / "back.csv").read_text().splitlines())


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "out.csv",
            [],
            "found the file name 'out.csv', whose ending tells no format, expected one of the formats bori",
        ),
        ("out.csv", ["--as", "simba"], "found format 'simba' (closest: 'simba-bouts')"),
        ("out.boris", ["--from", "bout-scv"], "found format 'bout-scv' (closest: 'bout-csv')"),
        ("out.boris", ["--recording", "cage9"], "found no recording 'cage9', expected one of cage3"),
        ("out.boris", ["--n-frames", "50"], "found attack over frames [60, 90), expected frames within [0, 50)"),
        ("cage3.csv", ["--as", "bout-csv"], "found the annotation file itself, expected another file"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(
    bouts: Path, tmp_path: Path, nsp: Command, name: str, options: list[object], message: str
) -> None:
    code, output, errors = nsp(["convert", bouts, "--to", tmp_path / name, "--fps", 30, *options])
    assert (code, output) == (2, "")
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert message in errors
    assert [path.name for path in tmp_path.iterdir()] == ["cage3.csv"]
    assert bouts.read_text() == BOUTS


def test_columns_of_raters_are_said_to_be_taken_for_behaviors(tmp_path: Path, nsp: Command) -> None:
    source = tmp_path / "cage3.csv"
    source.write_text("frame,anna,ben\n0,1,0\n1,1,1\n")
    code, output, _ = nsp(["convert", source, "--to", tmp_path / "cage3.boris", "--fps", 30])
    assert code == 0
    assert (
        "assumed cage3.csv: each column is taken as a behavior: anna, ben; columns of one behavior by several "
        "annotators are read by nsp agreement --annotators-of NAME\n"
    ) in output


def test_a_per_frame_csv_is_written_and_read_back(bouts: Path, tmp_path: Path, nsp: Command) -> None:
    table, back = tmp_path / "table.csv", tmp_path / "back.csv"
    assert nsp(["convert", bouts, "--to", table, "--as", "per-frame-csv", "--fps", 30, "--n-frames", 100])[0] == 0
    assert table.read_text().splitlines()[:2] == ["frame,attack,rearing", "0,1,0"]
    assert len(table.read_text().splitlines()) == 101
    assert nsp(["convert", table, "--to", back, "--as", "bout-csv", "--fps", 30])[0] == 0
    assert frames(back) == frames(bouts)


def test_a_frame_rate_that_is_none_is_refused(bouts: Path, tmp_path: Path, nsp: Command) -> None:
    code, _, errors = nsp(["convert", bouts, "--to", tmp_path / "out.boris", "--fps", 0])
    assert code == 2
    assert "found fps = 0.0, expected the frames per second of the video" in errors


@pytest.mark.real_data
def test_the_video_says_how_long_the_recording_is(bouts: Path, tmp_path: Path, nsp: Command, nsp_data: Path) -> None:
    video = nsp_data / "amadeus_mabe_video" / "MABe" / "EGS8X2MN4SSUGFWAV976.mp4"
    command = ["convert", bouts, "--to", tmp_path / "cage3_labels.csv", "--as", "deepethogram", "--video", video]
    code, output, _ = nsp([*command, "--fps", 30])
    assert code == 0
    assert "looked for in every frame of [0, 1801)\n" in output
    assert len(rows(tmp_path / "cage3_labels.csv")) == 1801
    output = nsp([*command, "--fps", 30.01, "--n-frames", 1800])[1]
    assert f"assumed {video.name} has 30 frames per second (30): taken instead of 30.01\n" in output
    assert f"assumed {video.name} has 1801 frames: the 1800 stated are taken\n" in output
    code, _, errors = nsp([*command, "--fps", 25])
    assert code == 2
    assert "found 30 frames per second (30), expected the stated fps = 25" in errors


@pytest.mark.real_data
def test_a_real_boris_table_becomes_a_project_and_comes_back(tmp_path: Path, nsp: Command, nsp_data: Path) -> None:
    source = nsp_data / "ethome_adult_juvenile" / "annot_brett_initial_DLC3.csv"
    assert nsp(["convert", source, "--to", tmp_path / "DLC3.boris", "--fps", 30])[0] == 0
    back = tmp_path / "DLC3.csv"
    assert nsp(["convert", tmp_path / "DLC3.boris", "--to", back, "--as", "bout-csv", "--fps", 30])[0] == 0
    # Independently of any reader: the last cells of the rows, START and STOP by turns.
    cells = [line.split(",") for line in source.read_text().splitlines()]
    times = {status: [round(float(row[0]) * 30) for row in cells if row[-1] == status] for status in ("START", "STOP")}
    expected = [("interact", start, stop) for start, stop in zip(times["START"], times["STOP"], strict=True)]
    assert len(expected) == 10
    assert frames(back) == sorted(expected)
    assert {row["individual"] for row in rows(back)} == {"adult"}


@pytest.mark.real_data
def test_real_caltech_streams_become_a_bout_csv(tmp_path: Path, nsp: Command, nsp_data: Path) -> None:
    source = nsp_data / "rats_resident_intruder_dlc" / "labels" / "10_annot.txt"
    code, output, _ = nsp(["convert", source, "--to", tmp_path / "10.csv", "--as", "bout-csv", "--fps", 30])
    assert code == 0
    assert "assumed 10_annot.txt: 'base' means that none of the behaviors happens\n" in output
    lines = (line.split() for line in source.read_text().splitlines())
    cells = [line for line in lines if len(line) == 3 and line[0].isdigit()]
    expected = [(name, int(start) - 1, int(stop)) for start, stop, name in cells if name != "base"]
    assert len(expected) > 20
    assert frames(tmp_path / "10.csv") == sorted(expected)


@pytest.mark.real_data
def test_frames_that_nobody_scored_are_not_observed(tmp_path: Path, nsp: Command, nsp_data: Path) -> None:
    source = nsp_data / "rats_resident_intruder_dlc" / "labels" / "10_annot.txt"
    unscored = ["--unscored", "base", "--unscored-stream", "S1"]
    code, output, _ = nsp(["convert", source, "--to", tmp_path / "10.csv", "--as", "bout-csv", "--fps", 30, *unscored])
    assert code == 0
    assert "assumed" not in output
    # 400 s of every recording were scored, in both streams.
    figures = [line.split() for line in output.splitlines() if line.startswith("10 ")]
    assert len(figures) == 6
    assert {cells[-1] for cells in figures} == {"400.0"}
