"""Search, baselines and publication of one behavior: kept, found again, and chosen without a look at the test."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nsp_adapters.programs import read_program
from nsp_adapters.recordings import PreparedRecording, extract_recording
from nsp_adapters.study import read_study
from nsp_adapters.synthesis import Publication, publish_program, score_baselines, search_program
from nsp_core.dsl.ast import complexity
from nsp_core.errors import LabelError
from nsp_core.labels import Behavior
from nsp_core.study import Study

MODELS = {
    "program",
    "always_positive",
    "one_threshold",
    "depth3_tree",
    "logistic_regression",
    "gradient_boosting",
    "missingness_only",
}
FIELDS = {"f1", "ap", "precision", "recall", "coverage", "n_pos", "n", "seed"}


@pytest.fixture(scope="module")
def study(small_study: Path) -> Study:
    return read_study(small_study, environment={})


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
def found(study: Study, contact: Behavior, recordings: list[PreparedRecording], out: Path) -> Path:
    return search_program(study, contact, 0, recordings, out)


@pytest.fixture(scope="module")
def frugal_study(study: Study) -> Study:
    return replace(study, search=replace(study.search, budget_candidates=10))


@pytest.fixture(scope="module")
def frugal(frugal_study: Study, contact: Behavior, recordings: list[PreparedRecording], out: Path) -> Path:
    return search_program(frugal_study, contact, 0, recordings, out)


@pytest.fixture(scope="module")
def baselines(study: Study, contact: Behavior, recordings: list[PreparedRecording], out: Path) -> Path:
    return score_baselines(study, contact, recordings, out)


@pytest.fixture(scope="module")
def published(
    study: Study, contact: Behavior, found: Path, baselines: Path, recordings: list[PreparedRecording], out: Path
) -> Publication:
    return publish_program(study, contact, [found], baselines, recordings, out)


def values(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def with_labels(recording: PreparedRecording, folder: Path, edit: tuple[str, str]) -> PreparedRecording:
    """Return the recording with a copy of its labels in which ``edit`` replaces one text by another."""
    text = Path(recording.entry.label_path).read_text()
    path = folder / "labels.csv"
    path.write_text(text.replace(*edit))
    assert path.read_text() != text
    return replace(recording, entry=replace(recording.entry, label_path=str(path)))


def test_a_search_leaves_its_front_with_scores_simplest_first(found: Path) -> None:
    content = values(found)
    texts = [entry["text"] for entry in content["front"]]
    complexities = [entry["complexity"] for entry in content["front"]]
    assert content["best"] in texts
    assert complexities == sorted(complexities)
    assert max(complexities) <= 4
    assert content["stopped_because"] == "complete"
    assert all(set(entry["scores"]) == {"train", "validation"} for entry in content["front"])


def test_what_was_found_is_not_searched_again(
    study: Study, contact: Behavior, recordings: list[PreparedRecording], found: Path, baselines: Path, out: Path
) -> None:
    found_at, scored_at = found.stat().st_mtime_ns, baselines.stat().st_mtime_ns
    assert search_program(study, contact, 0, recordings, out, report=pytest.fail) == found
    assert score_baselines(study, contact, recordings, out) == baselines
    assert (found.stat().st_mtime_ns, baselines.stat().st_mtime_ns) == (found_at, scored_at)


def test_another_seed_keeps_the_programs_but_draws_other_intervals(
    study: Study, contact: Behavior, recordings: list[PreparedRecording], published: Publication, out: Path
) -> None:
    both = replace(study, search=replace(study.search, seeds=(0, 1)))
    pieces = [search_program(both, contact, seed, recordings, out) for seed in (0, 1)]
    baselines = score_baselines(both, contact, recordings, out)
    twice = publish_program(both, contact, pieces, baselines, recordings, out / "twice")
    first, second = (twice.scores[f"program, seed {seed}"] for seed in (0, 1))
    assert first["test"] == published.scores["program"]["test"]
    assert (first["test"]["seed"], second["test"]["seed"]) == (0, 1)
    assert twice.scores["program"] in (first, second)
    merit = [one["validation"]["f1"] + one["validation"]["ap"] for one in (first, second)]
    chosen = twice.scores["program"]["validation"]
    assert chosen["f1"] + chosen["ap"] == max(merit)


def test_a_search_out_of_time_keeps_what_it_had_but_a_rerun_searches_again(
    study: Study, contact: Behavior, recordings: list[PreparedRecording], tmp_path: Path
) -> None:
    hasty = replace(study, search=replace(study.search, max_complexity=8, budget_s=1e-6))
    partial = search_program(hasty, contact, 0, recordings, tmp_path)
    assert values(partial)["stopped_because"] == "asked to stop"
    assert values(partial)["best"]
    steps = []
    again = search_program(hasty, contact, 0, recordings, tmp_path, report=steps.append)
    assert again == partial
    assert {"search", "refine"} <= {step.stage for step in steps}, "it was searched again, and told how far it was"
    assert all(0 < step.done <= step.total for step in steps)


def test_a_budget_of_candidates_is_kept_and_told_of(frugal: Path, found: Path) -> None:
    assert values(frugal)["n_candidates"] <= 10 < values(found)["n_candidates"]
    assert values(frugal)["stopped_because"] in ("budget of 10 candidates", "complete")


def test_fewer_recordings_or_other_labels_are_another_search(
    frugal_study: Study, contact: Behavior, recordings: list[PreparedRecording], frugal: Path, tmp_path: Path
) -> None:
    fewer = search_program(frugal_study, contact, 0, recordings[1:], tmp_path)
    relabeled = with_labels(recordings[0], tmp_path, ("contact", "approach"))
    other = search_program(frugal_study, contact, 0, [relabeled, *recordings[1:]], tmp_path)
    assert len({frugal.name, fewer.name, other.name}) == 3
    n = [values(path)["front"][0]["scores"]["train"]["n"] for path in (frugal, fewer, other)]
    n_pos = [values(path)["front"][0]["scores"]["train"]["n_pos"] for path in (frugal, fewer, other)]
    assert n[0] == n[2] > n[1], "one recording is missing"
    assert n_pos[0] > n_pos[1] == n_pos[2]


def test_recordings_that_are_only_inferred_do_not_concern_the_search(
    study: Study, contact: Behavior, recordings: list[PreparedRecording], found: Path, out: Path
) -> None:
    only_inferred = replace(recordings[0], entry=replace(recordings[0].entry, name="sim99", role="infer"))
    assert search_program(study, contact, 0, [*recordings, only_inferred], out, report=pytest.fail) == found


def test_a_behavior_nobody_annotated_cannot_be_searched(
    study: Study, recordings: list[PreparedRecording], tmp_path: Path
) -> None:
    unseen = Behavior("grooming", "undirected")
    with pytest.raises(LabelError, match=r"0 frames with the behavior.*in the training recordings"):
        search_program(replace(study, behaviors=(unseen,)), unseen, 0, recordings, tmp_path)
    assert not (tmp_path / "search").exists()


def test_without_a_usable_recording_to_learn_from_the_remedy_is_named(
    study: Study, contact: Behavior, recordings: list[PreparedRecording], tmp_path: Path
) -> None:
    others = [one for one in recordings if one.entry.role == "test"]
    with pytest.raises(LabelError, match=r"behavior contact: found no usable train recording.*mend those that failed"):
        search_program(study, contact, 0, others, tmp_path)


def test_every_baseline_stands_beside_the_program_on_every_split(published: Publication) -> None:
    assert set(published.scores) == MODELS
    for splits in published.scores.values():
        assert set(splits) >= {"validation", "test"}
        assert all(set(scores) >= FIELDS for scores in splits.values())
    n = {(model, split): s["n"] for model, splits in published.scores.items() for split, s in splits.items()}
    assert all(n[model, split] == n["program", split] for model, split in n), "all are judged on the same frames"


def test_the_verdict_on_the_baselines_follows_from_validation_scores(published: Publication) -> None:
    ahead = [
        published.scores["program"]["validation"][measure] > published.scores[baseline]["validation"][measure]
        for baseline in ("always_positive", "one_threshold", "depth3_tree")
        for measure in ("f1", "ap")
    ]
    assert published.beats_baselines == all(ahead)
    assert published.scores["program"]["validation"]["f1"] > published.scores["always_positive"]["validation"]["f1"]


def test_the_program_file_restores_the_program_and_says_where_it_is_from(
    study: Study, contact: Behavior, published: Publication, out: Path
) -> None:
    artifact = read_program(published.program_path)
    assert published.program_path == out / "programs" / "contact.json"
    assert artifact.behavior == contact
    assert artifact.text == published.text
    assert artifact.program_id == published.program_id
    assert complexity(artifact.condition) <= 4
    assert artifact.provenance["seed"] == 0
    text = published.program_path.read_text(encoding="utf-8")
    assert published.text in text, "symbols stand as themselves, not as escapes"
    assert study.data_folder not in text, "no path of this computer"
    assert not re.search(r"20\d\d-\d\d-\d\d", text), "no time"


def test_published_scores_are_those_of_the_printed_text(published: Publication, found: Path) -> None:
    (entry,) = [entry for entry in values(found)["front"] if entry["text"] == published.text]
    for split in ("train", "validation"):
        for measure in ("f1", "ap", "precision", "recall"):
            assert published.scores["program"][split][measure] == pytest.approx(entry["scores"][split][measure])


def test_test_labels_change_test_scores_and_nothing_else(
    study: Study, contact: Behavior, recordings: list[PreparedRecording], published: Publication, tmp_path: Path
) -> None:
    *others, test = recordings
    changed = [*others, with_labels(test, tmp_path, ("approach", "contact"))]
    found = search_program(study, contact, 0, changed, tmp_path)
    baselines = score_baselines(study, contact, changed, tmp_path)
    other = publish_program(study, contact, [found], baselines, changed, tmp_path)
    assert other.text == published.text
    for model, splits in other.scores.items():
        assert splits["validation"] == published.scores[model]["validation"]
    assert other.scores["program"]["test"] != published.scores["program"]["test"]


def test_without_a_test_recording_there_are_no_test_scores(
    study: Study, contact: Behavior, recordings: list[PreparedRecording], found: Path, baselines: Path, tmp_path: Path
) -> None:
    untested = [one for one in recordings if one.entry.role != "test"]
    published = publish_program(study, contact, [found], baselines, untested, tmp_path)
    assert set(published.scores["program"]) == {"train", "validation"}
