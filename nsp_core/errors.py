"""Errors a user can act on: what was found, what was expected, where, and what to do.

Every class also derives from the built-in a Python programmer would catch, so callers need not import this tree.
"""

from __future__ import annotations

__all__ = [
    "AmbiguousError",
    "FeatureError",
    "FormatError",
    "LabelError",
    "MissingFileError",
    "NspError",
    "OutputError",
    "PoseError",
    "ProgramError",
    "StudyError",
    "UnitError",
]


class NspError(Exception):
    """Base of all errors this project raises on purpose.

    Parameters
    ----------
    found
        What is there.
    expected
        What should have been there.
    where
        File, line, recording or program node.
    remedy
        What the reader can do about it.
    """

    def __init__(self, *, found: str, expected: str, where: str, remedy: str) -> None:
        self.found = found
        self.expected = expected
        self.where = where
        self.remedy = remedy
        super().__init__(found, expected, where, remedy)

    def __str__(self) -> str:
        return f"{self.where}: found {self.found}, expected {self.expected}; {self.remedy}"

    def __reduce__(self) -> tuple[object, ...]:
        # The default reduction passes positional arguments, which the keyword-only constructor refuses;
        # a process pool needs to carry these errors home.
        return (_rebuild, (type(self), self.found, self.expected, self.where, self.remedy))


class MissingFileError(NspError, FileNotFoundError):
    """A file or folder that was named does not exist."""

    # OSError.__str__ would hide the message when it is found first in the resolution order.
    __str__ = NspError.__str__


class FormatError(NspError, ValueError):
    """A file is not what its format promises."""


class AmbiguousError(NspError, ValueError):
    """Two readings are possible and choosing one would be a guess."""


class StudyError(NspError, ValueError):
    """The study file asks for something impossible or misspelled."""


class PoseError(NspError, ValueError):
    """Poses that cannot be used: wrong dims, missing body parts, an animal never seen."""


class LabelError(NspError, ValueError):
    """Labels that contradict the recording or each other."""


class FeatureError(NspError, LookupError):
    """A feature is unknown or cannot be computed from this skeleton."""


class UnitError(NspError, TypeError):
    """Two quantities of different dimension or length reference meet."""


class ProgramError(NspError, ValueError):
    """A program text or artifact does not parse, type-check or match its data."""


class OutputError(NspError, OSError):
    """Results cannot be written."""

    __str__ = NspError.__str__


def _rebuild(kind: type[NspError], found: str, expected: str, where: str, remedy: str) -> NspError:
    return kind(found=found, expected=expected, where=where, remedy=remedy)
