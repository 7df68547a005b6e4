"""What a tracker leaves: one whole pose file, whose rows are counted, or an error."""

from __future__ import annotations

import os
import sys

import h5py
import numpy as np
import pandas as pd
import pytest

from nsp_adapters import tracker_outputs
from nsp_adapters.tracker_outputs import count_rows
from nsp_adapters.tracker_run import track_video
from nsp_adapters.tracker_settings import TrackerError
from nsp_core.errors import AmbiguousError
from tests.adapters.tracker_lab import BEHAVE, N_FRAMES, SCORER, SLEAP_TRACK

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are programs with a #! line")


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ("_full.pickle _meta.pickle", TrackerError, "found cage 3's day_full.pickle, cage 3's day_meta.pickle in the"),
        (f"{SCORER}_el.h5 {SCORER}_el_filtered.h5", AmbiguousError, "found 2 pose files: .*_el.h5, .*_el_filtered.h5"),
        ("raise", TrackerError, "deeplabcut ended with code 1; .*\n    ValueError: No snapshots found\n"),
    ],
)
def test_what_deeplabcut_leaves_must_be_one_pose_file(lab, files, error, message):
    lab.deeplabcut()
    lab.act(files)
    with pytest.raises(error, match=f"(?s){message}"):
        track_video(lab.settings("deeplabcut"), lab.video, lab.out)


def test_a_file_that_still_grows_is_waited_for(lab, monkeypatch):
    path = lab.folder / f"{lab.video.stem}.predictions.slp"
    content = lab.slp.read_bytes()
    sizes = iter([3000, 5000, len(content)])
    path.write_bytes(b"")

    def grow(seconds: float) -> None:
        path.write_bytes(content[: next(sizes, len(content))])
        os.utime(path, ns=(0, 0))

    monkeypatch.setattr(tracker_outputs.time, "sleep", grow)
    assert tracker_outputs.find_output("sleap-track", lab.video, lab.folder) == path
    assert path.read_bytes() == content
    monkeypatch.setattr(tracker_outputs.time, "sleep", lambda seconds: path.write_bytes(path.read_bytes() + b"."))
    with pytest.raises(TrackerError, match="which still grows"):
        tracker_outputs.find_output("sleap-track", lab.video, lab.folder)


def test_files_of_another_kind_or_without_a_frame_do_not_count(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["tracks"] = np.zeros((1, 2, 3, 4))
    with pytest.raises(TrackerError, match="which holds no frame"):
        count_rows("deeplabcut", path)
    with pytest.raises(TrackerError, match=r"which cannot be read \(.*frames"):
        count_rows("sleap-track", path)


@pytest.mark.real_data
def test_rows_of_real_files_agree_with_an_independent_reading(nsp_data):
    formats = nsp_data / "formats"
    slp = formats / "sleap" / "deepof_single_101f.slp"
    with h5py.File(slp) as file:
        assert count_rows("sleap-track", slp) == max(frame[2] for frame in file["frames"][:].tolist()) + 1 == 101
    for name, key in (("deepof_testDLC_square_arena", "df_with_missing"), ("deepof_testDLC_h5_table_madlc", "tracks")):
        path = formats / "dlc" / f"{name}.h5"
        assert count_rows("deeplabcut", path) == len(pd.read_hdf(path, key=key))


@pytest.mark.real_data
def test_real_output_of_another_length_is_kept_and_reported(lab, nsp_data):
    lab.program("sleap-track", SLEAP_TRACK, BEHAVE, template=nsp_data / "formats" / "sleap" / "deepof_single_101f.slp")
    tracked = track_video(lab.settings(), lab.video, lab.out)
    assert tracked.report == f"poses reach over 101 frames, the video has {N_FRAMES}"
    lab.dlc = nsp_data / "formats" / "dlc" / "deepof_testDLC_square_arena.h5"
    lab.deeplabcut()
    assert track_video(lab.settings("deeplabcut"), lab.video, lab.folder / "dlc").n_rows == 451
