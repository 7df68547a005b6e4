"""The tree of a program as plain JSON values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast, get_args

from nsp_core.dsl.ast import (
    SIDES,
    STATISTICS,
    And,
    Compare,
    Condition,
    Duration,
    Either,
    Feature,
    FillGaps,
    MinBout,
    Node,
    Not,
    Number,
    Or,
    Side,
    Windowed,
)
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
    match node:
        case Feature(name):
            return {"op": "feature", "name": name}
        case Windowed(child, width, statistic, side, share):
            # What is plain is left out: a centered mean reads as it always did.
            more = {"side": side} if side != "centered" else {}
            share_of = {"share": share} if share is not None else {}
            return {"op": statistic, "of": to_tree(child), "width": _duration(width), **more, **share_of}
        case Compare(child, relation, threshold, softness, unit):
            constants = {"threshold": threshold, "softness": softness, "unit": str(unit)}
            return {"op": "compare", "of": to_tree(child), "relation": relation, **constants}
        case Not(child):
            return {"op": "not", "of": to_tree(child)}
        case And(parts):
            return {"op": "and", "parts": [to_tree(part) for part in parts]}
        case Or(parts):
            return {"op": "or", "parts": [to_tree(part) for part in parts]}
        case Either(child):
            return {"op": "either", "of": to_tree(child)}
        case FillGaps(child, longest):
            return {"op": "fill_gaps", "of": to_tree(child), "longest": _duration(longest)}
        case MinBout(child, shortest):
            return {"op": "min_bout", "of": to_tree(child), "shortest": _duration(shortest)}


def from_tree(tree: Mapping[str, Any]) -> Condition:
    """Return the program a tree describes.

    Raises
    ------
    ProgramError
        If a part is missing, of the wrong kind, or no operator of the language.
    """
    try:
        node = _node(tree)
        if isinstance(node, Feature | Windowed):
            raise TypeError("a number where a condition belongs")
        return node
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, ProgramError):
            raise
        raise ProgramError(
            found=f"a tree part that does not fit ({type(error).__name__}: {error})",
            expected="the operators and fields a program file is written with",
            where="tree of the program",
            remedy="delete the field 'tree': the text alone restores the program",
        ) from error


def _node(tree: Mapping[str, Any]) -> Node:
    match tree["op"]:
        case "feature":
            return Feature(str(tree["name"]))
        case statistic if statistic in STATISTICS:
            side = cast(Side, _one_of(SIDES, tree.get("side", "centered")))
            share = float(tree["share"]) if "share" in tree else None
            return Windowed(_feature(tree["of"]), _read_duration(tree["width"]), statistic, side, share)
        case "compare":
            unit = parse_unit(tree["unit"])
            relation = cast(Literal["<", ">"], _one_of(("<", ">"), tree["relation"]))
            constants = float(tree["threshold"]), float(tree["softness"])
            return Compare(_number(tree["of"]), relation, *constants, unit)
        case "not":
            return Not(from_tree(tree["of"]))
        case "and":
            return And(tuple(from_tree(part) for part in tree["parts"]))
        case "or":
            return Or(tuple(from_tree(part) for part in tree["parts"]))
        case "either":
            return Either(from_tree(tree["of"]))
        case "fill_gaps":
            return FillGaps(from_tree(tree["of"]), _read_duration(tree["longest"]))
        case "min_bout":
            return MinBout(from_tree(tree["of"]), _read_duration(tree["shortest"]))
        case unknown:
            raise ProgramError(
                found=f"the operator '{unknown}'",
                expected=f"feature, {', '.join(STATISTICS)}, compare, not, and, or, either, fill_gaps or min_bout",
                where="tree of the program",
                remedy="the file may come from a newer version: upgrade, or delete the field 'tree'",
            )


def _duration(duration: Duration) -> list[float | str]:
    return [duration.value, duration.reference]


def _read_duration(values: list[Any]) -> Duration:
    value, reference = values
    return Duration(float(value), cast(TimeReference, _one_of(get_args(TimeReference), reference)))


def _number(tree: Mapping[str, Any]) -> Number:
    node = _node(tree)
    if not isinstance(node, Feature | Windowed):
        raise TypeError("a condition where a number belongs")
    return node


def _feature(tree: Mapping[str, Any]) -> Feature:
    node = _node(tree)
    if not isinstance(node, Feature):
        raise TypeError("a window over something that is no feature")
    return node


def _one_of(words: tuple[str, ...], word: object) -> str:
    if word not in words:
        raise ValueError(f"{word!r} where {' or '.join(words)} belongs")
    return str(word)
