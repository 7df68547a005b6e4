"""Atomic writing: after any interruption there is the old result, or the new one, never half of one."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_adapters.atomic import (
    atomic_directory,
    atomic_file,
    atomic_write_bytes,
    atomic_write_text,
    file_name,
    move_directory,
    prune_older_keys,
    sweep_stale,
    temporary_directory,
)
from nsp_core.errors import MissingFileError, OutputError

KEY, OTHER_KEY = "a" * 64, "b" * 64


class KilledError(Exception):
    """Stands for whatever ends a run in the middle."""


def die_writing(path: Path) -> None:
    path.write_text("half of the n")
    raise KilledError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_text_file_is_utf8_with_the_line_ends_given(tmp_path: Path) -> None:
    atomic_write_text(tmp_path / "new" / "notes.txt", "Mäuse\n")
    assert (tmp_path / "new" / "notes.txt").read_bytes() == b"M\xc3\xa4use\n"
    assert names(tmp_path / "new") == ["notes.txt"]


def test_an_interrupted_file_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "bouts.csv"
    atomic_write_bytes(path, b"old")
    with pytest.raises(KilledError), atomic_file(path) as temporary:
        die_writing(temporary)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["bouts.csv"]


def test_parts_of_a_folder_move_into_another_and_the_rest_vanishes(tmp_path: Path) -> None:
    (tmp_path / "features" / "speed").mkdir(parents=True)
    (tmp_path / "features" / "speed" / "old").write_text("complete")
    with temporary_directory(tmp_path / "features", aside=tmp_path) as temporary:
        for name in ("speed", "bend", "half"):
            (temporary / name).mkdir()
            (temporary / name / "new").write_text("complete")
        for name in ("speed", "bend"):
            move_directory(temporary / name, tmp_path / "features" / name)
    assert names(tmp_path) == ["features"]
    assert names(tmp_path / "features") == ["bend", "speed"]
    assert names(tmp_path / "features" / "speed") == ["new"]


def test_an_interrupted_folder_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "poses"
    with atomic_directory(path) as temporary:
        (temporary / "old").write_text("complete")
    with pytest.raises(KilledError), atomic_directory(path) as temporary:
        die_writing(temporary / "new")
    assert names(path) == ["old"]
    assert names(tmp_path) == ["poses"]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "poses"
    for member in ("old", "new"):
        with atomic_directory(path) as temporary:
            (temporary / "inner").mkdir()
            (temporary / "inner" / member).write_text("complete")
            assert names(temporary) == ["inner"]
    assert names(path / "inner") == ["new"]
    assert names(tmp_path) == ["poses"]


def test_the_temporary_can_be_kept_out_of_the_parent_folder(tmp_path: Path) -> None:
    with atomic_directory(tmp_path / "1.zarr" / "poses", aside=tmp_path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".poses.")
        assert names(tmp_path / "1.zarr") == []
    assert names(tmp_path / "1.zarr") == ["poses"]


def test_a_file_where_a_folder_is_needed_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("not a folder")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        atomic_write_text(tmp_path / "results" / "bouts.csv", "")
    with (
        pytest.raises(OutputError, match="expected a folder that can be written"),
        atomic_directory(tmp_path / "results" / "poses"),
    ):
        pass
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=r"folder: found .*directory"):
        atomic_write_text(tmp_path / "folder", "")


def test_a_full_disk_says_that_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "frames.parquet"
    atomic_write_bytes(path, b"old")
    with pytest.raises(OutputError, match=r"found No space left.*free some space.*unchanged"), atomic_file(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OutputError, match="free some space"), atomic_directory(tmp_path / "poses"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["frames.parquet"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may write everywhere")
def test_a_read_only_folder_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="choose an output folder you may write to"):
            atomic_write_text(tmp_path / "bouts.csv", "")
    finally:
        tmp_path.chmod(0o700)


def test_an_error_of_reading_inside_is_not_taken_for_one_of_writing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as found, atomic_file(tmp_path / "bouts.csv"):
        (tmp_path / "input.csv").read_text()
    assert not isinstance(found.value, OutputError)
    missing = MissingFileError(found="none", expected="one", where="input", remedy="look")
    with pytest.raises(MissingFileError), atomic_directory(tmp_path / "poses"):
        raise missing


@pytest.mark.skipif(sys.platform == "win32", reason="whether a process lives cannot be asked safely")
def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    killed = (
        "import os, sys; from pathlib import Path; from nsp_adapters.atomic import *\n"
        f"with atomic_directory(Path({str(tmp_path)!r}) / 'poses') as folder:\n"
        "    (folder / 'half').write_text('x'); os._exit(9)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", killed], env=environment, check=False).returncode == 9
    (left,) = tmp_path.iterdir()
    with atomic_directory(tmp_path / "features"):
        assert sweep_stale(tmp_path) == (left,)
        assert len(names(tmp_path)) == 1
    assert names(tmp_path) == ["features"]


def test_a_temporary_of_another_machine_is_kept_for_a_day(tmp_path: Path) -> None:
    fresh, old = (tmp_path / f".poses.{pid}-00000000deadbeef.tmp" for pid in (41, 42))
    for path in (fresh, old):
        path.write_text("half")
    os.utime(old, (0, 0))
    assert sweep_stale(tmp_path) == (old,)
    assert names(tmp_path) == [fresh.name]


def test_sweeping_touches_nothing_else(tmp_path: Path) -> None:
    for name in ("bouts.csv", ".hidden", "notes.tmp", ".notes.tmp"):
        (tmp_path / name).write_text("mine")
        os.utime(tmp_path / name, (0, 0))
    assert sweep_stale(tmp_path) == ()
    assert len(names(tmp_path)) == 4
    assert sweep_stale(tmp_path / "absent") == ()


def test_only_other_keys_of_the_same_stem_are_pruned(tmp_path: Path) -> None:
    kept = [f"poses-{KEY[:12]}", f"features-{OTHER_KEY[:12]}", "poses-notes", f"raw-poses-{OTHER_KEY[:12]}"]
    for name in [*kept, f"poses-{OTHER_KEY[:12]}"]:
        (tmp_path / name).mkdir()
    prune_older_keys(tmp_path, "poses", KEY)
    assert names(tmp_path) == sorted(kept)


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(min_size=1))
def test_file_names_are_one_component_and_never_shared(first: str, second: str) -> None:
    name = file_name(first)
    assert not set(name) & set('/\\:*?"<>|\0\n')
    assert not name.startswith(".")
    assert (name == file_name(second)) == (first == second)


def test_plain_recording_names_stay_readable() -> None:
    assert file_name("Käfig 3_day-1.trial") == "Käfig 3_day-1.trial"
    assert file_name("..") == "%2E."
