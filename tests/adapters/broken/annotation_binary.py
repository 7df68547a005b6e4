"""Annotations that are no text, broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import scipy.io

from nsp_core.errors import AmbiguousError
from tests.adapters.broken.catalog import Damage, annotation, cut, hdf5, untouched
from tests.adapters.broken.places import RunsCode
from tests.adapters.broken.sources import mabe_table


def mat(**fields: object) -> Damage:
    return lambda path: scipy.io.savemat(path, {"Behavior": {"Freezing": fields}})


def vector(values: object) -> Damage:
    def change(opened: h5py.File) -> None:
        behavior = next(each for each in opened["hBehavior"].values() if isinstance(each, h5py.Group))
        del behavior["Vector"]
        behavior["Vector"] = values

    return hdf5(change)


def endless(opened: h5py.File) -> None:
    behavior = next(each for each in opened["hBehavior"].values() if isinstance(each, h5py.Group))
    del behavior["Vector"]
    behavior.create_dataset("Vector", (10**11, 1), "f8", chunks=(64, 1))


def table(change: Callable[[], pd.DataFrame]) -> Damage:
    return lambda path: change().to_parquet(path)


def pickled_array(path: Path) -> None:
    np.save(path, np.array([RunsCode(path.with_name("executed"))], dtype=object), allow_pickle=True)


def longer_header(path: Path) -> None:
    header = {"descr": "<i8", "fortran_order": False, "shape": (900_000_000_000,)}
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(bytes(32))


DEPOT = "give Behavior.mat or a file hB_"
ANNOTATION_BINARY = (
    annotation(
        "cut at 50%",
        "truncated",
        "mat",
        cut(0.5),
        "a MATLAB file that is damaged|in no known format",
        rf"{DEPOT}|export it in one of these",
    ),
    annotation(
        "cut at 97%",
        "truncated",
        "mat",
        cut(0.97),
        "a MATLAB file that is damaged|in no known format",
        rf"{DEPOT}|export it in one of these",
    ),
    annotation(
        "cut, format stated",
        "truncated",
        "mat",
        cut(0.5),
        "a MATLAB file that is damaged|neither Behavior nor",
        DEPOT,
        format="behaviordepot",
    ),
    annotation("cut", "truncated", "mat 7.3", cut(0.6), "a MATLAB file that is damaged", DEPOT, format="behaviordepot"),
    annotation(
        "without a vector",
        "missing key",
        "mat",
        mat(Bouts=[[1, 2]]),
        "without a field that has Bouts and Vector",
        DEPOT,
    ),
    annotation(
        "with bouts and vector that differ",
        "contradiction",
        "mat",
        mat(Bouts=[[1, 2]], Vector=[0, 1, 1]),
        "Bouts and Vector that differ",
        "run BehaviorDEPOT again",
        AmbiguousError,
    ),
    annotation(
        "with a stop before its start",
        "stop before start",
        "mat",
        mat(Bouts=[[3, 2]], Vector=[0, 1, 1]),
        "rows that are no start and stop",
        DEPOT,
    ),
    annotation(
        "with frame 0",
        "negative frames",
        "mat",
        mat(Bouts=[[0, 2]], Vector=[1, 1, 1]),
        "rows that are no start and stop",
        DEPOT,
    ),
    annotation(
        "with a state 3",
        "text in numbers",
        "mat 7.3",
        vector([[0.0], [3.0]]),
        "Vector that does not hold 0 and 1 only",
        DEPOT,
    ),
    annotation(
        "without frames",
        "no frames",
        "mat 7.3",
        vector(np.ones((0, 1))),
        "Vector that does not hold 0 and 1 only",
        DEPOT,
    ),
    annotation(
        "declaring more than it holds",
        "decompression bomb",
        "mat 7.3",
        hdf5(endless),
        "GiB declared in a file of",
        "export the file again",
    ),
    annotation(
        "that is a pickle",
        "pickle in disguise",
        "npy",
        pickled_array,
        "an npy that is pickled or damaged",
        "opening a pickle runs code",
    ),
    annotation("cut", "truncated", "npy", cut(0.9), "an npy that is pickled or damaged", "read the json"),
    annotation(
        "declaring more than it holds",
        "decompression bomb",
        "npy",
        longer_header,
        "an npy that is pickled or damaged",
        "read the json",
    ),
    annotation(
        "cut",
        "truncated",
        "mabe parquet",
        cut(0.5),
        "a parquet file that is damaged",
        "download it again",
        format="mabe",
    ),
    annotation(
        "without actions",
        "missing key",
        "mabe parquet",
        table(lambda: mabe_table().drop(columns="action")),
        "no column 'action'",
        "name the columns as the tool does",
        format="mabe",
    ),
    annotation(
        "with a stop before its start",
        "stop before start",
        "mabe parquet",
        table(lambda: mabe_table().assign(stop_frame=3)),
        r"sniff over frames \[5, 3\)",
        "line 2; correct this row",
    ),
    annotation(
        "with missing agents",
        "missing cells",
        "mabe parquet",
        table(lambda: mabe_table().assign(agent_id=[None, 1])),
        "an empty agent_id",
        "line 2; correct this row",
    ),
    annotation(
        "of endless rows",
        "decompression bomb",
        "mabe parquet",
        table(lambda: mabe_table(2_000_001)),
        "2000001 rows",
        "one laboratory or video at a time",
    ),
    annotation(
        "cut",
        "truncated",
        "sleap events",
        cut(0.6),
        "an HDF5 file that is truncated or damaged",
        "copy the file again",
        format="sleap-events",
    ),
    annotation(
        "without events",
        "missing key",
        "slp",
        untouched,
        "no events",
        "add events with sleap-io",
        format="sleap-events",
    ),
    annotation(
        "with events damaged",
        "missing key",
        "sleap events",
        hdf5(lambda opened: opened.pop("events/end_frame")),
        r"a \.slp file that is damaged",
        "save it again",
    ),
    annotation(
        "with an end before its start",
        "stop before start",
        "sleap events",
        hdf5(lambda opened: opened["events/end_frame"].__setitem__(0, 1)),
        r"a \.slp file that is damaged \(Expected end_frame",
        "save it again",
    ),
    annotation(
        "declaring more than it holds",
        "decompression bomb",
        "sleap events",
        hdf5(
            lambda opened: (
                opened.pop("events/score", None),
                opened.create_dataset("events/score", (10**11,), "f8", chunks=(64,)),
            )
        ),
        "GiB declared in a file of",
        "export the file again",
    ),
)
