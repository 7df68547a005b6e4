"""Whether a tracker has finished: its pose file is there, complete, and holds frames.

A file counts by its content only. Both trackers write HDF5, which cannot be opened if its end is missing:

- DeepLabCut: a pandas table, ``<key>/table`` or ``<key>/block0_values``, one row per frame of the video. Its name is
  the video's stem and the scorer (``cage3DLC_resnet50_openfieldOct30shuffle1_1600.h5``); multi-animal projects add
  ``_el``, ``_bx`` or ``_sk``. The ``.pickle`` files beside it are intermediate: alone they are no result.
- SLEAP ``.slp``: tables ``frames`` and ``instances`` and the group ``metadata``.

References
----------
DeepLabCut ``pose_estimation_pytorch/apis/videos.py``; sleap-io ``sleap_io/io/slp.py``
"""

from __future__ import annotations

import time
from pathlib import Path

import h5py
import numpy as np

from nsp_adapters.tracker_settings import Tracker, TrackerError
from nsp_core.errors import AmbiguousError

__all__ = ["count_rows", "find_output", "sleap_output_name"]

_SETTLE_S = 0.5
_MOST_LOOKS = 240


def sleap_output_name(video: Path) -> str:
    """Return the name of the pose file we ask SLEAP for."""
    return f"{video.stem}.predictions.slp"


def find_output(tracker: Tracker, video: Path, folder: Path) -> Path:
    """Return the finished pose file of ``video`` in ``folder``.

    Raises
    ------
    TrackerError
        If there is none, or it is not complete.
    AmbiguousError
        If DeepLabCut left several.
    """
    if tracker == "deeplabcut":
        found = sorted(path for path in folder.glob("*.h5") if path.name.startswith(f"{video.stem}DLC"))
    else:
        found = [path for path in (folder / sleap_output_name(video),) if path.is_file()]
    if not found:
        left = ", ".join(sorted(path.name for path in folder.iterdir() if path.is_file())) or "nothing"
        raise _unfinished(f"{left} in the output folder", tracker, video)
    if len(found) > 1:
        raise AmbiguousError(
            found=f"{len(found)} pose files: {', '.join(path.name for path in found)}",
            expected="one",
            where=video.name,
            remedy="leave out arguments that make the tracker write more than one",
        )
    _wait_until_settled(found[0], tracker, video)
    count_rows(tracker, found[0])
    return found[0]


def count_rows(tracker: Tracker, path: Path) -> int:
    """Return how many frames of the video ``path`` reaches over.

    Raises
    ------
    TrackerError
        If it is not complete, not of this tracker, or holds no frame.
    """
    try:
        with h5py.File(path, "r") as file:
            n_rows = _deeplabcut_rows(file) if tracker == "deeplabcut" else _sleap_rows(file)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise _unfinished(f"{path.name}, which cannot be read ({error})", tracker, path) from error
    if not n_rows:
        raise _unfinished(f"{path.name}, which holds no frame", tracker, path)
    return n_rows


def _deeplabcut_rows(file: h5py.File) -> int:
    for group in file.values():
        for name in ("table", "block0_values"):
            if isinstance(group, h5py.Group) and isinstance(group.get(name), h5py.Dataset):
                return int(group[name].shape[0])
    return 0


def _sleap_rows(file: h5py.File) -> int:
    frames, _ = file["frames"], (file["instances"], file["metadata"])
    return int(np.max(frames["frame_idx"])) + 1 if len(frames) else 0


def _wait_until_settled(path: Path, tracker: Tracker, video: Path) -> None:
    """Return once two looks in a row see the same size and time of change: network folders lag behind."""
    seen = None
    for _ in range(_MOST_LOOKS):
        state = path.stat()
        look = (state.st_size, state.st_mtime_ns)
        if look == seen:
            return
        seen = look
        time.sleep(_SETTLE_S)
    raise _unfinished(f"{path.name}, which still grows", tracker, video)


def _unfinished(found: str, tracker: Tracker, video: Path) -> TrackerError:
    return TrackerError(
        found=found,
        expected=f"a finished pose file of {tracker}",
        where=video.name,
        remedy="look into the tracker's log, and run again",
    )
