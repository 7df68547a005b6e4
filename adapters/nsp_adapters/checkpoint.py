"""Where a search keeps its state: one JSON file, written whole, gone when the search is done.

A file that cannot be read, or of another version, is set aside as if there were none: the search starts anew and loses
time, never a result. The trace beside it (csv) says what was found when; it is a log and no result, for its times
differ from run to run.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from nsp_adapters.atomic import atomic_write_text
from nsp_core.errors import ProgramError
from nsp_core.search.state import Improvement, state_from_plain

__all__ = ["FileCheckpoint", "write_trace"]


@dataclass(frozen=True, slots=True)
class FileCheckpoint:
    """A search state in a file, together with the trace so far."""

    path: Path
    trace_path: Path

    def load(self) -> Mapping[str, Any] | None:
        """Return the saved state, or None where there is none that this version can go on from."""
        try:
            plain: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
            state_from_plain(plain)
        except (FileNotFoundError, ValueError, AttributeError, ProgramError):
            return None
        return plain

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep ``state`` in place of what was there, and its trace."""
        atomic_write_text(self.path, json.dumps(state))
        write_trace(self.trace_path, state_from_plain(state).trace)

    def forget(self) -> None:
        """Remove the state: the search is done, and its result is kept elsewhere."""
        self.path.unlink(missing_ok=True)


def write_trace(path: Path, trace: Sequence[Improvement]) -> None:
    """Write every improvement as one row: candidates, seconds, text, complexity, and held-out F1 and AP."""
    table = io.StringIO()
    writer = csv.DictWriter(table, [field.name for field in fields(Improvement)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(one) for one in trace)
    atomic_write_text(path, table.getvalue())
