"""A whole run: what it leaves behind, what a rerun keeps, and what bad recordings, kills and real rats do to it."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nsp_adapters.manifest import read_manifest, verify_manifest
from nsp_adapters.study import read_study
from nsp_adapters.tables import iterate_frame_tables, read_bout_table
from nsp_core.program import from_json
from nsp_flows.local import run_locally

BOUT_COLUMNS = [
    "recording", "individual", "target", "behavior", "start_frame", "stop_frame", "start_s", "stop_s", "mean_prob",
]  # fmt: skip
FRAME_COLUMNS = ["recording", "individual", "target", "behavior", "frame", "time_s", "prob"]
RECORDINGS = ["sim01", "sim02", "sim03", "sim04"]
MODELS = {
    "program", "always_positive", "one_threshold", "depth3_tree", "logistic_regression", "gradient_boosting",
    "missingness_only",
}  # fmt: skip
BAD = {
    "cut": ("extract features", r"cutDLC\.csv, line 454: found \d+ cells, expected 31 cells, .*; repair the file"),
    "gone": ("extract features", r".*goneDLC\.csv: found no such file, expected a pose file; correct the path"),
    "unseen": ("extract features", r"unseenDLC\.csv: found no point of mouse2 .*, expected every animal .*; lower"),
    "alone": (
        "extract features",
        r"aloneDLC\.csv: found one animal where .* needs two .*, expected .* two animals; use",
    ),
    "unlabeled": (
        "read labels",
        r".*unlabeled\.csv: found no such file, expected an annotation file; correct the path",
    ),
    "longer": ("read labels", r".*longer\.csv: found labels up to frame 960 .*, expected at most 454 frames; check"),
    "grooming": (
        "search programs",
        r".*: found 0 frames with the behavior .*, expected some of both; annotate more",
    ),
}
KILLED_RUN = """
import sys
from pathlib import Path
from nsp_adapters.study import read_study
from nsp_flows.local import run_locally
run_locally(read_study(Path(sys.argv[1]), environment={}), Path(sys.argv[2]), n_workers=1)
"""


def values(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def frames_of(out: Path) -> pd.DataFrame:
    return pd.concat(list(iterate_frame_tables(out / "ethograms" / "frames.parquet")), ignore_index=True)


def test_every_behavior_has_a_program_file_that_reads_back(finished_run: Any) -> None:
    assert sorted(path.name for path in (finished_run.out / "programs").iterdir()) == ["approach.json", "contact.json"]
    for behavior, kind in (("contact", "undirected"), ("approach", "directed")):
        program = values(finished_run.out / "programs" / f"{behavior}.json")
        artifact = from_json(program)
        assert artifact.text == program["text"]
        assert program["behavior"] == {"name": behavior, "kind": kind}
        assert program["complexity"] <= 4
        assert program["length_reference"] == "mm"


def test_bouts_are_the_same_in_parquet_and_csv(finished_run: Any) -> None:
    folder = finished_run.out / "ethograms"
    bouts = read_bout_table(folder / "bouts.parquet")
    assert list(bouts.columns) == BOUT_COLUMNS
    assert (folder / "bouts.csv").read_text().splitlines()[0] == ",".join(BOUT_COLUMNS)
    pd.testing.assert_frame_equal(read_bout_table(folder / "bouts.csv"), bouts, atol=1e-4)
    assert list(bouts["recording"].unique()) == RECORDINGS
    assert set(bouts["behavior"]) == {"contact", "approach"}
    assert bouts["mean_prob"].between(0, 1).all()


def test_a_dyad_is_named_in_order_and_an_agent_before_its_target(finished_run: Any) -> None:
    bouts = read_bout_table(finished_run.out / "ethograms" / "bouts.parquet")
    who = {
        behavior: set(zip(rows["individual"], rows["target"], strict=True))
        for behavior, rows in bouts.groupby("behavior")
    }
    assert who["contact"] == {("mouse1", "mouse2")}
    assert who["approach"] == {("mouse1", "mouse2"), ("mouse2", "mouse1")}


def test_frames_have_a_row_per_recording_behavior_dyad_and_frame(finished_run: Any) -> None:
    frames = frames_of(finished_run.out)
    assert list(frames.columns) == FRAME_COLUMNS
    counts = frames.groupby(["recording", "behavior", "individual"]).size()
    assert len(counts) == 4 * 3
    assert (counts == 450).all()
    assert frames["prob"].dropna().between(0, 1).all()
    assert frames.loc[frames["frame"] == 30, "time_s"].eq(1.0).all()


def test_scores_stand_by_behavior_model_and_split(finished_run: Any) -> None:
    scores = values(finished_run.out / "scores.json")
    assert set(scores) == {"contact", "approach"}
    for models in scores.values():
        assert set(models) == MODELS
        for splits in models.values():
            assert set(splits) >= {"validation", "test"}
            for one in splits.values():
                assert {"f1", "ap", "precision", "recall", "coverage", "n_pos", "n", "seed"} <= set(one)
                assert 0 < one["n_pos"] < one["n"]
        assert models["program"]["validation"]["f1"] > models["always_positive"]["validation"]["f1"]


def test_the_manifest_verifies_and_nothing_failed(finished_run: Any) -> None:
    manifest = read_manifest(finished_run.out / "manifest.json")
    assert verify_manifest(finished_run.out / "manifest.json") == []
    assert list(manifest.inputs) == RECORDINGS
    assert {"scores.json", "ethograms/bouts.csv", "programs/contact.json"} <= set(manifest.outputs)
    assert manifest.programs == {
        name: values(finished_run.out / "programs" / f"{name}.json")["program_id"] for name in ("contact", "approach")
    }
    assert (finished_run.out / "failures.csv").read_text() == "subject,stage,error\n"
    assert not list(finished_run.out.rglob(".*")), "no temporary is left"


def test_a_rerun_does_no_work_twice_and_changes_no_byte(
    finished_run: Any, tmp_path: Path, contents: Callable[[Path], dict[str, bytes]], nsp: Any
) -> None:
    out = Path(shutil.copytree(finished_run.out, tmp_path / "out"))
    kept = [path for folder in ("recordings", "search", "ethograms/parts") for path in (out / folder).rglob("*")]
    before = {path: path.stat().st_mtime_ns for path in kept}
    code, output, _ = nsp(["run", finished_run.study_file, "--out", out, "--workers", 1])
    assert code == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == before
    assert contents(out) == contents(finished_run.out)
    assert "failed" not in output


def test_bad_recordings_are_tabulated_in_one_line_each_with_what_to_do(bad_batch: Any) -> None:
    outcome, out = bad_batch
    assert outcome.exit_code == 1
    table = pd.read_csv(out / "failures.csv")
    assert len((out / "failures.csv").read_text().splitlines()) == 1 + len(table)
    assert set(table["subject"]) == set(BAD)
    for row in table.itertuples():
        stage, message = BAD[row.subject]
        assert row.stage == stage
        assert re.match(message, row.error), row.error


def test_bad_recordings_change_nothing_for_the_others(bad_batch: Any, finished_run: Any) -> None:
    _, out = bad_batch
    assert values(out / "scores.json") == values(finished_run.out / "scores.json")
    for behavior in ("contact", "approach"):
        with_bad, without = (values(one / "programs" / f"{behavior}.json") for one in (out, finished_run.out))
        assert with_bad["program_id"] == without["program_id"]
    bouts, expected = (read_bout_table(one / "ethograms" / "bouts.parquet") for one in (out, finished_run.out))
    others = bouts[bouts["recording"].isin(RECORDINGS)].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, expected)


def test_recordings_with_bad_labels_still_get_their_ethogram(bad_batch: Any) -> None:
    _, out = bad_batch
    assert set(frames_of(out)["recording"]) == {*RECORDINGS, "unlabeled", "longer"}
    assert verify_manifest(out / "manifest.json") == []
    assert set(read_manifest(out / "manifest.json").inputs) == {*RECORDINGS, "unlabeled", "longer"}


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_a_run_killed_in_the_middle_and_started_again_ends_with_the_same_bytes(
    finished_run: Any,
    tmp_path: Path,
    start_python: Callable[..., subprocess.Popen[str]],
    contents: Callable[[Path], dict[str, bytes]],
) -> None:
    out = tmp_path / "out"
    # One behavior was searched when the run was stopped an earlier time.
    (out / "search").mkdir(parents=True)
    for piece in (finished_run.out / "search").glob("approach-*"):
        shutil.copy2(piece, out / "search")
    process = start_python(KILLED_RUN, finished_run.study_file, out)
    deadline = time.monotonic() + 300
    while not list(out.glob("recordings/*.zarr/features-*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    # The pipes close when the last process that writes to them is gone: no worker goes on by itself.
    process.communicate(timeout=60)
    assert not (out / "manifest.json").exists()
    outcome = run_locally(read_study(finished_run.study_file, environment={}), out, n_workers=1)
    assert outcome.exit_code == 0
    # Half a stage may stay, hidden, until the system has buried the process that wrote it.
    left = {name: content for name, content in contents(out).items() if "/." not in name}
    assert left == contents(finished_run.out)


@pytest.mark.real_data
def test_rats_get_a_program_that_has_learned_something_and_tables_of_both(nsp_data: Path, tmp_path: Path) -> None:
    names = {"train": ["5", "46"], "validation": ["28"], "test": ["12"]}
    deployed = Path(__file__).resolve().parents[2] / "deployments" / "studies" / "rats.toml"
    study = read_study(deployed, environment={"NSP_DATA": str(nsp_data)})
    few = replace(
        study,
        recordings=tuple(entry for entry in study.recordings if entry.name in names[entry.role]),
        behaviors=study.behaviors[:1],
        # A few words: what takes long with all of them are the baselines.
        features=("centroid_distance", "nose_to_body", "speed", "turning_speed"),
        search=replace(study.search, max_complexity=4),
    )
    outcome = run_locally(few, tmp_path, n_workers=2)
    assert outcome.failures == ()
    (social,) = outcome.publications
    assert social.scores["program"]["validation"]["f1"] > social.scores["always_positive"]["validation"]["f1"]
    bouts = read_bout_table(outcome.tables.bouts_parquet)
    assert list(bouts["recording"].unique()) == ["5", "12", "28", "46"]
    (pair,) = set(zip(bouts["individual"], bouts["target"], strict=True))
    assert pair == tuple(sorted(pair))
    assert len(set(pair)) == 2
    assert verify_manifest(outcome.manifest) == []
