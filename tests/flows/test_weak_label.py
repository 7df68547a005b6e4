"""``nsp weak-label`` as a scientist meets it: what it prints and leaves, and what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from nsp_adapters.programs import read_program
from nsp_adapters.recordings import extract_recording
from nsp_adapters.study import read_study
from nsp_adapters.tables import read_bout_table
from nsp_adapters.weak_job import WeakLabelJob, judging_participants, labeled_participants
from nsp_core.errors import StudyError
from nsp_flows import queue_clips, weak_label
from nsp_flows.weak_command import parse_share
from tests.flows.direct_run import run_directly
from tests.flows.few_bouts_study import few_bouts

Command = Callable[[Sequence[object]], tuple[int, str, str]]

N_SIMULATED_FRAMES = 1800
OPTIONS = ["--behavior", "approach", "--share", "2%-10%"]


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without processes of its own, which take seconds to start."""
    run_directly(monkeypatch, weak_label)
    run_directly(monkeypatch, queue_clips)


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_bouts(tmp_path_factory.mktemp("study"), 3)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of the command; tests must not change it."""
    return tmp_path_factory.mktemp("weak") / "out"


@pytest.fixture
def labeled(out: Path, study_file: Path, nsp: Command, direct: None) -> tuple[int, str, str]:
    """Exit code and outputs of the command, run once."""
    result = out.parent / "printed.json"
    if not result.exists():
        result.write_text(json.dumps(nsp(["weak-label", study_file, *OPTIONS, "--out", out])))
    code, output, errors = json.loads(result.read_text())
    return code, output, errors


def test_the_verdict_is_printed_with_both_scores_and_where_things_are(labeled: tuple[int, str, str], out: Path) -> None:
    code, output, errors = labeled
    assert (code, "Traceback" in errors) == (0, False), errors
    assert re.search(
        r"^from +12 annotated bouts, \d+ s of 5 min; approach in 4.5 % of all frames \(2 to 10, stated", output, re.M
    )
    for learned_from in ("annotated frames alone", "with weak labels"):
        assert re.search(rf"^{learned_from} +0\.\d{{3}} \[0\.\d+ \d\.\d+\] +0\.\d{{3}}", output, re.M)
    assert re.search(r"^verdict weak labels (help on held-out bouts and are kept|do not help)", output, re.M)
    program = read_program(out / "weak" / "approach" / "program.json")
    assert f"program {program.text}" in output
    assert "report" in output


def test_every_frame_has_a_label_and_what_a_person_said_stands(labeled: tuple[int, str, str], out: Path) -> None:
    folder = out / "weak" / "approach"
    frames = pq.read_table(folder / "frames.parquet").to_pandas()
    assert set(frames["recording"]) == {"sim01", "sim02", "sim03", "sim04", "sim05"}
    # Approach has a doer: two rows per frame.
    assert len(frames) == 5 * 2 * N_SIMULATED_FRAMES
    assert frames["prob"].between(0, 1).all()
    assert (frames["prob"] == 1).sum() > 0
    bouts = read_bout_table(folder / "bouts.parquet")
    assert (bouts["behavior"] == "approach").all()
    assert set(pd.read_csv(folder / "bouts.csv")["recording"]) >= {"sim01", "sim02"}


def test_the_program_says_what_it_was_learned_from_and_is_judged_on_held_out_bouts(
    labeled: tuple[int, str, str], out: Path
) -> None:
    folder = out / "weak" / "approach"
    figures = json.loads((folder / "summary.json").read_text())
    program = read_program(folder / "program.json")
    kept = "with_weak" if figures["helps"] else "without"
    assert program.scores["program"]["validation"]["f1"] == figures["scores"][kept]["held_out"]["f1"]
    assert program.scores["gradient_boosting"]["validation"]["f1"] is not None
    assert program.scores["program"]["test"]["n"] > 0
    assert ("weak labels" in program.provenance["learned_from"]) == figures["helps"]
    assert program.provenance["n_bouts"] == 12


def test_the_report_names_every_function_and_what_the_votes_cannot_tell(
    labeled: tuple[int, str, str], out: Path
) -> None:
    folder = out / "weak" / "approach"
    report = (folder / "report.md").read_text(encoding="utf-8")
    functions = pd.read_csv(folder / "functions.csv")
    assert len(functions) >= 3
    for text in functions["program"]:
        assert f"`{text}`" in report
    assert "## What the votes cannot tell" in report


def test_a_rerun_computes_nothing_and_changes_no_byte(
    labeled: tuple[int, str, str], out: Path, study_file: Path, nsp: Command, monkeypatch: pytest.MonkeyPatch,
    contents: Callable[[Path], dict[str, bytes]],
) -> None:  # fmt: skip
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("nsp_adapters.weak_folds.predict_fold", refuse)
    monkeypatch.setattr("nsp_adapters.weak_labels.label_weakly", refuse)
    before = contents(out)
    code, output, _ = nsp(["weak-label", study_file, *OPTIONS, "--out", out])
    assert (code, output) == labeled[:2]
    assert contents(out) == before


def test_too_few_bouts_are_told_with_clips_to_annotate_next(tmp_path: Path, nsp: Command, direct: None) -> None:
    code, output, _ = nsp(["weak-label", few_bouts(tmp_path, 1), *OPTIONS, "--out", tmp_path / "out"])
    assert code == 1
    assert re.search(r"^too few +8 annotated bouts of approach are needed, 4 given; here are 10 clips", output, re.M)
    assert (tmp_path / "out" / "queue.boris").is_file()
    assert not (tmp_path / "out" / "weak").exists()


def test_the_share_is_never_taken_from_chosen_bouts(
    study_file: Path, tmp_path: Path, nsp: Command, direct: None
) -> None:
    code, output, _ = nsp(["weak-label", study_file, "--behavior", "approach", "--out", tmp_path / "out"])
    assert code == 1
    assert "no recording in which at least 90% of the frames are annotated" in output
    assert "--share 2%-10%" in output


def test_an_unknown_behavior_is_refused_with_the_nearest(study_file: Path, tmp_path: Path, nsp: Command) -> None:
    code, _, errors = nsp(["weak-label", study_file, "--behavior", "aproach", "--out", tmp_path / "out"])
    assert code == 2
    assert "approach" in errors


@pytest.mark.parametrize("text", ["2%-10%", "0.02-0.1", "2% - 10%"])
def test_a_share_is_an_interval(text: str) -> None:
    balance = parse_share(text)
    assert (balance.low, balance.high) == pytest.approx((0.02, 0.1))
    assert 0.04 < balance.share < 0.05


@pytest.mark.parametrize("text", ["5%", "10%-2%", "0-0.1", "2-10", "few", "1%-2%-3%", "0.1-1"])
def test_no_interval_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(StudyError, match="such as 2%-10%"):
        parse_share(text)


def test_a_test_recording_without_the_features_of_the_others_is_named_and_not_judged_by(tmp_path: Path) -> None:
    study = read_study(few_bouts(tmp_path, 1), environment={})
    names = ("speed", "centroid_distance")
    recordings = tuple(
        extract_recording(entry, study, tmp_path / "recordings", names[: 1 if entry.role == "test" else 2])
        for entry in study.recordings
    )
    job = WeakLabelJob(study, study.behaviors[1], recordings, parse_share("2%-10%"), tmp_path)
    shared = labeled_participants(job)[0].sequence.names
    assert judging_participants(job, shared) == ([], ("sim06",))
    judged, lacking = judging_participants(job, [name for name in shared if name.startswith("speed")])
    assert (len(judged), lacking) == (2, ())
