"""The learned constants of a program as a flat list, and the same program with other ones.

What counts as a constant is what :func:`nsp_core.dsl.ast.complexity` counts: thresholds, softness above zero, windows,
durations, widths of filters, frequencies, shares, weights and the numbers that stand for themselves. They come in the
order of :func:`nsp_core.dsl.ast.walk`, parents first; those of one node in the order of its fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar, get_args

from nsp_core.dsl.ast import (
    Compare,
    Constant,
    Duration,
    FillGaps,
    Filtered,
    FollowedBy,
    Fraction,
    MinBout,
    Node,
    Sustained,
    Vote,
    Windowed,
    Within,
    children,
    with_children,
)
from nsp_core.dsl.text import format_program
from nsp_core.errors import ProgramError

__all__ = ["CONSTANT_KINDS", "ConstantKind", "ProgramConstant", "constants_of", "node_at", "with_constants"]

ConstantKind = Literal[
    "threshold", "softness", "width", "duration", "sigma", "frequency", "share", "weight", "constant"
]
CONSTANT_KINDS: tuple[ConstantKind, ...] = get_args(ConstantKind)

AnyNode = TypeVar("AnyNode", bound=Node)
_Slot = tuple[str, ConstantKind]

_THRESHOLD: tuple[_Slot, ...] = (("threshold", "threshold"), ("softness", "softness"))
# The fields of each node that hold constants; a node that is not here has none.
_SLOTS: dict[type, tuple[_Slot, ...]] = {
    Constant: (("value", "constant"),),
    Windowed: (("width", "width"), ("share", "share")),
    Filtered: (("sigma", "sigma"), ("frequency", "frequency")),
    Fraction: (("width", "width"),),
    Within: (("width", "width"),),
    Compare: _THRESHOLD,
    Vote: (("weights", "weight"), *_THRESHOLD),
    Sustained: (("shortest", "duration"),),
    FollowedBy: (("longest", "duration"),),
    FillGaps: (("longest", "duration"),),
    MinBout: (("shortest", "duration"),),
}


@dataclass(frozen=True, slots=True)
class ProgramConstant:
    """One learned constant of a program.

    Attributes
    ----------
    path
        Where its node stands: which part of the program, which part of that part, and so on, counted from 0 as
        :func:`nsp_core.dsl.ast.children` does. Empty for the program itself.
    kind
        What the constant does in its node.
    value
        Its value, in ``unit``.
    unit
        As text: ``mm/s``, ``s``, ``1/frame``, or nothing for a bare number.
    node
        The node it belongs to.
    """

    path: tuple[int, ...]
    kind: ConstantKind
    value: float
    unit: str
    node: Node

    @property
    def text(self) -> str:
        """The text of the node it belongs to."""
        return format_program(self.node)


def constants_of(program: Node) -> tuple[ProgramConstant, ...]:
    """Return the learned constants of ``program``.

    Examples
    --------
    >>> from nsp_core.dsl.text import parse_program
    >>> [(one.kind, one.value, one.unit) for one in constants_of(parse_program("mean(speed, 0.5 s) < 30 ± 4 mm/s"))]
    [('threshold', 30.0, 'mm/s'), ('softness', 4.0, 'mm/s'), ('width', 0.5, 's')]
    """
    return tuple(_constants(program, ()))


def with_constants(program: AnyNode, values: Sequence[float]) -> AnyNode:
    """Return ``program`` with other constants, as many and in the same order as :func:`constants_of` gives.

    Raises
    ------
    ProgramError
        If there are more or fewer values than constants.

    Examples
    --------
    >>> from nsp_core.dsl.text import format_program, parse_program
    >>> program = parse_program("min_bout(mean(speed, 0.5 s) < 30 ± 4 mm/s, 1 s)")
    >>> format_program(with_constants(program, (2.0, 22.0, 3.0, 0.4)))
    'min_bout(mean(speed, 0.4 s) < 22 ± 3 mm/s, 2 s)'
    """
    n_constants = sum(1 for _ in _constants(program, ()))
    if len(values) != n_constants:
        raise ProgramError(
            found=f"{len(values)} values",
            expected=f"{n_constants}, one for each constant",
            where=f"'{format_program(program)}'",
            remedy="give the values in the order in which constants_of lists the constants",
        )
    return _rebuilt(program, iter(values))


def node_at(program: Node, path: Sequence[int]) -> Node:
    """Return the part of ``program`` that the path of a :class:`ProgramConstant` leads to."""
    node = program
    for place in path:
        node = children(node)[place]
    return node


def _constants(node: Node, path: tuple[int, ...]) -> Iterator[ProgramConstant]:
    for name, kind in _SLOTS.get(type(node), ()):
        for value in _values(getattr(node, name), kind):
            yield ProgramConstant(path, kind, value, _unit(node, kind), node)
    for place, child in enumerate(children(node)):
        yield from _constants(child, (*path, place))


def _values(held: float | Duration | tuple[float, ...] | None, kind: ConstantKind) -> tuple[float, ...]:
    match held:
        case None:
            return ()
        case Duration(value):
            return (value,)
        case tuple():
            return held
        case _:
            # A softness of zero is a hard step: nothing was learned.
            return (held,) if kind != "softness" or held > 0 else ()


def _unit(node: Node, kind: ConstantKind) -> str:
    match node:
        case Compare(unit=unit) | Constant(unit=unit):
            return str(unit)
        case Filtered(sigma=sigma) if kind == "frequency":
            return f"1/{sigma.reference}"
        case _:
            held = [getattr(node, name) for name, of_kind in _SLOTS[type(node)] if of_kind == kind]
            return held[0].reference if isinstance(held[0], Duration) else ""


def _rebuilt(node: AnyNode, values: Iterator[float]) -> AnyNode:
    own: dict[str, object] = {}
    for name, kind in _SLOTS.get(type(node), ()):
        held = getattr(node, name)
        taken = tuple(next(values) for _ in _values(held, kind))
        if taken:
            own[name] = taken if isinstance(held, tuple) else _like(held, taken[0])
    changed = replace(node, **own) if own else node  # type: ignore[arg-type]  # names and types are those of the fields
    parts = children(changed)
    return with_children(changed, [_rebuilt(part, values) for part in parts]) if parts else changed


def _like(held: float | Duration, value: float) -> float | Duration:
    return replace(held, value=value) if isinstance(held, Duration) else value
