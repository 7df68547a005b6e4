"""How far a search has come, as a value: it can be saved, shown, plotted, and gone on from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from nsp_core.errors import ProgramError
from nsp_core.search.chains import Chain, Clause
from nsp_core.search.crossfit import HeldOutScore, ScoredChain

__all__ = ["Checkpoint", "Improvement", "NoCheckpoint", "SearchState", "state_from_plain", "state_to_plain"]

STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Improvement:
    """A program better than every one before it, and when it was found.

    Attributes
    ----------
    n_candidates
        Programs fitted until then.
    seconds
        Time spent searching until then, over all runs of a search that was interrupted; None without a clock.
    text
        The program.
    complexity
        Its feature references plus learned constants.
    f1, ap
        Scores of its like on rows they were not fitted on.
    """

    n_candidates: int
    seconds: float | None
    text: str
    complexity: int
    f1: float
    ap: float


@dataclass(frozen=True, slots=True)
class SearchState:
    """What a search knows after a depth.

    Attributes
    ----------
    depth
        Clauses of the longest chains so far.
    beam
        Chains to extend next.
    finalists
        Survivors of all depths, with their held-out scores.
    n_candidates
        Programs fitted.
    seconds
        Time spent; None without a clock.
    trace
        Every improvement, in order.
    stopped
        Why the search ended, or empty while it goes on.
    """

    depth: int = 0
    beam: tuple[Chain, ...] = ()
    finalists: tuple[ScoredChain, ...] = ()
    n_candidates: int = 0
    seconds: float | None = None
    trace: tuple[Improvement, ...] = ()
    stopped: str = ""


class Checkpoint(Protocol):
    """Where a search keeps its state; adapters write it to a file, whole or not at all."""

    def load(self) -> Mapping[str, Any] | None:
        """Return what was saved last, or None."""
        ...

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep ``state``, which is plain JSON, in place of what was saved before."""
        ...


class NoCheckpoint:
    """A checkpoint that forgets."""

    def load(self) -> None:
        """Return nothing."""

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep nothing."""


def state_to_plain(state: SearchState) -> dict[str, Any]:
    """Return ``state`` as plain JSON values; numbers come back to the bit."""
    return {"version": STATE_VERSION, **asdict(state)}


def state_from_plain(plain: Mapping[str, Any]) -> SearchState:
    """Return the state that :func:`state_to_plain` wrote.

    Raises
    ------
    ProgramError
        If it is none, or of another version.
    """
    if plain.get("version") != STATE_VERSION:
        raise ProgramError(
            found=f"a saved search of version {plain.get('version')}",
            expected=f"version {STATE_VERSION}",
            where="saved search",
            remedy="delete it: the search starts anew",
        )
    try:
        return SearchState(
            depth=int(plain["depth"]),
            beam=tuple(_chain(one) for one in plain["beam"]),
            finalists=tuple(
                ScoredChain(_chain(one["chain"]), HeldOutScore(**one["held_out"])) for one in plain["finalists"]
            ),
            n_candidates=int(plain["n_candidates"]),
            seconds=plain["seconds"],
            trace=tuple(Improvement(**one) for one in plain["trace"]),
            stopped=str(plain["stopped"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ProgramError(
            found=f"a saved search that does not fit ({type(error).__name__}: {error})",
            expected="what a search of this version saves",
            where="saved search",
            remedy="delete it: the search starts anew",
        ) from error


def _chain(plain: Mapping[str, Any]) -> Chain:
    clauses = tuple(Clause(**clause) for clause in plain["clauses"])
    return Chain(clauses, bool(plain["either"]), float(plain["loss"]))
