"""Searches under perturbation: kept and found again, on the data they say, and compared on recordings as they are."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nsp_adapters import stability
from nsp_adapters.recordings import PreparedRecording, extract_recording, labeled_sequences
from nsp_adapters.stability import jitter_ethogram, read_report, report_stability, search_perturbed, sweep_stability
from nsp_adapters.study import read_study
from nsp_core.dsl.text import parse_program
from nsp_core.errors import LabelError
from nsp_core.evaluate.frames import FrameScores
from nsp_core.labels import Behavior
from nsp_core.search.perturb import Perturbation, PerturbationKind
from nsp_core.search.result import Candidate, SynthesisResult
from nsp_core.sequences import LabeledSequence
from nsp_core.study import Study

REFERENCE = Perturbation("reference", 0)
LEVELS: dict[PerturbationKind, list[float]] = {"seed": [1], "bootstrap": [1, 2], "jitter": [2.0]}
PERTURBATIONS = [REFERENCE, *(Perturbation(kind, level) for kind, levels in LEVELS.items() for level in levels)]


@pytest.fixture(scope="module")
def study(small_study: Path) -> Study:
    """The small study with few features and candidates, which are enough: what is found is compared, not judged."""
    study = read_study(small_study, environment={})
    few = ("nose_to_nose", "centroid_distance", "speed", "approach_speed")
    return replace(study, features=few, search=replace(study.search, budget_candidates=10))


@pytest.fixture(scope="module")
def contact(study: Study) -> Behavior:
    return study.behaviors[0]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def recordings(study: Study, out: Path) -> list[PreparedRecording]:
    return [extract_recording(entry, study, out / "recordings") for entry in study.recordings]


@pytest.fixture(scope="module")
def found(study: Study, contact: Behavior, recordings: list[PreparedRecording], out: Path) -> list[Path]:
    return [search_perturbed(study, contact, one, recordings, out) for one in PERTURBATIONS]


@pytest.fixture(scope="module")
def moved(study: Study, contact: Behavior, found: list[Path], recordings: list[PreparedRecording], out: Path) -> Path:
    return jitter_ethogram(study, contact, 2.0, found[0], recordings, out)


@pytest.fixture(scope="module")
def report(
    study: Study, contact: Behavior, found: list[Path], moved: Path, recordings: list[PreparedRecording], out: Path
) -> Path:
    return report_stability(study, contact, found, [moved], recordings, out)


@pytest.fixture
def searched_on(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What every search of the test was given; none is run."""
    calls: list[dict[str, Any]] = []
    scores = FrameScores(f1=0.5, ap=0.5, precision=0.5, recall=0.5, coverage=1.0, covered_f1=0.5, n_pos=1, n=2)
    candidate = Candidate(parse_program("nose_to_nose < 25 mm"), scores, scores, 0.5)

    def spy(development: list[LabeledSequence], **settings: Any) -> SynthesisResult:
        calls.append({"development": development, **settings})
        return SynthesisResult((candidate,), candidate, (), {}, "complete", 1)

    monkeypatch.setattr(stability, "synthesize_sequences", spy)
    return calls


def values(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def names(sequences: list[LabeledSequence]) -> list[str]:
    return [sequence.recording for sequence in sequences]


def with_labels(recording: PreparedRecording, folder: Path, edit: Callable[[str], str]) -> PreparedRecording:
    """Return the recording with labels of its own, edited."""
    assert recording.entry.label_path is not None
    path = folder / f"{recording.entry.name}.csv"
    path.write_text(edit(Path(recording.entry.label_path).read_text()))
    return replace(recording, entry=replace(recording.entry, label_path=str(path)))


def test_every_run_leaves_a_file_that_says_what_was_different_and_what_was_found(found: list[Path]) -> None:
    assert [path.name.rpartition("-")[0] for path in found] == [
        "contact-reference", "contact-seed1", "contact-bootstrap1", "contact-bootstrap2", "contact-jitter2px",
    ]  # fmt: skip
    for path, perturbation in zip(found, PERTURBATIONS, strict=True):
        content = values(path)
        assert (content["kind"], content["level"]) == (perturbation.kind, perturbation.level)
        assert " < " in content["program"] or " > " in content["program"]
        assert content["n_candidates"] <= 10


def test_what_was_found_is_not_searched_or_computed_again(
    study: Study,
    contact: Behavior,
    recordings: list[PreparedRecording],
    found: list[Path],
    moved: Path,
    report: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (out / "stability").rglob("*")}
    for name in ("synthesize_sequences", "compute_features", "predict_sequences", "ProgramScorer"):
        monkeypatch.setattr(stability, name, pytest.fail)
    assert [search_perturbed(study, contact, one, recordings, out) for one in PERTURBATIONS] == found
    assert jitter_ethogram(study, contact, 2.0, found[0], recordings, out) == moved
    assert report_stability(study, contact, found, [moved], recordings, out) == report
    assert {path: path.stat().st_mtime_ns for path in (out / "stability").rglob("*")} == before


def test_a_piece_that_is_missing_is_the_only_one_done_again(
    study: Study, contact: Behavior, recordings: list[PreparedRecording], found: list[Path], out: Path
) -> None:
    lost, content = found[1], found[1].read_bytes()
    lost.unlink()
    steps: dict[Path, list[Any]] = {path: [] for path in found}
    for perturbation, path in zip(PERTURBATIONS, found, strict=True):
        assert search_perturbed(study, contact, perturbation, recordings, out, report=steps[path].append) == path
    assert [path for path in found if steps[path]] == [lost]
    assert lost.read_bytes() == content


def test_each_kind_changes_one_thing(
    study: Study,
    contact: Behavior,
    recordings: list[PreparedRecording],
    tmp_path: Path,
    searched_on: list[dict[str, Any]],
) -> None:
    for perturbation in PERTURBATIONS:
        search_perturbed(study, contact, perturbation, recordings, tmp_path)
    reference, seed, first, second, jitter = searched_on
    as_they_are = [one for recording in recordings for one in labeled_sequences(recording, study, contact)]
    assert names(reference["development"]) == names(seed["development"]) == ["sim01", "sim02", "sim03"]
    assert [search["seed"] for search in searched_on] == [0, 1, 0, 0, 0]
    for bootstrap in (first, second):
        assert len(bootstrap["development"]) == 3
        assert set(names(bootstrap["development"])) <= {"sim01", "sim02", "sim03"}
    for search in (reference, seed, first, second):
        for sequence in search["development"]:
            (same,) = (one for one in as_they_are if one.recording == sequence.recording)
            np.testing.assert_array_equal(sequence.values, same.values)
    for still, noisy in zip(reference["development"], jitter["development"], strict=True):
        assert not np.array_equal(still.values, noisy.values, equal_nan=True)
        assert still.names == noisy.names
        np.testing.assert_array_equal(still.states, noisy.states)


def test_features_of_poses_jittered_by_next_to_nothing_are_those_of_the_store(
    study: Study,
    contact: Behavior,
    recordings: list[PreparedRecording],
    tmp_path: Path,
    searched_on: list[dict[str, Any]],
) -> None:
    for perturbation in (REFERENCE, Perturbation("jitter", 1e-30)):
        search_perturbed(study, contact, perturbation, recordings, tmp_path)
    still, noisy = searched_on
    for before, after in zip(still["development"], noisy["development"], strict=True):
        np.testing.assert_array_equal(before.values, after.values)


def test_bootstraps_are_the_same_every_time(
    study: Study,
    contact: Behavior,
    recordings: list[PreparedRecording],
    found: list[Path],
    tmp_path: Path,
) -> None:
    again = search_perturbed(study, contact, PERTURBATIONS[2], recordings, tmp_path)
    assert again.name == found[2].name
    assert again.read_bytes() == found[2].read_bytes()


def test_other_poses_or_labels_are_other_runs_but_those_of_test_recordings_are_not(
    study: Study, contact: Behavior, recordings: list[PreparedRecording], found: list[Path], out: Path, tmp_path: Path
) -> None:
    *others, test = recordings
    assert test.entry.role == "test"
    unread = replace(test, entry=replace(test.entry, label_path=str(tmp_path / "absent.csv")))
    assert search_perturbed(study, contact, REFERENCE, [*others, unread], out) == found[0]
    relabeled = with_labels(recordings[0], tmp_path, lambda text: text.replace("approach", "contact"))
    assert search_perturbed(study, contact, REFERENCE, [relabeled, *recordings[1:]], out) != found[0]
    longer_gaps = replace(study, cleaning=replace(study.cleaning, max_gap_s=0.1))
    assert search_perturbed(longer_gaps, contact, REFERENCE, recordings, out) == found[0], "its features are the same"
    assert search_perturbed(longer_gaps, contact, PERTURBATIONS[-1], recordings, out) != found[-1]


def test_a_search_out_of_time_is_used_but_a_rerun_searches_again(
    study: Study, contact: Behavior, recordings: list[PreparedRecording], tmp_path: Path
) -> None:
    hasty = replace(study, search=replace(study.search, max_complexity=8, budget_candidates=None, budget_s=1e-6))
    partial = search_perturbed(hasty, contact, REFERENCE, recordings, tmp_path)
    assert partial.name.endswith(".partial.json")
    steps: list[Any] = []
    assert search_perturbed(hasty, contact, REFERENCE, recordings, tmp_path, report=steps.append) == partial
    assert steps, "it was searched again, and told how far it was"
    seed = search_perturbed(hasty, contact, Perturbation("seed", 1), recordings, tmp_path)
    first = report_stability(hasty, contact, [partial, seed], [], recordings, tmp_path).stat().st_mtime_ns
    again = report_stability(hasty, contact, [partial, seed], [], recordings, tmp_path).stat().st_mtime_ns
    assert again > first, "the name of a partial piece does not tell what is in it"


def test_jitter_alone_is_measured_on_the_program_of_the_reference(moved: Path, found: list[Path]) -> None:
    content = values(moved)
    assert content["program"] == values(found[0])["program"]
    assert content["jitter_px"] == 2.0
    assert 0 < content["kappa"] <= content["observed"] <= 1
    assert 0.9 < content["share_decided"] <= 1


def test_more_jitter_moves_the_ethogram_further_and_none_does_not_move_it(
    study: Study, contact: Behavior, recordings: list[PreparedRecording], tmp_path: Path
) -> None:
    reference = tmp_path / "reference.json"
    reference.write_text(json.dumps({"program": "nose_to_nose < 25 mm"}))
    kappa = [
        values(jitter_ethogram(study, contact, sigma, reference, recordings, tmp_path))["kappa"]
        for sigma in (1e-30, 4.0, 40.0)
    ]
    assert kappa[0] == 1.0 > kappa[1] > kappa[2]


def test_a_program_that_never_holds_has_no_kappa_with_itself(
    study: Study, contact: Behavior, recordings: list[PreparedRecording], tmp_path: Path
) -> None:
    never = tmp_path / "never.json"
    never.write_text(json.dumps({"program": "nose_to_nose < -1 mm"}))
    content = values(jitter_ethogram(study, contact, 1.0, never, recordings, tmp_path))
    assert (content["kappa"], content["observed"]) == (None, 1.0)


def test_the_report_compares_all_runs_on_recordings_nothing_was_learned_from(report: Path, found: list[Path]) -> None:
    content = read_report(report)
    assert report.name == "contact.json"
    assert content["compared_on"] == ["sim03", "sim04"]
    assert content["reference"]["program"] == values(found[0])["program"]
    assert content["reference"]["kappa"] == 1.0
    assert [one["label"] for one in content["runs"]] == ["seed 1", "bootstrap 1", "bootstrap 2", "jitter 2 px"]
    assert [one["program"] for one in content["runs"]] == [values(path)["program"] for path in found[1:]]
    assert {one["kind"]: one["n_runs"] for one in content["kinds"]} == {"seed": 1, "bootstrap": 2, "jitter": 1}
    assert all(0 < one["f1"] <= 1 for one in content["runs"])
    assert [one["jitter_px"] for one in content["reference_on_jittered_poses"]] == [2.0]
    assert not any(isinstance(one, float) and math.isnan(one) for one in content["runs"][0].values())


def test_the_report_holds_no_path_of_this_computer(report: Path, study: Study) -> None:
    text = report.read_text(encoding="utf-8")
    assert study.data_folder not in text
    assert str(report.parent) not in text


def test_a_report_of_other_runs_is_made_anew(
    study: Study, contact: Behavior, found: list[Path], recordings: list[PreparedRecording], tmp_path: Path
) -> None:
    few = report_stability(study, contact, found[:2], [], recordings, tmp_path)
    assert len(read_report(few)["runs"]) == 1
    assert read_report(few)["reference_on_jittered_poses"] == []
    more = report_stability(study, contact, found[:3], [], recordings, tmp_path)
    assert (more, len(read_report(more)["runs"])) == (few, 2)


def test_without_a_usable_recording_to_learn_from_the_remedy_is_named(
    study: Study, contact: Behavior, recordings: list[PreparedRecording], tmp_path: Path
) -> None:
    others = [one for one in recordings if one.entry.role == "test"]
    with pytest.raises(LabelError, match=r"behavior contact: found no usable train recording.*mend those that failed"):
        search_perturbed(study, contact, REFERENCE, others, tmp_path)
    assert not (tmp_path / "stability").exists()


def test_one_training_recording_cannot_be_resampled(
    study: Study, contact: Behavior, recordings: list[PreparedRecording], tmp_path: Path
) -> None:
    with pytest.raises(LabelError, match=r"found 1 recording to draw from.*--bootstraps 0"):
        search_perturbed(study, contact, PERTURBATIONS[2], recordings[2:], tmp_path)


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    runs = tmp_path / "stability" / "runs"
    runs.mkdir(parents=True)
    leftovers = [folder / ".contact.json.999999999-00000000abcdef01.tmp" for folder in (runs, runs.parent)]
    for leftover in leftovers:
        leftover.write_text("")
        os.utime(leftover, (0, 0))
    (runs / "contact-seed1-0123456789ab.json").write_text("{}")
    sweep_stability(tmp_path)
    assert [path.name for path in (tmp_path / "stability").rglob("*.*")] == ["contact-seed1-0123456789ab.json"]
