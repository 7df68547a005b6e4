"""What a run left behind, however it was run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nsp_adapters.inference import EthogramTables
from nsp_adapters.outputs import Failure
from nsp_adapters.synthesis import Publication

__all__ = ["RunOutcome"]


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What a run left behind.

    Attributes
    ----------
    publications
        One per behavior whose program was found.
    tables
        The ethogram tables, or None if nothing could be inferred.
    failures
        Recordings and behaviors that could not be done.
    manifest
        What was read and written.
    """

    publications: tuple[Publication, ...]
    tables: EthogramTables | None
    failures: tuple[Failure, ...]
    manifest: Path

    @property
    def exit_code(self) -> int:
        """0 all done, 1 something failed."""
        return 1 if self.failures else 0
