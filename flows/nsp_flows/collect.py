"""Results of mapped tasks, with failures set apart: one bad recording never stops a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nsp_adapters.outputs import Failure
from nsp_core.errors import NspError

__all__ = ["collect"]


def collect(stage: str, subjects: Sequence[str], futures: Sequence[Any]) -> tuple[list[Any], list[Failure]]:
    """Return the results of ``futures``, in order, without those that failed, and the failures.

    Raises
    ------
    Exception
        Whatever a task raised that is no error of the user's input: a defect must be seen, not tabulated.
    """
    results, failures = [], []
    for subject, future in zip(subjects, futures, strict=True):
        outcome = future.result(raise_on_failure=False)
        if isinstance(outcome, NspError):
            failures.append(Failure.of(subject, stage, outcome))
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            results.append(outcome)
    # Several seeds of one behavior fail for one reason.
    return results, list(dict.fromkeys(failures))
