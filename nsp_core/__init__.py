"""Pure library: arrays, tables and programs in, arrays, tables and programs out.

``nsp_core.synthesize``, ``nsp_core.infer`` and ``nsp_core.evaluate`` are the three calls a script needs.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nsp_core.api import evaluate, infer, synthesize

__all__ = ["evaluate", "infer", "synthesize"]


def __getattr__(name: str) -> Any:
    # torch takes a second to import: only who calls it pays.
    if name in __all__:
        from nsp_core import api

        return getattr(api, name)
    raise AttributeError(f"module 'nsp_core' has no attribute '{name}'")


class _Package(ModuleType):
    """The type of this package: importing its folder ``evaluate`` does not hide the call of that name."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
