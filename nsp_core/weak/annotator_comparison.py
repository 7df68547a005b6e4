"""What the programs of several annotators say about them: every constant side by side, as a table and in words.

A difference is *clear* where its interval lies on one side of zero. Of twenty differences that are none, one is clear
by accident, and the account says how many there are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from nsp_core.dsl.ast import (
    And,
    Compare,
    Condition,
    Either,
    FillGaps,
    Filtered,
    FollowedBy,
    MinBout,
    Node,
    Or,
    Sustained,
    Vote,
)
from nsp_core.dsl.constants import ProgramConstant, constants_of, node_at
from nsp_core.dsl.printing import format_program, format_value
from nsp_core.evaluate.agreement import Agreement
from nsp_core.evaluate.agreement_timing import TimingDifference
from nsp_core.evaluate.bootstrap import Interval

__all__ = [
    "AnnotatorPair",
    "AnnotatorPrograms",
    "ConstantComparison",
    "ConstantDifference",
    "ConstantEstimate",
    "ProgramAgreement",
    "account_of",
    "constant_name",
    "constant_table",
]

TABLE_DTYPES = {
    "place": "int64",
    "path": "string",
    "constant": "string",
    "unit": "string",
    "first": "string",
    "second": "string",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "clear": "boolean",
}
DIGITS = 3
ELIDED = "…"

# Below these, a number that passes its threshold makes the behavior more likely, never less.
_UPRIGHT = (And, Or, Either, FillGaps, MinBout, Sustained)
_DURATIONS: dict[type, str] = {
    Sustained: "shortest duration",
    FollowedBy: "longest wait",
    FillGaps: "longest gap filled",
    MinBout: "shortest bout",
}
_NOUNS = {
    "threshold": "threshold",
    "softness": "softness",
    "width": "window",
    "sigma": "width",
    "frequency": "frequency",
    "share": "share",
    "constant": "number",
}


@dataclass(frozen=True, slots=True)
class ConstantEstimate:
    """A constant of one annotator's program, with its 95 % interval over halves; (NaN, NaN) without refits."""

    annotator: str
    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class ConstantDifference:
    """A constant of the first annotator's program minus that of the second's, with its 95 % interval over halves.

    Of twenty differences that are none, one is clear by accident.
    """

    first: str
    second: str
    value: float
    interval: Interval

    @property
    def is_clear(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.interval.low > 0 or self.interval.high < 0


@dataclass(frozen=True, slots=True)
class ConstantComparison:
    """One constant in the programs of all annotators.

    Attributes
    ----------
    place
        Which constant, counted from 0 as :func:`nsp_core.dsl.constants.constants_of` does.
    constant
        As it is in the program fitted to all annotators together.
    may_differ
        Whether it was fitted to each annotator.
    estimates
        Per annotator.
    differences
        Every two annotators.
    """

    place: int
    constant: ProgramConstant
    may_differ: bool
    estimates: tuple[ConstantEstimate, ...]
    differences: tuple[ConstantDifference, ...]


@dataclass(frozen=True, slots=True)
class ProgramAgreement:
    """How a program agrees with an annotator.

    Attributes
    ----------
    program_of
        Whose program; empty for that fitted to all together.
    annotator
        Whose labels.
    frames
        Agreement frame by frame; ``undecided`` are frames on which the program abstains.
    kappa_held_out
        Mean kappa of the refits on the half of the frames that they were not fitted to; NaN without refits.
    """

    program_of: str
    annotator: str
    frames: Agreement
    kappa_held_out: float


@dataclass(frozen=True, slots=True)
class AnnotatorPair:
    """How two annotators agree over the frames that all looked at, and how much earlier the first starts its bouts.

    The time of ``onset`` is in seconds, or in frames where sequences have no frame rate.
    """

    first: str
    second: str
    frames: Agreement
    onset: TimingDifference


@dataclass(frozen=True, slots=True)
class AnnotatorPrograms:
    """The programs of several annotators on one structure.

    Attributes
    ----------
    given, common
        The program as it was given, and fitted to all annotators together.
    programs
        Annotator -> program.
    constants
        Every constant in all of them, in the order of :func:`nsp_core.dsl.constants.constants_of`.
    agreements
        Of every annotator's program, and of the common one, with every annotator.
    pairs
        Every two annotators.
    drawn
        What the halves are of: ``recordings`` or ``blocks of time``.
    n_refits
        Halves that showed every annotator's behavior and its absence; the others were drawn in vain.
    """

    given: Condition
    common: Condition
    programs: Mapping[str, Condition]
    constants: tuple[ConstantComparison, ...]
    agreements: tuple[ProgramAgreement, ...]
    pairs: tuple[AnnotatorPair, ...]
    drawn: str
    n_refits: int


def constant_table(found: AnnotatorPrograms) -> pd.DataFrame:
    """Return every constant per annotator, and every difference of two.

    Returns
    -------
    One row per constant and annotator (``first``), with ``second`` and ``clear`` null, and one per constant and two
    annotators, in which ``value`` is first minus second. ``path`` is where the constant's node stands, as in
    :class:`nsp_core.dsl.constants.ProgramConstant`, with dots between; ``low`` and ``high`` are NaN without refits.
    """
    rows: list[tuple[object, ...]] = []
    for one in found.constants:
        constant = one.constant
        key = (one.place, ".".join(map(str, constant.path)), constant_name(found, one), constant.unit)
        for estimate in one.estimates:
            ends = (estimate.interval.low, estimate.interval.high)
            rows.append((*key, estimate.annotator, None, estimate.value, *ends, None))
        for pair in one.differences:
            ends = (pair.interval.low, pair.interval.high)
            rows.append((*key, pair.first, pair.second, pair.value, *ends, pair.is_clear))
    return pd.DataFrame(rows, columns=list(TABLE_DTYPES)).astype(TABLE_DTYPES)


def account_of(found: AnnotatorPrograms, behavior: str, *, agreement: bool = True) -> tuple[str, ...]:
    """Return in sentences how annotators differ in what they call ``behavior``.

    One per constant that may differ, one per two annotators on whose bouts start earlier, one on how programs agree
    with annotators (unless ``agreement`` is False, where a table tells) and, where programs were fitted to halves, one
    on how many differences were looked at.

    Examples
    --------
    >>> import numpy as np
    >>> from nsp_core.dsl.text import parse_program
    >>> from nsp_core.sequences import LabeledSequence
    >>> from nsp_core.units import parse_unit
    >>> from nsp_core.weak.annotator_programs import fit_annotator_programs
    >>> distance = np.tile(np.arange(100, dtype=np.float32), 4)
    >>> series = LabeledSequence("1", distance[:, None], np.zeros(400, np.int8), ("d",), (parse_unit("mm"),), 30.0)
    >>> states = {"brett": [(distance < 34).astype(np.int8)], "donnie": [(distance < 28).astype(np.int8)]}
    >>> found = fit_annotator_programs(parse_program("d < 50 mm"), [series], states, seed=0, n_refits=0)
    >>> account_of(found, "interact")[0]
    'brett calls it interact up to 34 mm of d, donnie up to 28 mm'
    """
    compared = [one for one in found.constants if one.may_differ]
    sentences = [_on_constant(found, one, behavior) for one in compared]
    sentences += [_on_onset(pair) for pair in found.pairs if pair.onset.n]
    if agreement:
        sentences.append(_on_agreement(found))
    differences = [pair for one in compared for pair in one.differences]
    n_clear = sum(pair.is_clear for pair in differences)
    if found.n_refits:
        told = f"{n_clear} of {len(differences)} differences of constants are clear, judged by {found.n_refits} fits"
        sentences.append(f"{told} to random halves of {found.drawn}; of twenty that are none, one would be by accident")
    return tuple(sentences)


def constant_name(found: AnnotatorPrograms, compared: ConstantComparison) -> str:
    """Return what a constant is, with an ellipsis for constants that may differ: ``window of mean(speed, …)``."""
    constant = compared.constant
    own = _inner_constants(found, compared.constant)
    match constant.node:
        case FillGaps() | MinBout() | Sustained() | FollowedBy() as node:
            name = _DURATIONS[type(node)]
            return name if isinstance(node, (FillGaps, MinBout)) else f"{name} of {_outline(node, own)}"
        case Compare(child, relation):
            return f"{_NOUNS[constant.kind]} of {_outline(child, own)} {relation}"
        case Vote(parts) if constant.kind == "weight":
            weights = [one.place for one in found.constants if one.constant.path == constant.path]
            return f"weight of {_outline(parts[weights.index(compared.place)], own)}"
        case Vote():
            return f"{_NOUNS[constant.kind]} of the points"
        case Filtered() as node:
            return f"{_NOUNS[constant.kind]} of {_outline(node, own)}"
        case node:
            return f"{_NOUNS[constant.kind]} of {_outline(node, own)}"


def _on_constant(found: AnnotatorPrograms, compared: ConstantComparison, behavior: str) -> str:
    constant, estimates = compared.constant, compared.estimates
    relation = _relation(found.common, constant)
    if len({one.value for one in estimates}) == 1:
        name, value = constant_name(found, compared), format_value(estimates[0].value, constant.unit)
        return f"{name}: {value} for all"
    told = [f"{format_value(one.value, constant.unit)}{_range(one.interval)}" for one in estimates]
    names = [one.annotator for one in estimates]
    if relation is None:
        values = ", ".join(f"{who} {value}" for who, value in zip(names, told, strict=True))
        sentence = f"{constant_name(found, compared)}: {values}"
    else:
        assert isinstance(constant.node, Compare)
        of = _outline(constant.node.child, _inner_constants(found, constant))
        others = "".join(f", {who} {relation} {value}" for who, value in zip(names[1:], told[1:], strict=True))
        sentence = f"{names[0]} calls it {behavior} {relation} {told[0]} of {of}{others}"
    clear = [_larger(one, constant.unit) for one in compared.differences if one.is_clear]
    if not found.n_refits:
        return sentence
    return f"{sentence}; {', '.join(clear) if clear else 'no clear difference'}"


def _larger(difference: ConstantDifference, unit: str) -> str:
    larger, smaller = difference.first, difference.second
    low, high = difference.interval.low, difference.interval.high
    if difference.value < 0:
        larger, smaller, low, high = smaller, larger, -high, -low
    value = f"{abs(difference.value):.{DIGITS}g} {unit}".rstrip()
    return f"{larger}'s is larger than {smaller}'s by {value}{_range(Interval(low, high))}"


def _on_onset(pair: AnnotatorPair) -> str:
    onset, earlier, later = pair.onset, pair.first, pair.second
    low, high = -onset.interval.high, -onset.interval.low
    if onset.median_s > 0:
        earlier, later, low, high = later, earlier, -high, -low
    if onset.median_s == 0:
        sentence = f"{earlier}'s bouts start when {later}'s do"
    else:
        sentence = f"{earlier}'s bouts start {abs(onset.median_s):.2f} s earlier than {later}'s"
    if not onset.drawn:
        return f"{sentence}, in the one bout that matches"
    clear = "" if low > 0 or high < 0 else "; not clear"
    return f"{sentence} (95 % interval {low:.2f} to {high:.2f} s, median of {onset.n} matching bouts{clear})"


def _on_agreement(found: AnnotatorPrograms) -> str:
    between = ", ".join(f"{pair.first} and {pair.second} {_kappa(pair.frames.kappa)}" for pair in found.pairs)
    own = [one for one in found.agreements if one.program_of == one.annotator]
    others = [one for one in found.agreements if one.program_of not in ("", one.annotator)]
    of_own = ", ".join(f"{one.annotator} {_kappa(one.frames.kappa)}{_held_out(one)}" for one in own)
    of_others = ", ".join(
        f"{one.program_of}'s with {one.annotator} {_kappa(one.frames.kappa)}{_held_out(one)}" for one in others
    )
    note = " (on frames not fitted to)" if found.n_refits else ""
    return (
        f"kappa between annotators: {between}; of each program with its own annotator{note}: {of_own}; "
        f"with the others: {of_others}"
    )


def _relation(program: Condition, constant: ProgramConstant) -> str | None:
    """Return ``up to`` or ``from`` where a threshold bounds the behavior itself, not its absence or a part of it."""
    above = [node_at(program, constant.path[:depth]) for depth in range(len(constant.path))]
    if constant.kind != "threshold" or not all(isinstance(node, _UPRIGHT) for node in above):
        return None
    match constant.node:
        case Compare(relation="<"):
            return "up to"
        case Compare(relation=">"):
            return "from"
        case _:
            return None


def _inner_constants(found: AnnotatorPrograms, constant: ProgramConstant) -> list[ProgramConstant]:
    """Return the constants that may differ, of the constant's node and below it."""
    depth = len(constant.path)
    return [one.constant for one in found.constants if one.may_differ and one.constant.path[:depth] == constant.path]


def _outline(node: Node, constants: Sequence[ProgramConstant]) -> str:
    """Return the text of ``node`` without the constants that may differ."""
    text = format_program(node)
    of_node = [(one.kind, one.value, one.unit) for one in constants_of(node)]
    for constant in constants:
        if (constant.kind, constant.value, constant.unit) in of_node:
            written = re.escape(format_value(constant.value, constant.unit))
            text = re.sub(rf"(?<![\w.]){written}(?![\w.])", ELIDED, text, count=1)
    return text


def _range(interval: Interval) -> str:
    if math.isnan(interval.low):
        return ""
    return f" ({interval.low:.{DIGITS}g} to {interval.high:.{DIGITS}g})"


def _kappa(kappa: float) -> str:
    return f"{kappa:.2f}"


def _held_out(one: ProgramAgreement) -> str:
    return "" if math.isnan(one.kappa_held_out) else f" ({_kappa(one.kappa_held_out)})"
