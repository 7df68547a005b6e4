"""Small genuine files of every kind that is read, and where real ones of the same kind lie.

A made file is what a tracker or annotation tool writes, as small as it can be; damage is done to copies of it.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import h5py
import imageio_ffmpeg
import numpy as np
import pandas as pd
import scipy.io
import sleap_io as sio
import xarray as xr

from nsp_adapters.annotations import (
    bento,
    calms21,
    caltech_streams,
    deepethogram,
    interval_csv,
    mabe,
    per_frame_csv,
    plain_bouts,
    simba_bouts,
)

REAL = {
    "dlc csv": "formats/dlc/deepof_testDLC_csv_table.csv",
    "dlc csv of two": "formats/dlc/deepof_testDLC_csv_table_madlc.csv",
    "dlc h5": "formats/dlc/deepof_testDLC_h5_table.h5",
    "slp": "formats/sleap/deepof_single_101f.slp",
    "analysis": "formats/sleap/deepof_single_101f.analysis.h5",
    "nwb": "formats/nwb/openfield_dlc_pose.nwb",
    "boris project": "formats/boris/test-multi-behaviors.boris",
    "boris events": "formats/boris/test_export_events_tabular.csv",
    "bento": "formats/bento/Together_1_EXCERPT.annot",
    "caltech": "rats_resident_intruder_dlc/labels/1_annot.txt",
    "per frame": "behaviordepot_freezing/demo1_labels.csv",
    "intervals": "sturman_multiannotator_labels/AllFSTLables.csv",
    "mat": "behaviordepot_freezing/demo1/demo1_video.avi_analyzed/Behavior.mat",
    "mat 7.3": "behaviordepot_freezing/demo1/hB_demo1_manual_annotations.mat.mat",
    "mp4": "formats/sleap/small_robot.mp4",
}
"""Below the folder of real recordings."""

N_FRAMES = 12
PARTS = ("nose", "ear", "tail")
BORIS_EVENTS = """Time,Media file path,Total length,FPS,Subject,Behavior,Behavioral category,Comment,Status
1.000,cage3.avi,20.000,25.0,rat1,sniff,,,START
2.200,cage3.avi,20.000,25.0,rat1,sniff,,,STOP
3.000,cage3.avi,20.000,25.0,rat1,sniff,,,START
4.000,cage3.avi,20.000,25.0,rat1,sniff,,,STOP
"""
BORIS_AGGREGATED = """Observation id,Media file,Total length,FPS,Subject,Behavior,Behavior type,Start (s),Stop (s)
day 1,cage3.avi,20.000,25.0,rat1,sniff,STATE,1.000,2.200
day 1,cage3.avi,20.000,25.0,rat1,sniff,STATE,3.000,4.000
"""
BORIS_BINARY = "time,sniff\n0.000,0\n0.040,1\n0.080,1\n0.120,0\n"


def dlc_csv(individuals: Iterable[str] = ()) -> str:
    animals = list(individuals) or [""]
    columns = [(who, part, coord) for who in animals for part in PARTS for coord in ("x", "y", "likelihood")]
    levels = {"individuals": [who for who, _, _ in columns]} if any(animals) else {}
    levels |= {"bodyparts": [part for _, part, _ in columns], "coords": [coord for *_, coord in columns]}
    rows = [["scorer", *["DLC_net"] * len(columns)], *([name, *cells] for name, cells in levels.items())]
    rows += [[str(frame), *(f"{10 * k + frame}.5" for k in range(len(columns)))] for frame in range(N_FRAMES)]
    return "".join(",".join(row) + "\n" for row in rows)


def _dlc_h5(path: Path) -> None:
    columns = pd.MultiIndex.from_product([["DLC_net"], PARTS, ["x", "y", "likelihood"]])
    columns.names = ["scorer", "bodyparts", "coords"]
    cells = 1.0 + np.arange(N_FRAMES * len(columns), dtype=float).reshape(N_FRAMES, -1)
    pd.DataFrame(cells, columns=columns).to_hdf(path, key="df_with_missing", format="fixed")


def _slp(path: Path) -> None:
    skeleton, track = sio.Skeleton(list(PARTS)), sio.Track("a")
    video = sio.Video("cage3.mp4", open_backend=False)
    frames = [
        sio.LabeledFrame(
            video=video,
            frame_idx=frame,
            instances=[
                sio.PredictedInstance.from_numpy(
                    np.arange(6.0).reshape(3, 2) + frame, skeleton=skeleton, point_scores=np.ones(3), track=track
                )
            ],
        )
        for frame in range(N_FRAMES)
    ]
    sio.Labels(frames).save(str(path))


def _analysis(path: Path) -> None:
    with h5py.File(path, "w") as opened:
        opened["tracks"] = 1.0 + np.arange(2.0 * len(PARTS) * N_FRAMES).reshape(1, 2, len(PARTS), N_FRAMES)
        opened["node_names"], opened["track_names"] = [part.encode() for part in PARTS], [b"a"]


def _nwb(path: Path) -> None:
    with h5py.File(path, "w") as opened:
        opened.attrs["nwb_version"] = "2.7.0"
        pose = opened.create_group("processing/behavior/PoseEstimation")
        pose.attrs["neurodata_type"] = "PoseEstimation"
        for part in PARTS:
            series = pose.create_group(part)
            series.attrs["neurodata_type"] = "PoseEstimationSeries"
            series["data"] = 1.0 + np.arange(2.0 * N_FRAMES).reshape(N_FRAMES, 2)
            series["timestamps"] = np.arange(N_FRAMES) / 30


def movement_dataset(**attrs: object) -> xr.Dataset:
    position = 1 + np.arange(N_FRAMES * 6.0).reshape(N_FRAMES, 2, len(PARTS), 1)
    coords = {"time": np.arange(N_FRAMES) / 30, "space": ["x", "y"], "keypoint": list(PARTS), "individual": ["a"]}
    given = {"fps": 30.0, "time_unit": "seconds", "ds_type": "poses"} | attrs
    return xr.Dataset({"position": (tuple(coords), position)}, coords, given)


def _zarr(path: Path) -> None:
    stored = movement_dataset()
    as_text = {name: stored[name].astype(object) for name in ("space", "keypoint", "individual")}
    stored.assign_coords(as_text).to_zarr(path, consolidated=False)


def _boris_project(path: Path) -> None:
    events = [[1.0, "rat1", "sniff", "", ""], [2.2, "rat1", "sniff", "", ""]]
    media = {"length": {"cage3.avi": 20.0}, "fps": {"cage3.avi": 25.0}}
    observation = {"file": {"1": ["cage3.avi"]}, "type": "MEDIA", "time offset": 0.0, "events": events}
    project = {
        "project_format_version": "7.0",
        "subjects_conf": {"0": {"key": "1", "name": "rat1"}},
        "behaviors_conf": {"0": {"type": "State event", "key": "s", "code": "sniff", "modifiers": {}}},
        "observations": {"day 1": observation | {"media_info": media}},
    }
    path.write_text(json.dumps(project))


def _mat(path: Path) -> None:
    field = {"Bouts": np.array([[3, 4]], dtype=np.uint16), "Vector": np.array([0, 0, 1, 1, 0], dtype=np.uint8)}
    scipy.io.savemat(path, {"Behavior": {"Freezing": field}}, do_compression=True)


def _mat73(path: Path) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        file["hBehavior/Freezing/Bouts"] = [[3.0], [4.0]]
        file["hBehavior/Freezing/Vector"] = [[0.0], [0.0], [1.0], [1.0], [0.0]]
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(124) + b"\x00\x02IM")


def mabe_table(n_rows: int = 2) -> pd.DataFrame:
    columns = {"agent_id": 1, "target_id": 2, "action": "sniff", "start_frame": 5, "stop_frame": 9}
    return pd.DataFrame(columns, index=range(n_rows))


def _sleap_events(path: Path) -> None:
    video = sio.Video("cage3.mp4", open_backend=False)
    event = sio.UserEvent(video=video, type="sniff", start_frame=2, end_frame=9)
    sio.save_slp(sio.Labels(videos=[video], events=[event], event_types=[sio.EventType("sniff")]), str(path))


def _video(path: Path) -> None:
    words = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=30", "-frames:v", "40", "-c:v", "mpeg4"]
    ffmpeg(*words, path)


def ffmpeg(*words: object) -> None:
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", *map(str, words)], check=True)


def _text(content: str) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content.encode())


MADE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "dlc csv": ("cage3DLC_net.csv", _text(dlc_csv())),
    "dlc csv of two": ("cage3DLC_net.csv", _text(dlc_csv("ab"))),
    "dlc csv gz": ("cage3DLC_net.csv.gz", lambda path: path.write_bytes(gzip.compress(dlc_csv().encode(), mtime=0))),
    "dlc h5": ("cage3DLC_net.h5", _dlc_h5),
    "slp": ("cage3.slp", _slp),
    "analysis": ("cage3.analysis.h5", _analysis),
    "nwb": ("cage3.nwb", _nwb),
    "movement": ("cage3.nc", lambda path: movement_dataset().to_netcdf(path, engine="scipy")),
    "zarr": ("cage3.zarr", _zarr),
    "boris project": ("day1.boris", _boris_project),
    "boris events": ("day1.csv", _text(BORIS_EVENTS)),
    "boris aggregated": ("day1.csv", _text(BORIS_AGGREGATED)),
    "boris binary": ("day1.csv", _text(BORIS_BINARY)),
    "bento": ("cage3.annot", _text(bento.EXAMPLE + "\n")),
    "caltech": ("cage3_annot.txt", _text(caltech_streams.EXAMPLE + "\n")),
    "per frame": ("cage3.csv", _text(per_frame_csv.EXAMPLE + "\n")),
    "deepethogram": ("cage3_labels.csv", _text(deepethogram.EXAMPLE + "\n")),
    "intervals": ("raters.csv", _text(interval_csv.EXAMPLE + "\n")),
    "simba bouts": ("cage3.csv", _text(simba_bouts.EXAMPLE + "\n")),
    "bout csv": ("bouts.csv", _text(plain_bouts.EXAMPLE + "\n")),
    "mabe csv": ("44566.csv", _text(mabe.EXAMPLE + "\n")),
    "mabe parquet": ("44566.parquet", lambda path: mabe_table().to_parquet(path, index=False)),
    "calms21": ("calms21.json", _text(calms21.EXAMPLE)),
    "npy": ("cage3.npy", lambda path: np.save(path, np.array([0, 1, 1, 0]))),
    "mat": ("Behavior.mat", _mat),
    "mat 7.3": ("hB_demo.mat", _mat73),
    "sleap events": ("events.slp", _sleap_events),
    "mp4": ("cage3.mp4", _video),
    "mkv": ("cage3.mkv", _video),
}
"""Kind of file -> its usual name, and what writes one."""


def copy_genuine(kind: str, made: Path, folder: Path, data: Path | None) -> Path:
    """Copy a genuine file of ``kind`` into ``folder``: the real one where ``data`` is given, else the one in ``made``.

    ``made`` keeps what was written once.
    """
    if data is not None:
        return Path(shutil.copyfile(data / REAL[kind], folder / Path(REAL[kind]).name))
    name, write = MADE[kind]
    kept = made / kind.replace(" ", "-") / name
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        write(kept)
    if kept.is_dir():
        return Path(shutil.copytree(kept, folder / name))
    return Path(shutil.copyfile(kept, folder / name))
