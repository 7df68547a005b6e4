from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nsp_adapters.pose_import import read_poses, tracked_poses, video_identity
from nsp_core.cleaning import Cleaning
from nsp_core.errors import FormatError, PoseError
from nsp_core.study import PoseSettings, RecordingEntry, SearchSettings, Study

ROLES = {"nose": ("nose",), "tail_base": ("tail",)}
FPS = 30.0


def write_csv(path: Path, x: np.ndarray) -> Path:
    header = ["scorer,n,n,n,n,n,n", "bodyparts,nose,nose,nose,tail,tail,tail", "coords" + ",x,y,likelihood" * 2]
    rows = [f"{frame},{value},10,0.9,{value - 40},10,0.9" for frame, value in enumerate(x)]
    path.write_text("\n".join([*header, *rows]) + "\n")
    return path


def entry_of(path: Path, video: Path | None = None, fps: float = FPS) -> RecordingEntry:
    return RecordingEntry(
        "r", str(path), None, "infer", None, None, None, fps, None, "unknown", video_path=video and str(video)
    )


def study_of(entry: RecordingEntry, settings: PoseSettings = PoseSettings()) -> Study:  # noqa: B008  # frozen
    return Study("s", ".", None, (entry,), ROLES, (), Cleaning(), None, SearchSettings(), poses=settings)


@pytest.mark.real_data
def test_poses_are_held_against_the_video(nsp_data: Path) -> None:
    folder = nsp_data / "amadeus_mabe_video" / "MABe"
    pose, video = next(folder.glob("*.h5")), next(folder.glob("*.mp4"))
    entry = entry_of(pose, video)
    poses = tracked_poses(entry, study_of(entry))
    # One frame less was tracked than filmed.
    assert poses.sizes["time"] == 1801
    assert bool(poses["position"].isel(time=-1).isnull().all())
    wrong = replace(entry, fps=29.0)
    with pytest.raises(FormatError, match="29"):
        tracked_poses(wrong, study_of(wrong))
    assert video_identity(entry) == (video.name, video.stat().st_size)


@pytest.mark.real_data
def test_every_tracker_is_read_without_naming_its_format(nsp_data: Path) -> None:
    formats = nsp_data / "formats"
    shapes = {}
    for name in ("sleap/deepof_single_101f.slp", "dlc/openfield_single_animal.csv", "dlc/deepof_testDLC_h5_table.h5"):
        entry = entry_of(formats / name)
        shapes[name] = dict(tracked_poses(entry, study_of(entry)).sizes)
    assert all(sizes["individual"] == 1 and sizes["time"] > 90 for sizes in shapes.values())


def test_corners_of_the_arena_belong_to_no_animal(tmp_path: Path) -> None:
    entry = entry_of(write_csv(tmp_path / "a.csv", np.arange(10.0)))
    poses = tracked_poses(entry, study_of(entry, PoseSettings(leave_out=("tail",))))
    assert poses["keypoint"].values.tolist() == ["nose"]
    assert "tail" in str(poses.attrs["unused_body_parts"])


def test_a_format_stated_wrongly_is_refused(tmp_path: Path) -> None:
    entry = entry_of(write_csv(tmp_path / "a.csv", np.arange(10.0)))
    with pytest.raises(FormatError):
        tracked_poses(entry, study_of(entry, PoseSettings(format="slp")))


def test_jumps_are_dropped_in_body_lengths_of_the_roles(tmp_path: Path) -> None:
    x = np.full(60, 100.0)
    x[30] = 900.0
    entry = entry_of(write_csv(tmp_path / "a.csv", x))
    kept = read_poses(entry, Cleaning(max_gap_s=0.0), n_animals=1, roles=ROLES)
    assert float(kept["position"].max()) == 900.0
    cleaned = read_poses(entry, Cleaning(max_gap_s=0.0, max_jump="20 bl/s"), n_animals=1, roles=ROLES)
    assert float(cleaned["position"].max()) == 100.0
    with pytest.raises(PoseError, match="no body length"):
        read_poses(entry, Cleaning(max_jump="20 bl/s"), n_animals=1, roles={})


def test_bad_spans_are_taken_out_only_where_that_is_asked(tmp_path: Path) -> None:
    x = np.full(60, 100.0)
    x[30] = 900.0
    entry = entry_of(write_csv(tmp_path / "a.csv", x))
    filling = Cleaning(max_gap_s=1.0, max_jump="20 bl/s")
    assert not bool(read_poses(entry, filling, n_animals=1, roles=ROLES)["position"].isnull().any())
    dropped = read_poses(entry, replace(filling, drop_bad_spans=True), n_animals=1, roles=ROLES)
    missing = dropped["position"].isnull().all(["space", "keypoint", "individual"]).values
    assert np.flatnonzero(missing).tolist() == [30]
