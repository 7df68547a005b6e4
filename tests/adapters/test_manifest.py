"""The manifest: same run, same bytes; and it notices when a result was changed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from nsp_adapters.manifest import (
    InputFile,
    Manifest,
    OutputFile,
    describe_input,
    describe_outputs,
    file_sha256,
    read_manifest,
    verify_manifest,
    write_manifest,
)
from nsp_core.errors import FormatError, MissingFileError


def run_folder(folder: Path) -> tuple[Path, Manifest]:
    """Results of a small run, with everything a manifest must leave out beside them."""
    (folder / "1.zarr" / "poses").mkdir(parents=True)
    (folder / "1.zarr" / "poses" / "zarr.json").write_text("{}")
    (folder / "bouts.csv").write_text("recording\n1\n")
    (folder / "run.log").write_text("started at noon")
    (folder / ".frames.parquet.1-0000000000000000.tmp").write_text("half")
    manifest = Manifest(
        software_version="0.1.0",
        study_digest="c" * 64,
        seeds=(7,),
        inputs={"1": (InputFile(file_name="1.csv", sha256="d" * 64, n_frames=100),)},
        outputs=describe_outputs(folder, [folder]),
        programs={"chase": "e" * 64},
    )
    write_manifest(folder / "manifest.json", manifest)
    return folder / "manifest.json", manifest


def test_a_manifest_reads_back_as_it_was_written(tmp_path: Path) -> None:
    path, manifest = run_folder(tmp_path)
    assert read_manifest(path) == manifest
    assert verify_manifest(path) == []


def test_outputs_are_listed_by_relative_path_without_logs_and_temporaries(tmp_path: Path) -> None:
    _, manifest = run_folder(tmp_path)
    expected = OutputFile(sha256=hashlib.sha256(b"recording\n1\n").hexdigest(), n_bytes=12)
    assert sorted(manifest.outputs) == ["1.zarr/poses/zarr.json", "bouts.csv"]
    assert manifest.outputs["bouts.csv"] == expected


def test_two_runs_in_two_places_give_the_same_bytes(tmp_path: Path) -> None:
    first, _ = run_folder(tmp_path / "first")
    second, _ = run_folder(tmp_path / "elsewhere")
    assert first.read_bytes() == second.read_bytes()
    text = first.read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_changed_cut_and_missing_outputs_are_named(tmp_path: Path) -> None:
    path, _ = run_folder(tmp_path)
    (tmp_path / "bouts.csv").write_text("recording\n2\n")
    (tmp_path / "1.zarr" / "poses" / "zarr.json").unlink()
    assert verify_manifest(path) == ["1.zarr/poses/zarr.json is missing", "bouts.csv was changed after it was written"]
    (tmp_path / "bouts.csv").write_text("rec")
    assert "bouts.csv has 3 bytes, but 12 were written" in verify_manifest(path)


def test_an_input_is_described_by_its_name_and_content(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_bytes(b"x,y\n")
    entry = describe_input(tmp_path / "1.csv", n_frames=100)
    assert entry == InputFile(file_name="1.csv", sha256=hashlib.sha256(b"x,y\n").hexdigest(), n_frames=100)


def test_a_file_is_hashed_piece_by_piece(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000  # longer than two pieces, and no multiple of one
    (tmp_path / "poses.h5").write_bytes(content)
    assert file_sha256(tmp_path / "poses.h5") == hashlib.sha256(content).hexdigest()


def test_a_missing_file_or_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"poses\.h5: found no such file.*check the path"):
        file_sha256(tmp_path / "poses.h5")
    with pytest.raises(MissingFileError, match="did not finish: run it again"):
        read_manifest(tmp_path / "manifest.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "schema_version: Input should be 1"),
        ({"started": "noon"}, "started: Extra inputs are not permitted"),
        ({"study_digest": None}, "study_digest: Input should be a valid string"),
    ],
)
def test_another_layout_is_refused_with_the_place(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path, _ = run_folder(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FormatError, match=rf"found {message}, expected a manifest of schema version 1"):
        read_manifest(path)


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("not json")
    with pytest.raises(FormatError, match="found the file: Invalid JSON"):
        verify_manifest(tmp_path / "manifest.json")
