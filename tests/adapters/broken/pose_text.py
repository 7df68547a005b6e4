"""DeepLabCut csv, broken."""

from __future__ import annotations

import gzip

from nsp_core.errors import FormatError
from tests.adapters.broken.catalog import Broken, Damage, cell, content, cut_bytes, holds, line, more, renamed
from tests.adapters.broken.sources import dlc_csv

AGAIN = "export it again from DeepLabCut"


def row(name: str, damage: str, make: Damage, found: str, advice: str = AGAIN, kind: str = "dlc csv") -> Broken:
    return Broken(f"csv {name}", damage, kind, make, "poses", FormatError, found, advice)


def without_line(number: int) -> Damage:
    return content(lambda text: b"\n".join(each for k, each in enumerate(text.splitlines()) if k != number) + b"\n")


def first_lines(count: int) -> Damage:
    return content(lambda text: b"\n".join(text.splitlines()[:count]) + b"\n")


def within_line(number: int) -> Damage:
    def end(text: bytes) -> bytes:
        lines = text.splitlines()
        return b"\n".join([*lines[:number], lines[number][: len(lines[number]) // 2]])

    return content(end)


def last_frame(name: str) -> Damage:
    return cell(-1, 0, name)


def bomb(packed: bytes) -> bytes:
    *header, last = gzip.decompress(packed).splitlines()
    zeros = b",".join([b"0." + b"0" * 200] * len(last.split(b",")))
    return gzip.compress(b"\n".join([*header, *[zeros] * (70_000_000 // len(zeros))]), mtime=0)


POSE_TEXT = (
    row("cut within the last row", "truncated", within_line(-1), r"^\d+ cells$", rf"line \d+; .*{AGAIN}"),
    row("cut within the first row", "truncated", within_line(3), r"^\d+ cells$", rf"line 4; .*{AGAIN}"),
    row("cut within its header", "truncated", within_line(1), r"no header row coords"),
    row(
        "gzip cut",
        "truncated",
        cut_bytes(20),
        "a gzip file that is truncated or damaged",
        "copy the file",
        "dlc csv gz",
    ),
    row(
        "gzip with a wrong checksum",
        "binary junk",
        content(lambda packed: packed[:-8] + b"\0" * 8),
        "a gzip file that is truncated or damaged",
        "copy the file again",
        "dlc csv gz",
    ),
    row("without its bodyparts", "wrong header", without_line(1), "no header row bodyparts"),
    row(
        "without its scorer",
        "wrong header",
        without_line(0),
        r"content of no known format \(it begins b'bodyparts",
        "scorer,DLC_net",
    ),
    row(
        "with a header row too short",
        "wrong header",
        line(2, lambda cells: cells[:-1]),
        "header rows of unequal length",
    ),
    row("with a coordinate z", "wrong header", cell(2, -1, "z"), r"column \d+ named \(.*'z'\)"),
    row(
        "with a body part twice", "wrong header", line(1, lambda cells: [*cells[:-3], *cells[1:4]]), "two columns named"
    ),
    row(
        "with a frame twice",
        "duplicated frames",
        content(lambda text: text.rstrip() + b"\n" + text.splitlines()[-1]),
        "there twice",
    ),
    row("with half a frame", "impossible frame numbers", last_frame("3.5"), "frame number 3.5, which is not a whole"),
    row("with no frame number", "impossible frame numbers", last_frame(""), "frame number nan, which is not a whole"),
    row("with a frame in a year", "impossible frame numbers", last_frame("90000000"), "far beyond the .* rows"),
    row("with a frame before 0", "negative frames", last_frame("-1"), "frame number -1, which is negative"),
    row("with a word in a cell", "text in numbers", cell(-1, 2, "lost"), "^'lost'$", r"line \d+, column 3; "),
    row("of labeled images", "text in numbers", last_frame("img0007.png"), "^'img0007.png'$", r"line \d+, column 1; "),
    row("with an infinite cell", "infinite numbers", cell(-1, 1, "-inf"), "^'-inf'$", r"column 2; "),
    row("with a number too large", "infinite numbers", cell(4, 1, "1e39"), "^'1e39'$", r"line 5, column 2; "),
    row("of a header alone", "no frames", first_lines(3), "a header without frames"),
    row("without an animal", "no animals", holds("scorer\nbodyparts\ncoords\n0\n"), "header rows without columns"),
    row(
        "of unique parts alone",
        "no animals",
        holds(dlc_csv(["single"])),
        "unique body parts .* but no animal",
        kind="dlc csv of two",
    ),
    row(
        "with a part of one animal alone",
        "mixed skeletons",
        line(2, lambda cells: [*cells[:-3], *[b"horn"] * 3]),
        "body parts of only one of .* horn",
        "export the parts all animals share",
        "dlc csv of two",
    ),
    row(
        "in UTF-16",
        "wrong encoding",
        content(lambda text: text.decode().encode("utf-16")),
        "UTF-16",
        "convert the file",
    ),
    row(
        "with a name in latin-1", "wrong encoding", cell(1, 1, "N\xe4schen"), r"name 'N\ufffdschen', which is not UTF-8"
    ),
    row("with a cell in latin-1", "wrong encoding", cell(-1, 1, "1\xe4"), r"'1\ufffd'", r"line \d+, column 2; "),
    row(
        "of a spreadsheet",
        "decimal commas",
        content(lambda text: text.replace(b",", b";").replace(b".", b",")),
        "columns separated by ';', as a spreadsheet program saves them",
    ),
    row("with decimal commas", "decimal commas", content(lambda text: text.replace(b".", b",")), r"^\d+ cells$"),
    row(
        "with junk in the middle",
        "binary junk",
        content(lambda text: text[:-60] + b"\0\x01\xfe\n" + text[-60:]),
        "cells$",
    ),
    row(
        "with a line that never ends",
        "binary junk",
        content(lambda text: text + b"9" * 20_000_000),
        r"^'9{60}\.\.\.'$|cells$",
        r"line \d+",
    ),
    row(
        "that inflates to 70 MB",
        "decompression bomb",
        content(bomb),
        "more than 64 MiB of text",
        kind="dlc csv gz",
    ),
    row(
        "of another tool",
        "unknown format",
        holds("time,event\n1.0,lick\n"),
        "no known format .*time,event",
        "scorer,DLC_net",
    ),
    row(
        "that is a pointer",
        "unknown format",
        holds("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        "git lfs pull",
        "convert the file",
    ),
    row(
        "that is a spreadsheet",
        "sheet in place of text",
        renamed("cage3.csv", holds(b"PK\x03\x04" + bytes(99))),
        "a spreadsheet",
        "convert the file",
    ),
    row("with too many cells", "wrong header", more("99," + "1," * 500), "^50[0-9] cells$"),
)
