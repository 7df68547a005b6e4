"""What only looks broken is read as if nothing were wrong: byte order marks, line ends, links, order of rows, names."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nsp_adapters.annotations.detect import read_annotation_file
from nsp_adapters.poses.detect import read_pose_file
from nsp_adapters.video import read_video
from tests.adapters.broken.sources import MADE, copy_genuine

TEXT_FORMATS = [
    kind
    for kind, (name, _) in MADE.items()
    if name.endswith((".csv", ".txt", ".annot", ".boris", ".json")) and not kind.startswith("dlc")
]

Change = Callable[[bytes], bytes]

CHANGES: dict[str, Change] = {
    "byte order mark": lambda text: b"\xef\xbb\xbf" + text,
    "line ends of Windows": lambda text: text.replace(b"\n", b"\r\n"),
    "no last line end": lambda text: text.rstrip(b"\n"),
    "empty lines at the end": lambda text: text + b"\n\n",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("genuine")


def positions(path: Path) -> np.ndarray:
    return read_pose_file(path, fps=30.0, recording="cage3")["position"].values


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", TEXT_FORMATS)
def test_annotations_are_read_all_the_same(kind: str, change: str, tmp_path: Path, made: Path) -> None:
    path = copy_genuine(kind, made, tmp_path, None)
    fps = None if kind == "bento" else 25.0  # which states its own
    genuine = read_annotation_file(path, fps=fps)
    path.write_bytes(CHANGES[change](path.read_bytes()))
    assert read_annotation_file(path, fps=fps) == genuine


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["dlc csv", "dlc csv of two"])
def test_poses_are_read_all_the_same(kind: str, change: str, tmp_path: Path, made: Path) -> None:
    path = copy_genuine(kind, made, tmp_path, None)
    genuine = positions(path)
    path.write_bytes(CHANGES[change](path.read_bytes()))
    np.testing.assert_array_equal(positions(path), genuine)
    path.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(positions(path), genuine)


def test_rows_out_of_order_are_placed_by_their_frame(tmp_path: Path, made: Path) -> None:
    path = copy_genuine("dlc csv", made, tmp_path, None)
    genuine = positions(path)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:3], *lines[:2:-1]]))
    np.testing.assert_array_equal(positions(path), genuine)


@pytest.mark.parametrize("kind", ["dlc csv", "slp", "nwb", "bout csv", "mp4"])
def test_a_link_of_any_name_is_as_good_as_its_file(kind: str, tmp_path: Path, made: Path) -> None:
    path = copy_genuine(kind, made, tmp_path, None)
    link = tmp_path / "links" / path.name
    link.parent.mkdir()
    link.symlink_to(path)
    other = link.with_name("SHA256E-s77--0.dat")
    other.symlink_to(link)
    if kind == "mp4":
        assert read_video(other).n_frames == read_video(path).n_frames == 40
    elif kind == "bout csv":
        assert read_annotation_file(link, fps=None) == read_annotation_file(path, fps=None)
        assert read_annotation_file(other, fps=None).labels == read_annotation_file(path, fps=None).labels
    else:
        for each in (link, other):
            np.testing.assert_array_equal(positions(each), positions(path))
