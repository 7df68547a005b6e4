"""The command as a user meets it: what it prints, its exit codes, and inference without a study."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nsp_adapters.tables import read_bout_table
from nsp_core.features import CATALOG

Command = Callable[[list[object]], tuple[int, str, str]]
SCALE = ("--fps", 30, "--scale-mm-per-px", 0.5)


def pose_file(study_file: Path, recording: str = "sim01") -> Path:
    (path,) = (study_file.parent / "poses").glob(f"{recording}DLC*.csv")
    return path


def bouts_of(out: Path, behavior: str, recording: str = "sim01") -> pd.DataFrame:
    bouts = read_bout_table(out / "ethograms" / "bouts.csv")
    chosen = (bouts["behavior"] == behavior) & (bouts["recording"] == recording)
    return bouts[chosen].reset_index(drop=True)


def edited_study(study_file: Path, folder: Path, *edit: str) -> Path:
    """Return a copy of a study file, with its recordings where they are, in which one text replaces another."""
    text = study_file.read_text(encoding="utf-8")
    assert edit[0] in text
    data = f"[study]\ndata = '{study_file.parent.as_posix()}'"
    path = folder / "study.toml"
    path.write_text(text.replace("[study]", data).replace(*edit), encoding="utf-8")
    return path


def test_a_run_prints_every_program_with_its_baselines_and_where_things_are(finished_run: Any) -> None:
    for behavior in ("contact", "approach"):
        program = json.loads((finished_run.out / "programs" / f"{behavior}.json").read_text(encoding="utf-8"))
        assert program["text"] in re.sub(r"\s+", " ", finished_run.output)
    assert "gradient boosting" in finished_run.output
    for name in ("programs", "ethograms/bouts.csv", "ethograms/frames.parquet", "scores.json", "manifest.json"):
        assert str(finished_run.out / name) in finished_run.output


def test_an_unknown_key_is_one_line_with_the_closest_known_key(small_study: Path, tmp_path: Path, nsp: Command) -> None:
    bad = edited_study(small_study, tmp_path, "min_confidence", "min_confidense")
    code, output, errors = nsp(["run", bad, "--out", tmp_path / "out"])
    assert (code, output) == (2, "")
    assert re.fullmatch(r"error: .*study\.toml.*min_confidense.*did you mean 'min_confidence'\?.*\n", errors)
    assert not (tmp_path / "out").exists()


def test_a_missing_frame_rate_is_one_line(small_study: Path, tmp_path: Path, nsp: Command) -> None:
    bad = edited_study(small_study, tmp_path, "fps = 30.0\n", "")
    code, _, errors = nsp(["run", bad, "--out", tmp_path / "out"])
    assert code == 2
    assert re.fullmatch(r"error: .*study\.toml.*fps is missing.*\n", errors)


def test_a_study_file_that_is_not_there_is_one_line(tmp_path: Path, nsp: Command) -> None:
    code, _, errors = nsp(["run", tmp_path / "absent.toml", "--out", tmp_path / "out"])
    assert code == 2
    assert re.fullmatch(r"error: .*absent\.toml.*\n", errors)


def test_an_output_folder_that_is_a_file_is_one_line(finished_run: Any, tmp_path: Path, nsp: Command) -> None:
    (tmp_path / "out").write_text("not a folder")
    program = finished_run.out / "programs" / "contact.json"
    code, _, errors = nsp(
        [
            "infer",
            "--program",
            program,
            "--poses",
            pose_file(finished_run.study_file),
            *SCALE,
            "--out",
            tmp_path / "out",
        ]
    )
    assert code == 1
    assert "Traceback" not in errors
    assert "a file stands where a folder is needed" in errors


@pytest.mark.parametrize("behavior", ["contact", "approach"])
def test_inference_without_a_study_gives_the_bouts_of_the_study_s_own_run(
    finished_run: Any, tmp_path: Path, nsp: Command, behavior: str
) -> None:
    program = finished_run.out / "programs" / f"{behavior}.json"
    poses = [pose_file(finished_run.study_file, name) for name in ("sim01", "sim04")]
    code, output, errors = nsp(
        ["infer", "--program", program, "--poses", poses[0], *SCALE, "--out", tmp_path, poses[1]]
    )
    assert (code, output) == (0, f"tables in {tmp_path / 'ethograms'}\n")
    assert "failed" not in errors
    for recording in ("sim01", "sim04"):
        expected = bouts_of(finished_run.out, behavior, recording)
        assert len(expected)
        pd.testing.assert_frame_equal(bouts_of(tmp_path, behavior, recording), expected)


def test_inference_without_a_frame_rate_ends_with_one_line(finished_run: Any, tmp_path: Path, nsp: Command) -> None:
    program = finished_run.out / "programs" / "contact.json"
    code, _, errors = nsp(
        ["infer", "--program", program, "--poses", pose_file(finished_run.study_file), "--out", tmp_path / "out"]
    )
    assert code == 2
    assert re.fullmatch(r"error: .*sim01DLC.*found no frame rate, expected --fps, .*\n", errors)
    assert not (tmp_path / "out").exists()


def test_a_program_in_millimeters_fails_each_file_without_a_scale(
    finished_run: Any, tmp_path: Path, nsp: Command
) -> None:
    program = finished_run.out / "programs" / "approach.json"
    code, output, errors = nsp(
        ["infer", "--program", program, "--poses", pose_file(finished_run.study_file), "--fps", 30, "--out", tmp_path]
    )
    assert (code, output) == (1, ""), "no tables are promised"
    assert re.search(r"^failed sim01: .*scale_mm_per_px", errors, re.MULTILINE)
    assert not (tmp_path / "ethograms" / "bouts.csv").exists()


def test_one_bad_file_does_not_stop_the_others(finished_run: Any, tmp_path: Path, nsp: Command) -> None:
    good = pose_file(finished_run.study_file)
    cut = tmp_path / "cut.csv"
    cut.write_text(good.read_text()[:-100])
    program = finished_run.out / "programs" / "contact.json"
    code, output, errors = nsp(
        ["infer", "--program", program, "--poses", cut, "--poses", good, *SCALE, "--out", tmp_path / "out"]
    )
    assert code == 1
    (line,) = [line for line in errors.splitlines() if line.startswith("failed")]
    assert re.match(r"failed cut: cut\.csv, line 454: found \d+ cells, expected 31 cells", line)
    assert output == f"tables in {tmp_path / 'out' / 'ethograms'}\n"
    pd.testing.assert_frame_equal(bouts_of(tmp_path / "out", "contact"), bouts_of(finished_run.out, "contact"))


def test_roles_let_a_program_read_another_skeleton(finished_run: Any, tmp_path: Path, nsp: Command) -> None:
    renamed = tmp_path / pose_file(finished_run.study_file).name
    renamed.write_text(re.sub(r"\bnose\b", "snout", pose_file(finished_run.study_file).read_text()))
    (tmp_path / "roles.toml").write_text('[roles]\nnose = "snout"\ncenter = "center"\ntail_base = "tail_base"\n')
    command = ["infer", "--program", finished_run.out / "programs" / "contact.json", "--poses", renamed, *SCALE]
    code, _, errors = nsp([*command, "--out", tmp_path / "without"])
    assert code == 1
    assert re.search(r"^failed sim01: .*nose", errors, re.MULTILINE)
    code, _, _ = nsp([*command, "--roles", tmp_path / "roles.toml", "--out", tmp_path / "with"])
    assert code == 0
    pd.testing.assert_frame_equal(bouts_of(tmp_path / "with", "contact"), bouts_of(finished_run.out, "contact"))


def test_two_files_of_one_recording_are_refused_before_anything_is_done(
    finished_run: Any, tmp_path: Path, nsp: Command
) -> None:
    good = pose_file(finished_run.study_file)
    (tmp_path / "again").mkdir()
    again = shutil.copy(good, tmp_path / "again")
    program = finished_run.out / "programs" / "contact.json"
    code, _, errors = nsp(["infer", "--program", program, "--poses", good, *SCALE, "--out", tmp_path / "out", again])
    assert code == 2
    assert "error: --poses: found several pose files for the recording sim01" in errors
    assert not (tmp_path / "out").exists()


def test_a_recording_is_called_as_a_study_would_call_it(finished_run: Any, tmp_path: Path, nsp: Command) -> None:
    packed = tmp_path / "cage3.csv.gz"
    packed.write_bytes(gzip.compress(pose_file(finished_run.study_file).read_bytes(), mtime=0))
    program = finished_run.out / "programs" / "contact.json"
    assert nsp(["infer", "--program", program, "--poses", packed, *SCALE, "--out", tmp_path])[0] == 0
    assert len(bouts_of(tmp_path, "contact", "cage3")) == len(bouts_of(finished_run.out, "contact"))


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "found no such file"), ("{", "found no JSON"), ('{"schema_version": 99}', "schema_version 99")],
)
def test_a_file_that_is_no_program_is_one_line(
    finished_run: Any, tmp_path: Path, nsp: Command, content: str | None, message: str
) -> None:
    program = tmp_path / "program.json"
    if content is not None:
        program.write_text(content)
    code, _, errors = nsp(
        ["infer", "--program", program, "--poses", pose_file(finished_run.study_file), *SCALE, "--out", tmp_path]
    )
    assert code == 2
    assert re.fullmatch(r"error: .*program\.json.*\n", errors)
    assert message in errors


def test_the_doctor_finds_nothing_wrong_and_shows_its_trial(nsp: Command) -> None:
    code, output, _ = nsp(["doctor"])
    assert code == 0, output
    assert output.splitlines()[-1] == "all is well"
    assert re.search(r"^trial: [1-9]\d* bouts of 'contact' in a simulated minute", output, re.MULTILINE)
    assert re.search(r"^torch \d", output, re.MULTILINE)


def test_features_are_listed_with_their_units(nsp: Command) -> None:
    code, output, _ = nsp(["features", "--list"])
    assert code == 0
    for feature in CATALOG:
        assert feature.name in output
    assert "mm/s or bl/s" in output
    assert nsp(["features"])[1] == output


def test_a_feature_is_explained_and_an_unknown_one_answered_with_the_closest(nsp: Command) -> None:
    code, output, _ = nsp(["features", "--explain", "approach_speed"])
    assert code == 0
    for said in ("formula", "unit", "range", "needs", "example", "approach_speed[agent] > 50 mm/s"):
        assert said in output
    code, output, errors = nsp(["features", "--explain", "aproach_speed"])
    assert (code, output) == (2, "")
    assert "did you mean 'approach_speed'?" in errors


def test_features_does_one_thing_at_a_time(nsp: Command) -> None:
    code, _, errors = nsp(["features", "--list", "--explain", "speed"])
    assert code == 2
    assert "give one of --list, --explain and --page" in re.sub(r"[\s│]+", " ", errors)
