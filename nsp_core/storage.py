"""What the core expects of a store: named, content-addressed variables of one recording, streamed in, opened lazily.

Adapters implement it; the core never opens a file. A *stage* is ``poses`` or ``features``; its *key* is the digest (see
:mod:`nsp_core.provenance`) of what all its variables share: recording, settings, coordinates. A *variable key* is the
digest of what one variable needs beyond that. What is present under both keys never needs recomputing, and adding a
variable leaves the others, and all references to them, as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import xarray as xr

__all__ = ["Store", "StoredGroup"]


@dataclass(frozen=True, slots=True)
class StoredGroup:
    """A small reference to stored variables, to be passed on instead of their arrays.

    Attributes
    ----------
    path
        Where the recording is stored.
    group
        The stage's group in there, such as ``poses-0123456789ab``.
    digest
        :func:`nsp_core.provenance.dataset_digest` of exactly these variables, their coordinates and the attributes:
        the same whatever else the group holds and however it is compressed.
    n_frames
        Length of the time dim.
    names
        The variables, in the order asked.
    """

    path: str
    group: str
    digest: str
    n_frames: int
    names: tuple[str, ...] = ()


class Store(Protocol):
    """Variables by recording, stage, key and name."""

    def find(self, recording: str, stage: str, key: str, variable_keys: Mapping[str, str]) -> tuple[str, ...]:
        """Return which of the variables ``name -> variable key`` are stored, complete and undamaged."""
        ...

    def write(
        self,
        recording: str,
        stage: str,
        key: str,
        chunks: xr.Dataset | Iterable[xr.Dataset],
        variable_keys: Mapping[str, str] | None = None,
    ) -> StoredGroup:
        """Add the variables of a dataset, or of its consecutive chunks along time, each whole or not at all.

        Variables of the same names are replaced, others stay, older keys of the stage go. Without ``variable_keys``
        the stage's key is every variable's.
        """
        ...

    def refer(self, recording: str, stage: str, key: str, names: Sequence[str]) -> StoredGroup:
        """Return the reference of stored variables."""
        ...

    def open(self, recording: str, stage: str, key: str, names: Sequence[str] | None = None) -> xr.Dataset:
        """Return stored variables, by default all, equal to those written; arrays are read when they are used."""
        ...
