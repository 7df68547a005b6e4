"""nsp agreement as a user meets it: what it prints, writes and refuses, and the known figures of real annotators."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from nsp_adapters.annotations.detect import read_annotation_file
from nsp_core.labels import Behavior, frame_states

Command = Callable[[list[object]], tuple[int, str, str]]
# Ben starts a second later than anna and ends with her, and misses her last bout; cleo annotated one recording.
BOUTS = """recording,annotator,behavior,start_frame,stop_frame
1,anna,attack,60,120
1,anna,attack,200,260
1,anna,attack,400,450
1,ben,attack,90,120
1,ben,attack,230,260
1,cleo,attack,60,120
1,cleo,chase,300,400
2,anna,attack,100,180
2,ben,attack,130,180
"""


@pytest.fixture
def bouts(tmp_path: Path) -> Path:
    path = tmp_path / "all.csv"
    path.write_text(BOUTS)
    return path


def states(intervals: list[tuple[int, int]], n_frames: int = 500) -> np.ndarray:
    found = np.zeros(n_frames, dtype=int)
    for start, stop in intervals:
        found[start:stop] = 1
    return found


def test_tables_are_printed_and_written(bouts: Path, tmp_path: Path, nsp: Command) -> None:
    out = tmp_path / "out"
    code, output, errors = nsp(["agreement", bouts, "--fps", 30, "--n-frames", 500, "--out", out])
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0] == f"read    {bouts} as bout-csv"
    assert "note    chase: no two annotators looked for it in a recording" in lines
    assert "anna                2      33.3   25.0 %      4" in lines
    (pair,) = (line for line in lines if line.startswith("anna") and " ben " in line)
    assert pair.split()[2:7] == ["33.3", "86.0", "%", "69.5", "%"]
    assert "-1.00 (-1.00 to -1.00)" in pair
    assert "anna's bouts start 1.00 s earlier than ben's" in lines
    assert any(line.startswith("all together: Fleiss' kappa 0.") for line in lines)
    assert lines[-4:] == [f"table {out / name}" for name in ("annotators.csv", "pairs.csv", "behaviors.csv",
                                                            "assumptions.csv")]  # fmt: skip
    table = pd.read_csv(out / "pairs.csv")
    anna = np.concatenate([states([(60, 120), (200, 260), (400, 450)]), states([(100, 180)])])
    ben = np.concatenate([states([(90, 120), (230, 260)]), states([(130, 180)])])
    assert table["kappa"][0] == pytest.approx(cohen_kappa_score(anna, ben), abs=1e-4)
    assert table["bout_f1"][0] == pytest.approx(2 * 3 / (4 + 3), abs=1e-4)
    assert table["onset_first_minus_second_s"][0] == -1.0
    assert table["onset_interval_over"].fillna("").tolist() == ["recordings", "", ""]
    assert pd.read_csv(out / "behaviors.csv")["fleiss_n_raters"].tolist() == [3]
    assert "chase: no two annotators" in (out / "assumptions.csv").read_text()


def test_the_same_input_gives_the_same_bytes(bouts: Path, tmp_path: Path, nsp: Command) -> None:
    for name in ("one", "two"):
        assert nsp(["agreement", bouts, "--fps", 30, "--out", tmp_path / name])[0] == 0
    for table in ("annotators.csv", "pairs.csv", "behaviors.csv", "assumptions.csv"):
        assert (tmp_path / "one" / table).read_bytes() == (tmp_path / "two" / table).read_bytes()


def test_a_stricter_match_leaves_bouts_out(bouts: Path, nsp: Command) -> None:
    command = ["agreement", bouts, "--fps", 30, "--n-frames", 500, "--annotator", "anna", "--annotator", "ben"]
    strict = nsp([*command, "--overlap", 0.6])[1]
    assert "at least 60 % of both together" in strict
    (pair,) = (line for line in strict.splitlines() if line.startswith("anna") and " ben " in line)
    # Two of the three matches share exactly half; what is left is one bout, whose onset has no interval.
    assert " 0.29 " in pair
    assert "(" not in pair.split("0.29")[1]


@pytest.mark.parametrize("name", ["most.boris", "most.csv"])
def test_a_consensus_is_written_and_read_again(bouts: Path, tmp_path: Path, nsp: Command, name: str) -> None:
    command = ["agreement", bouts, "--fps", 30, "--n-frames", 500, "--behavior", "attack", "--consensus"]
    code, output, _ = nsp([*command, tmp_path / name])
    assert code == 0
    kind = "boris-project" if name.endswith("boris") else "bout-csv"
    assert output.splitlines()[-1] == f"written {tmp_path / name} as {kind}: consensus of 2 recordings"
    read = read_annotation_file(tmp_path / name, fps=30.0)
    by_recording = {one.recording: one for one in read.labels}
    assert {one.annotator for one in read.labels} == {"consensus"}
    first = frame_states(by_recording["1"], Behavior("attack", "undirected"), 500)
    assert ((first == 1) == (states([(60, 120), (230, 260)]) == 1)).all()
    if kind == "boris-project":
        # Anna and ben are tied where cleo did not look, and in recording 2: unlabeled, not absent.
        second = frame_states(by_recording["2"], Behavior("attack", "undirected"), 500)
        expected = states([(130, 180)]) - states([(100, 130)])
        np.testing.assert_array_equal(second, expected)


def test_unanimity_leaves_more_frames_unlabeled(bouts: Path, tmp_path: Path, nsp: Command) -> None:
    out = tmp_path / "all.boris"
    command = ["agreement", bouts, "--fps", 30, "--n-frames", 500, "--behavior", "attack", "--unanimous"]
    assert nsp([*command, "--consensus", out])[0] == 0
    labels = read_annotation_file(out, fps=30.0).labels[0]
    found = frame_states(labels, Behavior("attack", "undirected"), 500)
    said = np.stack([
        states([(60, 120), (200, 260), (400, 450)]),
        states([(90, 120), (230, 260)]),
        states([(60, 120)]),
    ])  # fmt: skip
    expected = np.where(said.min(axis=0) == said.max(axis=0), said[0], -1)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--behavior", "atack"],
            "nobody who looked for 'atack', expected one of attack, chase; did you mean 'attack'?",
        ),
        (["--behavior", "chase"], "one annotator who looked for chase, cleo, expected two or more of the same record"),
        (["--annotator", "anna"], "one annotator, anna, expected two or more"),
        (["--from", "bout-scv"], "found format 'bout-scv' (closest: 'bout-csv')"),
        (["--n-frames", "300"], "expected frames within [0, 300)"),
        (["--overlap", "0"], "overlap = 0.0, expected a share above 0 and up to 1"),
        (["--consensus", "most.txt"], "the file name 'most.txt', whose ending tells no format"),
        (["--consensus", "{bouts}"], "one of the annotation files, expected another file"),
        (["--annotators-of", "attack"], "no per-frame-csv among all.csv (bout-csv)"),
    ],
)
def test_what_cannot_be_done_is_one_line(bouts: Path, nsp: Command, options: list[str], message: str) -> None:
    given = [option.format(bouts=bouts) for option in options]
    code, _, errors = nsp(["agreement", bouts, "--fps", 30, *given])
    assert code == 2
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert message in errors
    assert bouts.read_text() == BOUTS


def test_annotators_who_never_looked_at_the_same_frames_are_refused(tmp_path: Path, nsp: Command) -> None:
    path = tmp_path / "halves.csv"
    rows = [f"{'01'[number % 2]},-1" for number in range(20)] + [f"-1,{'01'[number % 2]}" for number in range(20)]
    path.write_text("\n".join(["anna,ben", *rows]))
    code, _, errors = nsp(["agreement", path, "--fps", 30, "--annotators-of", "attack", "--n-frames", 40])
    assert code == 2
    assert "no frame in which two of anna, ben looked for attack" in errors


def test_annotators_of_other_behaviors_have_nothing_in_common(tmp_path: Path, nsp: Command) -> None:
    path = tmp_path / "all.csv"
    header = "recording,annotator,behavior,start_frame,stop_frame"
    path.write_text(f"{header}\n1,anna,attack,0,9\n1,ben,fight,0,9\n")
    code, _, errors = nsp(["agreement", path, "--fps", 30])
    assert code == 2
    assert "no behavior that two annotators looked for in a recording: attack, fight" in errors
    code, output, _ = nsp(["agreement", path, "--fps", 30, "--looked-for", "attack"])
    assert code == 0
    assert "note    fight: no two annotators looked for it in a recording" in output


def figures(nsp: Command, out: Path, *arguments: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of pairs, by behavior and annotators, and of behaviors."""
    code, _, errors = nsp(["agreement", *arguments, "--out", out])
    assert (code, errors) == (0, "")
    pairs = pd.read_csv(out / "pairs.csv").set_index(["behavior", "first", "second"])
    return pairs, pd.read_csv(out / "behaviors.csv").set_index("behavior")


@pytest.mark.real_data
def test_annotators_agree_with_themselves_more_than_with_each_other(
    tmp_path: Path, nsp: Command, nsp_data: Path
) -> None:
    files = sorted((nsp_data / "ethome_adult_juvenile").glob("annot_*.csv"))
    pairs, together = figures(nsp, tmp_path, *files, "--fps", 30)
    kappa = {(first[6:-5], second[6:-5]): round(value, 2) for (_, first, second), value in pairs["kappa"].items()}
    assert kappa == {
        ("brett_initial", "brett_reannotation"): 0.85,
        ("donnie_initial", "donnie_reannotation"): 0.84,
        ("brett_initial", "donnie_initial"): 0.77,
        ("brett_initial", "donnie_reannotation"): 0.80,
        ("brett_reannotation", "donnie_initial"): 0.74,
        ("brett_reannotation", "donnie_reannotation"): 0.77,
    }
    assert together["krippendorff_alpha"]["interact"] == pytest.approx(0.796, abs=1e-3)
    shares = pd.read_csv(tmp_path / "annotators.csv")
    assert shares["prevalence"].between(0.10, 0.12).all()
    assert shares["n_bouts"].tolist() == [10, 10, 14, 15]


@pytest.mark.real_data
def test_experts_agree_and_a_novice_less(tmp_path: Path, nsp: Command, nsp_data: Path) -> None:
    file = nsp_data / "behaviordepot_freezing" / "demo7_labels_4raters.csv"
    pairs, together = figures(nsp, tmp_path, file, "--fps", 50, "--annotators-of", "freezing")
    columns = pd.read_csv(file)
    for (_, first, second), pair in pairs.iterrows():
        assert pair["kappa"] == pytest.approx(cohen_kappa_score(columns[first], columns[second]), abs=1e-4)
        low, high = (0.59, 0.62) if second == "novice" else (0.90, 0.95)
        assert low < pair["kappa"] < high
        # The novice also stops late by more than half a second, and sees half as many bouts.
        assert (pair["offset_high_s"] < -0.4) == (second == "novice")
        assert (pair["bout_f1"] < 0.5) == (second == "novice")
    assert together["fleiss_n_frames"]["freezing"] == 19541
    assert together["fleiss_kappa"]["freezing"] == pytest.approx(0.756, abs=1e-3)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "n_recordings", "kappa", "alpha"),
    [
        ("AllEPMLables.csv", 5, {"Grooming": (0.88, 0.93), "Head Dip": (0.75, 0.80), "Protected Stretch": (0.41, 0.58),
                                 "Rearing": (0.64, 0.78), "Unprotected Stretch": (0.28, 0.53)},
         {"Grooming": 0.90, "Protected Stretch": 0.50}),
        ("AllFSTLables.csv", 10, {"Floating": (0.42, 0.69)}, {"Floating": 0.54}),
        ("AllLabDataOFT_final.csv", 20, {"Supported": (0.85, 0.90), "Unsupported": (0.68, 0.76),
                                         "Grooming": (0.68, 0.74), "Jumping": (0.68, 0.81)},
         {"Supported": 0.87, "Unsupported": 0.71}),
    ],
)  # fmt: skip
def test_raters_of_three_mazes(
    tmp_path: Path,
    nsp: Command,
    nsp_data: Path,
    name: str,
    n_recordings: int,
    kappa: dict[str, tuple[float, float]],
    alpha: dict[str, float],
) -> None:
    file = nsp_data / "sturman_multiannotator_labels" / name
    pairs, together = figures(nsp, tmp_path, file, "--fps", 25)
    assert set(together.index) == set(kappa)
    # Second passes of a rater over one recording stand beside the raters.
    raters = pairs[~pairs.index.get_level_values("first").str.contains("(", regex=False)]
    raters = raters[~raters.index.get_level_values("second").str.contains("(", regex=False)]
    assert raters["n_recordings"].max() == n_recordings
    for behavior, (low, high) in kappa.items():
        assert raters.loc[behavior]["kappa"].between(low, high).all()
        assert (raters.loc[behavior]["bout_f1"] > raters.loc[behavior]["bout_f1_by_chance"] + 0.2).all()
        assert (raters.loc[behavior]["kappa_low"] <= raters.loc[behavior]["kappa"]).all()
    for behavior, value in alpha.items():
        assert together["krippendorff_alpha"][behavior] == pytest.approx(value, abs=0.01)
    assert not math.isnan(together["fleiss_kappa"].sum())
