"""TOML text together with the line of every key, so that a message can say where.

The standard library's parser reports lines for syntax errors only. ``key_lines`` walks text that this parser has
already accepted, so it follows the grammar without checking it. Source: TOML 1.0.0, https://toml.io/en/v1.0.0.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nsp_core.errors import MissingFileError, StudyError

__all__ = [
    "Problems",
    "TomlDocument",
    "TomlPath",
    "closest",
    "key_lines",
    "natural_order",
    "nearest",
    "read_toml",
    "shown",
]

TomlPath = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[A-Za-z0-9_-]+')
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:\'{0,2})|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL
)
_SCALAR = re.compile(r"[^,\]}\n#]+")
_AT_LINE = re.compile(r"\s*\(at line (?P<line>\d+), column (?P<column>\d+)\)")
_AT_END = re.compile(r"\s*\(at end of document\)")


@dataclass(frozen=True, slots=True)
class TomlDocument:
    """Parsed TOML: the file's name without its folder, its tables, and the line of every key."""

    name: str
    tables: dict[str, object]
    lines: Mapping[TomlPath, int]

    def line(self, path: TomlPath) -> int:
        """Return the 1-based line of ``path``, or of the nearest table around it; 1 where there is none."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1


@dataclass(slots=True)
class Problems:
    """All that is wrong with one document, collected so that it can be corrected in one go."""

    document: TomlDocument
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, path: TomlPath, message: str) -> None:
        """Note ``message`` at the line of ``path``, once."""
        problem = (self.document.line(path), message)
        if problem not in self.found:
            self.found.append(problem)

    def raise_any(self) -> None:
        """Raise one StudyError that lists every problem in line order; return if there is none."""
        if not self.found:
            return
        listed = [f"{self.document.name}:{line}: {message}" for line, message in sorted(self.found)]
        # One problem is told in one line, several in one line each.
        count, space = ("1 problem", " ") if len(listed) == 1 else (f"{len(listed)} problems", "\n")
        raise StudyError(
            found=count,
            expected="none",
            where=self.document.name,
            remedy=f"correct the file:{space}" + "\n".join(listed),
        )


def read_toml(path: Path) -> TomlDocument:
    """Return the document at ``path``; a byte-order mark and Windows line ends are accepted.

    Raises
    ------
    MissingFileError
        If there is no such file.
    StudyError
        If it is not UTF-8 text or not TOML; the latter with line and column.
    """
    if path.is_dir():
        inside = sorted(path.glob("*.toml"))
        raise MissingFileError(
            found="a folder",
            expected="a TOML file",
            where=str(path),
            remedy=f"name the file in it: {' or '.join(map(str, inside[:3]))}" if inside else "name a file",
        )
    if not path.is_file():
        names = [sibling.name for sibling in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        near = closest(path.name, names)
        raise MissingFileError(
            found="no such file",
            expected="a TOML file",
            where=str(path),
            remedy=f"did you mean '{path.with_name(near)}'?" if near else "check the path",
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise StudyError(
            found=f"byte 0x{e.object[e.start]:02x} at position {e.start}",
            expected="UTF-8 text",
            where=path.name,
            remedy="save the file as UTF-8",
        ) from e
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise _syntax_error(path.name, text, str(e)) from e
    return TomlDocument(path.name, tables, key_lines(text))


def key_lines(text: str) -> dict[TomlPath, int]:
    r"""Return the 1-based line of every table, key and array element of valid TOML ``text``.

    Examples
    --------
    >>> lines = key_lines('[[recordings]]\nrole = "test"\n[[recordings]]\nrole = "train"')
    >>> lines["recordings", 1, "role"]
    4
    """
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.scan()
    return scanner.lines


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the member of ``known`` most like ``word``, or None if none is much like it.

    Examples
    --------
    >>> closest("rolee", ["poses", "role"])
    'role'
    """
    folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return folded[near[0]] if near else None


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """Return up to three members of ``known``, the most like ``word`` first, however little that is."""
    return difflib.get_close_matches(word, list(known), n=3, cutoff=0.0)


def natural_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key by which numbers in names count as numbers.

    Examples
    --------
    >>> sorted(["10", "2", "1"], key=natural_order)
    ['1', '2', '10']
    """
    pieces = re.findall(r"[0-9]+|[^0-9]+", name)
    # The name itself comes last: '01' and '1' are different names and need one order.
    ranked = tuple((0, int(piece), "") if piece[0] in "0123456789" else (1, 0, piece) for piece in pieces)
    return (*ranked, (-1, 0, name))


def shown(value: object) -> str:
    """Return ``value`` as it stands in a TOML file; tables by their kind only."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list) and any(isinstance(element, dict) for element in value):
        return "a list of tables"
    if isinstance(value, str | bool | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _syntax_error(file_name: str, text: str, reason: str) -> StudyError:
    lines = text.splitlines() or [""]
    match = _AT_LINE.search(reason)
    line, column = (int(match["line"]), int(match["column"])) if match else (len(lines), len(lines[-1]) + 1)
    shown = lines[min(line, len(lines)) - 1].strip()
    cause = _AT_END.sub("", _AT_LINE.sub("", reason))
    return StudyError(
        found=f"'{shown}' ({cause[:1].lower()}{cause[1:]})",
        expected="TOML",
        where=f"{file_name}:{line}:{column}",
        remedy='write key = value, text in "quotes", and / in paths on every system',
    )


class _Scanner:
    """Walks TOML that is known to be valid and notes where everything starts."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.lines: dict[TomlPath, int] = {}
        self.n_elements: dict[TomlPath, int] = {}  # of every array of tables met so far

    def scan(self) -> None:
        table: TomlPath = ()
        self._skip(_BLANK)
        while self.position < len(self.text):
            if self._next() == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> TomlPath:
        start = self.position
        of_array = self.text.startswith("[[", start)
        self.position += 2 if of_array else 1
        path = self._current(self._keys(), of_array=of_array)
        self.position += 2 if of_array else 1
        self._note(path, start)
        return path

    def _current(self, keys: list[str], *, of_array: bool) -> TomlPath:
        """Return the path ``keys`` mean here: a name of an array of tables means its latest element."""
        path: TomlPath = ()
        for depth, key in enumerate(keys, start=1):
            path = (*path, key)
            if of_array and depth == len(keys):
                self.n_elements[path] = self.n_elements.get(path, 0) + 1
            if path in self.n_elements:
                path = (*path, self.n_elements[path] - 1)
        return path

    def _pair(self, table: TomlPath) -> None:
        start = self.position
        path = (*table, *self._keys())
        self.position += 1  # the equals sign
        self._skip(_SPACE)
        self._note(path, start)
        self._value(path)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_SPACE)
            raw = self._skip(_KEY)
            keys.append(next(iter(tomllib.loads(f"{raw} = 0"))))
            self._skip(_SPACE)
            if self._next() != ".":
                return keys
            self.position += 1

    def _value(self, path: TomlPath) -> None:
        opening = self._next()
        if opening == "[":
            self._members(path, "]")
        elif opening == "{":
            self._members(path, "}")
        else:
            self._skip(_STRING if opening in "\"'" else _SCALAR)

    def _members(self, path: TomlPath, closing: str) -> None:
        self.position += 1
        index = 0
        self._skip(_BLANK)
        while self._next() != closing:
            if closing == "]":
                self._note((*path, index), self.position)
                self._value((*path, index))
            else:
                self._pair(path)
            index += 1
            self._skip(_BLANK)
            if self._next() == ",":
                self.position += 1
                self._skip(_BLANK)
        self.position += 1

    def _note(self, path: TomlPath, position: int) -> None:
        line = self.text.count("\n", 0, position) + 1
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)

    def _next(self) -> str:
        return self.text[self.position : self.position + 1]

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.position)
        if match is None:  # the standard parser and this walk disagree about what is valid
            raise AssertionError(f"unexpected {self._next()!r} at position {self.position}")
        self.position = match.end()
        return match.group()
