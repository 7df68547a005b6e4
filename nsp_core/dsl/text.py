"""The text of a program, as a biologist reads it, and its parser. Text and tree determine each other exactly.

``mean(nose_to_body[lower], 4 s) < 0.98 ± 0.2 bl and mean(centroid_distance, 4 s) > 0.45 ± 0.2 bl``

``+-`` is read for ``±``; a softness left out is a hard threshold; a name that is no plain word, or one of the language,
stands in backticks. The grammar, with what it says of spaces and signs, is in :mod:`nsp_core.dsl.grammar`.
"""

from __future__ import annotations

from typing import cast

from lark import UnexpectedInput

from nsp_core.dsl.ast import Condition
from nsp_core.dsl.grammar import program_parser
from nsp_core.dsl.mistakes import Mistake, explained, located
from nsp_core.dsl.printing import format_program

__all__ = ["format_program", "parse_program"]


def parse_program(text: str) -> Condition:
    """Return the program a text describes.

    Raises
    ------
    ProgramError
        With line, column, a caret under the place where the text stops making sense, and how it may be written.
    UnitError
        For a unit of two length or two time references, such as ``mm/px``.

    Examples
    --------
    >>> parse_program("speed < 30 mm/s and not nose_to_nose > 22 mm") == parse_program(
    ...     "(speed < 30 mm/s) and (not (nose_to_nose > 22 mm))")
    True
    """
    try:
        return cast(Condition, program_parser().parse(text))
    except UnexpectedInput as error:
        raise located(text, explained(text, error)) from error
    except Mistake as mistake:
        raise located(text, mistake) from mistake
