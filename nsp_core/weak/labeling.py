"""Labeling functions: short programs found from a few annotated bouts, different from each other, that may abstain.

One search over the annotated frames leaves many fitted rules. Of these a few are chosen that are good and differ in
what they say and in how they decide frames that nobody labeled. Each abstains where its degree is near one half; how
near is chosen on annotated frames that it was not fitted on.

Notes
-----
AutoSWAP chooses the abstain threshold with the best average precision of the frames that remain, which favors a
function that speaks on easy frames alone. Here it is the one whose votes (present, absent, abstained) tell most about
the state: their mutual information, at the class balance of the recordings rather than that of the chosen bouts.

References
----------
Tseng, Sun & Yue 2022 (AutoSWAP), sections 3.2 and 3.3, doi:10.1109/CVPR52688.2022.00223.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.ast import Condition
from nsp_core.dsl.text import format_program
from nsp_core.labels import ABSENT, PRESENT, UNLABELED
from nsp_core.search.assess import ProgramScorer
from nsp_core.search.beam import SearchProgress
from nsp_core.search.chains import program_of
from nsp_core.search.crossfit import ScoredChain, fit_folds
from nsp_core.search.refine import round_constants
from nsp_core.search.synthesize import Explored, explore_chains
from nsp_core.sequences import LabeledSequence, only_fold
from nsp_core.weak.diversity import DiversityWeights, choose_diverse
from nsp_core.weak.few_bouts import require_fps
from nsp_core.weak.votes import ABSTAINS, VoteSequence

__all__ = ["LabelingFunction", "LabelingFunctions", "LabelingSettings", "find_labeling_functions", "votes_of"]

# Frames between which the decisions of two programs are compared: neighbors decide alike.
COMPARE_EVERY_S = 0.5
ABSTAINED_SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
HALF = 0.5

Degrees = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LabelingSettings:
    """How labeling functions are found.

    Attributes
    ----------
    n_functions
        Most functions to return.
    max_complexity
        Most feature references plus learned constants of a function: short ones, for a few bouts tell little apart.
    width
        Chains of each length that the search extends.
    diversity
        What likeness to other functions costs.
    """

    n_functions: int = 12
    max_complexity: int = 8
    width: int = 18
    diversity: DiversityWeights = field(default_factory=DiversityWeights)


@dataclass(frozen=True, slots=True)
class LabelingFunction:
    """A program that votes present, absent, or not at all.

    Attributes
    ----------
    program
        The rule; its degree is compared with one half.
    margin
        It abstains where its degree is less than this away from one half.
    f1, ap
        Scores of its like on annotated frames they were not fitted on.
    """

    program: Condition
    margin: float
    f1: float
    ap: float

    @property
    def text(self) -> str:
        """The rule as a biologist reads it."""
        return format_program(self.program)

    def votes(self, degree: Degrees) -> NDArray[np.int8]:
        """Return the votes (time,) for degrees (time,) of the program, NaN where the program abstains."""
        sure = np.abs(degree - np.float32(HALF)) >= np.float32(self.margin)
        return np.where(sure & ~np.isnan(degree), degree > HALF, ABSTAINS).astype(np.int8)


@dataclass(frozen=True, slots=True, eq=False)
class LabelingFunctions:
    """Labeling functions and their votes on annotated frames they were not fitted on.

    Attributes
    ----------
    functions
        The functions, the best first.
    held_out
        Votes (time, function) of each fold's copies on the annotated frames of that fold, with the states a person
        gave; all other frames are unlabeled, and their votes count for nothing.
    """

    functions: tuple[LabelingFunction, ...]
    held_out: tuple[VoteSequence, ...]


def find_labeling_functions(
    sequences: Sequence[LabeledSequence],
    share: float,
    *,
    seed: int,
    settings: LabelingSettings | None = None,
    report: Callable[[SearchProgress], None] = lambda progress: None,
) -> LabelingFunctions:
    """Return labeling functions for the labeled behavior, see the module.

    Parameters
    ----------
    sequences
        The recordings with their few annotated frames, weighted to the class balance (see
        :func:`nsp_core.weak.few_bouts.weighted_to_balance`).
    share
        Share of all frames in which the behavior is present, between 0 and 1.
    seed
        Drives the sampling of rows.
    settings
        How they are found.
    report
        Called as the search goes on.

    Raises
    ------
    LabelError
        If the annotated frames lack one of the two classes, hold too little to be divided, or sequences have no frame
        rate.
    """
    settings = settings or LabelingSettings()
    for one in sequences:
        require_fps(one)
    explored = explore_chains(
        sequences, seed=seed, max_complexity=settings.max_complexity, width=settings.width, report=report
    )
    pool = sorted(explored.state.finalists, key=lambda one: -one.held_out.merit)
    programs = _programs(pool, explored)
    decisions = _sampled_decisions(programs, sequences)
    chosen = choose_diverse(
        programs,
        [one.held_out.merit for one in pool],
        decisions,
        n_functions=settings.n_functions,
        weights=settings.diversity,
    )
    held_out = _held_out_degrees([pool[index] for index in chosen], explored)
    functions = []
    for place, index in enumerate(chosen):
        score = pool[index].held_out
        margin = _margin([(part.gold_states, part.degrees[:, place]) for part in held_out], share)
        functions.append(LabelingFunction(programs[index], margin, score.f1, score.ap))
    return LabelingFunctions(
        tuple(functions),
        tuple(_voted(functions, part.sequence, part.degrees, part.index) for part in held_out),
    )


def votes_of(functions: Sequence[LabelingFunction], sequences: Sequence[LabeledSequence]) -> list[VoteSequence]:
    """Return the votes (time, function) of ``functions`` on every frame, with the states that persons gave."""
    scorer = ProgramScorer(sequences)
    by_function = []
    for function in functions:
        by_function.append([prediction.probability for prediction in scorer.predict(function.program)])
        scorer.forget_truths()
    return [
        _voted(functions, one, np.stack([degrees[index] for degrees in by_function], axis=1), index)
        for index, one in enumerate(sequences)
    ]


def _programs(pool: Sequence[ScoredChain], explored: Explored) -> list[Condition]:
    development = explored.development
    return [round_constants(program_of(one.chain, development.scaling, development.columns)) for one in pool]


def _sampled_decisions(programs: Sequence[Condition], sequences: Sequence[LabeledSequence]) -> NDArray[np.int8]:
    """Return decisions (program, frame) on every so many-th frame that no person labeled, or of all where all are."""
    kept = []
    for one in sequences:
        frames = np.arange(0, len(one.states), max(1, round(COMPARE_EVERY_S * require_fps(one))))
        unlabeled = frames[one.gold_states[frames] == UNLABELED]
        kept.append(unlabeled if unlabeled.size else frames)
    scorer = ProgramScorer(sequences)
    decisions = []
    for program in programs:
        predicted = scorer.predict(program)
        decisions.append(np.concatenate([one.states[at] for one, at in zip(predicted, kept, strict=True)]))
        scorer.forget_truths()
    return np.stack(decisions).astype(np.int8)


@dataclass(frozen=True, slots=True, eq=False)
class _HeldOut:
    """Degrees (time, function) of copies fitted without the fold whose annotated frames are left in the sequence."""

    index: int
    sequence: LabeledSequence
    degrees: Degrees

    @property
    def gold_states(self) -> NDArray[np.int8]:
        return self.sequence.gold_states


def _held_out_degrees(chosen: Sequence[ScoredChain], explored: Explored) -> list[_HeldOut]:
    development, settings = explored.development, explored.settings
    chains = [one.chain for one in chosen]
    found: list[_HeldOut] = []
    for fit in fit_folds(chains, development, n_steps=settings.n_polish_steps, loss=settings.loss):
        programs = [round_constants(program_of(one, development.scaling, development.columns)) for one in fit.chains]
        for index, (sequence, own) in enumerate(zip(development.sequences, development.folds, strict=True)):
            parts = only_fold([sequence], [own], fit.fold)
            if parts:
                scorer = ProgramScorer(parts)
                degrees = [scorer.predict(program)[0].probability for program in programs]
                found.append(_HeldOut(index, replace(parts[0], weak=None), np.stack(degrees, axis=1)))
    return found


def _margin(held_out: Sequence[tuple[NDArray[np.int8], Degrees]], share: float) -> float:
    """Return the margin around one half within which to abstain: the votes then tell most about the state."""
    states = np.concatenate([states for states, _ in held_out])
    degree = np.concatenate([degrees for _, degrees in held_out])
    known = (states != UNLABELED) & ~np.isnan(degree)
    states, distance, above = states[known], np.abs(degree[known] - HALF), degree[known] > HALF
    if not ((states == PRESENT).any() and (states == ABSENT).any()):
        return 0.0
    weight = np.where(states == PRESENT, share / (states == PRESENT).sum(), (1 - share) / (states == ABSENT).sum())
    margins = np.unique(np.quantile(distance, ABSTAINED_SHARES))
    margins[0] = 0.0
    told = [_information(states, np.where(distance >= margin, above, ABSTAINS), weight) for margin in margins]
    return float(margins[int(np.argmax(told))])


def _information(states: NDArray[np.int8], votes: NDArray[np.integer], weight: NDArray[np.float64]) -> float:
    """Return the mutual information, in nats, of weighted states and votes (frame,)."""
    joint = np.zeros((2, 3))
    np.add.at(joint, (states.astype(np.int64), votes + 1), weight)
    joint /= joint.sum()
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / independent[seen])).sum())


def _voted(functions: Sequence[LabelingFunction], one: LabeledSequence, degrees: Degrees, index: int) -> VoteSequence:
    votes = np.stack([function.votes(degrees[:, place]) for place, function in enumerate(functions)], axis=1)
    # Their place tells animals and dyads of one recording apart.
    return VoteSequence(one.recording, votes, require_fps(one), one.gold_states, participants=str(index))
