"""What may stand in the place of a file, whatever it should be: nothing, a folder, a link, a pickle, junk."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

from nsp_core.errors import FormatError, MissingFileError, NspError
from tests.adapters.broken.catalog import Broken, Entry

NAMES: dict[Entry, str] = {"poses": "cage3DLC_net.csv", "annotation": "cage3.boris", "video": "cage3.mp4"}


class RunsCode:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def folder(path: Path) -> None:
    path.mkdir()
    (path / "inside.csv").write_text("scorer,n\n")


def dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def loop(path: Path) -> None:
    path.symlink_to(path.with_name("other"))
    path.with_name("other").symlink_to(path)


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"frames": RunsCode(path.with_name("executed"))}))


def old_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps([RunsCode(path.with_name("executed"))], protocol=0))


def junk(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 40)


def archive(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04" + bytes(200))


def in_place_of(
    entry: Entry,
    name: str,
    damage: str,
    make: Callable[[Path], object],
    error: type[NspError],
    found: str,
    advice: str = "convert the file|export it|copied completely",
    file: str = "",
    **options: object,
) -> Broken:
    def put(genuine: Path) -> Path:
        path = genuine / (file or NAMES[entry])
        make(path)
        return path

    return Broken(
        f"{name} in place of {entry}{' named ' + file if file else ''}",
        damage,
        "",
        put,
        entry,
        error,
        found,
        advice,
        options,
    )


PLACES = (
    *(
        in_place_of(
            entry, "nothing", "nothing there", lambda path: None, MissingFileError, "^no such file$", "correct the path"
        )
        for entry in NAMES
    ),
    *(
        in_place_of(
            entry,
            "a dangling link",
            "broken link",
            dangling,
            MissingFileError,
            "a link that leads to no file",
            "correct the link",
        )
        for entry in NAMES
    ),
    *(
        in_place_of(
            entry,
            "a loop of links",
            "broken link",
            loop,
            MissingFileError,
            "a link that leads to no file",
            "correct the link",
        )
        for entry in NAMES
    ),
    in_place_of(
        "poses",
        "a folder",
        "folder in place of a file",
        folder,
        FormatError,
        "a folder that is no Zarr store",
        "convert the file",
    ),
    *(
        in_place_of(
            entry, "a folder", "folder in place of a file", folder, MissingFileError, "^a folder$", "name a file"
        )
        for entry in ("annotation", "video")
    ),
    *(
        in_place_of(
            entry,
            "an empty file",
            "empty file",
            lambda path: path.touch(),
            FormatError,
            "an empty file|cannot be opened as a video",
        )
        for entry in NAMES
    ),
    *(
        in_place_of(
            entry,
            "blanks",
            "empty file",
            lambda path: path.write_text(" \n\t\r\n"),
            FormatError,
            "empty file|no known format|cannot be opened as a video",
        )
        for entry in NAMES
    ),
    *(
        in_place_of(entry, "junk", "binary junk", junk, FormatError, "binary content|cannot be opened as a video")
        for entry in NAMES
    ),
    *(
        in_place_of(
            "poses",
            "a pickle",
            "pickle in disguise",
            pickled,
            FormatError,
            "a Python pickle",
            "convert the file",
            file=f"cage3{suffix}",
        )
        for suffix in (".csv", ".h5", ".slp", ".nwb")
    ),
    *(
        in_place_of(
            "poses",
            "a pickle, format stated",
            "pickle in disguise",
            pickled,
            FormatError,
            "no HDF5 file",
            "a pickle or a csv does not become HDF5",
            file=f"cage3{suffix}",
            format=name,
        )
        for suffix, name in ((".h5", "dlc_h5"), (".slp", "slp"), (".nwb", "nwb"))
    ),
    in_place_of(
        "poses", "an old pickle", "pickle in disguise", old_pickle, FormatError, "no known format", "convert the file"
    ),
    *(
        in_place_of(
            "annotation",
            "a pickle",
            "pickle in disguise",
            pickled,
            FormatError,
            "a Python pickle",
            "export it in one of these",
            file=f"cage3{suffix}",
        )
        for suffix in (".csv", ".npy", ".boris")
    ),
    in_place_of(
        "annotation",
        "a spreadsheet",
        "sheet in place of text",
        archive,
        FormatError,
        "a spreadsheet",
        "export it in one of these",
        file="cage3.xlsx",
    ),
    in_place_of(
        "annotation",
        "a sheet that is no archive",
        "sheet that is none",
        lambda path: path.write_text("time;event"),
        FormatError,
        "columns separated by ';'",
        "save it with ','",
        file="cage3.xlsx",
    ),
)
