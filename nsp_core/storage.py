"""What the core expects of a store: named, content-addressed datasets of one recording, opened lazily.

Adapters implement it; the core never opens a file. A *stage* is ``poses`` or ``features``; a *key* is the digest (see
:mod:`nsp_core.provenance`) of everything the stage was computed from, so that a present key never needs recomputing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import xarray as xr

__all__ = ["Store", "StoredGroup"]


@dataclass(frozen=True, slots=True)
class StoredGroup:
    """A small reference to a stored dataset, to be passed on instead of its arrays.

    Attributes
    ----------
    path
        Where the recording is stored.
    group
        The stage's group in there, such as ``poses-0123456789ab``.
    digest
        :func:`nsp_core.provenance.dataset_digest` of the content: the same whatever the store's compression.
    n_frames
        Length of the time dim.
    """

    path: str
    group: str
    digest: str
    n_frames: int


class Store(Protocol):
    """Datasets by recording, stage and key."""

    def has(self, recording: str, stage: str, key: str) -> bool:
        """Return whether this dataset is stored, complete and undamaged."""
        ...

    def write(self, recording: str, stage: str, key: str, dataset: xr.Dataset) -> StoredGroup:
        """Store a dataset, all of it or nothing, in place of older keys of the same stage."""
        ...

    def open(self, recording: str, stage: str, key: str) -> xr.Dataset:
        """Return a stored dataset, equal to the one written; its arrays are read when they are used."""
        ...
