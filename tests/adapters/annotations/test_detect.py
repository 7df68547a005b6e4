"""Formats are told by content, a stated one is taken at its word, and an unknown file is met with an example."""

from __future__ import annotations

import importlib
import json
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsp_adapters.annotations import detect
from nsp_adapters.annotations.detect import FORMATS, AnnotationFormat, detect_annotation_format, read_annotation_file
from nsp_adapters.annotations.plain_bouts import EXAMPLE
from nsp_core.errors import AmbiguousError, FormatError, MissingFileError, NspError
from nsp_core.labels import Bout

WITH_EXAMPLE = [
    "bento",
    "calms21",
    "caltech_streams",
    "deepethogram",
    "interval_csv",
    "mabe",
    "per_frame_csv",
    "plain_bouts",
    "simba_bouts",
    "simba_targets",
]


def example(module: str) -> str:
    return importlib.import_module(f"nsp_adapters.annotations.{module}").EXAMPLE


def format_name(module: str) -> str:
    return {"caltech_streams": "caltech", "plain_bouts": "bout-csv"}.get(module, module.replace("_", "-"))


@pytest.mark.parametrize("module", WITH_EXAMPLE)
def test_example_of_each_format_is_told_and_read_under_any_name(write, module):
    text = example(module)
    assert len(text.splitlines()) <= 5
    path = write(text, "renamed.dat")
    assert detect_annotation_format(path).name == format_name(module)
    labels = read_annotation_file(path, fps=30.0).labels
    assert any(entry.bouts for entry in labels)
    assert all(entry.recording for entry in labels)


def test_binary_formats_are_told(tmp_path):
    path = tmp_path / "a.dat"
    scipy.io.savemat(path, {"Behavior": {"a": {"Bouts": [[1, 2]], "Vector": [1, 1, 0]}}}, appendmat=False)
    assert detect_annotation_format(path).name == "behaviordepot"
    pd.DataFrame(
        {"agent_id": [1], "target_id": [2], "action": ["a"], "start_frame": [0], "stop_frame": [1]}
    ).to_parquet(path)
    assert detect_annotation_format(path).name == "mabe"
    np.save(tmp_path / "a.npy", np.array([0, 1]))
    assert detect_annotation_format(tmp_path / "a.npy").name == "calms21"


def test_stated_format_is_taken_at_its_word(write):
    path = write(",background,groom\n0,1,0\n1,0,1\n")
    assert detect_annotation_format(path).name == "deepethogram"
    assert read_annotation_file(path, fps=None).labels[0].bouts == (Bout("groom", 1, 2),)
    stated = read_annotation_file(path, format="per-frame-csv", fps=None)
    assert stated.behaviors == ("background", "groom")


def test_every_keyword_reaches_a_reader_that_takes_it(write):
    read = read_annotation_file(
        write(EXAMPLE), fps=30.0, n_frames=2000, recording="cage4", annotator="anna", looked_for=["bite"]
    )
    assert [(each.recording, each.annotator) for each in read.labels] == [("cage4", "anna")]
    assert read.labels[0].observed == {"attack": ((0, 2000),), "bite": ((0, 2000),)}


@pytest.mark.parametrize("content", [b"hello\n", b"\x89PNG\r\n\x1a\n", b"{}", b"x,y\n1,2\n", b"\xff\xfe\0\0", b"PAR1"])
def test_unknown_file_is_met_with_a_valid_example(write, content):
    with pytest.raises(FormatError) as caught:
        detect_annotation_format(write(content, "cage3.csv"))
    message = str(caught.value)
    assert message.startswith("cage3.csv: found a file in no known format (it begins ")
    assert all(each.name in message for each in FORMATS)
    shown = message.partition("such as:\n")[2]
    assert len(shown.splitlines()) == 5
    assert read_annotation_file(write(shown), fps=None).labels


@pytest.mark.parametrize("module", ["plain_bouts", "per_frame_csv", "simba_bouts", "simba_targets", "deepethogram"])
def test_a_table_saved_with_semicolons_is_told_so_whether_its_format_is_stated_or_not(write, module):
    path = write(example(module).replace(",", ";"))
    for stated in (None, format_name(module)):
        with pytest.raises(FormatError, match="found columns separated by ';', as a spreadsheet program saves them"):
            read_annotation_file(path, format=stated, fps=30.0)


@pytest.mark.parametrize("module", ["plain_bouts", "per_frame_csv", "simba_bouts", "deepethogram", "mabe"])
def test_empty_columns_at_the_end_change_nothing(write, module):
    plain, filled = write(example(module)), write(example(module).replace("\n", ",,\n") + ",,", "filled.csv")
    assert detect_annotation_format(filled).name == format_name(module)
    read, other = (read_annotation_file(path, fps=30.0, recording=None) for path in (plain, filled))
    assert [one.bouts for one in read.labels] == [one.bouts for one in other.labels]


@pytest.mark.parametrize("stated", [None, "bout-csv", "caltech"])
def test_poses_given_as_labels_are_called_poses(write, stated):
    path = write("scorer,n,n\nbodyparts,nose,nose\ncoords,x,y\n0,1,2\n", "cage3DLC.csv")
    with pytest.raises(FormatError, match=r"found a pose file \(dlc_csv\), expected an annotation file; name the file"):
        read_annotation_file(path, format=stated, fps=30.0)


def test_a_video_given_as_labels_is_called_a_video(write):
    with pytest.raises(FormatError, match=r"no known format \(it begins .*: a video \(mp4, mov\)\)"):
        read_annotation_file(write(b"\0\0\0\x20ftypisom\0\0\2\0"), fps=30.0)


def test_stated_name_that_is_none_names_the_closest(write):
    with pytest.raises(
        FormatError, match=r"found format 'simba-bout' \(closest: 'simba-bouts'\), expected one of boris"
    ):
        detect_annotation_format(write(EXAMPLE), "simba-bout")


def test_file_that_fits_two_formats_is_refused(write, monkeypatch):
    twice = (*FORMATS, AnnotationFormat("mine", lambda path: True, FORMATS[0].read))
    monkeypatch.setattr(detect, "FORMATS", twice)
    with pytest.raises(AmbiguousError, match=r"found a file that could be bout-csv or mine, .* state the format"):
        detect_annotation_format(write(EXAMPLE))


def test_missing_and_empty_files_are_told(write, tmp_path):
    with pytest.raises(MissingFileError, match=r"none\.csv: found no such file"):
        read_annotation_file(tmp_path / "none.csv", fps=None)
    with pytest.raises(FormatError, match="found an empty file"):
        read_annotation_file(write(""), fps=None)


def test_no_reader_takes_a_file_of_another_format_for_its_own(write):
    for module in WITH_EXAMPLE:
        path = write(example(module))
        assert sum(each.looks_like(path) for each in FORMATS) == 1, module


def test_looking_never_fails(write):
    contents = [b"\0" * 5000, b"\xff" * 5000, b'"' * 5000, b"MATLAB 5.0" + bytes(200), b"MATLAB 7.3" + bytes(600)]
    contents += [
        b"\x89HDF\r\n\x1a\n" + bytes(99),
        b"PAR1" * 9,
        b"\x93NUMPY",
        json.dumps({"a": 1}).encode(),
        b"\x1f\x8b",
    ]
    for content in contents:
        path = write(content)
        for each in FORMATS:
            assert each.looks_like(path) in (True, False), each.name


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("module", WITH_EXAMPLE)
@given(chosen=st.data())
def test_damaged_text_is_read_or_refused_and_never_breaks(write, module, chosen):
    content = bytearray(example(module).encode())
    for _ in range(chosen.draw(st.integers(1, 4))):
        start = chosen.draw(st.integers(0, len(content)))
        stop = start + chosen.draw(st.integers(0, 6))
        content[start:stop] = chosen.draw(
            st.binary(max_size=3) | st.sampled_from([b",", b"\n", b"-1", b"nan", b"9" * 20])
        )
    path = write(bytes(content))
    for each in FORMATS:
        assert each.looks_like(path) in (True, False)
    with suppress(NspError):
        imported = read_annotation_file(path, format=format_name(module), fps=30.0, n_frames=2000)
        assert all(entry.last_frame <= 2000 for entry in imported.labels)


@pytest.mark.real_data
def test_real_files_are_told(nsp_data):
    expected = {
        "formats/bento/Together_1_EXCERPT.annot": "bento",
        "formats/boris/test.boris": "boris-project",
        "formats/boris/test_export_events_tabular.tsv": "boris-tabular",
        "formats/boris/test_export_events_tabular.csv": "boris-tabular",
        "formats/boris/test_export_aggregated_events_test_full_1.tsv": "boris-aggregated",
        "ethome_adult_juvenile/annot_brett_initial_DLC3.csv": "boris-tabular",
        "behaviordepot_freezing/demo1_labels.csv": "per-frame-csv",
        "behaviordepot_freezing/demo1/demo1_video.avi_analyzed/Behavior.mat": "behaviordepot",
        "behaviordepot_freezing/demo1/hB_demo1_manual_annotations.mat.mat": "behaviordepot",
        "rats_resident_intruder_dlc/labels/1_annot.txt": "caltech",
        "sturman_multiannotator_labels/AllFSTLables.csv": "interval-csv",
    }
    assert {name: detect_annotation_format(nsp_data / name).name for name in expected} == expected


@pytest.mark.real_data
def test_real_pose_files_are_no_annotations(nsp_data):
    paths = [*(nsp_data / "formats" / "dlc").iterdir(), *(nsp_data / "formats" / "sleap").iterdir()]
    for path in paths:
        assert not any(each.looks_like(path) for each in FORMATS), path.name
