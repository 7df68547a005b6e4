"""BORIS projects and tables, broken."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nsp_core.errors import FormatError, LabelError
from tests.adapters.broken.catalog import (
    Broken,
    Damage,
    annotation,
    cell,
    content,
    cut,
    cut_bytes,
    holds,
    more,
    renamed,
    swap,
    untouched,
)

EXPORT, FIX = "export (it|the file|the observation) again", "correct this row"


def project(change: Callable[[dict[str, Any]], object]) -> Damage:
    """Change a BORIS project."""

    def changed(text: bytes) -> bytes:
        parsed = json.loads(text)
        change(parsed)
        return json.dumps(parsed).encode()

    return content(changed)


def observation(change: Callable[[dict[str, Any]], object]) -> Damage:
    """Change the one observation of a BORIS project."""
    return project(lambda parsed: change(next(iter(parsed["observations"].values()))))


def event(number: int, time: object) -> Damage:
    return observation(lambda one: one["events"][number].__setitem__(0, time))


def unpaired(one: dict[str, Any]) -> None:
    """Take the last STOP, and what would tell where the media end."""
    one["events"].pop()
    one["media_info"] = {"fps": one["media_info"].get("fps", {})}


def without_stop(text: bytes) -> bytes:
    lines = text.splitlines()
    lines.remove(next(each for each in lines if b"STOP" in each))
    return b"\n".join(lines) + b"\n"


def packed_and_cut(text: bytes) -> bytes:
    return gzip.compress(text, mtime=0)[:-9]


def bomb(folder: Path) -> Path:
    path = folder / "bomb.boris.gz"
    project = b'{"behaviors_conf": 0, "observations": 0' + b" " * 140_000_000 + b"}"
    path.write_bytes(gzip.compress(project, 1, mtime=0))
    return path


PROJECT = "boris project"
EVENTS = "boris events"
BORIS = (
    # A BORIS project is JSON, perhaps packed.
    annotation(
        "cut at 50%",
        "truncated",
        PROJECT,
        cut(0.5),
        "content that is no JSON",
        "may be cut short",
        format="boris-project",
    ),
    annotation("cut at 99%", "truncated", PROJECT, cut(0.99), "content that is no JSON", "may be cut short"),
    annotation(
        "packed and cut",
        "truncated",
        PROJECT,
        renamed("day1.boris.gz", content(packed_and_cut)),
        "gzip content cut short",
        "may be cut short",
        format="boris-project",
    ),
    Broken(
        "boris project that inflates to 140 MB",
        "decompression bomb",
        "",
        bomb,
        "annotation",
        FormatError,
        "more than 134217728 bytes",
        "as BORIS saved it",
        {"format": "boris-project"},
    ),
    annotation(
        "that is a list",
        "JSON of another shape",
        PROJECT,
        holds("[]"),
        "a JSON list",
        "as BORIS saved it",
        format="boris-project",
    ),
    annotation(
        "without observations",
        "JSON of another shape",
        PROJECT,
        project(lambda all_: all_.pop("observations")),
        "no 'observations'",
        "as BORIS saved it",
        format="boris-project",
    ),
    annotation(
        "with observations in a list",
        "JSON of another shape",
        PROJECT,
        project(lambda all_: all_.update(observations=[1])),
        r"observations: '\[1\]'",
        "let BORIS open and save",
    ),
    annotation(
        "with an event too short",
        "JSON of another shape",
        PROJECT,
        observation(lambda one: one.update(events=[[1.0]])),
        r"the event \[1\.0\]",
        "event 1; let BORIS open",
    ),
    annotation(
        "with events in a table",
        "JSON of another shape",
        PROJECT,
        observation(lambda one: one.update(events={"a": 1})),
        "the event {'a': 1}",
        "let BORIS open",
    ),
    annotation(
        "nested too deep",
        "JSON of another shape",
        PROJECT,
        holds('{"behaviors_conf": "observations", "observations":' + "[" * 100_000),
        "content that is no JSON",
        "as BORIS saved it",
    ),
    annotation(
        "with a time in words",
        "text in numbers",
        PROJECT,
        event(0, "soon"),
        "the event .*soon",
        "event 1; let BORIS open",
    ),
    annotation(
        "with an infinite time",
        "infinite numbers",
        PROJECT,
        event(0, float("inf")),
        "the event .*inf",
        "event 1; let BORIS open",
    ),
    annotation(
        "with a time in a century",
        "impossible times",
        PROJECT,
        event(-1, 1e300),
        "at frame 100000001",
        "time offset",
        LabelError,
    ),
    annotation(
        "with a time before 0", "negative frames", PROJECT, event(0, -4.0), "at frame -", "time offset", LabelError
    ),
    annotation(
        "with an unknown code",
        "unknown behavior",
        PROJECT,
        observation(lambda one: one["events"][0].__setitem__(2, "zz")),
        "the behavior 'zz'",
        "add it to the ethogram",
        LabelError,
    ),
    annotation(
        "with a START alone",
        "unpaired START",
        PROJECT,
        observation(unpaired),
        r"a START of .* with no STOP",
        "let BORIS check and fix",
        LabelError,
        fps=25.0,
    ),
    annotation(
        "of pictures",
        "unknown format",
        PROJECT,
        observation(lambda one: one.update(type="IMAGES")),
        "an observation of pictures",
        "make the observation again",
    ),
    # BORIS tables.
    annotation("cut within a row", "truncated", EVENTS, cut_bytes(12), r"^\d+ cells$", rf"line \d+; {EXPORT}"),
    annotation(
        "without a STOP",
        "unpaired START",
        EVENTS,
        content(without_stop),
        "while the one of .* has no STOP",
        "let BORIS check and fix",
        LabelError,
    ),
    annotation(
        "with a time of a clock",
        "text in numbers",
        EVENTS,
        cell(-1, 0, "0:01:02"),
        "time '0:01:02'",
        r"line \d+; .*a spreadsheet may have changed it",
    ),
    annotation(
        "with a time that is infinite", "infinite numbers", EVENTS, cell(-1, 0, "inf"), "time 'inf'", r"line \d+; "
    ),
    annotation(
        "with a time in a century",
        "impossible times",
        EVENTS,
        cell(-1, 0, "1e307"),
        "at frame 100000001",
        "time offset",
        LabelError,
    ),
    annotation(
        "with another status", "unknown behavior", EVENTS, cell(-1, -1, "END"), "a status of 'END'", r"line \d+; "
    ),
    annotation(
        "in cp1252", "wrong encoding", EVENTS, cell(-1, 5, "Gr\xfc\xdfen"), "no UTF-8 text", "save it as text in UTF-8"
    ),
    annotation(
        "in UTF-16",
        "wrong encoding",
        EVENTS,
        content(lambda text: text.decode().encode("utf-16")),
        "UTF-16",
        "export it in one of these",
    ),
    annotation(
        "with decimal commas",
        "decimal commas",
        EVENTS,
        content(lambda text: text.replace(b",", b";").replace(b".", b",")),
        "time '[0-9]+,[0-9]+'",
        r"line \d+; ",
    ),
    annotation(
        "with another frame rate",
        "contradiction",
        EVENTS,
        untouched,
        "frames per second in the file",
        "state the exact frame rate of the video",
        fps=50.0,
    ),
    annotation(
        "with two columns of times",
        "wrong header",
        EVENTS,
        swap("Comment", "Time"),
        "2 columns 'time'",
        "rename the independent variable",
    ),
    annotation(
        "with a stop before its start",
        "stop before start",
        "boris aggregated",
        cell(-1, -1, "2.000"),
        "a stop at 2.000 s before the start",
        rf"line 3; {FIX}",
    ),
    annotation(
        "with another type",
        "unknown behavior",
        "boris aggregated",
        cell(-1, 6, "STAT"),
        "a behavior type of 'STAT'",
        "cut short",
    ),
    annotation(
        "with a time in a century",
        "impossible times",
        "boris aggregated",
        content(lambda text: text.replace(b"20.000", b"NA").replace(b"4.000", b"1e300")),
        "media or events of more than 100000000 frames",
        "correct the times in BORIS",
    ),
    annotation(
        "with a row twice",
        "duplicated frames",
        "boris binary",
        more("0.120,0"),
        "a step of 0.000 s",
        "a row is missing or doubled",
        fps=25.0,
    ),
    annotation(
        "with a number of 5000 digits",
        "impossible frame numbers",
        "boris binary",
        cell(-1, 1, "9" * 5000),
        "the row '0.120,999",
        "changed by a spreadsheet",
        fps=25.0,
    ),
)
