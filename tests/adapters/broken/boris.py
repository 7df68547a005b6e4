"""BORIS projects and tables, broken."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

from nsp_core.errors import FormatError, LabelError, NspError
from tests.adapters.broken.catalog import (
    Broken,
    Damage,
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


def row(
    name: str,
    damage: str,
    kind: str,
    make: Damage,
    found: str,
    advice: str = FIX,
    error: type[NspError] = FormatError,
    **options: object,
) -> Broken:
    return Broken(f"{kind} {name}", damage, kind, make, "annotation", error, found, advice, options)


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


def bomb(_: bytes) -> bytes:
    return gzip.compress(b'{"behaviors_conf": 0, "observations": 0' + b" " * 140_000_000 + b"}", 1, mtime=0)


PROJECT = "boris project"
EVENTS = "boris events"
BORIS = (
    # A BORIS project is JSON, perhaps packed.
    row(
        "cut at 50%",
        "truncated",
        PROJECT,
        cut(0.5),
        "content that is no JSON",
        "may be cut short",
        format="boris-project",
    ),
    row("cut at 99%", "truncated", PROJECT, cut(0.99), "content that is no JSON", "may be cut short"),
    row(
        "packed and cut",
        "truncated",
        PROJECT,
        renamed("day1.boris.gz", content(packed_and_cut)),
        "gzip content cut short",
        "may be cut short",
        format="boris-project",
    ),
    row(
        "that inflates to 140 MB",
        "decompression bomb",
        PROJECT,
        renamed("day1.boris.gz", content(bomb)),
        "more than 134217728 bytes",
        "as BORIS saved it",
        format="boris-project",
    ),
    row(
        "that is a list",
        "JSON of another shape",
        PROJECT,
        holds("[]"),
        "a JSON list",
        "as BORIS saved it",
        format="boris-project",
    ),
    row(
        "without observations",
        "JSON of another shape",
        PROJECT,
        project(lambda all_: all_.pop("observations")),
        "no 'observations'",
        "as BORIS saved it",
        format="boris-project",
    ),
    row(
        "with observations in a list",
        "JSON of another shape",
        PROJECT,
        project(lambda all_: all_.update(observations=[1])),
        r"observations: '\[1\]'",
        "let BORIS open and save",
    ),
    row(
        "with an event too short",
        "JSON of another shape",
        PROJECT,
        observation(lambda one: one.update(events=[[1.0]])),
        r"the event \[1\.0\]",
        "event 1; let BORIS open",
    ),
    row(
        "with events in a table",
        "JSON of another shape",
        PROJECT,
        observation(lambda one: one.update(events={"a": 1})),
        "the event {'a': 1}",
        "let BORIS open",
    ),
    row(
        "nested too deep",
        "JSON of another shape",
        PROJECT,
        holds('{"behaviors_conf": "observations", "observations":' + "[" * 100_000),
        "content that is no JSON",
        "as BORIS saved it",
    ),
    row(
        "with a time in words",
        "text in numbers",
        PROJECT,
        event(0, "soon"),
        "the event .*soon",
        "event 1; let BORIS open",
    ),
    row(
        "with an infinite time",
        "infinite numbers",
        PROJECT,
        event(0, float("inf")),
        "the event .*inf",
        "event 1; let BORIS open",
    ),
    row(
        "with a time in a century",
        "impossible times",
        PROJECT,
        event(-1, 1e300),
        "at frame 100000001",
        "time offset",
        LabelError,
    ),
    row("with a time before 0", "negative frames", PROJECT, event(0, -4.0), "at frame -", "time offset", LabelError),
    row(
        "with an unknown code",
        "unknown behavior",
        PROJECT,
        observation(lambda one: one["events"][0].__setitem__(2, "zz")),
        "the behavior 'zz'",
        "add it to the ethogram",
        LabelError,
    ),
    row(
        "with a START alone",
        "unpaired START",
        PROJECT,
        observation(unpaired),
        r"a START of .* with no STOP",
        "let BORIS check and fix",
        LabelError,
        fps=25.0,
    ),
    row(
        "of pictures",
        "unknown format",
        PROJECT,
        observation(lambda one: one.update(type="IMAGES")),
        "an observation of pictures",
        "make the observation again",
    ),
    # BORIS tables.
    row("cut within a row", "truncated", EVENTS, cut_bytes(12), r"^\d+ cells$", rf"line \d+; {EXPORT}"),
    row(
        "without a STOP",
        "unpaired START",
        EVENTS,
        content(without_stop),
        "while the one of .* has no STOP",
        "let BORIS check and fix",
        LabelError,
    ),
    row(
        "with a time of a clock",
        "text in numbers",
        EVENTS,
        cell(-1, 0, "0:01:02"),
        "time '0:01:02'",
        r"line \d+; .*a spreadsheet may have changed it",
    ),
    row("with a time that is infinite", "infinite numbers", EVENTS, cell(-1, 0, "inf"), "time 'inf'", r"line \d+; "),
    row(
        "with a time in a century",
        "impossible times",
        EVENTS,
        cell(-1, 0, "1e307"),
        "at frame 100000001",
        "time offset",
        LabelError,
    ),
    row("with another status", "unknown behavior", EVENTS, cell(-1, -1, "END"), "a status of 'END'", r"line \d+; "),
    row(
        "in cp1252", "wrong encoding", EVENTS, cell(-1, 5, "Gr\xfc\xdfen"), "no UTF-8 text", "save it as text in UTF-8"
    ),
    row(
        "in UTF-16",
        "wrong encoding",
        EVENTS,
        content(lambda text: text.decode().encode("utf-16")),
        "UTF-16",
        "export it in one of these",
    ),
    row(
        "with decimal commas",
        "decimal commas",
        EVENTS,
        content(lambda text: text.replace(b",", b";").replace(b".", b",")),
        "time '[0-9]+,[0-9]+'",
        r"line \d+; ",
    ),
    row(
        "with another frame rate",
        "contradiction",
        EVENTS,
        untouched,
        "frames per second in the file",
        "state the exact frame rate of the video",
        fps=50.0,
    ),
    row(
        "with two columns of times",
        "wrong header",
        EVENTS,
        swap("Comment", "Time"),
        "2 columns 'time'",
        "rename the independent variable",
    ),
    row(
        "with a stop before its start",
        "stop before start",
        "boris aggregated",
        cell(-1, -1, "2.000"),
        "a stop at 2.000 s before the start",
        rf"line 3; {FIX}",
    ),
    row(
        "with another type",
        "unknown behavior",
        "boris aggregated",
        cell(-1, 6, "STAT"),
        "a behavior type of 'STAT'",
        "cut short",
    ),
    row(
        "with a time in a century",
        "impossible times",
        "boris aggregated",
        content(lambda text: text.replace(b"20.000", b"NA").replace(b"4.000", b"1e300")),
        "media or events of more than 100000000 frames",
        "correct the times in BORIS",
    ),
    row(
        "with a row twice",
        "duplicated frames",
        "boris binary",
        more("0.120,0"),
        "a step of 0.000 s",
        "a row is missing or doubled",
        fps=25.0,
    ),
    row(
        "with a number of 5000 digits",
        "impossible frame numbers",
        "boris binary",
        cell(-1, 1, "9" * 5000),
        "the row '0.120,999",
        "changed by a spreadsheet",
        fps=25.0,
    ),
)
