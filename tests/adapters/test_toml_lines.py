"""TOML files of a person: every key has its line, and what is no TOML is said with its place."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsp_adapters.study import read_study
from nsp_adapters.toml_lines import key_lines, natural_order
from nsp_core.errors import MissingFileError, StudyError
from tests.adapters.study_examples import STUDY, changed, read


def test_every_kind_of_toml_line_is_found() -> None:
    text = '''# comment with [brackets] and "quotes"
"a key" = """
[no] # table
"""
b.c = 'x = 1'
[t . "u.v"]
w = [ # list
  1, "]",
  [2,
   { x = 1, y.z = """"q"""" }],
]
[[r]]
k = 1
[r.sub]
m = 2
[[r]]
k = 2 # [[r]]
[[r.deep]]
n = \'\'\'a\'\'\'
'''
    tomllib.loads(text)
    lines = key_lines(text)
    assert lines["a key",] == 2
    assert lines["b", "c"] == 5
    assert lines["t", "u.v"] == 6
    assert [lines["t", "u.v", "w", index] for index in range(3)] == [8, 8, 9]
    assert lines["t", "u.v", "w", 2, 1, "y", "z"] == 10
    assert (lines["r", 0, "k"], lines["r", 0, "sub", "m"], lines["r", 1, "k"]) == (13, 15, 17)
    assert (lines["r", 1], lines["r", 1, "deep", 0, "n"]) == (16, 19)
    assert key_lines("") == {}


@given(
    st.lists(
        st.tuples(
            st.text("ab-_1", min_size=1, max_size=6),
            st.sampled_from(["1", '"a#b"', "[1, 2]", "[\n1,\n]", "{ x = 1 }", '"""\n\n"""', "'''\n'''", "2026-01-01"]),
        ),
        unique_by=lambda pair: pair[0],
        max_size=8,
    )
)
def test_a_key_stands_where_its_line_says(pairs: list[tuple[str, str]]) -> None:
    text = "".join(f"{key} = {value} # note\n\n" for key, value in pairs)
    lines = key_lines(text)
    assert set(tomllib.loads(text)) == {path[0] for path in lines}
    for key, _ in pairs:
        assert text.splitlines()[lines[key,] - 1].startswith(f"{key} = ")


@given(st.lists(st.text("a019é", max_size=5), max_size=6), st.randoms())
def test_natural_order_ignores_the_order_given_and_counts(names: list[str], random: Random) -> None:
    shuffled = random.sample(names, len(names))
    assert sorted(names, key=natural_order) == sorted(shuffled, key=natural_order)
    numbers = sorted({int(name) for name in names if name.isascii() and name.isdigit()})
    assert sorted(map(str, numbers), key=natural_order) == list(map(str, numbers))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("fps = 29.97", "fps 29.97", "study.toml:7:5: found 'fps 29.97' (expected '=' after a key"),
        ('"tracks"', '"C:\\tracks', "study.toml:3:"),
        ("fps = 29.97", "fps = 1\nfps = 2", "study.toml:8:8: found 'fps = 2' (cannot overwrite a value"),
        ('kind = "undirected"\n', "kind =", "study.toml:32:7: found 'kind =' (invalid value)"),
    ],
)
def test_a_syntax_error_has_line_and_column(study_folder: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(StudyError, match=re.escape(message)):
        read(study_folder, changed((old, new)))


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(b'[study]\nname = "M\xe4use"\n')
    with pytest.raises(StudyError, match=r"study\.toml: found byte 0xe4 at position 17, expected UTF-8 text; save"):
        read_study(path, environment={})


def test_windows_line_ends_and_byte_order_mark_are_accepted(study_folder: Path) -> None:
    path = study_folder / "study.toml"
    path.write_bytes(b"\xef\xbb\xbf" + STUDY.replace("\n", "\r\n").encode())
    assert read_study(path, environment={}) == read(study_folder)
    path.write_bytes(b"\xef\xbb\xbf" + STUDY.replace("kind", "kinds").replace("\n", "\r\n").encode())
    with pytest.raises(StudyError, match=r"study\.toml:32: unknown key 'kinds'"):
        read_study(path, environment={})


def test_a_folder_in_place_of_a_study_is_called_one(study_folder: Path) -> None:
    with pytest.raises(MissingFileError, match=r"found a folder, expected a TOML file; name a file$"):
        read_study(study_folder, environment={})
    read(study_folder)
    with pytest.raises(
        MissingFileError, match=r"found a folder, expected a TOML file; name the file in it: .*study\.toml$"
    ):
        read_study(study_folder, environment={})


def test_a_missing_study_file_names_the_closest(study_folder: Path) -> None:
    read(study_folder)
    with pytest.raises(MissingFileError, match=r"studdy\.toml: found no such file.*did you mean '.*study\.toml'\?"):
        read_study(study_folder / "studdy.toml", environment={})
    with pytest.raises(MissingFileError, match="check the path"):
        read_study(study_folder / "nowhere" / "x.toml", environment={})
