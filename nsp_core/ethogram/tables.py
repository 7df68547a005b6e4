"""Ethogram tables: one row per bout, and one row per frame, in long form.

Frames are 0-based and bouts half-open, ``[start_frame, stop_frame)``; times are ``frame / fps`` with the frame rate as
it is (29.97 stays 29.97). ``individual`` is the agent of a directed behavior; an undirected dyad is one row with its
names sorted; a solitary behavior has a null target. The columns' dtypes are the same when a table is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nsp_core.bouts import bouts_from_frames
from nsp_core.errors import ProgramError

__all__ = ["BOUT_DTYPES", "FRAME_DTYPES", "bout_table", "concat_bouts", "frame_table"]

BOUT_DTYPES = MappingProxyType(
    {
        "recording": "string",
        "individual": "string",
        "target": "string",
        "behavior": "string",
        "start_frame": "int64",
        "stop_frame": "int64",
        "start_s": "float64",
        "stop_s": "float64",
        "mean_prob": "float64",
    }
)
"""Columns of the bout table, in order."""

FRAME_DTYPES = MappingProxyType(
    {
        "recording": "string",
        "individual": "string",
        "target": "string",
        "behavior": "string",
        "frame": "int64",
        "time_s": "float64",
        "prob": "float32",
    }
)
"""Columns of the frame table, in order."""


def bout_table(
    recording: str,
    individual: str,
    target: str | None,
    behavior: str,
    present: NDArray[np.bool_],
    probability: NDArray[np.float32],
    fps: float,
) -> pd.DataFrame:
    """Return one row per bout of one behavior of one animal or dyad, in order of time.

    Parameters
    ----------
    recording, individual, target, behavior
        Names as they stand in the table ; a target of None is null.
    present
        Shape (time,), the program's decision.
    probability
        Shape (time,), 0 to 1, NaN where the program abstained.
    fps
        Frames per second.

    Returns
    -------
    The columns of ``BOUT_DTYPES``. ``mean_prob`` is the mean over the bout's frames that have a probability (a filled
    gap may have none), null where no frame has one.

    Raises
    ------
    ProgramError
        If ``present`` and ``probability`` differ in length.

    Examples
    --------
    >>> resting, probability = np.array([False, True, True]), np.array([0.0, 0.5, 1.0], dtype=np.float32)
    >>> bouts = bout_table("1", "rat_1", None, "rest", resting, probability, fps=2.0)
    >>> bouts[["start_frame", "stop_frame", "start_s", "stop_s", "mean_prob"]].to_numpy().tolist()
    [[1.0, 3.0, 0.5, 1.5, 0.75]]
    """
    if present.shape != probability.shape:
        raise ProgramError(
            found=f"{present.size} decisions and {probability.size} probabilities",
            expected="one of each per frame",
            where=f"recording {recording}, behavior {behavior}",
            remedy="give the two outputs of one program on one feature sequence",
        )
    bouts = bouts_from_frames(present)
    columns = {
        "start_frame": bouts[:, 0],
        "stop_frame": bouts[:, 1],
        "start_s": bouts[:, 0] / fps,
        "stop_s": bouts[:, 1] / fps,
        "mean_prob": _mean_within(bouts, probability),
    }
    return _long_table(recording, individual, target, behavior, columns, BOUT_DTYPES)


def frame_table(
    recording: str,
    individual: str,
    target: str | None,
    behavior: str,
    probability: NDArray[np.float32],
    fps: float,
) -> pd.DataFrame:
    """Return one row per frame of one behavior of one animal or dyad, in the columns of ``FRAME_DTYPES``.

    ``probability`` has shape (time,), 0 to 1; ``prob`` is null where it is NaN, that is, where the program abstained.

    Examples
    --------
    >>> probability = np.array([0.25, np.nan], dtype=np.float32)
    >>> frame_table("1", "rat_1", None, "rest", probability, fps=2.0)["time_s"].tolist()
    [0.0, 0.5]
    """
    frames = np.arange(probability.size, dtype=np.int64)
    columns: dict[str, NDArray[Any]] = {"frame": frames, "time_s": frames / fps, "prob": probability}
    return _long_table(recording, individual, target, behavior, columns, FRAME_DTYPES)


def concat_bouts(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return all rows of ``tables`` in one order that does not depend on how the work was split.

    Recordings stay in the order in which they first appear; within one, rows are sorted by behavior, individual,
    target (null last) and start frame.
    """
    filled = [table for table in tables if len(table)]
    if not filled:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in BOUT_DTYPES.items()})
    bouts = pd.concat(filled, ignore_index=True)
    rank, _ = pd.factorize(bouts["recording"])
    ordered = bouts.assign(rank=rank).sort_values(
        ["rank", "behavior", "individual", "target", "start_frame"], kind="stable", na_position="last"
    )
    return ordered[list(BOUT_DTYPES)].astype(dict(BOUT_DTYPES)).reset_index(drop=True)


def _mean_within(bouts: NDArray[np.int64], probability: NDArray[np.float32]) -> NDArray[np.float64]:
    known = np.isfinite(probability)
    # The appended zero makes the stop of a bout that ends with the recording a valid index.
    total = np.append(np.where(known, probability, 0.0).astype(np.float64), 0.0)
    count = np.append(known.astype(np.float64), 0.0)
    edges = bouts.ravel()
    sums, counts = np.add.reduceat(total, edges)[::2], np.add.reduceat(count, edges)[::2]
    mean = np.full(len(bouts), np.nan)
    np.divide(sums, counts, out=mean, where=counts > 0)
    return mean


def _long_table(
    recording: str,
    individual: str,
    target: str | None,
    behavior: str,
    columns: Mapping[str, NDArray[Any]],
    dtypes: Mapping[str, str],
) -> pd.DataFrame:
    names = {"recording": recording, "individual": individual, "target": target, "behavior": behavior}
    rows = pd.RangeIndex(len(next(iter(columns.values()))))
    content = {**names, **columns}
    return pd.DataFrame({name: pd.Series(content[name], index=rows, dtype=dtype) for name, dtype in dtypes.items()})
