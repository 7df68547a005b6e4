"""How tests ask what is said of a text that is no program."""

from __future__ import annotations

import pytest

from nsp_core.dsl.text import parse_program
from nsp_core.errors import ProgramError, UnitError


def refused(
    text: str, column: int, found: str, expected: str, remedy: str, line: int = 1, kind: type[Exception] = ProgramError
) -> None:
    """Check what the error says, and that its caret stands under the place."""
    with pytest.raises(kind) as caught:
        parse_program(text)
    assert isinstance(caught.value, ProgramError | UnitError)
    assert (caught.value.found, caught.value.expected, caught.value.remedy) == (found, expected, remedy)
    headline, shown, caret = caught.value.where.removesuffix("\n").split("\n")
    assert headline == f"program text, line {line}, column {column}"
    assert shown == "    " + text.split("\n")[line - 1]
    assert caret == "    " + " " * (column - 1) + "^"
