"""Check a program against the features it will meet: names, units, angles, constants, and where its nodes stand.

A threshold on mm/s never meets radians or body lengths, nothing is added to what is measured in another unit, and a
plain quantile never meets an angle that wraps. Which numbers are such angles is in :mod:`nsp_core.dsl.angles`, which
constants are possible in :mod:`nsp_core.dsl.well_formed`, and what may stand inside what in :mod:`nsp_core.dsl.places`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from nsp_core.dsl.angles import AngleKind, angle_kind
from nsp_core.dsl.ast import (
    Apply,
    Before,
    Choose,
    Compare,
    Condition,
    Constant,
    Feature,
    Filtered,
    Fold,
    Fraction,
    Map,
    MapPrefix,
    Negative,
    Node,
    Number,
    Product,
    Quotient,
    Sum,
    Windowed,
    children,
    feature_names,
    walk,
)
from nsp_core.dsl.places import check_places
from nsp_core.dsl.text import format_program
from nsp_core.dsl.well_formed import check_well_formed, where
from nsp_core.errors import FeatureError, NspError, ProgramError, UnitError
from nsp_core.temporal import temporal_operator_for
from nsp_core.units import DIMENSIONLESS, TimeReference, Unit

__all__ = ["check_program", "unit_of_number"]


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
        For a threshold, a duration or a part of a sum in another unit than what it meets, and for a product of lengths
        or times measured against different references.
    ProgramError
        For an impossible constant, an operator without parts, an angle that must be wrapped first or that an operator
        over time has no meaning for, a node where it means nothing, and a program without features.
    """
    _check_names(program, units)
    check_places(program)
    _check_condition(program, _Scope(units, time_reference))
    if not feature_names(program):
        raise ProgramError(
            found="a program without features",
            expected="at least one feature, which says how many frames there are",
            where="program",
            remedy="compare a feature with the constants",
        )


def unit_of_number(number: Number, units: Mapping[str, Unit], time_reference: TimeReference = "s") -> Unit:
    """Return the unit of ``number``, which is checked as it would be inside a program.

    Parameters and Raises as in :func:`check_program`.

    Examples
    --------
    >>> from nsp_core.units import parse_unit
    >>> half = Quotient(Feature("speed"), Constant(2.0, parse_unit("s")))
    >>> str(unit_of_number(half, {"speed": parse_unit("mm/s")}))
    'mm/s^2'
    """
    _check_names(number, units)
    check_places(number)
    return _unit(number, _Scope(units, time_reference))


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a number meets: features, their time, and inside a fold the unit and the angle kind of ``before``."""

    units: Mapping[str, Unit]
    time_reference: TimeReference
    before: tuple[Unit, AngleKind] = (DIMENSIONLESS, "plain")

    def kind(self, number: Number) -> AngleKind:
        return angle_kind(number, self.before[1])


def _check_names(node: Node, units: Mapping[str, Unit]) -> None:
    for name in feature_names(node):
        if name not in units:
            close = difflib.get_close_matches(name, units, n=1)
            raise FeatureError(
                found=f"the feature '{name}'",
                expected=f"one of {', '.join(sorted(units))}",
                where="program",
                remedy=f"did you mean '{close[0]}'?" if close else "check the name, or the roles of the study",
            )


def _check_condition(node: Condition, scope: _Scope) -> None:
    if not isinstance(node, Compare):
        check_well_formed(node, scope.time_reference)
        for part in children(node):
            _check_condition(part, scope)  # type: ignore[arg-type]  # only comparisons are made of numbers
        return
    unit = _unit(node.child, scope)
    if node.unit != unit:
        raise UnitError(
            found=f"a threshold in {_shown(node.unit)}",
            expected=f"{_shown(unit)}, the unit of {format_program(node.child)}",
            where=where(node),
            remedy="convert the threshold, or recalibrate the program for this study",
        )
    _require_wrapped(node.child, node, scope)
    check_well_formed(node, scope.time_reference)


def _unit(number: Number, scope: _Scope) -> Unit:
    """Return the unit of ``number`` and check it, and all that is below it."""
    check_well_formed(number, scope.time_reference)
    match number:
        case Feature(name):
            return scope.units[name]
        case Constant(_, unit):
            return unit
        case Before():
            return scope.before[0]
        case Windowed() | Filtered():
            return _unit_in_time(number, scope)
        case Fraction(child):
            _check_condition(child, scope)
            return DIMENSIONLESS
        case Negative(child) | Map(child) | MapPrefix(child):
            return _unit(child, scope)
        case Sum(parts):
            return _unit_in_common(number, parts, scope)
        case Product(parts):
            return _unit_of_product(number, [(part, 1) for part in parts], scope)
        case Quotient(above, below):
            return _unit_of_product(number, [(above, 1), (below, -1)], scope)
        case Apply():
            return _unit_of_function(number, scope)
        case Choose():
            return _unit_of_choice(number, scope)
        case Fold():
            return _unit_of_fold(number, scope)


def _unit_in_time(node: Windowed | Filtered, scope: _Scope) -> Unit:
    unit = _unit(node.child, scope)
    _require_wrapped(node.child, node, scope)
    word = node.statistic if isinstance(node, Windowed) else node.kernel
    try:
        operator = temporal_operator_for(word, circular=scope.kind(node.child) == "signed")
        return operator.unit_of(unit, scope.time_reference)
    except NspError as error:
        # The operator does not know in which node of the program it stands.
        raise type(error)(found=error.found, expected=error.expected, where=where(node), remedy=error.remedy) from error


def _unit_in_common(node: Number, parts: Sequence[Number], scope: _Scope) -> Unit:
    first, *others = parts
    unit = _unit(first, scope)
    for other in others:
        found = _unit(other, scope)
        if found != unit:
            unlike = other.child if isinstance(other, Negative) else other  # of ``a - b`` the reader sees ``b``
            raise UnitError(
                found=f"{format_program(unlike)} in {_shown(found)}",
                expected=f"{_shown(unit)}, the unit of {format_program(first)}",
                where=where(node),
                remedy="bring both to one unit; that of a constant stands behind it, as in 3 mm/s",
            )
    return unit


def _unit_of_product(node: Number, factors: Sequence[tuple[Number, int]], scope: _Scope) -> Unit:
    product = DIMENSIONLESS
    for factor, power in factors:
        unit = _unit(factor, scope)
        references = _same_reference(product, unit)
        if references is None:
            raise UnitError(
                found=f"{format_program(factor)} in {_shown(unit)} beside {_shown(product)}",
                expected="lengths, and times, that are measured against the same",
                where=where(node),
                remedy="recalibrate one of them, or write a constant in the unit of the others",
            )
        exponents = [a + power * b for a, b in zip(product.dimension, unit.dimension, strict=True)]
        product = replace(references, length=exponents[0], time=exponents[1], angle=exponents[2])
    return product


def _same_reference(first: Unit, second: Unit) -> Unit | None:
    """Return a unit with what both measure length and time against, or None where they differ."""
    length, time = (first if first.length else second), (first if first.time else second)
    if first.length and second.length and first.length_reference != second.length_reference:
        return None
    if first.time and second.time and first.time_reference != second.time_reference:
        return None
    return Unit(1, 1, 0, length.length_reference, time.time_reference)


def _unit_of_function(node: Apply, scope: _Scope) -> Unit:
    if node.function == "wrap":
        (angle,) = node.arguments
        unit = _unit(angle, scope)
        if not unit.is_angle:
            raise UnitError(
                found=f"{format_program(angle)} in {_shown(unit)}",
                expected="an angle, in rad",
                where=where(node),
                remedy="wrap angles only",
            )
        return unit
    unit = _unit_in_common(node, node.arguments, scope)
    for argument in node.arguments:
        _require_wrapped(argument, node, scope)
    return Unit(angle=1) if node.function == "atan2" else unit


def _unit_of_choice(node: Choose, scope: _Scope) -> Unit:
    _check_condition(node.condition, scope)
    unit = _unit_in_common(node, (node.then, node.otherwise), scope)
    kinds = scope.kind(node.then), scope.kind(node.otherwise)
    if kinds[0] != kinds[1]:
        then, otherwise = (_described(kind) for kind in kinds)
        raise ProgramError(
            found=f"{then} in one case and {otherwise} in the other",
            expected="two numbers that wrap alike",
            where=where(node),
            remedy="write abs(...) for the size of an angle, or wrap(...) to bring one into (-pi, pi]",
        )
    return unit


def _unit_of_fold(node: Fold, scope: _Scope) -> Unit:
    """Return the unit that the fold has if ``before``, the fold itself one frame ago, has it too."""
    kind = angle_kind(node)
    refusal: NspError | None = None
    for unit in _units_without_before(node.child, scope):
        try:
            found = _unit(node.child, replace(scope, before=(unit, kind)))
        except NspError as error:
            refusal = refusal or error
            continue
        if found == unit:
            return unit
        refusal = UnitError(
            found=f"a fold in {_shown(found)} where before is in {_shown(unit)}",
            expected="one unit at every frame",
            where=where(node),
            remedy="multiply before by bare numbers only, as in fold(0.9 * before + 0.1 * speed)",
        )
    assert refusal is not None  # a bare number is always tried
    raise refusal


def _units_without_before(child: Number, scope: _Scope) -> list[Unit]:
    """Return the units that ``before`` may have: those of what it is computed with, of the largest part first."""
    free = [part for part in _numbers_in(child) if not any(isinstance(below, Before) for below in walk(part))]
    largest_first = sorted(free, key=lambda part: -sum(1 for _ in walk(part)))
    thresholds = [part.unit for part in walk(child) if isinstance(part, Compare)]
    return list(dict.fromkeys([*(_unit(part, scope) for part in largest_first), *thresholds, DIMENSIONLESS]))


def _numbers_in(number: Number) -> Iterator[Number]:
    """Yield ``number`` and all that its value is made of, without what its conditions compare."""
    yield number
    for part in children(number):
        if isinstance(part, Number):
            yield from _numbers_in(part)


def _require_wrapped(number: Number, node: Node, scope: _Scope) -> None:
    if scope.kind(number) == "unwrapped":
        raise ProgramError(
            found=f"{format_program(number)}, which may have left the range of an angle",
            expected="an angle in (-pi, pi]",
            where=where(node),
            remedy=f"write wrap({format_program(number)})",
        )


def _described(kind: AngleKind) -> str:
    return {"plain": "a plain number", "signed": "an angle that wraps", "unwrapped": "an unwrapped angle"}[kind]


def _shown(unit: Unit) -> str:
    return str(unit) or "no unit"
