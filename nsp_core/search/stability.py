"""How stable a found program is: the same search under other seeds, on other recordings, on noisier poses.

A search is repeated under perturbations (see :mod:`nsp_core.search.perturb`) beside one unperturbed *reference* run.
What the runs found is compared in what it *does*, Cohen's kappa of the states on the same reference sequences, and in
what it *says*: the Jaccard index of the features used, and the thresholds in their units. Programs may say different
things and do the same: kappa is the verdict, the rest tells where the freedom lies.

``either(p)`` means the same with agent and target exchanged. Of the two ways to write a program, the one that shares
more features with the reference is compared.

References
----------
Cohen (1960), see :mod:`nsp_core.evaluate.agreement`.
Jaccard, P. (1912). The distribution of the flora in the alpine zone. New Phytologist 11, 37-50 (shared over all).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.ast import (
    Compare,
    Condition,
    Either,
    Feature,
    Filtered,
    Node,
    Not,
    Number,
    Vote,
    Windowed,
    children,
    complexity,
    feature_names,
    with_children,
)
from nsp_core.dsl.text import format_program
from nsp_core.evaluate.agreement import agreement
from nsp_core.features.views import swap_reference
from nsp_core.search.perturb import Perturbation, PerturbationKind

__all__ = [
    "KindStability",
    "RunComparison",
    "Spread",
    "StabilityReport",
    "StabilityRun",
    "ThresholdSpread",
    "as_json",
    "jaccard",
    "stability_report",
]

AnyNode = TypeVar("AnyNode", bound=Node)


@dataclass(frozen=True, slots=True, eq=False)
class StabilityRun:
    """What one run found.

    Attributes
    ----------
    perturbation
        What was different.
    program
        What the search chose.
    states
        Shape (time,), int8: what the program says of the reference sequences, one after another; 1 present, 0 absent,
        -1 abstained.
    f1
        Its held-out F1; NaN where it is not known.
    """

    perturbation: Perturbation
    program: Condition
    states: NDArray[np.int8]
    f1: float = math.nan


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean, lowest and highest of ``n`` values that exist; NaN where none does."""

    mean: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of ``values``, NaN left out."""
        known = [float(value) for value in values if not math.isnan(value)]
        if not known:
            return cls(math.nan, math.nan, math.nan, 0)
        return cls(math.fsum(known) / len(known), min(known), max(known), len(known))


@dataclass(frozen=True, slots=True)
class RunComparison:
    """One run beside the reference: kappa of the states, share of frames decided by both, Jaccard of the features.

    ``features`` compares names alone, ``windowed_features`` names with what is done to them in time.
    """

    kind: PerturbationKind
    label: str
    program: str
    complexity: int
    f1: float
    kappa: float
    share_decided: float
    features: float
    windowed_features: float


@dataclass(frozen=True, slots=True)
class KindStability:
    """All runs of one kind of perturbation.

    Attributes
    ----------
    kind, n_runs
        Which, and how many.
    n_same_program
        Runs that found the program of the reference to the letter.
    kappa, share_decided, features, windowed_features
        Of every run with the reference.
    kappa_among, features_among, windowed_features_among
        Of every pair of runs of this kind.
    complexity, complexity_difference
        Complexity of the programs, and how far each is from that of the reference.
    f1
        Held-out F1.
    """

    kind: PerturbationKind
    n_runs: int
    n_same_program: int
    kappa: Spread
    kappa_among: Spread
    share_decided: Spread
    features: Spread
    features_among: Spread
    windowed_features: Spread
    windowed_features_among: Spread
    complexity: Spread
    complexity_difference: Spread
    f1: Spread


@dataclass(frozen=True, slots=True)
class ThresholdSpread:
    """The thresholds of one quantity in one direction, over all runs that compare it, the reference among them.

    Attributes
    ----------
    quantity
        What is compared: a feature, also where it is averaged over a window of any width, or ``std(speed)`` where a
        window of any width does something else to it.
    relation
        Direction: present below (``<``) or above (``>``) the threshold.
    unit
        Of the thresholds.
    n_runs
        Runs that have it.
    median, low, high
        Of all its thresholds.
    softness
        Median softness.
    spread_in_softness
        ``high - low`` over the median softness: below 1 all thresholds lie in what the programs themselves leave open.
        NaN where that softness is 0.
    """

    quantity: str
    relation: str
    unit: str
    n_runs: int
    median: float
    low: float
    high: float
    softness: float
    spread_in_softness: float


@dataclass(frozen=True, slots=True)
class StabilityReport:
    """How stable one program is: the reference, every run beside it, every kind, and thresholds that recur."""

    reference: RunComparison
    runs: tuple[RunComparison, ...]
    kinds: tuple[KindStability, ...]
    thresholds: tuple[ThresholdSpread, ...]


def stability_report(reference: StabilityRun, runs: Sequence[StabilityRun]) -> StabilityReport:
    """Return how far ``runs`` agree with ``reference`` and with each other.

    Kappa that does not exist (both runs give one and the same state throughout) is left out of means and ranges, whose
    ``n`` says how many there were. Thresholds are reported where at least two runs share them, most shared first.

    Raises
    ------
    LabelError
        If the runs give states for different frames.
    """
    aligned = [_Said.of(run, reference.program) for run in (reference, *runs)]
    kinds = dict.fromkeys(run.perturbation.kind for run in runs)
    compared = [_compared(one, aligned[0]) for one in aligned]
    return StabilityReport(
        compared[0],
        tuple(compared[1:]),
        tuple(_kind_stability(kind, aligned[0], aligned[1:], compared[1:]) for kind in kinds),
        _threshold_spreads([one.program for one in aligned]),
    )


def as_json(report: StabilityReport) -> dict[str, Any]:
    """Return ``report`` as plain JSON values; NaN, which JSON does not know, becomes None."""
    plain: dict[str, Any] = _without_nan(asdict(report))
    return plain


def jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the share of what either set has that both have, 0 to 1; 1 for two empty sets.

    Examples
    --------
    >>> jaccard(frozenset({"speed", "nose_to_nose"}), frozenset({"speed"}))
    0.5
    """
    return len(first & second) / len(first | second) if first or second else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """A run, its program written as closely to the reference as it can be, and the features of that program."""

    run: StabilityRun
    program: Condition
    features: frozenset[str]
    windowed: frozenset[str]

    @classmethod
    def of(cls, run: StabilityRun, reference: Condition) -> _Said:
        written = [
            cls(run, program, frozenset(feature_names(program)), frozenset(_windowed_features(program)))
            for program in (run.program, _exchanged(run.program))
        ]
        names, windowed = frozenset(feature_names(reference)), frozenset(_windowed_features(reference))
        # The first of two that are equally close: as it was found.
        return max(written, key=lambda one: (jaccard(one.features, names), jaccard(one.windowed, windowed)))


def _compared(one: _Said, reference: _Said) -> RunComparison:
    agreed = agreement(reference.run.states, one.run.states)
    return RunComparison(
        one.run.perturbation.kind,
        one.run.perturbation.label,
        format_program(one.run.program),
        complexity(one.run.program),
        one.run.f1,
        agreed.kappa,
        agreed.share_decided,
        jaccard(reference.features, one.features),
        jaccard(reference.windowed, one.windowed),
    )


def _kind_stability(
    kind: PerturbationKind, reference: _Said, said: Sequence[_Said], compared: Sequence[RunComparison]
) -> KindStability:
    pairs = list(combinations([one for one in said if one.run.perturbation.kind == kind], 2))
    own = [one for one in compared if one.kind == kind]
    complexity_of_reference = complexity(reference.program)
    return KindStability(
        kind,
        n_runs=len(own),
        n_same_program=sum(one.program == format_program(reference.run.program) for one in own),
        kappa=Spread.of([one.kappa for one in own]),
        kappa_among=Spread.of([agreement(a.run.states, b.run.states).kappa for a, b in pairs]),
        share_decided=Spread.of([one.share_decided for one in own]),
        features=Spread.of([one.features for one in own]),
        features_among=Spread.of([jaccard(a.features, b.features) for a, b in pairs]),
        windowed_features=Spread.of([one.windowed_features for one in own]),
        windowed_features_among=Spread.of([jaccard(a.windowed, b.windowed) for a, b in pairs]),
        complexity=Spread.of([one.complexity for one in own]),
        complexity_difference=Spread.of([abs(one.complexity - complexity_of_reference) for one in own]),
        f1=Spread.of([one.f1 for one in own]),
    )


def _threshold_spreads(programs: Sequence[Condition]) -> tuple[ThresholdSpread, ...]:
    found: dict[tuple[str, str, str], list[tuple[int, Compare]]] = {}
    for index, program in enumerate(programs):
        for node, relation in _comparisons(program):
            found.setdefault((_quantity(node.child), relation, str(node.unit)), []).append((index, node))
    spreads = []
    for (quantity, relation, unit), members in found.items():
        n_runs = len({index for index, _ in members})
        thresholds = [node.threshold for _, node in members]
        low, high = min(thresholds), max(thresholds)
        softness = float(np.median([node.softness for _, node in members]))
        relative = (high - low) / softness if softness > 0 else math.nan
        median = float(np.median(thresholds))
        spreads.append(ThresholdSpread(quantity, relation, unit, n_runs, median, low, high, softness, relative))
    shared = [one for one in spreads if one.n_runs > 1]
    return tuple(sorted(shared, key=lambda one: (-one.n_runs, one.quantity, one.relation)))


def _comparisons(node: Node, *, negated: bool = False) -> Iterator[tuple[Compare, str]]:
    """Yield every comparison below ``node`` with its direction: not above is below."""
    if isinstance(node, Compare):
        yield node, {"<": ">", ">": "<"}[node.relation] if negated else node.relation
        negated = False  # what a number is computed from has the direction it is written with
    for place, child in enumerate(children(node)):
        flips = isinstance(node, Not) or (isinstance(node, Vote) and node.weights[place] < 0)
        yield from _comparisons(child, negated=negated != flips)


def _quantity(number: Number) -> str:
    """Return what is compared, whatever the width of its windows."""
    match number:
        case Windowed(child, statistic="mean") | Filtered(child, kernel="gaussian"):
            return _quantity(child)
        case Windowed(child, _, statistic, _, share):
            return f"{statistic}({_quantity(child)}{'' if share is None else f', {share:g}'})"
        case Filtered(child, kernel=kernel):
            return f"{kernel}({_quantity(child)})"
        case _:
            return format_program(number)


def _windowed_features(node: Node) -> Iterator[str]:
    """Yield the text of every feature with the windows and filters that stand directly around it."""
    inner = node
    while isinstance(inner, Windowed | Filtered):
        inner = inner.child
    if isinstance(inner, Feature):
        yield format_program(node)
        return
    for child in children(node):
        yield from _windowed_features(child)


def _exchanged(node: AnyNode, *, inside: bool = False) -> AnyNode:
    """Return ``node`` with agent and target exchanged inside every ``either``, which does not change its meaning."""
    if isinstance(node, Feature):
        return type(node)(swap_reference(node.name)) if inside else node
    within = inside or isinstance(node, Either)
    return with_children(node, [_exchanged(child, inside=within) for child in children(node)])


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
