"""Lists of names out of a pickle, without unpickling: the opcodes are read as text, and none can call or import.

PyTables stores the column names of a pandas table as a pickled list of tuples of strings. Loading a pickle runs
whatever code it names; this reader knows only the opcodes that build lists, tuples, dicts, strings and whole numbers,
and refuses every other (``GLOBAL``, ``REDUCE``, ``BUILD`` ...).

References
----------
Python, "pickletools: Tools for pickle developers", https://docs.python.org/3/library/pickletools.html
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any

__all__ = ["InertPickleError", "read_inert_pickle"]

MAX_BYTES = 16 * 2**20

_MARK = object()
_VALUES = {
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"),
}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    **{"NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False},
    **{"EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict},
}
_SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_STORE = {"PUT", "BINPUT", "LONG_BINPUT"}
_RECALL = {"GET", "BINGET", "LONG_BINGET"}


class InertPickleError(ValueError):
    """The bytes are no pickle of plain lists, tuples, dicts, strings and whole numbers."""


def read_inert_pickle(content: bytes) -> Any:
    r"""Return the lists, tuples, dicts, strings and whole numbers that ``content`` describes.

    Raises
    ------
    InertPickleError
        If it is damaged or describes anything else, above all anything that would have to be called.

    Examples
    --------
    >>> read_inert_pickle(b"(lp0\n(Vnose\nVx\ntp1\na.")
    [('nose', 'x')]
    """
    if len(content) > MAX_BYTES:
        raise InertPickleError(f"{len(content)} bytes")
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name == "STOP":
                (result,) = machine.stack
                return result
            machine.step(opcode.name, argument)
    except InertPickleError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, UnicodeError) as error:
        raise InertPickleError(f"damaged: {error}") from error
    raise InertPickleError("damaged: it does not end")


class _Machine:
    """The stack and the memory of a pickle, for the harmless opcodes only."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _STORE:
            self.memory[int(argument)] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memory[len(self.memory)] = self.stack[-1]
        elif name in _RECALL:
            self.stack.append(self.memory[int(argument)])
        elif name == "MARK":
            self.stack.append(_MARK)
        elif name not in {"PROTO", "FRAME"}:
            self.build(name)

    def build(self, name: str) -> None:
        """Take what the opcode combines from the stack and put back the combination."""
        if name in _SHORT_TUPLES:
            n_items = _SHORT_TUPLES[name]
            items = [self.stack.pop() for _ in range(n_items)][::-1]
            self.stack.append(tuple(items))
        elif name in {"LIST", "TUPLE"}:
            items = self.since_mark()
            self.stack.append(items if name == "LIST" else tuple(items))
        elif name == "DICT":
            items = self.since_mark()
            self.stack.append(dict(zip(items[::2], items[1::2], strict=True)))
        elif name in {"APPEND", "APPENDS"}:
            items = [self.stack.pop()] if name == "APPEND" else self.since_mark()
            self.stack[-1].extend(items)
        elif name in {"SETITEM", "SETITEMS"}:
            items = [self.stack.pop(), self.stack.pop()][::-1] if name == "SETITEM" else self.since_mark()
            self.stack[-1].update(zip(items[::2], items[1::2], strict=True))
        else:
            raise InertPickleError(f"opcode {name}, which names do not need and which could run code")

    def since_mark(self) -> list[Any]:
        items: list[Any] = []
        while (item := self.stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]
