"""A person's rule: read from a file, checked against a study with the place of every mistake, fitted and written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nsp_adapters.inference import infer_file
from nsp_adapters.programs import read_program
from nsp_adapters.recordings import PreparedRecording, extract_recording, labeled_sequences
from nsp_adapters.rules import (
    FOUND_PROGRAM,
    RULE_AS_WRITTEN,
    FittedRule,
    Rule,
    beside_others,
    check_rule,
    fit_rule,
    read_rule,
    write_rule,
)
from nsp_adapters.simulated import write_simulated_study
from nsp_adapters.study import read_study
from nsp_adapters.synthesis import unbeaten_baselines
from nsp_core.dsl.ast import Compare, Feature
from nsp_core.dsl.constants import constants_of
from nsp_core.dsl.text import format_program, parse_program
from nsp_core.errors import FeatureError, LabelError, MissingFileError, NspError, ProgramError, UnitError
from nsp_core.features import available_features, compute_features, feature_sequences
from nsp_core.labels import Behavior
from nsp_core.program import ProgramArtifact
from nsp_core.search.compare import program_scores
from nsp_core.search.given import FitProgress
from nsp_core.simulate import simulate_dyad
from nsp_core.study import Study

WriteRule = Callable[..., Rule]

# The planted rule with every constant wrong: 25 mm, 0.5 s, 60 mm/s and 0.2 s are right.
GUESS = "min_bout(nose_to_nose < 40 mm and mean(speed[higher], 2 s) < 100 mm/s, 0.5 s)"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Four recordings of a minute, of which two train, in the two features of the planted rule and one more."""
    path = write_simulated_study(tmp_path_factory.mktemp("study"), seed=0, n_recordings=4, minutes=1.0)
    return replace(read_study(path, environment={}), features=("nose_to_nose", "speed", "centroid_distance"))


@pytest.fixture(scope="module")
def contact(study: Study) -> Behavior:
    return study.behaviors[0]


@pytest.fixture(scope="module")
def recordings(study: Study, tmp_path_factory: pytest.TempPathFactory) -> list[PreparedRecording]:
    folder = tmp_path_factory.mktemp("recordings")
    return [extract_recording(entry, study, folder) for entry in study.recordings]


@pytest.fixture
def written(tmp_path: Path) -> WriteRule:
    """Return a function that writes a rule file and reads it."""

    def write(content: str | bytes, name: str = "near.nsp") -> Rule:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_rule(path)

    return write


def a_rule(text: str) -> Rule:
    return Rule("near", "near.nsp", text, "0" * 64, parse_program(text))


@pytest.fixture(scope="module")
def fitted(study: Study, contact: Behavior, recordings: list[PreparedRecording]) -> FittedRule:
    return fit_rule(a_rule(GUESS), study, contact, recordings)


# ---- reading


def test_a_rule_may_span_lines_and_hold_comments(written: WriteRule) -> None:
    rule = written(
        "# Contact: close,\n#   and not in passing\n\nnose_to_nose < 22 mm  # measured by hand\n"
        "  and not\n  # standing still\n  mean(speed[higher], 0.5 s) < 60 mm/s\n# the end\n",
        "contact, first try.nsp",
    )
    assert rule.text == "nose_to_nose < 22 mm and not mean(speed[higher], 0.5 s) < 60 mm/s"
    assert (rule.name, rule.file_name) == ("contact, first try", "contact, first try.nsp")


def test_a_hash_within_backticks_is_no_comment(written: WriteRule) -> None:
    assert written("`rear #2` > 3 # and a comment with `one backtick").condition == Compare(
        Feature("rear #2"), ">", 3.0
    )


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfnear < 22 \xc2\xb1 3 mm", b"near < 22\r\n+- 3 mm\r\n# end\r\n"])
def test_files_of_other_systems_are_read_alike(written: WriteRule, content: bytes) -> None:
    assert written(content).text == "near < 22 ± 3 mm"


def test_a_file_that_is_not_there_names_the_closest(written: WriteRule, tmp_path: Path) -> None:
    written("near < 22 mm", "contact.nsp")
    with pytest.raises(MissingFileError, match=r"no such file, expected a rule: .*did you mean '.*contact\.nsp'\?"):
        read_rule(tmp_path / "contatc.nsp")
    with pytest.raises(MissingFileError, match="check the path"):
        read_rule(tmp_path / "elsewhere" / "far.nsp")


@pytest.mark.parametrize("content", ["", "# only\n  # comments\n"])
def test_a_file_without_a_program_says_what_one_looks_like(written: WriteRule, content: str) -> None:
    with pytest.raises(
        ProgramError, match=r"near\.nsp: found no program, expected a condition such as nose_to_nose < "
    ):
        written(content)


def test_a_file_that_is_no_text_is_refused(written: WriteRule) -> None:
    with pytest.raises(ProgramError, match=r"near\.nsp: found byte 0xff at position 7, expected UTF-8 text"):
        written(b"near < \xff 22 mm")


@pytest.mark.parametrize(
    ("content", "line", "column", "found"),
    [
        ("# near\nnear <\n  # here\n  22 furlong", 4, 6, "the unit 'furlong'"),
        ("# near\n\nnear < 22 mm and\n\n# nothing follows\n", 3, 17, "the end of the text"),
        ("near < 22 mm # close\n  und speed < 3 mm/s", 2, 3, "'und speed < '"),
        ("# sum\nnear < 22 mm/px", 2, 11, "the factor 'px' in the unit 'mm/px'"),
    ],
)
def test_a_mistake_is_shown_with_line_and_column_of_the_file(
    written: WriteRule, content: str, line: int, column: int, found: str
) -> None:
    with pytest.raises(NspError) as caught:
        written(content)
    assert caught.value.found == found
    headline, shown, caret = caught.value.where.removesuffix("\n").split("\n")
    assert headline == f"near.nsp, line {line}, column {column}"
    assert shown.strip() in content
    assert caret.index("^") - 4 == column - 1


# ---- checking


@pytest.mark.parametrize("kind", ["directed", "undirected", "solitary"])
def test_a_rule_may_name_what_recordings_have_and_nothing_else(study: Study, kind: str) -> None:
    poses = simulate_dyad(seed=0, n_frames=30).poses
    names = available_features(study.roles, 2, offered_only=False)
    (sequence, *_) = feature_sequences(compute_features(poses, study.roles, names, length_unit="mm"), kind)  # type: ignore[arg-type]
    units = dict(zip(sequence["feature"].values, sequence["unit"].values, strict=True))
    behavior = Behavior("sniff", kind)  # type: ignore[arg-type]
    for name in names:
        for reference in (name, *(f"{name}[{side}]" for side in ("agent", "target", "higher", "lower"))):
            rule = a_rule(f"`{reference}` > 1 {units.get(reference, '')}")
            if reference in units:
                check_rule(rule, study, behavior)
            else:
                with pytest.raises(FeatureError, match=re.escape(f": found the feature '{reference}', expected")):
                    check_rule(rule, study, behavior)


@pytest.mark.parametrize(
    ("content", "kind", "place", "message"),
    [
        (
            "nose_to_nose < 22 mm\n\n and speeed[agent] < 3 mm/s",
            FeatureError,
            "line 3, column 6",
            "found the unknown feature 'speeed', expected .* did you mean 'speed'?",
        ),
        (
            "speed < 3 mm/s",
            FeatureError,
            "line 1, column 1",
            "found the feature 'speed', expected speed[agent] or speed[target] or speed[higher] or speed[lower]; "
            "say whose it is",
        ),
        (
            "nose_to_nose<22 mm and\n  point_length_nose_to_paw[agent]>3 mm",
            FeatureError,
            "line 2, column 3",
            "the roles nose, center, tail_base (recording sim01), expected the role paw; say which keypoints are",
        ),
        (
            "nose_to_nose < 22 mm and in_region_shelter[agent] > 0.5",
            FeatureError,
            "line 1, column 26",
            "a recording whose arena is not known (recording sim01), expected an arena with the region 'shelter'",
        ),
        (
            "nose_to_nose < 22 mm and (\n  mean( speed[agent], .50 s )<3 mm)",
            UnitError,
            "line 2, column 3",
            "found a threshold in mm, expected mm/s, the unit of mean(speed[agent], 0.5 s)",
        ),
        (
            "nose_to_nose < 22 mm and\n  heading[agent] - heading[target] < 1 rad",
            ProgramError,
            "line 2, column 3",
            "expected an angle in (-pi, pi]; write wrap(",
        ),
    ],
)
def test_what_does_not_fit_the_study_is_told_with_its_place_before_anything_is_computed(
    study: Study, contact: Behavior, content: str, kind: type[NspError], place: str, message: str
) -> None:
    with pytest.raises(kind) as caught:
        check_rule(a_rule(content), study, contact)
    headline, shown, caret = caught.value.where.removesuffix("\n").split("\n")
    assert headline == f"near.nsp, {place}"
    assert shown.strip() in content
    assert caret.endswith("^")
    told = str(caught.value).replace("\n", " ")
    assert all(part in told for part in message.split(" .* ")), told


def test_a_place_that_cannot_be_found_leaves_the_text_of_the_node(study: Study, contact: Behavior) -> None:
    # The parentheses are not printed.
    content = "nose_to_nose < 22 mm and (speed[agent]) < 3 mm"
    with pytest.raises(UnitError) as caught:
        check_rule(a_rule(content), study, contact)
    assert caught.value.where == "near.nsp, 'speed[agent] < 3 mm'"


def test_one_animal_has_no_distance_to_another(study: Study, contact: Behavior) -> None:
    check_rule(a_rule("nose_to_nose < 22 mm"), study, contact)
    with pytest.raises(FeatureError, match="a feature of one animal, as groom is solitary; leave it out"):
        check_rule(a_rule("nose_to_nose < 22 mm"), study, Behavior("groom", "solitary"))


# ---- fitting


def test_the_planted_rule_is_found_again_from_wrong_constants(fitted: FittedRule) -> None:
    # Tracked poses jitter and labels are some frames off: to about a tenth.
    duration, near, speed, window = (one.value for one in constants_of(fitted.condition))
    assert near == pytest.approx(25, abs=2)
    assert speed == pytest.approx(60, abs=6)
    assert window == pytest.approx(0.5, abs=0.2)
    assert duration == pytest.approx(0.2, abs=0.15)
    assert format_program(fitted.rule.condition) == GUESS
    assert {old.value for old, _ in fitted.changes} == {40, 100, 2, 0.5}


def test_the_rule_stands_beside_what_it_was_on_the_same_frames(fitted: FittedRule) -> None:
    assert list(fitted.scores) == ["program", RULE_AS_WRITTEN]
    for split in ("train", "validation", "test"):
        now, before = (fitted.scores[model][split] for model in ("program", RULE_AS_WRITTEN))
        assert (now["n"], now["n_pos"]) == (before["n"], before["n_pos"])
        assert now["f1"] > before["f1"] + 0.1
    assert fitted.scores["program"]["validation"]["f1_low"] is not None


def test_a_rule_that_is_kept_is_scored_as_it_is_written_and_says_so_in_its_file(
    study: Study, contact: Behavior, recordings: list[PreparedRecording], tmp_path: Path
) -> None:
    kept = fit_rule(a_rule(GUESS), study, contact, recordings, keep=True, report=pytest.fail)
    assert kept.condition == kept.rule.condition
    assert kept.changes == ()
    assert list(kept.scores) == ["program"]
    splits = {
        split: [one for own in recordings if own.entry.role in roles for one in labeled_sequences(own, study, contact)]
        for split, roles in (("train", ("train", "validation")), ("test", ("test",)))
    }
    for split, scores in program_scores(parse_program(GUESS), splits, seed=study.search.seeds[0]).items():
        assert kept.scores["program"][split]["f1"] == scores.f1
        assert kept.scores["program"][split]["ap"] == scores.ap
    artifact = read_program(write_rule(with_baselines(kept, tmp_path), study, contact, tmp_path))
    assert artifact.text == GUESS
    assert (artifact.provenance["stopped_because"], artifact.provenance["constants"]) == ("constants kept", [])


def test_test_labels_have_no_say_in_the_constants(
    study: Study, contact: Behavior, recordings: list[PreparedRecording], tmp_path: Path
) -> None:
    path = tmp_path / "labels.csv"
    changed = []
    for one in recordings:
        if one.entry.role == "test":
            path.write_text(Path(one.entry.label_path or "").read_text().replace("approach", "contact"))
            changed.append(replace(one, entry=replace(one.entry, label_path=str(path))))
        else:
            changed.append(one)
    first, again = (fit_rule(a_rule("nose_to_nose < 40 mm"), study, contact, some) for some in (recordings, changed))
    assert again.condition == first.condition
    assert again.scores["program"]["validation"] == first.scores["program"]["validation"]
    assert again.scores["program"]["test"] != first.scores["program"]["test"]


def test_progress_is_told_over_all_fits(study: Study, contact: Behavior, recordings: list[PreparedRecording]) -> None:
    steps: list[FitProgress] = []
    fit_rule(a_rule("nose_to_nose < 40 mm"), study, contact, recordings, report=steps.append)
    assert list(dict.fromkeys((one.fit, one.n_fits) for one in steps)) == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert all(0 < one.step.done <= one.step.total == 1 for one in steps)


def test_without_a_recording_to_fit_on_the_remedy_is_named(
    study: Study, contact: Behavior, recordings: list[PreparedRecording]
) -> None:
    tested = [one for one in recordings if one.entry.role == "test"]
    with pytest.raises(LabelError, match=r"behavior contact: found no usable train recording, .* the role train"):
        fit_rule(a_rule(GUESS), study, contact, tested)


@pytest.mark.parametrize("keep", [True, False])
def test_a_behavior_nobody_annotated_can_be_neither_fitted_nor_judged(
    study: Study, recordings: list[PreparedRecording], keep: bool
) -> None:
    with pytest.raises(LabelError, match="annotate the behavior in more recordings"):
        fit_rule(a_rule(GUESS), study, Behavior("grooming", "undirected"), recordings, keep=keep)


# ---- what to make of it


def scores_of(**f1: float | None) -> dict[str, object]:
    return {
        model: {"validation": {"f1": value, "ap": 0.5 if model == "program" else 0.4}} for model, value in f1.items()
    }


def test_every_readable_baseline_counts_and_a_tie_is_not_enough() -> None:
    ahead = scores_of(program=0.8, always_positive=0.3, one_threshold=0.79, depth3_tree=0.7, gradient_boosting=0.9)
    assert unbeaten_baselines(ahead) == []
    behind = scores_of(program=0.79, always_positive=0.3, one_threshold=0.79, depth3_tree=0.9)
    assert unbeaten_baselines(behind) == [("one_threshold", "f1"), ("depth3_tree", "f1")]
    unscored = scores_of(program=None, always_positive=None, one_threshold=None, depth3_tree=None)
    assert [measure for _, measure in unbeaten_baselines(unscored)] == ["f1"] * 3


def with_baselines(fitted: FittedRule, folder: Path, found: ProgramArtifact | None = None) -> FittedRule:
    """Return the rule beside baselines that are worse in everything."""
    splits = {split: {"f1": 0.1, "ap": 0.1} for split in ("validation", "test")}
    path = folder / "baselines.json"
    path.write_text(json.dumps(dict.fromkeys(("always_positive", "one_threshold", "depth3_tree"), splits)))
    return beside_others(fitted, found, path)


def test_a_found_program_stands_beside_it_if_it_was_scored_on_the_same_frames(
    study: Study, contact: Behavior, fitted: FittedRule, tmp_path: Path
) -> None:
    own = {"program": fitted.scores[RULE_AS_WRITTEN]}
    found = ProgramArtifact(contact, fitted.condition, study.roles, study.cleaning, "mm", scores=own)
    beside = with_baselines(fitted, tmp_path, found)
    assert list(beside.scores)[:4] == ["program", RULE_AS_WRITTEN, FOUND_PROGRAM, "always_positive"]
    assert beside.scores[FOUND_PROGRAM] == own["program"]
    elsewhere = replace(found, scores={"program": {**own["program"], "test": {"n": 7, "n_pos": 3}}})
    untested = replace(found, scores={"program": {"train": own["program"]["train"]}})
    for other in (elsewhere, untested, replace(found, scores={})):
        assert FOUND_PROGRAM not in with_baselines(fitted, tmp_path, other).scores


def test_a_fitted_rule_is_a_program_like_any_other(
    study: Study, contact: Behavior, fitted: FittedRule, tmp_path: Path
) -> None:
    path = write_rule(with_baselines(fitted, tmp_path), study, contact, tmp_path)
    assert path == tmp_path / "rules" / "near.json"
    artifact = read_program(path)
    assert artifact.condition == fitted.condition
    assert artifact.behavior == contact
    assert {"program", RULE_AS_WRITTEN, "depth3_tree"} <= set(artifact.scores)
    provenance = artifact.provenance
    assert (provenance["rule"], provenance["rule_as_written"], provenance["rule_file"]) == ("near", GUESS, "near.nsp")
    assert provenance["beats_baselines"] is True
    assert {"kind": "threshold", "of": "nose_to_nose < 40 mm", "unit": "mm", "before": 40.0}.items() <= next(
        one for one in provenance["constants"] if one["unit"] == "mm"
    ).items()
    text = path.read_text(encoding="utf-8")
    assert study.data_folder not in text, "no path of this computer"
    assert infer_file(artifact, study.recordings[0], tmp_path / "ethograms").is_dir()


def test_the_same_rule_gives_the_same_bytes(
    study: Study, contact: Behavior, recordings: list[PreparedRecording], tmp_path: Path
) -> None:
    written = []
    for name in ("once", "again"):
        fitted = with_baselines(fit_rule(a_rule("nose_to_nose < 40 mm"), study, contact, recordings), tmp_path)
        written.append(write_rule(fitted, study, contact, tmp_path / name).read_bytes())
    assert written[0] == written[1]


def test_the_name_of_a_rule_becomes_a_file_name(
    study: Study, contact: Behavior, fitted: FittedRule, tmp_path: Path
) -> None:
    odd = replace(with_baselines(fitted, tmp_path), rule=replace(fitted.rule, name="near: try 2?"))
    assert write_rule(odd, study, contact, tmp_path).name == "near%3A try 2%3F.json"
