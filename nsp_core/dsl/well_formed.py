"""What a node must be like on its own: possible constants, and as many parts as it takes, whatever the features are."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nsp_core.dsl.ast import (
    And,
    Apply,
    Compare,
    Constant,
    Duration,
    FillGaps,
    Filtered,
    FollowedBy,
    Fraction,
    MinBout,
    Node,
    Or,
    Product,
    Sum,
    Sustained,
    Vote,
    Windowed,
    Within,
)
from nsp_core.dsl.text import format_program
from nsp_core.errors import ProgramError, UnitError
from nsp_core.units import TimeReference

__all__ = ["check_well_formed", "where"]

_ARGUMENTS = {"abs": 1, "wrap": 1, "atan2": 2}


def check_well_formed(node: Node, time_reference: TimeReference) -> None:
    """Check the numbers that ``node`` itself holds, and how many parts it has; not what is below it.

    Raises
    ------
    UnitError
        For a duration in another reference than the features' time.
    ProgramError
        For an impossible number, too few parts, or too few or many weights or arguments.
    """
    for duration in _durations(node):
        _check_duration(duration, time_reference, node)
    match node:
        case Compare(threshold=threshold, softness=softness):
            _check_threshold(threshold, softness, node)
        case Constant(value) if not math.isfinite(value):
            raise ProgramError(
                found=f"the constant {value:g}",
                expected="a finite number",
                where=where(node),
                remedy="correct the constant",
            )
        case Windowed():
            _check_share(node)
        case Filtered():
            _check_frequency(node)
        case Vote():
            _check_weights(node)
            _check_threshold(node.threshold, node.softness, node)
        case And(parts) | Or(parts) | Sum(parts) | Product(parts) if len(parts) < 2:
            parts_are = "conditions" if isinstance(node, And | Or) else "numbers"
            raise ProgramError(
                found=f"{len(parts)} parts",
                expected="at least two",
                where=f"{type(node).__name__} node",
                remedy=f"join at least two {parts_are}, or drop the operator",
            )
        case Apply(function, arguments) if len(arguments) != _ARGUMENTS.get(function):
            raise ProgramError(
                found=f"{function} of {len(arguments)} numbers",
                expected="abs(x), wrap(x) or atan2(y, x)",
                where=f"{type(node).__name__} node",
                remedy="give it the numbers it takes",
            )
        case _:
            pass


def where(node: Node) -> str:
    """Return the text of ``node`` as errors name it."""
    return f"'{format_program(node)}'"


def _durations(node: Node) -> Iterator[Duration]:
    match node:
        case Windowed(width=duration) | Fraction(width=duration) | Within(width=duration) | Filtered(sigma=duration):
            yield duration
        case Sustained(shortest=duration) | MinBout(shortest=duration):
            yield duration
        case FollowedBy(longest=duration) | FillGaps(longest=duration):
            yield duration
        case _:
            pass


def _check_duration(duration: Duration, time_reference: TimeReference, node: Node) -> None:
    if duration.reference != time_reference:
        raise UnitError(
            found=f"a duration in {duration.reference}",
            expected=f"a duration in {time_reference}, as the features' time",
            where=where(node),
            remedy="state the frame rate of the features, or rewrite the duration",
        )
    if not (math.isfinite(duration.value) and duration.value > 0):
        raise ProgramError(
            found=f"a duration of {duration.value:g} {duration.reference}",
            expected="a positive, finite duration",
            where=where(node),
            remedy="correct the duration, or drop the operator",
        )


def _check_threshold(threshold: float, softness: float, node: Node) -> None:
    if not (math.isfinite(threshold) and math.isfinite(softness) and softness >= 0):
        raise ProgramError(
            found=f"threshold {threshold} with softness {softness}",
            expected="finite numbers, softness not below zero",
            where=where(node),
            remedy="correct the constants",
        )


def _check_share(node: Windowed) -> None:
    if node.statistic != "quantile" and node.share is not None:
        raise ProgramError(
            found=f"the share {node.share:g} in a {node.statistic}",
            expected="a share only in a quantile",
            where=where(node),
            remedy="remove it, or write quantile",
        )
    if node.statistic == "quantile" and not (node.share is not None and 0 <= node.share <= 1):
        raise ProgramError(
            found="no share" if node.share is None else f"the share {node.share:g}",
            expected="the share of frames below the quantile, from 0 to 1",
            where=where(node),
            remedy="write it like quantile(speed, 0.9, 2 s)",
        )


def _check_frequency(node: Filtered) -> None:
    reference, frequency = node.sigma.reference, node.frequency
    if node.kernel != "morlet" and frequency is not None:
        raise ProgramError(
            found=f"a frequency of {frequency:g} 1/{reference} in a {node.kernel} filter",
            expected="a frequency only in a morlet filter",
            where=where(node),
            remedy="remove it, or write morlet",
        )
    if node.kernel == "morlet" and not (frequency is not None and math.isfinite(frequency) and frequency > 0):
        raise ProgramError(
            found="no frequency" if frequency is None else f"a frequency of {frequency:g} 1/{reference}",
            expected="a positive, finite frequency, in cycles per time",
            where=where(node),
            remedy=f"write it like morlet(speed, {'0.2 s, 3' if reference == 's' else '5 frame, 0.1'} 1/{reference})",
        )


def _check_weights(node: Vote) -> None:
    if not node.parts or len(node.weights) != len(node.parts):
        raise ProgramError(
            found=f"{len(node.weights)} weights for {len(node.parts)} conditions",
            expected="at least one condition, and one weight for each",
            where=f"{type(node).__name__} node",
            remedy="write it like points(2: speed > 30 mm/s, 1: nose_to_nose < 20 mm) > 1.5",
        )
    if not all(math.isfinite(weight) and weight != 0 for weight in node.weights):
        raise ProgramError(
            found=f"the weights {', '.join(f'{weight:g}' for weight in node.weights)}",
            expected="finite weights that are not 0",
            where=where(node),
            remedy="correct the weight, or leave its condition out",
        )
