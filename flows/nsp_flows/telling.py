"""How commands tell a person at a terminal, or in a log, what they found."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nsp_core.labels import RecordingLabels

__all__ = ["counted", "observed_frames", "print_whole", "say"]

WIDE = 10_000


def say(console: Console, what: str, sentence: str, *, style: str = "") -> None:
    """Print one sentence after the word for what it is; a long one is wrapped by the terminal, not broken."""
    # Text, not markup: a name may be [bold].
    console.print(Text.assemble((f"{what:<8}", style), sentence), soft_wrap=True)


def print_whole(table: Table, console: Console) -> None:
    """Print a table at its full width: a figure cut off at the edge of a terminal or a log is lost."""
    for line in console.render_lines(table, console.options.update(max_width=WIDE), pad=False):
        text = Text.assemble(*((segment.text, segment.style or "") for segment in line))
        text.rstrip()
        console.print(text, soft_wrap=True)


def counted(number: int, what: str) -> str:
    """Return a number of things.

    Examples
    --------
    >>> counted(1, "bout"), counted(0, "bout")
    ('1 bout', '0 bouts')
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def observed_frames(labels: RecordingLabels, behavior: str) -> int:
    """Return in how many frames the annotator looked for ``behavior``."""
    return sum(stop - start for start, stop in labels.observed.get(behavior, ()))
