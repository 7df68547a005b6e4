"""Named streams of random numbers from one seed, so that a new stage shifts no other."""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["stream"]


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return the generator that belongs to ``seed`` and this path of names, always the same one.

    Examples
    --------
    >>> stream(7, "search", "fold-3").integers(1000) == stream(7, "search", "fold-3").integers(1000)
    np.True_
    """
    digest = hashlib.sha256("\x1f".join(names).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
