"""Poses of DeepLabCut and SLEAP in HDF5, broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import sleap_io as sio

from nsp_core.errors import AmbiguousError, FormatError, NspError, PoseError
from tests.adapters.broken.catalog import Broken, Damage, content, cut, hdf5

COPY = "copy the file again from its source"


def row(
    name: str,
    damage: str,
    kind: str,
    make: Damage,
    found: str,
    advice: str = "export (it|the file|the analysis h5|the predictions) again",
    error: type[NspError] = FormatError,
    **options: object,
) -> Broken:
    return Broken(f"{kind} {name}", damage, kind, make, "poses", error, found, advice, options)


def put(name: str, values: object) -> Damage:
    """Replace an array, a table's by a name within it."""

    def change(opened: h5py.File) -> None:
        del opened[name]
        opened[name] = values

    return hdf5(change)


def table(change: Callable[[h5py.Group], object]) -> Damage:
    """Change the one pandas table of a DeepLabCut file."""
    return hdf5(lambda opened: change(next(iter(opened.values()))))


def index(row: int, value: float) -> Damage:
    def change(group: h5py.Group) -> None:
        frames = group["axis1"][()]
        frames[row] = value
        attrs = dict(group["axis1"].attrs)
        del group["axis1"]
        group["axis1"] = frames
        group["axis1"].attrs.update(attrs)

    return table(change)


def huge(name: str) -> Callable[[h5py.Group], object]:
    def change(group: h5py.Group) -> None:
        stored = group[name]
        shape, kind, attrs = stored.shape, stored.dtype, dict(stored.attrs)
        del group[name]
        longer = [4_000_000_000 if size == max(shape) else size for size in shape]
        group.create_dataset(name, longer, kind, chunks=tuple(min(size, 64) for size in shape)).attrs.update(attrs)

    return change


def elsewhere(name: str) -> Callable[[h5py.Group], object]:
    def change(group: h5py.Group) -> None:
        del group[name]
        group[name] = h5py.ExternalLink("other.h5", "/secret")

    return change


def frame_numbers(change: Callable[[np.ndarray], None]) -> Damage:
    """Change the frame numbers of a SLEAP project in place."""

    def damage(opened: h5py.File) -> None:
        frames = opened["frames"][()]
        change(frames["frame_idx"])
        opened["frames"][...] = frames

    return hdf5(damage)


def first_is(value: float) -> Callable[[np.ndarray], None]:
    def change(stored: np.ndarray) -> None:
        stored[1] = value

    return change


def project(*skeletons: tuple[str, ...], together: bool = False) -> Damage:
    """Write a SLEAP project with an instance of each skeleton, all in frame 0 or one per frame."""

    def damage(path: Path) -> None:
        video = sio.Video("cage3.mp4", open_backend=False)
        made = [
            sio.PredictedInstance.from_numpy(np.ones((len(nodes), 2)), skeleton=sio.Skeleton(list(nodes)))
            for nodes in skeletons
        ]
        groups = [made] if together else [[each] for each in made]
        frames = [sio.LabeledFrame(video=video, frame_idx=k, instances=group) for k, group in enumerate(groups)]
        path.unlink()
        sio.Labels(frames or [sio.LabeledFrame(video=video, frame_idx=0)]).save(str(path))

    return damage


def only_spikes(opened: h5py.File) -> None:
    opened.clear()
    opened["spikes"] = [1, 2]


def second_table(opened: h5py.File) -> None:
    opened.move(next(iter(opened)), "one")
    opened.copy("one", "two")


TRUNCATED = "an HDF5 file that is truncated or damaged"
POSE_HDF5 = (
    *(row(f"cut at {share:.0%}", "truncated", "dlc h5", cut(share), TRUNCATED, COPY) for share in (0.1, 0.6, 0.99)),
    *(
        row(f"cut at {share:.0%}", "truncated", kind, cut(share), TRUNCATED, COPY)
        for share in (0.3, 0.95)
        for kind in ("slp", "analysis", "nwb")
    ),
    row("with its signature alone", "truncated", "dlc h5", content(lambda all_bytes: all_bytes[:8]), TRUNCATED, COPY),
    row("without its table", "missing key", "dlc h5", hdf5(only_spikes), "HDF5 that holds spikes", "state the format"),
    row(
        "without its table, format stated",
        "missing key",
        "dlc h5",
        hdf5(only_spikes),
        "no pandas table .*spikes",
        format="dlc_h5",
    ),
    row(
        "without its numbers", "missing key", "dlc h5", table(lambda group: group.pop("block0_values")), "no such array"
    ),
    row(
        "of two tables",
        "two readings",
        "dlc h5",
        hdf5(second_table),
        "the tables one, two",
        "save the table",
        AmbiguousError,
        format="dlc_h5",
    ),
    row("with a frame twice", "duplicated frames", "dlc h5", index(1, 0), "frame number 0, which is there twice"),
    row(
        "with a frame before 0",
        "negative frames",
        "dlc h5",
        index(0, -4),
        "frame number -4, which is negative",
        r"row 0; ",
    ),
    row("with a frame in a year", "impossible frame numbers", "dlc h5", index(-1, 10**9), "which is beyond 100000000"),
    row(
        "with an infinite position",
        "infinite numbers",
        "dlc h5",
        table(lambda group: group["block0_values"].write_direct(np.full(group["block0_values"].shape, np.inf))),
        "an infinite position",
        r"frame 0; repair",
    ),
    row(
        "declaring more than it holds",
        "decompression bomb",
        "dlc h5",
        table(huge("block0_values")),
        "GiB declared in a file of",
    ),
    row(
        "linked to another file",
        "content elsewhere",
        "dlc h5",
        table(elsewhere("block0_values")),
        "a link to another file",
    ),
    row(
        "with a frame twice",
        "duplicated frames",
        "slp",
        frame_numbers(first_is(0)),
        "frame 0 twice",
        "merge the two",
        PoseError,
    ),
    row(
        "with a frame in a year",
        "impossible frame numbers",
        "slp",
        frame_numbers(first_is(2**40)),
        "which is beyond 100000000",
        COPY,
    ),
    row(
        "far beyond its frames",
        "impossible frame numbers",
        "slp",
        frame_numbers(first_is(9 * 10**7)),
        "far beyond the",
        COPY,
    ),
    row(
        "of two skeletons",
        "mixed skeletons",
        "slp",
        project(("nose", "ear"), ("beak", "wing")),
        r"skeletons \(nose, ear\) and",
        "a project for each",
        PoseError,
    ),
    row(
        "of two animals without tracks",
        "two readings",
        "slp",
        project(("nose",), ("nose",), together=True),
        "2 instances without tracks|skeletons",
        "run tracking|a project for each",
        PoseError,
    ),
    row("without an instance", "no animals", "slp", project(), "no instance in this video", "run inference"),
    row(
        "without its metadata",
        "missing key",
        "slp",
        hdf5(lambda opened: opened.pop("metadata")),
        "a project that sleap-io cannot read",
        COPY,
        format="slp",
    ),
    row(
        "declaring more than it holds",
        "decompression bomb",
        "slp",
        hdf5(huge("pred_points")),
        "GiB declared in a file of",
    ),
    row("linked to another file", "content elsewhere", "slp", hdf5(elsewhere("pred_points")), "a link to another file"),
    row(
        "without names",
        "missing key",
        "analysis",
        hdf5(lambda opened: opened.pop("node_names")),
        "HDF5 that holds",
        "state the format",
    ),
    row("with a name too few", "wrong header", "analysis", put("node_names", [b"nose"]), "for 1 nodes"),
    row("without frames", "no frames", "analysis", put("tracks", np.ones((1, 2, 3, 0))), "tracks .* for|0 frames of"),
    row(
        "without an animal",
        "no animals",
        "analysis",
        put("tracks", np.ones((0, 2, 3, 5))),
        "for . nodes|0 animals|for 1. nodes",
    ),
    row("of words", "text in numbers", "analysis", put("tracks", np.full((1, 2, 3, 5), b"one")), r"tracks of \|S3"),
    row(
        "with an infinite position",
        "infinite numbers",
        "analysis",
        hdf5(lambda opened: opened["tracks"].write_direct(np.full(opened["tracks"].shape, 1e300))),
        "an infinite position",
        r"frame 0; repair",
    ),
)
