"""A file that cannot be read is told from one that is not there, and a foreign one is called by its name."""

from __future__ import annotations

import gzip
import os
import pickle
import zipfile

import pytest

from nsp_adapters import input_file
from nsp_adapters.input_file import beginning_of, nature_of, require_content, require_file
from nsp_core.errors import FormatError, MissingFileError


def refusal(path, kind=MissingFileError):
    with pytest.raises(kind) as caught:
        require_content(path, "a pose file")
    assert caught.value.expected == "a pose file"
    return f"{caught.value.found}; {caught.value.remedy}"


def test_every_kind_of_absence_is_told_apart(tmp_path):
    assert refusal(tmp_path / "none.csv") == "no such file; correct the path"
    assert refusal(tmp_path) == "a folder; name a file"
    dangling, one, other = tmp_path / "dangling.csv", tmp_path / "one.csv", tmp_path / "other.csv"
    dangling.symlink_to(tmp_path / "nowhere.csv")
    one.symlink_to(other)
    other.symlink_to(one)
    for link in (dangling, one):
        assert refusal(link) == "a link that leads to no file; correct the link, or fetch the file that it stands for"
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == "a pipe or device; name a file"
    with pytest.raises(MissingFileError, match=r"none\.csv: found no such file, expected a video; look again$"):
        require_file(tmp_path / "none.csv", "a video", "look again")


def test_a_file_of_somebody_else_is_not_called_missing(tmp_path, monkeypatch):
    path = tmp_path / "poses.csv"
    path.write_text("scorer")
    monkeypatch.setattr(input_file.os, "access", lambda path, mode: False)  # who runs the tests may read everything
    assert refusal(path) == "a file that may not be read; give yourself the right to read it"


def test_content_is_more_than_blanks(tmp_path):
    path = tmp_path / "poses.csv"
    for content in (b"", b" \n\t\r\n"):
        path.write_bytes(content)
        assert refusal(path, FormatError) == "an empty file; export it again"
    path.write_bytes(b"\n scorer,")
    require_content(path, "a pose file")
    assert beginning_of(path, 4) == b"\n sc"


def test_foreign_content_is_called_by_its_name(tmp_path):
    assert nature_of("scorer,é\r\n\t".encode()) == ""
    assert nature_of("scorer".encode("utf-16")) == nature_of("scorer".encode("utf-16-be").join([b"\xfe\xff", b""]))
    assert nature_of("scorer".encode("utf-16")).startswith("text in UTF-16")
    assert nature_of(gzip.compress(b"scorer")) == "a gzip archive"
    assert nature_of(b"\0\0\0\x18ftypmp42") == "a video (mp4, mov)"
    for protocol in (2, 3, 4, 5):
        assert nature_of(pickle.dumps([1], protocol)).startswith("a Python pickle, which is never opened")
    with zipfile.ZipFile(tmp_path / "sheet.xlsx", "w") as sheet:
        sheet.writestr("xl/workbook.xml", "")
    assert "a spreadsheet (.xlsx" in nature_of((tmp_path / "sheet.xlsx").read_bytes())
    assert nature_of(b"a,b\n\x00\x01") == "binary content"
