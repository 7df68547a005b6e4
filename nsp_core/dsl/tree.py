"""The tree of a program as plain JSON values, and back, by one table of what each node holds.

What is plain is left out: the side of a centered window, the share of what is no quantile, the frequency of what is no
Morlet filter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from nsp_core.dsl.ast import (
    FUNCTIONS,
    KERNELS,
    SIDES,
    STATISTICS,
    And,
    Apply,
    Before,
    Choose,
    Compare,
    Condition,
    Constant,
    Duration,
    Either,
    Feature,
    FillGaps,
    Filtered,
    Fold,
    FollowedBy,
    Fraction,
    Hysteresis,
    Map,
    MapPrefix,
    MinBout,
    Negative,
    Node,
    Not,
    Number,
    Or,
    Product,
    Quotient,
    Sum,
    Sustained,
    Vote,
    Windowed,
    Within,
)
from nsp_core.dsl.words import WORDS, is_number
from nsp_core.errors import ProgramError
from nsp_core.units import TimeReference, parse_unit

__all__ = ["from_tree", "to_tree"]


def to_tree(node: Node) -> dict[str, Any]:
    """Return ``node`` as nested plain values.

    Examples
    --------
    >>> to_tree(Not(Compare(Feature("speed"), "<", 30.0, 0.0, parse_unit("mm/s"))))["op"]
    'not'
    """
    shape = _SHAPES[type(node)]
    tree = {"op": getattr(node, shape.word) if shape.word else shape.ops[0]}
    for slot in shape.slots:
        value = getattr(node, slot.field)
        if slot.plain is _NEVER or value != slot.plain:
            tree[slot.key] = slot.write(value)
    return tree


def from_tree(tree: Mapping[str, Any]) -> Condition:
    """Return the program a tree describes.

    Raises
    ------
    ProgramError
        If a part is missing, of the wrong kind, or no operator of the language.
    """
    try:
        return _condition(tree)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, ProgramError):
            raise
        found = f"a tree part that does not fit ({type(error).__name__}: {error})"
        raise _unfit(found) from error
    except RecursionError as error:
        raise _unfit("a tree nested too deeply to read") from error


def _unfit(found: str) -> ProgramError:
    return ProgramError(
        found=found,
        expected="the operators and fields a program file is written with",
        where="tree of the program",
        remedy="delete the field 'tree': the text alone restores the program",
    )


def _node(tree: Mapping[str, Any]) -> Node:
    op = tree["op"]
    if not isinstance(op, str) or op not in _BY_OP:
        raise ProgramError(
            found=f"the operator '{op}'",
            expected=f"one of {', '.join(_BY_OP)}",
            where="tree of the program",
            remedy="the file may come from a newer version: upgrade, or delete the field 'tree'",
        )
    shape = _BY_OP[op]
    fields: dict[str, Any] = {shape.word: op} if shape.word else {}
    for slot in shape.slots:
        missing = slot.plain is not _NEVER and slot.key not in tree
        fields[slot.field] = slot.plain if missing else slot.read(tree[slot.key])
    node = shape.node(**fields)
    if isinstance(node, Vote) and len(node.weights) != len(node.parts):
        raise ValueError(f"{len(node.weights)} weights of {len(node.parts)} parts")
    if isinstance(node, Apply) and len(node.arguments) != len(WORDS[node.function].arguments):
        raise ValueError(f"{len(node.arguments)} arguments of {node.function}")
    return node


def _number(tree: Mapping[str, Any]) -> Number:
    node = _node(tree)
    if not is_number(node):
        raise TypeError("a condition where a number belongs")
    return cast(Number, node)


def _condition(tree: Mapping[str, Any]) -> Condition:
    node = _node(tree)
    if is_number(node):
        raise TypeError("a number where a condition belongs")
    return cast(Condition, node)


def _numbers(trees: list[Mapping[str, Any]]) -> tuple[Number, ...]:
    return tuple(map(_number, trees))


def _conditions(trees: list[Mapping[str, Any]]) -> tuple[Condition, ...]:
    return tuple(map(_condition, trees))


def _to_trees(nodes: tuple[Node, ...]) -> list[dict[str, Any]]:
    return list(map(to_tree, nodes))


def _floats(values: list[Any]) -> tuple[float, ...]:
    return tuple(map(float, values))


def _from_duration(duration: Duration) -> list[float | str]:
    return [duration.value, duration.reference]


def _duration(values: list[Any]) -> Duration:
    value, reference = values
    return Duration(float(value), cast(TimeReference, _one_of(get_args(TimeReference), reference)))


def _side(word: object) -> str:
    return _one_of(SIDES, word)


def _relation(word: object) -> str:
    return _one_of(("<", ">"), word)


def _one_of(words: tuple[str, ...], word: object) -> str:
    if word not in words:
        raise ValueError(f"{word!r} where {' or '.join(words)} belongs")
    return str(word)


def _unchanged(value: Any) -> Any:
    return value


_NEVER = object()


@dataclass(frozen=True, slots=True)
class _Slot:
    """One field of a node: its name there, its key in the tree, how it is read and written, and what is left out."""

    field: str
    key: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Any] = _unchanged
    plain: object = _NEVER


@dataclass(frozen=True, slots=True)
class _Shape:
    """The tree of one class of nodes; ``word`` is the field that holds the name, where a class has several."""

    node: type[Node]
    ops: tuple[str, ...]
    slots: tuple[_Slot, ...] = ()
    word: str = ""


_OF_NUMBER = _Slot("child", "of", _number, to_tree)
_OF_CONDITION = _Slot("child", "of", _condition, to_tree)
_NUMBERS = _Slot("parts", "parts", _numbers, _to_trees)
_CONDITIONS = _Slot("parts", "parts", _conditions, _to_trees)
_WINDOW = (_Slot("width", "width", _duration, _from_duration), _Slot("side", "side", _side, plain="centered"))
_THRESHOLD = (_Slot("threshold", "threshold", float), _Slot("softness", "softness", float))
_UNIT = _Slot("unit", "unit", parse_unit, str)
_SHORTEST = _Slot("shortest", "shortest", _duration, _from_duration)
_LONGEST = _Slot("longest", "longest", _duration, _from_duration)

_TABLE: tuple[_Shape, ...] = (
    _Shape(Feature, ("feature",), (_Slot("name", "name", str),)),
    _Shape(Constant, ("constant",), (_Slot("value", "value", float), _UNIT)),
    _Shape(Windowed, STATISTICS, (_OF_NUMBER, *_WINDOW, _Slot("share", "share", float, plain=None)), "statistic"),
    _Shape(
        Filtered,
        KERNELS,
        (
            _OF_NUMBER,
            _Slot("sigma", "sigma", _duration, _from_duration),
            _Slot("frequency", "frequency", float, plain=None),
        ),
        "kernel",
    ),
    _Shape(Fraction, ("fraction",), (_OF_CONDITION, *_WINDOW)),
    _Shape(Negative, ("negative",), (_OF_NUMBER,)),
    _Shape(Sum, ("sum",), (_NUMBERS,)),
    _Shape(Product, ("product",), (_NUMBERS,)),
    _Shape(
        Quotient, ("quotient",), (_Slot("above", "above", _number, to_tree), _Slot("below", "below", _number, to_tree))
    ),
    _Shape(Apply, FUNCTIONS, (_Slot("arguments", "arguments", _numbers, _to_trees),), "function"),
    _Shape(
        Choose,
        ("if",),
        (
            _Slot("condition", "condition", _condition, to_tree),
            _Slot("then", "then", _number, to_tree),
            _Slot("otherwise", "otherwise", _number, to_tree),
        ),
    ),
    _Shape(Before, ("before",)),
    _Shape(Fold, ("fold",), (_OF_NUMBER,)),
    _Shape(Map, ("map",), (_OF_NUMBER,)),
    _Shape(MapPrefix, ("mapprefix",), (_OF_NUMBER,)),
    _Shape(Compare, ("compare",), (_OF_NUMBER, _Slot("relation", "relation", _relation), *_THRESHOLD, _UNIT)),
    _Shape(Not, ("not",), (_OF_CONDITION,)),
    _Shape(And, ("and",), (_CONDITIONS,)),
    _Shape(Or, ("or",), (_CONDITIONS,)),
    _Shape(Vote, ("points",), (_CONDITIONS, _Slot("weights", "weights", _floats, list), *_THRESHOLD)),
    _Shape(Either, ("either",), (_OF_CONDITION,)),
    _Shape(Sustained, ("sustained",), (_OF_CONDITION, _SHORTEST)),
    _Shape(Within, ("within",), (_OF_CONDITION, *_WINDOW)),
    _Shape(
        FollowedBy,
        ("followed_by",),
        (_Slot("first", "first", _condition, to_tree), _Slot("second", "second", _condition, to_tree), _LONGEST),
    ),
    _Shape(
        Hysteresis,
        ("hysteresis",),
        (_Slot("enter", "enter", _condition, to_tree), _Slot("stay", "stay", _condition, to_tree)),
    ),
    _Shape(FillGaps, ("fill_gaps",), (_OF_CONDITION, _LONGEST)),
    _Shape(MinBout, ("min_bout",), (_OF_CONDITION, _SHORTEST)),
)
_SHAPES: dict[type, _Shape] = {shape.node: shape for shape in _TABLE}
_BY_OP: dict[str, _Shape] = {op: shape for shape in _TABLE for op in shape.ops}
