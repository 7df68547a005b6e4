"""Labels of several annotators on the frames that all of them looked at, which is all that is compared or fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nsp_core.bouts import bouts_from_frames
from nsp_core.errors import LabelError
from nsp_core.labels import ABSENT, PRESENT, UNLABELED
from nsp_core.sequences import LabeledSequence
from nsp_core.weak.few_bouts import FEWEST_BOUTS

__all__ = ["States", "labeled_with", "masked", "on_common_frames", "require_bouts", "shows_both"]

States = Sequence[NDArray[np.int8]]
"""One array (time,) per sequence: 1 present, 0 absent, -1 not looked at."""


def on_common_frames(
    sequences: Sequence[LabeledSequence], states: Mapping[str, States]
) -> dict[str, list[NDArray[np.int8]]]:
    """Return the states with all frames unlabeled that somebody did not look at, once they are known to be usable.

    Parameters
    ----------
    sequences
        Features of animals or dyads; their own labels do not matter.
    states
        Annotator -> one array (time,) per sequence.

    Raises
    ------
    LabelError
        If there are fewer than two annotators, states are not those of the sequences, or on the frames that all looked
        at somebody always says the same.
    """
    if len(states) < 2:
        raise _refused(f"labels of {len(states)} annotators", "two or more", "give the labels of another one too")
    lengths = [len(one.states) for one in sequences]
    for who, own in states.items():
        if [len(one) for one in own] != lengths:
            raise _refused(
                f"labels by {who} of {', '.join(str(len(one)) for one in own) or 'no'} frames",
                f"one series per sequence, of {', '.join(map(str, lengths))} frames",
                "give labels in the order of the sequences",
            )
    common = _where_all_looked(states, len(lengths))
    for who, own in common.items():
        if not shows_both(own):
            n_present, n_absent = (sum(int((one == state).sum()) for one in own) for state in (PRESENT, ABSENT))
            raise _refused(
                f"{n_present} frames with the behavior and {n_absent} without by {who}",
                "some of both among the frames that all annotators looked at",
                "annotate more, or leave this annotator out",
            )
    return common


def require_bouts(states: Mapping[str, States], behavior: str, *, least: int = FEWEST_BOUTS) -> None:
    """Raise unless every annotator has ``least`` bouts on the frames that all of them looked at.

    Parameters
    ----------
    states
        Annotator -> one array (time,) per sequence; the same sequences for all.
    behavior
        What it is called, for the error.
    least
        Fewest bouts. Default: as many as held-out scores need.

    Raises
    ------
    LabelError
        If somebody has fewer: the constants fitted to them could not be judged.

    Examples
    --------
    >>> require_bouts({"anna": [np.array([1, 0, 1])], "ben": [np.array([1, 1, -1])]}, "chase", least=1)
    >>> try:
    ...     require_bouts({"anna": [np.array([1, 0, 1])], "ben": [np.array([1, 1, -1])]}, "chase", least=2)
    ... except LabelError as error:
    ...     print(error.found)
    1 bout of chase by anna (ben 1)
    """
    n_sequences = max((len(own) for own in states.values()), default=0)
    common = _where_all_looked(states, n_sequences)
    counts = {who: sum(len(bouts_from_frames(one == PRESENT)) for one in own) for who, own in common.items()}
    who = min(counts, key=lambda name: counts[name])
    if counts[who] >= least:
        return
    others = ", ".join(f"{name} {count}" for name, count in counts.items() if name != who)
    raise LabelError(
        found=f"{counts[who]} bout{'s' if counts[who] != 1 else ''} of {behavior} by {who} ({others})",
        expected=f"at least {least} of every annotator on the frames that all of them looked at",
        where="programs of annotators",
        remedy=f"have {who} annotate {least - counts[who]} more, or leave {who} out",
    )


def masked(states: States, kept: Sequence[NDArray[np.bool_]]) -> list[NDArray[np.int8]]:
    """Return the states with all frames unlabeled but those of the masks (time,) ``kept``."""
    return [np.where(here, own, np.int8(UNLABELED)) for own, here in zip(states, kept, strict=True)]


def shows_both(states: States) -> bool:
    """Return whether some frame is present and some frame is absent."""
    return all(any(bool((own == state).any()) for own in states) for state in (PRESENT, ABSENT))


def labeled_with(sequences: Sequence[LabeledSequence], states: States) -> list[LabeledSequence]:
    """Return the sequences with these states, without those that have no label."""
    pairs = zip(sequences, states, strict=True)
    return [replace(one, states=own) for one, own in pairs if (own != UNLABELED).any()]


def _where_all_looked(states: Mapping[str, States], n_sequences: int) -> dict[str, list[NDArray[np.int8]]]:
    looked_at = [np.all([own[place] != UNLABELED for own in states.values()], axis=0) for place in range(n_sequences)]
    return {who: masked(own, looked_at) for who, own in states.items()}


def _refused(found: str, expected: str, remedy: str) -> LabelError:
    return LabelError(found=found, expected=expected, where="programs of annotators", remedy=remedy)
