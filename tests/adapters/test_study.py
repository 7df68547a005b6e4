"""A study file: what a correct one becomes."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import xarray as xr

from nsp_adapters.study import read_roles, read_study
from nsp_core.errors import MissingFileError, StudyError
from nsp_core.labels import Behavior
from nsp_core.study import LabelSettings, RecordingEntry, SearchSettings, study_digest
from tests.adapters.study_examples import STUDY, TRAIN, changed, names, read

RATS = Path(__file__).resolve().parents[2] / "deployments" / "studies" / "rats.toml"


def test_a_study_is_resolved_to_recordings_in_natural_order(study_folder: Path) -> None:
    study = read(study_folder)
    assert names(study) == ["f1", "f2", "f10"]
    assert [entry.role for entry in study.recordings] == ["train", "test", "train"]
    assert [entry.name for entry in study.of_role("validation", "test")] == ["f2"]
    second = study.recordings[1]
    assert second == RecordingEntry(
        name="f2",
        pose_path=(study_folder / "tracks/pose/f2DLC_resnet50.csv").as_posix(),
        label_path=(study_folder / "tracks/test/f2DLC_resnet50.txt").as_posix(),
        role="test",
        subject_id=None,
        cage_id=None,
        group=None,
        fps=29.97,
        scale_mm_per_px=None,
        scale_source="unknown",
    )
    assert study.roles == {"nose": ("snout",), "center": ("left", "right"), "tail_base": ("tail",)}
    assert study.behaviors == (Behavior("chase", "undirected"),)
    assert (study.cleaning.min_confidence, study.cleaning.max_gap_s) == (None, 0.5)
    assert study.labels == LabelSettings(format="caltech", stream="S1")
    assert study.search == SearchSettings()


def test_every_setting_reaches_the_study(study_folder: Path) -> None:
    stated = 'stream = "S1"\nannotator = "AB"\nunscored = ["base"]\nobserved = [[60, 90.5], [0, 30]]'
    text = (
        changed(('stream = "S1"', stated))
        + """
[cleaning]
min_confidence = 0.6
max_gap_s = 0
[search]
seeds = [3, 1]
budget_s = 60
budget_candidates = 500
max_complexity = 7
beam_width = 5
"""
    )
    study = read(study_folder, text)
    assert (study.cleaning.min_confidence, study.cleaning.max_gap_s) == (0.6, 0.0)
    assert study.labels == LabelSettings("caltech", "S1", "AB", ("base",), "S1")
    assert {entry.observed for entry in study.recordings} == {((0.0, 30.0), (60.0, 90.5))}
    assert study.search == SearchSettings((3, 1), 60.0, 500, 7, 5)


def test_a_block_overrides_frame_rate_scale_and_observed_spans(study_folder: Path) -> None:
    stated = 'fps = 60\nscale_mm_per_px = 0.5\nscale_source = "ruler"\nobserved = "all"'
    first, second, _ = read(study_folder, changed(('names = ["f2"]', stated))).recordings
    assert (second.fps, second.scale_mm_per_px, second.scale_source, second.observed) == (60.0, 0.5, "ruler", "all")
    assert (first.fps, first.scale_mm_per_px, first.scale_source) == (29.97, None, "unknown")


def test_one_unknown_scale_makes_all_lengths_body_lengths(study_folder: Path) -> None:
    known = changed(('scale = "unknown"', 'scale_mm_per_px = 0.31\nscale_source = "arena 500 mm wide"'))
    study = read(study_folder, known)
    assert study.length_reference == "mm"
    assert not [note for note in study.loud_notes if "scale" in note]
    study = read(study_folder, known.replace('names = ["f2"]', 'scale = "unknown"'))
    assert study.length_reference == "body"
    assert "scale unknown for 1 of 3 recordings: ALL lengths are body lengths (bl), not millimeters" in study.loud_notes


def test_identities_are_templates_or_plain_numbers(study_folder: Path) -> None:
    stated = f'{TRAIN}\nsubject_id = "{{recording}}"\ncage_id = 7\ngroup = "{{folder}}"'
    first, _, last = read(study_folder, changed((TRAIN, stated))).recordings
    assert (first.subject_id, last.subject_id) == ("f1", "f10")
    assert (first.cage_id, first.group) == ("7", "pose")


def test_names_come_from_a_template_and_select_recordings(study_folder: Path) -> None:
    text = changed((TRAIN, 'poses = "pose/*.csv"\nname = "{folder}-{name}"\nnames = ["pose-f10"]'))
    assert names(read(study_folder, text)) == ["f2", "pose-f10"]


def test_names_may_be_written_as_numbers(study_folder: Path) -> None:
    (study_folder / "tracks/pose/12DLC_x.csv.gz").touch()
    text = changed((TRAIN, 'poses = "pose/*.csv.gz"\nnames = [12]'))
    assert names(read(study_folder, text)) == ["12", "f2"]


def test_hidden_copies_and_folders_are_no_recordings(study_folder: Path) -> None:
    (study_folder / "tracks/pose/._f1DLC_resnet50.csv").touch()
    (study_folder / "tracks/pose/f1_folder.csv").mkdir()
    assert names(read(study_folder, changed(("f1*.csv", "*f1*.csv")))) == ["f1", "f2", "f10"]


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("pattern", ["pose/f3.zarr", "pose/*.zarr", "**/*zarr*", "**"])
def test_a_zarr_group_is_a_recording_and_what_is_in_it_is_none(
    study_folder: Path, zarr_format: Literal[2, 3], pattern: str
) -> None:
    dataset = xr.Dataset({"position": ("time", [1.0, 2.0])}, {"time": [0, 1]})
    dataset.to_zarr(study_folder / "tracks/pose/f3.zarr", zarr_format=zarr_format, consolidated=False)
    study = read(study_folder, changed((TRAIN, f'poses = "{pattern}"\nnames = ["f3"]')))
    assert names(study) == ["f2", "f3"]
    assert study.recordings[1].pose_path == (study_folder / "tracks/pose/f3.zarr").resolve().as_posix()
    with pytest.raises(StudyError, match=r'as it leads into a Zarr group; did you mean "pose/f3\.zarr"\?'):
        read(study_folder, changed((TRAIN, 'poses = "pose/f3.zarr/position"')))


def test_a_folder_that_is_no_zarr_group_is_told_so(study_folder: Path) -> None:
    (study_folder / "tracks/pose/cage3").mkdir()
    message = (
        f'17: poses = "pose/cage*" matches no file in {study_folder}/tracks, only folders that are no Zarr group: '
        'pose/cage3; did you mean "pose/cage3/*"?'
    )
    with pytest.raises(StudyError, match=re.escape(message)):
        read(study_folder, changed((TRAIN, 'poses = "pose/cage*"')))


def test_a_file_matched_twice_by_one_block_is_one_recording(study_folder: Path) -> None:
    text = changed((TRAIN, 'poses = ["pose/f1*.csv", "pose/../pose/f10*.csv"]'))
    assert names(read(study_folder, text)) == ["f1", "f2", "f10"]


def test_a_link_into_an_annex_keeps_its_own_name(study_folder: Path) -> None:
    (study_folder / "MD5-0123.csv").touch()
    (study_folder / "tracks/pose/f12DLC_x.csv").symlink_to(study_folder / "MD5-0123.csv")
    assert names(read(study_folder)) == ["f1", "f2", "f10", "f12"]


def test_explicit_files_and_label_files_need_not_exist(study_folder: Path) -> None:
    text = changed((TRAIN, 'files = ["pose/f1DLC_resnet50.csv", "pose/f9DLC_resnet50.csv"]'))
    entries = read(study_folder, text).recordings
    assert [entry.name for entry in entries] == ["f1", "f2", "f9"]
    assert not Path(entries[2].pose_path).exists()
    assert not any(Path(entry.label_path or "").exists() for entry in entries)


def test_an_optional_block_may_match_nothing_and_says_so(study_folder: Path) -> None:
    text = changed((TRAIN, 'poses = "new/*.csv"\noptional = true'))
    study = read(study_folder, text)
    assert names(study) == ["f2"]
    assert "an optional block (line 15) matches no file" in study.loud_notes


def test_recordings_to_infer_need_no_labels(study_folder: Path) -> None:
    text = STUDY.replace('role = "train"', 'role = "infer"').replace('role = "test"', 'role = "infer"')
    text = re.sub(r"labels = .*\n", "", text).split("[labels]")[0]
    study = read(study_folder, text)
    assert study.labels is None
    assert {(entry.role, entry.label_path) for entry in study.recordings} == {("infer", None)}
    assert [note for note in study.loud_notes if "_id" in note] == []


def test_loud_notes_say_what_cannot_be_checked_or_computed(study_folder: Path) -> None:
    text = changed(('nose = "snout"\n', "")) + "[search]\nbudget_s = 600\n"
    notes = read(study_folder, text).loud_notes
    unchecked = "not stated for 3 of 3 recordings: whether train shares it with validation or test cannot be checked"
    assert notes[1:] == (
        f"subject_id {unchecked}",
        f"cage_id {unchecked}",
        "no keypoint has the role nose: features that need it cannot be computed",
        "the search stops after 600 s, so its result depends on the machine; budget_candidates alone repeats exactly",
    )


def test_variables_come_from_the_given_environment_only(
    study_folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = changed(('"tracks"', '"${NSP_DATA}/tracks"'))
    assert read(study_folder, text, NSP_DATA=str(study_folder)).data_folder == (study_folder / "tracks").as_posix()
    by_variable = changed((TRAIN, 'poses = "${HERE}/pose/f1*.csv"'), ("labels/{", "${HERE}/x/{"))
    entry = read(study_folder, by_variable, HERE=str(study_folder / "tracks")).recordings[0]
    assert (entry.name, entry.label_path) == ("f1", (study_folder / "tracks/x/f1.txt").as_posix())
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    monkeypatch.setenv("NSP_DATA", str(study_folder))
    message = (
        "study.toml:3: ${NSP_DATA} is not set and there is no folder ../shared/data here: "
        "set the environment variable NSP_DATA"
    )
    with pytest.raises(StudyError, match=re.escape(message)):
        read(study_folder, text)


def test_nsp_data_defaults_to_a_folder_beside_the_current_one(
    study_folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace = tmp_path_factory.mktemp("workplace")
    (workplace / "here").mkdir()
    (workplace / "shared").mkdir()
    study_folder.rename(workplace / "shared" / "data")
    monkeypatch.chdir(workplace / "here")
    assert len(read(workplace, changed(('"tracks"', '"${NSP_DATA}/tracks"'))).recordings) == 3


def test_the_digest_depends_on_what_is_stated_not_on_where_it_lies(
    study_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    study = read(study_folder)
    moved = tmp_path_factory.mktemp("moved") / "elsewhere"
    study_folder.rename(moved)
    assert study_digest(read(moved, "# a comment\n" + STUDY)) == study_digest(study)
    assert re.fullmatch("[0-9a-f]{64}", study_digest(study))
    for old, new in [("29.97", "30"), ("S1", "S2"), ("snout", "tail"), ("chase", "bite"), ("{recording}", "{stem}")]:
        assert study_digest(read(moved, changed((old, new)))) != study_digest(study)
    outside = replace(study.recordings[0], pose_path="/a/b/f1.csv"), replace(study.recordings[0], pose_path="/c/f1.csv")
    assert len({study_digest(replace(study, recordings=(entry,))) for entry in outside}) == 1


def test_roles_are_read_from_a_file_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "ROLES.toml"
    path.write_text('[roles]\nnose = "snout"\ncenter = ["left", "right"]\n')
    assert read_roles(path) == {"nose": ("snout",), "center": ("left", "right")}
    path.write_text('[role]\nnose = "snout"\n')
    with pytest.raises(StudyError, match=r"ROLES\.toml:1: unknown table \[role\], did you mean \[roles\]\?"):
        read_roles(path)
    path.write_text('[roles]\ntailbase = "tail"\n')
    with pytest.raises(StudyError, match=r"ROLES\.toml:2: unknown role 'tailbase' in \[roles\], did you mean 'tail_b"):
        read_roles(path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seeds": ()}, r"search: found seeds = \[\], expected different whole numbers, at least one"),
        ({"seeds": (1, 1)}, r"search: found seeds = \[1, 1\], expected different whole numbers"),
        ({"budget_s": 0.0}, "search: found budget_s = 0.0, expected a number above 0"),
        ({"max_complexity": 0}, "search: found max_complexity = 0, expected a number above 0"),
    ],
)
def test_impossible_search_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        SearchSettings(**settings)  # type: ignore[arg-type]  # the table above holds one keyword per case


def test_impossible_recordings_are_refused(study_folder: Path) -> None:
    study = read(study_folder)
    with pytest.raises(StudyError, match="f1: found fps = nan, expected a number above 0; correct the study file"):
        replace(study.recordings[0], fps=float("nan"))
    with pytest.raises(StudyError, match="f1: found scale_mm_per_px = -1, expected a number above 0"):
        replace(study.recordings[0], scale_mm_per_px=-1)
    twice = (study.recordings[0], replace(study.recordings[0], name="F1"))
    with pytest.raises(StudyError, match="fish: found two recordings called 'F1', expected a name of its own for each"):
        replace(study, recordings=twice)


def test_the_rat_study_names_its_folder_when_it_is_absent(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r'rats\.toml:6: found data = "\$\{NSP_DATA\}/rats_resident'):
        read_study(RATS, environment={"NSP_DATA": str(tmp_path)})


@pytest.mark.real_data
def test_the_rat_study_has_its_fixed_split(nsp_data: Path) -> None:
    study = read_study(RATS, environment={"NSP_DATA": str(nsp_data)})
    numbers = [1, 2, 4, 5, 8, 10, 12, 14, 20, 24, 28, 36, 40, 46, 53, 57]
    assert names(study) == [str(number) for number in numbers]
    assert [entry.name for entry in study.of_role("test")] == ["1", "12", "20", "53"]
    assert [entry.name for entry in study.of_role("validation")] == ["8", "28"]
    assert Counter(entry.role for entry in study.recordings)["train"] == 10
    assert all(Path(entry.pose_path).is_file() and Path(entry.label_path or "").is_file() for entry in study.recordings)
    assert all(Path(entry.pose_path).name.startswith(f"{entry.name}DLC_") for entry in study.recordings)
    assert {entry.fps for entry in study.recordings} == {30.0}
    assert study.behaviors == (Behavior("social", "undirected"), Behavior("aggression", "undirected"))
    assert study.labels == LabelSettings("caltech", "S1", "unknown", ("base",), "S1")
    assert study.length_reference == "body"
    assert "scale unknown for 16 of 16" in study.loud_notes[0]
