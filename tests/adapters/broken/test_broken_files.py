"""Every broken file is refused by the right error, which names the file and says what to do; nothing is left behind."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from nsp_adapters.annotations.detect import read_annotation_file
from nsp_adapters.label_import import import_labels
from nsp_adapters.poses.detect import read_pose_file
from nsp_adapters.video import read_video
from nsp_core.cleaning import Cleaning
from nsp_core.labels import Behavior
from nsp_core.study import LabelSettings, RecordingEntry, SearchSettings, Study
from tests.adapters.broken.annotation_binary import ANNOTATION_BINARY
from tests.adapters.broken.annotation_text import ANNOTATION_TEXT
from tests.adapters.broken.boris import BORIS
from tests.adapters.broken.catalog import Broken
from tests.adapters.broken.places import PLACES
from tests.adapters.broken.pose_hdf5 import POSE_HDF5
from tests.adapters.broken.pose_other import POSE_OTHER
from tests.adapters.broken.pose_text import POSE_TEXT
from tests.adapters.broken.sources import REAL, copy_genuine
from tests.adapters.broken.videos import VIDEOS

CATALOG: tuple[Broken, ...] = (
    *POSE_TEXT,
    *POSE_HDF5,
    *POSE_OTHER,
    *BORIS,
    *ANNOTATION_TEXT,
    *ANNOTATION_BINARY,
    *VIDEOS,
    *PLACES,
)
OF_REAL_FILES = tuple(broken for broken in CATALOG if broken.kind in REAL)


def labels_of_a_study(path: Path, n_frames: int = 100, observed: object = "all", **settings: Any) -> object:
    entry = RecordingEntry(
        "cage3", "poses.csv", str(path), "train", None, None, None, 25.0, None, "unknown", observed=observed
    )
    behaviors = (Behavior("attack", "undirected"),)
    labels = LabelSettings("auto", **settings)
    study = Study("s", ".", None, (entry,), {}, behaviors, Cleaning(), labels, SearchSettings())
    return import_labels(entry, study, n_frames)


READERS: Mapping[str, Callable[..., object]] = {
    "poses": lambda path, **options: read_pose_file(path, **({"fps": 30.0, "recording": "cage3"} | options)),
    "annotation": lambda path, **options: read_annotation_file(path, **({"fps": None} | options)),
    "labels": labels_of_a_study,
    "video": read_video,
}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that keeps the genuine files that were made."""
    return tmp_path_factory.mktemp("genuine")


def state_of(folder: Path) -> dict[str, bytes | str]:
    """Return every file below ``folder`` with its content, and every link with its target."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {
        name: str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
        for name, path in paths.items()
    }


def assert_refused(broken: Broken, folder: Path, made: Path, data: Path | None) -> None:
    genuine = copy_genuine(broken.kind, made, folder, data) if broken.kind else folder
    path = broken.make(genuine) or genuine
    before = state_of(folder)
    with pytest.raises(broken.error) as caught:
        READERS[broken.entry](path, **broken.options)
    error = caught.value
    assert type(error) is broken.error
    assert path.name in str(error), error
    assert re.search(broken.found, error.found), error
    assert re.search(broken.advice, f"{error.where}; {error.remedy}", re.DOTALL), error
    assert state_of(folder) == before


@pytest.mark.parametrize("broken", CATALOG, ids=lambda broken: broken.name.replace(" ", "-"))
def test_a_broken_file_is_refused_and_named(broken: Broken, tmp_path: Path, made: Path) -> None:
    assert_refused(broken, tmp_path, made, None)


@pytest.mark.real_data
@pytest.mark.parametrize("broken", OF_REAL_FILES, ids=lambda broken: broken.name.replace(" ", "-"))
def test_a_real_file_that_was_broken_is_refused_and_named(
    broken: Broken, tmp_path: Path, made: Path, nsp_data: Path
) -> None:
    assert_refused(broken, tmp_path, made, nsp_data)


def test_the_catalog_is_as_large_and_as_varied_as_it_says() -> None:
    assert len(CATALOG) >= 60
    assert len({broken.name for broken in CATALOG}) == len(CATALOG)
    assert len({broken.damage for broken in CATALOG}) >= 15
    assert {broken.entry for broken in CATALOG} == set(READERS)
