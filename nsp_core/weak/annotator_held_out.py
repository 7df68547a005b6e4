"""How well a rule fitted to an annotator says what the annotator says on frames that it was not fitted to.

All is fitted anew without each fold: first to all annotators together, from the rule as it was written, then to each
of them, as :func:`nsp_core.weak.annotator_programs.fit_annotator_programs` does on all frames. So neither the constants
nor where they started from know the fold that is judged. Folds are whole recordings, or, where that cannot be,
contiguous blocks of time with gaps between them as wide as the widest window
(:func:`nsp_core.sequences.fold_of_frames`); they are the same for all annotators. Frames of all folds are pooled, and
agreement of two annotators is counted on the very same frames: what a program reaches of its annotator stands beside
what another person reaches.

A person never abstains. Beside one, a frame on which a program does counts as absent, in kappa as in F1; otherwise a
program would be spared the frames that are hard.

References
----------
Stone 1974, Cross-validatory choice, doi:10.1111/j.2517-6161.1974.tb00994.x.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nsp_core.dsl.ast import Condition
from nsp_core.errors import LabelError
from nsp_core.evaluate.agreement import Agreement, agreement
from nsp_core.evaluate.frames import FrameCounts, count_frames
from nsp_core.search.assess import ProgramScorer, predict_sequences
from nsp_core.search.development import development_folds
from nsp_core.search.tune import tune_constants
from nsp_core.sequences import LabeledSequence
from nsp_core.weak.annotator_comparison import AnnotatorPrograms
from nsp_core.weak.annotator_frames import States, labeled_with, masked, on_common_frames, shows_both
from nsp_core.weak.annotator_programs import ROUNDS, AnnotatorFitProgress

__all__ = ["HeldOutAgreement", "held_out_agreement", "kappa_of", "program_counts", "score_table"]

SCORE_DTYPES = {
    "kind": "string",
    "of": "string",
    "annotator": "string",
    "n_frames": "int64",
    "f1": "float64",
    "kappa": "float64",
    "coverage": "float64",
    "n_frames_held_out": "int64",
    "f1_held_out": "float64",
    "kappa_held_out": "float64",
    "coverage_held_out": "float64",
    "kappa_worst_fold": "float64",
    "kappa_best_fold": "float64",
}

Folds = Sequence[NDArray[np.int8]]
Counts = Mapping[tuple[str, str], FrameCounts]
"""(Whose program, or empty for that of all; whose labels) -> frames by label and decision."""


@dataclass(frozen=True, slots=True)
class HeldOutAgreement:
    """What programs that were fitted without each fold say of it.

    Attributes
    ----------
    folds
        One entry per fold: (whose program, whose labels) -> frames. The program of nobody, ``""``, is that fitted to
        all annotators together.
    pairs
        Every two annotators on the frames of all folds.
    divided
        What folds are made of: ``recordings`` or ``blocks of time``.
    """

    folds: tuple[Counts, ...]
    pairs: Mapping[tuple[str, str], Agreement]
    divided: str

    def pooled(self, program_of: str, annotator: str) -> FrameCounts:
        """Return the frames of all folds together, each judged by the program that has not seen it."""
        return sum((fold[program_of, annotator] for fold in self.folds), FrameCounts())

    def kappas(self, program_of: str, annotator: str) -> tuple[float, ...]:
        """Return Cohen's kappa in each fold; NaN where neither shows the behavior there."""
        return tuple(kappa_of(fold[program_of, annotator]) for fold in self.folds)


def held_out_agreement(
    program: Condition,
    sequences: Sequence[LabeledSequence],
    states: Mapping[str, States],
    *,
    rounds: int = ROUNDS,
    report: Callable[[AnnotatorFitProgress], None] = lambda progress: None,
) -> HeldOutAgreement:
    """Return how the rule, fitted to each annotator without each fold, agrees with every annotator on the fold.

    Parameters
    ----------
    program
        The rule as it was written: a type-checked program whose constants are a rough guess.
    sequences
        Features of animals or dyads; their own labels do not matter.
    states
        Annotator -> one array (time,) per sequence: 1 present, 0 absent, -1 not looked at.
    rounds
        Most times that every constant is tried in a fit.
    report
        Called after every fit. No randomness is involved.

    Raises
    ------
    LabelError
        If there are fewer than two annotators, states are not those of the sequences, or an annotator's bouts cannot be
        divided into folds such that each can be judged by the others.
    ProgramError, FeatureError
        As :func:`nsp_core.search.tune.tune_constants`.

    Examples
    --------
    >>> from nsp_core.dsl.text import parse_program
    >>> from nsp_core.units import parse_unit
    >>> distance = np.tile(np.arange(100, dtype=np.float32), 8)
    >>> series = LabeledSequence("1", distance[:, None], np.zeros(800, np.int8), ("d",), (parse_unit("mm"),), 30.0)
    >>> states = {"anna": [(distance < 34).astype(np.int8)], "ben": [(distance < 28).astype(np.int8)]}
    >>> found = held_out_agreement(parse_program("d < 50 mm"), [series], states)
    >>> found.pooled("anna", "anna").f1, found.pooled("ben", "ben").f1, found.divided
    (1.0, 1.0, 'blocks of time')
    """
    common_states = on_common_frames(sequences, states)
    division = _division(sequences, common_states)
    n_folds = _n_folds(division)
    total = n_folds * (1 + len(states))
    counted: list[Counts] = []
    for fold in range(n_folds):
        trained = [(own >= 0) & (own != fold) for own in division]
        fit_on = {who: labeled_with(sequences, masked(own, trained)) for who, own in common_states.items()}
        programs: dict[str, Condition] = {}
        for whose, fitted in _fitted(program, fit_on, rounds):
            programs[whose] = fitted
            report(AnnotatorFitProgress(fold * (1 + len(states)) + len(programs), total))
        judged = {who: masked(own, [here == fold for here in division]) for who, own in common_states.items()}
        counted.append(program_counts(programs, sequences, judged))
    pairs = _pairs({who: masked(own, [here >= 0 for here in division]) for who, own in common_states.items()})
    whole = all(len(np.unique(own)) == 1 for own in division)
    return HeldOutAgreement(tuple(counted), pairs, "recordings" if whole else "blocks of time")


def program_counts(
    programs: Mapping[str, Condition], sequences: Sequence[LabeledSequence], states: Mapping[str, States]
) -> dict[tuple[str, str], FrameCounts]:
    """Return (whose program, whose labels) -> the labeled frames by label and decision, all sequences together.

    Parameters
    ----------
    programs
        Programs by whose they are.
    sequences
        What they are run on.
    states
        Annotator -> one array (time,) per sequence; only labeled frames count.

    Raises
    ------
    FeatureError
        If the sequences lack a feature that a program names.
    """
    found: dict[tuple[str, str], FrameCounts] = {}
    for whose, program in programs.items():
        predicted = [one.states for one in predict_sequences(program, sequences)]
        for who, own in states.items():
            parts = [count_frames(labels, said) for said, labels in zip(predicted, own, strict=True)]
            found[whose, who] = sum(parts, FrameCounts())
    return found


def kappa_of(counts: FrameCounts) -> float:
    """Return Cohen's kappa, -1 to 1, abstained frames being absent; NaN where both are constant and alike.

    Examples
    --------
    >>> kappa_of(FrameCounts(tp=20, fp=5, fn=7, tn=12, abstained_pos=3, abstained_neg=3))
    0.4
    """
    misses, absences = counts.fn + counts.abstained_pos, counts.tn + counts.abstained_neg
    return Agreement(*(int(number) for number in (counts.tp, counts.fp, misses, absences))).kappa


def score_table(
    found: AnnotatorPrograms, sequences: Sequence[LabeledSequence], states: Mapping[str, States], held: HeldOutAgreement
) -> pd.DataFrame:
    """Return how every program, and every other annotator, agrees with every annotator.

    Parameters
    ----------
    found, sequences, states
        The programs, and what they were fitted to.
    held
        The same on frames that were not fitted to.

    Returns
    -------
    One row per ``kind`` (``own program``, ``program of another``, ``program of all``, ``another annotator``), whose it
    is (``of``; null for that of all) and ``annotator``. Abstained frames count as absent in ``f1`` and ``kappa``;
    ``coverage`` is the share of the others. Columns ending in ``held_out`` are over the frames of all folds, which are
    fewer by the gaps between blocks of time; two annotators are compared on these very frames too.
    ``kappa_worst_fold`` and ``kappa_best_fold`` are the extremes of the folds, NaN of two annotators.

    Raises
    ------
    LabelError
        As :func:`nsp_core.weak.annotator_frames.on_common_frames`.
    """
    common_states = on_common_frames(sequences, states)
    rows: list[tuple[object, ...]] = []
    for (whose, who), counts in program_counts({**found.programs, "": found.common}, sequences, common_states).items():
        kind = "program of all" if not whose else "own program" if whose == who else "program of another"
        known = [kappa for kappa in held.kappas(whose, who) if not math.isnan(kappa)]
        ends = (min(known, default=math.nan), max(known, default=math.nan))
        rows.append((kind, whose or None, who, *_figures(counts), *_figures(held.pooled(whose, who)), *ends))
    for (first, second), frames in _pairs(common_states).items():
        ends = (math.nan, math.nan)
        figures = (*_figures(_as_counts(frames)), *_figures(_as_counts(held.pairs[first, second])))
        rows.append(("another annotator", first, second, *figures, *ends))
    return pd.DataFrame(rows, columns=list(SCORE_DTYPES)).astype(SCORE_DTYPES)


def _fitted(
    program: Condition, fit_on: Mapping[str, Sequence[LabeledSequence]], rounds: int
) -> Iterator[tuple[str, Condition]]:
    """Yield the program fitted to all annotators together, ``""``, and from there to each."""
    everybody = [one for own in fit_on.values() for one in own]
    common = tune_constants(program, ProgramScorer(everybody), rounds=rounds, rough=True).program
    yield "", common
    for who, own in fit_on.items():
        yield who, tune_constants(common, ProgramScorer(own), rounds=rounds).program


def _division(sequences: Sequence[LabeledSequence], states: Mapping[str, States]) -> Folds:
    """Return which fold holds out each frame, such that without each fold every annotator shows both classes."""
    for who, own in states.items():
        # All of them, also those without a label: folds are told by their place.
        labeled = [replace(one, states=labels) for one, labels in zip(sequences, own, strict=True)]
        try:
            division = development_folds(labeled)
        except LabelError as error:
            raise _undivided(f"{error.found}, by {who}") from error
        if all(_trains(others, division) for others in states.values()):
            return division
    raise _undivided("bouts of the annotators in different parts of the data")


def _trains(states: States, division: Folds) -> bool:
    return all(
        shows_both(masked(states, [(own >= 0) & (own != fold) for own in division]))
        for fold in range(_n_folds(division))
    )


def _n_folds(division: Folds) -> int:
    return 1 + max(int(own.max(initial=-1)) for own in division)


def _pairs(states: Mapping[str, States]) -> dict[tuple[str, str], Agreement]:
    """Return every two annotators on the frames that are labeled, which are the same for all."""
    return {
        (first, second): sum(
            (agreement(ours[ours >= 0], theirs[ours >= 0])
             for ours, theirs in zip(states[first], states[second], strict=True)),
            Agreement(),
        )
        for first, second in combinations(states, 2)
    }  # fmt: skip


def _as_counts(frames: Agreement) -> FrameCounts:
    return FrameCounts(frames.both_present, frames.only_first, frames.only_second, frames.both_absent)


def _figures(counts: FrameCounts) -> tuple[object, ...]:
    return int(counts.n), counts.f1, kappa_of(counts), counts.coverage


def _undivided(found: str) -> LabelError:
    return LabelError(
        found=found,
        expected="for every annotator, the behavior and its absence in at least two recordings or two parts of one",
        where="programs of annotators",
        remedy="annotate the behavior in more recordings, or more of this one",
    )
