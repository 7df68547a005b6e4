"""From feature sequences and labels to a Pareto front of readable programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from nsp_core.dsl.ast import Condition
from nsp_core.errors import ProgramError
from nsp_core.search.beam import BEAM_WIDTH, BeamSettings, Budget, SearchProgress, deepen, first_state
from nsp_core.search.chains import chain_of
from nsp_core.search.development import Development, prepare_development
from nsp_core.search.finish import finish_chains, most_promising
from nsp_core.search.losses import LossName
from nsp_core.search.result import Candidate, SynthesisResult, choose, near_ties, pareto_front, with_intervals
from nsp_core.search.state import Checkpoint, NoCheckpoint, SearchState, state_from_plain, state_to_plain
from nsp_core.sequences import LabeledSequence

__all__ = ["MAX_COMPLEXITY", "Explored", "SearchMethod", "explore_chains", "synthesize_sequences"]

SearchMethod = Literal["beam"]

MAX_COMPLEXITY = 20
COST_OF_CLAUSE = 4


@dataclass(frozen=True, slots=True)
class Explored:
    """Where a search ends: its state, what it learned from, and how.

    Attributes
    ----------
    state
        Its finalists are the survivors of all lengths, with the scores of their like on rows they were not fitted on.
    development, settings
        What they were fitted to, and how.
    """

    state: SearchState
    development: Development
    settings: BeamSettings


def synthesize_sequences(
    development: Sequence[LabeledSequence],
    *,
    seed: int,
    search: SearchMethod = "beam",
    budget: Budget | None = None,
    max_complexity: int = MAX_COMPLEXITY,
    width: int = BEAM_WIDTH,
    loss: LossName = "balanced",
    device: str = "cpu",
    start: Sequence[Condition] = (),
    checkpoint: Checkpoint | None = None,
    clock: Callable[[], float] | None = None,
    report: Callable[[SearchProgress], None] = lambda progress: None,
) -> SynthesisResult:
    """Return the programs that recognize the labeled behavior, judged on recordings they were not fitted on.

    Parameters
    ----------
    development
        Labeled sequences. Each recording is held out once: programs are chosen by the scores of their like, fitted
        without it (see :mod:`nsp_core.search.crossfit`), and fitted to all of them in the end.
    seed
        Drives the sampling of rows; the search itself is deterministic.
    search
        The search method.
    budget
        When to stop early; None runs to completion.
    max_complexity
        Most feature references plus learned constants a program may have.
    width
        Chains of each length that are extended further.
    loss
        What the fit of constants minimizes.
    device
        Where fits are computed, such as ``cpu`` or ``cuda``.
    start
        Programs to start from, such as a rule a person wrote: each is fitted, extended and compared with what is found.
    checkpoint
        Where the search keeps its state after every depth; a search whose state is there goes on from it, and with no
        budget, or one in candidates, ends with the program of an undisturbed run.
    clock
        Returns seconds since some start; times of the trace come from it.
    report
        Called after every few hundred candidates.

    Raises
    ------
    LabelError
        If the labels lack one of the two classes, or hold too little to judge a program by.
    ProgramError
        If ``search`` or ``loss`` is unknown, ``max_complexity`` admits no program, or a program to start from is no
        chain of thresholds on what the search compares.
    """
    _require_known(search=(search, get_args(SearchMethod)))
    explored = explore_chains(
        development,
        seed=seed,
        budget=budget,
        max_complexity=max_complexity,
        width=width,
        loss=loss,
        device=device,
        start=start,
        checkpoint=checkpoint,
        clock=clock,
        report=report,
    )
    state = explored.state
    candidates = _finished(explored, max_complexity, report)
    if not candidates:
        raise ProgramError(
            found=f"max_complexity = {max_complexity}",
            expected=f"at least {COST_OF_CLAUSE}, the cost of one averaged threshold",
            where="synthesize",
            remedy="allow more complex programs",
        )
    chosen, front = choose(candidates, seed=seed), pareto_front(candidates)
    shown = {one.program: with_intervals(one, seed=seed) for one in (*front, chosen)}
    best = shown[chosen.program]
    return SynthesisResult(
        front=tuple(shown[one.program] for one in front),
        best=best,
        alternatives=near_ties(chosen, candidates),
        scores={"program": {"train": best.train, "validation": best.validation}},
        stopped_because=state.stopped,
        n_candidates=state.n_candidates,
        trace=state.trace,
    )


def explore_chains(
    development: Sequence[LabeledSequence],
    *,
    seed: int,
    budget: Budget | None = None,
    max_complexity: int = MAX_COMPLEXITY,
    width: int = BEAM_WIDTH,
    loss: LossName = "balanced",
    device: str = "cpu",
    start: Sequence[Condition] = (),
    checkpoint: Checkpoint | None = None,
    clock: Callable[[], float] | None = None,
    report: Callable[[SearchProgress], None] = lambda progress: None,
) -> Explored:
    """Return where a search ends before programs are finished: chains with held-out scores, and what they saw.

    Parameters and Raises as in :func:`synthesize_sequences`.
    """
    _require_known(loss=(loss, get_args(LossName)))
    begin = 0.0 if clock is None else clock()
    prepared = prepare_development(development, seed=seed, device=device)
    settings = BeamSettings(n_clauses=max(1, max_complexity // COST_OF_CLAUSE), width=width, loss=loss)
    chains = [chain_of(program, prepared.scaling, prepared.columns) for program in start]
    step = partial(
        deepen, development=prepared, settings=settings, budget=budget or Budget(), start=chains, report=report
    )
    elapsed = None if clock is None else lambda: clock() - begin
    state = _searched(
        first_state(prepared, None if clock is None else 0.0), step, checkpoint or NoCheckpoint(), elapsed
    )
    return Explored(state, prepared, settings)


def _require_known(**choices: tuple[str, tuple[str, ...]]) -> None:
    for name, (given, known) in choices.items():
        if given not in known:
            raise ProgramError(
                found=f"{name} = '{given}'",
                expected=" or ".join(known),
                where="synthesize",
                remedy="choose one of them",
            )


def _searched(
    state: SearchState,
    step: Callable[..., SearchState],
    checkpoint: Checkpoint,
    elapsed: Callable[[], float] | None,
) -> SearchState:
    """Return the state in which the search ends, going on from a saved one if there is any."""
    saved = checkpoint.load()
    if saved is not None:
        state = state_from_plain(saved)
    spent = state.seconds or 0.0
    while not state.stopped:
        state = step(state, clock=None if elapsed is None else lambda: spent + elapsed())
        # A search that was told to stop may be told to go on: what it saw is kept, but not that it stopped.
        if state.stopped in ("", "complete"):
            checkpoint.save(state_to_plain(state))
    return state


def _finished(explored: Explored, max_complexity: int, report: Callable[[SearchProgress], None]) -> list[Candidate]:
    state, settings = explored.state, explored.settings
    best = state.trace[-1] if state.trace else None

    def refined(done: int, total: int) -> None:
        text, f1 = (best.text, best.f1) if best else ("", float("nan"))
        report(SearchProgress("refine", done, total, state.n_candidates, text, f1))

    return finish_chains(
        [one.chain for one in most_promising(state.finalists)],
        explored.development,
        max_complexity=max_complexity,
        n_steps=settings.n_polish_steps,
        loss=settings.loss,
        report=refined,
    )
