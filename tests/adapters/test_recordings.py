"""One recording from its files: features found again or computed, labels checked, sequences with their states."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nsp_adapters.recordings import (
    PreparedRecording,
    animals_needed,
    extract_recording,
    features_of_file,
    labeled_sequences,
    open_features,
    read_labels,
    read_poses,
    refer_features,
)
from nsp_adapters.simulated import simulate_recording
from nsp_adapters.study import read_study
from nsp_core.arena import Arena
from nsp_core.cleaning import Cleaning
from nsp_core.errors import FeatureError, FormatError, LabelError, MissingFileError, NspError, PoseError
from nsp_core.features import available_features, compute_features
from nsp_core.labels import Behavior
from nsp_core.provenance import dataset_digest
from nsp_core.study import LabelSettings, RecordingEntry, Study

CALTECH = """Caltech Behavior Annotator - Annotation File

Configuration file:
base\tz
contact\tc
other\to

S1:\tstart\tend\ttype
-----------------------------
\t1\t90\tbase
\t91\t120\tcontact
\t121\t400\tother
\t401\t450\tbase
"""


@pytest.fixture(scope="module")
def study(small_study: Path) -> Study:
    return read_study(small_study, environment={})


@pytest.fixture(scope="module")
def prepared(study: Study, tmp_path_factory: pytest.TempPathFactory) -> PreparedRecording:
    return extract_recording(study.recordings[0], study, tmp_path_factory.mktemp("store"))


@pytest.fixture
def copied(study: Study, tmp_path: Path) -> RecordingEntry:
    """The first recording with files of its own, to be damaged."""
    return with_own_files(study.recordings[0], tmp_path / "files")


def with_own_files(entry: RecordingEntry, folder: Path) -> RecordingEntry:
    folder.mkdir()
    pose_path, label_path = (str(shutil.copy(path, folder)) for path in (entry.pose_path, entry.label_path))
    return replace(entry, pose_path=pose_path, label_path=label_path)


def edited(path: str, edit: Callable[[list[list[str]]], list[list[str]]]) -> None:
    """Change the cells of a csv file."""
    rows = [line.split(",") for line in Path(path).read_text().splitlines()]
    Path(path).write_text("\n".join(",".join(row) for row in edit(rows)) + "\n")


def without_points(individual: str) -> Callable[[list[list[str]]], list[list[str]]]:
    def edit(rows: list[list[str]]) -> list[list[str]]:
        return rows[:4] + [
            ["" if who == individual else cell for who, cell in zip(rows[1], row, strict=True)] for row in rows[4:]
        ]

    return edit


def only(individual: str) -> Callable[[list[list[str]]], list[list[str]]]:
    def edit(rows: list[list[str]]) -> list[list[str]]:
        kept = [0, *(number for number, who in enumerate(rows[1]) if who == individual)]
        return [[row[number] for number in kept] for row in rows]

    return edit


def written(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what changes whenever a file of the store is written anew."""
    paths = {path.relative_to(folder).as_posix(): path.stat() for path in folder.rglob("*") if path.is_file()}
    return {name: (found.st_ino, found.st_mtime_ns) for name, found in paths.items()}


def rewritten(before: dict[str, tuple[int, int]], folder: Path) -> set[str]:
    """Return the stages and arrays of the store that hold files written since ``before``."""
    changed = {name for name, state in written(folder).items() if before.get(name) != state}
    places = [Path(name).parts[1:3] for name in changed]
    return {f"{stage.partition('-')[0]}/{array}" for stage, array in places}


def times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def stages(folder: Path) -> list[str]:
    return sorted(path.name.partition("-")[0] for path in folder.glob("*.zarr/*-*"))


def test_poses_and_features_are_stored_and_told_of_by_reference(study: Study, prepared: PreparedRecording) -> None:
    assert stages(Path(prepared.features.path).parent) == ["features", "poses"]
    features = open_features(prepared)
    assert prepared.n_frames == features.sizes["time"] == 450
    assert features.attrs["recording"] == prepared.entry.name == "sim01"
    assert features["nose_to_nose"].attrs["units"] == "mm", "the scale of every recording is known"
    assert study.length_reference == "mm"


def test_a_second_extraction_finds_everything_and_writes_nothing(study: Study, prepared: PreparedRecording) -> None:
    folder = Path(prepared.features.path).parent
    before = times(folder)
    assert extract_recording(prepared.entry, study, folder) == prepared
    assert times(folder) == before


def test_an_untouched_copy_of_the_pose_file_is_the_same_input(
    study: Study, prepared: PreparedRecording, copied: RecordingEntry
) -> None:
    folder = Path(prepared.features.path).parent
    again = extract_recording(copied, study, folder)
    assert (again.key, again.features) == (prepared.key, prepared.features)


def test_other_settings_or_poses_give_other_features_in_place_of_the_old(
    study: Study, copied: RecordingEntry, tmp_path: Path
) -> None:
    first = extract_recording(copied, study, tmp_path)
    stricter = extract_recording(copied, replace(study, cleaning=Cleaning(min_confidence=0.9)), tmp_path)
    edited(copied.pose_path, lambda rows: rows[:-1])
    shorter = extract_recording(copied, study, tmp_path)
    assert len({first.features.digest, stricter.features.digest, shorter.features.digest}) == 3
    assert shorter.n_frames == first.n_frames - 1
    assert stages(tmp_path) == ["features", "poses"]


def test_other_labels_behaviors_and_seeds_keep_the_features(study: Study, prepared: PreparedRecording) -> None:
    other = replace(
        study,
        name="another name",
        behaviors=study.behaviors[:1],
        search=replace(study.search, seeds=(7,)),
        labels=replace(study.labels, annotator="somebody else"),
    )
    assert extract_recording(prepared.entry, other, Path(prepared.features.path).parent) == prepared


def test_only_the_features_asked_are_computed_to_the_same_bits_as_in_memory(study: Study, tmp_path: Path) -> None:
    names = ["nose_to_nose", "speed"]
    prepared = extract_recording(study.recordings[0], study, tmp_path, names)
    assert prepared.features.names == ("speed", "nose_to_nose"), "in the order of the catalog"
    poses = read_poses(study.recordings[0], study.cleaning, n_animals=2, roles=study.roles)
    expected = compute_features(poses, study.roles, prepared.features.names, length_unit="mm")
    xr.testing.assert_identical(open_features(prepared), expected)
    assert prepared.features.digest == dataset_digest(expected)
    arrays = {path.name for path in tmp_path.glob("sim01.zarr/features-*/*") if path.is_dir()}
    assert arrays == {"time", "individual", "target", *names}


def test_the_study_says_which_features_and_else_the_catalog_does(study: Study, tmp_path: Path) -> None:
    entry = study.recordings[0]
    chosen = replace(study, features=("nose_to_nose", "bend"))
    assert extract_recording(entry, chosen, tmp_path).features.names == ("bend", "nose_to_nose")
    catalog = replace(study, features=None)
    assert extract_recording(entry, catalog, tmp_path).features.names == available_features(study.roles, 2)


def test_one_more_feature_computes_that_one_and_changes_no_reference(study: Study, tmp_path: Path) -> None:
    entry = study.recordings[0]
    two = extract_recording(entry, replace(study, features=("speed", "nose_to_nose")), tmp_path)
    before = written(tmp_path)
    three = extract_recording(entry, replace(study, features=("bend", "speed", "nose_to_nose")), tmp_path)
    assert rewritten(before, tmp_path) == {"features/bend"}
    assert three.features.digest != two.features.digest
    assert three.features.names == ("speed", "bend", "nose_to_nose")
    assert refer_features(three, ["speed", "nose_to_nose"]) == two.features
    assert extract_recording(entry, replace(study, features=("nose_to_nose", "speed")), tmp_path) == two
    assert rewritten(before, tmp_path) == {"features/bend"}


def test_another_arena_computes_only_what_the_arena_bounds(study: Study, tmp_path: Path) -> None:
    wide, narrow = (Arena(((0, 0), (side, 0), (side, side), (0, side))) for side in (900, 800))
    chosen = replace(study, features=("speed", "wall_distance"))
    first = extract_recording(replace(study.recordings[0], arena=wide), chosen, tmp_path)
    before = written(tmp_path)
    second = extract_recording(replace(study.recordings[0], arena=narrow), chosen, tmp_path)
    assert rewritten(before, tmp_path) == {"features/wall_distance"}
    assert second.key == first.key
    assert second.features.digest != first.features.digest
    catalog = replace(study, features=None)
    assert "wall_distance" in extract_recording(second.entry, catalog, tmp_path).features.names


def test_a_feature_that_cannot_be_computed_leaves_those_there_are(study: Study, tmp_path: Path) -> None:
    entry = study.recordings[0]
    prepared = extract_recording(entry, study, tmp_path, ["speed"])
    before = written(tmp_path)
    for name, message in (("wall_distance", "arena"), ("spead", "did you mean 'speed'")):
        with pytest.raises(FeatureError, match=message):
            extract_recording(entry, study, tmp_path, ["speed", name])
    assert written(tmp_path) == before
    assert extract_recording(entry, study, tmp_path, ["speed"]) == prepared


def test_a_feature_the_recording_was_not_prepared_with_is_refused(study: Study, tmp_path: Path) -> None:
    prepared = extract_recording(study.recordings[0], study, tmp_path, ["speed", "bend"])
    assert list(open_features(prepared, ["bend"]).data_vars) == ["bend"]
    for use in (open_features, refer_features):
        with pytest.raises(
            FeatureError, match=r"sim01: found no nose_to_nose, expected features .*: speed, bend; name"
        ):
            use(prepared, ["speed", "nose_to_nose"])


@pytest.mark.parametrize("damaged", ["features/speed", "features/time", "poses/position"])
def test_what_is_damaged_is_computed_again_to_the_same_bytes_and_nothing_else(
    study: Study, tmp_path: Path, contents: Callable[[Path], dict[str, bytes]], damaged: str
) -> None:
    entry = study.recordings[0]
    prepared = extract_recording(entry, study, tmp_path, ["speed", "bend"])
    sound, before = contents(tmp_path), written(tmp_path)
    stage, array = damaged.split("/")
    chunk = next(path for path in tmp_path.glob(f"sim01.zarr/{stage}-*/{array}/c/**/*") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-1])
    assert extract_recording(entry, study, tmp_path, ["speed", "bend"]) == prepared
    assert contents(tmp_path) == sound
    both = {f"{stage}/speed", f"{stage}/bend"}
    expected = {"features/speed": {damaged}, "features/time": {damaged, *both}}
    again = rewritten(before, tmp_path)
    assert again == expected.get(damaged, {"poses/position", "poses/confidence"})


def test_without_a_scale_all_lengths_are_body_lengths(study: Study, tmp_path: Path) -> None:
    unscaled = replace(study.recordings[0], scale_mm_per_px=None, scale_source="unknown")
    without = replace(study, recordings=(unscaled, *study.recordings[1:]))
    features = open_features(extract_recording(unscaled, without, tmp_path))
    assert features["nose_to_nose"].attrs["units"] == "bl"
    assert features["speed"].attrs["units"] == "bl/s"


def test_a_pose_file_that_is_not_there_is_named(study: Study, tmp_path: Path) -> None:
    absent = replace(study.recordings[0], pose_path=str(tmp_path / "absent.csv"))
    with pytest.raises(MissingFileError, match=r"absent\.csv: found no such file, expected a pose file; correct the"):
        extract_recording(absent, study, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_pose_file_cut_in_the_middle_of_a_row_is_refused(study: Study, copied: RecordingEntry) -> None:
    path = Path(copied.pose_path)
    path.write_text(path.read_text()[:-200])
    with pytest.raises(FormatError, match=r"sim01DLC.*, line \d+: found \d+ cells, expected 31 cells"):
        read_poses(copied, study.cleaning, n_animals=2, roles=study.roles)


def test_an_animal_that_is_never_seen_is_refused_by_name_and_file(study: Study, copied: RecordingEntry) -> None:
    edited(copied.pose_path, without_points("mouse2"))
    with pytest.raises(PoseError, match=r"sim01DLC.*\.csv: found no point of mouse2 in any frame"):
        read_poses(copied, study.cleaning, n_animals=2, roles=study.roles)


def test_an_animal_never_seen_surely_enough_is_refused_too(study: Study, copied: RecordingEntry) -> None:
    def unsure(rows: list[list[str]]) -> list[list[str]]:
        likelihoods = [who == "mouse2" and coord == "likelihood" for who, coord in zip(rows[1], rows[3], strict=True)]
        return rows[:4] + [
            ["0.1" if changed and cell else cell for changed, cell in zip(likelihoods, row, strict=True)]
            for row in rows[4:]
        ]

    edited(copied.pose_path, unsure)
    with pytest.raises(PoseError, match=r"no point of mouse2 in any frame.*lower min_confidence"):
        read_poses(copied, study.cleaning, n_animals=2, roles=study.roles)
    assert read_poses(copied, Cleaning(min_confidence=None), n_animals=2, roles=study.roles).sizes["individual"] == 2


def test_one_animal_is_enough_only_for_solitary_behaviors(study: Study, copied: RecordingEntry, tmp_path: Path) -> None:
    edited(copied.pose_path, only("mouse1"))
    with pytest.raises(PoseError, match=r"sim01DLC.*: found one animal where the behavior needs two \(mouse1\)"):
        extract_recording(copied, study, tmp_path / "two")
    solitary = replace(study, behaviors=(Behavior("rest", "solitary"),), features=None)
    assert animals_needed(study.behaviors) == 2
    assert animals_needed(solitary.behaviors) == 1
    assert "speed" in open_features(extract_recording(copied, solitary, tmp_path / "one"))


def test_a_program_s_features_alone_equal_those_of_the_study(study: Study, prepared: PreparedRecording) -> None:
    names = ["nose_to_nose", "facing_angle"]
    alone = features_of_file(
        prepared.entry, cleaning=study.cleaning, roles=study.roles, length_unit="mm", names=names, n_animals=2
    )
    assert set(alone.data_vars) == set(names)
    for name in names:
        xr.testing.assert_equal(alone[name], open_features(prepared)[name])


def test_millimeters_without_a_scale_are_refused(study: Study) -> None:
    unscaled = replace(study.recordings[0], scale_mm_per_px=None, scale_source="unknown")
    with pytest.raises(NspError, match=r"sim01.*scale_mm_per_px"):
        features_of_file(
            unscaled, cleaning=study.cleaning, roles=study.roles, length_unit="mm", names=["speed"], n_animals=1
        )


def test_a_keypoint_the_file_lacks_is_named_with_those_it_has(study: Study) -> None:
    with pytest.raises((PoseError, FeatureError), match=r"snout.*nose"):
        features_of_file(
            study.recordings[0],
            cleaning=study.cleaning,
            roles={**study.roles, "nose": ("snout",)},
            length_unit="mm",
            names=["nose_to_nose"],
            n_animals=2,
        )


def test_sequences_carry_the_annotator_s_states_and_unlabeled_ends(study: Study, prepared: PreparedRecording) -> None:
    contact, approach = study.behaviors
    (dyad,) = labeled_sequences(prepared, study, contact)
    orders = labeled_sequences(prepared, study, approach)
    labels = simulate_recording("sim01", seed=0, minutes=0.25).labels
    expected = np.full(prepared.n_frames, -1)
    ((first, last),) = labels.observed["contact"]
    expected[first:last] = 0
    for bout in labels.bouts:
        if bout.behavior == "contact":
            expected[bout.start_frame : bout.stop_frame] = 1
    np.testing.assert_array_equal(dyad.states, expected)
    assert (dyad.states[:first] == -1).all()
    assert len(orders) == 2
    for states, agent in zip((one.states for one in orders), ("mouse1", "mouse2"), strict=True):
        its_bouts = [bout for bout in labels.bouts if (bout.behavior, bout.individual) == ("approach", agent)]
        assert (states == 1).sum() == sum(bout.stop_frame - bout.start_frame for bout in its_bouts)


def test_the_whole_recording_may_be_observed(study: Study) -> None:
    labels = read_labels(replace(study.recordings[0], observed="all"), study, n_frames=450)
    assert labels.observed["contact"] == ((0, 450),)


def test_a_caltech_file_says_itself_what_was_looked_at_and_spans_narrow_it(study: Study, tmp_path: Path) -> None:
    (tmp_path / "annot.txt").write_text(CALTECH)
    caltech = LabelSettings("caltech", stream="S1", unscored=("base",), unscored_stream="S1")
    contact = replace(study, labels=caltech, behaviors=(Behavior("contact", "undirected"),))
    entry = replace(study.recordings[0], label_path=str(tmp_path / "annot.txt"), observed="labeled-span")
    whole = read_labels(entry, contact, n_frames=450)
    narrowed = read_labels(replace(entry, observed=((0.0, 4.0), (10.0, 15.0))), contact, n_frames=450)
    assert [(bout.start_frame, bout.stop_frame) for bout in whole.bouts] == [(90, 120)]
    assert whole.observed == {"contact": ((90, 400),)}
    assert narrowed.bouts == whole.bouts
    assert narrowed.observed == {"contact": ((90, 120), (300, 400))}


def test_labels_may_end_a_little_after_the_last_tracked_frame(study: Study) -> None:
    whole = replace(study.recordings[0], observed=((0.0, 15.0),))
    assert read_labels(whole, study, n_frames=446).last_frame == 450
    with pytest.raises(LabelError, match=r"sim01\.csv: found labels up to frame 450 for poses of 445 frames"):
        read_labels(whole, study, n_frames=445)


def test_labels_of_a_much_longer_video_are_refused(study: Study, copied: RecordingEntry) -> None:
    edited(copied.label_path, lambda rows: [*rows, ["sim01", "", "", "contact", "900", "960", "simulated annotator"]])
    with pytest.raises(
        LabelError, match=r"labels up to frame 960 for poses of 450 frames, expected at most 454.*fps is right"
    ):
        read_labels(copied, study, n_frames=450)


def test_missing_labels_are_an_error_of_this_recording(study: Study, tmp_path: Path) -> None:
    entry = study.recordings[0]
    with pytest.raises(LabelError, match="sim01: found no label file, expected labels, as the recording's role is"):
        read_labels(replace(entry, label_path=None), study, n_frames=450)
    with pytest.raises(MissingFileError, match=r"absent\.csv: found no such file"):
        read_labels(replace(entry, label_path=str(tmp_path / "absent.csv")), study, n_frames=450)
