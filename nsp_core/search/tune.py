"""Fit the constants of any program, one after the other, on the exact semantics of the text that is printed.

Every candidate is a whole program, scored as it would be printed: nothing is assumed of its shape, so a rule that a
person wrote and one that a search found are fitted alike. One constant at a time is tried over a ladder of values, then
between the best of them and its neighbors, and moved only where the mean of F1 and average precision gains more than a
hair. When a constant inside a number changes, such as the width of a window, the threshold that the number is compared
with is also tried where as many frames pass as before: neither could move alone.

On many frames the ladder is climbed on a sample of blocks, and the best rungs are judged on all frames: only these
decide. What is common to the candidates is computed once (:class:`nsp_core.search.assess.ProgramScorer`).

References
----------
Wright 2015, Coordinate descent algorithms, doi:10.1007/s10107-015-0892-3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nsp_core.dsl.ast import Before, Compare, Condition, Either, Number, Vote, feature_names, walk
from nsp_core.dsl.constants import CONSTANT_KINDS, ConstantKind, ProgramConstant, constants_of, node_at, with_constants
from nsp_core.errors import LabelError, ProgramError
from nsp_core.evaluate.frames import FrameScores
from nsp_core.labels import ABSENT, PRESENT
from nsp_core.search.assess import ProgramScorer
from nsp_core.search.constants import FINE_STEPS, Ladder, NumberValues, ladder_of
from nsp_core.search.judge import Judge, number_values, sampled_blocks
from nsp_core.sequences import LabeledSequence

__all__ = ["TunedProgram", "TuningProgress", "tune_constants"]

ROUNDS = 6
LEAST_GAIN = 5e-4
# All constants together, and never more than was gained: intervals over recordings are many times as wide.
ROUNDING_LOSS = 1e-3
N_REFINEMENTS, N_JUDGED = 2, 3
MOST = 0.9


@dataclass(frozen=True, slots=True)
class TuningProgress:
    """What to show a person who waits: constants done in this round, programs scored, and the best score so far.

    Round 0 is the one in which thresholds that are a rough guess are moved.
    """

    round: int
    rounds: int
    done: int
    total: int
    n_evaluations: int
    merit: float


@dataclass(frozen=True, slots=True)
class TunedProgram:
    """What tuning made of a program.

    Attributes
    ----------
    given, program
        The program before and after; they differ in constants only.
    before, after
        Their scores. The mean of F1 and average precision is never less after than before.
    left_alone
        Constants that could not be tried, and why, in words.
    n_evaluations
        How many programs were scored, on a sample or on all frames.
    stopped_because
        ``complete`` where a round brought nothing more, else what ended it earlier.
    """

    given: Condition
    program: Condition
    before: FrameScores
    after: FrameScores
    left_alone: tuple[tuple[ProgramConstant, str], ...]
    n_evaluations: int
    stopped_because: str

    @property
    def changes(self) -> tuple[tuple[ProgramConstant, ProgramConstant], ...]:
        """Every constant that changed, before and after."""
        pairs = zip(constants_of(self.given), constants_of(self.program), strict=True)
        return tuple((old, new) for old, new in pairs if old.value != new.value)


def tune_constants(
    program: Condition,
    scorer: ProgramScorer,
    *,
    kinds: Collection[ConstantKind] = CONSTANT_KINDS,
    places: Collection[int] | None = None,
    rounds: int = ROUNDS,
    rough: bool = False,
    report: Callable[[TuningProgress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> TunedProgram:
    """Return ``program`` with constants that suit the scorer's sequences better, and never worse.

    Parameters
    ----------
    program
        A type-checked program of any shape.
    scorer
        The sequences to fit on. What it remembers of other programs stays.
    kinds
        Kinds of constants that may change.
    places
        Which constants may change, counted from 0 in the order of :func:`nsp_core.dsl.constants.constants_of`; None
        for all. Of these, those of other ``kinds`` stay.
    rounds
        Most times that every constant is tried.
    rough
        Whether the constants are a first guess, as in a rule that a person wrote. Then thresholds are moved before all
        else, the one that gains most first, and every round looks far and tries more pairs of constants: from far off
        this finds the way more often than any fixed order, at several times the cost.
    report
        Called after every constant.
    should_stop
        Asked before every constant; what has been found by then is returned.

    Returns
    -------
    The tuned program with few digits in each constant that changed. No randomness is involved. In each round at most
    about 60 programs are scored per constant; if ``rough``, 250.

    Raises
    ------
    LabelError
        If the sequences lack labeled frames with, or without, the behavior.
    ProgramError
        If ``places`` or ``rounds`` are impossible.
    FeatureError
        If the sequences lack a feature that the program names.
    """
    chosen = _chosen(program, kinds, places, rounds)
    _require_both_classes(scorer.sequences)
    everything = Judge.of(scorer, program)
    before = scorer.score(program)
    sample = sampled_blocks(scorer.sequences)
    quick = everything if sample is scorer.sequences else Judge.of(ProgramScorer(sample), program)
    tuning = _Tuning(program, chosen, everything, quick, rough)
    if rough:
        tuning.approach(rounds, report, should_stop)
    stopped = tuning.run(rounds, report, should_stop)
    tuning.round_off(program)
    constants = constants_of(program)
    return TunedProgram(
        program,
        tuning.program,
        before,
        everything.settle(tuning.program),
        tuple((constants[place], reason) for place, reason in sorted(tuning.left_alone.items())),
        tuning.n_evaluations,
        stopped,
    )


@dataclass(slots=True)
class _Tuning:
    """A program whose constants are being moved; all frames decide, ``quick`` proposes."""

    program: Condition
    chosen: tuple[int, ...]
    everything: Judge
    quick: Judge
    rough: bool
    round: int = 0
    ladders: dict[int, Ladder] = field(default_factory=dict)
    left_alone: dict[int, str] = field(default_factory=dict)
    values: dict[tuple[Number, bool], NumberValues] = field(default_factory=dict)

    def approach(self, rounds: int, report: Callable[[TuningProgress], None], should_stop: Callable[[], bool]) -> None:
        """Move thresholds from where they are or, of a rule that hardly ever holds, from where the behavior passes."""
        loosened = self._loosened()
        self._approach(rounds, report, should_stop)
        # In a rule that never holds, no threshold gains alone.
        if self.everything.merit(loosened) > self.everything.merit(self.program):
            self._settle(loosened)
            self._approach(rounds, report, should_stop)

    def _approach(self, rounds: int, report: Callable[[TuningProgress], None], should_stop: Callable[[], bool]) -> None:
        """Move each threshold once, the one that gains most first, until none gains any more."""
        waiting = [place for place in self.chosen if constants_of(self.program)[place].kind == "threshold"]
        n_thresholds = len(waiting)
        while waiting and not should_stop():
            steps = [(self._best_move(place), -place) for place in waiting]
            (merit, best), place = max(steps, key=lambda step: (step[0][0], step[1]))
            if merit <= self.everything.merit(self.program) + LEAST_GAIN:
                return
            self._settle(best)
            waiting.remove(-place)
            self._tell(report, 0, rounds, n_thresholds - len(waiting), n_thresholds)

    def _loosened(self) -> Condition:
        """Return the program with every threshold where nine tenths of the values at the behavior pass it."""
        constants = constants_of(self.program)
        values = [constant.value for constant in constants]
        for place in self.chosen:
            constant, node = constants[place], constants[place].node
            found = self._values_for(constant) if constant.kind == "threshold" else None
            if isinstance(node, Compare) and found is not None and found.at_behavior.size and found.spread:
                ladder = Ladder(-math.inf, math.inf, by_factors=False, spread=found.spread)
                share = MOST if node.relation == "<" else 1 - MOST
                values[place] = ladder.rounded(float(np.quantile(found.at_behavior, share)))
        return with_constants(self.program, values)

    def run(self, rounds: int, report: Callable[[TuningProgress], None], should_stop: Callable[[], bool]) -> str:
        """Try every constant until a round brings nothing, and return why it ended."""
        for self.round in range(1, rounds + 1):
            before = self.program
            for done, place in enumerate(self.chosen, start=1):
                if should_stop():
                    return "asked to stop"
                merit, best = self._best_move(place)
                if merit > self.everything.merit(self.program) + LEAST_GAIN:
                    self._settle(best)
                self._tell(report, self.round, rounds, done, len(self.chosen))
            if self.program == before:
                return "complete"
        return f"round limit of {rounds}"

    def _tell(self, report: Callable[[TuningProgress], None], number: int, rounds: int, done: int, total: int) -> None:
        merit = self.everything.merit(self.program)
        report(TuningProgress(number, rounds, done, total, self.n_evaluations, merit))

    @property
    def n_evaluations(self) -> int:
        """Programs scored so far, on the sample or on all frames."""
        return sum(len(judge.known) for judge in self._judges)

    @property
    def _judges(self) -> tuple[Judge, ...]:
        return (self.everything,) if self.quick is self.everything else (self.everything, self.quick)

    def round_off(self, given: Condition) -> None:
        """Make the constants that moved, and those with many digits, as round as they can be.

        All of them together lose at most :data:`ROUNDING_LOSS`, and nothing of what was given.
        """
        least = max(self.everything.merit(given), self.everything.merit(self.program) - ROUNDING_LOSS)
        as_given = [constant.value for constant in constants_of(given)]
        for place, ladder in self.ladders.items():
            constant = constants_of(self.program)[place]
            value = constant.value
            few_digits = value == as_given[place] and ladder.rounded(value) == value
            # A vote is best cut halfway between two sums of its weights, not at a round number.
            if few_digits or (constant.kind == "threshold" and isinstance(constant.node, Vote)):
                continue
            for rounder in ladder.rounder(value):
                program = self._with(place, rounder)
                if self.everything.merit(program) >= least:
                    self._settle(program)
                    break

    def _best_move(self, place: int) -> tuple[float, Condition]:
        """Return the best program with another value of one constant, and its merit over all frames."""
        constant = constants_of(self.program)[place]
        ladder = ladder_of(constant, self._values_for(constant), self.everything.scorer.sequences)
        if isinstance(ladder, str):
            self.left_alone[place] = ladder
            return 0.0, self.program
        self.ladders[place] = ladder
        self.left_alone.pop(place, None)
        promising = self._climbed(place, ladder)
        for judge in self._judges:
            judge.tidy()
        judged = [(self.everything.merit(program), -rank, program) for rank, program in enumerate(promising)]
        merit, _, best = max(judged, default=(0.0, 0, self.program))
        return merit, best

    def _climbed(self, place: int, ladder: Ladder) -> list[Condition]:
        """Return the most promising programs with another value at ``place``, the best first."""
        present = constants_of(self.program)[place].value
        candidates = (*ladder.coarse, *ladder.fine) if self.round < 2 or self.rough else ladder.fine
        tried = {present: self.program, **{value: self._best_with(place, value) for value in candidates}}
        self._refine(tried, ladder, lambda value: self._best_with(place, value))
        first = tried[self._middle_of_best(tried)]
        ranked = sorted(tried.values(), key=lambda program: (program != first, -self.quick.merit(program)))
        least = self.quick.merit(self.program)
        return [program for program in ranked if self.quick.merit(program) > least][:N_JUDGED]

    def _refine(
        self, tried: dict[float, Condition], ladder: Ladder, program_with: Callable[[float], Condition]
    ) -> None:
        """Add to ``tried`` the values between the best one and its neighbors, and again between those."""
        for _ in range(N_REFINEMENTS):
            ordered = sorted(tried)
            at = ordered.index(self._middle_of_best(tried))
            for neighbor in (*ordered[max(at - 1, 0) : at], *ordered[at + 1 : at + 2]):
                value = ladder.midpoint(ordered[at], neighbor)
                if ladder.allows(value) and not any(ladder.same(value, known) for known in tried):
                    tried[value] = program_with(value)

    def _middle_of_best(self, tried: Mapping[float, Condition]) -> float:
        """Return the best value; where several are alike, the one in the middle, farthest from doing worse."""
        best = max(self.quick.merit(program) for program in tried.values())
        alike = [value for value in sorted(tried) if self.quick.merit(tried[value]) == best]
        return alike[len(alike) // 2]

    def _best_with(self, place: int, value: float) -> Condition:
        """Return the program with ``value`` at ``place``; its threshold moves along where that is better."""
        program = self._with(place, value)
        threshold = self._threshold_above(place)
        moved = () if threshold is None else self._threshold_moved(threshold, program)
        return max((program, *moved), key=self.quick.merit)

    def _threshold_moved(self, place: int, program: Condition) -> Collection[Condition]:
        """Return programs whose threshold lets about as many values of its changed number pass as before the change.

        From a rough guess, but beyond the first round, also those with thresholds around it: a number and its threshold
        must often move together, in small steps.
        """
        now, then = (self._values_for(constants_of(one)[place]) for one in (self.program, program))
        if now is None or then is None or not (now.everywhere.size and then.everywhere.size and then.spread):
            return ()
        share = np.searchsorted(now.everywhere, constants_of(program)[place].value) / now.everywhere.size
        matched, spread = float(np.quantile(then.everywhere, share)), then.spread
        ladder = Ladder(-math.inf, math.inf, by_factors=False, spread=spread)
        steps = (0.0, *FINE_STEPS) if self.rough and self.round > 1 else (0.0,)
        values = [ladder.rounded(matched + step * spread) for step in steps]
        tried = {value: self._with(place, value, program) for value in values}
        self._refine(tried, ladder, lambda value: self._with(place, value, program))
        return tried.values()

    def _threshold_above(self, place: int) -> int | None:
        """Return the threshold that may move and whose number holds the constant at ``place``, if there is one."""
        constants = constants_of(self.program)
        path = constants[place].path
        above = [
            index
            for index in self.chosen
            if constants[index].kind == "threshold"
            and isinstance(constants[index].node, Compare)
            and len(constants[index].path) < len(path)
            and constants[index].path == path[: len(constants[index].path)]
        ]
        return max(above, key=lambda index: len(constants[index].path), default=None)

    def _values_for(self, constant: ProgramConstant) -> NumberValues | None:
        """Return the values that a threshold or softness is about; None where there are none."""
        if not isinstance(constant.node, Compare):
            return None
        number = constant.node.child
        if not feature_names(number) or any(isinstance(part, Before) for part in walk(number)):
            return None
        above = (node_at(self.program, constant.path[:depth]) for depth in range(len(constant.path)))
        key = number, any(isinstance(node, Either) for node in above)
        if key not in self.values:
            self.values[key] = number_values(number, self.quick.scorer.sequences, both_orders=key[1])
        return self.values[key]

    def _with(self, place: int, value: float, program: Condition | None = None) -> Condition:
        program = self.program if program is None else program
        values = [constant.value for constant in constants_of(program)]
        values[place] = value
        return with_constants(program, values)

    def _settle(self, program: Condition) -> None:
        self.program = program
        for judge in self._judges:
            judge.settle(program)


def _n_frames(sequences: Sequence[LabeledSequence], state: int) -> int:
    return sum(int((sequence.states == state).sum()) for sequence in sequences)


def _require_both_classes(sequences: Sequence[LabeledSequence]) -> None:
    n_present, n_absent = (_n_frames(sequences, state) for state in (PRESENT, ABSENT))
    if min(n_present, n_absent) == 0:
        raise LabelError(
            found=f"{n_present} frames with the behavior and {n_absent} without",
            expected="some of both",
            where="labels to fit constants on",
            remedy="annotate more, or keep the constants as they are",
        )


def _chosen(
    program: Condition, kinds: Collection[ConstantKind], places: Collection[int] | None, rounds: int
) -> tuple[int, ...]:
    constants = constants_of(program)
    beyond = [place for place in places or () if not 0 <= place < len(constants)]
    if beyond or rounds < 1:
        raise ProgramError(
            found=f"places {beyond}" if beyond else f"{rounds} rounds",
            expected=f"places from 0 to {len(constants) - 1}" if beyond else "at least 1",
            where="tune_constants",
            remedy="count the constants as constants_of lists them" if beyond else "allow one round or more",
        )
    asked = range(len(constants)) if places is None else sorted(set(places))
    return tuple(place for place in asked if constants[place].kind in kinds)
