"""Check a program against the features it will meet: names, units, durations.

A threshold on mm/s never meets radians or body lengths, and a plain mean never meets a circular angle.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping

from nsp_core.dsl.ast import (
    And,
    Compare,
    Condition,
    Duration,
    FillGaps,
    MinBout,
    Number,
    Or,
    Windowed,
    feature_names,
    walk,
)
from nsp_core.dsl.text import format_program
from nsp_core.errors import FeatureError, ProgramError, UnitError
from nsp_core.temporal import temporal_operator_for
from nsp_core.units import TimeReference, Unit

__all__ = ["check_program"]


def check_program(program: Condition, units: Mapping[str, Unit], time_reference: TimeReference = "s") -> None:
    """Check that ``program`` can be evaluated over features with these ``units``.

    Parameters
    ----------
    program
        The program to check.
    units
        Unit of every available feature, by reference.
    time_reference
        What the features' time is measured in: durations must be in the same.

    Raises
    ------
    FeatureError
        For a feature that is not available; names the closest one.
    UnitError
        For a threshold or duration in another unit than what it is compared with.
    ProgramError
        For an impossible constant, or a logical operator without parts.
    """
    for name in feature_names(program):
        if name not in units:
            raise _unknown_feature(name, units)
    for node in walk(program):
        match node:
            case Compare():
                _check_comparison(node, units, time_reference)
            case Windowed():
                _check_duration(node.width, time_reference, format_program(node))
                _check_share(node)
            case FillGaps(_, longest):
                _check_duration(longest, time_reference, format_program(node))
            case MinBout(_, shortest):
                _check_duration(shortest, time_reference, format_program(node))
            case And(parts) | Or(parts) if len(parts) < 2:
                raise ProgramError(
                    found=f"{len(parts)} parts",
                    expected="at least two",
                    where=f"{type(node).__name__} node",
                    remedy="join at least two conditions, or drop the operator",
                )
            case _:
                pass


def _check_comparison(node: Compare, units: Mapping[str, Unit], time_reference: TimeReference) -> None:
    unit = _unit_of(node.child, units, time_reference)
    where = f"'{format_program(node)}'"
    if node.unit != unit:
        raise UnitError(
            found=f"a threshold in {str(node.unit) or 'no unit'}",
            expected=f"{str(unit) or 'no unit'}, the unit of {format_program(node.child)}",
            where=where,
            remedy="convert the threshold, or recalibrate the program for this study",
        )
    if not (math.isfinite(node.threshold) and math.isfinite(node.softness) and node.softness >= 0):
        raise ProgramError(
            found=f"threshold {node.threshold} with softness {node.softness}",
            expected="finite numbers, softness not below zero",
            where=where,
            remedy="correct the constants",
        )


def _unit_of(number: Number, units: Mapping[str, Unit], time_reference: TimeReference) -> Unit:
    if isinstance(number, Windowed):
        return temporal_operator_for(number.statistic).unit_of(units[number.child.name], time_reference)
    return units[number.name]


def _check_share(node: Windowed) -> None:
    where = f"'{format_program(node)}'"
    if node.statistic != "quantile" and node.share is not None:
        raise ProgramError(
            found=f"the share {node.share:g} in a {node.statistic}",
            expected="a share only in a quantile",
            where=where,
            remedy="remove it, or write quantile",
        )
    if node.statistic == "quantile" and not (node.share is not None and 0 <= node.share <= 1):
        raise ProgramError(
            found="no share" if node.share is None else f"the share {node.share:g}",
            expected="the share of frames below the quantile, from 0 to 1",
            where=where,
            remedy="write it like quantile(speed, 0.9, 2 s)",
        )


def _check_duration(duration: Duration, time_reference: TimeReference, where: str) -> None:
    if duration.reference != time_reference:
        raise UnitError(
            found=f"a duration in {duration.reference}",
            expected=f"a duration in {time_reference}, as the features' time",
            where=f"'{where}'",
            remedy="state the frame rate of the features, or rewrite the duration",
        )
    if not (math.isfinite(duration.value) and duration.value > 0):
        raise ProgramError(
            found=f"a duration of {duration.value:g} {duration.reference}",
            expected="a positive, finite duration",
            where=f"'{where}'",
            remedy="correct the duration, or drop the operator",
        )


def _unknown_feature(name: str, units: Mapping[str, Unit]) -> FeatureError:
    close = difflib.get_close_matches(name, units, n=1)
    return FeatureError(
        found=f"the feature '{name}'",
        expected=f"one of {', '.join(sorted(units))}",
        where="program",
        remedy=f"did you mean '{close[0]}'?" if close else "check the name, or the roles of the study",
    )
