"""One program per annotator on a shared structure: what each of them means by a behavior, in numbers with units.

The given program is first fitted to all annotators together, from wherever it is; from there its constants are fitted
to each annotator alone. What is not moved by an annotator's labels is then the same for all, and what differs, differs
because they do. Only frames that all of them looked at are used.

How far a constant depends on the frames at hand is told by fits to random halves of them. Estimates from halves drawn
without replacement vary about their value on all frames as much as those do about the truth [1]_; unlike a bootstrap,
this also holds for a constant that jumps rather than moves [2]_. All annotators are fitted to the same halves, so that
differences are paired. The other half tells how a program does on frames that it was not fitted to. What is drawn are
whole recordings where there are six or more, else blocks of time.

Constants that make up for each other, such as a window and its threshold, are best compared with all but one kept:
``places`` says which may differ.

References
----------
.. [1] Efron, B. (1982). The Jackknife, the Bootstrap and Other Resampling Plans, chapter 8 (half-sampling).
   doi:10.1137/1.9781611970319
.. [2] Politis, D. N. & Romano, J. P. (1994). Large sample confidence regions based on subsamples under minimal
   assumptions. Annals of Statistics 22, 2031-2050. doi:10.1214/aos/1176325770
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nsp_core import rng
from nsp_core.dsl.ast import Condition
from nsp_core.dsl.constants import constants_of
from nsp_core.evaluate.agreement import Agreement, agreement
from nsp_core.evaluate.agreement_bouts import matched_series
from nsp_core.evaluate.agreement_timing import percentile_interval, timing_difference
from nsp_core.labels import UNLABELED
from nsp_core.search.assess import ProgramScorer, predict_sequences
from nsp_core.search.tune import tune_constants
from nsp_core.sequences import LabeledSequence
from nsp_core.weak.annotator_comparison import (
    AnnotatorPair,
    AnnotatorPrograms,
    ConstantComparison,
    ConstantDifference,
    ConstantEstimate,
    ProgramAgreement,
)
from nsp_core.weak.annotator_frames import States, labeled_with, masked, on_common_frames, shows_both

__all__ = ["AnnotatorFitProgress", "fit_annotator_programs"]

ROUNDS = 6
N_REFITS = 20
LEAST_RECORDINGS = 6
LEAST_BLOCKS = 20


@dataclass(frozen=True, slots=True)
class AnnotatorFitProgress:
    """Which fit is done, counted from 1, of how many."""

    done: int
    total: int


def fit_annotator_programs(
    program: Condition,
    sequences: Sequence[LabeledSequence],
    states: Mapping[str, States],
    *,
    seed: int,
    places: Collection[int] | None = None,
    n_refits: int = N_REFITS,
    rounds: int = ROUNDS,
    report: Callable[[AnnotatorFitProgress], None] = lambda progress: None,
) -> AnnotatorPrograms:
    """Return ``program`` with the constants of each annotator, and how sure they are.

    Parameters
    ----------
    program
        A type-checked program of any shape; its constants are taken for a rough guess.
    sequences
        Features of animals or dyads; their own labels do not matter.
    states
        Annotator -> one array (time,) per sequence: 1 present, 0 absent, -1 not looked at.
    seed
        Draws the halves and, for onsets, recordings or bouts. The fits involve no randomness.
    places
        Which constants may differ between annotators, counted from 0 as
        :func:`nsp_core.dsl.constants.constants_of` lists them; None for all. The others stay as in the common program.
    n_refits
        Number of halves; 0 for no intervals.
    rounds
        Most times that every constant is tried in a fit.
    report
        Called after every fit.

    Raises
    ------
    LabelError
        If there are fewer than two annotators, states are not those of the sequences, or on the frames that all looked
        at somebody always says the same.
    ProgramError
        If ``places`` or ``rounds`` are impossible.
    FeatureError
        If the sequences lack a feature that the program names.

    Examples
    --------
    >>> from nsp_core.dsl.text import format_program, parse_program
    >>> from nsp_core.units import parse_unit
    >>> distance = np.tile(np.arange(100, dtype=np.float32), 4)
    >>> series = LabeledSequence("1", distance[:, None], np.zeros(400, np.int8), ("d",), (parse_unit("mm"),), 30.0)
    >>> states = {"anna": [(distance < 34).astype(np.int8)], "ben": [(distance < 28).astype(np.int8)]}
    >>> found = fit_annotator_programs(
    ...     parse_program("d < 50 mm"), [series], states, seed=0, n_refits=0
    ... )
    >>> [format_program(one) for one in found.programs.values()]
    ['d < 34 mm', 'd < 28 mm']
    """
    annotators = tuple(states)
    common_states = on_common_frames(sequences, states)
    n_fits = 1 + (1 + n_refits) * len(annotators)
    fits = _Fits(sequences, rounds, places, n_fits, report)
    everybody = [fits.labeled(common_states[who]) for who in annotators]
    common = fits.common(program, [one for own in everybody for one in own])
    programs = {who: fits.alone(common, own) for who, own in zip(annotators, everybody, strict=True)}
    units, drawn = _units(sequences)
    generator = rng.stream(seed, "annotators", "halves")
    refits: list[dict[str, Condition]] = []
    held_out: dict[tuple[str, str], list[float]] = {}
    for _ in range(n_refits):
        half = _half(units, generator)
        within = {who: masked(common_states[who], half) for who in annotators}
        if not all(shows_both(own) for own in within.values()):
            fits.skip(len(annotators))
            continue
        refits.append({who: fits.alone(common, fits.labeled(within[who])) for who in annotators})
        outside = {who: masked(common_states[who], [~own for own in half]) for who in annotators}
        for pair, frames in _program_agreements(refits[-1], sequences, outside).items():
            held_out.setdefault(pair, []).append(frames.kappa)
    all_programs = {**programs, "": common}
    agreements = tuple(
        ProgramAgreement(whose, who, frames, _mean(held_out.get((whose, who), [])))
        for (whose, who), frames in _program_agreements(all_programs, sequences, common_states).items()
    )
    constants = _comparisons(common, programs, refits, places)
    pairs = _annotator_pairs(sequences, common_states, seed)
    return AnnotatorPrograms(program, common, programs, constants, agreements, pairs, drawn, len(refits))


@dataclass(slots=True)
class _Fits:
    """Fits of one program to several labels of the same sequences."""

    sequences: Sequence[LabeledSequence]
    rounds: int
    places: Collection[int] | None
    total: int
    report: Callable[[AnnotatorFitProgress], None]
    done: int = 0

    def labeled(self, states: States) -> list[LabeledSequence]:
        """Return the sequences with these states, without those that have no label."""
        return labeled_with(self.sequences, states)

    def common(self, program: Condition, sequences: Sequence[LabeledSequence]) -> Condition:
        """Return the program fitted from a rough guess."""
        found = tune_constants(program, ProgramScorer(sequences), rounds=self.rounds, rough=True)
        self.skip(1)
        return found.program

    def alone(self, program: Condition, sequences: Sequence[LabeledSequence]) -> Condition:
        """Return the program fitted from near by, in the constants that may differ."""
        found = tune_constants(program, ProgramScorer(sequences), places=self.places, rounds=self.rounds)
        self.skip(1)
        return found.program

    def skip(self, number: int) -> None:
        """Count fits that are done, or need not be."""
        self.done += number
        self.report(AnnotatorFitProgress(self.done, self.total))


def _units(sequences: Sequence[LabeledSequence]) -> tuple[list[NDArray[np.int64]], str]:
    """Return which unit each frame belongs to, per sequence, and what the units are.

    Animals of one recording share its units: what they do depends on each other.
    """
    recordings = {name: place for place, name in enumerate(dict.fromkeys(one.recording for one in sequences))}
    n_blocks = 1 if len(recordings) >= LEAST_RECORDINGS else math.ceil(LEAST_BLOCKS / len(recordings))
    units = []
    for one in sequences:
        n_frames = len(one.states)
        units.append(recordings[one.recording] * n_blocks + np.arange(n_frames) * n_blocks // max(n_frames, 1))
    return units, "recordings" if n_blocks == 1 else "blocks of time"


def _half(units: Sequence[NDArray[np.int64]], generator: np.random.Generator) -> list[NDArray[np.bool_]]:
    """Return which frames are in a random half of the units, per sequence."""
    n_units = 1 + max(int(own.max(initial=-1)) for own in units)
    chosen = np.zeros(n_units, dtype=bool)
    chosen[generator.permutation(n_units)[: n_units // 2]] = True
    return [chosen[own] for own in units]


def _program_agreements(
    programs: Mapping[str, Condition], sequences: Sequence[LabeledSequence], states: Mapping[str, States]
) -> dict[tuple[str, str], Agreement]:
    """Return (whose program, whose labels) -> agreement over the labeled frames of all sequences."""
    found: dict[tuple[str, str], Agreement] = {}
    for whose, program in programs.items():
        predicted = [one.states for one in predict_sequences(program, sequences)]
        for who, own in states.items():
            kept = [labels != UNLABELED for labels in own]
            pairs = zip(predicted, own, kept, strict=True)
            parts = [agreement(said[here], labels[here]) for said, labels, here in pairs]
            found[whose, who] = sum(parts, Agreement())
    return found


def _comparisons(
    common: Condition,
    programs: Mapping[str, Condition],
    refits: Sequence[Mapping[str, Condition]],
    places: Collection[int] | None,
) -> tuple[ConstantComparison, ...]:
    value = {who: _constant_values(own) for who, own in programs.items()}
    refitted = {who: np.array([_constant_values(one[who]) for one in refits]) for who in programs}
    compared = []
    for place, constant in enumerate(constants_of(common)):
        over_halves = {who: own[:, place] if len(refits) else np.zeros(0) for who, own in refitted.items()}
        estimates = tuple(
            ConstantEstimate(who, value[who][place], percentile_interval(over_halves[who])) for who in programs
        )
        differences = tuple(
            ConstantDifference(
                first,
                second,
                value[first][place] - value[second][place],
                percentile_interval(over_halves[first] - over_halves[second]),
            )
            for first, second in combinations(programs, 2)
        )
        may_differ = places is None or place in places
        compared.append(ConstantComparison(place, constant, may_differ, estimates, differences))
    return tuple(compared)


def _annotator_pairs(
    sequences: Sequence[LabeledSequence], states: Mapping[str, States], seed: int
) -> tuple[AnnotatorPair, ...]:
    pairs = []
    for first, second in combinations(states, 2):
        frames = Agreement()
        onsets: dict[str, list[NDArray[np.float64]]] = {}
        for one, ours, theirs in zip(sequences, states[first], states[second], strict=True):
            frames += agreement(ours, theirs)
            onsets.setdefault(one.recording, []).append(matched_series(ours, theirs).onset_frames)
        of_recordings = [np.concatenate(own) for own in onsets.values()]
        generator = rng.stream(seed, "annotators", "onsets", first, second)
        timing = timing_difference(of_recordings, sequences[0].fps or 1.0, generator=generator)
        pairs.append(AnnotatorPair(first, second, frames, timing))
    return tuple(pairs)


def _constant_values(program: Condition) -> list[float]:
    return [constant.value for constant in constants_of(program)]


def _mean(kappas: Sequence[float]) -> float:
    known = [kappa for kappa in kappas if not math.isnan(kappa)]
    return sum(known) / len(known) if known else math.nan
