"""Programs over recordings: parts that are found again, tables that agree with each other and with the study's own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nsp_adapters.inference import assemble_tables, infer_file, infer_recording
from nsp_adapters.recordings import PreparedRecording, extract_recording
from nsp_adapters.study import read_study
from nsp_adapters.tables import iterate_frame_tables, read_bout_table
from nsp_core.dsl.text import parse_program
from nsp_core.errors import FeatureError, MissingFileError, NspError, UnitError
from nsp_core.labels import Behavior
from nsp_core.program import ProgramArtifact
from nsp_core.simulate import APPROACH_RULE, CONTACT_RULE
from nsp_core.study import RecordingEntry, Study

REST = Behavior("rest", "solitary")


@pytest.fixture(scope="module")
def study(small_study: Path) -> Study:
    return read_study(small_study, environment={})


@pytest.fixture(scope="module")
def recordings(study: Study, tmp_path_factory: pytest.TempPathFactory) -> list[PreparedRecording]:
    folder = tmp_path_factory.mktemp("store")
    return [extract_recording(entry, study, folder) for entry in study.recordings[:2]]


@pytest.fixture(scope="module")
def programs(study: Study) -> dict[str, ProgramArtifact]:
    """The planted rules of the dyad, and one of a single animal."""

    def artifact(behavior: Behavior, text: str) -> ProgramArtifact:
        return ProgramArtifact(behavior, parse_program(text), study.roles, study.cleaning, study.length_reference)

    planted = [artifact(rule.behavior, str(rule)) for rule in (CONTACT_RULE, APPROACH_RULE)]
    rest = artifact(REST, "min_bout(mean(speed, 0.5 s) < 20 mm/s, 0.2 s)")
    return {one.behavior.name: one for one in (*planted, rest)}


@pytest.fixture(scope="module")
def part(programs: dict[str, ProgramArtifact], recordings: list[PreparedRecording], out: Path) -> Path:
    return infer_recording(list(programs.values()), recordings[0], out)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ethograms")


def bouts_of(part: Path) -> pd.DataFrame:
    return read_bout_table(part / "bouts.parquet")


def frames_of(part: Path) -> pd.DataFrame:
    return pd.concat(list(iterate_frame_tables(part / "frames.parquet")), ignore_index=True)


def without_mouse2(entry: RecordingEntry, folder: Path, frames: range) -> RecordingEntry:
    """Return the recording with a copy of its poses in which nobody saw the second animal in ``frames``."""
    rows = [line.split(",") for line in Path(entry.pose_path).read_text().splitlines()]
    for row in rows[4 + frames.start : 4 + frames.stop]:
        row[:] = ["" if who == "mouse2" else cell for who, cell in zip(rows[1], row, strict=True)]
    path = folder / Path(entry.pose_path).name
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")
    return replace(entry, pose_path=str(path))


def test_who_takes_part_follows_the_kind_of_the_behavior(part: Path) -> None:
    who = {
        behavior: set(zip(rows["individual"], rows["target"].fillna("nobody"), strict=True))
        for behavior, rows in frames_of(part).groupby("behavior")
    }
    assert who == {
        "contact": {("mouse1", "mouse2")},
        "approach": {("mouse1", "mouse2"), ("mouse2", "mouse1")},
        "rest": {("mouse1", "nobody"), ("mouse2", "nobody")},
    }


def test_every_frame_of_every_behavior_and_dyad_has_one_row(part: Path) -> None:
    frames = frames_of(part)
    assert list(frames.columns) == ["recording", "individual", "target", "behavior", "frame", "time_s", "prob"]
    assert len(frames) == 5 * 450
    for _, rows in frames.groupby(["behavior", "individual"], sort=False):
        np.testing.assert_array_equal(rows["frame"], np.arange(450))
        np.testing.assert_allclose(rows["time_s"], np.arange(450) / 30.0)
    assert frames["prob"].dropna().between(0, 1).all()


def test_bouts_lie_in_the_recording_apart_from_each_other_with_their_mean_probability(part: Path) -> None:
    bouts, frames = bouts_of(part), frames_of(part)
    assert set(bouts["behavior"]) == {"contact", "approach", "rest"}
    for (behavior, individual), rows in bouts.groupby(["behavior", "individual"]):
        starts, stops = rows["start_frame"].to_numpy(), rows["stop_frame"].to_numpy()
        assert (starts < stops).all()
        assert (stops[:-1] < starts[1:]).all()
        assert stops[-1] <= 450
        own = frames[(frames["behavior"] == behavior) & (frames["individual"] == individual)]["prob"].to_numpy()
        expected = [np.nanmean(own[start:stop]) for start, stop in zip(starts, stops, strict=True)]
        np.testing.assert_allclose(rows["mean_prob"], expected, rtol=1e-6)
        np.testing.assert_allclose(rows["start_s"], starts / 30.0)
        np.testing.assert_allclose(rows["stop_s"], stops / 30.0)


def test_frames_in_which_an_animal_is_lost_have_no_probability_and_no_bout(
    programs: dict[str, ProgramArtifact], study: Study, tmp_path: Path
) -> None:
    lost = range(200, 300)
    near = replace(programs["contact"], condition=parse_program("nose_to_nose < 200 mm"))
    part = infer_file(near, without_mouse2(study.recordings[0], tmp_path, lost), tmp_path / "out")
    prob = frames_of(part)["prob"].to_numpy()
    assert np.isnan(prob[lost]).all()
    assert not np.isnan(prob[: lost.start - 15]).any(), "shorter gaps, of up to half a second, are filled"
    bouts = bouts_of(part)
    assert ((bouts["stop_frame"] <= lost.start) | (bouts["start_frame"] >= lost.stop)).all()
    assert {lost.start, lost.stop} & {*bouts["start_frame"], *bouts["stop_frame"]}, "one is cut short by the gap"


def test_a_second_inference_finds_the_part(
    programs: dict[str, ProgramArtifact], recordings: list[PreparedRecording], part: Path, out: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert infer_recording(list(programs.values()), recordings[0], out) == part
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_another_program_replaces_the_part(
    programs: dict[str, ProgramArtifact], recordings: list[PreparedRecording], part: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "ethograms"
    shutil.copytree(part, folder / "parts" / part.name)
    other = infer_recording([programs["rest"]], recordings[0], folder)
    assert other.name != part.name
    assert list((folder / "parts").iterdir()) == [other]
    assert set(bouts_of(other)["behavior"]) == {"rest"}


def test_only_the_features_that_programs_name_are_read_and_decide_about_the_part(
    programs: dict[str, ProgramArtifact], study: Study, recordings: list[PreparedRecording], tmp_path: Path
) -> None:
    chosen = [programs["contact"], programs["rest"]]
    needed = {name for program in chosen for name in program.features}
    few = extract_recording(recordings[0].entry, study, tmp_path / "store", sorted(needed))
    part = infer_recording(chosen, few, tmp_path)
    more = extract_recording(recordings[0].entry, study, tmp_path / "store")
    for array in (tmp_path / "store").glob("sim01.zarr/features-*/*"):
        if array.name not in {"time", "individual", "target", *needed, "zarr.json"}:
            shutil.rmtree(array)
    written = (part / "bouts.parquet").stat().st_mtime_ns
    assert infer_recording(chosen, more, tmp_path) == part
    assert (part / "bouts.parquet").stat().st_mtime_ns == written
    frames = frames_of(infer_recording(chosen, more, tmp_path / "again"))
    pd.testing.assert_frame_equal(frames, frames_of(part))


def test_a_program_whose_features_were_not_prepared_is_refused(
    programs: dict[str, ProgramArtifact], study: Study, tmp_path: Path
) -> None:
    prepared = extract_recording(study.recordings[0], study, tmp_path / "store", ["bend"])
    with pytest.raises(FeatureError, match=r"sim01: found no .*; name every feature that programs need in the study"):
        infer_recording([programs["contact"]], prepared, tmp_path)


def test_a_damaged_part_is_computed_again(
    programs: dict[str, ProgramArtifact], recordings: list[PreparedRecording], tmp_path: Path
) -> None:
    part = infer_recording([programs["contact"]], recordings[0], tmp_path)
    sound = (part / "bouts.parquet").read_bytes()
    (part / "bouts.parquet").write_bytes(sound[:50])
    assert infer_recording([programs["contact"]], recordings[0], tmp_path) == part
    assert (part / "bouts.parquet").read_bytes() == sound


@pytest.mark.parametrize("behavior", ["contact", "approach", "rest"])
def test_a_file_outside_any_study_gives_the_same_tables(
    programs: dict[str, ProgramArtifact], study: Study, part: Path, tmp_path: Path, behavior: str
) -> None:
    alone = infer_file(programs[behavior], study.recordings[0], tmp_path)
    for table in (bouts_of, frames_of):
        of_study = table(part)
        expected = of_study[of_study["behavior"] == behavior].reset_index(drop=True)
        pd.testing.assert_frame_equal(table(alone), expected)


def test_a_file_is_inferred_again_only_where_it_or_its_scale_changed(
    programs: dict[str, ProgramArtifact], study: Study, tmp_path: Path
) -> None:
    entry = study.recordings[0]
    first = infer_file(programs["contact"], entry, tmp_path)
    written = (first / "bouts.parquet").stat().st_mtime_ns
    assert infer_file(programs["contact"], entry, tmp_path) == first
    assert (first / "bouts.parquet").stat().st_mtime_ns == written
    rescaled = infer_file(programs["contact"], replace(entry, scale_mm_per_px=1.0), tmp_path)
    assert rescaled != first
    assert not first.exists()


def test_a_program_in_millimeters_needs_a_scale(
    programs: dict[str, ProgramArtifact], study: Study, tmp_path: Path
) -> None:
    unscaled = replace(study.recordings[0], scale_mm_per_px=None, scale_source="unknown")
    with pytest.raises(NspError, match=r"sim01.*scale_mm_per_px"):
        infer_file(programs["contact"], unscaled, tmp_path)


def test_a_program_in_millimeters_is_not_run_on_body_lengths(
    programs: dict[str, ProgramArtifact], study: Study, tmp_path: Path
) -> None:
    mislabeled = replace(programs["contact"], length_reference="body")
    with pytest.raises(UnitError, match="mm"):
        infer_file(mislabeled, study.recordings[0], tmp_path)


def test_a_pose_file_that_is_not_there_is_named(
    programs: dict[str, ProgramArtifact], study: Study, tmp_path: Path
) -> None:
    absent = replace(study.recordings[0], pose_path=str(tmp_path / "absent.csv"))
    with pytest.raises(MissingFileError, match=r"absent\.csv: found no such file"):
        infer_file(programs["contact"], absent, tmp_path)


def test_the_final_tables_are_the_parts_one_below_the_other(
    programs: dict[str, ProgramArtifact],
    recordings: list[PreparedRecording],
    part: Path,
    out: Path,
    contents: Callable[[Path], dict[str, bytes]],
) -> None:
    parts = [part, infer_recording(list(programs.values()), recordings[1], out)]
    tables = assemble_tables(parts, out)
    expected = pd.concat([bouts_of(one) for one in parts], ignore_index=True)
    pd.testing.assert_frame_equal(read_bout_table(tables.bouts_parquet), expected)
    from_csv = read_bout_table(tables.bouts_csv)
    pd.testing.assert_frame_equal(from_csv, expected, atol=1e-4)
    assert list(from_csv["recording"].unique()) == ["sim01", "sim02"]
    written = contents(out)
    assemble_tables(parts, out)
    assert contents(out) == written
