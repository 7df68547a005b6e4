"""How different two programs are, in what they say and in what they do, and a choice of many that differ.

AutoSWAP finds one labeling function after another and penalizes likeness to those before. Here functions are chosen
among the finished programs of one search: no tree has holes, so distances are exact and its optimistic bonus for holes,
which is not admissible as published, has nothing to correct.

References
----------
Tseng, Sun & Yue 2022, Automatic Synthesis of Diverse Weak Supervision Sources for Behavior Analysis (AutoSWAP), CVPR,
section 3.2, doi:10.1109/CVPR52688.2022.00223.
Zhang & Shasha 1989, Simple fast algorithms for the editing distance between trees and related problems,
doi:10.1137/0218082.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nsp_core.dsl.ast import And, Compare, Condition, Feature, Node, Or, Sum, Vote, Windowed, children
from nsp_core.errors import ProgramError

__all__ = ["DiversityWeights", "choose_diverse", "disagreement", "tree_edit_distance"]

_Label = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DiversityWeights:
    """What likeness to the functions chosen before costs, in the unit of merit (a score from 0 to 1).

    Attributes
    ----------
    structure
        Cost of a program whose mean tree edit distance D to the others is 0; it falls as ``1 / (1 + D)^2``. The
        published ``1 / D^2`` has no value for a program said twice.
    behavior
        Cost of a program that decides every frame as another does; it falls to nothing at a disagreement of chance.
    """

    structure: float = 0.2
    behavior: float = 0.2


def tree_edit_distance(first: Condition, second: Condition) -> int:
    """Return the fewest nodes to insert, delete or relabel until ``first`` reads like ``second``.

    Constants are no structure: programs that differ in thresholds alone are at distance 0. Features, the direction of a
    comparison and the width of a window are. The order of what is joined by ``and``, ``or``, ``+`` or a vote is not.

    Examples
    --------
    >>> from nsp_core.dsl.text import parse_program
    >>> one, other = (parse_program(text) for text in ("speed < 3 mm/s", "speed < 9 mm/s and near < 2 mm"))
    >>> tree_edit_distance(one, other)  # insert: and, a comparison, a feature
    3
    """
    return _distance(_postorder(first), _postorder(second))


def disagreement(first: NDArray[np.int8], second: NDArray[np.int8]) -> float:
    """Return how far two series (frame,) of decisions disagree, as a share of what independent ones would.

    0 where they decide alike, 1 where no more alike than by chance (one minus Cohen's kappa, at most 1). Frames on
    which either abstains are left out; NaN where none remains.

    References
    ----------
    Cohen 1960, A coefficient of agreement for nominal scales, doi:10.1177/001316446002000104.

    Examples
    --------
    >>> decided = np.array([1, 1, 0, 0])
    >>> disagreement(decided, decided), disagreement(decided, np.array([1, 0, 1, -1]))
    (0.0, 1.0)
    """
    both = (first >= 0) & (second >= 0)
    if not both.any():
        return float("nan")
    one, other = first[both] == 1, second[both] == 1
    by_chance = float(one.mean() * (1 - other.mean()) + other.mean() * (1 - one.mean()))
    differing = float((one != other).mean())
    return min(differing / by_chance, 1.0) if by_chance > 0 else 0.0


def choose_diverse(
    programs: Sequence[Condition],
    merits: Sequence[float],
    decisions: NDArray[np.int8],
    *,
    n_functions: int,
    weights: DiversityWeights | None = None,
) -> list[int]:
    """Return which ``programs`` to use, best first: good ones, each unlike those before in structure and behavior.

    Parameters
    ----------
    programs, merits
        The programs, and a held-out score of each, from 0 to 1.
    decisions
        Shape (program, frame): 1, 0, or -1 where a program abstains, on frames nobody labeled.
    n_functions
        Most programs to choose. One that decides every frame as a chosen one does is never chosen.
    weights
        What likeness costs.

    Raises
    ------
    ProgramError
        If there is no program, or ``n_functions`` is not above 0.
    """
    if not programs or n_functions < 1:
        raise ProgramError(
            found=f"{n_functions} labeling functions of {len(programs)} programs",
            expected="at least one of at least one",
            where="labeling functions",
            remedy="ask for more functions, or search for more programs",
        )
    weights = weights or DiversityWeights()
    trees = [_postorder(program) for program in programs]
    penalty = np.zeros(len(programs))
    likest = np.zeros(len(programs))
    distance = np.zeros(len(programs))
    chosen: list[int] = []
    open_ = np.ones(len(programs), dtype=bool)
    while open_.any() and len(chosen) < n_functions:
        value = np.where(open_, np.asarray(merits) - penalty, -np.inf)
        latest = int(np.argmax(value))
        chosen.append(latest)
        open_[latest] = False
        for index in np.flatnonzero(open_):
            apart = np.nan_to_num(disagreement(decisions[index], decisions[latest]), nan=0.0)
            open_[index] = apart > 0
            likest[index] = max(likest[index], 1 - apart)
            distance[index] += _distance(trees[index], trees[latest])
        penalty = weights.structure / (1 + distance / len(chosen)) ** 2 + weights.behavior * likest
    return chosen


def _postorder(program: Condition) -> tuple[tuple[_Label, int], ...]:
    """Return (label, number of nodes in its subtree) of every node, children before parents, left to right."""
    found: list[tuple[_Label, int]] = []

    def visit(node: Node) -> int:
        parts = children(node)
        if isinstance(node, And | Or | Sum | Vote):
            # What is joined has no order: a canonical one, or a program would differ from itself turned round.
            parts = tuple(sorted(parts, key=_reading))
        size = 1 + sum(visit(part) for part in parts)
        found.append((_label(node), size))
        return size

    visit(program)
    return tuple(found)


def _label(node: Node) -> _Label:
    kind = type(node).__name__
    if isinstance(node, Feature):
        return kind, node.name
    if isinstance(node, Compare):
        return kind, node.relation
    if isinstance(node, Windowed):
        return kind, node.statistic, f"{node.width.value:g}", node.side
    return (kind,)


def _reading(node: Node) -> str:
    return "/".join((*_label(node), *sorted(_reading(part) for part in children(node))))


@lru_cache(maxsize=4096)
def _distance(first: tuple[tuple[_Label, int], ...], second: tuple[tuple[_Label, int], ...]) -> int:
    """Return the edit distance of two trees in postorder: dynamic programming over the subtrees of their keyroots."""
    leftmost_first, leftmost_second = _leftmost(first), _leftmost(second)
    of_trees = np.zeros((len(first), len(second)), dtype=np.int64)
    for root_first in _keyroots(leftmost_first):
        for root_second in _keyroots(leftmost_second):
            low, other_low = leftmost_first[root_first], leftmost_second[root_second]
            rows, columns = root_first - low + 2, root_second - other_low + 2
            of_forests = np.zeros((rows, columns), dtype=np.int64)
            of_forests[:, 0], of_forests[0, :] = np.arange(rows), np.arange(columns)
            for row in range(1, rows):
                for column in range(1, columns):
                    node, other = low + row - 1, other_low + column - 1
                    either = min(of_forests[row - 1, column], of_forests[row, column - 1]) + 1
                    whole = leftmost_first[node] == low and leftmost_second[other] == other_low
                    if whole:
                        relabeled = of_forests[row - 1, column - 1] + (first[node][0] != second[other][0])
                        of_forests[row, column] = of_trees[node, other] = min(either, relabeled)
                    else:
                        before = leftmost_first[node] - low, leftmost_second[other] - other_low
                        of_forests[row, column] = min(either, of_forests[before] + of_trees[node, other])
    return int(of_trees[-1, -1])


def _leftmost(tree: Sequence[tuple[_Label, int]]) -> list[int]:
    return [index - size + 1 for index, (_, size) in enumerate(tree)]


def _keyroots(leftmost: Sequence[int]) -> list[int]:
    """Return, ascending, the highest node of each leftmost path."""
    return sorted({low: index for index, low in enumerate(leftmost)}.values())
