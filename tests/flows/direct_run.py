"""A run whose jobs are done in this process: processes of its own take seconds to start."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from nsp_adapters.outputs import Failure
from nsp_core.errors import NspError
from nsp_core.study import Study

__all__ = ["DirectRun", "run_directly"]


@dataclass
class DirectRun:
    """What a run does, in this process; calls and results are copied as they are on the way to another one."""

    study: Study
    out: Path
    console: Console
    failures: list[Failure] = field(default_factory=list)
    messages: Queue[Any] = field(default_factory=Queue)

    def each(self, stage: str, calls: Sequence[tuple[str, Callable[..., Any], tuple[Any, ...]]]) -> list[Any]:
        """Return the results of ``calls``, without those that failed."""
        if not self.console.stderr:
            self.console.print(stage)
        results = []
        for subject, function, arguments in calls:
            try:
                # The queue of messages is a proxy there, which is not copied.
                sent = [one if one is self.messages else _copied(one) for one in arguments]
                results.append(_copied(_copied(function)(*sent)))
            except NspError as error:
                self.failures.append(Failure.of(subject, stage, error))
        return results


def run_directly(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> None:
    """Have ``module`` do its jobs in this process."""

    @contextmanager
    def running(study: Study, out: Path, _: int, console: Console) -> Iterator[DirectRun]:
        yield DirectRun(study, out, console)

    monkeypatch.setattr(module, "running", running)


def _copied(one: Any) -> Any:
    return pickle.loads(pickle.dumps(one))
