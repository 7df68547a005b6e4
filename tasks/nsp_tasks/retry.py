"""Which failures are worth another try: a file system that hiccups, never bad input."""

from __future__ import annotations

from typing import Any

from nsp_core.errors import NspError

__all__ = ["RETRY_DELAYS_S", "is_transient"]

RETRY_DELAYS_S = [2.0, 10.0]


def is_transient(task: Any, task_run: Any, state: Any) -> bool:
    """Return whether a failed task may succeed when run again."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, OSError) and not isinstance(error, NspError)
