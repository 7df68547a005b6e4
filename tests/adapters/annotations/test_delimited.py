"""Delimited text: cells by name, and a shifted or damaged cell is named by its line."""

from __future__ import annotations

import pytest

from nsp_adapters.annotations.delimited import (
    MAX_FRAMES,
    beginning_of,
    csv_text,
    has_semicolons,
    header_of,
    read_delimited,
)
from nsp_core.errors import FormatError, MissingFileError

EXAMPLE = "a,b\n1,2\n3,4\n5,6\n7,8"


def read(path, **request):
    return read_delimited(path, what="a table", example=EXAMPLE, **request)


def test_cells_are_found_by_name_and_stripped(write):
    table = read(write('\ufeffname, start\r\n"rear, high", 7\r\n\r\n x ,9\r\n'))
    assert table.columns == ("name", "start")
    assert [(row.line, row["name"], row["start"], row["stop"]) for row in table.rows] == [
        (2, "rear, high", "7", ""),
        (4, "x", "9", ""),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found an empty file, expected a table"),
        (b"  \n", "found an empty file"),
        (b"a,b\n1\n", "line 2: found 1 cells, expected 2 cells, as in the header"),
        (b"a,b\n1,2,3\n", "line 2: found 3 cells"),
        (b"a,a\n1,2\n", "found two columns 'a', expected a table: columns with different names"),
        (b"a,\n1,2\n", "found no name for column 2"),
        (b"a,,\n1,2,3\n", "found no name for column 2"),
        (
            b"a;b\n1;2\n",
            "found columns separated by ';', as a spreadsheet program saves them, expected a table: columns",
        ),
        (b'"a";"b"\n"1";"2"\n', "save it with ',' between cells and '.' in decimal numbers"),
        (b"a,b\n1,\xff\n", "found content that is no csv text ('utf-8' codec can't decode"),
        ("a,b\n1,2\n".encode("utf-16"), "found content that is no csv text"),
        (b'a,b\n"1,2\n', "found content that is no csv text (unexpected end of data)"),
    ],
)
def test_damaged_text_says_what_and_where(write, content, message):
    with pytest.raises(FormatError) as caught:
        read(write(content))
    assert message in str(caught.value)


def test_empty_columns_at_the_end_are_left_out(write):
    path = write("a,b,,\n1,2,,\n3,4\n")
    assert header_of(path) == (("a", "b"), ("1", "2"))
    table = read(path)
    assert (table.columns, [row["b"] for row in table.rows]) == (("a", "b"), ["2", "4"])
    assert header_of(write(",a\n0,\n")) == (("", "a"), ("0", ""))


def test_semicolons_within_cells_separate_nothing(write):
    for text in ("a;b,c\n1,2\n", "a;b\nnotes\n", "a\n1;2\n", '"a;b","c;d"\n1,2\n'):
        assert not has_semicolons(write(text))


def test_missing_column_names_the_closest(write):
    table = read(write("start,Stop\n1,2\n"))
    with pytest.raises(FormatError, match=r"found no column 'stop' \(closest: 'Stop'\), expected columns start, stop"):
        table.require(("start", "stop"))


@pytest.mark.parametrize("cell", ["-1", "1.5", "x", "", "1e3", "٣", "9" * 5000])
def test_frame_has_to_be_a_whole_number(write, cell):
    table = read(write(f"frame,b\n{cell},2\n"))
    with pytest.raises(FormatError, match="expected a whole number, 0 or more"):
        table.frame(table.rows[0], "frame")


def test_frame_beyond_any_recording_is_refused(write):
    table = read(write(f"frame,b\n{MAX_FRAMES},2\n{MAX_FRAMES + 1},2\n7.0,2\n"))
    assert [table.frame(table.rows[row], "frame") for row in (0, 2)] == [MAX_FRAMES, 7]
    with pytest.raises(FormatError, match="line 3: found frame 100000001, expected a frame number up to 100000000"):
        table.frame(table.rows[1], "frame")


@pytest.mark.parametrize("cell", ["-1", "nan", "inf", "1,5", "x", ""])
def test_time_has_to_be_seconds(write, cell):
    table = read(write(f"t;b\n{cell};2\n"), delimiter=";")
    with pytest.raises(FormatError, match="a time in seconds with a decimal point, 0 or more"):
        table.seconds(table.rows[0], "t")


def test_empty_name_is_refused(write):
    table = read(write("name,b\n,2\n"))
    with pytest.raises(FormatError, match="line 2: found an empty name, expected a name in every row"):
        table.name(table.rows[0], "name")


def test_header_of_anything_that_can_be_opened(write, tmp_path):
    assert header_of(write("a;b\n1;2\n"), ";") == (("a", "b"), ("1", "2"))
    assert header_of(write("a,b")) == (("a", "b"), ())
    for content in (b"", b"\x89HDF\0\0", b"\xff\xfea", b'"' * 200_000, b"a" * 2_000_000):
        assert isinstance(header_of(write(content)), tuple)
    with pytest.raises(MissingFileError, match=r"none\.csv: found no such file"):
        beginning_of(tmp_path / "none.csv")


def test_written_text_reads_back(write):
    rows = [("a", "b c"), ('say "x", y', "1")]
    table = read(write(csv_text(rows)))
    assert [tuple(row.cells.values()) for row in table.rows] == rows[1:]
